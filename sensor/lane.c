#include "sensor/lane.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "sensor/host/clock.h"
#include "sensor/host/cpu.h"
#include "sensor/host/queue.h"
#include "sensor/host/ring.h"
#include "sensor/track/chains.h"
#include "sensor/track/tracker.h"

enum {
    FULL_QUEUE_SLEEP_US = 200,
    IDLE_SLEEP_US = 100,
    CHAIN_RING_ITEMS = 64,
    /* Out of a file nothing is lost where the ring is full, and less memory is warmer memory. */
    FILE_RING_SESSIONS = 1024,
    /* Some thousand segments of the usual size; the largest packet, of 256 KiB, fits many times. */
    QUEUE_BYTES = 4 << 20
};

enum work { WORK_SEGMENT, WORK_TICK, WORK_FINISH };

/* What the reader hands to a threaded lane; the bytes of packet and payload follow. */
struct job {
    uint64_t number;
    uint64_t now_ns; /* of a tick */
    enum work work;
    struct segment segment; /* its spans point into the record */
};

struct lane {
    bool live;
    bool threaded;
    bool started;
    int cpu;
    struct tracker *tracker;
    struct ring ring;
    struct ring chain_ring;
    struct chains *chains;
    struct counters counters;
    struct queue queue;
    const _Atomic uint64_t *spread;
    _Atomic uint64_t turn;
    _Atomic bool abandoned; /* nobody will feed it any more */
    _Atomic bool done;
    pthread_t thread;
};

/* Out of a file nothing is lost: wait for the auditor. Live, a full ring costs the session, never the
 * packets behind it. */
static void emit(void *context, const struct session *session)
{
    struct lane *l = context;
    void *slot = l->live ? ring_slot(&l->ring) : ring_await_slot(&l->ring);
    if (slot == NULL) {
        counter_add(&l->counters, COUNTER_ring_dropped, 1);
        return;
    }
    session_copy(slot, session);
    ring_push(&l->ring);
}

/* ---- by its own thread */

static void do_finish(struct lane *l)
{
    tracker_finish(l->tracker);
    counter_add(&l->counters, COUNTER_chains_dropped, chains_dropped(l->chains));
    atomic_store_explicit(&l->done, true, memory_order_release);
}

/* True until the last job is done. */
static bool do_job(struct lane *l, const struct job *job)
{
    switch (job->work) {
    case WORK_SEGMENT:
        tracker_segment_at(l->tracker, &job->segment, job->number);
        atomic_store_explicit(&l->turn, job->number, memory_order_release);
        return true;
    case WORK_TICK:
        /* The segment of the same number is still to come. */
        tracker_tick_at(l->tracker, job->now_ns, job->number);
        atomic_store_explicit(&l->turn, job->number - 1, memory_order_release);
        return true;
    case WORK_FINISH: do_finish(l); return false;
    }
    return false;
}

static void *run(void *argument)
{
    struct lane *l = argument;
    bool more = true;
    if (l->cpu >= 0)
        cpu_stay_on(l->cpu);
    while (more) {
        /* Before the queue is looked at: what was spread up to there is then in it, or done. */
        uint64_t spread = atomic_load_explicit(l->spread, memory_order_acquire);
        bool abandoned = atomic_load_explicit(&l->abandoned, memory_order_acquire);
        const struct job *job = queue_peek(&l->queue);
        if (job != NULL) {
            more = do_job(l, job);
            queue_pop(&l->queue);
        } else if (abandoned) {
            more = false;
        } else {
            atomic_store_explicit(&l->turn, spread, memory_order_release);
            clock_sleep_us(IDLE_SLEEP_US);
        }
    }
    return NULL;
}

/* ---- feeding */

static struct job *slot_for(struct lane *l, size_t bytes)
{
    struct job *job = queue_slot(&l->queue, bytes);
    while (job == NULL) {
        clock_sleep_us(FULL_QUEUE_SLEEP_US);
        job = queue_slot(&l->queue, bytes);
    }
    return job;
}

static void send(struct lane *l, enum work work, uint64_t now_ns, uint64_t number)
{
    struct job *job = slot_for(l, sizeof *job);
    *job = (struct job){.work = work, .now_ns = now_ns, .number = number};
    queue_push(&l->queue, sizeof *job);
}

static bool lies_within(struct span inner, struct span outer)
{
    return inner.p >= outer.p && inner.p + inner.n <= outer.p + outer.n;
}

static void send_segment(struct lane *l, const struct segment *segment, uint64_t number)
{
    bool within = lies_within(segment->payload, segment->packet);
    struct span whole = within ? segment->packet : segment->payload;
    size_t bytes = sizeof(struct job) + whole.n;
    struct job *job = slot_for(l, bytes);
    unsigned char *copy = (unsigned char *)(job + 1);
    job->work = WORK_SEGMENT;
    job->number = number;
    job->segment = *segment;
    if (whole.n > 0)
        memcpy(copy, whole.p, whole.n);
    size_t offset = within ? (size_t)(segment->payload.p - segment->packet.p) : 0;
    job->segment.packet = span_of(copy, whole.n);
    job->segment.payload = span_of(copy + offset, segment->payload.n);
    queue_push(&l->queue, bytes);
}

void lane_segment(struct lane *l, const struct segment *segment, uint64_t number)
{
    if (l->threaded)
        send_segment(l, segment, number);
    else
        tracker_segment_at(l->tracker, segment, number);
}

void lane_tick(struct lane *l, uint64_t now_ns, uint64_t number)
{
    if (l->threaded)
        send(l, WORK_TICK, now_ns, number);
    else
        tracker_tick_at(l->tracker, now_ns, number);
}

void lane_finish(struct lane *l)
{
    if (l->threaded)
        send(l, WORK_FINISH, 0, 0);
    else
        do_finish(l);
}

/* ---- around it */

struct ring *lane_ring(struct lane *l)
{
    return &l->ring;
}

struct ring *lane_chains(struct lane *l)
{
    return &l->chain_ring;
}

void lane_relieve(struct lane *l, void (*relief)(void *context), void *context)
{
    ring_relieve(&l->ring, relief, context);
    ring_relieve(&l->chain_ring, relief, context);
}

uint64_t lane_turn(const struct lane *l)
{
    return atomic_load_explicit(&l->turn, memory_order_acquire);
}

bool lane_done(const struct lane *l)
{
    return atomic_load_explicit(&l->done, memory_order_acquire);
}

void lane_count(const struct lane *l, struct counters *sum)
{
    for (size_t i = 0; i < COUNTER_COUNT; i++)
        sum->value[i] += l->counters.value[i];
}

static bool open_memory(struct lane *l, const struct lane_request *request)
{
    const struct config_caps *caps = &request->config->caps;
    size_t sessions = caps->ring_sessions / request->share;
    if (!request->live && sessions > FILE_RING_SESSIONS)
        sessions = FILE_RING_SESSIONS;
    if (!ring_open(&l->ring, sessions, sizeof(struct session)) ||
        !ring_open(&l->chain_ring, CHAIN_RING_ITEMS, sizeof(struct chain_item)) ||
        (l->threaded && !queue_open(&l->queue, QUEUE_BYTES)))
        return false;
    l->chains = chains_open(caps->certificates, &l->chain_ring, !l->live);
    struct tracker_request want = {.config = request->config,
                                   .counters = &l->counters,
                                   .chains = l->chains,
                                   .live = l->live,
                                   .share = request->share,
                                   .ticked = l->threaded,
                                   .emit = emit,
                                   .context = l};
    l->tracker = l->chains != NULL ? tracker_open(&want) : NULL;
    return l->tracker != NULL;
}

struct lane *lane_open(const struct lane_request *request)
{
    struct lane *l = aligned_alloc(RING_LINE_BYTES, sizeof *l);
    if (l == NULL)
        return NULL;
    memset(l, 0, sizeof *l);
    l->live = request->live;
    l->threaded = request->threaded;
    l->spread = request->spread;
    l->cpu = request->cpu;
    if (open_memory(l, request))
        return l;
    lane_close(l);
    return NULL;
}

bool lane_start(struct lane *l)
{
    if (l->threaded)
        l->started = pthread_create(&l->thread, NULL, run, l) == 0;
    return l->started || !l->threaded;
}

void lane_close(struct lane *l)
{
    if (l == NULL)
        return;
    atomic_store_explicit(&l->abandoned, true, memory_order_release);
    if (l->started)
        pthread_join(l->thread, NULL);
    tracker_close(l->tracker);
    chains_close(l->chains);
    ring_close(&l->ring);
    ring_close(&l->chain_ring);
    queue_close(&l->queue);
    free(l);
}
