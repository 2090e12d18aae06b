#include "sensor/track/record.h"

#include <stddef.h>
#include <string.h>

enum {
    KEPT_FROM = offsetof(struct session, vlan),
    KEPT_BYTES = offsetof(struct session, sni) - KEPT_FROM,
    PART_BYTES = RECORD_BLOCK_BYTES - sizeof(uint32_t),
    FLAT_CAP_BYTES = sizeof(struct session) - KEPT_FROM + PART_BYTES
};

struct record {
    uint32_t next; /* number of the next block, from 1; 0: this is the last */
    unsigned char part[PART_BYTES];
};

bool record_pool_open(struct pool *blocks, uint32_t flows)
{
    _Static_assert(sizeof(struct record) == RECORD_BLOCK_BYTES, "a block is a cache line");
    return pool_open(blocks, flows * RECORD_BLOCKS_PER_FLOW, sizeof(struct record));
}

static uint32_t number_of(const struct pool *blocks, const struct record *block)
{
    return (uint32_t)(((const unsigned char *)block - blocks->blocks) / RECORD_BLOCK_BYTES) + 1;
}

static struct record *block_of(const struct pool *blocks, uint32_t number)
{
    return number != 0 ? (void *)(blocks->blocks + (size_t)(number - 1) * RECORD_BLOCK_BYTES) : NULL;
}

/* The last block is filled up with what lies behind the end: whole blocks are copied at a constant size. */
struct record *record_pack(struct pool *blocks, const struct session *facts)
{
    unsigned char flat[FLAT_CAP_BYTES];
    memcpy(flat, (const unsigned char *)facts + KEPT_FROM, KEPT_BYTES);
    size_t used = KEPT_BYTES + session_texts_pack(facts, (char *)flat + KEPT_BYTES);
    memset(flat + used, 0, PART_BYTES);
    uint32_t next = 0;
    struct record *block = NULL;
    for (size_t at = (used - 1) / PART_BYTES * PART_BYTES;; at -= PART_BYTES) {
        block = pool_take(blocks);
        if (block == NULL)
            break;
        block->next = next;
        memcpy(block->part, flat + at, PART_BYTES);
        next = number_of(blocks, block);
        if (at == 0)
            return block;
    }
    record_free(blocks, block_of(blocks, next));
    return NULL;
}

void record_unpack(const struct pool *blocks, const struct record *record, struct session *facts)
{
    unsigned char flat[FLAT_CAP_BYTES];
    size_t used = 0;
    for (const struct record *block = record; block != NULL; block = block_of(blocks, block->next)) {
        memcpy(flat + used, block->part, PART_BYTES);
        used += PART_BYTES;
    }
    memcpy((unsigned char *)facts + KEPT_FROM, flat, KEPT_BYTES);
    session_texts_unpack(facts, (const char *)flat + KEPT_BYTES);
}

void record_free(struct pool *blocks, struct record *record)
{
    while (record != NULL) {
        struct record *next = block_of(blocks, record->next);
        pool_give(blocks, record);
        record = next;
    }
}
