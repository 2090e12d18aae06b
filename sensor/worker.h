/* worker.h - one capture thread: source and decode, and one lane or several (lane.h) that it feeds.
 *
 * Workers share nothing with each other. Several of one interface share its traffic by flow, in the kernel; of files
 * there is one worker, which spreads connections over its lanes. Whatever their number, the sessions are the same
 * as long as the caps of the configuration are not reached. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sensor/capture/mirror.h"
#include "sensor/config.h"
#include "sensor/host/counters.h"

enum { WORKER_LANES_CAP = 64 };

struct lane;
struct worker; /* opaque */

struct worker_input {
    const char *const *paths; /* captures and folders, in order, one session state across them */
    size_t path_count;        /* 0: live */
    const char *interface;    /* live */
    unsigned workers;         /* live: of this interface, this one among them; files: lanes. 0 as 1 */
    unsigned index;           /* live: which of all workers this is, from 0 */
    uint16_t fanout_group;    /* live: as in struct source_live */
};

/* What a worker can say of itself once it is done (and, a moment old, before). */
struct worker_status {
    struct counters counters;
    uint64_t first_ns; /* packet time */
    uint64_t last_ns;
    uint64_t inputs;
    uint64_t inputs_broken;
    uint64_t kernel_dropped;
    struct mirror_marks marks;
};

/* worker_open - take all memory, open the input. For files, every path is opened once before anything is
 * read, so that a
 * missing one is an error at the start and not an hour later.
 * error   room of 512 bytes; one sentence, where NULL is returned */
struct worker *worker_open(const struct config *config, const struct worker_input *input, char *error);

/* worker_start - start the thread. */
bool worker_start(struct worker *w);

/* worker_can_run - has it one lane and nothing but files to read, which never keep it waiting? */
bool worker_can_run(const struct worker *w);

/* worker_run - instead of worker_start, where worker_can_run: all of its work, in the caller's thread.
 * relief  called every few thousand frames and wherever a ring of the lane is full: takes out all that is in them */
void worker_run(struct worker *w, void (*relief)(void *context), void *context);

/* worker_stop - ask it to end: it flushes its sessions and is then done. Safe in a signal handler. */
void worker_stop(struct worker *w);

/* worker_lane_count, worker_lane - where its sessions come out. */
unsigned worker_lane_count(const struct worker *w);
struct lane *worker_lane(struct worker *w, unsigned which);

/* worker_progress - input bytes consumed and in all (0 where not known). */
void worker_progress(const struct worker *w, uint64_t *done_bytes, uint64_t *total_bytes);

/* worker_interface - what it listens on; "" for files. */
const char *worker_interface(const struct worker *w);

/* worker_status - copy the counters. */
void worker_status(const struct worker *w, struct worker_status *status);

/* worker_close - join the thread and free. */
void worker_close(struct worker *w);
