#!/usr/bin/env python3
"""reshard.py [options] SENSOR MAKE_LOAD - the site's slot of a Cluster moves to another node while sessions are read, and nothing of it shows.

A Cluster of three masters; the sensor is given one node that does not own the slot. The slot is moved key by key, as redis-cli --cluster
reshard does, while the sensor writes; then a node that no longer owns it is killed. At the end all that the site has in Redis
must equal what an undisturbed run leaves in a Redis alone.

    --sessions N   at least so many (default 10000)
    --moves N      (default 3)

Exit status 77: redis-server is not installed."""
import argparse
import glob
import os
import subprocess
import sys
import tempfile
import threading
import time

import content
import servers
from servers import sensor

SITE = "reshard"
EVENTS = f"waxseal:{{{SITE}}}:events"


def start(options, folder, url, load):
    path = os.path.join(folder, "waxseal.yaml")
    with open(path, "w", encoding="ascii") as file:
        file.write(f"outputs:\n  redis:\n    url: {url}\n    events_cap: 1000000000\n    queue_bytes: 1048576\n    patience_ms: 120000\n")
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
        finish(start(options, folder, "unix://" + server.path, load))
        return content.take(server.client(), SITE)
    finally:
        server.kill()


def other(cluster, node):
    return cluster.nodes[(cluster.nodes.index(node) + 1) % len(cluster.nodes)]


def disturbed(options, folder, load, sessions):
    cluster = servers.Cluster(folder)
    slot = cluster.nodes[0].ask("CLUSTER", "KEYSLOT", EVENTS)
    first = other(cluster, cluster.owner(slot))
    process = start(options, folder, f"redis-cluster://127.0.0.1:{first.port}", "-")
    feeder = servers.Feeder(process.stdin, load, options.moves)
    try:
        begin = time.monotonic()
        for number, gate in enumerate(feeder.gates, 1):
            due = sessions * number // (len(feeder.gates) + 1) // 2
            servers.wait_until(lambda due=due: process.poll() is not None or cluster.owner(slot).ask("XLEN", EVENTS) >= due, f"{due} events")
            source = cluster.owner(slot)
            target = other(cluster, source)
            moving = threading.Thread(target=lambda s=source, t=target: print(
                f"{cluster.move(slot, t, lambda: time.sleep(0.002))} keys moved from {s.port} to {t.port}", flush=True))
            moving.start()
            gate.set()
            moving.join()
        words = finish(process)
        print(f"{time.monotonic() - begin:.1f} s\n{words}")
        if not any("waxseal:sites" in map(content.text, node.ask("KEYS", "*")) for node in cluster.nodes):
            sys.exit("waxseal:sites is nowhere")
        for node in cluster.nodes:
            if node is not cluster.owner(slot) and any(SITE in content.text(k) for k in node.ask("KEYS", f"waxseal:*{SITE}*")):
                sys.exit("keys of the site lie on two nodes")
        return content.take(cluster.owner(slot).client(), SITE)
    finally:
        feeder.open_all()
        process.kill()
        cluster.kill()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=10000)
    parser.add_argument("--moves", type=int, default=3)
    parser.add_argument("sensor")
    parser.add_argument("make_load")
    options = parser.parse_args()
    servers.need_redis()
    sensor.need(options.sensor)
    sensor.need(options.make_load)
    with tempfile.TemporaryDirectory(prefix="waxseal-reshard-") as folder:
        load = os.path.join(folder, "load.pcap")
        sessions = servers.make_load(options.make_load, options.sessions, load)
        expected = undisturbed(options, folder, load)
        found = disturbed(options, folder, load, sessions)
        wrong = list(content.differences(expected, found))
        for log in sorted(glob.glob(os.path.join(folder, "node*", "log"))) if wrong else ():
            with open(log, encoding="utf-8", errors="replace") as file:
                print(log, *file.readlines()[-25:], sep="\n", end="")
    print("\n".join(wrong[:40]) if wrong else f"{options.moves} moves, {sessions} sessions: {len(expected)} keys are equal")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
