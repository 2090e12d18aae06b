/* registry.h - code points of the TLS registries to names and properties, as the .def files of registry/ say.
 *
 * The tables are sorted by code and constant; a look-up is a binary search. Names are IANA's where it has
 * one. GREASE values (RFC 8701) have rows too, named "GREASE". */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum suite_kx {
    KX_NULL,
    KX_ANY,
    KX_RSA,
    KX_RSA_EXPORT,
    KX_DH,
    KX_DHE,
    KX_DH_ANON,
    KX_DHE_EXPORT,
    KX_DH_ANON_EXPORT,
    KX_ECDH,
    KX_ECDHE,
    KX_ECDH_ANON,
    KX_PSK,
    KX_DHE_PSK,
    KX_ECDHE_PSK,
    KX_RSA_PSK,
    KX_SRP,
    KX_KRB5,
    KX_GOST,
    KX_OTHER
};

enum suite_auth { AUTH_NONE, AUTH_ANY, AUTH_RSA, AUTH_DSS, AUTH_ECDSA, AUTH_PSK, AUTH_OTHER };

enum suite_flag {
    SUITE_NULL = 1 << 0,      /* no encryption */
    SUITE_ANONYMOUS = 1 << 1, /* no server authentication */
    SUITE_EXPORT = 1 << 2,
    SUITE_RC4 = 1 << 3,
    SUITE_DES = 1 << 4, /* single DES */
    SUITE_RC2 = 1 << 5,
    SUITE_IDEA = 1 << 6,
    SUITE_3DES = 1 << 7,
    SUITE_BLOCK64 = 1 << 8,
    SUITE_CBC = 1 << 9,
    SUITE_AEAD = 1 << 10,
    SUITE_FORWARD_SECRET = 1 << 11,
    SUITE_SCSV = 1 << 12, /* a signalling value, GREASE included: never chosen */
    SUITE_MAC_SHA1 = 1 << 13,
    SUITE_MAC_MD5 = 1 << 14,
    SUITE_TAG64 = 1 << 15, /* CCM_8 */
    SUITE_UNREGISTERED = 1 << 16
};

struct registry_suite {
    uint16_t code;
    const char *name; /* "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256" */
    enum suite_kx kx;
    enum suite_auth auth;
    uint16_t strength_bits;
    uint32_t flags; /* enum suite_flag */
};

struct registry_group {
    uint16_t code;
    const char *name;        /* "x25519", "X25519MLKEM768" */
    uint16_t classical_bits; /* security strength of the classical part; 0 where it has none */
    uint16_t field_bits;     /* size of that part's field or prime (x25519: 255); 0 where it has none */
    bool post_quantum;       /* hybrid or pure */
};

struct registry_signature {
    uint16_t code;
    const char *name; /* "rsa_pss_rsae_sha256", "rsa_pkcs1_sha1" */
    bool weak;        /* MD5 or SHA-1 (RFC 9155) */
};

/* registry_suite_find, _group_find, _signature_find - the row of a code point, or NULL. */
const struct registry_suite *registry_suite_find(uint16_t code);
const struct registry_group *registry_group_find(uint16_t code);
const struct registry_signature *registry_signature_find(uint16_t code);

/* registry_dh_prime_find - the row, from 1, of a well-known prime by its SHA-256 (big-endian, no leading
 * zero octet); 0 where it is none. A prime that many share is worth an attacker's precomputation
 * (weakdh.org). registry_dh_prime_name - the name of a row, "" for 0. */
uint16_t registry_dh_prime_find(const uint8_t sha256[32]);
const char *registry_dh_prime_name(uint16_t row);

/* registry_ssl2_cipher_name - name of a 24-bit SSLv2 cipher kind, or NULL. */
const char *registry_ssl2_cipher_name(uint32_t kind);

/* registry_alert_name - "handshake_failure" for 40 (RFC 8446 s6, spelled as there), or NULL. */
const char *registry_alert_name(uint8_t description);

/* registry_version_name - "SSL2" "SSL3" "TLS1.0" ... "TLS1.3" for 0x0002, 0x0300 ... 0x0304, else "". */
const char *registry_version_name(uint16_t version);
