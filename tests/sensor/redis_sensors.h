/* redis_sensors.h - sinks and peers of several sensors of one site, on the server of redis_server.h.
 *
 * For the two programs that test what sensors tell each other. cmocka.h is included before. */
#pragma once

#include "redis_server.h"
#include "sample.h"
#include "sensor/host/log.h"
#include "sensor/publish/redis.h"
#include "sensor/publish/redis_peer.h"

enum { SAMPLE_MS = 123, WINDOW_S = 3600 };

static const uint64_t second_ns = UINT64_C(1000000000);
static const int64_t sample_at_ms = INT64_C(1700000000) * 1000 + SAMPLE_MS;
static const struct run_summary nothing;
static const char key[] = "waxseal:{test}:srv:198.51.100.25:587";

static const struct config *config_of(const char *sensor)
{
    static struct config c; /* too large for a stack */
    config_defaults(&c);
    snprintf(c.site, sizeof c.site, "test");
    snprintf(c.sensor, sizeof c.sensor, "%s", sensor);
    snprintf(c.redis_url, sizeof c.redis_url, "unix://%s", socket_path);
    return &c;
}

static inline struct sink open_sink(const char *sensor)
{
    struct sink sink;
    char error[REDIS_ERROR_CAP];
    if (!redis_open(&sink, config_of(sensor), error))
        fail_msg("%s", error);
    return sink;
}

static inline struct redis_peer *open_peer(const char *sensor)
{
    char error[REDIS_ERROR_CAP];
    struct redis_peer *p = redis_peer_open(config_of(sensor), error);
    if (p == NULL)
        fail_msg("%s", error);
    return p;
}

static inline void send_session(struct sink *sink, struct sample *x)
{
    sample_fill(x);
    sink->event(sink->state, &x->event);
}

/* The session `later_s` after the sample's, with the offer or without it. */
static inline void make_session(struct sample *x, int64_t later_s, bool offered)
{
    memset(x, 0, sizeof *x);
    sample_session(&x->session);
    x->session.first_ns += (uint64_t)later_s * second_ns;
    x->session.last_ns += (uint64_t)later_s * second_ns;
    x->session.mail.offer_starttls = x->session.mail.offer_starttls_ever = offered;
}

static inline void establish(struct sample *x, uint16_t version)
{
    x->session.mail.tls_asked = x->session.mail.tls_accepted = true;
    x->session.tls.begun = x->session.tls.client_hello = x->session.tls.server_hello = true;
    x->session.tls.established = true;
    x->session.tls.version = version;
}

/* One sensor's whole run with one session. */
static inline void record(const char *sensor, struct sample *x)
{
    struct sink sink = open_sink(sensor);
    send_session(&sink, x);
    assert_true(sink.finish(sink.state, &nothing));
}

/* How often a command was called since CONFIG RESETSTAT. */
static inline long calls_of(const char *command)
{
    char name[64];
    char *answer = ask("INFO commandstats");
    snprintf(name, sizeof name, "cmdstat_%s:calls=", command);
    const char *at = strstr(answer, name);
    long calls = at != NULL ? strtol(at + strlen(name), NULL, 10) : 0;
    free(answer);
    return calls;
}

/* What the sink says in passing is of no interest here. */
static inline int set_up_quietly(void **state)
{
    log_quiet(true);
    return set_up(state);
}
