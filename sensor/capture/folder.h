/* folder.h - the captures in a folder, in byte order of their names. What is a capture is seen from the
 * first bytes. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct folder {
    char **paths;
    size_t count;
    uint64_t size_bytes; /* of all of them */
};

/* folder_list - list the captures of a folder; subfolders are not entered.
 * note    room of note_bytes; the names that were passed over, comma-separated, "" where none
 * error   room of 512 bytes; the reason where false is returned */
bool folder_list(const char *path, struct folder *folder, char *note, size_t note_bytes, char *error);

/* folder_free - give the list back; zeroed is allowed. */
void folder_free(struct folder *folder);
