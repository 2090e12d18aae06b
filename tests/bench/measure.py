"""What the benchmarks share: build what they need, make a load, and see what a program costs."""
import os
import statistics
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CAPTURES = os.path.join(ROOT, "tests", "captures")
SKIPPED = 77
TOOLS = ("waxseal", "make_load", "bare_loop")
TURN_RUNS_CAP = 20


def skip(reason):
    print(f"skipped: {reason}")
    sys.exit(SKIPPED)


def build(tree, make):
    """The program; made anew with its tools, or only looked for."""
    program = os.path.join(tree, "waxseal")
    if not make:
        if not all(os.path.exists(os.path.join(tree, name)) for name in TOOLS):
            skip(f"{tree} is not built: cmake --build {tree} --target bench_tools")
        return program
    for words in (["cmake", "-S", ROOT, "-B", tree, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release"],
                  ["cmake", "--build", tree, "--target", "bench_tools"]):
        done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode != 0:
            sys.exit(f"{' '.join(words)} failed:\n{done.stdout[-3000:]}")
    return program


def captures_named(*names):
    """Captures of the lab by name, those that are there."""
    paths = [os.path.join(CAPTURES, name + ".pcap") for name in names]
    found = [path for path in paths if os.path.exists(path)]
    return found or skip("no captures: tests/lab makes them")


def make_load(tree, packets, sessions, path, captures, *options):
    """Write a load; returns how many packets and sessions it has."""
    words = [os.path.join(tree, "make_load"), *options, str(packets), str(sessions), path, *captures]
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(done.stderr)
    return tuple(map(int, done.stdout.split()))


def usage_of(words, cpus=None):
    """Resources of one run, as wait4 has them; on those CPUs alone where some are named."""
    if "--json" in words:  # a new file each time: to empty an old one is no work of the sensor
        output = words[words.index("--json") + 1]
        if os.path.isfile(output):
            os.unlink(output)
    process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                               preexec_fn=(lambda: os.sched_setaffinity(0, cpus)) if cpus else None)
    error = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{' '.join(words)} ended with {process.returncode}:\n{error.decode(errors='replace')[-1000:]}")
    return usage


def cpu_seconds(words, cpus=None):
    """User and system time of one run."""
    usage = usage_of(words, cpus)
    return usage.ru_utime + usage.ru_stime


def peak_bytes(words):
    """The most memory that one run had at a time."""
    return usage_of(words).ru_maxrss * 1024


def one_cpu():
    """The last that this process may use. Two threads on two virtual CPUs may be two halves of one core, and slow each
    other down by what else the host does; the time of a program is then not its own."""
    return {max(os.sched_getaffinity(0))}


def medians(rounds, *programs, cpus=None):
    """Medians of the programs' times. They take turns, so that a slow moment of the machine hits all of them alike; and in
    every turn each runs as often as it needs to be at work as long as the slowest, because such moments are shorter than a
    second: a program of a fifth of one is hit as a whole or not at all."""
    once = [cpu_seconds(words, cpus) for words in programs]
    often = [min(TURN_RUNS_CAP, max(1, round(max(once) / seconds))) for seconds in once]
    times = [[statistics.fmean(cpu_seconds(words, cpus) for _ in range(count)) for words, count in zip(programs, often)]
             for _ in range(rounds)]
    return [statistics.median(column) for column in zip(*times)]


def verdict(what, value, limit, form=".3g"):
    good = value <= limit
    print(f"  {'pass' if good else 'FAIL'}: {what}: {value:{form}}, at most {limit:{form}}")
    return good
