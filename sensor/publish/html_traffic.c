/* How connections came to be encrypted, and with what: funnel, time, versions, suites, downgrades,
 * cleartext. */
#include <stdlib.h>
#include <string.h>

#include "sensor/publish/html_parts.h"
#include "sensor/publish/html_sections.h"

/* ---- the funnel ---- */

static const char *const step_names[TALLY_STEP_COUNT] = {
    "Sessions",         "STARTTLS offered", "STARTTLS asked for", "Go-ahead given",
    "ClientHello sent", "ServerHello sent", "TLS established"};

static void put_funnel_row(FILE *out, const struct report_funnel *f, size_t from)
{
    html_row_head(out, f->protocol, HTML_SHORT);
    for (size_t step = 0; step < TALLY_STEP_COUNT; step++)
        if (step == 0 || step >= from)
            html_cell_number(out, f->steps[step]);
    if (!f->implicit)
        html_cell_number(out, f->unclear);
    html_row_end(out);
}

static void put_funnel_table(FILE *out, const struct report *r, bool implicit)
{
    static const char *const heads[] = {"protocol",    "sessions",    "offered",     "asked",  "go-ahead",
                                        "ClientHello", "ServerHello", "established", "unclear"};
    static const char *const implicit_heads[] = {"protocol", "sessions", "ClientHello", "ServerHello",
                                                 "established"};
    bool headed = false;
    for (size_t i = 0; i < r->funnel_count; i++) {
        if (r->funnels[i].implicit != implicit)
            continue;
        const char *caption = implicit ? "TLS from the first octet, by protocol" : "STARTTLS, by protocol";
        if (!headed) {
            fprintf(out, "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"%s\">\n",
                    caption);
            html_table(out, caption, implicit ? implicit_heads : heads, implicit ? 5 : 9, false);
        }
        headed = true;
        put_funnel_row(out, &r->funnels[i], implicit ? TALLY_CLIENT_HELLO : TALLY_OFFERED);
    }
    if (!headed)
        return;
    html_table_end(out);
    fputs("</div>\n", out);
}

void html_funnel(FILE *out, const struct report *r)
{
    static const enum rollup_counter steps[TALLY_STEP_COUNT] = {
        ROLLUP_funnel_sessions,   ROLLUP_funnel_offered,      ROLLUP_funnel_asked,
        ROLLUP_funnel_accepted,   ROLLUP_funnel_client_hello, ROLLUP_funnel_server_hello,
        ROLLUP_funnel_established};
    const struct html_part fates[] = {
        {"upgraded to TLS", report_count(r, ROLLUP_starttls_upgraded), HTML_GOOD},
        {"offered, not used", report_count(r, ROLLUP_starttls_not_used), HTML_WEAK},
        {"not offered", report_count(r, ROLLUP_starttls_not_offered), HTML_WEAK},
        {"refused", report_count(r, ROLLUP_starttls_refused), HTML_BAD},
        {"failed", report_count(r, ROLLUP_starttls_failed), HTML_BAD},
        {"stripped on the path", report_count(r, ROLLUP_starttls_stripped), HTML_BAD},
        {"not seen", report_count(r, ROLLUP_starttls_unknown), HTML_UNKNOWN}};
    static const char *const heads[] = {"outcome of STARTTLS", "sessions", "share"};
    struct html_part parts[TALLY_STEP_COUNT];
    uint64_t whole = report_count(r, ROLLUP_funnel_sessions);
    html_section(out, "funnel", "From cleartext to TLS");
    if (whole > 0) {
        for (size_t i = 0; i < TALLY_STEP_COUNT; i++)
            parts[i] = (struct html_part){step_names[i], report_count(r, steps[i]),
                                          i + 1 == TALLY_STEP_COUNT ? HTML_GOOD : HTML_PLAIN};
        html_bars(out, "c-funnel", "Sessions on ports with STARTTLS: how far they came", parts,
                  TALLY_STEP_COUNT, whole);
        html_table(out, "How STARTTLS ended", heads, 3, true);
        for (size_t i = 0; i < sizeof fates / sizeof fates[0]; i++)
            if (fates[i].count > 0)
                html_share_row(out, fates[i].label, fates[i].count, whole, fates[i].kind);
        html_table_end(out);
    }
    put_funnel_table(out, r, false);
    put_funnel_table(out, r, true);
    html_missing(out, r, REPORT_FUNNEL_BY_PROTOCOL);
    html_section_end(out);
}

/* ---- over time ---- */

struct series_key {
    struct html_part part;
    enum rollup_counter counters[3]; /* added up; unused ones repeat none */
    size_t counter_count;
    bool less; /* the last is taken away, not added */
};

static void put_series(FILE *out, const struct report *r, const char *id, const char *title,
                       const struct series_key *keys, size_t key_count)
{
    enum { KEYS_CAP = 8 };
    uint64_t counts[REPORT_COLUMNS * KEYS_CAP];
    int64_t starts[REPORT_COLUMNS];
    struct html_part parts[KEYS_CAP];
    for (size_t key = 0; key < key_count; key++)
        parts[key] = keys[key].part;
    for (size_t i = 0; i < r->column_count; i++) {
        starts[i] = r->columns[i].start_ms;
        for (size_t key = 0; key < key_count; key++) {
            int64_t sum = 0;
            for (size_t k = 0; k < keys[key].counter_count; k++)
                sum += (keys[key].less && k + 1 == keys[key].counter_count ? -1 : 1) *
                       r->columns[i].counts[keys[key].counters[k]];
            counts[i * key_count + key] = sum > 0 ? (uint64_t)sum : 0;
        }
    }
    html_columns(out, &(struct html_columns){.id = id,
                                             .title = title,
                                             .unit = "sessions",
                                             .keys = parts,
                                             .key_count = key_count,
                                             .counts = counts,
                                             .starts_ms = starts,
                                             .column_count = r->column_count,
                                             .width_ms = r->column_ms});
}

void html_over_time(FILE *out, const struct report *r)
{
    static const struct series_key versions[] = {
        {{"TLS 1.3", 0, HTML_GOOD}, {ROLLUP_version_tls13}, 1},
        {{"TLS 1.2", 0, HTML_FAIR}, {ROLLUP_version_tls12}, 1},
        {{"TLS 1.0 and 1.1", 0, HTML_WEAK}, {ROLLUP_version_tls10, ROLLUP_version_tls11}, 2},
        {{"no TLS, or SSL", 0, HTML_BAD}, {ROLLUP_version_ssl2, ROLLUP_version_ssl3, ROLLUP_tls_none}, 3},
        {{"none chosen, or not seen", 0, HTML_UNKNOWN}, {ROLLUP_version_none, ROLLUP_tls_none}, 2, true}};
    static const struct series_key verdicts[] = {
        {{"compliant", 0, HTML_GOOD}, {ROLLUP_verdict_compliant}, 1},
        {{"weak", 0, HTML_WEAK}, {ROLLUP_verdict_weak}, 1},
        {{"insecure", 0, HTML_BAD}, {ROLLUP_verdict_insecure}, 1},
        {{"undecidable", 0, HTML_UNKNOWN}, {ROLLUP_verdict_undecidable}, 1}};
    if (r->column_count == 0)
        return;
    html_section(out, "time", "Over time");
    put_series(out, r, "c-versions", "TLS version that the server chose", versions,
               sizeof versions / sizeof versions[0]);
    put_series(out, r, "c-verdicts", "Verdict", verdicts, sizeof verdicts / sizeof verdicts[0]);
    html_section_end(out);
}

/* ---- versions, suites, groups ---- */

static void put_names(FILE *out, const char *caption, const char *head, const char *count_head,
                      const struct report_names *names, const char *unknown)
{
    const char *heads[] = {head, count_head, "share"};
    uint64_t shown = 0;
    if (names->total == 0)
        return;
    html_table(out, caption, heads, 3, true);
    for (size_t i = 0; i < names->count; i++) {
        const struct report_name *row = &names->rows[i];
        html_share_row(out, row->text[0] != '\0' ? row->text : unknown, row->count, names->total, HTML_PLAIN);
        shown += row->count;
    }
    if (shown < names->total)
        html_share_row(out, "(others)", names->total - shown, names->total, HTML_UNKNOWN);
    html_table_end(out);
}

void html_suites(FILE *out, const struct report *r)
{
    static const char *const heads[] = {"property", "sessions", "share"};
    uint64_t known = report_count(r, ROLLUP_suite_known);
    uint64_t groups = report_count(r, ROLLUP_group_known);
    uint64_t established = report_count(r, ROLLUP_tls_established);
    if (r->versions.total == 0 && r->suites.total == 0 && known == 0)
        return;
    html_section(out, "tls", "Versions, cipher suites and groups");
    put_names(out, "Versions that servers chose, of handshakes with a ServerHello", "version", "sessions",
              &r->versions, "(not seen)");
    put_names(out, "Cipher suites", "suite", "sessions", &r->suites, "(no name)");
    put_names(out, "Key-exchange groups", "group", "sessions", &r->groups, "(no name)");
    html_missing(out, r, REPORT_SUITES);
    html_table(out, "Properties", heads, 3, true);
    html_share_row(out, "forward secrecy, of known suites", report_count(r, ROLLUP_forward_secrecy), known,
                   HTML_GOOD);
    html_share_row(out, "authenticated encryption, of known suites", report_count(r, ROLLUP_aead), known,
                   HTML_GOOD);
    html_share_row(out, "post-quantum key exchange, of known groups", report_count(r, ROLLUP_group_pq),
                   groups, HTML_GOOD);
    html_share_row(out, "resumed, of established sessions", report_count(r, ROLLUP_resumed), established,
                   HTML_PLAIN);
    html_share_row(out, "unknown whether TLS was established, of all sessions",
                   report_count(r, ROLLUP_tls_unknown), report_count(r, ROLLUP_sessions), HTML_UNKNOWN);
    html_table_end(out);
    html_section_end(out);
}

/* ---- falling back ---- */

static uint64_t sum_range(const struct report *r, enum rollup_counter first, enum rollup_counter last)
{
    uint64_t sum = 0;
    for (enum rollup_counter i = first; i <= last; i++)
        sum += report_count(r, i);
    return sum;
}

static void put_range(FILE *out, const struct report *r, const char *caption, const char *head,
                      enum rollup_counter first, enum rollup_counter last, uint64_t whole,
                      enum html_kind kind)
{
    const char *heads[] = {head, "sessions", "share"};
    if (sum_range(r, first, last) == 0)
        return;
    html_table(out, caption, heads, 3, true);
    for (enum rollup_counter i = first; i <= last; i++)
        if (r->counts[i] > 0)
            html_share_row(out, rollup_text(i), report_count(r, i), whole, kind);
    html_table_end(out);
}

void html_falling_back(FILE *out, const struct report *r)
{
    uint64_t sessions = report_count(r, ROLLUP_sessions);
    uint64_t relayed = sum_range(r, ROLLUP_tlsrpt_success, ROLLUP_tlsrpt_validation_failure);
    html_section(out, "fallback", "Falling back and downgrades");
    if (sum_range(r, ROLLUP_fall_withheld, ROLLUP_fall_scsv) == 0)
        fputs("<p>No sign of a downgrade was seen.</p>\n", out);
    put_range(out, r, "Signs of a downgrade, of all sessions", "sign", ROLLUP_fall_withheld, ROLLUP_fall_scsv,
              sessions, HTML_BAD);
    put_range(out, r, "Alerts that clients or servers sent in the clear", "alert", ROLLUP_alert_unknown_ca,
              ROLLUP_alert_other, sessions, HTML_WEAK);
    put_range(out, r, "Relay sessions as RFC 8460 counts them", "result", ROLLUP_tlsrpt_success,
              ROLLUP_tlsrpt_validation_failure, relayed, HTML_PLAIN);
    html_section_end(out);
}

void html_in_the_clear(FILE *out, const struct report *r)
{
    html_section(out, "clear", "In the clear");
    put_range(out, r, "Credentials, of all sessions", "credentials", ROLLUP_auth_cleartext,
              ROLLUP_auth_inside_tls_unknown, report_count(r, ROLLUP_sessions), HTML_PLAIN);
    put_names(out, "Passwords or tokens that could be read, by mechanism", "mechanism", "sessions",
              &r->mechanisms, "(unknown)");
    html_missing(out, r, REPORT_MECHANISMS);
    fputs("<p>", out);
    html_plural(out, report_count(r, ROLLUP_messages_cleartext), "message was", "messages were");
    fputs(" accepted without TLS", out);
    if (r->sessions_with_messages_clear > 0) {
        fputs(", in ", out);
        html_plural(out, r->sessions_with_messages_clear, "session", "sessions");
    }
    fputs(". Messages inside TLS cannot be counted.</p>\n", out);
    html_section_end(out);
}
