#include "tls_chain.h"

bool tls_chain_parse(struct span body, struct tls_chain *chain)
{
    *chain = (struct tls_chain){0};
    for (unsigned i = 0; i < TLS_CHAIN_CAP; i++)
        chain->der[i] = span_of(NULL, 0);
    struct cursor c = cursor_over(body);
    struct cursor list = cursor_sub24(&c);
    while (cursor_left(&list) > 0) {
        struct cursor certificate = cursor_sub24(&list);
        /* An entry is <1..2^24-1>: an empty one is as malformed as one that does not fit. */
        if (cursor_left(&certificate) == 0) {
            cursor_fail(&list);
            break;
        }
        if (chain->count < TLS_CHAIN_CAP)
            chain->der[chain->count++] = cursor_rest(certificate);
        chain->sent++;
    }
    return cursor_done(&list) && cursor_done(&c);
}
