/* ring.h - a bounded queue of equal-sized items from one thread to one other. Nothing else is shared.
 *
 * Neither side ever blocks in here; who wants to wait sleeps outside. Head and tail live on cache lines of
 * their own. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sensor/host/memory.h"

enum { RING_LINE_BYTES = 64 };

struct ring {
    _Alignas(RING_LINE_BYTES) _Atomic size_t head; /* next to be taken; written by the reader */
    _Alignas(RING_LINE_BYTES) _Atomic size_t tail; /* next to be filled; written by the writer */
    _Alignas(RING_LINE_BYTES) size_t mask;
    size_t item_bytes;
    unsigned char *items;
};

/* ring_open - room for `count` items (rounded up to a power of two). Returns false where memory is lacking. */
static inline bool ring_open(struct ring *r, size_t count, size_t item_bytes)
{
    size_t room = 1;
    while (room < count)
        room *= 2;
    *r = (struct ring){.mask = room - 1, .item_bytes = item_bytes};
    r->items = memory_take(room, item_bytes);
    return r->items != NULL;
}

static inline void ring_close(struct ring *r)
{
    memory_give(r->items, r->mask + 1, r->item_bytes);
    r->items = NULL;
}

/* ring_slot - where the writer may build the next item; NULL where the ring is full. ring_push hands it
 * over. */
static inline void *ring_slot(struct ring *r)
{
    size_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
    if (tail - atomic_load_explicit(&r->head, memory_order_acquire) > r->mask)
        return NULL;
    return r->items + (tail & r->mask) * r->item_bytes;
}

static inline void ring_push(struct ring *r)
{
    size_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
    atomic_store_explicit(&r->tail, tail + 1, memory_order_release);
}

/* ring_peek - the oldest item, or NULL where the ring is empty. ring_pop gives its room back. */
static inline const void *ring_peek(struct ring *r)
{
    size_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
    if (head == atomic_load_explicit(&r->tail, memory_order_acquire))
        return NULL;
    return r->items + (head & r->mask) * r->item_bytes;
}

/* ring_peek_behind - so many behind the oldest, or NULL where it is not there yet: for who wants to prepare for it. */
static inline const void *ring_peek_behind(struct ring *r, size_t behind)
{
    size_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
    if (atomic_load_explicit(&r->tail, memory_order_acquire) - head <= behind)
        return NULL;
    return r->items + ((head + behind) & r->mask) * r->item_bytes;
}

static inline void ring_pop(struct ring *r)
{
    size_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
    atomic_store_explicit(&r->head, head + 1, memory_order_release);
}
