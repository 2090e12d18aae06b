/* Escaping of text from the wire, and lines on standard error. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sample.h"
#include "sensor/host/counters.h"
#include "sensor/host/log.h"
#include "sensor/host/utf8.h"

static const struct {
    const char *wire;
    const char *shown;
} cases[] = {
    {"", ""},
    {"mx.example.org", "mx.example.org"},
    {"quote \" backslash \\ percent %s %n", "quote \" backslash \\ percent %s %n"},
    {"{{ .Site }} ${HOME} <script>", "{{ .Site }} ${HOME} <script>"},
    {"a\r\nwaxseal: forged: line", "a\\x0d\\x0awaxseal: forged: line"},
    {"\033[31mred\033[0m", "\\x1b[31mred\\x1b[0m"},
    {"\033]0;title\007", "\\x1b]0;title\\x07"},
    {"tab\tdel\177", "tab\\x09del\\x7f"},
    {"Gr\xc3\xbc\xc3\x9f"
     "e \xe6\xbc\xa2 \xf0\x9f\x94\x92",
     "Gr\xc3\xbc\xc3\x9f"
     "e \xe6\xbc\xa2 \xf0\x9f\x94\x92"},
    {"latin-1 \xe9t\xe9", "latin-1 \\xe9t\\xe9"},
    {"C1 \xc2\x9b"
     "31m",
     "C1 \\xc2\\x9b"
     "31m"},
    {"separators \xe2\x80\xa8\xe2\x80\xa9", "separators \\xe2\\x80\\xa8\\xe2\\x80\\xa9"},
    {"reordered \xe2\x80\xaegro.elpmaxe", "reordered \\xe2\\x80\\xaegro.elpmaxe"},
    {"isolate \xe2\x81\xa6", "isolate \\xe2\\x81\\xa6"},
    {"overlong \xc0\xaf \xe0\x80\xaf \xf0\x80\x80\xaf",
     "overlong \\xc0\\xaf \\xe0\\x80\\xaf \\xf0\\x80\\x80\\xaf"},
    {"surrogate \xed\xa0\x80", "surrogate \\xed\\xa0\\x80"},
    {"beyond \xf4\x90\x80\x80 \xf5\xff\xfe", "beyond \\xf4\\x90\\x80\\x80 \\xf5\\xff\\xfe"},
    {"cut \xe2\x82", "cut \\xe2\\x82"},
    {"cut \xf0\x9f\x94", "cut \\xf0\\x9f\\x94"},
    {"stray \x80\xbf", "stray \\x80\\xbf"},
};

static void test_log_escape_hostile_text_becomes_printable(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *exact = strdup(cases[i].wire); /* its own heap block: a read behind the NUL is seen */
        char out[256];
        assert_ptr_equal(log_escape(exact, out, sizeof out), out);
        assert_string_equal(out, cases[i].shown);
        free(exact);
    }
}

static void test_log_escape_small_room_cuts_at_a_whole_character(void **state)
{
    (void)state;
    const char *text = "a\xc3\xbc\033"
                       "b\xe6\xbc\xa2";
    for (size_t cap = 1; cap < 16; cap++) {
        char *out = malloc(cap);
        log_escape(text, out, cap);
        size_t used = strlen(out);
        assert_true(used < cap);
        assert_memory_equal(out,
                            "a\xc3\xbc\\x1b"
                            "b\xe6\xbc\xa2",
                            used);
        assert_true(used != 2 && used != 4 && used != 5 && used != 6 && used != 9 && used != 10);
        free(out);
    }
}

static void test_log_escape_every_byte_leaves_nothing_unprintable(void **state)
{
    (void)state;
    for (unsigned first = 1; first < 256; first++)
        for (unsigned second = 1; second < 256; second++) {
            char text[4] = {(char)first, (char)second, 'x', '\0'};
            char out[64];
            log_escape(text, out, sizeof out);
            for (const unsigned char *p = (const unsigned char *)out; *p != '\0';) {
                uint32_t code = 0;
                unsigned length = utf8_char(p, &code);
                assert_true(length > 0 && utf8_shown(code));
                p += length;
            }
        }
}

static void test_log_line_is_one_line_whatever_it_is_given(void **state)
{
    (void)state;
    sample_stderr_catch();
    log_line("test", "server said %s, rooms=%d", "250 ok\r\nwaxseal: all is well\033[2J", 3);
    char *text = sample_stderr_release();
    assert_string_equal(text,
                        "waxseal: test: server said 250 ok\\x0d\\x0awaxseal: all is well\\x1b[2J, rooms=3\n");
    free(text);
}

static void test_log_quiet_keeps_errors(void **state)
{
    (void)state;
    sample_stderr_catch();
    log_quiet(true);
    log_line("test", "news");
    log_error("test", "trouble");
    log_quiet(false);
    log_line("test", "again");
    char *text = sample_stderr_release();
    assert_string_equal(text, "waxseal: test: trouble\nwaxseal: test: again\n");
    free(text);
}

static void test_log_line_of_any_length_ends_with_a_newline(void **state)
{
    (void)state;
    static char long_text[20000];
    memset(long_text, '\033', sizeof long_text - 1);
    sample_stderr_catch();
    log_line("test", "%s", long_text);
    char *text = sample_stderr_release();
    assert_int_equal(sample_count(text, "\n"), 1);
    assert_int_equal(text[strlen(text) - 1], '\n');
    free(text);
}

static void test_counters_every_row_has_a_name_and_a_text(void **state)
{
    (void)state;
    for (enum counter which = 0; which < COUNTER_COUNT; which++) {
        assert_true(strlen(counter_name(which)) > 0);
        assert_true(strlen(counter_text(which)) > 0);
    }
    assert_string_equal(counter_name(COUNTER_gap_bytes), "gap_bytes");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_log_escape_hostile_text_becomes_printable),
        cmocka_unit_test(test_log_escape_small_room_cuts_at_a_whole_character),
        cmocka_unit_test(test_log_escape_every_byte_leaves_nothing_unprintable),
        cmocka_unit_test(test_log_line_is_one_line_whatever_it_is_given),
        cmocka_unit_test(test_log_quiet_keeps_errors),
        cmocka_unit_test(test_log_line_of_any_length_ends_with_a_newline),
        cmocka_unit_test(test_counters_every_row_has_a_name_and_a_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
