#include "tests/bench/load_capture.h"

#include <errno.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TCP_FIN = 1, TCP_SYN = 2, TCP_RST = 4, TCP_PUSH = 8, TCP_ACK = 16 };

void load_fail(const char *what, const char *why)
{
    fprintf(stderr, "make_load: %s: %s\n", what, why);
    exit(1);
}

void *load_grown(void *old, size_t count, size_t size)
{
    void *p = realloc(old, count * size);
    if (p == NULL)
        load_fail("memory", strerror(errno));
    return p;
}

static uint32_t read_number(const uint8_t *p, int bytes)
{
    uint32_t number = 0;
    while (bytes-- > 0)
        number = number << 8 | *p++;
    return number;
}

static void write_number(uint8_t *p, int bytes, uint32_t number)
{
    for (; bytes-- > 0; number >>= 8)
        p[bytes] = (uint8_t)number;
}

/* ---- reading */

/* Find TCP in an Ethernet frame: the offset of the IP header in *ip, of TCP in *tcp, and of the end of the IP
 * packet. */
static bool find_tcp(const uint8_t *frame, uint32_t length, uint32_t *ip, uint32_t *tcp, uint32_t *end)
{
    uint32_t at = 12;
    while (at + 6 <= length && (read_number(frame + at, 2) == 0x8100 || read_number(frame + at, 2) == 0x88a8))
        at += 4;
    if (at + 2 + 40 > length)
        return false;
    uint32_t type = read_number(frame + at, 2);
    *ip = at + 2;
    if (type == 0x0800) {
        *tcp = *ip + (frame[*ip] & 15u) * 4;
        *end = *ip + read_number(frame + *ip + 2, 2);
        return frame[*ip + 9] == 6 && (read_number(frame + *ip + 6, 2) & 0x3fff) == 0 &&
               *tcp + 20 <= length && *end <= length;
    }
    *tcp = *ip + 40;
    *end = *tcp + read_number(frame + *ip + 4, 2);
    return type == 0x86dd && frame[*ip + 6] == 6 && *tcp + 20 <= length && *end <= length;
}

static uint32_t client_number(struct capture *c, const uint8_t *address, uint8_t bytes)
{
    uint8_t key[16] = {0};
    memcpy(key, address, bytes);
    for (uint32_t i = 0; i < c->clients; i++)
        if (memcmp(c->addresses[i], key, sizeof key) == 0)
            return i;
    c->addresses = load_grown(c->addresses, c->clients + 1, sizeof *c->addresses);
    memcpy(c->addresses[c->clients], key, sizeof key);
    return c->clients++;
}

static void append(struct capture *c, struct packet p)
{
    c->packets = load_grown(c->packets, c->count + 1, sizeof *c->packets);
    c->packets[c->count++] = p;
}

static bool is_data(const struct packet *p)
{
    const uint8_t *payload = p->bytes + p->payload;
    return p->payload_bytes > 5 && payload[0] == 0x17 && payload[1] == 3;
}

/* The client is the end with the higher port. */
static void add_packet(struct capture *c, const struct pcap_pkthdr *header, const uint8_t *bytes,
                       uint64_t offset_us)
{
    uint32_t ip, tcp, end;
    if (!find_tcp(bytes, header->caplen, &ip, &tcp, &end))
        return;
    bool v4 = bytes[ip] >> 4 == 4;
    uint32_t source = ip + (v4 ? 12 : 8);
    struct packet p = {.offset_us = offset_us,
                       .length = header->caplen,
                       .tcp = tcp,
                       .payload = tcp + (uint32_t)(bytes[tcp + 12] >> 4) * 4,
                       .address_bytes = v4 ? 4 : 16,
                       .from_client = read_number(bytes + tcp, 2) > read_number(bytes + tcp + 2, 2)};
    p.payload_bytes = end > p.payload ? end - p.payload : 0;
    p.client_address = p.from_client ? source : source + p.address_bytes;
    p.client = client_number(c, bytes + p.client_address, p.address_bytes);
    bool ends = (bytes[tcp + 13] & (TCP_FIN | TCP_RST)) != 0;
    p.closing = ends || (c->count > 0 && c->packets[c->count - 1].closing);
    p.bytes = load_grown(NULL, header->caplen, 1);
    memcpy(p.bytes, bytes, header->caplen);
    append(c, p);
    if (!p.closing && !(c->data[0] && c->data[1]))
        c->open_count = c->count;
    c->data[p.from_client] |= is_data(&p);
    if (c->first_words == 0 && p.from_client && p.payload_bytes > 0)
        c->first_words = c->count;
    c->sessions += (bytes[tcp + 13] & (TCP_SYN | TCP_ACK)) == TCP_SYN;
    c->duration_us = offset_us;
}

struct capture load_capture(const char *path)
{
    char error[PCAP_ERRBUF_SIZE];
    struct capture c = {0};
    pcap_t *file = pcap_open_offline(path, error);
    if (file == NULL)
        load_fail(path, error);
    struct pcap_pkthdr *header;
    const uint8_t *bytes;
    uint64_t first = 0, last = 0;
    while (pcap_datalink(file) == DLT_EN10MB && pcap_next_ex(file, &header, &bytes) == 1) {
        uint64_t now = (uint64_t)header->ts.tv_sec * MICROSECONDS + (uint64_t)header->ts.tv_usec;
        first = first == 0 ? now : first;
        last = now > last ? now : last; /* time in a load never goes back */
        add_packet(&c, header, bytes, last - first);
    }
    pcap_close(file);
    return c;
}

/* ---- more mail */

/* Where mail may be put in: 0 where nowhere. */
static size_t place_for_mail(const struct capture *c, bool *protected)
{
    bool data[2] = {false, false};
    for (size_t i = 0; i < c->count; i++) {
        const struct packet *p = &c->packets[i];
        const uint8_t *payload = p->bytes + p->payload;
        *protected = data[0] && data[1];
        if (p->closing)
            return *protected ? i : 0;
        if (!p->from_client && p->payload_bytes >= 4 && memcmp(payload, "354 ", 4) == 0)
            return i + 1;
        data[p->from_client] |= is_data(p);
    }
    return 0;
}

static void fill(uint8_t *payload, uint32_t n, bool protected)
{
    enum { RECORD_HEADER_BYTES = 5 };
    if (protected) {
        memcpy(payload, "\x17\x03\x03", 3);
        write_number(payload + 3, 2, n - RECORD_HEADER_BYTES);
        for (uint32_t i = RECORD_HEADER_BYTES; i < n; i++)
            payload[i] = (uint8_t)(i * 37);
        return;
    }
    for (uint32_t i = 0; i < n; i++)
        payload[i] = (uint8_t)(i % 73 == 71 ? '\r' : i % 73 == 72 ? '\n' : 'a' + i % 26);
    memcpy(payload + n - 2, "\r\n", 2);
}

/* A packet like another of the same direction, with n octets of payload. */
static struct packet like(const struct packet *model, uint32_t sequence, uint32_t acknowledgement, uint32_t n)
{
    struct packet p = *model;
    uint32_t ip = p.client_address - (p.from_client ? 12 : 16);
    p.length = p.payload + n;
    p.payload_bytes = n;
    p.bytes = load_grown(NULL, p.length, 1);
    memcpy(p.bytes, model->bytes, p.payload);
    write_number(p.bytes + ip + 2, 2, p.length - ip);
    write_number(p.bytes + p.tcp + 4, 4, sequence);
    write_number(p.bytes + p.tcp + 8, 4, acknowledgement);
    p.bytes[p.tcp + 13] = n > 0 ? TCP_PUSH | TCP_ACK : TCP_ACK;
    return p;
}

/* The last packet of a side before `at`. */
static const struct packet *last_of(const struct packet *packets, size_t at, bool from_client)
{
    while (at-- > 0)
        if (packets[at].from_client == from_client &&
            (packets[at].bytes[packets[at].tcp + 13] & TCP_SYN) == 0)
            return &packets[at];
    return NULL;
}

static uint32_t end_of(const struct packet *p)
{
    return read_number(p->bytes + p->tcp + 4, 4) + p->payload_bytes;
}

static void put_right(struct packet *p, uint32_t octets)
{
    uint8_t *number = p->bytes + p->tcp + (p->from_client ? 4 : 8);
    write_number(number, 4, read_number(number, 4) + octets);
}

bool load_insert_mail(struct capture *c, uint64_t octets)
{
    enum { SEGMENT_BYTES = 1460, ACKNOWLEDGED_EVERY = 4 };
    bool protected = false;
    size_t at = c->sessions == 1 ? place_for_mail(c, &protected) : 0;
    const struct packet *client = last_of(c->packets, at, true);
    const struct packet *server = last_of(c->packets, at, false);
    if (at == 0 || client == NULL || server == NULL || client->address_bytes != 4)
        return false;
    struct packet *old = c->packets;
    size_t old_count = c->count;
    uint32_t sequence = end_of(client), reply = end_of(server), more = 0;
    uint64_t now = old[at - 1].offset_us;
    c->packets = NULL;
    c->count = 0;
    for (size_t i = 0; i < at; i++)
        append(c, old[i]);
    for (unsigned n = 1; more < octets; n++, now += 10) {
        struct packet p = like(client, sequence + more, reply, SEGMENT_BYTES);
        fill(p.bytes + p.payload, SEGMENT_BYTES, protected);
        more += SEGMENT_BYTES;
        p.offset_us = now;
        append(c, p);
        p = like(server, reply, sequence + more, 0);
        p.offset_us = now;
        if (n % ACKNOWLEDGED_EVERY == 0)
            append(c, p);
    }
    for (size_t i = at; i < old_count; i++) {
        put_right(&old[i], more);
        old[i].offset_us += now - old[at - 1].offset_us;
        append(c, old[i]);
    }
    c->duration_us = c->packets[c->count - 1].offset_us;
    return true;
}
