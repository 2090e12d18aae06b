/* The HTML report: escaping, what a run that never began leaves alone, and a file that is whole or not
 * there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "sample.h"
#include "sensor/publish/html.h"
#include "sensor/publish/html_parts.h"
#include "sensor/publish/replace.h"

static struct config config;
static char folder[64];

static int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/waxseal-html-XXXXXX");
    return mkdtemp(folder) == NULL;
}

static int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder);
}

static char *shown(const char *text, size_t cap)
{
    char *out = NULL;
    size_t length = 0;
    FILE *f = open_memstream(&out, &length);
    html_text(f, text, cap);
    fclose(f);
    return out;
}

static void test_html_text_markup_is_escaped(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"<a href='x' & \"y\">", "&lt;a href=&#39;x&#39; &amp; &quot;y&quot;&gt;"},
        {"\033[2J\x7f\r\n", "\\x1b[2J\\x7f\\x0d\\x0a"},
        {"\u202eabc\u2066\u200f\u2028", "\\xe2\\x80\\xaeabc\\xe2\\x81\\xa6\\xe2\\x80\\x8f\\xe2\\x80\\xa8"},
        {"\xff\xc0\x80\xed\xa0\x80", "\\xff\\xc0\\x80\\xed\\xa0\\x80"},
        {"gr\u00fc\u00dfe \u6587", "gr\u00fc\u00dfe \u6587"},
        {"", ""}};
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        char *text = shown(pairs[i][0], 0);
        assert_string_equal(text, pairs[i][1]);
        free(text);
    }
}

static void test_html_text_long_text_is_cut_with_an_ellipsis(void **state)
{
    (void)state;
    char *text = shown("abcdef", 3);
    assert_string_equal(text, "abc\u2026");
    free(text);
    text = shown("abc", 3);
    assert_string_equal(text, "abc");
    free(text);
    text = shown("<<<<", 2);
    assert_string_equal(text, "&lt;&lt;\u2026");
    free(text);
}

static void open_report(struct sink *sink, const char *name, bool live)
{
    char error[HTML_ERROR_CAP];
    config_defaults(&config);
    snprintf(config.html_path, sizeof config.html_path, "%s/%s", folder, name);
    assert_true(html_open(sink, &config, live, error));
}

static void test_html_finish_writes_a_whole_file(void **state)
{
    (void)state;
    struct sink sink;
    struct sample x;
    struct run_summary summary = {.begun = true, .inputs = 1};
    size_t length = 0;
    struct stat status;
    open_report(&sink, "report.html", false);
    sample_make(&x);
    sink.event(sink.state, &x.event);
    assert_true(sink.finish(sink.state, &summary));
    char *text = sample_read(config.html_path, &length);
    assert_non_null(strstr(text, "1 of 1 session was insecure"));
    assert_string_equal(text + length - 8, "</html>\n");
    assert_int_equal(stat(config.html_path, &status), 0);
    assert_int_equal(status.st_mode & 0137, 0);
    free(text);
    unlink(config.html_path);
}

static void test_html_run_that_never_began_leaves_the_last_report(void **state)
{
    (void)state;
    struct sink sink;
    struct run_summary nothing = {.begun = false};
    size_t length = 0;
    open_report(&sink, "kept.html", false);
    FILE *f = fopen(config.html_path, "w");
    fputs("before", f);
    fclose(f);
    assert_true(sink.finish(sink.state, &nothing));
    char *text = sample_read(config.html_path, &length);
    assert_string_equal(text, "before");
    free(text);
    unlink(config.html_path);
}

static bool there(void)
{
    struct stat status;
    return stat(config.html_path, &status) == 0;
}

static void test_html_live_report_is_written_every_five_minutes(void **state)
{
    (void)state;
    enum { MINUTE_MS = 60000 };
    struct sink sink;
    struct run_summary summary = {.begun = true, .inputs = 1};
    struct run_summary nothing = {.begun = false};
    open_report(&sink, "live.html", true);
    sink.status(sink.state, 1000, &summary);
    sink.status(sink.state, 1000 + 4 * MINUTE_MS, &summary);
    assert_false(there());
    sink.status(sink.state, 1000 + 5 * MINUTE_MS, &summary);
    assert_true(there());
    unlink(config.html_path);
    sink.status(sink.state, 1000 + 9 * MINUTE_MS, &summary);
    assert_false(there());
    sink.status(sink.state, 1000 + 10 * MINUTE_MS, &summary);
    assert_true(there());
    unlink(config.html_path);
    assert_true(sink.finish(sink.state, &nothing));
    open_report(&sink, "read.html", false);
    sink.status(sink.state, 1000, &summary);
    sink.status(sink.state, 1000 + 60 * MINUTE_MS, &summary);
    assert_false(there());
    assert_true(sink.finish(sink.state, &nothing));
}

static void test_html_folder_that_is_not_there_is_said(void **state)
{
    (void)state;
    static struct report r;
    char error[HTML_ERROR_CAP];
    assert_false(html_write("/nonexistent/folder/report.html", &r, error));
    assert_non_null(strstr(error, "/nonexistent/folder/report.html cannot be written"));
    assert_non_null(strstr(error, "No such file"));
}

static void test_replace_failed_write_keeps_the_old_file(void **state)
{
    (void)state;
    struct replace r;
    char error[REPLACE_ERROR_CAP];
    assert_true(replace_open(&r, "/dev/full", 0644, error));
    for (int i = 0; i < 10000; i++)
        fputs("0123456789", r.out);
    assert_false(replace_done(&r, error));
    assert_non_null(strstr(error, "/dev/full cannot be written"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_html_text_markup_is_escaped),
        cmocka_unit_test(test_html_text_long_text_is_cut_with_an_ellipsis),
        cmocka_unit_test(test_html_finish_writes_a_whole_file),
        cmocka_unit_test(test_html_run_that_never_began_leaves_the_last_report),
        cmocka_unit_test(test_html_live_report_is_written_every_five_minutes),
        cmocka_unit_test(test_html_folder_that_is_not_there_is_said),
        cmocka_unit_test(test_replace_failed_write_keeps_the_old_file),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
