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

/* Ticks until the stream has that many entries, for at most five seconds. */
static bool delivered(struct sink *sink, long count)
{
    for (int i = 0; i < 100; i++) {
        sink->tick(sink->state, 0);
        if (number_told("XLEN waxseal:{test}:events") == count)
            return true;
        clock_sleep_us(50000);
    }
    return false;
}

static void write_password(const char *text)
{
    sample_write(password_path, text, strlen(text));
    chmod(password_path, 0600);
}

static int set_up(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    unsetenv("WAXSEAL_REDIS_PASSWORD");
    snprintf(folder, sizeof folder, "/tmp/waxseal-test-redis-XXXXXX");
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(socket_path, sizeof socket_path, "%s/redis.sock", folder);
    snprintf(password_path, sizeof password_path, "%s/password", folder);
    installed = start_server();
    if (!installed)
        print_message("redis-server is not installed: skipped\n");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    stop_server();
    unlink(password_path);
    rmdir(folder);
    return 0;
}

/* With an empty server. */
#define NEEDS_SERVER()                                                                                       \
    do {                                                                                                     \
        (void)state;                                                                                         \
        if (!installed)                                                                                      \
            skip();                                                                                          \
        tell("FLUSHALL");                                                                                    \
    } while (0)

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
    assert_memory_equal(layout, "$1\r\n1\r\n", 7);
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

static void test_redis_endless_texts_are_cut_and_the_command_stays_whole(void **state)
{
    NEEDS_SERVER();
    struct sample x;
    struct config c = config_for_socket();
    char *endless = malloc(100001);
    memset(endless, '\001', 100000);
    endless[100000] = '\0';
    sample_make(&x);
    for (enum event_field field = 0; field < EVENT_FIELD_COUNT; field++) {
        x.event.values[field].text = endless;
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

static void test_redis_database_of_the_url_is_used(void **state)
{
    NEEDS_SERVER();
    char error[REDIS_ERROR_CAP];
    struct config c = config_for_socket();
    struct sink sink;
    tell("CONFIG SET port 0");
    snprintf(c.redis_url, sizeof c.redis_url, "redis://127.0.0.1:1/99");
    sample_stderr_catch();
    bool opened = redis_open(&sink, &c, error);
    bool complete = opened && sink.finish(sink.state, &nothing);
    char *said = sample_stderr_release();
    assert_true(opened);
    assert_false(complete);
    assert_int_equal(sample_count(said, "127.0.0.1:1: cannot connect: Connection refused"), 1);
    free(said);
}

/* ---- trouble ---- */

static void test_redis_absent_is_one_line_and_the_loss_is_counted(void **state)
{
    (void)state;
    struct sample x;
    struct config c = config_for_socket();
    snprintf(c.redis_url, sizeof c.redis_url, "unix://%s/absent.sock", folder);
    sample_make(&x);
    sample_stderr_catch();
    struct sink sink = open_sink(&c);
    send_events(&sink, &x.event, 1000);
    bool complete = sink.finish(sink.state, &nothing);
    char *said = sample_stderr_release();
    assert_false(complete);
    assert_int_equal(sample_count(said, "cannot connect: No such file or directory"), 1);
    assert_int_equal(sample_count(said, "1000 of 1000 events were not delivered"), 1);
    assert_int_equal(sample_count(said, "\n"), 2);
    free(said);
}

static void test_redis_absent_queue_is_bounded(void **state)
{
    (void)state;
    struct sample x;
    struct config c = config_for_socket();
    snprintf(c.redis_url, sizeof c.redis_url, "unix://%s/absent.sock", folder);
    sample_make(&x);
    sample_stderr_catch();
    struct sink sink = open_sink(&c);
    for (int i = 0; i < 30000; i++)
        sink.event(sink.state, &x.event);
    bool complete = sink.finish(sink.state, &nothing);
    char *said = sample_stderr_release();
    assert_false(complete);
    assert_int_equal(sample_count(said, "is full: events are lost"), 1);
    assert_int_equal(sample_count(said, "30000 of 30000 events were not delivered"), 1);
    free(said);
}

static void test_redis_killed_and_restarted_nothing_that_waited_is_lost(void **state)
{
    NEEDS_SERVER();
    struct sample x;
    struct config c = config_for_socket();
    sample_make(&x);
    sample_stderr_catch();
    struct sink sink = open_sink(&c);
    send_events(&sink, &x.event, 10);
    bool first = number_told("XLEN waxseal:{test}:events") == 10;
    stop_server();
    send_events(&sink, &x.event, 400);
    send_events(&sink, &x.event, 1);
    bool again = start_server();
    bool all = again && delivered(&sink, 401);
    bool complete = sink.finish(sink.state, &nothing);
    char *said = sample_stderr_release();
    assert_true(first && again && all && complete);
    assert_int_equal(sample_count(said, "Events wait in memory"), 1);
    assert_int_equal(sample_count(said, "takes events again"), 1);
    assert_int_equal(number_told("SISMEMBER waxseal:sites test"), 1); /* registered anew */
    free(said);
}

/* A refusal that an administrator mends while events wait. */
static void check_refusal(const char *breaks, const char *mends, const char *code, const char *advice)
{
    struct sample x;
    struct config c = config_for_socket();
    sample_make(&x);
    tell("FLUSHALL");
    sample_stderr_catch();
    struct sink sink = open_sink(&c);
    send_events(&sink, &x.event, 1);
    tell(breaks);
    send_events(&sink, &x.event, 300);
    send_events(&sink, &x.event, 300);
    tell(mends);
    bool all = delivered(&sink, strstr(breaks, "SET waxseal") != NULL ? 600 : 601);
    bool complete = sink.finish(sink.state, &nothing);
    char *said = sample_stderr_release();
    if (!all || !complete || sample_count(said, code) != 1 || sample_count(said, advice) != 1)
        fail_msg("all=%d complete=%d said: %s", all, complete, said);
    assert_int_equal(sample_count(said, "takes events again"), 1);
    free(said);
}

static void test_redis_out_of_memory_is_said_once_and_waited_for(void **state)
{
    NEEDS_SERVER();
    check_refusal("CONFIG SET maxmemory 1", "CONFIG SET maxmemory 0", "refuses XADD: OOM",
                  "raise it, or lower");
}

static void test_redis_read_only_is_said_once_and_waited_for(void **state)
{
    NEEDS_SERVER();
    check_refusal("REPLICAOF 127.0.0.1 1", "REPLICAOF NO ONE", "refuses XADD: READONLY",
                  "this Redis is a replica");
}

static void test_redis_wrong_type_is_said_once_and_waited_for(void **state)
{
    NEEDS_SERVER();
    check_refusal("SET waxseal:{test}:events x", "DEL waxseal:{test}:events", "refuses XADD: WRONGTYPE",
                  "choose another --site");
}

static void test_redis_lacking_permission_is_said_once_and_waited_for(void **state)
{
    NEEDS_SERVER();
    check_refusal("ACL SETUSER default -xadd", "ACL SETUSER default +@all", "refuses XADD: NOPERM",
                  "needs +xadd +sadd +hset");
}

static void test_redis_password_missing_wrong_and_right(void **state)
{
    NEEDS_SERVER();
    static const struct {
        const char *file;
        const char *variable;
        const char *said; /* NULL: it works */
    } runs[] = {
        {NULL, NULL, "refuses SADD: NOAUTH"},
        {"wrong\n", NULL, "refuses AUTH: WRONGPASS"},
        {"s3cret \"word\"\r\nsecond line\n", NULL, NULL},
        {NULL, "s3cret \"word\"", NULL},
        {NULL, "wrong", "refuses AUTH: WRONGPASS"},
        {"s3cret \"word\"", "wrong", NULL}, /* the file goes before */
    };
    struct sample x;
    sample_make(&x);
    tell("CONFIG SET requirepass \"s3cret \\\"word\\\"\"");
    for (size_t i = 0; i < sizeof runs / sizeof runs[0]; i++) {
        struct config c = config_for_socket();
        if (runs[i].file != NULL) {
            write_password(runs[i].file);
            memcpy(c.redis_password_file, password_path, sizeof password_path);
        }
        if (runs[i].variable != NULL)
            setenv("WAXSEAL_REDIS_PASSWORD", runs[i].variable, 1);
        sample_stderr_catch();
        struct sink sink = open_sink(&c);
        send_events(&sink, &x.event, 5);
        bool complete = sink.finish(sink.state, &nothing);
        char *said = sample_stderr_release();
        unsetenv("WAXSEAL_REDIS_PASSWORD");
        assert_int_equal(complete, runs[i].said == NULL);
        assert_int_equal(sample_count(said, runs[i].said != NULL ? runs[i].said : "refuses"),
                         runs[i].said != NULL);
        assert_null(strstr(said, "s3cret"));
        free(said);
    }
    char *answer = ask(
        "AUTH \"s3cret \\\"word\\\"\"\r\nXLEN waxseal:{test}:events\r\nCONFIG SET requirepass \"\"");
    assert_memory_equal(answer, "+OK\r\n:15\r\n+OK\r\n", 15);
    free(answer);
}

static void test_redis_acl_user_of_the_url_is_used(void **state)
{
    NEEDS_SERVER();
    struct sample x;
    struct config c = config_for_socket();
    sample_make(&x);
    tell("CONFIG SET requirepass other");
    char *answer = ask("AUTH other\r\nACL SETUSER waxseal on >pw ~waxseal:* +xadd +sadd +hset\r\nCONFIG SET "
                       "requirepass \"\"");
    assert_memory_equal(answer, "+OK\r\n+OK\r\n+OK\r\n", 15);
    free(answer);
    /* Only TCP URLs have a user; the sink is given a port of its own for this. */
    tell("CONFIG SET bind 127.0.0.1");
    for (int port = 20000 + (int)getpid() % 20000, tries = 0; tries < 50; tries++, port++) {
        char command[64];
        snprintf(command, sizeof command, "CONFIG SET port %d", port);
        char *told = ask(command);
        bool taken = told[0] != '+';
        free(told);
        if (taken)
            continue;
        snprintf(c.redis_url, sizeof c.redis_url, "redis://waxseal@127.0.0.1:%d", port);
        break;
    }
    write_password("pw");
    memcpy(c.redis_password_file, password_path, sizeof password_path);
    struct sink sink = open_sink(&c);
    send_events(&sink, &x.event, 4);
    bool complete = sink.finish(sink.state, &nothing);
    assert_int_equal(number_told("XLEN waxseal:{test}:events"), 4);
    memcpy(strchr(c.redis_url, '\0'), "/2", 3);
    sample_stderr_catch();
    struct sink refused = open_sink(&c); /* this user may not SELECT */
    bool selected = refused.finish(refused.state, &nothing);
    char *said = sample_stderr_release();
    tell("ACL DELUSER waxseal");
    tell("CONFIG SET port 0");
    assert_true(complete);
    assert_false(selected);
    assert_int_equal(sample_count(said, "refuses SELECT: NOPERM"), 1);
    free(said);
}

/* ---- servers that are none ---- */

/* Accepts connections and sends each `answer`, then keeps them open. */
static pid_t start_impostor(const char *answer)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int s = socket(AF_UNIX, SOCK_STREAM, 0);
    snprintf(address.sun_path, sizeof address.sun_path, "%s/impostor.sock", folder);
    unlink(address.sun_path);
    assert_int_equal(bind(s, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(s, 8), 0);
    pid_t child = fork();
    if (child == 0) {
        for (;;) {
            int c = accept(s, NULL, NULL);
            ssize_t n = write(c, answer, strlen(answer));
            (void)n;
        }
    }
    close(s);
    return child;
}

static void check_impostor(const char *answer, const char *expected)
{
    struct sample x;
    struct config c = config_for_socket();
    sample_make(&x);
    pid_t impostor = start_impostor(answer);
    snprintf(c.redis_url, sizeof c.redis_url, "unix://%s/impostor.sock", folder);
    sample_stderr_catch();
    struct sink sink = open_sink(&c);
    send_events(&sink, &x.event, 3);
    bool complete = sink.finish(sink.state, &nothing);
    char *said = sample_stderr_release();
    kill(impostor, SIGKILL);
    waitpid(impostor, NULL, 0);
    unlink(c.redis_url + strlen("unix://"));
    assert_false(complete);
    if (strstr(said, expected) == NULL)
        fail_msg("said: %s", said);
    assert_int_equal(sample_count(said, "3 of 3 events were not delivered"), 1);
    assert_null(strchr(said, '\033'));
    free(said);
}

static void test_redis_silence_is_given_up_in_time(void **state)
{
    (void)state;
    uint64_t begun = clock_monotonic_ms();
    check_impostor("", "no answer in time");
    assert_true(clock_monotonic_ms() - begun < 15000);
}

static void test_redis_garbage_is_an_error_and_not_the_end(void **state)
{
    (void)state;
    check_impostor("220 mx.example.org ESMTP\r\n", "Protocol error");
    check_impostor("-\033[31mERR \r\n-x\r\n-y\r\n", "refuses SADD");
    check_impostor("*-1\r\n$99999999999999999999\r\n", "cannot");
}

/* ---- passwords ---- */

static void test_redis_password_file_unusable_is_an_error_at_the_start(void **state)
{
    (void)state;
    struct config c = config_for_socket();
    struct sink sink;
    char error[REDIS_ERROR_CAP];
    snprintf(c.redis_password_file, sizeof c.redis_password_file, "%s/none", folder);
    assert_false(redis_open(&sink, &c, error));
    assert_non_null(strstr(error, "No such file"));
    memcpy(c.redis_password_file, password_path, sizeof password_path);
    write_password("");
    assert_false(redis_open(&sink, &c, error));
    assert_non_null(strstr(error, "it is empty"));
    write_password("\nsecond\n");
    assert_false(redis_open(&sink, &c, error));
    assert_non_null(strstr(error, "first line is empty"));
}

static void test_redis_password_file_open_to_all_is_remarked(void **state)
{
    NEEDS_SERVER();
    struct config c = config_for_socket();
    write_password("x");
    chmod(password_path, 0644);
    memcpy(c.redis_password_file, password_path, sizeof password_path);
    sample_stderr_catch();
    struct sink sink = open_sink(&c);
    (void)sink.finish(sink.state, &nothing);
    char *said = sample_stderr_release();
    assert_non_null(strstr(said, "can be read by everybody"));
    free(said);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_redis_event_arrives_with_every_field),
        cmocka_unit_test(test_redis_text_is_escaped_and_never_reads_as_a_number),
        cmocka_unit_test(test_redis_endless_texts_are_cut_and_the_command_stays_whole),
        cmocka_unit_test(test_redis_stream_is_trimmed_to_its_cap),
        cmocka_unit_test(test_redis_database_of_the_url_is_used),
        cmocka_unit_test(test_redis_absent_is_one_line_and_the_loss_is_counted),
        cmocka_unit_test(test_redis_absent_queue_is_bounded),
        cmocka_unit_test(test_redis_killed_and_restarted_nothing_that_waited_is_lost),
        cmocka_unit_test(test_redis_out_of_memory_is_said_once_and_waited_for),
        cmocka_unit_test(test_redis_read_only_is_said_once_and_waited_for),
        cmocka_unit_test(test_redis_wrong_type_is_said_once_and_waited_for),
        cmocka_unit_test(test_redis_lacking_permission_is_said_once_and_waited_for),
        cmocka_unit_test(test_redis_password_missing_wrong_and_right),
        cmocka_unit_test(test_redis_acl_user_of_the_url_is_used),
        cmocka_unit_test(test_redis_silence_is_given_up_in_time),
        cmocka_unit_test(test_redis_garbage_is_an_error_and_not_the_end),
        cmocka_unit_test(test_redis_password_file_unusable_is_an_error_at_the_start),
        cmocka_unit_test(test_redis_password_file_open_to_all_is_remarked),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
