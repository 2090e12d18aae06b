/* smtp.h - SMTP and LMTP, commands and replies together.
 *
 * It follows both sides of a conversation line by line, pairs replies with pipelined commands, passes over
 * message bodies without copying them, and says what happened as mail events. It refuses to guess: a reply
 * whose command is not known says nothing, and bytes after a gap are passed over until a reply that only
 * one command can have (354; 334, 235 and 535) shows where the conversation stands. */
#pragma once

#include "pairing.h"
#include "talk.h"

/* What the client's next bytes are. */
#define SMTP_STATES(X)                                                                                       \
    X(SMTP_COMMAND)                                                                                          \
    X(SMTP_AUTH)       /* an AUTH lacks its last reply: lines may be answers to challenges */                \
    X(SMTP_DATA_ASKED) /* DATA was sent, 354 not seen */                                                     \
    X(SMTP_DATA)       /* a body up to its lone dot */                                                       \
    X(SMTP_CHUNK)      /* the octets that BDAT announced */

enum smtp_state {
#define X(name) name,
    SMTP_STATES(X)
#undef X
};

/* A reply that is being read, one line or several. */
struct smtp_reply {
    bool inside;    /* a line with "-" after the code came before */
    bool overlong;  /* one of its lines was cut */
    bool keywords;  /* lines after the first name service extensions */
    uint8_t offers; /* enum mail_offer bits of the lines after the first */
};

/* All zero is a valid start. `talk` must be the first member. */
struct smtp {
    struct talk talk;
    struct pairing pairing;
    uint64_t chunk_left;     /* octets of a BDAT chunk not yet seen */
    uint32_t recipients;     /* accepted in this transaction */
    uint32_t recipients_due; /* LMTP: replies to the dot not yet seen (RFC 2033 s4.2) */
    uint8_t state;           /* enum smtp_state */
    uint8_t body;            /* enum line_body */
    struct smtp_reply reply;
    bool body_early;         /* the body began before 354 */
    bool joined;             /* the beginning was not captured, and no command was seen yet */
    bool greeted;            /* the first reply was seen */
    bool named;              /* the client said HELO, EHLO or LHLO */
    bool lmtp;               /* ... and it was LHLO */
    bool recipients_unknown; /* bytes were lost in this transaction */
    bool starttls_offered;   /* the last capability list named it */
    bool data_open;          /* only the server is heard: 354 was the last reply */
    bool message_counted;    /* LMTP: one recipient of this message accepted it */
};

/* smtp_next - advance a conversation by at most one event.
 *
 * state   struct smtp
 * in      bytes from one side, TCP order, no gaps; advanced past what was used
 * ev      out; its spans borrow from `in` or the state and die at the next call
 * Returns STEP_EVENT (call again, even with nothing left of `in`: one line can say several things),
 *         STEP_MORE (all of `in` used), STEP_LOST (final for this flow: TURN, ATRN)
 * Memory  none taken
 * Limits  lines beyond LINE_CAP_BYTES are cut and ev->overlong is set; of more than PAIRING_CAP outstanding
 *         commands the replies say nothing
 * Spec    RFC 5321 s4.1, s4.2; RFC 2920; RFC 3030; RFC 3207 s4; RFC 4954 s4; RFC 2033
 *
 * A verb XXXXXXXX that the server does not know is STARTTLS overwritten on the path: with the refusal come
 * MAIL_TLS_ASKED and MAIL_TLS_REFUSED (tampered). A first verb XXXX with a name is EHLO: of it comes
 * MAIL_CAPABILITIES_REFUSED (tampered). */
extern const struct mail_parser smtp_parser;
