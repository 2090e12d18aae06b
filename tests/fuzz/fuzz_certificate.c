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
    if (certificate_validity_days(&c) < 0 || c.path_not_after > c.not_after ||
        (c.parsed && c.trust == TRUST_NOT_CHECKED))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct certificate_reader *reader;
    static uint8_t body[6 + DER_CAP];
    char error[512];
    if ((reader == NULL && (reader = certificate_reader_open(NULL, error)) == NULL) || size > DER_CAP)
        return 0;
    for (unsigned i = 0; i < 2; i++) { /* the lengths of the list and of the entry */
        body[3 * i + 1] = (uint8_t)((size + 3 * (1 - i)) >> 8);
        body[3 * i + 2] = (uint8_t)(size + 3 * (1 - i));
    }
    memcpy(body + 6, data, size);
    read_body(reader, span_of(data, size));
    read_body(reader, span_of(body, 6 + size));
    return 0;
}
