/* The same packet again, or another that looks like it. */
#include "sensor/track/repeats.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const uint64_t MS = 1000000;
static struct repeats repeats;

static int setup(void **state)
{
    (void)state;
    assert_true(repeats_open(&repeats));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    repeats_close(&repeats);
    return 0;
}

static struct segment segment_of(uint32_t mark)
{
    return (struct segment){.time_ns = 1700000000000000000,
                            .sequence = 1000,
                            .acknowledgement = 77,
                            .flags = TCP_ACK | TCP_PSH,
                            .mark = mark,
                            .vlan = -1,
                            .payload = span_text("EHLO x\r\n")};
}

static bool again_after(struct segment s, uint64_t ns)
{
    s.time_ns += ns;
    return repeats_note(&repeats, 2, 0, &s);
}

static void test_repeats_same_packet_elsewhere_is_one(void **state)
{
    (void)state;
    struct segment s = segment_of(4711);
    assert_false(repeats_note(&repeats, 2, 0, &s));
    assert_true(again_after(s, 0));
    s.vlan = 20;
    s.tunnel = TUNNEL_GRE;
    s.tunnel_id = 5;
    assert_true(again_after(s, 5 * MS));
    assert_true(again_after(s, 400 * MS));
}

static void test_repeats_whatever_differs_makes_another_packet(void **state)
{
    (void)state;
    for (int what = 0; what < 10; what++) {
        struct segment first = segment_of(4711);
        memset(repeats.rows, 0, sizeof *repeats.rows * 4);
        assert_false(repeats_note(&repeats, 2, 0, &first));
        struct segment s = first;
        uint16_t row = 2;
        uint64_t direction = 0;
        switch (what) {
        case 0: s.sequence++; break;
        case 1: s.acknowledgement++; break;
        case 2: s.flags |= TCP_FIN; break;
        case 3: s.mark++; break; /* sent again */
        case 4: s.payload = span_head(s.payload, 5); break;
        case 5: s.missing = 3; break; /* the first copy was cut, this one was not */
        case 6: row = 3; break;
        case 8: direction = 1; break;
        case 9: s.payload = span_text("EHLO y\r\n"); break;
        case 7: s.time_ns += 700 * MS; break;
        }
        assert_false(repeats_note(&repeats, row, direction, &s));
    }
}

/* However many others there are between the two copies. */
static void test_repeats_only_packets_of_its_own_row_push_one_out(void **state)
{
    (void)state;
    struct segment first = segment_of(1);
    struct segment s = first;
    assert_false(repeats_note(&repeats, 2, 0, &first));
    for (s.mark = 100; s.mark < 1000; s.mark++)
        assert_false(repeats_note(&repeats, 3, 0, &s));
    assert_true(repeats_note(&repeats, 2, 0, &first));
    for (s.mark = 100; s.mark < 100 + REPEATS_ROW; s.mark++)
        assert_false(repeats_note(&repeats, 2, 1, &s));
    assert_false(repeats_note(&repeats, 2, 0, &first));
}

/* Nothing but time tells: a copy comes at once, a retransmission after a round trip at least. */
static void test_repeats_without_a_mark_time_decides(void **state)
{
    (void)state;
    struct segment s = segment_of(0);
    assert_false(repeats_note(&repeats, 2, 0, &s));
    assert_true(again_after(s, 2 * MS));
    assert_false(again_after(s, 200 * MS));
}

static void test_repeats_clock_may_step_back_a_little(void **state)
{
    (void)state;
    struct segment s = segment_of(9);
    assert_false(repeats_note(&repeats, 2, 0, &s));
    s.time_ns -= 1 * MS;
    assert_true(repeats_note(&repeats, 2, 0, &s));
}

static void test_repeats_bare_acknowledgements_need_a_mark(void **state)
{
    (void)state;
    struct segment s = segment_of(0);
    assert_true(repeats_tellable(&s));
    s.payload = span_of(NULL, 0);
    assert_false(repeats_tellable(&s));
    s.mark = 77;
    assert_true(repeats_tellable(&s));
    s.mark = 0;
    s.flags = TCP_SYN;
    assert_true(repeats_tellable(&s));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_repeats_same_packet_elsewhere_is_one, setup, teardown),
        cmocka_unit_test_setup_teardown(test_repeats_whatever_differs_makes_another_packet, setup, teardown),
        cmocka_unit_test_setup_teardown(test_repeats_only_packets_of_its_own_row_push_one_out, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_repeats_without_a_mark_time_decides, setup, teardown),
        cmocka_unit_test_setup_teardown(test_repeats_clock_may_step_back_a_little, setup, teardown),
        cmocka_unit_test_setup_teardown(test_repeats_bare_acknowledgements_need_a_mark, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
