#include "sensor/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct config_port default_ports[] = {
#define TLS_AT_ONCE true
#define TLS_BY_COMMAND false
#define PORT(number, protocol_id, tls, role_id) {number, PROTOCOL_##protocol_id, tls, ROLE_##role_id},
#include "parsers/protocols.def"
#undef PORT
#undef TLS_AT_ONCE
#undef TLS_BY_COMMAND
};
_Static_assert(sizeof default_ports / sizeof default_ports[0] <= CONFIG_PORTS_CAP, "ports of protocols.def");

/* The host's name up to its first dot, made fit to be a sensor's name. */
static void name_after_host(char *name)
{
    char host[256] = "";
    if (gethostname(host, sizeof host - 1) != 0)
        host[0] = '\0';
    host[strcspn(host, ".")] = '\0';
    for (char *p = host; *p != '\0'; p++)
        if (!(*p >= '0' && *p <= '9') && !((*p | 0x20) >= 'a' && (*p | 0x20) <= 'z') && *p != '-')
            *p = '-';
    snprintf(name, CONFIG_NAME_CAP, "%.50s", host);
    if (!config_name_valid(name))
        snprintf(name, CONFIG_NAME_CAP, "sensor-%.50s", host);
}

void config_defaults(struct config *c)
{
    *c = (struct config){
        .site = "default",
        .promiscuous = true,
        .tunnels = true,
        .fragments = true,
        .caps = {.flows = 262144,
                 .negotiations = 16384,
                 .segment_buffers = 8192,
                 .segment_bytes_per_side = 65536,
                 .handshake_buffers = 512,
                 .ring_sessions = 4096,
                 .certificates = 2048,
                 .datagrams = 512,
                 .fragment_buffers = 2048,
                 .snaplen_bytes = 262144,
                 .kernel_ring_bytes = 64U << 20},
        .timeouts = {.handshake_ms =
                         300000, /* so long a client waits for the greeting (RFC 5321 s4.5.3.2.1) */
                     .idle_ms = 300000,
                     .established_ms = 3600000,
                     .linger_ms = 5000,
                     .gap_ms = 500,
                     .interim_ms = 3600000,
                     .fragment_ms = 30000},
        .workers = 1,
        .redis_events_cap = 100000,
        .syslog_facility = 3,       /* daemon */
        .syslog_enterprise = 32473, /* RFC 5612: for examples, as Waxseal has no number of its own */
        .redis_connect_ms = 1000,
        .redis_answer_ms = 5000,
        .redis_patience_ms = 10000,
        .redis_queue_bytes = 64U << 20,
        .redis_spool_cap_bytes = 1U << 30,
        .redis_alerts_cap = 10000,
        .redis_events = CONFIG_EVENTS_ALL,
        .redis_events_one_in = 1,
        .redis_clients_a_second = 2000,
        .alerts = {.from = SEVERITY_MEDIUM, .clear_after_s = 86400, .open = 4096, .raised_a_minute = 240},
        .tlsrpt_contact = "postmaster",
    };
    history_defaults(&c->history);
    mirror_limits_default(&c->mirror);
    name_after_host(c->sensor);
    c->port_count = sizeof default_ports / sizeof default_ports[0];
    memcpy(c->ports, default_ports, sizeof default_ports);
}

/* Would strtod or a JavaScript or Go parser take it for a number? Grafana types a column by its first value. */
static bool reads_as_number(const char *name)
{
    char bare[CONFIG_NAME_CAP];
    size_t used = 0;
    for (const char *p = name; *p != '\0' && used + 1 < sizeof bare; p++)
        if (*p != '_')
            bare[used++] = *p;
    bare[used] = '\0';
    char *end = NULL;
    (void)strtod(bare, &end);
    return *end == '\0';
}

bool config_name_valid(const char *name)
{
    size_t length = strlen(name);
    if (length == 0 || length >= CONFIG_NAME_CAP || strchr(".-_", name[0]) != NULL)
        return false;
    for (const char *p = name; *p != '\0'; p++)
        if (!(*p >= '0' && *p <= '9') && !(*p >= 'a' && *p <= 'z') && !(*p >= 'A' && *p <= 'Z') &&
            strchr(".-_", *p) == NULL)
            return false;
    return strcmp(name, "all") != 0 && !reads_as_number(name); /* "all" is the sum of the sensors in Redis */
}

const struct config_port *config_port_find(const struct config *c, uint16_t port)
{
    for (size_t i = 0; i < c->port_count; i++)
        if (c->ports[i].port == port)
            return &c->ports[i];
    return NULL;
}
