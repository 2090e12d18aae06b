/* policy.h - the rules: pure predicates over the facts of a session, one row of policy.def each.
 *
 * Every rule has three answers: hit, clear, undecidable (something that the rule needs was not seen).
 * Severity follows the role of the port. policy.c sets no field of a session and remembers nothing; what
 * needs a memory is history.c's, and comes in as struct past. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sensor/audit/certificate.h"
#include "sensor/audit/history.h"
#include "sensor/audit/profile.h"
#include "sensor/track/session.h"

enum severity {
    SEVERITY_NONE,
    SEVERITY_INFO,
    SEVERITY_LOW,
    SEVERITY_MEDIUM,
    SEVERITY_HIGH,
    SEVERITY_CRITICAL,
    SEVERITY_COUNT
};

enum rule {
#define RULE(id, relay, submission, access, delivery, sources, wire, advice) RULE_##id,
#include "sensor/audit/policy.def"
#undef RULE
    RULE_COUNT
};

enum ruling { RULING_CLEAR, RULING_HIT, RULING_UNDECIDABLE };

/* One row of the handbook; all texts are constant. */
struct rule_info {
    const char *id;
    enum severity severity[ROLE_COUNT]; /* by role; ROLE_UNKNOWN is judged as ROLE_ACCESS */
    const char *sources;                /* "RFC 8314 s4.1; RFC 4954 s4" */
    const char *wire;                   /* what is seen on the wire */
    const char *advice;                 /* what to do about it */
};

struct finding {
    enum rule rule;
    enum severity severity;
};

struct house_rule;
struct house_expectation;
struct registry_suite;

enum { RULE_WORDS = (RULE_COUNT + 63) / 64 }; /* of a set of rules, a bit each */

enum verdict { VERDICT_COMPLIANT, VERDICT_WEAK, VERDICT_INSECURE, VERDICT_UNDECIDABLE, VERDICT_COUNT };

/* How the connection was (to be) protected, and how the STARTTLS negotiation went: interface.md s2. */
enum mode { MODE_PLAINTEXT, MODE_STARTTLS, MODE_IMPLICIT, MODE_UNDECIDABLE, MODE_COUNT };
enum starttls {
    STARTTLS_NONE,
    STARTTLS_NOT_OFFERED,
    STARTTLS_STRIPPED,
    STARTTLS_NOT_USED,
    STARTTLS_REFUSED,
    STARTTLS_FAILED,
    STARTTLS_UPGRADED,
    STARTTLS_UNKNOWN,
    STARTTLS_COUNT
};
enum tls_state {
    TLS_STATE_NONE,
    TLS_STATE_HELLO_ONLY,
    TLS_STATE_FAILED,
    TLS_STATE_ESTABLISHED,
    TLS_STATE_UNKNOWN,
    TLS_STATE_COUNT
};

/* A session in a few words. Most rules ask for one of them, so they are found once. */
struct outcome {
    enum mode mode;
    enum starttls starttls;
    enum tls_state tls_state;
    bool dialogue_whole;                /* seen from its first octet, both ways, without a hole */
    const struct registry_suite *suite; /* that was chosen; NULL where none was, or one that no table knows */
};

struct judgement {
    struct finding findings[RULE_COUNT]; /* worst first, then in the order of policy.def */
    size_t finding_count;
    uint64_t undecidable[RULE_WORDS]; /* bit per rule */
    size_t undecidable_count;
    /* What the house policy added (house.h): */
    const struct house_expectation *expected; /* of this destination; NULL: nothing is known of it */
    const struct house_rule *own_rules;       /* what the bits of the next two mean */
    uint64_t own;                             /* rules of the user's own that were hit */
    uint64_t own_excepted;
    uint64_t excepted[RULE_WORDS]; /* hit, and taken away by an exception */
    enum severity own_worst;
    enum severity worst; /* of all findings, own rules included */
    struct profile_result profile;
    enum verdict verdict;
    struct outcome outcome;
};

/* policy_mode, policy_starttls, policy_tls_state - one word each out of the facts of a session. */
enum mode policy_mode(const struct session *s);
enum starttls policy_starttls(const struct session *s);
enum tls_state policy_tls_state(const struct session *s);

/* policy_outcome - all of them, and what else is asked for often. */
struct outcome policy_outcome(const struct session *s);

/* Everything that the rules look at. All borrowed. */
struct facts {
    const struct session *session;
    const struct certificate_chain *chain;        /* of the server; NULL where none was visible or learnt */
    const struct certificate_chain *client_chain; /* of the client; NULL where none was visible */
    bool chain_learnt; /* chain comes from an earlier session of this server: it is told, never judged */
    const struct past *past; /* NULL: nothing is remembered */
    const char
        *host; /* the name that the server should carry: the client's SNI, else the configured one, else "" */
    enum profile profile;   /* the verdict is by this one */
    int64_t at_s;           /* judge certificates as of then; Unix seconds */
    struct outcome outcome; /* of the session; policy_judge fills it in for the rules */
};

/* policy_judge - apply every rule.
 * given  its outcome need not be filled in
 * out    overwritten */
void policy_judge(const struct facts *given, struct judgement *out);

/* policy_settle - order, worst severity and verdict anew, after findings were taken away or changed. */
void policy_settle(const struct session *s, struct judgement *j);

/* policy_rule - the row of a rule. */
const struct rule_info *policy_rule(enum rule rule);

/* policy_severity_word, ... - as events write them. */
const char *policy_severity_word(enum severity severity);
const char *policy_verdict_word(enum verdict verdict);
const char *policy_mode_word(enum mode mode);
const char *policy_starttls_word(enum starttls starttls);
const char *policy_tls_state_word(enum tls_state state);
/* policy_severity_of_word - the severity that a word names, or SEVERITY_COUNT. */
enum severity policy_severity_of_word(const char *word);
