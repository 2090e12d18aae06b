"""The clients: real programs, the sending Postfix, and a scripted one for exact bytes.

Every function here returns an action, a function of a Talk, that holds the whole client side of one
scenario. An action raises when the client did not do what the scenario says it does.
"""
import base64
import copy
import hashlib
import hmac
import os
import secrets
import ssl
import string
import time

import net
import servers
from peer import Peer, client_tls

LIMIT_S = 20
HELO = "client.example.net"
SENDER, READER = "sender@example.net", "reader@example.org"


class Failed(Exception):
    """A client did something else than the scenario wants."""


class Planted:
    """What must never leave the sensor: a login and the text of a message, random every time."""

    def __init__(self):
        self.user = "u" + secrets.token_hex(8)
        self.password = "p" + secrets.token_hex(8)
        self.text = "t" + secrets.token_hex(12)

    def encoded(self):
        """The forms that logins have on the wire; `wrong` is a login that fails."""
        return {"plain": _base64(f"\0{self.user}\0{self.password}"),
                "wrong": _base64(f"\0{self.user}\0no{self.password}"),
                "user64": _base64(self.user), "password64": _base64(self.password)}

    def strings(self):
        return [self.user, self.password, self.text, *self.encoded().values()]


class Talk:
    """One scenario while it runs: where the server is, what to say, and where to keep files."""

    def __init__(self, lab, scenario, directory):
        self.network, self.pki, self.sender = lab.network, lab.pki, lab.sender
        self.scenario, self.planted = scenario, lab.planted[scenario.name]
        self.address, self.port = scenario.server_ip, scenario.port
        self.directory = directory
        self.message = message(self.planted.text)

    def file(self, name, text=None):
        path = os.path.join(self.directory, name)
        if text is not None:
            with open(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w",
                      encoding="ascii", newline="") as file:
                file.write(text)
        return path

    def run(self, argv, status=0, stdin="", openssl=""):
        """Run a client program that must end with `status`. `openssl` adds lines to the library's
        defaults, which here allow every version and suite it knows."""
        defaults = self.file("openssl.cnf", OPENSSL_DEFAULTS + openssl)
        done = self.network.client.run(
            argv, input=stdin.encode(), capture_output=True, timeout=LIMIT_S, cwd=self.directory,
            env={**os.environ, "PATH": net.SEARCH_PATH, "OPENSSL_CONF": defaults,
                 "HOME": self.directory, "FETCHMAILHOME": self.directory})
        if done.returncode != status:
            said = (done.stdout[-1500:] + done.stderr[-1500:]).decode(errors="replace")
            raise Failed(f"{argv[0]} ended with {done.returncode}, wanted {status}\n{said}")

    def connect(self):
        with self.network.client.inside():
            return Peer.connect(self.address, self.port)

    def fill(self, template):
        """Put the planted words into a line: $user $password $plain $wrong $user64 $password64,
        and their lengths for literals as $user_n and so on."""
        words = {"user": self.planted.user, "password": self.planted.password,
                 **self.planted.encoded()}
        lengths = {f"{name}_n": len(word) for name, word in words.items()}
        return string.Template(template).substitute(words, **lengths)


OPENSSL_DEFAULTS = """
openssl_conf = start
[start]
ssl_conf = ssl
[ssl]
system_default = defaults
[defaults]
MinProtocol = TLSv1
CipherString = DEFAULT:@SECLEVEL=0
"""


def message(text):
    return (f"From: <{SENDER}>\r\nTo: <{READER}>\r\nSubject: lab\r\n"
            f"Message-ID: <lab@example.net>\r\n\r\n{text}\r\n")


def _base64(text):
    return base64.b64encode(text.encode()).decode()


# Several conversations in one scenario.

def in_turn(*actions):
    def action(talk):
        for each in actions:
            each(talk)
    return action


def by_neighbour(inner):
    """The same from the scenario's second client address."""
    def action(talk):
        talk.network.speak_as(talk.scenario.neighbour_ip)
        inner(talk)
        talk.network.speak_as(talk.scenario.client_ip)
    return action


def at(host, inner):
    """The same with another server of servers.HOSTS."""
    def action(talk):
        elsewhere = copy.copy(talk)
        elsewhere.address = net.server_address(servers.HOSTS[host])
        inner(elsewhere)
    return action


# Programs.

def swaks(*words, version=None, body=None):
    """swaks sends one message."""
    names = {"TLS1.0": "tlsv1", "TLS1.1": "tlsv1_1", "TLS1.2": "tlsv1_2", "TLS1.3": "tlsv1_3"}

    def action(talk):
        argv = ["swaks", "--server", talk.address, "--port", str(talk.port), "--helo", HELO,
                "--from", SENDER, "--to", READER, "--data", "-", *map(talk.fill, words)]
        if version:
            argv += ["--tls-protocol", names[version]]
        talk.run(argv, stdin=body or talk.message)
    return action


def login(mechanism):
    """swaks's words for a login."""
    return ("--auth", mechanism, "--auth-user", "$user", "--auth-password", "$password")


def curl(scheme, *words, path="", refuses=False):
    """curl reads the mailbox, or whatever the path says. It sends the name as SNI, so the address
    comes from --resolve and not from the URL. `refuses`: it looks at the certificate, and ends."""
    def action(talk):
        name = "mail.example.org"
        address = f"[{talk.address}]" if ":" in talk.address else talk.address
        trust, status = (("--cacert", talk.pki.ca), 60) if refuses else (("-k",), 0)
        talk.run(["curl", "-sS", *trust, "--max-time", "10", "--resolve",
                  f"{name}:{talk.port}:{address}",
                  f"{scheme}://{name}:{talk.port}/{path}", *map(talk.fill, words)], status)
    return action


def curl_mail(scheme, *words, refuses=False):
    """curl sends one message."""
    def action(talk):
        curl(scheme, "--mail-from", SENDER, "--mail-rcpt", READER, "-T",
             talk.file("message", talk.message), *words, path=HELO, refuses=refuses)(talk)
    return action


ACCOUNT = ("--user", "$user:$password")


def tls_only(version):
    number = version.removeprefix("TLS")
    return (f"--tlsv{number}", "--tls-max", number)


def s_client(*words, starttls=None, status=0, then=("QUIT",), openssl=""):
    """openssl s_client: the handshake, then the lines of `then`, until the server closes."""
    def action(talk):
        address = f"[{talk.address}]" if ":" in talk.address else talk.address
        argv = ["openssl", "s_client", "-quiet", "-ign_eof", "-crlf", "-connect",
                f"{address}:{talk.port}", *words]
        if starttls:
            argv += ["-starttls", starttls, "-name", HELO]
        talk.run(argv, status, "".join(talk.fill(line) + "\n" for line in then), openssl)
    return action


def s_client_twice(*words, starttls=None):
    """Two connections: the second resumes the session of the first."""
    def action(talk):
        kept = talk.file("session")
        for option in ("-sess_out", "-sess_in"):
            s_client(*words, option, kept, starttls=starttls, then=("EHLO " + HELO, "QUIT"))(talk)
    return action


def s_client_renegotiates(*words, status=0):
    """openssl s_client asks for a second handshake inside the first, and leaves. It takes its
    letter of command from a piece of input of its own, so the input has to pause."""
    def action(talk):
        talk.run(["sh", "-c", '(sleep 0.3; echo R; sleep 1) | "$@"', "sh", "openssl", "s_client",
                  "-starttls", "smtp", "-name", HELO, "-connect", f"{talk.address}:{talk.port}",
                  *words], status)
    return action


def verifying(name, words=(), crl=False):
    """openssl s_client and a certificate that it refuses, with the lab's root to trust, and on
    demand with its list of what was revoked."""
    def action(talk):
        listed = ("-crl_check", "-CRL", talk.pki.crl) if crl else ()
        s_client("-tls1_2", "-servername", name, "-verify_return_error", "-CAfile", talk.pki.ca,
                 *listed, *words, status=1, then=())(talk)
    return action


def fetchmail(protocol, tls_words, server_words=""):
    """fetchmail takes the one message; it asks for STARTTLS on its own where it is offered."""
    def action(talk):
        config = talk.file("fetchmailrc", talk.fill(
            f"poll mail.example.org via {talk.address} protocol {protocol} port {talk.port} "
            f'{server_words} user "$user" password "$password" keep fetchall no sslcertck '
            f'{tls_words} mda "cat >/dev/null"\n'))
        talk.run(["fetchmail", "--nosyslog", "--nodetach", "--pidfile", talk.file("pid"),
                  "-f", config])
    return action


def mbsync(tls_type):
    """mbsync copies the mailbox. It insists on a certificate that it knows, so it is given it."""
    def action(talk):
        config = talk.file("mbsyncrc", talk.fill(
            f"IMAPAccount lab\nHost {talk.address}\nPort {talk.port}\nUser $user\n"
            f"Pass $password\nSSLType {tls_type}\nAuthMechs LOGIN\n"
            f"CertificateFile {talk.pki.path('mx.crt')}\nSystemCertificates no\n\n"
            "IMAPStore far\nAccount lab\n\nMaildirStore near\nInbox mbox/\n\n"
            "Channel lab\nFar :far:\nNear :near:\nPatterns INBOX\nCreate Near\nSyncState *\n"))
        talk.run(["mbsync", "-c", config, "lab"])
    return action


def postfix(domain, in_clear_at_last=False):
    """The sending Postfix delivers one message to the domain's route (see rows_smtp.ROUTES), which
    may take a second try."""
    def action(talk):
        with talk.network.client.inside():
            peer = Peer.connect("127.0.0.1", 2500)
        for line in (None, f"EHLO {HELO}", f"MAIL FROM:<{SENDER}>", f"RCPT TO:<reader@{domain}>",
                     "DATA", talk.message + "."):
            if line:
                peer.send(line)
            reply = peer.reply()
        peer.send("QUIT")
        peer.close()
        if " queued as " not in reply:
            raise Failed(f"the sending Postfix says {reply}")
        if in_clear_at_last:
            time.sleep(servers.PLAINTEXT_AFTER_S + 0.2)
            talk.sender.try_again()
        talk.sender.wait_sent(reply.rpartition(" ")[2])
    return action


# The scripted client: a list of steps. A text is a line to send and a reply to wait for.

class Script:
    """The state of a scripted conversation: the protocol says where a reply ends."""

    def __init__(self, protocol, talk, peer):
        self.protocol, self.talk, self.peer = protocol, talk, peer

    def ask(self, line):
        self.peer.send(self.talk.fill(line))
        return self.reply(line)

    def reply(self, line=""):
        if self.protocol in ("smtp", "lmtp"):
            return self.peer.reply()
        if self.protocol == "imap":
            # Every command carries the tag a; "+" asks for the rest of one.
            return self.peer.until("a ", "+")
        if self.protocol == "sieve":
            return self.peer.until("OK", "NO", "BYE")
        first = self.peer.line()
        if first.startswith("+OK") and line.upper().split(" ")[0] in ("CAPA", "RETR"):
            self.peer.until(".")
        return first

    def greeting(self):
        return self.peer.line() if self.protocol in ("imap", "pop3") else self.reply()


def scripted(protocol, *steps, greeting=True):
    def action(talk):
        peer = talk.connect()
        try:
            script = Script(protocol, talk, peer)
            if greeting:
                script.greeting()
            for step in steps:
                if callable(step):
                    step(script)
                else:
                    script.ask(step)
        finally:
            peer.close()
    return action


def wants(line, start):
    """Send a line, and insist on how the reply begins."""
    def step(script):
        reply = script.ask(line)
        if not reply.startswith(start):
            raise Failed(f"the reply to {line} is {reply}, wanted {start}")
    return step


def send(*lines):
    """Lines in one segment, and no waiting for replies."""
    return lambda script: script.peer.send(*map(script.talk.fill, lines))


def together(*lines, replies):
    """Lines in one segment, then so many replies."""
    def step(script):
        send(*lines)(script)
        for _ in range(replies):
            script.reply()
    return step


def tls(**context):
    """The handshake, without a look at the server's certificate."""
    return lambda script: script.peer.secure(client_tls(**context), server_name="mail.example.org")


def tls_fails(**context):
    """The handshake, which has to fail on one side or the other."""
    def step(script):
        try:
            tls(**context)(script)
        except OSError:
            return
        raise Failed("the handshake went through")
    return step


def hear(start):
    """Wait for a line that begins so."""
    return lambda script: script.peer.until(start)


def hear_tls(script):
    """Wait for the server's flight, and read what has come of it."""
    script.peer.sock.recv(65536)


def pause(seconds):
    return lambda script: time.sleep(seconds)


def drain(script):
    """Wait until the server closes."""
    script.peer.drain()


def leave(script):
    """Close without a word."""
    script.peer.close()


def binary(data):
    return lambda script: script.peer.raw(data)


def text(script):
    """The message, and the dot that ends it."""
    script.peer.send(script.talk.message + ".")
    script.reply()


def chunks(script):
    """The message in two BDAT chunks (RFC 3030)."""
    half = len(script.talk.message) // 2
    for part, last in ((script.talk.message[:half], ""), (script.talk.message[half:], " LAST")):
        script.peer.raw(f"BDAT {len(part)}{last}\r\n{part}".encode())
        script.reply()


def scram(script):
    """A login with SCRAM-SHA-256 (RFC 5802 s3, RFC 7677) over IMAP."""
    planted = script.talk.planted
    bare = f"n={planted.user},r={secrets.token_hex(9)}"
    script.ask("a AUTHENTICATE SCRAM-SHA-256")
    first = base64.b64decode(script.ask(_base64("n,," + bare)).removeprefix("+ ")).decode()
    nonce, salt, rounds = (part[2:] for part in first.split(","))
    salted = hashlib.pbkdf2_hmac("sha256", planted.password.encode(), base64.b64decode(salt),
                                 int(rounds))
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    last = f"c=biws,r={nonce}"
    signature = hmac.digest(hashlib.sha256(client_key).digest(),
                            f"{bare},{first},{last}".encode(), "sha256")
    proof = base64.b64encode(bytes(a ^ b for a, b in zip(client_key, signature))).decode()
    script.ask(_base64(f"{last},p={proof}"))
    wants("", "a OK")(script)


def client_hello():
    """The bytes of a ClientHello record, made by the TLS library."""
    return _begin_handshake()[2].read()


def tls_early(script):
    """STARTTLS and the ClientHello in one segment, ahead of the go-ahead; then the rest."""
    handshake, incoming, outgoing = _begin_handshake()
    script.peer.raw(b"STARTTLS\r\n" + outgoing.read())
    script.peer.until("220")
    while True:
        try:
            handshake.do_handshake()
            break
        except ssl.SSLWantReadError:
            script.peer.raw(outgoing.read())
            incoming.write(script.peer.sock.recv(4096))
    handshake.write(b"QUIT\r\n")
    script.peer.raw(outgoing.read())
    script.peer.drain()


def _begin_handshake():
    """A TLS 1.2 handshake apart from any socket, its ClientHello waiting to be sent."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    handshake = client_tls("TLS1.2").wrap_bio(incoming, outgoing)
    try:
        handshake.do_handshake()
    except ssl.SSLWantReadError:
        return handshake, incoming, outgoing
    raise AssertionError("a handshake cannot end without an answer")


def plain_message(*, recipients=1):
    """The steps that send one message with SMTP or LMTP, one command at a time."""
    return (f"MAIL FROM:<{SENDER}>", *[f"RCPT TO:<{READER}>"] * recipients, "DATA", text)
