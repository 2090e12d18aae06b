/* chains.h - certificate chains on their way to the auditor, each only once.
 *
 * A server sends the same chain in every full handshake. The worker keeps a copy of those it saw last and
 * compares byte by byte; a new one gets the next number and goes into a ring of its own; sessions carry the
 * number. Reader and writer forget in the same order (number modulo count), so what the one takes as known
 * the other still has. Nothing here looks into a certificate. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "parsers/cursor.h"

struct ring;
struct chains; /* opaque */

enum { CHAIN_CAP_BYTES = 16384 - 16 };

/* One item of the ring. */
struct chain_item {
    uint32_t number; /* from 1 */
    uint32_t length;
    uint8_t body[CHAIN_CAP_BYTES]; /* of the Certificate message (RFC 5246 s7.4.2) */
};

/* chains_open - remember the last `count` chains.
 * out   ring of struct chain_item; borrowed
 * wait  where the ring is full: wait for room (files) or let the chain go (live)
 * Returns NULL where memory is lacking */
struct chains *chains_open(uint32_t count, struct ring *out, bool wait);
void chains_close(struct chains *c);

/* chains_note - the number of a chain; 0 where it is too long, or the ring was full. */
uint32_t chains_note(struct chains *c, struct span body);

/* chains_dropped - chains that found the ring full. */
uint64_t chains_dropped(const struct chains *c);
