/* rules.h - the predicates behind policy.def, for policy.c and nobody else.
 *
 * Each is a pure function of a session's facts. policy_cleartext.c has those of the dialogue, policy_tls.c
 * those of the handshake; policy_state.c sums facts up in one word. */
#pragma once

#include "sensor/audit/policy.h"

struct answer {
    enum ruling ruling;
    enum severity severity; /* SEVERITY_NONE: that of the rule's row for the role */
};

#define RULE(id, relay, submission, access, delivery, sources, wire, advice)                                 \
    struct answer rule_##id(const struct facts *f);
#include "sensor/audit/policy.def"
#undef RULE

static inline struct answer clear(void)
{
    return (struct answer){RULING_CLEAR, SEVERITY_NONE};
}

static inline struct answer hit(void)
{
    return (struct answer){RULING_HIT, SEVERITY_NONE};
}

static inline struct answer hit_as(enum severity severity)
{
    return (struct answer){RULING_HIT, severity};
}

static inline struct answer undecidable(void)
{
    return (struct answer){RULING_UNDECIDABLE, SEVERITY_NONE};
}

/* hit_if - a claim whose absence is certain. */
static inline struct answer hit_if(bool claim)
{
    return claim ? hit() : clear();
}

/* hit_or - a claim that is clear only where everything it needs was seen. */
static inline struct answer hit_or(bool claim, bool all_seen)
{
    return claim ? hit() : all_seen ? clear() : undecidable();
}

/* Were octets of this side seen? */
static inline bool side_visible(const struct session *s, enum side side)
{
    return s->side[side].bytes > 0;
}

/* rules_dialogue_whole - was the cleartext dialogue seen from its first octet, both ways, without a hole? */
bool rules_dialogue_whole(const struct session *s);

/* rules_did_without_tls - did the client do its work in the clear, and certainly never ask for TLS before? */
bool rules_did_without_tls(const struct session *s);

/* rules_is_local - do both ends sit on one host (loopback, or the same address)? */
bool rules_is_local(const struct session *s);
