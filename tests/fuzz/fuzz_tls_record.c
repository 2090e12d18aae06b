/* One side's bytes, whole and in small parts: no harm, and the same pieces either way. */
#include <stdlib.h>

#include "parsers/tls_record.h"

static uint32_t play(const uint8_t *data, size_t size, size_t chunk)
{
    static uint8_t store[512];
    struct tls_record r = {.store = store, .store_cap = sizeof store};
    struct tls_piece p;
    uint32_t sum = 0;
    for (size_t at = 0; at < size; at += chunk) {
        struct cursor in = cursor_over(span_head(span_of(data + at, size - at), chunk));
        while (tls_record_next(&r, &in, &p) == STEP_EVENT) {
            if (p.kind == TLS_PIECE_STORE_WANTED)
                continue;
            sum = sum * 31 + p.kind + p.content + p.type + p.length + p.level + p.description + p.claimed;
            for (size_t i = 0; i < p.body.n && i < sizeof store; i++)
                sum = (sum ^ span_byte(p.body, i)) * 16777619u;
        }
    }
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (play(data, size, size) != play(data, size, 1 + size % 7))
        abort();
    return 0;
}
