/* Which command a reply answers, also with more commands than can be kept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "parsers/pairing.h"

static void test_pairing_is_in_order(void **unused)
{
    (void)unused;
    struct pairing p = {0};
    assert_true(pairing_is_empty(&p) && pairing_known(&p));
    assert_int_equal(pairing_head(&p), PAIRING_NONE);
    for (unsigned round = 0; round < 3 * PAIRING_CAP; round++) {
        assert_true(pairing_push(&p, 1));
        assert_true(pairing_push(&p, 2));
        assert_int_equal(pairing_head(&p), 1);
        pairing_pop(&p);
        assert_int_equal(pairing_head(&p), 2);
        pairing_pop(&p);
        assert_true(pairing_is_empty(&p));
    }
    pairing_pop(&p);
    assert_true(pairing_is_empty(&p));
}

static void test_pairing_overflow_is_unknown_until_empty(void **unused)
{
    (void)unused;
    struct pairing p = {0};
    for (unsigned i = 0; i < PAIRING_CAP; i++)
        assert_true(pairing_push(&p, (uint8_t)(i + 1)));
    assert_false(pairing_push(&p, 100));
    assert_false(pairing_push(&p, 101));

    for (unsigned i = 0; i < PAIRING_CAP; i++) {
        assert_int_equal(pairing_head(&p), i + 1);
        pairing_pop(&p);
    }
    assert_false(pairing_known(&p));
    assert_false(pairing_is_empty(&p));
    assert_int_equal(pairing_head(&p), PAIRING_NONE);
    assert_false(pairing_push(&p, 102));
    for (unsigned i = 0; i < 3; i++)
        pairing_pop(&p);
    assert_true(pairing_known(&p) && pairing_is_empty(&p));
    assert_true(pairing_push(&p, 7));
    assert_int_equal(pairing_head(&p), 7);
}

static void test_pairing_lost_stays_unknown(void **unused)
{
    (void)unused;
    struct pairing p = {0};
    pairing_push(&p, 1);
    pairing_lose(&p);
    assert_int_equal(pairing_head(&p), PAIRING_NONE);
    pairing_pop(&p);
    assert_false(pairing_known(&p));
    assert_false(pairing_is_empty(&p));
    assert_false(pairing_push(&p, 2));
    pairing_restart(&p);
    assert_true(pairing_known(&p) && pairing_is_empty(&p));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pairing_is_in_order),
        cmocka_unit_test(test_pairing_overflow_is_unknown_until_empty),
        cmocka_unit_test(test_pairing_lost_stays_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
