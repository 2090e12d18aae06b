#include "sensor/track/record.h"

#include <string.h>

enum { NUMBERS_BYTES = offsetof(struct session, sni), TEXTS_COUNT = 6, SMALL_TEXT_BYTES = 128 };

/* Texts follow the numbers one after another, each with its NUL. */
struct record {
    bool is_small;
    unsigned char numbers[NUMBERS_BYTES];
    char texts[];
};

static const struct {
    size_t offset;
    size_t cap;
} texts[TEXTS_COUNT] = {
    {offsetof(struct session, sni), SESSION_SNI_CAP},
    {offsetof(struct session, alpn), SESSION_ALPN_CAP},
    {offsetof(struct session, helo), SESSION_HELO_CAP},
    {offsetof(struct session, server_name), SESSION_SERVER_NAME_CAP},
    {offsetof(struct session, server_software), SESSION_SOFTWARE_CAP},
    {offsetof(struct session, auth_mechanism), SESSION_MECHANISM_CAP},
};

bool record_pools_open(struct record_pools *pools, uint32_t count)
{
    *pools = (struct record_pools){0};
    return pool_open(&pools->small, count, sizeof(struct record) + SMALL_TEXT_BYTES) &&
           pool_open(&pools->large, count, sizeof(struct record) + sizeof(struct session) - NUMBERS_BYTES);
}

void record_pools_close(struct record_pools *pools)
{
    pool_close(&pools->small);
    pool_close(&pools->large);
}

struct record *record_pack(struct record_pools *pools, const struct session *facts)
{
    size_t lengths[TEXTS_COUNT];
    size_t all = 0;
    for (int i = 0; i < TEXTS_COUNT; i++) {
        lengths[i] = strnlen((const char *)facts + texts[i].offset, texts[i].cap - 1);
        all += lengths[i] + 1;
    }
    bool is_small = all <= SMALL_TEXT_BYTES;
    struct record *r = pool_take(is_small ? &pools->small : &pools->large);
    if (r == NULL)
        return NULL;
    r->is_small = is_small;
    memcpy(r->numbers, facts, NUMBERS_BYTES);
    char *out = r->texts;
    for (int i = 0; i < TEXTS_COUNT; i++) {
        memcpy(out, (const char *)facts + texts[i].offset, lengths[i]);
        out[lengths[i]] = '\0';
        out += lengths[i] + 1;
    }
    return r;
}

void record_unpack(const struct record *record, struct session *facts)
{
    memset(facts, 0, sizeof *facts);
    memcpy(facts, record->numbers, NUMBERS_BYTES);
    const char *in = record->texts;
    for (int i = 0; i < TEXTS_COUNT; i++) {
        size_t n = strlen(in) + 1;
        memcpy((char *)facts + texts[i].offset, in, n);
        in += n;
    }
}

void record_free(struct record_pools *pools, struct record *record)
{
    if (record != NULL)
        pool_give(record->is_small ? &pools->small : &pools->large, record);
}
