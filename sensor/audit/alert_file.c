/* The file of the open alerts: a count, then a row each. It is this program's own, but it lies on a disk that others may
 * write to: everything in it is checked before a row is believed. */
#include <string.h>

#include "sensor/audit/alert_parts.h"
#include "sensor/capture/mirror.h"
#include "sensor/host/kept.h"

enum { WORD_CAP = 16 };

static const struct kept_kind kind = {"list of open alerts", "waxseal-open-1\n"};

/* Texts end with a NUL, and what is behind it is zero. */
struct row {
    int64_t first_ms;
    int64_t last_ms;
    uint64_t hits;
    uint16_t server_port;
    uint8_t severity;
    uint8_t handed;
    char protocol[WORD_CAP];
    char role[WORD_CAP];
    char rule[ALERT_RULE_CAP];
    char server_ip[ALERT_ADDRESS_CAP];
    char client_ip[ALERT_ADDRESS_CAP];
    char server_name[ALERT_TEXT_CAP];
    char session[ALERT_ID_CAP];
    char detail[2 * ALERT_TEXT_CAP];
};

static void put_row(struct kept *k, const struct alert *alert, bool handed)
{
    struct row row;
    memset(&row, 0, sizeof row); /* no octet of the stack into a file */
    row.first_ms = alert->first_ms;
    row.last_ms = alert->last_ms;
    row.hits = alert->hits;
    row.server_port = alert->server_port;
    row.severity = (uint8_t)alert->severity;
    row.handed = handed;
    alerts_copy_text(row.protocol, sizeof row.protocol, alert->protocol);
    alerts_copy_text(row.role, sizeof row.role, alert->role);
    alerts_copy_text(row.rule, sizeof row.rule, alert->rule);
    alerts_copy_text(row.server_ip, sizeof row.server_ip, alert->server_ip);
    alerts_copy_text(row.client_ip, sizeof row.client_ip, alert->client_ip);
    alerts_copy_text(row.server_name, sizeof row.server_name, alert->server_name);
    alerts_copy_text(row.session, sizeof row.session, alert->session);
    alerts_copy_text(row.detail, sizeof row.detail, alert->detail);
    kept_put(k, &row, sizeof row);
}

static void put_all(struct kept *k, const void *context)
{
    const struct alerts *a = context;
    uint64_t count = 0;
    for (int severity = 0; severity < SEVERITY_COUNT; severity++)
        count += a->open[severity];
    kept_put(k, &count, sizeof count);
    for (uint32_t i = 0; i < a->used; i++)
        if (a->entries[i].open)
            put_row(k, &a->told[i], a->entries[i].handed);
}

bool alerts_save(const struct alerts *a, const char *path, char *error)
{
    return kept_save(path, &kind, put_all, a, error);
}

/* ---- loading ---- */

static bool is_text(const char *text, size_t cap)
{
    return memchr(text, '\0', cap) != NULL;
}

static bool is_sane(const struct row *r)
{
    static const int64_t LATEST_MS = INT64_C(1)
                                     << 48; /* times are added and subtracted; year 9999 is below it */
    bool times = r->first_ms >= 0 && r->first_ms <= r->last_ms && r->last_ms < LATEST_MS;
    bool texts = is_text(r->protocol, sizeof r->protocol) && is_text(r->role, sizeof r->role) &&
                 is_text(r->rule, sizeof r->rule) && is_text(r->server_ip, sizeof r->server_ip) &&
                 is_text(r->client_ip, sizeof r->client_ip) &&
                 is_text(r->server_name, sizeof r->server_name) && is_text(r->session, sizeof r->session) &&
                 is_text(r->detail, sizeof r->detail);
    return times && texts && r->severity > SEVERITY_NONE && r->severity < SEVERITY_COUNT && r->handed <= 1;
}

/* The program's own word for the one in the file; "" where it has none. */
static const char *protocol_word(const char *word)
{
    for (int i = 0; i < PROTOCOL_COUNT; i++)
        if (strcmp(word, session_protocol_word((enum protocol)i)) == 0)
            return session_protocol_word((enum protocol)i);
    return "";
}

static const char *role_word(const char *word)
{
    for (int i = 0; i < ROLE_COUNT; i++)
        if (strcmp(word, session_role_word((enum role)i)) == 0)
            return session_role_word((enum role)i);
    return "";
}

/* "" for a rule of the user's own, and for one that this version does not have. */
static const char *advice_of(const char *rule)
{
    for (int i = 0; i < RULE_COUNT; i++)
        if (strcmp(rule, policy_rule((enum rule)i)->id) == 0)
            return policy_rule((enum rule)i)->advice;
    for (int i = 0; i < MIRROR_RULE_COUNT; i++)
        if (strcmp(rule, mirror_rule_info((enum mirror_rule)i)->id) == 0)
            return mirror_rule_info((enum mirror_rule)i)->advice;
    return "";
}

/* With a bound that was lowered since, the least severe are given up, as they would have been. */
static void restore(struct alerts *a, const struct row *r)
{
    struct alert_entry *e = alerts_enter(a, r->rule, (enum severity)r->severity, r->server_ip, r->server_port,
                                         r->last_ms);
    if (e == NULL)
        return;
    struct alert *alert = &a->told[e - a->entries];
    e->handed = r->handed;
    alert->first_ms = r->first_ms;
    alert->hits = r->hits;
    alert->protocol = protocol_word(r->protocol);
    alert->role = role_word(r->role);
    alert->advice = advice_of(r->rule);
    alerts_copy_text(alert->client_ip, sizeof alert->client_ip, r->client_ip);
    alerts_copy_text(alert->server_name, sizeof alert->server_name, r->server_name);
    alerts_copy_text(alert->session, sizeof alert->session, r->session);
    alerts_copy_text(alert->detail, sizeof alert->detail, r->detail);
}

static bool get_rows(struct kept *k, struct alerts *a)
{
    uint64_t count = 0;
    kept_get(k, &count, sizeof count);
    for (uint64_t i = 0; i < count && !k->failed; i++) {
        struct row row;
        kept_get(k, &row, sizeof row);
        if (k->failed || !is_sane(&row))
            return false;
        if (a != NULL && (enum severity)row.severity >= a->limits.from)
            restore(a, &row);
    }
    return !k->failed;
}

static bool check(struct kept *k, void *context)
{
    (void)context;
    return get_rows(k, NULL);
}

static bool take(struct kept *k, void *context)
{
    return get_rows(k, context);
}

/* Twice: to give one up hands it out, which cannot be taken back, so the whole file is looked at before. */
bool alerts_load(struct alerts *a, const char *path, char *error)
{
    return kept_load(path, &kind, check, NULL, error) && kept_load(path, &kind, take, a, error);
}
