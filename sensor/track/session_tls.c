/* The pieces of the TLS framer into the facts of a session. */
#include <string.h>

#include "parsers/registry.h"
#include "parsers/tls_keys.h"
#include "sensor/track/conversation.h"

enum { VERSION_SSL2 = 0x0002, VERSION_TLS12 = 0x0303, VERSION_TLS13 = 0x0304 };

enum { ALERT_CLOSE_NOTIFY = 0 };

enum { SSL2_CLIENT_HELLO = 1, SSL2_CLIENT_MASTER_KEY = 2, SSL2_SERVER_HELLO = 4 };

/* A TLS 1.3 alert under protection: two octets, the inner content type and a tag of 16. The client's
 * Finished is never so short. */
enum { TLS13_ALERT_RECORD_BYTES = 19 };

/* A client's Finished of TLS 1.3 alone in its record: header, hash, inner content type and tag. */
static bool is_lone_finished(uint32_t record_bytes)
{
    enum { SHA256 = 4 + 32 + 1 + 16, SHA384 = 4 + 48 + 1 + 16, SHA256_CCM_8 = 4 + 32 + 1 + 8 };
    return record_bytes == SHA256 || record_bytes == SHA384 || record_bytes == SHA256_CCM_8;
}

static void note_fingerprints(struct conversation *c, const struct tls_client_hello *h)
{
    struct session_tls *t = &c->facts.tls;
    struct fingerprint_pair pair;
    fingerprints_client(c->shared->fingerprints, h, &pair);
    t->has_ja3 = pair.has_ja3;
    memcpy(t->ja3, pair.ja3, sizeof t->ja3);
    memcpy(t->ja4, pair.ja4, sizeof t->ja4);
}

/* Would the client survive a server that allows only these? One pass, which ends once both are answered. */
static void note_offers(struct session_tls *t, const struct tls_client_hello *h)
{
    struct cursor c = cursor_over(h->cipher_suites);
    t->offers_aead = t->offers_ecdhe = false;
    while (cursor_left(&c) > 0 && !(t->offers_aead && t->offers_ecdhe)) {
        /* In an SSLv2 hello a first octet of 0 marks a suite of TLS (RFC 5246 App. E.2). */
        bool own_kind = h->ssl2 && cursor_u8(&c) != 0;
        const struct registry_suite *suite = registry_suite_find(cursor_u16(&c));
        if (own_kind || suite == NULL || (suite->flags & SUITE_SCSV) != 0)
            continue;
        t->offers_aead |= (suite->flags & SUITE_AEAD) != 0;
        t->offers_ecdhe |= suite->kx == KX_ECDHE || suite->kx == KX_ECDHE_PSK || suite->kx == KX_ANY;
    }
}

static void note_client_hello(struct conversation *c, const struct tls_client_hello *h)
{
    struct session_tls *t = &c->facts.tls;
    bool second = t->client_hello; /* after a HelloRetryRequest: the first one is the fingerprint */
    t->client_hello = true;
    t->client_hello_ssl2 |= h->ssl2;
    t->client_max_version = h->max_version;
    t->early_data |= h->early_data;
    t->ech |= h->ech;
    t->fallback_scsv |= h->fallback_scsv;
    t->offers_weak_suite |= h->offers_weak_suite;
    note_offers(t, h);
    t->client_extended_master_secret = h->extended_master_secret;
    t->client_encrypt_then_mac = h->encrypt_then_mac;
    t->client_renegotiation_info = h->renegotiation_info;
    t->client_heartbeat = h->heartbeat;
    c->client_session_id_length = (uint8_t)(h->session_id.n <= SESSION_ID_CAP ? h->session_id.n : 0);
    memcpy(c->client_session_id, h->session_id.p, c->client_session_id_length);
    if (second)
        return;
    session_set_text(c->facts.sni, SESSION_SNI_CAP, h->server_name);
    session_set_text(c->facts.alpn, SESSION_ALPN_CAP, h->first_alpn);
    note_fingerprints(c, h);
}

/* In TLS 1.2 and below an echo of the client's session id means resumption (RFC 5246 s7.4.1.3); TLS 1.3
 * always echoes it and says resumption by pre_shared_key (RFC 8446 s4.2.11). */
static bool is_resumed(const struct conversation *c, const struct tls_server_hello *h, uint16_t version)
{
    if (version == VERSION_TLS13)
        return h->pre_shared_key;
    return h->session_id.n > 0 && h->session_id.n == c->client_session_id_length &&
           memcmp(h->session_id.p, c->client_session_id, h->session_id.n) == 0;
}

static void note_choice(struct conversation *c, const struct tls_server_hello *h)
{
    struct session_tls *t = &c->facts.tls;
    t->server_hello = true;
    t->version = tls_version_plain(h->version);
    t->has_cipher = true;
    t->cipher_suite = h->cipher_suite;
    t->group = h->group;
    t->compression_method = h->compression_method;
    t->downgrade_marker = h->downgrade_marker;
    t->server_extended_master_secret = h->extended_master_secret;
    t->server_encrypt_then_mac = h->encrypt_then_mac;
    t->server_renegotiation_info = h->renegotiation_info;
    t->server_heartbeat = h->heartbeat;
    t->server_session_ticket = h->session_ticket;
    t->resumed = is_resumed(c, h, t->version);
    if (h->alpn.n > 0)
        session_set_text(c->facts.alpn, SESSION_ALPN_CAP, h->alpn);
    t->has_ja3s = fingerprints_server(c->shared->fingerprints, h, t->ja3s);
}

static void note_server_hello(struct conversation *c, const struct tls_server_hello *h)
{
    struct session_tls *t = &c->facts.tls;
    if (h->hello_retry) {
        t->hello_retry = true;
        /* ChangeCipherSpec right after it is only for middleboxes: both sides stay in the clear (RFC 8446
         * App. D.4). */
        c->records[CLIENT].encrypted = false;
        c->records[SERVER].encrypted = false;
        return;
    }
    if (!t->server_hello) /* renegotiation in the clear does not change what was first agreed */
        note_choice(c, h);
}

static void note_server_keys(struct conversation *c, const struct tls_piece *piece)
{
    struct session_tls *t = &c->facts.tls;
    const struct registry_suite *suite = t->has_cipher ? registry_suite_find(t->cipher_suite) : NULL;
    struct tls_server_keys keys;
    if (piece->cut || suite == NULL ||
        !tls_server_keys_parse(piece->body, suite->kx, suite->auth, t->version, &keys)) {
        t->key_exchange_missed = true;
        return;
    }
    t->key_exchange_seen = true;
    t->group = keys.group;
    t->explicit_curve = keys.explicit_curve;
    t->dh_bits = (uint16_t)(keys.dh_bits <= UINT16_MAX ? keys.dh_bits : UINT16_MAX);
    t->rsa_export_bits = (uint16_t)(keys.rsa_bits <= UINT16_MAX ? keys.rsa_bits : UINT16_MAX);
    t->signature_scheme = keys.signature_scheme;
    if (keys.dh_bits > 0) {
        uint8_t hash[DIGEST_SHA256_BYTES];
        digest_sha256(c->shared->digester, keys.dh_prime, hash);
        t->dh_prime_row = registry_dh_prime_find(hash);
    }
}

/* RSA key transport: the message is the encrypted premaster secret, as long as the modulus; SSL 3.0 leaves
 * its length field out (RFC 5246 s7.4.7.1). That tells the key's size even where the certificate was not
 * captured. */
static void note_client_keys(struct session_tls *t, const struct tls_piece *piece)
{
    enum { VERSION_SSL3 = 0x0300, LENGTH_BYTES = 2, KEY_BYTES_CAP = 4096 };
    const struct registry_suite *suite = t->has_cipher ? registry_suite_find(t->cipher_suite) : NULL;
    if (suite == NULL || (suite->kx != KX_RSA && suite->kx != KX_RSA_EXPORT) || piece->length > KEY_BYTES_CAP)
        return;
    uint32_t prefix = t->version == VERSION_SSL3 ? 0 : LENGTH_BYTES;
    if (piece->length > prefix)
        t->rsa_exchange_bits = (uint16_t)((piece->length - prefix) * 8);
}

static void note_malformed(struct conversation *c)
{
    c->facts.tls.malformed = true;
    counter_add(c->shared->counters, COUNTER_tls_malformed, 1);
}

/* An empty list of a client (RFC 5246 s7.4.6) is three octets of length. A second one, in a renegotiation,
 * changes nothing. */
static void note_certificate(struct conversation *c, enum side from, const struct tls_piece *piece)
{
    enum { EMPTY_LIST_BYTES = 3 };
    struct session_tls *t = &c->facts.tls;
    uint32_t *number = from == SERVER ? &t->chain_number : &t->client_chain_number;
    if (piece->length <= EMPTY_LIST_BYTES)
        return;
    t->certificate_seen |= from == SERVER;
    if (from == SERVER) /* who echoes a session id and sends its certificate all the same resumes nothing */
        t->resumed = false;
    t->client_certificate_seen |= from == CLIENT;
    if (!piece->cut && c->shared->chains != NULL && *number == 0)
        *number = chains_note(c->shared->chains, piece->body);
}

static void note_message(struct conversation *c, enum side from, const struct tls_piece *piece)
{
    struct session_tls *t = &c->facts.tls;
    if (piece->type == TLS_CLIENT_HELLO && from == CLIENT) {
        struct tls_client_hello hello;
        bool good = !piece->cut && tls_client_hello_parse(piece->body, &hello);
        if (good)
            note_client_hello(c, &hello);
        else
            note_malformed(c);
    } else if ((piece->type == TLS_SERVER_HELLO || piece->type == TLS_HELLO_RETRY_REQUEST_DRAFT) &&
               from == SERVER) {
        struct tls_server_hello hello;
        bool good = !piece->cut && tls_server_hello_parse(piece->body, piece->type, &hello);
        if (good)
            note_server_hello(c, &hello);
        else
            note_malformed(c);
    } else if (piece->type == TLS_CERTIFICATE) {
        note_certificate(c, from, piece);
    } else if (piece->type == TLS_SERVER_KEY_EXCHANGE && from == SERVER) {
        note_server_keys(c, piece);
    } else if (piece->type == TLS_CLIENT_KEY_EXCHANGE && from == CLIENT) {
        note_client_keys(t, piece);
    } else if (piece->type == TLS_CERTIFICATE_REQUEST && from == SERVER) {
        t->certificate_requested = true;
    }
}

/* The client chooses among the kinds that both know, and says so in CLIENT-MASTER-KEY. */
static void note_ssl2_key(struct session_tls *t, const struct tls_piece *piece)
{
    uint32_t kind = 0;
    if (!piece->cut && tls_master_key_parse_ssl2(piece->body, &kind)) {
        t->has_cipher = true;
        t->ssl2_cipher = kind;
    }
}

static void note_ssl2(struct conversation *c, enum side from, const struct tls_piece *piece)
{
    struct session_tls *t = &c->facts.tls;
    if (from == CLIENT && piece->type == SSL2_CLIENT_HELLO && !t->client_hello) {
        struct tls_client_hello hello;
        if (!piece->cut && tls_client_hello_parse_ssl2(piece->body, &hello))
            note_client_hello(c, &hello);
        else
            note_malformed(c);
    } else if (from == CLIENT && piece->type == SSL2_CLIENT_MASTER_KEY && t->version == VERSION_SSL2) {
        note_ssl2_key(t, piece);
    } else if (from == SERVER && piece->type == SSL2_SERVER_HELLO && !t->server_hello) {
        struct tls_server_hello hello;
        if (piece->cut || !tls_server_hello_parse_ssl2(piece->body, &hello))
            return;
        t->server_hello = true;
        t->version = VERSION_SSL2;
        t->has_cipher = hello.ssl2_cipher_kinds > 0;
        t->ssl2_cipher = hello.ssl2_cipher;
        t->certificate_seen = true;
    }
}

static void note_alert(struct session_tls *t, enum side from, const struct tls_piece *piece)
{
    if (piece->description == ALERT_CLOSE_NOTIFY || t->alert_seen)
        return;
    enum { LEVEL_WARNING = 1 };
    /* A warning such as unrecognized_name does not end a handshake (RFC 5246 s7.2.2); what came of it will
     * show. */
    if (piece->level == LEVEL_WARNING && !t->established)
        return;
    t->alert_seen = true;
    t->alert_from = (uint8_t)from;
    t->alert_level = piece->level;
    t->alert_description = piece->description;
}

/* TLS is established once both ends go on under the new keys. Up to TLS 1.2 the first protected record of
 * each is its Finished. In TLS 1.3 the server's are all alike from outside; the client's first is its
 * Finished, unless it has the size of an alert, or of something longer: then it may be a certificate, and only
 * what the server says next tells whether it took it. Where only one direction was captured, its application
 * data is the proof. */
static void judge_established(struct conversation *c)
{
    struct session_tls *t = &c->facts.tls;
    bool one_sided = c->facts.side[CLIENT].packets == 0 || c->facts.side[SERVER].packets == 0;
    if (t->version == VERSION_SSL2) {
        t->established = c->ssl2_protected[CLIENT] && c->ssl2_protected[SERVER];
        return;
    }
    if (t->version == VERSION_TLS13 || (t->version == 0 && !t->client_hello)) {
        t->established = c->data[CLIENT] && c->data[SERVER] && !c->refusal_sized && !c->answer_due;
        return;
    }
    if (!t->server_hello) { /* up to TLS 1.2 a client sends data only after the server's Finished */
        bool unheard = one_sided || c->facts.side[SERVER].gap_before_tls;
        t->established = unheard && c->finished[CLIENT] && c->data[CLIENT];
        return;
    }
    bool both = (c->finished[CLIENT] || c->data[CLIENT]) && (c->finished[SERVER] || c->data[SERVER]);
    t->established = both || (one_sided && (c->data[CLIENT] || c->data[SERVER]));
}

static void note_clients_record(struct conversation *c, uint32_t bytes, bool first)
{
    c->refusal_sized = first && bytes <= TLS13_ALERT_RECORD_BYTES;
    if (first && c->facts.tls.version == VERSION_TLS13)
        c->answer_due = !c->refusal_sized && !is_lone_finished(bytes);
}

static void note_protected(struct conversation *c, enum side from, const struct tls_piece *piece)
{
    struct session_tls *t = &c->facts.tls;
    bool first = from == CLIENT ? !t->client_encrypted : !t->server_encrypted;
    t->client_encrypted |= from == CLIENT;
    t->server_encrypted |= from == SERVER;
    c->ssl2_protected[from] |= piece->content == 0;
    if (piece->content == TLS_HANDSHAKE)
        c->finished[from] = true;
    if (piece->content == TLS_APPLICATION_DATA) {
        /* Early data comes before the server's hello and proves nothing (RFC 8446 s2.3). */
        bool early = from == CLIENT && t->early_data && !t->server_encrypted;
        c->data[from] |= !early;
        if (from == CLIENT && !early)
            note_clients_record(c, piece->length, first);
        else if (from == SERVER && piece->length > TLS13_ALERT_RECORD_BYTES)
            c->answer_due = false;
    }
    judge_established(c);
}

/* ChangeCipherSpec of the server straight after its hello, with no certificate: an abbreviated handshake
 * (RFC 5246 s7.3), also where the ticket came without a session id (RFC 5077 s3.4). */
static void note_ccs(struct conversation *c, enum side from)
{
    struct session_tls *t = &c->facts.tls;
    c->ccs[from] = true;
    bool retry_pending = t->hello_retry && !t->server_hello;
    if (retry_pending)
        c->records[from].encrypted = false;
    const struct registry_suite *suite = t->has_cipher ? registry_suite_find(t->cipher_suite) : NULL;
    bool certificate_due = suite != NULL &&
                           (suite->auth == AUTH_RSA || suite->auth == AUTH_DSS || suite->auth == AUTH_ECDSA);
    if (from == SERVER && t->server_hello && t->version <= VERSION_TLS12 && !t->certificate_seen &&
        certificate_due && !c->ccs[CLIENT])
        t->resumed = true;
}

static bool store_worthwhile(enum side from, const struct tls_piece *piece, uint32_t store_bytes)
{
    if (piece->length > store_bytes)
        return false;
    if (piece->content == 0) /* SSLv2: all clear messages count */
        return true;
    if (from == CLIENT)
        return piece->type == TLS_CLIENT_HELLO || piece->type == TLS_CERTIFICATE;
    return piece->type == TLS_SERVER_HELLO || piece->type == TLS_CERTIFICATE ||
           piece->type == TLS_HELLO_RETRY_REQUEST_DRAFT || piece->type == TLS_SERVER_KEY_EXCHANGE;
}

static void lend_store(struct conversation *c, enum side from, const struct tls_piece *piece)
{
    struct stores *stores = c->shared->stores;
    if (!store_worthwhile(from, piece, (uint32_t)stores->rooms.block_bytes))
        return;
    bool hello = from == CLIENT && !c->facts.tls.client_hello;
    bool spare = stores_lend(stores, &c->records[from], hello);
    counter_add(c->shared->counters, COUNTER_buffer_full, !spare);
}

static void note_heartbeat(struct session_tls *t, const struct tls_piece *piece)
{
    enum { HEARTBEAT_OVERHEAD = 3 + 16 }; /* type, length, and the least padding (RFC 6520 s4) */
    if (!piece->cut && piece->claimed + HEARTBEAT_OVERHEAD > piece->length)
        t->heartbleed = true;
}

static void note_piece(struct conversation *c, enum side from, const struct tls_piece *piece)
{
    struct session_tls *t = &c->facts.tls;
    t->begun = true;
    t->client_began |= from == CLIENT;
    switch (piece->kind) {
    case TLS_PIECE_MESSAGE:
        note_message(c, from, piece);
        stores_take_back(c->shared->stores, &c->records[from]);
        break;
    case TLS_PIECE_SSL2:
        note_ssl2(c, from, piece);
        stores_take_back(c->shared->stores, &c->records[from]);
        break;
    case TLS_PIECE_ALERT: note_alert(t, from, piece); break;
    case TLS_PIECE_CCS: note_ccs(c, from); break;
    case TLS_PIECE_ENCRYPTED: note_protected(c, from, piece); break;
    case TLS_PIECE_HEARTBEAT: note_heartbeat(t, piece); break;
    case TLS_PIECE_STORE_WANTED: lend_store(c, from, piece); break;
    }
}

static bool is_text(struct span bytes)
{
    for (size_t i = 0; i < bytes.n; i++) {
        uint8_t octet = span_byte(bytes, i);
        if ((octet < ' ' && octet != '\r' && octet != '\n' && octet != '\t') || octet > '~')
            return false;
    }
    return bytes.n > 0;
}

/* What stands where the header of a record should be is a line of the dialogue: the handshake came to nothing,
 * and its client goes on without; or it never was TLS, as what a telnet client sends first, which looks like
 * SSLv2. */
static bool dialogue_goes_on(const struct conversation *c, const struct tls_record *r)
{
    enum { CONTENT_AND_VERSION_BYTES = 3 };
    const struct session_tls *t = &c->facts.tls;
    struct span header = span_of(r->header, r->header_used);
    bool never_was = !r->started && !t->client_encrypted && !t->server_encrypted &&
                     !mail_looks_like_tls(span_head(header, CONTENT_AND_VERSION_BYTES), true);
    return c->parser != NULL && (never_was || (header.n == sizeof r->header && is_text(header)));
}

/* No record begins at the end of what was read of `input`. */
static void leave_tls(struct conversation *c, enum side from, struct span input, struct cursor *in)
{
    struct session_tls *t = &c->facts.tls;
    struct tls_record *r = &c->records[from];
    stores_take_back(c->shared->stores, r);
    if (!dialogue_goes_on(c, r)) {
        t->malformed |= t->begun;
        c->reading[from] = READING_NOTHING;
        return;
    }
    uint8_t header[sizeof r->header];
    size_t read = input.n - cursor_left(in);
    size_t early = r->header_used > read ? r->header_used - read : 0;
    memcpy(header, r->header, early);
    *in = cursor_over(span_skip(input, read - (r->header_used - early)));
    t->abandoned |= from == CLIENT && t->begun;
    session_resume_mail(c, from, span_of(header, early));
}

void session_feed_tls(struct conversation *c, enum side from, struct cursor *in)
{
    struct span input = cursor_rest(*in);
    while (cursor_left(in) > 0 && !c->facts.tls.established) {
        struct tls_piece piece;
        switch (tls_record_next(&c->records[from], in, &piece)) {
        case STEP_EVENT: note_piece(c, from, &piece); break;
        case STEP_MORE: return;
        case STEP_LOST: leave_tls(c, from, input, in); return;
        }
    }
}
