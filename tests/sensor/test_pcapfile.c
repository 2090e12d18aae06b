/* The reader of common pcap files: records that cross its reads, its limits, and what it leaves to libpcap. */
#include "sensor/capture/source.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/capture_file.h"

enum { RECORD_CAP_BYTES = 262144, RECORD_HEADER_BYTES = 16 };

/* More than one window, in memory of its own. */
struct large {
    uint8_t *bytes;
    size_t n;
};

static void append(struct large *l, const void *bytes, size_t n)
{
    l->bytes = realloc(l->bytes, l->n + n);
    assert_non_null(l->bytes);
    memcpy(l->bytes + l->n, bytes, n);
    l->n += n;
}

static void append_record(struct large *l, uint32_t number, size_t n)
{
    static uint8_t data[RECORD_CAP_BYTES + 1];
    const uint32_t header[4] = {number, 0, (uint32_t)n, (uint32_t)n}; /* in the order of this machine */
    memset(data, (int)(number % 251), n);
    append(l, header, sizeof header);
    append(l, data, n);
}

static void append_header(struct large *l, uint32_t snaplen)
{
    const uint32_t header[6] = {0xa1b2c3d4, 0, 0, 0, snaplen, CAPTURE_ETHERNET};
    const uint16_t version[2] = {2, 4};
    append(l, header, sizeof header);
    memcpy(l->bytes + 4, version, sizeof version);
}

static size_t size_of(uint32_t number)
{
    return number % 97 == 13 ? RECORD_CAP_BYTES - number % 5 : number * 7919 % 1600;
}

static void test_pcapfile_records_of_all_sizes_come_whole(void **state)
{
    enum { RECORDS = 1000 };
    (void)state;
    struct large l = {0};
    append_header(&l, RECORD_CAP_BYTES);
    for (uint32_t i = 0; i < RECORDS; i++)
        append_record(&l, i, size_of(i));
    struct source *s = open_good(save("large.pcap", l.bytes, l.n), "");
    struct source_frame frame;
    for (uint32_t i = 0; i < RECORDS; i++) {
        assert_int_equal(source_next(s, &frame), SOURCE_FRAME);
        assert_int_equal(frame.time_ns / 1000000000, i);
        assert_int_equal(frame.bytes.n, size_of(i));
        for (size_t at = 0; at < frame.bytes.n; at += 509)
            assert_int_equal(span_byte(frame.bytes, at), i % 251);
        if (frame.bytes.n > 0)
            assert_int_equal(span_byte(frame.bytes, frame.bytes.n - 1), i % 251);
    }
    assert_int_equal(source_next(s, &frame), SOURCE_END);
    source_close(s);
    free(l.bytes);
}

/* Cut at every place near the end of the first window, and in the header of a record: never a byte too many. */
static void test_pcapfile_cut_anywhere_says_which_record_broke(void **state)
{
    (void)state;
    struct large l = {0};
    append_header(&l, 65535);
    size_t last = 0;
    while (l.n < 262144 + 40) {
        last = l.n;
        append_record(&l, 1, 30);
    }
    size_t before = last - RECORD_HEADER_BYTES - 30;
    for (size_t cut = before; cut < l.n; cut++) {
        const char *path = save("cut.pcap", l.bytes, cut);
        struct source *s = open_good(path, "");
        struct source_frame frame;
        enum source_result got;
        while ((got = source_next(s, &frame)) == SOURCE_FRAME)
            assert_int_equal(frame.bytes.n, 30);
        bool whole = cut == before || cut == last;
        assert_int_equal(got, whole ? SOURCE_END : SOURCE_BROKEN);
        char words[64];
        snprintf(words, sizeof words, "broken at byte %zu: the file ends", cut > last ? last : before);
        assert_true(whole || strstr(source_error(s), words) != NULL);
        source_close(s);
    }
    free(l.bytes);
}

static void test_pcapfile_longer_than_the_snap_length_is_clipped(void **state)
{
    (void)state;
    struct large l = {0};
    append_header(&l, 60);
    append_record(&l, 1, 100);
    append_record(&l, 2, 60);
    append_record(&l, 3, RECORD_CAP_BYTES + 1);
    struct source *s = open_good(save("clip.pcap", l.bytes, l.n), "");
    struct source_frame frame;
    assert_int_equal(source_next(s, &frame), SOURCE_FRAME);
    assert_int_equal(frame.bytes.n, 60);
    assert_int_equal(frame.wire_bytes, 100);
    assert_int_equal(source_next(s, &frame), SOURCE_FRAME);
    assert_int_equal(frame.bytes.n, 60);
    assert_int_equal(frame.time_ns / 1000000000, 2);
    assert_int_equal(source_next(s, &frame), SOURCE_BROKEN);
    assert_non_null(strstr(source_error(s), "more than 262144 bytes"));
    source_close(s);
    free(l.bytes);
}

/* An old version, where the two lengths of a record may be swapped: libpcap knows these. */
static void test_pcapfile_other_shapes_are_read_all_the_same(void **state)
{
    (void)state;
    struct large l = {0};
    append_header(&l, 65535);
    const uint16_t version[2] = {2, 3};
    memcpy(l.bytes + 4, version, sizeof version);
    append_record(&l, 7, 64);
    struct source *s = open_good(save("old.pcap", l.bytes, l.n), "");
    struct source_frame frame;
    assert_int_equal(source_next(s, &frame), SOURCE_FRAME);
    assert_int_equal(frame.bytes.n, 64);
    assert_int_equal(frame.time_ns / 1000000000, 7);
    assert_int_equal(source_next(s, &frame), SOURCE_END);
    source_close(s);
    free(l.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pcapfile_records_of_all_sizes_come_whole),
        cmocka_unit_test(test_pcapfile_cut_anywhere_says_which_record_broke),
        cmocka_unit_test(test_pcapfile_longer_than_the_snap_length_is_clipped),
        cmocka_unit_test(test_pcapfile_other_shapes_are_read_all_the_same),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
