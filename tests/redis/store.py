"""A private redis-server, a client that shares no code with the sensor, and batches made by hand."""
import glob
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PARTS = ("apply.lua", "apply_buckets.lua", "apply_views.lua")
SKIPPED = 77


class Refused(Exception):
    """An error reply."""


def encode(words):
    out = [b"*%d\r\n" % len(words)]
    for word in words:
        data = word if isinstance(word, bytes) else str(word).encode()
        out.append(b"$%d\r\n%s\r\n" % (len(data), data))
    return b"".join(out)


class Client:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(60)
        self.socket.connect(path)
        self.file = self.socket.makefile("rb")

    def close(self):
        self.file.close()
        self.socket.close()

    def read(self):
        line = self.file.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("the connection ended")
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            return Refused(rest.decode())
        if kind == b"+":
            return rest.decode()
        if kind == b":":
            return int(rest)
        if kind == b"$":
            length = int(rest)
            return None if length < 0 else self.file.read(length + 2)[:-2].decode("utf-8", "surrogateescape")
        return None if int(rest) < 0 else [self.read() for _ in range(int(rest))]

    def ask(self, *words):
        self.socket.sendall(encode(words))
        reply = self.read()
        if isinstance(reply, Refused):
            raise reply
        return reply


def pairs(flat):
    return dict(zip(flat[::2], flat[1::2]))


class Store(Client):
    """A server of its own in a folder of its own; use as a context."""

    def __init__(self, *settings):
        if shutil.which("redis-server") is None:
            print("redis-server is not installed: skipped")
            sys.exit(SKIPPED)
        self.folder = tempfile.mkdtemp(prefix="waxseal-redis-")
        self.path = os.path.join(self.folder, "redis.sock")
        self.url = "unix://" + self.path
        self.process = subprocess.Popen(
            ["redis-server", "--port", "0", "--unixsocket", self.path, "--save", "", "--appendonly", "no", "--dir",
             self.folder, *settings], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(500):
            try:
                super().__init__(self.path)
                break
            except OSError:
                time.sleep(0.02)
        else:
            sys.exit("redis-server does not start")

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def hash(self, key):
        return pairs(self.ask("HGETALL", key))

    def stream(self, key):
        return [(entry[0], pairs(entry[1])) for entry in self.ask("XRANGE", key, "-", "+")]

    def zset(self, key):
        return {name: float(score) for name, score in pairs(self.ask("ZRANGE", key, 0, -1, "WITHSCORES")).items()}

    def dump(self, key):
        """What a key holds, whatever its type, in its order."""
        kind = self.ask("TYPE", key)
        command = {"string": ("GET",), "hash": ("HGETALL",), "set": ("SMEMBERS",), "stream": ("XRANGE",),
                   "zset": ("ZRANGE",)}.get(kind)
        if command is None:
            return kind, None
        rest = {"stream": ("-", "+"), "zset": (0, -1, "WITHSCORES")}.get(kind, ())
        return kind, self.ask(command[0], key, *rest)

    def dump_all(self):
        return {key: self.dump(key) for key in sorted(self.ask("KEYS", "*"))}


def script():
    folder = os.path.join(ROOT, "sensor", "publish")
    assert sorted(PARTS) == sorted(os.path.basename(p) for p in glob.glob(os.path.join(folder, "apply*.lua")))
    texts = []
    for part in PARTS:
        with open(os.path.join(folder, part), encoding="utf-8") as file:
            texts.append(file.read())
    return "".join(texts)


class Sender:
    """One run of one sensor, as the writer would number its batches."""

    def __init__(self, store, site="lab", sensor="probe", run="00112233aabbccdd", number=1000):
        self.store, self.site, self.sensor, self.run, self.number = store, site, sensor, run, number
        self.prefix = "waxseal:{%s}:" % site
        self.sha = store.ask("SCRIPT", "LOAD", script())

    def send_words(self, words, number=None, after=0):
        if number is None:
            self.number += 1
            number = self.number
        return self.store.ask("EVALSHA", self.sha, 2, self.prefix + "meta", self.prefix + "moving", self.sensor, self.run,
                              number, after, *words)

    def send(self, *operations, number=None, after=0):
        """operations: (word, argument...)"""
        words = []
        for word, *arguments in operations:
            words += [word, len(arguments), *arguments]
        return self.send_words(words, number, after)
