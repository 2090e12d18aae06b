/* rollup.h - counters over many sessions: what dashboards, gauges and reports add up.
 *
 * It counts what rollup.def lists, from one event at a time, into the caller's numbers; buckets of time, windows and scopes
 * are the callers' matter. */
#pragma once

#include <stdint.h>

#include "sensor/audit/event.h"

enum rollup_counter {
#define COUNT(name, amount, text) ROLLUP_##name,
#include "sensor/audit/rollup.def"
#undef COUNT
    ROLLUP_COUNT
};

/* rollup_add - count one event.
 * value  ROLLUP_COUNT numbers, in the order of rollup.def, to which is added; the caller's
 * e      a final event; interim ones (final 0) count nothing, their session comes again */
void rollup_add(int64_t *value, const struct event *e);

/* rollup_name, rollup_text - the field's name in Redis, and what it counts in words. */
const char *rollup_name(enum rollup_counter counter);
const char *rollup_text(enum rollup_counter counter);
