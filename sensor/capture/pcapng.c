#include "sensor/capture/pcapng.h"

#include <stdlib.h>

enum { BLOCK_HEADER_BYTES = 8, BLOCK_TRAILER_BYTES = 4, MAGIC_BYTES = 4, BUFFER_FIRST_BYTES = 65536 };

enum block_type {
    BLOCK_INTERFACE = 1,
    BLOCK_PACKET = 2, /* obsolete, still met in old files */
    BLOCK_SIMPLE_PACKET = 3,
    BLOCK_ENHANCED_PACKET = 6,
    BLOCK_SECTION = 0x0a0d0d0a /* the same in both byte orders */
};

static const uint64_t NS_PER_SECOND = 1000000000;
static const char FILE_ENDS[] = "the file ends inside a block";

struct interface {
    int link_type;
    uint32_t snaplen_bytes;
    uint64_t units_per_second;
    int64_t offset_seconds;
};

struct pcapng {
    FILE *stream;
    bool little_endian; /* of the section */
    struct interface *interfaces;
    size_t interface_count;
    size_t interface_room;
    uint8_t *buffer; /* one block, after its header */
    size_t buffer_room;
    uint64_t offset; /* where the block begins */
    uint64_t next_offset;
    uint64_t time_ns; /* of the last frame that had one */
    const char *fault;
};

struct block {
    uint32_t type;
    struct cursor body;
};

static uint16_t read_u16(const struct pcapng *ng, struct cursor *c)
{
    uint16_t v = cursor_u16(c);
    return ng->little_endian ? __builtin_bswap16(v) : v;
}

static uint32_t read_u32(const struct pcapng *ng, struct cursor *c)
{
    uint32_t v = cursor_u32(c);
    return ng->little_endian ? __builtin_bswap32(v) : v;
}

static enum pcapng_result broken(struct pcapng *ng, const char *fault)
{
    ng->fault = fault;
    return PCAPNG_BROKEN;
}

static bool make_room(struct pcapng *ng, size_t n)
{
    if (n <= ng->buffer_room)
        return true;
    uint8_t *bigger = realloc(ng->buffer, n);
    if (bigger == NULL)
        return false;
    ng->buffer = bigger;
    ng->buffer_room = n;
    return true;
}

/* A section header states its byte order in the first field after the length: look before the length is
 * read. */
static bool section_order(struct pcapng *ng, const uint8_t *magic)
{
    struct cursor c = cursor_over(span_of(magic, MAGIC_BYTES));
    uint32_t v = cursor_u32(&c);
    ng->little_endian = v == 0x4d3c2b1a;
    return v == 0x4d3c2b1a || v == 0x1a2b3c4d;
}

/* The first bytes of a block: its type, its length, and for a section the byte order that both are written
 * in. */
static enum pcapng_result read_block_start(struct pcapng *ng, struct block *b, size_t *total, size_t *have)
{
    uint8_t header[BLOCK_HEADER_BYTES];
    size_t got = fread(header, 1, sizeof header, ng->stream);
    if (got == 0)
        return PCAPNG_END;
    if (got < sizeof header)
        return broken(ng, FILE_ENDS);
    struct cursor h = cursor_over(span_of(header, sizeof header));
    b->type = read_u32(ng, &h);
    *have = 0;
    if (b->type == BLOCK_SECTION) {
        *have = fread(ng->buffer, 1, MAGIC_BYTES, ng->stream);
        if (*have < MAGIC_BYTES)
            return broken(ng, FILE_ENDS);
        if (!section_order(ng, ng->buffer))
            return broken(ng, "a section header without its byte-order mark");
    }
    *total = read_u32(ng, &h);
    if (*total < BLOCK_HEADER_BYTES + BLOCK_TRAILER_BYTES + *have || *total % 4 != 0)
        return broken(ng, "a block length that cannot be");
    if (*total > PCAPNG_BLOCK_CAP_BYTES)
        return broken(ng, "a block of more than 16 MiB");
    return PCAPNG_FRAME;
}

static enum pcapng_result read_block(struct pcapng *ng, struct block *b)
{
    size_t total;
    size_t have; /* bytes of the body that are in the buffer already */
    ng->offset = ng->next_offset;
    enum pcapng_result start = read_block_start(ng, b, &total, &have);
    if (start != PCAPNG_FRAME)
        return start;
    size_t rest = total - BLOCK_HEADER_BYTES;
    if (!make_room(ng, rest))
        return broken(ng, "out of memory");
    if (fread(ng->buffer + have, 1, rest - have, ng->stream) < rest - have)
        return broken(ng, FILE_ENDS);
    ng->next_offset = ng->offset + total;

    struct cursor whole = cursor_over(span_of(ng->buffer, rest));
    b->body = cursor_over(cursor_take(&whole, rest - BLOCK_TRAILER_BYTES));
    return read_u32(ng, &whole) == total ? PCAPNG_FRAME : broken(ng, "a block whose two lengths differ");
}

/* if_tsresol: a negative power of 10, or of 2 where the top bit is set. What does not fit in 64 bits stays
 * microseconds. */
static uint64_t units_per_second(uint8_t resolution)
{
    enum { BINARY = 0x80, DECIMAL_MAX = 19, BINARY_MAX = 63 };
    unsigned exponent = resolution & 0x7f;
    if ((resolution & BINARY) != 0)
        return exponent <= BINARY_MAX ? (uint64_t)1 << exponent : 1000000;
    if (exponent > DECIMAL_MAX)
        return 1000000;
    uint64_t units = 1;
    while (exponent-- > 0)
        units *= 10;
    return units;
}

static void read_interface_options(const struct pcapng *ng, struct cursor c, struct interface *i)
{
    enum { OPTION_END = 0, IF_TSRESOL = 9, IF_TSOFFSET = 14 };
    while (cursor_left(&c) > 0) {
        uint16_t code = read_u16(ng, &c);
        uint16_t length = read_u16(ng, &c);
        struct cursor value = cursor_over(cursor_take(&c, length));
        (void)cursor_take(&c, (4u - length % 4u) % 4u);
        if (code == OPTION_END)
            return;
        if (code == IF_TSRESOL && length == 1)
            i->units_per_second = units_per_second(cursor_u8(&value));
        if (code == IF_TSOFFSET && length == 8) {
            uint64_t first = read_u32(ng, &value);
            uint64_t second = read_u32(ng, &value);
            i->offset_seconds = (int64_t)(ng->little_endian ? second << 32 | first : first << 32 | second);
        }
    }
}

static bool add_interface(struct pcapng *ng, struct cursor c)
{
    if (ng->interface_count == ng->interface_room) {
        size_t room = ng->interface_room > 0 ? ng->interface_room * 2 : 8;
        if (room > PCAPNG_INTERFACE_CAP)
            return false;
        struct interface *bigger = realloc(ng->interfaces, room * sizeof *bigger);
        if (bigger == NULL)
            return false;
        ng->interfaces = bigger;
        ng->interface_room = room;
    }
    struct interface *i = &ng->interfaces[ng->interface_count];
    *i = (struct interface){.units_per_second = 1000000};
    i->link_type = read_u16(ng, &c);
    (void)read_u16(ng, &c);
    i->snaplen_bytes = read_u32(ng, &c);
    if (!cursor_ok(&c))
        return false;
    read_interface_options(ng, c, i);
    ng->interface_count++;
    return true;
}

static uint64_t time_of(const struct interface *i, uint64_t units)
{
    uint64_t per_second = i->units_per_second;
    uint64_t seconds = units / per_second + (uint64_t)i->offset_seconds;
    uint64_t part = units % per_second;
    if (per_second <=
        NS_PER_SECOND) /* the usual case, and the only one where the product is sure to fit in 64 bits */
        return seconds * NS_PER_SECOND + part * NS_PER_SECOND / per_second;
    return seconds * NS_PER_SECOND + (uint64_t)((unsigned __int128)part * NS_PER_SECOND / per_second);
}

/* The enhanced packet block and its obsolete forerunner differ in how wide the interface number is. */
static enum pcapng_result packet(struct pcapng *ng, const struct block *b, struct source_frame *frame)
{
    struct cursor c = b->body;
    size_t number = b->type == BLOCK_PACKET ? read_u16(ng, &c) : read_u32(ng, &c);
    if (b->type == BLOCK_PACKET)
        (void)read_u16(ng, &c); /* drops */
    uint64_t units = (uint64_t)read_u32(ng, &c) << 32;
    units |= read_u32(ng, &c);
    uint32_t captured = read_u32(ng, &c);
    uint32_t wire = read_u32(ng, &c);
    frame->bytes = cursor_take(&c, captured);
    if (!cursor_ok(&c))
        return broken(ng, "a packet longer than its block");
    if (number >= ng->interface_count)
        return broken(ng, "a packet of an interface that was not described");
    ng->time_ns = time_of(&ng->interfaces[number], units);
    frame->time_ns = ng->time_ns;
    frame->wire_bytes = wire > captured ? wire : captured;
    frame->link_type = ng->interfaces[number].link_type;
    return PCAPNG_FRAME;
}

/* No time of its own and no captured length: it ends at the snap length or with the block (s4.4). */
static enum pcapng_result simple_packet(struct pcapng *ng, struct cursor c, struct source_frame *frame)
{
    uint32_t wire = read_u32(ng, &c);
    if (!cursor_ok(&c))
        return broken(ng, "a packet longer than its block");
    if (ng->interface_count == 0)
        return broken(ng, "a packet of an interface that was not described");
    uint32_t snaplen = ng->interfaces[0].snaplen_bytes;
    uint32_t captured = snaplen != 0 && snaplen < wire ? snaplen : wire;
    frame->bytes = span_head(cursor_rest(c), captured);
    frame->wire_bytes = wire;
    frame->time_ns = ng->time_ns;
    frame->link_type = ng->interfaces[0].link_type;
    return PCAPNG_FRAME;
}

enum pcapng_result pcapng_next(struct pcapng *ng, struct source_frame *frame)
{
    for (;;) {
        struct block b;
        enum pcapng_result got = read_block(ng, &b);
        if (got != PCAPNG_FRAME)
            return got;
        switch (b.type) {
        case BLOCK_SECTION: ng->interface_count = 0; break;
        case BLOCK_INTERFACE:
            if (!add_interface(ng, b.body))
                return broken(ng, "an interface description that cannot be read");
            break;
        case BLOCK_PACKET:
        case BLOCK_ENHANCED_PACKET: return packet(ng, &b, frame);
        case BLOCK_SIMPLE_PACKET: return simple_packet(ng, b.body, frame);
        default: break;
        }
    }
}

struct pcapng *pcapng_open(FILE *stream)
{
    struct pcapng *ng = calloc(1, sizeof *ng);
    if (ng == NULL)
        return NULL;
    ng->stream = stream;
    ng->fault = "";
    if (make_room(ng, BUFFER_FIRST_BYTES))
        return ng;
    free(ng);
    return NULL;
}

uint64_t pcapng_offset(const struct pcapng *ng)
{
    return ng->offset;
}

const char *pcapng_fault(const struct pcapng *ng)
{
    return ng->fault;
}

void pcapng_close(struct pcapng *ng)
{
    if (ng == NULL)
        return;
    free(ng->interfaces);
    free(ng->buffer);
    free(ng);
}
