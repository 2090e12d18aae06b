/* backlog.h - the batches that Redis has not acknowledged, numbered, in order: the first of them in memory,
 * the others in the spool.
 *
 * In good times a batch is only ever in memory. One that is not acknowledged after a quarter of a second,
 * and every one while there is trouble, goes to the spool too, so that it outlives the process; beyond the
 * memory's cap batches go to the spool alone. Where neither has room, a batch is not taken: the oldest
 * stay. For the writer's thread alone; it knows nothing of Redis. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sensor/config.h"
#include "sensor/publish/batch.h"
#include "sensor/publish/spool.h"

/* The highest number: beyond 2^53 the script's arithmetic would not tell neighbours apart. */
#define BACKLOG_NUMBER_LAST (UINT64_C(1) << 53)

/* One batch in memory. */
struct held {
    struct held *next;
    struct spool_record record; /* run, number, made_ms, events, arguments, body_bytes */
    bool in_spool;
    bool sent; /* and not acknowledged yet */
    struct spool_place end;
    uint64_t taken_ms; /* monotonic */
    uint64_t sent_us;  /* for the caller */
    char body[];
};

struct backlog; /* opaque */

/* backlog_open - with what an earlier run left in the spool, which is said.
 * wall_us  the clock, from which numbers start at least
 * run      token of this process: SPOOL_RUN_BYTES hexadecimal digits
 * error    room of SPOOL_ERROR_CAP bytes, where NULL is returned */
struct backlog *backlog_open(const struct config *config, const char *run, uint64_t wall_us, char *error);
void backlog_close(struct backlog *b); /* what is only in memory is gone. NULL is allowed */

/* backlog_add - number a batch and keep a copy of it. False: no room; it stays with the caller.
 * made_ms  wall clock; now_ms any clock that does not go back */
bool backlog_add(struct backlog *b, const struct batch *batch, uint64_t made_ms, uint64_t now_ms);

/* backlog_next - the oldest one not marked as sent, and mark it; NULL: none. It stays the backlog's, valid
 * until it is delivered. */
struct held *backlog_next(struct backlog *b, uint64_t now_ms);

/* backlog_first - the oldest one that is marked as sent; NULL: none. */
struct held *backlog_first(const struct backlog *b);

/* backlog_after - the number of the one before, where that is sent and not delivered yet; else 0. */
uint64_t backlog_after(const struct backlog *b, const struct held *h);

/* backlog_delivered - the oldest one is done with. */
void backlog_delivered(struct backlog *b);

/* backlog_unsend - none of those that are marked as sent is known to be delivered: they come again. */
void backlog_unsend(struct backlog *b);

/* backlog_renumber - none of those that wait was applied: give all of them numbers above `above`. None may
 * be marked as sent. False: the spool cannot keep the new numbers; to be tried again. */
bool backlog_renumber(struct backlog *b, uint64_t above);

/* backlog_tick - spool what has waited too long, sync what was spooled. A few times a second.
 * all  spool everything, however young */
void backlog_tick(struct backlog *b, uint64_t now_ms, bool all);

struct backlog_state {
    uint64_t batches; /* all that wait */
    uint64_t memory_bytes;
    uint64_t spool_bytes;
    uint64_t unspooled_batches; /* would be lost with the process */
    uint64_t unspooled_events;
    uint64_t oldest_ms; /* made_ms of the oldest; 0: none waits */
};

void backlog_look(const struct backlog *b, struct backlog_state *state);
