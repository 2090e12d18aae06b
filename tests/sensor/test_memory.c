#include "sensor/host/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

enum { MIB = 1 << 20 };

static size_t resident_pages(unsigned char *memory, size_t bytes)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t pages = bytes / page;
    size_t resident = 0;
    unsigned char *in_core = malloc(pages);
    assert_int_equal(mincore(memory, bytes, in_core), 0);
    for (size_t i = 0; i < pages; i++)
        resident += in_core[i] & 1;
    free(in_core);
    return resident;
}

static void test_memory_is_zero_and_taken_only_as_it_is_used(void **state)
{
    (void)state;
    const size_t sizes[] = {1, 4096, MIB, 4 * MIB, 64 * MIB};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        unsigned char *memory = memory_take(1, sizes[i]);
        assert_non_null(memory);
        assert_int_equal((uintptr_t)memory % 64, 0);
        assert_int_equal(memory[0] | memory[sizes[i] / 2] | memory[sizes[i] - 1], 0);
        memory[sizes[i] - 1] = 1;
        memory_give(memory, 1, sizes[i]);
    }
    unsigned char *memory = memory_take(16, 4 * MIB);
    assert_int_equal(resident_pages(memory, 64 * (size_t)MIB), 0);
    memory[0] = 1; /* at most one large page */
    assert_in_range(resident_pages(memory, 64 * (size_t)MIB) * (size_t)sysconf(_SC_PAGESIZE), 1, 2 * MIB);
    memory_give(memory, 16, 4 * MIB);
    assert_int_equal(madvise(memory, 4096, MADV_NORMAL), -1); /* nothing is there any more */
}

static void test_memory_that_cannot_be_is_refused(void **state)
{
    (void)state;
    assert_null(memory_take(SIZE_MAX, 2));
    assert_null(memory_take(SIZE_MAX / 16, 16));
    assert_null(memory_take(0, 8));
    assert_null(memory_take(8, 0));
    memory_give(NULL, 8, 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory_is_zero_and_taken_only_as_it_is_used),
        cmocka_unit_test(test_memory_that_cannot_be_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
