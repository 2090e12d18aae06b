#include "sensor/publish/text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sensor/host/log.h"
#include "sensor/publish/page.h"

struct lines {
    struct page page;
    bool failed;
};

static void print_clock(FILE *out, int64_t ms)
{
    time_t seconds = (time_t)(ms / 1000);
    struct tm utc;
    char text[16] = "??:??:??";
    if (gmtime_r(&seconds, &utc) != NULL)
        strftime(text, sizeof text, "%H:%M:%S", &utc);
    fputs(text, out);
}

static void print_escaped(FILE *out, const char *text)
{
    char shown[512];
    fputs(log_escape(text, shown, sizeof shown), out);
}

/* 12:00:01 192.0.2.7 > 192.0.2.25 port 587, smtp starttls TLS1.2: medium static_rsa (mx.example.org) */
static void event(void *state, const struct event *e)
{
    struct lines *l = state;
    FILE *out = l->page.out;
    const union event_value *v = e->values;
    if (!e->session->final)
        return;
    print_clock(out, v[EVENT_ts_end].number);
    fprintf(out, " %s > %s port %" PRId64 ", %s %s", v[EVENT_client_ip].text, v[EVENT_server_ip].text,
            v[EVENT_server_port].number, v[EVENT_protocol].text, v[EVENT_mode].text);
    if (v[EVENT_tls_version].text[0] != '\0')
        fprintf(out, " %s", v[EVENT_tls_version].text);
    fputs(": ", out);
    if (e->judgement->finding_count > 0 || e->judgement->own != 0) {
        page_severity(&l->page, e->judgement->worst);
        fputc(' ', out);
        print_escaped(out, v[EVENT_findings].text);
    } else {
        fputs(v[EVENT_verdict].text, out);
    }
    if (v[EVENT_server_name].text[0] != '\0') {
        fputs(" (", out);
        print_escaped(out, v[EVENT_server_name].text);
        fputc(')', out);
    }
    fputc('\n', out);
}

static void tick(void *state, uint64_t now_ms)
{
    struct lines *l = state;
    (void)now_ms;
    if ((fflush(l->page.out) != 0 || ferror(l->page.out)) && !l->failed) {
        l->failed = true;
        log_error("text", "standard output cannot be written; the audit goes on");
    }
}

static bool finish(void *state, const struct run_summary *summary)
{
    struct lines *l = state;
    (void)summary;
    tick(l, 0);
    bool written = !l->failed;
    free(l);
    return written;
}

bool text_open_lines(struct sink *sink, FILE *out, char *error)
{
    struct lines *l = calloc(1, sizeof *l);
    if (l == NULL) {
        snprintf(error, TEXT_ERROR_CAP, "no memory for the output");
        return false;
    }
    l->page = page_for(out);
    *sink = (struct sink){.state = l, .event = event, .tick = tick, .finish = finish};
    return true;
}
