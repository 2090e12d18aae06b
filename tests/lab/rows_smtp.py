"""Scenarios of SMTP (relay and submission) and LMTP: (name, host, port, client, expected...).

A dict at the end of a row holds a middlebox in the way or says that IPv6 is used.
"""
import middlebox
from clients import (HELO, READER, SENDER, binary, chunks, client_hello, curl_mail, drain, hear,
                     leave, login, message, pause, plain_message, postfix, scripted, send, swaks,
                     tls, tls_early, tls_only, together, wants)
from expect import (CBC1, GCM256, TLS13, Expected, broken, implicit, never_began, plaintext,
                    upgraded)

# Recipient domain -> (transport of the sending Postfix, host, port)
ROUTES = {
    "relay.example.net": ("any", "mx", 25),
    "anon12.example.net": ("only12", "mx", 25),
    "named12.example.net": ("named12", "mx", 25),
    "bare.example.net": ("any", "bare", 25),
    "refusing.example.net": ("any", "smtp-refuse", 25),
    "old.example.net": ("only11", "modern", 25),
    "hangup.example.net": ("any", "smtp-hang-up", 25),
}
LMTP_ROUTES = {"lmtp.example.net": ("lmtp-bare", 24), "lmtps.example.net": ("mx", 24)}

EHLO = f"EHLO {HELO}"
STARTTLS = wants("STARTTLS", "220")
ONE_MESSAGE = plain_message()
# A body that quotes the protocol; the second line is dot-stuffed on the wire by swaks.
QUOTING = ("STARTTLS\r\n.STARTTLS\r\n250-STARTTLS\r\n250-XXXXXXXA\r\nAUTH PLAIN\r\n"
           "* PREAUTH\r\n220 go ahead\r\n")
# Granted, and closed by the server: the client's hello may still be on its way, or not.
HUNG_UP = Expected({"starttls": "failed", "tls_version": "", "auth": "none",
                    "messages_cleartext": 0}, may=["tls_handshake_failed"])


def smtp(*steps, **options):
    return scripted("smtp", *steps, **options)


RELAY = [
    # A real Postfix delivers to a real Postfix.
    ("postfix-tls13", "mx", 25, postfix("relay.example.net"), upgraded("TLS1.3", TLS13)),
    # An opportunistic Postfix checks no certificate, so up to TLS 1.2 it prefers to see none.
    ("postfix-tls12-anonymous", "mx", 25, postfix("anon12.example.net"),
     upgraded("TLS1.2", "TLS_DH_anon_WITH_AES_256_GCM_SHA384", cert_state="none",
              may=["finite_field_dh"])),
    ("postfix-tls12", "mx", 25, postfix("named12.example.net"), upgraded("TLS1.2", GCM256)),
    ("postfix-not-offered", "bare", 25, postfix("bare.example.net"),
     plaintext("not_offered", messages_cleartext=1)),
    # Refused, and Postfix goes on in the clear in the same session.
    ("postfix-refused-fallback", "smtp-refuse", 25, postfix("refusing.example.net"),
     plaintext("refused", messages_cleartext=1, must=["plaintext_fallback"])),
    # The handshake fails, twice, and Postfix comes again in the clear.
    ("postfix-failed-fallback", "modern", 25, postfix("old.example.net", in_clear_at_last=True),
     broken("protocol_version", "server"), broken("protocol_version", "server"),
     plaintext("not_used", messages_cleartext=1, must=["plaintext_fallback"])),
    ("postfix-hang-up-fallback", "smtp-hang-up", 25,
     postfix("hangup.example.net", in_clear_at_last=True),
     HUNG_UP, HUNG_UP,
     plaintext("not_used", messages_cleartext=1, must=["plaintext_fallback"])),

    # One version each.
    ("starttls-tls10", "mx", 25, swaks("--tls", version="TLS1.0"), upgraded("TLS1.0", CBC1)),
    ("starttls-tls11", "mx", 25, swaks("--tls", version="TLS1.1"), upgraded("TLS1.1", CBC1)),
    ("starttls-tls12", "mx", 25, swaks("--tls", version="TLS1.2"), upgraded("TLS1.2", GCM256)),
    ("starttls-tls13", "mx", 25, swaks("--tls", version="TLS1.3"), upgraded("TLS1.3", TLS13)),
    ("starttls-ipv6", "mx", 25, swaks("--tls", version="TLS1.2"), upgraded("TLS1.2", GCM256),
     {"v6": True}),

    # In the clear.
    ("not-used", "mx", 25, swaks(), plaintext("not_used", messages_cleartext=1)),
    ("not-used-ipv6", "mx", 25, swaks(), plaintext("not_used", messages_cleartext=1),
     {"v6": True}),
    # This server offers XCLIENT and XFORWARD, which are not a masked keyword.
    ("not-offered", "bare", 25, swaks(), plaintext("not_offered", messages_cleartext=1)),
    ("quoting-body", "mx", 25, swaks(body=message("") + QUOTING),
     plaintext("not_used", messages_cleartext=1)),
    ("pipelined", "mx", 25, swaks("--pipeline"), plaintext("not_used", messages_cleartext=1)),
    ("chunked", "mx", 25, smtp(EHLO, f"MAIL FROM:<{SENDER}>", f"RCPT TO:<{READER}>", chunks,
                               "QUIT"), plaintext("not_used", messages_cleartext=1)),
    ("two-messages", "mx", 25, smtp(EHLO, *ONE_MESSAGE, *ONE_MESSAGE, "QUIT"),
     plaintext("not_used", messages_cleartext=2)),
    ("helo-message", "mx", 25, smtp(f"HELO {HELO}", *ONE_MESSAGE, "QUIT"),
     plaintext("none|unknown", messages_cleartext=1)),
    ("helo-quit", "mx", 25, smtp(f"HELO {HELO}", "QUIT"), plaintext("none|unknown")),
    ("ehlo-quit", "mx", 25, smtp(EHLO, "QUIT"),
     plaintext("none|not_used", may=["starttls_not_used"])),
    ("recipient-rejected", "mx", 25,
     smtp(EHLO, f"MAIL FROM:<{SENDER}>", wants("RCPT TO:<reader@elsewhere.example.com>", "554"),
          "QUIT"),
     plaintext("not_used")),
    ("connect-quit", "mx", 25, smtp("QUIT"), plaintext("none|unknown")),
    ("connect-close", "mx", 25, smtp(leave),
     plaintext("none|unknown", mode="plaintext|undecidable")),
    ("greeting-554", "smtp-554", 25, smtp(leave), plaintext("none|unknown")),

    # Asked for and refused.
    ("refused-454", "smtp-refuse", 25, smtp(EHLO, wants("STARTTLS", "454"), "QUIT"),
     plaintext("refused")),
    ("refused-554", "smtp-refuse-554", 25, smtp(EHLO, wants("STARTTLS", "554"), "QUIT"),
     plaintext("refused")),
    ("refused-454-fallback", "smtp-refuse", 25,
     smtp(EHLO, wants("STARTTLS", "454"), *ONE_MESSAGE, "QUIT"),
     plaintext("refused", messages_cleartext=1, must=["plaintext_fallback"])),
    # A second STARTTLS is refused with 503, inside TLS: nothing of it shows.
    ("asked-twice", "mx", 25, smtp(EHLO, STARTTLS, tls(version="TLS1.2"), EHLO,
                                   wants("STARTTLS", "5"), "QUIT"), upgraded("TLS1.2", GCM256)),

    # Granted, and then something else.
    ("go-ahead-then-clear", "smtp-clear", 25, smtp(EHLO, STARTTLS, EHLO, *ONE_MESSAGE, "QUIT"),
     never_began(messages_cleartext=1, must=["cleartext_after_go_ahead"],
                 may=["plaintext_fallback", "tls_handshake_failed", "command_injection"])),
    ("go-ahead-server-closes", "smtp-hang-up", 25, smtp(EHLO, STARTTLS),
     never_began(mode="plaintext|starttls", may=["tls_handshake_failed"])),
    ("go-ahead-client-closes", "mx", 25, smtp(EHLO, STARTTLS, leave),
     never_began(mode="plaintext|starttls", may=["tls_handshake_failed"])),
    ("go-ahead-silence", "smtp-silent", 25,
     smtp(EHLO, STARTTLS, binary(client_hello()), pause(0.5), leave),
     Expected({"starttls": "failed", "tls_state": "hello_only", "auth": "none",
               "messages_cleartext": 0}, may=["tls_handshake_failed"])),
    ("go-ahead-two-lines", "smtp-two-lines", 25,
     smtp(EHLO, STARTTLS, tls(version="TLS1.2"), EHLO, *ONE_MESSAGE, "QUIT"),
     upgraded("TLS1.2", GCM256)),

    # Middleboxes; the sensor sits on the client's side of them. swaks asks for TLS where it can
    # and sends in the clear where it cannot.
    ("masked", "mx", 25, swaks("--tls-optional"), plaintext("stripped", messages_cleartext=1),
     {"box": middlebox.MaskKeyword()}),
    ("masked-same-letter", "mx", 25, swaks("--tls-optional"),
     plaintext("stripped", messages_cleartext=1),
     {"box": middlebox.MaskKeyword(mask=b"XXXXXXXX")}),
    ("masked-banner", "mx", 25, swaks("--tls-optional"),
     plaintext("stripped", messages_cleartext=1), {"box": middlebox.MaskBanner()}),
    # One session alone does not show that a line is missing.
    ("line-removed", "mx", 25, swaks("--tls-optional"),
     plaintext("not_offered", messages_cleartext=1), {"box": middlebox.RemoveKeyword()}),
    ("command-rewritten", "mx", 25,
     smtp(EHLO, wants("STARTTLS", "500"), *ONE_MESSAGE, "QUIT"),
     plaintext("stripped", messages_cleartext=1, may=["starttls_refused", "plaintext_fallback"]),
     {"box": middlebox.RewriteCommand()}),
    ("command-answered-500", "mx", 25,
     smtp(EHLO, wants("STARTTLS", "500 #5.5.1"), *ONE_MESSAGE, "QUIT"),
     plaintext("stripped", messages_cleartext=1, may=["starttls_refused", "plaintext_fallback"]),
     {"box": middlebox.AnswerItself()}),
    # The same device seen from behind: the verb arrives as XXXXXXXX.
    ("command-masked-before-sensor", "mx", 25,
     smtp(EHLO, wants("XXXXXXXX", "500"), *ONE_MESSAGE, "QUIT"),
     plaintext("stripped|not_used", messages_cleartext=1,
               may=["starttls_stripped", "starttls_not_used", "starttls_refused",
                    "plaintext_fallback"])),
    ("reset-on-starttls", "mx", 25, smtp(EHLO, send("STARTTLS"), lambda s: s.peer.drain()),
     plaintext("failed|unknown", mode="plaintext|starttls|undecidable",
               may=["tls_handshake_failed"]), {"box": middlebox.ResetConnection()}),

    # Injection. Postfix drops what came with STARTTLS, as it has to (CVE-2011-0411).
    ("command-injection", "mx", 25,
     smtp(EHLO, together("STARTTLS", "NOOP", replies=1), tls(version="TLS1.2"), EHLO, "QUIT"),
     upgraded("TLS1.2", GCM256, must=["command_injection"])),
    ("command-injection-next-segment", "smtp-slow", 25,
     smtp(EHLO, send("STARTTLS"), pause(0.1), send("NOOP"), hear("220"), tls(version="TLS1.2"),
          EHLO, "QUIT"),
     upgraded("TLS1.2", GCM256, must=["command_injection"])),
    # Hasty, but what came early is TLS and no command.
    ("early-client-hello", "smtp-slow", 25, smtp(EHLO, tls_early), upgraded("TLS1.2", GCM256)),
    ("response-injection", "smtp-inject", 25,
     smtp(EHLO, STARTTLS, hear("250"), tls(version="TLS1.2"), EHLO, *ONE_MESSAGE, "QUIT"),
     upgraded("TLS1.2", GCM256, must=["response_injection"])),
    ("response-injection-next-segment", "smtp-inject-next", 25,
     smtp(EHLO, STARTTLS, hear("250"), tls(version="TLS1.2"), EHLO, *ONE_MESSAGE, "QUIT"),
     upgraded("TLS1.2", GCM256, must=["response_injection"])),
]

SUBMISSION = [
    ("submission-starttls-tls12-auth", "mx", 587,
     swaks("--tls", *login("PLAIN"), version="TLS1.2"), upgraded("TLS1.2", GCM256)),
    ("submission-starttls-tls13-auth", "mx", 587,
     swaks("--tls", *login("PLAIN"), version="TLS1.3"), upgraded("TLS1.3", TLS13)),
    ("submission-2525-auth", "mx", 2525,
     swaks("--tls", *login("LOGIN"), version="TLS1.3"), upgraded("TLS1.3", TLS13)),
    ("submission-must-starttls", "modern", 587,
     smtp(EHLO, wants(f"MAIL FROM:<{SENDER}>", "530"), STARTTLS, tls(version="TLS1.3"), EHLO,
          wants("AUTH PLAIN $plain", "235"), *ONE_MESSAGE, "QUIT"),
     upgraded("TLS1.3", TLS13, sni="mail.example.org")),
    ("submission-auth-plain-clear", "mx", 587, swaks(*login("PLAIN")),
     plaintext("not_used", auth="cleartext", auth_mechanism="PLAIN", messages_cleartext=1)),
    ("submission-auth-plain-two-steps", "mx", 587,
     smtp(EHLO, wants("AUTH PLAIN", "334"), wants("$plain", "235"), "QUIT"),
     plaintext("not_used", auth="cleartext", auth_mechanism="PLAIN")),
    ("submission-auth-login-clear", "mx", 587, swaks(*login("LOGIN")),
     plaintext("not_used", auth="cleartext", auth_mechanism="LOGIN", messages_cleartext=1)),
    ("submission-auth-not-offered", "bare", 587, swaks(*login("PLAIN")),
     plaintext("not_offered", auth="cleartext", auth_mechanism="PLAIN", messages_cleartext=1)),
    # A refused login has shown the password all the same.
    ("submission-auth-failed", "mx", 587,
     smtp(EHLO, wants("auth plain $wrong", "535"), "QUIT"),
     plaintext("not_used", auth="cleartext", auth_mechanism="PLAIN")),
    # The client takes its offer of a login back before a password is sent.
    ("submission-auth-cancelled", "mx", 587,
     smtp(EHLO, wants("AUTH LOGIN", "334"), wants("*", "501"), "QUIT"),
     plaintext("not_used", auth="none|cleartext", auth_mechanism="|LOGIN",
               may=["auth_in_clear"])),
    ("submission-auth-cram-md5", "mx", 587, swaks(*login("CRAM-MD5")),
     plaintext("not_used", auth="protected_mechanism", auth_mechanism="CRAM-MD5",
               messages_cleartext=1, may=["auth_in_clear"])),
    ("submission-curl-starttls", "mx", 587,
     curl_mail("smtp", "--ssl-reqd", "--user", "$user:$password", *tls_only("TLS1.2")),
     upgraded("TLS1.2", GCM256, sni="mail.example.org")),
    ("submission-masked-auth", "mx", 587, swaks("--tls-optional", *login("PLAIN")),
     plaintext("stripped", auth="cleartext", auth_mechanism="PLAIN", messages_cleartext=1),
     {"box": middlebox.MaskKeyword()}),

    ("implicit-tls12", "mx", 465, swaks("--tlsc", *login("PLAIN"), version="TLS1.2"),
     implicit("TLS1.2", GCM256)),
    ("implicit-tls13", "mx", 465, swaks("--tlsc", *login("PLAIN"), version="TLS1.3"),
     implicit("TLS1.3", TLS13)),
    ("implicit-tls10", "mx", 465, swaks("--tlsc", *login("PLAIN"), version="TLS1.0"),
     implicit("TLS1.0", CBC1)),
    ("implicit-curl", "mx", 465,
     curl_mail("smtps", "--user", "$user:$password", *tls_only("TLS1.3")),
     implicit("TLS1.3", TLS13, sni="mail.example.org")),
    ("implicit-port-clear", "smtps-clear", 465, smtp(EHLO, *ONE_MESSAGE, "QUIT"),
     plaintext("not_used|none|unknown", messages_cleartext=1, must=["cleartext_on_tls_port"],
               may=["starttls_not_used"])),
    # Clear text from the client alone: the server waits for a ClientHello and hangs up.
    ("implicit-port-client-clear", "mx", 465,
     smtp(send(EHLO), drain, greeting=False),
     Expected({"tls_version": "", "auth": "none", "messages_cleartext": 0},
              may=["cleartext_on_tls_port", "tls_handshake_failed", "plaintext_session"])),
]

LMTP = [
    ("plaintext", "mx", 24, swaks("--protocol", "LMTP"),
     plaintext("not_used", messages_cleartext=1)),
    ("not-offered", "lmtp-bare", 24, swaks("--protocol", "LMTP"),
     plaintext("not_offered", messages_cleartext=1)),
    # One reply for each recipient after the final dot (RFC 2033 s4.2).
    ("two-recipients", "mx", 24,
     scripted("lmtp", f"LHLO {HELO}", *plain_message(recipients=2), lambda s: s.reply(), "QUIT"),
     plaintext("not_used", messages_cleartext="1|2")),
    ("postfix", "lmtp-bare", 24, postfix("lmtp.example.net"),
     plaintext("not_offered", messages_cleartext=1)),
    ("postfix-starttls", "mx", 24, postfix("lmtps.example.net"), upgraded("TLS1.3", TLS13)),
    ("starttls-tls12", "mx", 24, swaks("--protocol", "LMTP", "--tls", version="TLS1.2"),
     upgraded("TLS1.2", GCM256)),
    ("refused", "lmtp-refuse", 24, scripted("lmtp", f"LHLO {HELO}", wants("STARTTLS", "454"),
                                            *ONE_MESSAGE, "QUIT"),
     plaintext("refused", messages_cleartext=1, must=["plaintext_fallback"])),
]

ROWS = [*RELAY, *SUBMISSION, *LMTP]
