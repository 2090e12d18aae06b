#include "sensor/auditor.h"

#include <string.h>

#include "sensor/host/clock.h"
#include "sensor/host/digest.h"
#include "sensor/host/log.h"
#include "sensor/host/ring.h"

/* An empty ring is looked at again after this long: waking a thread for every session would cost more than the session. */
enum { IDLE_SLEEP_US = 1000, TICK_EVERY_MS = 200 };

struct auditor {
    struct event_context context;
    struct sink *sinks;
    size_t sink_count;
    uint64_t undecidable;
    enum severity worst;
    struct judgement judgement;
    struct event event;
};

static void take_session(struct auditor *a, const struct session *s)
{
    policy_judge(s, &a->judgement);
    a->undecidable += a->judgement.undecidable_count;
    if (a->judgement.worst > a->worst)
        a->worst = a->judgement.worst;
    event_fill(&a->event, &a->context, s, &a->judgement);
    for (size_t i = 0; i < a->sink_count; i++)
        a->sinks[i].event(a->sinks[i].state, &a->event);
}

static bool drain(struct auditor *a, struct worker *w)
{
    struct ring *ring = worker_ring(w);
    bool any = false;
    for (const struct session *s = ring_peek(ring); s != NULL; s = ring_peek(ring)) {
        take_session(a, s);
        ring_pop(ring);
        any = true;
    }
    return any;
}

/* True while a worker may still bring sessions. Whether it is done is asked before its ring is drained: what it brought last is then
 * already there. */
static bool drain_all(struct auditor *a, struct worker **workers, size_t count)
{
    bool running = false;
    bool any = false;
    for (size_t i = 0; i < count; i++) {
        running |= !worker_done(workers[i]);
        any |= drain(a, workers[i]);
    }
    if (running && !any)
        clock_sleep_us(IDLE_SLEEP_US);
    return running;
}

static void tick(struct auditor *a, struct worker **workers, size_t count, void (*progress)(uint64_t, uint64_t), uint64_t now_ms)
{
    for (size_t i = 0; i < a->sink_count; i++)
        if (a->sinks[i].tick != NULL)
            a->sinks[i].tick(a->sinks[i].state, now_ms);
    uint64_t done = 0;
    uint64_t total = 0;
    for (size_t i = 0; progress != NULL && i < count; i++) {
        uint64_t one_done = 0;
        uint64_t one_total = 0;
        worker_progress(workers[i], &one_done, &one_total);
        done += one_done;
        total += one_total;
    }
    if (progress != NULL)
        progress(done, total);
}

static void sum_up(const struct auditor *a, struct worker **workers, size_t count, struct run_summary *summary)
{
    for (size_t i = 0; i < count; i++) {
        struct worker_status status;
        worker_status(workers[i], &status);
        for (size_t k = 0; k < COUNTER_COUNT; k++)
            summary->counters[k] += status.counters.value[k];
        if (status.first_ns != 0 && (summary->first_ns == 0 || status.first_ns < summary->first_ns))
            summary->first_ns = status.first_ns;
        if (status.last_ns > summary->last_ns)
            summary->last_ns = status.last_ns;
        summary->inputs += status.inputs;
        summary->inputs_broken += status.inputs_broken;
        summary->kernel_dropped += status.kernel_dropped;
    }
    summary->counters[COUNTER_undecidable] += a->undecidable;
}

void auditor_run(const struct config *config, struct worker **workers, size_t worker_count, struct sink *sinks,
                 size_t sink_count, void (*progress)(uint64_t done_bytes, uint64_t total_bytes),
                 struct auditor_result *result)
{
    static struct auditor a; /* one auditor a process; too large for a stack */
    memset(&a, 0, sizeof a);
    memset(result, 0, sizeof *result);
    a.context = (struct event_context){config->site, config->sensor, digest_open()};
    a.sinks = sinks;
    a.sink_count = sink_count;
    result->sinks_complete = a.context.digester != NULL;
    if (a.context.digester == NULL)
        log_error("auditor", "libcrypto does not provide SHA-1 and SHA-256; nothing can be published");

    bool running = a.context.digester != NULL;
    for (size_t i = 0; running && i < worker_count; i++) {
        if (!worker_start(workers[i])) {
            log_error("auditor", "no thread for a capture worker");
            result->sinks_complete = false;
            worker_count = i;
        }
    }
    uint64_t next_tick_ms = clock_monotonic_ms() + TICK_EVERY_MS;
    while (running) {
        running = drain_all(&a, workers, worker_count);
        uint64_t now_ms = clock_monotonic_ms();
        if (now_ms >= next_tick_ms) {
            tick(&a, workers, worker_count, progress, now_ms);
            next_tick_ms = now_ms + TICK_EVERY_MS;
        }
    }
    sum_up(&a, workers, worker_count, &result->summary);
    result->worst = a.worst;
    for (size_t i = 0; i < sink_count; i++)
        result->sinks_complete &= sinks[i].finish(sinks[i].state, &result->summary);
    digest_close(a.context.digester);
}
