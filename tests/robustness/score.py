#!/usr/bin/env python3
"""score.py WAXSEAL - the corpus' own program holds the sensor against what others found in its captures."""
import os
import subprocess
import sys

import sensor


def main():
    judge = os.path.join(sensor.CORPUS, "score.py")
    if not os.path.exists(judge):
        sensor.skip(f"{judge} is not there (set WAXSEAL_CORPUS)")
    sys.exit(subprocess.run([sys.executable, judge, os.path.abspath(sys.argv[1])]).returncode)


if __name__ == "__main__":
    main()
