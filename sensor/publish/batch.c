#include "sensor/publish/batch.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "sensor/host/log.h"
#include "sensor/host/pool.h"

enum {
    TEXT_CAP = 4096, /* more than any text of an event */
    ESCAPED_CAP = 4 * TEXT_CAP + 3,
    NUMBER_CAP = 24
};

/* ---- filling ---- */

void batch_begin(struct batch *b)
{
    b->bytes = 0;
    b->arguments = 0;
    b->events = 0;
    b->overflown = false;
}

/* Decimal digits right before `end`; returns where they begin. */
static char *digits_before(char *end, uint64_t n)
{
    do {
        *--end = (char)('0' + n % 10);
        n /= 10;
    } while (n > 0);
    return end;
}

void batch_put(struct batch *b, struct span bytes)
{
    char digits[NUMBER_CAP];
    const char *d = digits_before(digits + sizeof digits, bytes.n);
    size_t digit_count = (size_t)(digits + sizeof digits - d);
    if (b->overflown || bytes.n > BATCH_CAP_BYTES || b->bytes + digit_count + bytes.n + 5 > BATCH_CAP_BYTES) {
        b->overflown = true;
        return;
    }
    char *p = b->data + b->bytes;
    *p++ = '$';
    memcpy(p, d, digit_count);
    p += digit_count;
    memcpy(p, "\r\n", 2);
    memcpy(p + 2, bytes.p, bytes.n);
    memcpy(p + 2 + bytes.n, "\r\n", 2);
    b->bytes += digit_count + bytes.n + 5;
    b->arguments++;
}

void batch_put_word(struct batch *b, const char *word)
{
    batch_put(b, span_of(word, strlen(word)));
}

void batch_put_number(struct batch *b, int64_t number)
{
    char text[NUMBER_CAP];
    char *end = text + sizeof text;
    char *d = digits_before(end, number < 0 ? 0 - (uint64_t)number : (uint64_t)number);
    if (number < 0)
        *--d = '-';
    batch_put(b, span_of(d, (size_t)(end - d)));
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

void batch_put_text(struct batch *b, const char *text)
{
    char escaped[ESCAPED_CAP];
    if (text[0] == '\0') {
        batch_put_word(b, "none");
        return;
    }
    bool quoted = reads_as_number(text);
    escaped[0] = '"';
    log_escape(text, escaped + 1, sizeof escaped - 2);
    size_t length = strlen(escaped + 1);
    if (quoted)
        escaped[++length] = '"';
    const char *value = quoted ? escaped : escaped + 1;
    batch_put(b, span_of(value, length + quoted));
}

struct batch_mark batch_mark(struct batch *b)
{
    b->overflown = false;
    return (struct batch_mark){b->bytes, b->arguments, b->events};
}

void batch_undo(struct batch *b, const struct batch_mark *mark)
{
    b->bytes = mark->bytes;
    b->arguments = mark->arguments;
    b->events = mark->events;
    b->overflown = false;
}

/* ---- the pool ---- */

struct batch_pool {
    pthread_mutex_t lock;
    struct pool pool;
};

struct batch_pool *batch_pool_open(uint32_t count)
{
    struct batch_pool *p = calloc(1, sizeof *p);
    if (p == NULL)
        return NULL;
    if (!pool_open(&p->pool, count, sizeof(struct batch))) {
        free(p);
        return NULL;
    }
    pthread_mutex_init(&p->lock, NULL);
    return p;
}

void batch_pool_close(struct batch_pool *p)
{
    if (p == NULL)
        return;
    pool_close(&p->pool);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

struct batch *batch_take(struct batch_pool *p)
{
    pthread_mutex_lock(&p->lock);
    struct batch *b = pool_take(&p->pool);
    pthread_mutex_unlock(&p->lock);
    if (b != NULL)
        batch_begin(b);
    return b;
}

void batch_give(struct batch_pool *p, struct batch *b)
{
    pthread_mutex_lock(&p->lock);
    pool_give(&p->pool, b);
    pthread_mutex_unlock(&p->lock);
}
