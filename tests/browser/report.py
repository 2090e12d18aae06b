#!/usr/bin/env python3
"""report.py WAXSEAL FOLDER - the HTML report in headless Chromium: layout, accessibility, and the numbers that it says.

FOLDER takes npm's packages, the reports and screenshots. Skipped (77) where chromium, node or npm are not there."""
import glob
import json
import os
import re
import shutil
import subprocess
import sys

import counts
import hostile
import structure

HERE = os.path.dirname(os.path.abspath(__file__))
CAPTURES = os.path.join(HERE, "..", "captures")
LARGEST_BYTES = 400_000


def need_programs():
    missing = [name for name in ("chromium", "node", "npm", "openssl") if not shutil.which(name)]
    if missing:
        print("skipped: not installed:", ", ".join(missing))
        sys.exit(77)


def install(folder):
    """npm's packages by the lock file, once."""
    lock = os.path.join(folder, "package-lock.json")
    with open(os.path.join(HERE, "package-lock.json")) as file:
        wanted = file.read()
    if os.path.isdir(os.path.join(folder, "node_modules", "axe-core")) and os.path.exists(lock):
        with open(lock) as file:
            if file.read() == wanted:
                return
    os.makedirs(folder, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copyfile(os.path.join(HERE, name), os.path.join(folder, name))
    done = subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=folder, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode != 0:
        os.unlink(lock)
        print(done.stdout)
        print("skipped: npm could not fetch the packages of tests/browser/package-lock.json")
        sys.exit(77)


def make_report(program, folder, name, inputs):
    page, events = os.path.join(folder, name + ".html"), os.path.join(folder, name + ".json")
    for path in (page, events):
        if os.path.exists(path):
            os.unlink(path)
    done = subprocess.run([program, "read", "--quiet", "--site", "lab", "--html", page, "--json", events, *inputs],
                          stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"{name}: exit status {done.returncode}: {done.stderr}")
    with open(events) as file:
        return {"name": name, "path": page, "events": [json.loads(line) for line in file]}


def make_reports(program, folder):
    evil, nothing = os.path.join(folder, "hostile.pcap"), os.path.join(folder, "nothing.pcap")
    hostile.write(evil)
    with open(nothing, "wb") as file:
        file.write(hostile.pcapfile.HEADER)
    captures = sorted(glob.glob(os.path.join(CAPTURES, "*.pcap")))
    return [make_report(program, folder, "all", captures),
            make_report(program, folder, "clean", [os.path.join(CAPTURES, "imap-implicit-tls13.pcap")]),
            make_report(program, folder, "empty", [nothing]),
            make_report(program, folder, "hostile", [evil])]


def look(cases, folder):
    listed = os.path.join(folder, "cases.json")
    with open(listed, "w") as file:
        json.dump([{"name": case["name"], "path": case["path"]} for case in cases], file)
    done = subprocess.run(["node", os.path.join(HERE, "look.mjs"), folder, listed, os.path.join(folder, "screenshots")],
                          stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout)


def table_problems(events, seen):
    tables, charts, tiles = counts.expected(events)
    for caption, wanted in tables.items():
        shown = seen["tables"].get(caption, {})
        for row, cells in wanted.items():
            if shown.get(row, [])[:2] != cells:
                yield f"table '{caption}', row '{row}': {shown.get(row)} instead of {cells}"
    for kind, wanted in (("charts", charts), ("tiles", tiles)):
        for title, value in wanted.items():
            if seen[kind].get(title) != value:
                yield f"{kind} '{title}': {seen[kind].get(title)!r} instead of {value!r}"


def finding_problems(events, seen):
    section = seen["text"].split("Findings, and what to do")[-1]
    for rule, count in counts.rule_counts(events).items():
        sessions = f"{count:,} session" + ("" if count == 1 else "s")
        if not re.search(rf"{rule}\s+{re.escape(sessions)}\b", section):
            yield f"finding {rule}: '{sessions}' is not there"


def hostile_problems(seen):
    for text in ("<script>alert(1)</script>", "onerror=alert(2)", "</style></svg></title>", "\\xe2\\x80\\xae",
                 "\\x1b[2J", "\\xff\\x80{{x}}"):
        if text not in seen["text"]:
            yield f"the text {text} is not shown"
    if "a" * 70 in seen["text"] or "aaaa\u2026" not in seen["text"]:
        yield "the overlong name is not cut"


def problems_of(case, seen):
    with open(case["path"], encoding="utf-8") as file:
        text = file.read()
    if len(text.encode()) > LARGEST_BYTES:
        yield f"{len(text.encode())} bytes"
    yield from structure.problems_of(text)
    yield from seen["problems"]
    if case["events"]:
        yield from table_problems(case["events"], seen)
        yield from finding_problems(case["events"], seen)
    elif "No mail session was seen." not in seen["text"]:
        yield "an empty report does not say so"
    if case["name"] == "hostile":
        yield from hostile_problems(seen)


def main():
    program, folder = sys.argv[1], os.path.abspath(sys.argv[2])
    need_programs()
    install(folder)
    cases = make_reports(program, folder)
    failed = 0
    for case, seen in zip(cases, look(cases, folder)):
        problems = list(problems_of(case, seen))
        failed += len(problems)
        print(f"{case['name']}: {len(case['events'])} sessions, {os.path.getsize(case['path'])} bytes, "
              f"{len(problems)} problems")
        for problem in problems[:40]:
            print("   ", problem)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
