/* past.h - sessions and certificates to remember, for the tests of the memory across sessions. */
#pragma once

#include "sample.h"
#include "sensor/audit/history.h"

enum { DAY = 86400, HOUR = 3600, NOW = 1800000000, ERROR_CAP = 512 };

static const uint64_t second_ns = UINT64_C(1000000000);

static inline struct history *opened(void)
{
    struct history_limits limits;
    history_defaults(&limits);
    limits.servers = limits.pairs = limits.keys = 64;
    struct history *h = history_open(&limits);
    assert_non_null(h);
    return h;
}

/* A whole SMTP session of half a second that shows a list of capabilities, without STARTTLS in it. */
static inline struct session listed(int64_t at_s, unsigned client, unsigned server)
{
    struct session s;
    sample_session(&s);
    s.first_ns = (uint64_t)at_s * second_ns;
    s.last_ns = s.first_ns + second_ns / 2;
    s.mail.auth_seen = s.mail.auth_accepted = false;
    s.mail.auth_exposure = AUTH_NOT_SEEN;
    memcpy(s.client_address.bytes, &client, sizeof client);
    memcpy(s.server_address.bytes, &server, sizeof server);
    return s;
}

static inline struct session offering(int64_t at_s, unsigned client, unsigned server)
{
    struct session s = listed(at_s, client, server);
    s.mail.offer_starttls = s.mail.offer_starttls_ever = true;
    return s;
}

static inline struct session sealed(int64_t at_s, unsigned client, unsigned server, uint16_t version,
                                    uint16_t offer)
{
    struct session s = offering(at_s, client, server);
    s.mail.tls_asked = s.mail.tls_accepted = true;
    s.tls.begun = s.tls.client_hello = s.tls.server_hello = s.tls.established = true;
    s.tls.version = version;
    s.tls.client_max_version = offer;
    return s;
}

static inline struct session failed(int64_t at_s, unsigned client, unsigned server, uint16_t offer)
{
    struct session s = sealed(at_s, client, server, 0, offer);
    s.tls.server_hello = s.tls.established = false;
    s.tls.alert_seen = true;
    return s;
}

static inline struct certificate_chain certificate(uint8_t leaf, uint8_t key, const char *kind,
                                                   int64_t not_after)
{
    struct certificate_chain c = {.parsed = true, .sent = 1, .not_after = not_after};
    memset(c.sha256, leaf, sizeof c.sha256);
    memset(c.key_sha256, key, sizeof c.key_sha256);
    snprintf(c.key, sizeof c.key, "%s", kind);
    return c;
}

static inline struct past look(struct history *h, struct session s, const struct certificate_chain *chain)
{
    struct past past;
    history_look(h, &s, chain, &past);
    return past;
}

static inline void note(struct history *h, struct session s, const struct certificate_chain *chain)
{
    struct outcome outcome = policy_outcome(&s);
    history_note(h, &s, &outcome, chain);
}

/* `with` sessions with the offer and `without` ones, a second apart from at_s on. */
static inline void note_offers(struct history *h, int64_t at_s, unsigned with, unsigned without)
{
    for (unsigned i = 0; i < with; i++)
        note(h, offering(at_s + i, 1, 1), NULL);
    for (unsigned i = 0; i < without; i++)
        note(h, listed(at_s + with + i, 1, 1), NULL);
}
