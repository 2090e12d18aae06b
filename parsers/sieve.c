#include "sieve.h"

/* What a response can answer. */
enum sieve_command {
    SIEVE_NONE = PAIRING_NONE,
    SIEVE_CAPABILITY,
    SIEVE_STARTTLS,
    SIEVE_AUTHENTICATE,
    SIEVE_OTHER
};

static bool is_string(struct span text)
{
    return span_byte(text, 0) == '"' || span_byte(text, 0) == '{';
}

/* What a line is shows in its first word. */
static enum sieve_line line_of(enum side from, struct span text)
{
    struct span word = span_word(&text);
    if (from == CLIENT)
        return is_string(word) ? SIEVE_ANSWER : SIEVE_COMMAND;
    if (span_is(word, "OK"))
        return SIEVE_OK;
    if (span_is(word, "NO"))
        return SIEVE_NO;
    return span_is(word, "BYE") ? SIEVE_BYE : SIEVE_DATA;
}

static void forget_response(struct sieve *s)
{
    s->offers = 0;
    s->overlong = false;
    s->sasl_line = false;
}

static void gap(void *state, enum side from)
{
    struct sieve *s = state;
    talk_gap(&s->talk, from);
    s->part[from] = (struct sieve_part){0};
    pairing_lose(&s->pairing);
    forget_response(s);
}

/* ---- strings ---- */

/* The capability list comes on connect and when asked for (RFC 5804 s1.7). */
static bool in_capabilities(const struct sieve *s)
{
    bool on_connect = !s->greeted && pairing_is_empty(&s->pairing);
    return on_connect || pairing_head(&s->pairing) == SIEVE_CAPABILITY;
}

static void say_auth(struct sieve *s, bool response)
{
    if (s->auth_said)
        return;
    s->auth_said = true;
    s->in_auth = true;
    talk_auth(&s->talk, talk_kept(&s->talk, CLIENT), response);
}

static void take_argument(struct sieve *s, uint8_t index, struct span content)
{
    if (s->command != SIEVE_AUTHENTICATE)
        return;
    if (index == 0)
        talk_keep(&s->talk, CLIENT, content);
    if (index == 1)
        say_auth(s, content.n > 0);
}

static void take_capability(struct sieve *s, uint8_t index, struct span content)
{
    if (!in_capabilities(s))
        return;
    unsigned offers = 0;
    if (index == 0) {
        offers = talk_offer_of(content, "STARTTLS");
        s->sasl_line = span_is(content, "SASL");
    }
    if (index == 1 && s->sasl_line)
        offers = talk_auth_offers(content);
    s->offers |= (uint8_t)offers;
}

static void take_string(struct sieve *s, enum side from, struct span content)
{
    struct sieve_part *part = &s->part[from];
    uint8_t index = part->strings;
    if (part->strings < UINT8_MAX)
        part->strings++;
    switch ((enum sieve_line)part->line) {
    case SIEVE_COMMAND: take_argument(s, index, content); break;
    case SIEVE_ANSWER: part->empty = content.n == 0 || span_is(content, "*"); break;
    case SIEVE_DATA: take_capability(s, index, content); break;
    case SIEVE_OK: talk_keep(&s->talk, SERVER, content); break; /* the last string is the text for people */
    case SIEVE_NO: talk_keep(&s->talk, SERVER, content); break;
    case SIEVE_BYE: talk_keep(&s->talk, SERVER, content); break;
    case SIEVE_START: break;
    }
}

/* Cuts a quoted string off the front; one that the line's cut left open ends there. */
static struct span cut_quoted(struct span *rest)
{
    size_t end = 1;
    while (end < rest->n && span_byte(*rest, end) != '"')
        end += span_byte(*rest, end) == '\\' ? 2 : 1;
    struct span content = span_skip(span_head(*rest, end), 1);
    *rest = span_skip(*rest, end + 1);
    return content;
}

static void take_strings(struct sieve *s, enum side from, struct span rest)
{
    for (rest = talk_trim(rest); rest.n > 0; rest = talk_trim(rest)) {
        if (span_byte(rest, 0) == '"')
            take_string(s, from, cut_quoted(&rest));
        else
            span_word(&rest);
    }
}

/* Are this literal's octets a keyword, a list of mechanisms, or text for people? Nothing else is kept. */
static bool is_of_interest(const struct sieve *s, enum side from)
{
    const struct sieve_part *part = &s->part[from];
    switch ((enum sieve_line)part->line) {
    case SIEVE_COMMAND: return s->command == SIEVE_AUTHENTICATE && part->strings == 0;
    case SIEVE_ANSWER: return false;
    case SIEVE_DATA: return part->strings <= 1 && in_capabilities(s);
    case SIEVE_OK: return true;
    case SIEVE_NO: return true;
    case SIEVE_BYE: return true;
    case SIEVE_START: return false;
    }
    return false;
}

static void begin_literal(struct sieve *s, enum side from, uint64_t size)
{
    struct sieve_part *part = &s->part[from];
    part->literal_left = size;
    part->collecting = is_of_interest(s, from);
    if (part->collecting)
        talk_keep(&s->talk, from, span_of(NULL, 0));
    if (part->line == SIEVE_ANSWER)
        part->empty = size < 2; /* "*" at most */
    else if (part->line == SIEVE_COMMAND && s->command == SIEVE_AUTHENTICATE && part->strings == 1)
        say_auth(s, size > 0);
}

static void end_literal(struct sieve *s, enum side from)
{
    struct sieve_part *part = &s->part[from];
    if (part->collecting)
        take_string(s, from, talk_kept(&s->talk, from));
    else if (part->strings < UINT8_MAX)
        part->strings++;
    part->collecting = false;
}

static size_t body(void *state, enum side from, struct span rest)
{
    struct sieve *s = state;
    struct sieve_part *part = &s->part[from];
    size_t n = rest.n < part->literal_left ? rest.n : (size_t)part->literal_left;
    part->literal_left -= n;
    if (part->collecting)
        talk_keep_more(&s->talk, from, span_head(rest, n));
    return n;
}

/* ---- commands ---- */

static enum sieve_command command_of(struct span verb)
{
    return span_is(verb, "CAPABILITY")     ? SIEVE_CAPABILITY
           : span_is(verb, "STARTTLS")     ? SIEVE_STARTTLS
           : span_is(verb, "AUTHENTICATE") ? SIEVE_AUTHENTICATE
                                           : SIEVE_OTHER;
}

static void begin_command(struct sieve *s, struct span verb)
{
    if (verb.n == 0)
        return;
    s->command = (uint8_t)command_of(verb);
    s->auth_said = false;
    if (s->talk.side[SERVER].lost) /* the client has seen how the exchange ended */
        s->in_auth = false;
    bool certain = pairing_push(&s->pairing, s->command) && !s->talk.side[SERVER].lost;
    if (s->command == SIEVE_STARTTLS)
        talk_tls_asked(&s->talk, false, certain);
    if (span_is(verb, "LOGOUT"))
        talk_bye(&s->talk, CLIENT, 0);
}

static void end_command(struct sieve *s)
{
    if (s->command == SIEVE_AUTHENTICATE && s->part[CLIENT].strings > 0)
        say_auth(s, false);
}

static void end_answer(struct sieve *s)
{
    if (s->in_auth)
        talk_auth_answer(&s->talk, s->part[CLIENT].empty);
}

/* ---- responses ---- */

static void say_capabilities(struct sieve *s)
{
    unsigned offers = s->offers | (s->overlong ? (unsigned)OFFER_CUT : 0u);
    s->starttls_offered = (offers & OFFER_STARTTLS) != 0;
    talk_say(&s->talk,
             (struct mail_event){
                 .kind = MAIL_CAPABILITIES, .from = SERVER, .offers = offers, .overlong = s->overlong});
}

static void answer_starttls(struct sieve *s, bool ok, struct span text)
{
    if (ok) {
        talk_tls_accepted(&s->talk, 0);
        return;
    }
    bool unknown = s->starttls_offered && talk_says_unknown(text);
    talk_tls_refused(&s->talk, (struct mail_event){.already = talk_says(text, "already"),
                                                   .tampered = unknown || talk_says_masked(text)});
}

static void answer(struct sieve *s, enum sieve_command command, bool ok, struct span text)
{
    switch (command) {
    case SIEVE_CAPABILITY:
        if (ok)
            say_capabilities(s);
        else
            talk_say(&s->talk, (struct mail_event){.kind = MAIL_CAPABILITIES_REFUSED, .from = SERVER});
        break;
    case SIEVE_STARTTLS: answer_starttls(s, ok, text); break;
    case SIEVE_AUTHENTICATE:
        if (s->in_auth) /* else it named no mechanism, and nothing was begun */
            talk_auth_done(&s->talk, ok, 0);
        s->in_auth = false;
        break;
    case SIEVE_NONE: break;
    case SIEVE_OTHER: break;
    }
}

static void end_response(struct sieve *s, const struct line_text *line)
{
    bool ok = s->part[SERVER].line == SIEVE_OK;
    bool first = !s->greeted;
    struct span text = talk_kept(&s->talk, SERVER);
    s->greeted = true;
    if (first && pairing_is_empty(&s->pairing)) {
        talk_greeting(&s->talk, line, text, 0, ok);
        if (ok)
            say_capabilities(s);
    } else {
        enum sieve_command command = (enum sieve_command)pairing_head(&s->pairing);
        pairing_pop(&s->pairing);
        answer(s, command, ok, text);
    }
    if (s->part[SERVER].line == SIEVE_BYE)
        talk_bye(&s->talk, SERVER, 0);
    forget_response(s);
}

static void end_data(struct sieve *s)
{
    s->sasl_line = false;
    if (pairing_head(&s->pairing) == SIEVE_AUTHENTICATE)
        talk_auth_challenge(&s->talk);
}

/* ---- lines ---- */

static void begin_line(struct sieve *s, enum side from, struct span *rest)
{
    struct sieve_part *part = &s->part[from];
    part->line = (uint8_t)line_of(from, *rest);
    part->strings = 0;
    if (part->line == SIEVE_ANSWER || part->line == SIEVE_DATA)
        return;
    struct span word = span_word(rest);
    if (from == CLIENT)
        begin_command(s, word);
    else
        talk_keep(&s->talk, SERVER, span_of(NULL, 0));
}

static void end_line(struct sieve *s, enum side from, const struct line_text *line)
{
    switch ((enum sieve_line)s->part[from].line) {
    case SIEVE_COMMAND: end_command(s); break;
    case SIEVE_ANSWER: end_answer(s); break;
    case SIEVE_DATA: end_data(s); break;
    case SIEVE_OK: end_response(s, line); break;
    case SIEVE_NO: end_response(s, line); break;
    case SIEVE_BYE: end_response(s, line); break;
    case SIEVE_START: break;
    }
    s->part[from].line = SIEVE_START;
}

static void take_line(void *state, enum side from, const struct line_text *line)
{
    struct sieve *s = state;
    struct line_literal literal;
    struct span rest = line->text;
    if (s->talk.side[from].lost)
        return;
    if (s->part[from].line == SIEVE_START)
        begin_line(s, from, &rest);
    else
        end_literal(s, from);
    take_strings(s, from, rest);
    if (from == SERVER)
        s->overlong |= line->overlong;

    bool announced = line_literal_of(line, &literal);
    if (announced && literal.overflow)
        gap(s, from);
    else if (announced)
        begin_literal(s, from, literal.size);
    else
        end_line(s, from, line);
}

static enum step next(void *state, enum side from, struct cursor *in, struct mail_event *ev)
{
    static const struct talk_protocol protocol = {body, take_line, gap};
    return talk_next(state, &protocol, from, in, ev);
}

static void wipe(void *state)
{
    talk_wipe(state, sizeof(struct sieve));
}

const struct mail_parser sieve_parser = {sizeof(struct sieve), next, gap, talk_resume, wipe, NULL};
