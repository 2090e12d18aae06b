/* pcapfile.h - frames of a classic pcap capture, one by one and in place.
 *
 * Most captures are of one shape: version 2.4, a record header of 16 octets, a common link type. Those are
 * read here, without the two copies a frame that libpcap makes by way of stdio; it would cost more than the
 * rest of the way of a packet that is only counted. Whatever is otherwise is refused and left to libpcap.
 * Memory is the input's. */
#pragma once

#include "sensor/capture/input.h"
#include "sensor/capture/source.h"

struct pcapfile {
    struct input *input;
    struct cursor window; /* what is ready of the input and not yet handed out */
    size_t window_bytes;  /* ... and how much that was when it was got */
    uint64_t offset;      /* where the record begins that was read last, or the next one */
    uint64_t next_offset;
    uint32_t snaplen_bytes;
    uint32_t ns_per_unit;
    int link_type;
    bool little_endian;
    const char *fault;
};

enum pcapfile_result { PCAPFILE_FRAME, PCAPFILE_END, PCAPFILE_BROKEN };

/* pcapfile_open - begin to read an input of which nothing was read yet; it stays the caller's.
 * Returns false where the file is not of the common shape: nothing was used up, libpcap may read it. */
bool pcapfile_open(struct pcapfile *f, struct input *input);

/* pcapfile_next - the next frame; its bytes are valid until the next call.
 * Spec  draft-ietf-opsawg-pcap s4, s5 */
enum pcapfile_result pcapfile_next(struct pcapfile *f, struct source_frame *frame);
