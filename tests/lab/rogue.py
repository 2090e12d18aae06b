"""Scripted servers for what real mail software does not do: refuse what it offered, stop half way,
inject text around the change to TLS, greet with PREAUTH, or speak clear text on a TLS port.

Each server is one row of SERVERS: an address, a port, the conversation it holds, and its
certificates if they are not the usual one. The conversations are minimal but complete, so ordinary
clients can be their other side.
"""
import contextlib
import functools
import itertools
import socket
import ssl
import threading
import time

import net
from peer import Peer, server_tls

FIRST_HOST = 100


# What a server does when asked for TLS. `ok` is the protocol's go-ahead line, `no` a refusal,
# `cert` the file of its key and certificate. Each returns whether the conversation goes on.

def accept(peer, cert, ok, no):
    peer.send(ok)
    peer.secure(server_tls(cert), server_side=True)
    return True


def refuse(peer, cert, ok, no):
    peer.send(no)
    return True


def stay_in_clear(peer, cert, ok, no):
    """Says go ahead and then reads text as if nothing had happened."""
    peer.send(ok)
    return True


def fall_silent(peer, cert, ok, no):
    peer.send(ok)
    peer.drain()
    return False


def hang_up(peer, cert, ok, no):
    peer.send(ok)
    return False


def inject_in_segment(text, peer, cert, ok, no):
    """More text behind the go-ahead, in the same segment: a careless client takes it for words
    that came under TLS. Then a real handshake."""
    peer.send(ok, text)
    peer.secure(server_tls(cert), server_side=True)
    return True


def inject_in_next_segment(text, peer, cert, ok, no):
    peer.send(ok)
    peer.send(text)
    peer.secure(server_tls(cert), server_side=True)
    return True


def two_line_go_ahead(peer, cert, ok, no):
    """A go-ahead of two lines is allowed, and is no injection."""
    peer.send("220-2.0.0 Ready to", ok)
    peer.secure(server_tls(cert), server_side=True)
    return True


def think_first(peer, cert, ok, no):
    """A slow server: what the client sends meanwhile has come before the go-ahead for certain."""
    time.sleep(0.4)
    peer.send(ok)
    with contextlib.suppress(OSError, EOFError):
        while peer.sock.recv(1, socket.MSG_PEEK) not in (b"\x16", b""):
            peer.line()
    peer.secure(server_tls(cert), server_side=True)
    return True


def turn_away(alert, peer, cert, ok, no):
    """Ends the handshake with an alert of the caller's choice: the TLS library asks what to make
    of the name that the client wants, and sends what it is told."""
    peer.send(ok)
    context = server_tls(cert)
    context.sni_callback = lambda *_: alert
    peer.secure(context, server_side=True)
    return True


# The conversations. (Dovecot 2.3 offers STARTTLS over LMTP and ManageSieve on every address or on
# none, so the servers that do not offer it there are scripted too.)

def smtp(peer, cert, on_starttls=accept, no="454 4.7.0 TLS not available due to temporary reason",
         offers=("250-STARTTLS",)):
    """SMTP, and as LMTP good for one recipient."""
    peer.send("220 rogue.example.org ESMTP")
    while True:
        verb = peer.line().upper()
        if verb.startswith(("EHLO", "LHLO")):
            peer.send("250-rogue.example.org", "250-PIPELINING", *offers, "250 8BITMIME")
        elif verb == "STARTTLS":
            if not on_starttls(peer, cert, "220 2.0.0 Ready to start TLS", no):
                return
            if isinstance(peer.sock, ssl.SSLSocket):
                offers = ()
        elif verb == "DATA":
            peer.send("354 go on")
            while peer.line() != ".":
                pass
            peer.send("250 2.0.0 accepted")
        elif verb == "QUIT":
            peer.send("221 2.0.0 bye")
            return
        else:
            peer.send("250 2.0.0 fine")


IMAP_CAPABILITY = "IMAP4rev1 STARTTLS AUTH=PLAIN"


def imap(peer, cert, on_starttls=accept, greeting="* OK rogue ready", before=(),
         no="NO TLS not available"):
    """`before` is sent ahead of the first answer: data that a client must not believe yet."""
    peer.send(greeting)
    while True:
        tag, verb, *_ = (peer.line() + " ").split(" ")
        verb = verb.upper()
        if verb == "CAPABILITY":
            secured = isinstance(peer.sock, ssl.SSLSocket)
            offered = IMAP_CAPABILITY.replace("STARTTLS ", "") if secured else IMAP_CAPABILITY
            peer.send(*before, f"* CAPABILITY {offered}", f"{tag} OK done")
            before = ()
        elif verb == "STARTTLS":
            if not on_starttls(peer, cert, f"{tag} OK begin TLS", f"{tag} {no}"):
                return
        elif verb == "LOGOUT":
            peer.send("* BYE rogue out", f"{tag} OK done")
            return
        else:
            peer.send(f"{tag} OK {verb} done")


def pop3(peer, cert, on_starttls=accept, no="-ERR TLS not available"):
    peer.send("+OK rogue ready")
    while True:
        verb = peer.line().upper()
        if verb == "CAPA":
            peer.send("+OK list", "STLS", "USER", "SASL PLAIN", ".")
        elif verb == "STLS":
            if not on_starttls(peer, cert, "+OK begin TLS", no):
                return
        elif verb == "STAT":
            peer.send("+OK 0 0")
        elif verb == "QUIT":
            peer.send("+OK bye")
            return
        else:
            peer.send("+OK fine")


def pop3_refusing_user(peer, cert):
    """Does not let a password be sent in the clear: the user name is as far as it goes."""
    peer.send("+OK rogue ready")
    while not peer.line().upper().startswith("QUIT"):
        peer.send("-ERR [AUTH] no logins without TLS")
    peer.send("+OK bye")


def sieve(peer, cert, on_starttls=accept, no='NO "TLS not available"', offers=('"STARTTLS"',)):
    def capabilities(offers):
        peer.send('"IMPLEMENTATION" "rogue"', '"SIEVE" "fileinto"', '"SASL" "PLAIN"', *offers,
                  'OK "ready"')

    capabilities(offers)
    while True:
        verb = peer.line().upper()
        if verb == "STARTTLS":
            if not on_starttls(peer, cert, 'OK "begin TLS"', no):
                return
            if isinstance(peer.sock, ssl.SSLSocket):
                capabilities(())
        elif verb == "LOGOUT":
            peer.send('OK "bye"')
            return
        else:
            peer.send('OK "fine"')


def greet_and_leave(greeting, peer, cert):
    peer.send(greeting)
    peer.drain()


def row(conversation, *words, **options):
    return functools.partial(conversation, *words, **options)


def injecting(how, text):
    return functools.partial(how, text)


def turning_away(alert):
    return (25, row(smtp, on_starttls=functools.partial(turn_away, alert)))


SERVERS = {
    "smtp-refuse": (25, row(smtp, on_starttls=refuse)),
    "smtp-refuse-554": (25, row(smtp, on_starttls=refuse, no="554 5.7.3 TLS not allowed")),
    "smtp-clear": (25, row(smtp, on_starttls=stay_in_clear)),
    "smtp-silent": (25, row(smtp, on_starttls=fall_silent)),
    "smtp-hang-up": (25, row(smtp, on_starttls=hang_up)),
    "smtp-two-lines": (25, row(smtp, on_starttls=two_line_go_ahead)),
    "smtp-slow": (25, row(smtp, on_starttls=think_first)),
    "smtp-inject": (25, row(smtp, on_starttls=injecting(inject_in_segment, "250 2.0.0 injected"))),
    "smtp-inject-next": (25, row(smtp, on_starttls=injecting(inject_in_next_segment,
                                                             "250 2.0.0 injected"))),
    "smtp-554": (25, row(greet_and_leave, "554 5.7.1 no service for you")),
    "smtp-access-denied": turning_away(ssl.ALERT_DESCRIPTION_ACCESS_DENIED),
    "smtp-insufficient": turning_away(ssl.ALERT_DESCRIPTION_INSUFFICIENT_SECURITY),
    "smtp-internal-error": turning_away(ssl.ALERT_DESCRIPTION_INTERNAL_ERROR),
    # One certificate after the other, a connection each.
    "smtp-renewed": (25, row(smtp), ("mx", "ecdsa")),
    "smtps-clear": (465, row(smtp, on_starttls=refuse)),
    "lmtp-bare": (24, row(smtp, offers=())),
    "lmtp-refuse": (24, row(smtp, on_starttls=refuse)),
    "imap-refuse": (143, row(imap, on_starttls=refuse)),
    "imap-refuse-bad": (143, row(imap, on_starttls=refuse, no="BAD TLS is switched off")),
    "imap-clear": (143, row(imap, on_starttls=stay_in_clear)),
    "imap-hang-up": (143, row(imap, on_starttls=hang_up)),
    "imap-preauth": (143, row(imap, greeting="* PREAUTH rogue welcomes you back")),
    "imap-early-data": (143, row(imap, before=("* 7 EXISTS", '* LIST () "/" INBOX'))),
    "imap-alert": (143, row(imap, greeting="* OK [ALERT] visit http://login.example.com/ now")),
    "imap-inject": (143, row(imap, on_starttls=injecting(inject_in_segment, "* 9 EXISTS"))),
    "imap-slow": (143, row(imap, on_starttls=think_first)),
    "imaps-clear": (993, row(imap)),
    "pop3-refuse": (110, row(pop3, on_starttls=refuse)),
    "pop3-clear": (110, row(pop3, on_starttls=stay_in_clear)),
    "pop3-inject": (110, row(pop3, on_starttls=injecting(inject_in_segment, "+OK injected"))),
    "pop3-refuse-user": (110, pop3_refusing_user),
    "pop3s-clear": (995, row(pop3)),
    "sieve-bare": (4190, row(sieve, offers=())),
    "sieve-refuse": (4190, row(sieve, on_starttls=refuse)),
    "sieve-clear": (4190, row(sieve, on_starttls=stay_in_clear)),
    "sieve-inject": (4190, row(sieve, on_starttls=injecting(inject_in_segment, 'OK "injected"'))),
}
HOSTS = {name: FIRST_HOST + n for n, name in enumerate(SERVERS)}


@contextlib.contextmanager
def serving(namespace, pki):
    """All scripted servers, each in threads of its own."""
    listeners = []
    try:
        for name, (port, conversation, *certificates) in SERVERS.items():
            certs = [pki.pem(cert) for cert in (certificates[0] if certificates else ("mx",))]
            with namespace.inside():
                listener = socket.create_server((net.server_address(HOSTS[name]), port))
            listeners.append(listener)
            threading.Thread(target=_listen, args=(listener, certs, conversation),
                             daemon=True).start()
        yield
    finally:
        for listener in listeners:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()


def _listen(listener, certs, conversation):
    for cert in itertools.cycle(certs):
        try:
            sock, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=_converse, args=(Peer(sock), cert, conversation),
                         daemon=True).start()


def _converse(peer, cert, conversation):
    with contextlib.suppress(EOFError, OSError):
        conversation(peer, cert)
    peer.close()
