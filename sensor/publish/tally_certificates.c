/* The certificates of a report: each once, by its hash, in a table of fixed size. */
#include <stdio.h>
#include <string.h>

#include "sensor/publish/tally.h"

enum { ROWS = TALLY_CERTIFICATE_BUCKETS * TALLY_CERTIFICATES_PER_BUCKET };

static const int windows_days[] = {7, 14, 30};

static const struct tally_certificate *row_at(const struct tally *t, size_t i)
{
    return &t->certificates[i / TALLY_CERTIFICATES_PER_BUCKET][i % TALLY_CERTIFICATES_PER_BUCKET];
}

/* Found, free, or taken from the one of its bucket that has the most days left, where this one has fewer: what ends first
 * is what a reader wants to know. NULL where there is no room. */
static struct tally_certificate *find_row(struct tally *t, const uint8_t sha256[32], int64_t days_left)
{
    uint32_t hash;
    memcpy(&hash, sha256, sizeof hash);
    struct tally_certificate *bucket = t->certificates[hash % TALLY_CERTIFICATE_BUCKETS];
    struct tally_certificate *longest = &bucket[0];
    for (size_t i = 0; i < TALLY_CERTIFICATES_PER_BUCKET; i++) {
        struct tally_certificate *row = &bucket[i];
        if (row->sessions == 0 || memcmp(row->sha256, sha256, sizeof row->sha256) == 0)
            return row;
        if (row->days_left > longest->days_left)
            longest = row;
    }
    if (longest->days_left <= days_left)
        return NULL;
    t->certificates_lost += longest->sessions;
    longest->sessions = 0;
    return longest;
}

/* A list that does not fit is cut between two names. */
static void copy_hosts(struct tally_certificate *row, const struct certificate_chain *chain)
{
    const char *text = chain->names[0] != '\0' ? chain->names : chain->subject;
    size_t length = strnlen(text, sizeof row->hosts - 1);
    row->hosts_cut = text[length] != '\0' || (chain->names[0] != '\0' && chain->names_cut);
    memcpy(row->hosts, text, length);
    row->hosts[length] = '\0';
    char *comma = text[length] != '\0' ? strrchr(row->hosts, ',') : NULL;
    if (comma != NULL)
        *comma = '\0';
}

static void fill_row(struct tally_certificate *row, const struct certificate_chain *chain)
{
    bool curve = chain->key[0] == 'E'; /* "EC P-256" and "Ed25519" say their size */
    *row = (struct tally_certificate){.weak_signature = chain->signature_weak};
    memcpy(row->sha256, chain->sha256, sizeof row->sha256);
    if (curve || chain->key_bits == 0)
        snprintf(row->key, sizeof row->key, "%.24s", chain->key);
    else
        snprintf(row->key, sizeof row->key, "%.24s %u", chain->key, chain->key_bits);
    copy_hosts(row, chain);
}

void tally_certificate_note(struct tally *t, const struct event *e)
{
    const struct certificate_chain *chain = e->facts->chain_learnt ? NULL : e->facts->chain;
    const struct session *s = e->session;
    if (chain == NULL) {
        t->certificates_unread += s->tls.certificate_seen;
        return;
    }
    int64_t days_left = e->values[EVENT_cert_days_left].number;
    struct tally_certificate *row = find_row(t, chain->sha256, days_left);
    if (row == NULL) {
        t->certificates_lost++;
        return;
    }
    if (row->sessions == 0)
        fill_row(row, chain);
    row->sessions++;
    row->days_left = days_left;
    row->address = s->server_address;
    row->port = s->server_port;
    row->family = s->family;
    snprintf(row->trust, sizeof row->trust, "%.30s", e->values[EVENT_cert_trust].text);
    for (size_t i = 0; i < e->judgement->finding_count; i++) {
        row->weak_key |= e->judgement->findings[i].rule == RULE_certificate_weak_key;
        row->name_mismatch |= e->judgement->findings[i].rule == RULE_certificate_name_mismatch;
    }
}

void tally_certificates_sum(const struct tally *t, struct tally_certificate_sums *out)
{
    memset(out, 0, sizeof *out);
    for (size_t i = 0; i < ROWS; i++) {
        const struct tally_certificate *row = row_at(t, i);
        if (row->sessions == 0)
            continue;
        out->certificates++;
        out->expired += row->days_left < 0;
        for (size_t w = 0; w < sizeof windows_days / sizeof windows_days[0]; w++)
            out->within_days[w] += row->days_left >= 0 && row->days_left < windows_days[w];
        out->weak_signature += row->weak_signature;
        out->weak_key += row->weak_key;
        out->name_mismatch += row->name_mismatch;
        tally_names_count(&out->trust, row->trust);
        tally_names_count(&out->keys, row->key);
    }
}

void tally_certificates_days(const struct tally *t, uint64_t days[6])
{
    static const int64_t ends[] = {-1, 7, 14, 30, 90};
    enum { ENDS = sizeof ends / sizeof ends[0] };
    memset(days, 0, (ENDS + 1) * sizeof *days);
    for (size_t i = 0; i < ROWS; i++) {
        const struct tally_certificate *row = row_at(t, i);
        size_t at = 0;
        while (at < ENDS && row->days_left > ends[at])
            at++;
        days[at] += row->sessions > 0;
    }
}

static bool ends_before(const struct tally_certificate *a, const struct tally_certificate *b)
{
    if (a->days_left != b->days_left)
        return a->days_left < b->days_left;
    return memcmp(a->sha256, b->sha256, sizeof a->sha256) < 0;
}

size_t tally_certificates_top(const struct tally *t, const struct tally_certificate **rows, size_t cap)
{
    size_t count = 0;
    for (size_t i = 0; i < ROWS; i++) {
        const struct tally_certificate *row = row_at(t, i);
        if (row->sessions == 0 || (count == cap && !ends_before(row, rows[cap - 1])))
            continue;
        size_t at = count < cap ? count++ : cap - 1;
        for (; at > 0 && ends_before(row, rows[at - 1]); at--)
            rows[at] = rows[at - 1];
        rows[at] = row;
    }
    return count;
}
