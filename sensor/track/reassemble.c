#include "sensor/track/reassemble.h"

#include <string.h>

#include "parsers/mail.h"

/* Who sent this already holds bytes of the other direction that were not seen here yet: they are late, or
 * lost. */
static bool acknowledges_unseen(const struct flow *f, enum side from, uint32_t acknowledgement)
{
    const struct flow_side *other = &f->side[side_other(from)];
    if (!other->synced || other->packets == 0)
        return false;
    if (other->fin && acknowledgement == other->fin_sequence + 1)
        acknowledgement--; /* the FIN counts as one, but is no octet */
    return sequence_before(other->next, acknowledgement) && acknowledgement - other->next < SEQUENCE_REACH;
}

static void free_chunk(const struct reassembler *r, struct chunk *c)
{
    mail_wipe(c->data, c->length);
    pool_give(r->chunks, c);
}

static void hand_on(const struct reassembler *r, struct flow *f, void *connection, enum side from,
                    struct span bytes)
{
    f->side[from].next += (uint32_t)bytes.n;
    f->side[from].bytes += bytes.n;
    r->bytes(connection, from, bytes);
}

static void hand_on_gap(const struct reassembler *r, struct flow *f, void *connection, enum side from,
                        uint32_t bytes)
{
    f->side[from].next += bytes;
    counter_add(r->counters, COUNTER_gaps, 1);
    counter_add(r->counters, COUNTER_gap_bytes, bytes);
    r->gap(connection, from, bytes);
}

/* Can the first waiting chunk of a direction be handed on now? */
static bool head_ready(const struct flow *f, const struct stream *s, enum side from)
{
    const struct chunk *c = s->waiting;
    if (c == NULL || sequence_before(f->side[from].next, c->sequence))
        return false;
    return !c->has_acknowledgement || !acknowledges_unseen(f, from, c->acknowledgement);
}

static void hand_on_head(const struct reassembler *r, struct flow *f, struct stream *s, void *connection,
                         enum side from)
{
    struct chunk *c = s->waiting;
    s->waiting = c->next;
    s->waiting_bytes -= c->length;
    uint32_t old = f->side[from].next - c->sequence;
    if (old < c->length)
        hand_on(r, f, connection, from, span_of(c->data + old, c->length - old));
    free_chunk(r, c);
}

static void drain(const struct reassembler *r, struct flow *f, struct stream streams[2], void *connection)
{
    bool moved = true;
    while (moved) {
        moved = false;
        for (int from = CLIENT; from <= SERVER; from++) {
            while (head_ready(f, &streams[from], (enum side)from)) {
                hand_on_head(r, f, &streams[from], connection, (enum side)from);
                moved = true;
            }
        }
    }
}

/* Give up the bytes that keep the first waiting chunk of a direction from going on: a hole in front of it,
 * or bytes of the other direction that its sender had. */
static void give_up_hole(const struct reassembler *r, struct flow *f, struct stream streams[2],
                         void *connection, enum side from)
{
    const struct chunk *c = streams[from].waiting;
    uint32_t next = f->side[from].next;
    if (sequence_before(next, c->sequence)) {
        hand_on_gap(r, f, connection, from, c->sequence - next);
        return;
    }
    enum side other = side_other(from);
    uint32_t end = c->acknowledgement;
    const struct chunk *theirs = streams[other].waiting;
    if (theirs != NULL && sequence_before(theirs->sequence, end) &&
        sequence_before(f->side[other].next, theirs->sequence))
        end = theirs->sequence;
    if (theirs != NULL && !sequence_before(f->side[other].next, theirs->sequence)) {
        /* Both wait for each other, which no honest pair does: the older goes first. */
        hand_on_head(r, f, &streams[from], connection, from);
        return;
    }
    hand_on_gap(r, f, connection, other, end - f->side[other].next);
}

/* Will the bytes in front of the first waiting chunk never come (again)? */
static bool hole_is_lost(const struct reassembler *r, const struct flow *f, const struct stream *s,
                         enum side from, uint64_t now_ns)
{
    const struct chunk *c = s->waiting;
    if (c == NULL || now_ns < c->time_ns + r->gap_ns)
        return false;
    if (!sequence_before(f->side[from].next, c->sequence))
        return true; /* the sender itself acknowledged what is missing of the other direction */
    bool other_seen = f->side[side_other(from)].packets > 0;
    return !other_seen || (s->has_acknowledged && sequence_before(f->side[from].next, s->acknowledged));
}

/* Bytes of a new segment that overlap a waiting chunk: the waiting ones stay, differences are counted. */
static void count_conflicts(const struct reassembler *r, struct stream *s, const struct chunk *c,
                            uint32_t sequence, struct span bytes)
{
    uint32_t from = sequence_before(c->sequence, sequence) ? sequence : c->sequence;
    uint32_t c_end = c->sequence + c->length;
    uint32_t b_end = sequence + (uint32_t)bytes.n;
    uint32_t end = sequence_before(c_end, b_end) ? c_end : b_end;
    if (!sequence_before(from, end))
        return;
    struct span old = span_head(span_skip(span_of(c->data, c->length), from - c->sequence), end - from);
    struct span new = span_head(span_skip(bytes, from - sequence), end - from);
    if (span_equal(old, new))
        return;
    s->conflicts++;
    counter_add(r->counters, COUNTER_overlap_conflicts, 1);
}

/* Put one piece that overlaps nothing behind *link; it is cut into chunks. False where the room is used up. */
static bool insert_piece(const struct reassembler *r, struct stream *s, struct chunk **link,
                         const struct segment *segment, uint32_t sequence, struct span bytes)
{
    while (bytes.n > 0) {
        struct chunk *c = s->waiting_bytes < r->waiting_cap_bytes ? pool_take(r->chunks) : NULL;
        if (c == NULL) {
            counter_add(r->counters, COUNTER_buffer_full, 1);
            return false;
        }
        struct span part = span_head(bytes, sizeof c->data);
        c->time_ns = segment->time_ns;
        c->sequence = sequence;
        c->acknowledgement = segment->acknowledgement;
        c->has_acknowledgement = (segment->flags & TCP_ACK) != 0;
        c->length = (uint16_t)part.n;
        memcpy(c->data, part.p, part.n);
        c->next = *link;
        *link = c;
        link = &c->next;
        s->waiting_bytes += (uint32_t)part.n;
        sequence += (uint32_t)part.n;
        bytes = span_skip(bytes, part.n);
    }
    return true;
}

/* Insert a segment among the waiting chunks, only where none of them lies. */
static bool insert(const struct reassembler *r, struct stream *s, const struct segment *segment,
                   uint32_t sequence, struct span bytes)
{
    struct chunk **link = &s->waiting;
    while (bytes.n > 0) {
        struct chunk *c = *link;
        if (c == NULL)
            return insert_piece(r, s, link, segment, sequence, bytes);
        uint32_t c_end = c->sequence + c->length;
        if (sequence_before(sequence, c->sequence)) {
            uint32_t room = c->sequence - sequence;
            if (!insert_piece(r, s, link, segment, sequence, span_head(bytes, room)))
                return false;
            bytes = span_skip(bytes, room);
            sequence = c->sequence;
        }
        count_conflicts(r, s, c, sequence, bytes);
        if (sequence_before(sequence, c_end)) {
            bytes = span_skip(bytes, c_end - sequence);
            sequence = c_end;
        }
        link = &c->next;
    }
    return true;
}

/* A RST is believed only with the sequence number that is due: some put anything into one.
 * next  expected of the sender of the segment */
static void note_acknowledgement(struct stream *of_other, const struct segment *segment, uint32_t next)
{
    bool stray = (segment->flags & TCP_RST) != 0 && segment->sequence != next;
    if ((segment->flags & TCP_ACK) == 0 || stray)
        return;
    if (!of_other->has_acknowledged || sequence_before(of_other->acknowledged, segment->acknowledgement))
        of_other->acknowledged = segment->acknowledgement;
    of_other->has_acknowledged = true;
}

static void give_up_lost(const struct reassembler *r, struct flow *f, struct stream streams[2],
                         void *connection, uint64_t now_ns)
{
    for (int from = CLIENT; from <= SERVER; from++) {
        while (hole_is_lost(r, f, &streams[from], (enum side)from, now_ns)) {
            give_up_hole(r, f, streams, connection, (enum side)from);
            drain(r, f, streams, connection);
        }
    }
}

/* Let a segment wait. Where there is no room, holes cost their bytes, so that what waits can go on. */
static void wait_or_force(const struct reassembler *r, struct flow *f, struct stream streams[2],
                          void *connection, enum side from, const struct segment *segment, uint32_t sequence,
                          struct span bytes)
{
    struct flow_side *side = &f->side[from];
    while (!insert(r, &streams[from], segment, sequence, bytes)) {
        if (streams[from].waiting != NULL) {
            give_up_hole(r, f, streams, connection, from);
            drain(r, f, streams, connection);
            continue;
        }
        /* Other connections hold every chunk: go on without. */
        if (sequence_before(side->next, sequence))
            hand_on_gap(r, f, connection, from, sequence - side->next);
        hand_on(r, f, connection, from, span_skip(bytes, side->next - sequence));
        return;
    }
}

void reassemble_segment(const struct reassembler *r, struct flow *f, struct stream streams[2],
                        void *connection, enum side from, const struct segment *segment, uint32_t sequence)
{
    struct flow_side *side = &f->side[from];
    struct stream *s = &streams[from];
    struct span bytes = segment->payload;
    note_acknowledgement(&streams[side_other(from)], segment, f->side[from].next);

    if (bytes.n > 0 && sequence_before(sequence, side->next)) {
        uint32_t old = side->next - sequence;
        counter_add(r->counters, COUNTER_retransmissions, old >= bytes.n);
        bytes = span_skip(bytes, old);
        sequence = side->next;
    }
    bool held = (segment->flags & TCP_ACK) != 0 && acknowledges_unseen(f, from, segment->acknowledgement);
    if (bytes.n > 0 && sequence == side->next && s->waiting == NULL && !held) {
        hand_on(r, f, connection, from, bytes);
    } else if (bytes.n > 0) {
        counter_add(r->counters, COUNTER_out_of_order, 1);
        wait_or_force(r, f, streams, connection, from, segment, sequence, bytes);
    }
    if (segment->missing > 0 && side->next == sequence + (uint32_t)bytes.n)
        hand_on_gap(r, f, connection, from, segment->missing);
    if (streams[CLIENT].waiting != NULL || streams[SERVER].waiting != NULL) {
        drain(r, f, streams, connection);
        give_up_lost(r, f, streams, connection, segment->time_ns);
    }
}

/* What a direction sent last and nobody captured: up to its FIN or reset, or to what the other end acknowledged. One
 * octet beyond is a FIN that was lost itself. */
static uint32_t lost_tail(const struct flow *f, const struct stream *s, enum side from)
{
    const struct flow_side *side = &f->side[from];
    if (!side->synced || side->packets == 0)
        return 0;
    bool ended = side->fin || side->rst;
    if (!ended && !s->has_acknowledged)
        return 0;
    uint32_t lost = (ended ? side->fin_sequence : s->acknowledged) - side->next;
    return lost < SEQUENCE_REACH && (ended || lost > 1) ? lost : 0;
}

void reassemble_flush(const struct reassembler *r, struct flow *f, struct stream streams[2], void *connection)
{
    drain(r, f, streams, connection);
    for (int from = CLIENT; from <= SERVER; from++) {
        while (streams[from].waiting != NULL) {
            give_up_hole(r, f, streams, connection, (enum side)from);
            drain(r, f, streams, connection);
        }
    }
    for (int from = CLIENT; from <= SERVER; from++) {
        uint32_t lost = lost_tail(f, &streams[from], (enum side)from);
        if (lost > 0)
            hand_on_gap(r, f, connection, (enum side)from, lost);
    }
}

void reassemble_drop(const struct reassembler *r, struct stream streams[2])
{
    for (int from = CLIENT; from <= SERVER; from++) {
        while (streams[from].waiting != NULL) {
            struct chunk *c = streams[from].waiting;
            streams[from].waiting = c->next;
            free_chunk(r, c);
        }
        streams[from].waiting_bytes = 0;
    }
}
