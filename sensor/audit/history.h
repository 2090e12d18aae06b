/* history.h - what is known across sessions: per server, per client and server, per key.
 *
 * Three bounded tables, least recently used out; time is packet time. It remembers and compares, the rules
 * judge. What it holds is no secret: addresses, counts, versions, hashes of certificates. Kept across
 * restarts in a file that is written whole and renamed. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sensor/audit/certificate.h"
#include "sensor/track/session.h"

/* Thresholds, in the configuration's own words (detection.md MT-08, MT-22). */
struct history_limits {
    uint32_t servers; /* table sizes */
    uint32_t pairs;
    uint32_t keys;
    uint32_t baseline_sessions; /* sessions of a server before a missing offer means something */
    uint32_t baseline_percent;  /* of them that offered STARTTLS */
    uint32_t baseline_days;
    uint32_t path_window_s;     /* "at the same time": another client got the offer within it */
    uint32_t fallback_window_s; /* cleartext or a lower offer after a failure */
    uint32_t version_days;      /* how long a best version is remembered */
    uint32_t key_servers;       /* servers with one key before it counts as reused */
};

/* What is known of a session's server, pair and key from before it. */
struct past {
    bool baseline_offers;          /* this server offered STARTTLS in enough of enough sessions */
    bool offered_to_other_lately;  /* another client got the offer within the window ... */
    bool offered_elsewhere_lately; /* ... or another sensor saw it (Redis) */
    bool pair_failed_lately;       /* TLS of this client and server was refused or failed within the window */
    uint16_t pair_failed_offer;    /* the version that the client offered then; 0 where not known */
    uint16_t server_best_version;  /* chosen within the days; 0 where none */
    uint16_t pair_best_version;
    /* Within the hour, most clients that offered TLS 1.3 got less, after it had been chosen before. */
    bool most_dropped_tls13;
    bool leaf_known;       /* this certificate was seen at this server before */
    bool other_leaf_known; /* another one was seen last (of those with such a key, where there are) ... */
    bool other_key_known;  /* ... and none with this key */
    int64_t other_leaf_not_after; /* when the one seen last would have ended; Unix seconds */
    bool key_reused;              /* other servers, enough of them, were seen with this key */
    bool learnt; /* no certificate visible now, but one of this server was in an earlier session */
    uint8_t learnt_sha256[32];
};

/* history_defaults - the thresholds of detection.md, and tables for 16,384 servers, 65,536 pairs and 16,384
 * keys. */
void history_defaults(struct history_limits *limits);

struct outcome; /* policy.h */
struct history; /* opaque */

/* history_open - take all memory. Returns NULL where it is lacking. */
struct history *history_open(const struct history_limits *limits);
void history_close(struct history *h);

/* history_look - what is known before this session; *out is overwritten.
 * chain  NULL where no certificate was visible or it could not be parsed */
void history_look(struct history *h, const struct session *s, const struct certificate_chain *chain,
                  struct past *out);

/* history_expect - these sessions will be looked up next and later: have what is looked at fetched from memory meanwhile.
 * Each may be NULL. Changes nothing. */
void history_expect(const struct history *h, const struct session *next, const struct session *later);

/* history_note - remember this session. Interim accounts are not remembered.
 * outcome  of the session (policy_outcome) */
void history_note(struct history *h, const struct session *s, const struct outcome *outcome,
                  const struct certificate_chain *chain);

/* history_load - read a file that history_save wrote. A file of another version or one that is damaged is
 * refused whole.
 * error   room of 512 bytes; one sentence where false is returned. A missing file is no error: true,
 *         nothing loaded */
bool history_load(struct history *h, const char *path, char *error);

/* history_save - write everything beside path, then rename. A file that is no history is left alone. error as
 * above. */
bool history_save(const struct history *h, const char *path, char *error);

/* history_servers - servers known now. */
uint32_t history_servers(const struct history *h);
