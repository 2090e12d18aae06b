#include "sensor/publish/batch.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "sensor/host/decimal.h"
#include "sensor/host/log.h"
#include "sensor/host/pool.h"

enum {
    TEXT_CAP = 4096, /* more than any text of an event */
    ESCAPED_CAP = 4 * TEXT_CAP + 3
};

/* ---- filling ---- */

void batch_begin(struct batch *b)
{
    b->bytes = 0;
    b->arguments = 0;
    b->events = 0;
    b->overflown = false;
}

void batch_put(struct batch *b, struct span bytes)
{
    size_t digit_count = decimal_length(bytes.n);
    if (b->overflown || bytes.n > BATCH_CAP_BYTES || b->bytes + digit_count + bytes.n + 5 > BATCH_CAP_BYTES) {
        b->overflown = true;
        return;
    }
    char *p = b->data + b->bytes;
    *p++ = '$';
    p = decimal_put(p, bytes.n);
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
    char text[DECIMAL_SIGNED_CAP];
    const char *end = decimal_put_signed(text, number);
    batch_put(b, span_of(text, (size_t)(end - text)));
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
