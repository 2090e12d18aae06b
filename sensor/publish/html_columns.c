/* Stacked columns over time. */
#include <stdlib.h>
#include <time.h>

#include "sensor/publish/html_parts.h"

enum {
    TOP = 22, /* of the plot; the label of the scale is above it */
    PLOT = 150,
    HEIGHT = TOP + PLOT + 24,
    LEAST_SLOTS = 12, /* few columns are no wider for it */
    MS_PER_MINUTE = 60000,
    MS_PER_DAY = 86400000
};

static const char *const fills[HTML_KIND_COUNT] = {"good", "fair", "weak", "bad", "unknown", "plain"};

static uint64_t count_at(const struct html_columns *c, size_t column, size_t key)
{
    return c->counts[column * c->key_count + key];
}

static uint64_t sum_of(const struct html_columns *c, size_t column)
{
    uint64_t sum = 0;
    for (size_t key = 0; key < c->key_count; key++)
        sum += count_at(c, column, key);
    return sum;
}

/* The next of 1, 2, 5, 10, 20, 50, ... */
static uint64_t round_up(uint64_t number)
{
    static const uint64_t steps[] = {1, 2, 5};
    for (uint64_t ten = 1; ten <= UINT64_MAX / 50; ten *= 10)
        for (size_t i = 0; i < 3; i++)
            if (number <= steps[i] * ten)
                return steps[i] * ten;
    return number;
}

static uint64_t scale_of(const struct html_columns *c)
{
    uint64_t most = 1;
    for (size_t column = 0; column < c->column_count; column++)
        most = sum_of(c, column) > most ? sum_of(c, column) : most;
    return round_up(most);
}

/* As much of the time as tells the columns apart. */
static void put_start(FILE *out, const struct html_columns *c, size_t column)
{
    time_t at = (time_t)(c->starts_ms[column] / 1000);
    struct tm utc;
    char text[40] = "?";
    const char *format = c->width_ms >= MS_PER_DAY      ? "%Y-%m-%d"
                         : c->width_ms >= MS_PER_MINUTE ? "%m-%d %H:%M"
                                                        : "%H:%M:%S";
    if (gmtime_r(&at, &utc) != NULL)
        strftime(text, sizeof text, format, &utc);
    fputs(text, out);
}

static void put_column(FILE *out, const struct html_columns *c, size_t column, double slot, uint64_t scale)
{
    double base = TOP + PLOT;
    fputs("<g><title>", out);
    html_time(out, c->starts_ms[column], c->width_ms < MS_PER_MINUTE);
    for (size_t key = 0; key < c->key_count; key++)
        if (count_at(c, column, key) > 0) {
            fputs("; ", out);
            html_text(out, c->keys[key].label, 0);
            fputs(" ", out);
            html_number(out, count_at(c, column, key));
        }
    fputs("</title>", out);
    for (size_t key = 0; key < c->key_count; key++) {
        double height = (double)count_at(c, column, key) / (double)scale * PLOT;
        if (count_at(c, column, key) == 0)
            continue;
        height = height < 1 ? 1 : height;
        base = base - height > TOP ? base - height : TOP;
        for (int hatched = 0; hatched <= 1; hatched++)
            fprintf(out, "<rect x=\"%.2f%%\" y=\"%.1f\" width=\"%.2f%%\" height=\"%.1f\" %s%s%s/>",
                    slot * ((double)column + 0.08), base, slot * 0.84, height,
                    hatched ? "fill=\"url(#p-" : "class=\"f-", fills[c->keys[key].kind],
                    hatched ? ")\"" : "\"");
    }
    fputs("</g>\n", out);
}

static void put_axes(FILE *out, const struct html_columns *c, double slot, uint64_t scale)
{
    size_t last = c->column_count - 1;
    double right = slot * (double)c->column_count;
    fprintf(out,
            "<line x1=\"0\" x2=\"100%%\" y1=\"%d\" y2=\"%d\" class=\"grid\"/><line x1=\"0\" x2=\"100%%\" "
            "y1=\"%d\" y2=\"%d\" class=\"grid\"/>\n<text x=\"0\" y=\"%d\" class=\"axis\">",
            TOP, TOP, TOP + PLOT / 2, TOP + PLOT / 2, TOP - 7);
    html_number(out, scale);
    fputs(" ", out);
    html_text(out, c->unit, 0);
    fprintf(out, "</text>\n<text x=\"0\" y=\"%d\" class=\"axis\">", TOP + PLOT + 17);
    put_start(out, c, 0);
    fputs("</text>\n", out);
    if (c->column_count >= LEAST_SLOTS / 2) {
        fprintf(out, "<text x=\"%.2f%%\" y=\"%d\" text-anchor=\"end\" class=\"axis\">", right,
                TOP + PLOT + 17);
        put_start(out, c, last);
        fputs("</text>\n", out);
    }
}

static void put_table(FILE *out, const struct html_columns *c)
{
    fputs("<details><summary>The same as a table: ", out);
    html_text(out, c->title, 0);
    fputs("</summary>\n<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"", out);
    html_text(out, c->title, 0);
    fputs(", table\">\n<table>\n<caption>", out);
    html_text(out, c->title, 0);
    fputs("</caption>\n<thead><tr><th scope=\"col\">from (UTC)</th>", out);
    for (size_t key = 0; key < c->key_count; key++) {
        fputs("<th scope=\"col\" class=\"n\">", out);
        html_text(out, c->keys[key].label, 0);
        fputs("</th>", out);
    }
    fputs("</tr></thead>\n<tbody>\n", out);
    for (size_t column = 0; column < c->column_count; column++) {
        fputs("<tr><th scope=\"row\">", out);
        html_time(out, c->starts_ms[column], c->width_ms < MS_PER_MINUTE);
        fputs("</th>", out);
        for (size_t key = 0; key < c->key_count; key++)
            html_cell_number(out, count_at(c, column, key));
        html_row_end(out);
    }
    html_table_end(out);
    fputs("</div></details>\n", out);
}

void html_columns(FILE *out, const struct html_columns *c)
{
    uint64_t scale = scale_of(c);
    double slot = 100.0 / (double)(c->column_count > LEAST_SLOTS ? c->column_count : LEAST_SLOTS);
    if (c->column_count == 0)
        return;
    fputs("<figure>\n<figcaption>", out);
    html_text(out, c->title, 0);
    fprintf(out,
            "</figcaption>\n<svg class=\"chart\" role=\"img\" aria-labelledby=\"%s-t %s-d\" width=\"100%%\" "
            "height=\"%d\">\n<title id=\"%s-t\">",
            c->id, c->id, HEIGHT, c->id);
    html_text(out, c->title, 0);
    fprintf(out, "</title>\n<desc id=\"%s-d\">", c->id);
    html_plural(out, c->column_count, "stacked column", "stacked columns");
    fputs("; the table below holds the same numbers.</desc>\n", out);
    put_axes(out, c, slot, scale);
    for (size_t column = 0; column < c->column_count; column++)
        if (sum_of(c, column) > 0)
            put_column(out, c, column, slot, scale);
    fprintf(out, "<line x1=\"0\" x2=\"100%%\" y1=\"%d\" y2=\"%d\" class=\"base\"/>\n</svg>\n", TOP + PLOT,
            TOP + PLOT);
    html_legend(out, c->keys, c->key_count, 0);
    put_table(out, c);
    fputs("</figure>\n", out);
}
