#!/usr/bin/env python3
"""Files and functions stay small enough to be read once from top to bottom."""
import re

import tree

FILE_LINES = 500
FUNCTION_LINES = 60
WIDTH = 140  # clang-format keeps code to 110; this holds comments and long strings


def function_lengths(text):
    """(line, name, length) of every function: by the house format its body opens and closes in
    the first column."""
    lines = text.split("\n")
    opened = None
    for number, line in enumerate(lines, 1):
        if line == "{":
            opened = number
        elif line == "}" and opened is not None:
            head = " ".join(lines[max(0, opened - 6):opened - 1])
            called = re.findall(r"(\w+)\s*\(", head)
            yield opened, called[0] if called else "?", number - opened + 1
            opened = None


def main():
    problems, names = [], tree.sources()
    for name in names:
        text = tree.read(name)
        if (count := text.count("\n")) > FILE_LINES:
            problems.append(f"{name}: {count} lines, at most {FILE_LINES}")
        for line, function, length in function_lengths(text):
            if length > FUNCTION_LINES:
                problems.append(f"{name}:{line}: {function}: {length} lines, at most {FUNCTION_LINES}")
        for number, line in enumerate(text.split("\n"), 1):
            if len(line) > WIDTH:
                problems.append(f"{name}:{number}: {len(line)} columns, at most {WIDTH}")
    tree.report(problems, f"sizes of {len(names)} files")


if __name__ == "__main__":
    main()
