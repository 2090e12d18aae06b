/* tally.h - what a report needs to know of many events, in memory that does not grow with them.
 *
 * It counts; it writes nothing. Servers and names live in tables of fixed size: what no longer fits is
 * counted as such. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sensor/audit/event.h"

enum {
    TALLY_NAME_CAP = 64,
    TALLY_NAMES = 256,           /* per table; a power of two */
    TALLY_SERVER_BUCKETS = 1024, /* a power of two */
    TALLY_SERVERS_PER_BUCKET = 8,
    TALLY_RULE_WORDS = (RULE_COUNT + 63) / 64
};

struct tally_name {
    char text[TALLY_NAME_CAP]; /* cut to its room */
    uint64_t count;
};

struct tally_names {
    struct tally_name rows[TALLY_NAMES]; /* count 0: free */
    uint64_t others;                     /* of names that found no room */
    uint64_t total;
};

struct tally_server {
    struct address address;
    uint16_t port;
    uint8_t family;
    uint8_t protocol;
    uint8_t role;
    uint8_t worst;                        /* enum severity */
    uint64_t sessions;                    /* 0: free */
    uint64_t at_severity[SEVERITY_COUNT]; /* sessions by their worst finding */
    uint64_t rules[TALLY_RULE_WORDS];     /* bit per rule that was hit */
    char name[TALLY_NAME_CAP];            /* what it calls itself, or the SNI */
};

/* The way from cleartext to TLS, each step a part of the one before. */
enum tally_step {
    TALLY_SESSIONS,
    TALLY_OFFERED,
    TALLY_ASKED,
    TALLY_ACCEPTED,
    TALLY_CLIENT_HELLO,
    TALLY_SERVER_HELLO,
    TALLY_ESTABLISHED,
    TALLY_STEP_COUNT
};

struct tally_rule {
    uint64_t hits[SEVERITY_COUNT];
    uint64_t hits_total;
    uint64_t servers; /* at least, where servers were lost */
    uint64_t undecidable;
};

struct tally {
    uint64_t sessions;
    uint64_t protocols[PROTOCOL_COUNT];
    uint64_t modes[MODE_COUNT];
    uint64_t verdicts[VERDICT_COUNT];
    uint64_t tls_states[TLS_STATE_COUNT];
    uint64_t starttls[PROTOCOL_COUNT][TALLY_STEP_COUNT]; /* ports with STARTTLS */
    uint64_t starttls_unknown[PROTOCOL_COUNT];
    uint64_t implicit[PROTOCOL_COUNT][TALLY_STEP_COUNT]; /* ports with TLS at once */
    uint64_t messages_clear;
    uint64_t sessions_with_messages_clear;
    uint64_t post_quantum;
    uint64_t forward_secret;
    uint64_t suites_known;
    uint64_t one_sided;
    uint64_t midstream;
    uint64_t certificates_hidden; /* TLS established, certificate not visible */
    uint64_t certificates_visible;
    uint64_t servers_lost;                /* sessions of servers that found no room */
    struct tally_names certificate_trust; /* of the visible ones */
    struct tally_names versions;
    struct tally_names suites;
    struct tally_names clear_mechanisms; /* password or token readable */
    struct tally_rule rules[RULE_COUNT];
    struct tally_server servers[TALLY_SERVER_BUCKETS][TALLY_SERVERS_PER_BUCKET];
};

/* tally_event - count one event; interim ones (final 0) are left out, their session comes again. t is
 * zeroed at first. */
void tally_event(struct tally *t, const struct event *e);

/* tally_names_top - the most frequent names, most frequent first. Returns how many of at most cap were put
 * into rows. */
size_t tally_names_top(const struct tally_names *names, const struct tally_name **rows, size_t cap);

/* tally_servers_top - the servers with findings: by worst severity, then by how many sessions had it. As
 * above. */
size_t tally_servers_top(const struct tally *t, const struct tally_server **rows, size_t cap);

/* tally_server_count - servers seen and kept. */
size_t tally_server_count(const struct tally *t);
