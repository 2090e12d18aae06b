/* queue.h - a bounded queue of records of differing size from one thread to one other, as ring.h is of equal
 * ones. A record lies in one piece; neither side ever blocks in here. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "sensor/host/ring.h"

enum { QUEUE_ALIGN = 16, QUEUE_SKIP = UINT32_MAX };

struct queue {
    _Alignas(RING_LINE_BYTES) _Atomic size_t head; /* written by the reader */
    _Alignas(RING_LINE_BYTES) _Atomic size_t tail; /* written by the writer */
    _Alignas(RING_LINE_BYTES) size_t capacity;     /* a power of two */
    unsigned char *bytes;
};

/* Before each record; the record follows at the next boundary. */
struct queue_mark {
    _Alignas(QUEUE_ALIGN) uint32_t room; /* of mark and record, or QUEUE_SKIP: go on at the start */
};

/* queue_open - room for `bytes` (rounded up to a power of two). False where memory is lacking. */
static inline bool queue_open(struct queue *q, size_t bytes)
{
    size_t capacity = 4096;
    while (capacity < bytes)
        capacity *= 2;
    *q = (struct queue){.capacity = capacity};
    q->bytes = aligned_alloc(RING_LINE_BYTES, capacity);
    return q->bytes != NULL;
}

static inline void queue_close(struct queue *q)
{
    free(q->bytes);
    q->bytes = NULL;
}

static inline size_t queue_room_of(size_t bytes)
{
    return (sizeof(struct queue_mark) + bytes + QUEUE_ALIGN - 1) & ~(size_t)(QUEUE_ALIGN - 1);
}

/* queue_slot - where the writer may build a record of so many bytes, at most half of the queue; NULL where there
 * is no room now. queue_push hands it over; the size must be the same. */
static inline void *queue_slot(struct queue *q, size_t bytes)
{
    size_t room = queue_room_of(bytes);
    size_t tail = atomic_load_explicit(&q->tail, memory_order_relaxed);
    size_t head = atomic_load_explicit(&q->head, memory_order_acquire);
    size_t at = tail & (q->capacity - 1);
    size_t skip = at + room > q->capacity ? q->capacity - at : 0;
    if (tail - head + skip + room > q->capacity)
        return NULL;
    if (skip > 0) {
        ((struct queue_mark *)(void *)(q->bytes + at))->room = QUEUE_SKIP;
        atomic_store_explicit(&q->tail, tail + skip, memory_order_release);
        at = 0;
    }
    ((struct queue_mark *)(void *)(q->bytes + at))->room = (uint32_t)room;
    return q->bytes + at + sizeof(struct queue_mark);
}

static inline void queue_push(struct queue *q, size_t bytes)
{
    size_t tail = atomic_load_explicit(&q->tail, memory_order_relaxed);
    atomic_store_explicit(&q->tail, tail + queue_room_of(bytes), memory_order_release);
}

/* queue_peek - the oldest record, or NULL. queue_pop gives its room back. */
static inline void *queue_peek(struct queue *q)
{
    size_t head = atomic_load_explicit(&q->head, memory_order_relaxed);
    while (head != atomic_load_explicit(&q->tail, memory_order_acquire)) {
        size_t at = head & (q->capacity - 1);
        struct queue_mark *mark = (struct queue_mark *)(void *)(q->bytes + at);
        if (mark->room != QUEUE_SKIP)
            return mark + 1;
        head += q->capacity - at;
        atomic_store_explicit(&q->head, head, memory_order_release);
    }
    return NULL;
}

static inline void queue_pop(struct queue *q)
{
    size_t head = atomic_load_explicit(&q->head, memory_order_relaxed);
    const struct queue_mark *mark = (const void *)(q->bytes + (head & (q->capacity - 1)));
    atomic_store_explicit(&q->head, head + mark->room, memory_order_release);
}
