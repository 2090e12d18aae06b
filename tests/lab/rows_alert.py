"""Scenarios of handshakes that an alert ends, one for each alert that the software at hand can be
made to send in the clear: (name, host, port, client, expected...).

Not made: what goes under the keys of TLS 1.3 (certificate_required, and most alerts of its
clients), which nobody can read; decryption_failed, decompression_failure, no_certificate and
export_restriction, of versions that OpenSSL no longer speaks; unknown_psk_identity, as no mail
server here takes a pre-shared key; bad_certificate_status_response, as none staples one.
"""
import middlebox
from clients import (HELO, binary, client_hello, curl_mail, drain, hear_tls, s_client,
                     scripted, tls_fails, tls_only, verifying, wants)
from expect import ECDSA256, GCM256, broken, broken_implicit, implicit
from middlebox import ChangeClientHello, ChangeServerHello, hiding, renaming

STARTTLS = wants("STARTTLS", "220")
NAME = ("-servername", "mx.example.org")
# TLS 1.2, with a server that does not answer the question for secure renegotiation too.
LEGACY = ("-tls1_2", "-legacy_server_connect")
USER_CANCELED, CLOSE_NOTIFY = b"\x15\3\3\0\2\1\x5a", b"\x15\3\3\0\2\1\0"


def smtp(*steps):
    return scripted("smtp", f"EHLO {HELO}", STARTTLS, *steps)


def s_client_fails(*words, **options):
    return s_client(*words, starttls="smtp", status=1, then=(), **options)


def from_server(alert, **facts):
    """The server ends it before it has chosen anything."""
    return broken(alert, "server", **{"tls_version": "", "cipher": "", "cert_state": "none",
                                      **facts})


def chosen(alert, alert_from, *more, **facts):
    """The handshake got as far as the server's certificate."""
    return broken(alert, alert_from, must=["tls_handshake_failed", *more],
                  **{"tls_version": "TLS1.2", "cipher": GCM256, "cert_state": "visible", **facts})


def refused(alert, host, *rules, name="mx.example.org", **options):
    """A client that looks at the certificate, and says what it does not like in it."""
    return (f"alert-{alert.replace('_', '-')}", host, 465, verifying(name=name, **options),
            implicit_chosen(alert, *rules, sni=name))


def implicit_chosen(alert, *rules, **facts):
    return chosen(alert, "client", *rules,
                  **{"mode": "implicit", "starttls": "none", "cipher": ECDSA256, **facts})


def overfull_hello():
    """Its list of extensions ends before the message does."""
    hello = middlebox.Hello(client_hello())
    hello.data[hello.extensions - 1] -= 1
    return bytes(hello.data)


SERVERS = [
    ("alert-protocol-version", "modern", 25, smtp(tls_fails(version="TLS1.1")),
     from_server("protocol_version")),
    ("alert-protocol-version-old-server", "tls12", 25, s_client_fails("-tls1_3"),
     from_server("protocol_version")),
    ("alert-handshake-failure", "mx", 25,
     s_client_fails("-tls1_2", "-cipher", "NULL-MD5:@SECLEVEL=0"),
     from_server("handshake_failure")),
    # The client has no certificate to show; the server's own part of the handshake is over.
    ("alert-no-client-certificate", "needs-client", 993,
     s_client("-tls1_2", status=1, then=()),
     chosen("handshake_failure", "server", mode="implicit", starttls="none")),
    # A web browser lured to a mail port (RFC 9325 s3.8).
    ("alert-no-application-protocol", "alpn", 993,
     s_client("-tls1_3", "-alpn", "http/1.1", status=1, then=()),
     broken_implicit("no_application_protocol", "server", tls_version="", cert_state="none")),
    ("alert-unrecognized-name", "names-only", 993,
     s_client("-tls1_2", "-servername", "mx.example.com", status=1, then=()),
     broken_implicit("unrecognized_name", "server", tls_version="", cert_state="none",
                     sni="mx.example.com")),
    # The same as a warning (RFC 6066 s3): the handshake goes on.
    ("alert-unrecognized-name-warning", "names-first", 993,
     s_client("-tls1_2", "-servername", "mx.example.com", then=("CLOSE",)),
     implicit("TLS1.2", GCM256, sni="mx.example.com", alert="|unrecognized_name",
              must=["certificate_name_mismatch"])),
    # Real clients behind a box that changes a byte of what they say.
    ("alert-illegal-parameter", "mx", 25, s_client_fails("-tls1_2", "-maxfraglen", "512"),
     from_server("illegal_parameter"),
     {"box": ChangeClientHello(middlebox.asking_for_odd_fragments)}),
    ("alert-missing-extension", "mx", 25, s_client_fails("-tls1_3"),
     from_server("missing_extension"),
     {"box": ChangeClientHello(hiding(middlebox.SIGNATURE_ALGORITHMS))}),
    # Both ends keep a record of the handshake, and the records differ: so do the keys ...
    ("alert-bad-record-mac", "mx", 25, s_client_fails(*LEGACY),
     chosen("bad_record_mac", "server", "insecure_renegotiation", secure_renegotiation=0),
     {"box": ChangeClientHello(middlebox.hiding_renegotiation)}),
    # ... or, in the older way to make keys, the proofs under them.
    ("alert-decrypt-error", "mx", 25,
     s_client_fails(*LEGACY, openssl="Options = -ExtendedMasterSecret\n"),
     chosen("decrypt_error", "server", "insecure_renegotiation", "no_extended_master_secret"),
     {"box": ChangeClientHello(middlebox.hiding_renegotiation)}),
    # Bytes that no TLS library would send.
    ("alert-decode-error", "mx", 25, smtp(binary(overfull_hello()), drain),
     from_server("decode_error")),
    ("alert-unexpected-message", "mx", 25, smtp(binary(b"\x16\3\1\0\4\x14\0\0\0"), drain),
     from_server("unexpected_message")),
    ("alert-record-overflow", "mx", 25, smtp(binary(b"\x16\3\1\xff\xff\1\0\xff\xfb\3\3"), drain),
     from_server("record_overflow")),
    # Scripted servers.
    ("alert-access-denied", "smtp-access-denied", 25, smtp(tls_fails(version="TLS1.2")),
     from_server("access_denied")),
    ("alert-insufficient-security", "smtp-insufficient", 25, smtp(tls_fails(version="TLS1.2")),
     from_server("insufficient_security")),
    ("alert-internal-error", "smtp-internal-error", 25, smtp(tls_fails()),
     from_server("internal_error")),
]

CLIENTS = [
    refused("certificate_expired", "expired", "certificate_expired"),
    refused("bad_certificate", "future", "certificate_not_yet_valid"),
    refused("certificate_revoked", "revoked", crl=True),
    refused("unsupported_certificate", "for-clients"),
    # It was told to want a policy that the certificate does not name.
    refused("certificate_unknown", "single", words=["-explicit_policy"]),
    ("alert-bad-certificate-wrong-name", "single", 465,
     verifying(name="imap.example.org", words=["-verify_hostname", "imap.example.org"]),
     implicit_chosen("bad_certificate", "certificate_name_mismatch", sni="imap.example.org")),
    ("alert-unknown-ca-curl", "selfsigned", 465,
     curl_mail("smtps", *tls_only("TLS1.2"), refuses=True),
     chosen("unknown_ca", "client", "certificate_self_signed", "certificate_name_mismatch",
            mode="implicit", starttls="none", sni="mail.example.org")),
    # Old servers, or a box that makes them look so: the client does not take the risk.
    ("alert-handshake-failure-legacy-server", "mx", 25, s_client_fails("-tls1_2"),
     chosen("handshake_failure", "client", "insecure_renegotiation", secure_renegotiation=0),
     {"box": ChangeClientHello(middlebox.hiding_renegotiation)}),
    # The server's signature covers both randoms, and it was given another one of the client's.
    ("alert-decrypt-error-signature", "mx", 25, s_client_fails("-tls1_2"),
     chosen("decrypt_error", "client"),
     {"box": ChangeClientHello(middlebox.spoiling_random)}),
    # The server seems to answer what was not asked.
    ("alert-unsupported-extension", "mx", 25, s_client_fails("-tls1_2"),
     chosen("unsupported_extension", "client", "no_extended_master_secret"),
     {"box": ChangeServerHello(renaming(middlebox.EXTENDED_MASTER_SECRET, middlebox.ALPN))}),
    # A user who changes his mind: two warnings (RFC 8446 s6.1), and the connection is closed.
    ("alert-user-canceled", "mx", 25,
     smtp(binary(client_hello()), hear_tls, binary(USER_CANCELED + CLOSE_NOTIFY), drain),
     broken("|user_canceled", "|client", tls_version="TLS1.2", cert_state="visible")),
]

ROWS = [*SERVERS, *CLIENTS]
