/* redis_report_parts.h - what redis_report.c and redis_report_hosts.c share, for nobody else. */
#pragma once

#include "sensor/publish/redis_link.h"
#include "sensor/publish/redis_report.h"

enum { REPORT_KEY_CAP = 192, REPORT_NUMBER_TEXT_CAP = 24 };

struct redis_reading {
    struct report *report;
    struct redis_link *link;
    const char *site;
    int64_t from_ms;
    int64_t to_ms;
    int64_t newest_ms;
    bool day; /* the range is the day that `top` is of */
    char why[REDIS_WHY_CAP];
};

/* redis_row_text - the value of a field, "" where it is unknown (`none`) or not there. Returns out. */
const char *redis_row_text(const struct redis_row *row, const char *name, char *out, size_t cap);

/* redis_row_number - the same as a whole number; otherwise where it is not there or no number. */
int64_t redis_row_number(const struct redis_row *row, const char *name, int64_t otherwise);

/* redis_number - digits, with a minus before and a fraction behind allowed; false where it is none. */
bool redis_number(struct span text, int64_t *number);

/* redis_reading_stream - all entries of waxseal:{SITE}:KEY between two ids, in order, page by page.
 * take   false ends the reading */
bool redis_reading_stream(struct redis_reading *r, const char *key, int64_t from_ms, int64_t to_ms,
                          bool (*take)(void *state, const struct redis_row *row), void *state);

/* redis_reading_servers, ... - fill that part of the report. False: why is set. */
bool redis_reading_servers(struct redis_reading *r);
bool redis_reading_certificates(struct redis_reading *r);
bool redis_reading_clients(struct redis_reading *r);
bool redis_reading_alerts(struct redis_reading *r);
