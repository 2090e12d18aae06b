"""STARTTLS and downgrades: where the way to TLS breaks off, and who falls back."""

from board import Board
from panels import (
    JUST_UNKNOWN,
    MORE_IS_CRITICAL,
    MORE_IS_WEAK,
    MORE_IS_WORSE,
    SEVERITY,
    SHARE_IS_GOOD,
    bars,
    cell,
    chart,
    colour,
    gauges,
    highest,
    keep_rows,
    link,
    newest,
    override,
    pie,
    rows,
    share,
    shares,
    stat,
    table,
    unknown_share,
    value,
    words,
)
from words_of_events import AUTH, STARTTLS, counters

FUNNEL = {
    "funnel_sessions": ("Sessions on STARTTLS ports", "count"),
    "funnel_offered": ("STARTTLS offered", "count"),
    "funnel_asked": ("Asked for", "count"),
    "funnel_accepted": ("Go-ahead given", "count"),
    "funnel_client_hello": ("ClientHello sent", "fair"),
    "funnel_server_hello": ("ServerHello sent", "fair"),
    "funnel_established": ("TLS established", "good"),
}
FALLS = {
    "fall_withheld": ("STARTTLS withheld", "bad"),
    "fall_path_dependent": ("Offered to others only", "critical"),
    "fall_plaintext": ("Cleartext after failed TLS", "medium"),
    "fall_version": ("Lower version retried", "low"),
    "fall_version_drop": ("Version below the usual", "count2"),
    "fall_marker": ("Downgrade marker", "count"),
    "fall_scsv": ("Fallback SCSV", "count3"),
}
ALERTS = {
    "alert_unknown_ca": ("unknown_ca (48)", "bad"),
    "alert_bad_certificate": ("bad_certificate (42)", "critical"),
    "alert_certificate_expired": ("certificate_expired (45)", "medium"),
    "alert_certificate_unknown": ("certificate_unknown (46)", "low"),
    "alert_protocol_version": ("protocol_version (70)", "count"),
    "alert_handshake_failure": ("handshake_failure (40)", "count2"),
    "alert_inappropriate_fallback": ("inappropriate_fallback (86)", "count3"),
    "alert_other": ("Any other", "count4"),
}
REPORT = {
    "tlsrpt_success": ("Successful", "good"),
    "tlsrpt_starttls_not_supported": ("starttls-not-supported", "medium"),
    "tlsrpt_certificate_host_mismatch": ("certificate-host-mismatch", "low"),
    "tlsrpt_certificate_expired": ("certificate-expired", "bad"),
    "tlsrpt_certificate_not_trusted": ("certificate-not-trusted", "count2"),
    "tlsrpt_validation_failure": ("validation-failure", "critical"),
}


def day(names):
    """The 24 h gauges of these counters."""
    return gauges(*[name + "_24h" for name in names])


def day_bars(names):
    return [
        override(name + "_24h", displayName=label, color=colour(meaning))
        for name, (label, meaning) in names.items()
    ]


def funnel(board):
    board.row("The way to TLS")
    board.add(
        stat(
            "STARTTLS completed",
            "Upgrades to TLS, of sessions on STARTTLS ports whose outcome is known. Beside it: sessions there whose"
            " outcome was not seen, of all of them.",
            [share("upgraded_pct_24h", "Upgraded"), unknown_share("starttls_unknown_pct_24h")],
        ),
        6,
        4,
        "upgraded",
    )
    board.add(
        stat(
            "Where it broke off",
            "Sessions of the last 24 hours by what went wrong. Stripped: the offer was masked on the path. Unknown:"
            " the outcome was not seen.",
            [
                value("starttls_stripped_24h", "Stripped", thresholds=MORE_IS_CRITICAL),
                value("starttls_refused_24h", "Refused", thresholds=MORE_IS_WORSE),
                value("starttls_failed_24h", "TLS failed", thresholds=MORE_IS_WORSE),
                value("starttls_not_offered_24h", "Not offered", thresholds=MORE_IS_WEAK),
                value("starttls_not_used_24h", "Not used", thresholds=MORE_IS_WEAK),
                value("starttls_unknown_24h", "Unknown", thresholds=JUST_UNKNOWN),
            ],
        ),
        12,
        4,
        "stripped",
    )
    board.add(
        stat(
            "Fallbacks",
            "Sessions of the last 24 hours in which a weaker way followed a better one. Unknown: sessions on"
            " STARTTLS ports whose outcome was not seen, where a fallback would not be seen either.",
            [
                value("fall_plaintext_24h", "To cleartext", thresholds=MORE_IS_WORSE),
                value("fall_version_24h", "To a lower version", thresholds=MORE_IS_WEAK),
                value("starttls_unknown_24h", "Unknown", thresholds=JUST_UNKNOWN),
            ],
        ),
        6,
        4,
    )
    board.add(
        bars(
            "STARTTLS funnel",
            "The last 24 hours on ports with STARTTLS: each step counts sessions of the one above. What was not"
            " captured is missing in the steps; its unknown share stands in STARTTLS completed.",
            day(FUNNEL),
            day_bars(FUNNEL),
            "No session on a STARTTLS port in the last 24 hours",
        ),
        12,
        9,
    )
    board.add(
        pie(
            "Outcome of STARTTLS",
            "Every session of the last 24 hours once, by what became of STARTTLS. Grey: not seen.",
            "starttls",
            STARTTLS,
        ),
        12,
        9,
    )
    board.add(
        chart(
            "Outcome of STARTTLS over time",
            "Every session once, by what became of STARTTLS. Grey: not seen.",
            board.rollup(),
            counters("starttls", STARTTLS),
        ),
        12,
        9,
        "outcomes",
    )
    board.add(
        shares(
            "Completed share over time",
            "Upgrades, of sessions on STARTTLS ports; offers, of the same. Dashed: sessions whose outcome was not"
            " seen, of all sessions.",
            board.rollup(),
            [
                ("Upgraded", "starttls_upgraded", "funnel_sessions", "good"),
                ("Offered", "funnel_offered", "funnel_sessions", "count"),
                ("Unknown", "starttls_unknown", "sessions", "unknown"),
            ],
        ),
        12,
        9,
    )


def downgrades(board):
    board.row("Downgrades")
    board.add(
        chart(
            "Signs of a downgrade",
            "Sessions with the finding. Withheld: a server that used to offer STARTTLS does not. To others only:"
            " another client or sensor still gets the offer. A session of which the beginning or one direction is"
            " missing cannot show these signs; see the unknown share.",
            board.rollup(),
            FALLS,
        ),
        12,
        9,
        "downgrades",
    )
    board.add(
        bars(
            "Signs of a downgrade, last 24 hours",
            "Sessions with the finding. See Signs of a downgrade for the words, STARTTLS completed for the unknown"
            " share, of sessions that could not show them.",
            day(FALLS),
            day_bars(FALLS),
        ),
        12,
        9,
    )
    board.add(
        table(
            "Servers that do not always offer STARTTLS",
            "Servers on STARTTLS ports with an offer in fewer than all sessions, least first. An unknown share of"
            " offers is not listed.",
            rows("servers"),
            {
                "server": "Server",
                "name": "Name",
                "protocol": "Protocol",
                "sessions": "Sessions",
                "offer_pct": "Offers",
                "findings": "Findings",
                "$time": "Last seen",
            },
            [
                cell("Server", 190, links=[link("All about this server", "waxseal-servers", "server", "Server")]),
                cell("Name"),
                cell("Offers", 110, "percent", SHARE_IS_GOOD, paint=True, decimals=1),
                cell("Protocol", 100),
                cell("Sessions", 100),
                cell("Last seen", 180, "dateTimeAsIso"),
                cell("Findings"),
            ],
            "Offers",
            False,
            [keep_rows("offer_pct", "greaterOrEqual", value=0), keep_rows("offer_pct", "lower", value=100)],
            "Every server seen offers STARTTLS",
        ),
        12,
        9,
    )
    board.add(
        table(
            "Alerts about STARTTLS and fallbacks",
            "The latest alerts of these rules in the time range, newest first. What could not be decided raises no"
            " alert.",
            newest("alerts", 500),
            {
                "$time": "When",
                "state": "State",
                "severity": "Severity",
                "rule": "Rule",
                "server_ip": "Server",
                "client_ip": "Client",
                "hits": "Hits",
            },
            [
                cell("When", 180, "dateTimeAsIso"),
                cell("Severity", 100, mappings=[SEVERITY], paint=True),
                cell("State", 90, mappings=[words(raised="bad", cleared="good")], paint=True),
                cell("Hits", 80),
            ],
            "When",
            True,
            [keep_rows("rule", "regex", value="starttls|fallback|downgrade|version_drop|injection|go_ahead")],
            "No alert of these rules in this time range",
        ),
        12,
        9,
    )


def exposed(board):
    board.row("Credentials and messages in the clear")
    board.add(
        chart(
            "Logins",
            "Every session once, by what was seen of a login. Grey: inside TLS, where it cannot be seen.",
            board.rollup(),
            counters("auth", AUTH),
        ),
        12,
        9,
        "logins",
    )
    board.add(
        pie(
            "Logins, last 24 hours",
            "Every session once, by what was seen of a login. Grey: inside TLS, where it cannot be seen.",
            "auth",
            AUTH,
        ),
        6,
        9,
    )
    board.add(
        bars(
            "Readable logins by mechanism",
            "Sessions of the last 24 hours whose password crossed the network readable, by mechanism. User names"
            " and passwords are never kept, so users cannot be counted.",
            highest("mechanism", 8),
            (),
            "No readable login in the last 24 hours",
            thresholds=MORE_IS_CRITICAL,
        ),
        6,
        9,
    )
    board.add(
        chart(
            "Messages in the clear",
            "Messages accepted outside TLS. Messages inside TLS cannot be counted. Octets of unknown mode, which"
            " may hold more, stand in Compliance overview.",
            board.rollup(),
            {"messages_cleartext": ("Messages", "bad")},
        ),
        12,
        8,
    )
    board.add(
        chart(
            "Clients that offer only old versions",
            "Sessions whose client offers nothing above TLS 1.1, and all sessions with a ClientHello on STARTTLS"
            " ports for comparison. Grey: sessions where it was not seen whether TLS was established.",
            board.rollup(),
            {
                "client_until_tls11": ("Nothing above TLS 1.1", "bad"),
                "funnel_client_hello": ("ClientHello on STARTTLS ports", "count"),
                "tls_unknown": ("Unknown", "unknown", "dashed"),
            },
            stacked=False,
        ),
        12,
        8,
    )


def failures(board):
    board.row("Failed handshakes and TLS reports")
    board.add(
        chart(
            "TLS alerts sent in the clear",
            "Sessions that ended by a readable TLS alert, of client or server. Under TLS 1.3 most alerts are"
            " encrypted and cannot be told from data.",
            board.rollup(),
            ALERTS,
        ),
        12,
        9,
        "alerts",
    )
    board.add(
        bars(
            "TLS alerts, last 24 hours",
            "Sessions that ended by a readable TLS alert. Hidden: certificates that TLS 1.3 hides, whose refusal"
            " would be hidden as well.",
            gauges(*[name + "_24h" for name in ALERTS], "cert_hidden_tls13_24h"),
            [
                *day_bars(ALERTS),
                override("cert_hidden_tls13_24h", displayName="Hidden by TLS 1.3", color=colour("unknown")),
            ],
        ),
        12,
        9,
    )
    board.add(
        chart(
            "Handshakes",
            "Every session once, by what became of TLS. Grey: not seen whether TLS was established.",
            board.rollup(),
            {
                "tls_established": ("Established", "good"),
                "tls_hello_only": ("ClientHello without an answer", "low"),
                "tls_failed": ("Failed", "bad"),
                "tls_none": ("No TLS", "count"),
                "tls_unknown": ("Unknown", "unknown"),
            },
        ),
        12,
        9,
    )
    board.add(
        bars(
            "TLS report counts, last 24 hours",
            "Relay sessions counted as RFC 8460 does: successful ones, and failures by result type. Only the types"
            " that can be seen without DNS. Unknown: sessions whose outcome was not seen; they are in no type.",
            gauges(*[name + "_24h" for name in REPORT], "starttls_unknown_24h"),
            [*day_bars(REPORT), override("starttls_unknown_24h", displayName="Unknown", color=colour("unknown"))],
        ),
        12,
        9,
    )
    board.add(
        chart(
            "TLS report counts over time",
            "Relay sessions counted as RFC 8460 does. Grey: sessions whose outcome was not seen; they are in no"
            " type.",
            board.rollup(),
            {**REPORT, "starttls_unknown": ("Unknown", "unknown")},
        ),
        24,
        8,
    )


def build():
    board = Board(
        "waxseal-starttls",
        "STARTTLS and downgrades",
        "Where the way from a cleartext dialogue to TLS breaks off, who falls back, and what is exposed then.",
    )
    funnel(board)
    downgrades(board)
    exposed(board)
    failures(board)
    return board
