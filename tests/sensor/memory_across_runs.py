#!/usr/bin/env python3
"""memory_across_runs.py WAXSEAL - what the sensor remembers from one run to the next, in the file of its configuration.

Sessions of tests/captures are moved to other times and addresses and read in two runs. Each case has a near miss: too
late, somebody else, one session too few, or no memory at all."""
import contextlib
import json
import os
import pathlib
import re
import socket
import struct
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "robustness"))

import pcapfile  # noqa: E402
import sensor  # noqa: E402

NOW, HOUR, DAY = 1800000000, 3600, 86400
CLIENT, OTHER, SERVER, ELSEWHERE = "10.8.0.1", "10.8.0.2", "10.8.9.1", "10.8.9.2"

FAILED, IN_CLEAR = "smtp-alert-protocol-version", "smtp-not-used"
TLS10, TLS11, TLS12, NO_OFFER = "smtp-starttls-tls10", "smtp-starttls-tls11", "smtp-starttls-tls12", "smtp-line-removed"


def packed(address):
    return bytes(map(int, address.split(".")))


class Moved:
    """One capture with one connection, moved in time and to other addresses."""

    def __init__(self, name, at_s, client=CLIENT, server=SERVER):
        self.path = os.path.join(sensor.CAPTURES, name + ".pcap")
        self.at_s, self.ends = at_s, (packed(client), packed(server))
        self.number = self.begin = self.old_client = None

    def frame(self, packet):
        segment, frame = pcapfile.tcp_segment(packet.frame), bytearray(packet.frame)
        from_client = frame[segment.ip + 12:segment.ip + 16] == self.old_client
        source, target = self.ends if from_client else reversed(self.ends)
        frame[segment.ip + 12:segment.ip + 20] = source + target
        port = segment.tcp if from_client else segment.tcp + 2
        struct.pack_into(">H", frame, port, 20000 + self.number)
        struct.pack_into(">H", frame, segment.ip + 10, 0)
        struct.pack_into(">H", frame, segment.ip + 10, pcapfile.checksum(frame[segment.ip:segment.tcp]))
        return bytes(frame)

    def packets(self, packet):
        yield pcapfile.Packet(packet.seconds - self.begin + self.at_s, packet.fraction, self.frame(packet), packet.wire)

    def write(self, path, number):
        data, self.number = sensor.load(self.path), number
        first = next(p for p in pcapfile.packets(data) if pcapfile.tcp_segment(p.frame))
        segment = pcapfile.tcp_segment(first.frame)
        self.begin, self.old_client = first.seconds, first.frame[segment.ip + 12:segment.ip + 16]
        path.write_bytes(pcapfile.rewritten(data, self.packets))


class Memory:
    """A sensor with a memory of its own, that is run again and again."""

    def __init__(self, program, folder, **settings):
        self.program, self.folder, self.runs = program, pathlib.Path(folder), 0
        self.file = self.folder / "past"
        self.config = self.folder / "waxseal.yaml"
        lines = [f"  {key}: {value}" for key, value in {"file": json.dumps(str(self.file)), **settings}.items()]
        self.config.write_text("\n".join(["history:", *lines, ""]))

    def run(self, *sessions, remember=True, options=()):
        """The events of one run over these sessions, in their order; and what was said on standard error."""
        self.runs += 1
        captures = self.folder / f"run-{self.runs}"
        captures.mkdir()
        for number, session in enumerate(sessions):
            session.write(captures / f"{number:03}.pcap", number)
        config = ["-c", str(self.config)] if remember else []
        done = sensor.read_json(self.program, *config, *options, str(captures))
        if found := sensor.trouble(done, allowed=(0,)):
            raise AssertionError(f"{'; '.join(found)}\n{sensor.last_words(done)}")
        events = [json.loads(line) for line in done.out.splitlines()]
        if len(events) != len(sessions):
            raise AssertionError(f"{len(sessions)} sessions were written, {len(events)} events came")
        return sorted(events, key=lambda e: e["ts"]), done.err.decode(errors="replace")

    def last_findings(self, *sessions, **options):
        return set(self.run(*sessions, **options)[0][-1]["findings"].split(","))


def offers(count, at_s=NOW):
    """Sessions in which the server offers STARTTLS, half a minute apart."""
    return [Moved(TLS12, at_s + 30 * i, client=OTHER) for i in range(count)]


# (name, rule, does it fire, sessions of the first run, session of the second, settings)
CASES = [
    ("cleartext half a minute after a failure", "plaintext_fallback", True,
     [Moved(FAILED, NOW)], Moved(IN_CLEAR, NOW + 30), {}),
    ("cleartext two minutes after it", "plaintext_fallback", False,
     [Moved(FAILED, NOW)], Moved(IN_CLEAR, NOW + 120), {}),
    ("cleartext two minutes after it, where the window is wider", "plaintext_fallback", True,
     [Moved(FAILED, NOW)], Moved(IN_CLEAR, NOW + 120), {"fallback_window_s": 300}),
    ("cleartext of another client", "plaintext_fallback", False,
     [Moved(FAILED, NOW)], Moved(IN_CLEAR, NOW + 30, client=OTHER), {}),
    ("cleartext at another server", "plaintext_fallback", False,
     [Moved(FAILED, NOW)], Moved(IN_CLEAR, NOW + 30, server=ELSEWHERE), {}),
    ("cleartext after a handshake that went well", "plaintext_fallback", False,
     [Moved(TLS12, NOW)], Moved(IN_CLEAR, NOW + 30), {}),
    ("a lower offer half a minute after a failure", "version_fallback", True,
     [Moved(FAILED, NOW)], Moved(TLS10, NOW + 30), {}),
    ("the same offer again", "version_fallback", False,
     [Moved(FAILED, NOW)], Moved(TLS11, NOW + 30), {}),
    ("a lower offer two minutes after a failure", "version_fallback", False,
     [Moved(FAILED, NOW)], Moved(TLS10, NOW + 120), {}),
    ("no offer after twenty", "starttls_withheld", True,
     offers(20), Moved(NO_OFFER, NOW + 3 * HOUR), {}),
    ("no offer after nineteen", "starttls_withheld", False,
     offers(19), Moved(NO_OFFER, NOW + 3 * HOUR), {}),
    ("no offer after nineteen, where they are enough", "starttls_withheld", True,
     offers(19), Moved(NO_OFFER, NOW + 3 * HOUR), {"baseline_sessions": 19}),
    ("no offer at another server", "starttls_withheld", False,
     offers(20), Moved(NO_OFFER, NOW + 3 * HOUR, server=ELSEWHERE), {}),
    ("no offer nine days later", "starttls_withheld", False,
     offers(20), Moved(NO_OFFER, NOW + 9 * DAY), {}),
    ("an offer, not used", "starttls_withheld", False,
     offers(20), Moved(IN_CLEAR, NOW + 3 * HOUR), {}),
    ("no offer while another client has it", "starttls_path_dependent", True,
     offers(1), Moved(NO_OFFER, NOW + HOUR // 2), {}),
    ("no offer two hours after another client had it", "starttls_path_dependent", False,
     offers(1), Moved(NO_OFFER, NOW + 2 * HOUR), {}),
]


def check(condition, sentence):
    if not condition:
        raise AssertionError(sentence)


def across_two_runs(program, folder, rule, fires, before, session, settings):
    memory = Memory(program, folder, **settings)
    memory.run(*before)
    check(memory.file.stat().st_size > 0, "the first run left no file")
    found = memory.last_findings(session)
    check((rule in found) == fires, f"{rule} {'is missing' if fires else 'was found'}: {sorted(found)}")


def within_one_run(program, folder, rule, fires, before, session, settings):
    memory = Memory(program, folder, **settings)
    found = memory.last_findings(*before, session)
    check((rule in found) == fires, f"{rule} {'is missing' if fires else 'was found'}: {sorted(found)}")


def without_a_file(program, folder, rule, before, session):
    memory = Memory(program, folder)
    memory.run(*before, remember=False)
    check(rule not in memory.last_findings(session, remember=False), f"{rule} was found without a memory")


def damaged_file(program, folder):
    memory = Memory(program, folder)
    memory.run(*offers(20))
    content = bytearray(memory.file.read_bytes())
    content[len(content) // 2] ^= 1
    memory.file.write_bytes(content)
    events, said = memory.run(Moved(NO_OFFER, NOW + 3 * HOUR))
    check("starttls_withheld" not in events[-1]["findings"], "a damaged memory was believed")
    check(str(memory.file) in said and said.count("\n") == 1, f"not one line on the damage: {said!r}")
    memory.run(*offers(20, NOW + 4 * HOUR))
    check("starttls_withheld" in memory.last_findings(Moved(NO_OFFER, NOW + 8 * HOUR)), "no new memory was begun")


def somebody_elses_file(program, folder):
    memory = Memory(program, folder)
    memory.file.write_text("dear diary")
    captures = memory.folder / "captures"
    captures.mkdir()
    Moved(TLS12, NOW).write(captures / "one.pcap", 0)
    done = sensor.read_json(program, "-c", str(memory.config), str(captures))
    check(memory.file.read_text() == "dear diary", "a file that is no memory was written over")
    check(done.status == 2 and str(memory.file) in done.err.decode(), f"exit status {done.status}: {done.err!r}")


def alerts_of(memory, *sessions, **options):
    """(rule, raised or cleared) of every alert that one run sends."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(0.5)
        memory.run(*sessions, options=["--syslog", f"udp://127.0.0.1:{receiver.getsockname()[1]}"], **options)
        told = []
        with contextlib.suppress(TimeoutError):
            while True:
                text = receiver.recv(65536).decode()
                told.append(tuple(re.search(rf' {word}="([^"]*)"', text)[1] for word in ("rule", "state")))
    return told


def alerts_go_on(program, folder):
    """What one run raised the next does not raise again, and one later clears it."""
    memory, rule = Memory(program, folder), "starttls_not_used"
    first = alerts_of(memory, Moved(IN_CLEAR, NOW))
    check((rule, "raised") in first, f"the first run raised {first}")
    check(alerts_of(memory, Moved(IN_CLEAR, NOW + 30)) == [], "the second run told of an alert that was open")
    check((rule, "raised") in alerts_of(memory, Moved(IN_CLEAR, NOW + 40), remember=False), "nothing is raised without a memory")
    last = alerts_of(memory, Moved(TLS12, NOW + 30 * DAY, server=ELSEWHERE))
    check(sorted(last) == sorted((rule, "cleared") for rule, _ in first), f"the last run told {last}, the first {first}")
    content = memory.file.with_name("past.alerts")
    content.write_bytes(content.read_bytes()[:-1])
    _, said = memory.run(Moved(IN_CLEAR, NOW + 31 * DAY))
    check("past.alerts is no list of open alerts" in said, f"a damaged list was not named: {said!r}")


def main():
    program = sys.argv[1]
    sensor.need(program)
    sensor.our_captures()
    checks = [(f"{name}: two runs", across_two_runs, details) for name, *details in CASES]
    checks += [(f"{name}: one run", within_one_run, details) for name, *details in CASES]
    checks += [(f"{name}: no memory", without_a_file, (rule, before, session))
               for name, rule, fires, before, session, _ in CASES if fires]
    checks += [("a damaged file", damaged_file, ()), ("a file of somebody else", somebody_elses_file, ()), ("alerts", alerts_go_on, ())]
    failed = 0
    for name, function, details in checks:
        with tempfile.TemporaryDirectory() as folder:
            try:
                function(program, folder, *details)
            except AssertionError as problem:
                failed += 1
                print(f"{name}: {problem}")
    print(f"{len(checks)} checks of the memory, {failed} failed")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
