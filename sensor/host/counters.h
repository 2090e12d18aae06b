/* counters.h - one plain array of 64-bit counters per thread, its rows in counters.def. Not shared: the
 * owner adds, a reader copies after the owner has stopped or reads single words that may be a moment old. */
#pragma once

#include <stdint.h>

enum counter {
#define COUNTER(name, text) COUNTER_##name,
#include "sensor/host/counters.def"
#undef COUNTER
    COUNTER_COUNT
};

struct counters {
    uint64_t value[COUNTER_COUNT];
};

static inline void counter_add(struct counters *c, enum counter which, uint64_t n)
{
    c->value[which] += n;
}

/* counter_name, counter_text - of counters.def. */
const char *counter_name(enum counter which);
const char *counter_text(enum counter which);
