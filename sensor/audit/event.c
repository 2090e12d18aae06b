#include "sensor/audit/event.h"

#include <string.h>

#include "parsers/registry.h"
#include "sensor/audit/house.h"
#include "sensor/host/decimal.h"
#include "sensor/host/digest.h"

/* Room in the event's scratch for one text of at most `cap` bytes with its NUL; NULL where it is full. */
static char *reserve(struct event *e, size_t cap)
{
    if (cap > sizeof e->scratch - e->scratch_used)
        return NULL;
    char *room = e->scratch + e->scratch_used;
    e->scratch_used += cap;
    return room;
}

/* Texts are put together by hand: a printf of an id would cost as much as all the rules. `room` has what is
 * needed. */
static char *put_text(char *room, const char *text)
{
    size_t n = strlen(text);
    memcpy(room, text, n);
    return room + n;
}

/* The last digits of a number, an even count; and a NUL. */
static char *put_hex(char *room, uint64_t number, unsigned digits)
{
    uint8_t octets[sizeof number];
    unsigned n = digits / 2;
    for (unsigned i = 0; i < n; i++)
        octets[i] = (uint8_t)(number >> 8 * (n - 1 - i));
    digest_hex(octets, n, room);
    return room + digits;
}

/* "0x1301" behind a prefix: the id of a code point, or the name of one that no table knows. */
static const char *code_text(struct event *e, const char *prefix, uint32_t code, unsigned digits)
{
    enum { CODE_CAP = 32 };
    char *room = reserve(e, CODE_CAP);
    if (room == NULL)
        return "";
    put_hex(put_text(room, prefix), code, digits);
    return room;
}

static const char *hex_of(struct event *e, const uint8_t *bytes, size_t n)
{
    char *room = n > 0 ? reserve(e, 2 * n + 1) : NULL;
    if (room == NULL)
        return "";
    digest_hex(bytes, (unsigned)n, room);
    return room;
}

/* Unique over sensors and restarts, and the same whenever the same capture is read: the sensor, the start,
 * a hash of the connection, and how often this connection's addresses and ports had been used before. */
static const char *session_id(struct event *e, const struct event_context *context, const struct session *s)
{
    char *room = reserve(e, strlen(context->sensor) + 64);
    if (room == NULL)
        return "";
    char *p = put_text(put_text(room, context->sensor), "-");
    p = put_text(decimal_put(p, s->first_ns / 1000000), "-");
    p = put_text(put_hex(p, s->tuple_hash, 16), "-");
    *decimal_put(p, s->generation) = '\0';
    return room;
}

static const char *address(struct event *e, const struct address *a, const struct session *s)
{
    enum { ADDRESS_CAP = 46 };
    char *room = reserve(e, ADDRESS_CAP);
    if (room == NULL)
        return "";
    unsigned used = address_text(a, (enum ip_family)s->family, room);
    e->scratch_used -= ADDRESS_CAP - used - 1;
    return room;
}

/* Community ID v1 with seed 0: SHA-1 over seed, both addresses, protocol, padding and both ports, the lower
 * end first. */
static const char *community_id(struct event *e, const struct session *s)
{
    enum { PROTOCOL_TCP = 6, BASE64_CAP = 29 };
    size_t n = s->family == IP_V4 ? 4 : 16;
    int order = memcmp(s->client_address.bytes, s->server_address.bytes, n);
    bool client_first = order < 0 || (order == 0 && s->client_port < s->server_port);
    const struct address *first = client_first ? &s->client_address : &s->server_address;
    const struct address *second = client_first ? &s->server_address : &s->client_address;
    uint16_t first_port = client_first ? s->client_port : s->server_port;
    uint16_t second_port = client_first ? s->server_port : s->client_port;

    uint8_t in[2 + 16 + 16 + 2 + 4] = {0};
    memcpy(in + 2, first->bytes, n);
    memcpy(in + 2 + n, second->bytes, n);
    uint8_t *tail = in + 2 + 2 * n;
    tail[0] = PROTOCOL_TCP;
    tail[2] = (uint8_t)(first_port >> 8);
    tail[3] = (uint8_t)first_port;
    tail[4] = (uint8_t)(second_port >> 8);
    tail[5] = (uint8_t)second_port;
    uint8_t hash[DIGEST_SHA1_BYTES];
    digest_sha1(span_of(in, 2 + 2 * n + 6), hash);
    char *room = reserve(e, 2 + BASE64_CAP);
    if (room == NULL)
        return "";
    memcpy(room, "1:", 2);
    digest_base64(hash, sizeof hash, room + 2);
    return room;
}

static const char *detected_by_word(enum detected_by by)
{
    switch (by) {
    case DETECTED_BY_PORT: return "port";
    case DETECTED_BY_CONTENT: return "content";
    case DETECTED_BY_NDPI: return "ndpi";
    }
    return "";
}

enum { SSL2_VERSION = 0x0002, TLS13_VERSION = 0x0304 };

static const char *cipher_name(struct event *e, const struct session_tls *t, const struct registry_suite *row)
{
    if (!t->has_cipher)
        return "";
    if (t->version == SSL2_VERSION) {
        const char *name = registry_ssl2_cipher_name(t->ssl2_cipher);
        return name != NULL ? name : code_text(e, "unassigned_0x", t->ssl2_cipher, 6);
    }
    return row != NULL ? row->name : code_text(e, "unassigned_0x", t->cipher_suite, 4);
}

static const char *cipher_id(struct event *e, const struct session_tls *t)
{
    if (!t->has_cipher)
        return "";
    return t->version == SSL2_VERSION ? code_text(e, "0x", t->ssl2_cipher, 6)
                                      : code_text(e, "0x", t->cipher_suite, 4);
}

static const char *group_name(struct event *e, const struct session_tls *t)
{
    if (t->group == 0)
        return "";
    const struct registry_group *row = registry_group_find(t->group);
    return row != NULL ? row->name : code_text(e, "unassigned_0x", t->group, 4);
}

static int64_t group_is_post_quantum(const struct session_tls *t)
{
    const struct registry_group *row = t->group != 0 ? registry_group_find(t->group) : NULL;
    return row != NULL && row->post_quantum;
}

static int64_t known(uint16_t value)
{
    return value > 0 ? value : -1;
}

static const char *signature_name(struct event *e, const struct session_tls *t)
{
    if (t->signature_scheme == 0)
        return "";
    const struct registry_signature *row = registry_signature_find(t->signature_scheme);
    return row != NULL ? row->name : code_text(e, "unassigned_0x", t->signature_scheme, 4);
}

static const char *alert_name(struct event *e, const struct session_tls *t)
{
    if (!t->alert_seen)
        return "";
    const char *name = registry_alert_name(t->alert_description);
    return name != NULL ? name : code_text(e, "unassigned_0x", t->alert_description, 2);
}

static const char *alert_side(const struct session_tls *t)
{
    if (!t->alert_seen)
        return "";
    return t->alert_from == CLIENT ? "client" : "server";
}

/* 0 where there is no suite: what was not negotiated has no property. */
static int64_t suite_has(const struct session_tls *t, const struct registry_suite *row, uint32_t flag)
{
    if (row == NULL || t->version == SSL2_VERSION)
        return 0;
    /* TLS 1.3 suites name no key exchange: forward secrecy needs a key_share in the ServerHello (RFC 8446
     * s2.2). */
    if (flag == SUITE_FORWARD_SECRET && t->version == TLS13_VERSION)
        return t->group != 0;
    return (row->flags & flag) != 0;
}

/* As cipher_id is written: a serial may consist of decimal digits alone, and text must not look like a
 * number. */
static const char *serial_text(struct event *e, const struct certificate_chain *c)
{
    char *room = c != NULL ? reserve(e, sizeof c->serial + 4) : NULL;
    if (room == NULL)
        return "";
    *put_text(put_text(room, "0x"), c->serial) = '\0';
    return room;
}

static const char *sha256_text(struct event *e, const struct certificate_chain *c)
{
    static const char word[] = "sha256:";
    char *room = c != NULL ? reserve(e, sizeof word + 2 * sizeof c->sha256) : NULL;
    if (room == NULL)
        return "";
    digest_hex(c->sha256, sizeof c->sha256, put_text(room, word));
    return room;
}

/* Begun days count as none; a certificate that ended an hour ago has -1. */
static int64_t days_left(const struct facts *f)
{
    enum { DAY_S = 86400 };
    if (f->chain == NULL)
        return -1;
    int64_t seconds = f->chain->not_after - f->at_s;
    return seconds >= 0 ? seconds / DAY_S : (seconds - DAY_S + 1) / DAY_S;
}

static const char *trust_word(const struct facts *f)
{
    if (f->chain == NULL)
        return certificate_trust_word(TRUST_NOT_CHECKED);
    bool expired = f->chain->trust == TRUST_TRUSTED && f->at_s > f->chain->path_not_after;
    return expired ? "expired" : certificate_trust_word(f->chain->trust);
}

/* Why a certificate can or cannot be seen. A resumed session sends none; TLS 1.3 hides it. */
static const char *certificate_state(const struct session *s, const struct outcome *outcome)
{
    const struct registry_suite *suite = outcome->suite;
    const struct session_tls *t = &s->tls;
    if (t->certificate_seen)
        return "visible";
    if (!t->begun)
        return outcome->tls_state == TLS_STATE_UNKNOWN ? "gap" : "none";
    if (t->server_hello && t->version == TLS13_VERSION)
        return "hidden_tls13";
    if (t->server_hello && t->resumed)
        return "hidden_resumed";
    /* One was due by the chosen suite and did not come, though nobody gave up: the capture ends before it. */
    bool due = outcome->tls_state == TLS_STATE_UNKNOWN ||
               (suite != NULL && suite->auth != AUTH_NONE && suite->auth != AUTH_PSK &&
                outcome->tls_state != TLS_STATE_FAILED);
    bool ended = s->side[SERVER].fin_seen || s->side[SERVER].rst_seen;
    bool silent = ended && s->side[SERVER].bytes == 0 && s->side[SERVER].gap_bytes == 0 && !s->midstream;
    bool missed = s->midstream || s->side[SERVER].gap_in_handshake || s->side[SERVER].gap_before_tls ||
                  s->side[SERVER].bytes == 0 || (t->established && !t->server_hello);
    return (missed || due) && !silent ? "gap" : "none";
}

static const char *auth_word(const struct session *s)
{
    switch ((enum auth_exposure)s->mail.auth_exposure) {
    case AUTH_READABLE:
    case AUTH_USER_ONLY: return "cleartext";
    case AUTH_DIGEST_MD5:
    case AUTH_PROTECTED: return "protected_mechanism";
    case AUTH_WITHOUT_SECRET:
    case AUTH_NOT_SEEN: break;
    }
    return s->tls.established ? "inside_tls_unknown" : "none";
}

static const char *visibility_word(const struct session *s)
{
    bool client = s->side[CLIENT].packets > 0;
    bool server = s->side[SERVER].packets > 0;
    return client && server ? "both" : client ? "client_only" : "server_only";
}

static bool is_own(const struct event_context *context, const struct address *a, uint8_t family)
{
    for (size_t i = 0; i < context->own_network_count; i++)
        if (house_network_holds(&context->own_networks[i], a, family))
            return true;
    return false;
}

/* Unknown where nobody said what the own networks are: a private address proves nothing. */
static const char *direction_word(const struct event_context *context, const struct session *s)
{
    if (context->own_network_count == 0)
        return "";
    bool from_own = is_own(context, &s->client_address, s->family);
    bool to_own = is_own(context, &s->server_address, s->family);
    if (from_own)
        return to_own ? "internal" : "outbound";
    return to_own ? "inbound" : "transit";
}

/* Append one rule id to a comma-separated list in the scratch. */
static size_t append(char *room, size_t used, size_t cap, const char *id)
{
    size_t n = strlen(id);
    if (used + (used > 0) + n + 1 > cap)
        return used;
    if (used > 0)
        room[used++] = ',';
    memcpy(room + used, id, n + 1);
    return used + n;
}

enum { RULE_LIST_CAP = 1200 };

/* The rules of a set, in the order of policy.def. */
static size_t append_set(char *room, const uint64_t set[RULE_WORDS])
{
    size_t used = 0;
    for (size_t word = 0; word < RULE_WORDS; word++)
        for (uint64_t left = set[word]; left != 0; left &= left - 1) {
            size_t rule = word * 64 + (size_t)__builtin_ctzll(left);
            used = append(room, used, RULE_LIST_CAP, policy_rule((enum rule)rule)->id);
        }
    return used;
}

/* The same of those rules of the user's own that have this severity; SEVERITY_COUNT: any. */
static size_t append_own(char *room, size_t used, const struct judgement *j, uint64_t which,
                         enum severity severity)
{
    for (const struct house_rule *rule = j->own_rules; which != 0; rule++, which >>= 1)
        if ((which & 1) != 0 && (severity == SEVERITY_COUNT || rule->severity == severity))
            used = append(room, used, RULE_LIST_CAP, rule->id);
    return used;
}

static const char *findings_list(struct event *e, const struct judgement *j)
{
    char *room = j->finding_count > 0 || j->own != 0 ? reserve(e, RULE_LIST_CAP) : NULL;
    if (room == NULL)
        return "";
    size_t used = 0;
    size_t i = 0;
    for (int severity = SEVERITY_CRITICAL; severity >= SEVERITY_INFO; severity--) {
        for (; i < j->finding_count && j->findings[i].severity == (enum severity)severity; i++)
            used = append(room, used, RULE_LIST_CAP, policy_rule(j->findings[i].rule)->id);
        if (j->own_worst >= (enum severity)severity)
            used = append_own(room, used, j, j->own, (enum severity)severity);
    }
    e->scratch_used -= RULE_LIST_CAP - used - 1;
    return room;
}

static const char *excepted_list(struct event *e, const struct judgement *j)
{
    uint64_t any = j->own_excepted;
    for (size_t word = 0; word < RULE_WORDS; word++)
        any |= j->excepted[word];
    char *room = any != 0 ? reserve(e, RULE_LIST_CAP) : NULL;
    if (room == NULL)
        return "";
    size_t used = append_own(room, append_set(room, j->excepted), j, j->own_excepted, SEVERITY_COUNT);
    e->scratch_used -= RULE_LIST_CAP - used - 1;
    return room;
}

static const char *undecidable_list(struct event *e, const struct judgement *j)
{
    char *room = j->undecidable_count > 0 ? reserve(e, RULE_LIST_CAP) : NULL;
    if (room == NULL)
        return "";
    size_t used = append_set(room, j->undecidable);
    e->scratch_used -= RULE_LIST_CAP - used - 1;
    return room;
}

void event_fill(struct event *e, const struct event_context *context, const struct facts *facts,
                const struct judgement *j)
{
    const struct session *s = facts->session;
    const struct certificate_chain *c = facts->chain;
    const struct session_mail *m = &s->mail;
    const struct session_tls *t = &s->tls;
    const struct outcome *o = &j->outcome;
    union event_value *v = e->values;
    e->session = s;
    e->facts = facts;
    e->judgement = j;
    e->scratch_used = 0;
#define FIELD_TEXT(expression)                                                                               \
    (union event_value)                                                                                      \
    {                                                                                                        \
        .text = (expression)                                                                                 \
    }
#define FIELD_WORD(expression) FIELD_TEXT(expression)
#define FIELD_NUMBER(expression)                                                                             \
    (union event_value)                                                                                      \
    {                                                                                                        \
        .number = (expression)                                                                               \
    }
#define FIELD(name, kind, expression) v[EVENT_##name] = FIELD_##kind(expression);
#include "sensor/audit/event.def"
#undef FIELD
}

static const struct {
    const char *name;
    enum event_kind kind;
} fields[EVENT_FIELD_COUNT] = {
#define FIELD(name, kind, expression) {#name, EVENT_##kind},
#include "sensor/audit/event.def"
#undef FIELD
};

const char *event_field_name(enum event_field field)
{
    return fields[field].name;
}

enum event_kind event_field_kind(enum event_field field)
{
    return fields[field].kind;
}
