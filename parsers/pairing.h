/* pairing.h - which command a reply answers, for protocols that answer strictly in order.
 *
 * A bounded queue of commands that still lack their reply, one octet each (RFC 2920: pipelining). What does
 * not fit, or was never seen, makes pairing unknown rather than wrong: commands beyond the cap until all
 * replies are in, lost bytes until pairing_restart. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { PAIRING_CAP = 64, PAIRING_NONE = 0 };

/* All zero is a valid start. */
struct pairing {
    uint32_t beyond; /* commands after those stored whose kind was not kept */
    uint8_t stored;
    uint8_t first;
    bool lost;
    uint8_t kind[PAIRING_CAP]; /* a protocol's own numbers, never PAIRING_NONE */
};

/* pairing_push - a command was sent. Returns whether its reply will be told apart. */
bool pairing_push(struct pairing *p, uint8_t kind);

/* pairing_head - the command that the next reply answers; PAIRING_NONE where there is none or it is unknown. */
uint8_t pairing_head(const struct pairing *p);

/* pairing_pop - its reply was seen. */
void pairing_pop(struct pairing *p);

/* pairing_known - it is certain which command the next reply answers, or that it answers none. */
bool pairing_known(const struct pairing *p);

/* pairing_is_empty - it is certain that no reply is due. */
bool pairing_is_empty(const struct pairing *p);

/* pairing_lose - bytes of a side are missing. */
void pairing_lose(struct pairing *p);

/* pairing_restart - no reply is due: certain again. */
void pairing_restart(struct pairing *p);
