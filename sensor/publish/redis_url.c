#include "sensor/publish/redis_url.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "sensor/host/log.h"
#include "sensor/publish/redis_tls.h"

static const char expected_form[] =
    "expected redis://[user@]host[:port][/database], unix:///path, "
    "redis-sentinel://[user@]host[:port],.../MASTER or redis-cluster://[user@]host[:port],...";

enum { PORT_REDIS = 6379, PORT_SENTINEL = 26379 };

static const struct scheme {
    const char *name;
    enum redis_kind kind;
    bool tls;
} schemes[] = {
    {"redis://", REDIS_SERVER, false},
    {"rediss://", REDIS_SERVER, true},
    {"redis-sentinel://", REDIS_SENTINEL, false},
    {"rediss-sentinel://", REDIS_SENTINEL, true},
    {"redis-cluster://", REDIS_CLUSTER, false},
    {"rediss-cluster://", REDIS_CLUSTER, true},
};

static bool refuse(char *error, const char *why)
{
    snprintf(error, REDIS_ERROR_CAP, "Redis URL: %s", why);
    return false;
}

static bool decimal(const char *text, size_t length, int most, int *number)
{
    int n = 0;
    if (length == 0 || length > 5)
        return false;
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        n = n * 10 + (text[i] - '0');
    }
    *number = n;
    return n <= most;
}

static bool copy_part(char *out, size_t cap, const char *from, size_t length)
{
    if (length == 0 || length >= cap)
        return false;
    memcpy(out, from, length);
    out[length] = '\0';
    return true;
}

bool redis_url_node(const char *text, size_t length, int port, struct redis_node *out)
{
    const char *end = text + length;
    const char *host = text;
    const char *host_end;
    if (length > 0 && text[0] == '[') {
        host++;
        host_end = memchr(text, ']', length);
    } else {
        host_end = memrchr(text, ':', length);
        if (port != 0 && host_end != NULL && memchr(text, ':', (size_t)(host_end - text)) != NULL)
            return false; /* in a URL, IPv6 stands in brackets */
        host_end = host_end != NULL ? host_end : end;
    }
    if (host_end == NULL || !copy_part(out->host, sizeof out->host, host, (size_t)(host_end - host)))
        return false;
    host_end += host != text; /* the closing bracket */
    out->port = port;
    if (host_end == end)
        return port != 0;
    return *host_end == ':' && decimal(host_end + 1, (size_t)(end - host_end) - 1, 65535, &out->port) &&
           out->port > 0;
}

const char *redis_url_show(const struct redis_node *node, char *out, size_t cap)
{
    snprintf(out, cap, strchr(node->host, ':') != NULL ? "[%s]:%d" : "%s:%d", node->host, node->port);
    return out;
}

static bool parse_nodes(const char *text, size_t length, struct redis_address *out)
{
    int port = out->kind == REDIS_SENTINEL ? PORT_SENTINEL : PORT_REDIS;
    for (;;) {
        const char *comma = memchr(text, ',', length);
        size_t one = comma != NULL ? (size_t)(comma - text) : length;
        if (out->node_count == REDIS_NODES_CAP ||
            !redis_url_node(text, one, port, &out->nodes[out->node_count++]))
            return false;
        if (comma == NULL)
            return out->node_count == 1 || out->kind != REDIS_SERVER;
        text += one + 1;
        length -= one + 1;
    }
}

static bool parse_user(const char **rest, size_t *authority, struct redis_address *out, char *error)
{
    const char *at = memrchr(*rest, '@', *authority);
    if (at == NULL)
        return true;
    size_t length = (size_t)(at - *rest);
    if (memchr(*rest, ':', length) != NULL)
        return refuse(
            error, "it holds a password, which others could see in the list of processes; leave it out and "
                   "put it into a file (--redis-password-file FILE) or into WAXSEAL_REDIS_PASSWORD");
    if (!copy_part(out->user, sizeof out->user, *rest, length))
        return refuse(error, "the user name is empty or too long");
    *rest += length + 1;
    *authority -= length + 1;
    return true;
}

/* The part behind the hosts: the master's name for Sentinels, then a database. */
static bool parse_path(const char *path, struct redis_address *out, char *error)
{
    if (out->kind == REDIS_SENTINEL) {
        size_t length = path[0] == '/' ? strcspn(path + 1, "/?#") : 0;
        if (!copy_part(out->master, sizeof out->master, path + 1, length))
            return refuse(error,
                          "behind the Sentinels goes the name under which they know the master, such as "
                          "redis-sentinel://host:26379/mymaster");
        path += length + 1;
    }
    if (path[0] == '\0' || strcmp(path, "/") == 0)
        return true;
    if (out->kind == REDIS_CLUSTER)
        return refuse(error, "a Cluster has no database but 0; nothing goes behind the hosts");
    if (path[0] == '/' && decimal(path + 1, strlen(path + 1), 65535, &out->database))
        return true;
    return refuse(error, "the part behind the host must be the number of a database, such as /0");
}

static void show(struct redis_address *out)
{
    char node[sizeof out->nodes[0].host + 16];
    redis_url_show(&out->nodes[0], node, sizeof node);
    if (out->kind == REDIS_SENTINEL)
        snprintf(out->shown, sizeof out->shown, "master %.100s", out->master);
    else
        snprintf(out->shown, sizeof out->shown, "%s%.270s", out->kind == REDIS_CLUSTER ? "Cluster " : "",
                 node);
}

static bool parse_tcp(const char *rest, struct redis_address *out, char *error)
{
    size_t authority = strcspn(rest, "/?#");
    const char *path = rest + authority;
    if (!parse_user(&rest, &authority, out, error))
        return false;
    if (!parse_nodes(rest, authority, out))
        return refuse(error, out->node_count == REDIS_NODES_CAP ? "at most 8 hosts" : expected_form);
    if (!parse_path(path, out, error))
        return false;
    show(out);
    if (out->tls && redis_tls_missing() != NULL)
        return refuse(error, redis_tls_missing());
    return true;
}

bool redis_url_parse(const char *url, struct redis_address *out, char *error)
{
    *out = (struct redis_address){0};
    if (strncmp(url, "unix://", 7) == 0) {
        if (url[7] != '/' || !copy_part(out->path, sizeof out->path, url + 7, strlen(url + 7)))
            return refuse(error, "expected unix:// and an absolute path of at most 107 bytes, such as "
                                 "unix:///run/redis/redis.sock");
        snprintf(out->shown, sizeof out->shown, "%s", out->path);
        return true;
    }
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        size_t length = strlen(schemes[i].name);
        if (strncmp(url, schemes[i].name, length) != 0)
            continue;
        out->kind = schemes[i].kind;
        out->tls = schemes[i].tls;
        return parse_tcp(url + length, out, error);
    }
    return refuse(error, expected_form);
}

bool redis_url_valid(const char *url, char *error)
{
    struct redis_address address;
    return redis_url_parse(url, &address, error);
}

static bool read_line(const char *file, char *password, char *error)
{
    char shown[256];
    FILE *f = fopen(file, "re");
    log_escape(file, shown, sizeof shown);
    if (f == NULL || fgets(password, REDIS_PASSWORD_CAP, f) == NULL) {
        snprintf(error, REDIS_ERROR_CAP, "Redis password file %s: %s", shown,
                 f != NULL && errno == 0 ? "it is empty" : strerror(errno));
        if (f != NULL)
            (void)fclose(f);
        return false;
    }
    (void)fclose(f);
    return true;
}

void redis_password_remark(const char *file)
{
    char shown[256];
    struct stat status;
    if (file[0] == '\0' || stat(file, &status) != 0 || (status.st_mode & S_IROTH) == 0)
        return;
    log_line("redis", "password file %s can be read by everybody on this host; chmod 600 is safer",
             log_escape(file, shown, sizeof shown));
}

bool redis_password_read(const char *file, const char *variable, char *password, char *error)
{
    const char *value = getenv(variable);
    password[0] = '\0';
    errno = 0;
    if (file[0] == '\0') {
        size_t length = value != NULL ? strlen(value) : 0;
        if (length > 0 && !copy_part(password, REDIS_PASSWORD_CAP, value, length))
            return refuse(error, "the password in the environment is longer than 511 bytes");
        return true;
    }
    if (!read_line(file, password, error))
        return false;
    password[strcspn(password, "\r\n")] = '\0';
    if (password[0] == '\0')
        snprintf(error, REDIS_ERROR_CAP, "Redis password file: its first line is empty");
    return password[0] != '\0';
}
