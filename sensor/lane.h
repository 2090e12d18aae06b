/* lane.h - one flow table and its way to the auditor.
 *
 * A lane is fed by the thread of its worker; or, where one reader spreads a file over several lanes, through a
 * queue, and a thread of its own works it off. With files it waits for room in the ring, so nothing is lost; live
 * it never waits: a full ring drops the session and counts it. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "sensor/capture/decode.h"
#include "sensor/config.h"
#include "sensor/host/counters.h"

struct ring;
struct lane; /* opaque */

struct lane_request {
    const struct config *config;
    bool live;
    bool threaded;  /* fed through a queue */
    unsigned share; /* the memory caps of the configuration are split among so many lanes */
    const _Atomic uint64_t
        *spread; /* threaded: every segment up to this number has been given to its lane; the reader's */
    int cpu;     /* the thread of a threaded lane stays on it; -1: anywhere */
};

/* lane_open - take all memory. NULL where it is lacking. lane_start starts the thread of a threaded lane. */
struct lane *lane_open(const struct lane_request *request);
bool lane_start(struct lane *l);

/* lane_segment, lane_tick, lane_finish - as tracker_segment_at, tracker_tick_at and tracker_finish; a threaded lane
 * copies and waits for room. After lane_finish nothing more may come.
 * number  of the segment in the whole input, upwards */
void lane_segment(struct lane *l, const struct segment *segment, uint64_t number);
void lane_tick(struct lane *l, uint64_t now_ns, uint64_t number);
void lane_finish(struct lane *l);

/* lane_ring - where its sessions (struct session) come out. lane_chains - where certificate chains (struct
 * chain_item) come out, each before the first session that carries its number. The caller is the only reader of
 * both, and remembers the last config->caps.certificates chains. */
struct ring *lane_ring(struct lane *l);
struct ring *lane_chains(struct lane *l);

/* lane_relieve - before anything comes, for a lane whose rings are read in the thread that feeds it: what is called where
 * one of them is full. It takes out all that is in both. */
void lane_relieve(struct lane *l, void (*relief)(void *context), void *context);

/* lane_turn - every session that ended at this segment or before it is in the ring. Only for threaded lanes. */
uint64_t lane_turn(const struct lane *l);

/* lane_done - has it put its last session into the ring? */
bool lane_done(const struct lane *l);

/* lane_count - add its counters to *sum; a moment old while it runs. */
void lane_count(const struct lane *l, struct counters *sum);

/* lane_close - join the thread, if any, and free; l may be NULL. */
void lane_close(struct lane *l);
