/* The writer against a real redis-server: a small script of the test's own stands for apply.lua and keeps a
 * list of what was applied, so that order, loss and repetition can be seen. Without redis-server installed
 * these are skipped. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <sys/stat.h>

#include "redis_server.h"
#include "sample.h"
#include "sensor/publish/redis_writer.h"

/* The numbering of apply.lua; an operation is a number to append, or a word. */
static const char script[] =
    "local p = KEYS[1]:sub(1, -5)\n"
    "local number, after = tonumber(ARGV[3]), tonumber(ARGV[4])\n"
    "local last = tonumber(redis.call('HGET', p .. 'sensor:' .. ARGV[1], 'last_batch') or 0)\n"
    "local own = tonumber(redis.call('ZSCORE', p .. 'runs:' .. ARGV[1], ARGV[2]) or 0)\n"
    "if number <= own then return {'repeated', tostring(last), ''} end\n"
    "if after > 0 and own < after then return {'early', '0', ''} end\n"
    "if number <= last then return {'renumber', string.format('%.0f', last), ''} end\n"
    "if ARGV[5] == 'bad' then return redis.error_reply('REFUSED nonsense') end\n"
    "if ARGV[5] == 'crash' then return redis.call('NONSENSE') end\n"
    "redis.call('ZADD', p .. 'runs:' .. ARGV[1], ARGV[3], ARGV[2])\n"
    "redis.call('HSET', p .. 'sensor:' .. ARGV[1], 'last_batch', ARGV[3])\n"
    "for i = 5, #ARGV do redis.call('RPUSH', p .. 'list', ARGV[i]) end\n"
    "return {'applied', ARGV[3], ''}\n";

static char spool_path[96];

static struct config config_for_socket(void)
{
    static struct config c;
    config_defaults(&c);
    memcpy(c.site, "test", 5);
    memcpy(c.sensor, "probe", 6);
    snprintf(c.redis_url, sizeof c.redis_url, "unix://%s", socket_path);
    return c;
}

static struct redis_writer *open_writer(const struct config *c)
{
    char error[REDIS_ERROR_CAP] = "";
    struct redis_writer *w = redis_writer_open(c, span_text(script), error);
    if (w == NULL)
        fail_msg("%s", error);
    return w;
}

static void put_word(struct redis_writer *w, const char *word)
{
    struct batch *b = redis_writer_take(w);
    assert_non_null(b);
    batch_put_word(b, word);
    b->events = 1;
    redis_writer_put(w, b);
}

static void put_numbers(struct redis_writer *w, int from, int to)
{
    char text[16];
    for (int i = from; i < to; i++) {
        snprintf(text, sizeof text, "%d", i);
        put_word(w, text);
    }
}

/* The list holds the numbers from 0 to n - 1, each once and in order. */
static void assert_list(int n)
{
    assert_int_equal(number_told("LLEN waxseal:{test}:list"), n);
    char *answer = ask("LRANGE waxseal:{test}:list 0 -1");
    const char *at = answer;
    for (int i = 0; i < n; i++) {
        char expected[32];
        snprintf(expected, sizeof expected, "\r\n%d\r\n", i);
        at = strchr(at, '$');
        assert_non_null(at);
        at += strcspn(at, "\r");
        if (strncmp(at, expected, strlen(expected)) != 0)
            fail_msg("entry %d: %.20s", i, at + 2);
    }
    free(answer);
}

static struct redis_writer_status status_of(struct redis_writer *w)
{
    struct redis_writer_status s;
    redis_writer_status(w, &s);
    return s;
}

/* For at most ten seconds. */
#define WAIT_UNTIL(condition)                                                                                \
    for (int turn = 0; !(condition); turn++) {                                                               \
        if (turn == 1000) {                                                                                  \
            print_message("never: " #condition "\n"); /* standard error may be caught */                     \
            fail();                                                                                          \
        }                                                                                                    \
        clock_sleep_us(10000);                                                                               \
    }

static void remove_spool(void)
{
    char path[400];
    DIR *d = opendir(spool_path);
    for (struct dirent *e = d != NULL ? readdir(d) : NULL; e != NULL; e = readdir(d)) {
        snprintf(path, sizeof path, "%s/%s", spool_path, e->d_name);
        unlink(path);
    }
    if (d != NULL)
        closedir(d);
    rmdir(spool_path);
}

static int set_up_with_spool(void **state)
{
    int result = set_up(state);
    snprintf(spool_path, sizeof spool_path, "%s/spool", folder);
    return result;
}

static int tear_down_with_spool(void **state)
{
    remove_spool();
    return tear_down(state);
}

/* ---- exactly once ---- */

static void test_writer_batches_arrive_once_and_in_order(void **state)
{
    NEEDS_SERVER();
    struct config c = config_for_socket();
    struct redis_writer *w = open_writer(&c);
    put_numbers(w, 0, 500);
    WAIT_UNTIL(status_of(w).batches_applied == 500);
    struct redis_writer_status s = status_of(w);
    assert_int_equal(s.queue_batches, 0);
    assert_int_equal(s.queue_bytes, 0);
    assert_int_equal(s.events_sent, 500);
    assert_int_equal(s.connections, 1);
    assert_true(s.connected && s.rtt_us > 0 && s.lag_ms == 0);
    assert_true(s.clock_offset_ms > -1000 && s.clock_offset_ms < 1000);
    assert_string_equal(s.trouble, "");
    assert_true(redis_writer_finish(w));
    assert_list(500);
    assert_int_equal(number_told("SISMEMBER waxseal:sites test"), 1);
}

static void test_writer_connections_cut_at_any_time_lose_and_repeat_nothing(void **state)
{
    NEEDS_SERVER();
    struct config c = config_for_socket();
    struct redis_writer *w = open_writer(&c);
    for (int i = 0; i < 200; i++) {
        put_numbers(w, 10 * i, 10 * i + 10);
        if (i % 5 == 0)
            free(ask("CLIENT KILL TYPE normal SKIPME yes"));
        if (i % 20 == 0)
            tell("SCRIPT FLUSH");
    }
    assert_true(redis_writer_finish(w));
    assert_list(2000);
}

static void test_writer_server_away_is_said_once_and_made_up_for(void **state)
{
    NEEDS_SERVER();
    struct config c = config_for_socket();
    sample_stderr_catch();
    struct redis_writer *w = open_writer(&c);
    WAIT_UNTIL(status_of(w).connected);
    stop_server();
    put_numbers(w, 0, 20);
    WAIT_UNTIL(strcmp(status_of(w).trouble, "connection:") == 0);
    put_numbers(w, 20, 40);
    clock_sleep_us(500000);
    assert_true(status_of(w).queue_batches == 40 && status_of(w).lag_ms >= 400);
    assert_true(start_server());
    assert_true(redis_writer_finish(w));
    char *said = sample_stderr_release();
    assert_int_equal(sample_count(said, "Batches wait in memory"), 1);
    assert_int_equal(sample_count(said, "takes batches again"), 1);
    assert_int_equal(sample_count(said, "lost"), 0);
    free(said);
    assert_list(40);
}

static void test_writer_without_a_server_gives_up_after_its_patience(void **state)
{
    NEEDS_SERVER();
    struct config c = config_for_socket();
    struct redis_writer_status s;
    memcpy(c.redis_url, "redis://127.0.0.1:1", 20);
    c.redis_patience_ms = 300;
    c.redis_queue_bytes = 100000;
    sample_stderr_catch();
    struct redis_writer *w = open_writer(&c);
    struct batch *b = NULL;
    int taken = 0;
    for (; taken < 1000 && (b = redis_writer_take(w)) != NULL; taken++) {
        batch_put_number(b, taken);
        while (b->bytes < 5000)
            batch_put_word(b, "0123456789");
        b->events = 3;
        redis_writer_put(w, b);
    }
    assert_in_range(taken, 32 + 15, 32 + 21);
    uint64_t begun_ms = clock_monotonic_ms();
    assert_null(redis_writer_take(w)); /* patience is spent only once */
    assert_true(clock_monotonic_ms() - begun_ms < 100);
    redis_writer_status(w, &s);
    assert_false(s.connected);
    assert_false(redis_writer_finish(w));
    char *said = sample_stderr_release();
    char expected[100];
    snprintf(expected, sizeof expected, "%d batches with %d events were not delivered", taken, 3 * taken);
    assert_int_equal(sample_count(said, expected), 1);
    assert_int_equal(sample_count(said, "is full"), 1);
    free(said);
}

static void test_writer_numbers_that_were_used_are_left_behind(void **state)
{
    NEEDS_SERVER();
    struct config c = config_for_socket();
    tell("HSET waxseal:{test}:sensor:probe last_batch 4000000000000000");
    struct redis_writer *w = open_writer(&c);
    put_numbers(w, 0, 50);
    WAIT_UNTIL(status_of(w).batches_applied == 50);
    tell("HSET waxseal:{test}:sensor:probe last_batch 4100000000000000");
    put_numbers(w, 50, 100);
    assert_true(redis_writer_finish(w));
    assert_list(100);
}

static void test_writer_number_beyond_sense_is_said_and_waited_for(void **state)
{
    NEEDS_SERVER();
    struct config c = config_for_socket();
    tell("HSET waxseal:{test}:sensor:probe last_batch 9999999999999999");
    sample_stderr_catch();
    struct redis_writer *w = open_writer(&c);
    put_numbers(w, 0, 5);
    WAIT_UNTIL(status_of(w).trouble[0] != '\0');
    tell("HDEL waxseal:{test}:sensor:probe last_batch");
    assert_true(redis_writer_finish(w));
    char *said = sample_stderr_release();
    assert_int_equal(sample_count(said, "last_batch"), 1);
    free(said);
    assert_list(5);
}

/* ---- refusals ---- */

static void test_writer_malformed_batch_is_given_up_and_holds_nobody_up(void **state)
{
    NEEDS_SERVER();
    struct config c = config_for_socket();
    sample_stderr_catch();
    struct redis_writer *w = open_writer(&c);
    for (int i = 0; i < 10; i++) {
        put_word(w, "bad");
        put_numbers(w, 2 * i, 2 * i + 2);
    }
    WAIT_UNTIL(status_of(w).batches_applied == 20);
    assert_int_equal(status_of(w).batches_refused, 10);
    assert_int_equal(status_of(w).events_lost, 10);
    assert_false(redis_writer_finish(w));
    char *said = sample_stderr_release();
    assert_int_equal(sample_count(said, "refuses a batch"), 1);
    free(said);
    assert_list(20);
}

static void test_writer_unknown_error_is_tried_a_few_times(void **state)
{
    NEEDS_SERVER();
    struct config c = config_for_socket();
    c.redis_patience_ms = 60000;
    sample_stderr_catch();
    struct redis_writer *w = open_writer(&c);
    put_numbers(w, 0, 1);
    put_word(w, "crash");
    put_numbers(w, 1, 2);
    assert_false(redis_writer_finish(w));
    free(sample_stderr_release());
    assert_list(2);
}

/* The password is read anew for each connection: one that was wrong can be mended without a restart. */
static void test_writer_wrong_password_is_waited_out(void **state)
{
    NEEDS_SERVER();
    struct config c = config_for_socket();
    memcpy(c.redis_password_file, password_path, sizeof password_path);
    sample_write(password_path, "wrong", 5);
    chmod(password_path, 0600);
    tell("CONFIG SET requirepass right");
    sample_stderr_catch();
    struct redis_writer *w = open_writer(&c);
    put_numbers(w, 0, 10);
    WAIT_UNTIL(strcmp(status_of(w).trouble, "WRONGPASS") == 0 || strcmp(status_of(w).trouble, "ERR") == 0);
    sample_write(password_path, "right", 5);
    assert_true(redis_writer_finish(w));
    char *said = sample_stderr_release();
    assert_int_equal(sample_count(said, "is tried again"), 1);
    assert_null(strstr(said, "right"));
    free(said);
    free(ask("AUTH right\r\nCONFIG SET requirepass ''"));
    unlink(password_path);
    assert_list(10);
}

static const struct {
    const char *begin;
    const char *end;
    const char *code;
} refusals[] = {
    {"CONFIG SET maxmemory 1", "CONFIG SET maxmemory 0", "OOM"},
    {"CONFIG SET min-replicas-to-write 1", "CONFIG SET min-replicas-to-write 0", "NOREPLICAS"},
    {"REPLICAOF 127.0.0.1 1", "REPLICAOF NO ONE", "READONLY"},
    {"ACL SETUSER default -evalsha", "ACL SETUSER default +@all", "NOPERM"},
    {"CLIENT PAUSE 1500 ALL", "PING", "connection:"},
};

/* Without waiting for an answer, which may be long in coming. */
static void send_only(const char *command)
{
    int s = dial();
    assert_true(s >= 0);
    assert_int_equal(write(s, command, strlen(command)), (ssize_t)strlen(command));
    assert_int_equal(write(s, "\r\n", 2), 2);
    close(s);
}

/* Batches are put all the time, so that some are under way when it begins and when it ends. */
static void test_writer_refusals_are_waited_out_without_loss_or_repetition(void **state)
{
    NEEDS_SERVER();
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        struct config c = config_for_socket();
        c.redis_answer_ms = 500;
        tell("FLUSHALL");
        sample_stderr_catch();
        struct redis_writer *w = open_writer(&c);
        put_numbers(w, 0, 100);
        send_only(refusals[i].begin);
        put_numbers(w, 100, 200);
        WAIT_UNTIL(strcmp(status_of(w).trouble, refusals[i].code) == 0);
        put_numbers(w, 200, 300);
        tell(refusals[i].end);
        put_numbers(w, 300, 400);
        bool complete = redis_writer_finish(w);
        char *said = sample_stderr_release();
        if (!complete || sample_count(said, "is tried again") != 1 ||
            sample_count(said, "takes batches again") != 1)
            fail_msg("%s: %s", refusals[i].code, said);
        free(said);
        assert_list(400);
    }
}

/* ---- the spool ---- */

static struct config config_with_spool(void)
{
    static struct config c;
    c = config_for_socket();
    memcpy(c.redis_spool, spool_path, sizeof spool_path);
    c.redis_patience_ms = 2500;
    return c;
}

static void test_writer_spool_outlives_the_process(void **state)
{
    NEEDS_SERVER();
    struct config c = config_with_spool();
    stop_server();
    sample_stderr_catch();
    struct redis_writer *w = open_writer(&c);
    put_numbers(w, 0, 300);
    assert_false(redis_writer_finish(w));
    w = open_writer(&c);
    put_numbers(w, 300, 600);
    assert_false(redis_writer_finish(w));
    assert_true(start_server());
    w = open_writer(&c);
    put_numbers(w, 600, 900);
    assert_true(redis_writer_finish(w));
    char *said = sample_stderr_release();
    assert_int_equal(sample_count(said, "recovered 300 batches with 300 events"), 1);
    assert_int_equal(sample_count(said, "recovered 600 batches with 600 events"), 1);
    assert_int_equal(sample_count(said, "lost"), 0);
    free(said);
    assert_list(900);
}

static void test_writer_spool_takes_what_memory_has_no_room_for(void **state)
{
    NEEDS_SERVER();
    struct config c = config_with_spool();
    c.redis_queue_bytes = 20000;
    c.redis_patience_ms = 50000;
    stop_server();
    sample_stderr_catch();
    struct redis_writer *w = open_writer(&c);
    put_numbers(w, 0, 1000);
    WAIT_UNTIL(status_of(w).queue_batches == 1000);
    assert_true(status_of(w).queue_bytes <= 20000 && status_of(w).spool_bytes > 50000);
    assert_true(start_server());
    WAIT_UNTIL(status_of(w).batches_applied > 0);
    put_numbers(w, 1000, 1200);
    for (int i = 0; i < 5; i++) {
        free(ask("CLIENT KILL TYPE normal SKIPME yes"));
        clock_sleep_us(20000);
    }
    WAIT_UNTIL(status_of(w).queue_batches == 0);
    assert_int_equal(status_of(w).spool_bytes, 0);
    put_numbers(w, 1200, 1300);
    assert_true(redis_writer_finish(w));
    free(sample_stderr_release());
    assert_list(1300);
}

static void test_writer_spooled_numbers_that_were_used_are_left_behind(void **state)
{
    NEEDS_SERVER();
    struct config c = config_with_spool();
    stop_server();
    sample_stderr_catch();
    struct redis_writer *w = open_writer(&c);
    put_numbers(w, 0, 100);
    assert_false(redis_writer_finish(w));
    assert_true(start_server());
    tell("HSET waxseal:{test}:sensor:probe last_batch 4000000000000000");
    c.redis_patience_ms = 50000;
    w = open_writer(&c);
    put_numbers(w, 100, 200);
    assert_true(redis_writer_finish(w));
    free(sample_stderr_release());
    assert_list(200);
}

static void test_writer_spool_of_another_process_is_an_error_at_the_start(void **state)
{
    NEEDS_SERVER();
    char error[REDIS_ERROR_CAP] = "";
    struct config c = config_with_spool();
    struct redis_writer *w = open_writer(&c);
    assert_null(redis_writer_open(&c, span_text(script), error));
    assert_non_null(strstr(error, "another waxseal uses it"));
    assert_true(redis_writer_finish(w));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_writer_batches_arrive_once_and_in_order),
        cmocka_unit_test(test_writer_connections_cut_at_any_time_lose_and_repeat_nothing),
        cmocka_unit_test(test_writer_server_away_is_said_once_and_made_up_for),
        cmocka_unit_test(test_writer_without_a_server_gives_up_after_its_patience),
        cmocka_unit_test(test_writer_numbers_that_were_used_are_left_behind),
        cmocka_unit_test(test_writer_number_beyond_sense_is_said_and_waited_for),
        cmocka_unit_test(test_writer_malformed_batch_is_given_up_and_holds_nobody_up),
        cmocka_unit_test(test_writer_unknown_error_is_tried_a_few_times),
        cmocka_unit_test(test_writer_wrong_password_is_waited_out),
        cmocka_unit_test(test_writer_refusals_are_waited_out_without_loss_or_repetition),
        cmocka_unit_test(test_writer_spool_outlives_the_process),
        cmocka_unit_test(test_writer_spool_takes_what_memory_has_no_room_for),
        cmocka_unit_test(test_writer_spooled_numbers_that_were_used_are_left_behind),
        cmocka_unit_test(test_writer_spool_of_another_process_is_an_error_at_the_start),
    };
    return cmocka_run_group_tests(tests, set_up_with_spool, tear_down_with_spool);
}
