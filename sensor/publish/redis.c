#include "sensor/publish/redis.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "sensor/host/clock.h"
#include "sensor/host/log.h"
#include "sensor/publish/apply_script.h"
#include "sensor/publish/feed.h"
#include "sensor/publish/redis_link.h"
#include "sensor/publish/redis_writer.h"

enum { NS_PER_MS = 1000000 };

struct redis {
    struct feed *feed;
    struct redis_writer *writer;
};

static int64_t wall_ms(void)
{
    return (int64_t)(clock_wall_ns() / NS_PER_MS);
}

/* ---- the writer as the feed sees it ---- */

static struct batch *take(void *state)
{
    return redis_writer_take(state);
}

static void put(void *state, struct batch *b)
{
    redis_writer_put(state, b);
}

static void link_of(void *state, struct feed_link *out)
{
    struct redis_writer_status status;
    redis_writer_status(state, &status);
    *out = (struct feed_link){.queue_batches = status.queue_batches,
                              .queue_bytes = status.queue_bytes,
                              .spool_bytes = status.spool_bytes,
                              .batches_applied = status.batches_applied,
                              .events_lost = status.events_lost,
                              .lag_ms = status.lag_ms,
                              .rtt_us = status.batches_applied > 0 ? (int64_t)status.rtt_us : -1,
                              .clock_offset_ms = status.clock_offset_ms};
}

/* ---- the sink ---- */

static void event(void *state, const struct event *e)
{
    struct redis *r = state;
    feed_event(r->feed, e);
}

static void alert(void *state, const struct alert *a)
{
    struct redis *r = state;
    feed_alert(r->feed, a);
}

static void tick(void *state, uint64_t now_ms)
{
    struct redis *r = state;
    feed_tick(r->feed, now_ms, wall_ms());
}

static void status(void *state, uint64_t now_ms, const struct run_summary *summary)
{
    struct redis *r = state;
    (void)now_ms;
    feed_status(r->feed, summary);
}

static void health(void *state, struct redis_health *out)
{
    const struct redis *r = state;
    struct redis_writer_status now;
    redis_writer_status(r->writer, &now);
    *out = (struct redis_health){.used = true,
                                 .queue_batches = now.queue_batches,
                                 .queue_bytes = now.queue_bytes,
                                 .spool_bytes = now.spool_bytes,
                                 .batches_applied = now.batches_applied,
                                 .events_sent = now.events_sent,
                                 .events_lost = now.events_lost + feed_lost(r->feed),
                                 .rtt_us = now.rtt_us,
                                 .lag_ms = now.lag_ms};
}

static bool finish(void *state, const struct run_summary *summary)
{
    struct redis *r = state;
    feed_finish(r->feed, summary, wall_ms());
    uint64_t lost = feed_lost(r->feed);
    uint64_t skipped = feed_skipped(r->feed);
    feed_close(r->feed);
    bool complete = redis_writer_finish(r->writer) && lost == 0;
    if (skipped > 0)
        log_line("redis",
                 "%" PRIu64 " sessions are counted, but not in the records of clients (clients_a_second)",
                 skipped);
    if (lost > 0)
        log_error("redis", "%" PRIu64 " events found no room on their way to Redis and are lost", lost);
    free(r);
    return complete;
}

bool redis_open(struct sink *sink, const struct config *config, char *error)
{
    size_t length;
    const char *script = apply_script(&length);
    struct redis *r = calloc(1, sizeof *r);
    if (r == NULL) {
        snprintf(error, REDIS_ERROR_CAP, "no memory for the output to Redis");
        return false;
    }
    r->writer = redis_writer_open(config, span_of(script, length), error);
    if (r->writer == NULL) {
        free(r);
        return false;
    }
    const struct feed_output output = {r->writer, take, put, link_of};
    r->feed = feed_open(config, &output, wall_ms());
    if (r->feed == NULL) {
        snprintf(error, REDIS_ERROR_CAP, "no memory for what is added up on its way to Redis");
        (void)redis_writer_finish(r->writer);
        free(r);
        return false;
    }
    *sink = (struct sink){.state = r,
                          .event = event,
                          .tick = tick,
                          .status = status,
                          .alert = alert,
                          .health = health,
                          .finish = finish};
    return true;
}

const char *redis_library_version(void)
{
    return redis_link_library();
}
