/* The history's file: a header, then the rows of each table from the least to the most recently used, then
 * a checksum. It is this program's own, but it lies on a disk that others may write to: everything in it is
 * checked before a row is believed. */
#include <stdio.h>
#include <string.h>

#include "sensor/audit/history_table.h"
#include "sensor/host/kept.h"

enum { ROW_BYTES = 1024, TABLES = 3 };

static const struct kept_kind kind = {"history", "waxseal-past-2\n"};

/* Behind the magic. */
struct file_header {
    uint32_t row_bytes[TABLES];
    uint32_t counts[TABLES];
    uint32_t key_bytes;
    uint32_t reserved;
};

static void put_table(struct kept *k, const struct history_table *t)
{
    for (uint32_t i = t->oldest; i != 0; i = t->links[i].newer) {
        kept_put(k, &t->links[i].key, sizeof t->links[i].key);
        kept_put(k, t->rows + (size_t)i * t->row_bytes, t->row_bytes);
    }
}

static void tables_of(const struct history *h, const struct history_table *tables[TABLES])
{
    tables[0] = &h->servers;
    tables[1] = &h->pairs;
    tables[2] = &h->keys;
}

static void put_all(struct kept *k, const void *context)
{
    const struct history_table *tables[TABLES];
    tables_of(context, tables);
    struct file_header header = {.key_bytes = sizeof(struct history_key)};
    for (int i = 0; i < TABLES; i++) {
        header.row_bytes[i] = (uint32_t)tables[i]->row_bytes;
        header.counts[i] = tables[i]->count;
    }
    kept_put(k, &header, sizeof header);
    for (int i = 0; i < TABLES; i++)
        put_table(k, tables[i]);
}

bool history_save(const struct history *h, const char *path, char *error)
{
    return kept_save(path, &kind, put_all, h, error);
}

static bool header_fits(const struct file_header *header, const struct history *h)
{
    _Static_assert(sizeof(struct history_server) <= ROW_BYTES, "get_table reads a row at a time");
    const struct history_table *tables[TABLES];
    tables_of(h, tables);
    bool fits = header->key_bytes == sizeof(struct history_key);
    for (int i = 0; i < TABLES; i++)
        fits = fits && header->row_bytes[i] == tables[i]->row_bytes;
    return fits;
}

/* Times are added and subtracted: none may lie beyond what a calendar holds (year 9999 is below 2^38). */
static bool times_sane(const int64_t *times, size_t n)
{
    const int64_t limit = INT64_C(1) << 38;
    bool sane = true;
    for (size_t i = 0; i < n; i++)
        sane = sane && times[i] > -limit && times[i] < limit;
    return sane;
}

static bool server_sane(const void *row)
{
    struct history_server r;
    memcpy(&r, row, sizeof r);
    bool sane = times_sane(r.version_last_s, HISTORY_VERSIONS) && times_sane(&r.hour, 1);
    for (int i = 0; i < HISTORY_DAYS; i++)
        sane = sane && times_sane(&r.days[i].day, 1);
    for (int i = 0; i < HISTORY_OFFERS; i++)
        sane = sane && times_sane(&r.offers[i].time_s, 1);
    for (int i = 0; i < HISTORY_LEAVES; i++)
        sane = sane && times_sane(&r.leaves[i].not_after, 1) && times_sane(&r.leaves[i].last_s, 1);
    return sane;
}

static bool pair_sane(const void *row)
{
    struct history_pair r;
    memcpy(&r, row, sizeof r);
    return times_sane(r.version_last_s, HISTORY_VERSIONS) && times_sane(&r.failed_from_s, 1) &&
           times_sane(&r.failed_s, 1);
}

/* A count in a row is an index into it. */
static bool key_sane(const void *row)
{
    struct history_shared_key r;
    memcpy(&r, row, sizeof r);
    return r.count <= HISTORY_KEY_SERVERS;
}

/* Rows beyond today's capacity push the oldest out, as if they had been noted one after another. */
static void get_table(struct kept *k, struct history_table *t, uint32_t count, bool (*sane)(const void *row))
{
    unsigned char row[ROW_BYTES];
    for (uint32_t i = 0; i < count && !k->failed; i++) {
        struct history_key key;
        kept_get(k, &key, sizeof key);
        kept_get(k, row, t->row_bytes);
        if (!k->failed && sane(row))
            memcpy(history_table_add(t, &key), row, t->row_bytes);
        else
            k->failed = true;
    }
}

static void forget(struct history_table *t)
{
    memset(t->buckets, 0, ((size_t)t->bucket_mask + 1) * sizeof *t->buckets);
    t->count = t->oldest = t->newest = 0;
    t->last.bucket = NULL;
}

static bool get_all(struct kept *k, void *context)
{
    struct history *h = context;
    struct file_header header;
    kept_get(k, &header, sizeof header);
    if (k->failed || !header_fits(&header, h))
        return false;
    get_table(k, &h->servers, header.counts[0], server_sane);
    get_table(k, &h->pairs, header.counts[1], pair_sane);
    get_table(k, &h->keys, header.counts[2], key_sane);
    return !k->failed;
}

bool history_load(struct history *h, const char *path, char *error)
{
    if (kept_load(path, &kind, get_all, h, error))
        return true;
    forget(&h->servers);
    forget(&h->pairs);
    forget(&h->keys);
    return false;
}
