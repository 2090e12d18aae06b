#!/usr/bin/env python3
"""determinism.py WAXSEAL WAY - the same capture gives the same output, byte for byte, whichever way it comes.

same    run after run, from a file, from standard input, and compressed
workers with connections spread over several threads, and with reader and auditor taking turns in one: byte for byte, and
        in the same order
split   with the payload of every packet cut into several packets: the stream is the same, so is the
        event, but for the number of packets"""
import concurrent.futures
import gzip
import json
import os
import random
import select
import subprocess
import sys
import tempfile

import pcapfile
import sensor

# What may differ when a stream comes in smaller pieces.
COUNTS_OF_PACKETS = ("packets", "duplicates")


def same(program, path, data, whole):
    yield "run again", sensor.read_json(program, path).out, whole
    yield "from standard input", sensor.read_json(program, "-", data=data).out, whole
    packed = gzip.compress(data, 1, mtime=0)
    yield "gzip'd, from standard input", sensor.read_json(program, "-", data=packed).out, whole
    with tempfile.NamedTemporaryFile(suffix=".pcap.gz") as file:
        file.write(packed)
        file.flush()
        yield "gzip'd", sensor.read_json(program, file.name).out, whole


def without_counts(out):
    events = [json.loads(line) for line in out.splitlines()]
    for event in events:
        for name in COUNTS_OF_PACKETS:
            event.pop(name, None)
    return "\n".join(json.dumps(event) for event in events).encode()


def splitter(rng, every_byte):
    def change(packet):
        seg = pcapfile.tcp_segment(packet.frame)
        size = seg.end - seg.payload if seg else 0
        # A SYN takes a sequence number of its own; a segment behind it stays whole.
        if size < 2 or packet.frame[seg.tcp + 13] & pcapfile.SYN or packet.wire > len(packet.frame):
            return [packet]
        cuts = range(1, size) if every_byte else sorted(rng.sample(range(1, size), min(size - 1, rng.randrange(1, 6))))
        edges = [0, *cuts, size]
        pieces = [pcapfile.with_payload(packet.frame, seg, a, b) for a, b in zip(edges, edges[1:])]
        return [pcapfile.Packet(packet.seconds, packet.fraction, p, len(p)) for p in pieces]
    return change


def split(program, path, data, whole):
    if not pcapfile.is_pcap(data) or pcapfile.link_type(data) != pcapfile.ETHERNET:
        return
    for every_byte in (False, True) if len(data) < 60_000 else (False,):
        rng = random.Random(os.path.basename(path))
        cut = pcapfile.rewritten(data, splitter(rng, every_byte))
        how = "split at every byte" if every_byte else "split here and there"
        yield how, without_counts(sensor.read_json(program, "-", data=cut).out), without_counts(whole)


def workers(program, path, data, whole):
    for count in ("2", "5"):
        yield f"--workers {count}", sensor.read_json(program, "--workers", count, path).out, whole
    yield "on one processor", sensor.read_json(program, path, before=sensor.on_one_processor()).out, whole


WAYS = {"same": same, "split": split, "workers": workers}


def first_difference(got, want):
    for number, (g, w) in enumerate(zip(got.splitlines(), want.splitlines()), 1):
        if g != w:
            g, w = json.loads(g), json.loads(w)
            names = [n for n in w if g.get(n) != w[n]]
            return f"event {number}: " + ", ".join(f"{n} {g.get(n)!r} instead of {w[n]!r}" for n in names[:6])
    return f"{len(got.splitlines())} events instead of {len(want.splitlines())}"


def compare(program, way, path):
    """(comparisons, sentences about those that differ) of one capture."""
    data = sensor.load(path)
    whole = sensor.read_json(program, path)
    compared = list(WAYS[way](program, path, data, whole.out))
    return len(compared), [f"{sensor.short(path)}, {how}: {first_difference(got, want)}"
                           for how, got, want in compared if got != want]


def folder_again(program):
    """All captures in one run, several times: what one session teaches another must not depend on who is faster."""
    first = sensor.read_json(program, sensor.CAPTURES).out
    runs = [sensor.read_json(program, sensor.CAPTURES).out for _ in range(5)]
    return len(runs), [f"the whole folder, run again: {first_difference(out, first)}" for out in runs if out != first]


def folder_spread(program):
    """All captures in one run: which thread is quicker must not change what one session teaches another."""
    alone = sensor.read_json(program, sensor.CAPTURES).out
    counts = ("2", "3", "8", "64") * 3
    runs = [(count, sensor.read_json(program, "--workers", count, sensor.CAPTURES).out) for count in counts]
    return len(runs), [f"the whole folder, --workers {count}: {first_difference(out, alone)}" for count, out in runs if out != alone]


def folder_in_turns(program):
    """All captures in one run on one processor, where one thread does everything: also where the ring between reader and
    auditor is full all the time."""
    alone = sensor.read_json(program, sensor.CAPTURES).out
    failures = []
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as small:
        small.write("caps:\n  ring_sessions: 64\n  certificates: 64\n")
        small.flush()
        for options in ([], ["--config", small.name], ["--config", small.name, "--workers", "3"]):
            out = sensor.read_json(program, *options, sensor.CAPTURES, before=sensor.on_one_processor()).out
            if out != alone:
                failures.append(f"the whole folder on one processor, {options}: {first_difference(out, alone)}")
    return 3, failures


def pipe_in_turns(program):
    """What comes by a pipe is reported while the pipe is still open, also on one processor."""
    whole = sensor.load(os.path.join(sensor.CAPTURES, "smtp-starttls-tls13.pcap"))
    command = [*sensor.on_one_processor(), program, "read", "--quiet", "--json", "-", "-"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as reader:
        reader.stdin.write(whole)
        reader.stdin.flush()
        came = select.select([reader.stdout], [], [], 20)[0] != []
        reader.stdin.close()
        reader.stdout.read()
    return 1, [] if came else ["a pipe on one processor: nothing before its end"]


def main():
    program, way = sys.argv[1:3]
    sensor.need(program)
    paths = sensor.our_captures() + (sensor.their_captures() if way != "split" else [])
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(lambda path: compare(program, way, path), paths))
    if way == "same":
        results.append(folder_again(program))
    if way == "workers":
        results.append(folder_spread(program))
        results.append(folder_in_turns(program))
        results.append(pipe_in_turns(program))
    failures = [sentence for _, sentences in results for sentence in sentences]
    print("\n".join(failures[:40]))
    print(f"{sum(count for count, _ in results)} comparisons, {len(failures)} failures")
    sys.exit(len(failures) > 0)


if __name__ == "__main__":
    main()
