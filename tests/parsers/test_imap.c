/* IMAP, where a dialog file does not reach: what is left in the state, and what is too long for a file. */
#include "tests/parsers/play.h"

#include "parsers/imap.h"

static struct play greeted(void)
{
    struct play p = play_start(&imap_parser);
    play_text(&p, SERVER, "* OK ready\r\n");
    return p;
}

static void test_imap_state_is_small(void **unused)
{
    (void)unused;
    assert_true(imap_parser.size < 2700);
    assert_int_equal(imap_parser.size, sizeof(struct imap));
}

static void test_imap_split_credential_is_wiped(void **unused)
{
    (void)unused;
    struct play p = greeted();
    play_text(&p, CLIENT, "a LOGIN alice hun");
    play_text(&p, CLIENT, "ter22\r\n");
    assert_false(play_holds(&p, "hun") || play_holds(&p, "ter22") || play_holds(&p, "alice"));
    play_text(&p, SERVER, "a NO no\r\n");
    play_text(&p, CLIENT, "b LOGIN {5+}\r\nal");
    play_text(&p, CLIENT, "ice {9+}\r\nhun");
    play_text(&p, CLIENT, "ter\r\n2\r");
    play_text(&p, CLIENT, "\n");
    assert_false(play_holds(&p, "hun") || play_holds(&p, "ter") || play_holds(&p, "ice"));
    play_expect(&p, "greeting auth auth_refused auth auth_secret ");
}

static void test_imap_split_answer_is_wiped(void **unused)
{
    (void)unused;
    struct play p = greeted();
    play_text(&p, CLIENT, "a AUTHENTICATE PLAIN\r\n");
    play_text(&p, SERVER, "+ \r\n");
    play_text(&p, CLIENT, "AGFsaWNl");
    play_text(&p, CLIENT, "AHB3\r\n");
    assert_false(play_holds(&p, "AGFsaWNl") || play_holds(&p, "AHB3"));
    play_expect(&p, "greeting auth auth_secret ");
}

/* A literal of any size is counted, not kept; one that no size can hold loses its side. */
static void test_imap_literal_sizes(void **unused)
{
    (void)unused;
    struct play p = greeted();
    play_text(&p, CLIENT, "a APPEND x {300000+}\r\n");
    play_octets(&p, CLIENT, '\n', 300000);
    play_text(&p, CLIENT, "\r\nb STARTTLS\r\n");
    play_text(&p, SERVER, "* 1 FETCH (BODY[] {300000}\r\n");
    play_octets(&p, SERVER, '\n', 300000);
    play_text(&p, SERVER, ")\r\nb OK go\r\n");
    play_expect(&p, "greeting tls_asked data_before_tls tls_accepted ");

    p = greeted();
    play_text(&p, CLIENT, "a APPEND x {9223372036854775808+}\r\nb STARTTLS\r\nc LOGIN a b\r\n");
    play_text(&p, SERVER, "* CAPABILITY IMAP4rev1 STARTTLS\r\n");
    assert_false(p.lost);
    play_expect(&p, "greeting capabilities ");

    p = greeted();
    play_text(&p, SERVER,
              "* 1 FETCH (BODY[] {99999999999999999999999999999999}\r\n* CAPABILITY STARTTLS\r\n* BYE\r\n");
    assert_false(p.lost);
    play_expect(&p, "greeting ");
}

static void test_imap_tag_of_any_length(void **unused)
{
    (void)unused;
    struct play p = greeted();
    play_octets(&p, CLIENT, 'a', 900);
    play_text(&p, CLIENT, " STARTTLS\r\n");
    play_octets(&p, SERVER, 'a', 899);
    play_text(&p, SERVER, " OK no\r\n");
    play_octets(&p, SERVER, 'a', 900);
    play_text(&p, SERVER, " NO no\r\n");
    play_expect(&p, "greeting tls_asked tls_refused ");
}

/* All commands with one tag: once one of them was forgotten, no other is certain. */
static void test_imap_one_tag_overflow_says_nothing(void **unused)
{
    (void)unused;
    struct play p = greeted();
    for (unsigned i = 0; i < IMAP_OPEN_CAP; i++)
        play_text(&p, CLIENT, ". NOOP\r\n");
    play_text(&p, CLIENT, ". CAPABILITY\r\n");
    play_text(&p, SERVER, ". OK\r\n. OK\r\n. NO\r\n. NO\r\n");
    play_text(&p, CLIENT, ". LOGIN a b\r\n");
    play_text(&p, SERVER, ". OK in\r\n");
    play_expect(&p, "greeting auth ");
}

static void test_imap_endless_line_is_one_line(void **unused)
{
    (void)unused;
    struct play p = greeted();
    play_text(&p, SERVER, "* OK [ALERTS");
    play_octets(&p, SERVER, 'x', 1000000);
    play_text(&p, SERVER, "\r\n* CAPABILITY STARTTLS\r\n");
    play_expect(&p, "greeting capabilities ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_imap_state_is_small),
        cmocka_unit_test(test_imap_split_credential_is_wiped),
        cmocka_unit_test(test_imap_split_answer_is_wiped),
        cmocka_unit_test(test_imap_literal_sizes),
        cmocka_unit_test(test_imap_tag_of_any_length),
        cmocka_unit_test(test_imap_one_tag_overflow_says_nothing),
        cmocka_unit_test(test_imap_endless_line_is_one_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
