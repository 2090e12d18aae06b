/* decimal.h - numbers as decimal digits, for what writes very many of them: a printf costs ten times as much. */
#pragma once

#include <stdint.h>
#include <string.h>

enum {
    DECIMAL_CAP = 20, /* digits of the largest number */
    DECIMAL_SIGNED_CAP = DECIMAL_CAP + 1
};

/* decimal_length - how many digits a number has; 1 to DECIMAL_CAP. */
static inline unsigned decimal_length(uint64_t n)
{
    static const uint64_t powers[] = {0,
                                      UINT64_C(10),
                                      UINT64_C(100),
                                      UINT64_C(1000),
                                      UINT64_C(10000),
                                      UINT64_C(100000),
                                      UINT64_C(1000000),
                                      UINT64_C(10000000),
                                      UINT64_C(100000000),
                                      UINT64_C(1000000000),
                                      UINT64_C(10000000000),
                                      UINT64_C(100000000000),
                                      UINT64_C(1000000000000),
                                      UINT64_C(10000000000000),
                                      UINT64_C(100000000000000),
                                      UINT64_C(1000000000000000),
                                      UINT64_C(10000000000000000),
                                      UINT64_C(100000000000000000),
                                      UINT64_C(1000000000000000000),
                                      UINT64_C(10000000000000000000)};
    unsigned bits = 64 - (unsigned)__builtin_clzll(n | 1);
    unsigned tens = bits * 1233 >> 12; /* bits times log10(2): right, or one too many */
    return tens + (n >= powers[tens]);
}

/* decimal_put - write the digits, without a NUL. Returns what is behind them.
 * p   room for decimal_length(n) bytes */
static inline char *decimal_put(char *p, uint64_t n)
{
    static const char pairs[] =
        "00010203040506070809101112131415161718192021222324252627282930313233343536373839"
        "40414243444546474849505152535455565758596061626364656667686970717273747576777879"
        "8081828384858687888990919293949596979899";
    if (n < 10) { /* flags and small counts: most numbers */
        *p = (char)('0' + n);
        return p + 1;
    }
    char *end = p + decimal_length(n);
    char *d = end;
    for (; n >= 100; n /= 100)
        memcpy(d -= 2, pairs + 2 * (n % 100), 2);
    if (n >= 10)
        memcpy(d - 2, pairs + 2 * n, 2);
    else
        d[-1] = (char)('0' + n);
    return end;
}

/* decimal_put_signed - the same with a sign before a negative number. */
static inline char *decimal_put_signed(char *p, int64_t n)
{
    if (n >= 0)
        return decimal_put(p, (uint64_t)n);
    *p = '-';
    return decimal_put(p + 1, 0 - (uint64_t)n);
}
