/* Alerts, findings, compliance, the mirror, and what could not be seen. */
#include "sensor/publish/html_parts.h"
#include "sensor/publish/html_sections.h"

/* ---- alerts ---- */

static void put_alert(FILE *out, const struct report_alert *a)
{
    fputs("<li>", out);
    html_severity(out, a->severity);
    fputs("<span class=\"name\"><code>", out);
    html_text(out, a->rule, HTML_SHORT);
    fputs("</code></span> ", out);
    html_text(out, a->server[0] != '\0' ? a->server : "this sensor", HTML_SHORT);
    if (a->name[0] != '\0') {
        fputs(", ", out);
        html_text(out, a->name, HTML_SHORT);
    }
    fputs("<p class=\"soft\">since ", out);
    html_time(out, a->first_ms, false);
    fputs(", last ", out);
    html_time(out, a->last_ms, false);
    fputs(", ", out);
    html_plural(out, a->hits, "hit", "hits");
    fputs("</p></li>\n", out);
}

void html_alerts(FILE *out, const struct report *r)
{
    size_t shown = r->alert_count < HTML_TOP ? r->alert_count : HTML_TOP;
    if (r->missing[REPORT_OPEN_ALERTS] != NULL)
        return;
    html_section(out, "alerts", "Open alerts");
    if (r->alerts_open == 0)
        fputs("<p>None is open.</p>\n", out);
    if (shown > 0) {
        fputs("<ul class=\"cards\">\n", out);
        for (size_t i = 0; i < shown; i++)
            put_alert(out, &r->alerts[i]);
        fputs("</ul>\n", out);
    }
    html_more(out, r->alerts_open, shown);
    html_section_end(out);
}

/* ---- findings ---- */

/* "(10 critical, 4 high)", where the severity differed. */
static void put_severities(FILE *out, const struct report_finding *f)
{
    bool first = true;
    for (int severity = SEVERITY_COUNT - 1; severity >= SEVERITY_INFO; severity--) {
        if (f->hits[severity] == 0 || f->hits[severity] == f->hits_total)
            continue;
        fputs(first ? " (" : ", ", out);
        html_number(out, f->hits[severity]);
        fprintf(out, " %s", policy_severity_word((enum severity)severity));
        first = false;
    }
    fputs(first ? "" : ")", out);
}

static void put_finding(FILE *out, const struct report *r, const struct report_finding *f)
{
    fputs("<li>", out);
    html_severity(out, f->worst);
    fputs("<span class=\"name\"><code>", out);
    html_text(out, f->id, HTML_SHORT);
    fputs("</code></span> ", out);
    html_plural(out, f->hits_total, "session", "sessions");
    put_severities(out, f);
    if (f->servers > 0) {
        fputs(r->servers_lost ? ", at least " : ", ", out);
        html_plural(out, f->servers, "server", "servers");
    }
    if (f->undecidable > 0) {
        fputs("; ", out);
        html_number(out, f->undecidable);
        fputs(" more not decidable", out);
    }
    fputs("<p>", out);
    html_text(out, f->rule < RULE_COUNT ? policy_rule(f->rule)->advice : "A rule of the house policy.", 0);
    fputs("</p>", out);
    if (f->rule < RULE_COUNT) {
        fputs("<p class=\"soft\">", out);
        html_text(out, policy_rule(f->rule)->sources, 0);
        fputs("</p>", out);
    }
    fputs("</li>\n", out);
}

static void put_by_severity(FILE *out, const struct report *r)
{
    static const char *const heads[] = {"severity", "findings", "sessions", "share"};
    static const enum rollup_counter findings[SEVERITY_COUNT] = {
        [SEVERITY_INFO] = ROLLUP_findings_info,
        [SEVERITY_LOW] = ROLLUP_findings_low,
        [SEVERITY_MEDIUM] = ROLLUP_findings_medium,
        [SEVERITY_HIGH] = ROLLUP_findings_high,
        [SEVERITY_CRITICAL] = ROLLUP_findings_critical};
    static const enum rollup_counter worst[SEVERITY_COUNT] = {[SEVERITY_INFO] = ROLLUP_severity_info,
                                                              [SEVERITY_LOW] = ROLLUP_severity_low,
                                                              [SEVERITY_MEDIUM] = ROLLUP_severity_medium,
                                                              [SEVERITY_HIGH] = ROLLUP_severity_high,
                                                              [SEVERITY_CRITICAL] = ROLLUP_severity_critical};
    html_table(out, "All findings by severity, and sessions by their worst", heads, 4, true);
    for (int severity = SEVERITY_CRITICAL; severity >= SEVERITY_INFO; severity--) {
        uint64_t sessions = report_count(r, worst[severity]);
        fputs("<tr><th scope=\"row\">", out);
        html_severity(out, (enum severity)severity);
        fputs("</th>", out);
        html_cell_number(out, report_count(r, findings[severity]));
        html_cell_number(out, sessions);
        html_cell_share(out, sessions, report_count(r, ROLLUP_sessions));
        html_bar_cell(out, sessions, report_count(r, ROLLUP_sessions), html_kind_of((enum severity)severity));
        html_row_end(out);
    }
    html_table_end(out);
}

void html_findings(FILE *out, const struct report *r)
{
    html_section(out, "findings", "Findings, and what to do");
    put_by_severity(out, r);
    if (r->finding_count > 0) {
        fputs("<ul class=\"cards\">\n", out);
        for (size_t i = 0; i < r->finding_count; i++)
            put_finding(out, r, &r->findings[i]);
        fputs("</ul>\n", out);
    }
    html_missing(out, r, REPORT_BY_RULE);
    html_section_end(out);
}

/* ---- compliance ---- */

void html_compliance(FILE *out, const struct report *r)
{
    static const char *const heads[] = {"profile",   "graded",    "good or allowed",
                                        "phase-out", "forbidden", "in part unseen"};
    if (r->profile_count == 0 && r->missing[REPORT_PROFILES] == NULL)
        return;
    html_section(out, "compliance", "Compliance with profiles");
    if (r->profile_count > 0) {
        fputs("<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"Profiles, table\">\n", out);
        html_table(out, "Sessions that gave something to grade", heads, 6, false);
        for (size_t i = 0; i < r->profile_count; i++) {
            const struct report_profile *p = &r->profiles[i];
            fputs("<tr><th scope=\"row\">", out);
            html_text(out, p->info->name, HTML_SHORT);
            fputs(" <span class=\"soft\">", out);
            html_text(out, p->info->date, HTML_SHORT);
            fputs("</span></th>", out);
            html_cell_number(out, p->graded);
            html_cell_share(out, p->good, p->graded);
            html_cell_share(out, p->phase_out, p->graded);
            html_cell_share(out, p->forbidden, p->graded);
            html_cell_share(out, p->in_part, p->graded);
            html_row_end(out);
        }
        html_table_end(out);
        fputs(
            "</div>\n<p class=\"soft\">Probes and failed handshakes give nothing to grade. In part unseen: "
            "mostly the certificate, which TLS 1.3 and resumption hide; the grade is that of the rest.</p>\n",
            out);
    }
    html_missing(out, r, REPORT_PROFILES);
    html_section_end(out);
}

static void put_rules(FILE *out, const char *caption, const struct report_names *names, uint64_t whole)
{
    static const char *const heads[] = {"rule", "sessions", "share"};
    if (names->count == 0)
        return;
    html_table(out, caption, heads, 3, true);
    for (size_t i = 0; i < names->count; i++)
        html_share_row(out, names->rows[i].text, names->rows[i].count, whole, HTML_UNKNOWN);
    html_table_end(out);
}

void html_house(FILE *out, const struct report *r)
{
    if (r->excepted.count + r->ended_count == 0)
        return;
    html_section(out, "house", "House policy");
    put_rules(out, "Findings that exceptions took away", &r->excepted, report_count(r, ROLLUP_sessions));
    if (r->ended_count > 0) {
        fputs("<h3>Exceptions that have ended</h3>\n<ul class=\"cards\">\n", out);
        for (size_t i = 0; i < r->ended_count; i++) {
            fputs("<li>", out);
            html_text(out, r->ended[i], 0);
            fputs("</li>\n", out);
        }
        fputs("</ul>\n", out);
        html_more(out, r->ended_total, r->ended_count);
    }
    html_section_end(out);
}

/* ---- the mirror ---- */

static void put_mirror_findings(FILE *out, const struct mirror_report *m)
{
    if (m->findings == 0)
        return;
    fputs("<ul class=\"cards\">\n", out);
    for (enum mirror_rule rule = 0; rule < MIRROR_RULE_COUNT; rule++) {
        const struct mirror_rule_info *info = mirror_rule_info(rule);
        char figures[128];
        if (!mirror_found(m, rule))
            continue;
        fputs("<li>", out);
        html_severity(out, policy_severity_of_word(info->severity));
        fputs("<span class=\"name\"><code>", out);
        html_text(out, info->id, HTML_SHORT);
        fputs("</code></span> ", out);
        html_text(out, mirror_say(m, rule, figures, sizeof figures), 0);
        fputs("<p>", out);
        html_text(out, info->advice, 0);
        fputs("</p></li>\n", out);
    }
    fputs("</ul>\n", out);
}

/* Words of tags and tunnels, where there are some. */
static void put_marks(FILE *out, const struct mirror_marks *marks)
{
    enum { SHOWN = 12 };
    unsigned vlans = 0;
    unsigned tunnels = 0;
    for (unsigned id = 0; id < MIRROR_VLANS; id++)
        if ((marks->vlans[id / 64] >> id % 64 & 1) != 0 && vlans++ < SHOWN)
            fprintf(out, "%s%u", vlans == 1 ? "<p>VLANs seen: " : ", ", id);
    fputs(vlans > SHOWN ? " \u2026</p>\n" : vlans > 0 ? "</p>\n" : "", out);
    for (enum tunnel tunnel = TUNNEL_NONE + 1; tunnel < 32 && decode_tunnel_word(tunnel)[0] != '\0'; tunnel++)
        if (marks->tunnels >> tunnel & 1)
            fprintf(out, "%s%s", tunnels++ == 0 ? "<p>Tunnels seen: " : ", ", decode_tunnel_word(tunnel));
    fputs(tunnels > 0 ? "</p>\n" : "", out);
}

void html_mirror(FILE *out, const struct report *r)
{
    static const char *const heads[] = {"what the mirror did", "number"};
    html_section(out, "mirror", "Quality of the mirror");
    if (r->quality_count == 0 && r->missing[REPORT_MIRROR] == NULL)
        fputs("<p>Complete: both directions, no gaps, no duplicates, nothing cut, nothing dropped.</p>\n",
              out);
    if (r->quality_count > 0) {
        html_table(out, "What the capture missed or repeated", heads, 2, false);
        for (size_t i = 0; i < r->quality_count; i++) {
            html_row_head(out, r->quality[i].text, 0);
            html_cell_number(out, r->quality[i].count);
            html_row_end(out);
        }
        html_table_end(out);
    }
    put_mirror_findings(out, &r->mirror);
    put_marks(out, &r->mirror.marks);
    html_missing(out, r, REPORT_MIRROR);
    html_section_end(out);
}

void html_unseen(FILE *out, const struct report *r)
{
    static const char *const heads[] = {"what", "sessions", "share"};
    uint64_t sessions = report_count(r, ROLLUP_sessions);
    const struct html_part rows[] = {
        {"verdict undecidable", report_count(r, ROLLUP_verdict_undecidable), HTML_UNKNOWN},
        {"a rule that could not be decided", report_count(r, ROLLUP_undecidable), HTML_UNKNOWN},
        {"not known whether it was encrypted", sessions - report_count(r, ROLLUP_decidable), HTML_UNKNOWN},
        {"certificate hidden by TLS 1.3", report_count(r, ROLLUP_cert_hidden_tls13), HTML_UNKNOWN},
        {"certificate hidden by resumption", report_count(r, ROLLUP_cert_hidden_resumed), HTML_UNKNOWN},
        {"certificate missed by the capture", report_count(r, ROLLUP_cert_gap), HTML_UNKNOWN},
        {"one direction captured", report_count(r, ROLLUP_one_sided), HTML_UNKNOWN},
        {"beginning not captured", report_count(r, ROLLUP_midstream), HTML_UNKNOWN},
        {"octets missing", report_count(r, ROLLUP_gap_sessions), HTML_UNKNOWN}};
    html_section(out, "unseen", "What could not be seen");
    fputs(
        "<p>TLS 1.3 encrypts the certificate and resumed sessions send none; logins and messages inside TLS "
        "cannot be "
        "seen. A single session shows what was offered and chosen, never what else a server supports.</p>\n",
        out);
    if (sessions > 0) {
        html_table(out, "Of all sessions", heads, 3, true);
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
            html_share_row(out, rows[i].label, rows[i].count, sessions, rows[i].kind);
        html_table_end(out);
    }
    put_rules(out, "Rules that could not be decided most often", &r->undecided, sessions);
    html_missing(out, r, REPORT_UNDECIDED);
    html_missing(out, r, REPORT_INPUTS);
    html_missing(out, r, REPORT_HOUSE);
    html_section_end(out);
}
