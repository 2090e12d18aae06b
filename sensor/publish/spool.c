#include "sensor/publish/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sensor/publish/spool_files.h"
#include "sensor/publish/spool_note.h"

enum {
    SEGMENT_BYTES = 8 << 20,                      /* about; a new one is begun then */
    SEGMENT_READ_CAP = SEGMENT_BYTES + (2 << 20), /* none of ours is larger */
    SYNC_EVERY_MS = 900,                          /* with the pause between two calls, less than a second */
    EFFORT_PER_BYTE = 4                           /* see spool_record_find */
};

struct spool {
    int folder;
    int lock;
    int note_file;
    int writing; /* the segment that is appended to; -1: none */
    int reading; /* -1 */
    uint64_t cap_bytes;
    uint64_t bytes;
    uint64_t waiting;
    struct spool_segments segments;
    uint64_t next_segment;
    struct spool_place end;  /* of what was written, while a segment is open */
    struct spool_place read; /* what is read next begins here */
    uint64_t reading_segment;
    struct spool_note note;
    bool unsynced;
    bool note_unsynced;
    uint64_t synced_ms;
    uint8_t note_bytes[SPOOL_NOTE_BYTES];
};

/* ---- writing ---- */

/* The oldest segment goes, delivered whole. */
static void drop_first(struct spool *s)
{
    uint64_t segment = s->segments.number[0];
    int file = spool_files_open(s->folder, segment);
    uint64_t bytes = spool_files_size(file);
    spool_files_close(&file);
    spool_files_remove(s->folder, segment);
    s->bytes -= bytes < s->bytes ? bytes : s->bytes;
    if (s->reading >= 0 && s->reading_segment == segment)
        spool_files_close(&s->reading);
    memmove(s->segments.number, s->segments.number + 1, --s->segments.count * sizeof *s->segments.number);
}

static void sync_segment(struct spool *s)
{
    if (s->unsynced && s->writing >= 0)
        (void)fdatasync(s->writing);
    s->unsynced = false;
}

static bool begin_segment(struct spool *s)
{
    sync_segment(s);
    spool_files_close(&s->writing);
    if (s->next_segment > SPOOL_SEGMENT_LAST) {
        errno = EOVERFLOW;
        return false;
    }
    int file = spool_files_create(s->folder, s->next_segment);
    if (file < 0)
        return false;
    if (!spool_files_add(&s->segments, s->next_segment)) {
        close(file);
        spool_files_remove(s->folder, s->next_segment);
        return false;
    }
    (void)fsync(s->folder); /* the name itself */
    s->writing = file;
    s->end = (struct spool_place){s->next_segment++, 0};
    return true;
}

enum spool_result spool_append(struct spool *s, struct spool_record *r, struct span body,
                               struct spool_place *end)
{
    uint8_t head[SPOOL_HEAD_BYTES];
    uint64_t bytes = SPOOL_HEAD_BYTES + body.n;
    if (s->bytes + bytes > s->cap_bytes)
        return SPOOL_FULL;
    if ((s->writing < 0 || s->end.offset + bytes > SEGMENT_BYTES) && !begin_segment(s))
        return SPOOL_FAILED;
    spool_record_write(r, body, head);
    if (!spool_files_write(s->writing, head, sizeof head, s->end.offset) ||
        !spool_files_write(s->writing, body.p, body.n, s->end.offset + sizeof head)) {
        int why = errno;
        (void)!ftruncate(s->writing, (off_t)s->end.offset);
        errno = why;
        return SPOOL_FAILED;
    }
    s->end.offset += bytes;
    s->bytes += bytes;
    s->waiting++;
    s->unsynced = true;
    *end = s->end;
    return SPOOL_DONE;
}

/* ---- reading ---- */

static bool is_before(struct spool_place a, struct spool_place b)
{
    return a.segment != b.segment ? a.segment < b.segment : a.offset < b.offset;
}

/* Goes to the next record behind damaged bytes. False where the segment has none. */
static bool skip_damage(struct spool *s)
{
    struct spool_record r;
    size_t length = 0;
    char *rest = spool_files_load(s->reading, s->read.offset, SEGMENT_READ_CAP, &length);
    uint64_t effort = (uint64_t)EFFORT_PER_BYTE * SEGMENT_READ_CAP;
    size_t at = spool_record_find(span_of(rest, length), &effort, &r);
    free(rest);
    if (at >= length)
        return false;
    s->read.offset += at;
    return true;
}

/* The record at s->read, whole. */
static bool read_record(struct spool *s, struct spool_record *out, char *body)
{
    uint8_t head[SPOOL_HEAD_BYTES];
    return spool_files_read(s->reading, head, sizeof head, s->read.offset) &&
           spool_record_read(span_of(head, sizeof head), out) &&
           spool_files_read(s->reading, body, out->body_bytes, s->read.offset + sizeof head) &&
           spool_record_holds(out, span_of(body, out->body_bytes));
}

static bool next_here(struct spool *s, struct spool_record *out, char *body)
{
    if (s->reading < 0 || s->reading_segment != s->read.segment) {
        spool_files_close(&s->reading);
        s->reading = spool_files_open(s->folder, s->read.segment);
        s->reading_segment = s->read.segment;
    }
    if (s->reading < 0)
        return false;
    return read_record(s, out, body) || (skip_damage(s) && read_record(s, out, body));
}

/* The first segment from `segment` on; false where there is none. */
static bool segment_from(const struct spool *s, uint64_t segment, uint64_t *found)
{
    for (size_t i = 0; i < s->segments.count; i++)
        if (s->segments.number[i] >= segment) {
            *found = s->segments.number[i];
            return true;
        }
    return false;
}

static uint64_t number_sent(const struct spool *s, uint64_t number)
{
    return number < s->note.below ? number + s->note.shift : number;
}

bool spool_next(struct spool *s, struct spool_record *out, char *body, struct spool_place *end)
{
    uint64_t segment = 0;
    while (segment_from(s, s->read.segment, &segment)) {
        if (segment != s->read.segment)
            s->read = (struct spool_place){segment, 0};
        bool written_here = s->writing >= 0 && segment == s->end.segment;
        if (written_here && !is_before(s->read, s->end))
            return false;
        if (next_here(s, out, body)) {
            s->read.offset += SPOOL_HEAD_BYTES + out->body_bytes;
            out->number = number_sent(s, out->number);
            *end = s->read;
            return true;
        }
        if (written_here)
            return false; /* what we wrote ourselves cannot be read: the disk fails; try again later */
        s->read = (struct spool_place){segment + 1, 0};
    }
    return false;
}

void spool_read_from(struct spool *s, struct spool_place place)
{
    s->read = place;
}

void spool_rewind(struct spool *s)
{
    s->read = (struct spool_place){s->note.segment, s->note.offset};
}

/* ---- what is delivered ---- */

void spool_acknowledge(struct spool *s, struct spool_place end, const struct spool_record *r)
{
    s->note.segment = end.segment;
    s->note.offset = end.offset;
    s->note.last_number = r->number > s->note.last_number ? r->number : s->note.last_number;
    s->note_unsynced = true;
    s->waiting -= s->waiting > 0;
    while (s->segments.count > 0 && s->segments.number[0] < end.segment)
        drop_first(s);
    if (s->writing >= 0 && !is_before(end, s->end)) { /* all of it: the next one begins a new segment */
        spool_files_close(&s->writing);
        s->unsynced = false;
        drop_first(s);
    }
}

uint64_t spool_forget(struct spool *s)
{
    uint64_t lost = s->waiting;
    struct spool_record nothing = {0};
    struct spool_place end = s->writing >= 0 ? s->end : (struct spool_place){s->next_segment, 0};
    spool_acknowledge(s, end, &nothing);
    s->read = end;
    s->waiting = 0;
    return lost;
}

static bool keep_note(struct spool *s)
{
    s->note.turn++;
    spool_note_write(&s->note, s->note_bytes);
    return spool_files_write(s->note_file, s->note_bytes, sizeof s->note_bytes, 0);
}

bool spool_renumber(struct spool *s, uint64_t first, uint64_t below, uint64_t *next)
{
    struct spool_note before = s->note;
    struct spool_record oldest;
    struct spool_place end;
    char *body = malloc(SPOOL_BODY_CAP);
    if (body == NULL)
        return false;
    spool_rewind(s);
    s->note.below = 0; /* numbers as they lie there */
    bool found = spool_next(s, &oldest, body, &end);
    free(body);
    spool_rewind(s);
    s->note.below = below;
    s->note.shift = found && first > oldest.number ? first - oldest.number : 0;
    if (keep_note(s) && fdatasync(s->note_file) == 0) {
        s->note_unsynced = false;
        *next = below + s->note.shift;
        return true;
    }
    s->note.below = before.below;
    s->note.shift = before.shift;
    return false;
}

void spool_sync(struct spool *s, uint64_t now_ms)
{
    if ((!s->unsynced && !s->note_unsynced) || now_ms - s->synced_ms < SYNC_EVERY_MS)
        return;
    sync_segment(s);
    if (s->note_unsynced)
        (void)keep_note(s); /* not synced: an old note only means that some batches are sent again */
    s->note_unsynced = false;
    s->synced_ms = now_ms;
}

uint64_t spool_bytes(const struct spool *s)
{
    return s->bytes;
}

uint64_t spool_waiting(const struct spool *s)
{
    return s->waiting;
}

/* ---- opening ---- */

/* Counts what a segment holds from a place on and cuts off what follows the last whole record. */
static void take_stock(struct spool *s, uint64_t segment, uint64_t from, struct spool_found *found)
{
    struct spool_record r;
    size_t length = 0;
    int file = spool_files_open(s->folder, segment);
    char *bytes = spool_files_load(file, from, SEGMENT_READ_CAP, &length);
    uint64_t effort = (uint64_t)EFFORT_PER_BYTE * SEGMENT_READ_CAP;
    struct span left = span_of(bytes, length);
    while (left.n > 0) {
        size_t at = spool_record_find(left, &effort, &r);
        found->damaged_bytes += at;
        left = span_skip(left, at);
        if (left.n == 0) { /* at was the length of what was left: none follows */
            (void)!ftruncate(file, (off_t)(from + length - at));
            break;
        }
        found->batches++;
        found->events += r.events;
        uint64_t number = number_sent(s, r.number);
        found->last_number = number > found->last_number ? number : found->last_number;
        left = span_skip(left, SPOOL_HEAD_BYTES + r.body_bytes);
    }
    s->bytes += spool_files_size(file);
    free(bytes);
    spool_files_close(&file);
}

/* A note that speaks of a place where nothing can be is not believed: everything is then sent again, which
 * Redis notices. */
static bool take_in(struct spool *s, struct spool_found *found)
{
    *found = (struct spool_found){0};
    ssize_t n = pread(s->note_file, s->note_bytes, sizeof s->note_bytes, 0);
    if (!spool_note_read(span_of(s->note_bytes, n > 0 ? (size_t)n : 0), &s->note) ||
        s->note.segment > SPOOL_SEGMENT_LAST || s->note.offset > SEGMENT_READ_CAP)
        s->note = (struct spool_note){0};
    found->last_number = s->note.last_number;
    if (!spool_files_list(s->folder, &s->segments))
        return false;
    while (s->segments.count > 0 && s->segments.number[0] < s->note.segment)
        drop_first(s);
    for (size_t i = 0; i < s->segments.count; i++) {
        bool begun = s->segments.number[i] == s->note.segment;
        take_stock(s, s->segments.number[i], begun ? s->note.offset : 0, found);
    }
    s->waiting = found->batches;
    s->next_segment = s->note.segment + 1;
    if (s->segments.count > 0 && s->segments.number[s->segments.count - 1] >= s->next_segment)
        s->next_segment = s->segments.number[s->segments.count - 1] + 1;
    spool_rewind(s);
    return true;
}

struct spool *spool_open(const char *folder, uint64_t cap_bytes, struct spool_found *found, char *error)
{
    struct spool *s = calloc(1, sizeof *s);
    if (s == NULL) {
        snprintf(error, SPOOL_ERROR_CAP, "no memory for the spool");
        return NULL;
    }
    s->cap_bytes = cap_bytes;
    s->lock = s->note_file = s->writing = s->reading = -1;
    s->folder = spool_files_folder(folder, &s->lock, error);
    if (s->folder >= 0) {
        s->note_file = openat(s->folder, "acknowledged", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (s->note_file >= 0 && take_in(s, found))
            return s;
        snprintf(error, SPOOL_ERROR_CAP, "the spool cannot be read: %s", strerror(errno));
    }
    spool_close(s);
    return NULL;
}

void spool_close(struct spool *s)
{
    if (s == NULL)
        return;
    sync_segment(s);
    if (s->note_unsynced && keep_note(s))
        (void)fdatasync(s->note_file);
    spool_files_close(&s->writing);
    spool_files_close(&s->reading);
    spool_files_close(&s->note_file);
    spool_files_close(&s->lock);
    spool_files_close(&s->folder);
    free(s->segments.number);
    free(s);
}
