/* redis_server.h - a server as the key of its record names it: `waxseal:{SITE}:srv:IP:PORT`. For redis_peer.c alone; the records are
 * written by apply.lua, from what feed_records.c gathers. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sensor/track/session.h"

enum { REDIS_SERVER_KEY_CAP = 160 };

/* A server as a key names it. */
struct redis_server_id {
    struct address address;
    uint16_t port;
    uint8_t family; /* enum ip_family */
};

/* redis_server_key - IPv6 as RFC 5952 has it.
 * out  room of REDIS_SERVER_KEY_CAP bytes */
void redis_server_key(const char *site, const struct redis_server_id *id, char *out);

struct redis_server_id redis_server_of(const struct session *s);
bool redis_server_same(const struct redis_server_id *a, const struct redis_server_id *b);

/* redis_server_place - where a server has its place in a table of that many. Not salted: who makes servers
 * collide gains one more question. */
size_t redis_server_place(const struct redis_server_id *id, size_t places);
