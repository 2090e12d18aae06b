/* wire.h - a TCP connection for tests: keeps both sequence numbers and feeds segments to a tracker. */
#pragma once

#include <stdint.h>

#include "sensor/track/tracker.h"

struct wire {
    struct tracker *tracker;
    uint64_t time_ns;
    uint32_t next[2]; /* sequence number each side sends next */
    uint16_t client_port;
    uint16_t server_port;
    unsigned
        copies; /* > 1: each segment comes so often, the later ones 3 ms late, in another VLAN and tunnel */
    uint32_t mark; /* counts up, as IPv4 identifications do */
    unsigned cut;  /* > 0: payloads are cut into segments of this many bytes */
};

/* wire_open - a connection that has not begun; sequence numbers start near the wrap on both sides. */
void wire_open(struct wire *w, struct tracker *tracker, uint16_t client_port, uint16_t server_port);

/* wire_segment - a segment as it would be sent now, not yet fed; payload borrowed. */
struct segment wire_segment(const struct wire *w, enum side from, uint8_t flags, const void *payload,
                            size_t n);

/* wire_feed - feed it and let a millisecond pass; sequence numbers are not touched. */
void wire_feed(struct wire *w, const struct segment *segment);

void wire_handshake(struct wire *w); /* SYN, SYN ACK, ACK */
void wire_send(struct wire *w, enum side from, const void *payload, size_t n);
void wire_say(struct wire *w, enum side from, const char *text); /* a C string, with its line ends */
void wire_close(struct wire *w);                                 /* FIN, FIN ACK, ACK */
