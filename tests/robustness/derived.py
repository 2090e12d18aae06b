#!/usr/bin/env python3
"""derived.py WAXSEAL [WORD] - what a mirror can do to the clean captures must not change what is said of them.

Tunnels, fragments, repetitions, reordering and offload: the events are the same but for the fields that tell of them.
Loss in all its kinds: the same, or undecidable or unknown; never a claim that the clean capture contradicts. WORD: only the
variants whose name holds it, with every difference. All captures are joined into one, an hour and more apart, so that a variant is one run."""
import concurrent.futures
import collections
import json
import os
import sys
import tempfile

import derive
import sensor

APART_NS = 4000 * 10**9    # longer than any timeout
SHOWN = 6                  # complaints for each variant

# Fields that tell of the way and not of the session.
WAY = {"vlan", "tunnel", "duplicates"}
# These captures hold dozens of packets in a millisecond: copies so late are taken for retransmissions, which are counted.
MANY = WAY | {"packets"}
REORDERED = WAY | {"ts", "ts_end", "duration_ms", "id", "midstream"}

SAME = {
    **{name: (derive.each(change), WAY) for name, change in derive.ENCAPSULATIONS.items()},
    "fragments of 64": (derive.fragmented(64), WAY),
    "fragments of 256, backwards": (derive.fragmented(256, lambda p: p[::-1]), WAY),
    "fragments of 128, shuffled": (derive.fragmented(128, derive.shuffled), WAY),
    "fragments of 64, each twice": (derive.fragmented(64, lambda p: [q for q in p for _ in (0, 1)]), WAY),
    "fragments of 64, all again": (derive.fragmented(64, lambda p: [*p, *p]), WAY),
    "fragments in gre": (derive.fragmented(128, around=derive.gre), WAY),
    "fragments of vxlan": (derive.fragmented(128, derive.shuffled, inside=derive.vxlan), WAY),
    "twice at once": (derive.twice(), WAY),
    "twice, 3 ms late": (derive.twice(3 * derive.MS), MANY),
    "twice, 40 ms late": (derive.twice(40 * derive.MS), MANY),
    "twice, other VLAN": (derive.twice(0, derive.vlan(30)), WAY),
    "twice, other time to live": (derive.twice(0, derive.other_ttl), WAY),
    "twice, all of it": (derive.twice(2 * derive.MS, lambda d: derive.vlan(30)(derive.other_macs(derive.bad_checksums(
        derive.other_ttl(d))))), MANY),
    "twice, once in vxlan": (derive.twice(derive.MS, derive.vxlan), MANY),
    "twice, once in gre": (derive.twice(derive.MS, derive.gre), MANY),
    "fragments of 200, shuffled, twice, in gre": (derive.chain(
        derive.fragmented(200, derive.shuffled, around=derive.gre), derive.twice()), WAY),
    "neighbours change places, twice, in vxlan": (derive.chain(
        derive.reordered(1), derive.twice(), derive.each(derive.vxlan)), REORDERED),
    "checksums not computed": (derive.each(derive.bad_checksums), WAY),
    "padded": (derive.each(derive.padded), WAY),
    "merged by offload": (derive.merged, WAY | {"packets"}),
    "neighbours change places": (derive.reordered(1), REORDERED),
}
LOSS = {
    "client's direction only": derive.only("client"),
    "server's direction only": derive.only("server"),
    **{f"without the first {n}": derive.without(lambda i, n=n: i < n) for n in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 17, 20)},
    **{f"every {k}th lost": derive.without(lambda i, k=k: i % k == k - 1) for k in (2, 3, 4, 5, 7, 11)},
    **{f"payload {i} lost": derive.without_payload(lambda j, i=i: j == i) for i in range(24)},
    **{f"payload {i} and {i + 1} lost": derive.without_payload(lambda j, i=i: j in (i, i + 1)) for i in range(0, 16)},
    **{f"payload {i} to {i + 4} lost": derive.without_payload(lambda j, i=i: i <= j <= i + 4) for i in range(0, 14, 2)},
    **{f"all behind packet {n}": derive.without(lambda i, n=n: i >= n) for n in (5, 7, 9, 11, 13, 16, 20)},
    **{f"every {k}th lost, twice, in fragments and gre": derive.chain(derive.without(lambda i, k=k: i % k == k - 1), derive.twice(
        2 * derive.MS), derive.fragmented(256, around=derive.gre)) for k in (3, 5)},
    **{f"every {k}th fragment lost": derive.chain(derive.fragmented(300), derive.without(lambda i, k=k: i % k == 1))
       for k in (3, 7)},
    "reordered, every 6th lost": derive.chain(derive.reordered(1), derive.without(lambda i: i % 6 == 5)),
    **{f"cut at {n}": derive.snapped(n) for n in (54, 60, 66, 80, 96, 128, 200, 400, 1000)},
}
# Where a word may stand for "not known".
UNKNOWN = {"mode": {"undecidable"}, "starttls": {"unknown"}, "tls_state": {"unknown"}, "protocol": {"unknown"},
           "verdict": {"undecidable", "weak"}, "cert_state": {"gap"}, "auth": {"none", "inside_tls_unknown"}, "role": {"unknown"}}
# Facts that are as in the clean capture or are not there.
FACTS = ("tls_version client_max_version cipher group dh_bits kx_signature sni cert_subject cert_issuer cert_sha256 cert_key "
         "cert_key_bits cert_trust ja3 ja3s ja4 client_cert_subject auth_mechanism").split()
# Words that say the same of a session that came to no TLS, from what was left of it.
NO_TLS = ("none", "hello_only", "failed")
ABSENT = ("", -1, "not_checked")
GRAVE = ("medium", "high", "critical")


def joined(captures, change, link_type):
    frames = []
    for number, capture in enumerate(captures):
        shift = number * APART_NS - capture[0].time_ns + 1_700_000_000 * 10**9
        frames += [f.later(shift) for f in change(capture)]
    return derive.write(frames, link_type)


def events_of(program, captures, change, link_type=1):
    """Events by the number of their capture and the ends of their connection, in order."""
    with tempfile.NamedTemporaryFile(suffix=".pcap") as file:
        file.write(joined(captures, change, link_type))
        file.flush()
        done = sensor.read_json(program, file.name)
    if trouble := sensor.trouble(done, (0,)):
        return None, trouble
    events = collections.defaultdict(list)
    for line in done.out.splitlines():
        event = json.loads(line)
        number = (event["ts"] - 1_700_000_000_000) // (APART_NS // 10**6)
        events[number, *(event[f] for f in ("client_ip", "client_port", "server_ip", "server_port"))].append(event)
    return events, []


def grave(rules, event):
    return {rule for rule in event["findings"].split(",") if rules.get(rule, {}).get(event["role"]) in GRAVE}


def differences(clean, event, allowed):
    return [f"{name}: {clean[name]!r} became {event[name]!r}" for name in clean
            if name not in allowed and clean[name] != event[name]]


def agrees(name, clean, event):
    was, now = clean[name], event[name]
    if was == now or now in UNKNOWN[name]:
        return True
    if name == "tls_state":
        return was in NO_TLS and now in NO_TLS
    return (name, was, now) == ("starttls", "stripped", "refused")


def contradictions(clean, event, rules):
    found = [f"{name}: {clean[name]!r} became {event[name]!r}" for name in UNKNOWN if not agrees(name, clean, event)]
    found += [f"{name}: {clean[name]!r} became {event[name]!r}" for name in FACTS
              if event[name] != clean[name] and event[name] not in ABSENT]
    # A server that hung up on a hello, and of which no hello is left.
    same_failure = {"tls_handshake_failed"} if clean["tls_state"] == "hello_only" else set()
    if new := grave(rules, event) - grave(rules, clean) - same_failure:
        found.append(f"new findings: {', '.join(sorted(new))}")
    return found


def compare(names, clean, events, judge):
    """Sentences on what is wrong with a variant."""
    wrong = []
    for key, several in events.items():
        before = clean.get(key, [])
        label = f"{names[key[0]]} {key[2]}>{key[4]}" if 0 <= key[0] < len(names) else str(key)
        if len(several) > len(before):
            wrong.append(f"{label}: {len(several)} sessions where there were {len(before)}")
        wrong += [f"{label}: {sentence}" for old, new in zip(before, several) for sentence in judge(old, new)]
    return wrong


def main():
    program, only = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else ""
    paths = [p for p in sensor.our_captures() if p.endswith(".pcap")]
    names = [os.path.basename(p).removesuffix(".pcap") for p in paths]
    captures = [derive.read(sensor.load(p)) for p in paths]
    sensor.need(program)
    rules = {r["id"]: r["severity"] for r in json.loads(sensor.run(program, "rules", "--json").out)}
    clean, trouble = events_of(program, captures, lambda frames: frames)
    if trouble:
        sys.exit("\n".join(trouble))

    def same(name):
        change, allowed = SAME[name]
        events, bad = events_of(program, captures, change)
        if bad:
            return bad
        missing = [f"{names[k[0]]}: no session" for k in clean if len(events.get(k, [])) < len(clean[k])]
        return missing + compare(names, clean, events, lambda old, new: differences(old, new, allowed))

    def cooked():
        events, bad = events_of(program, captures, derive.each(derive.cooked), derive.COOKED)
        return bad or compare(names, clean, events, lambda old, new: differences(old, new, WAY))

    def lossy(name):
        events, bad = events_of(program, captures, LOSS[name])
        return bad or compare(names, clean, events, lambda old, new: contradictions(old, new, rules))

    work = [(name, lambda name=name: same(name)) for name in SAME] + [("Linux cooked", cooked)]
    work += [(name, lambda name=name: lossy(name)) for name in LOSS]
    work = [(name, check) for name, check in work if only in name]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(lambda item: (item[0], item[1]()), work))
    failures = 0
    for name, wrong in results:
        failures += len(wrong)
        for sentence in wrong if only else wrong[:SHOWN]:
            print(f"{name}: {sentence}")
        if len(wrong) > SHOWN and not only:
            print(f"{name}: ... {len(wrong)} in all")
    sessions = sum(map(len, clean.values()))
    print(f"{len(work)} variants of {len(captures)} captures, {sessions} sessions: {failures} differences or contradictions")
    sys.exit(failures > 0)


if __name__ == "__main__":
    main()
