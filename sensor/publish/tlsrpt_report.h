/* tlsrpt_report.h - what tlsrpt.c counted, and its way into a file; for these two alone. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sensor/config.h"
#include "sensor/publish/tlsrpt.h"

enum {
    TLSRPT_SERVERS = 1024,
    TLSRPT_SERVER_SLOTS = 2 * TLSRPT_SERVERS, /* powers of two, never full */
    TLSRPT_FAILURES = 8192,
    TLSRPT_FAILURE_SLOTS = 2 * TLSRPT_FAILURES
};

/* RFC 8460 s4.3, those that can be seen without DNS. */
enum tlsrpt_type {
    TLSRPT_STARTTLS_NOT_SUPPORTED,
    TLSRPT_CERTIFICATE_HOST_MISMATCH,
    TLSRPT_CERTIFICATE_EXPIRED,
    TLSRPT_CERTIFICATE_NOT_TRUSTED,
    TLSRPT_VALIDATION_FAILURE,
    TLSRPT_TYPE_COUNT
};

/* A server under one expectation, or none. */
struct tlsrpt_server {
    const struct house_expectation *expected;
    struct address address;
    uint8_t family;
    bool asked_for; /* the name is what a client asked for */
    bool told;      /* already in the report */
    char name[HOUSE_NAME_CAP];
    char greeting[SESSION_SERVER_NAME_CAP];
    uint64_t succeeded;
    uint64_t failed;
    uint64_t without_client[TLSRPT_TYPE_COUNT]; /* failures that found no row of their own */
};

struct tlsrpt_failure {
    uint16_t server;
    enum tlsrpt_type type;
    struct address client; /* of the server's family */
    uint64_t count;
};

struct tlsrpt {
    const struct config *config;
    uint64_t first_ns;
    uint64_t last_ns;
    uint64_t sessions_lost;
    size_t server_count;
    size_t failure_count;
    struct tlsrpt_server servers[TLSRPT_SERVERS];
    struct tlsrpt_failure failures[TLSRPT_FAILURES];
    uint16_t server_slots[TLSRPT_SERVER_SLOTS]; /* row + 1; 0: free */
    uint16_t failure_slots[TLSRPT_FAILURE_SLOTS];
};

/* tlsrpt_type_of - TLSRPT_TYPE_COUNT where the word is none. */
enum tlsrpt_type tlsrpt_type_of(const char *word);

/* tlsrpt_report_try - could a report be written there?
 * error   room of TLSRPT_ERROR_CAP, where false is returned */
bool tlsrpt_report_try(const char *path, char *error);

/* tlsrpt_report_write - the whole report, to t->config->tlsrpt_path. As above. */
bool tlsrpt_report_write(struct tlsrpt *t, char *error);
