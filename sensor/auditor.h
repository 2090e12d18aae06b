/* auditor.h - the one thread that sees every session: policy, event, sinks.
 *
 * It runs in the caller's thread. */
#pragma once

#include <stddef.h>

#include "sensor/config.h"
#include "sensor/publish/sink.h"
#include "sensor/worker.h"

struct auditor_result {
    enum severity worst; /* of all findings */
    bool sinks_complete; /* every sink wrote what it was given */
    struct run_summary summary;
};

/* auditor_run - start the workers, judge and publish every session until all workers are done, then finish
 * the sinks.
 * workers   opened, not started; closed by the caller
 * sinks     finished (and their state freed) here
 * progress  called a few times a second with input bytes done and in all; NULL for none */
void auditor_run(const struct config *config, struct worker **workers, size_t worker_count,
                 struct sink *sinks, size_t sink_count,
                 void (*progress)(uint64_t done_bytes, uint64_t total_bytes), struct auditor_result *result);
