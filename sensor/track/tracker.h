/* tracker.h - the front of track/: segments in, sessions out.
 *
 * It decides when a connection begins and ends, who is the client, whether it is mail at all, and when
 * there is nothing more to learn from it, after which a packet costs a look-up and a few additions. It
 * judges nothing. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sensor/capture/decode.h"
#include "sensor/config.h"
#include "sensor/host/counters.h"
#include "sensor/track/session.h"

struct chains;
struct tracker; /* opaque */

struct tracker_request {
    const struct config *config;
    struct counters *counters;
    struct chains *chains; /* borrowed; NULL: certificates are not kept */
    unsigned share;        /* the memory caps are split among so many trackers; 0 as 1 */
    bool ticked;           /* silence is told by tracker_tick_at alone: segments do not look at the time */
    bool live;             /* interim events; other ports only where the configuration asks for them */
    void (*emit)(void *context, const struct session *session);
    void *context;
};

/* tracker_open - take all memory. Returns NULL where it is lacking. */
struct tracker *tracker_open(const struct tracker_request *request);

/* tracker_segment_at - take one segment, in the order of capture.
 * number  of the segment in the whole input, upwards from 1: sessions carry it as their turn
 * tracker_segment counts by itself. */
void tracker_segment_at(struct tracker *t, const struct segment *segment, uint64_t number);
void tracker_segment(struct tracker *t, const struct segment *segment);

/* tracker_tick_due - is it time to look for silent connections? Without a look at the tracker, for whoever
 * spreads segments over several; *next_ns is theirs and starts at 0. */
bool tracker_tick_due(uint64_t *next_ns, uint64_t now_ns);

/* tracker_tick_at - end what has been silent too long at now_ns.
 * number  of the segment that is about to be taken
 * tracker_tick does so where it is due, live and between segments. */
void tracker_tick_at(struct tracker *t, uint64_t now_ns, uint64_t number);
void tracker_tick(struct tracker *t, uint64_t now_ns);

/* tracker_finish - the input is over: emit every session that is left, in the order in which they began. */
void tracker_finish(struct tracker *t);

void tracker_close(struct tracker *t);
