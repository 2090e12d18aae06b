#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sensor/host/queue.h"

enum { RECORDS = 200000, LARGEST = 1500 };

/* Sizes that never repeat in step with the queue's own. */
static size_t bytes_of(uint32_t n)
{
    return sizeof n + (n * UINT32_C(2654435761) >> 8) % LARGEST;
}

static unsigned char filling_of(uint32_t n)
{
    return (unsigned char)(n * 31 + 7);
}

static void test_queue_gives_back_in_order_and_refuses_when_full(void **state)
{
    (void)state;
    struct queue q;
    assert_true(queue_open(&q, 4096));
    assert_null(queue_peek(&q));
    uint32_t put = 0;
    for (void *slot; (slot = queue_slot(&q, 100)) != NULL; put++) {
        memset(slot, (int)put, 100);
        queue_push(&q, 100);
    }
    assert_int_equal(put, 4096 / queue_room_of(100));
    for (uint32_t i = 0; i < put; i++) {
        const unsigned char *record = queue_peek(&q);
        assert_non_null(record);
        assert_int_equal(record[99], (unsigned char)i);
        queue_pop(&q);
    }
    assert_null(queue_peek(&q));
    /* Now the next record does not fit before the end, and goes to the start. */
    assert_non_null(queue_slot(&q, 2000));
    queue_push(&q, 2000);
    assert_non_null(queue_peek(&q));
    queue_pop(&q);
    assert_null(queue_peek(&q));
    queue_close(&q);
}

static void *write_all(void *argument)
{
    struct queue *q = argument;
    for (uint32_t n = 0; n < RECORDS; n++) {
        unsigned char *slot;
        while ((slot = queue_slot(q, bytes_of(n))) == NULL)
            (void)sched_yield();
        memset(slot, filling_of(n), bytes_of(n));
        memcpy(slot, &n, sizeof n);
        queue_push(q, bytes_of(n));
    }
    return NULL;
}

static void test_queue_between_two_threads_loses_and_mixes_nothing(void **state)
{
    (void)state;
    struct queue q;
    pthread_t writer;
    assert_true(queue_open(&q, 16384));
    assert_int_equal(pthread_create(&writer, NULL, write_all, &q), 0);
    for (uint32_t n = 0; n < RECORDS; n++) {
        const unsigned char *record;
        uint32_t found;
        while ((record = queue_peek(&q)) == NULL)
            (void)sched_yield();
        memcpy(&found, record, sizeof found);
        assert_int_equal(found, n);
        for (size_t i = sizeof found; i < bytes_of(n); i += 97)
            assert_int_equal(record[i], filling_of(n));
        queue_pop(&q);
    }
    assert_int_equal(pthread_join(writer, NULL), 0);
    assert_null(queue_peek(&q));
    queue_close(&q);
}

static void test_ring_tells_what_comes_behind_the_oldest(void **state)
{
    (void)state;
    struct ring r;
    assert_true(ring_open(&r, 4, sizeof(uint32_t)));
    for (uint32_t n = 0; n < 20; n++) { /* round and round, with one and with two in it */
        assert_null(ring_peek_behind(&r, 1));
        *(uint32_t *)ring_slot(&r) = n;
        ring_push(&r);
        assert_null(ring_peek_behind(&r, 1));
        *(uint32_t *)ring_slot(&r) = n + 100;
        ring_push(&r);
        assert_int_equal(*(const uint32_t *)ring_peek(&r), n);
        assert_int_equal(*(const uint32_t *)ring_peek_behind(&r, 1), n + 100);
        ring_pop(&r);
        assert_null(ring_peek_behind(&r, 1));
        ring_pop(&r);
    }
    ring_close(&r);
}

struct relief {
    struct ring *ring;
    uint32_t calls;
    uint32_t next; /* due to come out */
};

static void take_all(void *context)
{
    struct relief *x = context;
    x->calls++;
    for (const uint32_t *item = ring_peek(x->ring); item != NULL; item = ring_peek(x->ring)) {
        assert_int_equal(*item, x->next++);
        ring_pop(x->ring);
    }
    ring_restart(x->ring);
}

static void test_ring_of_one_thread_has_itself_emptied_where_it_is_full(void **state)
{
    (void)state;
    enum { ROOM = 4, ITEMS = 1000 };
    struct ring r;
    struct relief x = {.ring = &r};
    assert_true(ring_open(&r, ROOM, sizeof(uint32_t)));
    ring_relieve(&r, take_all, &x);
    const void *first = ring_slot(&r);
    for (uint32_t n = 0; n < ITEMS; n++) {
        *(uint32_t *)ring_await_slot(&r) = n;
        ring_push(&r);
        assert_int_equal(x.calls, n / ROOM); /* not before it is full */
    }
    ring_restart(&r); /* never with something in it */
    take_all(&x);
    assert_int_equal(x.next, ITEMS);
    assert_ptr_equal(ring_slot(&r), first);
    ring_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_queue_gives_back_in_order_and_refuses_when_full),
        cmocka_unit_test(test_ring_tells_what_comes_behind_the_oldest),
        cmocka_unit_test(test_ring_of_one_thread_has_itself_emptied_where_it_is_full),
        cmocka_unit_test(test_queue_between_two_threads_loses_and_mixes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
