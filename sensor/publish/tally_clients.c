/* The clients of a report: what each address offered, in a table of fixed size, the least recently seen out. */
#include <string.h>

#include "sensor/publish/tally.h"

enum { ROWS = TALLY_CLIENT_BUCKETS * TALLY_CLIENTS_PER_BUCKET, TLS12 = 0x0303, TLS13 = 0x0304 };

static const struct tally_client *row_at(const struct tally *t, size_t i)
{
    return &t->clients[i / TALLY_CLIENTS_PER_BUCKET][i % TALLY_CLIENTS_PER_BUCKET];
}

static struct tally_client *find_row(struct tally *t, const struct session *s)
{
    uint64_t words[2];
    _Static_assert(sizeof words == sizeof s->client_address, "an address is two words");
    memcpy(words, &s->client_address, sizeof words);
    uint64_t hash = (words[0] ^ words[1] * UINT64_C(0xff51afd7ed558ccd)) * UINT64_C(0x9e3779b97f4a7c15);
    struct tally_client *bucket = t->clients[(hash >> 40) % TALLY_CLIENT_BUCKETS];
    struct tally_client *oldest = &bucket[0];
    for (size_t i = 0; i < TALLY_CLIENTS_PER_BUCKET; i++) {
        struct tally_client *row = &bucket[i];
        bool same = row->family == s->family &&
                    memcmp(&row->address, &s->client_address, sizeof row->address) == 0;
        if (row->hellos > 0 && same)
            return row;
        if (row->hellos == 0 || (oldest->hellos > 0 && row->seen_at < oldest->seen_at))
            oldest = row;
        if (row->hellos == 0)
            break;
    }
    t->clients_lost += oldest->hellos > 0;
    *oldest = (struct tally_client){.address = s->client_address, .family = s->family};
    return oldest;
}

static void copy_text(char *out, size_t cap, const char *text)
{
    size_t length = strnlen(text, cap - 1);
    memcpy(out, text, length);
    out[length] = '\0';
}

void tally_client_note(struct tally *t, const struct session *s)
{
    const struct session_tls *h = &s->tls;
    if (!h->client_hello)
        return;
    struct tally_client *row = find_row(t, s);
    row->hellos++;
    row->seen_at = t->sessions;
    row->until_tls11 += h->client_max_version < TLS12;
    row->without_aead += !h->offers_aead;
    row->without_ecdhe += !h->offers_ecdhe;
    row->weak += h->offers_weak_suite;
    if (h->client_max_version > row->best_offer)
        row->best_offer = h->client_max_version;
    if (h->ja4[0] != '\0') {
        row->several |= row->ja4[0] != '\0' && strcmp(row->ja4, h->ja4) != 0;
        copy_text(row->ja4, sizeof row->ja4, h->ja4);
    }
    if (s->helo[0] != '\0')
        copy_text(row->helo, sizeof row->helo, s->helo);
}

static bool would_break(const struct tally_client *row, uint64_t hellos)
{
    return hellos == row->hellos;
}

static bool in_danger(const struct tally_client *row)
{
    return row->until_tls11 + row->without_aead + row->without_ecdhe > 0;
}

static size_t version_index(uint16_t version)
{
    return version >= 0x0300 && version <= TLS13 ? version - 0x0300u + 1 : 0;
}

void tally_clients_sum(const struct tally *t, struct tally_client_sums *out)
{
    memset(out, 0, sizeof *out);
    for (size_t i = 0; i < ROWS; i++) {
        const struct tally_client *row = row_at(t, i);
        if (row->hellos == 0)
            continue;
        out->clients++;
        out->best_offer[version_index(row->best_offer)]++;
        out->weak += row->weak > 0;
        out->break_tls12 += would_break(row, row->until_tls11);
        out->break_aead += would_break(row, row->without_aead);
        out->break_ecdhe += would_break(row, row->without_ecdhe);
        out->listed += in_danger(row);
    }
}

static int ways_to_break(const struct tally_client *row)
{
    return would_break(row, row->until_tls11) + would_break(row, row->without_aead) +
           would_break(row, row->without_ecdhe);
}

static bool client_before(const struct tally_client *a, const struct tally_client *b)
{
    int ways_a = ways_to_break(a);
    int ways_b = ways_to_break(b);
    if (ways_a != ways_b)
        return ways_a > ways_b;
    if (a->hellos != b->hellos)
        return a->hellos > b->hellos;
    return memcmp(&a->address, &b->address, sizeof a->address) < 0;
}

size_t tally_clients_top(const struct tally *t, const struct tally_client **rows, size_t cap)
{
    size_t count = 0;
    for (size_t i = 0; i < ROWS; i++) {
        const struct tally_client *row = row_at(t, i);
        if (row->hellos == 0 || !in_danger(row) || (count == cap && !client_before(row, rows[cap - 1])))
            continue;
        size_t at = count < cap ? count++ : cap - 1;
        for (; at > 0 && client_before(row, rows[at - 1]); at--)
            rows[at] = rows[at - 1];
        rows[at] = row;
    }
    return count;
}
