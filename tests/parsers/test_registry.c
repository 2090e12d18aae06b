/* The tables of code points: their order, and rows whose properties other stages lean on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "parsers/registry.h"

static const uint32_t suite_codes[] = {
#define SUITE(code, name, kx, auth, strength, flags) code,
#include "parsers/registry/suites.def"
#undef SUITE
};

static const uint32_t group_codes[] = {
#define GROUP(code, name, strength, field, post_quantum) code,
#include "parsers/registry/groups.def"
#undef GROUP
};

static const uint32_t signature_codes[] = {
#define SIGNATURE(code, name, weak) code,
#include "parsers/registry/signatures.def"
#undef SIGNATURE
};

static const uint32_t ssl2_codes[] = {
#define SSL2_CIPHER(code, name) code,
#include "parsers/registry/ssl2_ciphers.def"
#undef SSL2_CIPHER
};

static const uint32_t alert_codes[] = {
#define ALERT(code, name) code,
#include "parsers/registry/alerts.def"
#undef ALERT
};

static const uint32_t version_codes[] = {
#define VERSION(code, name) code,
#include "parsers/registry/versions.def"
#undef VERSION
};

#define COUNT(table) (sizeof(table) / sizeof(table)[0])

static void assert_rising(const uint32_t *codes, size_t count)
{
    for (size_t i = 1; i < count; i++)
        assert_true(codes[i - 1] < codes[i]);
}

static void test_registry_tables_are_in_order(void **state)
{
    (void)state;
    assert_rising(suite_codes, COUNT(suite_codes));
    assert_rising(group_codes, COUNT(group_codes));
    assert_rising(signature_codes, COUNT(signature_codes));
    assert_rising(ssl2_codes, COUNT(ssl2_codes));
    assert_rising(alert_codes, COUNT(alert_codes));
    assert_rising(version_codes, COUNT(version_codes));
}

static void test_registry_every_row_is_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(suite_codes); i++)
        assert_int_equal(registry_suite_find((uint16_t)suite_codes[i])->code, suite_codes[i]);
    for (size_t i = 0; i < COUNT(group_codes); i++)
        assert_int_equal(registry_group_find((uint16_t)group_codes[i])->code, group_codes[i]);
    for (size_t i = 0; i < COUNT(signature_codes); i++)
        assert_int_equal(registry_signature_find((uint16_t)signature_codes[i])->code, signature_codes[i]);
    for (size_t i = 0; i < COUNT(ssl2_codes); i++)
        assert_non_null(registry_ssl2_cipher_name(ssl2_codes[i]));
    for (size_t i = 0; i < COUNT(alert_codes); i++)
        assert_non_null(registry_alert_name((uint8_t)alert_codes[i]));
    for (size_t i = 0; i < COUNT(version_codes); i++)
        assert_string_not_equal(registry_version_name((uint16_t)version_codes[i]), "");
}

static void test_registry_rows_are_as_many_as_known(void **state)
{
    (void)state;
    size_t suites = 0, groups = 0, signatures = 0;
    for (uint32_t code = 0; code <= 0xffff; code++) {
        suites += registry_suite_find((uint16_t)code) != NULL;
        groups += registry_group_find((uint16_t)code) != NULL;
        signatures += registry_signature_find((uint16_t)code) != NULL;
    }
    assert_int_equal(suites, COUNT(suite_codes));
    assert_int_equal(groups, COUNT(group_codes));
    assert_int_equal(signatures, COUNT(signature_codes));
}

static void assert_suite(uint16_t code, const char *name, enum suite_kx kx, enum suite_auth auth,
                         uint16_t bits, uint32_t flags)
{
    const struct registry_suite *suite = registry_suite_find(code);
    assert_non_null(suite);
    assert_string_equal(suite->name, name);
    assert_int_equal(suite->kx, kx);
    assert_int_equal(suite->auth, auth);
    assert_int_equal(suite->strength_bits, bits);
    assert_int_equal(suite->flags, flags);
}

static void test_registry_suite_properties_are_right(void **state)
{
    (void)state;
    assert_suite(0x0003, "TLS_RSA_EXPORT_WITH_RC4_40_MD5", KX_RSA_EXPORT, AUTH_RSA, 40,
                 SUITE_EXPORT | SUITE_RC4 | SUITE_MAC_MD5);
    assert_suite(0x0006, "TLS_RSA_EXPORT_WITH_RC2_CBC_40_MD5", KX_RSA_EXPORT, AUTH_RSA, 40,
                 SUITE_EXPORT | SUITE_RC2 | SUITE_BLOCK64 | SUITE_CBC | SUITE_MAC_MD5);
    assert_suite(0x0007, "TLS_RSA_WITH_IDEA_CBC_SHA", KX_RSA, AUTH_RSA, 128,
                 SUITE_IDEA | SUITE_BLOCK64 | SUITE_CBC | SUITE_MAC_SHA1);
    assert_suite(0x000a, "TLS_RSA_WITH_3DES_EDE_CBC_SHA", KX_RSA, AUTH_RSA, 112,
                 SUITE_3DES | SUITE_BLOCK64 | SUITE_CBC | SUITE_MAC_SHA1);
    assert_suite(0x0014, "TLS_DHE_RSA_EXPORT_WITH_DES40_CBC_SHA", KX_DHE_EXPORT, AUTH_RSA, 40,
                 SUITE_EXPORT | SUITE_DES | SUITE_BLOCK64 | SUITE_CBC | SUITE_FORWARD_SECRET |
                     SUITE_MAC_SHA1);
    assert_suite(0x0018, "TLS_DH_anon_WITH_RC4_128_MD5", KX_DH_ANON, AUTH_NONE, 128,
                 SUITE_ANONYMOUS | SUITE_RC4 | SUITE_FORWARD_SECRET | SUITE_MAC_MD5);
    assert_suite(0x1301, "TLS_AES_128_GCM_SHA256", KX_ANY, AUTH_ANY, 128, SUITE_AEAD | SUITE_FORWARD_SECRET);
    assert_suite(0xc02f, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", KX_ECDHE, AUTH_RSA, 128,
                 SUITE_AEAD | SUITE_FORWARD_SECRET);
    assert_suite(0xc0ae, "TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8", KX_ECDHE, AUTH_ECDSA, 128,
                 SUITE_AEAD | SUITE_FORWARD_SECRET | SUITE_TAG64);
    assert_suite(0x00ac, "TLS_RSA_PSK_WITH_AES_128_GCM_SHA256", KX_RSA_PSK, AUTH_RSA, 128, SUITE_AEAD);
}

static void test_registry_suite_of_odd_origin_is_told(void **state)
{
    (void)state;
    assert_suite(0x00ff, "TLS_EMPTY_RENEGOTIATION_INFO_SCSV", KX_NULL, AUTH_NONE, 0, SUITE_SCSV);
    assert_suite(0x5600, "TLS_FALLBACK_SCSV", KX_NULL, AUTH_NONE, 0, SUITE_SCSV);
    assert_suite(0xbaba, "GREASE", KX_NULL, AUTH_NONE, 0, SUITE_SCSV);
    assert_suite(0xcca8, "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", KX_ECDHE, AUTH_RSA, 256,
                 SUITE_AEAD | SUITE_FORWARD_SECRET);
    assert_suite(0xcc13, "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256_OLD", KX_ECDHE, AUTH_RSA, 256,
                 SUITE_AEAD | SUITE_FORWARD_SECRET | SUITE_UNREGISTERED);
    assert_suite(0x0078, "TLS_DHE_RSA_WITH_AES_128_CBC_RMD", KX_DHE, AUTH_RSA, 128,
                 SUITE_CBC | SUITE_FORWARD_SECRET | SUITE_UNREGISTERED);
    assert_null(registry_suite_find(0xeeee));
}

static void assert_group(uint16_t code, const char *name, unsigned strength, unsigned field,
                         bool post_quantum)
{
    const struct registry_group *group = registry_group_find(code);
    assert_non_null(group);
    assert_string_equal(group->name, name);
    assert_int_equal(group->classical_bits, strength);
    assert_int_equal(group->field_bits, field);
    assert_int_equal(group->post_quantum, post_quantum);
}

static void test_registry_group_sizes_are_right(void **state)
{
    (void)state;
    assert_group(0x0001, "sect163k1", 80, 163, false);
    assert_group(0x0017, "secp256r1", 128, 256, false);
    assert_group(0x0019, "secp521r1", 256, 521, false);
    assert_group(0x001d, "x25519", 128, 255, false);
    assert_group(0x001e, "x448", 224, 448, false);
    assert_group(0x001f, "brainpoolP256r1tls13", 128, 256, false);
    assert_group(0x0029, "curveSM2", 128, 256, false);
    assert_group(0x0100, "ffdhe2048", 112, 2048, false);
    assert_group(0x0104, "ffdhe8192", 200, 8192, false);
    assert_group(0x11ec, "X25519MLKEM768", 128, 255, true);
    assert_group(0x11ed, "SecP384r1MLKEM1024", 192, 384, true);
    assert_group(0x0201, "MLKEM768", 0, 0, true);
    assert_group(0x4138, "CECPQ2", 128, 255, true);
    assert_group(0xff01, "arbitrary_explicit_prime_curves", 0, 0, false);
    assert_null(registry_group_find(0x0000));
}

static void test_registry_weak_signatures_are_md5_and_sha1(void **state)
{
    (void)state;
    static const uint16_t weak[] = {0x0101, 0x0102, 0x0103, 0x0201, 0x0202, 0x0203};
    size_t found = 0;
    for (size_t i = 0; i < COUNT(signature_codes); i++)
        found += registry_signature_find((uint16_t)signature_codes[i])->weak;
    assert_int_equal(found, COUNT(weak));
    for (size_t i = 0; i < COUNT(weak); i++)
        assert_true(registry_signature_find(weak[i])->weak);
    assert_string_equal(registry_signature_find(0x0201)->name, "rsa_pkcs1_sha1");
    assert_string_equal(registry_signature_find(0x0804)->name, "rsa_pss_rsae_sha256");
}

static void test_registry_names_are_as_registered(void **state)
{
    (void)state;
    assert_string_equal(registry_alert_name(0), "close_notify");
    assert_string_equal(registry_alert_name(40), "handshake_failure");
    assert_string_equal(registry_alert_name(48), "unknown_ca");
    assert_string_equal(registry_alert_name(86), "inappropriate_fallback");
    assert_string_equal(registry_alert_name(115), "unknown_psk_identity");
    assert_string_equal(registry_alert_name(120), "no_application_protocol");
    assert_null(registry_alert_name(2));
    assert_null(registry_alert_name(255));
    assert_string_equal(registry_ssl2_cipher_name(0x0700c0), "SSL2_DES_192_EDE3_CBC_WITH_MD5");
    assert_null(registry_ssl2_cipher_name(0x000035));
    assert_null(registry_ssl2_cipher_name(0x01010080));
}

static void test_registry_versions_are_named(void **state)
{
    (void)state;
    assert_string_equal(registry_version_name(0x0002), "SSL2");
    assert_string_equal(registry_version_name(0x0300), "SSL3");
    assert_string_equal(registry_version_name(0x0301), "TLS1.0");
    assert_string_equal(registry_version_name(0x0304), "TLS1.3");
    assert_string_equal(registry_version_name(0x7f1c), "");
    assert_string_equal(registry_version_name(0), "");
}

static void test_registry_known_primes_are_named_and_others_are_not(void **state)
{
    (void)state;
    /* SHA-256 of the 2048-bit prime of RFC 7919, appendix A.1 */
    uint8_t hash[32] = {0x9c, 0xd3, 0xb7, 0xf3, 0x36, 0x87, 0x2f, 0x46, 0xc0, 0x94, 0x28,
                        0xd1, 0xbb, 0xc1, 0x98, 0x77, 0xa4, 0xd4, 0x40, 0x51, 0x2c};
    assert_string_equal(registry_dh_prime_name(registry_dh_prime_find(hash)), "RFC7919/ffdhe2048");
    hash[15] ^= 1;
    assert_int_equal(registry_dh_prime_find(hash), 0);
    assert_string_equal(registry_dh_prime_name(0), "");
    assert_string_equal(registry_dh_prime_name(UINT16_MAX), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_registry_tables_are_in_order),
        cmocka_unit_test(test_registry_every_row_is_found),
        cmocka_unit_test(test_registry_known_primes_are_named_and_others_are_not),
        cmocka_unit_test(test_registry_rows_are_as_many_as_known),
        cmocka_unit_test(test_registry_suite_properties_are_right),
        cmocka_unit_test(test_registry_suite_of_odd_origin_is_told),
        cmocka_unit_test(test_registry_group_sizes_are_right),
        cmocka_unit_test(test_registry_weak_signatures_are_md5_and_sha1),
        cmocka_unit_test(test_registry_names_are_as_registered),
        cmocka_unit_test(test_registry_versions_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
