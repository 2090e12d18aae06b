/* What a session comes to under a profile: each case with a near miss. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "sensor/audit/profile.h"

enum { TLS10 = 0x0301, TLS12 = 0x0303, TLS13 = 0x0304 };
enum {
    RSA_AES128_GCM = 0x009c,
    DHE_RSA_AES128_GCM = 0x009e,
    AES128_GCM = 0x1301,
    ECDHE_RSA_AES128_CBC_SHA = 0xc013,
    ECDHE_RSA_AES128_CBC_SHA256 = 0xc027,
    ECDHE_RSA_AES128_GCM = 0xc02f
};
enum { P256 = 23, X25519 = 29, X25519MLKEM768 = 0x11ec };
enum { RSA_PKCS1_SHA1 = 0x0201, RSA_PKCS1_SHA256 = 0x0401, RSA_PSS_SHA256 = 0x0804 };

/* 2026-06-01. */
enum { MID_2026_S = 1780272000 };
static const uint64_t second_ns = 1000000000;

/* STARTTLS, then TLS 1.2 with TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 over P-256. */
static struct session sealed(void)
{
    struct session s = {
        .first_ns = MID_2026_S * UINT64_C(1000000000), .protocol = PROTOCOL_SMTP, .final = true};
    s.mail.greeting_seen = s.mail.tls_asked = s.mail.tls_accepted = true;
    s.tls.begun = s.tls.client_hello = s.tls.server_hello = s.tls.established = true;
    s.tls.version = TLS12;
    s.tls.has_cipher = true;
    s.tls.cipher_suite = ECDHE_RSA_AES128_GCM;
    s.tls.group = P256;
    s.tls.key_exchange_seen = true;
    s.tls.signature_scheme = RSA_PSS_SHA256;
    s.tls.certificate_seen = true;
    return s;
}

static struct session sealed13(void)
{
    struct session s = sealed();
    s.tls.version = TLS13;
    s.tls.cipher_suite = AES128_GCM;
    s.tls.group = X25519MLKEM768;
    s.tls.key_exchange_seen = s.tls.certificate_seen = false;
    s.tls.signature_scheme = 0;
    return s;
}

static struct session in_clear(void)
{
    struct session s = {
        .first_ns = MID_2026_S * UINT64_C(1000000000), .protocol = PROTOCOL_SMTP, .final = true};
    s.mail.greeting_seen = s.mail.helo_seen = s.mail.capabilities_seen = true;
    return s;
}

static struct certificate_chain leaf(const char *key, uint16_t bits, const char *signature)
{
    struct certificate_chain c = {.parsed = true, .sent = 1, .key_bits = bits};
    (void)snprintf(c.key, sizeof c.key, "%s", key);
    (void)snprintf(c.signature, sizeof c.signature, "%s", signature);
    return c;
}

static struct certificate_chain rsa(uint16_t bits)
{
    return leaf("RSA", bits, "sha256WithRSAEncryption");
}

static void check(enum profile profile, const struct session *s, const struct certificate_chain *chain,
                  enum grade worst, bool complete, const char *because)
{
    struct profile_result r;
    memset(&r, 0xa5, sizeof r);
    profile_grade_session(profile, s, chain, &r);
    if (r.worst != worst || r.complete != complete || strcmp(r.because, because) != 0)
        fail_msg("%s: %s, %s, because \"%s\"", profile_info(profile)->name, profile_grade_word(r.worst),
                 r.complete ? "complete" : "incomplete", r.because);
}

static void test_profile_session_good(void **state)
{
    (void)state;
    struct session s = sealed();
    struct certificate_chain c = rsa(3072);
    check(PROFILE_rfc9325, &s, &c, GRADE_ALLOWED, true, "");
    check(PROFILE_nist_800_52r2, &s, &c, GRADE_ALLOWED, true, "");
    check(PROFILE_bsi_tr_02102, &s, &c, GRADE_GOOD, true, "");
    check(PROFILE_ncsc_nl_2025, &s, &c, GRADE_ALLOWED, true, "");
    check(PROFILE_mozilla_modern, &s, &c, GRADE_FORBIDDEN, true, "version");
    check(PROFILE_mozilla_intermediate, &s, &c, GRADE_ALLOWED, true, "");
    check(PROFILE_pci_dss_4, &s, &c, GRADE_ALLOWED, true, "");
}

static void test_profile_session_cbc_needs_encrypt_then_mac(void **state)
{
    (void)state;
    struct session s = sealed();
    struct certificate_chain c = rsa(3072);
    s.tls.cipher_suite = ECDHE_RSA_AES128_CBC_SHA256;
    check(PROFILE_rfc9325, &s, &c, GRADE_PHASE_OUT, true, "suite");
    check(PROFILE_bsi_tr_02102, &s, &c, GRADE_ALLOWED, true, "");
    check(PROFILE_ncsc_nl_2025, &s, &c, GRADE_PHASE_OUT, true, "suite");
    s.tls.client_encrypt_then_mac = true; /* asked for, not agreed */
    check(PROFILE_rfc9325, &s, &c, GRADE_PHASE_OUT, true, "suite");
    s.tls.server_encrypt_then_mac = true;
    check(PROFILE_rfc9325, &s, &c, GRADE_ALLOWED, true, "");
    check(PROFILE_bsi_tr_02102, &s, &c, GRADE_GOOD, true, "");
    check(PROFILE_ncsc_nl_2025, &s, &c, GRADE_PHASE_OUT, true, "suite");
}

static void test_profile_session_old_version(void **state)
{
    (void)state;
    struct session s = sealed();
    struct certificate_chain c = rsa(3072);
    s.tls.version = TLS10;
    s.tls.cipher_suite = ECDHE_RSA_AES128_CBC_SHA;
    s.tls.signature_scheme = 0; /* these versions have none */
    check(PROFILE_rfc9325, &s, &c, GRADE_FORBIDDEN, true, "version");
    check(PROFILE_nist_800_52r2, &s, &c, GRADE_PHASE_OUT, true, "version");
    check(PROFILE_ncsc_nl_2025, &s, &c, GRADE_FORBIDDEN, true, "version");
    check(PROFILE_pci_dss_4, &s, &c, GRADE_FORBIDDEN, true, "version");
    s.tls.version = TLS12;
    s.tls.signature_scheme = RSA_PSS_SHA256;
    check(PROFILE_rfc9325, &s, &c, GRADE_PHASE_OUT, true, "suite");
    check(PROFILE_nist_800_52r2, &s, &c, GRADE_ALLOWED, true, "");
    check(PROFILE_pci_dss_4, &s, &c, GRADE_ALLOWED, true, "");
}

/* Nothing but the certificate takes part: no group and no signature is missed. */
static void test_profile_session_static_rsa(void **state)
{
    (void)state;
    struct session s = sealed();
    struct certificate_chain c = rsa(3072);
    s.tls.cipher_suite = RSA_AES128_GCM;
    s.tls.group = s.tls.signature_scheme = 0;
    s.tls.key_exchange_seen = false;
    check(PROFILE_rfc9325, &s, &c, GRADE_FORBIDDEN, true, "suite");
    check(PROFILE_nist_800_52r2, &s, &c, GRADE_PHASE_OUT, true, "suite");
    check(PROFILE_bsi_tr_02102, &s, &c, GRADE_FORBIDDEN, true, "suite");
    check(PROFILE_pci_dss_4, &s, &c, GRADE_ALLOWED, true, "");
    s.tls.rsa_export_bits = 512; /* a temporary key under a suite that has none: FREAK */
    check(PROFILE_pci_dss_4, &s, &c, GRADE_FORBIDDEN, true, "key");
    s.tls.rsa_export_bits = 0;
    s.tls.cipher_suite = ECDHE_RSA_AES128_GCM; /* the near miss: here both are missed */
    check(PROFILE_rfc9325, &s, &c, GRADE_GOOD, false, "");
}

static void test_profile_session_finite_field(void **state)
{
    (void)state;
    struct session s = sealed();
    struct certificate_chain c = rsa(3072);
    s.tls.cipher_suite = DHE_RSA_AES128_GCM;
    s.tls.group = 0;
    s.tls.dh_bits = 1024;
    check(PROFILE_rfc9325, &s, &c, GRADE_FORBIDDEN, true, "suite");
    check(PROFILE_nist_800_52r2, &s, &c, GRADE_FORBIDDEN, true, "group");
    check(PROFILE_bsi_tr_02102, &s, &c, GRADE_FORBIDDEN, true, "group");
    check(PROFILE_ncsc_nl_2025, &s, &c, GRADE_FORBIDDEN, true, "group");
    s.tls.dh_bits = 2048;
    check(PROFILE_nist_800_52r2, &s, &c, GRADE_ALLOWED, true, "");
    check(PROFILE_bsi_tr_02102, &s, &c, GRADE_FORBIDDEN, true, "group");
    check(PROFILE_ncsc_nl_2025, &s, &c, GRADE_FORBIDDEN, true, "group");
    s.tls.dh_bits = 3072;
    check(PROFILE_bsi_tr_02102, &s, &c, GRADE_GOOD, true, "");
    check(PROFILE_ncsc_nl_2025, &s, &c, GRADE_PHASE_OUT, true, "suite");
    check(PROFILE_mozilla_intermediate, &s, &c, GRADE_FORBIDDEN, true, "suite");
    s.tls.dh_bits = 0; /* ServerKeyExchange was missed */
    check(PROFILE_bsi_tr_02102, &s, &c, GRADE_GOOD, false, "");
}

static void test_profile_session_groups(void **state)
{
    (void)state;
    struct session s = sealed();
    struct certificate_chain c = rsa(3072);
    s.tls.group = 19; /* secp192r1 */
    check(PROFILE_rfc9325, &s, &c, GRADE_FORBIDDEN, true, "group");
    s.tls.group = X25519;
    check(PROFILE_rfc9325, &s, &c, GRADE_ALLOWED, true, "");
    check(PROFILE_nist_800_52r2, &s, &c, GRADE_FORBIDDEN, true, "group");
    check(PROFILE_bsi_tr_02102, &s, &c, GRADE_GOOD, true, ""); /* of X25519 itself it is silent */
    s.tls.group = 0;
    s.tls.explicit_curve = true;
    check(PROFILE_rfc9325, &s, &c, GRADE_PHASE_OUT, true, "group");
}

static void test_profile_session_signatures(void **state)
{
    (void)state;
    struct session s = sealed();
    struct certificate_chain c = rsa(3072);
    s.tls.signature_scheme = RSA_PKCS1_SHA1;
    check(PROFILE_rfc9325, &s, &c, GRADE_FORBIDDEN, true, "signature");
    check(PROFILE_mozilla_intermediate, &s, &c, GRADE_ALLOWED, true, "");
    s.tls.signature_scheme = RSA_PKCS1_SHA256;
    check(PROFILE_rfc9325, &s, &c, GRADE_GOOD, true, "");
    check(PROFILE_bsi_tr_02102, &s, &c, GRADE_FORBIDDEN, true, "signature");
    s.tls.signature_scheme = 0; /* not seen: of no account to a profile that grades none */
    check(PROFILE_rfc9325, &s, &c, GRADE_GOOD, false, "");
    check(PROFILE_mozilla_intermediate, &s, &c, GRADE_ALLOWED, true, "");
    s.tls.signature_scheme = RSA_PSS_SHA256;
    c.signature_weak = true;
    check(PROFILE_rfc9325, &s, &c, GRADE_FORBIDDEN, true, "signature");
    check(PROFILE_mozilla_intermediate, &s, &c, GRADE_FORBIDDEN, true, "signature");
    c = leaf("RSA", 3072, "ecdsa-with-SHA224");
    check(PROFILE_ncsc_nl_2025, &s, &c, GRADE_PHASE_OUT, true, "signature");
    c = leaf("RSA", 3072, "RSASSA-PSS"); /* names no hash: nothing to grade */
    check(PROFILE_ncsc_nl_2025, &s, &c, GRADE_ALLOWED, true, "");
}

static void test_profile_session_keys(void **state)
{
    (void)state;
    struct session s = sealed();
    struct certificate_chain c = rsa(1024);
    check(PROFILE_rfc9325, &s, &c, GRADE_FORBIDDEN, true, "key");
    check(PROFILE_pci_dss_4, &s, &c, GRADE_FORBIDDEN, true, "key");
    c = rsa(2048);
    check(PROFILE_rfc9325, &s, &c, GRADE_ALLOWED, true, "");
    check(PROFILE_bsi_tr_02102, &s, &c, GRADE_FORBIDDEN, true, "key");
    check(PROFILE_ncsc_nl_2025, &s, &c, GRADE_PHASE_OUT, true, "key");
    c = rsa(3072);
    check(PROFILE_bsi_tr_02102, &s, &c, GRADE_GOOD, true, "");
    check(PROFILE_ncsc_nl_2025, &s, &c, GRADE_ALLOWED, true, "");
    c = leaf("EC P-224", 224, "ecdsa-with-SHA256");
    check(PROFILE_ncsc_nl_2025, &s, &c, GRADE_PHASE_OUT, true, "key");
    c = leaf("EC P-256", 256, "ecdsa-with-SHA256");
    check(PROFILE_ncsc_nl_2025, &s, &c, GRADE_ALLOWED, true, "");
    c = leaf("Ed25519", 253, "ED25519");
    check(PROFILE_nist_800_52r2, &s, &c, GRADE_FORBIDDEN, true, "key");
    check(PROFILE_ncsc_nl_2025, &s, &c, GRADE_ALLOWED, true, "");
    c = leaf("DSA", 2048, "dsa_with_SHA256");
    check(PROFILE_ncsc_nl_2025, &s, &c, GRADE_FORBIDDEN, true, "key");
    c = leaf("rsassaPss", 1024, "rsassaPss");
    check(PROFILE_ncsc_nl_2025, &s, &c, GRADE_FORBIDDEN, true, "key");
    c = leaf("EC wap-wsg-idm-ecid-wtls12", 0, "ecdsa-with-SHA256"); /* libcrypto could not decode it */
    check(PROFILE_ncsc_nl_2025, &s, &c, GRADE_ALLOWED, false, "");
    c = leaf("ML-DSA-65", 15616, "ML-DSA-65"); /* a key that no row speaks of */
    check(PROFILE_ncsc_nl_2025, &s, &c, GRADE_ALLOWED, false, "");
}

static void test_profile_session_hidden_certificate_is_incomplete(void **state)
{
    (void)state;
    struct session s = sealed13();
    struct certificate_chain c = leaf("EC P-256", 256, "ecdsa-with-SHA256");
    check(PROFILE_rfc9325, &s, NULL, GRADE_GOOD, false, "");
    check(PROFILE_mozilla_modern, &s, NULL, GRADE_GOOD, false, "");
    check(PROFILE_pci_dss_4, &s, NULL, GRADE_ALLOWED, false, "");
    check(PROFILE_mozilla_modern, &s, &c, GRADE_GOOD, true,
          ""); /* known from elsewhere, and no signature is graded */
    check(PROFILE_rfc9325, &s, &c, GRADE_GOOD, false, ""); /* CertificateVerify stays hidden */
    c.parsed = false;
    check(PROFILE_mozilla_modern, &s, &c, GRADE_GOOD, false, "");
    s.tls.cipher_suite = 0x1305; /* CCM_8 */
    check(PROFILE_ncsc_nl_2025, &s, NULL, GRADE_FORBIDDEN, false, "suite");
}

static void test_profile_session_resumed_or_anonymous(void **state)
{
    (void)state;
    struct session s = sealed();
    s.tls.resumed = true;
    s.tls.group = s.tls.signature_scheme = 0;
    s.tls.key_exchange_seen = s.tls.certificate_seen = false;
    check(PROFILE_rfc9325, &s, NULL, GRADE_GOOD, false, "");
    s = sealed();
    s.tls.cipher_suite = 0xc018; /* TLS_ECDH_anon_WITH_AES_128_CBC_SHA: there is no certificate to miss */
    s.tls.signature_scheme = 0;
    check(PROFILE_pci_dss_4, &s, NULL, GRADE_FORBIDDEN, true, "suite");
    s.tls.cipher_suite = 0x4242; /* no table knows what it takes */
    check(PROFILE_rfc9325, &s, NULL, GRADE_GOOD, false, "");
}

static void test_profile_session_hello_not_seen(void **state)
{
    (void)state;
    struct session s = {.tls = {.begun = true, .established = true}};
    check(PROFILE_rfc9325, &s, NULL, GRADE_SILENT, false, "");
    s.tls.version = 0x0002;
    s.tls.ssl2_cipher = 0x010080;
    check(PROFILE_rfc9325, &s, NULL, GRADE_FORBIDDEN, false, "version");
}

static void test_profile_session_in_clear(void **state)
{
    (void)state;
    for (int p = 0; p < PROFILE_COUNT; p++) {
        struct session s = in_clear();
        s.mail.transaction = true;
        check((enum profile)p, &s, NULL, GRADE_FORBIDDEN, true, "cleartext");
        s = in_clear();
        s.mail.auth_seen = true;
        s.mail.auth_exposure = AUTH_READABLE;
        check((enum profile)p, &s, NULL, GRADE_FORBIDDEN, true, "cleartext");
        s = sealed(); /* TLS came too late */
        s.mail.messages = 1;
        struct certificate_chain c = rsa(1024);
        check((enum profile)p, &s, &c, GRADE_FORBIDDEN, true, "cleartext");
    }
}

static void test_profile_session_that_did_nothing_is_silent(void **state)
{
    (void)state;
    for (int p = 0; p < PROFILE_COUNT; p++) {
        struct session s = in_clear();
        check((enum profile)p, &s, NULL, GRADE_SILENT, false, "");
        s.mail.auth_seen = true; /* refused before a secret was sent */
        s.mail.auth_exposure = AUTH_WITHOUT_SECRET;
        check((enum profile)p, &s, NULL, GRADE_SILENT, false, "");
        s.mail.auth_accepted = true; /* the near miss: it was let in */
        check((enum profile)p, &s, NULL, GRADE_FORBIDDEN, true, "cleartext");
        s = sealed();
        s.tls.established = false; /* a handshake that failed */
        check((enum profile)p, &s, NULL, GRADE_SILENT, false, "");
    }
}

/* The years of BSI TR-02102-2: to the last second of the year, by the packets' clock, never before the
 * edition. */
static void test_profile_session_uses_end_with_their_year(void **state)
{
    (void)state;
    enum { FIRST_SECOND_2027 = 1798761600, FIRST_SECOND_2030 = 1893456000, MID_2024 = 1720000000 };
    static const uint64_t first_second_2032 = 1956528000;
    struct session s = sealed();
    struct certificate_chain c = rsa(3072);
    s.tls.cipher_suite = 0xc031; /* static ECDH, to the end of 2026 */
    s.tls.group = s.tls.signature_scheme = 0;
    s.first_ns = FIRST_SECOND_2027 * second_ns - 1;
    check(PROFILE_bsi_tr_02102, &s, &c, GRADE_PHASE_OUT, true, "suite");
    s.first_ns++;
    check(PROFILE_bsi_tr_02102, &s, &c, GRADE_FORBIDDEN, true, "suite");
    s = sealed();
    s.tls.cipher_suite = DHE_RSA_AES128_GCM;
    s.tls.group = 0;
    s.tls.dh_bits = 3072;
    s.first_ns = FIRST_SECOND_2030 * second_ns - 1;
    check(PROFILE_bsi_tr_02102, &s, &c, GRADE_GOOD, true, "");
    s.first_ns++;
    check(PROFILE_bsi_tr_02102, &s, &c, GRADE_FORBIDDEN, true, "suite");
    s = sealed();
    s.first_ns = first_second_2032 * second_ns;
    check(PROFILE_bsi_tr_02102, &s, &c, GRADE_FORBIDDEN, true, "version");
    check(PROFILE_ncsc_nl_2025, &s, &c, GRADE_ALLOWED, true, "");
    s.first_ns = UINT64_MAX; /* the last time that a capture can tell */
    check(PROFILE_bsi_tr_02102, &s, &c, GRADE_FORBIDDEN, true, "version");
    s.first_ns = MID_2024 * second_ns;
    s.tls.signature_scheme = RSA_PKCS1_SHA256; /* until 2025, and the edition is of 2026 */
    check(PROFILE_bsi_tr_02102, &s, &c, GRADE_FORBIDDEN, true, "signature");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_profile_session_good),
        cmocka_unit_test(test_profile_session_cbc_needs_encrypt_then_mac),
        cmocka_unit_test(test_profile_session_old_version),
        cmocka_unit_test(test_profile_session_static_rsa),
        cmocka_unit_test(test_profile_session_finite_field),
        cmocka_unit_test(test_profile_session_groups),
        cmocka_unit_test(test_profile_session_signatures),
        cmocka_unit_test(test_profile_session_keys),
        cmocka_unit_test(test_profile_session_hidden_certificate_is_incomplete),
        cmocka_unit_test(test_profile_session_resumed_or_anonymous),
        cmocka_unit_test(test_profile_session_hello_not_seen),
        cmocka_unit_test(test_profile_session_in_clear),
        cmocka_unit_test(test_profile_session_that_did_nothing_is_silent),
        cmocka_unit_test(test_profile_session_uses_end_with_their_year)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
