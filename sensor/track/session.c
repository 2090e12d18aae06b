#include "sensor/track/session.h"

#include <assert.h>
#include <string.h>

#include "parsers/imap.h"
#include "parsers/pop3.h"
#include "parsers/sieve.h"
#include "parsers/smtp.h"
#include "sensor/track/conversation.h"

static const struct {
    const char *word;
    const struct mail_parser *parser;
} protocols[PROTOCOL_COUNT] = {
    [PROTOCOL_UNKNOWN] = {"unknown", NULL},
#define PROTOCOL(id, name, parser) [PROTOCOL_##id] = {name, &parser},
#include "parsers/protocols.def"
#undef PROTOCOL
    [PROTOCOL_OTHER] = {"other", NULL},
};

const char *session_protocol_word(enum protocol protocol)
{
    return protocols[protocol].word;
}

const char *session_role_word(enum role role)
{
    static const char *const words[ROLE_COUNT] = {"unknown", "relay", "submission", "access", "delivery"};
    return words[role];
}

/* ---- texts ---- */

enum { TEXTS_COUNT = 6 };

static const struct {
    size_t offset;
    size_t cap;
} texts[TEXTS_COUNT] = {
    {offsetof(struct session, sni), SESSION_SNI_CAP},
    {offsetof(struct session, alpn), SESSION_ALPN_CAP},
    {offsetof(struct session, helo), SESSION_HELO_CAP},
    {offsetof(struct session, server_name), SESSION_SERVER_NAME_CAP},
    {offsetof(struct session, server_software), SESSION_SOFTWARE_CAP},
    {offsetof(struct session, auth_mechanism), SESSION_MECHANISM_CAP},
};

/* Copies a text and its NUL; returns their length. Most are empty. */
static size_t copy_text(char *to, const char *from, size_t cap)
{
    size_t n = from[0] != '\0' ? strnlen(from, cap - 1) : 0;
    memcpy(to, from, n);
    to[n] = '\0';
    return n + 1;
}

void session_copy(struct session *to, const struct session *from)
{
    memcpy(to, from, offsetof(struct session, sni));
    for (int i = 0; i < TEXTS_COUNT; i++)
        (void)copy_text((char *)to + texts[i].offset, (const char *)from + texts[i].offset, texts[i].cap);
}

size_t session_texts_pack(const struct session *s, char *out)
{
    size_t used = 0;
    for (int i = 0; i < TEXTS_COUNT; i++)
        used += copy_text(out + used, (const char *)s + texts[i].offset, texts[i].cap);
    return used;
}

void session_texts_unpack(struct session *s, const char *in)
{
    for (int i = 0; i < TEXTS_COUNT; i++)
        in += copy_text((char *)s + texts[i].offset, in, texts[i].cap);
}

/* ---- the conversation ---- */

void session_begin(struct conversation *c, const struct session_shared *shared, enum protocol protocol)
{
    memset(c, 0, offsetof(struct conversation, mail_state));
    c->shared = shared;
    c->facts.protocol = (uint8_t)protocol;
    c->parser = protocols[protocol].parser;
    assert(c->parser == NULL || c->parser->size <= sizeof c->mail_state);
    for (int side = CLIENT; side <= SERVER; side++)
        c->reading[side] = c->parser != NULL ? READING_MAIL : READING_TLS;
}

void session_adopt(struct conversation *c, enum protocol found)
{
    bool middle = c->facts.protocol == PROTOCOL_UNKNOWN;
    if (!middle && found != c->facts.protocol)
        return;
    c->facts.detected_by = DETECTED_BY_NDPI;
    c->confirmed = true;
    if (!middle)
        return;
    c->facts.protocol = (uint8_t)found;
    c->facts.midstream = true;
    c->parser = protocols[found].parser;
    for (int side = CLIENT; side <= SERVER; side++) {
        c->reading[side] = READING_MAIL;
        c->facts.side[side].gap_before_tls = true;
        c->parser->gap(c->mail_state, (enum side)side);
    }
}

static void feed_mail(struct conversation *c, enum side from, struct cursor *in)
{
    /* One line can mean several things: the parser is asked until it has no more to say, also once the
     * input is used up. */
    while (c->reading[from] == READING_MAIL) {
        struct mail_event ev = {0};
        switch (c->parser->next(c->mail_state, from, in, &ev)) {
        case STEP_EVENT: session_note_mail(c, &ev); break;
        case STEP_MORE: return;
        case STEP_LOST:
            c->facts.mail.lost = true;
            c->reading[from] = READING_NOTHING;
            break;
        }
    }
}

void session_resume_mail(struct conversation *c, enum side from, struct span early)
{
    struct cursor in = cursor_over(early);
    c->records[from] = (struct tls_record){0};
    c->reading[from] = READING_MAIL;
    c->parser->resume(c->mail_state, from);
    if (early.n > 0)
        feed_mail(c, from, &in);
    if (cursor_left(&in) == 0)
        return;
    /* Within five octets it looked like TLS again: nobody honest sends that. */
    c->facts.side[from].gap_before_tls = true;
    c->reading[from] = READING_NOTHING;
}

/* Of a session that was under way before the capture, a record of TLS begins this side's first segment: no line of
 * text has such a first octet. */
static bool is_amid_tls(struct span first)
{
    enum { HEADER_BYTES = 5, RECORD_BYTES_MAX = 16384 + 2048 };
    unsigned length = (unsigned)span_byte(first, 3) << 8 | span_byte(first, 4);
    return first.n >= HEADER_BYTES && span_byte(first, 0) >= TLS_CHANGE_CIPHER_SPEC &&
           span_byte(first, 0) <= TLS_APPLICATION_DATA && span_byte(first, 1) == 3 &&
           span_byte(first, 2) <= 4 && length > 0 && length <= RECORD_BYTES_MAX;
}

/* Of a connection that was captured from its SYN on, data before any packet of the other side: no end sends
 * such, so the two directions were captured with a lag. What answers what cannot be told: a late greeting
 * would pass for a go-ahead, and the go-ahead for an injected line. */
static void note_lag(struct conversation *c, enum side from)
{
    const struct session_side *sides = c->facts.side;
    bool second = c->heard[side_other(from)];
    if (!second)
        c->lagging = !c->facts.midstream && sides[from].packets > 0 && sides[side_other(from)].packets == 0;
    if (!second || !c->lagging || c->facts.tls_port)
        return;
    for (int side = CLIENT; side <= SERVER; side++) {
        if (c->reading[side] != READING_MAIL)
            continue;
        c->facts.side[side].gap_before_tls = true;
        c->parser->gap(c->mail_state, (enum side)side);
    }
}

/* A port that answers a hello in text does not speak TLS, whatever the text is. Behind a hole it may be anything. */
static void note_text_for_hello(struct conversation *c, struct span first)
{
    uint8_t octet = span_byte(first, 0);
    bool text = c->reading[SERVER] == READING_MAIL && octet >= ' ' && octet <= '~';
    bool answer = c->facts.tls.client_hello && !c->facts.midstream && !c->facts.side[SERVER].gap_before_tls;
    c->facts.tls.not_tls |= text && answer;
}

static void begin_side(struct conversation *c, enum side from, struct span first)
{
    bool other_heard = c->heard[side_other(from)];
    note_lag(c, from);
    c->heard[from] = true;
    if (from == SERVER)
        note_text_for_hello(c, first);
    if (!c->facts.midstream || c->parser == NULL || c->reading[from] != READING_MAIL)
        return;
    if (is_amid_tls(first))
        c->reading[from] = READING_TLS;
    else if (!other_heard && c->parser->join != NULL)
        c->parser->join(c->mail_state);
}

void session_bytes(struct conversation *c, enum side from, struct span bytes)
{
    struct cursor in = cursor_over(bytes);
    if (!c->heard[from])
        begin_side(c, from, bytes);
    do {
        if (c->reading[from] == READING_MAIL)
            feed_mail(c, from, &in);
        if (c->reading[from] == READING_TLS && cursor_left(&in) > 0)
            session_feed_tls(c, from, &in);
    } while (c->reading[from] == READING_MAIL && cursor_left(&in) > 0);
}

/* After a hole in a handshake record boundaries are lost for good; in the dialogue the parser says when it
 * is certain again. */
void session_gap(struct conversation *c, enum side from, uint32_t bytes)
{
    struct session_side *side = &c->facts.side[from];
    side->gap_bytes += bytes;
    if (c->reading[from] == READING_TLS) {
        side->gap_in_handshake = true;
        c->reading[from] = READING_NOTHING;
    } else if (c->reading[from] == READING_MAIL) {
        side->gap_before_tls = true;
        c->parser->gap(c->mail_state, from);
    }
}

/* IMAP, POP3 and ManageSieve allow no STARTTLS after a login (RFC 9051 s6.2.1, RFC 2595 s4, RFC 5804 s2.2):
 * from there the session stays as it is. SMTP goes on to be followed, its messages are counted. */
static bool logged_in_clear(const struct session *facts)
{
    bool access = facts->protocol == PROTOCOL_IMAP || facts->protocol == PROTOCOL_POP3 ||
                  facts->protocol == PROTOCOL_SIEVE;
    return access && facts->mail.auth_accepted && !facts->tls.begun;
}

bool session_fate_known(const struct conversation *c)
{
    if (c->facts.tls.established || logged_in_clear(&c->facts))
        return true;
    return c->reading[CLIENT] == READING_NOTHING && c->reading[SERVER] == READING_NOTHING;
}

/* An offer says it too where the protocol lists it only when it was asked for. What costs an attacker one octet
 * must not count, and what a server says unasked neither. */
bool session_client_spoke(const struct conversation *c)
{
    const struct session_mail *m = &c->facts.mail;
    const struct session_tls *t = &c->facts.tls;
    return m->helo_seen || m->tls_asked || m->auth_seen || m->transaction || t->client_hello ||
           t->server_hello || (m->capabilities_seen && c->facts.protocol == PROTOCOL_POP3);
}

bool session_is_mail(const struct conversation *c)
{
    const struct session_mail *m = &c->facts.mail;
    switch ((enum protocol)c->facts.protocol) {
    case PROTOCOL_SMTP:
    case PROTOCOL_LMTP: return m->greeting_seen && m->helo_seen;
    case PROTOCOL_IMAP:
    case PROTOCOL_POP3:
        return (m->greeting_seen || m->preauth) && (m->capabilities_seen || m->tls_asked || m->auth_seen);
    case PROTOCOL_SIEVE: return m->capabilities_seen && (m->tls_asked || m->auth_seen);
    case PROTOCOL_OTHER: return c->facts.tls.client_hello || c->facts.tls.server_hello;
    case PROTOCOL_UNKNOWN:
    case PROTOCOL_COUNT: break;
    }
    return false;
}

static bool nothing_understood(const struct session *facts)
{
    const struct session_mail *m = &facts->mail;
    return !facts->tls.begun && !m->greeting_seen && !m->helo_seen && !m->capabilities_seen &&
           !m->capabilities_refused && !m->tls_asked && !m->auth_seen && !m->transaction && !m->preauth &&
           !m->bye && m->messages == 0;
}

void session_end(struct conversation *c)
{
    for (int side = CLIENT; side <= SERVER; side++) {
        stores_take_back(c->shared->stores, &c->records[side]);
    }
    /* The port promised mail and the bytes were something else: say so rather than repeat the promise. */
    if (nothing_understood(&c->facts))
        c->facts.protocol = PROTOCOL_UNKNOWN;
}
