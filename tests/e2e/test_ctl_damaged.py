#!/usr/bin/env python3
# ctest: labels=quick timeout=300
"""clerk-tokenctl over an audit.db that somebody damaged, or while its tokens expire: every
command comes to its end, and what it prints is whole."""

import os
import sqlite3
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from harness import Daemon, Fake, main

NOW = "strftime('%Y-%m-%d %H:%M:%f', 'now')"
SOON = "strftime('%Y-%m-%d %H:%M:%f', 'now', '+30 minutes')"


def stopped():
    """Six tokens of three batches, in files that nobody has open."""
    daemon = Daemon(Fake())
    daemon.start()
    for batch in ("b1", "b2", "b3"):
        daemon.ctl("create", "user_1", "user_2", "--batch", batch, "--wait")
    daemon.stop()
    return daemon


def damage(daemon, *texts):
    """Runs each text on a connection of its own, with all triggers dropped."""
    for text in texts:
        database = sqlite3.connect(daemon.audit_db, isolation_level=None)
        for (name,) in database.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall():
            database.execute(f"DROP TRIGGER {name}")
        database.executescript(text)
        database.close()


def schema(change, name):
    return f"PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = {change} WHERE name = '{name}';"


# fault: D9
def test_an_index_with_a_row_that_is_not_there():
    daemon = stopped()
    names = [row["name"] for row in daemon.audit("SELECT name FROM pragma_table_info('job')")]
    ghost = {"id": "999", "batch": "'zz'", "idempotency_key": "NULL"}
    copy = ", ".join(ghost.get(name, name) for name in names)
    damage(daemon, f"INSERT INTO job SELECT {copy} FROM job WHERE id = 1;" +
           schema("sql || ' AND id < 0'", "job_batch"), "DELETE FROM job WHERE id = 999;" +
           schema("replace(sql, ' AND id < 0', '')", "job_batch"))
    done = daemon.ctl("batches", check=None)
    assert done.returncode == 1 and "audit.db: database disk image is malformed" in done.stderr, done
    assert "BROKEN" in daemon.ctl("verify", check=1).stdout


def test_a_job_0_hides_no_batch():
    daemon = stopped()
    damage(daemon, "UPDATE job SET id = 0 WHERE id = 5")
    lines = daemon.ctl("batches", "--csv").stdout.splitlines()[1:]
    assert sorted(line.split(",")[0] for line in lines) == ["b1", "b2", "b3"]


def test_a_row_without_its_time():
    daemon = stopped()
    damage(daemon, schema("replace(sql, 'at                  TEXT NOT NULL', 'at TEXT')", "audit"),
           "UPDATE audit SET at = NULL WHERE seq > 3;")
    for report in ("daily", "summary", "tokens"):
        daemon.ctl("report", report, "--since", "2026-01-01")


def many_tokens(first, step, n):
    """So many pending ones, the first of which expires in `first` s, each `step` s later."""
    return (f"WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {n - 1})"
            " INSERT INTO sign_in_token (id, status, status_at, status_from, user_id, created_at_ms,"
            " expires_at, create_job_id) SELECT 'sit_' || i, 'pending', '2026-11-25 00:00:00.000',"
            " 'create', 'user_a', 1764000000000, strftime('%Y-%m-%d %H:%M:%f', 'now',"
            f" ({first} + i * {step}) || ' seconds'), 1 FROM n;")


def test_tokens_that_come_out_of_order():
    daemon = stopped()
    damage(daemon, many_tokens(3600, 0, 600), schema("replace(sql, '''pending''', '''pEnding''')",
                                                     "sign_in_token_pending"),
           f"UPDATE sign_in_token SET expires_at = {SOON} WHERE id GLOB 'sit_[0-9]*'"
           " AND length(id) < 8;" + schema("replace(sql, '''pEnding''', '''pending''')",
                                           "sign_in_token_pending"))
    for form in ("text", "csv", "json", "html"):
        done = daemon.ctl("report", "outstanding", "--format", form, check=None)
        assert done.stdout.count("sit_599") <= 1, form


def test_tokens_that_expire_while_they_are_listed():
    daemon = stopped()
    damage(daemon, many_tokens(-1, 0.001, 100000))
    for _ in range(5):
        lines = daemon.ctl("report", "outstanding", "--csv").stdout.count("\n")
        live = daemon.audit("SELECT count(*) AS n FROM sign_in_token WHERE status = 'pending'"
                            f" AND expires_at > {NOW}")[0]["n"]
        assert lines - 1 >= live, (lines, live)


def test_a_hash_that_is_no_hash():
    daemon = stopped()
    damage(daemon, "UPDATE audit SET hash = char(27) || ']0;owned' || char(7) || X'FF' WHERE seq ="
           " (SELECT max(seq) FROM audit)")
    done = daemon.ctl("report", "failures")
    assert "\x1b" not in done.stdout and r"\x1b]0;owned\x07" in done.stdout, done.stdout


def test_attempts_at_the_end_of_the_numbers():
    daemon = stopped()
    damage(daemon, f"UPDATE audit SET attempt = {2**63 - 1} WHERE attempt = 1;"
           f" INSERT INTO command (id, verb, requested_by, taken_at, state) VALUES ({-2**63}, 'resume',"
           " 'x', '2026-11-25 00:00:00.000', 'running');")
    assert "BROKEN" in daemon.ctl("verify", check=1).stdout


# fault: Q2
def test_a_queue_with_code_in_its_schema():
    """It is not run, whatever it would do."""
    daemon = stopped()
    database = sqlite3.connect(daemon.queue_db)
    columns = [row[1] for row in database.execute("PRAGMA table_info(job)")]
    rest = ", ".join(name for name in columns if name not in ("id", "submitted_at"))
    database.executescript(
        f"DROP TABLE job; CREATE TABLE job (id INTEGER PRIMARY KEY AUTOINCREMENT, {rest},"
        " submitted_at TEXT AS (abs(-9223372036854775807 - id)));"
        "INSERT INTO job (id, action, user_id, batch) VALUES (7, 'create', 'user_a', 'x');")
    database.close()
    for words in (["create", "user_b"], ["cancel", "7"]):
        done = daemon.ctl(*words, check=1)
        assert "queue.db: the table job is not the shipped one" in done.stderr, done
    for words in (["batches"], ["explain", "7"], ["job", "7"], ["doctor"]):
        done = daemon.ctl(*words, check=None)
        assert "overflow" not in done.stdout + done.stderr, done


if __name__ == "__main__":
    main()
