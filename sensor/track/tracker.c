#include "sensor/track/tracker.h"

#include <stdlib.h>

#include "sensor/track/connection.h"
#include "sensor/track/reassemble.h"

enum {
    EXPIRE_EVERY_NS = 250000000,
    STORE_BYTES = 16384,
    /* A reset is believed this far from the expected sequence number; beyond, it is a stray or a forgery
     * (RFC 5961 s3). */
    RESET_REACH = 1 << 20
};

static void end_flow(struct tracker *t, struct flow *f)
{
    connection_leave(t, f);
    flow_move(t->flows, f, FLOW_ENDED);
}

/* Both FINs seen and all before them handed on? A FIN alone counts where the other direction was never
 * captured. */
static bool direction_over(const struct flow *f, enum side side)
{
    const struct flow_side *s = &f->side[side];
    if (s->packets == 0)
        return true;
    bool caught_up = !flow_is_followed(f) || !sequence_before(s->next, s->fin_sequence);
    return s->fin && caught_up;
}

/* A reset that overtook data of its own direction ends nothing before they are there, or given up by time. */
static bool reset_over(const struct flow *f, enum side side)
{
    const struct flow_side *s = &f->side[side];
    bool early = flow_is_followed(f) && s->synced && sequence_before(s->next, s->fin_sequence);
    return s->rst && !early;
}

static void maybe_end(struct tracker *t, struct flow *f)
{
    if (f->stage == FLOW_ENDED || f->stage == FLOW_IGNORED)
        return;
    if (reset_over(f, CLIENT) || reset_over(f, SERVER)) {
        end_flow(t, f);
        return;
    }
    if (!direction_over(f, CLIENT) || !direction_over(f, SERVER))
        return;
    bool acknowledged = (f->side[CLIENT].fin_acked || !f->side[CLIENT].fin) &&
                        (f->side[SERVER].fin_acked || !f->side[SERVER].fin);
    if (acknowledged)
        end_flow(t, f);
    else
        flow_move(t->flows, f, FLOW_CLOSING);
}

/* Nothing is looked at any more: only how far the sequence numbers have come. */
static void count_only(struct tracker *t, struct flow *f, enum side from, const struct segment *segment,
                       uint32_t sequence)
{
    struct flow_side *side = &f->side[from];
    uint32_t end = sequence + (uint32_t)segment->payload.n + segment->missing;
    uint32_t advance = end - side->next;
    if (!side->synced || advance - 1 >= SEQUENCE_REACH) {
        counter_add(t->counters, COUNTER_retransmissions, 1);
        counter_add(t->counters, COUNTER_filled_bytes, segment->payload.n);
        return;
    }
    if (sequence_before(side->next, sequence))
        counter_add(t->counters, COUNTER_skipped_bytes, sequence - side->next);
    side->bytes += advance;
    side->next = end;
}

static void on_syn(struct flow *f, enum side from, const struct segment *segment)
{
    struct flow_side *side = &f->side[from];
    side->syn = true;
    side->synced = true;
    side->initial = segment->sequence;
    side->next = segment->sequence + 1;
    struct flow_side *other = &f->side[side_other(from)];
    if ((segment->flags & TCP_ACK) && !other->synced) {
        /* The client's SYN was not captured, but its first octet is known all the same. */
        other->synced = true;
        other->initial = segment->acknowledgement - 1;
        other->next = segment->acknowledgement;
    }
}

/* A SYN on a connection that is still under way: a repetition, or the same ports used again. Only the other
 * end's answer to it, or data at its sequence number, proves the latter; a forged SYN must not make the
 * sensor forget a session. */
static bool starts_anew(struct flow *f, enum side from, const struct segment *segment)
{
    bool syn = (segment->flags & TCP_SYN) != 0;
    bool ack = (segment->flags & TCP_ACK) != 0;
    if (!syn && !f->pending)
        return false;
    bool closed = f->stage == FLOW_ENDED || f->stage == FLOW_CLOSING;
    if (syn && !ack) {
        struct flow_side *side = &f->side[from];
        bool repeated = side->syn && side->initial == segment->sequence;
        f->pending = !repeated && !closed && f->stage != FLOW_HALF_OPEN;
        f->pending_syn = segment->sequence;
        return !repeated && closed;
    }
    if (!f->pending && syn && f->side[from].syn && f->side[from].initial != segment->sequence) {
        /* The answer to a SYN that was not captured. */
        f->pending = !closed && f->stage != FLOW_HALF_OPEN;
        f->pending_syn = segment->sequence;
        return closed;
    }
    if (!f->pending)
        return false;
    if (syn && segment->acknowledgement == f->pending_syn + 1)
        return true;
    return !syn && segment->payload.n > 0 && segment->sequence == f->pending_syn + 1 &&
           f->side[from].next != segment->sequence;
}

static void note_fin_and_ack(struct flow *f, enum side from, const struct segment *segment, uint32_t sequence)
{
    struct flow_side *side = &f->side[from];
    struct flow_side *other = &f->side[side_other(from)];
    if ((segment->flags & TCP_FIN) && !side->fin) {
        side->fin = true;
        side->fin_sequence = sequence + (uint32_t)segment->payload.n + segment->missing;
    }
    if ((segment->flags & TCP_ACK) && other->fin && segment->acknowledgement == other->fin_sequence + 1)
        other->fin_acked = true;
}

static void reset(struct flow_side *side, uint32_t sequence)
{
    side->rst = true;
    if (!side->fin)
        side->fin_sequence = sequence;
}

static void note_reset(struct tracker *t, struct flow *f, enum side from, const struct segment *segment)
{
    struct flow_side *side = &f->side[from];
    uint32_t distance = segment->sequence - side->next;
    bool near = distance < RESET_REACH || -distance < RESET_REACH;
    /* The answer to a SYN carries sequence number 0 and acknowledges it (RFC 9293 s3.5.2). */
    if (!side->synced || near || f->stage == FLOW_HALF_OPEN)
        reset(side, segment->sequence);
    else
        counter_add(t->counters, COUNTER_stray_resets, 1);
}

static void note_ends(struct tracker *t, struct flow *f, enum side from, const struct segment *segment,
                      uint32_t sequence)
{
    const struct flow_side *side = &f->side[from];
    note_fin_and_ack(f, from, segment, sequence);
    if (segment->flags & TCP_RST)
        note_reset(t, f, from, segment);
    if (segment->flags & (TCP_FIN | TCP_RST) || side->fin || side->rst || f->side[side_other(from)].fin)
        maybe_end(t, f);
}

static void talk(struct tracker *t, struct flow *f, enum side from, const struct segment *segment,
                 uint32_t sequence)
{
    struct conversation *c = f->owner;
    c->facts.side[from].truncated += segment->missing > 0;
    /* What the predicates of one-sidedness look at while the conversation goes on. */
    c->facts.side[CLIENT].packets = f->side[CLIENT].packets;
    c->facts.side[SERVER].packets = f->side[SERVER].packets;
    reassemble_segment(&t->reassembler, f, c->streams, c, from, segment, sequence);
    if (!c->confirmed)
        connection_prove(t, f, segment);
    if (flow_is_followed(f) && c->confirmed && session_fate_known(c))
        connection_park(t, f);
    else if (f->stage == FLOW_OPENING && session_client_spoke(c))
        flow_move(t->flows, f, FLOW_TALKING);
}

/* One octet that was acknowledged long ago, sent to see whether anybody is there (RFC 9293 s3.8.4): of a
 * connection that was not seen so far nothing tells it from data, but data comes with PSH. */
static bool may_be_keepalive(const struct segment *segment)
{
    return segment->payload.n == 1 && segment->missing == 0 &&
           (segment->flags & (TCP_SYN | TCP_FIN | TCP_PSH)) == 0;
}

/* Where a direction begins that showed no SYN. The first acknowledgement of the other end tells, if its own SYN was
 * captured; else there may be octets before these. Returns whether the segment carries any that count. */
static bool learn_beginning(struct flow *f, enum side from, const struct segment *segment)
{
    struct flow_side *side = &f->side[from];
    struct flow_side *other = &f->side[side_other(from)];
    bool carries = segment->payload.n + segment->missing > 0;
    if (carries && !side->synced) {
        carries = !may_be_keepalive(segment);
        side->synced = true;
        side->next = segment->sequence + !carries;
        f->midstream = true;
        if (flow_is_followed(f))
            ((struct conversation *)f->owner)->facts.midstream = true;
    }
    if ((segment->flags & (TCP_ACK | TCP_RST)) == TCP_ACK && !other->synced && side->syn) {
        other->synced = true;
        other->initial = segment->acknowledgement - 1;
        other->next = segment->acknowledgement;
    }
    return carries;
}

/* Between the handshake and the first FIN or reset, as nearly all segments are: then it says nothing about how the
 * connection stands. */
static inline bool is_amid(const struct flow *f, const struct segment *segment)
{
    const struct flow_side *client = &f->side[CLIENT];
    const struct flow_side *server = &f->side[SERVER];
    return (segment->flags & (TCP_SYN | TCP_FIN | TCP_RST)) == 0 && client->synced && !client->fin &&
           !client->rst && server->synced && !server->fin && !server->rst;
}

static void on_segment(struct tracker *t, struct flow *f, enum side from, const struct segment *segment)
{
    struct flow_side *side = &f->side[from];
    bool amid = is_amid(f, segment);
    uint32_t sequence = segment->sequence + ((segment->flags & TCP_SYN) != 0);
    if (segment->flags & TCP_SYN) {
        if (f->pending)
            return; /* it may start a new connection; until that is proved it changes nothing */
        if (f->stage == FLOW_HALF_OPEN || !side->synced)
            on_syn(f, from, segment);
    }
    bool carries = amid ? segment->payload.n + segment->missing > 0 : learn_beginning(f, from, segment);
    counter_add(t->counters, COUNTER_tracked, 1);
    counter_add(t->counters, COUNTER_payload_bytes, segment->payload.n);
    if (++side->packets == JUDGED_PACKETS)
        connection_judge(t, f);
    if (carries && f->stage == FLOW_HALF_OPEN)
        connection_begin(t, f, from, segment);
    if (carries && f->stage == FLOW_KNOWN)
        count_only(t, f, from, segment, sequence);
    else if (flow_is_followed(f) && (carries || (segment->flags & TCP_ACK)))
        talk(t, f, from, segment, sequence);
    if (!amid)
        note_ends(t, f, from, segment, sequence);
    if (t->live)
        connection_interim(t, f);
}

static bool plausible(const struct flow *f, enum side from, const struct segment *segment)
{
    const struct flow_side *side = &f->side[from];
    if (!side->synced || segment->flags & (TCP_SYN | TCP_RST))
        return true;
    uint32_t distance = segment->sequence - side->next;
    return distance < SEQUENCE_REACH || -distance < SEQUENCE_REACH;
}

bool tracker_tick_due(uint64_t *next_ns, uint64_t now_ns)
{
    if (now_ns < *next_ns)
        return false;
    *next_ns = now_ns + EXPIRE_EVERY_NS;
    return true;
}

static void take_turn(struct tracker *t, uint64_t number)
{
    t->turn = number;
    flow_table_turn(t->flows, number);
}

void tracker_tick_at(struct tracker *t, uint64_t now_ns, uint64_t number)
{
    take_turn(t, number);
    t->expiring = true;
    flow_expire(t->flows, now_ns);
    t->expiring = false;
}

void tracker_tick(struct tracker *t, uint64_t now_ns)
{
    if (tracker_tick_due(&t->next_expire_ns, now_ns))
        tracker_tick_at(t, now_ns, t->turn);
}

static enum side side_of(const struct flow *f, bool from_low)
{
    return from_low == f->client_is_low ? CLIENT : SERVER;
}

/* Once for a segment: what the mirror delivers twice is counted and goes no further. */
static inline bool is_repetition(struct tracker *t, struct flow *f, enum side from,
                                 const struct segment *segment)
{
    if (!repeats_tellable(segment) || !repeats_note(&t->repeats, f->row, flow_direction(f, from), segment))
        return false;
    f->duplicates++;
    counter_add(t->counters, COUNTER_duplicates, 1);
    return true;
}

/* What the sensor itself sends to Redis must not come back to it as traffic. */
static bool is_own_redis(const struct tracker *t, const struct segment *segment)
{
    uint16_t port = t->config->redis_port;
    return port != 0 && (segment->source_port == port || segment->destination_port == port);
}

/* The flow of a connection that begins with this segment, in the place of an earlier one between the same ends. NULL
 * where it begins none: a bare acknowledgement, FIN or RST of something unknown is the tail of what was before. */
static struct flow *begin(struct tracker *t, struct flow *earlier, uint32_t layer,
                          const struct segment *segment)
{
    uint32_t generation = 0;
    struct flow_key key;
    bool from_low;
    if (earlier != NULL) {
        generation = earlier->generation + 1;
        connection_leave(t, earlier);
        flow_remove(t->flows, earlier);
    }
    if (!(segment->flags & TCP_SYN) && segment->payload.n + segment->missing == 0)
        return NULL;
    flow_key_of(segment, layer, &key, &from_low);
    return connection_flow(t, &key, from_low, segment, generation);
}

void tracker_segment(struct tracker *t, const struct segment *segment)
{
    tracker_segment_at(t, segment, t->turn + 1);
}

void tracker_segment_at(struct tracker *t, const struct segment *segment, uint64_t number)
{
    take_turn(t, number);
    if (!t->ticked && segment->time_ns >= t->next_expire_ns)
        tracker_tick(t, segment->time_ns);
    bool named = connection_row(t, segment->destination_port) != NULL ||
                 connection_row(t, segment->source_port) != NULL;
    if (!named && (!t->other_ports || is_own_redis(t, segment))) {
        counter_add(t->counters, COUNTER_not_mail, 1);
        return;
    }
    bool from_low;
    uint32_t layer = identity_layer(t->config->flow_identity, segment);
    struct flow *f = flow_find_segment(t->flows, segment, layer, &from_low);
    enum side from = f != NULL ? side_of(f, from_low) : CLIENT;
    if (f != NULL && f->stage == FLOW_IGNORED && !(segment->flags & TCP_SYN)) {
        flow_touch(t->flows, f, segment->time_ns);
        return;
    }
    if (f != NULL && is_repetition(t, f, from, segment))
        return;
    if (f == NULL || starts_anew(f, from, segment)) {
        f = begin(t, f, layer, segment);
        if (f == NULL)
            return;
        from = side_of(f, from_low);
    }
    flow_touch(t->flows, f, segment->time_ns);
    if (f->stage == FLOW_ENDED)
        counter_add(t->counters, COUNTER_late_segments, 1);
    else if (plausible(f, from, segment))
        on_segment(t, f, from, segment);
    else
        counter_add(t->counters, COUNTER_malformed, 1);
}

void tracker_finish(struct tracker *t)
{
    t->finishing = true;
    flow_drain(t->flows);
    counter_add(t->counters, COUNTER_flows_evicted, flow_evicted(t->flows));
}

static void on_bytes(void *connection, enum side from, struct span bytes)
{
    session_bytes(connection, from, bytes);
}

static void on_gap(void *connection, enum side from, uint32_t bytes)
{
    session_gap(connection, from, bytes);
}

/* What one of several trackers gets of a cap: never nothing. */
static uint32_t part(const struct tracker *t, uint32_t cap)
{
    return (cap + t->share - 1) / t->share;
}

static bool open_memory(struct tracker *t)
{
    const struct config_caps *caps = &t->config->caps;
    const struct config_timeouts *timeouts = &t->config->timeouts;
    struct flow_limits limits = {
        .flows = part(t, caps->flows),
        .timeout_ns = {[FLOW_ENDED] = (uint64_t)timeouts->linger_ms * NS_PER_MS,
                       [FLOW_CLOSING] = (uint64_t)timeouts->linger_ms * NS_PER_MS,
                       [FLOW_HALF_OPEN] = (uint64_t)timeouts->handshake_ms * NS_PER_MS,
                       [FLOW_IGNORED] = (uint64_t)timeouts->idle_ms * NS_PER_MS,
                       [FLOW_OPENING] = (uint64_t)timeouts->idle_ms * NS_PER_MS,
                       [FLOW_TALKING] = (uint64_t)timeouts->idle_ms * NS_PER_MS,
                       [FLOW_KNOWN] = (uint64_t)timeouts->established_ms * NS_PER_MS}};
    t->flows = flow_table_open(&limits, connection_leave, t);
    t->shared.digester = digest_open();
    t->shared.fingerprints = fingerprints_open(t->shared.digester);
    return repeats_open(&t->repeats) && t->flows != NULL && t->shared.digester != NULL &&
           t->shared.fingerprints != NULL &&
           pool_open(&t->conversations, part(t, caps->negotiations), sizeof(struct conversation)) &&
           pool_open(&t->chunks, part(t, caps->segment_buffers), sizeof(struct chunk)) &&
           stores_open(&t->stores, part(t, caps->handshake_buffers), STORE_BYTES) &&
           record_pool_open(&t->records, part(t, caps->flows));
}

struct tracker *tracker_open(const struct tracker_request *request)
{
    struct tracker *t = calloc(1, sizeof *t);
    if (t == NULL)
        return NULL;
    t->config = request->config;
    t->counters = request->counters;
    t->share = request->share > 0 ? request->share : 1;
    t->ticked = request->ticked;
    t->live = request->live;
    t->other_ports = !request->live || request->config->discover || request->config->any_tls;
    t->emit = request->emit;
    t->context = request->context;
    for (size_t i = 0; i < t->config->port_count; i++)
        t->row_of_port[t->config->ports[i].port] = (uint8_t)(i + 1);
    if (!open_memory(t)) {
        tracker_close(t);
        return NULL;
    }
    t->shared.counters = t->counters;
    t->shared.stores = &t->stores;
    t->shared.chains = request->chains;
    t->reassembler = (struct reassembler){.chunks = &t->chunks,
                                          .counters = t->counters,
                                          .waiting_cap_bytes = t->config->caps.segment_bytes_per_side,
                                          .gap_ns = (uint64_t)t->config->timeouts.gap_ms * NS_PER_MS,
                                          .bytes = on_bytes,
                                          .gap = on_gap};
    return t;
}

void tracker_close(struct tracker *t)
{
    if (t == NULL)
        return;
    flow_table_close(t->flows);
    repeats_close(&t->repeats);
    fingerprints_close(t->shared.fingerprints);
    digest_close(t->shared.digester);
    classify_close(t->classifier);
    pool_close(&t->conversations);
    pool_close(&t->chunks);
    stores_close(&t->stores);
    pool_close(&t->records);
    free(t);
}
