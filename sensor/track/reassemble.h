/* reassemble.h - puts the bytes of both directions in order, and says where bytes are missing.
 *
 * What comes in order is handed on in place, without a copy. What comes too early waits in pooled chunks:
 * behind a hole of its own direction, or because it acknowledges bytes of the other direction that were not
 * seen yet (a mirror port may deliver an answer before its question). A hole is given up only when the
 * receiver has acknowledged the bytes, so that they will not come again, and some time has passed; or when
 * the waiting room is full, or the connection ends. Where segments overlap, the byte that came first wins
 * (Linux and BSD receivers differ among themselves; what was handed on cannot be taken back) and differing
 * bytes are counted. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "parsers/cursor.h"
#include "parsers/stream.h"
#include "sensor/host/counters.h"
#include "sensor/host/pool.h"
#include "sensor/track/flow.h"

enum { CHUNK_BYTES = 2048 };

/* Sequence numbers farther away than this from what is expected belong to no honest window (mail hosts use
 * a few MiB). */
enum { SEQUENCE_REACH = 1 << 26 };

struct chunk {
    struct chunk *next; /* by sequence number */
    uint64_t time_ns;
    uint32_t sequence;
    uint32_t acknowledgement; /* of the segment it came with */
    bool has_acknowledgement;
    uint16_t length;
    uint8_t data[CHUNK_BYTES - 32];
};

/* What waits in one direction. */
struct stream {
    struct chunk *waiting;
    uint32_t waiting_bytes;
    uint32_t acknowledged; /* highest acknowledgement by the other end */
    bool has_acknowledged;
    uint32_t conflicts; /* octets that differed in an overlap */
};

/* What is the same for all connections of a worker, and where ordered bytes go. */
struct reassembler {
    struct pool *chunks;
    struct counters *counters;
    uint32_t waiting_cap_bytes; /* per direction */
    uint64_t gap_ns;            /* patience with a hole that was acknowledged */
    void (*bytes)(void *connection, enum side from, struct span bytes);
    void (*gap)(void *connection, enum side from, uint32_t bytes);
};

/* reassemble_segment - take a segment of a synced direction.
 *
 * f, streams   the connection; f->side[].next advances
 * connection   handed to the two callbacks
 * sequence     of the first octet of payload
 * missing      octets behind the payload that the capture cut off */
void reassemble_segment(const struct reassembler *r, struct flow *f, struct stream streams[2],
                        void *connection, enum side from, const struct segment *segment, uint32_t sequence);

/* reassemble_flush - hand on all that waits, holes and all, and what is missing before the end; the waiting rooms
 * are empty afterwards. */
void reassemble_flush(const struct reassembler *r, struct flow *f, struct stream streams[2],
                      void *connection);

/* reassemble_drop - throw away what waits; its bytes are wiped. */
void reassemble_drop(const struct reassembler *r, struct stream streams[2]);

/* sequence_before - a < b in 32-bit sequence space (RFC 9293 s3.4). */
static inline bool sequence_before(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b) < 0;
}
