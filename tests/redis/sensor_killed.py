#!/usr/bin/env python3
"""sensor_killed.py [options] SENSOR MAKE_LOAD - the sensor is killed while Redis is away: its spool keeps all but the last second.

A part of a capture is fed to a sensor whose Redis does not answer; a second after it has taken the part in, and while it takes more in, it is
killed (SIGKILL). Then Redis comes, and a sensor is started on the same spool: it must say how much it recovered, at least what the
first part yields must be there, and the events must be the first ones of an undisturbed run, each once and in order. The same with
the spool's last segment cut in the middle of a batch.

    --rounds N   (default 4)
    --seed N     repeat what was printed

Exit status 77: redis-server is not installed."""
import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

import content
import servers
from servers import sensor

SITE = "killed"
EVENTS = f"waxseal:{{{SITE}}}:events"
SESSIONS = 6000
EMPTY = bytes.fromhex("d4c3b2a1020004000000000000000000ffff000001000000")


def start(options, folder, redis_path):
    path = os.path.join(folder, "waxseal.yaml")
    with open(path, "w", encoding="ascii") as file:
        file.write(f"outputs:\n  redis:\n    url: unix://{redis_path}\n    events_cap: 1000000000\n    patience_ms: 60000\n"
                   f"    spool: {os.path.join(folder, 'spool')}\n")
    return subprocess.Popen([options.sensor, "read", "-c", path, "--site", SITE, "--sensor", "one", "--trust",
                             os.path.join(sensor.CAPTURES, "ca.pem"), "-"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                            stderr=subprocess.PIPE)


def events_of(server):
    return [content.entry(at, fields) for at, fields in content.entries(server.client(), EVENTS)]


def write_all(pipe, data):
    pipe.write(data)
    pipe.flush()


def reference(options, folder, data, part):
    """The events of the whole capture, and how many of them are there when the first part has been read."""
    server = servers.Server(folder, "quiet", aof=False).start()
    shutil.rmtree(os.path.join(folder, "spool"), ignore_errors=True)
    process = start(options, folder, server.path)
    try:
        write_all(process.stdin, data[:part])
        count, before = -1, -2
        while count != before or count == 0:
            before = count
            time.sleep(2)
            count = server.ask("XLEN", EVENTS)
        process.stdin.write(data[part:])
        process.communicate()
        return events_of(server), count
    finally:
        process.kill()
        server.kill()


def killed(options, folder, data, part, chance):
    """One sensor that ends early."""
    process = start(options, folder, os.path.join(folder, "nobody"))
    write_all(process.stdin, data[:part])
    time.sleep(1)
    rest = chance.randrange(len(data) - part)
    write_all(process.stdin, data[part:part + rest])
    time.sleep(chance.random() * 0.5)
    process.kill()
    process.communicate()


def recover(options, folder, cut):
    """A sensor that reads nothing new. Returns what it says and what is in Redis then."""
    spool = os.path.join(folder, "spool")
    segments = sorted(name for name in os.listdir(spool) if name.endswith(".spool"))
    if cut:
        last = os.path.join(spool, segments[-1])
        os.truncate(last, os.path.getsize(last) - cut)
    server = servers.Server(folder, f"redis{time.monotonic_ns()}", aof=False).start()
    process = start(options, folder, server.path)
    words = process.communicate(EMPTY)[1].decode(errors="replace")
    try:
        if process.returncode != 0:
            sys.exit(f"exit status {process.returncode}: {words}")
        if [name for name in os.listdir(spool) if name.endswith(".spool")]:
            sys.exit("segments are left in the spool")
        return words, events_of(server)
    finally:
        server.kill()


def problems(options, folder, chance):
    load = os.path.join(folder, "load.pcap")
    servers.make_load(options.make_load, SESSIONS, load)
    data = sensor.load(load)
    part = len(data) // 2
    expected, at_least = reference(options, folder, data, part)
    print(f"{len(expected)} events, {at_least} of them from the first part")
    for number in range(options.rounds):
        cut = chance.randrange(1, 1000) if number % 2 else 0
        shutil.rmtree(os.path.join(folder, "spool"), ignore_errors=True)
        killed(options, folder, data, part, chance)
        words, found = recover(options, folder, cut)
        said = re.search(r"recovered (\d+) batches with (\d+) events", words)
        print(f"{said[0] if said else words}; {len(found)} events{f', cut by {cut} bytes' if cut else ''}")
        if not said or int(said[2]) != len(found):
            yield f"{len(found)} events were recovered, and it says: {words}"
        if cut and "damaged" not in words:
            yield f"the cut is not spoken of: {words}"
        if found != expected[:len(found)]:
            yield f"what was recovered is not how the undisturbed run begins: {content.first_difference(expected, found)}"
        if not cut and len(found) < at_least:
            yield f"{len(found)} events were recovered, but {at_least} were there a second before the end"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--seed", type=int)
    parser.add_argument("sensor")
    parser.add_argument("make_load")
    options = parser.parse_args()
    servers.need_redis()
    sensor.need(options.sensor)
    sensor.need(options.make_load)
    chance = servers.dice(options.seed)
    with tempfile.TemporaryDirectory(prefix="waxseal-killed-") as folder:
        wrong = list(problems(options, folder, chance))
    print("\n".join(wrong))
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
