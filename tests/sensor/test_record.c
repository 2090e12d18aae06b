/* Packed facts: what comes back, how much room they take, and that a full pool is no leak. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sensor/track/flow.h"
#include "sensor/track/record.h"

/* Records are chains of blocks: the longest names take more of them, and all of it comes back. */
static void test_record_with_long_texts_comes_back_whole(void **state)
{
    enum { FLOWS = 64, RECORDS = 12 };
    (void)state;
    struct pool blocks;
    struct record *records[FLOWS];
    struct session facts = {.vlan = 7, .protocol = PROTOCOL_IMAP};
    struct session back;
    unsigned count = 0;
    assert_true(record_pool_open(&blocks, RECORDS));
    memset(facts.sni, 's', sizeof facts.sni - 1);
    memset(facts.helo, 'h', sizeof facts.helo - 1);
    facts.tls.cipher_suite = 0x1301;
    while (count < FLOWS && (records[count] = record_pack(&blocks, &facts)) != NULL)
        count++;
    assert_in_range(count, RECORDS / 3, RECORDS - 1);
    uint32_t used = blocks.in_use;
    assert_null(record_pack(&blocks, &facts)); /* and nothing is kept of it */
    assert_int_equal(blocks.in_use, used);
    memset(&back, 0xff, sizeof back);
    record_unpack(&blocks, records[0], &back);
    assert_int_equal(back.vlan, 7);
    assert_int_equal(back.protocol, PROTOCOL_IMAP);
    assert_int_equal(back.tls.cipher_suite, 0x1301);
    assert_string_equal(back.sni, facts.sni);
    assert_string_equal(back.alpn, "");
    assert_string_equal(back.helo, facts.helo);
    for (unsigned i = 0; i < count; i++)
        record_free(&blocks, records[i]);
    assert_int_equal(blocks.in_use, 0);
    pool_close(&blocks);
}

/* A flow whose fate is known takes at most 512 bytes, its place in the buckets included. */
static void test_record_and_flow_are_small(void **state)
{
    (void)state;
    struct pool blocks;
    struct session facts = {.vlan = -1, .protocol = PROTOCOL_SMTP};
    strcpy(facts.sni, "mailserver.example.org");
    strcpy(facts.helo, "client.example.net");
    strcpy(facts.server_name, "mx.example.org");
    strcpy(facts.server_software, "Postfix");
    assert_true(record_pool_open(&blocks, 4));
    struct record *r = record_pack(&blocks, &facts);
    assert_non_null(r);
    assert_true(blocks.in_use <= RECORD_BLOCKS_PER_FLOW);
    size_t bucket_bytes = sizeof(uint32_t);
    assert_true(blocks.in_use * RECORD_BLOCK_BYTES + sizeof(struct flow) + bucket_bytes <= 512);
    record_free(&blocks, r);
    pool_close(&blocks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_record_with_long_texts_comes_back_whole),
        cmocka_unit_test(test_record_and_flow_are_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
