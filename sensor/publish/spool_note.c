#include "sensor/publish/spool_note.h"

#include <string.h>
#include <zlib.h>

enum { PLACE_BYTES = SPOOL_NOTE_BYTES / 2, FIELDS = 6, SUM_AT = 4 + FIELDS * 8 };

static const uint8_t magic[4] = {'W', 'X', 'N', '1'};

static void put(uint8_t *p, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        p[i] = (uint8_t)(value >> 8 * (bytes - 1 - i));
}

void spool_note_write(const struct spool_note *note, uint8_t *bytes)
{
    const uint64_t fields[FIELDS] = {note->turn,        note->segment, note->offset,
                                     note->last_number, note->below,   note->shift};
    uint8_t *place = bytes + note->turn % 2 * PLACE_BYTES;
    memset(place, 0, PLACE_BYTES);
    memcpy(place, magic, sizeof magic);
    for (unsigned i = 0; i < FIELDS; i++)
        put(place + sizeof magic + i * 8U, fields[i], 8);
    put(place + SUM_AT, (uint32_t)crc32(0, place, SUM_AT), 4);
}

static uint64_t read_u64(struct cursor *c)
{
    uint64_t high = cursor_u32(c);
    return high << 32 | cursor_u32(c);
}

static bool read_place(struct span place, struct spool_note *out)
{
    struct cursor c = cursor_over(place);
    if (!span_equal(cursor_take(&c, sizeof magic), span_of(magic, sizeof magic)))
        return false;
    *out = (struct spool_note){.turn = read_u64(&c)};
    out->segment = read_u64(&c);
    out->offset = read_u64(&c);
    out->last_number = read_u64(&c);
    out->below = read_u64(&c);
    out->shift = read_u64(&c);
    uint32_t sum = cursor_u32(&c);
    return cursor_ok(&c) && sum == (uint32_t)crc32(0, place.p, SUM_AT);
}

bool spool_note_read(struct span file, struct spool_note *out)
{
    struct spool_note notes[2];
    bool good[2];
    for (unsigned i = 0; i < 2; i++)
        good[i] = read_place(span_head(span_skip(file, (size_t)i * PLACE_BYTES), PLACE_BYTES), &notes[i]);
    *out = (struct spool_note){0};
    if (!good[0] && !good[1])
        return false;
    *out = good[1] && (!good[0] || notes[1].turn > notes[0].turn) ? notes[1] : notes[0];
    return true;
}
