/* batch.h - what goes to Redis in one piece: the operations of one batch as RESP bulk strings, formatted once.
 *
 * A batch is filled by the feed (feed.h) in the auditor's thread, handed to the writer whole, and given back to its pool when
 * Redis has answered for it or the spool has taken it. It holds only the arguments that come after
 * `EVALSHA sha 1 KEY SENSOR RUN NUMBER`: what the writer puts before them may change when the batch is sent again, these bytes
 * do not. It knows nothing of what the operations mean (feed.h, apply.lua). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "parsers/cursor.h"

enum { BATCH_CAP_BYTES = 1 << 20 };

struct batch {
    size_t bytes;       /* of `data` that are in use */
    uint32_t arguments; /* bulk strings in `data` */
    uint32_t events;    /* session events among its operations, for counting what is lost */
    bool overflown;     /* something did not fit since batch_mark or batch_begin */
    char data[BATCH_CAP_BYTES];
};

/* A place in a batch to which it can go back. */
struct batch_mark {
    size_t bytes;
    uint32_t arguments;
    uint32_t events;
};

/* batch_begin - empty it. */
void batch_begin(struct batch *b);

/* batch_put, batch_put_word, batch_put_number - append one argument: any bytes; a C string of our own; a decimal number.
 * batch_put_text - text from the wire, by these rules: unknown ("") becomes `none`; control characters, quotation marks and
 *                  bytes that are no UTF-8 are escaped as log_escape does it; what reads as a number is put into double
 *                  quotes, since Grafana types a column by its first value.
 * Where there is no room nothing is appended and b->overflown is set: batch_undo then takes the operation back. */
void batch_put(struct batch *b, struct span bytes);
void batch_put_word(struct batch *b, const char *word);
void batch_put_number(struct batch *b, int64_t number);
void batch_put_text(struct batch *b, const char *text);

/* batch_mark - remember where an operation begins. batch_undo - take back what was appended since. */
struct batch_mark batch_mark(struct batch *b);
void batch_undo(struct batch *b, const struct batch_mark *mark);

/* A pool of batches, for two threads or more. */
struct batch_pool; /* opaque */

/* batch_pool_open - take the memory for `count` batches, touched only as it is used. NULL where it is lacking. */
struct batch_pool *batch_pool_open(uint32_t count);
void batch_pool_close(struct batch_pool *p); /* NULL is allowed; all batches must have been given back */

/* batch_take - an empty batch; NULL where all are in use. batch_give - give it back; NULL is allowed. */
struct batch *batch_take(struct batch_pool *p);
void batch_give(struct batch_pool *p, struct batch *b);
