/* smtp_reply.h - the server's side of SMTP and LMTP; for smtp.c only. */
#pragma once

#include "smtp.h"

/* What a reply can answer. X(NAME) */
#define SMTP_COMMANDS(X)                                                                                     \
    X(SMTP_HELO)                                                                                             \
    X(SMTP_EHLO)                                                                                             \
    X(SMTP_STARTTLS)                                                                                         \
    X(SMTP_MASKED) /* a verb of eight X: STARTTLS overwritten on the path */                                 \
    X(SMTP_MASKED_EHLO)                                                                                      \
    X(SMTP_SASL) /* AUTH with a mechanism */                                                                 \
    X(SMTP_MAIL)                                                                                             \
    X(SMTP_RCPT)                                                                                             \
    X(SMTP_BEGIN)   /* DATA */                                                                               \
    X(SMTP_BDAT)    /* a chunk that is not the last */                                                       \
    X(SMTP_MESSAGE) /* the body's dot, BDAT LAST, BURL LAST */                                               \
    X(SMTP_RSET)                                                                                             \
    X(SMTP_XCLIENT) /* answered by a new greeting */                                                         \
    X(SMTP_TURN)    /* TURN or ATRN: the sides change roles */                                               \
    X(SMTP_OTHER)

enum smtp_command {
    SMTP_NONE = PAIRING_NONE,
#define X(name) name,
    SMTP_COMMANDS(X)
#undef X
};

/* What moves the client's state. */
#define SMTP_TOKENS(X)                                                                                       \
    X(SMTP_SENT_AUTH)                                                                                        \
    X(SMTP_SENT_DATA)                                                                                        \
    X(SMTP_SENT_CHUNK)                                                                                       \
    X(SMTP_BODY_BEGINS) /* after 354, or the client did not wait for it */                                   \
    X(SMTP_BODY_ENDS)                                                                                        \
    X(SMTP_CHALLENGED)                                                                                       \
    X(SMTP_AUTH_ENDS)                                                                                        \
    X(SMTP_DATA_REFUSED)                                                                                     \
    X(SMTP_BYTES_LOST)

enum smtp_token {
#define X(name) name,
    SMTP_TOKENS(X)
#undef X
};

/* smtp_move - the one door for changes of the client's state. */
void smtp_move(struct smtp *s, enum smtp_token token);

/* smtp_lose - bytes of one side are missing, or their meaning is. */
void smtp_lose(struct smtp *s, enum side from);

/* smtp_take_reply - one line of the server. */
void smtp_take_reply(struct smtp *s, const struct line_text *line);
