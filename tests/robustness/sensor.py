"""What the robustness checks share: runs of the sensor with limits, and the verdict on a run."""
import dataclasses
import glob
import json
import os
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CAPTURES = os.path.join(ROOT, "tests", "captures")
# Captures of other people, where a checkout has them beside it. They are read, never copied.
CORPUS = os.environ.get("WAXSEAL_CORPUS", os.path.join(os.path.dirname(ROOT), "shared", "corpus"))
ENDINGS = (".pcap", ".pcapng", ".cap", ".pcap.gz", ".pcapng.gz")
SKIPPED = 77
RUN_LIMIT_S = 60
# Peak memory of a sanitized run. The sensor takes its memory at the start, so it does not depend on the input.
MEMORY_LIMIT_MIB = 2048
SANITIZER_MARKS = (b"ERROR: AddressSanitizer", b"ERROR: LeakSanitizer", b"runtime error:",
                   b"AddressSanitizer:", b"Assertion `")


@dataclasses.dataclass
class Run:
    status: int      # exit status; negative: the signal
    out: bytes
    err: bytes
    seconds: float
    peak_mib: float
    timed_out: bool


def on_one_processor():
    """The words before a command that may use only one."""
    return ["taskset", "-c", str(min(os.sched_getaffinity(0)))]


def run(program, *words, data=None, limit_s=RUN_LIMIT_S, before=()):
    """Run the sensor; `data` becomes its standard input, `before` are words in front of the command."""
    with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        if data is not None:
            source.write(data)
            source.seek(0)
        begin = time.monotonic()
        process = subprocess.Popen([*before, program, *words], stdin=source, stdout=out, stderr=err)
        late = threading.Event()

        def end():
            late.set()
            process.kill()
        timer = threading.Timer(limit_s, end)
        timer.start()
        _, status, usage = os.wait4(process.pid, 0)
        timer.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        return Run(process.returncode, out.read(), err.read(), time.monotonic() - begin,
                   usage.ru_maxrss / 1024, late.is_set())


def read_json(program, *words, data=None, before=()):
    """Read captures to JSON. The lab's own CA takes the place of the system's hundred, which take longer to load than
    most captures take to read."""
    authority = os.path.join(CAPTURES, "ca.pem")
    trust = ["--trust", authority] if os.path.exists(authority) else []
    return run(program, "read", "--quiet", "--json", "-", "--site", "lab", "--sensor", "lab", *trust, *words, data=data, before=before)


def trouble(done, allowed=(0, 2)):
    """Sentences on what is wrong with a run; none where it went as it must."""
    found = []
    if done.timed_out:
        found.append(f"did not end within {RUN_LIMIT_S} s")
    elif done.status not in allowed:
        found.append(f"exit status {done.status}, expected {' or '.join(map(str, allowed))}")
    if any(mark in done.err for mark in SANITIZER_MARKS):
        found.append("a sanitizer or an assertion spoke up")
    if done.peak_mib > MEMORY_LIMIT_MIB:
        found.append(f"took {done.peak_mib:.0f} MiB, at most {MEMORY_LIMIT_MIB}")
    if done.status == 1 and not done.err.strip():
        found.append("exit status 1 without a word on standard error")
    if done.status in (0, 2):
        found.extend(json_trouble(done.out))
    return found


def json_trouble(out):
    for number, line in enumerate(out.splitlines(), 1):
        try:
            if not isinstance(json.loads(line), dict):
                return [f"line {number} of the output is not an object"]
        except ValueError as error:
            return [f"line {number} of the output is not JSON: {error}"]
    return []


def last_words(done, lines=12):
    text = done.err.decode(errors="replace").strip().splitlines()
    shown = text if len(text) <= lines * 2 else [*text[:lines], "...", *text[-lines:]]
    return "\n".join("    " + line for line in shown)


def captures(*folders):
    """Capture files below the folders, in name order."""
    found = []
    for folder in folders:
        found.extend(n for n in glob.glob(os.path.join(folder, "**", "*"), recursive=True)
                     if n.endswith(ENDINGS) and os.path.isfile(n))
    return sorted(found)


def our_captures():
    found = captures(CAPTURES)
    if not found:
        skip("tests/captures holds no capture yet; tests/lab makes them")
    return found


def their_captures():
    """Captures of the corpus; says so where there is none."""
    found = captures(CORPUS)
    if not found:
        print(f"no captures of other people: {CORPUS} is not there (set WAXSEAL_CORPUS)")
    return found


def short(path):
    for base in (ROOT, CORPUS):
        if path.startswith(base + os.sep):
            return os.path.relpath(path, base)
    return path


def load(path):
    with open(path, "rb") as file:
        return file.read()


def need(program):
    if not os.path.exists(program):
        skip(f"{short(program)} is not built")


def skip(reason):
    print(f"skipped: {reason}")
    sys.exit(SKIPPED)
