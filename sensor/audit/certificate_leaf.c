/* What a leaf says of itself: names, key, signature, purpose. With certificate_path.c the user of libcrypto. */
#include <arpa/inet.h>
#include <ctype.h>
#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "sensor/audit/certificate_parts.h"
#include "sensor/host/digest.h"
#include "sensor/host/utf8.h"

enum { OID_TEXT_CAP = 80, IPV4_BYTES = 4, IPV6_BYTES = 16 };

/* Bytes of one piece of RFC 4514 text that must not be cut through: an escape or a character. */
static size_t piece_bytes(const unsigned char *p)
{
    uint32_t code;
    if (p[0] == '\\' && isxdigit(p[1]) && isxdigit(p[2]))
        return 3;
    if (p[0] == '\\' && p[1] != '\0')
        return 2;
    unsigned n = utf8_char(p, &code);
    return n > 0 ? n : 1;
}

static void copy_cut(char *out, size_t cap, const char *text)
{
    size_t n = 0;
    while (text[n] != '\0') {
        size_t piece = piece_bytes((const unsigned char *)text + n);
        if (n + piece >= cap)
            break;
        n += piece;
    }
    memcpy(out, text, n);
    out[n] = '\0';
}

/* RFC 4514 text: last RDN first; control characters and NULs escaped, so that a name cannot end early. Strings that
 * do not hold what their type says have made libcrypto refuse the certificate. */
static void print_name(const X509_NAME *name, char *out)
{
    const unsigned long how = XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB;
    BIO *bio = BIO_new(BIO_s_mem());
    char *text = NULL;
    if (bio != NULL && X509_NAME_print_ex(bio, name, 0, how) >= 0 && BIO_write(bio, "", 1) == 1 &&
        BIO_get_mem_data(bio, &text) > 0)
        copy_cut(out, CERTIFICATE_NAME_CAP, text);
    BIO_free(bio);
}

static void print_serial(const ASN1_INTEGER *serial, char *out)
{
    enum { OCTETS_CAP = (CERTIFICATE_SERIAL_CAP - 2) / 2 }; /* RFC 5280 allows 20 */
    int length = ASN1_STRING_length(serial);
    unsigned n = length < 0 ? 0 : length > OCTETS_CAP ? OCTETS_CAP : (unsigned)length;
    if (ASN1_STRING_type(serial) == V_ASN1_NEG_INTEGER)
        *out++ = '-';
    digest_hex(ASN1_STRING_get0_data(serial), n, out);
}

static void print_object(const ASN1_OBJECT *object, bool long_name, char *out)
{
    char oid[OID_TEXT_CAP] = "";
    int nid = OBJ_obj2nid(object);
    const char *name = nid == NID_undef ? NULL : long_name ? OBJ_nid2ln(nid) : OBJ_nid2sn(nid);
    if (name == NULL && OBJ_obj2txt(oid, sizeof oid, object, 1) > 0)
        name = oid;
    snprintf(out, CERTIFICATE_WORD_CAP, "%.*s", CERTIFICATE_WORD_CAP - 1, name != NULL ? name : "");
}

/* RFC 5480 s2.1.1: the parameters name the curve. Read from the certificate and not from the decoded key,
 * so that a curve that libcrypto was built without still has a name. */
static void print_curve(const X509_ALGOR *algorithm, char *out)
{
    const void *value = NULL;
    int type = V_ASN1_UNDEF;
    char curve[CERTIFICATE_WORD_CAP] = "explicit"; /* RFC 5480: MUST NOT; seen with old Windows and Java */
    X509_ALGOR_get0(NULL, &type, &value, algorithm);
    if (type == V_ASN1_OBJECT) {
        const char *nist = EC_curve_nid2nist(OBJ_obj2nid(value));
        if (nist != NULL)
            snprintf(curve, sizeof curve, "%s", nist);
        else
            print_object(value, false, curve);
    }
    snprintf(out, CERTIFICATE_WORD_CAP, "EC %.*s", CERTIFICATE_WORD_CAP - 4, curve);
}

static void read_key(const X509 *cert, struct certificate_chain *out)
{
    ASN1_OBJECT *oid = NULL;
    X509_ALGOR *algorithm = NULL;
    X509_PUBKEY *info = X509_get_X509_PUBKEY(cert);
    uint8_t *der = NULL;
    int der_bytes = i2d_X509_PUBKEY(info, &der);
    if (der_bytes > 0)
        EVP_Digest(der, (size_t)der_bytes, out->key_sha256, NULL, EVP_sha256(), NULL);
    OPENSSL_free(der);
    if (X509_PUBKEY_get0_param(&oid, NULL, NULL, &algorithm, info) == 1) {
        switch (OBJ_obj2nid(oid)) {
        case NID_rsaEncryption: snprintf(out->key, sizeof out->key, "RSA"); break;
        case NID_ED25519: snprintf(out->key, sizeof out->key, "Ed25519"); break;
        case NID_ED448: snprintf(out->key, sizeof out->key, "Ed448"); break;
        case NID_X9_62_id_ecPublicKey: print_curve(algorithm, out->key); break;
        default: print_object(oid, false, out->key); break;
        }
    }
    EVP_PKEY *key = X509_get0_pubkey(cert);
    int bits = key != NULL ? EVP_PKEY_bits(key) : 0;
    out->key_bits = (uint16_t)(bits < 0 ? 0 : bits > UINT16_MAX ? UINT16_MAX : bits);
}

static void read_signature(X509 *cert, struct certificate_chain *out)
{
    const X509_ALGOR *algorithm = NULL;
    const ASN1_OBJECT *oid = NULL;
    int digest = NID_undef, key = NID_undef;
    X509_get0_signature(NULL, &algorithm, cert);
    X509_ALGOR_get0(&oid, NULL, NULL, algorithm);
    print_object(oid, true, out->signature);
    /* RSASSA-PSS keeps its hash in the parameters, where X509_get_signature_info looks. */
    if (OBJ_find_sigid_algs(OBJ_obj2nid(oid), &digest, &key) == 0 || digest == NID_undef)
        X509_get_signature_info(cert, &digest, &key, NULL, NULL);
    out->signature_weak = digest == NID_md2 || digest == NID_md4 || digest == NID_md5 || digest == NID_sha ||
                          digest == NID_sha1;
}

/* Appends a name where it fits whole. Octets that do not belong into a host name, NUL above all, are
 * written "\XX": an escaped name equals no host, and a comma within a name does not look like two. */
static void append_name(struct certificate_chain *out, const char *prefix, struct span name)
{
    static const char digits[] = "0123456789ABCDEF";
    char text[CERTIFICATE_NAMES_CAP + 4]; /* an escape more than can ever fit */
    size_t used = strlen(out->names);
    size_t n = (size_t)snprintf(text, sizeof text, "%s%s", used > 0 ? "," : "", prefix);
    for (size_t i = 0; i < name.n && n + 3 < sizeof text; i++) {
        uint8_t b = span_byte(name, i);
        if (b > ' ' && b < 0x7f && b != ',' && b != '\\') {
            text[n++] = (char)b;
            continue;
        }
        text[n++] = '\\';
        text[n++] = digits[b >> 4];
        text[n++] = digits[b & 15];
    }
    if (used + n >= sizeof out->names) {
        out->names_cut = true;
        return;
    }
    memcpy(out->names + used, text, n);
    out->names[used + n] = '\0';
}

static bool looks_like_address(struct span name)
{
    char text[INET6_ADDRSTRLEN] = "";
    uint8_t bytes[IPV6_BYTES];
    if (name.n >= sizeof text || span_find(name, '\0') < name.n)
        return false;
    memcpy(text, name.p, name.n);
    return inet_pton(AF_INET, text, bytes) == 1 || inet_pton(AF_INET6, text, bytes) == 1;
}

static struct span content_of(const ASN1_STRING *s)
{
    int n = ASN1_STRING_length(s);
    return span_of(ASN1_STRING_get0_data(s), n > 0 ? (size_t)n : 0);
}

/* Is this a name that a client compares with the host it wants? Mail addresses and URIs are not, nor an
 * address of some odd length. */
static bool is_compared(const GENERAL_NAME *entry, int *type, struct span *name)
{
    const void *value = GENERAL_NAME_get0_value(entry, type);
    if (value == NULL || (*type != GEN_DNS && *type != GEN_IPADD))
        return false;
    *name = content_of(value);
    return *type == GEN_DNS || name->n == IPV4_BYTES || name->n == IPV6_BYTES;
}

static void list_name(int type, struct span name, struct certificate_chain *out)
{
    char address[INET6_ADDRSTRLEN];
    int family = name.n == IPV4_BYTES ? AF_INET : AF_INET6;
    /* An address as a dNSName is a common mistake and matches nothing (RFC 9525 s6.4): it must not read
     * like an iPAddress. */
    if (type == GEN_DNS)
        append_name(out, looks_like_address(name) ? "DNS:" : "", name);
    else if (inet_ntop(family, name.p, address, sizeof address) != NULL)
        append_name(out, "", span_text(address));
}

static void read_names(const X509 *cert, struct certificate_chain *out)
{
    int critical = 0, at = -1, type = GEN_OTHERNAME;
    bool wildcard = false, several = false;
    struct span first = span_of(NULL, 0), name = first;
    GENERAL_NAMES *list = X509_get_ext_d2i(cert, NID_subject_alt_name, &critical, &at);
    for (int i = 0; i < sk_GENERAL_NAME_num(list); i++) {
        if (!is_compared(sk_GENERAL_NAME_value(list, i), &type, &name))
            continue;
        if (!out->has_names)
            first = name;
        out->has_names = true;
        several = several || !span_equal(first, name);
        wildcard = wildcard || (type == GEN_DNS && span_starts(name, "*."));
        if (!out->names_cut)
            list_name(type, name, out);
    }
    if (out->has_names)
        out->scope = wildcard ? SCOPE_WILDCARD : several ? SCOPE_MULTI : SCOPE_SINGLE;
    GENERAL_NAMES_free(list);
}

/* CA/Browser Forum BR s7.1.6.1. Where a certificate asserts several, the one that took most effort counts. */
static enum certificate_validation validation_of(const ASN1_OBJECT *policy)
{
    static const struct {
        const char *oid;
        enum certificate_validation validation;
    } known[] = {{"2.23.140.1.2.1", VALIDATION_DV},
                 {"2.23.140.1.2.2", VALIDATION_OV},
                 {"2.23.140.1.2.3", VALIDATION_IV},
                 {"2.23.140.1.1", VALIDATION_EV}};
    char oid[OID_TEXT_CAP] = "";
    if (OBJ_obj2txt(oid, sizeof oid, policy, 1) > 0)
        for (unsigned i = 0; i < sizeof known / sizeof *known; i++)
            if (strcmp(oid, known[i].oid) == 0)
                return known[i].validation;
    return VALIDATION_UNKNOWN;
}

static void read_policies(const X509 *cert, struct certificate_chain *out)
{
    int critical = 0, at = -1;
    CERTIFICATEPOLICIES *list = X509_get_ext_d2i(cert, NID_certificate_policies, &critical, &at);
    for (int i = 0; i < sk_POLICYINFO_num(list); i++) {
        enum certificate_validation v = validation_of(sk_POLICYINFO_value(list, i)->policyid);
        if (v > out->validation)
            out->validation = v;
    }
    CERTIFICATEPOLICIES_free(list);
}

static void read_purposes(const X509 *cert, struct certificate_chain *out)
{
    int critical = 0, at = -1;
    EXTENDED_KEY_USAGE *uses = X509_get_ext_d2i(cert, NID_ext_key_usage, &critical, &at);
    bool present = at >= 0, server = false;
    for (int i = 0; i < sk_ASN1_OBJECT_num(uses); i++) {
        int use = OBJ_obj2nid(sk_ASN1_OBJECT_value(uses, i));
        server = server || use == NID_server_auth || use == NID_anyExtendedKeyUsage;
    }
    out->server_auth_missing = present && !server;
    EXTENDED_KEY_USAGE_free(uses);
    at = -1;
    BASIC_CONSTRAINTS *constraints = X509_get_ext_d2i(cert, NID_basic_constraints, &critical, &at);
    out->is_ca = constraints != NULL && constraints->ca != 0;
    BASIC_CONSTRAINTS_free(constraints);
}

bool certificate_leaf_read(struct span der, struct certificate_chain *out)
{
    const unsigned char *p = der.p;
    EVP_Digest(der.p, der.n, out->sha256, NULL, EVP_sha256(), NULL);
    X509 *cert = d2i_X509(NULL, &p, (long)der.n);
    if (cert != NULL) {
        print_name(X509_get_subject_name(cert), out->subject);
        print_name(X509_get_issuer_name(cert), out->issuer);
        print_serial(X509_get0_serialNumber(cert), out->serial);
        read_key(cert, out);
        read_signature(cert, out);
        read_names(cert, out);
        read_policies(cert, out);
        read_purposes(cert, out);
        out->version_1 = X509_get_version(cert) == 0;
        X509_free(cert);
    }
    ERR_clear_error();
    return cert != NULL;
}
