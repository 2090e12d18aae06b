#include "sensor/audit/rollup.h"

#include <string.h>

#include "parsers/registry.h"
#include "sensor/audit/house.h"

static int64_t rollup_bytes(const struct session *s)
{
    return (int64_t)(s->side[CLIENT].bytes + s->side[SERVER].bytes);
}

static bool rollup_decidable(enum mode mode, enum tls_state tls)
{
    return mode != MODE_UNDECIDABLE && tls != TLS_STATE_UNKNOWN;
}

static bool rollup_version_known(const struct session_tls *t)
{
    return t->version == 0x0002 || (t->version >= 0x0300 && t->version <= 0x0304);
}

static bool rollup_is(const struct event *e, enum event_field field, const char *word)
{
    return strcmp(e->values[field].text, word) == 0;
}

/* Rules of the user's own count, too. */
static int64_t rollup_findings(const struct judgement *j, enum severity severity)
{
    int64_t count = 0;
    for (size_t i = 0; i < j->finding_count; i++)
        count += j->findings[i].severity == severity;
    for (size_t i = 0; i < HOUSE_RULES_MAX && j->own >> i != 0; i++)
        count += (j->own >> i & 1) != 0 && j->own_rules[i].severity == severity;
    return count;
}

static bool rollup_has(const struct judgement *j, enum rule rule)
{
    for (size_t i = 0; i < j->finding_count; i++)
        if (j->findings[i].rule == rule)
            return true;
    return false;
}

static bool rollup_alert(const struct session_tls *t, uint8_t description)
{
    return t->alert_seen && t->alert_description == description;
}

static bool rollup_alert_other(const struct session_tls *t)
{
    static const uint8_t own_rows[] = {40, 42, 45, 46, 48, 70, 86};
    return t->alert_seen && memchr(own_rows, t->alert_description, sizeof own_rows) == NULL;
}

static bool rollup_tlsrpt_success(const struct event *e, enum tls_state tls)
{
    return e->session->role == ROLE_RELAY && tls == TLS_STATE_ESTABLISHED && rollup_is(e, EVENT_tlsrpt, "");
}

static bool rollup_one_sided(const struct session *s)
{
    return s->side[CLIENT].packets == 0 || s->side[SERVER].packets == 0;
}

void rollup_add(int64_t *value, const struct event *e)
{
    const struct session *s = e->session;
    const struct session_mail *m = &s->mail;
    const struct session_tls *t = &s->tls;
    const struct judgement *j = e->judgement;
    if (!s->final)
        return;
    enum mode mode = j->outcome.mode;
    enum starttls starttls = j->outcome.starttls;
    enum tls_state tls = j->outcome.tls_state;
#define COUNT(name, amount, text) value[ROLLUP_##name] += (amount);
#include "sensor/audit/rollup.def"
#undef COUNT
}

static const struct {
    const char *name;
    const char *text;
} counters[ROLLUP_COUNT] = {
#define COUNT(name, amount, text) {#name, text},
#include "sensor/audit/rollup.def"
#undef COUNT
};

const char *rollup_name(enum rollup_counter counter)
{
    return counters[counter].name;
}

const char *rollup_text(enum rollup_counter counter)
{
    return counters[counter].text;
}
