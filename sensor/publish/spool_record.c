#include "sensor/publish/spool_record.h"

#include <string.h>
#include <zlib.h>

/* "WXB1": a later layout gets another digit, and is then no record to this program. */
static const uint8_t magic[4] = {'W', 'X', 'B', '1'};

static uint8_t *put(uint8_t *p, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        *p++ = (uint8_t)(value >> 8 * (bytes - 1 - i));
    return p;
}

static uint32_t crc_of(struct span s)
{
    return (uint32_t)crc32(0, s.p, (unsigned)s.n);
}

void spool_record_write(struct spool_record *r, struct span body, uint8_t *head)
{
    uint8_t *p = head;
    r->body_bytes = (uint32_t)body.n;
    r->body_crc = crc_of(body);
    memset(head, 0, SPOOL_HEAD_BYTES);
    memcpy(p, magic, sizeof magic);
    p = put(p + sizeof magic, r->body_bytes, 4);
    p = put(p, r->body_crc, 4);
    p = put(p, r->events, 4);
    p = put(p, r->arguments, 4);
    p = put(p, r->number, 8);
    p = put(p, r->made_ms, 8);
    memcpy(p, r->run, SPOOL_RUN_BYTES);
    (void)put(head + SPOOL_HEAD_BYTES - 4, crc_of(span_of(head, SPOOL_HEAD_BYTES - 4)), 4);
}

static uint64_t read_u64(struct cursor *c)
{
    uint64_t high = cursor_u32(c);
    return high << 32 | cursor_u32(c);
}

static bool is_run(struct span run)
{
    for (size_t i = 0; i < run.n; i++) {
        uint8_t b = span_byte(run, i);
        if (!(b >= '0' && b <= '9') && !(b >= 'a' && b <= 'f'))
            return false;
    }
    return run.n == SPOOL_RUN_BYTES;
}

bool spool_record_read(struct span head, struct spool_record *out)
{
    struct cursor c = cursor_over(span_head(head, SPOOL_HEAD_BYTES - 4));
    struct cursor sum = cursor_over(span_head(span_skip(head, SPOOL_HEAD_BYTES - 4), 4));
    *out = (struct spool_record){0};
    if (!span_equal(cursor_take(&c, sizeof magic), span_of(magic, sizeof magic)))
        return false;
    out->body_bytes = cursor_u32(&c);
    out->body_crc = cursor_u32(&c);
    out->events = cursor_u32(&c);
    out->arguments = cursor_u32(&c);
    out->number = read_u64(&c);
    out->made_ms = read_u64(&c);
    struct span run = cursor_take(&c, SPOOL_RUN_BYTES);
    uint32_t crc = cursor_u32(&sum);
    if (!cursor_ok(&c) || !cursor_done(&sum) || crc != crc_of(span_head(head, SPOOL_HEAD_BYTES - 4)))
        return false;
    memcpy(out->run, run.p, run.n);
    return is_run(run) && out->body_bytes <= SPOOL_BODY_CAP && out->number < UINT64_C(1) << 53;
}

bool spool_record_holds(const struct spool_record *r, struct span body)
{
    return body.n == r->body_bytes && crc_of(body) == r->body_crc;
}

size_t spool_record_find(struct span bytes, uint64_t *effort, struct spool_record *out)
{
    for (size_t at = 0; at < bytes.n; at++) {
        at += span_find(span_skip(bytes, at), magic[0]);
        struct span here = span_skip(bytes, at);
        if (here.n < SPOOL_HEAD_BYTES)
            break;
        if (!spool_record_read(span_head(here, SPOOL_HEAD_BYTES), out))
            continue;
        if (*effort < out->body_bytes)
            break;
        *effort -= out->body_bytes;
        if (spool_record_holds(out, span_head(span_skip(here, SPOOL_HEAD_BYTES), out->body_bytes)))
            return at;
    }
    return bytes.n;
}
