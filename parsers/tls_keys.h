/* tls_keys.h - the body of ServerKeyExchange in TLS 1.2 and below: which group, how large a DH prime, signed
 * with what.
 *
 * The key exchange is not named in the message, so the caller passes it from the chosen suite. */
#pragma once

#include "cursor.h"
#include "registry.h"

struct tls_server_keys {
    uint16_t group;        /* named curve; 0 where none */
    bool explicit_curve;   /* curve_type 1 or 2 (RFC 8422 s5.4: MUST NOT) */
    struct span dh_prime;  /* without leading zero octets */
    unsigned dh_bits;      /* size of the prime; 0 where none */
    struct span dh_public; /* Ys, for reuse checks */
    unsigned rsa_bits;     /* temporary RSA key of an EXPORT suite */
    bool signed_params;
    uint16_t signature_scheme; /* TLS 1.2 only; 0 where the version has none */
};

/* tls_server_keys_parse - read a ServerKeyExchange body (RFC 5246 s7.4.3; RFC 8422 s5.4; RFC 4279).
 * kx, auth  of the chosen suite (registry.h)
 * version   negotiated version, 0x0300 to 0x0303
 * Returns false where malformed or where the key exchange sends no such message. KX_RSA is read as
 *         KX_RSA_EXPORT: it sends none, so one that comes is the mark of FREAK (CVE-2015-0204), and rsa_bits
 *         says how bad it is */
bool tls_server_keys_parse(struct span body, enum suite_kx kx, enum suite_auth auth, uint16_t version,
                           struct tls_server_keys *keys);
