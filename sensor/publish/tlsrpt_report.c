#include "sensor/publish/tlsrpt_report.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "sensor/host/log.h"
#include "sensor/publish/json.h"

enum { NS_PER_S = 1000000000, TEMPORARY_CAP = CONFIG_PATH_CAP + 8 };

static const char *const type_words[TLSRPT_TYPE_COUNT] = {
    [TLSRPT_STARTTLS_NOT_SUPPORTED] = "starttls-not-supported",
    [TLSRPT_CERTIFICATE_HOST_MISMATCH] = "certificate-host-mismatch",
    [TLSRPT_CERTIFICATE_EXPIRED] = "certificate-expired",
    [TLSRPT_CERTIFICATE_NOT_TRUSTED] = "certificate-not-trusted",
    [TLSRPT_VALIDATION_FAILURE] = "validation-failure",
};

enum tlsrpt_type tlsrpt_type_of(const char *word)
{
    enum tlsrpt_type type = 0;
    while (type < TLSRPT_TYPE_COUNT && strcmp(type_words[type], word) != 0)
        type++;
    return type;
}

/* ---- the document */

static void print_member(FILE *out, const char *before, const char *name, const char *value)
{
    fprintf(out, "%s\"%s\": ", before, name);
    json_print(out, value);
}

static void print_time(FILE *out, const char *before, const char *name, uint64_t ns)
{
    time_t seconds = (time_t)(ns / NS_PER_S);
    struct tm utc;
    char text[32] = "1970-01-01T00:00:00Z";
    if (gmtime_r(&seconds, &utc) != NULL)
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
    print_member(out, before, name, text);
}

/* The same whenever the same capture is read. */
static void print_head(FILE *out, const struct tlsrpt *t)
{
    char id[2 * CONFIG_NAME_CAP + 64];
    snprintf(id, sizeof id, "%s.%s.%" PRIu64 "-%" PRIu64, t->config->site, t->config->sensor,
             t->first_ns / NS_PER_S, t->last_ns / NS_PER_S);
    print_member(out, "{\n  ", "organization-name", t->config->site);
    print_time(out, ",\n  \"date-range\": {", "start-datetime", t->first_ns);
    print_time(out, ", ", "end-datetime", t->last_ns);
    print_member(out, "},\n  ", "contact-info", t->config->tlsrpt_contact);
    print_member(out, ",\n  ", "report-id", id);
    fputs(",\n  \"policies\": [", out);
}

/* Of the host: as configured, as known, else its address. `room` for an address. */
static const char *host_of(const struct tlsrpt_server *row, char *room)
{
    if (row->expected != NULL)
        return row->expected->name;
    if (row->name[0] == '\0')
        (void)address_text(&row->address, (enum ip_family)row->family, room);
    return row->name[0] != '\0' ? row->name : room;
}

static bool same_destination(const struct tlsrpt_server *a, const struct tlsrpt_server *b)
{
    char a_room[64];
    char b_room[64];
    if (a->expected != NULL || b->expected != NULL)
        return a->expected == b->expected;
    return strcasecmp(host_of(a, a_room), host_of(b, b_room)) == 0;
}

/* Where both are published, senders that know DANE go by it (RFC 8461 s2). */
static const char *policy_type(const struct house_expectation *x)
{
    if (x != NULL && x->dane != HOUSE_DANE_NONE)
        return "tlsa";
    return x != NULL && x->mta_sts != HOUSE_STS_NONE ? "sts" : "no-policy-found";
}

static void print_policy(FILE *out, const struct tlsrpt_server *row)
{
    char room[64];
    const char *host = host_of(row, room);
    const char *type = policy_type(row->expected);
    bool has_domain = row->expected != NULL && row->expected->domain[0] != '\0';
    print_member(out, "      \"policy\": {", "policy-type", type);
    print_member(out, ", ", "policy-domain", has_domain ? row->expected->domain : host);
    if (strcmp(type, "sts") == 0) {
        fputs(", \"mx-host\": [", out);
        json_print(out, host);
        fputc(']', out);
    }
    fputs("},\n", out);
}

/* client NULL: not known */
static void print_failure(FILE *out, bool first, const struct tlsrpt_server *row, enum tlsrpt_type type,
                          const struct address *client, uint64_t count)
{
    char text[64];
    print_member(out, first ? "\n        {" : ",\n        {", "result-type", type_words[type]);
    if (client != NULL) {
        (void)address_text(client, (enum ip_family)row->family, text);
        print_member(out, ", ", "sending-mta-ip", text);
    }
    print_member(out, ", ", "receiving-mx-hostname", host_of(row, text));
    if (row->greeting[0] != '\0')
        print_member(out, ", ", "receiving-mx-helo", row->greeting);
    (void)address_text(&row->address, (enum ip_family)row->family, text);
    print_member(out, ", ", "receiving-ip", text);
    fprintf(out, ", \"failed-session-count\": %" PRIu64 "}", count);
}

static bool print_failures_of(FILE *out, bool first, const struct tlsrpt *t, const struct tlsrpt_server *row)
{
    size_t number = (size_t)(row - t->servers);
    for (size_t i = 0; i < t->failure_count; i++)
        if (t->failures[i].server == number) {
            print_failure(out, first, row, t->failures[i].type, &t->failures[i].client, t->failures[i].count);
            first = false;
        }
    for (enum tlsrpt_type type = 0; type < TLSRPT_TYPE_COUNT; type++)
        if (row->without_client[type] > 0) {
            print_failure(out, first, row, type, NULL, row->without_client[type]);
            first = false;
        }
    return first;
}

/* The policy of a destination, with all its servers from this one on. */
static void print_destination(FILE *out, bool first, struct tlsrpt *t, size_t from)
{
    const struct tlsrpt_server *head = &t->servers[from];
    uint64_t succeeded = 0;
    uint64_t failed = 0;
    bool first_failure = true;
    for (size_t i = from; i < t->server_count; i++)
        if (!t->servers[i].told && same_destination(head, &t->servers[i])) {
            succeeded += t->servers[i].succeeded;
            failed += t->servers[i].failed;
        }
    fputs(first ? "\n    {\n" : ",\n    {\n", out);
    print_policy(out, head);
    fprintf(out,
            "      \"summary\": {\"total-successful-session-count\": %" PRIu64
            ", \"total-failure-session-count\": %" PRIu64 "},\n      \"failure-details\": [",
            succeeded, failed);
    for (size_t i = from; i < t->server_count; i++)
        if (!t->servers[i].told && same_destination(head, &t->servers[i])) {
            first_failure = print_failures_of(out, first_failure, t, &t->servers[i]);
            t->servers[i].told = i != from;
        }
    t->servers[from].told = true;
    fputs(first_failure ? "]\n    }" : "\n      ]\n    }", out);
}

static void print_report(FILE *out, struct tlsrpt *t)
{
    bool first = true;
    print_head(out, t);
    for (size_t i = 0; i < t->server_count; i++)
        if (!t->servers[i].told) {
            print_destination(out, first, t, i);
            first = false;
        }
    fputs(first ? "]\n}\n" : "\n  ]\n}\n", out);
}

/* ---- the file */

/* Standard output, a device or a pipe cannot be renamed to. */
static bool is_stream(const char *path)
{
    struct stat status;
    return strcmp(path, "-") == 0 || (stat(path, &status) == 0 && !S_ISREG(status.st_mode));
}

static bool say(char *error, const char *path)
{
    char shown[256];
    snprintf(error, TLSRPT_ERROR_CAP, "cannot write the TLS report to %s: %s",
             strcmp(path, "-") == 0 ? "standard output" : log_escape(path, shown, sizeof shown),
             strerror(errno));
    return false;
}

static int open_beside(const char *path, char *temporary)
{
    snprintf(temporary, TEMPORARY_CAP, "%s.XXXXXX", path);
    return mkstemp(temporary);
}

bool tlsrpt_report_try(const char *path, char *error)
{
    char temporary[TEMPORARY_CAP];
    struct stat status;
    if (stat(path, &status) == 0 && S_ISDIR(status.st_mode)) {
        errno = EISDIR;
        return say(error, path);
    }
    if (is_stream(path))
        return true;
    int file = open_beside(path, temporary);
    if (file < 0)
        return say(error, path);
    (void)close(file);
    (void)unlink(temporary);
    return true;
}

static bool write_stream(struct tlsrpt *t, const char *path, char *error)
{
    bool standard_output = strcmp(path, "-") == 0;
    FILE *out = standard_output ? stdout : fopen(path, "we");
    if (out == NULL)
        return say(error, path);
    print_report(out, t);
    bool written = fflush(out) == 0 && !ferror(out);
    if (!standard_output)
        written &= fclose(out) == 0;
    return written || say(error, path);
}

bool tlsrpt_report_write(struct tlsrpt *t, char *error)
{
    enum { OWNER_AND_GROUP = 0640 };
    const char *path = t->config->tlsrpt_path;
    char temporary[TEMPORARY_CAP];
    if (is_stream(path))
        return write_stream(t, path, error);
    int file = open_beside(path, temporary);
    FILE *out = file >= 0 ? fdopen(file, "w") : NULL;
    if (out == NULL) {
        if (file >= 0)
            (void)close(file);
        return say(error, path);
    }
    print_report(out, t);
    bool written = fchmod(file, OWNER_AND_GROUP) == 0 && fflush(out) == 0 && fsync(file) == 0 && !ferror(out);
    written &= fclose(out) == 0;
    if (written && rename(temporary, path) == 0)
        return true;
    (void)say(error, path);
    (void)unlink(temporary);
    return false;
}
