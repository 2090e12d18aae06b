#!/usr/bin/env python3
"""planted_words.py WAXSEAL - user names, passwords and message text stay where they were: on the wire.

A capture with planted words is read. None of them, in no encoding that mail uses, may stand in any output,
nor in the memory of the process once it has read on: the words came in, so they were in a buffer, and what
held them must have been overwritten. The process is looked at while it waits for more on standard input."""
import base64
import contextlib
import fcntl
import glob
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time

import pcapfile
import sensor

USER, PASSWORD, BODY = "quillfeather", "Brimstone-4711-Kestrel", "the-heron-stands-in-the-reeds"
CLIENT, SERVER = "10.9.0.1", "10.9.0.2"
# Overwrites what the read-ahead buffers still hold of the input, as further traffic would.
TRAILING_BYTES = 2_000_000
PIPE_BYTES = 65536
WAIT_LIMIT_S = 60


def base64_of(text):
    return base64.b64encode(text.encode()).decode()


PLAIN = base64_of(f"\0{USER}\0{PASSWORD}")
CRAM = base64_of(f"{USER} 5d41402abc4b2a76b9719d911017c592")
PLANTED = [USER, PASSWORD, BODY, PLAIN, base64_of(USER), base64_of(PASSWORD), CRAM]


def smtp(capture, *login, late=False):
    talk = pcapfile.Conversation(capture, CLIENT, SERVER, 587)
    talk.say(1, "220 mx.example.org ESMTP")
    talk.say(0, "EHLO client.example.org")
    talk.say(1, "250-mx.example.org\r\n250 AUTH PLAIN LOGIN CRAM-MD5")
    for line in login:
        if late:
            # The end of the line overtakes its beginning: it waits in the reassembly's own memory.
            data = line.encode() + b"\r\n"
            talk.segment(0, data[6:], ahead=6)
            talk.segment(0, data[:6])
            talk.sequence[0] += len(data) - 6
        else:
            talk.say(0, line)
        talk.say(1, "334 VXNlcm5hbWU6" if line != login[-1] else "235 welcome")
    talk.say(0, "MAIL FROM:<a@example.org>")
    talk.say(1, "250 ok")
    talk.say(0, "RCPT TO:<b@example.org>")
    talk.say(1, "250 ok")
    talk.say(0, "DATA")
    talk.say(1, "354 go on")
    talk.say(0, "Subject: " + BODY, "", BODY, ".")
    talk.say(1, "250 taken")
    talk.close()


def planted_capture():
    capture = pcapfile.Capture()
    smtp(capture, f"AUTH PLAIN {PLAIN}")
    smtp(capture, "AUTH PLAIN", PLAIN)
    smtp(capture, "AUTH LOGIN", base64_of(USER), base64_of(PASSWORD))
    smtp(capture, "AUTH CRAM-MD5", CRAM)
    smtp(capture, f"AUTH PLAIN {PLAIN}", late=True)
    smtp(capture, "AUTH LOGIN", base64_of(USER), base64_of(PASSWORD), late=True)
    imap = pcapfile.Conversation(capture, CLIENT, SERVER, 143)
    imap.say(1, "* OK ready")
    imap.say(0, f'a LOGIN "{USER}" "{PASSWORD}"')
    imap.say(1, "a NO not you")
    imap.say(0, f"b LOGIN {{{len(USER)}}}")
    imap.say(1, "+ go on")
    imap.say(0, f"{USER} {{{len(PASSWORD)}}}")
    imap.say(1, "+ go on")
    imap.say(0, PASSWORD)
    imap.say(1, "b OK in")
    imap.say(0, "c FETCH 1 BODY[]")
    imap.say(1, f"* 1 FETCH (BODY[] {{{len(BODY)}}}\r\n{BODY})", "c OK done")
    imap.close()
    pop3 = pcapfile.Conversation(capture, CLIENT, SERVER, 110)
    pop3.say(1, "+OK ready")
    pop3.say(0, f"USER {USER}")
    pop3.say(1, "+OK")
    pop3.say(0, f"PASS {PASSWORD}")
    pop3.say(1, "+OK in")
    pop3.say(0, "RETR 1")
    pop3.say(1, "+OK", BODY, ".")
    pop3.close()
    sieve = pcapfile.Conversation(capture, CLIENT, SERVER, 4190)
    sieve.say(1, '"SASL" "PLAIN"', "OK")
    sieve.say(0, f'AUTHENTICATE "PLAIN" "{PLAIN}"')
    sieve.say(1, "OK")
    sieve.close()
    return capture


def with_trailing_traffic(capture):
    """Other mail sessions behind it, in which every buffer of the sensor comes round again."""
    begin = len(capture.data)
    capture.now_us += 3600 * 1000000
    while len(capture.data) - begin < TRAILING_BYTES:
        talk = pcapfile.Conversation(capture, "10.9.1.1", "10.9.1.2", 25)
        talk.say(1, "220 other.example.org ESMTP", "250 " + "x" * 900)
        talk.say(0, "HELO other.example.org", "NOOP " + "y" * 900, "QUIT")
        talk.close()
    return bytes(capture.data)


def found_in(data):
    return [word for word in PLANTED if word.encode() in data]


def memory_of(pid):
    """(name, bytes) of every readable mapping of a process."""
    with open(f"/proc/{pid}/maps", encoding="utf-8") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps:
            begin, end, rights, name = re.match(r"(\w+)-(\w+) (\S+) \S+ \S+ \S+ *(.*)", line).groups()
            if not rights.startswith("r") or name in ("[vvar]", "[vsyscall]"):
                continue
            with contextlib.suppress(OSError, ValueError, OverflowError):
                memory.seek(int(begin, 16))
                yield name or "memory without a name", memory.read(int(end, 16) - int(begin, 16))


def wait_until_drained(process):
    deadline = time.monotonic() + WAIT_LIMIT_S
    while struct.unpack("i", fcntl.ioctl(process.stdin, termios.FIONREAD, b"\0" * 4))[0] > 0:
        if process.poll() is not None or time.monotonic() > deadline:
            raise TimeoutError("the sensor does not read its standard input")
        time.sleep(0.002)


def feed(process, data):
    """Hand over the data a full pipe at a time, so that every read fills as much of a buffer as the first one
    did; then give the process time to settle."""
    for place in range(0, len(data), PIPE_BYTES):
        wait_until_drained(process)
        process.send_signal(signal.SIGSTOP)
        process.stdin.write(data[place:place + PIPE_BYTES])
        process.stdin.flush()
        process.send_signal(signal.SIGCONT)
    wait_until_drained(process)
    time.sleep(1)


def check_memory(program, data, folder):
    """Where in the waiting process the planted words stand."""
    out = os.path.join(folder, "events.json")
    process = subprocess.Popen([program, "read", "--json", out, "-"], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        feed(process, data)
        seen = 0
        for name, content in memory_of(process.pid):
            seen += len(content)
            for word in found_in(content):
                place = content.index(word.encode())
                around = content[max(0, place - 40):place + len(word) + 40]
                yield f"memory ({name}): {word!r} in {around!r}"
        if seen < 1_000_000:
            yield f"only {seen} bytes of the process could be read: nothing is known about the rest"
    finally:
        process.kill()
        process.communicate()


def outputs(program, data, folder):
    """(what, bytes) of everything the sensor can write."""
    report = sensor.run(program, "read", "-", data=data)
    yield "text report", report.out + report.err
    events = sensor.run(program, "read", "--json", "-", "-", data=data)
    if b'"protocol":"imap"' not in events.out or b'"auth":"cleartext"' not in events.out:
        print("the events do not show the planted logins:")
        print(events.out.decode(errors="replace")[:2000], sensor.last_words(events))
        sys.exit(1)
    yield "JSON lines", events.out + events.err
    if not shutil.which("redis-server"):
        print("redis-server is not installed: what is written to Redis was not looked at")
        return
    socket = os.path.join(folder, "redis.sock")
    server = subprocess.Popen(["redis-server", "--port", "0", "--unixsocket", socket, "--dir", folder, "--save", "",
                               "--appendonly", "yes", "--daemonize", "no"], stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 15
        while not os.path.exists(socket) and time.monotonic() < deadline:
            time.sleep(0.05)
        done = sensor.run(program, "read", "--redis", f"unix://{socket}", "-", data=data)
        if done.status != 0:
            print(f"writing to Redis failed:\n{sensor.last_words(done)}")
            sys.exit(1)
    finally:
        server.terminate()
        server.wait(15)
    log = b"".join(sensor.load(p) for p in glob.glob(os.path.join(folder, "appendonlydir", "*")))
    if b"auth" not in log:
        print("Redis' log of writes holds no event")
        sys.exit(1)
    yield "writes to Redis", log


def main():
    program = sys.argv[1]
    sensor.need(program)
    capture = planted_capture()
    with tempfile.TemporaryDirectory() as folder:
        problems = [f"{what}: {word!r}" for what, data in outputs(program, bytes(capture.data), folder)
                    for word in found_in(data)]
        problems += check_memory(program, with_trailing_traffic(capture), folder)
    for problem in problems:
        print(problem)
    print(f"{len(PLANTED)} planted words: {len(problems)} found again" if problems else "no planted word was found again")
    sys.exit(len(problems) > 0)


if __name__ == "__main__":
    main()
