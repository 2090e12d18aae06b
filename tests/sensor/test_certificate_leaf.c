/* What a leaf says of itself: names that lie, keys of every kind, dates of every form. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/core_names.h>
#include <openssl/dsa.h>
#include <openssl/err.h>
#include <openssl/rsa.h>

#include "tests/sensor/issue.h"

static struct certificate_reader *reader;

static int open_reader(void **state)
{
    (void)state;
    char error[512];
    X509 *roots[] = {issue(&(struct issue){.subject = "CN=Root", .key = KEY_ROOT, .signer = KEY_ROOT}), NULL};
    reader = issue_trust("", roots, error);
    return reader != NULL && error[0] == '\0' ? 0 : -1;
}

static int close_reader(void **state)
{
    (void)state;
    certificate_reader_close(reader);
    issue_free_keys();
    return 0;
}

static struct certificate_chain read_one(X509 *leaf)
{
    X509 *chain[] = {leaf, NULL};
    struct certificate_chain c = issue_read_chain(reader, chain);
    assert_int_equal(ERR_peek_error(), 0);
    return c;
}

static struct certificate_chain read_leaf(const struct issue *wish)
{
    struct certificate_chain c = read_one(issue(wish));
    assert_true(c.parsed);
    return c;
}

static struct certificate_chain read_names(const char *names)
{
    return read_leaf(&(struct issue){.subject = "CN=x", .names = names});
}

static void test_leaf_subject_and_issuer_are_rfc4514_text(void **state)
{
    (void)state;
    struct certificate_chain c = read_leaf(&(struct issue){
        .subject = "C=DE/O=Müller, Söhne + Co/CN=mx.example.org", .issuer = "O=\"x\"/CN= a "});
    assert_string_equal(c.subject, "CN=mx.example.org,O=Müller\\, Söhne \\+ Co,C=DE");
    assert_string_equal(c.issuer, "CN=\\ a\\ ,O=\\\"x\\\"");
    assert_string_equal(c.names, "");
    assert_false(c.has_names);
    assert_int_equal(c.scope, SCOPE_UNKNOWN);
}

static void test_leaf_empty_name_is_empty_text(void **state)
{
    (void)state;
    struct certificate_chain c = read_leaf(&(struct issue){.names = "DNS:mx.example.org"});
    assert_string_equal(c.subject, "");
    assert_string_equal(c.issuer, "");
    assert_string_equal(c.names, "mx.example.org");
}

static void test_leaf_nul_in_subject_does_not_cut_it(void **state)
{
    (void)state;
    X509 *leaf = issue(
        &(struct issue){.subject = "CN=bank.example?.evil.example\n\x1b[2J", .issuer = "CN=y"});
    struct certificate_chain c = issue_read_changed(reader, leaf, "example?", "example", 8);
    assert_true(c.parsed);
    assert_string_equal(c.subject, "CN=bank.example\\00.evil.example\\0A\\1B[2J");
}

static void test_leaf_long_subject_is_cut_at_a_character(void **state)
{
    (void)state;
    char subject[300] = "OU=";
    for (size_t n = 3; n < 63; n += 2)
        memcpy(subject + n, "ö", 2);
    /* OpenSSL keeps OU to 64 characters, so the name is several of them, and the cap falls into a two-octet
     * character. */
    char whole[1200] = "";
    for (unsigned i = 0; i < 6; i++)
        snprintf(whole + strlen(whole), sizeof whole - strlen(whole), "%s%s", i > 0 ? "/" : "", subject);
    struct certificate_chain c = read_leaf(&(struct issue){.subject = whole});
    size_t n = strlen(c.subject);
    assert_in_range(n, CERTIFICATE_NAME_CAP - 2, CERTIFICATE_NAME_CAP - 1);
    assert_memory_equal(c.subject + n - 2, "ö", 2);
}

/* An escape is cut before or behind, never within: "\" at the end would swallow what a sink writes next. */
static void test_leaf_long_subject_is_cut_at_an_escape(void **state)
{
    (void)state;
    for (unsigned shift = 0; shift < 3; shift++) {
        char whole[1200] = "";
        for (unsigned i = 0; i < 6; i++)
            snprintf(whole + strlen(whole), sizeof whole - strlen(whole), "%sOU=%.*s%s", i > 0 ? "/" : "",
                     i == 5 ? (int)shift : 0, "abc", "\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n");
        struct certificate_chain c = read_leaf(&(struct issue){.subject = whole});
        size_t n = strlen(c.subject);
        assert_in_range(n, CERTIFICATE_NAME_CAP - 3, CERTIFICATE_NAME_CAP - 1);
        assert_memory_equal(c.subject + n - 3, "\\0A", 3);
    }
}

static void test_leaf_names_are_listed(void **state)
{
    (void)state;
    struct certificate_chain c = read_names(
        "DNS:mx.example.org,email:a@example.org,DNS:*.example.net,IP:192.0.2.7,IP:2001:db8::1,URI:https://x");
    assert_string_equal(c.names, "mx.example.org,*.example.net,192.0.2.7,2001:db8::1");
    assert_true(c.has_names);
    assert_false(c.names_cut);
    assert_int_equal(c.scope, SCOPE_WILDCARD);
}

static void test_leaf_scope_counts_different_names(void **state)
{
    (void)state;
    assert_int_equal(read_names("DNS:mx.example.org").scope, SCOPE_SINGLE);
    assert_int_equal(read_names("DNS:mx.example.org,DNS:mx.example.org").scope, SCOPE_SINGLE);
    assert_int_equal(read_names("DNS:mx.example.org,DNS:mx2.example.org").scope, SCOPE_MULTI);
    assert_int_equal(read_names("IP:192.0.2.1").scope, SCOPE_SINGLE);
    /* 0x2a 0x2e are "*." in ASCII. */
    assert_int_equal(read_names("IP:42.46.2.1").scope, SCOPE_SINGLE);
    assert_int_equal(read_names("email:a@example.org").scope, SCOPE_UNKNOWN);
    assert_false(read_names("email:a@example.org").has_names);
}

static void test_leaf_names_beyond_the_cap_are_left_out_whole(void **state)
{
    (void)state;
    char names[4096] = "";
    for (unsigned i = 0; i < 100; i++)
        snprintf(names + strlen(names), sizeof names - strlen(names), "%sDNS:host-%03u.example.org",
                 i > 0 ? "," : "", i);
    struct certificate_chain c = read_names(names);
    assert_true(c.names_cut);
    assert_int_equal(c.scope, SCOPE_MULTI);
    /* 21 octets a name with its comma. */
    assert_int_equal(strlen(c.names), CERTIFICATE_NAMES_CAP / 21 * 21 - 1);
    assert_string_equal(strrchr(c.names, ',') + 1, "host-047.example.org");
}

static void test_leaf_names_that_just_fit_are_not_cut(void **state)
{
    (void)state;
    for (unsigned length = CERTIFICATE_NAMES_CAP - 3; length <= CERTIFICATE_NAMES_CAP + 1; length++) {
        char names[CERTIFICATE_NAMES_CAP + 16] = "DNS:a,DNS:";
        memset(names + 10, 'b', length - 2);
        struct certificate_chain c = read_names(names);
        assert_int_equal(c.names_cut, length >= CERTIFICATE_NAMES_CAP);
        assert_int_equal(strlen(c.names), c.names_cut ? 1 : length);
    }
}

static void test_leaf_one_name_too_long_leaves_none(void **state)
{
    (void)state;
    char names[2100] = "DNS:";
    memset(names + 4, 'a', 2000);
    struct certificate_chain c = read_names(names);
    assert_string_equal(c.names, "");
    assert_true(c.names_cut);
    assert_true(c.has_names);
}

static void test_leaf_odd_octets_in_names_are_escaped(void **state)
{
    (void)state;
    X509 *leaf = issue(&(struct issue){.subject = "CN=x", .names = "DNS:bank.example?.evil.example,DNS:b"});
    struct certificate_chain c = issue_read_changed(reader, leaf, "example?", "example", 8);
    assert_string_equal(c.names, "bank.example\\00.evil.example,b");
    leaf = issue(&(struct issue){.subject = "CN=x", .names = "DNS:abcdef"});
    c = issue_read_changed(reader, leaf, "abcdef", ",\\ \n\xc3\x7f", 6);
    assert_string_equal(c.names, "\\2C\\5C\\20\\0A\\C3\\7F");
}

static void test_leaf_address_as_dns_name_does_not_read_like_one(void **state)
{
    (void)state;
    assert_string_equal(read_names("DNS:192.0.2.7,DNS:2001:db8::1").names, "DNS:192.0.2.7,DNS:2001:db8::1");
}

static void test_leaf_address_of_odd_length_is_left_out(void **state)
{
    (void)state;
    /* Five octets: iPAddress of a name constraint written by mistake, say. */
    X509 *leaf = issue_unsigned(&(struct issue){.subject = "CN=x"});
    GENERAL_NAMES *list = GENERAL_NAMES_new();
    GENERAL_NAME *entry = GENERAL_NAME_new();
    ASN1_OCTET_STRING *octets = ASN1_OCTET_STRING_new();
    ASN1_OCTET_STRING_set(octets, (const uint8_t *)"12345", 5);
    GENERAL_NAME_set0_value(entry, GEN_IPADD, octets);
    sk_GENERAL_NAME_push(list, entry);
    assert_int_equal(X509_add1_ext_i2d(leaf, NID_subject_alt_name, list, 0, X509V3_ADD_DEFAULT), 1);
    GENERAL_NAMES_free(list);
    issue_sign(leaf, issue_key_of(KEY_LEAF), NULL);
    struct certificate_chain c = read_one(leaf);
    assert_true(c.parsed);
    assert_false(c.has_names);
}

static void test_leaf_broken_extension_is_as_good_as_none(void **state)
{
    (void)state;
    X509 *leaf = issue(
        &(struct issue){.subject = "CN=x", .names = "DNS:mx.example.org", .usage = "serverAuth"});
    /* The name's length now reaches beyond the extension. */
    struct certificate_chain c = issue_read_changed(reader, leaf, "\x82\x0emx.", "\x82\x7emx.", 5);
    assert_true(c.parsed);
    assert_false(c.has_names);
    assert_false(c.server_auth_missing);
}

static void test_leaf_serials_are_hexadecimal(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"1", "01"},
        {"0", "00"},
        {"ab12cd", "ab12cd"},
        {"80", "80"},
        {"-1f", "-1f"},
        {"00112233445566778899aabbccddeeff00112233", "112233445566778899aabbccddeeff00112233"},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(read_leaf(&(struct issue){.subject = "CN=x", .serial = cases[i][0]}).serial,
                            cases[i][1]);
    char huge[402];
    memset(huge, 'e', 400);
    huge[400] = '\0';
    struct certificate_chain c = read_leaf(&(struct issue){.subject = "CN=x", .serial = huge});
    assert_int_equal(strlen(c.serial), 62);
    huge[0] = '-';
    c = read_leaf(&(struct issue){.subject = "CN=x", .serial = huge});
    assert_int_equal(strlen(c.serial), 63);
}

static void test_leaf_dates_are_unix_seconds(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to;
        int64_t not_before, not_after;
    } cases[] = {
        {"700101000000Z", "491231235959Z", 0, 2524607999},
        {"500101000000Z", "700101000001Z", -631152000, 1},
        {"19490312080000Z", "99991231235959Z", -656611200, 253402300799},
        {"20240229120000Z", "20500101000000Z", 1709208000, 2524608000},
        {"00010101000000Z", "20260101000000Z", -62135596800, 1767225600},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct certificate_chain c = read_leaf(
            &(struct issue){.subject = "CN=x", .from = cases[i].from, .to = cases[i].to});
        assert_int_equal(c.not_before, cases[i].not_before);
        assert_int_equal(c.not_after, cases[i].not_after);
        assert_int_equal(c.path_not_after, cases[i].not_after);
    }
}

static void test_leaf_date_that_is_none_is_zero(void **state)
{
    (void)state;
    X509 *leaf = issue(&(struct issue){.subject = "CN=x"});
    struct certificate_chain c = issue_read_changed(reader, leaf, "260101000000Z", "269901000000Z", 13);
    assert_true(c.parsed);
    assert_int_equal(c.not_before, 0);
    assert_int_equal(c.not_after, 1775001599);
}

static void test_leaf_keys_have_names_and_sizes(void **state)
{
    (void)state;
    static const struct {
        enum issue_key key;
        const char *name;
        unsigned bits;
        const char *signature;
    } cases[] = {
        {KEY_LEAF, "EC P-256", 256, "ecdsa-with-SHA256"},
        {KEY_P384, "EC P-384", 384, "ecdsa-with-SHA256"},
        {KEY_RSA_1024, "RSA", 1024, "sha256WithRSAEncryption"},
        {KEY_RSA_2048, "RSA", 2048, "sha256WithRSAEncryption"},
        {KEY_ED25519, "Ed25519", 256, "ED25519"},
        {KEY_ED448, "Ed448", 456, "ED448"},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct certificate_chain c = read_leaf(
            &(struct issue){.subject = "CN=x", .key = cases[i].key, .signer = cases[i].key});
        assert_string_equal(c.key, cases[i].name);
        assert_int_equal(c.key_bits, cases[i].bits);
        assert_string_equal(c.signature, cases[i].signature);
        assert_false(c.signature_weak);
        assert_int_equal(c.trust, TRUST_SELF_SIGNED);
    }
}

/* A leaf with a key of the test's own, signed with it; the key is freed. */
static struct certificate_chain read_with_key(EVP_PKEY *key)
{
    X509 *leaf = issue_unsigned(&(struct issue){.subject = "CN=x"});
    assert_non_null(key);
    assert_int_equal(X509_set_pubkey(leaf, key), 1);
    issue_sign(leaf, key, NULL);
    EVP_PKEY_free(key);
    return read_one(leaf);
}

static void test_leaf_rare_curves_have_names(void **state)
{
    (void)state;
    static const char *const cases[][2] = {{"P-521", "EC P-521"},
                                           {"secp224r1", "EC P-224"},
                                           {"secp256k1", "EC secp256k1"},
                                           {"brainpoolP384r1", "EC brainpoolP384r1"}};
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(read_with_key(EVP_EC_gen(cases[i][0])).key, cases[i][1]);
    EVP_PKEY *explicit = EVP_EC_gen("P-256");
    EVP_PKEY_set_utf8_string_param(explicit, OSSL_PKEY_PARAM_EC_ENCODING, OSSL_PKEY_EC_ENCODING_EXPLICIT);
    struct certificate_chain c = read_with_key(explicit);
    assert_string_equal(c.key, "EC explicit");
    assert_int_equal(c.key_bits, 256);
}

static void test_leaf_dsa_key_has_its_name(void **state)
{
    (void)state;
    EVP_PKEY *parameters = NULL, *key = NULL;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_id(EVP_PKEY_DSA, NULL);
    assert_true(EVP_PKEY_paramgen_init(context) == 1 &&
                EVP_PKEY_CTX_set_dsa_paramgen_bits(context, 1024) == 1);
    assert_int_equal(EVP_PKEY_paramgen(context, &parameters), 1);
    EVP_PKEY_CTX_free(context);
    context = EVP_PKEY_CTX_new(parameters, NULL);
    assert_true(EVP_PKEY_keygen_init(context) == 1 && EVP_PKEY_keygen(context, &key) == 1);
    EVP_PKEY_CTX_free(context);
    EVP_PKEY_free(parameters);
    struct certificate_chain c = read_with_key(key);
    assert_string_equal(c.key, "DSA");
    assert_int_equal(c.key_bits, 1024);
    assert_string_equal(c.signature, "dsa_with_SHA256");
}

static void test_leaf_unknown_key_is_read_as_far_as_possible(void **state)
{
    (void)state;
    static const uint8_t ec[] = {0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01};
    static const uint8_t unknown[] = {0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x7f};
    X509 *leaf = issue(&(struct issue){.subject = "CN=x", .names = "DNS:mx.example.org"});
    struct certificate_chain c = issue_read_changed(reader, leaf, ec, unknown, sizeof ec);
    assert_true(c.parsed);
    assert_string_equal(c.key, "1.2.840.10045.2.127");
    assert_int_equal(c.key_bits, 0);
    assert_string_equal(c.names, "mx.example.org");
    /* Who signed cannot be told: neither self-signed nor a forgery. */
    assert_int_equal(c.trust, TRUST_UNTRUSTED);
}

static void test_leaf_weak_signatures_are_marked(void **state)
{
    (void)state;
    struct issue wish = {
        .subject = "CN=x", .key = KEY_RSA_2048, .signer = KEY_RSA_2048, .digest = EVP_sha1()};
    struct certificate_chain c = read_leaf(&wish);
    assert_true(c.signature_weak);
    assert_string_equal(c.signature, "sha1WithRSAEncryption");
    wish.digest = EVP_md5();
    assert_true(read_leaf(&wish).signature_weak);
    wish.digest = EVP_sha224();
    assert_false(read_leaf(&wish).signature_weak);
    wish.key = wish.signer = KEY_LEAF;
    wish.digest = EVP_sha1();
    c = read_leaf(&wish);
    assert_true(c.signature_weak);
    assert_string_equal(c.signature, "ecdsa-with-SHA1");
}

static void test_leaf_signature_without_a_provider_is_still_weak(void **state)
{
    (void)state;
    static const uint8_t sha256[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b, 0x05, 0x00};
    static const uint8_t md2[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x02, 0x05, 0x00};
    X509 *leaf = issue(&(struct issue){.subject = "CN=x", .signer = KEY_RSA_2048});
    struct certificate_chain c = issue_read_changed(reader, leaf, sha256, md2, sizeof md2);
    assert_string_equal(c.signature,
                        "sha256WithRSAEncryption"); /* the outer one; the first within was changed */
    struct build list = {0};
    issue_append(&list, leaf = issue(&(struct issue){.subject = "CN=x", .signer = KEY_RSA_2048}));
    X509_free(leaf);
    for (uint8_t *at; (at = memmem(list.bytes, list.n, sha256, sizeof sha256)) != NULL;)
        memcpy(at, md2, sizeof md2);
    c = issue_read_list(reader, &list);
    assert_string_equal(c.signature, "md2WithRSAEncryption");
    assert_true(c.signature_weak);
    assert_int_equal(c.trust, TRUST_UNTRUSTED);
}

static void test_leaf_pss_signature_shows_its_hash(void **state)
{
    (void)state;
    for (unsigned weak = 0; weak < 2; weak++) {
        X509 *leaf = issue_unsigned(&(struct issue){.subject = "CN=x", .key = KEY_RSA_2048});
        EVP_MD_CTX *context = EVP_MD_CTX_new();
        EVP_PKEY_CTX *how = NULL;
        assert_int_equal(EVP_DigestSignInit(context, &how, weak ? EVP_sha1() : EVP_sha256(), NULL,
                                            issue_key_of(KEY_RSA_2048)),
                         1);
        assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(how, RSA_PKCS1_PSS_PADDING), 1);
        assert_true(X509_sign_ctx(leaf, context) > 0);
        EVP_MD_CTX_free(context);
        struct certificate_chain c = read_one(leaf);
        assert_string_equal(c.signature, "rsassaPss");
        assert_int_equal(c.signature_weak, weak);
        assert_int_equal(c.trust, TRUST_SELF_SIGNED);
    }
}

static void test_leaf_purposes(void **state)
{
    (void)state;
    static const struct {
        const char *usage;
        bool missing;
    } cases[] = {{NULL, false},
                 {"serverAuth", false},
                 {"clientAuth,serverAuth", false},
                 {"anyExtendedKeyUsage", false},
                 {"clientAuth", true},
                 {"emailProtection,1.2.3.4", true}};
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct certificate_chain c = read_leaf(&(struct issue){.subject = "CN=x", .usage = cases[i].usage});
        assert_int_equal(c.server_auth_missing, cases[i].missing);
    }
}

static void test_leaf_marks_of_misissue(void **state)
{
    (void)state;
    struct certificate_chain c = read_leaf(
        &(struct issue){.subject = "CN=x", .constraints = "critical,CA:TRUE"});
    assert_true(c.is_ca);
    assert_false(c.version_1);
    c = read_leaf(&(struct issue){.subject = "CN=x", .constraints = "CA:FALSE"});
    assert_false(c.is_ca);
    c = read_leaf(&(struct issue){.subject = "CN=x", .version_1 = true});
    assert_true(c.version_1);
    assert_false(c.is_ca);
}

static void test_leaf_validation_by_policy(void **state)
{
    (void)state;
    static const struct {
        const char *policies;
        enum certificate_validation validation;
    } cases[] = {{NULL, VALIDATION_UNKNOWN},
                 {"1.3.6.1.4.1.44947.1.1.1", VALIDATION_UNKNOWN},
                 {"2.23.140.1.2.1", VALIDATION_DV},
                 {"2.16.840.1.114412.1.1,2.23.140.1.2.2", VALIDATION_OV},
                 {"2.23.140.1.2.3", VALIDATION_IV},
                 {"2.23.140.1.1", VALIDATION_EV},
                 {"2.23.140.1.1,2.23.140.1.2.1", VALIDATION_EV},
                 {"2.23.140.1.2.10", VALIDATION_UNKNOWN}};
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct certificate_chain c = read_leaf(
            &(struct issue){.subject = "CN=x", .policies = cases[i].policies});
        assert_int_equal(c.validation, cases[i].validation);
    }
}

static void test_leaf_digests_are_those_of_libcrypto(void **state)
{
    (void)state;
    uint8_t whole[32], key[32], *der = NULL;
    X509 *leaf = issue(&(struct issue){.subject = "CN=x"});
    assert_int_equal(X509_digest(leaf, EVP_sha256(), whole, NULL), 1);
    int n = i2d_PUBKEY(issue_key_of(KEY_LEAF), &der);
    assert_int_equal(EVP_Digest(der, (size_t)n, key, NULL, EVP_sha256(), NULL), 1);
    OPENSSL_free(der);
    struct certificate_chain c = read_one(leaf);
    assert_memory_equal(c.sha256, whole, sizeof whole);
    assert_memory_equal(c.key_sha256, key, sizeof key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_leaf_subject_and_issuer_are_rfc4514_text),
        cmocka_unit_test(test_leaf_empty_name_is_empty_text),
        cmocka_unit_test(test_leaf_nul_in_subject_does_not_cut_it),
        cmocka_unit_test(test_leaf_long_subject_is_cut_at_a_character),
        cmocka_unit_test(test_leaf_long_subject_is_cut_at_an_escape),
        cmocka_unit_test(test_leaf_names_are_listed),
        cmocka_unit_test(test_leaf_scope_counts_different_names),
        cmocka_unit_test(test_leaf_names_beyond_the_cap_are_left_out_whole),
        cmocka_unit_test(test_leaf_names_that_just_fit_are_not_cut),
        cmocka_unit_test(test_leaf_one_name_too_long_leaves_none),
        cmocka_unit_test(test_leaf_odd_octets_in_names_are_escaped),
        cmocka_unit_test(test_leaf_address_as_dns_name_does_not_read_like_one),
        cmocka_unit_test(test_leaf_address_of_odd_length_is_left_out),
        cmocka_unit_test(test_leaf_broken_extension_is_as_good_as_none),
        cmocka_unit_test(test_leaf_serials_are_hexadecimal),
        cmocka_unit_test(test_leaf_dates_are_unix_seconds),
        cmocka_unit_test(test_leaf_date_that_is_none_is_zero),
        cmocka_unit_test(test_leaf_keys_have_names_and_sizes),
        cmocka_unit_test(test_leaf_rare_curves_have_names),
        cmocka_unit_test(test_leaf_dsa_key_has_its_name),
        cmocka_unit_test(test_leaf_unknown_key_is_read_as_far_as_possible),
        cmocka_unit_test(test_leaf_weak_signatures_are_marked),
        cmocka_unit_test(test_leaf_signature_without_a_provider_is_still_weak),
        cmocka_unit_test(test_leaf_pss_signature_shows_its_hash),
        cmocka_unit_test(test_leaf_purposes),
        cmocka_unit_test(test_leaf_marks_of_misissue),
        cmocka_unit_test(test_leaf_validation_by_policy),
        cmocka_unit_test(test_leaf_digests_are_those_of_libcrypto),
    };
    return cmocka_run_group_tests(tests, open_reader, close_reader);
}
