"""A capture whose every name tries to leave its place: markup, attributes, terminal escapes, templates, reordering marks."""
import os
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "robustness"))
import pcapfile  # noqa: E402  (the folder is known only now)

SCRIPT = b"<script>alert(1)</script>"
IMAGE = b"\"><img/src=x/onerror=alert(2)>'"
STYLE = b"</style></svg></title><svg/onload=alert(3)>"
MARKS = "\u202egro.elpmaxe\u2066".encode() + b"\x1b[2J\x07\xff\x80{{x}}${y}%n"


class Talk:
    """One TCP connection as segments of a capture."""

    def __init__(self, out, client, server, port, second):
        self.out, self.ends, self.port, self.second, self.number = out, (client, server), port, second, 0
        self.next = [1000, 5000]
        self.segment(0, pcapfile.SYN)
        self.segment(1, pcapfile.SYN | pcapfile.ACK)
        self.segment(0, pcapfile.ACK)

    def segment(self, side, flags, data=b""):
        ports = (40000, self.port) if side == 0 else (self.port, 40000)
        source, target = self.ends[side], self.ends[1 - side]
        tcp = struct.pack(">HHIIBBHHH", *ports, self.next[side], self.next[1 - side] if flags & pcapfile.ACK else 0,
                          5 << 4, flags, 65535, 0, 0) + data
        ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp), 1, 0, 64, 6, 0, source, target)
        frame = b"\x02" * 12 + b"\x08\x00" + ip + tcp
        self.out.append(struct.pack("<IIII", self.second, self.number * 1000, len(frame), len(frame)) + frame)
        self.number += 1
        self.next[side] += len(data) + (1 if flags & (pcapfile.SYN | pcapfile.FIN) else 0)

    def say(self, side, data):
        for start in range(0, len(data), 1400):
            self.segment(side, pcapfile.ACK | pcapfile.PSH, data[start:start + 1400])

    def end(self):
        self.segment(0, pcapfile.ACK | pcapfile.FIN)
        self.segment(1, pcapfile.ACK | pcapfile.FIN)
        self.segment(0, pcapfile.ACK)


def sized(count, body):
    return len(body).to_bytes(count, "big") + body


def record(kind, body):
    return bytes([kind, 3, 3]) + sized(2, body)


def message(kind, body):
    return bytes([kind]) + sized(3, body)


def certificate():
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
             os.path.join(folder, "key.pem"), "-outform", "DER", "-utf8", "-days", "30", "-subj",
             "/CN=" + SCRIPT.decode().replace("/", "\\/") + "/O=\"><b onmouseover=alert(4)>",
             "-addext", "subjectAltName=DNS:" + (SCRIPT + IMAGE).decode().replace(",", "")],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=True)
        return done.stdout


def handshake(talk, sni, version=b"\x03\x03", suites=b"\xc0\x2b\xc0\x2f"):
    name = b"\x00" + sized(2, sni)
    extensions = struct.pack(">H", 0) + sized(2, sized(2, name))
    extensions += struct.pack(">H", 10) + sized(2, sized(2, b"\x00\x1d"))
    hello = version + b"\x11" * 32 + b"\x00" + sized(2, suites) + b"\x01\x00" + sized(2, extensions)
    chosen = version + b"\x22" * 32 + b"\x00" + suites[:2] + b"\x00"
    talk.say(0, record(22, message(1, hello)))
    talk.say(1, record(22, message(2, chosen)) + record(22, message(11, sized(3, sized(3, certificate())))) +
             record(22, message(14, b"")))
    for side in (0, 1):
        talk.say(side, record(20, b"\x01") + record(22, b"\x33" * 40))
    for side in (0, 1):
        talk.say(side, record(23, b"\x44" * 200))


def write(path, names=()):
    """The capture; `names` are further ones that clients ask for and servers therefore have."""
    out, client = [], bytes([192, 0, 2, 1])
    for number, name in enumerate((SCRIPT, IMAGE, STYLE, MARKS, b"a" * 600)):
        talk = Talk(out, client[:3] + bytes([10 + number]), bytes([198, 51, 100, number + 1]), 587, 1764000000 + number)
        talk.say(1, b"220 " + name + b" ESMTP\r\n")
        talk.say(0, b"EHLO " + name + b"\r\n")
        talk.say(1, b"250-" + name + b"\r\n250-STARTTLS\r\n250 AUTH PLAIN " + name + b"\r\n")
        talk.say(0, b"AUTH " + name[:20] + b" AAAA\r\n")
        talk.say(1, b"235 ok\r\n")
        talk.end()
    for number, name in enumerate((SCRIPT, IMAGE, STYLE, MARKS, b"a" * 200)):
        talk = Talk(out, client[:3] + bytes([30 + number]), bytes([198, 51, 100, 50 + number]), 587, 1764000050 + number)
        talk.say(1, b"220 mx.example.org ESMTP\r\n")
        talk.say(0, b"EHLO " + name + b"\r\n")
        talk.say(1, b"250-mx.example.org\r\n250 STARTTLS\r\n")
        talk.say(0, b"STARTTLS\r\n")
        talk.say(1, b"220 ready\r\n")
        handshake(talk, name, b"\x03\x01", b"\xc0\x13")
        talk.end()
    for number, port in enumerate((465, 993)):
        talk = Talk(out, client[:3] + bytes([20 + number]), bytes([198, 51, 100, 98 + number]), port, 1764000100 + number)
        handshake(talk, SCRIPT + IMAGE if number else b"a" * 200)
        talk.end()
    for number, name in enumerate(names):
        talk = Talk(out, client[:3] + bytes([200 + number]), bytes([203, 0, 113, 1 + number]), 465, 1764000200 + number)
        handshake(talk, name, b"\x03\x01", b"\xc0\x13")
        talk.end()
    with open(path, "wb") as file:
        file.write(pcapfile.HEADER + b"".join(out))
