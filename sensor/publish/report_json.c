#include "sensor/publish/report_json.h"

#include <inttypes.h>

#include "sensor/publish/json.h"

static void put_text(FILE *out, const char *name, const char *text)
{
    fprintf(out, "\"%s\": ", name);
    json_print(out, text);
}

static void put_counts(FILE *out, const int64_t *counts)
{
    fputs("{", out);
    for (size_t i = 0; i < ROLLUP_COUNT; i++)
        fprintf(out, "%s\"%s\": %" PRId64, i > 0 ? ", " : "", rollup_name((enum rollup_counter)i), counts[i]);
    fputs("}", out);
}

static void put_names(FILE *out, const char *name, const struct report_names *names)
{
    fprintf(out, ",\n  \"%s\": [", name);
    for (size_t i = 0; i < names->count; i++) {
        fputs(i > 0 ? ", {" : "{", out);
        put_text(out, "name", names->rows[i].text);
        fprintf(out, ", \"count\": %" PRIu64 "}", names->rows[i].count);
    }
    fputs("]", out);
}

static void put_columns(FILE *out, const struct report *r)
{
    fprintf(out, ",\n  \"column_ms\": %" PRId64 ",\n  \"columns\": [", r->column_ms);
    for (size_t i = 0; i < r->column_count; i++) {
        fprintf(out, "%s{\"start_ms\": %" PRId64 ", \"counts\": ", i > 0 ? ",\n    " : "\n    ",
                r->columns[i].start_ms);
        put_counts(out, r->columns[i].counts);
        fputs("}", out);
    }
    fputs("]", out);
}

static void put_findings(FILE *out, const struct report *r)
{
    fputs(",\n  \"findings\": [", out);
    for (size_t i = 0; i < r->finding_count; i++) {
        const struct report_finding *f = &r->findings[i];
        fputs(i > 0 ? ",\n    {" : "\n    {", out);
        put_text(out, "rule", f->id);
        fprintf(out, ", \"severity\": \"%s\", \"sessions\": %" PRIu64 "}", policy_severity_word(f->worst),
                f->hits_total);
    }
    fputs("]", out);
}

static void put_servers(FILE *out, const struct report *r)
{
    fputs(",\n  \"servers\": [", out);
    for (size_t i = 0; i < r->server_count; i++) {
        const struct report_server *s = &r->servers[i];
        fputs(i > 0 ? ",\n    {" : "\n    {", out);
        put_text(out, "ip", s->ip);
        fprintf(out, ", \"port\": %u, ", s->port);
        put_text(out, "name", s->name);
        fprintf(out, ", \"severity\": \"%s\", \"sessions\": %" PRIu64 ", ", policy_severity_word(s->worst),
                s->sessions);
        put_text(out, "findings", s->rules);
        fputs("}", out);
    }
    fputs("]", out);
}

static void put_certificates(FILE *out, const struct report *r)
{
    fputs(",\n  \"certificates\": [", out);
    for (size_t i = 0; i < r->certificate_count; i++) {
        const struct report_certificate *c = &r->certificates[i];
        fputs(i > 0 ? ",\n    {" : "\n    {", out);
        put_text(out, "names", c->hosts);
        fprintf(out, ", \"days_left\": %" PRId64 ", ", c->days_left);
        put_text(out, "ip", c->ip);
        fprintf(out, ", \"port\": %u, ", c->port);
        put_text(out, "trust", c->trust);
        fputs(", ", out);
        put_text(out, "key", c->key);
        fputs("}", out);
    }
    fputs("]", out);
}

static void put_alerts(FILE *out, const struct report *r)
{
    fprintf(out, ",\n  \"alerts_open\": %" PRIu64 ",\n  \"alerts\": [", r->alerts_open);
    for (size_t i = 0; i < r->alert_count; i++) {
        const struct report_alert *a = &r->alerts[i];
        fputs(i > 0 ? ",\n    {" : "\n    {", out);
        put_text(out, "rule", a->rule);
        fprintf(out, ", \"severity\": \"%s\", ", policy_severity_word(a->severity));
        put_text(out, "server", a->server);
        fprintf(out, ", \"first_ms\": %" PRId64 ", \"last_ms\": %" PRId64 ", \"hits\": %" PRIu64 "}",
                a->first_ms, a->last_ms, a->hits);
    }
    fputs("]", out);
}

static void put_missing(FILE *out, const struct report *r)
{
    bool first = true;
    fputs(",\n  \"notes\": [", out);
    for (size_t i = 0; i < REPORT_PART_COUNT; i++) {
        if (r->missing[i] == NULL)
            continue;
        fputs(first ? "\n    " : ",\n    ", out);
        json_print(out, r->missing[i]);
        first = false;
    }
    fputs("]", out);
}

void report_json(FILE *out, const struct report *r)
{
    fputs("{\n  ", out);
    put_text(out, "site", r->site);
    fprintf(out, ",\n  \"from_ms\": %" PRId64 ",\n  \"to_ms\": %" PRId64 ",\n  \"counts\": ", r->from_ms,
            r->to_ms);
    put_counts(out, r->counts);
    put_columns(out, r);
    put_names(out, "suites", &r->suites);
    put_names(out, "groups", &r->groups);
    put_names(out, "mechanisms", &r->mechanisms);
    put_findings(out, r);
    put_servers(out, r);
    put_certificates(out, r);
    put_alerts(out, r);
    put_missing(out, r);
    fputs("\n}\n", out);
}
