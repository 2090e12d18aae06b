#include "sensor/capture/source_live.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/capture_file.h"

static void *stop_soon(void *source)
{
    usleep(50000);
    source_stop(source);
    return NULL;
}

static void test_live_missing_interface_lists_those_that_exist(void **state)
{
    (void)state;
    struct source_live live = {"no-such-if0", 262144, 1 << 20, 20, false, 0};
    assert_null(source_open_live(&live, "", error));
    assert_true(strstr(error, "no-such-if0: no such interface; there are: ") != NULL ||
                strstr(error, "setcap") != NULL);
}

/* One flow: all from one socket to the discard port. */
static void send_datagrams(unsigned count)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(9), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int s = socket(AF_INET, SOCK_DGRAM, 0);
    for (unsigned i = 0; i < count; i++)
        (void)!sendto(s, "waxseal", 7, 0, (const struct sockaddr *)&to, sizeof to);
    close(s);
}

static void test_live_yields_frames_idles_and_stops(void **state)
{
    (void)state;
    struct source_live live = {"lo", 262144, 1 << 20, 20, true, 0};
    struct source *s = source_open_live(&live, "(udp port 9) or (vlan and (udp port 9))", error);
    if (s == NULL) {
        print_message("%s\n", error);
        skip();
    }
    struct source_frame frame;
    enum source_result got = SOURCE_IDLE;
    for (unsigned i = 0; i < 500 && got == SOURCE_IDLE; i++) {
        send_datagrams(1);
        got = source_next(s, &frame);
    }
    assert_int_equal(got, SOURCE_FRAME);
    assert_int_equal(frame.link_type, CAPTURE_ETHERNET);
    assert_true(frame.time_ns > 1700000000000000000);
    assert_true(span_equal(span_skip(frame.bytes, frame.bytes.n - 7), span_text("waxseal")));
    struct source_stats stats;
    source_stats(s, &stats);
    assert_true(stats.kernel_received > 0);
    do /* silence is reported, not waited out */
        got = source_next(s, &frame);
    while (got == SOURCE_FRAME);
    assert_int_equal(got, SOURCE_IDLE);
    pthread_t stopper;
    assert_int_equal(pthread_create(&stopper, NULL, stop_soon, s), 0);
    do
        got = source_next(s, &frame);
    while (got == SOURCE_FRAME || got == SOURCE_IDLE);
    assert_int_equal(got, SOURCE_END);
    pthread_join(stopper, NULL);
    source_close(s);
    assert_null(source_open_live(&live, "tcp prt 25", error));
    assert_non_null(strstr(error, "lo: the filter is not accepted: "));
}

static void test_live_fanout_gives_a_flow_to_one_source(void **state)
{
    (void)state;
    struct source_live live = {"lo", 262144, 1 << 20, 20, false, (uint16_t)(getpid() | 1)};
    struct source *sources[2] = {source_open_live(&live, "udp port 9", error), NULL};
    if (sources[0] == NULL) {
        print_message("%s\n", error);
        skip();
    }
    sources[1] = source_open_live(&live, "udp port 9", error);
    assert_non_null(sources[1]);
    send_datagrams(10);
    unsigned frames[2] = {0, 0};
    for (unsigned i = 0; i < 2; i++) {
        struct source_frame frame;
        for (unsigned idle = 0; idle < 5;) {
            if (source_next(sources[i], &frame) == SOURCE_FRAME)
                frames[i]++;
            else
                idle++;
        }
        source_close(sources[i]);
    }
    assert_true(frames[0] == 0 || frames[1] == 0);
    assert_true(frames[0] + frames[1] >= 10); /* some kernels show loopback frames on their way out as well */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_live_missing_interface_lists_those_that_exist),
        cmocka_unit_test(test_live_yields_frames_idles_and_stops),
        cmocka_unit_test(test_live_fanout_gives_a_flow_to_one_source),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
