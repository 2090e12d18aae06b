/* fragment.h - puts IP fragments together again, in bounded memory.
 *
 * Fragments wait in pooled chunks until their datagram is whole; it is then decoded anew, so tunnels inside
 * fragments and fragments inside tunnels are both followed. The first fragments of the oldest datagram give
 * way when there is no room. Time is packet time.
 *
 * A fragment that overlaps another one dooms its datagram, whatever the version (RFC 5722 s4; hosts differ on
 * who wins in IPv4, and nobody honest overlaps): what came is thrown away, and what still comes is not looked
 * at until its time is over. The same fragment once more, octet for octet, is a mirror's repetition and costs
 * nothing. Atomic fragments (RFC 6946) never come here: decode.c takes them for what they are. Of what the
 * snap length cut no datagram can be made. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sensor/capture/decode.h"
#include "sensor/capture/identity.h"
#include "sensor/host/counters.h"

struct fragments; /* opaque */

struct fragment_limits {
    uint32_t datagrams;  /* put together at a time */
    uint32_t chunks;     /* of 2 KiB, for what waits */
    uint64_t timeout_ns; /* from the first fragment on (RFC 8200 s4.5: 60 s) */
    enum identity identity;
};

enum {
    FRAGMENT_PIECES_CAP =
        128, /* of one datagram: enough for 64 KiB over the smallest link of IPv4 that anyone uses */
    FRAGMENT_NESTING_CAP = 4 /* fragmented tunnels within fragmented tunnels */
};

/* fragments_open - take the memory. Returns NULL where it is lacking. */
struct fragments *fragments_open(const struct fragment_limits *limits, struct counters *counters);
void fragments_close(struct fragments *f);

/* fragments_decode - take a fragment; where it makes a datagram whole, decode that.
 *
 * fragment   as decode_frame filled it with DECODE_FRAGMENT; borrowed for the call
 * segment    out, as for decode_frame; it may be *fragment. Tag and tunnel are the outermost ones, as ever.
 *            What it borrows is valid until the next call
 * Returns DECODE_FRAGMENT while octets are missing, else what the datagram held
 * Limits     the caps above; every refusal is a counter
 * Spec       RFC 791 s3.2, RFC 8200 s4.5, RFC 5722, RFC 1858, RFC 6946 */
enum decode_result fragments_decode(struct fragments *f, const struct segment *fragment,
                                    struct segment *segment);

/* fragments_waiting - datagrams that are not whole. */
uint32_t fragments_waiting(const struct fragments *f);
