#include "sensor/publish/redis_url.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "sensor/host/log.h"
#include "sensor/publish/redis.h"

static const char expected_form[] = "expected redis://[user@]host[:port][/database] or unix:///path";

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

/* host, host:port, [v6], [v6]:port */
static bool parse_host(const char *text, size_t length, struct redis_address *out)
{
    const char *end = text + length;
    const char *host_end;
    if (length > 0 && text[0] == '[') {
        host_end = memchr(text, ']', length);
        if (host_end == NULL ||
            !copy_part(out->host, sizeof out->host, text + 1, (size_t)(host_end - text) - 1))
            return false;
        host_end++;
    } else {
        host_end = memchr(text, ':', length);
        host_end = host_end != NULL ? host_end : end;
        if (!copy_part(out->host, sizeof out->host, text, (size_t)(host_end - text)))
            return false;
    }
    if (host_end == end)
        return true;
    return *host_end == ':' && decimal(host_end + 1, (size_t)(end - host_end) - 1, 65535, &out->port) &&
           out->port > 0;
}

static bool parse_tcp(const char *rest, struct redis_address *out, char *error)
{
    size_t authority = strcspn(rest, "/?#");
    const char *path = rest + authority;
    const char *host = rest;
    const char *at = memrchr(rest, '@', authority);
    if (at != NULL) {
        host = at + 1;
        if (memchr(rest, ':', (size_t)(at - rest)) != NULL)
            return refuse(
                error,
                "it holds a password, which others could see in the list of processes; leave it out and "
                "put it into a file (--redis-password-file FILE) or into WAXSEAL_REDIS_PASSWORD");
        if (!copy_part(out->user, sizeof out->user, rest, (size_t)(at - rest)))
            return refuse(error, "the user name is empty or too long");
    }
    if (!parse_host(host, authority - (size_t)(host - rest), out))
        return refuse(error, expected_form);
    if (path[0] != '\0' && path[1] != '\0' &&
        !(path[0] == '/' && decimal(path + 1, strlen(path + 1), 65535, &out->database)))
        return refuse(error, "the part behind the host must be the number of a database, such as /0");
    snprintf(out->shown, sizeof out->shown, strchr(out->host, ':') != NULL ? "[%s]:%d" : "%s:%d", out->host,
             out->port);
    return true;
}

bool redis_url_parse(const char *url, struct redis_address *out, char *error)
{
    *out = (struct redis_address){.port = 6379};
    if (strncmp(url, "rediss://", 9) == 0)
        return refuse(error,
                      "rediss:// needs TLS, which the hiredis of this build cannot do; use unix:///path, or "
                      "redis:// to a TLS tunnel on this host (stunnel, ghostunnel)");
    if (strncmp(url, "unix://", 7) == 0) {
        if (url[7] != '/' || !copy_part(out->path, sizeof out->path, url + 7, strlen(url + 7)))
            return refuse(error, "expected unix:// and an absolute path of at most 107 bytes, such as "
                                 "unix:///run/redis/redis.sock");
        snprintf(out->shown, sizeof out->shown, "%s", out->path);
        return true;
    }
    if (strncmp(url, "redis://", 8) != 0)
        return refuse(error, expected_form);
    return parse_tcp(url + 8, out, error);
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

bool redis_password_read(const char *file, char *password, char *error)
{
    const char *variable = getenv("WAXSEAL_REDIS_PASSWORD");
    password[0] = '\0';
    errno = 0;
    if (file[0] == '\0') {
        size_t length = variable != NULL ? strlen(variable) : 0;
        if (length > 0 && !copy_part(password, REDIS_PASSWORD_CAP, variable, length))
            return refuse(error, "the password in WAXSEAL_REDIS_PASSWORD is longer than 511 bytes");
        return true;
    }
    if (!read_line(file, password, error))
        return false;
    password[strcspn(password, "\r\n")] = '\0';
    if (password[0] == '\0')
        snprintf(error, REDIS_ERROR_CAP, "Redis password file: its first line is empty");
    return password[0] != '\0';
}
