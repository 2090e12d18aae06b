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
[root_extensions]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[self_signed_leaf]
subjectAltName = ${{ENV::SAN}}
[leaf]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature, keyEncipherment
extendedKeyUsage = serverAuth, clientAuth
subjectAltName = ${{ENV::SAN}}
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[any]
organizationName = optional
commonName = supplied
[root]
certificate = {directory}/root.crt
private_key = {directory}/root.key
new_certs_dir = {directory}
database = {directory}/index
unique_subject = no
rand_serial = yes
policy = any
[intermediate]
certificate = {directory}/intermediate.crt
private_key = {directory}/intermediate.key
new_certs_dir = {directory}
database = {directory}/index
unique_subject = no
rand_serial = yes
policy = any
"""
RSA = ("RSA", "-pkeyopt", "rsa_keygen_bits:2048")
RSA_1024 = ("RSA", "-pkeyopt", "rsa_keygen_bits:1024")
# RFC 2409 s6.2: the 1024-bit prime that old servers shipped with.
OAKLEY_GROUP_2 = (
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74"
    "020BBEA63B139B22514A08798E3404DDEF9519B3CD3A431B302B0A6DF25F1437"
    "4FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED"
    "EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE65381FFFFFFFFFFFFFFFF")
P256 = ("EC", "-pkeyopt", "ec_paramgen_curve:P-256")


class Pki:
    """Files in `directory`: NAME.pem holds key and chain of a server, ca.pem the trust anchor."""

    def __init__(self, directory):
        self.directory = directory
        os.mkdir(directory)
        with open(self.path("openssl.cnf"), "w", encoding="ascii") as config:
            config.write(CONFIG.format(directory=directory))
        with open(self.path("index"), "w", encoding="ascii"):
            pass
        self._authority("root", "Waxseal Lab Root")
        self._issue("intermediate", RSA, issuer="root", common_name="Waxseal Lab Intermediate",
                    extensions="root_extensions", days=(-1, 900))
        self._issue("mx", RSA)
        self._issue("ecdsa", P256)
        self._issue("expired", RSA, days=(-100, -10))
        self._issue("future", RSA, days=(30, 120))
        self._issue("weak", RSA_1024, digest="sha1")
        self._issue("wildcard", RSA, common_name="*.example.org", names="DNS:*.example.org")
        self._issue("orphan", RSA, issuer="intermediate")
        self._issue("client", RSA, common_name="client.example.net", names="DNS:client.example.net")
        self._self_signed("selfsigned")
        self._authority("stranger", "Waxseal Lab Stranger")
        self._known_group("dh1024", OAKLEY_GROUP_2)
        self._openssl("genpkey", "-genparam", "-algorithm", "DH", "-pkeyopt", "group:ffdhe2048",
                      "-out", self.path("dh2048.pem"))
        self.ca = self.path("root.crt")
        self.strangers_ca = self.path("stranger.crt")

    def path(self, name):
        return os.path.join(self.directory, name)

    def pem(self, name):
        return self.path(name + ".pem")

    def _authority(self, name, common_name):
        self._key(name, RSA)
        self._openssl("req", "-x509", "-config", self.path("openssl.cnf"), "-key",
                      self.path(name + ".key"), "-subj", f"/O=Waxseal Lab/CN={common_name}",
                      "-days", "3650", "-extensions", "root_extensions",
                      "-out", self.path(name + ".crt"))

    def _self_signed(self, name):
        self._key(name, RSA)
        self._openssl("req", "-x509", "-config", self.path("openssl.cnf"), "-key",
                      self.path(name + ".key"), "-subj", "/CN=mx.example.org", "-days", "90",
                      "-extensions", "self_signed_leaf", "-out", self.path(name + ".crt"),
                      names="DNS:mx.example.org")
        self._bundle(name)

    def _issue(self, name, key, issuer="root", common_name="mx.example.org",
               names="DNS:mx.example.org,DNS:mail.example.org", days=(-1, 90),
               digest="sha256", extensions="leaf"):
        self._key(name, key)
        self._openssl("req", "-new", "-config", self.path("openssl.cnf"), "-key",
                      self.path(name + ".key"), "-subj", f"/CN={common_name}",
                      "-out", self.path(name + ".csr"), names=names)
        start, end = (_stamp(d) for d in days)
        self._openssl("ca", "-batch", "-notext", "-config", self.path("openssl.cnf"), "-name",
                      issuer, "-in", self.path(name + ".csr"), "-out", self.path(name + ".crt"),
                      "-startdate", start, "-enddate", end, "-md", digest,
                      "-extensions", extensions, names=names)
        self._bundle(name)

    def _key(self, name, key):
        self._openssl("genpkey", "-algorithm", *key, "-out", self.path(name + ".key"))

    def _bundle(self, name):
        """Key and own certificate in one file, as Postfix, Dovecot and Python all read it. The root
        is not sent, and neither is the intermediate: `orphan` is the incomplete chain."""
        with open(self.pem(name), "w", encoding="ascii") as bundle:
            for part in (".key", ".crt"):
                with open(self.path(name + part), encoding="ascii") as text:
                    bundle.write(text.read())

    def _known_group(self, name, prime_hex):
        """DH parameters (PKCS #3) of a published prime with generator 2."""
        prime = b"\0" + bytes.fromhex(prime_hex)
        der = _der(0x30, _der(0x02, prime) + _der(0x02, b"\2"))
        with open(self.pem(name), "w", encoding="ascii") as file:
            file.write("-----BEGIN DH PARAMETERS-----\n"
                       + base64.encodebytes(der).decode() + "-----END DH PARAMETERS-----\n")

    def _openssl(self, *words, names="DNS:unused.example.org"):
        done = subprocess.run(["openssl", *words], env={**os.environ, "SAN": names},
                              capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"openssl {words[0]}: {done.stderr.strip()}")


def _der(tag, content):
    assert len(content) < 0x10000
    length = bytes([len(content)]) if len(content) < 0x80 else \
        b"\x82" + len(content).to_bytes(2, "big")
    return bytes([tag]) + length + content


def _stamp(days):
    moment = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days)
    return moment.strftime("%Y%m%d%H%M%SZ")
