#include "sensor/capture/source.h"

#include <setjmp.h>
#include <stdarg.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "tests/capture_file.h"

enum { RAW = 101 };

static void test_source_pcap_in_four_variants(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        struct making m = {.little = i & 1};
        bool nano = i & 2;
        put_header(&m, nano ? 0xa1b23c4d : 0xa1b2c3d4, CAPTURE_ETHERNET);
        put_record(&m, 1700000000, 123456, span_text("frame"), 1500);
        put_record(&m, 0xf0000000, 1, span_text(""), 0); /* after 2038 */
        struct source *s = open_good(save("a.pcap", m.bytes, m.n), "");
        struct source_frame frame;
        assert_int_equal(source_next(s, &frame), SOURCE_FRAME);
        assert_true(span_equal(frame.bytes, span_text("frame")));
        assert_int_equal(frame.wire_bytes, 1500);
        assert_true(frame.time_ns == 1700000000000000000 + (nano ? 123456u : 123456000u));
        assert_int_equal(frame.link_type, CAPTURE_ETHERNET);
        assert_int_equal(source_next(s, &frame), SOURCE_FRAME);
        assert_true(frame.time_ns == 0xf0000000 * 1000000000ull + (nano ? 1 : 1000));
        assert_int_equal(frame.bytes.n, 0);
        uint64_t done, total;
        source_progress(s, &done, &total);
        assert_true(done == m.n && total == m.n);
        assert_int_equal(source_next(s, &frame), SOURCE_END);
        assert_int_equal(source_next(s, &frame), SOURCE_END);
        struct source_stats stats;
        source_stats(s, &stats);
        assert_true(stats.kernel_received == 0 && stats.kernel_dropped == 0);
        source_close(s);
    }
}

static void test_source_pcapng_is_read(void **state)
{
    (void)state;
    static const uint8_t
        bytes[] = {0x0a, 0x0d, 0x0d, 0x0a, 0,    0,    0,    28,   0x1a, 0x2b, 0x3c, 0x4d, 0,  1,   0,
                   0,    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0,    0,    0,    28, /* section */
                   0,    0,    0,    1,    0,    0,    0,    20,   0,    1,    0,    0,    0,  0,   0,
                   0,    0,    0,    0,    20, /* Ethernet */
                   0,    0,    0,    1,    0,    0,    0,    20,   0,    105,  0,    0,    0,  0,   1,
                   0,    0,    0,    0,    20, /* wireless */
                   0,    0,    0,    6,    0,    0,    0,    36,   0,    0,    0,    0,    0,  0,   0,
                   0,    0,    0,    0,    7,    0,    0,    0,    4,    0,    0,    0,    4,  'e', 't',
                   'h',  'r',  0,    0,    0,    36, /* a packet of each */
                   0,    0,    0,    6,    0,    0,    0,    36,   0,    0,    0,    1,    0,  0,   0,
                   0,    0,    0,    0,    8,    0,    0,    0,    4,    0,    0,    0,    4,  'w', 'i',
                   'f',  'i',  0,    0,    0,    36};
    struct source *s = open_good(save("a.pcapng", bytes, sizeof bytes), "");
    struct source_frame frame;
    assert_int_equal(source_next(s, &frame), SOURCE_FRAME);
    assert_true(frame.time_ns == 7000 && frame.link_type == CAPTURE_ETHERNET);
    assert_string_equal(source_note(s), "");
    assert_int_equal(source_next(s, &frame), SOURCE_FRAME);
    assert_int_equal(frame.link_type, 105);
    assert_non_null(strstr(source_note(s), "frames of link type 105"));
    assert_string_equal(source_note(s), ""); /* once */
    assert_int_equal(source_next(s, &frame), SOURCE_END);
    source_close(s);
    unsigned broken;
    save("a.pcapng", bytes, sizeof bytes - 3);
    assert_int_equal(count_frames(path_of("a.pcapng"), "", &broken), 1);
    assert_int_equal(broken, 1);
    assert_non_null(strstr(error, "/a.pcapng: broken at byte 104: the file ends inside a block; "));
}

static void test_source_cut_in_the_last_record_says_where(void **state)
{
    (void)state;
    struct making m;
    size_t last;
    unsigned broken;
    put_mail(&m, &last);
    for (size_t n = last; n <= m.n; n++) {
        unsigned frames = count_frames(save("cut.pcap", m.bytes, n), "", &broken);
        assert_int_equal(frames, n == m.n ? 2 : 1);
        assert_int_equal(broken, n == last || n == m.n ? 0 : 1);
        char words[128];
        snprintf(words, sizeof words,
                 "/cut.pcap: broken at byte %zu: the file ends inside a packet record; what came", last);
        if (broken > 0)
            assert_non_null(strstr(error, words));
    }
    for (size_t n = 1; n < CAPTURE_FILE_HEADER; n++)
        assert_refused(save("cut.pcap", m.bytes, n), "", n < 4 ? "no capture" : "truncated dump file");
}

static void test_source_offset_survives_filters_and_clipped_records(void **state)
{
    (void)state;
    static const uint8_t oversize[70000];
    static struct making m;
    unsigned broken;
    m.little = true;
    put_header(&m, 0xa1b2c3d4, CAPTURE_ETHERNET);
    m.bytes[16] = 100; /* a snap length that the next record does not keep */
    m.bytes[17] = 0;
    put_record(&m, 1, 1, span_of(oversize, 300), 300);
    put_record(&m, 1, 1, span_of(oversize, 50), 50);
    size_t last = m.n;
    put_record(&m, 1, 1, span_text("last"), 4);
    assert_int_equal(count_frames(save("a.pcap", m.bytes, m.n - 1), "tcp port 25", &broken), 0);
    char words[64];
    snprintf(words, sizeof words, "broken at byte %zu:", last);
    assert_int_equal(broken, 1);
    assert_non_null(strstr(error, words));
}

static void test_source_absurd_lengths_are_broken(void **state)
{
    (void)state;
    static const uint32_t lengths[] = {0x00100000, 0x7fffffff, 0x80000000, 0xffffffff};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        struct making m;
        size_t last;
        unsigned broken;
        put_mail(&m, &last);
        m.n = last + 8;
        put(&m, lengths[i], 4);
        m.n += 60;
        assert_int_equal(count_frames(save("a.pcap", m.bytes, m.n), "", &broken), 1);
        assert_int_equal(broken, 1);
        assert_non_null(strstr(error, "broken at byte"));
    }
}

static void test_source_what_is_no_capture_is_refused(void **state)
{
    (void)state;
    struct making m;
    assert_refused(save("empty", "", 0), "", "/empty: the file is empty");
    assert_refused(save("text", "Received: from", 14), "", "/text: this is no capture (pcap or pcapng)");
    assert_refused(path_of("missing"), "", "/missing: No such file or directory");
    m.little = true;
    put_header(&m, 0xa1b2c3d4, 105);
    assert_refused(save("wifi.pcap", m.bytes, m.n), "", "frames of link type 105 (IEEE802_11) are not read");
}

static void test_source_filter_lets_matching_frames_pass(void **state)
{
    (void)state;
    struct making m;
    size_t last;
    unsigned broken;
    put_mail(&m, &last);
    const char *path = save("a.pcap", m.bytes, m.n);
    assert_int_equal(count_frames(path, "tcp port 25", &broken), 1);
    assert_int_equal(count_frames(path, "(tcp port 25) or (vlan and (tcp port 25))", &broken), 2);
    assert_int_equal(count_frames(path, "tcp port 26", &broken), 0);
    assert_refused(path, "tcp prt 25", "the filter is not accepted: ");
    assert_true(source_filter_valid("", error));
    assert_true(source_filter_valid("tcp port 25", error));
    assert_false(source_filter_valid("host", error));
}

static void test_source_filter_with_tags_serves_links_without(void **state)
{
    (void)state;
    struct making m = {.little = true};
    struct frame f;
    unsigned broken;
    put_header(&m, 0xa1b2c3d4, RAW);
    frame_mail_4(&f, "x");
    put_record(&m, 1, 1, frame_span(&f), 41);
    const char *path = save("raw.pcap", m.bytes, m.n);
    assert_int_equal(count_frames(path, "(tcp port 25) or (vlan and (tcp port 25))", &broken), 1);
    assert_int_equal(count_frames(path, "(tcp port 26) or (vlan and (tcp port 25))", &broken), 0);
    struct source *s = open_good(path, "ether host 02:00:00:00:00:01");
    struct source_frame frame;
    assert_int_equal(source_next(s, &frame), SOURCE_END);
    assert_non_null(strstr(source_note(s), "no frame of link type 12 is taken"));
    source_close(s);
}

/* A loopback capture from macOS, where IPv6 is family 30; libpcap on Linux would look for 10. */
static void test_source_filter_finds_ipv6_of_other_systems(void **state)
{
    (void)state;
    static const uint32_t families[] = {10, 24, 28, 30, 30u << 24};
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++) {
        struct making m = {.little = true};
        struct frame f;
        unsigned broken;
        put_header(&m, 0xa1b2c3d4, 0);
        frame_mail_6(&f, "x");
        frame_u32(&f, families[i]);
        put_record(&m, 1, 1, frame_span(&f), (uint32_t)frame_span(&f).n);
        const char *path = save("null.pcap", m.bytes, m.n);
        assert_int_equal(count_frames(path, "(tcp port 25) or (vlan and (tcp port 25))", &broken), 1);
        assert_int_equal(count_frames(path, "tcp port 26", &broken), 0);
    }
}

static void test_source_folder_is_read_in_name_order(void **state)
{
    (void)state;
    struct making m;
    size_t last;
    char sub[128];
    snprintf(sub, sizeof sub, "%s/sub", folder);
    assert_int_equal(mkdir(sub, 0700), 0);
    assert_refused(sub, "", "/sub: the folder holds no capture");
    put_mail(&m, &last);
    save("sub/B.cap", m.bytes, last);
    save("sub/a.pcap", m.bytes, m.n - 1); /* broken: its first frame, then the next file */
    save("sub/c", m.bytes, m.n);
    save("sub/b.txt", "text", 4);
    save("sub/empty", "", 0);
    unsigned broken;
    assert_int_equal(count_frames(sub, "", &broken), 4);
    assert_int_equal(broken, 1);
    assert_non_null(strstr(error, "/sub/a.pcap: broken at byte"));
    struct source *s = open_good(sub, "");
    assert_non_null(strstr(source_note(s), "/sub: passed over, no captures: b.txt, empty"));
    source_close(s);
    static const char *const names[] = {"sub/B.cap", "sub/a.pcap", "sub/c", "sub/b.txt", "sub/empty", "sub"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        assert_int_equal(remove(path_of(names[i])), 0);
}

static void test_source_random_bytes_never_crash(void **state)
{
    (void)state;
    uint32_t random = 7;
    for (unsigned round = 0; round < 500; round++) {
        struct making m;
        size_t last;
        unsigned broken;
        put_mail(&m, &last);
        for (unsigned i = 0; i < 4; i++) {
            random = random * 1664525u + 1013904223u;
            m.bytes[(random >> 8) % m.n] = (uint8_t)(random >> 24);
        }
        struct source *s = source_open_file(save("random", m.bytes, m.n), "", error);
        source_close(s);
        if (s != NULL)
            (void)count_frames(path_of("random"), "tcp", &broken);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_source_pcap_in_four_variants),
        cmocka_unit_test(test_source_pcapng_is_read),
        cmocka_unit_test(test_source_cut_in_the_last_record_says_where),
        cmocka_unit_test(test_source_offset_survives_filters_and_clipped_records),
        cmocka_unit_test(test_source_absurd_lengths_are_broken),
        cmocka_unit_test(test_source_what_is_no_capture_is_refused),
        cmocka_unit_test(test_source_filter_lets_matching_frames_pass),
        cmocka_unit_test(test_source_filter_with_tags_serves_links_without),
        cmocka_unit_test(test_source_filter_finds_ipv6_of_other_systems),
        cmocka_unit_test(test_source_folder_is_read_in_name_order),
        cmocka_unit_test(test_source_random_bytes_never_crash),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
