/* SHA1_Init and its like are deprecated in favour of EVP, because most programs hash to protect something and should be able
 * to change how. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "sensor/host/digest.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

struct digester {
    EVP_MD_CTX *context;
    EVP_MD *md5;
    EVP_MD *sha256;
};

struct digester *digest_open(void)
{
    struct digester *d = calloc(1, sizeof *d);
    if (d == NULL)
        return NULL;
    d->context = EVP_MD_CTX_new();
    /* In FIPS mode MD5 is refused unless it is asked for as what it is here: no protection. */
    d->md5 = EVP_MD_fetch(NULL, "MD5", "-fips");
    d->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    if (d->context == NULL || d->md5 == NULL || d->sha256 == NULL) {
        digest_close(d);
        return NULL;
    }
    return d;
}

void digest_close(struct digester *d)
{
    if (d == NULL)
        return;
    EVP_MD_CTX_free(d->context);
    EVP_MD_free(d->md5);
    EVP_MD_free(d->sha256);
    free(d);
}

static void hash(struct digester *d, const EVP_MD *md, struct span in, uint8_t *out, size_t out_bytes)
{
    bool done = EVP_DigestInit_ex2(d->context, md, NULL) == 1 &&
                EVP_DigestUpdate(d->context, in.p, in.n) == 1 &&
                EVP_DigestFinal_ex(d->context, out, NULL) == 1;
    if (!done)
        memset(out, 0, out_bytes);
}

void digest_md5(struct digester *d, struct span in, uint8_t *out)
{
    hash(d, d->md5, in, out, DIGEST_MD5_BYTES);
}

/* Without EVP, whose envelope costs several times what the one block of a Community ID does. */
void digest_sha1(struct span in, uint8_t *out)
{
    SHA_CTX context;
    bool done = SHA1_Init(&context) == 1 && SHA1_Update(&context, in.p, in.n) == 1 &&
                SHA1_Final(out, &context) == 1;
    if (!done)
        memset(out, 0, DIGEST_SHA1_BYTES);
}

void digest_sha256(struct digester *d, struct span in, uint8_t *out)
{
    hash(d, d->sha256, in, out, DIGEST_SHA256_BYTES);
}

/* Both digits of an octet at once. */
#define SIXTEEN(d)                                                                                           \
    d "0" d "1" d "2" d "3" d "4" d "5" d "6" d "7" d "8" d "9" d "a" d "b" d "c" d "d" d "e" d "f"

void digest_hex(const uint8_t *bytes, unsigned n, char *out)
{
    static const char pairs[] = SIXTEEN("0") SIXTEEN("1") SIXTEEN("2") SIXTEEN("3") SIXTEEN("4") SIXTEEN("5")
        SIXTEEN("6") SIXTEEN("7") SIXTEEN("8") SIXTEEN("9") SIXTEEN("a") SIXTEEN("b") SIXTEEN("c")
            SIXTEEN("d") SIXTEEN("e") SIXTEEN("f");
    for (unsigned i = 0; i < n; i++)
        memcpy(out + (size_t)2 * i, pairs + (size_t)2 * bytes[i], 2);
    out[(size_t)2 * n] = '\0';
}

void digest_base64(const uint8_t *bytes, unsigned n, char *out)
{
    EVP_EncodeBlock((unsigned char *)out, bytes, (int)n);
}

const char *digest_library_version(void)
{
    return OpenSSL_version(OPENSSL_VERSION);
}
