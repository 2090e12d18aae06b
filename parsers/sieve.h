/* sieve.h - ManageSieve, commands and responses together.
 *
 * Responses come in order; strings are quoted or literals on both sides, and scripts are passed over by
 * count. It reports capabilities, STARTTLS and authentications. It refuses to guess: responses carry no
 * tag, so once bytes are lost nothing counts any more on the side that lacks them, nor do responses. */
#pragma once

#include "pairing.h"
#include "talk.h"

/* What the line that a side is sending will turn out to be. */
#define SIEVE_LINES(X)                                                                                       \
    X(SIEVE_START) /* between lines */                                                                       \
    X(SIEVE_COMMAND)                                                                                         \
    X(SIEVE_ANSWER) /* the client's string in a SASL exchange */                                             \
    X(SIEVE_DATA)   /* a line of the server before its OK, NO or BYE */                                      \
    X(SIEVE_OK)                                                                                              \
    X(SIEVE_NO)                                                                                              \
    X(SIEVE_BYE)

enum sieve_line {
#define X(name) name,
    SIEVE_LINES(X)
#undef X
};

/* One side: its line may span several, with literals between them. */
struct sieve_part {
    uint64_t literal_left; /* octets not yet seen */
    uint8_t line;          /* enum sieve_line */
    uint8_t strings;       /* how many strings of the line came so far */
    bool collecting;       /* the literal is short and of interest: keep it */
    bool empty;            /* ANSWER: it holds no credential */
};

/* All zero is a valid start. `talk` must be the first member. */
struct sieve {
    struct talk talk;
    struct pairing pairing;
    struct sieve_part part[2]; /* by enum side */
    uint8_t command;           /* enum sieve_command of the client's line */
    uint8_t offers;            /* enum mail_offer bits of this response so far */
    bool overlong;             /* one of its lines was cut */
    bool sasl_line;            /* the capability on this line is SASL: its value lists mechanisms */
    bool auth_said;            /* MAIL_AUTH was said for the client's line */
    bool greeted;              /* the first response was seen whole */
    bool in_auth;              /* an AUTHENTICATE lacks its response */
    bool starttls_offered;     /* the last capability list named it */
};

/* sieve_next - advance a conversation by at most one event; the terms are those of smtp_next.
 *
 * Returns never STEP_LOST
 * Limits  a literal of 2^63 octets or more loses its side; of a literal that is a keyword
 *         TALK_TEXT_CAP_BYTES are read
 * Spec    RFC 5804 s1.2 (strings), s1.7, s2.1, s2.2 */
extern const struct mail_parser sieve_parser;
