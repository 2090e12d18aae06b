#include "sensor/publish/tlsrpt.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sensor/host/log.h"
#include "sensor/publish/tlsrpt_report.h"

/* ---- counting */

static uint32_t hash_of(const struct address *a, uint32_t seed)
{
    uint32_t hash = 2166136261U ^ seed;
    for (size_t i = 0; i < sizeof a->bytes; i++)
        hash = (hash ^ a->bytes[i]) * 16777619U;
    return hash ^ hash >> 15;
}

/* The row of a server, a new one where there is none; NULL where no more fit. */
static struct tlsrpt_server *server_of(struct tlsrpt *t, const struct event *e)
{
    const struct session *s = e->session;
    const struct house_expectation *expected = e->judgement->expected;
    uint32_t slot = hash_of(&s->server_address, s->family);
    for (;; slot++) {
        uint16_t number = t->server_slots[slot % TLSRPT_SERVER_SLOTS];
        if (number == 0)
            break;
        struct tlsrpt_server *row = &t->servers[number - 1];
        if (row->family == s->family && row->expected == expected &&
            memcmp(&row->address, &s->server_address, sizeof row->address) == 0)
            return row;
    }
    if (t->server_count == TLSRPT_SERVERS)
        return NULL;
    struct tlsrpt_server *row = &t->servers[t->server_count++];
    t->server_slots[slot % TLSRPT_SERVER_SLOTS] = (uint16_t)t->server_count;
    row->expected = expected;
    row->address = s->server_address;
    row->family = s->family;
    return row;
}

static void count_failure(struct tlsrpt *t, struct tlsrpt_server *server, enum tlsrpt_type type,
                          const struct session *s)
{
    uint16_t server_number = (uint16_t)(server - t->servers);
    uint32_t slot = hash_of(&s->client_address, (uint32_t)type << 16 | server_number);
    server->failed++;
    for (;; slot++) {
        uint16_t number = t->failure_slots[slot % TLSRPT_FAILURE_SLOTS];
        if (number == 0)
            break;
        struct tlsrpt_failure *row = &t->failures[number - 1];
        if (row->server == server_number && row->type == type &&
            memcmp(&row->client, &s->client_address, sizeof row->client) == 0) {
            row->count++;
            return;
        }
    }
    if (t->failure_count == TLSRPT_FAILURES) {
        server->without_client[type]++;
        return;
    }
    struct tlsrpt_failure *row = &t->failures[t->failure_count++];
    t->failure_slots[slot % TLSRPT_FAILURE_SLOTS] = (uint16_t)t->failure_count;
    *row = (struct tlsrpt_failure){
        .server = server_number, .type = type, .client = s->client_address, .count = 1};
}

/* What clients ask for goes before what the server calls itself. */
static void learn_names(struct tlsrpt_server *row, const struct session *s)
{
    if (s->sni[0] != '\0' && !row->asked_for) {
        snprintf(row->name, sizeof row->name, "%s", s->sni);
        row->asked_for = true;
    } else if (row->name[0] == '\0') {
        snprintf(row->name, sizeof row->name, "%s", s->server_name);
    }
    if (row->greeting[0] == '\0')
        snprintf(row->greeting, sizeof row->greeting, "%s", s->server_name);
}

static void event(void *state, const struct event *e)
{
    struct tlsrpt *t = state;
    const struct session *s = e->session;
    enum tlsrpt_type type = tlsrpt_type_of(e->values[EVENT_tlsrpt].text);
    bool failed = type != TLSRPT_TYPE_COUNT;
    if (!s->final || s->role != ROLE_RELAY ||
        (!failed && e->judgement->outcome.tls_state != TLS_STATE_ESTABLISHED))
        return;
    struct tlsrpt_server *row = server_of(t, e);
    if (row == NULL) {
        t->sessions_lost++;
        return;
    }
    learn_names(row, s);
    if (failed)
        count_failure(t, row, type, s);
    else
        row->succeeded++;
    if (t->first_ns == 0 || s->first_ns < t->first_ns)
        t->first_ns = s->first_ns;
    if (s->last_ns > t->last_ns)
        t->last_ns = s->last_ns;
}

static bool finish(void *state, const struct run_summary *summary)
{
    struct tlsrpt *t = state;
    char error[TLSRPT_ERROR_CAP];
    if (t->first_ns == 0) { /* no such session: the report says so of the time that was looked at */
        t->first_ns = summary->first_ns;
        t->last_ns = summary->last_ns;
    }
    bool written = tlsrpt_report_write(t, error);
    if (!written)
        log_error("tlsrpt", "%s", error);
    if (t->sessions_lost > 0)
        log_error("tlsrpt", "%" PRIu64 " sessions are not in the report: more than %d servers",
                  t->sessions_lost, TLSRPT_SERVERS);
    free(t);
    return written;
}

bool tlsrpt_open(struct sink *sink, const struct config *config, char *error)
{
    struct tlsrpt *t = calloc(1, sizeof *t);
    if (t == NULL) {
        snprintf(error, TLSRPT_ERROR_CAP, "no memory for the TLS report (%zu bytes)", sizeof *t);
        return false;
    }
    t->config = config;
    if (!tlsrpt_report_try(config->tlsrpt_path, error)) {
        free(t);
        return false;
    }
    *sink = (struct sink){.state = t, .event = event, .finish = finish};
    return true;
}
