/* memory.h - the big tables that are taken at start and touched only as they are used.
 *
 * What is looked up at random in megabytes costs a walk through the page tables for nearly every look; large pages
 * spare most of them, and nearly all faults. They are asked for and may be refused: then all is as with calloc. */
#pragma once

#include <stddef.h>

/* memory_take - zeroed memory for count items of so many bytes, on a boundary of 64 bytes at least. NULL where it is
 * lacking or count or item_bytes is 0. */
void *memory_take(size_t count, size_t item_bytes);

/* memory_give - give it back, with the numbers it was taken with. NULL is allowed. */
void memory_give(void *memory, size_t count, size_t item_bytes);
