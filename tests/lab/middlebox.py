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


class HideTls13(Box):
    """Overwrites the type of supported_versions in the ClientHello (0x002b to the unassigned
    0xeb2b), so the server sees a client of TLS 1.2 and marks its random (RFC 8446 s4.1.3)."""

    VERSIONS_OFFERED = b"\x00\x2b\x00\x05\x04\x03\x04\x03\x03"

    def to_server(self, line):
        return line.replace(self.VERSIONS_OFFERED, b"\xeb" + self.VERSIONS_OFFERED[1:])


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
                far_text = b"".join(box.to_client(line) for line in data.splitlines(True))
                near.sendall(far_text)


def _from_client(data, near, far, box):
    if any(box.cuts(line) for line in data.splitlines(True)):
        for side in (near, far):
            side.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        return False
    # A TLS record is binary: it goes as one piece, not as lines.
    pieces = [data] if data[:1] == b"\x16" else data.splitlines(True)
    for piece in pieces:
        far.sendall(box.to_server(piece))
        near.sendall(box.answer(piece))
    return True
