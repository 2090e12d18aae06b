#include <inttypes.h>
#include <string.h>

#include "sensor/host/log.h"
#include "sensor/publish/text_sections.h"

enum { SHOWN_CAP = 2 * REPORT_ENDED_CAP, INDENT = 11 };

static void print_heading_once(const struct page *p, bool *headed)
{
    if (!*headed)
        page_heading(p, "House policy");
    *headed = true;
}

static void print_own(const struct page *p, const struct report_finding *f)
{
    char shown[SHOWN_CAP];
    fputs("  ", p->out);
    page_severity_column(p, f->worst);
    page_strong(p, log_escape(f->id, shown, sizeof shown));
    fputs(": ", p->out);
    page_plural(p, f->hits_total, "session", "sessions");
    fputc('\n', p->out);
}

static void print_excepted(const struct page *p, const struct report_names *excepted)
{
    char shown[SHOWN_CAP];
    uint64_t told = 0;
    for (size_t i = 0; i < excepted->count; i++) {
        fprintf(p->out, "  %-9s%s: ", "excepted", log_escape(excepted->rows[i].text, shown, sizeof shown));
        page_plural(p, excepted->rows[i].count, "session", "sessions");
        fputc('\n', p->out);
        told += excepted->rows[i].count;
    }
    if (told < excepted->total) {
        fprintf(p->out, "  %-9sother rules: ", "excepted");
        page_plural(p, excepted->total - told, "finding", "findings");
        fputc('\n', p->out);
    }
}

void text_house(const struct page *p, const struct report *r)
{
    char shown[SHOWN_CAP];
    bool headed = false;
    for (size_t i = 0; i < r->finding_count; i++) {
        if (r->findings[i].rule != RULE_COUNT)
            continue;
        print_heading_once(p, &headed);
        print_own(p, &r->findings[i]);
    }
    if (r->excepted.count + r->ended_count > 0)
        print_heading_once(p, &headed);
    print_excepted(p, &r->excepted);
    for (size_t i = 0; i < r->ended_count; i++) {
        fprintf(p->out, "  %-9s", "ended");
        page_wrap(p, INDENT, INDENT, log_escape(r->ended[i], shown, sizeof shown));
    }
    if (r->ended_total > r->ended_count)
        fprintf(p->out, "  %-9s... and %" PRIu64 " more\n", "ended", r->ended_total - r->ended_count);
}
