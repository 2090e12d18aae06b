#include "talk.h"

#include <assert.h>

enum { OCTET_ALERT = 0x15, OCTET_HANDSHAKE = 0x16 };

void talk_say(struct talk *t, struct mail_event ev)
{
    assert(t->said_count < TALK_EVENTS_CAP);
    if (t->said_count < TALK_EVENTS_CAP)
        t->said[t->said_count++] = ev;
}

struct span talk_keep(struct talk *t, enum side from, struct span text)
{
    struct span kept = span_head(text, TALK_TEXT_CAP_BYTES);
    memmove(t->text, kept.p, kept.n); /* it may be what was kept before */
    t->text_used = (uint8_t)kept.n;
    t->text_from = (uint8_t)from;
    return talk_kept(t, from);
}

void talk_keep_more(struct talk *t, enum side from, struct span text)
{
    if (t->text_from != from)
        return;
    struct span fits = span_head(text, TALK_TEXT_CAP_BYTES - (size_t)t->text_used);
    memcpy(t->text + t->text_used, fits.p, fits.n);
    t->text_used = (uint8_t)(t->text_used + fits.n);
}

struct span talk_kept(const struct talk *t, enum side from)
{
    return span_of(t->text, t->text_from == from ? t->text_used : 0);
}

void talk_bye(struct talk *t, enum side from, unsigned code)
{
    talk_say(t, (struct mail_event){.kind = MAIL_BYE, .from = from, .code = code});
}

bool talk_greeting_is_masked(struct span text)
{
    size_t stars = 0;
    for (size_t i = 0; i < text.n; i++) {
        uint8_t octet = span_byte(text, i);
        stars += octet == '*';
        if (octet != '*' && octet != '0' && octet != '2' && octet != ' ')
            return false;
    }
    return span_byte(text, 0) == '*' && stars >= 3;
}

void talk_greeting(struct talk *t, const struct line_text *line, struct span text, unsigned code,
                   bool accepted)
{
    talk_say(t, (struct mail_event){.kind = MAIL_GREETING,
                                    .from = SERVER,
                                    .code = code,
                                    .accepted = accepted,
                                    .masked = talk_greeting_is_masked(text),
                                    .overlong = line->overlong,
                                    .text = talk_keep(t, SERVER, text)});
}

void talk_wipe(void *state, size_t size)
{
    struct talk *t = state;
    for (int side = CLIENT; side <= SERVER; side++) {
        struct talk_side *s = &t->side[side];
        line_wipe(&s->line);
        mail_wipe((char *)s + sizeof s->line, sizeof *s - sizeof s->line);
    }
    mail_wipe((char *)state + sizeof t->side, size - sizeof t->side);
}

/* ---- the upgrade to TLS ---- */

void talk_tls_asked(struct talk *t, bool anonymous, bool certain)
{
    talk_say(t, (struct mail_event){.kind = MAIL_TLS_ASKED, .from = CLIENT, .anonymous_tls = anonymous});
    if (!certain)
        return;
    if (t->asked < UINT8_MAX)
        t->asked++;
    t->upgrade = UPGRADE_ASKED;
}

void talk_tls_accepted(struct talk *t, unsigned code)
{
    talk_say(t, (struct mail_event){.kind = MAIL_TLS_ACCEPTED, .from = SERVER, .code = code});
    t->upgrade = UPGRADE_ACCEPTED;
    t->asked = 0;
}

void talk_tls_refused(struct talk *t, struct mail_event refusal)
{
    refusal.kind = MAIL_TLS_REFUSED;
    refusal.from = SERVER;
    talk_say(t, refusal);
    if (t->asked > 0)
        t->asked--;
    t->upgrade = t->asked > 0 ? UPGRADE_ASKED : UPGRADE_NONE;
}

void talk_tls_unknown(struct talk *t)
{
    t->upgrade = UPGRADE_NONE;
    t->asked = 0;
    t->side[CLIENT].injected = false;
    t->side[SERVER].injected = false;
}

void talk_gap(struct talk *t, enum side from)
{
    line_skip_rest(&t->side[from].line);
    t->side[from].lost = true;
    t->proxy.over |= from == CLIENT;
    talk_tls_unknown(t);
}

void talk_resume(void *state, enum side from)
{
    struct talk *t = state;
    t->side[from].tls = false;
    t->side[from].no_tls = true;
}

/* May TLS follow in another form than a handshake record? */
static bool tls_may_come(const struct talk *t, enum side from)
{
    return t->upgrade != UPGRADE_NONE || t->side[side_other(from)].tls || !t->side[from].spoke;
}

/* At the start of a line. */
static bool tls_begins(const struct talk *t, enum side from, struct span rest)
{
    if (!tls_may_come(t, from))
        return span_byte(rest, 0) == OCTET_HANDSHAKE;
    return mail_looks_like_tls(span_head(rest, 1), true);
}

/* Where lines cannot be told: at the start of an input, and nothing less than a whole record header and
 * hello. */
static bool tls_begins_for_sure(struct span rest)
{
    return rest.n >= 6 && span_byte(rest, 0) == OCTET_HANDSHAKE && mail_looks_like_tls(rest, false);
}

static bool is_text(uint8_t octet)
{
    return octet >= ' ' || (octet >= '\t' && octet <= '\r');
}

/* Is the line that begins here sent where only TLS may follow? */
static bool is_injected(const struct talk *t, enum side from)
{
    if (from == SERVER)
        return t->upgrade == UPGRADE_ACCEPTED;
    return t->upgrade == UPGRADE_ASKED && t->side[SERVER].spoke;
}

static void say_injected(struct talk *t, enum side from, size_t octets)
{
    enum mail_event_kind kind = from == CLIENT ? MAIL_INJECTED_COMMAND : MAIL_INJECTED_RESPONSE;
    talk_say(t, (struct mail_event){.kind = kind, .from = from, .count = octets});
    t->side[from].injected = false;
}

static void say_tls_begins(struct talk *t, enum side from)
{
    t->side[from].tls = true;
    line_done(&t->side[from].line);
    talk_say(t, (struct mail_event){.kind = MAIL_TLS_BEGINS, .from = from});
}

/* The first octet of a line, not consumed. Returns false where it belongs to no line, or was news in itself. */
static bool begin_line(struct talk *t, const struct talk_protocol *protocol, enum side from, struct span rest)
{
    struct talk_side *side = &t->side[from];
    if (!side->no_tls && !side->lost && tls_begins(t, from, rest)) {
        say_tls_begins(t, from);
        return false;
    }
    if (!side->no_tls && !is_text(span_byte(rest, 0))) {
        protocol->gap(t, from); /* a SASL security layer (RFC 4422 s3.7), or no mail at all */
        return false;
    }
    if (from == CLIENT && t->upgrade == UPGRADE_ACCEPTED) {
        talk_say(t, (struct mail_event){.kind = MAIL_CLEARTEXT_GOES_ON, .from = CLIENT});
        t->upgrade = UPGRADE_NONE;
        return false;
    }
    side->injected = is_injected(t, from);
    side->no_tls = false;
    return true;
}

/* ---- lines and bodies ---- */

/* What of a line comes before a TLS record. Where its first octet looks like one, begin_line knew better. */
static struct span until_tls(struct span rest, bool first)
{
    size_t known = first ? 1 : 0;
    return span_head(rest, known + span_find(span_skip(rest, known), OCTET_HANDSHAKE));
}

/* TLS may cut off the line: an injected part of one needs no line end. */
static bool take_injected_line(struct talk *t, enum side from, struct cursor *in, struct line_text *line)
{
    struct talk_side *side = &t->side[from];
    struct span rest = until_tls(cursor_rest(*in), line_is_empty(&side->line));
    if (rest.n == 0) {
        say_injected(t, from, side->line.octets);
        line_done(&side->line);
        return false;
    }
    struct cursor part = cursor_over(rest);
    bool whole = line_take(&side->line, &part, line);
    cursor_take(in, rest.n - cursor_left(&part));
    return whole;
}

static void read_line(struct talk *t, const struct talk_protocol *protocol, enum side from, struct cursor *in)
{
    struct talk_side *side = &t->side[from];
    struct line_text line;
    bool injected = side->injected;
    bool whole = injected ? take_injected_line(t, from, in, &line) : line_take(&side->line, in, &line);
    if (!whole)
        return;
    if (from == SERVER || !proxy_is_line(&t->proxy, line.text))
        protocol->line(t, from, &line);
    if (injected)
        say_injected(t, from, line.octets);
    line_done(&side->line);
}

/* One body, one line, or the look at what begins here. */
static void advance(struct talk *t, const struct talk_protocol *protocol, enum side from, struct cursor *in)
{
    struct talk_side *side = &t->side[from];
    bool between = line_is_empty(&side->line);
    size_t body = between ? protocol->body(t, from, cursor_rest(*in)) : 0;
    if (body > 0)
        cursor_take(in, body);
    else if (!between || begin_line(t, protocol, from, cursor_rest(*in)))
        read_line(t, protocol, from, in);
    else
        return;
    side->spoke = true;
}

/* Bytes of no use here (the caller was told that TLS began), or of no known meaning. */
static void swallow(struct talk *t, enum side from, struct cursor *in)
{
    cursor_take(in, cursor_left(in));
    t->side[from].spoke = true;
}

/* The header of a load balancer; no protocol knows of it. What only looked like one is read like any line. */
static void take_proxy_header(struct talk *t, const struct talk_protocol *protocol, struct cursor *in)
{
    struct span back;
    cursor_take(in, proxy_take(&t->proxy, cursor_rest(*in), &back));
    struct cursor again = cursor_over(back);
    while (cursor_left(&again) > 0) {
        if (t->side[CLIENT].lost)
            swallow(t, CLIENT, &again);
        else
            advance(t, protocol, CLIENT, &again);
    }
}

static bool hand_out(struct talk *t, struct mail_event *ev)
{
    if (t->handed_out == t->said_count) {
        t->handed_out = 0;
        t->said_count = 0;
        return false;
    }
    *ev = t->said[t->handed_out++];
    return true;
}

enum step talk_next(void *state, const struct talk_protocol *protocol, enum side from, struct cursor *in,
                    struct mail_event *ev)
{
    struct talk *t = state;
    struct talk_side *side = &t->side[from];
    bool fresh = true;
    while (!hand_out(t, ev)) {
        if (t->over)
            return STEP_LOST;
        if (cursor_left(in) == 0)
            return STEP_MORE;
        if (fresh && side->lost && !side->tls && tls_begins_for_sure(cursor_rest(*in)))
            say_tls_begins(t, from);
        else if (side->tls || (side->lost && from == CLIENT))
            swallow(t, from, in);
        else if (from == CLIENT && line_is_empty(&side->line) &&
                 proxy_may_begin(&t->proxy, span_byte(cursor_rest(*in), 0)))
            take_proxy_header(t, protocol, in);
        else
            advance(t, protocol, from, in);
        fresh = false;
    }
    return STEP_EVENT;
}

/* ---- authentication ---- */

static struct span mechanism_name(struct span written)
{
    struct span name = span_head(written, TALK_MECHANISM_CAP_BYTES);
    for (size_t i = 0; i < name.n; i++) {
        uint8_t upper = byte_upper(span_byte(name, i));
        bool allowed = (upper >= 'A' && upper <= 'Z') || (upper >= '0' && upper <= '9') || upper == '-' ||
                       upper == '_';
        if (!allowed)
            return span_head(name, i);
    }
    return name;
}

static void say_auth(struct talk *t, struct span name, bool complete)
{
    t->challenges = 0;
    t->secret = (uint8_t)mail_secret_of(name);
    talk_say(t, (struct mail_event){.kind = MAIL_AUTH,
                                    .from = CLIENT,
                                    .secret = (enum mail_secret)t->secret,
                                    .initial_response = complete,
                                    .text = talk_keep(t, CLIENT, name)});
}

void talk_auth(struct talk *t, struct span mechanism, bool response)
{
    struct span name = mechanism_name(mechanism);
    /* LOGIN asks for the name first and the password second; NTLM's first message holds no hash yet. */
    bool second = span_is(name, "LOGIN") || span_is(name, "NTLM");
    t->answers_due = mail_secret_of(name) == SECRET_NONE ? 0 : second ? 2 : 1;
    bool counts = response && t->answers_due > 0;
    if (counts)
        t->answers_due--;
    say_auth(t, name, counts && t->answers_due == 0);
}

void talk_login(struct talk *t, const char *command, bool complete)
{
    t->answers_due = 0;
    say_auth(t, span_text(command), complete);
}

void talk_secret_sent(struct talk *t)
{
    t->answers_due = 0;
    talk_say(t, (struct mail_event){
                    .kind = MAIL_AUTH_SECRET_SENT, .from = CLIENT, .secret = (enum mail_secret)t->secret});
}

void talk_auth_challenge(struct talk *t)
{
    if (t->challenges < INT8_MAX)
        t->challenges++;
}

bool talk_auth_due(const struct talk *t)
{
    return t->challenges > 0;
}

void talk_auth_answer(struct talk *t, bool empty)
{
    if (t->challenges > INT8_MIN)
        t->challenges--;
    if (t->answers_due == 0 || empty)
        return;
    t->answers_due--;
    if (t->answers_due == 0)
        talk_secret_sent(t);
}

void talk_auth_done(struct talk *t, bool accepted, unsigned code)
{
    enum mail_event_kind kind = accepted ? MAIL_AUTH_ACCEPTED : MAIL_AUTH_REFUSED;
    t->answers_due = 0;
    t->challenges = 0;
    talk_say(t, (struct mail_event){.kind = kind, .from = SERVER, .code = code});
}

/* ---- words ---- */

/* A device that spoils the keyword keeps its length, so that TCP's numbers stay right: one letter repeated, or a
 * single one changed. Shorter words are too near to others. */
static bool is_spoiled(struct span keyword, struct span starttls)
{
    enum { LENGTH_OF_STARTTLS = 8 };
    uint8_t first = byte_upper(span_byte(keyword, 0));
    bool repeated = first >= 'A' && first <= 'Z';
    size_t changed = 0;
    if (keyword.n != LENGTH_OF_STARTTLS || starttls.n != LENGTH_OF_STARTTLS)
        return false;
    for (size_t i = 0; i < LENGTH_OF_STARTTLS && (changed <= 1 || repeated); i++) {
        changed += byte_upper(span_byte(keyword, i)) != span_byte(starttls, i);
        repeated = repeated && span_byte(keyword, i) == span_byte(keyword, 0);
    }
    return changed == 1 || repeated;
}

unsigned talk_offer_of(struct span keyword, const char *starttls)
{
    struct span word = span_text(starttls);
    uint8_t first = span_byte(keyword, 0);
    if (keyword.n != word.n && first != 'X' && first != '*') /* nearly all of them */
        return 0;
    if (span_alike(keyword, word))
        return OFFER_STARTTLS;
    bool masked = keyword.n == word.n && mail_is_masked(keyword); /* else it was another keyword */
    return masked || is_spoiled(keyword, word) ? OFFER_MASKED : 0;
}

unsigned talk_auth_offers(struct span mechanisms)
{
    unsigned offers = 0;
    for (struct span word = span_word(&mechanisms); word.n > 0; word = span_word(&mechanisms))
        offers |= mail_offer_of(word);
    return offers;
}

struct span talk_trim(struct span text)
{
    while (span_byte(text, 0) == ' ' || span_byte(text, 0) == '\t')
        text = span_skip(text, 1);
    while (text.n > 0 && (span_byte(text, text.n - 1) == ' ' || span_byte(text, text.n - 1) == '\t'))
        text = span_head(text, text.n - 1);
    return text;
}

bool talk_says(struct span text, const char *phrase)
{
    for (size_t i = 0; i < text.n; i++)
        if (span_starts(span_skip(text, i), phrase))
            return true;
    return false;
}

bool talk_says_unknown(struct span text)
{
    static const char *const phrases[] = {"unrecogni",      "not recogni",    "unknown",
                                          "not implement",  "not understand", "not understood",
                                          "invalid command"};
    for (size_t i = 0; i < sizeof phrases / sizeof *phrases; i++)
        if (talk_says(text, phrases[i]))
            return true;
    return false;
}

bool talk_says_masked(struct span text)
{
    enum { LENGTH_OF_STARTTLS = 8 };
    size_t run = 0;
    for (size_t i = 0; i < text.n; i++) {
        run = span_byte(text, i) == 'X' ? run + 1 : 0;
        if (run == LENGTH_OF_STARTTLS)
            return true;
    }
    return false;
}

bool talk_is_base64(struct span text)
{
    if (span_is(text, "*"))
        return true;
    for (size_t i = 0; i < text.n; i++) {
        uint8_t octet = span_byte(text, i);
        uint8_t upper = byte_upper(octet);
        bool digit = octet >= '0' && octet <= '9';
        if (!digit && !(upper >= 'A' && upper <= 'Z') && memchr("+/=", octet, 3) == NULL)
            return false;
    }
    return text.n > 0;
}
