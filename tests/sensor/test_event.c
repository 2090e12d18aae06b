#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sensor/audit/event.h"
#include "sensor/audit/house.h"

static struct event event;
static struct judgement judgement;

static const struct house_network own_networks[] = {
    {.address = {{10, 0, 0, 0}}, .family = IP_V4, .bits = 8},
    {.address = {{0x20, 0x01, 0x0d, 0xb8}}, .family = IP_V6, .bits = 32},
};
static size_t own_network_count;

static void fill(const struct session *s)
{
    struct event_context context = {.site = "site",
                                    .sensor = "probe",
                                    .own_networks = own_networks,
                                    .own_network_count = own_network_count};
    struct facts facts = {.session = s, .host = ""};
    policy_judge(&facts, &judgement);
    memset(&event, 0xa5, sizeof event);
    event_fill(&event, &context, &facts, &judgement);
}

static const char *text(enum event_field field)
{
    assert_int_equal(event_field_kind(field), EVENT_TEXT);
    return event.values[field].text;
}

static int64_t number(enum event_field field)
{
    assert_int_equal(event_field_kind(field), EVENT_NUMBER);
    return event.values[field].number;
}

static struct session session_of(uint8_t a, uint16_t client_port, uint8_t b, uint16_t server_port)
{
    struct session s = {.family = IP_V4,
                        .client_address = {{a, 0, 0, 1}},
                        .server_address = {{b, 0, 0, 2}},
                        .client_port = client_port,
                        .server_port = server_port,
                        .vlan = -1,
                        .protocol = PROTOCOL_SMTP,
                        .role = ROLE_RELAY,
                        .first_ns = UINT64_C(1700000000123456789),
                        .last_ns = UINT64_C(1700000002123456789),
                        .tuple_hash = UINT64_C(0x0123456789abcdef),
                        .generation = 7};
    s.side[CLIENT].packets = s.side[SERVER].packets = 3;
    return s;
}

static const char *direction(uint8_t client, uint8_t server)
{
    struct session s = session_of(client, 40000, server, 25);
    fill(&s);
    return text(EVENT_direction);
}

static void test_event_direction_needs_to_know_the_own_networks(void **state)
{
    (void)state;
    assert_string_equal(direction(10, 10), "");
    own_network_count = 2;
    assert_string_equal(direction(192, 10), "inbound");
    assert_string_equal(direction(10, 192), "outbound");
    assert_string_equal(direction(10, 10), "internal");
    assert_string_equal(direction(192, 198), "transit");
    struct session six = session_of(0x20, 40000, 10, 25);
    six.family = IP_V6;
    fill(&six); /* 2000::/16 is not within 2001:db8::/32, nor is 0a00::/16 */
    assert_string_equal(text(EVENT_direction), "transit");
    own_network_count = 0;
}

/* Never a number that looks like text's absence, never text that looks like a number (Grafana's Redis
 * source would turn it into one). */
static void test_event_has_every_field_and_no_text_looks_like_a_number(void **state)
{
    (void)state;
    struct session s = session_of(10, 40000, 20, 25);
    fill(&s);
    for (int f = 0; f < EVENT_FIELD_COUNT; f++) {
        assert_true(strlen(event_field_name((enum event_field)f)) > 1);
        if (event_field_kind((enum event_field)f) != EVENT_TEXT)
            continue;
        const char *value = event.values[f].text;
        assert_non_null(value);
        char *end;
        strtod(value, &end);
        assert_true(*value == '\0' || *end != '\0');
    }
}

static void test_event_id_is_sensor_start_connection_and_count(void **state)
{
    (void)state;
    struct session s = session_of(10, 40000, 20, 25);
    fill(&s);
    assert_string_equal(text(EVENT_id), "probe-1700000000123-0123456789abcdef-7");
    assert_int_equal(number(EVENT_ts), INT64_C(1700000000123));
    assert_int_equal(number(EVENT_duration_ms), 2000);
}

/* Vectors of the Community ID specification's own tests (seed 0, TCP). */
static void test_event_community_id_is_the_same_from_both_ends(void **state)
{
    (void)state;
    struct session s = {.family = IP_V4,
                        .client_address = {{128, 232, 110, 120}},
                        .server_address = {{66, 35, 250, 204}},
                        .client_port = 34855,
                        .server_port = 80};
    fill(&s);
    assert_string_equal(text(EVENT_community_id), "1:LQU9qZlK+B5F3KDmev6m5PMibrg=");
    struct session back = s;
    back.client_address = s.server_address;
    back.server_address = s.client_address;
    back.client_port = s.server_port;
    back.server_port = s.client_port;
    fill(&back);
    assert_string_equal(text(EVENT_community_id), "1:LQU9qZlK+B5F3KDmev6m5PMibrg=");
}

static void test_event_unknown_code_points_are_named_by_their_number(void **state)
{
    (void)state;
    struct session s = session_of(10, 40000, 20, 25);
    s.tls.begun = s.tls.client_hello = s.tls.server_hello = s.tls.has_cipher = s.tls.alert_seen = true;
    s.tls.version = 0x0303;
    s.tls.cipher_suite = 0xeeee;
    s.tls.group = 0x7f7f;
    s.tls.signature_scheme = 0xdddd;
    s.tls.alert_description = 199;
    fill(&s);
    assert_string_equal(text(EVENT_cipher), "unassigned_0xeeee");
    assert_string_equal(text(EVENT_cipher_id), "0xeeee");
    assert_string_equal(text(EVENT_group), "unassigned_0x7f7f");
    assert_string_equal(text(EVENT_kx_signature), "unassigned_0xdddd");
    assert_string_equal(text(EVENT_alert), "unassigned_0xc7");
}

static void test_event_certificate_is_hidden_and_never_missing(void **state)
{
    (void)state;
    struct session s = session_of(10, 40000, 20, 25);
    fill(&s);
    assert_string_equal(text(EVENT_cert_state), "gap"); /* nothing was seen to its end */
    s.side[CLIENT].packets = s.side[SERVER].packets = 3;
    s.side[CLIENT].fin_seen = true;
    fill(&s);
    assert_string_equal(text(EVENT_cert_state), "none");
    s.side[SERVER].bytes = 1;
    s.tls.begun = s.tls.client_hello = s.tls.established = true;
    fill(&s);
    assert_string_equal(text(EVENT_cert_state), "gap"); /* the server must have sent its hello */
    s.tls.established = false;
    s.tls.server_hello = true;
    s.side[SERVER].bytes = 1;
    s.tls.version = 0x0304;
    fill(&s);
    assert_string_equal(text(EVENT_cert_state), "hidden_tls13");
    s.tls.version = 0x0303;
    s.tls.resumed = true;
    fill(&s);
    assert_string_equal(text(EVENT_cert_state), "hidden_resumed");
    s.tls.resumed = false;
    s.side[SERVER].gap_in_handshake = true;
    fill(&s);
    assert_string_equal(text(EVENT_cert_state), "gap");
    s.tls.certificate_seen = true;
    fill(&s);
    assert_string_equal(text(EVENT_cert_state), "visible");
}

static void test_event_tls13_is_forward_secret_only_with_a_key_share(void **state)
{
    (void)state;
    struct session s = session_of(10, 40000, 20, 25);
    s.tls.begun = s.tls.server_hello = s.tls.has_cipher = true;
    s.tls.version = 0x0304;
    s.tls.cipher_suite = 0x1301;
    fill(&s);
    assert_int_equal(number(EVENT_forward_secrecy), 0);
    assert_int_equal(number(EVENT_aead), 1);
    s.tls.group = 0x11ec;
    fill(&s);
    assert_int_equal(number(EVENT_forward_secrecy), 1);
    assert_int_equal(number(EVENT_group_pq), 1);
    assert_string_equal(text(EVENT_group), "X25519MLKEM768");
}

static void test_event_client_offers_are_unknown_without_a_hello(void **state)
{
    (void)state;
    struct session s = session_of(10, 40000, 20, 25);
    fill(&s);
    assert_int_equal(number(EVENT_client_offers_aead), -1);
    assert_int_equal(number(EVENT_client_offers_ecdhe), -1);
    s.tls.client_hello = s.tls.offers_ecdhe = true;
    fill(&s);
    assert_int_equal(number(EVENT_client_offers_aead), 0);
    assert_int_equal(number(EVENT_client_offers_ecdhe), 1);
}

static void test_event_lists_findings_worst_first_and_what_is_undecidable(void **state)
{
    (void)state;
    struct session s = session_of(10, 40000, 20, 25);
    s.side[CLIENT].bytes = s.side[SERVER].bytes = 10;
    s.mail.greeting_seen = s.mail.helo_seen = s.mail.auth_seen = s.mail.auth_accepted = true;
    s.mail.auth_exposure = AUTH_READABLE;
    fill(&s);
    assert_string_equal(text(EVENT_findings), "auth_in_clear,plaintext_session");
    assert_non_null(strstr(text(EVENT_undecidable), "starttls_not_offered"));
    assert_string_equal(text(EVENT_auth), "cleartext");
    assert_string_equal(text(EVENT_verdict), "insecure");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_event_direction_needs_to_know_the_own_networks),
        cmocka_unit_test(test_event_has_every_field_and_no_text_looks_like_a_number),
        cmocka_unit_test(test_event_id_is_sensor_start_connection_and_count),
        cmocka_unit_test(test_event_community_id_is_the_same_from_both_ends),
        cmocka_unit_test(test_event_unknown_code_points_are_named_by_their_number),
        cmocka_unit_test(test_event_certificate_is_hidden_and_never_missing),
        cmocka_unit_test(test_event_tls13_is_forward_secret_only_with_a_key_share),
        cmocka_unit_test(test_event_client_offers_are_unknown_without_a_hello),
        cmocka_unit_test(test_event_lists_findings_worst_first_and_what_is_undecidable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
