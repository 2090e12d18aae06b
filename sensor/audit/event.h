/* event.h - the session event: every field of event.def, always, in its order.
 *
 * An event is formatted once and handed to every sink. Unknown text is the empty text, which a sink writes
 * in its own way ("" in JSON, `none` in Redis); unknown number is -1. Text is raw bytes from the wire: each
 * sink escapes for its format. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sensor/audit/policy.h"

struct house_network;

enum event_field {
#define FIELD(name, kind, expression) EVENT_##name,
#include "sensor/audit/event.def"
#undef FIELD
    EVENT_FIELD_COUNT
};

enum event_kind {
    EVENT_TEXT,
    EVENT_NUMBER,
    EVENT_WORD = EVENT_TEXT /* one that lasts: event.def */
};

union event_value {
    const char *text; /* EVENT_TEXT: NUL-terminated; borrowed from the event, the session or constant */
    int64_t number;   /* EVENT_NUMBER */
};

enum { EVENT_SCRATCH_BYTES = 4096 };

struct event {
    union event_value values[EVENT_FIELD_COUNT];
    const struct session *session;     /* borrowed */
    const struct facts *facts;         /* borrowed */
    const struct judgement *judgement; /* borrowed */
    size_t scratch_used;
    char scratch[EVENT_SCRATCH_BYTES]; /* the texts that are put together here */
};

/* What is the same in every event of a run. */
struct event_context {
    const char *site;
    const char *sensor;
    const struct house_network *own_networks; /* the ends' place tells the direction; borrowed */
    size_t own_network_count;
};

/* event_fill - the event of a session and its judgement. *e borrows from all of them and is valid as long
 * as they are. */
void event_fill(struct event *e, const struct event_context *context, const struct facts *facts,
                const struct judgement *judgement);

/* event_field_name, event_field_kind - of event.def. */
const char *event_field_name(enum event_field field);
enum event_kind event_field_kind(enum event_field field);
