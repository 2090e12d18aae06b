#include "sensor/audit/certificate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sensor/audit/certificate_parts.h"
#include "sensor/host/digest.h"

/* A large site has some hundred servers; 4096 chains are 8 MiB and outlast renewals of all of them. */
enum { CACHE_CAP = 4096, DAY_S = 86400 };

struct remembered {
    uint8_t key[DIGEST_SHA256_BYTES];
    uint16_t next; /* in the bucket: index + 1, 0 ends it */
    struct certificate_chain chain;
};

struct certificate_reader {
    struct certificate_roots *roots;
    struct digester *digester;
    uint64_t parsed; /* modulo CACHE_CAP the slot that is written next: the oldest */
    uint16_t bucket[CACHE_CAP];
    struct remembered slot[CACHE_CAP];
};

struct certificate_reader *certificate_reader_open(const char *trust_file, char *error)
{
    struct certificate_roots *roots = certificate_roots_open(trust_file, error);
    if (roots == NULL)
        return NULL;
    struct certificate_reader *r = calloc(1, sizeof *r);
    struct digester *digester = digest_open();
    if (r == NULL || digester == NULL) {
        snprintf(error, CERTIFICATE_ERROR_CAP, "no memory for the certificate cache");
        certificate_roots_close(roots);
        digest_close(digester);
        free(r);
        return NULL;
    }
    r->roots = roots;
    r->digester = digester;
    return r;
}

void certificate_reader_close(struct certificate_reader *r)
{
    if (r == NULL)
        return;
    certificate_roots_close(r->roots);
    digest_close(r->digester);
    free(r);
}

static uint16_t *bucket_of(struct certificate_reader *r, const uint8_t *key)
{
    return &r->bucket[(key[0] << 8 | key[1]) % CACHE_CAP];
}

static const struct certificate_chain *find(struct certificate_reader *r, const uint8_t *key)
{
    for (uint16_t at = *bucket_of(r, key); at != 0; at = r->slot[at - 1].next)
        if (memcmp(r->slot[at - 1].key, key, sizeof r->slot[at - 1].key) == 0)
            return &r->slot[at - 1].chain;
    return NULL;
}

static void forget(struct certificate_reader *r, uint16_t number)
{
    uint16_t *link = bucket_of(r, r->slot[number - 1].key);
    while (*link != number)
        link = &r->slot[*link - 1].next;
    *link = r->slot[number - 1].next;
}

/* Takes the oldest slot for a new chain and returns it for filling in. */
static struct certificate_chain *remember(struct certificate_reader *r, const uint8_t *key)
{
    uint16_t number = (uint16_t)(r->parsed % CACHE_CAP + 1);
    struct remembered *slot = &r->slot[number - 1];
    if (r->parsed >= CACHE_CAP)
        forget(r, number);
    uint16_t *first = bucket_of(r, key);
    memcpy(slot->key, key, sizeof slot->key);
    slot->next = *first;
    *first = number;
    r->parsed++;
    return &slot->chain;
}

static void read_chain(struct certificate_reader *r, struct span body, struct certificate_chain *out)
{
    struct tls_chain chain;
    *out = (struct certificate_chain){0};
    bool well_formed = tls_chain_parse(body, &chain);
    out->sent = (uint8_t)(chain.sent < UINT8_MAX ? chain.sent : UINT8_MAX);
    if (chain.count == 0)
        return;
    out->parsed = certificate_leaf_read(chain.der[0], out);
    if (out->parsed)
        certificate_path_read(r->roots, &chain, out);
    /* A list that breaks off tells nothing about its order. */
    out->ordered = out->ordered && well_formed;
}

void certificate_read(struct certificate_reader *r, struct span body, struct certificate_chain *out)
{
    uint8_t key[DIGEST_SHA256_BYTES];
    digest_sha256(r->digester, body, key);
    const struct certificate_chain *known = find(r, key);
    if (known == NULL) {
        struct certificate_chain *fresh = remember(r, key);
        read_chain(r, body, fresh);
        known = fresh;
    }
    *out = *known;
}

uint64_t certificate_read_count(const struct certificate_reader *r)
{
    return r->parsed;
}

int64_t certificate_validity_days(const struct certificate_chain *c)
{
    if (!c->parsed || c->not_after < c->not_before)
        return 0;
    return (c->not_after - c->not_before + 1 + DAY_S - 1) / DAY_S;
}

int64_t certificate_validity_limit_days(int64_t not_before)
{
    /* tls-audit table of the CA/Browser Forum's ballots: 193, SC031, SC081. First second of the day, UTC. */
    static const struct {
        int64_t from, days;
    } limits[] = {
        {1868227200, 47},  /* 2029-03-15 */
        {1805068800, 100}, /* 2027-03-15 */
        {1773532800, 200}, /* 2026-03-15 */
        {1598918400, 398}, /* 2020-09-01 */
        {1519862400, 825}, /* 2018-03-01 */
    };
    for (unsigned i = 0; i < sizeof limits / sizeof *limits; i++)
        if (not_before >= limits[i].from)
            return limits[i].days;
    return 0;
}

const char *certificate_trust_word(enum certificate_trust trust)
{
    switch (trust) {
    case TRUST_NOT_CHECKED: return "not_checked";
    case TRUST_TRUSTED: return "trusted";
    case TRUST_SELF_SIGNED: return "self_signed";
    /* To a client it is one more issuer nobody knows; the rules tell it apart by the enum. */
    case TRUST_SELF_ISSUED:
    case TRUST_UNTRUSTED: return "untrusted";
    case TRUST_INCOMPLETE: return "incomplete";
    }
    return "not_checked";
}

const char *certificate_scope_word(enum certificate_scope scope)
{
    switch (scope) {
    case SCOPE_UNKNOWN: return "";
    case SCOPE_SINGLE: return "single";
    case SCOPE_MULTI: return "multi";
    case SCOPE_WILDCARD: return "wildcard";
    }
    return "";
}

const char *certificate_validation_word(enum certificate_validation validation)
{
    switch (validation) {
    case VALIDATION_UNKNOWN: return "unknown";
    case VALIDATION_DV: return "DV";
    case VALIDATION_OV: return "OV";
    case VALIDATION_IV: return "IV";
    case VALIDATION_EV: return "EV";
    }
    return "unknown";
}
