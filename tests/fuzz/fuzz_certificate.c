/* Octets as a whole Certificate message, and as the DER of its only entry. */
#include <stdlib.h>

#include "sensor/audit/certificate.h"

enum { DER_CAP = 16384 };

static void read_body(struct certificate_reader *r, struct span body)
{
    struct certificate_chain c;
    certificate_read(r, body, &c);
    certificate_matches(&c, "mx.example.org");
    certificate_matches(&c, "192.0.2.7");
    if (c.path_not_after > c.not_after || (c.parsed && c.trust == TRUST_NOT_CHECKED))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct certificate_reader *reader;
    char error[512];
    if (size > DER_CAP || (reader == NULL && (reader = certificate_reader_open(NULL, error)) == NULL))
        return 0;
    size_t list = size + 3;
    uint8_t body[6 + DER_CAP] = {0, (uint8_t)(list >> 8), (uint8_t)list,
                                 0, (uint8_t)(size >> 8), (uint8_t)size};
    memcpy(body + 6, data, size);
    read_body(reader, span_of(data, size));
    read_body(reader, span_of(body, 6 + size));
    return 0;
}
