#include "sensor/capture/decode.h"

#include <arpa/inet.h>
#include <string.h>

#include "sensor/capture/decode_walk.h"

/* Link types as capture files number them. libpcap hands out 12 where a file says 101, so both are here. */
enum link_type {
    LINK_NULL = 0,
    LINK_ETHERNET = 1,
    LINK_PPP = 9,
    LINK_RAW_BSD = 12,
    LINK_RAW_OPENBSD = 14,
    LINK_PPP_SERIAL = 50,
    LINK_RAW = DECODE_RAW_IP,
    LINK_LOOP = 108,
    LINK_COOKED = 113,
    LINK_IPV4 = 228,
    LINK_IPV6 = 229,
    LINK_COOKED_V2 = 276
};

enum ip_protocol {
    PROTOCOL_HOP_BY_HOP = 0,
    PROTOCOL_IPIP = 4,
    PROTOCOL_TCP = 6,
    PROTOCOL_UDP = 17,
    PROTOCOL_IPV6 = 41,
    PROTOCOL_ROUTING = 43,
    PROTOCOL_FRAGMENT = 44,
    PROTOCOL_GRE = 47,
    PROTOCOL_AH = 51,
    PROTOCOL_DESTINATION = 60,
    PROTOCOL_MOBILITY = 135,
    PROTOCOL_MPLS = 137,
    PROTOCOL_HIP = 139,
    PROTOCOL_SHIM6 = 140
};

enum {
    IPV4_HEADER_BYTES = 20,
    IPV6_HEADER_BYTES = 40,
    IPV6_EXTENSIONS_CAP = 16,
    TCP_HEADER_BYTES = 20,
    IPV4_MORE = 0x2000,
    IPV4_OFFSET = 0x1fff, /* in units of 8 octets */
    IPV6_MORE = 0x0001,
    IPV6_OFFSET = 0xfff8 /* in octets, as it stands */
};

static enum layer first_layer(int link_type)
{
    switch (link_type) {
    case LINK_ETHERNET: return LAYER_ETHERNET;
    case LINK_COOKED: return LAYER_COOKED;
    case LINK_COOKED_V2: return LAYER_COOKED_V2;
    case LINK_NULL:
    case LINK_LOOP: return LAYER_LOOPBACK;
    case LINK_PPP:
    case LINK_PPP_SERIAL: return LAYER_PPP;
    case LINK_RAW_BSD:
    case LINK_RAW_OPENBSD:
    case LINK_RAW:
    case LINK_IPV4:
    case LINK_IPV6: return LAYER_IP;
    default: return LAYER_END;
    }
}

bool decode_link_known(int link_type)
{
    return first_layer(link_type) != LAYER_END;
}

enum layer layer_of_ethertype(struct walk *w, uint16_t type)
{
    switch (type) {
    case TYPE_IPV4: return LAYER_IPV4;
    case TYPE_IPV6: return LAYER_IPV6;
    case TYPE_VLAN:
    case TYPE_PROVIDER_VLAN:
    case TYPE_VLAN_9100:
    case TYPE_VLAN_9200:
    case TYPE_VLAN_9300: return LAYER_VLAN;
    case TYPE_SERVICE_TAG: return LAYER_SERVICE_TAG;
    case TYPE_MPLS:
    case TYPE_MPLS_MULTICAST: return LAYER_MPLS;
    case TYPE_PPPOE_SESSION: return LAYER_PPPOE;
    case TYPE_BRIDGED: return LAYER_ETHERNET;
    default: return walk_end(w, DECODE_NOT_TCP);
    }
}

static enum layer layer_of_protocol(struct walk *w, uint8_t protocol)
{
    switch (protocol) {
    case PROTOCOL_TCP: return LAYER_TCP;
    case PROTOCOL_UDP: return LAYER_UDP;
    case PROTOCOL_GRE: return LAYER_GRE;
    case PROTOCOL_IPIP: return LAYER_IPIP;
    case PROTOCOL_IPV6: return LAYER_6IN4;
    case PROTOCOL_AH: return LAYER_AH;
    case PROTOCOL_MPLS: return LAYER_MPLS;
    default: return walk_end(w, DECODE_NOT_TCP);
    }
}

static enum layer after_type(struct walk *w, uint16_t type)
{
    return type <= TYPE_LENGTH_MAX ? walk_llc(w) : layer_of_ethertype(w, type);
}

static enum layer ethernet(struct walk *w)
{
    enum { BOTH_ADDRESSES_BYTES = 12 };
    (void)cursor_take(&w->c, BOTH_ADDRESSES_BYTES);
    uint16_t type = cursor_u16(&w->c);
    if (!cursor_ok(&w->c))
        return walk_short(w);
    return after_type(w, type);
}

static enum layer vlan(struct walk *w)
{
    int16_t id = (int16_t)(cursor_u16(&w->c) & 0x0fff);
    uint16_t type = cursor_u16(&w->c);
    if (!cursor_ok(&w->c))
        return walk_short(w);
    if (w->segment->vlan < 0 && id != 0) /* id 0 carries a priority and names no VLAN (802.1Q s9.6) */
        w->segment->vlan = id;
    return after_type(w, type);
}

static enum layer ip(struct walk *w)
{
    unsigned version = span_byte(cursor_rest(w->c), 0) >> 4;
    if (cursor_left(&w->c) == 0)
        return walk_short(w);
    return version == 4 ? LAYER_IPV4 : version == 6 ? LAYER_IPV6 : walk_end(w, DECODE_NOT_TCP);
}

/* Hold the packet to the length its header states: what is longer is link padding, what is shorter was cut
 * off. */
static void bound_packet(struct walk *w, struct span packet, size_t header_bytes, size_t body_bytes)
{
    size_t captured = cursor_left(&w->c);
    if (body_bytes <= captured) {
        w->c = cursor_over(span_head(cursor_rest(w->c), body_bytes));
        w->cut_bytes = 0;
        packet = span_head(packet, header_bytes + body_bytes);
    } else if (!w->whole) {
        w->cut_bytes = (uint32_t)(body_bytes - captured);
    }
    w->whole = false; /* mirrors that slice frames put the stump into a tunnel whose own lengths are right */
    w->segment->packet = packet;
}

/* Copies of a constant size are two instructions; the length is right unless the cursor failed, which ends
 * the walk. */
static struct address address_of(struct span bytes)
{
    struct address a = {{0}};
    if (bytes.n == 4)
        memcpy(a.bytes, bytes.p, 4);
    else if (bytes.n == sizeof a.bytes)
        memcpy(a.bytes, bytes.p, sizeof a.bytes);
    return a;
}

static enum layer fragment(struct walk *w, uint8_t protocol, unsigned offset, bool more)
{
    struct segment *s = w->segment;
    s->fragment_protocol = protocol;
    s->fragment_offset = (uint16_t)offset;
    s->fragment_more = more;
    s->payload = cursor_rest(w->c);
    s->missing = w->cut_bytes;
    return walk_end(w, DECODE_FRAGMENT);
}

static enum layer ipv4(struct walk *w)
{
    struct span packet = cursor_rest(w->c);
    struct cursor h = cursor_over(cursor_take(&w->c, IPV4_HEADER_BYTES));
    if (!cursor_ok(&w->c))
        return walk_short(w);
    uint8_t version_length = cursor_u8(&h);
    (void)cursor_u8(&h); /* type of service */
    size_t total_bytes = cursor_u16(&h);
    w->segment->mark = cursor_u16(&h); /* identification */
    uint16_t fragmented = cursor_u16(&h);
    (void)cursor_u8(&h); /* time to live */
    uint8_t protocol = cursor_u8(&h);
    (void)cursor_u16(&h); /* checksum: not verified, see decode.h */
    w->segment->source = address_of(cursor_take(&h, 4));
    w->segment->destination = address_of(cursor_take(&h, 4));
    w->segment->family = IP_V4;

    size_t header_bytes = (size_t)(version_length & 0x0f) * 4;
    if (version_length >> 4 != 4 || header_bytes < IPV4_HEADER_BYTES)
        return walk_end(w, DECODE_MALFORMED);
    /* Frames seen before segmentation offload say 0 (or more than 16 bits would hold): take what is there. */
    if (total_bytes == 0)
        total_bytes = IPV4_HEADER_BYTES + cursor_left(&w->c) + w->cut_bytes;
    if (total_bytes < header_bytes)
        return walk_end(w, DECODE_MALFORMED);
    bound_packet(w, packet, IPV4_HEADER_BYTES, total_bytes - IPV4_HEADER_BYTES);
    (void)cursor_take(&w->c, header_bytes - IPV4_HEADER_BYTES);
    if (!cursor_ok(&w->c))
        return walk_short(w);
    if ((fragmented & (IPV4_MORE | IPV4_OFFSET)) != 0)
        return fragment(w, protocol, (fragmented & IPV4_OFFSET) * 8U, (fragmented & IPV4_MORE) != 0);
    return layer_of_protocol(w, protocol);
}

/* RFC 4302 s2.2: the length is in 4-byte words minus 2. */
static uint8_t skip_ah(struct cursor *c)
{
    uint8_t next = cursor_u8(c);
    size_t words = cursor_u8(c);
    (void)cursor_take(c, words * 4 + 6);
    return next;
}

/* RFC 8200 s4: hop-by-hop, routing and destination options share one shape, and later headers keep to it
 * (RFC 6564). */
static uint8_t skip_extension(struct cursor *c)
{
    uint8_t next = cursor_u8(c);
    size_t eights = cursor_u8(c);
    (void)cursor_take(c, eights * 8 + 6);
    return next;
}

/* An atomic fragment, offset 0 and no more to come, is a whole datagram (RFC 6946). */
static uint8_t skip_fragment(struct walk *w, bool *fragmented)
{
    uint8_t next = cursor_u8(&w->c);
    (void)cursor_u8(&w->c);
    uint16_t place = cursor_u16(&w->c);
    uint32_t identification = cursor_u32(&w->c);
    *fragmented = cursor_ok(&w->c) && (place & (IPV6_OFFSET | IPV6_MORE)) != 0;
    if (*fragmented) {
        w->segment->mark = identification;
        (void)fragment(w, next, place & IPV6_OFFSET, (place & IPV6_MORE) != 0);
    }
    return next;
}

static enum layer ipv6_extensions(struct walk *w, uint8_t next)
{
    bool fragmented = false;
    for (unsigned i = 0; i < IPV6_EXTENSIONS_CAP; i++) {
        switch (next) {
        case PROTOCOL_HOP_BY_HOP:
        case PROTOCOL_ROUTING:
        case PROTOCOL_DESTINATION:
        case PROTOCOL_MOBILITY:
        case PROTOCOL_HIP:
        case PROTOCOL_SHIM6: next = skip_extension(&w->c); break;
        case PROTOCOL_AH: next = skip_ah(&w->c); break;
        case PROTOCOL_FRAGMENT: next = skip_fragment(w, &fragmented); break;
        default: return layer_of_protocol(w, next);
        }
        if (!cursor_ok(&w->c))
            return walk_short(w);
        if (fragmented)
            return LAYER_END;
    }
    return walk_end(w, DECODE_TOO_DEEP);
}

static enum layer ipv6(struct walk *w)
{
    struct span packet = cursor_rest(w->c);
    struct cursor h = cursor_over(cursor_take(&w->c, IPV6_HEADER_BYTES));
    if (!cursor_ok(&w->c))
        return walk_short(w);
    uint32_t version = cursor_u32(&h) >> 28;
    size_t body_bytes = cursor_u16(&h);
    uint8_t next = cursor_u8(&h);
    (void)cursor_u8(&h); /* hop limit */
    w->segment->source = address_of(cursor_take(&h, 16));
    w->segment->destination = address_of(cursor_take(&h, 16));
    w->segment->family = IP_V6;
    w->segment->mark = 0;
    if (version != 6)
        return walk_end(w, DECODE_MALFORMED);
    if (body_bytes == 0) /* a jumbogram (RFC 2675) or a frame seen before segmentation offload */
        body_bytes = cursor_left(&w->c) + w->cut_bytes;
    bound_packet(w, packet, IPV6_HEADER_BYTES, body_bytes);
    return ipv6_extensions(w, next);
}

static enum layer ah(struct walk *w)
{
    uint8_t next = skip_ah(&w->c);
    return cursor_ok(&w->c) ? layer_of_protocol(w, next) : walk_short(w);
}

static enum layer ip_inside_ip(struct walk *w, enum tunnel tunnel, enum layer inner)
{
    walk_enter(w, tunnel, 0);
    return inner;
}

/* Their timestamp (RFC 7323) counts up, and selective acknowledgements (RFC 2018) grow: what is sent again has others.
 * Never 0 where there are any. */
static uint32_t digest_of(struct span options)
{
    struct cursor c = cursor_over(options);
    uint32_t sum = 0;
    while (cursor_left(&c) >= 4)
        sum = (sum ^ cursor_u32(&c)) * UINT32_C(0x9e3779b1) ^ sum >> 15;
    return options.n > 0 ? sum | 1 : 0;
}

/* The one layer that is always last. Options may be cut off: the segment is still good, its payload is
 * missing. */
static enum decode_result tcp(struct walk *w)
{
    struct segment *s = w->segment;
    struct cursor h = cursor_over(cursor_take(&w->c, TCP_HEADER_BYTES));
    if (!cursor_ok(&w->c))
        return w->cut_bytes > 0 ? DECODE_TRUNCATED : DECODE_MALFORMED;
    s->source_port = cursor_u16(&h);
    s->destination_port = cursor_u16(&h);
    s->sequence = cursor_u32(&h);
    s->acknowledgement = cursor_u32(&h);
    size_t header_bytes = (size_t)(cursor_u8(&h) >> 4) * 4;
    s->flags = cursor_u8(&h);
    if (header_bytes < TCP_HEADER_BYTES)
        return DECODE_MALFORMED;

    size_t options = header_bytes - TCP_HEADER_BYTES;
    size_t captured = cursor_left(&w->c);
    if (options > captured) {
        size_t beyond = options - captured;
        if (beyond > w->cut_bytes)
            return DECODE_MALFORMED;
        w->cut_bytes -= (uint32_t)beyond;
        options = captured;
    }
    struct span taken = cursor_take(&w->c, options);
    if (s->mark == 0)
        s->mark = digest_of(taken);
    s->payload = cursor_rest(w->c);
    s->missing = w->cut_bytes;
    return DECODE_TCP;
}

static enum layer step(struct walk *w, enum layer layer)
{
    switch (layer) {
    case LAYER_ETHERNET: return ethernet(w);
    case LAYER_VLAN: return vlan(w);
    case LAYER_SERVICE_TAG: return walk_service_tag(w);
    case LAYER_COOKED: return walk_cooked(w);
    case LAYER_COOKED_V2: return walk_cooked_v2(w);
    case LAYER_LOOPBACK: return walk_loopback(w);
    case LAYER_PPP: return walk_ppp(w);
    case LAYER_IP: return ip(w);
    case LAYER_IPV4: return ipv4(w);
    case LAYER_IPV6: return ipv6(w);
    case LAYER_IPIP: return ip_inside_ip(w, TUNNEL_IPIP, LAYER_IPV4);
    case LAYER_6IN4: return ip_inside_ip(w, TUNNEL_6IN4, LAYER_IPV6);
    case LAYER_AH: return ah(w);
    case LAYER_UDP: return walk_udp(w);
    case LAYER_GRE: return walk_gre(w);
    case LAYER_MPLS: return walk_mpls(w);
    case LAYER_PPPOE: return walk_pppoe(w);
    case LAYER_TCP:
    case LAYER_END: break;
    }
    return walk_end(w, DECODE_LINK_UNKNOWN);
}

/* Nearly every frame: Ethernet, IPv4 and TCP without options or tags, all of it captured. All lengths are
 * constant here, so that the compiler leaves the checks out. Returns false where anything is otherwise:
 * then nothing is said, and the walk tells. */
static bool is_usual(struct span frame, struct segment *s)
{
    enum { ETHERNET_BYTES = 14, HEADERS_BYTES = ETHERNET_BYTES + IPV4_HEADER_BYTES + TCP_HEADER_BYTES };
    enum { ADDRESSES_BYTES = 12, VERSION_4_LENGTH_5 = 0x45 };
    if (frame.n < HEADERS_BYTES)
        return false;
    struct cursor h = {.p = frame.p, .n = HEADERS_BYTES};
    (void)cursor_take(&h, ADDRESSES_BYTES);
    uint16_t type = cursor_u16(&h);
    uint8_t version_length = cursor_u8(&h);
    (void)cursor_u8(&h); /* type of service */
    size_t total_bytes = cursor_u16(&h);
    s->mark = cursor_u16(&h); /* identification */
    uint16_t fragmented = cursor_u16(&h);
    (void)cursor_u8(&h); /* time to live */
    uint8_t protocol = cursor_u8(&h);
    (void)cursor_u16(&h); /* checksum */
    struct span source = cursor_take(&h, 4);
    struct span destination = cursor_take(&h, 4);
    s->source_port = cursor_u16(&h);
    s->destination_port = cursor_u16(&h);
    s->sequence = cursor_u32(&h);
    s->acknowledgement = cursor_u32(&h);
    size_t tcp_bytes = (size_t)(cursor_u8(&h) >> 4) * 4;
    s->flags = cursor_u8(&h);
    if (type != TYPE_IPV4 || version_length != VERSION_4_LENGTH_5 || protocol != PROTOCOL_TCP ||
        (fragmented & (IPV4_MORE | IPV4_OFFSET)) != 0 || tcp_bytes < TCP_HEADER_BYTES ||
        total_bytes < IPV4_HEADER_BYTES + tcp_bytes || total_bytes > frame.n - ETHERNET_BYTES)
        return false;
    s->source = address_of(source);
    s->destination = address_of(destination);
    s->family = IP_V4;
    s->missing = 0;
    s->packet = span_head(span_skip(frame, ETHERNET_BYTES), total_bytes);
    s->payload = span_skip(s->packet, IPV4_HEADER_BYTES + tcp_bytes);
    if (s->mark == 0)
        s->mark = digest_of(span_head(span_skip(s->packet, IPV4_HEADER_BYTES + TCP_HEADER_BYTES),
                                      tcp_bytes - TCP_HEADER_BYTES));
    return true;
}

static enum decode_result walk(int link_type, struct span frame, uint32_t wire_bytes, struct segment *segment)
{
    struct walk w = {
        .c = cursor_over(frame),
        .cut_bytes = wire_bytes > frame.n ? (uint32_t)(wire_bytes - frame.n) : 0,
        .segment = segment,
    };
    enum layer layer = first_layer(link_type);
    for (unsigned depth = 0; depth < DECODE_DEPTH_CAP; depth++) {
        layer = step(&w, layer);
        if (layer == LAYER_TCP)
            return tcp(&w);
        if (layer == LAYER_END)
            return w.result;
    }
    return DECODE_TOO_DEEP;
}

enum decode_result decode_frame(int link_type, struct span frame, uint32_t wire_bytes, uint64_t time_ns,
                                struct segment *segment)
{
    segment->time_ns = time_ns;
    segment->tunnel = TUNNEL_NONE;
    segment->tunnel_id = 0;
    segment->vlan = -1;
    if (link_type == LINK_ETHERNET && is_usual(frame, segment))
        return DECODE_TCP;
    return walk(link_type, frame, wire_bytes, segment);
}

const char *decode_tunnel_word(enum tunnel tunnel)
{
    static const char *const words[] = {
#define X(name, word) [name] = word,
        TUNNELS(X)
#undef X
    };
    return (size_t)tunnel < sizeof words / sizeof words[0] ? words[tunnel] : "";
}

/* By hand: inet_ntop goes through a printf for it, and there are two addresses in every event. */
static unsigned dotted(const uint8_t *bytes, char *text)
{
#define TEN(d) d "0.", d "1.", d "2.", d "3.", d "4.", d "5.", d "6.", d "7.", d "8.", d "9."
    static const char octets[][5] = {
        TEN(""),   TEN("1"),  TEN("2"),  TEN("3"),  TEN("4"),  TEN("5"),  TEN("6"),  TEN("7"),  TEN("8"),
        TEN("9"),  TEN("10"), TEN("11"), TEN("12"), TEN("13"), TEN("14"), TEN("15"), TEN("16"), TEN("17"),
        TEN("18"), TEN("19"), TEN("20"), TEN("21"), TEN("22"), TEN("23"), TEN("24"), TEN("25")};
#undef TEN
    char *p = text;
    for (int i = 0; i < 4; i++) {
        memcpy(p, octets[bytes[i]], 4); /* of a short one more than it has, which the next overwrites */
        p += 2 + (bytes[i] >= 10) + (bytes[i] >= 100);
    }
    p[-1] = '\0';
    return (unsigned)(p - text - 1);
}

unsigned address_text(const struct address *a, enum ip_family family, char *text)
{
    text[0] = '\0';
    if (family == IP_V4)
        return dotted(a->bytes, text);
    if (family == IP_V6)
        (void)inet_ntop(AF_INET6, a->bytes, text, INET6_ADDRSTRLEN);
    return (unsigned)strlen(text);
}
