/* mirror.h - how good is what the mirror delivers?
 *
 * Counters of the capture are compared over a stretch of packet time: shares, each with what it is a share of, and
 * what is worth a finding. Nothing here runs for each packet but mirror_note, a few instructions; the rest is
 * arithmetic on counters, by whoever wants to know and whenever. A share of too little is unknown, never zero. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sensor/capture/decode.h"
#include "sensor/host/counters.h"

enum mirror_rule {
#define MIRROR_RULE(id, severity, sources, wire, advice) MIRROR_##id,
#include "sensor/capture/mirror.def"
#undef MIRROR_RULE
    MIRROR_RULE_COUNT
};

struct mirror_rule_info {
    const char *id;       /* "mirror_one_sided" */
    const char *severity; /* the word, whatever the role */
    const char *sources;
    const char *wire;
    const char *advice;
};

/* From how much on a finding is raised. */
struct mirror_limits {
    uint32_t window_s; /* stretch of packet time */
    uint32_t least_packets;
    uint32_t least_connections; /* with fewer a share is unknown */
    uint32_t one_sided_permille;
    uint32_t duplicates_permille;
    uint32_t loss_permille;
    uint32_t truncated_permille;
    uint32_t offload_permille;
    uint32_t clock_jumps;
    uint32_t mtu_bytes; /* of the mirrored links */
};

enum { MIRROR_VLANS = 4096 };

/* What the capture notes of its packets beside the counters; all zero is a valid start. */
struct mirror_marks {
    uint64_t last_ns;
    uint64_t vlans[MIRROR_VLANS / 64]; /* a bit for each VLAN id that was seen, outermost ones */
    uint32_t tunnels;                  /* a bit for each enum tunnel */
    uint32_t largest_packet_bytes;     /* IP */
};

/* Everything there is to compare, as of one moment. */
struct mirror_counts {
    struct counters counters;
    struct mirror_marks marks;
    uint64_t kernel_dropped;
};

struct mirror_share {
    uint64_t part;
    uint64_t whole;
    bool known; /* the whole is large enough */
};

struct mirror_report {
    uint64_t from_ns; /* packet time */
    uint64_t to_ns;
    uint64_t packets;
    struct mirror_share one_sided;  /* of connections with payload */
    struct mirror_share duplicates; /* of segments of mail, the same packet twice */
    struct mirror_share repeated;   /* ... sent again by their sender */
    struct mirror_share dropped;    /* of packets, by the kernel or the interface */
    struct mirror_share missing;    /* of octets of payload */
    struct mirror_share truncated;  /* of packets */
    struct mirror_share offloaded;  /* of segments, larger than the MTU */
    uint64_t clock_backwards;
    uint64_t clock_forwards;   /* or an hour of silence: no finding */
    struct mirror_marks marks; /* since the start */
    uint32_t findings;         /* a bit for each enum mirror_rule */
};

/* mirror_limits_default - as documented in deploy/waxseal.yaml. */
void mirror_limits_default(struct mirror_limits *limits);

/* mirror_note - note a packet of a capture: its time. mirror_note_size, mirror_note_layers - of a TCP segment: how
 * large the packet was; in what it came. */
static inline void mirror_note(struct mirror_marks *m, struct counters *c, uint64_t time_ns)
{
    static const uint64_t BACK_NS = 1000000000; /* less is the reordering of parallel queues */
    static const uint64_t FORWARD_NS = UINT64_C(3600) * 1000000000;
    if (time_ns + BACK_NS < m->last_ns)
        counter_add(c, COUNTER_clock_backwards, 1);
    else if (time_ns > m->last_ns + FORWARD_NS && m->last_ns != 0)
        counter_add(c, COUNTER_clock_forwards, 1);
    m->last_ns = time_ns;
}

static inline void mirror_note_size(struct mirror_marks *m, struct counters *c, const struct segment *s,
                                    uint32_t mtu_bytes)
{
    uint32_t bytes = (uint32_t)s->packet.n + s->missing;
    if (bytes > m->largest_packet_bytes)
        m->largest_packet_bytes = bytes;
    if (bytes > mtu_bytes)
        counter_add(c, COUNTER_oversize, 1);
}

static inline void mirror_note_layers(struct mirror_marks *m, const struct segment *s)
{
    if (s->vlan >= 0)
        m->vlans[s->vlan / 64] |= UINT64_C(1) << s->vlan % 64;
    m->tunnels |= UINT32_C(1) << s->tunnel;
}

/* mirror_compare - what happened between two moments.
 *
 * before   of the same capture, or NULL for its start
 * report   out; from_ns and to_ns are the caller's to fill in */
void mirror_compare(const struct mirror_counts *before, const struct mirror_counts *after,
                    const struct mirror_limits *limits, struct mirror_report *report);

/* mirror_add - add the counts of another capture (or of another part of the same one) to *sum. */
void mirror_add(struct mirror_counts *sum, const struct mirror_counts *more);

/* mirror_share_of - 0 to 1, or -1 where it is unknown. */
double mirror_share_of(const struct mirror_share *share);

/* mirror_found - is the finding in the report? mirror_rule_info - its row of mirror.def. */
bool mirror_found(const struct mirror_report *report, enum mirror_rule rule);
const struct mirror_rule_info *mirror_rule_info(enum mirror_rule rule);

/* mirror_say - the figures behind a finding: "43.1 % of 1203 connections". Returns text.
 * text   room of n bytes */
const char *mirror_say(const struct mirror_report *report, enum mirror_rule rule, char *text, size_t n);
