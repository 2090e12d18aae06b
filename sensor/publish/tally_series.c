/* The course of time in a report: a fixed number of columns that grow wider instead of more. */
#include <string.h>

#include "sensor/publish/tally.h"

/* Each divides the next, so that whole columns are added to each other; beyond a day it doubles. */
static const int64_t widths_ms[] = {1000,    5000,    10000,    30000,    60000,    300000,  600000,
                                    1800000, 3600000, 10800000, 21600000, 43200000, 86400000};

static int64_t next_width(int64_t width_ms)
{
    for (size_t i = 0; i < sizeof widths_ms / sizeof widths_ms[0]; i++)
        if (widths_ms[i] > width_ms)
            return widths_ms[i];
    return 2 * width_ms;
}

static int64_t floor_to(int64_t at_ms, int64_t width_ms)
{
    return at_ms - at_ms % width_ms;
}

static void add_column(int64_t *to, int64_t *from)
{
    for (size_t i = 0; i < ROLLUP_COUNT; i++)
        to[i] += from[i];
    memset(from, 0, ROLLUP_COUNT * sizeof *from);
}

/* A column's new place is never behind its old one: they are added up from the first on. */
static void widen(struct tally_series *s)
{
    int64_t width_ms = next_width(s->width_ms);
    int64_t start_ms = floor_to(s->start_ms, width_ms);
    size_t last = 0;
    for (size_t i = 0; i < s->count; i++) {
        last = (size_t)((s->start_ms + (int64_t)i * s->width_ms - start_ms) / width_ms);
        if (last != i)
            add_column(s->counts[last], s->counts[i]);
    }
    s->count = last + 1;
    s->start_ms = start_ms;
    s->width_ms = width_ms;
}

/* Would the columns from the first to the last, this time among them, be too many? */
static bool too_wide(const struct tally_series *s, int64_t at_ms)
{
    int64_t first = at_ms < s->start_ms ? floor_to(at_ms, s->width_ms) : s->start_ms;
    int64_t last = s->start_ms + ((int64_t)s->count - 1) * s->width_ms;
    last = at_ms > last ? at_ms : last;
    return (last - first) / s->width_ms >= TALLY_COLUMNS;
}

static void move_back(struct tally_series *s, int64_t at_ms)
{
    int64_t start_ms = floor_to(at_ms, s->width_ms);
    size_t by = (size_t)((s->start_ms - start_ms) / s->width_ms);
    memmove(s->counts[by], s->counts[0], s->count * sizeof s->counts[0]);
    memset(s->counts[0], 0, by * sizeof s->counts[0]);
    s->start_ms = start_ms;
    s->count += by;
}

int64_t *tally_series_place(struct tally_series *s, int64_t at_ms)
{
    /* Sums of such times, and widths beyond them, stay within 64 bits; it is the year 36812. */
    static const int64_t latest_ms = INT64_C(1) << 50;
    at_ms = at_ms < 0 ? 0 : at_ms > latest_ms ? latest_ms : at_ms;
    if (s->width_ms == 0)
        *s = (struct tally_series){
            .width_ms = widths_ms[0], .start_ms = floor_to(at_ms, widths_ms[0]), .count = 1};
    while (too_wide(s, at_ms))
        widen(s);
    if (at_ms < s->start_ms)
        move_back(s, at_ms);
    size_t place = (size_t)((at_ms - s->start_ms) / s->width_ms);
    if (place >= s->count)
        s->count = place + 1;
    return s->counts[place];
}
