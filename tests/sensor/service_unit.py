#!/usr/bin/env python3
"""service_unit.py BUILD - the systemd unit as `cmake --install` writes it: systemd understands every line, what it names is there,
and what it leaves to the service is little."""
import os
import re
import shutil
import subprocess
import sys
import tempfile

SKIPPED = 77
EXPOSURE_CAP = "25"  # tenths of what systemd-analyze gives


def main():
    build = os.path.abspath(sys.argv[1])
    if not shutil.which("systemd-analyze"):
        print("skipped: systemd-analyze is not installed")
        sys.exit(SKIPPED)
    failures = []
    with tempfile.TemporaryDirectory() as prefix:
        subprocess.run(["cmake", "--install", build, "--prefix", prefix], check=True, stdout=subprocess.DEVNULL)
        unit = os.path.join(prefix, "lib", "systemd", "system", "waxseal.service")
        with open(unit, encoding="utf-8") as file:
            words = re.search(r"^ExecStart=(.*)$", file.read(), re.M)[1].split()
        for path in (words[0], words[-1]):
            if not path.startswith(prefix + "/") or not os.path.exists(path):
                failures.append(f"ExecStart names {path}, which was not installed")
        for command in ([words[0], "check", words[-1]], ["systemd-analyze", "verify", "--man=no", unit],
                        ["systemd-analyze", "security", "--offline=true", f"--threshold={EXPOSURE_CAP}", unit]):
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode != 0 or done.stderr:
                failures.append(f"{' '.join(command[:2])}: exit status {done.returncode}: {done.stderr or done.stdout[-300:]}")
    print("\n".join(failures) or "the unit is in order")
    sys.exit(len(failures) > 0)


if __name__ == "__main__":
    main()
