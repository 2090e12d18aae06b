/* The rules about certificates (RFC 5280, RFC 9525, CA/Browser Forum Baseline Requirements). What cannot be
 * seen is undecidable, never a pass. */
#include "sensor/audit/rules.h"

#include "parsers/registry.h"

enum { DAY_S = 86400, RSA_BITS_MIN = 2048, CURVE_BITS_MIN = 224, SOON_DAYS = 14, TLS13_VERSION = 0x0304 };

/* Is a certificate due that this session should show? Not without TLS, nor with a suite that has none, nor
 * in a handshake that ended before. */
static bool certificate_due(const struct facts *f)
{
    const struct session *s = f->session;
    const struct registry_suite *suite = f->outcome.suite;
    if (!s->tls.begun || s->tls.not_tls)
        return f->outcome.mode == MODE_UNDECIDABLE;
    if (suite != NULL && (suite->auth == AUTH_NONE || suite->auth == AUTH_PSK))
        return false;
    return s->tls.server_hello || f->outcome.tls_state != TLS_STATE_FAILED;
}

static bool certificate_visible(const struct facts *f)
{
    return f->chain != NULL && !f->chain_learnt;
}

/* The answer of a rule that looks at a visible certificate. */
static struct answer answer_about(const struct facts *f, bool claim)
{
    if (certificate_visible(f))
        return hit_if(claim);
    return certificate_due(f) ? undecidable() : clear();
}

/* Clocks of captures are wrong by minutes, sometimes hours: a day is left on both sides. */
struct answer rule_certificate_expired(const struct facts *f)
{
    return answer_about(f, certificate_visible(f) && f->at_s - DAY_S > f->chain->not_after);
}

struct answer rule_certificate_not_yet_valid(const struct facts *f)
{
    return answer_about(f, certificate_visible(f) && f->at_s + DAY_S < f->chain->not_before);
}

struct answer rule_certificate_expires_soon(const struct facts *f)
{
    if (!certificate_visible(f))
        return answer_about(f, false);
    int64_t third_s = (f->chain->not_after - f->chain->not_before) / 3;
    int64_t soon_s = (int64_t)SOON_DAYS * DAY_S < third_s ? (int64_t)SOON_DAYS * DAY_S : third_s;
    return hit_if(f->at_s <= f->chain->not_after && f->chain->not_after - f->at_s < soon_s);
}

struct answer rule_certificate_weak_key(const struct facts *f)
{
    if (!certificate_visible(f))
        return answer_about(f, false);
    bool curve = f->chain->key[0] == 'E'; /* "EC P-256", "Ed25519" */
    return hit_if(f->chain->key_bits > 0 && f->chain->key_bits < (curve ? CURVE_BITS_MIN : RSA_BITS_MIN));
}

struct answer rule_certificate_self_signed(const struct facts *f)
{
    return answer_about(f, certificate_visible(f) && (f->chain->trust == TRUST_SELF_SIGNED ||
                                                      f->chain->trust == TRUST_SELF_ISSUED));
}

struct answer rule_certificate_untrusted(const struct facts *f)
{
    return answer_about(f, certificate_visible(f) && f->chain->trust == TRUST_UNTRUSTED);
}

struct answer rule_certificate_incomplete_chain(const struct facts *f)
{
    return answer_about(f, certificate_visible(f) && f->chain->trust == TRUST_INCOMPLETE);
}

struct answer rule_certificate_name_mismatch(const struct facts *f)
{
    if (!certificate_visible(f))
        return answer_about(f, false);
    enum certificate_match match = certificate_matches(f->chain, f->host);
    return match == MATCH_NOT_CHECKABLE ? undecidable() : hit_if(match == MATCH_NO);
}

struct answer rule_certificate_weak_signature(const struct facts *f)
{
    return answer_about(f, certificate_visible(f) && f->chain->signature_weak);
}

struct answer rule_certificate_validity_too_long(const struct facts *f)
{
    if (!certificate_visible(f))
        return answer_about(f, false);
    int64_t limit = certificate_validity_limit_days(f->chain->not_before);
    return hit_if(f->chain->public_root && limit > 0 && certificate_validity_days(f->chain) > limit);
}
