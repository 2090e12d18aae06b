/* filter.h - the BPF text for the configured ports.
 *
 * After the keyword `vlan` libpcap shifts all later offsets, across `or` and brackets too. So the untagged
 * part comes first and each tag nests in the one before: ports or (vlan and (ports or (vlan and ports))).
 * Tunnels cannot be matched inside portably: where the configuration says so, whole tunnels are taken and
 * the ports are checked after decapsulation. Not matched, because BPF cannot say it: TCP behind IPv6
 * extension headers or behind AH.
 *
 * The user's own filter is repeated in each part, so `host x` means the same with and without tags. One
 * that itself uses a keyword that shifts offsets (vlan, mpls, pppoes, geneve) is taken as with tcpdump: it
 * stands first, once, and the ports are looked for behind whatever it names. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FILTER_CAP_BYTES = 8192 };

struct filter_request {
    const uint16_t *ports;
    size_t port_count;
    bool tunnels;      /* take GRE/ERSPAN, VXLAN, Geneve, IP-in-IP, MPLS and PPPoE whole */
    bool fragments;    /* take IPv4 fragments without ports (all but the first) and all of IPv6 */
    const char *extra; /* the user's --filter, and-ed; NULL or "" where none */
};

/* filter_text - write the filter. Returns its length; 0 where it does not fit.
 * text   room of FILTER_CAP_BYTES; NUL-terminated. With no ports and no extra the text is empty
 *        (everything). */
size_t filter_text(const struct filter_request *request, char *text);

/* filter_untagged - the part of a filter before the first ` or (vlan and `: the same filter on a link type
 * that has no
 * VLAN tags (raw IP, loopback), where libpcap refuses the keyword. On Linux cooked captures, where it does
 * so too, frames
 * with a tag still inside are then not taken. Returns its length; 0 where the filter has no such part.
 * out   room of FILTER_CAP_BYTES; NUL-terminated */
size_t filter_untagged(const char *text, char *out);
