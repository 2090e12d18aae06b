/* repeats.h - has this very packet been seen a moment ago?
 *
 * A mirror that copies a packet where it enters the switch and again where it leaves delivers it twice: at once or
 * some milliseconds later, perhaps in another VLAN or tunnel, with another time to live, other Ethernet addresses
 * and another checksum. What does not change is looked at here: connection and direction, sequence numbers, flags,
 * length, and the mark (decode.h), which a sender gives anew when it sends something again. So a retransmission is
 * told from a repetition, except where a packet has neither an IPv4 identification nor the timestamp option: then
 * only the time between the two decides, and a retransmission within some 17 ms is taken for a repetition. A copy
 * that was merged with its neighbour by receive offload and one that was not do not look alike; the later one is
 * counted as a retransmission. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sensor/capture/decode.h"

/* One slot each for the last packets of many: at a million packets a second the delay that is bridged is 16 ms. */
enum { REPEATS_SLOTS = 16384 };

struct repeats {
    uint64_t key;                  /* random: nobody outside can make two packets look alike */
    uint64_t slots[REPEATS_SLOTS]; /* 48 bits of what it looks like, 16 of when it came */
};

/* repeats_open - a key of its own; all else zero. False where there is no randomness to be had. */
bool repeats_open(struct repeats *r);

/* repeats_tellable - can a repetition of it be told from another packet that looks alike? Not with bare
 * acknowledgements without an IPv4 identification: a receiver sends the same one several times for each segment that it
 * misses. */
static inline bool repeats_tellable(const struct segment *s)
{
    bool bare = s->payload.n + s->missing == 0 && (s->flags & (TCP_SYN | TCP_FIN | TCP_RST)) == 0;
    return !bare || (s->mark != 0 && s->mark <= UINT16_MAX);
}

/* repeats_note - note a segment, and say whether it was noted before, within half a second (without a mark: 17 ms).
 * connection   a number that no other connection and no other direction has
 * Taking a stranger for a repetition has a chance of one in 2^48. */
static inline bool repeats_note(struct repeats *r, uint64_t connection, const struct segment *s)
{
    enum { TICK_SHIFT = 24, MARKED_TICKS = 30, UNMARKED_TICKS = 1, TIME_BITS = 16 };
    uint64_t a = ((uint64_t)s->sequence << 32 | s->acknowledgement) ^ r->key;
    uint64_t b = (uint64_t)s->mark << 32 ^ (uint64_t)s->missing << 20 ^ s->payload.n << 8 ^ s->flags;
    a = a * UINT64_C(0x9e3779b97f4a7c15) ^ connection;
    a = (a ^ a >> 32 ^ b) * UINT64_C(0xc2b2ae3d27d4eb4f);
    a ^= a >> 31;
    uint16_t now = (uint16_t)(s->time_ns >> TICK_SHIFT);
    uint64_t *slot = &r->slots[a % REPEATS_SLOTS];
    bool alike = (*slot ^ a) >> TIME_BITS == 0;
    int ticks = (int16_t)(now - (uint16_t)*slot);
    *slot = (a & ~(uint64_t)UINT16_MAX) | now;
    return alike && ticks >= -1 && ticks <= (s->mark != 0 ? MARKED_TICKS : UNMARKED_TICKS);
}
