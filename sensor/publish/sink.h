/* sink.h - the interface of every output: JSON lines, text report, Redis.
 *
 * A sink gets each event in order, from the auditor's thread alone, and must not keep pointers into it. It
 * reports its own trouble through log.h, once per change, and never ends the program. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sensor/audit/alert.h"
#include "sensor/audit/event.h"
#include "sensor/capture/mirror.h"
#include "sensor/host/counters.h"

/* What the Redis output does, for those who report it. */
struct redis_health {
    bool used;
    uint64_t queue_batches;
    uint64_t queue_bytes;
    uint64_t spool_bytes;
    uint64_t batches_applied;
    uint64_t events_sent;
    uint64_t events_lost;
    uint64_t rtt_us;
    uint64_t lag_ms;
};

/* What the run was like as a whole; for reports. */
struct run_summary {
    uint64_t counters[COUNTER_COUNT]; /* host/counters.def, summed over the workers */
    uint64_t first_ns;                /* packet time of the first and last packet; 0 where there was none */
    uint64_t last_ns;
    uint64_t inputs; /* files or interfaces read */
    uint64_t inputs_broken;
    uint64_t kernel_dropped;
    uint64_t alerts_open[SEVERITY_COUNT];
    struct redis_health redis;
    bool begun; /* false: the program could not start; what the last run wrote is left alone */
    struct mirror_report mirror; /* of the whole run, all inputs */
};

struct sink {
    void *state;
    void (*event)(void *state, const struct event *e);
    void (*tick)(void *state, uint64_t now_ms); /* a few times a second: flush what waits; may be NULL */
    /* once a second, live and while captures are read: how the run stands; may be NULL */
    void (*status)(void *state, uint64_t now_ms, const struct run_summary *summary);
    void (*alert)(void *state, const struct alert *alert); /* one was raised or cleared; may be NULL */
    void (*health)(void *state,
                   struct redis_health *health); /* its own condition; Redis alone; may be NULL */
    bool (*finish)(void *state,
                   const struct run_summary *summary); /* last call; writes what is left, frees `state`.
                                                  * false: something that was asked for could not be written */
};
