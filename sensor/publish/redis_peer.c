#include "sensor/publish/redis_peer.h"

#include <errno.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sensor/host/clock.h"
#include "sensor/host/log.h"
#include "sensor/publish/redis.h"
#include "sensor/publish/redis_server.h"
#include "sensor/publish/redis_url.h"

enum {
    LIMIT_MS = 100, /* to connect; for an answer */
    PAUSE_MS = 30000,
    BUDGET_MS = 250, /* of waiting in each second */
    SECOND_MS = 1000,
    PLACES = 256,
    DIGITS_CAP = 18, /* of a number that surely fits */
    NS_PER_S = 1000000000,
    NS_PER_MS = 1000000,
    MS_PER_S = 1000
};

static const uint64_t kept_ns = UINT64_C(10) * NS_PER_S;

struct answer_place {
    struct redis_server_id id;
    bool taken;
    uint64_t asked_ns;      /* packet time */
    int64_t other_offer_ms; /* when another sensor saw an offer last; -1: never */
};

struct redis_peer {
    redisContext *context; /* NULL while not connected */
    struct redis_address address;
    char password[REDIS_PASSWORD_CAP];
    char site[CONFIG_NAME_CAP];
    char sensor[CONFIG_NAME_CAP];
    bool in_trouble; /* and that was said */
    uint64_t next_try_ms;
    uint64_t second; /* the one that `waited_ms` counts */
    uint64_t waited_ms;
    struct answer_place places[PLACES];
};

/* ---- trouble ---- */

static void disconnect(struct redis_peer *p)
{
    if (p->context != NULL)
        redisFree(p->context);
    p->context = NULL;
}

static void give_up(struct redis_peer *p, const char *why)
{
    if (!p->in_trouble)
        log_error("redis", "%s does not tell what other sensors see: %.120s. It is asked again after %d s",
                  p->address.shown, why, PAUSE_MS / MS_PER_S);
    p->in_trouble = true;
    p->next_try_ms = clock_monotonic_ms() + PAUSE_MS;
    disconnect(p);
}

static bool timed_out(const struct redis_peer *p)
{
    return p->context != NULL && p->context->err == REDIS_ERR_IO && errno == EAGAIN;
}

static void all_is_well(struct redis_peer *p)
{
    if (p->in_trouble)
        log_error("redis", "%s tells again what other sensors see", p->address.shown);
    p->in_trouble = false;
}

/* ---- asking ---- */

static bool connect_to_redis(struct redis_peer *p)
{
    const struct timeval limit = {.tv_usec = LIMIT_MS * 1000};
    p->context = p->address.path[0] != '\0'
                     ? redisConnectUnixWithTimeout(p->address.path, limit)
                     : redisConnectWithTimeout(p->address.nodes[0].host, p->address.nodes[0].port, limit);
    if (p->context == NULL || p->context->err != 0)
        return false;
    (void)redisSetTimeout(p->context, limit);
    return true;
}

static void append(struct redis_peer *p, int count, const char **words)
{
    (void)redisAppendCommandArgv(p->context, count, words, NULL);
}

/* Sent ahead of the first question, without waiting: all answers come in one journey. */
static size_t append_greeting(struct redis_peer *p)
{
    char database[16];
    size_t count = 0;
    if (p->address.user[0] != '\0')
        append(p, 3, (const char *[]){"AUTH", p->address.user, p->password});
    else if (p->password[0] != '\0')
        append(p, 2, (const char *[]){"AUTH", p->password});
    count += p->address.user[0] != '\0' || p->password[0] != '\0';
    snprintf(database, sizeof database, "%d", p->address.database);
    if (p->address.database > 0)
        append(p, 2, (const char *[]){"SELECT", database});
    return count + (p->address.database > 0);
}

/* A key of another program's is no trouble: nothing is known of that server. */
static bool is_refusal(const redisReply *reply)
{
    return reply->type == REDIS_REPLY_ERROR && strncmp(reply->str, "WRONGTYPE", 9) != 0;
}

/* The first refusal, or the answer to the last of `count` commands; NULL where the connection failed. */
static redisReply *read_replies(struct redis_peer *p, size_t count)
{
    for (size_t i = 1;; i++) {
        redisReply *reply = NULL;
        if (redisGetReply(p->context, (void **)&reply) != REDIS_OK)
            return NULL;
        if (i == count || is_refusal(reply))
            return reply;
        freeReplyObject(reply);
    }
}

/* The answer, to be freed; NULL where the connection failed. */
static redisReply *question(struct redis_peer *p, const char *key)
{
    size_t count = 1;
    if (p->context == NULL) {
        if (!connect_to_redis(p))
            return NULL;
        count += append_greeting(p);
    }
    append(p, 4, (const char *[]){"HMGET", key, "offer_ms", "offer_sensor"});
    return read_replies(p, count);
}

/* A connection that nobody used for long may have been closed by Redis or by a firewall: that alone is no
 * trouble. */
static redisReply *question_again(struct redis_peer *p, const char *key)
{
    bool used_before = p->context != NULL;
    redisReply *reply = question(p, key);
    if (reply != NULL || !used_before || timed_out(p))
        return reply;
    disconnect(p);
    return question(p, key);
}

/* Others may write this key: whatever is no plain number is -1. */
static int64_t number_of(const redisReply *reply)
{
    int64_t n = 0;
    if (reply->type != REDIS_REPLY_STRING || reply->len < 1 || reply->len > DIGITS_CAP)
        return -1;
    for (size_t i = 0; i < (size_t)reply->len; i++) {
        if (reply->str[i] < '0' || reply->str[i] > '9')
            return -1;
        n = n * 10 + (reply->str[i] - '0');
    }
    return n;
}

static bool is_other_sensor(const struct redis_peer *p, const redisReply *reply)
{
    return reply->type == REDIS_REPLY_STRING && reply->len > 0 && strcmp(reply->str, p->sensor) != 0;
}

/* False where Redis did not answer. */
static bool ask(struct redis_peer *p, const struct redis_server_id *id, int64_t *other_offer_ms)
{
    char key[REDIS_SERVER_KEY_CAP];
    redis_server_key(p->site, id, key);
    redisReply *reply = question_again(p, key);
    if (reply == NULL) {
        give_up(p, p->context == NULL ? "no memory"
                   : timed_out(p)     ? "no answer in time"
                                      : p->context->errstr);
        return false;
    }
    bool answered = !is_refusal(reply);
    if (answered)
        all_is_well(p);
    else
        give_up(p, reply->str);
    bool other = reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 &&
                 is_other_sensor(p, reply->element[1]);
    *other_offer_ms = other ? number_of(reply->element[0]) : -1;
    freeReplyObject(reply);
    return answered;
}

/* ---- answering ---- */

/* A server that is asked about for the first time costs a journey to Redis; a sweep over many must not cost all
 * the time there is. */
static bool may_wait(struct redis_peer *p, uint64_t now_ms)
{
    if (now_ms / SECOND_MS != p->second) {
        p->second = now_ms / SECOND_MS;
        p->waited_ms = 0;
    }
    return now_ms >= p->next_try_ms && p->waited_ms < BUDGET_MS;
}

static bool still_valid(const struct answer_place *at, const struct redis_server_id *id, uint64_t now_ns)
{
    uint64_t apart = now_ns > at->asked_ns ? now_ns - at->asked_ns : at->asked_ns - now_ns;
    return at->taken && redis_server_same(&at->id, id) && apart < kept_ns;
}

/* The place holds the answer of now. */
static bool refresh(struct redis_peer *p, struct answer_place *at, const struct redis_server_id *id,
                    uint64_t now_ns)
{
    int64_t other_offer_ms = -1;
    uint64_t begun_ms = clock_monotonic_ms();
    if (!may_wait(p, begun_ms))
        return false;
    bool answered = ask(p, id, &other_offer_ms);
    p->waited_ms += clock_monotonic_ms() - begun_ms;
    if (answered)
        *at = (struct answer_place){*id, true, now_ns, other_offer_ms};
    return answered;
}

bool redis_peer_offered(struct redis_peer *p, const struct session *s, uint64_t window_s)
{
    struct redis_server_id id = redis_server_of(s);
    struct answer_place *at = &p->places[redis_server_place(&id, PLACES)];
    if (!still_valid(at, &id, s->first_ns) && !refresh(p, at, &id, s->first_ns))
        return false;
    if (at->other_offer_ms < 0)
        return false;
    uint64_t offer_ms = (uint64_t)at->other_offer_ms;
    uint64_t session_ms = s->first_ns / NS_PER_MS;
    uint64_t apart_ms = offer_ms > session_ms ? offer_ms - session_ms : session_ms - offer_ms;
    return apart_ms <= window_s * MS_PER_S;
}

/* ---- opening ---- */

struct redis_peer *redis_peer_open(const struct config *config, char *error)
{
    struct redis_peer *p = calloc(1, sizeof *p);
    if (p == NULL) {
        snprintf(error, REDIS_ERROR_CAP, "no memory for the questions to Redis");
        return NULL;
    }
    if (!redis_url_parse(config->redis_url, &p->address, error) ||
        !redis_password_read(config->redis_password_file, "WAXSEAL_REDIS_PASSWORD", p->password, error)) {
        redis_peer_close(p);
        return NULL;
    }
    memcpy(p->site, config->site, sizeof p->site);
    memcpy(p->sensor, config->sensor, sizeof p->sensor);
    return p;
}

void redis_peer_close(struct redis_peer *p)
{
    if (p == NULL)
        return;
    disconnect(p);
    explicit_bzero(p->password, sizeof p->password);
    free(p);
}
