#include "tests/wire.h"

#include <string.h>

void wire_open(struct wire *w, struct tracker *tracker, uint16_t client_port, uint16_t server_port)
{
    *w = (struct wire){.tracker = tracker,
                       .time_ns = UINT64_C(1700000000) * 1000000000,
                       .next = {0xfffffff0u, 0xffffff80u},
                       .client_port = client_port,
                       .server_port = server_port};
}

struct segment wire_segment(const struct wire *w, enum side from, uint8_t flags, const void *payload,
                            size_t n)
{
    struct segment s = {.time_ns = w->time_ns,
                        .family = IP_V4,
                        .flags = flags,
                        .vlan = -1,
                        .sequence = w->next[from],
                        .acknowledgement = w->next[side_other(from)],
                        .payload = span_of(payload, n)};
    struct address ends[2] = {{{192, 0, 2, 1}}, {{198, 51, 100, 25}}};
    s.source = ends[from];
    s.destination = ends[side_other(from)];
    s.source_port = from == CLIENT ? w->client_port : w->server_port;
    s.destination_port = from == CLIENT ? w->server_port : w->client_port;
    return s;
}

void wire_feed(struct wire *w, const struct segment *segment)
{
    struct segment now = *segment;
    now.time_ns = w->time_ns;
    tracker_segment(w->tracker, &now);
    for (unsigned i = 1; i < w->copies; i++) {
        now.time_ns += 3000000;
        now.vlan = 99;
        now.tunnel = TUNNEL_VXLAN;
        tracker_segment(w->tracker, &now);
    }
    w->time_ns += 1000000;
}

static void send_flags(struct wire *w, enum side from, uint8_t flags)
{
    struct segment s = wire_segment(w, from, flags, NULL, 0);
    s.mark = w->mark = w->mark % 65535 + 1;
    wire_feed(w, &s);
    w->next[from] += (flags & (TCP_SYN | TCP_FIN)) != 0;
}

void wire_handshake(struct wire *w)
{
    send_flags(w, CLIENT, TCP_SYN);
    send_flags(w, SERVER, TCP_SYN | TCP_ACK);
    send_flags(w, CLIENT, TCP_ACK);
}

void wire_send(struct wire *w, enum side from, const void *payload, size_t n)
{
    struct span rest = span_of(payload, n);
    while (rest.n > 0) {
        struct span part = span_head(rest, w->cut > 0 ? w->cut : rest.n);
        struct segment s = wire_segment(w, from, TCP_ACK | TCP_PSH, part.p, part.n);
        s.mark = w->mark = w->mark % 65535 + 1;
        wire_feed(w, &s);
        w->next[from] += (uint32_t)part.n;
        rest = span_skip(rest, part.n);
    }
}

void wire_say(struct wire *w, enum side from, const char *text)
{
    wire_send(w, from, text, strlen(text));
}

void wire_close(struct wire *w)
{
    send_flags(w, CLIENT, TCP_FIN | TCP_ACK);
    send_flags(w, SERVER, TCP_FIN | TCP_ACK);
    send_flags(w, CLIENT, TCP_ACK);
}
