/* The TLS report: what is counted where, what is left out, and how it gets into its file. Its structure is checked by
 * tlsrpt_structure.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "sample.h"
#include "sensor/publish/tlsrpt.h"
#include "sensor/publish/tlsrpt_report.h"

static struct config config;
static struct house_expectation expected;
static struct sample x;
static struct sink sink;
static char folder[64];
static char error[TLSRPT_ERROR_CAP];

/* A relay session in TLS, by a client that asks for no name. */
static void make_session(void)
{
    memset(&x, 0, sizeof x);
    struct session *s = &x.session;
    sample_session(s);
    s->role = ROLE_RELAY;
    s->server_port = 25;
    s->mail.auth_seen = s->mail.auth_accepted = false;
    s->mail.auth_exposure = AUTH_NOT_SEEN;
    s->mail.offer_starttls = s->mail.offer_starttls_ever = s->mail.tls_asked = s->mail.tls_accepted = true;
    s->tls.begun = s->tls.client_hello = s->tls.server_hello = s->tls.established = true;
    s->tls.version = 0x0303;
}

static int setup(void **state)
{
    (void)state;
    config_defaults(&config);
    snprintf(config.site, sizeof config.site, "berlin");
    snprintf(config.sensor, sizeof config.sensor, "mx-1");
    snprintf(folder, sizeof folder, "/tmp/waxseal-test-tlsrpt-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(config.tlsrpt_path, sizeof config.tlsrpt_path, "%s/report.json", folder);
    memset(&expected, 0, sizeof expected);
    snprintf(expected.name, sizeof expected.name, "mx.example.org");
    make_session();
    return tlsrpt_open(&sink, &config, error) ? 0 : -1;
}

/* What was given; the folder must then hold nothing else. */
static int teardown(void **state)
{
    (void)state;
    (void)unlink(config.tlsrpt_path);
    return rmdir(folder);
}

static void send(void)
{
    const struct house_expectation *known = x.judgement.expected;
    sample_fill(&x);
    x.judgement.expected = known;
    sink.event(sink.state, &x.event);
}

/* The session as the event would have it with this result type. */
static void send_failed(const char *type)
{
    const struct house_expectation *known = x.judgement.expected;
    sample_fill(&x);
    x.judgement.expected = known;
    x.event.values[EVENT_tlsrpt].text = type;
    sink.event(sink.state, &x.event);
}

static char *finish(void)
{
    struct run_summary summary = {.first_ns = UINT64_C(1600000000000000000),
                                  .last_ns = UINT64_C(1600000001000000000)};
    assert_true(sink.finish(sink.state, &summary));
    return sample_read(config.tlsrpt_path, NULL);
}

static void assert_counts(const char *report, const char *counts)
{
    char line[160];
    unsigned succeeded = 0;
    unsigned failed = 0;
    assert_int_equal(sscanf(counts, "%u %u", &succeeded, &failed), 2);
    snprintf(line, sizeof line,
             "{\"total-successful-session-count\": %u, \"total-failure-session-count\": %u}", succeeded,
             failed);
    if (strstr(report, line) == NULL)
        fail_msg("%s lacks %s", report, line);
}

static void test_tlsrpt_without_sessions_has_no_policies(void **state)
{
    (void)state;
    char *report = finish();
    assert_non_null(strstr(report, "\"organization-name\": \"berlin\""));
    assert_non_null(strstr(report, "\"contact-info\": \"postmaster\""));
    assert_non_null(strstr(report, "\"start-datetime\": \"2020-09-13T12:26:40Z\""));
    assert_non_null(strstr(report, "\"policies\": []"));
    free(report);
}

static void test_tlsrpt_success_and_failure_are_counted_by_destination(void **state)
{
    (void)state;
    send();
    send();
    send_failed("starttls-not-supported");
    x.session.server_address.bytes[3] = 99;
    snprintf(x.session.server_name, sizeof x.session.server_name, "mx2.example.org");
    send_failed("validation-failure");
    char *report = finish();
    assert_counts(report, "2 1");
    assert_counts(report, "0 1");
    assert_non_null(strstr(report,
                           "{\"result-type\": \"starttls-not-supported\", \"sending-mta-ip\": \"192.0.2.7\", "
                           "\"receiving-mx-hostname\": \"mx.example.org\", \"receiving-mx-helo\": "
                           "\"mx.example.org\", \"receiving-ip\": \"198.51.100.25\", "
                           "\"failed-session-count\": 1}"));
    assert_non_null(
        strstr(report, "\"policy-type\": \"no-policy-found\", \"policy-domain\": \"mx2.example.org\""));
    assert_non_null(strstr(report, "\"report-id\": \"berlin.mx-1.1700000000-1700000001\""));
    assert_non_null(strstr(report, "\"end-datetime\": \"2023-11-14T22:13:21Z\""));
    free(report);
}

static void test_tlsrpt_same_failure_of_the_same_client_is_one_detail(void **state)
{
    (void)state;
    send_failed("certificate-expired");
    send_failed("certificate-expired");
    x.session.client_address.bytes[3] = 8;
    send_failed("certificate-expired");
    char *report = finish();
    assert_counts(report, "0 3");
    assert_int_equal(sample_count(report, "\"result-type\": \"certificate-expired\""), 2);
    assert_int_equal(sample_count(report, "\"failed-session-count\": 2}"), 1);
    free(report);
}

/* Two servers that go by one name are one destination. */
static void test_tlsrpt_servers_of_one_name_are_one_policy(void **state)
{
    (void)state;
    send();
    x.session.server_address.bytes[3] = 99;
    send_failed("validation-failure");
    char *report = finish();
    assert_counts(report, "1 1");
    assert_int_equal(sample_count(report, "\"policy-type\""), 1);
    assert_int_equal(sample_count(report, "\"receiving-ip\": \"198.51.100.99\""), 1);
    free(report);
}

static void test_tlsrpt_name_asked_for_goes_before_the_greeting(void **state)
{
    (void)state;
    send();
    snprintf(x.session.sni, sizeof x.session.sni, "asked.example.org");
    send_failed("validation-failure");
    char *report = finish();
    assert_non_null(strstr(report, "\"receiving-mx-hostname\": \"asked.example.org\", \"receiving-mx-helo\": "
                                   "\"mx.example.org\""));
    free(report);
}

static void test_tlsrpt_nameless_server_goes_by_its_address(void **state)
{
    (void)state;
    x.session.server_name[0] = '\0';
    send_failed("validation-failure");
    char *report = finish();
    assert_non_null(strstr(report, "\"policy-domain\": \"198.51.100.25\""));
    assert_null(strstr(report, "receiving-mx-helo"));
    free(report);
}

static void test_tlsrpt_leaves_out_what_is_no_answer(void **state)
{
    (void)state;
    x.session.role = ROLE_SUBMISSION;
    send();
    send_failed("validation-failure");
    make_session();
    x.session.final = false;
    send();
    make_session();
    memset(&x.session.tls, 0, sizeof x.session.tls);
    x.session.mail.tls_asked = x.session.mail.tls_accepted = false;
    send(); /* nobody asked for TLS */
    char *report = finish();
    assert_non_null(strstr(report, "\"policies\": []"));
    free(report);
}

static char *report_of_policy(enum house_sts sts, enum house_dane dane)
{
    expected.mta_sts = sts;
    expected.dane = dane;
    x.judgement.expected = &expected;
    send();
    return finish();
}

static void test_tlsrpt_policy_is_the_expected_one(void **state)
{
    (void)state;
    snprintf(expected.domain, sizeof expected.domain, "example.org");
    char *report = report_of_policy(HOUSE_STS_ENFORCE, HOUSE_DANE_NONE);
    assert_non_null(strstr(report,
                           "{\"policy-type\": \"sts\", \"policy-domain\": \"example.org\", \"mx-host\": "
                           "[\"mx.example.org\"]}"));
    free(report);
}

static void test_tlsrpt_dane_goes_before_sts(void **state)
{
    (void)state;
    char *report = report_of_policy(HOUSE_STS_ENFORCE, HOUSE_DANE_EE);
    assert_non_null(strstr(report, "{\"policy-type\": \"tlsa\", \"policy-domain\": \"mx.example.org\"}"));
    free(report);
}

static void test_tlsrpt_names_alone_are_no_policy(void **state)
{
    (void)state;
    char *report = report_of_policy(HOUSE_STS_NONE, HOUSE_DANE_NONE);
    assert_non_null(
        strstr(report, "{\"policy-type\": \"no-policy-found\", \"policy-domain\": \"mx.example.org\"}"));
    free(report);
}

static void test_tlsrpt_text_of_the_wire_is_escaped(void **state)
{
    (void)state;
    snprintf(x.session.server_name, sizeof x.session.server_name, "a\"}]\x1b[2J\xff");
    send_failed("validation-failure");
    char *report = finish();
    assert_non_null(strstr(report, "\"a\\\"}]\\u001b[2J\\\\xff\""));
    free(report);
}

static void test_tlsrpt_more_servers_than_fit_are_said(void **state)
{
    (void)state;
    x.session.server_name[0] = '\0';
    for (unsigned i = 0; i < TLSRPT_SERVERS + 5; i++) {
        x.session.server_address.bytes[2] = (uint8_t)(i >> 8);
        x.session.server_address.bytes[3] = (uint8_t)i;
        send();
    }
    sample_stderr_catch();
    char *report = finish();
    char *said = sample_stderr_release();
    assert_int_equal(sample_count(report, "\"policy-type\""), TLSRPT_SERVERS);
    assert_non_null(strstr(said, "5 sessions are not in the report: more than 1024 servers"));
    free(report);
    free(said);
}

static void test_tlsrpt_more_clients_than_fit_lose_their_address_only(void **state)
{
    (void)state;
    for (unsigned i = 0; i < TLSRPT_FAILURES + 7; i++) {
        x.session.client_address.bytes[2] = (uint8_t)(i >> 8);
        x.session.client_address.bytes[3] = (uint8_t)i;
        send_failed("starttls-not-supported");
    }
    char *report = finish();
    assert_counts(report, "0 8199");
    assert_int_equal(sample_count(report, "\"sending-mta-ip\""), TLSRPT_FAILURES);
    assert_non_null(strstr(report, "\"failed-session-count\": 7}"));
    free(report);
}

static void test_tlsrpt_replaces_the_old_report_whole(void **state)
{
    (void)state;
    struct stat status;
    sample_write(config.tlsrpt_path, "old", 3);
    send();
    char *report = finish();
    assert_int_equal(report[0], '{');
    assert_int_equal(report[strlen(report) - 2], '}');
    assert_int_equal(stat(config.tlsrpt_path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0640);
    free(report);
}

static void test_tlsrpt_unwritable_path_is_an_error_at_once(void **state)
{
    (void)state;
    struct config other = config;
    struct sink second;
    free(finish());
    snprintf(other.tlsrpt_path, sizeof other.tlsrpt_path, "/nonexistent/\033x/report.json");
    assert_false(tlsrpt_open(&second, &other, error));
    assert_string_equal(
        error, "cannot write the TLS report to /nonexistent/\\x1bx/report.json: No such file or directory");
    snprintf(other.tlsrpt_path, sizeof other.tlsrpt_path, "%s", folder);
    assert_false(tlsrpt_open(&second, &other, error));
    assert_non_null(strstr(error, "Is a directory"));
}

/* A device must not be replaced by a file. */
static void test_tlsrpt_device_is_written_to(void **state)
{
    (void)state;
    struct config other = config;
    struct sink second;
    struct run_summary summary = {0};
    struct stat status;
    free(finish());
    snprintf(other.tlsrpt_path, sizeof other.tlsrpt_path, "/dev/null");
    assert_true(tlsrpt_open(&second, &other, error));
    assert_true(second.finish(second.state, &summary));
    assert_int_equal(stat("/dev/null", &status), 0);
    assert_true(S_ISCHR(status.st_mode));
    snprintf(other.tlsrpt_path, sizeof other.tlsrpt_path, "/dev/full");
    assert_true(tlsrpt_open(&second, &other, error));
    sample_stderr_catch();
    assert_false(second.finish(second.state, &summary));
    char *said = sample_stderr_release();
    assert_non_null(strstr(said, "cannot write the TLS report to /dev/full"));
    free(said);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_tlsrpt_without_sessions_has_no_policies),
        TEST(test_tlsrpt_success_and_failure_are_counted_by_destination),
        TEST(test_tlsrpt_same_failure_of_the_same_client_is_one_detail),
        TEST(test_tlsrpt_servers_of_one_name_are_one_policy),
        TEST(test_tlsrpt_name_asked_for_goes_before_the_greeting),
        TEST(test_tlsrpt_nameless_server_goes_by_its_address),
        TEST(test_tlsrpt_leaves_out_what_is_no_answer),
        TEST(test_tlsrpt_policy_is_the_expected_one),
        TEST(test_tlsrpt_dane_goes_before_sts),
        TEST(test_tlsrpt_names_alone_are_no_policy),
        TEST(test_tlsrpt_text_of_the_wire_is_escaped),
        TEST(test_tlsrpt_more_servers_than_fit_are_said),
        TEST(test_tlsrpt_more_clients_than_fit_lose_their_address_only),
        TEST(test_tlsrpt_replaces_the_old_report_whole),
        TEST(test_tlsrpt_unwritable_path_is_an_error_at_once),
        TEST(test_tlsrpt_device_is_written_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
