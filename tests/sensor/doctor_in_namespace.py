#!/usr/bin/env python3
"""doctor_in_namespace.py WAXSEAL - `waxseal doctor` on a veth pair of its own, with a good mirror and with bad ones, and
before a Redis whose ACL lacks something; and `waxseal run`, which says once that a mirror became bad, and that it is good again."""
import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [os.path.join(TESTS, "robustness"), os.path.join(TESTS, "lab")]
import derive  # noqa: E402
import net  # noqa: E402
import sensor  # noqa: E402

SECONDS = 3
HEAD_START_S = 0.8         # until the sensor listens
PORT = 6390                # in a namespace of its own
CAPTURES = 24              # enough sessions to judge by


class Doctor:
    """Runs of the doctor in a namespace with the pair mon0 (where the sensor listens) and span0 (where the switch would be)."""

    def __init__(self, program, space):
        self.program, self.space, self.failures = program, space, 0

    def send(self, frames):
        self.space.send(frame.data for frame in frames)

    def run(self, *words, frames=(), seconds=SECONDS):
        """(exit status, checks) while the frames are sent."""
        argv = [self.program, "doctor", "--json", "--seconds", str(seconds), *words]
        process = self.space.popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if frames:
            time.sleep(HEAD_START_S)
            self.send(frames)
        out, err = process.communicate(timeout=60)
        if any(mark in err for mark in sensor.SANITIZER_MARKS):
            sys.exit(err.decode())
        return process.returncode, json.loads(out)

    def expect(self, name, done, status, *wanted, without=()):
        """Each wanted is (check, status, part of what is said)."""
        got, checks = done
        lines = [f"{c['status']} {c['check']}: {c['said']} -> {c['advice']}" for c in checks]
        missing = [w for w in wanted if not any((c["check"], c["status"]) == w[:2] and w[2] in c["said"] + c["advice"]
                                                for c in checks)]
        unwanted = [word for word in without if any(word in line for line in lines)]
        good = got == status and not missing and not unwanted
        self.failures += not good
        print(f"{'ok' if good else 'FAILED'}: {name}")
        if not good:
            print(f"   status {got}, expected {status}; missing {missing}; unwanted {unwanted}", *lines, sep="\n   ")


def traffic():
    """Clean sessions, one after the other; the clients' ports tell them apart."""
    paths = [p for p in sensor.our_captures() if "smtp-starttls" in p or "imap-starttls" in p or "smtp-suite" in p]
    return [derive.read(sensor.load(p)) for p in paths[:CAPTURES]]


def flat(captures, change=lambda frames: frames):
    return [frame for capture in captures for frame in change(capture)]


def check_mirrors(doctor):
    captures, mirror = traffic(), "mirror mon0"
    doctor.expect("a good mirror", doctor.run("-i", "mon0", frames=flat(captures)), 0,
                  ("permission", "ok", "CAP_NET_RAW"), ("rights", "ok", "system calls"), ("interface mon0", "ok", "is up"),
                  (mirror, "ok", "both directions"), (mirror, "ok", "mail sessions, ports"), (mirror, "ok", "none"), without=("mirror_",))
    doctor.expect("one direction only", doctor.run("-i", "mon0", frames=flat(captures, derive.only("server"))), 0,
                  (mirror, "warning", "mirror_one_sided: 100.0 %"), (mirror, "warning", "Mirror both directions"),
                  without=("both directions come",))
    doctor.expect("everything twice, tagged", doctor.run("-i", "mon0", frames=flat(
        captures, lambda frames: derive.twice()(derive.each(derive.vlan(30))(frames)))), 0,
        (mirror, "warning", "mirror_duplicates: 50.0 %"), (mirror, "ok", "VLANs 30"), (mirror, "ok", "both directions"),
        without=("mirror_one_sided",))
    doctor.expect("holes", doctor.run("-i", "mon0", frames=flat(captures, derive.without_payload(lambda i: i % 7 == 3))), 0,
                  (mirror, "warning", "mirror_loss"))
    doctor.expect("in a tunnel", doctor.run("-i", "mon0", frames=flat(captures, derive.each(derive.vxlan))), 0,
                  (mirror, "ok", "vxlan"), (mirror, "ok", "both directions"))
    doctor.expect("silence", doctor.run("-i", "mon0", seconds=1), 0, (mirror, "warning", "no packet"))


def check_interfaces(doctor):
    doctor.expect("no such interface", doctor.run("-i", "nope0"), 1, ("interface nope0", "failed", "no such interface"))
    doctor.space.configure("link add dead0 type veth peer name dead1")
    doctor.expect("an interface that is down", doctor.run("-i", "dead0"), 1,
                  ("interface dead0", "failed", "ip link set dead0 up"))
    doctor.space.configure("link set mon0 mtu 1400")
    doctor.expect("a small MTU", doctor.run("-i", "mon0", seconds=0), 0, ("interface mon0", "warning", "MTU 1400"))
    doctor.space.configure("link set mon0 mtu 1600")


def check_files(doctor, folder):
    config = os.path.join(folder, "waxseal.yaml")
    with open(config, "w", encoding="ascii") as file:
        file.write("caps: {flows: none}\n")
    doctor.expect("a wrong configuration", doctor.run("-c", config), 1, ("configuration", "failed", "caps.flows"))
    with open(config, "w", encoding="ascii") as file:
        file.write(f"history: {{file: {folder}/history}}\noutputs: {{json: {folder}/nowhere/events.json}}\n")
    doctor.expect("a folder that is not there", doctor.run("-c", config, seconds=0), 1,
                  ("history", "ok", "can be written"), ("events", "failed", "nowhere"))


@contextlib.contextmanager
def redis(space, folder):
    """A server in the namespace, on its loopback; yields the socket for the administrator."""
    path = os.path.join(folder, "redis.sock")
    argv = [net.program("redis-server"), "--port", str(PORT), "--bind", "127.0.0.1", "--unixsocket", path, "--save", "",
            "--dir", folder]
    process = space.popen(argv, stdout=subprocess.DEVNULL)
    try:
        for _ in range(100):
            if os.path.exists(path):
                break
            time.sleep(0.05)
        yield path
    finally:
        process.terminate()
        process.wait()


def command(path, *words):
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(path)
        s.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in map(str.encode, words)))
        return s.recv(65536)


def sensors_rights():
    """What deploy/redis.acl allows a sensor."""
    text = sensor.load(os.path.join(os.path.dirname(TESTS), "deploy", "redis.acl")).decode()
    words = next(line for line in text.splitlines() if line.startswith("user waxseal ")).split()
    return [w for w in words if w[0] in "+-~" or w.startswith("reset")]


def check_table(doctor):
    """Every right that deploy/redis.acl gives is tried, but for those that only some URLs need, and no other."""
    source = sensor.load(os.path.join(os.path.dirname(TESTS), "sensor", "publish", "redis_probe.c")).decode()
    tried, given = set(re.findall(r'^    \{"(\+[a-z|]+)"', source, re.M)), {w for w in sensors_rights() if w[0] == "+"}
    if tried != given - {"+select", "+asking", "+cluster|slots"}:
        doctor.failures += 1
        print(f"FAILED: redis_probe.c and deploy/redis.acl differ: {sorted(tried ^ given)}")


def check_redis(doctor, folder):
    doctor.expect("no Redis there", doctor.run("--redis", f"unix://{folder}/none.sock", seconds=0), 1,
                  ("redis", "failed", "No such file"))
    if not net.program("redis-server"):
        print("skipped: redis-server is not installed")
        return
    with redis(doctor.space, folder) as path:
        os.environ["WAXSEAL_REDIS_PASSWORD"] = "secret"
        reply = command(path, "ACL", "SETUSER", "sensor", "reset", "on", ">secret", *sensors_rights())
        url = ["--redis", f"redis://sensor@127.0.0.1:{PORT}"]
        if b"OK" not in reply:
            sys.exit(f"redis-server refused the user: {reply}")
        doctor.expect("the ACL of deploy/redis.acl", doctor.run(*url, seconds=0), 0, ("redis", "ok", "allows all"))
        if b":0" not in command(path, "DBSIZE"):
            doctor.failures += 1
            print("FAILED: something was left behind in Redis")
        command(path, "ACL", "SETUSER", "sensor", "-xadd", "-zincrby", "-script|load")
        doctor.expect("an ACL without three commands", doctor.run(*url, seconds=0), 1,
                      ("redis", "failed", "ACL SETUSER NAME +zincrby +xadd +script|load ~waxseal:*"), without=("+hset",))
        command(path, "ACL", "SETUSER", "sensor", "+xadd", "+zincrby", "+script|load", "resetkeys", "~other:*")
        doctor.expect("an ACL without the keys", doctor.run(*url, seconds=0), 1,
                      ("redis", "failed", "keys that begin with waxseal:"))
        os.environ["WAXSEAL_REDIS_PASSWORD"] = "wrong"
        doctor.expect("a wrong password", doctor.run(*url, seconds=0), 1, ("redis", "failed", "WRONGPASS"))
        del os.environ["WAXSEAL_REDIS_PASSWORD"]


def other_clients(frames, number):
    """The same sessions between other ports of the clients."""
    out = []
    for frame in frames:
        data, seg = bytearray(frame.data), derive.segment_of(frame)
        at = seg.tcp + 2 * (data[seg.tcp:seg.tcp + 2] < data[seg.tcp + 2:seg.tcp + 4])
        port = int.from_bytes(data[at:at + 2], "big")
        data[at:at + 2] = (1024 + (port + 997 * number) % 60000).to_bytes(2, "big")
        out.append(frame.with_data(bytes(data)))
    return out


def check_run(doctor, folder):
    captures, config, number = traffic(), os.path.join(folder, "run.yaml"), 0
    with open(config, "w", encoding="ascii") as file:
        file.write("mirror: {window_s: 1, least_packets: 20, least_connections: 5}\n")
    argv = [doctor.program, "run", "-c", config, "-i", "mon0", "--json", os.path.join(folder, "events.json")]
    process = doctor.space.popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    time.sleep(HEAD_START_S)
    # The good ones for longer: the stretch in which the mirror was mended is still a bad one.
    for change, times in ((derive.only("server"), 4), (lambda frames: frames, 10)):
        for _ in range(times):
            number += 1
            doctor.send(other_clients(flat(captures, change), number))
    process.terminate()
    said = process.communicate(timeout=30)[1].decode()
    counts = [said.count(text) for text in ("mon0: mirror_one_sided: ", "mon0: mirror_one_sided is over")]
    doctor.failures += counts != [1, 1]
    print(f"{'ok' if counts == [1, 1] else 'FAILED'}: run says once what came and went")
    if counts != [1, 1]:
        print(said)


def main():
    program = os.path.abspath(sys.argv[1])
    sensor.need(program)
    if reason := net.why_not_permitted():
        sensor.skip(reason)
    with net.Mirror("doctor") as space, tempfile.TemporaryDirectory() as folder:
        doctor = Doctor(program, space)
        check_interfaces(doctor)
        check_files(doctor, folder)
        check_table(doctor)
        check_redis(doctor, folder)
        check_mirrors(doctor)
        check_run(doctor, folder)
    sys.exit(doctor.failures > 0)


if __name__ == "__main__":
    main()
