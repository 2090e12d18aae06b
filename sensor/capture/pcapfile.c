#include "sensor/capture/pcapfile.h"

#include <string.h>

enum {
    FILE_HEADER_BYTES = 24,
    RECORD_HEADER_BYTES = 16,
    RECORD_CAP_BYTES = 262144, /* no packet of these link types is longer; libpcap's limit as well */
    VERSION_MAJOR = 2,
    VERSION_MINOR = 4
};

static uint16_t read_u16(bool little_endian, struct cursor *c)
{
    uint16_t v = cursor_u16(c);
    return little_endian ? __builtin_bswap16(v) : v;
}

static uint32_t read_u32(bool little_endian, struct cursor *c)
{
    uint32_t v = cursor_u32(c);
    return little_endian ? __builtin_bswap32(v) : v;
}

static bool take_magic(struct pcapfile *f, struct cursor *c)
{
    enum { MICROSECOND_NS = 1000, NANOSECOND_NS = 1 };
    uint32_t magic = cursor_u32(c);
    f->little_endian = magic == 0xd4c3b2a1 || magic == 0x4d3cb2a1;
    f->ns_per_unit = magic == 0xa1b2c3d4 || magic == 0xd4c3b2a1 ? MICROSECOND_NS : NANOSECOND_NS;
    return f->little_endian || magic == 0xa1b2c3d4 || magic == 0xa1b23c4d;
}

/* The link types whose number in a file is the one that libpcap hands out. */
static bool take_link_type(struct pcapfile *f, uint32_t link_type)
{
    enum { ETHERNET = 1, COOKED = 113, COOKED_V2 = 276 };
    f->link_type = (int)link_type;
    return link_type == ETHERNET || link_type == COOKED || link_type == COOKED_V2;
}

bool pcapfile_open(struct pcapfile *f, struct input *input)
{
    struct cursor c = cursor_over(input_head(input));
    *f = (struct pcapfile){.input = input, .fault = ""};
    bool known = take_magic(f, &c);
    known = known && read_u16(f->little_endian, &c) == VERSION_MAJOR;
    known = known && read_u16(f->little_endian, &c) == VERSION_MINOR;
    (void)cursor_u32(&c); /* time zone and accuracy: always 0, and without a meaning */
    (void)cursor_u32(&c);
    f->snaplen_bytes = read_u32(f->little_endian, &c);
    known = known && f->snaplen_bytes > 0 && f->snaplen_bytes <= INT32_MAX;
    known = known && take_link_type(f, read_u32(f->little_endian, &c));
    if (!known || !cursor_ok(&c))
        return false;
    f->window = cursor_over(input_window(input, 0, FILE_HEADER_BYTES));
    f->window_bytes = cursor_left(&f->window);
    (void)cursor_take(&f->window, FILE_HEADER_BYTES);
    f->offset = f->next_offset = FILE_HEADER_BYTES;
    return true;
}

static enum pcapfile_result broken(struct pcapfile *f, const char *fault)
{
    f->fault = fault;
    return PCAPFILE_BROKEN;
}

/* Have at least n bytes ready. False where the input holds no more so many. */
static inline bool have(struct pcapfile *f, size_t n)
{
    if (cursor_left(&f->window) >= n)
        return true;
    struct span ready = input_window(f->input, f->window_bytes - cursor_left(&f->window), n);
    f->window = cursor_over(ready);
    f->window_bytes = ready.n;
    return ready.n >= n;
}

struct record_header {
    uint32_t seconds;
    uint32_t fraction;
    uint32_t captured;
    uint32_t wire;
};

/* All four at once, and turned round only where the file comes from a machine of the other kind. */
static inline struct record_header read_header(const struct pcapfile *f, struct span bytes)
{
    struct record_header h = {0};
    _Static_assert(sizeof h == RECORD_HEADER_BYTES, "as in the file");
    if (bytes.n == sizeof h)
        memcpy(&h, bytes.p, sizeof h);
    if (f->little_endian != (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)) {
        h.seconds = __builtin_bswap32(h.seconds);
        h.fraction = __builtin_bswap32(h.fraction);
        h.captured = __builtin_bswap32(h.captured);
        h.wire = __builtin_bswap32(h.wire);
    }
    return h;
}

enum pcapfile_result pcapfile_next(struct pcapfile *f, struct source_frame *frame)
{
    static const char CUT[] = "the file ends inside a packet record";
    f->offset = f->next_offset;
    if (!have(f, RECORD_HEADER_BYTES))
        return cursor_left(&f->window) == 0 ? PCAPFILE_END : broken(f, CUT);
    struct record_header h = read_header(f, cursor_take(&f->window, RECORD_HEADER_BYTES));
    uint32_t captured = h.captured;
    if (captured > RECORD_CAP_BYTES)
        return broken(f, "a packet of more than 262144 bytes");
    if (!have(f, captured))
        return broken(f, CUT);
    f->next_offset = f->offset + RECORD_HEADER_BYTES + captured;
    /* More than the file's own snap length is not to be believed. */
    frame->bytes = span_head(cursor_take(&f->window, captured), f->snaplen_bytes);
    frame->wire_bytes = h.wire > frame->bytes.n ? h.wire : (uint32_t)frame->bytes.n;
    frame->time_ns = (uint64_t)h.seconds * 1000000000 + (uint64_t)h.fraction * f->ns_per_unit;
    frame->link_type = f->link_type;
    return PCAPFILE_FRAME;
}
