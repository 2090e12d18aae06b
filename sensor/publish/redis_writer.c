#include "sensor/publish/redis_writer.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

#include "sensor/host/clock.h"
#include "sensor/host/log.h"
#include "sensor/host/ring.h"
#include "sensor/publish/backlog.h"
#include "sensor/publish/redis_sender.h"

enum {
    BATCHES = 32,
    TURN_MS = 100, /* at most, between two looks at clock and disk */
    PAUSE_FIRST_MS = 100,
    SPOOLED_PATIENCE_PART = 5, /* with a spool nothing is lost by going */
    WAIT_SLEEP_US = 1000,
    NS_PER_MS = 1000000,
    NS_PER_US = 1000
};

struct redis_writer {
    const struct config *config;
    struct batch_pool *pool;
    struct ring ring; /* of struct batch *, from the feed's thread to the writer's */
    int wake_fd;
    pthread_t thread;
    atomic_bool stopping;
    _Atomic uint64_t moved_ms; /* when a batch left the ring or was delivered last */
    bool full_said;            /* feed's thread */
    struct backlog *backlog;   /* from here on the writer's thread alone */
    struct redis_sender sender;
    bool complete;
    uint64_t left_batches; /* at the end */
    uint64_t left_events;
    pthread_mutex_t lock; /* of status */
    struct redis_writer_status status;
};

/* ---- the writer's thread ---- */

static void empty_wake(const struct redis_writer *w)
{
    uint64_t times;
    (void)!read(w->wake_fd, &times, sizeof times);
}

/* Takes over what the feed has put, as far as there is room. */
static void take_over(struct redis_writer *w, uint64_t now_ms)
{
    struct batch *const *item;
    while ((item = ring_peek(&w->ring)) != NULL) {
        struct batch *b = *item;
        if (!backlog_add(w->backlog, b, clock_wall_ns() / NS_PER_MS, now_ms))
            return;
        ring_pop(&w->ring);
        batch_give(w->pool, b);
        atomic_store(&w->moved_ms, now_ms);
    }
}

/* Also called while the sender waits for answers on a new connection: batches must reach the disk in time.
 * Where there is trouble they go there at once. */
static void take_care(void *state)
{
    struct redis_writer *w = state;
    uint64_t now_ms = clock_monotonic_ms();
    empty_wake(w);
    take_over(w, now_ms);
    backlog_tick(w->backlog, now_ms, w->sender.link == NULL || w->sender.condition.code[0] != '\0');
}

static void publish_status(struct redis_writer *w)
{
    const struct redis_sender *s = &w->sender;
    struct backlog_state b;
    backlog_look(w->backlog, &b);
    uint64_t wall_ms = clock_wall_ns() / NS_PER_MS;
    struct redis_writer_status now = {
        .queue_batches = b.batches,
        .queue_bytes = b.memory_bytes,
        .spool_bytes = b.spool_bytes,
        .batches_applied = s->applied,
        .batches_repeated = s->repeated,
        .batches_refused = s->refused,
        .events_sent = s->events_sent,
        .events_lost = s->events_lost,
        .rtt_us = s->rtt_us,
        .lag_ms = b.oldest_ms > 0 && wall_ms > b.oldest_ms ? wall_ms - b.oldest_ms : 0,
        .clock_offset_ms = s->clock_offset_ms,
        .connections = s->connections,
        .connected = s->link != NULL,
    };
    memcpy(now.trouble, s->condition.code, sizeof now.trouble);
    pthread_mutex_lock(&w->lock);
    w->status = now;
    pthread_mutex_unlock(&w->lock);
}

/* At the end: is there something left that is worth to be waited for? */
static bool goes_on(struct redis_writer *w, uint64_t now_ms)
{
    struct backlog_state b;
    if (!atomic_load(&w->stopping))
        return true;
    backlog_look(w->backlog, &b);
    if (b.batches == 0 && ring_peek(&w->ring) == NULL && w->sender.ever_connected)
        return false;
    uint64_t patience_ms = w->config->redis_patience_ms;
    if (w->config->redis_spool[0] != '\0')
        patience_ms /= SPOOLED_PATIENCE_PART;
    return now_ms - atomic_load(&w->moved_ms) < patience_ms;
}

/* What is left is in the spool or lost. */
static void sum_up(struct redis_writer *w)
{
    struct backlog_state b;
    struct batch *const *item;
    uint64_t now_ms = clock_monotonic_ms();
    take_over(w, now_ms);
    backlog_tick(w->backlog, now_ms, true);
    backlog_look(w->backlog, &b);
    uint64_t lost_batches = b.unspooled_batches;
    uint64_t lost_events = b.unspooled_events;
    for (; (item = ring_peek(&w->ring)) != NULL; ring_pop(&w->ring)) {
        lost_batches++;
        lost_events += (*item)->events;
        batch_give(w->pool, *item);
    }
    if (b.batches > b.unspooled_batches)
        log_error("redis",
                  "%" PRIu64 " batches are not delivered to %s; they wait in the spool for the next run",
                  b.batches - b.unspooled_batches, redis_route_shown(w->sender.route));
    if (lost_batches > 0)
        log_error("redis",
                  "%" PRIu64 " batches with %" PRIu64 " events were not delivered to %s and are lost",
                  lost_batches, lost_events, redis_route_shown(w->sender.route));
    w->sender.events_lost += lost_events;
    w->complete = b.batches == 0 && lost_batches == 0 && w->sender.refused == 0 && w->sender.ever_connected;
}

static void *write_all(void *argument)
{
    struct redis_writer *w = argument;
    uint64_t now_ms = clock_monotonic_ms();
    while (goes_on(w, now_ms)) {
        take_care(w);
        bool moved = redis_sender_turn(&w->sender, now_ms, TURN_MS, w->wake_fd);
        now_ms = clock_monotonic_ms();
        if (moved)
            atomic_store(&w->moved_ms, now_ms);
        publish_status(w);
    }
    sum_up(w);
    return NULL;
}

/* ---- the feed's thread ---- */

static bool waits_for_room(const struct redis_writer *w)
{
    return !w->config->live &&
           clock_monotonic_ms() - atomic_load(&w->moved_ms) < w->config->redis_patience_ms;
}

struct batch *redis_writer_take(struct redis_writer *w)
{
    struct batch *b = batch_take(w->pool);
    while (b == NULL && waits_for_room(w)) {
        clock_sleep_us(WAIT_SLEEP_US);
        b = batch_take(w->pool);
    }
    if (b == NULL && !w->full_said)
        log_error("redis", "the queue for %s is full: events are lost until it takes them again",
                  redis_route_shown(w->sender.route));
    w->full_said = b == NULL;
    return b;
}

void redis_writer_put(struct redis_writer *w, struct batch *b)
{
    uint64_t once = 1;
    struct batch **place = ring_slot(&w->ring); /* never full: it has room for the whole pool */
    *place = b;
    ring_push(&w->ring);
    (void)!write(w->wake_fd, &once, sizeof once);
}

void redis_writer_status(struct redis_writer *w, struct redis_writer_status *out)
{
    pthread_mutex_lock(&w->lock);
    *out = w->status;
    pthread_mutex_unlock(&w->lock);
}

static void free_all(struct redis_writer *w)
{
    redis_link_close(w->sender.link);
    redis_route_close(w->sender.route);
    backlog_close(w->backlog);
    if (w->wake_fd >= 0)
        close(w->wake_fd);
    ring_close(&w->ring);
    batch_pool_close(w->pool);
    pthread_mutex_destroy(&w->lock);
    free(w);
}

bool redis_writer_finish(struct redis_writer *w)
{
    uint64_t once = 1;
    atomic_store(&w->moved_ms, clock_monotonic_ms());
    atomic_store(&w->stopping, true);
    (void)!write(w->wake_fd, &once, sizeof once);
    (void)pthread_join(w->thread, NULL);
    bool complete = w->complete;
    free_all(w);
    return complete;
}

/* ---- opening ---- */

/* A name for this process that no other has: by chance, or where the kernel gives none, by time. */
static void name_run(char *run, uint32_t *random)
{
    uint64_t token = clock_wall_ns() ^ (uint64_t)getpid() << 32;
    (void)!getrandom(&token, sizeof token, 0);
    snprintf(run, SPOOL_RUN_BYTES + 1, "%016" PRIx64, token);
    *random = (uint32_t)token;
}

static bool prepare(struct redis_writer *w, const struct config *config, struct span script, char *error)
{
    struct redis_sender *s = &w->sender;
    char run[SPOOL_RUN_BYTES + 1];
    w->config = s->config = config;
    s->script = script;
    s->pause_ms = PAUSE_FIRST_MS;
    s->room = 1;
    name_run(run, &s->random);
    snprintf(s->key, sizeof s->key, "waxseal:{%s}:meta", config->site);
    snprintf(s->moving, sizeof s->moving, "waxseal:{%s}:moving", config->site);
    s->route = redis_route_plan(config, error);
    if (s->route == NULL)
        return false;
    redis_route_meanwhile(s->route, take_care, w);
    redis_password_remark(config->redis_password_file);
    redis_password_remark(config->redis_sentinel_password_file);
    w->backlog = s->backlog = backlog_open(config, run, clock_wall_ns() / NS_PER_US, error);
    if (w->backlog == NULL)
        return false;
    w->pool = batch_pool_open(BATCHES);
    w->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (w->pool != NULL && w->wake_fd >= 0 && ring_open(&w->ring, BATCHES, sizeof(struct batch *)))
        return true;
    snprintf(error, REDIS_ERROR_CAP, "no memory for the queue to Redis");
    return false;
}

struct redis_writer *redis_writer_open(const struct config *config, struct span script, char *error)
{
    struct redis_writer *w = calloc(1, sizeof *w);
    if (w == NULL) {
        snprintf(error, REDIS_ERROR_CAP, "no memory for the queue to Redis");
        return NULL;
    }
    w->wake_fd = -1;
    atomic_store(&w->moved_ms, clock_monotonic_ms());
    (void)pthread_mutex_init(&w->lock, NULL);
    if (!prepare(w, config, script, error)) {
        free_all(w);
        return NULL;
    }
    if (pthread_create(&w->thread, NULL, write_all, w) == 0)
        return w;
    snprintf(error, REDIS_ERROR_CAP, "no thread for the writer to Redis");
    free_all(w);
    return NULL;
}
