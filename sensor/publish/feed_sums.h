/* feed_sums.h - what is added up between two batches: counters by minute, and how often each name of a top list came.
 *
 * Two tables of fixed size. Where one is full the batch is closed early, so that nothing is lumped together here and what comes
 * out does not depend on where batches end. For feed.c alone. */
#pragma once

#include <stdbool.h>

#include "sensor/audit/event.h"
#include "sensor/publish/batch.h"

struct feed_sums; /* opaque */

struct feed_sums *feed_sums_open(void); /* NULL where memory is lacking */
void feed_sums_close(struct feed_sums *s);

/* feed_sums_room - is there room for one more event, whatever it brings? */
bool feed_sums_room(const struct feed_sums *s);

/* feed_sums_add - count a final event. Only where there is room. */
void feed_sums_add(struct feed_sums *s, const struct event *e);

/* feed_sums_put - write it all as operations `counters`, `roll` and `top`, and begin anew.
 * Returns false where the batch is full: what fitted is written and gone, the rest waits for the next call */
bool feed_sums_put(struct feed_sums *s, struct batch *b);
