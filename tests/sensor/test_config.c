/* The configuration: defaults, what a file may say, and one readable sentence for everything it may not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sample.h"
#include "sensor/config.h"

static char path[64];

static bool load(struct config *c, const void *bytes, size_t length, char *error)
{
    snprintf(path, sizeof path, "/tmp/waxseal-test-config-XXXXXX");
    close(mkstemp(path));
    sample_write(path, bytes, length);
    config_defaults(c);
    bool loaded = config_load(c, path, error);
    unlink(path);
    return loaded;
}

static bool load_text(struct config *c, const char *text, char *error)
{
    return load(c, text, strlen(text), error);
}

/* The error without the file's name. */
static const char *behind_path(const char *error)
{
    assert_memory_equal(error, path, strlen(path));
    return error + strlen(path);
}

static void test_config_defaults_are_those_of_the_documented_file(void **state)
{
    (void)state;
    struct config a;
    struct config b;
    char error[CONFIG_ERROR_CAP];
    config_defaults(&a);
    config_defaults(&b);
    assert_true(config_load(&b, "deploy/waxseal.yaml", error));
    assert_memory_equal(&a, &b, sizeof a);
    assert_string_equal(a.site, "default");
    assert_true(config_name_valid(a.sensor));
    assert_true(a.promiscuous && a.tunnels && !a.discover && !a.any_tls && !a.quiet);
    assert_int_equal(a.caps.flows, 262144);
    assert_int_equal(a.timeouts.gap_ms, 500);
}

/* The examples that are commented out must be right, too. */
static void test_config_documented_file_with_its_examples_is_valid(void **state)
{
    (void)state;
    struct config c;
    char error[CONFIG_ERROR_CAP];
    char *text = sample_read("deploy/waxseal.yaml", NULL);
    char *lines = calloc(1, strlen(text) + 1);
    bool example = false; /* from "#key" to the next line that is no comment */
    char *q = lines;
    for (const char *p = text; *p != '\0'; p += strcspn(p, "\n") + 1) {
        example = p[0] == '#' && (example || (p[1] >= 'a' && p[1] <= 'z'));
        size_t length = strcspn(p, "\n") + 1 - example;
        memcpy(q, p + example, length);
        q += length;
    }
    if (!load_text(&c, lines, error))
        fail_msg("%s", error);
    assert_string_equal(c.sensor, "mx-sensor");
    assert_int_equal(c.interface_count, 1);
    assert_int_equal(config_port_find(&c, 10025)->role, ROLE_RELAY);
    assert_null(config_port_find(&c, 2525));
    assert_int_equal(c.policy.exception_count, 3);
    assert_int_equal(c.policy.severity_count, 2);
    assert_int_equal(c.policy.rule_count, 2);
    assert_int_equal(c.policy.expectation_count, 2);
    free(lines);
    free(text);
}

static void test_config_default_ports_are_those_of_the_table(void **state)
{
    (void)state;
    struct config c;
    config_defaults(&c);
    assert_int_equal(c.port_count, 10);
    assert_true(config_port_find(&c, 993)->tls_at_once);
    assert_int_equal(config_port_find(&c, 993)->protocol, PROTOCOL_IMAP);
    assert_int_equal(config_port_find(&c, 465)->role, ROLE_SUBMISSION);
    assert_int_equal(config_port_find(&c, 24)->role, ROLE_DELIVERY);
    assert_false(config_port_find(&c, 25)->tls_at_once);
    assert_null(config_port_find(&c, 80));
}

static void test_config_every_key_reaches_its_field(void **state)
{
    (void)state;
    static const char text[] =
        "site: berlin\n"
        "sensor: mx-1\n"
        "interfaces: [eth1, eth2]\n"
        "promiscuous: no\n"
        "tunnels: false\n"
        "fragments: no\n"
        "flow_identity: tunnel\n"
        "discover: On\n"
        "any_tls: TRUE\n"
        "filter: 'net 192.0.2.0/24'\n"
        "caps: {flows: 1000, negotiations: 101, segment_buffers: 102, segment_bytes_per_side: 4096,\n"
        "  handshake_buffers: 103, ring_sessions: 104, certificates: 105, datagrams: 106,\n"
        "  fragment_buffers: 107, snaplen_bytes: 1500, "
        "kernel_ring_bytes: 2097152}\n"
        "timeouts: {handshake_ms: 1001, idle_ms: 1002, established_ms: 1003, linger_ms: 0,\n"
        "  gap_ms: 11, interim_ms: 0, fragment_ms: 1004}\n"
        "mirror: {window_s: 11, least_packets: 12, least_connections: 13, one_sided_permille: 14,\n"
        "  duplicates_permille: 15, loss_permille: 16, truncated_permille: 17, offload_permille: 18,\n"
        "  clock_jumps: 19, mtu_bytes: 9000}\n"
        "outputs:\n"
        "  json: \"/var/log/waxseal.json\"\n"
        "  tlsrpt: /var/lib/tlsrpt.json\n"
        "  tlsrpt_contact: tls@example.org\n"
        "  redis: {url: 'unix:///run/redis.sock', password_file: /etc/pw, events_cap: 5000000000,\n"
        "    ca: /etc/ca, certificate: /etc/ce, key: /etc/ke, sentinel_user: sen, sentinel_password_file: "
        "/etc/sp, replicas: 2,\n"
        "    connect_ms: 21, answer_ms: 122, patience_ms: 23, queue_bytes: 2000000, spool: /var/spool/w,\n"
        "    spool_cap_bytes: 20000000}\n"
        "quiet: yes\n";
    struct config c;
    char error[CONFIG_ERROR_CAP];
    char *smaller = strdup(text);
    memcpy(strstr(smaller, "5000000000"), "1000000000", 10);
    assert_false(load_text(&c, text, error)); /* events_cap is beyond its range */
    assert_true(load_text(&c, smaller, error));
    free(smaller);
    assert_string_equal(c.site, "berlin");
    assert_string_equal(c.sensor, "mx-1");
    assert_int_equal(c.interface_count, 2);
    assert_string_equal(c.interfaces[1], "eth2");
    assert_true(!c.promiscuous && !c.tunnels && !c.fragments && c.discover && c.any_tls && c.quiet);
    assert_int_equal(c.flow_identity, IDENTITY_TUNNEL);
    assert_string_equal(c.filter, "net 192.0.2.0/24");
    struct config_caps caps = c.caps;
    caps.flows = 1000;
    caps.negotiations = 101;
    caps.segment_buffers = 102;
    caps.segment_bytes_per_side = 4096;
    caps.handshake_buffers = 103;
    caps.ring_sessions = 104;
    caps.datagrams = 106;
    caps.fragment_buffers = 107;
    caps.snaplen_bytes = 1500;
    caps.kernel_ring_bytes = 2097152;
    const struct config_timeouts timeouts = {1001, 1002, 1003, 0, 11, 0, 1004};
    assert_memory_equal(&c.caps, &caps, sizeof caps);
    assert_memory_equal(&c.timeouts, &timeouts, sizeof timeouts);
    const struct mirror_limits mirror = {11, 12, 13, 14, 15, 16, 17, 18, 19, 9000};
    assert_memory_equal(&c.mirror, &mirror, sizeof mirror);
    assert_string_equal(c.json_path, "/var/log/waxseal.json");
    assert_string_equal(c.tlsrpt_path, "/var/lib/tlsrpt.json");
    assert_string_equal(c.tlsrpt_contact, "tls@example.org");
    assert_string_equal(c.redis_url, "unix:///run/redis.sock");
    assert_string_equal(c.redis_password_file, "/etc/pw");
    assert_int_equal(c.redis_events_cap, 1000000000);
    assert_string_equal(c.redis_ca_file, "/etc/ca");
    assert_string_equal(c.redis_certificate_file, "/etc/ce");
    assert_string_equal(c.redis_key_file, "/etc/ke");
    assert_string_equal(c.redis_sentinel_user, "sen");
    assert_string_equal(c.redis_sentinel_password_file, "/etc/sp");
    assert_int_equal(c.redis_replicas, 2);
    assert_int_equal(c.redis_connect_ms, 21);
    assert_int_equal(c.redis_answer_ms, 122);
    assert_int_equal(c.redis_patience_ms, 23);
    assert_int_equal(c.redis_queue_bytes, 2000000);
    assert_string_equal(c.redis_spool, "/var/spool/w");
    assert_int_equal(c.redis_spool_cap_bytes, 20000000);
}

static void test_config_ports_add_change_and_drop(void **state)
{
    (void)state;
    struct config c;
    char error[CONFIG_ERROR_CAP];
    assert_true(load_text(&c,
                          "ports:\n"
                          "  - {port: 10025, protocol: smtp}\n"
                          "  - {port: 1430, protocol: imap, tls: implicit}\n"
                          "  - {port: 25, role: submission}\n"
                          "  - {port: 110, tls: implicit}\n"
                          "  - {port: 465, protocol: lmtp}\n"
                          "  - {port: 2525, protocol: none}\n"
                          "  - {port: 4, protocol: none}\n",
                          error));
    assert_int_equal(c.port_count, 11);
    assert_int_equal(config_port_find(&c, 10025)->role, ROLE_SUBMISSION);
    assert_false(config_port_find(&c, 10025)->tls_at_once);
    assert_true(config_port_find(&c, 1430)->tls_at_once);
    assert_int_equal(config_port_find(&c, 1430)->role, ROLE_ACCESS);
    assert_int_equal(config_port_find(&c, 25)->role, ROLE_SUBMISSION);
    assert_int_equal(config_port_find(&c, 25)->protocol, PROTOCOL_SMTP);
    assert_true(config_port_find(&c, 110)->tls_at_once);
    assert_int_equal(config_port_find(&c, 465)->role,
                     ROLE_DELIVERY); /* another protocol: nothing is inherited */
    assert_false(config_port_find(&c, 465)->tls_at_once);
    assert_null(config_port_find(&c, 2525));
    for (size_t i = 1; i < c.port_count; i++)
        assert_true(c.ports[i - 1].port < c.ports[i].port);
}

static void test_config_empty_and_comments_change_nothing(void **state)
{
    (void)state;
    static const char *const texts[] = {"",      "\n\n", "# nothing\n",
                                        "---\n", "{}",   "\xef\xbb\xbf# with a BOM\n"};
    struct config c;
    struct config defaults;
    char error[CONFIG_ERROR_CAP];
    config_defaults(&defaults);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_true(load_text(&c, texts[i], error));
        assert_memory_equal(&c, &defaults, sizeof c);
    }
}

static void test_config_second_file_lies_over_the_first(void **state)
{
    (void)state;
    struct config c;
    char error[CONFIG_ERROR_CAP];
    assert_true(load_text(&c, "site: a\ncaps: {flows: 100, negotiations: 50}\n", error));
    sample_write("/tmp/waxseal-test-second.yaml", "site: b\n", 8);
    assert_true(config_load(&c, "/tmp/waxseal-test-second.yaml", error));
    unlink("/tmp/waxseal-test-second.yaml");
    assert_string_equal(c.site, "b");
    assert_int_equal(c.caps.flows, 100);
}

static const struct {
    const char *text;
    const char *error; /* behind the file's name */
} wrong[] = {
    {"# c\ncaps:\n  flows: 1000\n  flowz: 12\n",
     ":4: caps.flowz: unknown key; known here: flows, negotiations, *"},
    {"outputs:\n  redis:\n    url: redis://x\n\n    port: 3\n",
     ":5: outputs.redis.port: unknown key; known here: url, password_file, ca, certificate, key, "
     "sentinel_user, "
     "sentinel_password_file, replicas, connect_ms, answer_ms, patience_ms, queue_bytes, spool, "
     "spool_cap_bytes, "
     "clients_a_second, events_cap, events, alerts_cap"},
    {"ports:\n - {port: 25, prot: smtp}\n",
     ":2: ports[1].prot: unknown key; known here: port, protocol, tls, role"},
    {"flow_identity: mac\n", ":1: flow_identity: expected none, vlan, tunnel or both, found 'mac'"},
    {"quiet: maybe\n", ":1: quiet: expected yes or no, found 'maybe'"},
    {"site: x\n\nquiet: 1\n", ":3: quiet: expected yes or no, found '1'"},
    {"caps:\n  negotiations: 20\n  flows: abc\n",
     ":3: caps.flows: expected a whole number from 64 to 16777216, found 'abc'"},
    {"caps:\n  flows: -4\n", ":2: caps.flows: expected a whole number from 64 to 16777216, found '-4'"},
    {"caps:\n  flows: 1e6\n", ":2: caps.flows: expected a whole number from 64 to 16777216, found '1e6'"},
    {"caps:\n  flows: 63\n", ":2: caps.flows: expected a whole number from 64 to 16777216, found '63'"},
    {"caps:\n  flows: 99999999999999999999\n",
     ":2: caps.flows: expected a whole number from 64 to 16777216, found '99999999999999999999'"},
    {"caps:\n  flows: 18446744073709552000\n",
     ":2: caps.flows: expected a whole number from 64 to 16777216, found '18446744073709552000'"},
    {"caps:\n  flows:\n", ":2: caps.flows: expected a whole number from 64 to 16777216, found ''"},
    {"caps: {flows: 100, negotiations: 200}\n",
     ": caps.negotiations: 200 is more than caps.flows, 100; every negotiation needs a flow"},
    {"caps: 3\n", ":1: caps: expected settings beneath it, one \"key: value\" a line"},
    {"caps:\nsite: x\n", ":1: caps: expected settings beneath it, one \"key: value\" a line"},
    {"ports: 3\n", ":1: ports: expected a list, such as [a, b] or lines that begin with \"- \""},
    {"interfaces: eth0\n", ":1: interfaces: expected a list, such as [a, b] or lines that begin with \"- \""},
    {"ports:\n - 25\n", ":2: ports[1]: expected settings beneath it, one \"key: value\" a line"},
    {"site: [a, b]\n", ":1: site: expected one value, found a list or a group of settings"},
    {"site: {a: b}\n", ":1: site: expected one value, found a list or a group of settings"},
    {"- a\n", ": the file: expected settings beneath it, one \"key: value\" a line"},
    {"hello", ": the file: expected settings beneath it, one \"key: value\" a line"},
    {"site: a\n\n# c\nsensor: x\nquiet: no\n\nsite: b\n", ":7: site: given more than once; keep one of them"},
    {"caps:\n  flows: 100\ncaps:\n  flows: 200\n", ":3: caps: given more than once; keep one of them"},
    {"site: &x a\nsensor: *x\n", ":2: sensor: YAML aliases (*name) are not taken here; write the value out"},
    {"site: 7\n", ":1: site: expected a name of at most 63 letters, digits, '.', '-' and '_' that is no "
                  "number, found '7'"},
    {"site: \"a}b\"\n", ":1: site: expected a name of at most 63 letters, digits, '.', '-' and '_' that is "
                        "no number, found 'a}b'"},
    {"site: \"\\e[31m\"\n", ":1: site: expected a name of at most 63 letters, digits, '.', '-' and '_' that "
                            "is no number, found '\\x1b[31m'"},
    {"interfaces:\n  - eth0\n\n  - eth0\n", ":4: interfaces: 'eth0' is listed twice"},
    {"interfaces:\n  - eth0\n  - \"../x\"\n",
     ":3: interfaces: expected the name of a network interface, found '../x'"},
    {"interfaces:\n  - \"\"\n", ":2: interfaces: expected the name of a network interface, found ''"},
    {"ports:\n  - port: 24\n  - {port: 3, protocol: smptp}\n",
     ":3: ports[2].protocol: expected smtp, lmtp, imap, pop3, sieve, or none to drop the port, found "
     "'smptp'"},
    {"ports:\n  - {port: 3, protocol: other}\n", ":2: ports[1].protocol: expected smtp, lmtp, imap, pop3, "
                                                 "sieve, or none to drop the port, found 'other'"},
    {"ports:\n  - port: 3\n", ":2: ports[1].protocol: expected smtp, lmtp, imap, pop3, sieve, or none to "
                              "drop the port, found nothing"},
    {"ports:\n  - protocol: smtp\n", ":2: ports[1].port: expected a port from 1 to 65535, found nothing"},
    {"quiet: no\nports:\n  - port: 26\n    protocol: smtp\n  - port: 0\n",
     ":5: ports[2].port: expected a port from 1 to 65535, found '0'"},
    {"ports:\n  - {port: 65536, protocol: smtp}\n",
     ":2: ports[1].port: expected a port from 1 to 65535, found '65536'"},
    {"ports:\n  - {port: 26, protocol: smtp, tls: yes}\n",
     ":2: ports[1].tls: expected starttls or implicit, found 'yes'"},
    {"ports:\n  - {port: 26, protocol: smtp, role: boss}\n",
     ":2: ports[1].role: expected relay, submission, access or delivery, found 'boss'"},
    {"ports:\n  - {port: 26, protocol: smtp, role: unknown}\n",
     ":2: ports[1].role: expected relay, submission, access or delivery, found 'unknown'"},
    {"ports:\n  - {port: 26, protocol: smtp}\n  - {port: 26, protocol: imap}\n",
     ":3: ports: port 26 is listed twice"},
    {"---\nsite: a\n---\nsite: b\n", ": holds more than one YAML document (a line \"---\"); keep the first"},
    {"site: a\n\tquiet: no\n",
     ":1: not valid YAML, at this line or after it: found a tab character that violates indentation"},
    {"? [a]\n: b\n", ":1: not understood here: a key must be one plain word"},
    {"\x80\xff", ": not valid YAML: invalid leading UTF-8 octet"},
};

/* A '*' at the end stands for the rest. */
static void assert_says(const char *error, const char *expected)
{
    size_t length = strlen(expected);
    if (expected[length - 1] == '*')
        assert_memory_equal(error, expected, length - 1);
    else
        assert_string_equal(error, expected);
}

static void test_config_wrong_file_is_one_readable_sentence(void **state)
{
    (void)state;
    struct config c;
    char error[CONFIG_ERROR_CAP];
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_false(load_text(&c, wrong[i].text, error));
        assert_says(behind_path(error), wrong[i].error);
    }
}

/* "ports:" with that many ports from 10000 on, beside the ten defaults. */
static char *many_ports(unsigned count)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    fputs("ports:\n", out);
    for (unsigned i = 0; i < count; i++)
        fprintf(out, "  - {port: %u, protocol: smtp}\n", 10000 + i);
    fclose(out);
    return text;
}

static void test_config_more_ports_than_there_is_room_is_refused(void **state)
{
    (void)state;
    struct config c;
    char error[CONFIG_ERROR_CAP];
    char *fits = many_ports(54);
    char *one_more = many_ports(55);
    char *far_more = many_ports(300);
    assert_true(load_text(&c, fits, error));
    assert_int_equal(c.port_count, CONFIG_PORTS_CAP);
    assert_false(load_text(&c, one_more, error));
    assert_string_equal(behind_path(error),
                        ":56: ports[55].port: expected at most 64 ports in all, found '10054'");
    assert_false(load_text(&c, far_more, error));
    assert_non_null(strstr(error, ": ports[256]: too many entries in this list"));
    free(fits);
    free(one_more);
    free(far_more);
}

static void test_config_more_interfaces_than_there_is_room_is_refused(void **state)
{
    (void)state;
    struct config c;
    char error[CONFIG_ERROR_CAP];
    assert_true(load_text(&c, "interfaces: [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p]\n", error));
    assert_int_equal(c.interface_count, CONFIG_INTERFACES_CAP);
    assert_false(load_text(&c, "interfaces: [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q]\n", error));
    assert_non_null(strstr(error, ":1: interfaces[16]: too many entries in this list"));
}

static void test_config_text_longer_than_its_room_is_refused(void **state)
{
    (void)state;
    struct config c;
    char error[CONFIG_ERROR_CAP];
    char text[6000];
    for (size_t length = 1; length < 5000; length += 600) {
        memset(text, 'x', sizeof text);
        memcpy(text, "filter: ", 8);
        memcpy(text + 8 + length, "\n", 2);
        assert_int_equal(load_text(&c, text, error), length < CONFIG_FILTER_CAP);
        if (length >= CONFIG_FILTER_CAP)
            assert_non_null(strstr(error, ":1: filter: "));
    }
}

static void test_config_no_text_file_is_refused(void **state)
{
    (void)state;
    struct config c;
    char error[CONFIG_ERROR_CAP];
    char *huge = malloc((1 << 20) + 1);
    memset(huge, '#', (1 << 20) + 1);
    assert_true(load(&c, huge, 1 << 20, error));
    assert_false(load(&c, huge, (1 << 20) + 1, error));
    assert_string_equal(behind_path(error), ": larger than 1048576 bytes: this is no configuration");
    assert_false(load(&c, "site: a\0b", 9, error));
    assert_string_equal(behind_path(error), ": holds NUL bytes: this is no text");
    config_defaults(&c);
    assert_false(config_load(&c, "/nonexistent/\033[2J.yaml", error));
    assert_string_equal(error, "/nonexistent/\\x1b[2J.yaml: cannot be opened: No such file or directory");
    assert_false(config_load(&c, "/tmp", error));
    assert_string_equal(error, "/tmp: cannot be read: Is a directory");
    free(huge);
}

static void test_config_bombs_end_in_an_error(void **state)
{
    (void)state;
    struct config c;
    char error[CONFIG_ERROR_CAP];
    char *deep = malloc(500001);
    memset(deep, '[', 500000);
    deep[500000] = '\0';
    assert_false(load_text(&c, deep, error));
    memcpy(deep, "site: ", 6);
    assert_false(load_text(&c, deep, error));
    memset(deep, '{', 500000);
    assert_false(load_text(&c, deep, error));
    free(deep);
    assert_false(load_text(&c,
                           "a: &a [x, x, x, x]\nb: &b [*a, *a, *a, *a]\nc: &c [*b, *b, *b, *b]\n"
                           "ports: &d [*c, *c, *c, *c]\ninterfaces: [*d, *d]\n",
                           error));
    assert_false(load_text(&c, "interfaces: &a [*a, *a]\n", error));
    assert_non_null(strstr(error, "YAML aliases"));
}

/* Every byte of a good file changed in some ways, and the file cut at every place: never a crash, and every
 * refusal says something. */
static void test_config_damaged_file_is_loaded_or_refused(void **state)
{
    (void)state;
    static const char good[] =
        "site: a\nports:\n  - {port: 25, protocol: smtp, tls: starttls, role: relay}\n"
        "interfaces: [eth0]\ncaps: {flows: 100, negotiations: 50}\noutputs:\n  json: \"-\"\n";
    static const char changes[] = "\n:-[]{}&*!|>'\"%@`#, \t\xff\x00";
    char text[sizeof good];
    struct config c;
    char error[CONFIG_ERROR_CAP];
    for (size_t at = 0; at + 1 < sizeof good; at++) {
        for (size_t change = at % 4; change < sizeof changes; change += 4 + at % 3) {
            memcpy(text, good, sizeof good);
            text[at] = changes[change];
            error[0] = '\0';
            assert_true(load(&c, text, sizeof good - 1, error) || strlen(error) > strlen(path));
        }
        error[0] = '\0';
        assert_true(load(&c, good, at, error) || strlen(error) > strlen(path));
    }
}

static void test_config_name_valid_refuses_what_would_break_a_key(void **state)
{
    (void)state;
    static const char *const valid[] = {"a",  "mx-1", "site_2", "Berlin.Mitte", "0x",   "1e",
                                        "e5", "info", "9lives", "nano",         "0x1g", "1.2.3"};
    static const char *const invalid[] = {"",    "7",       "1e5",      "-1",    "+1",   ".5",    "nan",
                                          "NaN", "inf",     "Infinity", "0x1p3", "0x1F", "1_000", "a b",
                                          "a}b", "a{b",     "a:b",      "a/b",   "a*",   "a\n",   "\xc3\xbc",
                                          "-rf", ".hidden", "_x",       "a$b",   "a\"b", "a'b",   "a%s"};
    char long_name[CONFIG_NAME_CAP + 1];
    for (size_t i = 0; i < sizeof valid / sizeof valid[0]; i++)
        assert_true(config_name_valid(valid[i]));
    for (size_t i = 0; i < sizeof invalid / sizeof invalid[0]; i++)
        assert_false(config_name_valid(invalid[i]));
    memset(long_name, 'a', CONFIG_NAME_CAP);
    long_name[CONFIG_NAME_CAP] = '\0';
    assert_false(config_name_valid(long_name));
    long_name[CONFIG_NAME_CAP - 1] = '\0';
    assert_true(config_name_valid(long_name));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_config_defaults_are_those_of_the_documented_file),
        cmocka_unit_test(test_config_documented_file_with_its_examples_is_valid),
        cmocka_unit_test(test_config_default_ports_are_those_of_the_table),
        cmocka_unit_test(test_config_every_key_reaches_its_field),
        cmocka_unit_test(test_config_ports_add_change_and_drop),
        cmocka_unit_test(test_config_empty_and_comments_change_nothing),
        cmocka_unit_test(test_config_second_file_lies_over_the_first),
        cmocka_unit_test(test_config_wrong_file_is_one_readable_sentence),
        cmocka_unit_test(test_config_more_ports_than_there_is_room_is_refused),
        cmocka_unit_test(test_config_more_interfaces_than_there_is_room_is_refused),
        cmocka_unit_test(test_config_text_longer_than_its_room_is_refused),
        cmocka_unit_test(test_config_no_text_file_is_refused),
        cmocka_unit_test(test_config_bombs_end_in_an_error),
        cmocka_unit_test(test_config_damaged_file_is_loaded_or_refused),
        cmocka_unit_test(test_config_name_valid_refuses_what_would_break_a_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
