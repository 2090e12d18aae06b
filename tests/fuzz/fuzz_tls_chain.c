/* A Certificate body: every entry lies within the message, and no more are kept than counted. */
#include <stdlib.h>

#include "parsers/tls_chain.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tls_chain chain;
    bool well_formed = tls_chain_parse(span_of(data, size), &chain);
    size_t used = 3;
    for (unsigned i = 0; i < chain.count; i++)
        used += 3 + chain.der[i].n;
    if (chain.count > chain.sent || (chain.count > 0 && used > size))
        abort();
    if (well_formed && chain.count == chain.sent && used != size)
        abort();
    return 0;
}
