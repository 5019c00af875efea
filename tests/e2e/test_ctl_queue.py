#!/usr/bin/env python3
# ctest: labels=quick timeout=240
"""clerk-tokenctl where the queue is locked, damaged or gone: nobody is told that nothing
waits where that is not known."""

import json
import os
import sqlite3
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from harness import TOKENCTL, Daemon, Fake, Process, main


def waiting():
    """A stopped daemon: of batch b1 one job is done and two wait in the queue."""
    daemon = Daemon(Fake())
    daemon.start()
    daemon.ctl("create", "user_a", "--batch", "b1", "--wait")
    daemon.stop()
    daemon.ctl("create", "user_b", "user_c", "--batch", "b1")
    return daemon


def locked(daemon):
    """A script that lets nobody read."""
    script = sqlite3.connect(daemon.queue_db, isolation_level=None)
    script.execute("BEGIN EXCLUSIVE")
    return script


def begun(daemon, *words):
    """clerk-tokenctl while the test goes on."""
    process = Process("-".join(words), daemon.scratch)
    process.spawn([TOKENCTL, "-c", daemon.conf, *words])
    return process


LOOKS = (("wait", "--batch", "b1"), ("watch", "b1"), ("batches",), ("job", "2"), ("explain", "2"),
         ("revoke", "--user", "user_b", "--dry-run"), ("cancel", "--batch", "b1", "--dry-run"))


def test_a_queue_that_is_locked():
    daemon = waiting()
    script = locked(daemon)
    for process in [begun(daemon, *words) for words in LOOKS]:
        assert process.wait_exit() == 75, (process.name, process.log())
        assert "queue.db: locked by another program" in process.log(), process.log()
        assert "no job" not in process.log() and "no token" not in process.log(), process.log()
    # What the audit knows does not wait in the queue.
    assert "succeeded" in daemon.ctl("wait", "1").stdout
    script.rollback()
    assert "2 jobs" in daemon.ctl("cancel", "--batch", "b1", "--dry-run").stderr


def test_a_queue_that_is_damaged():
    daemon = waiting()
    with open(daemon.queue_db, "r+b") as file:
        file.write(b"x" * 4096)
    for words in LOOKS:
        done = daemon.ctl(*words, check=1)
        assert "queue.db: file is not a database" in done.stderr, done
        assert "no job" not in done.stderr and "no token" not in done.stderr, done
    assert "succeeded" in daemon.ctl("wait", "1").stdout


def test_a_queue_that_is_gone():
    daemon = waiting()
    daemon.queue_db.rename(daemon.scratch / "aside")
    daemon.ctl("wait", "--batch", "b1")
    assert daemon.ctl("watch", "b1").stdout.endswith("batch b1: 1 succeeded\n")
    assert [row["state"] for row in daemon.ctl_json("batches")] == ["done"]
    for words in (("job", "2"), ("explain", "2"), ("wait", "2")):
        assert "there is no job 2\n" in daemon.ctl(*words, check=66).stderr


def test_jobs_tells_how_many_wait():
    daemon = waiting()
    daemon.queue("INSERT INTO job (action, sign_in_token_id, reference) VALUES"
                 " ('revoke', 'sit_a', 'T-1')")
    for options, rows, said in (
        ((), 1, "3 more wait in the queue, not taken yet"),
        (("--batch", "b1"), 1, "2 more wait in the queue, not taken yet"),
        (("--state", "queued"), 0, "3 wait in the queue, not taken yet"),
        (("--user", "user_b"), 0, "1 waits in the queue, not taken yet"),
        (("--reference", "T-1"), 0, "1 waits in the queue, not taken yet"),
        (("--token", "sit_a"), 0, "1 waits in the queue, not taken yet"),
        (("--job", "1", "--job", "2"), 1, "1 more waits in the queue, not taken yet"),
        (("--since", "+1h"), 0, ""), (("--job", "1"), 1, ""), (("--job", "99"), 0, ""),
        (("--state", "failed"), 0, ""), (("--result", "created"), 1, ""),
    ):
        done = daemon.ctl("jobs", *options, "--json")
        assert len(json.loads(done.stdout)) == rows, (options, done)
        assert done.stderr == (f"clerk-tokenctl: {said}\n" if said else ""), (options, done)
    # A listing of the audit is none the less one where the queue cannot be read.
    with open(daemon.queue_db, "r+b") as file:
        file.write(b"x" * 4096)
    done = daemon.ctl("jobs", "--csv")
    assert len(done.stdout.splitlines()) == 2 and "queue.db: file is not a database" in done.stderr
    daemon.ctl("wait", "1")


def test_a_queue_of_many_rows_is_not_counted_to_its_end():
    daemon = waiting()
    daemon.queue("WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)"
                 " INSERT INTO job (action, user_id) SELECT 'create', 'user_x' FROM n;")
    assert "at least 99998 wait in the queue" in daemon.ctl("jobs", "--user", "user_x").stderr
    daemon.queue("INSERT INTO job (action, user_id) VALUES ('create', 'user_y');")
    assert ("others may wait behind the first 100000 rows of the queue that were not taken yet"
            in daemon.ctl("jobs", "--user", "user_y").stderr)


def test_a_lock_of_a_moment_does_not_end_a_watch():
    daemon = Daemon(Fake())
    daemon.start()
    daemon.ctl("pause", "--batch", "b1")
    daemon.ctl("create", "user_a", "--batch", "b1")
    watch = begun(daemon, "watch", "b1")
    watch.wait_log("0 of 1 done, 1 left; .*paused")
    script = locked(daemon)
    watch.wait_log("0 of 1 done, 1 left; queue.db is locked by another program", 20)
    script.rollback()
    daemon.ctl("resume", "--batch", "b1")
    assert watch.wait_exit() == 0, watch.log()
    assert watch.log().endswith("batch b1: 1 succeeded\n"), watch.log()


if __name__ == "__main__":
    main()
