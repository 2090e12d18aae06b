"""What a report must say, counted from the JSON events by other means than the sensor's."""
import collections


def share(part, whole):
    return f"{100 * part / whole:.1f} %" if whole else "\u2013"


def number(value):
    return f"{value:,}"


def rows(counter, whole, names=None):
    """Rows of a table of number and share, only those that are not 0."""
    names = names or {key: key for key in counter}
    return {shown: [number(counter[key]), share(counter[key], whole)] for key, shown in names.items() if counter[key]}


def description(counter, names):
    whole = sum(counter.values())
    return "; ".join(f"{shown}: {number(counter[key])} ({share(counter[key], whole)})" for key, shown in names.items())


STARTTLS = {"upgraded": "upgraded to TLS", "not_used": "offered, not used", "not_offered": "not offered",
            "refused": "refused", "failed": "failed", "stripped": "stripped on the path", "unknown": "not seen"}
PROTOCOLS = {"smtp": "SMTP", "lmtp": "LMTP", "imap": "IMAP", "pop3": "POP3", "sieve": "ManageSieve",
             "other": "other TLS", "unknown": "unknown"}
HIDDEN = {"hidden_tls13": "certificate hidden by TLS 1.3", "hidden_resumed": "certificate hidden by resumption",
          "gap": "certificate missed by the capture"}


def certificates(events):
    """(days left, names) of each certificate by its last sight."""
    last = {}
    for event in events:
        if event["cert_sha256"] and not event["cert_learnt"]:
            last[event["cert_sha256"]] = event["cert_days_left"]
    ends = ((-1, "ended already"), (7, "0 to 7 days left"), (14, "8 to 14 days left"), (30, "15 to 30 days left"),
            (90, "31 to 90 days left"), (1 << 62, "91 and more"))
    counter = collections.Counter(next(name for end, name in ends if days <= end) for days in last.values())
    return description({name: counter[name] for _, name in ends}, {name: name for _, name in ends})


def expected(events):
    """(tables, charts, tiles): each caption or title with the rows or the description that must be there."""
    def count(field):
        return collections.Counter(event[field] for event in events)
    total = len(events)
    decidable = [e for e in events if e["mode"] != "undecidable" and e["tls_state"] != "unknown"]
    encrypted = sum(e["tls_state"] == "established" for e in events)
    verdicts, hidden = count("verdict"), count("cert_state")
    judged = total - verdicts["undecidable"]
    handshakes = [e for e in events if e["tls_version"]]
    suites = collections.Counter(e["cipher"] for e in events if e["cipher_id"])
    fates = collections.Counter(e["starttls"] for e in events if e["starttls"] != "none")
    on_ports = sum(not implicit(e) for e in events)
    octets = collections.Counter()
    for event in events:
        octets[event["mode"]] += event["bytes_client"] + event["bytes_server"]
    modes = {"implicit": "TLS at once", "starttls": "STARTTLS", "plaintext": "cleartext", "undecidable": "not known"}
    tables = {
        "Sessions by protocol": rows(count("protocol"), total, PROTOCOLS),
        "How STARTTLS ended": rows(fates, on_ports, STARTTLS),
        "Versions that servers chose, of handshakes with a ServerHello":
            rows(collections.Counter(e["tls_version"] for e in handshakes), len(handshakes)),
        "Of all sessions": rows(hidden, total, HIDDEN),
    }
    if len(suites) <= 16:
        tables["Cipher suites"] = rows(suites, sum(suites.values()))
    charts = {
        "Verdict, by sessions": description(verdicts, {v: v for v in ("compliant", "weak", "insecure", "undecidable")}),
        "Way of protection, by sessions": description(count("mode"), modes),
        "Encrypted, by octets of sessions of each kind": description(octets, modes),
    }
    if any(event["cert_sha256"] for event in events):
        charts["Certificates by days left"] = certificates(events)
    tiles = {
        "Encrypted": [share(encrypted, len(decidable)), f"{number(encrypted)} of {number(len(decidable))}; unknown "
                      + share(total - len(decidable), total)],
        "Compliant": [share(verdicts["compliant"], judged), f"{number(verdicts['compliant'])} of {number(judged)}; unknown "
                      + share(verdicts["undecidable"], total)],
        "Credentials in clear": [number(count("auth")["cleartext"]), "sessions"],
    }
    return tables, charts, tiles


def implicit(event):
    return event["server_port"] in (465, 993, 995)


def rule_counts(events):
    return collections.Counter(rule for event in events for rule in event["findings"].split(",") if rule)
