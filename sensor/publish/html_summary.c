/* What the report comes to: the head, the verdict in plain words, what to do first, and the shares. */
#include <string.h>

#include "sensor/publish/html_parts.h"
#include "sensor/publish/html_sections.h"

enum { URGENT = 3 };

void html_missing(FILE *out, const struct report *r, enum report_part part)
{
    if (r->missing[part] == NULL)
        return;
    fputs("<p class=\"soft\">", out);
    html_text(out, r->missing[part], 0);
    fputs("</p>\n", out);
}

void html_more(FILE *out, uint64_t all, uint64_t shown)
{
    if (all <= shown)
        return;
    fputs("<p class=\"soft\">\u2026 and ", out);
    html_number(out, all - shown);
    fputs(" more.</p>\n", out);
}

void html_head(FILE *out, const struct report *r)
{
    fputs("<header>\n<h1>How this mail is sealed</h1>\n<p class=\"soft\">Site <b>", out);
    html_text(out, r->site, HTML_SHORT);
    fputs("</b>, from ", out);
    html_text(out, r->source, HTML_SHORT);
    if (r->from_ms > 0) {
        fputs("; ", out);
        html_time(out, r->from_ms, true);
        fputs(" to ", out);
        html_time(out, r->to_ms, true);
        fputs(" UTC", out);
    }
    if (r->judged_by != NULL) {
        fputs("; judged by ", out);
        html_text(out, r->judged_by->name, HTML_SHORT);
        fputs(" of ", out);
        html_text(out, r->judged_by->date, HTML_SHORT);
    }
    fputs("</p>\n</header>\n", out);
}

/* ---- the verdict ---- */

static enum html_kind verdict_kind(const struct report *r)
{
    if (r->counts[ROLLUP_verdict_insecure] > 0)
        return HTML_BAD;
    if (r->counts[ROLLUP_verdict_weak] > 0)
        return HTML_WEAK;
    return r->counts[ROLLUP_verdict_compliant] > 0 ? HTML_GOOD : HTML_UNKNOWN;
}

static void put_lead(FILE *out, const struct report *r)
{
    uint64_t sessions = report_count(r, ROLLUP_sessions);
    uint64_t insecure = report_count(r, ROLLUP_verdict_insecure);
    uint64_t weak = report_count(r, ROLLUP_verdict_weak);
    fputs("<p class=\"lead\">", out);
    if (sessions == 0) {
        fputs("No mail session was seen.", out);
    } else if (insecure + weak > 0) {
        html_number(out, insecure > 0 ? insecure : weak);
        fputs(" of ", out);
        html_plural(out, sessions, "session was", "sessions were");
        fputs(insecure > 0 ? " insecure (" : " weak (", out);
        html_share(out, insecure > 0 ? insecure : weak, sessions);
        fputs(").", out);
    } else if (report_count(r, ROLLUP_verdict_compliant) > 0) {
        fputs("Every session that could be judged was compliant.", out);
    } else {
        fputs("No session could be judged.", out);
    }
    fputs("</p>\n", out);
}

static void put_what_was_read(FILE *out, const struct report *r)
{
    fputs("<p>", out);
    if (r->inputs > 0) {
        html_plural(out, r->inputs, "input", "inputs");
        fputs(" with ", out);
        html_plural(out, r->packets, "packet", "packets");
        fputs(": ", out);
    }
    html_plural(out, report_count(r, ROLLUP_sessions), "session", "sessions");
    fputs(" with ", out);
    html_plural(out, r->servers_total, "server", "servers");
    fputs(r->servers_lost ? " or more. " : ". ", out);
    if (r->counts[ROLLUP_auth_cleartext] > 0) {
        fputs("In ", out);
        html_plural(out, report_count(r, ROLLUP_auth_cleartext), "session", "sessions");
        fputs(" a password or token crossed the network readable. ", out);
    }
    if (r->counts[ROLLUP_messages_cleartext] > 0) {
        html_plural(out, report_count(r, ROLLUP_messages_cleartext), "message was", "messages were");
        fputs(" accepted without TLS. ", out);
    }
    if (r->inputs_broken > 0) {
        html_plural(out, r->inputs_broken, "input", "inputs");
        fputs(" could not be read to the end; this is what came before.", out);
    }
    fputs("</p>\n", out);
}

static void put_action(FILE *out, const struct report_finding *f)
{
    fputs("<li>", out);
    html_severity(out, f->worst);
    fputs("<span class=\"name\"><code>", out);
    html_text(out, f->id, HTML_SHORT);
    fputs("</code></span> ", out);
    html_plural(out, f->hits_total, "session", "sessions");
    if (f->servers > 0) {
        fputs(", ", out);
        html_plural(out, f->servers, "server", "servers");
    }
    fputs("<p>", out);
    html_text(out, f->rule < RULE_COUNT ? policy_rule(f->rule)->advice : "A rule of the house policy.", 0);
    fputs("</p></li>\n", out);
}

/* Where findings are not kept by rule, the worst servers tell what to do. */
static void put_server_actions(FILE *out, const struct report *r)
{
    bool told[RULE_COUNT + 1] = {false};
    size_t count = 0;
    for (size_t i = 0; i < r->server_count && count < URGENT; i++) {
        const struct report_server *s = &r->servers[i];
        if (s->gravest == RULE_COUNT || told[s->gravest])
            continue;
        told[s->gravest] = true;
        fputs(count++ == 0 ? "<h3>What to do first</h3>\n<ol class=\"todo\">\n<li>" : "<li>", out);
        html_severity(out, s->worst);
        fprintf(out, "<span class=\"name\"><code>%s</code></span> at ", policy_rule(s->gravest)->id);
        html_text(out, s->ip, HTML_SHORT);
        fprintf(out, " port %u<p>", s->port);
        html_text(out, policy_rule(s->gravest)->advice, 0);
        fputs("</p></li>\n", out);
    }
    fputs(count > 0 ? "</ol>\n" : "", out);
}

static void put_actions(FILE *out, const struct report *r)
{
    const struct report_finding *rows[URGENT];
    size_t count = report_urgent(r, rows, URGENT);
    if (count == 0) {
        put_server_actions(out, r);
        return;
    }
    fputs("<h3>What to do first</h3>\n<ol class=\"todo\">\n", out);
    for (size_t i = 0; i < count; i++)
        put_action(out, rows[i]);
    fputs("</ol>\n", out);
}

/* Nothing seen is an answer, too, but seldom the one that was hoped for. */
static void put_nothing(FILE *out, const struct report *r)
{
    fputs("<p>", out);
    if (r->packets == 0 && r->inputs > 0) {
        fputs("No packet came through: is the capture empty, or the filter too narrow?", out);
    } else if (r->inputs == 0) {
        fputs("Nothing was counted in this time: was a sensor running, and is this the right site?", out);
    } else {
        html_plural(out, r->segments, "TCP segment was", "TCP segments were");
        fputs(" read. The ports looked at: ", out);
        html_text(out, r->ports, 0);
        fputs(
            ". Mail on other ports: name them in the configuration (ports:). TLS that is no mail: --any-tls.",
            out);
    }
    fputs("</p>\n", out);
}

static void put_tile(FILE *out, const char *name, uint64_t part, uint64_t whole, uint64_t unknown,
                     uint64_t all)
{
    fputs("<div><dt>", out);
    html_text(out, name, 0);
    fputs("</dt><dd class=\"big\">", out);
    html_share(out, part, whole);
    fputs("</dd><dd>", out);
    html_number(out, part);
    fputs(" of ", out);
    html_number(out, whole);
    fputs("; unknown ", out);
    html_share(out, unknown, all);
    fputs("</dd></div>\n", out);
}

static void put_count_tile(FILE *out, const char *name, uint64_t number, const char *note)
{
    fputs("<div><dt>", out);
    html_text(out, name, 0);
    fputs("</dt><dd class=\"big\">", out);
    html_number(out, number);
    fputs("</dd><dd>", out);
    html_text(out, note, 0);
    fputs("</dd></div>\n", out);
}

static void put_tiles(FILE *out, const struct report *r)
{
    uint64_t sessions = report_count(r, ROLLUP_sessions);
    uint64_t decidable = report_count(r, ROLLUP_decidable);
    uint64_t undecidable = report_count(r, ROLLUP_verdict_undecidable);
    fputs("<dl class=\"tiles\">\n", out);
    put_tile(out, "Encrypted", report_count(r, ROLLUP_encrypted), decidable, sessions - decidable, sessions);
    put_tile(out, "Compliant", report_count(r, ROLLUP_verdict_compliant), sessions - undecidable, undecidable,
             sessions);
    put_count_tile(out, "Credentials in clear", report_count(r, ROLLUP_auth_cleartext), "sessions");
    put_count_tile(out, "Certificates ended", r->certificate_days[0], "of those that were visible");
    put_count_tile(out, "End within 14 days", r->certificate_days[1] + r->certificate_days[2],
                   "of those that were visible");
    if (r->missing[REPORT_OPEN_ALERTS] == NULL)
        put_count_tile(out, "Open alerts", r->alerts_open, "now");
    fputs("</dl>\n", out);
}

void html_verdict(FILE *out, const struct report *r)
{
    static const char *const classes[HTML_KIND_COUNT] = {
        [HTML_GOOD] = " good", [HTML_WEAK] = " weak", [HTML_BAD] = " bad", [HTML_UNKNOWN] = ""};
    fprintf(out,
            "<section id=\"summary\" class=\"verdict%s\" aria-labelledby=\"h-summary\">\n"
            "<h2 id=\"h-summary\">In short</h2>\n",
            classes[verdict_kind(r)]);
    put_lead(out, r);
    if (report_count(r, ROLLUP_sessions) == 0) {
        put_nothing(out, r);
    } else {
        put_what_was_read(out, r);
        put_tiles(out, r);
        put_actions(out, r);
    }
    html_section_end(out);
}

/* ---- shares ---- */

static void put_encrypted(FILE *out, const struct report *r)
{
    uint64_t sessions = report_count(r, ROLLUP_sessions);
    uint64_t decidable = report_count(r, ROLLUP_decidable);
    uint64_t encrypted = report_count(r, ROLLUP_encrypted);
    const struct html_part sessions_parts[] = {{"encrypted", encrypted, HTML_GOOD},
                                               {"not encrypted", decidable - encrypted, HTML_BAD},
                                               {"not known", sessions - decidable, HTML_UNKNOWN}};
    const struct html_part octets[] = {
        {"TLS at once", report_count(r, ROLLUP_bytes_implicit), HTML_GOOD},
        {"STARTTLS", report_count(r, ROLLUP_bytes_starttls), HTML_FAIR},
        {"cleartext", report_count(r, ROLLUP_bytes_plaintext), HTML_BAD},
        {"not known", report_count(r, ROLLUP_bytes_undecidable), HTML_UNKNOWN}};
    html_shares(out, "c-encrypted", "Encrypted, by sessions", sessions_parts, 3);
    html_shares(out, "c-octets", "Encrypted, by octets of sessions of each kind", octets, 4);
}

static void put_groups(FILE *out, const struct report *r, const char *head,
                       const enum rollup_counter *counters, const char *const *names, size_t count)
{
    const char *heads[] = {head, "sessions", "share"};
    char caption[64];
    snprintf(caption, sizeof caption, "Sessions by %s", head);
    uint64_t sessions = report_count(r, ROLLUP_sessions);
    html_table(out, caption, heads, 3, true);
    for (size_t i = 0; i < count; i++)
        if (report_count(r, counters[i]) > 0)
            html_share_row(out, names[i], report_count(r, counters[i]), sessions, HTML_PLAIN);
    html_table_end(out);
}

void html_protection(FILE *out, const struct report *r)
{
    static const enum rollup_counter protocols[] = {
        ROLLUP_protocol_smtp,  ROLLUP_protocol_lmtp,  ROLLUP_protocol_imap,   ROLLUP_protocol_pop3,
        ROLLUP_protocol_sieve, ROLLUP_protocol_other, ROLLUP_protocol_unknown};
    static const char *const protocol_names[] = {"SMTP",        "LMTP",      "IMAP",   "POP3",
                                                 "ManageSieve", "other TLS", "unknown"};
    static const enum rollup_counter directions[] = {ROLLUP_direction_inbound, ROLLUP_direction_outbound,
                                                     ROLLUP_direction_internal, ROLLUP_direction_transit,
                                                     ROLLUP_direction_unknown};
    static const char *const direction_names[] = {"inbound", "outbound", "internal", "transit",
                                                  "not known (no own_networks)"};
    const struct html_part verdicts[] = {
        {"compliant", report_count(r, ROLLUP_verdict_compliant), HTML_GOOD},
        {"weak", report_count(r, ROLLUP_verdict_weak), HTML_WEAK},
        {"insecure", report_count(r, ROLLUP_verdict_insecure), HTML_BAD},
        {"undecidable", report_count(r, ROLLUP_verdict_undecidable), HTML_UNKNOWN}};
    const struct html_part modes[] = {{"TLS at once", report_count(r, ROLLUP_mode_implicit), HTML_GOOD},
                                      {"STARTTLS", report_count(r, ROLLUP_mode_starttls), HTML_FAIR},
                                      {"cleartext", report_count(r, ROLLUP_mode_plaintext), HTML_BAD},
                                      {"not known", report_count(r, ROLLUP_mode_undecidable), HTML_UNKNOWN}};
    html_section(out, "protection", "How much is protected");
    fputs("<div class=\"pair\"><div>\n", out);
    put_encrypted(out, r);
    fputs("</div><div>\n", out);
    html_shares(out, "c-verdict", "Verdict, by sessions", verdicts, 4);
    html_shares(out, "c-mode", "Way of protection, by sessions", modes, 4);
    fputs("</div></div>\n<div class=\"pair\"><div>\n", out);
    put_groups(out, r, "protocol", protocols, protocol_names, 7);
    fputs("</div><div>\n", out);
    put_groups(out, r, "direction", directions, direction_names, 5);
    fputs("</div></div>\n", out);
    html_section_end(out);
}
