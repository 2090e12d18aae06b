/* build.h - makes bytes as a peer would send them, for tests: integers, length-prefixed vectors, TLS messages
 * and records.
 *
 * A test says what is special about its input and gets the rest filled in. `struct build` is a buffer that
 * only grows. Nothing here shares code with the parsers, so that it cannot share their mistakes. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BUILD_CAP_BYTES = 1 << 17 };

/* All zero is an empty buffer. Beyond the cap the program aborts: a test that needs more is wrong. */
struct build {
    size_t n;
    uint8_t bytes[BUILD_CAP_BYTES];
};

void build_u8(struct build *b, uint8_t value);
void build_u16(struct build *b, uint16_t value);
void build_u24(struct build *b, uint32_t value);
void build_u32(struct build *b, uint32_t value);
void build_bytes(struct build *b, const void *p, size_t n);
void build_text(struct build *b, const char *text);

/* build_fill - n octets that count up, so that a shift by one shows. */
void build_fill(struct build *b, size_t n);

/* build_hex - octets in hexadecimal; spaces are allowed between them. */
void build_hex(struct build *b, const char *hex);

/* build_open, build_close - a vector with a length prefix of `width` octets: open returns a mark, close
 * writes the length of what came since. */
size_t build_open(struct build *b, unsigned width);
void build_close(struct build *b, size_t mark, unsigned width);

/* build_u16_list - `count` numbers, one after another. */
void build_u16_list(struct build *b, const uint16_t *values, size_t count);

/* build_exact - a copy in a heap block of exactly n octets, where the address sanitizer sees the first octet
 * too many; free() it. An empty copy is a block of one octet that nobody may read. */
uint8_t *build_exact(const void *p, size_t n);

/* A ClientHello or ServerHello. What is 0 or NULL is left at something usual: version TLS 1.2, a random that
 * counts up, no session id, suite 0xc02f, null compression, no extension block. */
struct build_hello {
    uint16_t version;
    const uint8_t *random; /* 32 octets */
    uint8_t session_id_bytes;
    const uint16_t *suites;
    size_t suite_count;
    uint8_t compression;
    const struct build *extensions; /* the block without its length, from build_extension and friends */
};

/* build_extension - one extension: type, length, body. */
void build_extension(struct build *b, uint16_t type, const void *body, size_t n);
void build_extension_hex(struct build *b, uint16_t type, const char *hex);
void build_server_name(struct build *b, const char *name);                            /* extension 0 */
void build_alpn(struct build *b, const char *const *names, size_t count);             /* extension 16 */
void build_groups(struct build *b, const uint16_t *groups, size_t count);             /* extension 10 */
void build_signature_algorithms(struct build *b, const uint16_t *list, size_t count); /* extension 13 */
void build_supported_versions(struct build *b, const uint16_t *list, size_t count); /* extension 43, client */
void build_selected_version(struct build *b, uint16_t version);                     /* extension 43, server */

/* Bodies of messages, without the handshake header. */
void build_client_hello_body(struct build *b, const struct build_hello *hello);
void build_server_hello_body(struct build *b, const struct build_hello *hello);

/* build_handshake - type, 24-bit length, body. */
void build_handshake(struct build *b, uint8_t type, const void *body, size_t n);

/* build_client_hello, build_server_hello - the whole message in one record: of version 0x0301 for a client,
 * of the hello's own for a server. */
void build_client_hello(struct build *b, const struct build_hello *hello);
void build_server_hello(struct build *b, const struct build_hello *hello);

/* build_record - content, version, length, payload; build_records cuts the payload into records of `cut`. */
void build_record(struct build *b, uint8_t content, uint16_t version, const void *payload, size_t n);
void build_records(struct build *b, uint8_t content, uint16_t version, const void *payload, size_t n,
                   size_t cut);
void build_alert(struct build *b, uint8_t level, uint8_t description);
void build_change_cipher_spec(struct build *b);

/* build_encrypted - a record of n octets that look like ciphertext. */
void build_encrypted(struct build *b, uint8_t content, size_t n);

/* build_ssl2_record - the two-octet header, or with padding > 0 the three-octet one. */
void build_ssl2_record(struct build *b, const void *payload, size_t n, uint8_t padding);

/* SSLv2 messages with their type octet, without the record header. Kinds are 24 bits wide. */
void build_ssl2_client_hello(struct build *b, uint16_t version, const uint32_t *kinds, size_t count);
void build_ssl2_server_hello(struct build *b, const void *certificate, size_t n, const uint32_t *kinds,
                             size_t count);
