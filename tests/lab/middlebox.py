"""A transparent relay in the middle namespace that changes what passes.

Like an inspecting firewall it takes the client's connection itself, opens its own to the server
from the client's address, and hands lines on with changes. Both ends see only each other's
addresses: policy routes lead the packets of one client to this host, and IP_TRANSPARENT sockets
answer for addresses that are not ours. The sensor listens on the client's side of it.
"""
import contextlib
import re
import selectors
import socket
import threading

import net

IP_TRANSPARENT = 19  # linux/in.h; the socket module has no name for it
TABLE = 100


class Box:
    """What one kind of middlebox does; the plain box changes nothing."""

    def to_client(self, line):
        """The server's line as the client gets to see it; empty to drop it."""
        return line

    def to_server(self, line):
        """The client's line as the server gets to see it; empty to drop it."""
        return line

    def answer(self, line):
        """What the box itself tells the client after its line; empty for nothing."""
        return b""

    def cuts(self, line):
        """Whether the box resets both connections on this line of the client."""
        return False


class MaskKeyword(Box):
    """Overwrites the keyword in place, as Cisco PIX and ASA do: 250-XXXXXXXA."""

    def __init__(self, keyword=b"STARTTLS", mask=b"XXXXXXXA"):
        self.keyword, self.mask = keyword, mask

    def to_client(self, line):
        return line.replace(self.keyword, self.mask)


class MaskBanner(MaskKeyword):
    """The same device with its banner option: the greeting's text becomes asterisks too."""

    def to_client(self, line):
        if line.startswith(b"220 "):
            return b"220 " + b"*" * len(line[4:].rstrip()) + b"\r\n"
        return super().to_client(line)


class RemoveKeyword(Box):
    """Rebuilds the list of capabilities without the keyword."""

    def __init__(self, keyword=b"STARTTLS"):
        self.keyword = keyword

    def to_client(self, line):
        if re.fullmatch(rb'(250-)?"?' + self.keyword + rb'"?\r\n', line):
            return b""
        return line.replace(b" " + self.keyword, b"")


class RewriteCommand(Box):
    """Lets the offer through and spoils the command: the server hears XXXXXXXX and says 500."""

    def to_server(self, line):
        return line.replace(b"STARTTLS", b"XXXXXXXX")


class AnswerItself(Box):
    """Never lets the command through, and answers for the server in words of its own."""

    def to_server(self, line):
        return b"" if line.startswith(b"STARTTLS") else line

    def answer(self, line):
        return b"500 #5.5.1 command not recognized\r\n" if line.startswith(b"STARTTLS") else b""


class ResetConnection(Box):
    """Resets both sides when it sees the command."""

    def cuts(self, line):
        return line.startswith(b"STARTTLS")


class ChangeClientHello(Box):
    """Changes bytes of the ClientHello. `change` gets it as a Hello."""

    def __init__(self, change):
        self.change = change

    def to_server(self, line):
        return _changed(line, CLIENT_HELLO, self.change)


class ChangeServerHello(Box):
    def __init__(self, change):
        self.change = change

    def to_client(self, line):
        return _changed(line, SERVER_HELLO, self.change)


class BreakTls13(Box):
    """Resets the connection of a client that offers TLS 1.3, as if by accident."""

    def cuts(self, line):
        return _begins(line, CLIENT_HELLO) and Hello(line).extension(SUPPORTED_VERSIONS) is not None


CLIENT_HELLO, SERVER_HELLO = 1, 2
MAX_FRAGMENT_LENGTH, SIGNATURE_ALGORITHMS, ALPN = 0x0001, 0x000D, 0x0010
EXTENDED_MASTER_SECRET, SUPPORTED_VERSIONS = 0x0017, 0x002B


class Hello:
    """A hello at the start of a flight, and where its parts are (RFC 8446 s4.1.2, s4.1.3)."""

    VERSION, RANDOM, SESSION_ID = 9, 11, 43

    def __init__(self, flight):
        self.data = bytearray(flight)
        at = self.SESSION_ID + 1 + self.data[self.SESSION_ID]
        if self.data[5] == CLIENT_HELLO:
            self.suites = range(at + 2, at + 2 + self._u16(at), 2)
            at = self.suites.stop
            self.extensions = at + 1 + self.data[at] + 2
        else:
            self.extensions = at + 3 + 2

    def extension(self, number):
        """The place of an extension's type, or None."""
        at = self.extensions
        end = at + self._u16(at - 2)
        while at < end:
            if self._u16(at) == number:
                return at
            at += 4 + self._u16(at + 2)
        return None

    def _u16(self, at):
        return int.from_bytes(self.data[at:at + 2], "big")


def _begins(flight, kind):
    return flight[:1] == b"\x16" and flight[5:6] == bytes([kind])


def _changed(flight, kind, change):
    if not _begins(flight, kind):
        return flight
    hello = Hello(flight)
    change(hello)
    return bytes(hello.data)


def renaming(number, other):
    """The extension becomes one of another type."""
    def change(hello):
        if (at := hello.extension(number)) is not None:
            hello.data[at:at + 2] = other.to_bytes(2, "big")
    return change


def hiding(number):
    """The extension's type becomes an unassigned one. For supported_versions the server then sees
    a client of TLS 1.2 and marks its random (RFC 8446 s4.1.3)."""
    return renaming(number, 0xEB00 | number & 0xFF)


def hiding_renegotiation(hello):
    """The client's signal of secure renegotiation among its suites (RFC 5746 s3.3) is lost."""
    for at in hello.suites:
        if hello.data[at:at + 2] == b"\x00\xff":
            hello.data[at] = 0xEB


def lowering_version(hello):
    """The client's best version becomes TLS 1.0."""
    hello.data[hello.VERSION + 1] = 1


def spoiling_random(hello):
    hello.data[hello.RANDOM] ^= 1


def asking_for_odd_fragments(hello):
    """The code for the size of records becomes one that does not exist (RFC 6066 s4)."""
    hello.data[hello.extension(MAX_FRAGMENT_LENGTH) + 4] = 9


@contextlib.contextmanager
def in_the_way(middle, box, client, server, port):
    """Put `box` between one client address and one server's port for the time of the block."""
    rules = [f"from {client} iif {net.TAP}", f"to {client} iif far"]
    middle.configure(f"route replace local 0.0.0.0/0 dev lo table {TABLE}",
                     *(f"rule add {rule} lookup {TABLE}" for rule in rules))
    with middle.inside():
        listener = _transparent()
        listener.bind(("0.0.0.0", port))
        listener.listen()
    worker = threading.Thread(target=_serve, args=(middle, listener, box, (server, port)))
    worker.start()
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        worker.join()
        listener.close()
        middle.configure(*(f"rule del {rule} lookup {TABLE}" for rule in rules))


def _transparent():
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_IP, IP_TRANSPARENT, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return sock


def _serve(middle, listener, box, server):
    while True:
        try:
            near, (client, _) = listener.accept()
        except OSError:
            return
        with middle.inside():
            far = _transparent()
        far.bind((client, 0))
        far.connect(server)
        with near, far, contextlib.suppress(OSError):
            _relay(near, far, box)


def _relay(near, far, box):
    """Pass lines both ways until both sides have closed."""
    open_sides = selectors.DefaultSelector()
    open_sides.register(near, selectors.EVENT_READ, far)
    open_sides.register(far, selectors.EVENT_READ, near)
    while open_sides.get_map():
        for key, _ in open_sides.select():
            data = key.fileobj.recv(65536)
            if not data:
                open_sides.unregister(key.fileobj)
                key.data.shutdown(socket.SHUT_WR)
            elif key.fileobj is near:
                if not _from_client(data, near, far, box):
                    return
            else:
                near.sendall(b"".join(box.to_client(piece) for piece in _pieces(data)))


def _pieces(data):
    """Text goes as lines; a TLS record is binary and goes as one piece."""
    return [data] if data[:1] == b"\x16" else data.splitlines(True)


def _from_client(data, near, far, box):
    if any(box.cuts(piece) for piece in _pieces(data)):
        for side in (near, far):
            side.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        return False
    for piece in _pieces(data):
        far.sendall(box.to_server(piece))
        near.sendall(box.answer(piece))
    return True
