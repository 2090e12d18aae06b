#!/usr/bin/env python3
"""failover.py [options] SENSOR MAKE_LOAD - masters fail while sessions are read, Sentinels promote replicas, and nothing of it shows.

Two redis-servers follow a third, three Sentinels watch, and the sensor asks those where to write, with outputs.redis.replicas 1: a batch counts
as delivered when a replica has it, too. The master is then killed, again and again; what was it comes back as a replica. The sensor
has the rights of deploy/redis.acl, and a password of its own at the Sentinels. At the end all that the site has in Redis must equal what an undisturbed run leaves.

    --sessions N    at least so many (default 10000)
    --failovers N   (default 2)

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

SITE = "failover"


class Trio:
    """A master, two replicas, three Sentinels."""

    def __init__(self, folder):
        users = servers.sensor_user(folder)
        self.nodes = [servers.Server(folder, f"node{i}", servers.free_port(), ["--repl-timeout", "5", "--aclfile", users])
                      for i in range(3)]
        for node in self.nodes:
            node.start()
        for node in self.nodes[1:]:
            node.ask("REPLICAOF", "127.0.0.1", self.nodes[0].port)
        servers.wait_until(lambda: int(info(self.nodes[0], "connected_slaves")) == 2, "two replicas")
        self.sentinels = [servers.Sentinel(folder, f"sentinel{i}", self.nodes[0].port, 2) for i in range(3)]
        self.settle()

    def settle(self):
        """Until every Sentinel knows both replicas and the other two."""
        def settled(s):
            state = dict(content.pairs([content.text(v) for v in s.ask("SENTINEL", "MASTER", "mail")]))
            return (state["flags"] == "master" and state["num-slaves"] == "2" and state["num-other-sentinels"] == "2")
        servers.wait_until(lambda: all(settled(s) for s in self.sentinels), "the Sentinels know each other")
        servers.wait_until(lambda: all(replica_of(n) == self.master().port for n in self.nodes if n is not self.master()),
                           "both replicas follow the master")

    def master(self):
        _, port = self.sentinels[0].ask("SENTINEL", "get-master-addr-by-name", "mail")
        return next(n for n in self.nodes if n.port == int(port))

    def fail_over(self):
        old = self.master()
        old.kill()
        servers.wait_until(lambda: self.master() is not old and info(self.master(), "role") == "master", "a new master")
        old.start()
        self.settle()

    def url(self):
        return "redis-sentinel://waxseal@" + ",".join(f"127.0.0.1:{s.port}" for s in self.sentinels) + "/mail"

    def kill(self):
        for one in (*self.sentinels, *self.nodes):
            one.kill()


def info(node, field):
    for line in node.ask("INFO", "replication").decode().splitlines():
        if line.startswith(field + ":"):
            return line[len(field) + 1:]
    return ""


def replica_of(node):
    return int(info(node, "master_port") or 0) if info(node, "master_link_status") == "up" else 0


def start(options, folder, url, load, replicas):
    path = os.path.join(folder, "waxseal.yaml")
    for name in ("redis", "sentinels"):
        with open(os.path.join(folder, name), "w", opener=lambda p, flags: os.open(p, flags, 0o600), encoding="ascii") as file:
            file.write(f"of-{name}\n")
    users = (f"    password_file: {folder}/redis\n    sentinel_user: waxseal\n    sentinel_password_file: {folder}/sentinels\n"
             if replicas else "")
    with open(path, "w", encoding="ascii") as file:
        file.write(f"outputs:\n  redis:\n    url: {url}\n    events_cap: 1000000000\n    queue_bytes: 1048576\n    patience_ms: 120000\n"
                   f"    replicas: {replicas}\n    answer_ms: 3000\n{users}")
    return subprocess.Popen([options.sensor, "read", "-c", path, "--site", SITE, "--sensor", "one", "--trust",
                             os.path.join(sensor.CAPTURES, "ca.pem"), load], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                            stderr=subprocess.PIPE)


def finish(process):
    words = process.stderr.read().decode(errors="replace").strip()
    process.wait()
    if process.returncode != 0 or " lost" in words:
        sys.exit(f"exit status {process.returncode}:\n{words[-3000:]}")
    return words


def undisturbed(options, folder, load):
    server = servers.Server(folder, "quiet", aof=False).start()
    try:
        finish(start(options, folder, "unix://" + server.path, load, 0))
        return content.take(server.client(), SITE)
    finally:
        server.kill()


def disturbed(options, folder, load):
    trio = Trio(folder)
    process = start(options, folder, trio.url(), "-", 1)
    feeder = servers.Feeder(process.stdin, load, options.failovers)
    try:
        begin = time.monotonic()
        for gate in feeder.gates:
            before = time.monotonic()
            servers.wait_until(lambda: process.poll() is not None or
                               trio.master().ask("EXISTS", f"waxseal:{{{SITE}}}:events"), "something arrives")
            failing = threading.Thread(target=trio.fail_over)
            failing.start()
            gate.set()  # it goes on reading meanwhile
            failing.join()
            print(f"a failover: {time.monotonic() - before:.1f} s", flush=True)
        words = finish(process)
        print(f"{time.monotonic() - begin:.1f} s\n{words}")
        if words.count("is now") < options.failovers:
            sys.exit("the sensor does not speak of the new masters")
        return content.take(trio.master().client(), SITE)
    finally:
        feeder.open_all()
        process.kill()
        trio.kill()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=10000)
    parser.add_argument("--failovers", type=int, default=2)
    parser.add_argument("sensor")
    parser.add_argument("make_load")
    options = parser.parse_args()
    servers.need_redis()
    sensor.need(options.sensor)
    sensor.need(options.make_load)
    with tempfile.TemporaryDirectory(prefix="waxseal-failover-") as folder:
        load = os.path.join(folder, "load.pcap")
        sessions = servers.make_load(options.make_load, options.sessions, load)
        expected = undisturbed(options, folder, load)
        found = disturbed(options, folder, load)
    wrong = list(content.differences(expected, found))
    print("\n".join(wrong[:40]) if wrong else f"{options.failovers} failovers, {sessions} sessions: {len(expected)} keys are equal")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
