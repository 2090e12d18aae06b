/* What a session came to, in one word each: mode, STARTTLS, TLS. */
#include "sensor/audit/rules.h"

#include <string.h>

#include "parsers/registry.h"

static bool closed(const struct session *s)
{
    const struct session_side *c = &s->side[CLIENT];
    const struct session_side *v = &s->side[SERVER];
    return c->rst_seen || v->rst_seen || c->fin_seen || v->fin_seen;
}

/* A side that said nothing is seen by its acknowledgements. */
static bool both_visible(const struct session *s)
{
    return (side_visible(s, CLIENT) || s->side[CLIENT].packets > 0) &&
           (side_visible(s, SERVER) || s->side[SERVER].packets > 0);
}

static bool dialogue_seen(const struct session *s)
{
    const struct session_mail *m = &s->mail;
    return m->greeting_seen || m->helo_seen || m->capabilities_seen || m->capabilities_refused ||
           m->tls_asked || m->auth_seen || m->transaction || m->messages > 0 || m->preauth || m->bye;
}

bool rules_dialogue_whole(const struct session *s)
{
    return both_visible(s) && !s->midstream && !s->mail.lost && !s->side[CLIENT].gap_before_tls &&
           !s->side[SERVER].gap_before_tls;
}

static bool is_loopback(const struct address *a, uint8_t family)
{
    static const uint8_t six[16] = {[15] = 1};
    return family == IP_V4 ? a->bytes[0] == 127 : memcmp(a->bytes, six, sizeof six) == 0;
}

bool rules_is_local(const struct session *s)
{
    return memcmp(&s->client_address, &s->server_address, sizeof s->client_address) == 0 ||
           (is_loopback(&s->client_address, s->family) && is_loopback(&s->server_address, s->family));
}

/* The server greeted in plaintext, and the client began TLS without asking for it, or although it was refused:
 * nothing of it came back. */
static bool tls_unwanted(const struct session *s)
{
    bool wanted = s->mail.tls_asked && (!s->mail.tls_refused || s->mail.tls_accepted);
    return s->mail.greeting_seen && !wanted && s->tls.begun && !s->tls.server_hello &&
           !s->tls.server_encrypted && !s->tls.alert_seen && rules_dialogue_whole(s);
}

/* The client said its lines to a port that speaks TLS, and an alert was all the answer: the lines were in the
 * clear. */
static bool tls_was_expected(const struct session *s)
{
    const struct session_tls *t = &s->tls;
    return t->begun && !t->client_began && !t->client_hello && !t->server_hello && !t->server_encrypted &&
           !s->mail.tls_accepted && s->side[CLIENT].bytes > 0 && rules_dialogue_whole(s);
}

/* From the first octet to the last, both ways. */
static bool seen_to_its_end(const struct session *s)
{
    return closed(s) && rules_dialogue_whole(s);
}

/* Cleartext that nothing later can have undone: text after the go-ahead, a login that was accepted, a mail; or a
 * dialogue seen to its end. After a login that was refused a client may well ask for TLS. */
static bool plaintext_certain(const struct session *s)
{
    const struct session_mail *m = &s->mail;
    if (m->cleartext_goes_on || m->auth_accepted || m->transaction || m->messages > 0)
        return true;
    return dialogue_seen(s) && seen_to_its_end(s);
}

bool rules_did_without_tls(const struct session *s)
{
    /* A server's reset does not tell how much the client had sent: the last that was lost may be the question. */
    bool client_ended = s->side[CLIENT].fin_seen || s->side[CLIENT].rst_seen;
    return (s->mail.used_whole && plaintext_certain(s)) || (client_ended && seen_to_its_end(s));
}

enum mode policy_mode(const struct session *s)
{
    const struct session_mail *m = &s->mail;
    bool went_on = (m->cleartext_goes_on || s->tls.abandoned) && !s->tls.established;
    bool given_up = s->tls.not_tls || tls_unwanted(s) || tls_was_expected(s) || went_on;
    if (s->tls.begun && !given_up) {
        if (dialogue_seen(s))
            return MODE_STARTTLS;
        if (s->tls_port || s->protocol == PROTOCOL_OTHER)
            return MODE_IMPLICIT;
        /* TLS from the first captured octet of a port that uses STARTTLS: what came before was perhaps not
         * captured. */
        return rules_dialogue_whole(s) ? MODE_IMPLICIT : MODE_UNDECIDABLE;
    }
    if (m->tls_accepted && !m->cleartext_goes_on && !m->auth_seen && !m->transaction)
        return rules_dialogue_whole(s) ? MODE_STARTTLS : MODE_UNDECIDABLE;
    if (given_up || plaintext_certain(s))
        return MODE_PLAINTEXT;
    return MODE_UNDECIDABLE;
}

/* No TLS was seen: that there was none is certain only where it cannot have gone unseen. */
static enum tls_state state_without_tls(const struct session *s)
{
    if (s->mail.tls_accepted)
        return seen_to_its_end(s) ? TLS_STATE_FAILED : TLS_STATE_UNKNOWN;
    return plaintext_certain(s) || seen_to_its_end(s) ? TLS_STATE_NONE : TLS_STATE_UNKNOWN;
}

/* Was every octet of the handshake captured? */
static bool handshake_whole(const struct session *s)
{
    return rules_dialogue_whole(s) && !s->side[CLIENT].gap_in_handshake && !s->side[SERVER].gap_in_handshake;
}

enum tls_state policy_tls_state(const struct session *s)
{
    const struct session_tls *t = &s->tls;
    if (t->established)
        return TLS_STATE_ESTABLISHED;
    if (!t->begun)
        return state_without_tls(s);
    bool in_vain = tls_unwanted(s) || tls_was_expected(s);
    if (t->alert_seen || t->not_tls || t->abandoned || (in_vain && closed(s)))
        return TLS_STATE_FAILED;
    if (!handshake_whole(s) || !closed(s) || (!t->client_hello && !t->server_hello))
        return TLS_STATE_UNKNOWN;
    return t->server_hello ? TLS_STATE_FAILED : TLS_STATE_HELLO_ONLY;
}

/* The answer to STARTTLS, where it was asked for. */
static enum starttls state_of_asked(const struct session *s)
{
    const struct session_mail *m = &s->mail;
    if (m->tls_refused && tls_unwanted(s))
        return STARTTLS_REFUSED;
    if (m->tls_accepted || s->tls.begun) {
        if (m->cleartext_goes_on || policy_tls_state(s) == TLS_STATE_FAILED)
            return STARTTLS_FAILED;
        if (s->tls.established)
            return STARTTLS_UPGRADED;
        return policy_tls_state(s) == TLS_STATE_HELLO_ONLY ? STARTTLS_FAILED : STARTTLS_UNKNOWN;
    }
    if (m->tls_refused)
        return STARTTLS_REFUSED;
    return seen_to_its_end(s) ? STARTTLS_FAILED : STARTTLS_UNKNOWN;
}

static bool stripped(const struct session_mail *m)
{
    if (m->tls_refused_tampered && !m->tls_accepted)
        return true;
    /* The same device lets no EHLO pass: the server, or the device for it, does not know the command. */
    bool asked = m->capabilities_seen || m->capabilities_refused;
    return !m->offer_starttls_ever && (m->offer_masked || (m->greeting_masked && asked));
}

/* Its packets were seen, and they were empty: it left, or was turned away, before it said a word. */
static bool client_kept_silent(const struct session *s)
{
    const struct session_side *c = &s->side[CLIENT];
    return closed(s) && c->syn_seen && c->packets > 0 && c->bytes == 0 && c->gap_bytes == 0 &&
           side_visible(s, SERVER) && !s->midstream && !s->side[SERVER].gap_before_tls;
}

/* Does a list without STARTTLS prove that it was not offered? An answer to EHLO does, whatever came before. The other
 * protocols no longer list it after a login, which may have gone unseen. */
static bool list_proves(const struct session *s)
{
    bool smtp = s->protocol == PROTOCOL_SMTP || s->protocol == PROTOCOL_LMTP;
    return !s->mail.capabilities_cut && (smtp || s->mail.lists_whole);
}

static enum starttls state_of_offer(const struct session *s)
{
    const struct session_mail *m = &s->mail;
    if (m->offer_starttls_ever) /* and nobody asked, as far as it was seen */
        return rules_did_without_tls(s) ? STARTTLS_NOT_USED : STARTTLS_UNKNOWN;
    if (m->capabilities_seen)
        return list_proves(s) ? STARTTLS_NOT_OFFERED : STARTTLS_UNKNOWN;
    /* A greeting and a good-bye, or a refused greeting: nobody got as far as asking what there is. */
    bool got_further = m->helo_seen || m->auth_seen || m->transaction || m->capabilities_refused ||
                       m->messages > 0;
    bool whole = seen_to_its_end(s) || client_kept_silent(s);
    return whole && m->greeting_seen && !got_further && !m->preauth ? STARTTLS_NONE : STARTTLS_UNKNOWN;
}

enum starttls policy_starttls(const struct session *s)
{
    bool asked = s->mail.tls_asked || s->mail.tls_accepted;
    if ((s->tls_port && !asked) || s->protocol == PROTOCOL_OTHER)
        return STARTTLS_NONE;
    if (s->tls.begun && !dialogue_seen(s))
        return policy_mode(s) == MODE_IMPLICIT ? STARTTLS_NONE : STARTTLS_UNKNOWN;
    if (stripped(&s->mail))
        return STARTTLS_STRIPPED;
    if (asked || (s->tls.begun && !s->tls.abandoned))
        return state_of_asked(s);
    return state_of_offer(s);
}

struct outcome policy_outcome(const struct session *s)
{
    return (struct outcome){
        .mode = policy_mode(s),
        .starttls = policy_starttls(s),
        .tls_state = policy_tls_state(s),
        .dialogue_whole = rules_dialogue_whole(s),
        .suite = s->tls.has_cipher ? registry_suite_find(s->tls.cipher_suite) : NULL,
    };
}
