#!/usr/bin/env python3
"""The C code looks as .clang-format says."""
import shutil
import subprocess

import tree

TOOL = "clang-format-14"


def main():
    if not shutil.which(TOOL):
        tree.skip(f"{TOOL} is not installed")
    names = [n for n in tree.files(".c", ".h")]
    done = subprocess.run([TOOL, "--dry-run", "--Werror", *names], cwd=tree.ROOT, capture_output=True,
                          text=True)
    touched = sorted({line.split(":")[0] for line in done.stderr.splitlines() if ": error: " in line})
    problems = [f"{n}: run {TOOL} -i {n}, or the build target `format` for all" for n in touched]
    if done.returncode != 0 and not problems:
        problems = [done.stderr.strip()]
    tree.report(problems, f"format of {len(names)} files")


if __name__ == "__main__":
    main()
