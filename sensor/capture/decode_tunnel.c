#include "sensor/capture/decode_walk.h"

enum {
    PORT_VXLAN = 4789,
    PORT_VXLAN_GENERIC = 4790,
    PORT_GENEVE = 6081,
    ERSPAN_SESSION = 0x3ff /* of the first word, types II and III */
};

/* RFC 7348 s5; on its own port the generic protocol extension, whose fourth byte may name another content
 * (draft-ietf-nvo3-vxlan-gpe s3). */
static enum layer vxlan(struct walk *w, bool generic)
{
    enum { VNI_VALID = 0x08, NEXT_VALID = 0x04, NEXT_IPV4 = 1, NEXT_IPV6 = 2, NEXT_ETHERNET = 3 };
    uint8_t flags = cursor_u8(&w->c);
    (void)cursor_u16(&w->c); /* reserved */
    uint8_t next = cursor_u8(&w->c);
    uint32_t id = cursor_u32(&w->c) >> 8; /* network identifier, reserved */
    if (!cursor_ok(&w->c))
        return walk_short(w);
    if ((flags & VNI_VALID) == 0)
        return walk_end(w, DECODE_NOT_TCP);
    walk_enter(w, TUNNEL_VXLAN, id);
    if (!generic || (flags & NEXT_VALID) == 0 || next == NEXT_ETHERNET)
        return LAYER_ETHERNET;
    return next == NEXT_IPV4 ? LAYER_IPV4 : next == NEXT_IPV6 ? LAYER_IPV6 : walk_end(w, DECODE_NOT_TCP);
}

static enum layer geneve(struct walk *w) /* RFC 8926 s3.4 */
{
    uint8_t version_length = cursor_u8(&w->c);
    (void)cursor_u8(&w->c); /* flags */
    uint16_t type = cursor_u16(&w->c);
    uint32_t id = cursor_u32(&w->c) >> 8; /* network identifier, reserved */
    (void)cursor_take(&w->c, (size_t)(version_length & 0x3f) * 4);
    if (!cursor_ok(&w->c))
        return walk_short(w);
    if (version_length >> 6 != 0)
        return walk_end(w, DECODE_NOT_TCP);
    walk_enter(w, TUNNEL_GENEVE, id);
    return layer_of_ethertype(w, type);
}

enum layer walk_udp(struct walk *w)
{
    (void)cursor_u16(&w->c); /* source port: tunnels put the flow's hash there */
    uint16_t port = cursor_u16(&w->c);
    (void)cursor_u32(&w->c); /* length, checksum */
    if (!cursor_ok(&w->c))
        return walk_short(w);
    switch (port) {
    case PORT_VXLAN: return vxlan(w, false);
    case PORT_VXLAN_GENERIC: return vxlan(w, true);
    case PORT_GENEVE: return geneve(w);
    default: return walk_end(w, DECODE_NOT_TCP);
    }
}

static enum layer erspan_3(struct walk *w) /* draft-foschiano-erspan-03 s4.3 */
{
    enum { FRAME_IP = 2, PLATFORM_BYTES = 8 };
    walk_enter(w, TUNNEL_ERSPAN, cursor_u32(&w->c) & ERSPAN_SESSION);
    (void)cursor_take(&w->c, 6);
    uint16_t word = cursor_u16(&w->c);
    if ((word & 1) != 0)
        (void)cursor_take(&w->c, PLATFORM_BYTES);
    if (!cursor_ok(&w->c))
        return walk_short(w);
    return (word >> 10 & 0x1f) == FRAME_IP ? LAYER_IP : LAYER_ETHERNET;
}

/* Type I has no header of its own and no GRE sequence number; II and III name their version. */
static enum layer erspan(struct walk *w, bool sequenced)
{
    unsigned version = sequenced ? span_byte(cursor_rest(w->c), 0) >> 4 : 0;
    if (!sequenced) {
        walk_enter(w, TUNNEL_ERSPAN, 0);
        return LAYER_ETHERNET;
    }
    if (version == 2)
        return erspan_3(w);
    walk_enter(w, TUNNEL_ERSPAN, cursor_u32(&w->c) & ERSPAN_SESSION);
    (void)cursor_u32(&w->c); /* port index */
    if (!cursor_ok(&w->c))
        return walk_short(w);
    return version <= 1 ? LAYER_ETHERNET : walk_end(w, DECODE_NOT_TCP);
}

/* RFC 2784 s2, RFC 2890 s2. Version 1 is PPTP's, with PPP that is compressed or encrypted; source routing
 * (RFC 1701) is gone from the standard. Neither is followed. */
enum layer walk_gre(struct walk *w)
{
    enum { CHECKSUM = 0x8000, ROUTING = 0x4000, KEY = 0x2000, SEQUENCE = 0x1000, VERSION = 0x0007 };
    uint16_t flags = cursor_u16(&w->c);
    uint16_t type = cursor_u16(&w->c);
    if ((flags & (VERSION | ROUTING)) != 0)
        return walk_end(w, DECODE_NOT_TCP);
    if ((flags & CHECKSUM) != 0)
        (void)cursor_u32(&w->c);
    uint32_t key = (flags & KEY) != 0 ? cursor_u32(&w->c) : 0;
    if ((flags & SEQUENCE) != 0)
        (void)cursor_u32(&w->c);
    if (!cursor_ok(&w->c))
        return walk_short(w);
    if (type == TYPE_ERSPAN_1_2)
        return erspan(w, (flags & SEQUENCE) != 0);
    if (type == TYPE_ERSPAN_3)
        return erspan_3(w);
    walk_enter(w, TUNNEL_GRE, key);
    return layer_of_ethertype(w, type);
}

/* Would this EtherType follow two plausible Ethernet addresses? */
static bool type_plausible(struct span frame, size_t offset)
{
    switch (span_byte(frame, offset) << 8 | span_byte(frame, offset + 1)) {
    case TYPE_IPV4:
    case TYPE_IPV6:
    case TYPE_VLAN:
    case TYPE_PROVIDER_VLAN:
    case TYPE_MPLS:
    case TYPE_PPPOE_SESSION: return true;
    default: return false;
    }
}

/* Nothing in an MPLS packet says what it carries (RFC 3032 s2.2): IP shows its version first; a pseudo-wire
 * starts with a control word whose first four bits are zero (RFC 4385 s3), or at once with an Ethernet
 * address, which may begin with any digit. An EtherType in the right place settles what the first digit
 * leaves open. */
static enum layer below_labels(struct walk *w)
{
    enum { TYPE_AT = 12, CONTROL_WORD_BYTES = 4 };
    struct span rest = cursor_rest(w->c);
    unsigned digit = span_byte(rest, 0) >> 4;
    bool plain = type_plausible(rest, TYPE_AT);
    bool controlled = type_plausible(rest, TYPE_AT + CONTROL_WORD_BYTES);
    if (rest.n == 0)
        return walk_short(w);
    if (digit == 4 && (span_byte(rest, 0) & 0x0f) >= 5)
        return LAYER_IPV4;
    if (digit == 6)
        return LAYER_IPV6;
    if (digit == 0 && (controlled || !plain))
        (void)cursor_take(&w->c, CONTROL_WORD_BYTES);
    return cursor_ok(&w->c) ? LAYER_ETHERNET : walk_short(w);
}

enum layer walk_mpls(struct walk *w)
{
    enum { BOTTOM_OF_STACK = 0x100, LABEL_SHIFT = 12, LABELS_CAP = 16 };
    for (unsigned i = 0; i < LABELS_CAP; i++) {
        uint32_t label = cursor_u32(&w->c);
        if (!cursor_ok(&w->c))
            return walk_short(w);
        walk_enter(w, TUNNEL_MPLS, label >> LABEL_SHIFT);
        if ((label & BOTTOM_OF_STACK) != 0)
            return below_labels(w);
    }
    return walk_end(w, DECODE_TOO_DEEP);
}

enum layer walk_pppoe(struct walk *w) /* RFC 2516 s4 */
{
    enum { VERSION_1_TYPE_1 = 0x11 };
    uint8_t version_type = cursor_u8(&w->c);
    uint8_t code = cursor_u8(&w->c);
    uint16_t session = cursor_u16(&w->c);
    size_t length = cursor_u16(&w->c);
    if (!cursor_ok(&w->c))
        return walk_short(w);
    if (version_type != VERSION_1_TYPE_1 || code != 0)
        return walk_end(w, DECODE_MALFORMED);
    walk_enter(w, TUNNEL_PPPOE, session);
    if (length <= cursor_left(&w->c)) {
        w->c = cursor_over(span_head(cursor_rest(w->c), length));
        w->cut_bytes = 0;
        w->whole = true;
    }
    return layer_of_ppp(w);
}
