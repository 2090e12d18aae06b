/* redis_tls.h - TLS to Redis. hiredis does it from 1.0 on, in a library of its own (hiredis_ssl):
 * CMakeLists.txt takes redis_tls.c where that is found, else redis_tls_none.c. For redis_link.c and
 * redis_url.c. */
#pragma once

#include <stdbool.h>

/* redis_tls_missing - NULL where this build can do TLS; else a sentence that says what is needed. */
const char *redis_tls_missing(void);

/* redis_tls_start - the handshake on a connection that is open; the server's certificate must be valid for
 * `host`.
 * context   a redisContext, not yet used for a command
 * ca_file   roots, PEM; "" the system's
 * error     room of REDIS_ERROR_CAP bytes, where false is returned */
bool redis_tls_start(void *context, const char *host, const char *ca_file, char *error);
