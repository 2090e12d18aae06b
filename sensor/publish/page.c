#include "sensor/publish/page.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum {
    WIDTH_LEAST = 80,
    WIDTH_MOST = 100,
    LABEL_COLUMNS = 46,
    ROW_COLUMNS = LABEL_COLUMNS + 23,
    BAR_MOST = 24
};

static const char reset[] = "\033[0m";

struct page page_for(FILE *out)
{
    struct winsize size = {0};
    const char *no_colour = getenv("NO_COLOR");
    int file = fileno(out);
    bool terminal = file >= 0 && isatty(file);
    struct page p = {.out = out, .width = WIDTH_MOST};
    p.colour = terminal && (no_colour == NULL || no_colour[0] == '\0');
    p.utf8 = mblen("\u2500", 3) == 3; /* does the locale read UTF-8? */
    if (terminal && ioctl(file, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        p.width = size.ws_col < WIDTH_LEAST  ? WIDTH_LEAST
                  : size.ws_col < WIDTH_MOST ? size.ws_col
                                             : WIDTH_MOST;
    return p;
}

static void colour(const struct page *p, const char *sequence)
{
    if (p->colour)
        fputs(sequence, p->out);
}

void page_strong(const struct page *p, const char *text)
{
    colour(p, "\033[1m");
    fputs(text, p->out);
    colour(p, reset);
}

void page_heading(const struct page *p, const char *title)
{
    size_t length = strlen(title);
    fputc('\n', p->out);
    page_strong(p, title);
    fputc(' ', p->out);
    colour(p, "\033[2m");
    for (size_t i = length + 1; i < p->width; i++)
        fputs(p->utf8 ? "\u2500" : "-", p->out);
    colour(p, reset);
    fputc('\n', p->out);
}

const char *page_number(uint64_t number, char *text)
{
    char digits[PAGE_NUMBER_CAP];
    int length = snprintf(digits, sizeof digits, "%" PRIu64, number);
    char *t = text;
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0)
            *t++ = ',';
        *t++ = digits[i];
    }
    *t = '\0';
    return text;
}

void page_share(const struct page *p, uint64_t part, uint64_t whole)
{
    if (whole == 0)
        fputs("      -", p->out);
    else
        fprintf(p->out, "%5.1f %%", 100.0 * (double)part / (double)whole);
}

void page_bar(const struct page *p, uint64_t part, uint64_t whole, unsigned columns)
{
    /* Eighths of a column, so that a small share is still seen. */
    static const char *const eighths[] = {"",       "\u258f", "\u258e", "\u258d",
                                          "\u258c", "\u258b", "\u258a", "\u2589"};
    uint64_t units = whole > 0 ? (uint64_t)((double)part / (double)whole * columns * 8 + 0.5) : 0;
    if (part == 0)
        return;
    if (units == 0)
        units = 1;
    fputs("  ", p->out);
    colour(p, "\033[36m");
    for (uint64_t i = 0; i < units / 8; i++)
        fputs(p->utf8 ? "\u2588" : "#", p->out);
    if (p->utf8)
        fputs(eighths[units % 8], p->out);
    else if (units < 8)
        fputc('.', p->out);
    colour(p, reset);
}

void page_row(const struct page *p, const char *label, uint64_t part, uint64_t whole)
{
    char number[PAGE_NUMBER_CAP];
    fprintf(p->out, "  %-*s %9s  ", LABEL_COLUMNS, label, page_number(part, number));
    page_share(p, part, whole);
    page_bar(p, part, whole, p->width - ROW_COLUMNS < BAR_MOST ? p->width - ROW_COLUMNS : BAR_MOST);
    fputc('\n', p->out);
}

void page_severity(const struct page *p, enum severity severity)
{
    static const char *const colours[SEVERITY_COUNT] = {"\033[2m",  "\033[2m",  "\033[36m",
                                                        "\033[33m", "\033[31m", "\033[1;31m"};
    colour(p, colours[severity]);
    fputs(policy_severity_word(severity), p->out);
    colour(p, reset);
}

void page_severity_column(const struct page *p, enum severity severity)
{
    page_severity(p, severity);
    fprintf(p->out, "%*s", 9 - (int)strlen(policy_severity_word(severity)), "");
}

void page_wrap(const struct page *p, unsigned at, unsigned indent, const char *text)
{
    bool first = true;
    while (*text != '\0') {
        size_t word = strcspn(text, " ");
        if (!first && at + 1 + word > p->width) {
            fprintf(p->out, "\n%*s", (int)indent, "");
            at = indent;
        } else if (!first) {
            fputc(' ', p->out);
            at++;
        }
        fwrite(text, 1, word, p->out);
        at += (unsigned)word;
        text += word;
        text += strspn(text, " ");
        first = false;
    }
    fputc('\n', p->out);
}

void page_plural(const struct page *p, uint64_t number, const char *one, const char *many)
{
    char text[PAGE_NUMBER_CAP];
    fprintf(p->out, "%s %s", page_number(number, text), number == 1 ? one : many);
}
