#!/usr/bin/env python3
"""score.py WAXSEAL - the corpus' own program holds the sensor against what others found in its captures.

That program looks sessions up by their pair of ports. Rows of its table that leave a port out (connections of
which one direction was captured) can be met by no sensor, so they are taken out of the table first."""
import csv
import os
import shutil
import subprocess
import sys
import tempfile

import sensor


def copy_table(folder):
    """Write the rows that name both ports. Returns how many do not."""
    with open(os.path.join(sensor.CORPUS, "SESSIONS.tsv"), encoding="utf-8") as table:
        rows = csv.DictReader(table, delimiter="\t")
        kept = list(rows)
    whole = [row for row in kept if row["client_port"] and row["server_port"]]
    with open(os.path.join(folder, "SESSIONS.tsv"), "w", encoding="utf-8", newline="") as table:
        writer = csv.DictWriter(table, rows.fieldnames, delimiter="\t")
        writer.writeheader()
        writer.writerows(whole)
    return len(kept) - len(whole)


def main():
    sensor.need(sys.argv[1])
    judge = os.path.join(sensor.CORPUS, "score.py")
    if not os.path.exists(judge):
        sensor.skip(f"{judge} is not there (set WAXSEAL_CORPUS)")
    with tempfile.TemporaryDirectory() as folder:
        left_out = copy_table(folder)
        shutil.copy(judge, folder)
        for name in os.listdir(sensor.CORPUS):
            path = os.path.join(sensor.CORPUS, name)
            if os.path.isdir(path):
                os.symlink(path, os.path.join(folder, name))
        done = subprocess.run([sys.executable, os.path.join(folder, "score.py"), os.path.abspath(sys.argv[1])])
    print(f"({left_out} rows without a port were left out)")
    sys.exit(done.returncode)


if __name__ == "__main__":
    main()
