/* Hellos of every version: what is read, what is malformed, what only looks like a hello. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "parsers/tls_hello.h"
#include "tests/build.h"

enum { TYPE_SERVER_HELLO = 2, TYPE_HELLO_RETRY_DRAFT = 6 };

static const uint8_t retry_random[32] = {0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c,
                                         0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb,
                                         0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c};

/* The bytes last parsed, in a block of their exact size; spans of the hello point into it. */
static uint8_t *exact;

static struct span exact_body(const struct build *b, size_t n)
{
    free(exact);
    exact = build_exact(b->bytes, n);
    return span_of(exact, n);
}

static int free_exact(void **state)
{
    (void)state;
    free(exact);
    exact = NULL;
    return 0;
}

static struct tls_client_hello client(const struct build *body)
{
    struct tls_client_hello h;
    assert_true(tls_client_hello_parse(exact_body(body, body->n), &h));
    return h;
}

static struct tls_client_hello client_with(const struct build *extensions)
{
    struct build body = {0};
    build_client_hello_body(&body, &(struct build_hello){.extensions = extensions});
    return client(&body);
}

static struct tls_server_hello server(const struct build *body)
{
    struct tls_server_hello h;
    assert_true(tls_server_hello_parse(exact_body(body, body->n), TYPE_SERVER_HELLO, &h));
    return h;
}

static struct tls_server_hello server_with(uint16_t version, const struct build *extensions)
{
    struct build body = {0};
    build_server_hello_body(&body, &(struct build_hello){.version = version, .extensions = extensions});
    return server(&body);
}

static bool server_accepts(const struct build *body, uint8_t type)
{
    struct tls_server_hello h;
    return tls_server_hello_parse(exact_body(body, body->n), type, &h);
}

static void assert_span(struct span got, const char *want)
{
    assert_int_equal(got.n, strlen(want));
    assert_memory_equal(got.p, want, got.n);
}

static void add_usual_client_extensions(struct build *x)
{
    static const uint16_t groups[] = {0x0a0a, 0x001d, 0x0017}, versions[] = {0x3a3a, 0x0304, 0x0303};
    static const uint16_t signatures[] = {0x0403, 0x0804};
    build_server_name(x, "mx.example.org");
    build_groups(x, groups, 3);
    build_extension_hex(x, 11, "01 00");
    build_signature_algorithms(x, signatures, 2);
    build_alpn(x, (const char *const[]){"smtp", "h2"}, 2);
    build_extension(x, 22, NULL, 0);
    build_extension(x, 23, NULL, 0);
    build_extension_hex(x, 35, "0102");
    build_supported_versions(x, versions, 3);
    build_extension_hex(x, 51, "0006 001d 0002 aabb");
    build_extension_hex(x, 0xff01, "00");
}

static void test_client_hello_fields_are_read(void **state)
{
    (void)state;
    struct build x = {0}, body = {0};
    add_usual_client_extensions(&x);
    build_client_hello_body(&body, &(struct build_hello){.session_id_bytes = 32, .extensions = &x});
    struct tls_client_hello h = client(&body);
    assert_int_equal(h.legacy_version, 0x0303);
    assert_int_equal(h.max_version, 0x0304);
    assert_int_equal(h.random.n, 32);
    assert_int_equal(h.session_id.n, 32);
    assert_int_equal(h.cipher_suites.n, 2);
    assert_int_equal(h.compression_methods.n, 1);
    assert_int_equal(h.extensions.n, x.n);
    assert_true(h.has_extensions && h.has_server_name && h.has_supported_versions);
    assert_span(h.server_name, "mx.example.org");
    assert_span(h.first_alpn, "smtp");
    assert_span(h.alpn, "\4smtp\2h2");
    assert_int_equal(h.groups.n, 6);
    assert_int_equal(h.point_formats.n, 1);
    assert_int_equal(h.signature_algorithms.n, 4);
    assert_int_equal(h.key_share_groups_body.n, 6);
    assert_true(h.extended_master_secret && h.encrypt_then_mac && h.renegotiation_info);
    assert_true(h.session_ticket && h.session_ticket_filled);
    assert_false(h.ssl2 || h.fallback_scsv || h.heartbeat || h.early_data || h.pre_shared_key || h.ech);
    assert_int_equal(h.malformed_extensions, 0);
}

static void test_client_hello_without_extensions_has_empty_fields(void **state)
{
    (void)state;
    struct build body = {0};
    build_client_hello_body(&body, &(struct build_hello){.version = 0x0300});
    struct tls_client_hello h = client(&body);
    assert_int_equal(h.max_version, 0x0300);
    assert_false(h.has_extensions || h.has_server_name || h.has_supported_versions || h.renegotiation_info);
    assert_int_equal(h.server_name.n + h.alpn.n + h.groups.n + h.extensions.n, 0);
    assert_non_null(h.server_name.p);
}

static void test_client_hello_flags_by_presence(void **state)
{
    (void)state;
    struct build x = {0};
    build_extension_hex(&x, 15, "01");
    build_extension(&x, 35, NULL, 0);
    build_extension(&x, 42, NULL, 0);
    build_extension_hex(&x, 0xfe0d, "01 00");
    build_extension_hex(&x, 41, "0000 0000");
    build_extension_hex(&x, 40, "0006 001d 0002 aabb"); /* key_share of the drafts */
    struct tls_client_hello h = client_with(&x);
    assert_int_equal(h.key_share_groups_body.n, 6);
    assert_true(h.heartbeat && h.session_ticket && h.early_data && h.ech && h.pre_shared_key);
    assert_false(h.session_ticket_filled);
}

static void test_client_hello_malformed_extension_is_one_finding(void **state)
{
    (void)state;
    static const struct {
        uint16_t type;
        const char *body;
    } bad[] = {
        {0, ""},
        {0, "0005 00 0009 61 62"},
        {0, "0003 00 0000"},
        {0, "0005 00 0002 61 62 ff"},
        {10, ""},
        {10, "0000"},
        {10, "0003 001d 00"},
        {10, "0004 001d"},
        {10, "0002 001d 00"},
        {11, ""},
        {11, "02 00"},
        {13, "0001 04"},
        {16, ""},
        {16, "0000"},
        {16, "0003 04 6832"},
        {16, "0003 02 6832 00"},
        {22, "00"},
        {23, "00"},
        {43, ""},
        {43, "03 0304 03"},
        {43, "02 0304 00"},
        {51, "0006 001d 0004 aa"},
        {51, "0005 001d 0002 aa"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct build x = {0};
        build_extension_hex(&x, bad[i].type, bad[i].body);
        build_server_name(&x, "after.example.org");
        struct tls_client_hello h = client_with(&x);
        assert_int_equal(h.malformed_extensions, 1);
        if (bad[i].type != 0)
            assert_span(h.server_name, "after.example.org");
        assert_true(h.has_server_name);
    }
}

static void test_client_hello_cut_short_is_malformed(void **state)
{
    (void)state;
    struct build x = {0}, body = {0};
    struct tls_client_hello h;
    add_usual_client_extensions(&x);
    build_client_hello_body(&body, &(struct build_hello){.session_id_bytes = 8, .extensions = &x});
    size_t without_extensions = body.n - x.n - 2; /* the one shorter form that is whole */
    for (size_t n = 0; n < body.n; n++)
        assert_int_equal(tls_client_hello_parse(exact_body(&body, n), &h), n == without_extensions);
}

static void test_client_hello_cut_short_keeps_what_was_read(void **state)
{
    (void)state;
    struct build x = {0}, body = {0};
    struct tls_client_hello h;
    build_server_name(&x, "mx.example.org");
    build_extension_hex(&x, 21, "00000000");
    build_client_hello_body(&body, &(struct build_hello){.extensions = &x});
    assert_false(tls_client_hello_parse(exact_body(&body, 40), &h));
    assert_int_equal(h.legacy_version, 0x0303);
    assert_int_equal(h.cipher_suites.n, 2);
}

static void test_client_hello_bytes_too_many_is_malformed(void **state)
{
    (void)state;
    struct build x = {0}, body = {0};
    struct tls_client_hello h;
    build_server_name(&x, "mx.example.org");
    build_client_hello_body(&body, &(struct build_hello){.extensions = &x});
    build_u8(&body, 0);
    assert_false(tls_client_hello_parse(exact_body(&body, body.n), &h));
}

static void test_client_hello_extension_beyond_block_is_malformed(void **state)
{
    (void)state;
    struct build x = {0}, body = {0};
    struct tls_client_hello h;
    build_hex(&x, "0023 0005 aabb");
    build_client_hello_body(&body, &(struct build_hello){.extensions = &x});
    assert_false(tls_client_hello_parse(exact_body(&body, body.n), &h));
}

static void test_client_hello_of_wrong_meaning_is_malformed(void **state)
{
    (void)state;
    struct tls_client_hello h;
    struct build version = {0}, session_id = {0}, no_suites = {0}, odd_suites = {0}, no_compression = {0};
    build_client_hello_body(&version, &(struct build_hello){.version = 0x2175});
    assert_false(tls_client_hello_parse(exact_body(&version, version.n), &h));
    build_client_hello_body(&session_id, &(struct build_hello){.session_id_bytes = 33});
    assert_false(tls_client_hello_parse(exact_body(&session_id, session_id.n), &h));
    build_client_hello_body(&no_suites, &(struct build_hello){.suites = (uint16_t[1]){0}, .suite_count = 0});
    assert_false(tls_client_hello_parse(exact_body(&no_suites, no_suites.n), &h));
    build_u16(&odd_suites, 0x0303);
    build_fill(&odd_suites, 32);
    build_hex(&odd_suites, "00 0003 c02f00 01 00");
    assert_false(tls_client_hello_parse(exact_body(&odd_suites, odd_suites.n), &h));
    build_u16(&no_compression, 0x0303);
    build_fill(&no_compression, 32);
    build_hex(&no_compression, "00 0002 c02f 00");
    assert_false(tls_client_hello_parse(exact_body(&no_compression, no_compression.n), &h));
}

static void test_client_hello_highest_version_of_list_counts(void **state)
{
    (void)state;
    static const struct {
        uint16_t list[4];
        size_t count;
        uint16_t highest;
    } cases[] = {
        {{0x0303, 0x0304}, 2, 0x0304}, {{0x0302, 0x0301}, 2, 0x0302},
        {{0x7f12, 0x0303}, 2, 0x0304}, {{0xfb1a, 0x0304, 0x0303}, 3, 0x0304},
        {{0x7e01, 0x0303}, 2, 0x0304}, {{0x3a3a, 0x0303}, 2, 0x0303},
        {{0x3a3a}, 1, 0x0303},         {{0xffff, 0x0303}, 2, 0x0303},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct build x = {0};
        build_supported_versions(&x, cases[i].list, cases[i].count);
        assert_int_equal(client_with(&x).max_version, cases[i].highest);
    }
}

static struct tls_client_hello client_offering(const uint16_t *suites, size_t count)
{
    struct build body = {0};
    build_client_hello_body(&body, &(struct build_hello){.suites = suites, .suite_count = count});
    return client(&body);
}

static void test_client_hello_weak_suites_are_noticed(void **state)
{
    (void)state;
    /* NULL, anonymous, EXPORT, DES, RC2 (EXPORT), RC4, IDEA, 3DES; anonymous AES; RC4 of ECDHE; NULL of TLS
     * 1.3 */
    static const uint16_t weak[] = {0x0002, 0x0018, 0x0003, 0x0009, 0x0006, 0x0005,
                                    0x0007, 0x000a, 0x0034, 0xc011, 0xc0b4};
    for (size_t i = 0; i < sizeof weak / sizeof weak[0]; i++)
        assert_true(client_offering((uint16_t[]){0x1301, weak[i]}, 2).offers_weak_suite);
}

static void test_client_hello_signals_are_no_weak_suites(void **state)
{
    (void)state;
    static const uint16_t fine[] = {0x0a0a, 0x1301, 0xc02f, 0x00ff, 0x5600, 0xfafa, 0x002f, 0xeeee};
    struct tls_client_hello h = client_offering(fine, sizeof fine / sizeof fine[0]);
    assert_false(h.offers_weak_suite);
    assert_true(h.renegotiation_info);
    assert_true(h.fallback_scsv);
    h = client_offering(fine, 3);
    assert_false(h.renegotiation_info || h.fallback_scsv);
}

static struct tls_client_hello client_ssl2(uint16_t version, const uint32_t *kinds, size_t count)
{
    struct build message = {0};
    struct tls_client_hello h;
    build_ssl2_client_hello(&message, version, kinds, count);
    struct span body = span_skip(exact_body(&message, message.n), 1);
    assert_true(tls_client_hello_parse_ssl2(body, &h));
    for (size_t n = 0; n < body.n; n++) {
        struct tls_client_hello cut;
        assert_false(tls_client_hello_parse_ssl2(span_head(body, n), &cut));
    }
    return h;
}

static void test_client_hello_ssl2_form_is_read(void **state)
{
    (void)state;
    struct tls_client_hello h = client_ssl2(0x0301, (uint32_t[]){0x000035, 0x0000ff, 0x005600}, 3);
    assert_true(h.ssl2);
    assert_int_equal(h.legacy_version, 0x0301);
    assert_int_equal(h.max_version, 0x0301);
    assert_int_equal(h.cipher_suites.n, 9);
    assert_int_equal(h.random.n, 16);
    assert_true(h.renegotiation_info && h.fallback_scsv);
    assert_false(h.offers_weak_suite || h.has_extensions || h.has_server_name);
}

static void test_client_hello_ssl2_kind_is_weak(void **state)
{
    (void)state;
    assert_true(client_ssl2(0x0002, (uint32_t[]){0x0700c0}, 1).offers_weak_suite);
    assert_true(client_ssl2(0x0300, (uint32_t[]){0x000035, 0x000004}, 2).offers_weak_suite);
}

static void test_client_hello_ssl2_of_wrong_meaning_is_malformed(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "0301 0000 0000 0010 00112233445566778899aabbccddeeff",           /* no kinds */
        "0301 0004 0000 0010 00003500 00112233445566778899aabbccddeeff",  /* not a multiple of three */
        "0909 0003 0000 0010 000035 00112233445566778899aabbccddeeff",    /* version */
        "0301 0003 0000 0010 000035 00112233445566778899aabbccddeeff 00", /* one octet too many */
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct build body = {0};
        struct tls_client_hello h;
        build_hex(&body, bad[i]);
        assert_false(tls_client_hello_parse_ssl2(exact_body(&body, body.n), &h));
    }
}

static void test_server_hello_tls12_fields_are_read(void **state)
{
    (void)state;
    struct build x = {0}, body = {0};
    build_extension_hex(&x, 0xff01, "00");
    build_extension(&x, 23, NULL, 0);
    build_extension(&x, 22, NULL, 0);
    build_extension(&x, 4, NULL, 0);
    build_extension(&x, 35, NULL, 0);
    build_extension_hex(&x, 15, "01");
    build_extension_hex(&x, 5, "");
    build_alpn(&x, (const char *const[]){"imap"}, 1);
    build_server_hello_body(
        &body, &(struct build_hello){.session_id_bytes = 16, .compression = 1, .extensions = &x});
    struct tls_server_hello h = server(&body);
    assert_int_equal(h.version, 0x0303);
    assert_int_equal(h.legacy_version, 0x0303);
    assert_int_equal(h.cipher_suite, 0xc02f);
    assert_int_equal(h.compression_method, 1);
    assert_int_equal(h.session_id.n, 16);
    assert_true(h.renegotiation_info && h.extended_master_secret && h.encrypt_then_mac && h.truncated_hmac);
    assert_true(h.session_ticket && h.heartbeat && h.has_extensions);
    assert_span(h.alpn, "imap");
    assert_false(h.hello_retry || h.key_share || h.pre_shared_key || h.ssl2);
    assert_int_equal(h.downgrade_marker, 0);
    assert_int_equal(h.malformed_extensions, 0);
}

static void test_server_hello_tls13_fields_are_read(void **state)
{
    (void)state;
    struct build x = {0};
    build_selected_version(&x, 0x0304);
    build_extension_hex(&x, 51, "11ec 0004 01020304");
    build_extension_hex(&x, 41, "0000");
    struct tls_server_hello h = server_with(0x0303, &x);
    assert_int_equal(h.legacy_version, 0x0303);
    assert_int_equal(h.version, 0x0304);
    assert_int_equal(h.group, 0x11ec);
    assert_true(h.key_share && h.pre_shared_key);
    assert_false(h.hello_retry);
}

static void test_server_hello_without_extensions_is_read(void **state)
{
    (void)state;
    struct tls_server_hello h = server_with(0x0301, NULL);
    assert_int_equal(h.version, 0x0301);
    assert_false(h.has_extensions);
}

static void test_server_hello_malformed_extension_is_one_finding(void **state)
{
    (void)state;
    static const struct {
        uint16_t type;
        const char *body;
    } bad[] = {{43, "03"},     {43, "030400"}, {51, "00"}, {51, "001d 0004 01"}, {16, "0000"},
               {16, "000302"}, {22, "00"},     {23, "00"}, {35, "00"},           {4, "01"}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct build x = {0};
        build_extension_hex(&x, bad[i].type, bad[i].body);
        build_extension_hex(&x, 0xff01, "00");
        struct tls_server_hello h = server_with(0x0303, &x);
        assert_int_equal(h.malformed_extensions, 1);
        assert_int_equal(h.version, 0x0303);
        assert_true(h.renegotiation_info);
    }
}

static void test_server_hello_retry_is_told_by_its_random(void **state)
{
    (void)state;
    struct build x = {0}, body = {0};
    build_selected_version(&x, 0x0304);
    build_extension_hex(&x, 51, "0017");
    build_server_hello_body(&body, &(struct build_hello){.random = retry_random, .extensions = &x});
    struct tls_server_hello h = server(&body);
    assert_true(h.hello_retry);
    assert_int_equal(h.group, 0x0017);
    assert_int_equal(h.malformed_extensions, 0);
    body.bytes[33] ^= 1;
    assert_false(server(&body).hello_retry);
}

static void test_server_hello_downgrade_marker_is_read(void **state)
{
    (void)state;
    uint8_t random[32] = {0};
    struct build_hello hello = {.random = random};
    for (uint8_t last = 0; last < 3; last++) {
        struct build body = {0};
        memcpy(random + 24, "DOWNGRD", 7);
        random[31] = last;
        build_server_hello_body(&body, &hello);
        assert_int_equal(server(&body).downgrade_marker, last == 1 ? 1 : last == 0 ? 2 : 0);
    }
}

static void test_server_hello_draft_18_has_no_session_id(void **state)
{
    (void)state;
    struct build body = {0};
    build_u16(&body, 0x7f12);
    build_fill(&body, 32);
    build_hex(&body, "1301 0008 0028 0004 001d 0000");
    struct tls_server_hello h = server(&body);
    assert_int_equal(h.version, 0x7f12);
    assert_int_equal(h.cipher_suite, 0x1301);
    assert_int_equal(h.group, 0x001d);
    assert_int_equal(h.session_id.n, 0);
}

static void test_server_hello_of_early_draft_says_0304(void **state)
{
    (void)state;
    struct build body = {0};
    build_u16(&body, 0x0304);
    build_fill(&body, 32);
    build_hex(&body, "c02b 0008 0028 0004 0017 0000");
    assert_int_equal(server(&body).cipher_suite, 0xc02b);
    struct tls_server_hello h = server_with(0x0304, NULL); /* final form with a careless legacy_version */
    assert_int_equal(h.version, 0x0304);
    assert_int_equal(h.cipher_suite, 0xc02f);
}

static void test_server_hello_draft_22_has_session_id(void **state)
{
    (void)state;
    static const uint16_t drafts[] = {0x7f16, 0x7f1c, 0xfb1a, 0x7e01};
    for (size_t i = 0; i < sizeof drafts / sizeof drafts[0]; i++) {
        struct build x = {0}, body = {0};
        build_selected_version(&x, drafts[i]);
        build_server_hello_body(&body, &(struct build_hello){.session_id_bytes = 32, .extensions = &x});
        struct tls_server_hello h = server(&body);
        assert_int_equal(h.version, drafts[i]);
        assert_int_equal(h.session_id.n, 32);
        assert_int_equal(h.cipher_suite, 0xc02f);
    }
}

static void test_hello_retry_of_drafts_is_read(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        uint16_t suite;
        uint16_t group;
    } drafts[] = {
        {"7f0d 1301 0017 0000", 0x1301, 0x0017},           /* draft 13: suite and group */
        {"7f12 0006 0028 0002 0017", 0, 0x0017},           /* draft 18: extensions alone */
        {"7f13 1302 0006 0028 0002 0018", 0x1302, 0x0018}, /* draft 19: suite again */
    };
    for (size_t i = 0; i < sizeof drafts / sizeof drafts[0]; i++) {
        struct build body = {0};
        struct tls_server_hello h;
        build_hex(&body, drafts[i].body);
        assert_true(tls_server_hello_parse(exact_body(&body, body.n), TYPE_HELLO_RETRY_DRAFT, &h));
        assert_true(h.hello_retry);
        assert_int_equal(h.cipher_suite, drafts[i].suite);
        assert_int_equal(h.group, drafts[i].group);
    }
    struct build body = {0};
    build_hex(&body, "0303 1302 0006 0028 0002 0018");
    assert_false(server_accepts(&body, TYPE_HELLO_RETRY_DRAFT));
}

static void test_server_hello_of_no_known_version_is_malformed(void **state)
{
    (void)state;
    static const uint16_t versions[] = {0x0002, 0x0200, 0x02ff, 0x0305, 0x2175,
                                        0x7f00, 0x7f1d, 0xfeff, 0xffff};
    for (size_t i = 0; i < sizeof versions / sizeof versions[0]; i++) {
        struct build body = {0}, x = {0}, selected = {0};
        build_server_hello_body(&body, &(struct build_hello){.version = versions[i]});
        assert_false(server_accepts(&body, TYPE_SERVER_HELLO));
        build_selected_version(&x, versions[i]);
        build_server_hello_body(&selected, &(struct build_hello){.extensions = &x});
        assert_false(server_accepts(&selected, TYPE_SERVER_HELLO));
    }
}

static void test_server_hello_that_is_ciphertext_is_malformed(void **state)
{
    (void)state;
    /* An encrypted Finished met in a capture, whose first octets read as a ServerHello of version 0x0000. */
    struct build body = {0};
    build_hex(&body, "0000 000000000000000000000000000000000000000000000000000000000000 0000 00 2175 00");
    assert_false(server_accepts(&body, TYPE_SERVER_HELLO));
}

static void test_server_hello_cut_short_is_malformed(void **state)
{
    (void)state;
    struct build x = {0}, body = {0};
    struct tls_server_hello h;
    build_selected_version(&x, 0x0304);
    build_extension_hex(&x, 51, "001d 0002 aabb");
    build_server_hello_body(&body, &(struct build_hello){.session_id_bytes = 32, .extensions = &x});
    size_t without_extensions = body.n - x.n - 2;
    for (size_t n = 0; n < body.n; n++)
        assert_int_equal(tls_server_hello_parse(exact_body(&body, n), TYPE_SERVER_HELLO, &h),
                         n == without_extensions);
    build_u8(&body, 0);
    assert_false(server_accepts(&body, TYPE_SERVER_HELLO));
}

static void test_server_hello_session_id_too_long_is_malformed(void **state)
{
    (void)state;
    struct build body = {0};
    build_server_hello_body(&body, &(struct build_hello){.session_id_bytes = 33});
    assert_false(server_accepts(&body, TYPE_SERVER_HELLO));
}

static void test_server_hello_ssl2_is_read(void **state)
{
    (void)state;
    struct build message = {0};
    struct tls_server_hello h;
    build_ssl2_server_hello(&message, "certificate", 11, (uint32_t[]){0x0700c0, 0x010080}, 2);
    struct span body = span_skip(exact_body(&message, message.n), 1);
    assert_true(tls_server_hello_parse_ssl2(body, &h));
    assert_true(h.ssl2);
    assert_int_equal(h.version, 0x0002);
    assert_int_equal(h.ssl2_cipher_kinds, 2);
    assert_int_equal(h.ssl2_cipher, 0x0700c0);
    assert_span(h.ssl2_certificate, "certificate");
    assert_false(h.ssl2_session_id_hit);
    assert_int_equal(h.random.n, 16);
    for (size_t n = 0; n < body.n; n++)
        assert_false(tls_server_hello_parse_ssl2(span_head(body, n), &h));
}

static void test_server_hello_ssl2_resumed_has_no_kinds(void **state)
{
    (void)state;
    struct build body = {0};
    struct tls_server_hello h;
    build_hex(&body, "01 00 0002 0000 0000 0010 00112233445566778899aabbccddeeff");
    assert_true(tls_server_hello_parse_ssl2(exact_body(&body, body.n), &h));
    assert_true(h.ssl2_session_id_hit);
    assert_int_equal(h.ssl2_cipher_kinds, 0);
    assert_int_equal(h.ssl2_cipher, 0);
}

static void test_master_key_ssl2_names_the_kind(void **state)
{
    (void)state;
    struct build body = {0};
    uint32_t kind = 0;
    build_hex(&body, "0700c0 0001 0004 0008 aa 01020304 0011223344556677");
    assert_true(tls_master_key_parse_ssl2(exact_body(&body, body.n), &kind));
    assert_int_equal(kind, 0x0700c0);
    for (size_t n = 0; n < body.n; n++)
        assert_false(tls_master_key_parse_ssl2(exact_body(&body, n), &kind));
}

static void test_version_drafts_are_folded(void **state)
{
    (void)state;
    static const uint16_t tls13[] = {0x0304, 0x7f01, 0x7f12, 0x7f1c, 0x7e01, 0x7e02, 0xfb1a, 0xfb17, 0x7a12};
    static const uint16_t others[] = {0x0002, 0x0300, 0x0303, 0x0305, 0x7f00, 0x7f1d, 0xfeff, 0x0000};
    for (size_t i = 0; i < sizeof tls13 / sizeof tls13[0]; i++)
        assert_int_equal(tls_version_plain(tls13[i]), 0x0304);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        assert_int_equal(tls_version_plain(others[i]), others[i]);
}

static void test_grease_is_sixteen_values(void **state)
{
    (void)state;
    unsigned count = 0;
    for (unsigned value = 0; value <= 0xffff; value++)
        count += tls_is_grease((uint16_t)value);
    assert_int_equal(count, 16);
    for (unsigned i = 0; i < 16; i++)
        assert_true(tls_is_grease((uint16_t)(0x0a0a + 0x1010 * i)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_client_hello_fields_are_read),
        cmocka_unit_test(test_client_hello_without_extensions_has_empty_fields),
        cmocka_unit_test(test_client_hello_flags_by_presence),
        cmocka_unit_test(test_client_hello_malformed_extension_is_one_finding),
        cmocka_unit_test(test_client_hello_cut_short_is_malformed),
        cmocka_unit_test(test_client_hello_cut_short_keeps_what_was_read),
        cmocka_unit_test(test_client_hello_bytes_too_many_is_malformed),
        cmocka_unit_test(test_client_hello_extension_beyond_block_is_malformed),
        cmocka_unit_test(test_client_hello_of_wrong_meaning_is_malformed),
        cmocka_unit_test(test_client_hello_highest_version_of_list_counts),
        cmocka_unit_test(test_client_hello_weak_suites_are_noticed),
        cmocka_unit_test(test_client_hello_signals_are_no_weak_suites),
        cmocka_unit_test(test_client_hello_ssl2_form_is_read),
        cmocka_unit_test(test_client_hello_ssl2_kind_is_weak),
        cmocka_unit_test(test_client_hello_ssl2_of_wrong_meaning_is_malformed),
        cmocka_unit_test(test_server_hello_tls12_fields_are_read),
        cmocka_unit_test(test_server_hello_tls13_fields_are_read),
        cmocka_unit_test(test_server_hello_without_extensions_is_read),
        cmocka_unit_test(test_server_hello_malformed_extension_is_one_finding),
        cmocka_unit_test(test_server_hello_retry_is_told_by_its_random),
        cmocka_unit_test(test_server_hello_downgrade_marker_is_read),
        cmocka_unit_test(test_server_hello_draft_18_has_no_session_id),
        cmocka_unit_test(test_server_hello_of_early_draft_says_0304),
        cmocka_unit_test(test_server_hello_draft_22_has_session_id),
        cmocka_unit_test(test_hello_retry_of_drafts_is_read),
        cmocka_unit_test(test_server_hello_of_no_known_version_is_malformed),
        cmocka_unit_test(test_server_hello_that_is_ciphertext_is_malformed),
        cmocka_unit_test(test_server_hello_cut_short_is_malformed),
        cmocka_unit_test(test_server_hello_session_id_too_long_is_malformed),
        cmocka_unit_test(test_server_hello_ssl2_is_read),
        cmocka_unit_test(test_server_hello_ssl2_resumed_has_no_kinds),
        cmocka_unit_test(test_master_key_ssl2_names_the_kind),
        cmocka_unit_test(test_version_drafts_are_folded),
        cmocka_unit_test(test_grease_is_sixteen_values),
    };
    return cmocka_run_group_tests(tests, NULL, free_exact);
}
