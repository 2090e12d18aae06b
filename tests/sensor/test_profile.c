/* Profiles: names, tables in order, the grades of single facts. Sessions: test_profile_session.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sensor/audit/profile.h"

enum { TLS11 = 0x0302, TLS12 = 0x0303, TLS13 = 0x0304 };
enum {
    DHE_RSA_AES128_GCM = 0x009e,
    ECDHE_RSA_AES128_CBC_SHA = 0xc013,
    ECDHE_RSA_AES128_GCM = 0xc02f,
    ECDHE_RSA_CHACHA20 = 0xcca8
};
enum { P256 = 23, X25519 = 29, FFDHE3072 = 0x0101, X25519MLKEM768 = 0x11ec };
enum { RSA_PKCS1_SHA1 = 0x0201, RSA_PKCS1_SHA256 = 0x0401, RSA_PSS_SHA256 = 0x0804, ED25519 = 0x0807 };

/* ---- Tables ---- */

/* Each row of each file, in the order of the files; FILE_BEGINS opens one, its code is the profile. */
enum { FILE_BEGINS = -1, UNLISTED, VERSION, SUITE, GROUP, SIGNATURE, DH, RSA, EC, HASH };

struct place {
    int section;
    long code;
    enum grade grade;
    enum grade grade_etm;
    int last_year;
};

#define PROFILE(id, name, date, title, sources) {FILE_BEGINS, PROFILE_##id, GRADE_COUNT, GRADE_COUNT, 0},
#define AT(section, code, grade, last_year) {section, code, GRADE_##grade, GRADE_##grade, last_year},
#define UNLISTED(section, grade) AT(UNLISTED, section, grade, 0)
#define VERSION(code, grade, last_year) AT(VERSION, code, grade, last_year)
#define SUITE(code, grade, grade_etm, last_year) {SUITE, code, GRADE_##grade, GRADE_##grade_etm, last_year},
#define GROUP(code, grade, last_year) AT(GROUP, code, grade, last_year)
#define SIGNATURE(code, grade, last_year) AT(SIGNATURE, code, grade, last_year)
#define DH(bits, grade) AT(DH, bits, grade, 0)
#define RSA(bits, grade) AT(RSA, bits, grade, 0)
#define EC(bits, grade) AT(EC, bits, grade, 0)
#define HASH(bits, grade) AT(HASH, bits, grade, 0)
static const struct place places[] = {
#include "sensor/audit/profiles/bsi_tr_02102.def"
#include "sensor/audit/profiles/mozilla_intermediate.def"
#include "sensor/audit/profiles/mozilla_modern.def"
#include "sensor/audit/profiles/ncsc_nl_2025.def"
#include "sensor/audit/profiles/nist_800_52r2.def"
#include "sensor/audit/profiles/pci_dss_4.def"
#include "sensor/audit/profiles/rfc9325.def"
};
enum { PLACES = sizeof places / sizeof places[0] };

static void test_profile_tables_are_sorted_and_whole(void **state)
{
    (void)state;
    unsigned sections = 0;
    for (size_t i = 0; i < PLACES; i++) {
        const struct place *p = &places[i];
        if (p->section == FILE_BEGINS) {
            sections = 0;
            continue;
        }
        const struct place *before = &places[i - 1];
        bool first = before->section != p->section;
        assert_true(before->section < p->section || (!first && before->code < p->code));
        assert_true(!first || p->section < DH || p->code == 0); /* every size has a row to reach */
        assert_true(p->section != UNLISTED || p->code == (first ? VERSION : before->code + 1));
        assert_true(p->section != VERSION || !first || before->code == SIGNATURE); /* four UNLISTED rows */
        sections |= 1U << p->section;
        if (i + 1 == PLACES || places[i + 1].section == FILE_BEGINS)
            assert_int_equal(sections | 1U << GROUP | 1U << SIGNATURE, (1U << (HASH + 1)) - 1);
    }
}

static enum grade look_up(enum profile profile, const struct place *p, bool etm)
{
    switch (p->section) {
    case VERSION: return profile_version(profile, (uint16_t)p->code);
    case SUITE: return profile_suite(profile, (uint16_t)p->code, etm);
    case GROUP: return profile_group(profile, (uint16_t)p->code);
    case SIGNATURE: return profile_signature(profile, (uint16_t)p->code);
    case DH: return profile_dh_bits(profile, (unsigned)p->code);
    case RSA: return profile_rsa_bits(profile, (unsigned)p->code);
    case EC: return profile_curve_bits(profile, (unsigned)p->code);
    case HASH: return profile_hash_bits(profile, (unsigned)p->code);
    default: return p->grade;
    }
}

static void test_profile_every_row_is_found(void **state)
{
    (void)state;
    enum profile profile = PROFILE_COUNT;
    int edition_year = 0;
    for (size_t i = 0; i < PLACES; i++) {
        const struct place *p = &places[i];
        if (p->section == FILE_BEGINS) {
            profile = (enum profile)p->code;
            edition_year = (int)strtol(profile_info(profile)->date, NULL, 10);
            continue;
        }
        bool over = p->last_year != 0 && p->last_year < edition_year;
        assert_int_equal(look_up(profile, p, false), over ? GRADE_FORBIDDEN : p->grade);
        assert_int_equal(look_up(profile, p, true), over ? GRADE_FORBIDDEN : p->grade_etm);
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

/* Static RSA: RFC 10015 raised the SHOULD NOT to MUST NOT, and encrypt_then_mac does not help; a relative
 * without a registration is not on its list. */
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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_profile_tables_are_sorted_and_whole),
                                       cmocka_unit_test(test_profile_every_row_is_found),
                                       cmocka_unit_test(test_profile_names_lead_back_to_their_profiles),
                                       cmocka_unit_test(test_profile_grades_have_words),
                                       cmocka_unit_test(test_profile_versions),
                                       cmocka_unit_test(test_profile_suites_that_documents_disagree_on),
                                       cmocka_unit_test(test_profile_rfc10015_overrides_rfc9325),
                                       cmocka_unit_test(test_profile_first_last_and_unlisted_codes),
                                       cmocka_unit_test(test_profile_groups),
                                       cmocka_unit_test(test_profile_signatures),
                                       cmocka_unit_test(test_profile_sizes_at_their_limits)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
