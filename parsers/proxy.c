#include "proxy.h"

enum { SIGNATURE_BYTES = 12, LENGTH_AT = 14, FIXED_BYTES = 16 };

static const uint8_t signature[SIGNATURE_BYTES] = {'\r', '\n', '\r', '\n', 0,   '\r',
                                                   '\n', 'Q',  'U',  'I',  'T', '\n'};

bool proxy_may_begin(const struct proxy *p, uint8_t octet)
{
    return !p->over && (p->seen > 0 || octet == signature[0]);
}

/* Version, command and family say nothing here; the length of what follows does. */
static size_t take_fixed_part(struct proxy *p, struct span rest)
{
    size_t at = 0;
    for (; at < rest.n && p->seen < FIXED_BYTES; p->seen++, at++)
        if (p->seen >= LENGTH_AT)
            p->left = (uint16_t)(p->left << 8 | span_byte(rest, at));
    return at;
}

size_t proxy_take(struct proxy *p, struct span rest, struct span *back)
{
    size_t at = 0;
    *back = span_of(NULL, 0);
    for (; at < rest.n && p->seen < SIGNATURE_BYTES; p->seen++, at++) {
        if (span_byte(rest, at) == signature[p->seen])
            continue;
        *back = span_of(signature, p->seen);
        p->over = true;
        return at;
    }
    at += take_fixed_part(p, span_skip(rest, at));
    if (p->seen < FIXED_BYTES)
        return at;
    size_t more = rest.n - at < p->left ? rest.n - at : p->left;
    p->left = (uint16_t)(p->left - more);
    if (p->left == 0) /* balancers stand in rows: another header may follow */
        p->seen = 0;
    return at + more;
}

bool proxy_is_line(struct proxy *p, struct span line)
{
    bool header = !p->over && span_starts(line, "PROXY ");
    p->over = !header;
    return header;
}
