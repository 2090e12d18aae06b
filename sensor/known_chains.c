#include "sensor/known_chains.h"

#include <stdlib.h>
#include <string.h>

#include "sensor/host/ring.h"
#include "sensor/track/chains.h"

enum { LEAF_PLACES = 4096 };

/* By number modulo count: the lane forgets in the same order (chains.h). */
struct known_chain {
    uint32_t number; /* 0: none */
    struct certificate_chain facts;
};

/* Where the facts of a leaf lie, by its hash; a newer leaf takes the place of an older one. */
struct leaf_place {
    size_t lane;
    uint32_t number;
};

struct known_chains {
    struct certificate_reader *reader;
    uint32_t count;
    struct known_chain *chains; /* [lane * count + number % count] */
    struct leaf_place leaves[LEAF_PLACES];
};

struct known_chains *known_chains_open(const char *trust_file, size_t lanes, uint32_t count, char *error)
{
    struct known_chains *k = calloc(1, sizeof *k);
    error[0] = '\0';
    if (k == NULL)
        return NULL;
    k->count = count;
    k->reader = certificate_reader_open(trust_file, error);
    k->chains = calloc(lanes * count, sizeof *k->chains);
    if (k->reader != NULL && k->chains != NULL)
        return k;
    known_chains_close(k);
    return NULL;
}

void known_chains_close(struct known_chains *k)
{
    if (k == NULL)
        return;
    certificate_reader_close(k->reader);
    free(k->chains);
    free(k);
}

static struct known_chain *place_of(const struct known_chains *k, size_t lane, uint32_t number)
{
    return &k->chains[lane * k->count + number % k->count];
}

void known_chains_read(struct known_chains *k, size_t lane, struct ring *ring)
{
    for (const struct chain_item *item = ring_peek(ring); item != NULL; item = ring_peek(ring)) {
        struct known_chain *known = place_of(k, lane, item->number);
        known->number = item->number;
        certificate_read(k->reader, span_of(item->body, item->length), &known->facts);
        ring_pop(ring);
    }
}

const struct certificate_chain *known_chains_get(const struct known_chains *k, size_t lane, uint32_t number)
{
    const struct known_chain *known = place_of(k, lane, number);
    return number != 0 && known->number == number && known->facts.parsed ? &known->facts : NULL;
}

static size_t leaf_index(const uint8_t sha256[32])
{
    uint32_t hash;
    memcpy(&hash, sha256, sizeof hash);
    return hash % LEAF_PLACES;
}

void known_chains_note_leaf(struct known_chains *k, const struct certificate_chain *chain, size_t lane,
                            uint32_t number)
{
    k->leaves[leaf_index(chain->sha256)] = (struct leaf_place){lane, number};
}

const struct certificate_chain *known_chains_of_leaf(const struct known_chains *k, const uint8_t sha256[32])
{
    const struct leaf_place *place = &k->leaves[leaf_index(sha256)];
    const struct certificate_chain *chain = known_chains_get(k, place->lane, place->number);
    bool same = chain != NULL && memcmp(chain->sha256, sha256, sizeof chain->sha256) == 0;
    return same ? chain : NULL;
}
