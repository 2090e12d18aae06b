#include "imap.h"

#include "imap_words.h"

#define IMAP_COMMANDS(X)                                                                                     \
    X(IMAP_CAPABILITY, "CAPABILITY")                                                                         \
    X(IMAP_STARTTLS, "STARTTLS")                                                                             \
    X(IMAP_LOGIN, "LOGIN")                                                                                   \
    X(IMAP_AUTHENTICATE, "AUTHENTICATE")                                                                     \
    X(IMAP_UNAUTHENTICATE, "UNAUTHENTICATE") /* RFC 8437 */                                                  \
    X(IMAP_LOGOUT, "LOGOUT")                                                                                 \
    X(IMAP_COMPRESS, "COMPRESS")

enum imap_command {
    IMAP_OTHER,
#define X(name, word) name,
    IMAP_COMMANDS(X)
#undef X
};

#define IMAP_TOKENS(X)                                                                                       \
    X(GREETED)                                                                                               \
    X(GREETED_PREAUTH)                                                                                       \
    X(STARTED_AMID) /* the first response is no greeting */                                                  \
    X(LOGGED_IN)                                                                                             \
    X(UNPAIRED_OK) /* a command that was not seen succeeded: it may have been a login */                     \
    X(BYTES_LOST)

enum imap_token {
#define X(name) name,
    IMAP_TOKENS(X)
#undef X
};

static enum imap_state next_state(enum imap_state now, enum imap_token t)
{
    switch (now) {
    case IMAP_GREETING:
        return t == GREETED           ? IMAP_NOT_AUTHENTICATED
               : t == GREETED_PREAUTH ? IMAP_AUTHENTICATED
                                      : IMAP_UNKNOWN;
    case IMAP_NOT_AUTHENTICATED: return t == LOGGED_IN ? IMAP_AUTHENTICATED : IMAP_UNKNOWN;
    case IMAP_AUTHENTICATED: return t == LOGGED_IN ? IMAP_AUTHENTICATED : IMAP_UNKNOWN;
    case IMAP_UNKNOWN: return t == LOGGED_IN ? IMAP_AUTHENTICATED : IMAP_UNKNOWN;
    }
    return IMAP_UNKNOWN;
}

static void move(struct imap *s, enum imap_token token)
{
    s->state = (uint8_t)next_state((enum imap_state)s->state, token);
}

/* A tag of before the gap may have been answered unseen; those sent from now on count. */
static void gap(void *state, enum side from)
{
    struct imap *s = state;
    talk_gap(&s->talk, from);
    s->part[from] = (struct imap_part){0};
    s->open_count = 0;
    s->half_found = false;
    if (from == SERVER && s->literal_waits) /* refused unseen, it would never come */
        gap(s, CLIENT);
    s->literal_waits = false;
    move(s, BYTES_LOST);
}

static void join(void *state)
{
    struct imap *s = state;
    s->joined = true;
}

/* ---- tags ---- */

/* FNV-1a: a tag may be longer than any buffer. */
static uint32_t hash_of(struct span tag)
{
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < tag.n; i++)
        hash = (hash ^ span_byte(tag, i)) * 16777619u;
    return hash;
}

static void forget(struct imap *s, size_t i)
{
    s->open_count--;
    memmove(s->open + i, s->open + i + 1, (s->open_count - i) * sizeof *s->open);
}

static size_t find_open(const struct imap *s, uint32_t tag)
{
    size_t i = 0;
    while (i < s->open_count && s->open[i].tag != tag)
        i++;
    return i;
}

/* Where there is no room, a command of no interest is forgotten, or the oldest. But some clients give all
 * commands one tag, and only the order tells them apart: with one of those forgotten, no tag is believed
 * any more. */
static void make_room(struct imap *s, uint32_t next_tag)
{
    size_t i = 0;
    while (i < s->open_count && s->open[i].command != IMAP_OTHER)
        i++;
    i = i < s->open_count ? i : 0;
    struct imap_open forgotten = s->open[i];
    forget(s, i);
    if (next_tag == forgotten.tag || find_open(s, forgotten.tag) < s->open_count) {
        s->tags_doubtful = true;
        s->open_count = 0;
    }
    if (forgotten.command == IMAP_STARTTLS || s->tags_doubtful)
        talk_tls_unknown(&s->talk);
}

static void remember(struct imap *s, uint32_t tag, enum imap_command command)
{
    if (s->open_count == IMAP_OPEN_CAP)
        make_room(s, tag);
    if (!s->tags_doubtful)
        s->open[s->open_count++] = (struct imap_open){tag, (uint8_t)command};
}

static bool is_open(const struct imap *s, enum imap_command command)
{
    for (size_t i = 0; i < s->open_count; i++)
        if (s->open[i].command == command)
            return true;
    return false;
}

static bool is_logging_in(const struct imap *s)
{
    return is_open(s, IMAP_LOGIN) || is_open(s, IMAP_AUTHENTICATE);
}

/* ---- literals ---- */

static size_t body(void *state, enum side from, struct span rest)
{
    struct imap *s = state;
    struct imap_part *part = &s->part[from];
    const struct talk_side *server = &s->talk.side[SERVER];
    if (from == CLIENT && s->literal_waits && (server->lost || !server->spoke)) {
        gap(s, CLIENT); /* the literal, or the next command where the server did not want it */
        return rest.n;
    }
    size_t n = rest.n < part->literal_left ? rest.n : (size_t)part->literal_left;
    part->literal_left -= n;
    if (n > 0 && from == CLIENT)
        s->literal_waits = false;
    return n;
}

/* Does this line go on after a literal? */
static bool take_literal(struct imap *s, enum side from, const struct line_text *line)
{
    struct line_literal literal;
    bool announced = line_literal_of(line, &literal);
    if (announced && literal.overflow)
        gap(s, from);
    announced = announced && !literal.overflow;
    s->part[from].continued = announced;
    s->part[from].literal_left = announced ? literal.size : 0;
    if (from == CLIENT)
        s->literal_waits = announced && literal.waits;
    return announced;
}

/* ---- commands ---- */

static enum imap_command command_of(struct span verb)
{
#define X(name, word)                                                                                        \
    if (span_is(verb, word))                                                                                 \
        return name;
    IMAP_COMMANDS(X)
#undef X
    return IMAP_OTHER;
}

/* A literal's {n} counts as the argument that it announces. */
static void count_arguments(struct imap *s, struct span rest)
{
    while (span_word(&rest).n > 0 && s->arguments < UINT8_MAX)
        s->arguments++;
}

/* The first line of a command; what it says does not wait for its literals. */
static void say_command(struct imap *s, struct span rest, bool literal)
{
    struct span first = span_word(&rest);
    struct span second = span_word(&rest);
    switch ((enum imap_command)s->command) {
    case IMAP_STARTTLS:
        talk_tls_asked(&s->talk, false, !s->talk.side[SERVER].lost && !s->tags_doubtful);
        break;
    case IMAP_LOGIN: talk_login(&s->talk, "LOGIN", !literal); break;
    case IMAP_AUTHENTICATE: talk_auth(&s->talk, first, second.n > 0 && !span_is(second, "=")); break;
    case IMAP_LOGOUT: talk_bye(&s->talk, CLIENT, 0); break;
    case IMAP_CAPABILITY: break;
    case IMAP_UNAUTHENTICATE: break;
    case IMAP_COMPRESS: break;
    case IMAP_OTHER: break;
    }
}

static void begin_command(struct imap *s, const struct line_text *line)
{
    struct span rest = line->text;
    struct span tag = span_word(&rest);
    s->tag = hash_of(tag);
    s->command = (uint8_t)command_of(span_word(&rest));
    s->arguments = 0;
    count_arguments(s, rest);
    bool literal = take_literal(s, CLIENT, line);

    /* Without its arguments a command begins no authentication. */
    bool lacks = (s->command == IMAP_LOGIN && s->arguments < 2 && !literal) ||
                 (s->command == IMAP_AUTHENTICATE && s->arguments == 0);
    if (lacks)
        s->command = IMAP_OTHER;
    if (tag.n > 0 && !span_is(tag, "DONE")) /* the end of IDLE (RFC 2177) has no tag */
        remember(s, s->tag, (enum imap_command)s->command);
    say_command(s, rest, literal);
}

static void continue_command(struct imap *s, const struct line_text *line)
{
    count_arguments(s, line->text);
    if (take_literal(s, CLIENT, line))
        return;
    if (s->command == IMAP_LOGIN && s->arguments >= 2)
        talk_secret_sent(&s->talk);
}

static void take_line_of_client(struct imap *s, const struct line_text *line)
{
    struct span text = line->text;
    if (s->joined && !imap_is_command(text)) { /* the capture may begin in the middle of a literal */
        gap(s, CLIENT);
        return;
    }
    s->joined = false;
    if (s->part[CLIENT].continued)
        continue_command(s, line);
    else if (is_open(s, IMAP_AUTHENTICATE) && (talk_auth_due(&s->talk) || talk_is_base64(text)))
        talk_auth_answer(&s->talk, text.n == 0 || span_is(text, "*"));
    else
        begin_command(s, line);
}

/* ---- responses ---- */

enum imap_status { STATUS_NONE, STATUS_OK, STATUS_NO, STATUS_BAD, STATUS_PREAUTH, STATUS_BYE };

static enum imap_status status_of(struct span word)
{
    static const struct {
        struct span word;
        enum imap_status status;
    } rows[] = {{WORD("OK"), STATUS_OK},
                {WORD("NO"), STATUS_NO},
                {WORD("BAD"), STATUS_BAD},
                {WORD("PREAUTH"), STATUS_PREAUTH},
                {WORD("BYE"), STATUS_BYE}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (span_alike(word, rows[i].word))
            return rows[i].status;
    return STATUS_NONE;
}

static unsigned offers_of(struct span list)
{
    unsigned offers = 0;
    for (struct span word = span_word(&list); word.n > 0; word = span_word(&list)) {
        offers |= talk_offer_of(word, "STARTTLS");
        if (span_is(word, "LOGINDISABLED"))
            offers |= OFFER_LOGIN_DISABLED;
        if (span_starts(word, "AUTH="))
            offers |= mail_offer_of(span_skip(word, strlen("AUTH=")));
    }
    return offers;
}

/* A list for a user who is, or is just being, logged in has no STARTTLS (RFC 9051 s6.2.1), whatever the server
 * offers before. It may come before the tagged OK of the login. */
static bool is_list_for_user(const struct imap *s, unsigned offers)
{
    bool asked_for = is_open(s, IMAP_CAPABILITY);
    bool logging_in = is_logging_in(s);
    switch ((enum imap_state)s->state) {
    case IMAP_GREETING: return false;
    case IMAP_NOT_AUTHENTICATED: return logging_in && !asked_for;
    case IMAP_AUTHENTICATED: return true;
    case IMAP_UNKNOWN: return (offers & (OFFER_PLAIN_AUTH | OFFER_OTHER_AUTH | OFFER_LOGIN_DISABLED)) == 0;
    }
    return false;
}

static void say_capabilities(struct imap *s, const struct line_text *line, struct span list)
{
    unsigned offers = offers_of(list) | (line->overlong ? (unsigned)OFFER_CUT : 0u);
    if ((offers & (OFFER_STARTTLS | OFFER_MASKED)) == 0 && is_list_for_user(s, offers))
        return;
    s->starttls_offered = (offers & OFFER_STARTTLS) != 0;
    talk_say(&s->talk,
             (struct mail_event){
                 .kind = MAIL_CAPABILITIES, .from = SERVER, .offers = offers, .overlong = line->overlong});
}

/* Data that only a forger sends before there is a user: a client that keeps it over STARTTLS shows or does
 * what the forger wants. Where the start was not seen, there may be a user. */
static void say_data(struct imap *s)
{
    if (s->state == IMAP_NOT_AUTHENTICATED)
        talk_say(&s->talk, (struct mail_event){.kind = MAIL_DATA_BEFORE_TLS, .from = SERVER});
}

/* Splits "[CODE args] text"; false where there is no code. */
static bool cut_code(struct span *text, struct span *code)
{
    *text = talk_trim(*text);
    if (span_byte(*text, 0) != '[')
        return false;
    size_t end = span_find(*text, ']');
    *code = span_skip(span_head(*text, end), 1);
    *text = talk_trim(span_skip(*text, end + 1));
    return true;
}

/* An ALERT that comes with the answer to a login answers the client's own word and is no surprise. */
static void take_code(struct imap *s, const struct line_text *line, struct span code, bool about_login)
{
    struct span word = span_word(&code);
    if (span_is(word, "CAPABILITY"))
        say_capabilities(s, line, code);
    else if ((span_is(word, "ALERT") && !about_login) || span_is(word, "REFERRAL") ||
             span_is(word, "LOGIN-REFERRALS"))
        say_data(s);
}

static void take_greeting(struct imap *s, const struct line_text *line, enum imap_status status,
                          struct span text)
{
    bool known = status == STATUS_OK || status == STATUS_PREAUTH || status == STATUS_BYE;
    if (!known || s->open_count > 0 || s->talk.side[SERVER].lost) {
        move(s, STARTED_AMID);
        return;
    }
    move(s, status == STATUS_PREAUTH ? GREETED_PREAUTH : GREETED);
    talk_greeting(&s->talk, line, text, 0, status != STATUS_BYE);
    if (status == STATUS_PREAUTH)
        talk_say(&s->talk, (struct mail_event){.kind = MAIL_PREAUTH, .from = SERVER});
}

static void take_untagged(struct imap *s, const struct line_text *line, struct span rest)
{
    struct span text = rest;
    struct span word = span_word(&text);
    enum imap_status status = status_of(word);
    struct span code = span_of(NULL, 0);
    bool has_code = status != STATUS_NONE && cut_code(&text, &code);
    if (s->state == IMAP_GREETING)
        take_greeting(s, line, status, text);
    if (status == STATUS_NONE)
        take_literal(s, SERVER, line); /* the text of a status is for people and may end in anything */
    if (has_code)
        take_code(s, line, code, is_logging_in(s));
    else if (span_is(word, "CAPABILITY"))
        say_capabilities(s, line, text);
    else if (imap_is_mailbox_data(word, text))
        say_data(s);
    if (status == STATUS_BYE)
        talk_bye(&s->talk, SERVER, 0);
}

static void refuse_tls(struct imap *s, enum imap_status status, struct span text)
{
    bool unknown = status == STATUS_BAD && s->starttls_offered && talk_says_unknown(text);
    bool late = status == STATUS_BAD && s->state == IMAP_AUTHENTICATED;
    talk_tls_refused(&s->talk, (struct mail_event){.already = late || talk_says(text, "already"),
                                                   .tampered = unknown || talk_says_masked(text)});
}

static void answer(struct imap *s, enum imap_command command, enum imap_status status, struct span text)
{
    bool ok = status == STATUS_OK;
    switch (command) {
    case IMAP_STARTTLS:
        if (ok)
            talk_tls_accepted(&s->talk, 0);
        else
            refuse_tls(s, status, text);
        break;
    case IMAP_LOGIN:
    case IMAP_AUTHENTICATE:
        talk_auth_done(&s->talk, ok, 0);
        if (ok)
            move(s, LOGGED_IN);
        break;
    case IMAP_CAPABILITY:
        if (!ok)
            talk_say(&s->talk, (struct mail_event){.kind = MAIL_CAPABILITIES_REFUSED, .from = SERVER});
        break;
    case IMAP_UNAUTHENTICATE: move(s, UNPAIRED_OK); break;
    case IMAP_COMPRESS: s->talk.over = ok; break;
    case IMAP_LOGOUT: break;
    case IMAP_OTHER: break;
    }
}

/* After lost bytes a response may be a line of a mail whose literal's announcement was among them. One that
 * answers a command which the client sent after another response to a command of its own is none: a mail
 * cannot know its tag. */
static bool found_place(struct imap *s, bool paired)
{
    if (!paired)
        return false;
    if (s->half_found) {
        s->talk.side[SERVER].lost = false;
        s->half_found = false;
        return true;
    }
    s->half_found = true;
    s->open_count = 0;
    return false;
}

static void take_tagged(struct imap *s, const struct line_text *line, struct span tag, struct span rest)
{
    enum imap_status status = status_of(span_word(&rest));
    if (status != STATUS_OK && status != STATUS_NO && status != STATUS_BAD)
        return;
    uint32_t hash = hash_of(tag);
    size_t at = find_open(s, hash);
    bool paired = at < s->open_count;
    if (s->talk.side[SERVER].lost && !found_place(s, paired))
        return;
    if (s->literal_waits && hash == s->tag) { /* the literal will not be sent (RFC 9051 s4.3) */
        s->part[CLIENT] = (struct imap_part){0};
        s->literal_waits = false;
    }

    struct span code;
    bool has_code = cut_code(&rest, &code);
    enum imap_command command = paired ? (enum imap_command)s->open[at].command : IMAP_OTHER;
    if (paired) {
        forget(s, at);
        answer(s, command, status, rest);
    } else if (status == STATUS_OK) {
        move(s, UNPAIRED_OK);
    }
    if (has_code)
        take_code(s, line, code, command == IMAP_LOGIN || command == IMAP_AUTHENTICATE);
}

static void take_response(struct imap *s, const struct line_text *line)
{
    struct span rest = line->text;
    struct span tag = span_word(&rest);
    bool lost = s->talk.side[SERVER].lost;
    if (s->part[SERVER].continued)
        take_literal(s, SERVER, line);
    else if (span_is(tag, "*") && !lost)
        take_untagged(s, line, rest);
    else if (span_is(tag, "+") && !lost) {
        s->literal_waits = false;
        if (s->joined) /* a literal, perhaps, that was announced before the capture */
            gap(s, CLIENT);
        if (is_open(s, IMAP_AUTHENTICATE)) /* else it is the go-ahead for a literal or for IDLE */
            talk_auth_challenge(&s->talk);
    } else if (tag.n > 0)
        take_tagged(s, line, tag, rest);
}

static void take_line(void *state, enum side from, const struct line_text *line)
{
    if (from == CLIENT)
        take_line_of_client(state, line);
    else
        take_response(state, line);
}

static enum step next(void *state, enum side from, struct cursor *in, struct mail_event *ev)
{
    static const struct talk_protocol protocol = {body, take_line, gap};
    return talk_next(state, &protocol, from, in, ev);
}

static void wipe(void *state)
{
    talk_wipe(state, sizeof(struct imap));
}

const struct mail_parser imap_parser = {sizeof(struct imap), next, gap, talk_resume, wipe, join};
