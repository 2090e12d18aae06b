/* fingerprint.h - the input strings of JA3, JA3S and JA4; hashing is not done here (audit/digest.c).
 *
 * JA3 and JA3S: Salesforce, BSD. JA4: FoxIO, the TLS client part only (BSD); the others of that family are
 * under another licence and stay out. Neither is defined for an SSLv2-format hello. */
#pragma once

#include "cursor.h"
#include "tls_hello.h"

/* Room for a hello with several hundred suites and extensions. A longer list makes the function return 0:
 * no fingerprint is better than a wrong one. */
enum { FINGERPRINT_CAP_BYTES = 8192 };

struct fingerprint_ja4 {
    char a[11]; /* ten characters and NUL */

    /* Two buffers of FINGERPRINT_CAP_BYTES that the caller lends, NUL-terminated here and "" where empty: the
     * sorted cipher list, and the sorted extensions with, after '_', the signature algorithms as sent. */
    char *ciphers;
    size_t ciphers_length;
    char *extensions;
    size_t extensions_length;
};

/* fingerprint_ja3 - write the JA3 string. Returns its length, 0 where none is defined or it does not fit.
 * out     FINGERPRINT_CAP_BYTES of room; NUL-terminated */
size_t fingerprint_ja3(const struct tls_client_hello *h, char *out);

/* fingerprint_ja3s - write the JA3S string of a ServerHello; the same terms. */
size_t fingerprint_ja3s(const struct tls_server_hello *h, char *out);

/* fingerprint_ja4 - write the three parts; the hash of an empty list is "000000000000" (the caller's doing).
 * Returns false where none is defined or a list does not fit. */
bool fingerprint_ja4(const struct tls_client_hello *h, struct fingerprint_ja4 *ja4);
