/* tls_chain.h - a Certificate message of SSL 3.0 to TLS 1.2 into its DER certificates.
 *
 * No X.509 here: what lies in the DER is audit/certificate.c's matter. In TLS 1.3 the message is encrypted
 * and never seen. */
#pragma once

#include "cursor.h"

enum { TLS_CHAIN_CAP = 10 };

struct tls_chain {
    struct span der[TLS_CHAIN_CAP]; /* the sender's own first; borrowed from the message */
    unsigned count;                 /* in `der` */
    unsigned sent;                  /* in the message, also those beyond the cap */
};

/* tls_chain_parse - read a Certificate body (RFC 5246 s7.4.2).
 * Returns false where malformed (chain then holds what was read before); an empty list is well formed */
bool tls_chain_parse(struct span body, struct tls_chain *chain);
