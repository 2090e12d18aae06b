/* flow.h - the fixed-size table of connections: look-up, ageing by packet time, eviction.
 *
 * All memory is taken at start, and used as it is needed: few connections have few buckets, which then stay in the
 * processor's caches. The hash is keyed at random in every process, so nobody outside can aim at
 * one bucket; nothing that is reported depends on the key. Flows of a stage hang in one list by age; when
 * the table is full the least valuable go first: ended ones, then those that never sent a byte, then ones
 * that are no mail, then those that are nearly over, then dialogues in which the client has said nothing
 * yet, then other unfinished dialogues, and those whose fate is known last. The table knows nothing
 * of what a flow means: its owner is told through one callback before a flow goes. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "parsers/stream.h"
#include "sensor/capture/decode.h"

/* In the order in which they are given up when room is needed. */
enum flow_stage {
    FLOW_FREE,
    FLOW_ENDED,     /* reported; kept a while to swallow late packets */
    FLOW_HALF_OPEN, /* no payload yet */
    FLOW_IGNORED,   /* no mail: nothing is looked at */
    FLOW_CLOSING,   /* both ends said FIN; only the last acknowledgement is due */
    FLOW_OPENING,   /* some bytes, but nothing yet that only a real client says: floods end here */
    FLOW_TALKING,   /* dialogue or handshake under way */
    FLOW_KNOWN,     /* fate known: only counted */
    FLOW_STAGES
};

/* One direction, as cheap to keep up to date as can be. */
struct flow_side {
    uint64_t bytes; /* payload octets, each once */
    uint32_t packets;
    uint32_t next;         /* sequence number of the octet expected next */
    uint32_t fin_sequence; /* ... or of the reset, where there is no FIN */
    uint32_t initial;      /* sequence number of the SYN */
    bool synced : 1;       /* `next` is valid; bits, so that all are told by one look */
    bool syn : 1;
    bool fin : 1;
    bool fin_acked : 1;
    bool rst : 1;
};

struct flow_key {
    struct address low; /* the smaller end first, so both directions have one key */
    struct address high;
    uint16_t low_port;
    uint16_t high_port;
    uint32_t layer; /* VLAN or tunnel, where they are part of a flow's identity; else 0 */
};

/* What every packet needs comes first: it is then in two or three cache lines. */
struct flow {
    struct flow_key key;
    uint64_t last_ns;
    void *owner;          /* what the owner keeps for it */
    uint32_t bucket_next; /* indices into the table; 0 is none */
    uint16_t row;         /* repeats.h */
    uint8_t stage;        /* enum flow_stage */
    bool client_is_low : 1;
    bool midstream : 1;
    bool pending : 1; /* pending_syn is set */
    bool evicted : 1;
    bool judged : 1;          /* it was counted whether both directions are there */
    bool packed : 1;          /* the owner's matter: what `owner` points to */
    struct flow_side side[2]; /* CLIENT, SERVER */
    uint64_t first_ns;
    uint64_t number; /* of its first segment, where flow_table_turn tells; in order of coming */
    uint32_t newer;
    uint32_t older;
    uint32_t listed_turn; /* the turn when it was last moved in its list */
    uint32_t generation;  /* earlier connections between the same ends */
    uint32_t duplicates;
    uint32_t pending_syn; /* sequence number of a SYN that may start a new connection here */
    uint32_t interims;    /* interim events so far */
    int16_t vlan;         /* this and the next: of the first packet */
    uint8_t tunnel;
    uint8_t family;
};

struct flow_table; /* opaque */

struct flow_limits {
    uint32_t flows;
    uint64_t timeout_ns[FLOW_STAGES];
};

/* flow_table_open - take the memory. leave(context, flow) is called before a flow is given up, by age or
 * for room; it must leave flow->owner free of anything to be freed. Returns NULL where memory is lacking. */
struct flow_table *flow_table_open(const struct flow_limits *limits,
                                   void (*leave)(void *context, struct flow *flow), void *context);
void flow_table_close(struct flow_table *t);

/* flow_table_turn - the number of the segment that is taken next; numbers rise. */
void flow_table_turn(struct flow_table *t, uint64_t turn);

/* flow_key_of - the key of a segment; *from_low says whether its sender is the low end.
 * layer   of capture/identity.h, 24 bits */
void flow_key_of(const struct segment *segment, uint32_t layer, struct flow_key *key, bool *from_low);

/* flow_key_hash - a hash of the key that is the same in every process, for ids. */
uint64_t flow_key_hash(const struct flow_key *key);

/* flow_find - the flow of a key, or NULL. */
struct flow *flow_find(struct flow_table *t, const struct flow_key *key);

/* flow_find_segment - the flow of a segment, for every packet.
 * from_low  out, as flow_key_of has it */
struct flow *flow_find_segment(struct flow_table *t, const struct segment *segment, uint32_t layer,
                               bool *from_low);

/* flow_add - a new flow in stage HALF_OPEN, zeroed but for its key, number and times. Never fails: a full
 * table gives one up. */
struct flow *flow_add(struct flow_table *t, const struct flow_key *key, uint64_t now_ns);

/* flow_touch - note a packet at now_ns; keeps the list by age, to the second. */
void flow_touch(struct flow_table *t, struct flow *f, uint64_t now_ns);

/* flow_direction - a number that no other direction of a flow in the table has: where the flow lies. */
static inline uint64_t flow_direction(const struct flow *f, enum side from)
{
    return (uint64_t)(uintptr_t)f | from;
}

/* flow_is_followed - is its payload looked at? Then its owner keeps a conversation. */
static inline bool flow_is_followed(const struct flow *f)
{
    return f->stage == FLOW_OPENING || f->stage == FLOW_TALKING;
}

/* flow_move - change the stage. */
void flow_move(struct flow_table *t, struct flow *f, enum flow_stage stage);

/* flow_remove - take it out of the table; `leave` is not called. */
void flow_remove(struct flow_table *t, struct flow *f);

/* flow_expire - give up all flows that have been silent for their stage's time. Cheap where there are none. */
void flow_expire(struct flow_table *t, uint64_t now_ns);

/* flow_drain - give up every flow, in the order in which they began. */
void flow_drain(struct flow_table *t);

/* flow_evict_oldest - give up the longest silent flow of a stage, for room elsewhere. False where there is
 * none. */
bool flow_evict_oldest(struct flow_table *t, enum flow_stage stage);

/* flow_count - flows in a stage. */
uint32_t flow_count(const struct flow_table *t, enum flow_stage stage);

/* flow_evicted - flows given up for room so far. */
uint64_t flow_evicted(const struct flow_table *t);
