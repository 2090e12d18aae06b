#include "sensor/config_policy_texts.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

enum { DAY_S = 86400, FIRST_YEAR = 2000, LAST_YEAR = 9999 };

/* The keys, in the order of config_lists. */
enum {
    EXCEPTION_RULE,
    EXCEPTION_SERVER,
    EXCEPTION_PORT,
    EXCEPTION_CLIENT,
    EXCEPTION_SNI,
    EXCEPTION_OWNER,
    EXCEPTION_REASON,
    EXCEPTION_EXPIRES
};
enum { SEVERITY_KEY_RULE, SEVERITY_KEY_ROLE, SEVERITY_KEY_SEVERITY };
enum { RULE_KEY_ID, RULE_KEY_SEVERITY };
enum { EXPECTATION_NAME, EXPECTATION_DOMAIN, EXPECTATION_MTA_STS, EXPECTATION_DANE };

bool config_fault_set(struct config_fault *fault, const char *key, const char *found, const char *expected,
                      ...)
{
    va_list arguments;
    va_start(arguments, expected);
    fault->key = key;
    fault->condition = 0;
    fault->found = found;
    vsnprintf(fault->expected, sizeof fault->expected, expected, arguments);
    va_end(arguments);
    return false;
}

/* ---- single texts */

static bool take_text(const char *text, char *place, size_t cap)
{
    size_t length = text != NULL ? strlen(text) : 0;
    if (length == 0 || length >= cap)
        return false;
    memcpy(place, text, length + 1);
    return true;
}

/* Host names, and with `more` patterns of them. */
static bool take_name(const char *text, const char *more, char *place)
{
    for (const char *p = text; *p != '\0'; p++)
        if (!(*p >= '0' && *p <= '9') && !((*p | 0x20) >= 'a' && (*p | 0x20) <= 'z') &&
            strchr("-._", *p) == NULL && strchr(more, *p) == NULL)
            return false;
    return take_text(text, place, HOUSE_NAME_CAP);
}

static void mask_off(struct address *a, unsigned bits)
{
    for (unsigned i = 0; i < sizeof a->bytes; i++) {
        unsigned kept = bits > 8 * i ? bits - 8 * i : 0;
        if (kept < 8)
            a->bytes[i] &= (uint8_t)(0xff00 >> kept);
    }
}

bool config_network_of(const char *text, struct house_network *out)
{
    char address[64];
    unsigned bits = 0;
    size_t length = strcspn(text, "/");
    if (length >= sizeof address)
        return false;
    memcpy(address, text, length);
    address[length] = '\0';
    *out = (struct house_network){0};
    out->family = inet_pton(AF_INET, address, out->address.bytes) == 1    ? IP_V4
                  : inet_pton(AF_INET6, address, out->address.bytes) == 1 ? IP_V6
                                                                          : IP_NONE;
    unsigned whole = out->family == IP_V4 ? 32 : 128;
    const char *digits = text[length] == '/' ? text + length + 1 : NULL;
    if (digits != NULL &&
        (digits[0] == '\0' || strlen(digits) > 3 || strspn(digits, "0123456789") != strlen(digits)))
        return false;
    for (const char *p = digits; p != NULL && *p != '\0'; p++)
        bits = bits * 10 + (unsigned)(*p - '0');
    out->bits = (uint8_t)(digits != NULL && bits <= whole ? bits : whole);
    struct address masked = out->address;
    mask_off(&masked, out->bits);
    return out->family != IP_NONE && (digits == NULL || bits <= whole) &&
           memcmp(&masked, &out->address, sizeof masked) == 0;
}

static bool read_network(const struct config_entry *e, size_t which, const char *key,
                         struct house_network *out, struct config_fault *fault)
{
    const char *text = e->values[which];
    return text == NULL || config_network_of(text, out) ||
           config_fault_set(fault, key, text,
                            "an address, or a network without bits beyond its length such as 192.0.2.0/24");
}

/* A day that there is; an exception holds to its end, UTC. */
static bool take_day(const char *text, int64_t *ends_s)
{
    struct tm t = {0};
    struct tm back;
    const char *end = text != NULL ? strptime(text, "%Y-%m-%d", &t) : NULL;
    if (end == NULL || *end != '\0' || t.tm_year < FIRST_YEAR - 1900 || t.tm_year > LAST_YEAR - 1900)
        return false;
    struct tm day = t;
    time_t seconds = timegm(&day);
    *ends_s = (int64_t)seconds + DAY_S;
    return gmtime_r(&seconds, &back) != NULL && back.tm_mday == t.tm_mday && back.tm_mon == t.tm_mon;
}

static bool read_severity(const char *text, enum severity *out, struct config_fault *fault)
{
    *out = text != NULL ? policy_severity_of_word(text) : SEVERITY_COUNT;
    return (*out != SEVERITY_COUNT && *out != SEVERITY_NONE) ||
           config_fault_set(fault, "severity", text, "info, low, medium, high or critical");
}

/* The rules whose ids a pattern matches; of the user's own only where `own` is given. */
static bool take_rules(const char *pattern, const struct config_policy *p, uint64_t *rules, uint64_t *own)
{
    bool any = false;
    for (size_t rule = 0; rule < RULE_COUNT; rule++)
        if (house_pattern_matches(pattern, policy_rule((enum rule)rule)->id)) {
            rules[rule / 64] |= UINT64_C(1) << rule % 64;
            any = true;
        }
    for (size_t i = 0; own != NULL && i < p->rule_count; i++)
        if (house_pattern_matches(pattern, p->rules[i].id)) {
            *own |= UINT64_C(1) << i;
            any = true;
        }
    return any;
}

/* ---- exceptions */

static bool read_port(const char *text, uint16_t *out, struct config_fault *fault)
{
    uint64_t number = 0;
    if (text == NULL)
        return true;
    bool good = config_number_of(text, &number) && number >= 1 && number <= UINT16_MAX;
    *out = (uint16_t)number;
    return good || config_fault_set(fault, "port", text, "a port from 1 to 65535");
}

/* What it takes away, and where. */
static bool read_exception_scope(const struct config_entry *e, const struct config_policy *p,
                                 struct house_exception *out, struct config_fault *fault)
{
    const char *rule = e->values[EXCEPTION_RULE];
    const char *sni = e->values[EXCEPTION_SNI];
    if (rule == NULL && sni == NULL && e->values[EXCEPTION_SERVER] == NULL &&
        e->values[EXCEPTION_CLIENT] == NULL)
        return config_fault_set(fault, NULL, NULL, "at least one of rule, server, client, sni");
    if (!take_rules(rule != NULL ? rule : "*", p, out->rules, &out->own_rules) ||
        (rule != NULL && !take_text(rule, out->rule_text, sizeof out->rule_text)))
        return config_fault_set(fault, "rule", rule,
                                "the id of a rule (waxseal rules lists them), or a pattern of ids");
    if (sni != NULL && !take_name(sni, "*?", out->sni))
        return config_fault_set(fault, "sni", sni, "a host name, or a pattern such as *.example.org");
    return read_network(e, EXCEPTION_SERVER, "server", &out->server, fault) &&
           read_network(e, EXCEPTION_CLIENT, "client", &out->client, fault) &&
           read_port(e->values[EXCEPTION_PORT], &out->server_port, fault);
}

bool config_exception_read(const struct config_entry *e, const struct config_policy *p,
                           struct house_exception *out, struct config_fault *fault)
{
    const char *owner = e->values[EXCEPTION_OWNER];
    const char *reason = e->values[EXCEPTION_REASON];
    const char *expires = e->values[EXCEPTION_EXPIRES];
    *out = (struct house_exception){0};
    if (!read_exception_scope(e, p, out, fault))
        return false;
    if (!take_text(owner, out->owner, sizeof out->owner))
        return config_fault_set(fault, "owner", owner, "who answers for it, in at most %zu bytes",
                                sizeof out->owner - 1);
    if (!take_text(reason, out->reason, sizeof out->reason))
        return config_fault_set(fault, "reason", reason, "why it is accepted, in at most %zu bytes",
                                sizeof out->reason - 1);
    return take_day(expires, &out->ends_s) ||
           config_fault_set(fault, "expires", expires, "the last day on which it holds, such as 2027-06-30");
}

/* ---- severities */

bool config_severity_read(const struct config_entry *e, struct house_severity *out,
                          struct config_fault *fault)
{
    const char *rule = e->values[SEVERITY_KEY_RULE];
    const char *role = e->values[SEVERITY_KEY_ROLE];
    *out = (struct house_severity){0};
    if (rule == NULL || !take_rules(rule, NULL, out->rules, NULL))
        return config_fault_set(fault, "rule", rule,
                                "the id of a rule (waxseal rules lists them), or a pattern of ids");
    out->role = role != NULL ? config_role_of_word(role) : ROLE_UNKNOWN;
    if (role != NULL && out->role == ROLE_UNKNOWN)
        return config_fault_set(fault, "role", role, "relay, submission, access or delivery");
    return read_severity(e->values[SEVERITY_KEY_SEVERITY], &out->severity, fault);
}

/* ---- own rules */

static bool is_id(const char *text)
{
    return text != NULL && text[0] >= 'a' && text[0] <= 'z' && strlen(text) < HOUSE_ID_CAP &&
           strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen(text);
}

bool config_rule_read(const struct config_entry *e, const struct config_policy *p, struct house_rule *out,
                      struct config_fault *fault)
{
    const char *id = e->values[RULE_KEY_ID];
    *out = (struct house_rule){0};
    if (!is_id(id) || !take_text(id, out->id, sizeof out->id))
        return config_fault_set(fault, "id", id, "at most %d small letters, digits and '_', a letter first",
                                HOUSE_ID_CAP - 1);
    for (size_t rule = 0; rule < RULE_COUNT; rule++)
        if (strcmp(policy_rule((enum rule)rule)->id, id) == 0)
            return config_fault_set(fault, "id", id, "an id that no rule of Waxseal has");
    for (size_t i = 0; i < p->rule_count; i++)
        if (strcmp(p->rules[i].id, id) == 0)
            return config_fault_set(fault, "id", id, "an id that no other rule of this list has");
    return read_severity(e->values[RULE_KEY_SEVERITY], &out->severity, fault) &&
           config_conditions_read(e, out, fault);
}

/* ---- expectations */

static bool take_sts(const char *text, enum house_sts *out)
{
    *out = text == NULL || strcmp(text, "none") == 0 ? HOUSE_STS_NONE
           : strcmp(text, "testing") == 0            ? HOUSE_STS_TESTING
                                                     : HOUSE_STS_ENFORCE;
    return *out != HOUSE_STS_ENFORCE || strcmp(text, "enforce") == 0;
}

static bool take_dane(const char *text, enum house_dane *out)
{
    *out = text == NULL || strcmp(text, "none") == 0 ? HOUSE_DANE_NONE
           : strcmp(text, "ta") == 0                 ? HOUSE_DANE_TA
                                                     : HOUSE_DANE_EE;
    return *out != HOUSE_DANE_EE || strcmp(text, "ee") == 0;
}

static bool read_addresses(const struct config_entry *e, struct house_expectation *out,
                           struct config_fault *fault)
{
    for (unsigned i = 0; i < e->text_count; i++)
        if (!config_network_of(e->texts[i], &out->addresses[out->address_count++]))
            return config_fault_set(fault, "addresses", e->texts[i],
                                    "addresses, or networks without bits beyond their length");
    return true;
}

bool config_expectation_read(const struct config_entry *e, const struct config_policy *p,
                             struct house_expectation *out, struct config_fault *fault)
{
    const char *name = e->values[EXPECTATION_NAME];
    const char *domain = e->values[EXPECTATION_DOMAIN];
    const char *sts = e->values[EXPECTATION_MTA_STS];
    const char *dane = e->values[EXPECTATION_DANE];
    *out = (struct house_expectation){0};
    if (name == NULL || !take_name(name, "", out->name))
        return config_fault_set(fault, "name", name, "the name of a host, such as mx.example.org");
    for (size_t i = 0; i < p->expectation_count; i++)
        if (strcasecmp(p->expectations[i].name, name) == 0)
            return config_fault_set(fault, "name", name, "a name that no other entry of this list has");
    if (domain != NULL && !take_name(domain, "", out->domain))
        return config_fault_set(fault, "domain", domain, "a mail domain, such as example.org");
    if (!take_sts(sts, &out->mta_sts))
        return config_fault_set(fault, "mta_sts", sts, "enforce, testing or none");
    if (!take_dane(dane, &out->dane))
        return config_fault_set(fault, "dane", dane, "ee (usage 3), ta (usage 2) or none");
    if (e->text_count == 0 && sts == NULL && dane == NULL)
        return config_fault_set(fault, NULL, NULL,
                                "beside the name at least one of addresses, mta_sts, dane");
    return read_addresses(e, out, fault);
}
