#include "sensor/track/connection.h"

#include "sensor/track/detect.h"

enum {
    /* How far the content of an unexpected port is looked at before it is given up as no mail. */
    UNPROVEN_BYTES = 16384,
    NDPI_PACKETS = 8
};

static void fill_connection(const struct flow *f, struct session *s)
{
    s->first_ns = f->first_ns;
    s->last_ns = f->last_ns;
    s->tuple_hash = flow_key_hash(&f->key);
    s->generation = f->generation;
    s->client_address = f->client_is_low ? f->key.low : f->key.high;
    s->server_address = f->client_is_low ? f->key.high : f->key.low;
    s->client_port = f->client_is_low ? f->key.low_port : f->key.high_port;
    s->server_port = f->client_is_low ? f->key.high_port : f->key.low_port;
    s->vlan = f->vlan;
    s->tunnel = f->tunnel;
    s->family = f->family;
    s->midstream = f->midstream;
    s->evicted = f->evicted;
    s->duplicates = f->duplicates;
    for (int side = CLIENT; side <= SERVER; side++) {
        s->side[side].bytes = f->side[side].bytes;
        s->side[side].packets = f->side[side].packets;
        s->side[side].syn_seen = f->side[side].syn;
        s->side[side].fin_seen = f->side[side].fin;
        s->side[side].rst_seen = f->side[side].rst;
    }
}

/* Where the session stands among all: sessions of several trackers can be put in the order of one. Silent ones end
 * in the order of the table's lists; at the end of the input, as they began. */
static void set_turn(const struct tracker *t, const struct flow *f, struct session *s)
{
    s->turn = t->finishing ? UINT64_MAX : t->turn;
    s->turn_order = t->finishing  ? f->number
                    : t->expiring ? (uint64_t)f->stage << 32 | f->listed_turn
                                  : UINT64_MAX;
}

static void count_session(struct tracker *t, const struct session *s)
{
    counter_add(t->counters, COUNTER_sessions, 1);
    counter_add(t->counters, COUNTER_flows_midstream, s->midstream);
    counter_add(t->counters, COUNTER_flows_one_sided,
                s->side[CLIENT].packets == 0 || s->side[SERVER].packets == 0);
    counter_add(t->counters, COUNTER_overlong_lines, s->mail.overlong);
}

static void drop_conversation(struct tracker *t, struct conversation *c)
{
    reassemble_drop(&t->reassembler, c->streams);
    for (int side = CLIENT; side <= SERVER; side++)
        stores_take_back(&t->stores, &c->records[side]);
    if (c->ndpi != NULL)
        classify_flow_close(t->classifier, c->ndpi);
    if (c->parser != NULL)
        c->parser->wipe(c->mail_state);
    pool_give(&t->conversations, c);
}

static void emit(struct tracker *t, const struct flow *f, struct session *s, bool final)
{
    fill_connection(f, s);
    s->final = final;
    set_turn(t, f, s);
    if (final)
        count_session(t, s);
    t->emit(t->context, s);
}

static void report_record(struct tracker *t, struct flow *f)
{
    struct session s;
    record_unpack(&t->records, f->owner, &s);
    record_free(&t->records, f->owner);
    f->owner = NULL;
    emit(t, f, &s, true);
}

static void end_conversation(struct conversation *c)
{
    session_end(c);
    for (int side = CLIENT; side <= SERVER; side++)
        c->facts.side[side].overlap_conflicts = c->streams[side].conflicts;
}

static void report_conversation(struct tracker *t, struct flow *f)
{
    struct conversation *c = f->owner;
    reassemble_flush(&t->reassembler, f, c->streams, c);
    bool reported = c->confirmed || session_is_mail(c);
    end_conversation(c);
    if (reported)
        emit(t, f, &c->facts, true);
    drop_conversation(t, c);
    f->owner = NULL;
}

void connection_judge(struct tracker *t, struct flow *f)
{
    if (f->judged || f->owner == NULL)
        return;
    f->judged = true;
    counter_add(t->counters, COUNTER_flows_judged, 1);
    counter_add(t->counters, COUNTER_flows_judged_one_sided,
                f->side[CLIENT].packets == 0 || f->side[SERVER].packets == 0);
}

void connection_leave(void *context, struct flow *f)
{
    struct tracker *t = context;
    connection_judge(t, f);
    if (f->packed && f->owner != NULL)
        report_record(t, f);
    else if (f->owner != NULL)
        report_conversation(t, f);
    else if (f->stage == FLOW_HALF_OPEN)
        counter_add(t->counters, COUNTER_flows_empty, 1);
    else if (f->stage == FLOW_CLOSING)
        counter_add(t->counters, COUNTER_flows_empty, 1);
}

void connection_park(struct tracker *t, struct flow *f)
{
    struct conversation *c = f->owner;
    end_conversation(c);
    struct record *r = record_pack(&t->records, &c->facts);
    while (r == NULL && flow_evict_oldest(t->flows, FLOW_KNOWN))
        r = record_pack(&t->records, &c->facts);
    if (r == NULL)
        return; /* keep the conversation; it just stays larger */
    drop_conversation(t, c);
    f->owner = r;
    f->packed = true;
    flow_move(t->flows, f, FLOW_KNOWN);
}

_Static_assert(sizeof(struct conversation) + sizeof(struct flow) <= 4096, "what a negotiation may take");

static struct conversation *new_conversation(struct tracker *t, struct flow *f, enum protocol protocol)
{
    struct conversation *c = pool_take(&t->conversations);
    bool room = c != NULL || flow_evict_oldest(t->flows, FLOW_OPENING) ||
                flow_evict_oldest(t->flows, FLOW_TALKING);
    if (c == NULL && room)
        c = pool_take(&t->conversations);
    if (c == NULL) {
        counter_add(t->counters, COUNTER_negotiations_refused, 1);
        return NULL;
    }
    session_begin(c, &t->shared, protocol);
    c->facts.midstream = f->midstream;
    f->owner = c;
    flow_move(t->flows, f, FLOW_OPENING);
    return c;
}

static void begin_on_named_port(struct tracker *t, struct flow *f, const struct config_port *row)
{
    struct conversation *c = new_conversation(t, f, row->protocol);
    if (c == NULL)
        return;
    c->confirmed = true;
    c->facts.role = (uint8_t)row->role;
    c->facts.tls_port = row->tls_at_once;
    c->facts.detected_by = DETECTED_BY_PORT;
}

static enum role usual_role(enum protocol protocol)
{
    switch (protocol) {
    case PROTOCOL_IMAP:
    case PROTOCOL_POP3:
    case PROTOCOL_SIEVE: return ROLE_ACCESS;
    case PROTOCOL_LMTP: return ROLE_DELIVERY;
    /* On an odd port a relay and a submission server look alike. */
    case PROTOCOL_SMTP:
    case PROTOCOL_OTHER:
    case PROTOCOL_UNKNOWN:
    case PROTOCOL_COUNT: break;
    }
    return ROLE_UNKNOWN;
}

/* nDPI takes a while to start, so it is started only when there is something to ask. */
static bool ask_ndpi(struct tracker *t, struct conversation *c)
{
    if (!t->classifier_tried) {
        t->classifier_tried = true;
        t->classifier = classify_open();
    }
    if (t->classifier == NULL)
        return false;
    c->ndpi = classify_flow_open(t->classifier);
    return c->ndpi != NULL;
}

static void begin_on_other_port(struct tracker *t, struct flow *f, enum side from, struct span first)
{
    enum protocol protocol = detect_protocol(from, first);
    bool wanted = protocol == PROTOCOL_OTHER ? t->config->any_tls : detect_is_text(first);
    if (!wanted || !t->other_ports) {
        counter_add(t->counters, COUNTER_not_mail, 1);
        flow_move(t->flows, f, FLOW_IGNORED);
        return;
    }
    struct conversation *c = new_conversation(t, f, protocol);
    if (c == NULL)
        return;
    c->facts.detected_by = DETECTED_BY_CONTENT;
    c->facts.role = (uint8_t)usual_role(protocol);
    c->confirmed = protocol == PROTOCOL_OTHER;
    if (protocol == PROTOCOL_UNKNOWN)
        c->reading[CLIENT] = c->reading[SERVER] = READING_NOTHING;
    c->ndpi_wanted = protocol != PROTOCOL_OTHER && ask_ndpi(t, c);
}

static void set_client(struct flow *f, bool from_low, bool from_client)
{
    f->client_is_low = from_low == from_client;
}

/* Who is the client, where no SYN told: the hello says it, then the port table, then the lower port is the
 * server's. */
static bool guess_from_client(const struct tracker *t, const struct segment *segment)
{
    int hello = detect_hello_side(segment->payload);
    if (hello >= 0)
        return hello == CLIENT;
    bool to_row = connection_row(t, segment->destination_port) != NULL;
    bool from_row = connection_row(t, segment->source_port) != NULL;
    if (to_row != from_row)
        return to_row;
    if (segment->source_port != segment->destination_port)
        return segment->destination_port < segment->source_port;
    return true;
}

/* As worker.c spreads connections: without a layer. */
static uint64_t ends_hash(const struct segment *segment)
{
    struct flow_key key;
    bool from_low;
    flow_key_of(segment, 0, &key, &from_low);
    return flow_key_hash(&key);
}

struct flow *connection_flow(struct tracker *t, const struct flow_key *key, bool from_low,
                             const struct segment *segment, uint32_t generation)
{
    uint16_t row = repeats_row_of(ends_hash(segment));
    repeats_expect(&t->repeats, row);
    struct flow *f = flow_add(t->flows, key, segment->time_ns);
    f->generation = generation;
    f->vlan = segment->vlan;
    f->tunnel = segment->tunnel;
    f->row = row;
    counter_add(t->counters, COUNTER_flows, 1);
    if (segment->flags & TCP_SYN) {
        set_client(f, from_low, (segment->flags & TCP_ACK) == 0);
    } else {
        f->midstream = true;
        set_client(f, from_low, guess_from_client(t, segment));
    }
    enum side from = from_low == f->client_is_low ? CLIENT : SERVER;
    if (repeats_tellable(segment)) /* the first of all its packets: noted, and surely no repetition */
        (void)repeats_note(&t->repeats, f->row, flow_direction(f, from), segment);
    return f;
}

/* On a port that no row names, what comes behind a load balancer's header tells the protocol. */
static bool pass_proxy_header(struct flow *f, enum side from, const struct segment *segment)
{
    struct flow_side *side = &f->side[from];
    uint32_t sequence = segment->sequence + ((segment->flags & TCP_SYN) != 0);
    if (from != CLIENT || segment->missing > 0 || !detect_is_proxy_header(segment->payload))
        return false;
    if (sequence == side->next) { /* else it was sent again */
        side->next += (uint32_t)segment->payload.n;
        side->bytes += segment->payload.n;
    }
    return true;
}

void connection_begin(struct tracker *t, struct flow *f, enum side from, const struct segment *segment)
{
    uint16_t server_port = f->client_is_low ? f->key.high_port : f->key.low_port;
    const struct config_port *row = connection_row(t, server_port);
    if (row != NULL)
        begin_on_named_port(t, f, row);
    else if (!t->other_ports || !pass_proxy_header(f, from, segment))
        begin_on_other_port(t, f, from, segment->payload);
}

void connection_prove(struct tracker *t, struct flow *f, const struct segment *segment)
{
    struct conversation *c = f->owner;
    if (session_is_mail(c)) {
        c->confirmed = true;
    } else if (c->ndpi_wanted && segment->payload.n > 0) {
        enum protocol found = classify_packet(t->classifier, c->ndpi, segment->packet, segment->time_ns);
        c->ndpi_wanted = found == PROTOCOL_UNKNOWN && ++c->ndpi_packets < NDPI_PACKETS;
        if (found != PROTOCOL_UNKNOWN)
            session_adopt(c, found);
    }
    bool deaf = c->reading[CLIENT] == READING_NOTHING && c->reading[SERVER] == READING_NOTHING &&
                !c->ndpi_wanted;
    if (!c->confirmed && (deaf || f->side[CLIENT].bytes + f->side[SERVER].bytes > UNPROVEN_BYTES)) {
        drop_conversation(t, c);
        f->owner = NULL;
        counter_add(t->counters, COUNTER_not_mail, 1);
        flow_move(t->flows, f, FLOW_IGNORED);
    }
}

void connection_interim(struct tracker *t, struct flow *f)
{
    uint64_t every_ns = (uint64_t)t->config->timeouts.interim_ms * NS_PER_MS;
    if (!t->live || every_ns == 0 || f->last_ns - f->first_ns < every_ns * (f->interims + 1))
        return;
    struct session s;
    if (f->packed)
        record_unpack(&t->records, f->owner, &s);
    else if (flow_is_followed(f) && ((struct conversation *)f->owner)->confirmed)
        session_copy(&s, &((struct conversation *)f->owner)->facts);
    else
        return;
    f->interims++;
    emit(t, f, &s, false);
}
