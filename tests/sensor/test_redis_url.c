/* URLs of Redis, and the passwords that are not in them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "sensor/publish/redis_url.h"

static const struct {
    const char *url;
    const char *error; /* part of it; NULL: valid */
} urls[] = {
    {"redis://localhost", NULL},
    {"redis://localhost:6380/3", NULL},
    {"redis://waxseal@redis.example.org", NULL},
    {"redis://[2001:db8::1]:6379/", NULL},
    {"redis://192.0.2.1:1/0", NULL},
    {"unix:///run/redis/redis.sock", NULL},
    {"", "expected redis://"},
    {"localhost:6379", "expected redis://"},
    {"http://localhost", "expected redis://"},
    {"redis://", "expected redis://"},
    {"redis:///0", "expected redis://"},
    {"redis://:6379", "expected redis://"},
    {"redis://host:0", "expected redis://"},
    {"redis://host:65536", "expected redis://"},
    {"redis://host:6379x", "expected redis://"},
    {"redis://[2001:db8::1", "expected redis://"},
    {"redis://[]:1", "expected redis://"},
    {"redis://host/x", "number of a database"},
    {"redis://host/0?timeout=3", "number of a database"},
    {"redis://host?timeout=3", "number of a database"},
    {"redis://@host", "user name"},
    {"redis://:hunter2@host", "--redis-password-file"},
    {"redis://user:hunter2@host/0", "--redis-password-file"},
    {"redis://user:hunter2@other@host/0", "--redis-password-file"},
    {"rediss://user:hunter2@host", "--redis-password-file"},
    {"rediss://host", "needs TLS"},
    {"unix://relative", "absolute path"},
    {"unix://", "absolute path"},
    {"unix:///"
     "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
     "0123456789",
     "at most 107 bytes"},
    {"redis-sentinel://192.0.2.1/mail", NULL},
    {"redis-sentinel://waxseal@192.0.2.1,192.0.2.2:26380,[2001:db8::1]/mail/2", NULL},
    {"redis-sentinel://192.0.2.1", "name under which"},
    {"redis-sentinel://192.0.2.1/", "name under which"},
    {"redis-sentinel://192.0.2.1/mail/x", "number of a database"},
    {"redis-sentinel://192.0.2.1,/mail", "expected redis://"},
    {"redis-sentinel://a:hunter2@192.0.2.1/mail", "--redis-password-file"},
    {"redis-cluster://192.0.2.1:7000,192.0.2.2:7001", NULL},
    {"redis-cluster://192.0.2.1/", NULL},
    {"redis-cluster://192.0.2.1/1", "no database but 0"},
    {"redis-cluster://a,b,c,d,e,f,g,h", NULL},
    {"redis-cluster://a,b,c,d,e,f,g,h,i", "at most 8"},
    {"redis://a,b", "expected redis://"},
    {"redis://2001:db8::1", "expected redis://"},
    {"rediss-cluster://192.0.2.1", "needs TLS"},
};

/* Whether rediss is valid depends on the build's hiredis. */
static void test_redis_url_is_understood_or_refused_without_repeating_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        char error[REDIS_ERROR_CAP] = "";
        bool valid = redis_url_valid(urls[i].url, error);
        bool tls = urls[i].error != NULL && strcmp(urls[i].error, "needs TLS") == 0;
        if (tls && valid)
            continue;
        if (valid != (urls[i].error == NULL))
            fail_msg("%s: %s", urls[i].url, error);
        if (urls[i].error != NULL && strstr(error, urls[i].error) == NULL)
            fail_msg("%s: %s", urls[i].url, error);
        assert_null(strstr(error, "hunter2"));
    }
}

static void test_redis_url_parts_are_taken(void **state)
{
    (void)state;
    struct redis_address a;
    char error[REDIS_ERROR_CAP];
    assert_true(redis_url_parse("redis-sentinel://w@192.0.2.1,[2001:db8::1]:1/mail/2", &a, error));
    assert_int_equal(a.kind, REDIS_SENTINEL);
    assert_int_equal(a.node_count, 2);
    assert_string_equal(a.nodes[0].host, "192.0.2.1");
    assert_int_equal(a.nodes[0].port, 26379);
    assert_string_equal(a.nodes[1].host, "2001:db8::1");
    assert_int_equal(a.nodes[1].port, 1);
    assert_string_equal(a.master, "mail");
    assert_string_equal(a.user, "w");
    assert_int_equal(a.database, 2);
    assert_true(redis_url_parse("redis://[::1]", &a, error));
    assert_int_equal(a.kind, REDIS_SERVER);
    assert_string_equal(a.nodes[0].host, "::1");
    assert_int_equal(a.nodes[0].port, 6379);
    assert_string_equal(a.shown, "[::1]:6379");
    assert_true(redis_url_parse("unix:///run/r.sock", &a, error));
    assert_string_equal(a.path, "/run/r.sock");
    assert_int_equal(a.node_count, 0);
}

static bool told(const char *text, struct redis_node *node)
{
    return redis_url_node(text, strlen(text), 0, node);
}

static void test_redis_url_node_as_redis_tells_it(void **state)
{
    (void)state;
    struct redis_node node;
    assert_true(told("192.0.2.1:7000", &node));
    assert_string_equal(node.host, "192.0.2.1");
    assert_int_equal(node.port, 7000);
    assert_true(told("2001:db8::1:7000", &node));
    assert_string_equal(node.host, "2001:db8::1");
    assert_int_equal(node.port, 7000);
    assert_false(told("192.0.2.1", &node));
    assert_false(told("192.0.2.1:", &node));
    assert_false(told(":7000", &node));
    assert_false(told("", &node));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_redis_url_is_understood_or_refused_without_repeating_it),
        cmocka_unit_test(test_redis_url_parts_are_taken),
        cmocka_unit_test(test_redis_url_node_as_redis_tells_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
