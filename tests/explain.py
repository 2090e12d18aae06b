#!/usr/bin/env python3
"""explain.py JUNIT_FILE - in plain words: which tests failed, what they said, how to run one again; which were skipped."""
import re
import sys
import xml.etree.ElementTree

LINES = 25


def last_lines(case):
    text = (case.findtext("system-out") or "").strip().splitlines()
    return text[-LINES:] or ["(it printed nothing)"]


def explain_failure(case, name):
    failure = case.find("failure")
    reason = failure.get("message", "") if failure is not None else "it could not be run"
    print(f"\n{name} failed ({reason or 'exit status not 0'}):")
    for line in last_lines(case):
        print("    " + line)
    print(f"  again: ctest --test-dir build/dev -R '^{re.escape(name)}$' --output-on-failure")


def main():
    try:
        cases = list(xml.etree.ElementTree.parse(sys.argv[1]).iter("testcase"))
    except (OSError, xml.etree.ElementTree.ParseError) as error:
        print(f"No results to explain: {error}")
        return
    for case in cases:
        if case.get("status") == "fail":
            explain_failure(case, case.get("name"))
    skipped = [case for case in cases if case.find("skipped") is not None]
    if skipped:
        print("\nSkipped, and why:")
    for case in skipped:
        why = re.sub(r"^(lab: )?skipped: ", "", last_lines(case)[0])
        print(f"    {case.get('name')}: {why}")
    print()


if __name__ == "__main__":
    main()
