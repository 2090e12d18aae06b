#!/usr/bin/env python3
"""layout.py PROGRAM - every key of deploy/redis-layout.md after `waxseal read` of tests/captures, against a count of our own.

The count is made from the JSON events, in other words than the sensor's: rollups of every resolution and scope, the 24 hours, lists,
records, views, gauges. Then two sensors of one site, and an old capture after a newer one. Exit status 77: redis-server is not
installed."""
import collections
import json
import os
import subprocess
import sys
import tempfile

from store import ROOT, Store

CAPTURES = os.path.join(ROOT, "tests", "captures")
MINUTE, HOUR, DAY = 60000, 3600000, 86400000
SEVERITIES = ["none", "info", "low", "medium", "high", "critical"]
VERSIONS = ["SSL2", "SSL3", "TLS1.0", "TLS1.1", "TLS1.2", "TLS1.3"]
KEY = "waxseal:{lab}:"


def expect(got, wanted, what):
    if got != wanted:
        if isinstance(got, dict) and isinstance(wanted, dict):
            keys = [key for key in sorted(set(got) | set(wanted), key=str) if got.get(key) != wanted.get(key)]
            got, wanted = {k: got.get(k) for k in keys[:5]}, {k: wanted.get(k) for k in keys[:5]}
        sys.exit(f"{what}: expected {wanted!r}, found {got!r}")


def read(program, *arguments):
    done = subprocess.run([program, "read", "--quiet", "--site", "lab", "--trust", os.path.join(CAPTURES, "ca.pem"), *arguments],
                          capture_output=True, text=True, check=False)
    # On a busy machine an answer about other sensors may take too long: nothing is lost by it.
    said = [line for line in done.stderr.splitlines() if "what other sensors see" not in line]
    if done.returncode != 0 or said:
        sys.exit(f"{arguments}: status {done.returncode}: {done.stderr}")


def events_of(program, *arguments):
    with tempfile.NamedTemporaryFile("r", suffix=".json") as file:
        read(program, "--json", file.name, *arguments)
        return [json.loads(line) for line in file]


# ---- our own count of a session

def counts_of(e):
    """The counters that this event adds to, from its fields alone. What is not in the event is left out (funnel, some bytes)."""
    findings = e["findings"].split(",") if e["findings"] else []
    size = e["bytes_client"] + e["bytes_server"]
    c = collections.Counter({
        "sessions": 1, "encrypted": e["tls_state"] == "established",
        "decidable": e["mode"] != "undecidable" and e["tls_state"] != "unknown",
        "mode_" + e["mode"]: 1, "bytes": size, "bytes_" + e["mode"]: size, "messages_cleartext": e["messages_cleartext"],
        "starttls_" + e["starttls"]: 1, "tls_" + e["tls_state"]: 1,
        "version_" + (e["tls_version"] or "none").lower().replace(".", ""): 1, "suite_known": e["cipher"] != "",
        "suite_unknown": e["tls_state"] == "established" and e["cipher"] == "", "forward_secrecy": e["forward_secrecy"] == 1,
        "aead": e["aead"] == 1, "group_known": e["group"] != "", "group_pq": e["group_pq"] == 1, "resumed": e["resumed"],
        "verdict_" + e["verdict"]: 1, "protocol_" + e["protocol"]: 1, "direction_" + (e["direction"] or "unknown"): 1,
        "severity_" + e["severity"]: 1, "undecidable": e["undecidable"] != "", "auth_" + e["auth"]: 1, "cert_" + e["cert_state"]: 1,
        "one_sided": e["visibility"] != "both", "midstream": e["midstream"], "gap_sessions": e["gap_bytes"] > 0})
    for part in (e["direction"], e["protocol"]):
        if part not in ("", "transit", "other", "unknown"):
            c["decidable_" + part] += c["decidable"]
            c["encrypted_" + part] += c["encrypted"]
    for rule, counter in (("certificate_expired", "cert_expired"), ("certificate_self_signed", "cert_self_signed"),
                          ("certificate_name_mismatch", "cert_name_mismatch"), ("plaintext_fallback", "fall_plaintext"),
                          ("version_fallback", "fall_version"), ("starttls_withheld", "fall_withheld"), ("fallback_scsv", "fall_scsv")):
        c[counter] += rule in findings
    if e["tlsrpt"]:
        c["tlsrpt_" + e["tlsrpt"].replace("-", "_")] += 1
    elif e["role"] == "relay" and e["tls_state"] == "established":
        c["tlsrpt_success"] += 1
    return c


# Counters of rollup.def that counts_of does not know; checked otherwise, below.
OTHER_WAYS = ("funnel_", "findings_", "alert_", "client_until_tls11", "cert_expires_soon", "cert_untrusted", "cert_incomplete_chain",
              "cert_weak_", "fall_")


def sum_up(events, width):
    buckets = collections.defaultdict(collections.Counter)
    for e in events:
        buckets[e["ts_end"] - e["ts_end"] % width].update(counts_of(e))
    return buckets


def check_rollups(store, events, scope, names):
    for res, width in (("1m", MINUTE), ("1h", HOUR), ("1d", DAY)):
        stream = store.stream(f"{KEY}roll:{res}:{scope}")
        wanted = sum_up(events, width)
        expect([entry[0] for entry in stream], [f"{start}-0" for start in sorted(wanted)], f"ids of roll:{res}:{scope}")
        for (entry_id, row), start in zip(stream, sorted(wanted)):
            expect(list(row), names, f"fields of roll:{res}:{scope} {entry_id}")
            known = {name: int(row[name]) for name in names if not name.startswith(OTHER_WAYS)}
            expect(known, {name: int(wanted[start][name]) for name in known}, f"roll:{res}:{scope} {entry_id}")
            for name in wanted[start]:
                expect(int(row[name]), int(wanted[start][name]), f"roll:{res}:{scope} {entry_id} {name}")
            check_sense(row)


def check_sense(row):
    """What holds between the counters that the events do not show."""
    n = {name: int(value) for name, value in row.items()}
    funnel = [n["funnel_" + s] for s in ("sessions", "offered", "asked", "accepted")]
    assert n["funnel_sessions"] <= n["sessions"] and funnel[3] <= funnel[2] <= funnel[0], row
    assert n["funnel_established"] <= n["funnel_server_hello"] <= n["funnel_client_hello"] <= n["funnel_sessions"], row
    for word in SEVERITIES[1:]:
        assert n["findings_" + word] >= n["severity_" + word], row


def window_of(events):
    newest = max(e["ts_end"] - e["ts_end"] % HOUR for e in events)
    return [e for e in events if e["ts_end"] >= newest - 23 * HOUR]


def check_now(store, events, names):
    total = collections.Counter()
    for e in window_of(events):
        total.update(counts_of(e))
    now = store.hash(KEY + "now")
    for name in names:
        if not name.startswith(OTHER_WAYS):
            expect(int(now[name + "_24h"]), int(total[name]), f"now {name}_24h")

    def pct(part, of):
        return f"{100 * part / of:.2f}" if of else "-1"
    c = total
    judged = c["verdict_compliant"] + c["verdict_weak"] + c["verdict_insecure"]
    versions = sum(c["version_" + v.lower().replace(".", "")] for v in VERSIONS)
    for name, part, of in (
            ("encrypted_pct_24h", c["encrypted"], c["decidable"]), ("compliant_pct_24h", c["verdict_compliant"], judged),
            ("encrypted_unknown_pct_24h", c["sessions"] - c["decidable"], c["sessions"]),
            ("compliant_unknown_pct_24h", c["verdict_undecidable"], c["sessions"]),
            ("forward_secrecy_pct_24h", c["forward_secrecy"], c["suite_known"]), ("aead_pct_24h", c["aead"], c["suite_known"]),
            ("tls13_pct_24h", c["version_tls13"], versions), ("pq_pct_24h", c["group_pq"], c["group_known"]),
            ("suite_unknown_pct_24h", c["suite_unknown"], c["encrypted"]),
            ("cert_visible_pct_24h", c["cert_visible"], c["sessions"] - c["cert_none"]),
            ("encrypted_bytes_pct_24h", c["bytes_implicit"] + c["bytes_starttls"], c["bytes"] - c["bytes_undecidable"])):
        expect(now[name], pct(part, of), f"now {name}")
    return now


def check_hists(store, events):
    window = window_of(events)
    for field in ("mode", "starttls", "verdict", "severity", "protocol", "auth", "cert_state", "tls_version"):
        name = {"cert_state": "cert", "tls_version": "tls"}.get(field, field)
        counted = collections.Counter(e[field] or "none" for e in window)
        hist = {category: int(n) for category, n in store.hash(f"{KEY}hist:{name}").items()}
        expect({category: n for category, n in hist.items() if n}, dict(counted), f"hist:{name}")
    alerts = collections.Counter(e["alert"] for e in window if e["alert"])
    hist = {category: int(n) for category, n in store.hash(KEY + "hist:alert").items()}
    for name in ("unknown_ca", "handshake_failure", "protocol_version"):
        expect(hist[name], alerts[name], f"hist:alert {name}")
    expect(sum(hist.values()), sum(alerts.values()), "hist:alert")


def server_of(e):
    return f"{e['server_ip']}:{e['server_port']}"


def check_tops(store, events):
    bad = ("medium", "high", "critical")
    lists = collections.defaultdict(collections.Counter)
    for e in window_of(events):
        for name, field in (("cipher", "cipher"), ("group", "group"), ("issuer", "cert_issuer")):
            lists[name].update([e[field]] if e[field] else [])
        lists["rule"].update(e["findings"].split(",") if e["findings"] else [])
        lists["mechanism"].update([e["auth_mechanism"]] if e["auth"] == "cleartext" and e["auth_mechanism"] else [])
        if e["severity"] in bad:
            lists["server"].update([server_of(e)])
            lists["client"].update([e["client_ip"]])
    for name, counted in lists.items():
        best = sorted(counted.items(), key=lambda item: (item[1], item[0].encode()), reverse=True)[:100]
        expect(store.zset(f"{KEY}top:{name}"), {member: float(n) for member, n in best}, f"top:{name}")


def check_servers(store, events, now):
    speaking = collections.defaultdict(list)
    for e in events:
        speaking[server_of(e)].append(e)
    rows = {row["server"]: row for _, row in store.stream(KEY + "view:servers")}
    expect(int(now["servers_total"]), len(rows), "servers_total")
    for server, row in rows.items():
        record = store.hash(KEY + "srv:" + server)
        assert 0 < store.ask("TTL", KEY + "srv:" + server) <= 30 * 86400
        mine = [e for e in speaking[server] if e["tls_state"] == "established" or e["starttls"] != "none" or e["cert_state"] == "visible"
                or e["mode"] == "plaintext"]
        last = max(int(record["last_ms"]), 0)
        assert len(mine) >= int(row["sessions"]) >= 1, (server, row, len(mine))
        versions = [VERSIONS.index(e["tls_version"]) for e in mine if e["tls_state"] == "established" and e["tls_version"]]
        expect(row["best_version"], VERSIONS[max(versions)] if versions else "none", f"best version of {server}")
        expect(row["worst_version"], VERSIONS[min(versions)] if versions else "none", f"worst version of {server}")
        if len(mine) == int(row["sessions"]):
            expect(last, max(e["ts_end"] for e in mine), f"last seen of {server}")
            found = {rule for e in mine for rule in e["findings"].split(",") if rule}
            expect(set(row["findings"].split(",")) - {"none"}, found, f"findings of {server}")
            worst = max(SEVERITIES.index(e["severity"]) for e in mine)
            expect((row["severity"], row["sev"]), (SEVERITIES[worst], str(worst)), f"severity of {server}")
            assert (row["advice"] == "none") == (row["findings"] == "none"), row
    established = {server_of(e) for e in events if e["tls_state"] == "established"}
    expect(established - set(rows), set(), "servers that are missing")


def check_clients(store, events, now):
    sessions = collections.Counter(e["client_ip"] for e in events if e["bytes_client"] > 0)
    rows = {row["client"]: row for _, row in store.stream(KEY + "view:clients")}
    expect({client: int(row["sessions"]) for client, row in rows.items()}, dict(sessions), "view:clients")
    expect(int(now["clients_total"]), len(sessions), "clients_total")
    for client, row in rows.items():
        mine = [e for e in events if e["client_ip"] == client and e["bytes_client"] > 0]
        expect(int(row["plaintext"]), sum(e["mode"] == "plaintext" for e in mine), f"plaintext of {client}")
        expect(int(row["auth_cleartext"]), sum(e["auth"] == "cleartext" for e in mine), f"auth_cleartext of {client}")
        offers = [VERSIONS.index(e["client_max_version"]) for e in mine if e["client_max_version"]]
        expect(row["best_version"], VERSIONS[max(offers)] if offers else "none", f"best version of {client}")


def check_certificates(store, events, now):
    shown = collections.defaultdict(list)
    for e in events:
        if e["cert_state"] == "visible" and not e["cert_learnt"]:
            shown[e["cert_sha256"]].append(e)
    rows = {row["cert"]: row for _, row in store.stream(KEY + "view:certs")}
    expect(set(rows), set(shown), "view:certs")
    expect(int(now["certs_total"]), len(shown), "certs_total")
    expired = 0
    newest = max(e["ts_end"] for e in events)
    for name, mine in shown.items():
        row, e = rows[name], mine[0]
        days = (e["cert_not_after"] * 1000 - newest) // DAY
        expired += days < 0
        wanted = {"subject": e["cert_subject"] or "none", "issuer": e["cert_issuer"], "names": e["cert_names"] or "none", "key": e["cert_key"],
                  "key_bits": str(e["cert_key_bits"]), "signature": e["cert_signature"], "sessions": str(len(mine)), "cert_days": str(days),
                  "not_after_ms": str(e["cert_not_after"] * 1000), "validity_days": str(e["cert_validity_days"]),
                  "servers": str(min(100, len({server_of(e) for e in mine}))), "first_seen_ms": str(min(e["ts"] for e in mine)),
                  "last_seen_ms": str(max(e["ts_end"] for e in mine))}
        expect({field: row[field] for field in wanted}, wanted, f"view:certs {name}")
    expect(int(now["certs_expired"]), expired, "certs_expired")
    expect(sum(int(n) for n in store.hash(KEY + "hist:certdays").values()), len(shown), "hist:certdays")


def check_events(store, events):
    stored = store.stream(KEY + "events")
    expect(len(stored), len(events), "entries of events")
    ids = [tuple(map(int, entry[0].split("-"))) for entry in stored]
    expect(ids, sorted(ids), "ids of events")
    by_id = {e["id"]: e for e in events}
    for _, row in stored:
        e = by_id[row["id"]]
        expect(list(row), list(e), "fields of an event")
        for field, value in e.items():
            if isinstance(value, int):
                expect(row[field], str(value), f"{row['id']} {field}")
            elif row[field].isascii() and "\\" not in row[field]:
                expect(row[field].strip('"') if row[field][:1] == '"' else row[field], value or "none", f"{row['id']} {field}")


def check_alerts(store, events, now):
    """One for each rule and server that has a finding of medium or above."""
    raised = collections.Counter()
    for _, row in store.stream(KEY + "alerts"):
        expect(row["state"], "raised", "a capture of minutes clears nothing")
        raised[(row["rule"], row["server_ip"], row["server_port"])] += 1
    assert set(raised.values()) == {1}, raised
    found = {(rule, e["server_ip"], str(e["server_port"])) for e in events for rule in e["findings"].split(",") if rule}
    expect(set(raised) - found, set(), "alerts without a finding")
    expect(int(now["alerts_open"]), len(raised), "alerts_open")
    expect(sum(int(now["open_" + word]) for word in SEVERITIES[1:]), len(raised), "open alerts by severity")
    expect(int(now["alerts_raised_24h"]), len(raised), "alerts_raised_24h")


DOCUMENTED = ("events alerts now sensors meta marks open hours advice due hb: gauges: sensor: runs: srv: cert: cli: idx: hour: hist: top: win: view: "
              "roll:1m: roll:1h: roll:1d: roll:health:1m: open:").split()


def check_keys(store):
    for key in store.ask("KEYS", "*"):
        assert key == "waxseal:sites" or key.startswith(KEY), key
        rest = key.removeprefix(KEY)
        assert key == "waxseal:sites" or any(rest == d or d.endswith(":") and rest.startswith(d) for d in DOCUMENTED), f"{key} is not documented"
    expect(store.ask("ZCARD", KEY + "open"), 0, "open buckets after the end")
    expect(store.hash(KEY + "meta")["layout"], "2", "layout")


def check_all(store, events, scopes, names):
    check_keys(store)
    for scope, mine in scopes.items():
        check_rollups(store, mine, scope, names)
    now = check_now(store, events, names)
    check_hists(store, events)
    check_tops(store, events)
    return now


def counters():
    import re
    with open(os.path.join(ROOT, "sensor", "audit", "rollup.def"), encoding="utf-8") as file:
        return re.findall(r"^COUNT\((\w+),", file.read(), re.M)


def test_everything(program, names):
    events = events_of(program, "--sensor", "probe", CAPTURES)
    with Store() as store:
        read(program, "--redis", store.url, "--sensor", "probe", CAPTURES)
        now = check_all(store, events, {"all": events, "probe": events}, names)
        check_events(store, events)
        check_alerts(store, events, now)
        check_servers(store, events, now)
        check_clients(store, events, now)
        check_certificates(store, events, now)
        print(f"{len(events)} sessions, {store.ask('DBSIZE')} keys")


def test_same_content_every_time(program):
    """Batches end where the clock wills; what the keys hold does not show it."""
    import content
    dumps = []
    for _ in range(2):
        with Store() as store:
            read(program, "--redis", store.url, "--sensor", "probe", CAPTURES)
            dumps.append({key: value for key, value in store.dump_all().items()
                          if not any(content.fnmatch.fnmatch(key.removeprefix(KEY), p) for p in content.VOLATILE_KEYS)})
    for key in dumps[0]:
        if not key.endswith(":now"):
            (kind, first), (_, second) = dumps[0][key], dumps[1].get(key, (None, None))
            if kind == "hash":
                first, second = sorted(zip(first[::2], first[1::2])), sorted(zip(second[::2], second[1::2]))
            expect(first, second, key)
    expect(set(dumps[1]), set(dumps[0]), "keys")


def test_two_sensors_of_a_site(program, names):
    """Each reads half of the captures, one after the other; the second half ends before the first one does."""
    captures = sorted(os.path.join(CAPTURES, name) for name in os.listdir(CAPTURES) if name.endswith(".pcap"))
    late, early = captures[1::2], captures[::2]
    first = events_of(program, "--sensor", "north", *late)
    with Store() as store:
        read(program, "--redis", store.url, "--sensor", "north", *late)
        read(program, "--redis", store.url, "--sensor", "south", *early)
        second = [dict(e) for e in events_of(program, "--sensor", "south", *early)]
        # What north saw of a server may change what south says of it: only counters that it cannot touch are compared.
        stream = {"all": first + second, "north": first, "south": second}
        for scope, events in stream.items():
            for res, width in (("1m", MINUTE), ("1h", HOUR), ("1d", DAY)):
                got = {int(i[:-2]): (int(row["sessions"]), int(row["encrypted"]), int(row["bytes"]))
                       for i, row in store.stream(f"{KEY}roll:{res}:{scope}")}
                wanted = {start: (c["sessions"], int(c["encrypted"]), c["bytes"]) for start, c in sum_up(events, width).items()}
                expect(got, wanted, f"roll:{res}:{scope}")
        expect(int(store.hash(KEY + "now")["sessions_24h"]), len(window_of(first + second)), "sessions_24h")
        expect(store.ask("SCARD", KEY + "sensors"), 2, "sensors")
        expect(len(store.stream(KEY + "view:sensors")), 2, "view:sensors")


def shifted(name, days, folder):
    """A capture of tests/captures as if it had been made so many days later."""
    sys.path.insert(0, os.path.join(ROOT, "tests", "robustness"))
    import pcapfile

    def change(packet):
        packet.seconds += days * 86400
        yield packet
    with open(os.path.join(CAPTURES, name + ".pcap"), "rb") as file:
        data = pcapfile.rewritten(file.read(), change)
    path = os.path.join(folder, f"{days}.pcap")
    with open(path, "wb") as file:
        file.write(data)
    return path


def test_old_capture_after_a_newer_one(program):
    """It lands where it belongs in the streams, and leaves the 24 hours, the lists and what is known better alone."""
    with tempfile.TemporaryDirectory(prefix="waxseal-layout-") as folder, Store() as store:
        paths = [shifted("smtp-starttls-tls12", days, folder) for days in (0, -2, -10)]
        events = [events_of(program, "--sensor", "probe", path) for path in paths]
        for i, path in enumerate(paths):
            before = {name: store.dump(KEY + name) for name in ("hist:mode", "top:cipher", "top:group")}
            read(program, "--redis", store.url, "--sensor", "probe", path)
            if i > 0:
                expect({name: store.dump(KEY + name) for name in before}, before, "the 24 hours")
        for res, width, kept in (("1m", MINUTE, events[1] + events[0]), ("1h", HOUR, events[2] + events[1] + events[0]),
                                 ("1d", DAY, events[2] + events[1] + events[0])):
            for scope in ("all", "probe"):
                expect([int(entry[0][:-2]) for entry in store.stream(f"{KEY}roll:{res}:{scope}")], sorted(sum_up(kept, width)),
                       f"roll:{res}:{scope}")
        expect(int(store.hash(KEY + "now")["sessions_24h"]), len(events[0]), "sessions_24h")
        row = store.stream(KEY + "view:servers")[0][1]
        expect((int(row["sessions"]), int(row["last_seen_ms"]), int(row["first_seen_ms"])),
               (sum(map(len, events)), max(e["ts_end"] for e in events[0]), min(e["ts"] for e in events[2])), "the server")
        ids = [tuple(map(int, entry[0].split("-"))) for entry in store.stream(KEY + "events")]
        expect(ids, sorted(ids), "ids of events")


def main():
    program = os.path.abspath(sys.argv[1])
    names = counters()
    test_everything(program, names)
    test_same_content_every_time(program)
    test_two_sensors_of_a_site(program, names)
    test_old_capture_after_a_newer_one(program)
    print("as documented")


if __name__ == "__main__":
    main()
