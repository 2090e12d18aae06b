/* One message of RFC 5424: header, structured data, text; what is hostile stays in its place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sensor/publish/syslog.h"

static const struct syslog_speaker speaker = {
    .host = "mx1", .site = "lab", .sensor = "probe", .facility = 3, .enterprise = 32473, .process = 4711};

static char text[SYSLOG_MESSAGE_CAP];

static struct alert sample(void)
{
    struct alert a = {.state = ALERT_RAISED,
                      .rule = "auth_in_clear",
                      .severity = SEVERITY_CRITICAL,
                      .server_ip = "198.51.100.25",
                      .server_port = 587,
                      .server_name = "mx.example.org",
                      .client_ip = "192.0.2.7",
                      .protocol = "smtp",
                      .role = "submission",
                      .first_ms = 1700000000123,
                      .last_ms = 1700000060000,
                      .hits = 1,
                      .session = "probe-1",
                      .advice = "Refuse logins outside TLS."};
    return a;
}

static void test_syslog_format_is_one_message(void **state)
{
    (void)state;
    struct alert a = sample();
    size_t length = syslog_format(&speaker, &a, text);
    assert_int_equal(length, strlen(text));
    assert_string_equal(
        text,
        "<26>1 2023-11-14T22:13:20.123Z mx1 waxseal 4711 auth_in_clear [waxseal@32473 event=\"alert\" "
        "state=\"raised\" "
        "rule=\"auth_in_clear\" severity=\"critical\" sev=\"5\" server_ip=\"198.51.100.25\" "
        "server_port=\"587\" "
        "server_name=\"mx.example.org\" client_ip=\"192.0.2.7\" protocol=\"smtp\" role=\"submission\" "
        "first_ts=\"1700000000123\" last_ts=\"1700000060000\" hits=\"1\" session=\"probe-1\" detail=\"\" "
        "advice=\"Refuse logins outside TLS.\" site=\"lab\" sensor=\"probe\"] "
        "\xef\xbb\xbfraised: auth_in_clear, critical, at 198.51.100.25 port 587 (mx.example.org), 1 hit");
}

static void test_syslog_format_cleared_is_informational(void **state)
{
    (void)state;
    struct alert a = sample();
    a.state = ALERT_CLEARED;
    a.hits = 3;
    (void)syslog_format(&speaker, &a, text);
    assert_memory_equal(text, "<30>1 2023-11-14T22:14:20.000Z ", 31);
    assert_non_null(strstr(text, "\xef\xbb\xbf"
                                 "cleared: auth_in_clear"));
    assert_non_null(strstr(text, "3 hits"));
}

static void test_syslog_format_hostile_names_stay_in_place(void **state)
{
    (void)state;
    struct alert a = sample();
    memcpy(a.server_name, "\"]\\\x1b[2J\xff\n", 10);
    memcpy(a.rule, "own rule\x07 with a name that is longer", 37);
    (void)syslog_format(&speaker, &a, text);
    assert_non_null(strstr(text, "server_name=\"\\\"\\]\\\\\\\\x1b[2J\\\\xff\\\\x0a\""));
    assert_non_null(strstr(text, " 4711 own_rule__with_a_name_that_is_lo ["));
    for (const char *p = text; *p != '\0'; p++)
        assert_true((unsigned char)*p >= 0x20);
}

static void test_syslog_format_longest_texts_fit(void **state)
{
    (void)state;
    struct alert a = sample();
    memset(a.server_name, '"', sizeof a.server_name - 1);
    memset(a.detail, ']', sizeof a.detail - 1);
    memset(a.session, '\x01', sizeof a.session - 1);
    memset(a.rule, '\\', sizeof a.rule - 1);
    size_t length = syslog_format(&speaker, &a, text);
    assert_true(length < SYSLOG_MESSAGE_CAP);
    assert_non_null(strstr(text, " sensor=\"probe\"] \xef\xbb\xbf"));
}

static void test_syslog_format_impossible_time_is_nil(void **state)
{
    (void)state;
    struct alert a = sample();
    a.first_ms = INT64_MAX;
    (void)syslog_format(&speaker, &a, text);
    assert_memory_equal(text, "<26>1 - mx1 ", 12);
    a.first_ms = -1;
    (void)syslog_format(&speaker, &a, text);
    assert_memory_equal(text, "<26>1 - mx1 ", 12);
}

static void test_syslog_url_forms(void **state)
{
    (void)state;
    static const char *const good[] = {"unix:///dev/log", "udp://host", "udp://192.0.2.1:514",
                                       "tcp://[2001:db8::1]:601", "tcp://[::1]"};
    static const char *const bad[] = {
        "",         "host",       "unix://log", "udp://",       "udp://:514", "tcp://h:0", "tcp://h:65536",
        "tcp://h:", "tcp://h:5x", "tcp://[::1", "tcp://[::1]5", "http://h"};
    char error[SYSLOG_ERROR_CAP];
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(syslog_url_valid(good[i], error));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(syslog_url_valid(bad[i], error));
        assert_non_null(strstr(error, "expected unix:///path"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_syslog_format_is_one_message),
        cmocka_unit_test(test_syslog_format_cleared_is_informational),
        cmocka_unit_test(test_syslog_format_hostile_names_stay_in_place),
        cmocka_unit_test(test_syslog_format_longest_texts_fit),
        cmocka_unit_test(test_syslog_format_impossible_time_is_nil),
        cmocka_unit_test(test_syslog_url_forms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
