#include "sensor/worker.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "sensor/capture/filter.h"
#include "sensor/capture/fragment.h"
#include "sensor/capture/source.h"
#include "sensor/host/clock.h"
#include "sensor/host/cpu.h"
#include "sensor/host/log.h"
#include "sensor/lane.h"
#include "sensor/track/flow.h"
#include "sensor/track/repeats.h"
#include "sensor/track/tracker.h"

enum { ERROR_BYTES = 512, STATS_EVERY_FRAMES = 4096, LEAST_RING_BYTES = 4 << 20 };

struct worker {
    const struct config *config;
    struct worker_input input;
    struct source *source; /* the one that is open now */
    size_t next_path;
    struct lane *lanes[WORKER_LANES_CAP];
    unsigned lane_count;
    uint64_t segments;       /* given to the lanes so far */
    _Atomic uint64_t spread; /* of them, how many have certainly arrived in the queues */
    uint64_t next_tick_ns;   /* for tracker_tick_due, where there are several */
    struct fragments *fragments;
    struct worker_status status;
    uint64_t done_bytes; /* of the paths that are finished */
    uint64_t total_bytes;
    _Atomic uint64_t progress_bytes;
    _Atomic bool stop;
    bool started;
    bool at_hand;                  /* reading never has to wait for somebody */
    void (*relief)(void *context); /* worker_run */
    void *context;
    pthread_t thread;
    char filter[FILTER_CAP_BYTES];
};

static bool is_live(const struct worker *w)
{
    return w->input.path_count == 0;
}

/* One of several lanes gets a connection, whichever direction: the same one in every run. All are told of the
 * time at the same segments, so that silence ends a session where it would with one lane. */
static void spread(struct worker *w, const struct segment *segment)
{
    struct flow_key key;
    bool from_low;
    unsigned count = w->lane_count;
    assert(count > 0);
    if (tracker_tick_due(&w->next_tick_ns, segment->time_ns))
        for (unsigned i = 0; i < count; i++)
            lane_tick(w->lanes[i], segment->time_ns, w->segments);
    flow_key_of(segment, 0, &key, &from_low);
    lane_segment(w->lanes[repeats_row_of(flow_key_hash(&key)) % count], segment, w->segments);
    atomic_store_explicit(&w->spread, w->segments, memory_order_release);
}

static void hand_on(struct worker *w, const struct segment *segment)
{
    w->segments++;
    if (w->lane_count == 1)
        lane_segment(w->lanes[0], segment, w->segments);
    else
        spread(w, segment);
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

/* Tags, tunnels and cuts: few captures have them, and then nearly every packet. */
static void note_oddities(struct worker *w, const struct segment *segment)
{
    struct counters *counters = &w->status.counters;
    mirror_note_layers(&w->status.marks, segment);
    counter_add(counters, COUNTER_vlan_tagged, segment->vlan >= 0);
    counter_add(counters, COUNTER_tunnelled, segment->tunnel != TUNNEL_NONE);
    counter_add(counters, COUNTER_truncated, segment->missing > 0);
}

static inline void take_frame(struct worker *w, const struct source_frame *frame)
{
    struct counters *counters = &w->status.counters;
    struct segment segment;
    enum decode_result result = decode_frame(frame->link_type, frame->bytes, frame->wire_bytes,
                                             frame->time_ns, &segment);
    counter_add(counters, COUNTER_packets, 1);
    counter_add(counters, COUNTER_bytes, frame->wire_bytes);
    counter_add(counters, counter_of(result), 1);
    if (result == DECODE_FRAGMENT) {
        result = fragments_decode(w->fragments, &segment, &segment);
        counter_add(counters, COUNTER_segments, result == DECODE_TCP);
    }
    note_time(w, frame->time_ns);
    if (frame->begins)
        w->status.marks.last_ns = 0;
    mirror_note(&w->status.marks, counters, frame->time_ns);
    if (result != DECODE_TCP)
        return;
    mirror_note_size(&w->status.marks, counters, &segment, w->config->mirror.mtu_bytes);
    if (segment.vlan >= 0 || segment.tunnel != TUNNEL_NONE || segment.missing > 0)
        note_oddities(w, &segment);
    hand_on(w, &segment);
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

static void look_up(struct worker *w)
{
    note_progress(w);
    if (w->relief != NULL)
        w->relief(w->context);
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
                look_up(w);
            break;
        case SOURCE_IDLE:
            /* Live and silent: the clock of the packets stands still, but sessions must end all the same. */
            if (tracker_tick_due(&w->next_tick_ns, clock_wall_ns()))
                lane_tick(w->lanes[0], clock_wall_ns(), w->segments);
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
    if (w->config->pin_workers && w->lane_count == 1)
        (void)cpu_stay_on(cpu_nth(w->input.index));
    while (more) {
        w->status.marks.last_ns = 0; /* each capture has a clock of its own */
        w->status.inputs++;
        bool good = read_source(w);
        close_source(w);
        more = good && !is_live(w) && !atomic_load(&w->stop) && open_next_path(w);
    }
    for (unsigned i = 0; i < w->lane_count; i++)
        lane_finish(w->lanes[i]);
    return NULL;
}

static bool make_filter(struct worker *w, char *error)
{
    uint16_t ports[CONFIG_PORTS_CAP];
    struct filter_request request = {.ports = ports,
                                     .tunnels = w->config->tunnels,
                                     .fragments = w->config->fragments,
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

/* Several workers of one interface, or several lanes of one reader, divide the memory of one. */
static unsigned share_of(const struct worker *w)
{
    return w->input.workers > 0 ? w->input.workers : 1;
}

static bool open_live(struct worker *w, char *error)
{
    struct source_live live = {.interface = w->input.interface,
                               .snaplen_bytes = w->config->caps.snaplen_bytes,
                               .ring_bytes = w->config->caps.kernel_ring_bytes,
                               .timeout_ms = 50,
                               .promiscuous = w->config->promiscuous,
                               .fanout_group = w->input.fanout_group};
    live.ring_bytes /= share_of(w);
    if (live.ring_bytes < LEAST_RING_BYTES)
        live.ring_bytes = LEAST_RING_BYTES;
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
    w->at_hand = true;
    for (size_t i = 0; i < w->input.path_count; i++) {
        bool twice = can_open_twice(w->input.paths[i]);
        w->at_hand = w->at_hand && twice;
        if (i > 0 && !twice)
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

static struct fragments *open_fragments(struct worker *w)
{
    struct fragment_limits limits = {.datagrams = w->config->caps.datagrams,
                                     .chunks = w->config->caps.fragment_buffers,
                                     .timeout_ns = (uint64_t)w->config->timeouts.fragment_ms * 1000000,
                                     .identity = w->config->flow_identity};
    return fragments_open(&limits, &w->status.counters);
}

static bool open_lanes(struct worker *w)
{
    unsigned count = is_live(w) ? 1 : share_of(w);
    for (; w->lane_count < count; w->lane_count++) {
        struct lane_request request = {.config = w->config,
                                       .live = is_live(w),
                                       .threaded = count > 1,
                                       .share = share_of(w),
                                       .spread = &w->spread,
                                       .cpu = w->config->pin_workers ? cpu_nth(w->lane_count) : -1};
        w->lanes[w->lane_count] = lane_open(&request);
        if (w->lanes[w->lane_count] == NULL)
            return false;
    }
    return true;
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
    w->fragments = open_fragments(w);
    if (w->fragments == NULL || !open_lanes(w)) {
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
    for (unsigned i = 0; i < w->lane_count; i++)
        if (!lane_start(w->lanes[i]))
            return false;
    w->started = pthread_create(&w->thread, NULL, run, w) == 0;
    return w->started;
}

bool worker_can_run(const struct worker *w)
{
    return w->at_hand && w->lane_count == 1;
}

void worker_run(struct worker *w, void (*relief)(void *context), void *context)
{
    w->relief = relief;
    w->context = context;
    lane_relieve(w->lanes[0], relief, context);
    (void)run(w);
}

void worker_stop(struct worker *w)
{
    atomic_store(&w->stop, true);
    if (is_live(w) && w->source != NULL)
        source_stop(w->source);
}

unsigned worker_lane_count(const struct worker *w)
{
    return w->lane_count;
}

struct lane *worker_lane(struct worker *w, unsigned which)
{
    return w->lanes[which];
}

void worker_progress(const struct worker *w, uint64_t *done_bytes, uint64_t *total_bytes)
{
    *done_bytes = atomic_load_explicit(&w->progress_bytes, memory_order_relaxed);
    *total_bytes = w->total_bytes;
}

const char *worker_interface(const struct worker *w)
{
    return w->input.interface != NULL ? w->input.interface : "";
}

void worker_status(const struct worker *w, struct worker_status *status)
{
    *status = w->status;
    for (unsigned i = 0; i < w->lane_count; i++)
        lane_count(w->lanes[i], &status->counters);
}

void worker_close(struct worker *w)
{
    if (w == NULL)
        return;
    if (w->started)
        pthread_join(w->thread, NULL);
    source_close(w->source);
    for (unsigned i = 0; i < WORKER_LANES_CAP; i++)
        lane_close(w->lanes[i]);
    fragments_close(w->fragments);
    free(w);
}
