"""Three network namespaces in a row: client -- middle -- server.

    client c0 ---- tap middle far ---- s0 server

The sensor (or tcpdump) listens on `tap`, the middle's interface towards the client: there it
sees what the client sees, also when a middlebox in the middle namespace rewrites the server's
words. Names carry the process id, so two runs do not collide, and everything goes away with
the namespaces. Nothing outside them is changed.
"""
import contextlib
import ctypes
import fcntl
import os
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time

CLONE_NEWNET = 0x40000000
SEARCH_PATH = os.environ.get("PATH", "") + ":/usr/local/sbin:/usr/sbin:/sbin:/usr/lib/postfix/sbin"
TAP = "tap"

CLIENT_NET, SERVER_NET = "10.77.0.0/16", "10.78.0.0/16"
CLIENT_NET6, SERVER_NET6 = "2001:db8:77::/64", "2001:db8:78::/64"


def client_address(number, v6=False):
    """The source address of scenario `number`: unique, so the address names the scenario."""
    if v6:
        return f"2001:db8:77::{number:x}"
    return f"10.77.{number >> 8}.{number & 255}"


def neighbour_address(number):
    """A second client of the same scenario, where one client's sessions must not be all."""
    return f"10.77.{128 + (number >> 8)}.{number & 255}"


def server_address(host, v6=False):
    return f"2001:db8:78::{host:x}" if v6 else f"10.78.0.{host}"


def program(name):
    return shutil.which(name, path=SEARCH_PATH)


def why_not_permitted():
    """None when namespaces can be made here, else the reason in one line."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    if not program("ip"):
        return "the program ip (iproute2) is missing"
    try:
        with Network():
            return None
    except (OSError, RuntimeError) as error:
        return f"network namespaces are not permitted: {error}"


class Namespace:
    """One network namespace and whatever runs in it."""

    def __init__(self, role):
        self.name = f"waxlab{os.getpid()}{role}"
        self.made, self.fd = False, -1

    def create(self):
        _ip("netns", "add", self.name)
        self.made = True
        self.fd = os.open(f"/run/netns/{self.name}", os.O_RDONLY)
        _ip("-n", self.name, "link", "set", "lo", "up")
        with self.inside():
            # Duplicate address detection would hold each IPv6 address back for a second.
            _sysctl("ipv6/conf/default/accept_dad", 0)
            _sysctl("ipv6/conf/all/accept_dad", 0)
            _sysctl("ipv4/conf/all/rp_filter", 0)
            _sysctl("ipv4/conf/default/rp_filter", 0)

    @contextlib.contextmanager
    def inside(self):
        """Run the calling thread in this namespace. Sockets opened and programs started here
        stay in it; the rest of the process is not affected."""
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        try:
            _setns(self.fd)
            yield
        finally:
            _setns(home)
            os.close(home)

    def configure(self, *lines):
        """Feed `ip` commands, one a line, to one `ip -batch`."""
        _ip("-n", self.name, "-batch", "-", text="\n".join(lines) + "\n")

    def popen(self, argv, **options):
        with self.inside():
            return subprocess.Popen(argv, start_new_session=True, **options)

    def run(self, argv, **options):
        with self.inside():
            return subprocess.run(argv, **options)

    def packet_sockets(self):
        """How many AF_PACKET sockets listen here: it rises when a sensor or tcpdump is ready."""
        with self.inside(), open("/proc/thread-self/net/packet", encoding="ascii") as table:
            return len(table.readlines()) - 1

    def destroy(self):
        """End every process in the namespace, daemons that left their parents too: nobody but
        this run can have started one here."""
        if not self.made:
            return
        self._end_processes(signal.SIGTERM, 5)
        self._end_processes(signal.SIGKILL, 5)
        if self.fd >= 0:
            os.close(self.fd)
        _ip("netns", "del", self.name)
        self.made = False

    def _end_processes(self, how, limit_s):
        asked, deadline = set(), time.monotonic() + limit_s
        while (left := set(self._pids())) and time.monotonic() < deadline:
            for pid in left - asked:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, how)
            asked |= left
            time.sleep(0.05)

    def _pids(self):
        listed = subprocess.run([program("ip"), "netns", "pids", self.name],
                                capture_output=True, text=True, check=False)
        pids = [int(word) for word in listed.stdout.split()]
        return [pid for pid in pids if pid != os.getpid() and not _zombie(pid)]


class Mirror(Namespace):
    """One namespace with a veth pair: the sensor listens on mon0, and what the switch would mirror to it is sent to span0."""

    def __enter__(self):
        try:
            self.create()
            self.configure("link add mon0 type veth peer name span0", "link set mon0 mtu 1600 up", "link set span0 mtu 1600 up")
        except BaseException:
            self.destroy()
            raise
        return self

    def __exit__(self, *_):
        self.destroy()

    def send(self, frames, pause_s=0.0004):
        with self.inside():
            out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
            out.bind(("span0", 0))
        with out:
            for frame in frames:
                out.send(frame)
                time.sleep(pause_s)


class Network:
    """The three namespaces; a context manager that always takes them down again."""

    def __init__(self):
        self.client, self.middle, self.server = (Namespace(r) for r in ("c", "m", "s"))

    def __enter__(self):
        try:
            self._build()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for namespace in (self.client, self.middle, self.server):
            namespace.destroy()

    def _build(self):
        for namespace in (self.client, self.middle, self.server):
            namespace.create()
        self.middle.configure(
            f"link add {TAP} type veth peer name c0 netns {self.client.name}",
            f"link add far type veth peer name s0 netns {self.server.name}",
            f"addr add 10.79.1.1/30 dev {TAP}", "addr add 10.79.2.1/30 dev far",
            f"addr add 2001:db8:79:1::1/64 dev {TAP}", "addr add 2001:db8:79:2::1/64 dev far",
            f"link set {TAP} up", "link set far up")
        self._end(self.client, "c0", 1, "10.78.0.0/16", SERVER_NET6)
        self._end(self.server, "s0", 2, "10.77.0.0/16", CLIENT_NET6)
        self.middle.configure(
            f"route add {CLIENT_NET} via 10.79.1.2", f"route add {SERVER_NET} via 10.79.2.2",
            f"route add {CLIENT_NET6} via 2001:db8:79:1::2",
            f"route add {SERVER_NET6} via 2001:db8:79:2::2")
        with self.middle.inside():
            _sysctl("ipv4/ip_forward", 1)
            _sysctl("ipv6/conf/all/forwarding", 1)
            for interface in (TAP, "far"):
                _offloads_off(interface)

    @staticmethod
    def _end(namespace, interface, link, far_net, far_net6):
        namespace.configure(
            f"addr add 10.79.{link}.2/30 dev {interface}",
            f"addr add 2001:db8:79:{link}::2/64 dev {interface}",
            f"link set {interface} up",
            f"route add {far_net} via 10.79.{link}.1",
            f"route add {far_net6} via 2001:db8:79:{link}::1")
        with namespace.inside():
            _offloads_off(interface)

    def serve_on(self, *addresses):
        self.server.configure(*(f"addr add {a} dev lo {'nodad' if ':' in a else ''}"
                                for a in addresses))

    def speak_as(self, address):
        """From now on every client program's connections come from `address`."""
        net, gateway, now = (SERVER_NET6, "2001:db8:79:1::1", "nodad") if ":" in address else \
                            (SERVER_NET, "10.79.1.1", "")
        self.client.configure(f"addr replace {address} dev lo {now}",
                              f"route replace {net} via {gateway} src {address}")


def stop(process, how=signal.SIGTERM, grace_s=5):
    """End one program we started; its exit status."""
    if process.poll() is None:
        process.send_signal(how)
    try:
        return process.wait(grace_s)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


@contextlib.contextmanager
def workspace():
    """A temporary directory that the servers' own users may pass through."""
    with tempfile.TemporaryDirectory(prefix="waxlab") as directory:
        os.chmod(directory, 0o755)
        yield directory


def _zombie(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
            return stat.read().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def _ip(*words, text=""):
    done = subprocess.run([program("ip"), *words], input=text, text=True, capture_output=True)
    if done.returncode != 0:
        raise RuntimeError(f"ip {' '.join(words)}: {done.stderr.strip()}")


def _setns(fd):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(fd, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def _sysctl(key, value):
    with open(f"/proc/sys/net/{key}", "w", encoding="ascii") as knob:
        knob.write(str(value))


def _offloads_off(interface):
    """Real checksums and real segment sizes, as on a wire: a veth pair otherwise leaves checksums
    unfilled and hands over 64 KiB segments, and captures would show both."""
    siocethtool = 0x8946
    set_rx_checksum, set_tx_checksum, set_tso, set_gso, set_gro = 0x15, 0x17, 0x1F, 0x24, 0x2C
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as handle:
        for command in (set_tx_checksum, set_rx_checksum, set_tso, set_gso, set_gro):
            value = ctypes.create_string_buffer(struct.pack("=II", command, 0))
            request = struct.pack("16sP", interface.encode(), ctypes.addressof(value))
            fcntl.ioctl(handle, siocethtool, request.ljust(40, b"\0"))
