#include "sensor/track/chains.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "sensor/host/hash.h"
#include "sensor/host/ring.h"

enum { PROBES = 4 };

struct entry {
    uint64_t hash;
    uint32_t number; /* 0: never used */
    uint32_t length;
    uint8_t *body; /* CHAIN_CAP_BYTES of room */
};

struct chains {
    struct ring *out;
    bool wait;
    uint32_t count;
    uint32_t last; /* number of the newest chain */
    uint32_t index_mask;
    uint64_t key;
    uint64_t dropped;
    struct entry *entries; /* slot: number modulo count */
    uint32_t *index;       /* hash to number; an entry that is out of date does no harm, it is compared */
    uint8_t *bodies;
};

struct chains *chains_open(uint32_t count, struct ring *out, bool wait)
{
    struct chains *c = calloc(1, sizeof *c);
    if (c == NULL)
        return NULL;
    uint32_t places = 64;
    while (places < 4 * count)
        places *= 2;
    *c = (struct chains){.out = out, .wait = wait, .count = count, .index_mask = places - 1};
    c->entries = calloc(count, sizeof *c->entries);
    c->index = calloc(places, sizeof *c->index);
    c->bodies = calloc(count, CHAIN_CAP_BYTES);
    bool keyed = getrandom(&c->key, sizeof c->key, 0) == (ssize_t)sizeof c->key;
    if (c->entries == NULL || c->index == NULL || c->bodies == NULL || !keyed) {
        chains_close(c);
        return NULL;
    }
    for (uint32_t i = 0; i < count; i++)
        c->entries[i].body = c->bodies + (size_t)i * CHAIN_CAP_BYTES;
    return c;
}

void chains_close(struct chains *c)
{
    if (c == NULL)
        return;
    free(c->entries);
    free(c->index);
    free(c->bodies);
    free(c);
}

static uint32_t find(const struct chains *c, uint64_t hash, struct span body)
{
    for (uint32_t probe = 0; probe < PROBES; probe++) {
        uint32_t number = c->index[(hash + probe) & c->index_mask];
        const struct entry *e = &c->entries[number % c->count];
        if (number != 0 && e->number == number && e->hash == hash &&
            span_equal(span_of(e->body, e->length), body))
            return number;
    }
    return 0;
}

/* The place of a forgotten chain, else the first: a chain that is not found again is only sent again. */
static void remember(struct chains *c, uint64_t hash, uint32_t number)
{
    uint32_t *place = &c->index[hash & c->index_mask];
    for (uint32_t probe = 0; probe < PROBES; probe++) {
        uint32_t *other = &c->index[(hash + probe) & c->index_mask];
        if (*other == 0 || c->entries[*other % c->count].number != *other) {
            place = other;
            break;
        }
    }
    *place = number;
}

static bool hand_on(struct chains *c, uint32_t number, struct span body)
{
    struct chain_item *item = c->wait ? ring_await_slot(c->out) : ring_slot(c->out);
    if (item == NULL)
        return false;
    item->number = number;
    item->length = (uint32_t)body.n;
    memcpy(item->body, body.p, body.n);
    ring_push(c->out);
    return true;
}

uint32_t chains_note(struct chains *c, struct span body)
{
    if (body.n == 0 || body.n > CHAIN_CAP_BYTES)
        return 0;
    uint64_t hash = hash_bytes(c->key, body);
    uint32_t number = find(c, hash, body);
    if (number != 0)
        return number;
    number = c->last + 1;
    if (number == 0 || !hand_on(c, number, body)) {
        c->dropped++;
        return 0;
    }
    c->last = number;
    struct entry *e = &c->entries[number % c->count];
    e->hash = hash;
    e->number = number;
    e->length = (uint32_t)body.n;
    memcpy(e->body, body.p, body.n);
    remember(c, hash, number);
    return number;
}

uint64_t chains_dropped(const struct chains *c)
{
    return c->dropped;
}
