#include "sensor/track/fingerprints.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "parsers/fingerprint.h"
#include "sensor/host/digest.h"
#include "sensor/host/hash.h"

enum { ENTRIES = 256, KEY_CAP = 768, JA4_DIGITS = 12, SERVER_ENTRIES = 64, SERVER_TEXT_CAP = 126 };

/* All that goes into JA3 and JA4, one part after another, each behind its length. */
struct key {
    uint16_t length;
    uint8_t bytes[KEY_CAP];
};

struct entry {
    struct key key; /* length 0: empty */
    struct fingerprint_pair pair;
};

/* A JA3S string and its hash. */
struct server_entry {
    uint16_t length; /* 0: empty */
    char text[SERVER_TEXT_CAP];
    uint8_t ja3s[DIGEST_MD5_BYTES];
};

struct fingerprints {
    struct digester *digester;
    uint64_t hash_key;
    uint64_t computed;
    struct entry entries[ENTRIES];
    struct server_entry server_entries[SERVER_ENTRIES];
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
    struct entry *e = &f->entries[hash_bytes(f->hash_key, bytes) % ENTRIES];
    if (!span_equal(bytes, span_of(e->key.bytes, e->key.length))) {
        compute(f, h, &e->pair);
        e->key.length = key.length;
        memcpy(e->key.bytes, key.bytes, key.length);
    }
    *out = e->pair;
}

bool fingerprints_server(struct fingerprints *f, const struct tls_server_hello *h, uint8_t *ja3s)
{
    struct span text = span_of(f->room, fingerprint_ja3s(h, f->room));
    if (text.n == 0 || text.n > SERVER_TEXT_CAP) {
        if (text.n > 0)
            digest_md5(f->digester, text, ja3s);
        return text.n > 0;
    }
    struct server_entry *e = &f->server_entries[hash_bytes(f->hash_key, text) % SERVER_ENTRIES];
    if (!span_equal(text, span_of(e->text, e->length))) {
        digest_md5(f->digester, text, e->ja3s);
        e->length = (uint16_t)text.n;
        memcpy(e->text, text.p, text.n);
    }
    memcpy(ja3s, e->ja3s, sizeof e->ja3s);
    return true;
}

uint64_t fingerprints_computed(const struct fingerprints *f)
{
    return f->computed;
}
