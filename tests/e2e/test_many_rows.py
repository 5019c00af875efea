#!/usr/bin/env python3
# ctest: labels=slow timeout=600
"""Very many rows: in the queue at once, and in the audit for the tool to list. Fewer than
that in an ordinary run; MANY_ROWS=1000000 and LISTED_ROWS=10000000 are the whole thing."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import re
import sqlite3
import subprocess
import time

from harness import TOKENCTL, Daemon, Fake, _environment, main, sql, wait_until

MANY = int(os.environ.get("MANY_ROWS", "60000"))
# What a sanitizer keeps of freed memory, to find its use, is not what is measured.
CALM = {"ASAN_OPTIONS": "exitcode=99:quarantine_size_mb=1:thread_local_quarantine_size_kb=64"}
LISTED = int(os.environ.get("LISTED_ROWS", "60000"))


def anonymous_kib(pid):
    return int(re.search(r"^RssAnon:\s+(\d+)", open(f"/proc/{pid}/status").read(), re.M)[1])


# fault: J10
def test_very_many_rows_at_once():
    fake = Fake("--no-ledger")
    daemon = Daemon(fake, {"rate.requests": 100, "rate.share": 0.5, "concurrency": 4})
    daemon.start(env=CALM)
    made = daemon.ctl("create", "user_first", "--wait")
    token = daemon.ctl_json("tokens")[0]["id"]
    assert made.returncode == 0
    sql(daemon.queue_db, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE "
        f"i < {MANY}) INSERT INTO job (action, user_id, batch) SELECT 'create', 'user_' || i, 'b' "
        "FROM n;", deadline=300)
    wait_until(lambda: taken(daemon) > MANY // 10, 120)
    early = anonymous_kib(daemon.pid)
    # In the midst of it: sent before the rest is even taken.
    began = time.monotonic()
    daemon.queue(f"INSERT INTO job (action, sign_in_token_id) VALUES ('revoke', '{token}');")
    wait_until(lambda: daemon.audit("SELECT 1 FROM job WHERE action = 'revoke' AND "
                                    "state = 'succeeded'"), 30)
    waited, at = time.monotonic() - began, taken(daemon)
    assert at < MANY, "all were taken before the revoke was sent"
    wait_until(lambda: taken(daemon) > MANY, 500)
    late = anonymous_kib(daemon.pid)
    # A row has some hundred bytes; were they kept, it would be ten times as much.
    assert late - early < max(16384, MANY // 40), (early, late)
    daemon.stop()
    print(f"many rows: {MANY} taken; a revoke behind them done after {waited:.1f} s, at row {at}; "
          f"{early} KiB anonymous at a tenth of them, {late} KiB at the end")


def taken(daemon):
    return daemon.audit("SELECT queue_job AS id FROM progress")[0]["id"]


def fill(daemon, rows):
    """Rows of jobs that lapsed, as far as a listing can see; the chain is not looked at."""
    db = sqlite3.connect(daemon.audit_db, isolation_level=None)
    db.execute("PRAGMA synchronous = OFF")
    first = db.execute("SELECT max(seq) FROM audit").fetchone()[0]
    db.execute("BEGIN")
    for at in range(0, rows, 100000):
        span = (first + at + 1, first + min(at + 100000, rows))
        numbers = "WITH RECURSIVE n(i) AS (SELECT ? UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
        db.execute("INSERT INTO audit (seq, at, event, job_id, job_state, action, user_id, reason, "
                   "hash) " + numbers + "SELECT i, '2026-01-02 03:04:05.678', 'lapsed', i, 'lapsed', "
                   "'create', 'user_' || i, 'because of the things that were', 'ff' FROM n", span)
        db.execute("INSERT INTO job (id, action, state, result, priority, user_id, requested_by, "
                   "submitted_at, accepted_at, finished_at) " + numbers + "SELECT i, 'create', "
                   "'lapsed', 'lapsed', 0, 'user_' || i, '', '2026-01-02 03:04:05', "
                   "'2026-01-02 03:04:05.678', '2026-01-02 03:04:05.678' FROM n", span)
    db.execute("COMMIT")
    db.close()


def listing(daemon, *words):
    """How much memory it took at most, in KiB, and how many lines came."""
    with subprocess.Popen([TOKENCTL, "-c", daemon.conf, *words], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, env=_environment(CALM)) as child:
        lines = sum(block.count(b"\n") for block in iter(lambda: child.stdout.read(1 << 20), b""))
        said = child.stderr.read().decode()
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    assert child.returncode == 0, (words, child.returncode, said)
    return usage.ru_maxrss, lines


# fault: L4
def test_very_many_rows_are_streamed():
    daemon = Daemon(Fake())
    daemon.start()
    daemon.ctl("create", "user_a", "--wait")
    daemon.stop()
    few = LISTED // 10
    fill(daemon, few)
    commands = (("audit", "--csv"), ("audit", "--json"), ("jobs", "--csv"), ("jobs", "--json"))
    before = {words: listing(daemon, *words) for words in commands}
    fill(daemon, LISTED - few)
    for words, (memory, lines) in before.items():
        most, many = listing(daemon, *words)
        assert many >= LISTED and many > 8 * lines, (words, many, lines)
        # Ids at most are gathered, eight bytes each.
        assert most - memory < max(8192, LISTED * 8 // 1024 * 2), (words, memory, most)
        print(f"many rows: {' '.join(words)}: {lines} lines in {memory} KiB, "
              f"{many} lines in {most} KiB")


# fault: L4
def test_a_listing_that_nobody_reads_keeps_no_transaction():
    """A reader's transaction would keep the log of audit.db from ever being cut."""
    fake = Fake()
    daemon = Daemon(fake)
    daemon.start()
    daemon.ctl("create", "user_a", "--wait")
    daemon.stop()
    fill(daemon, 20000)
    daemon.start()
    log = daemon.audit_db.with_name("audit.db-wal")
    for words in (("audit", "--csv"), ("jobs", "--json"), ("tokens", "--csv")):
        with subprocess.Popen([TOKENCTL, "-c", daemon.conf, *words], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, env=_environment({})) as child:
            child.stdout.read(1)  # and then the pager is left alone
            sql(daemon.audit_db, "PRAGMA busy_timeout = 5000;")
            other = sqlite3.connect(daemon.audit_db, timeout=0)
            wait_until(lambda: other.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()[0] == 0,
                       10, f"{words}: a checkpoint that no reader stops")
            other.close()
            child.kill()
            child.stdout.close()
            child.wait(10)
    assert log.exists()
    daemon.stop()


if __name__ == "__main__":
    main()
