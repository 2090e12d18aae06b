#include "sensor/publish/redis_entry.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "sensor/host/log.h"

enum {
    VALUE_CAP = 4096, /* more than any text of event.c */
    ESCAPED_CAP = 4 * VALUE_CAP + 3,
    NUMBER_CAP = 24,
    FIELD_CAP = REDIS_PREFIX_CAP + 2 * NUMBER_CAP /* of a field whose value is a number or `none` */
};

_Static_assert(REDIS_ENTRY_CAP > EVENT_FIELD_COUNT * FIELD_CAP + REDIS_HEAD_CAP + ESCAPED_CAP, "entry room");

void redis_encoder_prepare(struct redis_encoder *x, const char *key, uint64_t events_cap)
{
    char cap[NUMBER_CAP];
    int cap_bytes = snprintf(cap, sizeof cap, "%" PRIu64, events_cap);
    x->head_bytes = (size_t)snprintf(
        x->head, sizeof x->head,
        "*%d\r\n$4\r\nXADD\r\n$%zu\r\n%s\r\n$6\r\nMAXLEN\r\n$1\r\n~\r\n$%d\r\n%s\r\n$1\r\n*\r\n",
        6 + 2 * EVENT_FIELD_COUNT, strlen(key), key, cap_bytes, cap);
    for (size_t i = 0; i < EVENT_FIELD_COUNT; i++) {
        const char *name = event_field_name((enum event_field)i);
        x->fields[i].bytes = (size_t)snprintf(x->fields[i].text, REDIS_PREFIX_CAP, "$%zu\r\n%s\r\n",
                                              strlen(name), name);
    }
}

static const char *digits_over(const char *t)
{
    while ((*t >= '0' && *t <= '9') || *t == '_')
        t++;
    return t;
}

/* Would Go's strconv.ParseFloat, which the Grafana data source asks, take it? Hexadecimal (0x1301) needs an
 * exponent there. */
static bool reads_as_number(const char *t)
{
    if (strchr("+-.0123456789iInN", t[0]) == NULL)
        return false;
    t += *t == '+' || *t == '-';
    if (strcasecmp(t, "inf") == 0 || strcasecmp(t, "infinity") == 0 || strcasecmp(t, "nan") == 0)
        return true;
    bool hexadecimal = t[0] == '0' && (t[1] | 0x20) == 'x';
    t += hexadecimal ? 2 : 0;
    size_t digits = 0;
    size_t points = 0;
    for (; *t != '\0' && strchr(hexadecimal ? "0123456789abcdefABCDEF_." : "0123456789_.", *t) != NULL; t++) {
        points += *t == '.';
        digits += *t != '.' && *t != '_';
    }
    if (digits == 0 || points > 1)
        return false;
    bool exponent = (*t | 0x20) == (hexadecimal ? 'p' : 'e');
    if (!exponent)
        return *t == '\0' && !hexadecimal;
    t++;
    t += *t == '+' || *t == '-';
    return *digits_over(t) == '\0';
}

char *redis_put_raw(char *p, const char *value, size_t length)
{
    char digits[NUMBER_CAP];
    char *d = digits + sizeof digits;
    size_t n = length;
    do {
        *--d = (char)('0' + n % 10);
        n /= 10;
    } while (n > 0);
    size_t digit_count = (size_t)(digits + sizeof digits - d);
    *p++ = '$';
    memcpy(p, d, digit_count);
    p += digit_count;
    memcpy(p, "\r\n", 2);
    memcpy(p + 2, value, length);
    memcpy(p + 2 + length, "\r\n", 2);
    return p + length + 4;
}

char *redis_put_number(char *p, int64_t number)
{
    char text[NUMBER_CAP];
    char *d = text + sizeof text;
    uint64_t n = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
    do {
        *--d = (char)('0' + n % 10);
        n /= 10;
    } while (n > 0);
    if (number < 0)
        *--d = '-';
    return redis_put_raw(p, d, (size_t)(text + sizeof text - d));
}

char *redis_put_text(char *p, const char *end, const char *text)
{
    char escaped[ESCAPED_CAP];
    if (text[0] == '\0')
        return redis_put_raw(p, "none", 4);
    bool quoted = reads_as_number(text);
    escaped[0] = '"';
    log_escape(text, escaped + 1, sizeof escaped - 2);
    size_t length = strlen(escaped + 1);
    if (quoted)
        escaped[++length] = '"';
    const char *value = quoted ? escaped : escaped + 1;
    length += quoted;
    ptrdiff_t room = end - p;
    if (room < (ptrdiff_t)length)
        length = room > 0 ? (size_t)room : 0;
    return redis_put_raw(p, value, length);
}

size_t redis_encode(const struct redis_encoder *x, const struct event *e, char *out)
{
    const char *end = out + REDIS_ENTRY_CAP - EVENT_FIELD_COUNT * FIELD_CAP;
    char *p = out;
    memcpy(p, x->head, x->head_bytes);
    p += x->head_bytes;
    for (size_t i = 0; i < EVENT_FIELD_COUNT; i++) {
        memcpy(p, x->fields[i].text, REDIS_PREFIX_CAP);
        p += x->fields[i].bytes;
        if (event_field_kind((enum event_field)i) == EVENT_NUMBER)
            p = redis_put_number(p, e->values[i].number);
        else
            p = redis_put_text(p, end, e->values[i].text);
    }
    return (size_t)(p - out);
}
