"""Grafana alert rules over the gauges of `now` and the heartbeat.

What the rule engine accepts decides the queries: HGET, TTL and the like answer one number; a stream's answer has a text column and
is refused. Nothing is interpolated in a rule, so site and sensors are written out. -1 is an unknown gauge: a rule with a lower
limit must not take it for a low value, hence the ranges that begin at -0.5. A gauge that Redis does not have is an error of the
rule (execErrState), which is what somebody who lost the data should hear."""

import hashlib
import json

SOURCE_UID = "waxseal-redis"
ABOVE_0 = ("gt", [0])
# key, title, (command, key, field), evaluator, for, severity, dashboard, panel, summary, what to do
RULES = (
    (
        "open-critical",
        "Critical mail TLS alerts are open",
        ("hget", "now", "open_critical"),
        ABOVE_0,
        "2m",
        "critical",
        "waxseal-findings",
        "open",
        "Open critical alerts: {{ .Values.A }}",
        "Open the table of alerts: each says what to do.",
    ),
    (
        "open-high",
        "High mail TLS alerts are open",
        ("hget", "now", "open_high"),
        ABOVE_0,
        "10m",
        "high",
        "waxseal-findings",
        "open",
        "Open high alerts: {{ .Values.A }}",
        "Open the table of alerts: each says what to do.",
    ),
    (
        "compliance",
        "Compliant share of mail sessions is below 95 %",
        ("hget", "now", "compliant_pct_24h"),
        ("within_range", [-0.5, 95]),
        "15m",
        "medium",
        "waxseal-overview",
        "compliant",
        "Compliant, per cent of sessions with a verdict: {{ .Values.A }}",
        "See which rules have most findings, and fix the first servers of the list.",
    ),
    (
        "encrypted-share",
        "Encrypted share of mail sessions fell below 90 %",
        ("hget", "now", "encrypted_pct_24h"),
        ("within_range", [-0.5, 90]),
        "15m",
        "high",
        "waxseal-overview",
        "encrypted",
        "Encrypted, per cent of sessions where that is known: {{ .Values.A }}",
        "See in STARTTLS and downgrades where the way to TLS breaks off.",
    ),
    (
        "cleartext-logins",
        "Passwords crossed the network readable",
        ("hget", "now", "auth_cleartext_24h"),
        ABOVE_0,
        "1m",
        "critical",
        "waxseal-starttls",
        "logins",
        "Sessions with a readable login in 24 hours: {{ .Values.A }}",
        "Make the servers refuse logins outside TLS, and change the passwords.",
    ),
    (
        "stripped",
        "STARTTLS is stripped on the path",
        ("hget", "now", "starttls_stripped_24h"),
        ABOVE_0,
        "1m",
        "critical",
        "waxseal-starttls",
        "stripped",
        "Sessions whose STARTTLS offer was masked in 24 hours: {{ .Values.A }}",
        "Look for a firewall or proxy between client and server that inspects SMTP, and end that.",
    ),
    (
        "certificates-expired",
        "Certificates of mail servers have expired",
        ("hget", "now", "certs_expired"),
        ABOVE_0,
        "10m",
        "high",
        "waxseal-servers",
        "expiry",
        "Expired certificates: {{ .Values.A }}",
        "The table of certificates names the servers; renew there.",
    ),
    (
        "certificates-7-days",
        "Certificates of mail servers expire within 7 days",
        ("hget", "now", "certs_7d"),
        ABOVE_0,
        "10m",
        "medium",
        "waxseal-servers",
        "expiry",
        "Certificates with at most 7 days left: {{ .Values.A }}",
        "The table of certificates names the servers; renew there.",
    ),
    (
        "site-silent",
        "No mail TLS sensor writes to this site",
        ("ttl", "hb:all", None),
        ("lt", [0]),
        "5m",
        "critical",
        "waxseal-sensors",
        "sensors",
        "No sensor of the site has a heartbeat",
        "Check the sensors' services and their way to Redis.",
    ),
    (
        "packets-dropped",
        "A mail TLS sensor drops packets",
        ("hget", "now", "drop_pct"),
        ("gt", [1]),
        "10m",
        "medium",
        "waxseal-sensors",
        "mirror",
        "Packets dropped, per cent: {{ .Values.A }}",
        "Give the sensor more workers or a larger kernel ring, or mirror less.",
    ),
    (
        "mirror",
        "The mirror port is not in order",
        ("hget", "now", "mirror_ok"),
        ("within_range", [-0.5, 0.5]),
        "10m",
        "medium",
        "waxseal-sensors",
        "mirror",
        "What the mirror shows is incomplete",
        "The table of sensors names the fault; waxseal doctor on the sensor says what to do.",
    ),
    (
        "events-lost",
        "Mail TLS events were lost before Redis",
        ("hget", "now", "events_lost"),
        ABOVE_0,
        "1m",
        "high",
        "waxseal-sensors",
        "delivery",
        "Events lost since the live sensors began: {{ .Values.A }}",
        (
            "Give the spool more room, and see why Redis was away. The number returns to 0 when the sensor is"
            " restarted."
        ),
    ),
    (
        "unknown-encryption",
        "Too many mail sessions of unknown encryption",
        ("hget", "now", "encrypted_unknown_pct_24h"),
        ("gt", [20]),
        "15m",
        "medium",
        "waxseal-sensors",
        "unknown",
        "Sessions of which it is not known whether they were encrypted, per cent: {{ .Values.A }}",
        "The mirror misses too much; see the table of sensors.",
    ),
    (
        "unknown-verdict",
        "Too many mail sessions without a verdict",
        ("hget", "now", "compliant_unknown_pct_24h"),
        ("gt", [20]),
        "15m",
        "medium",
        "waxseal-sensors",
        "unknown",
        "Sessions without a verdict, per cent: {{ .Values.A }}",
        "The mirror misses too much; see the table of sensors.",
    ),
)
HEARTBEAT = (
    "sensor-lost",
    "Mail TLS sensor {} is lost",
    ("ttl", "hb:{}", None),
    ("lt", [0]),
    "2m",
    "critical",
    "waxseal-sensors",
    "heartbeat",
    "The heartbeat of sensor {} has run out",
    "Check the sensor's service and its way to Redis.",
)

HEAD = """\
# Alert rules of Waxseal for site {site}. Written by dashboards/generate: change dashboards/source/alerting.py, or copy this file.
# Rules know no variables. For a site of another name, or other sensors:
#     dashboards/generate --rules SITE SENSOR... > /etc/grafana/provisioning/alerting/waxseal-SITE.yaml
# A rule watches the figures of a whole site: the alert for each server is in the stream `alerts`, in syslog, and in the dashboards.
apiVersion: 1
groups:
  - orgId: 1
    name: waxseal-{site}
    folder: Mail TLS
    interval: 1m
    rules:
"""
RULE = """\
      - uid: {uid}
        title: {title}
        condition: B
        data:
          - refId: A
            relativeTimeRange: {{from: 600, to: 0}}
            datasourceUid: {source}
            model: {model}
          - refId: B
            datasourceUid: __expr__
            model:
              refId: B
              type: threshold
              expression: A
              conditions:
                - evaluator: {{type: {test}, params: {params}}}
        for: {for_}
        noDataState: NoData
        execErrState: Error
        labels: {{severity: {severity}, site: {site}}}
        annotations:
          summary: {summary}
          description: {advice}
        dashboardUid: {dashboard}
        panelId: {panel}
        isPaused: false
"""


def uid(site, key):
    """At most 40 characters, whatever the site is called."""
    return f"waxseal-{hashlib.sha256(site.encode()).hexdigest()[:6]}-{key}"[:40]


def model(site, query):
    name, key, field = query
    parts = {
        "refId": "A",
        "type": "command",
        "command": name,
        "keyName": f"waxseal:{{{site}}}:{key}",
        **({"field": field} if field else {}),
        "query": "",
    }
    return "{" + ", ".join(f"{k}: {json.dumps(v)}" for k, v in parts.items()) + "}"


def rule(panels, site, key, title, query, evaluator, for_, severity, dashboard, panel, summary, advice):
    return RULE.format(
        uid=uid(site, key),
        title=json.dumps(f"{title} ({site})", ensure_ascii=False),
        source=SOURCE_UID,
        model=model(site, query),
        test=evaluator[0],
        params=json.dumps(evaluator[1]),
        for_=for_,
        severity=severity,
        site=json.dumps(site),
        summary=json.dumps(summary, ensure_ascii=False),
        advice=json.dumps(advice, ensure_ascii=False),
        dashboard=dashboard,
        panel=panels[dashboard][panel],
    )


def rules(boards, site, sensors):
    panels = {board.uid: board.names for board in boards}
    text = HEAD.format(site=site)
    for row in RULES:
        text += rule(panels, site, *row)
    for sensor in sensors:
        key, title, (name, where, field), *rest, summary, advice = HEARTBEAT
        number = hashlib.sha256(sensor.encode()).hexdigest()[:6]
        text += rule(
            panels,
            site,
            f"{key}-{number}",
            title.format(sensor),
            (name, where.format(sensor), field),
            *rest,
            summary.format(sensor),
            advice,
        )
    return text
