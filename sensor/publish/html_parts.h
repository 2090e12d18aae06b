/* html_parts.h - the small pieces of an HTML report: escaped text, numbers, marks of meaning, tables,
 * charts.
 *
 * Knows nothing of mail or TLS. Everything written is well-formed whatever the texts are: text and
 * attribute values are escaped here and nowhere else. Charts are SVG in percent of the width, with texts in
 * pixels, so that they are read on a telephone as on paper; each has a title and a description with its
 * numbers. Write errors are left in the FILE. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "sensor/audit/policy.h"

/* What something means; decides colour, hatching and sign together, so that none of them stands alone. */
enum html_kind { HTML_GOOD, HTML_FAIR, HTML_WEAK, HTML_BAD, HTML_UNKNOWN, HTML_PLAIN, HTML_KIND_COUNT };

/* Usual caps of shown text, in characters. The short one is below the room that tables have for a name
 * (TALLY_NAME_CAP), so that one that was cut there ends in an ellipsis. */
enum { HTML_SHORT = 60, HTML_LONG = 120 };

/* html_text - text from anywhere, for text and double-quoted attributes alike. What is no printable UTF-8,
 * and marks that reorder text, become \xHH; & < > " ' become references.
 * cap   characters shown before an ellipsis; 0: all */
void html_text(FILE *out, const char *text, size_t cap);

/* html_number - 1,234,567. html_share - "64.5 %", or a dash where the whole is 0. */
void html_number(FILE *out, uint64_t number);
void html_share(FILE *out, uint64_t part, uint64_t whole);

/* html_plural - "1 session", "2 sessions". */
void html_plural(FILE *out, uint64_t number, const char *one, const char *many);

/* html_time - "2026-11-24 21:56" in UTC; with seconds where asked; "?" where there is no such time. */
void html_time(FILE *out, int64_t ms, bool seconds);

/* html_badge - a word with the sign and colour of its kind; html_severity - that of a severity. */
void html_badge(FILE *out, enum html_kind kind, const char *word);
void html_severity(FILE *out, enum severity severity);
enum html_kind html_kind_of(enum severity severity);

/* html_section, html_section_end - a part of the page with its heading; id is unique and plain. */
void html_section(FILE *out, const char *id, const char *title);
void html_section_end(FILE *out);

/* html_table - up to its body; html_table_end closes. heads are plain text, the first column names the row;
 * with `bars` a last column without a head has room for html_bar_cell. */
void html_table(FILE *out, const char *caption, const char *const *heads, size_t count, bool bars);
void html_table_end(FILE *out);

/* html_row_head - open a row with its name; html_cell_* - its cells; html_row_end. */
void html_row_head(FILE *out, const char *text, size_t cap);
void html_cell_number(FILE *out, uint64_t number);
void html_cell_share(FILE *out, uint64_t part, uint64_t whole);
void html_bar_cell(FILE *out, uint64_t part, uint64_t whole, enum html_kind kind);
void html_row_end(FILE *out);

/* html_share_row - name, number, share, bar. */
void html_share_row(FILE *out, const char *name, uint64_t part, uint64_t whole, enum html_kind kind);

struct html_part {
    const char *label; /* plain text */
    uint64_t count;
    enum html_kind kind;
};

/* html_patterns - the hatchings that charts refer to; once, at the begin of the page. */
void html_patterns(FILE *out);

/* html_shares - one bar of 100 per cent in parts, and its legend with the numbers. */
void html_shares(FILE *out, const char *id, const char *title, const struct html_part *parts, size_t count);

/* html_bars - a bar a row, each labelled with its number and its share of `whole`. */
void html_bars(FILE *out, const char *id, const char *title, const struct html_part *rows, size_t count,
               uint64_t whole);

struct html_columns {
    const char *id;
    const char *title;
    const char *unit; /* "sessions" */
    const struct html_part
        *keys; /* the parts of each column, from the bottom up; their counts are not used */
    size_t key_count;
    const uint64_t *counts; /* [column * key_count + key] */
    const int64_t *starts_ms;
    size_t column_count;
    int64_t width_ms;
};

/* html_columns - stacked columns over time, their legend, and the same numbers as a table that can be
 * opened. */
void html_columns(FILE *out, const struct html_columns *c);

/* html_legend - the signs of a chart's parts; with the numbers where whole is not 0. */
void html_legend(FILE *out, const struct html_part *parts, size_t count, uint64_t whole);
