#include "sensor/host/counters.h"

static const struct {
    const char *name;
    const char *text;
} rows[COUNTER_COUNT] = {
#define COUNTER(name, text) [COUNTER_##name] = {#name, text},
#include "sensor/host/counters.def"
#undef COUNTER
};

const char *counter_name(enum counter which)
{
    return rows[which].name;
}

const char *counter_text(enum counter which)
{
    return rows[which].text;
}
