#!/usr/bin/env python3
"""Rewrite the .def files beside this program from reference tables: refresh.py FOLDER

FOLDER holds cipher_suites.tsv, groups.tsv, signature_schemes.tsv, dh_primes.tsv (properties, keyed by `hex`) and iana/*.tsv
(`value`, `name`). A person reads the difference and commits it; the build generates nothing. versions.def is six
rows of history that no registry lists, and is kept by hand."""
import csv
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent

# Key exchanges and authentications that decide what a passive reader can see; the exotic rest is OTHER.
KX = {"NULL": "NULL", "scsv": "NULL", "any": "ANY", "RSA": "RSA", "RSA_EXPORT": "RSA_EXPORT", "DH": "DH",
      "DH_EXPORT": "DH", "DHE": "DHE", "DH_anon": "DH_ANON", "DHE_EXPORT": "DHE_EXPORT",
      "DH_anon_EXPORT": "DH_ANON_EXPORT", "ECDH": "ECDH", "ECDHE": "ECDHE", "ECDH_anon": "ECDH_ANON", "PSK": "PSK",
      "DHE_PSK": "DHE_PSK", "ECDHE_PSK": "ECDHE_PSK", "RSA_PSK": "RSA_PSK", "SRP": "SRP", "KRB5": "KRB5",
      "KRB5_EXPORT": "KRB5", "GOST_VKO": "GOST"}
AUTH = {"anon": "NONE", "-": "NONE", "any": "ANY", "RSA": "RSA", "RSA+PSK": "RSA", "DSS": "DSS", "ECDSA": "ECDSA",
        "PSK": "PSK"}
FLAGS = (("NULL", lambda r: "null" in r["flags"]),
         ("ANONYMOUS", lambda r: "anon" in r["flags"]),
         ("EXPORT", lambda r: "export" in r["flags"]),
         ("RC4", lambda r: r["cipher"] == "RC4"),
         ("DES", lambda r: r["cipher"] in ("DES", "DES40")),
         ("RC2", lambda r: r["cipher"] == "RC2"),
         ("IDEA", lambda r: r["cipher"] == "IDEA"),
         ("3DES", lambda r: r["cipher"] == "3DES"),
         ("BLOCK64", lambda r: "block64" in r["flags"]),
         ("CBC", lambda r: r["mode"] == "CBC"),
         ("AEAD", lambda r: r["aead"] == "y"),
         ("FORWARD_SECRET", lambda r: r["fs"] == "y"),
         ("SCSV", lambda r: r["kx"] == "scsv"),
         ("MAC_SHA1", lambda r: r["mac"] == "SHA1"),
         ("MAC_MD5", lambda r: r["mac"] == "MD5"),
         ("TAG64", lambda r: "tag64" in r["flags"]),
         ("UNREGISTERED", lambda r: r["registry"] == "unregistered"))
# A GREASE value is a signal like the SCSVs: it stands in offers and is never chosen.
GREASE = {"hex": "", "iana_name": "GREASE", "registry": "iana", "kx": "scsv", "auth": "-", "cipher": "-", "mode": "-",
          "mac": "-", "aead": "n", "fs": "n", "strength_bits": "0", "flags": ["scsv"]}


def rows(path):
    with open(path, newline="", encoding="utf-8") as table:
        yield from csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE)


def write(name, source, lines):
    head = "".join(f"/* {line} */\n" for line in source)
    (HERE / name).write_text(head + "".join(line + "\n" for line in lines), encoding="utf-8")


def twin(name, by_name):
    """Properties for a value that only has a name: the suite that it repeats, but for the MAC or the number."""
    if name.endswith("_RMD"):
        return dict(by_name[name[:-3] + "SHA"], mac="RMD160")
    return dict(by_name[name.removesuffix("_OLD")])


def suites(folder):
    known = {}
    for row in rows(folder / "cipher_suites.tsv"):
        row["flags"] = row["flags"].split(",")
        known[int(row["hex"], 16)] = row
    by_name = {row["iana_name"]: row for row in known.values()}
    for row in rows(folder / "iana" / "cipher_suites.tsv"):
        code = int(row["value"], 16)
        if row["name"] == "GREASE":
            known[code] = GREASE
        elif code not in known:
            known[code] = dict(twin(row["name"], by_name), iana_name=row["name"], registry="unregistered")
    for code, row in sorted(known.items()):
        flags = " | ".join("SUITE_" + flag for flag, test in FLAGS if test(row)) or "0"
        kx, auth = KX.get(row["kx"], "OTHER"), AUTH.get(row["auth"], "OTHER")
        yield f'SUITE(0x{code:04x}, "{row["iana_name"]}", KX_{kx}, AUTH_{auth}, {row["strength_bits"]}, {flags})'


def field_bits(name, kind):
    """Size of the field or the prime; the classical half of a hybrid; 0 for a pure KEM and for no curve at all."""
    if kind in ("kem", "grease", "ec-explicit"):
        return 0
    if re.match(r"x25519|CECPQ2", name, re.I):
        return 255
    if re.match(r"curveSM2", name):
        return 256
    return int(re.search(r"\d+", name).group())


def groups(folder):
    for row in sorted(rows(folder / "groups.tsv"), key=lambda r: int(r["hex"], 16)):
        code, pq = int(row["hex"], 16), "true" if row["pq"] == "y" else "false"
        bits = field_bits(row["name"], row["kind"])
        yield f'GROUP(0x{code:04x}, "{row["name"]}", {row["classical_bits"]}, {bits}, {pq})'


def signatures(folder):
    known = {int(r["hex"], 16): (r["name"], r["hash"]) for r in rows(folder / "signature_schemes.tsv")}
    for row in rows(folder / "iana" / "signature_schemes.tsv"):
        known.setdefault(int(row["value"], 16), (row["name"].removesuffix(" (TLS 1.2 pair)"), ""))
    for code, (name, digest) in sorted(known.items()):
        weak = "true" if digest in ("MD5", "SHA1") else "false"
        yield f'SIGNATURE(0x{code:04x}, "{name}", {weak})'


def alerts(folder):
    """The registry page writes them as RFC 8446 does; the table as a person would: 'Unknown CA'."""
    for row in sorted(rows(folder / "iana" / "alerts.tsv"), key=lambda r: int(r["value"], 16)):
        yield f'ALERT({int(row["value"], 16)}, "{row["name"].lower().replace(" ", "_")}")'


def ssl2_ciphers(folder):
    for row in sorted(rows(folder / "iana" / "sslv2_cipher_kinds.tsv"), key=lambda r: int(r["value"], 16)):
        yield f'SSL2_CIPHER({row["value"]}, "{row["name"]}")'


def dh_primes(folder):
    """One row a prime, by the first 128 bits of its SHA-256; the bits are put behind names that lack them."""
    for row in sorted(rows(folder / "dh_primes.tsv"), key=lambda r: r["sha256_of_prime"]):
        digest, name = row["sha256_of_prime"], re.sub(r"/?(\d+)-bit .*", "", row["name"])
        name = name if re.search(r"Group|ffdhe", name) else f"{name} {row['bits']}"
        yield f'DH_PRIME(0x{digest[:16]}, 0x{digest[16:32]}, {row["bits"]}, "{name}")'


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__.splitlines()[0])
    folder = pathlib.Path(sys.argv[1])
    write("suites.def",
          ("SUITE(code, name, key exchange, authentication, strength in bits, flags)   sorted by code",
           "IANA TLS Cipher Suites; RFC 8701 (GREASE); unregistered values that old or national stacks send, where",
           "a name that ends in _OLD is a pre-standard number of a name that IANA later gave another number.",
           "Written by refresh.py."), suites(folder))
    write("groups.def",
          ("GROUP(code, name, strength in bits, field or prime in bits, post-quantum)   sorted by code",
           "IANA TLS Supported Groups; RFC 8422, RFC 7919, RFC 10024; RFC 8701 (GREASE). Written by refresh.py."),
          groups(folder))
    write("signatures.def",
          ("SIGNATURE(code, name, weak by RFC 9155)   sorted by code",
           "IANA TLS SignatureScheme; RFC 8446 s4.2.3, RFC 5246 s7.4.1.4.1 (hash and signature pairs); RFC 8701 (GREASE).",
           "Written by refresh.py."), signatures(folder))
    write("alerts.def",
          ("ALERT(description, name)   sorted by description",
           "IANA TLS Alerts; RFC 8446 s6. Written by refresh.py."), alerts(folder))
    write("dh_primes.def",
          ("DH_PRIME(first, second 64 bits of the prime's SHA-256, size in bits, name)   sorted by hash",
           "RFC 2409, RFC 3526, RFC 5114, RFC 7919, and the defaults of software as testssl.sh and nmap list them.",
           "Written by refresh.py."), dh_primes(folder))
    write("ssl2_ciphers.def",
          ("SSL2_CIPHER(kind, name)   sorted by kind",
           "The SSL Protocol (1995), appendix C.4. Written by refresh.py."), ssl2_ciphers(folder))


if __name__ == "__main__":
    main()
