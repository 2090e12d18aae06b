#include "tests/frames.h"

#include <arpa/inet.h>
#include <assert.h>
#include <string.h>

enum { ROOM_BEHIND_BYTES = 2048, MAIL_CLIENT_PORT = 40000, MAIL_PORT = 25, PSH_ACK = 0x18 };

struct span frame_span(const struct frame *f)
{
    return span_of(f->room + f->start, f->end - f->start);
}

uint8_t *frame_byte(struct frame *f, size_t i)
{
    assert(f->start + i < f->end);
    return &f->room[f->start + i];
}

void frame_payload(struct frame *f, const char *text)
{
    size_t n = strlen(text);
    assert(n < FRAME_ROOM_BYTES - ROOM_BEHIND_BYTES);
    f->end = FRAME_ROOM_BYTES - ROOM_BEHIND_BYTES;
    f->start = f->end - n;
    memcpy(f->room + f->start, text, n);
}

void frame_padding(struct frame *f, size_t n)
{
    assert(n <= FRAME_ROOM_BYTES - f->end);
    memset(f->room + f->end, 0, n);
    f->end += n;
}

void frame_front(struct frame *f, const void *bytes, size_t n)
{
    assert(n <= f->start);
    f->start -= n;
    memcpy(f->room + f->start, bytes, n);
}

void frame_u8(struct frame *f, unsigned v)
{
    uint8_t byte = (uint8_t)v;
    frame_front(f, &byte, 1);
}

void frame_u16(struct frame *f, unsigned v)
{
    frame_u8(f, v & 0xff);
    frame_u8(f, v >> 8);
}

void frame_u32(struct frame *f, uint32_t v)
{
    frame_u16(f, v & 0xffff);
    frame_u16(f, v >> 16);
}

void frame_tcp(struct frame *f, uint16_t from, uint16_t to, uint32_t sequence, unsigned flags)
{
    frame_u32(f, 0);      /* checksum, urgent pointer */
    frame_u16(f, 0xffff); /* window */
    frame_u8(f, flags);
    frame_u8(f, 0x50);
    frame_u32(f, 77); /* acknowledgement */
    frame_u32(f, sequence);
    frame_u16(f, to);
    frame_u16(f, from);
}

void frame_udp(struct frame *f, uint16_t from, uint16_t to)
{
    unsigned n = (unsigned)frame_span(f).n + 8;
    frame_u16(f, 0);
    frame_u16(f, n);
    frame_u16(f, to);
    frame_u16(f, from);
}

static void frame_address(struct frame *f, int family, const char *text)
{
    uint8_t bytes[16];
    int parsed = inet_pton(family, text, bytes);
    assert(parsed == 1);
    (void)parsed;
    frame_front(f, bytes, family == AF_INET ? 4 : 16);
}

void frame_ipv4(struct frame *f, const char *from, const char *to, uint8_t protocol)
{
    unsigned n = (unsigned)frame_span(f).n + 20;
    frame_address(f, AF_INET, to);
    frame_address(f, AF_INET, from);
    frame_u16(f, 0);
    frame_u8(f, protocol);
    frame_u8(f, 64);
    frame_u16(f, 0x4000); /* don't fragment */
    frame_u16(f, 1);
    frame_u16(f, n);
    frame_u16(f, 0x4500);
}

void frame_ipv6(struct frame *f, const char *from, const char *to, uint8_t next)
{
    unsigned n = (unsigned)frame_span(f).n;
    frame_address(f, AF_INET6, to);
    frame_address(f, AF_INET6, from);
    frame_u8(f, 64);
    frame_u8(f, next);
    frame_u16(f, n);
    frame_u32(f, 0x60000000);
}

void frame_extension(struct frame *f, uint8_t next, uint8_t eights)
{
    static const uint8_t zeros[256 * 8];
    frame_front(f, zeros, (size_t)eights * 8 + 6);
    frame_u8(f, eights);
    frame_u8(f, next);
}

void frame_fragment(struct frame *f, uint8_t next, unsigned offset_and_more)
{
    frame_u32(f, 0x1234);
    frame_u16(f, offset_and_more);
    frame_u8(f, 0);
    frame_u8(f, next);
}

void frame_ethernet(struct frame *f, uint16_t type)
{
    static const uint8_t addresses[12] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2};
    frame_u16(f, type);
    frame_front(f, addresses, sizeof addresses);
}

void frame_vlan(struct frame *f, unsigned tag, uint16_t type)
{
    frame_u16(f, type);
    frame_u16(f, tag);
}

void frame_cooked(struct frame *f, uint16_t type)
{
    static const uint8_t address[8] = {2, 0, 0, 0, 0, 1};
    frame_u16(f, type);
    frame_front(f, address, sizeof address);
    frame_u16(f, 6);
    frame_u16(f, 1);
    frame_u16(f, 0);
}

void frame_cooked_v2(struct frame *f, uint16_t type)
{
    static const uint8_t address[8] = {2, 0, 0, 0, 0, 1};
    frame_front(f, address, sizeof address);
    frame_u16(f, 0x0006);
    frame_u16(f, 1);
    frame_u32(f, 3);
    frame_u16(f, 0);
    frame_u16(f, type);
}

void frame_mail_4(struct frame *f, const char *payload)
{
    frame_payload(f, payload);
    frame_tcp(f, MAIL_CLIENT_PORT, MAIL_PORT, 1000, PSH_ACK);
    frame_ipv4(f, FRAME_CLIENT_4, FRAME_SERVER_4, FRAME_TCP);
}

void frame_mail_6(struct frame *f, const char *payload)
{
    frame_payload(f, payload);
    frame_tcp(f, MAIL_CLIENT_PORT, MAIL_PORT, 1000, PSH_ACK);
    frame_ipv6(f, FRAME_CLIENT_6, FRAME_SERVER_6, FRAME_TCP);
}
