/* Profiles: names, tables in order, the grades of single facts, and what a session comes to, each with a near miss. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "sensor/audit/profile.h"

enum { TLS10 = 0x0301, TLS11 = 0x0302, TLS12 = 0x0303, TLS13 = 0x0304 };
enum {
    RSA_AES128_GCM = 0x009c,
    DHE_RSA_AES128_GCM = 0x009e,
    AES128_GCM = 0x1301,
    ECDHE_RSA_AES128_CBC_SHA = 0xc013,
    ECDHE_RSA_AES128_CBC_SHA256 = 0xc027,
    ECDHE_RSA_AES128_GCM = 0xc02f,
    ECDHE_RSA_CHACHA20 = 0xcca8
};
enum { P256 = 23, X25519 = 29, FFDHE3072 = 0x0101, X25519MLKEM768 = 0x11ec };
enum { RSA_PKCS1_SHA1 = 0x0201, RSA_PKCS1_SHA256 = 0x0401, RSA_PSS_SHA256 = 0x0804, ED25519 = 0x0807 };

/* ---- Tables ---- */

/* Each row of each file as (section, code); -1 opens a file, in the order of the files. */
struct place {
    int section;
    long code;
};

#define AT(section, code) {section, code},
#define PROFILE(id, name, date, title, sources) {-1, PROFILE_##id},
#define UNLISTED(section, grade)
#define VERSION(code, grade, last_year) AT(1, code)
#define SUITE(code, grade, grade_etm, last_year) AT(2, code)
#define GROUP(code, grade, last_year) AT(3, code)
#define SIGNATURE(code, grade, last_year) AT(4, code)
#define DH(bits, grade) AT(5, bits)
#define RSA(bits, grade) AT(6, bits)
#define EC(bits, grade) AT(7, bits)
#define HASH(bits, grade) AT(8, bits)
static const struct place places[] = {
#include "sensor/audit/profiles/bsi_tr_02102.def"
#include "sensor/audit/profiles/mozilla_intermediate.def"
#include "sensor/audit/profiles/mozilla_modern.def"
#include "sensor/audit/profiles/ncsc_nl_2025.def"
#include "sensor/audit/profiles/nist_800_52r2.def"
#include "sensor/audit/profiles/pci_dss_4.def"
#include "sensor/audit/profiles/rfc9325.def"
};

static void test_profile_tables_are_sorted_and_every_size_starts_at_zero(void **state)
{
    (void)state;
    int sections = 0;
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        const struct place *p = &places[i];
        if (p->section == -1) {
            assert_true(i == 0 || sections == 8 || sections == 7); /* Mozilla has no signatures */
            sections = 0;
            continue;
        }
        const struct place *before = &places[i - 1];
        bool first = before->section != p->section;
        sections += first;
        assert_true(before->section < p->section || (!first && before->code < p->code));
        assert_true(!first || p->section < 5 || p->code == 0);
    }
}

static void test_profile_names_lead_back_to_their_profiles(void **state)
{
    (void)state;
    for (int p = 0; p < PROFILE_COUNT; p++) {
        const struct profile_info *info = profile_info((enum profile)p);
        assert_int_equal(profile_of_name(info->name), p);
        assert_int_equal(strlen(info->date), 7);
        assert_int_equal(info->date[4], '-');
        assert_true(strlen(info->title) > 0 && strlen(info->sources) > 0);
    }
    assert_int_equal(profile_of_name("nist-800-52r2"), PROFILE_nist_800_52r2);
    assert_int_equal(profile_of_name("nist_800_52r2"), PROFILE_COUNT);
    assert_int_equal(profile_of_name("rfc9325 "), PROFILE_COUNT);
    assert_int_equal(profile_of_name(""), PROFILE_COUNT);
}

static void test_profile_grades_have_words(void **state)
{
    (void)state;
    assert_string_equal(profile_grade_word(GRADE_GOOD), "good");
    assert_string_equal(profile_grade_word(GRADE_ALLOWED), "allowed");
    assert_string_equal(profile_grade_word(GRADE_PHASE_OUT), "phase-out");
    assert_string_equal(profile_grade_word(GRADE_FORBIDDEN), "forbidden");
    assert_string_equal(profile_grade_word(GRADE_SILENT), "silent");
}

/* ---- Single facts ---- */

static void test_profile_versions(void **state)
{
    (void)state;
    for (int p = 0; p < PROFILE_COUNT; p++) {
        assert_int_equal(profile_version((enum profile)p, 0x0002), GRADE_FORBIDDEN);
        assert_int_equal(profile_version((enum profile)p, 0x0300), GRADE_FORBIDDEN);
        assert_true(profile_version((enum profile)p, TLS13) <= GRADE_ALLOWED);
        bool modern = p == PROFILE_mozilla_modern;
        assert_true(modern || profile_version((enum profile)p, TLS12) <= GRADE_ALLOWED);
    }
    assert_int_equal(profile_version(PROFILE_mozilla_modern, TLS12), GRADE_FORBIDDEN);
    assert_int_equal(profile_version(PROFILE_nist_800_52r2, TLS11), GRADE_PHASE_OUT);
    assert_int_equal(profile_version(PROFILE_ncsc_nl_2025, TLS11), GRADE_FORBIDDEN);
    assert_int_equal(profile_version(PROFILE_ncsc_nl_2025, 0x0305), GRADE_FORBIDDEN);
    assert_int_equal(profile_version(PROFILE_rfc9325, 0x0305), GRADE_SILENT);
}

static void test_profile_suites_that_documents_disagree_on(void **state)
{
    (void)state;
    assert_int_equal(profile_suite(PROFILE_rfc9325, ECDHE_RSA_CHACHA20, false), GRADE_ALLOWED);
    assert_int_equal(profile_suite(PROFILE_nist_800_52r2, ECDHE_RSA_CHACHA20, false), GRADE_FORBIDDEN);
    assert_int_equal(profile_suite(PROFILE_bsi_tr_02102, ECDHE_RSA_CHACHA20, false), GRADE_FORBIDDEN);
    assert_int_equal(profile_suite(PROFILE_ncsc_nl_2025, ECDHE_RSA_CHACHA20, false), GRADE_ALLOWED);
    assert_int_equal(profile_suite(PROFILE_rfc9325, ECDHE_RSA_AES128_CBC_SHA, false), GRADE_PHASE_OUT);
    assert_int_equal(profile_suite(PROFILE_rfc9325, ECDHE_RSA_AES128_CBC_SHA, true), GRADE_ALLOWED);
    assert_int_equal(profile_suite(PROFILE_nist_800_52r2, ECDHE_RSA_AES128_CBC_SHA, false), GRADE_ALLOWED);
    assert_int_equal(profile_suite(PROFILE_ncsc_nl_2025, ECDHE_RSA_AES128_CBC_SHA, true), GRADE_FORBIDDEN);
    assert_int_equal(profile_suite(PROFILE_rfc9325, DHE_RSA_AES128_GCM, true), GRADE_FORBIDDEN);
    assert_int_equal(profile_suite(PROFILE_bsi_tr_02102, DHE_RSA_AES128_GCM, false), GRADE_GOOD);
    assert_int_equal(profile_suite(PROFILE_ncsc_nl_2025, DHE_RSA_AES128_GCM, false), GRADE_PHASE_OUT);
    assert_int_equal(profile_suite(PROFILE_mozilla_intermediate, DHE_RSA_AES128_GCM, false), GRADE_FORBIDDEN);
    assert_int_equal(profile_suite(PROFILE_mozilla_intermediate, ECDHE_RSA_AES128_GCM, false), GRADE_ALLOWED);
    assert_int_equal(profile_suite(PROFILE_mozilla_modern, ECDHE_RSA_AES128_GCM, false), GRADE_FORBIDDEN);
    assert_int_equal(profile_suite(PROFILE_pci_dss_4, 0x000a, false), GRADE_ALLOWED);   /* 3DES: 112 bits */
    assert_int_equal(profile_suite(PROFILE_pci_dss_4, 0x0009, false), GRADE_FORBIDDEN); /* DES */
    assert_int_equal(profile_suite(PROFILE_pci_dss_4, 0x0005, false),
                     GRADE_FORBIDDEN); /* RC4, in spite of 128 bits */
    assert_int_equal(profile_suite(PROFILE_pci_dss_4, 0xc018, false),
                     GRADE_FORBIDDEN); /* AES without authentication */
}

/* Static RSA: RFC 10015 raised the SHOULD NOT to MUST NOT, and encrypt_then_mac does not help; a relative without a
 * registration is not on its list. */
static void test_profile_rfc10015_overrides_rfc9325(void **state)
{
    (void)state;
    assert_int_equal(profile_suite(PROFILE_rfc9325, 0x002f, false), GRADE_FORBIDDEN);
    assert_int_equal(profile_suite(PROFILE_rfc9325, 0x002f, true), GRADE_FORBIDDEN);
    assert_int_equal(profile_suite(PROFILE_rfc9325, 0xfeff, false), GRADE_PHASE_OUT);
    assert_int_equal(profile_suite(PROFILE_rfc9325, 0xc02d, false), GRADE_PHASE_OUT); /* static ECDH */
    assert_int_equal(profile_suite(PROFILE_nist_800_52r2, 0x002f, false), GRADE_PHASE_OUT);
}

static void test_profile_first_last_and_unlisted_codes(void **state)
{
    (void)state;
    assert_int_equal(profile_suite(PROFILE_rfc9325, 0x0000, false), GRADE_FORBIDDEN);
    assert_int_equal(profile_suite(PROFILE_rfc9325, 0xffe1, false), GRADE_FORBIDDEN);
    for (unsigned code = 0; code <= UINT16_MAX; code += UINT16_MAX) {
        assert_int_equal(profile_suite(PROFILE_mozilla_modern, (uint16_t)code, false), GRADE_FORBIDDEN);
        assert_int_equal(profile_group(PROFILE_ncsc_nl_2025, (uint16_t)code), GRADE_FORBIDDEN);
        assert_int_equal(profile_group(PROFILE_rfc9325, (uint16_t)code), GRADE_SILENT);
        assert_int_equal(profile_signature(PROFILE_mozilla_modern, (uint16_t)code), GRADE_SILENT);
        assert_int_equal(profile_version(PROFILE_pci_dss_4, (uint16_t)code), GRADE_SILENT);
    }
    assert_int_equal(profile_suite(PROFILE_rfc9325, 0xffff, false), GRADE_SILENT);
    assert_int_equal(profile_suite(PROFILE_rfc9325, 0x00ff, false), GRADE_SILENT); /* a signalling value */
}

static void test_profile_groups(void **state)
{
    (void)state;
    assert_int_equal(profile_group(PROFILE_rfc9325, P256), GRADE_GOOD);
    assert_int_equal(profile_group(PROFILE_rfc9325, 19), GRADE_FORBIDDEN); /* secp192r1 */
    assert_int_equal(profile_group(PROFILE_rfc9325, 21), GRADE_ALLOWED);   /* secp224r1 */
    assert_int_equal(profile_group(PROFILE_ncsc_nl_2025, X25519MLKEM768), GRADE_GOOD);
    assert_int_equal(profile_group(PROFILE_ncsc_nl_2025, FFDHE3072), GRADE_PHASE_OUT);
    assert_int_equal(profile_group(PROFILE_nist_800_52r2, X25519), GRADE_FORBIDDEN);
    assert_int_equal(profile_group(PROFILE_bsi_tr_02102, X25519), GRADE_SILENT);
    assert_int_equal(profile_group(PROFILE_mozilla_modern, X25519MLKEM768), GRADE_GOOD);
    assert_int_equal(profile_group(PROFILE_mozilla_modern, 25), GRADE_FORBIDDEN); /* secp521r1 */
}

static void test_profile_signatures(void **state)
{
    (void)state;
    assert_int_equal(profile_signature(PROFILE_rfc9325, RSA_PKCS1_SHA1), GRADE_FORBIDDEN);
    assert_int_equal(profile_signature(PROFILE_rfc9325, RSA_PKCS1_SHA256), GRADE_GOOD);
    assert_int_equal(profile_signature(PROFILE_bsi_tr_02102, RSA_PKCS1_SHA256),
                     GRADE_FORBIDDEN);                                                /* until 2025 */
    assert_int_equal(profile_signature(PROFILE_bsi_tr_02102, 0x0402), GRADE_ALLOWED); /* DSA until 2029 */
    assert_int_equal(profile_signature(PROFILE_bsi_tr_02102, RSA_PSS_SHA256), GRADE_GOOD);
    assert_int_equal(profile_signature(PROFILE_ncsc_nl_2025, 0x0301), GRADE_PHASE_OUT); /* SHA-224 */
    assert_int_equal(profile_signature(PROFILE_nist_800_52r2, ED25519), GRADE_FORBIDDEN);
    assert_int_equal(profile_signature(PROFILE_mozilla_modern, RSA_PKCS1_SHA1), GRADE_SILENT);
}

/* expected has one letter a profile, in the order of PROFILES. */
static void check_sizes(enum grade (*of)(enum profile, unsigned), unsigned bits, const char *expected)
{
    static const char letters[] = "GAPFS";
    for (int p = 0; p < PROFILE_COUNT; p++) {
        enum grade grade = of((enum profile)p, bits);
        if (letters[grade] != expected[p])
            fail_msg("%s, %u bits: %s", profile_info((enum profile)p)->name, bits, profile_grade_word(grade));
    }
}

static void test_profile_sizes_at_their_limits(void **state)
{
    (void)state;
    check_sizes(profile_rsa_bits, 1024, "FFFFFFF");
    check_sizes(profile_rsa_bits, 2047, "FFFFFFF");
    check_sizes(profile_rsa_bits, 2048, "GGFPFAA");
    check_sizes(profile_rsa_bits, 2999, "GGFPFAA");
    check_sizes(profile_rsa_bits, 3072, "GGGAFAG");
    check_sizes(profile_rsa_bits, 1000000, "GGGAFAG");
    check_sizes(profile_dh_bits, 0, "FFFFFFF");
    check_sizes(profile_dh_bits, 1024, "FFFFFFF");
    check_sizes(profile_dh_bits, 2048, "AAFFFAA");
    check_sizes(profile_dh_bits, 3072, "AAGPFAG");
    check_sizes(profile_curve_bits, 192, "FFFFFFF");
    check_sizes(profile_curve_bits, 224, "AAFPFFA");
    check_sizes(profile_curve_bits, 256, "GGGAGGG");
    check_sizes(profile_curve_bits, 521, "GGGAFFG");
    check_sizes(profile_hash_bits, 160, "FFFFFFF");
    check_sizes(profile_hash_bits, 224, "PAFPFFA");
    check_sizes(profile_hash_bits, 256, "GGGAGGG");
}

/* ---- Sessions ---- */

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
    c = leaf("ML-DSA-65", 0, "ML-DSA-65"); /* a key that no row speaks of */
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

/* The years of BSI TR-02102-2: to the last second of the year, by the packets' clock, never before the edition. */
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
        cmocka_unit_test(test_profile_tables_are_sorted_and_every_size_starts_at_zero),
        cmocka_unit_test(test_profile_names_lead_back_to_their_profiles),
        cmocka_unit_test(test_profile_grades_have_words),
        cmocka_unit_test(test_profile_versions),
        cmocka_unit_test(test_profile_suites_that_documents_disagree_on),
        cmocka_unit_test(test_profile_rfc10015_overrides_rfc9325),
        cmocka_unit_test(test_profile_first_last_and_unlisted_codes),
        cmocka_unit_test(test_profile_groups),
        cmocka_unit_test(test_profile_signatures),
        cmocka_unit_test(test_profile_sizes_at_their_limits),
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
