#!/usr/bin/env python3
"""handbook.py WAXSEAL - the copy of the rule handbook in deploy/ is what the program prints, and the README leads to it."""
import subprocess
import sys

import tree

COPY = "deploy/rules.md"


def main():
    done = subprocess.run([sys.argv[1], "rules", "--markdown"], capture_output=True, text=True, check=True)
    problems = []
    if tree.read(COPY) != done.stdout:
        problems.append(f"{COPY} is not what `waxseal rules --markdown` prints: write it anew")
    if f"]({COPY})" not in tree.read("README.md"):
        problems.append(f"README.md does not link to {COPY}")
    tree.report(problems, COPY)


if __name__ == "__main__":
    main()
