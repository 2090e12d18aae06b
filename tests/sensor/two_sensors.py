#!/usr/bin/env python3
"""two_sensors.py PROGRAM - two sensors that share a Redis see different offers of one server.

Sensor a reads a capture in which the server offers STARTTLS, then sensor b one of the same server and time in
which the offer is missing: b must report starttls_path_dependent, and must not in the near misses. Exit status 77:
redis-server is not installed."""
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time

FOLDER = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(FOLDER, os.pardir, "robustness"))
import pcapfile  # noqa: E402
import sensor  # noqa: E402

RULE, SITE, START_S, WINDOW_S = "starttls_path_dependent", "two", 1700000000, 3600
SERVER, NEIGHBOUR = bytes([10, 78, 0, 10]), bytes([10, 78, 0, 99])


class Redis:
    """A private redis-server on a Unix socket."""

    def __init__(self, folder):
        self.path = os.path.join(folder, "redis.sock")
        self.process = subprocess.Popen(
            ["redis-server", "--port", "0", "--unixsocket", self.path, "--save", "", "--appendonly", "no", "--dir",
             folder], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(500):
            try:
                if self.ask("PING").startswith(b"+PONG"):
                    return
            except OSError:
                time.sleep(0.02)
        self.stop()
        sys.exit("redis-server does not start")

    def ask(self, command):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(5)
            s.connect(self.path)
            s.sendall(command.encode() + b"\r\n")
            return s.recv(65536)

    def stop(self):
        self.process.kill()
        self.process.wait()


def moved(frame, server):
    """The frame with another address in the place of the server's."""
    seg, new = pcapfile.tcp_segment(frame), bytearray(frame)
    if seg is None:
        return frame
    for at in (seg.ip + 12, seg.ip + 16):
        if new[at:at + 4] == SERVER:
            new[at:at + 4] = server
    new[seg.ip + 10:seg.ip + 12] = b"\0\0"
    struct.pack_into(">H", new, seg.ip + 10, pcapfile.checksum(bytes(new[seg.ip:seg.tcp])))
    return bytes(new)


def capture(name, later_s=0, server=SERVER):
    """A capture of tests/captures as if it had begun at START_S + later_s."""
    data = sensor.load(os.path.join(sensor.CAPTURES, name + ".pcap"))
    shift = START_S + later_s - next(pcapfile.packets(data)).seconds

    def change(packet):
        packet.seconds += shift
        packet.frame = moved(packet.frame, server)
        yield packet
    return pcapfile.rewritten(data, change)


def findings(program, redis, name, data):
    """What a sensor of that name finds in a capture while it writes to Redis."""
    done = sensor.run(program, "read", "--quiet", "--json", "-", "--redis", "unix://" + redis.path, "--site", SITE,
                      "--sensor", name, "-", data=data)
    if done.status != 0 or done.err:
        sys.exit(f"sensor {name}: exit status {done.status}\n{sensor.last_words(done)}")
    events = [json.loads(line) for line in done.out.splitlines()]
    if not events:
        sys.exit(f"sensor {name}: no event")
    return {rule for event in events for rule in event["findings"].split(",")}


# (what, what sensor a reads, who reads then, what, is the rule hit)
WITH, WITHOUT = "smtp-starttls-tls12", "smtp-line-removed"
CASES = (
    ("at the same time, the line is gone", capture(WITH), "b", capture(WITHOUT, 60), True),
    ("at the same time, the keyword is masked", capture(WITH), "b", capture("smtp-masked", 60), True),
    ("a little before", capture(WITH), "b", capture(WITHOUT, -600), True),
    ("IMAP", capture("imap-starttls-tls12"), "b", capture("imap-keyword-removed", 5), True),
    ("after the window", capture(WITH), "b", capture(WITHOUT, WINDOW_S + 60), False),
    ("another server", capture(WITH), "b", capture(WITHOUT, 60, NEIGHBOUR), False),
    ("another port of the server", capture(WITH), "b", capture("imap-keyword-removed", 60), False),
    ("the same sensor", capture(WITH), "a", capture(WITHOUT, 60), False),
    ("the offer is there", capture(WITH), "b", capture("smtp-starttls-tls13", 60), False),
    ("nobody saw an offer", capture(WITHOUT), "b", capture("smtp-masked", 60), False),
)


def problems(program, redis):
    for what, first, name, second, expected in CASES:
        redis.ask("FLUSHALL")
        if RULE in findings(program, redis, "a", first):
            yield f"{what}: sensor a reports {RULE}"
        if (RULE in findings(program, redis, name, second)) != expected:
            yield f"{what}: {RULE} is {'missing' if expected else 'reported'}"


def record_problems(program, redis):
    """The last of the cases' records: both sensors are in it."""
    redis.ask("FLUSHALL")
    findings(program, redis, "a", capture(WITH))
    findings(program, redis, "b", capture(WITHOUT, 60))
    record = redis.ask("HGETALL waxseal:{two}:srv:10.78.0.10:25").decode().split("\r\n")[2::2]
    fields = dict(zip(record[::2], record[1::2]))
    expected = {"offer_sensor": "a", "no_offer_sensor": "b", "sessions": "2", "protocol": "smtp",
                "best_version": "TLS1.2", "worst_version": "TLS1.2"}
    for field, value in expected.items():
        if fields.get(field) != value:
            yield f"record: {field} is {fields.get(field)}, expected {value}"
    if not fields.get("cert_sha256", "").startswith("sha256:"):
        yield "record: the certificate is missing"
    if int(fields.get("no_offer_ms", 0)) - int(fields.get("offer_ms", 0)) not in range(59000, 62000):
        yield "record: the times of offer and absence are not a minute apart"


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    if not shutil.which("redis-server"):
        sensor.skip("redis-server is not installed")
    sensor.need(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        redis = Redis(folder)
        try:
            found = [*problems(sys.argv[1], redis), *record_problems(sys.argv[1], redis)]
        finally:
            redis.stop()
    print("\n".join(found) if found else f"{len(CASES)} cases of two sensors")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
