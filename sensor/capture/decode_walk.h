/* decode_walk.h - what decode.c, decode_link.c and decode_tunnel.c share: one step of the walk from the
 * frame to the segment.
 *
 * A layer's function reads its own header off the front of walk->c and names the layer that follows. The
 * loop in decode.c counts the steps, so no function calls the next one and no frame can make the walk deep. */
#pragma once

#include "sensor/capture/decode.h"

enum layer {
    LAYER_ETHERNET,
    LAYER_VLAN,
    LAYER_SERVICE_TAG, /* 802.1ah: an I-TAG and then a whole Ethernet frame */
    LAYER_COOKED,
    LAYER_COOKED_V2,
    LAYER_LOOPBACK,
    LAYER_PPP,
    LAYER_IP, /* version not known beforehand */
    LAYER_IPV4,
    LAYER_IPV6,
    LAYER_IPIP,
    LAYER_6IN4,
    LAYER_AH,
    LAYER_UDP,
    LAYER_GRE,
    LAYER_MPLS,
    LAYER_PPPOE,
    LAYER_TCP,
    LAYER_END /* walk->result says why */
};

/* EtherTypes, IEEE's numbers */
enum ethertype {
    TYPE_LENGTH_MAX = 0x05dc, /* up to here the field is a length and LLC follows (IEEE 802.3) */
    TYPE_IPV4 = 0x0800,
    TYPE_BRIDGED = 0x6558, /* transparent Ethernet bridging, inside GRE and Geneve */
    TYPE_VLAN = 0x8100,
    TYPE_IPV6 = 0x86dd,
    TYPE_MPLS = 0x8847,
    TYPE_MPLS_MULTICAST = 0x8848,
    TYPE_PPPOE_SESSION = 0x8864,
    TYPE_PROVIDER_VLAN = 0x88a8, /* 802.1ad */
    TYPE_ERSPAN_1_2 = 0x88be,
    TYPE_SERVICE_TAG = 0x88e7, /* 802.1ah */
    TYPE_ERSPAN_3 = 0x22eb,
    TYPE_VLAN_9100 = 0x9100, /* what vendors used for the outer tag before 802.1ad */
    TYPE_VLAN_9200 = 0x9200,
    TYPE_VLAN_9300 = 0x9300
};

struct walk {
    struct cursor c; /* what is not yet read of the innermost layer so far */
    bool whole;      /* the layer around states its length and all of it was captured: IP cannot be longer */
    uint32_t cut_bytes; /* how much of that layer lies beyond the end of the capture */
    enum decode_result result;
    struct segment *segment;
};

/* walk_end - the walk is over: name the result. */
static inline enum layer walk_end(struct walk *w, enum decode_result result)
{
    w->result = result;
    return LAYER_END;
}

/* walk_short - a header is not there in full: the capture's fault where it was cut, the sender's otherwise. */
static inline enum layer walk_short(struct walk *w)
{
    return walk_end(w, w->cut_bytes > 0 ? DECODE_TRUNCATED : DECODE_MALFORMED);
}

/* walk_enter - note a tunnel and its number; the outermost one stays. */
static inline void walk_enter(struct walk *w, enum tunnel tunnel, uint32_t id)
{
    if (w->segment->tunnel != TUNNEL_NONE)
        return;
    w->segment->tunnel = (uint8_t)tunnel;
    w->segment->tunnel_id = id;
}

/* layer_of_ethertype - what an EtherType announces; ends the walk where it cannot lead to TCP. */
enum layer layer_of_ethertype(struct walk *w, uint16_t type);

/* layer_of_ppp - read a PPP protocol number, one or two bytes, and name what follows it (RFC 1661 s2). */
enum layer layer_of_ppp(struct walk *w);

/* The rarer link layers, in decode_link.c. */
enum layer walk_llc(struct walk *w);
enum layer walk_service_tag(struct walk *w);
enum layer walk_cooked(struct walk *w);
enum layer walk_cooked_v2(struct walk *w);
enum layer walk_loopback(struct walk *w);
enum layer walk_ppp(struct walk *w);

/* The tunnels, in decode_tunnel.c. walk_udp ends the walk unless the port is a tunnel's. */
enum layer walk_udp(struct walk *w);
enum layer walk_gre(struct walk *w);
enum layer walk_mpls(struct walk *w);
enum layer walk_pppoe(struct walk *w);
