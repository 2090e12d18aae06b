/* redis_tls.h - TLS to Redis. hiredis does it from 1.0 on, in a library of its own (hiredis_ssl):
 * CMakeLists.txt takes redis_tls.c where that is found, else redis_tls_none.c. For redis_link.c and
 * redis_url.c. */
#pragma once

#include <stdbool.h>

/* redis_tls_missing - NULL where this build can do TLS; else a sentence that says what is needed. */
const char *redis_tls_missing(void);

/* PEM files; borrowed. */
struct redis_tls_files {
    const char *ca;          /* roots; "" the system's */
    const char *certificate; /* of this client, with its chain; "" none */
    const char *key;
};

/* redis_tls_start - the handshake on a connection that is open, TLS 1.2 or later; the server's certificate must
 * be valid for `host`.
 * context   a redisContext, not yet used for a command
 * error     room of REDIS_ERROR_CAP bytes, where false is returned
 * Time      as redisSetTimeout has it for each read and write */
bool redis_tls_start(void *context, const char *host, const struct redis_tls_files *files, char *error);
