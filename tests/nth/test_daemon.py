#!/usr/bin/env python3
"""Every n-th allocation and every n-th system call of the real daemon fails.

clerk-tokend-nth is the daemon with faults.c between it and the system. Two scenarios ("work":
what the last run left open is recovered, jobs of each kind, commands, reload, stop;
"fresh": a first start in an empty folder, a job, reload, stop) are run again and again
against the strict fake_clerk, each time with another call that fails, once or for ever. Then the daemon starts once more without a fault and finishes the work, and
what the fake granted is held against the audit.

    test_daemon.py                a part, drawn from $NTH_SEED: each call, error and mode
    test_daemon.py --all          every call of the scenario with every error, both modes
    test_daemon.py --calls pwrite,fsync --all     only those
    test_daemon.py --point work:pwrite:17:EIO:ever     one, with its log
    test_daemon.py --count        how often the scenario makes each call
"""

import argparse
import concurrent.futures
import errno
import mmap
import os
import random
import re
import resource
import shutil
import signal
import sqlite3
import struct
import sys
import tempfile
import threading
import time
import traceback
from pathlib import Path

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import harness
from harness import BUILD, KEY, Daemon, Failure, Fake, check_story, find_bytes, read_rows, sql

# Nothing of this is about a disk of this machine; memory does not wait for its syncs.
if os.access("/dev/shm", os.W_OK):
    tempfile.tempdir = "/dev/shm"

NTH = BUILD / "tests" / "nth" / "clerk-tokend-nth"
CALLS = re.findall(r"^CALL\((\w+)\)", (Path(__file__).parent / "calls.def").read_text(), re.M)
REPORT_BYTES = 8 * (2 + len(CALLS))
CANARY = "canary-nth"

# The errors that a call is made to fail with; "short" is half of what was asked for, and
# "late" is done, but after five seconds.
ERRORS = {
    "memory": ["ENOMEM"],
    "open": ["EMFILE", "EIO", "EACCES"],
    "create": ["EMFILE", "EIO", "ENOSPC", "EROFS"],
    "close": ["EIO"],
    "read": ["EIO", "short"],
    "pread": ["EIO", "short"],
    "write": ["ENOSPC", "EIO", "short"],
    "pwrite": ["ENOSPC", "EIO", "EDQUOT", "EROFS", "short"],
    "fsync": ["EIO", "ENOSPC"],
    "fdatasync": ["EIO", "ENOSPC", "EDQUOT", "late"],
    "ftruncate": ["EIO", "ENOSPC"],
    "stat": ["EIO", "EACCES"],
    "access": ["EIO"],
    "readlink": ["EIO"],
    "rename": ["EIO", "ENOSPC"],
    "unlink": ["EIO"],
    "mkdir": ["EIO", "ENOSPC"],
    "chmod": ["EPERM"],
    "utime": ["EIO"],
    "flock": ["EIO"],
    "fcntl": ["EIO", "ENOLCK", "EAGAIN"],
    "mmap": ["ENOMEM"],
    "random": ["ENOSYS"],
    "socket": ["EMFILE", "ENOBUFS"],
    "connect": ["ECONNREFUSED", "ENETUNREACH", "EAGAIN"],
    "send": ["EPIPE", "ECONNRESET", "EAGAIN", "short"],
    "recv": ["ECONNRESET", "EAGAIN", "short"],
    "sockopt": ["ENOBUFS"],
    "sockname": ["ENOBUFS"],
    "sendmsg": ["ENOBUFS", "EAGAIN"],
    "epoll_create": ["EMFILE"],
    "epoll_ctl": ["ENOSPC", "ENOMEM"],
    "epoll_wait": ["EINTR", "EIO"],
    "timerfd_create": ["EMFILE"],
    "timerfd_settime": ["EIO"],
    "signalfd": ["EMFILE"],
    "inotify": ["EMFILE", "ENOSPC"],
    "pipe": ["EMFILE"],
}

# Whole kinds of trouble: what fails together when the thing behind it does.
GROUPS = {
    "disk": (["create", "write", "pwrite", "mkdir", "rename"], ["ENOSPC", "EDQUOT"]),
    "device": (["read", "pread", "write", "pwrite", "fsync", "fdatasync", "ftruncate", "open",
                "create", "stat", "unlink", "rename"], ["EIO"]),
    "frozen": (["create", "write", "pwrite", "ftruncate", "mkdir", "rename", "unlink", "chmod"], ["EROFS"]),
    "files": (["open", "create", "socket", "epoll_create", "timerfd_create", "signalfd", "inotify", "pipe"],
              ["EMFILE"]),
    "net": (["socket", "connect", "send", "recv", "sockopt", "sockname"], ["ENETDOWN"]),
}

CONFIGURATION = {
    "concurrency": 4,
    "stop_timeout": "1s",
    "clerk.request_timeout": "3s",
    "clerk.connect_timeout": "2s",
    "retry.initial_delay": "20ms",
    "retry.max_delay": "200ms",
    "retry.max_attempts": 1000,  # a job that never left must not give up on the way
    "retry.max_unknown_attempts": 1,  # a create of unknown outcome is never sent again
    "policy.max_expires_in": "1h",
    "policy.default_expires_in": "30min",
    "rate.requests": 1000000,
    "rate.share": 1.0,
}

# Of contract section 7.
EXITS = {0, 1, 74, 75, 78}
QUIET = 1.3  # s without a new row of the audit: it holds, or has nothing left to do
SETTLE_MAX = 6  # s at most, while it tries again and again
WAITS_MAX = 4000  # turns of the event loop in a run of some seconds: more is a spin
LOG_LINES_MAX = 400


class Point:
    """Which call fails, how, from which on."""

    def __init__(self, scenario, what, n, error, ever):
        self.scenario, self.what, self.n, self.error, self.ever = scenario, what, n, error, ever

    def __str__(self):
        mode = "ever" if self.ever else "once"
        return f"{self.scenario}:{self.what}:{self.n}:{self.error}:{mode}"

    @staticmethod
    def parse(text):
        scenario, what, n, error, mode = text.split(":")
        return Point(scenario, what, int(n), error, mode == "ever")

    def is_full(self):
        """A full disk, as one shows it: a failed sync may be more than that."""
        return self.error in ("ENOSPC", "EDQUOT") and self.what in (
            "disk", "create", "write", "pwrite", "mkdir", "rename")

    def environment(self, report):
        calls = GROUPS[self.what][0] if self.what in GROUPS else [self.what]
        number = getattr(errno, self.error, 0)
        return {
            "NTH_REPORT": str(report),
            "NTH_CALLS": ",".join(calls),
            "NTH_N": str(self.n),
            "NTH_EVER": str(int(self.ever)),
            "NTH_ERRNO": str(number),
            "NTH_DELAY_MS": "5000" if self.error == "late" else "0",
        }


class Report:
    """The counts that the daemon leaves behind."""

    def __init__(self, folder):
        self.path = Path(folder) / "report"
        self.path.write_bytes(bytes(REPORT_BYTES))

    def read(self):
        with open(self.path, "rb") as file:
            numbers = struct.unpack(f"={2 + len(CALLS)}Q", file.read(REPORT_BYTES))
        return {"seen": numbers[0], "hits": numbers[1], **dict(zip(CALLS, numbers[2:]))}


# The template: a state folder with work in it ------------------------------------------

ROWS = """
INSERT INTO job (action, user_id, requested_by) VALUES ('create', 'user_plain', 'nth');
INSERT INTO job (action, user_id) VALUES ('create', 'user_unheard');
INSERT INTO job (action, user_id) VALUES ('create', 'user_again');
INSERT INTO job (action, user_id, org_id, reference, reason)
  VALUES ('create', 'user_long', 'org_1', 'reference', printf('%.1500c', 'r'));
INSERT INTO job (action, user_id, expires_in_seconds) VALUES ('create', 'user_refused', 7200);
INSERT INTO job (action, user_id, not_before)
  VALUES ('create', 'user_cancelled', '2099-01-01 00:00:00');
INSERT INTO job (action, sign_in_token_id) VALUES ('revoke', '{first}');
INSERT INTO job (action, sign_in_token_id) VALUES ('revoke', '{second}');
INSERT INTO batch (name, release_first) VALUES ('canary', 1);
INSERT INTO job (action, user_id, batch) VALUES ('create', 'user_canary1', 'canary');
INSERT INTO job (action, user_id, batch) VALUES ('create', 'user_canary2', 'canary');
INSERT INTO command (verb, job_id)
  SELECT 'cancel', id FROM job WHERE user_id = 'user_cancelled';
INSERT INTO command (verb, job_id) SELECT 'retry', id FROM job WHERE user_id = 'user_banned1';
"""

SCRIPT = [
    {"fault": "reset_after", "user_id": "user_unheard"},
    {"fault": "status=425", "user_id": "user_again"},
    {"fault": "reset_before", "action": "revoke"},
]

LATER = {
    "resumed": "INSERT INTO command (verb, batch) VALUES ('resume', 'canary');",
    "first": """
INSERT INTO job (action, user_id) VALUES ('create', 'user_later');
INSERT INTO command (verb, batch) VALUES ('resume', 'canary');
""",
    "last": "INSERT INTO job (action, user_id) VALUES ('create', 'user_last');",
    "reloaded": """
INSERT INTO job (action, user_id, priority) VALUES ('create', 'user_reloaded', 20);
""",
}


def make_template(folder):
    """Tokens to revoke, a failed job to retry, one attempt that was interrupted and one
    whose answer is in tokens.db alone."""
    fake = Fake("--canary", CANARY)
    daemon = Daemon(fake, CONFIGURATION)
    daemon.start()
    daemon.queue("INSERT INTO job (action, user_id) VALUES ('create', 'user_t1'),"
                 " ('create', 'user_t2'), ('create', 'user_banned1');")
    daemon.wait_done()
    fake.script({"fault": "stall_after", "user_id": "user_open", "count": 0},
                {"fault": "stall_after", "user_id": "user_saved", "count": 0})
    daemon.queue("INSERT INTO job (action, user_id) VALUES ('create', 'user_open'),"
                 " ('create', 'user_saved');")
    harness.wait_until(lambda: len(fake.requests()) == 5, what="two requests are open")
    daemon.kill()
    save_answer(daemon, fake)
    names = [row["id"] for row in daemon.audit("SELECT id FROM sign_in_token ORDER BY id")]
    daemon.queue(ROWS.format(first=names[0], second=names[1]))
    fake.stop()
    shutil.copytree(daemon.state, folder / "state", symlinks=True)
    (folder / "state" / "lock").unlink()
    shutil.copy(fake.ledger_path, folder / "ledger")
    (folder / "log").write_text(daemon.log())
    daemon.close()
    fake.close()


def save_answer(daemon, fake):
    """The answer to user_saved came, and tokens.db had it when the daemon was killed."""
    token = next(t for t in fake.tokens() if t["user_id"] == "user_saved")
    line = next(r for r in fake.requests() if r["user_id"] == "user_saved")
    job = daemon.audit("SELECT id FROM job WHERE user_id = 'user_saved'")[0]["id"]
    database = sqlite3.connect(daemon.tokens_db)
    with database:
        database.execute(
            "INSERT INTO secret (sign_in_token_id, job_id, attempt, token, url, status,"
            " user_id, created_at_ms, updated_at_ms, expires_at, http_status, trace_id,"
            " received_at, duration_ms) VALUES (?, ?, 1, ?, NULL, 'pending', ?, ?, ?, "
            "strftime('%Y-%m-%d %H:%M:%f', ? / 1000.0 + 1800, 'unixepoch'), 200, ?, strftime('%Y-%m-%d %H:%M:%f', 'now'), 5)",
            (token["id"], job, token["token"], token["user_id"], token["created_at"],
             token["updated_at"], token["created_at"], line["trace"]))
    database.close()


# One run -------------------------------------------------------------------------------


class Run:
    def __init__(self, template, point, verbose=False):
        self.template, self.point, self.verbose = template, point, verbose
        self.inserted = []

    def prepare(self):
        self.fake = Fake("--canary", CANARY, start=False)
        if self.point.scenario == "work":
            shutil.copy(self.template / "ledger", self.fake.ledger_path)
        self.fake.start()
        self.fake.script(*SCRIPT)
        self.daemon = Daemon(self.fake, CONFIGURATION)
        shutil.rmtree(self.daemon.state)
        if self.point.scenario == "work":
            shutil.copytree(self.template / "state", self.daemon.state)
        else:
            self.daemon.run.rmdir()
        self.report = Report(self.daemon.scratch)

    def close(self):
        for thing in (getattr(self, "daemon", None), getattr(self, "fake", None)):
            if thing is not None:
                thing.close()
                if thing in harness._open_things:
                    harness._open_things.remove(thing)

    def head(self):
        try:
            return read_rows(self.daemon.audit_db,
                             "SELECT max(seq) AS n, (SELECT count(*) FROM job WHERE state IN"
                             " ('queued', 'running') AND parked = 0) AS open FROM audit")[0]
        except sqlite3.Error:
            return None

    def settle(self, users):
        """Until the audit knows the users and nothing is open, the daemon ended, or nothing
        has happened for a while."""
        last, since = None, time.monotonic()
        end = since + SETTLE_MAX
        while self.daemon.running() and time.monotonic() < end:
            head = self.head()
            if head != last:
                last, since = head, time.monotonic()
            if time.monotonic() - since > QUIET:
                return
            if head and not head["open"] and self.knows(users):
                return
            time.sleep(0.01)

    def knows(self, users):
        try:
            return all(self.daemon.audit("SELECT 1 FROM job WHERE user_id = ?", (user,))
                       for user in users)
        except sqlite3.Error:  # it cannot let go of its locks
            return False

    def wait_finished(self):
        """What a daemon that goes on leaves undone although the fault was over at once."""
        end = time.monotonic() + 10
        while True:
            self.by_itself = not self.daemon.running()
            unfinished = None if self.by_itself else self.look_for_unfinished()
            if not unfinished or self.point.ever or time.monotonic() > end:
                return unfinished
            time.sleep(0.1)

    def look_for_unfinished(self):
        """What a daemon that goes on has not done and does not tell the reason of."""
        try:
            held = self.daemon.audit("SELECT kind FROM hold")
            if held and held[0]["kind"] == "outage":  # the first probe comes after 5 s
                return None
            if not self.knows(self.inserted[-1:]):
                return f"{self.inserted[-1]} untaken"
            return self.daemon.audit("SELECT id, state FROM job WHERE parked = 0 AND"
                                     " state IN ('queued', 'running')")
        except sqlite3.Error as error:
            return str(error)

    def wait_ready(self):
        """Until it is, or ended, or has been waiting for something for a while."""
        end = time.monotonic() + QUIET
        while self.daemon.running() and time.monotonic() < end:
            if self.daemon.notify.find("READY", "1"):
                return
            time.sleep(0.01)

    def later(self, which):
        database = sqlite3.connect(self.daemon.queue_db, timeout=10)
        try:
            database.executescript("BEGIN IMMEDIATE;" + LATER[which] + "COMMIT;")
            if which != "resumed":
                self.inserted.append({"first": "user_later"}.get(which, "user_" + which))
        except sqlite3.OperationalError as error:
            if "no such table" not in str(error):  # the faulty daemon did not get so far
                raise
        finally:
            database.close()

    def act(self):
        """The faulty life: start, work, reload, stop."""
        daemon = self.daemon
        daemon.program = NTH
        daemon.start(ready=False, env=self.point.environment(self.report.path))
        self.by_itself = False
        if self.point.scenario == "work":
            self.settle(["user_plain", "user_canary2"])
            self.later("first")
            self.settle(["user_later"])
        else:
            self.wait_ready()
        if daemon.running():
            daemon.configure({"concurrency": 3})
            daemon.signal(signal.SIGHUP)
        if self.daemon.queue_db.exists():
            self.later("reloaded")
            self.settle(["user_reloaded"])
        self.unfinished = self.wait_finished()
        self.cpu_s = cpu_seconds(daemon.pid) if daemon.running() else 0
        if daemon.running():
            daemon.signal(signal.SIGTERM)
        try:
            # Where no lock is to be had, SQLite waits ten seconds for it at each try.
            self.status = daemon.wait_exit(60)
        except Failure:
            if not self.ended_in_libconfig():
                raise

    def ended_in_libconfig(self):
        """libconfig looks at no allocation, and its scanner exits: without memory the
        process ends right there, before anything was begun (contract section 6: systemd
        starts it again)."""
        log = self.daemon.log()
        frames = r"#0 (.* in __str.*\n *#1 )?.*/libconfig\.so|^out of dynamic memory in .*yy"
        return self.point.what == "memory" and re.search(frames, log, re.MULTILINE)

    def check_life(self):
        """How it ended."""
        log = self.daemon.log()
        if self.ended_in_libconfig():
            self.daemon.log_path.write_text("")  # not to be found again by the next start
            return
        report = self.report.read()
        out_of_memory = "out of memory" in log
        if self.status == -signal.SIGABRT and self.point.what == "memory" and out_of_memory:
            return  # contract section 6: out of memory, the process ends
        if self.status == -signal.SIGABRT and self.point.what == "random":
            return  # libsodium ends the process rather than to draw what is not random
        if self.status not in EXITS:
            raise Failure(f"ended with {self.status}")
        if report["epoll_wait"] > WAITS_MAX or self.cpu_s > 5:
            raise Failure(f"spins: {report['epoll_wait']} waits, {self.cpu_s:.1f} s of CPU")
        if log.count("\n") > LOG_LINES_MAX:
            raise Failure(f"{log.count(chr(10))} lines of log")
        if self.status and not re.search(r"^(error: |clerk-tokend: |out of memory)", log, re.M):
            raise Failure(f"ended with {self.status} and did not say why")
        # Without room at its end it cannot write that it stopped. A file that could not be
        # made once leaves no trace of why.
        forgiven = "error: stopping: " in log or "(SQLite error 14)" in log
        waits = self.point.ever or not forgiven
        if self.point.is_full() and waits and (
                self.by_itself or (self.status and not self.point.ever)):
            raise Failure(f"a full disk is waited for; it ended with {self.status}")
        if self.unfinished and not self.point.ever and not self.by_itself:
            raise Failure(f"it was over at once, but left {self.unfinished}")

    def recover(self):
        """A start without a fault: it finishes the work, holds of the faulty life included."""
        self.fake.script()
        self.daemon.program = None
        self.daemon.start()
        if self.point.scenario == "work":
            self.settle(["user_reloaded"])
            self.later("resumed")
        else:
            self.later("last")
        self.daemon.wait_done(deadline=60)
        self.daemon.stop()

    def check_end(self):
        check_story(self.daemon, self.fake)
        jobs = {row["user_id"]: row for row in self.daemon.audit(
            "SELECT * FROM job WHERE action = 'create' ORDER BY id DESC")}
        granted = [line["user_id"] for line in self.fake.requests() if line["did"] == "granted"]
        for user in set(granted):
            if granted.count(user) > 1:
                raise Failure(f"{user} was granted {granted.count(user)} tokens")
        open_jobs = self.daemon.audit(
            "SELECT id, state FROM job WHERE state IN ('queued', 'running')")
        if open_jobs:
            raise Failure(f"not finished: {open_jobs}")
        self.check_rows()
        self.check_creates(jobs, granted)
        self.check_revokes()
        self.check_secrets()

    def check_rows(self):
        """Nothing that was there was read as missing or as nonsense."""
        odd = self.daemon.audit("SELECT seq FROM audit WHERE error_code = 'not_a_sign_in_token'")
        odd += self.daemon.audit(
            "SELECT seq FROM audit WHERE event IN ('started', 'reloaded', 'stopped') AND"
            " (json_extract(detail, '$.config.concurrency') IS NULL OR"
            "  json_extract(detail, '$.key.fingerprint') IS NULL)")
        odd += self.daemon.audit(
            "SELECT id FROM job WHERE user_id = 'user_long' AND (org_id IS NOT 'org_1' OR"
            " reference IS NOT 'reference' OR length(reason) IS NOT 1500)")
        if odd:
            raise Failure(f"rows that tell less than there was: {odd}")

    def check_creates(self, jobs, granted):
        expected = {"user_refused": "rejected", "user_cancelled": "cancelled",
                    "user_banned1": "failed"}
        for user, job in jobs.items():
            state = (job["state"], job["result"])
            if user in expected:
                if state[0] != expected[user] or user in granted:
                    raise Failure(f"{user} is {state}")
            elif state == ("succeeded", "created"):
                if user not in granted:
                    raise Failure(f"{user} was never granted")
            elif state != ("failed", "outcome_unknown"):
                raise Failure(f"{user} is {state}")
        names = {"user_plain", "user_unheard", "user_again", "user_long", "user_later",
                 "user_reloaded", "user_open", "user_saved", "user_canary1", "user_canary2"}
        if self.point.scenario != "work":
            names = {"user_last", *self.inserted}
        if names - set(jobs):
            raise Failure(f"never taken: {names - set(jobs)}")
        if self.point.scenario == "work" and jobs["user_saved"]["result"] != "created":
            raise Failure(f"user_saved was not recovered: {jobs['user_saved']['result']}")

    def check_revokes(self):
        for row in self.daemon.audit("SELECT * FROM job WHERE action = 'revoke'"):
            if row["state"] != "succeeded":
                raise Failure(f"the revoke {row['id']} is {row['state']}, {row['result']}")

    def check_secrets(self):
        files = [self.daemon.log_path, *self.daemon.run.glob("*"),
                 *(self.daemon.state / "audit").glob("*")]
        found = find_bytes([CANARY, KEY], [path for path in files if path.is_file()])
        if found:
            raise Failure(f"a secret is in {found}")

    def go(self):
        """Runs; returns (status, fault or None)."""
        self.status = None
        try:
            self.prepare()
            self.act()
            self.hits = self.report.read()["hits"]
            self.check_life()
            if self.verbose:
                print(self.report.read())
            first = self.daemon.log()
            self.recover()
            self.check_end()
            self.tell(first)
            return self.status, None
        except Exception as failure:
            if not isinstance(failure, Failure):
                traceback.print_exc()
            text = f"{self.point}: {failure}\n"
            if hasattr(self, "daemon"):
                text += self.daemon.tail(40)
            return self.status, text
        finally:
            self.close()

    def tell(self, log):
        if self.verbose:
            print(f"--- ended with {self.status}\n{log}--- then\n{self.daemon.log()[len(log):]}")


def cpu_seconds(pid):
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return 0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


# The points ----------------------------------------------------------------------------


def count(template, scenario):
    """How often the scenario makes each call, and each group's calls."""
    run = Run(template, Point(scenario, "memory", 0, "ENOMEM", False))
    try:
        run.prepare()
        run.act()
        if run.status != 0:
            raise Failure(f"without a fault it ends with {run.status}\n{run.daemon.tail()}")
        counts = run.report.read()
        run.recover()
        run.check_end()
    finally:
        run.close()
    for name, (calls, _) in GROUPS.items():
        counts[name] = sum(counts[call] for call in calls)
    return counts


# What the kernel does not do for ever: ready, and nothing there.
NEVER_FOR_EVER = {("fdatasync", "late"), ("send", "EAGAIN"), ("recv", "EAGAIN"), ("epoll_wait", "EINTR")}


def all_points(counts, wanted):
    kinds = [*ERRORS.items(), *((name, group[1]) for name, group in GROUPS.items())]
    for scenario, what, errors in ((s, *kind) for s in counts for kind in kinds):
        if wanted and what not in wanted:
            continue
        for error in errors:
            for ever in (False, True):
                if ever and (what, error) in NEVER_FOR_EVER:
                    continue
                for n in range(1, counts[scenario][what] + 1):
                    yield Point(scenario, what, n, error, ever)


def some_points(counts, wanted, seed, budget):
    """A fifth allocations, one of each group, and one each of as many calls, errors and modes
    as there is time for. A life has some calls more or fewer each time: what is drawn is how
    far along it, so that the same seed comes to the same places."""
    kinds = {}
    for point in all_points(counts, wanted):
        kinds.setdefault((point.scenario, point.what, point.error, point.ever), []).append(point)
    memory = [point for kind, points in kinds.items() if kind[1] == "memory" for point in points]
    others = [points[int(random.Random(f"{seed} {kind}").random() * len(points))]
              for kind, points in kinds.items() if kind[1] != "memory"]
    rng = random.Random(seed)
    places = {int(rng.random() * len(memory)) for _ in range(budget // 5)} if memory else ()
    chosen = [memory[place] for place in sorted(places)]
    chosen += [point for point in others if point.what in GROUPS or point.error == "late"]
    others = [point for point in others if point not in chosen]
    chosen += rng.sample(others, max(0, min(budget - len(chosen), len(others))))
    return chosen


def main():
    parser = argparse.ArgumentParser(add_help=True)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--calls")
    parser.add_argument("--point", action="append")
    parser.add_argument("--count", action="store_true")
    parser.add_argument("--budget", type=int, default=200, help="without --all: so many points")
    parser.add_argument("--stride", type=int, default=1, help="with --all: each such point")
    parser.add_argument("--first", type=int, default=0, help="with --stride: the first of them, from 0")
    parser.add_argument("--jobs", type=int, default=4)
    options = parser.parse_args()
    seed = int(os.environ.get("NTH_SEED", "1"))
    folder = Path(tempfile.mkdtemp(prefix="nth-"))
    status = 0
    try:
        make_template(folder)
        counts = {scenario: count(folder, scenario) for scenario in ("work", "fresh")}
        if options.count:
            for what in [*CALLS, *GROUPS]:
                print(f"{what:16} {counts['work'][what]:8} {counts['fresh'][what]:8}")
            return 0
        wanted = options.calls.split(",") if options.calls else None
        if options.point:
            points = [Point.parse(text) for text in options.point]
        elif options.all or os.environ.get("NTH_ALL"):
            points = list(all_points(counts, wanted))[options.first :: options.stride]
        else:
            points = some_points(counts, wanted, seed, options.budget)
        status = sweep(folder, points, options, seed)
    finally:
        harness._close_all()
        shutil.rmtree(folder, ignore_errors=True)
    return status


# fault: D1 D2 D3 D4 D5 D6 N13 P7 P8 P10
def sweep(folder, points, options, seed):
    began = time.monotonic()
    ended, failures, hits = {}, [], 0
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        runs = [Run(folder, point, bool(options.point)) for point in points]
        for run, (status, failure) in zip(runs, pool.map(Run.go, runs)):
            key = (run.point.scenario, run.point.what, run.point.error,
                   "ever" if run.point.ever else "once")
            ended.setdefault(key, {}).setdefault(status, 0)
            ended[key][status] += 1
            hits += getattr(run, "hits", 0) > 0
            if failure:
                failures.append(failure)
                print(f"FAILED {failure}", flush=True)
    for key, statuses in ended.items():
        print(f"{':'.join(key):32} " + ", ".join(
            f"{n} ended with {status}" for status, n in sorted(statuses.items(), key=str)))
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    own = resource.getrusage(resource.RUSAGE_SELF)
    cpu = usage.ru_utime + usage.ru_stime + own.ru_utime + own.ru_stime
    print(f"nth/daemon: seed {seed}, {len(points)} points ({hits} reached), "
          f"{time.monotonic() - began:.0f} s, {cpu:.0f} CPU seconds, {len(failures)} found")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
