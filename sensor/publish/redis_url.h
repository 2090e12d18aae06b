/* redis_url.h - where Redis is, taken out of a URL, and the password, which is never in it. For redis.c
 * and redis_peer.c alone. */
#pragma once

#include <stdbool.h>

struct redis_address {
    char host[256];
    char path[108];  /* Unix socket; "" for TCP */
    char user[128];  /* "" for none */
    char shown[288]; /* for messages */
    int port;
    int database;
};

enum { REDIS_PASSWORD_CAP = 512 };

/* redis_url_parse - redis://[user@]host[:port][/database] or unix:///path.
 * error   room of REDIS_ERROR_CAP bytes; never repeats the URL, which may hold a password */
bool redis_url_parse(const char *url, struct redis_address *out, char *error);

/* redis_password_read - the first line of the file, or, where file is "", the environment's
 * WAXSEAL_REDIS_PASSWORD, or "".
 * password   room of REDIS_PASSWORD_CAP bytes */
bool redis_password_read(const char *file, char *password, char *error);

/* redis_password_remark - says so where everybody may read the file. */
void redis_password_remark(const char *file);
