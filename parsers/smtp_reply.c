#include "smtp_reply.h"

static bool is_positive(unsigned code)
{
    return code / 100 == 2;
}

static void lose_pairing(struct smtp *s)
{
    pairing_lose(&s->pairing);
    talk_tls_unknown(&s->talk);
}

/* RFC 5321 s4.2: three digits, then a blank, "-" or nothing. */
static bool read_code(struct span text, unsigned *code, bool *last, struct span *rest)
{
    unsigned hundreds = (unsigned)span_byte(text, 0) - '0'; /* what is no digit is large */
    unsigned tens = (unsigned)span_byte(text, 1) - '0';
    unsigned ones = (unsigned)span_byte(text, 2) - '0';
    if (hundreds < 2 || hundreds > 5 || tens > 9 || ones > 9)
        return false;
    uint8_t separator = span_byte(text, 3);
    if (text.n > 3 && separator != ' ' && separator != '-')
        return false;
    *code = 100 * hundreds + 10 * tens + ones;
    *last = separator != '-';
    *rest = span_skip(text, 4);
    return true;
}

/* ---- capabilities ---- */

/* "AUTH PLAIN LOGIN", and as before RFC 4954 "AUTH=PLAIN LOGIN"; Exchange has X-EXPS as well. */
static bool is_auth_list(struct span line, struct span *mechanisms)
{
    static const char *const names[] = {"AUTH", "X-EXPS"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct span rest = span_skip(line, strlen(names[i]));
        uint8_t separator = span_byte(rest, 0);
        if (span_starts(line, names[i]) && (separator == ' ' || separator == '=')) {
            *mechanisms = span_skip(rest, 1);
            return true;
        }
    }
    return false;
}

static bool is_known_extension(struct span keyword)
{
    static const struct span names[] = {
        WORD("STARTTLS"), WORD("PIPELINING"), WORD("SIZE"), WORD("8BITMIME"), WORD("ENHANCEDSTATUSCODES"),
        WORD("CHUNKING"), WORD("SMTPUTF8"),   WORD("DSN"),  WORD("ETRN"),     WORD("BINARYMIME")};
    return span_is_among(keyword, names, sizeof names / sizeof *names);
}

static void take_extension(struct smtp *s, struct span line)
{
    struct span mechanisms;
    struct span rest = line;
    struct span keyword = span_word(&rest);
    unsigned offers = talk_offer_of(keyword, "STARTTLS") | talk_offer_of(keyword, "X-ANONYMOUSTLS");
    bool auth = is_auth_list(line, &mechanisms);
    if (auth)
        offers |= talk_auth_offers(mechanisms);
    s->reply.offers |= (uint8_t)offers;
    if (!s->reply.keywords) /* one suffices, and the first one mostly is */
        s->reply.keywords = auth || is_known_extension(keyword);
}

static void say_capabilities(struct smtp *s)
{
    unsigned offers = s->reply.offers | (s->reply.overlong ? (unsigned)OFFER_CUT : 0u);
    s->starttls_offered = (offers & OFFER_STARTTLS) != 0;
    talk_say(&s->talk,
             (struct mail_event){
                 .kind = MAIL_CAPABILITIES, .from = SERVER, .offers = offers, .overlong = s->reply.overlong});
}

static void answer_ehlo(struct smtp *s, unsigned code)
{
    s->recipients = 0;
    if (is_positive(code))
        say_capabilities(s);
    else if (code >= 400)
        talk_say(&s->talk,
                 (struct mail_event){.kind = MAIL_CAPABILITIES_REFUSED, .from = SERVER, .code = code});
}

/* ---- the other commands ---- */

static void answer_starttls(struct smtp *s, unsigned code, struct span text)
{
    if (is_positive(code)) {
        talk_tls_accepted(&s->talk, code);
        return;
    }
    bool not_known = code == 500 || code == 502;
    talk_tls_refused(&s->talk, (struct mail_event){.code = code,
                                                   .already = code == 503,
                                                   .tampered = (not_known && s->starttls_offered) ||
                                                               talk_says_masked(text)});
}

/* Only now is it certain that the server did not understand the verb either. */
static void answer_masked(struct smtp *s, unsigned code)
{
    if (code != 500 && code != 502)
        return;
    talk_tls_asked(&s->talk, false, false);
    talk_say(&s->talk,
             (struct mail_event){.kind = MAIL_TLS_REFUSED, .from = SERVER, .code = code, .tampered = true});
}

/* There will be no list of extensions, and that is the device's doing. */
static void answer_masked_ehlo(struct smtp *s, unsigned code)
{
    if (code == 500 || code == 502)
        talk_say(&s->talk,
                 (struct mail_event){
                     .kind = MAIL_CAPABILITIES_REFUSED, .from = SERVER, .code = code, .tampered = true});
}

/* Returns false where this was not the last reply to the command. */
static bool answer_auth(struct smtp *s, unsigned code)
{
    if (code == 334) {
        talk_auth_challenge(&s->talk);
        smtp_move(s, SMTP_CHALLENGED);
        return false;
    }
    smtp_move(s, SMTP_AUTH_ENDS);
    talk_auth_done(&s->talk, is_positive(code), code);
    return true;
}

static void answer_mail(struct smtp *s, unsigned code)
{
    if (!is_positive(code))
        return;
    s->recipients = 0;
    s->recipients_unknown = false;
    talk_say(&s->talk, (struct mail_event){.kind = MAIL_TRANSACTION, .from = SERVER, .code = code});
}

static void answer_rcpt(struct smtp *s, unsigned code)
{
    if (is_positive(code) && s->recipients < UINT32_MAX)
        s->recipients++;
}

static void answer_data(struct smtp *s, unsigned code)
{
    if (code == 354)
        smtp_move(s, SMTP_BODY_BEGINS);
    else if (s->body_early) /* the server reads that body as commands, and we cannot tell how many */
        smtp_lose(s, CLIENT);
    else
        smtp_move(s, SMTP_DATA_REFUSED);
}

static void say_message_accepted(struct smtp *s, unsigned code)
{
    talk_say(&s->talk, (struct mail_event){.kind = MAIL_MESSAGE_ACCEPTED, .from = SERVER, .code = code});
}

/* LMTP answers once for each recipient it had accepted (RFC 2033 s4.2); the message is one all the same. Where
 * those were not seen, only the first reply is certain. Returns false where more replies are due. */
static bool answer_message(struct smtp *s, unsigned code)
{
    if (s->recipients_due == 0)
        s->recipients_due = s->lmtp && s->recipients > 1 ? s->recipients : 1;
    if (is_positive(code) && !s->message_counted) {
        s->message_counted = true;
        say_message_accepted(s, code);
    }
    if (--s->recipients_due > 0)
        return false;
    if (!s->named || (s->lmtp && s->recipients_unknown))
        lose_pairing(s);
    s->message_counted = false;
    s->recipients = 0;
    return true;
}

/* Returns false where the same command will have more replies. */
static bool answer(struct smtp *s, enum smtp_command command, unsigned code, struct span text)
{
    switch (command) {
    case SMTP_NONE: break;
    case SMTP_HELO: s->recipients = 0; break;
    case SMTP_EHLO: answer_ehlo(s, code); break;
    case SMTP_STARTTLS: answer_starttls(s, code, text); break;
    case SMTP_MASKED: answer_masked(s, code); break;
    case SMTP_MASKED_EHLO: answer_masked_ehlo(s, code); break;
    case SMTP_SASL: return answer_auth(s, code);
    case SMTP_MAIL: answer_mail(s, code); break;
    case SMTP_RCPT: answer_rcpt(s, code); break;
    case SMTP_BEGIN: answer_data(s, code); break;
    case SMTP_BDAT: break;
    case SMTP_MESSAGE: return answer_message(s, code);
    case SMTP_RSET: s->recipients = 0; break;
    case SMTP_XCLIENT: break;
    case SMTP_TURN: s->talk.over = is_positive(code); break;
    case SMTP_OTHER: break;
    }
    return true;
}

/* ---- replies without a command ---- */

/* The first reply is the greeting. It may follow commands of a client that did not wait; but then only 220
 * can be told from the answer to a command, and not where that is STARTTLS. */
static bool is_greeting(const struct smtp *s, unsigned code)
{
    if (s->pairing.lost)
        return false;
    if (pairing_is_empty(&s->pairing))
        return code == 220 || code >= 400;
    return code == 220 && pairing_head(&s->pairing) != SMTP_STARTTLS;
}

/* Only the server is heard: a list of extensions explains itself, and what follows 354 answers the body. */
static void take_reply_alone(struct smtp *s, unsigned code)
{
    if (s->data_open && is_positive(code))
        say_message_accepted(s, code);
    else if (code == 250 && s->reply.keywords && !s->talk.side[SERVER].lost)
        say_capabilities(s);
    s->data_open = code == 354;
}

/* The server saw an end of the body that is none by RFC 5321, a dot between bare LFs, or did not wait for
 * one. What the client sends next is a command to one and body to the other. */
static void take_unpaired(struct smtp *s, unsigned code)
{
    if (s->state != SMTP_DATA)
        return;
    if (is_positive(code))
        say_message_accepted(s, code);
    smtp_lose(s, CLIENT);
}

/* The client's next byte begins a command, or a body. */
static void begin_anew(struct smtp *s, bool data)
{
    struct talk_side *client = &s->talk.side[CLIENT];
    client->lost = false;
    client->line.skipping = false;
    s->body = BODY_LINE_START;
    s->body_early = false;
    if (data)
        smtp_move(s, SMTP_SENT_DATA);
}

/* After lost bytes: some replies answer one command only, and its client has waited for them. Returns
 * whether the place was found. */
static bool find_place(struct smtp *s, unsigned code)
{
    bool client_lost = s->talk.side[CLIENT].lost;
    bool waited_for_354 = client_lost || s->state == SMTP_DATA_ASKED || s->state == SMTP_DATA;
    bool waited_for_235 = client_lost || s->state == SMTP_AUTH;
    bool data = code == 354 && waited_for_354;
    bool auth = (code == 235 && waited_for_235) || ((code == 334 || code == 535) && s->state == SMTP_AUTH);
    if (!data && !auth)
        return false;

    pairing_restart(&s->pairing);
    pairing_push(&s->pairing, (uint8_t)(data ? SMTP_BEGIN : client_lost ? SMTP_OTHER : SMTP_SASL));
    s->recipients_unknown = true;
    s->recipients_due = 0;
    s->talk.side[SERVER].lost = false;
    if (client_lost)
        begin_anew(s, data);
    return true;
}

/* Could this reply answer the command whose turn it is? If not, a server left a reply out or answered twice. */
static bool fits(enum smtp_command head, unsigned code)
{
    switch (code) {
    case 220:
        return head == SMTP_STARTTLS || head == SMTP_XCLIENT || head == SMTP_NONE; /* some greet twice */
    case 235:
    case 334: return head == SMTP_SASL;
    case 354: return head == SMTP_BEGIN;
    default: return head != SMTP_STARTTLS || !is_positive(code); /* 221 answers a QUIT, if anything */
    }
}

/* Nothing tells which command this answers. */
static void take_unknown(struct smtp *s, unsigned code)
{
    if (code == 354) /* a body follows that no DATA announced */
        smtp_lose(s, CLIENT);
    else if (s->lmtp) /* how many replies a message has is not known: counting them leads nowhere */
        lose_pairing(s);
    else
        pairing_pop(&s->pairing);
}

static void pair_reply(struct smtp *s, unsigned code, struct span text)
{
    if (pairing_known(&s->pairing) && !fits((enum smtp_command)pairing_head(&s->pairing), code))
        lose_pairing(s);
    if (pairing_is_empty(&s->pairing))
        take_unpaired(s, code);
    else if (!pairing_known(&s->pairing) && !find_place(s, code))
        take_unknown(s, code);
    else if (answer(s, (enum smtp_command)pairing_head(&s->pairing), code, text))
        pairing_pop(&s->pairing);
}

static void end_reply(struct smtp *s, const struct line_text *line, unsigned code, struct span text)
{
    bool first = !s->greeted;
    s->greeted = true;
    if (first && is_greeting(s, code)) {
        struct span head = s->reply.inside ? talk_kept(&s->talk, SERVER) : text;
        if (talk_greeting_is_masked(head)) /* of several lines a device overwrites each */
            head = text;
        talk_greeting(&s->talk, line, head, code, is_positive(code));
        if (pairing_head(&s->pairing) == SMTP_OTHER) /* meant for a proxy on the way? Then no reply comes */
            lose_pairing(s);
    } else if (s->talk.side[CLIENT].spoke) {
        pair_reply(s, code, text);
    } else {
        take_reply_alone(s, code);
    }
    if (code == 221 || code == 421)
        talk_bye(&s->talk, SERVER, code);
}

void smtp_take_reply(struct smtp *s, const struct line_text *line)
{
    unsigned code = 0;
    bool last = false;
    struct span text;
    if (!read_code(line->text, &code, &last, &text))
        return;
    s->reply.overlong |= line->overlong;
    if (s->reply.inside)
        take_extension(s, text);
    else if (!s->greeted)
        text = talk_keep(&s->talk, SERVER, text);
    if (last)
        end_reply(s, line, code, text);
    s->reply.inside = true;
    if (last)
        s->reply = (struct smtp_reply){0};
}
