#!/usr/bin/env python3
"""certificates.py WAXSEAL - what the sensor says of certificates, held against two strangers.

The corpus' SESSIONS.tsv has the facts as python's cryptography reads them; `openssl x509` and `openssl verify` read the DER that
tshark cuts out of the same captures. Neither shares code with the sensor but libcrypto itself, and the first not even that."""
import base64
import calendar
import collections
import concurrent.futures
import csv
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "robustness"))
import sensor  # noqa: E402

# Room of the sensor's texts, as certificate.h declares it: what is longer is cut.
NAME_CAP = 256
NAMES_CAP = 1024
SAN_COLUMN = 300

# RFC 4514 lets a writer choose between a name and its OID; cryptography knows fewer names than OpenSSL.
ATTRIBUTES = {
    "emailAddress": "1.2.840.113549.1.9.1", "serialNumber": "2.5.4.5", "businessCategory": "2.5.4.15",
    "postalCode": "2.5.4.17", "street": "STREET", "jurisdictionL": "1.3.6.1.4.1.311.60.2.1.1",
    "jurisdictionST": "1.3.6.1.4.1.311.60.2.1.2", "jurisdictionC": "1.3.6.1.4.1.311.60.2.1.3"}
CURVES = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}
# What `openssl verify` says, by its error number; 0 is a path. Any other is a path that does not hold.
TRUST = {0: "trusted", 18: "self_signed", 2: "incomplete", 20: "incomplete", 21: "incomplete"}
OPENSSL_NAMES = "RFC2253,utf8,-esc_msb"

Fact = collections.namedtuple("Fact", "kind got want where")


def dotted(name):
    """A distinguished name with the attributes that differ between writers as their OIDs."""
    return re.sub(r"(?:(?<=^)|(?<=(?<!\\)[,+]))(\w+)=", lambda m: ATTRIBUTES.get(m[1], m[1]) + "=", name)


def cut_alike(got, want, cap):
    """The other's text as the sensor would have had to cut it."""
    return want[:len(got)] if len(got.encode()) >= cap - 4 else want


def unix(text, form):
    return calendar.timegm(time.strptime(" ".join(text.split()), form))


def unescaped(names):
    return re.sub(r"\\([0-9A-F]{2})", lambda m: chr(int(m[1], 16)), names.replace("DNS:", ""))


def events_of(program, path):
    """Session events that carry a certificate, by both ports in either order."""
    done = sensor.read_json(program, "--any-tls", path)
    events = collections.defaultdict(list)
    for line in done.out.splitlines():
        event = json.loads(line)
        if event.get("event") == "session" and event.get("cert_sha256"):
            event["cert_sha256"] = event["cert_sha256"].split(":")[-1]
            event["cert_serial"] = int(event["cert_serial"].split(":")[-1].removeprefix("0x"), 16)
            events[frozenset((event["client_port"], event["server_port"]))].append(event)
    return events


def facts_of_row(row, events, where):
    """What a row of SESSIONS.tsv says beside what the sensor said of the same certificate."""
    want = dict(part.split("=", 1) for part in re.split(r"; (?=[A-Za-z0-9]+=)", row["cert"]))
    here = events.get(frozenset((int(row["client_port"]), int(row["server_port"]))), [])
    got = next((e for e in here if e["cert_sha256"] == want["sha256"]), None)
    yield Fact("seen", [e["cert_sha256"] for e in here] if got is None else want["sha256"], want["sha256"], where)
    if got is None:
        return
    for kind in ("subject", "issuer"):
        text = dotted(got["cert_" + kind])
        cut = len(got["cert_" + kind].encode()) >= NAME_CAP - 4
        yield Fact(kind, text, dotted(want[kind])[:len(text) if cut else None], where)
    yield Fact("serial", got["cert_serial"], int(want["serial"], 16), where)
    yield Fact("not_before", got["cert_not_before"], unix(want["notBefore"], "%Y-%m-%dT%H:%M:%SZ"), where)
    yield Fact("not_after", got["cert_not_after"], unix(want["notAfter"], "%Y-%m-%dT%H:%M:%SZ"), where)
    yield Fact("signature", got["cert_signature"], want["sigalg"], where)
    key, _, size = want["key"].partition("-")
    key = f"EC {CURVES.get(size, size)}" if key == "EC" else key
    yield Fact("key", got["cert_key"], key, where)
    if key in ("RSA", "DSA"):
        yield Fact("key_bits", got["cert_key_bits"], int(size), where)
    yield Fact("chain", got["cert_chain_len"], int(want["chain"]), where)
    names, san = unescaped(got["cert_names"]), want["san"].replace("\\0", "\0")
    yield Fact("names", names[:SAN_COLUMN], cut_alike(names, san, NAMES_CAP), where)


def ders_of(path):
    """Chains as tshark finds them, by the SHA-256 of their leaf."""
    done = subprocess.run(["tshark", "-n", "-r", path, "-o", "tcp.reassemble_out_of_order:TRUE", "-Y",
                           "tls.handshake.certificate", "-T", "fields", "-E", "separator=/t", "-e",
                           "tls.handshake.certificate"], capture_output=True, text=True)
    chains = collections.defaultdict(set)
    for line in done.stdout.splitlines():
        chain = [bytes.fromhex(text.replace(":", "")) for text in line.split(",") if text]
        for i, der in enumerate(chain):
            # Certificates of two sessions may share a line: whatever follows a leaf may be its chain.
            chains[hashlib.sha256(der).hexdigest()].add(tuple(chain[i:]))
    return chains


def write_pem(folder, name, ders):
    path = os.path.join(folder, name)
    with open(path, "w", encoding="ascii") as file:
        for der in ders:
            file.write("-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(der).decode() +
                       "-----END CERTIFICATE-----\n")
    return path


def verified(chain):
    """The word for trust that OpenSSL's own program stands behind."""
    with tempfile.TemporaryDirectory() as folder:
        words = ["openssl", "verify", "-no_check_time", "-auth_level", "0"]
        if chain[1:]:
            words += ["-untrusted", write_pem(folder, "others", chain[1:])]
        done = subprocess.run([*words, write_pem(folder, "leaf", chain[:1])], capture_output=True, text=True)
    error = re.search(r"^error (\d+) at", done.stderr, re.M)
    return TRUST.get(0 if done.returncode == 0 else int(error[1]) if error else -1, "untrusted")


def facts_of_der(event, chains, where):
    """What openssl x509 and openssl verify say of a certificate beside what the sensor said."""
    der = next(iter(chains))[0]
    done = subprocess.run(["openssl", "x509", "-inform", "DER", "-noout", "-subject", "-issuer", "-serial", "-dates",
                           "-fingerprint", "-sha256", "-nameopt", OPENSSL_NAMES], input=der, capture_output=True)
    if done.returncode != 0:
        yield Fact("openssl", "parsed", "refused", where)
        return
    said = dict(line.split("=", 1) for line in done.stdout.decode().splitlines())
    text = subprocess.run(["openssl", "x509", "-inform", "DER", "-noout", "-text"], input=der,
                          capture_output=True).stdout.decode(errors="replace")
    for kind in ("subject", "issuer"):
        got = event["cert_" + kind]
        yield Fact("openssl " + kind, got, cut_alike(got, said[kind], NAME_CAP), where)
    yield Fact("openssl serial", event["cert_serial"], int(said["serial"], 16), where)
    for kind, line in (("cert_not_before", "notBefore"), ("cert_not_after", "notAfter")):
        yield Fact("openssl " + line, event[kind], unix(said[line], "%b %d %H:%M:%S %Y GMT"), where)
    yield Fact("openssl sha256", event["cert_sha256"], said["sha256 Fingerprint"].replace(":", "").lower(), where)
    yield Fact("openssl signature", event["cert_signature"], re.search(r"Signature Algorithm: (\S+)", text)[1], where)
    if bits := re.search(r"Public-Key: \((\d+) bit\)", text):
        yield Fact("openssl bits", event["cert_key_bits"], int(bits[1]), where)
    # An expired path is a path; which day it is judged by is not OpenSSL's matter here.
    word = event["cert_trust"].replace("expired", "trusted")
    words = {verified(chain) for chain in chains}
    yield Fact("openssl trust", word, word if word in words else " or ".join(sorted(words)), where)


def facts_of_file(program, name, rows):
    path = os.path.join(sensor.CORPUS, name)
    events = events_of(program, path)
    facts = []
    for row in rows:
        facts.extend(facts_of_row(row, events, f"{name}:{row['client_port']}>{row['server_port']}"))
    if shutil.which("tshark"):
        chains = ders_of(path)
        seen = {event["cert_sha256"]: event for some in events.values() for event in some}
        for digest, event in seen.items():
            if digest in chains:
                facts.extend(facts_of_der(event, chains[digest], f"{name}: {digest[:16]}"))
    return facts


def main():
    program = os.path.abspath(sys.argv[1])
    table = os.path.join(sensor.CORPUS, "SESSIONS.tsv")
    if not os.path.exists(table):
        sensor.skip(f"{table} is not there (set WAXSEAL_CORPUS)")
    if not shutil.which("openssl"):
        sensor.skip("openssl is not installed")
    rows = collections.defaultdict(list)
    with open(table, encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
            if row["cert"].startswith("subject=") and os.path.exists(os.path.join(sensor.CORPUS, row["file"])):
                rows[row["file"]].append(row)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        tasks = [pool.submit(facts_of_file, program, *item) for item in sorted(rows.items())]
        facts = [fact for task in tasks for fact in task.result()]
    wrong = [fact for fact in facts if fact.got != fact.want]
    for fact in wrong:
        print(f"{fact.where}: {fact.kind}: {fact.got!r}, the other says {fact.want!r}")
    print(f"{len(facts)} facts about certificates in {len(rows)} captures, {len(wrong)} differ")
    sys.exit(1 if wrong or not facts else 0)


if __name__ == "__main__":
    main()
