#!/usr/bin/env python3
"""kills.py [options] SENSOR MAKE_LOAD - redis-server is killed and connections are cut while sessions are read, and nothing of it shows.

A capture is read into Redis twice: undisturbed, and while, at random bytes of the stream to Redis or of its answers, every connection is cut,
each second time together with redis-server (SIGKILL; AOF on). At the end all that the site has in Redis must be equal, byte for byte. The
interruptions happen within one run of the sensor; if it ends before all of them happened, the test fails.

    --sessions N        at least so many (default 20000)
    --interruptions N   (default 40)
    --spool             with a spool
    --seed N            repeat what was printed

The full check: kills.py --sessions 100000 --interruptions 200 build/release/waxseal build/release/make_load
Exit status 77: redis-server is not installed."""
import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time

import content
import servers
from servers import sensor

SITE = "kills"
# Patience for interruptions one after another of which each comes before anything is delivered: the sensor then waits up to five
# seconds before it tries again. With a spool, whose batches are not lost by going, it has a fifth of it.
PATIENCE_MS, SPOOLED_PART = 120000, 5
CONFIG = "outputs:\n  redis:\n    events_cap: 1000000000\n    queue_bytes: 4194304\n    answer_ms: 10000\n"


class Interruptions:
    """Decides at which byte what happens."""

    def __init__(self, server, chance, count, spacing):
        self.server, self.chance, self.left, self.spacing = server, chance, count, spacing
        self.kills, self.done, self.busy = 0, 0, False
        self.aim()

    def aim(self):
        self.on_answers = self.chance.random() < 0.4
        self.wait_bytes = self.chance.randrange(1, 2 * self.spacing)

    def restart(self):
        """redis-server reads its data before it answers: the sensor sees it absent, then loading."""
        self.server.restart()
        self.busy = False

    def toll(self, _proxy, towards_server, data):
        if self.left == 0 or self.busy:
            return None
        if towards_server:
            self.wait_bytes -= len(data)
        if self.wait_bytes > 0 or towards_server == self.on_answers:
            return None
        self.left -= 1
        self.done += 1
        passing = self.chance.randrange(0, len(data) + 1)
        if self.left % 2 == 0:
            self.kills += 1
            self.busy = True
            # what passes reaches the socket before the server dies, or not: both happen
            threading.Timer(self.chance.random() * 0.01, self.restart).start()
        self.aim()
        return passing


def read_into(options, redis_path, folder, load):
    path = os.path.join(folder, "waxseal.yaml")
    spool = f"    spool: {os.path.join(folder, 'spool')}\n" if options.spool else ""
    spool += f"    patience_ms: {PATIENCE_MS * SPOOLED_PART if options.spool else PATIENCE_MS}\n"
    with open(path, "w", encoding="ascii") as file:
        file.write(CONFIG + spool)
    begin = time.monotonic()
    done = subprocess.run([options.sensor, "read", "-c", path, "--redis", "unix://" + redis_path, "--site", SITE, "--sensor", "one",
                           "--trust", os.path.join(sensor.CAPTURES, "ca.pem"), load], stdin=subprocess.DEVNULL,
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
    words = done.stderr.decode(errors="replace").strip()
    if done.returncode != 0:
        sys.exit(f"exit status {done.returncode}:\n{words[-2000:]}")
    return time.monotonic() - begin, words


def run(options, folder, load, chance, spacing):
    """Returns what Redis holds, and how many bytes went to it."""
    server = servers.Server(folder, "disturbed" if spacing else "quiet").start()
    passed = [0]
    interruptions = Interruptions(server, chance, options.interruptions if spacing else 0, spacing or 1)

    def toll(proxy, towards_server, data):
        passed[0] += len(data) * towards_server
        return interruptions.toll(proxy, towards_server, data)
    proxy = servers.Proxy(os.path.join(folder, "p"), server.path, toll)
    proxy.start()
    try:
        seconds, words = read_into(options, proxy.path, folder, load)
        servers.wait_until(lambda: not interruptions.busy, "the last restart is over")
        server.wait()
        if interruptions.left:
            sys.exit(f"only {interruptions.done} interruptions before the sensor was done")
        print(f"{seconds:.1f} s, {passed[0]} bytes to Redis, {interruptions.done} interruptions, {interruptions.kills} of them with SIGKILL", flush=True)
        if spacing and " lost" in words:
            sys.exit(f"the sensor speaks of losses:\n{words[-2000:]}")
        client = server.client()
        return content.take(client, SITE), passed[0]
    finally:
        proxy.stop()
        server.kill()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=20000)
    parser.add_argument("--interruptions", type=int, default=40)
    parser.add_argument("--spool", action="store_true")
    parser.add_argument("--seed", type=int)
    parser.add_argument("sensor")
    parser.add_argument("make_load")
    options = parser.parse_args()
    servers.need_redis()
    sensor.need(options.sensor)
    sensor.need(options.make_load)
    chance = servers.dice(options.seed)
    with tempfile.TemporaryDirectory(prefix="waxseal-kills-") as folder:
        load = os.path.join(folder, "load.pcap")
        print(f"{servers.make_load(options.make_load, options.sessions, load)} sessions", flush=True)
        expected, size = run(options, folder, load, chance, None)
        if len(expected) < 10 or len(expected["events"][2]) < options.sessions:
            sys.exit(f"the undisturbed run left {len(expected)} keys, {len(expected.get('events', (0, 0, []))[2])} events")
        # less than a share each, as chance spreads and what was not answered is sent again
        found, _ = run(options, folder, load, chance, max(1, size * 2 // 3 // options.interruptions))
    wrong = list(content.differences(expected, found))
    print("\n".join(wrong[:40]) if wrong else f"{len(expected)} keys are equal")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
