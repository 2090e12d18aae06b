/* The feed: which operations come out, that counters take in every session, and that where batches end changes no sum. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sample.h"
#include "sensor/audit/rollup.h"
#include "sensor/publish/feed.h"

enum { WALL_MS = 5000 };

/* Everything that was handed over, as arguments one after the other. */
struct sent {
    char **words;
    size_t count;
    size_t batches;
    uint64_t events;
    struct batch *batch;
    size_t room; /* batches that may still be had */
};

static struct batch *take(void *state)
{
    struct sent *s = state;
    if (s->room == 0)
        return NULL;
    s->room--;
    assert_null(s->batch);
    s->batch = malloc(sizeof *s->batch);
    batch_begin(s->batch);
    return s->batch;
}

static void put(void *state, struct batch *b)
{
    struct sent *s = state;
    assert_ptr_equal(b, s->batch);
    assert_false(b->overflown);
    s->words = realloc(s->words, (s->count + b->arguments) * sizeof *s->words);
    const char *p = b->data;
    for (uint32_t i = 0; i < b->arguments; i++) {
        char *end = NULL;
        assert_int_equal(*p, '$');
        size_t length = strtoul(p + 1, &end, 10);
        assert_memory_equal(end, "\r\n", 2);
        s->words[s->count++] = strndup(end + 2, length);
        p = end + 2 + length;
        assert_memory_equal(p, "\r\n", 2);
        p += 2;
    }
    assert_ptr_equal(p, b->data + b->bytes);
    s->batches++;
    s->events += b->events;
    free(b);
    s->batch = NULL;
}

static void link_of(void *state, struct feed_link *out)
{
    (void)state;
    *out = (struct feed_link){.rtt_us = -1};
}

static void forget(struct sent *s)
{
    for (size_t i = 0; i < s->count; i++)
        free(s->words[i]);
    free(s->words);
    *s = (struct sent){0};
}

/* The next operation of this name at or after *at, which is moved behind it; NULL where there is none. */
static char **operation(const struct sent *s, const char *name, size_t *at)
{
    while (*at < s->count) {
        char **op = s->words + *at;
        *at += 2 + strtoul(op[1], NULL, 10);
        assert_true(*at <= s->count);
        if (strcmp(op[0], name) == 0)
            return op;
    }
    return NULL;
}

static size_t operations(const struct sent *s, const char *name)
{
    size_t at = 0;
    size_t count = 0;
    while (operation(s, name, &at) != NULL)
        count++;
    return count;
}

/* What the pairs of all operations of this name, from an argument on, add up to for a field. */
static int64_t sum_of(const struct sent *s, const char *name, size_t first, const char *field)
{
    size_t at = 0;
    int64_t sum = 0;
    char **op;
    while ((op = operation(s, name, &at)) != NULL)
        for (size_t i = first; i + 1 < strtoul(op[1], NULL, 10); i += 2)
            if (strcmp(op[2 + i], field) == 0)
                sum += strtoll(op[3 + i], NULL, 10);
    return sum;
}

static int64_t rolled(const struct sent *s, enum rollup_counter counter)
{
    char index[16];
    snprintf(index, sizeof index, "%d", (int)counter + 1);
    return sum_of(s, "roll", 1, index);
}

static struct config *config_of(enum config_events events, uint32_t one_in)
{
    static struct config c;
    config_defaults(&c);
    memcpy(c.site, "test", 5);
    memcpy(c.sensor, "probe", 6);
    c.redis_events = events;
    c.redis_events_one_in = one_in;
    return &c;
}

static struct feed *open_feed(struct sent *s, const struct config *c, size_t room)
{
    *s = (struct sent){.room = room};
    const struct feed_output output = {s, take, put, link_of};
    struct feed *f = feed_open(c, &output, WALL_MS);
    assert_non_null(f);
    return f;
}

static void finish(struct feed *f)
{
    static const struct run_summary nothing;
    feed_finish(f, &nothing, WALL_MS);
    feed_close(f);
}

/* Session number `i`: some are clean, servers and clients differ, and each ends a while after the one before. */
static void make_numbered(struct sample *x, unsigned i)
{
    memset(x, 0, sizeof *x);
    sample_session(&x->session);
    x->session.first_ns += (uint64_t)i * 1700000000;
    x->session.last_ns += (uint64_t)i * 1700000000;
    x->session.tuple_hash = i * UINT64_C(0x9e3779b97f4a7c15);
    x->session.client_address.bytes[2] = (uint8_t)(i >> 8);
    x->session.client_address.bytes[3] = (uint8_t)i;
    x->session.server_address.bytes[3] = (uint8_t)(i % 7);
    if (i % 2 == 0) {
        x->session.mail.auth_seen = x->session.mail.auth_accepted = false;
        x->session.mail.auth_exposure = AUTH_NOT_SEEN;
    }
    sample_fill(x);
}

static void send_numbered(struct feed *f, unsigned count, unsigned tick_every)
{
    for (unsigned i = 0; i < count; i++) {
        struct sample x;
        make_numbered(&x, i);
        feed_event(f, &x.event);
        if (tick_every > 0 && i % tick_every == 0)
            feed_tick(f, (uint64_t)i * 2000, WALL_MS);
    }
}

/* However a second's sessions are spread over batches: the same of them add to the records of clients. */
static void test_feed_clients_beyond_the_bound_are_counted_without_a_record(void **state)
{
    (void)state;
    enum { SESSIONS = 60, BOUND = 10 };
    for (unsigned tick_every = 0; tick_every <= 7; tick_every += 7) {
        struct sent s;
        struct config *c = config_of(CONFIG_EVENTS_ALL, 1);
        c->redis_clients_a_second = BOUND;
        struct feed *f = open_feed(&s, c, 100);
        for (unsigned i = 0; i < SESSIONS; i++) {
            struct sample x;
            make_numbered(&x, i);
            x.session.first_ns = UINT64_C(1700000000000000000);
            x.session.last_ns = x.session.first_ns + 1000000;
            sample_fill(&x);
            feed_event(f, &x.event);
            if (tick_every > 0 && i % tick_every == 0)
                feed_tick(f, (uint64_t)i * 2000, WALL_MS);
        }
        assert_int_equal(feed_skipped(f), SESSIONS - 2 * BOUND); /* half of them have grave findings */
        finish(f);
        assert_int_equal(operations(&s, "client"), 2 * BOUND);
        assert_int_equal(rolled(&s, ROLLUP_sessions), SESSIONS);
        forget(&s);
    }
}

static void test_feed_one_event_brings_its_operations(void **state)
{
    (void)state;
    struct sent s;
    struct sample x;
    size_t at = 0;
    struct feed *f = open_feed(&s, config_of(CONFIG_EVENTS_ALL, 1), 100);
    sample_make(&x);
    feed_event(f, &x.event);
    finish(f);
    assert_int_equal(s.batches, 1);
    assert_int_equal(s.events, 1);
    char **event = operation(&s, "event", &at);
    assert_string_equal(event[2], "1700000001623");
    assert_int_equal(strtol(event[1], NULL, 10), 1 + EVENT_FIELD_COUNT);
    at = 0;
    char **roll = operation(&s, "roll", &at);
    assert_string_equal(roll[2], "1699999980000");
    at = 0;
    char **server = operation(&s, "server", &at);
    assert_string_equal(server[2], "198.51.100.25:587");
    at = 0;
    char **client = operation(&s, "client", &at);
    assert_string_equal(client[2], "192.0.2.7");
    assert_int_equal(operations(&s, "cert"), 0);
    assert_int_equal(sum_of(&s, "client", 1, "auth_cleartext"), 1);
    assert_int_equal(sum_of(&s, "top", 2, "PLAIN"), 1);
    assert_int_equal(sum_of(&s, "top", 2, "auth_in_clear"), 1);
    at = 0;
    char **mark = operation(&s, "mark", &at);
    assert_string_equal(mark[2], "1700000001623");
    assert_int_equal(operations(&s, "finish"), 1);
    assert_string_equal(s.words[s.count - 2], "finish"); /* and nothing comes after it */
    forget(&s);
}

static void test_feed_sums_do_not_depend_on_where_batches_end(void **state)
{
    (void)state;
    enum { SESSIONS = 3000 };
    struct sent one;
    struct sent many;
    struct feed *f = open_feed(&one, config_of(CONFIG_EVENTS_ALL, 1), 10000);
    send_numbered(f, SESSIONS, 0);
    finish(f);
    f = open_feed(&many, config_of(CONFIG_EVENTS_ALL, 1), 10000);
    send_numbered(f, SESSIONS, 3);
    finish(f);
    assert_true(many.batches > 2 * one.batches);
    assert_int_equal(one.events, SESSIONS);
    assert_int_equal(many.events, SESSIONS);
    for (int i = 0; i < ROLLUP_COUNT; i++)
        assert_int_equal(rolled(&one, (enum rollup_counter)i), rolled(&many, (enum rollup_counter)i));
    assert_int_equal(rolled(&one, ROLLUP_sessions), SESSIONS);
    static const char *const names[] = {"auth_in_clear", "PLAIN", "198.51.100.3:587", "192.0.3.7"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        assert_int_equal(sum_of(&one, "top", 2, names[i]), sum_of(&many, "top", 2, names[i]));
    static const char *const fields[] = {"sessions", "judged", "compliant", "decidable", "offer_known"};
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        assert_int_equal(sum_of(&one, "server", 1, fields[i]), sum_of(&many, "server", 1, fields[i]));
    assert_int_equal(sum_of(&one, "server", 1, "sessions"), SESSIONS);
    assert_int_equal(sum_of(&one, "client", 1, "sessions"), SESSIONS);
    forget(&one);
    forget(&many);
}

static void test_feed_choice_of_events_leaves_counters_whole(void **state)
{
    (void)state;
    enum { SESSIONS = 2000 };
    static const struct {
        enum config_events events;
        uint32_t one_in;
    } choices[] = {{CONFIG_EVENTS_FINDINGS, 1}, {CONFIG_EVENTS_ONE_IN, 10}, {CONFIG_EVENTS_ONE_IN, 1}};
    uint64_t chosen[3];
    for (size_t i = 0; i < 3; i++) {
        struct sent s;
        struct feed *f = open_feed(&s, config_of(choices[i].events, choices[i].one_in), 10000);
        send_numbered(f, SESSIONS, 0);
        finish(f);
        chosen[i] = s.events;
        assert_int_equal(operations(&s, "event"), s.events);
        assert_int_equal(rolled(&s, ROLLUP_sessions), SESSIONS);
        assert_int_equal(sum_of(&s, "server", 1, "sessions"), SESSIONS);
        forget(&s);
    }
    assert_int_equal(chosen[0], SESSIONS); /* each lacks the offer at least */
    assert_in_range(chosen[1], SESSIONS / 20, SESSIONS / 5);
    assert_int_equal(chosen[2], SESSIONS);
}

static void test_feed_interim_account_goes_out_and_counts_nothing(void **state)
{
    (void)state;
    struct sent s;
    struct sample x;
    struct feed *f = open_feed(&s, config_of(CONFIG_EVENTS_ALL, 1), 100);
    memset(&x, 0, sizeof x);
    sample_session(&x.session);
    x.session.final = false;
    sample_fill(&x);
    feed_event(f, &x.event);
    finish(f);
    assert_int_equal(s.events, 1);
    assert_int_equal(operations(&s, "roll") + operations(&s, "server") + operations(&s, "client"), 0);
    forget(&s);
}

static void test_feed_without_room_counts_what_is_lost(void **state)
{
    (void)state;
    struct sent s;
    struct feed *f = open_feed(&s, config_of(CONFIG_EVENTS_ALL, 1), 0);
    send_numbered(f, 5000, 1);
    assert_int_equal(feed_lost(f), 5000);
    s.room = 100; /* and what was added up meanwhile goes out, as far as the tables had room */
    finish(f);
    assert_true(rolled(&s, ROLLUP_sessions) > 0);
    assert_true(rolled(&s, ROLLUP_sessions) <= 5000);
    forget(&s);
}

static void test_feed_time_alone_closes_a_batch(void **state)
{
    (void)state;
    struct sent s;
    struct sample x;
    struct feed *f = open_feed(&s, config_of(CONFIG_EVENTS_ALL, 1), 100);
    sample_make(&x);
    feed_tick(f, 100000, WALL_MS);
    assert_int_equal(operations(&s, "counters"), 1); /* gauges have their names before anything is counted */
    size_t before = s.batches;
    feed_event(f, &x.event);
    feed_tick(f, 100400, WALL_MS);
    assert_int_equal(s.batches, before);
    feed_tick(f, 100600, WALL_MS);
    assert_int_equal(s.batches, before + 1);
    feed_tick(f, 102500, WALL_MS);
    assert_int_equal(s.batches, before + 1);
    feed_tick(f, 107000, WALL_MS); /* nothing happens, and the heart beats */
    assert_int_equal(s.batches, before + 2);
    finish(f);
    forget(&s);
}

static void test_feed_hostile_texts_stay_one_argument(void **state)
{
    (void)state;
    static const char *const texts[] = {"a\r\n$4\r\nEVIL\r\n",
                                        "*1\r\n$8\r\nFLUSHALL",
                                        "${__from}",
                                        "]] redis.call('FLUSHALL')",
                                        "\"' ; --",
                                        "12345",
                                        "none",
                                        "\033[2J"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct sent s;
        struct sample x;
        struct feed *f = open_feed(&s, config_of(CONFIG_EVENTS_ALL, 1), 100);
        memset(&x, 0, sizeof x);
        sample_session(&x.session);
        snprintf(x.session.helo, sizeof x.session.helo, "%s", texts[i]);
        snprintf(x.session.server_name, sizeof x.session.server_name, "%s", texts[i]);
        snprintf(x.session.auth_mechanism, sizeof x.session.auth_mechanism, "%.32s", texts[i]);
        sample_fill(&x);
        feed_event(f, &x.event);
        finish(f);
        size_t at = 0;
        while (at < s.count) /* operations follow each other to the very end */
            at += 2 + strtoul(s.words[at + 1], NULL, 10);
        assert_int_equal(at, s.count);
        for (size_t k = 0; k < s.count; k++)
            assert_null(strpbrk(s.words[k], "\r\n\033"));
        forget(&s);
    }
}

static void test_feed_alert_has_the_fields_of_the_interface(void **state)
{
    (void)state;
    struct sent s;
    struct feed *f = open_feed(&s, config_of(CONFIG_EVENTS_ALL, 1), 100);
    struct alert a = {.state = ALERT_CLEARED,
                      .rule = "tls10",
                      .severity = SEVERITY_HIGH,
                      .server_ip = "192.0.2.1",
                      .server_port = 25,
                      .protocol = "smtp",
                      .role = "relay",
                      .first_ms = 1000,
                      .last_ms = 61000,
                      .hits = 3,
                      .advice = ""};
    feed_alert(f, &a);
    finish(f);
    assert_int_equal(sum_of(&s, "alert", 1, "open_ms"), 60000);
    assert_int_equal(sum_of(&s, "alert", 1, "hits"), 3);
    assert_int_equal(sum_of(&s, "alert", 1, "sev"), 4);
    static const char *const fields[] = {"event",     "state",       "rule",        "severity",  "sev",
                                         "server_ip", "server_port", "server_name", "client_ip", "protocol",
                                         "role",      "first_ts",    "last_ts",     "hits",      "session",
                                         "detail",    "advice",      "site",        "sensor",    "open_ms"};
    size_t at = 0;
    char **op = operation(&s, "alert", &at);
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        assert_string_equal(op[3 + 2 * i], fields[i]);
    forget(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_feed_clients_beyond_the_bound_are_counted_without_a_record),
        cmocka_unit_test(test_feed_one_event_brings_its_operations),
        cmocka_unit_test(test_feed_sums_do_not_depend_on_where_batches_end),
        cmocka_unit_test(test_feed_choice_of_events_leaves_counters_whole),
        cmocka_unit_test(test_feed_interim_account_goes_out_and_counts_nothing),
        cmocka_unit_test(test_feed_without_room_counts_what_is_lost),
        cmocka_unit_test(test_feed_time_alone_closes_a_batch),
        cmocka_unit_test(test_feed_hostile_texts_stay_one_argument),
        cmocka_unit_test(test_feed_alert_has_the_fields_of_the_interface),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
