/* The memory's file: what was saved comes back, and nothing else does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kept_file.h"
#include "past.h"

static char path[64];

static void new_path(void)
{
    snprintf(path, sizeof path, "/tmp/waxseal-test-history-XXXXXX");
    close(mkstemp(path));
    unlink(path);
}

/* Something in every table. */
static struct history *filled(void)
{
    struct history *h = opened();
    struct certificate_chain c = certificate(1, 1, "RSA", NOW + 50 * DAY);
    note_offers(h, NOW, 20, 0);
    note(h, sealed(NOW + 30, 1, 1, 0x0304, 0x0304), NULL);
    note(h, failed(NOW + 40, 1, 1, 0x0304), NULL);
    for (unsigned server = 1; server <= 3; server++)
        note(h, sealed(NOW + 50, 2, server, 0x0303, 0x0303), &c);
    return h;
}

static void check_same(struct history *a, struct history *b)
{
    struct certificate_chain c = certificate(1, 1, "RSA", 0);
    for (unsigned server = 1; server <= 5; server++)
        for (unsigned client = 1; client <= 3; client++)
            for (int with = 0; with < 2; with++) {
                struct past pa = look(a, listed(NOW + 60, client, server), with ? &c : NULL);
                struct past pb = look(b, listed(NOW + 60, client, server), with ? &c : NULL);
                assert_memory_equal(&pa, &pb, sizeof pa);
            }
    assert_int_equal(history_servers(a), history_servers(b));
}

static void test_history_file_round_trip_is_equal(void **state)
{
    (void)state;
    char error[ERROR_CAP] = "";
    size_t first_length = 0;
    size_t second_length = 0;
    new_path();
    struct history *h = filled();
    struct history *again = opened();
    assert_true(history_save(h, path, error));
    char *first = sample_read(path, &first_length);
    assert_true(history_load(again, path, error));
    check_same(h, again);
    assert_true(look(again, listed(NOW + 60, 1, 1), NULL).baseline_offers);
    assert_true(look(again, listed(NOW + 60, 1, 1), NULL).pair_failed_lately);
    assert_true(history_save(again, path, error)); /* over the old one */
    char *second = sample_read(path, &second_length);
    assert_int_equal(first_length, second_length);
    assert_memory_equal(first, second, first_length);
    free(first);
    free(second);
    unlink(path);
    history_close(h);
    history_close(again);
}

static void check_refused(const char *bytes, size_t length)
{
    char error[ERROR_CAP] = "";
    struct history *h = opened();
    sample_write(path, bytes, length);
    assert_false(history_load(h, path, error));
    assert_non_null(strstr(error, path));
    assert_int_equal(history_servers(h), 0);
    struct past past = look(h, listed(NOW + 60, 1, 1), NULL);
    struct past nothing;
    memset(&nothing, 0, sizeof nothing);
    assert_memory_equal(&past, &nothing, sizeof past);
    note(h, sealed(NOW, 1, 1, 0x0303, 0x0303), NULL); /* and it works on */
    assert_int_equal(history_servers(h), 1);
    history_close(h);
}

static void save(void)
{
    char error[ERROR_CAP] = "";
    new_path();
    struct history *h = filled();
    assert_true(history_save(h, path, error));
    history_close(h);
}

static void test_history_file_damaged_cut_or_continued_is_refused_whole(void **state)
{
    (void)state;
    save();
    kept_file_damage(path, 13, check_refused);
    unlink(path);
}

static bool load_and_work_on(void)
{
    char error[ERROR_CAP] = "";
    struct history *h = opened();
    struct certificate_chain c = certificate(1, 1, "RSA", 0);
    bool refused = !history_load(h, path, error);
    (void)look(h, listed(NOW + 60, 1, 1), NULL);
    (void)look(h, sealed(NOW + 60, 2, 1, 0x0303, 0x0303), &c);
    note(h, failed(NOW + 60, 1, 1, 0x0304), &c);
    history_close(h);
    return refused;
}

/* Whatever stands in it: a file with a good sum is either taken or refused, and looking does not overflow. */
static void test_history_file_forged_values_do_no_harm(void **state)
{
    (void)state;
    save();
    assert_true(kept_file_forge(path, load_and_work_on) > 0);
    unlink(path);
}

static void test_history_file_of_another_version_is_refused(void **state)
{
    (void)state;
    char error[ERROR_CAP] = "";
    size_t length = 0;
    new_path();
    struct history *h = filled();
    assert_true(history_save(h, path, error));
    char *bytes = sample_read(path, &length);
    assert_memory_equal(bytes, "waxseal-past-", 13);
    bytes[13] = '0';
    kept_file_seal(bytes, length);
    check_refused(bytes, length);
    assert_true(history_save(h, path, error)); /* an older one is replaced */
    free(bytes);
    unlink(path);
    history_close(h);
}

static void test_history_file_missing_is_no_error(void **state)
{
    (void)state;
    char error[ERROR_CAP] = "";
    new_path();
    struct history *h = opened();
    assert_true(history_load(h, path, error));
    assert_int_equal(history_servers(h), 0);
    assert_string_equal(error, "");
    history_close(h);
}

static void test_history_file_that_cannot_be_used_is_said(void **state)
{
    (void)state;
    char error[ERROR_CAP] = "";
    struct history *h = filled();
    assert_false(history_load(h, "/dev/null/history", error));
    assert_non_null(strstr(error, "/dev/null/history"));
    assert_false(history_save(h, "/dev/null/history", error));
    assert_non_null(strstr(error, "cannot write the history to /dev/null/history: "));
    char *endless = calloc(1, 5000);
    memset(endless, 'x', 4999);
    assert_false(history_save(h, endless, error));
    free(endless);
    history_close(h);
}

/* A wrong path in a configuration must not cost somebody another file. */
static void test_history_file_of_somebody_else_is_left_alone(void **state)
{
    (void)state;
    char error[ERROR_CAP] = "";
    size_t length = 0;
    new_path();
    struct history *h = filled();
    sample_write(path, "dear diary, today", 17);
    assert_false(history_save(h, path, error));
    assert_non_null(strstr(error, "no history"));
    char *text = sample_read(path, &length);
    assert_string_equal(text, "dear diary, today");
    free(text);
    sample_write(path, "", 0);
    assert_true(history_save(h, path, error)); /* an empty one, as mktemp makes */
    unlink(path);
    history_close(h);
}

static void test_history_file_beyond_the_capacity_keeps_the_newest(void **state)
{
    (void)state;
    char error[ERROR_CAP] = "";
    struct history_limits limits;
    history_defaults(&limits);
    limits.servers = limits.pairs = limits.keys = 500;
    new_path();
    struct history *large = history_open(&limits);
    for (unsigned server = 1; server <= 500; server++)
        note(large, sealed(NOW, 1, server, 0x0303, 0x0303), NULL);
    note(large, sealed(NOW, 1, 7, 0x0303, 0x0303), NULL);
    assert_true(history_save(large, path, error));
    struct history *h = opened();
    assert_true(history_load(h, path, error));
    assert_int_equal(history_servers(h), 64);
    assert_int_equal(look(h, listed(NOW, 1, 7), NULL).server_best_version, 0x0303);
    assert_int_equal(look(h, listed(NOW, 1, 500), NULL).pair_best_version, 0x0303);
    assert_int_equal(look(h, listed(NOW, 1, 438), NULL).server_best_version, 0x0303);
    assert_int_equal(look(h, listed(NOW, 1, 437), NULL).server_best_version, 0);
    assert_int_equal(look(h, listed(NOW, 1, 437), NULL).pair_best_version, 0);
    unlink(path);
    history_close(large);
    history_close(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_history_file_round_trip_is_equal),
        cmocka_unit_test(test_history_file_damaged_cut_or_continued_is_refused_whole),
        cmocka_unit_test(test_history_file_forged_values_do_no_harm),
        cmocka_unit_test(test_history_file_of_another_version_is_refused),
        cmocka_unit_test(test_history_file_missing_is_no_error),
        cmocka_unit_test(test_history_file_that_cannot_be_used_is_said),
        cmocka_unit_test(test_history_file_of_somebody_else_is_left_alone),
        cmocka_unit_test(test_history_file_beyond_the_capacity_keeps_the_newest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
