#!/usr/bin/env python3
"""stopped.py [options] SENSOR MAKE_LOAD - a Redis that is absent for the whole run costs the sensor nothing and changes no result.

The same capture is read with a Redis that takes everything, with none (connection refused), and with one that accepts connections and never
answers; with a spool each. CPU time (user and system) of the sensor must be within --limit per cent of that with Redis, the
events written as JSON must be the same, and no packet may be dropped. Of several runs of each kind the least CPU time counts.

    --sessions N   at least so many (default 20000)
    --limit P      (default 10)
    --runs N       of each kind (default 3)

Exit status 77: redis-server is not installed."""
import argparse
import hashlib
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile

import servers
from servers import sensor


class Silent:
    """Listens, and says nothing."""

    def __init__(self, path):
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(64)

    def kill(self):
        self.listener.close()


def run(options, folder, redis_path, load):
    """CPU seconds, the digest of the events, what was said."""
    shutil.rmtree(os.path.join(folder, "spool"), ignore_errors=True)
    path = os.path.join(folder, "waxseal.yaml")
    with open(path, "w", encoding="ascii") as file:
        file.write(f"outputs:\n  redis:\n    url: unix://{redis_path}\n    spool: {os.path.join(folder, 'spool')}\n    spool_cap_bytes: 17179869184\n")
    out = os.path.join(folder, "events.json")
    process = subprocess.Popen([options.sensor, "read", "-c", path, "--json", out, "--site", "stopped", "--sensor", "one", "--trust",
                                os.path.join(sensor.CAPTURES, "ca.pem"), load], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
    words = process.stderr.read().decode(errors="replace")
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    with open(out, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return process.returncode, usage.ru_utime + usage.ru_stime, digest, words


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=20000)
    parser.add_argument("--limit", type=float, default=10)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("sensor")
    parser.add_argument("make_load")
    options = parser.parse_args()
    servers.need_redis()
    sensor.need(options.sensor)
    sensor.need(options.make_load)
    best, digests, wrong = {}, set(), []
    with tempfile.TemporaryDirectory(prefix="waxseal-stopped-") as folder:
        load = os.path.join(folder, "load.pcap")
        sessions = servers.make_load(options.make_load, options.sessions, load)
        server = servers.Server(folder, "server", aof=False).start()
        silent = Silent(os.path.join(folder, "silent"))
        try:
            for _ in range(options.runs):
                for kind, path in (("with Redis", server.path), ("refused", os.path.join(folder, "nobody")),
                                   ("no answer", os.path.join(folder, "silent"))):
                    status, cpu_s, digest, words = run(options, folder, path, load)
                    digests.add(digest)
                    best[kind] = min(cpu_s, best.get(kind, cpu_s))
                    if status != (0 if kind == "with Redis" else 2):
                        wrong.append(f"{kind}: exit status {status}: {words}")
                    if " lost" in words or (kind != "with Redis" and not re.search(r"\d+ batches are not delivered", words)):
                        wrong.append(f"{kind}: {words}")
        finally:
            server.kill()
            silent.kill()
    for kind, cpu_s in best.items():
        more = 100 * (cpu_s / best["with Redis"] - 1)
        print(f"{sessions} sessions, {kind}: {cpu_s:.2f} s of CPU ({more:+.1f} %)")
        if more > options.limit:
            wrong.append(f"{kind}: {more:.1f} % more CPU than with Redis, at most {options.limit:.0f} %")
    if len(digests) != 1:
        wrong.append("the events differ")
    print("\n".join(wrong))
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
