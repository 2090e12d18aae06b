/* house.h - the house policy: what people who run the sensor add to the rules.
 *
 * Four tables, filled by config.c from `policy:` in the configuration: exceptions with an owner, a reason and an end; other
 * severities; rules of their own over the fields of the event; and what is expected of destinations (a name, its addresses, the
 * policies that it publishes). They are plain data and are evaluated without taking memory. Nothing is hidden: what an
 * exception takes away is noted in the judgement, and an exception that has ended no longer applies. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sensor/audit/event.h"
#include "sensor/audit/policy.h"

enum {
    HOUSE_ID_CAP = 48,
    HOUSE_NAME_CAP = 256,
    HOUSE_OWNER_CAP = 96,
    HOUSE_REASON_CAP = 256,
    HOUSE_CONDITIONS_CAP = 8,
    HOUSE_VALUES_CAP = 16,       /* of one condition */
    HOUSE_VALUE_BYTES_CAP = 256, /* of all texts of one condition, each with its NUL */
    HOUSE_ADDRESSES_CAP = 8,     /* of one destination */
    HOUSE_RULES_MAX = 64         /* own rules: a bit each in struct judgement */
};

/* An address, or a network. */
struct house_network {
    struct address address; /* bits beyond the length are zero */
    uint8_t family;         /* enum ip_family; IP_NONE: any */
    uint8_t bits;
};

/* Findings that somebody answers for. What is left out holds for all. */
struct house_exception {
    uint64_t rules[RULE_WORDS]; /* bit per rule that it takes away */
    uint64_t own_rules;
    char rule_text[HOUSE_ID_CAP]; /* as configured, "" for all rules */
    struct house_network server;
    struct house_network client;
    uint16_t server_port;        /* 0: any */
    char sni[HOUSE_NAME_CAP];    /* a name, or a pattern with * and ?; "" for any */
    char owner[HOUSE_OWNER_CAP]; /* whom to ask */
    char reason[HOUSE_REASON_CAP];
    int64_t ends_s; /* Unix seconds: holds before then */
};

/* Another severity for some rules. The last one that fits counts. */
struct house_severity {
    uint64_t rules[RULE_WORDS];
    enum role role; /* ROLE_UNKNOWN: every role */
    enum severity severity;
};

enum house_test {
    HOUSE_EQUALS,
    HOUSE_NOT,
    HOUSE_LESS,     /* numbers only, and never of an unknown one (-1) */
    HOUSE_GREATER,  /* as above */
    HOUSE_CONTAINS, /* texts only */
    HOUSE_MATCHES,  /* texts only: a pattern with * and ? */
    HOUSE_IN,       /* equals one of the values */
    HOUSE_TEST_COUNT
};

/* A test of one field. Letters of texts are compared without regard to case. */
struct house_condition {
    enum event_field field;
    enum house_test test;
    size_t value_count;
    int64_t numbers[HOUSE_VALUES_CAP];
    char texts[HOUSE_VALUE_BYTES_CAP]; /* one after the other, each with its NUL */
};

/* A rule of the user's own: hit where every condition holds. */
struct house_rule {
    char id[HOUSE_ID_CAP];
    enum severity severity;
    struct house_condition conditions[HOUSE_CONDITIONS_CAP];
    size_t condition_count;
};

enum house_sts { HOUSE_STS_NONE, HOUSE_STS_TESTING, HOUSE_STS_ENFORCE };
enum house_dane { HOUSE_DANE_NONE, HOUSE_DANE_TA, HOUSE_DANE_EE }; /* TLSA usage 2, 3 */

/* What is known of a host that mail is sent to. */
struct house_expectation {
    char name[HOUSE_NAME_CAP];   /* of the host, as in MX */
    char domain[HOUSE_NAME_CAP]; /* whose policy it is; "" where not said */
    struct house_network addresses[HOUSE_ADDRESSES_CAP];
    size_t address_count;
    enum house_sts mta_sts;
    enum house_dane dane;
};

/* The tables; all borrowed. Zeroed it changes nothing. */
struct house {
    const struct house_exception *exceptions;
    size_t exception_count;
    const struct house_severity *severities;
    size_t severity_count;
    const struct house_rule *rules;
    size_t rule_count;
    const struct house_expectation *expectations;
    size_t expectation_count;
};

/* house_judge - put the house policy over what policy_judge found: other severities, what is expected of the
 * destination (which is never lowered by the first), exceptions.
 * j   out: findings, severities, order, verdict; `expected` and what was excepted are noted */
void house_judge(const struct house *h, const struct facts *f, struct judgement *j);

/* house_apply_own - the rules of the user's own, over an event that has been filled.
 * j   out: those that were hit, worst severity, verdict
 * Returns whether anything changed: the event then wants to be filled again */
bool house_apply_own(const struct house *h, const struct event *e, struct judgement *j);

/* house_host - the name that the certificate should carry where the client asks for none: that of the destination with this
 * address; of several the first that the certificate carries. "" where the configuration knows none. */
const char *house_host(const struct house *h, const struct session *s, const struct certificate_chain *chain);

/* house_expectation_find - what is known of the server of a relay session: by the name that the client asks for, by its address
 * or, for a destination without addresses, by the name that it greets with (which proves nothing, but makes a judgement only
 * harder). The best that fits, of equals the first. NULL: nothing. */
const struct house_expectation *house_expectation_find(const struct house *h, const struct session *s);

/* house_result_type - the RFC 8460 result type of a session that a sending host would report as failed, "" where there is none.
 *
 * A certificate counts where the destination publishes a policy that it breaks, or where the client refused it: without either
 * a relay goes on with any certificate (RFC 7435 s3), which is no failure. What an exception took away still counts: the report
 * says what was seen.
 * Spec    RFC 8460 s4.3; RFC 8461 s4.1; RFC 7672 s3.1 */
const char *house_result_type(const struct session *s, const struct judgement *j);

/* house_ended - has this exception ended by then? now_s in Unix seconds */
bool house_ended(const struct house_exception *x, int64_t now_s);

/* house_ended_say - one sentence about an exception that has ended.
 * number   its place in the list, from 1
 * out      room of cap bytes; texts of the configuration are not escaped. Returns out */
const char *house_ended_say(const struct house_exception *x, size_t number, char *out, size_t cap);

/* house_pattern_matches - * for any octets, ? for one; letters without regard to case. */
bool house_pattern_matches(const char *pattern, const char *text);

/* house_network_holds - is this address in the network? A network of IP_NONE holds every address. */
bool house_network_holds(const struct house_network *n, const struct address *a, uint8_t family);
