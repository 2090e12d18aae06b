/* fingerprints.h - JA3 and JA4 of a ClientHello, and JA3S of a ServerHello, hashed; those of hellos seen
 * before out of a cache.
 *
 * Clients of one make send the same hello but for random values, and a fingerprint costs two sorts, a MD5
 * and two SHA-256. What goes into the fingerprints is compared in full, so a hit is never wrong. One cache
 * belongs to one thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "parsers/tls_hello.h"

struct digester;
struct fingerprints; /* opaque */

enum { FINGERPRINT_JA4_BYTES = 37 };

struct fingerprint_pair {
    bool has_ja3;
    uint8_t ja3[16];
    char ja4[FINGERPRINT_JA4_BYTES]; /* "" where none is defined */
};

/* fingerprints_open - NULL where memory is lacking. The digester is borrowed. */
struct fingerprints *fingerprints_open(struct digester *digester);
void fingerprints_close(struct fingerprints *f);

/* fingerprints_client - JA3 and JA4 of a hello; *out is overwritten. */
void fingerprints_client(struct fingerprints *f, const struct tls_client_hello *h,
                         struct fingerprint_pair *out);

/* fingerprints_server - JA3S. Returns false where none is defined. ja3s: room of 16 bytes. */
bool fingerprints_server(struct fingerprints *f, const struct tls_server_hello *h, uint8_t *ja3s);

/* fingerprints_computed - hellos whose fingerprints were not in the cache, for tests. */
uint64_t fingerprints_computed(const struct fingerprints *f);
