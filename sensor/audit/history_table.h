/* history_table.h - the tables behind history.c: fixed room, found by key, least recently used out; and
 * what lies in them.
 *
 * Internal to history*.c. Rows are plain data without pointers, so that they can be written to a file as
 * they are. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sensor/audit/history.h"

enum {
    HISTORY_DAYS = 8,
    HISTORY_VERSIONS = 5, /* SSL 3.0 to TLS 1.3 */
    HISTORY_OFFERS = 3,   /* clients that got an offer last */
    HISTORY_LEAVES = 4,   /* servers with an RSA and an ECDSA certificate, and their successors */
    HISTORY_KEY_SERVERS = 8,
    HISTORY_KIND_CAP = 16
};

struct history_key {
    struct address a;
    struct address b;
    uint16_t port;
    uint8_t family;
    uint8_t reserved[5]; /* zero */
};

struct history_day {
    int64_t day; /* since 1970 */
    uint32_t seen;
    uint32_t offered;
};

struct history_offer {
    struct address client;
    int64_t time_s;
};

struct history_leaf {
    uint8_t sha256[32];
    uint8_t key[32];
    char kind[HISTORY_KIND_CAP]; /* of the key: "RSA", "EC P-256" */
    int64_t not_after;
    int64_t last_s; /* 0: empty */
};

struct history_server {
    struct history_day days[HISTORY_DAYS];
    struct history_offer offers[HISTORY_OFFERS];
    int64_t version_last_s[HISTORY_VERSIONS];
    int64_t hour;          /* since 1970, of the next two */
    uint64_t hour_clients; /* bit per client that offered TLS 1.3, by a hash of its address */
    uint64_t hour_less;    /* ... and got less at least once */
    struct history_leaf leaves[HISTORY_LEAVES];
};

struct history_pair {
    int64_t version_last_s[HISTORY_VERSIONS];
    int64_t failed_from_s; /* first and last packet of the session that failed last; 0 where none did */
    int64_t failed_s;
    uint16_t failed_offer;
    uint16_t reserved[3];
};

struct history_shared_key {
    struct address servers[HISTORY_KEY_SERVERS];
    uint32_t count;
    uint32_t reserved;
};

/* Where a key was found, or not: who looks something up mostly notes something of it next. */
struct history_place {
    struct history_key key;
    uint32_t *bucket; /* NULL: nothing was looked up */
    uint32_t row;     /* 0: there is none */
};

/* One table. Row 0 is never used, so that 0 can mean none. */
struct history_table {
    uint32_t capacity;
    uint32_t count;
    size_t row_bytes;
    struct history_link *links; /* key, neighbours by use and by bucket */
    unsigned char *rows;
    uint32_t *buckets;
    uint32_t bucket_mask;
    uint32_t oldest;
    uint32_t newest;
    uint64_t salt;
    struct history_place last;
};

struct history_link {
    struct history_key key;
    uint32_t next; /* in its bucket */
    uint32_t older;
    uint32_t newer;
};

struct history {
    struct history_limits limits;
    struct history_table servers;
    struct history_table pairs;
    struct history_table keys;
};

bool history_table_open(struct history_table *t, uint32_t capacity, size_t row_bytes);
void history_table_close(struct history_table *t);

/* history_table_expect, history_table_expect_row - a key will be looked for, later or next: have its bucket, then what is in
 * that fetched from memory meanwhile. Change nothing. */
void history_table_expect(const struct history_table *t, const struct history_key *key);
void history_table_expect_row(const struct history_table *t, const struct history_key *key);

/* history_table_find - the row of a key, or NULL. Finding is no use: a look does not keep a row alive, a
 * note does. */
void *history_table_find(struct history_table *t, const struct history_key *key);

/* history_table_add - the row of a key, zeroed where it is new, and now the most recently used. Never
 * fails: the least recently used row goes where there is no room. */
void *history_table_add(struct history_table *t, const struct history_key *key);
