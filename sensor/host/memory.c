#include "sensor/host/memory.h"

#include <stdint.h>
#include <sys/mman.h>

/* The size of a large page on x86-64 and ARM64 with pages of 4 KiB; where it is another, nothing is lost but speed.
 * A small table would be zeroed for much more than is ever used of it. */
enum { LARGE_PAGE_BYTES = 2097152, LEAST_BYTES = 2 * LARGE_PAGE_BYTES };

static size_t rounded(size_t bytes)
{
    return (bytes + LARGE_PAGE_BYTES - 1) / LARGE_PAGE_BYTES * LARGE_PAGE_BYTES;
}

/* The kernel gives a large page only to a whole one at its boundary: one more is mapped, and what is over goes back. */
void *memory_take(size_t count, size_t item_bytes)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, item_bytes, &bytes) || bytes == 0 || bytes > SIZE_MAX / 2)
        return NULL;
    size_t wanted = rounded(bytes);
    unsigned char *all = mmap(NULL, wanted + LARGE_PAGE_BYTES, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (all == MAP_FAILED)
        return NULL;
    size_t before = -(uintptr_t)all % LARGE_PAGE_BYTES;
    if (before > 0)
        (void)munmap(all, before);
    (void)munmap(all + before + wanted, LARGE_PAGE_BYTES - before);
    if (bytes >= LEAST_BYTES)
        (void)madvise(all + before, wanted, MADV_HUGEPAGE);
    return all + before;
}

void memory_give(void *memory, size_t count, size_t item_bytes)
{
    if (memory != NULL)
        (void)munmap(memory, rounded(count * item_bytes));
}
