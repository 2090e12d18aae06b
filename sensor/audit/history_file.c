/* The history's file: a header, then the rows of each table from the least to the most recently used, then
 * a checksum. It is this program's own, but it lies on a disk that others may write to: everything in it is
 * checked before a row is believed. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sensor/audit/history_table.h"

enum { ERROR_BYTES = 512, PATH_BYTES = 4096, ROW_BYTES = 1024, TABLES = 3 };

/* Changes with every change of a row's layout; the part before the number does not. */
enum { MAGIC_FAMILY = 13 };
static const char magic[16] = "waxseal-past-2\n";

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

/* May the file at this path be replaced? Only by its like, or where there is none or an empty one: a wrong path in a configuration must not
 * cost somebody another file. */
static bool replaceable(const char *path)
{
    char head[sizeof magic];
    FILE *file = fopen(path, "rbe");
    if (file == NULL)
        return errno == ENOENT;
    size_t n = fread(head, 1, sizeof head, file);
    bool empty = n == 0 && feof(file);
    fclose(file);
    bool ours = empty || (n == sizeof head && memcmp(head, magic, MAGIC_FAMILY) == 0);
    errno = ours ? 0 : EEXIST;
    return ours;
}

/* What is written says who talked to whom, so it is not for everybody. */
static FILE *open_beside(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
    FILE *file = fd >= 0 ? fdopen(fd, "wb") : NULL;
    if (fd >= 0 && file == NULL)
        close(fd);
    return file;
}

static bool save_beside(const struct history *h, const char *beside, const char *path)
{
    FILE *file = open_beside(beside);
    if (file == NULL)
        return false;
    bool good = write_all(file, h);
    good &= fclose(file) == 0;
    if (good && rename(beside, path) == 0)
        return true;
    int why = errno;
    unlink(beside);
    errno = why;
    return false;
}

bool history_save(const struct history *h, const char *path, char *error)
{
    char beside[PATH_BYTES];
    int n = snprintf(beside, sizeof beside, "%s.new", path);
    if (n < 0 || (size_t)n >= sizeof beside)
        errno = ENAMETOOLONG;
    else if (replaceable(path) && save_beside(h, beside, path))
        return true;
    if (errno == EEXIST)
        snprintf(error, ERROR_BYTES,
                 "%s is not written: there is a file that is no history; remove it, or name another", path);
    else
        snprintf(error, ERROR_BYTES, "cannot write the history to %s: %s", path, strerror(errno));
    return false;
}

static bool header_fits(const struct file_header *header, const struct history *h)
{
    _Static_assert(sizeof(struct history_server) <= ROW_BYTES, "get_table reads a row at a time");
    const struct history_table *tables[TABLES];
    tables_of(h, tables);
    bool fits = memcmp(header->magic, magic, sizeof magic) == 0 &&
                header->key_bytes == sizeof(struct history_key);
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
static void get_table(struct stream_sum *s, struct history_table *t, uint32_t count,
                      bool (*sane)(const void *row))
{
    unsigned char row[ROW_BYTES];
    for (uint32_t i = 0; i < count && !s->failed; i++) {
        struct history_key key;
        get(s, &key, sizeof key);
        get(s, row, t->row_bytes);
        if (!s->failed && sane(row))
            memcpy(history_table_add(t, &key), row, t->row_bytes);
        else
            s->failed = true;
    }
}

static void forget(struct history_table *t)
{
    memset(t->buckets, 0, ((size_t)t->bucket_mask + 1) * sizeof *t->buckets);
    t->count = t->oldest = t->newest = 0;
    t->last.bucket = NULL;
}

/* Nothing may follow the checksum: a file that was only half overwritten would end so. */
static bool read_all(FILE *file, struct history *h)
{
    struct stream_sum s = {.file = file};
    struct file_header header;
    get(&s, &header, sizeof header);
    if (s.failed || !header_fits(&header, h))
        return false;
    get_table(&s, &h->servers, header.counts[0], server_sane);
    get_table(&s, &h->pairs, header.counts[1], pair_sane);
    get_table(&s, &h->keys, header.counts[2], key_sane);
    uint64_t expected = s.sum;
    uint64_t sum = 0;
    get(&s, &sum, sizeof sum);
    return !s.failed && sum == expected && fgetc(file) == EOF;
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
    bool good = read_all(file, h);
    fclose(file);
    if (good)
        return true;
    forget(&h->servers);
    forget(&h->pairs);
    forget(&h->keys);
    snprintf(error, ERROR_BYTES,
             "%s is no history of this version, or damaged: nothing is remembered from before", path);
    return false;
}
