/* worker.h - one capture thread: source, decode, flow table, sessions, and a ring to the auditor.
 *
 * Workers share nothing with each other. With files a worker waits for room in the ring, so nothing is
 * lost; live it never waits: a full ring drops the session and counts it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sensor/config.h"
#include "sensor/host/counters.h"

struct ring;
struct worker; /* opaque */

struct worker_input {
    const char *const *paths; /* captures and folders, in order, one session state across them */
    size_t path_count;        /* 0: live */
    const char *interface;    /* live */
};

/* What a worker can say of itself once it is done (and, a moment old, before). */
struct worker_status {
    struct counters counters;
    uint64_t first_ns; /* packet time */
    uint64_t last_ns;
    uint64_t inputs;
    uint64_t inputs_broken;
    uint64_t kernel_dropped;
};

/* worker_open - take all memory, open the input. For files, every path is opened once before anything is
 * read, so that a
 * missing one is an error at the start and not an hour later.
 * error   room of 512 bytes; one sentence, where NULL is returned */
struct worker *worker_open(const struct config *config, const struct worker_input *input, char *error);

/* worker_start - start the thread. */
bool worker_start(struct worker *w);

/* worker_stop - ask it to end: it flushes its sessions and is then done. Safe in a signal handler. */
void worker_stop(struct worker *w);

/* worker_ring - where its sessions (struct session) come out; the caller is the only reader. */
struct ring *worker_ring(struct worker *w);

/* worker_chains - where certificate chains (struct chain_item) come out, each before the first session that
 * carries its number; the caller is the only reader and remembers the last config->caps.certificates of
 * them. */
struct ring *worker_chains(struct worker *w);

/* worker_done - has the thread put its last session into the ring? */
bool worker_done(const struct worker *w);

/* worker_progress - input bytes consumed and in all (0 where not known). */
void worker_progress(const struct worker *w, uint64_t *done_bytes, uint64_t *total_bytes);

/* worker_status - copy the counters. */
void worker_status(const struct worker *w, struct worker_status *status);

/* worker_close - join the thread and free. */
void worker_close(struct worker *w);
