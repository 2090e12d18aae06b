/* The Redis sink against a real redis-server on a Unix socket in a folder of its own; without one installed
 * these are skipped. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "redis_server.h"
#include "sample.h"
#include "sensor/publish/redis.h"

static const struct run_summary nothing;

static struct config config_for_socket(void)
{
    static struct config c;
    config_defaults(&c);
    memcpy(c.site, "test", 5);
    memcpy(c.sensor, "probe", 6);
    snprintf(c.redis_url, sizeof c.redis_url, "unix://%s", socket_path);
    return c;
}

static struct sink open_sink(const struct config *c)
{
    struct sink sink;
    char error[REDIS_ERROR_CAP];
    if (!redis_open(&sink, c, error))
        fail_msg("%s", error);
    return sink;
}

static void send_events(struct sink *sink, const struct event *e, int count)
{
    for (int i = 0; i < count; i++)
        sink->event(sink->state, e);
    sink->tick(sink->state, 0);
}

/* ---- delivery ---- */

static void test_redis_event_arrives_with_every_field(void **state)
{
    NEEDS_SERVER();
    struct sample x;
    struct config c = config_for_socket();
    sample_make(&x);
    struct sink sink = open_sink(&c);
    send_events(&sink, &x.event, 3);
    assert_true(sink.finish(sink.state, &nothing));
    assert_int_equal(number_told("XLEN waxseal:{test}:events"), 3);
    assert_int_equal(number_told("SISMEMBER waxseal:sites test"), 1);
    assert_int_equal(number_told("SISMEMBER waxseal:{test}:sensors probe"), 1);
    char *layout = ask("HGET waxseal:{test}:meta layout");
    assert_memory_equal(layout, "$1\r\n2\r\n", 7);
    free(layout);
    char *answer = ask("XRANGE waxseal:{test}:events - + COUNT 1");
    for (enum event_field field = 0; field < EVENT_FIELD_COUNT; field++) {
        char *value = value_of(answer, event_field_name(field));
        if (event_field_kind(field) == EVENT_NUMBER)
            assert_int_equal(strtoll(value, NULL, 10), x.event.values[field].number);
        else if (x.event.values[field].text[0] == '\0')
            assert_string_equal(value, "none");
        else
            assert_string_equal(value, x.event.values[field].text);
        free(value);
    }
    free(answer);
}

static const struct {
    const char *wire;
    const char *stored;
} texts[] = {
    {"", "none"},
    {"12345", "\"12345\""},
    {"-1.5e3", "\"-1.5e3\""},
    {".5", "\".5\""},
    {"5.", "\"5.\""},
    {"+7", "\"+7\""},
    {"NaN", "\"NaN\""},
    {"-inf", "\"-inf\""},
    {"Infinity", "\"Infinity\""},
    {"0x1p3", "\"0x1p3\""},
    {"1_000", "\"1_000\""},
    {"00000000000000000000000000000012", "\"00000000000000000000000000000012\""},
    {"0x1301", "0x1301"},
    {"192.0.2.1", "192.0.2.1"},
    {"2001:db8::1", "2001:db8::1"},
    {"1e5f", "1e5f"},
    {"2026-07", "2026-07"},
    {"infinite", "infinite"},
    {"IMAP", "IMAP"},
    {"e", "e"},
    {".", "."},
    {"-", "-"},
    {"a\r\n$4\r\nEVIL\r\n", "a\\x0d\\x0a$4\\x0d\\x0aEVIL\\x0d\\x0a"},
    {"\" ; FLUSHALL \"", "\" ; FLUSHALL \""},
    {"\033[31m\xff\xc0\xaf", "\\x1b[31m\\xff\\xc0\\xaf"},
    {"%s%n{{7*7}}${x}", "%s%n{{7*7}}${x}"},
    {"Gr\xc3\xbc\xc3\x9f"
     "e",
     "Gr\xc3\xbc\xc3\x9f"
     "e"},
};

static void test_redis_text_is_escaped_and_never_reads_as_a_number(void **state)
{
    NEEDS_SERVER();
    struct sample x;
    struct config c = config_for_socket();
    sample_make(&x);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char *exact = strdup(texts[i].wire);
        x.event.values[EVENT_helo].text = exact;
        tell("DEL waxseal:{test}:events");
        struct sink sink = open_sink(&c);
        send_events(&sink, &x.event, 1);
        assert_true(sink.finish(sink.state, &nothing));
        char *answer = ask("XRANGE waxseal:{test}:events - +");
        char *value = value_of(answer, "helo");
        assert_string_equal(value, texts[i].stored);
        free(value);
        free(answer);
        free(exact);
    }
}

static void test_redis_endless_texts_are_cut_and_the_batch_stays_whole(void **state)
{
    NEEDS_SERVER();
    struct sample x;
    struct config c = config_for_socket();
    char *endless = malloc(100001);
    memset(endless, '\001', 100000);
    endless[100000] = '\0';
    sample_make(&x);
    for (enum event_field field = 0; field < EVENT_FIELD_COUNT; field++) {
        if (event_field_kind(field) == EVENT_TEXT)
            x.event.values[field].text = endless;
        else if (field != EVENT_ts_end)
            x.event.values[field].number = INT64_MIN;
    }
    struct sink sink = open_sink(&c);
    send_events(&sink, &x.event, 300);
    assert_true(sink.finish(sink.state, &nothing));
    assert_int_equal(number_told("XLEN waxseal:{test}:events"), 300);
    free(endless);
}

static void test_redis_stream_is_trimmed_to_its_cap(void **state)
{
    NEEDS_SERVER();
    struct sample x;
    struct config c = config_for_socket();
    c.redis_events_cap = 100;
    sample_make(&x);
    struct sink sink = open_sink(&c);
    send_events(&sink, &x.event, 5000);
    assert_true(sink.finish(sink.state, &nothing));
    long kept = number_told("XLEN waxseal:{test}:events");
    assert_true(kept >= 100 && kept < 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_redis_event_arrives_with_every_field),
        cmocka_unit_test(test_redis_text_is_escaped_and_never_reads_as_a_number),
        cmocka_unit_test(test_redis_endless_texts_are_cut_and_the_batch_stays_whole),
        cmocka_unit_test(test_redis_stream_is_trimmed_to_its_cap),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
