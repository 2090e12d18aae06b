#include "sensor/host/pool.h"

#include <string.h>

#include "sensor/host/memory.h"

bool pool_open(struct pool *p, uint32_t count, size_t block_bytes)
{
    enum { ALIGN = 16 };
    size_t rounded = (block_bytes + ALIGN - 1) / ALIGN * ALIGN;
    *p = (struct pool){.count = count, .block_bytes = rounded};
    p->blocks = memory_take(count, rounded);
    return p->blocks != NULL;
}

void *pool_take(struct pool *p)
{
    void *block = p->free;
    if (block != NULL)
        memcpy(&p->free, block, sizeof p->free);
    else if (p->fresh < p->count)
        block = p->blocks + (size_t)p->fresh++ * p->block_bytes;
    if (block != NULL)
        p->in_use++;
    return block;
}

void pool_give(struct pool *p, void *block)
{
    if (block == NULL)
        return;
    memcpy(block, &p->free, sizeof p->free);
    p->free = block;
    p->in_use--;
}

void pool_close(struct pool *p)
{
    memory_give(p->blocks, p->count, p->block_bytes);
    *p = (struct pool){0};
}
