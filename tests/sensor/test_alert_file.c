/* The open alerts from one run to the next: what was raised is not raised again, and is cleared in its time; a damaged file gives
 * nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "kept_file.h"
#include "sample.h"
#include "sensor/audit/alert.h"

enum { HANDED_CAP = 4096, ERROR_CAP = 512, CLEAR_MS = 600000, SECOND_MS = 1000 };

static const int64_t start_ms = INT64_C(1700000000) * 1000;
static char path[64];
static struct alert handed[HANDED_CAP];
static size_t handed_count;

static void hand(void *context, const struct alert *alert)
{
    (void)context;
    if (handed_count < HANDED_CAP)
        handed[handed_count++] = *alert;
}

static void new_path(void)
{
    snprintf(path, sizeof path, "/tmp/waxseal-test-alerts-XXXXXX");
    close(mkstemp(path));
    unlink(path);
}

static struct alerts *opened(enum severity from, uint32_t open, uint32_t a_minute)
{
    const struct alert_limits limits = {
        .from = from, .clear_after_s = CLEAR_MS / 1000, .open = open, .raised_a_minute = a_minute};
    handed_count = 0;
    struct alerts *a = alerts_open(&limits, hand, NULL);
    assert_non_null(a);
    return a;
}

static void note(struct alerts *a, enum rule rule, enum severity severity, int64_t later_ms, uint8_t server)
{
    struct sample x;
    memset(&x, 0, sizeof x);
    sample_session(&x.session);
    x.session.first_ns += (uint64_t)later_ms * 1000000;
    x.session.last_ns += (uint64_t)later_ms * 1000000;
    x.session.server_address.bytes[3] = server;
    sample_fill(&x);
    x.judgement.findings[0] = (struct finding){rule, severity};
    x.judgement.finding_count = 1;
    x.judgement.worst = severity;
    alerts_note(a, &x.event);
}

/* Three that were told, one beyond the bound of the minute, and one of the sensor. */
static struct alerts *filled(void)
{
    struct alerts *a = opened(SEVERITY_MEDIUM, 16, 4);
    alerts_note_sensor(a, "mirror_loss", SEVERITY_HIGH, "12 % are missing", "advice of this run", start_ms);
    note(a, RULE_auth_in_clear, SEVERITY_CRITICAL, 0, 1);
    note(a, RULE_auth_in_clear, SEVERITY_CRITICAL, SECOND_MS, 1);
    note(a, RULE_tls10, SEVERITY_HIGH, 0, 2);
    note(a, RULE_tls11, SEVERITY_MEDIUM, 0, 3);
    note(a, RULE_tls11, SEVERITY_MEDIUM, 0, 4);
    assert_int_equal(handed_count, 4);
    return a;
}

static void save(void)
{
    char error[ERROR_CAP] = "";
    struct alerts *a = filled();
    assert_true(alerts_save(a, path, error));
    alerts_close(a);
}

static uint64_t count_of(const struct alerts *a)
{
    uint64_t count = 0;
    for (int severity = 0; severity < SEVERITY_COUNT; severity++)
        count += alerts_count(a, (enum severity)severity);
    return count;
}

static const struct alert *handed_of(const char *rule)
{
    for (size_t i = 0; i < handed_count; i++)
        if (strcmp(handed[i].rule, rule) == 0)
            return &handed[i];
    return NULL;
}

static void test_alert_file_what_was_raised_is_counted_on_and_cleared(void **state)
{
    (void)state;
    char error[ERROR_CAP] = "";
    new_path();
    struct alerts *before = filled();
    struct alert first = *handed_of("auth_in_clear");
    assert_true(alerts_save(before, path, error));
    alerts_close(before);
    struct alerts *a = opened(SEVERITY_MEDIUM, 16, 4);
    assert_true(alerts_load(a, path, error));
    assert_int_equal(count_of(a), 5);
    assert_int_equal(alerts_count(a, SEVERITY_CRITICAL), 1);
    note(a, RULE_auth_in_clear, SEVERITY_CRITICAL, 60 * SECOND_MS, 1);
    alerts_note_sensor(a, "mirror_loss", SEVERITY_HIGH, "13 % are missing", "", start_ms + SECOND_MS);
    assert_int_equal(handed_count, 0);
    note(a, RULE_auth_in_clear, SEVERITY_CRITICAL, 60 * SECOND_MS, 9);
    assert_int_equal(handed_count, 1); /* another server is news */
    handed_count = 0;
    alerts_tick(a, start_ms + 2 * CLEAR_MS);
    assert_int_equal(count_of(a), 0);
    assert_int_equal(handed_count, 5); /* what was never told is not told to be over */
    const struct alert *cleared = handed_of("auth_in_clear");
    assert_non_null(cleared);
    assert_int_equal(cleared->state, ALERT_CLEARED);
    assert_int_equal(cleared->hits, 3);
    assert_int_equal(cleared->first_ms, first.first_ms);
    assert_string_equal(cleared->server_ip, first.server_ip);
    assert_int_equal(cleared->server_port, first.server_port);
    assert_string_equal(cleared->server_name, first.server_name);
    assert_string_equal(cleared->client_ip, first.client_ip);
    assert_string_equal(cleared->session, first.session);
    assert_string_equal(cleared->detail, first.detail);
    assert_ptr_equal(cleared->protocol, first.protocol); /* words of the program, not of the file */
    assert_ptr_equal(cleared->role, first.role);
    assert_ptr_equal(cleared->advice, first.advice);
    assert_string_not_equal(handed_of("mirror_loss")->advice, "");
    alerts_close(a);
    unlink(path);
}

static void test_alert_file_other_limits_hold_at_once(void **state)
{
    (void)state;
    char error[ERROR_CAP] = "";
    new_path();
    save();
    struct alerts *a = opened(SEVERITY_HIGH, 16, 4);
    assert_true(alerts_load(a, path, error));
    assert_int_equal(count_of(a), 3);
    alerts_close(a);
    a = opened(SEVERITY_MEDIUM, 2, 4);
    assert_true(alerts_load(a, path, error));
    assert_int_equal(count_of(a), 2);
    assert_int_equal(alerts_count(a, SEVERITY_CRITICAL), 1);
    alerts_close(a);
    unlink(path);
    a = opened(SEVERITY_MEDIUM, 16, 4);
    assert_true(alerts_load(a, path, error)); /* no file is no fault */
    assert_int_equal(count_of(a), 0);
    alerts_close(a);
}

static void check_refused(const char *bytes, size_t length)
{
    char error[ERROR_CAP] = "";
    struct alerts *a = opened(SEVERITY_MEDIUM, 2, 4);
    sample_write(path, bytes, length);
    assert_false(alerts_load(a, path, error));
    assert_non_null(strstr(error, path));
    assert_int_equal(count_of(a), 0);
    assert_int_equal(handed_count, 0);
    alerts_close(a);
}

static void test_alert_file_damaged_cut_or_continued_gives_nothing(void **state)
{
    (void)state;
    new_path();
    save();
    kept_file_damage(path, 53, check_refused);
    unlink(path);
}

static bool load_and_work_on(void)
{
    char error[ERROR_CAP] = "";
    struct alerts *a = opened(SEVERITY_MEDIUM, 3, 4);
    bool refused = !alerts_load(a, path, error);
    note(a, RULE_tls10, SEVERITY_HIGH, 0, 2);
    alerts_tick(a, start_ms + 2 * CLEAR_MS);
    alerts_close(a);
    return refused;
}

/* With a good sum any octets may stand there: taken or refused, they do no harm. */
static void test_alert_file_forged_rows_do_no_harm(void **state)
{
    (void)state;
    new_path();
    save();
    assert_true(kept_file_forge(path, load_and_work_on) > 0);
    unlink(path);
}

static void test_alert_file_of_somebody_else_is_left_alone(void **state)
{
    (void)state;
    static const char diary[] = "dear diary, these are no alerts";
    char error[ERROR_CAP] = "";
    size_t length = 0;
    new_path();
    sample_write(path, diary, sizeof diary);
    struct alerts *a = filled();
    assert_false(alerts_save(a, path, error));
    assert_non_null(strstr(error, "no list of open alerts"));
    char *bytes = sample_read(path, &length);
    assert_int_equal(length, sizeof diary);
    assert_memory_equal(bytes, diary, length);
    free(bytes);
    alerts_close(a);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alert_file_what_was_raised_is_counted_on_and_cleared),
        cmocka_unit_test(test_alert_file_other_limits_hold_at_once),
        cmocka_unit_test(test_alert_file_damaged_cut_or_continued_gives_nothing),
        cmocka_unit_test(test_alert_file_forged_rows_do_no_harm),
        cmocka_unit_test(test_alert_file_of_somebody_else_is_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
