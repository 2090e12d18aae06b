#include "sensor/publish/feed_sums.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sensor/audit/house.h"
#include "sensor/audit/rollup.h"
#include "sensor/host/hash.h"

enum {
    MINUTES = 256,
    NAMES = 2048,
    NAME_PLACES = 2 * NAMES, /* of the index: a power of two */
    NAME_CAP = 160,
    NAMES_OF_ONE_EVENT = RULE_COUNT + HOUSE_RULES_MAX + 6,
    MINUTE_MS = 60000,
    HOUR_MS = 3600000
};

enum top { TOP_CIPHER, TOP_GROUP, TOP_SERVER, TOP_RULE, TOP_CLIENT, TOP_ISSUER, TOP_MECHANISM, TOP_COUNT };

static const char *const top_words[TOP_COUNT] = {"cipher", "group",  "server",   "rule",
                                                 "client", "issuer", "mechanism"};

struct minute {
    int64_t start_ms;
    int64_t value[ROLLUP_COUNT];
};

struct name {
    int64_t hour_ms;
    int64_t count;
    enum top top;
    char text[NAME_CAP];
};

struct feed_sums {
    size_t minute_count;
    size_t name_count;
    bool counters_told; /* once also where there is nothing to count: every gauge is there from the start */
    size_t last_minute; /* the one that was found last: most events follow each other */
    struct minute minutes[MINUTES];
    struct name names[NAMES];
    uint16_t places[NAME_PLACES]; /* index in `names` plus one; 0: empty */
};

static int64_t start_of(const struct event *e, int64_t width_ms)
{
    int64_t ms = e->values[EVENT_ts_end].number;
    return ms - ms % width_ms;
}

/* ---- minutes ---- */

/* NULL where there is none. */
static struct minute *find_minute(struct feed_sums *s, int64_t start_ms)
{
    if (s->last_minute < s->minute_count && s->minutes[s->last_minute].start_ms == start_ms)
        return &s->minutes[s->last_minute];
    for (size_t i = 0; i < s->minute_count; i++) {
        if (s->minutes[i].start_ms != start_ms)
            continue;
        s->last_minute = i;
        return &s->minutes[i];
    }
    return NULL;
}

static void add_minute(struct feed_sums *s, const struct event *e)
{
    int64_t start_ms = start_of(e, MINUTE_MS);
    struct minute *m = find_minute(s, start_ms);
    if (m == NULL) {
        m = &s->minutes[s->minute_count++];
        *m = (struct minute){.start_ms = start_ms};
    }
    rollup_add(m->value, e);
}

static bool put_counters(struct batch *b)
{
    struct batch_mark mark = batch_mark(b);
    batch_put_word(b, "counters");
    batch_put_number(b, ROLLUP_COUNT);
    for (int i = 0; i < ROLLUP_COUNT; i++)
        batch_put_word(b, rollup_name((enum rollup_counter)i));
    return !b->overflown || (batch_undo(b, &mark), false);
}

/* Only what is not zero, by its place among the counters, from 1. */
static bool put_minute(struct batch *b, const struct minute *m)
{
    struct batch_mark mark = batch_mark(b);
    int64_t used = 0;
    for (int i = 0; i < ROLLUP_COUNT; i++)
        used += m->value[i] != 0;
    batch_put_word(b, "roll");
    batch_put_number(b, 1 + 2 * used);
    batch_put_number(b, m->start_ms);
    for (int i = 0; i < ROLLUP_COUNT; i++) {
        if (m->value[i] == 0)
            continue;
        batch_put_number(b, i + 1);
        batch_put_number(b, m->value[i]);
    }
    return !b->overflown || (batch_undo(b, &mark), false);
}

static bool put_minutes(struct feed_sums *s, struct batch *b)
{
    size_t done = 0;
    if ((s->minute_count > 0 || !s->counters_told) && !put_counters(b))
        return false;
    s->counters_told = true;
    while (done < s->minute_count && put_minute(b, &s->minutes[done]))
        done++;
    memmove(s->minutes, s->minutes + done, (s->minute_count - done) * sizeof s->minutes[0]);
    s->minute_count -= done;
    return s->minute_count == 0;
}

/* ---- names ---- */

/* The place of a name, or the empty one where it would go. The order in which names came is kept in `names`. */
static uint16_t *place_of(struct feed_sums *s, enum top top, int64_t hour_ms, const char *text)
{
    uint64_t hash = hash_bytes((uint64_t)hour_ms ^ (uint64_t)top << 56, span_text(text));
    for (size_t i = (hash >> 20) % NAME_PLACES;; i = (i + 1) % NAME_PLACES) {
        const struct name *n = &s->names[s->places[i] - (s->places[i] > 0)];
        if (s->places[i] == 0 || (n->top == top && n->hour_ms == hour_ms && strcmp(n->text, text) == 0))
            return &s->places[i];
    }
}

static void add_name(struct feed_sums *s, enum top top, int64_t hour_ms, const char *text)
{
    char cut[NAME_CAP];
    if (text[0] == '\0')
        return;
    size_t length = strnlen(text, sizeof cut - 1);
    memcpy(cut, text, length);
    cut[length] = '\0';
    uint16_t *place = place_of(s, top, hour_ms, cut);
    if (*place == 0) {
        struct name *n = &s->names[s->name_count++];
        *n = (struct name){.hour_ms = hour_ms, .top = top};
        memcpy(n->text, cut, length + 1);
        *place = (uint16_t)s->name_count;
    }
    s->names[*place - 1].count++;
}

static void add_findings(struct feed_sums *s, const struct event *e, int64_t hour_ms)
{
    const struct judgement *j = e->judgement;
    for (size_t i = 0; i < j->finding_count; i++)
        add_name(s, TOP_RULE, hour_ms, policy_rule(j->findings[i].rule)->id);
    for (size_t i = 0; i < HOUSE_RULES_MAX && j->own >> i != 0; i++)
        if ((j->own >> i & 1) != 0)
            add_name(s, TOP_RULE, hour_ms, j->own_rules[i].id);
    if (j->worst < SEVERITY_MEDIUM)
        return;
    char server[NAME_CAP];
    snprintf(server, sizeof server, "%s:%u", e->values[EVENT_server_ip].text, e->session->server_port);
    add_name(s, TOP_SERVER, hour_ms, server);
    add_name(s, TOP_CLIENT, hour_ms, e->values[EVENT_client_ip].text);
}

static void add_names(struct feed_sums *s, const struct event *e)
{
    int64_t hour_ms = start_of(e, HOUR_MS);
    add_name(s, TOP_CIPHER, hour_ms, e->values[EVENT_cipher].text);
    add_name(s, TOP_GROUP, hour_ms, e->values[EVENT_group].text);
    add_name(s, TOP_ISSUER, hour_ms, e->values[EVENT_cert_issuer].text);
    if (strcmp(e->values[EVENT_auth].text, "cleartext") == 0)
        add_name(s, TOP_MECHANISM, hour_ms, e->values[EVENT_auth_mechanism].text);
    add_findings(s, e, hour_ms);
}

/* All names of one list and hour, in the order in which they came; their counts become 0. */
static bool put_names_of(struct feed_sums *s, struct batch *b, size_t first)
{
    enum top top = s->names[first].top;
    int64_t hour_ms = s->names[first].hour_ms;
    int64_t found = 0;
    for (size_t i = first; i < s->name_count; i++)
        found += s->names[i].count > 0 && s->names[i].top == top && s->names[i].hour_ms == hour_ms;
    struct batch_mark mark = batch_mark(b);
    batch_put_word(b, "top");
    batch_put_number(b, 2 + 2 * found);
    batch_put_word(b, top_words[top]);
    batch_put_number(b, hour_ms);
    for (size_t i = first; i < s->name_count; i++) {
        const struct name *n = &s->names[i];
        if (n->count == 0 || n->top != top || n->hour_ms != hour_ms)
            continue;
        batch_put_text(b, n->text);
        batch_put_number(b, n->count);
    }
    if (b->overflown) {
        batch_undo(b, &mark);
        return false;
    }
    for (size_t i = first; i < s->name_count; i++)
        if (s->names[i].top == top && s->names[i].hour_ms == hour_ms)
            s->names[i].count = 0;
    return true;
}

static bool put_names(struct feed_sums *s, struct batch *b)
{
    for (size_t i = 0; i < s->name_count; i++)
        if (s->names[i].count > 0 && !put_names_of(s, b, i))
            return false;
    s->name_count = 0;
    memset(s->places, 0, sizeof s->places);
    return true;
}

/* ---- */

struct feed_sums *feed_sums_open(void)
{
    return calloc(1, sizeof(struct feed_sums));
}

void feed_sums_close(struct feed_sums *s)
{
    free(s);
}

bool feed_sums_room(const struct feed_sums *s)
{
    return s->minute_count < MINUTES && s->name_count + NAMES_OF_ONE_EVENT <= NAMES;
}

void feed_sums_add(struct feed_sums *s, const struct event *e)
{
    add_minute(s, e);
    add_names(s, e);
}

bool feed_sums_put(struct feed_sums *s, struct batch *b)
{
    return put_minutes(s, b) && put_names(s, b);
}
