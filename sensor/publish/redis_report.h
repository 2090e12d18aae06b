/* redis_report.h - the report of a time range, read back from Redis.
 *
 * It asks with commands that only read (XRANGE, XREVRANGE, HGETALL, ZREVRANGE, SMEMBERS), so that a user of
 * Redis who may do no more is enough. Counts are sums of the rollup streams, by the coarsest resolution
 * that fits the range and finer ones for what that does not hold yet; lists come from the views and the
 * `top` sets. What Redis does not hold is said in the report's `missing`. Every answer is taken as hostile:
 * numbers, lengths and row counts are bounded. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sensor/config.h"
#include "sensor/publish/report.h"

enum { REDIS_REPORT_ERROR_CAP = 512 };

struct redis_report_range {
    int64_t from_ms; /* both 0: the 24 hours up to the newest hour that the site has seen */
    int64_t to_ms;   /* not itself in the range */
};

/* redis_report_read - connect, and fill a report.
 * config   redis_*, site
 * out      overwritten
 * error    room of REDIS_REPORT_ERROR_CAP: one sentence with what to do, where false is returned
 * Time     as the timeouts of the configuration have it */
bool redis_report_read(struct report *out, const struct config *config, struct redis_report_range range,
                       char *error);
