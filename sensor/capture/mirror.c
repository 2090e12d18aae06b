#include "sensor/capture/mirror.h"

#include <inttypes.h>
#include <stdio.h>

static const struct mirror_rule_info infos[MIRROR_RULE_COUNT] = {
#define MIRROR_RULE(id, severity, sources, wire, advice) {"mirror_" #id, severity, sources, wire, advice},
#include "sensor/capture/mirror.def"
#undef MIRROR_RULE
};

void mirror_limits_default(struct mirror_limits *limits)
{
    *limits = (struct mirror_limits){.window_s = 60,
                                     .least_packets = 1000,
                                     .least_connections = 20,
                                     .one_sided_permille = 100,
                                     .duplicates_permille = 20,
                                     .loss_permille = 1,
                                     .truncated_permille = 1,
                                     .offload_permille = 1,
                                     .clock_jumps = 1,
                                     .mtu_bytes = 1500};
}

/* A counter that a reader of another thread saw a moment apart may seem to have gone back. */
static uint64_t grown(const struct mirror_counts *before, const struct mirror_counts *after,
                      enum counter which)
{
    uint64_t was = before != NULL ? before->counters.value[which] : 0;
    uint64_t is = after->counters.value[which];
    return is > was ? is - was : 0;
}

static struct mirror_share share(uint64_t part, uint64_t whole, uint64_t least)
{
    return (struct mirror_share){
        .part = part < whole ? part : whole, .whole = whole, .known = whole > 0 && whole >= least};
}

static bool exceeds(const struct mirror_share *s, uint32_t permille)
{
    return s->known && s->part > 0 && s->part * 1000 >= s->whole * permille;
}

static uint32_t found(const struct mirror_report *r, const struct mirror_limits *limits)
{
    const bool hit[MIRROR_RULE_COUNT] = {
        [MIRROR_one_sided] = exceeds(&r->one_sided, limits->one_sided_permille),
        [MIRROR_duplicates] = exceeds(&r->duplicates, limits->duplicates_permille),
        [MIRROR_loss] = exceeds(&r->dropped, limits->loss_permille) ||
                        exceeds(&r->missing, limits->loss_permille),
        [MIRROR_truncated] = exceeds(&r->truncated, limits->truncated_permille),
        [MIRROR_clock] = r->clock_backwards >= limits->clock_jumps,
        [MIRROR_offload] = exceeds(&r->offloaded, limits->offload_permille)};
    uint32_t findings = 0;
    for (unsigned rule = 0; rule < MIRROR_RULE_COUNT; rule++)
        findings |= (uint32_t)hit[rule] << rule;
    return findings;
}

/* What a known connection skipped and was filled later was only out of order. */
static uint64_t missing_bytes(const struct mirror_counts *before, const struct mirror_counts *after)
{
    uint64_t skipped = grown(before, after, COUNTER_skipped_bytes);
    uint64_t filled = grown(before, after, COUNTER_filled_bytes);
    return grown(before, after, COUNTER_gap_bytes) + (skipped > filled ? skipped - filled : 0);
}

void mirror_compare(const struct mirror_counts *before, const struct mirror_counts *after,
                    const struct mirror_limits *limits, struct mirror_report *r)
{
#define GROWN(which) grown(before, after, COUNTER_##which)
    uint64_t dropped_before = before != NULL ? before->kernel_dropped : 0;
    uint64_t dropped = after->kernel_dropped > dropped_before ? after->kernel_dropped - dropped_before : 0;
    uint64_t segments = GROWN(tracked) + GROWN(duplicates);
    uint64_t missing = missing_bytes(before, after);
    uint64_t least = limits->least_packets;
    *r = (struct mirror_report){.packets = GROWN(packets)};
    r->one_sided = share(GROWN(flows_judged_one_sided), GROWN(flows_judged), limits->least_connections);
    r->duplicates = share(GROWN(duplicates), segments, least);
    r->repeated = share(GROWN(retransmissions), segments, least);
    r->dropped = share(dropped, r->packets + dropped, least);
    r->missing = share(missing, GROWN(payload_bytes) + missing, least);
    r->truncated = share(GROWN(truncated), r->packets, least);
    r->offloaded = share(GROWN(oversize), GROWN(segments), least);
    r->clock_backwards = GROWN(clock_backwards);
    r->clock_forwards = GROWN(clock_forwards);
    r->marks = after->marks;
    r->findings = found(r, limits);
#undef GROWN
}

void mirror_add(struct mirror_counts *sum, const struct mirror_counts *more)
{
    for (size_t i = 0; i < COUNTER_COUNT; i++)
        sum->counters.value[i] += more->counters.value[i];
    for (size_t i = 0; i < MIRROR_VLANS / 64; i++)
        sum->marks.vlans[i] |= more->marks.vlans[i];
    sum->marks.tunnels |= more->marks.tunnels;
    if (more->marks.largest_packet_bytes > sum->marks.largest_packet_bytes)
        sum->marks.largest_packet_bytes = more->marks.largest_packet_bytes;
    if (more->marks.last_ns > sum->marks.last_ns)
        sum->marks.last_ns = more->marks.last_ns;
    sum->kernel_dropped += more->kernel_dropped;
}

double mirror_share_of(const struct mirror_share *s)
{
    return s->known ? (double)s->part / (double)s->whole : -1;
}

bool mirror_found(const struct mirror_report *report, enum mirror_rule rule)
{
    return report->findings >> rule & 1;
}

const struct mirror_rule_info *mirror_rule_info(enum mirror_rule rule)
{
    return &infos[rule];
}

static void say_share(const struct mirror_share *s, const char *what, char *text, size_t n)
{
    double percent = s->whole > 0 ? 100.0 * (double)s->part / (double)s->whole : 0;
    (void)snprintf(text, n, "%.*f %% of %" PRIu64 " %s", percent < 1 ? 2 : 1, percent, s->whole, what);
}

const char *mirror_say(const struct mirror_report *r, enum mirror_rule rule, char *text, size_t n)
{
    text[0] = '\0';
    switch (rule) {
    case MIRROR_one_sided: say_share(&r->one_sided, "connections", text, n); break;
    case MIRROR_duplicates: say_share(&r->duplicates, "segments", text, n); break;
    case MIRROR_loss:
        if (r->dropped.part > 0)
            say_share(&r->dropped, "packets dropped", text, n);
        else
            say_share(&r->missing, "octets of payload missing", text, n);
        break;
    case MIRROR_truncated: say_share(&r->truncated, "packets", text, n); break;
    case MIRROR_clock:
        (void)snprintf(text, n, "%" PRIu64 " steps back, %" PRIu64 " forward", r->clock_backwards,
                       r->clock_forwards);
        break;
    case MIRROR_offload: say_share(&r->offloaded, "segments", text, n); break;
    case MIRROR_RULE_COUNT: break;
    }
    return text;
}
