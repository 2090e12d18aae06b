/* What is known of servers in Redis, against a real redis-server; without one installed these are skipped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "redis_sensors.h"

static char *record_of(const char *of)
{
    char command[128];
    snprintf(command, sizeof command, "HGETALL %s", of);
    return ask(command);
}

static void check_text(const char *field, const char *expected)
{
    char *answer = record_of(key);
    char *value = value_of(answer, field);
    if (strcmp(value, expected) != 0)
        fail_msg("%s is %s, expected %s", field, value, expected);
    free(value);
    free(answer);
}

static void check_number(const char *field, int64_t expected)
{
    char text[32];
    snprintf(text, sizeof text, "%lld", (long long)expected);
    check_text(field, text);
}

/* ---- the record ---- */

static void test_redis_server_record_has_every_field_from_the_first(void **state)
{
    NEEDS_SERVER();
    struct sample x;
    make_session(&x, 0, false);
    record("a", &x);
    check_number("first_ms", sample_at_ms);
    check_number("last_ms", sample_at_ms + 1500);
    check_number("no_offer_ms", sample_at_ms);
    check_text("no_offer_sensor", "a");
    check_number("offer_ms", -1);
    check_text("offer_sensor", "none");
    check_text("best_version", "none");
    check_text("worst_version", "none");
    check_text("cert_sha256", "none");
    check_number("cert_not_after", -1);
    check_text("name", "mx.example.org");
    check_text("protocol", "smtp");
    check_number("sessions", 1);
    assert_int_equal(number_told("HLEN waxseal:{test}:srv:198.51.100.25:587"), 13);
    long ttl_s = number_told("TTL waxseal:{test}:srv:198.51.100.25:587");
    assert_in_range(ttl_s, 30 * 86400 - 60, 30 * 86400);
}

static void test_redis_server_record_is_brought_up_to_date(void **state)
{
    NEEDS_SERVER();
    static struct certificate_chain chain = {.parsed = true, .sha256 = {0xab, 0xcd}, .not_after = 1800000000};
    struct sample x;
    struct sink sink = open_sink("a");
    make_session(&x, 0, false);
    send_session(&sink, &x);
    sink.tick(sink.state, 0);
    tell("EXPIRE waxseal:{test}:srv:198.51.100.25:587 100");
    make_session(&x, 60, true);
    establish(&x, 0x0303);
    sample_fill(&x);
    x.facts.chain = &chain;
    x.event.values[EVENT_cert_sha256].text = "sha256:abcd";
    sink.event(sink.state, &x.event);
    sink.tick(sink.state, 1000); /* news: after a second */
    check_number("first_ms", sample_at_ms);
    check_number("last_ms", sample_at_ms + 61500);
    check_number("offer_ms", sample_at_ms + 60000);
    check_text("offer_sensor", "a");
    check_number("no_offer_ms", sample_at_ms);
    check_text("best_version", "TLS1.2");
    check_text("worst_version", "TLS1.2");
    check_text("cert_sha256", "sha256:abcd");
    check_number("cert_not_after", 1800000000);
    check_number("sessions", 2);
    assert_true(number_told("TTL waxseal:{test}:srv:198.51.100.25:587") > 30 * 86400 - 60);
    assert_true(sink.finish(sink.state, &nothing));
}

static void test_redis_server_learnt_certificate_is_not_recorded(void **state)
{
    NEEDS_SERVER();
    static struct certificate_chain chain = {.parsed = true, .not_after = 1800000000};
    struct sample x;
    struct sink sink = open_sink("a");
    make_session(&x, 0, true);
    establish(&x, 0x0304);
    sample_fill(&x);
    x.facts.chain = &chain;
    x.facts.chain_learnt = true;
    x.event.values[EVENT_cert_sha256].text = "sha256:abcd";
    sink.event(sink.state, &x.event);
    assert_true(sink.finish(sink.state, &nothing));
    check_text("cert_sha256", "none");
    check_text("best_version", "TLS1.3");
}

static void test_redis_server_versions_only_widen_across_sensors_and_restarts(void **state)
{
    NEEDS_SERVER();
    static const struct {
        const char *sensor;
        uint16_t version;
        const char *best;
        const char *worst;
    } runs[] = {{"a", 0x0303, "TLS1.2", "TLS1.2"}, {"b", 0x0302, "TLS1.2", "TLS1.1"},
                {"a", 0x0304, "TLS1.3", "TLS1.1"}, {"b", 0x0303, "TLS1.3", "TLS1.1"},
                {"a", 0x0002, "TLS1.3", "SSL2"},   {"a", 0x0300, "TLS1.3", "SSL2"},
                {"a", 0x7f7f, "TLS1.3", "SSL2"}};
    struct sample x;
    for (size_t i = 0; i < sizeof runs / sizeof runs[0]; i++) {
        make_session(&x, (int64_t)i, true);
        establish(&x, runs[i].version);
        record(runs[i].sensor, &x);
        check_text("best_version", runs[i].best);
        check_text("worst_version", runs[i].worst);
    }
    check_number("sessions", sizeof runs / sizeof runs[0]);
}

static void test_redis_server_times_go_forward_except_after_a_wrong_clock(void **state)
{
    NEEDS_SERVER();
    struct sample x;
    make_session(&x, 600, true);
    record("a", &x);
    make_session(&x, 0, true); /* was held up on its way */
    record("b", &x);
    check_number("offer_ms", sample_at_ms + 600000);
    check_text("offer_sensor", "a");
    make_session(&x, 365 * 86400, true);
    record("c", &x);
    check_text("offer_sensor", "c");
    make_session(&x, 700, true);
    record("b", &x);
    check_number("offer_ms", sample_at_ms + 700000);
    check_text("offer_sensor", "b");
    check_number("first_ms", sample_at_ms + 600000);
}

static void test_redis_server_hostile_names_are_text(void **state)
{
    NEEDS_SERVER();
    static const struct {
        const char *wire;
        const char *stored;
    } names[] = {
        {"12345", "\"12345\""},
        {"a\r\n$4\r\nEVIL", "a\\x0d\\x0a$4\\x0d\\x0aEVIL"},
        {"') redis.call('FLUSHALL') --", "') redis.call('FLUSHALL') --"},
        {"\033[31m\xff", "\\x1b[31m\\xff"},
        {"", "\\x1b[31m\\xff"}, /* no name is no news */
    };
    struct sample x;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        make_session(&x, (int64_t)i, true);
        snprintf(x.session.server_name, sizeof x.session.server_name, "%s", names[i].wire);
        record("a", &x);
        check_text("name", names[i].stored);
    }
    make_session(&x, 9, true);
    memset(x.session.server_name, '\001', sizeof x.session.server_name - 1);
    record("a", &x);
    assert_int_equal(number_told("HSTRLEN waxseal:{test}:srv:198.51.100.25:587 name"),
                     4 * (SESSION_SERVER_NAME_CAP - 1));
}

static void test_redis_server_ipv6_key_is_rfc5952(void **state)
{
    NEEDS_SERVER();
    struct sample x;
    make_session(&x, 0, true);
    x.session.family = IP_V6;
    x.session.server_address = (struct address){{0x20, 0x01, 0x0d, 0xb8, [15] = 0x0a}};
    record("a", &x);
    assert_int_equal(number_told("EXISTS waxseal:{test}:srv:2001:db8::a:587"), 1);
}

static void test_redis_server_sessions_that_show_nothing_leave_no_record(void **state)
{
    NEEDS_SERVER();
    struct sample x;
    struct sink sink = open_sink("a");
    make_session(&x, 0, false);
    x.session.mail = (struct session_mail){.greeting_seen = true};
    send_session(&sink, &x);
    make_session(&x, 0, true);
    x.session.final = false;
    send_session(&sink, &x);
    assert_true(sink.finish(sink.state, &nothing));
    assert_int_equal(number_told("XLEN waxseal:{test}:events"), 2);
    assert_int_equal(number_told("EXISTS waxseal:{test}:srv:198.51.100.25:587"), 0);
}

/* ---- how often ---- */

static void test_redis_server_busy_server_is_written_once_a_minute(void **state)
{
    NEEDS_SERVER();
    struct sample x;
    struct sink sink = open_sink("a");
    make_session(&x, 0, true);
    sample_fill(&x);
    for (uint64_t now_ms = 200; now_ms <= 120000; now_ms += 200) {
        for (int i = 0; i < 3; i++)
            sink.event(sink.state, &x.event);
        sink.tick(sink.state, now_ms);
    }
    assert_in_range(calls_of("eval"), 2, 3);
    assert_true(sink.finish(sink.state, &nothing));
    check_number("sessions", 1800);
}

static void test_redis_server_flipping_offer_is_written_once_a_second(void **state)
{
    NEEDS_SERVER();
    struct sample with;
    struct sample without;
    struct sink sink = open_sink("a");
    make_session(&with, 0, true);
    make_session(&without, 0, false);
    for (uint64_t now_ms = 200; now_ms <= 10000; now_ms += 200) {
        send_session(&sink, &with);
        send_session(&sink, &without);
        sink.tick(sink.state, now_ms);
    }
    assert_in_range(calls_of("eval"), 9, 12);
    assert_true(sink.finish(sink.state, &nothing));
    check_number("sessions", 100);
}

/* Far more servers than the table has places: each is written, and all their sessions counted. */
static void test_redis_server_many_servers_lose_nothing(void **state)
{
    enum { SERVERS = 3000 };
    NEEDS_SERVER();
    struct sample x;
    struct sink sink = open_sink("a");
    make_session(&x, 0, true);
    sample_fill(&x);
    for (int round = 0; round < 2; round++)
        for (uint16_t i = 0; i < SERVERS; i++) {
            x.session.server_port = (uint16_t)(i + 1);
            sink.event(sink.state, &x.event);
        }
    assert_true(sink.finish(sink.state, &nothing));
    assert_int_equal(
        number_told("EVAL \"local n = 0 for _, k in ipairs(redis.call('KEYS', 'waxseal:*:srv:*')) do "
                    "n = n + redis.call('HGET', k, 'sessions') end return n\" 0"),
        2 * SERVERS);
    assert_int_equal(number_told("EVAL \"return #redis.call('KEYS', 'waxseal:*:srv:*')\" 0"), SERVERS);
}

/* ---- trouble ---- */

static void test_redis_server_key_of_another_program_survives(void **state)
{
    NEEDS_SERVER();
    struct sample x;
    tell("SET waxseal:{test}:srv:198.51.100.25:587 precious");
    sample_stderr_catch();
    struct sink sink = open_sink("a");
    struct redis_peer *peer = open_peer("b");
    for (int i = 0; i < 600; i++) {
        make_session(&x, i, i % 2 == 0);
        send_session(&sink, &x);
        sink.tick(sink.state, (uint64_t)i * 2000);
    }
    bool offered = redis_peer_offered(peer, &x.session, WINDOW_S);
    redis_peer_close(peer);
    bool complete = sink.finish(sink.state, &nothing);
    char *said = sample_stderr_release();
    assert_true(complete);
    assert_false(offered);
    assert_int_equal(sample_count(said, "refuses what is known of a server: WRONGTYPE"), 1);
    assert_null(strstr(said, "other sensors"));
    assert_int_equal(number_told("XLEN waxseal:{test}:events"), 600);
    char *value = ask("GET waxseal:{test}:srv:198.51.100.25:587");
    assert_memory_equal(value, "$8\r\nprecious\r\n", 14);
    assert_int_equal(number_told("TTL waxseal:{test}:srv:198.51.100.25:587"), -1);
    free(value);
    free(said);
}

static void test_redis_server_refused_permission_does_not_hold_up_events(void **state)
{
    NEEDS_SERVER();
    struct sample x;
    tell("ACL SETUSER default -eval -hmget");
    sample_stderr_catch();
    struct sink sink = open_sink("a");
    struct redis_peer *peer = open_peer("b");
    for (int i = 0; i < 10; i++) {
        make_session(&x, i, true);
        send_session(&sink, &x);
        sink.tick(sink.state, (uint64_t)i * 60000);
        (void)redis_peer_offered(peer, &x.session, WINDOW_S);
    }
    redis_peer_close(peer);
    bool complete = sink.finish(sink.state, &nothing);
    char *said = sample_stderr_release();
    tell("ACL SETUSER default +@all");
    assert_true(complete);
    assert_int_equal(sample_count(said, "refuses what is known of a server: NOPERM"), 1);
    assert_int_equal(sample_count(said, "does not tell what other sensors see: NOPERM"), 1);
    assert_int_equal(number_told("XLEN waxseal:{test}:events"), 10);
    free(said);
}

static void test_redis_server_records_wait_while_redis_is_away(void **state)
{
    NEEDS_SERVER();
    struct sample x;
    sample_stderr_catch();
    struct sink sink = open_sink("a");
    stop_server();
    make_session(&x, 0, true);
    send_session(&sink, &x);
    sink.tick(sink.state, 1000);
    bool again = start_server();
    bool complete = sink.finish(sink.state, &nothing);
    char *said = sample_stderr_release();
    free(said);
    assert_true(again && complete);
    check_number("offer_ms", sample_at_ms);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_redis_server_record_has_every_field_from_the_first),
        cmocka_unit_test(test_redis_server_record_is_brought_up_to_date),
        cmocka_unit_test(test_redis_server_learnt_certificate_is_not_recorded),
        cmocka_unit_test(test_redis_server_versions_only_widen_across_sensors_and_restarts),
        cmocka_unit_test(test_redis_server_times_go_forward_except_after_a_wrong_clock),
        cmocka_unit_test(test_redis_server_hostile_names_are_text),
        cmocka_unit_test(test_redis_server_ipv6_key_is_rfc5952),
        cmocka_unit_test(test_redis_server_sessions_that_show_nothing_leave_no_record),
        cmocka_unit_test(test_redis_server_busy_server_is_written_once_a_minute),
        cmocka_unit_test(test_redis_server_flipping_offer_is_written_once_a_second),
        cmocka_unit_test(test_redis_server_many_servers_lose_nothing),
        cmocka_unit_test(test_redis_server_key_of_another_program_survives),
        cmocka_unit_test(test_redis_server_refused_permission_does_not_hold_up_events),
        cmocka_unit_test(test_redis_server_records_wait_while_redis_is_away),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
