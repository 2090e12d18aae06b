/* record.h - the facts of a session whose fate is known, packed into as little room as they need until it ends.
 *
 * A record is a chain of equal blocks out of one pool: the numbers, then of the texts only what is there. So
 * one limit holds for all records, whatever names the wire brought, and no size of record can use up the
 * room of another. What the flow keeps anyway, addresses, ports and times, is left out. */
#pragma once

#include "sensor/host/pool.h"
#include "sensor/track/session.h"

struct record; /* opaque */

/* A flow and five blocks are 512 bytes; most records need no more than that. */
enum { RECORD_BLOCK_BYTES = 64, RECORD_BLOCKS_PER_FLOW = 5 };

/* record_pool_open - room for the records of so many flows. Returns false where memory is lacking. */
bool record_pool_open(struct pool *blocks, uint32_t flows);

/* record_pack - a packed copy of the facts; NULL where the pool is used up. */
struct record *record_pack(struct pool *blocks, const struct session *facts);

/* record_unpack - the facts again, but for those that stand above `vlan` in struct session: they are the
 * flow's. Behind the end of a text its room is left as it was. */
void record_unpack(const struct pool *blocks, const struct record *record, struct session *facts);

/* record_free - give the room back. NULL is allowed. */
void record_free(struct pool *blocks, struct record *record);
