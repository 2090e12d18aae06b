#!/usr/bin/env python3
"""The TLS report of a whole run has the structure of RFC 8460 s4.4, and its numbers are those of the events: tlsrpt_structure.py WAXSEAL

Also what the house policy does on the way from the configuration to the outputs: expectations, exceptions, own rules."""
import collections
import glob
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
CAPTURES = sorted(glob.glob(str(ROOT / "tests" / "captures" / "smtp*.pcap")))
SKIPPED = 77
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
RESULT_TYPES = {"starttls-not-supported", "certificate-host-mismatch", "certificate-expired",
                "certificate-not-trusted", "validation-failure"}
POLICY = """
outputs: {tlsrpt_contact: tls@example.org}
policy:
  expectations:
    - {name: expected.example.org, domain: example.org, addresses: [10.78.0.10], mta_sts: enforce}
    - {name: dane.example.org, addresses: [10.78.0.13], dane: ee}
  exceptions:
    - {rule: starttls_refused, server: 10.78.0.100, owner: lab, reason: test, expires: 2999-12-31}
    - {rule: tls10, owner: lab, reason: long ago, expires: 2001-01-31}
  rules:
    - {id: lab_server, severity: info, when: [{field: server_ip, matches: 10.78.0.*}]}
"""


def member(group, name, kind, optional=False):
    if name not in group:
        assert optional, f"{name} is missing in {group}"
        return None
    assert isinstance(group[name], kind) and not isinstance(group[name], bool), f"{name}: {group[name]!r}"
    return group[name]


def only(group, names):
    assert not set(group) - set(names), f"unknown members {set(group) - set(names)}"


def check_failure(failure):
    only(failure, ["result-type", "sending-mta-ip", "receiving-mx-hostname", "receiving-mx-helo", "receiving-ip",
                   "failed-session-count"])
    assert member(failure, "result-type", str) in RESULT_TYPES
    member(failure, "sending-mta-ip", str, optional=True)
    member(failure, "receiving-mx-hostname", str)
    member(failure, "receiving-mx-helo", str, optional=True)
    member(failure, "receiving-ip", str)
    assert member(failure, "failed-session-count", int) > 0
    return failure["failed-session-count"]


def check_policy(entry):
    only(entry, ["policy", "summary", "failure-details"])
    policy = member(entry, "policy", dict)
    only(policy, ["policy-type", "policy-domain", "mx-host"])
    assert member(policy, "policy-type", str) in ("sts", "tlsa", "no-policy-found")
    assert member(policy, "policy-domain", str)
    assert ("mx-host" in policy) == (policy["policy-type"] == "sts")
    assert all(isinstance(host, str) for host in policy.get("mx-host", []))
    summary = member(entry, "summary", dict)
    only(summary, ["total-successful-session-count", "total-failure-session-count"])
    assert member(summary, "total-successful-session-count", int) >= 0
    failed = member(summary, "total-failure-session-count", int)
    assert failed == sum(check_failure(f) for f in member(entry, "failure-details", list))


def check_report(report):
    only(report, ["organization-name", "date-range", "contact-info", "report-id", "policies"])
    for name in ("organization-name", "contact-info", "report-id"):
        assert member(report, name, str)
    dates = member(report, "date-range", dict)
    only(dates, ["start-datetime", "end-datetime"])
    assert all(TIME.fullmatch(member(dates, name, str)) for name in ("start-datetime", "end-datetime"))
    assert dates["start-datetime"] <= dates["end-datetime"]
    for entry in member(report, "policies", list):
        check_policy(entry)


def check_numbers(report, events):
    """Counted once more, out of the events."""
    relay = [e for e in events if e["role"] == "relay" and e["final"] == 1]
    failed = collections.Counter((e["tlsrpt"], e["client_ip"], e["server_ip"]) for e in relay if e["tlsrpt"])
    succeeded = sum(1 for e in relay if not e["tlsrpt"] and e["tls_state"] == "established")
    told = collections.Counter()
    for entry in report["policies"]:
        for f in entry["failure-details"]:
            told[(f["result-type"], f["sending-mta-ip"], f["receiving-ip"])] += f["failed-session-count"]
    assert told == failed, (told - failed, failed - told)
    assert succeeded == sum(p["summary"]["total-successful-session-count"] for p in report["policies"])
    assert failed and succeeded


def check_house(report, events, messages):
    policies = {p["policy"]["policy-domain"]: p["policy"]["policy-type"] for p in report["policies"]}
    assert policies["example.org"] == "sts" and policies["dane.example.org"] == "tlsa", policies
    at_expected = [e for e in events if e["server_ip"] == "10.78.0.10" and e["role"] == "relay"]
    assert any("certificate_name_mismatch" in e["findings"] and e["severity"] in ("high", "critical") for e in at_expected)
    assert not any("certificate_name_mismatch" in e["findings"] for e in events
                   if e["server_ip"] == "10.78.0.13" and e["role"] == "relay")
    excepted = [e for e in events if e["excepted"]]
    assert excepted and all(e["excepted"] == "starttls_refused" and e["server_ip"] == "10.78.0.100" and
                            "starttls_refused" not in e["findings"] for e in excepted)
    assert any("tls10" in e["findings"].split(",") for e in events)
    assert all(("lab_server" in e["findings"].split(",")) == e["server_ip"].startswith("10.78.0.") for e in events)
    assert "policy.exceptions[2] (tls10) ended on 2001-01-31" in messages, messages
    assert "policy.exceptions[1]" not in messages


def run(program, *arguments):
    done = subprocess.run([program, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return done.stdout.decode(), done.stderr.decode()


def main():
    program = os.path.abspath(sys.argv[1])
    if not CAPTURES:
        sys.exit(SKIPPED)
    with tempfile.TemporaryDirectory() as folder:
        report_path = os.path.join(folder, "report.json")
        policy_path = os.path.join(folder, "waxseal.yaml")
        pathlib.Path(policy_path).write_text(POLICY, encoding="utf-8")
        out, _ = run(program, "read", "--quiet", "--tlsrpt", report_path, "--json", "-", *CAPTURES)
        report = json.loads(pathlib.Path(report_path).read_text(encoding="utf-8"))
        check_report(report)
        check_numbers(report, [json.loads(line) for line in out.splitlines()])
        assert {p["policy"]["policy-type"] for p in report["policies"]} == {"no-policy-found"}

        out, messages = run(program, "read", "-c", policy_path, "--tlsrpt", report_path, "--json", "-", *CAPTURES)
        events = [json.loads(line) for line in out.splitlines()]
        report = json.loads(pathlib.Path(report_path).read_text(encoding="utf-8"))
        check_report(report)
        check_numbers(report, events)
        check_house(report, events, messages)
        assert sorted(os.listdir(folder)) == ["report.json", "waxseal.yaml"]
        out, messages = run(program, "check", policy_path)
        assert "policy.exceptions[2] (tls10) ended on 2001-01-31" in messages and "is valid" in out
        out, _ = run(program, "read", "--quiet", "--tlsrpt", "-", CAPTURES[0])
        check_report(json.loads(out))
    print(f"{len(CAPTURES)} captures, {len(report['policies'])} destinations")


if __name__ == "__main__":
    main()
