/* replace.h - a file that readers find whole: it is written beside its old self and takes its place by a
 * rename.
 *
 * For outputs that say how things stand. What is no regular file (a pipe, /dev/stdout) is written as it is. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

enum { REPLACE_PATH_CAP = 1100, REPLACE_ERROR_CAP = 1400 };

struct replace {
    FILE *out; /* write here */
    char path[REPLACE_PATH_CAP];
    char beside[REPLACE_PATH_CAP]; /* "" where it is written as it is */
};

/* replace_open - begin. "-" is standard output.
 * mode    of a new file, less the umask
 * error   room of REPLACE_ERROR_CAP: one sentence, where false is returned */
bool replace_open(struct replace *r, const char *path, unsigned mode, char *error);

/* replace_done - flush, and put it in its place. On failure the old file stays and the new one is removed. */
bool replace_done(struct replace *r, char *error);
