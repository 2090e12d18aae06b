/* Counters: what one session adds, and that parts add up to the whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sample.h"
#include "sensor/audit/rollup.h"

static void test_rollup_cleartext_session_counts_what_it_shows(void **state)
{
    (void)state;
    struct sample x;
    int64_t value[ROLLUP_COUNT] = {0};
    sample_make(&x);
    rollup_add(value, &x.event);
    assert_int_equal(value[ROLLUP_sessions], 1);
    assert_int_equal(value[ROLLUP_decidable], 1);
    assert_int_equal(value[ROLLUP_encrypted], 0);
    assert_int_equal(value[ROLLUP_mode_plaintext], 1);
    assert_int_equal(value[ROLLUP_bytes], 600);
    assert_int_equal(value[ROLLUP_bytes_plaintext], 600);
    assert_int_equal(value[ROLLUP_auth_cleartext], 1);
    assert_int_equal(value[ROLLUP_funnel_sessions], 1);
    assert_int_equal(value[ROLLUP_protocol_smtp], 1);
    assert_int_equal(value[ROLLUP_version_none], 1);
    assert_int_equal(value[ROLLUP_verdict_insecure], 1);
    assert_int_equal(value[ROLLUP_direction_unknown], 1);
    assert_int_equal(value[ROLLUP_suite_unknown], 0);
    assert_int_equal(value[ROLLUP_decidable_smtp], 1);
    assert_int_equal(value[ROLLUP_encrypted_smtp], 0);
    assert_int_equal(value[ROLLUP_decidable_imap], 0);
    assert_int_equal(value[ROLLUP_decidable_inbound], 0);
}

static void test_rollup_interim_account_counts_nothing(void **state)
{
    (void)state;
    struct sample x;
    int64_t value[ROLLUP_COUNT] = {0};
    memset(&x, 0, sizeof x);
    sample_session(&x.session);
    x.session.final = false;
    sample_fill(&x);
    rollup_add(value, &x.event);
    for (int i = 0; i < ROLLUP_COUNT; i++)
        assert_int_equal(value[i], 0);
}

/* The sum of the counters from one to another of rollup.def. */
static int64_t sum(const int64_t *value, enum rollup_counter first, enum rollup_counter last)
{
    int64_t total = 0;
    for (int i = (int)first; i <= (int)last; i++)
        total += value[i];
    return total;
}

static void test_rollup_parts_add_up_to_the_sessions(void **state)
{
    (void)state;
    int64_t value[ROLLUP_COUNT] = {0};
    for (unsigned i = 0; i < 4096; i++) {
        struct sample x;
        memset(&x, 0, sizeof x);
        sample_session(&x.session);
        x.session.protocol = (uint8_t)(i % PROTOCOL_COUNT);
        x.session.tls_port = i >> 1 & 1;
        x.session.tls.client_hello = i >> 2 & 1;
        x.session.tls.server_hello = i >> 3 & 1;
        x.session.tls.established = i >> 4 & 1;
        x.session.tls.version = (uint16_t)(0x0300 + (i >> 5 & 7));
        x.session.mail.tls_asked = i >> 6 & 1;
        x.session.mail.tls_accepted = i >> 7 & 1;
        x.session.mail.offer_starttls = x.session.mail.offer_starttls_ever = i >> 8 & 1;
        x.session.midstream = i >> 9 & 1;
        x.session.tls.certificate_seen = i >> 10 & 1;
        x.session.mail.auth_exposure = i >> 11 & 1 ? AUTH_READABLE : AUTH_NOT_SEEN;
        sample_fill(&x);
        rollup_add(value, &x.event);
    }
    assert_int_equal(value[ROLLUP_sessions], 4096);
    assert_int_equal(sum(value, ROLLUP_mode_implicit, ROLLUP_mode_undecidable), 4096);
    assert_int_equal(sum(value, ROLLUP_starttls_none, ROLLUP_starttls_unknown), 4096);
    assert_int_equal(sum(value, ROLLUP_tls_none, ROLLUP_tls_unknown), 4096);
    assert_int_equal(sum(value, ROLLUP_version_ssl2, ROLLUP_version_none), 4096);
    assert_int_equal(sum(value, ROLLUP_verdict_compliant, ROLLUP_verdict_undecidable), 4096);
    assert_int_equal(sum(value, ROLLUP_protocol_smtp, ROLLUP_protocol_unknown), 4096);
    assert_int_equal(sum(value, ROLLUP_direction_inbound, ROLLUP_direction_unknown), 4096);
    assert_int_equal(sum(value, ROLLUP_severity_none, ROLLUP_severity_critical), 4096);
    assert_int_equal(sum(value, ROLLUP_auth_none, ROLLUP_auth_inside_tls_unknown), 4096);
    assert_int_equal(sum(value, ROLLUP_cert_visible, ROLLUP_cert_none), 4096);
    assert_int_equal(sum(value, ROLLUP_bytes_implicit, ROLLUP_bytes_undecidable), value[ROLLUP_bytes]);
    for (int i = ROLLUP_decidable_smtp; i < ROLLUP_encrypted_sieve; i += 2) {
        int64_t all = value[ROLLUP_protocol_smtp + (i - ROLLUP_decidable_smtp) / 2];
        assert_in_range(value[i], 1, all);
        assert_in_range(value[i + 1], 1, value[i] - 1);
    }
}

static void test_rollup_names_are_fields_of_redis(void **state)
{
    (void)state;
    for (int i = 0; i < ROLLUP_COUNT; i++) {
        const char *name = rollup_name((enum rollup_counter)i);
        assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_"), strlen(name));
        assert_true(rollup_text((enum rollup_counter)i)[0] != '\0');
        for (int k = 0; k < i; k++)
            assert_string_not_equal(name, rollup_name((enum rollup_counter)k));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rollup_cleartext_session_counts_what_it_shows),
        cmocka_unit_test(test_rollup_interim_account_counts_nothing),
        cmocka_unit_test(test_rollup_parts_add_up_to_the_sessions),
        cmocka_unit_test(test_rollup_names_are_fields_of_redis),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
