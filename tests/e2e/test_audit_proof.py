#!/usr/bin/env python3
# ctest: labels=slow timeout=1000
"""Tampering with audit.db: each kind is found and named, by clerk-tokenctl verify and by
tests/audit_verify.py, which is written from doc/audit-chain.md alone; the two agree on
every good and on every bad file. One real history, of every event and every table."""

import atexit
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
import audit_verify
from harness import (SOURCE, TOKENCTL, Daemon, Failure, Fake, _environment, main, wait_until)

CHECKER = SOURCE / "tests" / "audit_verify.py"
UNCHECKED = "PRAGMA ignore_check_constraints = ON; "
LINES = ("chain", "tables", "anchors", "file", "secrets")


# The history --------------------------------------------------------------------------


def settle(daemon, n, deadline=30):
    """Waits until so many commands have ended."""
    wait_until(lambda: daemon.audit("SELECT count(*) AS n FROM command WHERE state <> 'running'")
               [0]["n"] >= n, deadline, f"{n} commands have ended")


def taken(daemon):
    last = int(daemon.queue("SELECT max(id) FROM job;"))
    wait_until(lambda: daemon.audit("SELECT queue_job AS n FROM progress")[0]["n"] >= last, 30)


def do_jobs(daemon, fake):
    fake.script({"fault": "status=500", "user_id": "user_b"},
                {"fault": "status=429", "user_id": "user_c", "retry_after": None},
                {"fault": "reset_after", "user_id": "user_d"})
    daemon.ctl("create", "user_a", "user_b", "user_c", "user_d", "user_e", "--wait",
               "--reason", "tour", "--requested-by", "ana", "--reference", "T-1")
    daemon.ctl("create", "user_f", "--org", "org_1", "--expires", "2h", "--key", "k1",
               "--priority", "7", "--wait")
    daemon.ctl("create", "user_missing1", "--wait", check=1)
    daemon.ctl("create", "user_accepts1", "--wait")
    token = {row["user_id"]: row["id"] for row in daemon.audit("SELECT id, user_id FROM sign_in_token")}
    daemon.ctl("revoke", token["user_a"], "--wait", "--reason", "left")
    daemon.ctl("revoke", token["user_accepts1"], "--wait", check=1)
    daemon.ctl("revoke", token["user_a"], "--wait")
    daemon.ctl("revoke", "sit_nobody", "--wait", check=1)
    fake.set_keys("sk_test_other")
    daemon.queue("INSERT INTO job (action, user_id) VALUES ('create', 'user_g');")
    wait_until(lambda: daemon.audit("SELECT 1 FROM hold"), 20)
    daemon.write_key("sk_test_other")
    daemon.reload()
    wait_until(lambda: not daemon.audit("SELECT 1 FROM hold"), 20)
    daemon.queue("INSERT INTO job (action, user_id, not_before, not_after, requested_by) VALUES"
                 " ('create', 'user_later', datetime('now', '+1 day'), NULL, 'cron'),"
                 " ('create', 'user_lapse', datetime('now', '+1 day'), datetime('now', '+1 second'),"
                 " 'cron');")
    daemon.queue(UNCHECKED + "INSERT INTO job (action, user_id, priority, idempotency_key,"
                 " expires_in_seconds, not_before, requested_by) VALUES ('create', 'bad/../id', 3,"
                 " 'k2', 60, '2026-01-02 03:04', 'eve');")


def do_batches(daemon):
    daemon.queue(
        "BEGIN; INSERT INTO batch (name, release_first, max_failures, requested_by, reason) VALUES"
        " ('canary', 2, 9, 'ana', 'first look'), ('strict', NULL, 1, 'bob', NULL);"
        "INSERT INTO job (action, user_id, batch) VALUES ('create', 'user_p1', 'canary'),"
        " ('create', 'user_p2', 'canary'), ('create', 'user_p3', 'canary'),"
        " ('create', 'user_p4', 'canary'); COMMIT;")
    daemon.queue("INSERT INTO job (action, user_id, batch) VALUES ('create', 'user_missing2', 'strict');")
    daemon.queue("INSERT INTO job (action, user_id, batch, not_before) VALUES"
                 " ('create', 'user_s1', 'strict', datetime('now', '+1 day')),"
                 " ('create', 'user_q1', 'quiet', datetime('now', '+1 day'));")
    taken(daemon)
    wait_until(lambda: daemon.audit("SELECT stopped FROM batch WHERE name = 'strict'")[0]["stopped"], 20)


def do_commands(daemon):
    job = {row["user_id"]: row["id"] for row in daemon.audit("SELECT id, user_id FROM job")}
    daemon.queue(
        f"INSERT INTO command (verb, job_id, requested_by) VALUES ('cancel', {job['user_s1']}, 'ana'),"
        f" ('cancel', {job['user_later']}, 'ana'), ('retry', {job['user_later']}, 'ana'),"
        " ('cancel', 999999, 'bob');"
        "INSERT INTO command (verb, batch, until, requested_by, reason) VALUES"
        " ('pause', 'quiet', datetime('now', '+1 day'), 'ana', 'wait');"
        "INSERT INTO command (verb, batch, requested_by) VALUES ('pause', 'other', 'ana'),"
        " ('resume', 'other', 'ana');"
        "INSERT INTO command (verb, action, until) VALUES"
        " ('pause', 'revoke', datetime('now', '+1 second'));"
        "INSERT INTO command (verb, requested_by) VALUES ('pause', 'ana');"
        "INSERT INTO command (verb, action, requested_by) VALUES ('resume', 'create', 'ana');")
    daemon.queue(UNCHECKED + "INSERT INTO command (verb, requested_by) VALUES ('explode', 'eve');")
    settle(daemon, 13)


def write_history(daemon, fake):
    daemon.start()
    do_jobs(daemon, fake)
    do_batches(daemon)
    do_commands(daemon)
    wait_until(lambda: daemon.audit("SELECT 1 FROM audit WHERE event = 'lapsed'"), 20)
    daemon.reload()
    daemon.stop()
    # Held when it ends, and an attempt that nobody heard the end of.
    daemon.start()
    fake.script({"fault": "stall_after", "user_id": "user_x"})
    daemon.queue("INSERT INTO job (action, user_id, batch) VALUES ('create', 'user_x', NULL),"
                 " ('create', 'user_y', 'strict');")
    wait_until(lambda: daemon.audit("SELECT 1 FROM job WHERE state = 'running'"), 20)
    fake.maintenance(True)
    daemon.queue("INSERT INTO job (action, user_id) VALUES ('create', 'user_z');")
    wait_until(lambda: daemon.audit("SELECT 1 FROM hold"), 20)
    daemon.kill()
    daemon.start()
    daemon.stop()


class Lab:
    """The history as a file, and a state folder in which copies of it are looked at."""

    def __init__(self):
        self.fake = Fake()
        self.daemon = Daemon(self.fake, {"policy.default_expires_in": "1h",
                                         "retry.max_attempts": 5})
        write_history(self.daemon, self.fake)
        # What the harness ends and removes after each test is not needed any more.
        self.scratch = Path(tempfile.mkdtemp(prefix="proof-"))
        atexit.register(shutil.rmtree, self.scratch, ignore_errors=True)
        self.folder = self.scratch / "lab"
        (self.folder / "audit").mkdir(parents=True)
        self.path = self.folder / "audit" / "audit.db"
        self.good = self.scratch / "good.db"
        self.copy_of(self.daemon.audit_db, self.good)
        self.conf = self.scratch / "lab.conf"
        text = self.daemon.conf.read_text()
        self.conf.write_text(text.replace(str(self.daemon.state), str(self.folder)))
        self.head = self.one("SELECT seq || ':' || hash FROM audit ORDER BY seq DESC LIMIT 1")
        self.log = self.daemon.log()
        self.copy_of(self.daemon.tokens_db, self.scratch / "tokens.db")
        self.seconds = [0.0, 0.0]
        self.runs = 0

    @staticmethod
    def copy_of(source, target):
        """A file of its own, without side files."""
        source, target = sqlite3.connect(source), sqlite3.connect(target)
        source.backup(target)
        target.execute("PRAGMA journal_mode = DELETE")
        source.close()
        target.close()

    def one(self, text, path=None):
        database = sqlite3.connect(path or self.good)
        try:
            return database.execute(text).fetchone()[0]
        finally:
            database.close()

    def many(self, text):
        database = sqlite3.connect(self.good)
        try:
            return database.execute(text).fetchall()
        finally:
            database.close()

    def tamper(self, text):
        """The good file with this done to it by hand, and every trigger back in its place."""
        shutil.copy(self.good, self.path)
        database = sqlite3.connect(self.path, isolation_level=None)
        database.execute("PRAGMA synchronous = OFF")
        triggers = database.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            database.execute(f"DROP TRIGGER {name}")
        if callable(text):
            text(database)
        else:
            database.executescript(text)
        there = {row[0] for row in database.execute("SELECT name FROM sqlite_schema")}
        for name, sql in triggers:
            if name not in there:
                database.execute(sql)
        database.close()

    @staticmethod
    def told(path):
        """Everything in a file that the rows of the log tell, and the schema."""
        database = sqlite3.connect(path)
        free = NOT_TOLD | {("job", "due_at"), ("job", "parked")}
        told = {"schema": database.execute("SELECT * FROM sqlite_schema ORDER BY name").fetchall()}
        for table in audit_verify.TABLES:
            names = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
            names = ", ".join(name for name in names if (table, name) not in free)
            told[table] = database.execute(f"SELECT {names} FROM {table} ORDER BY 1, 2").fetchall()
        database.close()
        return told

    def verify(self, *options, conf=None):
        """The five lines, and the exit status."""
        began = time.monotonic()
        done = subprocess.run([TOKENCTL, "-c", conf or self.conf, "verify", *map(str, options)],
                              capture_output=True, text=True, timeout=60, env=_environment({}),
                              check=False)
        self.seconds[0] += time.monotonic() - began
        self.runs += 1
        # What is no audit.db of this version any more is said as by every other command.
        if done.returncode == 1 and not done.stdout and done.stderr.count("\n") == 1:
            said = dict.fromkeys(LINES, "not looked at")
            return dict(said, file=f"BROKEN: {done.stderr.strip()}"), 1
        if done.stderr or done.returncode not in (0, 1):
            raise Failure(f"verify: {done.returncode} {done.stderr}")
        said = dict(line.split(": ", 1) for line in done.stdout.splitlines())
        assert tuple(said)[:5] == LINES, done.stdout
        return said, done.returncode

    def checker(self, anchors=()):
        """What the other checker finds."""
        began = time.monotonic()
        found = audit_verify.Checker(self.path, [audit_verify.read_anchor(a) for a in anchors]).run()
        self.seconds[1] += time.monotonic() - began
        return found

    def look(self, anchors=(), named=True):
        """Both, which must agree: the verdict, the first bad row and, but where a file is damaged
        so that its rows mean nothing, the subject."""
        options = [word for anchor in anchors for word in ("--checkpoint", anchor)]
        said, status = self.verify(*options)
        found = self.checker(anchors)
        broken = {name: text[8:] for name, text in said.items() if text.startswith("BROKEN: ")}
        assert bool(broken) == (status == 1), said
        if bool(found) != bool(broken):
            raise Failure(f"they do not agree: verify says {said}, audit_verify.py {found}")
        for name in ("chain", "anchors"):
            theirs = [line for line in found if line.startswith(f"{name}: ")]
            if bool(theirs) != (name in broken):
                raise Failure(f"{name}: verify says {broken}, audit_verify.py {found}")
            if theirs:
                assert theirs[0].split(": ")[1] == broken[name].split(": ")[0], (theirs, broken)
        if named and "tables" in broken:
            subject = broken["tables"].split(": ")[0]
            # Of a pause that the table lacks or made up, verify names a job that has it parked
            # first: it holds `parked` against the table, the checker against the log.
            if ": parked: " in broken["tables"] and any(
                    line.startswith("tables: pause ") for line in found):
                subject = next(line for line in found if line.startswith("tables: pause ")).split(": ")[1]
            if not any(line.startswith(f"tables: {subject}: ") for line in found):
                raise Failure(f"verify says {broken}, audit_verify.py {found}")
        return broken, found


_lab = []


def lab():
    """Made once: the tests do not change it."""
    if not _lab:
        _lab.append(Lab())
    return _lab[0]


# Good files ---------------------------------------------------------------------------


def test_the_history_has_everything_and_holds():
    proof = lab()
    proof.tamper("SELECT 1")
    broken, found = proof.look([proof.head])
    assert not broken and not found, (broken, found)
    events = {row[0] for row in proof.many("SELECT DISTINCT event FROM audit")}
    assert audit_verify.EVENTS - events == {"recovered"}, events
    for table in audit_verify.TABLES:
        assert proof.one(f"SELECT count(*) FROM {table}"), table


# Every column -------------------------------------------------------------------------

OTHER = "CASE typeof({0}) WHEN 'integer' THEN {0} + 1 WHEN 'text' THEN {0} || 'x' ELSE {1} END"


def columns(proof, table):
    """Each column with its type and what a NULL in it is changed to."""
    return [(row[1], "1" if row[2] == "INTEGER" else "'x'")
            for row in proof.many(f"PRAGMA table_info({table})")]


def test_a_changed_column_of_any_event_breaks_the_chain_there():
    proof = lab()
    rows = proof.many("SELECT max(seq), event FROM audit GROUP BY event ORDER BY event")
    for seq, event in rows:
        for column, null in columns(proof, "audit"):
            if column == "seq":
                change, first = "seq + 1000", seq
            else:
                change, first = OTHER.format(column, null), seq
            proof.tamper(f"UPDATE audit SET {column} = {change} WHERE seq = {seq}")
            broken, found = proof.look()
            assert broken["chain"].startswith(f"row {first}: "), (event, column, broken)


# What no row tells, and so nobody finds: doc/audit-chain.md has the list.
NOT_TOLD = {
    ("job", "age_from"), ("pause", "clock_create"), ("pause", "clock_revoke"),
    *(("progress", name) for name in "queue_urgent retry_after_at clock_create clock_revoke"
      " purge_from_seq boot_id boot_ms wall_ms step_ms step_boot_ms".split()),
}


def test_a_changed_column_of_any_table_is_found_but_for_those_that_no_row_tells():
    proof = lab()
    missed = set()
    for table in audit_verify.TABLES[1:]:
        key = "rowid" if table not in ("tally", "token_tally", "daily") else None
        for column, null in columns(proof, table):
            change = OTHER.format(column, null)
            if key:
                where = f"rowid IN (SELECT max(rowid) FROM {table})"
            else:
                one = {"tally": "jobs", "token_tally": "tokens", "daily": "n"}[table]
                where = f"{one} > 0 AND {column} = (SELECT max({column}) FROM {table} WHERE {one} > 0)"
            try:
                proof.tamper(f"UPDATE OR REPLACE {table} SET {column} = {change} WHERE {where}")
            except sqlite3.IntegrityError:
                continue  # a CHECK: progress.id
            broken, found = proof.look()
            if not broken:
                missed.add((table, column))
    assert missed <= NOT_TOLD, missed - NOT_TOLD
    assert NOT_TOLD <= missed, NOT_TOLD - missed


def test_a_nul_in_any_text_of_a_table_is_found():
    """What stands behind it is not to be seen by whoever takes the text for a C string."""
    proof = lab()
    missed = set()
    for table in audit_verify.TABLES[1:]:
        for row in proof.many(f"PRAGMA table_info({table})"):
            column = row[1]
            if row[2] != "TEXT" or (table, column) in NOT_TOLD:
                continue
            one = f"(SELECT {column} FROM {table} WHERE {column} IS NOT NULL LIMIT 1)"
            try:
                proof.tamper(f"UPDATE OR REPLACE {table} SET {column} = {column} || char(0) || 'x'"
                             f" WHERE {column} = {one}")
            except sqlite3.IntegrityError:
                continue  # a CHECK
            broken, _ = proof.look(named=False)
            if not broken and proof.one(f"SELECT count(*) FROM {table} WHERE {column} IS NOT NULL"):
                missed.add((table, column))
    assert not missed, missed
    # A second row under a key that looks the same.
    for table, key in (("sign_in_token", "id"), ("daily", "day")):
        names = [row[1] for row in proof.many(f"PRAGMA table_info({table})")]
        copy = ", ".join(f"{name} || char(0)" if name == key else name for name in names)
        proof.tamper(f"INSERT INTO {table} SELECT {copy} FROM {table} LIMIT 1")
        broken, _ = proof.look(named=False)
        assert "tables" in broken, (table, broken)


def test_a_hash_that_only_looks_right_is_found():
    """The same digits, but with a NUL behind them, or as a blob."""
    proof = lab()
    for value in ("hash || char(0) || 'x'", "CAST(hash AS BLOB)"):
        for row in ("3", HEAD):
            proof.tamper(LOOSE.format("audit", f"UPDATE audit SET hash = {value} WHERE seq = {row}"))
            broken, found = proof.look(named=False)
            assert "chain" in broken, (value, row, broken, found)


def test_a_schema_that_only_looks_right_is_found():
    proof = lab()
    for column in ("sql", "tbl_name", "type"):
        for value in (f"{column} || char(0) || 'x'", f"CAST({column} AS BLOB)"):
            for name in ("hold", "audit_job"):
                proof.tamper("PRAGMA writable_schema = ON; UPDATE sqlite_schema SET"
                             f" {column} = {value} WHERE name = '{name}'")
                broken, found = proof.look(named=False)
                assert "file" in broken, (column, value, name, broken, found)


def test_a_row_at_either_end_of_the_numbers_is_found():
    proof = lab()
    for end in (-2**63, 2**63 - 1):
        for table, key, column in (("audit", "seq", "chain"), ("job", "id", "tables"),
                                   ("sign_in_token", "rowid", "tables")):
            names = [row[1] for row in proof.many(f"PRAGMA table_info({table})")]
            copy = {key: str(end), "id": str(end) if key == "id" else "'sit_ghost'",
                    "idempotency_key": "NULL", "sign_in_token_id": "NULL"}
            into = ", ".join([*(["rowid"] if key == "rowid" else []), *names])
            values = ", ".join([*([str(end)] if key == "rowid" else []),
                                *(copy.get(name, name) for name in names)])
            proof.tamper(f"INSERT INTO {table} ({into}) SELECT {values} FROM {table} LIMIT 1")
            broken, found = proof.look(named=False)
            assert column in broken, (table, end, broken, found)


# One line a tampering -----------------------------------------------------------------

CHANGED = "its hash does not follow from the row before it and its columns: it was changed, or put here"
SHIPPED = "it is not the shipped one: it was changed"
PUT = "it is not clerk-tokend's: it was put here"
COPY = ", ".join(audit_verify.COLUMNS[1:]) + ", hash"
HEAD = "(SELECT max(seq) FROM audit)"
# Makes a table take any type, changes it, and makes it strict again, as nobody would notice.
LOOSE = ("PRAGMA writable_schema = ON; CREATE TABLE kept AS SELECT sql FROM sqlite_schema WHERE name = '{0}';"
         " UPDATE sqlite_schema SET sql = replace(replace(replace(sql, ') STRICT', ')'), ' INTEGER', ' BLOB'),"
         " ' BLOB PRIMARY KEY', ' INTEGER PRIMARY KEY') WHERE name = '{0}'; PRAGMA writable_schema = RESET;"
         " {1}; PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = (SELECT sql FROM kept)"
         " WHERE name = '{0}'; PRAGMA writable_schema = RESET; DROP TABLE kept;")
# Makes an index hide rows of its table, so that whoever looks by it does not see them.
HIDE = ("PRAGMA writable_schema = ON; CREATE TABLE kept AS SELECT sql FROM sqlite_schema WHERE name = '{0}';"
        " UPDATE sqlite_schema SET sql = '{1}' WHERE name = '{0}'; PRAGMA writable_schema = RESET;"
        " REINDEX {0}; PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = (SELECT sql FROM kept)"
        " WHERE name = '{0}'; PRAGMA writable_schema = RESET; DROP TABLE kept;")


def n(text):
    """A value out of the good file, where a finding names it."""
    return lambda proof: str(proof.one(text))


TOKEN = n("SELECT id FROM sign_in_token WHERE status = 'revoked'")
LAST_TOKEN = n("SELECT id FROM sign_in_token ORDER BY rowid DESC LIMIT 1")

# What is done, the line of verify, what it says with {0} {1} … the values behind it.
TAMPERINGS = [
    # rows of the log
    ("DELETE FROM audit WHERE seq = 1", "chain", "row 1: it is missing"),
    ("DELETE FROM audit WHERE seq = 40", "chain", "row 40: it is missing"),
    (f"UPDATE audit SET seq = {HEAD} + 1 WHERE seq = {HEAD}", "chain", "row {0}: it is missing",
     n("SELECT max(seq) FROM audit")),
    ("UPDATE audit SET seq = 0 WHERE seq = 1", "chain", "row 0: no row has such a number"),
    ("UPDATE audit SET seq = -7 WHERE seq = 12", "chain", "row -7: no row has such a number"),
    ("UPDATE audit SET seq = seq + 1000 WHERE seq >= 30; INSERT INTO audit SELECT 30, "
     f"{COPY} FROM audit WHERE seq = 29; UPDATE audit SET seq = seq - 999 WHERE seq > 1000",
     "chain", f"row 30: {CHANGED}"),
    ("UPDATE audit SET seq = -1 WHERE seq = 20; UPDATE audit SET seq = 20 WHERE seq = 21;"
     " UPDATE audit SET seq = 21 WHERE seq = -1", "chain", f"row 20: {CHANGED}"),
    (f"INSERT INTO audit SELECT {HEAD} + 1, {COPY} FROM audit WHERE seq = {HEAD}", "chain",
     "row {0}: " + CHANGED, n("SELECT max(seq) + 1 FROM audit")),
    ("UPDATE audit SET hash = upper(hash) WHERE seq = 2", "chain", f"row 2: {CHANGED}"),
    ("UPDATE audit SET event = event || char(0) || 'x' WHERE seq = 5", "chain",
     "row 5: a text with a NUL in it"),
    (LOOSE.format("audit", "UPDATE audit SET http_status = CAST(http_status AS TEXT) WHERE seq ="
                  " (SELECT min(seq) FROM audit WHERE http_status = 200)"),
     "chain", "row {0}: " + CHANGED, n("SELECT min(seq) FROM audit WHERE http_status = 200")),
    (LOOSE.format("audit", "UPDATE audit SET duration_ms = 1.5 WHERE seq = 7"), "chain",
     "row 7: a value that is neither a text nor a whole number"),
    (LOOSE.format("audit", "UPDATE audit SET detail = CAST(detail AS BLOB) WHERE seq = 1"), "chain",
     "row 1: a value that is neither a text nor a whole number"),
    # the schema
    ("CREATE TRIGGER evil AFTER INSERT ON hold BEGIN DELETE FROM hold; END; PRAGMA writable_schema = ON;"
     " UPDATE sqlite_schema SET name = 'sqlite_autoindex_evil', sql = replace(sql, 'TRIGGER evil',"
     " 'TRIGGER sqlite_autoindex_evil') WHERE name = 'evil'; PRAGMA writable_schema = RESET",
     "file", f"trigger sqlite_autoindex_evil: {PUT}"),
    # jobs
    ("UPDATE job SET state = 'failed' WHERE id = 1", "tables",
     "job 1: state: the table says failed, the audit succeeded"),
    ("UPDATE job SET requested_by = 'eve' WHERE id = 1", "tables",
     "job 1: requested_by: the table says eve, the audit ana"),
    ("UPDATE job SET result = 'invalid' WHERE result = 'not_found'", "tables",
     "job {0}: result: the table says invalid, the audit not_found",
     n("SELECT min(id) FROM job WHERE result = 'not_found'")),
    ("UPDATE job SET tries = 0 WHERE id = 2", "tables", "job 2: tries: the table says 0, the audit 2"),
    ("UPDATE job SET tries = 2 WHERE id = 3", "tables", "job 3: tries: the table says 2, the audit 1"),
    ("UPDATE job SET unknown_tries = 0 WHERE id = 2", "tables",
     "job 2: unknown_tries: the table says 0, the audit 1"),
    ("UPDATE job SET expires_in_seconds = 31536000 WHERE id = 1", "tables",
     "job 1: expires_in_seconds: the table says 31536000, the audit 3600"),
    ("UPDATE job SET priority = 100 WHERE id = 6", "tables",
     "job 6: priority: the table says 100, the audit 7"),
    ("UPDATE job SET due_at = '2099-01-01 00:00:00.000' WHERE user_id = 'user_q1'", "tables",
     "job {0}: due_at: the table says 2099-01-01 00:00:00.000, the audit {1}",
     n("SELECT id FROM job WHERE user_id = 'user_q1'"), n("SELECT due_at FROM job WHERE user_id = 'user_q1'")),
    ("UPDATE job SET parked = 0 WHERE user_id = 'user_p3'", "tables",
     "job {0}: parked: the table says 0, the audit 2", n("SELECT id FROM job WHERE user_id = 'user_p3'")),
    ("UPDATE job SET parked = 0 WHERE user_id = 'user_q1'", "tables",
     "job {0}: parked: the table says 0, the audit 1", n("SELECT id FROM job WHERE user_id = 'user_q1'")),
    ("UPDATE job SET age_from = -1 WHERE id = 1", "tables",
     "job 1: age_from: the table says -1, the audit that it was sent"),
    ("UPDATE job SET idempotency_key = NULL WHERE id = 6", "tables",
     "job 6: idempotency_key: the table says nothing, the audit k1"),
    ("DELETE FROM job WHERE id = 2", "tables", "job 2: the audit tells of it, job lacks it"),
    ("INSERT INTO job (id, action, priority, requested_by, state) VALUES (999, 'create', 0, '', 'failed')",
     "tables", "job 999: job has it, the audit knows nothing of it"),
    # tokens
    ("UPDATE sign_in_token SET status = 'pending' WHERE status = 'revoked'", "tables",
     "token {0}: status: the table says pending, the audit revoked", TOKEN),
    ("UPDATE sign_in_token SET user_id = 'user_eve' WHERE rowid = 1", "tables",
     "token {0}: user_id: the table says user_eve, the audit {1}",
     n("SELECT id FROM sign_in_token WHERE rowid = 1"), n("SELECT user_id FROM sign_in_token WHERE rowid = 1")),
    ("UPDATE sign_in_token SET purged_at = '2020-01-01 00:00:00.000' WHERE status = 'revoked'", "tables",
     "token {0}: purged_at: the table says 2020-01-01 00:00:00.000, no row of the audit does", TOKEN),
    ("UPDATE sign_in_token SET purged_at = NULL", "tables",
     "token {0}: purged_at: the table says nothing, the audit {1}",
     n("SELECT sign_in_token_id FROM audit WHERE event = 'purged' ORDER BY seq LIMIT 1"),
     n("SELECT at FROM audit WHERE event = 'purged' ORDER BY seq LIMIT 1")),
    ("UPDATE sign_in_token SET rowid = 100 WHERE rowid = (SELECT max(rowid) FROM sign_in_token)", "tables",
     "token {0}: its entry is 100, it is the token {1} of the register", LAST_TOKEN,
     n("SELECT count(*) FROM sign_in_token")),
    ("DELETE FROM sign_in_token WHERE rowid = (SELECT max(rowid) FROM sign_in_token)", "tables",
     "token {0}: row {1} of the audit names it, sign_in_token lacks it", LAST_TOKEN,
     n("SELECT max(seq) FROM audit WHERE token_status = 'pending'")),
    ("INSERT INTO sign_in_token (id, status, status_at, status_from) VALUES ('sit_eve', 'revoked', 'x',"
     " 'create')", "tables", "token sit_eve: sign_in_token has it, the audit knows nothing of it"),
    # commands
    ("UPDATE command SET affected = 7 WHERE id = 2", "tables",
     "command 2: affected: the table says 7, the audit 1"),
    ("UPDATE command SET requested_by = 'eve' WHERE id = 2", "tables",
     "command 2: requested_by: the table says eve, the audit ana"),
    ("UPDATE command SET state = 'done' WHERE id = 4", "tables",
     "command 4: state: the table says done, the audit refused"),
    ("DELETE FROM command WHERE id = 2", "tables",
     "command 2: row {0} of the audit tells of it, command lacks it",
     n("SELECT seq FROM audit WHERE event = 'commanded' AND command_id = 2")),
    ("INSERT INTO command (id, requested_by, taken_at, state) VALUES (-77, '', 'x', 'done')", "tables",
     "command -77: command has it as ended, no row of the audit tells of it"),
    # batches
    ("UPDATE batch SET reason = 'all is fine' WHERE name = 'canary'", "tables",
     "batch canary: reason: the table says all is fine, the audit first look"),
    ("UPDATE batch SET max_failures = 1000 WHERE name = 'strict'", "tables",
     "batch strict: max_failures: the table says 1000, the audit 1"),
    ("UPDATE batch SET taken = 0 WHERE name = 'canary'", "tables",
     "batch canary: taken: the table says 0, the audit 4"),
    ("UPDATE batch SET failed = 0, stopped = 0 WHERE name = 'strict'", "tables",
     "batch strict: failed: the table says 0, the audit 1"),
    ("DELETE FROM batch WHERE name = 'strict'", "tables", "batch strict: the audit tells of it, batch lacks it"),
    ("INSERT INTO batch (name, release_first, max_failures, requested_by, taken_at) VALUES ('eve', 1, 1, '',"
     " 'x')", "tables", "batch eve: batch has it, the audit knows nothing of it"),
    # pauses and holds
    ("DELETE FROM pause WHERE command_id = 9", "tables", "pause 9: the audit has it, the table does not"),
    ("DELETE FROM pause WHERE command_id < 0", "tables",
     "job {0}: parked: the table says 2, the audit 0", n("SELECT min(id) FROM job WHERE parked = 2")),
    ("UPDATE pause SET until = NULL WHERE command_id = 5", "tables",
     "pause 5: until: the table says nothing, the audit {0}", n("SELECT until FROM pause WHERE command_id = 5")),
    ("UPDATE pause SET action = NULL WHERE command_id = 9", "tables",
     "pause 9: action: the table says nothing, the audit revoke"),
    ("INSERT INTO pause VALUES (77, 'create', NULL, NULL, 'x', 0, 0)", "tables",
     "pause 77: the table has it, the audit does not"),
    ("DELETE FROM hold", "tables", "hold maintenance: the audit has it, the table does not"),
    ("UPDATE hold SET ends = 'soon'", "tables",
     "hold maintenance: ends: the table says soon, the audit a probe each minute that Clerk answers"),
    ("UPDATE hold SET since_at = '2020-01-01 00:00:00.000'", "tables",
     "hold maintenance: since_at: the table says 2020-01-01 00:00:00.000, the audit {0}",
     n("SELECT since_at FROM hold")),
    ("INSERT INTO hold VALUES ('disk', 'x', 'y', 'z')", "tables",
     "hold disk: the table has it, the audit does not"),
    # counts and cursors
    ("UPDATE tally SET jobs = jobs + 1 WHERE state = 'lapsed'", "tables",
     "tally: create lapsed: it says 2, there are 1"),
    ("UPDATE token_tally SET tokens = 5 WHERE status = 'revoked'", "tables",
     "token_tally: revoked: it says 5, there are 1"),
    ("DELETE FROM daily WHERE kind = 'event' AND word = 'lapsed'", "tables",
     "daily {0}: create event lapsed: the table says 0, the audit 1", n("SELECT max(day) FROM daily")),
    ("INSERT INTO daily VALUES ('2020-01-01', 'create', 'http', '418', 1)", "tables",
     "daily 2020-01-01: create http 418: the table says 1, the audit nothing"),
    ("UPDATE progress SET queue_job = queue_job + 100", "tables",
     "progress: queue_job: the table says {0}, the audit {1}", n("SELECT queue_job + 100 FROM progress"),
     n("SELECT queue_job FROM progress")),
    ("UPDATE progress SET key_kind = 'live'", "tables",
     "progress: key_kind: the table says live, the audit test"),
    ("DELETE FROM progress", "tables", "progress: it has lost its row"),
    # the file
    ("CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN SELECT 1; END", "file",
     f"trigger audit_no_update: {SHIPPED}"),
    ("CREATE TRIGGER eve AFTER INSERT ON job BEGIN UPDATE job SET requested_by = 'bob'; END", "file",
     f"trigger eve: {PUT}"),
    ("CREATE TABLE eve (x)", "file", f"table eve: {PUT}"),
    ("CREATE VIEW eve AS SELECT 1", "file", f"view eve: {PUT}"),
    ("CREATE INDEX eve ON job (reason)", "file", f"index eve: {PUT}"),
    ("DROP VIEW report_failures; CREATE VIEW report_failures AS SELECT 0 AS jobs", "file",
     f"view report_failures: {SHIPPED}"),
    ("DROP VIEW live_token", "file", "view live_token: it is missing: it was removed"),
    ("DROP TABLE hold; CREATE VIEW hold AS SELECT '' AS kind, '' AS since_at, '' AS reason, '' AS ends"
     " WHERE 0", "file", f"view hold: {SHIPPED}"),
    ("DROP INDEX audit_job", "file", "index audit_job: it is missing: it was removed"),
    ("ALTER TABLE audit ADD COLUMN eve TEXT", "file", f"table audit: {SHIPPED}"),
    (LOOSE.format("job", "UPDATE job SET attempts = '1' WHERE id = 1"), "file",
     "non-INTEGER value in job.attempts"),
    (HIDE.format("job_user", "CREATE INDEX job_user ON job (user_id) WHERE user_id <> ''user_a''"),
     "file", "row 1 missing from index job_user"),
]


def test_each_tampering_is_found_and_named():
    proof = lab()
    wrong = []
    for text, line, says, *values in TAMPERINGS:
        proof.tamper(text)
        broken, _ = proof.look()
        want = says.format(*(value(proof) for value in values))
        if broken.get(line) != want:
            wrong.append(f"{text}:\n  {line}: {want}\n  but {broken}")
    if wrong:
        raise Failure(f"{len(wrong)} of {len(TAMPERINGS)}:\n" + "\n".join(wrong))


def test_a_trigger_that_was_removed_is_found():
    proof = lab()
    for name in ("audit_no_update", "audit_no_delete", "audit_no_replace", "token_tally_update"):
        shutil.copy(proof.good, proof.path)
        database = sqlite3.connect(proof.path)
        database.execute(f"DROP TRIGGER {name}")
        database.commit()
        database.close()
        broken, _ = proof.look()
        assert broken == {"file": f"trigger {name}: it is missing: it was removed"}, broken


def test_a_value_that_was_taken_out_is_found_in_every_column():
    """NULL where the schema allows none, as a damaged or a patched file can have it."""
    proof = lab()
    for table in audit_verify.TABLES:
        if table in ("tally", "token_tally", "daily"):
            continue
        for _, column, _, needed, _, key in proof.many(f"PRAGMA table_info({table})"):
            if not needed or key:
                continue
            proof.tamper(
                "PRAGMA writable_schema = ON; CREATE TABLE kept AS SELECT sql FROM sqlite_schema"
                f" WHERE name = '{table}'; UPDATE sqlite_schema SET sql = replace(sql, ' NOT NULL', '')"
                f" WHERE name = '{table}'; PRAGMA writable_schema = RESET;"
                f" UPDATE {table} SET {column} = NULL WHERE rowid = (SELECT max(rowid) FROM {table});"
                " PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = (SELECT sql FROM kept)"
                f" WHERE name = '{table}'; PRAGMA writable_schema = RESET; DROP TABLE kept;")
            broken, _ = proof.look(named=False)
            assert broken, (table, column)


# Anchors ------------------------------------------------------------------------------


def cut(proof, keep):
    """The tail cut off, with every table made to fit as far as a patient hand would."""

    def do(database):
        database.executescript(f"DELETE FROM audit WHERE seq > {keep};"
                               + "".join(f"DELETE FROM {table};" for table in
                                         "job sign_in_token command batch pause hold tally token_tally"
                                         " daily".split())
                               + "UPDATE progress SET queue_job = 0, queue_urgent = 0, queue_command = 0;"
                               "INSERT INTO daily SELECT substr(at, 1, 10), '', 'event', event, count(*)"
                               " FROM audit GROUP BY 1, 4")

    proof.tamper(do)


def recompute(database, after):
    """The chain computed anew by somebody who has read the documentation."""
    names = ", ".join(audit_verify.COLUMNS)
    rows = database.execute(f"SELECT {names} FROM audit WHERE seq > ? ORDER BY seq", (after,)).fetchall()
    head = bytes.fromhex(database.execute("SELECT hash FROM audit WHERE seq = ?", (after,)).fetchone()[0])
    for row in rows:
        digest = audit_verify.hashlib.sha256(head)
        for name, value in zip(audit_verify.COLUMNS, row):
            if value is not None:
                digest.update(audit_verify.field(name, value))
        head = digest.digest()
        database.execute("UPDATE audit SET hash = ? WHERE seq = ?", (head.hex(), row[0]))


def anchors_file(proof, name, text):
    path = proof.scratch / name
    path.write_text(text)
    return path


def test_a_cut_tail_is_found_with_an_anchor_and_said_to_need_one():
    proof = lab()
    last = int(proof.head.split(":")[0])
    cut(proof, 1)
    said, status = proof.verify()
    assert (status, said["anchors"]) == (0, "none given; without one nobody can tell whether rows were cut"
                                         " off at the end, or the chain was computed anew"), said
    assert proof.look() == ({}, [])
    wanted = (f"row {last}: there is a checkpoint of it, but the audit ends with row 1: its tail was cut"
              " off")
    broken, _ = proof.look([proof.head])
    assert broken == {"anchors": wanted}, broken
    # The journal's lines as they stand, and the file that the timer keeps.
    journal = [line for line in proof.log.splitlines() if "audit checkpoint " in line]
    kept = anchors_file(proof, "anchors", f"# kept\n\n2026-01-02 03:04:05 {proof.head}\n")
    for path, row in ((anchors_file(proof, "journal", "\n".join(journal) + "\n"),
                       int(re.search(r"checkpoint (\d+):", journal[0])[1])), (kept, last)):
        said, status = proof.verify("--anchors", path)
        assert status == 1 and said["anchors"] == "BROKEN: " + wanted.replace(f"row {last}", f"row {row}"), said
        done = subprocess.run([CHECKER, proof.path, "--anchors", path], capture_output=True, text=True,
                              timeout=60, check=False)
        assert (done.returncode, done.stdout.splitlines()[0]) == (
            1, f"anchors: row {row}: the audit ends with row 1: its tail was cut off"), done


def test_a_chain_computed_anew_is_found_with_an_anchor_alone():
    proof = lab()

    def rewrite(database):
        database.execute("UPDATE audit SET requested_by = 'bob' WHERE requested_by = 'ana'")
        database.execute("UPDATE job SET requested_by = 'bob' WHERE requested_by = 'ana'")
        database.execute("UPDATE command SET requested_by = 'bob' WHERE requested_by = 'ana'")
        database.execute("UPDATE batch SET requested_by = 'bob' WHERE requested_by = 'ana'")
        recompute(database, 1)

    proof.tamper(rewrite)
    assert proof.look() == ({}, [])
    broken, _ = proof.look([proof.head])
    seq, digest = proof.head.split(":")
    assert re.fullmatch(f"row {seq}: the checkpoint says {digest}, the audit [0-9a-f]{{64}}: the audit was"
                        " rewritten", broken["anchors"]), broken
    # An anchor from before the change agrees, and proves nothing of what came after.
    first = "1:" + proof.one("SELECT hash FROM audit WHERE seq = 1")
    said, status = proof.verify("--checkpoint", first)
    assert (status, said["anchors"]) == (0, "ok, 1 checkpoint"), said


def test_an_anchor_behind_a_break_is_not_said_to_agree():
    proof = lab()
    proof.tamper("UPDATE audit SET reason = 'x' WHERE seq = 5")
    first = "2:" + proof.one("SELECT hash FROM audit WHERE seq = 2")
    said, status = proof.verify("--checkpoint", first, "--checkpoint", proof.head)
    assert (status, said["anchors"]) == (1, "not ok: 1 of 2 checkpoints met before the break"), said


# Whole files --------------------------------------------------------------------------


class Pair(Lab):
    """Yesterday's copies beside today's files, of a daemon that has stopped."""

    def __init__(self):
        self.fake = Fake()
        self.daemon = daemon = Daemon(self.fake)
        daemon.start()
        daemon.ctl("create", "user_a", "user_b", "--wait")
        self.old = daemon.scratch / "old"
        daemon.ctl("backup", self.old, "--with-secrets")
        daemon.ctl("create", "user_c", "user_d", "--wait")
        daemon.stop()
        self.conf, self.path = daemon.conf, daemon.audit_db
        self.seconds, self.runs = [0.0, 0.0], 0

    def put_back(self, path):
        for old in path.parent.glob(path.name + "*"):
            old.unlink()
        shutil.copy(self.old / path.name, path)


# fault: D8
def test_an_older_copy_of_audit_db_is_found_by_the_mark_and_by_anchors():
    pair = Pair()
    daemon = pair.daemon
    head = daemon.audit("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1")[0]
    mark = daemon.tokens("SELECT seq FROM mark")[0]["seq"]
    assert daemon.ctl("verify").stdout.splitlines()[4] == "secrets: ok, 4 kept"
    pair.put_back(daemon.audit_db)
    last = daemon.audit("SELECT max(seq) AS n FROM audit")[0]["n"]
    said, status = pair.verify("--checkpoint", f"{head['seq']}:{head['hash']}")
    assert status == 1 and said["chain"].startswith(f"ok, {last} rows"), said
    assert said["anchors"] == (f"BROKEN: row {head['seq']}: there is a checkpoint of it, but the audit ends"
                               f" with row {last}: its tail was cut off"), said
    assert said["secrets"] == (f"BROKEN: row {mark}: tokens.db has seen it, the audit ends with row {last}:"
                               " its tail was cut off, or it is an older copy; see restore.md"), said
    # Whoever accepts it is told what is left over, each time.
    daemon.start("--accept-restore")
    daemon.stop()
    said, status = pair.verify()
    unknown = daemon.tokens("SELECT sign_in_token_id AS id, job_id FROM secret WHERE job_id > 2"
                            " ORDER BY sign_in_token_id")[0]
    assert (status, said["secrets"]) == (
        0, f"ok, 4 kept; 2 of tokens that the audit does not know, {unknown['id']} of job"
        f" {unknown['job_id']} the first: they were made after the copy of it that was put back; see"
        " restore.md"), said
    # It is audited, and the other checker knows of it, too.
    assert daemon.audit("SELECT json_extract(detail, '$.accept_restore') AS it FROM audit"
                        " WHERE event = 'started' ORDER BY seq DESC LIMIT 1") == [{"it": 1}]
    assert pair.checker() == []


# fault: D8
def test_a_cut_tail_is_found_by_the_secrets_that_are_left():
    pair = Pair()
    daemon = pair.daemon
    pair.put_back(daemon.audit_db)
    database = sqlite3.connect(daemon.tokens_db)
    database.execute("UPDATE mark SET job_id = 0, seq = 0, hash = ''")
    database.commit()
    database.close()
    said, status = pair.verify()
    assert status == 1 and re.fullmatch(
        r"BROKEN: token sit_\w+ of job [34]: tokens.db has its secret, the audit knows nothing of it: it"
        r" lost rows, or is an older copy; see restore.md", said["secrets"]), said


# fault: D8
def test_an_older_copy_of_tokens_db_is_named():
    pair = Pair()
    pair.put_back(pair.daemon.tokens_db)
    said, status = pair.verify()
    first = pair.daemon.audit("SELECT id FROM sign_in_token ORDER BY rowid DESC LIMIT 1")[0]["id"]
    assert (status, said["secrets"]) == (
        0, f"ok, 2 kept; 2 that may be live lack theirs, {first} the first: tokens.db is new, an older copy,"
        " or somebody removed them; see restore.md"), said


# fault: D8
def test_an_older_copy_of_queue_db_is_not_taken_and_changes_no_proof():
    pair = Pair()
    daemon = pair.daemon
    before = daemon.ctl("verify").stdout
    pair.put_back(daemon.queue_db)
    assert daemon.ctl("verify").stdout == before
    daemon.start()
    wait_until(lambda: daemon.audit("SELECT kind FROM hold"), 20)
    assert "went backwards" in daemon.audit("SELECT reason FROM hold")[0]["reason"]
    daemon.stop()
    daemon.ctl("verify")


def test_a_changed_secret_is_found_and_a_purged_one_leaves_the_chain_valid():
    pair = Pair()
    daemon = pair.daemon
    daemon.start()
    token = daemon.audit("SELECT id FROM sign_in_token WHERE create_job_id = 1")[0]["id"]
    daemon.ctl("revoke", token, "--wait")
    wait_until(lambda: not daemon.tokens("SELECT 1 FROM secret WHERE job_id = 1"), 20)
    daemon.stop()
    said, status = pair.verify()
    assert (status, said["secrets"]) == (0, "ok, 3 kept"), said
    assert pair.checker() == []
    database = sqlite3.connect(daemon.tokens_db)
    database.execute("UPDATE secret SET token = token || 'x' WHERE job_id = 2")
    database.commit()
    database.close()
    said, status = pair.verify()
    assert status == 1 and re.fullmatch(
        r"BROKEN: token sit_\w+: the digest of its secret: tokens.db says [0-9a-f]{64}, the audit"
        r" [0-9a-f]{64}", said["secrets"]), said
    # All of them gone: nothing of the audit depends on them.
    database = sqlite3.connect(daemon.tokens_db)
    database.execute("DELETE FROM secret")
    database.commit()
    database.close()
    said, status = pair.verify()
    assert (status, said["chain"][:3], said["tables"][:3]) == (0, "ok,", "ok,"), said


# Bits and bytes -----------------------------------------------------------------------


# fault: D9
def test_a_flipped_bit_is_found_wherever_it_matters():
    """What neither finds must change no value: the file then reads as before."""
    proof = lab()
    good = proof.good.read_bytes()
    before = proof.told(proof.good)
    step = max(1, len(good) // int(os.environ.get("PROOF_BITS", "120")))
    found, harmless = 0, 0
    for at in range(17, len(good), step):
        data = bytearray(good)
        data[at] ^= 1 << (at // step % 8)
        proof.path.write_bytes(data)
        try:
            broken, _ = proof.look(named=False)
        except Failure as failure:
            raise Failure(f"byte {at}: {failure}") from None
        if broken:
            found += 1
            continue
        harmless += 1
        after = proof.told(proof.path)
        for table in before:
            assert after[table] == before[table], f"byte {at}: nobody found it in {table}"
    print(f"bits: {found + harmless} flipped, {found} found, {harmless} in places that hold nothing")


def test_the_checker_is_a_program_that_stays_small():
    proof = lab()
    big = proof.scratch / "big.db"
    shutil.copy(proof.good, big)
    database = sqlite3.connect(big, isolation_level=None)
    last, digest = database.execute("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1").fetchone()
    at = database.execute("SELECT at FROM audit WHERE seq = ?", (last,)).fetchone()[0]
    rows, head = 60000, bytes.fromhex(digest)
    database.execute("BEGIN")
    detail = json.dumps({"note": "x" * 400})
    for seq in range(last + 1, last + 1 + rows):
        values = {"seq": seq, "at": at, "event": "reloaded", "detail": detail}
        data = b"".join(audit_verify.field(name, value) for name, value in values.items())
        head = audit_verify.hashlib.sha256(head + data).digest()
        database.execute("INSERT INTO audit (seq, at, event, detail, hash) VALUES (?, ?, ?, ?, ?)",
                         (*values.values(), head.hex()))
    database.execute("UPDATE daily SET n = n + ? WHERE kind = 'event' AND word = 'reloaded'", (rows,))
    database.execute("COMMIT")
    database.close()
    sizes = []
    for path in (proof.good, big):
        done = subprocess.run(
            [sys.executable, "-c", "import resource, runpy, sys\nsys.argv = sys.argv[1:]\ntry:\n"
             " runpy.run_path(sys.argv[0], run_name='__main__')\nfinally:\n"
             " print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)", str(CHECKER), str(path)],
            capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done
        assert "no anchor was given" in done.stderr
        sizes.append(int(done.stdout))
    assert sizes[1] < sizes[0] + 8192, sizes


if __name__ == "__main__":
    main()
