/* cursor.h - the bounded reader, and the only file that indexes wire bytes.
 *
 * A `span` is bytes that somebody else owns. A `cursor` reads a span forward. Too short a read fails
 * the cursor and empties it, so every `while (cursor_left(&c) > 0)` ends; failure sticks, so a message
 * is read like its RFC and checked once at the end. A child cursor (cursor_sub8, ...) that fails leaves
 * its parent intact. Nothing here allocates, prints, or knows a protocol. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct span {
    const uint8_t *p;
    size_t n;
};

struct cursor {
    const uint8_t *p;
    size_t n;
    bool failed;
};

/* span_of - the n bytes at p, borrowed; a NULL p gives an empty span that still points somewhere. */
static inline struct span span_of(const void *p, size_t n)
{
    static const uint8_t nothing[1];
    return p != NULL ? (struct span){p, n} : (struct span){nothing, 0};
}

/* span_text - the bytes of a C string without its NUL. */
static inline struct span span_text(const char *text)
{
    return span_of(text, strlen(text));
}

/* span_head - the first n bytes, or all where there are fewer. */
static inline struct span span_head(struct span s, size_t n)
{
    return span_of(s.p, s.n < n ? s.n : n);
}

/* span_skip - what follows the first n bytes; empty where there are fewer. */
static inline struct span span_skip(struct span s, size_t n)
{
    n = n < s.n ? n : s.n;
    return span_of(s.p + n, s.n - n);
}

/* span_byte - byte i by value; 0 beyond the end. */
static inline uint8_t span_byte(struct span s, size_t i)
{
    return i < s.n ? s.p[i] : 0;
}

/* span_equal - same length and same bytes. */
static inline bool span_equal(struct span a, struct span b)
{
    return a.n == b.n && memcmp(a.p, b.p, a.n) == 0;
}

/* byte_upper - ASCII upper case; locale plays no part on the wire. */
static inline uint8_t byte_upper(uint8_t b)
{
    return b >= 'a' && b <= 'z' ? (uint8_t)(b - ('a' - 'A')) : b;
}

/* byte_alike - the same but for the case of an ASCII letter. */
static inline bool byte_alike(uint8_t a, uint8_t b)
{
    return a == b || byte_upper(a) == byte_upper(b);
}

/* span_alike - same length, and same bytes but for the case of ASCII letters (mail verbs and keywords are
 * case-insensitive). The length comes first: it tells most words apart. */
static inline __attribute__((always_inline)) bool span_alike(struct span a, struct span b)
{
    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++)
        if (!byte_alike(a.p[i], b.p[i]))
            return false;
    return true;
}

/* How the first four and the last four bytes of two texts of n bytes differ. */
static inline uint32_t bytes_differ(const uint8_t *a, const uint8_t *b, size_t n)
{
    uint32_t words[4];
    memcpy(&words[0], a, 4);
    memcpy(&words[1], b, 4);
    memcpy(&words[2], a + n - 4, 4);
    memcpy(&words[3], b + n - 4, 4);
    return (words[0] ^ words[1]) | (words[2] ^ words[3]);
}

/* span_is - alike to the text of a C string. Of a constant text the compiler knows length and words: those are looked
 * at first, and tell nearly all others apart. */
static inline __attribute__((always_inline)) bool span_is(struct span s, const char *text)
{
    static const uint32_t CASE = 0x20202020;
    struct span other = {(const uint8_t *)text, strlen(text)};
    if (s.n != other.n)
        return false;
    if (__builtin_constant_p(other.n) && other.n >= 4) {
        uint32_t difference = bytes_differ(s.p, other.p, other.n);
        if ((difference & ~CASE) != 0)
            return false;
        if (difference == 0 && other.n <= 8)
            return true;
    }
    return span_alike(s, other);
}

/* WORD - a constant text as an initializer, for lists of words. */
#define WORD(text)                                                                                           \
    {                                                                                                        \
        (const uint8_t *)(text), sizeof(text) - 1                                                            \
    }

/* span_is_among - alike to one of `count` words? */
static inline bool span_is_among(struct span s, const struct span *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (span_alike(s, words[i]))
            return true;
    return false;
}

/* span_starts - begins with the text, ASCII case ignored. */
static inline bool span_starts(struct span s, const char *text)
{
    if (s.n > 0 && byte_upper(s.p[0]) != byte_upper((uint8_t)text[0]) && text[0] != '\0')
        return false; /* most differ here: spare the strlen */
    size_t n = strlen(text);
    return s.n >= n && span_is(span_head(s, n), text);
}

/* span_find - offset of byte b, or s.n where it does not occur. */
static inline size_t span_find(struct span s, uint8_t b)
{
    const uint8_t *hit = s.n > 0 ? memchr(s.p, b, s.n) : NULL;
    return hit != NULL ? (size_t)(hit - s.p) : s.n;
}

/* Those of eight octets that are a space or a tab: the highest bit of the first of them is set, and none of those before
 * it. The octets lie in the order of the least significant first. */
static inline uint64_t blanks_of(uint64_t octets)
{
    enum { SPACE = 0x20, TAB = 0x09 };
    static const uint64_t EACH = UINT64_C(0x0101010101010101);
    uint64_t space = octets ^ EACH * SPACE;
    uint64_t tab = octets ^ EACH * TAB;
    return (((space - EACH) & ~space) | ((tab - EACH) & ~tab)) & EACH << 7;
}

/* span_blank - offset of the first space or tab from offset `at` on, or s.n where there is none. */
static inline size_t span_blank(struct span s, size_t at)
{
    for (; s.n - at >= sizeof(uint64_t); at += sizeof(uint64_t)) {
        uint64_t octets;
        memcpy(&octets, s.p + at, sizeof octets);
        if (__BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__)
            octets = __builtin_bswap64(octets);
        uint64_t blanks = blanks_of(octets);
        if (blanks != 0)
            return at + (size_t)__builtin_ctzll(blanks) / 8;
    }
    while (at < s.n && s.p[at] != ' ' && s.p[at] != '\t')
        at++;
    return at;
}

/* span_word - cuts the next word (up to a space or tab) off the front of *s, leading blanks skipped. */
static inline struct span span_word(struct span *s)
{
    size_t start = 0;
    while (start < s->n && (s->p[start] == ' ' || s->p[start] == '\t'))
        start++;
    size_t end = span_blank(*s, start);
    struct span word = span_of(s->p + start, end - start);
    *s = span_skip(*s, end);
    return word;
}

/* cursor_over - start reading a span. */
static inline struct cursor cursor_over(struct span s)
{
    s = span_of(s.p, s.n);
    return (struct cursor){s.p, s.n, false};
}

/* cursor_fail - mark as malformed, for a reason of meaning or of length; nothing more can be read. */
static inline void cursor_fail(struct cursor *c)
{
    c->failed = true;
    c->n = 0;
}

/* cursor_left - bytes not yet read; 0 once failed. */
static inline size_t cursor_left(const struct cursor *c)
{
    return c->n;
}

/* cursor_ok - nothing failed so far. */
static inline bool cursor_ok(const struct cursor *c)
{
    return !c->failed;
}

/* cursor_done - nothing failed and nothing is left over. */
static inline bool cursor_done(const struct cursor *c)
{
    return !c->failed && c->n == 0;
}

/* cursor_rest - all that is left, as a span; the cursor itself does not move. */
static inline struct span cursor_rest(struct cursor c)
{
    return span_of(c.p, c.n);
}

/* cursor_take - the next n bytes; empty and failed where fewer are left. */
static inline struct span cursor_take(struct cursor *c, size_t n)
{
    if (n > c->n) {
        cursor_fail(c);
        return span_of(NULL, 0);
    }
    struct span taken = span_of(c->p, n);
    c->p += n;
    c->n -= n;
    return taken;
}

/* cursor_u8, u16, u24, u32 - the next big-endian integer, by value; 0 and failed where too short. */
static inline uint8_t cursor_u8(struct cursor *c)
{
    return span_byte(cursor_take(c, 1), 0);
}

static inline uint16_t cursor_u16(struct cursor *c)
{
    struct span s = cursor_take(c, 2);
    if (s.n != 2)
        return 0;
    return (uint16_t)(s.p[0] << 8 | s.p[1]);
}

static inline uint32_t cursor_u24(struct cursor *c)
{
    struct span s = cursor_take(c, 3);
    if (s.n != 3)
        return 0;
    return (uint32_t)s.p[0] << 16 | (uint32_t)s.p[1] << 8 | s.p[2];
}

static inline uint32_t cursor_u32(struct cursor *c)
{
    struct span s = cursor_take(c, 4);
    if (s.n != 4)
        return 0;
    return (uint32_t)s.p[0] << 24 | (uint32_t)s.p[1] << 16 | (uint32_t)s.p[2] << 8 | s.p[3];
}

/* cursor_sub8, sub16, sub24 - a child over a vector that a length of that many bits precedes; a child
 * that does not fit comes back failed and fails its parent too. */
static inline struct cursor cursor_child(struct cursor *c, size_t n)
{
    struct span body = cursor_take(c, n);
    struct cursor child = cursor_over(body);
    child.failed = c->failed;
    return child;
}

static inline struct cursor cursor_sub8(struct cursor *c)
{
    return cursor_child(c, cursor_u8(c));
}

static inline struct cursor cursor_sub16(struct cursor *c)
{
    return cursor_child(c, cursor_u16(c));
}

static inline struct cursor cursor_sub24(struct cursor *c)
{
    return cursor_child(c, cursor_u24(c));
}
