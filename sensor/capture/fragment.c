#include "sensor/capture/fragment.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "parsers/mail.h"
#include "sensor/host/hash.h"
#include "sensor/host/pool.h"

enum {
    NONE = 0,
    CHUNK_BYTES = 2048,
    DATAGRAM_MAX_BYTES = 65535, /* IPv4 with its header, IPv6 without (RFC 8200 s4.5) */
    IPV4_HEADER_BYTES = 20,
    IPV6_HEADER_BYTES = 40,
    TCP_HEADER_BYTES = 20,
    PROTOCOL_TCP = 6
};

/* After the whole datagram its fragments may come once more, from the other port of a mirror. A sender that
 * uses up all 65536 identifications of IPv4 within this time would lose datagrams here. */
static const uint64_t REPETITION_NS = 1000000000;

/* A piece of a fragment; a fragment longer than one chunk is several in a row with the same bounds. */
struct chunk {
    struct chunk *next;
    uint32_t begin; /* of the fragment it is part of, octets of the datagram's body */
    uint32_t end;
    uint32_t at; /* of this piece */
    uint16_t length;
    uint8_t data[CHUNK_BYTES - 32];
};

/* RFC 791 s3.2 names four parts; IPv6 leaves the protocol out (RFC 8200 s4.5), it is 0 then. */
struct key {
    struct address source;
    struct address destination;
    uint32_t identification;
    uint8_t family;
    uint8_t protocol;
    uint16_t zero;
    uint32_t layer;
};

struct datagram {
    struct key key;
    uint64_t first_ns;
    struct chunk *chunks; /* by offset */
    uint32_t held_bytes;
    uint32_t body_bytes; /* 0 until the last fragment came */
    uint32_t bucket_next;
    uint32_t newer;
    uint32_t older;
    uint16_t pieces;
    uint8_t protocol; /* of the first fragment: what the body begins with */
    bool doomed;
    bool done; /* was whole at done_ns */
    uint64_t done_ns;
    /* What was around the first fragment to come. */
    uint8_t tunnel;
    int16_t vlan;
    uint32_t tunnel_id;
};

struct fragments {
    struct counters *counters;
    struct datagram *datagrams; /* [0] is never used */
    uint32_t *buckets;
    uint32_t bucket_mask;
    uint32_t capacity;
    uint32_t fresh;
    uint32_t free; /* chain through bucket_next */
    uint32_t oldest;
    uint32_t newest;
    uint32_t count;
    uint64_t timeout_ns;
    enum identity identity;
    uint64_t hash_key;
    struct pool chunks;
    uint8_t whole[IPV6_HEADER_BYTES + DATAGRAM_MAX_BYTES];
};

/* ---- the table ---- */

struct fragments *fragments_open(const struct fragment_limits *limits, struct counters *counters)
{
    struct fragments *f = calloc(1, sizeof *f);
    if (f == NULL)
        return NULL;
    uint32_t buckets = 64;
    while (buckets < limits->datagrams && buckets < UINT32_C(1) << 24)
        buckets *= 2;
    f->counters = counters;
    f->capacity = limits->datagrams;
    f->bucket_mask = buckets - 1;
    f->fresh = 1;
    f->timeout_ns = limits->timeout_ns;
    f->identity = limits->identity;
    f->datagrams = calloc((size_t)limits->datagrams + 1, sizeof *f->datagrams);
    f->buckets = calloc(buckets, sizeof *f->buckets);
    if (f->datagrams != NULL && f->buckets != NULL && pool_open(&f->chunks, limits->chunks, CHUNK_BYTES) &&
        getrandom(&f->hash_key, sizeof f->hash_key, 0) == (ssize_t)sizeof f->hash_key)
        return f;
    fragments_close(f);
    return NULL;
}

void fragments_close(struct fragments *f)
{
    if (f == NULL)
        return;
    pool_close(&f->chunks);
    free(f->datagrams);
    free(f->buckets);
    free(f);
}

uint32_t fragments_waiting(const struct fragments *f)
{
    return f->count;
}

static struct key key_of(const struct fragments *f, const struct segment *s)
{
    struct key key = {.source = s->source,
                      .destination = s->destination,
                      .identification = s->mark,
                      .family = s->family,
                      .protocol = s->family == IP_V4 ? s->fragment_protocol : 0,
                      .layer = identity_layer(f->identity, s)};
    return key;
}

static uint32_t *bucket_of(struct fragments *f, const struct key *key)
{
    _Static_assert(sizeof *key == 44, "no padding in what is hashed and compared");
    return &f->buckets[hash_bytes(f->hash_key, span_of((const uint8_t *)key, sizeof *key)) & f->bucket_mask];
}

static uint32_t index_of(const struct fragments *f, const struct datagram *d)
{
    return (uint32_t)(d - f->datagrams);
}

/* Mail may be in it: nothing of it stays behind. */
static void free_chunks(struct fragments *f, struct datagram *d)
{
    while (d->chunks != NULL) {
        struct chunk *c = d->chunks;
        d->chunks = c->next;
        mail_wipe(c->data, c->length);
        pool_give(&f->chunks, c);
    }
    d->held_bytes = 0;
}

static void forget(struct fragments *f, struct datagram *d)
{
    uint32_t self = index_of(f, d);
    uint32_t *link = bucket_of(f, &d->key);
    while (*link != self)
        link = &f->datagrams[*link].bucket_next;
    *link = d->bucket_next;
    if (d->older != NONE)
        f->datagrams[d->older].newer = d->newer;
    else
        f->oldest = d->newer;
    if (d->newer != NONE)
        f->datagrams[d->newer].older = d->older;
    else
        f->newest = d->older;
    free_chunks(f, d);
    d->bucket_next = f->free;
    f->free = self;
    f->count--;
}

static void give_up_oldest(struct fragments *f, enum counter reason)
{
    struct datagram *d = &f->datagrams[f->oldest];
    if (!d->doomed && !d->done)
        counter_add(f->counters, reason, 1);
    forget(f, d);
}

/* By age of the first fragment, so the list is in the order in which they run out. */
static void expire(struct fragments *f, uint64_t now_ns)
{
    while (f->oldest != NONE && f->datagrams[f->oldest].first_ns + f->timeout_ns <= now_ns)
        give_up_oldest(f, COUNTER_fragments_timed_out);
}

static struct datagram *find(struct fragments *f, const struct key *key)
{
    for (uint32_t i = *bucket_of(f, key); i != NONE; i = f->datagrams[i].bucket_next)
        if (memcmp(&f->datagrams[i].key, key, sizeof *key) == 0)
            return &f->datagrams[i];
    return NULL;
}

static struct datagram *add(struct fragments *f, const struct key *key, const struct segment *s)
{
    if (f->free == NONE && f->fresh > f->capacity)
        give_up_oldest(f, COUNTER_fragments_evicted);
    uint32_t self = f->free;
    if (self != NONE)
        f->free = f->datagrams[self].bucket_next;
    else
        self = f->fresh++;
    struct datagram *d = &f->datagrams[self];
    uint32_t *bucket = bucket_of(f, key);
    *d = (struct datagram){.key = *key,
                           .first_ns = s->time_ns,
                           .bucket_next = *bucket,
                           .older = f->newest,
                           .tunnel = s->tunnel,
                           .tunnel_id = s->tunnel_id,
                           .vlan = s->vlan};
    *bucket = self;
    if (f->newest != NONE)
        f->datagrams[f->newest].newer = self;
    else
        f->oldest = self;
    f->newest = self;
    f->count++;
    return d;
}

/* ---- one fragment ---- */

static void doom(struct fragments *f, struct datagram *d, enum counter reason)
{
    counter_add(f->counters, reason, 1);
    free_chunks(f, d);
    d->doomed = true;
}

/* Is this what already waits, octet for octet? c is the first piece with its bounds. */
static bool same_bytes(const struct chunk *c, struct span bytes)
{
    for (uint32_t end = c->end; bytes.n > 0 && c != NULL && c->end == end; c = c->next) {
        struct span part = span_head(bytes, c->length);
        if (!span_equal(part, span_of(c->data, c->length)))
            return false;
        bytes = span_skip(bytes, part.n);
    }
    return bytes.n == 0;
}

static struct chunk *new_chunk(struct fragments *f, const struct datagram *keep)
{
    struct chunk *c = pool_take(&f->chunks);
    while (c == NULL && f->oldest != NONE && &f->datagrams[f->oldest] != keep) {
        give_up_oldest(f, COUNTER_fragments_evicted);
        c = pool_take(&f->chunks);
    }
    return c;
}

/* Put a fragment that overlaps nothing behind *link. */
static bool keep(struct fragments *f, struct datagram *d, struct chunk **link, uint32_t begin,
                 struct span bytes)
{
    uint32_t end = begin + (uint32_t)bytes.n;
    for (uint32_t at = begin; bytes.n > 0;) {
        struct chunk *c = new_chunk(f, d);
        if (c == NULL)
            return false;
        struct span part = span_head(bytes, sizeof c->data);
        *c = (struct chunk){.next = *link, .begin = begin, .end = end, .at = at, .length = (uint16_t)part.n};
        memcpy(c->data, part.p, part.n);
        *link = c;
        link = &c->next;
        at += (uint32_t)part.n;
        bytes = span_skip(bytes, part.n);
    }
    d->held_bytes += end - begin;
    d->pieces++;
    return true;
}

/* Where a fragment belongs, or why it does not. */
static void place(struct fragments *f, struct datagram *d, uint32_t begin, struct span bytes)
{
    uint32_t end = begin + (uint32_t)bytes.n;
    struct chunk **link = &d->chunks;
    while (*link != NULL && (*link)->end <= begin)
        link = &(*link)->next;
    struct chunk *c = *link;
    if (c != NULL && c->begin < end) {
        bool again = c->begin == begin && c->end == end && same_bytes(c, bytes);
        if (again)
            counter_add(f->counters, COUNTER_fragments_repeated, 1);
        else
            doom(f, d, COUNTER_fragments_overlapping);
        return;
    }
    if (d->pieces == FRAGMENT_PIECES_CAP || !keep(f, d, link, begin, bytes))
        doom(f, d, COUNTER_fragments_evicted);
}

/* Can such a fragment be part of a datagram at all? Every one but the last is a multiple of 8 octets, and
 * together they fit into 16 bits (or a host would write past its buffer: the ping of death). */
static bool lawful(struct fragments *f, const struct segment *s)
{
    uint32_t header = s->family == IP_V4 ? IPV4_HEADER_BYTES : 0;
    uint32_t end = s->fragment_offset + (uint32_t)s->payload.n;
    bool aligned = !s->fragment_more || s->payload.n % 8 == 0;
    if (s->payload.n > 0 && aligned && header + end <= DATAGRAM_MAX_BYTES)
        return true;
    counter_add(f->counters, COUNTER_fragments_malformed, 1);
    return false;
}

/* The last fragment says how long the whole is; what says otherwise is an overlap of another kind. */
static bool length_agrees(const struct datagram *d, const struct segment *s)
{
    uint32_t end = s->fragment_offset + (uint32_t)s->payload.n;
    if (d->body_bytes == 0)
        return true;
    return s->fragment_more ? end <= d->body_bytes : end == d->body_bytes;
}

static bool beyond_last(const struct datagram *d, uint32_t last_end)
{
    for (const struct chunk *c = d->chunks; c != NULL; c = c->next)
        if (c->end > last_end)
            return true;
    return false;
}

static void take(struct fragments *f, struct datagram *d, const struct segment *s)
{
    uint32_t end = s->fragment_offset + (uint32_t)s->payload.n;
    if (!length_agrees(d, s) || (!s->fragment_more && beyond_last(d, end))) {
        doom(f, d, COUNTER_fragments_overlapping);
        return;
    }
    if (!s->fragment_more)
        d->body_bytes = end;
    if (s->fragment_offset == 0) {
        d->protocol = s->fragment_protocol;
        /* A first fragment that hides the TCP flags is made to slip past filters (RFC 1858); hosts take it. */
        bool tiny = s->fragment_protocol == PROTOCOL_TCP && s->payload.n < TCP_HEADER_BYTES;
        counter_add(f->counters, COUNTER_fragments_tiny, tiny);
    }
    place(f, d, s->fragment_offset, s->payload);
}

/* ---- the whole ---- */

/* One number in network order, as the builders of headers below need it. */
static void put(uint8_t *at, size_t n, uint32_t v)
{
    for (size_t i = n; i-- > 0; v >>= 8)
        at[i] = (uint8_t)v;
}

/* A header as the datagram had it before it was cut, without options. Returns its length. */
static size_t write_header(struct fragments *f, const struct datagram *d)
{
    bool v4 = d->key.family == IP_V4;
    size_t header = v4 ? IPV4_HEADER_BYTES : IPV6_HEADER_BYTES;
    size_t address = v4 ? 4 : 16;
    memset(f->whole, 0, header);
    if (v4) {
        put(f->whole, 2, 0x4500);
        put(f->whole + 2, 2, IPV4_HEADER_BYTES + d->body_bytes);
        put(f->whole + 4, 2, d->key.identification);
        put(f->whole + 8, 2, (uint32_t)64 << 8 | d->protocol);
    } else {
        put(f->whole, 4, 0x60000000);
        put(f->whole + 4, 2, d->body_bytes);
        put(f->whole + 6, 2, (uint32_t)d->protocol << 8 | 64);
    }
    memcpy(f->whole + header - 2 * address, d->key.source.bytes, address);
    memcpy(f->whole + header - address, d->key.destination.bytes, address);
    return header;
}

static struct span join(struct fragments *f, const struct datagram *d)
{
    size_t header = write_header(f, d);
    for (const struct chunk *c = d->chunks; c != NULL; c = c->next)
        memcpy(f->whole + header + c->at, c->data, c->length);
    return span_of(f->whole, header + d->body_bytes);
}

/* No overlaps and nothing beyond the end: as many octets as there should be means that none is missing. */
static bool is_whole(const struct datagram *d)
{
    return !d->doomed && !d->done && d->body_bytes > 0 && d->held_bytes == d->body_bytes;
}

/* Decode the datagram that is whole; tag and tunnel around its fragments are outside those within. */
static enum decode_result decode_whole(struct fragments *f, struct datagram *d, uint64_t time_ns,
                                       struct segment *segment)
{
    struct span packet = join(f, d);
    enum decode_result result = decode_frame(DECODE_RAW_IP, packet, (uint32_t)packet.n, time_ns, segment);
    if (d->vlan >= 0)
        segment->vlan = d->vlan;
    if (d->tunnel != TUNNEL_NONE) {
        segment->tunnel = d->tunnel;
        segment->tunnel_id = d->tunnel_id;
    }
    counter_add(f->counters, COUNTER_fragments_joined, 1);
    free_chunks(f, d);
    d->done = true;
    d->done_ns = time_ns;
    return result;
}

/* The datagram that still wants this fragment; NULL where it is doomed, or is the one that was just whole. */
static struct datagram *datagram_for(struct fragments *f, const struct segment *s)
{
    struct key key = key_of(f, s);
    struct datagram *d = find(f, &key);
    if (d != NULL && d->done && s->time_ns >= d->done_ns + REPETITION_NS) {
        forget(f, d);
        d = NULL;
    }
    if (d == NULL)
        return add(f, &key, s);
    counter_add(f->counters, COUNTER_fragments_repeated, d->done);
    return d->doomed || d->done ? NULL : d;
}

enum decode_result fragments_decode(struct fragments *f, const struct segment *fragment,
                                    struct segment *segment)
{
    struct segment now = *fragment;
    for (unsigned nesting = 0; nesting < FRAGMENT_NESTING_CAP; nesting++) {
        expire(f, now.time_ns);
        if (!lawful(f, &now))
            return DECODE_FRAGMENT;
        struct datagram *d = datagram_for(f, &now);
        if (d == NULL)
            return DECODE_FRAGMENT;
        if (now.missing > 0)
            doom(f, d, COUNTER_fragments_cut);
        else
            take(f, d, &now);
        if (!is_whole(d))
            return DECODE_FRAGMENT;
        enum decode_result result = decode_whole(f, d, now.time_ns, segment);
        if (result != DECODE_FRAGMENT)
            return result;
        now = *segment;
    }
    return DECODE_TOO_DEEP;
}
