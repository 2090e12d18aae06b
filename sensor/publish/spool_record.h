/* spool_record.h - one batch as it lies in a segment of the spool, and how it is found again among damaged
 * bytes.
 *
 * A record is a header of fixed size, checksummed by itself, then the batch's arguments, checksummed too:
 * all numbers big-endian, both sums CRC-32 (zlib's). What is read may have been written by anybody: a
 * length is believed only within its bounds, and nothing here reads beyond the bytes it is given. No I/O. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "parsers/cursor.h"

enum { SPOOL_HEAD_BYTES = 64, SPOOL_BODY_CAP = 1 << 20, SPOOL_RUN_BYTES = 16 };

struct spool_record {
    char run[SPOOL_RUN_BYTES + 1]; /* token of the process that made the batch: 16 hexadecimal digits */
    uint64_t number;
    uint64_t made_ms; /* wall clock */
    uint32_t events;
    uint32_t arguments;
    uint32_t body_bytes; /* at most SPOOL_BODY_CAP */
    uint32_t body_crc;
};

/* spool_record_write - the header of a record.
 * body  from which body_bytes and body_crc are set
 * head  room of SPOOL_HEAD_BYTES */
void spool_record_write(struct spool_record *r, struct span body, uint8_t *head);

/* spool_record_read - take a header apart. False where it is none, damaged, or beyond a bound. */
bool spool_record_read(struct span head, struct spool_record *out);

/* spool_record_holds - is this the body that belongs to the header? */
bool spool_record_holds(const struct spool_record *r, struct span body);

/* spool_record_find - where the next whole record begins.
 * bytes    of a segment, from some place on
 * effort   bytes of body that may be summed up for it, lowered by those that were: without a bound, a file
 *          made on purpose would cost the square of its length
 * Returns the offset; bytes.n where there is none (or the effort is spent) */
size_t spool_record_find(struct span bytes, uint64_t *effort, struct spool_record *out);
