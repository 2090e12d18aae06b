#include "sensor/publish/text_sections.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "parsers/registry.h"
#include "sensor/host/log.h"

enum { TOP_CLIENTS = 10, LINE_CAP = 512, INDENT = 6, HELO_COLUMNS = 40 };

/* A line that is put together piece by piece; what no longer fits is left out. */
struct line {
    char text[LINE_CAP];
    size_t used;
};

__attribute__((format(printf, 2, 3))) static void put(struct line *line, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(line->text + line->used, sizeof line->text - line->used, format, arguments);
    va_end(arguments);
    if (n > 0 && (size_t)n < sizeof line->text - line->used)
        line->used += (size_t)n;
    else
        line->text[line->used] = '\0';
}

/* "breaks without TLS 1.0 and 1.1, CBC; in 1 of 3 hellos without static RSA and DHE" */
static void put_breaks(struct line *line, const struct report_client *c)
{
    const struct {
        uint64_t hellos;
        const char *what;
    } breaks[] = {{c->until_tls11, "TLS 1.0 and 1.1"},
                  {c->without_aead, "CBC"},
                  {c->without_ecdhe, "static RSA and DHE"}};
    enum { BREAKS = sizeof breaks / sizeof breaks[0] };
    bool said = false;
    for (size_t i = 0; i < BREAKS; i++) {
        if (breaks[i].hellos != c->hellos)
            continue;
        put(line, "%s%s", said ? ", " : "breaks without ", breaks[i].what);
        said = true;
    }
    for (size_t i = 0; i < BREAKS; i++)
        if (breaks[i].hellos > 0 && breaks[i].hellos < c->hellos)
            put(line, "%sbreaks in %" PRIu64 " of %" PRIu64 " hellos without %s", line->used > 0 ? "; " : "",
                breaks[i].hellos, c->hellos, breaks[i].what);
}

static void print_client(const struct page *p, const struct report_client *c)
{
    char address[64];
    char helo[HELO_COLUMNS + 1];
    char ja4[4 * TALLY_JA4_CAP];
    char number[PAGE_NUMBER_CAP];
    struct line line = {.used = 0};
    char best[64];
    log_escape(c->best_version, best, sizeof best);
    fputs("  ", p->out);
    page_strong(p, log_escape(c->ip, address, sizeof address));
    fputs(c->helo[0] != '\0' ? ", " : "", p->out);
    put(&line, "%s: %s at best, %s %s", log_escape(c->helo, helo, sizeof helo),
        best[0] != '\0' ? best : "no known version", page_number(c->hellos, number),
        c->hellos == 1 ? "hello" : "hellos");
    page_wrap(p, 2 + (unsigned)strlen(address) + (c->helo[0] != '\0' ? 2 : 0), INDENT, line.text);
    fprintf(p->out, "%*s", INDENT, "");
    line = (struct line){.used = 0};
    put_breaks(&line, c);
    if (c->weak > 0)
        put(&line, "; offers weak suites");
    if (c->ja4[0] != '\0')
        put(&line, "; JA4 %s%s", log_escape(c->ja4, ja4, sizeof ja4), c->several ? " and others" : "");
    page_wrap(p, INDENT, INDENT, line.text);
}

static void print_sums(const struct page *p, const struct tally_client_sums *sums)
{
    for (size_t i = TALLY_VERSIONS; i-- > 0;) {
        char label[64];
        const char *version = i > 0 ? registry_version_name((uint16_t)(0x0300 + i - 1)) : "SSL2 or unknown";
        snprintf(label, sizeof label, "%s at best", version);
        if (sums->best_offer[i] > 0)
            page_row(p, label, sums->best_offer[i], sums->clients);
    }
    if (sums->weak > 0)
        page_row(p, "offer a weak suite", sums->weak, sums->clients);
    if (sums->listed == 0)
        return;
    fputc('\n', p->out);
    page_row(p, "would break without TLS 1.0 and 1.1", sums->break_tls12, sums->clients);
    page_row(p, "would break without CBC: no AEAD offered", sums->break_aead, sums->clients);
    page_row(p, "would break without static RSA and DHE", sums->break_ecdhe, sums->clients);
}

void text_clients(const struct page *p, const struct report *r)
{
    const struct tally_client_sums *sums = &r->client_sums;
    char number[PAGE_NUMBER_CAP];
    size_t count = r->client_count < TOP_CLIENTS ? r->client_count : TOP_CLIENTS;
    if (sums->clients == 0 && r->missing[REPORT_CLIENT_LIST] == NULL)
        return;
    page_heading(p, "Clients");
    if (sums->clients > 0)
        print_sums(p, sums);
    fputs(count > 0 ? "\n" : "", p->out);
    for (size_t i = 0; i < count; i++)
        print_client(p, &r->clients[i]);
    if (sums->listed > count)
        fprintf(p->out, "  ... and %s more\n", page_number(sums->listed - count, number));
    text_missing(p, r, REPORT_CLIENT_LIST);
    if (sums->clients == 0)
        return;
    fputs("\n  ", p->out);
    struct line note = {.used = 0};
    put(&note,
        "Shares of the %" PRIu64 " client addresses that sent a ClientHello, by what they offered in it",
        sums->clients);
    put(&note, "%s. One address may stand for many programs.",
        r->clients_lost ? "; others were pushed out of the table" : "");
    page_wrap(p, 2, 2, note.text);
}
