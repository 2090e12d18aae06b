#!/usr/bin/env python3
"""script.py - apply.lua by itself: batches made by hand, sent to a real redis-server.

Numbering, refusals before the first write, buckets and their late parts, the window of 24 hours, merging of records, views.
Exit status 77: redis-server is not installed."""
import os
import random
import sys

from store import ROOT, Client, Refused, Sender, Store

MINUTE, HOUR, DAY = 60000, 3600000, 86400000
T = 1700000000000 - 1700000000000 % DAY  # a midnight, so that hours and days are easy to tell
NAMES = ("sessions", "decidable", "encrypted")
COUNTERS = ("counters", *NAMES)


def roll(start, sessions, encrypted=0):
    return ("roll", start, 1, sessions, 3, encrypted)


def mark(ms):
    return ("mark", ms, ms)


def rows(store, key):
    return {int(entry[0].split("-")[0]): entry[1] for entry in store.stream(key)}


def sessions_of(store, key):
    return {start: int(row["sessions"]) for start, row in rows(store, key).items()}


def expect(got, wanted, what=""):
    if got != wanted:
        raise AssertionError(f"{what}: expected {wanted!r}, found {got!r}")


def refusal(call):
    try:
        answer = call()
    except Refused as error:
        return str(error)
    raise AssertionError(f"not refused: {answer}")


# ---- exactly once

def test_numbers(store):
    one, two = Sender(store), Sender(store, run="ffff000011112222", number=500)
    expect(one.send(COUNTERS, roll(T, 1), number=1000)[0], "applied")
    before = store.dump_all()
    expect(one.send(COUNTERS, roll(T, 1), number=1000), ["repeated", "1000", ""])
    expect(one.send(COUNTERS, roll(T, 1), number=999), ["repeated", "1000", ""])
    expect(two.send(COUNTERS, roll(T, 1), number=501), ["renumber", "1000", ""])
    expect(two.send(COUNTERS, roll(T, 1), number=1005, after=1004), ["early", "1000", ""])
    expect(store.dump_all(), before, "an answer without effect")
    expect(two.send(COUNTERS, roll(T, 1), number=1001)[0], "applied")
    expect(two.send(COUNTERS, roll(T, 1), number=1002, after=1001)[0], "applied")
    expect(one.send(COUNTERS, roll(T, 1), number=1000)[0], "repeated")
    expect(one.send(COUNTERS, roll(T, 1), number=1001)[0], "renumber", "a number of the other run's")
    one.send(("finish",), number=1003)
    expect(sessions_of(store, one.prefix + "roll:1m:all"), {T: 3})


def test_runs_are_few(store):
    for i in range(40):
        Sender(store, run=f"{i:016x}").send(number=1000 + i)
    expect(store.ask("ZCARD", "waxseal:{lab}:runs:probe"), 16)


# ---- refusals

MALFORMED = [
    ["nonsense", 0], ["roll"], ["roll", "x"], ["roll", -1], ["roll", 3, T, 1], ["roll", 2, T, 1], ["counters", 1, "a b"], ["counters", 0],
    ["counters", 1, "a", "roll", 3, T, 2, 1], ["counters", 1, "a", "roll", 3, T, 0, 1], ["counters", 1, "a", "roll", 3, T, 1, "1.5"],
    ["counters", 1, "a", "roll", 3, T + 1, 1, 1], ["counters", 1, "a", "roll", 3, "-x", 1, 1], ["counters", 1, "a", "roll", 3, T, 1, "9" * 17],
    ["event", 2, T, "x"], ["fields", 1, "id", "event", 3, T, "x", "y"], ["fields", 1, "id", "event", 2, "soon", "x"],
    ["top", 4, "nothing", T, "x", 1], ["top", 4, "rule", T + 1, "x", 1], ["top", 4, "rule", T, "x", "many"], ["top", 3, "rule", T, "x"],
    ["server", 3, "192.0.2.1:25", "first_ms", T], ["server", 3, "192.0.2.1:25", "last_ms", "now"],
    ["server", 5, "192.0.2.1:25", "last_ms", T, "sessions", "one"], ["server", 5, "192.0.2.1:25", "last_ms", T, "rule:tls10", "high"],
    ["mark", 1, T], ["mark", 2, T, "x"], ["heartbeat", 1, 0], ["heartbeat", 1, "x"], ["limits", 2, 1, 1], ["limits", 3, 1, "x", 1],
    ["alert", 2, T, "event"], ["alert", 1, "x"], ["gauges", 1, "x"], ["health", 3, T + 5, "packets", 1], ["finish", 1, "x"], [""], ["\r\n", 0],
]


def test_malformed_batches_are_refused_whole(store):
    one = Sender(store)
    one.send(COUNTERS, roll(T, 1), ("server", "192.0.2.9:25", "last_ms", T, "first_ms", T), mark(T))
    before = store.dump_all()
    good = ["counters", 3, *NAMES, "roll", 3, T, 1, 5, "heartbeat", 1, 15]
    for words in MALFORMED:
        text = refusal(lambda: one.send_words(good + words))
        assert text.startswith("REFUSED"), (words, text)
        expect(store.dump_all(), before, words)


def test_garbage_is_refused_or_applied_and_never_breaks(store):
    """Words of good batches in any order: the script itself must not fail, which would leave half a batch behind."""
    one, chance = Sender(store), random.Random(4)
    pool = [word for bad in MALFORMED for word in bad] + ["counters", 3, *NAMES, "roll", 3, T, 1, 5, "finish", 0, "mark", 2, T, T]
    applied = 0
    for _ in range(3000):
        words = [chance.choice(pool) for _ in range(chance.randrange(12))]
        try:
            applied += one.send_words(words)[0] == "applied"
        except Refused as error:
            assert str(error).startswith("REFUSED"), (words, str(error))
    assert applied > 0


def test_heads_are_checked(store):
    one = Sender(store)
    for key, words in (("other", ("probe", "ab", 1, 0)), ("waxseal:{a}:{b}:meta", ("probe", "ab", 1, 0)),
                       ("waxseal:{lab}:meta", ("pro be", "ab", 1, 0)), ("waxseal:{lab}:meta", ("probe", "", 1, 0)),
                       ("waxseal:{lab}:meta", ("probe", "ab", "x", 0)), ("waxseal:{lab}:meta", ("probe", "ab", 1, "x")),
                       ("waxseal:{lab}:meta", ("probe",)), ("waxseal:{lab}:meta", ())):
        text = refusal(lambda: store.ask("EVALSHA", one.sha, 2, key, "waxseal:{lab}:moving", *words))
        assert text.startswith("REFUSED"), (key, words, text)
    expect(store.ask("DBSIZE"), 0)


def test_keys_of_others_are_left_alone(store):
    batch = (COUNTERS, ("fields", "id"), ("event", T, "x"), roll(T, 1), ("top", "rule", T, "tls10", 1),
             ("alert", T, "state", "raised"), ("health", T, "packets", 1), ("sensor", "version", "1"), ("gauges", "lag_ms", 0), ("heartbeat", 15),
             mark(T))
    probe = Sender(store)
    probe.send(*batch)
    probe.send(("finish",))
    names = [key for key in store.dump_all() if not key.endswith(":moving")] + [
        f"waxseal:{{lab}}:open:1m:all:{T}", f"waxseal:{{lab}}:hb:probe", "waxseal:{lab}:idx:servers"]
    for name in sorted(set(names)):
        store.ask("FLUSHALL")
        wrong = "SADD" if not name.endswith(":sensors") or "view:" in name else "LPUSH"
        store.ask(wrong, name, "mine")
        before = store.dump_all()
        one = Sender(store)
        text = refusal(lambda: one.send(*batch))
        assert text.startswith("WRONGTYPE") and name in text, (name, text)
        expect(store.dump_all(), before, name)


def test_records_of_others_hold_nothing_up(store):
    one = Sender(store)
    for key in ("srv:192.0.2.1:25", "cert:sha256:aa", "cli:192.0.2.2"):
        store.ask("SET", one.prefix + key, "mine")
    expect(one.send(COUNTERS, roll(T, 1), ("server", "192.0.2.1:25", "last_ms", T), ("cert", "sha256:aa", "last_ms", T, "server", "x"),
                    ("client", "192.0.2.2", "last_ms", T), ("finish",))[0], "applied")
    for key in ("srv:192.0.2.1:25", "cert:sha256:aa", "cli:192.0.2.2"):
        expect(store.ask("GET", one.prefix + key), "mine")
    expect(store.hash(one.prefix + "now")["servers_total"], "0")


def spoil(store, key, chance):
    """Puts nonsense into a key, of its type."""
    junk = chance.choice(["", "x", "-1", "1e9", "nan", "9" * 16, "12 3", "none"])
    kind, there = store.dump(key)
    if kind == "hash":
        store.ask("HSET", key, chance.choice(there[::2] + ["new", "@x", "rule:x", "#rule", "top rule x"]), junk)
    elif kind == "zset":
        store.ask("ZADD", key, chance.randrange(-5, 10 ** 13), chance.choice([junk, "1m:all:5", "1m:all:x", "9m:all:60000", str(T)]))
    elif kind == "set":
        store.ask("SADD", key, junk)
    elif kind == "string":
        store.ask("SET", key, junk)
    elif kind == "stream" and "view:" not in key:
        store.ask("XADD", key, "*", "field", junk)


def test_nonsense_in_keys_never_stops_the_script(store):
    """A half-applied batch would be the worst of all: whatever others write, the script ends of itself."""
    chance = random.Random(7)
    for turn in range(150):
        store.ask("FLUSHALL")
        one, two = Sender(store), Sender(store, sensor="two")
        batch = (COUNTERS, ("fields", "id"), ("event", T, "x"), roll(T, 1), roll(T + MINUTE, 1), ("top", "rule", T, "tls10", 1, "x", 2),
                 ("alert", T, "state", "cleared", "open_ms", 5), ("health", T, "packets", 1), ("sensor", "version", "1"), ("gauges", "lag_ms", 0),
                 server("192.0.2.1", T, sessions=1, offer_ms=T, offer_sensor="a", best_version="TLS1.2", cert_not_after=1, **{"rule:x": f"{T} 3"}),
                 ("cert", "sha256:aa", "last_ms", T, "first_ms", T, "not_after", 5, "server", "192.0.2.1:25", "sessions", 1),
                 ("client", "192.0.2.2", "last_ms", T, "first_ms", T, "sessions", 1, "plaintext", 0), ("heartbeat", 15), mark(T))
        one.send(*batch)
        two.send(*batch)
        keys = store.ask("KEYS", "*")
        for _ in range(1 + turn % 5):
            spoil(store, chance.choice(keys), chance)
        for sender, more in ((one, batch), (two, (roll(T + DAY, 1), mark(T + 2 * DAY))), (one, ("finish",))):
            try:
                sender.send(*((COUNTERS,) + more if more is not batch and more != ("finish",) else more if more is batch else (("finish",),)))
            except Refused as error:
                assert str(error).startswith(("REFUSED", "WRONGTYPE")), f"turn {turn}: {error}"


def test_full_memory_changes_nothing(store):
    one = Sender(store)
    one.send(COUNTERS, roll(T, 1), mark(T))
    before = store.dump_all()
    store.ask("CONFIG", "SET", "maxmemory", "1")
    text = refusal(lambda: one.send(COUNTERS, roll(T, 5), mark(T)))
    assert text.startswith("OOM"), text
    store.ask("CONFIG", "SET", "maxmemory", "0")
    expect(store.dump_all(), before)


# ---- streams of events

def test_ids_follow_the_event_and_never_fall(store):
    one = Sender(store)
    one.send(("fields", "id"), ("event", T + 5, "a"), ("event", T, "b"), ("event", T + 5, "c"))
    one.send(("fields", "id"), ("event", T + 1, "d"), ("event", T + 9, "e"), ("event", 9999999999999, "f"), ("event", T + 10, "g"))
    expect([(entry[0], entry[1]["id"]) for entry in store.stream(one.prefix + "events")],
           [(f"{T + 5}-0", "a"), (f"{T + 5}-1", "b"), (f"{T + 5}-2", "c"), (f"{T + 5}-3", "d"), (f"{T + 9}-0", "e"), (f"{T + 9}-1", "f"),
            (f"{T + 10}-0", "g")])


def test_captures_without_times_are_taken(store):
    one = Sender(store)
    one.send(("fields", "id"), ("event", 0, "a"), ("event", 0, "b"), COUNTERS, roll(0, 2), ("top", "rule", 0, "x", 1), server("192.0.2.1", 0), mark(0))
    one.send(COUNTERS, roll(0, 1), roll(MINUTE, 5), ("finish",))
    one.send(COUNTERS, roll(0, 1), ("finish",))
    expect(len(store.stream(one.prefix + "events")), 2)
    expect(sessions_of(store, one.prefix + "roll:1m:all"), {0: 4, MINUTE: 5})
    expect(sessions_of(store, one.prefix + "roll:1d:all"), {0: 9})


# ---- buckets

def test_a_bucket_is_written_once_when_its_time_is_over(store):
    one = Sender(store)
    key = one.prefix + "roll:1m:all"
    one.send(COUNTERS, roll(T, 1), mark(T + MINUTE + 59999))
    expect(rows(store, key), {})
    one.send(COUNTERS, roll(T, 2, 1), roll(T + MINUTE, 4), mark(T + 2 * MINUTE))
    expect(rows(store, key), {T: {"sessions": "3", "decidable": "0", "encrypted": "1"}})
    expect(rows(store, one.prefix + "roll:1m:probe"), rows(store, key))
    expect(rows(store, one.prefix + "roll:1h:all"), {})
    one.send(mark(T + HOUR + MINUTE))
    expect(sessions_of(store, one.prefix + "roll:1h:all"), {T: 7})
    expect(sessions_of(store, one.prefix + "roll:1d:all"), {})
    one.send(("finish",))
    expect(sessions_of(store, one.prefix + "roll:1d:all"), {T: 7})
    expect(store.ask("ZCARD", one.prefix + "open"), 0)
    expect([k for k in store.dump_all() if ":open" in k or ":old" in k or ":new" in k], [])


def test_two_sensors_wait_for_each_other(store):
    a, b = Sender(store, sensor="a"), Sender(store, sensor="b")
    key = a.prefix + "roll:1m:all"
    a.send(COUNTERS, roll(T, 1), ("heartbeat", 15), mark(T + 10 * MINUTE))
    expect(sessions_of(store, key), {T: 1})
    b.send(COUNTERS, roll(T + MINUTE, 2), ("heartbeat", 15), mark(T + MINUTE))
    a.send(COUNTERS, roll(T + MINUTE, 4), ("heartbeat", 15), mark(T + 20 * MINUTE))
    expect(sessions_of(store, key), {T: 1}, "b may still bring more")
    b.send(("heartbeat", 15), mark(T + 20 * MINUTE))
    expect(sessions_of(store, key), {T: 1, T + MINUTE: 6})
    b.send(COUNTERS, roll(T + 30 * MINUTE, 1), ("finish",))
    expect(sessions_of(store, key), {T: 1, T + MINUTE: 6}, "a is still there")
    a.send(("finish",))
    expect(sessions_of(store, key), {T: 1, T + MINUTE: 6, T + 30 * MINUTE: 1})
    expect(sessions_of(store, a.prefix + "roll:1m:a"), {T: 1, T + MINUTE: 4})
    expect(sessions_of(store, a.prefix + "roll:1m:b"), {T + MINUTE: 2, T + 30 * MINUTE: 1})
    expect(sessions_of(store, a.prefix + "roll:1h:all"), {T: 8})


def test_a_sensor_that_fell_silent_holds_nobody_up(store):
    a, b = Sender(store, sensor="a"), Sender(store, sensor="b")
    b.send(("heartbeat", 1), mark(T))
    store.ask("DEL", b.prefix + "hb:b")
    a.send(COUNTERS, roll(T, 1), ("heartbeat", 15), mark(T + 10 * MINUTE))
    expect(sessions_of(store, a.prefix + "roll:1m:all"), {T: 1})


def test_late_parts_find_their_bucket(store):
    """Against a plain sum, in many orders; a long tail goes another way than a short one."""
    for seed, minutes in ((1, 40), (2, 40), (3, 900)):
        store.ask("FLUSHALL")
        chance, sums, batch = random.Random(seed), {}, []
        one = Sender(store)
        first = [T + i * MINUTE for i in range(0, minutes, 2)]
        for start in first + [T + chance.randrange(minutes) * MINUTE for _ in range(60)]:
            n = chance.randrange(1, 9)
            sums[start] = sums.get(start, 0) + n
            batch.append(roll(start, n))
            if len(batch) == 50:
                one.send(COUNTERS, *batch, mark(T + 2 * DAY))
                batch = []
        one.send(COUNTERS, *batch, mark(T + 2 * DAY))
        one.send(("finish",))
        for scope in ("all", "probe"):
            expect(sessions_of(store, f"{one.prefix}roll:1m:{scope}"), sums, f"seed {seed}")
        hours = {}
        for start, n in sums.items():
            hours[start - start % HOUR] = hours.get(start - start % HOUR, 0) + n
        expect(sessions_of(store, one.prefix + "roll:1h:all"), hours)
        expect(sessions_of(store, one.prefix + "roll:1d:all"), {T: sum(sums.values())})
        ids = [entry[0] for entry in store.stream(one.prefix + "roll:1m:all")]
        expect(ids, sorted(ids, key=lambda i: int(i[:-2])))
        one.send(COUNTERS, roll(T + 3 * DAY, 1), ("finish",))  # the stream takes new ones as before
        expect(max(sessions_of(store, one.prefix + "roll:1m:all")), T + 3 * DAY)


def test_old_buckets_leave_their_stream(store):
    one = Sender(store)
    one.send(COUNTERS, roll(T, 1), roll(T + 6 * DAY, 1), ("finish",))
    expect(len(sessions_of(store, one.prefix + "roll:1m:all")), 2)
    one.send(COUNTERS, roll(T + 8 * DAY, 1), ("finish",))
    expect(sorted(sessions_of(store, one.prefix + "roll:1m:all")), [T + 6 * DAY, T + 8 * DAY])
    one.send(COUNTERS, roll(T, 5), ("finish",))  # too old for the minutes, and not for the hours
    expect(sorted(sessions_of(store, one.prefix + "roll:1m:all")), [T + 6 * DAY, T + 8 * DAY])
    expect(sessions_of(store, one.prefix + "roll:1h:all"), {T: 6, T + 6 * DAY: 1, T + 8 * DAY: 1})


def test_counters_of_another_version_are_kept(store):
    old, new = Sender(store, sensor="old"), Sender(store, sensor="new")
    old.send(("counters", "sessions", "gone"), ("roll", T, 1, 1, 2, 7))
    new.send(("counters", "sessions", "fresh"), ("roll", T, 1, 2, 2, 9), ("finish",))
    expect(rows(store, old.prefix + "roll:1m:all"), {T: {"sessions": "3", "fresh": "9", "gone": "7"}})


# ---- the window

def test_window_is_24_hours_up_to_the_newest(store):
    one = Sender(store)

    def sessions():
        return int(store.hash(one.prefix + "now")["sessions_24h"])
    for hour in range(30):
        one.send(COUNTERS, roll(T + hour * HOUR, 1 << (hour % 3)), ("top", "cipher", T + hour * HOUR, f"c{hour}", 1, "all", 2), ("finish",))
    expect(sessions(), sum(1 << (hour % 3) for hour in range(6, 30)))
    expect(store.zset(one.prefix + "top:cipher"), {"all": 48.0, **{f"c{hour}": 1.0 for hour in range(6, 30)}})
    expect(store.ask("ZCARD", one.prefix + "hours"), 24)
    one.send(COUNTERS, roll(T + 10 * HOUR, 100), ("finish",))
    expect(sessions(), sum(1 << (hour % 3) for hour in range(6, 30)) + 100, "late, and still within")
    one.send(COUNTERS, roll(T, 1000), ("top", "cipher", T, "old", 9), ("finish",))
    expect(sessions(), sum(1 << (hour % 3) for hour in range(6, 30)) + 100, "an old capture after a newer one")
    one.send(COUNTERS, roll(T + 20 * DAY, 3), ("finish",))
    expect(sessions(), 3)
    expect(store.zset(one.prefix + "top:cipher"), {})
    far = 9999999999999 - 9999999999999 % HOUR
    one.send(COUNTERS, roll(far, 5), ("finish",))
    expect(sessions(), 3, "a clock that runs ahead by centuries")


def test_lists_are_bounded(store):
    one = Sender(store)
    for part in range(4):
        words = [word for i in range(500) for word in (f"10.0.{part}.{i}", 1 + (part == 0 and i < 5) * 10)]
        one.send(("top", "client", T, *words))
    one.send(("finish",))
    top = store.zset(one.prefix + "top:client")
    expect(len(top), 100)
    expect(top["other"], 1000.0)
    expect(sorted(top.values())[-6:], [11.0] * 5 + [1000.0])
    expect(store.ask("HLEN", one.prefix + f"hour:{T}"), 1000 + 2)


# ---- records and views

def server(ip, ms, **fields):
    return ("server", f"{ip}:25", "last_ms", ms, "first_ms", fields.pop("first_ms", ms),
            *[word for name, value in fields.items() for word in (name, value)])


def test_records_merge(store):
    one = Sender(store)
    key = one.prefix + "srv:192.0.2.1:25"
    one.send(server("192.0.2.1", T + 100, sessions=2, offer_ms=T + 90, offer_sensor="a", no_offer_ms=-1, no_offer_sensor="none",
                    best_version="TLS1.2", worst_version="TLS1.2", name="mx.example.org", cipher="none"))
    one.send(server("192.0.2.1", T + 50, sessions=3, first_ms=T, offer_ms=T + 40, offer_sensor="b", no_offer_ms=T + 45, no_offer_sensor="b",
                    best_version="TLS1.1", worst_version="TLS1.0", name="old.example.org", cipher="OLD"))
    one.send(server("192.0.2.1", T + 150, sessions=1, best_version="TLS1.3", worst_version="none", name="none", cipher="NEW"))
    wanted = {"last_ms": T + 150, "first_ms": T, "sessions": 6, "offer_ms": T + 90, "offer_sensor": "a", "no_offer_ms": T + 45,
              "no_offer_sensor": "b", "best_version": "TLS1.3", "worst_version": "TLS1.0", "name": "mx.example.org", "cipher": "NEW"}
    expect(store.hash(key), {name: str(value) for name, value in wanted.items()})
    assert 0 < store.ask("TTL", key) <= 30 * 86400


def test_findings_of_a_server_are_those_of_its_last_day(store):
    one = Sender(store)
    one.send(("advice", "tls10", "Switch it off.", "ssl3", "Really."), server("192.0.2.1", T, **{"rule:ssl3": f"{T} 5"}))
    one.send(server("192.0.2.1", T + 2 * DAY, **{"rule:tls10": f"{T + 2 * DAY} 3", "rule:tls11": f"{T + DAY} 3"}), ("finish",))
    row = store.stream(one.prefix + "view:servers")[0][1]
    expect((row["findings"], row["severity"], row["sev"], row["advice"]), ("tls10,tls11", "medium", "3", "Switch it off."))


def test_views_are_tables_of_one_shape(store):
    one = Sender(store)
    one.send(*[server(f"10.0.{i // 250}.{i % 250}", T + i % 7) for i in range(2100)],
             *[("client", f"10.1.0.{i}", "last_ms", T, "first_ms", T, "helo", "x", "best_version", "TLS1.1") for i in range(5)],
             ("cert", "sha256:aa", "last_ms", T, "first_ms", T, "server", "192.0.2.1:25", "server", "192.0.2.2:25", "not_after", T // 1000 + 86400 * 8),
             mark(T), ("finish",))
    for view in ("servers", "certs", "clients", "sensors"):
        entries = store.stream(f"{one.prefix}view:{view}")
        assert len({tuple(entry[1]) for entry in entries}) == 1, view
        assert 0 < store.ask("TTL", f"{one.prefix}view:{view}") <= 7 * 86400
    servers = store.stream(one.prefix + "view:servers")
    expect(len(servers), 2000)
    ids = [tuple(map(int, entry[0].split("-"))) for entry in servers]
    expect(ids, sorted(ids))
    now = store.hash(one.prefix + "now")
    expect((now["servers_total"], now["clients_total"], now["clients_legacy"], now["certs_total"], now["certs_14d"], now["certs_7d"]),
           ("2100", "5", "5", "1", "1", "0"))
    expect(store.stream(one.prefix + "view:certs")[0][1]["servers"], "2")
    expect(store.hash(one.prefix + "hist:certdays"), {"expired": "0", "d0_7": "0", "d8_14": "1", "d15_30": "0", "d31_90": "0", "d91_up": "0"})


def test_records_are_bounded(store):
    """The 10,000 seen last stay; a stranger's key in the place of a record that goes is no trouble."""
    one = Sender(store)
    store.ask("SADD", one.prefix + "cli:10.0.0.5", "mine")
    for part in range(0, 12000, 1000):
        one.send(*[("client", f"10.0.{i // 200}.{i % 200}", "last_ms", T + i, "first_ms", T + i) for i in range(part, part + 1000)])
    one.send(("finish",))
    clients = [key for key in store.ask("KEYS", "*") if ":cli:" in key and not key.endswith(":10.0.0.5")]
    expect(len(clients), 10000)
    expect(store.ask("ZCARD", one.prefix + "idx:clients"), 10000)
    expect(one.prefix + "cli:10.0.9.199" in clients, False)
    expect(one.prefix + "cli:10.0.10.0" in clients, True)
    expect(store.hash(one.prefix + "now")["clients_total"], "10000")


def test_sensors_are_told_apart(store):
    up, ended, lost = (Sender(store, sensor=name) for name in ("up", "ended", "lost"))
    for one, rest in ((lost, ()), (ended, (("finish",),)), (up, ())):
        one.send(("sensor", "version", "1", "packets", 5), ("gauges", "dropped", 1, "frames_dropped", 4, "lag_ms", 7, "open_high", 2),
                 ("heartbeat", 15), mark(T), *rest)
    store.ask("DEL", lost.prefix + "hb:lost", lost.prefix + "due")
    up.send()
    rows_by_name = {row["sensor"]: row for _, row in store.stream(up.prefix + "view:sensors")}
    expect({name: row["state"] for name, row in rows_by_name.items()}, {"up": "up", "ended": "ended", "lost": "lost"})
    now = store.hash(up.prefix + "now")
    expect((now["sensors_total"], now["sensors_up"], now["drop_pct"], now["lag_ms_max"], now["open_high"]), ("3", "1", "25.00", "7", "6"))


def test_every_gauge_is_there_from_the_first_batch(store):
    one = Sender(store)
    one.send(COUNTERS, roll(T, 1))
    now = store.hash(one.prefix + "now")
    one.send(("finish",))
    expect(set(now) - {"newest_ms"}, set(store.hash(one.prefix + "now")) - {"newest_ms"})
    for name in ("servers_total", "certs_7d", "clients_legacy", "sensors_up", "fix_hours_avg", "encrypted_pct_24h", "open_critical"):
        assert name in now, name


def test_alerts_are_counted_while_they_are_new(store):
    one = Sender(store)
    one.send(("alert", T + 1, "state", "raised", "open_ms", 0), ("alert", T + 2, "state", "raised", "open_ms", 0),
             ("alert", T + HOUR, "state", "cleared", "open_ms", 3 * HOUR), ("alert", T + HOUR, "state", "cleared", "open_ms", HOUR), ("finish",))
    now = store.hash(one.prefix + "now")
    expect((now["alerts_raised_24h"], now["alerts_cleared_24h"], now["fix_hours_avg"]), ("2", "2", "2.00"))
    expect(store.ask("XLEN", one.prefix + "alerts"), 4)


def test_only_keys_of_the_site(store):
    one = Sender(store, site="north")
    one.send(COUNTERS, roll(T, 1), server("192.0.2.1", T), ("heartbeat", 15), mark(T), ("finish",))
    expect([key for key in store.dump_all() if not key.startswith("waxseal:{north}:")], [])


def test_the_rights_of_the_sensor_are_enough(store):
    """With the user of deploy/redis.acl: every command that the script has, long and short tails, views, the end."""
    with open(os.path.join(ROOT, "deploy", "redis.acl"), encoding="utf-8") as file:
        rights = next(line.split() for line in file if line.startswith("user waxseal "))
    store.ask("ACL", "SETUSER", "waxseal", "reset", "on", "nopass", *[word for word in rights if word[0] in "+-~@"])
    client = Client(store.path)
    client.ask("AUTH", "waxseal", "any")
    one = Sender(client)
    for start in (T + HOUR, T, T + 2 * DAY):
        one.send(("limits", 100, 100, 15), COUNTERS, roll(start, 1), ("fields", "id"), ("event", start, "x"), ("top", "client", start, "x", 1),
                 ("alert", start, "state", "raised"), ("health", start, "packets", 1), ("sensor", "version", "1"), ("gauges", "lag_ms", 0),
                 ("advice", "tls10", "x"), server("192.0.2.1", start, sessions=1), ("cert", "sha256:aa", "last_ms", start, "server", "192.0.2.1:25"),
                 ("client", "192.0.2.2", "last_ms", start), ("heartbeat", 15), mark(start), ("finish",))
    one.send(COUNTERS, *[roll(T + i * MINUTE, 1) for i in range(0, 800, 2)], ("finish",))
    one.send(COUNTERS, roll(T + MINUTE, 1), ("finish",))
    store.ask("DEL", one.prefix + "srv:192.0.2.1:25")
    one.send(("finish",))
    expect(store.hash(one.prefix + "now")["servers_total"], "0")
    client.close()


def main():
    tests = [value for name, value in globals().items() if name.startswith("test_")]
    failed = 0
    with Store() as store:
        for test in tests:
            store.ask("FLUSHALL")
            try:
                test(store)
                print(f"ok      {test.__name__}")
            except (AssertionError, Refused, KeyError, IndexError, ValueError) as error:
                failed += 1
                print(f"FAILED  {test.__name__}: {type(error).__name__}: {str(error)[:1500]}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
