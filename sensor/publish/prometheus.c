#include "sensor/publish/prometheus.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "sensor/host/log.h"
#include "sensor/publish/replace.h"

enum { WRITE_EVERY_MS = 10000, LABELS_CAP = 512, US_PER_S = 1000000, MS_PER_S = 1000, NS_PER_S = 1000000000 };

_Static_assert((int)PROMETHEUS_ERROR_CAP >= (int)REPLACE_ERROR_CAP, "a complaint of replace.c fits");

struct prometheus {
    const struct config *config;
    bool failed; /* said already */
    uint64_t next_ms;
    int64_t counts[ROLLUP_COUNT];
};

/* The counters of rollup.def in its order: a family reaches up to the first counter of the next one, so
 * that a new row is never left out. What is left of a counter's name without the prefix is the value of the
 * label. */
static const struct family {
    enum rollup_counter first;
    const char *name;
    const char *label; /* NULL: one counter alone */
    const char *prefix;
    const char *help;
} families[] = {
    {ROLLUP_sessions, "sessions", NULL, "", "Sessions that ended."},
    {ROLLUP_decidable, "sessions_decidable", NULL, "",
     "Sessions of which it is known whether they were encrypted."},
    {ROLLUP_encrypted, "sessions_encrypted", NULL, "", "Sessions in which TLS was established."},
    {ROLLUP_mode_implicit, "sessions_by_mode", "mode", "mode_", "Sessions by how they were protected."},
    {ROLLUP_bytes, "payload_bytes", NULL, "", "Octets of payload."},
    {ROLLUP_bytes_implicit, "payload_by_mode_bytes", "mode", "bytes_",
     "Octets of payload by how they were protected."},
    {ROLLUP_messages_cleartext, "messages_cleartext", NULL, "", "Messages accepted outside TLS."},
    {ROLLUP_starttls_none, "sessions_by_starttls", "starttls", "starttls_", "Sessions by how STARTTLS went."},
    {ROLLUP_funnel_sessions, "starttls_funnel", "step", "funnel_",
     "Sessions on ports with STARTTLS that came as far as this step."},
    {ROLLUP_tls_none, "sessions_by_tls_state", "tls_state", "tls_", "Sessions by the state of TLS."},
    {ROLLUP_version_ssl2, "sessions_by_version", "version", "version_",
     "Sessions by the version that the server chose."},
    {ROLLUP_suite_known, "sessions_by_property", "property", "",
     "Sessions with a property of suite, group or client."},
    {ROLLUP_verdict_compliant, "sessions_by_verdict", "verdict", "verdict_", "Sessions by verdict."},
    {ROLLUP_protocol_smtp, "sessions_by_protocol", "protocol", "protocol_", "Sessions by protocol."},
    {ROLLUP_direction_inbound, "sessions_by_direction", "direction", "direction_", "Sessions by direction."},
    {ROLLUP_findings_info, "findings", "severity", "findings_", "Findings by severity."},
    {ROLLUP_severity_none, "sessions_by_severity", "severity", "severity_",
     "Sessions by their worst finding."},
    {ROLLUP_undecidable, "sessions_undecided", NULL, "", "Sessions with a rule that could not be decided."},
    {ROLLUP_fall_withheld, "sessions_falling_back", "sign", "fall_", "Sessions with a sign of a downgrade."},
    {ROLLUP_auth_none, "sessions_by_auth", "auth", "auth_", "Sessions by how credentials crossed."},
    {ROLLUP_cert_visible, "sessions_by_certificate", "certificate", "cert_",
     "Sessions by whether a certificate was seen."},
    {ROLLUP_cert_expired, "sessions_with_certificate_fault", "fault", "cert_",
     "Sessions by fault of a visible certificate."},
    {ROLLUP_alert_unknown_ca, "sessions_by_tls_alert", "alert", "alert_",
     "Sessions with a plaintext TLS alert."},
    {ROLLUP_tlsrpt_success, "tlsrpt_sessions", "result", "tlsrpt_",
     "Relay sessions as RFC 8460 counts them."},
    {ROLLUP_one_sided, "sessions_missed_in_part", "what", "", "Sessions of which the capture missed a part."},
};

enum { FAMILY_COUNT = sizeof families / sizeof families[0] };

/* Of a label's value: backslash, quote and line feed. */
static void put_value(FILE *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '\n')
            fputs("\\n", out);
        else if (*text == '\\' || *text == '"')
            fprintf(out, "\\%c", *text);
        else
            fputc(*text, out);
    }
}

static void put_head(FILE *out, const char *name, const char *suffix, const char *type, const char *help)
{
    fprintf(out, "# HELP waxseal_%s%s ", name, suffix);
    for (const char *p = help; *p != '\0'; p++)
        fputs(*p == '\\' ? "\\\\" : *p == '\n' ? "\\n" : (char[]){*p, '\0'}, out);
    fprintf(out, "\n# TYPE waxseal_%s%s %s\n", name, suffix, type);
}

/* Up to the value: name{site="...",sensor="...",label="value"} */
static void put_name(FILE *out, const struct config *c, const char *name, const char *suffix,
                     const char *label, const char *value)
{
    fprintf(out, "waxseal_%s%s{site=\"", name, suffix);
    put_value(out, c->site);
    fputs("\",sensor=\"", out);
    put_value(out, c->sensor);
    if (label != NULL) {
        fprintf(out, "\",%s=\"", label);
        put_value(out, value);
    }
    fputs("\"} ", out);
}

static void put_counter(FILE *out, const struct config *c, const char *name, const char *help,
                        uint64_t number)
{
    put_head(out, name, "_total", "counter", help);
    put_name(out, c, name, "_total", NULL, "");
    fprintf(out, "%" PRIu64 "\n", number);
}

static void put_gauge(FILE *out, const struct config *c, const char *name, const char *help, double number)
{
    put_head(out, name, "", "gauge", help);
    put_name(out, c, name, "", NULL, "");
    fprintf(out, "%.17g\n", number);
}

static void put_families(FILE *out, const struct config *c, const int64_t *counts)
{
    for (size_t i = 0; i < FAMILY_COUNT; i++) {
        const struct family *f = &families[i];
        size_t end = i + 1 < FAMILY_COUNT ? (size_t)families[i + 1].first : ROLLUP_COUNT;
        put_head(out, f->name, "_total", "counter", f->help);
        for (size_t k = f->first; k < end; k++) {
            const char *name = rollup_name((enum rollup_counter)k);
            size_t prefix = strlen(f->prefix);
            put_name(out, c, f->name, "_total", f->label,
                     strncmp(name, f->prefix, prefix) == 0 ? name + prefix : name);
            fprintf(out, "%" PRId64 "\n", counts[k]);
        }
    }
}

static void put_capture(FILE *out, const struct config *c, const struct run_summary *summary)
{
    for (size_t i = 0; i < COUNTER_COUNT; i++) {
        char name[96];
        char help[160];
        snprintf(name, sizeof name, "capture_%s", counter_name((enum counter)i));
        snprintf(help, sizeof help, "Of the capture: %s.", counter_text((enum counter)i));
        put_counter(out, c, name, help, summary->counters[i]);
    }
    put_counter(out, c, "capture_kernel_dropped_packets", "Packets that the kernel dropped.",
                summary->kernel_dropped);
    put_gauge(out, c, "capture_inputs", "Files or interfaces that are read.", (double)summary->inputs);
    put_gauge(out, c, "capture_inputs_broken", "Files or interfaces that could not be read to the end.",
              (double)summary->inputs_broken);
    put_gauge(out, c, "capture_last_packet_timestamp_seconds", "Time of the last packet; 0 before the first.",
              (double)summary->last_ns / NS_PER_S);
}

static void put_alerts(FILE *out, const struct config *c, const struct run_summary *summary)
{
    put_head(out, "alerts_open", "", "gauge", "Open alerts by severity.");
    for (int severity = SEVERITY_INFO; severity < SEVERITY_COUNT; severity++) {
        put_name(out, c, "alerts_open", "", "severity", policy_severity_word((enum severity)severity));
        fprintf(out, "%" PRIu64 "\n", summary->alerts_open[severity]);
    }
}

static void put_redis(FILE *out, const struct config *c, const struct redis_health *r)
{
    put_counter(out, c, "redis_batches_applied", "Batches that Redis applied.", r->batches_applied);
    put_counter(out, c, "redis_events_sent", "Events that Redis has taken.", r->events_sent);
    put_counter(out, c, "redis_events_lost", "Events that found no room in memory and spool.",
                r->events_lost);
    put_gauge(out, c, "redis_queue_batches", "Batches that wait in memory.", (double)r->queue_batches);
    put_gauge(out, c, "redis_queue_bytes", "Octets that wait in memory.", (double)r->queue_bytes);
    put_gauge(out, c, "redis_spool_bytes", "Octets that wait on disk.", (double)r->spool_bytes);
    put_gauge(out, c, "redis_round_trip_seconds", "Time of the last batch to Redis and back.",
              (double)r->rtt_us / US_PER_S);
    put_gauge(out, c, "redis_lag_seconds", "Age of the oldest event that waits.",
              (double)r->lag_ms / MS_PER_S);
}

void prometheus_print(FILE *out, const struct config *config, const int64_t *counts,
                      const struct run_summary *summary)
{
    put_head(out, "build_info", "", "gauge",
             "The version of the program and the profile that judges; always 1.");
    fputs("waxseal_build_info{site=\"", out);
    put_value(out, config->site);
    fputs("\",sensor=\"", out);
    put_value(out, config->sensor);
    fprintf(out, "\",version=\"" WAXSEAL_VERSION "\",profile=\"%s\",profile_date=\"%s\"} 1\n",
            profile_info(config->profile)->name, profile_info(config->profile)->date);
    put_families(out, config, counts);
    put_capture(out, config, summary);
    put_alerts(out, config, summary);
    if (summary->redis.used)
        put_redis(out, config, &summary->redis);
}

/* ---- the sink ---- */

static void event(void *state, const struct event *e)
{
    struct prometheus *p = state;
    rollup_add(p->counts, e);
}

static bool write_now(struct prometheus *p, const struct run_summary *summary)
{
    enum { READABLE_FOR_ALL = 0644 };
    struct replace file;
    char error[PROMETHEUS_ERROR_CAP];
    char shown[2 * PROMETHEUS_ERROR_CAP];
    bool written = replace_open(&file, p->config->prometheus_path, READABLE_FOR_ALL, error);
    if (written) {
        prometheus_print(file.out, p->config, p->counts, summary);
        written = replace_done(&file, error);
    }
    if (!written && !p->failed)
        log_error("prometheus", "%s", log_escape(error, shown, sizeof shown));
    p->failed = !written;
    return written;
}

static void status(void *state, uint64_t now_ms, const struct run_summary *summary)
{
    struct prometheus *p = state;
    if (now_ms < p->next_ms)
        return;
    p->next_ms = now_ms + WRITE_EVERY_MS;
    (void)write_now(p, summary);
}

static bool finish(void *state, const struct run_summary *summary)
{
    struct prometheus *p = state;
    bool written = !summary->begun || write_now(p, summary);
    free(p);
    return written;
}

bool prometheus_open(struct sink *sink, const struct config *config, char *error)
{
    struct prometheus *p = NULL;
    if (strcmp(config->prometheus_path, "-") == 0) {
        snprintf(error, PROMETHEUS_ERROR_CAP,
                 "--prometheus needs the name of a file; it is written again and again");
        return false;
    }
    p = calloc(1, sizeof *p);
    if (p == NULL) {
        snprintf(error, PROMETHEUS_ERROR_CAP, "no memory for the file of --prometheus");
        return false;
    }
    p->config = config;
    *sink = (struct sink){.state = p, .event = event, .status = status, .finish = finish};
    return true;
}
