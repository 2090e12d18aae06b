#include "sensor/audit/profile.h"

#include "parsers/registry.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* The sections of a .def, in the order of its rows. */
enum section {
    SECTION_UNLISTED,
    SECTION_VERSION,
    SECTION_SUITE,
    SECTION_GROUP,
    SECTION_SIGNATURE,
    SECTION_DH,
    SECTION_RSA,
    SECTION_EC,
    SECTION_HASH
};

/* One table a profile, sorted by section and code, so that one search finds a code point and the row of a
 * size. */
struct row {
    uint32_t key; /* section, then code or bits */
    uint8_t grade;
    uint8_t grade_etm;
    uint16_t last_year; /* 0 where the document names none */
};

enum { CODE_BITS = 16, CODE_MAX = UINT16_MAX };

/* What .def files hold is read twice: their heads into infos ... */
#define UNLISTED(section, grade)
#define VERSION(code, grade, last_year)
#define SUITE(code, grade, grade_etm, last_year)
#define GROUP(code, grade, last_year)
#define SIGNATURE(code, grade, last_year)
#define DH(bits, grade)
#define RSA(bits, grade)
#define EC(bits, grade)
#define HASH(bits, grade)
#define PROFILE(id, name, date, title, sources) [PROFILE_##id] = {name, date, title, sources},
static const struct profile_info infos[PROFILE_COUNT] = {
#include "sensor/audit/profiles/bsi_tr_02102.def"
#include "sensor/audit/profiles/mozilla_intermediate.def"
#include "sensor/audit/profiles/mozilla_modern.def"
#include "sensor/audit/profiles/ncsc_nl_2025.def"
#include "sensor/audit/profiles/nist_800_52r2.def"
#include "sensor/audit/profiles/pci_dss_4.def"
#include "sensor/audit/profiles/rfc9325.def"
};
#undef PROFILE
#undef UNLISTED
#undef VERSION
#undef SUITE
#undef GROUP
#undef SIGNATURE
#undef DH
#undef RSA
#undef EC
#undef HASH

/* ... and their rows into one table each. */
#define ROW(section, code, grade, grade_etm, last_year)                                                      \
    {((uint32_t)SECTION_##section << CODE_BITS) | (code), GRADE_##grade, GRADE_##grade_etm, last_year},
#define PROFILE(id, name, date, title, sources)
#define UNLISTED(section, grade) ROW(UNLISTED, SECTION_##section, grade, grade, 0)
#define VERSION(code, grade, last_year) ROW(VERSION, code, grade, grade, last_year)
#define SUITE(code, grade, grade_etm, last_year) ROW(SUITE, code, grade, grade_etm, last_year)
#define GROUP(code, grade, last_year) ROW(GROUP, code, grade, grade, last_year)
#define SIGNATURE(code, grade, last_year) ROW(SIGNATURE, code, grade, grade, last_year)
#define DH(bits, grade) ROW(DH, bits, grade, grade, 0)
#define RSA(bits, grade) ROW(RSA, bits, grade, grade, 0)
#define EC(bits, grade) ROW(EC, bits, grade, grade, 0)
#define HASH(bits, grade) ROW(HASH, bits, grade, grade, 0)
static const struct row rows_rfc9325[] = {
#include "sensor/audit/profiles/rfc9325.def"
};
static const struct row rows_nist_800_52r2[] = {
#include "sensor/audit/profiles/nist_800_52r2.def"
};
static const struct row rows_bsi_tr_02102[] = {
#include "sensor/audit/profiles/bsi_tr_02102.def"
};
static const struct row rows_ncsc_nl_2025[] = {
#include "sensor/audit/profiles/ncsc_nl_2025.def"
};
static const struct row rows_mozilla_modern[] = {
#include "sensor/audit/profiles/mozilla_modern.def"
};
static const struct row rows_mozilla_intermediate[] = {
#include "sensor/audit/profiles/mozilla_intermediate.def"
};
static const struct row rows_pci_dss_4[] = {
#include "sensor/audit/profiles/pci_dss_4.def"
};

static const struct {
    const struct row *rows;
    size_t count;
} tables[PROFILE_COUNT] = {
#define X(name) [PROFILE_##name] = {rows_##name, sizeof rows_##name / sizeof rows_##name[0]},
    PROFILES(X)
#undef X
};

/* The last row at or before a code of a section. Every table opens with UNLISTED rows, so there is one. */
static const struct row *find_row(enum profile profile, enum section section, unsigned code)
{
    assert(profile < PROFILE_COUNT);
    uint32_t key = ((uint32_t)section << CODE_BITS) | (code < CODE_MAX ? code : CODE_MAX);
    const struct row *row = tables[profile].rows;
    for (size_t left = tables[profile].count; left > 1;) {
        size_t half = left / 2;
        row = row[half].key <= key ? row + half : row;
        left -= half;
    }
    return row;
}

/* Unix seconds at which a year begins (Gregorian). */
static uint64_t year_begins_s(unsigned year)
{
    enum { EPOCH = 1970, LEAP_DAYS_BEFORE_EPOCH = 477, DAY_S = 86400 };
    unsigned before = year - 1;
    unsigned leap_days = before / 4 - before / 100 + before / 400 - LEAP_DAYS_BEFORE_EPOCH;
    return ((uint64_t)(year - EPOCH) * 365 + leap_days) * DAY_S;
}

static enum grade grade_row(const struct row *row, bool etm, uint64_t now_s)
{
    if (row->last_year != 0 && now_s >= year_begins_s(row->last_year + 1U))
        return GRADE_FORBIDDEN;
    return (enum grade)(etm ? row->grade_etm : row->grade);
}

static enum grade grade_code(enum profile profile, enum section section, uint16_t code, bool etm,
                             uint64_t now_s)
{
    const struct row *row = find_row(profile, section, code);
    if (row->key != (((uint32_t)section << CODE_BITS) | code))
        row = find_row(profile, SECTION_UNLISTED, section);
    return grade_row(row, etm, now_s);
}

/* A size has the grade of the row that it reaches; the first row of the section is that of 0. */
static enum grade grade_size(enum profile profile, enum section section, unsigned bits)
{
    return grade_row(find_row(profile, section, bits), false, 0);
}

/* The document's own time: what ended in a year before that of the edition is over. */
static uint64_t edition_s(enum profile profile)
{
    assert(profile < PROFILE_COUNT);
    unsigned year = 0;
    for (const char *digit = infos[profile].date; *digit >= '0' && *digit <= '9'; digit++)
        year = year * 10 + (unsigned)(*digit - '0');
    return year_begins_s(year);
}

const struct profile_info *profile_info(enum profile profile)
{
    assert(profile < PROFILE_COUNT);
    return &infos[profile];
}

enum profile profile_of_name(const char *name)
{
    unsigned profile = 0;
    while (profile < PROFILE_COUNT && strcmp(infos[profile].name, name) != 0)
        profile++;
    return (enum profile)profile;
}

enum grade profile_version(enum profile profile, uint16_t version)
{
    return grade_code(profile, SECTION_VERSION, version, false, edition_s(profile));
}

enum grade profile_suite(enum profile profile, uint16_t suite, bool etm)
{
    return grade_code(profile, SECTION_SUITE, suite, etm, edition_s(profile));
}

enum grade profile_group(enum profile profile, uint16_t group)
{
    return grade_code(profile, SECTION_GROUP, group, false, edition_s(profile));
}

enum grade profile_signature(enum profile profile, uint16_t scheme)
{
    return grade_code(profile, SECTION_SIGNATURE, scheme, false, edition_s(profile));
}

enum grade profile_dh_bits(enum profile profile, unsigned bits)
{
    return grade_size(profile, SECTION_DH, bits);
}

enum grade profile_rsa_bits(enum profile profile, unsigned bits)
{
    return grade_size(profile, SECTION_RSA, bits);
}

enum grade profile_curve_bits(enum profile profile, unsigned bits)
{
    return grade_size(profile, SECTION_EC, bits);
}

enum grade profile_hash_bits(enum profile profile, unsigned bits)
{
    return grade_size(profile, SECTION_HASH, bits);
}

const char *profile_grade_word(enum grade grade)
{
    static const char *const words[GRADE_COUNT] = {[GRADE_GOOD] = "good",
                                                   [GRADE_ALLOWED] = "allowed",
                                                   [GRADE_PHASE_OUT] = "phase-out",
                                                   [GRADE_FORBIDDEN] = "forbidden",
                                                   [GRADE_SILENT] = "silent"};
    assert(grade < GRADE_COUNT);
    return words[grade];
}

/* ---- A session ---- */

enum { SSL2_VERSION = 0x0002, TLS12_VERSION = 0x0303, TLS13_VERSION = 0x0304 };
enum {
    GROUP_EXPLICIT_CURVE = 0xff01,
    SCHEME_DSA_SHA256 = 0x0402,
    SCHEME_ED25519 = 0x0807,
    SCHEME_ED448 = 0x0808
};
enum { HASH_BITS_BROKEN = 160 }; /* SHA-1, the best of the weak */

struct grading {
    enum profile profile;
    uint64_t now_s; /* packet time, or the edition's where that is later */
    const struct session *s;
    const struct registry_suite *suite;
    struct profile_result *out;
};

static void note(struct grading *g, enum grade grade, const char *because)
{
    if (grade == GRADE_SILENT || (g->out->worst != GRADE_SILENT && grade <= g->out->worst))
        return;
    g->out->worst = grade;
    g->out->because = grade >= GRADE_PHASE_OUT ? because : "";
}

static void note_code(struct grading *g, enum section section, uint16_t code, const char *because)
{
    note(g, grade_code(g->profile, section, code, g->s->tls.server_encrypt_then_mac, g->now_s), because);
}

static void note_unseen(struct grading *g)
{
    g->out->complete = false;
}

static bool grades_signatures(enum profile profile)
{
    return find_row(profile, SECTION_SIGNATURE, CODE_MAX)->key >> CODE_BITS == SECTION_SIGNATURE;
}

static void grade_version(struct grading *g)
{
    if (g->s->tls.version != 0)
        note_code(g, SECTION_VERSION, g->s->tls.version, "version");
    else
        note_unseen(g);
}

/* SSLv2 has suites of its own, which no document troubles to list: its version says it all. */
static void grade_suite(struct grading *g)
{
    if (g->s->tls.has_cipher && g->s->tls.version != SSL2_VERSION)
        note_code(g, SECTION_SUITE, g->s->tls.cipher_suite, "suite");
    else
        note_unseen(g);
}

/* Does the key exchange of TLS 1.2 and below have a group or a prime that ServerKeyExchange names? */
static bool exchange_has_group(enum suite_kx kx)
{
    switch (kx) {
    case KX_DHE:
    case KX_DH_ANON:
    case KX_DHE_EXPORT:
    case KX_DH_ANON_EXPORT:
    case KX_ECDHE:
    case KX_ECDH_ANON:
    case KX_DHE_PSK:
    case KX_ECDHE_PSK:
    case KX_GOST:
    case KX_OTHER: return true;
    case KX_NULL:
    case KX_ANY: /* TLS 1.3 says in its ServerHello whether there is one */
    case KX_RSA:
    case KX_RSA_EXPORT:
    case KX_DH: /* static: the group is the certificate's key */
    case KX_ECDH:
    case KX_PSK:
    case KX_RSA_PSK:
    case KX_SRP:
    case KX_KRB5: return false;
    }
    return true;
}

static void grade_group(struct grading *g)
{
    const struct session_tls *t = &g->s->tls;
    if (t->group != 0)
        note_code(g, SECTION_GROUP, t->group, "group");
    if (t->explicit_curve)
        note_code(g, SECTION_GROUP, GROUP_EXPLICIT_CURVE, "group");
    if (t->dh_bits != 0)
        note(g, profile_dh_bits(g->profile, t->dh_bits), "group");
    bool seen = t->group != 0 || t->explicit_curve || t->dh_bits != 0;
    if (!seen && (g->suite == NULL || exchange_has_group(g->suite->kx)))
        note_unseen(g); /* a resumed session sends none either */
}

static bool has_certificate(const struct registry_suite *suite)
{
    return suite == NULL || (suite->auth != AUTH_NONE && suite->auth != AUTH_PSK);
}

/* The handshake signature, of which TLS 1.2 alone shows the scheme: 1.3 hides it, what is older has no
 * choice of one. */
static void grade_signature(struct grading *g)
{
    const struct session_tls *t = &g->s->tls;
    if (!grades_signatures(g->profile))
        return;
    if (t->signature_scheme != 0) {
        note_code(g, SECTION_SIGNATURE, t->signature_scheme, "signature");
        return;
    }
    bool is_signed = has_certificate(g->suite) && (g->suite == NULL || exchange_has_group(g->suite->kx));
    if (t->version >= TLS13_VERSION || (t->version == TLS12_VERSION && is_signed))
        note_unseen(g);
}

static bool starts_with(const char *text, const char *start)
{
    return strncasecmp(text, start, strlen(start)) == 0;
}

/* By certificate.h's words; also of "RSASSA-PSS" and "dsaEncryption". A key that could not be decoded has
 * no size. */
static void grade_key(struct grading *g, const struct certificate_chain *chain)
{
    if (chain->key_bits == 0)
        note_unseen(g);
    else if (starts_with(chain->key, "RSA"))
        note(g, profile_rsa_bits(g->profile, chain->key_bits), "key");
    else if (starts_with(chain->key, "EC"))
        note(g, profile_curve_bits(g->profile, chain->key_bits), "key");
    else if (starts_with(chain->key, "Ed25519"))
        note_code(g, SECTION_SIGNATURE, SCHEME_ED25519, "key");
    else if (starts_with(chain->key, "Ed448"))
        note_code(g, SECTION_SIGNATURE, SCHEME_ED448, "key");
    else if (starts_with(chain->key, "DSA"))
        note_code(g, SECTION_SIGNATURE, SCHEME_DSA_SHA256, "key");
    else
        note_unseen(g);
}

/* The hash in the name of a signature algorithm: "sha256WithRSAEncryption", "ecdsa-with-SHA384". 0 where it
 * names none: EdDSA has its own, and RSASSA-PSS keeps it among its parameters. */
static unsigned hash_bits(const struct certificate_chain *chain)
{
    if (chain->signature_weak)
        return HASH_BITS_BROKEN;
    const char *name = strcasestr(chain->signature, "sha");
    unsigned long bits = name != NULL ? strtoul(name + strlen("sha"), NULL, 10) : 0;
    return bits == 224 || bits == 256 || bits == 384 || bits == 512 ? (unsigned)bits : 0;
}

static void grade_certificate(struct grading *g, const struct certificate_chain *chain)
{
    if (g->s->tls.rsa_export_bits != 0)
        note(g, profile_rsa_bits(g->profile, g->s->tls.rsa_export_bits), "key");
    if (chain != NULL && chain->parsed) {
        unsigned bits = hash_bits(chain);
        if (bits != 0)
            note(g, profile_hash_bits(g->profile, bits), "signature");
        grade_key(g, chain);
    } else if (has_certificate(g->suite)) {
        note_unseen(g);
    }
}

/* A refused or secretless AUTH is no work: nothing was given away and nothing was gained. */
static bool worked_in_clear(const struct session_mail *m)
{
    return m->transaction || m->messages > 0 || m->auth_accepted || m->auth_exposure > AUTH_WITHOUT_SECRET ||
           (m->preauth && m->data_before_tls);
}

void profile_grade_session(enum profile profile, const struct session *s,
                           const struct certificate_chain *chain, struct profile_result *out)
{
    bool in_clear = worked_in_clear(&s->mail);
    *out = (struct profile_result){.worst = GRADE_SILENT, .because = ""};
    struct grading g = {.profile = profile, .now_s = s->first_ns / UINT64_C(1000000000), .s = s, .out = out};
    if (g.now_s < edition_s(profile))
        g.now_s = edition_s(profile);
    if (in_clear) /* noted first, so that it is the reason whatever else is forbidden */
        note(&g, GRADE_FORBIDDEN, "cleartext");
    if (!s->tls.established) {
        out->complete = in_clear && !s->tls.begun;
        return;
    }
    out->complete = true;
    g.suite = s->tls.has_cipher ? registry_suite_find(s->tls.cipher_suite) : NULL;
    grade_version(&g);
    grade_suite(&g);
    grade_group(&g);
    grade_signature(&g);
    grade_certificate(&g, chain);
}
