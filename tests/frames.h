/* frames.h - frames for tests, built from the inside out: the payload first, then each header in front of
 * what is there, with the lengths that follow from it. A test that wants a lie patches frame_byte
 * afterwards. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "parsers/cursor.h"

enum { FRAME_ROOM_BYTES = 16384 };

enum frame_protocol {
    FRAME_IPIP = 4,
    FRAME_TCP = 6,
    FRAME_UDP = 17,
    FRAME_IPV6 = 41,
    FRAME_GRE = 47,
    FRAME_AH = 51
};

struct frame {
    uint8_t room[FRAME_ROOM_BYTES]; /* filled from the end towards the front */
    size_t start;
    size_t end;
};

/* Addresses in text; builders parse them with inet_pton. */
#define FRAME_CLIENT_4 "192.0.2.1"
#define FRAME_SERVER_4 "198.51.100.25"
#define FRAME_CLIENT_6 "2001:db8::1"
#define FRAME_SERVER_6 "2001:db8:25::25"

/* frame_span - what is built so far, borrowed. */
struct span frame_span(const struct frame *f);

/* frame_byte - byte i of what is built so far, to be patched. */
uint8_t *frame_byte(struct frame *f, size_t i);

/* frame_payload - start anew with a payload; frame_padding appends zeros behind everything, as Ethernet
 * does. */
void frame_payload(struct frame *f, const char *text);
void frame_padding(struct frame *f, size_t n);

/* frame_front - any bytes in front. frame_u8 to frame_u32: one big-endian number in front. */
void frame_front(struct frame *f, const void *bytes, size_t n);
void frame_u8(struct frame *f, unsigned v);
void frame_u16(struct frame *f, unsigned v);
void frame_u32(struct frame *f, uint32_t v);

void frame_tcp(struct frame *f, uint16_t from, uint16_t to, uint32_t sequence, unsigned flags);
void frame_udp(struct frame *f, uint16_t from, uint16_t to);
void frame_ipv4(struct frame *f, const char *from, const char *to, uint8_t protocol);
void frame_ipv6(struct frame *f, const char *from, const char *to, uint8_t next);
/* frame_extension - an IPv6 header of the common shape with eights * 8 + 8 bytes; frame_fragment the
 * fragment header. */
void frame_extension(struct frame *f, uint8_t next, uint8_t eights);
void frame_fragment(struct frame *f, uint8_t next, unsigned offset_and_more);
void frame_ethernet(struct frame *f, uint16_t type);
void frame_vlan(struct frame *f, unsigned tag, uint16_t type); /* goes between a type and what it announces */
void frame_cooked(struct frame *f, uint16_t type);
void frame_cooked_v2(struct frame *f, uint16_t type);

/* frame_mail_4, frame_mail_6 - a whole TCP segment in IP: client to server, port 25, sequence 1000, PSH ACK. */
void frame_mail_4(struct frame *f, const char *payload);
void frame_mail_6(struct frame *f, const char *payload);
