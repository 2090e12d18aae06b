/* POP3, where a dialog file does not reach: what is left in the state, and what is too long for a file. */
#include "tests/parsers/play.h"

#include "parsers/pop3.h"

static struct play greeted(void)
{
    struct play p = play_start(&pop3_parser);
    play_text(&p, SERVER, "+OK ready\r\n");
    return p;
}

static void test_pop3_state_is_small(void **unused)
{
    (void)unused;
    assert_true(pop3_parser.size < 2700);
    assert_int_equal(pop3_parser.size, sizeof(struct pop3));
}

static void test_pop3_split_password_is_wiped(void **unused)
{
    (void)unused;
    struct play p = greeted();
    play_text(&p, CLIENT, "USER ali");
    play_text(&p, CLIENT, "ce\r\nPASS hun");
    assert_false(play_holds(&p, "ali"));
    play_text(&p, CLIENT, "ter22\r\n");
    assert_false(play_holds(&p, "hun") || play_holds(&p, "ter22"));
    play_expect(&p, "greeting auth auth_secret ");
}

static void test_pop3_password_is_wiped_at_a_gap(void **unused)
{
    (void)unused;
    struct play p = greeted();
    play_text(&p, CLIENT, "PASS hunter22");
    pop3_parser.gap(p.state, CLIENT);
    assert_false(play_holds(&p, "hunter22"));
    play_expect(&p, "greeting ");
}

static void test_pop3_message_is_not_copied(void **unused)
{
    (void)unused;
    struct play p = greeted();
    play_text(&p, CLIENT, "RETR 1\r\nCAPA\r\n");
    play_text(&p, SERVER, "+OK\r\nSubject: hid");
    play_text(&p, SERVER, "den\r\n");
    assert_false(play_holds(&p, "hid") || play_holds(&p, "den"));
    play_octets(&p, SERVER, '\n', 100000);
    play_text(&p, SERVER, "\r\n.\r\n+OK\r\nSTLS\r\n.\r\n");
    play_expect(&p, "greeting capabilities ");
}

/* With a forgotten command, a reply and the line of a message can no longer be told apart. */
static void test_pop3_queue_overflow_says_nothing_from_there_on(void **unused)
{
    (void)unused;
    struct play p = greeted();
    play_text(&p, CLIENT, "STLS\r\n");
    for (unsigned i = 0; i < PAIRING_CAP - 1; i++)
        play_text(&p, CLIENT, "NOOP\r\n");
    play_text(&p, CLIENT, "RETR 1\r\nCAPA\r\n");
    play_text(&p, SERVER, "-ERR no\r\n");
    for (unsigned i = 0; i < PAIRING_CAP - 1; i++)
        play_text(&p, SERVER, "+OK\r\n");
    play_text(&p, SERVER, "+OK\r\n+OK\r\nSTLS\r\n.\r\n+OK\r\nSTLS\r\n.\r\n");
    play_text(&p, CLIENT, "CAPA\r\n");
    play_text(&p, SERVER, "-ERR\r\n");
    for (char *word = strstr(p.said, "plaintext"); word != NULL; word = strstr(p.said, "plaintext"))
        memmove(word, strchr(word, ' ') + 1, strlen(strchr(word, ' ')));
    play_expect(&p, "greeting tls_asked tls_refused ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pop3_state_is_small),
        cmocka_unit_test(test_pop3_split_password_is_wiped),
        cmocka_unit_test(test_pop3_password_is_wiped_at_a_gap),
        cmocka_unit_test(test_pop3_message_is_not_copied),
        cmocka_unit_test(test_pop3_queue_overflow_says_nothing_from_there_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
