/* session.h - everything that is known of one connection, as plain facts, and the machine that gathers
 * them.
 *
 * `struct session` is what crosses from track/ to audit/: numbers, flags and a few short texts; no
 * pointers, so it can be copied through a ring. It judges nothing: severity, verdict and rules are
 * policy.c's. It has no field for a user name, a password or a body. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "parsers/stream.h"
#include "sensor/capture/decode.h"

enum protocol {
    PROTOCOL_UNKNOWN,
#define PROTOCOL(id, name, parser) PROTOCOL_##id,
#include "parsers/protocols.def"
#undef PROTOCOL
    PROTOCOL_OTHER, /* TLS on a port that carries no mail (--any-tls) */
    PROTOCOL_COUNT
};

enum role { ROLE_UNKNOWN, ROLE_RELAY, ROLE_SUBMISSION, ROLE_ACCESS, ROLE_DELIVERY, ROLE_COUNT };

enum detected_by { DETECTED_BY_PORT, DETECTED_BY_CONTENT, DETECTED_BY_NDPI };

/* How an authentication outside TLS treated the credential, worst last. */
enum auth_exposure {
    AUTH_NOT_SEEN,
    AUTH_WITHOUT_SECRET, /* EXTERNAL, ANONYMOUS; or begun and refused before the secret was sent */
    AUTH_PROTECTED,      /* SCRAM, GSSAPI ... */
    AUTH_DIGEST_MD5,     /* APOP, CRAM-MD5, DIGEST-MD5 */
    AUTH_USER_ONLY,      /* POP3 USER, refused or never followed by PASS: a name crossed, no password */
    AUTH_READABLE        /* password or token readable on the wire */
};

/* What is known of one direction. */
struct session_side {
    uint64_t bytes; /* payload octets, each once */
    uint64_t packets;
    uint64_t gap_bytes; /* octets that were never captured */
    uint32_t truncated; /* frames that the snap length cut */
    uint32_t overlap_conflicts;
    bool syn_seen;
    bool fin_seen;
    bool rst_seen;
    bool gap_before_tls; /* something of the cleartext dialogue was not seen */
    bool gap_in_handshake;
};

/* The cleartext dialogue. */
struct session_mail {
    bool greeting_seen;
    bool greeting_accepted;
    bool greeting_masked;
    bool preauth;
    bool helo_seen;
    bool helo_extended; /* EHLO or LHLO at least once */
    bool capabilities_seen;
    bool capabilities_cut; /* an overlong line: absence of a keyword proves nothing */
    bool capabilities_refused;
    bool offer_starttls; /* in the last list */
    bool offer_starttls_ever;
    bool offer_masked;         /* a keyword of a list, or the command that asks for one, was overwritten */
    bool offer_plain_auth;     /* in any list before TLS */
    bool offer_login_disabled; /* in the last list */
    bool
        used_while_offered; /* AUTH, LOGIN, USER or MAIL while the last list had STARTTLS, which was not asked for */
    bool tls_asked;
    bool tls_accepted;
    bool tls_refused;
    bool tls_refused_already;  /* 503: TLS is on or out of sequence */
    bool tls_refused_tampered; /* 500-class answer to a keyword that was listed, or a masked verb */
    bool anonymous_tls;
    bool cleartext_goes_on; /* plaintext followed the go-ahead */
    bool early_hello;       /* ClientHello before the go-ahead */
    bool auth_seen;
    bool auth_accepted;
    bool transaction;            /* MAIL FROM accepted */
    bool fallback_after_refusal; /* AUTH, LOGIN, USER or MAIL in the clear after STARTTLS was refused */
    bool data_before_tls;
    bool bye;
    bool overlong;
    bool lost;             /* the dialogue could not be followed to its end */
    uint8_t auth_exposure; /* enum auth_exposure */
    uint16_t tls_refused_code;
    uint32_t injected_command_bytes;
    uint32_t injected_response_bytes;
    uint32_t messages; /* accepted outside TLS */
};

/* The TLS handshake, as far as it is in the clear. */
struct session_tls {
    bool begun; /* some TLS or SSLv2 record was seen */
    bool client_hello;
    bool client_hello_ssl2; /* SSLv2 format */
    bool server_hello;
    bool malformed;
    bool established;      /* both ends went on under the negotiated keys */
    bool not_tls;          /* began like TLS, then was not */
    bool client_encrypted; /* a protected record of the client was seen */
    bool server_encrypted;
    bool resumed;
    bool hello_retry;
    bool early_data;
    bool ech;
    bool fallback_scsv;
    bool offers_weak_suite;
    bool offers_tls13;
    bool offers_aead;  /* some suite with authenticated encryption */
    bool offers_ecdhe; /* some suite with ECDHE, or of TLS 1.3 */
    bool client_extended_master_secret;
    bool server_extended_master_secret;
    bool client_encrypt_then_mac;
    bool server_encrypt_then_mac;
    bool client_renegotiation_info;
    bool server_renegotiation_info;
    bool client_heartbeat;
    bool server_heartbeat;
    bool server_session_ticket; /* RFC 5077: one was promised */
    bool heartbleed;            /* clear heartbeat that claims more than it carries */
    bool certificate_seen;      /* a clear Certificate message of the server */
    bool certificate_requested;
    bool client_certificate_seen;
    bool key_exchange_seen;   /* ServerKeyExchange was read */
    bool key_exchange_missed; /* ... or was there and could not be */
    bool explicit_curve;
    bool has_cipher;
    bool has_ja3;
    bool has_ja3s;
    bool alert_seen;    /* a clear alert other than close_notify */
    uint8_t alert_from; /* enum side */
    uint8_t alert_level;
    uint8_t alert_description;
    uint8_t compression_method;
    uint8_t downgrade_marker; /* 1: TLS 1.2 chosen; 2: lower */
    uint16_t version;         /* negotiated, drafts folded; 0x0002 for SSLv2; 0 where not known */
    uint16_t client_max_version;
    uint16_t cipher_suite;
    uint16_t group;        /* 0 where not known */
    uint16_t dh_bits;      /* 0 where not seen */
    uint16_t dh_prime_row; /* of the table of well-known primes; 0 where it is none */
    uint16_t rsa_export_bits;
    uint16_t rsa_exchange_bits; /* size of the premaster secret under the server's RSA key: that of the key */
    uint16_t signature_scheme;  /* 0 where not seen */
    uint32_t ssl2_cipher;
    uint32_t chain_number; /* of the server's certificate chain, chains.h; 0 where it could not be kept */
    uint32_t client_chain_number;
    uint8_t ja3[16];
    uint8_t ja3s[16];
    char ja4[37];
};

enum {
    SESSION_SNI_CAP = 256,
    SESSION_ALPN_CAP = 32,
    SESSION_HELO_CAP = 128,
    SESSION_SERVER_NAME_CAP = 128,
    SESSION_SOFTWARE_CAP = 64,
    SESSION_MECHANISM_CAP = 33
};

struct session {
    uint64_t first_ns;
    uint64_t last_ns;
    uint64_t turn; /* number of the segment at which it was reported; UINT64_MAX: at the end of the input */
    uint64_t turn_order; /* among those of the same turn; the same whatever the number of lanes */
    uint64_t tuple_hash; /* of addresses, ports and layer: the same in every run */
    uint32_t generation; /* how many sessions of the same tuple came before it */
    struct address client_address;
    struct address server_address;
    uint16_t client_port;
    uint16_t server_port;
    int16_t vlan;
    uint8_t family;              /* enum ip_family */
    uint8_t tunnel;              /* enum tunnel */
    uint8_t protocol;            /* enum protocol */
    uint8_t role;                /* enum role */
    uint8_t detected_by;         /* enum detected_by */
    bool tls_port;               /* the port's row says TLS from the first octet */
    bool midstream;              /* the beginning was not captured */
    bool final;                  /* the session is over; otherwise an interim account */
    bool evicted;                /* pushed out of a full table */
    uint32_t duplicates;         /* packets that the mirror delivered twice */
    struct session_side side[2]; /* CLIENT, SERVER */
    struct session_mail mail;
    struct session_tls tls;
    /* Texts from the wire, cut to their room and NUL-terminated; NULs inside are replaced by '?'. */
    char sni[SESSION_SNI_CAP];
    char alpn[SESSION_ALPN_CAP];
    char helo[SESSION_HELO_CAP];
    char server_name[SESSION_SERVER_NAME_CAP];
    char server_software[SESSION_SOFTWARE_CAP];
    char auth_mechanism[SESSION_MECHANISM_CAP];
};

/* session_protocol_word, session_role_word - as events write them. */
const char *session_protocol_word(enum protocol protocol);
const char *session_role_word(enum role role);
