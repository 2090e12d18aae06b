/* The house policy: exceptions, severities, expectations and own rules, each where it applies and where it must not. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sample.h"
#include "sensor/audit/house.h"

static struct house_exception exceptions[2];
static struct house_severity severities[2];
static struct house_rule rules[3];
static struct house_expectation expectations[3];
static struct house house;
static struct certificate_chain chain;
static struct sample x; /* its session is what is judged */

/* A relay session in TLS 1.2 with a visible certificate that is expired, self-signed and of another name. */
static int setup(void **state)
{
    (void)state;
    memset(exceptions, 0, sizeof exceptions);
    memset(severities, 0, sizeof severities);
    memset(rules, 0, sizeof rules);
    memset(expectations, 0, sizeof expectations);
    memset(&x, 0, sizeof x);
    house = (struct house){exceptions, 0, severities, 0, rules, 0, expectations, 0};
    struct session *s = &x.session;
    sample_session(s);
    s->role = ROLE_RELAY;
    s->server_port = 25;
    s->mail.auth_seen = s->mail.auth_accepted = false;
    s->mail.auth_exposure = AUTH_NOT_SEEN;
    s->mail.offer_starttls = s->mail.offer_starttls_ever = s->mail.tls_asked = s->mail.tls_accepted = true;
    s->tls.begun = s->tls.client_hello = s->tls.server_hello = s->tls.established = true;
    s->tls.version = s->tls.client_max_version = 0x0303;
    s->tls.has_cipher = true;
    s->tls.cipher_suite = 0xc02f;
    s->tls.group = 23;
    s->tls.key_exchange_seen = s->tls.certificate_seen = true;
    s->tls.signature_scheme = 0x0804;
    s->tls.client_extended_master_secret = s->tls.server_extended_master_secret = true;
    chain = (struct certificate_chain){.parsed = true,
                                       .trust = TRUST_SELF_SIGNED,
                                       .names = "other.example.org",
                                       .has_names = true,
                                       .not_before = 1600000000,
                                       .not_after = 1650000000,
                                       .key = "RSA",
                                       .key_bits = 2048,
                                       .signature = "sha256WithRSAEncryption"};
    return 0;
}

/* The same session without any TLS, and a message in the clear. */
static void make_clear(void)
{
    struct session *s = &x.session;
    memset(&s->tls, 0, sizeof s->tls);
    s->mail.offer_starttls = s->mail.offer_starttls_ever = s->mail.tls_asked = s->mail.tls_accepted = false;
    s->mail.transaction = true;
    s->mail.messages = 1;
}

static void judge(void)
{
    struct session *s = &x.session;
    struct event_context context = {.site = "test", .sensor = "probe"};
    x.facts = (struct facts){.session = s,
                             .chain = s->tls.certificate_seen ? &chain : NULL,
                             .at_s = (int64_t)(s->first_ns / 1000000000)};
    x.facts.host = s->sni[0] != '\0' ? s->sni : house_host(&house, s, x.facts.chain);
    policy_judge(&x.facts, &x.judgement);
    house_judge(&house, &x.facts, &x.judgement);
    event_fill(&x.event, &context, &x.facts, &x.judgement);
    if (house_apply_own(&house, &x.event, &x.judgement))
        event_fill(&x.event, &context, &x.facts, &x.judgement);
}

static enum severity severity_of(enum rule rule)
{
    for (size_t i = 0; i < x.judgement.finding_count; i++)
        if (x.judgement.findings[i].rule == rule)
            return x.judgement.findings[i].severity;
    return SEVERITY_NONE;
}

static int is_undecidable(enum rule rule)
{
    return (int)(x.judgement.undecidable[rule / 64] >> rule % 64 & 1);
}

static const char *text(enum event_field field)
{
    return x.event.values[field].text;
}

static struct house_network network(const char *address, uint8_t bits)
{
    struct house_network n = {.family = strchr(address, ':') != NULL ? IP_V6 : IP_V4, .bits = bits};
    assert_int_equal(inet_pton(n.family == IP_V6 ? AF_INET6 : AF_INET, address, n.address.bytes), 1);
    return n;
}

static void name_rule(uint64_t *set, enum rule rule)
{
    set[rule / 64] |= UINT64_C(1) << rule % 64;
}

/* An exception of one rule that ends long after the session. */
static struct house_exception *except(enum rule rule)
{
    struct house_exception *e = &exceptions[house.exception_count++];
    name_rule(e->rules, rule);
    e->ends_s = 1800000000;
    return e;
}

static struct house_expectation *expect(const char *name, const char *address)
{
    struct house_expectation *e = &expectations[house.expectation_count++];
    snprintf(e->name, sizeof e->name, "%s", name);
    if (address != NULL)
        e->addresses[e->address_count++] = network(address, 32);
    return e;
}

static struct house_rule *own(const char *id, enum severity severity)
{
    struct house_rule *r = &rules[house.rule_count++];
    snprintf(r->id, sizeof r->id, "%s", id);
    r->severity = severity;
    return r;
}

/* Texts of a list stand one after the other, a NUL behind each. */
static void when_text(struct house_rule *r, enum event_field field, enum house_test test, const char *texts,
                      size_t count)
{
    struct house_condition *c = &r->conditions[r->condition_count++];
    *c = (struct house_condition){.field = field, .test = test, .value_count = count};
    const char *end = texts;
    for (size_t i = 0; i < count; i++)
        end += strlen(end) + 1;
    memcpy(c->texts, texts, (size_t)(end - texts));
}

static void when_number(struct house_rule *r, enum event_field field, enum house_test test, int64_t number)
{
    r->conditions[r->condition_count++] = (struct house_condition){
        .field = field, .test = test, .value_count = 1, .numbers = {number}};
}

/* ---- nothing */

static void test_house_empty_changes_nothing(void **state)
{
    (void)state;
    static struct judgement before;
    struct facts facts = {.session = &x.session, .chain = &chain, .host = "", .at_s = 1700000000};
    policy_judge(&facts, &before);
    judge();
    assert_int_equal(x.judgement.finding_count, before.finding_count);
    assert_memory_equal(x.judgement.findings, before.findings,
                        before.finding_count * sizeof before.findings[0]);
    assert_int_equal(x.judgement.verdict, before.verdict);
    assert_int_equal(x.judgement.worst, SEVERITY_MEDIUM);
    assert_null(x.judgement.expected);
    assert_string_equal(text(EVENT_excepted), "");
    assert_string_equal(text(EVENT_tlsrpt), "");
}

/* ---- exceptions */

static void test_house_exception_takes_a_finding_away_and_notes_it(void **state)
{
    (void)state;
    except(RULE_certificate_expired);
    judge();
    assert_int_equal(severity_of(RULE_certificate_expired), SEVERITY_NONE);
    assert_int_equal(severity_of(RULE_certificate_self_signed), SEVERITY_LOW);
    assert_string_equal(text(EVENT_excepted), "certificate_expired");
    assert_null(strstr(text(EVENT_findings), "certificate_expired"));
    assert_string_equal(text(EVENT_severity), "low");
    assert_string_equal(text(EVENT_verdict), "compliant");
}

static void test_house_exception_of_another_rule_takes_nothing(void **state)
{
    (void)state;
    except(RULE_tls10);
    judge();
    assert_int_equal(severity_of(RULE_certificate_expired), SEVERITY_MEDIUM);
    assert_string_equal(text(EVENT_excepted), "");
    assert_string_equal(text(EVENT_verdict), "weak");
}

static bool applies_with(const struct house_exception *scope)
{
    house.exception_count = 0;
    struct house_exception *e = except(RULE_certificate_expired);
    uint64_t set[RULE_WORDS];
    memcpy(set, e->rules, sizeof set);
    *e = *scope;
    memcpy(e->rules, set, sizeof set);
    if (e->ends_s == 0)
        e->ends_s = 1800000000;
    judge();
    return severity_of(RULE_certificate_expired) == SEVERITY_NONE;
}

static void test_house_exception_is_bound_to_server_client_port_and_name(void **state)
{
    (void)state;
    snprintf(x.session.sni, sizeof x.session.sni, "MX.Example.org");
    assert_true(applies_with(&(struct house_exception){.server = network("198.51.100.25", 32)}));
    assert_true(applies_with(&(struct house_exception){.server = network("198.51.100.24", 31)}));
    assert_false(applies_with(&(struct house_exception){.server = network("198.51.100.26", 31)}));
    assert_false(applies_with(&(struct house_exception){.server = network("2001:db8::", 32)}));
    assert_true(applies_with(&(struct house_exception){.client = network("192.0.2.0", 24)}));
    assert_false(applies_with(&(struct house_exception){.client = network("192.0.3.0", 24)}));
    assert_true(applies_with(&(struct house_exception){.client = network("0.0.0.0", 0)}));
    assert_true(applies_with(&(struct house_exception){.server_port = 25}));
    assert_false(applies_with(&(struct house_exception){.server_port = 587}));
    assert_true(applies_with(&(struct house_exception){.sni = "mx.example.org"}));
    assert_true(applies_with(&(struct house_exception){.sni = "*.EXAMPLE.org"}));
    assert_false(applies_with(&(struct house_exception){.sni = "mx.example.com"}));
    x.session.sni[0] = '\0';
    assert_false(applies_with(&(struct house_exception){.sni = "*"}));
    assert_false(applies_with(&(struct house_exception){.server = network("198.51.100.25", 32),
                                                        .client = network("192.0.3.0", 24)}));
}

/* The session began at 1700000000.123. */
static void test_house_exception_ends_by_packet_time(void **state)
{
    (void)state;
    assert_true(applies_with(&(struct house_exception){.ends_s = 1700000001}));
    assert_false(applies_with(&(struct house_exception){.ends_s = 1700000000}));
    assert_true(house_ended(&(struct house_exception){.ends_s = 1700000000}, 1700000000));
    assert_false(house_ended(&(struct house_exception){.ends_s = 1700000000}, 1699999999));
}

static void test_house_ended_exception_is_told_with_owner_and_day(void **state)
{
    (void)state;
    char line[512];
    struct house_exception e = {
        .ends_s = 1782864000, .rule_text = "tls10", .owner = "ops", .reason = "old scanner"};
    assert_string_equal(
        house_ended_say(&e, 3, line, sizeof line),
        "policy.exceptions[3] (tls10) ended on 2026-06-30 and no longer applies: ask ops, or renew it "
        "(old scanner)");
    e.rule_text[0] = '\0';
    assert_non_null(strstr(house_ended_say(&e, 3, line, sizeof line), "(all rules)"));
}

static void test_house_excepted_cleartext_is_judged_by_the_rest(void **state)
{
    (void)state;
    make_clear();
    judge();
    assert_string_equal(text(EVENT_verdict), "insecure");
    except(RULE_message_in_clear);
    judge();
    assert_string_equal(text(EVENT_verdict), "insecure");
    except(RULE_plaintext_session);
    judge();
    assert_string_equal(text(EVENT_findings), "starttls_not_offered");
    assert_string_equal(text(EVENT_verdict), "weak");
    name_rule(exceptions[0].rules, RULE_starttls_not_offered);
    judge();
    assert_string_equal(text(EVENT_verdict), "compliant");
    assert_string_equal(text(EVENT_excepted), "message_in_clear,plaintext_session,starttls_not_offered");
}

/* TLS 1.0 is also the profile's objection; it goes with the rule, and with no other. */
static void test_house_excepted_version_is_no_longer_the_profiles_objection(void **state)
{
    (void)state;
    x.session.tls.version = x.session.tls.client_max_version = 0x0301;
    x.session.tls.cipher_suite = 0xc014;
    x.session.tls.client_encrypt_then_mac = x.session.tls.server_encrypt_then_mac = true;
    x.session.tls.signature_scheme = 0;
    chain.not_after = 1800000000;
    judge();
    assert_string_equal(text(EVENT_profile_because), "version");
    assert_string_equal(text(EVENT_verdict), "weak");
    except(RULE_certificate_self_signed);
    judge();
    assert_string_equal(text(EVENT_verdict), "weak");
    except(RULE_tls10);
    judge();
    assert_int_equal(severity_of(RULE_tls10), SEVERITY_NONE);
    assert_string_equal(text(EVENT_verdict), "compliant");
}

/* ---- severities */

static void test_house_severity_changes_order_worst_and_verdict(void **state)
{
    (void)state;
    name_rule(severities[0].rules, RULE_certificate_self_signed);
    severities[0].severity = SEVERITY_CRITICAL;
    house.severity_count = 1;
    judge();
    assert_int_equal(x.judgement.findings[0].rule, RULE_certificate_self_signed);
    assert_string_equal(text(EVENT_severity), "critical");
    assert_string_equal(text(EVENT_verdict), "insecure");
    assert_memory_equal(text(EVENT_findings), "certificate_self_signed,certificate_expired", 43);
}

static void test_house_severity_holds_for_its_role_and_the_last_counts(void **state)
{
    (void)state;
    name_rule(severities[0].rules, RULE_certificate_expired);
    severities[0].severity = SEVERITY_CRITICAL;
    severities[0].role = ROLE_SUBMISSION;
    house.severity_count = 1;
    judge();
    assert_int_equal(severity_of(RULE_certificate_expired), SEVERITY_MEDIUM);
    severities[0].role = ROLE_RELAY;
    judge();
    assert_int_equal(severity_of(RULE_certificate_expired), SEVERITY_CRITICAL);
    severities[1] = severities[0];
    severities[1].severity = SEVERITY_INFO;
    house.severity_count = 2;
    judge();
    assert_int_equal(severity_of(RULE_certificate_expired), SEVERITY_INFO);
    assert_string_equal(text(EVENT_severity), "low");
}

/* ---- expectations */

static void test_house_enforced_sts_makes_certificates_hard(void **state)
{
    (void)state;
    expect("mx.example.org", "198.51.100.25")->mta_sts = HOUSE_STS_ENFORCE;
    judge();
    assert_ptr_equal(x.judgement.expected, &expectations[0]);
    assert_int_equal(severity_of(RULE_certificate_expired), SEVERITY_HIGH);
    assert_int_equal(severity_of(RULE_certificate_self_signed), SEVERITY_HIGH);
    assert_int_equal(severity_of(RULE_certificate_name_mismatch), SEVERITY_HIGH);
    assert_string_equal(text(EVENT_verdict), "insecure");
    assert_string_equal(text(EVENT_tlsrpt), "certificate-host-mismatch");
}

static void test_house_sts_in_testing_reports_and_raises_nothing(void **state)
{
    (void)state;
    expect("mx.example.org", "198.51.100.25")->mta_sts = HOUSE_STS_TESTING;
    snprintf(chain.names, sizeof chain.names, "mx.example.org");
    judge();
    assert_int_equal(severity_of(RULE_certificate_expired), SEVERITY_MEDIUM);
    assert_string_equal(text(EVENT_tlsrpt), "certificate-expired");
    chain.not_after = 1800000000;
    judge();
    assert_string_equal(text(EVENT_tlsrpt), "certificate-not-trusted");
    chain.trust = TRUST_TRUSTED;
    judge();
    assert_string_equal(text(EVENT_tlsrpt), "");
}

static void test_house_dane_ee_ignores_names_dates_and_chains(void **state)
{
    (void)state;
    expect("mx.example.org", "198.51.100.25")->dane = HOUSE_DANE_EE;
    judge();
    assert_int_equal(x.judgement.finding_count, 0);
    assert_string_equal(text(EVENT_verdict), "compliant");
    assert_string_equal(text(EVENT_tlsrpt), "");
    assert_string_equal(text(EVENT_excepted), "");
    /* What DANE does not look at cannot be undecidable either. */
    x.session.tls.version = x.session.tls.client_max_version = 0x0304;
    x.session.tls.cipher_suite = 0x1301;
    x.session.tls.certificate_seen = false;
    judge();
    assert_false(is_undecidable(RULE_certificate_name_mismatch));
    assert_true(is_undecidable(RULE_certificate_weak_key));
}

static void test_house_dane_ee_beside_enforced_sts_ignores_nothing(void **state)
{
    (void)state;
    struct house_expectation *e = expect("mx.example.org", "198.51.100.25");
    e->dane = HOUSE_DANE_EE;
    e->mta_sts = HOUSE_STS_ENFORCE;
    judge();
    assert_int_equal(severity_of(RULE_certificate_expired), SEVERITY_HIGH);
    assert_int_equal(severity_of(RULE_certificate_self_signed), SEVERITY_HIGH);
}

static void test_house_dane_ta_checks_names_and_dates_only(void **state)
{
    (void)state;
    expect("mx.example.org", "198.51.100.25")->dane = HOUSE_DANE_TA;
    judge();
    assert_int_equal(severity_of(RULE_certificate_expired), SEVERITY_HIGH);
    assert_int_equal(severity_of(RULE_certificate_name_mismatch), SEVERITY_HIGH);
    assert_int_equal(severity_of(RULE_certificate_self_signed), SEVERITY_LOW);
    chain.not_after = 1800000000;
    snprintf(chain.names, sizeof chain.names, "mx.example.org");
    judge();
    assert_string_equal(text(EVENT_tlsrpt), "");
}

static void test_house_cleartext_at_a_policy_is_hard(void **state)
{
    (void)state;
    make_clear();
    judge();
    assert_string_equal(text(EVENT_severity), "medium");
    expect("mx.example.org", "198.51.100.25")->dane = HOUSE_DANE_EE;
    judge();
    assert_int_equal(severity_of(RULE_message_in_clear), SEVERITY_CRITICAL);
    assert_int_equal(severity_of(RULE_plaintext_session), SEVERITY_HIGH);
    assert_int_equal(severity_of(RULE_starttls_not_offered), SEVERITY_HIGH);
    assert_string_equal(text(EVENT_tlsrpt), "starttls-not-supported");
    /* A lower severity of the house does not undo it. */
    name_rule(severities[0].rules, RULE_starttls_not_offered);
    severities[0].severity = SEVERITY_INFO;
    house.severity_count = 1;
    judge();
    assert_int_equal(severity_of(RULE_starttls_not_offered), SEVERITY_HIGH);
}

static void test_house_expectation_counts_for_relays_only(void **state)
{
    (void)state;
    expect("mx.example.org", "198.51.100.25")->mta_sts = HOUSE_STS_ENFORCE;
    x.session.role = ROLE_DELIVERY;
    judge();
    assert_null(x.judgement.expected);
    assert_int_equal(severity_of(RULE_certificate_self_signed), SEVERITY_LOW);
    assert_string_equal(text(EVENT_tlsrpt), "");
}

static void test_house_expectation_is_found_by_name_address_and_greeting(void **state)
{
    (void)state;
    expect("mx1.example.org", "198.51.100.25");
    expect("mx2.example.org", "198.51.100.26");
    expect("mx.example.org", NULL); /* what the sample greets with */
    assert_ptr_equal(house_expectation_find(&house, &x.session), &expectations[0]);
    snprintf(x.session.sni, sizeof x.session.sni, "MX2.example.org");
    assert_ptr_equal(house_expectation_find(&house, &x.session), &expectations[1]);
    x.session.sni[0] = '\0';
    x.session.server_address.bytes[3] = 99;
    assert_ptr_equal(house_expectation_find(&house, &x.session), &expectations[2]);
    expectations[2].addresses[expectations[2].address_count++] = network("198.51.100.27", 32);
    assert_null(house_expectation_find(&house, &x.session)); /* the greeting of a stranger */
}

static void test_house_host_is_that_of_the_address(void **state)
{
    (void)state;
    expect("mx1.example.org", "198.51.100.25");
    expect("mx2.example.org", "198.51.100.25");
    expect("mx3.example.org", "198.51.100.26");
    assert_string_equal(house_host(&house, &x.session, NULL), "mx1.example.org");
    assert_string_equal(house_host(&house, &x.session, &chain), "mx1.example.org");
    judge();
    assert_int_equal(severity_of(RULE_certificate_name_mismatch), SEVERITY_LOW);
    snprintf(chain.names, sizeof chain.names, "mx2.example.org");
    assert_string_equal(house_host(&house, &x.session, &chain), "mx2.example.org");
    judge();
    assert_int_equal(severity_of(RULE_certificate_name_mismatch), SEVERITY_NONE);
    x.session.server_address.bytes[3] = 99;
    assert_string_equal(house_host(&house, &x.session, &chain), "");
    judge();
    assert_true(is_undecidable(RULE_certificate_name_mismatch));
}

/* ---- result types without a policy */

static void fail_handshake(uint8_t from, uint8_t alert)
{
    x.session.tls.established = false;
    x.session.tls.alert_seen = true;
    x.session.tls.alert_from = from;
    x.session.tls.alert_description = alert;
    judge();
}

static void test_house_result_type_follows_the_clients_alert(void **state)
{
    (void)state;
    fail_handshake(CLIENT, 45);
    assert_string_equal(text(EVENT_tlsrpt), "certificate-expired");
    fail_handshake(CLIENT, 48);
    assert_string_equal(text(EVENT_tlsrpt), "certificate-not-trusted");
    fail_handshake(CLIENT, 42);
    assert_string_equal(text(EVENT_tlsrpt), "certificate-expired");
    snprintf(x.session.sni, sizeof x.session.sni, "mx.example.org");
    fail_handshake(CLIENT, 42);
    assert_string_equal(text(EVENT_tlsrpt), "certificate-host-mismatch");
    x.session.tls.certificate_seen = false;
    fail_handshake(CLIENT, 46);
    assert_string_equal(text(EVENT_tlsrpt), "certificate-not-trusted");
    fail_handshake(CLIENT, 40);
    assert_string_equal(text(EVENT_tlsrpt), "validation-failure");
    fail_handshake(SERVER, 48);
    assert_string_equal(text(EVENT_tlsrpt), "validation-failure");
}

static void test_house_result_type_counts_what_an_exception_took_away(void **state)
{
    (void)state;
    expect("mx.example.org", "198.51.100.25")->mta_sts = HOUSE_STS_ENFORCE;
    snprintf(chain.names, sizeof chain.names, "mx.example.org");
    except(RULE_certificate_expired);
    judge();
    assert_int_equal(severity_of(RULE_certificate_expired), SEVERITY_NONE);
    assert_string_equal(text(EVENT_tlsrpt), "certificate-expired");
}

/* ---- own rules */

static void test_house_own_rule_is_a_finding_of_its_own(void **state)
{
    (void)state;
    struct house_rule *r = own("old_tls", SEVERITY_HIGH);
    when_text(r, EVENT_server_ip, HOUSE_EQUALS, "198.51.100.25", 1);
    when_text(r, EVENT_tls_version, HOUSE_NOT, "TLS1.3", 1);
    judge();
    assert_int_equal(x.judgement.own, 1);
    assert_memory_equal(text(EVENT_findings), "old_tls,certificate_expired,", 28);
    assert_string_equal(text(EVENT_severity), "high");
    assert_string_equal(text(EVENT_verdict), "insecure");
}

static void test_house_own_rule_needs_every_condition(void **state)
{
    (void)state;
    struct house_rule *r = own("old_tls", SEVERITY_HIGH);
    when_text(r, EVENT_server_ip, HOUSE_EQUALS, "198.51.100.25", 1);
    when_text(r, EVENT_tls_version, HOUSE_EQUALS, "TLS1.3", 1);
    judge();
    assert_int_equal(x.judgement.own, 0);
    assert_null(strstr(text(EVENT_findings), "old_tls"));
    assert_string_equal(text(EVENT_severity), "medium");
}

static void test_house_own_rules_stand_among_the_others_by_severity(void **state)
{
    (void)state;
    when_text(own("mild", SEVERITY_INFO), EVENT_protocol, HOUSE_EQUALS, "smtp", 1);
    when_text(own("even", SEVERITY_MEDIUM), EVENT_protocol, HOUSE_EQUALS, "smtp", 1);
    judge();
    assert_string_equal(text(EVENT_findings), "certificate_expired,even,certificate_self_signed,mild");
}

static void test_house_own_rule_can_be_excepted(void **state)
{
    (void)state;
    when_text(own("first", SEVERITY_HIGH), EVENT_protocol, HOUSE_EQUALS, "smtp", 1);
    when_text(own("second", SEVERITY_CRITICAL), EVENT_protocol, HOUSE_EQUALS, "smtp", 1);
    exceptions[0].own_rules = 2;
    exceptions[0].ends_s = 1800000000;
    house.exception_count = 1;
    judge();
    assert_string_equal(text(EVENT_excepted), "second");
    assert_memory_equal(text(EVENT_findings), "first,", 6);
    assert_string_equal(text(EVENT_severity), "high");
}

static bool holds_text(enum event_field field, enum house_test test, const char *texts, size_t count)
{
    house.rule_count = 0;
    memset(rules, 0, sizeof rules);
    when_text(own("r", SEVERITY_LOW), field, test, texts, count);
    judge();
    return x.judgement.own != 0;
}

static bool holds_number(enum event_field field, enum house_test test, int64_t number)
{
    house.rule_count = 0;
    memset(rules, 0, sizeof rules);
    when_number(own("r", SEVERITY_LOW), field, test, number);
    judge();
    return x.judgement.own != 0;
}

static void test_house_tests_of_texts(void **state)
{
    (void)state;
    assert_true(holds_text(EVENT_server_name, HOUSE_EQUALS, "MX.example.org", 1));
    assert_false(holds_text(EVENT_server_name, HOUSE_EQUALS, "mx.example.or", 1));
    assert_false(holds_text(EVENT_server_name, HOUSE_NOT, "mx.example.org", 1));
    assert_true(holds_text(EVENT_server_name, HOUSE_NOT, "mx", 1));
    assert_true(holds_text(EVENT_server_name, HOUSE_CONTAINS, "Example", 1));
    assert_false(holds_text(EVENT_server_name, HOUSE_CONTAINS, "example.com", 1));
    assert_true(holds_text(EVENT_server_name, HOUSE_MATCHES, "*.example.???", 1));
    assert_false(holds_text(EVENT_server_name, HOUSE_MATCHES, "*.example.??", 1));
    assert_true(holds_text(EVENT_server_name, HOUSE_IN, "a\0b\0mx.example.org", 3));
    assert_false(holds_text(EVENT_server_name, HOUSE_IN, "a\0b\0mx", 3));
    assert_true(holds_text(EVENT_sni, HOUSE_EQUALS, "", 1));
    assert_true(holds_text(EVENT_findings, HOUSE_CONTAINS, "certificate_expired", 1));
}

static void test_house_tests_of_numbers(void **state)
{
    (void)state;
    assert_true(holds_number(EVENT_server_port, HOUSE_EQUALS, 25));
    assert_false(holds_number(EVENT_server_port, HOUSE_EQUALS, 26));
    assert_true(holds_number(EVENT_server_port, HOUSE_NOT, 26));
    assert_false(holds_number(EVENT_server_port, HOUSE_NOT, 25));
    assert_true(holds_number(EVENT_cert_key_bits, HOUSE_LESS, 3000));
    assert_false(holds_number(EVENT_cert_key_bits, HOUSE_LESS, 2048));
    assert_true(holds_number(EVENT_cert_key_bits, HOUSE_GREATER, 2047));
    assert_false(holds_number(EVENT_cert_key_bits, HOUSE_GREATER, 2048));
    assert_true(holds_number(EVENT_server_port, HOUSE_IN, 25));
    assert_false(holds_number(EVENT_server_port, HOUSE_IN, 24));
}

/* -1 is unknown, and smaller than nothing; days left are -1 in the day after the end, too. */
static void test_house_unknown_number_is_neither_less_nor_greater(void **state)
{
    (void)state;
    assert_true(holds_number(EVENT_dh_bits, HOUSE_EQUALS, -1));
    assert_false(holds_number(EVENT_dh_bits, HOUSE_LESS, 2048));
    assert_false(holds_number(EVENT_dh_bits, HOUSE_GREATER, -2));
    chain.not_after = 1700000000 - 3600;
    assert_true(holds_number(EVENT_cert_days_left, HOUSE_LESS, 14));
    x.session.tls.certificate_seen = false;
    assert_false(holds_number(EVENT_cert_days_left, HOUSE_LESS, 14));
}

static void test_house_patterns(void **state)
{
    (void)state;
    static const struct {
        const char *pattern;
        const char *text;
        bool matches;
    } rows[] = {
        {"", "", true},       {"", "a", false},           {"*", "", true},
        {"**", "abc", true},  {"?", "", false},           {"?", "a", true},
        {"a*b", "ab", true},  {"a*b", "axxb", true},      {"a*b", "axxbc", false},
        {"*ab", "aab", true}, {"*a*b*", "xxaxxbx", true}, {"*a?c", "abcabc", true},
        {"A", "a", true},     {"a", "A", true},           {"*.x", ".x", true},
        {"a*", "b", false},   {"[", "{", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (house_pattern_matches(rows[i].pattern, rows[i].text) != rows[i].matches)
            fail_msg("%s %s", rows[i].pattern, rows[i].text);
}

static void test_house_networks_of_every_length(void **state)
{
    (void)state;
    struct house_network all = {0};
    struct house_network six = network("2001:db8:8000::", 33);
    struct address a = {{0x20, 0x01, 0x0d, 0xb8, 0x80, 1}};
    assert_true(house_network_holds(&all, &a, IP_V6));
    assert_true(house_network_holds(&six, &a, IP_V6));
    assert_false(house_network_holds(&six, &a, IP_V4));
    a.bytes[4] = 0x40;
    assert_false(house_network_holds(&six, &a, IP_V6));
    six.bits = 32;
    assert_true(house_network_holds(&six, &a, IP_V6));
    six = network("2001:db8:4000::", 128);
    assert_false(house_network_holds(&six, &a, IP_V6));
    a.bytes[5] = 0;
    assert_true(house_network_holds(&six, &a, IP_V6));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, setup)
    const struct CMUnitTest tests[] = {
        TEST(test_house_empty_changes_nothing),
        TEST(test_house_exception_takes_a_finding_away_and_notes_it),
        TEST(test_house_exception_of_another_rule_takes_nothing),
        TEST(test_house_exception_is_bound_to_server_client_port_and_name),
        TEST(test_house_exception_ends_by_packet_time),
        TEST(test_house_ended_exception_is_told_with_owner_and_day),
        TEST(test_house_excepted_cleartext_is_judged_by_the_rest),
        TEST(test_house_excepted_version_is_no_longer_the_profiles_objection),
        TEST(test_house_severity_changes_order_worst_and_verdict),
        TEST(test_house_severity_holds_for_its_role_and_the_last_counts),
        TEST(test_house_enforced_sts_makes_certificates_hard),
        TEST(test_house_sts_in_testing_reports_and_raises_nothing),
        TEST(test_house_dane_ee_ignores_names_dates_and_chains),
        TEST(test_house_dane_ee_beside_enforced_sts_ignores_nothing),
        TEST(test_house_dane_ta_checks_names_and_dates_only),
        TEST(test_house_cleartext_at_a_policy_is_hard),
        TEST(test_house_expectation_counts_for_relays_only),
        TEST(test_house_expectation_is_found_by_name_address_and_greeting),
        TEST(test_house_host_is_that_of_the_address),
        TEST(test_house_result_type_follows_the_clients_alert),
        TEST(test_house_result_type_counts_what_an_exception_took_away),
        TEST(test_house_own_rule_is_a_finding_of_its_own),
        TEST(test_house_own_rule_needs_every_condition),
        TEST(test_house_own_rules_stand_among_the_others_by_severity),
        TEST(test_house_own_rule_can_be_excepted),
        TEST(test_house_tests_of_texts),
        TEST(test_house_tests_of_numbers),
        TEST(test_house_unknown_number_is_neither_less_nor_greater),
        TEST(test_house_patterns),
        TEST(test_house_networks_of_every_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
