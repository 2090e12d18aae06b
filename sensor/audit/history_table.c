#include "sensor/audit/history_table.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "sensor/host/hash.h"
#include "sensor/host/memory.h"

enum { NONE = 0 };

bool history_table_open(struct history_table *t, uint32_t capacity, size_t row_bytes)
{
    uint32_t buckets = 64;
    while (buckets < capacity && buckets < UINT32_C(1) << 30)
        buckets *= 2;
    *t = (struct history_table){.capacity = capacity, .row_bytes = row_bytes, .bucket_mask = buckets - 1};
    t->links = memory_take((size_t)capacity + 1, sizeof *t->links);
    t->rows = memory_take((size_t)capacity + 1, row_bytes);
    t->buckets = calloc(buckets, sizeof *t->buckets);
    return t->links != NULL && t->rows != NULL && t->buckets != NULL &&
           getrandom(&t->salt, sizeof t->salt, 0) == (ssize_t)sizeof t->salt;
}

void history_table_close(struct history_table *t)
{
    memory_give(t->links, (size_t)t->capacity + 1, sizeof *t->links);
    memory_give(t->rows, (size_t)t->capacity + 1, t->row_bytes);
    free(t->buckets);
    *t = (struct history_table){0};
}

/* Salted, so that addresses cannot be chosen to meet in one bucket; nothing that is reported depends on it. */
static uint32_t *bucket_of(const struct history_table *t, const struct history_key *key)
{
    _Static_assert(sizeof *key == 40, "five words, no padding");
    uint64_t words[5];
    memcpy(words, key, sizeof words);
    uint64_t h = hash_fold(words[0] ^ t->salt, words[1] ^ HASH_ODD);
    h = hash_fold(h ^ words[2], words[3] ^ HASH_ODD);
    return &t->buckets[hash_fold(h ^ words[4], t->salt | 1) & t->bucket_mask];
}

void history_table_expect(const struct history_table *t, const struct history_key *key)
{
    __builtin_prefetch(bucket_of(t, key));
}

void history_table_expect_row(const struct history_table *t, const struct history_key *key)
{
    uint32_t i = *bucket_of(t, key);
    __builtin_prefetch(&t->links[i]);
    __builtin_prefetch(t->rows + (size_t)i * t->row_bytes);
}

static uint32_t find(struct history_table *t, const struct history_key *key)
{
    struct history_place *last = &t->last;
    if (last->bucket != NULL && memcmp(&last->key, key, sizeof *key) == 0)
        return last->row;
    last->key = *key;
    last->bucket = bucket_of(t, key);
    last->row = *last->bucket;
    while (last->row != NONE && memcmp(&t->links[last->row].key, key, sizeof *key) != 0)
        last->row = t->links[last->row].next;
    return last->row;
}

static void *row_of(const struct history_table *t, uint32_t i)
{
    return t->rows + (size_t)i * t->row_bytes;
}

void *history_table_find(struct history_table *t, const struct history_key *key)
{
    uint32_t i = find(t, key);
    return i != NONE ? row_of(t, i) : NULL;
}

static void unlink_use(struct history_table *t, uint32_t i)
{
    struct history_link *link = &t->links[i];
    if (link->older != NONE)
        t->links[link->older].newer = link->newer;
    else
        t->oldest = link->newer;
    if (link->newer != NONE)
        t->links[link->newer].older = link->older;
    else
        t->newest = link->older;
}

static void link_newest(struct history_table *t, uint32_t i)
{
    struct history_link *link = &t->links[i];
    link->older = t->newest;
    link->newer = NONE;
    if (t->newest != NONE)
        t->links[t->newest].newer = i;
    else
        t->oldest = i;
    t->newest = i;
}

static void unlink_bucket(struct history_table *t, uint32_t i)
{
    uint32_t *place = bucket_of(t, &t->links[i].key);
    while (*place != i)
        place = &t->links[*place].next;
    *place = t->links[i].next;
}

static uint32_t take_row(struct history_table *t)
{
    if (t->count < t->capacity)
        return ++t->count;
    uint32_t i = t->oldest;
    unlink_use(t, i);
    unlink_bucket(t, i);
    return i;
}

void *history_table_add(struct history_table *t, const struct history_key *key)
{
    uint32_t i = find(t, key);
    if (i != NONE) {
        unlink_use(t, i);
        link_newest(t, i);
        return row_of(t, i);
    }
    i = take_row(t);
    t->links[i].key = *key;
    t->links[i].next = *t->last.bucket;
    *t->last.bucket = t->last.row = i;
    link_newest(t, i);
    memset(row_of(t, i), 0, t->row_bytes);
    return row_of(t, i);
}
