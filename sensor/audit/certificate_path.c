/* The path from a leaf to a root: order, trust, dates. With certificate_leaf.c the user of libcrypto. */
#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sensor/audit/certificate_parts.h"

enum { DAY_S = 86400, DAMAGED_CAP = 1000 };
/* No CA comes near: 4096 bits and the exponent 65537 are the most in use. */
enum { ISSUER_BITS_CAP = 8192, ISSUER_EXPONENT_BITS_CAP = 64 };

/* A root as it stands in the bundle. libcrypto takes a third of a millisecond to read one, a bundle has a
 * hundred and fifty, and a capture needs a handful: only the names are read at once. */
struct root {
    X509_NAME *name;
    unsigned char *der;
    long der_bytes;
    bool in_store;
};

struct certificate_roots {
    X509_STORE *store;
    X509_LOOKUP_METHOD *method; /* finds roots by name, when the store has none of it */
    struct root *list;
    unsigned count;
    ASN1_TIME *epoch; /* 1970-01-01, which dates are counted from */
};

struct chain {
    X509 *cert[TLS_CHAIN_CAP]; /* NULL where it could not be read, or is not to be used */
    unsigned count;
};

/* The subject of a certificate, without reading the rest (RFC 5280 s4.1); NULL where the octets are none. */
static X509_NAME *subject_of(const unsigned char *der, long der_bytes)
{
    enum {
        ERROR_BIT = 0x80,
        VERSION_TAG = 0,
        STEPS = 5
    }; /* serial, signature, issuer, validity, then subject */
    const unsigned char *p = der, *end = der + der_bytes;
    long n = 0;
    int tag = 0, class = 0;
    for (int depth = 0; depth < 2; depth++) /* Certificate, TBSCertificate */
        if ((ASN1_get_object(&p, &n, &tag, &class, end - p) & ERROR_BIT) != 0 || tag != V_ASN1_SEQUENCE)
            return NULL;
    for (int step = 0; step < STEPS; step++) {
        const unsigned char *field = p;
        if ((ASN1_get_object(&p, &n, &tag, &class, end - p) & ERROR_BIT) != 0)
            return NULL;
        if (step == STEPS - 1)
            return d2i_X509_NAME(NULL, &field, end - field);
        bool version = class == V_ASN1_CONTEXT_SPECIFIC && tag == VERSION_TAG;
        step -= version && step == 0;
        p += n;
    }
    return NULL;
}

static bool add_root(struct certificate_roots *roots, unsigned char *der, long der_bytes)
{
    X509_NAME *name = subject_of(der, der_bytes);
    struct root *list = name != NULL ? realloc(roots->list, (roots->count + 1) * sizeof *list) : NULL;
    if (list == NULL) {
        X509_NAME_free(name);
        return false;
    }
    roots->list = list;
    roots->list[roots->count++] = (struct root){.name = name, .der = der, .der_bytes = der_bytes};
    return true;
}

/* X509_LOOKUP's question: put every root of this name into the store. */
static int find_roots(X509_LOOKUP *lookup, X509_LOOKUP_TYPE type, const X509_NAME *name, X509_OBJECT *found)
{
    struct certificate_roots *roots = X509_LOOKUP_get_method_data(lookup);
    int any = 0;
    for (unsigned i = 0; type == X509_LU_X509 && i < roots->count; i++) {
        struct root *r = &roots->list[i];
        if (r->in_store || X509_NAME_cmp(r->name, name) != 0)
            continue;
        const unsigned char *p = r->der;
        X509 *cert = d2i_X509_AUX(NULL, &p, r->der_bytes);
        r->in_store = true;
        bool first = cert != NULL && X509_STORE_add_cert(roots->store, cert) == 1 && any == 0;
        if (first && X509_OBJECT_set1_X509(found, cert) == 1) {
            X509_free(cert); /* the caller counts on the store's reference and takes its own (as by_dir.c) */
            any = 1;
        }
        X509_free(cert);
    }
    ERR_clear_error();
    return any;
}

/* Returns how many roots the file gave; *damaged counts its blocks that are no certificate. */
static unsigned load_roots(struct certificate_roots *roots, const char *file, unsigned *damaged)
{
    unsigned before = roots->count;
    BIO *bio = BIO_new_file(file, "r");
    while (bio != NULL && *damaged < DAMAGED_CAP) {
        char *type = NULL, *header = NULL;
        unsigned char *der = NULL;
        long der_bytes = 0;
        bool block = PEM_read_bio(bio, &type, &header, &der, &der_bytes) == 1;
        if (!block && ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE)
            break;
        bool certificate = block && strstr(type, "CERTIFICATE") != NULL && strstr(type, "REQUEST") == NULL;
        if (!certificate || !add_root(roots, der, der_bytes)) {
            *damaged += !block || certificate;
            OPENSSL_free(der);
        }
        OPENSSL_free(type);
        OPENSSL_free(header);
        ERR_clear_error();
    }
    BIO_free(bio);
    ERR_clear_error();
    return roots->count - before;
}

static bool load_given(struct certificate_roots *roots, const char *file, char *error)
{
    unsigned damaged = 0;
    if (load_roots(roots, file, &damaged) == 0) {
        snprintf(error, CERTIFICATE_ERROR_CAP, "%s: cannot be read or holds no certificate in PEM", file);
        return false;
    }
    if (damaged > 0)
        snprintf(error, CERTIFICATE_ERROR_CAP, "%s: %u of its certificates could not be read", file, damaged);
    return true;
}

/* One file, read whole: libcrypto's directory of hashed names would be looked into whenever a session is judged. */
static void load_system(struct certificate_roots *roots, char *error)
{
    const char *const files[] = {
        X509_get_default_cert_file(),
        "/etc/ssl/certs/ca-certificates.crt",                /* Debian, Alpine, Arch */
        "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", /* Fedora, RHEL */
        "/etc/pki/tls/certs/ca-bundle.crt",
        "/etc/ssl/ca-bundle.pem", /* SUSE */
        "/etc/ssl/cert.pem",      /* BSD */
    };
    unsigned damaged = 0;
    for (unsigned i = 0; i < sizeof files / sizeof *files; i++)
        if (load_roots(roots, files[i], &damaged) > 0)
            return;
    snprintf(error, CERTIFICATE_ERROR_CAP,
             "this system has no bundle of root certificates: no chain will be found trusted");
}

static bool prepare_store(struct certificate_roots *roots)
{
    roots->store = X509_STORE_new();
    roots->epoch = ASN1_TIME_set(NULL, 0);
    roots->method = X509_LOOKUP_meth_new("the bundle's roots");
    if (roots->store == NULL || roots->epoch == NULL || roots->method == NULL ||
        X509_LOOKUP_meth_set_get_by_subject(roots->method, find_roots) != 1)
        return false;
    X509_LOOKUP *lookup = X509_STORE_add_lookup(roots->store, roots->method);
    return lookup != NULL && X509_LOOKUP_set_method_data(lookup, roots) == 1;
}

struct certificate_roots *certificate_roots_open(const char *trust_file, char *error)
{
    error[0] = '\0';
    struct certificate_roots *roots = calloc(1, sizeof *roots);
    if (roots == NULL || !prepare_store(roots)) {
        snprintf(error, CERTIFICATE_ERROR_CAP, "no memory for the trust store");
        certificate_roots_close(roots);
        return NULL;
    }
    if (trust_file == NULL) {
        load_system(roots, error);
    } else if (!load_given(roots, trust_file, error)) {
        certificate_roots_close(roots);
        return NULL;
    }
    return roots;
}

void certificate_roots_close(struct certificate_roots *roots)
{
    if (roots == NULL)
        return;
    X509_STORE_free(roots->store);
    X509_LOOKUP_meth_free(roots->method);
    for (unsigned i = 0; i < roots->count; i++) {
        X509_NAME_free(roots->list[i].name);
        OPENSSL_free(roots->list[i].der);
    }
    free(roots->list);
    ASN1_TIME_free(roots->epoch);
    free(roots);
}

/* Unix seconds; 0 where the octets are no date. Time zones and 32-bit time_t play no part. */
static int64_t unix_time(const struct certificate_roots *roots, const ASN1_TIME *time)
{
    int days = 0, seconds = 0;
    if (ASN1_TIME_diff(&days, &seconds, roots->epoch, time) != 1)
        return 0;
    return (int64_t)days * DAY_S + seconds;
}

/* A key made so that each check of a signature costs milliseconds: ten of them in a chain, and a new chain for each session, would keep
 * the auditor from all other work. Such an issuer is treated as if it had not been sent. */
static bool is_costly(const X509 *issuer)
{
    BIGNUM *exponent = NULL;
    const EVP_PKEY *key = X509_get0_pubkey(issuer);
    bool costly = key != NULL && EVP_PKEY_bits(key) > ISSUER_BITS_CAP;
    if (key != NULL && EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &exponent) == 1)
        costly = costly || BN_num_bits(exponent) > ISSUER_EXPONENT_BITS_CAP;
    BN_free(exponent);
    return costly;
}

/* Can libcrypto say whether the issuer's key made the signature? Not with a key or a hash that it was built without. */
static bool is_checkable(const X509 *cert, const X509 *issuer)
{
    int digest = NID_undef, key = NID_undef;
    return X509_get0_pubkey(issuer) != NULL && !is_costly(issuer) &&
           OBJ_find_sigid_algs(X509_get_signature_nid(cert), &digest, &key) == 1 &&
           (digest == NID_undef || EVP_get_digestbynid(digest) != NULL);
}

static bool is_signed_by(X509 *cert, const X509 *issuer)
{
    EVP_PKEY *key = X509_get0_pubkey(issuer);
    return key != NULL && !is_costly(issuer) && X509_verify(cert, key) == 1;
}

static bool is_self_issued(const X509 *cert)
{
    return X509_NAME_cmp(X509_get_subject_name(cert), X509_get_issuer_name(cert)) == 0;
}

static bool certifies(const X509 *issuer, X509 *cert)
{
    if (X509_NAME_cmp(X509_get_subject_name(issuer), X509_get_issuer_name(cert)) != 0)
        return false;
    return is_signed_by(cert, issuer) || !is_checkable(cert, issuer);
}

static void read_order(const struct chain *chain, bool more_sent, struct certificate_chain *out)
{
    out->ordered = !more_sent;
    for (unsigned i = 1; i < chain->count && out->ordered; i++) {
        X509 *issuer = chain->cert[i], *cert = chain->cert[i - 1];
        out->ordered = issuer != NULL && cert != NULL && certifies(issuer, cert);
    }
    X509 *last = chain->cert[chain->count - 1];
    out->root_sent = !more_sent && chain->count > 1 && last != NULL && is_self_issued(last) &&
                     is_signed_by(last, last);
}

/* What was sent beside the leaf. Of two certificates for one issuer the one that ends last comes first, and
 * is what the path is built with: a server that sends an old one beside its successor works for every
 * client. */
static STACK_OF(X509) * others_of(const struct chain *chain)
{
    STACK_OF(X509) *others = sk_X509_new_null();
    for (unsigned i = 1; i < chain->count && others != NULL; i++) {
        X509 *cert = chain->cert[i];
        int at = 0;
        if (cert == NULL)
            continue;
        while (at < sk_X509_num(others) && ASN1_TIME_compare(X509_get0_notAfter(sk_X509_value(others, at)),
                                                             X509_get0_notAfter(cert)) >= 0)
            at++;
        sk_X509_insert(others, cert, at);
    }
    return others;
}

static void read_path_dates(const struct certificate_roots *roots, const STACK_OF(X509) * path,
                            struct certificate_chain *out)
{
    for (int i = 1; i < sk_X509_num(path); i++) {
        int64_t end = unix_time(roots, X509_get0_notAfter(sk_X509_value(path, i)));
        out->path_ends_first = out->path_ends_first || end < out->not_after;
        if (end < out->path_not_after)
            out->path_not_after = end;
    }
}

static enum certificate_trust why_untrusted(int error, X509 *leaf)
{
    if (is_self_issued(leaf)) {
        /* With a key that libcrypto does not know nobody can say who signed: no reason to speak of forgery. */
        if (!is_checkable(leaf, leaf))
            return TRUST_UNTRUSTED;
        return is_signed_by(leaf, leaf) ? TRUST_SELF_SIGNED : TRUST_SELF_ISSUED;
    }
    switch (error) {
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE: return TRUST_INCOMPLETE;
    default: return TRUST_UNTRUSTED;
    }
}

/* No purpose is set: a leaf without serverAuth is trusted here and reported by server_auth_missing. Level 0
 * takes any key and hash: weak ones are rules of their own. Dates are the caller's matter. */
static void read_trust(const struct certificate_roots *roots, const struct chain *chain,
                       X509_STORE_CTX *context, struct certificate_chain *out)
{
    X509 *leaf = chain->cert[0];
    STACK_OF(X509) *others = others_of(chain);
    if (X509_STORE_CTX_init(context, roots->store, leaf, others) == 1) {
        X509_VERIFY_PARAM *how = X509_STORE_CTX_get0_param(context);
        X509_VERIFY_PARAM_set_flags(how, X509_V_FLAG_NO_CHECK_TIME | X509_V_FLAG_TRUSTED_FIRST);
        X509_VERIFY_PARAM_set_auth_level(how, 0);
        bool trusted = X509_verify_cert(context) == 1;
        const STACK_OF(X509) *path = X509_STORE_CTX_get0_chain(context);
        out->trust = trusted ? TRUST_TRUSTED : why_untrusted(X509_STORE_CTX_get_error(context), leaf);
        out->public_root = trusted && sk_X509_num(path) > 1;
        read_path_dates(roots, path, out);
    }
    X509_STORE_CTX_cleanup(context);
    sk_X509_free(others);
}

static void parse_chain(const struct tls_chain *sent, struct chain *chain)
{
    *chain = (struct chain){.count = sent->count};
    for (unsigned i = 0; i < sent->count; i++) {
        const unsigned char *p = sent->der[i].p;
        X509 *cert = d2i_X509(NULL, &p, (long)sent->der[i].n);
        bool left_out = cert != NULL && i > 0 && is_costly(cert);
        chain->cert[i] = left_out ? NULL : cert;
        if (left_out)
            X509_free(cert);
    }
}

void certificate_path_read(struct certificate_roots *roots, const struct tls_chain *sent,
                           struct certificate_chain *out)
{
    struct chain chain;
    parse_chain(sent, &chain);
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    if (chain.cert[0] != NULL && context != NULL) {
        out->not_before = unix_time(roots, X509_get0_notBefore(chain.cert[0]));
        out->not_after = unix_time(roots, X509_get0_notAfter(chain.cert[0]));
        out->path_not_after = out->not_after;
        read_order(&chain, sent->sent > sent->count, out);
        read_trust(roots, &chain, context, out);
    }
    X509_STORE_CTX_free(context);
    for (unsigned i = 0; i < chain.count; i++)
        X509_free(chain.cert[i]);
    ERR_clear_error();
}
