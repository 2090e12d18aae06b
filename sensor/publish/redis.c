#include "sensor/publish/redis.h"

#include <errno.h>
#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sensor/host/clock.h"
#include "sensor/host/log.h"
#include "sensor/publish/redis_entry.h"
#include "sensor/publish/redis_server.h"
#include "sensor/publish/redis_url.h"

enum {
    QUEUE_BYTES = 32 << 20, /* about 9,000 events */
    BATCH_EVENTS = 256,
    CONNECT_MS = 1000,
    ANSWER_MS = 2000,
    PAUSE_FIRST_MS = 500,
    PAUSE_LAST_MS = 15000,
    LAST_TRIES = 2,
    LAST_PAUSE_US = 300000,
    GREETING_CAP = 5,
    KEY_CAP = 128,
    CONDITION_CAP = 24,
    REFUSAL_CAP = 121
};

/* Before the bytes of each command in the queue. */
struct entry {
    uint32_t bytes;
    bool delivered;
    bool is_record; /* of a server; else an event */
    uint16_t reserved;
};

struct redis {
    redisContext *context; /* NULL while not connected */
    struct redis_address address;
    char password[REDIS_PASSWORD_CAP];
    char site[CONFIG_NAME_CAP];
    char sensor[CONFIG_NAME_CAP];
    char sensors_key[KEY_CAP];
    char meta_key[KEY_CAP];
    char condition[CONDITION_CAP]; /* the trouble reported last; "" none */
    bool ever_connected;
    bool full_said;
    bool record_refusal_said;
    char record_refusal[REFUSAL_CAP]; /* the first of a batch; "" none */
    struct redis_servers *servers;
    uint64_t now_ms; /* of the last tick */
    uint64_t next_try_ms;
    uint32_t pause_ms;
    uint64_t waiting; /* in the queue and not delivered */
    uint64_t waiting_records;
    uint64_t unsent; /* events, new since the last flush */
    uint64_t dropped;
    uint64_t events;
    char *queue;
    size_t head, tail; /* bytes; entries lie between them */
    struct entry *batch[BATCH_EVENTS];
    struct redis_encoder encoder;
    char encoded[REDIS_ENTRY_CAP];
};

/* ---- saying what is wrong, once ---- */

static const struct {
    const char *code; /* how the error reply begins */
    const char *advice;
} advices[] = {
    {"OOM", "Redis has reached its maxmemory: raise it, or lower outputs.redis.events_cap"},
    {"NOAUTH", "Redis wants a password: give --redis-password-file FILE or WAXSEAL_REDIS_PASSWORD"},
    {"WRONGPASS", "user name or password is wrong: see the URL's user and the password file"},
    {"ERR invalid password", "the password is wrong: see the password file"},
    {"ERR Client sent AUTH", "this Redis has no password: take the password file out of the configuration"},
    {"ERR AUTH <password> called",
     "this Redis has no password: take the password file out of the configuration"},
    {"NOPERM",
     "the ACL user lacks a permission: it needs +xadd +sadd +hset, and for what is known of servers "
     "+eval +hsetnx +hincrby +hget +hmget +expire, on ~waxseal:* (ACL SETUSER)"},
    {"READONLY", "this Redis is a replica: name its master"},
    {"WRONGTYPE", "a key of this name holds another type: another program uses these names; choose another "
                  "--site, or delete "
                  "the key"},
    {"LOADING", "Redis is still reading its data from disk: this passes"},
    {"BUSY", "a script blocks Redis: this passes, or see SCRIPT KILL"},
    {"MISCONF", "Redis cannot save to its disk and refuses writes: see its log"},
    {"MASTERDOWN", "the replica has lost its master: name the master"},
    {"NOREPLICAS", "Redis refuses writes while it has too few replicas (min-replicas-to-write)"},
    {"CLUSTERDOWN", "the Redis Cluster is down: see CLUSTER INFO"},
    {"MOVED", "another node of the Redis Cluster owns this site's slot: name that node"},
    {"ERR unknown command", "this server lacks streams: Redis 5 or later is needed"},
    {"ERR DB index", "the database number in the URL is higher than this Redis has (databases)"},
};

static const char *advice_for(const char *reply)
{
    for (size_t i = 0; i < sizeof advices / sizeof advices[0]; i++)
        if (strncmp(reply, advices[i].code, strlen(advices[i].code)) == 0)
            return advices[i].advice;
    return "see the Redis server's log";
}

/* One line per change: the same trouble again is not said again. */
static bool is_news(struct redis *r, const char *condition)
{
    char now[CONDITION_CAP];
    snprintf(now, sizeof now, "%.*s", (int)strcspn(condition, " "), condition);
    if (strcmp(r->condition, now) == 0)
        return false;
    memcpy(r->condition, now, sizeof now);
    return true;
}

static void pause_longer(struct redis *r)
{
    r->next_try_ms = clock_monotonic_ms() + r->pause_ms;
    r->pause_ms = r->pause_ms * 2 < PAUSE_LAST_MS ? r->pause_ms * 2 : PAUSE_LAST_MS;
}

static void refused(struct redis *r, const char *command, const char *reply)
{
    if (is_news(r, reply))
        log_error("redis", "%s refuses %s: %.120s. %s. Events wait in memory; it is tried again",
                  r->address.shown, command, reply, advice_for(reply));
}

static void disconnect(struct redis *r)
{
    if (r->context != NULL)
        redisFree(r->context);
    r->context = NULL;
}

/* The connection has failed; `doing` says at what. */
static void lose_connection(struct redis *r, const char *doing)
{
    bool timed_out = r->context != NULL && r->context->err == REDIS_ERR_IO && errno == EAGAIN;
    const char *why = r->context == NULL ? "no memory" : timed_out ? "no answer in time" : r->context->errstr;
    if (is_news(r, "connection"))
        log_error("redis", "%s: cannot %s: %s. Events wait in memory (%d MiB of room); it is tried again",
                  r->address.shown, doing, why, QUEUE_BYTES >> 20);
    disconnect(r);
    pause_longer(r);
}

static void all_is_well(struct redis *r)
{
    if (r->condition[0] != '\0')
        log_error("redis", "%s takes events again", r->address.shown);
    r->condition[0] = '\0';
    r->pause_ms = PAUSE_FIRST_MS;
    r->next_try_ms = 0;
    r->full_said = false;
}

/* ---- connecting ---- */

struct command {
    int count;
    const char *words[4];
};

/* What a new connection begins with. Returns how many commands. */
static size_t greeting_commands(const struct redis *r, const char *database, struct command *out)
{
    size_t n = 0;
    if (r->address.user[0] != '\0')
        out[n++] = (struct command){3, {"AUTH", r->address.user, r->password}};
    else if (r->password[0] != '\0')
        out[n++] = (struct command){2, {"AUTH", r->password}};
    if (r->address.database > 0)
        out[n++] = (struct command){2, {"SELECT", database}};
    out[n++] = (struct command){3, {"SADD", "waxseal:sites", r->site}};
    out[n++] = (struct command){3, {"SADD", r->sensors_key, r->sensor}};
    out[n++] = (struct command){4, {"HSET", r->meta_key, "layout", "1"}};
    return n;
}

/* Sends the greeting. All answers are read even after a refusal, but only the first is told: it is the
 * cause of the others. */
static bool greet(struct redis *r)
{
    struct command commands[GREETING_CAP];
    char database[16];
    bool accepted = true;
    snprintf(database, sizeof database, "%d", r->address.database);
    size_t count = greeting_commands(r, database, commands);
    for (size_t i = 0; i < count; i++)
        (void)redisAppendCommandArgv(r->context, commands[i].count, commands[i].words, NULL);
    for (size_t i = 0; i < count; i++) {
        redisReply *reply = NULL;
        if (redisGetReply(r->context, (void **)&reply) != REDIS_OK) {
            lose_connection(r, "register");
            return false;
        }
        if (reply->type == REDIS_REPLY_ERROR && accepted) {
            accepted = false;
            refused(r, commands[i].words[0], reply->str);
        }
        freeReplyObject(reply);
    }
    if (!accepted) {
        disconnect(r);
        pause_longer(r);
    }
    return accepted;
}

static bool connect_to_redis(struct redis *r)
{
    const struct timeval connect_time = {.tv_sec = CONNECT_MS / 1000};
    const struct timeval answer_time = {.tv_sec = ANSWER_MS / 1000};
    r->context = r->address.path[0] != '\0' ? redisConnectUnixWithTimeout(r->address.path, connect_time)
                                            : redisConnectWithTimeout(r->address.nodes[0].host,
                                                                      r->address.nodes[0].port, connect_time);
    if (r->context == NULL || r->context->err != 0) {
        lose_connection(r, "connect");
        return false;
    }
    (void)redisSetTimeout(r->context, answer_time);
    if (r->address.path[0] == '\0')
        (void)redisEnableKeepAlive(r->context);
    if (!greet(r))
        return false;
    if (!r->ever_connected)
        log_line("redis", "connected to %s, site %s, sensor %s", r->address.shown, r->site, r->sensor);
    r->ever_connected = true;
    return true;
}

/* ---- the queue ---- */

static size_t entry_room(const struct entry *e)
{
    size_t bytes = sizeof *e + e->bytes;
    return (bytes + sizeof(struct entry) - 1) & ~(sizeof(struct entry) - 1);
}

static struct entry *entry_at(struct redis *r, size_t at)
{
    return (struct entry *)(void *)(r->queue + at);
}

/* Gives back the room of what was delivered, as far as nothing undelivered lies before it. */
static void advance_head(struct redis *r)
{
    while (r->head < r->tail && entry_at(r, r->head)->delivered)
        r->head += entry_room(entry_at(r, r->head));
    if (r->head == r->tail)
        r->head = r->tail = 0;
}

static bool enqueue(struct redis *r, size_t bytes, bool is_record)
{
    struct entry e = {.bytes = (uint32_t)bytes, .is_record = is_record};
    size_t room = entry_room(&e);
    if (r->tail + room > QUEUE_BYTES && r->head > 0) {
        memmove(r->queue, r->queue + r->head, r->tail - r->head);
        r->tail -= r->head;
        r->head = 0;
    }
    if (r->tail + room > QUEUE_BYTES)
        return false;
    memcpy(r->queue + r->tail, &e, sizeof e);
    memcpy(r->queue + r->tail + sizeof e, r->encoded, bytes);
    r->tail += room;
    r->waiting++;
    r->waiting_records += is_record;
    return true;
}

static void mark_delivered(struct redis *r, struct entry *e)
{
    e->delivered = true;
    r->waiting--;
    r->waiting_records -= e->is_record;
}

/* ---- sending ---- */

static size_t append_batch(struct redis *r)
{
    size_t count = 0;
    for (size_t at = r->head; at < r->tail && count < BATCH_EVENTS; at += entry_room(entry_at(r, at))) {
        struct entry *e = entry_at(r, at);
        if (e->delivered)
            continue;
        if (redisAppendFormattedCommand(r->context, (const char *)(e + 1), e->bytes) != REDIS_OK)
            break;
        r->batch[count++] = e;
    }
    return count;
}

/* False where an event is refused. */
static bool take_answer(struct redis *r, struct entry *e, const redisReply *reply)
{
    if (reply->type != REDIS_REPLY_ERROR) {
        mark_delivered(r, e);
    } else if (!e->is_record) {
        refused(r, "XADD", reply->str);
        return false;
    } else if (r->record_refusal[0] == '\0') {
        snprintf(r->record_refusal, sizeof r->record_refusal, "%s", reply->str);
    }
    return true;
}

/* Redis took the events but not these records, because of a permission or what else lies under their key. That
 * must not hold up events: they are given up, and the next of each server is tried as if nothing had been. */
static void give_up_records(struct redis *r, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!r->batch[i]->delivered)
            mark_delivered(r, r->batch[i]);
    if (r->record_refusal[0] != '\0' && !r->record_refusal_said) {
        log_error("redis", "%s refuses what is known of a server: %s. %s. Events are not held up by it",
                  r->address.shown, r->record_refusal, advice_for(r->record_refusal));
        r->record_refusal_said = true;
    }
}

/* Sends up to BATCH_EVENTS and reads their answers. True where all were taken. */
static bool send_batch(struct redis *r)
{
    size_t count = append_batch(r);
    size_t answered = 0;
    bool events_taken = true;
    r->record_refusal[0] = '\0';
    for (; answered < count; answered++) {
        redisReply *reply = NULL;
        if (redisGetReply(r->context, (void **)&reply) != REDIS_OK) {
            lose_connection(r, "deliver");
            break;
        }
        events_taken &= take_answer(r, r->batch[answered], reply);
        freeReplyObject(reply);
    }
    bool good = answered == count && count > 0 && events_taken;
    if (good)
        give_up_records(r, count);
    advance_head(r);
    if (!good && r->context != NULL) { /* refused; where the connection was lost, this is already done */
        disconnect(r); /* the next one is made anew: with a new master behind the name, a new password */
        pause_longer(r);
    }
    return good;
}

static void flush(struct redis *r)
{
    if (r->next_try_ms > 0 && clock_monotonic_ms() < r->next_try_ms)
        return;
    if (r->context == NULL && !connect_to_redis(r))
        return;
    r->unsent = 0;
    while (r->waiting > 0)
        if (!send_batch(r))
            return;
    all_is_well(r);
}

/* ---- the sink ---- */

static void event(void *state, const struct event *e)
{
    struct redis *r = state;
    r->events++;
    if (!enqueue(r, redis_encode(&r->encoder, e, r->encoded), false)) {
        r->dropped++;
        if (!r->full_said)
            log_error("redis", "the queue for %s is full: events are lost until it takes them again",
                      r->address.shown);
        r->full_said = true;
    }
    size_t record_bytes = redis_servers_note(r->servers, e, r->now_ms, r->encoded);
    if (record_bytes > 0)
        (void)enqueue(r, record_bytes, true); /* a full queue is said and counted by its events */
    if (++r->unsent >= BATCH_EVENTS)
        flush(r);
}

static void enqueue_records(struct redis *r, uint64_t now_ms)
{
    size_t bytes;
    while ((bytes = redis_servers_due(r->servers, now_ms, r->encoded)) > 0)
        (void)enqueue(r, bytes, true);
}

static void tick(void *state, uint64_t now_ms)
{
    struct redis *r = state;
    r->now_ms = now_ms;
    enqueue_records(r, now_ms);
    if (r->waiting > 0 || r->context == NULL)
        flush(r);
}

static void free_all(struct redis *r)
{
    if (r == NULL)
        return;
    disconnect(r);
    explicit_bzero(r->password, sizeof r->password);
    redis_servers_close(r->servers);
    free(r->queue);
    free(r);
}

static bool finish(void *state, const struct run_summary *summary)
{
    struct redis *r = state;
    (void)summary;
    enqueue_records(r, UINT64_MAX);
    for (int i = 0; i < LAST_TRIES && (r->waiting > 0 || !r->ever_connected); i++) {
        if (i > 0)
            clock_sleep_us(LAST_PAUSE_US);
        r->next_try_ms = 0;
        flush(r);
    }
    uint64_t undelivered = r->waiting - r->waiting_records + r->dropped;
    bool complete = undelivered == 0 && r->ever_connected;
    if (undelivered > 0)
        log_error("redis", "%" PRIu64 " of %" PRIu64 " events were not delivered to %s", undelivered,
                  r->events, r->address.shown);
    free_all(r);
    return complete;
}

static void names_prepare(struct redis *r, const struct config *config)
{
    char key[KEY_CAP];
    memcpy(r->site, config->site, sizeof r->site);
    memcpy(r->sensor, config->sensor, sizeof r->sensor);
    snprintf(r->sensors_key, KEY_CAP, "waxseal:{%s}:sensors", r->site);
    snprintf(r->meta_key, KEY_CAP, "waxseal:{%s}:meta", r->site);
    snprintf(key, KEY_CAP, "waxseal:{%s}:events", r->site);
    redis_encoder_prepare(&r->encoder, key, config->redis_events_cap);
}

bool redis_open(struct sink *sink, const struct config *config, char *error)
{
    struct redis *r = calloc(1, sizeof *r);
    if (r != NULL) {
        r->queue = malloc(QUEUE_BYTES);
        r->servers = redis_servers_open(r->site, r->sensor);
    }
    if (r == NULL || r->queue == NULL || r->servers == NULL) {
        snprintf(error, REDIS_ERROR_CAP, "no memory for the queue to Redis (%d MiB)", QUEUE_BYTES >> 20);
        free_all(r);
        return false;
    }
    if (!redis_url_parse(config->redis_url, &r->address, error) ||
        !redis_password_read(config->redis_password_file, "WAXSEAL_REDIS_PASSWORD", r->password, error)) {
        free_all(r);
        return false;
    }
    redis_password_remark(config->redis_password_file);
    names_prepare(r, config);
    r->pause_ms = PAUSE_FIRST_MS;
    flush(r);
    *sink = (struct sink){.state = r, .event = event, .tick = tick, .finish = finish};
    return true;
}

#define TEXT_OF(x) #x
#define VERSION_OF(major, minor, patch) TEXT_OF(major) "." TEXT_OF(minor) "." TEXT_OF(patch)

const char *redis_library_version(void)
{
    return VERSION_OF(HIREDIS_MAJOR, HIREDIS_MINOR, HIREDIS_PATCH);
}
