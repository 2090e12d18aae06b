/* issue.h - issues certificates for tests: keys are made once, a certificate is one expression, a chain is
 * one call.
 *
 * What a test does not name is filled in: ninety days of 2026, SHA-256, version 3, no extension. */
#pragma once

#include <openssl/bn.h>
#include <openssl/conf.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sensor/audit/certificate.h"
#include "tests/build.h"

enum issue_key {
    KEY_LEAF,
    KEY_MIDDLE,
    KEY_ROOT,
    KEY_OTHER,
    KEY_P384,
    KEY_RSA_1024,
    KEY_RSA_2048,
    KEY_ED25519,
    KEY_ED448,
    KEY_COUNT
};

struct issue {
    const char *subject; /* "O=Lab/CN=mx.example.org", first RDN first; NULL: an empty name */
    const char *issuer;  /* NULL: as subject */
    enum issue_key key;  /* 0: KEY_LEAF, a P-256 key as are those of middle, root and other */
    enum issue_key signer;
    const char *from, *to; /* as the certificate is to hold it: UTCTime or GeneralizedTime */
    const char *names;     /* the extensions, as openssl.cnf writes them; NULL: none */
    const char *constraints;
    const char *usage;
    const char *policies;
    const char *own_id, *issuer_id; /* key identifiers */
    const char *serial;             /* hexadecimal */
    const EVP_MD *digest;
    bool version_1;
};

static EVP_PKEY *issue_keys[KEY_COUNT];

static inline void issue_must(bool done)
{
    if (!done)
        abort();
}

static inline EVP_PKEY *issue_key_of(enum issue_key which)
{
    static const char *const kinds[KEY_COUNT] = {
        [KEY_ED25519] = "ED25519", [KEY_ED448] = "ED448", [KEY_RSA_1024] = "RSA", [KEY_RSA_2048] = "RSA"};
    if (issue_keys[which] != NULL)
        return issue_keys[which];
    const char *kind = kinds[which];
    if (kind == NULL)
        issue_keys[which] = EVP_EC_gen(which == KEY_P384 ? "P-384" : "P-256");
    else if (strcmp(kind, "RSA") == 0)
        issue_keys[which] = EVP_RSA_gen(which == KEY_RSA_1024 ? 1024u : 2048u);
    else
        issue_keys[which] = EVP_PKEY_Q_keygen(NULL, NULL, kind);
    issue_must(issue_keys[which] != NULL);
    return issue_keys[which];
}

static inline void issue_free_keys(void)
{
    for (unsigned i = 0; i < KEY_COUNT; i++) {
        EVP_PKEY_free(issue_keys[i]);
        issue_keys[i] = NULL;
    }
}

static inline void issue_set_name(X509_NAME *name, const char *text)
{
    while (text != NULL && *text != '\0') {
        char rdn[256];
        size_t n = strcspn(text, "/");
        snprintf(rdn, sizeof rdn, "%.*s", (int)n, text);
        char *value = strchr(rdn, '=');
        issue_must(value != NULL);
        *value++ = '\0';
        issue_must(X509_NAME_add_entry_by_txt(name, rdn, MBSTRING_UTF8, (const uint8_t *)value, -1, -1, 0) ==
                   1);
        text += n + (text[n] == '/');
    }
}

static inline void issue_extend(X509 *cert, int nid, const char *value)
{
    if (value == NULL)
        return;
    X509V3_CTX context;
    CONF *sections = NCONF_new(NULL); /* policies ask for one, even an empty one */
    X509V3_set_ctx(&context, cert, cert, NULL, NULL, 0);
    X509V3_set_nconf(&context, sections);
    X509_EXTENSION *extension = X509V3_EXT_nconf_nid(sections, &context, nid, value);
    issue_must(extension != NULL && X509_add_ext(cert, extension, -1) == 1);
    X509_EXTENSION_free(extension);
    NCONF_free(sections);
}

static inline void issue_sign(X509 *cert, EVP_PKEY *key, const EVP_MD *digest)
{
    int kind = EVP_PKEY_get_base_id(key);
    bool hashes_itself = kind == EVP_PKEY_ED25519 || kind == EVP_PKEY_ED448;
    issue_must(X509_sign(cert, key, hashes_itself ? NULL : digest != NULL ? digest : EVP_sha256()) > 0);
}

/* issue_unsigned - all but the signature; issue - the whole. X509_free() it. */
static inline X509 *issue_unsigned(const struct issue *wish)
{
    X509 *cert = X509_new();
    BIGNUM *serial = NULL;
    issue_must(cert != NULL &&
               X509_set_version(cert, wish->version_1 ? X509_VERSION_1 : X509_VERSION_3) == 1);
    issue_must(BN_hex2bn(&serial, wish->serial != NULL ? wish->serial : "1234") > 0);
    issue_must(BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(cert)) != NULL);
    BN_free(serial);
    issue_set_name(X509_get_subject_name(cert), wish->subject);
    issue_set_name(X509_get_issuer_name(cert), wish->issuer != NULL ? wish->issuer : wish->subject);
    issue_must(
        ASN1_TIME_set_string(X509_getm_notBefore(cert), wish->from != NULL ? wish->from : "260101000000Z"));
    issue_must(ASN1_TIME_set_string(X509_getm_notAfter(cert), wish->to != NULL ? wish->to : "260331235959Z"));
    issue_must(X509_set_pubkey(cert, issue_key_of(wish->key)) == 1);
    issue_extend(cert, NID_subject_alt_name, wish->names);
    issue_extend(cert, NID_basic_constraints, wish->constraints);
    issue_extend(cert, NID_ext_key_usage, wish->usage);
    issue_extend(cert, NID_certificate_policies, wish->policies);
    issue_extend(cert, NID_subject_key_identifier, wish->own_id);
    issue_extend(cert, NID_authority_key_identifier, wish->issuer_id);
    return cert;
}

static inline X509 *issue(const struct issue *wish)
{
    X509 *cert = issue_unsigned(wish);
    issue_sign(cert, issue_key_of(wish->signer), wish->digest);
    return cert;
}

/* issue_append - one entry of a Certificate message, which issue_body puts around entries. */
static inline void issue_append(struct build *list, X509 *cert)
{
    uint8_t *der = NULL;
    int n = i2d_X509(cert, &der);
    issue_must(n > 0);
    size_t mark = build_open(list, 3);
    build_bytes(list, der, (size_t)n);
    build_close(list, mark, 3);
    OPENSSL_free(der);
}

/* issue_read - what the reader finds in a message of n octets, which lie in a block of their exact size. */
static inline struct certificate_chain issue_read(struct certificate_reader *r, const void *body, size_t n)
{
    struct certificate_chain found;
    uint8_t *exact = build_exact(body, n);
    certificate_read(r, span_of(exact, n), &found);
    free(exact);
    return found;
}

static inline struct certificate_chain issue_read_list(struct certificate_reader *r, const struct build *list)
{
    struct build body = {0};
    size_t mark = build_open(&body, 3);
    build_bytes(&body, list->bytes, list->n);
    build_close(&body, mark, 3);
    return issue_read(r, body.bytes, body.n);
}

/* issue_read_chain - certificates in the order given, NULL ends the list; they are freed. */
static inline struct certificate_chain issue_read_chain(struct certificate_reader *r, X509 *const *certs)
{
    struct build list = {0};
    for (; *certs != NULL; certs++) {
        issue_append(&list, *certs);
        X509_free(*certs);
    }
    return issue_read_list(r, &list);
}

/* issue_read_changed - a leaf in whose DER the first `from` has become `to`, n octets each. The leaf is
 * freed. */
static inline struct certificate_chain issue_read_changed(struct certificate_reader *r, X509 *leaf,
                                                          const void *from, const void *to, size_t n)
{
    struct build list = {0};
    issue_append(&list, leaf);
    X509_free(leaf);
    uint8_t *at = memmem(list.bytes, list.n, from, n);
    issue_must(at != NULL);
    memcpy(at, to, n);
    return issue_read_list(r, &list);
}

/* issue_trust - a reader that trusts the roots, which are freed; `text` comes before them in the bundle. */
static inline struct certificate_reader *issue_trust(const char *text, X509 *const *roots, char *error)
{
    char path[64];
    int file = memfd_create("roots", 0);
    FILE *out = fdopen(dup(file), "w");
    issue_must(out != NULL && fputs(text, out) >= 0);
    for (; *roots != NULL; roots++) {
        issue_must(PEM_write_X509(out, *roots) == 1);
        X509_free(*roots);
    }
    issue_must(fclose(out) == 0);
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    struct certificate_reader *r = certificate_reader_open(path, error);
    close(file);
    return r;
}
