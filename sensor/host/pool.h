/* pool.h - equal-sized blocks out of one piece of memory taken at start.
 *
 * Memory is asked for once and touched only as it is used, so a large cap costs nothing until it is needed.
 * A pool belongs to one thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pool {
    unsigned char *blocks;
    size_t block_bytes;
    uint32_t count;
    uint32_t fresh; /* blocks from here on were never given out */
    uint32_t in_use;
    void *free; /* chain of blocks given back, through their first word */
};

/* pool_open - room for count blocks. Returns false where memory is lacking. */
bool pool_open(struct pool *p, uint32_t count, size_t block_bytes);

/* pool_take - a block, its content undefined; NULL where all are in use. */
void *pool_take(struct pool *p);

/* pool_give - give a block back. Its content is not cleared: who held a secret in it wipes it before. NULL
 * is allowed. */
void pool_give(struct pool *p, void *block);

void pool_close(struct pool *p);
