#include "sensor/config_values.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

const struct config_section_info config_sections[CONFIG_SECTION_COUNT] = {
    [CONFIG_ROOT] = {"", "", CONFIG_ROOT},
    [CONFIG_CAPS] = {"caps", "caps", CONFIG_ROOT},
    [CONFIG_TIMEOUTS] = {"timeouts", "timeouts", CONFIG_ROOT},
    [CONFIG_HISTORY] = {"history", "history", CONFIG_ROOT},
    [CONFIG_MIRROR] = {"mirror", "mirror", CONFIG_ROOT},
    [CONFIG_OUTPUTS] = {"outputs", "outputs", CONFIG_ROOT},
    [CONFIG_REDIS] = {"outputs.redis", "redis", CONFIG_OUTPUTS},
    [CONFIG_SYSLOG] = {"outputs.syslog", "syslog", CONFIG_OUTPUTS},
    [CONFIG_POLICY] = {"policy", "policy", CONFIG_ROOT},
    [CONFIG_ALERTS] = {"alerts", "alerts", CONFIG_ROOT},
    [CONFIG_PORT_ENTRY] = {"ports", "ports", CONFIG_ROOT},
    [CONFIG_EXCEPTION_ENTRY] = {"policy.exceptions", "exceptions", CONFIG_POLICY},
    [CONFIG_SEVERITY_ENTRY] = {"policy.severities", "severities", CONFIG_POLICY},
    [CONFIG_RULE_ENTRY] = {"policy.rules", "rules", CONFIG_POLICY},
    [CONFIG_CONDITION_ENTRY] = {"policy.rules.when", "when", CONFIG_RULE_ENTRY},
    [CONFIG_EXPECTATION_ENTRY] = {"policy.expectations", "expectations", CONFIG_POLICY},
};

static const char *const identity_words[] = {"none", "vlan", "tunnel", "both", NULL};

/* RFC 5424 s6.2.1, by their numbers. */
static const char *const facility_words[] = {
    "kern",   "user",     "mail",   "daemon", "auth",   "syslog", "lpr",   "news",   "uucp",
    "cron",   "authpriv", "ftp",    "ntp",    "audit",  "alert",  "clock", "local0", "local1",
    "local2", "local3",   "local4", "local5", "local6", "local7", NULL};

#define OF(member) offsetof(struct config, member), sizeof((struct config *)0)->member
const struct config_setting config_settings[CONFIG_SETTING_COUNT] = {
    {CONFIG_ROOT, "site", CONFIG_NAME, OF(site), 0, 0},
    {CONFIG_ROOT, "sensor", CONFIG_NAME, OF(sensor), 0, 0},
    {CONFIG_ROOT, "workers", CONFIG_NUMBER, OF(workers), 1, 64},
    {CONFIG_ROOT, "pin_workers", CONFIG_FLAG, OF(pin_workers), 0, 0},
    {CONFIG_ROOT, "promiscuous", CONFIG_FLAG, OF(promiscuous), 0, 0},
    {CONFIG_ROOT, "tunnels", CONFIG_FLAG, OF(tunnels), 0, 0},
    {CONFIG_ROOT, "fragments", CONFIG_FLAG, OF(fragments), 0, 0},
    {CONFIG_ROOT, "flow_identity", CONFIG_WORD, OF(flow_identity), 0, 0, identity_words},
    {CONFIG_ROOT, "discover", CONFIG_FLAG, OF(discover), 0, 0},
    {CONFIG_ROOT, "any_tls", CONFIG_FLAG, OF(any_tls), 0, 0},
    {CONFIG_ROOT, "filter", CONFIG_TEXT, OF(filter), 0, 0},
    {CONFIG_ROOT, "trust", CONFIG_TEXT, OF(trust_file), 0, 0},
    {CONFIG_ROOT, "quiet", CONFIG_FLAG, OF(quiet), 0, 0},
    {CONFIG_ROOT, "user", CONFIG_TEXT, OF(user), 0, 0},
    {CONFIG_CAPS, "flows", CONFIG_NUMBER, OF(caps.flows), 64, 1 << 24},
    {CONFIG_CAPS, "negotiations", CONFIG_NUMBER, OF(caps.negotiations), 16, 1 << 20},
    {CONFIG_CAPS, "segment_buffers", CONFIG_NUMBER, OF(caps.segment_buffers), 16, 1 << 20},
    {CONFIG_CAPS, "segment_bytes_per_side", CONFIG_NUMBER, OF(caps.segment_bytes_per_side), 2048, 1 << 24},
    {CONFIG_CAPS, "handshake_buffers", CONFIG_NUMBER, OF(caps.handshake_buffers), 4, 1 << 16},
    {CONFIG_CAPS, "ring_sessions", CONFIG_NUMBER, OF(caps.ring_sessions), 64, 1 << 20},
    {CONFIG_CAPS, "certificates", CONFIG_NUMBER, OF(caps.certificates), 64, 1 << 20},
    {CONFIG_CAPS, "datagrams", CONFIG_NUMBER, OF(caps.datagrams), 16, 1 << 20},
    {CONFIG_CAPS, "fragment_buffers", CONFIG_NUMBER, OF(caps.fragment_buffers), 64, 1 << 20},
    {CONFIG_CAPS, "snaplen_bytes", CONFIG_NUMBER, OF(caps.snaplen_bytes), 96, 262144},
    {CONFIG_CAPS, "kernel_ring_bytes", CONFIG_NUMBER, OF(caps.kernel_ring_bytes), 1 << 20, INT32_MAX},
    {CONFIG_TIMEOUTS, "handshake_ms", CONFIG_NUMBER, OF(timeouts.handshake_ms), 1000, 600000},
    {CONFIG_TIMEOUTS, "idle_ms", CONFIG_NUMBER, OF(timeouts.idle_ms), 1000, 86400000},
    {CONFIG_TIMEOUTS, "established_ms", CONFIG_NUMBER, OF(timeouts.established_ms), 1000, 604800000},
    {CONFIG_TIMEOUTS, "linger_ms", CONFIG_NUMBER, OF(timeouts.linger_ms), 0, 600000},
    {CONFIG_TIMEOUTS, "gap_ms", CONFIG_NUMBER, OF(timeouts.gap_ms), 10, 60000},
    {CONFIG_TIMEOUTS, "interim_ms", CONFIG_NUMBER, OF(timeouts.interim_ms), 0, 604800000},
    {CONFIG_TIMEOUTS, "fragment_ms", CONFIG_NUMBER, OF(timeouts.fragment_ms), 1000, 120000},
    {CONFIG_HISTORY, "file", CONFIG_TEXT, OF(history_file), 0, 0},
    {CONFIG_HISTORY, "servers", CONFIG_NUMBER, OF(history.servers), 64, 1 << 22},
    {CONFIG_HISTORY, "pairs", CONFIG_NUMBER, OF(history.pairs), 64, 1 << 24},
    {CONFIG_HISTORY, "keys", CONFIG_NUMBER, OF(history.keys), 64, 1 << 22},
    {CONFIG_HISTORY, "baseline_sessions", CONFIG_NUMBER, OF(history.baseline_sessions), 1, 1000000},
    {CONFIG_HISTORY, "baseline_percent", CONFIG_NUMBER, OF(history.baseline_percent), 1, 100},
    {CONFIG_HISTORY, "baseline_days", CONFIG_NUMBER, OF(history.baseline_days), 1, 8},
    {CONFIG_HISTORY, "path_window_s", CONFIG_NUMBER, OF(history.path_window_s), 1, 86400},
    {CONFIG_HISTORY, "fallback_window_s", CONFIG_NUMBER, OF(history.fallback_window_s), 1, 86400},
    {CONFIG_HISTORY, "version_days", CONFIG_NUMBER, OF(history.version_days), 1, 3650},
    {CONFIG_HISTORY, "key_servers", CONFIG_NUMBER, OF(history.key_servers), 2, 8},
    {CONFIG_MIRROR, "window_s", CONFIG_NUMBER, OF(mirror.window_s), 1, 86400},
    {CONFIG_MIRROR, "least_packets", CONFIG_NUMBER, OF(mirror.least_packets), 1, 1000000000},
    {CONFIG_MIRROR, "least_connections", CONFIG_NUMBER, OF(mirror.least_connections), 1, 1000000000},
    {CONFIG_MIRROR, "one_sided_permille", CONFIG_NUMBER, OF(mirror.one_sided_permille), 1, 1000},
    {CONFIG_MIRROR, "duplicates_permille", CONFIG_NUMBER, OF(mirror.duplicates_permille), 1, 1000},
    {CONFIG_MIRROR, "loss_permille", CONFIG_NUMBER, OF(mirror.loss_permille), 1, 1000},
    {CONFIG_MIRROR, "truncated_permille", CONFIG_NUMBER, OF(mirror.truncated_permille), 1, 1000},
    {CONFIG_MIRROR, "offload_permille", CONFIG_NUMBER, OF(mirror.offload_permille), 1, 1000},
    {CONFIG_MIRROR, "clock_jumps", CONFIG_NUMBER, OF(mirror.clock_jumps), 1, 1000000},
    {CONFIG_MIRROR, "mtu_bytes", CONFIG_NUMBER, OF(mirror.mtu_bytes), 68, 65535},
    {CONFIG_OUTPUTS, "json", CONFIG_TEXT, OF(json_path), 0, 0},
    {CONFIG_OUTPUTS, "html", CONFIG_TEXT, OF(html_path), 0, 0},
    {CONFIG_OUTPUTS, "prometheus", CONFIG_TEXT, OF(prometheus_path), 0, 0},
    {CONFIG_OUTPUTS, "tlsrpt", CONFIG_TEXT, OF(tlsrpt_path), 0, 0},
    {CONFIG_OUTPUTS, "tlsrpt_contact", CONFIG_TEXT, OF(tlsrpt_contact), 0, 0},
    {CONFIG_SYSLOG, "url", CONFIG_TEXT, OF(syslog_url), 0, 0},
    {CONFIG_SYSLOG, "facility", CONFIG_WORD, OF(syslog_facility), 0, 0, facility_words},
    {CONFIG_SYSLOG, "enterprise", CONFIG_NUMBER, OF(syslog_enterprise), 1, UINT32_MAX},
    {CONFIG_REDIS, "url", CONFIG_TEXT, OF(redis_url), 0, 0},
    {CONFIG_REDIS, "password_file", CONFIG_TEXT, OF(redis_password_file), 0, 0},
    {CONFIG_REDIS, "ca", CONFIG_TEXT, OF(redis_ca_file), 0, 0},
    {CONFIG_REDIS, "certificate", CONFIG_TEXT, OF(redis_certificate_file), 0, 0},
    {CONFIG_REDIS, "key", CONFIG_TEXT, OF(redis_key_file), 0, 0},
    {CONFIG_REDIS, "sentinel_user", CONFIG_TEXT, OF(redis_sentinel_user), 0, 0},
    {CONFIG_REDIS, "sentinel_password_file", CONFIG_TEXT, OF(redis_sentinel_password_file), 0, 0},
    {CONFIG_REDIS, "replicas", CONFIG_NUMBER, OF(redis_replicas), 0, 16},
    {CONFIG_REDIS, "connect_ms", CONFIG_NUMBER, OF(redis_connect_ms), 10, 60000},
    {CONFIG_REDIS, "answer_ms", CONFIG_NUMBER, OF(redis_answer_ms), 100, 600000},
    {CONFIG_REDIS, "patience_ms", CONFIG_NUMBER, OF(redis_patience_ms), 0, 3600000},
    {CONFIG_REDIS, "queue_bytes", CONFIG_NUMBER, OF(redis_queue_bytes), 1 << 20, UINT64_C(1) << 40},
    {CONFIG_REDIS, "spool", CONFIG_TEXT, OF(redis_spool), 0, 0},
    {CONFIG_REDIS, "spool_cap_bytes", CONFIG_NUMBER, OF(redis_spool_cap_bytes), 16 << 20, UINT64_C(1) << 40},
    {CONFIG_REDIS, "clients_a_second", CONFIG_NUMBER, OF(redis_clients_a_second), 1, 1000000},
    {CONFIG_REDIS, "events_cap", CONFIG_NUMBER, OF(redis_events_cap), 100, 1000000000},
    {CONFIG_REDIS, "events", CONFIG_EVENTS, OF(redis_events), 0, 0},
    {CONFIG_REDIS, "alerts_cap", CONFIG_NUMBER, OF(redis_alerts_cap), 100, 1000000000},
    {CONFIG_ALERTS, "from", CONFIG_SEVERITY, OF(alerts.from), 0, 0},
    {CONFIG_ALERTS, "clear_after_s", CONFIG_NUMBER, OF(alerts.clear_after_s), 1, 31536000},
    {CONFIG_ALERTS, "open", CONFIG_NUMBER, OF(alerts.open), 16, 1 << 20},
    {CONFIG_ALERTS, "raised_a_minute", CONFIG_NUMBER, OF(alerts.raised_a_minute), 1, 1000000},
};
#undef OF

const struct config_plain_info config_plain[CONFIG_PLAIN_COUNT] = {
    [CONFIG_PLAIN_INTERFACES] = {"interfaces", CONFIG_INTERFACES_CAP},
    [CONFIG_PLAIN_OWN_NETWORKS] = {"own_networks", CONFIG_NETWORKS_CAP},
};

/* Of ports a file may name more than there is room for, to drop them. */
const struct config_list_info config_lists[CONFIG_LIST_COUNT] = {
    [CONFIG_LIST_PORTS] = {CONFIG_PORT_ENTRY, .cap = 4 * CONFIG_PORTS_CAP,
                           .keys = {"port", "protocol", "tls", "role"}, .key_count = CONFIG_PORT_KEY_COUNT},
    [CONFIG_LIST_EXCEPTIONS] = {CONFIG_EXCEPTION_ENTRY, .cap = CONFIG_EXCEPTIONS_CAP,
                                .keys = {"rule", "server", "port", "client", "sni", "owner", "reason",
                                         "expires"},
                                .key_count = 8},
    [CONFIG_LIST_SEVERITIES] = {CONFIG_SEVERITY_ENTRY, .cap = CONFIG_SEVERITIES_CAP,
                                .keys = {"rule", "role", "severity"}, .key_count = 3},
    [CONFIG_LIST_RULES] = {CONFIG_RULE_ENTRY, .cap = CONFIG_OWN_RULES_CAP, .keys = {"id", "severity"},
                           .key_count = 2},
    [CONFIG_LIST_CONDITIONS] = {CONFIG_CONDITION_ENTRY, .nested = true, .cap = HOUSE_CONDITIONS_CAP,
                                .keys = {"field", "equals", "not", "less", "greater", "contains", "matches"},
                                .key_count = 7, .texts = "in", .texts_cap = HOUSE_VALUES_CAP},
    [CONFIG_LIST_EXPECTATIONS] = {CONFIG_EXPECTATION_ENTRY, .cap = CONFIG_EXPECTATIONS_CAP,
                                  .keys = {"name", "domain", "mta_sts", "dane"}, .key_count = 4,
                                  .texts = "addresses", .texts_cap = HOUSE_ADDRESSES_CAP},
};

bool config_number_of(const char *text, uint64_t *number)
{
    uint64_t n = 0;
    for (const char *p = text; *p != '\0'; p++) {
        if (*p < '0' || *p > '9' || p - text > 17)
            return false;
        n = n * 10 + (uint64_t)(*p - '0');
    }
    *number = n;
    return text[0] != '\0';
}

static bool flag_of(const char *text, bool *flag)
{
    static const char *const words[] = {"no", "yes", "false", "true", "off", "on"};
    for (unsigned i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcasecmp(text, words[i]) == 0) {
            *flag = i & 1;
            return true;
        }
    return false;
}

static bool apply_number(const struct config_setting *s, const char *text, void *place)
{
    uint64_t number = 0;
    if (!config_number_of(text, &number) || number < s->min || number > s->max)
        return false;
    if (s->bytes == sizeof(uint64_t))
        *(uint64_t *)place = number;
    else
        *(uint32_t *)place = (uint32_t)number;
    return true;
}

static bool apply_text(size_t bytes, const char *text, char *place)
{
    size_t length = strlen(text);
    if (length >= bytes)
        return false;
    memcpy(place, text, length + 1);
    return true;
}

/* The place of the text among the words; `expected` lists them. */
static bool apply_word(const char *const *words, const char *text, void *place, char *expected)
{
    size_t used = 0;
    for (size_t i = 0; words[i] != NULL; i++) {
        if (strcmp(words[i], text) == 0) {
            *(unsigned *)place = (unsigned)i;
            return true;
        }
        const char *joint = i == 0 ? "" : words[i + 1] == NULL ? " or " : ", ";
        used += (size_t)snprintf(expected + used, CONFIG_EXPECTED_CAP - used, "%s%s", joint, words[i]);
    }
    return false;
}

static bool apply_severity(const char *text, enum severity *place)
{
    *place = policy_severity_of_word(text);
    return *place != SEVERITY_NONE && *place != SEVERITY_COUNT;
}

/* all, findings, or "1 in N". */
static bool apply_events(const char *text, struct config *c)
{
    static const char one_in[] = "1 in ";
    uint64_t number = 1;
    if (strcmp(text, "all") == 0)
        c->redis_events = CONFIG_EVENTS_ALL;
    else if (strcmp(text, "findings") == 0)
        c->redis_events = CONFIG_EVENTS_FINDINGS;
    else if (strncmp(text, one_in, sizeof one_in - 1) == 0 &&
             config_number_of(text + sizeof one_in - 1, &number) && number >= 1 && number <= UINT32_MAX)
        c->redis_events = CONFIG_EVENTS_ONE_IN;
    else
        return false;
    c->redis_events_one_in = (uint32_t)number;
    return true;
}

bool config_value_apply(const struct config_setting *s, const char *text, struct config *c, char *expected)
{
    void *place = (char *)c + s->offset;
    switch (s->kind) {
    case CONFIG_NAME:
        snprintf(expected, CONFIG_EXPECTED_CAP,
                 "a name of at most %d letters, digits, '.', '-' and '_' that is no number",
                 CONFIG_NAME_CAP - 1);
        return config_name_valid(text) && apply_text(s->bytes, text, place);
    case CONFIG_TEXT:
        snprintf(expected, CONFIG_EXPECTED_CAP, "at most %zu bytes", s->bytes - 1);
        return apply_text(s->bytes, text, place);
    case CONFIG_FLAG: snprintf(expected, CONFIG_EXPECTED_CAP, "yes or no"); return flag_of(text, place);
    case CONFIG_NUMBER:
        snprintf(expected, CONFIG_EXPECTED_CAP, "a whole number from %llu to %llu",
                 (unsigned long long)s->min, (unsigned long long)s->max);
        return apply_number(s, text, place);
    case CONFIG_WORD: return apply_word(s->words, text, place, expected);
    case CONFIG_SEVERITY:
        snprintf(expected, CONFIG_EXPECTED_CAP, "info, low, medium, high or critical");
        return apply_severity(text, place);
    case CONFIG_EVENTS:
        snprintf(expected, CONFIG_EXPECTED_CAP, "all, findings, or 1 in N");
        return apply_events(text, c);
    }
    return false;
}

/* ---- ports ---- */

enum role config_role_of_word(const char *word)
{
    for (enum role role = ROLE_RELAY; role < ROLE_COUNT; role++)
        if (strcmp(session_role_word(role), word) == 0)
            return role;
    return ROLE_UNKNOWN;
}

static enum protocol protocol_of_word(const char *word)
{
    for (enum protocol protocol = PROTOCOL_UNKNOWN + 1; protocol < PROTOCOL_OTHER; protocol++)
        if (strcmp(session_protocol_word(protocol), word) == 0)
            return protocol;
    return PROTOCOL_UNKNOWN;
}

/* What a port outside the defaults is, where the file does not say: the stricter reading. */
static enum role usual_role(enum protocol protocol)
{
    if (protocol == PROTOCOL_SMTP)
        return ROLE_SUBMISSION;
    return protocol == PROTOCOL_LMTP ? ROLE_DELIVERY : ROLE_ACCESS;
}

static void drop_port(struct config *c, uint16_t port)
{
    size_t kept = 0;
    for (size_t i = 0; i < c->port_count; i++)
        if (c->ports[i].port != port)
            c->ports[kept++] = c->ports[i];
    c->port_count = kept;
}

/* Kept in ascending order, so that filters and reports do not depend on the order of the file. */
static bool put_port(struct config *c, const struct config_port *row)
{
    size_t at = 0;
    drop_port(c, row->port);
    if (c->port_count == CONFIG_PORTS_CAP)
        return false;
    while (at < c->port_count && c->ports[at].port < row->port)
        at++;
    memmove(&c->ports[at + 1], &c->ports[at], (c->port_count - at) * sizeof c->ports[0]);
    c->ports[at] = *row;
    c->port_count++;
    return true;
}

static bool read_port_words(char *const *values, struct config_port *row, enum config_port_key *wrong,
                            char *expected)
{
    if (values[CONFIG_PORT_TLS] != NULL) {
        *wrong = CONFIG_PORT_TLS;
        snprintf(expected, CONFIG_EXPECTED_CAP, "starttls or implicit");
        row->tls_at_once = strcmp(values[CONFIG_PORT_TLS], "implicit") == 0;
        if (!row->tls_at_once && strcmp(values[CONFIG_PORT_TLS], "starttls") != 0)
            return false;
    }
    if (values[CONFIG_PORT_ROLE] != NULL) {
        *wrong = CONFIG_PORT_ROLE;
        snprintf(expected, CONFIG_EXPECTED_CAP, "relay, submission, access or delivery");
        row->role = config_role_of_word(values[CONFIG_PORT_ROLE]);
        return row->role != ROLE_UNKNOWN;
    }
    return true;
}

bool config_port_apply(char *const *values, struct config *c, enum config_port_key *wrong, char *expected)
{
    uint64_t number = 0;
    *wrong = CONFIG_PORT_PORT;
    snprintf(expected, CONFIG_EXPECTED_CAP, "a port from 1 to 65535");
    if (values[CONFIG_PORT_PORT] == NULL || !config_number_of(values[CONFIG_PORT_PORT], &number) ||
        number < 1 || number > UINT16_MAX)
        return false;
    *wrong = CONFIG_PORT_PROTOCOL;
    snprintf(expected, CONFIG_EXPECTED_CAP, "smtp, lmtp, imap, pop3, sieve, or none to drop the port");
    const char *word = values[CONFIG_PORT_PROTOCOL];
    if (word != NULL && strcmp(word, "none") == 0) {
        drop_port(c, (uint16_t)number);
        return true;
    }
    const struct config_port *known = config_port_find(c, (uint16_t)number);
    struct config_port row = {.port = (uint16_t)number};
    row.protocol = word != NULL ? protocol_of_word(word) : known != NULL ? known->protocol : PROTOCOL_UNKNOWN;
    if (row.protocol == PROTOCOL_UNKNOWN)
        return false;
    bool same = known != NULL && known->protocol == row.protocol;
    row.tls_at_once = same && known->tls_at_once;
    row.role = same ? known->role : usual_role(row.protocol);
    if (!read_port_words(values, &row, wrong, expected))
        return false;
    *wrong = CONFIG_PORT_PORT;
    snprintf(expected, CONFIG_EXPECTED_CAP, "at most %d ports in all", CONFIG_PORTS_CAP);
    return put_port(c, &row);
}
