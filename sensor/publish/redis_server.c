#include "sensor/publish/redis_server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "parsers/registry.h"
#include "sensor/publish/redis_entry.h"

enum {
    PLACES = 1024,
    WRITE_EVERY_MS = 60000,
    NEWS_EVERY_MS = 1000,
    NS_PER_MS = 1000000,
    CERTIFICATE_CAP = 72, /* "sha256:" and its digits */
    TIMES_AND_COUNTS = 9, /* arguments before the fields and values */
    EVAL_WORDS = 4        /* EVAL, script, number of keys, key */
};

enum offer { OFFER_UNSEEN, OFFER_MADE, OFFER_MISSING };

/* One server. What is gathered is given up when it has been put into a command; what else there is, is kept to
 * tell what is new. */
struct place {
    struct redis_server_id id;
    const char *protocol;
    uint32_t sessions; /* gathered; 0: nothing is waiting, or the place is empty */
    bool taken;
    bool written;
    enum offer offer; /* of the last session that showed one or its absence */
    uint16_t best_version;
    uint16_t worst_version;
    uint64_t written_ms; /* where not written: since when it has been here */
    uint64_t due_ms;
    int64_t first_ms;
    int64_t last_ms;
    int64_t offer_ms; /* gathered; -1: none */
    int64_t no_offer_ms;
    int64_t cert_not_after;
    char certificate[CERTIFICATE_CAP];
    char name[SESSION_SNI_CAP];
};

struct redis_servers {
    const char *site;
    const char *sensor;
    size_t waiting; /* places with something gathered */
    size_t next;    /* where redis_servers_due looks on */
    struct place places[PLACES];
};

/* The first command fails where the key is no hash, before anything is written; the second sets the TTL before
 * the record grows. A time that lies more than a day ahead was a clock's mistake and gives way. */
static const char script[] =
    "local k, order = KEYS[1], 'SSL2 SSL3 TLS1.0 TLS1.1 TLS1.2 TLS1.3'\n"
    "redis.call('HSETNX', k, 'first_ms', ARGV[2])\n"
    "redis.call('EXPIRE', k, ARGV[1])\n"
    "for f, v in ('last_ms=-1 sessions=0 offer_ms=-1 offer_sensor=none no_offer_ms=-1 no_offer_sensor=none "
    "'\n"
    "    .. 'best_version=none worst_version=none cert_sha256=none cert_not_after=-1 name=none '\n"
    "    .. 'protocol=none'):gmatch('(%S+)=(%S+)') do redis.call('HSETNX', k, f, v) end\n"
    "local function get(f) return redis.call('HGET', k, f) end\n"
    "local function set(f, v) redis.call('HSET', k, f, v) end\n"
    "local function rank(v) return order:find(v, 1, true) end\n"
    "local function later(f, ms)\n"
    "    local new, old = tonumber(ms), tonumber(get(f)) or -1\n"
    "    local yes = new >= 0 and (new > old or old - new > 86400000)\n"
    "    if yes then set(f, ms) end\n"
    "    return yes\n"
    "end\n"
    "later('last_ms', ARGV[3])\n"
    "redis.call('HINCRBY', k, 'sessions', ARGV[4])\n"
    "if later('offer_ms', ARGV[6]) then set('offer_sensor', ARGV[5]) end\n"
    "if later('no_offer_ms', ARGV[7]) then set('no_offer_sensor', ARGV[5]) end\n"
    "local best, worst = rank(get('best_version')), rank(get('worst_version'))\n"
    "if rank(ARGV[8]) and (not best or rank(ARGV[8]) > best) then set('best_version', ARGV[8]) end\n"
    "if rank(ARGV[9]) and (not worst or rank(ARGV[9]) < worst) then set('worst_version', ARGV[9]) end\n"
    "for i = 10, #ARGV, 2 do set(ARGV[i], ARGV[i + 1]) end\n"
    "return 1\n";

/* ---- servers and their keys ---- */

struct redis_server_id redis_server_of(const struct session *s)
{
    return (struct redis_server_id){s->server_address, s->server_port, s->family};
}

bool redis_server_same(const struct redis_server_id *a, const struct redis_server_id *b)
{
    return a->port == b->port && a->family == b->family &&
           memcmp(&a->address, &b->address, sizeof a->address) == 0;
}

size_t redis_server_place(const struct redis_server_id *id, size_t places)
{
    uint64_t words[2];
    _Static_assert(sizeof words == sizeof id->address, "an address is two words");
    memcpy(words, &id->address, sizeof words);
    uint64_t h = (words[0] ^ words[1] * UINT64_C(0x9e3779b97f4a7c15) ^ id->port) *
                 UINT64_C(0xff51afd7ed558ccd);
    return (size_t)(h >> 32) % places;
}

void redis_server_key(const char *site, const struct redis_server_id *id, char *out)
{
    char address[64];
    address_text(&id->address, (enum ip_family)id->family, address);
    snprintf(out, REDIS_SERVER_KEY_CAP, "waxseal:{%s}:srv:%s:%u", site, address, id->port);
}

/* ---- a record as a command ---- */

static char *put_word(char *p, const char *word)
{
    return redis_put_raw(p, word, strlen(word));
}

static char *put_fields(const struct place *at, char *p, const char *end)
{
    if (at->name[0] != '\0')
        p = redis_put_text(put_word(p, "name"), end, at->name);
    if (at->certificate[0] != '\0') {
        p = redis_put_text(put_word(p, "cert_sha256"), end, at->certificate);
        p = redis_put_number(put_word(p, "cert_not_after"), at->cert_not_after);
    }
    return redis_put_text(put_word(p, "protocol"), end, at->protocol);
}

static size_t put_command(const struct redis_servers *t, const struct place *at, char *out)
{
    char key[REDIS_SERVER_KEY_CAP];
    const char *end = out + REDIS_ENTRY_CAP / 2; /* of texts; all else is far shorter than the other half */
    int fields = 1 + (at->name[0] != '\0') + 2 * (at->certificate[0] != '\0');
    redis_server_key(t->site, &at->id, key);
    char *p = out + snprintf(out, REDIS_ENTRY_CAP, "*%d\r\n", EVAL_WORDS + TIMES_AND_COUNTS + 2 * fields);
    p = put_word(put_word(p, "EVAL"), script);
    p = put_word(redis_put_number(p, 1), key);
    p = redis_put_number(p, REDIS_SERVER_TTL_S);
    p = redis_put_number(p, at->first_ms);
    p = redis_put_number(p, at->last_ms);
    p = redis_put_number(p, at->sessions);
    p = redis_put_text(p, end, t->sensor);
    p = redis_put_number(p, at->offer_ms);
    p = redis_put_number(p, at->no_offer_ms);
    p = redis_put_text(p, end, registry_version_name(at->best_version));
    p = redis_put_text(p, end, registry_version_name(at->worst_version));
    return (size_t)(put_fields(at, p, end) - out);
}

/* What was gathered becomes a command, and the place begins to gather anew. */
static size_t write_out(struct redis_servers *t, struct place *at, uint64_t now_ms, char *out)
{
    size_t bytes = put_command(t, at, out);
    at->sessions = 0;
    at->written = true;
    at->offer_ms = at->no_offer_ms = -1;
    at->written_ms = now_ms;
    t->waiting--;
    return bytes;
}

/* ---- gathering ---- */

static void settle(struct place *at, const struct session *s, const struct redis_server_id *id,
                   uint64_t now_ms)
{
    *at = (struct place){.id = *id, .taken = true, .offer_ms = -1, .no_offer_ms = -1, .written_ms = now_ms};
    at->first_ms = (int64_t)(s->first_ns / NS_PER_MS);
}

static enum offer offer_of(const struct session *s)
{
    enum starttls starttls = policy_starttls(s);
    if (s->mail.offer_starttls_ever)
        return OFFER_MADE;
    return starttls == STARTTLS_NOT_OFFERED || starttls == STARTTLS_STRIPPED ? OFFER_MISSING : OFFER_UNSEEN;
}

static bool gather_offer(struct place *at, const struct session *s)
{
    enum offer offer = offer_of(s);
    if (offer == OFFER_UNSEEN)
        return false;
    bool news = at->offer != offer;
    int64_t *when = offer == OFFER_MADE ? &at->offer_ms : &at->no_offer_ms;
    int64_t ms = (int64_t)(s->first_ns / NS_PER_MS);
    if (ms > *when)
        *when = ms;
    at->offer = offer;
    return news;
}

/* Zero where no TLS was established. */
static uint16_t established_version(const struct session *s)
{
    return s->tls.established && registry_version_name(s->tls.version)[0] != '\0' ? s->tls.version : 0;
}

static bool gather_version(struct place *at, const struct session *s)
{
    uint16_t version = established_version(s);
    if (version == 0)
        return false;
    bool better = version > at->best_version;
    bool worse = at->worst_version == 0 || version < at->worst_version;
    if (better)
        at->best_version = version;
    if (worse)
        at->worst_version = version;
    return better || worse;
}

/* A certificate that was only learnt was not seen now. */
static const struct certificate_chain *visible_chain(const struct event *e)
{
    return e->facts->chain_learnt ? NULL : e->facts->chain;
}

static bool gather_certificate(struct place *at, const struct event *e)
{
    const char *text = e->values[EVENT_cert_sha256].text;
    const struct certificate_chain *chain = visible_chain(e);
    if (chain == NULL || text[0] == '\0' || strcmp(at->certificate, text) == 0)
        return false;
    snprintf(at->certificate, sizeof at->certificate, "%s", text);
    at->cert_not_after = chain->not_after;
    return true;
}

/* What the server calls itself goes before what a client calls it. */
static void gather_name(struct place *at, const struct event *e)
{
    const char *name = e->session->server_name[0] != '\0' ? e->session->server_name : e->facts->host;
    if (name[0] != '\0')
        snprintf(at->name, sizeof at->name, "%s", name);
}

static void gather(struct redis_servers *t, struct place *at, const struct event *e)
{
    const struct session *s = e->session;
    int64_t last_ms = (int64_t)(s->last_ns / NS_PER_MS);
    bool news = gather_offer(at, s);
    news |= gather_version(at, s);
    news |= gather_certificate(at, e);
    gather_name(at, e);
    at->protocol = session_protocol_word((enum protocol)s->protocol);
    at->last_ms = last_ms > at->last_ms ? last_ms : at->last_ms;
    uint64_t pause_ms = !at->written ? 0 : news ? NEWS_EVERY_MS : WRITE_EVERY_MS;
    if (at->sessions == 0 || at->written_ms + pause_ms < at->due_ms)
        at->due_ms = at->written_ms + pause_ms;
    t->waiting += at->sessions == 0;
    at->sessions++;
}

size_t redis_servers_note(struct redis_servers *t, const struct event *e, uint64_t now_ms, char *out)
{
    const struct session *s = e->session;
    bool shows = offer_of(s) != OFFER_UNSEEN || established_version(s) != 0 || visible_chain(e) != NULL;
    if (!s->final || !shows)
        return 0;
    struct redis_server_id id = redis_server_of(s);
    struct place *at = &t->places[redis_server_place(&id, PLACES)];
    size_t bytes = 0;
    if (!at->taken || !redis_server_same(&at->id, &id)) {
        if (at->sessions > 0)
            bytes = write_out(t, at, now_ms, out);
        settle(at, s, &id, now_ms);
    }
    gather(t, at, e);
    /* One command an event: a server that pushed out another waits for the next call of either function. */
    if (bytes == 0 && now_ms >= at->due_ms)
        bytes = write_out(t, at, now_ms, out);
    return bytes;
}

size_t redis_servers_due(struct redis_servers *t, uint64_t now_ms, char *out)
{
    for (size_t looked = 0; t->waiting > 0 && looked < PLACES; looked++) {
        struct place *at = &t->places[t->next];
        t->next = (t->next + 1) % PLACES;
        if (at->sessions > 0 && now_ms >= at->due_ms)
            return write_out(t, at, now_ms, out);
    }
    return 0;
}

/* ---- memory ---- */

struct redis_servers *redis_servers_open(const char *site, const char *sensor)
{
    struct redis_servers *t = calloc(1, sizeof *t);
    if (t != NULL) {
        t->site = site;
        t->sensor = sensor;
    }
    return t;
}

void redis_servers_close(struct redis_servers *t)
{
    free(t);
}
