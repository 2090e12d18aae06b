/* redis_server.h - what this sensor saw of each server, as EVAL commands that keep the hash
 * `waxseal:{SITE}:srv:IP:PORT` up to date. For redis.c and redis_peer.c alone.
 *
 * A fixed table gathers what was seen of a server since it was written last, so that a busy server costs
 * Redis about one command a minute, or one a second while its offer, versions or certificate change. Two
 * servers that fall into one place push each other out, which writes more often and loses nothing. Nothing is
 * read back: the script merges in Redis, where two sensors cannot overtake each other. Times go forward,
 * versions only widen, and a key that holds something else is refused before it is touched. `sessions` counts
 * twice where a command had to be sent again. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sensor/audit/event.h"

enum { REDIS_SERVER_KEY_CAP = 160, REDIS_SERVER_TTL_S = 30 * 86400 };

/* A server as a key names it. */
struct redis_server_id {
    struct address address;
    uint16_t port;
    uint8_t family; /* enum ip_family */
};

struct redis_servers; /* opaque */

/* redis_servers_open - an empty table. Names are borrowed. Returns NULL where memory is lacking. */
struct redis_servers *redis_servers_open(const char *site, const char *sensor);
void redis_servers_close(struct redis_servers *t);

/* redis_servers_note - add what a session shows. Interim accounts, and sessions that show neither an offer nor
 * its absence nor TLS, are left out: a sweep over many addresses must not fill Redis.
 * now_ms  any clock that does not go back
 * out     room of REDIS_ENTRY_CAP bytes
 * Returns the bytes of a command to be sent now; 0 for none */
size_t redis_servers_note(struct redis_servers *t, const struct event *e, uint64_t now_ms, char *out);

/* redis_servers_due - a command whose time has come since; call until it returns 0. now_ms UINT64_MAX: all that
 * was not written. */
size_t redis_servers_due(struct redis_servers *t, uint64_t now_ms, char *out);

/* redis_server_key - IPv6 as RFC 5952 has it.
 * out  room of REDIS_SERVER_KEY_CAP bytes */
void redis_server_key(const char *site, const struct redis_server_id *id, char *out);

struct redis_server_id redis_server_of(const struct session *s);
bool redis_server_same(const struct redis_server_id *a, const struct redis_server_id *b);

/* redis_server_place - where a server has its place in a table of that many. Not salted: who makes servers
 * collide gains one more command an event, or one more question. */
size_t redis_server_place(const struct redis_server_id *id, size_t places);
