#include "sensor/publish/tally.h"

#include <string.h>

/* ---- names ---- */

static uint64_t hash_bytes(const void *bytes, size_t n, uint64_t hash)
{
    const unsigned char *p = bytes;
    for (size_t i = 0; i < n; i++)
        hash = (hash ^ p[i]) * UINT64_C(1099511628211); /* FNV-1a */
    return hash;
}

static const uint64_t hash_start = UINT64_C(14695981039346656037);

void tally_names_count(struct tally_names *names, const char *name)
{
    enum { PROBES = 16 };
    char text[TALLY_NAME_CAP] = "";
    size_t length = strnlen(name, sizeof text - 1);
    memcpy(text, name, length);
    size_t at = hash_bytes(text, length, hash_start) % TALLY_NAMES;
    names->total++;
    for (size_t i = 0; i < PROBES; i++) {
        struct tally_name *row = &names->rows[(at + i) % TALLY_NAMES];
        if (row->count == 0)
            memcpy(row->text, text, sizeof text);
        if (row->count == 0 || strcmp(row->text, text) == 0) {
            row->count++;
            return;
        }
    }
    names->others++;
}

static bool name_before(const struct tally_name *a, const struct tally_name *b)
{
    return a->count != b->count ? a->count > b->count : strcmp(a->text, b->text) < 0;
}

size_t tally_names_top(const struct tally_names *names, const struct tally_name **rows, size_t cap)
{
    size_t count = 0;
    for (size_t i = 0; i < TALLY_NAMES; i++) {
        const struct tally_name *row = &names->rows[i];
        if (row->count == 0 || (count == cap && !name_before(row, rows[cap - 1])))
            continue;
        size_t at = count < cap ? count++ : cap - 1;
        for (; at > 0 && name_before(row, rows[at - 1]); at--)
            rows[at] = rows[at - 1];
        rows[at] = row;
    }
    return count;
}

/* ---- servers ---- */

/* The row of a server: found, free, or taken from the least troubled of its bucket where this session is
 * worse; NULL where there is no room. A flood of harmless servers can therefore not push out one with
 * findings. */
static struct tally_server *server_row(struct tally *t, const struct session *s, enum severity worst)
{
    uint64_t hash = hash_bytes(&s->server_address, sizeof s->server_address, hash_start);
    hash = hash_bytes(&s->server_port, sizeof s->server_port, hash);
    struct tally_server *bucket = t->servers[(hash ^ hash >> 32) % TALLY_SERVER_BUCKETS];
    struct tally_server *least = &bucket[0];
    for (size_t i = 0; i < TALLY_SERVERS_PER_BUCKET; i++) {
        struct tally_server *row = &bucket[i];
        if (row->sessions > 0 && row->port == s->server_port && row->family == s->family &&
            memcmp(&row->address, &s->server_address, sizeof row->address) == 0)
            return row;
        if (row->sessions == 0 || (least->sessions > 0 && row->worst < least->worst))
            least = row;
        if (row->sessions == 0)
            break;
    }
    if (least->sessions > 0 && least->worst >= worst)
        return NULL;
    t->servers_lost += least->sessions;
    *least = (struct tally_server){.address = s->server_address,
                                   .port = s->server_port,
                                   .family = s->family,
                                   .protocol = s->protocol,
                                   .role = s->role};
    return least;
}

static void copy_name(char *out, const char *name)
{
    size_t length = strnlen(name, TALLY_NAME_CAP - 1);
    memcpy(out, name, length);
    out[length] = '\0';
}

static void count_server(struct tally *t, const struct session *s, const struct judgement *j)
{
    struct tally_server *row = server_row(t, s, j->worst);
    if (row == NULL) {
        t->servers_lost++;
        return;
    }
    row->sessions++;
    row->at_severity[j->worst]++;
    if (j->worst > row->worst)
        row->worst = (uint8_t)j->worst;
    if (row->name[0] == '\0')
        copy_name(row->name, s->server_name[0] != '\0' ? s->server_name : s->sni);
    for (size_t i = 0; i < j->finding_count; i++) {
        enum rule rule = j->findings[i].rule;
        uint64_t bit = UINT64_C(1) << rule % 64;
        if ((row->rules[rule / 64] & bit) == 0)
            t->rules[rule].servers++;
        row->rules[rule / 64] |= bit;
    }
}

static bool server_before(const struct tally_server *a, const struct tally_server *b)
{
    if (a->worst != b->worst)
        return a->worst > b->worst;
    if (a->at_severity[a->worst] != b->at_severity[b->worst])
        return a->at_severity[a->worst] > b->at_severity[b->worst];
    int order = memcmp(&a->address, &b->address, sizeof a->address);
    return order != 0 ? order < 0 : a->port < b->port;
}

size_t tally_servers_top(const struct tally *t, const struct tally_server **rows, size_t cap)
{
    size_t count = 0;
    for (size_t i = 0; i < (size_t)TALLY_SERVER_BUCKETS * TALLY_SERVERS_PER_BUCKET; i++) {
        const struct tally_server *row =
            &t->servers[i / TALLY_SERVERS_PER_BUCKET][i % TALLY_SERVERS_PER_BUCKET];
        if (row->sessions == 0 || row->worst < SEVERITY_LOW ||
            (count == cap && !server_before(row, rows[cap - 1])))
            continue;
        size_t at = count < cap ? count++ : cap - 1;
        for (; at > 0 && server_before(row, rows[at - 1]); at--)
            rows[at] = rows[at - 1];
        rows[at] = row;
    }
    return count;
}

size_t tally_server_count(const struct tally *t)
{
    size_t count = 0;
    for (size_t i = 0; i < (size_t)TALLY_SERVER_BUCKETS * TALLY_SERVERS_PER_BUCKET; i++)
        count += t->servers[i / TALLY_SERVERS_PER_BUCKET][i % TALLY_SERVERS_PER_BUCKET].sessions > 0;
    return count;
}

size_t tally_servers_troubled(const struct tally *t)
{
    size_t count = 0;
    for (size_t i = 0; i < (size_t)TALLY_SERVER_BUCKETS * TALLY_SERVERS_PER_BUCKET; i++)
        count += t->servers[i / TALLY_SERVERS_PER_BUCKET][i % TALLY_SERVERS_PER_BUCKET].worst >= SEVERITY_LOW;
    return count;
}

/* ---- one event ---- */

static void count_steps(struct tally *t, const struct event *e)
{
    const struct session *s = e->session;
    const struct outcome *o = &e->judgement->outcome;
    const struct session_mail *m = &s->mail;
    const struct session_tls *h = &s->tls;
    uint64_t *steps = s->tls_port ? t->implicit[s->protocol] : t->starttls[s->protocol];
    steps[TALLY_SESSIONS]++;
    steps[TALLY_OFFERED] += m->offer_starttls_ever;
    steps[TALLY_ASKED] += m->tls_asked;
    steps[TALLY_ACCEPTED] += m->tls_accepted;
    steps[TALLY_CLIENT_HELLO] += h->client_hello;
    steps[TALLY_SERVER_HELLO] += h->server_hello;
    steps[TALLY_ESTABLISHED] += o->tls_state == TLS_STATE_ESTABLISHED;
    if (!s->tls_port)
        t->starttls_unknown[s->protocol] += o->starttls == STARTTLS_UNKNOWN;
}

static void count_handshake(struct tally *t, const struct event *e)
{
    const struct session_tls *h = &e->session->tls;
    if (e->judgement->outcome.tls_state == TLS_STATE_ESTABLISHED) {
        t->certificates_visible += h->certificate_seen;
        t->certificates_hidden += !h->certificate_seen;
    }
    if (!h->server_hello)
        return;
    tally_names_count(&t->versions, e->values[EVENT_tls_version].text);
    if (!h->has_cipher)
        return;
    tally_names_count(&t->suites, e->values[EVENT_cipher].text);
    if (h->group != 0)
        tally_names_count(&t->groups, e->values[EVENT_group].text);
    t->suites_known++;
    t->post_quantum += e->values[EVENT_group_pq].number == 1;
    t->forward_secret += e->values[EVENT_forward_secrecy].number == 1;
}

static void count_rules(struct tally *t, const struct judgement *j)
{
    for (size_t i = 0; i < j->finding_count; i++) {
        t->rules[j->findings[i].rule].hits[j->findings[i].severity]++;
        t->rules[j->findings[i].rule].hits_total++;
    }
    for (size_t rule = 0; rule < RULE_COUNT; rule++) {
        t->rules[rule].undecidable += j->undecidable[rule / 64] >> rule % 64 & 1;
        t->rules[rule].excepted += j->excepted[rule / 64] >> rule % 64 & 1;
    }
    for (size_t i = 0; i < HOUSE_RULES_MAX; i++) {
        t->own_rules[i].hits += j->own >> i & 1;
        t->own_rules[i].excepted += j->own_excepted >> i & 1;
    }
}

/* A learnt certificate was not seen in this session: as the verdict, the comparison does without it. */
static void count_profiles(struct tally *t, const struct event *e)
{
    const struct facts *f = e->facts;
    const struct certificate_chain *chain = f->chain_learnt ? NULL : f->chain;
    for (enum profile profile = 0; profile < PROFILE_COUNT; profile++) {
        struct profile_result result = e->judgement->profile;
        if (profile != f->profile && !t->every_profile)
            continue;
        if (profile != f->profile)
            profile_grade_session(profile, e->session, chain, &result);
        t->profiles[profile].grades[result.worst]++;
        t->profiles[profile].in_part += result.worst != GRADE_SILENT && !result.complete;
    }
}

void tally_event(struct tally *t, const struct event *e)
{
    const struct session *s = e->session;
    const struct outcome *o = &e->judgement->outcome;
    if (!s->final)
        return;
    t->sessions++;
    rollup_add(t->counts, e);
    rollup_add(tally_series_place(&t->series, e->values[EVENT_ts_end].number), e);
    t->protocols[s->protocol]++;
    t->modes[o->mode]++;
    t->verdicts[e->judgement->verdict]++;
    t->tls_states[o->tls_state]++;
    t->messages_clear += s->mail.messages;
    t->sessions_with_messages_clear += s->mail.messages > 0;
    t->one_sided += s->side[CLIENT].packets == 0 || s->side[SERVER].packets == 0;
    t->midstream += s->midstream;
    if (s->mail.auth_exposure == AUTH_READABLE)
        tally_names_count(&t->clear_mechanisms,
                          s->auth_mechanism[0] != '\0' ? s->auth_mechanism : "(mechanism not seen)");
    count_steps(t, e);
    count_handshake(t, e);
    count_rules(t, e->judgement);
    count_server(t, s, e->judgement);
    count_profiles(t, e);
    tally_certificate_note(t, e);
    tally_client_note(t, s);
}
