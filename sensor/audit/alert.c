#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sensor/audit/alert_parts.h"
#include "sensor/audit/house.h"
#include "sensor/host/hash.h"

enum {
    MINUTE_MS = 60000,
    LOOK_EVERY_MS = 1000, /* of event time, for what has not been seen for long */
    NS_PER_MS = 1000000,
    NOTHING = -1
};

static const char suppressed_rule[] = "alerts_suppressed";

static int64_t clear_after_ms(const struct alerts *a)
{
    return (int64_t)a->limits.clear_after_s * 1000;
}

/* ---- the table ---- */

/* Of a server, once for all that is found in a session; then of a rule there. */
static uint64_t server_hash(const char *server_ip, uint16_t port)
{
    return hash_bytes(port, span_text(server_ip));
}

static uint64_t hash_of(const char *rule, uint64_t server)
{
    return hash_bytes(server, span_text(rule));
}

static int32_t *head_of(const struct alerts *a, uint64_t hash)
{
    return &a->heads[hash >> 20 & a->head_mask];
}

static struct alert *alert_of(const struct alerts *a, const struct alert_entry *e)
{
    return &a->told[e - a->entries];
}

static struct alert_entry *find(const struct alerts *a, uint64_t hash, const char *rule,
                                const char *server_ip, uint16_t port)
{
    for (int32_t i = *head_of(a, hash); i != NOTHING; i = a->entries[i].next) {
        const struct alert *alert = &a->told[i];
        if (a->entries[i].hash == hash && alert->server_port == port && strcmp(alert->rule, rule) == 0 &&
            strcmp(alert->server_ip, server_ip) == 0)
            return &a->entries[i];
    }
    return NULL;
}

static void unlink_entry(struct alerts *a, struct alert_entry *e)
{
    int32_t index = (int32_t)(e - a->entries);
    int32_t *at = head_of(a, e->hash);
    while (*at != index)
        at = &a->entries[*at].next;
    *at = e->next;
    e->next = a->free;
    e->open = false;
    a->free = index;
    a->open[alert_of(a, e)->severity]--;
}

/* NULL where none is free. */
static struct alert_entry *take_entry(struct alerts *a)
{
    if (a->free != NOTHING) {
        struct alert_entry *e = &a->entries[a->free];
        a->free = e->next;
        return e;
    }
    return a->used < a->limits.open ? &a->entries[a->used++] : NULL;
}

static bool goes_before(const struct alert *a, const struct alert *b)
{
    if (a->severity != b->severity)
        return a->severity < b->severity;
    return a->last_ms < b->last_ms;
}

/* ---- handing out ---- */

static void clear(struct alerts *a, struct alert_entry *e)
{
    alert_of(a, e)->state = ALERT_CLEARED;
    if (e->handed)
        a->hand(a->context, alert_of(a, e));
    unlink_entry(a, e);
}

/* One line for all that exceeded the bound in a minute. */
static void tell_suppressed(struct alerts *a)
{
    struct alert told = {
        .state = ALERT_RAISED,
        .severity = a->suppressed_worst,
        .protocol = "",
        .role = "",
        .first_ms = a->minute * MINUTE_MS,
        .last_ms = a->minute * MINUTE_MS + MINUTE_MS - 1,
        .hits = a->suppressed_this_minute,
        .advice = "Look at the servers with the worst findings: many began to show them at once."};
    memcpy(told.rule, suppressed_rule, sizeof suppressed_rule);
    snprintf(told.detail, sizeof told.detail,
             "%" PRIu64 " more alerts were opened within a minute and are not told one by one",
             a->suppressed_this_minute);
    a->suppressed_this_minute = 0;
    a->suppressed_worst = SEVERITY_NONE;
    a->hand(a->context, &told);
}

static void enter_minute(struct alerts *a, int64_t now_ms)
{
    int64_t minute = now_ms / MINUTE_MS;
    if (minute <= a->minute) /* sessions end a little out of order: they belong to the minute that runs */
        return;
    if (a->suppressed_this_minute > 0)
        tell_suppressed(a);
    a->minute = minute;
    a->raised = 0;
}

static void hand_raised(struct alerts *a, struct alert_entry *e)
{
    e->handed = a->raised < a->limits.raised_a_minute;
    if (e->handed) {
        a->raised++;
        a->hand(a->context, alert_of(a, e));
        return;
    }
    a->suppressed++;
    a->suppressed_this_minute++;
    if (alert_of(a, e)->severity > a->suppressed_worst)
        a->suppressed_worst = alert_of(a, e)->severity;
}

/* Room for an alert of this severity: the least severe, then the least recent is given up, which may be the new one. */
static struct alert_entry *make_room(struct alerts *a, enum severity severity)
{
    struct alert_entry *e = take_entry(a);
    if (e != NULL)
        return e;
    const struct alert *victim = &a->told[0];
    for (uint32_t i = 1; i < a->limits.open; i++)
        if (goes_before(&a->told[i], victim))
            victim = &a->told[i];
    a->given_up++;
    if (victim->severity > severity)
        return NULL;
    clear(a, &a->entries[victim - a->told]);
    return take_entry(a);
}

struct alert_entry *alerts_enter(struct alerts *a, const char *rule, enum severity severity,
                                 const char *server_ip, uint16_t port, int64_t ms)
{
    struct alert_entry *e = make_room(a, severity);
    if (e == NULL)
        return NULL;
    uint64_t hash = hash_of(rule, server_hash(server_ip, port));
    int32_t *head = head_of(a, hash);
    *e = (struct alert_entry){.hash = hash, .next = *head, .open = true};
    *head = (int32_t)(e - a->entries);
    struct alert *alert = alert_of(a, e);
    *alert = (struct alert){.state = ALERT_RAISED,
                            .severity = severity,
                            .server_port = port,
                            .protocol = "",
                            .role = "",
                            .first_ms = ms,
                            .last_ms = ms,
                            .hits = 1,
                            .advice = ""};
    alerts_copy_text(alert->rule, sizeof alert->rule, rule);
    alerts_copy_text(alert->server_ip, sizeof alert->server_ip, server_ip);
    a->open[severity]++;
    int64_t clear_at_ms = ms + clear_after_ms(a);
    if (clear_at_ms < a->look_at_ms)
        a->look_at_ms = clear_at_ms;
    return e;
}

static void see_again(struct alerts *a, struct alert *alert, enum severity severity, int64_t ms, bool counts)
{
    alert->hits += counts;
    if (ms > alert->last_ms)
        alert->last_ms = ms;
    if (ms < alert->first_ms)
        alert->first_ms = ms;
    if (severity <= alert->severity)
        return;
    a->open[alert->severity]--; /* it has become worse, and keeps that: a server has several roles */
    a->open[severity]++;
    alert->severity = severity;
}

/* ---- what is noted ---- */

static void note(struct alerts *a, const struct event *event, uint64_t server, const char *rule,
                 enum severity severity, const char *detail, const char *advice)
{
    const struct session *s = event->session;
    const char *server_ip = event->values[EVENT_server_ip].text;
    int64_t ms = event->values[EVENT_ts_end].number;
    if (severity < a->limits.from || severity == SEVERITY_NONE)
        return;
    struct alert_entry *e = find(a, hash_of(rule, server), rule, server_ip, s->server_port);
    if (e != NULL) {
        see_again(a, alert_of(a, e), severity, ms,
                  s->final); /* of an interim event, the session comes again */
        return;
    }
    e = alerts_enter(a, rule, severity, server_ip, s->server_port, ms);
    if (e == NULL)
        return;
    struct alert *alert = alert_of(a, e);
    alerts_copy_text(alert->server_name, sizeof alert->server_name,
                     s->server_name[0] != '\0' ? s->server_name : event->facts->host);
    alerts_copy_text(alert->client_ip, sizeof alert->client_ip, event->values[EVENT_client_ip].text);
    alerts_copy_text(alert->session, sizeof alert->session, event->values[EVENT_id].text);
    alerts_copy_text(alert->detail, sizeof alert->detail, detail);
    alert->protocol = session_protocol_word((enum protocol)s->protocol);
    alert->role = session_role_word((enum role)s->role);
    alert->advice = advice;
    hand_raised(a, e);
}

void alerts_note(struct alerts *a, const struct event *e)
{
    const struct judgement *j = e->judgement;
    enter_minute(a, e->values[EVENT_ts_end].number);
    if (j->worst < a->limits.from)
        return;
    uint64_t server = server_hash(e->values[EVENT_server_ip].text, e->session->server_port);
    for (size_t i = 0; i < j->finding_count; i++) {
        const struct rule_info *rule = policy_rule(j->findings[i].rule);
        note(a, e, server, rule->id, j->findings[i].severity, rule->wire, rule->advice);
    }
    for (size_t i = 0; i < HOUSE_RULES_MAX && j->own >> i != 0; i++)
        if ((j->own >> i & 1) != 0)
            note(a, e, server, j->own_rules[i].id, j->own_rules[i].severity,
                 "a rule of the house policy applies", "");
}

void alerts_note_sensor(struct alerts *a, const char *rule, enum severity severity, const char *detail,
                        const char *advice, int64_t now_ms)
{
    enter_minute(a, now_ms);
    if (severity < a->limits.from || severity == SEVERITY_NONE)
        return;
    struct alert_entry *e = find(a, hash_of(rule, server_hash("", 0)), rule, "", 0);
    if (e != NULL) {
        see_again(a, alert_of(a, e), severity, now_ms, true);
        alerts_copy_text(alert_of(a, e)->detail, sizeof alert_of(a, e)->detail, detail);
        return;
    }
    e = alerts_enter(a, rule, severity, "", 0, now_ms);
    if (e == NULL)
        return;
    struct alert *alert = alert_of(a, e);
    alerts_copy_text(alert->detail, sizeof alert->detail, detail);
    alert->advice = advice;
    hand_raised(a, e);
}

void alerts_tick(struct alerts *a, int64_t now_ms)
{
    enter_minute(a, now_ms);
    if (now_ms < a->look_at_ms)
        return;
    int64_t next_ms = INT64_MAX;
    for (uint32_t i = 0; i < a->used; i++) {
        struct alert_entry *e = &a->entries[i];
        int64_t clear_at_ms = a->told[i].last_ms + clear_after_ms(a);
        if (e->open && clear_at_ms <= now_ms)
            clear(a, e);
        else if (e->open && clear_at_ms < next_ms)
            next_ms = clear_at_ms;
    }
    a->look_at_ms = next_ms > now_ms + LOOK_EVERY_MS ? next_ms : now_ms + LOOK_EVERY_MS;
}

void alerts_finish(struct alerts *a)
{
    if (a->suppressed_this_minute > 0)
        tell_suppressed(a);
}

/* ---- memory, figures ---- */

struct alerts *alerts_open(const struct alert_limits *limits,
                           void (*hand)(void *context, const struct alert *alert), void *context)
{
    struct alerts *a = calloc(1, sizeof *a);
    if (a == NULL)
        return NULL;
    *a = (struct alerts){
        .limits = *limits, .hand = hand, .context = context, .free = NOTHING, .look_at_ms = INT64_MAX};
    while (a->head_mask < limits->open - 1)
        a->head_mask = a->head_mask << 1 | 1;
    a->entries = calloc(limits->open, sizeof *a->entries);
    a->told = calloc(limits->open, sizeof *a->told);
    a->heads = malloc(((size_t)a->head_mask + 1) * sizeof *a->heads);
    if (a->entries == NULL || a->told == NULL || a->heads == NULL) {
        alerts_close(a);
        return NULL;
    }
    for (size_t i = 0; i <= a->head_mask; i++)
        a->heads[i] = NOTHING;
    return a;
}

void alerts_close(struct alerts *a)
{
    if (a == NULL)
        return;
    free(a->entries);
    free(a->told);
    free(a->heads);
    free(a);
}

uint64_t alerts_count(const struct alerts *a, enum severity severity)
{
    return a->open[severity];
}

uint64_t alerts_suppressed(const struct alerts *a)
{
    return a->suppressed;
}

uint64_t alerts_given_up(const struct alerts *a)
{
    return a->given_up;
}
