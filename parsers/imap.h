/* imap.h - IMAP4rev1 and IMAP4rev2, commands and responses together.
 *
 * Replies find their command by its tag, whatever form tags have; literals are passed over by count. It
 * reports capabilities, STARTTLS, authentications, and data that no server should send before
 * authentication. It refuses to guess: after lost bytes the client's side is not read any more, since
 * nothing tells a literal from a command, and the server's side counts again once it has answered two
 * commands in turn that were sent after the gap. */
#pragma once

#include "talk.h"

#define IMAP_STATES(X)                                                                                       \
    X(IMAP_GREETING) /* nothing came from the server */                                                      \
    X(IMAP_NOT_AUTHENTICATED)                                                                                \
    X(IMAP_AUTHENTICATED)                                                                                    \
    X(IMAP_UNKNOWN) /* the start was not seen, or bytes are missing */

enum imap_state {
#define X(name) name,
    IMAP_STATES(X)
#undef X
};

/* Commands whose tagged response was not seen. More than these the client may well have, once logged in; the
 * oldest is then forgotten. */
enum { IMAP_OPEN_CAP = 8 };

struct imap_open {
    uint32_t tag;    /* a hash; equal tags are taken in order */
    uint8_t command; /* enum imap_command */
};

/* One side's line and what continues it. */
struct imap_part {
    uint64_t literal_left; /* octets not yet seen */
    bool continued;        /* the next line goes on after a literal */
};

/* All zero is a valid start. `talk` must be the first member. */
struct imap {
    struct talk talk;
    struct imap_part part[2]; /* by enum side */
    struct imap_open open[IMAP_OPEN_CAP];
    uint8_t open_count;
    uint8_t state;         /* enum imap_state */
    bool joined;           /* the beginning was not captured, and no command was seen yet */
    bool half_found;       /* after a gap of the server: it answered one command sent since */
    bool tags_doubtful;    /* more commands of one tag than could be remembered */
    bool starttls_offered; /* the last capability list named it */
    uint32_t tag;          /* of the command being read: a hash of its tag, */
    uint8_t command;       /* enum imap_command, */
    uint8_t arguments;     /* how many came so far, */
    bool literal_waits;    /* and the next one will not come before "+" */
};

/* imap_next - advance a conversation by at most one event; the terms are those of smtp_next.
 *
 * Returns STEP_LOST once COMPRESS was accepted (RFC 4978)
 * Limits  a literal of 2^63 octets or more loses its side; IMAP_OPEN_CAP
 * Spec    RFC 9051 s2.2, s6, s7; RFC 3501; RFC 4959 (initial response); RFC 7888 (literals); RFC 2221 */
extern const struct mail_parser imap_parser;
