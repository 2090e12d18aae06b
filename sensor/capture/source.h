/* source.h - frames from a live interface or from capture files. With source_live.c the only user of libpcap.
 *
 * It opens, filters and hands out frames one by one, in place; it decodes nothing. Everything that can go wrong
 * comes back as one sentence that says what to do. A folder is read as its captures in name order. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "parsers/cursor.h"

struct source; /* opaque */

struct source_live {
    const char *interface;
    uint32_t snaplen_bytes;
    uint32_t ring_bytes; /* kernel ring buffer */
    uint32_t timeout_ms; /* how long the kernel may hold frames back */
    bool promiscuous;
    uint16_t
        fanout_group; /* sources of one interface with the same number share its traffic by flow; 0: this one gets all */
};

struct source_frame {
    struct span bytes; /* borrowed; dies at the next call */
    uint32_t wire_bytes;
    uint64_t time_ns;
    int link_type; /* DLT_ value */
    bool begins;   /* the first one of a file: its time need not follow that of the one before */
};

enum source_result {
    SOURCE_FRAME,
    SOURCE_IDLE, /* live: nothing within the timeout */
    SOURCE_END,  /* end of all input */
    SOURCE_BROKEN, /* this file is truncated or corrupt; source_error says at which byte; the next file follows */
    SOURCE_FAILED /* the interface is gone or the handle cannot be read any more */
};

struct source_stats {
    uint64_t kernel_received; /* live only; 64-bit although libpcap's counters wrap at 2^32 */
    uint64_t kernel_dropped;
    uint64_t interface_dropped;
};

/* source_open_file - open one path: a capture (pcap, pcapng, either gzip'd), "-" for standard input (the
 * same formats), or a
 * folder (its regular files that are captures, in byte order of their names; others are passed over and
 * named by source_note).
 * filter   BPF text; "" for none
 * error    room of 512 bytes; one sentence, no newline, where NULL is returned */
struct source *source_open_file(const char *path, const char *filter, char *error);

/* source_open_live - open an interface: TPACKET ring, nanosecond stamps where there are any.
 * A lack of permission says which capability is needed and how to give it. */
struct source *source_open_live(const struct source_live *live, const char *filter, char *error);

/* source_next - the next frame. *frame is valid until the next call on this source. */
enum source_result source_next(struct source *s, struct source_frame *frame);

/* source_note - one sentence that the user should see although nothing failed: files passed over in a
 * folder, a warning of the interface, an interface of a capture that is not read. Each is handed out once;
 * "" where there is none. Borrowed, valid until the next call. */
const char *source_note(struct source *s);

/* source_error - the sentence about the last SOURCE_BROKEN or SOURCE_FAILED. Borrowed, valid until the next
 * call. */
const char *source_error(const struct source *s);

/* source_progress - bytes of input consumed and in all (0 where not known, such as standard input). */
void source_progress(const struct source *s, uint64_t *done_bytes, uint64_t *total_bytes);

/* source_stats - kernel counters of a live source; zeros for files. */
void source_stats(struct source *s, struct source_stats *stats);

/* source_stop - make a blocked or coming source_next return SOURCE_END; safe in a signal handler and from
 * another thread. A silent interface notices within its timeout, a silent pipe within 200 ms. */
void source_stop(struct source *s);

/* source_close - close and free. */
void source_close(struct source *s);

/* source_filter_valid - does libpcap accept the filter (for Ethernet)? error as above. */
bool source_filter_valid(const char *filter, char *error);

/* source_library_version - libpcap's own version sentence. */
const char *source_library_version(void);
