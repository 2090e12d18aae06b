#include "pop3.h"

/* What a reply can answer. */
enum pop3_command {
    POP3_NONE = PAIRING_NONE,
    POP3_CAPA,
    POP3_STLS,
    POP3_USER,
    POP3_PASS,
    POP3_APOP,
    POP3_SASL,  /* AUTH with a mechanism */
    POP3_LINES, /* +OK and lines up to a lone dot */
    POP3_OTHER
};

#define POP3_TOKENS(X)                                                                                       \
    X(CAPABILITIES_BEGIN)                                                                                    \
    X(LINES_BEGIN)                                                                                           \
    X(DOT_SEEN)                                                                                              \
    X(BYTES_LOST)

enum pop3_token {
#define X(name) name,
    POP3_TOKENS(X)
#undef X
};

static enum pop3_state next_state(enum pop3_state now, enum pop3_token t)
{
    switch (now) {
    case POP3_REPLY: return t == CAPABILITIES_BEGIN ? POP3_LIST : t == LINES_BEGIN ? POP3_BODY : now;
    case POP3_LIST: return t == DOT_SEEN || t == BYTES_LOST ? POP3_REPLY : now;
    case POP3_BODY: return t == DOT_SEEN || t == BYTES_LOST ? POP3_REPLY : now;
    }
    return POP3_REPLY;
}

static void move(struct pop3 *s, enum pop3_token token)
{
    s->state = (uint8_t)next_state((enum pop3_state)s->state, token);
}

/* Replies mean nothing any more, and what looks like one may be the line of a message. */
static void lose_replies(struct pop3 *s)
{
    pairing_lose(&s->pairing);
    talk_tls_unknown(&s->talk);
    s->talk.side[SERVER].lost = true;
    s->offers = 0;
    s->overlong = false;
    move(s, BYTES_LOST);
}

static void gap(void *state, enum side from)
{
    struct pop3 *s = state;
    talk_gap(&s->talk, from);
    lose_replies(s);
}

/* ---- commands ---- */

static bool sent(struct pop3 *s, enum pop3_command command)
{
    return pairing_push(&s->pairing, (uint8_t)command);
}

static void take_user(struct pop3 *s)
{
    sent(s, POP3_USER);
    s->user_sent = true;
    talk_login(&s->talk, "USER", false);
}

static void take_pass(struct pop3 *s)
{
    sent(s, POP3_PASS);
    if (!s->user_sent) /* its USER was not seen */
        talk_login(&s->talk, "USER", false);
    s->user_sent = false;
    talk_secret_sent(&s->talk);
}

static void take_apop(struct pop3 *s)
{
    sent(s, POP3_APOP);
    talk_login(&s->talk, "APOP", true);
}

/* Without a mechanism AUTH asks for a list of them (before RFC 2449; not in any RFC, but servers answer it). */
static void take_auth(struct pop3 *s, struct span rest)
{
    struct span mechanism = span_word(&rest);
    struct span response = span_word(&rest);
    if (mechanism.n == 0) {
        sent(s, POP3_LINES);
        return;
    }
    sent(s, POP3_SASL);
    s->in_auth = true;
    talk_auth(&s->talk, mechanism, response.n > 0 && !span_is(response, "="));
}

/* LIST and UIDL of one message are answered by one line (RFC 1939 s5, s7), as is LANG with a language. */
static void take_list(struct pop3 *s, struct span rest)
{
    sent(s, span_word(&rest).n > 0 ? POP3_OTHER : POP3_LINES);
}

/* VERB(text, action) */
#define POP3_VERBS(VERB)                                                                                     \
    VERB("CAPA", sent(s, POP3_CAPA))                                                                         \
    VERB("STLS", talk_tls_asked(&s->talk, false, sent(s, POP3_STLS) && !s->talk.side[SERVER].lost))          \
    VERB("USER", take_user(s))                                                                               \
    VERB("PASS", take_pass(s))                                                                               \
    VERB("APOP", take_apop(s))                                                                               \
    VERB("AUTH", take_auth(s, rest))                                                                         \
    VERB("RETR", sent(s, POP3_LINES))                                                                        \
    VERB("TOP", sent(s, POP3_LINES))                                                                         \
    VERB("LIST", take_list(s, rest))                                                                         \
    VERB("UIDL", take_list(s, rest))                                                                         \
    VERB("LANG", take_list(s, rest))                                                                         \
    VERB("QUIT", (sent(s, POP3_OTHER), talk_bye(&s->talk, CLIENT, 0)))                                       \
    VERB("NOOP", sent(s, POP3_OTHER))                                                                        \
    VERB("DELE", sent(s, POP3_OTHER))                                                                        \
    VERB("STAT", sent(s, POP3_OTHER))                                                                        \
    VERB("RSET", sent(s, POP3_OTHER))                                                                        \
    VERB("UTF8", sent(s, POP3_OTHER))

/* Returns false where the verb is not known. */
static bool take_known_command(struct pop3 *s, struct span rest)
{
    struct span verb = span_word(&rest);
#define VERB(word, action)                                                                                   \
    if (span_is(verb, word)) {                                                                               \
        action;                                                                                              \
        return true;                                                                                         \
    }
    POP3_VERBS(VERB)
#undef VERB
    return false;
}

/* QUIT, STAT and the like are base64 as well. */
static bool is_bare_verb(struct span text)
{
#define VERB(word, action) || span_is(text, word)
    return false POP3_VERBS(VERB);
#undef VERB
}

/* While an AUTH lacks its reply, a line may answer a challenge. Where none was seen, because the client
 * runs ahead or the server is not heard, the words tell: no verb, and base64. */
static void take_line_of_client(struct pop3 *s, struct span text)
{
    if (s->in_auth && talk_auth_due(&s->talk))
        talk_auth_answer(&s->talk, text.n == 0 || span_is(text, "*"));
    else if (s->in_auth && s->talk.side[SERVER].lost && is_bare_verb(text))
        gap(s, CLIENT); /* the challenge may be among what was lost */
    else if (take_known_command(s, text))
        return;
    else if (s->in_auth && talk_is_base64(text))
        talk_auth_answer(&s->talk, span_is(text, "*"));
    else
        sent(s, POP3_OTHER);
}

/* ---- replies ---- */

static void end_list(struct pop3 *s)
{
    unsigned offers = s->offers | (s->overlong ? (unsigned)OFFER_CUT : 0u);
    s->starttls_offered = (offers & OFFER_STARTTLS) != 0;
    talk_say(&s->talk,
             (struct mail_event){
                 .kind = MAIL_CAPABILITIES, .from = SERVER, .offers = offers, .overlong = s->overlong});
    s->offers = 0;
    s->overlong = false;
    move(s, DOT_SEEN);
}

static void take_capability(struct pop3 *s, const struct line_text *line)
{
    struct span rest = line->text;
    struct span keyword = span_word(&rest);
    s->overlong |= line->overlong;
    if (span_is(line->text, ".")) {
        end_list(s);
        return;
    }
    unsigned offers = talk_offer_of(keyword, "STLS");
    if (span_is(keyword, "USER"))
        offers |= mail_offer_of(keyword);
    if (span_is(keyword, "SASL"))
        offers |= talk_auth_offers(rest);
    s->offers |= (uint8_t)offers;
}

static void answer_stls(struct pop3 *s, bool ok, struct span text)
{
    if (ok) {
        talk_tls_accepted(&s->talk, 0);
        return;
    }
    bool unknown = s->starttls_offered && talk_says_unknown(text);
    talk_tls_refused(&s->talk, (struct mail_event){.already = talk_says(text, "already"),
                                                   .tampered = unknown || talk_says_masked(text)});
}

static void answer_user(struct pop3 *s, bool ok)
{
    s->user_refused = !ok;
    if (!ok)
        talk_auth_done(&s->talk, false, 0);
}

static void answer_pass(struct pop3 *s, bool ok)
{
    if (ok || !s->user_refused)
        talk_auth_done(&s->talk, ok, 0);
    s->user_refused = false;
}

static void answer_sasl(struct pop3 *s, bool ok)
{
    s->in_auth = false;
    talk_auth_done(&s->talk, ok, 0);
}

static void answer(struct pop3 *s, enum pop3_command command, bool ok, struct span text)
{
    switch (command) {
    case POP3_CAPA:
        if (ok)
            move(s, CAPABILITIES_BEGIN);
        else
            talk_say(&s->talk, (struct mail_event){.kind = MAIL_CAPABILITIES_REFUSED, .from = SERVER});
        break;
    case POP3_STLS: answer_stls(s, ok, text); break;
    case POP3_USER: answer_user(s, ok); break;
    case POP3_PASS: answer_pass(s, ok); break;
    case POP3_APOP: talk_auth_done(&s->talk, ok, 0); break;
    case POP3_SASL: answer_sasl(s, ok); break;
    case POP3_LINES:
        s->body = BODY_LINE_START;
        if (ok)
            move(s, LINES_BEGIN);
        break;
    case POP3_NONE: break;
    case POP3_OTHER: break;
    }
}

static void take_reply(struct pop3 *s, const struct line_text *line)
{
    struct span rest = line->text;
    struct span word = span_word(&rest);
    enum pop3_command command = (enum pop3_command)pairing_head(&s->pairing);
    bool ok = span_is(word, "+OK");
    if (!ok && !span_is(word, "-ERR")) {
        if (span_is(word, "+") && command == POP3_SASL)
            talk_auth_challenge(&s->talk);
        return;
    }
    bool first = !s->greeted;
    s->greeted = true;
    if (first && pairing_is_empty(&s->pairing)) {
        talk_greeting(&s->talk, line, talk_trim(rest), 0, ok);
    } else if (!pairing_known(&s->pairing)) {
        lose_replies(s);
    } else {
        pairing_pop(&s->pairing);
        answer(s, command, ok, rest);
    }
}

static size_t body(void *state, enum side from, struct span rest)
{
    struct pop3 *s = state;
    if (from == CLIENT || s->state != POP3_BODY)
        return 0;
    enum line_body body = (enum line_body)s->body;
    size_t n = line_skip_body(&body, rest);
    s->body = (uint8_t)body;
    if (body == BODY_OVER)
        move(s, DOT_SEEN);
    return n;
}

static void take_line(void *state, enum side from, const struct line_text *line)
{
    struct pop3 *s = state;
    if (from == CLIENT)
        take_line_of_client(s, line->text);
    else if (s->talk.side[SERVER].lost)
        return;
    else if (s->state == POP3_LIST)
        take_capability(s, line);
    else
        take_reply(s, line);
}

static enum step next(void *state, enum side from, struct cursor *in, struct mail_event *ev)
{
    static const struct talk_protocol protocol = {body, take_line, gap};
    return talk_next(state, &protocol, from, in, ev);
}

static void wipe(void *state)
{
    talk_wipe(state, sizeof(struct pop3));
}

const struct mail_parser pop3_parser = {sizeof(struct pop3), next, gap, talk_resume, wipe, NULL};
