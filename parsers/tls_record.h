/* tls_record.h - the framer of one direction of a TLS or SSL connection.
 *
 * It finds record boundaries (RFC 8446 s5.1, RFC 5246 s6.2) and joins or splits records into whole handshake
 * messages, however they were cut up; SSLv2 records (RFC 5246 App. E.2) are framed too. It decrypts nothing
 * and understands no message: tls_hello.c and tls_keys.c do. Only this file and line.c may decide that bytes
 * are still to come. */
#pragma once

#include "cursor.h"
#include "stream.h"

enum tls_content {
    TLS_CHANGE_CIPHER_SPEC = 20,
    TLS_ALERT = 21,
    TLS_HANDSHAKE = 22,
    TLS_APPLICATION_DATA = 23,
    TLS_HEARTBEAT = 24
};

enum tls_handshake_type {
    TLS_HELLO_REQUEST = 0,
    TLS_CLIENT_HELLO = 1,
    TLS_SERVER_HELLO = 2,
    TLS_NEW_SESSION_TICKET = 4,
    TLS_HELLO_RETRY_REQUEST_DRAFT = 6,
    TLS_CERTIFICATE = 11,
    TLS_SERVER_KEY_EXCHANGE = 12,
    TLS_CERTIFICATE_REQUEST = 13,
    TLS_SERVER_HELLO_DONE = 14,
    TLS_CERTIFICATE_VERIFY = 15,
    TLS_CLIENT_KEY_EXCHANGE = 16,
    TLS_FINISHED = 20,
    TLS_CERTIFICATE_STATUS = 22
};

/* The longest record that is believed: 2^14 + 2048 (RFC 5246 s6.2.3); beyond it the stream is not TLS. */
enum { TLS_RECORD_CAP_BYTES = 16384 + 2048 };

enum tls_piece_kind {
    TLS_PIECE_MESSAGE,   /* one whole clear handshake message: type, body, length */
    TLS_PIECE_ALERT,     /* one clear alert: level, description (RFC 8446 s6) */
    TLS_PIECE_CCS,       /* ChangeCipherSpec; records after it are taken as encrypted (see `encrypted`) */
    TLS_PIECE_ENCRYPTED, /* header of a protected record: content (0 for SSLv2), length; its body is skipped.
                          * An alert of two octets and a ChangeCipherSpec of one are never that, whatever
                          * came before: no cipher makes them so short */
    TLS_PIECE_HEARTBEAT, /* clear heartbeat: length of the record, type (1 request, 2 response), `claimed`;
                          * `cut` where the record is too short to hold these */
    TLS_PIECE_SSL2,      /* one clear SSLv2 message: type, body, length. What follows the client's
                          * CLIENT-MASTER-KEY (2) or the server's SERVER-HELLO (4) comes ENCRYPTED */

    /* The next message (type, length) does not lie whole in the input: lend r->store now, or leave it NULL
     * and get the message `cut` with an empty body. */
    TLS_PIECE_STORE_WANTED
};

struct tls_piece {
    enum tls_piece_kind kind;
    uint8_t content;     /* record content type */
    uint16_t version;    /* record version */
    uint8_t type;        /* handshake message type */
    uint32_t length;     /* of the message body (MESSAGE, SSL2, STORE_WANTED) or of the record */
    bool cut;            /* the body is not, or not whole, in `body` */
    struct span body;    /* borrowed from the input or from the store; dies at the next call */
    uint8_t level;       /* alert level */
    uint8_t description; /* alert description */
    uint32_t claimed;    /* HEARTBEAT: payload length that the sender claims (RFC 6520 s4) */
};

/* State of one direction; all zero is a valid start. */
struct tls_record {
    /* Lent by the caller for one message; never freed or set here: the caller takes it back, and sets NULL,
     * once that message came or the flow ended. */
    uint8_t *store;
    uint32_t store_cap; /* its size in bytes */
    uint32_t store_used;
    uint32_t record_left;  /* bytes of the current record not yet read */
    uint32_t message_left; /* bytes of the current handshake message not yet read */
    uint32_t message_length;
    uint16_t version; /* of the current record */
    uint8_t content;  /* of the current record; 0 between records */
    uint8_t message_type;
    uint8_t header_used; /* partial record header */
    uint8_t header[5];
    uint8_t small_used;    /* partial handshake header, alert or heartbeat header */
    uint8_t small_content; /* content type of the record that `small` was begun in */
    uint8_t small[4];
    bool encrypted;     /* set by ChangeCipherSpec; the caller clears it where that was only for middleboxes
                         * (HelloRetryRequest, RFC 8446 App. D.4) or sets it (TLS 1.3) */
    bool store_offered; /* STORE_WANTED was already said for this message */
    bool started;       /* the first record header was accepted: SSLv2 cannot begin any more */
    bool ssl2;          /* SSLv2 framed; ends with the first TLS record after an SSLv2-format hello */
};

/* tls_record_next - advance one direction by at most one piece.
 *
 * in      bytes of one side in TCP order, no gaps; advanced past what was used
 * piece   out; its body borrows from `in` or from r->store and dies at the next call
 * Returns STEP_EVENT, STEP_MORE (all of `in` used), STEP_LOST (not TLS, or no longer; final). A call with no
 *         input left never has an event to tell
 * Memory  none taken; `r` is the caller's, zeroed is a valid start
 * Limits  a record longer than TLS_RECORD_CAP_BYTES or of an unknown type is STEP_LOST; a message longer than
 *         the store that was lent comes `cut` with the part that fitted; a handshake header of an unknown
 *         type, or of more than 1 MB, is taken for ciphertext: the record comes ENCRYPTED, and those after it
 * Spec    RFC 8446 s5.1; RFC 5246 s6.2, s7.4, App. E.2; RFC 6176 */
enum step tls_record_next(struct tls_record *r, struct cursor *in, struct tls_piece *piece);
