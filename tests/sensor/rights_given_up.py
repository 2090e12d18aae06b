#!/usr/bin/env python3
"""rights_given_up.py WAXSEAL - `waxseal run` on a veth pair of its own and `waxseal read` from a pipe: what the kernel says of
the rights of every thread, as root, as the user that the configuration names, and as one that is only given the right to capture,
as systemd does; and that sessions are reported all the same."""
import json
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import time

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [os.path.join(TESTS, "robustness"), os.path.join(TESTS, "lab")]
import derive  # noqa: E402
import net  # noqa: E402
import sensor  # noqa: E402

CAPTURE = os.path.join(sensor.CAPTURES, "smtp-starttls-tls13.pcap")
SOMEBODY = "nobody"
DAC_OVERRIDE = 1 << 1      # all that root keeps
WAIT_S = 20
CAPTURING = "-all,+net_raw,+net_admin"
AS_A_SERVICE = ["setpriv", f"--reuid={SOMEBODY}", "--regid=nogroup", "--clear-groups", f"--inh-caps={CAPTURING}",
                f"--ambient-caps={CAPTURING}", f"--bounding-set={CAPTURING}", "--no-new-privs"]


def rights(pid):
    """What /proc says of each thread."""
    threads = []
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/status", encoding="ascii", errors="replace") as file:
            threads.append(dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line))
    return threads


def faults(threads, uid):
    found = []
    for thread in threads:
        if (thread["NoNewPrivs"], thread["Seccomp"]) != ("1", "2"):
            found.append(f"NoNewPrivs {thread['NoNewPrivs']}, Seccomp {thread['Seccomp']}")
        if int(thread["CapPrm"], 16) & ~(DAC_OVERRIDE if uid == 0 else 0):
            found.append(f"keeps capabilities {thread['CapPrm']}")
        if set(thread["Uid"].split()) != {str(uid)}:
            found.append(f"runs as {thread['Uid']}")
    return found


def until(condition):
    end = time.monotonic() + WAIT_S
    while not (result := condition()) and time.monotonic() < end:
        time.sleep(0.05)
    return result


def say(name, found):
    print(f"{'FAILED' if found else 'ok'}: {name}", *sorted(set(found)), sep="\n   ")
    return len(found)


def check_run(program, space, folder, user, before=()):
    """One session, live; the user may write nowhere but in a folder of his own. `before` makes the process his from the start,
    else the sensor does."""
    uid = pwd.getpwnam(user).pw_uid if user else 0
    name = (user or "root") + (" by " + before[0] if before else "")
    place = os.path.join(folder, name)
    os.mkdir(place, 0o700)
    os.chown(place, uid, -1)
    config, events = os.path.join(folder, f"{name}.yaml"), os.path.join(place, "events.json")
    with open(config, "w", encoding="ascii") as file:
        file.write(f"workers: 2\nuser: '{'' if before else user}'\n")
    process = space.popen([*before, program, "run", "-c", config, "-i", "mon0", "--json", events], stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE)
    # The outputs are opened after the rights are gone, and the threads come after both.
    until(lambda: os.path.exists(events) and len(rights(process.pid)) >= 3)
    threads = rights(process.pid)
    found = faults(threads, uid) + ([] if len(threads) >= 3 else ["there are no capture threads"])
    space.send(frame.data for frame in derive.read(sensor.load(CAPTURE)))
    until(lambda: os.path.getsize(events) > 0)
    process.terminate()
    said = process.communicate(timeout=WAIT_S)[1].decode()
    with open(events, encoding="utf-8") as file:
        states = [json.loads(line)["starttls"] for line in file]
    if process.returncode != 0 or states != ["upgraded"]:
        found.append(f"exit status {process.returncode}, sessions {states}: {said}")
    if os.stat(events).st_uid != uid:
        found.append(f"the events belong to {os.stat(events).st_uid}")
    return say(f"run as {name}", found)


def check_unknown(program, space, folder):
    config = os.path.join(folder, "unknown.yaml")
    with open(config, "w", encoding="ascii") as file:
        file.write("user: no-such-user\n")
    done = space.run([program, "run", "-c", config, "-i", "mon0"], capture_output=True, timeout=WAIT_S)
    good = done.returncode == 1 and b"cannot become 'no-such-user': the system knows no such user" in done.stderr
    return say("run as somebody unknown", [] if good else [f"exit status {done.returncode}: {done.stderr.decode()}"])


def check_read(program):
    """A pipe that stays open keeps it reading."""
    argv = [program, "read", "--quiet", "--json", "/dev/null", "-"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE) as process:
        process.stdin.write(sensor.load(CAPTURE))
        process.stdin.flush()
        until(lambda: len(rights(process.pid)) >= 2)
        found = faults(rights(process.pid), os.geteuid())
        process.stdin.close()
    return say("read", found + ([] if process.returncode == 0 else [f"exit status {process.returncode}"]))


def main():
    program = os.path.abspath(sys.argv[1])
    sensor.need(program)
    if reason := net.why_not_permitted():
        sensor.skip(reason)
    with net.Mirror("rights") as space, tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        program = shutil.copy(program, folder)  # where everybody may start it
        failures = sum(check_run(program, space, folder, *who) for who in (("",), (SOMEBODY,), (SOMEBODY, AS_A_SERVICE)))
        failures += check_unknown(program, space, folder)
        failures += check_read(program)
    sys.exit(failures > 0)


if __name__ == "__main__":
    main()
