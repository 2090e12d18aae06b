#include "sensor/capture/decode_walk.h"

/* A length instead of an EtherType: LLC follows, and only SNAP with OUI 0 leads on (RFC 1042). */
enum layer walk_llc(struct walk *w)
{
    static const uint8_t snap[] = {0xaa, 0xaa, 0x03, 0x00, 0x00, 0x00};
    struct span header = cursor_take(&w->c, sizeof snap);
    uint16_t type = cursor_u16(&w->c);
    if (!cursor_ok(&w->c))
        return walk_short(w);
    if (!span_equal(header, span_of(snap, sizeof snap)))
        return walk_end(w, DECODE_NOT_TCP);
    return layer_of_ethertype(w, type);
}

enum layer layer_of_ppp(struct walk *w)
{
    enum { PPP_IPV4 = 0x21, PPP_IPV6 = 0x57, PPP_MPLS = 0x281 };
    unsigned protocol = cursor_u8(&w->c);
    if ((protocol & 1) == 0) /* an odd first byte is the whole number, compressed */
        protocol = protocol << 8 | cursor_u8(&w->c);
    if (!cursor_ok(&w->c))
        return walk_short(w);
    switch (protocol) {
    case PPP_IPV4: return LAYER_IPV4;
    case PPP_IPV6: return LAYER_IPV6;
    case PPP_MPLS: return LAYER_MPLS;
    default: return walk_end(w, DECODE_NOT_TCP);
    }
}

enum layer walk_service_tag(struct walk *w)
{
    (void)cursor_u32(&w->c);
    return cursor_ok(&w->c) ? LAYER_ETHERNET : walk_short(w);
}

enum layer walk_cooked(struct walk *w)
{
    enum { BEFORE_PROTOCOL_BYTES = 14, PROTOCOL_8022 = 4 };
    (void)cursor_take(&w->c, BEFORE_PROTOCOL_BYTES);
    uint16_t type = cursor_u16(&w->c);
    if (!cursor_ok(&w->c))
        return walk_short(w);
    return type == PROTOCOL_8022 ? walk_llc(w) : layer_of_ethertype(w, type);
}

enum layer walk_cooked_v2(struct walk *w)
{
    enum { AFTER_PROTOCOL_BYTES = 18, PROTOCOL_8022 = 4 };
    uint16_t type = cursor_u16(&w->c);
    (void)cursor_take(&w->c, AFTER_PROTOCOL_BYTES);
    if (!cursor_ok(&w->c))
        return walk_short(w);
    return type == PROTOCOL_8022 ? walk_llc(w) : layer_of_ethertype(w, type);
}

/* NULL writes the address family in the writer's byte order, LOOP in network order; families are small
 * numbers, so the order shows. IPv6 has another number on each system. */
enum layer walk_loopback(struct walk *w)
{
    uint32_t family = cursor_u32(&w->c);
    if (!cursor_ok(&w->c))
        return walk_short(w);
    if (family > 0xffff)
        family = __builtin_bswap32(family);
    switch (family) {
    case 2:  /* AF_INET everywhere */
    case 10: /* AF_INET6: Linux */
    case 23: /* Windows */
    case 24: /* NetBSD, OpenBSD */
    case 28: /* FreeBSD */
    case 30: /* macOS */ return LAYER_IP;
    default: return walk_end(w, DECODE_NOT_TCP);
    }
}

enum layer walk_ppp(struct walk *w)
{
    static const uint8_t all_stations[] = {0xff, 0x03}; /* address and control, where not compressed away */
    struct span rest = cursor_rest(w->c);
    if (span_equal(span_head(rest, sizeof all_stations), span_of(all_stations, sizeof all_stations)))
        (void)cursor_take(&w->c, sizeof all_stations);
    return layer_of_ppp(w);
}
