#!/usr/bin/env python3
"""mirror_alert.py SENSOR - a mirror that delivers one direction becomes one alert in Redis, and a whole one none.

Exit status 77: redis-server is not installed."""
import os
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "robustness"))
import derive  # noqa: E402
import derived  # noqa: E402
import sensor  # noqa: E402
from store import Store  # noqa: E402

KEY = "waxseal:{lab}:"


def alerts_of(program, capture):
    """Alerts of the mirror and the gauge mirror_ok, after one reading."""
    with Store() as store:
        done = subprocess.run([program, "read", "--quiet", "--redis", store.url, "--site", "lab", "--sensor", "probe", capture],
                              capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.exit(f"exit status {done.returncode}: {done.stderr}")
        found = [fields for _, fields in store.stream(KEY + "alerts") if fields["rule"].startswith("mirror_")]
        return found, store.hash(KEY + "now")["mirror_ok"]


def main():
    program = sys.argv[1]
    sensor.need(program)
    captures = [derive.read(sensor.load(p)) for p in sensor.our_captures() if p.endswith(".pcap")]
    wrong = []
    for name, change, rules, gauge in (("whole", lambda frames: frames, [], "1"),
                                       ("client's direction only", derive.only("client"), ["mirror_one_sided"], "0")):
        with tempfile.NamedTemporaryFile(suffix=".pcap") as file:
            file.write(derived.joined(captures, change, 1))
            file.flush()
            alerts, ok = alerts_of(program, file.name)
        if [a["rule"] for a in alerts] != rules or ok != gauge:
            wrong.append(f"{name}: alerts {alerts}, mirror_ok {ok}")
        if any(a["server_ip"] != "none" or "%" not in a["detail"] or a["advice"] == "none" for a in alerts):
            wrong.append(f"{name}: an alert without figures or advice, or about a server: {alerts}")
    print("\n".join(wrong) or "one direction: one alert with figures and advice; both: none")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
