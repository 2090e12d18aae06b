"""Clients: who would be locked out by a stricter policy, and who exposes mail or passwords."""

from board import Board, text_variable
from panels import (
    MORE_IS_CRITICAL,
    MORE_IS_WEAK,
    MORE_IS_WORSE,
    SEVERITY,
    SITE,
    VERSION,
    bars,
    cell,
    chart,
    details,
    flag,
    highest,
    link,
    ranked,
    rows,
    shares,
    stat,
    table,
    times,
    unknown_share,
    value,
)
from words_of_events import AUTH, counters


def figures(board):
    board.row("Last 24 hours")
    board.add(
        stat(
            "Clients",
            "Clients known to this site, and those that offer nothing above TLS 1.1. A client whose offer was not"
            " seen is in the first number only.",
            [
                value("clients_total", "Known"),
                value("clients_legacy", "Only old versions", thresholds=MORE_IS_WORSE),
            ],
        ),
        6,
        4,
        "clients",
    )
    board.add(
        stat(
            "Sessions of old clients",
            "Sessions whose client offers nothing above TLS 1.1, and with a readable password. Beside them:"
            " sessions where it was not seen whether there was TLS, of all.",
            [
                value("client_until_tls11_24h", "Old clients", thresholds=MORE_IS_WORSE),
                value("auth_cleartext_24h", "Readable logins", thresholds=MORE_IS_CRITICAL),
                unknown_share("encrypted_unknown_pct_24h"),
            ],
        ),
        9,
        4,
        "logins",
    )
    board.add(
        stat(
            "Fallbacks by clients",
            "Sessions in which a client tried again with less: in cleartext, or with a lower version; and those"
            " that said so (SCSV). Beside them: sessions on STARTTLS ports whose outcome was not seen, of all of"
            " them.",
            [
                value("fall_plaintext_24h", "To cleartext", thresholds=MORE_IS_WORSE),
                value("fall_version_24h", "To a lower version", thresholds=MORE_IS_WEAK),
                value("fall_scsv_24h", "SCSV"),
                unknown_share("starttls_unknown_pct_24h"),
            ],
        ),
        9,
        4,
    )


def build():
    board = Board(
        "waxseal-clients",
        "Clients",
        "Who would be locked out by a stricter policy, and who exposes mail or passwords.",
        texts=(text_variable("client", "Client", "Address of the client to look at"),),
    )
    figures(board)
    board.row("Clients")
    board.add(
        table(
            "Clients, worst first",
            "Every client seen lately. Would break: what a stricter policy on the servers would take from it. An"
            " offer that was not seen is unknown, not weak. Choose a client to see all that is known of it.",
            rows("clients"),
            {
                "client": "Client",
                "helo": "Calls itself",
                "severity": "Severity",
                "would_break": "Would break with",
                "best_version": "Best version",
                "legacy": "Only old versions",
                "weak_offer": "Offers weak suites",
                "no_aead": "No AEAD",
                "no_ecdhe": "No ECDHE",
                "plaintext": "Cleartext",
                "auth_cleartext": "Readable logins",
                "ja4": "JA4",
                "sessions": "Sessions",
                "$time": "Last seen",
            },
            [
                cell("Client", 170, links=[link("All about this client", "waxseal-clients", "client", "Client")]),
                cell("Calls itself", 200),
                cell("Severity", 90, mappings=[SEVERITY], paint=True),
                cell("Would break with", 200),
                cell("Best version", 110, mappings=[VERSION], paint=True),
                *[
                    cell(name, 130, mappings=[flag("bad")], paint=True)
                    for name in ("Only old versions", "Offers weak suites", "No AEAD", "No ECDHE")
                ],
                cell("Cleartext", 100, None, MORE_IS_WORSE, paint=True),
                cell("Readable logins", 130, None, MORE_IS_CRITICAL, paint=True),
                cell("JA4", 290),
                cell("Sessions", 90),
                cell("Last seen", 180, "dateTimeAsIso"),
            ],
            transformations=[ranked("sev")],
            no_data="No client seen yet",
        ),
        24,
        12,
        "client_table",
    )
    board.add(
        times(
            "When ${client} was seen", SITE + "cli:${client}", {"first_ms": "First seen", "last_ms": "Last seen"}
        ),
        24,
        4,
    )
    board.add(
        details(
            "All about client ${client}",
            "What is kept of the client chosen in the table above, or typed into the field Client. rule:NAME is"
            " when a rule was last hit, and its severity from 0 to 5. Unknown numbers are -1, unknown text is"
            " none.",
            SITE + "cli:${client}",
            "Choose a client in the table, or type its address above",
        ),
        12,
        12,
    )
    board.add(
        bars(
            "Clients with most findings",
            "Sessions of the last 24 hours with a finding of severity medium or above, by client. Undecidable rules"
            " are not findings.",
            highest("client", 20),
            thresholds=MORE_IS_WORSE,
        ),
        12,
        12,
    )
    over_time(board)
    return board


def over_time(board):
    board.row("Over time")
    board.add(
        chart(
            "Logins",
            "Every session once, by what was seen of a login. Grey: inside TLS, where it cannot be seen.",
            board.rollup(),
            counters("auth", AUTH),
        ),
        12,
        9,
    )
    board.add(
        shares(
            "Old clients",
            "Sessions whose client offers nothing above TLS 1.1, of all sessions. Dashed: sessions where it was not"
            " seen whether TLS was established, of all.",
            board.rollup(),
            [
                ("Nothing above TLS 1.1", "client_until_tls11", "sessions", "bad"),
                ("Unknown", "tls_unknown", "sessions", "unknown"),
            ],
        ),
        12,
        9,
    )
    board.add(
        chart(
            "Clients falling back",
            "Sessions in which a client tried again with less. Grey: sessions whose STARTTLS outcome was not seen,"
            " where a fallback would not be seen either.",
            board.rollup(),
            {
                "fall_plaintext": ("To cleartext", "bad"),
                "fall_version": ("To a lower version", "medium"),
                "fall_scsv": ("Says so (SCSV)", "count"),
                "starttls_unknown": ("Unknown", "unknown"),
            },
        ),
        12,
        9,
    )
    board.add(
        chart(
            "Resumed sessions",
            "Resumed sessions hide certificate and key exchange. Beside them all established ones. Grey: not seen"
            " whether TLS was established.",
            board.rollup(),
            {
                "resumed": ("Resumed", "count"),
                "tls_established": ("Established", "good"),
                "tls_unknown": ("Unknown", "unknown", "dashed"),
            },
            stacked=False,
        ),
        12,
        9,
    )
