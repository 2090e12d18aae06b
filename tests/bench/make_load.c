/* make_load - many concurrent mail sessions out of a few captures, for the benchmarks.
 *
 * make_load [OPTION...] PACKETS SESSIONS OUT CAPTURE... Copies the TCP packets of the captures, one capture
 * after the other and again from the first, until both numbers are reached. Every client of every copy gets
 * an address of its own, servers keep theirs; copies start at short intervals, so that about
 * CONCURRENT_COPIES run at a time, and packets are written in order of time. Nothing else is changed but
 * what the options ask for; checksums are left as they are.
 *
 * --mail N          put N octets more of mail into every session; captures without a place for it are left out
 * --hold N          connections stay open, silent, before their first FIN or RST until N more have begun
 * --open            connections go on to protected data of both sides, and are never closed
 * --negotiating N   of the last N copies only what comes up to the client's first words
 * --flood A,B,C     weave in A connections that send a SYN and no more, B that send one octet, C that send half
 *                   of a ClientHello, from 198.18.0.0/15 to the servers of the captures (IPv4), evenly over the first PACKETS
 *                   packets */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/flood.h"
#include "tests/bench/load_capture.h"

enum { CONCURRENT_COPIES = 500, START_S = 1700000000 };

struct options {
    uint64_t packets;
    uint64_t sessions;
    uint64_t mail;
    uint64_t hold;
    uint64_t negotiating;
    bool open;
    struct flood flood;
};

/* One copy on its way into the output. */
struct copy {
    const struct capture *capture;
    size_t next;
    size_t end; /* of its packets */
    uint64_t start_us;
    uint64_t hold_us;      /* silence before it is closed */
    uint32_t first_client; /* number of its client 0 in the whole load */
};

struct heap {
    struct copy *copies;
    size_t count;
    size_t room;
};

static uint64_t due_us(const struct copy *c)
{
    const struct packet *p = &c->capture->packets[c->next];
    return c->start_us + p->offset_us + (p->closing ? c->hold_us : 0);
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
        h->copies = load_grown(h->copies, h->room = h->room * 2 + 64, sizeof *h->copies);
    size_t i = h->count++;
    for (; i > 0 && due_us(&c) < due_us(&h->copies[(i - 1) / 2]); i = (i - 1) / 2)
        h->copies[i] = h->copies[(i - 1) / 2];
    h->copies[i] = c;
}

struct output {
    FILE *file;
    struct flood *flood;
    uint64_t written;
    uint64_t expected; /* packets of the load, about: the flood is spread over them */
};

/* 10.128.0.0/9 has room for eight million clients; in IPv6 the number ends the address. */
static void write_packet(struct output *out, const struct copy *c)
{
    const struct packet *p = &c->capture->packets[c->next];
    uint32_t client = c->first_client + p->client;
    uint8_t *address = p->bytes + p->client_address + (p->address_bytes - 4);
    uint32_t high = p->address_bytes == 4 ? 10u << 24 | 1u << 23 : 0;
    for (unsigned i = 0; i < 4; i++)
        address[i] = (uint8_t)((high | client) >> (24 - 8 * i));
    uint64_t now = due_us(c);
    flood_write_frame(out->file, START_S * (uint64_t)MICROSECONDS + now, p->bytes, p->length);
    out->written++;
    if (p->from_client && p->address_bytes == 4)
        flood_weave(out->flood, out->file, START_S * (uint64_t)MICROSECONDS + now, p->bytes, p->tcp,
                    (double)out->written / (double)out->expected);
}

/* Write what is due before `until_us`. */
static void drain(struct heap *h, struct output *out, uint64_t until_us)
{
    while (h->count > 0 && due_us(&h->copies[0]) < until_us) {
        struct copy *c = &h->copies[0];
        write_packet(out, c);
        if (++c->next >= c->end)
            *c = h->copies[--h->count];
        heap_sink(h, 0);
    }
}

/* Packets of a copy that are written. */
static size_t length_of(const struct options *o, const struct capture *c, uint64_t sessions_before)
{
    if (sessions_before + o->negotiating >= o->sessions && o->negotiating > 0)
        return c->first_words;
    return o->open ? c->open_count : c->count;
}

/* Returns the number of sessions. */
static uint64_t write_load(struct output *out, const struct options *o, const struct capture *captures,
                           size_t count)
{
    uint64_t longest = 1;
    for (size_t i = 0; i < count; i++)
        longest = captures[i].duration_us > longest ? captures[i].duration_us : longest;
    uint64_t interval_us = longest / CONCURRENT_COPIES + 1;
    struct heap heap = {0};
    uint64_t packets = 0, sessions = 0, start_us = 0;
    uint32_t client = 1;
    for (size_t i = 0; packets < o->packets || sessions < o->sessions; i++) {
        const struct capture *c = &captures[i % count];
        size_t end = length_of(o, c, sessions);
        heap_add(&heap, (struct copy){.capture = c,
                                      .end = end,
                                      .start_us = start_us,
                                      .hold_us = o->hold * interval_us,
                                      .first_client = client});
        client += c->clients;
        packets += end;
        sessions += c->sessions;
        start_us += interval_us;
        drain(&heap, out, start_us);
    }
    drain(&heap, out, UINT64_MAX);
    free(heap.copies);
    return sessions;
}

static uint64_t number(const char *text)
{
    char *end = NULL;
    errno = 0;
    uint64_t value = strtoull(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0')
        load_fail(text, "is no number");
    return value;
}

static void read_options(struct options *o, int argc, char **argv)
{
    static const struct option names[] = {
        {"mail", required_argument, NULL, 'm'},  {"hold", required_argument, NULL, 'h'},
        {"open", no_argument, NULL, 'o'},        {"negotiating", required_argument, NULL, 'n'},
        {"flood", required_argument, NULL, 'f'}, {0}};
    for (int c; (c = getopt_long(argc, argv, "+", names, NULL)) != -1;) {
        switch (c) {
        case 'm': o->mail = number(optarg); break;
        case 'h': o->hold = number(optarg); break;
        case 'o': o->open = true; break;
        case 'n': o->negotiating = number(optarg); break;
        case 'f':
            if (!flood_read(&o->flood, optarg))
                load_fail(optarg, "is not three numbers with commas between them");
            break;
        default: exit(1);
        }
    }
    if (argc - optind < 4)
        load_fail("usage", "make_load [OPTION...] PACKETS SESSIONS OUT CAPTURE...");
    o->packets = number(argv[optind]);
    o->sessions = number(argv[optind + 1]);
}

static size_t load_all(const struct options *o, struct capture *captures, char **paths)
{
    size_t count = 0;
    for (; *paths != NULL; paths++) {
        captures[count] = load_capture(*paths);
        const struct capture *c = &captures[count];
        bool whole = o->hold == 0 && !o->open;
        bool fits = c->count > 0 && (whole ? c->sessions > 0 : c->sessions == 1 && c->open_count > 0);
        if (fits && (o->mail == 0 || load_insert_mail(&captures[count], o->mail)))
            count++;
        else if (o->mail == 0)
            fprintf(stderr, "make_load: %s: no TCP session over Ethernet, or not just one; left out\n",
                    *paths);
    }
    return count > 0 ? count : (load_fail("captures", "none is of use"), 0);
}

int main(int argc, char **argv)
{
    struct options o = {0};
    read_options(&o, argc, argv);
    struct capture *captures = load_grown(NULL, (size_t)argc, sizeof *captures);
    size_t count = load_all(&o, captures, argv + optind + 3);
    const char *path = argv[optind + 2];
    struct output out = {.file = fopen(path, "wb"), .flood = &o.flood};
    if (out.file == NULL)
        load_fail(path, strerror(errno));
    const uint32_t header[6] = {0xa1b2c3d4, 2 | 4 << 16, 0, 0, 262144, DLT_EN10MB};
    fwrite(header, sizeof header, 1, out.file);
    out.expected = o.packets > 0 ? o.packets : 1;
    uint64_t sessions = write_load(&out, &o, captures, count);
    if (ferror(out.file) || fclose(out.file) != 0)
        load_fail(path, "cannot be written");
    printf("%" PRIu64 " %" PRIu64 "\n", out.written + o.flood.packets, sessions);
    return 0;
}
