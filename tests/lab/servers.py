"""Real servers with generated configurations: Postfix, Dovecot, Redis.

Each instance lives in the run's temporary directory, with its own queue, sockets and logs; nothing
of the system's own mail service is read or changed. One Postfix and one Dovecot serve several
addresses, and what differs between addresses (versions, suites, certificates, offers) is a row of
the tables below. A rule of the sensor that looks across sessions then sees different servers.
"""
import os
import pwd
import shutil
import socket
import subprocess
import time

import net
import pki

START_LIMIT_S = 15

# Server addresses by what they do.
HOSTS = {
    "mx": 10,          # everything on offer: TLS 1.0 to 1.3, AUTH before and after TLS
    "bare": 11,        # no TLS at all
    "modern": 12,      # TLS 1.2 and 1.3, no login before TLS
    "tls12": 13,       # at most TLS 1.2
    "anonymous": 14,   # no certificate: anonymous suites only
    "null": 15,        # suites without encryption only
    "weakdh": 16,      # finite-field DH with a 1024-bit prime
    "ecdsa": 17,       # an ECDSA certificate
    "p384": 18,        # one group only, so a TLS 1.3 client has to be asked again
    "p192": 19,        # one group only, and a weak one
    "sessionid": 20,   # resumption by session ID only, no tickets
    "reneg": 21,       # a client may ask for a second handshake inside the first
    "steady": 22,      # offers STARTTLS in every session but the last of one scenario
    "selfsigned": 30,
    # A certificate each; the scripted servers of rogue.py start at 100.
    **{name: 31 + n for n, name in enumerate(pki.SPECIMENS)},
    # openssl s_server, for what mail servers do not insist on.
    "alpn": 90, "names-only": 91, "names-first": 92, "needs-client": 93,
}
EVERYTHING = "ALL:@SECLEVEL=0"


class StartError(Exception):
    """A server did not start; the text says why, with the end of its log."""


def postfix_services(certificates):
    """(host, port, options) of every listener of the receiving Postfix."""
    login = {"smtpd_sasl_auth_enable": "yes"}
    implicit = {"smtpd_tls_wrappermode": "yes"}
    since12 = {"smtpd_tls_protocols": ">=TLSv1.2", "smtpd_tls_mandatory_protocols": ">=TLSv1.2"}
    only12 = {"smtpd_tls_protocols": "TLSv1.2", "smtpd_tls_mandatory_protocols": "TLSv1.2",
              # Asks for the client's certificate too: in TLS 1.2 it crosses the wire readable.
              "smtpd_tls_ask_ccert": "yes", "smtpd_tls_CAfile": certificates.ca}
    no_tls = {"smtpd_tls_security_level": "none"}
    anonymous = {"smtpd_tls_cert_file": "none", "tls_medium_cipherlist": "aNULL:@SECLEVEL=0"}
    null = {"smtpd_tls_ciphers": "null", "tls_null_cipherlist": "eNULL:!aNULL:@SECLEVEL=0"}
    # The real XCLIENT and XFORWARD keywords, which are not a masked STARTTLS.
    proxied = {"smtpd_authorized_xclient_hosts": net.CLIENT_NET,
               "smtpd_authorized_xforward_hosts": net.CLIENT_NET}

    rows = [
        ("mx", 25, {}), ("mx", 587, login), ("mx", 465, {**login, **implicit}),
        ("mx", 2525, login),
        ("bare", 25, {**no_tls, **proxied}), ("bare", 587, {**no_tls, **login}),
        ("modern", 25, since12), ("modern", 465, {**login, **implicit, **since12}),
        ("modern", 587, {**login, **since12, "smtpd_tls_security_level": "encrypt"}),
        ("tls12", 25, only12), ("tls12", 465, {**implicit, **only12}),
        ("anonymous", 25, anonymous), ("null", 25, null),
        ("weakdh", 25, {"smtpd_tls_dh1024_param_file": certificates.pem("oakley2")}),
        ("steady", 25, {}),
        ("ecdsa", 25, {"smtpd_tls_cert_file": certificates.pem("ecdsa")}),
        ("p384", 25, {"tls_eecdh_auto_curves": "secp384r1"}),
        ("p192", 25, {"tls_eecdh_auto_curves": "prime192v1"}),
        ("sessionid", 25, {"tls_ssl_options": "NO_TICKET"}),
        # SSL_OP_ALLOW_CLIENT_RENEGOTIATION, which Postfix has no name for.
        ("reneg", 25, {"tls_ssl_options": "0x100"}),
    ]
    for host in ("selfsigned", *pki.SPECIMENS):
        rows.append((host, 465, {**implicit, "smtpd_tls_cert_file": certificates.pem(host)}))
    return rows


# The sending Postfix: transport name, the options it runs with.
SENDING_TRANSPORTS = {
    "any": {},
    "only12": {"smtp_tls_protocols": "TLSv1.2"},
    "named12": {"smtp_tls_protocols": "TLSv1.2", "smtp_tls_exclude_ciphers": "aNULL"},
    "only11": {"smtp_tls_protocols": "TLSv1.1"},
}
# After a failed handshake Postfix sends in the clear only when the message has waited this long, in
# whole seconds. The queue manager has a longer patience, so a second try comes only when asked for.
PLAINTEXT_AFTER_S = 2
PATIENCE = {"minimal_backoff_time": f"{PLAINTEXT_AFTER_S}s"}
MASTER_COMMON = """
postlog unix-dgram n - n - 1 postlogd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
proxymap unix - - n - - proxymap
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
discard unix - - n - - discard
error unix - - n - - error
retry unix - - n - - error
"""
MAIN_COMMON = {
    "compatibility_level": "3.6", "mail_owner": "postfix", "setgid_group": "postdrop",
    "inet_protocols": "all", "smtp_dns_support_level": "disabled",
    "smtp_host_lookup": "native", "smtpd_peername_lookup": "no", "alias_maps": "",
    "alias_database": "", "local_recipient_maps": "", "notify_classes": "", "biff": "no",
    "smtpd_error_sleep_time": "0", "tls_medium_cipherlist": EVERYTHING,
    # A handshake that stalls on purpose must not hold the run up.
    "smtpd_starttls_timeout": "5s", "smtp_starttls_timeout": "5s",
}


class Postfix:
    """One Postfix instance, run by its own master in the foreground."""

    def __init__(self, namespace, directory, main, services, listening):
        self.namespace, self.directory, self.listening = namespace, directory, listening
        self.process = None
        self.log = os.path.join(directory, "log")
        for part in ("etc", "spool", "data"):
            os.makedirs(os.path.join(directory, part))
        owner = pwd.getpwnam("postfix")
        os.chown(os.path.join(directory, "data"), owner.pw_uid, owner.pw_gid)
        settings = {**MAIN_COMMON, **main,
                    "queue_directory": os.path.join(directory, "spool"),
                    "data_directory": os.path.join(directory, "data"),
                    "maillog_file": self.log, "maillog_file_prefixes": directory}
        self._write("main.cf", "".join(f"{k} = {v}\n" for k, v in settings.items()))
        self._write("master.cf", MASTER_COMMON + "".join(services))

    def _write(self, name, text):
        with open(os.path.join(self.directory, "etc", name), "w", encoding="ascii") as file:
            file.write(text)

    def launch(self):
        etc = os.path.join(self.directory, "etc")
        self.process = self.namespace.popen([net.program("postfix"), "-c", etc, "start-fg"],
                                            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def wait(self):
        wait_listening("Postfix", self.namespace, self.process, self.log, self.listening)

    def try_again(self):
        """Deliver what waits in the queue, however short a time ago it was tried."""
        etc = os.path.join(self.directory, "etc")
        subprocess.run([net.program("postqueue"), "-c", etc, "-f"], check=True)

    def wait_sent(self, queue_id, limit_s=10):
        """Until a message has left the queue."""
        deadline = time.monotonic() + limit_s
        while time.monotonic() < deadline:
            with open(self.log, encoding="utf-8", errors="replace") as log:
                if f" {queue_id}: removed" in log.read():
                    return
            time.sleep(0.03)
        raise TimeoutError(f"message {queue_id} is still in the queue")


def receiving_postfix(namespace, directory, certificates, sasl_socket):
    services, listening = [], []
    for host, port, options in postfix_services(certificates):
        for v6 in (False, True) if host == "mx" else (False,):
            address = net.server_address(HOSTS[host], v6)
            where = f"[{address}]:{port}" if v6 else f"{address}:{port}"
            words = "".join(f" -o {{ {k} = {v} }}" for k, v in options.items())
            services.append(f"{where} inet n - n - - smtpd{words}\n")
            listening.append((address, port))
    main = {
        "myhostname": "mx.example.org", "mydestination": "example.org",
        "relay_domains": "example.net", "local_transport": "discard:",
        "relay_transport": "discard:", "default_transport": "error:5.1.1 not here",
        "smtpd_relay_restrictions": "permit_auth_destination, reject",
        "smtpd_sasl_type": "dovecot", "smtpd_sasl_path": sasl_socket,
        "smtpd_tls_security_level": "may", "smtpd_tls_cert_file": certificates.pem("mx"),
        "smtpd_tls_protocols": ">=TLSv1", "smtpd_tls_mandatory_protocols": ">=TLSv1",
        "smtpd_tls_mandatory_ciphers": "medium",
        "smtpd_tls_session_cache_database": "btree:${data_directory}/sessions",
    }
    return Postfix(namespace, directory, main, services, listening)


def sending_postfix(namespace, directory, routes):
    """The relaying client. `routes` maps a recipient domain to TRANSPORT:NEXTHOP."""
    services = ["127.0.0.1:2500 inet n - n - - smtpd\n"]
    for name, options in SENDING_TRANSPORTS.items():
        words = "".join(f" -o {k}={v}" for k, v in {**PATIENCE, **options}.items())
        services.append(f"{name} unix - - n - - smtp{words}\n")
    services.append("lmtp unix - - n - - lmtp\n")
    table = ", ".join(f"{{ {domain} = {route} }}" for domain, route in routes.items())
    main = {
        "myhostname": "out.example.net", "mydestination": "", "mynetworks": "127.0.0.0/8",
        "transport_maps": f"inline:{{ {table} }}", "smtp_tls_security_level": "may",
        "lmtp_tls_security_level": "may", "smtp_tls_ciphers": "medium",
        "smtp_tls_protocols": ">=TLSv1", "smtp_connection_cache_on_demand": "no",
        # Postfix's own order puts suites without a certificate first.
        "tls_medium_cipherlist": "aNULL:-aNULL:HIGH:MEDIUM:@STRENGTH:@SECLEVEL=0",
    }
    return Postfix(namespace, directory, main, services, [("127.0.0.1", 2500)])


DOVECOT_CONFIG = """
base_dir = {directory}/run
state_dir = {directory}/state
log_path = {directory}/log
auth_verbose = yes
protocols = imap pop3 lmtp sieve
listen = {listen}
mail_location = maildir:{directory}/mail/%n
ssl = yes
ssl_cert = <{cert}
ssl_key = <{cert}
ssl_dh = <{dh}
ssl_min_protocol = TLSv1
ssl_cipher_list = {ciphers}
disable_plaintext_auth = no
auth_mechanisms = plain login cram-md5 apop scram-sha-256
auth_failure_delay = 0
passdb {{
  driver = passwd-file
  args = {directory}/passwd
}}
userdb {{
  driver = static
  args = uid=nobody gid=nogroup home={directory}/mail/%n allow_all_users=yes
}}
service auth {{
  unix_listener {sasl} {{
    mode = 0666
  }}
}}
service imap-login {{
  process_min_avail = 2
}}
service pop3-login {{
  process_min_avail = 2
}}
service lmtp {{
  inet_listener lmtp {{
    address = {mx}
    port = 24
  }}
}}
service stats {{
  unix_listener stats-writer {{
    mode = 0666
  }}
}}
local {bare} {{
  ssl = no
}}
local {modern} {{
  ssl_min_protocol = TLSv1.2
  disable_plaintext_auth = yes
}}
"""


class Dovecot:
    """One Dovecot: IMAP, POP3, LMTP, ManageSieve, and the login check of the receiving Postfix."""

    def __init__(self, namespace, directory, certificates):
        self.namespace, self.directory, self.process = namespace, directory, None
        self.log = os.path.join(directory, "log")
        self.sasl_socket = os.path.join(directory, "sasl")
        os.makedirs(os.path.join(directory, "mail"))
        shutil.chown(os.path.join(directory, "mail"), "nobody", "nogroup")
        address = {host: net.server_address(HOSTS[host]) for host in ("mx", "bare", "modern")}
        listen = ", ".join([*address.values(), net.server_address(HOSTS["mx"], v6=True)])
        config = DOVECOT_CONFIG.format(directory=directory, listen=listen, ciphers=EVERYTHING,
                                       cert=certificates.pem("mx"),
                                       dh=certificates.pem("ffdhe2048"),
                                       sasl=self.sasl_socket, **address)
        self.config = os.path.join(directory, "dovecot.conf")
        with open(self.config, "w", encoding="ascii") as file:
            file.write(config)

    def add_accounts(self, accounts):
        """Accounts with a mailbox of one message: (user, password, message)."""
        with open(os.path.join(self.directory, "passwd"), "w", encoding="ascii") as table:
            for user, password, message in accounts:
                table.write(f"{user}:{{PLAIN}}{password}::::::\n")
                box = os.path.join(self.directory, "mail", user)
                for part in ("", "cur", "new", "tmp"):
                    os.mkdir(os.path.join(box, part))
                    shutil.chown(os.path.join(box, part), "nobody", "nogroup")
                path = os.path.join(box, "new", "1.lab.example.org")
                with open(path, "w", encoding="ascii", newline="") as file:
                    file.write(message)
                shutil.chown(path, "nobody", "nogroup")

    def launch(self):
        self.process = self.namespace.popen(
            [net.program("dovecot"), "-F", "-c", self.config],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            env={**os.environ, "DOVECOT_HOSTNAME": "mail.example.org"})

    def wait(self):
        mx = net.server_address(HOSTS["mx"])
        wait_listening("Dovecot", self.namespace, self.process, self.log,
                       [(mx, port) for port in (143, 993, 110, 995, 24, 4190)])


class TlsServers:
    """openssl s_server, for what mail servers do not insist on. A line comes back reversed, and
    CLOSE ends the session."""

    ROWS = (
        # Knows IMAP by its name for ALPN, and no other protocol (RFC 9325 s3.8).
        ("alpn", 993, ("-alpn", "imap")),
        # Knows one name; another ends the handshake, or is only complained about.
        ("names-only", 993, ("-servername", "mx.example.org", "-servername_fatal")),
        ("names-first", 993, ("-servername", "mx.example.org")),
        # Postfix asks for the client's certificate, and is content with none.
        ("needs-client", 993, ("-Verify", "1")),
    )

    def __init__(self, namespace, directory, certificates):
        self.namespace, self.pem = namespace, certificates.pem("mx")
        self.log, self.processes = os.path.join(directory, "log"), {}
        os.makedirs(directory)

    def launch(self):
        with open(self.log, "wb") as log:
            for host, port, words in self.ROWS:
                address = net.server_address(HOSTS[host])
                argv = [net.program("openssl"), "s_server", "-rev", "-accept", f"{address}:{port}",
                        "-cert", self.pem, "-key", self.pem, "-cert2", self.pem, "-key2", self.pem,
                        *words]
                self.processes[address, port] = self.namespace.popen(
                    argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def wait(self):
        for where, process in self.processes.items():
            wait_listening("openssl s_server", self.namespace, process, self.log, [where])


class Redis:
    """A private redis-server on a Unix socket. Its append-only file keeps every write command, so
    a leaked word is found even where a later write replaced it."""

    def __init__(self, directory):
        self.directory = directory
        self.socket = os.path.join(directory, "redis.sock")
        self.process = None

    def start(self):
        os.makedirs(self.directory)
        self.process = subprocess.Popen(
            [net.program("redis-server"), "--port", "0", "--unixsocket", self.socket,
             "--unixsocketperm", "777", "--dir", self.directory, "--save", "",
             "--appendonly", "yes", "--aof-use-rdb-preamble", "no", "--daemonize", "no"],
            stdout=subprocess.DEVNULL, start_new_session=True)
        deadline = time.monotonic() + START_LIMIT_S
        while not os.path.exists(self.socket):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise StartError("redis-server did not start")
            time.sleep(0.05)

    def stop(self):
        if self.process is not None:
            net.stop(self.process)

    def everything_written(self):
        """Every write command so far, as bytes."""
        data, folder = b"", os.path.join(self.directory, "appendonlydir")
        for name in os.listdir(folder):
            with open(os.path.join(folder, name), "rb") as file:
                data += file.read()
        return data


def wait_listening(name, namespace, process, log, listening):
    deadline = time.monotonic() + START_LIMIT_S
    for address, port in listening:
        while True:
            try:
                with namespace.inside():
                    socket.create_connection((address, port), 1).close()
                break
            except OSError as error:
                if process.poll() is None and time.monotonic() < deadline:
                    time.sleep(0.05)
                    continue
                raise StartError(f"{name} does not listen on {address} port {port} ({error})\n"
                                 + _why(process, log)) from error


def _why(process, log):
    text = ""
    if process.poll() is not None and process.stderr:
        text = process.stderr.read().decode(errors="replace")
    if os.path.exists(log):
        with open(log, encoding="utf-8", errors="replace") as file:
            text += "".join(file.readlines()[-15:])
    return text or "its log is empty"
