/* The file for Prometheus: every counter of rollup.def once, names and labels as the format has them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sensor/publish/prometheus.h"

static struct config config;
static struct run_summary summary;
static int64_t counts[ROLLUP_COUNT];

static char *printed(void)
{
    char *text = NULL;
    size_t length = 0;
    FILE *f = open_memstream(&text, &length);
    prometheus_print(f, &config, counts, &summary);
    fclose(f);
    return text;
}

static size_t times(const char *text, const char *what)
{
    size_t found = 0;
    for (const char *p = strstr(text, what); p != NULL; p = strstr(p + 1, what))
        found++;
    return found;
}

static void test_prometheus_every_counter_is_one_sample(void **state)
{
    (void)state;
    config_defaults(&config);
    for (size_t i = 0; i < ROLLUP_COUNT; i++)
        counts[i] = (int64_t)(700000 + i);
    char *text = printed();
    for (size_t i = 0; i < ROLLUP_COUNT; i++) {
        char value[32];
        snprintf(value, sizeof value, "} %zu\n", 700000 + i);
        assert_int_equal(times(text, value), 1);
    }
    assert_non_null(strstr(text, "mode=\"implicit\"} 700003\n"));
    assert_non_null(strstr(text, "waxseal_sessions_by_version_total{"));
    free(text);
}

static void test_prometheus_labels_are_escaped(void **state)
{
    (void)state;
    config_defaults(&config);
    memcpy(config.site, "a\"b\\c\nd", 8);
    char *text = printed();
    assert_non_null(strstr(text, "{site=\"a\\\"b\\\\c\\nd\",sensor=\""));
    assert_int_equal(times(text, "\nd\""), 0);
    free(text);
}

static void test_prometheus_redis_is_told_where_it_is_used(void **state)
{
    (void)state;
    config_defaults(&config);
    char *text = printed();
    assert_null(strstr(text, "waxseal_redis_"));
    free(text);
    summary.redis = (struct redis_health){.used = true, .rtt_us = 1500, .events_lost = 7};
    summary.alerts_open[SEVERITY_HIGH] = 3;
    text = printed();
    assert_non_null(strstr(text, "waxseal_redis_events_lost_total{"));
    assert_non_null(strstr(text, "\"} 0.0015\n"));
    assert_non_null(strstr(text, "severity=\"high\"} 3\n"));
    free(text);
}

static void test_prometheus_standard_output_is_refused(void **state)
{
    (void)state;
    struct sink sink;
    char error[PROMETHEUS_ERROR_CAP];
    config_defaults(&config);
    memcpy(config.prometheus_path, "-", 2);
    assert_false(prometheus_open(&sink, &config, error));
    assert_non_null(strstr(error, "needs the name of a file"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_prometheus_every_counter_is_one_sample),
        cmocka_unit_test(test_prometheus_labels_are_escaped),
        cmocka_unit_test(test_prometheus_redis_is_told_where_it_is_used),
        cmocka_unit_test(test_prometheus_standard_output_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
