/* Input: a segment of the spool; its first bytes also as the note of what was acknowledged. */
#include "sensor/publish/spool_note.h"
#include "sensor/publish/spool_record.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct spool_note note;
    struct spool_record r;
    uint64_t effort = UINT64_C(1) << 24;
    struct span left = span_of(data, size);
    (void)spool_note_read(left, &note);
    while (left.n > 0) {
        size_t at = spool_record_find(left, &effort, &r);
        left = span_skip(left, at);
        if (left.n > 0 && left.n < SPOOL_HEAD_BYTES + r.body_bytes)
            abort();
        left = span_skip(left, SPOOL_HEAD_BYTES + r.body_bytes);
    }
    return 0;
}
