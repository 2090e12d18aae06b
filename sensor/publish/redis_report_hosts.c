/* Servers, certificates, clients and alerts of a report that is read back from Redis. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sensor/publish/redis_report_parts.h"

enum { VIEW_ROWS = 2000, WORD_CAP = 32 };

static const int64_t always_ms = INT64_C(1) << 52;

static uint64_t positive(int64_t number)
{
    return number > 0 ? (uint64_t)number : 0;
}

/* Was it seen within the range? */
static bool seen(const struct redis_reading *r, const struct redis_row *row)
{
    return redis_row_number(row, "last_seen_ms", -1) >= r->from_ms &&
           redis_row_number(row, "first_seen_ms", INT64_MAX) < r->to_ms;
}

/* "192.0.2.25:25", "2001:db8::1:25": the port is behind the last colon. */
static void split_server(const char *text, char *ip, size_t cap, uint16_t *port)
{
    const char *colon = strrchr(text, ':');
    int64_t number = 0;
    *port = 0;
    report_copy(ip, cap, text);
    if (colon == NULL || !redis_number(span_of(colon + 1, strlen(colon + 1)), &number) || number < 0 ||
        number > UINT16_MAX)
        return;
    *port = (uint16_t)number;
    size_t length = (size_t)(colon - text);
    if (length < cap)
        ip[length] = '\0';
}

static uint16_t port_of(const struct redis_row *row)
{
    int64_t port = redis_row_number(row, "server_port", 0);
    return port > 0 && port <= UINT16_MAX ? (uint16_t)port : 0;
}

static enum severity severity_of(const struct redis_row *row)
{
    int64_t sev = redis_row_number(row, "sev", 0);
    return sev > 0 && sev < SEVERITY_COUNT ? (enum severity)sev : SEVERITY_NONE;
}

/* ---- servers ---- */

/* "a,b" becomes "a, b"; the first that the handbook knows is the one to look at. */
static void take_findings(struct report_server *s, const struct redis_row *row)
{
    char list[REPORT_RULES_CAP];
    size_t used = 0;
    s->gravest = RULE_COUNT;
    redis_row_text(row, "findings", list, sizeof list);
    for (char *id = list; *id != '\0';) {
        size_t length = strcspn(id, ",");
        bool more = id[length] == ',';
        id[length] = '\0';
        for (enum rule rule = 0; rule < RULE_COUNT && s->gravest == RULE_COUNT; rule++)
            if (strcmp(policy_rule(rule)->id, id) == 0)
                s->gravest = rule;
        int n = snprintf(s->rules + used, sizeof s->rules - used, "%s%s", used > 0 ? ", " : "", id);
        used += n > 0 && used + (size_t)n < sizeof s->rules ? (size_t)n : 0;
        id += length + more;
    }
    s->rules[used] = '\0';
}

static bool server_before(const struct report_server *a, const struct report_server *b)
{
    return a->worst != b->worst ? a->worst > b->worst : a->sessions > b->sessions;
}

static bool take_server(void *state, const struct redis_row *row)
{
    struct redis_reading *r = state;
    struct report *out = r->report;
    struct report_server s = {.worst = severity_of(row), .port = port_of(row)};
    if (!seen(r, row))
        return true;
    out->servers_total++;
    if (s.worst < SEVERITY_LOW)
        return true;
    out->servers_troubled++;
    s.sessions = positive(redis_row_number(row, "sessions", 0));
    redis_row_text(row, "server_ip", s.ip, sizeof s.ip);
    redis_row_text(row, "protocol", s.protocol, sizeof s.protocol);
    redis_row_text(row, "name", s.name, sizeof s.name);
    take_findings(&s, row);
    if (out->server_count == REPORT_SERVERS && !server_before(&s, &out->servers[REPORT_SERVERS - 1]))
        return true;
    size_t at = out->server_count < REPORT_SERVERS ? out->server_count++ : REPORT_SERVERS - 1;
    for (; at > 0 && server_before(&s, &out->servers[at - 1]); at--)
        out->servers[at] = out->servers[at - 1];
    out->servers[at] = s;
    return true;
}

bool redis_reading_servers(struct redis_reading *r)
{
    bool good = redis_reading_stream(r, "view:servers", 0, always_ms, take_server, r);
    r->report->servers_lost = r->report->servers_total >= VIEW_ROWS;
    return good;
}

/* ---- certificates ---- */

static void count_days(struct report *out, int64_t days)
{
    static const int64_t ends[REPORT_CERT_DAYS - 1] = {-1, 7, 14, 30, 90};
    static const int64_t windows[] = {7, 14, 30};
    size_t at = 0;
    while (at < REPORT_CERT_DAYS - 1 && days > ends[at])
        at++;
    out->certificate_days[at]++;
    out->certificate_sums.expired += days < 0;
    for (size_t i = 0; i < sizeof windows / sizeof windows[0]; i++)
        out->certificate_sums.within_days[i] += days >= 0 && days < windows[i];
}

static void take_key(struct report_certificate *c, const struct redis_row *row)
{
    char key[WORD_CAP];
    int64_t bits = redis_row_number(row, "key_bits", -1);
    redis_row_text(row, "key", key, sizeof key);
    if (key[0] == 'E' || bits <= 0) /* "EC P-256" and "Ed25519" say their size */
        report_copy(c->key, sizeof c->key, key);
    else
        snprintf(c->key, sizeof c->key, "%.24s %lld", key, (long long)bits);
}

/* Redis keeps that something about it is weak; the signature's name says whether it is that. */
static void take_weakness(struct report_certificate *c, const struct redis_row *row)
{
    char signature[WORD_CAP];
    bool weak = redis_row_number(row, "weak", 0) == 1;
    redis_row_text(row, "signature", signature, sizeof signature);
    c->weak_signature = weak && (strstr(signature, "sha1") != NULL || strstr(signature, "SHA1") != NULL ||
                                 strstr(signature, "md5") != NULL);
    c->weak_key = weak && !c->weak_signature;
    c->name_mismatch = redis_row_number(row, "mismatch", 0) == 1;
}

static void sum_certificate(struct report *out, const struct report_certificate *c)
{
    struct tally_certificate_sums *sums = &out->certificate_sums;
    sums->certificates++;
    sums->weak_key += c->weak_key;
    sums->weak_signature += c->weak_signature;
    sums->name_mismatch += c->name_mismatch;
    tally_names_count(&sums->trust, c->trust);
    tally_names_count(&sums->keys, c->key);
    count_days(out, c->days_left);
}

static bool take_certificate(void *state, const struct redis_row *row)
{
    struct redis_reading *r = state;
    struct report *out = r->report;
    struct report_certificate c = {.days_left = redis_row_number(row, "cert_days", 0)};
    char server[REPORT_TEXT_CAP];
    if (!seen(r, row) || redis_row_number(row, "not_after_ms", -1) < 0)
        return true;
    split_server(redis_row_text(row, "server", server, sizeof server), c.ip, sizeof c.ip, &c.port);
    redis_row_text(row, "names", c.hosts, sizeof c.hosts);
    if (c.hosts[0] == '\0')
        redis_row_text(row, "subject", c.hosts, sizeof c.hosts);
    redis_row_text(row, "trust", c.trust, sizeof c.trust);
    take_key(&c, row);
    take_weakness(&c, row);
    sum_certificate(out, &c);
    if (out->certificate_count == REPORT_CERTIFICATES &&
        c.days_left >= out->certificates[REPORT_CERTIFICATES - 1].days_left)
        return true;
    size_t at = out->certificate_count < REPORT_CERTIFICATES ? out->certificate_count++
                                                             : REPORT_CERTIFICATES - 1;
    for (; at > 0 && c.days_left < out->certificates[at - 1].days_left; at--)
        out->certificates[at] = out->certificates[at - 1];
    out->certificates[at] = c;
    return true;
}

bool redis_reading_certificates(struct redis_reading *r)
{
    return redis_reading_stream(r, "view:certs", 0, always_ms, take_certificate, r);
}

/* ---- clients ---- */

static size_t version_index(const char *version)
{
    static const char *const names[TALLY_VERSIONS] = {"SSL2", "SSL3", "TLS1.0", "TLS1.1", "TLS1.2", "TLS1.3"};
    for (size_t i = 0; i < TALLY_VERSIONS; i++)
        if (strcmp(names[i], version) == 0)
            return i;
    return 0;
}

static int ways_to_break(const struct report_client *c)
{
    return (c->until_tls11 > 0) + (c->without_aead > 0) + (c->without_ecdhe > 0);
}

static bool client_before(const struct report_client *a, const struct report_client *b)
{
    int ways_a = ways_to_break(a);
    int ways_b = ways_to_break(b);
    return ways_a != ways_b ? ways_a > ways_b : a->hellos > b->hellos;
}

static void sum_client(struct tally_client_sums *sums, const struct report_client *c)
{
    sums->clients++;
    sums->best_offer[version_index(c->best_version)]++;
    sums->weak += c->weak > 0;
    sums->break_tls12 += c->until_tls11 > 0;
    sums->break_aead += c->without_aead > 0;
    sums->break_ecdhe += c->without_ecdhe > 0;
    sums->listed += ways_to_break(c) > 0;
}

/* One that never sent a ClientHello offers nothing to judge. Redis keeps whether a client cannot do
 * something, so that is told of all its hellos. */
static bool take_client(void *state, const struct redis_row *row)
{
    struct redis_reading *r = state;
    struct report *out = r->report;
    struct report_client c = {.hellos = 0};
    redis_row_text(row, "best_version", c.best_version, sizeof c.best_version);
    if (!seen(r, row) || c.best_version[0] == '\0')
        return true;
    uint64_t sessions = positive(redis_row_number(row, "sessions", 0));
    c.hellos = sessions - positive(redis_row_number(row, "plaintext", 0));
    c.hellos = c.hellos > 0 && c.hellos <= sessions ? c.hellos : sessions;
    c.until_tls11 = redis_row_number(row, "legacy", 0) == 1 ? c.hellos : 0;
    c.without_aead = redis_row_number(row, "no_aead", 0) == 1 ? c.hellos : 0;
    c.without_ecdhe = redis_row_number(row, "no_ecdhe", 0) == 1 ? c.hellos : 0;
    c.weak = positive(redis_row_number(row, "weak_offer", 0));
    redis_row_text(row, "client", c.ip, sizeof c.ip);
    redis_row_text(row, "helo", c.helo, sizeof c.helo);
    redis_row_text(row, "ja4", c.ja4, sizeof c.ja4);
    sum_client(&out->client_sums, &c);
    if (ways_to_break(&c) == 0 ||
        (out->client_count == REPORT_CLIENTS && !client_before(&c, &out->clients[REPORT_CLIENTS - 1])))
        return true;
    size_t at = out->client_count < REPORT_CLIENTS ? out->client_count++ : REPORT_CLIENTS - 1;
    for (; at > 0 && client_before(&c, &out->clients[at - 1]); at--)
        out->clients[at] = out->clients[at - 1];
    out->clients[at] = c;
    return true;
}

bool redis_reading_clients(struct redis_reading *r)
{
    return redis_reading_stream(r, "view:clients", 0, always_ms, take_client, r);
}

/* ---- alerts ---- */

enum { OPEN_CAP = 4096 };

/* The alerts raised and not cleared since, in the order in which they were raised. */
struct open_alerts {
    struct report_alert rows[OPEN_CAP];
    uint64_t hashes[OPEN_CAP]; /* 0: free */
    uint64_t lost;
};

static uint64_t hash_of(const char *rule, const char *server, const char *sensor)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    const char *const texts[] = {rule, server, sensor};
    for (size_t i = 0; i < 3; i++)
        for (const char *p = texts[i];; p++) {
            hash = (hash ^ (unsigned char)*p) * UINT64_C(1099511628211);
            if (*p == '\0')
                break;
        }
    return hash == 0 ? 1 : hash;
}

/* Its place, or a free one where there is none; OPEN_CAP where all are taken. */
static size_t place_of(const struct open_alerts *open, uint64_t hash)
{
    size_t free_place = OPEN_CAP;
    for (size_t i = 0; i < OPEN_CAP; i++) {
        size_t at = (hash + i) % OPEN_CAP;
        if (open->hashes[at] == hash)
            return at;
        if (open->hashes[at] == 0 && free_place == OPEN_CAP)
            free_place = at;
    }
    return free_place;
}

static bool take_alert(void *state, const struct redis_row *row)
{
    struct open_alerts *open = state;
    struct report_alert a = {.severity = severity_of(row)};
    char ip[64];
    char sensor[CONFIG_NAME_CAP];
    char word[16];
    redis_row_text(row, "rule", a.rule, sizeof a.rule);
    redis_row_text(row, "server_ip", ip, sizeof ip);
    redis_row_text(row, "sensor", sensor, sizeof sensor);
    if (ip[0] != '\0')
        snprintf(a.server, sizeof a.server, "%s:%u", ip, port_of(row));
    uint64_t hash = hash_of(a.rule, a.server, sensor);
    size_t at = place_of(open, hash);
    bool raised = strcmp(redis_row_text(row, "state", word, sizeof word), "raised") == 0;
    if (at == OPEN_CAP) {
        open->lost += raised;
        return true;
    }
    open->hashes[at] = raised ? hash : 0;
    redis_row_text(row, "server_name", a.name, sizeof a.name);
    a.hits = positive(redis_row_number(row, "hits", 0));
    a.first_ms = redis_row_number(row, "first_ts", 0);
    a.last_ms = redis_row_number(row, "last_ts", 0);
    open->rows[at] = a;
    return true;
}

static bool alert_before(const struct report_alert *a, const struct report_alert *b)
{
    if (a->severity != b->severity)
        return a->severity > b->severity;
    if (a->first_ms != b->first_ms)
        return a->first_ms > b->first_ms;
    int order = strcmp(a->rule, b->rule);
    return order != 0 ? order < 0 : strcmp(a->server, b->server) < 0;
}

bool redis_reading_alerts(struct redis_reading *r)
{
    struct report *out = r->report;
    struct open_alerts *open = calloc(1, sizeof *open);
    if (open == NULL) {
        snprintf(r->why, sizeof r->why, "no memory for the alerts");
        return false;
    }
    bool good = redis_reading_stream(r, "alerts", 0, always_ms, take_alert, open);
    out->alerts_open = open->lost;
    for (size_t i = 0; i < OPEN_CAP; i++) {
        const struct report_alert *a = &open->rows[i];
        if (open->hashes[i] == 0)
            continue;
        out->alerts_open++;
        if (out->alert_count == REPORT_ALERTS && !alert_before(a, &out->alerts[REPORT_ALERTS - 1]))
            continue;
        size_t at = out->alert_count < REPORT_ALERTS ? out->alert_count++ : REPORT_ALERTS - 1;
        for (; at > 0 && alert_before(a, &out->alerts[at - 1]); at--)
            out->alerts[at] = out->alerts[at - 1];
        out->alerts[at] = *a;
    }
    free(open);
    return good;
}
