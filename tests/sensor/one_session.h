/* one_session.h - a tracker, a connection's wire into it, and the session that came of it, for tests of whole connections. */
#pragma once

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "sensor/audit/policy.h"
#include "sensor/track/tracker.h"
#include "tests/build.h"
#include "tests/wire.h"

static struct counters counters;
static struct config config;
static struct session last;
static unsigned session_count;
static struct tracker *tracker;
static struct wire wire;
static struct build *out;

static void on_session(void *context, const struct session *s)
{
    (void)context;
    last = *s;
    session_count++;
}

static int setup(void **state)
{
    (void)state;
    config_defaults(&config);
    config.caps.flows = 64;
    config.caps.negotiations = 16;
    config.caps.segment_buffers = 32;
    config.caps.handshake_buffers = 4;
    memset(&counters, 0, sizeof counters);
    session_count = 0;
    struct tracker_request request = {.config = &config, .counters = &counters, .emit = on_session};
    tracker = tracker_open(&request);
    out = calloc(1, sizeof *out);
    return tracker == NULL || out == NULL;
}

static int teardown(void **state)
{
    (void)state;
    tracker_close(tracker);
    free(out);
    return 0;
}

static bool has_finding(enum rule rule)
{
    struct judgement j;
    policy_judge(&(struct facts){.session = &last, .host = ""}, &j);
    for (size_t i = 0; i < j.finding_count; i++)
        if (j.findings[i].rule == rule)
            return true;
    return false;
}

static void send_out(enum side from)
{
    wire_send(&wire, from, out->bytes, out->n);
    out->n = 0;
}

static void send_client_hello(void)
{
    build_client_hello(out, &(struct build_hello){.version = 0x0303});
    send_out(CLIENT);
}
