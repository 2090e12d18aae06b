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

const struct rule_info *policy_rule(enum rule rule)
{
    return &rule_infos[rule];
}

/* Insertion keeps the list worst first and, among equals, in the order of policy.def; it is short. */
static void put_finding(struct judgement *out, size_t at, struct finding finding)
{
    for (; at > 0; at--) {
        const struct finding *before = &out->findings[at - 1];
        if (before->severity > finding.severity ||
            (before->severity == finding.severity && before->rule < finding.rule))
            break;
        out->findings[at] = *before;
    }
    out->findings[at] = finding;
}

static void add_finding(struct judgement *out, enum rule rule, enum severity severity)
{
    put_finding(out, out->finding_count++, (struct finding){rule, severity});
    if (severity > out->worst)
        out->worst = severity;
}

static bool is_excepted(const struct judgement *j, enum rule rule)
{
    return j->excepted[rule / 64] >> rule % 64 & 1;
}

/* Did an exception take away the rule that speaks of the same as the profile's objection? */
static bool objection_excepted(const struct judgement *j)
{
    static const struct {
        const char *because; /* of profile.h */
        enum rule first, last;
    } spoken_of[] = {
        {"cleartext", RULE_plaintext_session, RULE_plaintext_session},
        {"version", RULE_ssl2, RULE_tls11},
        {"suite", RULE_null_cipher, RULE_broken_cipher},
        {"suite", RULE_triple_des, RULE_cbc_cipher},
        {"group", RULE_weak_dh_group, RULE_weak_curve},
        {"signature", RULE_weak_handshake_signature, RULE_weak_handshake_signature},
        {"signature", RULE_certificate_weak_signature, RULE_certificate_weak_signature},
        {"key", RULE_certificate_weak_key, RULE_certificate_weak_key},
    };
    for (size_t i = 0; i < sizeof spoken_of / sizeof spoken_of[0]; i++)
        for (enum rule rule = spoken_of[i].first; rule <= spoken_of[i].last; rule++)
            if (is_excepted(j, rule) && strcmp(j->profile.because, spoken_of[i].because) == 0)
                return true;
    return false;
}

/* A session that never did anything (a probe, a greeting and QUIT) is neither sealed nor unsealed: calling
 * it either would move the compliance share for nothing. A sealed one is compliant where the profile has
 * nothing against what could be seen. */
static enum verdict verdict_of(const struct session *s, const struct judgement *j)
{
    bool worked = s->mail.auth_seen || s->mail.transaction || s->mail.messages > 0;
    bool in_clear = j->outcome.mode == MODE_PLAINTEXT && worked && !rules_is_local(s);
    bool clear_allowed = is_excepted(j, RULE_plaintext_session);
    if (j->worst >= SEVERITY_HIGH || (in_clear && !clear_allowed))
        return VERDICT_INSECURE;
    if (in_clear)
        return j->worst >= SEVERITY_MEDIUM ? VERDICT_WEAK : VERDICT_COMPLIANT;
    if (j->outcome.tls_state != TLS_STATE_ESTABLISHED || s->tls.version == 0)
        return j->worst >= SEVERITY_MEDIUM ? VERDICT_WEAK : VERDICT_UNDECIDABLE;
    bool objected = j->profile.worst == GRADE_PHASE_OUT || j->profile.worst == GRADE_FORBIDDEN;
    return (objected && !objection_excepted(j)) || j->worst >= SEVERITY_MEDIUM ? VERDICT_WEAK
                                                                               : VERDICT_COMPLIANT;
}

static __attribute__((noinline)) void note_ruling(struct judgement *out, enum rule rule, struct answer a,
                                                  uint8_t role)
{
    if (a.ruling == RULING_HIT) {
        add_finding(out, rule, a.severity != SEVERITY_NONE ? a.severity : rule_infos[rule].severity[role]);
    } else if (a.ruling == RULING_UNDECIDABLE) {
        out->undecidable[rule / 64] |= UINT64_C(1) << rule % 64;
        out->undecidable_count++;
    }
}

/* Most rules of a session have nothing to say. */
static inline void note_answer(struct judgement *out, enum rule rule, struct answer a, uint8_t role)
{
    if (a.ruling != RULING_CLEAR)
        note_ruling(out, rule, a, role);
}

void policy_judge(const struct facts *given, struct judgement *out)
{
    const struct session *s = given->session;
    struct facts known = *given;
    const struct facts *f = &known;
    known.outcome = out->outcome = policy_outcome(s);
    out->finding_count = 0;
    out->undecidable_count = 0;
    out->expected = NULL;
    out->own_rules = NULL;
    out->own = out->own_excepted = 0;
    out->own_worst = out->worst = SEVERITY_NONE;
    memset(out->undecidable, 0, sizeof out->undecidable);
    memset(out->excepted, 0, sizeof out->excepted);
/* Calls by name and not through a table: most are short enough to be done on the spot. */
#define RULE(id, relay, submission, access, delivery, sources, wire, advice)                                 \
    note_answer(out, RULE_##id, rule_##id(f), s->role);
#include "sensor/audit/policy.def"
#undef RULE
    profile_grade_session(f->profile, s, f->chain_learnt ? NULL : f->chain, &out->profile);
    out->verdict = verdict_of(s, out);
}

void policy_settle(const struct session *s, struct judgement *j)
{
    for (size_t i = 1; i < j->finding_count; i++)
        put_finding(j, i, j->findings[i]);
    j->worst = j->finding_count > 0 ? j->findings[0].severity : SEVERITY_NONE;
    if (j->own_worst > j->worst)
        j->worst = j->own_worst;
    j->verdict = verdict_of(s, j);
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
