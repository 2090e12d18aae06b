/* The rules as text, JSON and Markdown: each rule once, in its group, with everything that is known of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sample.h"
#include "sensor/capture/mirror.h"
#include "sensor/handbook.h"

enum { ALL_RULES = (int)RULE_COUNT + (int)MIRROR_RULE_COUNT };

static char *print(void (*handbook)(FILE *))
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    handbook(out);
    fclose(out);
    return text;
}

static void test_handbook_text_names_each_rule_once(void **state)
{
    (void)state;
    char *text = print(handbook_text);
    for (enum rule rule = 0; rule < RULE_COUNT; rule++) {
        char line[128];
        snprintf(line, sizeof line, "\n%s\n", policy_rule(rule)->id);
        assert_int_equal(sample_count(text, line), 1);
    }
    size_t sources = RULE_COUNT;
    for (enum mirror_rule rule = 0; rule < MIRROR_RULE_COUNT; rule++) {
        char line[128];
        snprintf(line, sizeof line, "\n%s\n", mirror_rule_info(rule)->id);
        assert_int_equal(sample_count(text, line), 1);
        sources += mirror_rule_info(rule)->sources[0] != '\0';
    }
    assert_int_equal(sample_count(text, "\n  wire "), ALL_RULES);
    assert_int_equal(sample_count(text, "\n  advice "), ALL_RULES);
    assert_int_equal(sample_count(text, "\n  sources "), sources);
    assert_null(strchr(text, '\033'));
    free(text);
}

static void test_handbook_markdown_has_a_section_for_each_rule(void **state)
{
    (void)state;
    char *text = print(handbook_markdown);
    assert_int_equal(sample_count(text, "\n### `"), ALL_RULES);
    assert_int_equal(sample_count(text, "| relay | submission | access | delivery |\n"), RULE_COUNT);
    assert_memory_equal(text, "# The rules of Waxseal\n", 23);
    assert_memory_equal(strstr(text, "\n## ") + 4, "Cleartext\n",
                        10); /* the first group begins with the first rule */
    assert_true(strstr(text, "\n## ") < strstr(text, "\n### "));
    free(text);
}

/* policy.def marks its groups with comments, which the program cannot see: "== NAME", then the first rule. */
static void test_handbook_groups_are_those_of_the_table(void **state)
{
    (void)state;
    char *text = print(handbook_markdown);
    char *table = sample_read("sensor/audit/policy.def", NULL);
    size_t groups = 0;
    for (const char *p = strstr(table, "/* == "); p != NULL; p = strstr(p + 1, "/* == "), groups++) {
        const char *rule = strstr(p, "RULE(") + strlen("RULE(");
        char section[256];
        snprintf(section, sizeof section, "\n## %.*s\n\n### `%.*s`\n", (int)strcspn(p + 6, "*") - 1, p + 6,
                 (int)strcspn(rule, ","), rule);
        if (strstr(text, section) == NULL)
            fail_msg("not in the handbook: %s", section);
    }
    assert_true(groups > 0);
    assert_int_equal(sample_count(text, "\n## "), groups + 1);
    assert_non_null(strstr(text, "\n## Mirror\n"));
    free(table);
    free(text);
}

/* One object a line between the brackets, each with every member; quotes inside texts are escaped. */
static void test_handbook_json_is_an_array_of_rules(void **state)
{
    (void)state;
    static const char *const members[] = {
        "\"id\": \"",         "\"group\": \"",  "\"severity\": {\"relay\": \"",
        "\"submission\": \"", "\"access\": \"", "\"delivery\": \"",
        "\"sources\": \"",    "\"wire\": \"",   "\"advice\": \""};
    char *text = print(handbook_json);
    size_t length = strlen(text);
    assert_memory_equal(text, "[\n  {", 5);
    assert_memory_equal(text + length - 5, "\"}\n]\n", 5);
    assert_int_equal(sample_count(text, "\n  {\"id\""), ALL_RULES);
    assert_int_equal(sample_count(text, "\"},\n"), ALL_RULES - 1);
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++)
        assert_int_equal(sample_count(text, members[i]), ALL_RULES);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_handbook_text_names_each_rule_once),
        cmocka_unit_test(test_handbook_markdown_has_a_section_for_each_rule),
        cmocka_unit_test(test_handbook_groups_are_those_of_the_table),
        cmocka_unit_test(test_handbook_json_is_an_array_of_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
