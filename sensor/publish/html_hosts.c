/* Servers, certificates and clients. */
#include <inttypes.h>
#include <string.h>

#include "parsers/registry.h"
#include "sensor/publish/html_parts.h"
#include "sensor/publish/html_sections.h"

static void put_address(FILE *out, const char *ip, uint16_t port)
{
    bool v6 = strchr(ip, ':') != NULL;
    fputs(v6 ? "[" : "", out);
    html_text(out, ip, HTML_SHORT);
    fprintf(out, "%s port %u", v6 ? "]" : "", port);
}

/* ---- servers ---- */

static void put_change(FILE *out, const struct report_server *s, uint64_t *told)
{
    if (s->gravest >= RULE_COUNT)
        return;
    bool again = told[s->gravest / 64] >> s->gravest % 64 & 1;
    told[s->gravest / 64] |= UINT64_C(1) << s->gravest % 64;
    fputs("<p><b>Change first:</b> ", out);
    if (again)
        fprintf(out, "the same as above for <code>%s</code>.", policy_rule(s->gravest)->id);
    else
        html_text(out, policy_rule(s->gravest)->advice, 0);
    fputs("</p>", out);
}

static void put_server(FILE *out, const struct report_server *s, uint64_t *told)
{
    fputs("<li>", out);
    html_severity(out, s->worst);
    fputs("<span class=\"name\">", out);
    put_address(out, s->ip, s->port);
    fputs("</span> ", out);
    html_text(out, s->protocol, HTML_SHORT);
    if (s->name[0] != '\0') {
        fputs(", ", out);
        html_text(out, s->name, HTML_SHORT);
    }
    fputs(": ", out);
    if (s->sessions_worst > 0) {
        html_number(out, s->sessions_worst);
        fputs(" of ", out);
    }
    html_plural(out, s->sessions, "session", "sessions");
    fputs("<p class=\"soft\"><code>", out);
    html_text(out, s->rules[0] != '\0' ? s->rules : "rules of the house policy alone", 0);
    fputs("</code></p>", out);
    put_change(out, s, told);
    fputs("</li>\n", out);
}

void html_servers(FILE *out, const struct report *r)
{
    uint64_t told[TALLY_RULE_WORDS] = {0};
    size_t shown = r->server_count < HTML_TOP ? r->server_count : HTML_TOP;
    html_section(out, "servers", "Worst servers, and what to change");
    if (shown == 0 && r->missing[REPORT_SERVER_LIST] == NULL)
        fputs("<p>No server has a finding of severity low or above.</p>\n", out);
    if (shown > 0) {
        fputs("<ul class=\"cards\">\n", out);
        for (size_t i = 0; i < shown; i++)
            put_server(out, &r->servers[i], told);
        fputs("</ul>\n", out);
    }
    html_more(out, r->servers_troubled, shown);
    html_missing(out, r, REPORT_SERVER_LIST);
    html_section_end(out);
}

/* ---- certificates ---- */

static enum html_kind days_kind(int64_t days)
{
    return days < 0 ? HTML_BAD : days <= 14 ? HTML_WEAK : HTML_GOOD;
}

static void put_days(FILE *out, int64_t days)
{
    char text[48];
    uint64_t number = days < 0 ? (uint64_t)0 - (uint64_t)days : (uint64_t)days;
    snprintf(text, sizeof text, "%" PRIu64 " %s%s", number, number == 1 ? "day" : "days",
             days < 0 ? " ago" : "");
    html_badge(out, days_kind(days), text);
}

static void put_certificate(FILE *out, const struct report_certificate *c)
{
    fputs("<tr><th scope=\"row\">", out);
    put_days(out, c->days_left);
    fputs("</th><td>", out);
    html_text(out, c->hosts[0] != '\0' ? c->hosts : "(no name)", HTML_LONG);
    fputs(c->hosts_cut ? " \u2026" : "", out);
    fputs("<br><span class=\"soft\">", out);
    put_address(out, c->ip, c->port);
    fputs("</span></td><td>", out);
    html_text(out, c->trust, HTML_SHORT);
    fputs(", ", out);
    html_text(out, c->key[0] != '\0' ? c->key : "key not read", HTML_SHORT);
    fputs(c->weak_key ? ", weak key" : "", out);
    fputs(c->weak_signature ? ", weak signature" : "", out);
    fputs(c->name_mismatch ? ", wrong name" : "", out);
    fputs("</td></tr>\n", out);
}

static void put_certificate_list(FILE *out, const struct report *r)
{
    size_t shown = r->certificate_count < HTML_TOP ? r->certificate_count : HTML_TOP;
    if (shown == 0)
        return;
    fputs("<table>\n<caption>Fewest days left, as of when each was seen last</caption>\n<thead><tr><th "
          "scope=\"col\">left</th><th scope=\"col\">names and server</th><th "
          "scope=\"col\">state</th></tr></thead>"
          "\n<tbody>\n",
          out);
    for (size_t i = 0; i < shown; i++)
        put_certificate(out, &r->certificates[i]);
    html_table_end(out);
    html_more(out, r->certificate_sums.certificates, shown);
}

static void put_faults(FILE *out, const struct report *r)
{
    static const char *const heads[] = {"fault", "certificates", "share"};
    const struct tally_certificate_sums *s = &r->certificate_sums;
    const struct html_part rows[] = {{"do not carry the name that was asked for", s->name_mismatch, HTML_BAD},
                                     {"weak key", s->weak_key, HTML_BAD},
                                     {"weak signature (MD5, SHA-1)", s->weak_signature, HTML_BAD}};
    if (s->name_mismatch + s->weak_key + s->weak_signature == 0)
        return;
    html_table(out, "Faults", heads, 3, true);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].count > 0)
            html_share_row(out, rows[i].label, rows[i].count, s->certificates, rows[i].kind);
    html_table_end(out);
}

static void put_tally_names(FILE *out, const char *caption, const char *head, const struct tally_names *names)
{
    enum { TOP = 8 };
    const char *heads[] = {head, "certificates", "share"};
    const struct tally_name *rows[TOP];
    size_t count = tally_names_top(names, rows, TOP);
    if (count == 0)
        return;
    html_table(out, caption, heads, 3, true);
    for (size_t i = 0; i < count; i++)
        html_share_row(out, rows[i]->text[0] != '\0' ? rows[i]->text : "(not read)", rows[i]->count,
                       names->total, HTML_PLAIN);
    html_table_end(out);
}

void html_certificates(FILE *out, const struct report *r)
{
    static const char *const labels[REPORT_CERT_DAYS] = {"ended already",      "0 to 7 days left",
                                                         "8 to 14 days left",  "15 to 30 days left",
                                                         "31 to 90 days left", "91 and more"};
    static const enum html_kind kinds[REPORT_CERT_DAYS] = {HTML_BAD,  HTML_WEAK, HTML_WEAK,
                                                           HTML_FAIR, HTML_GOOD, HTML_GOOD};
    struct html_part days[REPORT_CERT_DAYS];
    uint64_t sum = 0;
    uint64_t visible = report_count(r, ROLLUP_cert_visible);
    uint64_t all = report_count(r, ROLLUP_sessions) - report_count(r, ROLLUP_cert_none);
    for (size_t i = 0; i < REPORT_CERT_DAYS; i++) {
        days[i] = (struct html_part){labels[i], r->certificate_days[i], kinds[i]};
        sum += days[i].count;
    }
    if (sum == 0 && all == 0)
        return;
    html_section(out, "certificates", "Certificates");
    fputs("<p>", out);
    html_number(out, visible);
    fputs(" of ", out);
    html_plural(out, all, "session", "sessions");
    fputs(" with a handshake showed a certificate (", out);
    html_share(out, visible, all);
    fputs("); TLS 1.3, resumption or a gap hid the others. Each certificate counts once below.</p>\n", out);
    if (sum > 0)
        html_bars(out, "c-days", "Certificates by days left", days, REPORT_CERT_DAYS, sum);
    put_certificate_list(out, r);
    put_faults(out, r);
    put_tally_names(out, "Trust", "trust", &r->certificate_sums.trust);
    put_tally_names(out, "Keys", "key", &r->certificate_sums.keys);
    html_missing(out, r, REPORT_CERTIFICATE_LIST);
    html_section_end(out);
}

/* ---- clients ---- */

static void put_breaks(FILE *out, const struct report_client *c)
{
    const struct {
        uint64_t hellos;
        const char *what;
    } breaks[] = {{c->until_tls11, "TLS 1.0 and 1.1"},
                  {c->without_aead, "CBC suites"},
                  {c->without_ecdhe, "static RSA and DHE"}};
    bool said = false;
    for (size_t i = 0; i < sizeof breaks / sizeof breaks[0]; i++) {
        if (breaks[i].hellos == 0)
            continue;
        fputs(said ? "; " : "Breaks without ", out);
        html_text(out, breaks[i].what, 0);
        if (breaks[i].hellos < c->hellos) {
            fputs(" (in ", out);
            html_number(out, breaks[i].hellos);
            fputs(" of its hellos)", out);
        }
        said = true;
    }
    fputs(said ? "." : "", out);
    fputs(c->weak > 0 ? " Offers weak suites." : "", out);
}

static void put_client(FILE *out, const struct report_client *c)
{
    fputs("<li><span class=\"name\">", out);
    html_text(out, c->ip, HTML_SHORT);
    fputs("</span>", out);
    html_text(out, c->helo, HTML_SHORT);
    fputs(c->helo[0] != '\0' ? ": " : " ", out);
    html_text(out, c->best_version[0] != '\0' ? c->best_version : "no known version", HTML_SHORT);
    fputs(" at best, ", out);
    html_plural(out, c->hellos, "hello", "hellos");
    fputs("<p>", out);
    put_breaks(out, c);
    fputs("</p>", out);
    if (c->ja4[0] != '\0') {
        fputs("<p class=\"soft\">JA4 <code>", out);
        html_text(out, c->ja4, HTML_SHORT);
        fputs(c->several ? "</code> and others</p>" : "</code></p>", out);
    }
    fputs("</li>\n", out);
}

static void put_client_sums(FILE *out, const struct tally_client_sums *s)
{
    static const char *const heads[] = {"what they offer", "clients", "share"};
    char label[64];
    html_table(out, "Client addresses by what they offered", heads, 3, true);
    for (size_t i = TALLY_VERSIONS; i-- > 0;) {
        snprintf(label, sizeof label, "%s at best",
                 i > 0 ? registry_version_name((uint16_t)(0x0300 + i - 1)) : "SSL2 or unknown");
        if (s->best_offer[i] > 0)
            html_share_row(out, label, s->best_offer[i], s->clients,
                           i >= TALLY_VERSIONS - 2 ? HTML_GOOD : HTML_WEAK);
    }
    html_share_row(out, "offer a weak suite", s->weak, s->clients, HTML_WEAK);
    html_share_row(out, "would break without TLS 1.0 and 1.1", s->break_tls12, s->clients, HTML_BAD);
    html_share_row(out, "would break without CBC suites: no AEAD offered", s->break_aead, s->clients,
                   HTML_BAD);
    html_share_row(out, "would break without static RSA and DHE", s->break_ecdhe, s->clients, HTML_BAD);
    html_table_end(out);
}

void html_clients(FILE *out, const struct report *r)
{
    size_t shown = r->client_count < HTML_TOP ? r->client_count : HTML_TOP;
    if (r->client_sums.clients == 0 && r->missing[REPORT_CLIENT_LIST] == NULL)
        return;
    html_section(out, "clients", "Clients at risk");
    fputs("<p>Which clients would no longer get through if servers took less. One address may stand for many "
          "programs.</p>\n",
          out);
    if (r->client_sums.clients > 0)
        put_client_sums(out, &r->client_sums);
    if (shown > 0) {
        fputs("<ul class=\"cards\">\n", out);
        for (size_t i = 0; i < shown; i++)
            put_client(out, &r->clients[i]);
        fputs("</ul>\n", out);
    }
    html_more(out, r->client_sums.listed, shown);
    if (r->clients_lost)
        fputs("<p class=\"soft\">Others were pushed out of the table.</p>\n", out);
    html_missing(out, r, REPORT_CLIENT_LIST);
    html_section_end(out);
}
