/* redis_peer.h - what other sensors of the site saw of a server lately, asked of Redis while a session is
 * judged.
 *
 * A connection of its own, beside the sink's. It is asked in the auditor's thread, so it must never hold
 * that up: short limits, a pause of 30 s after any trouble, answers kept for 10 s of packet time a server,
 * and no more than a quarter of the time spent waiting. Where Redis cannot tell, the answer is no: a
 * finding that rests on it is then missed, never invented. One line is said when answers stop coming and
 * one when they come again. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sensor/config.h"

struct redis_peer; /* opaque */

/* redis_peer_open - make ready; connects when it is first asked.
 * config  redis_url, redis_password_file, site, sensor; not kept
 * error   room of REDIS_ERROR_CAP bytes; one sentence where NULL is returned
 * Returns NULL for a wrong URL, an unreadable password file, no memory */
struct redis_peer *redis_peer_open(const struct config *config, char *error);
void redis_peer_close(struct redis_peer *p); /* NULL is allowed */

/* redis_peer_offered - did another sensor see this session's server offer STARTTLS within window_s of the
 * session's first packet?
 * Time  at most 100 ms to connect to each address of the host and 100 ms for each piece of the answer; the
 *       host's name is resolved by libc, in its own time: an address in the URL avoids that */
bool redis_peer_offered(struct redis_peer *p, const struct session *s, uint64_t window_s);
