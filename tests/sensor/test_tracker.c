/* Whole connections, segment by segment: what the tracker makes of order, loss, repetition, reuse and odd
 * ports. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sensor/audit/policy.h"
#include "tests/build.h"
#include "tests/wire.h"

enum { SESSIONS_CAP = 16 };

static struct config config;
static struct counters counters;
static struct session sessions[SESSIONS_CAP];
static unsigned session_count;

static void on_session(void *context, const struct session *s)
{
    (void)context;
    assert_true(session_count < SESSIONS_CAP);
    memset(&sessions[session_count], 0, sizeof sessions[0]);
    session_copy(&sessions[session_count++], s);
}

static struct tracker *open_tracker(bool live)
{
    memset(&counters, 0, sizeof counters);
    session_count = 0;
    struct tracker_request request = {
        .config = &config, .counters = &counters, .live = live, .emit = on_session};
    struct tracker *t = tracker_open(&request);
    assert_non_null(t);
    return t;
}

static int setup(void **state)
{
    config_defaults(&config);
    config.caps.flows = 64;
    config.caps.negotiations = 16;
    config.caps.segment_buffers = 32;
    config.caps.segment_bytes_per_side = 8192;
    config.caps.handshake_buffers = 4;
    *state = NULL;
    return 0;
}

static void finish(struct tracker *t)
{
    tracker_finish(t);
    tracker_close(t);
}

static void say_plain_mail(struct wire *w)
{
    wire_say(w, SERVER, "220 mx.example.org ESMTP Postfix\r\n");
    wire_say(w, CLIENT, "EHLO client.example.net\r\n");
    wire_say(w, SERVER, "250-mx.example.org\r\n250-PIPELINING\r\n250 8BITMIME\r\n");
    wire_say(w, CLIENT, "MAIL FROM:<a@example.net>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n");
    wire_say(w, SERVER, "250 ok\r\n250 ok\r\n354 go on\r\n");
    wire_say(w, CLIENT, "Subject: x\r\n\r\nSTARTTLS\r\n..dot\r\n.\r\nQUIT\r\n");
    wire_say(w, SERVER, "250 queued\r\n221 bye\r\n");
}

static void assert_plain_mail(const struct session *s)
{
    assert_int_equal(s->protocol, PROTOCOL_SMTP);
    assert_int_equal(s->mail.messages, 1);
    assert_true(s->mail.capabilities_seen);
    assert_false(s->mail.tls_asked);
    assert_string_equal(s->helo, "client.example.net");
    assert_string_equal(s->server_name, "mx.example.org");
    assert_string_equal(s->server_software, "Postfix");
    assert_int_equal(policy_mode(s), MODE_PLAINTEXT);
    assert_int_equal(policy_starttls(s), STARTTLS_NOT_OFFERED);
}

/* EHLO ... 220: the cleartext part of a STARTTLS session. */
static void say_starttls(struct wire *w)
{
    wire_say(w, SERVER, "220 mx.example.org ESMTP\r\n");
    wire_say(w, CLIENT, "EHLO client.example.net\r\n");
    wire_say(w, SERVER, "250-mx.example.org\r\n250 STARTTLS\r\n");
    wire_say(w, CLIENT, "STARTTLS\r\n");
    wire_say(w, SERVER, "220 ready\r\n");
}

static struct build *builder(void)
{
    struct build *b = calloc(1, sizeof *b);
    assert_non_null(b);
    return b;
}

static void send_build(struct wire *w, enum side from, struct build *b)
{
    wire_send(w, from, b->bytes, b->n);
    b->n = 0;
}

/* A TLS 1.2 handshake with 0xc02f and what follows it under protection. */
static void shake_hands(struct wire *w)
{
    struct build *b = builder();
    struct build *extensions = builder();
    build_server_name(extensions, "mx.example.org");
    build_client_hello(b, &(struct build_hello){.version = 0x0303, .extensions = extensions});
    send_build(w, CLIENT, b);
    build_server_hello(b, &(struct build_hello){.version = 0x0303, .session_id_bytes = 32});
    struct build *certificate = builder();
    struct build *body = builder();
    build_fill(body, 3000);
    build_handshake(certificate, 11, body->bytes, body->n);
    build_record(b, 22, 0x0303, certificate->bytes, certificate->n);
    send_build(w, SERVER, b);
    build_change_cipher_spec(b);
    build_encrypted(b, 22, 40);
    send_build(w, CLIENT, b);
    build_change_cipher_spec(b);
    build_encrypted(b, 22, 40);
    send_build(w, SERVER, b);
    build_encrypted(b, 23, 200);
    send_build(w, CLIENT, b);
    free(b);
    free(extensions);
    free(certificate);
    free(body);
}

static void assert_sealed(const struct session *s)
{
    assert_true(s->tls.established);
    assert_int_equal(s->tls.version, 0x0303);
    assert_int_equal(s->tls.cipher_suite, 0xc02f);
    assert_true(s->tls.certificate_seen);
    assert_string_equal(s->sni, "mx.example.org");
    assert_int_equal(policy_mode(s), MODE_STARTTLS);
    assert_int_equal(policy_starttls(s), STARTTLS_UPGRADED);
}

static void test_tracker_plain_mail_is_one_session(void **state)
{
    (void)state;
    struct tracker *t = open_tracker(false);
    struct wire w;
    wire_open(&w, t, 40000, 25);
    wire_handshake(&w);
    say_plain_mail(&w);
    wire_close(&w);
    assert_int_equal(session_count, 1);
    assert_plain_mail(&sessions[0]);
    assert_int_equal(sessions[0].side[CLIENT].gap_bytes + sessions[0].side[SERVER].gap_bytes, 0);
    assert_int_equal(sessions[0].side[CLIENT].packets, 7);
    assert_false(sessions[0].midstream);
    finish(t);
    assert_int_equal(session_count, 1);
}

static void test_tracker_split_payload_changes_nothing_but_packets(void **state)
{
    (void)state;
    struct session whole;
    for (unsigned cut = 0; cut <= 40; cut++) {
        struct tracker *t = open_tracker(false);
        struct wire w;
        wire_open(&w, t, 40000, 25);
        wire_handshake(&w);
        w.cut = cut;
        say_starttls(&w);
        shake_hands(&w);
        w.cut = 0;
        wire_close(&w);
        assert_int_equal(session_count, 1);
        assert_sealed(&sessions[0]);
        struct session s = sessions[0];
        s.last_ns = 0;
        s.side[CLIENT].packets = s.side[SERVER].packets = 0;
        s.turn = whole.turn; /* the number of a segment */
        if (cut == 0)
            whole = s;
        else
            assert_memory_equal(&s, &whole, sizeof s);
        finish(t);
    }
}

static void test_tracker_reordered_segments_are_put_in_order(void **state)
{
    (void)state;
    struct tracker *t = open_tracker(false);
    struct wire w;
    wire_open(&w, t, 40000, 25);
    wire_handshake(&w);
    wire_say(&w, SERVER, "220 mx.example.org ESMTP Postfix\r\n");
    static const char ehlo[] = "EHLO client.example.net\r\n";
    struct segment pieces[5];
    for (unsigned i = 0; i < 5; i++) {
        pieces[i] = wire_segment(&w, CLIENT, TCP_ACK, ehlo + 5 * i, 5);
        pieces[i].sequence += 5 * i;
    }
    static const int order[5] = {3, 1, 4, 0, 2};
    for (int i = 0; i < 5; i++)
        wire_feed(&w, &pieces[order[i]]);
    w.next[CLIENT] += 25;
    wire_say(&w, SERVER, "250 mx.example.org\r\n");
    wire_close(&w);
    assert_int_equal(session_count, 1);
    assert_string_equal(sessions[0].helo, "client.example.net");
    assert_int_equal(sessions[0].side[CLIENT].gap_bytes, 0);
    finish(t);
}

static void test_tracker_answer_before_its_question_waits(void **state)
{
    (void)state;
    struct tracker *t = open_tracker(false);
    struct wire w;
    wire_open(&w, t, 40000, 25);
    wire_handshake(&w);
    wire_say(&w, SERVER, "220 mx.example.org ESMTP Postfix\r\n");
    struct segment question = wire_segment(&w, CLIENT, TCP_ACK, "EHLO client.example.net\r\n", 25);
    w.next[CLIENT] += 25;
    struct segment answer = wire_segment(&w, SERVER, TCP_ACK, "250-mx.example.org\r\n250 STARTTLS\r\n", 34);
    w.next[SERVER] += 34;
    wire_feed(&w, &answer);
    wire_feed(&w, &question);
    wire_close(&w);
    assert_int_equal(session_count, 1);
    assert_true(sessions[0].mail.offer_starttls);
    finish(t);
}

static void test_tracker_retransmission_is_read_once(void **state)
{
    (void)state;
    struct tracker *t = open_tracker(false);
    struct wire w;
    wire_open(&w, t, 40000, 25);
    wire_handshake(&w);
    wire_say(&w, SERVER, "220 mx.example.org ESMTP Postfix\r\n");
    struct segment again = wire_segment(&w, CLIENT, TCP_ACK, "EHLO client.example.net\r\n", 25);
    wire_feed(&w, &again);
    wire_feed(&w, &again);
    w.next[CLIENT] += 25;
    w.time_ns += 300000000; /* no sender waits so short a time as the mirror's other port */
    wire_feed(&w, &again);
    again.mark = 7;
    wire_feed(&w, &again);
    wire_say(&w, SERVER, "250 mx.example.org\r\n");
    wire_close(&w);
    assert_int_equal(session_count, 1);
    assert_int_equal(sessions[0].duplicates, 1);
    assert_int_equal(counters.value[COUNTER_duplicates], 1);
    assert_int_equal(counters.value[COUNTER_retransmissions], 2);
    assert_int_equal(sessions[0].side[CLIENT].bytes, 25);
    finish(t);
}

static void test_tracker_overlap_first_wins_and_conflict_is_counted(void **state)
{
    (void)state;
    struct tracker *t = open_tracker(false);
    struct wire w;
    wire_open(&w, t, 40000, 25);
    wire_handshake(&w);
    wire_say(&w, SERVER, "220 mx.example.org ESMTP Postfix\r\n");
    struct segment tail = wire_segment(&w, CLIENT, TCP_ACK, "right.example\r\n", 15);
    tail.sequence += 5;
    struct segment other = wire_segment(&w, CLIENT, TCP_ACK, "EHLO wrong.example\r\n", 20);
    wire_feed(&w, &tail);
    wire_feed(&w, &other);
    w.next[CLIENT] += 20;
    wire_say(&w, SERVER, "250 mx.example.org\r\n");
    wire_close(&w);
    assert_string_equal(sessions[0].helo, "right.example");
    assert_int_equal(sessions[0].side[CLIENT].overlap_conflicts, 1);
    finish(t);
}

static void test_tracker_lost_segment_is_a_gap_and_never_a_verdict(void **state)
{
    (void)state;
    struct tracker *t = open_tracker(false);
    struct wire w;
    wire_open(&w, t, 40000, 25);
    wire_handshake(&w);
    wire_say(&w, SERVER, "220 mx.example.org ESMTP Postfix\r\n");
    wire_say(&w, CLIENT, "EHLO client.example.net\r\n");
    w.next[SERVER] += 200; /* the capability list was not captured */
    wire_say(&w, CLIENT, "NOOP\r\n");
    w.time_ns += UINT64_C(2000000000);
    wire_say(&w, SERVER, "250 ok\r\n");
    wire_close(&w);
    assert_int_equal(session_count, 1);
    assert_int_equal(sessions[0].side[SERVER].gap_bytes, 200);
    assert_int_equal(policy_starttls(&sessions[0]), STARTTLS_UNKNOWN);
    assert_int_equal(policy_mode(&sessions[0]), MODE_UNDECIDABLE);
    struct judgement j;
    policy_judge(&(struct facts){.session = &sessions[0], .host = ""}, &j);
    assert_int_equal(j.verdict, VERDICT_UNDECIDABLE);
    finish(t);
}

static void test_tracker_handshake_after_a_gap_in_the_dialogue_is_still_seen(void **state)
{
    (void)state;
    struct tracker *t = open_tracker(false);
    struct wire w;
    wire_open(&w, t, 40000, 25);
    wire_handshake(&w);
    wire_say(&w, SERVER, "220 mx.example.org ESMTP Postfix\r\n");
    wire_say(&w, CLIENT, "EHLO client.example.net\r\n");
    w.next[SERVER] += 60; /* list and go-ahead were not captured */
    w.next[CLIENT] += 10; /* nor was STARTTLS */
    w.time_ns += UINT64_C(2000000000);
    shake_hands(&w);
    w.time_ns += UINT64_C(2000000000);
    wire_close(&w);
    finish(t);
    assert_int_equal(session_count, 1);
    assert_int_equal(policy_mode(&sessions[0]), MODE_STARTTLS);
    assert_true(sessions[0].tls.client_hello);
}

static void test_tracker_established_session_costs_no_conversation(void **state)
{
    (void)state;
    config.caps.negotiations = 1;
    struct tracker *t = open_tracker(false);
    struct wire w[8];
    for (uint16_t i = 0; i < 8; i++) {
        wire_open(&w[i], t, (uint16_t)(40000 + i), 25);
        wire_handshake(&w[i]);
        say_starttls(&w[i]);
        shake_hands(&w[i]);
    }
    assert_int_equal(session_count, 0);
    for (int i = 0; i < 8; i++)
        wire_close(&w[i]);
    assert_int_equal(session_count, 8);
    for (int i = 0; i < 8; i++)
        assert_sealed(&sessions[i]);
    finish(t);
}

static void test_tracker_one_direction_says_so(void **state)
{
    (void)state;
    struct tracker *t = open_tracker(false);
    struct wire w;
    wire_open(&w, t, 40000, 25);
    struct segment syn = wire_segment(&w, CLIENT, TCP_SYN, NULL, 0);
    wire_feed(&w, &syn);
    w.next[CLIENT]++;
    wire_say(&w, CLIENT, "EHLO client.example.net\r\n");
    wire_say(&w, CLIENT, "MAIL FROM:<a@example.net>\r\n");
    finish(t);
    assert_int_equal(session_count, 1);
    assert_int_equal(sessions[0].side[SERVER].packets, 0);
    assert_int_equal(policy_starttls(&sessions[0]), STARTTLS_UNKNOWN);
    struct judgement j;
    policy_judge(&(struct facts){.session = &sessions[0], .host = ""}, &j);
    assert_int_equal(j.verdict, VERDICT_UNDECIDABLE);
}

static void test_tracker_reset_ends_a_session_and_a_stray_one_does_not(void **state)
{
    (void)state;
    struct tracker *t = open_tracker(false);
    struct wire w;
    wire_open(&w, t, 40000, 25);
    wire_handshake(&w);
    wire_say(&w, SERVER, "220 mx.example.org ESMTP Postfix\r\n");
    struct segment stray = wire_segment(&w, CLIENT, TCP_RST, NULL, 0);
    stray.sequence += 0x30000000;
    wire_feed(&w, &stray);
    assert_int_equal(session_count, 0);
    struct segment reset = wire_segment(&w, CLIENT, TCP_RST, NULL, 0);
    wire_feed(&w, &reset);
    assert_int_equal(session_count, 1);
    assert_int_equal(counters.value[COUNTER_stray_resets], 1);
    finish(t);
}

static void test_tracker_reused_ports_are_two_sessions(void **state)
{
    (void)state;
    struct tracker *t = open_tracker(false);
    struct wire w;
    for (uint32_t i = 0; i < 2; i++) {
        wire_open(&w, t, 40000, 25);
        w.next[CLIENT] += 100000 * i;
        w.next[SERVER] += 300000 * i;
        w.time_ns += i * UINT64_C(1000000000);
        wire_handshake(&w);
        say_plain_mail(&w);
        wire_close(&w);
    }
    assert_int_equal(session_count, 2);
    assert_int_equal(sessions[1].generation, 1);
    assert_true(sessions[0].tuple_hash == sessions[1].tuple_hash);
    assert_plain_mail(&sessions[1]);
    finish(t);
}

/* Look-ups of names that time out, and tar pits, delay the greeting by minutes. */
static void test_tracker_late_greeting_begins_no_new_connection(void **state)
{
    (void)state;
    struct tracker *t = open_tracker(false);
    struct wire w;
    wire_open(&w, t, 40000, 25);
    wire_handshake(&w);
    w.time_ns += 240 * UINT64_C(1000000000);
    say_plain_mail(&w);
    wire_close(&w);
    assert_int_equal(session_count, 1);
    assert_false(sessions[0].midstream);
    assert_plain_mail(&sessions[0]);
    finish(t);
}

/* The SYN of the second connection was not captured; its answer shows that it is another. */
static void test_tracker_reused_ports_behind_a_lost_syn(void **state)
{
    (void)state;
    for (int closed = 0; closed <= 1; closed++) {
        struct tracker *t = open_tracker(false);
        struct wire w;
        wire_open(&w, t, 40000, 25);
        wire_handshake(&w);
        say_plain_mail(&w);
        if (closed)
            wire_close(&w);
        w.next[CLIENT] += 100000;
        w.next[SERVER] += 300000;
        w.next[CLIENT]++; /* the SYN */
        struct segment answer = wire_segment(&w, SERVER, TCP_SYN | TCP_ACK, NULL, 0);
        wire_feed(&w, &answer);
        w.next[SERVER]++;
        say_plain_mail(&w);
        wire_close(&w);
        assert_int_equal(session_count, 2);
        assert_int_equal(sessions[0].mail.messages, 1);
        assert_int_equal(sessions[1].mail.messages, 1);
        assert_int_equal(sessions[1].generation, 1);
        assert_int_equal(sessions[1].midstream, !closed);
        finish(t);
    }
}

static void test_tracker_new_connection_without_the_old_ones_end(void **state)
{
    (void)state;
    struct tracker *t = open_tracker(false);
    struct wire w;
    wire_open(&w, t, 40000, 25);
    wire_handshake(&w);
    say_plain_mail(&w);
    wire_open(&w, t, 40000, 25);
    w.next[CLIENT] += 5000000;
    w.next[SERVER] += 7000000;
    w.time_ns += UINT64_C(9000000000);
    wire_handshake(&w);
    say_plain_mail(&w);
    finish(t);
    assert_int_equal(session_count, 2);
    assert_plain_mail(&sessions[0]);
    assert_plain_mail(&sessions[1]);
}

static void test_tracker_forged_syn_does_not_end_a_session(void **state)
{
    (void)state;
    struct tracker *t = open_tracker(false);
    struct wire w;
    wire_open(&w, t, 40000, 25);
    wire_handshake(&w);
    wire_say(&w, SERVER, "220 mx.example.org ESMTP Postfix\r\n");
    struct segment forged = wire_segment(&w, CLIENT, TCP_SYN, NULL, 0);
    forged.sequence += 12345678;
    wire_feed(&w, &forged);
    wire_say(&w, CLIENT, "EHLO client.example.net\r\n");
    wire_say(&w, SERVER, "250 mx.example.org\r\n");
    wire_close(&w);
    assert_int_equal(session_count, 1);
    assert_string_equal(sessions[0].helo, "client.example.net");
    finish(t);
}

/* A capture of a sleeping connection begins with one. */
static void test_tracker_keepalive_of_one_octet_is_no_data(void **state)
{
    (void)state;
    struct tracker *t = open_tracker(false);
    struct wire w;
    wire_open(&w, t, 40000, 993);
    struct segment probe = wire_segment(&w, CLIENT, TCP_ACK, "", 1);
    probe.sequence--;
    wire_feed(&w, &probe);
    for (int side = CLIENT; side <= SERVER; side++) {
        struct build *records = calloc(1, sizeof *records);
        build_encrypted(records, 23, 300);
        wire_send(&w, (enum side)side, records->bytes, records->n);
        free(records);
    }
    wire_close(&w);
    assert_int_equal(session_count, 1);
    assert_true(sessions[0].midstream);
    assert_true(sessions[0].tls.established);
    assert_int_equal(sessions[0].side[CLIENT].bytes, 305);
    finish(t);
}

static void test_tracker_midstream_is_said(void **state)
{
    (void)state;
    struct tracker *t = open_tracker(false);
    struct wire w;
    wire_open(&w, t, 40000, 25);
    wire_say(&w, CLIENT, "RCPT TO:<b@example.org>\r\n");
    wire_say(&w, SERVER, "250 ok\r\n");
    finish(t);
    assert_int_equal(session_count, 1);
    assert_true(sessions[0].midstream);
    assert_int_equal(sessions[0].server_port, 25);
    struct judgement j;
    policy_judge(&(struct facts){.session = &sessions[0], .host = ""}, &j);
    assert_int_equal(j.verdict, VERDICT_UNDECIDABLE);
}

static void test_tracker_connection_without_payload_is_no_session(void **state)
{
    (void)state;
    struct tracker *t = open_tracker(false);
    struct wire w;
    wire_open(&w, t, 40000, 25);
    wire_handshake(&w);
    wire_close(&w);
    finish(t);
    assert_int_equal(session_count, 0);
    assert_int_equal(counters.value[COUNTER_flows_empty], 1);
}

static void test_tracker_silent_session_ends_by_packet_time(void **state)
{
    (void)state;
    struct tracker *t = open_tracker(false);
    struct wire w;
    wire_open(&w, t, 40000, 25);
    wire_handshake(&w);
    say_plain_mail(&w);
    assert_int_equal(session_count, 0);
    tracker_tick(t, w.time_ns + (uint64_t)config.timeouts.idle_ms * 1000000 + 1);
    assert_int_equal(session_count, 1);
    finish(t);
}

static void test_tracker_mail_on_an_unexpected_port_is_found(void **state)
{
    (void)state;
    struct tracker *t = open_tracker(false);
    struct wire w;
    wire_open(&w, t, 40000, 2626);
    wire_handshake(&w);
    say_plain_mail(&w);
    wire_close(&w);
    assert_int_equal(session_count, 1);
    assert_true(sessions[0].detected_by == DETECTED_BY_CONTENT ||
                sessions[0].detected_by == DETECTED_BY_NDPI);
    assert_int_equal(sessions[0].mail.messages, 1);
    finish(t);
}

static void test_tracker_redis_and_ftp_are_no_mail(void **state)
{
    (void)state;
    struct tracker *t = open_tracker(false);
    struct wire w;
    wire_open(&w, t, 40000, 6379);
    wire_handshake(&w);
    wire_say(&w, CLIENT, "AUTH secret\r\n");
    wire_say(&w, SERVER, "+OK\r\n");
    wire_close(&w);
    wire_open(&w, t, 40001, 21);
    wire_handshake(&w);
    wire_say(&w, SERVER, "220 FTP ready\r\n");
    wire_say(&w, CLIENT, "AUTH TLS\r\n");
    wire_say(&w, SERVER, "500 no\r\n");
    wire_say(&w, CLIENT, "USER anonymous\r\n");
    wire_close(&w);
    finish(t);
    assert_int_equal(session_count, 0);
}

static void test_tracker_tls_elsewhere_only_where_asked_for(void **state)
{
    (void)state;
    for (int any = 0; any <= 1; any++) {
        config.any_tls = any;
        struct tracker *t = open_tracker(false);
        struct wire w;
        wire_open(&w, t, 40000, 8443);
        wire_handshake(&w);
        shake_hands(&w);
        wire_close(&w);
        finish(t);
        assert_int_equal(session_count, any);
    }
    assert_int_equal(sessions[0].protocol, PROTOCOL_OTHER);
    assert_int_equal(policy_mode(&sessions[0]), MODE_IMPLICIT);
}

static void test_tracker_own_redis_connection_is_never_looked_at(void **state)
{
    (void)state;
    config.any_tls = true;
    for (int own = 0; own <= 1; own++) {
        config.redis_port = own ? 6380 : 6379;
        struct tracker *t = open_tracker(false);
        struct wire w;
        wire_open(&w, t, 40000, 6380);
        wire_handshake(&w);
        shake_hands(&w);
        wire_close(&w);
        finish(t);
        assert_int_equal(session_count, !own);
    }
}

static void test_tracker_full_pool_gives_up_the_oldest_dialogue(void **state)
{
    (void)state;
    config.caps.negotiations = 2;
    struct tracker *t = open_tracker(false);
    struct wire w[3];
    for (uint16_t i = 0; i < 3; i++) {
        wire_open(&w[i], t, (uint16_t)(40000 + i), 25);
        wire_handshake(&w[i]);
        wire_say(&w[i], SERVER, "220 mx.example.org ESMTP Postfix\r\n");
    }
    assert_int_equal(session_count, 1);
    assert_true(sessions[0].evicted);
    finish(t);
    assert_int_equal(session_count, 3);
}

static void test_tracker_full_pool_keeps_dialogues_in_which_the_client_spoke(void **state)
{
    (void)state;
    config.caps.negotiations = 2;
    struct tracker *t = open_tracker(false);
    struct wire real;
    wire_open(&real, t, 40000, 25);
    wire_handshake(&real);
    wire_say(&real, SERVER, "220 mx.example.org ESMTP Postfix\r\n");
    wire_say(&real, CLIENT, "EHLO client.example.net\r\n");
    for (uint16_t i = 1; i <= 5; i++) { /* each sends one octet and hangs */
        struct wire flood;
        wire_open(&flood, t, (uint16_t)(40000 + i), 25);
        wire_handshake(&flood);
        wire_say(&flood, CLIENT, "x");
    }
    assert_int_equal(session_count, 4);
    for (unsigned i = 0; i < session_count; i++) {
        assert_true(sessions[i].evicted);
        assert_string_equal(sessions[i].helo, "");
    }
    finish(t);
    assert_int_equal(session_count, 6);
    assert_string_equal(sessions[4].helo, "client.example.net");
    assert_false(sessions[4].evicted);
}

static void test_tracker_full_buffers_lose_bytes_and_not_the_session(void **state)
{
    (void)state;
    config.caps.segment_buffers = 2;
    struct tracker *t = open_tracker(false);
    struct wire w;
    wire_open(&w, t, 40000, 25);
    wire_handshake(&w);
    wire_say(&w, SERVER, "220 mx.example.org ESMTP Postfix\r\n");
    w.next[CLIENT] += 10; /* a hole, then more than the buffers hold */
    for (int i = 0; i < 6; i++)
        wire_say(&w, CLIENT, "NOOP\r\n");
    wire_close(&w);
    finish(t);
    assert_int_equal(session_count, 1);
    assert_int_equal(sessions[0].side[CLIENT].gap_bytes, 10);
    assert_int_equal(sessions[0].side[CLIENT].bytes, 36);
    assert_true(counters.value[COUNTER_buffer_full] > 0);
}

static void test_tracker_snaplen_cut_is_said(void **state)
{
    (void)state;
    struct tracker *t = open_tracker(false);
    struct wire w;
    wire_open(&w, t, 40000, 25);
    wire_handshake(&w);
    struct segment cut = wire_segment(&w, SERVER, TCP_ACK, "220 mx.example.org ES", 21);
    cut.missing = 60;
    wire_feed(&w, &cut);
    w.next[SERVER] += 81;
    wire_say(&w, CLIENT, "EHLO client.example.net\r\n");
    wire_close(&w);
    assert_int_equal(session_count, 1);
    assert_int_equal(sessions[0].side[SERVER].truncated, 1);
    assert_int_equal(sessions[0].side[SERVER].gap_bytes, 60);
    finish(t);
}

static void test_tracker_live_session_yields_interim_accounts(void **state)
{
    (void)state;
    config.timeouts.interim_ms = 1000;
    struct tracker *t = open_tracker(true);
    struct wire w;
    wire_open(&w, t, 40000, 25);
    wire_handshake(&w);
    say_starttls(&w);
    shake_hands(&w);
    assert_int_equal(session_count, 0);
    w.time_ns += UINT64_C(1500000000);
    wire_say(&w, CLIENT, "ciphertext");
    assert_int_equal(session_count, 1);
    assert_false(sessions[0].final);
    assert_sealed(&sessions[0]);
    wire_close(&w);
    assert_int_equal(session_count, 2);
    assert_true(sessions[1].final);
    finish(t);
}

/* Each direction in a VLAN of its own: one connection, unless the configuration says that tags count. */
static void feed_tagged(struct wire *w, enum side from, uint8_t flags, const char *text, int16_t vlan)
{
    struct segment s = wire_segment(w, from, flags, text, strlen(text));
    s.vlan = vlan;
    wire_feed(w, &s);
    w->next[from] += (uint32_t)strlen(text) + ((flags & TCP_SYN) != 0);
}

static void test_tracker_vlan_by_direction_is_one_session_unless_asked_for(void **state)
{
    (void)state;
    for (int identity = IDENTITY_NONE; identity <= IDENTITY_BOTH; identity++) {
        struct wire w;
        config.flow_identity = (enum identity)identity;
        struct tracker *t = open_tracker(false);
        wire_open(&w, t, 40000, 25);
        feed_tagged(&w, CLIENT, TCP_SYN, "", 10);
        feed_tagged(&w, SERVER, TCP_SYN | TCP_ACK, "", 20);
        feed_tagged(&w, SERVER, TCP_ACK, "220 mx.example.org ESMTP\r\n", 20);
        feed_tagged(&w, CLIENT, TCP_ACK, "EHLO client.example.net\r\n", 10);
        feed_tagged(&w, SERVER, TCP_ACK, "250 mx.example.org\r\n", 20);
        finish(t);
        bool apart = identity == IDENTITY_VLAN || identity == IDENTITY_BOTH;
        assert_int_equal(session_count, apart ? 2 : 1);
        assert_int_equal(sessions[0].vlan, 10);
        assert_true(!apart || sessions[1].vlan == 20);
        assert_int_equal(counters.value[COUNTER_flows_one_sided], apart ? 2 : 0);
    }
}

static void test_tracker_tunnel_number_tells_customers_apart(void **state)
{
    (void)state;
    for (int identity = IDENTITY_NONE; identity <= IDENTITY_BOTH; identity++) {
        config.flow_identity = (enum identity)identity;
        struct tracker *t = open_tracker(false);
        for (uint32_t id = 100; id < 102; id++) {
            struct wire w;
            wire_open(&w, t, 40000, 25);
            w.time_ns += id * 1000000;
            struct segment s = wire_segment(&w, SERVER, TCP_ACK, "220 mx.example.org ESMTP\r\n", 26);
            s.tunnel = TUNNEL_VXLAN;
            s.tunnel_id = id;
            wire_feed(&w, &s);
        }
        bool apart = identity == IDENTITY_TUNNEL || identity == IDENTITY_BOTH;
        assert_int_equal(counters.value[COUNTER_flows], apart ? 2 : 1);
        finish(t);
    }
}

/* The filter takes tunnels whole: what is inside and of no listed port must cost nothing. */
static void test_tracker_other_port_out_of_a_tunnel_is_no_work_live(void **state)
{
    (void)state;
    struct wire w;
    struct tracker *t = open_tracker(true);
    wire_open(&w, t, 40000, 8025);
    struct segment s = wire_segment(&w, SERVER, TCP_ACK, "220 mx.example.org ESMTP\r\n", 26);
    s.tunnel = TUNNEL_GRE;
    wire_feed(&w, &s);
    assert_int_equal(counters.value[COUNTER_not_mail], 1);
    assert_int_equal(counters.value[COUNTER_flows], 0);
    finish(t);
}

/* The last that was sent is lost: no later segment shows the hole, but the FIN does, or the other end's
 * acknowledgement. */
static void test_tracker_lost_tail_is_a_gap(void **state)
{
    (void)state;
    for (int fin = 0; fin <= 1; fin++) {
        struct wire w;
        struct tracker *t = open_tracker(false);
        wire_open(&w, t, 40000, 25);
        wire_handshake(&w);
        wire_say(&w, SERVER, "220 mx.example.org ESMTP\r\n");
        w.next[CLIENT] += 25;
        struct segment last = wire_segment(&w, fin ? CLIENT : SERVER, fin ? TCP_ACK | TCP_FIN : TCP_ACK, NULL,
                                           0);
        wire_feed(&w, &last);
        finish(t);
        assert_int_equal(session_count, 1);
        assert_int_equal(sessions[0].side[CLIENT].gap_bytes, 25);
        assert_true(sessions[0].side[CLIENT].gap_before_tls);
        assert_int_equal(sessions[0].side[SERVER].gap_bytes, 0);
    }
}

/* The server's SYN is lost: the client's first acknowledgement says where the server begins, and that it began. */
static void test_tracker_lost_syn_of_the_server_hides_no_gap(void **state)
{
    (void)state;
    for (int acknowledged = 0; acknowledged <= 1; acknowledged++) {
        struct wire w;
        struct tracker *t = open_tracker(false);
        wire_open(&w, t, 40000, 25);
        struct segment syn = wire_segment(&w, CLIENT, TCP_SYN, NULL, 0);
        wire_feed(&w, &syn);
        w.next[CLIENT]++;
        w.next[SERVER]++;
        struct segment ack = wire_segment(&w, CLIENT, TCP_ACK, NULL, 0);
        if (acknowledged)
            wire_feed(&w, &ack);
        w.next[SERVER] += 30; /* a greeting that was lost */
        wire_say(&w, SERVER, "250-mx.example.org\r\n250 8BITMIME\r\n");
        finish(t);
        assert_int_equal(sessions[0].midstream, !acknowledged);
        assert_int_equal(sessions[0].side[SERVER].gap_bytes, acknowledged ? 30 : 0);
    }
}

/* The mirror delivers a reset before the data that was sent before it. */
static void test_tracker_reset_that_overtakes_waits(void **state)
{
    (void)state;
    struct wire w;
    struct tracker *t = open_tracker(false);
    wire_open(&w, t, 40000, 25);
    wire_handshake(&w);
    wire_say(&w, SERVER, "220 mx.example.org ESMTP\r\n");
    struct segment ehlo = wire_segment(&w, CLIENT, TCP_ACK, "EHLO client.example.net\r\n", 25);
    w.next[CLIENT] += 25;
    struct segment rst = wire_segment(&w, CLIENT, TCP_RST, NULL, 0);
    wire_feed(&w, &rst);
    assert_int_equal(session_count, 0);
    wire_feed(&w, &ehlo);
    assert_int_equal(session_count, 1);
    assert_string_equal(sessions[0].helo, "client.example.net");
    finish(t);
}

/* Every packet twice, the second one later, in another VLAN and tunnel: nothing changes but the count. */
static void test_tracker_everything_mirrored_twice_is_the_same_session(void **state)
{
    (void)state;
    struct session once;
    memset(&once, 0, sizeof once);
    for (unsigned copies = 1; copies <= 2; copies++) {
        struct wire w;
        struct tracker *t = open_tracker(false);
        wire_open(&w, t, 40000, 25);
        w.copies = copies;
        wire_handshake(&w);
        say_plain_mail(&w);
        wire_close(&w);
        finish(t);
        assert_int_equal(session_count, 1);
        assert_plain_mail(&sessions[0]);
        if (copies == 1)
            once = sessions[0];
    }
    uint64_t packets = once.side[CLIENT].packets + once.side[SERVER].packets;
    /* The last one comes when the session is over and reported, and is counted all the same. */
    assert_int_equal(counters.value[COUNTER_duplicates], packets);
    assert_in_range(sessions[0].duplicates, packets - 1, packets);
    assert_int_equal(counters.value[COUNTER_retransmissions], 0);
    assert_int_equal(counters.value[COUNTER_late_segments], 0);
    once.duplicates = sessions[0].duplicates;
    once.turn = sessions[0].turn; /* numbers of segments, of which there are more */
    once.turn_order = sessions[0].turn_order;
    assert_memory_equal(&once, &sessions[0], sizeof once);
}

/* Of a connection whose fate is known they are counted, too. */
static void test_tracker_repetition_after_the_handshake_is_counted(void **state)
{
    (void)state;
    struct wire w;
    struct tracker *t = open_tracker(false);
    wire_open(&w, t, 40000, 25);
    wire_handshake(&w);
    say_starttls(&w);
    shake_hands(&w);
    w.copies = 2;
    wire_say(&w, CLIENT, "ciphertext");
    wire_say(&w, SERVER, "ciphertext");
    assert_int_equal(counters.value[COUNTER_duplicates], 2);
    w.copies = 1;
    w.next[SERVER] -= 10;
    w.mark = 5000;
    wire_say(&w, SERVER, "ciphertext");
    assert_int_equal(counters.value[COUNTER_retransmissions], 1);
    finish(t);
    assert_int_equal(sessions[0].duplicates, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_tracker_plain_mail_is_one_session, setup),
        cmocka_unit_test_setup(test_tracker_split_payload_changes_nothing_but_packets, setup),
        cmocka_unit_test_setup(test_tracker_reordered_segments_are_put_in_order, setup),
        cmocka_unit_test_setup(test_tracker_answer_before_its_question_waits, setup),
        cmocka_unit_test_setup(test_tracker_retransmission_is_read_once, setup),
        cmocka_unit_test_setup(test_tracker_overlap_first_wins_and_conflict_is_counted, setup),
        cmocka_unit_test_setup(test_tracker_lost_segment_is_a_gap_and_never_a_verdict, setup),
        cmocka_unit_test_setup(test_tracker_handshake_after_a_gap_in_the_dialogue_is_still_seen, setup),
        cmocka_unit_test_setup(test_tracker_established_session_costs_no_conversation, setup),
        cmocka_unit_test_setup(test_tracker_one_direction_says_so, setup),
        cmocka_unit_test_setup(test_tracker_reset_ends_a_session_and_a_stray_one_does_not, setup),
        cmocka_unit_test_setup(test_tracker_reused_ports_are_two_sessions, setup),
        cmocka_unit_test_setup(test_tracker_late_greeting_begins_no_new_connection, setup),
        cmocka_unit_test_setup(test_tracker_reused_ports_behind_a_lost_syn, setup),
        cmocka_unit_test_setup(test_tracker_new_connection_without_the_old_ones_end, setup),
        cmocka_unit_test_setup(test_tracker_forged_syn_does_not_end_a_session, setup),
        cmocka_unit_test_setup(test_tracker_keepalive_of_one_octet_is_no_data, setup),
        cmocka_unit_test_setup(test_tracker_midstream_is_said, setup),
        cmocka_unit_test_setup(test_tracker_connection_without_payload_is_no_session, setup),
        cmocka_unit_test_setup(test_tracker_silent_session_ends_by_packet_time, setup),
        cmocka_unit_test_setup(test_tracker_mail_on_an_unexpected_port_is_found, setup),
        cmocka_unit_test_setup(test_tracker_redis_and_ftp_are_no_mail, setup),
        cmocka_unit_test_setup(test_tracker_tls_elsewhere_only_where_asked_for, setup),
        cmocka_unit_test_setup(test_tracker_own_redis_connection_is_never_looked_at, setup),
        cmocka_unit_test_setup(test_tracker_full_pool_gives_up_the_oldest_dialogue, setup),
        cmocka_unit_test_setup(test_tracker_full_pool_keeps_dialogues_in_which_the_client_spoke, setup),
        cmocka_unit_test_setup(test_tracker_full_buffers_lose_bytes_and_not_the_session, setup),
        cmocka_unit_test_setup(test_tracker_snaplen_cut_is_said, setup),
        cmocka_unit_test_setup(test_tracker_live_session_yields_interim_accounts, setup),
        cmocka_unit_test_setup(test_tracker_lost_tail_is_a_gap, setup),
        cmocka_unit_test_setup(test_tracker_lost_syn_of_the_server_hides_no_gap, setup),
        cmocka_unit_test_setup(test_tracker_reset_that_overtakes_waits, setup),
        cmocka_unit_test_setup(test_tracker_everything_mirrored_twice_is_the_same_session, setup),
        cmocka_unit_test_setup(test_tracker_repetition_after_the_handshake_is_counted, setup),
        cmocka_unit_test_setup(test_tracker_vlan_by_direction_is_one_session_unless_asked_for, setup),
        cmocka_unit_test_setup(test_tracker_tunnel_number_tells_customers_apart, setup),
        cmocka_unit_test_setup(test_tracker_other_port_out_of_a_tunnel_is_no_work_live, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
