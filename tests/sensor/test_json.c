/* The JSON lines: valid whatever the wire said, complete, and honest about what could not be written. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "sample.h"
#include "sensor/publish/json.h"

static const struct run_summary nothing;
static char path[64];

static void new_path(void)
{
    snprintf(path, sizeof path, "/tmp/waxseal-test-json-XXXXXX");
    close(mkstemp(path));
}

static struct sink open_sink(bool append)
{
    struct sink sink;
    char error[JSON_ERROR_CAP];
    assert_true(json_open(&sink, path, append, error));
    return sink;
}

/* ---- a strict reader of flat objects, RFC 8259 ---- */

static const char *skip_string(const char *p)
{
    assert_int_equal(*p++, '"');
    while (*p != '"') {
        assert_true((unsigned char)*p >= 0x20);
        if (*p++ != '\\')
            continue;
        if (*p == 'u') {
            for (int i = 1; i <= 4; i++)
                assert_non_null(memchr("0123456789abcdef", p[i], 16));
            p += 5;
        } else {
            assert_non_null(memchr("\"\\/bfnrt", *p, 8));
            p++;
        }
    }
    return p + 1;
}

static const char *skip_number(const char *p)
{
    p += *p == '-';
    assert_true(*p >= '0' && *p <= '9');
    assert_false(p[0] == '0' && p[1] >= '0' && p[1] <= '9');
    while (*p >= '0' && *p <= '9')
        p++;
    return p;
}

/* One line: all fields, in order, of their kind. Returns where the next line begins. */
static const char *check_line(const char *p)
{
    assert_int_equal(*p++, '{');
    for (enum event_field field = 0; field < EVENT_FIELD_COUNT; field++) {
        const char *name = event_field_name(field);
        assert_int_equal(*p++, '"');
        assert_memory_equal(p, name, strlen(name));
        p += strlen(name);
        assert_memory_equal(p, "\":", 2);
        p += 2;
        p = event_field_kind(field) == EVENT_TEXT ? skip_string(p) : skip_number(p);
        assert_int_equal(*p++, field + 1 < EVENT_FIELD_COUNT ? ',' : '}');
    }
    assert_int_equal(*p, '\n');
    return p + 1;
}

static size_t check_lines(const char *text)
{
    size_t lines = 0;
    for (const char *p = text; *p != '\0'; lines++)
        p = check_line(p);
    return lines;
}

/* ---- tests ---- */

static void test_json_event_has_every_field_in_order(void **state)
{
    (void)state;
    struct sample x;
    sample_make(&x);
    new_path();
    struct sink sink = open_sink(false);
    sink.event(sink.state, &x.event);
    assert_true(sink.finish(sink.state, &nothing));
    char *text = sample_read(path, NULL);
    assert_int_equal(check_lines(text), 1);
    assert_non_null(
        strstr(text, "\"ts\":1700000000123,\"ts_end\":1700000001623,\"site\":\"test\",\"sensor\":\"probe\""));
    assert_non_null(
        strstr(text, "\"client_ip\":\"192.0.2.7\",\"client_port\":50000,\"server_ip\":\"198.51.100.25\""));
    assert_non_null(strstr(text, "\"vlan\":-1,"));
    assert_non_null(strstr(text, "\"sni\":\"\","));
    assert_non_null(strstr(text, "\"auth\":\"cleartext\",\"auth_mechanism\":\"PLAIN\""));
    free(text);
    unlink(path);
}

static const struct {
    const char *wire;
    const char *json;
} hostile[] = {
    {"\" onload=\"x", "\\\" onload=\\\"x"},
    {"C:\\mail\\", "C:\\\\mail\\\\"},
    {"a\r\nb\tc\bd\fe", "a\\r\\nb\\tc\\bd\\fe"},
    {"\033[31m \001 \037", "\\u001b[31m \\u0001 \\u001f"},
    {"del \177 C1 \xc2\x85 \xc2\x9f", "del \\u007f C1 \\u0085 \\u009f"},
    {"line \xe2\x80\xa8 paragraph \xe2\x80\xa9", "line \\u2028 paragraph \\u2029"},
    {"mark \xe2\x80\xae \xd8\x9c", "mark \\u202e \\u061c"},
    {"\xe9t\xe9", "\\\\xe9t\\\\xe9"},
    {"\xc0\xaf\xed\xa0\x80\xf4\x90\x80\x80",
     "\\\\xc0\\\\xaf\\\\xed\\\\xa0\\\\x80\\\\xf4\\\\x90\\\\x80\\\\x80"},
    {"cut \xe2\x82", "cut \\\\xe2\\\\x82"},
    {"Gr\xc3\xbc\xc3\x9f"
     "e \xf0\x9f\x94\x92",
     "Gr\xc3\xbc\xc3\x9f"
     "e \xf0\x9f\x94\x92"},
    {"{{7*7}} ${jndi:ldap://x} </script> %s%n", "{{7*7}} ${jndi:ldap://x} </script> %s%n"},
    {"},{\"event\":\"forged\"", "},{\\\"event\\\":\\\"forged\\\""},
};

static void test_json_hostile_text_stays_one_valid_string(void **state)
{
    (void)state;
    struct sample x;
    char expected[256];
    sample_make(&x);
    for (size_t i = 0; i < sizeof hostile / sizeof hostile[0]; i++) {
        char *exact = strdup(hostile[i].wire);
        new_path();
        struct sink sink = open_sink(false);
        x.event.values[EVENT_helo].text = exact;
        sink.event(sink.state, &x.event);
        assert_true(sink.finish(sink.state, &nothing));
        char *text = sample_read(path, NULL);
        assert_int_equal(check_lines(text), 1);
        snprintf(expected, sizeof expected, "\"helo\":\"%s\",", hostile[i].json);
        assert_non_null(strstr(text, expected));
        free(text);
        free(exact);
        unlink(path);
    }
}

static void test_json_every_pair_of_bytes_is_valid(void **state)
{
    (void)state;
    struct sample x;
    char pair[3] = "";
    sample_make(&x);
    new_path();
    struct sink sink = open_sink(false);
    x.event.values[EVENT_sni].text = pair;
    for (unsigned first = 1; first < 256; first++)
        for (unsigned second = 1; second < 256; second += 15) {
            pair[0] = (char)first;
            pair[1] = (char)second;
            sink.event(sink.state, &x.event);
        }
    assert_true(sink.finish(sink.state, &nothing));
    char *text = sample_read(path, NULL);
    assert_int_equal(check_lines(text), 255 * 17);
    free(text);
    unlink(path);
}

/* Text is copied in pieces, of a size that its length decides: a byte that needs care may lie in any of them. */
static void test_json_one_odd_byte_is_found_wherever_it_is(void **state)
{
    (void)state;
    enum { LONGEST = 50 };
    struct sample x;
    sample_make(&x);
    new_path();
    struct sink sink = open_sink(false);
    for (size_t length = 1; length <= LONGEST; length++)
        for (size_t at = 0; at <= length; at++) {
            char *exact = strndup("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", length);
            if (at < length)
                exact[at] = "\"\\\n\177\200\377"[(length + at) % 6];
            x.event.values[EVENT_helo].text = exact;
            sink.event(sink.state, &x.event);
            free(exact);
        }
    assert_true(sink.finish(sink.state, &nothing));
    char *text = sample_read(path, NULL);
    const char *p = text;
    for (size_t length = 1; length <= LONGEST; length++)
        for (size_t at = 0; at <= length; at++) {
            static const char *const escaped[] = {"\\\"", "\\\\", "\\n", "\\u007f", "\\\\x80", "\\\\xff"};
            char expected[128];
            const char *letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
            if (at < length)
                snprintf(expected, sizeof expected, "\"helo\":\"%.*s%s%.*s\",", (int)at, letters,
                         escaped[(length + at) % 6], (int)(length - at - 1), letters + at + 1);
            else
                snprintf(expected, sizeof expected, "\"helo\":\"%.*s\",", (int)length, letters);
            const char *next = check_line(p);
            const char *found = strstr(p, "\"helo\":");
            assert_non_null(found);
            assert_memory_equal(found, expected, strlen(expected));
            p = next;
        }
    free(text);
    unlink(path);
}

static void test_json_numbers_at_their_limits(void **state)
{
    (void)state;
    struct sample x;
    sample_make(&x);
    new_path();
    struct sink sink = open_sink(false);
    x.event.values[EVENT_ts].number = INT64_MIN;
    x.event.values[EVENT_ts_end].number = INT64_MAX;
    x.event.values[EVENT_packets].number = 0;
    sink.event(sink.state, &x.event);
    assert_true(sink.finish(sink.state, &nothing));
    char *text = sample_read(path, NULL);
    assert_int_equal(check_lines(text), 1);
    assert_non_null(strstr(text, "\"ts\":-9223372036854775808,\"ts_end\":9223372036854775807,"));
    assert_non_null(strstr(text, "\"packets\":0,"));
    free(text);
    unlink(path);
}

/* Longer than any line, and all of it to be escaped; the caller's to free. */
static char *endless_text(void)
{
    enum { LENGTH = 200000 };
    char *text = malloc(LENGTH + 1);
    memset(text, '\001', LENGTH);
    text[LENGTH] = '\0';
    return text;
}

static void test_json_endless_texts_are_cut_and_the_line_stays_valid(void **state)
{
    (void)state;
    struct sample x;
    char *endless = endless_text();
    sample_make(&x);
    for (enum event_field field = 0; field < EVENT_FIELD_COUNT; field++) {
        if (event_field_kind(field) == EVENT_TEXT)
            x.event.values[field].text = endless;
        else
            x.event.values[field].number = INT64_MIN;
    }
    new_path();
    struct sink sink = open_sink(false);
    for (int i = 0; i < 5; i++)
        sink.event(sink.state, &x.event);
    assert_true(sink.finish(sink.state, &nothing));
    char *text = sample_read(path, NULL);
    assert_int_equal(check_lines(text), 5);
    free(text);
    free(endless);
    unlink(path);
}

/* A line that has no room for its words must not be what later lines take them from. */
static void test_json_words_behind_an_endless_text_are_whole_in_the_next_line(void **state)
{
    (void)state;
    struct sample x;
    char *endless = endless_text();
    sample_make(&x);
    const char *sni = x.event.values[EVENT_sni].text;
    const char *verdict = x.event.values[EVENT_verdict].text;
    char wanted[96];
    snprintf(wanted, sizeof wanted, "\"verdict\":\"%s\",", verdict);
    assert_true(strlen(verdict) > 0);
    new_path();
    struct sink sink = open_sink(false);
    x.event.values[EVENT_sni].text = endless;
    sink.event(sink.state, &x.event);
    x.event.values[EVENT_sni].text = sni;
    sink.event(sink.state, &x.event);
    assert_true(sink.finish(sink.state, &nothing));
    char *text = sample_read(path, NULL);
    assert_int_equal(check_lines(text), 2);
    assert_non_null(strstr(strchr(text, '\n'), wanted));
    free(text);
    free(endless);
    unlink(path);
}

/* What lies in the event's own room is another text the next time. */
static void test_json_words_of_the_scratch_are_taken_as_they_are(void **state)
{
    (void)state;
    struct sample x;
    sample_make(&x);
    new_path();
    struct sink sink = open_sink(false);
    x.event.values[EVENT_cipher].text = x.event.scratch;
    memcpy(x.event.scratch, "unassigned_0x1111", 18);
    sink.event(sink.state, &x.event);
    memcpy(x.event.scratch, "unassigned_0x2222", 18);
    sink.event(sink.state, &x.event);
    assert_true(sink.finish(sink.state, &nothing));
    char *text = sample_read(path, NULL);
    assert_non_null(strstr(text, "\"cipher\":\"unassigned_0x1111\""));
    assert_non_null(strstr(text, "\"cipher\":\"unassigned_0x2222\""));
    free(text);
    unlink(path);
}

static void test_json_many_events_are_whole_lines_in_every_write(void **state)
{
    (void)state;
    struct sample x;
    sample_make(&x);
    new_path();
    struct sink sink = open_sink(false);
    for (int i = 0; i < 500; i++) {
        sink.event(sink.state, &x.event);
        if (i % 50 > 0)
            continue;
        char *text = sample_read(path, NULL);
        assert_int_equal(check_lines(text), sample_count(text, "\n"));
        free(text);
    }
    sink.tick(sink.state, 0);
    char *text = sample_read(path, NULL);
    assert_int_equal(check_lines(text), 500);
    free(text);
    assert_true(sink.finish(sink.state, &nothing));
    unlink(path);
}

static void test_json_append_keeps_and_replace_does_not(void **state)
{
    (void)state;
    static const struct {
        bool append;
        size_t lines;
    } runs[] = {{false, 1}, {true, 2}, {true, 3}, {false, 1}};
    struct sample x;
    sample_make(&x);
    new_path();
    for (size_t i = 0; i < sizeof runs / sizeof runs[0]; i++) {
        struct sink sink = open_sink(runs[i].append);
        sink.event(sink.state, &x.event);
        assert_true(sink.finish(sink.state, &nothing));
        char *text = sample_read(path, NULL);
        assert_int_equal(check_lines(text), runs[i].lines);
        free(text);
    }
    unlink(path);
}

static void test_json_minus_is_standard_output(void **state)
{
    (void)state;
    struct sample x;
    struct sink sink;
    char error[JSON_ERROR_CAP];
    sample_make(&x);
    new_path();
    int saved = dup(STDOUT_FILENO);
    int file = open(path, O_WRONLY);
    fflush(stdout);
    dup2(file, STDOUT_FILENO);
    bool opened = json_open(&sink, "-", false, error);
    sink.event(sink.state, &x.event);
    bool complete = sink.finish(sink.state, &nothing);
    bool still_open = fcntl(STDOUT_FILENO, F_GETFD) >= 0;
    dup2(saved, STDOUT_FILENO);
    close(saved);
    close(file);
    assert_true(opened && complete && still_open);
    char *text = sample_read(path, NULL);
    assert_int_equal(check_lines(text), 1);
    free(text);
    unlink(path);
}

static void test_json_full_disk_is_said_once_and_finish_is_false(void **state)
{
    (void)state;
    struct sample x;
    struct sink sink;
    char error[JSON_ERROR_CAP];
    if (access("/dev/full", W_OK) != 0)
        skip();
    sample_make(&x);
    sample_stderr_catch();
    assert_true(json_open(&sink, "/dev/full", true, error));
    for (int i = 0; i < 200; i++)
        sink.event(sink.state, &x.event);
    bool complete = sink.finish(sink.state, &nothing);
    char *text = sample_stderr_release();
    assert_false(complete);
    assert_int_equal(sample_count(text, "cannot write to /dev/full: No space left on device"), 1);
    assert_non_null(strstr(text, "200 events did not reach /dev/full"));
    free(text);
}

static void test_json_reader_gone_is_an_error_and_not_the_end(void **state)
{
    (void)state;
    struct sample x;
    struct sink sink;
    char error[JSON_ERROR_CAP];
    int ends[2];
    char name[32];
    signal(SIGPIPE, SIG_IGN);
    sample_make(&x);
    assert_int_equal(pipe(ends), 0);
    snprintf(name, sizeof name, "/proc/self/fd/%d", ends[1]);
    assert_true(json_open(&sink, name, true, error));
    close(ends[0]);
    sample_stderr_catch();
    for (int i = 0; i < 100; i++)
        sink.event(sink.state, &x.event);
    bool complete = sink.finish(sink.state, &nothing);
    char *text = sample_stderr_release();
    close(ends[1]);
    assert_false(complete);
    assert_int_equal(sample_count(text, "Broken pipe"), 1);
    free(text);
}

/* Some of a line reaches the disk before it is full; when there is room again, the next event must be a
 * line of its own. */
static void test_json_after_a_torn_line_the_next_begins_anew(void **state)
{
    (void)state;
    struct sample x;
    struct rlimit limit;
    struct rlimit narrow;
    sample_make(&x);
    new_path();
    struct sink sink = open_sink(false);
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &limit);
    narrow = (struct rlimit){.rlim_cur = 1000, .rlim_max = limit.rlim_max};
    setrlimit(RLIMIT_FSIZE, &narrow);
    sink.event(sink.state, &x.event);
    sample_stderr_catch();
    setrlimit(RLIMIT_FSIZE, &narrow);
    sink.tick(sink.state, 0);
    setrlimit(RLIMIT_FSIZE, &limit);
    sink.event(sink.state, &x.event);
    bool complete = sink.finish(sink.state, &nothing);
    char *said = sample_stderr_release();
    char *text = sample_read(path, NULL);
    assert_false(complete);
    assert_non_null(strstr(said, "File too large"));
    assert_non_null(strstr(said, "can be written again, after 1 lost events"));
    assert_int_equal(text[1000], '\n');
    assert_int_equal(check_lines(text + 1001), 1);
    free(text);
    free(said);
    unlink(path);
}

/* A new file is written in blocks, whose ends lie within lines: also there nothing is lost or twice, and what fails is told. */
static void test_json_blocks_of_a_new_file_hold_every_line(void **state)
{
    (void)state;
    enum { EVENTS = 3000, TICK_EVERY = 777 };
    struct sample x;
    sample_make(&x);
    new_path();
    struct sink sink = open_sink(false);
    for (int i = 0; i < EVENTS; i++) {
        x.event.values[EVENT_packets].number = i;
        sink.event(sink.state, &x.event);
        if (i % TICK_EVERY == 0)
            sink.tick(sink.state, 0);
    }
    assert_true(sink.finish(sink.state, &nothing));
    char *text = sample_read(path, NULL);
    const char *p = text;
    for (int i = 0; i < EVENTS; i++) {
        char packets[32];
        snprintf(packets, sizeof packets, "\"packets\":%d,", i);
        const char *next = check_line(p);
        const char *found = strstr(p, packets);
        assert_true(found != NULL && found < next);
        p = next;
    }
    assert_int_equal(*p, '\0');
    free(text);
    unlink(path);
}

static void test_json_a_block_that_fails_loses_its_lines_and_no_others(void **state)
{
    (void)state;
    enum { BLOCK = 1 << 20, EVENTS = 1500 };
    struct sample x;
    struct rlimit limit;
    sample_make(&x);
    new_path();
    struct sink sink = open_sink(false);
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &limit);
    struct rlimit narrow = {.rlim_cur = BLOCK, .rlim_max = limit.rlim_max};
    sample_stderr_catch();
    setrlimit(RLIMIT_FSIZE, &narrow);
    for (int i = 0; i < EVENTS; i++) /* the first block fits, the rest of its last line does not */
        sink.event(sink.state, &x.event);
    sink.tick(sink.state, 0);
    setrlimit(RLIMIT_FSIZE, &limit);
    sink.event(sink.state, &x.event);
    bool complete = sink.finish(sink.state, &nothing);
    char *said = sample_stderr_release();
    char *text = sample_read(path, NULL);
    assert_false(complete);
    size_t lines = 0;
    const char *p = text;
    for (; memchr(p, '\n', (size_t)(text + BLOCK - p)) != NULL; lines++)
        p = check_line(p);
    assert_int_equal(text[BLOCK], '\n'); /* ends the torn line */
    assert_int_equal(check_lines(text + BLOCK + 1), 1);
    char lost[64];
    snprintf(lost, sizeof lost, "after %zu lost events", EVENTS - lines);
    assert_non_null(strstr(said, lost));
    free(text);
    free(said);
    unlink(path);
}

static void test_json_unwritable_path_is_one_sentence(void **state)
{
    (void)state;
    struct sink sink;
    char error[JSON_ERROR_CAP];
    assert_false(json_open(&sink, "/nonexistent/\033[31m/events.json", false, error));
    assert_string_equal(error,
                        "cannot write to /nonexistent/\\x1b[31m/events.json: No such file or directory");
}

static void test_json_print_quotes_and_escapes(void **state)
{
    (void)state;
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    json_print(out, "a \"b\"\n\xff");
    fclose(out);
    assert_string_equal(text, "\"a \\\"b\\\"\\n\\\\xff\"");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_event_has_every_field_in_order),
        cmocka_unit_test(test_json_hostile_text_stays_one_valid_string),
        cmocka_unit_test(test_json_every_pair_of_bytes_is_valid),
        cmocka_unit_test(test_json_one_odd_byte_is_found_wherever_it_is),
        cmocka_unit_test(test_json_numbers_at_their_limits),
        cmocka_unit_test(test_json_endless_texts_are_cut_and_the_line_stays_valid),
        cmocka_unit_test(test_json_words_behind_an_endless_text_are_whole_in_the_next_line),
        cmocka_unit_test(test_json_words_of_the_scratch_are_taken_as_they_are),
        cmocka_unit_test(test_json_many_events_are_whole_lines_in_every_write),
        cmocka_unit_test(test_json_append_keeps_and_replace_does_not),
        cmocka_unit_test(test_json_minus_is_standard_output),
        cmocka_unit_test(test_json_full_disk_is_said_once_and_finish_is_false),
        cmocka_unit_test(test_json_reader_gone_is_an_error_and_not_the_end),
        cmocka_unit_test(test_json_after_a_torn_line_the_next_begins_anew),
        cmocka_unit_test(test_json_blocks_of_a_new_file_hold_every_line),
        cmocka_unit_test(test_json_a_block_that_fails_loses_its_lines_and_no_others),
        cmocka_unit_test(test_json_unwritable_path_is_one_sentence),
        cmocka_unit_test(test_json_print_quotes_and_escapes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
