/* What looks like TLS and protects nothing: a port that answers plaintext with an alert, octets that only resemble
 * a record, a hello that nobody wanted, a client that goes on in the clear. Whole connections through the tracker. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "one_session.h"

static void begin(uint16_t server_port)
{
    session_count = 0;
    wire_open(&wire, tracker, 40000, server_port);
    wire_handshake(&wire);
}

/* Closed, and one session must have come of it. */
static void finish(void)
{
    wire_close(&wire);
    tracker_finish(tracker);
    assert_int_equal(session_count, 1);
}

static void say_ehlo(void)
{
    wire_say(&wire, SERVER, "220 mx.example.org ESMTP\r\n");
    wire_say(&wire, CLIENT, "EHLO client.example.net\r\n");
    wire_say(&wire, SERVER, "250-mx.example.org\r\n250 STARTTLS\r\n");
}

static void say_mail(void)
{
    wire_say(&wire, CLIENT, "MAIL FROM:<a@example.net>\r\n");
    wire_say(&wire, SERVER, "250 ok\r\n");
    wire_say(&wire, CLIENT, "RCPT TO:<b@example.org>\r\n");
    wire_say(&wire, SERVER, "250 ok\r\n");
    wire_say(&wire, CLIENT, "DATA\r\n");
    wire_say(&wire, SERVER, "354 go on\r\n");
    wire_say(&wire, CLIENT, "hello\r\n.\r\n");
    wire_say(&wire, SERVER, "250 taken\r\n");
}

static void test_unsealed_login_that_a_tls_port_answers_with_an_alert_is_plaintext(void **state)
{
    (void)state;
    begin(993);
    wire_say(&wire, CLIENT, "a LOGIN alice secret\r\n");
    build_alert(out, 2, 70);
    send_out(SERVER);
    finish();
    assert_int_equal(policy_mode(&last), MODE_PLAINTEXT);
    assert_int_equal(policy_tls_state(&last), TLS_STATE_FAILED);
    assert_true(has_finding(RULE_auth_in_clear));
    assert_true(has_finding(RULE_plaintext_session));
    assert_false(has_finding(RULE_cleartext_on_tls_port)); /* the server spoke TLS */
}

static void test_unsealed_hello_that_such_a_port_answers_with_an_alert_is_implicit(void **state)
{
    (void)state;
    begin(993);
    send_client_hello();
    build_alert(out, 2, 40);
    send_out(SERVER);
    finish();
    assert_int_equal(policy_mode(&last), MODE_IMPLICIT);
    assert_int_equal(policy_tls_state(&last), TLS_STATE_FAILED);
}

/* Text of any kind shows that the port does not speak TLS; octets that are neither show nothing. */
static void test_unsealed_text_for_a_hello_is_cleartext_on_a_tls_port(void **state)
{
    (void)state;
    static const char *const answers[] = {"HTTP/1.1 400 Bad Request\r\n\r\n", "\x81\x02\x03\x04\x05\x06\x07"};
    for (int binary = 0; binary <= 1; binary++) {
        begin(993);
        send_client_hello();
        wire_say(&wire, SERVER, answers[binary]);
        finish();
        assert_int_equal(policy_mode(&last), binary ? MODE_IMPLICIT : MODE_PLAINTEXT);
        assert_int_equal(has_finding(RULE_cleartext_on_tls_port), !binary);
        teardown(state);
        setup(state);
    }
}

/* The text may be the middle of a record whose beginning was lost. */
static void test_unsealed_text_behind_a_hole_shows_nothing(void **state)
{
    (void)state;
    begin(993);
    send_client_hello();
    wire.next[SERVER] += 900;
    wire_say(&wire, SERVER, "looks like text, is ciphertext");
    finish();
    assert_int_equal(policy_mode(&last), MODE_IMPLICIT);
    assert_false(has_finding(RULE_cleartext_on_tls_port));
}

static void test_unsealed_alert_in_place_of_a_hello_is_a_failure(void **state)
{
    (void)state;
    begin(993);
    build_alert(out, 2, 80);
    send_out(CLIENT);
    finish();
    assert_int_equal(last.protocol, PROTOCOL_IMAP);
    assert_int_equal(policy_mode(&last), MODE_IMPLICIT);
    assert_int_equal(policy_tls_state(&last), TLS_STATE_FAILED);
}

/* What telnet asks for first looks like the length of an SSLv2 record. */
static void test_unsealed_telnet_options_hide_no_dialogue(void **state)
{
    (void)state;
    for (unsigned cut = 0; cut <= 3; cut++) {
        begin(25);
        wire.cut = cut;
        wire_send(&wire, CLIENT, "\xff\xfb\x1f\xff\xfb\x20\xff\xfb\x18", 9);
        wire_say(&wire, CLIENT, "\r\n");
        wire_say(&wire, SERVER, "220 mx.example.org ESMTP\r\n500 what?\r\n");
        wire_say(&wire, CLIENT, "HELO client\r\n");
        wire_say(&wire, SERVER, "250 mx.example.org\r\n");
        say_mail();
        finish();
        assert_int_equal(last.mail.messages, 1);
        assert_true(last.mail.helo_seen);
        assert_false(last.tls.begun);
        assert_int_equal(policy_mode(&last), MODE_PLAINTEXT);
        teardown(state);
        setup(state);
    }
}

/* A line that begins like a handshake record must not hide the login behind it. */
static void test_unsealed_line_that_begins_like_a_record_hides_no_login(void **state)
{
    (void)state;
    for (unsigned cut = 0; cut <= 2; cut++) {
        begin(587);
        wire.cut = cut;
        say_ehlo();
        wire_say(&wire, CLIENT, "\x16\r\n");
        wire_say(&wire, SERVER, "500 what?\r\n");
        wire_say(&wire, CLIENT, "AUTH PLAIN AGEAYg==\r\n");
        wire_say(&wire, SERVER, "235 welcome\r\n");
        finish();
        assert_true(has_finding(RULE_auth_in_clear));
        assert_int_equal(policy_starttls(&last), STARTTLS_NOT_USED);
        teardown(state);
        setup(state);
    }
}

/* Nor must a whole ClientHello that the server takes for a bad command. */
static void test_unsealed_hello_amid_commands_hides_no_login(void **state)
{
    (void)state;
    for (unsigned cut = 0; cut <= 2; cut++) {
        begin(587);
        wire.cut = cut;
        say_ehlo();
        send_client_hello();
        wire_say(&wire, CLIENT, "\r\n");
        wire_say(&wire, SERVER, "500 what?\r\n");
        wire_say(&wire, CLIENT, "AUTH PLAIN AGEAYg==\r\n");
        wire_say(&wire, SERVER, "235 welcome\r\n");
        finish();
        assert_int_equal(policy_mode(&last), MODE_PLAINTEXT);
        assert_int_equal(policy_tls_state(&last), TLS_STATE_FAILED);
        assert_int_equal(policy_starttls(&last), STARTTLS_NOT_USED);
        assert_true(has_finding(RULE_auth_in_clear));
        teardown(state);
        setup(state);
    }
}

/* An injected command that begins like a record is counted, and ends. */
static void test_unsealed_injected_line_may_begin_like_a_record(void **state)
{
    (void)state;
    begin(25);
    say_ehlo();
    wire_say(&wire, CLIENT, "STARTTLS\r\n\x16NOOP\r\n");
    wire_say(&wire, SERVER, "220 ready\r\n");
    finish();
    assert_int_equal(last.mail.injected_command_bytes, 7);
}

static void test_unsealed_hello_after_a_refusal_is_plaintext(void **state)
{
    (void)state;
    for (int goes_on = 0; goes_on <= 1; goes_on++) {
        begin(587);
        say_ehlo();
        wire_say(&wire, CLIENT, "STARTTLS\r\n");
        wire_say(&wire, SERVER, "454 not now\r\n");
        send_client_hello();
        wire_say(&wire, SERVER, "500 what?\r\n");
        if (goes_on)
            say_mail();
        finish();
        assert_int_equal(policy_mode(&last), MODE_PLAINTEXT);
        assert_int_equal(policy_starttls(&last), STARTTLS_REFUSED);
        assert_int_equal(last.mail.messages, goes_on);
        assert_int_equal(has_finding(RULE_plaintext_fallback), goes_on);
        teardown(state);
        setup(state);
    }
}

/* The server says in the clear that its handshake failed, and the client sends its mail all the same. */
static void test_unsealed_mail_behind_a_failed_handshake_counts(void **state)
{
    (void)state;
    for (int alert = 0; alert <= 1; alert++) {
        begin(587);
        say_ehlo();
        wire_say(&wire, CLIENT, "STARTTLS\r\n");
        wire_say(&wire, SERVER, "220 ready\r\n");
        send_client_hello();
        if (alert)
            build_alert(out, 2, 40);
        else
            build_text(out, "454 TLS failed\r\n");
        send_out(SERVER);
        say_mail();
        finish();
        assert_int_equal(policy_mode(&last), MODE_PLAINTEXT);
        assert_int_equal(policy_starttls(&last), STARTTLS_FAILED);
        assert_int_equal(last.mail.messages, 1);
        assert_true(has_finding(RULE_cleartext_after_go_ahead));
        assert_false(has_finding(RULE_response_injection));
        teardown(state);
        setup(state);
    }
}

/* A handshake that looks good and is not carried through: the mail behind it is in the clear. */
static void test_unsealed_mail_behind_half_a_handshake_counts(void **state)
{
    (void)state;
    for (int finished = 0; finished <= 1; finished++) {
        begin(25);
        say_ehlo();
        wire_say(&wire, CLIENT, "STARTTLS\r\n");
        wire_say(&wire, SERVER, "220 ready\r\n");
        send_client_hello();
        build_server_hello(out, &(struct build_hello){.version = 0x0303});
        send_out(SERVER);
        if (finished) {
            build_change_cipher_spec(out);
            build_encrypted(out, 22, 40);
            send_out(CLIENT);
        }
        say_mail();
        finish();
        assert_int_equal(policy_mode(&last), MODE_PLAINTEXT);
        assert_int_equal(policy_starttls(&last), STARTTLS_FAILED);
        assert_int_equal(last.mail.messages, 1);
        assert_true(has_finding(RULE_message_in_clear));
        teardown(state);
        setup(state);
    }
}

/* Asked again on the same connection, and now it works. */
static void test_unsealed_second_attempt_may_seal_it_after_all(void **state)
{
    (void)state;
    begin(25);
    say_ehlo();
    wire_say(&wire, CLIENT, "STARTTLS\r\n");
    wire_say(&wire, SERVER, "454 not now\r\n");
    send_client_hello();
    wire_say(&wire, SERVER, "500 what?\r\n");
    wire_say(&wire, CLIENT, "STARTTLS\r\n");
    wire_say(&wire, SERVER, "220 ready\r\n");
    send_client_hello();
    build_server_hello(out, &(struct build_hello){.version = 0x0303});
    send_out(SERVER);
    for (int side = CLIENT; side <= SERVER; side++) {
        build_change_cipher_spec(out);
        build_encrypted(out, 22, 40);
        send_out((enum side)side);
    }
    finish();
    assert_true(last.tls.established);
    assert_int_equal(policy_mode(&last), MODE_STARTTLS);
    assert_int_equal(policy_starttls(&last), STARTTLS_UPGRADED);
}

/* A mirror whose ports lag behind each other: the greeting comes when STARTTLS was captured already, and the go-ahead
 * behind it is none that was injected. */
static void test_unsealed_late_greeting_is_no_go_ahead(void **state)
{
    (void)state;
    session_count = 0;
    wire_open(&wire, tracker, 40000, 4190);
    struct segment syn = wire_segment(&wire, CLIENT, TCP_SYN, NULL, 0);
    wire_feed(&wire, &syn);
    struct segment answer = wire_segment(&wire, SERVER, TCP_SYN | TCP_ACK, NULL, 0);
    wire.next[CLIENT]++;
    wire.next[SERVER]++;
    wire_say(&wire, CLIENT, "STARTTLS\r\n");
    wire_feed(&wire, &answer);
    wire_say(&wire, SERVER, "\"SASL\" \"\"\r\n\"STARTTLS\"\r\nOK\r\n");
    wire_say(&wire, SERVER, "OK \"begin\"\r\n");
    send_client_hello();
    finish();
    assert_false(has_finding(RULE_response_injection));
    assert_int_equal(policy_mode(&last), MODE_STARTTLS);
    assert_int_equal(policy_starttls(&last), STARTTLS_UNKNOWN);
}

/* ... or the answers come before their commands: a QUIT behind a STARTTLS that was answered long ago is no injection. */
static void test_unsealed_late_commands_are_no_injection(void **state)
{
    (void)state;
    session_count = 0;
    wire_open(&wire, tracker, 40000, 25);
    struct segment syn = wire_segment(&wire, CLIENT, TCP_SYN, NULL, 0);
    wire.next[CLIENT]++;
    struct segment answer = wire_segment(&wire, SERVER, TCP_SYN | TCP_ACK, NULL, 0);
    wire.next[SERVER]++;
    wire_feed(&wire, &answer);
    wire_say(&wire, SERVER, "220 mx.example.org ESMTP\r\n");
    wire_feed(&wire, &syn);
    wire.next[CLIENT] += 25 + 10; /* EHLO and STARTTLS, that were answered */
    wire_say(&wire, SERVER, "250-mx.example.org\r\n250 STARTTLS\r\n454 not now\r\n");
    wire.next[CLIENT] -= 25 + 10;
    wire_say(&wire, CLIENT, "EHLO client.example.net\r\n");
    wire_say(&wire, CLIENT, "STARTTLS\r\n");
    wire_say(&wire, CLIENT, "QUIT\r\n");
    wire_say(&wire, SERVER, "221 bye\r\n");
    finish();
    assert_false(has_finding(RULE_command_injection));
    assert_false(has_finding(RULE_tls_handshake_failed));
}

/* TLS that is broken is TLS all the same: what follows a record of an impossible length is no text. */
static void test_unsealed_broken_record_is_no_text(void **state)
{
    (void)state;
    begin(25);
    say_ehlo();
    wire_say(&wire, CLIENT, "STARTTLS\r\n");
    wire_say(&wire, SERVER, "220 ready\r\n");
    wire_send(&wire, CLIENT, "\x16\x03\x01\xff\xff\x01\x02", 7);
    build_alert(out, 2, 22);
    send_out(SERVER);
    finish();
    assert_int_equal(policy_mode(&last), MODE_STARTTLS);
    assert_int_equal(last.tls.alert_description, 22);
    assert_false(has_finding(RULE_cleartext_after_go_ahead));
}

static void send_tls13_hellos(void)
{
    static struct build extensions;
    extensions.n = 0;
    build_supported_versions(&extensions, (uint16_t[]){0x0304}, 1);
    build_client_hello(out, &(struct build_hello){.version = 0x0303, .extensions = &extensions});
    send_out(CLIENT);
    extensions.n = 0;
    build_selected_version(&extensions, 0x0304);
    uint16_t suite = 0x1301;
    build_server_hello(out,
                       &(struct build_hello){
                           .version = 0x0303, .suites = &suite, .suite_count = 1, .extensions = &extensions});
    build_encrypted(out, 23, 900);
    send_out(SERVER);
}

/* The server's answer to a certificate of the client is protected in TLS 1.3; an alert of its own shows by its size,
 * and by what does not follow. */
static void test_unsealed_certificate_of_the_client_waits_for_the_answer(void **state)
{
    (void)state;
    static const size_t answers[] = {0, 19, 255};
    static const enum tls_state states[] = {TLS_STATE_FAILED, TLS_STATE_FAILED, TLS_STATE_ESTABLISHED};
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        begin(993);
        send_tls13_hellos();
        build_encrypted(out, 23, 900); /* Certificate, CertificateVerify, Finished */
        build_encrypted(out, 23, 280);
        build_encrypted(out, 23, 53);
        send_out(CLIENT);
        if (answers[i] > 0) {
            build_encrypted(out, 23, answers[i]);
            send_out(SERVER);
        }
        finish();
        assert_int_equal(policy_tls_state(&last), states[i]);
        teardown(state);
        setup(state);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_unsealed_login_that_a_tls_port_answers_with_an_alert_is_plaintext),
        TEST(test_unsealed_hello_that_such_a_port_answers_with_an_alert_is_implicit),
        TEST(test_unsealed_text_for_a_hello_is_cleartext_on_a_tls_port),
        TEST(test_unsealed_text_behind_a_hole_shows_nothing),
        TEST(test_unsealed_alert_in_place_of_a_hello_is_a_failure),
        TEST(test_unsealed_telnet_options_hide_no_dialogue),
        TEST(test_unsealed_line_that_begins_like_a_record_hides_no_login),
        TEST(test_unsealed_hello_amid_commands_hides_no_login),
        TEST(test_unsealed_injected_line_may_begin_like_a_record),
        TEST(test_unsealed_hello_after_a_refusal_is_plaintext),
        TEST(test_unsealed_mail_behind_a_failed_handshake_counts),
        TEST(test_unsealed_mail_behind_half_a_handshake_counts),
        TEST(test_unsealed_second_attempt_may_seal_it_after_all),
        TEST(test_unsealed_late_greeting_is_no_go_ahead),
        TEST(test_unsealed_late_commands_are_no_injection),
        TEST(test_unsealed_broken_record_is_no_text),
        TEST(test_unsealed_certificate_of_the_client_waits_for_the_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
