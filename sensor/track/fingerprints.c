#include "sensor/track/fingerprints.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "parsers/fingerprint.h"
#include "sensor/host/digest.h"
#include "sensor/host/hash.h"

enum { KEY_CAP = 768, SERVER_KEY_CAP = 126, JA4_DIGITS = 12 };

/* A hash leads to a set of places; with one place only, two hellos that meet there would be computed anew each time. */
enum { SETS = 64, WAYS = 4, SERVER_SETS = 32 };

/* All that goes into the fingerprints, one part after another, each behind its length. */
struct key {
    uint16_t length;
    uint8_t bytes[KEY_CAP];
};

/* The keys of the places of a set are told apart by a hash before they are compared. */
struct set {
    uint64_t hashes[WAYS]; /* 0: empty */
    uint8_t oldest;        /* the place to be filled next */
};

struct entry {
    struct key key;
    struct fingerprint_pair pair;
};

struct server_entry {
    uint16_t length;
    uint8_t key[SERVER_KEY_CAP];
    uint8_t ja3s[DIGEST_MD5_BYTES];
};

struct fingerprints {
    struct digester *digester;
    uint64_t hash_key;
    uint64_t computed;
    struct set sets[SETS];
    struct entry entries[SETS][WAYS];
    struct set server_sets[SERVER_SETS];
    struct server_entry server_entries[SERVER_SETS][WAYS];
    char room[2 * FINGERPRINT_CAP_BYTES];
};

struct fingerprints *fingerprints_open(struct digester *digester)
{
    struct fingerprints *f = calloc(1, sizeof *f);
    if (f == NULL || getrandom(&f->hash_key, sizeof f->hash_key, 0) != (ssize_t)sizeof f->hash_key) {
        free(f);
        return NULL;
    }
    f->digester = digester;
    return f;
}

void fingerprints_close(struct fingerprints *f)
{
    free(f);
}

/* ---- the key ---- */

static bool key_add(struct key *k, struct span part)
{
    if (part.n > (size_t)(KEY_CAP - k->length) || KEY_CAP - k->length - part.n < 2)
        return false;
    k->bytes[k->length++] = (uint8_t)(part.n >> 8);
    k->bytes[k->length++] = (uint8_t)part.n;
    memcpy(k->bytes + k->length, part.p, part.n);
    k->length = (uint16_t)(k->length + part.n);
    return true;
}

/* The types of the extensions in their order; of their bodies only what is listed in make_key counts. */
static bool key_add_types(struct key *k, struct span extensions)
{
    struct cursor c = cursor_over(extensions);
    while (cursor_left(&c) > 0) {
        struct span type = cursor_take(&c, 2);
        (void)cursor_sub16(&c);
        if (type.n != 2 || KEY_CAP - k->length < 2)
            return false;
        memcpy(k->bytes + k->length, type.p, 2);
        k->length = (uint16_t)(k->length + 2);
    }
    return cursor_ok(&c);
}

/* ---- the places ---- */

static uint64_t key_hash(const struct fingerprints *f, struct span key)
{
    uint64_t hash = hash_bytes(f->hash_key, key);
    return hash != 0 ? hash : 1;
}

/* The place of a key whose hash is there, or WAYS; the caller compares. */
static unsigned set_find(const struct set *set, uint64_t hash)
{
    unsigned way = 0;
    while (way < WAYS && set->hashes[way] != hash)
        way++;
    return way;
}

static unsigned set_take(struct set *set, uint64_t hash)
{
    unsigned way = set->oldest;
    set->oldest = (uint8_t)((way + 1) % WAYS);
    set->hashes[way] = hash;
    return way;
}

/* False where a hello is too large or too odd for the cache. */
static bool make_key(struct key *k, const struct tls_client_hello *h)
{
    uint8_t head[4] = {(uint8_t)(h->legacy_version >> 8), (uint8_t)h->legacy_version, h->has_extensions,
                       h->has_supported_versions};
    k->length = 0;
    return !h->ssl2 && h->malformed_extensions == 0 && key_add(k, span_of(head, sizeof head)) &&
           key_add(k, h->cipher_suites) && key_add(k, h->groups) && key_add(k, h->point_formats) &&
           key_add(k, h->signature_algorithms) && key_add(k, h->supported_versions) &&
           key_add(k, h->first_alpn) && key_add_types(k, h->extensions);
}

/* ---- computing ---- */

/* The first twelve digits of the hash of a list; twelve zeros where the list is empty. */
static void put_ja4_hash(const struct fingerprints *f, const char *list, size_t n, char *out)
{
    if (n == 0) {
        memset(out, '0', JA4_DIGITS);
        return;
    }
    uint8_t hash[DIGEST_SHA256_BYTES];
    char hex[JA4_DIGITS + 1];
    digest_sha256(f->digester, span_of(list, n), hash);
    digest_hex(hash, JA4_DIGITS / 2, hex);
    memcpy(out, hex, JA4_DIGITS);
}

static void compute_ja4(struct fingerprints *f, const struct tls_client_hello *h, char *out)
{
    struct fingerprint_ja4 ja4 = {.ciphers = f->room, .extensions = f->room + FINGERPRINT_CAP_BYTES};
    if (!fingerprint_ja4(h, &ja4))
        return;
    memcpy(out, ja4.a, 10);
    out[10] = '_';
    put_ja4_hash(f, ja4.ciphers, ja4.ciphers_length, out + 11);
    out[23] = '_';
    put_ja4_hash(f, ja4.extensions, ja4.extensions_length, out + 24);
    out[36] = '\0';
}

static void compute(struct fingerprints *f, const struct tls_client_hello *h, struct fingerprint_pair *out)
{
    *out = (struct fingerprint_pair){0};
    f->computed++;
    size_t n = fingerprint_ja3(h, f->room);
    out->has_ja3 = n > 0;
    if (n > 0)
        digest_md5(f->digester, span_of(f->room, n), out->ja3);
    compute_ja4(f, h, out->ja4);
}

void fingerprints_client(struct fingerprints *f, const struct tls_client_hello *h,
                         struct fingerprint_pair *out)
{
    struct key key;
    if (!make_key(&key, h)) {
        compute(f, h, out);
        return;
    }
    struct span bytes = span_of(key.bytes, key.length);
    uint64_t hash = key_hash(f, bytes);
    struct set *set = &f->sets[hash % SETS];
    struct entry *entries = f->entries[hash % SETS];
    unsigned way = set_find(set, hash);
    if (way == WAYS || !span_equal(bytes, span_of(entries[way].key.bytes, entries[way].key.length))) {
        way = set_take(set, hash);
        compute(f, h, &entries[way].pair);
        entries[way].key.length = key.length;
        memcpy(entries[way].key.bytes, key.bytes, key.length);
    }
    *out = entries[way].pair;
}

static bool compute_server(struct fingerprints *f, const struct tls_server_hello *h, uint8_t *ja3s)
{
    struct span text = span_of(f->room, fingerprint_ja3s(h, f->room));
    f->computed++;
    if (text.n > 0)
        digest_md5(f->digester, text, ja3s);
    return text.n > 0;
}

bool fingerprints_server(struct fingerprints *f, const struct tls_server_hello *h, uint8_t *ja3s)
{
    struct key key;
    key.length = 0;
    uint8_t head[4] = {(uint8_t)(h->legacy_version >> 8), (uint8_t)h->legacy_version,
                       (uint8_t)(h->cipher_suite >> 8), (uint8_t)h->cipher_suite};
    if (h->ssl2 || !key_add(&key, span_of(head, sizeof head)) || !key_add_types(&key, h->extensions) ||
        key.length > SERVER_KEY_CAP)
        return compute_server(f, h, ja3s);
    struct span bytes = span_of(key.bytes, key.length);
    uint64_t hash = key_hash(f, bytes);
    struct set *set = &f->server_sets[hash % SERVER_SETS];
    struct server_entry *entries = f->server_entries[hash % SERVER_SETS];
    unsigned way = set_find(set, hash);
    if (way == WAYS || !span_equal(bytes, span_of(entries[way].key, entries[way].length))) {
        uint8_t computed[DIGEST_MD5_BYTES];
        if (!compute_server(f, h, computed))
            return false;
        way = set_take(set, hash);
        memcpy(entries[way].ja3s, computed, sizeof computed);
        entries[way].length = key.length;
        memcpy(entries[way].key, key.bytes, key.length);
    }
    memcpy(ja3s, entries[way].ja3s, sizeof entries[way].ja3s);
    return true;
}

uint64_t fingerprints_computed(const struct fingerprints *f)
{
    return f->computed;
}
