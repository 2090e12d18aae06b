#include "sensor/capture/input.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "parsers/mail.h"

enum {
    ERROR_BYTES = 512,
    STORED_BYTES = 65536,
    STREAM_BYTES = 262144,
    HEAD_BYTES = 24,    /* of a pcap file */
    STOP_CHECK_MS = 200 /* how long a reader of a silent pipe may take to notice that it should stop */
};

struct input {
    int fd;
    const atomic_bool *stop;
    bool regular;
    bool packed;
    bool ended;
    uint64_t size;
    uint64_t consumed;            /* stored bytes read */
    uint64_t handed_out;          /* unpacked bytes given to stdio */
    uint8_t stored[STORED_BYTES]; /* as in the file; from `at` on not yet handed out */
    size_t stored_n;
    size_t at;
    uint8_t head[HEAD_BYTES]; /* the first unpacked bytes: read to know the format, handed out first */
    size_t head_n;
    size_t head_at;
    z_stream zlib;
    const char *fault;
    FILE *stream;
    bool disowned;
    size_t window_n;                                       /* bytes of the window */
    uint8_t buffer[INPUT_WINDOW_CAP_BYTES + STREAM_BYTES]; /* of the stream, or the window */
};

static bool stopped(const struct input *in)
{
    return atomic_load_explicit(in->stop, memory_order_relaxed);
}

/* A pipe may stay silent for hours; wait in short steps and look at the stop flag between them. */
static bool wait_readable(const struct input *in)
{
    while (!stopped(in)) {
        struct pollfd p = {.fd = in->fd, .events = POLLIN};
        int n = poll(&p, 1, STOP_CHECK_MS);
        if (n > 0 || (n < 0 && errno != EINTR))
            return true;
    }
    return false;
}

/* Read stored bytes into room. Returns 0 at the end, at a stop and after an error. */
static size_t read_stored(struct input *in, uint8_t *room, size_t n)
{
    ssize_t got = 0;
    do {
        if (!in->regular && !wait_readable(in))
            return 0;
        got = read(in->fd, room, n);
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        in->fault = strerror(errno);
        return 0;
    }
    in->consumed += (uint64_t)got;
    return (size_t)got;
}

/* Make at least `wanted` stored bytes ready in the buffer, or as many as there are. */
static void fill_stored(struct input *in, size_t wanted)
{
    if (in->stored_n - in->at >= wanted)
        return;
    memmove(in->stored, in->stored + in->at, in->stored_n - in->at);
    in->stored_n -= in->at;
    in->at = 0;
    while (in->stored_n < wanted) {
        size_t got = read_stored(in, in->stored + in->stored_n, STORED_BYTES - in->stored_n);
        if (got == 0)
            return;
        in->stored_n += got;
    }
}

static bool gzip_next(struct input *in)
{
    static const uint8_t magic[] = {0x1f, 0x8b};
    fill_stored(in, sizeof magic);
    struct span next = span_of(in->stored + in->at, in->stored_n - in->at);
    return span_equal(span_head(next, sizeof magic), span_of(magic, sizeof magic));
}

/* One member of a gzip file is over; another may follow (RFC 1952 s2.2). Anything else is padding, as
 * gzip(1) has it. */
static void end_member(struct input *in)
{
    if (!gzip_next(in) || inflateReset(&in->zlib) != Z_OK)
        in->ended = true;
}

static size_t read_packed(struct input *in, uint8_t *room, size_t n)
{
    in->zlib.next_out = room;
    in->zlib.avail_out = (uInt)n;
    while (in->zlib.avail_out == n && !in->ended) {
        fill_stored(in, 1);
        in->zlib.next_in = in->stored + in->at;
        in->zlib.avail_in = (uInt)(in->stored_n - in->at);
        bool dry = in->zlib.avail_in == 0;
        int rc = inflate(&in->zlib, Z_NO_FLUSH);
        in->at = in->stored_n - in->zlib.avail_in;
        if (rc == Z_STREAM_END)
            end_member(in);
        else if (dry || (rc != Z_OK && rc != Z_BUF_ERROR)) {
            in->ended = true;
            if (in->fault[0] == '\0' && !stopped(in))
                in->fault = dry ? "compressed data ends early" : "compressed data is corrupt";
        }
    }
    return n - in->zlib.avail_out;
}

static size_t read_plain(struct input *in, uint8_t *room, size_t n)
{
    size_t ready = in->stored_n - in->at;
    if (ready == 0)
        return read_stored(in, room, n);
    n = n < ready ? n : ready;
    memcpy(room, in->stored + in->at, n);
    mail_wipe(in->stored + in->at,
              n); /* the first packets would stay here for as long as the program reads */
    in->at += n;
    return n;
}

static size_t read_unpacked(struct input *in, uint8_t *room, size_t n)
{
    return in->packed ? read_packed(in, room, n) : read_plain(in, room, n);
}

/* From the first byte on. An error is an early end: input_fault names it. */
static size_t read_next(struct input *in, uint8_t *room, size_t n)
{
    size_t ready = in->head_n - in->head_at;
    if (ready == 0) {
        n = read_unpacked(in, room, n);
    } else {
        n = n < ready ? n : ready;
        memcpy(room, in->head + in->head_at, n);
        in->head_at += n;
    }
    in->handed_out += n;
    return n;
}

/* fopencookie's reader. */
static ssize_t read_cookie(void *cookie, char *room, size_t n)
{
    return (ssize_t)read_next(cookie, (uint8_t *)room, n);
}

/* Only the question where the stream is can be answered: that makes ftello work. */
static int seek_cookie(void *cookie, off64_t *position, int whence)
{
    const struct input *in = cookie;
    if (whence != SEEK_CUR || *position != 0)
        return -1;
    *position = (off64_t)in->handed_out;
    return 0;
}

static void read_head(struct input *in)
{
    while (in->head_n < HEAD_BYTES) {
        size_t got = read_unpacked(in, in->head + in->head_n, HEAD_BYTES - in->head_n);
        if (got == 0)
            return;
        in->head_n += got;
    }
}

static bool open_descriptor(struct input *in, const char *path, char *error)
{
    in->fd = strcmp(path, "-") == 0 ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    struct stat facts;
    if (in->fd < 0 || fstat(in->fd, &facts) != 0) {
        snprintf(error, ERROR_BYTES, "%s", strerror(errno));
        return false;
    }
    in->regular = S_ISREG(facts.st_mode);
    in->size = in->regular ? (uint64_t)facts.st_size : 0;
    return true;
}

static bool open_stream(struct input *in, char *error)
{
    enum { GZIP_WINDOW = 15 + 16 };
    in->packed = gzip_next(in);
    if (in->packed && inflateInit2(&in->zlib, GZIP_WINDOW) != Z_OK) {
        in->packed = false;
        snprintf(error, ERROR_BYTES, "out of memory");
        return false;
    }
    read_head(in);
    in->stream = fopencookie(in, "r", (cookie_io_functions_t){.read = read_cookie, .seek = seek_cookie});
    if (in->stream == NULL || setvbuf(in->stream, (char *)in->buffer, _IOFBF, STREAM_BYTES) != 0) {
        snprintf(error, ERROR_BYTES, "out of memory");
        return false;
    }
    (void)__fsetlocking(in->stream,
                        FSETLOCKING_BYCALLER); /* one reader: two locks a packet would be for nothing */
    return true;
}

struct input *input_open(const char *path, const atomic_bool *stop, char *error)
{
    struct input *in = calloc(1, sizeof *in);
    if (in == NULL) {
        snprintf(error, ERROR_BYTES, "out of memory");
        return NULL;
    }
    in->fd = -1;
    in->stop = stop;
    in->fault = "";
    if (open_descriptor(in, path, error) && open_stream(in, error))
        return in;
    input_close(in);
    return NULL;
}

struct span input_head(const struct input *in)
{
    return span_of(in->head, in->head_n);
}

/* What is left of the last window moves to the front, so that a record that crosses two reads lies in one
 * piece. */
struct span input_window(struct input *in, size_t drop, size_t wanted)
{
    assert(drop <= in->window_n && wanted <= INPUT_WINDOW_CAP_BYTES);
    in->window_n -= drop;
    memmove(in->buffer, in->buffer + drop, in->window_n);
    while (in->window_n < wanted) {
        size_t got = read_next(in, in->buffer + in->window_n, STREAM_BYTES);
        if (got == 0)
            break;
        in->window_n += got;
    }
    return span_of(in->buffer, in->window_n);
}

enum input_format input_format(const struct input *in)
{
    struct cursor c = cursor_over(input_head(in));
    switch (cursor_u32(&c)) {
    case 0xa1b2c3d4: /* microseconds and nanoseconds, each in both byte orders */
    case 0xd4c3b2a1:
    case 0xa1b23c4d:
    case 0x4d3cb2a1: return INPUT_PCAP;
    case 0xa1b2cd34:
    case 0x34cdb2a1: return INPUT_PCAP_KUZNETZOV;
    case 0x0a0d0d0a: return INPUT_PCAPNG;
    default: return in->head_n == 0 ? INPUT_EMPTY : INPUT_OTHER;
    }
}

FILE *input_stream(const struct input *in)
{
    return in->stream;
}

void input_disown(struct input *in)
{
    in->disowned = true;
}

const char *input_fault(const struct input *in)
{
    return in->fault;
}

uint64_t input_consumed(const struct input *in)
{
    return in->consumed;
}

uint64_t input_size(const struct input *in)
{
    return in->size;
}

void input_close(struct input *in)
{
    if (in == NULL)
        return;
    if (in->stream != NULL && !in->disowned)
        (void)fclose(in->stream);
    if (in->packed)
        (void)inflateEnd(&in->zlib);
    if (in->fd >= 0)
        (void)close(in->fd);
    free(in);
}
