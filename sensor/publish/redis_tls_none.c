/* For a hiredis that knows no TLS. */
#include "sensor/publish/redis_tls.h"

#include <stdio.h>

#include "sensor/publish/redis_url.h"

const char *redis_tls_missing(void)
{
    return "rediss:// needs TLS, and this program was built without it: it takes hiredis 1.0 or later with "
           "hiredis_ssl. Use unix:///path, or redis:// to a TLS tunnel on this host (stunnel, ghostunnel)";
}

bool redis_tls_start(void *context, const char *host, const struct redis_tls_files *files, char *error)
{
    (void)context;
    (void)host;
    (void)files;
    snprintf(error, REDIS_ERROR_CAP, "%s", redis_tls_missing());
    return false;
}
