"""Check captures with tshark, which knows nothing of the sensor: do they show what the scenarios
claim? Versions, suites, alerts and certificates come from its TLS dissector; what crossed the wire
in the clear is looked for in the bytes."""
import collections
import glob
import os
import subprocess
import tempfile

import check
import net

FIELDS = ("tcp.stream", "ip.src", "ip.dst", "ipv6.src", "ipv6.dst", "tcp.dstport", "tcp.flags.syn",
          "tcp.flags.fin", "tcp.flags.reset", "tcp.payload", "tls.handshake.type",
          "tls.handshake.version", "tls.handshake.extensions.supported_version",
          "tls.handshake.ciphersuite", "tls.handshake.extension.type", "tls.handshake.session_id",
          "tls.handshake.extensions_server_name", "tls.alert_message.desc")
PORTS = {"24": "smtp", "2525": "smtp"}
VERSIONS = {0x0301: "TLS1.0", 0x0302: "TLS1.1", 0x0303: "TLS1.2", 0x0304: "TLS1.3"}
ALERTS = {"10": "unexpected_message", "20": "bad_record_mac", "22": "record_overflow",
          "40": "handshake_failure", "42": "bad_certificate", "43": "unsupported_certificate",
          "44": "certificate_revoked", "45": "certificate_expired", "46": "certificate_unknown",
          "47": "illegal_parameter", "48": "unknown_ca", "49": "access_denied",
          "50": "decode_error", "51": "decrypt_error", "70": "protocol_version",
          "71": "insufficient_security", "80": "internal_error", "86": "inappropriate_fallback",
          "90": "user_canceled", "109": "missing_extension", "110": "unsupported_extension",
          "112": "unrecognized_name", "120": "no_application_protocol"}
SERVER_HELLO, CERTIFICATE, PRE_SHARED_KEY = "2", "11", "41"
OFFERS = {"smtp": (b"250-STARTTLS\r\n", b"250 STARTTLS\r\n"), "lmtp": (b"250-STARTTLS\r\n",
          b"250 STARTTLS\r\n"), "imap": (b" STARTTLS ",), "pop3": (b"\nSTLS\r\n",),
          "sieve": (b'"STARTTLS"\r\n',)}
COMMANDS = {"smtp": b"STARTTLS\r\n", "lmtp": b"STARTTLS\r\n", "imap": b" STARTTLS\r\n",
            "pop3": b"STLS\r\n", "sieve": b"STARTTLS\r\n"}


class Stream:
    """What tshark says of one TCP connection. Its first packet is the client's SYN."""

    def __init__(self, first):
        self.client = _source(first)
        self.key = (self.client, first["ip.dst"] or first["ipv6.dst"], first["tcp.dstport"])
        self.hellos, self.alerts, self.certificates = [], [], 0
        self.sent = {"client": b"", "server": b""}
        self.flags, self.name, self.pre_shared_key = set(), "", False
        self.session_id = {"client": "", "server": ""}

    def add(self, packet):
        side = "client" if _source(packet) == self.client else "server"
        self.sent[side] += bytes.fromhex(packet["tcp.payload"].replace(":", ""))
        self.flags |= {flag for flag in ("syn", "fin", "reset")
                       if packet["tcp.flags." + flag] in ("1", "True")}
        self.name = self.name or packet["tls.handshake.extensions_server_name"]
        types = packet["tls.handshake.type"].split(",")
        self.session_id[side] = self.session_id[side] or packet["tls.handshake.session_id"]
        if SERVER_HELLO in types and side == "server":
            version = packet["tls.handshake.extensions.supported_version"] or \
                packet["tls.handshake.version"]
            self.hellos.append((VERSIONS.get(int(version.split(",")[0], 0)),
                                int(packet["tls.handshake.ciphersuite"].split(",")[0], 0)))
            extensions = packet["tls.handshake.extension.type"].split(",")
            self.pre_shared_key = PRE_SHARED_KEY in extensions
        if CERTIFICATE in types and side == "server":
            self.certificates += 1
        for alert in filter(None, packet["tls.alert_message.desc"].split(",")):
            self.alerts.append((ALERTS.get(alert, alert), side))

    def resumed(self, version):
        """Up to TLS 1.2 the server repeats the client's session ID, for tickets too."""
        if version == "TLS1.3":
            return self.pre_shared_key
        return self.session_id["client"] == self.session_id["server"] != ""


def compare(directory, rows):
    """Every difference between the rows and what tshark reads in the captures."""
    suites = _suites()
    streams, wanted = collections.defaultdict(list), collections.defaultdict(list)
    for stream in _read(directory).values():
        streams[stream.key].append(stream)
    for row in rows:
        wanted[row["client_ip"], row["server_ip"], row["server_port"]].append(row)
    for key in {**wanted, **streams}:
        if len(streams[key]) != len(wanted[key]):
            yield f"{key}: {len(wanted[key])} connections wanted, {len(streams[key])} captured"
        for row, stream in zip(wanted[key], streams[key]):
            yield from _handshake(row, stream, suites)
            yield from _clear_text(row, stream)


def _handshake(row, stream, suites):
    if not ({"syn"} <= stream.flags and stream.flags & {"fin", "reset"}):
        yield _complaint(row, "SYN and FIN", "both", sorted(stream.flags))
    version, suite = stream.hellos[-1] if stream.hellos else ("", None)
    yield from _field(row, "tls_version", version)
    yield from _field(row, "cipher", suites.get(suite, hex(suite)) if suite is not None else "")
    yield from _field(row, "hello_retry", str(int(len(stream.hellos) == 2)))
    yield from _field(row, "sni", stream.name)
    if version:
        yield from _field(row, "resumed", str(int(stream.resumed(version))))
    alert, side = stream.alerts[0] if stream.alerts else ("", "")
    if row["tls_state"] != "established":
        yield from _field(row, "alert", alert)
        yield from _field(row, "alert_from", side)
    if (row["cert_state"] == "visible") != bool(stream.certificates) and \
            row["cert_state"] in ("visible", "hidden_tls13", "hidden_resumed", "none"):
        yield _complaint(row, "certificate", row["cert_state"], stream.certificates)


def _clear_text(row, stream):
    said = stream.sent["client"]
    everything = said + stream.sent["server"]
    _, asked, after = said.partition(COMMANDS[row["protocol"]])
    if row["starttls"] in ("upgraded", "refused", "failed") and not asked:
        yield _complaint(row, "STARTTLS command", "sent", "not seen")
    offered = any(word in stream.sent["server"] for word in OFFERS[row["protocol"]])
    if row["starttls"] == ("not_offered" if offered else "not_used"):
        yield _complaint(row, "starttls", row["starttls"], "offered" if offered else "not offered")
    user, password, text, *encoded = (word.encode() for word in row["planted"].split(","))
    exposed = any(word in everything for word in (password, *encoded))
    if exposed != (row["auth"] == "cleartext"):
        yield _complaint(row, "auth", row["auth"], "password seen" if exposed else "no password")
    if row["messages_cleartext"] not in ("0", check.ANY) and b"From: <sender" not in said:
        yield _complaint(row, "message", "in the clear", "not seen")
    hidden = after if asked else said
    if row["tls_state"] == "established" and (text in everything or user in hidden):
        yield _complaint(row, "message or user name", "hidden", "in the clear")


def _field(row, name, got):
    if row[name] != check.ANY and (got or "") not in row[name].split("|"):
        yield _complaint(row, name, row[name], got)


def _complaint(row, what, wanted, got):
    return f"{row['scenario']} session {row['session']}: {what}: wanted {wanted}, tshark: {got}"


def _suites():
    """Code point -> IANA name, as OpenSSL knows them."""
    listed = subprocess.run(["openssl", "ciphers", "-V", "-stdname", "ALL:eNULL:@SECLEVEL=0"],
                            capture_output=True, text=True, check=True)
    table = {}
    for line in listed.stdout.splitlines():
        code, _, name, *_ = line.split()
        high, low = (int(part, 16) for part in code.split(","))
        table[high << 8 | low] = name
    return table


def _read(directory):
    """Stream number -> Stream, over all captures at once: tshark takes its time to start."""
    with tempfile.NamedTemporaryFile(suffix=".pcap") as merged:
        subprocess.run([net.program("mergecap"), "-F", "pcap", "-w", merged.name,
                        *sorted(glob.glob(os.path.join(directory, "*.pcap")))], check=True)
        argv = [net.program("tshark"), "-n", "-r", merged.name, "-T", "fields"]
        for field in FIELDS:
            argv += ["-e", field]
        for port, protocol in PORTS.items():
            argv += ["-d", f"tcp.port=={port},{protocol}"]
        text = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    streams = {}
    for line in text.splitlines():
        packet = dict(zip(FIELDS, line.split("\t")))
        streams.setdefault(packet["tcp.stream"], Stream(packet)).add(packet)
    return streams


def _source(packet):
    return packet["ip.src"] or packet["ipv6.src"]
