/* What must not be claimed of a session whose beginning, one direction or cleartext was not captured, and of TLS
 * that nobody asked for. Whole connections through the tracker. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "one_session.h"

/* Everything that was sent is in: one session must have come of it. */
static void finish(void)
{
    tracker_finish(tracker);
    assert_int_equal(session_count, 1);
}

static void send_records(enum side from, uint8_t content, size_t n)
{
    build_encrypted(out, content, n);
    send_out(from);
}

static void send_finished(enum side from)
{
    build_change_cipher_spec(out);
    send_records(from, 22, 40);
}

static void shake_hands(void)
{
    send_client_hello();
    build_server_hello(out, &(struct build_hello){.version = 0x0303, .session_id_bytes = 32});
    send_out(SERVER);
    send_finished(CLIENT);
    send_finished(SERVER);
    send_records(CLIENT, 23, 60);
    send_records(SERVER, 23, 60);
}

static void test_amid_tls_behind_lost_cleartext_is_not_implicit(void **state)
{
    (void)state;
    wire_open(&wire, tracker, 40000, 25);
    wire_handshake(&wire);
    wire.next[CLIENT] += 30;
    wire.next[SERVER] += 90;
    shake_hands();
    finish();
    assert_true(last.tls.established);
    assert_int_equal(policy_mode(&last), MODE_UNDECIDABLE);
    assert_int_equal(policy_starttls(&last), STARTTLS_UNKNOWN);
}

static void test_amid_tls_at_once_on_such_a_port_is_implicit(void **state)
{
    (void)state;
    wire_open(&wire, tracker, 40000, 25);
    wire_handshake(&wire);
    shake_hands();
    finish();
    assert_int_equal(policy_mode(&last), MODE_IMPLICIT);
}

static void test_amid_records_of_both_sides_are_tls(void **state)
{
    (void)state;
    static const uint16_t ports[] = {993, 25};
    for (size_t i = 0; i < 2; i++) {
        session_count = 0;
        wire_open(&wire, tracker, (uint16_t)(40000 + i), ports[i]);
        send_records(CLIENT, 23, 90);
        send_records(SERVER, 23, 700);
        finish();
        assert_true(last.tls.established);
        assert_int_equal(policy_mode(&last), i == 0 ? MODE_IMPLICIT : MODE_UNDECIDABLE);
        assert_int_equal(last.protocol, i == 0 ? PROTOCOL_IMAP : PROTOCOL_SMTP);
        assert_false(has_finding(RULE_tls_handshake_failed));
    }
}

static void test_amid_noise_is_neither_tls_nor_its_absence(void **state)
{
    (void)state;
    wire_open(&wire, tracker, 40000, 993);
    wire_send(&wire, CLIENT, "\x9c\x17\x03\x03\x00\x40\x80\x81\x82\x83", 10);
    wire_send(&wire, SERVER, "\xc1\xff\x00\x10\x20\x90\xa0\xb0\xd0\xe0", 10);
    finish();
    assert_int_equal(policy_mode(&last), MODE_UNDECIDABLE);
    assert_int_equal(policy_tls_state(&last), TLS_STATE_UNKNOWN);
}

static void test_amid_lines_of_a_mail_are_no_commands(void **state)
{
    (void)state;
    wire_open(&wire, tracker, 40000, 25);
    wire_say(&wire, CLIENT, "the log said:\r\nAUTH PLAIN AGFsaWNlAHB3\r\nSTARTTLS\r\nMAIL FROM:<x>\r\n.\r\n");
    wire_say(&wire, SERVER, "250 queued\r\n");
    wire_say(&wire, CLIENT, "QUIT\r\n");
    wire_say(&wire, SERVER, "221 bye\r\n");
    finish();
    assert_false(last.mail.auth_seen);
    assert_false(last.mail.tls_asked);
    assert_false(has_finding(RULE_command_injection));
    assert_false(has_finding(RULE_auth_in_clear));
}

static void test_amid_commands_count(void **state)
{
    (void)state;
    wire_open(&wire, tracker, 40000, 25);
    wire_say(&wire, CLIENT, "AUTH PLAIN AGFsaWNlAHB3\r\n");
    wire_say(&wire, SERVER, "235 ok\r\n");
    finish();
    assert_true(has_finding(RULE_auth_in_clear));
}

static void test_amid_body_behind_a_354_is_no_commands(void **state)
{
    (void)state;
    wire_open(&wire, tracker, 40000, 25);
    wire_say(&wire, SERVER, "354 go on\r\n");
    wire_say(&wire, CLIENT, "AUTH PLAIN AGFsaWNlAHB3\r\n.\r\n");
    wire_say(&wire, SERVER, "250 queued\r\n");
    finish();
    assert_false(last.mail.auth_seen);
    assert_int_equal(last.mail.messages, 1);
}

static void test_amid_tls_that_was_not_asked_for_leaves_plaintext(void **state)
{
    (void)state;
    for (int answered = 0; answered <= 1; answered++) {
        session_count = 0;
        wire_open(&wire, tracker, (uint16_t)(40000 + answered), 25);
        wire_handshake(&wire);
        wire_say(&wire, SERVER, "220 mx.example.org ESMTP\r\n");
        send_client_hello();
        if (answered)
            wire_say(&wire, SERVER, "500 5.5.2 bad syntax\r\n");
        wire_close(&wire);
        finish();
        assert_int_equal(policy_mode(&last), MODE_PLAINTEXT);
        assert_int_equal(policy_tls_state(&last), TLS_STATE_FAILED);
    }
}

static void test_amid_client_alone_went_on_under_protection(void **state)
{
    (void)state;
    wire_open(&wire, tracker, 40000, 993);
    send_client_hello();
    send_finished(CLIENT);
    send_records(CLIENT, 23, 60);
    finish();
    assert_int_equal(policy_tls_state(&last), TLS_STATE_ESTABLISHED);
}

static void test_amid_client_alone_of_tls13_is_not_hello_only(void **state)
{
    (void)state;
    wire_open(&wire, tracker, 40000, 993);
    send_client_hello();
    build_change_cipher_spec(out);
    send_records(CLIENT, 23, 53);
    finish();
    assert_int_equal(policy_tls_state(&last), TLS_STATE_UNKNOWN);
}

/* Whether it was answered is known only where the other direction was captured, and the end. */
static void test_amid_hello_alone_is_hello_only_where_all_was_seen(void **state)
{
    (void)state;
    for (int whole = 0; whole <= 1; whole++) {
        session_count = 0;
        wire_open(&wire, tracker, (uint16_t)(40000 + whole), 993);
        if (whole)
            wire_handshake(&wire);
        send_client_hello();
        if (whole)
            wire_close(&wire);
        finish();
        assert_int_equal(policy_tls_state(&last), whole ? TLS_STATE_HELLO_ONLY : TLS_STATE_UNKNOWN);
    }
}

static void test_amid_lines_of_a_stored_mail_are_no_commands(void **state)
{
    (void)state;
    wire_open(&wire, tracker, 40000, 143);
    wire_say(&wire, CLIENT, "Dear colleague,\r\nplease login here now\r\nx STARTTLS\r\n");
    wire_say(&wire, SERVER, "a3 OK stored\r\n");
    finish();
    assert_false(last.mail.auth_seen);
    assert_false(last.mail.tls_asked);
}

static void test_amid_literal_that_was_announced_before_is_no_command(void **state)
{
    (void)state;
    wire_open(&wire, tracker, 40000, 143);
    wire_say(&wire, SERVER, "+ go on\r\n");
    wire_say(&wire, CLIENT, "a LOGIN alice pw\r\nb STARTTLS\r\nand so on\r\n");
    wire_say(&wire, SERVER, "a3 OK stored\r\n");
    finish();
    assert_false(last.mail.auth_seen);
    assert_false(has_finding(RULE_command_injection));
}

static void test_amid_login_of_a_running_session_counts(void **state)
{
    (void)state;
    wire_open(&wire, tracker, 40000, 143);
    wire_say(&wire, CLIENT, "a LOGIN alice pw\r\n");
    wire_say(&wire, SERVER, "a OK in\r\n");
    finish();
    assert_true(has_finding(RULE_auth_in_clear));
}

static void test_amid_end_of_the_capture_before_the_go_ahead_leaves_the_mode_open(void **state)
{
    (void)state;
    for (int closed = 0; closed <= 1; closed++) {
        session_count = 0;
        wire_open(&wire, tracker, (uint16_t)(40000 + closed), 25);
        wire_handshake(&wire);
        wire_say(&wire, SERVER, "220 mx.example.org ESMTP\r\n");
        wire_say(&wire, CLIENT, "EHLO client.example.net\r\n");
        wire_say(&wire, SERVER, "250-mx.example.org\r\n250 STARTTLS\r\n");
        wire_say(&wire, CLIENT, "STARTTLS\r\n");
        if (closed)
            wire_close(&wire);
        finish();
        assert_int_equal(policy_mode(&last), closed ? MODE_PLAINTEXT : MODE_UNDECIDABLE);
    }
}

static void say_starttls(void)
{
    wire_handshake(&wire);
    wire_say(&wire, SERVER, "220 mx.example.org ESMTP\r\n");
    wire_say(&wire, CLIENT, "EHLO client.example.net\r\n");
    wire_say(&wire, SERVER, "250-mx.example.org\r\n250 STARTTLS\r\n");
    wire_say(&wire, CLIENT, "STARTTLS\r\n");
    wire_say(&wire, SERVER, "220 ready\r\n");
}

static void test_amid_starttls_on_a_tls_port_is_told(void **state)
{
    (void)state;
    wire_open(&wire, tracker, 40000, 465);
    say_starttls();
    shake_hands();
    finish();
    assert_int_equal(policy_mode(&last), MODE_STARTTLS);
    assert_int_equal(policy_starttls(&last), STARTTLS_UPGRADED);
    assert_true(has_finding(RULE_cleartext_on_tls_port));
}

/* A server that waited for the ClientHello in vain says good-bye in the clear; that forges nothing. */
static void test_amid_421_behind_the_go_ahead_is_no_injection(void **state)
{
    (void)state;
    for (int good_bye = 0; good_bye <= 1; good_bye++) {
        session_count = 0;
        wire_open(&wire, tracker, (uint16_t)(40000 + good_bye), 25);
        say_starttls();
        wire_say(&wire, SERVER, good_bye ? "421 4.4.2 timeout\r\n" : "250 ok\r\n");
        wire_close(&wire);
        finish();
        assert_int_equal(has_finding(RULE_response_injection), !good_bye);
    }
}

static void test_amid_bye_behind_the_go_ahead_is_no_injection(void **state)
{
    (void)state;
    for (int good_bye = 0; good_bye <= 1; good_bye++) {
        session_count = 0;
        wire_open(&wire, tracker, (uint16_t)(40000 + good_bye), 143);
        wire_handshake(&wire);
        wire_say(&wire, SERVER, "* OK [CAPABILITY IMAP4rev1 STARTTLS] ready\r\n");
        wire_say(&wire, CLIENT, "a STARTTLS\r\n");
        wire_say(&wire, SERVER, "a OK begin TLS\r\n");
        wire_say(&wire, SERVER, good_bye ? "* BYE Disconnected for inactivity.\r\n" : "* 9 EXISTS\r\n");
        wire_close(&wire);
        finish();
        assert_int_equal(has_finding(RULE_response_injection), !good_bye);
    }
}

static void test_amid_hello_in_vain_after_a_go_ahead_is_a_failure(void **state)
{
    (void)state;
    wire_open(&wire, tracker, 40000, 25);
    say_starttls();
    send_client_hello();
    wire_close(&wire);
    finish();
    assert_int_equal(policy_tls_state(&last), TLS_STATE_HELLO_ONLY);
    assert_true(has_finding(RULE_tls_handshake_failed));
}

static void test_amid_client_that_left_without_a_word_never_got_that_far(void **state)
{
    (void)state;
    wire_open(&wire, tracker, 40000, 25);
    wire_handshake(&wire);
    wire_say(&wire, SERVER, "554 5.7.1 mx.example.org does not like you\r\n");
    wire_close(&wire);
    finish();
    assert_int_equal(policy_starttls(&last), STARTTLS_NONE);
    assert_string_equal(last.server_name, "mx.example.org"); /* not the status code */
}

/* Before a PIX the banner is overwritten, behind it the command. Neither lets STARTTLS through. */
static void test_amid_ehlo_that_a_device_keeps_back_is_stripping(void **state)
{
    (void)state;
    for (int behind = 0; behind <= 1; behind++) {
        session_count = 0;
        wire_open(&wire, tracker, (uint16_t)(40000 + behind), 25);
        wire_handshake(&wire);
        wire_say(&wire, SERVER, behind ? "220 mx.example.org\r\n" : "220 *******0*2***********200*\r\n");
        wire_say(&wire, CLIENT, behind ? "XXXX client.example.net\r\n" : "EHLO client.example.net\r\n");
        wire_say(&wire, SERVER, "500 5.5.1 unrecognized\r\n");
        wire_say(&wire, CLIENT, "HELO client.example.net\r\n");
        wire_say(&wire, SERVER, "250 mx.example.org\r\n");
        wire_close(&wire);
        finish();
        assert_int_equal(policy_starttls(&last), STARTTLS_STRIPPED);
    }
}

static void test_amid_ehlo_that_a_server_does_not_know_is_none(void **state)
{
    (void)state;
    wire_open(&wire, tracker, 40000, 25);
    wire_handshake(&wire);
    wire_say(&wire, SERVER, "220 mx.example.org\r\n");
    wire_say(&wire, CLIENT, "EHLO client.example.net\r\n");
    wire_say(&wire, SERVER, "500 5.5.1 unrecognized\r\n");
    wire_close(&wire);
    finish();
    assert_int_equal(policy_starttls(&last), STARTTLS_UNKNOWN);
}

static void test_amid_text_behind_a_failed_handshake_is_plaintext(void **state)
{
    (void)state;
    wire_open(&wire, tracker, 40000, 25);
    say_starttls();
    send_client_hello();
    build_alert(out, 2, 40);
    send_out(SERVER);
    wire_say(&wire, CLIENT, "MAIL FROM:<a@example.net>\r\n");
    wire_say(&wire, SERVER, "250 ok\r\n");
    wire_close(&wire);
    finish();
    assert_int_equal(policy_mode(&last), MODE_PLAINTEXT);
    assert_int_equal(policy_starttls(&last), STARTTLS_FAILED);
    assert_true(has_finding(RULE_cleartext_after_go_ahead));
}

static void test_amid_proxy_header_on_another_port_hides_no_greeting(void **state)
{
    (void)state;
    static const char header[] = "PROXY TCP4 192.0.2.1 192.0.2.2 4000 10025\r\n";
    wire_open(&wire, tracker, 40000, 10025);
    wire_handshake(&wire);
    struct segment again = wire_segment(&wire, CLIENT, TCP_ACK, header, sizeof header - 1);
    wire_feed(&wire, &again);
    wire_say(&wire, CLIENT, header);
    wire_say(&wire, SERVER, "220 mx.example.org ESMTP\r\n");
    wire_say(&wire, CLIENT, "EHLO client.example.net\r\n");
    wire_say(&wire, SERVER, "250-mx.example.org\r\n250 SIZE\r\n");
    wire_close(&wire);
    finish();
    assert_int_equal(last.detected_by, DETECTED_BY_CONTENT);
    assert_string_equal(last.server_name, "mx.example.org");
    assert_int_equal(last.side[CLIENT].gap_bytes, 0);
    assert_int_equal(policy_starttls(&last), STARTTLS_NOT_OFFERED);
}

/* ServerHello to ServerHelloDone were lost: that the client goes on shows that they came. */
static void test_amid_lost_flight_of_the_server_is_no_silence(void **state)
{
    (void)state;
    for (int data = 0; data <= 1; data++) {
        session_count = 0;
        wire_open(&wire, tracker, (uint16_t)(40000 + data), 25);
        say_starttls();
        send_client_hello();
        wire.next[SERVER] += 1200;
        send_finished(CLIENT);
        if (data)
            send_records(CLIENT, 23, 60);
        wire_close(&wire);
        finish();
        assert_int_equal(policy_tls_state(&last), data ? TLS_STATE_ESTABLISHED : TLS_STATE_UNKNOWN);
    }
}

static void test_amid_server_that_hangs_up_on_a_hello_is_a_failure(void **state)
{
    (void)state;
    for (int hung_up = 0; hung_up <= 1; hung_up++) {
        session_count = 0;
        wire_open(&wire, tracker, (uint16_t)(40000 + hung_up), 993);
        wire_handshake(&wire);
        send_client_hello();
        struct segment reset = wire_segment(&wire, SERVER, TCP_RST | TCP_ACK, "", 0);
        if (hung_up)
            wire_feed(&wire, &reset);
        else
            wire_close(&wire); /* the client gave up waiting */
        finish();
        assert_int_equal(policy_tls_state(&last), TLS_STATE_HELLO_ONLY);
        assert_int_equal(has_finding(RULE_tls_handshake_failed), hung_up);
    }
}

/* The last that the server said was lost, and nothing came behind it but the FIN, or the client's acknowledgement. */
static void test_amid_lost_end_is_a_gap(void **state)
{
    (void)state;
    for (int fin = 0; fin <= 1; fin++) {
        session_count = 0;
        wire_open(&wire, tracker, (uint16_t)(40000 + fin), 25);
        wire_handshake(&wire);
        wire_say(&wire, SERVER, "220 mx.example.org ESMTP\r\n");
        wire_say(&wire, CLIENT, "STARTTLS\r\n");
        wire.next[SERVER] += 25;
        struct segment answer = wire_segment(&wire, fin ? SERVER : CLIENT, fin ? TCP_FIN | TCP_ACK : TCP_ACK,
                                             "", 0);
        wire_feed(&wire, &answer);
        finish();
        assert_int_equal(last.side[SERVER].gap_bytes, 25);
        assert_int_equal(policy_starttls(&last), STARTTLS_UNKNOWN);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_amid_tls_behind_lost_cleartext_is_not_implicit),
        TEST(test_amid_tls_at_once_on_such_a_port_is_implicit),
        TEST(test_amid_records_of_both_sides_are_tls),
        TEST(test_amid_noise_is_neither_tls_nor_its_absence),
        TEST(test_amid_lines_of_a_mail_are_no_commands),
        TEST(test_amid_commands_count),
        TEST(test_amid_body_behind_a_354_is_no_commands),
        TEST(test_amid_tls_that_was_not_asked_for_leaves_plaintext),
        TEST(test_amid_client_alone_went_on_under_protection),
        TEST(test_amid_client_alone_of_tls13_is_not_hello_only),
        TEST(test_amid_hello_alone_is_hello_only_where_all_was_seen),
        TEST(test_amid_lines_of_a_stored_mail_are_no_commands),
        TEST(test_amid_literal_that_was_announced_before_is_no_command),
        TEST(test_amid_login_of_a_running_session_counts),
        TEST(test_amid_end_of_the_capture_before_the_go_ahead_leaves_the_mode_open),
        TEST(test_amid_starttls_on_a_tls_port_is_told),
        TEST(test_amid_421_behind_the_go_ahead_is_no_injection),
        TEST(test_amid_bye_behind_the_go_ahead_is_no_injection),
        TEST(test_amid_hello_in_vain_after_a_go_ahead_is_a_failure),
        TEST(test_amid_client_that_left_without_a_word_never_got_that_far),
        TEST(test_amid_ehlo_that_a_device_keeps_back_is_stripping),
        TEST(test_amid_ehlo_that_a_server_does_not_know_is_none),
        TEST(test_amid_text_behind_a_failed_handshake_is_plaintext),
        TEST(test_amid_proxy_header_on_another_port_hides_no_greeting),
        TEST(test_amid_lost_flight_of_the_server_is_no_silence),
        TEST(test_amid_server_that_hangs_up_on_a_hello_is_a_failure),
        TEST(test_amid_lost_end_is_a_gap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
