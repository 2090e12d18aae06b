/* feed_self.h - what a sensor says of itself: facts, gauges, health by the minute, and the advice of every rule. For feed.c alone.
 *
 * Percentages are over the last minute or two when live, and over all that was read otherwise. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sensor/publish/feed.h"

struct feed_self; /* opaque */

struct feed_self *feed_self_open(const struct config *config, int64_t started_ms); /* NULL: no memory */
void feed_self_close(struct feed_self *s);

void feed_self_count_session(struct feed_self *s);
void feed_self_count_event(struct feed_self *s); /* it went into a batch */

/* feed_self_note_alert - alerts open now are counted by what is raised and cleared. */
void feed_self_note_alert(struct feed_self *s, const struct alert *alert);

/* feed_self_note_run - the counters of the run so far.
 * minute_ms  the minute of health that what came since belongs to; -1: keep it for later */
void feed_self_note_run(struct feed_self *s, const struct run_summary *summary, int64_t minute_ms);

/* feed_self_note_link - how the way to Redis stands.
 * lost  events that found no batch */
void feed_self_note_link(struct feed_self *s, const struct feed_link *link, uint64_t lost, uint64_t now_ms);

/* feed_self_put - operations `sensor`, `gauges`, `health`, and `advice` from time to time. The caller looks whether the batch
 * has overflown. */
void feed_self_put(struct feed_self *s, struct batch *b, uint64_t now_ms);
