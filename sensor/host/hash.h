/* hash.h - a fast keyed hash for look-ups whose hits are then compared byte by byte. It tells things apart
 * well enough; it proves nothing, and protects nothing. */
#pragma once

#include <stdint.h>
#include <string.h>

#include "parsers/cursor.h"

/* An odd number without a pattern. */
#define HASH_ODD UINT64_C(0x9e3779b97f4a7c15)

/* hash_fold - both halves of the product: with a random word in each, nobody outside can aim at a result. */
static inline uint64_t hash_fold(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* hash_bytes - two lanes, so that the multiplications overlap. key: random, per process. */
static inline uint64_t hash_bytes(uint64_t key, struct span bytes)
{
    uint64_t a = key ^ bytes.n;
    uint64_t b = ~key;
    struct span rest = bytes;
    for (; rest.n >= 16; rest = span_skip(rest, 16)) {
        uint64_t words[2];
        memcpy(words, rest.p, sizeof words);
        a = (a ^ words[0]) * UINT64_C(0x9e3779b97f4a7c15);
        b = (b ^ words[1]) * UINT64_C(0xc2b2ae3d27d4eb4f);
        a ^= a >> 29;
        b ^= b >> 31;
    }
    uint64_t tail[2] = {0, 0};
    memcpy(tail, rest.p, rest.n);
    a = (a ^ tail[0]) * UINT64_C(0x9e3779b97f4a7c15);
    b = (b ^ tail[1]) * UINT64_C(0xc2b2ae3d27d4eb4f);
    uint64_t h = a ^ b; /* a product's low bits know only of low bits: every bit is to depend on all */
    h = (h ^ h >> 32) * UINT64_C(0xd6e8feb86659fd93);
    return h ^ h >> 32;
}
