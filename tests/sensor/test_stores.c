/* Rooms for handshake messages: who loses one when all are lent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sensor/track/stores.h"

enum { ROOMS = 3 };

static struct stores stores;
static struct tls_record framers[6];

static int setup(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof framers / sizeof framers[0]; i++)
        framers[i] = (struct tls_record){0};
    return stores_open(&stores, ROOMS, 64) ? 0 : 1;
}

static int teardown(void **state)
{
    (void)state;
    stores_close(&stores);
    return 0;
}

static void test_stores_unfinished_hello_loses_its_room_before_a_certificate(void **state)
{
    (void)state;
    assert_true(stores_lend(&stores, &framers[0], false));
    assert_true(stores_lend(&stores, &framers[1], true));
    assert_true(stores_lend(&stores, &framers[2], true));
    framers[1].store_used = 40;
    assert_false(stores_lend(&stores, &framers[3], true));
    assert_null(framers[1].store);
    assert_int_equal(framers[1].store_used, 0);
    assert_int_equal(framers[1].store_cap, 0);
    assert_non_null(framers[3].store);
    assert_false(stores_lend(&stores, &framers[4], false));
    assert_null(framers[2].store);
    assert_non_null(framers[0].store);
    assert_int_equal(stores.rooms.in_use, ROOMS);
}

static void test_stores_among_equals_the_oldest_loan_ends(void **state)
{
    (void)state;
    for (int i = 0; i < ROOMS; i++)
        assert_true(stores_lend(&stores, &framers[i], false));
    stores_take_back(&stores, &framers[0]);
    stores_take_back(&stores, &framers[0]);                /* has none any more */
    assert_true(stores_lend(&stores, &framers[0], false)); /* and is the newest now */
    assert_false(stores_lend(&stores, &framers[3], false));
    assert_null(framers[1].store);
    assert_non_null(framers[0].store);
    assert_non_null(framers[2].store);
    for (int i = 0; i < 4; i++)
        stores_take_back(&stores, &framers[i]);
    assert_int_equal(stores.rooms.in_use, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_stores_unfinished_hello_loses_its_room_before_a_certificate,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_stores_among_equals_the_oldest_loan_ends, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
