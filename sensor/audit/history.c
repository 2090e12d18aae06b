#include "sensor/audit/history.h"

#include <stdlib.h>
#include <string.h>

#include "sensor/audit/history_table.h"
#include "sensor/audit/policy.h"

enum { NS_PER_S = 1000000000, DAY_S = 86400, HOUR_S = 3600 };

enum { TLS12 = 0x0303, TLS13 = 0x0304 };

/* ---- keys */

static struct history_key server_key(const struct session *s)
{
    struct history_key key = {.a = s->server_address, .port = s->server_port, .family = s->family};
    return key;
}

/* The client's port changes with every connection and is left out. */
static struct history_key pair_key(const struct session *s)
{
    struct history_key key = server_key(s);
    key.b = s->client_address;
    return key;
}

static struct history_key key_key(const struct certificate_chain *chain)
{
    struct history_key key = {0};
    memcpy(key.a.bytes, chain->key_sha256, sizeof key.a.bytes);
    memcpy(key.b.bytes, chain->key_sha256 + sizeof key.a.bytes, sizeof key.b.bytes);
    return key;
}

static int64_t seconds_of(const struct session *s)
{
    return (int64_t)(s->first_ns / NS_PER_S);
}

/* ---- what a session shows */

/* Could this session show an offer? HELO, a refused greeting or a cut list cannot. */
static bool shows_offer(const struct session *s, enum starttls starttls, bool *offered)
{
    *offered = s->mail.offer_starttls_ever;
    return s->mail.offer_starttls_ever || starttls == STARTTLS_NOT_OFFERED || starttls == STARTTLS_STRIPPED;
}

static bool tls_failed(const struct outcome *outcome)
{
    return outcome->tls_state == TLS_STATE_FAILED || outcome->starttls == STARTTLS_REFUSED ||
           outcome->starttls == STARTTLS_FAILED;
}

static uint16_t chosen_version(const struct session *s)
{
    return s->tls.established ? s->tls.version : 0;
}

/* ---- looking */

static bool within(int64_t then_s, int64_t now_s, uint64_t window_s)
{
    return then_s != 0 && now_s - then_s <= (int64_t)window_s && then_s - now_s <= (int64_t)window_s;
}

static uint16_t best_within(const int64_t last_s[HISTORY_VERSIONS], int64_t now_s, uint32_t days)
{
    for (int i = HISTORY_VERSIONS - 1; i >= 0; i--)
        if (within(last_s[i], now_s, (uint64_t)days * DAY_S))
            return (uint16_t)(0x0300 + i);
    return 0;
}

static void look_at_offers(const struct history *h, const struct history_server *r, const struct session *s,
                           struct past *out)
{
    int64_t now_s = seconds_of(s);
    uint64_t seen = 0;
    uint64_t offered = 0;
    for (int i = 0; i < HISTORY_DAYS; i++) {
        int64_t age_days = now_s / DAY_S - r->days[i].day;
        if (age_days >= h->limits.baseline_days || -age_days >= h->limits.baseline_days)
            continue;
        seen += r->days[i].seen;
        offered += r->days[i].offered;
    }
    out->baseline_offers = seen >= h->limits.baseline_sessions &&
                           offered * 100 >= seen * h->limits.baseline_percent;
    for (int i = 0; i < HISTORY_OFFERS; i++) {
        bool other = memcmp(&r->offers[i].client, &s->client_address, sizeof s->client_address) != 0;
        out->offered_to_other_lately |= other && within(r->offers[i].time_s, now_s, h->limits.path_window_s);
    }
}

/* Most clients that offered TLS 1.3 within the hour got less, although the server had chosen it before. Clients are counted, not their
 * sessions: one that sits behind a bad box and tries again and again is no drop of the server. */
static bool most_dropped(const struct history *h, const struct history_server *r, int64_t now_s)
{
    enum { ENOUGH = 5 };
    int clients = __builtin_popcountll(r->hour_clients);
    bool chosen_before = within(r->version_last_s[TLS13 - 0x0300], now_s,
                                (uint64_t)h->limits.version_days * DAY_S);
    return r->hour == now_s / HOUR_S && chosen_before && clients >= ENOUGH &&
           __builtin_popcountll(r->hour_less) * 2 > clients;
}

static void kind_of(const struct certificate_chain *chain, char kind[HISTORY_KIND_CAP])
{
    memset(kind, 0, HISTORY_KIND_CAP);
    memcpy(kind, chain->key, strnlen(chain->key, HISTORY_KIND_CAP - 1));
}

/* The leaf that was seen last; with a kind, of those with such a key. */
static const struct history_leaf *last_leaf(const struct history_server *r, const char *kind)
{
    const struct history_leaf *last = NULL;
    for (int i = 0; i < HISTORY_LEAVES; i++) {
        const struct history_leaf *leaf = &r->leaves[i];
        bool fits = leaf->last_s != 0 && (kind == NULL || memcmp(leaf->kind, kind, HISTORY_KIND_CAP) == 0);
        if (fits && (last == NULL || leaf->last_s > last->last_s))
            last = leaf;
    }
    return last;
}

static void learn_leaf(const struct history_server *r, struct past *out)
{
    const struct history_leaf *last = last_leaf(r, NULL);
    if (last == NULL)
        return;
    out->learnt = true;
    memcpy(out->learnt_sha256, last->sha256, sizeof out->learnt_sha256);
}

/* A server with an RSA and an ECDSA certificate shows them in turn, and each is replaced by one of its kind: that one tells whether the
 * change came before its time. */
static void look_at_leaves(const struct history_server *r, const struct certificate_chain *chain,
                           struct past *out)
{
    char kind[HISTORY_KIND_CAP];
    bool key_known = false;
    kind_of(chain, kind);
    const struct history_leaf *before = last_leaf(r, kind);
    if (before == NULL)
        before = last_leaf(r, NULL);
    if (before == NULL)
        return;
    for (int i = 0; i < HISTORY_LEAVES; i++) {
        const struct history_leaf *leaf = &r->leaves[i];
        if (leaf->last_s == 0)
            continue;
        out->leaf_known |= memcmp(leaf->sha256, chain->sha256, sizeof leaf->sha256) == 0;
        key_known |= memcmp(leaf->key, chain->key_sha256, sizeof leaf->key) == 0;
    }
    out->other_leaf_known = memcmp(before->sha256, chain->sha256, sizeof before->sha256) != 0;
    out->other_key_known = !key_known;
    out->other_leaf_not_after = before->not_after;
}

static void look_at_pair(const struct history *h, const struct history_pair *r, const struct session *s,
                         struct past *out)
{
    int64_t now_s = seconds_of(s);
    out->pair_best_version = best_within(r->version_last_s, now_s, h->limits.version_days);
    if (r->failed_s != 0 && now_s >= r->failed_from_s && now_s - r->failed_s <= h->limits.fallback_window_s) {
        out->pair_failed_lately = true;
        out->pair_failed_offer = r->failed_offer;
    }
}

static void look_at_key(const struct history *h, const struct history_shared_key *r, const struct session *s,
                        struct past *out)
{
    uint32_t others = r->count;
    for (uint32_t i = 0; i < r->count && i < HISTORY_KEY_SERVERS; i++)
        if (memcmp(&r->servers[i], &s->server_address, sizeof s->server_address) == 0)
            others--;
    out->key_reused = others + 1 >= h->limits.key_servers;
}

/* Nearly every session has a pair of its own, and its place in a table of 256 KiB is in no cache. */
void history_expect(const struct history *h, const struct session *next, const struct session *later)
{
    if (next != NULL) {
        struct history_key key = pair_key(next);
        history_table_expect_row(&h->pairs, &key);
    }
    if (later != NULL) {
        struct history_key key = pair_key(later);
        history_table_expect(&h->pairs, &key);
    }
}

void history_look(struct history *h, const struct session *s, const struct certificate_chain *chain,
                  struct past *out)
{
    memset(out, 0, sizeof *out);
    struct history_key key = server_key(s);
    const struct history_server *server = history_table_find(&h->servers, &key);
    if (server != NULL) {
        look_at_offers(h, server, s, out);
        if (chain != NULL)
            look_at_leaves(server, chain, out);
        else
            learn_leaf(server, out);
        out->server_best_version = best_within(server->version_last_s, seconds_of(s), h->limits.version_days);
        out->most_dropped_tls13 = most_dropped(h, server, seconds_of(s));
    }
    key = pair_key(s);
    const struct history_pair *pair = history_table_find(&h->pairs, &key);
    if (pair != NULL)
        look_at_pair(h, pair, s, out);
    if (chain == NULL)
        return;
    key = key_key(chain);
    const struct history_shared_key *shared = history_table_find(&h->keys, &key);
    if (shared != NULL)
        look_at_key(h, shared, s, out);
}

/* ---- noting */

static void note_offer(struct history_server *r, const struct session *s, bool offered)
{
    int64_t now_s = seconds_of(s);
    struct history_day *day = &r->days[now_s / DAY_S % HISTORY_DAYS];
    if (day->day != now_s / DAY_S)
        *day = (struct history_day){.day = now_s / DAY_S};
    day->seen++;
    day->offered += offered;
    if (!offered)
        return;
    /* The clients that got the offer last, each once: the oldest place is given to a new one. */
    struct history_offer *place = &r->offers[0];
    for (int i = 0; i < HISTORY_OFFERS; i++) {
        if (memcmp(&r->offers[i].client, &s->client_address, sizeof s->client_address) == 0) {
            place = &r->offers[i];
            break;
        }
        if (r->offers[i].time_s < place->time_s)
            place = &r->offers[i];
    }
    place->client = s->client_address;
    place->time_s = now_s;
}

/* A time that lies far ahead was a clock's mistake; it must not stand in the way of the right one for years. */
static void note_time(int64_t *last_s, int64_t now_s)
{
    if (now_s > *last_s || *last_s - now_s > DAY_S)
        *last_s = now_s;
}

static void note_version(int64_t last_s[HISTORY_VERSIONS], uint16_t version, int64_t now_s)
{
    if (version >= 0x0300 && version < 0x0300 + HISTORY_VERSIONS)
        note_time(&last_s[version - 0x0300], now_s);
}

/* One of 64 places. Not salted, as what is reported depends on it; that two clients may share a place only makes the count cautious. */
static uint64_t client_bit(const struct address *client)
{
    uint64_t words[2];
    _Static_assert(sizeof words == sizeof *client, "an address is two words");
    memcpy(words, client, sizeof words);
    uint64_t h = words[0] ^ words[1] * UINT64_C(0xff51afd7ed558ccd);
    h = (h ^ h >> 32) * UINT64_C(0x9e3779b97f4a7c15); /* neighbours in a network must not share a place */
    h = (h ^ h >> 29) * UINT64_C(0xbf58476d1ce4e5b9);
    return UINT64_C(1) << (h >> 58);
}

static void note_hour(struct history_server *r, const struct session *s)
{
    int64_t hour = seconds_of(s) / HOUR_S;
    if (chosen_version(s) == 0 || s->tls.client_max_version < TLS13)
        return;
    if (r->hour != hour) {
        r->hour = hour;
        r->hour_clients = 0;
        r->hour_less = 0;
    }
    r->hour_clients |= client_bit(&s->client_address);
    if (chosen_version(s) < TLS13)
        r->hour_less |= client_bit(&s->client_address);
}

static void note_leaf(struct history_server *r, const struct certificate_chain *chain, int64_t now_s)
{
    struct history_leaf *place = &r->leaves[0];
    for (int i = 0; i < HISTORY_LEAVES; i++) {
        if (memcmp(r->leaves[i].sha256, chain->sha256, sizeof chain->sha256) == 0) {
            place = &r->leaves[i];
            break;
        }
        if (r->leaves[i].last_s < place->last_s)
            place = &r->leaves[i];
    }
    memcpy(place->sha256, chain->sha256, sizeof place->sha256);
    memcpy(place->key, chain->key_sha256, sizeof place->key);
    kind_of(chain, place->kind);
    place->not_after = chain->not_after;
    place->last_s = now_s;
}

static void note_shared_key(struct history *h, const struct session *s, const struct certificate_chain *chain)
{
    struct history_key key = key_key(chain);
    struct history_shared_key *r = history_table_add(&h->keys, &key);
    for (uint32_t i = 0; i < r->count && i < HISTORY_KEY_SERVERS; i++)
        if (memcmp(&r->servers[i], &s->server_address, sizeof s->server_address) == 0)
            return;
    if (r->count < HISTORY_KEY_SERVERS)
        r->servers[r->count++] = s->server_address;
}

static void note_pair(struct history *h, const struct session *s, const struct outcome *outcome)
{
    bool failed = tls_failed(outcome);
    if (!failed && chosen_version(s) == 0)
        return;
    struct history_key key = pair_key(s);
    struct history_pair *r = history_table_add(&h->pairs, &key);
    note_version(r->version_last_s, chosen_version(s), seconds_of(s));
    if (failed) {
        r->failed_from_s = seconds_of(s);
        r->failed_s = (int64_t)(s->last_ns / NS_PER_S);
        r->failed_offer = s->tls.client_max_version;
    }
}

void history_note(struct history *h, const struct session *s, const struct outcome *outcome,
                  const struct certificate_chain *chain)
{
    if (!s->final)
        return;
    note_pair(h, s, outcome);
    bool offered = false;
    bool shown = shows_offer(s, outcome->starttls, &offered);
    if (!shown && chosen_version(s) == 0 && chain == NULL)
        return; /* nothing to remember: a sweep over many addresses must not push out what is known of the real ones */
    struct history_key key = server_key(s);
    struct history_server *r = history_table_add(&h->servers, &key);
    if (shown)
        note_offer(r, s, offered);
    note_version(r->version_last_s, chosen_version(s), seconds_of(s));
    note_hour(r, s);
    if (chain == NULL)
        return;
    note_leaf(r, chain, seconds_of(s));
    note_shared_key(h, s, chain);
}

/* ---- memory */

void history_defaults(struct history_limits *limits)
{
    *limits = (struct history_limits){.servers = 16384,
                                      .pairs = 65536,
                                      .keys = 16384,
                                      .baseline_sessions = 20,
                                      .baseline_percent = 95,
                                      .baseline_days = 7,
                                      .path_window_s = 3600,
                                      .fallback_window_s = 60,
                                      .version_days = 30,
                                      .key_servers = 3};
}

struct history *history_open(const struct history_limits *limits)
{
    struct history *h = calloc(1, sizeof *h);
    if (h == NULL)
        return NULL;
    h->limits = *limits;
    bool good = history_table_open(&h->servers, limits->servers, sizeof(struct history_server)) &&
                history_table_open(&h->pairs, limits->pairs, sizeof(struct history_pair)) &&
                history_table_open(&h->keys, limits->keys, sizeof(struct history_shared_key));
    if (good)
        return h;
    history_close(h);
    return NULL;
}

void history_close(struct history *h)
{
    if (h == NULL)
        return;
    history_table_close(&h->servers);
    history_table_close(&h->pairs);
    history_table_close(&h->keys);
    free(h);
}

uint32_t history_servers(const struct history *h)
{
    return h->servers.count;
}
