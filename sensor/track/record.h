/* record.h - the facts of a session whose fate is known, packed into as little room as they need until it ends.
 *
 * The numbers are kept as they are; of the texts only what is there. */
#pragma once

#include "sensor/host/pool.h"
#include "sensor/track/session.h"

struct record; /* opaque */

struct record_pools {
    struct pool small;
    struct pool large;
};

/* record_pools_open - room for count sessions. Returns false where memory is lacking. */
bool record_pools_open(struct record_pools *pools, uint32_t count);
void record_pools_close(struct record_pools *pools);

/* record_pack - a packed copy of the facts; NULL where the pools are used up. */
struct record *record_pack(struct record_pools *pools, const struct session *facts);

/* record_unpack - the facts again, all of them. */
void record_unpack(const struct record *record, struct session *facts);

/* record_free - give the room back. NULL is allowed. */
void record_free(struct record_pools *pools, struct record *record);
