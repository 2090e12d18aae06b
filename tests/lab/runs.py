"""The lab's commands, one function each, and the Lab they run in."""
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time

import ability
import check
import clients
import middlebox
import net
import pki
import resp
import rogue
import scenarios
import servers
import tshark

SKIP = 77
SITE = "lab"
PROGRAMS = ("postfix", "dovecot", "swaks", "curl", "openssl", "fetchmail", "mbsync")


class Lab:
    """Network and servers, up for the length of a `with` block."""

    def __init__(self, table):
        self.table = table
        self.planted = {scenario.name: clients.Planted() for scenario in table}
        self.stack = contextlib.ExitStack()

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            self.directory = stack.enter_context(net.workspace())
            self.network = stack.enter_context(net.Network())
            self.pki = pki.Pki(self.file("pki"))
            self._start_servers()
            stack.enter_context(rogue.serving(self.network.server, self.pki))
            self.stack = stack.pop_all()
        return self

    def __exit__(self, *_):
        self.stack.close()

    def file(self, name):
        return os.path.join(self.directory, name)

    def _start_servers(self):
        addresses = [net.server_address(h) for h in (*servers.HOSTS.values(),
                                                     *rogue.HOSTS.values())]
        self.network.serve_on(*addresses, net.server_address(servers.HOSTS["mx"], v6=True))
        dovecot = servers.Dovecot(self.network.server, self.file("dovecot"), self.pki)
        dovecot.add_accounts([(p.user, p.password, clients.message(p.text))
                              for p in self.planted.values()])
        receiver = servers.receiving_postfix(self.network.server, self.file("mx"), self.pki,
                                             dovecot.sasl_socket)
        self.sender = servers.sending_postfix(self.network.client, self.file("out"),
                                              scenarios.routes())
        everyone = (dovecot, receiver, self.sender,
                    servers.TlsServers(self.network.server, self.file("s_server"), self.pki))
        for server in everyone:
            server.launch()
        for server in everyone:
            server.wait()

    def play(self):
        """Run every scenario's client; the complaints about those that went wrong."""
        complaints = []
        for scenario in self.table:
            directory = self.file("talk-" + scenario.name)
            os.mkdir(directory)
            talk = clients.Talk(self, scenario, directory)
            self.network.speak_as(scenario.client_ip)
            try:
                with self._box(scenario):
                    scenario.client(talk)
            except (clients.Failed, OSError, EOFError, subprocess.TimeoutExpired,
                    TimeoutError) as error:
                complaints.append(f"{scenario.name}: client: {error!r}")
        return complaints

    def _box(self, scenario):
        if scenario.box is None:
            return contextlib.nullcontext()
        return middlebox.in_the_way(self.network.middle, scenario.box, scenario.client_ip,
                                    scenario.server_ip, scenario.port)

    def truth(self):
        return [row for scenario in self.table
                for row in check.truth_of(scenario, self.planted[scenario.name])]

    def listen(self, argv, **options):
        """Start a program that captures on the tap; returns when it does."""
        before = self.network.middle.packet_sockets()
        process = self.network.middle.popen(argv, **options)
        deadline = time.monotonic() + servers.START_LIMIT_S
        while self.network.middle.packet_sockets() <= before:
            if process.poll() is not None or time.monotonic() > deadline:
                raise servers.StartError(f"{argv[0]} does not listen on {net.TAP}")
            time.sleep(0.02)
        return process


def list_all(_options):
    for scenario in scenarios.all_scenarios():
        print(f"{scenario.name}\t{scenario.host} port {scenario.port}")
    return 0


def capture(options):
    """One capture over all scenarios, then split by client address: one tcpdump to start, and
    none that could be late for its scenario."""
    if (status := _skip(PROGRAMS + ("tcpdump",))) is not None:
        return status
    os.makedirs(options.directory, exist_ok=True)
    with Lab(_chosen(options.names)) as lab:
        everything = lab.file("everything.pcap")
        tcpdump = lab.listen([net.program("tcpdump"), "-i", net.TAP, "-n", "-U", "-s", "0",
                              "--immediate-mode", "-Z", "root", "-w", everything, "tcp"],
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        complaints = lab.play()
        _settle(lambda: os.path.getsize(everything))
        net.stop(tcpdump, signal.SIGINT)
        for scenario in lab.table:
            subprocess.run([net.program("tcpdump"), "-n", "-r", everything, "-Z", "root", "-w",
                            os.path.join(options.directory, scenario.name + ".pcap"),
                            "host", scenario.client_ip, "or", "host", scenario.neighbour_ip],
                           check=True, capture_output=True)
        shutil.copy(lab.pki.ca, os.path.join(options.directory, "ca.pem"))
        check.write_truth(os.path.join(options.directory, "scenarios.tsv"), lab.truth())
        return _report(complaints, f"{len(lab.table)} scenarios captured")


def verify(options):
    if not net.program("tshark"):
        print("lab: skipped: the program tshark is missing")
        return SKIP
    rows = check.read_truth(os.path.join(options.directory, "scenarios.tsv"))
    return _report([*tshark.compare(options.directory, rows)], f"{len(rows)} sessions verified")


def offline(options):
    rows = check.read_truth(os.path.join(options.directory, "scenarios.tsv"))
    able = ability.Ability(options.waxseal)
    complaints = []
    for name in sorted({row["capture"] for row in rows}):
        mine = [row for row in rows if row["capture"] == name]
        done = subprocess.run([options.waxseal, "read", "--quiet", "--json", "-",
                               *able.trust_options(os.path.join(options.directory, "ca.pem")),
                               os.path.join(options.directory, name)], capture_output=True)
        if done.returncode != 0:
            complaints.append(f"{name}: waxseal read ended with {done.returncode}: "
                              f"{done.stderr[-300:].decode(errors='replace').strip()}")
            continue
        complaints += check.compare(mine, check.from_json(done.stdout.decode()), able)
        complaints += check.leaks(mine, {"stdout": done.stdout, "stderr": done.stderr})
    return _report(complaints, _compared(rows, able))


def live(options):
    if (status := _skip(PROGRAMS + ("redis-server",))) is not None:
        return status
    with Lab(_chosen(options.names)) as lab:
        try:
            return _live(options, lab)
        finally:
            if options.keep:
                shutil.copytree(lab.directory, options.keep, dirs_exist_ok=True,
                                ignore=shutil.ignore_patterns("spool", "run", "*sock*", "sasl"))


def _live(options, lab):
    able = ability.Ability(options.waxseal)
    out, err, events = (lab.file(name) for name in ("stdout", "stderr", "events.json"))
    with contextlib.ExitStack() as stack:
        redis = servers.Redis(lab.file("redis"))
        stack.callback(redis.stop)
        redis.start()
        stdout, stderr = (stack.enter_context(open(name, "wb")) for name in (out, err))
        stack.enter_context(_saying_why(err))
        sensor = lab.listen([os.path.abspath(options.waxseal), "run", "-i", net.TAP,
                             "--json", events, "--redis", "unix://" + redis.socket,
                             "--site", SITE, "--sensor", "lab", *able.trust_options(lab.pki.ca)],
                            stdout=stdout, stderr=stderr)
        complaints = lab.play()
        # The last packets are on their way through the capture ring; nothing else tells.
        time.sleep(1)
        status = net.stop(sensor, signal.SIGINT, grace_s=30)
        if status != 0:
            complaints.append(f"waxseal run ended with {status}: {_read(err)[-500:]!r}")
        client = resp.Redis(redis.socket)
        stream = client.ask("XRANGE", f"waxseal:{{{SITE}}}:events", "-", "+")
        client.close()
        rows = lab.truth()
        in_json = check.from_json(_read(events).decode())
        in_redis = check.from_stream(stream)
        complaints += check.compare(rows, in_redis, able)
        complaints += _same(in_json, in_redis)
        complaints += check.leaks(rows, {"stdout": _read(out), "stderr": _read(err),
                                         "the JSON file": _read(events),
                                         "Redis": redis.everything_written()})
    return _report(complaints, _compared(rows, able))


def _compared(rows, able):
    left_out = able.left_out(rows)
    note = f"; not yet judged by this sensor: {', '.join(left_out)}" if left_out else ""
    if not able.trust:
        note += "; nor the facts of certificates"
    return f"{len(rows)} sessions compared{note}"


@contextlib.contextmanager
def _saying_why(stderr):
    """Add what the sensor wrote to the report that it did not start."""
    try:
        yield
    except servers.StartError as error:
        said = _read(stderr)[-500:].decode(errors="replace").strip()
        raise servers.StartError(f"{error}\n{said}") from error


def _same(in_json, in_redis):
    """JSON and Redis must hold the same sessions and say the same of them."""
    by_id = {event["id"]: event for event in in_json}
    for event in in_redis:
        twin = by_id.pop(event["id"], None)
        if twin is None:
            yield f"{event['id']}: in Redis and not in the JSON file"
            continue
        for field, value in twin.items():
            if (event.get(field, "missing") or "none") != (value or "none"):
                yield f"{event['id']}: {field} is {value} in JSON, {event.get(field)} in Redis"
    for left in by_id:
        yield f"{left}: in the JSON file and not in Redis"


def _chosen(names):
    table = scenarios.all_scenarios()
    unknown = set(names) - {scenario.name for scenario in table}
    if unknown:
        sys.exit(f"lab: no such scenario: {', '.join(sorted(unknown))}")
    return [scenario for scenario in table if not names or scenario.name in names]


def _skip(programs):
    """The status to end with when this machine cannot run the lab, having said why."""
    missing = [name for name in programs if not net.program(name)]
    reason = f"missing programs: {', '.join(missing)}" if missing else net.why_not_permitted()
    if reason is None:
        return None
    print(f"lab: skipped: {reason}")
    return SKIP


def _settle(measure, quiet_s=0.5):
    """Wait until a measure has not changed for a while."""
    last, since = measure(), time.monotonic()
    while time.monotonic() - since < quiet_s:
        time.sleep(0.05)
        if (now := measure()) != last:
            last, since = now, time.monotonic()


def _read(path):
    with open(path, "rb") as file:
        return file.read()


def _report(complaints, done):
    for line in complaints:
        print(line)
    print(f"lab: {done}, {len(complaints)} complaints")
    return 1 if complaints else 0
