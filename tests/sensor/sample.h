/* sample.h - an event to publish, standard error to read, and files of a moment, for the tests of outputs
 * and configuration. */
#pragma once

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sensor/audit/event.h"

struct sample {
    struct session session;
    struct facts facts;
    struct judgement judgement;
    struct event event;
};

/* A submission session with a readable password and no TLS. */
static inline void sample_session(struct session *s)
{
    *s = (struct session){.first_ns = UINT64_C(1700000000123000000),
                          .last_ns = UINT64_C(1700000001623000000),
                          .tuple_hash = UINT64_C(0x0123456789abcdef),
                          .client_port = 50000,
                          .server_port = 587,
                          .vlan = -1,
                          .family = IP_V4,
                          .protocol = PROTOCOL_SMTP,
                          .role = ROLE_SUBMISSION,
                          .final = true,
                          .server_name = "mx.example.org",
                          .helo = "client.example.org",
                          .auth_mechanism = "PLAIN"};
    memcpy(s->client_address.bytes, (uint8_t[]){192, 0, 2, 7}, 4);
    memcpy(s->server_address.bytes, (uint8_t[]){198, 51, 100, 25}, 4);
    for (int side = CLIENT; side <= SERVER; side++) {
        s->side[side].packets = 9;
        s->side[side].bytes = 300;
        s->side[side].syn_seen = true;
        s->side[side].fin_seen = true;
    }
    s->mail.greeting_seen = s->mail.greeting_accepted = true;
    s->mail.helo_seen = s->mail.helo_extended = s->mail.capabilities_seen = true;
    s->mail.auth_seen = s->mail.auth_accepted = true;
    s->mail.auth_exposure = AUTH_READABLE;
}

/* Judges the session as it is now and fills the event. */
static inline void sample_fill(struct sample *x)
{
    struct event_context context = {.site = "test", .sensor = "probe"};
    x->facts = (struct facts){.session = &x->session, .host = ""};
    policy_judge(&x->facts, &x->judgement);
    event_fill(&x->event, &context, &x->facts, &x->judgement);
}

static inline void sample_make(struct sample *x)
{
    memset(x, 0, sizeof *x);
    sample_session(&x->session);
    sample_fill(x);
}

/* The whole of a file, NUL-terminated; to be freed. */
static inline char *sample_read(const char *path, size_t *length)
{
    FILE *f = fopen(path, "r");
    char *text = calloc(1, 1);
    size_t used = 0;
    while (f != NULL && !feof(f) && !ferror(f)) {
        text = realloc(text, used + 65537);
        used += fread(text + used, 1, 65536, f);
        text[used] = '\0';
    }
    if (f != NULL)
        fclose(f);
    if (length != NULL)
        *length = used;
    return text;
}

static inline void sample_write(const char *path, const void *bytes, size_t length)
{
    FILE *f = fopen(path, "w");
    if (f == NULL || fwrite(bytes, 1, length, f) != length || fclose(f) != 0)
        abort();
}

static int sample_stderr_saved = -1;
static char sample_stderr_path[64];

/* From here on standard error goes to a file. */
static inline void sample_stderr_catch(void)
{
    snprintf(sample_stderr_path, sizeof sample_stderr_path, "/tmp/waxseal-test-stderr-XXXXXX");
    int file = mkstemp(sample_stderr_path);
    fflush(stderr);
    sample_stderr_saved = dup(STDERR_FILENO);
    dup2(file, STDERR_FILENO);
    close(file);
}

/* What was written since; standard error is as before. To be freed. */
static inline char *sample_stderr_release(void)
{
    fflush(stderr);
    dup2(sample_stderr_saved, STDERR_FILENO);
    close(sample_stderr_saved);
    char *text = sample_read(sample_stderr_path, NULL);
    unlink(sample_stderr_path);
    return text;
}

static inline size_t sample_count(const char *text, const char *what)
{
    size_t count = 0;
    for (const char *p = strstr(text, what); p != NULL; p = strstr(p + 1, what))
        count++;
    return count;
}
