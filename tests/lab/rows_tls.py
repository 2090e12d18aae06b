"""Scenarios about TLS itself: suites, groups, renegotiation, fallback marks, resumption.

They run over SMTP, where Postfix can serve each address with settings of its own. OpenSSL as Debian
builds it has no SSL 2.0, SSL 3.0, RC4, DES, 3DES, IDEA, export suites, static DH or compression,
nor does it serve without secure renegotiation, and no other TLS library is used here: those are
left to captures from elsewhere and to byte-built tests. (A server without secure renegotiation is
made to appear in rows_alert; the handshake ends there.) Of the primes that programs came with, none
is left in the software at hand.
"""
import middlebox
from clients import (HELO, binary, client_hello, drain, pause, s_client, s_client_renegotiates,
                     s_client_twice, scripted, tls, tls_fails, wants)
from expect import ECDSA256, GCM256, TLS13, Expected, broken, upgraded

EHLO = f"EHLO {HELO}"
STARTTLS = wants("STARTTLS", "220")


def suite(name, *words, version="TLS1.2"):
    """A handshake in which the client offers one suite."""
    return s_client("-" + version.lower().replace(".", "_"), "-cipher", name + ":@SECLEVEL=0",
                    *words, starttls="smtp")


def suite13(name, *words):
    return s_client("-tls1_3", "-ciphersuites", name, *words, starttls="smtp")


def chosen(cipher, **options):
    return upgraded("TLS1.2", cipher, **options)


def heartbeat(payload_length):
    """A heartbeat request that claims more payload than it carries (CVE-2014-0160)."""
    return b"\x18\x03\x03\x00\x03\x01" + payload_length.to_bytes(2, "big")


SUITES = [
    ("suite-ecdhe-aes128-gcm", "mx", 25, suite("ECDHE-RSA-AES128-GCM-SHA256"),
     chosen("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256")),
    ("suite-ecdhe-chacha20", "mx", 25, suite("ECDHE-RSA-CHACHA20-POLY1305"),
     chosen("TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256")),
    ("suite-ecdhe-ecdsa", "ecdsa", 25, suite("ECDHE-ECDSA-AES256-GCM-SHA384"),
     chosen(ECDSA256, cert_key="EC P-256")),
    # Both sides offer encrypt-then-MAC (RFC 7366), which makes CBC sound ...
    ("suite-ecdhe-cbc", "mx", 25, suite("ECDHE-RSA-AES256-SHA384"),
     chosen("TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384", encrypt_then_mac=1)),
    # ... and here the client does not.
    ("suite-ecdhe-cbc-no-etm", "mx", 25,
     s_client("-tls1_2", "-cipher", "ECDHE-RSA-AES256-SHA384", starttls="smtp",
              openssl="Options = -EncryptThenMac\n"),
     chosen("TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384", must=["cbc_cipher"],
            encrypt_then_mac=0)),
    ("suite-static-rsa-cbc", "mx", 25, suite("AES128-SHA"),
     chosen("TLS_RSA_WITH_AES_128_CBC_SHA")),
    ("suite-static-rsa-gcm", "mx", 25, suite("AES256-GCM-SHA384"),
     chosen("TLS_RSA_WITH_AES_256_GCM_SHA384")),
    # Primes that many servers share. Postfix takes its own from RFC 3526, and old servers had the
    # one of RFC 2409; for RFC 7919 see imap-implicit-dhe-rfc7919.
    ("suite-dhe", "mx", 25, suite("DHE-RSA-AES128-GCM-SHA256"),
     chosen("TLS_DHE_RSA_WITH_AES_128_GCM_SHA256", dh_bits=2048,
            dh_prime="RFC3526/Oakley Group 14")),
    ("suite-dhe-1024", "weakdh", 25, suite("DHE-RSA-AES256-GCM-SHA384"),
     chosen("TLS_DHE_RSA_WITH_AES_256_GCM_SHA384", dh_bits=1024, must=["weak_dh_group"],
            dh_prime="RFC2409/Oakley Group 2")),
    ("suite-anonymous-dh", "anonymous", 25, suite("ADH-AES256-GCM-SHA384"),
     chosen("TLS_DH_anon_WITH_AES_256_GCM_SHA384", cert_state="none", may=["finite_field_dh"])),
    ("suite-anonymous-ecdh", "anonymous", 25, suite("AECDH-AES256-SHA"),
     chosen("TLS_ECDH_anon_WITH_AES_256_CBC_SHA", cert_state="none")),
    ("suite-null-ecdhe", "null", 25, suite("ECDHE-RSA-NULL-SHA"),
     chosen("TLS_ECDHE_RSA_WITH_NULL_SHA", may=["cbc_cipher"])),
    ("suite-null-rsa", "null", 25, suite("NULL-SHA256"), chosen("TLS_RSA_WITH_NULL_SHA256")),
    ("suite-null-tls10", "null", 25, suite("NULL-MD5", version="TLS1"),
     upgraded("TLS1.0", "TLS_RSA_WITH_NULL_MD5")),
    ("suite-tls13-chacha20", "mx", 25, suite13("TLS_CHACHA20_POLY1305_SHA256"),
     upgraded("TLS1.3", "TLS_CHACHA20_POLY1305_SHA256")),
    ("suite-tls13-aes128", "mx", 25, suite13("TLS_AES_128_GCM_SHA256"),
     upgraded("TLS1.3", "TLS_AES_128_GCM_SHA256", group="x25519")),
]

NEGOTIATION = [
    # The client's key share is of another group, so the server asks again.
    ("hello-retry", "p384", 25, s_client("-tls1_3", "-groups", "X25519:P-384", starttls="smtp"),
     upgraded("TLS1.3", TLS13, hello_retry=1, group="secp384r1")),
    ("weak-curve", "p192", 25, suite("ECDHE-RSA-AES256-GCM-SHA384", "-groups", "P-192"),
     chosen(GCM256, group="secp192r1", must=["weak_curve"])),
    ("sha1-signature", "mx", 25,
     suite("ECDHE-RSA-AES256-GCM-SHA384", "-sigalgs", "RSA+SHA1"),
     chosen(GCM256, kx_signature="rsa_pkcs1_sha1", must=["weak_handshake_signature"])),
    ("no-extended-master-secret", "mx", 25,
     s_client("-tls1_2", starttls="smtp", openssl="Options = -ExtendedMasterSecret\n"),
     chosen(GCM256, must=["no_extended_master_secret"])),
    # The mark of a retry, on the best version that the server has: accepted.
    ("fallback-scsv-accepted", "tls12", 25, s_client("-tls1_2", "-fallback_scsv", starttls="smtp"),
     chosen(GCM256, must=["fallback_scsv"])),
    ("fallback-scsv-refused", "mx", 25,
     s_client("-tls1_2", "-fallback_scsv", starttls="smtp", status=1, then=()),
     broken("inappropriate_fallback", "server", must=["fallback_scsv"],
            may=["tls_handshake_failed"])),
    # The server is made to believe in a client of TLS 1.2; its mark tells the client, which stops.
    ("downgrade-marker", "mx", 25,
     scripted("smtp", EHLO, STARTTLS, tls_fails()),
     broken("illegal_parameter", "client", must=["downgrade_marker", "tls_handshake_failed"]),
     {"box": middlebox.ChangeClientHello(middlebox.hiding(middlebox.SUPPORTED_VERSIONS))}),
    # By a ticket, by a session ID, and by what TLS 1.3 makes of tickets.
    ("resumed-tls12", "mx", 25, s_client_twice("-tls1_2", starttls="smtp"),
     chosen(GCM256), chosen(GCM256, resumed=1, cert_state="hidden_resumed")),
    ("resumed-session-id", "sessionid", 25,
     s_client_twice("-tls1_2", "-no_ticket", starttls="smtp"),
     chosen(GCM256), chosen(GCM256, resumed=1, cert_state="hidden_resumed")),
    ("resumed-tls13", "mx", 25, s_client_twice("-tls1_3", starttls="smtp"),
     upgraded("TLS1.3", TLS13),
     upgraded("TLS1.3", TLS13, resumed=1, cert_state="hidden_tls13|hidden_resumed")),
    # A second handshake inside the first, granted and denied; nothing of it is readable.
    ("renegotiation", "reneg", 25, s_client_renegotiates("-tls1_2"),
     chosen(GCM256, secure_renegotiation=1)),
    ("renegotiation-denied", "mx", 25, s_client_renegotiates("-tls1_2", status=1),
     chosen(GCM256, secure_renegotiation=1)),
    ("client-certificate", "tls12", 25,
     scripted("smtp", EHLO, STARTTLS,
              lambda s: tls(version="TLS1.2", certificate=s.talk.pki.pem("client"))(s),
              EHLO, "QUIT"),
     chosen(GCM256, sni="mail.example.org", client_cert_subject="CN=client.example.net")),
    # The client claims a heartbeat of 16 KiB and sends none of it.
    ("heartbleed-probe", "mx", 25,
     scripted("smtp", EHLO, STARTTLS, binary(client_hello()), pause(0.1),
              binary(heartbeat(0x4000)), drain),
     Expected({"starttls": "failed|upgraded", "auth": "none|inside_tls_unknown",
               "messages_cleartext": 0}, must=["heartbleed_probe"],
              may=["tls_handshake_failed"])),
    ("garbage-after-go-ahead", "mx", 25,
     scripted("smtp", EHLO, STARTTLS, binary(client_hello()[:9] + bytes(200)), drain),
     Expected({"starttls": "failed", "tls_state": "failed|none|hello_only|unknown",
               "auth": "none", "messages_cleartext": 0}, may=["tls_handshake_failed"])),
]

ROWS = [*SUITES, *NEGOTIATION]
