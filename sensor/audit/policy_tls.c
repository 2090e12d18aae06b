/* The rules of the TLS handshake: versions, suites, key exchange, failure and fall-back (RFC 9325, RFC
 * 10015, RFC 8446). */
#include "sensor/audit/rules.h"

#include "parsers/registry.h"

enum {
    SSL2_VERSION = 0x0002,
    SSL3_VERSION = 0x0300,
    TLS10_VERSION = 0x0301,
    TLS11_VERSION = 0x0302,
    TLS12_VERSION = 0x0303,
    TLS13_VERSION = 0x0304
};

enum { ALERT_INAPPROPRIATE_FALLBACK = 86, DH_BITS_MIN = 2048, CURVE_BITS_MIN = 224 };

static bool no_tls(const struct facts *f)
{
    return f->outcome.tls_state == TLS_STATE_NONE && f->outcome.mode == MODE_PLAINTEXT;
}

/* Nothing of a ServerHello can have gone unseen: it was seen, or there was no TLS. */
static bool choice_seen(const struct facts *f)
{
    return f->session->tls.server_hello || f->outcome.tls_state == TLS_STATE_FAILED || no_tls(f);
}

static struct answer suite_flagged(const struct facts *f, uint32_t flags)
{
    const struct session *s = f->session;
    if (s->tls.version == SSL2_VERSION)
        return clear(); /* rule ssl2 says it all */
    const struct registry_suite *row = f->outcome.suite;
    if (s->tls.has_cipher && row == NULL)
        return undecidable(); /* a code point that no table knows */
    return hit_or(row != NULL && (row->flags & flags) != 0, choice_seen(f));
}

static struct answer version_is(const struct facts *f, uint16_t version)
{
    const struct session *s = f->session;
    return hit_or(s->tls.server_hello && s->tls.version == version, choice_seen(f));
}

struct answer rule_ssl2(const struct facts *f)
{
    const struct session *s = f->session;
    if (s->tls.version == SSL2_VERSION)
        return hit();
    /* A TLS server may accept the old format of the hello (RFC 5246 App. E.2); only unanswered it is worth
     * a word. */
    if (s->tls.client_hello_ssl2 && !s->tls.server_hello)
        return hit_as(SEVERITY_LOW);
    return hit_or(false, choice_seen(f));
}

struct answer rule_ssl3(const struct facts *f)
{
    return version_is(f, SSL3_VERSION);
}

struct answer rule_tls10(const struct facts *f)
{
    return version_is(f, TLS10_VERSION);
}

struct answer rule_tls11(const struct facts *f)
{
    return version_is(f, TLS11_VERSION);
}

struct answer rule_null_cipher(const struct facts *f)
{
    return suite_flagged(f, SUITE_NULL);
}

struct answer rule_anonymous_key_exchange(const struct facts *f)
{
    return suite_flagged(f, SUITE_ANONYMOUS);
}

struct answer rule_export_cipher(const struct facts *f)
{
    return suite_flagged(f, SUITE_EXPORT);
}

struct answer rule_broken_cipher(const struct facts *f)
{
    return suite_flagged(f, SUITE_RC4 | SUITE_DES | SUITE_RC2 | SUITE_IDEA);
}

struct answer rule_triple_des(const struct facts *f)
{
    return suite_flagged(f, SUITE_3DES);
}

/* Does the chosen suite use one of the two key exchanges? */
static struct answer kx_is(const struct facts *f, enum suite_kx one, enum suite_kx other)
{
    const struct session *s = f->session;
    const struct registry_suite *row = f->outcome.suite;
    if (s->tls.has_cipher && row == NULL)
        return undecidable();
    return hit_or(row != NULL && (row->kx == one || row->kx == other), choice_seen(f));
}

struct answer rule_static_rsa(const struct facts *f)
{
    return kx_is(f, KX_RSA, KX_RSA_EXPORT);
}

struct answer rule_static_dh(const struct facts *f)
{
    return kx_is(f, KX_DH, KX_ECDH);
}

struct answer rule_finite_field_dh(const struct facts *f)
{
    struct answer a = kx_is(f, KX_DHE, KX_DHE_PSK);
    return a.ruling == RULING_CLEAR ? kx_is(f, KX_DH_ANON, KX_DHE_EXPORT) : a;
}

struct answer rule_cbc_cipher(const struct facts *f)
{
    const struct session *s = f->session;
    struct answer a = suite_flagged(f, SUITE_CBC);
    if (a.ruling != RULING_HIT)
        return a;
    if (s->tls.server_encrypt_then_mac)
        return clear();
    return (f->outcome.suite->flags & (SUITE_MAC_SHA1 | SUITE_MAC_MD5)) != 0 ? hit() : hit_as(SEVERITY_LOW);
}

/* A ServerKeyExchange is due with these; resumption leaves it out, TLS 1.3 has none. */
static bool key_exchange_due(const struct facts *f)
{
    const struct session *s = f->session;
    const struct registry_suite *row = f->outcome.suite;
    if (row == NULL || s->tls.resumed || s->tls.version >= TLS13_VERSION)
        return false;
    return row->kx == KX_DHE || row->kx == KX_ECDHE || row->kx == KX_DH_ANON || row->kx == KX_ECDH_ANON ||
           row->kx == KX_DHE_PSK || row->kx == KX_ECDHE_PSK || row->kx == KX_DHE_EXPORT ||
           row->kx == KX_DH_ANON_EXPORT;
}

static bool key_exchange_known(const struct facts *f)
{
    const struct session *s = f->session;
    return choice_seen(f) && (!key_exchange_due(f) || s->tls.key_exchange_seen);
}

struct answer rule_weak_dh_group(const struct facts *f)
{
    const struct session *s = f->session;
    return hit_or(s->tls.dh_bits > 0 && s->tls.dh_bits < DH_BITS_MIN, key_exchange_known(f));
}

struct answer rule_weak_curve(const struct facts *f)
{
    const struct session *s = f->session;
    const struct registry_group *row = s->tls.group != 0 ? registry_group_find(s->tls.group) : NULL;
    bool elliptic_and_short = row != NULL && s->tls.dh_bits == 0 && !row->post_quantum &&
                              row->field_bits > 0 && row->field_bits < CURVE_BITS_MIN;
    return hit_or(elliptic_and_short || s->tls.explicit_curve, key_exchange_known(f));
}

struct answer rule_weak_handshake_signature(const struct facts *f)
{
    const struct session *s = f->session;
    const struct registry_signature *row = s->tls.signature_scheme != 0
                                               ? registry_signature_find(s->tls.signature_scheme)
                                               : NULL;
    return hit_or(s->tls.version == TLS12_VERSION && row != NULL && row->weak, key_exchange_known(f));
}

struct answer rule_heartbleed_probe(const struct facts *f)
{
    return hit_or(f->session->tls.heartbleed, choice_seen(f));
}

/* What both hellos together settle in TLS 1.2 and below; TLS 1.3 has neither question. */
static bool hellos_settle(const struct session *s)
{
    return s->tls.server_hello && s->tls.version >= SSL3_VERSION && s->tls.version < TLS13_VERSION;
}

struct answer rule_tls_compression(const struct facts *f)
{
    const struct session *s = f->session;
    return hit_or(hellos_settle(s) && s->tls.compression_method != 0, choice_seen(f));
}

struct answer rule_insecure_renegotiation(const struct facts *f)
{
    const struct session *s = f->session;
    if (!hellos_settle(s) || s->tls.server_renegotiation_info)
        return hit_or(false, choice_seen(f));
    return hit_or(s->tls.client_renegotiation_info, s->tls.client_hello);
}

struct answer rule_no_extended_master_secret(const struct facts *f)
{
    const struct session *s = f->session;
    if (!hellos_settle(s) || s->tls.server_extended_master_secret)
        return hit_or(false, choice_seen(f));
    return s->tls.resumed ? hit_as(SEVERITY_MEDIUM) : hit();
}

struct answer rule_weak_client_offer(const struct facts *f)
{
    const struct session *s = f->session;
    return hit_or(s->tls.offers_weak_suite, s->tls.client_hello || no_tls(f));
}

/* A reset was all its answer. Where both ends closed, it may be that the client lost its patience. */
static bool server_hung_up(const struct session *s)
{
    const struct session_side *client = &s->side[CLIENT];
    const struct session_side *server = &s->side[SERVER];
    return server->rst_seen && !client->fin_seen && !client->rst_seen && server->gap_bytes == 0 &&
           !s->midstream;
}

struct answer rule_tls_handshake_failed(const struct facts *f)
{
    const struct session *s = f->session;
    enum tls_state state = f->outcome.tls_state;
    if (state == TLS_STATE_UNKNOWN)
        return undecidable();
    /* A refusal of a fall-back is the server doing its duty; rule fallback_scsv tells it. */
    if (s->tls.alert_seen && s->tls.alert_description == ALERT_INAPPROPRIATE_FALLBACK && s->tls.fallback_scsv)
        return clear();
    bool hello_in_vain = state == TLS_STATE_HELLO_ONLY &&
                         (f->outcome.starttls == STARTTLS_FAILED || server_hung_up(s));
    return hit_if((state == TLS_STATE_FAILED || hello_in_vain) && !s->mail.cleartext_goes_on);
}

/* A marker is normal where the client never offered the version it speaks of; it proves something only
 * against an offer that was seen (RFC 8446 s4.1.3). */
struct answer rule_downgrade_marker(const struct facts *f)
{
    const struct session *s = f->session;
    const struct session_tls *t = &s->tls;
    if (t->downgrade_marker == 0)
        return hit_or(false, choice_seen(f));
    if (!t->client_hello)
        return undecidable();
    if (t->downgrade_marker == 1)
        return hit_if(t->version == TLS12_VERSION && t->client_max_version >= TLS13_VERSION);
    return hit_if(t->version <= TLS11_VERSION && t->client_max_version >= TLS12_VERSION);
}

struct answer rule_fallback_scsv(const struct facts *f)
{
    const struct session *s = f->session;
    const struct session_tls *t = &s->tls;
    if (!t->fallback_scsv) {
        return hit_or(false, t->client_hello || no_tls(f));
    }
    if (t->alert_seen && t->alert_from == SERVER && t->alert_description == ALERT_INAPPROPRIATE_FALLBACK)
        return hit_as(SEVERITY_INFO);
    return hit();
}
