/* certificate.h - facts about a certificate chain as it was sent: names, dates, key, signature, trust.
 *
 * It reads a chain once and answers with plain data; it judges nothing that changes with the day: whether a
 * certificate is expired is asked per session, at packet time. DER is hostile input: whatever libcrypto
 * refuses is "not parsed" and no more. Texts are raw UTF-8 as far as the certificate holds it; sinks
 * escape. A reader belongs to one thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "parsers/tls_chain.h"

enum {
    CERTIFICATE_NAME_CAP = 256,   /* subject and issuer, RFC 4514 text, cut */
    CERTIFICATE_NAMES_CAP = 1024, /* subjectAltName list, comma-separated, cut at a whole name */
    CERTIFICATE_SERIAL_CAP = 64,  /* hexadecimal */
    CERTIFICATE_WORD_CAP = 40
};

enum certificate_trust {
    TRUST_NOT_CHECKED, /* no certificate, or it could not be parsed */
    TRUST_TRUSTED,     /* a path to a root of the store, dates left aside */
    TRUST_SELF_SIGNED, /* the leaf signed itself */
    TRUST_SELF_ISSUED, /* issuer equals subject, yet its own key did not sign it: reported apart (tls-audit s3.5) */
    TRUST_UNTRUSTED, /* a path that ends in a root that the store does not hold */
    TRUST_INCOMPLETE /* the last certificate's issuer was not sent and is not in the store: an intermediate is missing */
};

enum certificate_scope { SCOPE_UNKNOWN, SCOPE_SINGLE, SCOPE_MULTI, SCOPE_WILDCARD };
enum certificate_validation {
    VALIDATION_UNKNOWN,
    VALIDATION_DV,
    VALIDATION_OV,
    VALIDATION_IV,
    VALIDATION_EV
};
enum certificate_match { MATCH_NOT_CHECKABLE, MATCH_YES, MATCH_NO };

/* The facts of one chain. Plain data, no pointers. */
struct certificate_chain {
    bool parsed;    /* the leaf could be read */
    uint8_t sent;   /* certificates in the message */
    bool ordered;   /* each one certifies the one before it (RFC 5246 s7.4.2) */
    bool root_sent; /* the last is self-signed: harmless, wasteful */
    enum certificate_trust trust;
    bool public_root;       /* the path ends in a root of the store: CA/Browser Forum limits apply */
    bool path_ends_first;   /* an issuer of the path ends before the leaf: `path_not_after` is not its end */
    int64_t path_not_after; /* earliest end of the path, leaf included; Unix seconds */
    /* Of the leaf: */
    char subject[CERTIFICATE_NAME_CAP];
    char issuer[CERTIFICATE_NAME_CAP];
    /* In the names, octets that no host name holds are written "\XX", and a dNSName that is an IP address
     * has "DNS:" before it: neither kind matches any host. */
    char names[CERTIFICATE_NAMES_CAP];
    bool names_cut; /* more names than fit: a name that is not listed may still match */
    bool has_names; /* subjectAltName with a dNSName or iPAddress */
    char serial[CERTIFICATE_SERIAL_CAP];
    uint8_t sha256[32];     /* of the DER */
    uint8_t key_sha256[32]; /* of the SubjectPublicKeyInfo */
    int64_t not_before;     /* Unix seconds; 0 where it is no date */
    int64_t not_after;
    char key[CERTIFICATE_WORD_CAP]; /* "RSA", "EC P-256", "Ed25519", "DSA" */
    uint16_t key_bits;
    char signature[CERTIFICATE_WORD_CAP]; /* "sha256WithRSAEncryption" */
    bool signature_weak;                  /* MD2, MD5 or SHA-1 */
    bool server_auth_missing;             /* EKU present without serverAuth (RFC 5280 s4.2.1.12) */
    bool is_ca;                           /* BasicConstraints CA:TRUE */
    bool version_1;
    enum certificate_scope scope;
    enum certificate_validation validation; /* by policy OID, tls-audit s3.3 */
};

struct certificate_reader; /* opaque: trust store and cache */

/* certificate_reader_open - load the trust store.
 * trust_file  PEM bundle, or NULL for the system's; a system without one gives a store without roots (error
 *             says so, not NULL)
 * error       room of 512 bytes; one sentence. "" where all is well
 * Returns NULL where trust_file cannot be read or holds no certificate */
struct certificate_reader *certificate_reader_open(const char *trust_file, char *error);
void certificate_reader_close(struct certificate_reader *r);

/* certificate_read - the facts of a chain. A leaf seen before, with the same chain, is not parsed again
 * (bounded cache by SHA-256 of the whole message, oldest out).
 * body   of the Certificate message; borrowed
 * out    overwritten */
void certificate_read(struct certificate_reader *r, struct span body, struct certificate_chain *out);

/* certificate_matches - does the leaf carry this name (RFC 9525 s6.3, s6.4)? A host that is an IP literal
 * is compared with iPAddress entries. Nothing to compare with, or a name list that was cut and does not
 * show it: MATCH_NOT_CHECKABLE. The common name is never looked at. */
enum certificate_match certificate_matches(const struct certificate_chain *c, const char *host);

/* certificate_validity_days - from the first to the last second, both included, begun days counted whole
 * (RFC 5280 s4.1.2.5; BR s6.3.2). */
int64_t certificate_validity_days(const struct certificate_chain *c);

/* certificate_validity_limit_days - what the CA/Browser Forum allowed for a leaf issued at that time: 825,
 * 398, 200, 100, 47; 0 where no limit in days applied (before 2018-03-01). */
int64_t certificate_validity_limit_days(int64_t not_before);

/* certificate_trust_word, ... - as events write them ("not_checked" "trusted" "self_signed" "untrusted"
 * "incomplete"; "expired" is the caller's, who knows the time). */
const char *certificate_trust_word(enum certificate_trust trust);
const char *certificate_scope_word(enum certificate_scope scope);
const char *certificate_validation_word(enum certificate_validation validation);

/* certificate_read_count - chains parsed so far, for tests and counters: ten thousand sights of one are one. */
uint64_t certificate_read_count(const struct certificate_reader *r);
