/* One connection's ordered bytes into facts: what the handshake came to, and what of it stays open. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sensor/audit/policy.h"
#include "sensor/track/conversation.h"
#include "tests/build.h"

static struct counters counters;
static struct stores stores;
static struct session_shared shared = {.counters = &counters, .stores = &stores};
static struct build *out;
static struct build *part;

static int setup(void **state)
{
    (void)state;
    shared.digester = digest_open();
    shared.fingerprints = fingerprints_open(shared.digester);
    out = calloc(1, sizeof *out);
    part = calloc(1, sizeof *part);
    return shared.digester == NULL || out == NULL || part == NULL || !stores_open(&stores, 4, 16384);
}

static int teardown(void **state)
{
    (void)state;
    fingerprints_close(shared.fingerprints);
    digest_close(shared.digester);
    free(out);
    free(part);
    stores_close(&stores);
    return 0;
}

static void begin(struct conversation *c, enum protocol protocol)
{
    memset(c->mail_state, 0, sizeof c->mail_state); /* as the pool has it */
    session_begin(c, &shared, protocol);
    for (int side = CLIENT; side <= SERVER; side++) {
        c->facts.side[side].packets = 5;
        c->facts.side[side].bytes = 500;
        c->facts.side[side].fin_seen = true;
    }
    out->n = part->n = 0;
}

/* What was built goes to the session, in a heap block of its exact size. */
static void send_out(struct conversation *c, enum side from)
{
    uint8_t *copy = build_exact(out->bytes, out->n);
    session_bytes(c, from, span_of(copy, out->n));
    free(copy);
    out->n = 0;
}

static void say(struct conversation *c, enum side from, const char *text)
{
    build_text(out, text);
    send_out(c, from);
}

static void ask_for_tls(struct conversation *c)
{
    say(c, SERVER, "220 mx.example.org ESMTP\r\n");
    say(c, CLIENT, "EHLO client.example.net\r\n");
    say(c, SERVER, "250-mx.example.org\r\n250 STARTTLS\r\n");
    say(c, CLIENT, "STARTTLS\r\n");
    say(c, SERVER, "220 ready\r\n");
}

static void send_client_hello(struct conversation *c, uint16_t highest, uint8_t session_id_bytes)
{
    uint16_t versions[2] = {highest, 0x0303};
    part->n = 0;
    if (highest == 0x0304)
        build_supported_versions(part, versions, 2);
    build_client_hello(out, &(struct build_hello){.version = highest == 0x0304 ? 0x0303 : highest,
                                                  .session_id_bytes = session_id_bytes,
                                                  .extensions = part->n > 0 ? part : NULL});
    send_out(c, CLIENT);
}

static void send_server_hello(struct conversation *c, uint16_t version, uint16_t suite,
                              uint8_t session_id_bytes)
{
    part->n = 0;
    if (version == 0x0304)
        build_selected_version(part, 0x0304);
    build_server_hello(out, &(struct build_hello){.version = version == 0x0304 ? 0x0303 : version,
                                                  .suites = &suite,
                                                  .suite_count = 1,
                                                  .session_id_bytes = session_id_bytes,
                                                  .extensions = part->n > 0 ? part : NULL});
    send_out(c, SERVER);
}

static void send_certificate(struct conversation *c)
{
    part->n = 0;
    struct build *body = calloc(1, sizeof *body);
    assert_non_null(body);
    build_fill(body, 2500);
    build_handshake(part, 11, body->bytes, body->n);
    build_record(out, 22, 0x0303, part->bytes, part->n);
    free(body);
    send_out(c, SERVER);
}

static void send_finished(struct conversation *c, enum side from)
{
    build_change_cipher_spec(out);
    build_encrypted(out, 22, 40);
    send_out(c, from);
}

static void send_data(struct conversation *c, enum side from, size_t n)
{
    build_encrypted(out, 23, n);
    send_out(c, from);
}

static void test_session_tls12_is_established_by_both_finished(void **state)
{
    (void)state;
    static struct conversation c;
    begin(&c, PROTOCOL_SMTP);
    ask_for_tls(&c);
    send_client_hello(&c, 0x0303, 0);
    send_server_hello(&c, 0x0303, 0xc02f, 32);
    send_certificate(&c);
    send_finished(&c, CLIENT);
    assert_false(c.facts.tls.established);
    send_finished(&c, SERVER);
    assert_true(c.facts.tls.established);
    assert_true(session_fate_known(&c));
    assert_false(c.facts.tls.resumed);
    session_end(&c);
    assert_int_equal(stores.rooms.in_use, 0);
}

static void test_session_tls13_refused_by_an_alert_sized_record_is_not_established(void **state)
{
    (void)state;
    for (int refused = 0; refused <= 1; refused++) {
        static struct conversation c;
        begin(&c, PROTOCOL_SMTP);
        ask_for_tls(&c);
        send_client_hello(&c, 0x0304, 32);
        send_server_hello(&c, 0x0304, 0x1301, 32);
        send_data(&c, SERVER, 900);
        build_change_cipher_spec(out);
        send_out(&c, CLIENT);
        send_data(&c, CLIENT, refused ? 19 : 53);
        assert_int_equal(c.facts.tls.established, !refused);
        assert_int_equal(policy_tls_state(&c.facts), refused ? TLS_STATE_FAILED : TLS_STATE_ESTABLISHED);
        session_end(&c);
    }
}

static void test_session_hello_retry_keeps_the_final_choice(void **state)
{
    (void)state;
    static struct conversation c;
    static const uint8_t retry[32] = {0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c,
                                      0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb,
                                      0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c};
    begin(&c, PROTOCOL_IMAP);
    c.facts.tls_port = true;
    send_client_hello(&c, 0x0304, 32);
    uint16_t suite = 0x1302;
    build_selected_version(part, 0x0304);
    part->n = 0;
    build_selected_version(part, 0x0304);
    build_server_hello(out, &(struct build_hello){.version = 0x0303,
                                                  .random = retry,
                                                  .suites = &suite,
                                                  .suite_count = 1,
                                                  .session_id_bytes = 32,
                                                  .extensions = part});
    build_change_cipher_spec(out);
    send_out(&c, SERVER);
    build_change_cipher_spec(out);
    send_out(&c, CLIENT);
    assert_true(c.facts.tls.hello_retry);
    assert_false(c.facts.tls.server_hello);
    send_client_hello(&c, 0x0304, 32);
    send_server_hello(&c, 0x0304, 0x1302, 32);
    send_data(&c, SERVER, 700);
    send_data(&c, CLIENT, 69);
    assert_true(c.facts.tls.established);
    assert_int_equal(c.facts.tls.cipher_suite, 0x1302);
    assert_int_equal(policy_mode(&c.facts), MODE_IMPLICIT);
    session_end(&c);
}

static void test_session_echoed_session_id_is_resumption_below_tls13(void **state)
{
    (void)state;
    static struct conversation c;
    begin(&c, PROTOCOL_SMTP);
    ask_for_tls(&c);
    send_client_hello(&c, 0x0303, 32);
    send_server_hello(&c, 0x0303, 0xc02f, 32);
    assert_true(c.facts.tls.resumed);
    send_certificate(&c); /* who sends one resumes nothing, whatever it echoes */
    assert_false(c.facts.tls.resumed);
    session_end(&c);
    begin(&c, PROTOCOL_SMTP);
    ask_for_tls(&c);
    send_client_hello(&c, 0x0303, 0);
    send_server_hello(&c, 0x0303, 0xc02f, 0);
    send_finished(&c, SERVER); /* a ticket without a session id: no certificate, straight to the Finished */
    assert_true(c.facts.tls.resumed);
    session_end(&c);
    begin(&c, PROTOCOL_SMTP);
    ask_for_tls(&c);
    send_client_hello(&c, 0x0304, 32);
    send_server_hello(&c, 0x0304, 0x1301, 32);
    assert_false(c.facts.tls.resumed);
    session_end(&c);
}

static void test_session_fatal_alert_is_a_failure_and_close_notify_is_not(void **state)
{
    (void)state;
    static struct conversation c;
    begin(&c, PROTOCOL_SMTP);
    ask_for_tls(&c);
    send_client_hello(&c, 0x0301, 0);
    build_alert(out, 2, 70);
    send_out(&c, SERVER);
    assert_true(c.facts.tls.alert_seen);
    assert_int_equal(c.facts.tls.alert_description, 70);
    assert_int_equal(policy_starttls(&c.facts), STARTTLS_FAILED);
    session_end(&c);
    begin(&c, PROTOCOL_SMTP);
    ask_for_tls(&c);
    send_client_hello(&c, 0x0303, 0);
    build_alert(out, 1, 0);
    send_out(&c, SERVER);
    assert_false(c.facts.tls.alert_seen);
    session_end(&c);
}

static void test_session_plaintext_server_on_a_tls_port_is_not_encrypted(void **state)
{
    (void)state;
    static struct conversation c;
    begin(&c, PROTOCOL_SMTP);
    c.facts.tls_port = true;
    send_client_hello(&c, 0x0303, 0);
    say(&c, SERVER, "402 error\r\n402 error\r\n");
    session_end(&c);
    assert_int_equal(policy_mode(&c.facts), MODE_PLAINTEXT);
    assert_int_equal(policy_tls_state(&c.facts), TLS_STATE_FAILED);
    struct judgement j;
    policy_judge(&(struct facts){.session = &c.facts, .host = ""}, &j);
    assert_int_equal(j.findings[0].rule, RULE_cleartext_on_tls_port);
}

static void test_session_gap_in_the_handshake_leaves_the_suite_open(void **state)
{
    (void)state;
    static struct conversation c;
    begin(&c, PROTOCOL_SMTP);
    ask_for_tls(&c);
    send_client_hello(&c, 0x0303, 0);
    build_hex(out, "16 0303 0051 02 00004d");
    send_out(&c, SERVER);
    session_gap(&c, SERVER, 1460);
    send_finished(&c, CLIENT);
    send_finished(&c, SERVER);
    session_end(&c);
    assert_false(c.facts.tls.server_hello);
    assert_true(c.facts.side[SERVER].gap_in_handshake);
    assert_int_equal(policy_tls_state(&c.facts), TLS_STATE_UNKNOWN);
    struct judgement j;
    policy_judge(&(struct facts){.session = &c.facts, .host = ""}, &j);
    assert_int_equal(j.verdict, VERDICT_UNDECIDABLE);
    assert_int_equal(stores.rooms.in_use, 0);
}

static void test_session_login_in_the_clear_settles_imap_but_not_smtp(void **state)
{
    (void)state;
    static struct conversation c;
    begin(&c, PROTOCOL_IMAP);
    say(&c, SERVER, "* OK [CAPABILITY IMAP4rev1 STARTTLS] ready\r\n");
    say(&c, CLIENT, "a login reader secret\r\n");
    assert_false(session_fate_known(&c));
    say(&c, SERVER, "a OK in\r\n");
    assert_true(session_fate_known(&c));
    assert_true(c.facts.mail.used_while_offered);
    session_end(&c);
    begin(&c, PROTOCOL_SMTP);
    say(&c, SERVER, "220 mx.example.org ESMTP\r\n");
    say(&c, CLIENT, "EHLO a.example\r\n");
    say(&c, SERVER, "250-mx.example.org\r\n250 AUTH PLAIN\r\n");
    say(&c, CLIENT, "AUTH PLAIN AGEAYg==\r\n");
    say(&c, SERVER, "235 ok\r\n");
    assert_false(session_fate_known(&c));
    assert_int_equal(c.facts.mail.auth_exposure, AUTH_READABLE);
    session_end(&c);
}

static void test_session_fall_back_after_a_refusal_is_noted(void **state)
{
    (void)state;
    static struct conversation c;
    begin(&c, PROTOCOL_SMTP);
    say(&c, SERVER, "220 mx.example.org ESMTP\r\n");
    say(&c, CLIENT, "EHLO a.example\r\n");
    say(&c, SERVER, "250-mx.example.org\r\n250 STARTTLS\r\n");
    say(&c, CLIENT, "STARTTLS\r\n");
    say(&c, SERVER, "454 not now\r\n");
    say(&c, CLIENT, "MAIL FROM:<a@example.net>\r\n");
    say(&c, SERVER, "250 ok\r\n");
    session_end(&c);
    assert_true(c.facts.mail.fallback_after_refusal);
    assert_false(c.facts.mail.used_while_offered);
    assert_int_equal(policy_starttls(&c.facts), STARTTLS_REFUSED);
}

static void test_session_rsa_key_transport_tells_the_keys_size(void **state)
{
    (void)state;
    static struct conversation c;
    begin(&c, PROTOCOL_SMTP);
    ask_for_tls(&c);
    send_client_hello(&c, 0x0303, 0);
    send_server_hello(&c, 0x0303, 0x009c, 0);
    uint8_t body[2 + 256] = {1, 0};
    part->n = 0;
    build_handshake(part, 16, body, sizeof body);
    build_record(out, 22, 0x0303, part->bytes, part->n);
    send_out(&c, CLIENT);
    assert_int_equal(c.facts.tls.rsa_exchange_bits, 2048);
    session_end(&c);
}

static void test_session_fingerprint_of_a_hello_seen_before_is_not_computed_again(void **state)
{
    (void)state;
    static struct conversation c;
    uint64_t before = fingerprints_computed(shared.fingerprints);
    char first[FINGERPRINT_JA4_BYTES] = "";
    for (int i = 0; i < 100; i++) {
        begin(&c, PROTOCOL_SMTP);
        ask_for_tls(&c);
        send_client_hello(&c, 0x0302, (uint8_t)(i % 33)); /* what is no part of a fingerprint may change */
        if (i == 0)
            memcpy(first, c.facts.tls.ja4, sizeof first);
        assert_string_equal(c.facts.tls.ja4, first);
        assert_true(c.facts.tls.has_ja3);
        session_end(&c);
    }
    assert_int_equal(fingerprints_computed(shared.fingerprints) - before, 1);
    begin(&c, PROTOCOL_SMTP);
    ask_for_tls(&c);
    send_client_hello(&c, 0x0301, 0);
    assert_string_not_equal(c.facts.tls.ja4, first);
    session_end(&c);
}

static void test_session_no_secret_is_left_in_the_conversation(void **state)
{
    (void)state;
    static struct conversation c;
    static const char secret[] = "hunter2planted";
    begin(&c, PROTOCOL_POP3);
    say(&c, SERVER, "+OK ready\r\n");
    say(&c, CLIENT, "USER reader\r\nPASS hunter2planted\r\n");
    assert_null(memmem(&c, sizeof c, secret, sizeof secret - 1));
    assert_null(memmem(&c, sizeof c, "reader", 6));
    say(&c, SERVER, "+OK\r\n+OK\r\n");
    session_end(&c);
    assert_int_equal(c.facts.mail.auth_exposure, AUTH_READABLE);
}

static void check_offers(const uint16_t *suites, size_t count, bool aead, bool ecdhe)
{
    struct conversation c;
    begin(&c, PROTOCOL_OTHER);
    assert_false(c.facts.tls.offers_aead || c.facts.tls.offers_ecdhe);
    build_client_hello(out, &(struct build_hello){.version = 0x0303, .suites = suites, .suite_count = count});
    send_out(&c, CLIENT);
    assert_true(c.facts.tls.client_hello);
    assert_int_equal(c.facts.tls.offers_aead, aead);
    assert_int_equal(c.facts.tls.offers_ecdhe, ecdhe);
}

/* GREASE, and values that only signal, are no offers. */
static void test_session_offers_of_aead_and_ecdhe(void **state)
{
    (void)state;
    check_offers((uint16_t[]){0x1301, 0x002f}, 2, true, true);
    check_offers((uint16_t[]){0x00ff, 0xc013, 0x009c}, 3, true, true);
    check_offers((uint16_t[]){0xc013, 0xc014, 0xcafe}, 3, false, true);
    check_offers((uint16_t[]){0x009c, 0x009e}, 2, true, false);
    check_offers((uint16_t[]){0x0a0a, 0x00ff, 0x5600, 0x002f, 0x0033}, 5, false, false);
}

static void test_session_offers_in_an_ssl2_hello(void **state)
{
    (void)state;
    for (int whole = 0; whole < 2; whole++) {
        struct conversation c;
        begin(&c, PROTOCOL_OTHER);
        part->n = 0;
        build_ssl2_client_hello(part, 0x0303, (uint32_t[]){0x01c02f, 0x00002f, whole ? 0x00c02f : 0x000035},
                                3);
        build_ssl2_record(out, part->bytes, part->n, 0);
        send_out(&c, CLIENT);
        assert_true(c.facts.tls.client_hello_ssl2);
        assert_int_equal(c.facts.tls.offers_aead, whole);
        assert_int_equal(c.facts.tls.offers_ecdhe, whole);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_session_offers_of_aead_and_ecdhe),
        cmocka_unit_test(test_session_offers_in_an_ssl2_hello),
        cmocka_unit_test(test_session_tls12_is_established_by_both_finished),
        cmocka_unit_test(test_session_tls13_refused_by_an_alert_sized_record_is_not_established),
        cmocka_unit_test(test_session_hello_retry_keeps_the_final_choice),
        cmocka_unit_test(test_session_echoed_session_id_is_resumption_below_tls13),
        cmocka_unit_test(test_session_fatal_alert_is_a_failure_and_close_notify_is_not),
        cmocka_unit_test(test_session_plaintext_server_on_a_tls_port_is_not_encrypted),
        cmocka_unit_test(test_session_gap_in_the_handshake_leaves_the_suite_open),
        cmocka_unit_test(test_session_login_in_the_clear_settles_imap_but_not_smtp),
        cmocka_unit_test(test_session_fall_back_after_a_refusal_is_noted),
        cmocka_unit_test(test_session_rsa_key_transport_tells_the_keys_size),
        cmocka_unit_test(test_session_fingerprint_of_a_hello_seen_before_is_not_computed_again),
        cmocka_unit_test(test_session_no_secret_is_left_in_the_conversation),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
