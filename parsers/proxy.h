/* proxy.h - what a load balancer puts before the client's first octet: the PROXY protocol of HAProxy, version 1
 * (a line) and version 2 (binary).
 *
 * Between balancer and mail server every conversation may begin so, and no reply comes to it. The addresses in
 * it are not read. It refuses to guess: what differs from the signature in one octet is the client's own. */
#pragma once

#include "cursor.h"

/* All zero is a valid start. */
struct proxy {
    bool over;     /* the client's own octets have begun */
    uint8_t seen;  /* octets of signature and fixed part so far */
    uint16_t left; /* octets of addresses and options not yet seen */
};

/* proxy_may_begin - could this octet be the next of a binary header? */
bool proxy_may_begin(const struct proxy *p, uint8_t octet);

/* proxy_take - the next octets of a binary header.
 * rest    the client's next octets
 * back    out; octets that were taken, here or before, and proved to be no header: they are the client's own
 *         and come before those of rest that are left. Constant memory; empty where all is well
 * Returns how many of rest were used
 * Spec    The PROXY protocol, s2.2 */
size_t proxy_take(struct proxy *p, struct span rest, struct span *back);

/* proxy_is_line - is the client's first line a header of version 1 (The PROXY protocol, s2.1)? Where it is not,
 * none can come any more. */
bool proxy_is_line(struct proxy *p, struct span line);
