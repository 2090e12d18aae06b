/* What is expected of destinations: whom a server belongs to, what its policies make of findings, and what a sending host would report
 * of the session (RFC 8460). */
#include <string.h>
#include <strings.h>

#include "sensor/audit/house_parts.h"

/* What a policy makes of a finding, in rising order but for the last. */
enum effect { EFFECT_AS_IS, EFFECT_HIGH, EFFECT_CRITICAL, EFFECT_MEANINGLESS };

static const struct hard {
    enum rule rule;
    enum effect mta_sts, dane_ta, dane_ee;
} hard_rules[] = {
#define HARD(rule, mta_sts, dane_ta, dane_ee)                                                                \
    {RULE_##rule, EFFECT_##mta_sts, EFFECT_##dane_ta, EFFECT_##dane_ee},
#include "sensor/audit/house.def"
#undef HARD
};

static const struct hard *hard_rule(enum rule rule)
{
    for (size_t i = 0; i < sizeof hard_rules / sizeof hard_rules[0]; i++)
        if (hard_rules[i].rule == rule)
            return &hard_rules[i];
    return NULL;
}

/* Senders that know DANE go by it, the others by MTA-STS (RFC 8461 s2): what fails one of them is a failure. */
static enum effect effect_of(const struct house_expectation *x, enum rule rule, enum house_sts counts_from)
{
    const struct hard *hard = hard_rule(rule);
    if (hard == NULL)
        return EFFECT_AS_IS;
    enum effect sts = x->mta_sts >= counts_from ? hard->mta_sts : EFFECT_AS_IS;
    enum effect dane = x->dane == HOUSE_DANE_EE   ? hard->dane_ee
                       : x->dane == HOUSE_DANE_TA ? hard->dane_ta
                                                  : EFFECT_AS_IS;
    if (dane == EFFECT_MEANINGLESS)
        return x->mta_sts >= counts_from ? sts : EFFECT_MEANINGLESS;
    return sts > dane ? sts : dane;
}

static void forget_undecidable(struct judgement *j, enum rule rule)
{
    uint64_t bit = UINT64_C(1) << rule % 64;
    j->undecidable_count -= (j->undecidable[rule / 64] & bit) != 0;
    j->undecidable[rule / 64] &= ~bit;
}

void house_harden(const struct house_expectation *x, struct judgement *j)
{
    size_t kept = 0;
    for (size_t i = 0; i < j->finding_count; i++) {
        struct finding finding = j->findings[i];
        enum effect effect = effect_of(x, finding.rule, HOUSE_STS_ENFORCE);
        enum severity least = effect == EFFECT_CRITICAL ? SEVERITY_CRITICAL
                              : effect == EFFECT_HIGH   ? SEVERITY_HIGH
                                                        : SEVERITY_NONE;
        if (finding.severity < least)
            finding.severity = least;
        if (effect != EFFECT_MEANINGLESS)
            j->findings[kept++] = finding;
    }
    j->finding_count = kept;
    for (size_t i = 0; i < sizeof hard_rules / sizeof hard_rules[0]; i++)
        if (effect_of(x, hard_rules[i].rule, HOUSE_STS_ENFORCE) == EFFECT_MEANINGLESS)
            forget_undecidable(j, hard_rules[i].rule);
}

/* ---- whom a server belongs to */

static bool has_address(const struct house_expectation *x, const struct session *s)
{
    for (size_t i = 0; i < x->address_count; i++)
        if (house_network_holds(&x->addresses[i], &s->server_address, s->family))
            return true;
    return false;
}

static bool is_named(const struct house_expectation *x, const char *name)
{
    return name[0] != '\0' && strcasecmp(x->name, name) == 0;
}

const char *house_host(const struct house *h, const struct session *s, const struct certificate_chain *chain)
{
    const char *first = "";
    for (size_t i = 0; i < h->expectation_count; i++) {
        const struct house_expectation *x = &h->expectations[i];
        if (!has_address(x, s))
            continue;
        if (chain == NULL || certificate_matches(chain, x->name) == MATCH_YES)
            return x->name;
        if (first[0] == '\0')
            first = x->name;
    }
    return first;
}

const struct house_expectation *house_expectation_find(const struct house *h, const struct session *s)
{
    const struct house_expectation *best = NULL;
    int best_rank = 0;
    if (s->role != ROLE_RELAY)
        return NULL;
    for (size_t i = 0; i < h->expectation_count; i++) {
        const struct house_expectation *x = &h->expectations[i];
        bool there = has_address(x, s);
        bool greets = is_named(x, s->server_name) && (there || x->address_count == 0);
        int rank = 4 * is_named(x, s->sni) + 2 * there + greets;
        if (rank > best_rank) {
            best = x;
            best_rank = rank;
        }
    }
    return best;
}

/* ---- RFC 8460 */

enum {
    ALERT_BAD_CERTIFICATE = 42,
    ALERT_UNSUPPORTED_CERTIFICATE = 43,
    ALERT_CERTIFICATE_REVOKED = 44,
    ALERT_CERTIFICATE_EXPIRED = 45,
    ALERT_CERTIFICATE_UNKNOWN = 46,
    ALERT_UNKNOWN_CA = 48
};

/* What a certificate rule is called in a report; the most specific first. */
static const struct {
    enum rule rule;
    const char *type;
} certificate_types[] = {
    {RULE_certificate_name_mismatch, "certificate-host-mismatch"},
    {RULE_certificate_expired, "certificate-expired"},
    {RULE_certificate_not_yet_valid, "certificate-not-trusted"},
    {RULE_certificate_self_signed, "certificate-not-trusted"},
    {RULE_certificate_untrusted, "certificate-not-trusted"},
    {RULE_certificate_incomplete_chain, "certificate-not-trusted"},
};

static bool was_hit(const struct judgement *j, enum rule rule)
{
    for (size_t i = 0; i < j->finding_count; i++)
        if (j->findings[i].rule == rule)
            return true;
    return j->excepted[rule / 64] >> rule % 64 & 1;
}

/* The fault of the certificate that counts; with x only one that a policy of the destination makes count. */
static const char *certificate_fault(const struct judgement *j, const struct house_expectation *x)
{
    for (size_t i = 0; i < sizeof certificate_types / sizeof certificate_types[0]; i++) {
        enum rule rule = certificate_types[i].rule;
        enum effect effect = x != NULL ? effect_of(x, rule, HOUSE_STS_TESTING) : EFFECT_HIGH;
        if ((effect == EFFECT_HIGH || effect == EFFECT_CRITICAL) && was_hit(j, rule))
            return certificate_types[i].type;
    }
    return "";
}

/* Why a handshake failed. Which fault a client means by bad_certificate or certificate_unknown it does not say: see for ourselves. */
static const char *handshake_fault(const struct session *s, const struct judgement *j)
{
    const char *fault = "";
    if (!s->tls.alert_seen || s->tls.alert_from != CLIENT)
        return "validation-failure";
    switch (s->tls.alert_description) {
    case ALERT_CERTIFICATE_EXPIRED: return "certificate-expired";
    case ALERT_UNKNOWN_CA: return "certificate-not-trusted";
    case ALERT_BAD_CERTIFICATE:
    case ALERT_UNSUPPORTED_CERTIFICATE:
    case ALERT_CERTIFICATE_REVOKED:
    case ALERT_CERTIFICATE_UNKNOWN:
        fault = certificate_fault(j, NULL);
        return fault[0] != '\0' ? fault : "certificate-not-trusted";
    default: return "validation-failure";
    }
}

const char *house_result_type(const struct session *s, const struct judgement *j)
{
    if (s->role != ROLE_RELAY)
        return "";
    const char *fault = j->expected != NULL ? certificate_fault(j, j->expected) : "";
    switch (j->outcome.starttls) {
    case STARTTLS_NOT_OFFERED:
    case STARTTLS_STRIPPED:
    case STARTTLS_REFUSED: return "starttls-not-supported";
    case STARTTLS_FAILED:
        if (!s->tls.begun)
            return "starttls-not-supported";
        return fault[0] != '\0' ? fault : handshake_fault(s, j);
    case STARTTLS_NONE:
    case STARTTLS_NOT_USED:
    case STARTTLS_UPGRADED:
    case STARTTLS_UNKNOWN:
    case STARTTLS_COUNT: break;
    }
    return fault;
}
