#!/usr/bin/env python3
"""garbage.py WAXSEAL - bytes that were never a capture, and captures full of nonsense, end in a clear answer."""
import random
import struct
import sys
import tempfile

import pcapfile
import sensor

LINK_TYPES = (0, 1, 101, 113, 228, 229, 276)  # BSD loopback, Ethernet, raw IP, cooked Linux
UNREAD_LINK_TYPES = (105, 127, 147)           # 802.11 and private use
ROUNDS = len(LINK_TYPES)


def not_captures(rng):
    yield "empty", b""
    for size in (1, 3, 4, 23, 24, 100, 5000, 70000):
        yield f"{size} random bytes", rng.randbytes(size)
    yield "text", b"This is a letter and no capture.\n" * 50
    yield "gzip'd garbage", b"\x1f\x8b\x08\x00" + rng.randbytes(3000)
    for magic in pcapfile.MAGICS:
        yield "a header cut short", magic + rng.randbytes(12)


def broken_captures(rng):
    yield "a header and nothing else", pcapfile.HEADER
    yield "a header, then random bytes", pcapfile.HEADER + rng.randbytes(4000)
    yield "a record of 4 GiB", pcapfile.HEADER + struct.pack("<IIII", 1, 1, 0xfffffff0, 0xfffffff0) + b"x" * 99
    yield "a pcapng head, then random bytes", (
        struct.pack("<IIIHHqI", 0x0a0d0d0a, 28, 0x1a2b3c4d, 1, 0, -1, 28) + rng.randbytes(4000))


def noise(rng, link, near_mail):
    """A well-formed file of frames that are noise, or noise behind TCP/IP headers of a mail port."""
    out = bytearray(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 262144, link))
    for number in range(rng.randrange(1, 200)):
        frame = rng.randbytes(rng.choice((0, 1, 13, 14, 33, 34, 54, 60, 200, 1500)))
        if near_mail:
            frame = mail_frame(rng)
        out += struct.pack("<IIII", 1700000000 + number, rng.randrange(1000000), len(frame),
                           len(frame) + rng.choice((0, 0, 0, 700))) + frame
    return bytes(out)


def mail_frame(rng):
    payload = rng.choice((b"", b"EHLO a\r\n", b"STARTTLS\r\n", b"220 ready\r\n", b"\x16\x03\x01", b"\x80\x2e\x01",
                          b"+OK\r\n", b"a OK\r\n", b"* PREAUTH\r\n", b"454 no\r\n")) + rng.randbytes(rng.randrange(90))
    ports = [rng.choice((25, 110, 143, 465, 993, 995, 587, 4190, 24)), rng.randrange(30000, 30008)]
    rng.shuffle(ports)
    tcp = struct.pack(">HHIIBBHHH", *ports, rng.randrange(1, 400), rng.randrange(1, 400),
                      rng.choice((5, 5, 5, 8, 0, 15)) << 4, rng.choice((2, 16, 18, 24, 17, 4)), 9, 0, 0) + payload
    ip = struct.pack(">BBHHHBBH", rng.choice((0x45, 0x45, 0x45, 0x46, 0x4f, 0x65)), 0,
                     max(0, 20 + len(tcp) + rng.choice((0, 0, 0, -9, 9))), 1, 0, 64, 6, 0) + b"\x0a\0\0\1\x0a\0\0\2"
    return bytes(12) + b"\x08\x00" + ip + tcp


def cases():
    for number in range(ROUNDS):
        rng = random.Random(number)
        if number < 2:
            yield from ((what, data, (1,)) for what, data in not_captures(rng))
        yield from ((what, data, (0, 2)) for what, data in broken_captures(rng))
        yield f"noise of link type {LINK_TYPES[number]}", noise(rng, LINK_TYPES[number], False), (0, 2)
        link = rng.choice(UNREAD_LINK_TYPES)
        yield f"link type {link}, which is not read", noise(rng, link, False), (1, 2)
        yield "noise on mail ports", noise(rng, 1, True), (0, 2)


def main():
    program, failures, count = sys.argv[1], 0, 0
    for what, data, allowed in cases():
        with tempfile.NamedTemporaryFile(suffix=".pcap") as file:
            file.write(data)
            file.flush()
            runs = (("as a file", sensor.read_json(program, file.name)),
                    ("from standard input", sensor.read_json(program, "-", data=data)))
        for how, done in runs:
            count += 1
            for sentence in sensor.trouble(done, allowed):
                failures += 1
                print(f"{what}, {how}: {sentence}\n{sensor.last_words(done)}")
    print(f"{count} runs over garbage, {failures} failures")
    sys.exit(failures > 0)


if __name__ == "__main__":
    main()
