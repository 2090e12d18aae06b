/* kept.h - a small file that is kept from one run to the next.
 *
 * It is written beside and then put in its place, so there is always a whole one; it never takes the place of a file of
 * another kind; and it ends with a checksum, against damage, not against forgery: its reader checks what it reads. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* A kind's first octets: a name that stays, and a number that changes with the layout. */
enum { KEPT_MAGIC_BYTES = 16, KEPT_FAMILY_BYTES = 13, KEPT_ERROR_CAP = 512 };

struct kept {
    FILE *file;
    uint64_t sum;
    bool failed;
};

struct kept_kind {
    const char *name;             /* "history", for sentences */
    char magic[KEPT_MAGIC_BYTES]; /* the first KEPT_FAMILY_BYTES are those of every version */
};

/* kept_put, kept_get - the next n bytes. Whether it failed is asked at the end; what could not be read is zero. */
void kept_put(struct kept *k, const void *bytes, size_t n);
void kept_get(struct kept *k, void *bytes, size_t n);

/* kept_save - write the file anew by way of put().
 * error  room of KEPT_ERROR_CAP bytes; one sentence, where false is returned: the old file is then as it was */
bool kept_save(const char *path, const struct kept_kind *kind,
               void (*put)(struct kept *k, const void *context), const void *context, char *error);

/* kept_load - read the file by way of get(), which says whether it makes sense. A missing file is none, and good.
 * error  the same; where false is returned, what get() did is to be undone */
bool kept_load(const char *path, const struct kept_kind *kind, bool (*get)(struct kept *k, void *context),
               void *context, char *error);
