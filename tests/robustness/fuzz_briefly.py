#!/usr/bin/env python3
"""fuzz_briefly.py TARGET SEEDS [RUNS] - replay a fuzz target's seeds, then a fixed number of fresh inputs.

The random seed is fixed, so that a change is judged by itself and not by luck. To look for more, run the
target by hand: build/fuzz/fuzz_NAME tests/fuzz/seeds/NAME"""
import os
import subprocess
import sys
import tempfile

import sensor


def main():
    target, seeds = sys.argv[1:3]
    runs = sys.argv[3] if len(sys.argv) > 3 else "20000"
    sensor.need(target)
    given = [seeds] if os.path.isdir(seeds) else []
    with tempfile.TemporaryDirectory() as work:
        options = [f"-runs={runs}", "-seed=1", "-max_total_time=20", "-timeout=10", "-rss_limit_mb=2048",
                   "-max_len=8192", "-print_final_stats=1", f"-artifact_prefix={work}/"]
        done = subprocess.run([target, *options, work, *given], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        print("\n".join(done.stdout.decode(errors="replace").splitlines()[-30:]))
        for name in os.listdir(work) if done.returncode else []:
            if name.startswith(("crash-", "timeout-", "oom-", "leak-")):
                print(f"{name}, in hexadecimal: {sensor.load(os.path.join(work, name)).hex()}")
    sys.exit(1 if done.returncode else 0)


if __name__ == "__main__":
    main()
