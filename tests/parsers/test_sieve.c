/* ManageSieve, where a dialog file does not reach: what is left in the state, and what is too long for a
 * file. */
#include "tests/parsers/play.h"

#include "parsers/sieve.h"

static struct play greeted(void)
{
    struct play p = play_start(&sieve_parser);
    play_text(&p, SERVER, "OK\r\n");
    return p;
}

static void test_sieve_state_is_small(void **unused)
{
    (void)unused;
    assert_true(sieve_parser.size < 2700);
    assert_int_equal(sieve_parser.size, sizeof(struct sieve));
}

static void test_sieve_split_credential_is_wiped(void **unused)
{
    (void)unused;
    struct play p = greeted();
    play_text(&p, CLIENT, "AUTHENTICATE \"PLAIN\" \"AGFsaWNl");
    play_text(&p, CLIENT, "AHB3\"\r\n");
    assert_false(play_holds(&p, "AGFsaWNl") || play_holds(&p, "AHB3"));
    play_text(&p, SERVER, "NO\r\n");
    play_text(&p, CLIENT, "AUTHENTICATE {5+}\r\nPLAIN {12+}\r\nAGFs");
    play_text(&p, CLIENT, "aWNlAHB3\r\n");
    assert_false(play_holds(&p, "AGFs") || play_holds(&p, "aWNl"));
    play_text(&p, SERVER, "NO\r\n");
    play_text(&p, CLIENT, "AUTHENTICATE \"PLAIN\"\r\n");
    play_text(&p, SERVER, "\"\"\r\n");
    play_text(&p, CLIENT, "\"AGFsaWNl");
    play_text(&p, CLIENT, "AHB3\"\r\n");
    assert_false(play_holds(&p, "AGFsaWNl") || play_holds(&p, "AHB3"));
    play_expect(&p, "greeting capabilities auth auth_refused auth auth_refused auth auth_secret ");
}

static void test_sieve_literal_sizes(void **unused)
{
    (void)unused;
    struct play p = greeted();
    play_text(&p, CLIENT, "PUTSCRIPT \"x\" {300000+}\r\n");
    play_octets(&p, CLIENT, '\n', 300000);
    play_text(&p, CLIENT, "\r\nSTARTTLS\r\n");
    play_text(&p, SERVER, "OK {300000}\r\n");
    play_octets(&p, SERVER, '\n', 300000);
    play_text(&p, SERVER, "\r\nNO\r\n");
    play_expect(&p, "greeting capabilities tls_asked tls_refused ");

    p = greeted();
    play_text(&p, CLIENT,
              "PUTSCRIPT \"x\" {9223372036854775808+}\r\nSTARTTLS\r\nAUTHENTICATE \"PLAIN\" \"x\"\r\n");
    play_text(&p, SERVER, "BYE\r\n");
    assert_false(p.lost);
    play_expect(&p, "greeting capabilities bye ");
}

static void test_sieve_long_keyword_literal_is_cut(void **unused)
{
    (void)unused;
    struct play p = play_start(&sieve_parser);
    play_text(&p, SERVER, "{2000}\r\n");
    play_octets(&p, SERVER, 'X', 2000);
    play_text(&p, SERVER, " \"STARTTLS\"\r\n\"SASL\" {2000+}\r\n");
    play_octets(&p, SERVER, 'Y', 2000);
    play_text(&p, SERVER, "\r\nOK\r\n");
    play_expect(&p, "greeting capabilities ");
}

static void test_sieve_queue_overflow_says_nothing_until_empty(void **unused)
{
    (void)unused;
    struct play p = greeted();
    for (unsigned i = 0; i < PAIRING_CAP; i++)
        play_text(&p, CLIENT, "NOOP\r\n");
    play_text(&p, CLIENT, "CAPABILITY\r\n");
    for (unsigned i = 0; i < PAIRING_CAP; i++)
        play_text(&p, SERVER, "OK\r\n");
    play_text(&p, SERVER, "\"STARTTLS\"\r\nOK\r\n");
    play_text(&p, CLIENT, "CAPABILITY\r\n");
    play_text(&p, SERVER, "\"STARTTLS\"\r\nOK\r\n");
    play_expect(&p, "greeting capabilities capabilities ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sieve_state_is_small),
        cmocka_unit_test(test_sieve_split_credential_is_wiped),
        cmocka_unit_test(test_sieve_literal_sizes),
        cmocka_unit_test(test_sieve_long_keyword_literal_is_cut),
        cmocka_unit_test(test_sieve_queue_overflow_says_nothing_until_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
