"""Real Redis servers for the tests here: alone, with Sentinels, as a Cluster; a client; and a proxy that cuts connections.

Everything lives in a folder of its own and listens on Unix sockets, or on ports of 127.0.0.1 that were free a moment ago. What is
started is killed at the end, by its process id. Valkey is not packaged in Debian 12: redis-server alone is tested."""
import os
import random
import selectors
import shutil
import socket
import subprocess
import sys
import threading
import time

FOLDER = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(FOLDER, os.pardir, "robustness"))
import sensor  # noqa: E402

START_LIMIT_S = 60


class Refusal(Exception):
    """An error that Redis answered with."""


class Client:
    """One connection, one command at a time."""

    def __init__(self, address, timeout_s=30):
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        self.socket = socket.socket(family)
        self.socket.settimeout(timeout_s)
        self.socket.connect(address)
        self.file = self.socket.makefile("rb")

    def ask(self, *words):
        self.send(*words)
        return self.answer()

    def send(self, *words):
        parts = [word if isinstance(word, bytes) else str(word).encode() for word in words]
        self.socket.sendall(b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(p), p) for p in parts))

    def answer(self):
        line = self.file.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("the server closed the connection")
        kind, rest = line[:1], line[1:-2]
        if kind == b"+":
            return rest
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == b"-1" else self.file.read(int(rest) + 2)[:-2]
        if kind == b"*":
            return None if rest == b"-1" else [self.element() for _ in range(int(rest))]
        raise Refusal(rest.decode(errors="replace"))

    def element(self):
        try:
            return self.answer()
        except Refusal as refusal:
            return refusal

    def close(self):
        self.file.close()
        self.socket.close()


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def cluster_port():
    """One whose Cluster bus port, 10000 higher, is free as well."""
    while True:
        port = free_port()
        if port > 50000:
            continue
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port + 10000))
                return port
            except OSError:
                pass


class Server:
    """A redis-server that can be killed and started again on the same data.

    AOF with `appendfsync always`: an answer is sent only after the write has reached the disk, so that what was acknowledged is
    kept whatever happens to the process. (With everysec, Redis may hold a write back for up to two seconds while
    another fsync runs, and answers all the same.)"""

    def __init__(self, folder, name, port=0, options=(), aof=True, binary="redis-server"):
        self.folder = os.path.join(folder, name)
        self.data = os.path.join(self.folder, "data")
        os.makedirs(self.data)
        self.path = os.path.join(self.folder, "s")
        self.port, self.process = port, None
        self.words = [binary, "--port", str(port), "--bind", "127.0.0.1", "--unixsocket", self.path, "--dir", self.data,
                      "--save", "", "--appendonly", "yes" if aof else "no", "--appendfsync", "always",
                      "--enable-debug-command", "yes", "--repl-diskless-sync-delay", "0", *options]

    def start(self, wait=True):
        log = open(os.path.join(self.folder, "log"), "ab")
        self.process = subprocess.Popen(self.words, stdout=log, stderr=log)
        log.close()
        if wait:
            self.wait()
        return self

    def wait(self):
        """Until it answers and has read its data."""
        until = time.monotonic() + START_LIMIT_S
        while time.monotonic() < until:
            try:
                self.ask("PING")
                return
            except (OSError, Refusal):
                time.sleep(0.01)
        sys.exit(f"redis-server does not start: {self.folder}/log")

    def client(self):
        return Client(self.path)

    def ask(self, *words):
        client = self.client()
        try:
            return client.ask(*words)
        finally:
            client.close()

    def kill(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
        self.process = None

    def restart(self, wait=True):
        self.kill()
        return self.start(wait)


class Sentinel:
    """A Sentinel that watches one master."""

    def __init__(self, folder, name, master_port, quorum, down_ms=500):
        self.port = free_port()
        self.folder = os.path.join(folder, name)
        os.makedirs(self.folder)
        path = os.path.join(self.folder, "sentinel.conf")
        with open(path, "w", encoding="ascii") as file:
            file.write(f"port {self.port}\nbind 127.0.0.1\ndir {self.folder}\n"
                       f"sentinel monitor mail 127.0.0.1 {master_port} {quorum}\n"
                       f"sentinel down-after-milliseconds mail {down_ms}\nsentinel failover-timeout mail 4000\n"
                       # as deploy/redis.acl has it; the user of these tests is the default one
                       "user waxseal on >of-sentinels -@all +sentinel|get-master-addr-by-name +ping\n")
        log = open(os.path.join(self.folder, "log"), "ab")
        self.process = subprocess.Popen(["redis-server", path, "--sentinel"], stdout=log, stderr=log)
        log.close()

    def ask(self, *words):
        client = Client(("127.0.0.1", self.port))
        try:
            return client.ask(*words)
        finally:
            client.close()

    def kill(self):
        self.process.kill()
        self.process.wait()


def lines_of(reply):
    """The lines of a reply."""
    return (reply.decode() if isinstance(reply, bytes) else reply).splitlines()


class Cluster:
    """Three masters, the slots spread evenly."""

    def __init__(self, folder):
        self.nodes = [Server(folder, f"node{i}", cluster_port(), ["--cluster-enabled", "yes"]) for i in range(3)]
        for node in self.nodes:
            node.start()
        for i, node in enumerate(self.nodes):
            node.ask("CLUSTER", "ADDSLOTSRANGE", i * 16384 // 3, (i + 1) * 16384 // 3 - 1)
            node.ask("CLUSTER", "MEET", "127.0.0.1", self.nodes[0].port)
        wait_until(lambda: all(b"cluster_state:ok" in node.ask("CLUSTER", "INFO") and
                               len(node.ask("CLUSTER", "SLOTS")) == 3 for node in self.nodes) and self.agrees(), "the Cluster is up")

    def agrees(self):
        """Do all know the same epoch of each, and no two nodes have the same? A node that takes a slot over without knowing the
        epoch of the one before takes one that is too low, and deletes the slot's keys when it hears of the other's claim."""
        views = [sorted((words[0], words[6]) for words in map(str.split, lines_of(node.ask("CLUSTER", "NODES"))))
                 for node in self.nodes]
        return all(view == views[0] for view in views) and len({epoch for _, epoch in views[0]}) == len(self.nodes)

    def owner(self, slot):
        for node in self.nodes:
            for first, last, place, *_ in node.ask("CLUSTER", "SLOTS"):
                if first <= slot <= last:
                    return next(n for n in self.nodes if n.port == place[1])
        sys.exit(f"nobody owns slot {slot}")

    def move(self, slot, target, between=lambda: None):
        """Moves a slot as redis-cli --cluster reshard does, key by key; `between` is called before each handful."""
        source = self.owner(slot)
        names = {node: node.ask("CLUSTER", "MYID") for node in (source, target)}
        target.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", names[source])
        source.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", names[target])
        moved = 0
        while keys := source.ask("CLUSTER", "GETKEYSINSLOT", slot, 10):
            between()
            source.ask("MIGRATE", "127.0.0.1", target.port, "", 0, 30000, "KEYS", *keys)
            moved += len(keys)
        for node in (target, source, *self.nodes):
            node.ask("CLUSTER", "SETSLOT", slot, "NODE", names[target])
        wait_until(self.agrees, "the nodes of the Cluster agree")
        return moved

    def kill(self):
        for node in self.nodes:
            node.kill()


def wait_until(condition, what, limit_s=60):
    until = time.monotonic() + limit_s
    while time.monotonic() < until:
        try:
            if condition():
                return
        except (OSError, Refusal):
            pass
        time.sleep(0.05)
    sys.exit(f"never within {limit_s} s: {what}")


class Proxy(threading.Thread):
    """Between a sensor and a server's Unix socket; tells `toll(proxy, towards_server, bytes)` of what is about to pass. Where that
    returns a number, only so many of the bytes pass and every connection is cut."""

    def __init__(self, path, target, toll):
        super().__init__(daemon=True)
        self.path, self.target, self.toll, self.ended = path, target, toll, False
        self.cuts = 0
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(16)
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.listener, selectors.EVENT_READ)
        self.other = {}  # socket: its other side
        self.towards_server = set()

    def run(self):
        while not self.ended:
            for key, _ in self.selector.select(0.1):
                if key.fileobj is self.listener:
                    self.accept()
                elif key.fileobj in self.other:
                    self.carry(key.fileobj)

    def accept(self):
        near, _ = self.listener.accept()
        far = socket.socket(socket.AF_UNIX)
        try:
            far.connect(self.target)
        except OSError:
            near.close()
            far.close()
            return
        self.towards_server.add(near)
        for one, two in ((near, far), (far, near)):
            self.other[one] = two
            self.selector.register(one, selectors.EVENT_READ)

    def carry(self, source):
        try:
            data = source.recv(16384)
            passing = self.toll(self, source in self.towards_server, data) if data else None
            if data:
                self.other[source].sendall(data if passing is None else data[:passing])
        except OSError:
            data, passing = b"", None
        if not data:
            self.close(source)
        elif passing is not None:
            self.cuts += 1
            self.close_all()

    def close(self, one):
        for end in (one, self.other.get(one)):
            if end in self.other:
                self.selector.unregister(end)
                self.towards_server.discard(end)
                del self.other[end]
                end.close()

    def close_all(self):
        for one in list(self.other):
            self.close(one)

    def stop(self):
        self.ended = True
        self.join()
        self.close_all()
        self.listener.close()
        os.unlink(self.path)


class Feeder(threading.Thread):
    """Gives a capture to a sensor's standard input in equal parts; each but the first only when its gate is open, so that things happen
    while the sensor reads, however fast it is."""

    def __init__(self, pipe, path, gates):
        super().__init__(daemon=True)
        self.pipe, self.path = pipe, path
        self.gates = [threading.Event() for _ in range(gates)]
        self.start()

    def run(self):
        size = os.path.getsize(self.path)
        part = size // (len(self.gates) + 1) + 1
        try:
            with open(self.path, "rb") as file, self.pipe:
                for gate in [None, *self.gates]:
                    if gate is not None:
                        gate.wait()
                    for _ in range(0, part, 65536):
                        self.pipe.write(file.read(65536))
                self.pipe.write(file.read())
        except BrokenPipeError:
            pass

    def open_all(self):
        for gate in self.gates:
            gate.set()


def make_load(program, sessions, path):
    """A capture of at least so many sessions, out of tests/captures. Returns how many it holds."""
    captures = [name for name in sensor.our_captures() if name.endswith(".pcap")]
    done = subprocess.run([program, "1", str(sessions), path, *captures], check=True, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"})  # it never frees
    return int(done.stdout.split()[1])


def sensor_user(folder):
    """An ACL file with the sensor's user as deploy/redis.acl has it, who may do nothing that is not needed. Returns its path."""
    with open(os.path.join(sensor.ROOT, "deploy", "redis.acl"), encoding="utf-8") as file:
        user = next(line for line in file if line.startswith("user waxseal "))
    path = os.path.join(folder, "users.acl")
    with open(path, "w", encoding="ascii") as file:
        file.write("user default on nopass ~* &* +@all\n" + user.replace("#WAXSEAL_SHA256", ">of-redis"))
    return path


def need_redis():
    if not shutil.which("redis-server"):
        sensor.skip("redis-server is not installed")


def dice(seed):
    """Chance that can be repeated: the seed is printed."""
    seed = seed if seed is not None else random.randrange(1 << 32)
    print(f"seed {seed}", flush=True)
    return random.Random(seed)
