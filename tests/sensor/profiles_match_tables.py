#!/usr/bin/env python3
"""Every version, suite, group and signature of each profile says what the reference tables say: profiles_match_tables.py

The tables are cipher_suites.tsv, groups.tsv, signature_schemes.tsv and the version table of tls-audit.md, in the folder
$WAXSEAL_REFERENCE (by default shared/reference beside the checkout). Where they are not there, the check is skipped.
It shares no code with sensor/audit/profiles/refresh.py, which writes rows from the same tables: two readings must agree."""
import csv
import os
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROFILES = ROOT / "sensor" / "audit" / "profiles"
REFERENCE = pathlib.Path(os.environ.get("WAXSEAL_REFERENCE") or ROOT / ".." / "shared" / "reference")
SKIPPED = 77

G, A, P, F, S = "GOOD", "ALLOWED", "PHASE_OUT", "FORBIDDEN", "SILENT"

# Per profile: the columns of suites, groups, signatures; the line of the version table; the words. PCI DSS has no column.
DOCUMENTS = {
    "rfc9325": ("rfc9325", "rfc9325", "rfc9325_9155", "RFC 9325",
                {"recommended": G, "allowed": A, "should-not": P, "must-not": F, "n/a": S,
                 "MUST NOT": F, "MUST support": G, "SHOULD support, MUST prefer": G}),
    "nist_800_52r2": ("nist_800_52r2", "nist_800_52r2", "nist_800_52r2", "NIST SP 800-52r2",
                      {"y": A, "n": F, "appendix-d": P, "n/a": S, "shall not": F, "shall": G, "shall, since 2024-01-01": G,
                       "discouraged, only for interoperability": P}),
    "bsi_tr_02102": ("bsi_tr02102_2", "bsi_tr02102_2", "bsi_tr02102_2", "BSI TR-02102-2",
                     {"recommended": G, "legacy": P, "no": F, "not-listed": S, "unknown": S, "until-2025": A, "until-2029": A,
                      "recommended, to end 2031": G}),
    "ncsc_nl_2025": ("ncsc_2025", "ncsc_2025", "ncsc_2025", "NCSC-NL 2025-05",
                     {"good": G, "sufficient": A, "phase-out": P, "insufficient": F, "unknown": S}),
    "mozilla_modern": ("mozilla_6_0", "mozilla_6_0", None, "Mozilla 6.0",
                       {"modern": G, "intermediate": F, "none": F, "yes": G, "no": F}),
    "mozilla_intermediate": ("mozilla_6_0", "mozilla_6_0", None, "Mozilla 6.0",
                             {"modern": G, "intermediate": A, "none": F, "yes": G, "no": F}),
    "pci_dss_4": (None, None, None, "PCI DSS 4.0", {"no": F, "ok": A}),
}
VERSIONS = (0x0002, 0x0300, 0x0301, 0x0302, 0x0303, 0x0304)
ROW = re.compile(r"^(\w+)\((0x[0-9a-f]{4}|\d+), (.*)\)", re.M)
UNLISTED = re.compile(r"^UNLISTED\((\w+), (\w+)\)", re.M)


def read_profile(name):
    """(rows by (macro, code) as [grades ..., last year], unlisted grade by macro)."""
    text = (PROFILES / f"{name}.def").read_text(encoding="utf-8")
    rows = {}
    for macro, code, rest in ROW.findall(text):
        rows[macro, int(code, 0)] = [int(x) if x.isdigit() else x for x in rest.split(", ")]
    return rows, dict(UNLISTED.findall(text))


def table(name):
    with open(REFERENCE / name, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def version_cells(document):
    """The six cells of a document's line in tls-audit.md s2, marks of doubt taken off; 'same' is the cell before it."""
    text = (REFERENCE / "tls-audit.md").read_text(encoding="utf-8")
    text = text[text.index("## 2. Protocol versions"):text.index("### 2.1")]
    line = next(x for x in text.splitlines() if x.startswith(f"| {document}"))
    cells = [cell.strip(" †‡") for cell in line.strip("|").split("|")][1:]
    return [cells[i - 1] if cell == "same" else cell for i, cell in enumerate(cells)]


def expected_versions(profile):
    _, _, _, document, words = DOCUMENTS[profile]
    for code, cell in zip(VERSIONS, version_cells(document), strict=True):
        if "early TLS" in cell:
            yield code, "", [F, 0]
        elif cell not in words:
            raise SystemExit(f"{profile}: no grade is known for the word '{cell}' of version {code:#06x}")
        else:
            until = re.search(r"to end (\d{4})", cell)
            yield code, "", [words[cell], int(until[1]) if until else 0]


def by_bits(bits):
    return F if bits < 112 else A if bits < 128 else G


def pci_suite(row):
    flags = set(row["flags"].split(","))
    bits = int(row["strength_bits"])
    if bits < 112 or flags & {"null", "rc4", "anon", "export", "des"}:
        return F
    return by_bits(bits) if re.match(r"AES$|3DES|CAMELLIA|ARIA|SEED|CHACHA20", row["cipher"]) else S


def pci_group(row):
    national = row["name"].startswith(("GC", "curveSM"))
    measurable = row["kind"] in ("ec-prime", "ec-binary", "ec-montgomery", "ff-safe-prime", "hybrid")
    return by_bits(int(row["classical_bits"])) if row["registry"] == "iana" and measurable and not national else S


def pci_signature(row):
    if row["signature"].startswith(("RSA", "ECDSA", "EdDSA", "DSA")):
        return {"MD5": F, "SHA1": F, "SHA224": A, "SHA256": G, "SHA384": G, "SHA512": G, "intrinsic": G}[row["hash"]]
    return S


def expected_suite(profile, row, column, words):
    if column is None:
        grade = pci_suite(row)
        return [grade, grade, 0]
    grade = words[row[column]]
    if profile == "rfc9325":
        if row["rfc10015"] == "must-not":
            grade = F
        elif row["rfc10015"] == "should-not" and grade != F:
            grade = P
        lifted = row["rfc9325_condition"] == "unless-etm" and row["rfc10015"] == "unaffected"
        return [grade, A if lifted else grade, 0]
    if profile == "bsi_tr_02102":
        year = row["bsi_use_until"]
        without = A if grade == G and row["mode"] == "CBC" else grade
        return [without, grade, int(year) if year.isdigit() else 0]
    return [grade, grade, 0]


def expected_codes(row, column, words, pci):
    if column is None:
        return [pci(row), 0]
    year = re.search(r"until-(\d+)", row[column])
    return [words[row[column]], int(year[1]) if year else 0]


def expectations(profile, suites, groups, signatures):
    """(macro, code, name, what the profile must say) of everything that can be chosen."""
    suite_column, group_column, signature_column, _, words = DOCUMENTS[profile]
    for code, name, want in expected_versions(profile):
        yield "VERSION", code, name, want
    for row in suites:
        if row["kx"] != "scsv":
            yield "SUITE", int(row["hex"], 16), row["iana_name"], expected_suite(profile, row, suite_column, words)
    for row in groups:
        if row["kind"] != "grease":
            yield "GROUP", int(row["hex"], 16), row["name"], expected_codes(row, group_column, words, pci_group)
    for row in signatures:
        silent = signature_column is None and profile != "pci_dss_4"
        want = [S, 0] if silent else expected_codes(row, signature_column, words, pci_signature)
        yield "SIGNATURE", int(row["hex"], 16), row["name"], want


def compare(profile, tables):
    rows, unlisted = read_profile(profile)
    seen, problems = set(), []
    for macro, code, name, want in expectations(profile, *tables):
        seen.add((macro, code))
        got = rows.get((macro, code)) or [unlisted[macro]] * (len(want) - 1) + [0]
        if got != want:
            problems.append(f"{profile}: {macro} {code:#06x} {name}: {got}, the tables say {want}")
    for macro, code in rows:
        if macro in ("VERSION", "SUITE", "GROUP", "SIGNATURE") and (macro, code) not in seen:
            problems.append(f"{profile}: {macro} {code:#06x}: not in the tables, or a signalling value")
    return len(seen), problems


def main():
    names = ("cipher_suites.tsv", "groups.tsv", "signature_schemes.tsv", "tls-audit.md")
    if missing := [name for name in names if not (REFERENCE / name).is_file()]:
        print(f"skipped: no {missing[0]} in the reference folder (WAXSEAL_REFERENCE)")
        sys.exit(SKIPPED)
    files = {path.stem for path in PROFILES.glob("*.def")}
    problems = [f"{name}: a profile that is not compared" for name in sorted(files - set(DOCUMENTS))]
    problems += [f"{name}: no such .def" for name in sorted(set(DOCUMENTS) - files)]
    tables = [table(name) for name in names[:3]]
    compared = 0
    for profile in sorted(files & set(DOCUMENTS)):
        count, found = compare(profile, tables)
        compared += count
        problems += found
    for problem in problems:
        print(problem)
    print(f"{compared} facts of {len(files)} profiles: {f'{len(problems)} differ' if problems else 'as the tables say'}")
    sys.exit(1 if problems or compared == 0 else 0)


if __name__ == "__main__":
    main()
