/* config.h - the whole configuration as one constant struct: every cap with its unit, ports and roles,
 * outputs.
 *
 * Filled from defaults, then a YAML file (config_load), then the command line (commands.c). Unknown keys
 * and wrong types are errors that name file, line and key. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sensor/audit/alert.h"
#include "sensor/audit/history.h"
#include "sensor/audit/house.h"
#include "sensor/audit/profile.h"
#include "sensor/capture/identity.h"
#include "sensor/capture/mirror.h"
#include "sensor/track/session.h"

enum {
    CONFIG_PORTS_CAP = 64,
    CONFIG_INTERFACES_CAP = 16,
    CONFIG_NAME_CAP = 64,
    CONFIG_PATH_CAP = 1024,
    CONFIG_FILTER_CAP = 2048,
    CONFIG_NETWORKS_CAP = 64,
    CONFIG_EXCEPTIONS_CAP = 256,
    CONFIG_SEVERITIES_CAP = 64,
    CONFIG_OWN_RULES_CAP = 64, /* at most HOUSE_RULES_MAX */
    CONFIG_EXPECTATIONS_CAP = 256
};

/* The house policy (audit/house.h), about 500 KiB. */
struct config_policy {
    struct house_exception exceptions[CONFIG_EXCEPTIONS_CAP];
    size_t exception_count;
    struct house_severity severities[CONFIG_SEVERITIES_CAP];
    size_t severity_count;
    struct house_rule rules[CONFIG_OWN_RULES_CAP];
    size_t rule_count;
    struct house_expectation expectations[CONFIG_EXPECTATIONS_CAP];
    size_t expectation_count;
};

struct config_port {
    uint16_t port;
    enum protocol protocol;
    bool tls_at_once; /* implicit TLS */
    enum role role;
};

struct config_caps {
    uint32_t flows;                  /* connections tracked at a time */
    uint32_t negotiations;           /* of them, how many may be in their dialogue or handshake */
    uint32_t segment_buffers;        /* blocks of 2 KiB for segments that came too early */
    uint32_t segment_bytes_per_side; /* bytes that may wait for a hole in one direction */
    uint32_t handshake_buffers;      /* blocks of 16 KiB for handshake messages that cross segments */
    uint32_t ring_sessions;          /* sessions on their way to the auditor, per worker */
    uint32_t certificates;           /* certificate chains remembered, of up to 16 KiB */
    uint32_t datagrams;              /* put together from fragments at a time */
    uint32_t fragment_buffers;       /* blocks of 2 KiB for their fragments */
    uint32_t snaplen_bytes;
    uint32_t kernel_ring_bytes;
};

struct config_timeouts {
    uint32_t handshake_ms;   /* no payload yet */
    uint32_t idle_ms;        /* dialogue or handshake under way */
    uint32_t established_ms; /* fate known */
    uint32_t linger_ms;      /* after the end of a connection, to swallow late packets */
    uint32_t gap_ms;     /* how long a hole may wait for its bytes once the other end has acknowledged them */
    uint32_t interim_ms; /* live only: age at which a session yields an interim event; 0 never */
    uint32_t fragment_ms; /* for the parts of a fragmented datagram, from the first on */
};

/* Which session events go to Redis; counters, records and alerts always take in every session. */
enum config_events { CONFIG_EVENTS_ALL, CONFIG_EVENTS_FINDINGS, CONFIG_EVENTS_ONE_IN };

struct config {
    char site[CONFIG_NAME_CAP];
    char sensor[CONFIG_NAME_CAP];
    struct config_port ports[CONFIG_PORTS_CAP];
    size_t port_count;
    char interfaces[CONFIG_INTERFACES_CAP][CONFIG_NAME_CAP];
    size_t interface_count;
    struct house_network own_networks[CONFIG_NETWORKS_CAP]; /* tell inbound from outbound */
    size_t own_network_count;
    uint32_t
        workers; /* capture threads of each interface; of files, threads that connections are spread over */
    bool pin_workers; /* each stays on one processor */
    bool promiscuous;
    bool tunnels;                /* the generated filter takes whole tunnels */
    bool fragments;              /* ... and IP fragments */
    enum identity flow_identity; /* are VLAN and tunnel part of what a connection is known by? */
    bool discover;               /* live: take all TCP, to find mail on unexpected ports */
    bool any_tls;
    char user[CONFIG_NAME_CAP];       /* live: whom to become once the interfaces are open; "" nobody else */
    enum profile profile;             /* the verdict is by this one */
    bool profile_all;                 /* the report shows compliance with every profile side by side */
    char trust_file[CONFIG_PATH_CAP]; /* CA bundle; "" the system's */
    int64_t at_s;                     /* judge certificates as of then, Unix seconds; 0 the packet's time */
    char history_file[CONFIG_PATH_CAP]; /* memory across restarts; "" none */
    struct history_limits history;      /* sizes and thresholds of the memory across sessions */
    char filter[CONFIG_FILTER_CAP];     /* user's BPF text, "" for none */
    struct config_caps caps;
    struct config_timeouts timeouts;
    struct mirror_limits mirror; /* from how much on its quality is worth a finding */
    struct config_policy policy;
    char tlsrpt_path[CONFIG_PATH_CAP];         /* "" none, "-" standard output */
    char tlsrpt_contact[CONFIG_PATH_CAP];      /* whom a reader of the report may ask */
    char json_path[CONFIG_PATH_CAP];           /* "" none, "-" standard output */
    char html_path[CONFIG_PATH_CAP];           /* "" none, "-" standard output */
    char prometheus_path[CONFIG_PATH_CAP];     /* "" none */
    char syslog_url[CONFIG_PATH_CAP];          /* "" none */
    unsigned syslog_facility;                  /* RFC 5424 s6.2.1 */
    uint32_t syslog_enterprise;                /* number in the name of the structured data */
    char redis_url[CONFIG_PATH_CAP];           /* "" none */
    char redis_password_file[CONFIG_PATH_CAP]; /* "" : environment WAXSEAL_REDIS_PASSWORD, if set */
    uint16_t
        redis_port; /* of that URL, 0 for a Unix socket: the sensor's own connection is never looked at */
    uint64_t redis_events_cap;                 /* MAXLEN ~ of the events stream */
    char redis_sentinel_user[CONFIG_NAME_CAP]; /* to log in at Sentinels; "" none */
    char
        redis_sentinel_password_file[CONFIG_PATH_CAP]; /* "": environment WAXSEAL_SENTINEL_PASSWORD, if set */
    char redis_ca_file[CONFIG_PATH_CAP];               /* roots for rediss://; "" the system's */
    char redis_certificate_file[CONFIG_PATH_CAP]; /* of this client for rediss://, with its chain; "" none */
    char redis_key_file[CONFIG_PATH_CAP];
    uint32_t redis_connect_ms;
    uint32_t redis_answer_ms;   /* for an answer, before the connection is given up */
    uint32_t redis_patience_ms; /* how long read, and the end of a run, wait for Redis where nothing moves */
    uint32_t redis_replicas;    /* that must have a batch before it counts as delivered */
    uint64_t redis_queue_bytes; /* batches in memory */
    char redis_spool[CONFIG_PATH_CAP]; /* folder for batches that Redis cannot take yet; "" none */
    uint64_t redis_spool_cap_bytes;
    uint64_t redis_alerts_cap; /* of the alerts stream */
    enum config_events redis_events;
    uint32_t redis_events_one_in;    /* at least 1 */
    uint32_t redis_clients_a_second; /* sessions a second that add to the records of clients */
    struct alert_limits alerts;
    bool live; /* not a key: `run`, where packets do not wait */
    bool quiet;
};

enum { CONFIG_ERROR_CAP = 1024 };

/* config_defaults - every value as documented in deploy/waxseal.yaml; site "default", sensor the host's
 * name; the ports of protocols.def. */
void config_defaults(struct config *c);

/* config_load - read a YAML file over what *c holds.
 * error   room of CONFIG_ERROR_CAP bytes: "FILE:LINE: key: what was expected"
 * Returns false where the file cannot be read or is not valid; *c is then unspecified */
bool config_load(struct config *c, const char *path, char *error);

/* config_name_valid - may this be a site or sensor name? Letters, digits, '.', '-' and '_', not a number,
 * at most 63: it becomes part of Redis keys and Grafana variables. */
bool config_name_valid(const char *name);

/* config_port_find - the row of a port, or NULL. */
const struct config_port *config_port_find(const struct config *c, uint16_t port);

/* config_house - the tables of the house policy, for house.h; borrowed from *c. */
struct house config_house(const struct config *c);

/* config_library_version - libcyaml's version as loaded. */
const char *config_library_version(void);
