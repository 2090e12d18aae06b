#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sensor/track/flow.h"

enum { SECOND = 1000000000 };

static unsigned left_count;
static uint64_t left_numbers[64];

static void on_leave(void *context, struct flow *f)
{
    (void)context;
    if (left_count < 64)
        left_numbers[left_count] = f->number;
    left_count++;
}

static struct flow_table *open_table(uint32_t flows)
{
    struct flow_limits limits = {.flows = flows};
    for (int stage = 0; stage < FLOW_STAGES; stage++)
        limits.timeout_ns[stage] = (uint64_t)(stage + 1) * 10 * SECOND;
    left_count = 0;
    struct flow_table *t = flow_table_open(&limits, on_leave, NULL);
    assert_non_null(t);
    return t;
}

static struct flow_key key_of(uint16_t port)
{
    struct segment s = {.family = IP_V4, .source_port = port, .destination_port = 25};
    s.source.bytes[3] = 1;
    s.destination.bytes[3] = 2;
    struct flow_key key;
    bool from_low;
    flow_key_of(&s, 0, &key, &from_low);
    return key;
}

static void test_flow_both_directions_have_one_key(void **state)
{
    (void)state;
    struct segment there = {.family = IP_V6, .source_port = 5, .destination_port = 25};
    there.source.bytes[15] = 9;
    there.destination.bytes[15] = 2;
    struct segment back = {.family = IP_V6, .source_port = 25, .destination_port = 5};
    back.source = there.destination;
    back.destination = there.source;
    struct flow_key a, b;
    bool a_low, b_low;
    flow_key_of(&there, 0, &a, &a_low);
    flow_key_of(&back, 0, &b, &b_low);
    assert_memory_equal(&a, &b, sizeof a);
    assert_true(a_low != b_low);
    flow_key_of(&back, 7, &b, &b_low);
    assert_memory_not_equal(&a, &b, sizeof a);
}

static void test_flow_found_again_and_removed(void **state)
{
    (void)state;
    struct flow_table *t = open_table(2000);
    for (uint16_t port = 1000; port < 3000; port++) {
        struct flow_key key = key_of(port);
        assert_null(flow_find(t, &key));
        flow_table_turn(t, port - 1000);
        flow_add(t, &key, SECOND);
    }
    for (uint16_t port = 1000; port < 3000; port++) {
        struct flow_key key = key_of(port);
        struct flow *f = flow_find(t, &key);
        assert_non_null(f);
        assert_int_equal(f->number, port - 1000);
        flow_remove(t, f);
        assert_null(flow_find(t, &key));
    }
    assert_int_equal(left_count, 0);
    flow_table_close(t);
}

static void test_flow_expires_by_stage_and_age(void **state)
{
    (void)state;
    struct flow_table *t = open_table(100);
    struct flow_key young = key_of(1), old = key_of(2), known = key_of(3);
    flow_add(t, &old, 1 * (uint64_t)SECOND);
    flow_move(t, flow_add(t, &known, 1 * (uint64_t)SECOND), FLOW_KNOWN);
    flow_add(t, &young, 20 * (uint64_t)SECOND);
    flow_expire(t, 30 * (uint64_t)SECOND);
    assert_int_equal(left_count, 0);
    flow_expire(t, 32 * (uint64_t)SECOND); /* half open: 30 s */
    assert_int_equal(left_count, 1);
    assert_null(flow_find(t, &old));
    assert_non_null(flow_find(t, &young));
    assert_non_null(flow_find(t, &known));
    flow_table_close(t);
}

static void test_flow_touched_flow_stays(void **state)
{
    (void)state;
    struct flow_table *t = open_table(100);
    struct flow_key a = key_of(1), b = key_of(2);
    struct flow *first = flow_add(t, &a, 0);
    flow_add(t, &b, 0);
    flow_touch(t, first, 29 * (uint64_t)SECOND);
    flow_expire(t, 31 * (uint64_t)SECOND);
    assert_non_null(flow_find(t, &a));
    assert_null(flow_find(t, &b));
    flow_table_close(t);
}

static void test_flow_full_table_gives_up_the_least_valuable(void **state)
{
    (void)state;
    struct flow_table *t = open_table(4);
    enum flow_stage stages[4] = {FLOW_KNOWN, FLOW_TALKING, FLOW_HALF_OPEN, FLOW_ENDED};
    for (uint16_t i = 0; i < 4; i++) {
        struct flow_key key = key_of(i);
        flow_table_turn(t, i);
        flow_move(t, flow_add(t, &key, SECOND), stages[i]);
    }
    for (uint16_t i = 10; i < 14; i++) {
        struct flow_key key = key_of(i);
        flow_table_turn(t, i);
        flow_move(t, flow_add(t, &key, SECOND), FLOW_KNOWN);
    }
    assert_int_equal(left_count, 4);
    assert_int_equal(left_numbers[0], 3); /* ended */
    assert_int_equal(left_numbers[1], 2); /* half open */
    assert_int_equal(left_numbers[2], 1); /* talking */
    assert_int_equal(left_numbers[3], 0); /* known, the oldest */
    assert_int_equal(flow_evicted(t), 3); /* an ended flow is no loss */
    flow_table_close(t);
}

static void test_flow_drain_goes_in_order_of_beginning(void **state)
{
    (void)state;
    struct flow_table *t = open_table(50);
    for (uint16_t i = 0; i < 40; i++) {
        struct flow_key key = key_of(i);
        flow_table_turn(t, i);
        struct flow *f = flow_add(t, &key, SECOND);
        flow_move(t, f, i % 2 ? FLOW_KNOWN : FLOW_TALKING);
    }
    flow_drain(t);
    assert_int_equal(left_count, 40);
    for (unsigned i = 0; i < 40; i++)
        assert_int_equal(left_numbers[i], i);
    flow_table_close(t);
}

static void test_flow_hash_for_ids_is_the_same_in_every_process(void **state)
{
    (void)state;
    struct flow_key key = key_of(4242);
    assert_true(flow_key_hash(&key) == flow_key_hash(&key));
    struct flow_key other = key_of(4243);
    assert_true(flow_key_hash(&key) != flow_key_hash(&other));
}

/* The buckets are split one by one as the table fills: at each step every flow must still be found, and no other. */
static void test_flow_is_found_however_far_the_table_has_grown(void **state)
{
    (void)state;
    enum { FLOWS = 20000, STEP = 997 };
    struct flow_table *t = open_table(FLOWS);
    for (unsigned i = 1; i <= FLOWS; i++) {
        struct flow_key key = key_of((uint16_t)i);
        flow_add(t, &key, SECOND);
        if (i % STEP != 0 && i != FLOWS)
            continue;
        for (unsigned k = 1; k <= FLOWS; k++) {
            struct flow_key other = key_of((uint16_t)k);
            struct flow *f = flow_find(t, &other);
            assert_true((f != NULL) == (k <= i));
            assert_true(f == NULL || memcmp(&f->key, &other, sizeof other) == 0);
        }
    }
    for (unsigned i = 1; i <= FLOWS; i += 2) {
        struct flow_key key = key_of((uint16_t)i);
        flow_remove(t, flow_find(t, &key));
    }
    for (unsigned i = 1; i <= FLOWS; i++) {
        struct flow_key key = key_of((uint16_t)i);
        assert_true((flow_find(t, &key) != NULL) == (i % 2 == 0));
    }
    flow_table_close(t);
}

/* One of a few connections that differ in little: address, port, family, layer, or only in who is who. */
static struct segment segment_of(unsigned which, uint32_t *layer)
{
    struct segment s = {.family = which & 1 ? IP_V4 : IP_V6, .source_port = 25, .destination_port = 25};
    s.source.bytes[3] = which & 2 ? 1 : 2;
    s.destination.bytes[3] = which & 4 ? 1 : 2;
    s.source_port = which & 8 ? 25 : 4000;
    s.destination_port = which & 16 ? 25 : 4000;
    *layer = which & 32 ? 7 : 0;
    return s;
}

/* Segments of the same ends one after another are found without a look into the table; what is found must be the same. */
static void test_flow_found_by_segment_is_the_one_of_its_key(void **state)
{
    (void)state;
    enum { KINDS = 64, STEPS = 200000 };
    struct flow_table *t = open_table(KINDS);
    uint32_t random = 1;
    unsigned found = 0;
    unsigned which = 0;
    for (unsigned i = 0; i < STEPS; i++) {
        random = random * 1664525 + 1013904223;
        if (random >> 30 == 0) /* bursts: on average four of one kind, some the other way round */
            which = random >> 20 & (KINDS - 1);
        unsigned turned = (which & ~30U) | (which & 2) << 1 | (which & 4) >> 1 | (which & 8) << 1 |
                          (which & 16) >> 1;
        uint32_t layer;
        struct segment s = segment_of(random >> 10 & 1 ? which : turned, &layer);
        struct flow_key key;
        bool low, from_low;
        flow_key_of(&s, layer, &key, &low);
        struct flow *f = flow_find_segment(t, &s, layer, &from_low);
        assert_ptr_equal(f, flow_find(t, &key));
        assert_int_equal(from_low, low);
        found += f != NULL;
        if (f == NULL)
            flow_add(t, &key, SECOND);
        else if ((random >> 12 & 15) == 0)
            flow_remove(t, f);
    }
    assert_true(found > STEPS / 4);
    flow_table_close(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flow_both_directions_have_one_key),
        cmocka_unit_test(test_flow_found_again_and_removed),
        cmocka_unit_test(test_flow_expires_by_stage_and_age),
        cmocka_unit_test(test_flow_touched_flow_stays),
        cmocka_unit_test(test_flow_full_table_gives_up_the_least_valuable),
        cmocka_unit_test(test_flow_drain_goes_in_order_of_beginning),
        cmocka_unit_test(test_flow_hash_for_ids_is_the_same_in_every_process),
        cmocka_unit_test(test_flow_is_found_however_far_the_table_has_grown),
        cmocka_unit_test(test_flow_found_by_segment_is_the_one_of_its_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
