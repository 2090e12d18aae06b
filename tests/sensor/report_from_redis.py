#!/usr/bin/env python3
"""report_from_redis.py PROGRAM - `waxseal report` says of a time range in Redis what `waxseal read` said of the same captures; a user who
may only read is enough; and no answer of a Redis gone mad does harm. Exit status 77: redis-server is not installed."""
import collections
import glob
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

FOLDER = os.path.dirname(os.path.abspath(__file__))
CAPTURES = sorted(glob.glob(os.path.join(FOLDER, "..", "captures", "*.pcap")))
READER = ("ACL SETUSER reader on >secret ~waxseal:* resetchannels -@all +xrange +xrevrange +hgetall +zrevrange "
          "+smembers +select +ping\r\n")
DAY_MS, HOUR_MS = 86400000, 3600000
problems = []


def expect(condition, text):
    if not condition:
        problems.append(text)


class Redis:
    """A private redis-server on a Unix socket."""

    def __init__(self, folder):
        self.path = os.path.join(folder, "redis.sock")
        self.url = f"unix://{self.path}"
        self.process = subprocess.Popen(["redis-server", "--port", "0", "--unixsocket", self.path, "--save", "", "--dir", folder],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(500):
            try:
                if self.ask("PING\r\n").startswith(b"+PONG"):
                    return
            except OSError:
                time.sleep(0.02)
        self.stop()
        sys.exit("redis-server does not start")

    def ask(self, command):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(5)
            s.connect(self.path)
            s.sendall(command.encode())
            return s.recv(65536)

    def stop(self):
        self.process.kill()
        self.process.wait()


def read(program, folder, redis):
    """Events and, by name, every counter of `read`."""
    events, metrics = os.path.join(folder, "events.json"), os.path.join(folder, "waxseal.prom")
    done = subprocess.run([program, "read", "--quiet", "--site", "lab", "--sensor", "probe", "--redis", redis.url, "--json", events,
                           "--prometheus", metrics, *CAPTURES], stderr=subprocess.PIPE, text=True)
    expect(done.returncode == 0, f"read: {done.returncode} {done.stderr}")
    with open(events) as file:
        lines = [json.loads(line) for line in file]
    with open(metrics) as file:
        samples = re.findall(r"^(waxseal_\w+_total)\{[^}]*?sensor=\"probe\"(?:,(\w+)=\"([^\"]*)\")?\} (\d+)$", file.read(), re.M)
    return lines, samples


def report(program, url, *options, status=0, site="lab", **more):
    done = subprocess.run([program, "report", "--redis", url, "--site", site, *options], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=60, **more)
    expect(done.returncode == status, f"report {options}: exit status {done.returncode}: {done.stderr[-800:]}")
    return done


def counted(program, url, *options):
    return json.loads(report(program, url, "--json", *options).stdout)


def check_counters(shown, samples):
    """Each sample of `read` stands for one counter, whose name ends in the value of its label."""
    counts = list(shown["counts"].items())
    ours = [(name, label, value, int(number)) for name, label, value, number in samples if "_capture_" not in name
            and "_redis_" not in name]
    expect(len(ours) == len(counts), f"{len(ours)} samples and {len(counts)} counters")
    for (counter, count), (name, label, value, number) in zip(counts, ours):
        expect(not label or counter.endswith(value), f"{counter} beside {name} {value}")
        expect(count == number, f"{counter}: {count} in Redis, {number} in {name}")


def check_events(shown, events):
    counts = shown["counts"]
    expect(counts["sessions"] == len(events), "sessions")
    for prefix, field in (("mode", "mode"), ("verdict", "verdict"), ("protocol", "protocol"), ("severity", "severity"), ("auth", "auth")):
        for word, number in collections.Counter(event[field] for event in events).items():
            expect(counts[f"{prefix}_{word}"] == number, f"{prefix}_{word}: {counts[f'{prefix}_{word}']} instead of {number}")
    rules = collections.Counter(rule for event in events for rule in event["findings"].split(",") if rule)
    expect({f["rule"]: f["sessions"] for f in shown["findings"]} == dict(rules), "findings by rule")
    suites = collections.Counter(event["cipher"] for event in events if event["cipher"])
    for suite in shown["suites"]:
        expect(suites[suite["name"]] == suite["count"], f"suite {suite}")
    shas = {e["cert_sha256"] for e in events if e["cert_sha256"] and not e["cert_learnt"]}
    expect(len(shown["certificates"]) == min(40, len(shas)), f"{len(shown['certificates'])} certificates")
    columns = collections.Counter()
    for column in shown["columns"]:
        columns.update(column["counts"])
    expect(all(columns[name] == count for name, count in counts.items()), "the columns are not what adds up to the counts")


def check_ranges(program, redis, events):
    first, last = min(e["ts_end"] for e in events), max(e["ts_end"] for e in events)

    def clock(ms):
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(ms // 1000))

    def sessions(*options):
        return counted(program, redis.url, *options)["counts"]["sessions"]
    middle = (first // 60000 + 1) * 60000
    before = sum(e["ts_end"] < middle for e in events)
    expect(0 < before < len(events), "the captures are of one minute alone")
    expect(sessions("--from", clock(first - 60000), "--to", clock(middle)) == before, "minutes up to the middle")
    expect(sessions("--from", clock(middle), "--to", clock(last + 60000)) == len(events) - before, "minutes from the middle on")
    day = time.strftime("%Y-%m-%d", time.gmtime(first // 1000))
    if time.gmtime(first // 1000).tm_mday == time.gmtime(last // 1000).tm_mday:
        expect(sessions("--from", day, "--to", day) == len(events), "a day by its name")
    for days in (5, 30, 100, 400):
        options = ("--from", clock(first - days * DAY_MS), "--to", clock(last + HOUR_MS))
        expect(sessions(*options) == len(events), f"the {days} days before")
    expect(sessions("--from", "2020-01-01", "--to", "2020-01-31") == 0, "a time of which Redis holds nothing")
    text = report(program, redis.url, "--from", "2020-01-01", "--to", "2020-01-31").stdout
    expect("Nothing was counted in this time" in text, f"an empty report: {text}")


def check_words(program, redis, folder):
    page = os.path.join(folder, "report.html")
    text = report(program, redis.url).stdout
    for part in ("Worst servers", "Open alerts", "Certificates", "Redis keeps the verdict", "sessions with"):
        expect(part in text, f"the text lacks '{part}'")
    expect(report(program, redis.url, "--html", page).stdout == "", "--html writes to standard output, too")
    with open(page) as file:
        html = file.read()
    expect(html.endswith("</html>\n") and "Redis keeps the verdict" in html, "the page")
    sys.path.insert(0, os.path.join(FOLDER, "..", "browser"))
    import structure
    problems.extend(f"page: {problem}" for problem in structure.problems_of(html))
    for wrong, says in ((("--last", "7x"), "--last takes"), (("--from", "yesterday"), "--from takes"), (("--to", "2026-13-01"), "--to takes"),
                        (("--last", "7d", "--from", "2026-01-01"), "leave out"), (("--from", "2026-02-01", "--to", "2026-01-01"), "later"),
                        (("file.pcap",), "takes no files")):
        expect(says in report(program, redis.url, *wrong, status=1).stderr, f"{wrong} is not explained")
    expect("holds nothing of site other" in report(program, redis.url, status=1, site="other").stderr, "a site that is not there")
    expect("No such file" in report(program, "unix:///nowhere", status=1).stderr, "no Redis there")


def check_reader(program, redis, events):
    redis.ask(READER)
    secret = {**os.environ, "WAXSEAL_REDIS_PASSWORD": "secret"}
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    redis.ask(f"CONFIG SET port {port}\r\n")
    user = f"redis://reader@127.0.0.1:{port}"
    shown = json.loads(report(program, user, "--json", env=secret).stdout or "{\"counts\": {}}")
    expect(shown["counts"].get("sessions") == len(events), "a user who may only read")
    said = report(program, user, status=1, env={**os.environ, "WAXSEAL_REDIS_PASSWORD": "wrong"}).stderr
    expect("WRONGPASS" in said, f"a wrong password: {said}")
    redis.ask("ACL SETUSER reader -xrange\r\n")
    said = report(program, user, status=1, env=secret).stderr
    expect("NOPERM" in said, f"no permission: {said}")


# ---- a Redis gone mad

def bulk(text):
    data = text if isinstance(text, bytes) else text.encode()
    return b"$%d\r\n%s\r\n" % (len(data), data)


def array(*items):
    return b"*%d\r\n" % len(items) + b"".join(items)


def row(ident, *fields):
    return array(bulk(ident), array(*[bulk(field) for field in fields]))


NOW = array(bulk("newest_ms"), bulk("1700000000000"))
HUGE = "9" * 18
MADNESS = {
    "error": lambda name: b"-ERR \x1b[2J mad\r\n",
    "nil": lambda name: b"*-1\r\n",
    "number": lambda name: b":42\r\n",
    "a list of numbers": lambda name: b"*2\r\n:1\r\n:2\r\n",
    "deep": lambda name: b"*1\r\n" * 9 + b"*0\r\n",
    "odd fields": lambda name: NOW if name == "HGETALL" else array(row("1700000000000-0", "sessions")),
    "too many fields": lambda name: NOW if name == "HGETALL" else array(row("1700000000000-0", *["sessions", "1"] * 600)),
    "no id": lambda name: NOW if name == "HGETALL" else array(row("", "sessions", "1"), row("x-y", "sessions", "1")),
    "huge numbers": lambda name: NOW if name == "HGETALL" else array(
        *[row(f"{1699999990000 + i}-0", "sessions", HUGE, "bytes", HUGE, "decidable", "-5", "encrypted", HUGE * 3, "last_seen_ms", HUGE,
              "first_seen_ms", "0", "sev", HUGE, "cert_days", "-" + HUGE, "not_after_ms", "1", "server_port", HUGE, "hits", "-1",
              "state", "raised", "rule", "r" * 5000, "server", ":" * 500, "findings", "," * 3000) for i in range(30)])
        if name == "XRANGE" else array(bulk("a\x1b[2J"), bulk(HUGE), bulk("b" * 9000), bulk("x"), bulk("probe"), bulk("5")),
    "endless pages": lambda name: NOW if name == "HGETALL" else array(*[row("5-5", "sessions", "1")] * 100),
    "a length beyond": lambda name: b"$999999999\r\nabc",
    "garbage": lambda name: os.urandom(4096),
    "half": lambda name: b"*3\r\n$5\r\nhel",
    "silence": lambda name: b"",
    "closes": lambda name: None,
}


def command_of(stream):
    count = int(stream.readline()[1:])
    words = []
    for _ in range(count):
        length = int(stream.readline()[1:])
        words.append(stream.read(length + 2)[:-2])
    return words[0].decode()


def serve_madness(server, answer):
    try:
        connection, _ = server.accept()
        with connection, connection.makefile("rb") as stream:
            for _ in range(400):
                data = answer(command_of(stream))
                if data is None:
                    return
                connection.sendall(data)
    except (OSError, ValueError):
        pass


def check_madness(program, folder):
    for name, answer in MADNESS.items():
        path = os.path.join(folder, "mad.sock")
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path)
            server.listen(1)
            server.settimeout(10)
            thread = threading.Thread(target=serve_madness, args=(server, answer), daemon=True)
            thread.start()
            done = subprocess.run([program, "report", "--redis", f"unix://{path}", "--site", "lab"], stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, timeout=60)
            expect(done.returncode in (0, 1) and b"Sanitizer" not in done.stderr, f"{name}: {done.returncode} {done.stderr[-1500:]}")
            expect(b"\x1b" not in done.stdout + done.stderr, f"{name}: an escape sequence reaches the terminal")
            if name not in ("no id", "huge numbers", "odd fields"):
                expect(done.returncode == 1 and done.stderr.count(b"\n") == 1, f"{name}: {done.returncode} {done.stderr!r}")
        os.unlink(path)


def main():
    program = sys.argv[1]
    if not shutil.which("redis-server"):
        print("skipped: redis-server is not installed")
        sys.exit(77)
    with tempfile.TemporaryDirectory() as folder:
        redis = Redis(folder)
        try:
            events, samples = read(program, folder, redis)
            shown = counted(program, redis.url)
            check_counters(shown, samples)
            check_events(shown, events)
            check_ranges(program, redis, events)
            check_words(program, redis, folder)
            check_reader(program, redis, events)
        finally:
            redis.stop()
        check_madness(program, folder)
    print(f"{len(events)} sessions, {len(samples)} counters compared")
    for problem in problems[:40]:
        print("   ", problem)
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
