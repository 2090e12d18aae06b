#!/usr/bin/env python3
"""syslog_alerts.py PROGRAM - alerts as syslog messages over a local socket, UDP and TCP, read by a strict reader of RFC 5424; names
from the wire that try to leave their place; receivers that are away, slow or hang up."""
import glob
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time

import rfc5424

FOLDER = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(FOLDER, "..", "browser"))
import hostile  # noqa: E402

CAPTURES = sorted(glob.glob(os.path.join(FOLDER, "..", "captures", "*.pcap")))
FIELDS = ("event state rule severity sev server_ip server_port server_name client_ip protocol role first_ts last_ts hits session "
          "detail advice site sensor").split()
SEVERITIES = {"critical": 2, "high": 3, "medium": 4, "low": 5, "info": 6}
LOCAL3 = 19
problems = []


def expect(condition, text):
    if not condition:
        problems.append(text)


def configure(folder, url):
    path = os.path.join(folder, "waxseal.yaml")
    with open(path, "w") as file:
        file.write(f"site: lab\nsensor: probe\noutputs:\n  syslog:\n    url: {url}\n    facility: local3\n    enterprise: 4711\n"
                   "alerts:\n  raised_a_minute: 100000\n")
    return path


def read(program, folder, url, inputs, status=(0,)):
    done = subprocess.run([program, "read", "--config", configure(folder, url), "--json", os.devnull, *inputs],
                          stderr=subprocess.PIPE, text=True)
    expect(done.returncode in status, f"{url}: exit status {done.returncode}: {done.stderr}")
    return done.stderr


def check_message(data, transport):
    try:
        message = rfc5424.parse(data)
    except ValueError as error:
        problems.append(f"{transport}: {error}")
        return None
    parameters = message["parameters"]
    expect(list(parameters) == FIELDS, f"{transport}: fields {list(parameters)}")
    expect((message["name"], message["number"]) == ("waxseal", 4711), f"{transport}: SD-ID")
    expect(message["app"] == "waxseal" and message["process"].isdigit(), f"{transport}: who speaks")
    expect(message["msgid"] == parameters["rule"][:32], f"{transport}: MSGID {message['msgid']}")
    wanted = 6 if parameters["state"] == "cleared" else SEVERITIES[parameters["severity"]]
    expect(message["priority"] == LOCAL3 * 8 + wanted, f"{transport}: priority {message['priority']} of {parameters}")
    expect(message["timestamp"].endswith("Z") and message["timestamp"][:2] == "20", f"{transport}: {message['timestamp']}")
    expect((parameters["site"], parameters["sensor"], parameters["event"]) == ("lab", "probe", "alert"), f"{transport}: names")
    expect(parameters["rule"] in message["text"] and parameters["server_ip"] in message["text"], f"{transport}: text")
    return message


class Datagrams(threading.Thread):
    """Collects what comes to a datagram socket until there is a second of silence after `stop`."""

    def __init__(self, receiver):
        super().__init__()
        self.receiver, self.messages, self.stopped = receiver, [], threading.Event()
        receiver.settimeout(0.3)

    def run(self):
        while True:
            try:
                self.messages.append(self.receiver.recv(65536))
            except socket.timeout:
                if self.stopped.is_set():
                    return

    def collected(self):
        self.stopped.set()
        self.join()
        self.receiver.close()
        return self.messages


def bound(family, address):
    receiver = socket.socket(family, socket.SOCK_DGRAM)
    receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
    receiver.bind(address)
    return receiver


def over_datagrams(program, folder, family, address, url):
    receiver = bound(family, address)
    if family != socket.AF_UNIX:
        url = f"{url}:{receiver.getsockname()[1]}"
    collector = Datagrams(receiver)
    collector.start()
    read(program, folder, url, CAPTURES)
    messages = collector.collected()
    return {key_of(message) for data in messages if (message := check_message(data, url))}, len(messages)


def key_of(message):
    p = message["parameters"]
    return p["state"], p["rule"], p["server_ip"], p["server_port"], p["first_ts"]


def over_tcp(program, folder, hang_up_after=None):
    """One stream, or, with hang_up_after, a first connection that is closed after so many octets and a second one."""
    server = socket.create_server(("127.0.0.1", 0))
    streams = []

    def serve():
        for limit in (hang_up_after, None) if hang_up_after else (None,):
            try:
                connection, _ = server.accept()
            except OSError:
                return
            data = b""
            while (limit is None or len(data) < limit) and (part := connection.recv(4096)):
                data += part
                if limit is None and hang_up_after is None and len(data) < 20000:
                    time.sleep(0.01)  # slow: the sensor must queue and not wait
            connection.close()
            streams.append(data)
    server.settimeout(5)
    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    said = read(program, folder, f"tcp://127.0.0.1:{server.getsockname()[1]}", CAPTURES, (0, 2))
    server.close()
    thread.join(timeout=20)
    return streams, said


def check_tcp(program, folder, wanted):
    streams, _ = over_tcp(program, folder)
    try:
        messages = rfc5424.octet_counted(streams[0])
    except ValueError as error:
        problems.append(f"tcp: {error}")
        return
    keys = {key_of(m) for data in messages if (m := check_message(data, "tcp"))}
    expect(keys <= wanted and len(keys) > 0, f"tcp: {len(keys)} alerts, {len(keys - wanted)} of them unknown")


def check_hang_up(program, folder):
    _, said = over_tcp(program, folder, hang_up_after=3000)
    expect("does not take alerts" in said and "were not delivered" in said, f"hang up: {said}")


def check_nobody_there(program, folder):
    started = time.monotonic()
    for url in (f"unix://{folder}/nobody", "tcp://127.0.0.1:1"):
        said = read(program, folder, url, CAPTURES[:40], (2,))
        expect("does not take alerts" in said and "not delivered" in said, f"{url}: {said}")
        expect(said.count("does not take alerts") == 1, f"{url}: said more than once")
    expect(time.monotonic() - started < 20, "waits for a receiver that is not there")


def check_urls(program, folder):
    for url in ("udp://", "tcp://host:0", "tcp://host:99999", "unix://relative", "http://host", "udp://[::1", "udp://h:1x"):
        done = subprocess.run([program, "read", "--syslog", url, "--json", os.devnull, CAPTURES[0]], stderr=subprocess.PIPE,
                              text=True)
        expect(done.returncode == 1 and "expected unix:///path" in done.stderr, f"{url}: {done.returncode} {done.stderr}")
        with open(os.path.join(folder, "bad.yaml"), "w") as file:
            file.write(f"outputs:\n  syslog:\n    url: \"{url}\"\n")
        done = subprocess.run([program, "check", file.name], stderr=subprocess.PIPE, text=True)
        expect(done.returncode == 1 and "outputs.syslog.url" in done.stderr, f"check {url}: {done.stderr}")


def check_hostile(program, folder):
    evil, path = os.path.join(folder, "hostile.pcap"), os.path.join(folder, "evil.sock")
    hostile.write(evil, [b"\"] [waxseal@1 x=\"y\"]", b"a\\\"]=b", b"\xff\xfe\"]\x1b[2J"])
    collector = Datagrams(bound(socket.AF_UNIX, path))
    collector.start()
    read(program, folder, f"unix://{path}", [evil])
    messages = [check_message(data, "hostile") for data in collector.collected()]
    names = {m["parameters"]["server_name"] for m in messages if m}
    expect(any('"]' in name for name in names), f"no hostile name among {names}")


def main():
    program = sys.argv[1]
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "log")
        wanted, count = over_datagrams(program, folder, socket.AF_UNIX, path, f"unix://{path}")
        expect(len(wanted) > 50, f"unix: {len(wanted)} alerts")
        for family, host, url in ((socket.AF_INET, "127.0.0.1", "udp://127.0.0.1"), (socket.AF_INET6, "::1", "udp://[::1]")):
            keys, _ = over_datagrams(program, folder, family, (host, 0), url)
            expect(keys == wanted, f"{url}: {len(keys)} alerts instead of {len(wanted)}")
        check_tcp(program, folder, wanted)
        check_hang_up(program, folder)
        check_nobody_there(program, folder)
        check_urls(program, folder)
        check_hostile(program, folder)
    print(f"{count} messages, {len(wanted)} different alerts")
    for problem in problems[:40]:
        print("   ", problem)
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
