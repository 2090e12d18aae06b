#include "sensor/publish/redis_trouble.h"

#include <stdio.h>
#include <string.h>

/* By the longest beginning first where two share one. */
static const struct redis_trouble troubles[] = {
    {"REFUSED", REDIS_GIVE_UP,
     "this batch is given up, the others are not; please report it with the versions of waxseal and Redis"},
    {"NOSCRIPT", REDIS_LOAD, "the script is loaded again"},
    {"MOVED", REDIS_REROUTE, "another node of the Redis Cluster owns this site's slot"},
    {"OOM", REDIS_WAIT, "Redis has reached its maxmemory: raise it, or lower outputs.redis.events_cap"},
    {"LOADING", REDIS_WAIT, "Redis is still reading its data from disk: this passes"},
    {"BUSY", REDIS_WAIT, "a script blocks Redis: this passes, or see SCRIPT KILL"},
    {"MISCONF", REDIS_WAIT, "Redis cannot save to its disk and refuses writes: free its disk, see its log"},
    {"NOREPLICAS", REDIS_WAIT,
     "too few replicas follow this Redis (min-replicas-to-write, or outputs.redis.replicas): bring them "
     "back"},
    {"CLUSTERDOWN", REDIS_RECONNECT, "the Redis Cluster is down: see CLUSTER INFO"},
    {"TRYAGAIN", REDIS_WAIT, "this site's slot is being moved to another node: this ends with the move"},
    {"ASK", REDIS_WAIT, "this site's slot is being moved to another node: this ends with the move"},
    {"CROSSSLOT", REDIS_RECONNECT, "this is a Redis Cluster: write redis-cluster:// in the URL"},
    {"WRONGTYPE", REDIS_WAIT,
     "a key of this site holds another type: another program uses these names; delete the key, or choose "
     "another "
     "--site"},
    {"READONLY", REDIS_RECONNECT,
     "this Redis is a replica: name its master, or let Sentinels tell it (redis-sentinel://)"},
    {"MASTERDOWN", REDIS_RECONNECT, "the replica has lost its master: name the master"},
    {"NOAUTH", REDIS_RECONNECT,
     "Redis wants a password: give --redis-password-file FILE or WAXSEAL_REDIS_PASSWORD"},
    {"WRONGPASS", REDIS_RECONNECT,
     "user name or password is wrong: see the URL's user and the password file"},
    {"ERR invalid password", REDIS_RECONNECT, "the password is wrong: see the password file"},
    {"ERR Client sent AUTH", REDIS_RECONNECT,
     "this Redis has no password: take the password file out of the configuration"},
    {"ERR AUTH <password> called", REDIS_RECONNECT,
     "this Redis has no password: take the password file out of the configuration"},
    {"DENIED", REDIS_RECONNECT,
     "Redis takes clients of other hosts only with a password: set one there, and see its protected-mode"},
    {"NOPERM", REDIS_RECONNECT,
     "the ACL user lacks a permission: see deploy/redis-layout.md for what it needs"},
    {"ERR max number of clients", REDIS_RECONNECT, "Redis has too many connections: see its maxclients"},
    {"ERR unknown command", REDIS_RECONNECT,
     "this server lacks a command that is needed: Redis 7 or later is needed, with no command renamed"},
    {"ERR DB index", REDIS_RECONNECT,
     "the database number in the URL is higher than this Redis has (databases)"},
    {"UNKILLABLE", REDIS_WAIT, "a script blocks Redis: see its log"},
};

static const struct redis_trouble unknown = {"ERR", REDIS_TRY_FEW, "see the Redis server's log"};

const struct redis_trouble *redis_trouble_of(const char *error)
{
    for (size_t i = 0; i < sizeof troubles / sizeof troubles[0]; i++)
        if (strncmp(error, troubles[i].code, strlen(troubles[i].code)) == 0)
            return &troubles[i];
    return &unknown;
}

bool redis_condition_news(struct redis_condition *c, const char *error)
{
    char now[REDIS_CODE_CAP];
    snprintf(now, sizeof now, "%.*s", (int)strcspn(error, " "), error);
    if (strcmp(c->code, now) == 0)
        return false;
    memcpy(c->code, now, sizeof now);
    return true;
}

bool redis_condition_over(struct redis_condition *c)
{
    bool was = c->code[0] != '\0';
    c->code[0] = '\0';
    return was;
}
