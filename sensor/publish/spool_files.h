/* spool_files.h - the spool's folder: its lock, its segments by number, and reading and writing that is
 * whole or fails. For spool.c alone. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SPOOL_SEGMENTS_CAP = 1 << 18 }; /* 2 TiB */

/* The highest number that a segment can have: 16 digits, and one to spare. */
#define SPOOL_SEGMENT_LAST UINT64_C(9999999999999998)

/* The numbers of the segments that are there, ascending. */
struct spool_segments {
    uint64_t *number;
    size_t count;
    size_t room;
};

/* spool_files_folder - open the folder, made with mode 0700 where it is missing; others must not be able to
 * read or write it.
 * lock   out; held until it is closed: a second process is refused
 * error  room of SPOOL_ERROR_CAP bytes
 * Returns its descriptor, -1 where error was set */
int spool_files_folder(const char *path, int *lock, char *error);

/* spool_files_list - false where memory is lacking or there are more than SPOOL_SEGMENTS_CAP. */
bool spool_files_list(int folder, struct spool_segments *out);
bool spool_files_add(struct spool_segments *s, uint64_t number);

/* spool_files_open, spool_files_create, spool_files_remove - a segment; descriptors, -1 with errno. */
int spool_files_open(int folder, uint64_t number);
int spool_files_create(int folder, uint64_t number);
void spool_files_remove(int folder, uint64_t number);
void spool_files_close(int *file); /* *file becomes -1, and may be it */

uint64_t spool_files_size(int file); /* 0 for anything but an ordinary file */
bool spool_files_write(int file, const void *bytes, size_t length, uint64_t offset);
bool spool_files_read(int file, void *bytes, size_t length, uint64_t offset);

/* spool_files_load - what a file holds from `offset` to at most `end`; to be freed; NULL and *length 0 for
 * nothing. */
char *spool_files_load(int file, uint64_t offset, uint64_t end, size_t *length);
