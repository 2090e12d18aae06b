"""Compliance overview: is mail encrypted, is it done as the profile asks, and what could not be seen."""

from board import Board
from panels import (
    JUST_UNKNOWN,
    LOSS,
    MORE_IS_CRITICAL,
    MORE_IS_WEAK,
    MORE_IS_WORSE,
    bars,
    chart,
    compute,
    flag,
    highest,
    pie,
    rows,
    share,
    share_bars,
    shares,
    stat,
    table,
    unknown_share,
    value,
)
from words_of_events import DIRECTION, MODE, PROTOCOL, VERDICT, VERSION, counters


def figures(board):
    board.row("Last 24 hours")
    board.add(
        stat(
            "Compliant sessions",
            "Sessions that meet the policy profile, of those with a verdict. Beside it: sessions without one, of"
            " all, because something that a rule needs was not captured.",
            [share("compliant_pct_24h", "Compliant"), unknown_share("compliant_unknown_pct_24h")],
        ),
        6,
        4,
        "compliant",
    )
    board.add(
        stat(
            "Encrypted sessions",
            "Sessions in which TLS was established (implicit or by STARTTLS), of those where that is known. Beside"
            " it: sessions where it is not, of all.",
            [share("encrypted_pct_24h", "Encrypted"), unknown_share("encrypted_unknown_pct_24h")],
        ),
        6,
        4,
        "encrypted",
    )
    board.add(
        stat(
            "Encrypted octets",
            "Octets of implicit TLS and STARTTLS sessions, of octets whose mode is known. Beside it: octets of"
            " sessions of unknown mode.",
            [
                share("encrypted_bytes_pct_24h", "Encrypted"),
                value("bytes_undecidable_24h", "Unknown", "bytes", JUST_UNKNOWN),
            ],
        ),
        6,
        4,
    )
    board.add(
        stat(
            "Mail and logins in the clear",
            "Messages accepted outside TLS, and sessions whose password crossed the network readable. Beside them:"
            " sessions inside TLS, where a login cannot be seen, and need not be.",
            [
                value("messages_cleartext_24h", "Messages", thresholds=MORE_IS_WORSE),
                value("auth_cleartext_24h", "Logins", thresholds=MORE_IS_CRITICAL),
                value("auth_inside_tls_unknown_24h", "Not visible", thresholds=JUST_UNKNOWN),
            ],
        ),
        6,
        4,
        "cleartext",
    )
    board.add(
        stat(
            "Open alerts",
            "Alerts open now, by severity. One alert stands for one rule on one server, however often it is found."
            " What is undecidable raises none.",
            [
                value("open_critical", "Critical", thresholds=MORE_IS_CRITICAL),
                value("open_high", "High", thresholds=MORE_IS_WORSE),
                value("open_medium", "Medium", thresholds=MORE_IS_WEAK),
                value("open_low", "Low"),
                value("open_info", "Info"),
            ],
        ),
        9,
        4,
        "alerts",
    )
    board.add(
        stat(
            "Servers",
            "Servers known to this site; those whose worst finding makes them insecure; those that were not seen to"
            " offer STARTTLS where they should.",
            [
                value("servers_total", "Known"),
                value("servers_insecure", "Insecure", thresholds=MORE_IS_WORSE),
                value("servers_no_starttls", "No STARTTLS", thresholds=MORE_IS_WEAK),
            ],
        ),
        6,
        4,
    )
    board.add(
        stat(
            "Is the picture complete?",
            "Sensors that are alive, of those known; what the mirror port and the capture lose, over all live"
            " sensors. Where the mirror is not in order, shares above rest on less traffic than there was.",
            [
                value("sensors_up", "Sensors up"),
                value("sensors_total", "Sensors known"),
                value("mirror_ok", "Mirror", mappings=[flag("good", "in order", "not in order")]),
                value("drop_pct", "Dropped", "percent", LOSS, decimals=2),
                value("gap_pct", "Missing octets", "percent", LOSS, decimals=2),
            ],
        ),
        9,
        4,
        "picture",
    )


def trends(board):
    board.row("Over time")
    board.add(
        chart(
            "Sessions by verdict",
            "Every session once, by its verdict. Grey: a rule that matters could not be decided.",
            board.rollup(),
            counters("verdict", VERDICT),
        ),
        12,
        9,
        "verdicts",
    )
    board.add(
        shares(
            "Compliant share",
            "Compliant of sessions with a verdict. Dashed: sessions without a verdict, of all.",
            board.rollup(),
            [
                ("Compliant", "verdict_compliant", "with a verdict", "good"),
                ("Unknown", "verdict_undecidable", "sessions", "unknown"),
            ],
            [compute("with a verdict", "sessions", "-", "verdict_undecidable")],
        ),
        12,
        9,
        "compliant_trend",
    )
    board.add(
        shares(
            "Encrypted share",
            "By sessions: TLS established, of sessions where that is known. By octets: implicit TLS and STARTTLS,"
            " of octets of known mode. Messages inside TLS cannot be counted, so there is no share of messages."
            " Dashed: sessions where it is not known, of all.",
            board.rollup(),
            [
                ("Sessions", "encrypted", "decidable", "good"),
                ("Octets", "octets encrypted", "octets known", "fair"),
                ("Unknown", "not decidable", "sessions", "unknown"),
            ],
            [
                compute("octets encrypted", "bytes_implicit", "+", "bytes_starttls"),
                compute("octets known", "bytes", "-", "bytes_undecidable"),
                compute("not decidable", "sessions", "-", "decidable"),
            ],
        ),
        12,
        9,
        "encrypted_trend",
    )
    board.add(
        chart(
            "Sessions by final state",
            "Every session once. Implicit TLS and the outcome of STARTTLS; sessions that ended before it was"
            " decided, or spoke cleartext on a port for implicit TLS, stand apart. Grey: not seen.",
            board.rollup(),
            {
                "mode_implicit": ("Implicit TLS", "good"),
                "starttls_upgraded": ("STARTTLS completed", "fair"),
                "starttls_not_used": ("Offered, not used", "low"),
                "starttls_not_offered": ("Not offered", "medium"),
                "starttls_refused": ("Refused", "count2"),
                "starttls_failed": ("Asked, TLS failed", "bad"),
                "starttls_stripped": ("Stripped", "critical"),
                "ended before": ("Ended before, or cleartext on a TLS port", "count3"),
                "starttls_unknown": ("Undecidable", "unknown"),
            },
            transformations=[compute("ended before", "starttls_none", "-", "mode_implicit")],
        ),
        12,
        9,
    )
    board.add(
        chart(
            "TLS version chosen",
            "Every session once, by the version that the server chose. Grey: cleartext, no answer, or not seen.",
            board.rollup(),
            {
                "version_tls13": VERSION["TLS1.3"],
                "version_tls12": VERSION["TLS1.2"],
                "version_tls11": VERSION["TLS1.1"],
                "version_tls10": VERSION["TLS1.0"],
                "version_ssl3": VERSION["SSL3"],
                "version_ssl2": ("SSL 2.0", "count2"),
                "version_none": VERSION["none"],
            },
        ),
        12,
        9,
    )
    board.add(
        chart(
            "Octets by mode",
            "Octets of payload, by the mode of their session. Grey: mode not seen.",
            board.rollup(),
            counters("bytes", MODE),
            unit="bytes",
        ),
        12,
        9,
    )
    board.add(
        chart(
            "Sessions by protocol",
            "Every session once, by protocol. Grey: not recognised.",
            board.rollup(),
            counters("protocol", PROTOCOL),
        ),
        12,
        9,
    )
    board.add(
        chart(
            "Sessions by direction",
            "Every session once, as the own networks of the sensor's configuration say. Grey: they are not"
            " configured.",
            board.rollup(),
            counters(
                "direction", {**{k: v for k, v in DIRECTION.items() if k != "none"}, "unknown": DIRECTION["none"]}
            ),
        ),
        12,
        9,
    )


PARTS = {
    "inbound": "Inbound",
    "outbound": "Outbound",
    "internal": "Internal",
    "smtp": "SMTP",
    "lmtp": "LMTP",
    "imap": "IMAP",
    "pop3": "POP3",
    "sieve": "ManageSieve",
}
DIRECTIONS = {"inbound": "count", "outbound": "count2", "internal": "count3"}


def encrypted_parts(board):
    unknown = [compute("not decidable", "sessions", "-", "decidable")]
    dashed = ("Unknown", "not decidable", "sessions", "unknown")
    ways = [
        (PARTS[name], f"encrypted_{name}", f"decidable_{name}", DIRECTIONS.get(name) or PROTOCOL[name][1])
        for name in PARTS
    ]
    board.add(
        shares(
            "Encrypted share by direction",
            "TLS established, of sessions of that direction where it is known. No line: no such session, or own"
            " networks are not configured. Dashed: sessions of all directions where it is not known.",
            board.rollup(),
            [*ways[:3], dashed],
            unknown,
        ),
        8,
        9,
    )
    board.add(
        shares(
            "Encrypted share by protocol",
            "TLS established, of sessions of that protocol where it is known. No line: no such session. Dashed:"
            " sessions of all protocols where it is not known.",
            board.rollup(),
            [*ways[3:], dashed],
            unknown,
        ),
        8,
        9,
    )
    board.add(
        share_bars(
            "Encrypted share of each, last 24 hours",
            "TLS established, of sessions of that direction or protocol where it is known. Unknown: sessions of all"
            " where it is not.",
            [(label, over + "_24h", under + "_24h") for label, over, under, _ in ways],
            ("Unknown", "not decidable", "sessions_24h"),
            [compute("not decidable", "sessions_24h", "-", "decidable_24h")],
        ),
        8,
        9,
    )


def shapes(board):
    board.row("Last 24 hours, in parts")
    board.add(
        pie(
            "Verdict",
            "Sessions of the last 24 hours by verdict; undecidable ones are a part of the whole.",
            "verdict",
            VERDICT,
        ),
        6,
        8,
    )
    board.add(
        pie(
            "Mode",
            "Sessions of the last 24 hours by mode: TLS from the first octet, STARTTLS, or cleartext; grey where it"
            " was not seen.",
            "mode",
            MODE,
        ),
        6,
        8,
    )
    board.add(
        pie(
            "TLS version",
            "Sessions of the last 24 hours by the version that the server chose; grey: none, or not seen.",
            "tls",
            VERSION,
        ),
        6,
        8,
    )
    board.add(
        pie(
            "Direction",
            "Sessions of the last 24 hours by direction; grey: own networks are not configured.",
            "direction",
            DIRECTION,
        ),
        6,
        8,
    )
    board.add(
        bars(
            "Servers with most findings",
            "Sessions of the last 24 hours with a finding of severity medium or above, by server. Undecidable rules"
            " are not findings.",
            highest("server", 10),
            thresholds=MORE_IS_WORSE,
        ),
        8,
        9,
    )
    board.add(
        bars(
            "Rules with most findings",
            "Findings of the last 24 hours, by rule: the first to fix. Undecidable rules are not findings.",
            highest("rule", 10),
            thresholds=MORE_IS_WORSE,
        ),
        8,
        9,
    )
    board.add(
        table(
            "Judged by",
            "The policy profile by which each sensor judges. Profiles carry a date: rules move, and so may the"
            " compliant share.",
            rows("sensors"),
            {"sensor": "Sensor", "profile": "Profile", "sessions": "Sessions", "state": "State"},
            no_data="No sensor has reported to this site",
        ),
        8,
        9,
    )


def build():
    board = Board(
        "waxseal-overview",
        "Compliance overview",
        "Is mail encrypted, is it done as the policy profile asks, and how much could not be seen.",
    )
    figures(board)
    trends(board)
    encrypted_parts(board)
    shapes(board)
    return board
