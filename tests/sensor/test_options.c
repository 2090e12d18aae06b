/* The command line: what is understood, and that what is not is answered with what to do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sample.h"
#include "sensor/options.h"

enum { ARGUMENTS_CAP = 40 };

static char *argv[ARGUMENTS_CAP + 1];

/* Splits at blanks; the words are kept until the next call. */
static int split(const char *line)
{
    static char words[1024];
    int argc = 0;
    char *rest = words;
    snprintf(words, sizeof words, "%s", line);
    for (char *word = strsep(&rest, " "); word != NULL && argc < ARGUMENTS_CAP; word = strsep(&rest, " "))
        argv[argc++] = word;
    argv[argc] = NULL;
    return argc;
}

static void test_options_read_takes_what_it_documents(void **state)
{
    (void)state;
    struct options o;
    int argc = split(
        "read -c a.yaml one.pcap --json - --redis unix:///r --redis-password-file p --site s --sensor n "
        "--any-tls --filter tcp --quiet --fail-on high two.pcap -");
    assert_true(options_parse(COMMAND_READ, argc, argv, &o));
    assert_string_equal(o.config, "a.yaml");
    assert_string_equal(o.json, "-");
    assert_string_equal(o.redis, "unix:///r");
    assert_string_equal(o.redis_password_file, "p");
    assert_string_equal(o.site, "s");
    assert_string_equal(o.sensor, "n");
    assert_string_equal(o.filter, "tcp");
    assert_string_equal(o.fail_on, "high");
    assert_true(o.any_tls && o.quiet && !o.help);
    assert_int_equal(o.argument_count, 3);
    assert_string_equal(o.arguments[0], "one.pcap");
    assert_string_equal(o.arguments[2], "-");
}

static void test_options_run_takes_several_interfaces(void **state)
{
    (void)state;
    struct options o;
    assert_true(
        options_parse(COMMAND_RUN, split("run -i eth0 -ieth1 --interface eth2 --interface=eth3"), argv, &o));
    assert_int_equal(o.interface_count, 4);
    assert_string_equal(o.interfaces[1], "eth1");
    assert_string_equal(o.interfaces[3], "eth3");
}

static void test_options_json_is_a_file_for_read_and_a_flag_for_rules(void **state)
{
    (void)state;
    struct options o;
    assert_true(options_parse(COMMAND_RULES, split("rules --json"), argv, &o));
    assert_true(o.as_json);
    assert_null(o.json);
    assert_true(options_parse(COMMAND_READ, split("read --json out -- --json"), argv, &o));
    assert_false(o.as_json);
    assert_string_equal(o.json, "out");
    assert_string_equal(o.arguments[0], "--json");
}

static const struct {
    enum command command;
    const char *line;
    const char *said;
} wrong[] = {
    {COMMAND_READ, "read --jsn x",
     "waxseal read: unknown option --jsn; did you mean --json? waxseal read --help lists them\n"},
    {COMMAND_READ, "read --docx=x y",
     "waxseal read: unknown option --docx=x; waxseal read --help lists them\n"},
    {COMMAND_READ, "read -i lo", "waxseal read: unknown option -i; waxseal read --help lists them\n"},
    {COMMAND_READ, "read -z", "waxseal read: unknown option -z; waxseal read --help lists them\n"},
    {COMMAND_READ, "read --json", "waxseal read: option --json needs an argument; see waxseal read --help\n"},
    {COMMAND_RUN, "run -i", "waxseal run: option -i needs an argument; see waxseal run --help\n"},
    {COMMAND_READ, "read --quiet=yes", "waxseal read: option --quiet=yes takes no argument\n"},
    {COMMAND_RUN, "run --fail-on high",
     "waxseal run: unknown option --fail-on; waxseal run --help lists them\n"},
    {COMMAND_CHECK, "check --\033[31m",
     "waxseal check: unknown option --\\x1b[31m; waxseal check --help lists them\n"},
    {COMMAND_RUN, "run -i1 -i2 -i3 -i4 -i5 -i6 -i7 -i8 -i9 -i10 -i11 -i12 -i13 -i14 -i15 -i16 -i17",
     "waxseal run: more than 16 interfaces\n"},
};

static void test_options_wrong_is_one_line_that_helps(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct options o;
        int argc = split(wrong[i].line);
        sample_stderr_catch();
        bool parsed = options_parse(wrong[i].command, argc, argv, &o);
        char *said = sample_stderr_release();
        assert_false(parsed);
        assert_string_equal(said, wrong[i].said);
        free(said);
    }
}

static void test_options_nearest_forgives_two_slips(void **state)
{
    (void)state;
    static const char *const words[] = {"read", "run", "rules", "check"};
    static const struct {
        const char *word;
        const char *nearest;
    } cases[] = {{"read", "read"}, {"raed", "read"}, {"rn", "run"}, {"rule", "rules"},     {"chekc", "check"},
                 {"", NULL},       {"doctor", NULL}, {"x", NULL},   {"readreadread", NULL}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *nearest = options_nearest(cases[i].word, words, sizeof words / sizeof words[0]);
        if (cases[i].nearest == NULL)
            assert_null(nearest);
        else
            assert_string_equal(nearest, cases[i].nearest);
    }
    char endless[5000];
    memset(endless, 'r', sizeof endless - 1);
    endless[sizeof endless - 1] = '\0';
    assert_null(options_nearest(endless, words, 4));
}

static void test_options_help_lists_only_the_commands_own(void **state)
{
    (void)state;
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    options_print(out, COMMAND_READ);
    fclose(out);
    assert_non_null(strstr(text, "--fail-on SEVERITY"));
    assert_null(strstr(text, "--interface"));
    assert_null(strstr(text, "--markdown"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_options_read_takes_what_it_documents),
        cmocka_unit_test(test_options_run_takes_several_interfaces),
        cmocka_unit_test(test_options_json_is_a_file_for_read_and_a_flag_for_rules),
        cmocka_unit_test(test_options_wrong_is_one_line_that_helps),
        cmocka_unit_test(test_options_nearest_forgives_two_slips),
        cmocka_unit_test(test_options_help_lists_only_the_commands_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
