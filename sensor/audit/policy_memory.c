/* The rules that need a memory across sessions: what a server, or this client and server, did before
 * (history.h). */
#include "sensor/audit/rules.h"

enum { TLS12_VERSION = 0x0303, TLS13_VERSION = 0x0304, DAY_S = 86400, CHANGE_DAYS = 30 };

/* The offer is missing or masked, for certain. */
static bool offer_missing(const struct facts *f)
{
    return f->outcome.starttls == STARTTLS_NOT_OFFERED || f->outcome.starttls == STARTTLS_STRIPPED;
}

/* Whether there was an offer cannot be told: nothing was seen that speaks for it or against it. */
static bool offer_unseen(const struct facts *f)
{
    const struct session *s = f->session;
    return !s->tls_port && s->protocol != PROTOCOL_OTHER && f->outcome.starttls == STARTTLS_UNKNOWN &&
           !s->tls.begun;
}

struct answer rule_starttls_withheld(const struct facts *f)
{
    if (f->past == NULL || !f->past->baseline_offers)
        return clear();
    if (f->outcome.starttls == STARTTLS_NOT_OFFERED)
        return f->past->offered_to_other_lately ? hit_as(SEVERITY_CRITICAL) : hit();
    return offer_unseen(f) ? undecidable() : clear();
}

struct answer rule_starttls_path_dependent(const struct facts *f)
{
    bool others = f->past != NULL && (f->past->offered_to_other_lately || f->past->offered_elsewhere_lately);
    if (!others)
        return clear();
    if (offer_missing(f))
        return hit();
    return offer_unseen(f) ? undecidable() : clear();
}

struct answer rule_version_fallback(const struct facts *f)
{
    const struct session *s = f->session;
    if (f->past == NULL || !f->past->pair_failed_lately || f->past->pair_failed_offer == 0)
        return clear();
    if (!s->tls.client_hello)
        return s->tls.begun ? undecidable() : clear();
    return hit_if(s->tls.client_max_version < f->past->pair_failed_offer);
}

/* New client software with a lower maximum is no drop: only what the client itself offered counts. */
struct answer rule_version_drop(const struct facts *f)
{
    const struct session_tls *t = &f->session->tls;
    if (f->past == NULL || !t->server_hello)
        return clear();
    if (t->version >= TLS13_VERSION || (t->version == TLS12_VERSION && !f->past->most_dropped_tls13))
        return clear();
    if (!t->client_hello)
        return undecidable();
    if (t->version == TLS12_VERSION)
        return hit_if(t->client_max_version >= TLS13_VERSION);
    uint16_t best = f->past->pair_best_version > f->past->server_best_version ? f->past->pair_best_version
                                                                              : f->past->server_best_version;
    return hit_if(best >= TLS12_VERSION && t->client_max_version >= TLS12_VERSION);
}

struct answer rule_certificate_changed(const struct facts *f)
{
    if (f->past == NULL || f->chain == NULL || f->chain_learnt)
        return clear();
    bool changed = f->past->other_leaf_known && f->past->other_key_known && !f->past->leaf_known;
    return hit_if(changed && f->past->other_leaf_not_after - f->at_s > (int64_t)CHANGE_DAYS * DAY_S);
}

struct answer rule_certificate_key_reused(const struct facts *f)
{
    return hit_if(f->past != NULL && f->chain != NULL && !f->chain_learnt && f->past->key_reused);
}
