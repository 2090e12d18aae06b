#include "sensor/publish/report.h"

#include <stdio.h>
#include <string.h>

#include "sensor/host/utf8.h"

void report_copy(char *out, size_t cap, const char *text)
{
    size_t used = 0;
    for (const unsigned char *p = (const unsigned char *)text; *p != '\0';) {
        uint32_t code = 0;
        unsigned length = utf8_char(p, &code);
        length = length > 0 ? length : 1;
        if (used + length >= cap)
            break;
        memcpy(out + used, p, length);
        used += length;
        p += length;
    }
    out[used] = '\0';
}

void report_names_add(struct report_names *names, const char *text, uint64_t count)
{
    if (names->count == REPORT_NAMES)
        return;
    report_copy(names->rows[names->count].text, REPORT_NAME_CAP, text);
    names->rows[names->count++].count = count;
}

void report_quality_add(struct report *r, uint64_t count, const char *text)
{
    if (count == 0 || r->quality_count == REPORT_QUALITY)
        return;
    r->quality[r->quality_count].count = count;
    report_copy(r->quality[r->quality_count++].text, REPORT_TEXT_CAP, text);
}

uint64_t report_count(const struct report *r, enum rollup_counter counter)
{
    return r->counts[counter] > 0 ? (uint64_t)r->counts[counter] : 0;
}

/* Findings are ordered by severity, then as the handbook has them; an action that helps more sessions comes
 * first. */
static bool more_urgent(const struct report_finding *a, const struct report_finding *b)
{
    return a->worst != b->worst ? a->worst > b->worst : a->hits_total > b->hits_total;
}

size_t report_urgent(const struct report *r, const struct report_finding **rows, size_t cap)
{
    size_t count = 0;
    for (size_t i = 0; i < r->finding_count; i++) {
        const struct report_finding *row = &r->findings[i];
        if (row->worst < SEVERITY_LOW || (count == cap && !more_urgent(row, rows[cap - 1])))
            continue;
        size_t at = count < cap ? count++ : cap - 1;
        for (; at > 0 && more_urgent(row, rows[at - 1]); at--)
            rows[at] = rows[at - 1];
        rows[at] = row;
    }
    return count;
}

void report_series(struct report *r, const struct tally_series *s)
{
    r->column_ms = s->width_ms;
    r->column_count = s->count;
    for (size_t i = 0; i < s->count; i++) {
        r->columns[i].start_ms = s->start_ms + (int64_t)i * s->width_ms;
        memcpy(r->columns[i].counts, s->counts[i], sizeof r->columns[i].counts);
    }
}
