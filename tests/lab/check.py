"""Compare the sensor's events with what was done, session by session.

Truth is rows of text, one a session: made from the scenarios for a live run, read back from
scenarios.tsv for the committed captures. An event belongs to a row by client address, server
address, server port and order.
"""
import collections
import csv
import ipaddress
import json

import expect

ANY = "*"  # a field that is not compared
COLUMNS = ("capture", "scenario", "session", "client_ip", "server_ip", "server_port",
           *expect.FIELDS, "must", "may", "planted")


def truth_of(scenario, planted):
    """The rows of one scenario."""
    for index, session in enumerate(scenario.sessions):
        facts = scenario.facts(index)
        client_ip, server_ip = scenario.ends(session)
        yield {
            "capture": scenario.name + ".pcap", "scenario": scenario.name, "session": str(index),
            "client_ip": client_ip, "server_ip": server_ip,
            "server_port": str(scenario.port),
            **{field: str(facts.get(field, ANY)) for field in expect.FIELDS},
            "must": ",".join(sorted(session.must)), "may": ",".join(sorted(session.may)),
            "planted": ",".join(planted.strings()),
        }


def write_truth(path, rows):
    with open(path, "w", encoding="ascii", newline="") as file:
        file.write("# What the lab did, one row a session. * is not compared, | separates "
                   "alternatives, planted words must not\n"
                   "# appear in any output. Of the rules named next, those neither in must nor "
                   "in may must be absent.\n"
                   f"# {','.join(sorted(expect.DECIDED))}\n")
        table = csv.DictWriter(file, COLUMNS, delimiter="\t", lineterminator="\n",
                               quoting=csv.QUOTE_NONE, quotechar=None)
        table.writeheader()
        table.writerows(rows)


def read_truth(path):
    with open(path, encoding="ascii", newline="") as file:
        lines = [line for line in file if not line.startswith("#")]
    return list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))


def from_json(text):
    """The final session events of a file of JSON lines."""
    events = [json.loads(line) for line in text.splitlines() if line.strip()]
    return _final({k: str(v) for k, v in event.items()} for event in events)


def from_stream(entries):
    """The final session events of a Redis stream, as XRANGE answers it."""
    return _final(dict(zip(fields[::2], fields[1::2])) for _, fields in entries)


def _final(events):
    return [e for e in events if e.get("event") == "session" and e.get("final") == "1"]


def compare(rows, events, able):
    """Every difference between truth and events, as lines of text; `able` says what is judged."""
    wanted, seen = collections.defaultdict(list), collections.defaultdict(list)
    for row in rows:
        wanted[_key(row)].append(row)
    for event in events:
        seen[_key(event)].append(event)
    for key, sessions in wanted.items():
        found = sorted(seen.pop(key, []), key=lambda e: (int(e["ts"]), int(e["client_port"])))
        if len(found) != len(sessions):
            yield _mismatch(sessions[0], "sessions", len(sessions), len(found))
        for row, event in zip(sessions, found):
            yield from _compare_session(row, event, able)
    for client, server, port in seen:
        yield f"no scenario: an event from {client} to {server} port {port}"


def _key(row):
    client, server = (str(ipaddress.ip_address(row[end])) for end in ("client_ip", "server_ip"))
    return client, server, row["server_port"]


def _compare_session(row, event, able):
    for field in expect.FIELDS:
        if row[field] == ANY or not able.judges_field(field):
            continue
        if field not in event:
            yield _mismatch(row, field, row[field], "no such field")
        elif _known(event[field]) not in map(_known, row[field].split("|")):
            yield _mismatch(row, field, row[field], event[field])
    found = _rules(event.get("findings", ""))
    must, may = _rules(row["must"]), _rules(row["may"])
    for rule in sorted((must & able.rules) - found):
        yield _mismatch(row, "findings", rule, "absent")
    for rule in sorted((found & expect.DECIDED) - must - may):
        yield _mismatch(row, "findings", f"no {rule}", "present")


def _known(value):
    """Unknown text is empty in JSON and `none` in Redis; both mean the same here."""
    return "none" if value == "" else value


def _rules(text):
    return {rule for rule in text.split(",") if rule not in ("", "none")}


def _mismatch(row, field, wanted, got):
    session = f" session {row['session']}" if row["session"] != "0" else ""
    return f"{row['scenario']}{session}: {field}: wanted {wanted}, got {got}"


def leaks(rows, outputs):
    """Planted words in any output; `outputs` maps a name to bytes."""
    for name, data in outputs.items():
        for row in rows:
            for word in row["planted"].split(","):
                if word.encode() in data:
                    yield f"{row['scenario']}: leak: {name} contains a planted word ({word[:4]}...)"
