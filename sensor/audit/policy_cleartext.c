/* The rules of the cleartext dialogue (RFC 3207, RFC 9051, RFC 2595, RFC 5804, RFC 8314). */
#include "sensor/audit/rules.h"

static bool worked_in_clear(const struct session *s)
{
    return s->mail.auth_seen || s->mail.transaction || s->mail.messages > 0;
}

static bool is_mail(const struct session *s)
{
    return s->protocol != PROTOCOL_OTHER && s->protocol != PROTOCOL_UNKNOWN;
}

/* A port where the client is to ask for TLS. Where all was seen and none of it was mail, there was no
 * dialogue; else it may be among what was not seen. */
static bool has_dialogue(const struct session *s)
{
    bool no_mail = s->protocol == PROTOCOL_OTHER ||
                   (s->protocol == PROTOCOL_UNKNOWN && rules_dialogue_whole(s));
    return !no_mail && !s->tls_port;
}

/* Nothing of a dialogue can have gone unseen: it was whole, or TLS stood at its place from the start. */
static bool cleartext_seen(const struct facts *f)
{
    return !has_dialogue(f->session) || f->outcome.dialogue_whole;
}

/* Where the beginning or a part is missing, a line may be no command but part of a mail or of a literal. */
static bool side_whole(const struct session *s, enum side side)
{
    return !s->midstream && !s->mail.lost && !s->side[side].gap_before_tls;
}

struct answer rule_auth_in_clear(const struct facts *f)
{
    const struct session *s = f->session;
    switch ((enum auth_exposure)s->mail.auth_exposure) {
    case AUTH_READABLE: return hit();
    case AUTH_DIGEST_MD5: return hit_as(SEVERITY_MEDIUM);
    case AUTH_USER_ONLY: return hit_as(SEVERITY_MEDIUM);
    case AUTH_PROTECTED: return hit_as(SEVERITY_INFO);
    case AUTH_WITHOUT_SECRET: break; /* unless it is among what was not seen */
    case AUTH_NOT_SEEN: break;
    }
    return hit_or(false, cleartext_seen(f));
}

struct answer rule_message_in_clear(const struct facts *f)
{
    const struct session *s = f->session;
    if (s->mail.messages > 0 && rules_is_local(s))
        return clear();
    return hit_or(s->mail.messages > 0, cleartext_seen(f));
}

struct answer rule_plaintext_session(const struct facts *f)
{
    const struct session *s = f->session;
    if (f->outcome.mode == MODE_UNDECIDABLE)
        return undecidable();
    return hit_if(f->outcome.mode == MODE_PLAINTEXT && worked_in_clear(s) && !rules_is_local(s));
}

struct answer rule_cleartext_on_tls_port(const struct facts *f)
{
    const struct session *s = f->session;
    if (!s->tls_port || !is_mail(s))
        return clear();
    if (s->mail.greeting_seen || s->tls.not_tls)
        return hit();
    return hit_or(false, !s->midstream && side_visible(s, SERVER));
}

struct answer rule_plaintext_auth_invited(const struct facts *f)
{
    const struct session *s = f->session;
    const struct session_mail *m = &s->mail;
    if (!has_dialogue(s))
        return clear();
    bool login_open = s->protocol == PROTOCOL_IMAP && m->offer_starttls_ever && !m->offer_login_disabled &&
                      !m->preauth && m->capabilities_seen && !m->capabilities_cut;
    if (!m->offer_plain_auth && !login_open)
        return hit_or(false, m->capabilities_seen || f->outcome.dialogue_whole);
    return f->outcome.starttls == STARTTLS_UPGRADED ? hit_as(SEVERITY_LOW) : hit();
}

/* With a mirror behind a device that takes TLS off, the "injected" octets are the dialogue itself going on. */
struct answer rule_response_injection(const struct facts *f)
{
    const struct session *s = f->session;
    if (s->mail.injected_response_bytes > 0 && s->mail.cleartext_goes_on)
        return undecidable();
    bool injected = s->mail.injected_response_bytes > 0;
    return hit_or(injected && side_whole(s, SERVER), !injected && cleartext_seen(f));
}

struct answer rule_command_injection(const struct facts *f)
{
    const struct session *s = f->session;
    bool injected = s->mail.injected_command_bytes > 0;
    return hit_or(injected && side_whole(s, CLIENT), !injected && cleartext_seen(f));
}

struct answer rule_starttls_stripped(const struct facts *f)
{
    const struct session *s = f->session;
    if (!has_dialogue(s))
        return clear();
    if (f->outcome.starttls == STARTTLS_STRIPPED)
        return hit();
    return hit_or(false, s->mail.offer_starttls_ever || f->outcome.dialogue_whole);
}

struct answer rule_cleartext_after_go_ahead(const struct facts *f)
{
    const struct session *s = f->session;
    if (s->mail.cleartext_goes_on)
        return s->mail.auth_exposure == AUTH_READABLE ? hit_as(SEVERITY_CRITICAL) : hit();
    return hit_or(false, cleartext_seen(f) || s->tls.client_hello);
}

struct answer rule_imap_preauth(const struct facts *f)
{
    const struct session *s = f->session;
    if (s->protocol != PROTOCOL_IMAP || s->tls_port)
        return clear();
    if (s->mail.preauth)
        return hit_if(!rules_is_local(s));
    return hit_or(false, s->mail.greeting_seen);
}

struct answer rule_starttls_refused(const struct facts *f)
{
    const struct session *s = f->session;
    const struct session_mail *m = &s->mail;
    bool refused = m->tls_refused && !m->tls_refused_already;
    if (refused && f->outcome.starttls == STARTTLS_UPGRADED)
        return hit_as(SEVERITY_INFO); /* the client asked again, and nothing went in the clear */
    return hit_or(refused, cleartext_seen(f) || m->tls_accepted);
}

struct answer rule_starttls_not_used(const struct facts *f)
{
    const struct session *s = f->session;
    const struct session_mail *m = &s->mail;
    if (m->used_while_offered && !m->tls_asked)
        return rules_did_without_tls(s) ? hit_if(!rules_is_local(s)) : undecidable();
    return hit_or(false, cleartext_seen(f) || m->tls_asked);
}

struct answer rule_starttls_not_offered(const struct facts *f)
{
    const struct session *s = f->session;
    const struct session_mail *m = &s->mail;
    if (!has_dialogue(s) || s->tls.begun)
        return clear();
    if (f->outcome.starttls == STARTTLS_NOT_OFFERED)
        return hit_if(!rules_is_local(s));
    return hit_or(false, m->offer_starttls_ever || m->tls_asked || f->outcome.starttls == STARTTLS_NONE);
}

struct answer rule_imap_data_before_tls(const struct facts *f)
{
    const struct session *s = f->session;
    if (s->protocol != PROTOCOL_IMAP || s->tls_port)
        return clear();
    bool answers_a_login = s->side[CLIENT].packets == 0; /* perhaps: the client was not heard */
    return hit_or(s->mail.data_before_tls && !s->mail.preauth && !answers_a_login, cleartext_seen(f));
}

struct answer rule_plaintext_fallback(const struct facts *f)
{
    const struct session *s = f->session;
    const struct session_mail *m = &s->mail;
    bool went_on = m->fallback_after_refusal || (m->cleartext_goes_on && worked_in_clear(s));
    bool came_back = f->past != NULL && f->past->pair_failed_lately && f->outcome.mode == MODE_PLAINTEXT &&
                     worked_in_clear(s);
    return hit_or(went_on || came_back, cleartext_seen(f));
}
