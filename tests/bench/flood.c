#include "tests/bench/flood.h"

#include <inttypes.h>
#include <string.h>

#include "tests/bench/load_capture.h"

enum { KIND_SYN, KIND_OCTET, KIND_HELLO, KINDS };

enum { IP_BYTES = 20, TCP_BYTES = 20, HEADERS_BYTES = ETHERNET_BYTES + IP_BYTES + TCP_BYTES };

enum { FLAG_SYN = 2, FLAG_PUSH = 8, FLAG_ACK = 16 };

/* The first half of a ClientHello: the record and the message promise 196 and 192 octets. */
static const uint8_t half_hello[] = {
    0x16, 3,    1,    0,    0xc4, 1,    0,    0,    0xc0, 3,    3,    0x5a, 0x5a, 0x5a, 0x5a, 0x5a, 0x5a,
    0x5a, 0x5a, 0x5a, 0x5a, 0x5a, 0x5a, 0x5a, 0x5a, 0x5a, 0x5a, 0x5a, 0x5a, 0x5a, 0x5a, 0x5a, 0x5a, 0x5a,
    0x5a, 0x5a, 0x5a, 0x5a, 0x5a, 0x5a, 0x5a, 0x5a, 0x5a, 0,    0,    0x20, 0x13, 1,    0x13, 2,    0x13,
};

bool flood_read(struct flood *f, const char *text)
{
    char rest;
    return sscanf(text, "%" SCNu64 ",%" SCNu64 ",%" SCNu64 "%c", &f->wanted[KIND_SYN], &f->wanted[KIND_OCTET],
                  &f->wanted[KIND_HELLO], &rest) == KINDS;
}

void flood_write_frame(FILE *out, uint64_t now_us, const uint8_t *frame, uint32_t length)
{
    uint32_t record[4] = {(uint32_t)(now_us / MICROSECONDS), (uint32_t)(now_us % MICROSECONDS), length,
                          length};
    fwrite(record, sizeof record, 1, out);
    fwrite(frame, length, 1, out);
}

static void put(uint8_t *p, int bytes, uint32_t number)
{
    for (; bytes-- > 0; number >>= 8)
        p[bytes] = (uint8_t)number;
}

struct attack {
    FILE *out;
    uint64_t now_us;
    const uint8_t *server; /* address and port, as a frame has them */
    const uint8_t *port;
    uint64_t client;
};

static void send_frame(struct flood *f, const struct attack *a, bool from_client, uint8_t flags,
                       const uint8_t *payload, uint32_t n)
{
    enum { CLIENTS_NETWORK = 198u << 24 | 18u << 16, CLIENTS = 1 << 17, SEQUENCE = 1000, REPLY = 5000 };
    uint8_t frame[HEADERS_BYTES + sizeof half_hello] = {[12] = 8, [14] = 0x45, [22] = 64, [23] = 6};
    uint8_t *ip = frame + ETHERNET_BYTES;
    uint8_t *tcp = ip + IP_BYTES;
    uint8_t *client = ip + (from_client ? 12 : 16);
    uint32_t begun = flags & FLAG_SYN ? 0 : 1;
    put(ip + 2, 2, IP_BYTES + TCP_BYTES + n);
    put(client, 4, CLIENTS_NETWORK + (uint32_t)(a->client % CLIENTS));
    put(tcp + (from_client ? 0 : 2), 2, 1024 + (uint32_t)(a->client / CLIENTS + a->client % 60000));
    memcpy(ip + (from_client ? 16 : 12), a->server, 4);
    memcpy(tcp + (from_client ? 2 : 0), a->port, 2);
    put(tcp + 4, 4, (from_client ? SEQUENCE : REPLY) + (from_client ? begun : 0));
    put(tcp + 8, 4, flags & FLAG_ACK ? (from_client ? REPLY : SEQUENCE) + 1 : 0);
    tcp[12] = TCP_BYTES / 4 << 4;
    tcp[13] = flags;
    memcpy(tcp + TCP_BYTES, payload, n);
    flood_write_frame(a->out, a->now_us, frame, HEADERS_BYTES + n);
    f->packets++;
}

static void attack(struct flood *f, const struct attack *a, int kind)
{
    send_frame(f, a, true, FLAG_SYN, half_hello, 0);
    if (kind == KIND_SYN)
        return;
    send_frame(f, a, false, FLAG_SYN | FLAG_ACK, half_hello, 0);
    send_frame(f, a, true, FLAG_PUSH | FLAG_ACK, half_hello, kind == KIND_OCTET ? 1 : sizeof half_hello);
}

void flood_weave(struct flood *f, FILE *out, uint64_t now_us, const uint8_t *frame, uint32_t tcp, double part)
{
    struct attack a = {.out = out, .now_us = now_us, .server = frame + tcp - 4, .port = frame + tcp + 2};
    part = part < 1 ? part : 1;
    for (int kind = KIND_SYN; kind < KINDS; kind++)
        for (; (double)f->done[kind] < part * (double)f->wanted[kind]; f->done[kind]++) {
            a.client = f->clients++;
            attack(f, &a, kind);
        }
}
