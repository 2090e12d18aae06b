/* SMTP, where a dialog file does not reach: what is left in the state, and what is too long for a file. */
#include "tests/parsers/play.h"

#include "parsers/smtp.h"

static struct play greeted(void)
{
    struct play p = play_start(&smtp_parser);
    play_text(&p, SERVER, "220 mx\r\n");
    play_text(&p, CLIENT, "EHLO c\r\n");
    play_text(&p, SERVER, "250 mx\r\n");
    return p;
}

static void test_smtp_state_is_small(void **unused)
{
    (void)unused;
    assert_true(smtp_parser.size < 2700);
    assert_int_equal(smtp_parser.size, sizeof(struct smtp));
}

static void test_smtp_split_credential_is_wiped(void **unused)
{
    (void)unused;
    struct play p = greeted();
    play_text(&p, CLIENT, "AUTH PLAIN QUxJQ0Vh");
    play_text(&p, CLIENT, "bGljZQ==\r");
    play_text(&p, CLIENT, "\n");
    assert_false(play_holds(&p, "QUxJQ0"));
    assert_false(play_holds(&p, "bGljZ"));
    play_text(&p, SERVER, "535 no\r\n");
    play_text(&p, CLIENT, "AUTH LOGIN\r\n");
    play_text(&p, SERVER, "334 VXNlcm5hbWU6\r\n");
    play_text(&p, CLIENT, "bmFt");
    play_text(&p, CLIENT, "ZQ==\r\n");
    play_text(&p, SERVER, "334 UGFzc3dvcmQ6\r\n");
    play_text(&p, CLIENT, "cGFz");
    play_text(&p, CLIENT, "cw==\r\n");
    assert_false(play_holds(&p, "bmFt") || play_holds(&p, "cGFz"));
    play_expect(&p, "greeting helo capabilities auth auth_refused auth auth_secret ");
}

static void test_smtp_credential_is_wiped_at_a_gap_and_at_tls(void **unused)
{
    (void)unused;
    struct play p = greeted();
    play_text(&p, CLIENT, "STARTTLS\r\nAUTH PLAIN QUxJQ0Vh");
    assert_true(play_holds(&p, "QUxJQ0Vh"));
    play_text(&p, CLIENT, "\x16\x03\x01");
    assert_false(play_holds(&p, "QUxJQ0Vh"));
    play_expect(&p, "greeting helo capabilities tls_asked plaintext_after_tls_asked tls_begins ");

    p = greeted();
    play_text(&p, CLIENT, "AUTH PLAIN QUxJQ0Vh");
    smtp_parser.gap(p.state, CLIENT);
    assert_false(play_holds(&p, "QUxJQ0Vh"));
    play_expect(&p, "greeting helo capabilities ");
}

static void test_smtp_body_is_not_copied(void **unused)
{
    (void)unused;
    struct play p = greeted();
    play_text(&p, CLIENT, "DATA\r\n");
    play_text(&p, SERVER, "354 go\r\n");
    play_text(&p, CLIENT, "Subject: hidden");
    play_text(&p, CLIENT, " words\r\n");
    assert_false(play_holds(&p, "hidden") || play_holds(&p, "words"));
    play_expect(&p, "greeting helo capabilities ");
}

static void pipeline(struct play *p, const char *command, unsigned times)
{
    for (unsigned i = 0; i < times; i++)
        play_text(p, CLIENT, command);
}

static void answer(struct play *p, const char *reply, unsigned times)
{
    for (unsigned i = 0; i < times; i++)
        play_text(p, SERVER, reply);
}

static void test_smtp_full_queue_is_still_paired(void **unused)
{
    (void)unused;
    struct play p = greeted();
    pipeline(&p, "NOOP\r\n", PAIRING_CAP - 1);
    play_text(&p, CLIENT, "MAIL FROM:<a@example.org>\r\n");
    answer(&p, "250 ok\r\n", PAIRING_CAP);
    play_expect(&p, "greeting helo capabilities transaction ");
}

static void test_smtp_queue_overflow_says_nothing_until_empty(void **unused)
{
    (void)unused;
    struct play p = greeted();
    pipeline(&p, "NOOP\r\n", PAIRING_CAP);
    play_text(&p, CLIENT, "MAIL FROM:<a@example.org>\r\nSTARTTLS\r\nRSET\r\n");
    answer(&p, "250 ok\r\n", PAIRING_CAP + 1);
    play_text(&p, SERVER, "220 go\r\n250 ok\r\n");
    play_text(&p, CLIENT, "MAIL FROM:<a@example.org>\r\n");
    answer(&p, "250 ok\r\n", 1);
    play_expect(&p, "greeting helo capabilities tls_asked transaction ");
}

static void test_smtp_queue_overflow_of_lmtp_is_not_counted(void **unused)
{
    (void)unused;
    struct play p = play_start(&smtp_parser);
    play_text(&p, SERVER, "220 mx\r\n");
    play_text(&p, CLIENT, "LHLO c\r\n");
    play_text(&p, SERVER, "250 mx\r\n");
    play_text(&p, CLIENT, "MAIL FROM:<a@example.org>\r\n");
    pipeline(&p, "RCPT TO:<b@example.org>\r\n", PAIRING_CAP + 6);
    play_text(&p, CLIENT, "DATA\r\n");
    answer(&p, "250 ok\r\n", PAIRING_CAP + 7);
    play_text(&p, SERVER, "354 go\r\n");
    play_text(&p, CLIENT, "x\r\n.\r\nMAIL FROM:<a@example.org>\r\n");
    answer(&p, "250 ok\r\n", PAIRING_CAP + 7);
    play_expect(&p, "greeting helo capabilities transaction message_accepted ");
}

static void test_smtp_bdat_sizes(void **unused)
{
    (void)unused;
    struct play p = greeted();
    play_text(&p, CLIENT, "BDAT 100000\r\n");
    play_octets(&p, CLIENT, '\n', 100000);
    play_text(&p, CLIENT, "STARTTLS\r\n");
    play_expect(&p, "greeting helo capabilities tls_asked ");

    static const char *const bad[] = {"BDAT\r\n",         "BDAT -1\r\n",
                                      "BDAT 1x LAST\r\n", "BDAT 9223372036854775808\r\n",
                                      "BDAT LAST\r\n",    "BDAT 99999999999999999999999 LAST\r\n",
                                      "BDAT 1 FIRST\r\n", "BDAT 1 LAST LAST\r\n"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        p = greeted();
        play_text(&p, CLIENT, bad[i]);
        play_text(&p, CLIENT, "STARTTLS\r\nAUTH PLAIN AGEAYg==\r\n");
        assert_false(p.lost);
        play_expect(&p, "greeting helo capabilities ");
    }
}

static void test_smtp_bdat_of_the_largest_size_takes_all(void **unused)
{
    (void)unused;
    struct play p = greeted();
    play_text(&p, CLIENT, "BDAT 9223372036854775800 LAST\r\n");
    play_octets(&p, CLIENT, 'x', 5000);
    play_text(&p, CLIENT, "\r\nSTARTTLS\r\n");
    play_expect(&p, "greeting helo capabilities ");
}

static void test_smtp_endless_line_is_one_line(void **unused)
{
    (void)unused;
    struct play p = greeted();
    play_octets(&p, CLIENT, 'x', 1000000);
    play_text(&p, CLIENT, "\r\nMAIL FROM:<a@example.org>\r\n");
    play_octets(&p, SERVER, 'y', 1000000);
    play_text(&p, SERVER, "\r\n500 what\r\n250 ok\r\n");
    play_expect(&p, "greeting helo capabilities transaction ");
}

static void test_smtp_lost_turn_is_final(void **unused)
{
    (void)unused;
    struct play p = greeted();
    play_text(&p, CLIENT, "TURN\r\n");
    assert_false(p.lost);
    play_text(&p, SERVER, "250 ok\r\n");
    assert_true(p.lost);
    play_text(&p, CLIENT, "220 mx\r\n");
    play_text(&p, SERVER, "STARTTLS\r\n");
    play_expect(&p, "greeting helo capabilities ");
}

static void test_smtp_tls_begins_only_once(void **unused)
{
    (void)unused;
    struct play p = greeted();
    play_text(&p, CLIENT, "STARTTLS\r\n");
    play_text(&p, SERVER, "220 go\r\n");
    play_text(&p, CLIENT, "\x16\x03\x01");
    play_text(&p, CLIENT, "\x16\x03\x01 AUTH PLAIN AGEAYg==\r\nQUIT\r\n");
    play_expect(&p, "greeting helo capabilities tls_asked tls_accepted tls_begins ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_smtp_state_is_small),
        cmocka_unit_test(test_smtp_split_credential_is_wiped),
        cmocka_unit_test(test_smtp_credential_is_wiped_at_a_gap_and_at_tls),
        cmocka_unit_test(test_smtp_body_is_not_copied),
        cmocka_unit_test(test_smtp_full_queue_is_still_paired),
        cmocka_unit_test(test_smtp_queue_overflow_says_nothing_until_empty),
        cmocka_unit_test(test_smtp_queue_overflow_of_lmtp_is_not_counted),
        cmocka_unit_test(test_smtp_bdat_sizes),
        cmocka_unit_test(test_smtp_bdat_of_the_largest_size_takes_all),
        cmocka_unit_test(test_smtp_endless_line_is_one_line),
        cmocka_unit_test(test_smtp_lost_turn_is_final),
        cmocka_unit_test(test_smtp_tls_begins_only_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
