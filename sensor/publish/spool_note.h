/* spool_note.h - how far the spool has been delivered, in a file of two places that are written in turn: a
 * torn write leaves the other one. For spool.c alone. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "parsers/cursor.h"

enum { SPOOL_NOTE_BYTES = 128 };

struct spool_note {
    uint64_t turn;    /* the higher one counts */
    uint64_t segment; /* everything before this place is delivered */
    uint64_t offset;
    uint64_t last_number; /* the highest that was delivered */
    uint64_t below;       /* records with a lower number are sent with `shift` more */
    uint64_t shift;
};

/* spool_note_write - into the place of its turn.
 * bytes  of the whole file, SPOOL_NOTE_BYTES */
void spool_note_write(const struct spool_note *note, uint8_t *bytes);

/* spool_note_read - the newer of the two that is whole. False where none is; *out is then all zero. */
bool spool_note_read(struct span file, struct spool_note *out);
