"""Scenarios of IMAP, POP3 and ManageSieve: (name, host, port, client, expected...).

A dict at the end of a row holds a middlebox in the way or says that IPv6 is used.
"""
import middlebox
from clients import (ACCOUNT, binary, client_hello, curl, fetchmail, hear, leave, mbsync, pause,
                     s_client, scram, scripted, send, tls, tls_fails, together, tls_only, wants)
from expect import (CBC1, GCM256, TLS13, Expected, broken, broken_implicit, implicit, never_began,
                    plaintext, upgraded)

SNI = "mail.example.org"


def imap(*steps, **options):
    return scripted("imap", *steps, **options)


def pop3(*steps, **options):
    return scripted("pop3", *steps, **options)


def sieve(*steps, **options):
    return scripted("sieve", *steps, **options)


def in_clear(starttls, mechanism, **options):
    return plaintext(starttls, auth="cleartext", auth_mechanism=mechanism, **options)


def left_in_clear(mechanism):
    """A login in the clear behind a go-ahead for TLS."""
    return never_began(auth="cleartext", auth_mechanism=mechanism,
                       must=["cleartext_after_go_ahead"],
                       may=["plaintext_fallback", "tls_handshake_failed", "command_injection"])


def protected(starttls, mechanism):
    # A digest of the password crosses the wire, and whether that is a finding is a policy's choice.
    return plaintext(starttls, auth="protected_mechanism", auth_mechanism=mechanism,
                     may=["auth_in_clear"])


def injected():
    """Text behind the command, to a Dovecot: it takes that text for the ClientHello and hangs up
    without a word, so the client's own hello is never answered."""
    return Expected({"starttls": "failed", "tls_state": "hello_only|failed", "tls_version": "",
                     "auth": "none"}, must=["command_injection"], may=["tls_handshake_failed"])


OUT = "a LOGOUT"
# A message that quotes a login. It goes as a literal, so no line of it is a command.
QUOTED = "a LOGIN nobody nothing\r\na STARTTLS\r\n* PREAUTH\r\n"
CRLF = "\r\n"
SCRIPT = ('# AUTHENTICATE "LOGIN"', "# STARTTLS", "keep;")
FIRST_MESSAGE = "INBOX;MAILINDEX=1"

IMAP = [
    ("starttls-tls12", "mx", 143,
     curl("imap", "--ssl-reqd", *ACCOUNT, *tls_only("TLS1.2"), path=FIRST_MESSAGE),
     upgraded("TLS1.2", GCM256, sni=SNI)),
    ("starttls-tls13", "mx", 143,
     curl("imap", "--ssl-reqd", *ACCOUNT, *tls_only("TLS1.3"), path=FIRST_MESSAGE),
     upgraded("TLS1.3", TLS13, sni=SNI)),
    ("starttls-ipv6", "mx", 143,
     curl("imap", "--ssl-reqd", *ACCOUNT, *tls_only("TLS1.2"), path=FIRST_MESSAGE),
     upgraded("TLS1.2", GCM256, sni=SNI), {"v6": True}),
    ("starttls-mbsync", "mx", 143, mbsync("STARTTLS"), upgraded("TLS1.3", TLS13)),
    ("starttls-fetchmail", "mx", 143, fetchmail("IMAP", "sslproto 'TLS1.2'"),
     upgraded("TLS1.2|TLS1.3", f"{GCM256}|{TLS13}", cert_state="visible|hidden_tls13")),
    ("logindisabled-starttls", "modern", 143,
     imap(wants("a LOGIN $user no$password", "a NO"), wants("a STARTTLS", "a OK"),
          tls(version="TLS1.2"), wants("a LOGIN $user $password", "a OK"), OUT),
     # The client tried all the same, and the password was refused after it had been seen. Dovecot
     # tells it so in an untagged [ALERT], ahead of TLS.
     upgraded("TLS1.2", GCM256, sni=SNI, auth="cleartext", auth_mechanism="LOGIN",
              may=["imap_data_before_tls"])),
    ("logindisabled-mbsync", "modern", 143, mbsync("STARTTLS"), upgraded("TLS1.3", TLS13)),

    ("login-clear", "mx", 143, imap(wants('a LOGIN "$user" "$password"', "a OK"), OUT),
     in_clear("not_used", "LOGIN")),
    ("login-mixed-case", "mx", 143, imap(wants("a lOgIn $user $password", "a OK"), OUT),
     in_clear("not_used", "LOGIN")),
    ("login-literals", "mx", 143,
     imap(wants("a LOGIN {$user_n}", "+"), wants("$user {$password_n}", "+"),
          wants("$password", "a OK"), OUT),
     in_clear("not_used", "LOGIN")),
    ("login-literals-plus", "mx", 143,
     imap(together("a LOGIN {$user_n+}", "$user {$password_n+}", "$password", replies=1), OUT),
     in_clear("not_used", "LOGIN")),
    ("login-mbsync", "mx", 143, mbsync("None"), in_clear("not_used", "LOGIN")),
    ("login-not-offered", "bare", 143, imap(wants("a LOGIN $user $password", "a OK"), OUT),
     in_clear("not_offered", "LOGIN")),
    ("login-failed", "mx", 143, imap(wants("a LOGIN $user no$password", "a NO"), OUT),
     in_clear("not_used", "LOGIN")),
    ("login-clear-ipv6", "mx", 143, imap(wants("a LOGIN $user $password", "a OK"), OUT),
     in_clear("not_used", "LOGIN"), {"v6": True}),
    ("authenticate-plain", "mx", 143,
     imap(wants("a AUTHENTICATE PLAIN", "+"), wants("$plain", "a OK"), OUT),
     in_clear("not_used", "PLAIN")),
    ("authenticate-plain-initial", "mx", 143,
     curl("imap", "--login-options", "AUTH=PLAIN", *ACCOUNT, path=FIRST_MESSAGE),
     in_clear("not_used", "PLAIN")),
    ("authenticate-login", "mx", 143,
     imap(wants("a AUTHENTICATE LOGIN", "+"), wants("$user64", "+"), wants("$password64", "a OK"),
          OUT),
     in_clear("not_used", "LOGIN")),
    ("authenticate-cram-md5", "mx", 143,
     curl("imap", "--login-options", "AUTH=CRAM-MD5", *ACCOUNT, path=FIRST_MESSAGE),
     protected("not_used", "CRAM-MD5")),
    ("authenticate-scram", "mx", 143,
     imap(scram, OUT), protected("not_used", "SCRAM-SHA-256")),
    # The word LOGIN inside a literal is no login: the only one here is the first line.
    ("quoting-literal", "mx", 143,
     imap(wants("a LOGIN $user $password", "a OK"), wants(f"a APPEND INBOX {{{len(QUOTED)}}}", "+"),
          wants(QUOTED, "a OK"), OUT),
     in_clear("not_used", "LOGIN")),
    ("capability-logout", "mx", 143, imap("a CAPABILITY", OUT),
     plaintext("none|not_used", may=["starttls_not_used"])),
    ("connect-close", "mx", 143, imap(leave),
     plaintext("none|not_used|unknown", may=["starttls_not_used"])),

    ("preauth", "imap-preauth", 143, imap("a CAPABILITY", "a SELECT INBOX", OUT),
     plaintext("none|not_used|not_offered", must=["imap_preauth"],
               may=["starttls_not_used", "starttls_not_offered"])),
    ("refused-no", "imap-refuse", 143, imap("a CAPABILITY", wants("a STARTTLS", "a NO"), OUT),
     plaintext("refused")),
    ("refused-bad", "imap-refuse-bad", 143,
     imap("a CAPABILITY", wants("a STARTTLS", "a BAD"), OUT), plaintext("refused")),
    ("refused-fallback", "imap-refuse", 143,
     imap("a CAPABILITY", wants("a STARTTLS", "a NO"), "a LOGIN $user $password", OUT),
     in_clear("refused", "LOGIN", must=["plaintext_fallback"])),
    ("go-ahead-then-clear", "imap-clear", 143,
     imap("a CAPABILITY", wants("a STARTTLS", "a OK"), "a LOGIN $user $password", OUT),
     left_in_clear("LOGIN")),
    ("go-ahead-server-closes", "imap-hang-up", 143,
     imap("a CAPABILITY", wants("a STARTTLS", "a OK")),
     never_began(mode="plaintext|starttls", may=["tls_handshake_failed"])),
    # Mailbox data, and a message for the user, before the server has proved who it is.
    ("early-data", "imap-early-data", 143,
     imap("a CAPABILITY", wants("a STARTTLS", "a OK"), tls(version="TLS1.2"), OUT),
     upgraded("TLS1.2", GCM256, sni=SNI, must=["imap_data_before_tls"])),
    ("early-alert", "imap-alert", 143,
     imap("a CAPABILITY", wants("a STARTTLS", "a OK"), tls(version="TLS1.2"), OUT),
     upgraded("TLS1.2", GCM256, sni=SNI, must=["imap_data_before_tls"])),
    ("command-injection", "mx", 143,
     imap(together("a STARTTLS", "b NOOP", replies=1), tls_fails(version="TLS1.2")),
     injected()),
    ("command-injection-dropped", "imap-slow", 143,
     imap("a CAPABILITY", send("a STARTTLS", "b NOOP"), hear("a OK"), tls(version="TLS1.2"), OUT),
     upgraded("TLS1.2", GCM256, sni=SNI, must=["command_injection"])),
    ("response-injection", "imap-inject", 143,
     imap("a CAPABILITY", wants("a STARTTLS", "a OK"), hear("* 9"), tls(version="TLS1.2"), OUT),
     upgraded("TLS1.2", GCM256, sni=SNI, must=["response_injection"],
              may=["imap_data_before_tls"])),
    ("masked", "mx", 143, imap("a CAPABILITY", wants("a LOGIN $user $password", "a OK"), OUT),
     in_clear("stripped", "LOGIN"), {"box": middlebox.MaskKeyword(mask=b"XXXXXXXX")}),
    ("keyword-removed", "mx", 143,
     imap("a CAPABILITY", wants("a LOGIN $user $password", "a OK"), OUT),
     in_clear("not_offered", "LOGIN"), {"box": middlebox.RemoveKeyword()}),
    ("alert-unknown-ca", "mx", 143,
     # curl looks for the issuer only when it is not told -k, so openssl has the part.
     s_client("-tls1_2", "-verify_return_error", starttls="imap", status=1, then=()),
     broken("unknown_ca", "client", cert_state="visible")),

    ("implicit-tls10", "mx", 993, curl("imaps", *ACCOUNT, *tls_only("TLS1.0")),
     implicit("TLS1.0", CBC1, sni=SNI)),
    ("implicit-tls11", "mx", 993, curl("imaps", *ACCOUNT, *tls_only("TLS1.1")),
     implicit("TLS1.1", CBC1, sni=SNI)),
    ("implicit-tls12", "mx", 993, curl("imaps", *ACCOUNT, *tls_only("TLS1.2")),
     implicit("TLS1.2", GCM256, sni=SNI)),
    ("implicit-tls13", "mx", 993, curl("imaps", *ACCOUNT, *tls_only("TLS1.3")),
     implicit("TLS1.3", TLS13, sni=SNI)),
    ("implicit-mbsync", "mx", 993, mbsync("IMAPS"), implicit("TLS1.3", TLS13)),
    ("implicit-dhe-rfc7919", "mx", 993,
     s_client("-tls1_2", "-cipher", "DHE-RSA-AES256-GCM-SHA384", then=(OUT,)),
     implicit("TLS1.2", "TLS_DHE_RSA_WITH_AES_256_GCM_SHA384", dh_bits=2048,
              dh_prime="RFC7919/ffdhe2048")),
    ("implicit-port-clear", "imaps-clear", 993,
     imap("a CAPABILITY", "a LOGIN $user $password", OUT),
     in_clear("not_used|none|unknown", "LOGIN", must=["cleartext_on_tls_port"],
              may=["starttls_not_used"])),
    ("implicit-alert-unknown-ca", "mx", 993,
     s_client("-tls1_2", "-verify_return_error", status=1, then=()),
     broken_implicit("unknown_ca", "client", cert_state="visible")),
    # OpenSSL's client sends this alert before it turns to its handshake keys, so it is readable
    # in TLS 1.3 too.
    ("implicit-tls13-alert-unknown-ca", "mx", 993,
     s_client("-tls1_3", "-verify_return_error", status=1, then=()),
     broken_implicit("unknown_ca", "client", tls_version="TLS1.3", cert_state="hidden_tls13")),
    ("implicit-silent-client", "mx", 993,
     imap(binary(client_hello()[:40]), pause(0.3), leave, greeting=False),
     Expected({"tls_version": "", "auth": "none"}, may=["tls_handshake_failed"])),
]

POP3 = [
    ("starttls-tls12", "mx", 110, curl("pop3", "--ssl-reqd", *ACCOUNT, *tls_only("TLS1.2"),
                                       path="1"), upgraded("TLS1.2", GCM256, sni=SNI)),
    ("starttls-tls13", "mx", 110, curl("pop3", "--ssl-reqd", *ACCOUNT, *tls_only("TLS1.3"),
                                       path="1"), upgraded("TLS1.3", TLS13, sni=SNI)),
    ("starttls-fetchmail", "mx", 110, fetchmail("POP3", "sslproto 'TLS1.2'"),
     upgraded("TLS1.2|TLS1.3", f"{GCM256}|{TLS13}", cert_state="visible|hidden_tls13")),
    ("user-pass-clear", "mx", 110,
     pop3("CAPA", wants("USER $user", "+OK"), wants("PASS $password", "+OK"), "RETR 1", "QUIT"),
     in_clear("not_used", "USER|PASS|USER/PASS")),
    # Without CAPA the client never learned whether TLS was there.
    ("user-pass-no-capa", "mx", 110,
     pop3(wants("USER $user", "+OK"), wants("PASS $password", "+OK"), "QUIT"),
     in_clear("none|unknown|not_offered", "USER|PASS|USER/PASS", may=["starttls_not_offered"])),
    ("user-pass-fetchmail", "mx", 110, fetchmail("POP3", "sslproto ''", "auth password"),
     in_clear("none|unknown|not_used", "USER|PASS|USER/PASS", may=["starttls_not_used"])),
    ("user-pass-not-offered", "bare", 110,
     pop3("CAPA", wants("USER $user", "+OK"), wants("PASS $password", "+OK"), "QUIT"),
     in_clear("not_offered", "USER|PASS|USER/PASS")),
    ("user-refused", "pop3-refuse-user", 110, pop3("USER $user", "QUIT"),
     plaintext("none|unknown|not_offered|not_used", auth="none|cleartext",
               auth_mechanism="|USER|PASS|USER/PASS",
               may=["auth_in_clear", "starttls_not_offered", "starttls_not_used"])),
    ("auth-plain-clear", "mx", 110,
     pop3("CAPA", wants("AUTH PLAIN", "+"), wants("$plain", "+OK"), "QUIT"),
     in_clear("not_used", "PLAIN")),
    ("apop", "mx", 110, curl("pop3", "--login-options", "AUTH=+APOP", *ACCOUNT, path="1"),
     protected("not_used", "APOP")),
    ("auth-cram-md5", "mx", 110,
     curl("pop3", "--login-options", "AUTH=CRAM-MD5", *ACCOUNT, path="1"),
     protected("not_used", "CRAM-MD5")),
    ("refused", "pop3-refuse", 110, pop3("CAPA", wants("STLS", "-ERR"), "QUIT"),
     plaintext("refused")),
    ("refused-fallback", "pop3-refuse", 110,
     pop3("CAPA", wants("STLS", "-ERR"), "USER $user", "PASS $password", "STAT", "QUIT"),
     in_clear("refused", "USER|PASS|USER/PASS", must=["plaintext_fallback"])),
    ("go-ahead-then-clear", "pop3-clear", 110,
     pop3("CAPA", wants("STLS", "+OK"), "USER $user", "PASS $password", "QUIT"),
     left_in_clear("USER|PASS|USER/PASS")),
    ("command-injection", "mx", 110,
     pop3("CAPA", together("STLS", "NOOP", replies=1), tls_fails(version="TLS1.2")),
     injected()),
    ("response-injection", "pop3-inject", 110,
     pop3("CAPA", wants("STLS", "+OK"), hear("+OK injected"), tls(version="TLS1.2"), "QUIT"),
     upgraded("TLS1.2", GCM256, sni=SNI, must=["response_injection"])),
    ("masked", "mx", 110,
     pop3("CAPA", "USER $user", wants("PASS $password", "+OK"), "QUIT"),
     in_clear("stripped", "USER|PASS|USER/PASS"),
     {"box": middlebox.MaskKeyword(b"STLS", b"XXXX")}),
    ("connect-quit", "mx", 110, pop3("QUIT"), plaintext("none|unknown")),
    # Dovecot closes without sending its alert. The client's own complaint may come too late.
    ("version-refused-silently", "modern", 110,
     pop3("CAPA", wants("STLS", "+OK"), tls_fails(version="TLS1.1")),
     Expected({"starttls": "failed", "tls_state": "hello_only|failed", "tls_version": "",
               "alert": "|decode_error", "alert_from": "|client", "auth": "none"},
              may=["tls_handshake_failed"])),
    ("implicit-tls12", "mx", 995, curl("pop3s", *ACCOUNT, *tls_only("TLS1.2"), path="1"),
     implicit("TLS1.2", GCM256, sni=SNI)),
    ("implicit-tls13", "mx", 995, curl("pop3s", *ACCOUNT, *tls_only("TLS1.3"), path="1"),
     implicit("TLS1.3", TLS13, sni=SNI)),
    ("implicit-fetchmail", "mx", 995, fetchmail("POP3", "ssl"), implicit("TLS1.3", TLS13)),
    ("implicit-port-clear", "pop3s-clear", 995,
     pop3("USER $user", "PASS $password", "QUIT"),
     in_clear("none|unknown|not_offered", "USER|PASS|USER/PASS", must=["cleartext_on_tls_port"],
              may=["starttls_not_offered"])),
]

SIEVE = [
    ("starttls-tls12", "mx", 4190,
     sieve(wants("STARTTLS", "OK"), tls(version="TLS1.2"), hear("OK"),
           wants('AUTHENTICATE "PLAIN" "$plain"', "OK"), "LISTSCRIPTS", "LOGOUT"),
     upgraded("TLS1.2", GCM256, sni=SNI)),
    ("starttls-tls13", "mx", 4190,
     s_client("-tls1_3", "-servername", SNI, starttls="sieve", then=("LOGOUT",)),
     upgraded("TLS1.3", TLS13, sni=SNI)),
    ("authenticate-plain", "mx", 4190,
     sieve(wants('AUTHENTICATE "PLAIN" "$plain"', "OK"), "LISTSCRIPTS", "LOGOUT"),
     in_clear("not_used", "PLAIN")),
    ("authenticate-plain-literal", "mx", 4190,
     sieve(send('AUTHENTICATE "PLAIN" {$plain_n+}', "$plain"), hear("OK"), "LOGOUT"),
     in_clear("not_used", "PLAIN")),
    ("authenticate-not-offered", "sieve-bare", 4190,
     sieve(wants('authenticate "plain" "$plain"', "OK"), "LOGOUT"),
     in_clear("not_offered", "PLAIN")),
    # A script that quotes commands, in a literal. The only login here is the first line.
    ("quoting-literal", "mx", 4190,
     sieve(wants('AUTHENTICATE "PLAIN" "$plain"', "OK"),
           send(f'PUTSCRIPT "quoting" {{{len(CRLF.join(SCRIPT))}+}}', *SCRIPT),
           hear("OK"), "LOGOUT"),
     in_clear("not_used", "PLAIN")),
    ("refused", "sieve-refuse", 4190, sieve(wants("STARTTLS", "NO"), "LOGOUT"),
     plaintext("refused")),
    ("go-ahead-then-clear", "sieve-clear", 4190,
     sieve(wants("STARTTLS", "OK"), 'AUTHENTICATE "PLAIN" "$plain"', "LOGOUT"),
     left_in_clear("PLAIN")),
    ("command-injection", "mx", 4190,
     sieve(together("STARTTLS", "NOOP", replies=1), tls_fails(version="TLS1.2")),
     injected()),
    ("response-injection", "sieve-inject", 4190,
     sieve(wants("STARTTLS", "OK"), hear("OK"), tls(version="TLS1.2"), hear("OK"), "LOGOUT"),
     upgraded("TLS1.2", GCM256, sni=SNI, must=["response_injection"])),
    ("masked", "mx", 4190, sieve(wants('AUTHENTICATE "PLAIN" "$plain"', "OK"), "LOGOUT"),
     in_clear("stripped", "PLAIN"), {"box": middlebox.MaskKeyword(mask=b"XXXXXXXX")}),
    ("connect-logout", "mx", 4190, sieve("LOGOUT"),
     plaintext("none|not_used", may=["starttls_not_used"])),
]

ROWS = [*IMAP, *POP3, *SIEVE]
