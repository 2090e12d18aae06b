/* Every rule: one set of facts that fires it, one near miss that does not, and where something was not
 * seen: undecidable. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sensor/audit/policy.h"

/* A whole SMTP session on port 587, both ways, nothing missing, in which nothing happened yet. */
static struct session whole(void)
{
    struct session s = {.protocol = PROTOCOL_SMTP,
                        .role = ROLE_SUBMISSION,
                        .family = IP_V4,
                        .final = true,
                        .server_port = 587};
    s.client_address.bytes[0] = 192;
    s.server_address.bytes[0] = 198;
    for (int side = CLIENT; side <= SERVER; side++) {
        s.side[side].packets = 9;
        s.side[side].bytes = 300;
        s.side[side].syn_seen = true;
        s.side[side].fin_seen = true;
    }
    s.mail.greeting_seen = true;
    s.mail.greeting_accepted = true;
    s.mail.helo_seen = true;
    s.mail.helo_extended = true;
    s.mail.capabilities_seen = true;
    return s;
}

static struct session imap(void)
{
    struct session s = whole();
    s.protocol = PROTOCOL_IMAP;
    s.role = ROLE_ACCESS;
    s.server_port = 143;
    s.mail.helo_seen = s.mail.helo_extended = false;
    s.mail.offer_login_disabled = true;
    return s;
}

/* The same after STARTTLS, in TLS 1.2 with TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 over secp256r1. */
static struct session sealed(void)
{
    struct session s = whole();
    s.mail.offer_starttls = s.mail.offer_starttls_ever = true;
    s.mail.tls_asked = s.mail.tls_accepted = true;
    s.tls.begun = s.tls.client_hello = s.tls.server_hello = s.tls.established = true;
    s.tls.version = 0x0303;
    s.tls.client_max_version = 0x0303;
    s.tls.has_cipher = true;
    s.tls.cipher_suite = 0xc02f;
    s.tls.group = 23;
    s.tls.key_exchange_seen = true;
    s.tls.signature_scheme = 0x0804;
    s.tls.certificate_seen = true;
    s.tls.client_extended_master_secret = s.tls.server_extended_master_secret = true;
    return s;
}

static struct session sealed_with(uint16_t suite)
{
    struct session s = sealed();
    s.tls.cipher_suite = suite;
    return s;
}

static enum severity severity_of(const struct session *s, enum rule rule)
{
    struct judgement j;
    policy_judge(&(struct facts){.session = s, .host = ""}, &j);
    for (size_t i = 0; i < j.finding_count; i++)
        if (j.findings[i].rule == rule)
            return j.findings[i].severity;
    return SEVERITY_NONE;
}

static int is_undecidable(const struct session *s, enum rule rule)
{
    struct judgement j;
    policy_judge(&(struct facts){.session = s, .host = ""}, &j);
    return (int)(j.undecidable[rule / 64] >> rule % 64 & 1);
}

static void expect(struct session s, enum rule rule, enum severity severity)
{
    assert_int_equal(severity_of(&s, rule), severity);
}

/* TEST(rule, expression of a session that fires, severity, near miss) */
#define TEST(rule, fires, severity, near)                                                                    \
    static void test_##rule##_fires(void **state)                                                            \
    {                                                                                                        \
        (void)state;                                                                                         \
        expect(fires, RULE_##rule, severity);                                                                \
    }                                                                                                        \
    static void test_##rule##_near_miss(void **state)                                                        \
    {                                                                                                        \
        (void)state;                                                                                         \
        struct session s = near;                                                                             \
        assert_int_equal(severity_of(&s, RULE_##rule), SEVERITY_NONE);                                       \
        assert_false(is_undecidable(&s, RULE_##rule));                                                       \
    }

#define WITH(base, ...)                                                                                      \
    ({                                                                                                       \
        struct session s = base;                                                                             \
        __VA_ARGS__;                                                                                         \
        s;                                                                                                   \
    })

TEST(auth_in_clear, WITH(whole(), s.mail.auth_seen = true, s.mail.auth_exposure = AUTH_READABLE),
     SEVERITY_CRITICAL, WITH(whole(), s.mail.auth_seen = true, s.mail.auth_exposure = AUTH_WITHOUT_SECRET))
TEST(message_in_clear, WITH(whole(), s.mail.transaction = true, s.mail.messages = 1), SEVERITY_HIGH,
     WITH(whole(), s.mail.transaction = true))
TEST(plaintext_session, WITH(whole(), s.mail.transaction = true), SEVERITY_HIGH, whole())
TEST(cleartext_on_tls_port, WITH(whole(), s.tls_port = true), SEVERITY_HIGH,
     WITH(sealed(), s.tls_port = true, memset(&s.mail, 0, sizeof s.mail)))
TEST(plaintext_auth_invited, WITH(whole(), s.mail.offer_plain_auth = true), SEVERITY_MEDIUM, sealed())
TEST(command_injection, WITH(sealed(), s.mail.injected_command_bytes = 6), SEVERITY_CRITICAL,
     WITH(sealed(), s.mail.early_hello = true))
TEST(response_injection, WITH(sealed(), s.mail.injected_response_bytes = 8), SEVERITY_CRITICAL, sealed())
TEST(starttls_stripped, WITH(whole(), s.mail.offer_masked = true), SEVERITY_CRITICAL, whole())
TEST(cleartext_after_go_ahead,
     WITH(whole(),
          s.mail.offer_starttls = s.mail.offer_starttls_ever = s.mail.tls_asked = s.mail.tls_accepted = true,
          s.mail.cleartext_goes_on = true),
     SEVERITY_HIGH, WITH(whole(), s.mail.tls_asked = s.mail.tls_accepted = true))
TEST(imap_preauth, WITH(imap(), s.mail.preauth = true), SEVERITY_HIGH, imap())
TEST(starttls_refused,
     WITH(whole(), s.mail.offer_starttls_ever = s.mail.tls_asked = s.mail.tls_refused = true), SEVERITY_HIGH,
     WITH(whole(), s.mail.offer_starttls_ever = s.mail.tls_asked = s.mail.tls_refused =
                       s.mail.tls_refused_already = true))
TEST(starttls_not_used,
     WITH(whole(), s.mail.offer_starttls = s.mail.offer_starttls_ever = true,
          s.mail.used_while_offered = true, s.mail.transaction = true),
     SEVERITY_HIGH, WITH(whole(), s.mail.offer_starttls = s.mail.offer_starttls_ever = true))
TEST(starttls_not_offered, whole(), SEVERITY_HIGH, WITH(whole(), s.mail.offer_starttls_ever = true))
TEST(imap_data_before_tls, WITH(imap(), s.mail.data_before_tls = true), SEVERITY_MEDIUM, imap())
TEST(downgrade_marker, WITH(sealed(), s.tls.downgrade_marker = 1, s.tls.client_max_version = 0x0304),
     SEVERITY_CRITICAL, WITH(sealed(), s.tls.downgrade_marker = 1))
TEST(plaintext_fallback,
     WITH(whole(), s.mail.tls_asked = s.mail.tls_refused = true, s.mail.fallback_after_refusal = true),
     SEVERITY_CRITICAL, WITH(whole(), s.mail.tls_asked = s.mail.tls_refused = true))
TEST(tls_handshake_failed,
     WITH(sealed(), s.tls.established = false, s.tls.alert_seen = true, s.tls.alert_description = 40),
     SEVERITY_MEDIUM,
     WITH(sealed(), s.tls.established = s.tls.server_hello = false,
          s.tls.alert_seen = s.tls.fallback_scsv = true, s.tls.alert_description = 86))
TEST(fallback_scsv, WITH(sealed(), s.tls.fallback_scsv = true), SEVERITY_HIGH,
     WITH(sealed(), s.tls.client_renegotiation_info = true))
TEST(ssl2, WITH(sealed(), s.tls.version = 0x0002), SEVERITY_CRITICAL,
     WITH(sealed(), s.tls.client_hello_ssl2 = true))
TEST(ssl3, WITH(sealed(), s.tls.version = 0x0300), SEVERITY_CRITICAL, sealed())
TEST(tls10, WITH(sealed(), s.tls.version = 0x0301), SEVERITY_HIGH,
     WITH(sealed(), s.tls.client_max_version = 0x0301))
TEST(tls11, WITH(sealed(), s.tls.version = 0x0302), SEVERITY_HIGH, sealed())
TEST(null_cipher, sealed_with(0x003b), SEVERITY_CRITICAL, sealed_with(0x003c))
TEST(anonymous_key_exchange, sealed_with(0x00a6), SEVERITY_CRITICAL, sealed_with(0x009e))
TEST(export_cipher, sealed_with(0x0003), SEVERITY_CRITICAL, sealed_with(0x0004))
TEST(broken_cipher, sealed_with(0x0005), SEVERITY_CRITICAL, sealed_with(0x000a))
TEST(triple_des, sealed_with(0x000a), SEVERITY_MEDIUM, sealed_with(0x002f))
TEST(static_rsa, sealed_with(0x009c), SEVERITY_MEDIUM, sealed_with(0xc02f))
TEST(static_dh, sealed_with(0xc00e), SEVERITY_MEDIUM, sealed_with(0xc013))
TEST(finite_field_dh, sealed_with(0x009e), SEVERITY_MEDIUM,
     WITH(sealed_with(0x1301), s.tls.version = 0x0304, s.tls.group = 0x0100))
TEST(cbc_cipher, sealed_with(0xc013), SEVERITY_MEDIUM,
     WITH(sealed_with(0xc013), s.tls.server_encrypt_then_mac = true))
TEST(weak_dh_group, WITH(sealed_with(0x009e), s.tls.group = 0, s.tls.dh_bits = 1024), SEVERITY_HIGH,
     WITH(sealed_with(0x009e), s.tls.group = 0, s.tls.dh_bits = 2048))
TEST(weak_curve, WITH(sealed(), s.tls.group = 19), SEVERITY_HIGH, WITH(sealed(), s.tls.group = 21))
TEST(weak_handshake_signature, WITH(sealed(), s.tls.signature_scheme = 0x0201), SEVERITY_HIGH,
     WITH(sealed(), s.tls.signature_scheme = 0x0401))
TEST(weak_client_offer, WITH(sealed(), s.tls.offers_weak_suite = true), SEVERITY_LOW, sealed())

/* The rules that need more than the session: a sealed one with a good certificate, and a past in which
 * nothing happened. */
struct probe {
    struct session s;
    struct certificate_chain c;
    struct past p;
    const char *host;
    bool no_chain;
    bool learnt;
};

enum { DAY = 86400, NOW = 1800000000 };

static struct probe good_probe(void)
{
    struct probe q = {.s = sealed(), .host = "mx.example.org"};
    q.c = (struct certificate_chain){.parsed = true,
                                     .sent = 2,
                                     .ordered = true,
                                     .trust = TRUST_TRUSTED,
                                     .public_root = true,
                                     .names = "mx.example.org",
                                     .has_names = true,
                                     .key = "RSA",
                                     .key_bits = 2048,
                                     .not_before = (int64_t)NOW - 40 * DAY,
                                     .not_after = (int64_t)NOW + 50 * DAY - 1,
                                     .path_not_after = (int64_t)NOW + 50 * DAY - 1};
    return q;
}

static struct judgement judge(struct probe *q)
{
    struct facts f = {.session = &q->s,
                      .chain = q->no_chain ? NULL : &q->c,
                      .chain_learnt = q->learnt,
                      .past = &q->p,
                      .host = q->host,
                      .at_s = NOW};
    struct judgement j;
    policy_judge(&f, &j);
    return j;
}

static enum severity found(const struct judgement *j, enum rule rule)
{
    for (size_t i = 0; i < j->finding_count; i++)
        if (j->findings[i].rule == rule)
            return j->findings[i].severity;
    return SEVERITY_NONE;
}

/* FACTS_TEST(rule, severity, what makes the good probe q fire, what is a near miss) */
#define FACTS_TEST(rule, severity, fires, near)                                                              \
    static void test_##rule##_fires(void **state)                                                            \
    {                                                                                                        \
        (void)state;                                                                                         \
        struct probe q = good_probe();                                                                       \
        fires;                                                                                               \
        struct judgement j = judge(&q);                                                                      \
        assert_int_equal(found(&j, RULE_##rule), severity);                                                  \
    }                                                                                                        \
    static void test_##rule##_near_miss(void **state)                                                        \
    {                                                                                                        \
        (void)state;                                                                                         \
        struct probe q = good_probe();                                                                       \
        near;                                                                                                \
        struct judgement j = judge(&q);                                                                      \
        assert_int_equal(found(&j, RULE_##rule), SEVERITY_NONE);                                             \
        assert_false(j.undecidable[RULE_##rule / 64] >> RULE_##rule % 64 & 1);                               \
    }

FACTS_TEST(starttls_withheld, SEVERITY_CRITICAL, (q.s = whole(), q.p.baseline_offers = true), q.s = whole())
FACTS_TEST(starttls_path_dependent, SEVERITY_CRITICAL, (q.s = whole(), q.p.offered_to_other_lately = true),
           q.p.offered_to_other_lately = true)
FACTS_TEST(version_fallback, SEVERITY_HIGH, (q.p.pair_failed_lately = true, q.p.pair_failed_offer = 0x0304),
           (q.p.pair_failed_lately = true, q.p.pair_failed_offer = 0x0303))
FACTS_TEST(version_drop, SEVERITY_HIGH, (q.s.tls.version = 0x0301, q.p.server_best_version = 0x0304),
           (q.s.tls.version = q.s.tls.client_max_version = 0x0301, q.p.server_best_version = 0x0304))
FACTS_TEST(heartbleed_probe, SEVERITY_CRITICAL, q.s.tls.heartbleed = true, q.s.tls.client_heartbeat = true)
FACTS_TEST(tls_compression, SEVERITY_MEDIUM, q.s.tls.compression_method = 1,
           (q.s.tls.compression_method = 1, q.s.tls.version = 0x0304))
FACTS_TEST(insecure_renegotiation, SEVERITY_MEDIUM, q.s.tls.client_renegotiation_info = true,
           q.s.tls.client_renegotiation_info = q.s.tls.server_renegotiation_info = true)
FACTS_TEST(no_extended_master_secret, SEVERITY_LOW, q.s.tls.server_extended_master_secret = false,
           (q.s.tls.server_extended_master_secret = false, q.s.tls.version = 0x0304))
FACTS_TEST(certificate_expired, SEVERITY_HIGH, q.c.not_after = NOW - 2 * DAY, q.c.not_after = NOW - DAY / 2)
FACTS_TEST(certificate_not_yet_valid, SEVERITY_HIGH, q.c.not_before = (int64_t)NOW + 2 * DAY,
           q.c.not_before = (int64_t)NOW + DAY / 2)
FACTS_TEST(certificate_weak_key, SEVERITY_HIGH, q.c.key_bits = 1024,
           (q.c.key_bits = 256, memcpy(q.c.key, "EC P-256", 9)))
FACTS_TEST(certificate_self_signed, SEVERITY_HIGH, q.c.trust = TRUST_SELF_SIGNED, q.c.root_sent = true)
FACTS_TEST(certificate_untrusted, SEVERITY_HIGH, q.c.trust = TRUST_UNTRUSTED, q.c.trust = TRUST_INCOMPLETE)
FACTS_TEST(certificate_incomplete_chain, SEVERITY_HIGH, q.c.trust = TRUST_INCOMPLETE, q.c.ordered = false)
FACTS_TEST(certificate_name_mismatch, SEVERITY_HIGH, q.host = "imap.example.org", q.host = "MX.example.org")
FACTS_TEST(certificate_weak_signature, SEVERITY_HIGH, q.c.signature_weak = true, (void)q)
FACTS_TEST(certificate_validity_too_long, SEVERITY_LOW, q.c.not_before = (int64_t)NOW - 400 * DAY,
           (q.c.not_before = (int64_t)NOW - 400 * DAY, q.c.public_root = false))
FACTS_TEST(certificate_changed, SEVERITY_LOW,
           (q.p.other_leaf_known = q.p.other_key_known = true,
            q.p.other_leaf_not_after = (int64_t)NOW + 31 * DAY),
           (q.p.other_leaf_known = q.p.other_key_known = true,
            q.p.other_leaf_not_after = (int64_t)NOW + 29 * DAY))
FACTS_TEST(certificate_key_reused, SEVERITY_LOW, q.p.key_reused = true, q.p.leaf_known = true)
FACTS_TEST(certificate_expires_soon, SEVERITY_LOW, q.c.not_after = (int64_t)NOW + 13 * DAY,
           q.c.not_after = (int64_t)NOW + 15 * DAY)

static void test_hidden_certificate_is_undecidable_and_never_a_pass(void **state)
{
    (void)state;
    static const enum rule rules[] = {RULE_certificate_expired, RULE_certificate_self_signed,
                                      RULE_certificate_name_mismatch, RULE_certificate_weak_key,
                                      RULE_certificate_expires_soon};
    for (int learnt = 0; learnt <= 1; learnt++) {
        struct probe q = good_probe();
        q.no_chain = !learnt;
        q.learnt = learnt;
        q.s.tls.version = 0x0304;
        q.c.not_after = NOW - 9 * DAY; /* told where it is learnt, but never judged */
        struct judgement j = judge(&q);
        for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
            assert_int_equal(found(&j, rules[i]), SEVERITY_NONE);
            assert_true(j.undecidable[rules[i] / 64] >> rules[i] % 64 & 1);
        }
    }
}

static void test_name_without_sni_and_configuration_is_not_checkable(void **state)
{
    (void)state;
    struct probe q = good_probe();
    q.host = "";
    struct judgement j = judge(&q);
    assert_int_equal(found(&j, RULE_certificate_name_mismatch), SEVERITY_NONE);
    assert_true(j.undecidable[RULE_certificate_name_mismatch / 64] >> RULE_certificate_name_mismatch % 64 &
                1);
}

static void test_plaintext_after_a_failure_of_the_pair_is_a_fallback(void **state)
{
    (void)state;
    struct probe q = good_probe();
    q.s = whole();
    q.s.mail.transaction = true;
    q.p.pair_failed_lately = true;
    struct judgement j = judge(&q);
    assert_int_equal(found(&j, RULE_plaintext_fallback), SEVERITY_CRITICAL);
}

static void test_most_clients_losing_tls13_is_a_drop(void **state)
{
    (void)state;
    struct probe q = good_probe();
    q.s.tls.client_max_version = 0x0304;
    q.p.server_best_version = 0x0304;
    struct judgement j = judge(&q);
    assert_int_equal(found(&j, RULE_version_drop), SEVERITY_NONE);
    q.p.most_dropped_tls13 = true;
    j = judge(&q);
    assert_int_equal(found(&j, RULE_version_drop), SEVERITY_HIGH);
}

static void test_severity_follows_the_role_of_the_port(void **state)
{
    (void)state;
    struct session s = whole();
    s.mail.auth_seen = true;
    s.mail.auth_exposure = AUTH_READABLE;
    s.role = ROLE_RELAY;
    assert_int_equal(severity_of(&s, RULE_auth_in_clear), SEVERITY_HIGH);
    s.role = ROLE_ACCESS;
    assert_int_equal(severity_of(&s, RULE_auth_in_clear), SEVERITY_CRITICAL);
}

static void test_auth_in_clear_is_milder_for_hashed_and_protected_mechanisms(void **state)
{
    (void)state;
    struct session s = whole();
    s.mail.auth_exposure = AUTH_DIGEST_MD5;
    assert_int_equal(severity_of(&s, RULE_auth_in_clear), SEVERITY_MEDIUM);
    s.mail.auth_exposure = AUTH_USER_ONLY;
    assert_int_equal(severity_of(&s, RULE_auth_in_clear), SEVERITY_MEDIUM);
    s.mail.auth_exposure = AUTH_PROTECTED;
    assert_int_equal(severity_of(&s, RULE_auth_in_clear), SEVERITY_INFO);
}

static void test_plaintext_auth_invited_is_low_where_the_client_upgraded(void **state)
{
    (void)state;
    struct session s = sealed();
    s.mail.offer_plain_auth = true;
    assert_int_equal(severity_of(&s, RULE_plaintext_auth_invited), SEVERITY_LOW);
}

static void test_plaintext_auth_invited_by_imap_without_logindisabled(void **state)
{
    (void)state;
    struct session s = imap();
    s.mail.offer_starttls = s.mail.offer_starttls_ever = true;
    assert_int_equal(severity_of(&s, RULE_plaintext_auth_invited), SEVERITY_NONE);
    s.mail.offer_login_disabled = false;
    assert_int_equal(severity_of(&s, RULE_plaintext_auth_invited), SEVERITY_MEDIUM);
}

static void test_refused_and_then_granted_is_only_informative(void **state)
{
    (void)state;
    struct session s = sealed();
    s.mail.tls_refused = true;
    assert_int_equal(severity_of(&s, RULE_starttls_refused), SEVERITY_INFO);
    s.tls.established = s.tls.server_hello = false;
    assert_int_equal(severity_of(&s, RULE_starttls_refused), SEVERITY_HIGH);
}

static void test_cbc_with_sha256_is_low(void **state)
{
    (void)state;
    expect(sealed_with(0xc027), RULE_cbc_cipher, SEVERITY_LOW);
}

static void test_loopback_mail_is_no_finding(void **state)
{
    (void)state;
    struct session s = whole();
    s.mail.transaction = true;
    s.mail.messages = 1;
    s.client_address.bytes[0] = s.server_address.bytes[0] = 127;
    assert_int_equal(severity_of(&s, RULE_message_in_clear), SEVERITY_NONE);
    assert_int_equal(severity_of(&s, RULE_plaintext_session), SEVERITY_NONE);
}

static void test_overlong_capability_list_proves_no_absence(void **state)
{
    (void)state;
    struct session s = whole();
    s.mail.capabilities_cut = true;
    assert_int_equal(policy_starttls(&s), STARTTLS_UNKNOWN);
    assert_true(is_undecidable(&s, RULE_starttls_not_offered));
}

static void test_helo_proves_no_absence(void **state)
{
    (void)state;
    struct session s = whole();
    s.mail.capabilities_seen = s.mail.helo_extended = false;
    assert_int_equal(policy_starttls(&s), STARTTLS_UNKNOWN);
    assert_true(is_undecidable(&s, RULE_starttls_not_offered));
}

static void test_gap_makes_rules_undecidable_and_not_clear(void **state)
{
    (void)state;
    struct session s = whole();
    s.mail = (struct session_mail){.greeting_seen = true};
    s.side[SERVER].gap_before_tls = true;
    struct judgement j;
    policy_judge(&(struct facts){.session = &s, .host = ""}, &j);
    assert_true(is_undecidable(&s, RULE_auth_in_clear));
    assert_true(is_undecidable(&s, RULE_message_in_clear));
    assert_true(is_undecidable(&s, RULE_starttls_stripped));
    assert_int_equal(j.finding_count, 0);
    assert_int_equal(j.verdict, VERDICT_UNDECIDABLE);
    assert_int_equal(policy_mode(&s), MODE_UNDECIDABLE);
}

static void test_unseen_server_hello_makes_suite_rules_undecidable(void **state)
{
    (void)state;
    struct session s = sealed();
    s.tls.server_hello = s.tls.established = s.tls.has_cipher = false;
    s.side[SERVER].packets = s.side[SERVER].bytes = 0;
    assert_true(is_undecidable(&s, RULE_null_cipher));
    assert_true(is_undecidable(&s, RULE_tls10));
    assert_int_equal(policy_tls_state(&s),
                     TLS_STATE_UNKNOWN); /* the answer was not captured, or there was none */
    s.side[SERVER].packets = 5;
    s.side[CLIENT].fin_seen = true;
    assert_int_equal(policy_tls_state(&s), TLS_STATE_HELLO_ONLY); /* it was silent */
    s.side[SERVER].gap_in_handshake = true;
    assert_int_equal(policy_tls_state(&s), TLS_STATE_UNKNOWN);
}

static struct session dialogue(void)
{
    struct session s = sealed();
    s.tls = (struct session_tls){0};
    s.mail = (struct session_mail){.greeting_seen = true, .capabilities_seen = true, .lists_whole = true};
    s.side[CLIENT].fin_seen = s.side[SERVER].fin_seen = true;
    return s;
}

/* Whatever was missed, or is still to come, may have been TLS. */
static void test_what_was_not_seen_is_no_plaintext(void **state)
{
    (void)state;
    struct session s = dialogue();
    assert_int_equal(policy_mode(&s), MODE_PLAINTEXT);
    assert_int_equal(policy_tls_state(&s), TLS_STATE_NONE);
    for (int what = 0; what < 5; what++) {
        s = dialogue();
        switch (what) {
        case 0: s.midstream = true; break;
        case 1: s.side[CLIENT].gap_before_tls = true; break;
        case 2: s.side[SERVER].gap_before_tls = true; break;
        case 3: s.side[CLIENT].fin_seen = s.side[SERVER].fin_seen = false; break;
        case 4: s.side[CLIENT] = (struct session_side){0}; break;
        }
        assert_int_equal(policy_mode(&s), MODE_UNDECIDABLE);
        assert_int_equal(policy_tls_state(&s), TLS_STATE_UNKNOWN);
        s.mail.messages = 1; /* but a mail in the clear is one */
        assert_int_equal(policy_mode(&s), MODE_PLAINTEXT);
        assert_int_equal(policy_tls_state(&s), TLS_STATE_NONE);
    }
}

static void test_offer_not_used_needs_the_question_to_be_seen(void **state)
{
    (void)state;
    struct session s = dialogue();
    s.mail.offer_starttls = s.mail.offer_starttls_ever = true;
    assert_int_equal(policy_starttls(&s), STARTTLS_NOT_USED);
    s.side[CLIENT].gap_before_tls = true;
    assert_int_equal(policy_starttls(&s), STARTTLS_UNKNOWN);
    s.mail.used_while_offered = s.mail.used_whole = s.mail.transaction = true; /* the gap came later */
    assert_int_equal(policy_starttls(&s), STARTTLS_NOT_USED);
    s.mail.used_whole = false;
    assert_int_equal(policy_starttls(&s), STARTTLS_UNKNOWN);
    assert_true(is_undecidable(&s, RULE_starttls_not_used));
}

/* After a login IMAP lists STARTTLS no more; an EHLO always does. */
static void test_list_proves_an_absence_only_where_it_is_the_first(void **state)
{
    (void)state;
    struct session s = dialogue();
    s.mail.lists_whole = false;
    s.protocol = PROTOCOL_SMTP;
    assert_int_equal(policy_starttls(&s), STARTTLS_NOT_OFFERED);
    s.protocol = PROTOCOL_IMAP;
    assert_int_equal(policy_starttls(&s), STARTTLS_UNKNOWN);
    s.mail.lists_whole = true;
    assert_int_equal(policy_starttls(&s), STARTTLS_NOT_OFFERED);
}

/* Without its beginning a dialogue may be the text of a mail: nobody injected anything. */
/* An AUTH was begun, and what the client sent next is missing. */
static void test_secret_that_was_not_seen_is_undecidable(void **state)
{
    (void)state;
    struct session s = WITH(whole(), s.mail.auth_seen = true, s.mail.auth_exposure = AUTH_WITHOUT_SECRET);
    s.side[CLIENT].gap_before_tls = true;
    assert_true(is_undecidable(&s, RULE_auth_in_clear));
}

/* A mail port, and of its dialogue too little was captured to be recognised. */
static void test_dialogue_that_was_not_seen_is_undecidable(void **state)
{
    (void)state;
    struct session s = whole();
    s.protocol = PROTOCOL_UNKNOWN;
    memset(&s.mail, 0, sizeof s.mail);
    static const enum rule rules[] = {RULE_auth_in_clear, RULE_message_in_clear, RULE_starttls_not_used,
                                      RULE_starttls_stripped, RULE_plaintext_auth_invited};
    for (int missed = 0; missed <= 1; missed++) {
        s.midstream = missed;
        for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
            assert_int_equal(is_undecidable(&s, rules[i]), missed);
    }
}

/* An ALERT may answer a login of the client. */
static void test_data_before_tls_needs_the_client(void **state)
{
    (void)state;
    struct session s = WITH(imap(), s.mail.data_before_tls = true);
    s.side[CLIENT] = (struct session_side){0};
    assert_int_equal(severity_of(&s, RULE_imap_data_before_tls), SEVERITY_NONE);
    assert_true(is_undecidable(&s, RULE_imap_data_before_tls));
}

static void test_injection_is_undecidable_midstream(void **state)
{
    (void)state;
    struct session s = dialogue();
    s.mail.injected_command_bytes = s.mail.injected_response_bytes = 9;
    assert_false(is_undecidable(&s, RULE_command_injection));
    assert_false(is_undecidable(&s, RULE_response_injection));
    s.midstream = true;
    assert_true(is_undecidable(&s, RULE_command_injection));
    assert_true(is_undecidable(&s, RULE_response_injection));
}

static void test_clean_sealed_session_has_no_finding(void **state)
{
    (void)state;
    struct probe q = good_probe();
    struct session s = q.s;
    struct judgement j = judge(&q);
    assert_int_equal(j.finding_count, 0);
    assert_int_equal(j.undecidable_count, 0);
    assert_int_equal(j.verdict, VERDICT_COMPLIANT);
    assert_int_equal(policy_mode(&s), MODE_STARTTLS);
    assert_int_equal(policy_starttls(&s), STARTTLS_UPGRADED);
}

static void test_cleartext_is_never_called_encrypted(void **state)
{
    (void)state;
    struct session s = whole();
    s.mail.tls_asked = s.mail.tls_accepted = s.mail.cleartext_goes_on = s.mail.transaction = true;
    assert_int_equal(policy_mode(&s), MODE_PLAINTEXT);
    assert_int_equal(policy_starttls(&s), STARTTLS_FAILED);
    struct judgement j;
    policy_judge(&(struct facts){.session = &s, .host = ""}, &j);
    assert_int_equal(j.verdict, VERDICT_INSECURE);
}

static void test_findings_stand_worst_first(void **state)
{
    (void)state;
    struct session s = sealed_with(0x0004); /* TLS_RSA_WITH_RC4_128_MD5 */
    s.tls.version = 0x0301;
    s.tls.offers_weak_suite = true;
    struct judgement j;
    policy_judge(&(struct facts){.session = &s, .host = ""}, &j);
    assert_true(j.finding_count >= 4);
    for (size_t i = 1; i < j.finding_count; i++)
        assert_true(j.findings[i - 1].severity >= j.findings[i].severity);
    assert_int_equal(j.findings[0].rule, RULE_broken_cipher);
    assert_int_equal(j.worst, SEVERITY_CRITICAL);
}

static void test_every_rule_has_its_texts(void **state)
{
    (void)state;
    for (int rule = 0; rule < RULE_COUNT; rule++) {
        const struct rule_info *info = policy_rule((enum rule)rule);
        assert_true(strlen(info->sources) > 3);
        assert_true(strlen(info->wire) > 10);
        assert_true(strlen(info->advice) > 10);
        for (int role = 0; role < ROLE_COUNT; role++)
            assert_true(info->severity[role] > SEVERITY_NONE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define RULE(id, relay, submission, access, delivery, sources, wire, advice)                                 \
    cmocka_unit_test(test_##id##_fires), cmocka_unit_test(test_##id##_near_miss),
#include "sensor/audit/policy.def"
#undef RULE
        cmocka_unit_test(test_hidden_certificate_is_undecidable_and_never_a_pass),
        cmocka_unit_test(test_name_without_sni_and_configuration_is_not_checkable),
        cmocka_unit_test(test_plaintext_after_a_failure_of_the_pair_is_a_fallback),
        cmocka_unit_test(test_most_clients_losing_tls13_is_a_drop),
        cmocka_unit_test(test_severity_follows_the_role_of_the_port),
        cmocka_unit_test(test_auth_in_clear_is_milder_for_hashed_and_protected_mechanisms),
        cmocka_unit_test(test_plaintext_auth_invited_is_low_where_the_client_upgraded),
        cmocka_unit_test(test_plaintext_auth_invited_by_imap_without_logindisabled),
        cmocka_unit_test(test_refused_and_then_granted_is_only_informative),
        cmocka_unit_test(test_cbc_with_sha256_is_low),
        cmocka_unit_test(test_loopback_mail_is_no_finding),
        cmocka_unit_test(test_overlong_capability_list_proves_no_absence),
        cmocka_unit_test(test_helo_proves_no_absence),
        cmocka_unit_test(test_gap_makes_rules_undecidable_and_not_clear),
        cmocka_unit_test(test_unseen_server_hello_makes_suite_rules_undecidable),
        cmocka_unit_test(test_what_was_not_seen_is_no_plaintext),
        cmocka_unit_test(test_offer_not_used_needs_the_question_to_be_seen),
        cmocka_unit_test(test_list_proves_an_absence_only_where_it_is_the_first),
        cmocka_unit_test(test_secret_that_was_not_seen_is_undecidable),
        cmocka_unit_test(test_dialogue_that_was_not_seen_is_undecidable),
        cmocka_unit_test(test_data_before_tls_needs_the_client),
        cmocka_unit_test(test_injection_is_undecidable_midstream),
        cmocka_unit_test(test_clean_sealed_session_has_no_finding),
        cmocka_unit_test(test_cleartext_is_never_called_encrypted),
        cmocka_unit_test(test_findings_stand_worst_first),
        cmocka_unit_test(test_every_rule_has_its_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
