#!/usr/bin/env python3
"""Words that must not be in the tree: unbounded calls, paths of somebody's machine, unfinished work,
strangers at the top level."""
import os
import re

import tree

TOP_LEVEL = {"CMakeLists.txt", "README.md", "LICENSE", "sensor", "parsers", "dashboards", "tests", "deploy"}
BANNED_CALL = re.compile(r"\b(strcpy|strcat|sprintf|vsprintf|gets|strtok|atoi|atol|alloca|system|popen)\s*\(")
MACHINE_PATH = re.compile(r"(?<![\w.$}])/(?:home|Users|root|work|workspace|mnt)/[\w.]")
UNFINISHED = re.compile(r"\b(?:TO" r"DO|FIX" r"ME|X" r"XX:|not yet imple" r"mented|place" r"holder)\b")
BINARY = (".pcap", ".pcapng", ".cap", ".gz", ".png", ".der", ".bin")


def call_problems(name):
    code = tree.code_only(tree.read(name))
    for match in BANNED_CALL.finditer(code):
        yield f"{name}:{tree.line_of(code, match.start())}: {match[1]}() is unbounded or unchecked"


def word_problems(name):
    text = tree.read(name)
    for pattern, what in ((MACHINE_PATH, "a path of one machine"), (UNFINISHED, "unfinished work")):
        for match in pattern.finditer(text):
            yield f"{name}:{tree.line_of(text, match.start())}: {what}: {match.group()}"
    if tree.ROOT in text:
        yield f"{name}: the path of this very checkout"


def main():
    names = tree.files()
    problems = [p for name in tree.sources() for p in call_problems(name)]
    for name in names:
        is_seed = name.startswith("tests/fuzz/seeds/")
        if not name.endswith(BINARY) and not is_seed and name != "LICENSE":
            problems.extend(word_problems(name))
    for top in sorted({name.split(os.sep)[0] for name in names}):
        if top not in TOP_LEVEL and not top.startswith("."):
            problems.append(f"{top}: the top level has {', '.join(sorted(TOP_LEVEL))} and nothing else")
    tree.report(problems, f"words of {len(names)} files")


if __name__ == "__main__":
    main()
