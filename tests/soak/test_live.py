#!/usr/bin/env python3
# ctest: labels=slow timeout=300
"""The daemon for hours under Clerk's real limit, with people and with faults.

    tests/soak/test_live.py [--minutes N] [--folder DIR]

Submitters insert batches and single jobs, through sqlite3 and through clerk-tokenctl;
tokens are revoked; readers hold snapshots of the audit; the fake has storms of every kind;
queue.db is locked now and then; the daemon is told to reload. Every few seconds memory,
descriptors, WAL and lag are noted in DIR/live.tsv and, at the end, drawn in DIR/live.svg
(by gnuplot, where it is installed). Then every job must have ended, the audit must verify,
and what the fake granted must be what the audit says.

A slope is zero where twice its standard error covers it, or where it moves the value by less
than a fiftieth in the whole run; none may rise. It is that of the medians of twelfths of the
run, without the first two: a hold lasts a minute and a retry may wait for five, so that what
is nearer to each other than some minutes is not seen twice. A run below 30 minutes is too
short to tell. Exit status: 0 all holds, 1 something does not.
"""

import argparse
import math
import os
import random
import shutil
import signal
import sqlite3
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from harness import Daemon, Failure, Fake, wait_until  # noqa: E402

SAMPLE_S = 5
SHORTEST_MIN = 30
STORMS = (
    {"status=429": 0.3}, {"status=500": 0.2, "acted_500": 0.2}, {"reset_before": 0.2},
    {"reset_after": 0.1, "close_middle": 0.1}, {"delay=2000": 0.3}, {"stall_after": 0.02},
    {"status=502": 0.5, "html": 0.2}, {"garbage": 0.1, "truncated=40": 0.1},
    {"maintenance_mode": 1.0},
)
# name, unit, what it is in the picture, values below which a drift is nothing
CURVES = (
    ("rss_mib", "MiB", "memory (RssAnon), MiB", 0.05),
    ("descriptors", "", "descriptors", 0.5),
    ("wal_mib", "MiB", "WAL of audit.db and tokens.db, MiB", 0.05),
    ("lag_s", "s", "queue lag: commit to taken in, s", 0.05),
    ("oldest_s", "s", "age of the oldest job that waits, s", 1.0),
)
HEAD = ["s", *(curve[0] for curve in CURVES), "done", "jobs"]


class People:
    """What goes on beside the daemon: a thread each, until end()."""

    def __init__(self, daemon, fake, seed):
        self.daemon, self.fake = daemon, fake
        self.inserted = 0
        self.faults = []
        self.failures = []
        self.over = threading.Event()
        works = (self.insert_batches, self.insert_by_ctl, self.revoke, self.read, self.hold,
                 self.disturb)
        self.threads = [
            threading.Thread(target=self._run, args=(work, random.Random(seed + i)), daemon=True)
            for i, work in enumerate(works)
        ]
        for thread in self.threads:
            thread.start()

    def _run(self, work, chance):
        try:
            work(chance)
        except Exception as failure:  # told at the end, by the main thread
            self.failures.append(f"{work.__name__}: {failure}")

    def rest(self, seconds):
        """False once it is over."""
        return not self.over.wait(seconds)

    def insert_batches(self, chance):
        """Scripts: up to two windows' worth of creates in a transaction."""
        number = 0
        while self.rest(chance.uniform(2, 20)):
            number += 1
            n = chance.choice((1, 10, 100, 400, 1000))
            self.daemon.queue(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE "
                f"i < {n}) INSERT INTO job (action, user_id, batch, requested_by, "
                f"expires_in_seconds) SELECT 'create', 'user_' || i, 'b{number}', 'soak', 600 "
                "FROM n;", deadline=60)
            self.inserted += n

    def insert_by_ctl(self, chance):
        """An admin: one urgent create after the other."""
        while self.rest(chance.uniform(1, 5)):
            self.daemon.ctl("create", f"user_{chance.randrange(1000)}", "--priority",
                            "10", "--reason", "a ticket")
            self.inserted += 1

    def revoke(self, chance):
        while self.rest(chance.uniform(1, 5)):
            live = self.daemon.audit(
                "SELECT id FROM sign_in_token WHERE status = 'pending' AND "
                "expires_at > :now ORDER BY expires_at LIMIT 20",
                {"now": time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(time.time() + 60))})
            if live:
                self.daemon.ctl("revoke", chance.choice(live)["id"])
                self.inserted += 1

    def read(self, chance):
        """People who look. `status` ends with 1 while something is held."""
        looks = (("status",), ("jobs",), ("tokens",), ("audit",), ("batches",),
                 ("report", "summary"), ("report", "outstanding"), ("report", "daily"))
        while self.rest(chance.uniform(1, 4)):
            look = chance.choice(looks)
            ended = self.daemon.ctl(*look, check=None).returncode
            assert ended == 0 or (ended == 1 and look == ("status",)), (look, ended)

    def hold(self, chance):
        """A reader with an old snapshot: the WAL cannot be reset beneath it."""
        while self.rest(chance.uniform(5, 30)):
            db = sqlite3.connect(f"file:{self.daemon.audit_db}?mode=ro", uri=True,
                                 isolation_level=None)
            db.execute("BEGIN")
            db.execute("SELECT count(*) FROM tally").fetchone()
            self.rest(chance.uniform(0.5, 5))
            db.close()

    def disturb(self, chance):
        while not self.over.is_set():
            kind = chance.randrange(len(STORMS) + 2)
            if kind < len(STORMS):
                self.fake.faults(**STORMS[kind])
                self.rest(chance.uniform(2, 12))
                self.fake.faults()
            elif kind == len(STORMS):
                self.daemon.signal(signal.SIGHUP)
            else:
                self.lock(chance.uniform(1, 8))
            self.faults.append(kind)
            self.rest(chance.uniform(10, 90))

    def lock(self, seconds):
        db = sqlite3.connect(self.daemon.queue_db, isolation_level=None, timeout=30)
        db.execute("BEGIN EXCLUSIVE")
        self.rest(seconds)
        db.execute("ROLLBACK")
        db.close()

    def end(self):
        self.over.set()
        for thread in self.threads:
            thread.join(120)
        self.fake.faults()
        if self.failures:
            raise Failure("; ".join(self.failures))


# Noting ---------------------------------------------------------------------------------


def sample(daemon, began, people):
    """One line of live.tsv."""
    status = Path(f"/proc/{daemon.pid}/status").read_text()
    anon = int(status.split("RssAnon:")[1].split()[0]) / 1024
    said = daemon.status_json()
    oldest = daemon.audit("SELECT max(0, (julianday('now') - julianday(min(accepted_at))) * "
                          "86400) AS s FROM job WHERE state IN ('queued', 'running')")[0]["s"]
    wal = (said["audit"]["wal_bytes"] + said["tokens"]["wal_bytes"]) / 1048576
    done = sum(n for counts in said["jobs"].values() for state, n in counts.items()
               if state not in ("queued", "running"))
    return [round(time.monotonic() - began, 1), round(anon, 3),
            len(os.listdir(f"/proc/{daemon.pid}/fd")), round(wal, 3),
            round(said["queue"]["lag_s"], 3), round(oldest or 0, 2), done, people.inserted]


def by_twelfth(samples, column):
    """[minute, median of that twelfth of the run], but for the first two and what is over."""
    part = samples[-1][0] / 12
    parts = {}
    for line in samples:
        parts.setdefault(int(line[0] // part), []).append(line[column])
    return [(i * part / 60, statistics.median(parts[i])) for i in range(2, 12)]


def slope(points):
    """Least squares: units a minute, and its standard error."""
    n = len(points)
    mean_x, mean_y = (statistics.fmean(axis) for axis in zip(*points))
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    a = sum((x - mean_x) * (y - mean_y) for x, y in points) / spread
    rest = sum((y - mean_y - a * (x - mean_x)) ** 2 for x, y in points)
    return a, math.sqrt(rest / (n - 2) / spread)


def judge(samples):
    """Prints each curve; returns those that rise."""
    rising = []
    minutes = samples[-1][0] / 60
    for column, (name, unit, _, nothing) in enumerate(CURVES, 1):
        values = [line[column] for line in samples]
        text = f"{name:12} median {statistics.median(values):.3g}, most {max(values):.3g} {unit}"
        if minutes < SHORTEST_MIN:
            print(text)
            continue
        a, error = slope(by_twelfth(samples, column))
        drift = abs(a) * minutes
        zero = abs(a) <= 2 * error or drift <= max(nothing, statistics.fmean(values) / 50)
        print(f"{text}; slope {a * 60:+.3g} ± {2 * error * 60:.2g} {unit} an hour: "
              f"{'zero' if zero else 'falls' if a < 0 else 'RISES'}")
        if not zero and a > 0:
            rising.append(name)
    return rising


def draw(folder):
    """live.svg, a picture a curve."""
    if not shutil.which("gnuplot"):
        print("no picture: gnuplot is not installed (gnuplot-nox)")
        return
    plots = "".join(
        f'set ylabel ""\nset title "{title}" left offset -6,0\n'
        f'plot "{folder}/live.tsv" using ($1/60):{column} every ::1 with lines lw 1 '
        f'lc rgb "#1b6ca8" notitle\n'
        for column, (_, _, title, _) in enumerate(CURVES, 2))
    program = (f'set terminal svg size 900,1100 font "sans-serif,13" background "white"\n'
               f'set output "{folder}/live.svg"\nset multiplot layout {len(CURVES)},1\n'
               'set yrange [0:1<*]\nset border 3\nset tics nomirror out\nset grid ytics lc rgb '
               f'"#dddddd"\nset lmargin 9\n{plots}')
    subprocess.run(["gnuplot"], input=program, text=True, check=True, timeout=120)


# Running --------------------------------------------------------------------------------


def check(daemon, fake, people):
    """Every row became a job that ended, and both sides tell the same of the tokens."""
    jobs = daemon.audit("SELECT count(*) AS n FROM job")[0]["n"]
    assert jobs == people.inserted, f"{people.inserted} rows were inserted, {jobs} taken"
    states = daemon.states()
    assert not {"queued", "running"} & set(states), states
    answer = daemon.ctl("verify", deadline=600).stdout
    assert "chain: ok" in answer and "tables: ok" in answer, answer
    granted = {token["id"] for token in fake.tokens()}
    told = {row["id"] for row in daemon.audit("SELECT id FROM sign_in_token")}
    unseen = daemon.audit("SELECT count(*) AS n FROM audit WHERE effect = 'unknown' AND "
                          "action = 'create'")[0]["n"]
    assert told <= granted, f"{len(told - granted)} tokens that were never granted"
    assert len(granted - told) <= unseen, (
        f"{len(granted - told)} tokens nobody knows of, {unseen} attempts said to be unknown")
    print(f"{jobs} jobs ({', '.join(f'{n} {state}' for state, n in sorted(states.items()))}), "
          f"{len(granted)} tokens, {len(granted - told)} behind {unseen} unknown attempts")


def run(minutes, folder, seed):
    fake = Fake("--limit", "1000", "--window-ms", "10000", "--window-kind", "sliding",
                "--latency-ms", "20-80", "--seed", str(seed), "--no-ledger")
    daemon = Daemon(fake, {"rate.requests": 1000, "rate.window": "10s", "concurrency": 64,
                           "retry.initial_delay": "1s", "retry.max_delay": "10s",
                           "log_level": "error"})
    del daemon.keys["rate.share"]
    daemon.configure({})
    daemon.start()
    began, samples = time.monotonic(), []
    people = People(daemon, fake, seed)
    with open(folder / "live.tsv", "w", encoding="utf-8") as file:
        file.write("\t".join(HEAD) + "\n")
        while time.monotonic() - began < minutes * 60:
            time.sleep(min(SAMPLE_S, max(0.1, began + minutes * 60 - time.monotonic())))
            samples.append(sample(daemon, began, people))
            file.write("\t".join(map(str, samples[-1])) + "\n")
            file.flush()
    people.end()
    wait_until(lambda: sum(daemon.states().values()) == people.inserted and
               not {"queued", "running"} & set(daemon.states()), 180, "every job has ended", 0.5)
    refused = fake.stats()["limited"]
    print(f"{minutes:g} minutes, seed {seed}: {people.inserted} rows, {len(people.faults)} "
          f"disturbances, {len(samples)} samples, {refused} × 429 from the limit itself")
    rising = judge(samples)
    draw(folder)
    check(daemon, fake, people)
    daemon.stop()
    assert not refused, "the limit was exceeded"
    assert not rising, f"not flat: {', '.join(rising)}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=0.5)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    folder = given.folder or Path(os.environ.get("BUILD_DIR", "build/release")) / "soak"
    folder.mkdir(parents=True, exist_ok=True)
    try:
        run(given.minutes, folder, given.seed)
    except Failure as failure:
        sys.exit(f"live: {failure}")


if __name__ == "__main__":
    main()
