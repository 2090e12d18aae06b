#include "sensor/capture/pcapng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/build.h"

enum {
    ETHERNET = 1,
    RAW = 101,
    SECTION = 0x0a0d0d0a,
    INTERFACE = 1,
    OLD_PACKET = 2,
    SIMPLE = 3,
    ENHANCED = 6
};

/* A file in the making, in either byte order. */
struct making {
    bool little;
    size_t n;
    uint8_t bytes[8192];
};

static void put(struct making *m, uint64_t v, unsigned width)
{
    for (unsigned i = 0; i < width; i++)
        m->bytes[m->n++] = (uint8_t)(v >> 8 * (m->little ? i : width - 1 - i));
}

static void put_bytes(struct making *m, const char *text)
{
    memcpy(m->bytes + m->n, text, strlen(text));
    m->n += strlen(text);
    while (m->n % 4 != 0)
        m->bytes[m->n++] = 0;
}

static size_t open_block(struct making *m, uint32_t type)
{
    size_t start = m->n;
    put(m, type, 4);
    put(m, 0, 4);
    return start;
}

static void close_block(struct making *m, size_t start)
{
    size_t end = m->n;
    put(m, end + 4 - start, 4);
    m->n = start + 4;
    put(m, end + 4 - start, 4);
    m->n = end + 4;
}

static void put_section(struct making *m)
{
    size_t block = open_block(m, SECTION);
    put(m, 0x1a2b3c4d, 4);
    put(m, 1, 2);
    put(m, 0, 2);
    put(m, UINT64_MAX, 8);
    close_block(m, block);
}

static void put_interface(struct making *m, unsigned link_type, uint32_t snaplen, int tsresol, int64_t offset)
{
    size_t block = open_block(m, INTERFACE);
    put(m, link_type, 2);
    put(m, 0, 2);
    put(m, snaplen, 4);
    put(m, 2, 2); /* if_name */
    put(m, 4, 2);
    put_bytes(m, "eth0");
    if (tsresol >= 0) {
        put(m, 9, 2);
        put(m, 1, 2);
        put(m, (uint64_t)tsresol, 1);
        put(m, 0, 3);
    }
    put(m, 14, 2); /* if_tsoffset */
    put(m, 8, 2);
    put(m, (uint64_t)offset, 8);
    put(m, 0, 4);
    close_block(m, block);
}

static void put_enhanced(struct making *m, uint32_t interface, uint64_t units, const char *data,
                         uint32_t wire)
{
    size_t block = open_block(m, ENHANCED);
    put(m, interface, 4);
    put(m, units >> 32, 4);
    put(m, units & 0xffffffff, 4);
    put(m, strlen(data), 4);
    put(m, wire, 4);
    put_bytes(m, data);
    close_block(m, block);
}

struct reading {
    FILE *stream;
    uint8_t *copy;
    struct pcapng *ng;
};

static struct reading start(const struct making *m, size_t n)
{
    struct reading r = {.copy = build_exact(m->bytes, n)};
    r.stream = n > 0 ? fmemopen(r.copy, n, "r") : fopen("/dev/null", "r");
    assert_non_null(r.stream);
    r.ng = pcapng_open(r.stream);
    assert_non_null(r.ng);
    return r;
}

static void finish(struct reading *r)
{
    pcapng_close(r->ng);
    (void)fclose(r->stream);
    free(r->copy);
}

static void assert_frame(struct reading *r, const char *data, uint32_t wire, uint64_t time_ns, int link_type)
{
    struct source_frame frame;
    assert_int_equal(pcapng_next(r->ng, &frame), PCAPNG_FRAME);
    assert_true(span_equal(frame.bytes, span_text(data)));
    assert_int_equal(frame.wire_bytes, wire);
    assert_true(frame.time_ns == time_ns);
    assert_int_equal(frame.link_type, link_type);
}

static void assert_broken(const struct making *m, size_t n, uint64_t offset, const char *words)
{
    struct source_frame frame;
    struct reading r = start(m, n);
    enum pcapng_result got;
    do
        got = pcapng_next(r.ng, &frame);
    while (got == PCAPNG_FRAME);
    assert_int_equal(got, PCAPNG_BROKEN);
    assert_true(pcapng_offset(r.ng) == offset);
    assert_non_null(strstr(pcapng_fault(r.ng), words));
    finish(&r);
}

static void test_pcapng_frames_in_both_byte_orders(void **state)
{
    (void)state;
    for (unsigned little = 0; little < 2; little++) {
        struct making m = {.little = little};
        put_section(&m);
        put_interface(&m, ETHERNET, 65535, -1, 0);
        put_enhanced(&m, 0, 1700000000000001, "one", 3);
        close_block(&m, open_block(&m, 5)); /* statistics, passed over */
        put_enhanced(&m, 0, 1700000000000002, "", 1500);
        struct reading r = start(&m, m.n);
        struct source_frame frame;
        assert_frame(&r, "one", 3, 1700000000000001000, ETHERNET);
        assert_frame(&r, "", 1500, 1700000000000002000, ETHERNET);
        assert_int_equal(pcapng_next(r.ng, &frame), PCAPNG_END);
        finish(&r);
    }
}

static void test_pcapng_interfaces_of_different_links_mix(void **state)
{
    (void)state;
    struct making m = {.little = true};
    put_section(&m);
    put_interface(&m, ETHERNET, 65535, -1, 0);
    put_interface(&m, RAW, 100, 9, 0);
    put_enhanced(&m, 1, 1700000000000000007, "raw", 3);
    put_enhanced(&m, 0, 1700000000000000, "ethernet", 8);
    m.little = false; /* a second section, of another machine */
    put_section(&m);
    put_interface(&m, RAW, 0, 0, 0);
    put_enhanced(&m, 0, 1700000001, "later", 5);
    struct reading r = start(&m, m.n);
    assert_frame(&r, "raw", 3, 1700000000000000007, RAW);
    assert_frame(&r, "ethernet", 8, 1700000000000000000, ETHERNET);
    assert_frame(&r, "later", 5, 1700000001000000000, RAW);
    finish(&r);
}

static void test_pcapng_time_resolutions_become_nanoseconds(void **state)
{
    (void)state;
    static const struct {
        int tsresol;
        uint64_t units;
        int64_t offset;
        uint64_t time_ns;
    } rows[] = {
        {0, 1700000000, 0, 1700000000000000000},
        {3, 1700000000123, 0, 1700000000123000000},
        {6, 1700000000123456, -3600, 1699996400123456000},
        {9, 1700000000123456789, 7, 1700000007123456789},
        {12, 1700000123456789012, 0, 1700000123456789},
        {0x80 | 20, (1000ull << 20) | 1 << 19, 0, 1000500000000},
        {0x80 | 40, (1000ull << 40) | 1ull << 39, 0, 1000500000000},
        {0x80 | 63, 1ull << 62, 0, 500000000},
        {0x80 | 64, 1700000000000000, 0, 1700000000000000000}, /* cannot be: taken as microseconds */
        {20, 1700000000000000, 0, 1700000000000000000},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct making m = {.little = true};
        put_section(&m);
        put_interface(&m, ETHERNET, 65535, rows[i].tsresol, rows[i].offset);
        put_enhanced(&m, 0, rows[i].units, "x", 1);
        struct reading r = start(&m, m.n);
        assert_frame(&r, "x", 1, rows[i].time_ns, ETHERNET);
        finish(&r);
    }
}

static void test_pcapng_simple_and_obsolete_packets_are_read(void **state)
{
    (void)state;
    struct making m = {.little = true};
    put_section(&m);
    put_interface(&m, ETHERNET, 4, -1, 0);
    size_t block = open_block(&m, OLD_PACKET);
    put(&m, 0, 2);
    put(&m, 0xffff, 2);
    put(&m, 0, 4);
    put(&m, 5000000, 4);
    put(&m, 3, 4);
    put(&m, 9, 4);
    put_bytes(&m, "old");
    close_block(&m, block);
    block = open_block(&m, SIMPLE);
    put(&m, 9, 4);
    put_bytes(&m, "four");
    close_block(&m, block);
    struct reading r = start(&m, m.n);
    assert_frame(&r, "old", 9, 5000000000, ETHERNET);
    assert_frame(&r, "four", 9, 5000000000, ETHERNET); /* no time of its own: that of the one before */
    finish(&r);
}

static void test_pcapng_cut_at_every_byte_says_where(void **state)
{
    (void)state;
    struct making m = {.little = true};
    put_section(&m);
    put_interface(&m, ETHERNET, 65535, -1, 0);
    put_enhanced(&m, 0, 1, "first", 5);
    size_t last = m.n;
    put_enhanced(&m, 0, 2, "second", 6);
    for (size_t n = last + 1; n < m.n; n++)
        assert_broken(&m, n, last, "the file ends inside a block");
    for (size_t n = 1; n < last; n++) { /* anywhere: an end or a fault, never a crash */
        struct reading r = start(&m, n);
        struct source_frame frame;
        while (pcapng_next(r.ng, &frame) == PCAPNG_FRAME)
            ;
        finish(&r);
    }
}

static void test_pcapng_contradictions_are_broken(void **state)
{
    (void)state;
    struct making m = {.little = true};
    put_section(&m);
    put_interface(&m, ETHERNET, 65535, -1, 0);
    size_t last = m.n;
    put_enhanced(&m, 0, 1, "data", 4);
    struct making bad = m;
    bad.bytes[last + 8] = 1; /* interface 1 of 1 */
    assert_broken(&bad, bad.n, last, "not described");
    bad = m;
    bad.bytes[last + 20] = 5; /* five bytes captured in a block of four */
    assert_broken(&bad, bad.n, last, "longer than its block");
    bad = m;
    bad.bytes[bad.n - 4] ^= 4;
    assert_broken(&bad, bad.n, last, "two lengths differ");
    bad = m;
    bad.bytes[last + 4] = 8;
    assert_broken(&bad, bad.n, last, "cannot be");
    bad.bytes[last + 7] = 0x10; /* 256 MiB */
    assert_broken(&bad, bad.n, last, "16 MiB");
    bad = m;
    bad.bytes[8] = 0;
    assert_broken(&bad, bad.n, 0, "byte-order mark");
}

static void test_pcapng_random_damage_never_crashes(void **state)
{
    (void)state;
    struct making good = {.little = true};
    put_section(&good);
    put_interface(&good, ETHERNET, 65535, 9, 1);
    put_enhanced(&good, 0, 1, "some data", 9);
    put_enhanced(&good, 0, 2, "more data", 9);
    uint32_t random = 1;
    for (unsigned round = 0; round < 20000; round++) {
        struct making m = good;
        for (unsigned i = 0; i < 3; i++) {
            random = random * 1664525u + 1013904223u;
            m.bytes[(random >> 8) % m.n] = (uint8_t)(random >> 24);
        }
        struct reading r = start(&m, m.n);
        struct source_frame frame;
        while (pcapng_next(r.ng, &frame) == PCAPNG_FRAME)
            ;
        finish(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pcapng_frames_in_both_byte_orders),
        cmocka_unit_test(test_pcapng_interfaces_of_different_links_mix),
        cmocka_unit_test(test_pcapng_time_resolutions_become_nanoseconds),
        cmocka_unit_test(test_pcapng_simple_and_obsolete_packets_are_read),
        cmocka_unit_test(test_pcapng_cut_at_every_byte_says_where),
        cmocka_unit_test(test_pcapng_contradictions_are_broken),
        cmocka_unit_test(test_pcapng_random_damage_never_crashes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
