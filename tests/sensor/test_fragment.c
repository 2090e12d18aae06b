/* Fragments in every order, doubled, overlapping, cut, forged, within tunnels and around them. */
#include "sensor/capture/fragment.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/build.h"
#include "tests/frames.h"

enum { PIECES_CAP = 16, PIECE_CAP = 2600, RAW = DECODE_RAW_IP, ETHERNET = 1 };

static const uint64_t SECOND_NS = 1000000000;
static const char TEXT[] = "EHLO a.very.long.name.of.a.client.example.org\r\n";

/* Frames ready to be played, each a fragment of one packet. */
struct pieces {
    size_t count;
    size_t length[PIECES_CAP];
    uint8_t bytes[PIECES_CAP][PIECE_CAP];
};

static struct counters counters;
static struct fragments *fragments;
static struct segment last;
static uint64_t now_ns;
static uint8_t *copy;

static int setup(void **state)
{
    struct fragment_limits limits = {.datagrams = 4, .chunks = 16, .timeout_ns = 30 * SECOND_NS};
    memset(&counters, 0, sizeof counters);
    fragments = fragments_open(&limits, &counters);
    assert_non_null(fragments);
    now_ns = 1700000000 * SECOND_NS;
    *state = NULL;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fragments_close(fragments);
    free(copy);
    copy = NULL;
    return 0;
}

/* Decode one frame as the worker does; what the segment borrows of the frame lives until the next one. */
static enum decode_result play_cut(int link, const uint8_t *p, size_t n, size_t wire_bytes)
{
    free(copy);
    copy = build_exact(p, n);
    memset(&last, 0xa5, sizeof last);
    now_ns += 1000000;
    enum decode_result result = decode_frame(link, span_of(copy, n), (uint32_t)wire_bytes, now_ns, &last);
    return result == DECODE_FRAGMENT ? fragments_decode(fragments, &last, &last) : result;
}

static enum decode_result play(const struct pieces *p, size_t i)
{
    return play_cut(RAW, p->bytes[i], p->length[i], p->length[i]);
}

static void assert_mail(void)
{
    assert_int_equal(last.destination_port, 25);
    assert_int_equal(last.sequence, 1000);
    assert_int_equal(last.missing, 0);
    assert_true(span_is(last.payload, TEXT));
    assert_true(last.time_ns == now_ns);
}

static void put16(uint8_t *at, unsigned v)
{
    at[0] = (uint8_t)(v >> 8);
    at[1] = (uint8_t)v;
}

static void put_piece(struct pieces *p, const struct frame *f)
{
    struct span all = frame_span(f);
    assert_true(p->count < PIECES_CAP && all.n <= PIECE_CAP);
    memcpy(p->bytes[p->count], all.p, all.n);
    p->length[p->count++] = all.n;
}

/* One fragment of `body`, from octet `from` on. */
static void add_piece(struct pieces *p, bool v4, uint8_t protocol, struct span body, size_t from, size_t n,
                      bool more)
{
    struct frame f;
    frame_payload(&f, "");
    struct span part = span_head(span_skip(body, from), n);
    frame_front(&f, part.p, part.n);
    if (v4) {
        frame_ipv4(&f, FRAME_CLIENT_4, FRAME_SERVER_4, protocol);
        put16(frame_byte(&f, 4), 0x4242);
        put16(frame_byte(&f, 6), (more ? 0x2000u : 0u) | (unsigned)(from / 8));
    } else {
        frame_fragment(&f, protocol, (unsigned)from | more);
        frame_ipv6(&f, FRAME_CLIENT_6, FRAME_SERVER_6, 44);
    }
    put_piece(p, &f);
}

static void cut_body(struct pieces *p, bool v4, uint8_t protocol, struct span body, size_t step)
{
    p->count = 0;
    for (size_t from = 0; from < body.n; from += step)
        add_piece(p, v4, protocol, body, from, step, from + step < body.n);
}

static struct span mail_body(struct frame *f, bool v4)
{
    if (v4)
        frame_mail_4(f, TEXT);
    else
        frame_mail_6(f, TEXT);
    return span_skip(frame_span(f), v4 ? 20 : 40);
}

static void cut_mail(struct pieces *p, bool v4, size_t step)
{
    struct frame f;
    cut_body(p, v4, FRAME_TCP, mail_body(&f, v4), step);
}

static void test_fragment_any_order_gives_the_datagram(void **state)
{
    (void)state;
    for (int v4 = 0; v4 <= 1; v4++)
        for (size_t step = 24; step <= 48; step += 8)
            for (int backwards = 0; backwards <= 1; backwards++) {
                struct pieces p;
                cut_mail(&p, v4, step);
                for (size_t i = 0; i + 1 < p.count; i++)
                    assert_int_equal(play(&p, backwards ? p.count - 1 - i : i), DECODE_FRAGMENT);
                assert_int_equal(play(&p, backwards ? 0 : p.count - 1), DECODE_TCP);
                assert_mail();
                assert_int_equal(last.vlan, -1);
                assert_int_equal(last.tunnel, TUNNEL_NONE);
                now_ns += 2 * SECOND_NS; /* the same identification again, later */
            }
    assert_int_equal(counters.value[COUNTER_fragments_joined], 16);
    assert_int_equal(counters.value[COUNTER_fragments_overlapping], 0);
}

static void test_fragment_mirrored_twice_costs_nothing(void **state)
{
    (void)state;
    struct pieces p;
    cut_mail(&p, true, 32);
    assert_int_equal(p.count, 3);
    assert_int_equal(play(&p, 0), DECODE_FRAGMENT);
    assert_int_equal(play(&p, 0), DECODE_FRAGMENT);
    assert_int_equal(play(&p, 2), DECODE_FRAGMENT);
    assert_int_equal(play(&p, 2), DECODE_FRAGMENT);
    assert_int_equal(play(&p, 1), DECODE_TCP);
    assert_mail();
    for (size_t i = 0; i < p.count; i++)
        assert_int_equal(play(&p, i), DECODE_FRAGMENT);
    assert_int_equal(counters.value[COUNTER_fragments_repeated], 5);
    assert_int_equal(counters.value[COUNTER_fragments_joined], 1);
    now_ns += 60 * SECOND_NS;
    assert_int_equal(play(&p, 0), DECODE_FRAGMENT); /* runs out of time what was whole: that is no loss */
    assert_int_equal(counters.value[COUNTER_fragments_timed_out], 0);
}

/* RFC 5722 s4: the whole datagram goes, also what comes of it later. */
static void test_fragment_overlap_drops_the_datagram(void **state)
{
    (void)state;
    for (int v4 = 0; v4 <= 1; v4++) {
        struct pieces p;
        struct frame f;
        cut_mail(&p, v4, 32);
        add_piece(&p, v4, FRAME_TCP, mail_body(&f, v4), 24, 16, true); /* the same octets, other bounds */
        assert_int_equal(play(&p, 0), DECODE_FRAGMENT);
        assert_int_equal(play(&p, 3), DECODE_FRAGMENT);
        assert_int_equal(play(&p, 1), DECODE_FRAGMENT);
        assert_int_equal(play(&p, 2), DECODE_FRAGMENT);
        assert_int_equal(play(&p, 0), DECODE_FRAGMENT);
    }
    assert_int_equal(counters.value[COUNTER_fragments_overlapping], 2);
    assert_int_equal(counters.value[COUNTER_fragments_joined], 0);
}

static void test_fragment_same_place_other_octets_is_an_overlap(void **state)
{
    (void)state;
    struct pieces p;
    cut_mail(&p, true, 32);
    (void)play(&p, 1);
    p.bytes[1][30] ^= 1;
    (void)play(&p, 1);
    (void)play(&p, 0);
    assert_int_equal(play(&p, 2), DECODE_FRAGMENT);
    assert_int_equal(counters.value[COUNTER_fragments_overlapping], 1);
}

/* Two ends, or something beyond the end: teardrop and its kin. */
static void test_fragment_second_end_is_an_overlap(void **state)
{
    (void)state;
    struct pieces p;
    struct frame f;
    cut_mail(&p, true, 32);
    add_piece(&p, true, FRAME_TCP, mail_body(&f, true), 32, 24, false);
    (void)play(&p, 2);
    (void)play(&p, 3);
    assert_int_equal(counters.value[COUNTER_fragments_overlapping], 1);
    now_ns += 60 * SECOND_NS;
    (void)play(&p, 2);
    add_piece(&p, true, FRAME_TCP, mail_body(&f, true), 8, 16, false);
    (void)play(&p, 4);
    assert_int_equal(counters.value[COUNTER_fragments_overlapping], 2);
    assert_int_equal(counters.value[COUNTER_fragments_joined], 0);
}

static void test_fragment_unlawful_ones_are_counted_and_dropped(void **state)
{
    (void)state;
    struct pieces p = {0};
    struct frame f;
    struct span body = mail_body(&f, true);
    add_piece(&p, true, FRAME_TCP, body, 0, 30, true); /* not a multiple of 8 */
    add_piece(&p, true, FRAME_TCP, body, 0, 0, true);  /* nothing */
    add_piece(&p, true, FRAME_TCP, body, 0, 32, false);
    put16(p.bytes[2] + 6, 0x1fff); /* the ping of death: its end lies beyond 65535 octets */
    add_piece(&p, false, FRAME_TCP, body, 0, 32, false);
    put16(p.bytes[3] + 42, 0xfff8);
    for (size_t i = 0; i < p.count; i++)
        assert_int_equal(play(&p, i), DECODE_FRAGMENT);
    assert_int_equal(counters.value[COUNTER_fragments_malformed], 4);
    assert_int_equal(fragments_waiting(fragments), 0);
}

static void test_fragment_tiny_first_is_counted_and_followed(void **state)
{
    (void)state;
    struct pieces p;
    cut_mail(&p, true, 16);
    for (size_t i = 0; i + 1 < p.count; i++)
        assert_int_equal(play(&p, i), DECODE_FRAGMENT);
    assert_int_equal(play(&p, p.count - 1), DECODE_TCP);
    assert_mail();
    assert_int_equal(counters.value[COUNTER_fragments_tiny], 1);
}

static void test_fragment_missing_part_times_out_by_packet_time(void **state)
{
    (void)state;
    struct pieces p;
    cut_mail(&p, false, 48);
    (void)play(&p, 0);
    now_ns += 29 * SECOND_NS;
    struct pieces q = p;
    q.bytes[0][47] ^= 1; /* another identification */
    (void)play(&q, 0);
    assert_int_equal(fragments_waiting(fragments), 2);
    now_ns += 2 * SECOND_NS;
    assert_int_equal(play(&p, 1), DECODE_FRAGMENT);
    assert_int_equal(counters.value[COUNTER_fragments_timed_out], 1);
    assert_int_equal(counters.value[COUNTER_fragments_joined], 0);
}

static void test_fragment_flood_stays_within_its_memory(void **state)
{
    (void)state;
    struct pieces p;
    cut_mail(&p, true, 48);
    for (unsigned id = 0; id < 10000; id++) {
        put16(p.bytes[0] + 4, id);
        assert_int_equal(play(&p, 0), DECODE_FRAGMENT);
        assert_true(fragments_waiting(fragments) <= 4);
    }
    assert_int_equal(counters.value[COUNTER_fragments_evicted], 9996);
    put16(p.bytes[1] + 4, 9999); /* the newest is still there */
    assert_int_equal(play(&p, 1), DECODE_TCP);
    assert_mail();
}

/* 16 chunks of 2 KiB: a datagram that wants more is dropped, and everything is given back. */
static void test_fragment_room_for_one_datagram_is_bounded(void **state)
{
    (void)state;
    static const uint8_t zeros[2048];
    struct pieces p = {0};
    struct frame f;
    for (size_t i = 0; i < 10; i++) {
        frame_payload(&f, "");
        frame_front(&f, zeros, sizeof zeros); /* two chunks each */
        frame_ipv4(&f, FRAME_CLIENT_4, FRAME_SERVER_4, FRAME_TCP);
        put16(frame_byte(&f, 6), 0x2000u | (unsigned)(i * sizeof zeros / 8));
        put_piece(&p, &f);
        assert_int_equal(play(&p, i), DECODE_FRAGMENT);
    }
    assert_int_equal(counters.value[COUNTER_fragments_evicted], 1);
    now_ns += 60 * SECOND_NS;
    cut_mail(&p, true, 48);
    (void)play(&p, 0);
    assert_int_equal(play(&p, 1), DECODE_TCP);
}

/* A tiny-fragment attack: more pieces than the cap. */
static void test_fragment_too_many_pieces_are_dropped(void **state)
{
    (void)state;
    struct fragment_limits limits = {.datagrams = 4, .chunks = 1024, .timeout_ns = 30 * SECOND_NS};
    fragments_close(fragments);
    fragments = fragments_open(&limits, &counters);
    for (unsigned i = 0; i <= FRAGMENT_PIECES_CAP; i++) {
        struct pieces p = {0};
        add_piece(&p, true, FRAME_UDP, span_of("12345678", 8), 0, 8, true);
        put16(p.bytes[0] + 6, 0x2000u | i);
        (void)play(&p, 0);
    }
    assert_int_equal(counters.value[COUNTER_fragments_evicted], 1);
}

static void test_fragment_cut_by_snap_length_is_given_up(void **state)
{
    (void)state;
    struct pieces p;
    cut_mail(&p, true, 48);
    (void)play(&p, 0);
    assert_int_equal(play_cut(RAW, p.bytes[1], p.length[1] - 5, p.length[1]), DECODE_FRAGMENT);
    assert_int_equal(play(&p, 1), DECODE_FRAGMENT);
    assert_int_equal(counters.value[COUNTER_fragments_cut], 1);
}

static void test_fragment_other_ends_or_numbers_do_not_mix(void **state)
{
    (void)state;
    struct pieces p;
    for (size_t byte = 4; byte <= 16; byte += 4) { /* identification, protocol's word, source, destination */
        cut_mail(&p, true, 48);
        (void)play(&p, 0);
        p.bytes[1][byte == 8 ? 9 : byte] ^= 0x40;
        assert_int_equal(play(&p, 1), DECODE_FRAGMENT);
        now_ns += 60 * SECOND_NS;
    }
    assert_int_equal(counters.value[COUNTER_fragments_joined], 0);
}

static void test_fragment_inside_tagged_tunnel_keeps_tag_and_tunnel(void **state)
{
    (void)state;
    struct pieces p;
    cut_mail(&p, true, 48);
    for (size_t i = 0; i < p.count; i++) {
        struct frame f;
        frame_payload(&f, "");
        frame_front(&f, p.bytes[i], p.length[i]);
        frame_u16(&f, 0x0800);
        frame_u16(&f, 0);
        frame_ipv4(&f, "10.0.0.1", "10.0.0.2", FRAME_GRE);
        frame_vlan(&f, 7, 0x0800);
        frame_ethernet(&f, 0x8100);
        struct span all = frame_span(&f);
        assert_int_equal(play_cut(ETHERNET, all.p, all.n, all.n), i == 0 ? DECODE_FRAGMENT : DECODE_TCP);
    }
    assert_mail();
    assert_int_equal(last.vlan, 7);
    assert_int_equal(last.tunnel, TUNNEL_GRE);
}

/* A VXLAN packet around the mail, cut in two because it no longer fits. */
static void test_fragment_of_a_tunnel_is_joined_and_followed(void **state)
{
    (void)state;
    for (int inner_too = 0; inner_too <= 1; inner_too++) {
        struct pieces inner;
        cut_mail(&inner, true, inner_too ? 48 : 4096);
        for (size_t i = 0; i < inner.count; i++) {
            struct frame f;
            if (inner_too) {
                frame_payload(&f, "");
                frame_front(&f, inner.bytes[i], inner.length[i]);
            } else {
                frame_mail_4(&f, TEXT);
            }
            frame_ethernet(&f, 0x0800);
            frame_u32(&f, 0x00123400); /* network 0x1234 */
            frame_u32(&f, 0x08000000);
            frame_udp(&f, 50000, 4789);
            struct pieces outer;
            cut_body(&outer, true, FRAME_UDP, frame_span(&f), 64);
            for (size_t k = 0; k < outer.count; k++) {
                put16(outer.bytes[k] + 4, (unsigned)(100 + i));
                bool end = k + 1 == outer.count && i + 1 == inner.count;
                assert_int_equal(play(&outer, k), end ? DECODE_TCP : DECODE_FRAGMENT);
            }
        }
        assert_mail();
        assert_int_equal(last.tunnel, TUNNEL_VXLAN);
        assert_int_equal(last.tunnel_id, 0x1234);
        now_ns += 60 * SECOND_NS;
    }
}

static void test_fragment_atomic_needs_no_other(void **state)
{
    (void)state;
    struct pieces p = {0};
    struct frame f;
    cut_mail(&p, false, 48);
    (void)play(&p, 0);
    p.count = 0;
    add_piece(&p, false, FRAME_TCP, mail_body(&f, false), 0, 4096, false); /* the same identification */
    assert_int_equal(play(&p, 0), DECODE_TCP);
    assert_mail();
    assert_int_equal(fragments_waiting(fragments), 1);
    assert_int_equal(counters.value[COUNTER_fragments_overlapping], 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_fragment_any_order_gives_the_datagram),
        TEST(test_fragment_mirrored_twice_costs_nothing),
        TEST(test_fragment_overlap_drops_the_datagram),
        TEST(test_fragment_same_place_other_octets_is_an_overlap),
        TEST(test_fragment_second_end_is_an_overlap),
        TEST(test_fragment_unlawful_ones_are_counted_and_dropped),
        TEST(test_fragment_tiny_first_is_counted_and_followed),
        TEST(test_fragment_missing_part_times_out_by_packet_time),
        TEST(test_fragment_flood_stays_within_its_memory),
        TEST(test_fragment_room_for_one_datagram_is_bounded),
        TEST(test_fragment_too_many_pieces_are_dropped),
        TEST(test_fragment_cut_by_snap_length_is_given_up),
        TEST(test_fragment_other_ends_or_numbers_do_not_mix),
        TEST(test_fragment_inside_tagged_tunnel_keeps_tag_and_tunnel),
        TEST(test_fragment_of_a_tunnel_is_joined_and_followed),
        TEST(test_fragment_atomic_needs_no_other),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
