/* repeats.h - has this very packet been seen a moment ago?
 *
 * A mirror that copies a packet where it enters the switch and again where it leaves delivers it twice: at once or
 * some milliseconds later, perhaps in another VLAN or tunnel, with another time to live, other Ethernet addresses
 * and another checksum. What does not change is looked at here: connection and direction, sequence numbers, flags,
 * length, and the mark (decode.h), which a sender gives anew when it sends something again. So a retransmission is
 * told from a repetition, except where a packet has neither an IPv4 identification nor TCP options: then
 * only the time between the two decides, and a retransmission within some 17 ms is taken for a repetition. A copy
 * that was merged with its neighbour by receive offload and one that was not do not look alike; the later one is
 * counted as a retransmission. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "sensor/capture/decode.h"

/* The last packets of a connection, of both directions, and of the few that share its row: a copy that comes after more
 * of them is counted as a retransmission. One cache line. Which connections share a row depends on nothing but their
 * ends, and worker.c gives those of one row to one lane: the same input gives the same count in every run, whatever the
 * number of lanes. */
enum { REPEATS_ROWS = 4096, REPEATS_ROW = 7 };

/* Four compared at once: the compiler's vectors, which any machine has, in registers or in parts. */
typedef uint32_t repeats_looks __attribute__((vector_size(16)));
typedef uint64_t repeats_halves __attribute__((vector_size(16)));

/* Round and round: the next takes the place of the oldest. */
struct repeats_row {
    _Alignas(64) uint32_t look[REPEATS_ROW]; /* 48 bits of what it looks like: 32 of them */
    uint32_t place;                          /* of the next */
    uint16_t more[REPEATS_ROW + 1];          /* ... and 16 */
    uint16_t tick[REPEATS_ROW + 1];          /* when it came */
};

struct repeats {
    uint64_t key; /* random: nobody outside can make two packets look alike */
    struct repeats_row *rows;
};

/* repeats_open - take the memory, 256 KiB, and a key. False where there is none to be had. */
bool repeats_open(struct repeats *r);
void repeats_close(struct repeats *r);

/* repeats_row_of - the row of a connection, out of a hash of its ends (flow_key_hash, without a layer). */
static inline uint16_t repeats_row_of(uint64_t hash)
{
    return (uint16_t)(hash % REPEATS_ROWS);
}

/* repeats_expect - a row will be needed soon: have it fetched from memory meanwhile. */
static inline void repeats_expect(const struct repeats *r, uint16_t row)
{
    __builtin_prefetch(&r->rows[row], 1);
}

/* repeats_tellable - can a repetition of it be told from another packet that looks alike? Not with bare
 * acknowledgements without a mark: a receiver sends the same one several times where it misses a segment. */
static inline bool repeats_tellable(const struct segment *s)
{
    bool bare = s->payload.n + s->missing == 0 && (s->flags & (TCP_SYN | TCP_FIN | TCP_RST)) == 0;
    return !bare || s->mark != 0;
}

/* The ends of the payload: enough to tell other octets under the same numbers, which is an attack. */
static inline uint64_t repeats_ends(struct span payload)
{
    uint64_t first = 0;
    uint64_t last = 0;
    size_t n = payload.n;
    if (n >= sizeof first) { /* a copy of a constant size is one instruction */
        memcpy(&first, payload.p, sizeof first);
        memcpy(&last, payload.p + n - sizeof last, sizeof last);
    } else {
        for (size_t i = 0; i < n; i++)
            first = first << 8 | payload.p[i];
        last = first;
    }
    return first ^ (last << 32 | last >> 32);
}

static inline uint64_t repeats_look(const struct repeats *r, uint64_t direction, const struct segment *s)
{
    uint64_t a = ((uint64_t)s->sequence << 32 | s->acknowledgement) ^ r->key;
    uint64_t b = (uint64_t)s->mark << 32 ^ (uint64_t)s->missing << 20 ^ s->payload.n << 8 ^ s->flags;
    a = a * UINT64_C(0x9e3779b97f4a7c15) ^ repeats_ends(s->payload);
    a += direction * UINT64_C(0xd6e8feb86659fd93);
    a = (a ^ a >> 32 ^ b) * UINT64_C(0xc2b2ae3d27d4eb4f);
    return a ^ a >> 31;
}

/* Nearly always none of them is. What is compared beside the looks does no harm: they are looked at again. */
static inline bool repeats_any_alike(const struct repeats_row *known, uint32_t look)
{
    repeats_looks low;
    repeats_looks high;
    _Static_assert(sizeof low + sizeof high == offsetof(struct repeats_row, more), "all are looked at");
    memcpy(&low, known, sizeof low);
    memcpy(&high, (const unsigned char *)known + sizeof low, sizeof high);
    repeats_halves hits = (repeats_halves)((low == look) | (high == look));
    return (hits[0] | hits[1]) != 0;
}

/* repeats_note - note a segment, and say whether it was noted before, within half a second (without a mark: 17 ms).
 * direction  a number that no other connection and no other direction has
 * Taking another packet for a repetition has a chance of one in 2^45. */
static inline __attribute__((always_inline)) bool repeats_note(struct repeats *r, uint16_t row,
                                                               uint64_t direction, const struct segment *s)
{
    enum { TICK_SHIFT = 24, MARKED_TICKS = 30, UNMARKED_TICKS = 1 };
    struct repeats_row *known = &r->rows[row];
    uint64_t whole = repeats_look(r, direction, s);
    uint32_t look = (uint32_t)(whole >> 32);
    uint16_t more = (uint16_t)(whole >> 16);
    uint16_t now = (uint16_t)(s->time_ns >> TICK_SHIFT);
    bool any = repeats_any_alike(known, look);
    for (unsigned i = 0; any && i < REPEATS_ROW; i++) {
        if (known->look[i] != look || known->more[i] != more)
            continue;
        int ticks = (int16_t)(now - known->tick[i]);
        if (ticks >= -1 && ticks <= (s->mark != 0 ? MARKED_TICKS : UNMARKED_TICKS))
            return true;
    }
    uint32_t place = known->place;
    known->look[place] = look;
    known->more[place] = more;
    known->tick[place] = now;
    known->place = place + 1 < REPEATS_ROW ? place + 1 : 0;
    return false;
}
