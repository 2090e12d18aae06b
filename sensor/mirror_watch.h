/* mirror_watch.h - the mirror's quality of each input, stretch by stretch of packet time, and what changes in it.
 *
 * It only reads the counters of the workers, from the auditor's thread; no packet waits for it. A finding that
 * comes or goes on an interface is logged once. */
#pragma once

#include "sensor/capture/mirror.h"
#include "sensor/config.h"
#include "sensor/worker.h"

struct mirror_input {
    const char *name;            /* interface; "" for files, all of which are one input */
    struct mirror_counts before; /* at the beginning of this stretch */
    uint64_t begun_ns;           /* 0: nothing was seen yet */
    struct mirror_report report; /* of the last whole stretch; all unknown until there is one */
    uint32_t findings;           /* those that hold */
};

/* A finding of a stretch, or of a whole reading of files. All texts are valid during the call. */
struct mirror_finding {
    const char *input; /* interface; "" for files */
    const struct mirror_rule_info *rule;
    const char *figures;
    uint64_t at_ns; /* packet time */
};

/* All-zero is a valid start but for config and workers. */
struct mirror_watch {
    void (*found)(void *context, const struct mirror_finding *finding); /* NULL: only the log is told */
    void *context;
    const struct config *config;
    struct worker **workers;
    size_t worker_count;
    struct mirror_input inputs[CONFIG_INTERFACES_CAP];
    size_t input_count;
};

/* mirror_watch_open - workers of one interface are one input. */
void mirror_watch_open(struct mirror_watch *w, const struct config *config, struct worker **workers,
                       size_t worker_count);

/* mirror_watch_tick - a few times a second: has a stretch come to its end? */
void mirror_watch_tick(struct mirror_watch *w);

/* mirror_watch_finish - the input is over: of files, their findings are told now, as a whole; of interfaces, those of the
 * stretch that was begun are not. */
void mirror_watch_finish(struct mirror_watch *w);

/* mirror_watch_total - everything since the start, of all inputs. */
void mirror_watch_total(const struct mirror_watch *w, struct mirror_report *report);
