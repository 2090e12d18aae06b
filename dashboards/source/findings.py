"""Findings and alerts: what is wrong, since when, how often, and what to do about it."""

from board import Board
from panels import (
    JUST_UNKNOWN,
    MORE_IS_CRITICAL,
    MORE_IS_WEAK,
    MORE_IS_WORSE,
    SEVERITY,
    VERSION,
    bars,
    cell,
    chart,
    highest,
    keep_rows,
    link,
    newest,
    pie,
    shares,
    stat,
    table,
    unknown_share,
    value,
    words,
)
from words_of_events import SEVERITY as SEVERITIES, counters

STATE = words(raised="bad", cleared="good")
LEVELS = {name: shown for name, shown in SEVERITIES.items() if name != "none"}


def now(board):
    board.row("Now")
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
                value("alerts_open", "All"),
            ],
        ),
        12,
        4,
        "open",
    )
    board.add(
        stat(
            "Time to fix",
            "Mean time from the first to the last sight of what an alert reported, of alerts cleared in the last 24"
            " hours; unknown where none was.",
            [value("fix_hours_avg", "Hours", "h", decimals=1)],
        ),
        4,
        4,
    )
    board.add(
        stat(
            "Findings, last 24 hours",
            "Findings of all sessions by severity; one session may have several. Undecidable: sessions with a rule"
            " that could not be decided; unknown: sessions without a verdict, of all.",
            [
                value("findings_critical_24h", "Critical", thresholds=MORE_IS_CRITICAL),
                value("findings_high_24h", "High", thresholds=MORE_IS_WORSE),
                value("findings_medium_24h", "Medium", thresholds=MORE_IS_WEAK),
                value("undecidable_24h", "Undecidable", thresholds=JUST_UNKNOWN),
                unknown_share("compliant_unknown_pct_24h"),
            ],
        ),
        8,
        4,
    )


def over_time(board):
    board.row("Findings")
    board.add(
        chart(
            "Findings by severity",
            "Findings of all sessions; one session may have several. Grey: sessions with a rule that could not be"
            " decided.",
            board.rollup(),
            {**counters("findings", LEVELS), "undecidable": ("Undecidable", "unknown")},
        ),
        12,
        9,
        "findings",
    )
    board.add(
        chart(
            "Sessions by worst finding",
            "Every session once. No finding includes sessions without a verdict: see Undecidable share.",
            board.rollup(),
            counters("severity", SEVERITIES),
        ),
        12,
        9,
    )
    board.add(
        shares(
            "Undecidable share",
            "Sessions with at least one rule that could not be decided, and sessions without a verdict, of all"
            " sessions.",
            board.rollup(),
            [
                ("A rule undecidable", "undecidable", "sessions", "low"),
                ("No verdict", "verdict_undecidable", "sessions", "unknown"),
            ],
        ),
        8,
        9,
    )
    board.add(
        pie(
            "Worst finding, last 24 hours",
            "Every session once. No finding includes sessions without a verdict: see Undecidable share.",
            "severity",
            SEVERITIES,
        ),
        8,
        9,
    )
    board.add(
        bars(
            "Top offenders: clients",
            "Sessions of the last 24 hours with a finding of severity medium or above, by client. Undecidable rules"
            " are not findings.",
            highest("client", 12),
            thresholds=MORE_IS_WORSE,
        ),
        8,
        9,
    )
    board.add(
        bars(
            "Rules with most findings",
            "Findings of the last 24 hours, by rule. `waxseal rules` says what each means and what to do."
            " Undecidable rules are not findings.",
            highest("rule", 30),
            thresholds=MORE_IS_WORSE,
        ),
        12,
        16,
        "rules",
    )
    board.add(
        bars(
            "Top offenders: servers",
            "Sessions of the last 24 hours with a finding of severity medium or above, by server. Undecidable rules"
            " are not findings.",
            highest("server", 30),
            thresholds=MORE_IS_WORSE,
        ),
        12,
        16,
    )


def alerts(board):
    board.row("Alerts")
    board.add(
        table(
            "Alerts",
            "The latest 500 alerts raised and cleared in the time range, newest first, with what to do. What could"
            " not be decided raises no alert.",
            newest("alerts", 500),
            {
                "$time": "When",
                "state": "State",
                "severity": "Severity",
                "rule": "Rule",
                "server_ip": "Server",
                "server_port": "Port",
                "server_name": "Name",
                "client_ip": "Client",
                "protocol": "Protocol",
                "role": "Role",
                "hits": "Hits",
                "open_ms": "Open for",
                "detail": "Detail",
                "advice": "What to do",
                "sensor": "Sensor",
            },
            [
                cell("When", 180, "dateTimeAsIso"),
                cell("State", 80, mappings=[STATE], paint=True),
                cell("Severity", 90, mappings=[SEVERITY], paint=True),
                cell("Rule", 200),
                cell("Server", 140),
                cell("Port", 70),
                cell("Name", 170),
                cell("Client", 140, links=[link("All about this client", "waxseal-clients", "client", "Client")]),
                cell("Protocol", 90),
                cell("Role", 100),
                cell("Hits", 70),
                cell("Open for", 110, "ms"),
                cell("Detail", 260),
                cell("What to do", 420),
                cell("Sensor", 110),
            ],
            "When",
            no_data="No alert in this time range",
        ),
        24,
        12,
        "alert_table",
    )
    board.add(
        table(
            "Insecure sessions",
            "Sessions with verdict insecure among the latest 300 of the time range, newest first. A sensor that"
            " sends only part of its events (outputs, events) shows only that part. Undecidable sessions are not"
            " listed.",
            newest("events", 300),
            {
                "$time": "When",
                "severity": "Severity",
                "client_ip": "Client",
                "server_ip": "Server",
                "server_port": "Port",
                "server_name": "Name",
                "protocol": "Protocol",
                "mode": "Mode",
                "starttls": "STARTTLS",
                "tls_version": "Version",
                "cipher": "Suite",
                "findings": "Findings",
                "undecidable": "Undecidable",
                "sensor": "Sensor",
            },
            [
                cell("When", 180, "dateTimeAsIso"),
                cell("Severity", 90, mappings=[SEVERITY], paint=True),
                cell("Client", 140, links=[link("All about this client", "waxseal-clients", "client", "Client")]),
                cell("Server", 140),
                cell("Port", 70),
                cell("Name", 170),
                cell("Protocol", 90),
                cell("Mode", 100),
                cell("STARTTLS", 110),
                cell("Version", 80, mappings=[VERSION], paint=True),
                cell("Suite", 260),
                cell("Findings", 360),
                cell("Undecidable", 200),
            ],
            "When",
            True,
            [keep_rows("verdict", "equal", value="insecure")],
            "No insecure session among the latest events of this time range",
        ),
        24,
        12,
    )


def build():
    board = Board(
        "waxseal-findings", "Findings and alerts", "What is wrong, since when, how often, and what to do about it."
    )
    now(board)
    over_time(board)
    alerts(board)
    return board
