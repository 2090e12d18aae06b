/* stream.h - the words that every parser of a byte stream shares: whose bytes, and what came of them. */
#pragma once

/* Which end of the connection sent the bytes. The client is the end that sent the first SYN, or, where
 * that was not seen, the end that does not sit on the well-known port. */
enum side { CLIENT, SERVER };

enum step {
    STEP_MORE,  /* all input used; call again with more */
    STEP_EVENT, /* one event was written; call again with what is left of the input */
    STEP_LOST   /* this stream can no longer be followed; final for this side of the flow */
};

static inline enum side side_other(enum side s)
{
    return s == CLIENT ? SERVER : CLIENT;
}
