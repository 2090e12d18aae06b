#include "sensor/publish/redis_probe.h"

#include <stdio.h>
#include <string.h>

#include "sensor/publish/redis_link.h"
#include "sensor/publish/redis_route.h"

enum { WORDS_CAP = 7, KEY_CAP = CONFIG_NAME_CAP + 32 };

/* What deploy/redis.acl allows a sensor, but for what only some URLs need (SELECT; ASKING and CLUSTER of a Cluster). What a
 * command would need to have an effect is missing here, or DEL at the end takes it back: SADD makes the key a set, and
 * HSETNX, which nothing else stops, is refused on a set. KEY and OTHER stand for keys. */
static const char KEY[] = "k";
static const char OTHER[] = "o";
static const struct trial {
    const char *rule; /* of the ACL */
    const char *words[WORDS_CAP];
} trials[] = {
    {"+ping", {"PING"}},
    {"+time", {"TIME"}},
    {"+role", {"ROLE"}},
    {"+wait", {"WAIT", "0", "1"}},
    {"+del", {"DEL", KEY}},
    {"+exists", {"EXISTS", KEY}},
    {"+type", {"TYPE", KEY}},
    {"+set", {"SET", KEY, "1", "XX"}},
    {"+expire", {"EXPIRE", KEY, "60"}},
    {"+rename", {"RENAME", KEY, OTHER}},
    {"+hget", {"HGET", KEY, "f"}},
    {"+hmget", {"HMGET", KEY, "f"}},
    {"+hgetall", {"HGETALL", KEY}},
    {"+hdel", {"HDEL", KEY, "f"}},
    {"+hset", {"HSET", KEY, "f", "1", "odd"}},
    {"+hincrby", {"HINCRBY", KEY, "f", "x"}},
    {"+zcard", {"ZCARD", KEY}},
    {"+zscore", {"ZSCORE", KEY, "m"}},
    {"+zrange", {"ZRANGE", KEY, "0", "-1"}},
    {"+zrevrange", {"ZREVRANGE", KEY, "0", "-1"}},
    {"+zrangebyscore", {"ZRANGEBYSCORE", KEY, "0", "1"}},
    {"+zrangestore", {"ZRANGESTORE", OTHER, KEY, "0", "-1"}},
    {"+zadd", {"ZADD", KEY, "XX", "1", "m"}},
    {"+zincrby", {"ZINCRBY", KEY, "x", "m"}},
    {"+zrem", {"ZREM", KEY, "m"}},
    {"+zremrangebyrank", {"ZREMRANGEBYRANK", KEY, "0", "-1"}},
    {"+zremrangebyscore", {"ZREMRANGEBYSCORE", KEY, "0", "1"}},
    {"+xadd", {"XADD", KEY, "NOMKSTREAM", "*", "f", "1"}},
    {"+xrange", {"XRANGE", KEY, "-", "+", "COUNT", "1"}},
    {"+xrevrange", {"XREVRANGE", KEY, "+", "-", "COUNT", "1"}},
    {"+xinfo|stream", {"XINFO", "STREAM", KEY}},
    {"+xdel", {"XDEL", KEY, "0-1"}},
    {"+xsetid", {"XSETID", KEY, "0-1"}},
    {"+evalsha", {"EVALSHA", "0000000000000000000000000000000000000000", "0"}},
    {"+script|load", {"SCRIPT", "LOAD", "return 1"}},
    {"+smembers", {"SMEMBERS", KEY}},
    {"+sadd", {"SADD", KEY, "m"}},
    {"+hsetnx", {"HSETNX", KEY, "f", "1"}},
};

struct keys {
    char key[KEY_CAP];
    char other[KEY_CAP];
};

static bool ask(struct redis_link *l, const struct keys *k, const char *const *words,
                struct redis_answer *answer)
{
    const char *real[WORDS_CAP];
    size_t count = 0;
    for (; count < WORDS_CAP && words[count] != NULL; count++)
        real[count] = words[count] == KEY ? k->key : words[count] == OTHER ? k->other : words[count];
    return redis_link_ask(l, count, real, answer);
}

static bool begins(const struct redis_answer *answer, const char *prefix)
{
    return answer->kind == REDIS_ERROR && strncmp(answer->text, prefix, strlen(prefix)) == 0;
}

static void note(struct redis_probe *out, const struct trial *trial, const struct redis_answer *answer)
{
    size_t used = strlen(out->refused);
    bool refused = begins(answer, "NOPERM");
    bool by_key = refused && strstr(answer->text, " key") != NULL;
    out->tried++;
    out->key_refused |= by_key;
    out->read_only |= begins(answer, "READONLY") || begins(answer, "OOM") || begins(answer, "MISCONF");
    if (refused && !by_key)
        snprintf(out->refused + used, sizeof out->refused - used, "%s%s", used > 0 ? " " : "", trial->rule);
}

static void try_all(struct redis_link *l, const char *site, struct redis_probe *out)
{
    struct redis_answer answer;
    struct keys keys;
    snprintf(keys.key, sizeof keys.key, "waxseal:{%s}:doctor", site);
    snprintf(keys.other, sizeof keys.other, "waxseal:{%s}:doctor:2", site);
    out->reached = true;
    for (size_t i = 0; i < sizeof trials / sizeof trials[0] && out->reached; i++) {
        out->reached = ask(l, &keys, trials[i].words, &answer);
        if (out->reached)
            note(out, &trials[i], &answer);
    }
    if (out->reached)
        out->reached = ask(l, &keys, (const char *[WORDS_CAP]){"DEL", KEY}, &answer);
    if (!out->reached)
        snprintf(out->error, sizeof out->error, "%s", redis_link_why(l));
}

void redis_probe_run(const struct config *config, struct redis_probe *out)
{
    char why[REDIS_WHY_CAP] = "";
    *out = (struct redis_probe){0};
    struct redis_route *route = redis_route_plan(config, out->error);
    if (route == NULL)
        return;
    redis_route_hurry(route, REDIS_PROBE_TIME_MS);
    struct redis_link *link = redis_route_open(route, why);
    snprintf(out->place, sizeof out->place, "%s",
             link != NULL ? redis_route_place(route) : redis_route_shown(route));
    snprintf(out->error, sizeof out->error, "%s", why);
    if (link != NULL)
        try_all(link, config->site, out);
    redis_link_close(link);
    redis_route_close(route);
}
