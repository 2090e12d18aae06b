/* tls_hello.h - the bodies of ClientHello, ServerHello, HelloRetryRequest and the SSLv2 hellos.
 *
 * Pure readers of a whole message: "too short" means malformed. An extension that is malformed by itself is
 * counted and skipped; the rest of the hello stands. TLS 1.3 drafts are read (up to draft 21 the ServerHello
 * has neither session id nor compression method). */
#pragma once

#include "cursor.h"

struct tls_client_hello {
    bool ssl2; /* SSLv2-format hello (RFC 5246 App. E.2) */
    uint16_t legacy_version;
    uint16_t max_version; /* highest of supported_versions, GREASE aside, else legacy_version; drafts
                                  * count as 0x0304 */
    struct span random;
    struct span session_id;
    struct span cipher_suites; /* two octets each; in an SSLv2 hello three octets each */
    struct span compression_methods;
    struct span extensions; /* the whole block, for fingerprints */
    bool has_extensions;
    bool has_server_name;    /* extension present, with or without a name */
    struct span server_name; /* host_name (RFC 6066 s3) */
    struct span alpn;        /* ProtocolNameList body (RFC 7301) */
    struct span first_alpn;
    struct span supported_versions;
    struct span groups;
    struct span point_formats;
    struct span signature_algorithms;
    struct span key_share_groups_body; /* KeyShareClientHello entries, unread */
    bool has_supported_versions;
    bool extended_master_secret; /* RFC 7627 */
    bool encrypt_then_mac;       /* RFC 7366 */
    bool session_ticket;         /* RFC 5077, extension present */
    bool session_ticket_filled;  /* ... with a ticket in it: resumption is asked for */
    bool renegotiation_info;     /* RFC 5746: extension or 0x00FF */
    bool fallback_scsv;          /* 0x5600 (RFC 7507) */
    bool heartbeat;              /* RFC 6520 */
    bool early_data;             /* RFC 8446 s4.2.10 */
    bool pre_shared_key;         /* RFC 8446 s4.2.11 */
    bool ech;                    /* encrypted_client_hello 0xfe0d (RFC 9849) */
    bool offers_weak_suite;      /* NULL, anonymous, EXPORT, DES, RC2, RC4, IDEA or 3DES is in the list */
    unsigned malformed_extensions;
};

struct tls_server_hello {
    bool ssl2;
    bool hello_retry; /* by the random of RFC 8446 s4.1.3, or a draft's message type 6 */
    uint16_t legacy_version;
    uint16_t version; /* negotiated: supported_versions, else legacy_version; as on the wire (a
                                  * draft stays 0x7f1c, so that the draft can be told) */
    struct span random;
    struct span session_id;
    uint16_t cipher_suite;
    uint32_t ssl2_cipher_kinds; /* number of kinds in an SSLv2 ServerHello; its first in `ssl2_cipher` */
    uint32_t ssl2_cipher;
    struct span ssl2_certificate; /* one DER certificate: SSLv2 has no Certificate message */
    bool ssl2_session_id_hit;     /* resumed: neither certificate nor kinds */
    uint8_t compression_method;
    struct span extensions;
    bool has_extensions;
    uint16_t group; /* key_share: chosen group; 0 where none */
    bool key_share;
    bool pre_shared_key; /* RFC 8446 s4.2.11: resumed (or external PSK) */
    struct span alpn;    /* the one protocol chosen in the clear (TLS <= 1.2) */
    bool extended_master_secret;
    bool encrypt_then_mac;
    bool truncated_hmac;
    bool session_ticket;
    bool renegotiation_info;
    bool heartbeat;
    uint8_t downgrade_marker; /* 0 none; 1 = "DOWNGRD\x01" (TLS 1.2 chosen); 2 = "DOWNGRD\x00" (lower) */
    unsigned malformed_extensions;
};

/* tls_client_hello_parse - read a ClientHello body (RFC 8446 s4.1.2; RFC 5246 s7.4.1.2).
 * h       out; its spans borrow from body
 * Returns false where the message is malformed (h then holds what was read before) */
bool tls_client_hello_parse(struct span body, struct tls_client_hello *h);

/* tls_client_hello_parse_ssl2 - the same for an SSLv2-format hello, body after the message type octet
 * (RFC 5246 App. E.2). */
bool tls_client_hello_parse_ssl2(struct span body, struct tls_client_hello *h);

/* tls_server_hello_parse - read a ServerHello or HelloRetryRequest body (RFC 8446 s4.1.3; RFC 5246 s7.4.1.3).
 * A version that no TLS ever had (0x0000, ...) makes it malformed: an encrypted record must never be taken
 * for a hello.
 * type    handshake message type: 2, or 6 for the drafts' HelloRetryRequest */
bool tls_server_hello_parse(struct span body, uint8_t type, struct tls_server_hello *h);

/* tls_server_hello_parse_ssl2 - SSLv2 ServerHello (message type 4), body after the type octet. */
bool tls_server_hello_parse_ssl2(struct span body, struct tls_server_hello *h);

/* tls_master_key_parse_ssl2 - the cipher kind that the client chose in the end: SSLv2 CLIENT-MASTER-KEY
 * (message type 2), body after the type octet. Returns false where malformed. */
bool tls_master_key_parse_ssl2(struct span body, uint32_t *cipher_kind);

/* tls_version_plain - a wire version, with drafts and experiments of TLS 1.3 (0x7f01 to 0x7f1c, 0x7e0.,
 * 0xfb1.) folded into 0x0304. */
uint16_t tls_version_plain(uint16_t version);

/* tls_is_grease - a GREASE value (RFC 8701). */
bool tls_is_grease(uint16_t value);
