"""What the lint checks share: where the tree is, which files belong to it, how a check reports."""
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SKIPPED = 77


def _walk():
    """Every file below the root, for a tree that is not a git checkout; build trees left out."""
    for folder, names, files in os.walk(ROOT):
        names[:] = [n for n in names if n not in (".git", "build", "__pycache__")]
        for name in files:
            yield os.path.relpath(os.path.join(folder, name), ROOT)


def files(*endings):
    """Files of the project, relative to the root, in name order: committed or about to be."""
    listed = subprocess.run(["git", "-C", ROOT, "ls-files", "-z", "--cached", "--others",
                             "--exclude-standard"], capture_output=True, text=True)
    names = listed.stdout.split("\0") if listed.returncode == 0 else _walk()
    return sorted({n for n in names if n and os.path.isfile(os.path.join(ROOT, n))
                   and (not endings or n.endswith(endings))})


def sources(*endings):
    """The C sources of the product: parsers/ and sensor/, not the tests."""
    return [n for n in files(*(endings or (".c", ".h"))) if n.startswith(("parsers/", "sensor/"))]


def read(name):
    with open(os.path.join(ROOT, name), encoding="utf-8", errors="replace") as file:
        return file.read()


def code_only(text):
    """C text with comments and the inside of string literals blanked; line numbers stay."""
    def blank(match):
        return re.sub(r"[^\n]", " ", match.group())
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', blank, text,
                  flags=re.S)


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def report(problems, looked_at):
    """One line a problem, then a total; ends the program."""
    for problem in problems:
        print(problem)
    print(f"{looked_at}: {len(problems)} problems" if problems else f"{looked_at}: in order")
    sys.exit(1 if problems else 0)


def skip(reason):
    print(f"skipped: {reason}")
    sys.exit(SKIPPED)
