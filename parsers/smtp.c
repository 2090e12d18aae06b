#include "smtp.h"

#include "smtp_reply.h"

static enum smtp_state next_state(enum smtp_state now, enum smtp_token t)
{
    bool lost = t == SMTP_BYTES_LOST;
    bool ended = t == SMTP_BODY_ENDS;
    switch (now) {
    case SMTP_COMMAND:
        if (t == SMTP_SENT_AUTH || t == SMTP_CHALLENGED)
            return SMTP_AUTH;
        return t == SMTP_SENT_DATA ? SMTP_DATA_ASKED : t == SMTP_SENT_CHUNK ? SMTP_CHUNK : now;
    case SMTP_AUTH:
        if (t == SMTP_AUTH_ENDS || lost)
            return SMTP_COMMAND;
        return t == SMTP_SENT_DATA ? SMTP_DATA_ASKED : t == SMTP_SENT_CHUNK ? SMTP_CHUNK : now;
    case SMTP_DATA_ASKED:
        return t == SMTP_BODY_BEGINS ? SMTP_DATA : t == SMTP_DATA_REFUSED || lost ? SMTP_COMMAND : now;
    case SMTP_DATA: return ended || lost ? SMTP_COMMAND : now;
    case SMTP_CHUNK: return ended || lost ? SMTP_COMMAND : now;
    }
    return SMTP_COMMAND;
}

void smtp_move(struct smtp *s, enum smtp_token token)
{
    s->state = (uint8_t)next_state((enum smtp_state)s->state, token);
}

void smtp_lose(struct smtp *s, enum side from)
{
    talk_gap(&s->talk, from);
    pairing_lose(&s->pairing);
    s->data_open = false;
    if (from == SERVER)
        s->reply = (struct smtp_reply){0};
    else
        smtp_move(s, SMTP_BYTES_LOST);
}

static void gap(void *state, enum side from)
{
    smtp_lose(state, from);
}

static void join(void *state)
{
    struct smtp *s = state;
    s->joined = true;
}

static bool sent(struct smtp *s, enum smtp_command command)
{
    return pairing_push(&s->pairing, (uint8_t)command);
}

/* ---- commands ---- */

static void take_helo(struct smtp *s, const struct line_text *line, struct span rest, bool extended,
                      bool lmtp)
{
    s->lmtp = lmtp;
    s->named = true;
    sent(s, extended ? SMTP_EHLO : SMTP_HELO);
    talk_say(&s->talk, (struct mail_event){.kind = MAIL_HELO,
                                           .from = CLIENT,
                                           .extended = extended,
                                           .lmtp = lmtp,
                                           .overlong = line->overlong,
                                           .text = talk_keep(&s->talk, CLIENT, span_word(&rest))});
}

static void take_starttls(struct smtp *s, bool anonymous)
{
    bool certain = sent(s, SMTP_STARTTLS) && !s->talk.side[SERVER].lost;
    talk_tls_asked(&s->talk, anonymous, certain);
}

static void take_auth(struct smtp *s, struct span rest)
{
    struct span mechanism = span_word(&rest);
    struct span response = span_word(&rest);
    if (mechanism.n == 0) { /* a bad command (RFC 4954 s4), and nothing was begun */
        sent(s, SMTP_OTHER);
        return;
    }
    sent(s, SMTP_SASL);
    smtp_move(s, SMTP_SENT_AUTH);
    talk_auth(&s->talk, mechanism, response.n > 0 && !span_is(response, "="));
}

static void take_data(struct smtp *s)
{
    sent(s, SMTP_BEGIN);
    s->body = BODY_LINE_START;
    s->body_early = false;
    smtp_move(s, SMTP_SENT_DATA);
}

/* RFC 3030 s2: the octets follow whatever the reply. What is written otherwise the server may take for an
 * error, and then no octets follow. */
static void take_bdat(struct smtp *s, struct span rest)
{
    struct span size = span_word(&rest);
    struct span last = span_word(&rest);
    bool well_formed = (last.n == 0 || span_is(last, "LAST")) && span_word(&rest).n == 0;
    if (!well_formed || !line_number(size, &s->chunk_left)) {
        smtp_lose(s, CLIENT);
        return;
    }
    sent(s, last.n > 0 ? SMTP_MESSAGE : SMTP_BDAT);
    if (s->chunk_left > 0)
        smtp_move(s, SMTP_SENT_CHUNK);
}

/* RFC 4468 s3.2: BURL url [LAST], a body that the server fetches itself. */
static void take_burl(struct smtp *s, struct span rest)
{
    span_word(&rest);
    sent(s, span_is(span_word(&rest), "LAST") ? SMTP_MESSAGE : SMTP_OTHER);
}

/* Beyond a device that overwrites commands, STARTTLS is eight X and nothing more, and EHLO four and a name; other
 * commands of four letters come later. XCLIENT is no such word. */
static enum smtp_command masked_command(const struct smtp *s, struct span verb, struct span rest)
{
    enum { LENGTH_OF_STARTTLS = 8, LENGTH_OF_EHLO = 4 };
    bool argument = span_word(&rest).n > 0;
    if (span_byte(verb, 0) != 'X' || span_byte(verb, verb.n - 1) != 'X' || !mail_is_masked(verb))
        return SMTP_NONE;
    if (verb.n == LENGTH_OF_STARTTLS && !argument)
        return SMTP_MASKED;
    return verb.n == LENGTH_OF_EHLO && argument && !s->named ? SMTP_MASKED_EHLO : SMTP_NONE;
}

/* VERB(text, action) */
#define SMTP_VERBS(VERB)                                                                                     \
    VERB("HELO", take_helo(s, line, rest, false, false))                                                     \
    VERB("EHLO", take_helo(s, line, rest, true, false))                                                      \
    VERB("LHLO", take_helo(s, line, rest, true, true))                                                       \
    VERB("STARTTLS", take_starttls(s, false))                                                                \
    VERB("X-ANONYMOUSTLS", take_starttls(s, true))                                                           \
    VERB("AUTH", take_auth(s, rest))                                                                         \
    VERB("X-EXPS", take_auth(s, rest)) /* Exchange's name for AUTH between its own servers */                \
    VERB("MAIL", sent(s, SMTP_MAIL))                                                                         \
    VERB("RCPT", sent(s, SMTP_RCPT))                                                                         \
    VERB("DATA", take_data(s))                                                                               \
    VERB("BDAT", take_bdat(s, rest))                                                                         \
    VERB("BURL", take_burl(s, rest))                                                                         \
    VERB("RSET", sent(s, SMTP_RSET))                                                                         \
    VERB("TURN", sent(s, SMTP_TURN))                                                                         \
    VERB("ATRN", sent(s, SMTP_TURN))                                                                         \
    VERB("QUIT", (sent(s, SMTP_OTHER), talk_bye(&s->talk, CLIENT, 0)))                                       \
    VERB("NOOP", sent(s, SMTP_OTHER))                                                                        \
    VERB("HELP", sent(s, SMTP_OTHER))                                                                        \
    VERB("VRFY", sent(s, SMTP_OTHER))                                                                        \
    VERB("EXPN", sent(s, SMTP_OTHER))                                                                        \
    VERB("ETRN", sent(s, SMTP_OTHER))                                                                        \
    VERB("XCLIENT", sent(s, SMTP_XCLIENT))                                                                   \
    VERB("XFORWARD", sent(s, SMTP_OTHER))

/* Returns false where the verb is not known. */
static bool take_known_command(struct smtp *s, const struct line_text *line)
{
    struct span rest = line->text;
    struct span verb = span_word(&rest);
#define VERB(word, action)                                                                                   \
    if (span_is(verb, word)) {                                                                               \
        action;                                                                                              \
        return true;                                                                                         \
    }
    SMTP_VERBS(VERB)
#undef VERB
    enum smtp_command masked = masked_command(s, verb, rest);
    if (masked != SMTP_NONE)
        sent(s, masked);
    return masked != SMTP_NONE;
}

/* DATA, QUIT and the like are base64 as well. */
static bool is_bare_verb(struct span text)
{
#define VERB(word, action) || span_is(text, word)
    return false SMTP_VERBS(VERB);
#undef VERB
}

/* While an AUTH lacks its reply, a line may answer a challenge. Where none was seen, because the client
 * runs ahead or the server is not heard, the words tell: no verb, and base64. */
static void take_line_of_client(struct smtp *s, const struct line_text *line)
{
    struct span text = line->text;
    bool in_auth = s->state == SMTP_AUTH;
    bool joined = s->joined;
    s->joined = false;
    if (in_auth && talk_auth_due(&s->talk))
        talk_auth_answer(&s->talk, text.n == 0 || span_is(text, "*"));
    else if (in_auth && s->talk.side[SERVER].lost && is_bare_verb(text))
        smtp_lose(s, CLIENT); /* the challenge may be among what was lost */
    else if (take_known_command(s, line))
        return;
    else if (in_auth && talk_is_base64(text))
        talk_auth_answer(&s->talk, span_is(text, "*"));
    else if (joined) /* the capture may begin in the middle of a body, whose lines can read like commands */
        smtp_lose(s, CLIENT);
    else
        sent(s, SMTP_OTHER);
}

/* ---- bodies ---- */

static size_t skip_chunk(struct smtp *s, struct span rest)
{
    size_t n = rest.n < s->chunk_left ? rest.n : (size_t)s->chunk_left;
    s->chunk_left -= n;
    if (s->chunk_left == 0)
        smtp_move(s, SMTP_BODY_ENDS);
    return n;
}

static size_t skip_data(struct smtp *s, struct span rest)
{
    enum line_body body = (enum line_body)s->body;
    size_t n = line_skip_body(&body, rest);
    s->body = (uint8_t)body;
    if (body == BODY_OVER) {
        sent(s, SMTP_MESSAGE);
        smtp_move(s, SMTP_BODY_ENDS);
    }
    return n;
}

static void begin_unheard_data(struct smtp *s)
{
    s->data_open = false;
    s->joined = false;
    s->body = BODY_LINE_START;
    s->recipients_unknown = true;
    smtp_move(s, SMTP_SENT_DATA);
    smtp_move(s, SMTP_BODY_BEGINS);
}

static size_t body(void *state, enum side from, struct span rest)
{
    struct smtp *s = state;
    if (from == SERVER)
        return 0;
    if (s->data_open) /* DATA was not heard, but its 354 was */
        begin_unheard_data(s);
    switch ((enum smtp_state)s->state) {
    case SMTP_COMMAND: return 0;
    case SMTP_AUTH: return 0;
    case SMTP_DATA_ASKED:
        /* Some do not wait for 354 (RFC 5321 s4.1.1.4: they must). To take their body for commands would find
         * commands that are none; where DATA is refused, smtp_reply.c gives this side up. */
        s->body_early = true;
        smtp_move(s, SMTP_BODY_BEGINS);
        return skip_data(s, rest);
    case SMTP_DATA: return skip_data(s, rest);
    case SMTP_CHUNK: return skip_chunk(s, rest);
    }
    return 0;
}

static void take_line(void *state, enum side from, const struct line_text *line)
{
    if (from == CLIENT)
        take_line_of_client(state, line);
    else
        smtp_take_reply(state, line);
}

static enum step next(void *state, enum side from, struct cursor *in, struct mail_event *ev)
{
    static const struct talk_protocol protocol = {body, take_line, gap};
    return talk_next(state, &protocol, from, in, ev);
}

static void wipe(void *state)
{
    talk_wipe(state, sizeof(struct smtp));
}

const struct mail_parser smtp_parser = {sizeof(struct smtp), next, gap, talk_resume, wipe, join};
