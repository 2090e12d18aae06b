#include "registry.h"

#include <stdlib.h>

/* The three tables that are more than a name begin with their code, so that one comparison serves them. */
struct named_code {
    uint32_t code;
    const char *name;
};

static const struct registry_suite suites[] = {
#define SUITE(code, name, kx, auth, strength, flags) {code, name, kx, auth, strength, flags},
#include "registry/suites.def"
#undef SUITE
};

/* The rules ask for a suite some twenty times a session, so its row is found by index: 0 none, else row + 1. */
enum suite_row {
    SUITE_ROW_NONE,
#define SUITE(code, name, kx, auth, strength, flags) SUITE_ROW_##code,
#include "registry/suites.def"
#undef SUITE
};

static const uint16_t suite_rows[UINT16_MAX + 1] = {
#define SUITE(code, name, kx, auth, strength, flags) [code] = SUITE_ROW_##code,
#include "registry/suites.def"
#undef SUITE
};

static const struct registry_group groups[] = {
#define GROUP(code, name, strength, field, post_quantum) {code, name, strength, field, post_quantum},
#include "registry/groups.def"
#undef GROUP
};

static const struct registry_signature signatures[] = {
#define SIGNATURE(code, name, weak) {code, name, weak},
#include "registry/signatures.def"
#undef SIGNATURE
};

static const struct named_code ssl2_ciphers[] = {
#define SSL2_CIPHER(code, name) {code, name},
#include "registry/ssl2_ciphers.def"
#undef SSL2_CIPHER
};

static const struct named_code alerts[] = {
#define ALERT(code, name) {code, name},
#include "registry/alerts.def"
#undef ALERT
};

static const struct named_code versions[] = {
#define VERSION(code, name) {code, name},
#include "registry/versions.def"
#undef VERSION
};

static const struct dh_prime {
    uint64_t hash[2];
    uint16_t bits;
    const char *name;
} dh_primes[] = {
#define DH_PRIME(first, second, bits, name) {{first, second}, bits, name},
#include "registry/dh_primes.def"
#undef DH_PRIME
};

/* The last row at or before a code, without a jump that depends on it: half of them would be guessed wrong. */
#define FIND_ROW(rows, wanted)                                                                               \
    do {                                                                                                     \
        size_t at = 0;                                                                                       \
        for (size_t left = sizeof(rows) / sizeof(rows)[0]; left > 1; left -= left / 2)                       \
            at = (rows)[at + left / 2].code <= (wanted) ? at + left / 2 : at;                                \
        return (rows)[at].code == (wanted) ? &(rows)[at] : NULL;                                             \
    } while (0)

static int compare_u32(const void *key, const void *row)
{
    uint32_t a = *(const uint32_t *)key;
    uint32_t b = *(const uint32_t *)row;
    return (a > b) - (a < b);
}

static const char *find_name(uint32_t code, const struct named_code *rows, size_t count)
{
    const struct named_code *row = bsearch(&code, rows, count, sizeof rows[0], compare_u32);
    return row != NULL ? row->name : NULL;
}

const struct registry_suite *registry_suite_find(uint16_t code)
{
    uint16_t row = suite_rows[code];
    return row != SUITE_ROW_NONE ? &suites[row - 1] : NULL;
}

const struct registry_group *registry_group_find(uint16_t code)
{
    FIND_ROW(groups, code);
}

const struct registry_signature *registry_signature_find(uint16_t code)
{
    FIND_ROW(signatures, code);
}

static int compare_prime(const void *key, const void *row)
{
    const uint64_t *a = key;
    const struct dh_prime *b = row;
    if (a[0] != b->hash[0])
        return a[0] < b->hash[0] ? -1 : 1;
    return (a[1] > b->hash[1]) - (a[1] < b->hash[1]);
}

uint16_t registry_dh_prime_find(const uint8_t sha256[32])
{
    uint64_t key[2] = {0, 0};
    for (int i = 0; i < 16; i++)
        key[i / 8] = key[i / 8] << 8 | sha256[i];
    const struct dh_prime *row = bsearch(key, dh_primes, sizeof dh_primes / sizeof dh_primes[0],
                                         sizeof dh_primes[0], compare_prime);
    return row != NULL ? (uint16_t)(row - dh_primes + 1) : 0;
}

const char *registry_dh_prime_name(uint16_t row)
{
    return row > 0 && row <= sizeof dh_primes / sizeof dh_primes[0] ? dh_primes[row - 1].name : "";
}

const char *registry_ssl2_cipher_name(uint32_t kind)
{
    return find_name(kind, ssl2_ciphers, sizeof ssl2_ciphers / sizeof ssl2_ciphers[0]);
}

const char *registry_alert_name(uint8_t description)
{
    return find_name(description, alerts, sizeof alerts / sizeof alerts[0]);
}

const char *registry_version_name(uint16_t version)
{
    const char *name = find_name(version, versions, sizeof versions / sizeof versions[0]);
    return name != NULL ? name : "";
}
