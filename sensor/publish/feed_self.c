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
    PERCENT_CAP = 16
};

/* The counters of a run at one moment, as far as they are told. */
struct moment {
    uint64_t packets, bytes, sessions, dropped, gap_bytes, gaps, duplicates, segments, one_sided, truncated,
        evicted, flows;
};

struct feed_self {
    const struct config *config;
    int64_t started_ms;
    char interfaces[INTERFACES_CAP];
    uint64_t sessions;
    uint64_t events, told_events;  /* in batches */
    uint64_t open[SEVERITY_COUNT]; /* alerts */
    bool mirror_bad;
    char mirror[ALERT_RULE_CAP]; /* the rule that says so, the last that was raised */
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

static void put_percent(struct batch *b, const char *name, uint64_t part, uint64_t of)
{
    char text[PERCENT_CAP] = "-1";
    if (of > 0)
        snprintf(text, sizeof text, "%.2f", 100.0 * (double)part / (double)of);
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
    bool about_mirror = strncmp(alert->rule, "mirror_", 7) == 0;
    if (about_mirror) {
        s->mirror_bad = alert->state == ALERT_RAISED;
        memcpy(s->mirror, alert->rule, sizeof s->mirror);
    }
}

void feed_self_count_event(struct feed_self *s)
{
    s->events++;
}

static void moment_of(const struct run_summary *summary, uint64_t sessions, struct moment *out)
{
    const uint64_t *c = summary->counters;
    *out = (struct moment){.packets = c[COUNTER_packets],
                           .bytes = c[COUNTER_bytes],
                           .sessions = sessions,
                           .dropped = summary->kernel_dropped + c[COUNTER_ring_dropped],
                           .gap_bytes = c[COUNTER_gap_bytes],
                           .gaps = c[COUNTER_gaps],
                           .duplicates = c[COUNTER_duplicates],
                           .segments = c[COUNTER_segments],
                           .one_sided = c[COUNTER_flows_one_sided],
                           .truncated = c[COUNTER_truncated],
                           .evicted = c[COUNTER_flows_evicted],
                           .flows = c[COUNTER_flows]};
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

static struct moment since(const struct moment *a, const struct moment *b)
{
    return (struct moment){.packets = a->packets - b->packets,
                           .bytes = a->bytes - b->bytes,
                           .sessions = a->sessions - b->sessions,
                           .dropped = a->dropped - b->dropped,
                           .gap_bytes = a->gap_bytes - b->gap_bytes,
                           .gaps = a->gaps - b->gaps,
                           .duplicates = a->duplicates - b->duplicates,
                           .segments = a->segments - b->segments,
                           .one_sided = a->one_sided - b->one_sided,
                           .truncated = a->truncated - b->truncated,
                           .evicted = a->evicted - b->evicted,
                           .flows = a->flows - b->flows};
}

static void put_sensor(const struct feed_self *s, struct batch *b)
{
    struct moment m = since(&s->now, &s->window);
    begin(b, "sensor", 2 * 22);
    put_text(b, "version", WAXSEAL_VERSION);
    put_text(b, "interface", s->interfaces);
    put_text(b, "profile", profile_info(s->config->profile)->name);
    put_number(b, "started_ms", (uint64_t)s->started_ms);
    put_number(b, "packets", s->now.packets);
    put_number(b, "bytes", s->now.bytes);
    put_number(b, "sessions", s->now.sessions);
    put_percent(b, "drop_pct", m.dropped, m.packets + m.dropped);
    put_percent(b, "gap_pct", m.gap_bytes, m.bytes + m.gap_bytes);
    put_percent(b, "duplicate_pct", m.duplicates, m.segments);
    put_percent(b, "one_sided_pct", m.one_sided, m.flows);
    put_percent(b, "truncated_pct", m.truncated, m.packets);
    put_text(b, "mirror", s->mirror_bad ? s->mirror : "ok");
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

/* Shares are told as their parts, so that the script can add sensors up. */
static void put_gauges(const struct feed_self *s, struct batch *b)
{
    struct moment m = since(&s->now, &s->window);
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
    put_number(b, "dropped", m.dropped);
    put_number(b, "frames_dropped", m.packets + m.dropped);
    put_number(b, "frames", m.packets);
    put_number(b, "gap_bytes", m.gap_bytes);
    put_number(b, "all_bytes", m.bytes + m.gap_bytes);
    put_number(b, "duplicates", m.duplicates);
    put_number(b, "segments", m.segments);
    put_number(b, "one_sided", m.one_sided);
    put_number(b, "flows_seen", m.flows);
    put_number(b, "truncated", m.truncated);
    put_number(b, "mirror_ok", !s->mirror_bad);
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
    put_number(b, "dropped", m.dropped);
    put_number(b, "gap_bytes", m.gap_bytes);
    put_number(b, "gaps", m.gaps);
    put_number(b, "duplicates", m.duplicates);
    put_number(b, "one_sided", m.one_sided);
    put_number(b, "truncated", m.truncated);
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
