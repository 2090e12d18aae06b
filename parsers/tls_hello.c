#include "tls_hello.h"

#include "registry.h"

enum { HELLO_RANDOM_BYTES = 32, SESSION_ID_CAP_BYTES = 32, SSL2_KIND_BYTES = 3 };
enum { VERSION_SSL2 = 0x0002, VERSION_SSL3 = 0x0300, VERSION_TLS12 = 0x0303, VERSION_TLS13 = 0x0304 };

/* TLS 1.3 before RFC 8446: 0x7f00 + number of the draft (the last is 28), and what large sites ran against
 * themselves: BoringSSL's trials of other record types, Facebook's 0xfb00 + draft. */
enum { DRAFT_FIRST = 0x7f00, DRAFT_19 = 0x7f13, DRAFT_21 = 0x7f15, DRAFT_28 = 0x7f1c, DRAFT_16 = 0x7f10 };
enum { TRIAL_FIRST = 0x7e00, TRIAL_LAST = 0x7e0f, TRIAL_NO_SESSION_ID = 0x7a12 };
enum { FACEBOOK_FIRST = 0xfb10, FACEBOOK_LAST = 0xfb1c };

enum { SCSV_RENEGOTIATION = 0x00ff, SCSV_FALLBACK = 0x5600 };
enum { HELLO_RETRY_DRAFT_TYPE = 6, SERVER_NAME_HOST = 0 };

enum extension {
    EXT_SERVER_NAME = 0,
    EXT_TRUNCATED_HMAC = 4,
    EXT_SUPPORTED_GROUPS = 10,
    EXT_EC_POINT_FORMATS = 11,
    EXT_SIGNATURE_ALGORITHMS = 13,
    EXT_HEARTBEAT = 15,
    EXT_ALPN = 16,
    EXT_ENCRYPT_THEN_MAC = 22,
    EXT_EXTENDED_MASTER_SECRET = 23,
    EXT_SESSION_TICKET = 35,
    EXT_KEY_SHARE_DRAFT = 40, /* up to draft 22; the number was in use elsewhere */
    EXT_PRE_SHARED_KEY = 41,
    EXT_EARLY_DATA = 42,
    EXT_SUPPORTED_VERSIONS = 43,
    EXT_KEY_SHARE = 51,
    EXT_ENCRYPTED_CLIENT_HELLO = 0xfe0d,
    EXT_RENEGOTIATION_INFO = 0xff01
};

uint16_t tls_version_plain(uint16_t version)
{
    bool draft = (version > DRAFT_FIRST && version <= DRAFT_28) ||
                 (version >= TRIAL_FIRST && version <= TRIAL_LAST) ||
                 (version >= FACEBOOK_FIRST && version <= FACEBOOK_LAST) || version == TRIAL_NO_SESSION_ID;
    return draft ? VERSION_TLS13 : version;
}

bool tls_is_grease(uint16_t value)
{
    return (value & 0x0f0f) == 0x0a0a && value >> 8 == (value & 0xff);
}

static bool version_exists(uint16_t version)
{
    uint16_t plain = tls_version_plain(version);
    return plain >= VERSION_SSL3 && plain <= VERSION_TLS13;
}

/* A vector of 16-bit numbers that is all there is in the extension. */
static bool parse_u16_list(struct cursor list, struct cursor parent, struct span *out)
{
    struct span numbers = cursor_rest(list);
    if (!cursor_ok(&list) || !cursor_done(&parent) || numbers.n == 0 || numbers.n % 2 != 0)
        return false;
    *out = numbers;
    return true;
}

static bool parse_server_name(struct cursor c, struct span *host) /* RFC 6066 s3 */
{
    struct cursor list = cursor_sub16(&c);
    while (cursor_left(&list) > 0) {
        uint8_t type = cursor_u8(&list);
        struct cursor name = cursor_sub16(&list);
        if (type == SERVER_NAME_HOST && host->n == 0)
            *host = cursor_rest(name);
    }
    return cursor_done(&list) && cursor_done(&c) && host->n > 0;
}

static bool parse_protocol_names(struct cursor c, struct span *all, struct span *first) /* RFC 7301 s3.1 */
{
    struct cursor list = cursor_sub16(&c);
    *all = cursor_rest(list);
    struct cursor name = cursor_sub8(&list);
    *first = cursor_rest(name);
    while (cursor_left(&list) > 0)
        cursor_sub8(&list);
    return cursor_done(&list) && cursor_done(&c);
}

static bool parse_u16_vector(struct cursor c, struct span *out) /* RFC 8446 s4.2.3, s4.2.7 */
{
    struct cursor list = cursor_sub16(&c);
    return parse_u16_list(list, c, out);
}

static bool parse_supported_versions(struct cursor c, struct tls_client_hello *h) /* RFC 8446 s4.2.1 */
{
    struct cursor list = cursor_sub8(&c);
    if (!parse_u16_list(list, c, &h->supported_versions))
        return false;
    uint16_t highest = 0;
    while (cursor_left(&list) > 0) {
        uint16_t version = tls_version_plain(cursor_u16(&list));
        if (version >> 8 == 3 && version > highest) /* neither GREASE nor noise */
            highest = version;
    }
    if (highest != 0)
        h->max_version = highest;
    return true;
}

static bool parse_point_formats(struct cursor c, struct span *out) /* RFC 8422 s5.1.2 */
{
    struct cursor list = cursor_sub8(&c);
    *out = cursor_rest(list);
    return cursor_done(&c);
}

static bool parse_client_key_share(struct cursor c, struct span *entries) /* RFC 8446 s4.2.8 */
{
    struct cursor list = cursor_sub16(&c);
    *entries = cursor_rest(list);
    while (cursor_left(&list) > 0) {
        cursor_u16(&list);
        cursor_sub16(&list);
    }
    return cursor_done(&list) && cursor_done(&c);
}

/* Extensions that say all by being there. A body in one of them is no reason to overlook it. */
static void note_client_extension(uint16_t type, struct span body, struct tls_client_hello *h)
{
    switch (type) {
    case EXT_SERVER_NAME: h->has_server_name = true; break;
    case EXT_SUPPORTED_VERSIONS: h->has_supported_versions = true; break;
    case EXT_HEARTBEAT: h->heartbeat = true; break;
    case EXT_ENCRYPT_THEN_MAC: h->encrypt_then_mac = true; break;
    case EXT_EXTENDED_MASTER_SECRET: h->extended_master_secret = true; break;
    case EXT_PRE_SHARED_KEY: h->pre_shared_key = true; break;
    case EXT_EARLY_DATA: h->early_data = true; break;
    case EXT_ENCRYPTED_CLIENT_HELLO: h->ech = true; break;
    case EXT_RENEGOTIATION_INFO: h->renegotiation_info = true; break;
    case EXT_SESSION_TICKET:
        h->session_ticket = true;
        h->session_ticket_filled = body.n > 0;
        break;
    default: break;
    }
}

static bool parse_client_extension(uint16_t type, struct cursor body, struct tls_client_hello *h)
{
    note_client_extension(type, cursor_rest(body), h);
    switch (type) {
    case EXT_SERVER_NAME: return parse_server_name(body, &h->server_name);
    case EXT_ALPN: return parse_protocol_names(body, &h->alpn, &h->first_alpn);
    case EXT_SUPPORTED_VERSIONS: return parse_supported_versions(body, h);
    case EXT_SUPPORTED_GROUPS: return parse_u16_vector(body, &h->groups);
    case EXT_SIGNATURE_ALGORITHMS: return parse_u16_vector(body, &h->signature_algorithms);
    case EXT_EC_POINT_FORMATS: return parse_point_formats(body, &h->point_formats);
    case EXT_KEY_SHARE_DRAFT:
    case EXT_KEY_SHARE: return parse_client_key_share(body, &h->key_share_groups_body);
    case EXT_ENCRYPT_THEN_MAC:
    case EXT_EXTENDED_MASTER_SECRET: return cursor_left(&body) == 0;
    default: return true;
    }
}

static bool parse_client_extensions(struct cursor block, struct tls_client_hello *h)
{
    h->has_extensions = cursor_ok(&block);
    h->extensions = cursor_rest(block);
    while (cursor_left(&block) > 0) {
        uint16_t type = cursor_u16(&block);
        struct cursor body = cursor_sub16(&block);
        if (cursor_ok(&block) && !parse_client_extension(type, body, h))
            h->malformed_extensions++;
    }
    return cursor_done(&block);
}

static void note_suite(uint16_t code, struct tls_client_hello *h)
{
    enum {
        WEAK = SUITE_NULL | SUITE_ANONYMOUS | SUITE_EXPORT | SUITE_RC4 | SUITE_DES | SUITE_RC2 | SUITE_IDEA |
               SUITE_3DES
    };
    const struct registry_suite *suite = registry_suite_find(code);
    h->renegotiation_info = h->renegotiation_info || code == SCSV_RENEGOTIATION;
    h->fallback_scsv = h->fallback_scsv || code == SCSV_FALLBACK;
    h->offers_weak_suite = h->offers_weak_suite || (suite != NULL && (suite->flags & WEAK) != 0);
}

static void empty_client_hello(struct tls_client_hello *h)
{
    struct span none = span_of(NULL, 0);
    *h = (struct tls_client_hello){.random = none,
                                   .session_id = none,
                                   .cipher_suites = none,
                                   .compression_methods = none,
                                   .extensions = none,
                                   .server_name = none,
                                   .alpn = none,
                                   .first_alpn = none,
                                   .supported_versions = none,
                                   .groups = none,
                                   .point_formats = none,
                                   .signature_algorithms = none,
                                   .key_share_groups_body = none};
}

bool tls_client_hello_parse(struct span body, struct tls_client_hello *h)
{
    empty_client_hello(h);
    struct cursor c = cursor_over(body);
    h->legacy_version = cursor_u16(&c);
    h->max_version = h->legacy_version;
    h->random = cursor_take(&c, HELLO_RANDOM_BYTES);
    h->session_id = cursor_rest(cursor_sub8(&c));
    struct cursor suites = cursor_sub16(&c);
    h->cipher_suites = cursor_rest(suites);
    h->compression_methods = cursor_rest(cursor_sub8(&c));
    while (cursor_left(&suites) > 0)
        note_suite(cursor_u16(&suites), h);
    /* Any 0x03xx: a client may name a version that is yet to come, and servers are to bear it. */
    if (!cursor_ok(&c) || !cursor_ok(&suites) || h->legacy_version >> 8 != 3 || h->cipher_suites.n == 0 ||
        h->session_id.n > SESSION_ID_CAP_BYTES || h->compression_methods.n == 0)
        return false;
    if (cursor_left(&c) == 0)
        return true;
    return parse_client_extensions(cursor_sub16(&c), h) && cursor_done(&c);
}

bool tls_client_hello_parse_ssl2(struct span body, struct tls_client_hello *h)
{
    empty_client_hello(h);
    struct cursor c = cursor_over(body);
    h->ssl2 = true;
    h->legacy_version = cursor_u16(&c);
    h->max_version = h->legacy_version;
    uint16_t kinds_bytes = cursor_u16(&c);
    uint16_t session_id_bytes = cursor_u16(&c);
    uint16_t challenge_bytes = cursor_u16(&c);
    h->cipher_suites = cursor_take(&c, kinds_bytes);
    h->session_id = cursor_take(&c, session_id_bytes);
    h->random = cursor_take(&c, challenge_bytes);
    struct cursor kinds = cursor_over(h->cipher_suites);
    while (cursor_left(&kinds) > 0) {
        /* A first octet of 0 marks a suite of SSLv3 and TLS; every kind of SSLv2's own is weak by now. */
        bool own_kind = cursor_u8(&kinds) != 0;
        uint16_t code = cursor_u16(&kinds);
        if (own_kind)
            h->offers_weak_suite = true;
        else
            note_suite(code, h);
    }
    bool version_fits = h->legacy_version == VERSION_SSL2 || h->legacy_version >> 8 == 3;
    return cursor_done(&c) && cursor_done(&kinds) && kinds_bytes > 0 && version_fits;
}

static bool parse_server_key_share(struct cursor c, struct tls_server_hello *h) /* RFC 8446 s4.2.8 */
{
    h->key_share = true;
    h->group = cursor_u16(&c);
    if (cursor_left(&c) > 0) /* a HelloRetryRequest names the group alone */
        cursor_sub16(&c);
    return cursor_done(&c);
}

static bool parse_selected_version(struct cursor c, struct tls_server_hello *h)
{
    uint16_t version = cursor_u16(&c);
    if (!cursor_done(&c))
        return false;
    h->version = version;
    return true;
}

static bool parse_selected_protocol(struct cursor c, struct span *name)
{
    struct span all;
    return parse_protocol_names(c, &all, name);
}

static bool parse_server_extension(uint16_t type, struct cursor body, struct tls_server_hello *h)
{
    switch (type) {
    case EXT_SUPPORTED_VERSIONS: return parse_selected_version(body, h);
    case EXT_KEY_SHARE_DRAFT:
    case EXT_KEY_SHARE: return parse_server_key_share(body, h);
    case EXT_ALPN: return parse_selected_protocol(body, &h->alpn);
    case EXT_PRE_SHARED_KEY: h->pre_shared_key = true; return true;
    case EXT_HEARTBEAT: h->heartbeat = true; return true;
    case EXT_RENEGOTIATION_INFO: h->renegotiation_info = true; return true;
    case EXT_TRUNCATED_HMAC: h->truncated_hmac = true; return cursor_left(&body) == 0;
    case EXT_ENCRYPT_THEN_MAC: h->encrypt_then_mac = true; return cursor_left(&body) == 0;
    case EXT_EXTENDED_MASTER_SECRET: h->extended_master_secret = true; return cursor_left(&body) == 0;
    case EXT_SESSION_TICKET: h->session_ticket = true; return cursor_left(&body) == 0;
    default: return true;
    }
}

static bool parse_server_extensions(struct cursor block, struct tls_server_hello *h)
{
    h->has_extensions = cursor_ok(&block);
    h->extensions = cursor_rest(block);
    while (cursor_left(&block) > 0) {
        uint16_t type = cursor_u16(&block);
        struct cursor body = cursor_sub16(&block);
        if (cursor_ok(&block) && !parse_server_extension(type, body, h))
            h->malformed_extensions++;
    }
    return cursor_done(&block);
}

/* RFC 8446 s4.1.3: the last octets of the random say that the server could have done better. */
static uint8_t find_downgrade_marker(struct span random)
{
    struct span tail = span_skip(random, 24);
    if (span_equal(tail, span_of("DOWNGRD\x01", 8)))
        return 1;
    return span_equal(tail, span_of("DOWNGRD\x00", 8)) ? 2 : 0;
}

static bool is_hello_retry_random(struct span random) /* RFC 8446 s4.1.3 */
{
    static const uint8_t retry[HELLO_RANDOM_BYTES] = {
        0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
        0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c};
    return span_equal(random, span_of(retry, sizeof retry));
}

static void empty_server_hello(struct tls_server_hello *h)
{
    struct span none = span_of(NULL, 0);
    *h = (struct tls_server_hello){
        .random = none, .session_id = none, .extensions = none, .alpn = none, .ssl2_certificate = none};
}

static bool finish_server_hello(struct cursor c, struct tls_server_hello *h)
{
    if (!cursor_ok(&c) || h->session_id.n > SESSION_ID_CAP_BYTES || !version_exists(h->legacy_version))
        return false;
    h->downgrade_marker = find_downgrade_marker(h->random);
    if (cursor_left(&c) == 0)
        return true;
    return parse_server_extensions(cursor_sub16(&c), h) && cursor_done(&c) && version_exists(h->version);
}

static bool parse_server_hello(struct span body, bool draft_shape, struct tls_server_hello *h)
{
    empty_server_hello(h);
    struct cursor c = cursor_over(body);
    h->legacy_version = cursor_u16(&c);
    h->version = h->legacy_version;
    h->random = cursor_take(&c, HELLO_RANDOM_BYTES);
    if (!draft_shape)
        h->session_id = cursor_rest(cursor_sub8(&c));
    h->cipher_suite = cursor_u16(&c);
    if (!draft_shape)
        h->compression_method = cursor_u8(&c);
    h->hello_retry = is_hello_retry_random(h->random);
    return finish_server_hello(c, h);
}

/* HelloRetryRequest as a message of its own. Up to draft 15 it named suite and group beside the extensions,
 * drafts 16 to 18 neither, and from draft 19 the suite. */
static bool parse_hello_retry_draft(struct span body, struct tls_server_hello *h)
{
    empty_server_hello(h);
    struct cursor c = cursor_over(body);
    h->hello_retry = true;
    h->legacy_version = cursor_u16(&c);
    h->version = h->legacy_version;
    if (h->legacy_version < DRAFT_16 || h->legacy_version >= DRAFT_19)
        h->cipher_suite = cursor_u16(&c);
    if (h->legacy_version < DRAFT_16)
        h->group = cursor_u16(&c);
    return tls_version_plain(h->legacy_version) == VERSION_TLS13 && finish_server_hello(c, h);
}

bool tls_server_hello_parse(struct span body, uint8_t type, struct tls_server_hello *h)
{
    if (type == HELLO_RETRY_DRAFT_TYPE)
        return parse_hello_retry_draft(body, h);
    struct cursor peek = cursor_over(body);
    uint16_t version = cursor_u16(&peek);
    bool draft_shape = (version > DRAFT_FIRST && version <= DRAFT_21) || version == VERSION_TLS13;
    if (draft_shape && parse_server_hello(body, true, h))
        return true;
    /* 0x0304 is what the first drafts wrote there, and what a careless server of the final version may. */
    return parse_server_hello(body, false, h);
}

bool tls_server_hello_parse_ssl2(struct span body, struct tls_server_hello *h)
{
    empty_server_hello(h);
    struct cursor c = cursor_over(body);
    h->ssl2 = true;
    h->ssl2_session_id_hit = cursor_u8(&c) != 0;
    cursor_u8(&c); /* certificate type: X.509 is the only one there is */
    h->legacy_version = cursor_u16(&c);
    h->version = h->legacy_version;
    uint16_t certificate_bytes = cursor_u16(&c);
    uint16_t kinds_bytes = cursor_u16(&c);
    uint16_t connection_id_bytes = cursor_u16(&c);
    h->ssl2_certificate = cursor_take(&c, certificate_bytes);
    struct cursor kinds = cursor_over(cursor_take(&c, kinds_bytes));
    h->ssl2_cipher_kinds = kinds_bytes / SSL2_KIND_BYTES;
    h->ssl2_cipher = kinds_bytes > 0 ? cursor_u24(&kinds) : 0;
    h->random = cursor_take(&c, connection_id_bytes);
    return cursor_done(&c) && cursor_ok(&kinds) && kinds_bytes % SSL2_KIND_BYTES == 0 &&
           h->version == VERSION_SSL2;
}

bool tls_master_key_parse_ssl2(struct span body, uint32_t *cipher_kind)
{
    struct cursor c = cursor_over(body);
    *cipher_kind = cursor_u24(&c);
    uint16_t clear_key_bytes = cursor_u16(&c);
    uint16_t encrypted_key_bytes = cursor_u16(&c);
    uint16_t key_argument_bytes = cursor_u16(&c);
    cursor_take(&c, clear_key_bytes);
    cursor_take(&c, encrypted_key_bytes);
    cursor_take(&c, key_argument_bytes);
    return cursor_done(&c);
}
