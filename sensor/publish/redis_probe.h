/* redis_probe.h - is Redis there, does it let this sensor in, and may it do all that it will have to do?
 *
 * Every command that is needed is tried, on a key of its own (`waxseal:{SITE}:doctor`) and in a way that changes
 * nothing or takes it back: what the ACL forbids is answered with NOPERM before anything else is looked at. So it
 * needs no right to ask for rights. Runs in the caller's thread, for `waxseal doctor`. */
#pragma once

#include <stdbool.h>

#include "sensor/config.h"
#include "sensor/publish/redis_url.h"

enum { REDIS_PROBE_LIST_CAP = 768, REDIS_PROBE_TIME_MS = 2000 };

struct redis_probe {
    bool reached; /* connected, let in, and every answer came */
    unsigned tried;
    char place[288];                    /* for messages */
    char refused[REDIS_PROBE_LIST_CAP]; /* what the ACL would have to add: "+xadd +hset"; "" where nothing */
    bool key_refused;                   /* the keys, not the commands, are forbidden */
    bool read_only;                     /* a replica, or no room: writing is refused */
    char error[REDIS_ERROR_CAP];        /* where it was not reached; one sentence */
};

/* redis_probe_run - try it all. config: redis_*, site.
 * Time  at most two seconds for a connection, and for each of some thirty answers */
void redis_probe_run(const struct config *config, struct redis_probe *out);
