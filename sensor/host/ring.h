/* ring.h - a bounded queue of equal-sized items from one thread to one other. Nothing else is shared.
 *
 * Only ring_await_slot ever blocks in here. Head and tail live on cache lines of their own. Writer and reader may be
 * one thread, which then takes turns (ring_relieve). */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sensor/host/clock.h"
#include "sensor/host/memory.h"

enum { RING_LINE_BYTES = 64, RING_FULL_SLEEP_US = 200 };

struct ring {
    _Alignas(RING_LINE_BYTES) _Atomic size_t head; /* next to be taken; written by the reader */
    _Alignas(RING_LINE_BYTES) _Atomic size_t tail; /* next to be filled; written by the writer */
    _Alignas(RING_LINE_BYTES) size_t mask;
    size_t item_bytes;
    unsigned char *items;
    void (*relief)(void *context);
    void *context;
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

/* ring_relieve - for who reads in the writer's thread, where nobody empties a full ring while the writer waits: have
 * this called instead. It takes out at least one item. */
static inline void ring_relieve(struct ring *r, void (*relief)(void *context), void *context)
{
    r->relief = relief;
    r->context = context;
}

/* ring_await_slot - as ring_slot, but waits for room. */
static inline void *ring_await_slot(struct ring *r)
{
    void *slot = ring_slot(r);
    while (slot == NULL) {
        if (r->relief != NULL)
            r->relief(r->context);
        else
            clock_sleep_us(RING_FULL_SLEEP_US);
        slot = ring_slot(r);
    }
    return slot;
}

/* ring_restart - for who reads in the writer's thread: fill an empty ring from its beginning again, which is still in
 * the caches. */
static inline void ring_restart(struct ring *r)
{
    if (atomic_load_explicit(&r->head, memory_order_relaxed) !=
        atomic_load_explicit(&r->tail, memory_order_relaxed))
        return;
    atomic_store_explicit(&r->head, 0, memory_order_relaxed);
    atomic_store_explicit(&r->tail, 0, memory_order_relaxed);
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
