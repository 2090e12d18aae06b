/* Which time `waxseal report` speaks of. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sensor/report_command.h"

static const int64_t now_ms = 1700000000000; /* 2023-11-14T22:13:20Z */

static void test_report_range_nothing_said_is_left_to_redis(void **state)
{
    (void)state;
    struct options o = {.from = NULL};
    struct redis_report_range range;
    char error[160];
    assert_true(report_range_of(&o, now_ms, &range, error));
    assert_int_equal(range.from_ms, 0);
    assert_int_equal(range.to_ms, 0);
}

static void test_report_range_forms(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to, *last;
        int64_t from_ms, to_ms;
    } cases[] = {
        {NULL, NULL, "24h", 1700000000000 - 86400000, 1700000000000},
        {NULL, NULL, "30d", 1700000000000 - INT64_C(30) * 86400000, 1700000000000},
        {"2023-11-01", NULL, NULL, 1698796800000, 1700000000000},
        {"2023-11-01", "2023-11-02", NULL, 1698796800000, 1698796800000 + 2 * 86400000},
        {"2023-11-01T08:00:00Z", "2023-11-01T09:00:00Z", NULL, 1698825600000, 1698829200000},
        {NULL, "2023-11-01T09:00:00Z", NULL, 0, 1698829200000},
    };
    char error[160];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct options o = {.from = cases[i].from, .to = cases[i].to, .last = cases[i].last};
        struct redis_report_range range;
        assert_true(report_range_of(&o, now_ms, &range, error));
        assert_int_equal(range.from_ms, cases[i].from_ms);
        assert_int_equal(range.to_ms, cases[i].to_ms);
    }
}

static void test_report_range_wrong_is_explained(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to, *last, *says;
    } cases[] = {
        {NULL, NULL, "", "--last takes"},         {NULL, NULL, "7", "--last takes"},
        {NULL, NULL, "0d", "--last takes"},       {NULL, NULL, "99999d", "--last takes"},
        {NULL, NULL, "-1d", "--last takes"},      {NULL, NULL, "7d ", "--last takes"},
        {"now", NULL, NULL, "--from takes"},      {"2023-11-01 08:00", NULL, NULL, "--from takes"},
        {NULL, "2023-13-01", NULL, "--to takes"}, {"1969-01-01", NULL, NULL, "--from takes"},
        {"2023-11-01", NULL, "7d", "leave out"},  {"2023-12-01", "2023-11-01", NULL, "later"},
        {"2023-12-01", NULL, NULL, "later"},
    };
    char error[160];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct options o = {.from = cases[i].from, .to = cases[i].to, .last = cases[i].last};
        struct redis_report_range range;
        assert_false(report_range_of(&o, now_ms, &range, error));
        assert_non_null(strstr(error, cases[i].says));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_report_range_nothing_said_is_left_to_redis),
        cmocka_unit_test(test_report_range_forms),
        cmocka_unit_test(test_report_range_wrong_is_explained),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
