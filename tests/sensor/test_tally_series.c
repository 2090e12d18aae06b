/* The series over time of a report: no count is lost, however far the times are apart and in whatever order
 * they come. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sensor/publish/tally.h"

static struct tally_series series;

static void add(int64_t at_ms)
{
    tally_series_place(&series, at_ms)[ROLLUP_sessions]++;
    assert_in_range(series.count, 1, TALLY_COLUMNS);
    assert_true(series.width_ms > 0);
    assert_int_equal(series.start_ms % series.width_ms, 0);
}

static int64_t between(int64_t from_ms, int64_t to_ms)
{
    int64_t sum = 0;
    for (size_t i = 0; i < series.count; i++) {
        int64_t start_ms = series.start_ms + (int64_t)i * series.width_ms;
        if (start_ms >= from_ms && start_ms < to_ms)
            sum += series.counts[i][ROLLUP_sessions];
    }
    return sum;
}

static void test_tally_series_one_second_is_one_column(void **state)
{
    (void)state;
    memset(&series, 0, sizeof series);
    add(1700000000123);
    add(1700000000999);
    assert_int_equal(series.count, 1);
    assert_int_equal(series.width_ms, 1000);
    assert_int_equal(series.counts[0][ROLLUP_sessions], 2);
}

static void test_tally_series_widens_and_keeps_places(void **state)
{
    (void)state;
    memset(&series, 0, sizeof series);
    const int64_t day_ms = 86400000;
    const int64_t start_ms = 19675 * day_ms;
    for (int day = 0; day < 28; day++)
        for (int i = 0; i <= day; i++)
            add(start_ms + day * day_ms + i * 60000);
    assert_int_equal(series.width_ms, day_ms);
    assert_int_equal(series.count, 28);
    for (int day = 0; day < 28; day++)
        assert_int_equal(series.counts[day][ROLLUP_sessions], day + 1);
}

static void test_tally_series_earlier_times_move_it_back(void **state)
{
    (void)state;
    memset(&series, 0, sizeof series);
    add(1700000020000);
    add(1700000000000);
    add(1700000010000);
    assert_int_equal(series.start_ms, 1700000000000);
    assert_int_equal(series.count, 21);
    assert_int_equal(series.counts[0][ROLLUP_sessions], 1);
    assert_int_equal(series.counts[10][ROLLUP_sessions], 1);
    assert_int_equal(series.counts[20][ROLLUP_sessions], 1);
}

static void test_tally_series_hostile_times_are_bounded_and_lose_nothing(void **state)
{
    (void)state;
    memset(&series, 0, sizeof series);
    srandom(7);
    add(1700000000000);
    add(INT64_MIN);
    add(INT64_MAX);
    add(-1);
    add(0);
    for (int i = 0; i < 2000; i++)
        add((int64_t)random() << (random() % 32));
    assert_int_equal(between(0, INT64_MAX), 2005);
}

/* Whatever the order: the sums on both sides of a border between columns are those of the times. */
static void test_tally_series_random_order_counts_as_sorted(void **state)
{
    (void)state;
    enum { TIMES = 3000 };
    static int64_t times[TIMES];
    srandom(11);
    for (int round = 0; round < 20; round++) {
        int64_t range_ms = INT64_C(1000) << (round + 3);
        memset(&series, 0, sizeof series);
        for (int i = 0; i < TIMES; i++) {
            times[i] = 1600000000000 + (int64_t)random() % range_ms;
            add(times[i]);
        }
        int64_t middle = series.start_ms + (int64_t)(series.count / 2) * series.width_ms;
        int64_t before = 0;
        for (int i = 0; i < TIMES; i++)
            before += times[i] < middle;
        assert_int_equal(between(0, middle), before);
        assert_int_equal(between(middle, INT64_MAX), TIMES - before);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tally_series_one_second_is_one_column),
        cmocka_unit_test(test_tally_series_widens_and_keeps_places),
        cmocka_unit_test(test_tally_series_earlier_times_move_it_back),
        cmocka_unit_test(test_tally_series_hostile_times_are_bounded_and_lose_nothing),
        cmocka_unit_test(test_tally_series_random_order_counts_as_sorted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
