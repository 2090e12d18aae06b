"""What a session must look like in the sensor's events, told from what the lab did.

An expectation is a table of fields in the names of the session event. A field that is not in the
table is not compared; a value may list alternatives with `|` where the contract leaves a choice.
Findings are compared in two ways. Rules in DECIDED follow from what was done alone, so every one
of them that is not expected must be absent. All other rules (on certificates seen elsewhere, on
offers, on a profile's taste) are only compared when a scenario names them.
"""
import copy

FIELDS = (
    "protocol", "role", "mode", "starttls", "tls_state", "tls_version", "cipher", "group",
    "dh_bits", "dh_prime", "kx_signature", "encrypt_then_mac", "secure_renegotiation", "sni",
    "resumed", "hello_retry", "alert", "alert_from", "cert_state", "cert_subject", "cert_names",
    "cert_validity_days", "cert_key", "cert_key_bits", "cert_signature", "cert_scope",
    "cert_validation", "cert_chain_len", "cert_trust", "client_cert_subject", "auth",
    "auth_mechanism", "messages_cleartext",
)

DECIDED = frozenset("""
    plaintext_session auth_in_clear message_in_clear cleartext_on_tls_port
    starttls_not_offered starttls_not_used starttls_stripped starttls_refused
    cleartext_after_go_ahead command_injection response_injection imap_preauth
    imap_data_before_tls tls_handshake_failed plaintext_fallback version_fallback
    downgrade_marker fallback_scsv ssl2 ssl3 tls10 tls11 null_cipher anonymous_key_exchange
    export_cipher broken_cipher triple_des static_rsa static_dh finite_field_dh cbc_cipher
    weak_dh_group weak_curve tls_compression insecure_renegotiation no_extended_master_secret
    heartbleed_probe certificate_expired certificate_not_yet_valid certificate_self_signed
    certificate_untrusted certificate_incomplete_chain certificate_name_mismatch
    certificate_weak_key certificate_weak_signature
""".split())

PORTS = {
    24: ("lmtp", "delivery"), 25: ("smtp", "relay"), 2525: ("smtp", "submission"),
    465: ("smtp", "submission"), 587: ("smtp", "submission"), 110: ("pop3", "access"),
    995: ("pop3", "access"), 143: ("imap", "access"), 993: ("imap", "access"),
    4190: ("sieve", "access"),
}

# IANA names of the suites that scenarios ask for.
GCM256 = "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"
CBC1 = "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA"
ECDSA256 = "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"
TLS13 = "TLS_AES_256_GCM_SHA384"
INSIDE = "inside_tls_unknown|none"

# Findings that one fact alone decides.
BY_STARTTLS = {"not_offered": "starttls_not_offered", "not_used": "starttls_not_used",
               "stripped": "starttls_stripped", "refused": "starttls_refused"}
BY_VERSION = {"TLS1.0": "tls10", "TLS1.1": "tls11"}
BY_SUITE = {"_NULL_": "null_cipher", "_anon_": "anonymous_key_exchange",
            "TLS_RSA_": "static_rsa", "TLS_DHE_": "finite_field_dh"}


class Expected:
    """The facts and findings of one session. Unless said otherwise it is between the scenario's
    own client address and its own server."""

    def __init__(self, facts, must=(), may=()):
        self.facts, self.from_neighbour, self.host = facts, False, None
        self.must = {*must, *self._implied()}
        self.may = set(may) - self.must
        unknown = set(facts) - set(FIELDS)
        assert not unknown, f"not fields of the session event: {unknown}"

    def by_neighbour(self):
        """The same session from the scenario's second client address."""
        other = copy.copy(self)
        other.from_neighbour = True
        return other

    def at(self, host):
        """The same session at another server."""
        other = copy.copy(self)
        other.host = host
        return other

    def _implied(self):
        get = self.facts.get
        if get("starttls") in BY_STARTTLS:
            yield BY_STARTTLS[get("starttls")]
        if get("auth") == "cleartext":
            yield "auth_in_clear"
        if get("messages_cleartext") not in (0, None):
            yield "message_in_clear"
        if get("mode") == "plaintext" and {"auth_in_clear", "message_in_clear"} & set(
                self._exposures()):
            yield "plaintext_session"
        if get("tls_state") == "established":
            if get("tls_version") in BY_VERSION:
                yield BY_VERSION[get("tls_version")]
            for part, rule in BY_SUITE.items():
                if part in get("cipher", ""):
                    yield rule

    def _exposures(self):
        if self.facts.get("auth") == "cleartext":
            yield "auth_in_clear"
        if self.facts.get("messages_cleartext") not in (0, None):
            yield "message_in_clear"


def plaintext(starttls, *, must=(), may=(), **facts):
    """A session that never got to TLS."""
    return Expected({"mode": "plaintext", "starttls": starttls, "tls_state": "none",
                     "tls_version": "", "cipher": "", "auth": "none", "auth_mechanism": "",
                     "messages_cleartext": 0, **facts},
                    must, {"plaintext_session", *may})


def never_began(**facts):
    """STARTTLS granted, and then not one byte of TLS from the client."""
    return plaintext("failed", **{"tls_state": "none|failed", **facts})


def upgraded(version, cipher, *, must=(), may=(), **facts):
    """STARTTLS asked for, granted, and the handshake completed."""
    return Expected({"mode": "starttls", "starttls": "upgraded", "tls_state": "established",
                     "tls_version": version, "cipher": cipher, "auth": INSIDE,
                     "messages_cleartext": 0, "resumed": 0, "hello_retry": 0, "alert": "",
                     "cert_state": "hidden_tls13" if version == "TLS1.3" else "visible", **facts},
                    must, may)


def implicit(version, cipher, *, must=(), may=(), **facts):
    """TLS from the first byte."""
    return upgraded(version, cipher, must=must, may=may,
                    **{"mode": "implicit", "starttls": "none", **facts})


def broken(alert, alert_from, *, must=("tls_handshake_failed",), may=(), **facts):
    """STARTTLS granted, and the handshake ended by an alert."""
    return Expected({"starttls": "failed", "tls_state": "failed", "alert": alert,
                     "alert_from": alert_from, "auth": "none", "messages_cleartext": 0, **facts},
                    must, may)


def broken_implicit(alert, alert_from, **facts):
    return broken(alert, alert_from, **{"mode": "implicit", "starttls": "none", **facts})
