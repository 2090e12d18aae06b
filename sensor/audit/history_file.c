/* The history's file: a header, then the rows of each table from the least to the most recently used, then
 * a checksum. It is this program's own, but it lies on a disk that others may write to: everything in it is
 * checked before a row is believed. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sensor/audit/history_table.h"

enum { ERROR_BYTES = 512, PATH_BYTES = 4096, TABLES = 3 };

/* Changes with every change of a row's layout. */
static const char magic[16] = "waxseal-past-1\n";

struct file_header {
    char magic[16];
    uint32_t row_bytes[TABLES];
    uint32_t counts[TABLES];
    uint32_t key_bytes;
    uint32_t reserved;
};

struct stream_sum {
    FILE *file;
    uint64_t sum; /* FNV-1a, against damage, not against forgery */
    bool failed;
};

static uint64_t sum_over(uint64_t sum, const void *bytes, size_t n)
{
    const unsigned char *p = bytes;
    for (size_t i = 0; i < n; i++)
        sum = (sum ^ p[i]) * UINT64_C(0x100000001b3);
    return sum;
}

static void put(struct stream_sum *s, const void *bytes, size_t n)
{
    s->failed |= fwrite(bytes, 1, n, s->file) != n;
    s->sum = sum_over(s->sum, bytes, n);
}

static void get(struct stream_sum *s, void *bytes, size_t n)
{
    if (!s->failed && fread(bytes, 1, n, s->file) != n)
        s->failed = true;
    if (s->failed)
        memset(bytes, 0, n);
    s->sum = sum_over(s->sum, bytes, n);
}

static void put_table(struct stream_sum *s, const struct history_table *t)
{
    for (uint32_t i = t->oldest; i != 0; i = t->links[i].newer) {
        put(s, &t->links[i].key, sizeof t->links[i].key);
        put(s, t->rows + (size_t)i * t->row_bytes, t->row_bytes);
    }
}

static void tables_of(const struct history *h, const struct history_table *tables[TABLES])
{
    tables[0] = &h->servers;
    tables[1] = &h->pairs;
    tables[2] = &h->keys;
}

static bool write_all(FILE *file, const struct history *h)
{
    const struct history_table *tables[TABLES];
    tables_of(h, tables);
    struct file_header header = {.key_bytes = sizeof(struct history_key)};
    memcpy(header.magic, magic, sizeof magic);
    for (int i = 0; i < TABLES; i++) {
        header.row_bytes[i] = (uint32_t)tables[i]->row_bytes;
        header.counts[i] = tables[i]->count;
    }
    struct stream_sum s = {.file = file};
    put(&s, &header, sizeof header);
    for (int i = 0; i < TABLES; i++)
        put_table(&s, tables[i]);
    uint64_t sum = s.sum;
    put(&s, &sum, sizeof sum);
    return !s.failed && fflush(file) == 0 && fsync(fileno(file)) == 0;
}

bool history_save(const struct history *h, const char *path, char *error)
{
    char beside[PATH_BYTES];
    int n = snprintf(beside, sizeof beside, "%s.new", path);
    FILE *file = n > 0 && (size_t)n < sizeof beside ? fopen(beside, "wbe") : NULL;
    bool good = file != NULL && write_all(file, h);
    if (file != NULL)
        good &= fclose(file) == 0;
    good = good && rename(beside, path) == 0;
    if (!good)
        snprintf(error, ERROR_BYTES, "cannot write the history to %s: %s", path, strerror(errno));
    return good;
}

/* Rows beyond today's capacity push the oldest out, as if they had been noted one after another. */
static void get_table(struct stream_sum *s, struct history_table *t, uint32_t count)
{
    unsigned char row[1024];
    for (uint32_t i = 0; i < count && !s->failed; i++) {
        struct history_key key;
        get(s, &key, sizeof key);
        get(s, row, t->row_bytes);
        if (!s->failed)
            memcpy(history_table_add(t, &key), row, t->row_bytes);
    }
}

static bool header_fits(const struct file_header *header, const struct history *h)
{
    _Static_assert(sizeof(struct history_server) <= 1024, "get_table reads a row at a time");
    const struct history_table *tables[TABLES];
    tables_of(h, tables);
    bool fits = memcmp(header->magic, magic, sizeof magic) == 0 &&
                header->key_bytes == sizeof(struct history_key);
    for (int i = 0; i < TABLES; i++)
        fits = fits && header->row_bytes[i] == tables[i]->row_bytes;
    return fits;
}

/* A count in a row is an index into it. */
static bool rows_sane(const struct history *h)
{
    for (uint32_t i = h->keys.oldest; i != 0; i = h->keys.links[i].newer) {
        struct history_shared_key row;
        memcpy(&row, h->keys.rows + (size_t)i * h->keys.row_bytes, sizeof row);
        if (row.count > HISTORY_KEY_SERVERS)
            return false;
    }
    return true;
}

static void forget(struct history_table *t)
{
    memset(t->buckets, 0, ((size_t)t->bucket_mask + 1) * sizeof *t->buckets);
    t->count = t->oldest = t->newest = 0;
}

bool history_load(struct history *h, const char *path, char *error)
{
    FILE *file = fopen(path, "rbe");
    if (file == NULL && errno == ENOENT)
        return true;
    if (file == NULL) {
        snprintf(error, ERROR_BYTES, "cannot read the history %s: %s", path, strerror(errno));
        return false;
    }
    struct stream_sum s = {.file = file};
    struct file_header header;
    get(&s, &header, sizeof header);
    bool good = !s.failed && header_fits(&header, h);
    if (good) {
        get_table(&s, &h->servers, header.counts[0]);
        get_table(&s, &h->pairs, header.counts[1]);
        get_table(&s, &h->keys, header.counts[2]);
        uint64_t expected = s.sum;
        uint64_t sum = 0;
        get(&s, &sum, sizeof sum);
        good = !s.failed && sum == expected && rows_sane(h);
    }
    fclose(file);
    if (!good) {
        forget(&h->servers);
        forget(&h->pairs);
        forget(&h->keys);
        snprintf(error, ERROR_BYTES, "%s is no history of this version, or damaged; remove it to begin anew",
                 path);
    }
    return good;
}
