/* The spool: what was put in comes out, whole and in order, whatever happened to the files in between. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sensor/publish/spool.h"
#include "sensor/publish/spool_note.h"

enum { BIG_CAP = 1 << 26, FEW = 5 };

static char parent[64];
static char folder[96];
static char body[SPOOL_BODY_CAP];

/* The only segment of a spool that was opened once is the first. */
static const char *path_of(const char *name)
{
    static char path[160];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static const char first_segment[] = "0000000000000001.spool";

static void empty_folder(void)
{
    DIR *d = opendir(folder);
    for (struct dirent *e = d != NULL ? readdir(d) : NULL; e != NULL; e = readdir(d))
        if (e->d_name[0] != '.')
            unlink(path_of(e->d_name));
    if (d != NULL)
        closedir(d);
    rmdir(folder);
}

static struct spool *open_spool(struct spool_found *found)
{
    char error[SPOOL_ERROR_CAP] = "";
    struct spool *s = spool_open(folder, BIG_CAP, found, error);
    if (s == NULL)
        fail_msg("%s", error);
    return s;
}

static struct spool *open_empty(void)
{
    struct spool_found found;
    empty_folder();
    struct spool *s = open_spool(&found);
    assert_int_equal(found.batches, 0);
    return s;
}

/* Batch n holds 10 n bytes of the letter n. */
static struct span body_of(uint64_t n)
{
    static char bytes[4096];
    memset(bytes, (int)('a' + n % 26), sizeof bytes);
    return span_of(bytes, (size_t)(10 * n % sizeof bytes));
}

static enum spool_result append(struct spool *s, uint64_t n, struct span bytes)
{
    struct spool_place end;
    struct spool_record r = {
        .run = "0123456789abcdef", .number = n, .made_ms = 1000 + n, .events = 2, .arguments = (uint32_t)n};
    return spool_append(s, &r, bytes, &end);
}

static void append_few(struct spool *s)
{
    for (uint64_t n = 1; n <= FEW; n++)
        assert_int_equal(append(s, n, body_of(n)), SPOOL_DONE);
}

static void assert_is(const struct spool_record *r, uint64_t n)
{
    struct span expected = body_of(n);
    assert_string_equal(r->run, "0123456789abcdef");
    assert_int_equal(r->number, n);
    assert_int_equal(r->made_ms, 1000 + n);
    assert_int_equal(r->events, 2);
    assert_int_equal(r->arguments, n);
    assert_int_equal(r->body_bytes, expected.n);
    assert_memory_equal(body, expected.p, expected.n);
}

/* Reads all that can be read; a bit for each number. */
static unsigned read_rest(struct spool *s)
{
    struct spool_record r;
    struct spool_place end;
    unsigned seen = 0;
    uint64_t last = 0;
    while (spool_next(s, &r, body, &end)) {
        assert_true(r.number > last && r.number <= FEW);
        assert_is(&r, r.number);
        last = r.number;
        seen |= 1U << r.number;
    }
    return seen;
}

static char *load(const char *path, size_t *length)
{
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    char *bytes = malloc(SPOOL_BODY_CAP);
    *length = fread(bytes, 1, SPOOL_BODY_CAP, f);
    fclose(f);
    return bytes;
}

static void store(const char *path, const char *bytes, size_t length)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, length, f), length);
    fclose(f);
}

/* ---- order ---- */

static void test_spool_batches_come_back_in_order_after_a_restart(void **state)
{
    (void)state;
    struct spool_found found;
    struct spool *s = open_empty();
    append_few(s);
    assert_int_equal(spool_waiting(s), FEW);
    spool_close(s);
    s = open_spool(&found);
    assert_int_equal(found.batches, FEW);
    assert_int_equal(found.events, 2 * FEW);
    assert_int_equal(found.last_number, FEW);
    assert_int_equal(found.damaged_bytes, 0);
    assert_int_equal(read_rest(s), 0x3e);
    spool_close(s);
}

static void test_spool_acknowledged_batches_do_not_come_back(void **state)
{
    (void)state;
    struct spool_found found;
    struct spool_record r;
    struct spool_place end;
    struct spool *s = open_empty();
    append_few(s);
    for (int i = 0; i < 2; i++) {
        assert_true(spool_next(s, &r, body, &end));
        spool_acknowledge(s, end, &r);
    }
    assert_true(spool_next(s, &r, body, &end)); /* read and not acknowledged */
    spool_rewind(s);
    assert_int_equal(read_rest(s), 0x38);
    assert_int_equal(append(s, 6, body_of(6)), SPOOL_DONE);
    spool_close(s);
    s = open_spool(&found);
    assert_int_equal(found.batches, 4);
    spool_close(s);
}

static void test_spool_delivered_whole_takes_no_room_and_keeps_the_last_number(void **state)
{
    (void)state;
    struct spool_found found;
    struct spool_record r;
    struct spool_place end;
    struct spool *s = open_empty();
    for (int round = 0; round < 3; round++) {
        append_few(s);
        while (spool_next(s, &r, body, &end))
            spool_acknowledge(s, end, &r);
        assert_int_equal(spool_bytes(s), 0);
        assert_int_equal(spool_waiting(s), 0);
    }
    spool_close(s);
    s = open_spool(&found);
    assert_int_equal(found.batches, 0);
    assert_int_equal(found.last_number, FEW);
    spool_close(s);
}

static void test_spool_many_segments_are_read_in_order_and_removed(void **state)
{
    (void)state;
    enum { MANY = 24 };
    struct spool_found found;
    struct spool_record r;
    struct spool_place end;
    static char large[SPOOL_BODY_CAP];
    struct spool *s = open_empty();
    for (uint64_t n = 1; n <= MANY; n++)
        assert_int_equal(append(s, n, span_of(large, sizeof large)), SPOOL_DONE);
    spool_close(s);
    s = open_spool(&found);
    assert_int_equal(found.batches, MANY);
    assert_int_equal(append(s, MANY + 1, span_of(large, 1)), SPOOL_DONE);
    uint64_t before = spool_bytes(s);
    for (uint64_t n = 1; n <= MANY + 1; n++) {
        assert_true(spool_next(s, &r, body, &end));
        assert_int_equal(r.number, n);
        spool_acknowledge(s, end, &r);
        if (n == MANY / 2)
            assert_true(spool_bytes(s) < before);
    }
    assert_false(spool_next(s, &r, body, &end));
    assert_int_equal(spool_bytes(s), 0);
    spool_close(s);
}

/* ---- limits ---- */

static void test_spool_full_refuses_the_newest_and_takes_again_when_there_is_room(void **state)
{
    (void)state;
    struct spool_found found;
    struct spool_record r;
    struct spool_place end;
    char error[SPOOL_ERROR_CAP];
    static char kilobyte[1024];
    empty_folder();
    struct spool *s = spool_open(folder, 10000, &found, error);
    assert_non_null(s);
    uint64_t n = 1;
    while (append(s, n, span_of(kilobyte, sizeof kilobyte)) == SPOOL_DONE)
        n++;
    assert_int_equal(n, 10); /* 9 of 1088 bytes each */
    assert_true(spool_next(s, &r, body, &end));
    assert_int_equal(r.number, 1);
    while (spool_next(s, &r, body, &end))
        ;
    assert_int_equal(r.number, 9);
    spool_acknowledge(s, end, &r);
    assert_int_equal(append(s, n, span_of(kilobyte, sizeof kilobyte)), SPOOL_DONE);
    spool_close(s);
}

static void test_spool_disk_that_refuses_leaves_what_was_there(void **state)
{
    (void)state;
    struct rlimit before;
    struct spool *s = open_empty();
    append_few(s);
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    struct rlimit small = {.rlim_cur = 600, .rlim_max = before.rlim_max};
    setrlimit(RLIMIT_FSIZE, &small);
    enum spool_result result = append(s, 6, span_of(body, 500)); /* its head fits, its body does not */
    int why = errno;
    setrlimit(RLIMIT_FSIZE, &before);
    assert_int_equal(result, SPOOL_FAILED);
    assert_int_equal(why, EFBIG);
    assert_int_equal(spool_waiting(s), FEW);
    assert_int_equal(read_rest(s), 0x3e);
    assert_int_equal(append(s, 6, span_of(body, 500)), SPOOL_DONE);
    spool_close(s);
}

static void test_spool_second_process_is_refused(void **state)
{
    (void)state;
    struct spool_found found;
    char error[SPOOL_ERROR_CAP] = "";
    struct spool *s = open_empty();
    assert_null(spool_open(folder, BIG_CAP, &found, error));
    assert_non_null(strstr(error, "another waxseal uses it"));
    spool_close(s);
    s = open_spool(&found);
    spool_close(s);
}

static void test_spool_folder_that_others_can_read_is_refused(void **state)
{
    (void)state;
    struct spool_found found;
    char error[SPOOL_ERROR_CAP] = "";
    struct stat status;
    struct spool *s = open_empty();
    spool_close(s);
    assert_int_equal(stat(folder, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0700);
    chmod(folder, 0750);
    assert_null(spool_open(folder, BIG_CAP, &found, error));
    assert_non_null(strstr(error, "0700"));
    chmod(folder, 0700);
}

/* ---- numbers ---- */

static void test_spool_renumbered_batches_keep_their_new_numbers(void **state)
{
    (void)state;
    struct spool_found found;
    struct spool_record r;
    struct spool_place end;
    uint64_t next = 0;
    struct spool *s = open_empty();
    append_few(s);
    assert_true(spool_next(s, &r, body, &end));
    spool_acknowledge(s, end, &r);
    assert_true(spool_renumber(s, 1001, 6, &next));
    assert_int_equal(next, 6 + 999);
    assert_int_equal(append(s, next, body_of(1)), SPOOL_DONE);
    assert_true(spool_next(s, &r, body, &end));
    assert_int_equal(r.number, 1001); /* batch 2 */
    spool_acknowledge(s, end, &r);
    spool_close(s);
    s = open_spool(&found);
    assert_int_equal(found.last_number, next);
    assert_true(spool_next(s, &r, body, &end));
    assert_int_equal(r.number, 1002);
    /* once more: all of them, also those that came later */
    assert_true(spool_renumber(s, 5000, next + 1, &next));
    uint64_t expected[] = {5000, 5001, 5002, 5000 + 1005 - 3};
    for (size_t i = 0; i < 4; i++) {
        assert_true(spool_next(s, &r, body, &end));
        assert_int_equal(r.number, expected[i]);
        assert_true(r.number < next);
    }
    spool_close(s);
}

/* ---- damage ---- */

/* Where record n begins: a head and a body for each one before it. */
static size_t begin_of(uint64_t n)
{
    size_t at = 0;
    for (uint64_t i = 1; i < n; i++)
        at += SPOOL_HEAD_BYTES + body_of(i).n;
    return at;
}

static void test_spool_cut_at_every_byte_gives_what_is_whole(void **state)
{
    (void)state;
    struct spool_found found;
    size_t length = 0;
    struct spool *s = open_empty();
    append_few(s);
    spool_close(s);
    char *bytes = load(path_of(first_segment), &length);
    assert_int_equal(length, begin_of(FEW + 1));
    for (size_t cut = 0; cut <= length; cut++) {
        unsigned whole = 0;
        uint64_t count = 0;
        for (uint64_t n = 1; n <= FEW && begin_of(n + 1) <= cut; n++, count++)
            whole |= 1U << n;
        store(path_of(first_segment), bytes, cut);
        s = open_spool(&found);
        assert_int_equal(found.batches, count);
        assert_int_equal(found.damaged_bytes, cut - begin_of(count + 1));
        assert_int_equal(read_rest(s), whole);
        assert_int_equal(append(s, FEW + 1, body_of(1)), SPOOL_DONE); /* and it goes on */
        spool_close(s);
        unlink(path_of("0000000000000002.spool"));
    }
    free(bytes);
}

static void test_spool_flipped_byte_costs_the_batch_that_it_lies_in(void **state)
{
    (void)state;
    struct spool_found found;
    size_t length = 0;
    struct spool *s = open_empty();
    append_few(s);
    spool_close(s);
    char *bytes = load(path_of(first_segment), &length);
    for (size_t at = 0; at < length; at++) {
        uint64_t hit = 1;
        while (begin_of(hit + 1) <= at)
            hit++;
        for (int bit = 0; bit < 8; bit++) {
            bytes[at] = (char)(bytes[at] ^ 1 << bit);
            store(path_of(first_segment), bytes, length);
            bytes[at] = (char)(bytes[at] ^ 1 << bit);
            s = open_spool(&found);
            assert_int_equal(found.batches, FEW - 1);
            assert_int_equal(found.damaged_bytes, begin_of(hit + 1) - begin_of(hit));
            assert_int_equal(read_rest(s), 0x3e & ~(1U << hit));
            spool_close(s);
        }
    }
    free(bytes);
}

static void test_spool_flipped_byte_of_the_note_sends_some_again_and_loses_none(void **state)
{
    (void)state;
    struct spool_found found;
    struct spool_record r;
    struct spool_place end;
    size_t length = 0;
    struct spool *s = open_empty();
    append_few(s);
    for (int i = 0; i < 2; i++) {
        assert_true(spool_next(s, &r, body, &end));
        spool_acknowledge(s, end, &r);
        spool_sync(s, (uint64_t)(i + 1) * 10000);
    }
    spool_close(s);
    char *bytes = load(path_of("acknowledged"), &length);
    assert_int_equal(length, SPOOL_NOTE_BYTES);
    for (size_t at = 0; at < length; at++) {
        bytes[at] = (char)(bytes[at] ^ 0x10);
        store(path_of("acknowledged"), bytes, length);
        bytes[at] = (char)(bytes[at] ^ 0x10);
        s = open_spool(&found);
        assert_true(found.batches == 3 || found.batches == 4); /* by the newer note or the older one */
        assert_int_equal(read_rest(s) & 0x38, 0x38);
        spool_close(s);
    }
    unlink(path_of("acknowledged"));
    s = open_spool(&found);
    assert_int_equal(read_rest(s), 0x3e);
    spool_close(s);
    free(bytes);
}

/* A file full of heads that promise bodies which never check would cost the square of its length. */
static void test_spool_hostile_segment_costs_a_bounded_effort(void **state)
{
    (void)state;
    struct spool_found found;
    struct spool_record r = {.run = "0123456789abcdef", .number = 1};
    uint8_t head[SPOOL_HEAD_BYTES];
    struct spool *s = open_empty();
    spool_close(s);
    spool_record_write(&r, span_of(body, sizeof body), head);
    FILE *f = fopen(path_of(first_segment), "wb");
    for (size_t i = 0; i < (8 << 20) / sizeof head; i++)
        fwrite(head, 1, sizeof head, f);
    fclose(f);
    s = open_spool(&found);
    assert_int_equal(found.batches, 0);
    assert_int_equal(found.damaged_bytes, 8 << 20);
    spool_close(s);
}

static void test_spool_strange_files_in_the_folder_are_left_alone(void **state)
{
    (void)state;
    struct spool_found found;
    struct spool *s = open_empty();
    append_few(s);
    spool_close(s);
    store(path_of("README"), "x", 1);
    store(path_of("1.spool"), "x", 1);
    store(path_of("9999999999999999.spool"), "x", 1);
    assert_int_equal(symlink("/dev/zero", path_of("0000000000000002.spool")), 0);
    assert_int_equal(mkfifo(path_of("0000000000000003.spool"), 0600), 0);
    s = open_spool(&found);
    assert_int_equal(found.batches, FEW);
    assert_int_equal(read_rest(s), 0x3e);
    spool_close(s);
    assert_int_equal(access(path_of("README"), F_OK), 0);
}

static int set_up(void **state)
{
    (void)state;
    snprintf(parent, sizeof parent, "/tmp/waxseal-test-spool-XXXXXX");
    if (mkdtemp(parent) == NULL)
        return -1;
    snprintf(folder, sizeof folder, "%s/spool", parent);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    empty_folder();
    rmdir(parent);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spool_batches_come_back_in_order_after_a_restart),
        cmocka_unit_test(test_spool_acknowledged_batches_do_not_come_back),
        cmocka_unit_test(test_spool_delivered_whole_takes_no_room_and_keeps_the_last_number),
        cmocka_unit_test(test_spool_many_segments_are_read_in_order_and_removed),
        cmocka_unit_test(test_spool_full_refuses_the_newest_and_takes_again_when_there_is_room),
        cmocka_unit_test(test_spool_disk_that_refuses_leaves_what_was_there),
        cmocka_unit_test(test_spool_second_process_is_refused),
        cmocka_unit_test(test_spool_folder_that_others_can_read_is_refused),
        cmocka_unit_test(test_spool_renumbered_batches_keep_their_new_numbers),
        cmocka_unit_test(test_spool_cut_at_every_byte_gives_what_is_whole),
        cmocka_unit_test(test_spool_flipped_byte_costs_the_batch_that_it_lies_in),
        cmocka_unit_test(test_spool_flipped_byte_of_the_note_sends_some_again_and_loses_none),
        cmocka_unit_test(test_spool_hostile_segment_costs_a_bounded_effort),
        cmocka_unit_test(test_spool_strange_files_in_the_folder_are_left_alone),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
