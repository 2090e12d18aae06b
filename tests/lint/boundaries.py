#!/usr/bin/env python3
"""Who may include what: foreign libraries in their one file, stages in their one direction."""
import os
import re

import tree

# Foreign headers and the only files that may include them.
OWNERS = {
    r"pcap(/.*)?\.h": {"sensor/capture/source.c", "sensor/capture/source_live.c"},
    r"openssl/.*": {"sensor/audit/certificate.c", "sensor/audit/certificate_leaf.c",
                    "sensor/audit/certificate_name.c", "sensor/audit/certificate_path.c",
                    "sensor/host/digest.c", "sensor/publish/redis_tls.c"},
    r"hiredis/.*": {"sensor/publish/redis_link.c", "sensor/publish/redis_tls.c"},
    r"cyaml/.*": {"sensor/config_file.c"},
    r"ndpi/.*|ndpi_.*": {"sensor/track/classify.c"},
    r"zlib\.h": {"sensor/capture/input.c", "sensor/publish/spool_note.c", "sensor/publish/spool_record.c"},
    r"seccomp\.h|linux/(seccomp|filter|audit|capability)\.h": {"sensor/host/jail.c"},
}
LIBC = re.compile(
    r"(assert|ctype|dirent|errno|fcntl|getopt|grp|inttypes|limits|locale|math|netdb|poll|pthread|pwd|"
    r"sched|signal|stdalign|stdarg|stdatomic|stdbool|stddef|stdint|stdio|stdio_ext|stdlib|string|strings|syslog|"
    r"termios|time|unistd|"
    r"arpa/inet|net/if|netinet/in|sys/\w+|linux/if_packet|linux/ethtool|linux/sockios)\.h")
# No I/O, no clock: the parsers need no more of libc than this (stdlib.h is for bsearch).
PARSER_LIBC = re.compile(r"(assert|limits|stdbool|stddef|stdint|stdlib|string)\.h")

STAGES = ["capture", "track", "audit", "publish"]
IFDEF_ALLOWED = {"sensor/host/jail.c", "sensor/track/classify.c"}


def foreign_problem(name, header):
    for pattern, owners in OWNERS.items():
        if re.fullmatch(pattern, header):
            if name in owners:
                return None
            return f"<{header}> belongs in {', '.join(sorted(owners))} alone"
    if name.startswith("parsers/"):
        return None if PARSER_LIBC.fullmatch(header) else f"<{header}>: parsers are pure"
    return None if LIBC.fullmatch(header) else f"<{header}>: neither libc nor a library with an owner"


def resolve(name, header):
    """The path of a quoted include, relative to the root; None where there is no such file."""
    for base in ("", "parsers", os.path.dirname(name)):
        path = os.path.normpath(os.path.join(base, header))
        if os.path.isfile(os.path.join(tree.ROOT, path)):
            return path
    return None


def stage_of(path):
    parts = path.split("/")
    return parts[1] if len(parts) > 2 and parts[0] == "sensor" else None


def direction_problem(name, header):
    path = resolve(name, header)
    if path is None:
        return f'"{header}": no such file'
    if path.startswith("parsers/"):
        return None
    if name.startswith("parsers/"):
        return f'"{header}": parsers know nothing of the sensor'
    stage, other = stage_of(name), stage_of(path)
    if stage is None or other == "host" or path == "sensor/config.h":
        return None
    if stage == "host":
        return f'"{header}": host/ serves the stages and includes none of them'
    if other in STAGES and STAGES.index(other) <= STAGES.index(stage):
        return None
    return f'"{header}": {stage}/ may include parsers/, host/, config.h and the stages before it'


def problems_of(name):
    text = tree.read(name)
    for match in re.finditer(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', text, re.M):
        check = foreign_problem if match[1] == "<" else direction_problem
        if problem := check(name, match[2]):
            yield f"{name}:{tree.line_of(text, match.start())}: {problem}"
    if name.endswith(".c") and name not in IFDEF_ALLOWED:
        for match in re.finditer(r"^[ \t]*#[ \t]*(if|ifdef|ifndef)\b", text, re.M):
            yield (f"{name}:{tree.line_of(text, match.start())}: conditional compilation belongs in "
                   + " or ".join(sorted(IFDEF_ALLOWED)))


def main():
    names = tree.sources(".c", ".h", ".def")
    tree.report([p for name in names for p in problems_of(name)], f"includes of {len(names)} files")


if __name__ == "__main__":
    main()
