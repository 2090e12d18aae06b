#include "sensor/capture/input.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <zlib.h>

#include "tests/capture_file.h"

static size_t pack(const void *bytes, size_t n, uint8_t *room, size_t room_n)
{
    z_stream z = {0};
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    uint8_t *in = malloc(n);
    memcpy(in, bytes, n);
    z.next_in = in;
    z.avail_in = (uInt)n;
    z.next_out = room;
    z.avail_out = (uInt)room_n;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    size_t packed = z.total_out;
    deflateEnd(&z);
    free(in);
    return packed;
}

static void test_input_gzip_is_unpacked(void **state)
{
    (void)state;
    static uint8_t packed[1 << 16];
    struct making m;
    size_t last;
    unsigned broken;
    put_mail(&m, &last);
    size_t n = pack(m.bytes, m.n, packed, sizeof packed);
    assert_int_equal(count_frames(save("a.gz", packed, n), "", &broken), 2);
    assert_int_equal(broken, 0);
    /* Two members, cut in the middle of a record, and padding behind them as tape archives have it. */
    n = pack(m.bytes, last + 5, packed, sizeof packed);
    n += pack(m.bytes + last + 5, m.n - last - 5, packed + n, sizeof packed - n);
    assert_int_equal(count_frames(save("a.gz", packed, n + 100), "", &broken), 2);
    assert_int_equal(broken, 0);
    n = pack(m.bytes, m.n - 2, packed, sizeof packed); /* whole as gzip, cut as pcap */
    assert_int_equal(count_frames(save("a.gz", packed, n), "", &broken), 1);
    assert_non_null(strstr(error, "the file ends inside a packet record"));
}

static void test_input_gzip_cut_or_damaged_is_said(void **state)
{
    (void)state;
    static uint8_t packed[1 << 16];
    struct making m;
    size_t last;
    unsigned broken;
    put_mail(&m, &last);
    size_t n = pack(m.bytes, m.n, packed, sizeof packed);
    for (size_t cut = 1; cut < n; cut++) {
        struct source *s = source_open_file(save("a.gz", packed, cut), "", error);
        source_close(s);
        if (s == NULL)
            continue;
        assert_true(count_frames(path_of("a.gz"), "", &broken) <= 2);
        assert_int_equal(broken,
                         1); /* even where the pcap inside is whole: the checksum at the end is not there */
        assert_non_null(strstr(error, "compressed data ends early"));
    }
    packed[n - 6] ^= 1; /* the checksum */
    assert_int_equal(count_frames(save("a.gz", packed, n), "", &broken), 2);
    assert_int_equal(broken, 1);
    assert_non_null(strstr(error, "compressed data is corrupt"));
    assert_refused(save("a.gz", "\x1f\x8b junk that never was gzip", 27), "", "compressed data is corrupt");
}

/* Standard input becomes a pipe with these bytes in it; returns its other end, still open. */
static int feed(const void *bytes, size_t n, int *saved)
{
    int ends[2];
    *saved = dup(STDIN_FILENO);
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
    close(ends[0]);
    assert_int_equal(write(ends[1], bytes, n), n);
    return ends[1];
}

static void restore(int saved)
{
    dup2(saved, STDIN_FILENO);
    close(saved);
}

static void test_input_standard_input_is_read(void **state)
{
    (void)state;
    static uint8_t packed[1 << 16];
    struct making m;
    size_t last;
    unsigned broken;
    int saved;
    put_mail(&m, &last);
    close(feed(m.bytes, m.n, &saved));
    assert_int_equal(count_frames("-", "", &broken), 2);
    restore(saved);
    close(feed(packed, pack(m.bytes, m.n, packed, sizeof packed), &saved));
    assert_int_equal(count_frames("-", "", &broken), 2);
    restore(saved);
    close(feed(m.bytes, m.n - 1, &saved));
    assert_int_equal(count_frames("-", "", &broken), 1);
    assert_non_null(strstr(error, "standard input: broken at byte"));
    restore(saved);
    close(feed("", 0, &saved));
    assert_refused("-", "", "standard input: the file is empty");
    restore(saved);
}

static void *stop_soon(void *source)
{
    usleep(50000);
    source_stop(source);
    return NULL;
}

static void test_input_stop_ends_a_silent_pipe(void **state)
{
    (void)state;
    struct making m;
    size_t last;
    int saved;
    put_mail(&m, &last);
    int end = feed(m.bytes, last + 7, &saved);
    struct source *s = open_good("-", "");
    struct source_frame frame;
    assert_int_equal(source_next(s, &frame), SOURCE_FRAME); /* at once, although more is to come */
    pthread_t stopper;
    assert_int_equal(pthread_create(&stopper, NULL, stop_soon, s), 0);
    assert_int_equal(source_next(s, &frame), SOURCE_END);
    pthread_join(stopper, NULL);
    source_close(s);
    close(end);
    restore(saved);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_input_gzip_is_unpacked),
        cmocka_unit_test(test_input_gzip_cut_or_damaged_is_said),
        cmocka_unit_test(test_input_standard_input_is_read),
        cmocka_unit_test(test_input_stop_ends_a_silent_pipe),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
