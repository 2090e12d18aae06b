#!/usr/bin/env python3
"""tidy.py BUILD_DIR - clang-tidy, with .clang-tidy's checks, over the product's sources.

BUILD_DIR holds compile_commands.json; a source that this build leaves out (its library is not installed) is passed over.
Slow: one process a file, as many at a time as there are cores."""
import concurrent.futures
import json
import os
import re
import shutil
import subprocess
import sys

import tree

TOOL = "clang-tidy-14"
# gcc's options are not all clang's, and optimised, glibc's headers bring bodies that are not ours to judge.
EXTRA = [f"--extra-arg={flag}" for flag in ("-Wno-unknown-warning-option", "-Wno-error", "-O0")]


def tidy(build, name):
    done = subprocess.run([TOOL, "-p", build, "--quiet", *EXTRA, name], cwd=tree.ROOT,
                          capture_output=True, text=True)
    found = [line.replace(tree.ROOT + os.sep, "") for line in done.stdout.splitlines()
             if re.search(r": (warning|error): ", line)]
    if done.returncode != 0 and not found:
        found = [f"{name}: {done.stderr.strip()[-400:]}"]
    return found


def main():
    if not shutil.which(TOOL):
        tree.skip(f"{TOOL} is not installed")
    build = sys.argv[1]
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as file:
        built = {entry["file"] for entry in json.load(file)}
    names = [name for name in tree.sources(".c") if os.path.join(tree.ROOT, name) in built]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        found = pool.map(lambda name: tidy(build, name), names)
    tree.report(sorted({line for lines in found for line in lines}), f"clang-tidy over {len(names)} files")


if __name__ == "__main__":
    main()
