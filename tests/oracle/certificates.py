#!/usr/bin/env python3
"""certificates.py WAXSEAL - what the sensor says of certificates, held against two strangers.

The corpus' SESSIONS.tsv has the facts as python's cryptography reads them; `openssl x509` and `openssl verify` read the DER that
tshark cuts out of the same captures. Neither shares code with the sensor but libcrypto itself, and the first not even that."""
import base64
import calendar
import collections
import concurrent.futures
import csv
import functools
import hashlib
import ipaddress
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "robustness"))
import sensor

# Room of the sensor's texts, as certificate.h declares it: what is longer is cut.
NAME_CAP = 256
NAMES_CAP = 1024
# A capture that begins or ends within the handshake has certificates that a search for bytes finds and that no session shows. So has
# SSLv2, and a chain beyond 16 KiB is not kept.
SEEN_AT_LEAST = 0.95

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


def cut_alike(got, want):
    """The other's text as the sensor had to cut it; an escape or a character at the end may have cost it some octets more."""
    return want[:len(got)] if len(got.encode()) >= NAME_CAP - 4 else want


def unix(text, form):
    return calendar.timegm(time.strptime(" ".join(text.split()), form))


def names_of(text):
    """dNSName and iPAddress entries out of what `openssl x509 -ext subjectAltName` prints."""
    found = []
    for entry in re.findall(r"(?:DNS|IP Address):[^,\n]*", text):
        kind, _, value = entry.partition(":")
        found.append(str(ipaddress.ip_address(value)) if kind != "DNS" else value)
    return found


def events_of(program, path):
    """Session events that carry a certificate, by both ports in either order."""
    # By the system's roots, as `openssl verify` judges.
    done = sensor.run(program, "read", "--quiet", "--any-tls", "--json", "-", path)
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
    if row["client_port"].isdigit() and row["server_port"].isdigit():
        here = events.get(frozenset((int(row["client_port"]), int(row["server_port"]))), [])
    else:
        here = [event for some in events.values() for event in some]
    got = next((e for e in here if e["cert_sha256"] == want["sha256"]), None)
    yield Fact("seen", got is not None, True, where)
    if got is None:
        return
    for kind in ("subject", "issuer"):
        text = dotted(got["cert_" + kind])
        yield Fact(kind, text, cut_alike(text, dotted(want[kind])), where)
    yield Fact("serial", got["cert_serial"], int(want["serial"], 16), where)
    yield Fact("not_before", got["cert_not_before"], unix(want["notBefore"], "%Y-%m-%dT%H:%M:%SZ"), where)
    yield Fact("not_after", got["cert_not_after"], unix(want["notAfter"], "%Y-%m-%dT%H:%M:%SZ"), where)
    yield Fact("chain", got["cert_chain_len"], int(want["chain"]), where)
    if want["sigalg"] != "Unknown OID":
        yield Fact("signature", got["cert_signature"], want["sigalg"], where)
    key, _, size = want["key"].partition("-")
    if key == "EC":
        yield Fact("key", got["cert_key"], f"EC {CURVES.get(size, size)}", where)
    elif key in ("RSA", "DSA"):
        yield Fact("key", (got["cert_key"], got["cert_key_bits"]), (key, int(size)), where)


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


@functools.lru_cache(maxsize=None)
def verified(chain):
    """The word for trust that OpenSSL's own program stands behind."""
    with tempfile.TemporaryDirectory() as folder:
        words = ["openssl", "verify", "-no_check_time", "-auth_level", "0"]
        if chain[1:]:
            words += ["-untrusted", write_pem(folder, "others", chain[1:])]
        done = subprocess.run([*words, write_pem(folder, "leaf", chain[:1])], capture_output=True, text=True)
    error = re.search(r"^error (\d+) at", done.stderr, re.M)
    return TRUST.get(0 if done.returncode == 0 else int(error[1]) if error else -1, "untrusted")


@functools.lru_cache(maxsize=None)
def openssl_x509(der, *words):
    done = subprocess.run(["openssl", "x509", "-inform", "DER", "-noout", *words], input=der, capture_output=True)
    return done.stdout.decode(errors="replace")


def facts_of_der(event, chains, where):
    """What openssl x509 and openssl verify say of a certificate beside what the sensor said."""
    der = next(iter(chains))[0]
    said = dict(line.split("=", 1) for line in openssl_x509(
        der, "-subject", "-issuer", "-serial", "-dates", "-nameopt", OPENSSL_NAMES).splitlines())
    yield Fact("openssl x509", "parsed", "parsed" if said else "refused", where)
    if not said:
        return
    for kind in ("subject", "issuer"):
        yield Fact("openssl " + kind, event["cert_" + kind], cut_alike(event["cert_" + kind], said[kind]), where)
    for kind, line in (("cert_not_before", "notBefore"), ("cert_not_after", "notAfter")):
        yield Fact("openssl " + line, event[kind], unix(said[line], "%b %d %H:%M:%S %Y GMT"), where)
    yield Fact("openssl serial", event["cert_serial"], int(said["serial"], 16), where)
    text = openssl_x509(der, "-text")
    yield Fact("openssl signature", event["cert_signature"], re.search(r"Signature Algorithm: (\S+)", text)[1], where)
    yield from facts_of_names(event, names_of(openssl_x509(der, "-ext", "subjectAltName")), where)
    # Without the key's algorithm nobody can tell who signed, and the sensor does not guess.
    if bits := re.search(r"Public-Key: \((\d+) bit\)", text):
        yield Fact("openssl bits", event["cert_key_bits"], int(bits[1]), where)
        # An expired path is a path; which day it is judged by is not OpenSSL's matter here.
        word = event["cert_trust"].replace("expired", "trusted")
        words = {verified(chain) for chain in chains}
        yield Fact("openssl trust", word, word if word in words else " or ".join(sorted(words)), where)


def facts_of_names(event, want, where):
    listed = event["cert_names"]
    names = listed.replace("DNS:", "").split(",") if listed else []
    if "\\" in listed:  # escaped octets, which openssl prints as they are
        return
    if len(listed) + NAME_CAP > NAMES_CAP:  # the next name may have been the one that did not fit
        want = want[:len(names)]
    yield Fact("openssl names", names, want, where)


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
    missed = [fact for fact in facts if fact.kind == "seen" and not fact.got]
    wrong = [fact for fact in facts if fact.kind != "seen" and fact.got != fact.want]
    for fact in missed:
        print(f"{fact.where}: no session of the sensor shows this certificate")
    for fact in wrong:
        print(f"{fact.where}: {fact.kind}: {fact.got!r}, the other says {fact.want!r}")
    if not shutil.which("tshark"):
        print("tshark is not installed: nothing was compared with openssl")
    sessions = sum(fact.kind == "seen" for fact in facts)
    print(f"{sessions} certificates in {len(rows)} captures, {len(missed)} not seen; "
          f"{len(facts) - sessions} facts about them, {len(wrong)} differ")
    sys.exit(1 if wrong or not sessions or len(missed) > (1 - SEEN_AT_LEAST) * sessions else 0)


if __name__ == "__main__":
    main()
