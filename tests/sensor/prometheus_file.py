#!/usr/bin/env python3
"""prometheus_file.py PROGRAM - the file for Prometheus: well-formed, as promtool has it, with the numbers of the JSON events, written
while the sensor runs and never half.

promtool comes from PATH or $PROMTOOL; without it only its own check is skipped."""
import collections
import glob
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

FOLDER = os.path.dirname(os.path.abspath(__file__))
CAPTURES = sorted(glob.glob(os.path.join(FOLDER, "..", "captures", "*.pcap")))
SAMPLE = re.compile(r'(waxseal_\w+)\{((?:\w+="(?:[^"\\\n]|\\["\\n])*",?)*)\} (-?[0-9.e+]+)')
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
problems = []


def expect(condition, text):
    if not condition:
        problems.append(text)


def parse(text):
    """{(name, labels without site and sensor): value}; complains about what the format does not allow."""
    samples, types, current, seen = {}, {}, None, set()
    expect(text.endswith("\n"), "does not end in a line feed")
    for line in text.splitlines():
        if line.startswith("# HELP "):
            current = line.split(" ", 3)[2]
            expect(current not in seen and len(line.split(" ", 3)) == 4, f"HELP: {line}")
            seen.add(current)
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            expect(name == current and kind in ("counter", "gauge"), f"TYPE: {line}")
            types[name] = kind
        else:
            match = SAMPLE.fullmatch(line)
            expect(match is not None, f"no sample: {line}")
            if match is None:
                continue
            labels = dict(LABEL.findall(match[2]))
            expect(match[1] == current and current in types, f"not under its TYPE: {line}")
            expect(labels.pop("site", None) == "lab" and labels.pop("sensor", None) == "probe", f"no site or sensor: {line}")
            expect(types.get(match[1]) != "counter" or match[1].endswith("_total"), f"a counter without _total: {line}")
            key = (match[1], tuple(sorted(labels.items())))
            expect(key not in samples, f"twice: {line}")
            samples[key] = float(match[3])
    return samples


def read(program, folder, inputs, **more):
    path, events = os.path.join(folder, "waxseal.prom"), os.path.join(folder, "events.json")
    subprocess.run([program, "read", "--quiet", "--site", "lab", "--sensor", "probe", "--prometheus", path, "--json", events,
                    *inputs], check=True, **more)
    with open(events) as file:
        return path, [json.loads(line) for line in file]


def check_numbers(samples, events):
    def number(name, **labels):
        return samples.get((f"waxseal_{name}", tuple(sorted(labels.items()))))
    expect(number("sessions_total") == len(events), "sessions")
    fields = {"mode": "mode", "starttls": "starttls", "verdict": "verdict", "protocol": "protocol", "severity": "severity",
              "auth": "auth", "tls_state": "tls_state"}
    for label, field in fields.items():
        counted = collections.Counter(event[field] for event in events)
        for (name, labels), value in samples.items():
            if name == f"waxseal_sessions_by_{label}_total":
                word = dict(labels)[label]
                expect(value == counted.pop(word, 0), f"{name} {word}: {value}")
        expect(not counted, f"{label}: {counted} has no sample")
    octets = sum(event["bytes_client"] + event["bytes_server"] for event in events)
    expect(number("payload_bytes_total") == octets, "payload bytes")
    expect(number("sessions_by_version_total", version="tls13") == sum(e["tls_version"] == "TLS1.3" for e in events), "TLS 1.3")
    findings = collections.Counter()
    for (name, labels), value in samples.items():
        if name == "waxseal_findings_total":
            findings[dict(labels)["severity"]] = value
    expect(sum(findings.values()) == sum(len(e["findings"].split(",")) for e in events if e["findings"]), "findings")
    expect(number("capture_packets_total") > 0 and number("capture_inputs_broken") == 0, "capture")
    expect(sum(v for (n, _), v in samples.items() if n == "waxseal_alerts_open") > 0, "no open alert")


def check_promtool(path):
    tool = os.environ.get("PROMTOOL") or shutil.which("promtool")
    if not tool:
        print("promtool is not there; its check was skipped")
        return
    with open(path) as file:
        done = subprocess.run([tool, "check", "metrics"], stdin=file, text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
    expect(done.returncode == 0 and not done.stdout.strip(), f"promtool: {done.stdout}")


def check_while_running(program, folder):
    """The input stays open: the file must be there all the same, be whole, and be written anew within 15 s."""
    path = os.path.join(folder, "live.prom")
    with open(CAPTURES[0], "rb") as file:
        capture = file.read()
    process = subprocess.Popen([program, "read", "--quiet", "--site", "lab", "--sensor", "probe", "--prometheus", path, "--json",
                                os.devnull, "-"], stdin=subprocess.PIPE)
    process.stdin.write(capture)
    process.stdin.flush()
    files, end = set(), time.monotonic() + 16
    while time.monotonic() < end and len(files) < 2:
        time.sleep(0.2)
        if os.path.exists(path):
            with open(path) as file:
                parse(file.read())
            files.add(os.stat(path).st_ino)
    process.stdin.close()
    expect(process.wait() == 0, "the run did not end well")
    expect(len(files) >= 2, f"written {len(files)} times within 16 s")
    expect(os.listdir(folder).count("live.prom") == 1 and not [n for n in os.listdir(folder) if n.startswith("live.prom.")],
           "a half file is left")
    expect(os.stat(path).st_mode & 0o444 == 0o444, "not readable for node_exporter")


def main():
    program = sys.argv[1]
    os.umask(0o022)
    with tempfile.TemporaryDirectory() as folder:
        path, events = read(program, folder, CAPTURES)
        with open(path) as file:
            samples = parse(file.read())
        check_numbers(samples, events)
        check_promtool(path)
        check_while_running(program, folder)
    print(f"{len(samples)} samples of {len(events)} sessions")
    for problem in problems:
        print("   ", problem)
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
