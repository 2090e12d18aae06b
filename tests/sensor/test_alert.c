/* Alerts: one for a rule on a server, raised, counted, cleared; the bounds of table and minute. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sample.h"
#include "sensor/audit/alert.h"

enum { HANDED_CAP = 64, SECOND_MS = 1000, MINUTE_MS = 60000, AT_MS = 1623 };

static const int64_t start_ms = INT64_C(1700000000) * 1000;

static struct alert handed[HANDED_CAP];
static size_t handed_count;

static void hand(void *context, const struct alert *alert)
{
    (void)context;
    assert_true(handed_count < HANDED_CAP);
    handed[handed_count++] = *alert;
}

static struct alerts *open_alerts(uint32_t open, uint32_t a_minute)
{
    const struct alert_limits limits = {
        .from = SEVERITY_MEDIUM, .clear_after_s = 600, .open = open, .raised_a_minute = a_minute};
    handed_count = 0;
    struct alerts *a = alerts_open(&limits, hand, NULL);
    assert_non_null(a);
    return a;
}

/* A session of the sample with exactly one finding, `later_ms` after it, on a server whose address ends so. */
static void make_finding(struct sample *x, enum rule rule, enum severity severity, int64_t later_ms,
                         uint8_t server)
{
    memset(x, 0, sizeof *x);
    sample_session(&x->session);
    x->session.first_ns += (uint64_t)later_ms * 1000000;
    x->session.last_ns += (uint64_t)later_ms * 1000000;
    x->session.server_address.bytes[3] = server;
    sample_fill(x);
    x->judgement.findings[0] = (struct finding){rule, severity};
    x->judgement.finding_count = 1;
    x->judgement.worst = severity;
}

static void note(struct alerts *a, enum rule rule, enum severity severity, int64_t later_ms, uint8_t server)
{
    struct sample x;
    make_finding(&x, rule, severity, later_ms, server);
    alerts_note(a, &x.event);
}

static void test_alert_is_raised_once_counted_and_cleared(void **state)
{
    (void)state;
    struct alerts *a = open_alerts(16, 100);
    for (int i = 0; i < 5; i++)
        note(a, RULE_auth_in_clear, SEVERITY_CRITICAL, i * SECOND_MS, 25);
    assert_int_equal(handed_count, 1);
    assert_int_equal(handed[0].state, ALERT_RAISED);
    assert_string_equal(handed[0].rule, "auth_in_clear");
    assert_string_equal(handed[0].server_ip, "198.51.100.25");
    assert_int_equal(handed[0].server_port, 587);
    assert_string_equal(handed[0].server_name, "mx.example.org");
    assert_string_equal(handed[0].client_ip, "192.0.2.7");
    assert_string_equal(handed[0].protocol, "smtp");
    assert_string_equal(handed[0].role, "submission");
    assert_int_equal(handed[0].first_ms, start_ms + AT_MS);
    assert_int_equal(handed[0].hits, 1);
    assert_int_equal(alerts_count(a, SEVERITY_CRITICAL), 1);
    int64_t last_ms = start_ms + AT_MS + 4 * SECOND_MS;
    alerts_tick(a, last_ms + 600 * SECOND_MS - 1);
    assert_int_equal(handed_count, 1);
    alerts_tick(a, last_ms + 600 * SECOND_MS + SECOND_MS);
    assert_int_equal(handed_count, 2);
    assert_int_equal(handed[1].state, ALERT_CLEARED);
    assert_int_equal(handed[1].hits, 5);
    assert_int_equal(handed[1].first_ms, start_ms + AT_MS);
    assert_int_equal(handed[1].last_ms, last_ms);
    assert_string_equal(handed[1].session, handed[0].session);
    assert_int_equal(alerts_count(a, SEVERITY_CRITICAL), 0);
    note(a, RULE_auth_in_clear, SEVERITY_CRITICAL, 3600 * SECOND_MS, 25);
    assert_int_equal(handed_count, 3);
    assert_int_equal(handed[2].state, ALERT_RAISED);
    alerts_close(a);
}

static void test_alert_is_one_for_each_rule_and_server(void **state)
{
    (void)state;
    struct alerts *a = open_alerts(16, 100);
    note(a, RULE_auth_in_clear, SEVERITY_HIGH, 0, 1);
    note(a, RULE_auth_in_clear, SEVERITY_HIGH, 0, 2);
    note(a, RULE_tls10, SEVERITY_MEDIUM, 0, 1);
    note(a, RULE_tls10, SEVERITY_MEDIUM, 1, 1);
    note(a, RULE_tls11, SEVERITY_LOW, 1, 1); /* below what raises one */
    assert_int_equal(handed_count, 3);
    assert_int_equal(alerts_count(a, SEVERITY_HIGH), 2);
    assert_int_equal(alerts_count(a, SEVERITY_MEDIUM), 1);
    alerts_close(a);
}

static void test_alert_interim_event_raises_and_does_not_count_again(void **state)
{
    (void)state;
    struct sample x;
    struct alerts *a = open_alerts(16, 100);
    make_finding(&x, RULE_tls10, SEVERITY_HIGH, 0, 1);
    x.session.final = false;
    alerts_note(a, &x.event);
    alerts_note(a, &x.event);
    assert_int_equal(handed_count, 1);
    alerts_tick(a, start_ms + 3600 * SECOND_MS);
    assert_int_equal(handed_count, 2);
    assert_int_equal(handed[1].hits, 1);
    alerts_close(a);
}

static void test_alert_becomes_worse_and_stays_one(void **state)
{
    (void)state;
    struct alerts *a = open_alerts(16, 100);
    note(a, RULE_tls10, SEVERITY_MEDIUM, 0, 1);
    note(a, RULE_tls10, SEVERITY_HIGH, 1, 1);
    note(a, RULE_tls10, SEVERITY_MEDIUM, 2, 1);
    assert_int_equal(handed_count, 1);
    assert_int_equal(alerts_count(a, SEVERITY_MEDIUM), 0);
    assert_int_equal(alerts_count(a, SEVERITY_HIGH), 1);
    alerts_tick(a, start_ms + 3600 * SECOND_MS);
    assert_int_equal(handed[1].severity, SEVERITY_HIGH);
    assert_int_equal(alerts_count(a, SEVERITY_HIGH), 0);
    alerts_close(a);
}

static void test_alert_flood_is_one_line_a_minute(void **state)
{
    (void)state;
    struct alerts *a = open_alerts(256, 3);
    for (int i = 0; i < 50; i++)
        note(a, RULE_tls10, i == 40 ? SEVERITY_CRITICAL : SEVERITY_MEDIUM, i, (uint8_t)i);
    assert_int_equal(handed_count, 3);
    assert_int_equal(alerts_suppressed(a), 47);
    assert_int_equal(alerts_count(a, SEVERITY_MEDIUM), 49);
    alerts_tick(a, start_ms + 2 * MINUTE_MS);
    assert_int_equal(handed_count, 4);
    assert_string_equal(handed[3].rule, "alerts_suppressed");
    assert_int_equal(handed[3].hits, 47);
    assert_int_equal(handed[3].severity, SEVERITY_CRITICAL);
    /* What was not told when it was raised is not told when it is cleared. */
    alerts_tick(a, start_ms + 3600 * SECOND_MS);
    assert_int_equal(handed_count, 7);
    assert_int_equal(alerts_count(a, SEVERITY_MEDIUM) + alerts_count(a, SEVERITY_CRITICAL), 0);
    alerts_close(a);
}

static void test_alert_end_tells_what_was_held_back(void **state)
{
    (void)state;
    struct alerts *a = open_alerts(256, 1);
    note(a, RULE_tls10, SEVERITY_MEDIUM, 0, 1);
    note(a, RULE_tls10, SEVERITY_MEDIUM, 0, 2);
    alerts_finish(a);
    assert_int_equal(handed_count, 2);
    assert_string_equal(handed[1].rule, "alerts_suppressed");
    alerts_finish(a);
    assert_int_equal(handed_count, 2);
    alerts_close(a);
}

static void test_alert_full_table_gives_up_the_least_severe_then_the_oldest(void **state)
{
    (void)state;
    struct alerts *a = open_alerts(3, 100);
    note(a, RULE_tls10, SEVERITY_HIGH, 0, 1);
    note(a, RULE_tls10, SEVERITY_MEDIUM, 2, 2);
    note(a, RULE_tls10, SEVERITY_MEDIUM, 1, 3);
    note(a, RULE_tls10, SEVERITY_HIGH, 3, 4); /* the third goes */
    assert_int_equal(handed_count, 5);
    assert_int_equal(handed[3].state, ALERT_CLEARED);
    assert_string_equal(handed[3].server_ip, "198.51.100.3");
    assert_string_equal(handed[4].server_ip, "198.51.100.4");
    note(a, RULE_tls10, SEVERITY_HIGH, 4, 5);
    note(a, RULE_tls10, SEVERITY_MEDIUM, 5, 6); /* less than all there are: not taken */
    assert_int_equal(handed_count, 7);
    assert_int_equal(alerts_given_up(a), 3);
    assert_int_equal(alerts_count(a, SEVERITY_HIGH), 3);
    for (int i = 0; i < 1000; i++)
        note(a, RULE_tls11, SEVERITY_MEDIUM, i, (uint8_t)i);
    assert_int_equal(alerts_count(a, SEVERITY_HIGH), 3);
    alerts_close(a);
}

static void test_alert_about_the_sensor_has_no_server(void **state)
{
    (void)state;
    struct alerts *a = open_alerts(16, 100);
    alerts_note_sensor(a, "mirror_loss", SEVERITY_HIGH, "12 % of the octets are missing",
                       "Look at the mirror.", start_ms);
    alerts_note_sensor(a, "mirror_loss", SEVERITY_HIGH, "13 % of the octets are missing",
                       "Look at the mirror.", start_ms + SECOND_MS);
    assert_int_equal(handed_count, 1);
    assert_string_equal(handed[0].rule, "mirror_loss");
    assert_string_equal(handed[0].server_ip, "");
    assert_string_equal(handed[0].detail, "12 % of the octets are missing");
    alerts_tick(a, start_ms + 3600 * SECOND_MS);
    assert_int_equal(handed[1].state, ALERT_CLEARED);
    assert_int_equal(handed[1].hits, 2);
    assert_string_equal(handed[1].detail, "13 % of the octets are missing");
    alerts_close(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alert_is_raised_once_counted_and_cleared),
        cmocka_unit_test(test_alert_is_one_for_each_rule_and_server),
        cmocka_unit_test(test_alert_interim_event_raises_and_does_not_count_again),
        cmocka_unit_test(test_alert_becomes_worse_and_stays_one),
        cmocka_unit_test(test_alert_flood_is_one_line_a_minute),
        cmocka_unit_test(test_alert_end_tells_what_was_held_back),
        cmocka_unit_test(test_alert_full_table_gives_up_the_least_severe_then_the_oldest),
        cmocka_unit_test(test_alert_about_the_sensor_has_no_server),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
