"""Sensors and mirror: how far the other dashboards can be believed."""

from board import Board
from panels import (
    COLOURS,
    LOSS,
    MORE_IS_CRITICAL,
    SITE,
    cell,
    chart,
    command,
    flag,
    only,
    rows,
    series,
    shares,
    stat,
    steps,
    table,
    unknown_share,
    value,
    words,
)

HEALTH = SITE + "roll:health:1m:${sensor}"
NO_HEALTH = "No health of this sensor in this time range"


def now(board):
    board.row("Now")
    beat = {
        "type": "range",
        "options": {
            "from": -3,
            "to": -1,
            "result": {"text": "no heartbeat", "color": COLOURS["critical"], "index": 0},
        },
    }
    heartbeat = value("Value", "Heartbeat", "s", steps("critical", (0, "good")))
    heartbeat[1]["properties"].append({"id": "mappings", "value": [beat]})
    board.add(
        stat(
            "Heartbeat of ${sensor}",
            "Seconds until the sensor's heartbeat runs out; it is renewed all the time. No heartbeat: the sensor"
            " has ended, or is cut off from Redis.",
            [heartbeat],
            command("ttl", SITE + "hb:${sensor}"),
            no_data="No heartbeat",
        ),
        4,
        4,
        "heartbeat",
    )
    board.add(
        stat(
            "Sensors",
            "Sensors with a heartbeat, of those known to this site, and when a sensor last wrote: what came later"
            " is unknown.",
            [
                value("sensors_up", "Up"),
                value("sensors_total", "Known"),
                value("updated_ms", "Last write", "dateTimeFromNow"),
            ],
        ),
        8,
        4,
        "sensors",
    )
    board.add(
        stat(
            "Mirror port",
            "Over all live sensors: is the mirror in order, and what share of packets or octets is lost, doubled or"
            " seen from one side. Unknown: no sensor is alive.",
            [
                value("mirror_ok", "Mirror", mappings=[flag("good", "in order", "not in order")]),
                value("drop_pct", "Dropped", "percent", LOSS, decimals=2),
                value("gap_pct", "Missing", "percent", LOSS, decimals=2),
                value("duplicate_pct", "Doubled", "percent", LOSS, decimals=2),
                value("one_sided_pct", "One-sided", "percent", LOSS, decimals=2),
                value("truncated_pct", "Cut short", "percent", LOSS, decimals=2),
            ],
        ),
        12,
        4,
        "mirror",
    )
    board.add(
        stat(
            "Delivery to Redis",
            "Events lost because memory and spool were full, and the longest time from event to Redis, over all"
            " live sensors. Unknown: no sensor is alive.",
            [
                value("events_lost", "Events lost", thresholds=MORE_IS_CRITICAL),
                value("lag_ms_max", "Longest lag", "ms"),
            ],
        ),
        8,
        4,
        "delivery",
    )
    board.add(
        stat(
            "What could not be judged",
            "Shares of the last 24 hours: not known whether encrypted; no verdict; outcome of STARTTLS not seen;"
            " suite not seen.",
            [
                unknown_share("encrypted_unknown_pct_24h", "Encryption"),
                unknown_share("compliant_unknown_pct_24h", "Verdict"),
                unknown_share("starttls_unknown_pct_24h", "STARTTLS"),
                unknown_share("suite_unknown_pct_24h", "Suite"),
            ],
        ),
        16,
        4,
        "unknown",
    )
    board.add(
        table(
            "Sensors",
            "Every sensor of the site: is it up, what does the mirror lose, does Redis get everything. A share that"
            " could not be measured is unknown.",
            rows("sensors"),
            {
                "sensor": "Sensor",
                "state": "State",
                "mirror": "Mirror",
                "drop_pct": "Dropped",
                "gap_pct": "Missing",
                "duplicate_pct": "Doubled",
                "one_sided_pct": "One-sided",
                "truncated_pct": "Cut short",
                "packets": "Packets",
                "bytes": "Octets",
                "sessions": "Sessions",
                "flows": "Flows",
                "flows_max": "Room for flows",
                "queue_batches": "Batches waiting",
                "spool_bytes": "Spool",
                "batches_applied": "Batches applied",
                "events_lost": "Events lost",
                "lag_ms": "Lag",
                "rtt_us": "Redis round trip",
                "clock_offset_ms": "Clock offset",
                "version": "Version",
                "interface": "Interface",
                "profile": "Profile",
                "started_ms": "Started",
                "$time": "Last seen",
            },
            [
                cell("Sensor", 150),
                cell("State", 80, mappings=[words(up="good", ended="unknown", lost="critical")], paint=True),
                cell("Mirror", 130, mappings=[words(ok="good")], paint=True),
                *[
                    cell(name, 100, "percent", LOSS, paint=True, decimals=2)
                    for name in ("Dropped", "Missing", "Doubled", "One-sided", "Cut short")
                ],
                cell("Packets", 100, "short"),
                cell("Octets", 100, "bytes"),
                cell("Sessions", 90, "short"),
                cell("Flows", 80, "short"),
                cell("Room for flows", 110, "short"),
                cell("Batches waiting", 125, "short"),
                cell("Spool", 90, "bytes"),
                cell("Batches applied", 125, "short"),
                cell("Events lost", 100, "short", MORE_IS_CRITICAL, paint=True),
                cell("Lag", 90, "ms"),
                cell("Redis round trip", 130, "µs"),
                cell("Clock offset", 110, "ms"),
                cell("Interface", 110),
                cell("Started", 180, "dateTimeAsIso"),
                cell("Last seen", 180, "dateTimeAsIso"),
            ],
            "Sensor",
            False,
            no_data="No sensor has reported to this site",
        ),
        24,
        7,
        "sensor_table",
    )


def health(board):
    board.row("Health of ${sensor}, by minute")
    source = {"panel": None}

    def target():
        if source["panel"] is None:
            source["panel"] = len(board.panels) + 1
            return series(HEALTH)
        return {
            "refId": "A",
            "datasource": {"type": "datasource", "uid": "-- Dashboard --"},
            "panelId": source["panel"],
        }

    def add(title, text, columns, width=12, name=None, **more):
        board.add(chart(title, text, target(), columns, no_data=NO_HEALTH, **more), width, 8, name)

    add(
        "Packets",
        "Packets taken from the mirror, and packets that the kernel dropped because the sensor was too slow."
        " Dropped packets are unknown traffic.",
        {"packets": ("Packets", "count"), "dropped": ("Dropped", "bad")},
        name="packets",
    )
    add(
        "Octets",
        "Octets of payload taken, and octets that the other end acknowledged and the mirror did not show.",
        {"bytes": ("Octets", "count"), "gap_bytes": ("Missing", "bad")},
        unit="bytes",
    )
    add(
        "Faults of the mirror",
        "Holes in connections, packets seen twice, connections of which one direction is there, packets cut short,"
        " connections given up for lack of room.",
        {
            "gaps": ("Holes", "bad"),
            "duplicates": ("Doubled packets", "low"),
            "one_sided": ("One-sided connections", "medium"),
            "truncated": ("Cut short", "count2"),
            "evicted": ("Given up", "critical"),
        },
        name="faults",
    )
    add(
        "Flows",
        "Connections tracked at the end of the minute, and the room for them.",
        {"flows": ("Flows", "count"), "flows_max": ("Room", "unknown", "dashed")},
        stacked=False,
        calcs=("lastNotNull", "max"),
    )
    add(
        "Events",
        "Session events sent to Redis, and events lost because memory and spool were full.",
        {"events_sent": ("Sent", "good"), "events_lost": ("Lost", "critical")},
        name="events",
    )
    add(
        "Sessions",
        "Sessions that ended in the minute, as this sensor counts them.",
        {"sessions": ("Sessions", "count")},
    )
    add(
        "Waiting for Redis",
        "Octets that wait in memory and in the spool on disk.",
        {"queue_bytes": ("In memory", "count"), "spool_bytes": ("On disk", "medium")},
        stacked=False,
        unit="bytes",
        calcs=("lastNotNull", "max"),
    )
    add(
        "Batches waiting",
        "Batches of events that wait in memory for Redis to take them.",
        {"queue_batches": ("Batches", "count")},
        stacked=False,
        calcs=("lastNotNull", "max"),
    )
    add(
        "Lag and clock",
        "Time from an event to Redis, and how far the sensor's clock is ahead of that of Redis. -1 where it was not"
        " measured.",
        {"lag_ms": ("Lag", "count"), "clock_offset_ms": ("Clock offset", "count2")},
        stacked=False,
        unit="ms",
        calcs=("lastNotNull", "max"),
    )
    add(
        "Redis round trip",
        "Time that Redis takes to answer. -1 where it was not measured.",
        {"rtt_us": ("Round trip", "count")},
        stacked=False,
        unit="µs",
        calcs=("lastNotNull", "max"),
    )


def missed(board):
    board.row("What the capture missed")
    board.add(
        chart(
            "Sessions not captured whole",
            "Sessions of which one direction, the beginning or some octets are missing; one session may be in"
            " several. What is missing of them is unknown, and their rules may be undecidable.",
            board.rollup(),
            {
                "one_sided": ("One direction only", "medium"),
                "midstream": ("Beginning missing", "low"),
                "gap_sessions": ("Octets missing", "bad"),
            },
            stacked=False,
        ),
        12,
        8,
    )
    board.add(
        shares(
            "Unknown shares",
            "Of all sessions: not known whether encrypted, no verdict, outcome of STARTTLS not seen.",
            board.rollup(),
            [
                ("Encryption", "mode_undecidable", "sessions", "count"),
                ("Verdict", "verdict_undecidable", "sessions", "unknown"),
                ("STARTTLS", "starttls_unknown", "sessions", "count2"),
            ],
        ),
        12,
        8,
    )


def redis(board):
    board.row("Redis itself")
    for title, text, section, fields in (
        (
            "Memory of Redis",
            (
                "Memory used, the most ever used, and the limit (0: none). At the limit Redis refuses writes and"
                " sensors keep their batches."
            ),
            "memory",
            (
                ("used_memory", "Used", "bytes"),
                ("used_memory_peak", "Most used", "bytes"),
                ("maxmemory", "Limit", "bytes"),
            ),
        ),
        (
            "Work of Redis",
            "Commands a second, and keys that Redis threw away for lack of memory, which must stay 0.",
            "stats",
            (
                ("instantaneous_ops_per_sec", "Commands a second", "short"),
                ("evicted_keys", "Thrown away", "short"),
                ("total_error_replies", "Errors answered", "short"),
            ),
        ),
    ):
        item = stat(
            title,
            text,
            [value(name, label, unit) for name, label, unit in fields],
            {
                "refId": "A",
                "type": "command",
                "command": "info",
                "section": section,
                "query": "",
                "datasource": command("info", "")["datasource"],
            },
            [only(*[name for name, _, _ in fields])],
            "Redis does not answer",
        )
        board.add(item, 12, 5)


def build():
    board = Board(
        "waxseal-sensors",
        "Sensors and mirror",
        "How far the other dashboards can be believed: what the mirror port, the sensors and Redis lose.",
        every_sensor=False,
    )
    now(board)
    health(board)
    missed(board)
    redis(board)
    return board
