#!/usr/bin/env python3
"""Scripts are sound: shellcheck over every bash and sh script, and every Python file compiles."""
import os
import re
import shutil
import subprocess

import tree


def interpreter(name):
    with open(os.path.join(tree.ROOT, name), "rb") as file:
        match = re.match(rb"#!.*\b(bash|sh|python3)\b", file.readline(80))
    return match[1].decode() if match else None


def main():
    problems, scripts = [], [n for n in tree.files() if interpreter(n)]
    for name in [n for n in tree.files() if n.endswith(".py") or interpreter(n) == "python3"]:
        try:
            compile(tree.read(name), name, "exec")
        except SyntaxError as error:
            problems.append(f"{name}:{error.lineno}: {error.msg}")
    for name in scripts:
        if not os.access(os.path.join(tree.ROOT, name), os.X_OK):
            problems.append(f"{name}: begins with #! but is not executable")
    if not shutil.which("shellcheck") and not problems:
        tree.skip("shellcheck is not installed")
    for name in [n for n in scripts if interpreter(n) in ("bash", "sh")]:
        done = subprocess.run(["shellcheck", "--format=gcc", "-x", name], cwd=tree.ROOT, capture_output=True,
                              text=True)
        problems.extend(done.stdout.splitlines())
    tree.report(problems, f"{len(scripts)} scripts")


if __name__ == "__main__":
    main()
