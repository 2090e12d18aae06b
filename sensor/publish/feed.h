/* feed.h - turns what the auditor says into the operations of apply.lua: chosen session events, counters, lists, records, alerts
 * and what the sensor says of itself, batch by batch.
 *
 * It runs in the auditor's thread and never waits. What it gathers between two batches lies in tables of fixed size; a batch is
 * closed after 128 events, when it or a table is full, and twice a second. Counters take in every session, whichever events are
 * chosen. Where no batch can be had (the queue and the spool are full) it goes on counting as long as its tables have room;
 * events that go nowhere are counted as lost. How batches reach Redis is not its matter (redis_writer.h).
 *
 * Nothing that it writes depends on where batches end, except what it says of the sensor itself. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sensor/audit/alert.h"
#include "sensor/config.h"
#include "sensor/publish/batch.h"
#include "sensor/publish/sink.h"

/* How the way to Redis stands. */
struct feed_link {
    uint64_t queue_batches; /* waiting, in memory and in the spool */
    uint64_t queue_bytes;
    uint64_t spool_bytes;
    uint64_t batches_applied;
    uint64_t events_lost;    /* after they were handed over */
    uint64_t lag_ms;         /* age of the oldest batch that waits */
    int64_t rtt_us;          /* of the last batch; -1: none yet */
    int64_t clock_offset_ms; /* Redis' clock minus the sensor's; 0 where not known */
};

/* Where batches come from and go to. */
struct feed_output {
    void *state;
    struct batch *(*take)(void *state); /* an empty one; NULL: there is no room */
    void (*put)(void *state, struct batch *b);
    void (*link)(void *state, struct feed_link *out);
};

struct feed; /* opaque */

/* feed_open - take all memory, about 4 MiB.
 * config   borrowed: site, sensor, redis_events, caps, interfaces, profile, live
 * started  wall clock in milliseconds
 * Returns NULL where memory is lacking */
struct feed *feed_open(const struct config *config, const struct feed_output *output, int64_t started_ms);
void feed_close(struct feed *f); /* NULL is allowed */

/* feed_event, feed_alert, feed_status - as the functions of struct sink. */
void feed_event(struct feed *f, const struct event *e);
void feed_alert(struct feed *f, const struct alert *alert);
void feed_status(struct feed *f, const struct run_summary *summary);

/* feed_tick - close the batch where it is time.
 * now_ms   any clock that does not go back
 * wall_ms  milliseconds since 1970 */
void feed_tick(struct feed *f, uint64_t now_ms, int64_t wall_ms);

/* feed_finish - hand over what is left, and say goodbye. */
void feed_finish(struct feed *f, const struct run_summary *summary, int64_t wall_ms);

/* feed_skipped - sessions that added to no record of a client, by outputs.redis.clients_a_second. */
uint64_t feed_skipped(const struct feed *f);

/* feed_lost - events that found no batch. */
uint64_t feed_lost(const struct feed *f);
