#include "sensor/publish/redis_route.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sensor/host/log.h"

enum { HOPS_CAP = 5, KEY_CAP = 128 };

struct redis_route {
    struct redis_address address;
    struct redis_access access;   /* to where is written */
    struct redis_access sentinel; /* to Sentinels */
    char password[REDIS_PASSWORD_CAP];
    char sentinel_password[REDIS_PASSWORD_CAP];
    char password_file[CONFIG_PATH_CAP];
    char sentinel_password_file[CONFIG_PATH_CAP];
    char sentinel_user[CONFIG_NAME_CAP];
    char ca_file[CONFIG_PATH_CAP];
    char certificate_file[CONFIG_PATH_CAP];
    char key_file[CONFIG_PATH_CAP];
    char site[CONFIG_NAME_CAP];
    char key[KEY_CAP]; /* one of the site's, to ask who owns its slot */
    size_t first;      /* the node that answered last */
    bool owner_known;
    struct redis_node owner; /* of the slot */
    char place[sizeof((struct redis_node *)0)->host + 16];
};

/* ---- passwords ---- */

static bool read_passwords(struct redis_route *r, char *error)
{
    return redis_password_read(r->password_file, "WAXSEAL_REDIS_PASSWORD", r->password, error) &&
           redis_password_read(r->sentinel_password_file, "WAXSEAL_SENTINEL_PASSWORD", r->sentinel_password,
                               error);
}

/* ---- one node ---- */

static struct redis_link *open_node(struct redis_route *r, const struct redis_node *node,
                                    const struct redis_access *access, char *why)
{
    char reason[REDIS_WHY_CAP];
    if (node != NULL)
        redis_url_show(node, r->place, sizeof r->place);
    else
        snprintf(r->place, sizeof r->place, "%s", r->address.path);
    struct redis_link *l = redis_link_open(node, r->address.path, access, reason);
    if (l == NULL) {
        snprintf(why, REDIS_WHY_CAP, "connection: %.170s", reason);
        return NULL;
    }
    if (redis_link_greet(l, access, why))
        return l;
    if (redis_link_broken(l)) {
        snprintf(reason, sizeof reason, "%s", redis_link_why(l));
        snprintf(why, REDIS_WHY_CAP, "connection: %.170s", reason);
    }
    redis_link_close(l);
    return NULL;
}

static struct redis_link *lost(struct redis_link *l, char *why)
{
    snprintf(why, REDIS_WHY_CAP, "connection: %.170s", redis_link_why(l));
    redis_link_close(l);
    return NULL;
}

/* ---- Sentinel ---- */

/* What one Sentinel says of the master. */
static bool ask_sentinel(struct redis_route *r, const struct redis_node *sentinel, struct redis_node *master,
                         char *why)
{
    struct redis_answer answer;
    struct redis_link *l = open_node(r, sentinel, &r->sentinel, why);
    if (l == NULL)
        return false;
    const char *const words[] = {"SENTINEL", "get-master-addr-by-name", r->address.master};
    if (!redis_link_ask(l, 3, words, &answer)) {
        (void)lost(l, why);
        return false;
    }
    redis_link_close(l);
    char text[2 * REDIS_TEXT_CAP];
    snprintf(text, sizeof text, "%s:%s", answer.items[0], answer.items[1]);
    if (answer.kind == REDIS_LIST && answer.count == 2 && redis_url_node(text, strlen(text), 0, master))
        return true;
    if (answer.kind == REDIS_ERROR)
        snprintf(why, REDIS_WHY_CAP, "%.190s", answer.text);
    else
        snprintf(why, REDIS_WHY_CAP, "connection: the Sentinel %.60s knows no master '%.60s'", r->place,
                 r->address.master);
    return false;
}

/* A Sentinel may still name the old master; a user without +role has to trust it, and READONLY tells. */
static struct redis_link *open_master(struct redis_route *r, const struct redis_node *master, char *why)
{
    struct redis_answer answer;
    struct redis_link *l = open_node(r, master, &r->access, why);
    if (l == NULL)
        return NULL;
    if (!redis_link_ask(l, 1, (const char *const[]){"ROLE"}, &answer))
        return lost(l, why);
    bool replica = answer.kind == REDIS_LIST && strcmp(answer.items[0], "master") != 0;
    if (!replica && (answer.kind == REDIS_LIST || strncmp(answer.text, "NOPERM", 6) == 0))
        return l;
    snprintf(why, REDIS_WHY_CAP, "%.190s",
             answer.kind == REDIS_ERROR
                 ? answer.text
                 : "READONLY the Sentinels name a replica; a failover may be under way");
    redis_link_close(l);
    return NULL;
}

static struct redis_link *open_by_sentinel(struct redis_route *r, char *why)
{
    for (size_t i = 0; i < r->address.node_count; i++) {
        size_t at = (r->first + i) % r->address.node_count;
        struct redis_node master;
        if (!ask_sentinel(r, &r->address.nodes[at], &master, why))
            continue;
        struct redis_link *l = open_master(r, &master, why);
        if (l == NULL)
            continue;
        r->first = at;
        return l;
    }
    return NULL;
}

/* ---- Cluster ---- */

/* "MOVED 3999 192.0.2.1:7001"; without an address the one that was asked. */
static bool node_of(const char *error, const struct redis_node *asked, struct redis_node *out)
{
    const char *at = strchr(error, ' ');
    at = at != NULL ? strchr(at + 1, ' ') : NULL;
    if (at == NULL)
        return false;
    struct redis_node before = *asked;
    size_t length = strcspn(at + 1, " ");
    if (redis_url_node(at + 1, length, 0, out))
        return true;
    char text[sizeof before.host + 16];
    snprintf(text, sizeof text, "%s%.10s", before.host, at + 1);
    return at[1] == ':' && redis_url_node(text, strlen(text), 0, out);
}

/* Goes where MOVED sends it. Any other error comes again with the first batch, which has somebody to handle
 * it. */
static struct redis_link *follow(struct redis_route *r, struct redis_node node, char *why)
{
    for (int hop = 0; hop < HOPS_CAP; hop++) {
        struct redis_answer answer;
        struct redis_link *l = open_node(r, &node, &r->access, why);
        if (l == NULL)
            return NULL;
        if (!redis_link_ask(l, 3, (const char *const[]){"HGET", r->key, "layout"}, &answer))
            return lost(l, why);
        if (answer.kind != REDIS_ERROR || strncmp(answer.text, "MOVED ", 6) != 0) {
            r->owner = node;
            r->owner_known = true;
            return l;
        }
        redis_link_close(l);
        if (!node_of(answer.text, &node, &node))
            break;
    }
    snprintf(why, REDIS_WHY_CAP, "connection: the nodes of the Cluster send in circles");
    return NULL;
}

static struct redis_link *open_in_cluster(struct redis_route *r, char *why)
{
    struct redis_link *l = r->owner_known ? follow(r, r->owner, why) : NULL;
    r->owner_known = l != NULL;
    for (size_t i = 0; l == NULL && i < r->address.node_count; i++) {
        size_t at = (r->first + i) % r->address.node_count;
        l = follow(r, r->address.nodes[at], why);
        if (l != NULL)
            r->first = at;
    }
    return l;
}

bool redis_route_moved(struct redis_route *r, const char *error)
{
    r->owner_known = r->address.kind == REDIS_CLUSTER && node_of(error, &r->owner, &r->owner);
    return r->owner_known;
}

/* ---- all kinds ---- */

struct redis_link *redis_route_open(struct redis_route *r, char *why)
{
    char error[REDIS_ERROR_CAP];
    if (!read_passwords(r, error)) {
        snprintf(why, REDIS_WHY_CAP, "connection: %.170s", error);
        return NULL;
    }
    switch (r->address.kind) {
    case REDIS_SENTINEL: return open_by_sentinel(r, why);
    case REDIS_CLUSTER: return open_in_cluster(r, why);
    case REDIS_SERVER: break;
    }
    return open_node(r, r->address.path[0] != '\0' ? NULL : &r->address.nodes[0], &r->access, why);
}

void redis_route_register(struct redis_route *r, struct redis_link *l)
{
    struct redis_answer answer;
    struct redis_node node;
    char why[REDIS_WHY_CAP];
    char place[sizeof r->place];
    const char *const words[] = {"SADD", "waxseal:sites", r->site};
    if (!redis_link_ask(l, 3, words, &answer) || answer.kind != REDIS_ERROR ||
        r->address.kind != REDIS_CLUSTER || !node_of(answer.text, &r->owner, &node))
        return;
    memcpy(place, r->place, sizeof place);
    struct redis_link *other = open_node(r, &node, &r->access, why);
    if (other != NULL)
        (void)redis_link_ask(other, 3, words, &answer);
    redis_link_close(other);
    memcpy(r->place, place, sizeof r->place);
}

const char *redis_route_shown(const struct redis_route *r)
{
    return r->address.shown;
}

const char *redis_route_place(const struct redis_route *r)
{
    return r->place;
}

static void take_config(struct redis_route *r, const struct config *c)
{
    memcpy(r->site, c->site, sizeof r->site);
    snprintf(r->key, sizeof r->key, "waxseal:{%s}:meta", c->site);
    memcpy(r->password_file, c->redis_password_file, sizeof r->password_file);
    memcpy(r->sentinel_password_file, c->redis_sentinel_password_file, sizeof r->sentinel_password_file);
    memcpy(r->sentinel_user, c->redis_sentinel_user, sizeof r->sentinel_user);
    memcpy(r->ca_file, c->redis_ca_file, sizeof r->ca_file);
    memcpy(r->certificate_file, c->redis_certificate_file, sizeof r->certificate_file);
    memcpy(r->key_file, c->redis_key_file, sizeof r->key_file);
    r->access = (struct redis_access){.user = r->address.user,
                                      .password = r->password,
                                      .database = r->address.database,
                                      .tls = r->address.tls,
                                      .files = {r->ca_file, r->certificate_file, r->key_file},
                                      .connect_ms = c->redis_connect_ms,
                                      .answer_ms = c->redis_answer_ms};
    r->sentinel = r->access;
    r->sentinel.user = r->sentinel_user;
    r->sentinel.password = r->sentinel_password;
    r->sentinel.database = 0;
}

struct redis_route *redis_route_plan(const struct config *config, char *error)
{
    struct redis_route *r = calloc(1, sizeof *r);
    if (r == NULL) {
        snprintf(error, REDIS_ERROR_CAP, "no memory for the way to Redis");
        return NULL;
    }
    if (!redis_url_parse(config->redis_url, &r->address, error)) {
        redis_route_close(r);
        return NULL;
    }
    take_config(r, config);
    if (!read_passwords(r, error)) {
        redis_route_close(r);
        return NULL;
    }
    return r;
}

void redis_route_meanwhile(struct redis_route *r, void (*meanwhile)(void *state), void *state)
{
    r->access.meanwhile = r->sentinel.meanwhile = meanwhile;
    r->access.state = r->sentinel.state = state;
}

void redis_route_hurry(struct redis_route *r, uint32_t limit_ms)
{
    r->access.connect_ms = r->sentinel.connect_ms = limit_ms;
    r->access.answer_ms = r->sentinel.answer_ms = limit_ms;
}

void redis_route_close(struct redis_route *r)
{
    if (r == NULL)
        return;
    explicit_bzero(r->password, sizeof r->password);
    explicit_bzero(r->sentinel_password, sizeof r->sentinel_password);
    free(r);
}
