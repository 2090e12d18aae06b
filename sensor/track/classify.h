/* classify.h - is this mail on a port that no table row names? The only user of nDPI.
 *
 * nDPI is a second opinion for such connections and nothing else: no verdict, no TLS fact and no STARTTLS
 * state comes from it. It is asked for SMTP, POP3 and IMAP alone. Built without nDPI, classify_open returns
 * NULL and content detection stands by itself. */
#pragma once

#include <stdint.h>

#include "parsers/cursor.h"
#include "sensor/track/session.h"

struct classifier; /* opaque, one per thread */

/* classify_open - NULL where nDPI was not built in or does not start. */
struct classifier *classify_open(void);
void classify_close(struct classifier *c);

/* classify_flow_open - nDPI's state for one connection (it allocates it itself); NULL where memory is
 * lacking. */
void *classify_flow_open(struct classifier *c);
void classify_flow_close(struct classifier *c, void *flow);

/* classify_packet - hand one packet to nDPI, from its IP header on. Returns the mail protocol it
 * recognised, or PROTOCOL_UNKNOWN. What nDPI copied of user names and passwords is wiped before this
 * returns. */
enum protocol classify_packet(struct classifier *c, void *flow, struct span packet, uint64_t time_ns);

/* classify_library_version - "nDPI 4.2.0", or that there is none. */
const char *classify_library_version(void);
