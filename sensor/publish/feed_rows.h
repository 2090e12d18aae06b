/* feed_rows.h - one server, client or certificate as the sessions since the last batch show it, and its operation. Between
 * feed_records.c, which fills the rows, and feed_rows.c, which writes them. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sensor/audit/certificate.h"
#include "sensor/audit/house.h"
#include "sensor/audit/policy.h"
#include "sensor/publish/batch.h"

enum {
    ID_CAP = 80, /* "sha256:" and its digits; an address and a port */
    CIPHER_CAP = 64,
    JA4_CAP = 40,
    SHOWN_BY_CAP = 64 /* servers of one certificate in one batch */
};

/* When each rule was hit last, and how bad it was. 0: not. */
struct hits {
    int64_t ms[RULE_COUNT + HOUSE_RULES_MAX];
    uint8_t severity[RULE_COUNT + HOUSE_RULES_MAX];
    const struct house_rule *own_rules;
};

struct server_row {
    char id[ID_CAP];
    int64_t last_ms, first_ms;
    int64_t sessions, encrypted, decidable, compliant, judged, offered, offer_known;
    int64_t offer_ms, no_offer_ms; /* -1: none */
    uint16_t best_version, worst_version;
    const char *protocol, *role, *verdict;
    char name[SESSION_SNI_CAP];
    char cipher[CIPHER_CAP];
    char certificate[ID_CAP];
    int64_t certificate_ends_s;
    struct hits hits;
};

struct client_row {
    char id[ID_CAP];
    int64_t last_ms, first_ms;
    int64_t sessions, plaintext, auth_cleartext;
    uint16_t best_version;
    int64_t no_aead, no_ecdhe, weak_offer; /* of the last ClientHello; -1: none was seen */
    char helo[SESSION_HELO_CAP];
    char ja4[JA4_CAP];
    struct hits hits;
};

struct certificate_row {
    char id[ID_CAP];
    int64_t last_ms, first_ms;
    int64_t sessions, mismatch, weak, reused;
    char trust[CERTIFICATE_WORD_CAP];
    char shown_by[SHOWN_BY_CAP][ID_CAP]; /* the latest last */
    size_t shown_by_count;
    struct certificate_chain facts;
};

/* feed_rows_put_server, ... - the operation of a row. Returns false, and has written nothing, where the batch is full.
 * sensor  the name that offers are seen by */
bool feed_rows_put_server(struct batch *b, const struct server_row *row, const char *sensor);
bool feed_rows_put_client(struct batch *b, const struct client_row *row);
bool feed_rows_put_certificate(struct batch *b, const struct certificate_row *row);
