/* JA3, JA3S and JA4 against published values; where a test names a capture, its hello is rebuilt from the
 * lists that the fingerprint is made of. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>

#include "parsers/fingerprint.h"
#include "tests/build.h"

enum { LIST_CAP = 4096 };

/* What a hello offers, as lists in the manner of JA4: four hexadecimal digits, joined by commas; NULL is
 * empty. */
struct offer {
    uint16_t version;
    const char *suites;
    const char *extensions; /* in wire order; the bodies of 10, 11, 13, 16 and 43 come from below */
    const char *groups;
    const char *point_formats; /* whole body of the extension, in hexadecimal */
    const char *signatures;
    const char *versions;
    const char *alpn; /* whole list without its length, in hexadecimal */
};

struct list {
    uint16_t values[LIST_CAP];
    size_t n;
};

static uint8_t *exact;

static struct list read_list(const char *text)
{
    struct list list = {.n = 0};
    for (const char *p = text; p != NULL && *p != '\0'; p += p[4] == ',' ? 5 : 4)
        list.values[list.n++] = (uint16_t)strtoul((char[]){p[0], p[1], p[2], p[3], '\0'}, NULL, 16);
    return list;
}

static void add_list(struct build *x, uint16_t type, unsigned width, const char *text)
{
    struct list list = read_list(text);
    build_u16(x, type);
    size_t extension = build_open(x, 2);
    size_t mark = build_open(x, width);
    build_u16_list(x, list.values, list.n);
    build_close(x, mark, width);
    build_close(x, extension, 2);
}

static void add_alpn(struct build *x, const char *hex)
{
    build_u16(x, 16);
    size_t extension = build_open(x, 2);
    size_t list = build_open(x, 2);
    build_hex(x, hex != NULL ? hex : "");
    build_close(x, list, 2);
    build_close(x, extension, 2);
}

static void add_extension(struct build *x, uint16_t type, const struct offer *offer)
{
    switch (type) {
    case 0: build_server_name(x, "mx.example.org"); break;
    case 10: add_list(x, type, 2, offer->groups); break;
    case 11:
        build_extension_hex(x, type, offer->point_formats != NULL ? offer->point_formats : "01 00");
        break;
    case 13: add_list(x, type, 2, offer->signatures); break;
    case 16: add_alpn(x, offer->alpn); break;
    case 43: add_list(x, type, 1, offer->versions); break;
    default: build_extension(x, type, NULL, 0); break;
    }
}

static struct tls_client_hello client(const struct offer *offer)
{
    struct build x = {0}, body = {0};
    struct list suites = read_list(offer->suites), extensions = read_list(offer->extensions);
    struct tls_client_hello h;
    for (size_t i = 0; i < extensions.n; i++)
        add_extension(&x, extensions.values[i], offer);
    build_client_hello_body(&body, &(struct build_hello){.version = offer->version,
                                                         .suites = suites.values,
                                                         .suite_count = suites.n,
                                                         .extensions = extensions.n > 0 ? &x : NULL});
    free(exact);
    exact = build_exact(body.bytes, body.n);
    assert_true(tls_client_hello_parse(span_of(exact, body.n), &h));
    return h;
}

static int free_exact(void **state)
{
    (void)state;
    free(exact);
    exact = NULL;
    return 0;
}

static void hash(const EVP_MD *kind, const char *text, size_t n, char *hex, size_t digits)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    assert_true(EVP_Digest(text, n, digest, NULL, kind, NULL));
    for (size_t i = 0; i < digits; i++)
        hex[i] = "0123456789abcdef"[i % 2 == 0 ? digest[i / 2] >> 4 : digest[i / 2] & 15];
    hex[digits] = '\0';
}

static void assert_ja3(const struct offer *offer, const char *text, const char *md5)
{
    char out[FINGERPRINT_CAP_BYTES], hex[33];
    struct tls_client_hello h = client(offer);
    size_t n = fingerprint_ja3(&h, out);
    assert_string_equal(out, text);
    assert_int_equal(n, strlen(text));
    hash(EVP_md5(), out, n, hex, 32);
    assert_string_equal(hex, md5);
}

static void ja4_of(const struct tls_client_hello *h, char *whole)
{
    char ciphers[FINGERPRINT_CAP_BYTES], extensions[FINGERPRINT_CAP_BYTES], b[13], c[13];
    struct fingerprint_ja4 ja4 = {.ciphers = ciphers, .extensions = extensions};
    assert_true(fingerprint_ja4(h, &ja4));
    assert_int_equal(strlen(ja4.a), 10);
    assert_int_equal(strlen(ciphers), ja4.ciphers_length);
    assert_int_equal(strlen(extensions), ja4.extensions_length);
    strcpy(b, "000000000000");
    strcpy(c, "000000000000");
    if (ja4.ciphers_length > 0)
        hash(EVP_sha256(), ciphers, ja4.ciphers_length, b, 12);
    if (ja4.extensions_length > 0)
        hash(EVP_sha256(), extensions, ja4.extensions_length, c, 12);
    snprintf(whole, 37, "%s_%s_%s", ja4.a, b, c);
}

static void assert_ja4(const struct offer *offer, const char *want)
{
    char whole[37];
    struct tls_client_hello h = client(offer);
    ja4_of(&h, whole);
    assert_string_equal(whole, want);
}

static const struct offer readme = {.version = 0x0301,
                                    .suites = "002f,0035,0005,000a,c009,c00a,c013,c014,0032,0038,0013,0004",
                                    .extensions = "0000,000a,000b",
                                    .groups = "0017,0018,0019"};

static const struct offer readme_bare = {.version = 0x0301,
                                         .suites = "0004,0005,000a,0009,0064,0062,0003,0006,0013,0012,0063"};

static const struct offer smtp_starttls_0 = {
    .version = 0x0301,
    .suites =
        "0039,0038,0088,0087,0035,0084,0016,0013,000a,0033,0032,009a,0099,0045,0044,002f,0096,0041,0005,"
        "0004,0015,0012,0009,0014,0011,0008,0006,0003,00ff",
    .extensions = "0023"};

static const struct offer smtp_starttls_1 = {
    .version = 0x0303,
    .suites = "c02b,c02f,cca9,cca8,c02c,c030,c00a,c009,c013,c014,0033,0039,002f,0035,000a",
    .extensions = "0000,0017,ff01,000a,000b,0023,0005,ff03,000d",
    .groups = "001d,0017,0018,0019",
    .signatures = "0403,0503,0603,0804,0805,0806,0401,0501,0601,0203,0201"};

static const struct offer pop3_stls = {
    .version = 0x0301,
    .suites =
        "00ff,c00a,c014,0088,0087,0039,0038,c00f,c005,0084,0035,c007,c009,c011,c013,0045,0044,0033,0032,c00c,"
        "c00e,c002,c004,0096,0041,0005,0004,002f,c008,c012,0016,0013,c00d,c003,feff,000a",
    .extensions = "0000,000a,000b,0023",
    .groups = "0017,0018,0019"};

static void test_ja3_published_strings_and_hashes(void **state)
{
    (void)state;
    assert_ja3(&readme, "769,47-53-5-10-49161-49162-49171-49172-50-56-19-4,0-10-11,23-24-25,0",
               "ada70206e40642a3e4461f35503241d5");
    assert_ja3(&readme_bare, "769,4-5-10-9-100-98-3-6-19-18-99,,,", "de350869b8c85de67a350c8d186f11e6");
    assert_ja3(
        &smtp_starttls_0,
        "769,57-56-136-135-53-132-22-19-10-51-50-154-153-69-68-47-150-65-5-4-21-18-9-20-17-8-6-3-255,35,,",
        "fab507fe132c544e8a0eb7c394affeae");
    assert_ja3(&smtp_starttls_1,
               "771,49195-49199-52393-52392-49196-49200-49162-49161-49171-49172-51-57-47-53-10,"
               "0-23-65281-10-11-35-5-65283-13,29-23-24-25,0",
               "7b38238e17474b8f6d113523bb5a8dd9");
    assert_ja3(&pop3_stls,
               "769,255-49162-49172-136-135-57-56-49167-49157-132-53-49159-49161-49169-49171-69-68-51-50-"
               "49164-49166-"
               "49154-49156-150-65-5-4-47-49160-49170-22-19-49165-49155-65279-10,0-10-11-35,23-24-25,0",
               "207409c2b30e670ca50e1eac016a4831");
}

static void test_ja3_leaves_grease_out_and_scsvs_in(void **state)
{
    (void)state;
    const struct offer offer = {.version = 0x0303,
                                .suites = "0a0a,1301,5600,00ff,fafa",
                                .extensions = "1a1a,000a,000b,002b,eaea",
                                .groups = "2a2a,001d,3a3a",
                                .point_formats = "03 00 01 02",
                                .versions = "0304"};
    char out[FINGERPRINT_CAP_BYTES];
    struct tls_client_hello h = client(&offer);
    size_t n = fingerprint_ja3(&h, out);
    assert_int_equal(n, strlen(out));
    assert_string_equal(out, "771,4865-22016-255,10-11-43,29,0-1-2");
}

static void assert_ja3s(uint16_t version, uint16_t suite, const char *extensions, const char *text,
                        const char *md5)
{
    struct build x = {0}, body = {0};
    struct list types = read_list(extensions);
    struct tls_server_hello h;
    char out[FINGERPRINT_CAP_BYTES], hex[33];
    for (size_t i = 0; i < types.n; i++) {
        if (types.values[i] == 43)
            build_selected_version(&x, 0x0304);
        else
            build_extension(&x, types.values[i], NULL, 0);
    }
    build_server_hello_body(
        &body,
        &(struct build_hello){.version = version, .suites = &suite, .extensions = types.n > 0 ? &x : NULL});
    free(exact);
    exact = build_exact(body.bytes, body.n);
    assert_true(tls_server_hello_parse(span_of(exact, body.n), 2, &h));
    assert_int_equal(fingerprint_ja3s(&h, out), strlen(text));
    assert_string_equal(out, text);
    hash(EVP_md5(), out, strlen(out), hex, 32);
    if (md5 != NULL)
        assert_string_equal(hex, md5);
}

static void test_ja3s_published_strings_and_hashes(void **state)
{
    (void)state;
    assert_ja3s(0x0301, 0x0005, "ff01,0023", "769,5,65281-35", "6b96cf9c27b0223177b0e9f135fe4899");
    assert_ja3s(0x0303, 0xc02f, "ff01,000b,0023", "771,49199,65281-11-35",
                "ccc514751b175866924439bdbb5bba34");
    assert_ja3s(0x0303, 0xc030, "ff01,000b", "771,49200,65281-11", "0debd3853f330c574b05e0b6d882dc27");
    assert_ja3s(0x0301, 0x0005, NULL, "769,5,", "9aeeb84942a46257594025306635f0ff");
    assert_ja3s(0x0303, 0x1301, "0033,002b", "771,4865,51-43", NULL);
}

static void test_fingerprints_of_ssl2_are_none(void **state)
{
    (void)state;
    struct build message = {0};
    struct tls_client_hello h;
    char one[FINGERPRINT_CAP_BYTES], two[FINGERPRINT_CAP_BYTES];
    struct fingerprint_ja4 ja4 = {.ciphers = one, .extensions = two};
    build_ssl2_client_hello(&message, 0x0301, (uint32_t[]){0x000035}, 1);
    assert_true(tls_client_hello_parse_ssl2(span_of(message.bytes + 1, message.n - 1), &h));
    assert_int_equal(fingerprint_ja3(&h, one), 0);
    assert_string_equal(one, "");
    assert_false(fingerprint_ja4(&h, &ja4));
    struct tls_server_hello answer = {.ssl2 = true};
    assert_int_equal(fingerprint_ja3s(&answer, one), 0);
}

static const struct offer document = {
    .version = 0x0303,
    .suites = "dada,1301,1302,1303,c02b,c02f,c02c,c030,cca9,cca8,c013,c014,009c,009d,002f,0035",
    .extensions = "4a4a,001b,0000,0033,0010,4469,0017,002d,000d,0005,0023,0012,002b,ff01,000b,000a,0015,7a7a",
    .groups = "8a8a,001d,0017",
    .signatures = "0403,0804,0401,0503,0805,0501,0806,0601",
    .versions = "0a0a,0304,0303",
    .alpn = "02 6832 08 687474702f312e31"};

static void test_ja4_of_the_document(void **state)
{
    (void)state;
    struct offer without = document;
    without.signatures = NULL;
    assert_ja4(&document, "t13d1516h2_8daaf6152771_e5627efa2ab1");
    assert_ja4(&without, "t13d1516h2_8daaf6152771_6d807ffa2a79");
}

static void test_ja4_leaves_grease_out_of_signatures(void **state)
{
    (void)state;
    struct offer greased = document;
    greased.signatures = "9a9a,0403,0804,0401,0503,0805,0501,0806,0601";
    assert_ja4(&greased, "t13d1516h2_8daaf6152771_e5627efa2ab1");
}

static void test_ja4_of_published_captures(void **state)
{
    (void)state;
    const struct offer badcurveball = {
        .version = 0x0303,
        .suites = "1301,1302,1303,c02b,c02f,c02c,c030,cca9,cca8,c013,c014,009c,009d,002f,0035,000a",
        .extensions = "0000,0017,ff01,000a,000b,0023,0010,0005,000d,0012,0033,002d,002b,001b,0015",
        .signatures = "0403,0804,0401,0503,0805,0501,0806,0601,0201",
        .versions = "0304,0303,0302,0301",
        .alpn = "02 6832"};
    assert_ja4(&badcurveball, "t13d1615h2_46e7e9700bed_45f260be83e2");
    const struct offer tls_handshake = {
        .version = 0x0303,
        .suites = "1301,1302,1303,c02b,c02f,c02c,c030,cca9,cca8,c013,c014,009c,009d,002f,0035",
        .extensions = "0033,002b,001b,0000,0012,002d,000d,000a,0005,0023,0017,ff01,000b,0015",
        .signatures = "0403,0804,0401,0503,0805,0501,0806,0601",
        .versions = "0304,0303"};
    assert_ja4(&tls_handshake, "t13d151400_8daaf6152771_de4a06bb82e3");
    const struct offer tls_alpn_h2 = {
        .version = 0x0303,
        .suites =
            "0004,0005,000a,0016,002f,0033,0035,0039,003c,003d,0041,0045,0067,006b,0081,0084,0088,009c,009d,"
            "009e,009f,00ba,00be,00c0,00c4,00ff,c007,c008,c009,c00a,c011,c012,c013,c014,c023,c024,c027,c028,"
            "c02b,c02c,c02f,c030,cca8,cca9,ccaa,ff85",
        .extensions = "0000,000b,000a,000d,0010",
        .signatures = "0601,0603,efef,0501,0503,0401,0403,eeee,eded,0301,0303,0201,0203",
        .alpn = "02 6832"};
    assert_ja4(&tls_alpn_h2, "t12d4605h2_85626a9a5f7f_aaf95bb78ec9");
}

static void test_ja4_of_mail_captures(void **state)
{
    (void)state;
    const struct offer imaps_0 = {
        .version = 0x0303,
        .suites =
            "0004,0005,000a,0016,002f,0033,0035,0039,003c,003d,0067,006b,009c,009d,009e,009f,00ff,c007,c008,"
            "c009,c00a,c011,c012,c013,c014,c023,c024,c027,c028,c02b,c02c,c02f,c030",
        .extensions = "0000,000a,000b,000d,0005,0012,0017",
        .signatures = "0401,0201,0501,0601,0403,0203,0503,0603"};
    const struct offer imaps_1 = {
        .version = 0x0303,
        .suites =
            "000a,002f,0035,003c,003d,009c,009d,1301,1302,1303,c008,c009,c00a,c012,c013,c014,c023,c024,c027,"
            "c028,c02b,c02c,c02f,c030,cca8,cca9",
        .extensions = "0000,0005,000a,000b,000d,0012,0015,0017,002b,002d,0033,ff01",
        .signatures = "0403,0804,0401,0503,0203,0805,0805,0501,0806,0601,0201",
        .versions = "0304,0303,0302,0301"};
    assert_ja4(&smtp_starttls_0, "t10i290100_cdba58456bdf_e78b541c01a9");
    assert_ja4(&smtp_starttls_1, "t12d150900_073e58a039a6_b44afb9f0e6a");
    assert_ja4(&pop3_stls, "t10d360400_77f462745360_a875e5012fde");
    assert_ja4(&imaps_0, "t12d330700_81acdcf97981_3304d8368043");
    assert_ja4(&imaps_1, "t13d261200_2802a3db6c62_845d286b0d67");
}

static void test_ja4_empty_lists_have_empty_parts(void **state)
{
    (void)state;
    const struct offer only_grease = {.version = 0x0303, .suites = "0a0a"};
    assert_ja4(&only_grease, "t12i000000_000000000000_000000000000");
    const struct offer only_named = {.version = 0x0303, .suites = "0a0a", .extensions = "0000,0010"};
    assert_ja4(&only_named, "t12d000200_000000000000_000000000000");
}

static void assert_ja4_prefix(const struct offer *offer, const char *want)
{
    char whole[37];
    struct tls_client_hello h = client(offer);
    ja4_of(&h, whole);
    whole[10] = '\0';
    assert_string_equal(whole, want);
}

static void test_ja4_alpn_characters(void **state)
{
    (void)state;
    static const struct {
        const char *list;
        const char *shown;
    } cases[] = {
        {"", "00"},
        {"00", "00"},
        {"00 02 6832", "00"},
        {"02 6832", "h2"},
        {"01 78", "xx"},
        {"08 687474702f312e31", "h1"},
        {"04 696d6170", "ip"},
        {"01 ab", "ab"},
        {"02 abcd", "ad"},
        {"02 30ab", "3b"},
        {"04 3031abcd", "3d"},
        {"04 30abcd31", "01"},
        {"02 baad", "bd"},
        {"02 5a39", "Z9"},
        {"02 2d61", "21"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char want[11];
        struct offer offer = {
            .version = 0x0303, .suites = "c02f", .extensions = "0010", .alpn = cases[i].list};
        snprintf(want, sizeof want, "t12i0101%s", cases[i].shown);
        assert_ja4_prefix(&offer, want);
    }
}

static void test_ja4_versions(void **state)
{
    (void)state;
    static const struct {
        uint16_t legacy;
        const char *list;
        const char *shown;
    } cases[] = {
        {0x0300, NULL, "s3"},        {0x0301, NULL, "10"},        {0x0302, NULL, "11"},
        {0x0303, NULL, "12"},        {0x0304, NULL, "13"},        {0x0305, NULL, "00"},
        {0x0303, "0304", "13"},      {0x0303, "0301,0302", "11"}, {0x0303, "fafa,0303", "12"},
        {0x0303, "7f1c,0304", "00"}, {0x0303, "fafa", "12"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char want[11];
        struct offer offer = {.version = cases[i].legacy, .suites = "c02f", .versions = cases[i].list};
        offer.extensions = cases[i].list != NULL ? "002b" : NULL;
        snprintf(want, sizeof want, "t%si010%d00", cases[i].shown, cases[i].list != NULL);
        assert_ja4_prefix(&offer, want);
    }
}

/* A hello with `count` suites, most of them unlike. */
static struct tls_client_hello client_with_suites(size_t count)
{
    static uint16_t suites[LIST_CAP];
    struct build body = {0};
    struct tls_client_hello h;
    for (size_t i = 0; i < count; i++)
        suites[i] = (uint16_t)(0x1000 + (i * 7919) % 0x0900); /* no GREASE among these */
    build_client_hello_body(&body, &(struct build_hello){.suites = suites, .suite_count = count});
    free(exact);
    exact = build_exact(body.bytes, body.n);
    assert_true(tls_client_hello_parse(span_of(exact, body.n), &h));
    return h;
}

static void test_ja4_counts_stop_at_99(void **state)
{
    (void)state;
    char whole[37];
    struct tls_client_hello h = client_with_suites(99);
    ja4_of(&h, whole);
    assert_memory_equal(whole, "t12i9900", 8);
    h = client_with_suites(100);
    ja4_of(&h, whole);
    assert_memory_equal(whole, "t12i9900", 8);
}

static void test_fingerprints_too_long_are_none(void **state)
{
    (void)state;
    char one[FINGERPRINT_CAP_BYTES], two[FINGERPRINT_CAP_BYTES];
    struct fingerprint_ja4 ja4 = {.ciphers = one, .extensions = two};
    enum { JA4_FITS = FINGERPRINT_CAP_BYTES / 5, JA3_FITS = 1637 };
    struct tls_client_hello h = client_with_suites(JA4_FITS);
    assert_true(fingerprint_ja4(&h, &ja4));
    assert_int_equal(ja4.ciphers_length, JA4_FITS * 5 - 1);
    for (size_t i = 5; i < ja4.ciphers_length; i += 5)
        assert_true(memcmp(one + i - 5, one + i, 4) <= 0);
    h = client_with_suites(JA4_FITS + 1);
    assert_false(fingerprint_ja4(&h, &ja4));
    h = client_with_suites(JA3_FITS);
    assert_int_equal(fingerprint_ja3(&h, one), 4 + JA3_FITS * 5 - 1 + 3);
    h = client_with_suites(JA3_FITS + 1);
    assert_int_equal(fingerprint_ja3(&h, one), 0);
    assert_string_equal(one, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ja3_published_strings_and_hashes),
        cmocka_unit_test(test_ja3_leaves_grease_out_and_scsvs_in),
        cmocka_unit_test(test_ja3s_published_strings_and_hashes),
        cmocka_unit_test(test_fingerprints_of_ssl2_are_none),
        cmocka_unit_test(test_ja4_of_the_document),
        cmocka_unit_test(test_ja4_leaves_grease_out_of_signatures),
        cmocka_unit_test(test_ja4_of_published_captures),
        cmocka_unit_test(test_ja4_of_mail_captures),
        cmocka_unit_test(test_ja4_empty_lists_have_empty_parts),
        cmocka_unit_test(test_ja4_alpn_characters),
        cmocka_unit_test(test_ja4_versions),
        cmocka_unit_test(test_ja4_counts_stop_at_99),
        cmocka_unit_test(test_fingerprints_too_long_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, free_exact);
}
