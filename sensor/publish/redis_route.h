/* redis_route.h - the connection to where the site's keys are written: the Redis of the URL, the master
 * that Sentinels tell, or the Cluster node that owns the site's slot.
 *
 * What was found is not remembered longer than it is true: each redis_route_open asks anew, beginning with
 * who answered last. Passwords are read anew each time, too, so that they can be changed without a restart.
 * For one thread. */
#pragma once

#include <stdbool.h>

#include "sensor/config.h"
#include "sensor/publish/redis_link.h"

struct redis_route; /* opaque */

/* redis_route_plan - take the URL apart and see whether the password files can be read; connects to nothing.
 * config  redis_*, site; not kept
 * error   room of REDIS_ERROR_CAP bytes; one sentence, where NULL is returned: waiting cannot mend it */
struct redis_route *redis_route_plan(const struct config *config, char *error);
void redis_route_close(struct redis_route *r); /* NULL is allowed */

/* redis_route_hurry - wait less long than the configuration has it: for a connection, for an answer. */
void redis_route_hurry(struct redis_route *r, uint32_t limit_ms);

/* redis_route_meanwhile - what else the thread has to do while redis_route_open waits for answers. */
void redis_route_meanwhile(struct redis_route *r, void (*meanwhile)(void *state), void *state);

/* redis_route_open - connect and log in.
 * why   room of REDIS_WHY_CAP bytes; where NULL is returned, an error of Redis (redis_trouble_of) or,
 *       beginning with "connection", why nobody answered
 * Time  connect_ms and answer_ms for each node that does not answer */
struct redis_link *redis_route_open(struct redis_route *r, char *why);

/* redis_route_moved - Redis has answered with MOVED: the next redis_route_open goes there. False where the
 * answer makes no sense. */
bool redis_route_moved(struct redis_route *r, const char *error);

/* redis_route_register - put the site into the set `waxseal:sites`, which in a Cluster may live on another
 * node. Best effort. */
void redis_route_register(struct redis_route *r, struct redis_link *l);

const char *redis_route_shown(const struct redis_route *r); /* the place in the URL, for messages */
const char *redis_route_place(
    const struct redis_route *r); /* host:port or path of the last redis_route_open */
