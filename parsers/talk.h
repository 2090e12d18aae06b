/* talk.h - what all conversations in mail protocols have in common: two sides that send lines, events that
 * wait to be handed out, and the one place for the rules of the step from cleartext to TLS.
 *
 * A protocol embeds struct talk as the first member of its state, tells talk_next how its bodies and lines
 * are read, and says events with talk_say. It refuses to know any command.
 *
 * The rules of the upgrade: - TLS is recognised by the first octet of a line, so that splitting the input
 * changes nothing: 0x16 always, 0x15 (alert) and an SSLv2 length only where TLS may come. What it really is,
 * the TLS framer decides: octets that are no TLS come back, and are text after all. After a gap, when lines
 * cannot be told, six octets at the start of an input must agree. - Whole lines of the client between
 * STARTTLS and the go-ahead are injected commands, one event a line, its octets counted with the line end; so
 * are those of the server between the go-ahead and TLS. A part of a line that TLS cuts off counts as one.
 * Bodies and literals sent there are not counted. - Where the server was never heard, or its replies cannot
 * be paired, nothing is called injected. */
#pragma once

#include "cursor.h"
#include "line.h"
#include "mail.h"
#include "proxy.h"
#include "stream.h"

/* Events of one line that wait. The most that one can be, for somebody who tries: a greeting of IMAP, a good-bye, with a
 * referral, and all of it behind a go-ahead. */
enum { TALK_EVENTS_CAP = 4 };

/* Room for the text of an event; longer names and greetings are cut. RFC 5321 allows 255 for a domain, but real
 * ones stay below 100, and state is taken for every flow. */
enum { TALK_TEXT_CAP_BYTES = 128, TALK_MECHANISM_CAP_BYTES = 32 };

#define TALK_UPGRADES(X)                                                                                     \
    X(UPGRADE_NONE)     /* nothing asked, or refused, or the client went on in cleartext */                  \
    X(UPGRADE_ASKED)    /* no answer yet */                                                                  \
    X(UPGRADE_ACCEPTED) /* the go-ahead was seen */

enum talk_upgrade {
#define X(name) name,
    TALK_UPGRADES(X)
#undef X
};

/* One side of the conversation. */
struct talk_side {
    struct line line; /* all that is large: talk_wipe relies on it */
    bool spoke;       /* at least one byte was seen */
    bool lost;        /* after a gap, and not yet certain again */
    bool tls;         /* MAIL_TLS_BEGINS was said */
    bool injected;    /* the line that is being read began where only TLS may follow */
    bool no_tls;      /* the octets that come next looked like TLS and are none */
};

struct talk {
    struct talk_side side[2]; /* by enum side */
    struct proxy proxy;       /* of the client */
    struct mail_event said[TALK_EVENTS_CAP];
    uint8_t said_count;
    uint8_t handed_out;
    uint8_t upgrade;     /* enum talk_upgrade */
    uint8_t asked;       /* STARTTLS commands without an answer */
    bool over;           /* can never be followed again: STEP_LOST */
    uint8_t secret;      /* enum mail_secret of the authentication that was begun last */
    uint8_t answers_due; /* client answers up to and with the one that holds the credential */
    int8_t challenges;   /* challenges that lack an answer; negative where the client ran ahead */
    uint8_t text_from;   /* enum side whose text lies in `text` */
    uint8_t text_used;
    uint8_t text[TALK_TEXT_CAP_BYTES];
};

/* How a protocol reads its two sides. Both get the state that was given to talk_next. */
struct talk_protocol {
    /* How many of the next octets are no lines but a body or literal; 0 where a line follows. */
    size_t (*body)(void *state, enum side from, struct span rest);
    /* One line. `line` dies with the call. */
    void (*line)(void *state, enum side from, const struct line_text *line);
    void (*gap)(void *state, enum side from);
};

/* talk_next - the `next` of struct mail_parser for a protocol. */
enum step talk_next(void *state, const struct talk_protocol *protocol, enum side from, struct cursor *in,
                    struct mail_event *ev);

/* talk_gap - bytes of one side are missing. The client's bytes are swallowed, the server's lines go on to be
 * handed to the protocol, which clears `lost` once it is certain again. */
void talk_gap(struct talk *t, enum side from);

/* talk_wipe - for mail_parser.wipe: the state of a parser, which begins with its talk. size: of all of it. */
void talk_wipe(void *state, size_t size);

/* talk_resume - the `resume` of struct mail_parser for all protocols. */
void talk_resume(void *state, enum side from);

/* talk_say - hand out an event after this line. */
void talk_say(struct talk *t, struct mail_event ev);

/* talk_keep - copy the text of an event out of a line that will be wiped. */
struct span talk_keep(struct talk *t, enum side from, struct span text);

/* talk_keep_more - append to what this side kept; lost where the other side's text took its place. */
void talk_keep_more(struct talk *t, enum side from, struct span text);

/* talk_kept - the text that side kept, empty where the other side's took its place. */
struct span talk_kept(const struct talk *t, enum side from);

/* talk_greeting_is_masked - a device overwrote the whole greeting, host name and all: "220 ****************".
 * The oldest (PIX) leaves every "0", "0 " and "2" in place, so that of a time of day some digits remain:
 * "220 *****0*2***200*". A greeting that has words beside its asterisks is only decorated. */
bool talk_greeting_is_masked(struct span text);

/* talk_greeting - say MAIL_GREETING; text is kept. */
void talk_greeting(struct talk *t, const struct line_text *line, struct span text, unsigned code,
                   bool accepted);

/* talk_tls_asked - say that STARTTLS was sent.
 * certain     replies can be paired, so that what follows can be judged */
void talk_tls_asked(struct talk *t, bool anonymous, bool certain);

/* talk_tls_accepted, _refused - say how the server answered. `refusal` brings code, tampered and already. */
void talk_tls_accepted(struct talk *t, unsigned code);
void talk_tls_refused(struct talk *t, struct mail_event refusal);

/* talk_tls_unknown - the answer to STARTTLS can no longer be told. */
void talk_tls_unknown(struct talk *t);

/* talk_auth - say that an authentication was begun.
 * mechanism   as written; its leading letters, digits, - and _ are kept
 * response    the command brought an initial response. In MAIL_AUTH it counts where it is the credential:
 *             that of mechanism LOGIN is only the user's name */
void talk_auth(struct talk *t, struct span mechanism, bool response);

/* talk_login - say that a command other than SASL's began an authentication: LOGIN, USER, APOP.
 * complete    the credential came with it; else talk_secret_sent follows, or it never crosses */
void talk_login(struct talk *t, const char *command, bool complete);

/* talk_secret_sent - the credential of the authentication that was begun crossed now. */
void talk_secret_sent(struct talk *t);

/* talk_auth_challenge - the server asked for an answer. */
void talk_auth_challenge(struct talk *t);

/* talk_auth_answer - the client answered; an empty answer holds no credential. */
void talk_auth_answer(struct talk *t, bool empty);

/* talk_auth_due - the next line of the client is an answer. */
bool talk_auth_due(const struct talk *t);

/* talk_auth_done - say how it ended. */
void talk_auth_done(struct talk *t, bool accepted, unsigned code);

/* talk_bye - say MAIL_BYE. */
void talk_bye(struct talk *t, enum side from, unsigned code);

/* talk_offers - capability bits of one keyword that all protocols share: STARTTLS in the protocol's own
 * spelling, or a masked word. */
unsigned talk_offer_of(struct span keyword, const char *starttls);

/* talk_auth_offers - bits of a list of SASL mechanisms, separated by blanks. */
unsigned talk_auth_offers(struct span mechanisms);

/* talk_trim - text without leading and trailing blanks. */
struct span talk_trim(struct span text);

/* talk_says - text holds the phrase, ASCII case ignored. */
bool talk_says(struct span text, const char *phrase);

/* talk_says_unknown - text of a refusal that claims not to know the command (a device on the path changed
 * it). */
bool talk_says_unknown(struct span text);

/* talk_says_masked - text of a refusal that repeats an overwritten word, "unrecognized: XXXXXXXX". */
bool talk_says_masked(struct span text);

/* talk_is_base64 - looks like an answer to a SASL challenge: base64, or * (RFC 4954 s4). */
bool talk_is_base64(struct span text);
