"""Scenarios about the server's certificate: (name, host, port, client, expected...).

They run in TLS 1.2, where a certificate shows. The sensor is given the lab's own root to trust,
and like any root it is held to the rules of public trust. Certificates that no TLS client would
ask for here are left to byte-built tests: DSA and GOST keys, MD5 signatures, broken DER.
"""
from clients import s_client
from expect import ECDSA256, GCM256, implicit

MX = "mx.example.org"


def specimen(host, must=(), name=None, sni=MX, words=(), **facts):
    """A handshake with a server whose certificate differs from an ordinary one in one respect."""
    return (f"certificate-{name or host}", host, 465,
            s_client("-tls1_2", "-servername", sni, *words),
            implicit("TLS1.2", facts.pop("cipher", ECDSA256), must=must, sni=sni,
                     **{**ORDINARY, **facts}))


ORDINARY = {
    "cert_subject": f"CN={MX}", "cert_names": MX, "cert_validity_days": 91,
    "cert_key": "EC P-256", "cert_key_bits": 256, "cert_signature": "sha256WithRSAEncryption",
    "cert_scope": "single", "cert_validation": "unknown", "cert_chain_len": 1,
    "cert_trust": "trusted",
}
RSA = {"cipher": GCM256, "cert_key": "RSA", "cert_key_bits": 2048}

ROWS = [
    specimen("mx", name="good", **RSA, cert_names=f"{MX},mail.example.org", cert_scope="multi"),
    specimen("single"),
    # Dates.
    specimen("expired", ["certificate_expired"], cert_trust="expired", cert_validity_days=90),
    specimen("future", ["certificate_not_yet_valid"], cert_validity_days=90),
    specimen("900-days", ["certificate_validity_too_long"], cert_validity_days=900),
    # The issuer's certificate has ended, and with it what it vouched for.
    specimen("old-issuer", cert_chain_len=2, cert_trust="expired"),
    # Keys and signatures.
    specimen("rsa-1024", ["certificate_weak_key"], **{**RSA, "cert_key_bits": 1024}),
    specimen("p-192", ["certificate_weak_key"], cert_key="EC P-192", cert_key_bits=192,
             words=("-groups", "X25519:P-192")),
    specimen("sha-1", ["certificate_weak_signature"], cert_signature="sha1WithRSAEncryption"),
    # Trust.
    specimen("selfsigned", ["certificate_self_signed"], **RSA, cert_trust="self_signed",
             cert_validity_days="90|91"),
    specimen("orphan", ["certificate_incomplete_chain"], cert_trust="incomplete"),
    specimen("whole-chain", cert_chain_len=2),
    specimen("strange-root", ["certificate_untrusted"], cert_chain_len=2, cert_trust="untrusted"),
    # Names. A wildcard stands for one label (RFC 9525 s6.3), a common name for none (s6.3).
    specimen("san", cert_names=f"{MX},mail.example.org,imap.example.org", cert_scope="multi"),
    specimen("wildcard", cert_subject="CN=*.example.org", cert_names="*.example.org",
             cert_scope="wildcard"),
    specimen("wildcard", ["certificate_name_mismatch"], name="wildcard-two-labels",
             sni="a.mx.example.org", cert_subject="CN=*.example.org",
             cert_names="*.example.org", cert_scope="wildcard"),
    specimen("single", ["certificate_name_mismatch"], name="wrong-name", sni="mx.example.net"),
    specimen("no-names", ["certificate_name_mismatch"], cert_names="", cert_scope=""),
    # How the name was checked before the certificate was issued.
    specimen("dv", cert_validation="DV"),
    specimen("ov", cert_validation="OV", cert_subject=f"CN={MX},O=Waxseal Lab,C=CH"),
    specimen("iv", cert_validation="IV", cert_subject="CN=Wanda Wax"),
    specimen("ev", cert_validation="EV",
             cert_subject=f"CN={MX},serialNumber=CHE-000.000.000,O=Waxseal Lab,C=CH"),
]
