#!/usr/bin/env python3
"""Tables of code points are sorted, without doubles: look-ups are binary searches."""
import itertools
import re

import tree

ROW = re.compile(r"^([A-Z][A-Z0-9_]*)\(\s*(0x[0-9A-Fa-f]+|\d+)\s*[,)]", re.M)


def main():
    problems, rows = [], 0
    for name in tree.files(".def"):
        text = tree.read(name)
        table = [(m[1], int(m[2], 0), tree.line_of(text, m.start())) for m in ROW.finditer(text)]
        rows += len(table)
        for macro, group in itertools.groupby(table, key=lambda row: row[0]):
            for (_, before, _), (_, code, line) in itertools.pairwise(group):
                if code <= before:
                    problems.append(f"{name}:{line}: {macro}({code:#x}) follows {before:#x}")
    if rows == 0:
        problems.append("no row with a code was found: has the form of the tables changed?")
    tree.report(problems, f"order of {rows} table rows")


if __name__ == "__main__":
    main()
