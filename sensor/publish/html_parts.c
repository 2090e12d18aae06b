#include "sensor/publish/html_parts.h"

#include <string.h>
#include <time.h>

#include "sensor/host/utf8.h"
#include "sensor/publish/page.h"

static const char *const kind_names[HTML_KIND_COUNT] = {"good", "fair", "weak", "bad", "unknown", "plain"};
static const char *const kind_signs[HTML_KIND_COUNT] = {"&#10003;", "&#10003;", "&#9650;",
                                                        "&#10007;", "?",        "&#8226;"};

/* ---- text ---- */

static void put_character(FILE *out, const unsigned char *p, unsigned length)
{
    switch (*p) {
    case '&': fputs("&amp;", out); break;
    case '<': fputs("&lt;", out); break;
    case '>': fputs("&gt;", out); break;
    case '"': fputs("&quot;", out); break;
    case '\'': fputs("&#39;", out); break;
    default: fwrite(p, 1, length, out); break;
    }
}

void html_text(FILE *out, const char *text, size_t cap)
{
    size_t shown = 0;
    for (const unsigned char *p = (const unsigned char *)text; *p != '\0';) {
        uint32_t code = 0;
        unsigned length = utf8_char(p, &code);
        bool plain = length > 0 && utf8_shown(code);
        length = length > 0 ? length : 1;
        if (cap > 0 && shown >= cap) {
            fputs("\u2026", out);
            return;
        }
        for (unsigned i = 0; !plain && i < length; i++)
            fprintf(out, "\\x%02x", p[i]);
        if (plain)
            put_character(out, p, length);
        shown += plain ? 1 : 4 * (size_t)length;
        p += length;
    }
}

void html_number(FILE *out, uint64_t number)
{
    char text[PAGE_NUMBER_CAP];
    fputs(page_number(number, text), out);
}

void html_share(FILE *out, uint64_t part, uint64_t whole)
{
    if (whole == 0)
        fputs("\u2013", out);
    else
        fprintf(out, "%.1f\u00a0%%", 100.0 * (double)part / (double)whole);
}

void html_plural(FILE *out, uint64_t number, const char *one, const char *many)
{
    html_number(out, number);
    fprintf(out, " %s", number == 1 ? one : many);
}

void html_time(FILE *out, int64_t ms, bool seconds)
{
    time_t at = (time_t)(ms / 1000);
    struct tm utc;
    char text[40] = "?";
    if (gmtime_r(&at, &utc) != NULL)
        strftime(text, sizeof text, seconds ? "%Y-%m-%d %H:%M:%S" : "%Y-%m-%d %H:%M", &utc);
    fputs(text, out);
}

/* ---- marks ---- */

void html_badge(FILE *out, enum html_kind kind, const char *word)
{
    fprintf(out, "<span class=\"badge %s\"><span aria-hidden=\"true\">%s</span> ", kind_names[kind],
            kind_signs[kind]);
    html_text(out, word, HTML_SHORT);
    fputs("</span>", out);
}

enum html_kind html_kind_of(enum severity severity)
{
    switch (severity) {
    case SEVERITY_CRITICAL:
    case SEVERITY_HIGH: return HTML_BAD;
    case SEVERITY_MEDIUM:
    case SEVERITY_LOW: return HTML_WEAK;
    case SEVERITY_INFO:
    case SEVERITY_COUNT: return HTML_PLAIN;
    case SEVERITY_NONE: return HTML_GOOD;
    }
    return HTML_PLAIN;
}

void html_severity(FILE *out, enum severity severity)
{
    html_badge(out, html_kind_of(severity), policy_severity_word(severity));
}

/* ---- sections and tables ---- */

void html_section(FILE *out, const char *id, const char *title)
{
    fprintf(out, "<section id=\"%s\" aria-labelledby=\"h-%s\">\n<h2 id=\"h-%s\">", id, id, id);
    html_text(out, title, 0);
    fputs("</h2>\n", out);
}

void html_section_end(FILE *out)
{
    fputs("</section>\n", out);
}

void html_table(FILE *out, const char *caption, const char *const *heads, size_t count, bool bars)
{
    fputs("<table>\n<caption>", out);
    html_text(out, caption, 0);
    fputs("</caption>\n<thead><tr>", out);
    for (size_t i = 0; i < count; i++) {
        fprintf(out, "<th scope=\"col\"%s>", i > 0 ? " class=\"n\"" : "");
        html_text(out, heads[i], 0);
        fputs("</th>", out);
    }
    fprintf(out, "%s</tr></thead>\n<tbody>\n", bars ? "<td class=\"bar\"></td>" : "");
}

void html_table_end(FILE *out)
{
    fputs("</tbody>\n</table>\n", out);
}

void html_row_head(FILE *out, const char *text, size_t cap)
{
    fputs("<tr><th scope=\"row\">", out);
    html_text(out, text, cap);
    fputs("</th>", out);
}

void html_cell_number(FILE *out, uint64_t number)
{
    fputs("<td class=\"n\">", out);
    html_number(out, number);
    fputs("</td>", out);
}

void html_cell_share(FILE *out, uint64_t part, uint64_t whole)
{
    fputs("<td class=\"n\">", out);
    html_share(out, part, whole);
    fputs("</td>", out);
}

/* A small share is still seen. */
static double width_of(uint64_t part, uint64_t whole)
{
    double percent = whole > 0 ? 100.0 * (double)part / (double)whole : 0;
    return part > 0 && percent < 0.4 ? 0.4 : percent > 100 ? 100 : percent;
}

static void put_rect(FILE *out, double x, double y, double width, double height, enum html_kind kind)
{
    fprintf(out,
            "<rect x=\"%.2f%%\" y=\"%.1f\" width=\"%.2f%%\" height=\"%.1f\" class=\"f-%s\"/>"
            "<rect x=\"%.2f%%\" y=\"%.1f\" width=\"%.2f%%\" height=\"%.1f\" fill=\"url(#p-%s)\"/>",
            x, y, width, height, kind_names[kind], x, y, width, height, kind_names[kind]);
}

void html_bar_cell(FILE *out, uint64_t part, uint64_t whole, enum html_kind kind)
{
    fputs("<td class=\"bar\">", out);
    if (part > 0 && whole > 0) {
        fputs("<svg aria-hidden=\"true\" width=\"100%\" height=\"12\">", out);
        put_rect(out, 0, 0, width_of(part, whole), 12, kind);
        fputs("</svg>", out);
    }
    fputs("</td>", out);
}

void html_row_end(FILE *out)
{
    fputs("</tr>\n", out);
}

void html_share_row(FILE *out, const char *name, uint64_t part, uint64_t whole, enum html_kind kind)
{
    html_row_head(out, name, HTML_SHORT);
    html_cell_number(out, part);
    html_cell_share(out, part, whole);
    html_bar_cell(out, part, whole, kind);
    html_row_end(out);
}

/* ---- charts that have no time axis ---- */

void html_patterns(FILE *out)
{
    fputs("<svg class=\"defs\" aria-hidden=\"true\" width=\"0\" height=\"0\"><defs>\n", out);
    static const char *const marks[HTML_KIND_COUNT] = {
        [HTML_GOOD] = "",
        [HTML_FAIR] = "<circle cx=\"2\" cy=\"2\" r=\"1\" class=\"hatch\"/>",
        [HTML_WEAK] = "<rect width=\"3\" height=\"8\" class=\"hatch\"/>",
        [HTML_BAD] = "<path d=\"M0 0H8V2H2V8H0Z\" class=\"hatch\"/>",
        [HTML_UNKNOWN] = "<rect width=\"8\" height=\"4\" class=\"hatch\"/>",
        [HTML_PLAIN] = ""};
    for (size_t kind = 0; kind < HTML_KIND_COUNT; kind++)
        fprintf(out,
                "<pattern id=\"p-%s\" width=\"8\" height=\"8\" patternUnits=\"userSpaceOnUse\" "
                "patternTransform=\"rotate(%d)\">%s</pattern>\n",
                kind_names[kind], kind == HTML_UNKNOWN ? 0 : 45, marks[kind]);
    fputs("</defs></svg>\n", out);
}

static void put_swatch(FILE *out, enum html_kind kind)
{
    fputs("<svg class=\"key\" aria-hidden=\"true\" width=\"16\" height=\"16\">", out);
    put_rect(out, 0, 0, 100, 16, kind);
    fputs("</svg>", out);
}

void html_legend(FILE *out, const struct html_part *parts, size_t count, uint64_t whole)
{
    fputs("<ul class=\"legend\">\n", out);
    for (size_t i = 0; i < count; i++) {
        fputs("<li>", out);
        put_swatch(out, parts[i].kind);
        fputs("<span>", out);
        html_text(out, parts[i].label, 0);
        if (whole > 0) {
            fputs(" <b>", out);
            html_number(out, parts[i].count);
            fputs("</b> (", out);
            html_share(out, parts[i].count, whole);
            fputs(")", out);
        }
        fputs("</span></li>\n", out);
    }
    fputs("</ul>\n", out);
}

/* The title and, as its description, every number. */
static void begin_chart(FILE *out, const char *id, const char *title, const struct html_part *parts,
                        size_t count, uint64_t whole, double height)
{
    fputs("<figure>\n<figcaption>", out);
    html_text(out, title, 0);
    fprintf(out,
            "</figcaption>\n<svg class=\"chart\" role=\"img\" aria-labelledby=\"%s-t %s-d\" width=\"100%%\" "
            "height=\"%.0f\">\n<title id=\"%s-t\">",
            id, id, height, id);
    html_text(out, title, 0);
    fprintf(out, "</title>\n<desc id=\"%s-d\">", id);
    for (size_t i = 0; i < count; i++) {
        fputs(i > 0 ? "; " : "", out);
        html_text(out, parts[i].label, 0);
        fputs(": ", out);
        html_number(out, parts[i].count);
        fputs(" (", out);
        html_share(out, parts[i].count, whole);
        fputs(")", out);
    }
    fputs("</desc>\n", out);
}

void html_shares(FILE *out, const char *id, const char *title, const struct html_part *parts, size_t count)
{
    enum { HEIGHT = 34 };
    uint64_t whole = 0;
    double x = 0;
    for (size_t i = 0; i < count; i++)
        whole += parts[i].count;
    begin_chart(out, id, title, parts, count, whole, HEIGHT);
    for (size_t i = 0; i < count && whole > 0; i++) {
        double width = 100.0 * (double)parts[i].count / (double)whole;
        if (parts[i].count > 0)
            put_rect(out, x, 0, width, HEIGHT, parts[i].kind);
        x += width;
        if (parts[i].count > 0 && x < 99.99)
            fprintf(out, "<line x1=\"%.2f%%\" x2=\"%.2f%%\" y1=\"0\" y2=\"%d\" class=\"cut\"/>", x, x,
                    HEIGHT);
    }
    fputs("</svg>\n", out);
    html_legend(out, parts, count, whole);
    fputs("</figure>\n", out);
}

void html_bars(FILE *out, const char *id, const char *title, const struct html_part *rows, size_t count,
               uint64_t whole)
{
    enum { ROW = 44, TEXT = 14, BAR = 16 };
    begin_chart(out, id, title, rows, count, whole, (double)count * ROW - (ROW - TEXT - BAR - 6));
    for (size_t i = 0; i < count; i++) {
        double y = (double)i * ROW;
        fprintf(out, "<text x=\"0\" y=\"%.0f\">", y + TEXT);
        html_text(out, rows[i].label, 0);
        fprintf(out, "</text><text x=\"100%%\" y=\"%.0f\" text-anchor=\"end\" class=\"strong\">", y + TEXT);
        html_number(out, rows[i].count);
        fputs(" \u00b7 ", out);
        html_share(out, rows[i].count, whole);
        fprintf(out, "</text><rect x=\"0\" y=\"%.0f\" width=\"100%%\" height=\"%d\" class=\"track\"/>",
                y + TEXT + 5, BAR);
        if (rows[i].count > 0)
            put_rect(out, 0, y + TEXT + 5, width_of(rows[i].count, whole), BAR, rows[i].kind);
        fputc('\n', out);
    }
    fputs("</svg>\n</figure>\n", out);
}
