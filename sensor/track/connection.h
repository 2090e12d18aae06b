/* connection.h - a connection's turning points: begun, proved to be mail, its fate known, reported.
 *
 * Internal to track/: tracker.c takes the segments and calls these. */
#pragma once

#include "sensor/track/classify.h"
#include "sensor/track/conversation.h"
#include "sensor/track/flow.h"
#include "sensor/track/record.h"
#include "sensor/track/repeats.h"
#include "sensor/track/tracker.h"

enum {
    PORTS = 65536,
    NS_PER_MS = 1000000,
    /* So many packets of one direction without one of the other, and the mirror does not deliver it: no window of mail
     * lets a sender go on so long without an answer. */
    JUDGED_PACKETS = 32
};

struct tracker {
    const struct config *config;
    struct counters *counters;
    bool live;
    bool other_ports; /* look for mail (or, with any_tls, TLS) where no row names the port */
    void (*emit)(void *context, const struct session *session);
    void *context;
    struct flow_table *flows;
    struct pool conversations;
    struct pool chunks;
    struct stores stores;
    struct pool records;
    struct session_shared shared;
    struct reassembler reassembler;
    struct classifier *classifier;
    bool classifier_tried;
    bool ticked;
    bool expiring;  /* within flow_expire ... */
    bool finishing; /* ... or flow_drain */
    uint64_t turn;  /* number of the segment that is taken now */
    unsigned share; /* of the memory caps: one part of so many */
    uint64_t next_expire_ns;
    struct repeats repeats;
    uint8_t row_of_port[PORTS]; /* index + 1 into config->ports; 0 where no row names the port */
};

/* connection_row - the row of a port, or NULL. */
static inline const struct config_port *connection_row(const struct tracker *t, uint16_t port)
{
    uint8_t row = t->row_of_port[port];
    return row != 0 ? &t->config->ports[row - 1] : NULL;
}

/* connection_flow - a new flow for a segment of an unknown connection; its sides are told apart.
 * generation  earlier connections between the same ends */
struct flow *connection_flow(struct tracker *t, const struct flow_key *key, bool from_low,
                             const struct segment *segment, uint32_t generation);

/* connection_begin - the first payload: start a conversation, or ignore the flow. */
void connection_begin(struct tracker *t, struct flow *f, enum side from, const struct segment *segment);

/* connection_prove - unexpected port: has the dialogue proved to be mail, does nDPI say so, or is it time
 * to give up? */
void connection_prove(struct tracker *t, struct flow *f, const struct segment *segment);

/* connection_judge - enough was seen to count whether both directions are there: once a connection with payload. */
void connection_judge(struct tracker *t, struct flow *f);

/* connection_park - its fate is known: keep the facts in little room and look at nothing any more. */
void connection_park(struct tracker *t, struct flow *f);

/* connection_interim - live: an account of a session that goes on for long. */
void connection_interim(struct tracker *t, struct flow *f);

/* connection_leave - report what there is to report and free what the flow holds; the flow table's callback
 * (context: the tracker). */
void connection_leave(void *context, struct flow *f);
