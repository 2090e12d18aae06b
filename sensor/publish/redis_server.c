#include "sensor/publish/redis_server.h"

#include <stdio.h>
#include <string.h>

struct redis_server_id redis_server_of(const struct session *s)
{
    return (struct redis_server_id){s->server_address, s->server_port, s->family};
}

bool redis_server_same(const struct redis_server_id *a, const struct redis_server_id *b)
{
    return a->port == b->port && a->family == b->family &&
           memcmp(&a->address, &b->address, sizeof a->address) == 0;
}

size_t redis_server_place(const struct redis_server_id *id, size_t places)
{
    uint64_t words[2];
    _Static_assert(sizeof words == sizeof id->address, "an address is two words");
    memcpy(words, &id->address, sizeof words);
    uint64_t h = (words[0] ^ words[1] * UINT64_C(0x9e3779b97f4a7c15) ^ id->port) *
                 UINT64_C(0xff51afd7ed558ccd);
    return (size_t)(h >> 32) % places;
}

void redis_server_key(const char *site, const struct redis_server_id *id, char *out)
{
    char address[64];
    address_text(&id->address, (enum ip_family)id->family, address);
    snprintf(out, REDIS_SERVER_KEY_CAP, "waxseal:{%s}:srv:%s:%u", site, address, id->port);
}
