/* The report for people: counts, what it says of nothing, and that no text from the wire reaches the
 * terminal raw. */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "report.h"

static void test_text_no_sessions_says_what_was_read_and_what_to_try(void **state)
{
    (void)state;
    struct run r;
    begin(&r);
    r.summary.inputs = 1;
    r.summary.counters[COUNTER_packets] = 1234;
    r.summary.counters[COUNTER_segments] = 1000;
    end(&r);
    SAYS("1 input, 1,234 packets\n");
    SAYS("1,000 TCP segments were read. The ports looked at: 24 25 110 143 465 587 993 995 2525 4190.");
    SAYS("name them in the configuration");
    SAYS("--any-tls");
    free(report);
    begin(&r);
    r.summary.inputs = 2;
    end(&r);
    SAYS("2 inputs, 0 packets\n");
    SAYS("No packet came through");
    free(report);
}

static void test_text_counts_sessions_findings_and_credentials(void **state)
{
    (void)state;
    struct run r;
    begin(&r);
    for (int i = 0; i < 1500; i++) {
        r.x.session.server_address.bytes[3] = (uint8_t)(i % 3);
        add(&r);
    }
    r.x.session.server_port = 25;
    r.x.session.role = ROLE_RELAY;
    memcpy(r.x.session.auth_mechanism, "LOGIN", 6);
    for (int i = 0; i < 7; i++)
        add(&r);
    r.x.session.mail.messages = 2;
    add(&r);
    r.summary.first_ns = r.x.session.first_ns;
    r.summary.last_ns = r.x.session.last_ns;
    end(&r);
    SAYS("2023-11-14 22:13:20 to 2023-11-14 22:13:21 UTC");
    SAYS("1,508 sessions with 4 servers:  smtp 1,508");
    SAYS("auth_in_clear: 1,508 sessions (1,500 critical, 8 high), 4 servers\n");
    SAYS("Passwords or tokens that could be read, by mechanism:\n  PLAIN ");
    SAYS("2 messages accepted without TLS, in 1 session.");
    SAYS("198.51.100.0 port 587, smtp, mx.example.org: 500 of 500 sessions");
    SAYS("198.51.100.2 port 25, smtp, mx.example.org: 8 of 8 sessions");
    assert_true(strstr(report, "port 587, smtp") < strstr(report, "port 25, smtp"));
    assert_true(strstr(report, "critical auth_in_clear") < strstr(report, "high     plaintext_session"));
    free(report);
}

static void test_text_funnel_shows_where_sessions_stop(void **state)
{
    (void)state;
    struct run r;
    begin(&r);
    struct session_mail *m = &r.x.session.mail;
    struct session_tls *t = &r.x.session.tls;
    m->auth_seen = m->auth_accepted = false;
    m->auth_exposure = AUTH_NOT_SEEN;
    add(&r);
    m->offer_starttls = m->offer_starttls_ever = true;
    add(&r);
    m->tls_asked = true;
    add(&r);
    m->tls_accepted = true;
    add(&r);
    t->begun = t->client_hello = true;
    add(&r);
    t->server_hello = true;
    t->version = 0x0304;
    t->has_cipher = true;
    t->cipher_suite = 0x1301;
    add(&r);
    t->established = t->client_encrypted = t->server_encrypted = true;
    add(&r);
    end(&r);
    SAYS("            sessions  offered    asked  accepted  ClientHello  ServerHello  established  unclear\n"
         "  smtp             7        6        5         4            3            2            1        ");
    SAYS("TLS1.3 ");
    SAYS("TLS_AES_128_GCM_SHA256 ");
    SAYS("\n  Shares of the 2 handshakes with a ServerHello");
    free(report);
}

static void test_text_hostile_names_are_escaped(void **state)
{
    (void)state;
    struct run r;
    begin(&r);
    memcpy(r.x.session.server_name, "\033[2J\r\nmx\xff\xe2\x80\xae {{x}} %n", 22);
    memcpy(r.x.session.auth_mechanism, "\033]0;x\007", 7);
    add(&r);
    end(&r);
    SAYS("\\x1b[2J\\x0d\\x0amx\\xff\\xe2\\x80\\xae {{x}} %n");
    SAYS("\\x1b]0;x\\x07");
    free(report);
}

static void test_text_interim_events_are_not_counted(void **state)
{
    (void)state;
    struct run r;
    begin(&r);
    r.x.session.final = false;
    add(&r);
    add(&r);
    r.x.session.final = true;
    add(&r);
    end(&r);
    SAYS("1 session with 1 server:");
    free(report);
}

static void test_text_quality_of_the_mirror_is_told(void **state)
{
    (void)state;
    struct run r;
    begin(&r);
    add(&r);
    end(&r);
    SAYS("Complete: both directions");
    assert_null(strstr(report, "mirror_"));
    assert_null(strstr(report, "VLANs seen"));
    free(report);
    begin(&r);
    r.x.session.side[SERVER] = (struct session_side){0};
    r.x.session.midstream = true;
    add(&r);
    r.summary.kernel_dropped = 12345;
    r.summary.counters[COUNTER_gaps] = 2;
    r.summary.inputs = 3;
    r.summary.inputs_broken = 1;
    r.summary.mirror.one_sided = (struct mirror_share){123, 500, true};
    r.summary.mirror.findings = UINT32_C(1) << MIRROR_one_sided;
    r.summary.mirror.marks.vlans[0] = UINT64_C(1) << 10 | UINT64_C(1) << 20;
    r.summary.mirror.marks.tunnels = UINT32_C(1) << TUNNEL_NONE | UINT32_C(1) << TUNNEL_VXLAN;
    end(&r);
    SAYS("  VLANs seen: 10, 20\n  Tunnels seen: vxlan\n");
    SAYS("  medium   mirror_one_sided: 24.6 % of 500 connections\n           Mirror both directions:");
    assert_null(strstr(report, "mirror_duplicates"));
    SAYS("1 of the inputs could not be read to the end");
    SAYS("1  sessions of which one direction was captured");
    SAYS("1  sessions whose beginning was not captured");
    SAYS("12,345  packets dropped by the kernel");
    SAYS("2  holes in a byte stream");
    SAYS("What could not be decided");
    free(report);
}

/* A scan of many harmless servers neither grows the table nor hides the one with a finding. */
static void test_text_flood_of_servers_keeps_the_bad_one(void **state)
{
    (void)state;
    struct run r;
    begin(&r);
    struct session bad = r.x.session;
    struct session harmless = bad;
    harmless.mail = (struct session_mail){.greeting_seen = true, .greeting_accepted = true};
    bad.server_address.bytes[0] = 203;
    r.x.session = harmless;
    sample_fill(&r.x);
    for (unsigned i = 0; i < 50000; i++) {
        memcpy(&r.x.session.server_address, &(uint32_t){i * 2654435761U}, 4);
        r.sink.event(r.sink.state, &r.x.event);
        if (i == 25000) {
            struct session kept = r.x.session;
            r.x.session = bad;
            add(&r);
            r.x.session = kept;
            sample_fill(&r.x);
        }
    }
    end(&r);
    SAYS("50,001 sessions with 8,192 servers or more");
    SAYS("203.51.100.25 port 587");
    SAYS("at least 1 server");
    free(report);
}

static void test_text_many_names_are_bounded(void **state)
{
    (void)state;
    static struct tally t;
    struct sample x;
    const struct tally_name *rows[3];
    sample_make(&x);
    for (int i = 0; i < 2000; i++) {
        snprintf(x.session.auth_mechanism, sizeof x.session.auth_mechanism, "%s%d",
                 i % 2 ? "MECHANISM-" : "PLAIN", i % 2 ? i : 0);
        tally_event(&t, &x.event);
    }
    assert_int_equal(t.clear_mechanisms.total, 2000);
    assert_true(t.clear_mechanisms.others > 0);
    assert_int_equal(tally_names_top(&t.clear_mechanisms, rows, 3), 3);
    assert_string_equal(rows[0]->text, "PLAIN0");
    assert_int_equal(rows[0]->count, 1000);
}

static void test_text_lines_one_a_session(void **state)
{
    (void)state;
    struct sink sink;
    struct sample x;
    char error[TEXT_ERROR_CAP];
    static const struct run_summary nothing;
    FILE *out = open_memstream(&report, &report_length);
    assert_true(text_open_lines(&sink, out, error));
    sample_make(&x);
    sink.event(sink.state, &x.event);
    x.session.final = false;
    sink.event(sink.state, &x.event);
    x.session.final = true;
    memcpy(x.session.server_name, "a\033[31m\n", 8);
    sink.event(sink.state, &x.event);
    assert_true(sink.finish(sink.state, &nothing));
    fclose(out);
    check_page(report, 1000);
    assert_int_equal(sample_count(report, "\n"), 2);
    SAYS("22:13:21 192.0.2.7 > 198.51.100.25 port 587, smtp plaintext: critical "
         "auth_in_clear,plaintext_session,");
    SAYS("(a\\x1b[31m\\x0a)");
    free(report);
}

static void test_text_unwritable_output_is_false(void **state)
{
    (void)state;
    struct run r;
    char error[TEXT_ERROR_CAP];
    FILE *full = fopen("/dev/full", "w");
    if (full == NULL)
        skip();
    memset(&r, 0, sizeof r);
    config_defaults(&config);
    assert_true(text_open(&r.sink, full, &config, error));
    sample_make(&r.x);
    add(&r);
    sample_stderr_catch();
    bool complete = r.sink.finish(r.sink.state, &r.summary);
    char *said = sample_stderr_release();
    fclose(full);
    assert_false(complete);
    assert_int_equal(sample_count(said, "\n"), 1);
    free(said);
}

static void test_page_bars_follow_the_locale(void **state)
{
    (void)state;
    for (int utf8 = 0; utf8 < 2; utf8++) {
        char *text = NULL;
        size_t length = 0;
        FILE *out = open_memstream(&text, &length);
        const struct page p = {.out = out, .utf8 = utf8, .width = 80};
        page_heading(&p, "T");
        page_row(&p, "half", 1, 2);
        page_row(&p, "little", 1, 100000);
        page_row(&p, "none", 0, 5);
        page_row(&p, "of nothing", 0, 0);
        fclose(out);
        check_page(text, 80);
        for (size_t i = 0; i < length; i++)
            assert_true(utf8 || (unsigned char)text[i] < 0x80);
        assert_non_null(strstr(text, utf8 ? "50.0 %  \u2588\u2588" : "50.0 %  ##"));
        assert_non_null(strstr(text, "      -\n"));
        free(text);
    }
}

static void test_page_wrap_keeps_the_width(void **state)
{
    (void)state;
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    const struct page p = {.out = out, .width = 20};
    page_wrap(&p, 0, 4, "one two three four five six");
    fclose(out);
    assert_string_equal(text, "one two three four\n    five six\n");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_no_sessions_says_what_was_read_and_what_to_try),
        cmocka_unit_test(test_text_counts_sessions_findings_and_credentials),
        cmocka_unit_test(test_text_funnel_shows_where_sessions_stop),
        cmocka_unit_test(test_text_hostile_names_are_escaped),
        cmocka_unit_test(test_text_interim_events_are_not_counted),
        cmocka_unit_test(test_text_quality_of_the_mirror_is_told),
        cmocka_unit_test(test_text_flood_of_servers_keeps_the_bad_one),
        cmocka_unit_test(test_text_many_names_are_bounded),
        cmocka_unit_test(test_text_lines_one_a_session),
        cmocka_unit_test(test_text_unwritable_output_is_false),
        cmocka_unit_test(test_page_bars_follow_the_locale),
        cmocka_unit_test(test_page_wrap_keeps_the_width),
    };
    (void)setlocale(LC_CTYPE, "C.UTF-8");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
