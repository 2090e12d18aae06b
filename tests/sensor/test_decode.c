#include "sensor/capture/decode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/build.h"
#include "tests/frame_samples.h"

enum { ETHERNET = 1, RAW = 101 };

static const uint64_t TIME_NS = 1700000000123456789;

/* Decode a copy of exact size; what the segment borrows dies with it, so looks happen in `look`. */
static enum decode_result decode_cut(int link_type, struct span frame, size_t captured, struct segment *s,
                                     uint8_t **copy)
{
    *copy = build_exact(frame.p, captured);
    memset(s, 0xa5, sizeof *s); /* decode must set every field that it promises */
    return decode_frame(link_type, span_of(*copy, captured), (uint32_t)frame.n, TIME_NS, s);
}

static enum decode_result decode_only(int link_type, struct span frame)
{
    struct segment s;
    uint8_t *copy;
    enum decode_result result = decode_cut(link_type, frame, frame.n, &s, &copy);
    free(copy);
    return result;
}

static void assert_address(const struct address *a, enum ip_family family, const char *text)
{
    char got[46];
    unsigned n = address_text(a, family, got);
    assert_string_equal(got, text);
    assert_int_equal(n, strlen(text));
}

static void assert_mail(const struct segment *s)
{
    bool v4 = s->family == IP_V4;
    assert_true(v4 || s->family == IP_V6);
    assert_address(&s->source, s->family, v4 ? FRAME_CLIENT_4 : FRAME_CLIENT_6);
    assert_address(&s->destination, s->family, v4 ? FRAME_SERVER_4 : FRAME_SERVER_6);
    assert_int_equal(s->source_port, 40000);
    assert_int_equal(s->destination_port, 25);
    assert_int_equal(s->sequence, 1000);
    assert_int_equal(s->acknowledgement, 77);
    assert_int_equal(s->flags, TCP_PSH | TCP_ACK);
    assert_true(s->time_ns == TIME_NS);
}

static void test_decode_every_sample_yields_the_mail_segment(void **state)
{
    (void)state;
    for (size_t i = 0; i < FRAME_SAMPLE_COUNT; i++) {
        const struct frame_sample *sample = &frame_samples[i];
        struct frame f;
        struct segment s;
        uint8_t *copy;
        sample->build(&f);
        struct span frame = frame_span(&f);
        print_message("%s\n", sample->name);
        assert_true(decode_link_known(sample->link_type));
        assert_int_equal(decode_cut(sample->link_type, frame, frame.n, &s, &copy), DECODE_TCP);
        assert_mail(&s);
        assert_string_equal(decode_tunnel_word(s.tunnel), sample->tunnel);
        assert_int_equal(s.vlan, sample->vlan);
        assert_int_equal(s.missing, 0);
        assert_true(span_equal(s.payload, span_text(FRAME_SAMPLE_PAYLOAD)));
        assert_true(s.packet.p + s.packet.n == s.payload.p + s.payload.n);
        assert_int_equal(span_byte(s.packet, 0) >> 4, s.family);
        free(copy);
    }
}

static void test_decode_tunnels_say_their_number(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint32_t id;
    } rows[] = {{"mpls", 16},   {"pppoe", 7},    {"gre", 0},  {"gre_all_options", 2}, {"erspan_1", 0},
                {"vxlan", 100}, {"geneve", 100}, {"ipip", 0}, {"plain", 0},           {"vlan", 0}};
    for (size_t i = 0; i < FRAME_SAMPLE_COUNT; i++)
        for (size_t k = 0; k < sizeof rows / sizeof rows[0]; k++) {
            struct frame f;
            struct segment s;
            uint8_t *copy;
            if (strcmp(rows[k].name, frame_samples[i].name) != 0)
                continue;
            frame_samples[i].build(&f);
            struct span frame = frame_span(&f);
            assert_int_equal(decode_cut(frame_samples[i].link_type, frame, frame.n, &s, &copy), DECODE_TCP);
            assert_int_equal(s.tunnel_id, rows[k].id);
            free(copy);
        }
}

/* IPv4's identification; without one what is in the TCP options. */
static void test_decode_mark_tells_repetitions_apart(void **state)
{
    (void)state;
    uint32_t marks[4];
    for (unsigned i = 0; i < 4; i++) {
        bool v6 = i > 0;
        struct frame f;
        struct segment s;
        uint8_t *copy;
        frame_payload(&f, "x");
        frame_u32(&f, 0); /* the other end's stamp */
        frame_u32(&f, i < 3 ? 0x01234567 : 0x01234568);
        frame_u32(&f, 0x0101080a);
        frame_tcp(&f, 40000, 25, 1000, 0x18);
        *frame_byte(&f, 12) = 0x80;
        if (v6)
            frame_ipv6(&f, FRAME_CLIENT_6, FRAME_SERVER_6, FRAME_TCP);
        else
            frame_ipv4(&f, FRAME_CLIENT_4, FRAME_SERVER_4, FRAME_TCP);
        struct span frame = frame_span(&f);
        assert_int_equal(decode_cut(RAW, frame, frame.n, &s, &copy), DECODE_TCP);
        marks[i] = s.mark;
        assert_true(span_equal(s.payload, span_text("x")));
        free(copy);
    }
    assert_int_equal(marks[0], 1);
    assert_int_not_equal(marks[1], 0);
    assert_int_equal(marks[1], marks[2]);
    assert_int_not_equal(marks[1], marks[3]);
}

/* Whatever the capture cuts off: no read beyond the end (the sanitizer watches), and what is promised adds
 * up. */
static void test_decode_cut_at_every_byte_is_truncated_or_missing(void **state)
{
    (void)state;
    for (size_t i = 0; i < FRAME_SAMPLE_COUNT; i++) {
        struct frame f;
        frame_samples[i].build(&f);
        struct span frame = frame_span(&f);
        print_message("%s\n", frame_samples[i].name);
        for (size_t n = 0; n < frame.n; n++) {
            struct segment s;
            uint8_t *copy;
            enum decode_result result = decode_cut(frame_samples[i].link_type, frame, n, &s, &copy);
            if (result == DECODE_TCP) {
                assert_mail(&s);
                assert_int_equal(s.payload.n + s.missing, strlen(FRAME_SAMPLE_PAYLOAD));
            } else if (result != DECODE_NOT_TCP) { /* a pseudo-wire cut before its EtherType is ambiguous */
                assert_int_equal(result, DECODE_TRUNCATED);
            }
            free(copy);
        }
    }
}

static void test_decode_short_on_the_wire_is_malformed(void **state)
{
    (void)state;
    struct frame f;
    frame_mail_4(&f, "");
    frame_ethernet(&f, 0x0800);
    assert_int_equal(decode_only(ETHERNET, span_head(frame_span(&f), 20)), DECODE_MALFORMED);
    assert_int_equal(decode_only(ETHERNET, span_of(NULL, 0)), DECODE_MALFORMED);
}

static void test_decode_padding_is_not_payload(void **state)
{
    (void)state;
    struct frame f;
    struct segment s;
    uint8_t *copy;
    frame_mail_4(&f, "");
    frame_ethernet(&f, 0x0800);
    frame_padding(&f, 6);
    assert_int_equal(decode_cut(ETHERNET, frame_span(&f), 60, &s, &copy), DECODE_TCP);
    assert_int_equal(s.payload.n, 0);
    assert_int_equal(s.packet.n, 40);
    assert_int_equal(s.missing, 0);
    free(copy);
}

static void test_decode_snaplen_cut_counts_missing_bytes(void **state)
{
    (void)state;
    struct frame f;
    struct segment s;
    uint8_t *copy;
    frame_mail_4(&f, "0123456789");
    frame_ethernet(&f, 0x0800);
    assert_int_equal(decode_cut(ETHERNET, frame_span(&f), 58, &s, &copy), DECODE_TCP);
    assert_true(span_equal(s.payload, span_text("0123")));
    assert_int_equal(s.missing, 6);
    free(copy);
}

/* A broker that slices frames says that the stump is the whole frame; the IP header knows better. */
static void test_decode_sliced_frame_counts_missing_bytes(void **state)
{
    (void)state;
    struct frame f;
    struct segment s;
    frame_mail_4(&f, "0123456789");
    frame_ethernet(&f, 0x0800);
    struct span stump = span_head(frame_span(&f), 58);
    uint8_t *copy = build_exact(stump.p, stump.n);
    assert_int_equal(decode_frame(ETHERNET, span_of(copy, 58), 58, TIME_NS, &s), DECODE_TCP);
    assert_int_equal(s.payload.n, 4);
    assert_int_equal(s.missing, 6);
    free(copy);
}

static void test_decode_tcp_options_are_skipped_and_may_be_cut(void **state)
{
    (void)state;
    struct frame f;
    struct segment s;
    uint8_t *copy;
    frame_payload(&f, "\x01\x01\x01\x01payload");
    frame_tcp(&f, 40000, 25, 1000, TCP_PSH | TCP_ACK);
    *frame_byte(&f, 12) = 0x60;
    frame_ipv4(&f, FRAME_CLIENT_4, FRAME_SERVER_4, FRAME_TCP);
    struct span packet = frame_span(&f);
    assert_int_equal(decode_cut(RAW, packet, packet.n, &s, &copy), DECODE_TCP);
    assert_true(span_equal(s.payload, span_text("payload")));
    free(copy);
    assert_int_equal(decode_cut(RAW, packet, 42, &s, &copy), DECODE_TCP);
    assert_int_equal(s.payload.n, 0);
    assert_int_equal(s.missing, 7);
    free(copy);
    *frame_byte(&f, 32) = 0xf0; /* options beyond the end of the packet */
    assert_int_equal(decode_only(RAW, packet), DECODE_MALFORMED);
    *frame_byte(&f, 32) = 0x40; /* a header shorter than a header */
    assert_int_equal(decode_only(RAW, packet), DECODE_MALFORMED);
}

static void test_decode_ipv4_options_are_skipped(void **state)
{
    (void)state;
    struct frame f;
    struct segment s;
    uint8_t *copy;
    frame_payload(&f, "x");
    frame_tcp(&f, 40000, 25, 1000, TCP_PSH | TCP_ACK);
    frame_u32(&f, 0x94040000); /* router alert */
    frame_ipv4(&f, FRAME_CLIENT_4, FRAME_SERVER_4, FRAME_TCP);
    *frame_byte(&f, 0) = 0x46;
    struct span packet = frame_span(&f);
    assert_int_equal(decode_cut(RAW, packet, packet.n, &s, &copy), DECODE_TCP);
    assert_mail(&s);
    assert_true(span_equal(s.payload, span_text("x")));
    free(copy);
}

static void test_decode_ipv4_contradictions_are_malformed(void **state)
{
    (void)state;
    struct frame f;
    frame_mail_4(&f, "x");
    frame_ethernet(&f, 0x0800);
    *frame_byte(&f, 14) = 0x44; /* header of 16 bytes */
    assert_int_equal(decode_only(ETHERNET, frame_span(&f)), DECODE_MALFORMED);
    *frame_byte(&f, 14) = 0x65; /* IPv6 behind an IPv4 type */
    assert_int_equal(decode_only(ETHERNET, frame_span(&f)), DECODE_MALFORMED);
    *frame_byte(&f, 14) = 0x45;
    *frame_byte(&f, 17) = 19; /* total length below the header */
    assert_int_equal(decode_only(ETHERNET, frame_span(&f)), DECODE_MALFORMED);
}

static void test_decode_length_zero_takes_what_is_there(void **state)
{
    (void)state;
    struct frame f;
    struct segment s;
    uint8_t *copy;
    frame_mail_4(&f, "0123456789");
    *frame_byte(&f, 2) = 0;
    *frame_byte(&f, 3) = 0;
    frame_ethernet(&f, 0x0800);
    assert_int_equal(decode_cut(ETHERNET, frame_span(&f), 60, &s, &copy), DECODE_TCP);
    assert_int_equal(s.payload.n, 6);
    assert_int_equal(s.missing, 4);
    free(copy);
    frame_mail_6(&f, "0123456789");
    *frame_byte(&f, 4) = 0;
    *frame_byte(&f, 5) = 0;
    frame_ethernet(&f, 0x86dd);
    assert_int_equal(decode_cut(ETHERNET, frame_span(&f), 84, &s, &copy), DECODE_TCP);
    assert_int_equal(s.payload.n, 10);
    assert_int_equal(s.missing, 0);
    free(copy);
}

static void test_decode_ipv4_fragments_are_handed_on(void **state)
{
    (void)state;
    struct frame f;
    struct segment s;
    uint8_t *copy;
    frame_mail_4(&f, "0123456789");
    *frame_byte(&f, 6) = 0x20; /* more to come */
    frame_ethernet(&f, 0x0800);
    assert_int_equal(decode_cut(ETHERNET, frame_span(&f), 64, &s, &copy), DECODE_FRAGMENT);
    assert_int_equal(s.packet.n, 50);
    assert_int_equal(s.family, IP_V4);
    assert_int_equal(s.vlan, -1);
    free(copy);
    *frame_byte(&f, 20) = 0x00;
    *frame_byte(&f, 21) = 0x01; /* the last one, at offset 8 */
    assert_int_equal(decode_only(ETHERNET, frame_span(&f)), DECODE_FRAGMENT);
    *frame_byte(&f, 20) = 0x80; /* the reserved bit makes no fragment */
    *frame_byte(&f, 21) = 0x00;
    assert_int_equal(decode_only(ETHERNET, frame_span(&f)), DECODE_TCP);
}

static void test_decode_ipv6_fragments_are_handed_on(void **state)
{
    (void)state;
    for (unsigned field = 0; field < 16; field++) {
        struct frame f;
        frame_payload(&f, "");
        frame_tcp(&f, 40000, 25, 1000, TCP_ACK);
        frame_fragment(&f, FRAME_TCP, field);
        frame_ipv6(&f, FRAME_CLIENT_6, FRAME_SERVER_6, 44);
        bool whole = (field & ~6u) == 0; /* bits 1 and 2 are reserved */
        assert_int_equal(decode_only(RAW, frame_span(&f)), whole ? DECODE_TCP : DECODE_FRAGMENT);
    }
}

static void test_decode_ipv6_extension_headers_are_bounded(void **state)
{
    (void)state;
    for (unsigned count = 14; count < 20; count++) {
        struct frame f;
        frame_payload(&f, "");
        frame_tcp(&f, 40000, 25, 1000, TCP_ACK);
        for (unsigned i = 0; i < count; i++)
            frame_extension(&f, i == 0 ? FRAME_TCP : 60, 0);
        frame_ipv6(&f, FRAME_CLIENT_6, FRAME_SERVER_6, 60);
        assert_int_equal(decode_only(RAW, frame_span(&f)), count < 16 ? DECODE_TCP : DECODE_TOO_DEEP);
    }
}

static void test_decode_other_protocols_are_not_tcp(void **state)
{
    (void)state;
    static const uint8_t protocols[] = {1, 2, FRAME_UDP, 50, 58, 59, 89, 132};
    for (size_t i = 0; i < sizeof protocols; i++) {
        struct frame f;
        frame_payload(&f, "twenty bytes of junk");
        frame_ipv4(&f, FRAME_CLIENT_4, FRAME_SERVER_4, protocols[i]);
        assert_int_equal(decode_only(RAW, frame_span(&f)), DECODE_NOT_TCP);
    }
    static const uint16_t types[] = {0x0806, 0x88cc, 0x8863, 0x0026, 0xffff};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        struct frame f;
        frame_payload(&f, "twenty bytes of junk");
        frame_ethernet(&f, types[i]);
        assert_int_equal(decode_only(ETHERNET, frame_span(&f)), DECODE_NOT_TCP);
    }
}

static void test_decode_near_tunnels_are_not_followed(void **state)
{
    (void)state;
    struct frame f;
    frame_mail_4(&f, "x");
    frame_ethernet(&f, 0x0800);
    struct frame inner = f;
    frame_u32(&f, 0);
    frame_u32(&f, 0x00000000); /* VXLAN whose flag says: no network identifier */
    frame_udp(&f, 50000, 4789);
    frame_ipv4(&f, "10.0.0.1", "10.0.0.2", FRAME_UDP);
    assert_int_equal(decode_only(RAW, frame_span(&f)), DECODE_NOT_TCP);
    f = inner;
    frame_u32(&f, 0);
    frame_u32(&f, 0x40006558); /* Geneve of a later version */
    frame_udp(&f, 50000, 6081);
    frame_ipv4(&f, "10.0.0.1", "10.0.0.2", FRAME_UDP);
    assert_int_equal(decode_only(RAW, frame_span(&f)), DECODE_NOT_TCP);
    f = inner;
    frame_u32(&f, 0x00016558); /* GRE version 1 */
    frame_ipv4(&f, "10.0.0.1", "10.0.0.2", FRAME_GRE);
    assert_int_equal(decode_only(RAW, frame_span(&f)), DECODE_NOT_TCP);
}

/* Seen in the field: the IP header counts the Ethernet padding, the PPPoE header does not. Six zeros must not
 * enter the stream. */
static void test_decode_pppoe_length_bounds_the_packet(void **state)
{
    (void)state;
    struct frame f;
    struct segment s;
    uint8_t *copy;
    frame_mail_4(&f, "");
    *frame_byte(&f, 3) = 46;
    frame_u16(&f, 0x0021);
    frame_u16(&f, 42);
    frame_u32(&f, 0x11000f07);
    frame_ethernet(&f, 0x8864);
    frame_padding(&f, 6);
    assert_int_equal(decode_cut(ETHERNET, frame_span(&f), frame_span(&f).n, &s, &copy), DECODE_TCP);
    assert_int_equal(s.payload.n, 0);
    assert_int_equal(s.missing, 0);
    free(copy);
}

/* The PPPoE header vouches for the outer packet only: what a mirror sliced before it went into the tunnel
 * is missing. */
static void test_decode_slice_inside_a_tunnel_counts_missing_bytes(void **state)
{
    (void)state;
    struct frame f;
    struct segment s;
    uint8_t *copy;
    frame_mail_6(&f, "0123456789");
    f.end -= 6;
    frame_ipv4(&f, "10.0.0.1", "10.0.0.2", FRAME_IPV6);
    frame_u16(&f, 0x0021);
    frame_u16(&f, (unsigned)frame_span(&f).n);
    frame_u32(&f, 0x11000f07);
    frame_ethernet(&f, 0x8864);
    assert_int_equal(decode_cut(ETHERNET, frame_span(&f), frame_span(&f).n, &s, &copy), DECODE_TCP);
    assert_true(span_equal(s.payload, span_text("0123")));
    assert_int_equal(s.missing, 6);
    free(copy);
}

/* Neither place behind the labels shows an EtherType that is common: then the zeros are a control word. */
static void test_decode_pseudo_wire_with_rare_type_has_a_control_word(void **state)
{
    (void)state;
    struct frame f;
    frame_mail_4(&f, "x");
    frame_vlan(&f, 9, 0x0800);
    frame_ethernet(&f, 0x9100);
    frame_u32(&f, 0x00000001);
    frame_u32(&f, 0x00011140);
    frame_ethernet(&f, 0x8847);
    assert_int_equal(decode_only(ETHERNET, frame_span(&f)), DECODE_TCP);
}

static void test_decode_layers_without_end_are_too_deep(void **state)
{
    (void)state;
    struct frame f;
    frame_mail_4(&f, "x");
    struct frame inner = f;
    for (unsigned i = 0; i < 1000; i++)
        frame_vlan(&f, 1, i == 0 ? 0x0800 : 0x8100);
    frame_ethernet(&f, 0x8100);
    assert_int_equal(decode_only(ETHERNET, frame_span(&f)), DECODE_TOO_DEEP);
    f = inner;
    for (unsigned i = 0; i < 500; i++)
        frame_ipv4(&f, "10.0.0.1", "10.0.0.2", FRAME_IPIP);
    assert_int_equal(decode_only(RAW, frame_span(&f)), DECODE_TOO_DEEP);
    f = inner;
    for (unsigned i = 0; i < 1000; i++)
        frame_u32(&f, i == 0 ? 0x100 : 0);
    frame_ethernet(&f, 0x8847);
    assert_int_equal(decode_only(ETHERNET, frame_span(&f)), DECODE_TOO_DEEP);
}

static void test_decode_depth_cap_allows_ten_tags(void **state)
{
    (void)state;
    for (unsigned tags = 9; tags < 13; tags++) {
        struct frame f;
        frame_mail_4(&f, "x");
        for (unsigned i = 0; i < tags; i++)
            frame_vlan(&f, 1, i == 0 ? 0x0800 : 0x8100);
        frame_ethernet(&f, 0x8100);
        bool fits = tags + 2 <= DECODE_DEPTH_CAP; /* Ethernet and IP are layers too */
        assert_int_equal(decode_only(ETHERNET, frame_span(&f)), fits ? DECODE_TCP : DECODE_TOO_DEEP);
    }
}

static void test_decode_unknown_link_is_said(void **state)
{
    (void)state;
    struct frame f;
    frame_mail_4(&f, "x");
    assert_false(decode_link_known(105));
    assert_int_equal(decode_only(105, frame_span(&f)), DECODE_LINK_UNKNOWN);
    assert_int_equal(decode_only(-1, frame_span(&f)), DECODE_LINK_UNKNOWN);
}

static void test_decode_random_bytes_never_crash(void **state)
{
    (void)state;
    uint32_t random = 1;
    for (unsigned round = 0; round < 200000; round++) {
        uint8_t bytes[96];
        const struct frame_sample *sample = &frame_samples[round % FRAME_SAMPLE_COUNT];
        struct frame f;
        sample->build(&f);
        size_t n = frame_span(&f).n < sizeof bytes ? frame_span(&f).n : sizeof bytes;
        memcpy(bytes, frame_span(&f).p, n);
        for (unsigned i = 0; i < 4; i++) {
            random = random * 1664525u + 1013904223u;
            bytes[(random >> 8) % n] = (uint8_t)(random >> 24);
        }
        (void)decode_only(sample->link_type, span_of(bytes, n));
    }
}

static void test_address_text_follows_rfc5952(void **state)
{
    (void)state;
    static const struct {
        uint8_t bytes[16];
        enum ip_family family;
        const char *text;
    } rows[] = {
        {{192, 0, 2, 255}, IP_V4, "192.0.2.255"},
        {{0}, IP_V4, "0.0.0.0"},
        {{0}, IP_V6, "::"},
        {{0x20, 0x01, 0x0d, 0xb8, [15] = 1}, IP_V6, "2001:db8::1"},
        {{0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1}, IP_V6, "2001:db8:0:1:1:1:1:1"},
        {{0x20, 0x01, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1}, IP_V6, "2001:0:0:1::1"},
        {{0xfe, 0x80, [14] = 0xAB, [15] = 0xCD}, IP_V6, "fe80::abcd"},
        {{[10] = 0xff, [11] = 0xff, [12] = 192, [13] = 0, [14] = 2, [15] = 1}, IP_V6, "::ffff:192.0.2.1"},
        {{0}, IP_NONE, ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct address a;
        memcpy(a.bytes, rows[i].bytes, sizeof a.bytes);
        assert_address(&a, rows[i].family, rows[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decode_every_sample_yields_the_mail_segment),
        cmocka_unit_test(test_decode_cut_at_every_byte_is_truncated_or_missing),
        cmocka_unit_test(test_decode_short_on_the_wire_is_malformed),
        cmocka_unit_test(test_decode_padding_is_not_payload),
        cmocka_unit_test(test_decode_snaplen_cut_counts_missing_bytes),
        cmocka_unit_test(test_decode_sliced_frame_counts_missing_bytes),
        cmocka_unit_test(test_decode_tcp_options_are_skipped_and_may_be_cut),
        cmocka_unit_test(test_decode_ipv4_options_are_skipped),
        cmocka_unit_test(test_decode_ipv4_contradictions_are_malformed),
        cmocka_unit_test(test_decode_length_zero_takes_what_is_there),
        cmocka_unit_test(test_decode_ipv4_fragments_are_handed_on),
        cmocka_unit_test(test_decode_ipv6_fragments_are_handed_on),
        cmocka_unit_test(test_decode_ipv6_extension_headers_are_bounded),
        cmocka_unit_test(test_decode_other_protocols_are_not_tcp),
        cmocka_unit_test(test_decode_tunnels_say_their_number),
        cmocka_unit_test(test_decode_mark_tells_repetitions_apart),
        cmocka_unit_test(test_decode_near_tunnels_are_not_followed),
        cmocka_unit_test(test_decode_pppoe_length_bounds_the_packet),
        cmocka_unit_test(test_decode_slice_inside_a_tunnel_counts_missing_bytes),
        cmocka_unit_test(test_decode_pseudo_wire_with_rare_type_has_a_control_word),
        cmocka_unit_test(test_decode_layers_without_end_are_too_deep),
        cmocka_unit_test(test_decode_depth_cap_allows_ten_tags),
        cmocka_unit_test(test_decode_unknown_link_is_said),
        cmocka_unit_test(test_decode_random_bytes_never_crash),
        cmocka_unit_test(test_address_text_follows_rfc5952),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
