/* profile.h - what dated documents say of versions, suites, groups, signatures and keys, as tables.
 *
 * A profile is data: profiles/NAME.def, dated and versioned, because the rules move. It grades single
 * facts; what a session comes to under it is profile_grade_session's answer, out of what was negotiated and
 * could be seen. A code point that a document does not list is graded as the document says of unlisted
 * ones. It does not say what to do about it: rules, severities and advice are policy.c's. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sensor/audit/certificate.h"
#include "sensor/track/session.h"

/* X(NAME): each has its file profiles/<name>.def, in this order. */
#define PROFILES(X)                                                                                          \
    X(rfc9325) /* with RFC 8996, 8314, 9155, 10015 */                                                        \
    X(nist_800_52r2)                                                                                         \
    X(bsi_tr_02102) /* with TR-03108 */                                                                      \
    X(ncsc_nl_2025)                                                                                          \
    X(mozilla_modern)                                                                                        \
    X(mozilla_intermediate)                                                                                  \
    X(pci_dss_4)

enum profile {
#define X(name) PROFILE_##name,
    PROFILES(X)
#undef X
        PROFILE_COUNT
};

/* How a document speaks of something; each profile maps its own words to these. */
enum grade {
    GRADE_GOOD,      /* recommended, must, modern, good */
    GRADE_ALLOWED,   /* allowed, sufficient, intermediate */
    GRADE_PHASE_OUT, /* should not, phase-out, legacy, discouraged */
    GRADE_FORBIDDEN, /* must not, insufficient, not listed where only the list is allowed */
    GRADE_SILENT,    /* the document says nothing */
    GRADE_COUNT
};

struct profile_info {
    const char
        *name; /* "rfc9325", "nist-800-52r2", "bsi-tr-02102", "ncsc-nl-2025", ... : as --profile takes it */
    const char *date;    /* of the edition: "2026-07" */
    const char *title;   /* for people */
    const char *sources; /* documents and sections */
};

const struct profile_info *profile_info(enum profile profile);

/* profile_of_name - PROFILE_COUNT where there is none of that name. */
enum profile profile_of_name(const char *name);

/* Grades of single facts, as of the date of the edition: what a document lets end before it is forbidden.
 * version  0x0002, 0x0300 ... 0x0304
 * suite    as negotiated; a signalling value is graded as an unlisted one
 * etm      encrypt_then_mac was agreed (RFC 7366)
 * bits     of a DH prime, an RSA modulus, the field of a certificate's curve, the hash under a
 *          certificate's signature */
enum grade profile_version(enum profile profile, uint16_t version);
enum grade profile_suite(enum profile profile, uint16_t suite, bool etm);
enum grade profile_group(enum profile profile, uint16_t group);
enum grade profile_signature(enum profile profile, uint16_t scheme);
enum grade profile_dh_bits(enum profile profile, unsigned bits);
enum grade profile_rsa_bits(enum profile profile, unsigned bits);
enum grade profile_curve_bits(enum profile profile, unsigned bits);
enum grade profile_hash_bits(enum profile profile, unsigned bits);

/* What a session comes to under a profile. */
struct profile_result {
    enum grade worst; /* of what could be seen; GRADE_SILENT where nothing was graded */
    bool complete;    /* something was graded, and nothing that the profile grades stayed unseen */
    const char *
        because; /* the first fact that made it the worst: "cleartext", "version", "suite", "group", "signature",
                          * "key"; "" where the worst is good, allowed or silent */
};

/* profile_grade_session - s with TLS established, or in the clear (then FORBIDDEN, because "cleartext",
 * where the session did its work in it: a credential crossed, a login or a mail was accepted; so too where
 * TLS came after that). A session that did neither, a probe or a failed handshake, is SILENT.
 *
 * chain  facts of the certificate, or NULL where none was visible (TLS 1.3 hides it: complete stays false)
 * out    overwritten; its text is constant
 * Limits what a document lets end with a year is forbidden from the next on, by the packets' time
 * (s->first_ns), and never judged as of a time before the edition itself */
void profile_grade_session(enum profile profile, const struct session *s,
                           const struct certificate_chain *chain, struct profile_result *out);

/* profile_grade_word - "good" "allowed" "phase-out" "forbidden" "silent". */
const char *profile_grade_word(enum grade grade);
