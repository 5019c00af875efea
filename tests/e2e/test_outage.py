#!/usr/bin/env python3
# ctest: labels=slow timeout=240
"""Clerk cannot be reached for a while: connections refused, a black hole, a name server
that is silent or knows no such name. The ten minutes of it are component/test_outage."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import shutil
import signal
import socket
import subprocess
import threading
import time

from harness import Daemon, Fake, Skip, check_story, main, wait_until


def creates(n, tag=""):
    return ("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
            f" WHERE i < {n}) INSERT INTO job (action, user_id)"
            f" SELECT 'create', 'user_' || i || '{tag}' FROM n;")


def held(daemon):
    return daemon.audit("SELECT reason FROM hold WHERE kind = 'outage'")


def check_after(daemon, fake, jobs, began):
    """All done within two minutes, and nothing was burnt: an attempt that counted is one of
    those that were on their way when it began."""
    daemon.wait_done(deadline=120)
    took = time.monotonic() - began
    daemon.stop()
    assert daemon.states() == {"succeeded": jobs}, daemon.states()
    worst = daemon.audit("SELECT max(tries) AS tries, sum(tries > 1) AS n FROM job")[0]
    assert worst["tries"] <= 2 and worst["n"] <= 16, worst
    check_story(daemon, fake)
    print(f"outage: {jobs} jobs, all done {took:.1f} s after it", flush=True)


# fault: N3 N12
def test_clerk_is_away_for_20_seconds():
    fake = Fake("--latency-ms", "2-20")
    daemon = Daemon(fake)
    daemon.start()
    daemon.queue(creates(1000))
    wait_until(lambda: daemon.states().get("succeeded", 0) > 100, 20)
    fake.kill()
    time.sleep(20)
    assert held(daemon), "connections are refused and nobody says so"
    fake.start()
    check_after(daemon, fake, 1000, time.monotonic())


class BlackHole:
    """A port whose queue of connections is full: what comes for it is dropped."""

    def __init__(self, port):
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("127.0.0.1", port))
        self.listener.listen(0)
        self.fillers = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
            self.fillers.append(filler)

    def close(self):
        for one in [*self.fillers, self.listener]:
            one.close()


# fault: N4 N12
def test_a_black_hole():
    fake = Fake("--latency-ms", "2-20")
    daemon = Daemon(fake, {"clerk.connect_timeout": "1s", "clerk.request_timeout": "3s"})
    daemon.start()
    daemon.queue(creates(1000))
    wait_until(lambda: daemon.states().get("succeeded", 0) > 50, 20)
    fake.kill()
    hole = BlackHole(fake.port)
    wait_until(lambda: held(daemon), 20, "held")
    time.sleep(8)  # some probes
    assert daemon.running() and daemon.ctl("status", check=1)
    hole.close()
    fake.start()
    check_after(daemon, fake, 1000, time.monotonic())
    silent = daemon.audit("SELECT count(*) AS n FROM audit WHERE event = 'unanswered'"
                          " AND error_code = 'timeout' AND effect = 'none'")[0]["n"]
    assert silent > 0


# fault: N10
def test_an_answer_that_drips():
    """A byte now and then would go on for minutes: the time limit ends it."""
    fake = Fake()
    daemon = Daemon(fake, {"clerk.connect_timeout": "1s", "clerk.request_timeout": "2s"})
    daemon.start()
    fake.script({"fault": "drip=300"}, {"fault": "drip=300"})
    daemon.queue(creates(2))
    daemon.wait_done(deadline=30)
    daemon.stop()
    rows = daemon.audit("SELECT error_code, effect, http_status, duration_ms AS ms FROM audit"
                        " WHERE event = 'unanswered'")
    assert len(rows) == 2, rows
    for row in rows:
        assert (row["error_code"], row["effect"], row["http_status"]) == (
            "timeout", "unknown", 200), row
        assert 2000 <= row["ms"] < 6000, row
    check_story(daemon, fake)


class NameServer:
    """A name server at 127.0.0.77 that is silent, or knows no name."""

    def __init__(self, answers):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.77", 53))
        self.answers = answers
        self.asked = 0
        self.over = False
        self.socket.settimeout(0.1)
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        while not self.over:
            try:
                query, who = self.socket.recvfrom(1500)
            except TimeoutError:
                continue
            self.asked += 1
            if self.answers:  # NXDOMAIN
                self.socket.sendto(query[:2] + b"\x81\x83" + query[4:], who)

    def close(self):
        # A socket in which a thread waits stays bound after its close.
        self.over = True
        self.thread.join()
        self.socket.close()


def with_name_server(answers, seconds):
    """A daemon that asks that name server alone, for so long: it must not stand still."""
    if os.geteuid() != 0 or not shutil.which("unshare"):
        raise Skip("a name server of its own wants root and unshare")
    try:
        server = NameServer(answers)
    except OSError as fault:
        raise Skip(f"127.0.0.77:53: {fault}") from None
    daemon = Daemon("https://clerk.invalid-zone.test")
    resolv = daemon.scratch / "resolv.conf"
    resolv.write_text("nameserver 127.0.0.77\noptions timeout:3 attempts:1\n")
    nsswitch = daemon.scratch / "nsswitch.conf"
    nsswitch.write_text("hosts: dns\n")
    script = (f"mount --bind {resolv} /etc/resolv.conf && mount --bind {nsswitch}"
              ' /etc/nsswitch.conf && exec "$0" "$@"')
    if subprocess.run(["unshare", "--mount", "sh", "-c", script, "true"], check=False,
                      capture_output=True).returncode:
        raise Skip("no mount namespace here")
    daemon.start(prefix=("unshare", "--mount", "sh", "-c", script))
    daemon.queue(creates(40))
    end = time.monotonic() + seconds
    wait_until(lambda: server.asked > 0, 10, "the name server is asked")
    while time.monotonic() < end:
        # The loop goes on: a command is taken at once, whatever the resolver waits for.
        began = time.monotonic()
        daemon.queue("INSERT INTO command (verb) VALUES ('resume');")
        n = daemon.audit("SELECT count(*) AS n FROM command")[0]["n"]
        wait_until(lambda: daemon.audit("SELECT count(*) AS n FROM command")[0]["n"] > n
                   or n == int(daemon.queue("SELECT count(*) FROM command;")), 5)
        assert time.monotonic() - began < 5
        time.sleep(0.5)
    wait_until(lambda: held(daemon), 10, "held")
    assert "resolve" in held(daemon)[0]["reason"] or "timeout" in held(daemon)[0]["reason"]
    assert daemon.audit("SELECT max(unknown_attempts) AS n FROM job")[0]["n"] == 0
    assert daemon.states() == {"queued": 40} or daemon.states().get("running", 0) <= 1
    # And it ends without waiting for the resolver's threads.
    began = time.monotonic()
    daemon.signal(signal.SIGTERM)
    daemon.signal(signal.SIGTERM)
    assert daemon.wait_exit(10) == 0
    assert time.monotonic() - began < 5
    server.close()
    return daemon


# fault: N1
def test_no_such_name():
    with_name_server(True, 3)


# fault: N2
def test_a_silent_name_server():
    with_name_server(False, 8)


if __name__ == "__main__":
    main()
