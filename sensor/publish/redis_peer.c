#include "sensor/publish/redis_peer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sensor/host/clock.h"
#include "sensor/host/log.h"
#include "sensor/publish/redis.h"
#include "sensor/publish/redis_route.h"
#include "sensor/publish/redis_server.h"

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
    struct redis_route *route;
    struct redis_link *link; /* NULL while not connected */
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
    redis_link_close(p->link);
    p->link = NULL;
}

static void give_up(struct redis_peer *p, const char *why)
{
    static const char prefix[] = "connection: "; /* of redis_route_open */
    char shown[2 * REDIS_TEXT_CAP];
    bool prefixed = strncmp(why, prefix, sizeof prefix - 1) == 0;
    log_escape(prefixed ? why + sizeof prefix - 1 : why, shown, sizeof shown);
    size_t length = strlen(shown);
    if (length > 0 && shown[length - 1] == '.')
        shown[length - 1] = '\0';
    if (!p->in_trouble)
        log_error("redis", "%s does not tell what other sensors see: %.120s. It is asked again after %d s",
                  redis_route_shown(p->route), shown, PAUSE_MS / MS_PER_S);
    p->in_trouble = true;
    p->next_try_ms = clock_monotonic_ms() + PAUSE_MS;
    disconnect(p);
}

static void all_is_well(struct redis_peer *p)
{
    if (p->in_trouble)
        log_error("redis", "%s tells again what other sensors see", redis_route_shown(p->route));
    p->in_trouble = false;
}

/* ---- asking ---- */

static bool question(struct redis_peer *p, const char *key, struct redis_answer *answer, char *why)
{
    const char *const words[] = {"HMGET", key, "offer_ms", "offer_sensor"};
    if (p->link == NULL)
        p->link = redis_route_open(p->route, why);
    if (p->link == NULL)
        return false;
    if (redis_link_ask(p->link, sizeof words / sizeof words[0], words, answer))
        return true;
    snprintf(why, REDIS_WHY_CAP, "%s", redis_link_why(p->link));
    disconnect(p);
    return false;
}

/* A connection that nobody used for long may have been closed by Redis or by a firewall, and a Cluster may
 * have moved the slot: that alone is no trouble. */
static bool question_again(struct redis_peer *p, const char *key, struct redis_answer *answer, char *why)
{
    bool used_before = p->link != NULL;
    bool answered = question(p, key, answer, why);
    if (answered && answer->kind == REDIS_ERROR && redis_route_moved(p->route, answer->text)) {
        disconnect(p);
        return question(p, key, answer, why);
    }
    bool late = strcmp(why, "no answer in time") == 0;
    return answered || (used_before && !late && question(p, key, answer, why));
}

/* Others may write this key: whatever is no plain number is -1. */
static int64_t number_of(const char *text)
{
    int64_t n = 0;
    size_t length = strlen(text);
    if (length < 1 || length > DIGITS_CAP || strspn(text, "0123456789") != length)
        return -1;
    for (size_t i = 0; i < length; i++)
        n = n * 10 + (text[i] - '0');
    return n;
}

/* A key of another program's is no trouble: nothing is known of that server. False where Redis did not
 * answer. */
static bool ask(struct redis_peer *p, const struct redis_server_id *id, int64_t *other_offer_ms)
{
    char key[REDIS_SERVER_KEY_CAP];
    char why[REDIS_WHY_CAP] = "";
    struct redis_answer answer;
    redis_server_key(p->site, id, key);
    if (!question_again(p, key, &answer, why)) {
        give_up(p, why);
        return false;
    }
    if (answer.kind == REDIS_ERROR && strncmp(answer.text, "WRONGTYPE", 9) != 0) {
        give_up(p, answer.text);
        return false;
    }
    all_is_well(p);
    const char *sensor = answer.items[1];
    bool other = answer.kind == REDIS_LIST && answer.count == 2 && sensor[0] != '\0' &&
                 strcmp(sensor, p->sensor) != 0;
    *other_offer_ms = other ? number_of(answer.items[0]) : -1;
    return true;
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
    p->route = redis_route_plan(config, error);
    if (p->route == NULL) {
        redis_peer_close(p);
        return NULL;
    }
    redis_route_hurry(p->route, LIMIT_MS);
    memcpy(p->site, config->site, sizeof p->site);
    memcpy(p->sensor, config->sensor, sizeof p->sensor);
    return p;
}

void redis_peer_close(struct redis_peer *p)
{
    if (p == NULL)
        return;
    disconnect(p);
    redis_route_close(p->route);
    free(p);
}
