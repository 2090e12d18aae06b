"""Servers and certificates: who answers, how well, and with which certificate until when."""

from board import Board, text_variable
from panels import (
    DAYS_LEFT,
    JUST_UNKNOWN,
    MORE_IS_CRITICAL,
    MORE_IS_WEAK,
    MORE_IS_WORSE,
    SEVERITY,
    SHARE_IS_GOOD,
    SITE,
    VERSION,
    bars,
    cell,
    chart,
    colour,
    command,
    compute,
    details,
    flag,
    highest,
    keep_rows,
    link,
    override,
    pie,
    ranked,
    rows,
    share,
    shares,
    stat,
    table,
    times,
    unknown_share,
    value,
    words,
)
from words_of_events import CERT

TRUST = words(
    trusted="good", self_signed="bad", untrusted="bad", incomplete="medium", expired="bad", not_checked="unknown"
)
PROBLEMS = {
    "cert_expired": ("Expired", "critical"),
    "cert_expires_soon": ("Expires soon", "low"),
    "cert_self_signed": ("Self-signed", "medium"),
    "cert_untrusted": ("Untrusted", "bad"),
    "cert_incomplete_chain": ("Incomplete chain", "count2"),
    "cert_name_mismatch": ("Name mismatch", "count3"),
    "cert_weak_key": ("Weak key", "count4"),
    "cert_weak_signature": ("Weak signature", "count"),
}


def servers(board):
    board.row("Servers")
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
        8,
        4,
        "servers",
    )
    board.add(
        stat(
            "Strength of TLS",
            "Forward secrecy and authenticated encryption, of sessions whose suite was seen; post-quantum groups,"
            " of sessions whose group was seen; TLS 1.3, of sessions of known version. Unknown: established"
            " sessions whose suite was not seen, of established.",
            [
                share("tls13_pct_24h", "TLS 1.3"),
                share("forward_secrecy_pct_24h", "Forward secrecy"),
                share("aead_pct_24h", "AEAD"),
                value("pq_pct_24h", "Post-quantum", "percent", decimals=1),
                unknown_share("suite_unknown_pct_24h"),
            ],
        ),
        16,
        4,
    )
    board.add(
        table(
            "Servers, worst first",
            "Every server seen lately, with its worst finding and what to change. Encrypted and compliant are"
            " shares of its own sessions that could be decided; unknown where none could. Choose a server to see"
            " all that is known of it.",
            rows("servers"),
            {
                "server": "Server",
                "name": "Name",
                "protocol": "Protocol",
                "role": "Role",
                "severity": "Severity",
                "encrypted_pct": "Encrypted",
                "compliant_pct": "Compliant",
                "offer_pct": "Offers STARTTLS",
                "best_version": "Best",
                "worst_version": "Worst",
                "cert_days": "Days left",
                "sessions": "Sessions",
                "advice": "What to change",
                "findings": "Findings",
                "$time": "Last seen",
            },
            [
                cell("Server", 190, links=[link("All about this server", "waxseal-servers", "server", "Server")]),
                cell("Name", 180),
                cell("Protocol", 90),
                cell("Role", 100),
                cell("Severity", 90, mappings=[SEVERITY], paint=True),
                cell("Encrypted", 100, "percent", SHARE_IS_GOOD, paint=True, decimals=1),
                cell("Compliant", 100, "percent", SHARE_IS_GOOD, paint=True, decimals=1),
                cell("Offers STARTTLS", 125, "percent", SHARE_IS_GOOD, paint=True, decimals=1),
                cell("Best", 80, mappings=[VERSION], paint=True),
                cell("Worst", 80, mappings=[VERSION], paint=True),
                cell("Days left", 90, None, DAYS_LEFT, paint=True),
                cell("Sessions", 90),
                cell("What to change", 420),
                cell("Findings", 320),
                cell("Last seen", 180, "dateTimeAsIso"),
            ],
            transformations=[ranked("sev")],
            no_data="No server seen yet",
        ),
        24,
        12,
        "server_table",
    )
    board.add(
        times(
            "When ${server} was seen",
            SITE + "srv:${server}",
            {
                "first_ms": "First seen",
                "last_ms": "Last seen",
                "offer_ms": "Last offer of STARTTLS",
                "no_offer_ms": "Last without",
            },
        ),
        24,
        4,
    )
    board.add(
        details(
            "All about server ${server}",
            "What is kept of the server chosen in the table above, or typed as IP:PORT into the field Server."
            " Numbers ending in _ms are times. rule:NAME is when that rule was last hit, and its severity from 0 to"
            " 5. Unknown numbers are -1, unknown text is none.",
            SITE + "srv:${server}",
            "Choose a server in the table, or type IP:PORT above",
        ),
        12,
        12,
    )
    board.add(
        bars(
            "Servers with most findings",
            "Sessions of the last 24 hours with a finding of severity medium or above, by server. Undecidable rules"
            " are not findings.",
            highest("server", 15),
            thresholds=MORE_IS_WORSE,
        ),
        12,
        12,
    )
    board.add(by_protocol("Encrypted share by protocol and port", "protocol", "Protocol"), 12, 9)
    board.add(by_protocol("Encrypted share by role", "role", "Role"), 12, 9)


def by_protocol(title, field, heading):
    group = {
        "id": "groupBy",
        "options": {
            "fields": {
                field: {"operation": "groupby", "aggregations": []},
                **({"server_port": {"operation": "groupby", "aggregations": []}} if field == "protocol" else {}),
                "sessions": {"operation": "aggregate", "aggregations": ["sum"]},
                "weighted": {"operation": "aggregate", "aggregations": ["sum"]},
                "server": {"operation": "aggregate", "aggregations": ["count"]},
            }
        },
    }
    columns = {
        field: heading,
        **({"server_port": "Port"} if field == "protocol" else {}),
        "server (count)": "Servers",
        "sessions (sum)": "Sessions",
        "share": "Encrypted",
    }
    return table(
        title,
        "Over the servers of the table, each weighted by its sessions, since the server was first seen. Servers"
        " whose share is unknown are left out; the unknown share of the site stands in Compliance overview.",
        rows("servers"),
        columns,
        [cell("Encrypted", 140, "percent", SHARE_IS_GOOD, paint=True, decimals=1), cell(heading)],
        "Encrypted",
        False,
        [
            keep_rows("encrypted_pct", "greaterOrEqual", value=0),
            compute("weighted", "sessions", "*", "encrypted_pct"),
            group,
            compute("share", "weighted (sum)", "/", "sessions (sum)"),
        ],
        "No server with a known share yet",
    )


def suites(board):
    board.row("Versions, suites and groups")
    board.add(
        bars(
            "Suites chosen",
            "The 20 most frequent suites of the last 24 hours. Sessions whose suite was not seen are not among"
            " them; their share stands in Strength of TLS.",
            highest("cipher", 20),
        ),
        8,
        13,
    )
    board.add(
        bars(
            "Groups chosen",
            "Key-exchange groups of the last 24 hours. Sessions whose group was not seen (resumed ones, RSA key"
            " exchange, gaps) are not among them.",
            highest("group", 15),
        ),
        8,
        13,
    )
    board.add(
        shares(
            "Strength over time",
            "Forward secrecy and AEAD of sessions whose suite was seen, post-quantum of those whose group was seen."
            " Dashed: established sessions whose suite was not seen.",
            board.rollup(),
            [
                ("Forward secrecy", "forward_secrecy", "suite_known", "good"),
                ("AEAD", "aead", "suite_known", "fair"),
                ("Post-quantum", "group_pq", "group_known", "count"),
                ("Unknown", "suite_unknown", "tls_established", "unknown"),
            ],
        ),
        8,
        13,
    )


def certificates(board):
    board.row("Certificates")
    board.add(
        stat(
            "Certificates",
            "Different certificates known to this site, by what is wrong with them and by days left. Certificates"
            " that TLS 1.3 or resumption hides are not known; Visible is the share of sessions with a"
            " certificate that showed it.",
            [
                value("certs_total", "Known"),
                value("certs_expired", "Expired", thresholds=MORE_IS_CRITICAL),
                value("certs_7d", "7 days", thresholds=MORE_IS_WORSE),
                value("certs_14d", "14 days", thresholds=MORE_IS_WEAK),
                value("certs_30d", "30 days", thresholds=MORE_IS_WEAK),
                value("certs_weak", "Weak", thresholds=MORE_IS_WORSE),
                value("certs_reused_keys", "Keys reused", thresholds=MORE_IS_WEAK),
                value("cert_visible_pct_24h", "Visible", "percent", JUST_UNKNOWN, decimals=1),
            ],
        ),
        24,
        4,
        "expiry",
    )
    board.add(
        bars(
            "Certificates by days left",
            "Certificates known to this site. Hidden certificates (TLS 1.3, resumption) are not among them: see Can"
            " certificates be seen?",
            command("hgetall", SITE + "hist:certdays"),
            [
                override(name, displayName=label, color=colour(meaning))
                for name, label, meaning in (
                    ("expired", "Expired", "critical"),
                    ("d0_7", "Up to 7 days", "bad"),
                    ("d8_14", "8 to 14", "medium"),
                    ("d15_30", "15 to 30", "low"),
                    ("d31_90", "31 to 90", "fair"),
                    ("d91_up", "91 and more", "good"),
                )
            ],
            "No certificate seen yet",
        ),
        8,
        9,
    )
    board.add(
        pie(
            "Can certificates be seen?",
            "Every session of the last 24 hours once. TLS 1.3 and resumption hide certificates; grey: missed by the"
            " capture.",
            "cert",
            CERT,
        ),
        8,
        9,
    )
    board.add(
        bars(
            "Issuers",
            "Sessions of the last 24 hours by issuer of the visible certificate; hidden certificates are not"
            " among them.",
            highest("issuer", 10),
            no_data="No certificate seen in the last 24 hours",
        ),
        8,
        9,
    )
    board.add(
        chart(
            "Sessions with certificate findings",
            "Of sessions with a visible certificate; one session may have several. Line: sessions whose certificate"
            " was hidden by TLS 1.3, which cannot be judged.",
            board.rollup(),
            PROBLEMS,
        ),
        12,
        9,
        "certificate_findings",
    )
    board.add(
        shares(
            "Visible share over time",
            "Sessions with a visible certificate, and those where TLS 1.3 or resumption hid it, of sessions"
            " that had one. Dashed: missed by the capture.",
            board.rollup(),
            [
                ("Visible", "cert_visible", "with a certificate", "good"),
                ("Hidden by TLS 1.3", "cert_hidden_tls13", "with a certificate", "fair"),
                ("Hidden by resumption", "cert_hidden_resumed", "with a certificate", "count"),
                ("Unknown", "cert_gap", "with a certificate", "unknown"),
            ],
            [compute("with a certificate", "sessions", "-", "cert_none")],
        ),
        12,
        9,
    )
    board.add(
        table(
            "Certificates, first to expire first",
            "Every visible certificate seen lately. Certificates that TLS 1.3 or resumption hides are not here."
            " Choose one to see all that is known of it.",
            rows("certs"),
            {
                "cert": "Certificate",
                "subject": "Subject",
                "issuer": "Issuer",
                "names": "Names",
                "cert_days": "Days left",
                "not_after_ms": "Valid until",
                "validity_days": "Lifetime",
                "trust": "Trust",
                "mismatch": "Name mismatch",
                "weak": "Weak",
                "key": "Key",
                "key_bits": "Bits",
                "signature": "Signature",
                "scope": "Scope",
                "validation": "Validation",
                "servers": "Servers",
                "server": "Last server",
                "sessions": "Sessions",
                "$time": "Last seen",
            },
            [
                cell(
                    "Certificate",
                    200,
                    links=[link("All about this certificate", "waxseal-servers", "cert", "Certificate")],
                ),
                cell("Subject", 240),
                cell("Issuer", 240),
                cell("Names", 200),
                cell("Days left", 90, None, DAYS_LEFT, paint=True),
                cell("Valid until", 180, "dateTimeAsIso"),
                cell("Lifetime", 90, None),
                cell("Trust", 110, mappings=[TRUST], paint=True),
                cell("Name mismatch", 120, mappings=[flag("bad")], paint=True),
                cell("Weak", 80, mappings=[flag("bad")], paint=True),
                cell("Key", 90),
                cell("Bits", 70),
                cell("Signature", 160),
                cell("Scope", 90),
                cell("Validation", 90),
                cell("Servers", 80),
                cell(
                    "Last server",
                    190,
                    links=[link("All about this server", "waxseal-servers", "server", "Last server")],
                ),
                cell("Sessions", 90),
                cell("Last seen", 180, "dateTimeAsIso"),
            ],
            "Days left",
            False,
            no_data="No certificate seen yet",
        ),
        24,
        12,
    )
    board.add(
        details(
            "All about certificate ${cert}",
            "What is kept of the certificate chosen in the table above, or typed as sha256:... into the field"
            " Certificate. Unknown numbers are -1, unknown text is none.",
            SITE + "cert:${cert}",
            "Choose a certificate in the table",
        ),
        12,
        11,
    )
    for title, field, heading in (
        ("Keys of certificates", "key", "Key"),
        ("Signatures of certificates", "signature", "Signature"),
    ):
        board.add(grouped(title, field, heading), 6, 11)


def grouped(title, field, heading):
    group = {
        "id": "groupBy",
        "options": {
            "fields": {
                field: {"operation": "groupby", "aggregations": []},
                "cert": {"operation": "aggregate", "aggregations": ["count"]},
                "sessions": {"operation": "aggregate", "aggregations": ["sum"]},
            }
        },
    }
    return table(
        title,
        f"Visible certificates of the table above, by {heading.lower()}. Hidden certificates are not among them.",
        rows("certs"),
        {field: heading, "cert (count)": "Certificates", "sessions (sum)": "Sessions"},
        [cell(heading), cell("Certificates", 110), cell("Sessions", 90)],
        "Certificates",
        True,
        [group],
        "No certificate seen yet",
    )


def build():
    board = Board(
        "waxseal-servers",
        "Servers and certificates",
        "Who answers, how well it is protected, what to change, and which certificate ends when.",
        texts=(
            text_variable("server", "Server", "IP:PORT of the server to look at"),
            text_variable("cert", "Certificate", "sha256:... of the certificate to look at"),
        ),
    )
    servers(board)
    suites(board)
    certificates(board)
    return board
