/* Counters in, shares and findings out. */
#include "sensor/capture/mirror.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const uint64_t SECOND_NS = 1000000000;
static struct mirror_limits limits;
static struct mirror_counts before;
static struct mirror_counts now;
static struct mirror_report report;

/* An hour of a good mirror, and as much again. */
static void fill(struct mirror_counts *c, uint64_t times)
{
    c->counters.value[COUNTER_packets] = 100000 * times;
    c->counters.value[COUNTER_segments] = 90000 * times;
    c->counters.value[COUNTER_tracked] = 80000 * times;
    c->counters.value[COUNTER_payload_bytes] = 10000000 * times;
    c->counters.value[COUNTER_flows_judged] = 500 * times;
}

static int setup(void **state)
{
    (void)state;
    mirror_limits_default(&limits);
    memset(&before, 0, sizeof before);
    memset(&now, 0, sizeof now);
    fill(&before, 1);
    fill(&now, 2);
    return 0;
}

static uint32_t findings(void)
{
    mirror_compare(&before, &now, &limits, &report);
    return report.findings;
}

static void test_mirror_good_one_has_no_finding_and_known_shares(void **state)
{
    (void)state;
    assert_int_equal(findings(), 0);
    assert_true(mirror_share_of(&report.one_sided) == 0);
    assert_true(mirror_share_of(&report.duplicates) == 0);
    assert_true(mirror_share_of(&report.dropped) == 0);
    assert_true(mirror_share_of(&report.missing) == 0);
    assert_int_equal(report.packets, 100000);
}

/* Each counter just below its threshold, and at it. */
static void test_mirror_each_finding_has_its_threshold(void **state)
{
    static const struct {
        enum counter counter;
        uint64_t at;
        enum mirror_rule rule;
    } rows[] = {
        {COUNTER_flows_judged_one_sided, 50, MIRROR_one_sided}, /* 10 % of 500 */
        {COUNTER_duplicates, 1633, MIRROR_duplicates},          /* 2 % of 81633 */
        {COUNTER_gap_bytes, 10011, MIRROR_loss},                /* 0.1 % of what should have come */
        {COUNTER_skipped_bytes, 10011, MIRROR_loss},
        {COUNTER_truncated, 100, MIRROR_truncated},
        {COUNTER_oversize, 90, MIRROR_offload},
        {COUNTER_clock_backwards, 1, MIRROR_clock},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[128];
        setup(state);
        before.counters.value[rows[i].counter] = 7000000; /* what was before does not count */
        now.counters.value[rows[i].counter] = 7000000 + rows[i].at - 1;
        assert_int_equal(findings(), 0);
        now.counters.value[rows[i].counter]++;
        assert_int_equal(findings(), UINT32_C(1) << rows[i].rule);
        assert_true(mirror_found(&report, rows[i].rule));
        assert_true(strlen(mirror_say(&report, rows[i].rule, text, sizeof text)) > 5);
    }
    setup(state);
    now.kernel_dropped = 101;
    assert_int_equal(findings(), 1 << MIRROR_loss);
}

static void test_mirror_says_the_figures(void **state)
{
    (void)state;
    char text[128];
    now.counters.value[COUNTER_flows_judged_one_sided] = 123;
    (void)findings();
    assert_string_equal(mirror_say(&report, MIRROR_one_sided, text, sizeof text),
                        "24.6 % of 500 connections");
}

/* Unknown is not zero: a share of too little is neither good nor bad. */
static void test_mirror_share_of_too_little_is_unknown(void **state)
{
    (void)state;
    memset(&before, 0, sizeof before);
    memset(&now, 0, sizeof now);
    now.counters.value[COUNTER_packets] = 999;
    now.counters.value[COUNTER_truncated] = 999;
    now.counters.value[COUNTER_flows_judged] = 19;
    now.counters.value[COUNTER_flows_judged_one_sided] = 19;
    assert_int_equal(findings(), 0);
    assert_true(mirror_share_of(&report.one_sided) == -1);
    assert_true(mirror_share_of(&report.truncated) == -1);
    now.counters.value[COUNTER_flows_judged]++;
    assert_int_equal(findings(), 1 << MIRROR_one_sided);
    struct mirror_report nothing;
    memset(&nothing, 0, sizeof nothing);
    assert_true(mirror_share_of(&nothing.duplicates) == -1);
}

/* Octets skipped and filled later were out of order, not lost. */
static void test_mirror_reordering_is_no_loss(void **state)
{
    (void)state;
    now.counters.value[COUNTER_skipped_bytes] = 500000;
    now.counters.value[COUNTER_filled_bytes] = 499000;
    assert_int_equal(findings(), 0);
    assert_int_equal(report.missing.part, 1000);
    now.counters.value[COUNTER_filled_bytes] = 600000; /* retransmissions fill, too */
    assert_int_equal(findings(), 0);
    assert_int_equal(report.missing.part, 0);
}

static void test_mirror_counters_that_seem_to_go_back_are_nothing(void **state)
{
    (void)state;
    before.counters.value[COUNTER_duplicates] = 10;
    before.kernel_dropped = 10;
    assert_int_equal(findings(), 0);
    assert_int_equal(report.duplicates.part, 0);
    assert_int_equal(report.dropped.part, 0);
}

static void test_mirror_notes_time_tags_tunnels_and_sizes(void **state)
{
    (void)state;
    static const uint8_t bytes[3000];
    struct mirror_marks marks;
    memset(&marks, 0, sizeof marks);
    memset(&now, 0, sizeof now);
    struct counters *c = &now.counters;
    uint64_t start = 1700000000 * SECOND_NS;
    mirror_note(&marks, c, start);
    mirror_note(&marks, c, start + SECOND_NS);
    mirror_note(&marks, c, start + SECOND_NS / 2); /* parallel queues */
    assert_int_equal(c->value[COUNTER_clock_backwards] + c->value[COUNTER_clock_forwards], 0);
    mirror_note(&marks, c, start - SECOND_NS);
    assert_int_equal(c->value[COUNTER_clock_backwards], 1);
    mirror_note(&marks, c, start + 4000 * SECOND_NS);
    assert_int_equal(c->value[COUNTER_clock_forwards], 1);

    struct segment s = {.vlan = 4095, .tunnel = TUNNEL_GRE, .packet = span_of(bytes, 1500)};
    mirror_note_size(&marks, c, &s, 1500);
    mirror_note_layers(&marks, &s);
    assert_int_equal(c->value[COUNTER_oversize], 0);
    s.vlan = -1;
    s.missing = 1; /* what the snap length cut counts as well */
    mirror_note_size(&marks, c, &s, 1500);
    mirror_note_layers(&marks, &s);
    assert_int_equal(c->value[COUNTER_oversize], 1);
    assert_int_equal(marks.largest_packet_bytes, 1501);
    assert_true(marks.vlans[63] == UINT64_C(1) << 63);
    assert_int_equal(marks.tunnels, 1 << TUNNEL_GRE);
}

static void test_mirror_counts_of_several_inputs_add_up(void **state)
{
    (void)state;
    struct mirror_counts sum;
    memset(&sum, 0, sizeof sum);
    now.marks.vlans[0] = 2;
    now.kernel_dropped = 5;
    mirror_add(&sum, &before);
    mirror_add(&sum, &now);
    assert_int_equal(sum.counters.value[COUNTER_packets], 300000);
    assert_int_equal(sum.kernel_dropped, 5);
    assert_int_equal(sum.marks.vlans[0], 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_mirror_good_one_has_no_finding_and_known_shares, setup),
        cmocka_unit_test_setup(test_mirror_each_finding_has_its_threshold, setup),
        cmocka_unit_test_setup(test_mirror_says_the_figures, setup),
        cmocka_unit_test_setup(test_mirror_share_of_too_little_is_unknown, setup),
        cmocka_unit_test_setup(test_mirror_reordering_is_no_loss, setup),
        cmocka_unit_test_setup(test_mirror_counters_that_seem_to_go_back_are_nothing, setup),
        cmocka_unit_test_setup(test_mirror_notes_time_tags_tunnels_and_sizes, setup),
        cmocka_unit_test_setup(test_mirror_counts_of_several_inputs_add_up, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
