#include "sensor/publish/html.h"

#include <stdlib.h>
#include <string.h>

#include "sensor/host/log.h"
#include "sensor/publish/html_parts.h"
#include "sensor/publish/html_sections.h"
#include "sensor/publish/html_style.h"
#include "sensor/publish/replace.h"

enum { WRITE_EVERY_MS = 300000 };

_Static_assert((int)HTML_ERROR_CAP >= (int)REPLACE_ERROR_CAP, "a complaint of replace.c fits");

struct html {
    const struct config *config;
    bool live;
    bool failed; /* said already */
    uint64_t next_ms;
    struct tally tally;
    struct report report;
};

/* ---- the page ---- */

static void put_contents(FILE *out)
{
    static const char *const links[][2] = {
        {"protection", "Protection"}, {"funnel", "STARTTLS"}, {"servers", "Servers"},
        {"findings", "Findings"},     {"mirror", "Mirror"},   {"unseen", "Not seen"},
    };
    fputs("<nav aria-label=\"Sections\"><ul>", out);
    for (size_t i = 0; i < sizeof links / sizeof links[0]; i++)
        fprintf(out, "<li><a href=\"#%s\">%s</a></li>", links[i][0], links[i][1]);
    fputs("</ul></nav>\n", out);
}

static void put_sections(FILE *out, const struct report *r)
{
    static void (*const sections[])(FILE *, const struct report *) = {
        html_protection,   html_funnel,     html_over_time,    html_servers, html_findings,
        html_alerts,       html_suites,     html_certificates, html_clients, html_falling_back,
        html_in_the_clear, html_compliance, html_house,        html_mirror,  html_unseen};
    for (size_t i = 0; i < sizeof sections / sizeof sections[0]; i++)
        sections[i](out, r);
}

/* Nothing outside the file may be loaded, whatever is in it. */
void html_print(FILE *out, const struct report *r)
{
    bool empty = report_count(r, ROLLUP_sessions) == 0;
    fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" "
          "content=\"width=device-width, initial-scale=1\">\n<meta http-equiv=\"Content-Security-Policy\" "
          "content=\"default-src 'none'; style-src 'unsafe-inline'\">\n<meta name=\"color-scheme\" "
          "content=\"light dark\">\n<meta name=\"generator\" content=\"waxseal " WAXSEAL_VERSION
          "\">\n<title>",
          out);
    html_text(out, r->site, HTML_SHORT);
    fputs(": how this mail is sealed</title>\n<style>\n", out);
    fputs(html_style, out);
    fputs("</style>\n</head>\n<body>\n", out);
    html_patterns(out);
    html_head(out, r);
    if (!empty)
        put_contents(out);
    fputs("<main>\n", out);
    html_verdict(out, r);
    if (empty)
        html_mirror(out, r);
    else
        put_sections(out, r);
    fputs("</main>\n<footer>\n<p>Made by Waxseal " WAXSEAL_VERSION
          ". Times are UTC. Severity depends on the role of the port: "
          "relay, submission, access, delivery. Beside each share stands what could not be seen. No "
          "password, user name or "
          "message is kept.</p>\n</footer>\n</body>\n</html>\n",
          out);
}

bool html_write(const char *path, const struct report *r, char *error)
{
    struct replace file;
    if (!replace_open(&file, path, 0640, error))
        return false;
    html_print(file.out, r);
    return replace_done(&file, error);
}

/* ---- the sink ---- */

static void event(void *state, const struct event *e)
{
    struct html *h = state;
    tally_event(&h->tally, e);
}

static bool write_now(struct html *h, const struct run_summary *summary)
{
    char error[HTML_ERROR_CAP];
    char shown[2 * HTML_ERROR_CAP];
    report_from_tally(&h->report, &h->tally, h->config, summary, h->live);
    bool written = html_write(h->config->html_path, &h->report, error);
    if (!written && !h->failed)
        log_error("html", "%s", log_escape(error, shown, sizeof shown));
    h->failed = !written;
    return written;
}

static void status(void *state, uint64_t now_ms, const struct run_summary *summary)
{
    struct html *h = state;
    if (h->next_ms == 0)
        h->next_ms = now_ms + WRITE_EVERY_MS;
    if (!h->live || now_ms < h->next_ms || strcmp(h->config->html_path, "-") == 0)
        return;
    h->next_ms = now_ms + WRITE_EVERY_MS;
    (void)write_now(h, summary);
}

static bool finish(void *state, const struct run_summary *summary)
{
    struct html *h = state;
    bool written = !summary->begun || write_now(h, summary);
    free(h);
    return written;
}

bool html_open(struct sink *sink, const struct config *config, bool live, char *error)
{
    struct html *h = calloc(1, sizeof *h);
    if (h == NULL) {
        snprintf(error, HTML_ERROR_CAP, "no memory for the report (%zu bytes)", sizeof *h);
        return false;
    }
    h->config = config;
    h->live = live;
    h->tally.every_profile = true;
    *sink = (struct sink){.state = h, .event = event, .status = status, .finish = finish};
    return true;
}
