/* Paths from leaf to root: trusted, self-signed, of unknown root, with holes, out of order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/err.h>
#include <openssl/rsa.h>

#include "tests/sensor/issue.h"

static struct certificate_reader *reader;

static X509 *known_root; /* the very one that the store holds, and not another with the same name and key */

static X509 *root(void)
{
    issue_must(X509_up_ref(known_root) == 1);
    return known_root;
}

static X509 *middle_until(const char *end)
{
    return issue(&(struct issue){.subject = "O=Lab/CN=Middle",
                                 .issuer = "O=Lab/CN=Root",
                                 .key = KEY_MIDDLE,
                                 .signer = KEY_ROOT,
                                 .to = end,
                                 .constraints = "critical,CA:TRUE"});
}

static X509 *middle(void)
{
    return middle_until("350101000000Z");
}

static X509 *leaf(void)
{
    return issue(&(struct issue){.subject = "CN=mx.example.org",
                                 .issuer = "O=Lab/CN=Middle",
                                 .signer = KEY_MIDDLE,
                                 .names = "DNS:mx.example.org",
                                 .usage = "serverAuth"});
}

/* A CA that the store does not hold. */
static X509 *stranger(void)
{
    return issue(&(struct issue){
        .subject = "CN=Stranger", .key = KEY_OTHER, .signer = KEY_OTHER, .constraints = "critical,CA:TRUE"});
}

static X509 *strangers_leaf(void)
{
    return issue(
        &(struct issue){.subject = "CN=mx.example.org", .issuer = "CN=Stranger", .signer = KEY_OTHER});
}

static int open_reader(void **state)
{
    (void)state;
    char error[512];
    known_root = issue(&(struct issue){.subject = "O=Lab/CN=Root",
                                       .key = KEY_ROOT,
                                       .signer = KEY_ROOT,
                                       .from = "200101000000Z",
                                       .to = "400101000000Z",
                                       .constraints = "critical,CA:TRUE"});
    reader = issue_trust("", (X509 *[]){root(), NULL}, error);
    return reader != NULL && error[0] == '\0' ? 0 : -1;
}

static int close_reader(void **state)
{
    (void)state;
    certificate_reader_close(reader);
    X509_free(known_root);
    issue_free_keys();
    return 0;
}

/* The certificates are freed. */
#define READ(...) read_certificates((X509 *[]){__VA_ARGS__, NULL})

static struct certificate_chain read_certificates(X509 *const *certs)
{
    struct certificate_chain c = issue_read_chain(reader, certs);
    assert_int_equal(ERR_peek_error(), 0);
    return c;
}

static void test_path_to_a_root_is_trusted(void **state)
{
    (void)state;
    struct certificate_chain c = READ(leaf(), middle());
    assert_int_equal(c.trust, TRUST_TRUSTED);
    assert_true(c.public_root);
    assert_true(c.ordered);
    assert_false(c.root_sent);
    assert_int_equal(c.sent, 2);
    assert_int_equal(c.path_not_after, c.not_after);
    assert_false(c.path_ends_first);
}

static void test_path_with_the_root_sent_is_trusted(void **state)
{
    (void)state;
    struct certificate_chain c = READ(leaf(), middle(), root());
    assert_int_equal(c.trust, TRUST_TRUSTED);
    assert_true(c.root_sent);
    assert_true(c.ordered);
}

static void test_path_dates_do_not_make_it_untrusted(void **state)
{
    (void)state;
    /* All of it lies in the past, whatever the day of the test. */
    struct certificate_chain c = READ(leaf(), middle_until("260201000000Z"));
    assert_int_equal(c.trust, TRUST_TRUSTED);
    assert_int_equal(c.path_not_after, 1769904000);
    assert_true(c.path_ends_first);
    assert_int_equal(c.not_after, 1775001599);
}

static void test_path_takes_the_issuer_that_ends_last(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        X509 *old = middle_until("260201000000Z");
        struct certificate_chain c = i == 0 ? READ(leaf(), old, middle()) : READ(leaf(), middle(), old);
        assert_int_equal(c.trust, TRUST_TRUSTED);
        assert_false(c.path_ends_first);
        assert_false(c.ordered);
    }
}

static void test_path_without_intermediate_is_incomplete(void **state)
{
    (void)state;
    struct certificate_chain c = READ(leaf());
    assert_int_equal(c.trust, TRUST_INCOMPLETE);
    assert_false(c.public_root);
    assert_true(c.ordered);
    /* The root in its place helps nobody. */
    c = READ(leaf(), root());
    assert_int_equal(c.trust, TRUST_INCOMPLETE);
    assert_false(c.ordered);
    assert_true(c.root_sent);
}

static void test_path_out_of_order_is_still_a_path(void **state)
{
    (void)state;
    struct certificate_chain c = READ(leaf(), root(), middle());
    assert_int_equal(c.trust, TRUST_TRUSTED);
    assert_false(c.ordered);
    assert_false(c.root_sent);
    c = READ(leaf(), middle(), stranger());
    assert_int_equal(c.trust, TRUST_TRUSTED);
    assert_false(c.ordered);
}

static void test_path_to_an_unknown_root_is_untrusted(void **state)
{
    (void)state;
    struct certificate_chain c = READ(strangers_leaf(), stranger());
    assert_int_equal(c.trust, TRUST_UNTRUSTED);
    assert_true(c.ordered);
    assert_true(c.root_sent);
    assert_false(c.public_root);
    assert_int_equal(READ(strangers_leaf()).trust, TRUST_INCOMPLETE);
}

static void test_path_forged_signature_is_untrusted(void **state)
{
    (void)state;
    X509 *forged = issue(
        &(struct issue){.subject = "CN=x", .issuer = "O=Lab/CN=Middle", .signer = KEY_OTHER});
    struct certificate_chain c = READ(forged, middle());
    assert_int_equal(c.trust, TRUST_UNTRUSTED);
    assert_false(c.ordered);
    /* A stranger who calls himself like the root. */
    X509 *false_root = issue(&(struct issue){.subject = "O=Lab/CN=Root",
                                             .key = KEY_OTHER,
                                             .signer = KEY_OTHER,
                                             .constraints = "critical,CA:TRUE"});
    X509 *victim = issue(&(struct issue){.subject = "CN=x", .issuer = "O=Lab/CN=Root", .signer = KEY_OTHER});
    c = READ(victim, false_root);
    assert_int_not_equal(c.trust, TRUST_TRUSTED);
    assert_true(c.ordered);
}

static void test_path_over_a_leaf_is_untrusted(void **state)
{
    (void)state;
    X509 *no_ca = issue(&(struct issue){.subject = "CN=no-ca",
                                        .issuer = "O=Lab/CN=Root",
                                        .key = KEY_MIDDLE,
                                        .signer = KEY_ROOT,
                                        .constraints = "CA:FALSE"});
    X509 *end = issue(&(struct issue){.subject = "CN=x", .issuer = "CN=no-ca", .signer = KEY_MIDDLE});
    struct certificate_chain c = READ(end, no_ca);
    assert_int_equal(c.trust, TRUST_UNTRUSTED);
    assert_true(c.ordered);
}

static void test_path_self_signed_leaf(void **state)
{
    (void)state;
    struct certificate_chain c = READ(issue(&(struct issue){.subject = "CN=mx.example.org"}));
    assert_int_equal(c.trust, TRUST_SELF_SIGNED);
    assert_false(c.root_sent);
    assert_true(c.ordered);
    /* "openssl req -x509" makes it a CA: no difference. */
    c = READ(issue(&(struct issue){.subject = "CN=mx.example.org", .constraints = "critical,CA:TRUE"}));
    assert_int_equal(c.trust, TRUST_SELF_SIGNED);
    /* Other certificates behind it change nothing. */
    c = READ(issue(&(struct issue){.subject = "CN=mx.example.org"}), middle(), root());
    assert_int_equal(c.trust, TRUST_SELF_SIGNED);
    assert_false(c.ordered);
}

static void test_path_self_issued_with_another_key_is_told_apart(void **state)
{
    (void)state;
    struct certificate_chain c = READ(
        issue(&(struct issue){.subject = "CN=mx.example.org", .signer = KEY_OTHER}));
    assert_int_equal(c.trust, TRUST_SELF_ISSUED);
    /* A key of another kind than the signature is as good a proof. */
    c = READ(issue(&(struct issue){.subject = "CN=mx.example.org", .signer = KEY_RSA_2048}));
    assert_int_equal(c.trust, TRUST_SELF_ISSUED);
    assert_string_equal(certificate_trust_word(c.trust), "untrusted");
}

static void test_path_self_issued_below_a_known_root_is_trusted(void **state)
{
    (void)state;
    /* A root's successor (RFC 4210 s4.4). Only key identifiers tell libcrypto that it did not sign itself. */
    struct issue wish = {.subject = "O=Lab/CN=Root",
                         .signer = KEY_ROOT,
                         .own_id = "DER:0402aaaa",
                         .issuer_id = "DER:30048002bbbb"};
    struct certificate_chain c = READ(issue(&wish));
    assert_int_equal(c.trust, TRUST_TRUSTED);
    assert_true(c.public_root);
    wish.own_id = wish.issuer_id = NULL;
    assert_int_equal(READ(issue(&wish)).trust, TRUST_SELF_ISSUED);
}

static void test_path_of_a_root_alone_is_trusted_but_not_public(void **state)
{
    (void)state;
    struct certificate_chain c = READ(root());
    assert_int_equal(c.trust, TRUST_TRUSTED);
    assert_false(c.public_root);
}

static void test_path_weak_keys_and_hashes_are_trusted(void **state)
{
    (void)state;
    X509 *weak = issue(&(struct issue){.subject = "CN=x",
                                       .issuer = "O=Lab/CN=Middle",
                                       .key = KEY_RSA_1024,
                                       .signer = KEY_MIDDLE,
                                       .digest = EVP_sha1()});
    struct certificate_chain c = READ(weak, middle());
    assert_int_equal(c.trust, TRUST_TRUSTED);
    assert_true(c.signature_weak);
    assert_int_equal(c.key_bits, 1024);
}

static void test_path_wrong_purpose_is_trusted_and_marked(void **state)
{
    (void)state;
    struct issue wish = {
        .subject = "CN=x", .issuer = "O=Lab/CN=Middle", .signer = KEY_MIDDLE, .usage = "clientAuth"};
    struct certificate_chain c = READ(issue(&wish), middle());
    assert_int_equal(c.trust, TRUST_TRUSTED);
    assert_true(c.server_auth_missing);
    wish.usage = NULL;
    c = READ(issue(&wish), middle());
    assert_int_equal(c.trust, TRUST_TRUSTED);
    assert_false(c.server_auth_missing);
    wish.constraints = "critical,CA:TRUE";
    c = READ(issue(&wish), middle());
    assert_int_equal(c.trust, TRUST_TRUSTED);
    assert_true(c.is_ca);
}

/* An RSA key with an exponent of so many bits; to be put into an intermediate. */
static EVP_PKEY *rsa_with_exponent(int bits)
{
    EVP_PKEY *key = NULL;
    BIGNUM *exponent = BN_new();
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_id(EVP_PKEY_RSA, NULL);
    assert_true(BN_set_bit(exponent, bits - 1) == 1 && BN_set_bit(exponent, 0) == 1);
    assert_true(EVP_PKEY_keygen_init(context) == 1 && EVP_PKEY_CTX_set_rsa_keygen_bits(context, 1024) == 1);
    assert_int_equal(EVP_PKEY_CTX_set1_rsa_keygen_pubexp(context, exponent), 1);
    assert_int_equal(EVP_PKEY_keygen(context, &key), 1);
    EVP_PKEY_CTX_free(context);
    BN_free(exponent);
    return key;
}

static void test_path_key_made_to_be_slow_is_left_out(void **state)
{
    (void)state;
    for (int bits = 17; bits <= 65; bits += 48) {
        EVP_PKEY *key = rsa_with_exponent(bits);
        X509 *above = issue_unsigned(&(struct issue){
            .subject = "CN=Middle", .issuer = "O=Lab/CN=Root", .constraints = "critical,CA:TRUE"});
        X509 *end = issue_unsigned(&(struct issue){.subject = "CN=x", .issuer = "CN=Middle"});
        assert_int_equal(X509_set_pubkey(above, key), 1);
        issue_sign(above, issue_key_of(KEY_ROOT), NULL);
        issue_sign(end, key, NULL);
        EVP_PKEY_free(key);
        struct certificate_chain c = READ(end, above);
        assert_int_equal(c.trust, bits == 17 ? TRUST_TRUSTED : TRUST_INCOMPLETE);
        assert_int_equal(c.ordered, bits == 17);
        assert_int_equal(c.sent, 2);
    }
}

static void test_path_with_garbage_in_between(void **state)
{
    (void)state;
    struct build list = {0};
    X509 *certs[] = {leaf(), middle()};
    issue_append(&list, certs[0]);
    build_hex(&list, "000004 deadbeef");
    issue_append(&list, certs[1]);
    X509_free(certs[0]);
    X509_free(certs[1]);
    struct certificate_chain c = issue_read_list(reader, &list);
    assert_true(c.parsed);
    assert_int_equal(c.sent, 3);
    assert_false(c.ordered);
    assert_int_equal(c.trust, TRUST_TRUSTED);
}

static void test_path_beyond_the_cap_is_not_ordered(void **state)
{
    (void)state;
    struct build list = {0};
    X509 *end = leaf(), *above = middle(), *top = root();
    issue_append(&list, end);
    issue_append(&list, above);
    for (unsigned i = 2; i < TLS_CHAIN_CAP + 2; i++)
        issue_append(&list, top);
    X509_free(end);
    X509_free(above);
    X509_free(top);
    struct certificate_chain c = issue_read_list(reader, &list);
    assert_int_equal(c.sent, TLS_CHAIN_CAP + 2);
    assert_false(c.ordered);
    assert_int_equal(c.trust, TRUST_TRUSTED);
}

static void test_path_without_any_root_is_never_trusted(void **state)
{
    (void)state;
    char error[512];
    struct certificate_reader *other = issue_trust("", (X509 *[]){stranger(), NULL}, error);
    assert_non_null(other);
    assert_int_equal(issue_read_chain(other, (X509 *[]){leaf(), middle(), root(), NULL}).trust,
                     TRUST_UNTRUSTED);
    assert_int_equal(issue_read_chain(other, (X509 *[]){leaf(), middle(), NULL}).trust, TRUST_INCOMPLETE);
    certificate_reader_close(other);
}

/* An intermediate in the bundle fills a gap, yet is no root: PARTIAL_CHAIN is off. */
static void test_path_intermediate_in_the_bundle_is_no_root(void **state)
{
    (void)state;
    char error[512];
    struct certificate_reader *both = issue_trust("", (X509 *[]){middle(), root(), NULL}, error);
    assert_int_equal(issue_read_chain(both, (X509 *[]){leaf(), NULL}).trust, TRUST_TRUSTED);
    certificate_reader_close(both);
    struct certificate_reader *alone = issue_trust("", (X509 *[]){middle(), NULL}, error);
    assert_int_equal(issue_read_chain(alone, (X509 *[]){leaf(), NULL}).trust, TRUST_INCOMPLETE);
    certificate_reader_close(alone);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_path_to_a_root_is_trusted),
        cmocka_unit_test(test_path_with_the_root_sent_is_trusted),
        cmocka_unit_test(test_path_dates_do_not_make_it_untrusted),
        cmocka_unit_test(test_path_takes_the_issuer_that_ends_last),
        cmocka_unit_test(test_path_without_intermediate_is_incomplete),
        cmocka_unit_test(test_path_out_of_order_is_still_a_path),
        cmocka_unit_test(test_path_to_an_unknown_root_is_untrusted),
        cmocka_unit_test(test_path_forged_signature_is_untrusted),
        cmocka_unit_test(test_path_over_a_leaf_is_untrusted),
        cmocka_unit_test(test_path_self_signed_leaf),
        cmocka_unit_test(test_path_self_issued_with_another_key_is_told_apart),
        cmocka_unit_test(test_path_self_issued_below_a_known_root_is_trusted),
        cmocka_unit_test(test_path_of_a_root_alone_is_trusted_but_not_public),
        cmocka_unit_test(test_path_weak_keys_and_hashes_are_trusted),
        cmocka_unit_test(test_path_wrong_purpose_is_trusted_and_marked),
        cmocka_unit_test(test_path_key_made_to_be_slow_is_left_out),
        cmocka_unit_test(test_path_with_garbage_in_between),
        cmocka_unit_test(test_path_beyond_the_cap_is_not_ordered),
        cmocka_unit_test(test_path_without_any_root_is_never_trusted),
        cmocka_unit_test(test_path_intermediate_in_the_bundle_is_no_root),
    };
    return cmocka_run_group_tests(tests, open_reader, close_reader);
}
