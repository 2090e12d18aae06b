/* frame_samples.h - one frame a link layer, tag and tunnel, each around the same mail segment: client to
 * server, port 25, FRAME_SAMPLE_PAYLOAD. What reads frames is tested by playing this table. */
#pragma once

#include "tests/frames.h"

#define FRAME_SAMPLE_PAYLOAD "EHLO client.example.org\r\n"

struct frame_sample {
    const char *name;
    int link_type;
    const char *tunnel; /* decode_tunnel_word */
    int vlan;
    void (*build)(struct frame *f);
};

static void outer_4(struct frame *f, uint8_t protocol)
{
    frame_ipv4(f, "10.0.0.1", "10.0.0.2", protocol);
    frame_ethernet(f, 0x0800);
}

/* Two words of ERSPAN behind GRE with a sequence number. */
static void erspan_header(struct frame *f, uint16_t type, uint32_t second, uint32_t first)
{
    frame_u32(f, second);
    frame_u32(f, first);
    frame_u32(f, 9);
    frame_u32(f, 0x10000000u | type);
}

static void plain(struct frame *f)
{
    frame_mail_4(f, FRAME_SAMPLE_PAYLOAD);
    frame_ethernet(f, 0x0800);
}

static void padded(struct frame *f)
{
    plain(f);
    frame_padding(f, 7);
}

static void plain_6(struct frame *f)
{
    frame_mail_6(f, FRAME_SAMPLE_PAYLOAD);
    frame_ethernet(f, 0x86dd);
}

static void extended_6(struct frame *f)
{
    frame_mail_6(f, FRAME_SAMPLE_PAYLOAD);
    struct span tcp = span_skip(frame_span(f), 40);
    f->start = f->end - tcp.n;
    frame_extension(f, FRAME_TCP, 1);
    frame_fragment(f, 60, 0); /* atomic */
    frame_extension(f, 44, 0);
    frame_ipv6(f, FRAME_CLIENT_6, FRAME_SERVER_6, 0);
    frame_ethernet(f, 0x86dd);
}

static void tagged(struct frame *f)
{
    frame_mail_4(f, FRAME_SAMPLE_PAYLOAD);
    frame_vlan(f, 0x6064, 0x0800); /* priority 3, id 100 */
    frame_ethernet(f, 0x8100);
}

static void priority_tagged(struct frame *f)
{
    frame_mail_4(f, FRAME_SAMPLE_PAYLOAD);
    frame_vlan(f, 0x6000, 0x0800);
    frame_ethernet(f, 0x8100);
}

static void double_tagged(struct frame *f)
{
    frame_mail_6(f, FRAME_SAMPLE_PAYLOAD);
    frame_vlan(f, 100, 0x86dd);
    frame_vlan(f, 200, 0x8100);
    frame_ethernet(f, 0x88a8);
}

static void service_tagged(struct frame *f)
{
    tagged(f);
    frame_u32(f, 0x00012345);
    frame_vlan(f, 300, 0x88e7);
    frame_ethernet(f, 0x88a8);
}

static void snap(struct frame *f)
{
    frame_mail_4(f, FRAME_SAMPLE_PAYLOAD);
    frame_u16(f, 0x0800);
    frame_front(f, "\xaa\xaa\x03\0\0\0", 6);
    frame_ethernet(f, (uint16_t)frame_span(f).n);
}

static void raw_4(struct frame *f)
{
    frame_mail_4(f, FRAME_SAMPLE_PAYLOAD);
}

static void raw(struct frame *f)
{
    frame_mail_6(f, FRAME_SAMPLE_PAYLOAD);
}

static void cooked(struct frame *f)
{
    frame_mail_4(f, FRAME_SAMPLE_PAYLOAD);
    frame_cooked(f, 0x0800);
}

static void cooked_v2(struct frame *f)
{
    frame_mail_6(f, FRAME_SAMPLE_PAYLOAD);
    frame_vlan(f, 100, 0x86dd);
    frame_cooked_v2(f, 0x8100);
}

static void loopback_little(struct frame *f)
{
    frame_mail_6(f, FRAME_SAMPLE_PAYLOAD);
    frame_u32(f, 0x1e000000);
}

static void loopback_big(struct frame *f)
{
    frame_mail_4(f, FRAME_SAMPLE_PAYLOAD);
    frame_u32(f, 2);
}

static void ppp(struct frame *f)
{
    frame_mail_4(f, FRAME_SAMPLE_PAYLOAD);
    frame_u32(f, 0xff030021);
}

static void ppp_compressed(struct frame *f)
{
    frame_mail_6(f, FRAME_SAMPLE_PAYLOAD);
    frame_u8(f, 0x57);
}

static void mpls(struct frame *f)
{
    frame_mail_4(f, FRAME_SAMPLE_PAYLOAD);
    frame_u32(f, 0x00011140);
    frame_u32(f, 0x00010040);
    frame_ethernet(f, 0x8847);
}

static void mpls_6(struct frame *f)
{
    frame_mail_6(f, FRAME_SAMPLE_PAYLOAD);
    frame_u32(f, 0x00011140);
    frame_ethernet(f, 0x8847);
}

static void pseudo_wire(struct frame *f)
{
    plain(f);
    frame_u32(f, 0x00011140);
    frame_ethernet(f, 0x8847);
}

static void pseudo_wire_zero_address(struct frame *f)
{
    plain(f);
    *frame_byte(f, 0) = 0x00; /* an address that begins like a control word */
    frame_u32(f, 0x00011140);
    frame_ethernet(f, 0x8847);
}

static void pseudo_wire_control_word(struct frame *f)
{
    tagged(f);
    frame_u32(f, 0x00000001);
    frame_u32(f, 0x00011140);
    frame_ethernet(f, 0x8847);
}

static void pppoe(struct frame *f)
{
    frame_mail_4(f, FRAME_SAMPLE_PAYLOAD);
    frame_u16(f, 0x0021);
    frame_u16(f, (unsigned)frame_span(f).n);
    frame_u32(f, 0x11000007);
    frame_ethernet(f, 0x8864);
    frame_padding(f, 6);
}

static void gre(struct frame *f)
{
    frame_mail_4(f, FRAME_SAMPLE_PAYLOAD);
    frame_u32(f, 0x00000800);
    outer_4(f, FRAME_GRE);
}

static void gre_all_options(struct frame *f)
{
    plain_6(f);
    frame_u32(f, 1);
    frame_u32(f, 2);
    frame_u32(f, 3);
    frame_u32(f, 0xb0006558);
    frame_ipv6(f, "2001:db8::a", "2001:db8::b", FRAME_GRE);
    frame_ethernet(f, 0x86dd);
}

static void erspan_1(struct frame *f)
{
    tagged(f);
    frame_u32(f, 0x000088be);
    outer_4(f, FRAME_GRE);
}

static void erspan_2(struct frame *f)
{
    tagged(f);
    erspan_header(f, 0x88be, 0, 0x10640001);
    outer_4(f, FRAME_GRE);
}

static void erspan_3(struct frame *f)
{
    static const uint8_t platform[8] = {0};
    plain(f);
    frame_front(f, platform, sizeof platform);
    frame_u32(f, 0x00000001); /* the platform subheader follows */
    erspan_header(f, 0x22eb, 0x12345678, 0x20640001);
    outer_4(f, FRAME_GRE);
}

static void erspan_3_ip(struct frame *f)
{
    frame_mail_6(f, FRAME_SAMPLE_PAYLOAD);
    frame_u32(f, 0x00000800); /* frame type 2: IP without Ethernet */
    erspan_header(f, 0x22eb, 0x12345678, 0x20640001);
    outer_4(f, FRAME_GRE);
}

static void vxlan(struct frame *f)
{
    tagged(f);
    frame_u32(f, 0x00006400);
    frame_u32(f, 0x08000000);
    frame_udp(f, 50000, 4789);
    frame_ipv4(f, "10.0.0.1", "10.0.0.2", FRAME_UDP);
    frame_ethernet(f, 0x0800);
}

static void vxlan_generic(struct frame *f)
{
    frame_mail_4(f, FRAME_SAMPLE_PAYLOAD);
    frame_u32(f, 0x00006400);
    frame_u32(f, 0x0c000001);
    frame_udp(f, 50000, 4790);
    frame_ipv6(f, "2001:db8::a", "2001:db8::b", FRAME_UDP);
    frame_ethernet(f, 0x86dd);
}

static void geneve(struct frame *f)
{
    plain(f);
    frame_u32(f, 0);
    frame_u32(f, 0);
    frame_u32(f, 0x00006400);
    frame_u32(f, 0x02006558); /* two words of options */
    frame_udp(f, 50000, 6081);
    frame_ipv4(f, "10.0.0.1", "10.0.0.2", FRAME_UDP);
    frame_vlan(f, 5, 0x0800);
    frame_ethernet(f, 0x8100);
}

static void ipip(struct frame *f)
{
    frame_mail_4(f, FRAME_SAMPLE_PAYLOAD);
    outer_4(f, FRAME_IPIP);
}

static void six_in_four(struct frame *f)
{
    frame_mail_6(f, FRAME_SAMPLE_PAYLOAD);
    outer_4(f, FRAME_IPV6);
}

static void authenticated(struct frame *f)
{
    frame_mail_4(f, FRAME_SAMPLE_PAYLOAD);
    struct span tcp = span_skip(frame_span(f), 20);
    f->start = f->end - tcp.n;
    frame_u32(f, 0xabad1dea);
    frame_u32(f, 1);
    frame_u32(f, 0x100);
    frame_u32(f, 0x06020000); /* TCP follows; (2 + 2) words */
    frame_ipv4(f, FRAME_CLIENT_4, FRAME_SERVER_4, FRAME_AH);
    frame_ethernet(f, 0x0800);
}

static void nested(struct frame *f)
{
    vxlan(f);
    erspan_header(f, 0x88be, 0, 0x10640001);
    frame_ipv4(f, "10.0.1.1", "10.0.1.2", FRAME_GRE);
    frame_vlan(f, 7, 0x0800);
    frame_ethernet(f, 0x8100);
}

static const struct frame_sample frame_samples[] = {
    {"ethernet", 1, "", -1, plain},
    {"ethernet_padded", 1, "", -1, padded},
    {"ethernet_ipv6", 1, "", -1, plain_6},
    {"ipv6_extensions", 1, "", -1, extended_6},
    {"vlan", 1, "", 100, tagged},
    {"priority_tag", 1, "", -1, priority_tagged},
    {"qinq", 1, "", 200, double_tagged},
    {"service_tag", 1, "", 300, service_tagged},
    {"snap", 1, "", -1, snap},
    {"raw_bsd", 12, "", -1, raw},
    {"raw_openbsd", 14, "", -1, raw},
    {"raw", 101, "", -1, raw},
    {"raw_ipv4", 228, "", -1, raw_4},
    {"raw_ipv6", 229, "", -1, raw},
    {"cooked", 113, "", -1, cooked},
    {"cooked_v2_vlan", 276, "", 100, cooked_v2},
    {"null_little_endian", 0, "", -1, loopback_little},
    {"null_big_endian", 0, "", -1, loopback_big},
    {"loop", 108, "", -1, loopback_big},
    {"ppp", 9, "", -1, ppp},
    {"ppp_serial", 50, "", -1, ppp},
    {"ppp_compressed", 9, "", -1, ppp_compressed},
    {"mpls", 1, "mpls", -1, mpls},
    {"mpls_ipv6", 1, "mpls", -1, mpls_6},
    {"pseudo_wire", 1, "mpls", -1, pseudo_wire},
    {"pseudo_wire_zero_address", 1, "mpls", -1, pseudo_wire_zero_address},
    {"pseudo_wire_control_word", 1, "mpls", 100, pseudo_wire_control_word},
    {"pppoe", 1, "pppoe", -1, pppoe},
    {"gre", 1, "gre", -1, gre},
    {"gre_all_options", 1, "gre", -1, gre_all_options},
    {"erspan_1", 1, "erspan", 100, erspan_1},
    {"erspan_2", 1, "erspan", 100, erspan_2},
    {"erspan_3", 1, "erspan", -1, erspan_3},
    {"erspan_3_ip", 1, "erspan", -1, erspan_3_ip},
    {"vxlan", 1, "vxlan", 100, vxlan},
    {"vxlan_generic", 1, "vxlan", -1, vxlan_generic},
    {"geneve", 1, "geneve", 5, geneve},
    {"ipip", 1, "ipip", -1, ipip},
    {"six_in_four", 1, "6in4", -1, six_in_four},
    {"authentication_header", 1, "", -1, authenticated},
    {"vxlan_in_erspan", 1, "erspan", 7, nested},
};

enum { FRAME_SAMPLE_COUNT = sizeof frame_samples / sizeof frame_samples[0] };
