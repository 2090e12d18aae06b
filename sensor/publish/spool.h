/* spool.h - batches on disk, in order, while Redis cannot take them.
 *
 * A folder of segments that are only ever appended to, and beside them a note of how far Redis has
 * acknowledged them. What was appended is there after the end of the process, and after a power cut but for
 * what the last second brought (spool_sync). There is a cap: what is beyond it is refused to the caller and
 * nothing that lies there is given up for it, so the oldest would be the last to go. One process at a time.
 * It knows nothing of Redis.
 *
 * Whatever lies in the folder at the start is read as if anybody had written it: damaged records are
 * skipped, a damaged end is cut off, both are counted. For one thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sensor/publish/spool_record.h"

enum { SPOOL_ERROR_CAP = 512 };

/* Where a record ends: what has been delivered up to there. */
struct spool_place {
    uint64_t segment;
    uint64_t offset;
};

/* What was there at the start. */
struct spool_found {
    uint64_t batches;
    uint64_t events;
    uint64_t damaged_bytes; /* left out */
    uint64_t last_number;   /* the highest there; 0 none. Also when nothing waits: that of the note */
};

enum spool_result {
    SPOOL_DONE,
    SPOOL_FULL,  /* the cap is reached: the record is not there */
    SPOOL_FAILED /* the disk refuses, as errno says: the record is not there */
};

struct spool; /* opaque */

/* spool_open - lock the folder, which is made where it is missing (mode 0700), and take in what lies there.
 * cap_bytes  of all segments
 * error      room of SPOOL_ERROR_CAP bytes; one sentence that says what to do, where NULL is returned */
struct spool *spool_open(const char *folder, uint64_t cap_bytes, struct spool_found *found, char *error);

/* spool_close - sync and unlock; what waits stays. NULL is allowed. */
void spool_close(struct spool *s);

/* spool_append - one batch behind all others.
 * r    run, number, made_ms, events and arguments, the rest is set
 * end  out; where it ends */
enum spool_result spool_append(struct spool *s, struct spool_record *r, struct span body,
                               struct spool_place *end);

/* spool_next - the next record that was not read yet, with its number as renumbered. False: none for now.
 * body  room of SPOOL_BODY_CAP bytes */
bool spool_next(struct spool *s, struct spool_record *out, char *body, struct spool_place *end);

/* spool_read_from - spool_next goes on behind this place; spool_rewind - behind what was acknowledged. */
void spool_read_from(struct spool *s, struct spool_place place);
void spool_rewind(struct spool *s);

/* spool_acknowledge - all up to this place is delivered: its room is given back. In the order of the places. */
void spool_acknowledge(struct spool *s, struct spool_place end, const struct spool_record *r);

/* spool_forget - nothing more can be read, though records wait: give them up. Returns how many. */
uint64_t spool_forget(struct spool *s);

/* spool_renumber - let the oldest record that waits have the number `first`, and those behind it theirs as
 * far above. Kept on disk
 * before it returns, since a number that was used once must be found again.
 * below  a number above all those that were ever given out
 * next   out; a number above all those that now wait
 * False where it cannot be kept: nothing may be sent then, errno tells why */
bool spool_renumber(struct spool *s, uint64_t first, uint64_t below, uint64_t *next);

/* spool_sync - bring to disk what is not there yet, if the last time is a second ago. Cheap where there is
 * nothing to do.
 * now_ms  any clock that does not go back */
void spool_sync(struct spool *s, uint64_t now_ms);

uint64_t spool_bytes(const struct spool *s);   /* of all segments */
uint64_t spool_waiting(const struct spool *s); /* records not yet acknowledged */
