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
    AUTH_DIGEST_MD5,     /* APOP, CRAM-MD5, DIGEST-MD5, NTLM */
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
    bool syn_seen : 1;
    bool fin_seen : 1;
    bool rst_seen : 1;
    bool gap_before_tls : 1; /* something of the cleartext dialogue was not seen */
    bool gap_in_handshake : 1;
};

/* The cleartext dialogue. */
struct session_mail {
    bool greeting_seen : 1;
    bool greeting_accepted : 1;
    bool greeting_masked : 1;
    bool preauth : 1;
    bool helo_seen : 1;
    bool helo_extended : 1; /* EHLO or LHLO at least once */
    bool capabilities_seen : 1;
    bool capabilities_cut : 1; /* an overlong line: absence of a keyword proves nothing */
    bool capabilities_refused : 1;
    bool offer_starttls : 1; /* in the last list */
    bool lists_whole : 1;    /* nothing of the server was missed before the first list */
    bool offer_starttls_ever : 1;
    bool offer_masked : 1;     /* a keyword of a list, or the command that asks for one, was overwritten */
    bool offer_plain_auth : 1; /* in any list before TLS */
    bool offer_login_disabled : 1; /* in the last list */
    bool
        used_while_offered : 1; /* AUTH, LOGIN, USER or MAIL while the last list had STARTTLS, which was not asked for */
    bool used_whole : 1; /* ... and nothing of either side was missed before */
    bool tls_asked : 1;
    bool tls_accepted : 1;
    bool tls_refused : 1;
    bool tls_refused_already : 1;  /* 503: TLS is on or out of sequence */
    bool tls_refused_tampered : 1; /* 500-class answer to a keyword that was listed, or a masked verb */
    bool anonymous_tls : 1;
    bool cleartext_goes_on : 1; /* plaintext followed the go-ahead */
    bool early_hello : 1;       /* ClientHello before the go-ahead */
    bool auth_seen : 1;
    bool auth_accepted : 1;
    bool transaction : 1;            /* MAIL FROM accepted */
    bool fallback_after_refusal : 1; /* AUTH, LOGIN, USER or MAIL in the clear after STARTTLS was refused */
    bool data_before_tls : 1;
    bool bye : 1;
    bool overlong : 1;
    bool lost : 1;         /* the dialogue could not be followed to its end */
    uint8_t auth_exposure; /* enum auth_exposure */
    uint16_t tls_refused_code;
    uint32_t injected_command_bytes;
    uint32_t injected_response_bytes;
    uint32_t messages; /* accepted outside TLS */
};

/* The TLS handshake, as far as it is in the clear. */
struct session_tls {
    bool begun : 1;        /* some TLS or SSLv2 record was seen */
    bool client_began : 1; /* ... of the client */
    bool client_hello : 1;
    bool client_hello_ssl2 : 1; /* SSLv2 format */
    bool server_hello : 1;
    bool malformed : 1;
    bool established : 1;      /* both ends went on under the negotiated keys */
    bool not_tls : 1;          /* began like TLS, then was not */
    bool abandoned : 1;        /* the client began TLS and went on in the clear */
    bool client_encrypted : 1; /* a protected record of the client was seen */
    bool server_encrypted : 1;
    bool resumed : 1;
    bool hello_retry : 1;
    bool early_data : 1;
    bool ech : 1;
    bool fallback_scsv : 1;
    bool offers_weak_suite : 1;
    bool offers_tls13 : 1;
    bool offers_aead : 1;  /* some suite with authenticated encryption */
    bool offers_ecdhe : 1; /* some suite with ECDHE, or of TLS 1.3 */
    bool client_extended_master_secret : 1;
    bool server_extended_master_secret : 1;
    bool client_encrypt_then_mac : 1;
    bool server_encrypt_then_mac : 1;
    bool client_renegotiation_info : 1;
    bool server_renegotiation_info : 1;
    bool client_heartbeat : 1;
    bool server_heartbeat : 1;
    bool server_session_ticket : 1; /* RFC 5077: one was promised */
    bool heartbleed : 1;            /* clear heartbeat that claims more than it carries */
    bool certificate_seen : 1;      /* a clear Certificate message of the server */
    bool certificate_requested : 1;
    bool client_certificate_seen : 1;
    bool key_exchange_seen : 1;   /* ServerKeyExchange was read */
    bool key_exchange_missed : 1; /* ... or was there and could not be */
    bool explicit_curve : 1;
    bool has_cipher : 1;
    bool has_ja3 : 1;
    bool has_ja3s : 1;
    bool alert_seen : 1; /* a clear alert other than close_notify */
    uint8_t alert_from;  /* enum side */
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
    /* What stands above is the flow's knowledge; from here on record.c keeps all, up to the end of sessions
     * whose fate is known. */
    int16_t vlan;
    uint8_t family;              /* enum ip_family */
    uint8_t tunnel;              /* enum tunnel */
    uint8_t protocol;            /* enum protocol */
    uint8_t role;                /* enum role */
    uint8_t detected_by;         /* enum detected_by */
    bool tls_port : 1;           /* the port's row says TLS from the first octet */
    bool midstream : 1;          /* the beginning was not captured */
    bool final : 1;              /* the session is over; otherwise an interim account */
    bool evicted : 1;            /* pushed out of a full table */
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

/* session_copy - *to becomes *from; behind the end of a text its room is left as it was. */
void session_copy(struct session *to, const struct session *from);

/* session_texts_pack - the texts one after another, each with its NUL. Returns how many bytes that made.
 * out  room for all of them */
size_t session_texts_pack(const struct session *s, char *out);

/* session_texts_unpack - the texts again. in: as they were packed. */
void session_texts_unpack(struct session *s, const char *in);

/* session_protocol_word, session_role_word - as events write them. */
const char *session_protocol_word(enum protocol protocol);
const char *session_role_word(enum role role);
