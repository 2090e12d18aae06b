/* redis_url.h - where Redis is, taken out of a URL, and the passwords, which are never in it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum { REDIS_ERROR_CAP = 512, REDIS_PASSWORD_CAP = 512, REDIS_NODES_CAP = 8 };

struct redis_node {
    char host[256];
    int port;
};

/* Whom to ask where to write. */
enum redis_kind {
    REDIS_SERVER,   /* the only node, or the Unix socket: that is where to write */
    REDIS_SENTINEL, /* the nodes are Sentinels, which know the master */
    REDIS_CLUSTER   /* the nodes are of a Cluster, which tells who owns the site's slot */
};

struct redis_address {
    enum redis_kind kind;
    bool tls;
    struct redis_node nodes[REDIS_NODES_CAP];
    size_t node_count;
    char path[108];   /* Unix socket; "" for TCP */
    char master[128]; /* the name under which Sentinels know it */
    char user[128];   /* "" for none */
    char shown[288];  /* for messages */
    int database;
};

/* redis_url_parse - unix:///path, or
 *   redis://[user@]host[:port][/database]
 *   redis-sentinel://[user@]host[:port][,host[:port]...]/MASTER[/database]
 *   redis-cluster://[user@]host[:port][,host[:port]...]
 * each with `rediss` in the place of `redis` for TLS, where this build can do that.
 * error   room of REDIS_ERROR_CAP bytes; never repeats the URL, which may hold a password */
bool redis_url_parse(const char *url, struct redis_address *out, char *error);

/* redis_url_valid - may this URL be used? error as above. */
bool redis_url_valid(const char *url, char *error);

/* redis_url_node - host:port, an IPv6 address in brackets or (as Redis tells it) without.
 * port  where the text has none; 0: it must have one */
bool redis_url_node(const char *text, size_t length, int port, struct redis_node *out);

/* redis_url_show - the node as text for messages.
 * out  room of cap bytes. Returns out */
const char *redis_url_show(const struct redis_node *node, char *out, size_t cap);

/* redis_password_read - the first line of the file, or, where file is "", the environment's `variable`, or "".
 * password   room of REDIS_PASSWORD_CAP bytes */
bool redis_password_read(const char *file, const char *variable, char *password, char *error);

/* redis_password_remark - says so where everybody may read the file. */
void redis_password_remark(const char *file);
