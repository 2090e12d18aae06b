#!/usr/bin/env python3
"""Rewrite the SUITE, GROUP and SIGNATURE rows of the .def files beside this program: refresh.py FOLDER

FOLDER holds cipher_suites.tsv, groups.tsv and signature_schemes.tsv, keyed by `hex`, with a column per document. A
person reads the difference and commits it; the build generates nothing. The opening comment, the head, the versions
and the sizes of a .def are kept by hand and left as they are. A code point that is graded as UNLISTED says gets no
row; a signalling value (SCSV, GREASE) is never chosen and gets none either."""
import csv
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
RANK = ("GOOD", "ALLOWED", "PHASE_OUT", "FORBIDDEN")

# The words of the tables. What each document means by them is told in the opening comment of its .def.
IETF = {"recommended": "GOOD", "allowed": "ALLOWED", "should-not": "PHASE_OUT", "must-not": "FORBIDDEN",
        "unaffected": "GOOD", "n/a": "SILENT"}
NIST = {"y": "ALLOWED", "appendix-d": "PHASE_OUT", "n": "FORBIDDEN", "n/a": "SILENT"}
BSI = {"recommended": "GOOD", "legacy": "PHASE_OUT", "not-listed": "SILENT", "unknown": "SILENT", "no": "FORBIDDEN"}
NCSC = {"good": "GOOD", "sufficient": "ALLOWED", "phase-out": "PHASE_OUT", "insufficient": "FORBIDDEN",
        "unknown": "SILENT"}
MOZILLA_MODERN = {"modern": "GOOD", "intermediate": "FORBIDDEN", "none": "FORBIDDEN", "yes": "GOOD", "no": "FORBIDDEN"}
MOZILLA_INTERMEDIATE = dict(MOZILLA_MODERN, intermediate="ALLOWED")

# PCI DSS has no list: its glossary asks for accepted algorithms of 112 bits, better 128.
PCI_CIPHERS = ("AES", "CAMELLIA", "ARIA", "SEED", "CHACHA20", "3DES")
PCI_HASHES = {"MD5": 64, "SHA1": 80, "SHA224": 112, "SHA256": 128, "SHA384": 192, "SHA512": 256, "intrinsic": 128}


def worse(*grades):
    return max(grades, key=RANK.index)


def by_strength(bits):
    return "GOOD" if bits >= 128 else "ALLOWED" if bits >= 112 else "FORBIDDEN"


def split_until(word):
    """'until-2029' is allowed, to the end of that year."""
    year = re.fullmatch(r"until-(\d{4})", word)
    return (None, int(year[1])) if year else (word, 0)


def rfc9325_suite(row):
    """(grade, grade with encrypt_then_mac, last year). RFC 10015 raises what RFC 9325 says; never the other way."""
    plain, lifted = IETF[row["rfc9325"]], IETF[row["rfc9325"]]
    if row["rfc9325_condition"] == "unless-etm":
        lifted = "ALLOWED"
    later = IETF[row["rfc10015"]]
    return worse(plain, later), worse(lifted, later), 0


def bsi_suite(row):
    """TR-02102-2 recommends CBC, and encrypt_then_mac with it: without it CBC is no more than allowed."""
    grade, until = BSI[row["bsi_tr02102_2"]], re.fullmatch(r"\d{4}", row["bsi_use_until"])
    plain = "ALLOWED" if grade == "GOOD" and row["mode"] == "CBC" else grade
    return plain, grade, int(until[0]) if until else 0


def pci_suite(row):
    flags = row["flags"].split(",")
    if {"null", "anon", "rc4"} & set(flags) or int(row["strength_bits"]) < 112:
        grade = "FORBIDDEN"
    else:
        grade = by_strength(int(row["strength_bits"])) if row["cipher"] in PCI_CIPHERS else "SILENT"
    return grade, grade, 0


def pci_group(row):
    """National curves and experiments are not what it calls accepted; a pure KEM has no classical strength to measure."""
    accepted = row["registry"] == "iana" and not re.match(r"GC|curveSM", row["name"])
    bits = int(row["classical_bits"])
    return (by_strength(bits) if accepted and bits > 0 else "SILENT"), 0


def pci_signature(row):
    accepted = re.match(r"RSA|ECDSA|DSA|EdDSA", row["signature"])
    return (by_strength(PCI_HASHES[row["hash"]]) if accepted and row["hash"] in PCI_HASHES else "SILENT"), 0


def suite_column(words, column):
    return lambda row: (words[row[column]], words[row[column]], 0)


def column_of(words, column):
    def read(row):
        word, until = split_until(row[column])
        return ("ALLOWED" if word is None else words[word]), until
    return read


# Profile: (suites, groups, signatures); None where the document says nothing of them.
PROFILES = {
    "rfc9325": (rfc9325_suite, column_of(IETF, "rfc9325"), column_of(IETF, "rfc9325_9155")),
    "nist_800_52r2": (suite_column(NIST, "nist_800_52r2"), column_of(NIST, "nist_800_52r2"),
                      column_of(NIST, "nist_800_52r2")),
    "bsi_tr_02102": (bsi_suite, column_of(BSI, "bsi_tr02102_2"), column_of(BSI, "bsi_tr02102_2")),
    "ncsc_nl_2025": (suite_column(NCSC, "ncsc_2025"), column_of(NCSC, "ncsc_2025"), column_of(NCSC, "ncsc_2025")),
    "mozilla_modern": (suite_column(MOZILLA_MODERN, "mozilla_6_0"), column_of(MOZILLA_MODERN, "mozilla_6_0"), None),
    "mozilla_intermediate": (suite_column(MOZILLA_INTERMEDIATE, "mozilla_6_0"),
                             column_of(MOZILLA_INTERMEDIATE, "mozilla_6_0"), None),
    "pci_dss_4": (pci_suite, pci_group, pci_signature)}


def rows(path):
    with open(path, newline="", encoding="utf-8") as table:
        found = list(csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE))
    return sorted(found, key=lambda row: int(row["hex"], 16))


def is_signal(row):
    return row.get("kx") == "scsv" or row.get("kind") == "grease"


def section(macro, table, grade_of, unlisted):
    """The rows of one table that do not say the same as UNLISTED."""
    for row in table:
        if grade_of is None or is_signal(row):
            continue
        *grades, until = grade_of(row)
        if until == 0 and all(grade == unlisted for grade in grades):
            continue
        name = row.get("iana_name") or row["name"]
        yield f'{macro}(0x{int(row["hex"], 16):04x}, {", ".join(grades)}, {until}) /* {name} */'


def rewrite(path, tables, grades_of):
    """Generated rows go between the versions, the last rows by hand that are told by a code point, and the sizes."""
    kept = [line for line in path.read_text(encoding="utf-8").splitlines()
            if not line.startswith(("SUITE(", "GROUP(", "SIGNATURE("))]
    unlisted = dict(m.groups() for m in (re.match(r"UNLISTED\((\w+), (\w+)\)", line) for line in kept) if m)
    at = 1 + max(i for i, line in enumerate(kept) if line.startswith("VERSION("))
    fresh = [line for macro, table, grade_of in zip(("SUITE", "GROUP", "SIGNATURE"), tables, grades_of)
             for line in section(macro, table, grade_of, unlisted[macro])]
    path.write_text("".join(line + "\n" for line in kept[:at] + fresh + kept[at:]), encoding="utf-8")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__.splitlines()[0])
    folder = pathlib.Path(sys.argv[1])
    tables = [rows(folder / name) for name in ("cipher_suites.tsv", "groups.tsv", "signature_schemes.tsv")]
    for name, grades_of in PROFILES.items():
        rewrite(HERE / f"{name}.def", tables, grades_of)


if __name__ == "__main__":
    main()
