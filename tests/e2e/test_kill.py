#!/usr/bin/env python3
# ctest: labels=slow timeout=600
"""kill -9 is an ordinary way to stop: at any moment of the work, the start, the recovery,
the reload and the stop, while scripts go on submitting. Clerk's own ledger is held against
the audit in between and at the end.

KILLS=10000 SEED=1 test_kill.py is the long run: rounds of 500, each with files of its own.
"""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import collections
import random
import signal
import sqlite3
import subprocess
import threading
import time

from harness import SQLITE, Daemon, Failure, Fake, check_story, compare, main, wait_until

KILLS = int(os.environ.get("KILLS", "500"))
SEED = int(os.environ.get("SEED", "20261123"))
ROUND = 500
JOBS_MAX = 12 * ROUND  # of a round: the pace of the submitters is the machine's

# How often each happens, of 100.
MOMENTS = (
    ("start", 40),  # on the way to READY=1: opening, recovery, the first turn
    ("work", 40),
    ("stop", 10),  # SIGTERM came just before
    ("reload", 10),  # SIGHUP did
)


class Submitters:
    """Scripts that submit rows of every kind with the sqlite3 program, each in a thread."""

    def __init__(self, daemon, seed):
        self.daemon = daemon
        self.random = random.Random(seed)
        self.lock = threading.Lock()  # of what follows
        self.jobs = []  # ids that were given out by a committed insert
        self.commands = []
        self.made = 0
        self.batches = []
        self.faults = []
        self.unread = 0  # times that the audit could not be read
        self.over = threading.Event()
        seeds = [self.random.random() for _ in range(2)]
        self.threads = [threading.Thread(target=self._work, args=(s,)) for s in seeds]

    def start(self):
        for thread in self.threads:
            thread.start()

    def stop(self):
        self.over.set()
        for thread in self.threads:
            thread.join()
        assert not self.faults, self.faults

    def _work(self, seed):
        mine = random.Random(seed)
        try:
            while not self.over.is_set():
                if self.made >= JOBS_MAX:
                    return
                self._step(mine)
                self.over.wait(mine.uniform(0, 0.08))
        except Exception as fault:  # for the thread that joins this one
            self.faults.append(fault)

    def _step(self, mine):
        steps = (self._creates, self._revokes, self._command, self._dies)
        mine.choices(steps, (60, 20, 15, 5))[0](mine)

    def _insert(self, text, ids):
        """Runs one statement with RETURNING id; an id counts where the status is 0."""
        done = subprocess.run([*SQLITE, str(self.daemon.queue_db)], input=text, text=True,
                              capture_output=True, timeout=60, check=False)
        if done.returncode != 0:
            raise Failure(f"sqlite3 ended with {done.returncode}: {done.stderr.strip()}")
        with self.lock:
            ids.extend(int(line) for line in done.stdout.split())

    def _user(self, mine):
        with self.lock:
            self.made += 1
            kind = mine.choices(("", "missing", "banned"), (96, 2, 2))[0]
            return f"user_{kind}{'x' if kind else ''}{self.made}"

    def _creates(self, mine):
        batch, before = "NULL", ""
        if mine.random() < 0.3:
            with self.lock:
                name = f"b{len(self.batches)}"
                self.batches.append(name)
            batch = f"'{name}'"
            first = mine.choice(("NULL", "2"))
            failures = mine.choice(("NULL", "1"))
            before = (f"INSERT INTO batch (name, release_first, max_failures) "
                      f"VALUES ({batch}, {first}, {failures});")
        elif self.batches and mine.random() < 0.3:
            batch = f"'{mine.choice(self.batches)}'"
        rows = []
        for _ in range(mine.randint(1, 20)):
            user = self._user(mine)
            key = f"'k{user}'" if mine.random() < 0.3 else "NULL"
            rows.append(f"('create', '{user}', {batch}, {key}, {mine.randint(-20, 20)})")
        self._insert(
            f"BEGIN IMMEDIATE; {before} INSERT INTO job (action, user_id, batch,"
            f" idempotency_key, priority) VALUES {', '.join(rows)} RETURNING id; COMMIT;",
            self.jobs)

    def _some(self, mine, text):
        """A few values out of the audit, as a script that looks before it acts."""
        try:
            rows = self.daemon.audit(text)
        except sqlite3.OperationalError:
            self.unread += 1
            return []
        return mine.sample([row["v"] for row in rows], min(len(rows), mine.randint(1, 8)))

    def _revokes(self, mine):
        tokens = self._some(mine, "SELECT id AS v FROM sign_in_token WHERE status = 'pending'")
        if not tokens:
            return
        rows = ", ".join(f"('revoke', '{token}')" for token in tokens)
        self._insert(f"INSERT INTO job (action, sign_in_token_id) VALUES {rows} RETURNING id;",
                     self.jobs)

    def _command(self, mine):
        verb = mine.choice(("cancel", "retry", "pause", "resume", "resume"))
        columns, values = "verb", f"'{verb}'"
        jobs = self._some(mine, "SELECT id AS v FROM job ORDER BY id DESC LIMIT 200")
        if verb in ("cancel", "retry") and jobs and mine.random() < 0.7:
            columns, values = "verb, job_id", f"'{verb}', {jobs[0]}"
        elif self.batches and mine.random() < 0.8:
            columns, values = "verb, batch", f"'{verb}', '{mine.choice(self.batches)}'"
        elif verb in ("pause", "resume"):
            columns, values = "verb, action", f"'{verb}', '{mine.choice(('create', 'revoke'))}'"
        else:
            return
        if verb == "pause" and mine.random() < 0.7:
            columns, values = columns + ", until", values + ", datetime('now', '+1 second')"
        self._insert(f"INSERT INTO command ({columns}) VALUES ({values}) RETURNING id;",
                     self.commands)

    def _dies(self, mine):
        """A script that is killed in the middle of its transaction: none of it counts."""
        script = subprocess.Popen([*SQLITE, str(self.daemon.queue_db)], text=True,
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  stderr=subprocess.DEVNULL)
        script.stdin.write("BEGIN IMMEDIATE; INSERT INTO job (action, user_id) VALUES"
                           " ('create', 'user_never') RETURNING id;\n")
        script.stdin.flush()
        script.stdout.readline()
        time.sleep(mine.uniform(0, 0.02))
        script.kill()
        script.wait()
        script.stdin.close()
        script.stdout.close()


def kill_at(daemon, moment, rng):
    """Starts the daemon and ends it with SIGKILL at that kind of moment."""
    if moment == "start":
        daemon.start(ready=False)
        time.sleep(rng.uniform(0, 0.07))
        daemon.kill()
        return
    daemon.start()
    time.sleep(rng.uniform(0, 0.15) if moment == "work" else rng.uniform(0, 0.04))
    if moment != "work":
        daemon.signal(signal.SIGTERM if moment == "stop" else signal.SIGHUP)
        time.sleep(rng.uniform(0, 0.03))
    daemon.kill()


def sample(daemon, fake):
    """The two stories in the midst of it: a daemon that stands still is looked at."""
    daemon.start()
    time.sleep(0.05)
    daemon.signal(signal.SIGSTOP)
    compare(daemon, fake)
    daemon.kill()


def run_to_the_end(daemon, submitters):
    """Lets go of everything that is paused, and waits until no job can run any more."""
    daemon.start()
    batches = "".join(f"INSERT INTO command (verb, batch) VALUES ('resume', '{batch}');"
                      for batch in submitters.batches)
    daemon.queue("INSERT INTO command (verb) VALUES ('resume');" + batches)
    wanted = len(submitters.commands) + 1 + len(submitters.batches)
    wait_until(lambda: daemon.audit("SELECT count(*) AS n FROM command")[0]["n"] >= wanted,
               60, "all commands taken")
    daemon.wait_done(deadline=200)
    daemon.stop()


def check_ids(daemon, submitters):
    """What a script was told that it is in the queue has been taken, all of it."""
    taken = {row["id"] for row in daemon.audit("SELECT id FROM job")}
    missing = set(submitters.jobs) - taken
    assert not missing, f"jobs that were submitted and never taken: {sorted(missing)[:10]}"
    assert not daemon.audit("SELECT 1 FROM job WHERE user_id = 'user_never'")
    taken = {row["id"] for row in daemon.audit("SELECT id FROM command WHERE state = 'done'"
                                               " OR state = 'refused'")}
    missing = set(submitters.commands) - taken
    assert not missing, f"commands that were never taken: {sorted(missing)[:10]}"


def check_secrets(daemon, fake):
    """Each token that lives has its secret, the very one that Clerk gave; and an attempt
    that is said to be unknown has none: it would have been known."""
    given = {token["id"]: token for token in fake.tokens()}
    secrets = {row["sign_in_token_id"]: row for row in daemon.tokens("SELECT * FROM secret")}
    live = daemon.audit("SELECT id FROM sign_in_token WHERE status = 'pending'"
                        " AND create_job_id IS NOT NULL")
    for row in live:
        secret = secrets.get(row["id"])
        assert secret, f"{row['id']} lives and its secret is lost"
        assert secret["token"] == given[row["id"]]["token"], row["id"]
    closed = {(row["job_id"], row["attempt"]): row["event"] for row in daemon.audit(
        "SELECT job_id, attempt, event FROM audit WHERE event IN"
        " ('answered', 'unanswered', 'interrupted', 'recovered')")}
    for secret in secrets.values():
        event = closed[secret["job_id"], secret["attempt"]]
        assert event in ("answered", "recovered"), f"{secret['sign_in_token_id']}: {event}"
    assert len(live) > 100, "too few tokens for a proof"


def run_round(kills, seed):
    rng = random.Random(seed)
    fake = Fake("--latency-ms", "5-80", "--seed", str(seed), "--fault", "reset_after=0.01",
                "--fault", "acted_500=0.01", "--fault", "close_before=0.01")
    # An attempt may be interrupted more often than anywhere else: some jobs end by it.
    daemon = Daemon(fake, {"concurrency": 32, "retry.max_attempts": 1000,
                           "retry.max_unknown_attempts": 4})
    daemon.start()
    daemon.kill()  # from here on the three files are there
    submitters = Submitters(daemon, seed)
    submitters.start()
    moments, weights = zip(*MOMENTS)
    try:
        for i in range(kills):
            kill_at(daemon, rng.choices(moments, weights)[0], rng)
            if i % 100 == 99:
                sample(daemon, fake)
    finally:
        submitters.over.set()
    submitters.stop()
    run_to_the_end(daemon, submitters)
    check_story(daemon, fake)
    check_ids(daemon, submitters)
    check_secrets(daemon, fake)
    figures = daemon.audit(
        "SELECT (SELECT count(*) FROM job) AS jobs, count(*) FILTER (WHERE event = 'sent') AS"
        " requests, count(*) FILTER (WHERE event = 'interrupted') AS interrupted,"
        " count(*) FILTER (WHERE event = 'recovered') AS recovered FROM audit")[0]
    assert figures["interrupted"] > 0
    figures["unread"] = submitters.unread
    daemon.close()
    fake.close()
    return figures


# fault: P1
def test_kills_at_any_moment():
    began = time.monotonic()
    total = collections.Counter()
    done = 0
    while done < KILLS:
        kills = min(ROUND, KILLS - done)
        total.update(run_round(kills, SEED + done))
        done += kills
        print(f"kills {done}/{KILLS}", flush=True)
    print(f"kill: {KILLS} kills, seed {SEED}, {total['jobs']} jobs, {total['requests']} requests, "
          f"{total['interrupted']} interrupted, {total['recovered']} recovered, "
          f"{total['unread']} reads refused, {time.monotonic() - began:.0f} s: "
          "0 lost, 0 unseen duplicates", flush=True)


if __name__ == "__main__":
    main()
