"""What lies in Redis, as it can be compared: every key of a site with its type, its content, and whether it ends.

Left out is what deploy/redis-layout.md says follows the clock of Redis, or describes the sensor and its way there (section "Time")."""
import fnmatch

# Keys of a process: its numbers, its health, how long it will still be believed.
VOLATILE_KEYS = ("runs:*", "hb:*", "sensor:*", "gauges:*", "roll:health:*", "view:sensors", "due")
# Fields of hashes and entries, by pattern of the key.
VOLATILE_FIELDS = {
    "now": {"updated_ms", "lag_ms_max"},
}


def text(value):
    return value.decode(errors="backslashreplace") if isinstance(value, bytes) else value


def pairs(flat):
    return list(zip(flat[::2], flat[1::2]))


def entry(at, fields):
    """One text, since there may be hundreds of thousands."""
    return text(at) + " " + " ".join(f"{text(f)}={text(v)}" for f, v in pairs(fields))


def entries(client, key):
    """All entries of a stream, some at a time: Redis must not be held up, nor memory be filled."""
    start = b"-"
    while got := client.ask("XRANGE", key, start, "+", "COUNT", 500):
        yield from got
        start = b"(" + got[-1][0]


def value_of(client, key, kind):
    if kind == b"string":
        return text(client.ask("GET", key))
    if kind == b"hash":
        return sorted((text(f), text(v)) for f, v in pairs(client.ask("HGETALL", key)))
    if kind == b"set":
        return sorted(map(text, client.ask("SMEMBERS", key)))
    if kind == b"zset":
        return [(text(m), text(s)) for m, s in pairs(client.ask("ZRANGE", key, 0, -1, "WITHSCORES"))]
    if kind == b"stream":
        return [entry(at, fields) for at, fields in entries(client, key)]
    if kind == b"list":
        return [text(v) for v in client.ask("LRANGE", key, 0, -1)]
    return f"a {text(kind)}"


def without_volatile(name, value):
    for pattern, fields in VOLATILE_FIELDS.items():
        if fnmatch.fnmatchcase(name, pattern) and isinstance(value, list):
            value = [pair for pair in value if pair[0] not in fields]
    return value


def take(client, site):
    """{key without its prefix: (type, ends, content)}"""
    prefix = f"waxseal:{{{site}}}:"
    found = {}
    for key in sorted(client.ask("KEYS", prefix.replace("{", "\\{") + "*")):
        name = text(key)[len(prefix):]
        if any(fnmatch.fnmatchcase(name, pattern) for pattern in VOLATILE_KEYS):
            continue
        kind = client.ask("TYPE", key)
        found[name] = (text(kind), client.ask("TTL", key) >= 0, without_volatile(name, value_of(client, key, kind)))
    return found


def first_difference(a, b):
    if isinstance(a, list) and isinstance(b, list):
        for i, (x, y) in enumerate(zip(a, b)):
            if x != y:
                return f"item {i}: {str(x)[:400]} | {str(y)[:400]}"
        return f"{len(a)} items | {len(b)} items"
    return f"{str(a)[:200]} | {str(b)[:200]}"


def differences(expected, found):
    """Sentences; none where both are the same."""
    for name in sorted(set(expected) | set(found)):
        if name not in found:
            yield f"{name}: is missing"
        elif name not in expected:
            yield f"{name}: must not be there"
        else:
            for what, a, b in zip(("type", "has an end", "content"), expected[name], found[name]):
                if a != b:
                    yield f"{name}: {what}: {first_difference(a, b)}"
