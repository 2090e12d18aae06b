#include "sensor/publish/json.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sensor/host/decimal.h"
#include "sensor/host/hash.h"
#include "sensor/host/log.h"
#include "sensor/host/utf8.h"

enum {
    BLOCK_BYTES = 1 << 20,
    LINE_BYTES = 32768, /* more than event.c can fill */
    BUFFER_BYTES = BLOCK_BYTES + LINE_BYTES,
    NAME_BYTES = 32,
    WORD_BYTES = 48, /* in quotes; suites have the longest names that are frequent */
    FIELD_BYTES = NAME_BYTES + WORD_BYTES + 6, /* of a field without its text */
    ESCAPE_FACTOR = 6,                         /* one byte becomes at most \u00XX */
    WORD_PLACES = 512,
    WORD_SHIFT = 64 - 9 /* a hash's highest bits are the place */
};

/* A word as it was written last; WORD_BYTES are copied for a shorter one too, which takes no decision. */
struct word {
    const char *text; /* NULL: none */
    size_t length;
    char shown[WORD_BYTES];
};

struct json {
    _Alignas(64) struct word words[WORD_PLACES];
    char buffer[BUFFER_BYTES];
    size_t used;
    char name[256]; /* for messages */
    int file;
    uint64_t events; /* in the buffer */
    uint64_t events_lost;
    uint64_t written;
    bool in_blocks;   /* a new regular file */
    bool within_line; /* what was written ends within a line, and the rest of it is in the buffer */
    bool torn;        /* the file ends within a line whose rest is lost */
    bool failing;
};

#define FIELD(name, kind, expression) _Static_assert(sizeof #name <= NAME_BYTES, "field name too long");
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

#define EACH_BYTE(b) (UINT64_C(0x0101010101010101) * (b))

/* Sixteen bytes at once, as the compiler's vectors: any machine has them, in one register or in two. */
typedef int8_t lane16 __attribute__((vector_size(16)));
typedef uint64_t lane2 __attribute__((vector_size(16)));

/* What is negative is from 0x80 on. */
static inline bool are_plain(lane16 v)
{
    lane2 special = (lane2)((v < 0x20) | (v == 0x7f) | (v == '"') | (v == '\\'));
    return (special[0] | special[1]) == 0;
}

/* Copy n bytes, fewer than 16, and say whether all were plain. Pieces that overlap need no loop; they meet in a register,
 * for to load what smaller stores have just written would wait for them. */
static inline bool copy_short(char *p, const char *t, size_t n)
{
    uint64_t low = EACH_BYTE('a'); /* plain, where there is no byte */
    uint64_t high = low;
    if (n >= 8) {
        memcpy(&low, t, 8);
        memcpy(&high, t + n - 8, 8);
        memcpy(p, &low, 8);
        memcpy(p + n - 8, &high, 8);
    } else if (n >= 4) {
        uint32_t first;
        uint32_t last;
        memcpy(&first, t, 4);
        memcpy(&last, t + n - 4, 4);
        memcpy(p, &first, 4);
        memcpy(p + n - 4, &last, 4);
        low = first | (uint64_t)last << 32;
    } else if (n > 0) {
        uint8_t bytes[3] = {(uint8_t)t[0], (uint8_t)t[n / 2], (uint8_t)t[n - 1]};
        p[0] = (char)bytes[0];
        p[n / 2] = (char)bytes[1];
        p[n - 1] = (char)bytes[2];
        low = low << 24 | (uint64_t)bytes[2] << 16 | (uint64_t)bytes[1] << 8 | bytes[0];
    }
    return are_plain((lane16)(lane2){low, high});
}

static inline bool copy_lane(char *p, const char *t)
{
    lane16 v;
    memcpy(&v, t, sizeof v);
    memcpy(p, &v, sizeof v);
    return are_plain(v);
}

/* Copy all, and say whether all were plain; where not, what was copied is of no use. */
static inline bool copy_plain(char *p, const char *t, size_t n)
{
    enum { LANE = sizeof(lane16) };
    if (n < LANE)
        return copy_short(p, t, n);
    bool good = copy_lane(p + n - LANE, t + n - LANE);
    for (size_t at = 0; good && at + LANE < n; at += LANE)
        good = copy_lane(p + at, t + at);
    return good;
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

static void note_failure(struct json *j, bool within_line)
{
    if (!j->failing)
        log_error("json", "cannot write to %s: %s; events are lost until this is mended", j->name,
                  strerror(errno));
    j->failing = true;
    j->torn = j->torn || within_line;
    j->events_lost += j->events;
    memset(j->words, 0, sizeof j->words);
    j->used = 0;
    j->events = 0;
    j->within_line = false;
}

/* The first n bytes of the buffer. What cannot be written is lost, and what is behind it. */
static void put_out(struct json *j, size_t n)
{
    bool began = !j->torn || write_all(j->file, "\n", 1) == 1;
    size_t done = began ? write_all(j->file, j->buffer, n) : 0;
    if (done < n) {
        note_failure(j, done > 0 || j->within_line);
        return;
    }
    if (j->failing)
        log_error("json", "%s can be written again, after %llu lost events", j->name,
                  (unsigned long long)j->events_lost);
    j->failing = j->torn = false;
    j->within_line = j->buffer[n - 1] != '\n';
    j->written += n;
    j->used -= n;
    j->events = j->used > 0; /* a part of the last one, or nothing */
    memmove(j->buffer, j->buffer + n, j->used);
}

static void flush(struct json *j)
{
    if (j->used > 0)
        put_out(j, j->used);
}

/* Whole lines for a reader of a pipe, or of a file that is added to. A new file gets whole blocks, where they belong: the
 * kernel takes those in large pieces, for a fifth less time. */
static void make_room(struct json *j)
{
    if (j->used < BLOCK_BYTES)
        return;
    put_out(j, j->in_blocks ? BLOCK_BYTES - (size_t)(j->written % BLOCK_BYTES) : j->used);
}

/* ---- the sink ---- */

/* As JSON has it, and the quote behind it; cut at a whole character where it might not fit. */
static __attribute__((noinline)) char *put_escaped(char *p, const char *end, const char *text)
{
    const unsigned char *t = (const unsigned char *)text;
    while (*t != 0 && end - p > ESCAPE_FACTOR)
        p = plain[*t] ? (*p = (char)*t++, p + 1) : put_special(p, &t);
    *p = '"';
    return p + 1;
}

static __attribute__((noinline)) char *put_some_text(char *p, const char *end, const char *text)
{
    size_t length = strlen(text);
    if ((ptrdiff_t)length >= end - p || !copy_plain(p, text, length))
        return put_escaped(p, end, text);
    p[length] = '"';
    return p + length + 1;
}

/* Behind this there is room for all that is not text. */
static inline const char *end_of_text(const struct json *j)
{
    return j->buffer + BUFFER_BYTES - EVENT_FIELD_COUNT * FIELD_BYTES;
}

static inline char *put_TEXT(struct json *j, char *p, const struct event *e, enum event_field field)
{
    const char *text = e->values[field].text;
    *p++ = '"';
    if (text[0] != '\0')
        return put_some_text(p, end_of_text(j), text);
    *p = '"'; /* more than half of all texts */
    return p + 1;
}

/* It lies where it lies for as long as the run lasts, except in the event's own scratch. Where the line's end is near, it may
 * have been cut. */
static __attribute__((noinline)) char *put_new_word(struct json *j, char *p, const struct event *e,
                                                    enum event_field field, struct word *place)
{
    const char *text = e->values[field].text;
    char *behind = put_TEXT(j, p, e, field);
    size_t length = (size_t)(behind - p);
    bool passing = text >= e->scratch && text < e->scratch + sizeof e->scratch;
    bool whole = end_of_text(j) - p > WORD_BYTES * ESCAPE_FACTOR;
    if (!passing && whole && length <= WORD_BYTES) {
        *place = (struct word){.text = text, .length = length};
        memcpy(place->shown, p, length);
    }
    return behind;
}

/* There are some hundred of them, and every event has thirty. */
static inline char *put_WORD(struct json *j, char *p, const struct event *e, enum event_field field)
{
    const char *text = e->values[field].text;
    struct word *place = &j->words[(uintptr_t)text * HASH_ODD >> WORD_SHIFT];
    if (place->text != text)
        return put_new_word(j, p, e, field, place);
    memcpy(p, place->shown, sizeof place->shown);
    return p + place->length;
}

static __attribute__((noinline)) char *put_some_number(char *p, int64_t number)
{
    return decimal_put_signed(p, number);
}

static inline char *put_NUMBER(struct json *j, char *p, const struct event *e, enum event_field field)
{
    int64_t number = e->values[field].number;
    (void)j;
    if (number < 0 || number > 9)
        return put_some_number(p, number);
    *p = (char)('0' + number); /* flags and small counts: most numbers */
    return p + 1;
}

/* Every field by code of its own: what is constant in it, the compiler then knows. */
static char *put_line(struct json *j, char *p, const struct event *e)
{
    char *line = p;
#define FIELD(name, kind, expression)                                                                        \
    memcpy(p, ",\"" #name "\":", sizeof #name + 3);                                                          \
    p = put_##kind(j, p + sizeof #name + 3, e, EVENT_##name);
#include "sensor/audit/event.def"
#undef FIELD
    line[0] = '{';
    memcpy(p, "}\n", 2);
    return p + 2;
}

static void event(void *state, const struct event *e)
{
    struct json *j = state;
    make_room(j);
    j->used = (size_t)(put_line(j, j->buffer + j->used, e) - j->buffer);
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

bool json_open(struct sink *sink, const char *path, bool append, char *error)
{
    char shown[256];
    bool standard_output = strcmp(path, "-") == 0;
    struct json *j = aligned_alloc(64, sizeof *j);
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
    struct stat facts;
    memcpy(j->name, shown, sizeof j->name);
    j->used = 0;
    j->events = 0;
    j->events_lost = 0;
    j->written = 0;
    j->in_blocks = !append && !standard_output && fstat(j->file, &facts) == 0 && S_ISREG(facts.st_mode);
    j->within_line = j->torn = j->failing = false;
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
