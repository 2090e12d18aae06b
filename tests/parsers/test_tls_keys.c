/* ServerKeyExchange bodies, one per key exchange. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "parsers/tls_keys.h"
#include "tests/build.h"

enum { SSL3 = 0x0300, TLS10 = 0x0301, TLS12 = 0x0303 };

/* The bytes last parsed, in a block of their exact size; spans of the keys point into it. */
static uint8_t *exact;

static bool parse_first(const struct build *b, size_t n, enum suite_kx kx, enum suite_auth auth,
                        uint16_t version, struct tls_server_keys *keys)
{
    free(exact);
    exact = build_exact(b->bytes, n);
    return tls_server_keys_parse(span_of(exact, n), kx, auth, version, keys);
}

/* Parses the whole body; every shorter one and one octet more must be malformed. */
static struct tls_server_keys parse(const struct build *body, enum suite_kx kx, enum suite_auth auth,
                                    uint16_t version)
{
    struct build longer = *body;
    struct tls_server_keys keys;
    for (size_t n = 0; n < body->n; n++)
        assert_false(parse_first(body, n, kx, auth, version, &keys));
    build_u8(&longer, 0);
    assert_false(parse_first(&longer, longer.n, kx, auth, version, &keys));
    assert_true(parse_first(body, body->n, kx, auth, version, &keys));
    return keys;
}

static bool rejects(const char *hex, enum suite_kx kx, enum suite_auth auth, uint16_t version)
{
    struct build body = {0};
    struct tls_server_keys keys;
    build_hex(&body, hex);
    return !parse_first(&body, body.n, kx, auth, version, &keys);
}

static int free_exact(void **state)
{
    (void)state;
    free(exact);
    exact = NULL;
    return 0;
}

static void add_number(struct build *b, uint8_t top, size_t n)
{
    size_t mark = build_open(b, 2);
    build_u8(b, top);
    build_fill(b, n - 1);
    build_close(b, mark, 2);
}

static void add_dh(struct build *b, uint8_t top, size_t prime_bytes)
{
    add_number(b, top, prime_bytes);
    build_hex(b, "0001 02");
    add_number(b, 0x7f, prime_bytes);
}

static void test_keys_named_curve_tls12_is_read(void **state)
{
    (void)state;
    struct build body = {0};
    build_hex(&body, "03 001d 04 aabbccdd 0804 0003 010203");
    struct tls_server_keys keys = parse(&body, KX_ECDHE, AUTH_RSA, TLS12);
    assert_int_equal(keys.group, 0x001d);
    assert_int_equal(keys.signature_scheme, 0x0804);
    assert_true(keys.signed_params);
    assert_false(keys.explicit_curve);
    assert_int_equal(keys.dh_bits + keys.rsa_bits, 0);
    assert_non_null(keys.dh_prime.p);
}

static void test_keys_named_curve_before_tls12_has_no_scheme(void **state)
{
    (void)state;
    struct build body = {0};
    build_hex(&body, "03 0017 04 aabbccdd 0003 010203");
    struct tls_server_keys keys = parse(&body, KX_ECDHE, AUTH_ECDSA, TLS10);
    assert_int_equal(keys.group, 0x0017);
    assert_int_equal(keys.signature_scheme, 0);
    assert_true(keys.signed_params);
}

static void test_keys_anonymous_curve_is_unsigned(void **state)
{
    (void)state;
    struct build body = {0};
    build_hex(&body, "03 0017 04 aabbccdd");
    assert_false(parse(&body, KX_ECDH_ANON, AUTH_NONE, TLS12).signed_params);
}

static void test_keys_explicit_prime_curve_is_read(void **state)
{
    (void)state;
    struct build body = {0};
    build_hex(&body, "01 02 0d0d 01 0a 01 0b 03 040506 02 0c0c 01 01 02 0708 0401 0002 0909");
    struct tls_server_keys keys = parse(&body, KX_ECDHE, AUTH_RSA, TLS12);
    assert_true(keys.explicit_curve);
    assert_int_equal(keys.group, 0);
    assert_int_equal(keys.signature_scheme, 0x0401);
}

static void test_keys_explicit_binary_curves_are_read(void **state)
{
    (void)state;
    struct build trinomial = {0}, pentanomial = {0};
    build_hex(&trinomial, "02 00a3 01 01 07 01 0a 01 0b 03 040506 02 0c0c 01 01 02 0708");
    build_hex(&pentanomial, "02 00a3 02 01 07 01 06 01 03 01 0a 01 0b 03 040506 02 0c0c 01 01 02 0708");
    assert_true(parse(&trinomial, KX_ECDH_ANON, AUTH_NONE, TLS12).explicit_curve);
    assert_true(parse(&pentanomial, KX_ECDH_ANON, AUTH_NONE, TLS12).explicit_curve);
    assert_true(rejects("02 00a3 03 01 07 01 0a 01 0b 03 040506 02 0c0c 01 01 02 0708", KX_ECDH_ANON,
                        AUTH_NONE, TLS12));
}

static void test_keys_unknown_curve_type_is_malformed(void **state)
{
    (void)state;
    assert_true(rejects("04 001d 04 aabbccdd", KX_ECDH_ANON, AUTH_NONE, TLS12));
    assert_true(rejects("03 001d 00", KX_ECDH_ANON, AUTH_NONE, TLS12));
}

static void test_keys_dh_prime_size_is_counted(void **state)
{
    (void)state;
    static const struct {
        uint8_t top;
        size_t bytes;
        unsigned bits;
    } primes[] = {{0xff, 256, 2048}, {0x80, 128, 1024}, {0x7f, 128, 1023}, {0x01, 65, 513}, {0xd0, 64, 512}};
    for (size_t i = 0; i < sizeof primes / sizeof primes[0]; i++) {
        struct build body = {0};
        add_dh(&body, primes[i].top, primes[i].bytes);
        build_hex(&body, "0601 0002 aabb");
        struct tls_server_keys keys = parse(&body, KX_DHE, AUTH_RSA, TLS12);
        assert_int_equal(keys.dh_bits, primes[i].bits);
        assert_int_equal(keys.dh_prime.n, primes[i].bytes);
        assert_int_equal(keys.dh_public.n, primes[i].bytes);
        assert_int_equal(keys.signature_scheme, 0x0601);
        assert_int_equal(keys.group, 0);
    }
}

static void test_keys_dh_prime_with_leading_zeros_is_trimmed(void **state)
{
    (void)state;
    struct build body = {0};
    build_hex(&body, "0005 0000 ffff01 0001 02 0005 00000102 03");
    struct tls_server_keys keys = parse(&body, KX_DH_ANON, AUTH_NONE, TLS12);
    assert_int_equal(keys.dh_prime.n, 3);
    assert_int_equal(keys.dh_bits, 24);
    assert_int_equal(keys.dh_public.n, 5);
    assert_false(keys.signed_params);
}

static void test_keys_dh_without_prime_is_malformed(void **state)
{
    (void)state;
    assert_true(rejects("0000 0001 02 0001 03", KX_DH_ANON, AUTH_NONE, TLS12));
    assert_true(rejects("0002 0000 0001 02 0001 03", KX_DH_ANON, AUTH_NONE, TLS12));
}

static void test_keys_dh_export_of_ssl3_is_read(void **state)
{
    (void)state;
    struct build body = {0};
    add_dh(&body, 0xff, 64);
    build_hex(&body, "0002 aabb");
    struct tls_server_keys keys = parse(&body, KX_DHE_EXPORT, AUTH_DSS, SSL3);
    assert_int_equal(keys.dh_bits, 512);
    assert_true(keys.signed_params);
}

static void test_keys_rsa_export_key_is_measured(void **state)
{
    (void)state;
    struct build body = {0};
    add_number(&body, 0xc1, 64);
    build_hex(&body, "0003 010001 0002 aabb");
    assert_int_equal(parse(&body, KX_RSA_EXPORT, AUTH_RSA, TLS10).rsa_bits, 512);
    assert_int_equal(parse(&body, KX_RSA, AUTH_RSA, TLS10).rsa_bits, 512); /* FREAK */
}

static void test_keys_psk_hint_alone_is_read(void **state)
{
    (void)state;
    struct build body = {0};
    build_hex(&body, "0004 68696e74");
    assert_false(parse(&body, KX_PSK, AUTH_PSK, TLS12).signed_params);
    assert_false(parse(&body, KX_RSA_PSK, AUTH_RSA, TLS12).signed_params);
}

static void test_keys_psk_with_exchange_is_read(void **state)
{
    (void)state;
    struct build dh = {0}, ecdh = {0};
    build_hex(&dh, "0004 68696e74");
    add_dh(&dh, 0xff, 256);
    assert_int_equal(parse(&dh, KX_DHE_PSK, AUTH_PSK, TLS12).dh_bits, 2048);
    build_hex(&ecdh, "0000 03 001d 04 aabbccdd");
    assert_int_equal(parse(&ecdh, KX_ECDHE_PSK, AUTH_PSK, TLS12).group, 0x001d);
}

static void test_keys_srp_is_read_without_a_dh_prime(void **state)
{
    (void)state;
    struct build body = {0};
    build_hex(&body, "0003 ffff01 0001 02 02 0505 0002 0606");
    assert_int_equal(parse(&body, KX_SRP, AUTH_OTHER, TLS10).dh_bits, 0);
    build_hex(&body, "0401 0002 aabb");
    assert_int_equal(parse(&body, KX_SRP, AUTH_RSA, TLS12).signature_scheme, 0x0401);
}

static void test_keys_exchange_without_message_is_refused(void **state)
{
    (void)state;
    static const enum suite_kx silent[] = {KX_NULL, KX_ANY, KX_DH, KX_ECDH, KX_KRB5, KX_GOST, KX_OTHER};
    for (size_t i = 0; i < sizeof silent / sizeof silent[0]; i++)
        assert_true(rejects("03 001d 04 aabbccdd", silent[i], AUTH_RSA, TLS12));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys_named_curve_tls12_is_read),
        cmocka_unit_test(test_keys_named_curve_before_tls12_has_no_scheme),
        cmocka_unit_test(test_keys_anonymous_curve_is_unsigned),
        cmocka_unit_test(test_keys_explicit_prime_curve_is_read),
        cmocka_unit_test(test_keys_explicit_binary_curves_are_read),
        cmocka_unit_test(test_keys_unknown_curve_type_is_malformed),
        cmocka_unit_test(test_keys_dh_prime_size_is_counted),
        cmocka_unit_test(test_keys_dh_prime_with_leading_zeros_is_trimmed),
        cmocka_unit_test(test_keys_dh_without_prime_is_malformed),
        cmocka_unit_test(test_keys_dh_export_of_ssl3_is_read),
        cmocka_unit_test(test_keys_rsa_export_key_is_measured),
        cmocka_unit_test(test_keys_psk_hint_alone_is_read),
        cmocka_unit_test(test_keys_psk_with_exchange_is_read),
        cmocka_unit_test(test_keys_srp_is_read_without_a_dh_prime),
        cmocka_unit_test(test_keys_exchange_without_message_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, free_exact);
}
