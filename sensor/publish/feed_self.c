#include "sensor/publish/feed_self.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sensor/audit/policy.h"
#include "sensor/audit/profile.h"

enum {
    ADVICE_EVERY_MS = 600000,
    WINDOW_MS = 60000, /* percentages reach back one to two of these */
    INTERFACES_CAP = 160,
    MIRROR_TEXT_CAP = 256,
    PERCENT_CAP = 16
};

/* How much of what was of one kind, both since the start. */
struct part {
    uint64_t part, whole;
};

/* The counters of a run at one moment, as far as they are told. */
struct moment {
    uint64_t packets, bytes, sessions, gaps, evicted, flows;
    struct part dropped, missing, duplicates, one_sided, truncated;
};

struct feed_self {
    const struct config *config;
    int64_t started_ms;
    char interfaces[INTERFACES_CAP];
    uint64_t sessions;
    uint64_t events, told_events;       /* in batches */
    uint64_t open[SEVERITY_COUNT];      /* alerts */
    bool mirror_bad[MIRROR_RULE_COUNT]; /* an alert says so */
    struct moment now, told, window, next_window;
    uint64_t window_ms; /* when next_window was taken */
    int64_t minute_ms;  /* of health; -1: none is due */
    struct feed_link link;
    uint64_t lost, told_lost;
    uint64_t advice_ms;
    bool advice_told;
};

/* ---- operations are of a length that is known beforehand ---- */

static void begin(struct batch *b, const char *word, int64_t count)
{
    batch_put_word(b, word);
    batch_put_number(b, count);
}

static void put_number(struct batch *b, const char *name, uint64_t number)
{
    batch_put_word(b, name);
    batch_put_number(b, (int64_t)number);
}

static void put_text(struct batch *b, const char *name, const char *text)
{
    batch_put_word(b, name);
    batch_put_text(b, text);
}

static void put_percent(struct batch *b, const char *name, const struct part *p)
{
    char text[PERCENT_CAP] = "-1";
    if (p->whole > 0)
        snprintf(text, sizeof text, "%.2f", 100.0 * (double)p->part / (double)p->whole);
    batch_put_word(b, name);
    batch_put_word(b, text);
}

/* ---- what is noted ---- */

void feed_self_count_session(struct feed_self *s)
{
    s->sessions++;
}

void feed_self_note_alert(struct feed_self *s, const struct alert *alert)
{
    for (int i = 0; i < MIRROR_RULE_COUNT; i++)
        if (strcmp(alert->rule, mirror_rule_info((enum mirror_rule)i)->id) == 0)
            s->mirror_bad[i] = alert->state == ALERT_RAISED;
}

/* "ok", or the rules that say otherwise. Returns whether all is well. */
static bool mirror_text(const struct feed_self *s, char *text, size_t cap)
{
    size_t used = 0;
    snprintf(text, cap, "ok");
    for (int i = 0; i < MIRROR_RULE_COUNT; i++)
        if (s->mirror_bad[i] && used < cap)
            used += (size_t)snprintf(text + used, cap - used, "%s%s", used > 0 ? "," : "",
                                     mirror_rule_info((enum mirror_rule)i)->id);
    return used == 0;
}

void feed_self_count_event(struct feed_self *s)
{
    s->events++;
}

static struct part part_of(const struct mirror_share *share)
{
    return (struct part){share->part, share->whole};
}

static void moment_of(const struct run_summary *summary, uint64_t sessions, struct moment *out)
{
    const struct mirror_report *mirror = &summary->mirror;
    *out = (struct moment){.packets = summary->counters[COUNTER_packets],
                           .bytes = summary->counters[COUNTER_bytes],
                           .sessions = sessions,
                           .gaps = summary->counters[COUNTER_gaps],
                           .evicted = summary->counters[COUNTER_flows_evicted],
                           .flows = summary->counters[COUNTER_flows],
                           .dropped = part_of(&mirror->dropped),
                           .missing = part_of(&mirror->missing),
                           .duplicates = part_of(&mirror->duplicates),
                           .one_sided = part_of(&mirror->one_sided),
                           .truncated = part_of(&mirror->truncated)};
}

void feed_self_note_run(struct feed_self *s, const struct run_summary *summary, int64_t minute_ms)
{
    moment_of(summary, s->sessions, &s->now);
    s->minute_ms = minute_ms;
    memcpy(s->open, summary->alerts_open, sizeof s->open);
}

void feed_self_note_link(struct feed_self *s, const struct feed_link *link, uint64_t lost, uint64_t now_ms)
{
    s->link = *link;
    s->lost = lost + link->events_lost;
    if (s->config->live && now_ms - s->window_ms >= WINDOW_MS) {
        s->window = s->next_window;
        s->next_window = s->now;
        s->window_ms = now_ms;
    }
}

/* ---- what is told ---- */

static struct part part_since(const struct part *a, const struct part *b)
{
    return (struct part){a->part - b->part, a->whole - b->whole};
}

static struct moment since(const struct moment *a, const struct moment *b)
{
    return (struct moment){.packets = a->packets - b->packets,
                           .bytes = a->bytes - b->bytes,
                           .sessions = a->sessions - b->sessions,
                           .gaps = a->gaps - b->gaps,
                           .evicted = a->evicted - b->evicted,
                           .flows = a->flows - b->flows,
                           .dropped = part_since(&a->dropped, &b->dropped),
                           .missing = part_since(&a->missing, &b->missing),
                           .duplicates = part_since(&a->duplicates, &b->duplicates),
                           .one_sided = part_since(&a->one_sided, &b->one_sided),
                           .truncated = part_since(&a->truncated, &b->truncated)};
}

static void put_sensor(const struct feed_self *s, struct batch *b)
{
    struct moment m = since(&s->now, &s->window);
    char mirror[MIRROR_TEXT_CAP];
    (void)mirror_text(s, mirror, sizeof mirror);
    begin(b, "sensor", 2 * 22);
    put_text(b, "version", WAXSEAL_VERSION);
    put_text(b, "interface", s->interfaces);
    put_text(b, "profile", profile_info(s->config->profile)->name);
    put_number(b, "started_ms", (uint64_t)s->started_ms);
    put_number(b, "packets", s->now.packets);
    put_number(b, "bytes", s->now.bytes);
    put_number(b, "sessions", s->now.sessions);
    put_percent(b, "drop_pct", &m.dropped);
    put_percent(b, "gap_pct", &m.missing);
    put_percent(b, "duplicate_pct", &m.duplicates);
    put_percent(b, "one_sided_pct", &m.one_sided);
    put_percent(b, "truncated_pct", &m.truncated);
    put_text(b, "mirror", mirror);
    put_number(b, "flows", s->now.flows);
    put_number(b, "flows_max", s->config->caps.flows);
    put_number(b, "queue_batches", s->link.queue_batches);
    put_number(b, "spool_bytes", s->link.spool_bytes);
    put_number(b, "batches_applied", s->link.batches_applied);
    put_number(b, "events_lost", s->lost);
    put_number(b, "lag_ms", s->link.lag_ms);
    batch_put_word(b, "rtt_us");
    batch_put_number(b, s->link.rtt_us);
    batch_put_word(b, "clock_offset_ms");
    batch_put_number(b, s->link.clock_offset_ms);
}

static void put_part(struct batch *b, const char *name, const char *whole, const struct part *p)
{
    put_number(b, name, p->part);
    put_number(b, whole, p->whole);
}

/* Shares are told as their parts, so that the script can add sensors up. */
static void put_gauges(const struct feed_self *s, struct batch *b)
{
    struct moment m = since(&s->now, &s->window);
    char mirror[MIRROR_TEXT_CAP];
    uint64_t open = 0;
    for (int i = SEVERITY_INFO; i < SEVERITY_COUNT; i++)
        open += s->open[i];
    begin(b, "gauges", 2 * 19);
    put_number(b, "alerts_open", open);
    put_number(b, "open_info", s->open[SEVERITY_INFO]);
    put_number(b, "open_low", s->open[SEVERITY_LOW]);
    put_number(b, "open_medium", s->open[SEVERITY_MEDIUM]);
    put_number(b, "open_high", s->open[SEVERITY_HIGH]);
    put_number(b, "open_critical", s->open[SEVERITY_CRITICAL]);
    put_part(b, "dropped", "frames_dropped", &m.dropped);
    put_part(b, "truncated", "frames", &m.truncated);
    put_part(b, "gap_bytes", "all_bytes", &m.missing);
    put_part(b, "duplicates", "segments", &m.duplicates);
    put_part(b, "one_sided", "flows_seen", &m.one_sided);
    put_number(b, "mirror_ok", mirror_text(s, mirror, sizeof mirror));
    put_number(b, "events_lost", s->lost);
    put_number(b, "lag_ms", s->link.lag_ms);
}

/* What is told is not told again. */
static void put_health(struct feed_self *s, struct batch *b)
{
    struct moment m = since(&s->now, &s->told);
    if (s->minute_ms < 0)
        return;
    begin(b, "health", 1 + 2 * 20);
    batch_put_number(b, s->minute_ms);
    put_number(b, "packets", m.packets);
    put_number(b, "bytes", m.bytes);
    put_number(b, "sessions", m.sessions);
    put_number(b, "dropped", m.dropped.part);
    put_number(b, "gap_bytes", m.missing.part);
    put_number(b, "gaps", m.gaps);
    put_number(b, "duplicates", m.duplicates.part);
    put_number(b, "one_sided", m.one_sided.part);
    put_number(b, "truncated", m.truncated.part);
    put_number(b, "evicted", m.evicted);
    put_number(b, "events_sent", s->events - s->told_events);
    put_number(b, "events_lost", s->lost - s->told_lost);
    put_number(b, "flows", s->now.flows);
    put_number(b, "flows_max", s->config->caps.flows);
    put_number(b, "queue_batches", s->link.queue_batches);
    put_number(b, "queue_bytes", s->link.queue_bytes);
    put_number(b, "spool_bytes", s->link.spool_bytes);
    put_number(b, "lag_ms", s->link.lag_ms);
    batch_put_word(b, "rtt_us");
    batch_put_number(b, s->link.rtt_us);
    batch_put_word(b, "clock_offset_ms");
    batch_put_number(b, s->link.clock_offset_ms);
    if (b->overflown)
        return;
    s->told = s->now;
    s->told_lost = s->lost;
    s->told_events = s->events;
    s->minute_ms = -1;
}

static void put_advice(struct batch *b)
{
    begin(b, "advice", 2 * RULE_COUNT);
    for (int i = 0; i < RULE_COUNT; i++)
        put_text(b, policy_rule((enum rule)i)->id, policy_rule((enum rule)i)->advice);
}

void feed_self_put(struct feed_self *s, struct batch *b, uint64_t now_ms)
{
    if (!s->advice_told || now_ms - s->advice_ms >= ADVICE_EVERY_MS)
        put_advice(b);
    put_sensor(s, b);
    put_gauges(s, b);
    put_health(s, b);
    if (b->overflown)
        return;
    if (!s->advice_told || now_ms - s->advice_ms >= ADVICE_EVERY_MS)
        s->advice_ms = now_ms;
    s->advice_told = true;
}

/* ---- memory ---- */

static void name_interfaces(struct feed_self *s)
{
    size_t used = 0;
    snprintf(s->interfaces, sizeof s->interfaces, "captures");
    for (size_t i = 0; s->config->live && i < s->config->interface_count; i++) {
        int length = snprintf(s->interfaces + used, sizeof s->interfaces - used, "%s%s", i > 0 ? "," : "",
                              s->config->interfaces[i]);
        if (length < 0 || used + (size_t)length >= sizeof s->interfaces)
            return;
        used += (size_t)length;
    }
}

struct feed_self *feed_self_open(const struct config *config, int64_t started_ms)
{
    struct feed_self *s = calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    s->config = config;
    s->started_ms = started_ms;
    s->minute_ms = -1;
    name_interfaces(s);
    return s;
}

void feed_self_close(struct feed_self *s)
{
    free(s);
}
