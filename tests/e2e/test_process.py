#!/usr/bin/env python3
# ctest: labels=slow timeout=240
"""What can happen to a process: signals at any time and in any number, descriptors that
are closed or few, and nobody who listens to what it says."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import random
import signal
import subprocess
import time

from harness import Daemon, Failure, Fake, check_story, main, wait_until


def creates(n, tag=""):
    return ("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
            f" WHERE i < {n}) INSERT INTO job (action, user_id)"
            f" SELECT 'create', 'user_' || i || '{tag}' FROM n;")


def cpu_seconds(pid):
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


# fault: P2
def test_sigterm_at_any_moment_with_requests_on_their_way():
    rng = random.Random(7)
    fake = Fake("--latency-ms", "5-120")
    daemon = Daemon(fake)
    daemon.start()
    daemon.queue(creates(400))
    for _ in range(12):
        time.sleep(rng.uniform(0, 0.1))
        daemon.stop()
        states = daemon.states()
        assert not states.get("running"), states  # each answer was waited for
        daemon.start()
    daemon.wait_done()
    daemon.stop()
    assert not daemon.audit("SELECT 1 FROM audit WHERE event = 'interrupted'")
    assert len(fake.requests()) == 400
    check_story(daemon, fake)


# fault: P2
def test_sigterm_while_it_starts():
    fake = Fake()
    daemon = Daemon(fake)
    daemon.start()
    daemon.queue(creates(20))
    daemon.kill()
    for i in range(20):
        daemon.start(ready=False)
        time.sleep(i * 0.004)
        daemon.signal(signal.SIGTERM)
        # Before it listens to signals, the signal ends it as any process.
        assert daemon.wait_exit() in (0, -signal.SIGTERM), daemon.status
    daemon.start()
    daemon.wait_done()
    daemon.stop()
    check_story(daemon, fake)


# fault: P3
def test_sigterm_twice_with_requests_on_their_way():
    fake = Fake("--latency-ms", "30000")
    daemon = Daemon(fake, {"stop_timeout": "60s"})
    daemon.start()
    daemon.queue(creates(16))
    wait_until(lambda: daemon.states() == {"running": 16}, 10)
    daemon.signal(signal.SIGTERM)
    daemon.wait_log("stopping: waiting for 16 answers", 10)
    daemon.signal(signal.SIGTERM)
    assert daemon.wait_exit(10) == 0
    assert "stopping with 16 answers outstanding" in daemon.log()
    fake.latency(0)
    daemon.start()
    daemon.wait_done()
    daemon.stop()
    rows = daemon.audit("SELECT count(*) AS n FROM audit WHERE event = 'interrupted'"
                        " AND effect = 'unknown'")
    assert rows == [{"n": 16}], rows
    check_story(daemon, fake)


# fault: P4
def test_sighup_a_thousand_times():
    fake = Fake("--latency-ms", "0-10")
    daemon = Daemon(fake)
    daemon.start()
    daemon.reload()
    before = descriptors(daemon.pid)
    daemon.queue(creates(300))
    for i in range(1000):
        daemon.signal(signal.SIGHUP)
        if i % 4 == 0:
            time.sleep(0.001)
    daemon.wait_done()
    daemon.reload()
    # Pooled connections to Clerk are the only ones that may have come.
    after = descriptors(daemon.pid)
    assert after <= before + 17, (before, after)
    daemon.stop()
    reloaded = daemon.audit("SELECT count(*) AS n FROM audit WHERE event = 'reloaded'")[0]["n"]
    assert 3 <= reloaded <= 1002, reloaded
    assert len(fake.requests()) == 300
    assert "the old configuration stays" not in daemon.log()
    check_story(daemon, fake)


# fault: P4
def test_sighup_from_the_first_moment_on():
    """A reload that comes while it starts is not lost, and ends nothing."""
    fake = Fake()
    daemon = Daemon(fake)
    daemon.start()
    daemon.kill()
    for i in range(10):
        daemon.configure({"concurrency": 5 + i})
        daemon.start(ready=False)
        # It has the old configuration from the moment it holds the lock.
        wait_until(lambda: f"{daemon.pid}" in (daemon.state / "lock").read_text(), 10,
                   interval=0.0005)
        daemon.configure({"concurrency": 50 + i})
        daemon.signal(signal.SIGHUP)
        wait_until(lambda: daemon.ctl("status", check=None).returncode == 0, 10)
        wait_until(lambda: daemon.status_json()["concurrency"] == 50 + i, 10,
                   f"the configuration that came during start {i} is taken")
        daemon.stop()


# fault: P5
def test_sigstop():
    """The daemon stands still for longer than its requests may take: what was answered
    meanwhile is recorded or is unknown, nothing is sent twice, and it goes on."""
    fake = Fake("--latency-ms", "300-600")
    daemon = Daemon(fake, {"clerk.request_timeout": "2s", "clerk.connect_timeout": "1s"})
    daemon.start()
    daemon.queue(creates(40))
    for _ in range(2):
        wait_until(lambda: daemon.states().get("running", 0) >= 8, 20)
        daemon.signal(signal.SIGSTOP)
        time.sleep(4)
        daemon.signal(signal.SIGCONT)
    daemon.wait_done()
    daemon.stop()
    assert daemon.states() == {"succeeded": 40}, daemon.states()
    assert not daemon.audit("SELECT 1 FROM audit WHERE event = 'interrupted'")
    check_story(daemon, fake)


# fault: P6
def test_standard_descriptors_are_closed():
    fake = Fake()
    daemon = Daemon(fake)
    for closed in ("0<&-", "1>&-", "2>&-", "0<&- 1>&-", "0<&- 2>&-", "0<&- 1>&- 2>&-"):
        tag = "".join(c for c in closed if c.isdigit())
        daemon.start(prefix=("sh", "-c", f'exec "$0" "$@" {closed}'))
        names = {fd: os.readlink(f"/proc/{daemon.pid}/fd/{fd}") for fd in range(3)}
        for fd, name in names.items():
            if str(fd) in tag:
                assert name == "/dev/null", names
        daemon.queue(creates(5, f"x{tag}"))
        daemon.wait_done()
        daemon.ctl("verify")
        daemon.stop()
    assert daemon.states() == {"succeeded": 30}, daemon.states()
    check_story(daemon, fake)


def run_with_descriptors(daemon, n):
    """Whether it came to work with at most n descriptors: it works or says so, and does
    not spin."""
    after = len(daemon.log())
    daemon.start(ready=False, prefix=("prlimit", f"--nofile={n}:{n}"))
    try:
        # sd_notify() needs one as well: what it cannot tell, the log does.
        wait_until(lambda: not daemon.running() or "ready: " in daemon.log()[after:], 20)
    except Failure:
        raise Failure(f"{n} descriptors: neither ready nor gone: {daemon.log()[after:]}") from None
    if not daemon.running():
        said = [line for line in daemon.log()[after:].splitlines() if line.startswith(
            ("error:", "clerk-tokend:"))]
        status = daemon.wait_exit()
        assert status in (1, 74, 78), f"{n} descriptors: {status}"
        assert said, f"{n} descriptors: ended with {status} and said nothing"
        return False
    daemon.queue(creates(3, f"n{n}"))
    began = cpu_seconds(daemon.pid)
    time.sleep(1)
    used = cpu_seconds(daemon.pid) - began
    assert used < 0.5, f"{n} descriptors: {used} CPU seconds of 1: it spins"
    daemon.signal(signal.SIGTERM)
    assert daemon.wait_exit() == 0, f"{n} descriptors: {daemon.status}"
    return True


# fault: P7 N13
def test_few_descriptors():
    fake = Fake()
    daemon = Daemon(fake)
    daemon.start()
    daemon.stop()
    worked = []
    for n in range(5, 40, 1):
        if run_with_descriptors(daemon, n):
            worked.append(n)
            if len(worked) == 6:
                break
    print(f"few descriptors: refused below {worked[0]}, ran with {worked}", flush=True)
    # Given enough again, what could not be sent is.
    daemon.start()
    daemon.wait_done()
    daemon.stop()
    assert daemon.states() == {"succeeded": 3 * len(worked)}, daemon.states()
    assert not daemon.audit("SELECT 1 FROM job WHERE unknown_attempts > 0")
    check_story(daemon, fake)


# fault: N13
def test_descriptors_run_out_and_come_back():
    """While it works its limit is lowered to what it has: no socket can be made, nothing
    is sent, nothing is burnt, nothing spins; and it goes on by itself."""
    fake = Fake()
    daemon = Daemon(fake)
    daemon.start()
    daemon.queue("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50) "
                 "INSERT INTO job (action, user_id, not_before) SELECT 'create', 'user_' || i, "
                 "strftime('%Y-%m-%d %H:%M:%f', 'now', '+6 seconds') FROM n;")
    wait_until(lambda: daemon.states().get("queued") == 50, 20, "taken in")
    used = {int(fd) for fd in os.listdir(f"/proc/{daemon.pid}/fd")}
    n = min(set(range(100)) - used)  # not one more
    subprocess.run(["prlimit", f"--pid={daemon.pid}", f"--nofile={n}:1024"], check=True)
    # Nor can the folder be opened to be synced: a row that comes now is not taken in.
    daemon.queue("INSERT INTO job (action, user_id) VALUES ('create', 'user_last');")
    for hold in ("outage", "queue"):
        wait_until(lambda: daemon.audit("SELECT 1 FROM audit WHERE event = 'held' AND "
                                        "error_code = ?", (hold,)), 20, f"held: {hold}")
    began = cpu_seconds(daemon.pid)
    time.sleep(2)
    used = cpu_seconds(daemon.pid) - began
    assert used < 0.6, f"{used} CPU seconds of 2: it spins"
    assert not fake.requests()
    subprocess.run(["prlimit", f"--pid={daemon.pid}", "--nofile=1024:1024"], check=True)
    daemon.wait_done()
    daemon.stop()
    assert daemon.states() == {"succeeded": 51}, daemon.states()
    assert daemon.audit("SELECT max(tries) AS n FROM job")[0]["n"] <= 2
    assert not daemon.audit("SELECT 1 FROM audit WHERE effect = 'unknown'")
    check_story(daemon, fake)


# fault: P9
def test_nobody_reads_its_log():
    """stderr is a pipe that is full, because whoever reads it hangs: the daemon must not
    wait for it. Then the reader is gone altogether."""
    fake = Fake()
    daemon = Daemon(fake, {"log_level": "debug"})
    reader, writer = os.pipe()
    # The harness's log file is behind the pipe's back: stdout keeps it.
    daemon.start(prefix=("sh", "-c", f'exec "$0" "$@" 2>&{writer}'), pass_fds=(writer,))
    os.close(writer)
    daemon.queue(creates(2500))
    daemon.wait_done()
    assert daemon.states() == {"succeeded": 2500}, daemon.states()
    # Room again: it says that something is missing.
    heard = b""
    os.set_blocking(reader, False)
    deadline = time.monotonic() + 10
    daemon.queue(creates(5, "z"))
    while b"lines of this log were lost" not in heard and time.monotonic() < deadline:
        try:
            heard += os.read(reader, 65536)
        except BlockingIOError:
            time.sleep(0.02)
            daemon.signal(signal.SIGHUP)
    assert b"lines of this log were lost" in heard, heard[-300:]
    os.close(reader)
    daemon.queue(creates(50, "y"))
    daemon.wait_done()
    daemon.stop()
    assert daemon.states() == {"succeeded": 2555}, daemon.states()
    check_story(daemon, fake)


# fault: P9
def test_nobody_reads_its_log_from_the_start_on():
    """Broken before the first line: a warning that is written early must not end it."""
    fake = Fake(keys=("sk_odd_harness",))
    daemon = Daemon(fake, key="sk_odd_harness")
    reader, writer = os.pipe()
    os.close(reader)
    daemon.start(prefix=("sh", "-c", f'exec "$0" "$@" 2>&{writer} >&{writer}'),
                 pass_fds=(writer,))
    os.close(writer)
    daemon.queue(creates(10))
    daemon.wait_done()
    daemon.stop()
    check_story(daemon, fake)


# fault: P9
def test_the_notify_socket_is_gone():
    fake = Fake()
    daemon = Daemon(fake)
    daemon.start()
    daemon.queue(creates(10))
    daemon.wait_done()
    daemon.notify.close()
    os.unlink(daemon.notify.path)
    daemon.queue(creates(10, "x"))
    daemon.signal(signal.SIGHUP)
    daemon.wait_done()
    daemon.signal(signal.SIGTERM)
    assert daemon.wait_exit() == 0
    daemon.notify = None
    assert daemon.states() == {"succeeded": 20}, daemon.states()
    check_story(daemon, fake)


if __name__ == "__main__":
    main()
