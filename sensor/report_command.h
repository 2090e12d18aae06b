/* report_command.h - `waxseal report`: from options to a time range, from Redis to a report, from there to
 * text, HTML or JSON. */
#pragma once

#include <stdint.h>

#include "sensor/audit_command.h"
#include "sensor/publish/redis_report.h"

enum exit_status report_command(const struct options *options);

/* report_range_of - the range that --from, --to and --last ask for; both ends 0 where none of them is given.
 * now_ms   wall clock: what --last counts back from, and where a range without an end stops
 * error    room of 160: one sentence, where false is returned */
bool report_range_of(const struct options *options, int64_t now_ms, struct redis_report_range *range,
                     char *error);
