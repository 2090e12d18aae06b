/* page.h - how a report for people is set: headings, columns, bars, wrapped text, colours.
 *
 * Knows nothing of mail or TLS. Write errors are left in the FILE, whose ferror the caller asks at the end. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "sensor/audit/policy.h"

struct page {
    FILE *out;
    bool colour;
    bool utf8; /* bars and rules of block characters, else of ASCII */
    unsigned width;
};

enum { PAGE_NUMBER_CAP = 32 };

/* page_for - the way to write to a FILE: colours only on a terminal and without NO_COLOR, block characters
 * only where the locale is UTF-8, between 80 and 100 columns. */
struct page page_for(FILE *out);

/* page_heading - a blank line, a title and a rule under it. */
void page_heading(const struct page *p, const char *title);

/* page_strong - text that stands out. */
void page_strong(const struct page *p, const char *text);

/* page_number - with thousands apart: 1,234,567. text has room for PAGE_NUMBER_CAP. Returns text. */
const char *page_number(uint64_t number, char *text);

/* page_share - "64.5 %" in seven columns; "-" where the whole is 0. */
void page_share(const struct page *p, uint64_t part, uint64_t whole);

/* page_bar - two blanks and a bar of that share of `columns`; nothing where the part is 0. */
void page_bar(const struct page *p, uint64_t part, uint64_t whole, unsigned columns);

/* page_row - "  label      1,234   64.5 %  bar". */
void page_row(const struct page *p, const char *label, uint64_t part, uint64_t whole);

/* page_severity - the word, coloured. */
void page_severity(const struct page *p, enum severity severity);

/* page_severity_column - the same, in nine columns. */
void page_severity_column(const struct page *p, enum severity severity);

/* page_wrap - text broken between words at the page's width, every line but the first indented; the first
 * continues at column `at`. Ends the line. */
void page_wrap(const struct page *p, unsigned at, unsigned indent, const char *text);

/* page_plural - "1 session", "2 sessions". */
void page_plural(const struct page *p, uint64_t number, const char *one, const char *many);
