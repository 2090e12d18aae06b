/* redis.h - the sink that keeps everything of Redis up to date (deploy/redis-layout.md): the feed makes batches of what it is
 * given, the writer brings them there. This file only puts the two together.
 *
 * The process must ignore SIGPIPE: hiredis writes with write(). */
#pragma once

#include <stdbool.h>

#include "sensor/config.h"
#include "sensor/publish/redis_url.h"
#include "sensor/publish/sink.h"

/* redis_open - start the writer.
 *
 * config  borrowed as long as the sink lives
 * error   room of REDIS_ERROR_CAP bytes; one sentence, where false is returned
 * Returns false only for what waiting cannot mend: a wrong URL, an unreadable password file. An absent Redis is true: it is
 * logged, and tried again
 * Memory  about 4 MiB for what is added up between batches; the writer's */
bool redis_open(struct sink *sink, const struct config *config, char *error);

/* redis_library_version - hiredis' version, as compiled in: it has no call that tells it. */
const char *redis_library_version(void);
