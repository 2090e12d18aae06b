/* The framer of lines, its cut, its tail, and the bodies between lines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "parsers/line.h"

/* Feeds n octets in pieces and gives the first line; the rest of the input is left out. */
static bool take(struct line *l, const void *bytes, size_t n, size_t piece, struct line_text *out)
{
    for (size_t at = 0; at < n; at += piece) {
        struct cursor in = cursor_over(span_head(span_of((const uint8_t *)bytes + at, n - at), piece));
        while (cursor_left(&in) > 0)
            if (line_take(l, &in, out))
                return true;
    }
    return false;
}

static void expect(struct span s, const char *text)
{
    assert_int_equal(s.n, strlen(text));
    assert_memory_equal(s.p, text, s.n);
}

static void test_line_whole_is_handed_out_in_place(void **unused)
{
    (void)unused;
    static struct line l;
    static const char text[] = "NOOP\r\nQUIT\r\n";
    struct cursor in = cursor_over(span_text(text));
    struct line_text line;
    assert_true(line_take(&l, &in, &line));
    assert_ptr_equal(line.text.p, text);
    expect(line.text, "NOOP");
    assert_int_equal(line.octets, 6);
    assert_int_equal(cursor_left(&in), 6);
    assert_true(line_is_empty(&l));
}

static void test_line_split_is_the_same(void **unused)
{
    (void)unused;
    static const char *const texts[] = {"NOOP\r\n", "NOOP\n", "\r\n", "\n", "a\rb\r\r\n", " \r\n"};
    static const char *const wanted[] = {"NOOP", "NOOP", "", "", "a\rb", " "};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        for (size_t piece = 1; piece <= strlen(texts[i]); piece++) {
            struct line l = {0};
            struct line_text line;
            assert_true(take(&l, texts[i], strlen(texts[i]), piece, &line));
            expect(line.text, wanted[i]);
            assert_int_equal(line.octets, strlen(texts[i]));
            assert_false(line.overlong);
            line_done(&l);
        }
}

/* Lengths around the cap, whole and split: cut at the cap, the end is kept, the line after is read. */
static void test_line_overlong_is_cut(void **unused)
{
    (void)unused;
    for (size_t length = LINE_CAP_BYTES - 2; length <= LINE_CAP_BYTES + 60; length++)
        for (size_t piece = 1; piece <= length + 2; piece += 511) {
            uint8_t *bytes = malloc(length + 2);
            memset(bytes, 'x', length);
            memcpy(bytes + length - 4, " {7}\r\n", 6);
            struct line l = {0};
            struct line_text line;
            assert_true(take(&l, bytes, length + 2, piece, &line));
            assert_int_equal(line.text.n, length < LINE_CAP_BYTES ? length : LINE_CAP_BYTES);
            assert_int_equal(line.overlong, length > LINE_CAP_BYTES);
            assert_int_equal(line.octets, length + 2);
            struct line_literal literal;
            assert_true(line_literal_of(&line, &literal));
            assert_int_equal(literal.size, 7);
            line_done(&l);
            assert_true(line_is_empty(&l));
            free(bytes);
        }
}

static void test_line_done_wipes(void **unused)
{
    (void)unused;
    static struct line l;
    static const struct line zero;
    struct line_text line;
    assert_false(take(&l, "PASS secr", 9, 3, &line));
    assert_true(take(&l, "et\r\n", 4, 1, &line));
    expect(line.text, "PASS secret");
    line_done(&l);
    assert_memory_equal(&l, &zero, sizeof l);
}

static void test_line_after_gap_is_dropped(void **unused)
{
    (void)unused;
    static struct line l;
    struct line_text line;
    assert_false(take(&l, "PASS se", 7, 7, &line));
    line_skip_rest(&l);
    assert_false(line_is_empty(&l));
    assert_true(take(&l, "cret\r\nNOOP\r\n", 12, 12, &line));
    expect(line.text, "NOOP");
    assert_true(line_is_empty(&l));
}

static bool literal_of(const char *text, struct line_literal *literal)
{
    struct line l = {0};
    struct line_text line;
    char bytes[200];
    size_t n = strlen(text);
    memcpy(bytes, text, n);
    bytes[n] = '\n';
    assert_true(take(&l, bytes, n + 1, n + 1, &line));
    return line_literal_of(&line, literal);
}

static void test_line_literal_is_read(void **unused)
{
    (void)unused;
    struct line_literal literal;
    assert_true(literal_of("A LOGIN {5}", &literal));
    assert_true(literal.waits && !literal.overflow && literal.size == 5);
    assert_true(literal_of("A LOGIN {12+}", &literal));
    assert_true(!literal.waits && literal.size == 12);
    assert_true(literal_of("A LOGIN {0-}", &literal));
    assert_true(!literal.waits && literal.size == 0);
    assert_true(literal_of("BODY[] ~{4294967296}", &literal));
    assert_true(literal.size == 4294967296u);
    assert_true(literal_of("({3}", &literal));
    assert_true(literal_of("{3}", &literal));
    assert_true(literal_of("~{3}", &literal));
}

static void test_line_literal_near_misses(void **unused)
{
    (void)unused;
    static const char *const texts[] = {"",          "{5",      "5}",     "A LOGIN x{5}", "A LOGIN x~{5}",
                                        "A {}",      "A {+}",   "A {5} ", "A {5x}",       "A {-5}",
                                        "A \"{5}\"", "A {5++}", "A { 5}", "A {5}}",       "A {0x10}",
                                        "}",         "A {5+-}", "A ~~{5}"};
    struct line_literal literal;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_false(literal_of(texts[i], &literal));
}

static void test_line_literal_overflow_is_flagged(void **unused)
{
    (void)unused;
    static const char *const texts[] = {
        "A {9223372036854775808}", "A {18446744073709551616+}", "A {99999999999999999999}",
        "A {000000000000000000000000000000000000005}", "A {99999999999999999999999999999999999999999+}"};
    struct line_literal literal;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        assert_true(literal_of(texts[i], &literal));
        assert_true(literal.overflow);
    }
}

static void test_line_number_bounds(void **unused)
{
    (void)unused;
    uint64_t n;
    assert_true(line_number(span_text("0"), &n) && n == 0);
    assert_true(line_number(span_text("000012"), &n) && n == 12);
    assert_true(line_number(span_text("922337203685477580"), &n) && n == 922337203685477580u);
    assert_false(line_number(span_text(""), &n));
    assert_false(line_number(span_text("1 "), &n));
    assert_false(line_number(span_text("-1"), &n));
    assert_false(line_number(span_text("9223372036854775808"), &n));
    assert_false(line_number(span_text("18446744073709551617"), &n));
}

static size_t body_length(const char *text, size_t piece)
{
    enum line_body body = BODY_LINE_START;
    struct span all = span_text(text);
    size_t used = 0;
    while (used < all.n && body != BODY_OVER)
        used += line_skip_body(&body, span_head(span_skip(all, used), piece));
    return body == BODY_OVER ? used : 0;
}

static void test_line_body_ends_at_a_lone_dot(void **unused)
{
    (void)unused;
    static const struct {
        const char *text;
        size_t length; /* 0: it does not end */
    } rows[] = {{".\r\n", 3},
                {".\r\nQUIT\r\n", 3},
                {"x\r\n.\r\ny", 6},
                {"\r\n.\r\n", 5},
                {"..\r\n.\r\n", 7},
                {"x.\r\n.\r\n", 7},
                {"x\r\r\n.\r\n", 7},
                {".\r\r\n.\r\nz", 7},
                {".\r.\r\n", 0},
                {"x\n.\n", 0},
                {"x\r\n.\n", 0},
                {"x\n.\r\n", 0},
                {"x\r.\r\n", 0},
                {". \r\n", 0},
                {"x\r\n.", 0},
                {"x\r\n.\r", 0},
                {"", 0},
                {"x\r\n.\rx\r\n", 0}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (size_t piece = 1; piece < 12; piece++)
            assert_int_equal(body_length(rows[i].text, piece), rows[i].length);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_line_whole_is_handed_out_in_place),
        cmocka_unit_test(test_line_split_is_the_same),
        cmocka_unit_test(test_line_overlong_is_cut),
        cmocka_unit_test(test_line_done_wipes),
        cmocka_unit_test(test_line_after_gap_is_dropped),
        cmocka_unit_test(test_line_literal_is_read),
        cmocka_unit_test(test_line_literal_near_misses),
        cmocka_unit_test(test_line_literal_overflow_is_flagged),
        cmocka_unit_test(test_line_number_bounds),
        cmocka_unit_test(test_line_body_ends_at_a_lone_dot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
