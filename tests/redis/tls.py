#!/usr/bin/env python3
"""tls.py SENSOR - rediss:// against a redis-server that speaks TLS, with certificates made here.

A right certificate is taken, also where the server asks for the sensor's own; a foreign authority, another host's name and no own
certificate are refused, and said. Where the sensor was built without TLS, that must be said with what is needed. Exit status 77:
redis-server or openssl is not installed."""
import os
import shutil
import subprocess
import sys
import tempfile

import servers
from servers import sensor

SITE = "tls"


def openssl(folder, *words):
    subprocess.run(["openssl", *words], cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def make_certificates(folder):
    for authority in ("ca", "other"):
        openssl(folder, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
                f"/CN={authority}", "-keyout", f"{authority}.key", "-out", f"{authority}.pem")
    for name, names in (("here", "DNS:localhost,IP:127.0.0.1"), ("elsewhere", "DNS:elsewhere.example"), ("client", "DNS:sensor")):
        openssl(folder, "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", f"/CN={name}",
                "-keyout", f"{name}.key", "-out", f"{name}.csr")
        with open(os.path.join(folder, "extra"), "w", encoding="ascii") as file:
            file.write(f"subjectAltName={names}\n")
        openssl(folder, "x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
                "-extfile", "extra", "-out", f"{name}.pem")


def read(program, folder, url, keys):
    path = os.path.join(folder, "waxseal.yaml")
    with open(path, "w", encoding="ascii") as file:
        file.write(f"site: {SITE}\noutputs:\n  redis:\n    url: {url}\n    patience_ms: 1500\n")
        for key, name in keys.items():
            file.write(f"    {key}: {os.path.join(folder, name)}\n")
    capture = os.path.join(sensor.CAPTURES, "smtp-starttls-tls12.pcap")
    done = sensor.run(program, "read", "-c", path, capture)
    return done.status, done.err.decode(errors="replace")


# (what, certificate of the server, does it ask for the client's, host, keys, exit status, part of what is said)
OWN = {"certificate": "client.pem", "key": "client.key"}
CASES = (
    ("by name", "here", "no", "localhost", {"ca": "ca.pem"}, 0, "connected"),
    ("by address", "here", "no", "127.0.0.1", {"ca": "ca.pem"}, 0, "connected"),
    ("with an own certificate", "here", "yes", "localhost", {"ca": "ca.pem", **OWN}, 0, "connected"),
    ("without one", "here", "yes", "localhost", {"ca": "ca.pem"}, 2, "connection: "),
    ("a foreign authority", "here", "no", "localhost", {"ca": "other.pem"}, 2, "certificate"),
    ("another host's certificate", "elsewhere", "no", "localhost", {"ca": "ca.pem"}, 2, "mismatch"),
    ("roots that are not there", "here", "no", "localhost", {"ca": "none.pem"}, 2, "outputs.redis.ca"),
)


def problems(program, folder):
    make_certificates(folder)
    status, words = read(program, folder, "rediss://localhost:1", {"ca": "ca.pem"})
    if "needs TLS" in words:
        print("built without TLS, and says what is needed")
        if status != 1 or "hiredis 1.0" not in words:
            yield words
        return
    for what, name, asks, host, keys, expected, said in CASES:
        port = servers.free_port()
        server = servers.Server(folder, what.replace(" ", "-").replace("'", ""), aof=False, options=[
            "--tls-port", str(port), "--tls-ca-cert-file", os.path.join(folder, "ca.pem"), "--tls-cert-file",
            os.path.join(folder, f"{name}.pem"), "--tls-key-file", os.path.join(folder, f"{name}.key"), "--tls-auth-clients", asks]).start()
        try:
            status, words = read(program, folder, f"rediss://{host}:{port}", keys)
            arrived = server.ask("XLEN", f"waxseal:{{{SITE}}}:events")
        finally:
            server.kill()
        good = status == expected and said in words and arrived == (0 if expected else 1)
        print(f"{what}: {'as it must be' if good else 'wrong'}")
        if not good:
            yield f"{what}: exit status {status}, {arrived} events\n{words}"


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    servers.need_redis()
    if not shutil.which("openssl"):
        sensor.skip("openssl is not installed")
    sensor.need(sys.argv[1])
    with tempfile.TemporaryDirectory(prefix="waxseal-tls-") as folder:
        wrong = list(problems(sys.argv[1], folder))
    print("\n".join(wrong))
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
