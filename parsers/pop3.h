/* pop3.h - POP3, commands and replies together.
 *
 * Replies come in order; the command tells whether more lines follow one. It reports the capability list, STLS
 * and authentications, and passes over messages. It refuses to guess: nothing in a reply tells which command it
 * answers, so once bytes are lost no reply counts any more, while commands still do. */
#pragma once

#include "pairing.h"
#include "talk.h"

/* What the server's next line is. */
#define POP3_STATES(X)                                                                                       \
    X(POP3_REPLY)                                                                                            \
    X(POP3_LIST) /* a line of a capability list */                                                           \
    X(POP3_BODY) /* a message, or a list of no interest, up to its lone dot */

enum pop3_state {
#define X(name) name,
    POP3_STATES(X)
#undef X
};

/* All zero is a valid start. `talk` must be the first member. */
struct pop3 {
    struct talk talk;
    struct pairing pairing;
    uint8_t state;  /* enum pop3_state */
    uint8_t body;   /* enum line_body */
    uint8_t offers; /* enum mail_offer bits of the list so far */
    bool overlong;  /* a line of that list was cut */
    bool greeted;   /* the first reply was seen */
    bool in_auth;   /* an AUTH lacks its last reply */
    bool user_sent;
    bool user_refused;     /* the last USER; its PASS can only be refused too */
    bool starttls_offered; /* the last capability list named STLS */
};

/* pop3_next - advance a conversation by at most one event; the terms are those of smtp_next.
 *
 * Returns never STEP_LOST
 * Limits  PAIRING_CAP outstanding commands; with more, replies say nothing from there on
 * Spec    RFC 1939; RFC 2449 (CAPA, pipelining); RFC 2595 s4 (STLS); RFC 5034 (AUTH); RFC 6856 (LANG) */
extern const struct mail_parser pop3_parser;
