#include "sensor/audit/house.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "sensor/audit/house_parts.h"

enum { NS_PER_S = 1000000000 };

static bool has(const uint64_t *set, enum rule rule)
{
    return set[rule / 64] >> rule % 64 & 1;
}

/* ---- patterns and networks */

static unsigned char folded(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
}

/* A star takes as little as it can, and one octet more at each setback: only the last star need be remembered. */
bool house_pattern_matches(const char *pattern, const char *text)
{
    const char *behind_star = NULL;
    const char *retry = NULL;
    while (*text != '\0') {
        if (*pattern == '*') {
            behind_star = ++pattern;
            retry = text;
        } else if (*pattern == '?' || (*pattern != '\0' && folded(*pattern) == folded(*text))) {
            pattern++;
            text++;
        } else if (behind_star != NULL) {
            pattern = behind_star;
            text = ++retry;
        } else {
            return false;
        }
    }
    return pattern[strspn(pattern, "*")] == '\0';
}

bool house_network_holds(const struct house_network *n, const struct address *a, uint8_t family)
{
    if (n->family == IP_NONE)
        return true;
    unsigned whole = n->bits / 8;
    unsigned rest = n->bits % 8;
    if (n->family != family || memcmp(n->address.bytes, a->bytes, whole) != 0)
        return false;
    return rest == 0 || (a->bytes[whole] ^ n->address.bytes[whole]) >> (8 - rest) == 0;
}

/* ---- exceptions */

bool house_ended(const struct house_exception *x, int64_t now_s)
{
    return now_s >= x->ends_s;
}

const char *house_ended_say(const struct house_exception *x, size_t number, char *out, size_t cap)
{
    time_t last_s = (time_t)(x->ends_s - 1);
    struct tm day;
    char date[16] = "?";
    if (gmtime_r(&last_s, &day) != NULL)
        strftime(date, sizeof date, "%Y-%m-%d", &day);
    snprintf(out, cap,
             "policy.exceptions[%zu] (%s) ended on %s and no longer applies: ask %s, or renew it (%s)",
             number, x->rule_text[0] != '\0' ? x->rule_text : "all rules", date, x->owner, x->reason);
    return out;
}

static bool exception_applies(const struct house_exception *x, const struct session *s)
{
    return !house_ended(x, (int64_t)(s->first_ns / NS_PER_S)) &&
           house_network_holds(&x->server, &s->server_address, s->family) &&
           house_network_holds(&x->client, &s->client_address, s->family) &&
           (x->server_port == 0 || x->server_port == s->server_port) &&
           (x->sni[0] == '\0' || (s->sni[0] != '\0' && house_pattern_matches(x->sni, s->sni)));
}

static void apply_exceptions(const struct house *h, const struct session *s, struct judgement *j)
{
    uint64_t taken[RULE_WORDS] = {0};
    for (size_t i = 0; i < h->exception_count; i++)
        if (exception_applies(&h->exceptions[i], s))
            for (size_t word = 0; word < RULE_WORDS; word++)
                taken[word] |= h->exceptions[i].rules[word];
    size_t kept = 0;
    for (size_t i = 0; i < j->finding_count; i++) {
        enum rule rule = j->findings[i].rule;
        if (has(taken, rule))
            j->excepted[rule / 64] |= UINT64_C(1) << rule % 64;
        else
            j->findings[kept++] = j->findings[i];
    }
    j->finding_count = kept;
}

/* ---- severities */

static void apply_severities(const struct house *h, const struct session *s, struct judgement *j)
{
    for (size_t i = 0; i < j->finding_count; i++)
        for (size_t k = 0; k < h->severity_count; k++) {
            const struct house_severity *row = &h->severities[k];
            if (has(row->rules, j->findings[i].rule) && (row->role == ROLE_UNKNOWN || row->role == s->role))
                j->findings[i].severity = row->severity;
        }
}

void house_judge(const struct house *h, const struct facts *f, struct judgement *j)
{
    const struct session *s = f->session;
    j->own_rules = h->rules;
    j->expected = house_expectation_find(h, s);
    apply_severities(h, s, j);
    if (j->expected != NULL)
        house_harden(j->expected, j);
    if (j->finding_count > 0 && h->exception_count > 0)
        apply_exceptions(h, s, j);
    if (j->expected != NULL || h->severity_count > 0 || h->exception_count > 0)
        policy_settle(s, j);
}

/* ---- own rules */

/* -1 is an unknown number; but of a certificate that ended within the last day it is the number of days left. */
static bool number_known(const struct event *e, enum event_field field)
{
    if (field == EVENT_cert_days_left)
        return e->values[EVENT_cert_not_after].number != -1;
    return e->values[field].number != -1;
}

static bool number_holds(const struct house_condition *c, const struct event *e)
{
    int64_t number = e->values[c->field].number;
    bool equal = false;
    for (size_t i = 0; i < c->value_count; i++)
        equal |= c->numbers[i] == number;
    switch (c->test) {
    case HOUSE_EQUALS:
    case HOUSE_IN: return equal;
    case HOUSE_NOT: return !equal;
    case HOUSE_LESS: return number_known(e, c->field) && number < c->numbers[0];
    case HOUSE_GREATER: return number_known(e, c->field) && number > c->numbers[0];
    case HOUSE_CONTAINS:
    case HOUSE_MATCHES:
    case HOUSE_TEST_COUNT: break;
    }
    return false;
}

static bool is_one_of(const struct house_condition *c, const char *text)
{
    const char *value = c->texts;
    for (size_t i = 0; i < c->value_count; i++, value += strlen(value) + 1)
        if (strcasecmp(value, text) == 0)
            return true;
    return false;
}

static bool text_holds(const struct house_condition *c, const char *text)
{
    switch (c->test) {
    case HOUSE_EQUALS:
    case HOUSE_IN: return is_one_of(c, text);
    case HOUSE_NOT: return !is_one_of(c, text);
    case HOUSE_CONTAINS: return strcasestr(text, c->texts) != NULL;
    case HOUSE_MATCHES: return house_pattern_matches(c->texts, text);
    case HOUSE_LESS:
    case HOUSE_GREATER:
    case HOUSE_TEST_COUNT: break;
    }
    return false;
}

static bool rule_holds(const struct house_rule *rule, const struct event *e)
{
    for (size_t i = 0; i < rule->condition_count; i++) {
        const struct house_condition *c = &rule->conditions[i];
        bool holds = event_field_kind(c->field) == EVENT_NUMBER ? number_holds(c, e)
                                                                : text_holds(c, e->values[c->field].text);
        if (!holds)
            return false;
    }
    return true;
}

bool house_apply_own(const struct house *h, const struct event *e, struct judgement *j)
{
    uint64_t hit = 0;
    uint64_t taken = 0;
    for (size_t i = 0; i < h->rule_count; i++)
        hit |= (uint64_t)rule_holds(&h->rules[i], e) << i;
    if (hit == 0)
        return false;
    for (size_t i = 0; i < h->exception_count; i++)
        if (exception_applies(&h->exceptions[i], e->session))
            taken |= h->exceptions[i].own_rules;
    j->own = hit & ~taken;
    j->own_excepted = hit & taken;
    for (size_t i = 0; i < h->rule_count; i++)
        if ((j->own >> i & 1) != 0 && h->rules[i].severity > j->own_worst)
            j->own_worst = h->rules[i].severity;
    policy_settle(e->session, j);
    return true;
}
