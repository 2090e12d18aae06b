/* Certificate messages: the DER of each entry, the cap, and every way of being malformed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "parsers/tls_chain.h"
#include "tests/build.h"

/* The bytes last parsed, in a block of their exact size; spans of the chain point into it. */
static uint8_t *exact;

static bool parse_first(const struct build *b, size_t n, struct tls_chain *chain)
{
    free(exact);
    exact = build_exact(b->bytes, n);
    return tls_chain_parse(span_of(exact, n), chain);
}

static int free_exact(void **state)
{
    (void)state;
    free(exact);
    exact = NULL;
    return 0;
}

/* A body of `count` entries; entry i is i + 1 octets that all are i. */
static void build_chain(struct build *b, unsigned count)
{
    size_t list = build_open(b, 3);
    for (unsigned i = 0; i < count; i++) {
        size_t entry = build_open(b, 3);
        for (unsigned n = 0; n <= i; n++)
            build_u8(b, (uint8_t)i);
        build_close(b, entry, 3);
    }
    build_close(b, list, 3);
}

static void test_chain_entries_are_read_in_order(void **state)
{
    (void)state;
    struct build body = {0};
    struct tls_chain chain;
    build_chain(&body, 3);
    assert_true(parse_first(&body, body.n, &chain));
    assert_int_equal(chain.count, 3);
    assert_int_equal(chain.sent, 3);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(chain.der[i].n, i + 1);
        assert_int_equal(span_byte(chain.der[i], i), i);
    }
    assert_non_null(chain.der[3].p);
}

static void test_chain_empty_list_is_well_formed(void **state)
{
    (void)state;
    struct build body = {0};
    struct tls_chain chain;
    build_hex(&body, "000000");
    assert_true(parse_first(&body, body.n, &chain));
    assert_int_equal(chain.count, 0);
    assert_int_equal(chain.sent, 0);
}

static void test_chain_truncated_keeps_what_was_read(void **state)
{
    (void)state;
    struct build body = {0};
    struct tls_chain chain;
    build_chain(&body, 3);
    for (size_t n = 0; n < body.n; n++)
        assert_false(parse_first(&body, n, &chain));
    /* A list whose own length is right and whose last entry does not fit. */
    struct build broken = {0};
    build_hex(&broken, "000009 000002 aabb 000002 cc");
    assert_false(parse_first(&broken, broken.n, &chain));
    assert_int_equal(chain.count, 1);
    assert_int_equal(chain.sent, 1);
    assert_int_equal(chain.der[0].n, 2);
}

static void test_chain_octets_behind_the_list_are_malformed(void **state)
{
    (void)state;
    struct build body = {0};
    struct tls_chain chain;
    build_chain(&body, 1);
    build_u8(&body, 0);
    assert_false(parse_first(&body, body.n, &chain));
    assert_int_equal(chain.count, 1);
}

static void test_chain_empty_entry_is_malformed(void **state)
{
    (void)state;
    struct build body = {0};
    struct tls_chain chain;
    build_hex(&body, "00000b 000001 aa 000000 000001 bb");
    assert_false(parse_first(&body, body.n, &chain));
    assert_int_equal(chain.count, 1);
    assert_int_equal(chain.sent, 1);
}

static void test_chain_beyond_the_cap_is_counted(void **state)
{
    (void)state;
    struct build body = {0};
    struct tls_chain chain;
    build_chain(&body, TLS_CHAIN_CAP + 3);
    assert_true(parse_first(&body, body.n, &chain));
    assert_int_equal(chain.count, TLS_CHAIN_CAP);
    assert_int_equal(chain.sent, TLS_CHAIN_CAP + 3);
    assert_int_equal(chain.der[TLS_CHAIN_CAP - 1].n, TLS_CHAIN_CAP);
}

static void test_chain_without_octets_is_malformed(void **state)
{
    (void)state;
    struct tls_chain chain;
    assert_false(tls_chain_parse(span_of(NULL, 0), &chain));
    assert_int_equal(chain.sent, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chain_entries_are_read_in_order),
        cmocka_unit_test(test_chain_empty_list_is_well_formed),
        cmocka_unit_test(test_chain_truncated_keeps_what_was_read),
        cmocka_unit_test(test_chain_octets_behind_the_list_are_malformed),
        cmocka_unit_test(test_chain_empty_entry_is_malformed),
        cmocka_unit_test(test_chain_beyond_the_cap_is_counted),
        cmocka_unit_test(test_chain_without_octets_is_malformed),
    };
    return cmocka_run_group_tests(tests, NULL, free_exact);
}
