/* input.h - the bytes of one capture file as a stdio stream or in place, unpacked where they are gzip'd.
 * The only user of zlib.
 *
 * Files, standard input and pipes come through the same door; what they contain is known from their first
 * bytes, never from their name. Memory is fixed: a bomb of compressed zeros costs time, not room. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "parsers/cursor.h"

struct input; /* opaque */

/* Kuznetzov's variant of pcap has longer record headers; old Red Hat and Linux 2.2 systems wrote it. */
enum input_format { INPUT_EMPTY, INPUT_OTHER, INPUT_PCAP, INPUT_PCAP_KUZNETZOV, INPUT_PCAPNG };

/* input_open - open a path; "-" is standard input.
 *
 * stop    while it reads true a read that would wait for more ends the stream instead; must outlive the input
 * error   room of 512 bytes; the reason alone ("No such file or directory") where NULL is returned */
struct input *input_open(const char *path, const atomic_bool *stop, char *error);

/* input_format - what the first bytes say. */
enum input_format input_format(const struct input *in);

/* input_stream - the unpacked bytes from the first on; it cannot be positioned, but ftello says where it
 * is. The input keeps it and closes it, unless input_disown was called. */
FILE *input_stream(const struct input *in);

/* input_head - the first 24 unpacked bytes, fewer only where there are no more; borrowed. They are handed out
 * all the same. */
struct span input_head(const struct input *in);

/* input_window - the unpacked bytes in place, from the first on, instead of by the stream.
 *
 * drop    bytes at the front of the last window that are not needed any more
 * wanted  at most INPUT_WINDOW_CAP_BYTES
 * Returns all that is ready: at least `wanted` bytes, fewer only where the input ends; borrowed, valid until
 *         the next call */
enum { INPUT_WINDOW_CAP_BYTES = 262144 + 16 };
struct span input_window(struct input *in, size_t drop, size_t wanted);

/* input_disown - somebody else (libpcap) will close the stream. */
void input_disown(struct input *in);

/* input_fault - why the bytes ended before the data did; "" where the end was the end. */
const char *input_fault(const struct input *in);

/* input_consumed, input_size - bytes of the file as stored; the size is 0 for what is no regular file. */
uint64_t input_consumed(const struct input *in);
uint64_t input_size(const struct input *in);

/* input_close - close and free; NULL is allowed. A disowned stream must be closed before. */
void input_close(struct input *in);
