#include "sensor/publish/text_sections.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "sensor/host/log.h"

enum { TOP_TRUST = 8, TOP_KEYS = 8, TOP_CERTIFICATES = 5, SHOWN_CAP = 4 * TALLY_NAME_CAP, NOTE_CAP = 320 };

void text_names(const struct page *p, const struct report_names *names, size_t cap, const char *unknown)
{
    uint64_t shown = 0;
    for (size_t i = 0; i < names->count && i < cap; i++) {
        char text[SHOWN_CAP];
        const struct report_name *row = &names->rows[i];
        page_row(p, row->text[0] != '\0' ? log_escape(row->text, text, sizeof text) : unknown, row->count,
                 names->total);
        shown += row->count;
    }
    if (shown < names->total)
        page_row(p, "(others)", names->total - shown, names->total);
}

/* The few kinds of certificates are kept as a tally keeps them. */
static void print_kinds(const struct page *p, const struct tally_names *names, size_t cap,
                        const char *unknown)
{
    const struct tally_name *rows[TALLY_NAMES];
    struct report_names out = {.total = names->total};
    size_t count = tally_names_top(names, rows, cap);
    for (size_t i = 0; i < count; i++)
        report_names_add(&out, rows[i]->text, rows[i]->count);
    text_names(p, &out, cap, unknown);
}

/* ---- compliance ---- */

static void print_share_column(const struct page *p, int width, uint64_t part, uint64_t whole)
{
    enum { SHARE = 7 };
    fprintf(p->out, "%*s", width - SHARE, "");
    page_share(p, part, whole);
}

/* The widths are those of the head in text_compliance; together they fill the narrowest page. */
static void print_profile(const struct page *p, const struct report_profile *row)
{
    char number[PAGE_NUMBER_CAP];
    fprintf(p->out, "  %-20s %-7s %8s", row->info->name, row->info->date, page_number(row->graded, number));
    print_share_column(p, 13, row->good, row->graded);
    print_share_column(p, 10, row->phase_out, row->graded);
    print_share_column(p, 10, row->forbidden, row->graded);
    print_share_column(p, 8, row->in_part, row->graded);
    fputc('\n', p->out);
}

void text_compliance(const struct page *p, const struct report *r)
{
    uint64_t most = 0;
    char note[NOTE_CAP];
    for (size_t i = 0; i < r->profile_count; i++)
        most = r->profiles[i].graded > most ? r->profiles[i].graded : most;
    if (most == 0 && r->missing[REPORT_PROFILES] == NULL)
        return;
    page_heading(p, "Compliance");
    text_missing(p, r, REPORT_PROFILES);
    if (most == 0)
        return;
    fprintf(p->out, "  %-28s %8s%13s%10s%10s%8s\n", "", "sessions", "good/allowed", "phase-out", "forbidden",
            "unseen");
    for (size_t i = 0; i < r->profile_count; i++)
        print_profile(p, &r->profiles[i]);
    snprintf(
        note, sizeof note,
        "Shares of the sessions that gave something to grade (%" PRIu64 " of %" PRIu64
        "; not so probes and failed handshakes). Unseen: a part was not visible, mostly the certificate, "
        "which TLS 1.3 and resumption hide; the grade is that of the rest.",
        most, report_count(r, ROLLUP_sessions));
    fputs("\n  ", p->out);
    page_wrap(p, 2, 2, note);
}

/* ---- certificates ---- */

/* "mx.example.org,mail.example.org ...", in what is left of one line. */
static void print_hosts(const struct page *p, const struct report_certificate *row, unsigned indent)
{
    enum { MORE = 4 };
    char text[4 * REPORT_TEXT_CAP];
    const char *hosts = row->hosts[0] != '\0' ? row->hosts : "(no name)";
    size_t room = p->width - indent - MORE;
    bool fits = strlen(log_escape(hosts, text, sizeof text)) <= room;
    if (!fits) {
        log_escape(hosts, text, room + 1);
        char *comma = strrchr(text, ',');
        if (comma != NULL)
            *comma = '\0';
    }
    fprintf(p->out, "%*s%s%s\n", (int)indent, "", text, row->hosts_cut || !fits ? " ..." : "");
}

/* "   3 days  198.51.100.25 port 25, trusted, RSA 2048", and below it the names. */
static void print_certificate(const struct page *p, const struct report_certificate *row)
{
    enum { INDENT = 19 };
    char number[PAGE_NUMBER_CAP];
    char address[64];
    char key[4 * TALLY_WORD_CAP];
    char trust[4 * TALLY_WORD_CAP];
    char line[NOTE_CAP];
    bool v6 = strchr(row->ip, ':') != NULL;
    bool ended = row->days_left < 0;
    uint64_t days = ended ? (uint64_t)0 - (uint64_t)row->days_left : (uint64_t)row->days_left;
    snprintf(line, sizeof line, "%s%s%s port %u, %s, %s%s%s", v6 ? "[" : "",
             log_escape(row->ip, address, sizeof address), v6 ? "]" : "", row->port,
             log_escape(row->trust, trust, sizeof trust), log_escape(row->key, key, sizeof key),
             row->weak_signature ? ", weak signature" : "", row->name_mismatch ? ", wrong name" : "");
    fprintf(p->out, "  %6s %-8s  ", page_number(days, number),
            ended       ? "days ago"
            : days == 1 ? "day"
                        : "days");
    page_wrap(p, INDENT, INDENT, line);
    print_hosts(p, row, INDENT);
}

static void print_faults(const struct page *p, const struct tally_certificate_sums *sums)
{
    const struct {
        const char *label;
        uint64_t count;
    } rows[] = {{"ended already", sums->expired},
                {"end within 7 days", sums->within_days[0]},
                {"end within 14 days", sums->within_days[1]},
                {"end within 30 days", sums->within_days[2]},
                {"do not carry the name that was asked for", sums->name_mismatch},
                {"weak key", sums->weak_key},
                {"weak signature (MD5, SHA-1)", sums->weak_signature}};
    bool any = false;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].count == 0)
            continue;
        fputs(any ? "" : "\n", p->out);
        page_row(p, rows[i].label, rows[i].count, sums->certificates);
        any = true;
    }
}

static void print_ends(const struct page *p, const struct report *r)
{
    fputs("\n  Fewest days left, as of when each was seen last:\n", p->out);
    for (size_t i = 0; i < r->certificate_count && i < TOP_CERTIFICATES; i++)
        print_certificate(p, &r->certificates[i]);
}

static void print_kept(const struct page *p, const struct report *r)
{
    fputs("\n  Shares of ", p->out);
    page_plural(p, r->certificate_sums.certificates, "certificate", "different certificates");
    if (r->certificates_lost > 0) {
        fputs("; those of ", p->out);
        page_plural(p, r->certificates_lost, "session", "sessions");
        fputs(" found no room", p->out);
    }
    fputs(".\n", p->out);
}

void text_certificates(const struct page *p, const struct report *r)
{
    const struct tally_certificate_sums *sums = &r->certificate_sums;
    char note[NOTE_CAP];
    uint64_t visible = report_count(r, ROLLUP_cert_visible);
    uint64_t sessions = report_count(r, ROLLUP_sessions) - report_count(r, ROLLUP_cert_none);
    if (sessions == 0 && sums->certificates == 0)
        return;
    page_heading(p, "Certificates");
    if (sums->certificates > 0) {
        print_kinds(p, &sums->trust, TOP_TRUST, "(not checked)");
        fputc('\n', p->out);
        print_kinds(p, &sums->keys, TOP_KEYS, "(key not read)");
        print_faults(p, sums);
        print_ends(p, r);
        print_kept(p, r);
    }
    text_missing(p, r, REPORT_CERTIFICATE_LIST);
    int n = snprintf(note, sizeof note,
                     "Sessions with a handshake that showed a certificate: %" PRIu64 " of %" PRIu64
                     " (%.1f %%); TLS 1.3, resumption or a gap hid the others.",
                     visible, sessions, sessions > 0 ? 100.0 * (double)visible / (double)sessions : 0);
    if (r->certificates_unread > 0 && n > 0 && (size_t)n < sizeof note)
        snprintf(note + n, sizeof note - (size_t)n, " In %" PRIu64 " it could not be read.",
                 r->certificates_unread);
    fputs("  ", p->out);
    page_wrap(p, 2, 2, note);
}

/* ---- the mirror ---- */

static void print_vlans(const struct page *p, const struct mirror_marks *marks)
{
    enum { SHOWN = 12 };
    unsigned shown = 0;
    for (unsigned id = 0; id < MIRROR_VLANS; id++) {
        if ((marks->vlans[id / 64] >> id % 64 & 1) == 0)
            continue;
        if (shown == SHOWN) {
            fputs(" ...", p->out);
            break;
        }
        fprintf(p->out, "%s%u", shown++ == 0 ? "  VLANs seen: " : ", ", id);
    }
    fputs(shown > 0 ? "\n" : "", p->out);
}

static void print_tunnels(const struct page *p, const struct mirror_marks *marks)
{
    bool any = false;
    for (enum tunnel tunnel = TUNNEL_NONE + 1; tunnel < 32 && decode_tunnel_word(tunnel)[0] != '\0'; tunnel++)
        if (marks->tunnels >> tunnel & 1) {
            fprintf(p->out, "%s%s", any ? ", " : "  Tunnels seen: ", decode_tunnel_word(tunnel));
            any = true;
        }
    fputs(any ? "\n" : "", p->out);
}

void text_mirror(const struct page *p, const struct mirror_report *report)
{
    enum { FIGURES_CAP = 128, INDENT = 11 };
    print_vlans(p, &report->marks);
    print_tunnels(p, &report->marks);
    for (enum mirror_rule rule = 0; rule < MIRROR_RULE_COUNT; rule++) {
        const struct mirror_rule_info *info = mirror_rule_info(rule);
        char figures[FIGURES_CAP];
        if (!mirror_found(report, rule))
            continue;
        fputs("\n  ", p->out);
        page_severity_column(p, policy_severity_of_word(info->severity));
        page_strong(p, info->id);
        fprintf(p->out, ": %s\n%*s", mirror_say(report, rule, figures, sizeof figures), INDENT, "");
        page_wrap(p, INDENT, INDENT, info->advice);
    }
}
