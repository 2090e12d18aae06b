"""The words of the event's fields, with the name and the colour under which dashboards show them."""

VERDICT = {
    "compliant": ("Compliant", "good"),
    "weak": ("Weak", "low"),
    "insecure": ("Insecure", "bad"),
    "undecidable": ("Undecidable", "unknown"),
}
MODE = {
    "implicit": ("Implicit TLS", "good"),
    "starttls": ("STARTTLS", "fair"),
    "plaintext": ("Cleartext", "bad"),
    "undecidable": ("Undecidable", "unknown"),
}
VERSION = {
    "TLS1.3": ("TLS 1.3", "good"),
    "TLS1.2": ("TLS 1.2", "fair"),
    "TLS1.1": ("TLS 1.1", "medium"),
    "TLS1.0": ("TLS 1.0", "bad"),
    "SSL3": ("SSL 3.0", "critical"),
    "SSL2": ("SSL 2.0", "critical"),
    "none": ("None, or not seen", "unknown"),
}
STARTTLS = {
    "upgraded": ("Upgraded to TLS", "good"),
    "not_used": ("Offered, not used", "low"),
    "not_offered": ("Not offered", "medium"),
    "refused": ("Asked for, refused", "count2"),
    "failed": ("Accepted, TLS failed", "bad"),
    "stripped": ("Stripped on the path", "critical"),
    "none": ("Implicit TLS, or ended before", "count"),
    "unknown": ("Not seen", "unknown"),
}
SEVERITY = {
    "critical": ("Critical", "critical"),
    "high": ("High", "bad"),
    "medium": ("Medium", "medium"),
    "low": ("Low", "low"),
    "info": ("Info", "count"),
    "none": ("No finding", "good"),
}
PROTOCOL = {
    "smtp": ("SMTP", "count"),
    "imap": ("IMAP", "count2"),
    "pop3": ("POP3", "count3"),
    "sieve": ("ManageSieve", "count4"),
    "lmtp": ("LMTP", "fair"),
    "other": ("TLS on other ports", "low"),
    "unknown": ("Not known", "unknown"),
}
DIRECTION = {
    "inbound": ("Inbound", "count"),
    "outbound": ("Outbound", "count2"),
    "internal": ("Internal", "count3"),
    "transit": ("Transit", "count4"),
    "none": ("Networks not set", "unknown"),
}
AUTH = {
    "cleartext": ("Password readable", "critical"),
    "protected_mechanism": ("Password hidden", "fair"),
    "none": ("No login seen", "count"),
    "inside_tls_unknown": ("Inside TLS, cannot be seen", "unknown"),
}
CERT = {
    "visible": ("Visible", "good"),
    "hidden_tls13": ("Hidden by TLS 1.3", "fair"),
    "hidden_resumed": ("Hidden by resumption", "count"),
    "none": ("None in the session", "count3"),
    "gap": ("Missed by the capture", "unknown"),
}


def counters(prefix, names):
    """Columns of a rollup for the words of a field."""
    return {f"{prefix}_{word}": shown for word, shown in names.items()}
