#include "sensor/worker.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "sensor/capture/filter.h"
#include "sensor/capture/source.h"
#include "sensor/host/clock.h"
#include "sensor/host/log.h"
#include "sensor/host/ring.h"
#include "sensor/track/chains.h"
#include "sensor/track/tracker.h"

enum { ERROR_BYTES = 512, STATS_EVERY_FRAMES = 4096, FULL_RING_SLEEP_US = 200, CHAIN_RING_ITEMS = 64 };

struct worker {
    const struct config *config;
    struct worker_input input;
    struct source *source; /* the one that is open now */
    size_t next_path;
    struct tracker *tracker;
    struct ring ring;
    struct ring chain_ring;
    struct chains *chains;
    struct worker_status status;
    uint64_t done_bytes; /* of the paths that are finished */
    uint64_t total_bytes;
    _Atomic uint64_t progress_bytes;
    _Atomic bool stop;
    _Atomic bool done;
    bool started;
    pthread_t thread;
    char filter[FILTER_CAP_BYTES];
};

static bool is_live(const struct worker *w)
{
    return w->input.path_count == 0;
}

/* Out of a file nothing is lost: wait for the auditor. Live, a full ring costs the session, never the
 * packets behind it. */
static void emit(void *context, const struct session *session)
{
    struct worker *w = context;
    void *slot = ring_slot(&w->ring);
    while (slot == NULL && !is_live(w)) {
        clock_sleep_us(FULL_RING_SLEEP_US);
        slot = ring_slot(&w->ring);
    }
    if (slot == NULL) {
        counter_add(&w->status.counters, COUNTER_ring_dropped, 1);
        return;
    }
    session_copy(slot, session);
    ring_push(&w->ring);
}

static enum counter counter_of(enum decode_result result)
{
    switch (result) {
    case DECODE_TCP: return COUNTER_segments;
    case DECODE_NOT_TCP: return COUNTER_not_tcp;
    case DECODE_FRAGMENT: return COUNTER_fragments;
    case DECODE_TOO_DEEP: return COUNTER_too_deep;
    case DECODE_TRUNCATED: return COUNTER_truncated;
    case DECODE_MALFORMED: return COUNTER_malformed;
    case DECODE_LINK_UNKNOWN: return COUNTER_link_unknown;
    }
    return COUNTER_malformed;
}

static void note_time(struct worker *w, uint64_t time_ns)
{
    if (w->status.first_ns == 0 || time_ns < w->status.first_ns)
        w->status.first_ns = time_ns;
    if (time_ns > w->status.last_ns)
        w->status.last_ns = time_ns;
}

static void take_frame(struct worker *w, const struct source_frame *frame)
{
    struct counters *counters = &w->status.counters;
    struct segment segment;
    enum decode_result result = decode_frame(frame->link_type, frame->bytes, frame->wire_bytes,
                                             frame->time_ns, &segment);
    counter_add(counters, COUNTER_packets, 1);
    counter_add(counters, COUNTER_bytes, frame->wire_bytes);
    counter_add(counters, counter_of(result), 1);
    note_time(w, frame->time_ns);
    if (result != DECODE_TCP)
        return;
    counter_add(counters, COUNTER_vlan_tagged, segment.vlan >= 0);
    counter_add(counters, COUNTER_tunnelled, segment.tunnel != TUNNEL_NONE);
    counter_add(counters, COUNTER_truncated, segment.missing > 0);
    tracker_segment(w->tracker, &segment);
}

static void note_progress(struct worker *w)
{
    struct source_stats stats;
    uint64_t done = 0;
    uint64_t total = 0;
    source_progress(w->source, &done, &total);
    atomic_store_explicit(&w->progress_bytes, w->done_bytes + done, memory_order_relaxed);
    if (is_live(w)) {
        source_stats(w->source, &stats);
        w->status.kernel_dropped = stats.kernel_dropped + stats.interface_dropped;
    }
}

/* Read the open source to its end. False where the interface failed. */
static bool read_source(struct worker *w)
{
    uint64_t frames = 0;
    struct source_frame frame;
    while (!atomic_load_explicit(&w->stop, memory_order_relaxed)) {
        enum source_result result = source_next(w->source, &frame);
        switch (result) {
        case SOURCE_FRAME:
            take_frame(w, &frame);
            if (++frames % STATS_EVERY_FRAMES == 0)
                note_progress(w);
            break;
        case SOURCE_IDLE:
            /* Live and silent: the clock of the packets stands still, but sessions must end all the same. */
            tracker_tick(w->tracker, clock_wall_ns());
            note_progress(w);
            break;
        case SOURCE_BROKEN:
            w->status.inputs_broken++;
            log_error("capture", "%s", source_error(w->source));
            break;
        case SOURCE_FAILED:
            w->status.inputs_broken++;
            log_error("capture", "%s", source_error(w->source));
            return false;
        case SOURCE_END: return true;
        }
    }
    return true;
}

static void close_source(struct worker *w)
{
    uint64_t done = 0;
    uint64_t total = 0;
    note_progress(w);
    source_progress(w->source, &done, &total);
    w->done_bytes += total;
    source_close(w->source);
    w->source = NULL;
}

/* The next path that opens. One that cannot be opened any more (it could at the start) counts as broken. */
static bool open_next_path(struct worker *w)
{
    while (w->next_path < w->input.path_count) {
        char error[ERROR_BYTES];
        w->source = source_open_file(w->input.paths[w->next_path++], w->filter, error);
        if (w->source != NULL)
            return true;
        w->status.inputs_broken++;
        log_error("capture", "%s", error);
    }
    return false;
}

static void *run(void *argument)
{
    struct worker *w = argument;
    bool more = w->source != NULL;
    while (more) {
        w->status.inputs++;
        bool good = read_source(w);
        close_source(w);
        more = good && !is_live(w) && !atomic_load(&w->stop) && open_next_path(w);
    }
    tracker_finish(w->tracker);
    counter_add(&w->status.counters, COUNTER_chains_dropped, chains_dropped(w->chains));
    atomic_store_explicit(&w->done, true, memory_order_release);
    return NULL;
}

static bool make_filter(struct worker *w, char *error)
{
    uint16_t ports[CONFIG_PORTS_CAP];
    struct filter_request request = {.ports = ports,
                                     .tunnels = w->config->tunnels,
                                     .extra = w->config->filter[0] != '\0' ? w->config->filter : NULL};
    /* Files are read whole: what does not matter costs little, and the report can say what else was there. */
    bool narrow = is_live(w) && !w->config->discover && !w->config->any_tls;
    for (size_t i = 0; narrow && i < w->config->port_count; i++)
        ports[request.port_count++] = w->config->ports[i].port;
    if (filter_text(&request, w->filter) == 0 && (request.port_count > 0 || request.extra != NULL)) {
        snprintf(error, ERROR_BYTES, "the filter for the configured ports is too long");
        return false;
    }
    return true;
}

static bool open_live(struct worker *w, char *error)
{
    struct source_live live = {.interface = w->input.interface,
                               .snaplen_bytes = w->config->caps.snaplen_bytes,
                               .ring_bytes = w->config->caps.kernel_ring_bytes,
                               .timeout_ms = 50,
                               .promiscuous = w->config->promiscuous};
    w->source = source_open_live(&live, w->filter, error);
    return w->source != NULL;
}

/* Standard input and pipes can be opened only once, when their turn comes. */
static bool can_open_twice(const char *path)
{
    struct stat info;
    return strcmp(path, "-") != 0 &&
           (stat(path, &info) != 0 || S_ISREG(info.st_mode) || S_ISDIR(info.st_mode));
}

/* Every path once, so that a missing one is known now; the first stays open. */
static bool open_paths(struct worker *w, char *error)
{
    struct source *first = NULL;
    for (size_t i = 0; i < w->input.path_count; i++) {
        if (i > 0 && !can_open_twice(w->input.paths[i]))
            continue;
        struct source *s = source_open_file(w->input.paths[i], w->filter, error);
        if (s == NULL) {
            source_close(first);
            return false;
        }
        uint64_t done = 0;
        uint64_t total = 0;
        source_progress(s, &done, &total);
        w->total_bytes += total;
        if (i == 0)
            first = s;
        else
            source_close(s);
    }
    w->source = first;
    w->next_path = 1;
    return true;
}

static bool open_memory(struct worker *w)
{
    if (!ring_open(&w->ring, w->config->caps.ring_sessions, sizeof(struct session)) ||
        !ring_open(&w->chain_ring, CHAIN_RING_ITEMS, sizeof(struct chain_item)))
        return false;
    w->chains = chains_open(w->config->caps.certificates, &w->chain_ring, !is_live(w));
    struct tracker_request request = {.config = w->config,
                                      .counters = &w->status.counters,
                                      .chains = w->chains,
                                      .live = is_live(w),
                                      .emit = emit,
                                      .context = w};
    w->tracker = w->chains != NULL ? tracker_open(&request) : NULL;
    return w->tracker != NULL;
}

struct worker *worker_open(const struct config *config, const struct worker_input *input, char *error)
{
    struct worker *w = calloc(1, sizeof *w);
    if (w == NULL) {
        snprintf(error, ERROR_BYTES, "no memory");
        return NULL;
    }
    w->config = config;
    w->input = *input;
    if (!open_memory(w)) {
        snprintf(error, ERROR_BYTES,
                 "no memory for the caps of the configuration; lower caps.flows or caps.negotiations");
        worker_close(w);
        return NULL;
    }
    if (!make_filter(w, error) || !(is_live(w) ? open_live(w, error) : open_paths(w, error))) {
        worker_close(w);
        return NULL;
    }
    return w;
}

bool worker_start(struct worker *w)
{
    w->started = pthread_create(&w->thread, NULL, run, w) == 0;
    return w->started;
}

void worker_stop(struct worker *w)
{
    atomic_store(&w->stop, true);
    if (is_live(w) && w->source != NULL)
        source_stop(w->source);
}

struct ring *worker_ring(struct worker *w)
{
    return &w->ring;
}

struct ring *worker_chains(struct worker *w)
{
    return &w->chain_ring;
}

bool worker_done(const struct worker *w)
{
    return atomic_load_explicit(&w->done, memory_order_acquire);
}

void worker_progress(const struct worker *w, uint64_t *done_bytes, uint64_t *total_bytes)
{
    *done_bytes = atomic_load_explicit(&w->progress_bytes, memory_order_relaxed);
    *total_bytes = w->total_bytes;
}

void worker_status(const struct worker *w, struct worker_status *status)
{
    *status = w->status;
}

void worker_close(struct worker *w)
{
    if (w == NULL)
        return;
    if (w->started)
        pthread_join(w->thread, NULL);
    source_close(w->source);
    tracker_close(w->tracker);
    chains_close(w->chains);
    ring_close(&w->ring);
    ring_close(&w->chain_ring);
    free(w);
}
