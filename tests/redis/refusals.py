#!/usr/bin/env python3
"""refusals.py SENSOR MAKE_LOAD [TROUBLE...] - every way in which Redis can refuse, provoked for real while a sensor writes.

Each trouble begins when a part of the capture has been read, stays while the rest is, and ends when the sensor has said what to do.
It must be said in one line, its end in another; at the end all that the site has in Redis must equal what an undisturbed run
leaves. Exit status 77: redis-server is not installed."""
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time

import content
import servers
from servers import sensor

SITE, SESSIONS = "refusals", 1500


class Trouble:
    """What begins it and ends it, by commands; what the sensor must say."""

    def __init__(self, what, said, begin, end, options=(), again=False):
        self.what, self.said, self.begin, self.end, self.options, self.again = what, said, begin, end, options, again

    def start(self, server):
        for words in self.begin:
            server.ask(*words)

    def stop(self, server):
        for words in self.end:
            server.ask(*words)


class Frozen(Trouble):
    """The process does not run: neither it nor the kernel refuses anything."""

    def start(self, server):
        os.kill(server.process.pid, 19)

    def stop(self, server):
        os.kill(server.process.pid, 18)


class Killed(Trouble):
    def start(self, server):
        server.kill()

    def stop(self, server):
        server.start()


class Loading(Trouble):
    """Reads its data from disk so slowly that it is seen."""

    def start(self, server):
        server.kill()
        slow = ["--key-load-delay", "2000"]
        server.words += slow
        server.start(wait=False)
        del server.words[-len(slow):]

    def stop(self, server):
        server.wait()


class NoDisk(Trouble):
    """The folder of its snapshots is gone, so that they fail, and then writes are refused."""

    def start(self, server):
        server.ask("CONFIG", "SET", "save", "1000000 1")
        shutil.rmtree(server.data)
        server.ask("BGSAVE")
        servers.wait_until(lambda: b"rdb_last_bgsave_status:err" in server.ask("INFO", "persistence"), "the snapshot failed")

    def stop(self, server):
        server.ask("CONFIG", "SET", "save", "")


class Busy(Trouble):
    """Somebody's script runs for ever."""

    def start(self, server):
        server.ask("CONFIG", "SET", "busy-reply-threshold", "50")
        threading.Thread(target=self.run, args=(server,), daemon=True).start()
        time.sleep(0.2)

    def run(self, server):
        try:
            server.ask("EVAL", "while true do end", "0")
        except servers.Refusal:
            pass

    def stop(self, server):
        server.ask("SCRIPT", "KILL")


class Locked(Trouble):
    """A password is asked for of a sensor that has none, and taken back by somebody who has."""

    def start(self, server):
        client = server.client()
        client.ask("CONFIG", "SET", "requirepass", "secret")
        client.ask(*KICK)
        client.close()

    def stop(self, server):
        client = server.client()
        client.ask("AUTH", "secret")
        client.ask("CONFIG", "SET", "requirepass", "")
        client.close()


KEY = f"waxseal:{{{SITE}}}:open"
KICK = ("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
TROUBLES = (
    Trouble("out of memory", "maxmemory", [("CONFIG", "SET", "maxmemory", "1")], [("CONFIG", "SET", "maxmemory", "0")]),
    Trouble("a replica", "is a replica", [("REPLICAOF", "127.0.0.1", "1")], [("REPLICAOF", "NO", "ONE")]),
    Trouble("too few replicas", "min-replicas-to-write", [("CONFIG", "SET", "min-replicas-to-write", "1")],
            [("CONFIG", "SET", "min-replicas-to-write", "0")]),
    Trouble("a right that lacks", "lacks a permission", [("ACL", "SETUSER", "default", "-evalsha")],
            [("ACL", "SETUSER", "default", "+@all")]),
    Trouble("another program's key", "holds another type", [("RENAME", KEY, "saved"), ("SET", KEY, "mine")],
            [("DEL", KEY), ("RENAME", "saved", KEY)]),
    Trouble("scripts forgotten", None, [("SCRIPT", "FLUSH")], []),
    Trouble("a cut connection", "connection", [KICK], [], again=True),
    Frozen("no answer", "no answer in time", [], []),
    Killed("killed", "connection", [], [], options=("aof",)),
    Loading("still loading", "still reading its data", [], [], options=("aof",)),
    NoDisk("no disk", "cannot save to its disk", [], []),
    Locked("a password", "wants a password", [], []),
    Busy("a script that runs for ever", "a script blocks Redis", [], []),
)


class Said(threading.Thread):
    """The lines of standard error, as they come."""

    def __init__(self, pipe):
        super().__init__(daemon=True)
        self.pipe, self.lines = pipe, []
        self.start()

    def run(self):
        for line in self.pipe:
            self.lines.append(line.decode(errors="replace").rstrip())

    def holds(self, text):
        return any(text in line for line in self.lines if "other sensors" not in line)

    def wait_for(self, trouble, process):
        until = time.monotonic() + 60
        while not self.holds(trouble.said) and process.poll() is None:
            if time.monotonic() > until:
                sys.exit("\n    ".join([f"{trouble.what}: it does not say '{trouble.said}', but", *self.lines]))
            time.sleep(0.02)


def start(options, folder, redis_path):
    path = os.path.join(folder, "waxseal.yaml")
    with open(path, "w", encoding="ascii") as file:
        file.write(f"outputs:\n  redis:\n    url: unix://{redis_path}\n    events_cap: 1000000000\n    patience_ms: 60000\n    answer_ms: 1000\n")
    return subprocess.Popen([options[0], "read", "-c", path, "--site", SITE, "--sensor", "one", "--trust",
                             os.path.join(sensor.CAPTURES, "ca.pem"), "-"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                            stderr=subprocess.PIPE)


def problems_of(options, folder, load, trouble, expected):
    server = servers.Server(folder, trouble.what.replace(" ", "-").replace("'", ""), aof="aof" in trouble.options).start()
    process = start(options, folder, server.path)
    said = Said(process.stderr)
    feeder = servers.Feeder(process.stdin, load, 1)
    try:
        servers.wait_until(lambda: server.ask("EXISTS", KEY), f"{trouble.what}: the first batches")
        trouble.start(server)
        feeder.open_all()
        if trouble.said:
            said.wait_for(trouble, process)
        trouble.stop(server)
        process.wait(timeout=120)
        said.join()
        ours = [line for line in said.lines if "other sensors" not in line and "connected to" not in line]
        yield from wrong_words(trouble, process.returncode, ours)
        yield from (f"{trouble.what}: {difference}" for difference in content.differences(expected, content.take(server.client(), SITE)))
    finally:
        process.kill()
        feeder.open_all()
        server.kill()


def wrong_words(trouble, status, lines):
    if status != 0:
        yield f"{trouble.what}: exit status {status}"
    begun = [line for line in lines if "is tried again" in line]
    ended = [line for line in lines if "takes batches again" in line]
    few = 0 if trouble.again or not trouble.said else 1  # with nothing under way, a cut is no trouble
    many = 2 if isinstance(trouble, (Loading, Locked)) else 1 if trouble.said else 0  # a cut connection, then an answer
    if not few <= len(begun) <= many or len(ended) != min(1, len(begun)) or any(" lost" in line for line in lines):
        yield f"{trouble.what}: " + "\n    ".join(["it says", *lines])


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    servers.need_redis()
    sensor.need(sys.argv[1])
    sensor.need(sys.argv[2])
    wrong = []
    with tempfile.TemporaryDirectory(prefix="waxseal-refusals-") as folder:
        load = os.path.join(folder, "load.pcap")
        servers.make_load(sys.argv[2], SESSIONS, load)
        server = servers.Server(folder, "calm", aof=False).start()
        process = start(sys.argv[1:], folder, server.path)
        process.communicate(sensor.load(load))
        expected = content.take(server.client(), SITE)
        server.kill()
        for trouble in (t for t in TROUBLES if len(sys.argv) == 3 or t.what in sys.argv[3:]):
            found = list(problems_of(sys.argv[1:], folder, load, trouble, expected))
            print(f"{trouble.what}: {'as it must be' if not found else 'wrong'}", flush=True)
            wrong += found
    print("\n".join(wrong))
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
