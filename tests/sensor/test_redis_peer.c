/* What one sensor learns of another in Redis, against a real redis-server; without one installed these are
 * skipped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "redis_sensors.h"

static void test_redis_peer_sees_what_another_sensor_saw_within_the_window(void **state)
{
    NEEDS_SERVER();
    static const struct {
        const char *sensor;
        int64_t later_s;
        bool offered;
    } cases[] = {
        {"b", 60, true},        {"b", WINDOW_S, true}, {"b", WINDOW_S + 1, false},
        {"b", -WINDOW_S, true}, {"b", -3601, false},   {"b", 86400, false},
        {"b", 0, true},         {"a", 60, false}, /* its own */
        {"b", 60, true},
    };
    struct sample x;
    make_session(&x, 0, true);
    record("a", &x);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct redis_peer *peer = open_peer(cases[i].sensor);
        make_session(&x, cases[i].later_s, false);
        if (redis_peer_offered(peer, &x.session, WINDOW_S) != cases[i].offered)
            fail_msg("case %zu", i);
        redis_peer_close(peer);
    }
}

static void test_redis_peer_knows_nothing_of_other_servers(void **state)
{
    NEEDS_SERVER();
    struct sample x;
    make_session(&x, 0, true);
    record("a", &x);
    struct redis_peer *peer = open_peer("b");
    x.session.server_port = 25;
    assert_false(redis_peer_offered(peer, &x.session, WINDOW_S));
    x.session.server_port = 587;
    x.session.server_address.bytes[3]++;
    assert_false(redis_peer_offered(peer, &x.session, WINDOW_S));
    x.session.server_address.bytes[3]--;
    assert_true(redis_peer_offered(peer, &x.session, WINDOW_S));
    redis_peer_close(peer);
}

static void test_redis_peer_absence_at_another_sensor_is_no_offer(void **state)
{
    NEEDS_SERVER();
    struct sample x;
    make_session(&x, 0, false);
    record("a", &x);
    struct redis_peer *peer = open_peer("b");
    assert_false(redis_peer_offered(peer, &x.session, WINDOW_S));
    redis_peer_close(peer);
}

static void test_redis_peer_nonsense_in_the_record_is_no_offer(void **state)
{
    NEEDS_SERVER();
    static const char *const times[] = {"none",
                                        "\"\"",
                                        "-1700000000123",
                                        "1.7e12",
                                        "1700000000123x",
                                        "0x18bcfe568fb",
                                        "99999999999999999999999999",
                                        "1700000000123000000"};
    struct sample x;
    make_session(&x, 0, false);
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        char command[128];
        snprintf(command, sizeof command, "HSET %s offer_sensor a offer_ms %s", key, times[i]);
        tell(command);
        struct redis_peer *peer = open_peer("b");
        if (redis_peer_offered(peer, &x.session, WINDOW_S))
            fail_msg("%s", times[i]);
        redis_peer_close(peer);
    }
}

static void test_redis_peer_flood_asks_once_in_ten_seconds(void **state)
{
    NEEDS_SERVER();
    struct sample x;
    make_session(&x, 0, true);
    record("a", &x);
    struct redis_peer *peer = open_peer("b");
    long before = calls_of("hmget"); /* the script's own */
    make_session(&x, 0, false);
    for (int i = 0; i < 30000; i++) {
        x.session.first_ns += second_ns / 1000;
        assert_true(redis_peer_offered(peer, &x.session, WINDOW_S));
    }
    redis_peer_close(peer);
    assert_in_range(calls_of("hmget") - before, 3, 4);
}

static void test_redis_peer_idle_connection_that_was_closed_is_no_trouble(void **state)
{
    NEEDS_SERVER();
    struct sample x;
    make_session(&x, 0, true);
    record("a", &x);
    sample_stderr_catch();
    struct redis_peer *peer = open_peer("b");
    make_session(&x, 0, false);
    bool before = redis_peer_offered(peer, &x.session, WINDOW_S);
    tell("CLIENT KILL TYPE normal");
    make_session(&x, 60, false);
    bool after = redis_peer_offered(peer, &x.session, WINDOW_S);
    redis_peer_close(peer);
    char *said = sample_stderr_release();
    assert_true(before && after);
    assert_string_equal(said, "");
    free(said);
}

static uint64_t ask_many(struct redis_peer *peer, struct sample *x, bool *any)
{
    uint64_t begun_ms = clock_monotonic_ms();
    for (uint16_t i = 1; i <= 1000; i++) {
        x->session.server_port = i;
        *any |= redis_peer_offered(peer, &x->session, WINDOW_S);
    }
    return clock_monotonic_ms() - begun_ms;
}

static void check_trouble(const char *expected)
{
    struct sample x;
    bool any = false;
    make_session(&x, 0, false);
    sample_stderr_catch();
    struct redis_peer *peer = open_peer("b");
    uint64_t took_ms = ask_many(peer, &x, &any);
    redis_peer_close(peer);
    char *said = sample_stderr_release();
    assert_false(any);
    assert_in_range(took_ms, 0, 299);
    assert_int_equal(sample_count(said, expected), 1);
    assert_int_equal(sample_count(said, "\n"), 1);
    free(said);
}

static void test_redis_peer_absent_redis_is_no_offer_and_quick(void **state)
{
    NEEDS_SERVER();
    stop_server();
    check_trouble("does not tell what other sensors see: No such file or directory");
    assert_true(start_server());
}

static void test_redis_peer_silent_redis_is_no_offer_and_quick(void **state)
{
    NEEDS_SERVER();
    kill(server, SIGSTOP);
    check_trouble("does not tell what other sensors see: no answer in time");
    kill(server, SIGCONT);
}

static void test_redis_peer_password_is_given_and_a_wrong_one_said_once(void **state)
{
    NEEDS_SERVER();
    struct sample x;
    make_session(&x, 0, true);
    record("a", &x);
    make_session(&x, 0, false);
    tell("CONFIG SET requirepass s3cret");
    setenv("WAXSEAL_REDIS_PASSWORD", "s3cret", 1);
    struct redis_peer *peer = open_peer("b");
    bool right = redis_peer_offered(peer, &x.session, WINDOW_S);
    redis_peer_close(peer);
    setenv("WAXSEAL_REDIS_PASSWORD", "wrong", 1);
    sample_stderr_catch();
    peer = open_peer("b");
    bool wrong = redis_peer_offered(peer, &x.session, WINDOW_S);
    wrong |= redis_peer_offered(peer, &x.session, WINDOW_S);
    redis_peer_close(peer);
    char *said = sample_stderr_release();
    unsetenv("WAXSEAL_REDIS_PASSWORD");
    free(ask("AUTH s3cret\r\nCONFIG SET requirepass \"\""));
    assert_true(right);
    assert_false(wrong);
    assert_int_equal(sample_count(said, "WRONGPASS"), 1);
    assert_int_equal(sample_count(said, "s3cret"), 0);
    free(said);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_redis_peer_sees_what_another_sensor_saw_within_the_window),
        cmocka_unit_test(test_redis_peer_knows_nothing_of_other_servers),
        cmocka_unit_test(test_redis_peer_absence_at_another_sensor_is_no_offer),
        cmocka_unit_test(test_redis_peer_nonsense_in_the_record_is_no_offer),
        cmocka_unit_test(test_redis_peer_flood_asks_once_in_ten_seconds),
        cmocka_unit_test(test_redis_peer_idle_connection_that_was_closed_is_no_trouble),
        cmocka_unit_test(test_redis_peer_absent_redis_is_no_offer_and_quick),
        cmocka_unit_test(test_redis_peer_silent_redis_is_no_offer_and_quick),
        cmocka_unit_test(test_redis_peer_password_is_given_and_a_wrong_one_said_once),
    };
    return cmocka_run_group_tests(tests, set_up_quietly, tear_down);
}
