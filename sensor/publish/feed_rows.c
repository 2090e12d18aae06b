#include "sensor/publish/feed_rows.h"

#include <inttypes.h>
#include <stdio.h>

#include "parsers/registry.h"

static void put_pair(struct batch *b, const char *name, int64_t number)
{
    batch_put_word(b, name);
    batch_put_number(b, number);
}

static void put_text_pair(struct batch *b, const char *name, const char *text)
{
    batch_put_word(b, name);
    batch_put_text(b, text);
}

static int64_t hit_count(const struct hits *h)
{
    int64_t count = 0;
    for (size_t i = 0; i < RULE_COUNT + HOUSE_RULES_MAX; i++)
        count += h->ms[i] > 0;
    return count;
}

static void put_hits(struct batch *b, const struct hits *h)
{
    char text[96];
    for (size_t i = 0; i < RULE_COUNT + HOUSE_RULES_MAX; i++) {
        if (h->ms[i] <= 0)
            continue;
        const char *id = i < RULE_COUNT ? policy_rule((enum rule)i)->id : h->own_rules[i - RULE_COUNT].id;
        snprintf(text, sizeof text, "rule:%s", id);
        batch_put_word(b, text);
        snprintf(text, sizeof text, "%" PRId64 " %u", h->ms[i], h->severity[i]);
        batch_put_word(b, text);
    }
}

static void put_head(struct batch *b, const char *word, int64_t pairs, const char *id)
{
    batch_put_word(b, word);
    batch_put_number(b, 1 + 2 * pairs);
    batch_put_word(b, id);
}

bool feed_rows_put_server(struct batch *b, const struct server_row *row, const char *sensor)
{
    struct batch_mark mark = batch_mark(b);
    put_head(b, "server", 22 + hit_count(&row->hits), row->id);
    put_pair(b, "last_ms", row->last_ms);
    put_pair(b, "first_ms", row->first_ms);
    put_pair(b, "sessions", row->sessions);
    put_pair(b, "encrypted", row->encrypted);
    put_pair(b, "decidable", row->decidable);
    put_pair(b, "compliant", row->compliant);
    put_pair(b, "judged", row->judged);
    put_pair(b, "offered", row->offered);
    put_pair(b, "offer_known", row->offer_known);
    put_pair(b, "offer_ms", row->offer_ms);
    put_text_pair(b, "offer_sensor", row->offer_ms >= 0 ? sensor : "");
    put_pair(b, "no_offer_ms", row->no_offer_ms);
    put_text_pair(b, "no_offer_sensor", row->no_offer_ms >= 0 ? sensor : "");
    put_text_pair(b, "best_version", registry_version_name(row->best_version));
    put_text_pair(b, "worst_version", registry_version_name(row->worst_version));
    put_text_pair(b, "name", row->name);
    put_text_pair(b, "protocol", row->protocol);
    put_text_pair(b, "role", row->role);
    put_text_pair(b, "verdict", row->verdict);
    put_text_pair(b, "cipher", row->cipher);
    put_text_pair(b, "cert_sha256", row->certificate);
    put_pair(b, "cert_not_after", row->certificate_ends_s);
    put_hits(b, &row->hits);
    return !b->overflown || (batch_undo(b, &mark), false);
}

bool feed_rows_put_client(struct batch *b, const struct client_row *row)
{
    struct batch_mark mark = batch_mark(b);
    put_head(b, "client", 11 + hit_count(&row->hits), row->id);
    put_pair(b, "last_ms", row->last_ms);
    put_pair(b, "first_ms", row->first_ms);
    put_pair(b, "sessions", row->sessions);
    put_pair(b, "plaintext", row->plaintext);
    put_pair(b, "auth_cleartext", row->auth_cleartext);
    put_text_pair(b, "best_version", registry_version_name(row->best_version));
    put_pair(b, "no_aead", row->no_aead);
    put_pair(b, "no_ecdhe", row->no_ecdhe);
    put_pair(b, "weak_offer", row->weak_offer);
    put_text_pair(b, "helo", row->helo);
    put_text_pair(b, "ja4", row->ja4);
    put_hits(b, &row->hits);
    return !b->overflown || (batch_undo(b, &mark), false);
}

static void put_certificate_facts(struct batch *b, const struct certificate_chain *c)
{
    put_text_pair(b, "subject", c->subject);
    put_text_pair(b, "issuer", c->issuer);
    put_text_pair(b, "names", c->names);
    put_text_pair(b, "key", c->key);
    put_pair(b, "key_bits", c->key_bits);
    put_text_pair(b, "signature", c->signature);
    put_pair(b, "not_before", c->not_before);
    put_pair(b, "not_after", c->not_after);
    put_pair(b, "validity_days", certificate_validity_days(c));
    put_text_pair(b, "scope", certificate_scope_word(c->scope));
    put_text_pair(b, "validation", certificate_validation_word(c->validation));
}

bool feed_rows_put_certificate(struct batch *b, const struct certificate_row *row)
{
    struct batch_mark mark = batch_mark(b);
    put_head(b, "cert", 18 + (int64_t)row->shown_by_count, row->id);
    put_pair(b, "last_ms", row->last_ms);
    put_pair(b, "first_ms", row->first_ms);
    put_pair(b, "sessions", row->sessions);
    put_pair(b, "mismatch", row->mismatch);
    put_pair(b, "weak", row->weak);
    put_pair(b, "reused", row->reused);
    put_text_pair(b, "trust", row->trust);
    put_certificate_facts(b, &row->facts);
    for (size_t i = 0; i < row->shown_by_count; i++)
        put_text_pair(b, "server", row->shown_by[i]);
    return !b->overflown || (batch_undo(b, &mark), false);
}
