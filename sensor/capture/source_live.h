/* source_live.h - the live half of source.c: one interface. Only source.c includes this. */
#pragma once

#include "sensor/capture/source.h"

enum { LIVE_NOTE_BYTES = 1024 };

struct live; /* opaque */

/* live_open - note: room of LIVE_NOTE_BYTES, left alone where there is nothing to say; error: as in
 * source.h. */
struct live *live_open(const struct source_live *want, const char *filter, char *note, char *error);

/* live_next - SOURCE_FRAME, SOURCE_IDLE, SOURCE_END after live_stop, or SOURCE_FAILED with the reason in
 * error. */
enum source_result live_next(struct live *l, struct source_frame *frame, char *error);

/* live_stats - what was counted since live_open. */
void live_stats(struct live *l, struct source_stats *stats);

/* live_stop - end a blocked or coming live_next; safe in a signal handler. */
void live_stop(struct live *l);

/* live_close - close and free; NULL is allowed. */
void live_close(struct live *l);
