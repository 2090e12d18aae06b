/* utf8.h - one character of text from the wire: is it well-formed UTF-8, and may it be shown?
 *
 * Shared by the log, JSON and Redis, so that all three call the same bytes invalid. Text is NUL-terminated:
 * the NUL ends every character that is cut off, so nothing is read beyond it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* utf8_char - the character at p.
 * code   out; its code point
 * Returns its length in bytes, 1 to 4; 0 where the byte at p begins no well-formed character
 * Spec    RFC 3629 s4: no overlong forms, no surrogates, nothing above U+10FFFF */
static inline unsigned utf8_char(const unsigned char *p, uint32_t *code)
{
    if (p[0] < 0x80) {
        *code = p[0];
        return 1;
    }
    if (p[0] < 0xc2 || p[0] > 0xf4 || (p[1] & 0xc0) != 0x80)
        return 0;
    if (p[0] < 0xe0) {
        *code = (uint32_t)(p[0] & 0x1f) << 6 | (p[1] & 0x3f);
        return 2;
    }
    if ((p[2] & 0xc0) != 0x80)
        return 0;
    if (p[0] < 0xf0) {
        *code = (uint32_t)(p[0] & 0x0f) << 12 | (uint32_t)(p[1] & 0x3f) << 6 | (p[2] & 0x3f);
        return *code < 0x800 || (*code >= 0xd800 && *code <= 0xdfff) ? 0 : 3;
    }
    if ((p[3] & 0xc0) != 0x80)
        return 0;
    *code = (uint32_t)(p[0] & 0x07) << 18 | (uint32_t)(p[1] & 0x3f) << 12 | (uint32_t)(p[2] & 0x3f) << 6 |
            (p[3] & 0x3f);
    return *code < 0x10000 || *code > 0x10ffff ? 0 : 4;
}

/* utf8_shown - may a terminal, a log or a table be given this character as it is? Not the control
 * characters, not the line separators U+2028 and U+2029, and not the marks that reorder what follows them
 * (U+202E and its kin), with which a host name can be made to read as another. */
static inline bool utf8_shown(uint32_t code)
{
    if (code < 0x20 || (code >= 0x7f && code <= 0x9f))
        return false;
    if (code < 0x2000)
        return code != 0x061c;
    return code != 0x200e && code != 0x200f && !(code >= 0x2028 && code <= 0x202e) &&
           !(code >= 0x2066 && code <= 0x2069) && code != 0xfeff;
}
