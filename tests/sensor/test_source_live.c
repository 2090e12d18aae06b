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
    struct source_live live = {"no-such-if0", 262144, 1 << 20, 20, false};
    assert_null(source_open_live(&live, "", error));
    assert_true(strstr(error, "no-such-if0: no such interface; there are: ") != NULL ||
                strstr(error, "setcap") != NULL);
}

static void send_datagram(void)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(9), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int s = socket(AF_INET, SOCK_DGRAM, 0);
    (void)!sendto(s, "waxseal", 7, 0, (const struct sockaddr *)&to, sizeof to);
    close(s);
}

static void test_live_yields_frames_idles_and_stops(void **state)
{
    (void)state;
    struct source_live live = {"lo", 262144, 1 << 20, 20, true};
    struct source *s = source_open_live(&live, "(udp port 9) or (vlan and (udp port 9))", error);
    if (s == NULL) {
        print_message("%s\n", error);
        skip();
    }
    struct source_frame frame;
    enum source_result got = SOURCE_IDLE;
    for (unsigned i = 0; i < 500 && got == SOURCE_IDLE; i++) {
        send_datagram();
        got = source_next(s, &frame);
    }
    assert_int_equal(got, SOURCE_FRAME);
    assert_int_equal(frame.link_type, CAPTURE_ETHERNET);
    assert_true(frame.time_ns > 1700000000000000000);
    assert_true(span_equal(span_skip(frame.bytes, frame.bytes.n - 7), span_text("waxseal")));
    struct source_stats stats;
    source_stats(s, &stats);
    assert_true(stats.kernel_received > 0);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_live_missing_interface_lists_those_that_exist),
        cmocka_unit_test(test_live_yields_frames_idles_and_stops),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
