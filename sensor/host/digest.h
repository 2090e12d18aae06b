/* digest.h - MD5, SHA-1 and SHA-256 for fingerprints and ids. With audit/certificate.c the only user of
 * libcrypto.
 *
 * It lies in host/ because two stages need it: track/ hashes fingerprints while the hello is in hand,
 * audit/ hashes ids. One digester belongs to one thread; its contexts are made once, so that a hash costs
 * no allocation. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "parsers/cursor.h"

enum { DIGEST_MD5_BYTES = 16, DIGEST_SHA1_BYTES = 20, DIGEST_SHA256_BYTES = 32 };

struct digester; /* opaque */

/* digest_open - NULL where libcrypto cannot provide MD5 and SHA-256 (or memory is lacking). */
struct digester *digest_open(void);
void digest_close(struct digester *d);

/* digest_md5, _sha1, _sha256 - hash a span. out has room for the hash. JA3 is MD5 by definition, Community
 * ID SHA-1: neither protects anything here. SHA-1 is for what comes once a session, and needs no digester. */
void digest_md5(struct digester *d, struct span in, uint8_t *out);
void digest_sha1(struct span in, uint8_t *out);
void digest_sha256(struct digester *d, struct span in, uint8_t *out);

/* digest_hex - lower-case hexadecimal of n bytes, NUL-terminated; out has room for 2 n + 1. */
void digest_hex(const uint8_t *bytes, unsigned n, char *out);

/* digest_base64 - RFC 4648 s4 with padding, NUL-terminated; out has room for 4 * ((n + 2) / 3) + 1. */
void digest_base64(const uint8_t *bytes, unsigned n, char *out);

/* digest_library_version - libcrypto's own version sentence. */
const char *digest_library_version(void);
