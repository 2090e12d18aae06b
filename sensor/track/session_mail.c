/* The events of the mail parsers into the facts of a session. */
#include <string.h>

#include "sensor/track/conversation.h"

/* Whatever the command, the server closes the connection: 421 (RFC 5321 s3.8), BYE (RFC 9051 s7.1.5, RFC 5804 s1.3). */
static bool gives_up(const struct mail_event *ev)
{
    enum { SMTP_CLOSES = 421, NO_CODE = 0 };
    return ev->from == SERVER && (ev->code == SMTP_CLOSES || ev->code == NO_CODE);
}

static void note_exposure(struct session_mail *m, enum auth_exposure exposure)
{
    if (exposure > m->auth_exposure)
        m->auth_exposure = (uint8_t)exposure;
}

static enum auth_exposure exposure_of(enum mail_secret secret)
{
    switch (secret) {
    case SECRET_NONE: return AUTH_WITHOUT_SECRET;
    case SECRET_READABLE: return AUTH_READABLE;
    case SECRET_DIGEST_MD5: return AUTH_DIGEST_MD5;
    case SECRET_PROTECTED: return AUTH_PROTECTED;
    }
    return AUTH_WITHOUT_SECRET;
}

/* Was everything of a side captured so far? */
static bool whole_so_far(const struct session *facts, enum side side)
{
    return !facts->midstream && !facts->side[side].gap_before_tls;
}

/* The client does in the clear what it should do inside TLS: was TLS there for the asking, or had it just
 * been refused? */
static void note_use(struct session *facts)
{
    struct session_mail *m = &facts->mail;
    if (m->offer_starttls && !m->tls_asked) {
        m->used_while_offered = true;
        m->used_whole |= whole_so_far(facts, CLIENT) && whole_so_far(facts, SERVER);
    }
    if (m->tls_refused && !m->tls_refused_already && !m->tls_accepted)
        m->fallback_after_refusal = true;
}

static void note_auth(struct conversation *c, const struct mail_event *ev)
{
    struct session_mail *m = &c->facts.mail;
    m->auth_seen = true;
    c->last_secret = (uint8_t)ev->secret;
    note_use(&c->facts);
    session_set_text(c->facts.auth_mechanism, SESSION_MECHANISM_CAP, ev->text);
    /* SASL names are upper case (RFC 4422 s3.1); clients write them as they like. */
    for (char *p = c->facts.auth_mechanism; *p != '\0'; p++)
        *p = (char)byte_upper((uint8_t)*p);
    if (ev->initial_response)
        note_exposure(m, exposure_of(ev->secret));
    else if (span_is(ev->text, "USER"))
        note_exposure(m, AUTH_USER_ONLY);
    else
        note_exposure(m, ev->secret == SECRET_PROTECTED ? AUTH_PROTECTED : AUTH_WITHOUT_SECRET);
}

static void note_capabilities(struct session *facts, unsigned offers, bool overlong)
{
    struct session_mail *m = &facts->mail;
    m->lists_whole |= !m->capabilities_seen && whole_so_far(facts, SERVER);
    m->capabilities_seen = true;
    m->capabilities_cut = (offers & OFFER_CUT) != 0 || overlong;
    m->offer_starttls = (offers & OFFER_STARTTLS) != 0;
    m->offer_starttls_ever |= m->offer_starttls;
    m->offer_masked |= (offers & OFFER_MASKED) != 0;
    m->offer_plain_auth |= (offers & OFFER_PLAIN_AUTH) != 0;
    m->offer_login_disabled = (offers & OFFER_LOGIN_DISABLED) != 0;
}

/* Mail servers that say what they are. A word of the greeting, and the version behind it where there is one. */
static const struct span software_words[] = {
    WORD("Postfix"),    WORD("Exim"),        WORD("Dovecot"),  WORD("Sendmail"),    WORD("Microsoft"),
    WORD("Cyrus"),      WORD("Courier"),     WORD("qmail"),    WORD("Haraka"),      WORD("Zimbra"),
    WORD("Kerio"),      WORD("OpenSMTPD"),   WORD("Stalwart"), WORD("hMailServer"), WORD("MDaemon"),
    WORD("MailEnable"), WORD("CommuniGate"), WORD("gsmtp"),    WORD("Pigeonhole"),  WORD("Coremail")};

/* NULL where the word begins with none of them. Most differ in the first letter, whatever its case. */
static const struct span *software_of(struct span word)
{
    enum { CASE = 0x20 };
    uint8_t first = span_byte(word, 0);
    for (size_t i = 0; i < sizeof software_words / sizeof *software_words; i++)
        if (((first ^ software_words[i].p[0]) & ~CASE) == 0 &&
            span_alike(span_head(word, software_words[i].n), software_words[i]))
            return &software_words[i];
    return NULL;
}

static bool is_version(struct span word)
{
    return word.n > 0 && word.p[0] >= '0' && word.p[0] <= '9';
}

static void note_software(struct session *facts, struct span text)
{
    struct span rest = text;
    for (struct span word = span_word(&rest); word.n > 0; word = span_word(&rest)) {
        while (word.n > 0 && (word.p[0] == '(' || word.p[0] == '[' || word.p[0] == '"'))
            word = span_skip(word, 1);
        const struct span *software = software_of(word);
        if (software == NULL)
            continue;
        struct span after = rest;
        struct span next = span_word(&after);
        size_t n = is_version(next) ? (size_t)(next.p - word.p) + next.n : software->n;
        session_set_text(facts->server_software, SESSION_SOFTWARE_CAP, span_of(word.p, n));
        return;
    }
}

/* An enhanced status code, "5.7.1" (RFC 3463 s2). */
static bool is_status_code(struct span word)
{
    unsigned dots = 0;
    for (size_t i = 0; i < word.n; i++) {
        uint8_t octet = span_byte(word, i);
        if (octet != '.' && (octet < '0' || octet > '9'))
            return false;
        dots += octet == '.';
    }
    return dots == 2;
}

static void note_greeting(struct session *facts, const struct mail_event *ev)
{
    struct session_mail *m = &facts->mail;
    m->greeting_seen = true;
    m->greeting_accepted = ev->accepted;
    m->greeting_masked |= ev->masked;
    note_software(facts, ev->text);
    struct span rest = ev->text;
    struct span first = span_word(&rest);
    bool smtp = facts->protocol == PROTOCOL_SMTP || facts->protocol == PROTOCOL_LMTP;
    if (is_status_code(first)) /* "554 5.7.1 ...": RFC 2034 */
        first = span_word(&rest);
    /* RFC 5321 s4.2: the domain comes first. A dot tells it from a word of text. */
    if (smtp && span_find(first, '.') < first.n && !ev->masked)
        session_set_text(facts->server_name, SESSION_SERVER_NAME_CAP, first);
}

static void note_refusal(struct session_mail *m, const struct mail_event *ev)
{
    m->tls_refused = true;
    m->tls_refused_code = (uint16_t)ev->code;
    m->tls_refused_already = ev->already;
    m->tls_refused_tampered |= ev->tampered;
}

/* Cleartext of the server where the client had begun TLS without being asked to: the port speaks plaintext. */
static void note_answer_to_tls(struct conversation *c, enum side from)
{
    const struct session_mail *m = &c->facts.mail;
    bool unasked = c->reading[CLIENT] != READING_MAIL && c->facts.tls.begun && !m->tls_asked &&
                   !m->tls_accepted;
    if (from == SERVER && unasked && !c->facts.midstream && !m->greeting_seen && !m->helo_seen)
        c->facts.tls.not_tls = true;
}

/* Octets that come with the go-ahead can be taken for protected ones. Once the client has begun TLS they
 * only break its handshake: that is a server that cannot do what it said. Nor does a good-bye deceive anybody: the
 * server waited for TLS in vain. */
static void note_injected_response(struct conversation *c, const struct mail_event *ev)
{
    if (c->facts.tls.client_hello)
        c->facts.tls.not_tls = true;
    else if (!c->server_gave_up)
        c->facts.mail.injected_response_bytes += (uint32_t)ev->count;
}

void session_note_mail(struct conversation *c, const struct mail_event *ev)
{
    struct session *facts = &c->facts;
    struct session_mail *m = &facts->mail;
    m->overlong |= ev->overlong;
    if (ev->kind != MAIL_TLS_BEGINS)
        note_answer_to_tls(c, ev->from);
    switch (ev->kind) {
    case MAIL_GREETING: note_greeting(facts, ev); break;
    case MAIL_PREAUTH: m->preauth = true; break;
    case MAIL_HELO:
        m->helo_seen = true;
        m->helo_extended |= ev->extended;
        session_set_text(facts->helo, SESSION_HELO_CAP, ev->text);
        facts->protocol = ev->lmtp ? PROTOCOL_LMTP : PROTOCOL_SMTP;
        break;
    case MAIL_CAPABILITIES: note_capabilities(facts, ev->offers, ev->overlong); break;
    case MAIL_CAPABILITIES_REFUSED:
        m->capabilities_refused = true;
        m->offer_masked |= ev->tampered;
        break;
    case MAIL_TLS_ASKED:
        m->tls_asked = true;
        m->anonymous_tls |= ev->anonymous_tls;
        break;
    case MAIL_TLS_ACCEPTED: m->tls_accepted = true; break;
    case MAIL_TLS_REFUSED: note_refusal(m, ev); break;
    case MAIL_INJECTED_COMMAND: m->injected_command_bytes += (uint32_t)ev->count; break;
    case MAIL_INJECTED_RESPONSE: note_injected_response(c, ev); break;
    case MAIL_CLEARTEXT_GOES_ON: m->cleartext_goes_on = true; break;
    case MAIL_TLS_BEGINS:
        if (ev->from == CLIENT && m->tls_asked && !m->tls_accepted)
            m->early_hello = true;
        c->reading[ev->from] = READING_TLS;
        break;
    case MAIL_AUTH: note_auth(c, ev); break;
    case MAIL_AUTH_SECRET_SENT: note_exposure(m, exposure_of((enum mail_secret)c->last_secret)); break;
    case MAIL_AUTH_ACCEPTED: m->auth_accepted = true; break;
    case MAIL_AUTH_REFUSED: break;
    case MAIL_TRANSACTION:
        m->transaction = true;
        note_use(facts);
        break;
    case MAIL_MESSAGE_ACCEPTED: m->messages++; break;
    case MAIL_DATA_BEFORE_TLS:
        m->data_before_tls |= !facts->midstream;
        break; /* a login may lie before the capture */
    case MAIL_BYE:
        m->bye = true;
        c->server_gave_up |= gives_up(ev);
        break;
    }
}
