/* decode.h - from a captured frame to the TCP segment inside it.
 *
 * Pure: reads one frame through a cursor, keeps nothing, allocates nothing. Link layers, tags and tunnels
 * are peeled off to a bounded depth; what cannot be a TCP segment comes back as a reason that is counted.
 * Checksums are not verified: on a mirror port they are often not yet computed (offload). IP fragments are
 * handed on as such, with what fragment.c needs to put them together. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "parsers/cursor.h"

enum tcp_flag { TCP_FIN = 0x01, TCP_SYN = 0x02, TCP_RST = 0x04, TCP_PSH = 0x08, TCP_ACK = 0x10 };

/* X(NAME, word): the word is the event field `tunnel`. */
#define TUNNELS(X)                                                                                           \
    X(TUNNEL_NONE, "")                                                                                       \
    X(TUNNEL_MPLS, "mpls")                                                                                   \
    X(TUNNEL_PPPOE, "pppoe")                                                                                 \
    X(TUNNEL_GRE, "gre")                                                                                     \
    X(TUNNEL_ERSPAN, "erspan")                                                                               \
    X(TUNNEL_VXLAN, "vxlan")                                                                                 \
    X(TUNNEL_GENEVE, "geneve")                                                                               \
    X(TUNNEL_IPIP, "ipip")                                                                                   \
    X(TUNNEL_6IN4, "6in4")

enum tunnel {
#define X(name, word) name,
    TUNNELS(X)
#undef X
};

enum ip_family { IP_NONE = 0, IP_V4 = 4, IP_V6 = 6 };

struct address {
    uint8_t bytes[16]; /* IPv4 in the first four, the rest zero */
};

/* One TCP segment as it crossed the wire. Data crosses from capture/ to track/ as this struct. */
struct segment {
    uint64_t time_ns; /* packet time, since 1970 */
    struct address source;
    struct address destination;
    uint16_t source_port;
    uint16_t destination_port;
    uint8_t family;     /* enum ip_family */
    uint8_t flags;      /* enum tcp_flag */
    uint8_t tunnel;     /* enum tunnel: the outermost */
    int16_t vlan;       /* outermost VLAN id, -1 where untagged; a tag of id 0 carries only a priority */
    uint32_t tunnel_id; /* of the outermost tunnel: network identifier, key, label, session; 0 where none */
    uint32_t
        mark; /* tells a packet from its repetition: IPv4's identification, else a digest of the TCP options, else 0 */
    uint32_t sequence;
    uint32_t acknowledgement;
    uint32_t missing;    /* payload bytes that the IP header promises but the capture cut off (snaplen) */
    struct span payload; /* borrowed from the frame */
    struct span packet;  /* from the IP header on, borrowed (classify.c hands it to nDPI) */
    /* With DECODE_FRAGMENT alone; payload is then what the fragment carries, mark its identification, and
     * ports, numbers and flags are not set. */
    uint16_t fragment_offset; /* octets */
    uint8_t fragment_protocol;
    bool fragment_more;
};

enum decode_result {
    DECODE_TCP,         /* *segment is filled */
    DECODE_NOT_TCP,     /* another protocol */
    DECODE_FRAGMENT,    /* an IP fragment other than an atomic one: fragment.c's concern */
    DECODE_TOO_DEEP,    /* more layers than DECODE_DEPTH_CAP */
    DECODE_TRUNCATED,   /* the capture cut the headers off */
    DECODE_MALFORMED,   /* a header contradicts itself */
    DECODE_LINK_UNKNOWN /* link type that this program does not read */
};

enum { DECODE_DEPTH_CAP = 12, DECODE_RAW_IP = 101 /* the link type of a packet without a link layer */ };

/* decode_link_known - can frames of this DLT_ link type be read? */
bool decode_link_known(int link_type);

/* decode_frame - find the TCP segment in a frame.
 *
 * link_type   DLT_ value of the capture (numbers, not libpcap's header)
 * frame       captured bytes, borrowed; segment->payload points into them
 * wire_bytes  length on the wire, at least frame.n
 * time_ns     packet time
 * Only with DECODE_TCP is all of *segment set, with DECODE_FRAGMENT what its struct says; it need not be
 * cleared before.
 * Limits      at most DECODE_DEPTH_CAP layers, 16 MPLS labels and 16 IPv6 extension headers
 * Spec        IEEE 802.1Q, RFC 791, RFC 8200 s4, RFC 9293 s3.1, RFC 3032, RFC 2516, RFC 2784, RFC 7348, RFC
 *             8926 */
enum decode_result decode_frame(int link_type, struct span frame, uint32_t wire_bytes, uint64_t time_ns,
                                struct segment *segment);

/* decode_tunnel_word - the word of a tunnel as events write it. */
const char *decode_tunnel_word(enum tunnel tunnel);

/* address_text - write an address as RFC 5952 text (IPv4 dotted). Returns its length.
 * text   room of at least 46 bytes; NUL-terminated */
unsigned address_text(const struct address *a, enum ip_family family, char *text);
