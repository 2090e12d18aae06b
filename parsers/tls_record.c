#include "tls_record.h"

/* Beside the content types of TLS, `content` of struct tls_record takes these. */
enum {
    CONTENT_NONE = 0,  /* between records */
    CONTENT_SKIP = 1,  /* the rest of the record is of no interest */
    CONTENT_SSL2 = 128 /* a message of SSLv2 */
};

enum { RECORD_HEADER_BYTES = 5, HANDSHAKE_HEADER_BYTES = 4, ALERT_BYTES = 2, HEARTBEAT_HEADER_BYTES = 3 };

/* Certificate lists of 100 kB are met, of 1 MB are not: such a length is ciphertext read as a header. */
enum { MESSAGE_CAP_BYTES = 1 << 20 };

/* SSLv2 (The SSL Protocol, 1995, s1.2, s2.5); the header is two octets, or three where padding may follow. */
enum { SSL2_ERROR = 0, SSL2_CLIENT_HELLO = 1, SSL2_CLIENT_MASTER_KEY = 2, SSL2_SERVER_HELLO = 4 };
enum {
    SSL2_CLIENT_HELLO_BYTES = 9,
    SSL2_MASTER_KEY_BYTES = 10,
    SSL2_SERVER_HELLO_BYTES = 11,
    SSL2_ERROR_BYTES = 3
};
enum { SSL2_VERSION = 0x0002 };

enum header { HEADER_PARTIAL, HEADER_READ, HEADER_BAD };

struct ssl2_header {
    uint32_t header_bytes; /* 2 or 3 */
    uint32_t length;       /* of what follows the header, padding included */
    uint32_t padding;
    uint8_t type; /* first octet of what follows */
};

static struct span take_record_bytes(struct tls_record *r, struct cursor *in, size_t want)
{
    size_t n = want < r->record_left ? want : r->record_left;
    n = n < cursor_left(in) ? n : cursor_left(in);
    r->record_left -= (uint32_t)n;
    return cursor_take(in, n);
}

/* Collects a short fixed structure that may lie in several segments or records; true once it is whole. */
static bool gather_small(struct tls_record *r, struct cursor *in, uint8_t need)
{
    struct span part = take_record_bytes(r, in, (size_t)(need - r->small_used));
    memcpy(r->small + r->small_used, part.p, part.n);
    r->small_used = (uint8_t)(r->small_used + part.n);
    return r->small_used == need;
}

static bool gather_header(struct tls_record *r, struct cursor *in, uint8_t need)
{
    if (r->header_used >= need)
        return true;
    size_t missing = (size_t)(need - r->header_used);
    struct span part = cursor_take(in, missing < cursor_left(in) ? missing : cursor_left(in));
    memcpy(r->header + r->header_used, part.p, part.n);
    r->header_used = (uint8_t)(r->header_used + part.n);
    return r->header_used == need;
}

static bool looks_like_tls(uint8_t content, uint8_t major)
{
    return content >= TLS_CHANGE_CIPHER_SPEC && content <= TLS_HEARTBEAT && major == 3;
}

static void drop_message(struct tls_record *r)
{
    r->message_left = 0;
    r->store_used = 0;
    r->small_used = 0;
}

static bool start_tls_record(struct tls_record *r)
{
    struct cursor c = cursor_over(span_of(r->header, RECORD_HEADER_BYTES));
    uint8_t content = cursor_u8(&c);
    uint16_t version = cursor_u16(&c);
    uint16_t length = cursor_u16(&c);
    if (!looks_like_tls(content, (uint8_t)(version >> 8)) || length > TLS_RECORD_CAP_BYTES)
        return false;
    /* A partial structure of another content type is given up: `small` has one owner, and only an attacker
     * lays an alert inside a handshake header. */
    if (r->small_content != content)
        r->small_used = 0;
    r->small_content = content;
    r->content = content;
    r->version = version;
    r->record_left = length;
    r->ssl2 = false;
    r->started = true;
    r->header_used = 0;
    return true;
}

static struct ssl2_header read_ssl2_header(const uint8_t *header, uint8_t used)
{
    struct cursor c = cursor_over(span_of(header, used));
    struct ssl2_header h = {.header_bytes = 2};
    uint16_t first = cursor_u16(&c);
    if (first & 0x8000) {
        h.length = first & 0x7fff;
    } else {
        h.header_bytes = 3;
        h.length = first & 0x3fff;
        h.padding = cursor_u8(&c);
    }
    h.type = cursor_u8(&c);
    return h;
}

/* Is this the first record of an SSLv2 stream? Five octets are known: header, message type and at least one
 * more. The test is narrow, because anything that is not TLS comes here. */
static bool ssl2_may_start(const struct tls_record *r, const struct ssl2_header *h)
{
    struct span rest = span_skip(span_of(r->header, RECORD_HEADER_BYTES), h->header_bytes + 1);
    uint32_t body = h->length - h->padding;
    bool security_escape = h->header_bytes == 3 && (span_byte(span_of(r->header, 1), 0) & 0x40) != 0;
    if (security_escape || h->padding > h->length)
        return false;
    switch (h->type) {
    case SSL2_CLIENT_HELLO: /* version 0x0002 or 0x03xx */
        return body >= SSL2_CLIENT_HELLO_BYTES &&
               (span_byte(rest, 0) == 3 ||
                (span_byte(rest, 0) == 0 && (rest.n < 2 || span_byte(rest, 1) == 2)));
    case SSL2_SERVER_HELLO: /* session_id_hit, certificate_type */
        return body >= SSL2_SERVER_HELLO_BYTES && span_byte(rest, 0) <= 1 && span_byte(rest, 1) <= 1;
    case SSL2_ERROR: /* error code 1, 2, 4 or 6 */
        return body == SSL2_ERROR_BYTES && span_byte(rest, 0) == 0 && (rest.n < 2 || span_byte(rest, 1) <= 6);
    default: return false;
    }
}

/* After the master key of the client and the hello of the server all is encrypted, but for a bare error. */
static bool ssl2_is_clear(const struct tls_record *r, const struct ssl2_header *h)
{
    if (h->type == SSL2_ERROR && h->length - h->padding == SSL2_ERROR_BYTES)
        return true;
    return !r->encrypted && h->type == SSL2_CLIENT_MASTER_KEY &&
           h->length - h->padding >= SSL2_MASTER_KEY_BYTES;
}

static void start_ssl2_record(struct tls_record *r, const struct ssl2_header *h, bool clear)
{
    drop_message(r);
    r->content = CONTENT_SSL2;
    r->version = SSL2_VERSION;
    r->encrypted = r->encrypted || !clear;
    r->message_type = h->type;
    r->record_left = h->length - 1;
    r->message_length = clear ? h->length - 1 - h->padding : 0;
    r->message_left = r->message_length;
    r->store_offered = false;
    r->ssl2 = true;
    r->started = true;
    r->header_used = 0;
}

/* The first record: five octets tell TLS from SSLv2. Those that belong to an SSLv2 message already are given
 * back to the input where they came from it, so that the body can be borrowed; else they wait in `small`. */
static enum header read_first_header(struct tls_record *r, struct cursor *in)
{
    struct cursor before = *in;
    bool at_once = r->header_used == 0;
    if (!gather_header(r, in, RECORD_HEADER_BYTES))
        return HEADER_PARTIAL;
    if (start_tls_record(r))
        return HEADER_READ;
    struct ssl2_header h = read_ssl2_header(r->header, RECORD_HEADER_BYTES);
    if (!ssl2_may_start(r, &h))
        return HEADER_BAD;
    start_ssl2_record(r, &h, true);
    if (at_once) {
        *in = before;
        cursor_take(in, h.header_bytes + 1);
        return HEADER_READ;
    }
    struct span early = span_skip(span_of(r->header, RECORD_HEADER_BYTES), h.header_bytes + 1);
    memcpy(r->small, early.p, early.n);
    r->small_used = (uint8_t)early.n;
    r->record_left -= r->small_used;
    return HEADER_READ;
}

/* A later record of an SSLv2 stream. A client that sent its hello in SSLv2 form only to be understood by old
 * servers goes on with TLS records (RFC 5246 App. E.2): after a ClientHello both are looked for. */
static enum header read_ssl2_next_header(struct tls_record *r, struct cursor *in)
{
    if (!gather_header(r, in, 2))
        return HEADER_PARTIAL;
    struct cursor c = cursor_over(span_of(r->header, 2));
    uint8_t first = cursor_u8(&c);
    bool after_hello = r->message_type == SSL2_CLIENT_HELLO && !r->encrypted;
    if (after_hello && looks_like_tls(first, cursor_u8(&c))) {
        if (!gather_header(r, in, RECORD_HEADER_BYTES))
            return HEADER_PARTIAL;
        return start_tls_record(r) ? HEADER_READ : HEADER_BAD;
    }
    if (!gather_header(r, in, first & 0x80 ? 3 : 4))
        return HEADER_PARTIAL;
    struct ssl2_header h = read_ssl2_header(r->header, r->header_used);
    if (h.length == 0 || h.padding >= h.length)
        return HEADER_BAD;
    start_ssl2_record(r, &h, ssl2_is_clear(r, &h));
    return HEADER_READ;
}

static enum header read_header(struct tls_record *r, struct cursor *in)
{
    if (!r->started)
        return read_first_header(r, in);
    if (r->ssl2)
        return read_ssl2_next_header(r, in);
    if (!gather_header(r, in, RECORD_HEADER_BYTES))
        return HEADER_PARTIAL;
    return start_tls_record(r) ? HEADER_READ : HEADER_BAD;
}

/* Ciphertext, by the state or by its size: every cipher adds at least a MAC, so an alert of two octets and a
 * ChangeCipherSpec of one are in the clear even after ChangeCipherSpec (TLS 1.3 peers send both), and longer
 * ones are not, even where the start of the encryption was not captured. */
static bool record_is_protected(const struct tls_record *r)
{
    uint32_t length = r->record_left;
    switch (r->content) {
    case TLS_ALERT: return length > ALERT_BYTES || (r->encrypted && length < ALERT_BYTES);
    case TLS_CHANGE_CIPHER_SPEC: return length > 1 || (r->encrypted && length < 1);
    case TLS_HANDSHAKE:
    case TLS_HEARTBEAT: return r->encrypted;
    case CONTENT_SSL2: return r->message_length == 0;
    default: return true;
    }
}

/* The header stays in place until the next one is read. */
static uint32_t record_length(const struct tls_record *r)
{
    if (r->content == CONTENT_SSL2)
        return read_ssl2_header(r->header, RECORD_HEADER_BYTES).length;
    struct cursor c = cursor_over(span_skip(span_of(r->header, RECORD_HEADER_BYTES), 3));
    return cursor_u16(&c);
}

static void fill_piece(const struct tls_record *r, enum tls_piece_kind kind, uint32_t length,
                       struct tls_piece *piece)
{
    piece->kind = kind;
    piece->content = r->content == CONTENT_SSL2 ? 0 : r->content;
    piece->version = r->version;
    piece->length = length;
}

/* Reports the record as a whole; what of it is unread will be skipped. */
static void skip_record(struct tls_record *r, enum tls_piece_kind kind, struct tls_piece *piece)
{
    fill_piece(r, kind, record_length(r), piece);
    r->content = CONTENT_SKIP;
}

static void fill_message(struct tls_record *r, struct span body, struct tls_piece *piece)
{
    bool ssl2 = r->content == CONTENT_SSL2;
    fill_piece(r, ssl2 ? TLS_PIECE_SSL2 : TLS_PIECE_MESSAGE, r->message_length, piece);
    piece->type = r->message_type;
    piece->body = body;
    piece->cut = body.n < r->message_length;
    r->message_left = 0;
    r->store_used = 0;
    if (ssl2)
        r->encrypted = r->message_type == SSL2_CLIENT_MASTER_KEY || r->message_type == SSL2_SERVER_HELLO ||
                       r->encrypted;
}

static void store_bytes(struct tls_record *r, struct span part)
{
    if (r->store == NULL || r->store_used > r->store_cap)
        return;
    struct span fits = span_head(part, r->store_cap - r->store_used);
    memcpy(r->store + r->store_used, fits.p, fits.n);
    r->store_used += (uint32_t)fits.n;
}

static void store_message_bytes(struct tls_record *r, struct cursor *in)
{
    if (r->small_used > 0) {
        struct span early = span_head(span_of(r->small, r->small_used), r->message_left);
        store_bytes(r, early);
        r->message_left -= (uint32_t)early.n;
        r->small_used = 0;
    }
    struct span part = take_record_bytes(r, in, r->message_left);
    store_bytes(r, part);
    r->message_left -= (uint32_t)part.n;
}

/* The body of a message: borrowed where it lies whole in the input, else put together in the store. */
static bool read_body(struct tls_record *r, struct cursor *in, struct tls_piece *piece)
{
    size_t available = r->record_left < cursor_left(in) ? r->record_left : cursor_left(in);
    bool untouched = r->message_left == r->message_length && r->small_used == 0;
    if (untouched && r->message_left <= available) {
        fill_message(r, take_record_bytes(r, in, r->message_left), piece);
        return true;
    }
    if (available == 0 && r->small_used == 0)
        return false;
    if (r->message_left <= r->small_used) { /* so short that the header took it all */
        fill_message(r, span_of(r->small, r->message_left), piece);
        r->small_used = 0;
        return true;
    }
    if (!r->store_offered) {
        r->store_offered = true;
        fill_piece(r, TLS_PIECE_STORE_WANTED, r->message_length, piece);
        piece->type = r->message_type;
        return true;
    }
    store_message_bytes(r, in);
    if (r->message_left > 0)
        return false;
    fill_message(r, span_of(r->store, r->store_used), piece);
    return true;
}

/* RFC 5246 s7.4, RFC 8446 s4, and the types of other documents that travel in the clear. */
static bool handshake_type_is_known(uint8_t type)
{
    enum { HELLO_VERIFY_REQUEST = 3, CERTIFICATE_URL = 21, SUPPLEMENTAL_DATA = 23 };
    return type <= TLS_NEW_SESSION_TICKET || type == TLS_HELLO_RETRY_REQUEST_DRAFT ||
           (type >= TLS_CERTIFICATE && type <= TLS_CLIENT_KEY_EXCHANGE) ||
           (type >= TLS_FINISHED && type <= SUPPLEMENTAL_DATA);
}

static bool read_handshake(struct tls_record *r, struct cursor *in, struct tls_piece *piece)
{
    if (r->message_left > 0)
        return read_body(r, in, piece);
    if (!gather_small(r, in, HANDSHAKE_HEADER_BYTES))
        return false;
    struct cursor c = cursor_over(span_of(r->small, HANDSHAKE_HEADER_BYTES));
    r->message_type = cursor_u8(&c);
    r->message_length = cursor_u24(&c);
    r->message_left = r->message_length;
    r->store_offered = false;
    r->small_used = 0;
    r->store_used = 0;
    /* No such message travels in the clear, so the start of the encryption was not seen. */
    if (!handshake_type_is_known(r->message_type) || r->message_length > MESSAGE_CAP_BYTES) {
        drop_message(r);
        r->encrypted = true;
        skip_record(r, TLS_PIECE_ENCRYPTED, piece);
        return true;
    }
    return read_body(r, in, piece);
}

static bool read_alert(struct tls_record *r, struct cursor *in, struct tls_piece *piece)
{
    if (!gather_small(r, in, ALERT_BYTES))
        return false;
    struct cursor c = cursor_over(span_of(r->small, ALERT_BYTES));
    fill_piece(r, TLS_PIECE_ALERT, record_length(r), piece);
    piece->level = cursor_u8(&c);
    piece->description = cursor_u8(&c);
    r->small_used = 0;
    return true;
}

static bool read_change_cipher_spec(struct tls_record *r, struct cursor *in, struct tls_piece *piece)
{
    if (take_record_bytes(r, in, 1).n == 0)
        return false;
    fill_piece(r, TLS_PIECE_CCS, record_length(r), piece);
    drop_message(r);
    r->encrypted = true;
    return true;
}

/* A peer that claims more payload than it sent is how memory was read out (Heartbleed, CVE-2014-0160), so the
 * claim is reported beside the length of the record. A record too short for a claim is reported as cut. */
static bool read_heartbeat(struct tls_record *r, struct cursor *in, struct tls_piece *piece)
{
    if (record_length(r) >= HEARTBEAT_HEADER_BYTES && !gather_small(r, in, HEARTBEAT_HEADER_BYTES))
        return false;
    skip_record(r, TLS_PIECE_HEARTBEAT, piece);
    struct cursor c = cursor_over(span_of(r->small, r->small_used));
    piece->type = cursor_u8(&c);
    piece->claimed = cursor_u16(&c);
    piece->cut = !cursor_ok(&c);
    r->small_used = 0;
    return true;
}

/* Reads on in the current record; true where a piece was written. */
static bool read_record(struct tls_record *r, struct cursor *in, struct tls_piece *piece)
{
    switch (r->content) {
    case TLS_HANDSHAKE: return read_handshake(r, in, piece);
    case TLS_ALERT: return read_alert(r, in, piece);
    case TLS_CHANGE_CIPHER_SPEC: return read_change_cipher_spec(r, in, piece);
    case TLS_HEARTBEAT: return read_heartbeat(r, in, piece);
    case CONTENT_SSL2:
        if (r->message_left > 0)
            return read_body(r, in, piece);
        r->content = CONTENT_SKIP; /* padding */
        return false;
    default: take_record_bytes(r, in, r->record_left); return false;
    }
}

enum step tls_record_next(struct tls_record *r, struct cursor *in, struct tls_piece *piece)
{
    *piece = (struct tls_piece){.body = span_of(NULL, 0)};
    for (;;) {
        if (r->content == CONTENT_NONE) {
            enum header header = read_header(r, in);
            if (header != HEADER_READ)
                return header == HEADER_BAD ? STEP_LOST : STEP_MORE;
            if (record_is_protected(r)) {
                skip_record(r, TLS_PIECE_ENCRYPTED, piece);
                return STEP_EVENT;
            }
        }
        if (read_record(r, in, piece))
            return STEP_EVENT;
        if (r->record_left == 0)
            r->content = CONTENT_NONE;
        else if (cursor_left(in) == 0)
            return STEP_MORE;
    }
}
