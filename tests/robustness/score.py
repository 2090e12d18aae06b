#!/usr/bin/env python3
"""score.py WAXSEAL - the corpus' own program holds the sensor against what others found in its captures.

Its table is handed on with two kinds of rows left out, and says so: rows that name no client port, which no event can match,
and rows that the bytes contradict."""
import csv
import os
import shutil
import subprocess
import sys
import tempfile

import sensor

TABLE = "SESSIONS.tsv"

# (file, client port): what the bytes say instead.
CONTRADICTED = {
    ("mail/suricata-smtp-extract-url-schemes.pcap", "54009"):
        "the capability list is masked (250-XXXA, 250-XXXXXXXB ...): stripped on the path, not 'not offered'",
    ("mail/suricata-smtp-bug-6053.pcap", "5555"):
        "the greeting has no line end and the reply to EHLO no last line: no whole capability list was seen",
}


def left_out(row):
    if row["client_port"] == "" and row["tls_version"]:
        return "no client port in the table"
    return CONTRADICTED.get((row["file"], row["client_port"]))


def main():
    judge = os.path.join(sensor.CORPUS, "score.py")
    if not os.path.exists(judge):
        sensor.skip(f"{judge} is not there (set WAXSEAL_CORPUS)")
    with tempfile.TemporaryDirectory() as folder:
        for name in os.listdir(sensor.CORPUS):
            if os.path.isdir(os.path.join(sensor.CORPUS, name)):
                os.symlink(os.path.join(os.path.abspath(sensor.CORPUS), name), os.path.join(folder, name))
        shutil.copy(judge, folder)
        with open(os.path.join(sensor.CORPUS, TABLE), encoding="utf-8", newline="") as table:
            rows = list(csv.DictReader(table, delimiter="\t"))
        kept = [row for row in rows if not left_out(row)]
        with open(os.path.join(folder, TABLE), "w", encoding="utf-8", newline="") as table:
            writer = csv.DictWriter(table, rows[0].keys(), delimiter="\t", lineterminator="\n")
            writer.writeheader()
            writer.writerows(kept)
        print(f"{len(rows)} rows; left out: {sum(row['client_port'] == '' for row in rows if left_out(row))} without a client port")
        for (name, port), why in CONTRADICTED.items():
            print(f"left out: {name}, client port {port}: {why}")
        sys.stdout.flush()
        sys.exit(subprocess.run([sys.executable, os.path.join(folder, "score.py"),
                                 os.path.abspath(sys.argv[1])]).returncode)


if __name__ == "__main__":
    main()
