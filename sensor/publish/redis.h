/* redis.h - the sink that adds every event to the stream `waxseal:{SITE}:events`, and keeps what is known of each
 * server (redis_server.h). With redis_peer.c the only user of hiredis.
 *
 * Each event waits, already encoded, in a bounded queue until Redis has answered for it. While Redis is
 * away or refuses, that is said once, the queue fills, and after growing pauses it is tried again; what no
 * longer fits is counted and reported at the end. An answer that never came leaves open whether the event
 * was stored: it is sent again, so an entry may be there twice (the `id` field tells). Exactly-once
 * delivery and a spool on disk are not done here. Records of servers wait in the same queue; one that Redis
 * refuses is given up, as the next one makes up for it.
 *
 * Values: numbers are plain decimal; unknown text is `none`; text is escaped as log_escape does it. A text
 * that reads as a number (a HELO of "12345") is put into double quotes: Grafana types a column by its first
 * value, and text must never look like a number.
 *
 * The process must ignore SIGPIPE: hiredis writes with write(). */
#pragma once

#include <stdbool.h>

#include "sensor/config.h"
#include "sensor/publish/redis_url.h"
#include "sensor/publish/sink.h"

/* redis_open - make ready, try to connect, and register site and sensor.
 *
 * config  redis_url, redis_password_file, redis_events_cap, site, sensor; not kept
 * error   room of REDIS_ERROR_CAP bytes; one sentence, where false is returned
 * Returns false only for what waiting cannot mend: a wrong URL, an unreadable password file. An absent
 * Redis is true: it is logged, and tried again
 * Memory  32 MiB of queue, touched as it fills; 600 KiB for servers; hiredis' own buffers
 * Time    one connection attempt and one answer may each take a second; runs in the caller's thread */
bool redis_open(struct sink *sink, const struct config *config, char *error);

/* redis_library_version - hiredis' version, as compiled in: it has no call that tells it. */
const char *redis_library_version(void);
