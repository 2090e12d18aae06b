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
    bool live;             /* interim events; other ports only where the configuration asks for them */
    void (*emit)(void *context, const struct session *session);
    void *context;
};

/* tracker_open - take all memory. Returns NULL where it is lacking. */
struct tracker *tracker_open(const struct tracker_request *request);

/* tracker_segment - take one segment, in the order of capture. */
void tracker_segment(struct tracker *t, const struct segment *segment);

/* tracker_tick - packet time has come to now_ns without a segment: end what has been silent too long. */
void tracker_tick(struct tracker *t, uint64_t now_ns);

/* tracker_finish - the input is over: emit every session that is left, in the order in which they began. */
void tracker_finish(struct tracker *t);

void tracker_close(struct tracker *t);
