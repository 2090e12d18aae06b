/* A batch of arguments: their encoding, what does not fit, going back, and the pool. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sensor/publish/batch.h"

static struct batch *new_batch(void)
{
    struct batch *b = malloc(sizeof *b);
    batch_begin(b);
    return b;
}

static void test_batch_arguments_are_bulk_strings(void **state)
{
    (void)state;
    static const char wanted[] =
        "$4\r\nroll\r\n$0\r\n\r\n$3\r\na\0b\r\n$1\r\n0\r\n$20\r\n-9223372036854775808\r\n"
        "$19\r\n9223372036854775807\r\n$4\r\nnone\r\n$7\r\n\"12345\"\r\n$10\r\na\\x0d\\x0ab\r\n";
    struct batch *b = new_batch();
    batch_put_word(b, "roll");
    batch_put_word(b, "");
    batch_put(b, span_of("a\0b", 3));
    batch_put_number(b, 0);
    batch_put_number(b, INT64_MIN);
    batch_put_number(b, INT64_MAX);
    batch_put_text(b, "");
    batch_put_text(b, "12345");
    batch_put_text(b, "a\r\nb");
    assert_int_equal(b->arguments, 9);
    assert_false(b->overflown);
    assert_int_equal(b->bytes, sizeof wanted - 1);
    assert_memory_equal(b->data, wanted, sizeof wanted - 1);
    free(b);
}

static void test_batch_what_does_not_fit_is_left_out_whole(void **state)
{
    (void)state;
    static char filling[BATCH_CAP_BYTES];
    struct batch *b = new_batch();
    memset(filling, 'x', sizeof filling);
    batch_put(b, span_of(filling, sizeof filling));
    assert_true(b->overflown);
    assert_int_equal(b->bytes + b->arguments, 0);
    struct batch_mark mark = batch_mark(b);
    assert_false(b->overflown);
    size_t room = BATCH_CAP_BYTES - 12; /* "$1048564", and two line ends */
    batch_put(b, span_of(filling, room));
    assert_false(b->overflown);
    assert_int_equal(b->bytes, BATCH_CAP_BYTES);
    batch_put_word(b, "");
    assert_true(b->overflown);
    assert_int_equal(b->arguments, 1);
    batch_undo(b, &mark);
    assert_false(b->overflown);
    batch_put_word(b, "roll");
    mark = batch_mark(b);
    b->events++;
    batch_put(b, span_of(filling, sizeof filling - 20));
    batch_put_word(b, "short"); /* would fit, but belongs to what did not */
    assert_true(b->overflown);
    batch_undo(b, &mark);
    assert_int_equal(b->arguments, 1);
    assert_int_equal(b->events, 0);
    assert_memory_equal(b->data, "$4\r\nroll\r\n", 10);
    assert_int_equal(b->bytes, 10);
    free(b);
}

static void test_batch_pool_gives_empty_ones_and_no_more_than_it_has(void **state)
{
    (void)state;
    struct batch_pool *p = batch_pool_open(2);
    assert_non_null(p);
    struct batch *a = batch_take(p);
    struct batch *b = batch_take(p);
    assert_non_null(a);
    assert_non_null(b);
    assert_ptr_not_equal(a, b);
    assert_null(batch_take(p));
    batch_put_word(a, "something");
    batch_give(p, a);
    batch_give(p, NULL);
    struct batch *again = batch_take(p);
    assert_ptr_equal(again, a);
    assert_int_equal(again->bytes + again->arguments + again->events, 0);
    batch_give(p, again);
    batch_give(p, b);
    batch_pool_close(p);
    batch_pool_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_batch_arguments_are_bulk_strings),
        cmocka_unit_test(test_batch_what_does_not_fit_is_left_out_whole),
        cmocka_unit_test(test_batch_pool_gives_empty_ones_and_no_more_than_it_has),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
