/* `policy:` in the configuration: every key reaches its place, and everything else is one sentence that names file, line and key. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sample.h"
#include "sensor/config.h"

static struct config config;
static char error[CONFIG_ERROR_CAP];
static char path[64];

static bool load(const void *bytes, size_t length)
{
    snprintf(path, sizeof path, "/tmp/waxseal-test-policy-XXXXXX");
    close(mkstemp(path));
    sample_write(path, bytes, length);
    config_defaults(&config);
    bool loaded = config_load(&config, path, error);
    unlink(path);
    return loaded;
}

static void load_good(const char *text)
{
    if (!load(text, strlen(text)))
        fail_msg("%s", error);
}

/* The error without the file's name. */
static const char *error_of(const char *text)
{
    assert_false(load(text, strlen(text)));
    assert_memory_equal(error, path, strlen(path));
    return error + strlen(path);
}

static bool has(const uint64_t *set, enum rule rule)
{
    return set[rule / 64] >> rule % 64 & 1;
}

static size_t count_of(const uint64_t *set)
{
    size_t count = 0;
    for (enum rule rule = 0; rule < RULE_COUNT; rule++)
        count += has(set, rule);
    return count;
}

static void test_config_policy_is_empty_by_default(void **state)
{
    (void)state;
    load_good("site: a\n");
    struct house house = config_house(&config);
    assert_int_equal(
        house.exception_count + house.severity_count + house.rule_count + house.expectation_count, 0);
    load_good("policy: {exceptions: [], severities: [], rules: [], expectations: []}\n");
    assert_int_equal(config.policy.exception_count, 0);
}

static void test_config_policy_exceptions_reach_their_fields(void **state)
{
    (void)state;
    load_good("policy:\n"
              "  exceptions:\n"
              "    - rule: certificate_expired\n"
              "      server: 192.0.2.25\n"
              "      port: 25\n"
              "      client: 2001:db8::/32\n"
              "      sni: '*.example.org'\n"
              "      owner: ops\n"
              "      reason: ticket 4711\n"
              "      expires: 2027-06-30\n"
              "    - {rule: 'certificate_*', owner: a, reason: b, expires: 2024-02-29}\n"
              "    - {client: 10.0.0.0/8, owner: a, reason: b, expires: 2027-12-31}\n");
    const struct house_exception *e = config.policy.exceptions;
    assert_int_equal(config.policy.exception_count, 3);
    assert_int_equal(count_of(e[0].rules), 1);
    assert_true(has(e[0].rules, RULE_certificate_expired));
    assert_string_equal(e[0].rule_text, "certificate_expired");
    assert_int_equal(e[0].server.family, IP_V4);
    assert_int_equal(e[0].server.bits, 32);
    assert_memory_equal(e[0].server.address.bytes, ((uint8_t[]){192, 0, 2, 25}), 4);
    assert_int_equal(e[0].server_port, 25);
    assert_int_equal(e[0].client.family, IP_V6);
    assert_int_equal(e[0].client.bits, 32);
    assert_string_equal(e[0].sni, "*.example.org");
    assert_string_equal(e[0].owner, "ops");
    assert_string_equal(e[0].reason, "ticket 4711");
    assert_int_equal(e[0].ends_s, 1814400000); /* 2027-07-01T00:00:00Z */
    assert_true(count_of(e[1].rules) > 5 && !has(e[1].rules, RULE_tls10));
    assert_int_equal(e[1].ends_s, 1709251200); /* 2024-03-01 */
    assert_int_equal(count_of(e[2].rules), RULE_COUNT);
    assert_string_equal(e[2].rule_text, "");
    assert_int_equal(e[2].server.family, IP_NONE);
}

static void test_config_policy_severities_reach_their_fields(void **state)
{
    (void)state;
    load_good("policy:\n  severities:\n    - {rule: tls10, severity: critical}\n"
              "    - {rule: 'tls1?', role: relay, severity: info}\n");
    const struct house_severity *s = config.policy.severities;
    assert_int_equal(config.policy.severity_count, 2);
    assert_int_equal(s[0].severity, SEVERITY_CRITICAL);
    assert_int_equal(s[0].role, ROLE_UNKNOWN);
    assert_int_equal(s[1].role, ROLE_RELAY);
    assert_true(has(s[1].rules, RULE_tls10) && has(s[1].rules, RULE_tls11));
}

static void test_config_policy_rules_reach_their_fields(void **state)
{
    (void)state;
    load_good("policy:\n"
              "  rules:\n"
              "    - id: every_test\n"
              "      severity: high\n"
              "      when:\n"
              "        - {field: sni, equals: ''}\n"
              "        - {field: tls_version, not: TLS1.3}\n"
              "        - {field: cert_days_left, less: -3}\n"
              "        - {field: server_port, greater: 1024}\n"
              "        - {field: findings, contains: tls10}\n"
              "        - {field: server_name, matches: '*.example.org'}\n"
              "        - {field: server_ip, in: [192.0.2.1, 192.0.2.2]}\n"
              "        - {field: client_port, in: [1, 2, 3]}\n"
              "    - id: second\n"
              "      severity: low\n"
              "      when: [{field: site, equals: a}]\n"
              "  exceptions:\n"
              "    - {rule: second, owner: a, reason: b, expires: 2027-06-30}\n"
              "    - {rule: '*', owner: a, reason: b, expires: 2027-06-30}\n");
    const struct house_rule *r = config.policy.rules;
    assert_int_equal(config.policy.rule_count, 2);
    assert_string_equal(r->id, "every_test");
    assert_int_equal(r->severity, SEVERITY_HIGH);
    assert_int_equal(r->condition_count, 8);
    static const enum house_test tests[] = {HOUSE_EQUALS,   HOUSE_NOT,     HOUSE_LESS, HOUSE_GREATER,
                                            HOUSE_CONTAINS, HOUSE_MATCHES, HOUSE_IN,   HOUSE_IN};
    for (size_t i = 0; i < r->condition_count; i++)
        assert_int_equal(r->conditions[i].test, tests[i]);
    assert_int_equal(r->conditions[1].field, EVENT_tls_version);
    assert_string_equal(r->conditions[1].texts, "TLS1.3");
    assert_int_equal(r->conditions[2].numbers[0], -3);
    assert_int_equal(r->conditions[6].value_count, 2);
    assert_memory_equal(r->conditions[6].texts,
                        "192.0.2.1\0"
                        "192.0.2.2",
                        20);
    assert_int_equal(r->conditions[7].numbers[2], 3);
    assert_int_equal(config.policy.exceptions[0].own_rules, 2);
    assert_int_equal(count_of(config.policy.exceptions[0].rules), 0);
    assert_int_equal(config.policy.exceptions[1].own_rules, 3);
}

static void test_config_policy_expectations_reach_their_fields(void **state)
{
    (void)state;
    load_good("policy:\n"
              "  expectations:\n"
              "    - {name: mx.example.org, domain: example.org, addresses: [192.0.2.0/31, '2001:db8::25'],\n"
              "       mta_sts: enforce, dane: ee}\n"
              "    - {name: mx2.example.org, mta_sts: testing, dane: ta}\n"
              "    - {name: mx3.example.org, mta_sts: none, dane: none}\n");
    const struct house_expectation *e = config.policy.expectations;
    assert_int_equal(config.policy.expectation_count, 3);
    assert_string_equal(e[0].name, "mx.example.org");
    assert_string_equal(e[0].domain, "example.org");
    assert_int_equal(e[0].address_count, 2);
    assert_int_equal(e[0].addresses[0].bits, 31);
    assert_int_equal(e[0].addresses[1].bits, 128);
    assert_int_equal(e[0].mta_sts, HOUSE_STS_ENFORCE);
    assert_int_equal(e[0].dane, HOUSE_DANE_EE);
    assert_int_equal(e[1].mta_sts, HOUSE_STS_TESTING);
    assert_int_equal(e[1].dane, HOUSE_DANE_TA);
    assert_int_equal(e[2].mta_sts, HOUSE_STS_NONE);
    assert_int_equal(e[2].dane, HOUSE_DANE_NONE);
}

#define EXCEPTION(keys) "policy:\n  exceptions:\n    - {" keys "}\n"
#define BEHIND "owner: a, reason: b, expires: 2027-06-30"
#define RULE_OF(conditions)                                                                                  \
    "policy:\n  rules:\n    - id: a\n      severity: low\n      when:\n        - {field: site, not: a}\n"    \
    "    - id: b\n      severity: low\n      when:\n        - {field: site, not: b}\n        - " conditions  \
    "\n"
#define EXPECTATION(keys) "policy:\n  expectations:\n    - {name: a.example, dane: ee}\n    - {" keys "}\n"
#define IDS "the id of a rule (waxseal rules lists them), or a pattern of ids"

static const struct {
    const char *text;
    const char *error; /* behind the file's name */
} wrong[] = {
    {"policy: 3\n", ":1: policy: expected settings beneath it, one \"key: value\" a line"},
    {"policy:\n  exception: []\n",
     ":2: policy.exception: unknown key; known here: exceptions, severities, rules, expectations"},
    {"policy:\n  rules: {}\n",
     ":2: policy.rules: expected a list, such as [a, b] or lines that begin with \"- \""},
    {EXCEPTION("rule: tls10, owned: a"), ":3: policy.exceptions[1].owned: unknown key; known here: rule, "
                                         "server, port, client, sni, owner, reason, expires"},
    {EXCEPTION(BEHIND),
     ":3: policy.exceptions[1]: expected at least one of rule, server, client, sni, found nothing"},
    {EXCEPTION("port: 25, " BEHIND),
     ":3: policy.exceptions[1]: expected at least one of rule, server, client, sni, found nothing"},
    {EXCEPTION("rule: tls9, " BEHIND), ":3: policy.exceptions[1].rule: expected " IDS ", found 'tls9'"},
    {EXCEPTION("rule: 'x*', " BEHIND), ":3: policy.exceptions[1].rule: expected " IDS ", found 'x*'"},
    {EXCEPTION("rule: tls10, reason: b, expires: 2027-06-30"),
     ":3: policy.exceptions[1].owner: expected who answers for it, in at most 95 bytes, found nothing"},
    {EXCEPTION("rule: tls10, owner: '', reason: b, expires: 2027-06-30"),
     ":3: policy.exceptions[1].owner: expected who answers for it, in at most 95 bytes, found ''"},
    {EXCEPTION("rule: tls10, owner: a, expires: 2027-06-30"),
     ":3: policy.exceptions[1].reason: expected why it is accepted, in at most 255 bytes, found nothing"},
    {EXCEPTION("rule: tls10, owner: a, reason: b"), ":3: policy.exceptions[1].expires: expected the last day "
                                                    "on which it holds, such as 2027-06-30, found nothing"},
    {EXCEPTION("rule: tls10, owner: a, reason: b, expires: 2027-02-29"),
     ":3: policy.exceptions[1].expires: expected the last day on which it holds, such as 2027-06-30, found "
     "'2027-02-29'"},
    {EXCEPTION("rule: tls10, owner: a, reason: b, expires: never"),
     ":3: policy.exceptions[1].expires: expected the last day on which it holds, such as 2027-06-30, found "
     "'never'"},
    {EXCEPTION("server: mx.example.org, " BEHIND), ":3: policy.exceptions[1].server: expected an address, or "
                                                   "a network without bits beyond its length such as "
                                                   "192.0.2.0/24, found 'mx.example.org'"},
    {EXCEPTION("client: 192.0.2.1/24, " BEHIND), ":3: policy.exceptions[1].client: expected an address, or a "
                                                 "network without bits beyond its length such as "
                                                 "192.0.2.0/24, found '192.0.2.1/24'"},
    {EXCEPTION("client: 192.0.2.0/33, " BEHIND), ":3: policy.exceptions[1].client: expected an address, or a "
                                                 "network without bits beyond its length such as "
                                                 "192.0.2.0/24, found '192.0.2.0/33'"},
    {EXCEPTION("rule: tls10, port: 0, " BEHIND),
     ":3: policy.exceptions[1].port: expected a port from 1 to 65535, found '0'"},
    {EXCEPTION("sni: 'a b', " BEHIND),
     ":3: policy.exceptions[1].sni: expected a host name, or a pattern such as *.example.org, found 'a b'"},
    {"policy:\n  exceptions:\n    - {rule: tls10, " BEHIND
     "}\n    - rule: tls10\n      owner: a\n      reason: b\n"
     "      expires: 1999-12-31\n",
     ":7: policy.exceptions[2].expires: expected the last day on which it holds, such as 2027-06-30, found "
     "'1999-12-31'"},
    {"policy:\n  severities:\n    - {severity: low}\n",
     ":3: policy.severities[1].rule: expected " IDS ", found nothing"},
    {"policy:\n  severities:\n    - {rule: tls10}\n",
     ":3: policy.severities[1].severity: expected info, low, medium, high or critical, found nothing"},
    {"policy:\n  severities:\n    - rule: tls10\n      severity: none\n",
     ":4: policy.severities[1].severity: expected info, low, medium, high or critical, found 'none'"},
    {"policy:\n  severities:\n    - {rule: tls10, role: boss, severity: low}\n",
     ":3: policy.severities[1].role: expected relay, submission, access or delivery, found 'boss'"},
    {"policy:\n  rules:\n    - {id: Big, severity: low, when: [{field: sni, equals: a}]}\n",
     ":3: policy.rules[1].id: expected at most 47 small letters, digits and '_', a letter first, found "
     "'Big'"},
    {"policy:\n  rules:\n    - {severity: low, when: [{field: sni, equals: a}]}\n",
     ":3: policy.rules[1].id: expected at most 47 small letters, digits and '_', a letter first, found "
     "nothing"},
    {"policy:\n  rules:\n    - {id: tls10, severity: low, when: [{field: sni, equals: a}]}\n",
     ":3: policy.rules[1].id: expected an id that no rule of Waxseal has, found 'tls10'"},
    {"policy:\n  rules:\n    - {id: a, severity: low, when: [{field: sni, equals: a}]}\n"
     "    - {id: a, severity: low, when: [{field: sni, equals: a}]}\n",
     ":4: policy.rules[2].id: expected an id that no other rule of this list has, found 'a'"},
    {"policy:\n  rules:\n    - {id: a, severity: bad, when: [{field: sni, equals: a}]}\n",
     ":3: policy.rules[1].severity: expected info, low, medium, high or critical, found 'bad'"},
    {"policy:\n  rules:\n    - {id: a, severity: low}\n",
     ":3: policy.rules[1].when: expected at least one condition, found nothing"},
    {RULE_OF("{field: snii, equals: a}"), ":11: policy.rules[2].when[2].field: expected a field of the "
                                          "session event (did you mean sni?), found 'snii'"},
    {RULE_OF("{field: password, equals: a}"),
     ":11: policy.rules[2].when[2].field: expected a field of the session event, found 'password'"},
    {RULE_OF("{equals: a}"),
     ":7: policy.rules[2].when[2].field: expected a field of the session event, found nothing"},
    {RULE_OF("{field: sni}"),
     ":11: policy.rules[2].when[2]: expected one test beside the field: equals, not, less, "
     "greater, contains, matches or in, found nothing"},
    {RULE_OF("{field: sni, equals: a, not: b}"), ":11: policy.rules[2].when[2]: expected one test beside the "
                                                 "field: equals, not, less, greater, contains, matches "
                                                 "or in, found 'several'"},
    {RULE_OF("{field: sni, less: 3}"),
     ":11: policy.rules[2].when[2].less: expected equals, not, contains, matches or "
     "in for the text sni, found 'less'"},
    {RULE_OF("{field: dh_bits, matches: 3}"), ":11: policy.rules[2].when[2].matches: expected equals, not, "
                                              "less, greater or in for the number dh_bits, found "
                                              "'matches'"},
    {RULE_OF("{field: dh_bits, equals: 3.5}"),
     ":11: policy.rules[2].when[2].equals: expected a whole number, found '3.5'"},
    {RULE_OF("{field: dh_bits, in: [1, x]}"),
     ":11: policy.rules[2].when[2].in: expected a whole number, found 'x'"},
    {RULE_OF("{field: sni, contains: ''}"),
     ":11: policy.rules[2].when[2].contains: expected a text, found ''"},
    {RULE_OF("{field: sni, in: a}"),
     ":11: policy.rules[2].when[2].in: expected a list, such as [a, b] or lines that "
     "begin with \"- \""},
    {RULE_OF("{field: sni, is: a}"),
     ":11: policy.rules[2].when[2].is: unknown key; known here: field, equals, not, "
     "less, greater, contains, matches, in"},
    {EXPECTATION("dane: ee"),
     ":4: policy.expectations[2].name: expected the name of a host, such as mx.example.org, found nothing"},
    {EXPECTATION("name: '*.example', dane: ee"), ":4: policy.expectations[2].name: expected the name of a "
                                                 "host, such as mx.example.org, found '*.example'"},
    {EXPECTATION("name: A.example, dane: ee"), ":4: policy.expectations[2].name: expected a name that no "
                                               "other entry of this list has, found 'A.example'"},
    {EXPECTATION("name: b.example"),
     ":4: policy.expectations[2]: expected beside the name at least one of addresses, "
     "mta_sts, dane, found nothing"},
    {EXPECTATION("name: b.example, mta_sts: yes"),
     ":4: policy.expectations[2].mta_sts: expected enforce, testing or none, found 'yes'"},
    {EXPECTATION("name: b.example, dane: '3'"),
     ":4: policy.expectations[2].dane: expected ee (usage 3), ta (usage 2) or none, found '3'"},
    {EXPECTATION("name: b.example, domain: 'a/b', dane: ee"),
     ":4: policy.expectations[2].domain: expected a mail domain, such as example.org, found 'a/b'"},
    {EXPECTATION("name: b.example, addresses: [192.0.2.1, mx]"),
     ":4: policy.expectations[2].addresses: expected addresses, or networks without bits beyond their "
     "length, found "
     "'mx'"},
};

static void test_config_policy_wrong_entry_is_one_readable_sentence(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_string_equal(error_of(wrong[i].text), wrong[i].error);
}

/* "policy:" with that many entries of a list. */
static char *many(const char *list, const char *entry, unsigned count)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    fprintf(out, "policy:\n  %s:\n", list);
    for (unsigned i = 0; i < count; i++) {
        fputs("    - ", out);
        fprintf(out, entry, i);
        fputc('\n', out);
    }
    fclose(out);
    return text;
}

static void test_config_policy_more_entries_than_there_is_room_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *list;
        const char *entry;
        unsigned cap;
    } rows[] = {
        {"exceptions", "{rule: tls10, port: 25, owner: o%u, reason: b, expires: 2027-06-30}",
         CONFIG_EXCEPTIONS_CAP},
        {"severities", "{rule: tls10, severity: low} # %u", CONFIG_SEVERITIES_CAP},
        {"rules", "{id: r%u, severity: low, when: [{field: sni, equals: a}]}", CONFIG_OWN_RULES_CAP},
        {"expectations", "{name: mx%u.example.org, dane: ee}", CONFIG_EXPECTATIONS_CAP},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *fits = many(rows[i].list, rows[i].entry, rows[i].cap);
        char *one_more = many(rows[i].list, rows[i].entry, rows[i].cap + 1);
        load_good(fits);
        assert_non_null(strstr(error_of(one_more), "too many entries in this list"));
        assert_non_null(strstr(error, rows[i].list));
        free(fits);
        free(one_more);
    }
}

static void test_config_policy_conditions_and_values_have_caps(void **state)
{
    (void)state;
    char text[8192];
    for (unsigned count = HOUSE_CONDITIONS_CAP; count <= HOUSE_CONDITIONS_CAP + 1; count++) {
        int used = snprintf(text, sizeof text,
                            "policy:\n  rules:\n    - id: a\n      severity: low\n      when:\n");
        for (unsigned i = 0; i < count; i++)
            used += snprintf(text + used, sizeof text - (size_t)used, "        - {field: sni, equals: a}\n");
        assert_int_equal(load(text, strlen(text)), count == HOUSE_CONDITIONS_CAP);
    }
    assert_non_null(strstr(error, "when[8]: too many entries in this list"));
    for (unsigned length = HOUSE_VALUE_BYTES_CAP - 1; length <= HOUSE_VALUE_BYTES_CAP; length++) {
        snprintf(text, sizeof text,
                 "policy:\n  rules:\n    - {id: a, severity: low, when: [{field: sni, equals: %0*d}]}\n",
                 (int)length, 0);
        assert_int_equal(load(text, strlen(text)), length == HOUSE_VALUE_BYTES_CAP - 1);
    }
    assert_non_null(strstr(error, "when[1].equals: expected at most 255 bytes"));
    assert_non_null(
        strstr(error_of("policy:\n  rules:\n    - {id: a, severity: low, when: [{field: dh_bits, in: [1, "
                        "2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17]}]}\n"),
               "too many entries in this list"));
}

/* Every byte of a good file changed in some ways, and the file cut at every place: never a crash, and every refusal says something. */
static void test_config_policy_damaged_file_is_loaded_or_refused(void **state)
{
    (void)state;
    static const char good[] =
        "policy:\n  rules:\n    - id: a\n      severity: low\n      when:\n        - {field: sni, in: [a, "
        "b]}\n"
        "  exceptions:\n    - {rule: a, client: 10.0.0.0/8, owner: a, reason: b, expires: 2027-06-30}\n"
        "  expectations:\n    - {name: mx, addresses: [192.0.2.1], dane: ee}\n";
    static const char changes[] = "\n:-[]{}&*!|>'\"%@`#, \t\xff\x00";
    char text[sizeof good];
    for (size_t at = 0; at + 1 < sizeof good; at++) {
        for (size_t change = at % 5; change < sizeof changes; change += 5 + at % 3) {
            memcpy(text, good, sizeof good);
            text[at] = changes[change];
            error[0] = '\0';
            assert_true(load(text, sizeof good - 1) || strlen(error) > strlen(path));
        }
        error[0] = '\0';
        assert_true(load(good, at) || strlen(error) > strlen(path));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_config_policy_is_empty_by_default),
        cmocka_unit_test(test_config_policy_exceptions_reach_their_fields),
        cmocka_unit_test(test_config_policy_severities_reach_their_fields),
        cmocka_unit_test(test_config_policy_rules_reach_their_fields),
        cmocka_unit_test(test_config_policy_expectations_reach_their_fields),
        cmocka_unit_test(test_config_policy_wrong_entry_is_one_readable_sentence),
        cmocka_unit_test(test_config_policy_more_entries_than_there_is_room_are_refused),
        cmocka_unit_test(test_config_policy_conditions_and_values_have_caps),
        cmocka_unit_test(test_config_policy_damaged_file_is_loaded_or_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
