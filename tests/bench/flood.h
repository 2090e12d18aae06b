/* flood.h - connections that only cost: SYNs, single octets, halves of a ClientHello; woven into a load. For
 * make_load alone. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct flood {
    uint64_t wanted[3]; /* SYN alone, one octet, half a ClientHello */
    uint64_t done[3];
    uint64_t clients;
    uint64_t packets; /* written */
};

/* flood_read - "1000000,200000,50000". */
bool flood_read(struct flood *f, const char *text);

/* flood_weave - write what is due once `part` (0 to 1) of the load was written, to the server that a frame of
 * a client goes to.
 * frame   Ethernet, IPv4 without options
 * tcp     offset of its TCP header */
void flood_weave(struct flood *f, FILE *out, uint64_t now_us, const uint8_t *frame, uint32_t tcp,
                 double part);

/* flood_write_frame - one record of a pcap file; the caller looks at ferror in the end. */
void flood_write_frame(FILE *out, uint64_t now_us, const uint8_t *frame, uint32_t length);
