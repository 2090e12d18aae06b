#include "sensor/publish/text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sensor/host/log.h"
#include "sensor/publish/page.h"
#include "sensor/publish/tally.h"
#include "sensor/publish/text_sections.h"

enum {
    TOP_SUITES = 8,
    TOP_VERSIONS = 8,
    TOP_MECHANISMS = 8,
    TOP_SERVERS = 10,
    TOP_UNDECIDED = 6,
    SHOWN_CAP = 4 * TALLY_NAME_CAP,
    WIDE_TABLE = 96, /* columns that the table of steps takes with its full names */
    INDENT = 11      /* of text under a severity word */
};

struct text {
    struct page page;
    const struct config *config;
    struct tally tally;
};

static void event(void *state, const struct event *e)
{
    struct text *t = state;
    tally_event(&t->tally, e);
}

/* ---- head ---- */

static void print_time(FILE *out, uint64_t ns)
{
    time_t seconds = (time_t)(ns / 1000000000);
    struct tm utc;
    char text[32] = "?";
    if (gmtime_r(&seconds, &utc) != NULL)
        strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &utc);
    fputs(text, out);
}

static void print_head(const struct text *t, const struct run_summary *summary)
{
    const struct page *p = &t->page;
    fprintf(p->out, "Waxseal: how this mail is sealed   (site %s, judged by %s of %s)\n", t->config->site,
            profile_info(t->config->profile)->name, profile_info(t->config->profile)->date);
    page_plural(p, summary->inputs, "input", "inputs");
    fputs(", ", p->out);
    page_plural(p, summary->counters[COUNTER_packets], "packet", "packets");
    if (summary->first_ns > 0) {
        fputs(", ", p->out);
        print_time(p->out, summary->first_ns);
        fputs(" to ", p->out);
        print_time(p->out, summary->last_ns);
        fputs(" UTC", p->out);
    }
    fputc('\n', p->out);
    if (summary->inputs_broken > 0)
        fprintf(p->out, "%" PRIu64 " of the inputs could not be read to the end; this is what came before.\n",
                summary->inputs_broken);
}

/* ---- sections ---- */

static void print_totals(const struct text *t)
{
    const struct page *p = &t->page;
    const struct tally *y = &t->tally;
    char number[PAGE_NUMBER_CAP];
    static const char *const modes[MODE_COUNT] = {"plaintext", "STARTTLS", "implicit TLS", "not decidable"};
    page_heading(p, "Sessions");
    fputs("  ", p->out);
    page_plural(p, y->sessions, "session", "sessions");
    fputs(" with ", p->out);
    page_plural(p, tally_server_count(y), "server", "servers");
    fputs(y->servers_lost > 0 ? " or more:" : ":", p->out);
    for (enum protocol protocol = PROTOCOL_UNKNOWN; protocol < PROTOCOL_COUNT; protocol++)
        if (y->protocols[protocol] > 0)
            fprintf(p->out, "  %s %s", session_protocol_word(protocol),
                    page_number(y->protocols[protocol], number));
    fputs("\n\n", p->out);
    for (enum verdict verdict = VERDICT_COMPLIANT; verdict < VERDICT_COUNT; verdict++)
        page_row(p, policy_verdict_word(verdict), y->verdicts[verdict], y->sessions);
    fputc('\n', p->out);
    for (enum mode mode = MODE_PLAINTEXT; mode < MODE_COUNT; mode++)
        page_row(p, modes[mode], y->modes[mode], y->sessions);
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

static void print_step_row(const struct page *p, enum protocol protocol, const uint64_t *steps, size_t from,
                           const uint64_t *unclear)
{
    char number[PAGE_NUMBER_CAP];
    fprintf(p->out, "  %-8s", session_protocol_word(protocol));
    for (size_t step = 0; step < TALLY_STEP_COUNT; step++)
        if (step == 0 || step >= from)
            print_step(p, step, page_number(steps[step], number));
    if (unclear != NULL)
        print_step(p, TALLY_STEP_COUNT, page_number(*unclear, number));
    fputc('\n', p->out);
}

static void print_steps(const struct page *p, const char *title, uint64_t (*rows)[TALLY_STEP_COUNT],
                        size_t from, const uint64_t *unclear)
{
    bool headed = false;
    for (enum protocol protocol = PROTOCOL_UNKNOWN; protocol < PROTOCOL_COUNT; protocol++) {
        if (rows[protocol][TALLY_SESSIONS] == 0)
            continue;
        if (!headed) {
            page_heading(p, title);
            fprintf(p->out, "  %-8s", "");
            for (size_t step = 0; step < TALLY_STEP_COUNT; step++)
                if (step == 0 || step >= from)
                    print_step(p, step, step_name(p, step));
            if (unclear != NULL)
                print_step(p, TALLY_STEP_COUNT, step_name(p, TALLY_STEP_COUNT));
            fputc('\n', p->out);
            headed = true;
        }
        print_step_row(p, protocol, rows[protocol], from, unclear != NULL ? &unclear[protocol] : NULL);
    }
}

static void print_tls(const struct text *t)
{
    const struct page *p = &t->page;
    const struct tally *y = &t->tally;
    char note[256];
    if (y->versions.total == 0)
        return;
    page_heading(p, "TLS versions and cipher suites");
    text_names(p, &y->versions, TOP_VERSIONS, "(version not seen)");
    fputc('\n', p->out);
    text_names(p, &y->suites, TOP_SUITES, "(suite without a name)");
    fputc('\n', p->out);
    page_row(p, "forward secrecy", y->forward_secret, y->suites_known);
    page_row(p, "post-quantum key exchange", y->post_quantum, y->suites_known);
    snprintf(note, sizeof note,
             "Shares of the %" PRIu64 " handshakes with a ServerHello; in %" PRIu64
             " more sessions it is not known how TLS went.",
             y->versions.total, y->tls_states[TLS_STATE_UNKNOWN]);
    fputs("\n  ", p->out);
    page_wrap(p, 2, 2, note);
}

static void print_clear(const struct text *t)
{
    const struct page *p = &t->page;
    const struct tally *y = &t->tally;
    if (y->clear_mechanisms.total == 0 && y->messages_clear == 0)
        return;
    page_heading(p, "In the clear");
    if (y->clear_mechanisms.total > 0) {
        fputs("  Passwords or tokens that could be read, by mechanism:\n", p->out);
        text_names(p, &y->clear_mechanisms, TOP_MECHANISMS, "(unknown)");
    }
    if (y->messages_clear > 0) {
        fputs("  ", p->out);
        page_plural(p, y->messages_clear, "message", "messages");
        fputs(" accepted without TLS, in ", p->out);
        page_plural(p, y->sessions_with_messages_clear, "session.", "sessions.");
        fputc('\n', p->out);
    }
}

/* "10 critical, 4 high", where the severity differed. */
static void print_severities(const struct page *p, const struct tally_rule *row)
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

static void print_finding(const struct text *t, enum rule rule, enum severity severity)
{
    const struct page *p = &t->page;
    const struct tally_rule *row = &t->tally.rules[rule];
    const struct rule_info *info = policy_rule(rule);
    char number[PAGE_NUMBER_CAP];
    fputs("  ", p->out);
    page_severity_column(p, severity);
    page_strong(p, info->id);
    fputs(": ", p->out);
    page_plural(p, row->hits_total, "session", "sessions");
    print_severities(p, row);
    fputs(t->tally.servers_lost > 0 ? ", at least " : ", ", p->out);
    page_plural(p, row->servers, "server", "servers");
    if (row->undecidable > 0)
        fprintf(p->out, "; %s more not decidable", page_number(row->undecidable, number));
    fprintf(p->out, "\n%*s", INDENT, "");
    page_wrap(p, INDENT, INDENT, info->advice);
}

static enum severity worst_of(const struct tally_rule *row)
{
    int severity = SEVERITY_COUNT - 1;
    while (severity > SEVERITY_NONE && row->hits[severity] == 0)
        severity--;
    return (enum severity)severity;
}

/* Each rule once, at the worst severity it had. */
static void print_findings(const struct text *t)
{
    bool headed = false;
    for (int severity = SEVERITY_COUNT - 1; severity >= SEVERITY_INFO; severity--)
        for (size_t rule = 0; rule < RULE_COUNT; rule++) {
            if (worst_of(&t->tally.rules[rule]) != (enum severity)severity)
                continue;
            if (!headed)
                page_heading(&t->page, "Findings, and what to do");
            headed = true;
            print_finding(t, (enum rule)rule, (enum severity)severity);
        }
}

/* The rules a server was found with, gravest first by the role of its port. Returns the first. */
static enum rule list_server_rules(const struct tally_server *server, char *line, size_t cap)
{
    size_t used = 0;
    enum rule gravest = RULE_COUNT;
    line[0] = '\0';
    for (int severity = SEVERITY_COUNT - 1; severity >= SEVERITY_NONE; severity--)
        for (enum rule rule = 0; rule < RULE_COUNT; rule++) {
            const struct rule_info *info = policy_rule(rule);
            if ((server->rules[rule / 64] >> rule % 64 & 1) == 0 ||
                info->severity[server->role] != (enum severity)severity)
                continue;
            gravest = gravest == RULE_COUNT ? rule : gravest;
            int n = snprintf(line + used, cap - used, "%s%s", used > 0 ? ", " : "", info->id);
            used += n > 0 && used + (size_t)n < cap ? (size_t)n : 0;
        }
    return gravest;
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

static void print_server(const struct page *p, const struct tally_server *server, uint64_t *told)
{
    char address[64];
    char text[1024];
    bool v6 = server->family == IP_V6;
    address_text(&server->address, (enum ip_family)server->family, address);
    fputs("  ", p->out);
    page_severity_column(p, (enum severity)server->worst);
    snprintf(text, sizeof text, "%s%s%s port %u", v6 ? "[" : "", address, v6 ? "]" : "", server->port);
    page_strong(p, text);
    fprintf(p->out, ", %s", session_protocol_word((enum protocol)server->protocol));
    if (server->name[0] != '\0')
        fprintf(p->out, ", %s", log_escape(server->name, text, SHOWN_CAP));
    fprintf(p->out, ": %s of ", page_number(server->at_severity[server->worst], text));
    page_plural(p, server->sessions, "session", "sessions");
    enum rule gravest = list_server_rules(server, text, sizeof text);
    fprintf(p->out, "\n%*s", INDENT, "");
    page_wrap(p, INDENT, INDENT, text[0] != '\0' ? text : "Rules of the house policy alone; see below.");
    if (gravest != RULE_COUNT)
        print_server_advice(p, gravest, told);
}

static void print_servers(const struct text *t)
{
    const struct tally_server *rows[TOP_SERVERS];
    uint64_t told[TALLY_RULE_WORDS] = {0};
    size_t count = tally_servers_top(&t->tally, rows, TOP_SERVERS);
    if (count > 0)
        page_heading(&t->page, "Worst servers");
    for (size_t i = 0; i < count; i++)
        print_server(&t->page, rows[i], told);
}

/* ---- what the mirror showed, and what it did not ---- */

static void print_quality_row(const struct page *p, uint64_t number, const char *text)
{
    char shown[PAGE_NUMBER_CAP];
    if (number > 0)
        fprintf(p->out, "  %14s  %s\n", page_number(number, shown), text);
}

static void print_quality(const struct text *t, const struct run_summary *summary)
{
    static const enum counter shown[] = {COUNTER_gaps,
                                         COUNTER_gap_bytes,
                                         COUNTER_duplicates,
                                         COUNTER_truncated,
                                         COUNTER_overlap_conflicts,
                                         COUNTER_fragments_timed_out,
                                         COUNTER_fragments_evicted,
                                         COUNTER_fragments_cut,
                                         COUNTER_fragments_overlapping,
                                         COUNTER_fragments_malformed,
                                         COUNTER_fragments_tiny,
                                         COUNTER_malformed,
                                         COUNTER_link_unknown,
                                         COUNTER_too_deep,
                                         COUNTER_buffer_full,
                                         COUNTER_negotiations_refused,
                                         COUNTER_flows_evicted,
                                         COUNTER_ring_dropped,
                                         COUNTER_overlong_lines,
                                         COUNTER_tls_malformed};
    const struct page *p = &t->page;
    uint64_t sum = summary->kernel_dropped + t->tally.one_sided + t->tally.midstream;
    for (size_t i = 0; i < sizeof shown / sizeof shown[0]; i++)
        sum += summary->counters[shown[i]];
    page_heading(p, "Quality of the mirror");
    if (sum == 0)
        fputs("  Complete: both directions, no gaps, no duplicates, nothing cut, nothing dropped.\n", p->out);
    print_quality_row(p, t->tally.one_sided, "sessions of which one direction was captured");
    print_quality_row(p, t->tally.midstream, "sessions whose beginning was not captured");
    print_quality_row(p, summary->kernel_dropped,
                      "packets dropped by the kernel: enlarge caps.kernel_ring_bytes or filter more");
    for (size_t i = 0; i < sizeof shown / sizeof shown[0]; i++)
        print_quality_row(p, summary->counters[shown[i]], counter_text(shown[i]));
    text_mirror(p, &summary->mirror);
}

static void print_undecided(const struct text *t)
{
    const struct page *p = &t->page;
    const struct tally *y = &t->tally;
    size_t order[TOP_UNDECIDED];
    size_t count = 0;
    for (size_t rule = 0; rule < RULE_COUNT; rule++) {
        uint64_t n = y->rules[rule].undecidable;
        if (n == 0 || (count == TOP_UNDECIDED && n <= y->rules[order[count - 1]].undecidable))
            continue;
        size_t at = count < TOP_UNDECIDED ? count++ : count - 1;
        for (; at > 0 && n > y->rules[order[at - 1]].undecidable; at--)
            order[at] = order[at - 1];
        order[at] = rule;
    }
    if (count == 0)
        return;
    page_heading(p, "What could not be decided");
    for (size_t i = 0; i < count; i++)
        page_row(p, policy_rule((enum rule)order[i])->id, y->rules[order[i]].undecidable, y->sessions);
}

/* ---- nothing found ---- */

static void print_nothing(const struct text *t, const struct run_summary *summary)
{
    const struct page *p = &t->page;
    char number[PAGE_NUMBER_CAP];
    page_heading(p, "No mail sessions");
    fprintf(p->out, "  %s TCP segments were read. The ports looked at:",
            page_number(summary->counters[COUNTER_segments], number));
    for (size_t i = 0; i < t->config->port_count; i++)
        fprintf(p->out, " %u", t->config->ports[i].port);
    fputs(".\n", p->out);
    if (summary->counters[COUNTER_packets] == 0)
        fputs(
            "  No packet came through: is the capture empty, or the filter too narrow (--filter, tunnels)?\n",
            p->out);
    else if (summary->counters[COUNTER_segments] == 0)
        fputs("  None of the packets held TCP: see the quality below.\n", p->out);
    else
        fputs("  Mail on other ports: name them in the configuration (ports:). TLS that is no mail: "
              "--any-tls.\n",
              p->out);
}

static bool finish(void *state, const struct run_summary *summary)
{
    struct text *t = state;
    print_head(t, summary);
    if (t->tally.sessions == 0) {
        print_nothing(t, summary);
    } else {
        print_totals(t);
        text_compliance(&t->page, &t->tally, t->config);
        print_steps(&t->page, "STARTTLS, step by step", t->tally.starttls, TALLY_OFFERED,
                    t->tally.starttls_unknown);
        print_steps(&t->page, "TLS from the first octet", t->tally.implicit, TALLY_CLIENT_HELLO, NULL);
        print_tls(t);
        text_certificates(&t->page, &t->tally);
        text_clients(&t->page, &t->tally);
        print_clear(t);
        print_servers(t);
        print_findings(t);
        text_house(&t->page, &t->tally, t->config, summary->last_ns);
    }
    print_quality(t, summary);
    print_undecided(t);
    bool written = fflush(t->page.out) == 0 && !ferror(t->page.out);
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
    t->page = page_for(out);
    t->config = config;
    t->tally.every_profile = config->profile_all;
    *sink = (struct sink){.state = t, .event = event, .finish = finish};
    return true;
}
