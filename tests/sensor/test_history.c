/* The memory across sessions: its thresholds on both sides, and what goes when a table is full. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "past.h"

/* ---- the offer of STARTTLS */

static bool baseline_after(unsigned with, unsigned without)
{
    struct history *h = opened();
    note_offers(h, NOW, with, without);
    bool offers = look(h, listed(NOW + HOUR, 1, 1), NULL).baseline_offers;
    history_close(h);
    return offers;
}

static void test_history_baseline_needs_enough_sessions_and_share(void **state)
{
    (void)state;
    assert_true(baseline_after(20, 0));
    assert_false(baseline_after(19, 0));
    assert_true(baseline_after(19, 1));  /* 95 % of 20 */
    assert_false(baseline_after(18, 2)); /* 90 % */
    assert_true(baseline_after(95, 5));
    assert_false(baseline_after(94, 6));
    assert_false(baseline_after(0, 0));
}

static void test_history_baseline_is_of_this_server_alone(void **state)
{
    (void)state;
    struct history *h = opened();
    note_offers(h, NOW, 20, 0);
    assert_true(look(h, listed(NOW, 7, 1), NULL).baseline_offers);
    assert_false(look(h, listed(NOW, 1, 2), NULL).baseline_offers);
    struct session other_port = listed(NOW, 1, 1);
    other_port.server_port = 25;
    assert_false(look(h, other_port, NULL).baseline_offers);
    history_close(h);
}

static void test_history_sessions_that_cannot_show_an_offer_do_not_count(void **state)
{
    (void)state;
    struct history *h = opened();
    note_offers(h, NOW, 20, 0);
    for (int i = 0; i < 40; i++) {
        struct session s = listed(NOW + i, 1, 1);
        s.mail.capabilities_cut = true; /* an overlong line: nothing is known */
        note(h, s, NULL);
        s = listed(NOW + i, 1, 1);
        s.mail.capabilities_seen = s.mail.helo_seen = s.mail.greeting_accepted =
            false; /* 554, and good-bye */
        note(h, s, NULL);
        s = listed(NOW + i, 1, 1);
        s.final = false;
        note(h, s, NULL);
    }
    assert_true(look(h, listed(NOW + HOUR, 1, 1), NULL).baseline_offers);
    history_close(h);
}

static void test_history_baseline_forgets_after_its_days(void **state)
{
    (void)state;
    struct history *h = opened();
    int64_t noon = (int64_t)NOW / DAY * DAY + DAY / 2;
    note_offers(h, noon, 20, 0);
    assert_true(look(h, listed(noon + 6 * DAY, 1, 1), NULL).baseline_offers);
    assert_false(look(h, listed(noon + 7 * DAY, 1, 1), NULL).baseline_offers);
    assert_false(look(h, listed(noon + 9 * DAY, 1, 1), NULL).baseline_offers);
    note_offers(h, noon + 8 * DAY, 2, 0); /* takes the place of the first day */
    assert_false(look(h, listed(noon + 8 * DAY, 1, 1), NULL).baseline_offers);
    assert_false(look(h, listed(noon, 1, 1), NULL).baseline_offers);
    history_close(h);
}

static void test_history_baseline_adds_days_up(void **state)
{
    (void)state;
    struct history *h = opened();
    for (int day = 0; day < 9; day++)
        note_offers(h, NOW + (int64_t)day * DAY, 2, 0);
    assert_false(look(h, listed(NOW + 8 * DAY, 1, 1), NULL).baseline_offers); /* 14 in the last seven */
    note_offers(h, NOW + 8 * DAY, 6, 0);
    assert_true(look(h, listed(NOW + 8 * DAY, 1, 1), NULL).baseline_offers);
    assert_false(look(h, listed(NOW + 9 * DAY, 1, 1), NULL).baseline_offers);
    history_close(h);
}

static void test_history_days_of_a_wrong_clock_are_not_the_last_days(void **state)
{
    (void)state;
    struct history *h = opened();
    note_offers(h, NOW + 3650 * (int64_t)DAY, 20, 0);
    assert_false(look(h, listed(NOW, 1, 1), NULL).baseline_offers);
    note_offers(h, NOW, 20, 0);
    assert_true(look(h, listed(NOW, 1, 1), NULL).baseline_offers);
    history_close(h);
}

static void test_history_offer_to_another_client_within_the_hour(void **state)
{
    (void)state;
    struct history *h = opened();
    note(h, offering(NOW, 1, 1), NULL);
    assert_true(look(h, listed(NOW + HOUR, 2, 1), NULL).offered_to_other_lately);
    assert_false(look(h, listed(NOW + HOUR + 1, 2, 1), NULL).offered_to_other_lately);
    assert_false(look(h, listed(NOW + 1, 1, 1), NULL).offered_to_other_lately); /* the same client */
    assert_false(look(h, listed(NOW + 1, 2, 2), NULL).offered_to_other_lately);
    history_close(h);
}

/* Three clients are kept, each once: one that asks often does not push out the others. */
static void test_history_offers_keep_several_clients(void **state)
{
    (void)state;
    struct history *h = opened();
    note(h, offering(NOW, 1, 1), NULL);
    for (int i = 1; i < 50; i++)
        note(h, offering(NOW + i, 2, 1), NULL);
    assert_true(look(h, listed(NOW + 60, 2, 1), NULL).offered_to_other_lately);
    for (unsigned client = 3; client < 6; client++)
        note(h, offering(NOW + 60 + client, client, 1), NULL);
    assert_true(look(h, listed(NOW + 70, 2, 1), NULL).offered_to_other_lately);
    history_close(h);
}

/* ---- pairs */

static void test_history_pair_failure_counts_for_a_minute(void **state)
{
    (void)state;
    struct history *h = opened();
    note(h, failed(NOW, 1, 1, 0x0304), NULL);
    struct past past = look(h, listed(NOW + 60, 1, 1), NULL);
    assert_true(past.pair_failed_lately);
    assert_int_equal(past.pair_failed_offer, 0x0304);
    past = look(h, listed(NOW + 61, 1, 1), NULL);
    assert_false(past.pair_failed_lately);
    assert_int_equal(past.pair_failed_offer, 0);
    assert_false(look(h, listed(NOW + 1, 2, 1), NULL).pair_failed_lately);
    assert_false(look(h, listed(NOW + 1, 1, 2), NULL).pair_failed_lately);
    history_close(h);
}

/* A handshake that hangs fails at its end, not at its beginning; what began before it is no answer to it. */
static void test_history_pair_failure_is_timed_by_its_end(void **state)
{
    (void)state;
    struct history *h = opened();
    struct session hung = failed(NOW, 1, 1, 0x0304);
    hung.last_ns = hung.first_ns + 300 * second_ns;
    note(h, hung, NULL);
    assert_true(look(h, listed(NOW + 360, 1, 1), NULL).pair_failed_lately);
    assert_false(look(h, listed(NOW + 361, 1, 1), NULL).pair_failed_lately);
    assert_true(look(h, listed(NOW + 1, 1, 1), NULL).pair_failed_lately);
    assert_false(look(h, listed(NOW - 1, 1, 1), NULL).pair_failed_lately);
    history_close(h);
}

static void test_history_refusal_is_a_failure_without_an_offer(void **state)
{
    (void)state;
    struct history *h = opened();
    struct session refused = offering(NOW, 1, 1);
    refused.mail.tls_asked = refused.mail.tls_refused = true;
    note(h, refused, NULL);
    struct past past = look(h, listed(NOW + 5, 1, 1), NULL);
    assert_true(past.pair_failed_lately);
    assert_int_equal(past.pair_failed_offer, 0);
    note(h, sealed(NOW, 3, 1, 0x0303, 0x0303), NULL);
    assert_false(look(h, listed(NOW + 5, 3, 1), NULL).pair_failed_lately);
    history_close(h);
}

/* ---- versions */

static void test_history_best_version_of_server_and_pair(void **state)
{
    (void)state;
    struct history *h = opened();
    note(h, sealed(NOW, 1, 1, 0x0304, 0x0304), NULL);
    note(h, sealed(NOW + 5 * DAY, 2, 1, 0x0303, 0x0303), NULL);
    note(h, failed(NOW + 5 * DAY, 3, 1, 0x0304), NULL);
    struct past past = look(h, listed(NOW + 6 * DAY, 1, 1), NULL);
    assert_int_equal(past.server_best_version, 0x0304);
    assert_int_equal(past.pair_best_version, 0x0304);
    past = look(h, listed(NOW + 6 * DAY, 2, 1), NULL);
    assert_int_equal(past.server_best_version, 0x0304);
    assert_int_equal(past.pair_best_version, 0x0303);
    assert_int_equal(look(h, listed(NOW + 6 * DAY, 3, 1), NULL).pair_best_version, 0);
    assert_int_equal(look(h, listed(NOW + 30 * DAY, 1, 1), NULL).server_best_version, 0x0304);
    past = look(h, listed(NOW + 30 * DAY + 1, 1, 1), NULL);
    assert_int_equal(past.server_best_version, 0x0303);
    assert_int_equal(past.pair_best_version, 0);
    assert_int_equal(look(h, listed(NOW + 36 * DAY, 1, 1), NULL).server_best_version, 0);
    history_close(h);
}

static void test_history_version_time_recovers_from_a_wrong_clock(void **state)
{
    (void)state;
    struct history *h = opened();
    note(h, sealed(NOW + 3650 * (int64_t)DAY, 1, 1, 0x0304, 0x0304), NULL);
    assert_int_equal(look(h, listed(NOW, 1, 1), NULL).server_best_version, 0);
    note(h, sealed(NOW, 1, 1, 0x0304, 0x0304), NULL);
    assert_int_equal(look(h, listed(NOW, 1, 1), NULL).server_best_version, 0x0304);
    note(h, sealed(NOW - 5, 1, 1, 0x0304, 0x0304), NULL); /* ended later, began earlier: changes nothing */
    assert_int_equal(look(h, listed(NOW + 30 * DAY, 1, 1), NULL).server_best_version, 0x0304);
    history_close(h);
}

static bool dropped_after(unsigned clients, unsigned of_them_less, uint16_t before, uint16_t offer)
{
    struct history *h = opened();
    int64_t hour = (int64_t)NOW / HOUR * HOUR;
    if (before != 0)
        note(h, sealed(hour - HOUR, 1, 1, before, 0x0304), NULL);
    for (unsigned i = 0; i < clients; i++)
        note(h, sealed(hour + i, 100 + i, 1, i < of_them_less ? 0x0303 : 0x0304, offer), NULL);
    bool dropped = look(h, listed(hour + HOUR - 1, 1, 1), NULL).most_dropped_tls13;
    assert_false(look(h, listed(hour + HOUR, 1, 1), NULL).most_dropped_tls13); /* the next hour begins anew */
    history_close(h);
    return dropped;
}

static void test_history_most_clients_dropped_tls13(void **state)
{
    (void)state;
    assert_true(dropped_after(5, 5, 0x0304, 0x0304));
    assert_true(dropped_after(5, 3, 0x0304, 0x0304));
    assert_false(dropped_after(5, 2, 0x0304, 0x0304));
    assert_false(dropped_after(4, 4, 0x0304, 0x0304)); /* too few to tell */
    assert_false(dropped_after(5, 5, 0x0303, 0x0304)); /* it never chose better */
    assert_false(dropped_after(5, 5, 0x0304, 0x0303)); /* they did not offer better */
}

/* One client behind a bad box, however often it comes, is no drop of the server. */
static void test_history_one_client_is_not_most_clients(void **state)
{
    (void)state;
    struct history *h = opened();
    int64_t hour = (int64_t)NOW / HOUR * HOUR;
    for (unsigned i = 0; i < 5; i++)
        note(h, sealed(hour + i, 100 + i, 1, 0x0304, 0x0304), NULL);
    for (unsigned i = 0; i < 500; i++)
        note(h, sealed(hour + i, 1, 1, 0x0303, 0x0304), NULL);
    assert_false(look(h, listed(hour + 600, 1, 1), NULL).most_dropped_tls13);
    history_close(h);
}

/* ---- certificates */

static bool changed(const struct past *past)
{
    return past->other_leaf_known && past->other_key_known && !past->leaf_known;
}

static void test_history_leaf_new_key_is_a_change(void **state)
{
    (void)state;
    struct history *h = opened();
    struct certificate_chain first = certificate(1, 1, "RSA", NOW + 50 * DAY);
    struct certificate_chain second = certificate(2, 2, "RSA", NOW + 90 * DAY);
    struct certificate_chain renewed = certificate(3, 1, "RSA", NOW + 90 * DAY);
    struct past past = look(h, sealed(NOW, 1, 1, 0x0303, 0x0303), &first);
    assert_false(past.leaf_known || past.other_leaf_known || past.other_key_known);
    note(h, sealed(NOW, 1, 1, 0x0303, 0x0303), &first);
    past = look(h, sealed(NOW + 1, 1, 1, 0x0303, 0x0303), &first);
    assert_true(past.leaf_known);
    assert_false(past.other_leaf_known || past.other_key_known);
    past = look(h, sealed(NOW + 1, 1, 1, 0x0303, 0x0303), &second);
    assert_true(changed(&past));
    assert_int_equal(past.other_leaf_not_after, NOW + 50 * DAY);
    past = look(h, sealed(NOW + 1, 1, 1, 0x0303, 0x0303), &renewed);
    assert_true(past.other_leaf_known);
    assert_false(past.other_key_known);
    past = look(h, sealed(NOW + 1, 1, 2, 0x0303, 0x0303), &second); /* another server */
    assert_false(past.other_leaf_known || past.other_key_known);
    history_close(h);
}

/* A server with two certificates, each with its own successor. */
static void test_history_leaves_of_two_kinds_alternate(void **state)
{
    (void)state;
    struct history *h = opened();
    struct certificate_chain rsa = certificate(1, 1, "RSA", NOW + 20 * DAY);
    struct certificate_chain ec = certificate(2, 2, "EC P-256", NOW + 80 * DAY);
    note(h, sealed(NOW, 1, 1, 0x0303, 0x0303), &rsa);
    note(h, sealed(NOW + 1, 1, 1, 0x0303, 0x0303), &ec);
    for (int i = 2; i < 10; i++) {
        const struct certificate_chain *shown = i % 2 ? &ec : &rsa;
        struct past past = look(h, sealed(NOW + i, 1, 1, 0x0303, 0x0303), shown);
        assert_true(past.leaf_known);
        assert_false(changed(&past));
        note(h, sealed(NOW + i, 1, 1, 0x0303, 0x0303), shown);
    }
    struct certificate_chain next_rsa = certificate(3, 3, "RSA", NOW + 200 * DAY);
    struct past past = look(h, sealed(NOW + 10, 1, 1, 0x0303, 0x0303), &next_rsa);
    assert_true(changed(&past));
    assert_int_equal(past.other_leaf_not_after, NOW + 20 * DAY); /* of the RSA one, which it replaces */
    struct certificate_chain same_key = certificate(4, 1, "RSA", NOW + 200 * DAY);
    past = look(h, sealed(NOW + 10, 1, 1, 0x0303, 0x0303), &same_key);
    assert_false(changed(&past));
    history_close(h);
}

static void test_history_leaf_is_learnt_for_sessions_that_hide_it(void **state)
{
    (void)state;
    struct history *h = opened();
    struct certificate_chain old = certificate(1, 1, "RSA", NOW);
    struct certificate_chain new = certificate(2, 2, "RSA", NOW);
    assert_false(look(h, sealed(NOW, 1, 1, 0x0304, 0x0304), NULL).learnt);
    note(h, sealed(NOW, 1, 1, 0x0303, 0x0303), &old);
    note(h, sealed(NOW + 1, 1, 1, 0x0303, 0x0303), &new);
    struct past past = look(h, sealed(NOW + 2, 1, 1, 0x0304, 0x0304), NULL);
    assert_true(past.learnt);
    assert_memory_equal(past.learnt_sha256, new.sha256, sizeof new.sha256);
    assert_false(look(h, sealed(NOW + 2, 1, 2, 0x0304, 0x0304), NULL).learnt);
    history_close(h);
}

static void test_history_key_is_reused_from_three_servers_on(void **state)
{
    (void)state;
    struct history *h = opened();
    struct certificate_chain c = certificate(1, 1, "RSA", NOW);
    struct certificate_chain other = certificate(2, 2, "RSA", NOW);
    for (unsigned server = 1; server <= 2; server++) {
        assert_false(look(h, sealed(NOW, 1, server, 0x0303, 0x0303), &c).key_reused);
        note(h, sealed(NOW, 1, server, 0x0303, 0x0303), &c);
        note(h, sealed(NOW + 1, 2, server, 0x0303, 0x0303), &c);
    }
    assert_false(look(h, sealed(NOW, 1, 2, 0x0303, 0x0303), &c).key_reused);
    struct session other_port = sealed(NOW, 1, 2, 0x0303, 0x0303); /* one host, two services */
    other_port.server_port = 993;
    assert_false(look(h, other_port, &c).key_reused);
    assert_true(look(h, sealed(NOW, 1, 3, 0x0303, 0x0303), &c).key_reused);
    assert_false(look(h, sealed(NOW, 1, 3, 0x0303, 0x0303), &other).key_reused);
    for (unsigned server = 3; server <= 40; server++) /* more than a row holds */
        note(h, sealed(NOW, 1, server, 0x0303, 0x0303), &c);
    assert_true(look(h, sealed(NOW, 1, 1, 0x0303, 0x0303), &c).key_reused);
    assert_true(look(h, sealed(NOW, 1, 40, 0x0303, 0x0303), &c).key_reused);
    history_close(h);
}

/* ---- bounds */

static void test_history_least_recently_noted_goes_first(void **state)
{
    (void)state;
    struct history *h = opened();
    for (unsigned server = 1; server <= 64; server++)
        note(h, sealed(NOW + server, 1, server, 0x0303, 0x0303), NULL);
    assert_int_equal(history_servers(h), 64);
    note(h, sealed(NOW + 100, 1, 1, 0x0303, 0x0303), NULL);
    assert_int_equal(look(h, listed(NOW, 1, 2), NULL).server_best_version,
                     0x0303); /* a look keeps nothing alive */
    note(h, sealed(NOW + 101, 1, 65, 0x0303, 0x0303), NULL);
    assert_int_equal(history_servers(h), 64);
    assert_int_equal(look(h, listed(NOW, 1, 1), NULL).server_best_version, 0x0303);
    assert_int_equal(look(h, listed(NOW, 1, 2), NULL).server_best_version, 0);
    assert_int_equal(look(h, listed(NOW, 1, 2), NULL).pair_best_version, 0);
    assert_int_equal(look(h, listed(NOW, 1, 3), NULL).server_best_version, 0x0303);
    assert_int_equal(look(h, listed(NOW, 1, 65), NULL).server_best_version, 0x0303);
    for (unsigned server = 1000; server < 100000; server++)
        note(h, sealed(NOW, server, server, 0x0303, 0x0303), NULL);
    assert_int_equal(history_servers(h), 64);
    assert_int_equal(look(h, listed(NOW, 99936, 99936), NULL).pair_best_version, 0x0303);
    assert_int_equal(look(h, listed(NOW, 99935, 99935), NULL).pair_best_version, 0);
    history_close(h);
}

static void test_history_sweep_that_shows_nothing_pushes_nothing_out(void **state)
{
    (void)state;
    struct history *h = opened();
    note_offers(h, NOW, 20, 0);
    for (unsigned server = 2; server < 5000; server++) {
        struct session s = listed(NOW, 9, server);
        s.mail = (struct session_mail){.greeting_seen = true};
        note(h, s, NULL);
    }
    assert_int_equal(history_servers(h), 1);
    assert_true(look(h, listed(NOW, 1, 1), NULL).baseline_offers);
    history_close(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_history_baseline_needs_enough_sessions_and_share),
        cmocka_unit_test(test_history_baseline_is_of_this_server_alone),
        cmocka_unit_test(test_history_sessions_that_cannot_show_an_offer_do_not_count),
        cmocka_unit_test(test_history_baseline_forgets_after_its_days),
        cmocka_unit_test(test_history_baseline_adds_days_up),
        cmocka_unit_test(test_history_days_of_a_wrong_clock_are_not_the_last_days),
        cmocka_unit_test(test_history_offer_to_another_client_within_the_hour),
        cmocka_unit_test(test_history_offers_keep_several_clients),
        cmocka_unit_test(test_history_pair_failure_counts_for_a_minute),
        cmocka_unit_test(test_history_pair_failure_is_timed_by_its_end),
        cmocka_unit_test(test_history_refusal_is_a_failure_without_an_offer),
        cmocka_unit_test(test_history_best_version_of_server_and_pair),
        cmocka_unit_test(test_history_version_time_recovers_from_a_wrong_clock),
        cmocka_unit_test(test_history_most_clients_dropped_tls13),
        cmocka_unit_test(test_history_one_client_is_not_most_clients),
        cmocka_unit_test(test_history_leaf_new_key_is_a_change),
        cmocka_unit_test(test_history_leaves_of_two_kinds_alternate),
        cmocka_unit_test(test_history_leaf_is_learnt_for_sessions_that_hide_it),
        cmocka_unit_test(test_history_key_is_reused_from_three_servers_on),
        cmocka_unit_test(test_history_least_recently_noted_goes_first),
        cmocka_unit_test(test_history_sweep_that_shows_nothing_pushes_nothing_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
