/* make_load - many concurrent mail sessions out of a few captures, for the benchmark.
 *
 * make_load PACKETS SESSIONS OUT CAPTURE... Copies the TCP packets of the captures (Ethernet, VLAN tags
 * allowed; whatever else they hold is left out), one capture after the other and again from the first,
 * until both numbers are reached. Every client of every copy gets an address of its own, servers keep
 * theirs; copies start at short intervals, so that about CONCURRENT_COPIES run at a time, and packets are
 * written in order of time. Nothing else is changed; checksums are left as they are. */
#include <errno.h>
#include <inttypes.h>
#include <pcap/pcap.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CONCURRENT_COPIES = 500, MICROSECONDS = 1000000, START_S = 1700000000 };

struct packet {
    uint64_t offset_us; /* since the capture's first packet */
    uint32_t length;
    uint32_t client;         /* number of the client within its capture */
    uint32_t client_address; /* offset of the client's address in the frame */
    uint8_t address_bytes;   /* 4 or 16 */
    uint8_t *bytes;
};

struct capture {
    struct packet *packets;
    size_t count;
    size_t sessions;
    uint32_t clients;
    uint64_t duration_us;
    uint8_t (*addresses)[16]; /* of the clients, by number */
};

/* One copy on its way into the output. */
struct copy {
    const struct capture *capture;
    size_t next;
    uint64_t start_us;
    uint32_t first_client; /* number of its client 0 in the whole load */
};

struct heap {
    struct copy *copies;
    size_t count;
    size_t room;
};

static void fail(const char *what, const char *why)
{
    fprintf(stderr, "make_load: %s: %s\n", what, why);
    exit(1);
}

static void *grown(void *old, size_t count, size_t size)
{
    void *p = realloc(old, count * size);
    if (p == NULL)
        fail("memory", strerror(errno));
    return p;
}

static unsigned read16(const uint8_t *p)
{
    return (unsigned)p[0] << 8 | p[1];
}

/* Find TCP in an Ethernet frame: the offset of the IP header in *ip and of TCP in *tcp. */
static bool find_tcp(const uint8_t *frame, uint32_t length, uint32_t *ip, uint32_t *tcp)
{
    uint32_t at = 12;
    while (at + 6 <= length && (read16(frame + at) == 0x8100 || read16(frame + at) == 0x88a8))
        at += 4;
    if (at + 2 + 40 > length)
        return false;
    unsigned type = read16(frame + at);
    *ip = at + 2;
    if (type == 0x0800) {
        *tcp = *ip + (frame[*ip] & 15u) * 4;
        return frame[*ip + 9] == 6 && (read16(frame + *ip + 6) & 0x3fff) == 0 && *tcp + 20 <= length;
    }
    *tcp = *ip + 40;
    return type == 0x86dd && frame[*ip + 6] == 6 && *tcp + 20 <= length;
}

static uint32_t client_number(struct capture *c, const uint8_t *address, uint8_t bytes)
{
    uint8_t key[16] = {0};
    memcpy(key, address, bytes);
    for (uint32_t i = 0; i < c->clients; i++)
        if (memcmp(c->addresses[i], key, sizeof key) == 0)
            return i;
    c->addresses = grown(c->addresses, c->clients + 1, sizeof *c->addresses);
    memcpy(c->addresses[c->clients], key, sizeof key);
    return c->clients++;
}

/* The client is the end with the higher port. */
static void add_packet(struct capture *c, const struct pcap_pkthdr *header, const uint8_t *bytes,
                       uint64_t offset_us)
{
    uint32_t ip, tcp;
    if (!find_tcp(bytes, header->caplen, &ip, &tcp))
        return;
    bool from_client = read16(bytes + tcp) > read16(bytes + tcp + 2);
    bool v4 = bytes[ip] >> 4 == 4;
    uint32_t source = ip + (v4 ? 12 : 8);
    struct packet p = {.offset_us = offset_us, .length = header->caplen, .address_bytes = v4 ? 4 : 16};
    p.client_address = from_client ? source : source + p.address_bytes;
    p.client = client_number(c, bytes + p.client_address, p.address_bytes);
    p.bytes = grown(NULL, header->caplen, 1);
    memcpy(p.bytes, bytes, header->caplen);
    c->packets = grown(c->packets, c->count + 1, sizeof *c->packets);
    c->packets[c->count++] = p;
    c->sessions += (bytes[tcp + 13] & 0x12) == 0x02; /* SYN without ACK */
    c->duration_us = offset_us;
}

static struct capture load_capture(const char *path)
{
    char error[PCAP_ERRBUF_SIZE];
    struct capture c = {0};
    pcap_t *file = pcap_open_offline(path, error);
    if (file == NULL)
        fail(path, error);
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

static uint64_t due_us(const struct copy *c)
{
    return c->start_us + c->capture->packets[c->next].offset_us;
}

static void heap_sink(struct heap *h, size_t i)
{
    for (size_t child; (child = 2 * i + 1) < h->count; i = child) {
        if (child + 1 < h->count && due_us(&h->copies[child + 1]) < due_us(&h->copies[child]))
            child++;
        if (due_us(&h->copies[i]) <= due_us(&h->copies[child]))
            return;
        struct copy other = h->copies[i];
        h->copies[i] = h->copies[child];
        h->copies[child] = other;
    }
}

static void heap_add(struct heap *h, struct copy c)
{
    if (h->count == h->room)
        h->copies = grown(h->copies, h->room = h->room * 2 + 64, sizeof *h->copies);
    size_t i = h->count++;
    for (; i > 0 && due_us(&c) < due_us(&h->copies[(i - 1) / 2]); i = (i - 1) / 2)
        h->copies[i] = h->copies[(i - 1) / 2];
    h->copies[i] = c;
}

static void write_all(FILE *out, const void *p, size_t n)
{
    if (fwrite(p, 1, n, out) != n)
        fail("writing", strerror(errno));
}

/* 10.128.0.0/9 has room for eight million clients; in IPv6 the number ends the address. */
static void write_packet(FILE *out, const struct copy *c)
{
    const struct packet *p = &c->capture->packets[c->next];
    uint32_t client = c->first_client + p->client;
    uint8_t *address = p->bytes + p->client_address + (p->address_bytes - 4);
    uint32_t high = p->address_bytes == 4 ? 10u << 24 | 1u << 23 : 0;
    for (unsigned i = 0; i < 4; i++)
        address[i] = (uint8_t)((high | client) >> (24 - 8 * i));
    uint64_t now = due_us(c);
    uint32_t record[4] = {START_S + (uint32_t)(now / MICROSECONDS), (uint32_t)(now % MICROSECONDS), p->length,
                          p->length};
    write_all(out, record, sizeof record);
    write_all(out, p->bytes, p->length);
}

/* Write what is due before `until_us`. Returns the number of packets. */
static uint64_t drain(struct heap *h, FILE *out, uint64_t until_us)
{
    uint64_t written = 0;
    while (h->count > 0 && due_us(&h->copies[0]) < until_us) {
        struct copy *c = &h->copies[0];
        write_packet(out, c);
        written++;
        if (++c->next == c->capture->count)
            *c = h->copies[--h->count];
        heap_sink(h, 0);
    }
    return written;
}

struct total {
    uint64_t packets;
    uint64_t sessions;
};

static struct total write_load(FILE *out, const struct capture *captures, size_t count, struct total wanted)
{
    uint64_t longest = 1;
    for (size_t i = 0; i < count; i++)
        longest = captures[i].duration_us > longest ? captures[i].duration_us : longest;
    struct heap heap = {0};
    struct total started = {0};
    uint64_t written = 0, start_us = 0;
    uint32_t client = 1;
    for (size_t i = 0; started.packets < wanted.packets || started.sessions < wanted.sessions; i++) {
        const struct capture *c = &captures[i % count];
        heap_add(&heap, (struct copy){.capture = c, .start_us = start_us, .first_client = client});
        client += c->clients;
        started.packets += c->count;
        started.sessions += c->sessions;
        start_us += longest / CONCURRENT_COPIES + 1;
        written += drain(&heap, out, start_us);
    }
    written += drain(&heap, out, UINT64_MAX);
    free(heap.copies);
    return (struct total){written, started.sessions};
}

int main(int argc, char **argv)
{
    if (argc < 5)
        fail("usage", "make_load PACKETS SESSIONS OUT CAPTURE...");
    struct capture *captures = grown(NULL, (size_t)argc, sizeof *captures);
    size_t count = 0;
    for (int i = 4; i < argc; i++) {
        captures[count] = load_capture(argv[i]);
        if (captures[count].count > 0 && captures[count].sessions > 0)
            count++;
        else
            fprintf(stderr, "make_load: %s: no TCP session over Ethernet, left out\n", argv[i]);
    }
    if (count == 0)
        fail("captures", "none is of use");
    FILE *out = fopen(argv[3], "wb");
    if (out == NULL)
        fail(argv[3], strerror(errno));
    const uint32_t header[6] = {0xa1b2c3d4, 2 | 4 << 16, 0, 0, 262144, DLT_EN10MB};
    write_all(out, header, sizeof header);
    struct total wanted = {strtoull(argv[1], NULL, 10), strtoull(argv[2], NULL, 10)};
    struct total done = write_load(out, captures, count, wanted);
    if (fclose(out) != 0)
        fail(argv[3], strerror(errno));
    printf("%" PRIu64 " %" PRIu64 "\n", done.packets, done.sessions);
    return 0;
}
