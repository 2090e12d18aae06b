/* The words that all mail protocols share: what looks like TLS, what was overwritten, what a mechanism
 * gives away. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "parsers/mail.h"

static bool looks(const char *bytes, size_t n, bool alert_too)
{
    return mail_looks_like_tls(span_of(bytes, n), alert_too);
}

static void test_mail_tls_record_looks_like_tls_however_short(void **unused)
{
    (void)unused;
    static const char hello[] = "\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00";
    static const char alert[] = "\x15\x03\x03\x00\x02\x02\x28";
    for (size_t n = 1; n < sizeof hello; n++)
        assert_true(looks(hello, n, false));
    for (size_t n = 1; n < sizeof alert; n++) {
        assert_true(looks(alert, n, true));
        assert_false(looks(alert, n, false));
    }
    assert_true(looks("\x16\x03\x03\x00\x31\x02", 6, false));
    assert_true(looks("\x16\x03\x00\x48\x00\x01", 6, false));
}

static void test_mail_near_misses_do_not_look_like_tls(void **unused)
{
    (void)unused;
    assert_false(looks("", 0, true));
    assert_false(looks("\x16\x02", 2, true));
    assert_false(looks("\x16\x03\x05", 3, true));
    assert_false(looks("\x16\x03\x01\x00\x00", 5, true));
    assert_false(looks("\x16\x03\x01\x48\x01", 5, true));
    assert_false(looks("\x16\x03\x01\x00\x05\x07", 6, true));
    assert_false(looks("\x15\x03\x01\x00\x03\x02", 6, true));
    assert_false(looks("\x15\x03\x01\x00\x02\x03", 6, true));
    assert_false(looks("\x17\x03\x03\x00\x20", 5, true));
    assert_false(looks("220 mx", 6, true));
    assert_false(looks("\x14\x03\x03", 3, true));
}

static void test_mail_ssl2_hello_looks_like_tls(void **unused)
{
    (void)unused;
    static const char client[] = "\x80\x2e\x01\x00\x02\x00\x15";
    static const char server[] = "\x84\x20\x04\x00\x01\x00\x02";
    for (size_t n = 1; n < sizeof client; n++) {
        assert_true(looks(client, n, false));
        assert_true(looks(server, n, false));
    }
    assert_true(looks("\x80\x2e\x01\x03\x01", 5, false));
    assert_false(looks("\x80\x2e\x02", 3, false));
    assert_false(looks("\x80\x2e\x01\x04\x01", 5, false));
    assert_false(looks("\x80\x2e\x01\x00\x03", 5, false));
    assert_false(looks("\x80\x08\x01", 3, false));
    assert_false(looks("\x80\x20\x04\x02", 4, false));
}

static void test_mail_masked_words(void **unused)
{
    (void)unused;
    static const char *const masked[] = {"XXX", "XXXXXXXX", "XXXXXXXA", "XXXB", "***", "********", "XXA"};
    static const char *const genuine[] = {
        "",         "X",        "XX",       "**",       "XCLIENT", "XFORWARD", "XRDST", "X-GM-EXT-1", "XXX1",
        "xxxxxxxx", "XXXXXXXa", "STARTTLS", "AAAAAAAA", "XXAX",    "X*X",      "*XX",   "XXXX-XXX"};
    for (size_t i = 0; i < sizeof masked / sizeof *masked; i++)
        assert_true(mail_is_masked(span_text(masked[i])));
    for (size_t i = 0; i < sizeof genuine / sizeof *genuine; i++)
        assert_false(mail_is_masked(span_text(genuine[i])));
}

static void test_mail_secrets_of_mechanisms(void **unused)
{
    (void)unused;
    static const struct {
        const char *mechanism;
        enum mail_secret secret;
        unsigned offer;
    } rows[] = {{"PLAIN", SECRET_READABLE, OFFER_PLAIN_AUTH},
                {"login", SECRET_READABLE, OFFER_PLAIN_AUTH},
                {"XOAUTH2", SECRET_READABLE, OFFER_PLAIN_AUTH},
                {"OAuthBearer", SECRET_READABLE, OFFER_PLAIN_AUTH},
                {"USER", SECRET_READABLE, OFFER_PLAIN_AUTH},
                {"CRAM-MD5", SECRET_DIGEST_MD5, OFFER_OTHER_AUTH},
                {"NTLM", SECRET_DIGEST_MD5, OFFER_OTHER_AUTH},
                {"digest-md5", SECRET_DIGEST_MD5, OFFER_OTHER_AUTH},
                {"APOP", SECRET_DIGEST_MD5, OFFER_OTHER_AUTH},
                {"EXTERNAL", SECRET_NONE, OFFER_OTHER_AUTH},
                {"ANONYMOUS", SECRET_NONE, OFFER_OTHER_AUTH},
                {"SCRAM-SHA-256-PLUS", SECRET_PROTECTED, OFFER_OTHER_AUTH},
                {"GSSAPI", SECRET_PROTECTED, OFFER_OTHER_AUTH},
                {"PLAINTEXT", SECRET_PROTECTED, OFFER_OTHER_AUTH},
                {"", SECRET_NONE, 0}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(mail_secret_of(span_text(rows[i].mechanism)), rows[i].secret);
        assert_int_equal(mail_offer_of(span_text(rows[i].mechanism)), rows[i].offer);
    }
}

static void test_mail_wipe_overwrites(void **unused)
{
    (void)unused;
    char secret[] = "secret";
    static const char zero[sizeof secret];
    mail_wipe(secret, sizeof secret);
    assert_memory_equal(secret, zero, sizeof secret);
}

static void test_mail_every_event_has_a_word(void **unused)
{
    (void)unused;
#define X(name, word) assert_string_equal(mail_event_word(name), #word);
    MAIL_EVENTS(X)
#undef X
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mail_tls_record_looks_like_tls_however_short),
        cmocka_unit_test(test_mail_near_misses_do_not_look_like_tls),
        cmocka_unit_test(test_mail_ssl2_hello_looks_like_tls),
        cmocka_unit_test(test_mail_masked_words),
        cmocka_unit_test(test_mail_secrets_of_mechanisms),
        cmocka_unit_test(test_mail_wipe_overwrites),
        cmocka_unit_test(test_mail_every_event_has_a_word),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
