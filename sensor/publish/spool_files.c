#include "sensor/publish/spool_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sensor/host/log.h"
#include "sensor/publish/spool.h"

enum { NAME_DIGITS = 16, NAME_CAP = 32 };

/* ---- whole files ---- */

void spool_files_close(int *file)
{
    if (*file >= 0)
        close(*file);
    *file = -1;
}

uint64_t spool_files_size(int file)
{
    struct stat status;
    return file >= 0 && fstat(file, &status) == 0 && S_ISREG(status.st_mode) ? (uint64_t)status.st_size : 0;
}

bool spool_files_write(int file, const void *bytes, size_t length, uint64_t offset)
{
    const char *p = bytes;
    while (length > 0) {
        ssize_t n = pwrite(file, p, length, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            errno = n == 0 ? ENOSPC : errno;
            return false;
        }
        p += n;
        offset += (uint64_t)n;
        length -= (size_t)n;
    }
    return true;
}

bool spool_files_read(int file, void *bytes, size_t length, uint64_t offset)
{
    char *p = bytes;
    while (length > 0) {
        ssize_t n = pread(file, p, length, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        p += n;
        offset += (uint64_t)n;
        length -= (size_t)n;
    }
    return true;
}

char *spool_files_load(int file, uint64_t offset, uint64_t end, size_t *length)
{
    uint64_t size = spool_files_size(file);
    size = size < end ? size : end;
    *length = offset < size ? (size_t)(size - offset) : 0;
    char *bytes = *length > 0 ? malloc(*length) : NULL;
    if (bytes != NULL && spool_files_read(file, bytes, *length, offset))
        return bytes;
    free(bytes);
    *length = 0;
    return NULL;
}

/* ---- segments ---- */

static const char *name_of(uint64_t number, char *name)
{
    snprintf(name, NAME_CAP, "%016" PRIu64 ".spool", number);
    return name;
}

/* The number of a segment, out of the name of a file; false for any other file. */
static bool number_of(const char *name, uint64_t *number)
{
    *number = 0;
    for (size_t i = 0; i < NAME_DIGITS; i++) {
        if (name[i] < '0' || name[i] > '9')
            return false;
        *number = *number * 10 + (uint64_t)(name[i] - '0');
    }
    return strcmp(name + NAME_DIGITS, ".spool") == 0 && *number <= SPOOL_SEGMENT_LAST;
}

int spool_files_open(int folder, uint64_t number)
{
    char name[NAME_CAP];
    return openat(folder, name_of(number, name), O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
}

int spool_files_create(int folder, uint64_t number)
{
    char name[NAME_CAP];
    return openat(folder, name_of(number, name), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
}

void spool_files_remove(int folder, uint64_t number)
{
    char name[NAME_CAP];
    (void)unlinkat(folder, name_of(number, name), 0);
}

bool spool_files_add(struct spool_segments *s, uint64_t number)
{
    if (s->count == s->room) {
        size_t room = s->room == 0 ? 64 : 2 * s->room;
        uint64_t *grown = room <= SPOOL_SEGMENTS_CAP ? realloc(s->number, room * sizeof *grown) : NULL;
        if (grown == NULL) {
            errno = ENOMEM;
            return false;
        }
        s->number = grown;
        s->room = room;
    }
    s->number[s->count++] = number;
    return true;
}

static int ascending(const void *a, const void *b)
{
    uint64_t x;
    uint64_t y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

bool spool_files_list(int folder, struct spool_segments *out)
{
    int copy = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *list = copy >= 0 ? fdopendir(copy) : NULL;
    bool good = list != NULL;
    if (list == NULL && copy >= 0)
        close(copy);
    for (struct dirent *d = good ? readdir(list) : NULL; d != NULL && good; d = readdir(list)) {
        uint64_t number = 0;
        if (number_of(d->d_name, &number))
            good = spool_files_add(out, number);
    }
    if (list != NULL)
        closedir(list);
    if (good && out->count > 0)
        qsort(out->number, out->count, sizeof *out->number, ascending);
    return good;
}

/* ---- the folder ---- */

static int fail(char *error, int folder, const char *shown, const char *why)
{
    snprintf(error, SPOOL_ERROR_CAP, "spool %s: %s", shown, why);
    if (folder >= 0)
        close(folder);
    return -1;
}

int spool_files_folder(const char *path, int *lock, char *error)
{
    char shown[256];
    struct stat status;
    log_escape(path, shown, sizeof shown);
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return fail(error, -1, shown, strerror(errno));
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0 || fstat(folder, &status) != 0)
        return fail(error, folder, shown, strerror(errno));
    if (status.st_uid != geteuid() || (status.st_mode & 077) != 0)
        return fail(
            error, folder, shown,
            "others can look into this folder; it must belong to the user that runs waxseal, with mode 0700 "
            "(chown, chmod)");
    *lock = openat(folder, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (*lock < 0)
        return fail(error, folder, shown, strerror(errno));
    if (flock(*lock, LOCK_EX | LOCK_NB) == 0)
        return folder;
    spool_files_close(lock);
    return fail(error, folder, shown, "another waxseal uses it; give each sensor a spool of its own");
}
