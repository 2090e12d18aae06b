/* mail.h - what every mail protocol can say to the rest of the sensor.
 *
 * A protocol (smtp.c, imap.c, pop3.c, sieve.c) turns the bytes of both sides into the events below and
 * nothing else; session.c needs no knowledge of the protocol. No event can carry a user name, a password or
 * a body: there is no field for one. */
#pragma once

#include "cursor.h"
#include "stream.h"

/* A line longer than this is cut there and flagged; what follows up to its end is ignored. RFC 5321 s4.5.3.1
 * asks for 512 octets; IMAP capability lists in the field reach 700. The cut applies to every line alike,
 * so that splitting the input never changes an event. */
enum { LINE_CAP_BYTES = 1024 };

/* X(NAME, word): the word is what a dialog file writes. */
#define MAIL_EVENTS(X)                                                                                       \
    X(MAIL_GREETING, greeting)         /* the server spoke first: code, accepted, masked, text */            \
    X(MAIL_PREAUTH, preauth)           /* IMAP greeting "* PREAUTH" (RFC 9051 s7.1.4) */                     \
    X(MAIL_HELO, helo)                 /* client named itself: text, verb */                                 \
    X(MAIL_CAPABILITIES, capabilities) /* one whole capability list: offers */                               \
    X(MAIL_CAPABILITIES_REFUSED, capabilities_refused) /* EHLO, CAPA or CAPABILITY answered with an error */ \
    X(MAIL_TLS_ASKED, tls_asked)                       /* STARTTLS, STLS or X-ANONYMOUSTLS */                \
    X(MAIL_TLS_ACCEPTED, tls_accepted)                 /* the go-ahead, its whole line seen */               \
    X(MAIL_TLS_REFUSED, tls_refused)                   /* code, tampered */                                  \
    X(MAIL_INJECTED_COMMAND, plaintext_after_tls_asked)     /* one line behind STARTTLS: count = octets */   \
    X(MAIL_INJECTED_RESPONSE, plaintext_after_tls_accepted) /* one line behind the go-ahead: count */        \
    X(MAIL_CLEARTEXT_GOES_ON, cleartext_after_go_ahead)     /* client spoke plaintext after the go-ahead */  \
    X(MAIL_TLS_BEGINS, tls_begins)        /* this side's next byte, not consumed, starts TLS */              \
    X(MAIL_AUTH, auth)                    /* an authentication was begun: mechanism, secret */               \
    X(MAIL_AUTH_SECRET_SENT, auth_secret) /* the credential itself crossed (after 334, +, USER): secret */   \
    X(MAIL_AUTH_ACCEPTED, auth_accepted)                                                                     \
    X(MAIL_AUTH_REFUSED, auth_refused)                                                                       \
    X(MAIL_TRANSACTION, transaction)           /* MAIL FROM was accepted */                                  \
    X(MAIL_MESSAGE_ACCEPTED, message_accepted) /* a whole message was taken by the server */                 \
    X(MAIL_DATA_BEFORE_TLS, data_before_tls)   /* IMAP data, ALERT or referral before authentication */      \
    X(MAIL_BYE, bye)                           /* QUIT, LOGOUT or the server's own good-bye */

enum mail_event_kind {
#define X(name, word) name,
    MAIL_EVENTS(X)
#undef X
};

/* What one capability list said. */
enum mail_offer {
    OFFER_STARTTLS = 1 << 0,       /* STARTTLS, STLS, X-ANONYMOUSTLS */
    OFFER_MASKED = 1 << 1,         /* a keyword overwritten on the path: XXXXXXXA, ******** */
    OFFER_PLAIN_AUTH = 1 << 2,     /* AUTH PLAIN, LOGIN, XOAUTH2, OAUTHBEARER; POP3 USER */
    OFFER_OTHER_AUTH = 1 << 3,     /* CRAM-MD5, SCRAM-*, GSSAPI, EXTERNAL ... */
    OFFER_LOGIN_DISABLED = 1 << 4, /* IMAP LOGINDISABLED (RFC 9051 s6.2.3) */
    OFFER_CUT = 1 << 5             /* a line was overlong: what it said beyond the cut is not known */
};

/* How a mechanism treats the credential. */
enum mail_secret {
    SECRET_NONE,       /* EXTERNAL, ANONYMOUS, or nothing said */
    SECRET_READABLE,   /* PLAIN, LOGIN, XOAUTH2, OAUTHBEARER, USER/PASS, IMAP LOGIN */
    SECRET_DIGEST_MD5, /* APOP, CRAM-MD5, DIGEST-MD5, NTLM: a hash that can be guessed at leisure */
    SECRET_PROTECTED   /* SCRAM-*, GSSAPI and others unknown */
};

struct mail_event {
    enum mail_event_kind kind;
    enum side from;
    bool overlong;           /* a line of this event was cut at LINE_CAP_BYTES */
    bool accepted;           /* GREETING: the server is ready to talk */
    bool masked;             /* GREETING: overwritten with asterisks (Cisco inspection) */
    bool tampered;           /* TLS_REFUSED: 500/502 to a keyword that this server had listed, or an
                               * echo of a masked verb such as XXXXXXXX; CAPABILITIES_REFUSED: EHLO was
                               * overwritten */
    bool already;            /* TLS_REFUSED: because TLS is on, or out of sequence (503) */
    bool extended;           /* HELO: EHLO or LHLO, so a capability list is due */
    bool lmtp;               /* HELO: LHLO */
    bool anonymous_tls;      /* TLS_ASKED: X-ANONYMOUSTLS */
    bool initial_response;   /* AUTH: the credential came with the command (the name alone, as AUTH LOGIN
                               * sends it there, is none) */
    enum mail_secret secret; /* AUTH, AUTH_SECRET_SENT */
    unsigned offers;         /* CAPABILITIES: enum mail_offer bits */
    unsigned code;           /* reply code where the protocol has one; 0 where not */
    size_t count;            /* INJECTED_*: octets of the line, its end included */
    struct span text;        /* GREETING: text after the code; HELO: the name (both cut to 128); AUTH:
                               * mechanism as written (cut to 32, letters, digits, - and _ only); borrowed */
};

/* One mail protocol. `next` follows the contract of smtp_next in smtp.h: one line can say several things, so
 * after STEP_EVENT call again also where nothing is left of the input. `gap` says that bytes of one side
 * were never seen: the conversation is then LOST until it is certain again (RFC-defined points only). `join`
 * comes before all bytes. `resume` gives a side back after MAIL_TLS_BEGINS: what began there was no TLS, or
 * came to nothing, and its next bytes, the same ones perhaps, are text. `wipe` leaves the whole state zero: it
 * may hold a credential. */
struct mail_parser {
    size_t size; /* of the state; all zero is a valid start */
    enum step (*next)(void *state, enum side from, struct cursor *in, struct mail_event *ev);
    void (*gap)(void *state, enum side from);
    void (*resume)(void *state, enum side from);
    void (*wipe)(void *state);
    void (*join)(void *state); /* the beginning was not captured; NULL where that makes no difference */
};

/* mail_event_word - the name of an event kind as dialog files write it. */
const char *mail_event_word(enum mail_event_kind kind);

/* mail_looks_like_tls - do the first bytes of one side, at least one of them, start a TLS record or an SSLv2
 * hello? Decided by what is there: one byte 0x16 suffices, more bytes are checked as far as they go
 * (RFC 8446 s5.1; RFC 5246 App. E.2). A TLS alert (0x15) counts only where alert_too is set. */
bool mail_looks_like_tls(struct span first, bool alert_too);

/* mail_is_masked - a keyword that a device overwrote: at least three octets, all of one of 'X' or '*', the last
 * octet possibly another capital (250-XXXXXXXA). XCLIENT, XFORWARD, XRDST are not. */
bool mail_is_masked(struct span word);

/* mail_secret_of - how a SASL mechanism (RFC 4422 names, any case) treats the credential. */
enum mail_secret mail_secret_of(struct span mechanism);

/* mail_offer_of - OFFER_PLAIN_AUTH or OFFER_OTHER_AUTH for a SASL mechanism in a capability list. */
unsigned mail_offer_of(struct span mechanism);

/* mail_wipe - overwrite n bytes so that the compiler cannot leave it out: what held a credential. */
void mail_wipe(void *p, size_t n);
