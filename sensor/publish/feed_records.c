#include "sensor/publish/feed_records.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "parsers/registry.h"
#include "sensor/host/hash.h"
#include "sensor/publish/feed_rows.h"

enum {
    SERVERS = 256,
    CLIENTS = 512,
    CERTIFICATES = 64,
    PLACES = 1024, /* of an index: about twice the largest table */
    NS_PER_MS = 1000000,
    MS_PER_S = 1000
};

/* Which row an id has, by open addressing: index plus one, 0: empty. */
struct index {
    uint16_t place[PLACES];
};

struct feed_records {
    const char *sensor;
    uint32_t clients_a_second; /* sessions, of event time */
    int64_t second;
    uint32_t taken;  /* in this second ... */
    uint32_t graver; /* ... and beyond the bound, because of what was found */
    uint64_t skipped;
    size_t server_count, client_count, certificate_count;
    bool shown_by_full; /* a certificate has no room for another server */
    struct index server_index, client_index, certificate_index;
    struct server_row servers[SERVERS];
    struct client_row clients[CLIENTS];
    struct certificate_row certificates[CERTIFICATES];
};

/* ---- tables ---- */

/* The place where the row of this id is noted, or the empty one where it would be. Rows begin with their id. */
static uint16_t *place_of(struct index *index, const void *rows, size_t row_bytes, const char *id)
{
    for (size_t i = (hash_bytes(0, span_text(id)) >> 20) % PLACES;; i = (i + 1) % PLACES) {
        uint16_t *place = &index->place[i];
        if (*place == 0 || strcmp((const char *)rows + (*place - 1u) * row_bytes, id) == 0)
            return place;
    }
}

static void copy_text(char *out, size_t cap, const char *text)
{
    size_t length = strnlen(text, cap - 1);
    memcpy(out, text, length);
    out[length] = '\0';
}

/* The later one that says something counts, as in the script. */
static void take_text(char *out, size_t cap, const char *text, bool newer)
{
    if (newer && text[0] != '\0')
        copy_text(out, cap, text);
}

static int64_t last_ms_of(const struct session *s)
{
    return (int64_t)(s->last_ns / NS_PER_MS);
}

static void note_times(const struct session *s, int64_t *first_ms, int64_t *last_ms)
{
    int64_t first = (int64_t)(s->first_ns / NS_PER_MS);
    int64_t last = last_ms_of(s);
    *first_ms = first < *first_ms ? first : *first_ms;
    *last_ms = last > *last_ms ? last : *last_ms;
}

static void note_hit(struct hits *h, size_t which, enum severity severity, int64_t ms)
{
    if (ms < h->ms[which])
        return;
    h->ms[which] = ms;
    h->severity[which] = (uint8_t)severity;
}

static void note_hits(struct hits *h, const struct judgement *j, int64_t ms)
{
    for (size_t i = 0; i < j->finding_count; i++)
        note_hit(h, (size_t)j->findings[i].rule, j->findings[i].severity, ms);
    for (size_t i = 0; i < HOUSE_RULES_MAX && j->own >> i != 0; i++)
        if ((j->own >> i & 1) != 0)
            note_hit(h, RULE_COUNT + i, j->own_rules[i].severity, ms);
    h->own_rules = j->own_rules;
}

static bool has(const struct judgement *j, enum rule rule)
{
    for (size_t i = 0; i < j->finding_count; i++)
        if (j->findings[i].rule == rule)
            return true;
    return false;
}

/* ---- servers ---- */

enum offer { OFFER_UNSEEN, OFFER_MADE, OFFER_MISSING };

static enum offer offer_of(const struct event *e)
{
    enum starttls starttls = e->judgement->outcome.starttls;
    if (e->session->mail.offer_starttls_ever)
        return OFFER_MADE;
    return starttls == STARTTLS_NOT_OFFERED || starttls == STARTTLS_STRIPPED ? OFFER_MISSING : OFFER_UNSEEN;
}

/* Zero where no TLS was established. */
static uint16_t established_version(const struct session *s)
{
    return s->tls.established && registry_version_name(s->tls.version)[0] != '\0' ? s->tls.version : 0;
}

/* A certificate that was only learnt was not seen now. */
static const struct certificate_chain *visible_chain(const struct event *e)
{
    return e->facts->chain_learnt ? NULL : e->facts->chain;
}

static bool server_shows_something(const struct event *e)
{
    const struct session *s = e->session;
    bool spoke_clear = e->judgement->outcome.mode == MODE_PLAINTEXT && s->side[SERVER].bytes > 0;
    return spoke_clear || offer_of(e) != OFFER_UNSEEN || established_version(s) != 0 ||
           visible_chain(e) != NULL;
}

static void server_id(const struct event *e, char *out)
{
    snprintf(out, ID_CAP, "%s:%u", e->values[EVENT_server_ip].text, e->session->server_port);
}

static struct server_row *server_row(struct feed_records *r, const char *id)
{
    uint16_t *place = place_of(&r->server_index, r->servers, sizeof r->servers[0], id);
    if (*place == 0) {
        struct server_row *row = &r->servers[r->server_count++];
        *row = (struct server_row){.first_ms = INT64_MAX,
                                   .last_ms = -1,
                                   .offer_ms = -1,
                                   .no_offer_ms = -1,
                                   .certificate_ends_s = -1,
                                   .protocol = "",
                                   .role = "",
                                   .verdict = ""};
        copy_text(row->id, sizeof row->id, id);
        *place = (uint16_t)r->server_count;
    }
    return &r->servers[*place - 1];
}

static void note_offer(struct server_row *row, const struct event *e)
{
    enum offer offer = offer_of(e);
    int64_t ms = (int64_t)(e->session->first_ns / NS_PER_MS);
    int64_t *when = offer == OFFER_MADE ? &row->offer_ms : &row->no_offer_ms;
    row->offer_known += offer != OFFER_UNSEEN;
    row->offered += offer == OFFER_MADE;
    if (offer != OFFER_UNSEEN && ms > *when)
        *when = ms;
}

static void note_version(struct server_row *row, uint16_t version)
{
    if (version > row->best_version)
        row->best_version = version;
    if (version != 0 && (row->worst_version == 0 || version < row->worst_version))
        row->worst_version = version;
}

static void count_server(struct server_row *row, const struct event *e)
{
    const struct outcome *o = &e->judgement->outcome;
    bool judged = e->judgement->verdict != VERDICT_UNDECIDABLE;
    row->sessions++;
    row->encrypted += o->tls_state == TLS_STATE_ESTABLISHED;
    row->decidable += o->mode != MODE_UNDECIDABLE && o->tls_state != TLS_STATE_UNKNOWN;
    row->compliant += e->judgement->verdict == VERDICT_COMPLIANT;
    row->judged += judged;
}

static void add_server(struct feed_records *r, const struct event *e, const char *id)
{
    const struct session *s = e->session;
    struct server_row *row = server_row(r, id);
    bool newer = last_ms_of(s) >= row->last_ms;
    const struct certificate_chain *chain = visible_chain(e);
    count_server(row, e);
    note_offer(row, e);
    note_version(row, established_version(s));
    note_hits(&row->hits, e->judgement, last_ms_of(s));
    /* What the server calls itself goes before what a client calls it. */
    take_text(row->name, sizeof row->name, s->server_name[0] != '\0' ? s->server_name : e->facts->host,
              newer);
    take_text(row->cipher, sizeof row->cipher, e->values[EVENT_cipher].text, newer);
    if (chain != NULL && newer) {
        copy_text(row->certificate, sizeof row->certificate, e->values[EVENT_cert_sha256].text);
        row->certificate_ends_s = chain->not_after;
    }
    if (newer) {
        row->protocol = session_protocol_word((enum protocol)s->protocol);
        row->role = session_role_word((enum role)s->role);
        row->verdict = policy_verdict_word(e->judgement->verdict);
    }
    note_times(s, &row->first_ms, &row->last_ms);
}

/* ---- clients ---- */

static struct client_row *client_row(struct feed_records *r, const char *id)
{
    uint16_t *place = place_of(&r->client_index, r->clients, sizeof r->clients[0], id);
    if (*place == 0) {
        struct client_row *row = &r->clients[r->client_count++];
        *row = (struct client_row){
            .first_ms = INT64_MAX, .last_ms = -1, .no_aead = -1, .no_ecdhe = -1, .weak_offer = -1};
        copy_text(row->id, sizeof row->id, id);
        *place = (uint16_t)r->client_count;
    }
    return &r->clients[*place - 1];
}

static void add_client(struct feed_records *r, const struct event *e)
{
    const struct session *s = e->session;
    const struct session_tls *t = &s->tls;
    struct client_row *row = client_row(r, e->values[EVENT_client_ip].text);
    bool newer = last_ms_of(s) >= row->last_ms;
    row->sessions++;
    row->plaintext += e->judgement->outcome.mode == MODE_PLAINTEXT;
    row->auth_cleartext += strcmp(e->values[EVENT_auth].text, "cleartext") == 0;
    if (t->client_hello && registry_version_name(t->client_max_version)[0] != '\0' &&
        t->client_max_version > row->best_version)
        row->best_version = t->client_max_version;
    if (t->client_hello && newer) {
        row->no_aead = !t->offers_aead;
        row->no_ecdhe = !t->offers_ecdhe;
        row->weak_offer = t->offers_weak_suite;
    }
    take_text(row->helo, sizeof row->helo, s->helo, newer);
    take_text(row->ja4, sizeof row->ja4, t->ja4, newer);
    note_hits(&row->hits, e->judgement, last_ms_of(s));
    note_times(s, &row->first_ms, &row->last_ms);
}

/* ---- certificates ---- */

static struct certificate_row *certificate_row(struct feed_records *r, const struct event *e)
{
    const char *id = e->values[EVENT_cert_sha256].text;
    uint16_t *place = place_of(&r->certificate_index, r->certificates, sizeof r->certificates[0], id);
    if (*place == 0) {
        struct certificate_row *row = &r->certificates[r->certificate_count++];
        memset(row, 0, sizeof *row);
        copy_text(row->id, sizeof row->id, id);
        row->first_ms = INT64_MAX;
        row->last_ms = -1;
        row->facts = *visible_chain(e);
        *place = (uint16_t)r->certificate_count;
    }
    return &r->certificates[*place - 1];
}

static void swap_ids(char *a, char *b)
{
    char kept[ID_CAP];
    memcpy(kept, a, ID_CAP);
    memmove(a, b, ID_CAP);
    memcpy(b, kept, ID_CAP);
}

/* There is room: a certificate that has none left closes the batch. */
static void note_shown_by(struct feed_records *r, struct certificate_row *row, const char *server, bool newer)
{
    size_t i = 0;
    while (i < row->shown_by_count && strcmp(row->shown_by[i], server) != 0)
        i++;
    bool added = i == row->shown_by_count;
    if (added)
        copy_text(row->shown_by[row->shown_by_count++], ID_CAP, server);
    size_t last = row->shown_by_count - 1;
    if (newer)
        swap_ids(row->shown_by[i], row->shown_by[last]);
    else if (added && last > 0)
        swap_ids(row->shown_by[last], row->shown_by[last - 1]);
    r->shown_by_full |= row->shown_by_count == SHOWN_BY_CAP;
}

static void add_certificate(struct feed_records *r, const struct event *e, const char *server)
{
    const struct judgement *j = e->judgement;
    struct certificate_row *row = certificate_row(r, e);
    bool newer = last_ms_of(e->session) >= row->last_ms;
    row->sessions++;
    row->mismatch += has(j, RULE_certificate_name_mismatch);
    if (newer) {
        row->weak = has(j, RULE_certificate_weak_key) || has(j, RULE_certificate_weak_signature);
        row->reused = has(j, RULE_certificate_key_reused);
        copy_text(row->trust, sizeof row->trust, e->values[EVENT_cert_trust].text);
    }
    note_shown_by(r, row, server, newer);
    note_times(e->session, &row->first_ms, &row->last_ms);
}

/* ---- */

struct feed_records *feed_records_open(const char *sensor, uint32_t clients_a_second)
{
    struct feed_records *r = calloc(1, sizeof *r);
    if (r != NULL)
        *r = (struct feed_records){.sensor = sensor, .clients_a_second = clients_a_second};
    return r;
}

void feed_records_close(struct feed_records *r)
{
    free(r);
}

uint64_t feed_records_skipped(const struct feed_records *r)
{
    return r->skipped;
}

/* By event time and order alone, so that it does not matter where batches end: is there still a share of this second
 * for the client of this session? As many again are kept for those with grave findings. */
static bool within_bound(struct feed_records *r, const struct event *e)
{
    int64_t second = last_ms_of(e->session) / MS_PER_S;
    if (second != r->second) {
        r->second = second;
        r->taken = r->graver = 0;
    }
    if (r->taken < r->clients_a_second)
        return r->taken++, true;
    if (e->judgement->worst >= SEVERITY_HIGH && r->graver < r->clients_a_second)
        return r->graver++, true;
    r->skipped++;
    return false;
}

bool feed_records_room(const struct feed_records *r)
{
    return !r->shown_by_full && r->server_count < SERVERS && r->client_count < CLIENTS &&
           r->certificate_count < CERTIFICATES;
}

void feed_records_add(struct feed_records *r, const struct event *e)
{
    char server[ID_CAP];
    server_id(e, server);
    if (server_shows_something(e))
        add_server(r, e, server);
    if (e->session->side[CLIENT].bytes > 0 && within_bound(r, e))
        add_client(r, e);
    if (visible_chain(e) != NULL && e->values[EVENT_cert_sha256].text[0] != '\0')
        add_certificate(r, e, server);
}

/* Rows that were written are gone, also where the others must wait for another batch. */
static void keep_from(struct index *index, void *rows, size_t row_bytes, size_t *count, size_t done)
{
    char *first = rows;
    memset(index, 0, sizeof *index);
    memmove(first, first + done * row_bytes, (*count - done) * row_bytes);
    *count -= done;
    for (size_t i = 0; i < *count; i++)
        *place_of(index, rows, row_bytes, first + i * row_bytes) = (uint16_t)(i + 1);
}

static bool put_servers(struct feed_records *r, struct batch *b)
{
    size_t done = 0;
    while (done < r->server_count && feed_rows_put_server(b, &r->servers[done], r->sensor))
        done++;
    keep_from(&r->server_index, r->servers, sizeof r->servers[0], &r->server_count, done);
    return r->server_count == 0;
}

static bool put_clients(struct feed_records *r, struct batch *b)
{
    size_t done = 0;
    while (done < r->client_count && feed_rows_put_client(b, &r->clients[done]))
        done++;
    keep_from(&r->client_index, r->clients, sizeof r->clients[0], &r->client_count, done);
    return r->client_count == 0;
}

static bool put_certificates(struct feed_records *r, struct batch *b)
{
    size_t done = 0;
    while (done < r->certificate_count && feed_rows_put_certificate(b, &r->certificates[done]))
        done++;
    keep_from(&r->certificate_index, r->certificates, sizeof r->certificates[0], &r->certificate_count, done);
    r->shown_by_full &= r->certificate_count > 0;
    return r->certificate_count == 0;
}

bool feed_records_put(struct feed_records *r, struct batch *b)
{
    return put_servers(r, b) && put_clients(r, b) && put_certificates(r, b);
}
