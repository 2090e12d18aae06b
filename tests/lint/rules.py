#!/usr/bin/env python3
"""Every rule has a case that fires and a near miss that does not, and both are run."""
import re

import tree

TABLE = "sensor/audit/policy.def"


def both_cases(text):
    """Rules whose two tests are written by the macros TEST and FACTS_TEST; main runs those of every row of the table, and a
    macro that is missing does not compile."""
    runs_all = "cmocka_unit_test(test_##id##_fires), cmocka_unit_test(test_##id##_near_miss)," in " ".join(text.split())
    return re.findall(r"^(?:FACTS_)?TEST\((\w+),", text, re.M) if runs_all else []


def main():
    rules = re.findall(r"^RULE\(\s*(\w+)", tree.read(TABLE), re.M)
    if not rules:
        tree.report([f"{TABLE}: no row found"], TABLE)
    tests = [n for n in tree.files(".c") if n.startswith("tests/sensor/test_")]
    run = {m for n in tests for m in re.findall(r"\bcmocka_unit_test\w*\(\s*(\w+)", tree.read(n))}
    run |= {f"test_{rule}_{case}" for n in tests for rule in both_cases(tree.read(n)) for case in ("fires", "near_miss")}
    problems = []
    for rule in rules:
        for case in ("fires", "near_miss"):
            wanted = f"test_{rule}_{case}"
            if not any(name == wanted or name.startswith(wanted + "_") for name in run):
                problems.append(f"{TABLE}: {rule}: no test {wanted} is run from tests/sensor/")
    tree.report(problems, f"tests of {len(rules)} rules")


if __name__ == "__main__":
    main()
