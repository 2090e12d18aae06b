#include "sensor/capture/filter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <pcap/pcap.h>

#include "tests/build.h"
#include "tests/frame_samples.h"

enum { ETHERNET = 1, RAW_BSD = 12, COOKED = 113 };

static const uint16_t MAIL_PORTS[] = {24, 25, 110, 143, 465, 587, 993, 995, 2525, 4190};

static struct filter_request mail_request(const char *extra)
{
    return (struct filter_request){
        .ports = MAIL_PORTS, .port_count = sizeof MAIL_PORTS / sizeof MAIL_PORTS[0], .extra = extra};
}

static bool compile(int link_type, const char *text, struct bpf_program *program)
{
    pcap_t *dead = pcap_open_dead(link_type, 262144);
    assert_non_null(dead);
    int rc = pcap_compile(dead, program, text, 1, PCAP_NETMASK_UNKNOWN);
    if (rc != 0)
        print_message("%s\n", pcap_geterr(dead));
    pcap_close(dead);
    return rc == 0;
}

static bool text_matches(const char *text, int link_type, const struct frame *f)
{
    struct bpf_program program;
    assert_true(compile(link_type, text, &program));
    struct span frame = frame_span(f);
    uint8_t *copy = build_exact(frame.p, frame.n);
    struct pcap_pkthdr header = {.caplen = (bpf_u_int32)frame.n, .len = (bpf_u_int32)frame.n};
    bool matched = pcap_offline_filter(&program, &header, copy) != 0;
    free(copy);
    pcap_freecode(&program);
    return matched;
}

static bool matches(const struct filter_request *request, const struct frame *f)
{
    char text[FILTER_CAP_BYTES];
    size_t n = filter_text(request, text);
    assert_int_equal(n, strlen(text));
    assert_true(n > 0);
    return text_matches(text, ETHERNET, f);
}

/* A segment to the port, under any number of tags. */
static void build_tagged(struct frame *f, bool v6, uint16_t port, unsigned tags)
{
    frame_payload(f, "x");
    frame_tcp(f, 40000, port, 1, 0x18);
    if (v6)
        frame_ipv6(f, FRAME_CLIENT_6, FRAME_SERVER_6, FRAME_TCP);
    else
        frame_ipv4(f, FRAME_CLIENT_4, FRAME_SERVER_4, FRAME_TCP);
    uint16_t type = v6 ? 0x86dd : 0x0800;
    for (unsigned i = 0; i < tags; i++) {
        frame_vlan(f, 100 + i, type);
        type = i == 0 ? 0x8100 : 0x88a8;
    }
    frame_ethernet(f, type);
}

static void test_filter_every_port_matches_with_up_to_two_tags(void **state)
{
    (void)state;
    struct filter_request request = mail_request(NULL);
    for (size_t i = 0; i < request.port_count; i++) {
        for (unsigned tags = 0; tags <= 2; tags++) {
            for (unsigned v6 = 0; v6 < 2; v6++) {
                struct frame f;
                build_tagged(&f, v6, MAIL_PORTS[i], tags);
                assert_true(matches(&request, &f));
            }
        }
    }
}

static void test_filter_other_ports_do_not_match(void **state)
{
    (void)state;
    static const uint16_t others[] = {0, 23, 26, 80, 443, 588, 26143, 65535};
    struct filter_request request = mail_request(NULL);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        for (unsigned tags = 0; tags <= 3; tags++) {
            struct frame f;
            build_tagged(&f, tags % 2, others[i], tags);
            assert_false(matches(&request, &f));
        }
    }
    struct frame f; /* UDP to a mail port */
    frame_payload(&f, "x");
    frame_udp(&f, 40000, 25);
    frame_ipv4(&f, FRAME_CLIENT_4, FRAME_SERVER_4, FRAME_UDP);
    frame_ethernet(&f, 0x0800);
    assert_false(matches(&request, &f));
}

static void test_filter_one_port_and_reply_direction_match(void **state)
{
    (void)state;
    static const uint16_t port = 25;
    struct filter_request request = {.ports = &port, .port_count = 1};
    struct frame f;
    frame_payload(&f, "220 ready\r\n");
    frame_tcp(&f, 25, 40000, 1, 0x18);
    frame_ipv4(&f, FRAME_SERVER_4, FRAME_CLIENT_4, FRAME_TCP);
    frame_ethernet(&f, 0x0800);
    assert_true(matches(&request, &f));
}

static bool is_whole_tunnel(const struct frame_sample *sample)
{
    return sample->tunnel[0] != '\0' || strcmp(sample->name, "service_tag") == 0;
}

/* Not said by BPF, see filter.h; and LLC frames, which no mail server has sent in decades. */
static bool is_beyond_bpf(const struct frame_sample *sample)
{
    return strcmp(sample->name, "ipv6_extensions") == 0 ||
           strcmp(sample->name, "authentication_header") == 0 || strcmp(sample->name, "snap") == 0;
}

static void test_filter_takes_whole_tunnels_only_when_asked(void **state)
{
    (void)state;
    struct filter_request plain = mail_request(NULL);
    struct filter_request with_tunnels = plain;
    with_tunnels.tunnels = true;
    for (size_t i = 0; i < FRAME_SAMPLE_COUNT; i++) {
        const struct frame_sample *sample = &frame_samples[i];
        if (sample->link_type != ETHERNET || is_beyond_bpf(sample))
            continue;
        struct frame f;
        sample->build(&f);
        print_message("%s\n", sample->name);
        assert_true(matches(&with_tunnels, &f));
        assert_int_equal(matches(&plain, &f), !is_whole_tunnel(sample));
    }
}

static void test_filter_tunnels_match_under_tags(void **state)
{
    (void)state;
    struct filter_request request = mail_request(NULL);
    request.tunnels = true;
    for (unsigned tags = 0; tags <= 2; tags++) {
        static const uint8_t protocols[] = {FRAME_GRE, FRAME_IPIP, FRAME_IPV6};
        for (size_t i = 0; i < sizeof protocols; i++) {
            struct frame f;
            uint16_t type = 0x0800;
            frame_payload(&f, "inner");
            frame_ipv4(&f, "10.0.0.1", "10.0.0.2", protocols[i]);
            for (unsigned t = 0; t < tags; t++, type = 0x8100)
                frame_vlan(&f, 100, type);
            frame_ethernet(&f, type);
            assert_true(matches(&request, &f));
        }
        static const uint16_t types[] = {0x8847, 0x8848, 0x8864, 0x88e7};
        for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
            struct frame f;
            uint16_t type = types[i];
            frame_payload(&f, "inner");
            for (unsigned t = 0; t < tags; t++, type = 0x8100)
                frame_vlan(&f, 100, type);
            frame_ethernet(&f, type);
            assert_true(matches(&request, &f));
        }
    }
}

static void test_filter_fragments_match_only_when_asked(void **state)
{
    (void)state;
    struct filter_request plain = mail_request(NULL);
    struct filter_request with_fragments = plain;
    with_fragments.fragments = true;
    struct frame f; /* the second fragment of something */
    frame_payload(&f, "no ports here");
    frame_ipv4(&f, FRAME_CLIENT_4, FRAME_SERVER_4, FRAME_TCP);
    *frame_byte(&f, 7) = 0x20;
    frame_vlan(&f, 100, 0x0800);
    frame_ethernet(&f, 0x8100);
    assert_false(matches(&plain, &f));
    assert_true(matches(&with_fragments, &f));
    frame_payload(&f, "no ports here");
    frame_fragment(&f, FRAME_TCP, 0x100);
    frame_ipv6(&f, FRAME_CLIENT_6, FRAME_SERVER_6, 44);
    frame_ethernet(&f, 0x86dd);
    assert_false(matches(&plain, &f));
    assert_true(matches(&with_fragments, &f));
    build_tagged(&f, false, 80, 1); /* DF is no fragment */
    assert_false(matches(&with_fragments, &f));
}

static void test_filter_extra_means_the_same_under_tags(void **state)
{
    (void)state;
    struct filter_request this_host = mail_request("host " FRAME_CLIENT_4 " or net 203.0.113.0/24");
    struct filter_request other_host = mail_request("host 192.0.2.99 or net 203.0.113.0/24");
    for (unsigned tags = 0; tags <= 2; tags++) {
        struct frame f;
        build_tagged(&f, false, 25, tags);
        assert_true(matches(&this_host, &f));
        assert_false(matches(&other_host, &f));
        build_tagged(&f, false, 80, tags);
        assert_false(matches(&this_host, &f));
    }
}

static void test_filter_extra_alone_needs_no_ports(void **state)
{
    (void)state;
    struct filter_request request = {.extra = "tcp port 8025"};
    struct frame f;
    build_tagged(&f, true, 8025, 1);
    assert_true(matches(&request, &f));
    build_tagged(&f, true, 25, 1);
    assert_false(matches(&request, &f));
}

static void test_filter_extra_with_vlan_names_the_tag(void **state)
{
    (void)state;
    struct filter_request request = mail_request("vlan 100 and host " FRAME_CLIENT_4);
    struct frame f;
    build_tagged(&f, false, 25, 1);
    assert_true(matches(&request, &f));
    build_tagged(&f, false, 80, 1);
    assert_false(matches(&request, &f));
    build_tagged(&f, false, 25, 0);
    assert_false(matches(&request, &f));
    request.extra = "vlan 101"; /* the outer of two: the ports are looked for behind both */
    build_tagged(&f, false, 25, 2);
    assert_true(matches(&request, &f));
    request.extra = "vlan 102";
    assert_false(matches(&request, &f));
}

static void test_filter_word_inside_another_word_is_not_vlan(void **state)
{
    (void)state;
    char text[FILTER_CAP_BYTES];
    struct filter_request request = mail_request("host vlan-gateway.example.org");
    assert_true(filter_text(&request, text) > 0);
    assert_non_null(strstr(text, " or (vlan and "));
    assert_non_null(strstr(strstr(text, " or (vlan and ") + 1, " or (vlan and "));
}

static void test_filter_untagged_part_serves_links_without_tags(void **state)
{
    (void)state;
    static const int links[] = {0, 9, RAW_BSD, 50, 108, COOKED, 228, 229, 276};
    char text[FILTER_CAP_BYTES];
    char untagged[FILTER_CAP_BYTES];
    struct filter_request request = mail_request("not port 9999");
    request.fragments = true;
    assert_true(filter_text(&request, text) > 0);
    size_t n = filter_untagged(text, untagged);
    assert_true(n > 0);
    assert_int_equal(n, strlen(untagged));
    for (size_t i = 0; i < sizeof links / sizeof links[0]; i++) {
        struct bpf_program program;
        assert_true(compile(links[i], untagged, &program));
        pcap_freecode(&program);
    }
    struct frame f;
    frame_mail_4(&f, "x");
    assert_true(text_matches(untagged, RAW_BSD, &f));
    frame_cooked(&f, 0x0800);
    assert_true(text_matches(untagged, COOKED, &f));
    assert_int_equal(filter_untagged("tcp port 25", untagged), 0);
    assert_string_equal(untagged, "");
    assert_int_equal(filter_untagged("(tcp or (vlan and udp))", untagged), 0);
}

static void test_filter_without_ports_and_extra_is_empty(void **state)
{
    (void)state;
    char text[FILTER_CAP_BYTES] = "x";
    struct filter_request request = {.extra = ""};
    assert_int_equal(filter_text(&request, text), 0);
    assert_string_equal(text, "");
}

static void test_filter_that_does_not_fit_is_refused(void **state)
{
    (void)state;
    static uint16_t ports[1200];
    char text[FILTER_CAP_BYTES];
    for (size_t i = 0; i < sizeof ports / sizeof ports[0]; i++)
        ports[i] = (uint16_t)(10000 + i);
    struct filter_request request = {.ports = ports, .port_count = 1200};
    assert_int_equal(filter_text(&request, text), 0);
    assert_string_equal(text, "");
    request.port_count = 250;
    assert_true(filter_text(&request, text) > 0);
    struct bpf_program program;
    assert_true(compile(ETHERNET, text, &program));
    assert_true(program.bf_len < 4096); /* what the Linux kernel takes */
    pcap_freecode(&program);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_filter_every_port_matches_with_up_to_two_tags),
        cmocka_unit_test(test_filter_other_ports_do_not_match),
        cmocka_unit_test(test_filter_one_port_and_reply_direction_match),
        cmocka_unit_test(test_filter_takes_whole_tunnels_only_when_asked),
        cmocka_unit_test(test_filter_tunnels_match_under_tags),
        cmocka_unit_test(test_filter_fragments_match_only_when_asked),
        cmocka_unit_test(test_filter_extra_means_the_same_under_tags),
        cmocka_unit_test(test_filter_extra_alone_needs_no_ports),
        cmocka_unit_test(test_filter_extra_with_vlan_names_the_tag),
        cmocka_unit_test(test_filter_word_inside_another_word_is_not_vlan),
        cmocka_unit_test(test_filter_untagged_part_serves_links_without_tags),
        cmocka_unit_test(test_filter_without_ports_and_extra_is_empty),
        cmocka_unit_test(test_filter_that_does_not_fit_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
