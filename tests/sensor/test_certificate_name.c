/* Which hosts a list of names stands for (RFC 9525 s6.3, s6.4). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "sensor/audit/certificate.h"

static enum certificate_match match(const char *names, const char *host)
{
    struct certificate_chain c = {.parsed = true, .has_names = names[0] != '\0'};
    snprintf(c.names, sizeof c.names, "%s", names);
    return certificate_matches(&c, host);
}

static void test_name_is_compared_whole_and_without_case(void **state)
{
    (void)state;
    assert_int_equal(match("mx.example.org", "mx.example.org"), MATCH_YES);
    assert_int_equal(match("MX.Example.ORG", "mx.eXample.org"), MATCH_YES);
    assert_int_equal(match("mx.example.org", "mx.example.org."), MATCH_YES);
    assert_int_equal(match("mx.example.org", "mx.example.orgx"), MATCH_NO);
    assert_int_equal(match("mx.example.org", "x.mx.example.org"), MATCH_NO);
    assert_int_equal(match("mx.example.org", "mx.example"), MATCH_NO);
    assert_int_equal(match("mx.example.org", "example.org"), MATCH_NO);
    assert_int_equal(match("a.example.org,b.example.org,c.example.org", "b.example.org"), MATCH_YES);
    assert_int_equal(match("a.example.org,b.example.org,c.example.org", "c.example.org"), MATCH_YES);
    assert_int_equal(match("a.example.org,b.example.org", "example.org,b.example.org"), MATCH_NOT_CHECKABLE);
    assert_int_equal(match("_smtp.example.org", "_smtp.example.org"), MATCH_YES);
    assert_int_equal(match("localhost", "localhost"), MATCH_YES);
}

static void test_name_wildcard_stands_for_one_label(void **state)
{
    (void)state;
    assert_int_equal(match("*.example.org", "mx.example.org"), MATCH_YES);
    assert_int_equal(match("*.EXAMPLE.org", "mx.example.ORG."), MATCH_YES);
    assert_int_equal(match("*.example.org", "xn--mx-xka.example.org"), MATCH_YES);
    assert_int_equal(match("*.example.org", "example.org"), MATCH_NO);
    assert_int_equal(match("*.example.org", "a.b.example.org"), MATCH_NO);
    assert_int_equal(match("*.example.org", ".example.org"), MATCH_NOT_CHECKABLE);
    assert_int_equal(match("*.example.org", "mxexample.org"), MATCH_NO);
}

static void test_name_other_wildcards_stand_for_nothing(void **state)
{
    (void)state;
    static const char *const patterns[] = {
        "m*.example.org",    "*x.example.org", "mx.*.org", "*",      "*.",
        "*.*.org",           "**.example.org", "*.org",    "*.org.", "mx.example.*",
        "xn--*.example.org", "*example.org"};
    for (unsigned i = 0; i < sizeof patterns / sizeof *patterns; i++)
        assert_int_equal(match(patterns[i], "mx.example.org"), MATCH_NO);
    assert_int_equal(match("*.org", "example.org"), MATCH_NO);
    assert_int_equal(match("*.", "org."), MATCH_NO);
}

static void test_name_a_label_matches_an_a_label(void **state)
{
    (void)state;
    assert_int_equal(match("xn--bcher-kva.example", "XN--Bcher-KVA.example"), MATCH_YES);
    assert_int_equal(match("xn--bcher-kva.example", "b\xc3\xbc"
                                                    "cher.example"),
                     MATCH_NOT_CHECKABLE);
}

static void test_name_address_matches_an_address_alone(void **state)
{
    (void)state;
    assert_int_equal(match("192.0.2.7", "192.0.2.7"), MATCH_YES);
    assert_int_equal(match("192.0.2.7", "192.0.2.70"), MATCH_NO);
    assert_int_equal(match("DNS:192.0.2.7", "192.0.2.7"), MATCH_NO);
    assert_int_equal(match("*.0.2.7", "192.0.2.7"), MATCH_NO);
    assert_int_equal(match("2001:db8::1", "2001:DB8:0:0:0:0:0:1"), MATCH_YES);
    assert_int_equal(match("2001:db8::1", "2001:db8::2"), MATCH_NO);
    assert_int_equal(match("DNS:2001:db8::1", "2001:db8::1"), MATCH_NO);
    assert_int_equal(match("mx.example.org", "192.0.2.7"), MATCH_NO);
    assert_int_equal(match("192.0.2.7", "mx.example.org"), MATCH_NO);
}

static void test_name_escaped_matches_nothing(void **state)
{
    (void)state;
    assert_int_equal(match("bank.example\\00.evil.example", "bank.example"), MATCH_NO);
    assert_int_equal(match("bank.example\\00.evil.example", "bank.example\\00.evil.example"),
                     MATCH_NOT_CHECKABLE);
    assert_int_equal(match("*.evil\\00.example", "a.evil\\00.example"), MATCH_NOT_CHECKABLE);
}

static void test_name_no_host_is_not_checkable(void **state)
{
    (void)state;
    static const char *const hosts[] = {"",
                                        ".",
                                        "..",
                                        "a..b",
                                        ".a",
                                        "a b",
                                        "a@b",
                                        "[192.0.2.7]",
                                        "a\tb",
                                        "*.example.org",
                                        "mx.example.org.."};
    for (unsigned i = 0; i < sizeof hosts / sizeof *hosts; i++)
        assert_int_equal(match("mx.example.org,*.example.org,192.0.2.7", hosts[i]), MATCH_NOT_CHECKABLE);
    assert_int_equal(match("mx.example.org", NULL), MATCH_NOT_CHECKABLE);
    char longest[256];
    for (unsigned i = 0; i < 255; i++)
        longest[i] = i % 2 != 0 ? '.' : 'a';
    longest[253] = '\0';
    assert_int_equal(match(longest, longest), MATCH_YES);
    longest[253] = '.';
    longest[254] = 'a';
    longest[255] = '\0';
    assert_int_equal(match(longest, longest), MATCH_NOT_CHECKABLE);
}

static void test_name_without_a_list_matches_nothing(void **state)
{
    (void)state;
    /* The common name is not looked at (RFC 9525 s2). */
    struct certificate_chain c = {.parsed = true, .subject = "CN=mx.example.org"};
    assert_int_equal(certificate_matches(&c, "mx.example.org"), MATCH_NO);
    c.parsed = false;
    assert_int_equal(certificate_matches(&c, "mx.example.org"), MATCH_NOT_CHECKABLE);
}

static void test_name_cut_list_cannot_say_no(void **state)
{
    (void)state;
    struct certificate_chain c = {
        .parsed = true, .has_names = true, .names_cut = true, .names = "a.example.org"};
    assert_int_equal(certificate_matches(&c, "a.example.org"), MATCH_YES);
    assert_int_equal(certificate_matches(&c, "b.example.org"), MATCH_NOT_CHECKABLE);
    c.names[0] = '\0';
    assert_int_equal(certificate_matches(&c, "a.example.org"), MATCH_NOT_CHECKABLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_name_is_compared_whole_and_without_case),
        cmocka_unit_test(test_name_wildcard_stands_for_one_label),
        cmocka_unit_test(test_name_other_wildcards_stand_for_nothing),
        cmocka_unit_test(test_name_a_label_matches_an_a_label),
        cmocka_unit_test(test_name_address_matches_an_address_alone),
        cmocka_unit_test(test_name_escaped_matches_nothing),
        cmocka_unit_test(test_name_no_host_is_not_checkable),
        cmocka_unit_test(test_name_without_a_list_matches_nothing),
        cmocka_unit_test(test_name_cut_list_cannot_say_no),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
