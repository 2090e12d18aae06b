/* tally.h - what a report needs to know of many events, in memory that does not grow with them.
 *
 * It counts; it writes nothing. Servers, certificates, clients and names live in tables of fixed size: what no
 * longer fits is counted as such. tally_certificates.c and tally_clients.c hold the tables of these two,
 * tally_series.c the course of time. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sensor/audit/event.h"
#include "sensor/audit/house.h"
#include "sensor/audit/rollup.h"

enum {
    TALLY_NAME_CAP = 64,
    TALLY_NAMES = 256,           /* per table; a power of two */
    TALLY_SERVER_BUCKETS = 1024, /* a power of two */
    TALLY_SERVERS_PER_BUCKET = 8,
    TALLY_CERTIFICATE_BUCKETS = 512,
    TALLY_CERTIFICATES_PER_BUCKET = 8,
    TALLY_CLIENT_BUCKETS = 512,
    TALLY_CLIENTS_PER_BUCKET = 8,
    TALLY_HOSTS_CAP = 96,
    TALLY_WORD_CAP = 32,
    TALLY_JA4_CAP = 37,
    TALLY_VERSIONS = 6, /* SSL 2.0, then SSL 3.0 to TLS 1.3 */
    TALLY_COLUMNS = 32, /* of the series over time */
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

/* A rule of the user's own. */
struct tally_own_rule {
    uint64_t hits;
    uint64_t excepted;
};

struct tally_rule {
    uint64_t hits[SEVERITY_COUNT];
    uint64_t hits_total;
    uint64_t servers; /* at least, where servers were lost */
    uint64_t undecidable;
    uint64_t excepted; /* taken away by an exception */
};

/* How the sessions do under one profile. */
struct tally_profile {
    uint64_t grades[GRADE_COUNT];
    uint64_t in_part; /* of those that were graded: something that the profile grades was not seen */
};

/* A certificate of a server, seen in the clear. */
struct tally_certificate {
    uint8_t sha256[32];
    uint64_t sessions;      /* 0: free */
    int64_t days_left;      /* when it was seen last; below 0 where it had ended */
    struct address address; /* the server that showed it last */
    uint16_t port;
    uint8_t family;
    bool weak_signature;
    bool weak_key;
    bool name_mismatch;
    char trust[TALLY_WORD_CAP];  /* as cert_trust in events, when it was seen last */
    char key[TALLY_WORD_CAP];    /* "RSA 2048", "EC P-256" */
    char hosts[TALLY_HOSTS_CAP]; /* its names, else its subject; cut */
    bool hosts_cut;
};

/* What the kept certificates come to, each counted once. */
struct tally_certificate_sums {
    uint64_t certificates;
    uint64_t expired;
    uint64_t within_days[3]; /* end within 7, 14, 30 days; the longer counts the shorter */
    uint64_t weak_signature;
    uint64_t weak_key;
    uint64_t name_mismatch;
    struct tally_names trust;
    struct tally_names keys;
};

/* A client address that sent a ClientHello. Behind one address there may be many programs. */
struct tally_client {
    struct address address;
    uint8_t family;
    bool several;              /* more than one JA4 was seen */
    uint16_t best_offer;       /* highest version of any hello */
    uint64_t hellos;           /* sessions with a ClientHello; 0: free */
    uint64_t until_tls11;      /* of them, how many offered no more than TLS 1.1 ... */
    uint64_t without_aead;     /* ... no suite with authenticated encryption ... */
    uint64_t without_ecdhe;    /* ... neither ECDHE nor TLS 1.3 */
    uint64_t weak;             /* offered a weak suite */
    uint64_t seen_at;          /* the count of sessions then: the least recent goes */
    char ja4[TALLY_JA4_CAP];   /* seen last */
    char helo[TALLY_NAME_CAP]; /* what it called itself last; "" where it did not */
};

/* What the kept clients come to. A client would break where none of its hellos would do. */
struct tally_client_sums {
    uint64_t clients;
    uint64_t best_offer[TALLY_VERSIONS];
    uint64_t weak;
    uint64_t break_tls12; /* if TLS 1.2 and above alone were taken ... */
    uint64_t break_aead;
    uint64_t break_ecdhe;
    uint64_t listed; /* of which at least one hello would not do for one of the three */
};

/* What was counted when: columns of equal width, which doubles or more as often as the range asks for it. */
struct tally_series {
    int64_t start_ms; /* of the first column, a multiple of the width */
    int64_t width_ms; /* 0: nothing was counted */
    size_t count;     /* columns from the first to the last with something in it */
    int64_t counts[TALLY_COLUMNS][ROLLUP_COUNT];
};

struct tally {
    bool
        every_profile; /* set by the owner before the first event: count all profiles, not only the one in force */
    uint64_t sessions;
    int64_t counts[ROLLUP_COUNT];
    struct tally_series series;
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
    uint64_t servers_lost; /* sessions of servers that found no room */
    struct tally_names versions;
    struct tally_names suites;
    struct tally_names groups;
    struct tally_names clear_mechanisms; /* password or token readable */
    struct tally_rule rules[RULE_COUNT];
    struct tally_own_rule own_rules[HOUSE_RULES_MAX]; /* by their place in the configuration */
    struct tally_server servers[TALLY_SERVER_BUCKETS][TALLY_SERVERS_PER_BUCKET];
    struct tally_profile profiles[PROFILE_COUNT];
    uint64_t certificates_unread; /* visible, but not kept whole or not parsed */
    uint64_t certificates_lost;   /* sessions whose certificate found no room, or lost it */
    struct tally_certificate certificates[TALLY_CERTIFICATE_BUCKETS][TALLY_CERTIFICATES_PER_BUCKET];
    uint64_t clients_lost; /* pushed out by others */
    struct tally_client clients[TALLY_CLIENT_BUCKETS][TALLY_CLIENTS_PER_BUCKET];
};

/* tally_event - count one event; interim ones (final 0) are left out, their session comes again. t is
 * zeroed at first. */
void tally_event(struct tally *t, const struct event *e);

/* tally_names_count - count a name; used by tally*.c. */
void tally_names_count(struct tally_names *names, const char *name);

/* tally_certificate_note, tally_client_note - the shares of tally_event that fill their tables. */
void tally_certificate_note(struct tally *t, const struct event *e);
void tally_client_note(struct tally *t, const struct session *s);

/* tally_series_place - the counters of the column that a time falls into; columns are widened and moved to make
 * room for it. The time is hostile: any is taken, one before 1970 as 1970. */
int64_t *tally_series_place(struct tally_series *series, int64_t at_ms);

/* tally_names_top - the most frequent names, most frequent first. Returns how many of at most cap were put
 * into rows. */
size_t tally_names_top(const struct tally_names *names, const struct tally_name **rows, size_t cap);

/* tally_servers_top - the servers with findings: by worst severity, then by how many sessions had it. As
 * above. */
size_t tally_servers_top(const struct tally *t, const struct tally_server **rows, size_t cap);

/* tally_server_count, tally_servers_troubled - servers seen and kept; of them, those with a finding of low
 * or above. */
size_t tally_server_count(const struct tally *t);
size_t tally_servers_troubled(const struct tally *t);

/* tally_certificates_days - how many of the kept certificates had ended, have up to 7, 14, 30, 90 days
 * left, or more.
 * days   six numbers, overwritten */
void tally_certificates_days(const struct tally *t, uint64_t days[6]);

/* tally_certificates_sum, tally_clients_sum - add up what is kept. *out is overwritten. */
void tally_certificates_sum(const struct tally *t, struct tally_certificate_sums *out);
void tally_clients_sum(const struct tally *t, struct tally_client_sums *out);

/* tally_certificates_top - those with the fewest days left. As tally_names_top. */
size_t tally_certificates_top(const struct tally *t, const struct tally_certificate **rows, size_t cap);

/* tally_clients_top - those that would break, those that would break in more ways first. As above. */
size_t tally_clients_top(const struct tally *t, const struct tally_client **rows, size_t cap);
