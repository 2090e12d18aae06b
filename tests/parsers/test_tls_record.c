/* What the record framer makes of a stream, however the stream and its records are cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "parsers/tls_record.h"
#include "tests/build.h"

enum { TRACE_BYTES = 4096, STORE_WHOLE = 0, STORE_REFUSED = -1 };

/* Plays one side through the framer. `brief` is what a test writes down; `full` adds a sum over every body
 * and field, and must not depend on how the input was cut. */
struct player {
    struct tls_record record;
    int store_bytes;      /* STORE_WHOLE, STORE_REFUSED or a size too small */
    bool clear_after_ccs; /* as the caller does after a HelloRetryRequest */
    bool lost;
    unsigned stores_lent;
    uint8_t *lent;
    char brief[TRACE_BYTES];
    char full[TRACE_BYTES];
};

static void trace(char *log, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void trace(char *log, const char *format, ...)
{
    size_t used = strlen(log);
    va_list args;
    va_start(args, format);
    vsnprintf(log + used, TRACE_BYTES - used, format, args);
    va_end(args);
}

static uint32_t sum_of(struct span body)
{
    uint32_t sum = 2166136261u;
    for (size_t i = 0; i < body.n; i++)
        sum = (sum ^ body.p[i]) * 16777619u;
    return sum;
}

static void trace_piece(struct player *p, const struct tls_piece *piece)
{
    char *log = p->brief;
    const char *cut = piece->cut ? " cut" : "";
    switch (piece->kind) {
    case TLS_PIECE_MESSAGE: trace(log, "message %u %u%s; ", piece->type, piece->length, cut); break;
    case TLS_PIECE_ALERT: trace(log, "alert %u %u; ", piece->level, piece->description); break;
    case TLS_PIECE_CCS: trace(log, "ccs; "); break;
    case TLS_PIECE_ENCRYPTED: trace(log, "encrypted %u %u; ", piece->content, piece->length); break;
    case TLS_PIECE_HEARTBEAT:
        trace(log, "heartbeat %u of %u claims %u%s; ", piece->type, piece->length, piece->claimed, cut);
        break;
    case TLS_PIECE_SSL2: trace(log, "ssl2 %u %u%s; ", piece->type, piece->length, cut); break;
    case TLS_PIECE_STORE_WANTED: break;
    }
    trace(p->full, "%d %u %04x %u %u %d %zu %08x %u %u %u; ", (int)piece->kind, piece->content,
          piece->version, piece->type, piece->length, piece->cut, piece->body.n, sum_of(piece->body),
          piece->level, piece->description, piece->claimed);
}

static void take_store_back(struct player *p)
{
    free(p->lent);
    p->lent = NULL;
    p->record.store = NULL;
}

static void lend_store(struct player *p, uint32_t wanted)
{
    if (p->store_bytes == STORE_REFUSED)
        return;
    take_store_back(p);
    uint32_t cap = p->store_bytes == STORE_WHOLE ? wanted : (uint32_t)p->store_bytes;
    p->lent = malloc(cap);
    assert_non_null(p->lent);
    p->record.store = p->lent;
    p->record.store_cap = cap;
    p->stores_lent++;
}

static void feed(struct player *p, const uint8_t *bytes, size_t n)
{
    if (p->lost)
        return;
    uint8_t *exact = build_exact(bytes, n);
    struct cursor in = cursor_over(span_of(exact, n));
    struct tls_piece piece;
    enum step step = STEP_MORE;
    while (cursor_left(&in) > 0 && (step = tls_record_next(&p->record, &in, &piece)) == STEP_EVENT) {
        if (piece.kind == TLS_PIECE_STORE_WANTED) {
            lend_store(p, piece.length);
            continue;
        }
        trace_piece(p, &piece);
        if (piece.kind == TLS_PIECE_MESSAGE || piece.kind == TLS_PIECE_SSL2)
            take_store_back(p);
        if (piece.kind == TLS_PIECE_CCS && p->clear_after_ccs)
            p->record.encrypted = false;
    }
    if (step == STEP_LOST) {
        assert_int_equal(tls_record_next(&p->record, &in, &piece), STEP_LOST);
        p->lost = true;
        trace(p->brief, "lost; ");
        trace(p->full, "lost; ");
    }
    assert_true(p->lost || cursor_left(&in) == 0);
    /* Nothing may wait for bytes that never come. */
    assert_true(p->lost || tls_record_next(&p->record, &in, &piece) == STEP_MORE);
    free(exact);
}

static void start(struct player *p, const struct player *like)
{
    *p = (struct player){.store_bytes = like->store_bytes, .clear_after_ccs = like->clear_after_ccs};
}

/* The stream in one piece yields `expected`; cut at any byte, or into single bytes, it yields the same; and
 * cut short anywhere it does no harm. */
static void expect_like(const struct player *like, const struct build *b, const char *expected)
{
    static struct player whole, parts;
    start(&whole, like);
    feed(&whole, b->bytes, b->n);
    take_store_back(&whole);
    assert_string_equal(whole.brief, expected);
    for (size_t cut = 1; cut < b->n; cut++) {
        start(&parts, like);
        feed(&parts, b->bytes, cut);
        feed(&parts, b->bytes + cut, b->n - cut);
        take_store_back(&parts);
        assert_string_equal(parts.full, whole.full);
    }
    start(&parts, like);
    for (size_t i = 0; i < b->n; i++)
        feed(&parts, b->bytes + i, 1);
    take_store_back(&parts);
    assert_string_equal(parts.full, whole.full);
}

static void expect(const struct build *b, const char *expected)
{
    const struct player usual = {.store_bytes = STORE_WHOLE};
    expect_like(&usual, b, expected);
}

static void add_message(struct build *b, uint8_t type, size_t n)
{
    build_u8(b, type);
    build_u24(b, (uint32_t)n);
    build_fill(b, n);
}

static void test_record_one_message_is_whole(void **state)
{
    (void)state;
    struct build b = {0}, message = {0};
    add_message(&message, TLS_CLIENT_HELLO, 60);
    build_record(&b, TLS_HANDSHAKE, 0x0301, message.bytes, message.n);
    expect(&b, "message 1 60; ");
}

static void test_record_messages_share_a_record_each_comes(void **state)
{
    (void)state;
    struct build b = {0}, flight = {0};
    add_message(&flight, TLS_SERVER_HELLO, 50);
    add_message(&flight, TLS_CERTIFICATE, 300);
    add_message(&flight, TLS_SERVER_HELLO_DONE, 0);
    build_record(&b, TLS_HANDSHAKE, 0x0303, flight.bytes, flight.n);
    expect(&b, "message 2 50; message 11 300; message 14 0; ");
}

static void test_record_message_over_many_records_is_joined(void **state)
{
    (void)state;
    struct build flight = {0};
    add_message(&flight, TLS_CLIENT_HELLO, 40);
    add_message(&flight, TLS_SERVER_HELLO_DONE, 0);
    add_message(&flight, TLS_CERTIFICATE, 21);
    for (size_t cut = 1; cut < flight.n; cut++) {
        struct build b = {0};
        build_records(&b, TLS_HANDSHAKE, 0x0301, flight.bytes, flight.n, cut);
        expect(&b, "message 1 40; message 14 0; message 11 21; ");
    }
}

static void test_record_body_in_place_is_borrowed(void **state)
{
    (void)state;
    struct build b = {0}, message = {0};
    add_message(&message, TLS_SERVER_HELLO, 50);
    build_record(&b, TLS_HANDSHAKE, 0x0303, message.bytes, 4);
    build_record(&b, TLS_HANDSHAKE, 0x0303, message.bytes + 4, 50);
    struct tls_record record = {0};
    struct tls_piece piece;
    struct cursor in = cursor_over(span_of(b.bytes, b.n));
    assert_int_equal(tls_record_next(&record, &in, &piece), STEP_EVENT);
    assert_int_equal(piece.kind, TLS_PIECE_MESSAGE);
    assert_ptr_equal(piece.body.p, b.bytes + 14);
    assert_int_equal(piece.body.n, 50);
    assert_int_equal(tls_record_next(&record, &in, &piece), STEP_MORE);
}

static void test_record_split_message_asks_for_one_store(void **state)
{
    (void)state;
    static struct player p;
    struct build b = {0}, message = {0};
    add_message(&message, TLS_CERTIFICATE, 500);
    build_records(&b, TLS_HANDSHAKE, 0x0303, message.bytes, message.n, 100);
    start(&p, &(struct player){.store_bytes = STORE_WHOLE});
    for (size_t i = 0; i < b.n; i++)
        feed(&p, b.bytes + i, 1);
    assert_int_equal(p.stores_lent, 1);
    assert_string_equal(p.brief, "message 11 500; ");
    take_store_back(&p);
}

static void test_record_store_refused_message_is_cut_and_stream_goes_on(void **state)
{
    (void)state;
    struct build b = {0}, message = {0};
    add_message(&message, TLS_CERTIFICATE, 500);
    add_message(&message, TLS_SERVER_HELLO_DONE, 0);
    build_records(&b, TLS_HANDSHAKE, 0x0303, message.bytes, message.n, 100);
    static struct player p;
    start(&p, &(struct player){.store_bytes = STORE_REFUSED});
    feed(&p, b.bytes, b.n);
    assert_string_equal(p.brief, "message 11 500 cut; message 14 0; ");
}

static void test_record_store_too_small_keeps_what_fits(void **state)
{
    (void)state;
    struct build b = {0}, message = {0};
    uint8_t store[16];
    add_message(&message, TLS_CERTIFICATE, 50);
    build_records(&b, TLS_HANDSHAKE, 0x0303, message.bytes, message.n, 20);
    struct tls_record record = {0};
    struct tls_piece piece;
    struct cursor in = cursor_over(span_of(b.bytes, b.n));
    assert_int_equal(tls_record_next(&record, &in, &piece), STEP_EVENT);
    assert_int_equal(piece.kind, TLS_PIECE_STORE_WANTED);
    assert_int_equal(piece.type, TLS_CERTIFICATE);
    assert_int_equal(piece.length, 50);
    record.store = store;
    record.store_cap = sizeof store;
    assert_int_equal(tls_record_next(&record, &in, &piece), STEP_EVENT);
    assert_int_equal(piece.kind, TLS_PIECE_MESSAGE);
    assert_true(piece.cut);
    assert_int_equal(piece.length, 50);
    assert_int_equal(piece.body.n, sizeof store);
    assert_memory_equal(piece.body.p, message.bytes + 4, sizeof store);
}

static void test_record_of_no_length_is_passed_over(void **state)
{
    (void)state;
    struct build b = {0}, message = {0};
    add_message(&message, TLS_CLIENT_HELLO, 30);
    build_record(&b, TLS_HANDSHAKE, 0x0301, NULL, 0);
    build_record(&b, TLS_HANDSHAKE, 0x0301, message.bytes, 2);
    build_record(&b, TLS_HANDSHAKE, 0x0301, NULL, 0);
    build_record(&b, TLS_ALERT, 0x0301, NULL, 0);
    build_record(&b, TLS_CHANGE_CIPHER_SPEC, 0x0301, NULL, 0);
    build_alert(&b, 1, 112);
    expect(&b, "alert 1 112; ");
    build_record(&b, TLS_APPLICATION_DATA, 0x0301, NULL, 0);
    build_record(&b, TLS_HEARTBEAT, 0x0301, NULL, 0);
    expect(&b, "alert 1 112; encrypted 23 0; heartbeat 0 of 0 claims 0 cut; ");
}

static void test_record_no_length_within_message_is_passed_over(void **state)
{
    (void)state;
    struct build b = {0}, message = {0};
    add_message(&message, TLS_CLIENT_HELLO, 30);
    build_record(&b, TLS_HANDSHAKE, 0x0301, message.bytes, 2);
    build_record(&b, TLS_HANDSHAKE, 0x0301, NULL, 0);
    build_record(&b, TLS_HANDSHAKE, 0x0301, message.bytes + 2, 20);
    build_record(&b, TLS_HANDSHAKE, 0x0301, NULL, 0);
    build_record(&b, TLS_HANDSHAKE, 0x0301, message.bytes + 22, 12);
    expect(&b, "message 1 30; ");
}

static void test_record_alert_is_read(void **state)
{
    (void)state;
    struct build b = {0};
    build_alert(&b, 2, 40);
    build_alert(&b, 1, 0);
    expect(&b, "alert 2 40; alert 1 0; ");
}

static void test_record_alert_in_two_records_is_joined(void **state)
{
    (void)state;
    struct build b = {0};
    build_record(&b, TLS_ALERT, 0x0300, "\x02", 1);
    build_record(&b, TLS_ALERT, 0x0300, "\x28", 1);
    build_alert(&b, 1, 0);
    expect(&b, "alert 2 40; alert 1 0; ");
}

static void test_record_long_alert_is_encrypted(void **state)
{
    (void)state;
    struct build b = {0};
    build_encrypted(&b, TLS_ALERT, 3);
    build_encrypted(&b, TLS_ALERT, 26);
    build_alert(&b, 2, 20);
    expect(&b, "encrypted 21 3; encrypted 21 26; alert 2 20; ");
}

static void test_record_after_ccs_is_encrypted(void **state)
{
    (void)state;
    struct build b = {0};
    build_change_cipher_spec(&b);
    build_encrypted(&b, TLS_HANDSHAKE, 40);
    build_encrypted(&b, TLS_APPLICATION_DATA, 100);
    build_encrypted(&b, TLS_HEARTBEAT, 48);
    build_encrypted(&b, TLS_ALERT, 32);
    build_encrypted(&b, TLS_ALERT, 1);
    expect(&b, "ccs; encrypted 22 40; encrypted 23 100; encrypted 24 48; encrypted 21 32; encrypted 21 1; ");
}

static void test_record_bare_alert_after_ccs_is_clear(void **state)
{
    (void)state;
    struct build b = {0};
    build_change_cipher_spec(&b);
    build_alert(&b, 2, 20);
    expect(&b, "ccs; alert 2 20; ");
}

static void test_record_ccs_of_wrong_length_is_encrypted(void **state)
{
    (void)state;
    struct build b = {0}, message = {0};
    build_encrypted(&b, TLS_CHANGE_CIPHER_SPEC, 2);
    build_encrypted(&b, TLS_CHANGE_CIPHER_SPEC, 41);
    add_message(&message, TLS_CLIENT_HELLO, 30);
    build_record(&b, TLS_HANDSHAKE, 0x0301, message.bytes, message.n);
    expect(&b, "encrypted 20 2; encrypted 20 41; message 1 30; ");
}

static void test_record_ccs_within_message_drops_it(void **state)
{
    (void)state;
    struct build b = {0}, message = {0};
    const struct player middlebox = {.clear_after_ccs = true};
    add_message(&message, TLS_CLIENT_HELLO, 30);
    build_record(&b, TLS_HANDSHAKE, 0x0301, message.bytes, 20);
    build_change_cipher_spec(&b);
    build_record(&b, TLS_HANDSHAKE, 0x0301, message.bytes, message.n);
    expect_like(&middlebox, &b, "ccs; message 1 30; ");
}

static void test_record_ccs_for_middleboxes_handshake_stays_clear(void **state)
{
    (void)state;
    struct build b = {0}, message = {0};
    const struct player middlebox = {.clear_after_ccs = true};
    add_message(&message, TLS_CLIENT_HELLO, 30);
    build_record(&b, TLS_HANDSHAKE, 0x0301, message.bytes, message.n);
    build_change_cipher_spec(&b);
    build_record(&b, TLS_HANDSHAKE, 0x0303, message.bytes, message.n);
    build_encrypted(&b, TLS_APPLICATION_DATA, 58);
    expect_like(&middlebox, &b, "message 1 30; ccs; message 1 30; encrypted 23 58; ");
}

static void test_record_tls13_flight_is_encrypted(void **state)
{
    (void)state;
    struct build b = {0}, message = {0};
    add_message(&message, TLS_SERVER_HELLO, 118);
    build_record(&b, TLS_HANDSHAKE, 0x0303, message.bytes, message.n);
    build_change_cipher_spec(&b);
    build_encrypted(&b, TLS_APPLICATION_DATA, 27);
    build_encrypted(&b, TLS_APPLICATION_DATA, 800);
    expect(&b, "message 2 118; ccs; encrypted 23 27; encrypted 23 800; ");
}

static void test_record_encrypted_body_is_skipped_at_once(void **state)
{
    (void)state;
    struct build b = {0};
    build_encrypted(&b, TLS_APPLICATION_DATA, 16384);
    build_alert(&b, 1, 0);
    struct tls_record record = {0};
    struct tls_piece piece;
    struct cursor in = cursor_over(span_of(b.bytes, 10000));
    assert_int_equal(tls_record_next(&record, &in, &piece), STEP_EVENT);
    assert_int_equal(piece.length, 16384);
    assert_int_equal(tls_record_next(&record, &in, &piece), STEP_MORE);
    in = cursor_over(span_of(b.bytes + 10000, b.n - 10000));
    assert_int_equal(tls_record_next(&record, &in, &piece), STEP_EVENT);
    assert_int_equal(piece.kind, TLS_PIECE_ALERT);
}

static void test_record_heartbeat_claim_is_reported(void **state)
{
    (void)state;
    struct build b = {0};
    build_record(&b, TLS_HEARTBEAT, 0x0302, "\x01\x40\x00", 3);
    build_record(&b, TLS_HEARTBEAT, 0x0302, "\x02\x00\x02zz0123456789abcdef", 21);
    build_record(&b, TLS_HEARTBEAT, 0x0302, "\x01\x40", 2);
    build_alert(&b, 1, 0);
    expect(&b, "heartbeat 1 of 3 claims 16384; heartbeat 2 of 21 claims 2; heartbeat 0 of 2 claims 0 cut; "
               "alert 1 0; ");
}

static void test_record_unknown_handshake_type_is_ciphertext(void **state)
{
    (void)state;
    struct build b = {0};
    build_encrypted(&b, TLS_HANDSHAKE, 40); /* begins with 0xa7 */
    build_encrypted(&b, TLS_HANDSHAKE, 20);
    build_encrypted(&b, TLS_APPLICATION_DATA, 20);
    expect(&b, "encrypted 22 40; encrypted 22 20; encrypted 23 20; ");
}

static void test_record_absurd_message_length_is_ciphertext(void **state)
{
    (void)state;
    struct build b = {0}, message = {0};
    build_hex(&message, "02 f00000");
    build_fill(&message, 36);
    build_record(&b, TLS_HANDSHAKE, 0x0303, message.bytes, message.n);
    build_encrypted(&b, TLS_APPLICATION_DATA, 20);
    expect(&b, "encrypted 22 40; encrypted 23 20; ");
}

static void test_record_ciphertext_after_message_counts_whole_record(void **state)
{
    (void)state;
    struct build b = {0}, flight = {0};
    add_message(&flight, TLS_SERVER_HELLO, 30);
    build_hex(&flight, "ee 000010");
    build_fill(&flight, 16);
    build_record(&b, TLS_HANDSHAKE, 0x0303, flight.bytes, flight.n);
    expect(&b, "message 2 30; encrypted 22 54; ");
}

static void test_record_alert_within_handshake_header_drops_the_header(void **state)
{
    (void)state;
    struct build b = {0}, message = {0};
    add_message(&message, TLS_SERVER_HELLO, 30);
    build_record(&b, TLS_HANDSHAKE, 0x0303, message.bytes, 3);
    build_alert(&b, 1, 112);
    build_record(&b, TLS_HANDSHAKE, 0x0303, message.bytes, message.n);
    expect(&b, "alert 1 112; message 2 30; ");
}

static void test_record_alert_within_message_body_keeps_the_message(void **state)
{
    (void)state;
    struct build b = {0}, message = {0};
    add_message(&message, TLS_CERTIFICATE, 60);
    build_record(&b, TLS_HANDSHAKE, 0x0303, message.bytes, 30);
    build_alert(&b, 1, 112);
    build_record(&b, TLS_HANDSHAKE, 0x0303, message.bytes + 30, 34);
    expect(&b, "alert 1 112; message 11 60; ");
}

static void test_record_longest_length_is_followed_longer_is_lost(void **state)
{
    (void)state;
    struct build b = {0};
    build_hex(&b, "17 0303 4800");
    expect(&b, "encrypted 23 18432; ");
    b.n = 0;
    build_hex(&b, "17 0303 4801");
    expect(&b, "lost; ");
}

static void test_record_other_protocols_are_lost(void **state)
{
    (void)state;
    static const char *const others[] = {"220 mail.example.org ESMTP\r\n",
                                         "HTTP/1.1 400 Bad Request\r\n",
                                         "454 TLS not available\r\n",
                                         "* BYE\r\n",
                                         "\x16\x02\x01\x00\x05",
                                         "\x19\x03\x01\x00\x05",
                                         "",
                                         "\x80\x2e\x01\x09\x02",
                                         "\x80\x05\x01\x03\x01"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        struct build b = {0};
        build_text(&b, others[i]);
        build_hex(&b, "00 00 00 00 00");
        expect(&b, "lost; ");
    }
}

static void test_record_stream_that_stops_being_tls_is_lost(void **state)
{
    (void)state;
    struct build b = {0};
    build_alert(&b, 1, 112);
    build_text(&b, "500 what?\r\n");
    expect(&b, "alert 1 112; lost; ");
}

static void add_ssl2_hello(struct build *b, uint16_t version, uint8_t padding)
{
    static const uint32_t kinds[] = {0x0700c0, 0x010080, 0x000035};
    struct build hello = {0};
    build_ssl2_client_hello(&hello, version, kinds, 3);
    build_ssl2_record(b, hello.bytes, hello.n, padding);
}

static void add_ssl2_bytes(struct build *b, uint8_t first, size_t n)
{
    struct build payload = {0};
    build_u8(&payload, first);
    build_fill(&payload, n - 1);
    build_ssl2_record(b, payload.bytes, payload.n, 0);
}

static void test_record_ssl2_hello_then_tls_is_followed(void **state)
{
    (void)state;
    struct build b = {0}, message = {0};
    add_ssl2_hello(&b, 0x0301, 0);
    add_message(&message, TLS_CLIENT_KEY_EXCHANGE, 66);
    build_record(&b, TLS_HANDSHAKE, 0x0301, message.bytes, message.n);
    build_change_cipher_spec(&b);
    build_encrypted(&b, TLS_HANDSHAKE, 36);
    expect(&b, "ssl2 1 33; message 16 66; ccs; encrypted 22 36; ");
}

static void test_record_ssl2_hello_with_padding_is_read(void **state)
{
    (void)state;
    struct build b = {0}, message = {0};
    add_ssl2_hello(&b, 0x0300, 7);
    add_message(&message, TLS_CLIENT_KEY_EXCHANGE, 66);
    build_record(&b, TLS_HANDSHAKE, 0x0300, message.bytes, message.n);
    expect(&b, "ssl2 1 33; message 16 66; ");
}

static void test_record_ssl2_hello_body_is_borrowed(void **state)
{
    (void)state;
    struct build b = {0};
    add_ssl2_hello(&b, 0x0002, 0);
    struct tls_record record = {0};
    struct tls_piece piece;
    struct cursor in = cursor_over(span_of(b.bytes, b.n));
    assert_int_equal(tls_record_next(&record, &in, &piece), STEP_EVENT);
    assert_ptr_equal(piece.body.p, b.bytes + 3);
    assert_int_equal(piece.body.n, b.n - 3);
}

static void test_record_ssl2_client_side_is_followed(void **state)
{
    (void)state;
    struct build b = {0};
    add_ssl2_hello(&b, 0x0002, 0);
    add_ssl2_bytes(&b, 2, 140);  /* CLIENT-MASTER-KEY */
    add_ssl2_bytes(&b, 2, 33);   /* ciphertext that begins like one */
    add_ssl2_bytes(&b, 0x16, 1); /* and one as short as can be */
    expect(&b, "ssl2 1 33; ssl2 2 139; encrypted 0 33; encrypted 0 1; ");
}

static void test_record_ssl2_resumed_client_is_encrypted_after_hello(void **state)
{
    (void)state;
    struct build b = {0};
    add_ssl2_hello(&b, 0x0002, 0);
    add_ssl2_bytes(&b, 0x81, 33); /* CLIENT-FINISHED */
    add_ssl2_bytes(&b, 2, 100);
    add_ssl2_bytes(&b, 1, 43);
    expect(&b, "ssl2 1 33; encrypted 0 33; encrypted 0 100; encrypted 0 43; ");
}

static void test_record_ssl2_server_side_is_followed(void **state)
{
    (void)state;
    static const uint32_t kinds[] = {0x010080};
    struct build b = {0}, hello = {0};
    build_ssl2_server_hello(&hello, "certificate", 11, kinds, 1);
    build_ssl2_record(&b, hello.bytes, hello.n, 0);
    add_ssl2_bytes(&b, 0x33, 33); /* SERVER-VERIFY */
    struct build padded = {0};
    build_fill(&padded, 48);
    build_ssl2_record(&b, padded.bytes, padded.n, 5);
    build_ssl2_record(&b, "\x00\x00\x02", 3, 0); /* ERROR: no certificate */
    expect(&b, "ssl2 4 40; encrypted 0 33; encrypted 0 53; ssl2 0 2; ");
}

static void test_record_ssl2_error_first_is_read(void **state)
{
    (void)state;
    struct build b = {0};
    build_ssl2_record(&b, "\x00\x00\x01", 3, 0); /* NO-CIPHER-ERROR */
    expect(&b, "ssl2 0 2; ");
}

static void test_record_ssl2_record_of_no_length_is_lost(void **state)
{
    (void)state;
    struct build b = {0};
    add_ssl2_hello(&b, 0x0002, 0);
    build_hex(&b, "8000 00 00 00");
    expect(&b, "ssl2 1 33; lost; ");
    b.n = 0;
    add_ssl2_hello(&b, 0x0002, 0);
    build_hex(&b, "0005 05 0102030405");
    expect(&b, "ssl2 1 33; lost; ");
}

static void test_record_ssl2_cannot_begin_after_tls(void **state)
{
    (void)state;
    struct build b = {0};
    build_alert(&b, 1, 112);
    add_ssl2_hello(&b, 0x0002, 0);
    expect(&b, "alert 1 112; lost; ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_record_one_message_is_whole),
        cmocka_unit_test(test_record_messages_share_a_record_each_comes),
        cmocka_unit_test(test_record_message_over_many_records_is_joined),
        cmocka_unit_test(test_record_body_in_place_is_borrowed),
        cmocka_unit_test(test_record_split_message_asks_for_one_store),
        cmocka_unit_test(test_record_store_refused_message_is_cut_and_stream_goes_on),
        cmocka_unit_test(test_record_store_too_small_keeps_what_fits),
        cmocka_unit_test(test_record_of_no_length_is_passed_over),
        cmocka_unit_test(test_record_no_length_within_message_is_passed_over),
        cmocka_unit_test(test_record_alert_is_read),
        cmocka_unit_test(test_record_alert_in_two_records_is_joined),
        cmocka_unit_test(test_record_long_alert_is_encrypted),
        cmocka_unit_test(test_record_after_ccs_is_encrypted),
        cmocka_unit_test(test_record_bare_alert_after_ccs_is_clear),
        cmocka_unit_test(test_record_ccs_of_wrong_length_is_encrypted),
        cmocka_unit_test(test_record_ccs_within_message_drops_it),
        cmocka_unit_test(test_record_ccs_for_middleboxes_handshake_stays_clear),
        cmocka_unit_test(test_record_tls13_flight_is_encrypted),
        cmocka_unit_test(test_record_encrypted_body_is_skipped_at_once),
        cmocka_unit_test(test_record_heartbeat_claim_is_reported),
        cmocka_unit_test(test_record_unknown_handshake_type_is_ciphertext),
        cmocka_unit_test(test_record_absurd_message_length_is_ciphertext),
        cmocka_unit_test(test_record_ciphertext_after_message_counts_whole_record),
        cmocka_unit_test(test_record_alert_within_handshake_header_drops_the_header),
        cmocka_unit_test(test_record_alert_within_message_body_keeps_the_message),
        cmocka_unit_test(test_record_longest_length_is_followed_longer_is_lost),
        cmocka_unit_test(test_record_other_protocols_are_lost),
        cmocka_unit_test(test_record_stream_that_stops_being_tls_is_lost),
        cmocka_unit_test(test_record_ssl2_hello_then_tls_is_followed),
        cmocka_unit_test(test_record_ssl2_hello_with_padding_is_read),
        cmocka_unit_test(test_record_ssl2_hello_body_is_borrowed),
        cmocka_unit_test(test_record_ssl2_client_side_is_followed),
        cmocka_unit_test(test_record_ssl2_resumed_client_is_encrypted_after_hello),
        cmocka_unit_test(test_record_ssl2_server_side_is_followed),
        cmocka_unit_test(test_record_ssl2_error_first_is_read),
        cmocka_unit_test(test_record_ssl2_record_of_no_length_is_lost),
        cmocka_unit_test(test_record_ssl2_cannot_begin_after_tls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
