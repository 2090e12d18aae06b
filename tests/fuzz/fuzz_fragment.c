/* Input: packets of raw IP, each behind two octets with its length; a third octet says how much the capture
 * cut off and how much time passes. */
#include "sensor/capture/fragment.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint64_t SECOND_NS = 1000000000;
    struct fragment_limits limits = {.datagrams = 4, .chunks = 32, .timeout_ns = 30 * SECOND_NS};
    struct counters counters = {0};
    struct fragments *f = fragments_open(&limits, &counters);
    struct cursor c = cursor_over(span_of(data, size));
    uint64_t now_ns = SECOND_NS;
    while (f != NULL && cursor_left(&c) > 0) {
        size_t length = cursor_u16(&c);
        uint8_t control = cursor_u8(&c);
        struct span packet = cursor_take(&c, length);
        struct segment s;
        now_ns += (control & 0x0f) * SECOND_NS;
        enum decode_result result = decode_frame(DECODE_RAW_IP, packet, (uint32_t)packet.n + (control >> 6),
                                                 now_ns, &s);
        if (result == DECODE_FRAGMENT)
            result = fragments_decode(f, &s, &s);
        assert(result != DECODE_TCP || s.payload.n <= 65535);
        assert(fragments_waiting(f) <= limits.datagrams);
    }
    fragments_close(f);
    return 0;
}
