#include "sensor/publish/text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sensor/host/log.h"
#include "sensor/publish/page.h"
#include "sensor/publish/report.h"
#include "sensor/publish/text_sections.h"

enum {
    TOP_SUITES = 8,
    TOP_VERSIONS = 8,
    TOP_MECHANISMS = 8,
    TOP_SERVERS = 10,
    SHOWN_CAP = 4 * TALLY_NAME_CAP,
    WIDE_TABLE = 96, /* columns that the table of steps takes with its full names */
    INDENT = 11      /* of text under a severity word */
};

struct text {
    FILE *out;
    const struct config *config;
    struct tally tally;
    struct report report;
};

/* ---- head ---- */

static void print_time(FILE *out, int64_t ms)
{
    time_t seconds = (time_t)(ms / 1000);
    struct tm utc;
    char text[32] = "?";
    if (gmtime_r(&seconds, &utc) != NULL)
        strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &utc);
    fputs(text, out);
}

static void print_inputs(const struct page *p, const struct report *r)
{
    if (r->inputs == 0) {
        fprintf(p->out, "From %s", r->source);
        return;
    }
    page_plural(p, r->inputs, "input", "inputs");
    fputs(", ", p->out);
    page_plural(p, r->packets, "packet", "packets");
}

static void print_head(const struct page *p, const struct report *r)
{
    char site[SHOWN_CAP];
    fprintf(p->out, "Waxseal: how this mail is sealed   (site %s", log_escape(r->site, site, sizeof site));
    if (r->judged_by != NULL)
        fprintf(p->out, ", judged by %s of %s", r->judged_by->name, r->judged_by->date);
    fputs(")\n", p->out);
    print_inputs(p, r);
    if (r->from_ms > 0) {
        fputs(", ", p->out);
        print_time(p->out, r->from_ms);
        fputs(" to ", p->out);
        print_time(p->out, r->to_ms);
        fputs(" UTC", p->out);
    }
    fputc('\n', p->out);
    if (r->inputs_broken > 0)
        fprintf(p->out, "%" PRIu64 " of the inputs could not be read to the end; this is what came before.\n",
                r->inputs_broken);
}

/* ---- sections ---- */

void text_missing(const struct page *p, const struct report *r, enum report_part part)
{
    if (r->missing[part] == NULL)
        return;
    fputs("  ", p->out);
    page_wrap(p, 2, 2, r->missing[part]);
}

struct counted {
    enum rollup_counter counter;
    const char *label;
};

static void print_totals(const struct page *p, const struct report *r)
{
    static const struct counted protocols[] = {
        {ROLLUP_protocol_unknown, "unknown"}, {ROLLUP_protocol_smtp, "smtp"},
        {ROLLUP_protocol_lmtp, "lmtp"},       {ROLLUP_protocol_imap, "imap"},
        {ROLLUP_protocol_pop3, "pop3"},       {ROLLUP_protocol_sieve, "sieve"},
        {ROLLUP_protocol_other, "other"}};
    static const struct counted rows[] = {
        {ROLLUP_verdict_compliant, "compliant"}, {ROLLUP_verdict_weak, "weak"},
        {ROLLUP_verdict_insecure, "insecure"},   {ROLLUP_verdict_undecidable, "undecidable"},
        {ROLLUP_mode_plaintext, "plaintext"},    {ROLLUP_mode_starttls, "STARTTLS"},
        {ROLLUP_mode_implicit, "implicit TLS"},  {ROLLUP_mode_undecidable, "not decidable"}};
    enum { VERDICTS = 4 };
    char number[PAGE_NUMBER_CAP];
    uint64_t sessions = report_count(r, ROLLUP_sessions);
    page_heading(p, "Sessions");
    fputs("  ", p->out);
    page_plural(p, sessions, "session", "sessions");
    fputs(" with ", p->out);
    page_plural(p, r->servers_total, "server", "servers");
    fputs(r->servers_lost ? " or more:" : ":", p->out);
    for (size_t i = 0; i < sizeof protocols / sizeof protocols[0]; i++)
        if (report_count(r, protocols[i].counter) > 0)
            fprintf(p->out, "  %s %s", protocols[i].label,
                    page_number(report_count(r, protocols[i].counter), number));
    fputc('\n', p->out);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        fputs(i % VERDICTS == 0 ? "\n" : "", p->out);
        page_row(p, rows[i].label, report_count(r, rows[i].counter), sessions);
    }
}

/* The heads of the columns, and for narrow terminals shorter ones. */
static const char *step_name(const struct page *p, size_t step)
{
    static const char *const names[] = {"sessions",    "offered",     "asked",       "accepted",
                                        "ClientHello", "ServerHello", "established", "unclear"};
    static const char *const short_names[] = {"sessions", "offered", "asked",  "accepted",
                                              "C-Hello",  "S-Hello", "TLS up", "unclear"};
    return p->width < WIDE_TABLE ? short_names[step] : names[step];
}

static void print_step(const struct page *p, size_t step, const char *text)
{
    enum { NARROWEST = 7 };
    size_t width = strlen(step_name(p, step));
    fprintf(p->out, "%*s", 2 + (int)(width > NARROWEST ? width : NARROWEST), text);
}

static void print_step_row(const struct page *p, const struct report_funnel *f, size_t from)
{
    char number[PAGE_NUMBER_CAP];
    fprintf(p->out, "  %-8s", f->protocol);
    for (size_t step = 0; step < TALLY_STEP_COUNT; step++)
        if (step == 0 || step >= from)
            print_step(p, step, page_number(f->steps[step], number));
    if (!f->implicit)
        print_step(p, TALLY_STEP_COUNT, page_number(f->unclear, number));
    fputc('\n', p->out);
}

static void print_step_head(const struct page *p, const char *title, size_t from, bool implicit)
{
    page_heading(p, title);
    fprintf(p->out, "  %-8s", "");
    for (size_t step = 0; step < TALLY_STEP_COUNT; step++)
        if (step == 0 || step >= from)
            print_step(p, step, step_name(p, step));
    if (!implicit)
        print_step(p, TALLY_STEP_COUNT, step_name(p, TALLY_STEP_COUNT));
    fputc('\n', p->out);
}

static void print_steps(const struct page *p, const struct report *r, const char *title, bool implicit)
{
    size_t from = implicit ? TALLY_CLIENT_HELLO : TALLY_OFFERED;
    bool headed = false;
    for (size_t i = 0; i < r->funnel_count; i++) {
        if (r->funnels[i].implicit != implicit)
            continue;
        if (!headed)
            print_step_head(p, title, from, implicit);
        headed = true;
        print_step_row(p, &r->funnels[i], from);
    }
    if (headed || !implicit)
        text_missing(p, r, REPORT_FUNNEL_BY_PROTOCOL);
}

static void print_tls(const struct page *p, const struct report *r)
{
    char note[256];
    uint64_t known = report_count(r, ROLLUP_suite_known);
    if (r->versions.total == 0)
        return;
    page_heading(p, "TLS versions and cipher suites");
    text_names(p, &r->versions, TOP_VERSIONS, "(version not seen)");
    fputc('\n', p->out);
    if (r->suites.count > 0) {
        text_names(p, &r->suites, TOP_SUITES, "(suite without a name)");
        fputc('\n', p->out);
    }
    text_missing(p, r, REPORT_SUITES);
    page_row(p, "forward secrecy", report_count(r, ROLLUP_forward_secrecy), known);
    page_row(p, "post-quantum key exchange", report_count(r, ROLLUP_group_pq), known);
    uint64_t unknown = report_count(r, ROLLUP_tls_unknown);
    snprintf(note, sizeof note,
             "Shares of the %" PRIu64 " handshakes with a ServerHello; in %" PRIu64
             " more %s it is not known how TLS went.",
             r->versions.total, unknown, unknown == 1 ? "session" : "sessions");
    fputs("\n  ", p->out);
    page_wrap(p, 2, 2, note);
}

static void print_clear(const struct page *p, const struct report *r)
{
    uint64_t messages = report_count(r, ROLLUP_messages_cleartext);
    if (report_count(r, ROLLUP_auth_cleartext) + r->mechanisms.total + messages == 0)
        return;
    page_heading(p, "In the clear");
    if (r->mechanisms.total > 0) {
        fputs("  Passwords or tokens that could be read, by mechanism:\n", p->out);
        text_names(p, &r->mechanisms, TOP_MECHANISMS, "(unknown)");
    }
    text_missing(p, r, REPORT_MECHANISMS);
    if (messages > 0) {
        fputs("  ", p->out);
        page_plural(p, messages, "message", "messages");
        fputs(" accepted without TLS", p->out);
        if (r->sessions_with_messages_clear > 0) {
            fputs(", in ", p->out);
            page_plural(p, r->sessions_with_messages_clear, "session", "sessions");
        }
        fputs(".\n", p->out);
    }
}

/* "10 critical, 4 high", where the severity differed. */
static void print_severities(const struct page *p, const struct report_finding *row)
{
    bool first = true;
    for (int severity = SEVERITY_COUNT - 1; severity >= SEVERITY_INFO; severity--) {
        char number[PAGE_NUMBER_CAP];
        if (row->hits[severity] == 0 || row->hits[severity] == row->hits_total)
            continue;
        fprintf(p->out, "%s%s %s", first ? " (" : ", ", page_number(row->hits[severity], number),
                policy_severity_word((enum severity)severity));
        first = false;
    }
    fputs(first ? "" : ")", p->out);
}

static void print_finding(const struct page *p, const struct report *r, const struct report_finding *row)
{
    char number[PAGE_NUMBER_CAP];
    char id[SHOWN_CAP];
    fputs("  ", p->out);
    page_severity_column(p, row->worst);
    page_strong(p, log_escape(row->id, id, sizeof id));
    fputs(": ", p->out);
    page_plural(p, row->hits_total, "session", "sessions");
    print_severities(p, row);
    if (row->servers > 0) {
        fputs(r->servers_lost ? ", at least " : ", ", p->out);
        page_plural(p, row->servers, "server", "servers");
    }
    if (row->undecidable > 0)
        fprintf(p->out, "; %s more not decidable", page_number(row->undecidable, number));
    fprintf(p->out, "\n%*s", INDENT, "");
    page_wrap(p, INDENT, INDENT, policy_rule(row->rule)->advice);
}

static void print_findings(const struct page *p, const struct report *r)
{
    bool headed = false;
    for (size_t i = 0; i < r->finding_count; i++) {
        if (r->findings[i].rule == RULE_COUNT)
            continue; /* text_house tells those of the user's own */
        if (!headed)
            page_heading(p, "Findings, and what to do");
        headed = true;
        print_finding(p, r, &r->findings[i]);
    }
    if (!headed && r->missing[REPORT_BY_RULE] != NULL)
        page_heading(p, "Findings, and what to do");
    text_missing(p, r, REPORT_BY_RULE);
}

/* The advice is spelled out for the first server that needs it; the next ones refer to it. */
static void print_server_advice(const struct page *p, enum rule rule, uint64_t *told)
{
    char line[1024];
    bool again = told[rule / 64] >> rule % 64 & 1;
    told[rule / 64] |= UINT64_C(1) << rule % 64;
    snprintf(line, sizeof line, "Change first: %s",
             again ? "the same, as said above for " : policy_rule(rule)->advice);
    fprintf(p->out, "%*s", INDENT, "");
    if (again)
        fprintf(p->out, "%s%s\n", line, policy_rule(rule)->id);
    else
        page_wrap(p, INDENT, INDENT, line);
}

static void print_server(const struct page *p, const struct report_server *server, uint64_t *told)
{
    char text[REPORT_RULES_CAP];
    char ip[SHOWN_CAP];
    char number[PAGE_NUMBER_CAP];
    bool v6 = strchr(server->ip, ':') != NULL;
    fputs("  ", p->out);
    page_severity_column(p, server->worst);
    snprintf(text, sizeof text, "%s%s%s port %u", v6 ? "[" : "", log_escape(server->ip, ip, sizeof ip),
             v6 ? "]" : "", server->port);
    page_strong(p, text);
    fprintf(p->out, ", %s", log_escape(server->protocol, text, SHOWN_CAP));
    if (server->name[0] != '\0')
        fprintf(p->out, ", %s", log_escape(server->name, text, SHOWN_CAP));
    fputs(": ", p->out);
    if (server->sessions_worst > 0)
        fprintf(p->out, "%s of ", page_number(server->sessions_worst, number));
    page_plural(p, server->sessions, "session", "sessions");
    fprintf(p->out, "\n%*s", INDENT, "");
    page_wrap(p, INDENT, INDENT,
              server->rules[0] != '\0' ? log_escape(server->rules, text, sizeof text)
                                       : "Rules of the house policy alone; see below.");
    if (server->gravest != RULE_COUNT)
        print_server_advice(p, server->gravest, told);
}

static void print_servers(const struct page *p, const struct report *r)
{
    uint64_t told[TALLY_RULE_WORDS] = {0};
    if (r->server_count > 0)
        page_heading(p, "Worst servers");
    for (size_t i = 0; i < r->server_count && i < TOP_SERVERS; i++)
        print_server(p, &r->servers[i], told);
    text_missing(p, r, REPORT_SERVER_LIST);
}

static void print_alerts(const struct page *p, const struct report *r)
{
    char text[SHOWN_CAP];
    if (r->missing[REPORT_OPEN_ALERTS] != NULL)
        return;
    page_heading(p, "Open alerts");
    if (r->alerts_open == 0)
        fputs("  None is open.\n", p->out);
    for (size_t i = 0; i < r->alert_count && i < TOP_SERVERS; i++) {
        const struct report_alert *a = &r->alerts[i];
        fputs("  ", p->out);
        page_severity_column(p, a->severity);
        page_strong(p, log_escape(a->rule, text, sizeof text));
        fprintf(p->out, " %s since ",
                a->server[0] != '\0' ? log_escape(a->server, text, sizeof text) : "this sensor");
        print_time(p->out, a->first_ms);
        fputs(": ", p->out);
        page_plural(p, a->hits, "hit", "hits");
        fputc('\n', p->out);
    }
}

/* ---- what the mirror showed, and what it did not ---- */

static void print_quality_row(const struct page *p, uint64_t number, const char *text)
{
    char shown[PAGE_NUMBER_CAP];
    if (number > 0)
        fprintf(p->out, "  %14s  %s\n", page_number(number, shown), text);
}

static void print_quality(const struct page *p, const struct report *r)
{
    page_heading(p, "Quality of the mirror");
    if (r->quality_count == 0 && r->missing[REPORT_MIRROR] == NULL)
        fputs("  Complete: both directions, no gaps, no duplicates, nothing cut, nothing dropped.\n", p->out);
    for (size_t i = 0; i < r->quality_count; i++)
        print_quality_row(p, r->quality[i].count, r->quality[i].text);
    text_mirror(p, &r->mirror);
    text_missing(p, r, REPORT_MIRROR);
}

static void print_undecided(const struct page *p, const struct report *r)
{
    if (r->undecided.count == 0 && r->missing[REPORT_UNDECIDED] == NULL)
        return;
    page_heading(p, "What could not be decided");
    for (size_t i = 0; i < r->undecided.count; i++)
        page_row(p, r->undecided.rows[i].text, r->undecided.rows[i].count, report_count(r, ROLLUP_sessions));
    text_missing(p, r, REPORT_UNDECIDED);
}

/* ---- nothing found ---- */

static void print_nothing(const struct page *p, const struct report *r)
{
    char number[PAGE_NUMBER_CAP];
    page_heading(p, "No mail sessions");
    if (r->inputs == 0) {
        fputs("  Nothing was counted in this time: was a sensor running, and is this the right site?\n",
              p->out);
        return;
    }
    fprintf(p->out, "  %s TCP segments were read. The ports looked at: %s.\n",
            page_number(r->segments, number), r->ports);
    if (r->packets == 0)
        fputs(
            "  No packet came through: is the capture empty, or the filter too narrow (--filter, tunnels)?\n",
            p->out);
    else if (r->segments == 0)
        fputs("  None of the packets held TCP: see the quality below.\n", p->out);
    else
        fputs("  Mail on other ports: name them in the configuration (ports:). TLS that is no mail: "
              "--any-tls.\n",
              p->out);
}

void text_print(FILE *out, const struct report *r)
{
    struct page page = page_for(out);
    const struct page *p = &page;
    print_head(p, r);
    if (report_count(r, ROLLUP_sessions) == 0) {
        print_nothing(p, r);
    } else {
        print_totals(p, r);
        text_compliance(p, r);
        print_steps(p, r, "STARTTLS, step by step", false);
        print_steps(p, r, "TLS from the first octet", true);
        print_tls(p, r);
        text_certificates(p, r);
        text_clients(p, r);
        print_clear(p, r);
        print_servers(p, r);
        print_alerts(p, r);
        print_findings(p, r);
        text_house(p, r);
    }
    print_quality(p, r);
    print_undecided(p, r);
}

/* ---- the sink ---- */

static void event(void *state, const struct event *e)
{
    struct text *t = state;
    tally_event(&t->tally, e);
}

static bool finish(void *state, const struct run_summary *summary)
{
    struct text *t = state;
    report_from_tally(&t->report, &t->tally, t->config, summary, false);
    text_print(t->out, &t->report);
    bool written = fflush(t->out) == 0 && !ferror(t->out);
    if (!written)
        log_error("text", "the report could not be written");
    free(t);
    return written;
}

bool text_open(struct sink *sink, FILE *out, const struct config *config, char *error)
{
    struct text *t = calloc(1, sizeof *t);
    if (t == NULL) {
        snprintf(error, TEXT_ERROR_CAP, "no memory for the report (%zu bytes)", sizeof *t);
        return false;
    }
    t->out = out;
    t->config = config;
    t->tally.every_profile = config->profile_all;
    *sink = (struct sink){.state = t, .event = event, .finish = finish};
    return true;
}
