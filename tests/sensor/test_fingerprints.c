/* The cache of fingerprints: right whatever was there before, and computed once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sensor/host/digest.h"
#include "sensor/track/fingerprints.h"

enum { HELLOS = 20, ROUNDS = 10, TABLES = 20 };

static uint8_t suites[HELLOS][6];
static uint8_t extensions[HELLOS][8];

static struct tls_client_hello client_hello(unsigned which)
{
    struct span none = span_of(NULL, 0);
    uint8_t *s = suites[which];
    memcpy(s, (uint8_t[]){0xc0, 0x2f, 0x13, 0x01, 0xc0, (uint8_t)which}, 6);
    return (struct tls_client_hello){.legacy_version = 0x0303,
                                     .max_version = 0x0303,
                                     .cipher_suites = span_of(s, 6),
                                     .extensions = none,
                                     .groups = none,
                                     .point_formats = none,
                                     .signature_algorithms = none,
                                     .supported_versions = none,
                                     .first_alpn = none};
}

static struct tls_server_hello server_hello(unsigned which)
{
    uint8_t *e = extensions[which];
    memcpy(e, (uint8_t[]){0, (uint8_t)(which + 1), 0, 0, 0xff, 0x01, 0, 0}, 8);
    return (struct tls_server_hello){
        .legacy_version = 0x0303, .cipher_suite = 0xc02f, .extensions = span_of(e, 8)};
}

/* Which places hellos share is random in every table, so it takes several to see how often they meet. */
static void test_fingerprints_of_hellos_that_take_turns_are_computed_once(void **state)
{
    (void)state;
    struct digester *digester = digest_open();
    uint64_t computed = 0;
    for (int table = 0; table < TABLES; table++) {
        struct fingerprints *f = fingerprints_open(digester);
        for (int round = 0; round < ROUNDS; round++)
            for (unsigned i = 0; i < HELLOS; i++) {
                struct fingerprint_pair pair;
                struct tls_client_hello h = client_hello(i);
                fingerprints_client(f, &h, &pair);
            }
        computed += fingerprints_computed(f);
        fingerprints_close(f);
    }
    assert_in_range(computed, TABLES * HELLOS, TABLES * HELLOS + 100);
    digest_close(digester);
}

static void test_fingerprints_out_of_the_cache_are_those_computed(void **state)
{
    (void)state;
    struct digester *digester = digest_open();
    struct fingerprints *used = fingerprints_open(digester);
    for (int round = 0; round < 3; round++)
        for (unsigned i = 0; i < HELLOS; i++) {
            struct fingerprints *fresh = fingerprints_open(digester);
            struct fingerprint_pair a;
            struct fingerprint_pair b;
            uint8_t ja3s[2][16];
            struct tls_client_hello c = client_hello(i);
            struct tls_server_hello s = server_hello(i);
            fingerprints_client(used, &c, &a);
            fingerprints_client(fresh, &c, &b);
            assert_memory_equal(a.ja3, b.ja3, sizeof a.ja3);
            assert_string_equal(a.ja4, b.ja4);
            assert_true(fingerprints_server(used, &s, ja3s[0]) && fingerprints_server(fresh, &s, ja3s[1]));
            assert_memory_equal(ja3s[0], ja3s[1], sizeof ja3s[0]);
            fingerprints_close(fresh);
        }
    fingerprints_close(used);
    digest_close(digester);
}

static void test_fingerprints_of_different_hellos_differ(void **state)
{
    (void)state;
    struct digester *digester = digest_open();
    struct fingerprints *f = fingerprints_open(digester);
    struct tls_client_hello c[2] = {client_hello(1), client_hello(2)};
    struct tls_server_hello s[2] = {server_hello(1), server_hello(2)};
    struct fingerprint_pair pair[2];
    uint8_t ja3s[2][16];
    for (int i = 0; i < 2; i++) {
        fingerprints_client(f, &c[i], &pair[i]);
        assert_true(fingerprints_server(f, &s[i], ja3s[i]));
    }
    assert_memory_not_equal(pair[0].ja3, pair[1].ja3, sizeof pair[0].ja3);
    assert_string_not_equal(pair[0].ja4, pair[1].ja4);
    assert_memory_not_equal(ja3s[0], ja3s[1], sizeof ja3s[0]);
    s[0].ssl2 = true;
    assert_false(fingerprints_server(f, &s[0], ja3s[0]));
    fingerprints_close(f);
    digest_close(digester);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fingerprints_of_hellos_that_take_turns_are_computed_once),
        cmocka_unit_test(test_fingerprints_out_of_the_cache_are_those_computed),
        cmocka_unit_test(test_fingerprints_of_different_hellos_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
