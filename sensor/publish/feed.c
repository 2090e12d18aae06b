#include "sensor/publish/feed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sensor/host/hash.h"
#include "sensor/publish/feed_records.h"
#include "sensor/publish/feed_self.h"
#include "sensor/publish/feed_sums.h"

enum {
    BATCH_EVENTS = 128,                 /* about 256 KiB: Redis is busy with it for some 10 ms */
    BATCH_FILLED = BATCH_CAP_BYTES / 2, /* events stop here: the rest is for what is added up */
    CLOSE_AFTER_MS = 500,               /* what is not in a batch yet is lost with the process */
    IDLE_BEAT_MS = 5000,
    HEARTBEAT_S = 15, /* three beats */
    MINUTE_MS = 60000,
    LIVE_BEHIND_MS = 5000 /* live and idle: what is older has been seen */
};

struct feed {
    const struct config *config;
    struct feed_output output;
    struct feed_sums *sums;
    struct feed_records *records;
    struct feed_self *self;
    struct batch *batch; /* being filled; NULL: none could be had, or none is needed yet */
    bool fields_put;     /* in this batch */
    bool something;      /* gathered since the last batch was closed */
    uint64_t opened_ms;  /* when that began */
    uint64_t closed_ms;
    uint64_t now_ms;
    int64_t wall_ms;
    int64_t newest_ms; /* event time; -1: none */
    uint64_t lost;
};

/* ---- batches ---- */

static void put_limits(const struct feed *f, struct batch *b)
{
    batch_put_word(b, "limits");
    batch_put_number(b, 3);
    batch_put_number(b, (int64_t)f->config->redis_events_cap);
    batch_put_number(b, (int64_t)f->config->redis_alerts_cap);
    batch_put_number(b, HEARTBEAT_S);
}

static bool have_batch(struct feed *f)
{
    if (f->batch == NULL) {
        f->batch = f->output.take(f->output.state);
        f->fields_put = false;
        if (f->batch != NULL)
            put_limits(f, f->batch);
    }
    return f->batch != NULL;
}

static void hand_over(struct feed *f)
{
    f->output.put(f->output.state, f->batch);
    f->batch = NULL;
}

/* Puts what `put` has into this batch and as many more as it takes. False where none can be had. */
static bool put_all(struct feed *f, bool (*put)(void *table, struct batch *b), void *table)
{
    while (have_batch(f)) {
        if (put(table, f->batch))
            return true;
        hand_over(f);
    }
    return false;
}

static bool put_sums(void *table, struct batch *b)
{
    return feed_sums_put(table, b);
}

static bool put_records(void *table, struct batch *b)
{
    return feed_records_put(table, b);
}

/* Before it everything has been sent. Live, time also passes where nothing happens. */
static int64_t mark_of(const struct feed *f)
{
    int64_t idle_ms = f->config->live ? f->wall_ms - LIVE_BEHIND_MS : -1;
    return f->newest_ms > idle_ms ? f->newest_ms : idle_ms;
}

static void put_mark(const struct feed *f, struct batch *b)
{
    int64_t mark_ms = mark_of(f);
    if (mark_ms < 0)
        return;
    batch_put_word(b, "mark");
    batch_put_number(b, 2);
    batch_put_number(b, mark_ms);
    batch_put_number(b, mark_ms);
}

static bool put_self(void *table, struct batch *b)
{
    struct feed *f = table;
    struct batch_mark mark = batch_mark(b);
    feed_self_put(f->self, b, f->now_ms);
    batch_put_word(b, "heartbeat");
    batch_put_number(b, 1);
    batch_put_number(b, HEARTBEAT_S);
    put_mark(f, b);
    return !b->overflown || (batch_undo(b, &mark), false);
}

/* What comes last has its place after all that it speaks of. Returns whether everything went out. */
static bool put_everything(struct feed *f)
{
    return put_all(f, put_sums, f->sums) && put_all(f, put_records, f->records) && put_all(f, put_self, f);
}

static void close_batch(struct feed *f)
{
    struct feed_link link = {.rtt_us = -1};
    f->output.link(f->output.state, &link);
    feed_self_note_link(f->self, &link, f->lost, f->now_ms);
    if (put_everything(f)) {
        hand_over(f);
        f->something = false;
    }
    f->closed_ms = f->now_ms;
}

static void note_something(struct feed *f)
{
    if (!f->something)
        f->opened_ms = f->now_ms;
    f->something = true;
}

/* ---- session events ---- */

/* By the id alone, so that the choice is the same in every run and with every number of workers. */
static bool is_chosen(const struct config *c, const struct event *e)
{
    switch (c->redis_events) {
    case CONFIG_EVENTS_ALL: return true;
    case CONFIG_EVENTS_FINDINGS: return e->judgement->worst > SEVERITY_NONE;
    case CONFIG_EVENTS_ONE_IN:
        return (hash_bytes(0, span_text(e->values[EVENT_id].text)) >> 16) % c->redis_events_one_in == 0;
    }
    return true;
}

static void put_fields(struct feed *f)
{
    batch_put_word(f->batch, "fields");
    batch_put_number(f->batch, EVENT_FIELD_COUNT);
    for (int i = 0; i < EVENT_FIELD_COUNT; i++)
        batch_put_word(f->batch, event_field_name((enum event_field)i));
}

static bool put_event(struct feed *f, const struct event *e)
{
    struct batch *b = f->batch;
    struct batch_mark mark = batch_mark(b);
    if (!f->fields_put)
        put_fields(f);
    batch_put_word(b, "event");
    batch_put_number(b, 1 + EVENT_FIELD_COUNT);
    batch_put_number(b, e->values[EVENT_ts_end].number);
    for (int i = 0; i < EVENT_FIELD_COUNT; i++) {
        if (event_field_kind((enum event_field)i) == EVENT_NUMBER)
            batch_put_number(b, e->values[i].number);
        else
            batch_put_text(b, e->values[i].text);
    }
    if (b->overflown) {
        batch_undo(b, &mark);
        return false;
    }
    f->fields_put = true;
    b->events++;
    feed_self_count_event(f->self);
    return true;
}

static void add_event(struct feed *f, const struct event *e)
{
    if (!is_chosen(f->config, e))
        return;
    if (!have_batch(f) || !put_event(f, e))
        f->lost++;
    else if (f->batch->events >= BATCH_EVENTS || f->batch->bytes >= BATCH_FILLED)
        close_batch(f);
}

void feed_event(struct feed *f, const struct event *e)
{
    note_something(f);
    if (e->session->final) { /* an interim account counts nothing: its session comes again */
        if (!feed_sums_room(f->sums) || !feed_records_room(f->records))
            close_batch(f);
        if (feed_sums_room(f->sums))
            feed_sums_add(f->sums, e);
        if (feed_records_room(f->records))
            feed_records_add(f->records, e);
        feed_self_count_session(f->self);
    }
    if (e->values[EVENT_ts_end].number > f->newest_ms)
        f->newest_ms = e->values[EVENT_ts_end].number;
    add_event(f, e);
}

/* ---- alerts ---- */

static void put_pair(struct batch *b, const char *name, int64_t number)
{
    batch_put_word(b, name);
    batch_put_number(b, number);
}

static void put_text_pair(struct batch *b, const char *name, const char *text)
{
    batch_put_word(b, name);
    batch_put_text(b, text);
}

static bool put_alert(const struct feed *f, struct batch *b, const struct alert *a)
{
    enum { PAIRS = 20 };
    bool cleared = a->state == ALERT_CLEARED;
    struct batch_mark mark = batch_mark(b);
    batch_put_word(b, "alert");
    batch_put_number(b, 1 + 2 * PAIRS);
    batch_put_number(b, a->last_ms);
    put_text_pair(b, "event", "alert");
    put_text_pair(b, "state", cleared ? "cleared" : "raised");
    put_text_pair(b, "rule", a->rule);
    put_text_pair(b, "severity", policy_severity_word(a->severity));
    put_pair(b, "sev", (int64_t)a->severity);
    put_text_pair(b, "server_ip", a->server_ip);
    put_pair(b, "server_port", a->server_ip[0] != '\0' ? a->server_port : -1);
    put_text_pair(b, "server_name", a->server_name);
    put_text_pair(b, "client_ip", a->client_ip);
    put_text_pair(b, "protocol", a->protocol);
    put_text_pair(b, "role", a->role);
    put_pair(b, "first_ts", a->first_ms);
    put_pair(b, "last_ts", a->last_ms);
    put_pair(b, "hits", (int64_t)a->hits);
    put_text_pair(b, "session", a->session);
    put_text_pair(b, "detail", a->detail);
    put_text_pair(b, "advice", a->advice);
    put_text_pair(b, "site", f->config->site);
    put_text_pair(b, "sensor", f->config->sensor);
    put_pair(b, "open_ms", cleared ? a->last_ms - a->first_ms : 0);
    return !b->overflown || (batch_undo(b, &mark), false);
}

void feed_alert(struct feed *f, const struct alert *alert)
{
    note_something(f);
    feed_self_note_alert(f->self, alert);
    if (have_batch(f) && put_alert(f, f->batch, alert))
        return;
    if (f->batch != NULL)
        close_batch(f);
    if (!have_batch(f) || !put_alert(f, f->batch, alert))
        f->lost++;
}

/* ---- the sensor, and time ---- */

void feed_status(struct feed *f, const struct run_summary *summary)
{
    int64_t minute_ms = mark_of(f) - mark_of(f) % MINUTE_MS;
    feed_self_note_run(f->self, summary, f->config->live ? minute_ms : -1);
}

void feed_tick(struct feed *f, uint64_t now_ms, int64_t wall_ms)
{
    f->now_ms = now_ms;
    f->wall_ms = wall_ms;
    bool full_second = f->something && now_ms - f->opened_ms >= CLOSE_AFTER_MS;
    if (full_second || now_ms - f->closed_ms >= IDLE_BEAT_MS)
        close_batch(f);
}

static bool put_finish(void *table, struct batch *b)
{
    (void)table;
    struct batch_mark mark = batch_mark(b);
    batch_put_word(b, "finish");
    batch_put_number(b, 0);
    return !b->overflown || (batch_undo(b, &mark), false);
}

void feed_finish(struct feed *f, const struct run_summary *summary, int64_t wall_ms)
{
    struct feed_link link = {.rtt_us = -1};
    f->wall_ms = wall_ms;
    int64_t newest_ms = f->newest_ms >= 0 ? f->newest_ms : wall_ms;
    feed_self_note_run(f->self, summary, newest_ms - newest_ms % MINUTE_MS);
    f->output.link(f->output.state, &link);
    feed_self_note_link(f->self, &link, f->lost, f->now_ms);
    if (put_everything(f) && put_all(f, put_finish, f))
        hand_over(f);
    else if (f->batch != NULL)
        hand_over(f);
}

uint64_t feed_skipped(const struct feed *f)
{
    return feed_records_skipped(f->records);
}

uint64_t feed_lost(const struct feed *f)
{
    return f->lost;
}

/* ---- memory ---- */

struct feed *feed_open(const struct config *config, const struct feed_output *output, int64_t started_ms)
{
    struct feed *f = calloc(1, sizeof *f);
    if (f == NULL)
        return NULL;
    *f = (struct feed){.config = config, .output = *output, .newest_ms = -1, .wall_ms = started_ms};
    f->sums = feed_sums_open();
    f->records = feed_records_open(config->sensor, config->redis_clients_a_second);
    f->self = feed_self_open(config, started_ms);
    if (f->sums != NULL && f->records != NULL && f->self != NULL)
        return f;
    feed_close(f);
    return NULL;
}

void feed_close(struct feed *f)
{
    if (f == NULL)
        return;
    feed_sums_close(f->sums);
    feed_records_close(f->records);
    feed_self_close(f->self);
    free(f);
}
