/* redis_writer.h - the thread that brings batches to Redis, each applied exactly once.
 *
 * Nobody waits for it: the feed takes empty batches from its pool and puts full ones; from there on they
 * are numbered and stay in a backlog (backlog.h) until the script has answered `applied` or `repeated`. A
 * few are under way at a time; each one but the first names the one before it, which the script must have
 * applied, so that none overtakes one that was refused. What had no answer when a connection broke is sent
 * again under its number. What Redis refuses is handled by the table of redis_trouble.c. Each change is
 * said once.
 *
 * What the script is called with: EVALSHA sha 2 waxseal:{SITE}:meta waxseal:{SITE}:moving  SENSOR RUN
 * NUMBER AFTER ARGUMENTS...
 * The second key never exists: while a Cluster moves the slot, a call that names a missing key is put off
 * (TRYAGAIN,
 * ASK), so that no batch is applied half on each node. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sensor/config.h"
#include "sensor/publish/batch.h"
#include "sensor/publish/redis_trouble.h"
#include "sensor/publish/redis_url.h"

struct redis_writer; /* opaque */

struct redis_writer_status {
    uint64_t queue_batches; /* not acknowledged, in memory or in the spool */
    uint64_t queue_bytes;   /* of memory */
    uint64_t spool_bytes;
    uint64_t batches_applied;
    uint64_t batches_repeated; /* Redis had them already: an answer was lost */
    uint64_t batches_refused;  /* given up */
    uint64_t events_sent;
    uint64_t events_lost;    /* of batches given up */
    uint64_t rtt_us;         /* of the last batch */
    uint64_t lag_ms;         /* age of the oldest batch that waits */
    int64_t clock_offset_ms; /* the clock of Redis less that of this host, when it was connected to last */
    uint64_t connections;
    bool connected;
    char trouble[REDIS_CODE_CAP]; /* first word of the trouble of now; "" none */
};

/* redis_writer_open - start the thread, which begins with what an earlier run left in the spool.
 * script   the text that SCRIPT LOAD gets; borrowed
 * config   borrowed as long as the writer lives
 * error    room of REDIS_ERROR_CAP bytes; one sentence, where NULL is returned: what waiting cannot mend
 * Memory   32 batches of 1 MiB, touched as they fill; outputs.redis.queue_bytes; twice what is under way */
struct redis_writer *redis_writer_open(const struct config *config, struct span script, char *error);

/* redis_writer_take - an empty batch; NULL: no room. Live it never waits. `read` waits as long as batches
 * move, and for at most outputs.redis.patience_ms where none does. */
struct batch *redis_writer_take(struct redis_writer *w);

/* redis_writer_put - hand it over; never waits. */
void redis_writer_put(struct redis_writer *w, struct batch *b);

/* redis_writer_status - as it was a moment ago; from any thread. */
void redis_writer_status(struct redis_writer *w, struct redis_writer_status *out);

/* redis_writer_finish - deliver what is left, as long as batches move and for at most patience_ms where
 * none does; what is left then stays in the spool or is lost, and that is said. Frees the writer. Batches
 * taken and not put must have been put. Returns false where something was lost, or is not delivered yet */
bool redis_writer_finish(struct redis_writer *w);
