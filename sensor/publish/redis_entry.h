/* redis_entry.h - an event as the bytes of one XADD command (RESP), encoded once and kept until Redis has
 * answered.
 *
 * Encoding here, and not in hiredis, needs no allocation per event, and what waits in the queue is exactly
 * what is sent. For redis.c alone. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "sensor/audit/event.h"

enum { REDIS_ENTRY_CAP = 65536, REDIS_PREFIX_CAP = 40, REDIS_HEAD_CAP = 320 };

struct redis_encoder {
    char head[REDIS_HEAD_CAP]; /* XADD key MAXLEN ~ cap *, as far as it is the same in all */
    size_t head_bytes;
    struct {
        char text[REDIS_PREFIX_CAP]; /* the field's name */
        size_t bytes;
    } fields[EVENT_FIELD_COUNT];
};

/* redis_encoder_prepare - for a stream and its approximate length. */
void redis_encoder_prepare(struct redis_encoder *x, const char *key, uint64_t events_cap);

/* redis_encode - returns the number of bytes written; out has room for REDIS_ENTRY_CAP. Texts that do not
 * fit are cut. */
size_t redis_encode(const struct redis_encoder *x, const struct event *e, char *out);

/* redis_put_raw, redis_put_number, redis_put_text - one word of a command, as RESP; text by the rules of
 * redis.h. Return the end of what was written.
 * end  where a text must end at the latest; it is cut */
char *redis_put_raw(char *p, const char *value, size_t length);
char *redis_put_number(char *p, int64_t number);
char *redis_put_text(char *p, const char *end, const char *text);
