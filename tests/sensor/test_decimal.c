/* Digits, against printf. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "sensor/host/decimal.h"

static void check(uint64_t n)
{
    char expected[32];
    char written[32];
    int length = snprintf(expected, sizeof expected, "%" PRIu64, n);
    memset(written, '#', sizeof written);
    assert_int_equal(decimal_length(n), length);
    assert_ptr_equal(decimal_put(written, n), written + length);
    assert_memory_equal(written, expected, (size_t)length);
    assert_int_equal(written[length], '#');

    length = snprintf(expected, sizeof expected, "%" PRId64, (int64_t)n);
    assert_ptr_equal(decimal_put_signed(written, (int64_t)n), written + length);
    assert_memory_equal(written, expected, (size_t)length);
}

static void test_decimal_agrees_with_printf_around_every_power(void **state)
{
    (void)state;
    for (uint64_t power = 1;; power *= 10) {
        for (uint64_t off = 0; off < 3; off++) {
            check(power + off);
            check(power - off);
            check(5 * power + off);
        }
        if (power > UINT64_MAX / 10)
            break;
    }
    for (unsigned bit = 0; bit < 64; bit++) {
        check(UINT64_C(1) << bit);
        check((UINT64_C(1) << bit) - 1);
    }
    check(UINT64_MAX);
}

static void test_decimal_agrees_with_printf_below_a_hundred_thousand(void **state)
{
    (void)state;
    for (uint64_t n = 0; n < 100000; n++)
        check(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decimal_agrees_with_printf_around_every_power),
        cmocka_unit_test(test_decimal_agrees_with_printf_below_a_hundred_thousand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
