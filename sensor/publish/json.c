#include "sensor/publish/json.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sensor/host/decimal.h"
#include "sensor/host/log.h"
#include "sensor/host/utf8.h"

enum {
    BUFFER_BYTES = 262144,
    LINE_BYTES = 32768, /* more than event.c can fill: a line begins only where it fits */
    PREFIX_BYTES = 32,
    NUMBER_BYTES = DECIMAL_SIGNED_CAP,
    FIELD_BYTES = PREFIX_BYTES + NUMBER_BYTES + 2, /* of a field without its text */
    ESCAPE_FACTOR = 6                              /* one byte becomes at most \u00XX */
};

/* `,"name":"` or `,"name":`; copied whole, because a copy of constant size is two instructions. */
struct prefix {
    char text[PREFIX_BYTES];
    uint8_t length;
    bool number;
};

struct json {
    struct prefix prefixes[EVENT_FIELD_COUNT];
    char buffer[BUFFER_BYTES];
    size_t used;
    char name[256]; /* for messages */
    int file;
    uint64_t events; /* in the buffer */
    uint64_t events_lost;
    bool torn; /* the file ends within a line */
    bool failing;
};

#define FIELD(name, kind, expression)                                                                        \
    _Static_assert(sizeof #name + 4 <= PREFIX_BYTES, "field name too long for a prefix");
#include "sensor/audit/event.def"
#undef FIELD

/* ---- text ---- */

static const char hex_digits[] = "0123456789abcdef";

/* 1: copied as it is. */
static const uint8_t plain[256] = {[0x20 ... 0x21] = 1, [0x23 ... 0x5b] = 1, [0x5d ... 0x7e] = 1};

static char *put_code(char *p, uint32_t code)
{
    *p++ = '\\';
    *p++ = 'u';
    for (int shift = 12; shift >= 0; shift -= 4)
        *p++ = hex_digits[code >> shift & 15];
    return p;
}

static char *put_control(char *p, unsigned char c)
{
    static const char letters[] = "\bb\ff\nn\rr\tt\"\"\\\\";
    for (size_t i = 0; i + 1 < sizeof letters; i += 2)
        if (c == (unsigned char)letters[i]) {
            *p++ = '\\';
            *p++ = letters[i + 1];
            return p;
        }
    return put_code(p, c);
}

/* The character at *text, which is not plain. */
static char *put_special(char *p, const unsigned char **text)
{
    const unsigned char *t = *text;
    uint32_t code = 0;
    unsigned length = utf8_char(t, &code);
    *text = t + (length > 0 ? length : 1);
    if (length == 1)
        return put_control(p, *t);
    if (length == 0) {
        memcpy(p, "\\\\x", 3);
        p[3] = hex_digits[*t >> 4];
        p[4] = hex_digits[*t & 15];
        return p + 5;
    }
    if (!utf8_shown(code))
        return put_code(p, code);
    memcpy(p, t, length);
    return p + length;
}

/* Sixteen bytes at once, as the compiler's vectors: any machine has them, in one register or in two. */
typedef uint8_t lane16 __attribute__((vector_size(16)));
typedef uint64_t lane2 __attribute__((vector_size(16)));

static bool any_set(lane16 v)
{
    lane2 halves = (lane2)v;
    return (halves[0] | halves[1]) != 0;
}

static bool are_plain(lane16 v)
{
    return !any_set((lane16)((v < 0x20) | (v > 0x7e) | (v == '"') | (v == '\\')));
}

/* Copy n bytes, at most 16 of them, and say whether all were plain. Pieces that overlap need no loop over what is left;
 * 'a' stands where there is no byte. */
static inline bool copy_plain(char *p, const char *t, size_t n)
{
    lane16 v = {'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a'};
    unsigned char *low = (unsigned char *)&v;
    unsigned char *high = low + sizeof v / 2;
    if (n >= 8) {
        memcpy(low, t, 8);
        memcpy(high, t + n - 8, 8);
        memcpy(p, low, 8);
        memcpy(p + n - 8, high, 8);
    } else if (n >= 4) {
        memcpy(low, t, 4);
        memcpy(high, t + n - 4, 4);
        memcpy(p, low, 4);
        memcpy(p + n - 4, high, 4);
    } else if (n > 0) {
        p[0] = t[0];
        p[n / 2] = t[n / 2];
        p[n - 1] = t[n - 1];
        low[0] = (unsigned char)t[0];
        low[1] = (unsigned char)t[n / 2];
        low[2] = (unsigned char)t[n - 1];
    }
    return are_plain(v);
}

/* Room for ESCAPE_FACTOR times the text is there. */
static char *put_text(char *p, const char *text, size_t length)
{
    const char *t = text;
    lane16 v;
    for (; length > sizeof v; length -= sizeof v) {
        memcpy(&v, t, sizeof v);
        if (!are_plain(v))
            break;
        memcpy(p, &v, sizeof v);
        p += sizeof v;
        t += sizeof v;
    }
    if (length <= sizeof v && copy_plain(p, t, length))
        return p + length;
    const unsigned char *rest = (const unsigned char *)t;
    for (;;) {
        while (plain[*rest])
            *p++ = (char)*rest++;
        if (*rest == 0)
            return p;
        p = put_special(p, &rest);
    }
}

/* ---- file ---- */

/* Returns how much was written; less than n where it failed, with errno. */
static size_t write_all(int file, const char *bytes, size_t n)
{
    size_t done = 0;
    while (done < n) {
        ssize_t wrote = write(file, bytes + done, n - done);
        if (wrote >= 0) {
            done += (size_t)wrote;
        } else if (errno == EAGAIN) { /* standard output may be somebody's non-blocking pipe */
            struct pollfd wait = {.fd = file, .events = POLLOUT};
            (void)poll(&wait, 1, 1000);
        } else if (errno != EINTR) {
            break;
        }
    }
    return done;
}

static void flush(struct json *j)
{
    if (j->used == 0)
        return;
    size_t done = j->torn && write_all(j->file, "\n", 1) == 0 ? 0 : write_all(j->file, j->buffer, j->used);
    if (done == j->used) {
        if (j->failing)
            log_error("json", "%s can be written again, after %llu lost events", j->name,
                      (unsigned long long)j->events_lost);
        j->failing = false;
        j->torn = false;
    } else {
        if (!j->failing)
            log_error("json", "cannot write to %s: %s; events are lost until this is mended", j->name,
                      strerror(errno));
        j->failing = true;
        j->torn = j->torn || done > 0;
        j->events_lost += j->events;
    }
    j->used = 0;
    j->events = 0;
}

/* ---- the sink ---- */

/* A text that might not fit: cut at a whole character where it does not. */
static char *put_long_text(char *p, const char *end, const char *text)
{
    const unsigned char *t = (const unsigned char *)text;
    while (*t != 0 && end - p > ESCAPE_FACTOR)
        p = plain[*t] ? (*p = (char)*t++, p + 1) : put_special(p, &t);
    return p;
}

static char *put_field(char *p, const char *end, const struct prefix *prefix, const struct event_value *value)
{
    memcpy(p, prefix->text, PREFIX_BYTES);
    p += prefix->length;
    if (prefix->number)
        return decimal_put_signed(p, value->number);
    if (value->text[0] == '\0') { /* more than half of all texts */
        *p = '"';
        return p + 1;
    }
    size_t length = strlen(value->text);
    if ((ptrdiff_t)(ESCAPE_FACTOR * length) < end - p)
        p = put_text(p, value->text, length);
    else
        p = put_long_text(p, end, value->text);
    *p++ = '"';
    return p;
}

static void event(void *state, const struct event *e)
{
    struct json *j = state;
    if (j->used + LINE_BYTES > BUFFER_BYTES)
        flush(j);
    const char *end = j->buffer + BUFFER_BYTES - EVENT_FIELD_COUNT * FIELD_BYTES;
    char *p = j->buffer + j->used;
    for (size_t i = 0; i < EVENT_FIELD_COUNT; i++)
        p = put_field(p, end, &j->prefixes[i], &e->values[i]);
    memcpy(p, "}\n", 2);
    j->used = (size_t)(p + 2 - j->buffer);
    j->events++;
}

static void tick(void *state, uint64_t now_ms)
{
    (void)now_ms;
    flush(state);
}

static bool finish(void *state, const struct run_summary *summary)
{
    struct json *j = state;
    (void)summary;
    flush(j);
    bool closed = j->file == STDOUT_FILENO || close(j->file) == 0;
    if (!closed)
        log_error("json", "cannot close %s: %s", j->name, strerror(errno));
    if (j->events_lost > 0)
        log_error("json", "%llu events did not reach %s", (unsigned long long)j->events_lost, j->name);
    bool complete = closed && j->events_lost == 0;
    free(j);
    return complete;
}

static void prefixes_build(struct json *j)
{
    for (size_t i = 0; i < EVENT_FIELD_COUNT; i++) {
        struct prefix *prefix = &j->prefixes[i];
        prefix->number = event_field_kind((enum event_field)i) == EVENT_NUMBER;
        int n = snprintf(prefix->text, PREFIX_BYTES, "%c\"%s\":%s", i == 0 ? '{' : ',',
                         event_field_name((enum event_field)i), prefix->number ? "" : "\"");
        prefix->length = (uint8_t)n;
    }
}

bool json_open(struct sink *sink, const char *path, bool append, char *error)
{
    char shown[256];
    bool standard_output = strcmp(path, "-") == 0;
    struct json *j = malloc(sizeof *j);
    if (j == NULL) {
        snprintf(error, JSON_ERROR_CAP, "no memory for the JSON output");
        return false;
    }
    log_escape(standard_output ? "standard output" : path, shown, sizeof shown);
    j->file = standard_output
                  ? STDOUT_FILENO
                  : open(path, O_WRONLY | O_CREAT | O_CLOEXEC | (append ? O_APPEND : O_TRUNC), 0640);
    if (j->file < 0) {
        snprintf(error, JSON_ERROR_CAP, "cannot write to %s: %s", shown, strerror(errno));
        free(j);
        return false;
    }
    memcpy(j->name, shown, sizeof j->name);
    j->used = 0;
    j->events = 0;
    j->events_lost = 0;
    j->torn = false;
    j->failing = false;
    prefixes_build(j);
    *sink = (struct sink){.state = j, .event = event, .tick = tick, .finish = finish};
    return true;
}

void json_print(FILE *out, const char *text)
{
    char piece[16];
    const unsigned char *t = (const unsigned char *)text;
    fputc('"', out);
    while (*t != 0) {
        if (plain[*t])
            fputc(*t++, out);
        else
            fwrite(piece, 1, (size_t)(put_special(piece, &t) - piece), out);
    }
    fputc('"', out);
}
