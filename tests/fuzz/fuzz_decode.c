/* Input: a byte that chooses the link type, a byte that says how much the capture cut off, then the frame. */
#include "sensor/capture/decode.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int links[] = {1, 113, 276, 101, 0, 108, 9, 228};
    struct cursor c = cursor_over(span_of(data, size));
    int link_type = links[cursor_u8(&c) % (sizeof links / sizeof links[0])];
    uint32_t cut = cursor_u8(&c);
    struct span frame = cursor_rest(c);
    struct segment s;
    if (decode_frame(link_type, frame, (uint32_t)frame.n + cut, 1, &s) != DECODE_TCP)
        return 0;
    assert(s.family == IP_V4 || s.family == IP_V6);
    assert(s.payload.n + 40 <= frame.n);
    assert(s.payload.n == 0 || (s.payload.p >= frame.p && s.payload.p + s.payload.n <= frame.p + frame.n));
    char text[46];
    (void)address_text(&s.source, s.family, text);
    return 0;
}
