#!/usr/bin/env python3
"""damaged.py WAXSEAL [--budget S] - every capture as it is, cut at each kilobyte, and with flipped bits.

Part of the damaged files are read one by one, where the exit status is held against what was done to the
file; the others in folders of many, one process each, which covers far more. A budget of seconds bounds the
whole: then the sample is the same in every run, and how much it covered is printed."""
import argparse
import concurrent.futures
import hashlib
import os
import random
import sys
import tempfile
import time

import pcapfile
import sensor

STEP_BYTES = 1024
FLIPS_PER_CAPTURE = 8      # differently damaged copies
FLIP_EVERY_BYTES = 400     # on average
FOLDER_BYTES = 3_000_000   # damaged captures read by one process
ALONE_SHARE = 0.4          # of the budget, for the runs one by one
LONGEST_BYTES = 2_000_000


def damages(path):
    """(path, kind, number) of everything that is done to a capture."""
    yield path, "whole", 0
    size = os.path.getsize(path)
    if size > LONGEST_BYTES:
        return
    for cut in range(STEP_BYTES, size, STEP_BYTES):
        yield path, "cut", cut
    for number in range(FLIPS_PER_CAPTURE):
        yield path, "flip", number


def damage(path, kind, number):
    """The damaged bytes, and the exit statuses that are right for them."""
    data = sensor.load(path)
    if kind == "whole":
        return data, (0, 2)
    if kind == "cut":
        whole, data = data, data[:number]
        if pcapfile.is_pcap(whole):
            return data, (0,) if number in pcapfile.record_ends(whole) else (2,)
        return data, (0, 2)
    rng = random.Random(f"{os.path.basename(path)} {number}")
    changed, head = bytearray(data), 24 if pcapfile.is_pcap(data) else 300
    hit = [rng.randrange(len(data)) for _ in range(max(1, len(data) // FLIP_EVERY_BYTES))]
    for place in hit:
        changed[place] ^= 1 << rng.randrange(8)
    no_capture = path.endswith(".gz") or min(hit) < head
    return bytes(changed), (0, 1, 2) if no_capture else (0, 2)


def name_of(path, kind, number):
    how = {"whole": "as it is", "cut": f"cut at {number}", "flip": f"flipped, copy {number}"}
    return f"{sensor.short(path)} {how[kind]}"


def shuffled(items):
    """An order that is the same every time: the undamaged captures first, then such that any prefix is spread over
    all captures."""
    def key(what):
        path, kind, number = what
        return kind != "whole", hashlib.sha256(f"{os.path.basename(path)} {kind} {number}".encode()).digest()
    return sorted(items, key=key)


class Budget:
    def __init__(self, seconds):
        self.end = time.monotonic() + seconds

    def over(self):
        return time.monotonic() >= self.end


def read_alone(program, what, budget):
    """(done, sentences) of one damaged capture; (False, ...) where the budget was spent."""
    if budget.over():
        return False, []
    data, allowed = damage(*what)
    with tempfile.NamedTemporaryFile(suffix=".pcap") as file:
        file.write(data)
        file.flush()
        done = sensor.read_json(program, "--any-tls", file.name)
    return True, [f"{name_of(*what)}: {s}\n{sensor.last_words(done)}" for s in sensor.trouble(done, allowed)]


def read_folder(program, several, budget):
    if budget.over():
        return False, []
    with tempfile.TemporaryDirectory() as folder:
        for number, what in enumerate(several):
            with open(os.path.join(folder, f"{number:04d}.pcap"), "wb") as file:
                file.write(damage(*what)[0])
        done = sensor.read_json(program, "--any-tls", folder)
    sentences = sensor.trouble(done, (0, 2))
    if not sentences:
        return True, []
    ample = Budget(3600)
    alone = [s for what in several for s in read_alone(program, what, ample)[1]]
    together = "; ".join(name_of(*what) for what in several)
    return True, alone or [f"only together: {together}: {s}\n{sensor.last_words(done)}" for s in sentences]


def folders(items):
    """Cut the list into folders of about FOLDER_BYTES."""
    several, size = [], 0
    for what in items:
        several.append(what)
        size += what[2] if what[1] == "cut" else os.path.getsize(what[0])
        if size >= FOLDER_BYTES:
            yield several
            several, size = [], 0
    if several:
        yield several


def main():
    options = argparse.ArgumentParser()
    options.add_argument("program")
    options.add_argument("--budget", type=float, default=float("inf"), help="seconds; default no bound")
    options = options.parse_args()
    items = shuffled(d for p in sensor.our_captures() + sensor.their_captures() for d in damages(p))

    def spread(read, parts, share):
        budget = Budget(options.budget * share)
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            results = list(pool.map(lambda part: (part, *read(options.program, part, budget)), parts))
        return [part for part, done, _ in results if done], [s for _, _, found in results for s in found]

    groups = list(folders(items))
    if options.budget == float("inf"):
        alone, failures = spread(read_alone, items, 1)
        grouped = []
    else:
        alone, failures = spread(read_alone, items, ALONE_SHARE)
        grouped, more = spread(read_folder, groups, 1 - ALONE_SHARE)
        failures += more
    for sentence in failures[:40]:
        print(sentence)
    covered = len(set(alone) | {what for several in grouped for what in several})
    print(f"{len(items)} captures, most of them damaged: {covered} read, {len(alone)} of them one by one; "
          f"{len(failures)} failures")
    sys.exit(len(failures) > 0)


if __name__ == "__main__":
    main()
