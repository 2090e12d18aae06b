#include "sensor/audit/policy.h"

#include <string.h>

#include "sensor/audit/rules.h"

static const struct rule_info rule_infos[RULE_COUNT] = {
#define RULE(id, relay, submission, access, delivery, sources, wire, advice)                                 \
    [RULE_##id] = {#id,                                                                                      \
                   {[ROLE_UNKNOWN] = SEVERITY_##access,                                                      \
                    [ROLE_RELAY] = SEVERITY_##relay,                                                         \
                    [ROLE_SUBMISSION] = SEVERITY_##submission,                                               \
                    [ROLE_ACCESS] = SEVERITY_##access,                                                       \
                    [ROLE_DELIVERY] = SEVERITY_##delivery},                                                  \
                   sources,                                                                                  \
                   wire,                                                                                     \
                   advice},
#include "sensor/audit/policy.def"
#undef RULE
};

static struct answer (*const predicates[RULE_COUNT])(const struct facts *) = {
#define RULE(id, relay, submission, access, delivery, sources, wire, advice) [RULE_##id] = rule_##id,
#include "sensor/audit/policy.def"
#undef RULE
};

const struct rule_info *policy_rule(enum rule rule)
{
    return &rule_infos[rule];
}

/* Insertion keeps the list worst first and, among equals, in the order of policy.def; it is short. */
static void add_finding(struct judgement *out, enum rule rule, enum severity severity)
{
    size_t at = out->finding_count++;
    while (at > 0 && out->findings[at - 1].severity < severity) {
        out->findings[at] = out->findings[at - 1];
        at--;
    }
    out->findings[at] = (struct finding){rule, severity};
    if (severity > out->worst)
        out->worst = severity;
}

/* A session that never did anything (a probe, a greeting and QUIT) is neither sealed nor unsealed: calling
 * it either would move the compliance share for nothing. A sealed one is compliant where the profile has
 * nothing against what could be seen. */
static enum verdict verdict_of(const struct session *s, const struct judgement *j)
{
    bool worked = s->mail.auth_seen || s->mail.transaction || s->mail.messages > 0;
    if (j->worst >= SEVERITY_HIGH || (policy_mode(s) == MODE_PLAINTEXT && worked && !rules_is_local(s)))
        return VERDICT_INSECURE;
    if (policy_tls_state(s) != TLS_STATE_ESTABLISHED || s->tls.version == 0)
        return j->worst >= SEVERITY_MEDIUM ? VERDICT_WEAK : VERDICT_UNDECIDABLE;
    bool objected = j->profile.worst == GRADE_PHASE_OUT || j->profile.worst == GRADE_FORBIDDEN;
    return objected || j->worst >= SEVERITY_MEDIUM ? VERDICT_WEAK : VERDICT_COMPLIANT;
}

void policy_judge(const struct facts *f, struct judgement *out)
{
    const struct session *s = f->session;
    out->finding_count = 0;
    out->undecidable_count = 0;
    out->worst = SEVERITY_NONE;
    memset(out->undecidable, 0, sizeof out->undecidable);
    for (size_t rule = 0; rule < RULE_COUNT; rule++) {
        struct answer a = predicates[rule](f);
        if (a.ruling == RULING_HIT) {
            add_finding(out, (enum rule)rule,
                        a.severity != SEVERITY_NONE ? a.severity : rule_infos[rule].severity[s->role]);
        } else if (a.ruling == RULING_UNDECIDABLE) {
            out->undecidable[rule / 64] |= UINT64_C(1) << rule % 64;
            out->undecidable_count++;
        }
    }
    profile_grade_session(f->profile, s, f->chain_learnt ? NULL : f->chain, &out->profile);
    out->verdict = verdict_of(s, out);
}

static const char *const severity_words[SEVERITY_COUNT] = {"none",   "info", "low",
                                                           "medium", "high", "critical"};

const char *policy_severity_word(enum severity severity)
{
    return severity_words[severity];
}

enum severity policy_severity_of_word(const char *word)
{
    size_t severity = 0;
    while (severity < SEVERITY_COUNT && strcmp(word, severity_words[severity]) != 0)
        severity++;
    return (enum severity)severity;
}

const char *policy_verdict_word(enum verdict verdict)
{
    static const char *const words[VERDICT_COUNT] = {"compliant", "weak", "insecure", "undecidable"};
    return words[verdict];
}

const char *policy_mode_word(enum mode mode)
{
    static const char *const words[MODE_COUNT] = {"plaintext", "starttls", "implicit", "undecidable"};
    return words[mode];
}

const char *policy_starttls_word(enum starttls starttls)
{
    static const char *const words[STARTTLS_COUNT] = {"none",    "not_offered", "stripped", "not_used",
                                                      "refused", "failed",      "upgraded", "unknown"};
    return words[starttls];
}

const char *policy_tls_state_word(enum tls_state state)
{
    static const char *const words[TLS_STATE_COUNT] = {"none", "hello_only", "failed", "established",
                                                       "unknown"};
    return words[state];
}
