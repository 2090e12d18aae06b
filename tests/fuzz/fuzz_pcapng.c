/* Input: a pcapng file, whole. */
#include "sensor/capture/pcapng.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    uint8_t *copy = malloc(size);
    FILE *stream = copy != NULL ? fmemopen(memcpy(copy, data, size), size, "r") : NULL;
    struct pcapng *ng = stream != NULL ? pcapng_open(stream) : NULL;
    if (ng == NULL)
        abort();
    struct source_frame frame;
    uint64_t sum = 0;
    while (pcapng_next(ng, &frame) == PCAPNG_FRAME)
        for (size_t i = 0; i < frame.bytes.n; i++) /* every byte handed out can be read */
            sum += span_byte(frame.bytes, i);
    if (sum == UINT64_MAX)
        abort();
    pcapng_close(ng);
    (void)fclose(stream);
    free(copy);
    return 0;
}
