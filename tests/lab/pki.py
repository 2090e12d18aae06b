"""A certificate authority of our own and the servers' certificates, made afresh for each run."""
import base64
import datetime
import os
import subprocess

CONFIG = """
[req]
distinguished_name = none
prompt = no
[none]
[ca]
new_certs_dir = {directory}
database = {directory}/index
crlnumber = {directory}/crlnumber
unique_subject = no
rand_serial = yes
default_md = sha256
policy = any
[any]
countryName = optional
organizationName = optional
serialNumber = optional
commonName = supplied
"""
RSA = ("RSA", "-pkeyopt", "rsa_keygen_bits:2048")
RSA_1024 = ("RSA", "-pkeyopt", "rsa_keygen_bits:1024")
P256 = ("EC", "-pkeyopt", "ec_paramgen_curve:P-256")
P192 = ("EC", "-pkeyopt", "ec_paramgen_curve:P-192")

# Published primes of finite-field Diffie-Hellman. RFC 2409 s6.2: what old servers shipped with.
OAKLEY_GROUP_2 = (
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74"
    "020BBEA63B139B22514A08798E3404DDEF9519B3CD3A431B302B0A6DF25F1437"
    "4FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED"
    "EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE65381FFFFFFFFFFFFFFFF")

AUTHORITY = ["basicConstraints = critical, CA:TRUE", "keyUsage = critical, keyCertSign, cRLSign",
             "subjectKeyIdentifier = hash"]
# How a name was checked before the certificate was issued (CA/Browser Forum BR s7.1.6.1).
POLICIES = {"DV": "2.23.140.1.2.1", "OV": "2.23.140.1.2.2", "IV": "2.23.140.1.2.3",
            "EV": "2.23.140.1.1"}
CN = "/CN=mx.example.org"
COMPANY = "/C=CH/O=Waxseal Lab" + CN


def leaf(*names, policy=None, purposes="serverAuth, clientAuth"):
    """The extensions of a server's certificate."""
    lines = ["basicConstraints = critical, CA:FALSE", "keyUsage = critical, digitalSignature, "
             "keyEncipherment", f"extendedKeyUsage = {purposes}", "subjectKeyIdentifier = hash",
             "authorityKeyIdentifier = keyid"]
    if names:
        lines.append("subjectAltName = " + ", ".join("DNS:" + name for name in names))
    if policy:
        lines.append("certificatePolicies = " + POLICIES[policy])
    return lines


MX = leaf("mx.example.org")
# Certificates that differ from an ordinary one in one respect. Each is served at an address of the
# same name (servers.HOSTS): a rule that looks across servers then sees different ones.
SPECIMENS = {
    "expired": {"days": (-100, -10)},
    "future": {"days": (30, 120)},
    "900-days": {"days": (-1, 899)},
    "rsa-1024": {"key": RSA_1024},
    "p-192": {"key": P192},
    "sha-1": {"digest": "sha1"},
    "orphan": {"issuer": "intermediate"},
    "whole-chain": {"issuer": "intermediate", "also_sent": ["intermediate"]},
    "old-issuer": {"issuer": "old-intermediate", "also_sent": ["old-intermediate"]},
    "strange-root": {"issuer": "stranger", "also_sent": ["stranger"]},
    "single": {},
    "san": {"extensions": leaf("mx.example.org", "mail.example.org", "imap.example.org")},
    "wildcard": {"subject": "/CN=*.example.org", "extensions": leaf("*.example.org")},
    "no-names": {"extensions": leaf()},
    "dv": {"extensions": leaf("mx.example.org", policy="DV")},
    "ov": {"subject": COMPANY, "extensions": leaf("mx.example.org", policy="OV")},
    "ev": {"subject": COMPANY + "/serialNumber=CHE-000.000.000",
           "extensions": leaf("mx.example.org", policy="EV")},
    "iv": {"subject": "/CN=Wanda Wax", "extensions": leaf("mx.example.org", policy="IV")},
    "for-clients": {"extensions": leaf("mx.example.org", purposes="clientAuth")},
    "revoked": {},
}


class Pki:
    """Files in `directory`: NAME.pem holds key and chain of a server, root.crt is the trust
    anchor, crl.pem lists what was revoked."""

    def __init__(self, directory):
        self.directory = directory
        self.now = datetime.datetime.now(datetime.timezone.utc)
        os.mkdir(directory)
        for name, text in (("openssl.cnf", CONFIG.format(directory=directory)), ("index", ""),
                           ("crlnumber", "01\n")):
            self._write(name, text)
        self.ca, self.crl = self.path("root.crt"), self.path("crl.pem")
        for name in ("root", "stranger"):
            self._sign_itself(name, f"/O=Waxseal Lab/CN=Waxseal Lab {name.title()}", AUTHORITY)
        for name, days in (("intermediate", (-1, 900)), ("old-intermediate", (-900, -10))):
            self._issue(name, RSA, subject=f"/O=Waxseal Lab/CN=Waxseal Lab {name.title()}",
                        extensions=AUTHORITY, days=days)
        both = leaf("mx.example.org", "mail.example.org")
        self._issue("mx", RSA, extensions=both)
        self._issue("ecdsa", extensions=both)
        self._issue("client", subject="/CN=client.example.net",
                    extensions=leaf("client.example.net"))
        self._sign_itself("selfsigned", CN, MX)
        for name, how in SPECIMENS.items():
            self._issue(name, **how)
        self._revoke("revoked")
        self._prime("oakley2", OAKLEY_GROUP_2)
        self._openssl("genpkey", "-genparam", "-algorithm", "DH", "-pkeyopt", "group:ffdhe2048",
                      "-out", self.pem("ffdhe2048"))

    def path(self, name):
        return os.path.join(self.directory, name)

    def pem(self, name):
        return self.path(name + ".pem")

    def _sign_itself(self, name, subject, extensions):
        self._request(name, RSA, subject, extensions)
        self._openssl("x509", "-req", "-in", self.path(name + ".csr"), "-signkey",
                      self.path(name + ".key"), "-days", "90", "-extfile",
                      self.path(name + ".ext"), "-out", self.path(name + ".crt"))
        self._bundle(name)

    def _issue(self, name, key=P256, issuer="root", subject=CN, extensions=MX, days=(-1, 90),
               digest="sha256", also_sent=()):
        """A certificate that is valid from days[0] to days[1] of now. Its dates are its own: an
        issuer that has ended signs all the same."""
        self._request(name, key, subject, extensions)
        start, end = (self.now + datetime.timedelta(days=d) for d in days)
        # The last second belongs to the time of validity (RFC 5280 s4.1.2.5).
        end -= datetime.timedelta(seconds=1)
        self._openssl("ca", *self._as(issuer), "-batch", "-notext", "-md", digest, "-in",
                      self.path(name + ".csr"), "-extfile", self.path(name + ".ext"),
                      "-startdate", _stamp(start), "-enddate", _stamp(end),
                      "-out", self.path(name + ".crt"))
        self._bundle(name, *also_sent)

    def _revoke(self, name):
        self._openssl("ca", *self._as("root"), "-revoke", self.path(name + ".crt"))
        self._openssl("ca", *self._as("root"), "-gencrl", "-crldays", "30", "-out", self.crl)

    def _as(self, issuer):
        return ("-config", self.path("openssl.cnf"), "-name", "ca", "-cert",
                self.path(issuer + ".crt"), "-keyfile", self.path(issuer + ".key"))

    def _request(self, name, key, subject, extensions):
        self._openssl("genpkey", "-algorithm", *key, "-out", self.path(name + ".key"))
        self._write(name + ".ext", "\n".join(extensions) + "\n")
        self._openssl("req", "-new", "-config", self.path("openssl.cnf"), "-key",
                      self.path(name + ".key"), "-subj", subject,
                      "-out", self.path(name + ".csr"))

    def _bundle(self, name, *also_sent):
        """Key and own certificate in one file, as Postfix, Dovecot and Python all read it. The
        issuer is not sent unless named: `orphan` is the incomplete chain."""
        text = ""
        for part in (name + ".key", name + ".crt", *(issuer + ".crt" for issuer in also_sent)):
            with open(self.path(part), encoding="ascii") as file:
                text += file.read()
        self._write(name + ".pem", text)

    def _prime(self, name, prime_hex):
        """DH parameters (PKCS #3) of a prime that OpenSSL has no name for, with generator 2."""
        prime = b"\0" + bytes.fromhex(prime_hex)
        der = _der(0x30, _der(0x02, prime) + _der(0x02, b"\2"))
        self._write(name + ".pem", "-----BEGIN DH PARAMETERS-----\n"
                    + base64.encodebytes(der).decode() + "-----END DH PARAMETERS-----\n")

    def _write(self, name, text):
        with open(self.path(name), "w", encoding="ascii") as file:
            file.write(text)

    @staticmethod
    def _openssl(*words):
        done = subprocess.run(["openssl", *words], capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"openssl {words[0]}: {done.stderr.strip()}")


def _der(tag, content):
    assert len(content) < 0x10000
    length = bytes([len(content)]) if len(content) < 0x80 else \
        b"\x82" + len(content).to_bytes(2, "big")
    return bytes([tag]) + length + content


def _stamp(moment):
    return moment.strftime("%Y%m%d%H%M%SZ")
