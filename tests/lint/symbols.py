#!/usr/bin/env python3
"""symbols.py LIBRARY - the parsers library asks libc for nothing but work on memory.

No malloc, no I/O, no clock: what the archive leaves undefined must be in the list below. qsort is not:
glibc's allocates."""
import re
import shutil
import subprocess
import sys

import tree

PURE = {
    "memchr", "memcmp", "memcpy", "memmove", "memset", "memrchr", "memmem", "explicit_bzero", "strlen",
    "strnlen", "strcmp", "strncmp", "strchr", "bsearch",
    "__memcpy_chk", "__memmove_chk", "__memset_chk", "__explicit_bzero_chk",
    # Of the compiler and of assert.
    "__assert_fail", "__stack_chk_fail", "_GLOBAL_OFFSET_TABLE_",
}
SANITIZER = re.compile(r"__(asan|ubsan|sanitizer|lsan)_\w+")


def names(library, which):
    done = subprocess.run(["nm", which, "--format=posix", library], capture_output=True, text=True, check=True)
    return {line.split()[0] for line in done.stdout.splitlines() if line and not line.endswith(":")}


def main():
    if not shutil.which("nm"):
        tree.skip("nm (binutils) is not installed")
    library = sys.argv[1]
    wanted = names(library, "--undefined-only") - names(library, "--defined-only")
    bad = sorted(n for n in wanted if n not in PURE and not SANITIZER.fullmatch(n))
    tree.report([f"{n}: not for a parser" for n in bad], f"{len(wanted)} undefined symbols of the parsers")


if __name__ == "__main__":
    main()
