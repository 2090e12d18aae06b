/* The reader of chains as a whole: its store, its memory, broken messages, and what is said about validity. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/err.h>

#include "tests/sensor/issue.h"

enum { DAY_S = 86400, CACHED_CHAINS = 4096 };

static struct certificate_reader *reader;
static struct build whole; /* a message of leaf, intermediate and root, trusted */

static X509 *root(void)
{
    return issue(&(struct issue){
        .subject = "CN=Root", .key = KEY_ROOT, .signer = KEY_ROOT, .constraints = "critical,CA:TRUE"});
}

static void build_whole(void)
{
    X509 *certs[] = {issue(&(struct issue){.subject = "CN=mx.example.org",
                                           .issuer = "CN=Middle",
                                           .signer = KEY_MIDDLE,
                                           .names = "DNS:mx.example.org,DNS:*.example.net,IP:192.0.2.7",
                                           .usage = "serverAuth",
                                           .policies = "2.23.140.1.2.1"}),
                     issue(&(struct issue){.subject = "CN=Middle",
                                           .issuer = "CN=Root",
                                           .key = KEY_MIDDLE,
                                           .signer = KEY_ROOT,
                                           .constraints = "critical,CA:TRUE"}),
                     root()};
    size_t mark = build_open(&whole, 3);
    for (unsigned i = 0; i < 3; i++) {
        issue_append(&whole, certs[i]);
        X509_free(certs[i]);
    }
    build_close(&whole, mark, 3);
}

static int open_reader(void **state)
{
    (void)state;
    char error[512];
    reader = issue_trust("", (X509 *[]){root(), NULL}, error);
    build_whole();
    return reader != NULL && error[0] == '\0' ? 0 : -1;
}

static int close_reader(void **state)
{
    (void)state;
    certificate_reader_close(reader);
    certificate_reader_close(NULL);
    issue_free_keys();
    return 0;
}

static void test_certificate_facts_of_a_whole_chain(void **state)
{
    (void)state;
    struct certificate_chain c = issue_read(reader, whole.bytes, whole.n);
    assert_true(c.parsed);
    assert_true(c.ordered);
    assert_true(c.root_sent);
    assert_int_equal(c.sent, 3);
    assert_int_equal(c.trust, TRUST_TRUSTED);
    assert_string_equal(c.names, "mx.example.org,*.example.net,192.0.2.7");
    assert_int_equal(certificate_matches(&c, "mx.example.org"), MATCH_YES);
    assert_int_equal(certificate_matches(&c, "a.example.net"), MATCH_YES);
    assert_int_equal(certificate_matches(&c, "192.0.2.7"), MATCH_YES);
    assert_int_equal(certificate_matches(&c, "example.net"), MATCH_NO);
    assert_string_equal(certificate_scope_word(c.scope), "wildcard");
    assert_string_equal(certificate_validation_word(c.validation), "DV");
    assert_int_equal(certificate_validity_days(&c), 90);
}

static void test_certificate_ten_thousand_sights_are_one(void **state)
{
    (void)state;
    struct certificate_chain first = issue_read(reader, whole.bytes, whole.n), again;
    uint64_t before = certificate_read_count(reader);
    for (unsigned i = 0; i < 10000; i++)
        certificate_read(reader, span_of(whole.bytes, whole.n), &again);
    assert_int_equal(certificate_read_count(reader), before);
    assert_memory_equal(&first, &again, sizeof first);
}

/* Reads a message that is no chain, a different one for each number. */
static void read_number(struct certificate_reader *r, uint32_t number)
{
    struct certificate_chain c;
    certificate_read(r, span_of(&number, sizeof number), &c);
    assert_false(c.parsed);
}

static void test_certificate_cache_lets_go_of_the_oldest(void **state)
{
    (void)state;
    char error[512];
    struct certificate_reader *r = issue_trust("", (X509 *[]){root(), NULL}, error);
    for (uint32_t i = 0; i < CACHED_CHAINS; i++)
        read_number(r, i);
    assert_int_equal(certificate_read_count(r), CACHED_CHAINS);
    for (uint32_t i = 0; i < CACHED_CHAINS; i++)
        read_number(r, i);
    assert_int_equal(certificate_read_count(r), CACHED_CHAINS);
    read_number(r, CACHED_CHAINS); /* takes the place of number 0 */
    read_number(r, 1);
    assert_int_equal(certificate_read_count(r), CACHED_CHAINS + 1);
    read_number(r, 0);
    assert_int_equal(certificate_read_count(r), CACHED_CHAINS + 2);
    for (uint32_t i = 10; i < 3 * CACHED_CHAINS; i++)
        read_number(r, i);
    for (uint32_t i = 2 * CACHED_CHAINS; i < 3 * CACHED_CHAINS; i++)
        read_number(r, i);
    assert_int_equal(certificate_read_count(r), 3 * CACHED_CHAINS + 1);
    certificate_reader_close(r);
}

static void test_certificate_empty_list_is_nothing(void **state)
{
    (void)state;
    struct certificate_chain c = issue_read(reader, "\0\0\0", 3);
    assert_false(c.parsed);
    assert_int_equal(c.sent, 0);
    assert_int_equal(c.trust, TRUST_NOT_CHECKED);
    assert_int_equal(certificate_validity_days(&c), 0);
    c = issue_read(reader, NULL, 0);
    assert_false(c.parsed);
}

static void test_certificate_garbage_keeps_its_digest(void **state)
{
    (void)state;
    uint8_t digest[32];
    struct build list = {0};
    build_hex(&list, "000004 deadbeef");
    assert_int_equal(EVP_Digest(list.bytes + 3, 4, digest, NULL, EVP_sha256(), NULL), 1);
    struct certificate_chain c = issue_read_list(reader, &list);
    assert_false(c.parsed);
    assert_int_equal(c.sent, 1);
    assert_int_equal(c.trust, TRUST_NOT_CHECKED);
    assert_memory_equal(c.sha256, digest, sizeof digest);
    assert_string_equal(c.subject, "");
    assert_int_equal(ERR_peek_error(), 0);
}

static void test_certificate_every_truncation_is_borne(void **state)
{
    (void)state;
    for (size_t n = 0; n < whole.n; n++) {
        struct certificate_chain c = issue_read(reader, whole.bytes, n);
        assert_false(c.ordered);
        assert_false(c.parsed && c.trust == TRUST_NOT_CHECKED);
    }
    assert_int_equal(ERR_peek_error(), 0);
}

/* The list is whole and the DER within it breaks off. */
static void test_certificate_every_truncated_der_is_borne(void **state)
{
    (void)state;
    size_t der_bytes = (size_t)(whole.bytes[3] << 16 | whole.bytes[4] << 8 | whole.bytes[5]);
    for (size_t n = 1; n < der_bytes; n++) {
        struct build list = {0};
        size_t mark = build_open(&list, 3);
        build_bytes(&list, whole.bytes + 6, n);
        build_close(&list, mark, 3);
        assert_false(issue_read_list(reader, &list).parsed);
    }
}

static void test_certificate_every_changed_octet_is_borne(void **state)
{
    (void)state;
    static const uint8_t changes[] = {0x01, 0x80, 0xff};
    for (size_t i = 0; i < whole.n; i++) {
        struct build changed = whole;
        changed.bytes[i] ^= changes[i % sizeof changes];
        struct certificate_chain c = issue_read(reader, changed.bytes, changed.n);
        /* The last certificate is a root that the store holds anyhow. */
        if (c.sent == 3 && i < whole.n / 2)
            assert_false(c.trust == TRUST_TRUSTED && c.ordered);
    }
    assert_int_equal(ERR_peek_error(), 0);
}

static void test_certificate_bundle_that_is_none_is_refused(void **state)
{
    (void)state;
    static const char *const files[] = {"/nonexistent/roots.pem", "/dev/null", "/"};
    char error[512] = "";
    for (unsigned i = 0; i < sizeof files / sizeof *files; i++) {
        assert_null(certificate_reader_open(files[i], error));
        assert_non_null(strstr(error, files[i]));
    }
    assert_null(issue_trust("no certificate here\n", (X509 *[]){NULL}, error));
    assert_int_equal(ERR_peek_error(), 0);
}

static void test_certificate_bundle_with_damage_is_used_and_told(void **state)
{
    (void)state;
    static const char *const damages[] = {
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\n****\n-----END CERTIFICATE-----\n",
        /* Encrypted: nobody is asked for a password. */
        "-----BEGIN CERTIFICATE-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: "
        "AES-128-CBC,00112233445566778899AABBCCDDEEFF\n\n"
        "AAAAAAAAAAAAAAAAAAAAAA==\n-----END CERTIFICATE-----\n",
    };
    for (unsigned i = 0; i < sizeof damages / sizeof *damages; i++) {
        char error[512] = "";
        struct certificate_reader *r = issue_trust(damages[i], (X509 *[]){root(), NULL}, error);
        assert_non_null(r);
        assert_non_null(strstr(error, "1 of its certificates"));
        assert_int_equal(issue_read(r, whole.bytes, whole.n).trust, TRUST_TRUSTED);
        certificate_reader_close(r);
    }
}

static void test_certificate_other_text_in_a_bundle_is_no_damage(void **state)
{
    (void)state;
    char error[512] = "?";
    struct certificate_reader *r = issue_trust(
        "# roots\n-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
        (X509 *[]){root(), root(), NULL}, error);
    assert_non_null(r);
    assert_string_equal(error, "");
    certificate_reader_close(r);
}

static void test_certificate_system_store_opens(void **state)
{
    (void)state;
    char error[512] = "?";
    struct certificate_reader *r = certificate_reader_open(NULL, error);
    assert_non_null(r);
    assert_int_equal(issue_read(r, whole.bytes, whole.n).trust, TRUST_UNTRUSTED);
    certificate_reader_close(r);
}

static void test_certificate_validity_counts_begun_days(void **state)
{
    (void)state;
    static const struct {
        int64_t seconds, days;
    } cases[] = {{0, 1}, {DAY_S - 1, 1}, {DAY_S, 2}, {90 * DAY_S - 1, 90}, {900 * (int64_t)DAY_S, 901},
                 {-1, 0}};
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct certificate_chain c = {
            .parsed = true, .not_before = 1000, .not_after = 1000 + cases[i].seconds};
        assert_int_equal(certificate_validity_days(&c), cases[i].days);
    }
    struct certificate_chain longest = {
        .parsed = true, .not_before = -62167219200, .not_after = 253402300799};
    assert_int_equal(certificate_validity_days(&longest), 3652425);
}

static void test_certificate_of_900_days_is_beyond_every_limit(void **state)
{
    (void)state;
    X509 *chain[] = {
        issue(&(struct issue){.subject = "CN=x", .from = "190101000000Z", .to = "210618235959Z"}), NULL};
    struct certificate_chain c = issue_read_chain(reader, chain);
    assert_int_equal(certificate_validity_days(&c), 900);
    assert_int_equal(certificate_validity_limit_days(c.not_before), 825);
}

static void test_certificate_validity_limits_begin_on_their_day(void **state)
{
    (void)state;
    static const struct {
        int64_t from, days;
    } cases[] = {
        {1519862400, 825}, {1598918400, 398}, {1773532800, 200}, {1805068800, 100}, {1868227200, 47}};
    int64_t before = 0;
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(certificate_validity_limit_days(cases[i].from - 1), before);
        assert_int_equal(certificate_validity_limit_days(cases[i].from), cases[i].days);
        before = cases[i].days;
    }
    assert_int_equal(certificate_validity_limit_days(-1), 0);
    assert_int_equal(certificate_validity_limit_days(INT64_MAX), 47);
}

static void test_certificate_words_are_those_of_the_interface(void **state)
{
    (void)state;
    static const char *const trust[] = {"not_checked", "trusted",   "self_signed",
                                        "untrusted",   "untrusted", "incomplete"};
    static const char *const scope[] = {"", "single", "multi", "wildcard"};
    static const char *const validation[] = {"unknown", "DV", "OV", "IV", "EV"};
    for (unsigned i = TRUST_NOT_CHECKED; i <= TRUST_INCOMPLETE; i++)
        assert_string_equal(certificate_trust_word((enum certificate_trust)i), trust[i]);
    for (unsigned i = SCOPE_UNKNOWN; i <= SCOPE_WILDCARD; i++)
        assert_string_equal(certificate_scope_word((enum certificate_scope)i), scope[i]);
    for (unsigned i = VALIDATION_UNKNOWN; i <= VALIDATION_EV; i++)
        assert_string_equal(certificate_validation_word((enum certificate_validation)i), validation[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_certificate_facts_of_a_whole_chain),
        cmocka_unit_test(test_certificate_ten_thousand_sights_are_one),
        cmocka_unit_test(test_certificate_cache_lets_go_of_the_oldest),
        cmocka_unit_test(test_certificate_empty_list_is_nothing),
        cmocka_unit_test(test_certificate_garbage_keeps_its_digest),
        cmocka_unit_test(test_certificate_every_truncation_is_borne),
        cmocka_unit_test(test_certificate_every_truncated_der_is_borne),
        cmocka_unit_test(test_certificate_every_changed_octet_is_borne),
        cmocka_unit_test(test_certificate_bundle_that_is_none_is_refused),
        cmocka_unit_test(test_certificate_bundle_with_damage_is_used_and_told),
        cmocka_unit_test(test_certificate_other_text_in_a_bundle_is_no_damage),
        cmocka_unit_test(test_certificate_system_store_opens),
        cmocka_unit_test(test_certificate_validity_counts_begun_days),
        cmocka_unit_test(test_certificate_of_900_days_is_beyond_every_limit),
        cmocka_unit_test(test_certificate_validity_limits_begin_on_their_day),
        cmocka_unit_test(test_certificate_words_are_those_of_the_interface),
    };
    return cmocka_run_group_tests(tests, open_reader, close_reader);
}
