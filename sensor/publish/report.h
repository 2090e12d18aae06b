/* report.h - what a report says, whoever counted it: the tally of this process, or Redis.
 *
 * A plain struct of bounded size, filled whole by its source and read by the writers of text and HTML. What
 * a source does not hold stays empty, and `missing` says so in a sentence: a report never passes over what
 * it does not know. Texts that come from the wire are raw bytes, cut to their room; the writers escape
 * them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sensor/audit/rollup.h"
#include "sensor/config.h"
#include "sensor/publish/sink.h"
#include "sensor/publish/tally.h"

enum {
    REPORT_NAME_CAP = 96,
    REPORT_TEXT_CAP = 128,
    REPORT_RULES_CAP = 1024, /* a list of rule ids */
    REPORT_NAMES = 16,
    REPORT_SERVERS = 40,
    REPORT_CERTIFICATES = 40,
    REPORT_CLIENTS = 40,
    REPORT_ALERTS = 40,
    REPORT_FINDINGS = RULE_COUNT + HOUSE_RULES_MAX,
    REPORT_FUNNELS = 2 * PROTOCOL_COUNT,
    REPORT_ENDED = 8,
    REPORT_ENDED_CAP = 640,
    REPORT_QUALITY = 32,
    REPORT_CERT_DAYS = 6,
    REPORT_COLUMNS = TALLY_COLUMNS
};

/* The parts that a source may not hold. */
enum report_part {
    REPORT_INPUTS,
    REPORT_PROFILES,
    REPORT_FUNNEL_BY_PROTOCOL,
    REPORT_SUITES,
    REPORT_MECHANISMS,
    REPORT_BY_RULE,
    REPORT_SERVER_LIST,
    REPORT_CERTIFICATE_LIST,
    REPORT_CLIENT_LIST,
    REPORT_UNDECIDED,
    REPORT_HOUSE,
    REPORT_OPEN_ALERTS,
    REPORT_MIRROR,
    REPORT_PART_COUNT
};

struct report_name {
    char text[REPORT_NAME_CAP];
    uint64_t count;
};

/* The most frequent; what is beyond them is total less their sum. */
struct report_names {
    struct report_name rows[REPORT_NAMES];
    size_t count;
    uint64_t total;
};

struct report_funnel {
    const char *protocol; /* a constant word; "all" where they are not kept apart */
    bool implicit;        /* TLS from the first octet: no offer to ask for */
    uint64_t steps[TALLY_STEP_COUNT];
    uint64_t unclear;
};

struct report_finding {
    char id[REPORT_NAME_CAP];
    enum rule rule;      /* RULE_COUNT: a rule of the user's own */
    enum severity worst; /* that it had, or that it has for the strictest role where the source keeps none */
    uint64_t hits[SEVERITY_COUNT]; /* all 0 where the source keeps none */
    uint64_t hits_total;
    uint64_t servers; /* 0: not known */
    uint64_t undecidable;
};

struct report_server {
    char ip[64];
    uint16_t port;
    char protocol[16];
    char name[REPORT_NAME_CAP];
    enum severity worst;
    uint64_t sessions;
    uint64_t sessions_worst; /* how many had it; 0: not known */
    char rules[REPORT_RULES_CAP];
    enum rule gravest; /* RULE_COUNT: none of policy.def */
};

struct report_certificate {
    char ip[64];
    uint16_t port;
    char hosts[REPORT_TEXT_CAP];
    bool hosts_cut;
    char key[48];
    char trust[32];
    int64_t days_left; /* below 0: ended so many days ago */
    bool weak_key;
    bool weak_signature;
    bool name_mismatch;
};

struct report_client {
    char ip[64];
    char helo[REPORT_NAME_CAP];
    char best_version[16];
    uint64_t hellos;
    uint64_t
        until_tls11; /* of them, how many offered no more than TLS 1.1, no AEAD, neither ECDHE nor TLS 1.3 */
    uint64_t without_aead;
    uint64_t without_ecdhe;
    uint64_t weak;
    char ja4[TALLY_JA4_CAP];
    bool several;
};

struct report_alert {
    char rule[REPORT_NAME_CAP];
    enum severity severity;
    char server[REPORT_TEXT_CAP]; /* "192.0.2.25:25"; "" for the sensor itself */
    char name[REPORT_NAME_CAP];
    uint64_t hits;
    int64_t first_ms;
    int64_t last_ms;
};

struct report_profile {
    const struct profile_info *info;
    uint64_t graded;
    uint64_t good; /* or allowed */
    uint64_t phase_out;
    uint64_t forbidden;
    uint64_t in_part;
};

struct report_quality {
    uint64_t count;
    char text[REPORT_TEXT_CAP];
};

struct report_column {
    int64_t start_ms;
    int64_t counts[ROLLUP_COUNT];
};

struct report {
    char site[CONFIG_NAME_CAP];
    const struct profile_info *judged_by; /* NULL: not known */
    const char *source;                   /* "captures", "live traffic", "Redis" */
    int64_t from_ms;                      /* of what is reported; 0: nothing was seen */
    int64_t to_ms;
    uint64_t inputs;
    uint64_t inputs_broken;
    uint64_t packets;
    uint64_t segments;
    char ports[CONFIG_PORTS_CAP * 6 + 1];   /* that were looked at; "" not known */
    const char *missing[REPORT_PART_COUNT]; /* NULL: it is all there */

    int64_t counts[ROLLUP_COUNT]; /* of the whole range */
    uint64_t servers_total;
    bool servers_lost; /* more than were kept */

    struct report_column columns[REPORT_COLUMNS];
    size_t column_count;
    int64_t column_ms;

    struct report_profile profiles[PROFILE_COUNT];
    size_t profile_count;
    struct report_funnel funnels[REPORT_FUNNELS];
    size_t funnel_count;
    struct report_names versions;
    struct report_names suites;
    struct report_names groups;
    struct report_names mechanisms;
    uint64_t sessions_with_messages_clear;           /* 0: not known */
    struct report_finding findings[REPORT_FINDINGS]; /* gravest first */
    size_t finding_count;
    struct report_names undecided; /* rules, by sessions */
    struct report_names excepted;
    char ended[REPORT_ENDED][REPORT_ENDED_CAP]; /* exceptions: a sentence each */
    size_t ended_count;
    uint64_t ended_total;
    struct report_server servers[REPORT_SERVERS];
    size_t server_count;
    uint64_t servers_troubled; /* in all */
    struct report_certificate certificates[REPORT_CERTIFICATES];
    size_t certificate_count;
    struct tally_certificate_sums certificate_sums;
    uint64_t certificate_days[REPORT_CERT_DAYS]; /* ended; 0 to 7 days left, 14, 30, 90, more */
    uint64_t certificates_unread;
    uint64_t certificates_lost;
    struct report_client clients[REPORT_CLIENTS];
    size_t client_count;
    struct tally_client_sums client_sums;
    bool clients_lost;
    struct report_alert alerts[REPORT_ALERTS];
    size_t alert_count;
    uint64_t alerts_open;
    struct mirror_report mirror; /* without findings where the source keeps none */
    struct report_quality quality[REPORT_QUALITY];
    size_t quality_count;
};

/* report_from_tally - what this process counted.
 * out      overwritten
 * live     was it read from an interface? */
void report_from_tally(struct report *out, const struct tally *t, const struct config *config,
                       const struct run_summary *summary, bool live);

/* report_series - the course of time. */
void report_series(struct report *r, const struct tally_series *s);

/* report_urgent - what to do first: the gravest findings, those of more sessions first.
 * rows     room for cap
 * Returns  how many there are */
size_t report_urgent(const struct report *r, const struct report_finding **rows, size_t cap);

/* report_count - one of the counters, never below 0. */
uint64_t report_count(const struct report *r, enum rollup_counter counter);

/* report_quality_add - a row, where the count is not 0. */
void report_quality_add(struct report *r, uint64_t count, const char *text);

/* report_names_add - a row at the end, where there is room. */
void report_names_add(struct report_names *names, const char *text, uint64_t count);

/* report_copy - text into a field, cut at a whole character. */
void report_copy(char *out, size_t cap, const char *text);
