"""Scenarios that only a memory can judge: several sessions each, some of them of a second client
address or at other servers: (name, host, port, client, expected...).

An action of clients.in_turn has one session of the expected list after the other. A middlebox is
in the way of the scenario's own client address only; its neighbour has a free path.
"""
import middlebox
from clients import (HELO, at, by_neighbour, in_turn, leave, plain_message, s_client, scripted,
                     swaks, tls, tls_fails, wants)
from expect import ECDSA256, GCM256, Expected, broken, implicit, plaintext, upgraded

EHLO = f"EHLO {HELO}"
SNI = "mail.example.org"
# So many sessions with an offer, and a missing one means something (history_defaults).
BASELINE = 20


def smtp(*steps):
    return scripted("smtp", EHLO, *steps)


def starttls(*steps):
    return smtp(wants("STARTTLS", "220"), *steps)


def handshake(*versions, **options):
    """openssl s_client, told which versions to offer."""
    return s_client(*versions, starttls="smtp", **options)


FAILS = {"status": 1, "then": ()}
A_MESSAGE = smtp(*plain_message(), "QUIT")
IN_CLEAR = {"messages_cleartext": 1}
SECURED = upgraded("TLS1.2", GCM256)
NOTHING_DONE = plaintext("none|not_used", may=["starttls_not_used"])

FALLING_BACK = [
    ("fallback-to-version", "tls12", 25,
     in_turn(handshake("-tls1_3", **FAILS), handshake("-tls1_2")),
     broken("protocol_version", "server"),
     upgraded("TLS1.2", GCM256, must=["version_fallback"])),
    # Somebody breaks every connection that offers TLS 1.3. The client comes back with less and says
    # so, and the server, which has TLS 1.3, sees through it (RFC 7507).
    ("fallback-to-version-marked", "mx", 25,
     in_turn(starttls(tls_fails()), handshake("-tls1_2", "-fallback_scsv", **FAILS)),
     Expected({"starttls": "failed", "tls_version": ""}, may=["tls_handshake_failed"]),
     broken("inappropriate_fallback", "server", must=["fallback_scsv", "version_fallback"],
            may=["tls_handshake_failed"]),
     {"box": middlebox.BreakTls13()}),
    # Another try with the same versions is no fallback.
    ("failed-and-tried-again", "mx", 25,
     in_turn(handshake("-tls1_2", "-cipher", "NULL-MD5:@SECLEVEL=0", **FAILS),
             handshake("-tls1_2")),
     broken("handshake_failure", "server"), SECURED),
    ("fallback-to-plaintext", "mx", 25,
     in_turn(handshake("-tls1_2", "-verify_return_error", **FAILS), A_MESSAGE),
     broken("unknown_ca", "client", cert_state="visible"),
     plaintext("not_used", must=["plaintext_fallback"], **IN_CLEAR)),
    # One client's failure is not another's.
    ("failed-for-neighbour", "mx", 25,
     in_turn(by_neighbour(handshake("-tls1_2", "-verify_return_error", **FAILS)), A_MESSAGE),
     broken("unknown_ca", "client", cert_state="visible").by_neighbour(),
     plaintext("not_used", **IN_CLEAR)),
    # The server had TLS 1.2 for another client, and this one's offer is made to look old. The mark
    # in the server's random tells it so (RFC 8446 s4.1.3).
    ("version-drop", "mx", 25,
     in_turn(by_neighbour(handshake("-tls1_2")), handshake("-no_tls1_3", **FAILS)),
     SECURED.by_neighbour(),
     broken("illegal_parameter", "client", tls_version="TLS1.0", cert_state="visible",
            must=["version_drop", "downgrade_marker", "tls_handshake_failed"],
            may=["tls10", "cbc_cipher"]),
     {"box": middlebox.ChangeClientHello(middlebox.lowering_version)}),
]

OFFERS = [
    # The offer is gone for one client only.
    ("offer-gone-for-one", "mx", 25,
     in_turn(by_neighbour(handshake("-tls1_2")), swaks("--tls-optional")),
     SECURED.by_neighbour(),
     plaintext("not_offered", must=["starttls_path_dependent"], **IN_CLEAR),
     {"box": middlebox.RemoveKeyword()}),
    ("offer-masked-for-one", "mx", 25,
     in_turn(by_neighbour(handshake("-tls1_2")), swaks("--tls-optional")),
     SECURED.by_neighbour(),
     plaintext("stripped", must=["starttls_path_dependent"], **IN_CLEAR),
     {"box": middlebox.MaskKeyword()}),
    ("offer-gone-after-many", "steady", 25,
     in_turn(*[by_neighbour(smtp(leave))] * BASELINE, swaks("--tls-optional")),
     *[NOTHING_DONE.by_neighbour()] * BASELINE,
     plaintext("not_offered", must=["starttls_withheld", "starttls_path_dependent"], **IN_CLEAR),
     {"box": middlebox.RemoveKeyword()}),
]

CERTIFICATES = [
    ("certificate-changed", "smtp-renewed", 25,
     in_turn(*[starttls(tls(version="TLS1.2"), "QUIT")] * 2),
     upgraded("TLS1.2", GCM256, sni=SNI),
     upgraded("TLS1.2", ECDSA256, sni=SNI, must=["certificate_changed"])),
    ("certificate-key-reused", "mx", 465,
     in_turn(*[at(host, s_client("-tls1_2")) for host in ("mx", "modern", "tls12")]),
     *[implicit("TLS1.2", GCM256).at(host) for host in ("mx", "modern")],
     implicit("TLS1.2", GCM256, must=["certificate_key_reused"]).at("tls12")),
]

ROWS = [*FALLING_BACK, *OFFERS, *CERTIFICATES]
