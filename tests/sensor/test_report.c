/* The sections of the report on compliance, certificates and clients. */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "report.h"

enum { DAY = 86400 };

#define LACKS(what)                                                                                          \
    do {                                                                                                     \
        if (strstr(report, what) != NULL)                                                                    \
            fail_msg("in the report: %s\n%s", what, report);                                                 \
    } while (0)

/* How often it is in the report. */
#define TIMES(what) ((int)sample_count(report, what))

/* A submission session in TLS 1.2 with ECDHE and AES-GCM, all of it seen. */
static void seal(struct session *s)
{
    s->mail.auth_seen = s->mail.auth_accepted = false;
    s->mail.auth_exposure = AUTH_NOT_SEEN;
    s->mail.offer_starttls = s->mail.offer_starttls_ever = s->mail.tls_asked = s->mail.tls_accepted = true;
    s->tls.begun = s->tls.client_hello = s->tls.server_hello = s->tls.established = true;
    s->tls.client_encrypted = s->tls.server_encrypted = true;
    s->tls.version = s->tls.client_max_version = 0x0303;
    s->tls.has_cipher = true;
    s->tls.cipher_suite = 0xc02f;
    s->tls.group = 23;
    s->tls.key_exchange_seen = true;
    s->tls.signature_scheme = 0x0804;
    s->tls.certificate_seen = true;
    s->tls.offers_aead = s->tls.offers_ecdhe = true;
    s->tls.client_extended_master_secret = s->tls.server_extended_master_secret = true;
    memcpy(s->tls.ja4, "t12d0304h1_0123456789ab_0123456789ab", 37);
}

static void begin_sealed(struct run *r)
{
    begin(r);
    seal(&r->x.session);
}

static int64_t now_s(const struct run *r)
{
    return (int64_t)(r->x.session.first_ns / 1000000000);
}

static struct certificate_chain certificate(const struct run *r, uint8_t hash, int64_t days)
{
    struct certificate_chain c = {.parsed = true,
                                  .sent = 2,
                                  .ordered = true,
                                  .trust = TRUST_TRUSTED,
                                  .names = "mx.example.org,mail.example.org",
                                  .has_names = true,
                                  .key = "RSA",
                                  .key_bits = 2048,
                                  .signature = "sha256WithRSAEncryption"};
    memset(c.sha256, hash, sizeof c.sha256);
    c.not_before = now_s(r) - 30 * DAY;
    c.not_after = c.path_not_after = now_s(r) + days * DAY + DAY / 2;
    return c;
}

/* An event of the session with this certificate, which may come from an earlier session. */
static void add_with(struct run *r, const struct certificate_chain *chain, bool learnt, const char *host)
{
    struct event_context context = {.site = "test", .sensor = "probe"};
    r->x.facts = (struct facts){.session = &r->x.session,
                                .chain = chain,
                                .chain_learnt = learnt,
                                .host = host,
                                .profile = config.profile,
                                .at_s = now_s(r)};
    policy_judge(&r->x.facts, &r->x.judgement);
    event_fill(&r->x.event, &context, &r->x.facts, &r->x.judgement);
    r->sink.event(r->sink.state, &r->x.event);
}

static void add_seen(struct run *r, const struct certificate_chain *chain)
{
    add_with(r, chain, false, "");
}

static void from_client(struct run *r, unsigned n)
{
    memcpy(r->x.session.client_address.bytes, &n, sizeof n);
}

/* ---- compliance */

static void add_mixed(struct run *r)
{
    struct certificate_chain c = certificate(r, 1, 80);
    add_seen(r, &c);
    add_with(r, &c, true, ""); /* learnt: not seen in this session */
    r->x.session.tls.version = 0x0301;
    r->x.session.tls.cipher_suite = 0xc013;
    add_seen(r, &c);
    sample_session(&r->x.session); /* a readable password */
    add_seen(r, NULL);
    r->x.session.mail.auth_seen = r->x.session.mail.auth_accepted = false; /* a probe */
    r->x.session.mail.auth_exposure = AUTH_NOT_SEEN;
    add_seen(r, NULL);
}

static void test_report_compliance_with_the_profile_in_force(void **state)
{
    (void)state;
    struct run r;
    begin_sealed(&r);
    add_mixed(&r);
    end(&r);
    SAYS("\nCompliance ");
    SAYS("                               sessions good/allowed phase-out forbidden  unseen\n"
         "  rfc9325              2026-07        4       50.0 %     0.0 %    50.0 %  25.0 %\n");
    SAYS("(4 of 5; not so probes");
    LACKS("  pci-dss-4 ");
    free(report);
}

static void test_report_compliance_with_every_profile(void **state)
{
    (void)state;
    struct run r;
    every_profile = true;
    begin_sealed(&r);
    add_mixed(&r);
    end(&r);
    every_profile = false;
    SAYS("\n  rfc9325              2026-07        4       50.0 %     0.0 %    50.0 %  25.0 %\n");
    SAYS("\n  mozilla-modern       2026-04        4        0.0 %     0.0 %   100.0 %  25.0 %\n");
    for (enum profile profile = 0; profile < PROFILE_COUNT; profile++) {
        char row[64];
        snprintf(row, sizeof row, "\n  %-20s %-7s        4 ", profile_info(profile)->name,
                 profile_info(profile)->date);
        SAYS(row);
    }
    free(report);
}

static void test_report_compliance_is_left_out_where_nothing_was_graded(void **state)
{
    (void)state;
    struct run r;
    begin(&r);
    r.x.session.mail.auth_seen = r.x.session.mail.auth_accepted = false;
    r.x.session.mail.auth_exposure = AUTH_NOT_SEEN;
    add(&r);
    end(&r);
    LACKS("Compliance");
    LACKS("\nCertificates");
    LACKS("\nClients");
    free(report);
}

/* ---- certificates */

static void test_report_certificates_count_each_once(void **state)
{
    (void)state;
    struct run r;
    begin_sealed(&r);
    struct certificate_chain good = certificate(&r, 1, 80);
    struct certificate_chain soon = certificate(&r, 2, 10);
    struct certificate_chain old = certificate(&r, 3, -3);
    soon.trust = TRUST_INCOMPLETE;
    soon.signature_weak = true;
    memcpy(soon.key, "EC P-256", 9);
    soon.key_bits = 256;
    old.key_bits = 1024;
    for (int i = 0; i < 5; i++)
        add_seen(&r, &good);
    add_with(&r, &soon, false, "imap.example.org");
    add_seen(&r, &old);
    r.x.session.tls.version = r.x.session.tls.client_max_version = 0x0304;
    r.x.session.tls.certificate_seen = false;
    add_seen(&r, NULL);
    add_with(&r, &good, true, ""); /* learnt */
    end(&r);
    SAYS("\n  trusted                                                1   33.3 %");
    SAYS("\n  incomplete                                             1   33.3 %");
    SAYS("\n  expired                                                1   33.3 %");
    SAYS("\n  RSA 2048                                               1   33.3 %");
    SAYS("\n  RSA 1024                                               1   33.3 %");
    SAYS("\n  EC P-256                                               1   33.3 %");
    SAYS("\n  ended already                                          1   33.3 %");
    SAYS("\n  end within 14 days                                     1   33.3 %");
    SAYS("\n  end within 30 days                                     1   33.3 %");
    SAYS("\n  do not carry the name that was asked for               1   33.3 %");
    SAYS("\n  weak key                                               1   33.3 %");
    SAYS("\n  weak signature (MD5, SHA-1)                            1   33.3 %");
    LACKS("end within 7 days");
    SAYS("       3 days ago  198.51.100.25 port 587, expired, RSA 1024\n"
         "                   mx.example.org,mail.example.org\n"
         "      10 days      198.51.100.25 port 587, incomplete, EC P-256, weak signature, wrong name\n");
    SAYS("  Shares of 3 different certificates.\n");
    SAYS("Sessions with a handshake that showed a certificate: 7 of 9 (77.8 %)");
    free(report);
}

static void test_report_certificates_windows_have_edges(void **state)
{
    (void)state;
    struct run r;
    static const int days[] = {0, 6, 7, 13, 14, 29, 30};
    begin_sealed(&r);
    for (size_t i = 0; i < sizeof days / sizeof days[0]; i++) {
        struct certificate_chain c = certificate(&r, (uint8_t)(i + 1), days[i]);
        add_seen(&r, &c);
    }
    end(&r);
    LACKS("ended already");
    SAYS("\n  end within 7 days                                      2 ");
    SAYS("\n  end within 14 days                                     4 ");
    SAYS("\n  end within 30 days                                     6 ");
    assert_int_equal(TIMES(" days      198.51.100.25"), 5);
    SAYS("       0 days  ");
    LACKS("      29 days  "); /* the sixth */
    free(report);
}

static void test_report_certificates_hidden_ones_are_told(void **state)
{
    (void)state;
    struct run r;
    begin_sealed(&r);
    r.x.session.tls.certificate_seen = false;
    add_seen(&r, NULL);
    r.x.session.tls.certificate_seen = true; /* but not kept whole */
    add_seen(&r, NULL);
    end(&r);
    SAYS("\n  Sessions with a handshake that showed a certificate: 1 of 2 (50.0 %);");
    SAYS("In 1 it could not be read.");
    LACKS("Fewest days left");
    free(report);
}

static void test_report_certificates_hostile_names_are_escaped_and_cut(void **state)
{
    (void)state;
    struct run r;
    begin_sealed(&r);
    struct certificate_chain c = certificate(&r, 1, 5);
    r.x.session.family = IP_V6;
    memset(r.x.session.server_address.bytes, 0xab, 16);
    memset(c.names, '\033', sizeof c.names - 1);
    c.signature_weak = true;
    add_with(&r, &c, false, "mx.example.org");
    c = certificate(&r, 2, 5);
    c.names[0] = '\0';
    snprintf(c.subject, sizeof c.subject, "CN=\033[2J\r\nmx\xff %%n");
    add_seen(&r, &c);
    c = certificate(&r, 3, 5);
    c.names[0] = '\0';
    add_seen(&r, &c);
    c = certificate(&r, 4, 5);
    for (size_t i = 0; i + 20 < sizeof c.names; i += 15)
        memcpy(c.names + i, "a.example.test,", 15);
    add_seen(&r, &c);
    end(&r);
    SAYS("[abab:abab:abab:abab:abab:abab:abab:abab] port 587");
    SAYS("\\x1b\\x1b\\x1b ...\n");
    SAYS("CN=\\x1b[2J\\x0d\\x0amx\\xff %n\n");
    SAYS("(no name)\n");
    SAYS("a.example.test,a.example.test ...\n");
    free(report);
}

static void test_report_certificates_flood_keeps_what_ends_first(void **state)
{
    (void)state;
    struct run r;
    begin_sealed(&r);
    struct certificate_chain c = certificate(&r, 0, 50);
    add_seen(&r, &c);
    for (unsigned i = 1; i < 40000; i++) {
        uint32_t hash = i * 2654435761U;
        memcpy(c.sha256, &hash, sizeof hash);
        c.not_after = now_s(&r) + (i == 20000 ? 2 : 50) * (int64_t)DAY;
        r.x.event.values[EVENT_cert_days_left].number = i == 20000 ? 2 : 50;
        r.sink.event(r.sink.state, &r.x.event);
    }
    end(&r);
    SAYS("       2 days ");
    SAYS("  Shares of 4,096 different certificates; those of 35,904 sessions found no room.\n");
    free(report);
}

/* ---- clients */

static void test_report_clients_that_would_break_are_named(void **state)
{
    (void)state;
    struct run r;
    begin_sealed(&r);
    struct session_tls *t = &r.x.session.tls;
    add(&r); /* TLS 1.2, AEAD, ECDHE: nothing to fear */
    from_client(&r, 2);
    t->client_max_version = t->version = 0x0301;
    t->offers_aead = t->offers_ecdhe = false;
    t->offers_weak_suite = true;
    memcpy(t->ja4, "t10d020300_0123456789ab_aaaaaaaaaaaa", 37);
    add(&r);
    memcpy(t->ja4, "t10d020300_0123456789ab_bbbbbbbbbbbb", 37);
    add(&r);
    from_client(&r, 3);
    t->client_max_version = t->version = 0x0304;
    t->offers_aead = true;
    t->offers_weak_suite = false;
    r.x.session.helo[0] = t->ja4[0] = '\0';
    add(&r);
    end(&r);
    SAYS("\n  TLS1.3 at best                                         1   33.3 %");
    SAYS("\n  TLS1.2 at best                                         1   33.3 %");
    SAYS("\n  TLS1.0 at best                                         1   33.3 %");
    SAYS("\n  offer a weak suite                                     1   33.3 %");
    SAYS("\n  would break without TLS 1.0 and 1.1                    1   33.3 %");
    SAYS("\n  would break without CBC: no AEAD offered               1   33.3 %");
    SAYS("\n  would break without static RSA and DHE                 2   66.7 %");
    SAYS("\n  2.0.0.0, client.example.org: TLS1.0 at best, 2 hellos\n"
         "      breaks without TLS 1.0 and 1.1, CBC, static RSA and DHE; offers weak suites; JA4\n"
         "      t10d020300_0123456789ab_bbbbbbbbbbbb and others\n"
         "  3.0.0.0: TLS1.3 at best, 1 hello\n"
         "      breaks without static RSA and DHE\n");
    LACKS("192.0.2.7, client");
    free(report);
}

/* Several programs behind one address: it is told, but does not count as one that would break. */
static void test_report_clients_that_break_now_and_then(void **state)
{
    (void)state;
    struct run r;
    begin_sealed(&r);
    add(&r);
    add(&r);
    r.x.session.tls.offers_aead = false;
    add(&r);
    end(&r);
    SAYS("\n  would break without CBC: no AEAD offered               0    0.0 %");
    SAYS("\n      breaks in 1 of 3 hellos without CBC; JA4 ");
    free(report);
}

static void test_report_clients_without_trouble_are_not_listed(void **state)
{
    (void)state;
    struct run r;
    begin_sealed(&r);
    add(&r);
    from_client(&r, 9);
    r.x.session.tls.client_hello = false; /* what it offered was not seen */
    r.x.session.tls.client_max_version = 0;
    r.x.session.tls.offers_aead = false;
    add(&r);
    end(&r);
    SAYS("\n  TLS1.2 at best                                         1  100.0 %");
    LACKS("break");
    free(report);
}

static void test_report_clients_hostile_names_are_escaped_and_cut(void **state)
{
    (void)state;
    struct run r;
    begin_sealed(&r);
    r.x.session.family = IP_V6;
    memset(r.x.session.client_address.bytes, 0xab, 16);
    memset(r.x.session.helo, '\033', sizeof r.x.session.helo - 1);
    r.x.session.tls.offers_aead = false;
    add(&r);
    end(&r);
    SAYS("  abab:abab:abab:abab:abab:abab:abab:abab, \\x1b\\x1b");
    free(report);
}

static void test_report_clients_flood_keeps_the_recent(void **state)
{
    (void)state;
    struct run r;
    begin_sealed(&r);
    r.x.session.tls.offers_aead = false;
    sample_fill(&r.x);
    for (unsigned i = 1; i <= 100000; i++) {
        from_client(&r, i * 2654435761U);
        r.sink.event(r.sink.state, &r.x.event);
    }
    r.x.session.tls.offers_ecdhe = false;
    from_client(&r, 7);
    r.sink.event(r.sink.state, &r.x.event);
    end(&r);
    SAYS("\n  7.0.0.0, client.example.org:");
    SAYS("  ... and 4,086 more\n");
    SAYS("pushed out of the table");
    free(report);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_report_compliance_with_the_profile_in_force),
        cmocka_unit_test(test_report_compliance_with_every_profile),
        cmocka_unit_test(test_report_compliance_is_left_out_where_nothing_was_graded),
        cmocka_unit_test(test_report_certificates_count_each_once),
        cmocka_unit_test(test_report_certificates_windows_have_edges),
        cmocka_unit_test(test_report_certificates_hidden_ones_are_told),
        cmocka_unit_test(test_report_certificates_hostile_names_are_escaped_and_cut),
        cmocka_unit_test(test_report_certificates_flood_keeps_what_ends_first),
        cmocka_unit_test(test_report_clients_that_would_break_are_named),
        cmocka_unit_test(test_report_clients_that_break_now_and_then),
        cmocka_unit_test(test_report_clients_without_trouble_are_not_listed),
        cmocka_unit_test(test_report_clients_hostile_names_are_escaped_and_cut),
        cmocka_unit_test(test_report_clients_flood_keeps_the_recent),
    };
    (void)setlocale(LC_CTYPE, "C.UTF-8");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
