/* pcapng.h - frames of a pcapng capture, one by one.
 *
 * libpcap ends a pcapng file at the first interface whose link type or snap length differs from that of the
 * first, and Wireshark writes such files whenever it captures on two interfaces or merges. So this format
 * is read here: each frame comes with the link type of its own interface. Name resolution, statistics,
 * secrets and custom blocks are passed over. Memory is bounded by BLOCK_CAP and INTERFACE_CAP. */
#pragma once

#include <stdio.h>

#include "sensor/capture/source.h"

enum { PCAPNG_BLOCK_CAP_BYTES = 16 * 1024 * 1024, PCAPNG_INTERFACE_CAP = 65536 };

struct pcapng; /* opaque */

enum pcapng_result { PCAPNG_FRAME, PCAPNG_END, PCAPNG_BROKEN };

/* pcapng_open - read from a stream that stands at the first byte and is the caller's. NULL where memory is
 * short. */
struct pcapng *pcapng_open(FILE *stream);

/* pcapng_next - the next frame; its bytes are valid until the next call.
 * Spec  draft-ietf-opsawg-pcapng s4 */
enum pcapng_result pcapng_next(struct pcapng *ng, struct source_frame *frame);

/* pcapng_offset - where in the stream the last block read begins. */
uint64_t pcapng_offset(const struct pcapng *ng);

/* pcapng_fault - what was wrong with that block, after PCAPNG_BROKEN. */
const char *pcapng_fault(const struct pcapng *ng);

/* pcapng_close - free; NULL is allowed. */
void pcapng_close(struct pcapng *ng);
