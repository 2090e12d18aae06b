#include "sensor/host/kept.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { PATH_BYTES = 4096 };

/* FNV-1a. */
static uint64_t sum_over(uint64_t sum, const void *bytes, size_t n)
{
    const unsigned char *p = bytes;
    for (size_t i = 0; i < n; i++)
        sum = (sum ^ p[i]) * UINT64_C(0x100000001b3);
    return sum;
}

void kept_put(struct kept *k, const void *bytes, size_t n)
{
    k->failed |= fwrite(bytes, 1, n, k->file) != n;
    k->sum = sum_over(k->sum, bytes, n);
}

void kept_get(struct kept *k, void *bytes, size_t n)
{
    if (!k->failed && fread(bytes, 1, n, k->file) != n)
        k->failed = true;
    if (k->failed)
        memset(bytes, 0, n);
    k->sum = sum_over(k->sum, bytes, n);
}

/* ---- saving ---- */

/* May the file at this path be replaced? Only by its like, or where there is none or an empty one: a wrong path in a
 * configuration must not cost somebody another file. */
static bool replaceable(const char *path, const struct kept_kind *kind)
{
    char head[KEPT_MAGIC_BYTES];
    FILE *file = fopen(path, "rbe");
    if (file == NULL)
        return errno == ENOENT;
    size_t n = fread(head, 1, sizeof head, file);
    bool empty = n == 0 && feof(file);
    fclose(file);
    bool ours = empty || (n == sizeof head && memcmp(head, kind->magic, KEPT_FAMILY_BYTES) == 0);
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

static bool write_all(FILE *file, const struct kept_kind *kind,
                      void (*put)(struct kept *k, const void *context), const void *context)
{
    struct kept k = {.file = file};
    kept_put(&k, kind->magic, sizeof kind->magic);
    put(&k, context);
    uint64_t sum = k.sum;
    kept_put(&k, &sum, sizeof sum);
    return !k.failed && fflush(file) == 0 && fsync(fileno(file)) == 0;
}

static bool save_beside(const char *beside, const char *path, const struct kept_kind *kind,
                        void (*put)(struct kept *k, const void *context), const void *context)
{
    FILE *file = open_beside(beside);
    if (file == NULL)
        return false;
    bool good = write_all(file, kind, put, context);
    good &= fclose(file) == 0;
    if (good && rename(beside, path) == 0)
        return true;
    int why = errno;
    unlink(beside);
    errno = why;
    return false;
}

bool kept_save(const char *path, const struct kept_kind *kind,
               void (*put)(struct kept *k, const void *context), const void *context, char *error)
{
    char beside[PATH_BYTES];
    int n = snprintf(beside, sizeof beside, "%s.new", path);
    if (n < 0 || (size_t)n >= sizeof beside)
        errno = ENAMETOOLONG;
    else if (replaceable(path, kind) && save_beside(beside, path, kind, put, context))
        return true;
    if (errno == EEXIST)
        snprintf(error, KEPT_ERROR_CAP,
                 "%s is not written: there is a file that is no %s; remove it, or name another", path,
                 kind->name);
    else
        snprintf(error, KEPT_ERROR_CAP, "cannot write the %s to %s: %s", kind->name, path, strerror(errno));
    return false;
}

/* ---- loading ---- */

/* Nothing may follow the checksum: a file that was only half overwritten would end so. */
static bool read_all(FILE *file, const struct kept_kind *kind, bool (*get)(struct kept *k, void *context),
                     void *context)
{
    struct kept k = {.file = file};
    char magic[KEPT_MAGIC_BYTES];
    kept_get(&k, magic, sizeof magic);
    if (k.failed || memcmp(magic, kind->magic, sizeof magic) != 0 || !get(&k, context))
        return false;
    uint64_t expected = k.sum;
    uint64_t sum = 0;
    kept_get(&k, &sum, sizeof sum);
    return !k.failed && sum == expected && fgetc(file) == EOF;
}

bool kept_load(const char *path, const struct kept_kind *kind, bool (*get)(struct kept *k, void *context),
               void *context, char *error)
{
    FILE *file = fopen(path, "rbe");
    if (file == NULL && errno == ENOENT)
        return true;
    if (file == NULL) {
        snprintf(error, KEPT_ERROR_CAP, "cannot read the %s %s: %s", kind->name, path, strerror(errno));
        return false;
    }
    bool good = read_all(file, kind, get, context);
    fclose(file);
    if (!good)
        snprintf(error, KEPT_ERROR_CAP,
                 "%s is no %s of this version, or damaged: nothing is remembered from before", path,
                 kind->name);
    return good;
}
