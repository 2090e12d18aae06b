"""One end of a mail conversation: text lines, and the step into TLS.

Shared by the scripted clients and the scripted servers. Reads never go past the line asked for,
so whatever comes after it (a TLS record, or text where there should be one) stays in the socket.
"""
import contextlib
import socket
import ssl

TIMEOUT_S = 5
VERSIONS = {
    "TLS1.0": ssl.TLSVersion.TLSv1, "TLS1.1": ssl.TLSVersion.TLSv1_1,
    "TLS1.2": ssl.TLSVersion.TLSv1_2, "TLS1.3": ssl.TLSVersion.TLSv1_3,
}


def client_tls(version=None, certificate=None):
    """A client context that takes any certificate: one version, or 1.2 and 1.3."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.minimum_version = VERSIONS[version or "TLS1.2"]
    context.maximum_version = VERSIONS[version or "TLS1.3"]
    if certificate:
        context.load_cert_chain(certificate)
    return context


def server_tls(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


class Peer:
    def __init__(self, sock):
        self.sock = sock
        sock.settimeout(TIMEOUT_S)
        # Each send is one segment: several scenarios are about what shares a segment.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    @classmethod
    def connect(cls, address, port):
        return cls(socket.create_connection((address, port), TIMEOUT_S))

    def send(self, *lines):
        """Send the lines, CRLF after each, in one segment."""
        self.raw("".join(line + "\r\n" for line in lines).encode())

    def raw(self, data):
        self.sock.sendall(data)

    def line(self):
        """The next line without its end; EOFError when the other side has closed."""
        text = bytearray()
        while not text.endswith(b"\n"):
            byte = self.sock.recv(1)
            if not byte:
                raise EOFError("closed by the other side")
            text += byte
        return text.decode("latin-1").rstrip("\r\n")

    def until(self, *starts):
        """Read lines up to the first that begins with one of `starts`; return it."""
        while True:
            line = self.line()
            if line.startswith(starts):
                return line

    def reply(self):
        """Read one SMTP reply, which may be of several lines; return its last line."""
        while True:
            line = self.line()
            if line[3:4] != "-":
                return line

    def secure(self, context, server_side=False, server_name=None):
        self.sock = context.wrap_socket(self.sock, server_side=server_side,
                                        server_hostname=server_name)

    def drain(self):
        """Read and drop everything until the other side closes."""
        with contextlib.suppress(OSError):
            while self.sock.recv(4096):
                pass

    def close(self):
        """Close in order, with FIN both ways. Closing with bytes unread would send a reset."""
        with contextlib.suppress(OSError, ValueError):
            if isinstance(self.sock, ssl.SSLSocket):
                self.sock = self.sock.unwrap()
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_WR)
            self.drain()
        self.sock.close()
