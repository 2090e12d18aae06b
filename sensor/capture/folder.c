#include "sensor/capture/folder.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "sensor/capture/input.h"

enum { ERROR_BYTES = 512 };

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int not_dots(const struct dirent *entry)
{
    return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

/* Only regular files are opened: opening a FIFO would wait for its writer. */
static bool is_capture(const char *path, uint64_t *size_bytes)
{
    static const atomic_bool never;
    char reason[ERROR_BYTES];
    struct stat facts;
    if (stat(path, &facts) != 0 || !S_ISREG(facts.st_mode))
        return false;
    struct input *in = input_open(path, &never, reason);
    if (in == NULL)
        return false;
    enum input_format format = input_format(in);
    *size_bytes = input_size(in);
    input_close(in);
    return format != INPUT_EMPTY && format != INPUT_OTHER;
}

static void note_name(char *note, size_t note_bytes, const char *name)
{
    size_t n = strlen(note);
    if (n + strlen(name) + sizeof ", ..." < note_bytes)
        snprintf(note + n, note_bytes - n, "%s%s", n > 0 ? ", " : "", name);
    else if (n >= 3 && strcmp(note + n - 3, "...") != 0)
        snprintf(note + n, note_bytes - n, "...");
}

static bool add(struct folder *folder, const char *path, const char *name, char *note, size_t note_bytes)
{
    char *full = NULL;
    uint64_t size_bytes = 0;
    const char *slash = path[0] != '\0' && path[strlen(path) - 1] == '/' ? "" : "/";
    if (asprintf(&full, "%s%s%s", path, slash, name) < 0)
        return false;
    if (is_capture(full, &size_bytes)) {
        folder->paths[folder->count++] = full;
        folder->size_bytes += size_bytes;
    } else {
        note_name(note, note_bytes, name);
        free(full);
    }
    return true;
}

bool folder_list(const char *path, struct folder *folder, char *note, size_t note_bytes, char *error)
{
    struct dirent **entries = NULL;
    *folder = (struct folder){0};
    note[0] = '\0';
    int n = scandir(path, &entries, not_dots, by_bytes);
    if (n < 0) {
        snprintf(error, ERROR_BYTES, "%s", strerror(errno));
        return false;
    }
    folder->paths = calloc((size_t)n + 1, sizeof *folder->paths);
    bool room = folder->paths != NULL;
    for (int i = 0; i < n; i++) {
        room = room && add(folder, path, entries[i]->d_name, note, note_bytes);
        free(entries[i]);
    }
    free(entries);
    if (room && folder->count > 0)
        return true;
    snprintf(error, ERROR_BYTES, "%s",
             room ? "the folder holds no capture (pcap or pcapng)" : "out of memory");
    folder_free(folder);
    return false;
}

void folder_free(struct folder *folder)
{
    for (size_t i = 0; i < folder->count; i++)
        free(folder->paths[i]);
    free(folder->paths);
    *folder = (struct folder){0};
}
