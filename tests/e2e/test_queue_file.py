#!/usr/bin/env python3
# ctest: labels=slow timeout=300
"""queue.db is other people's: mistakes and malice in it stop nobody."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import shutil
import signal
import sqlite3
import subprocess
import time

from harness import Daemon, Fake, Skip, check_story, main, wait_until

MANY = """
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {n})
INSERT INTO job (action, user_id) SELECT 'create', 'user_' || i FROM n;
"""


# fault: Q1
def test_a_locked_queue_keeps_no_answer_waiting():
    fake = Fake("--latency-ms", "1500")
    daemon = Daemon(fake, {"concurrency": 100})
    daemon.start()
    daemon.queue(MANY.format(n=100))
    wait_until(lambda: daemon.states().get("running") == 100, 20)
    other = sqlite3.connect(daemon.queue_db, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    locked = time.monotonic()
    # Recorded while the lock is held.
    wait_until(lambda: daemon.states() == {"succeeded": 100}, 9, "answers under the lock")
    # And people are told why new rows wait.
    daemon.wait_log("queue.db has been locked by another program", 12)
    daemon.wait_status("idle; queue.db is locked by another program, new rows wait", 10)
    time.sleep(max(0, 10 - (time.monotonic() - locked)))
    assert daemon.status_json()["queue"]["lag_s"] > 5, daemon.status_json()["queue"]
    assert daemon.log().count("locked by another program") == 1, daemon.log()
    other.execute("ROLLBACK")
    other.close()
    daemon.queue("INSERT INTO job (action, user_id) VALUES ('create', 'user_after');")
    wait_until(lambda: daemon.states() == {"succeeded": 101}, 10)
    daemon.wait_log("queue.db is not locked any more", 10)
    daemon.wait_status("^idle$", 10, after=daemon.notify.mark() - 1)
    daemon.stop()
    check_story(daemon, fake)


def cpu_seconds(daemon):
    fields = open(f"/proc/{daemon.pid}/stat").read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_a_queue_that_cannot_be_opened_is_no_spin():
    """Opening and closing it must not wake the daemon to open it once more."""
    fake = Fake()
    for case in ("locked at the start", "garbage", "WAL"):
        daemon = Daemon(fake)
        daemon.start()
        daemon.stop()
        if case == "garbage":
            os.rename(daemon.queue_db, daemon.scratch / "right.db")
            daemon.queue_db.write_bytes(bytes(range(256)) * 64)
        else:
            other = sqlite3.connect(daemon.queue_db, isolation_level=None)
            other.execute("PRAGMA journal_mode = WAL" if case == "WAL" else "BEGIN EXCLUSIVE")
            other.execute("INSERT INTO job (action, user_id) VALUES ('create', 'user_a')")
        daemon.start()
        if case != "locked at the start":
            daemon.wait_status("held: queue")
        time.sleep(1)
        began = cpu_seconds(daemon)
        time.sleep(3)
        used = cpu_seconds(daemon) - began
        assert used < 0.3, f"{case}: {used} s of CPU in 3 s"
        if case == "garbage":
            os.rename(daemon.scratch / "right.db", daemon.queue_db)
        else:
            if case != "WAL":
                other.execute("COMMIT")
            other.close()
        daemon.queue("INSERT INTO job (action, user_id) VALUES ('create', 'user_b');")
        daemon.wait_done(10)
        daemon.stop()
        daemon.close()


# fault: Q3
def test_a_wal_that_holds_nothing_is_set_back():
    """The header says WAL and nothing lies beside it that does: found when a look fails,
    and what is tried then must not wake the daemon to look once more."""
    fake = Fake()
    for held in (False, True):
        daemon = Daemon(fake)
        daemon.start()
        daemon.freeze()
        other = sqlite3.connect(daemon.queue_db, isolation_level=None)
        other.execute("PRAGMA journal_mode = WAL")
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        if not held:
            other.close()
        daemon.signal(signal.SIGCONT)
        if held:
            daemon.wait_status("held: queue", 5)
            began = cpu_seconds(daemon)
            time.sleep(3)
            used = cpu_seconds(daemon) - began
            assert used < 0.3, f"{used} s of CPU in 3 s"
            other.close()
        wait_until(lambda: daemon.queue_db.read_bytes()[18:20] == bytes([1, 1]), 10,
                   "the journal mode is set back")
        daemon.queue("INSERT INTO job (action, user_id) VALUES ('create', 'user_b');")
        daemon.wait_done(10)
        daemon.stop()
        daemon.close()


def test_a_flood_of_closed_files_starves_nobody():
    """Events of the folder come before nothing that the daemon has to do."""
    fake = Fake()
    daemon = Daemon(fake)
    daemon.start()
    (daemon.queue_db.parent / "mine").touch()
    flood = ("import os\n"
             "while True:\n"
             "    for name in 'queue.db', 'mine': os.close(os.open(name, os.O_WRONLY))\n")
    floods = [subprocess.Popen([sys.executable, "-c", flood], cwd=daemon.queue_db.parent)
              for _ in range(2)]
    try:
        for user in ("a", "b", "c"):
            daemon.queue("INSERT INTO job (action, user_id) "
                         f"VALUES ('create', 'user_{user}');")
            daemon.wait_done(20)
    finally:
        for process in floods:
            process.kill()
            process.wait()
    daemon.stop()
    check_story(daemon, fake)


def tamper(daemon, text):
    """What a hostile submitter can do: no trigger, no check stops it."""
    db = sqlite3.connect(daemon.queue_db, timeout=10)
    db.execute("PRAGMA ignore_check_constraints = ON")
    db.execute("PRAGMA writable_schema = ON")
    db.executescript(text)
    db.close()


# fault: J1 J3 J4 J5 J6 Q9
def test_rows_that_do_not_hold_are_rejected():
    fake = Fake()
    daemon = Daemon(fake)
    daemon.start()
    daemon.stop()
    db = sqlite3.connect(daemon.queue_db)
    db.execute("PRAGMA ignore_check_constraints = ON")
    rows = [
        ("create", None, None, None),
        ("create", "user_\x00a", None, None),
        ("create", "user_a\r\nX: y", None, None),
        ("create", "user_'\"", None, None),
        ("revoke", None, "sit_../../users", None),
        ("revoke", None, "sit_%2f", None),
        ("revoke", None, "sit_?x=1", None),
        ("create", "user_a", None, 0),
        ("create", "user_a", None, -1),
        ("CREATE", "user_a", None, None),
        ("delete", "user_a", None, None),
        ("create", "u" * 2000000, None, None),
    ]
    for row in rows:
        db.execute("INSERT INTO job (action, user_id, sign_in_token_id, expires_in_seconds) "
                   "VALUES (?, ?, ?, ?)", row)
    db.execute("INSERT INTO job (action, user_id) VALUES ('create', 'user_good')")
    db.commit()
    db.close()
    daemon.start()
    daemon.wait_done(deadline=30)
    daemon.stop()
    states = [r["state"] for r in daemon.audit("SELECT state FROM job ORDER BY id")]
    assert states == ["rejected"] * len(rows) + ["succeeded"], states
    assert all(r["m"] for r in daemon.audit(
        "SELECT error_message AS m FROM job WHERE state = 'rejected'"))
    assert len(fake.requests()) == 1
    check_story(daemon, fake)


# fault: Q2 Q9
def test_a_view_in_place_of_job_holds_and_what_was_taken_goes_on():
    fake = Fake("--latency-ms", "50")
    daemon = Daemon(fake, {"concurrency": 4})
    daemon.start()
    daemon.queue(MANY.format(n=100))
    wait_until(lambda: sum(daemon.states().values()) == 100, 20)
    shutil.copy(daemon.queue_db, daemon.scratch / "copy.db")
    after = daemon.notify.mark()
    tamper(daemon, "DROP TABLE job; CREATE VIEW job AS SELECT 1 AS id, 'create' AS action;")
    daemon.wait_status("held: queue|queue", deadline=20, after=after)
    wait_until(lambda: daemon.states() == {"succeeded": 100}, 30)
    wait_until(lambda: [h["kind"] for h in daemon.status_json()["held"]] == ["queue"], 5)
    # Put right, it goes on by itself.
    os.replace(daemon.scratch / "copy.db", daemon.queue_db)
    daemon.queue("INSERT INTO job (action, user_id) VALUES ('create', 'user_after');")
    wait_until(lambda: daemon.states() == {"succeeded": 101}, 20)
    daemon.stop()
    check_story(daemon, fake)


# fault: Q7
def test_no_database_at_all():
    fake = Fake()
    daemon = Daemon(fake)
    daemon.start()
    daemon.stop()
    daemon.queue_db.write_bytes(os.urandom(8192))
    daemon.start()
    wait_until(lambda: daemon.status_json()["state"] == "held", 20)
    daemon.stop()
    daemon.start("--new-queue")
    daemon.queue("INSERT INTO job (action, user_id) VALUES ('create', 'user_a');")
    daemon.wait_done()
    daemon.stop()
    assert [p for p in daemon.queue_db.parent.iterdir() if "aside" in p.name]
    check_story(daemon, fake)


# fault: J9 D8
def test_yesterdays_queue_is_a_hold_that_names_it():
    fake = Fake()
    daemon = Daemon(fake)
    daemon.start()
    daemon.queue("INSERT INTO job (action, user_id) VALUES ('create', 'user_a');")
    daemon.wait_done()
    daemon.stop()
    shutil.copy(daemon.queue_db, daemon.scratch / "yesterday.db")
    daemon.start()
    daemon.queue(MANY.format(n=20))
    daemon.wait_done()
    daemon.stop()
    os.replace(daemon.scratch / "yesterday.db", daemon.queue_db)
    daemon.start()
    wait_until(lambda: daemon.status_json()["state"] == "held", 20)
    reason = daemon.status_json()["held"][0]["reason"]
    assert "backwards" in reason and "--new-queue" in reason, reason
    requests = len(fake.requests())
    daemon.queue(MANY.format(n=5))
    time.sleep(1.5)
    assert len(fake.requests()) == requests, "nothing is sent twice"
    daemon.stop()
    check_story(daemon, fake)


# fault: D8
def test_yesterdays_audit_is_refused():
    fake = Fake()
    daemon = Daemon(fake)
    daemon.start()
    daemon.queue("INSERT INTO job (action, user_id) VALUES ('create', 'user_a');")
    daemon.wait_done()
    daemon.stop()
    shutil.copytree(daemon.audit_db.parent, daemon.scratch / "yesterday")
    daemon.start()
    daemon.queue(MANY.format(n=20))
    daemon.wait_done()
    daemon.stop()
    shutil.rmtree(daemon.audit_db.parent)
    shutil.move(daemon.scratch / "yesterday", daemon.audit_db.parent)
    requests = len(fake.requests())
    daemon.start(ready=False)
    assert daemon.wait_exit(20) == 78
    assert "went backwards" in daemon.log() and "--accept-restore" in daemon.log()
    daemon.start("--accept-restore")
    wait_until(lambda: daemon.status_json()["state"] == "paused", 10)
    assert len(fake.requests()) == requests
    daemon.stop()


def test_innocent_mistakes_are_answered_in_words():
    fake = Fake()
    daemon = Daemon(fake)
    daemon.start()
    daemon.queue("INSERT INTO job (action, user_id) VALUES ('create', 'user_a');")
    daemon.wait_done()
    for text, said in (
        ("INSERT INTO job (id, action, user_id) VALUES (77, 'create', 'user_b');",
         "leave id out"),
        ("UPDATE job SET user_id = 'user_c';", "use a command"),
        ("DELETE FROM job;", "use a command"),
        ("INSERT INTO job (action) VALUES ('create');", "user_id"),
        ("INSERT INTO command (verb) VALUES ('cancel');", "CHECK"),
    ):
        answer = str(daemon.queue(text, check=False))
        assert said in answer, (text, answer)
    csv = daemon.scratch / "new.csv"
    csv.write_text("action,user_id\ncreate,user_csv\n")
    daemon.queue(f".import --csv {csv} mine\n"
                 "INSERT INTO job (action, user_id) SELECT action, user_id FROM mine;")
    wait_until(lambda: daemon.states().get("succeeded") == 2, 20)
    daemon.queue("PRAGMA journal_mode = WAL;")
    wait_until(lambda: str(daemon.queue("PRAGMA journal_mode;")).strip() == "delete", 20,
               "the journal mode is set back")
    daemon.queue("INSERT INTO job (action, user_id) VALUES ('create', 'user_d');")
    wait_until(lambda: daemon.states().get("succeeded") == 3, 20)
    daemon.stop()
    check_story(daemon, fake)


def as_user(uid, gid, *argv, **options):
    return subprocess.Popen(
        ["setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups", *argv], **options)


def test_one_submitters_death_stops_nobody():
    if os.geteuid() != 0:
        raise Skip("needs root, to be two users")
    fake = Fake()
    daemon = Daemon(fake)
    daemon.start()
    folder = daemon.queue_db.parent
    os.chown(folder, 0, 4711)
    os.chmod(folder, 0o2770)
    os.chown(daemon.queue_db, 0, 4711)
    os.chmod(daemon.queue_db, 0o660)
    # Dies in mid-write: a small page cache makes it spill into the file under its journal.
    script = (
        "import sqlite3,os,sys\n"
        f"d=sqlite3.connect({str(daemon.queue_db)!r},isolation_level=None)\n"
        "d.execute('PRAGMA cache_size=1'); d.execute('PRAGMA cache_spill=1')\n"
        "d.execute('BEGIN IMMEDIATE')\n"
        "d.executemany('INSERT INTO job (action,user_id) VALUES (?,?)',"
        "[('create','user_dead%d'%i) for i in range(5000)])\n"
        "os.kill(os.getpid(), 9)\n")
    first = as_user(4001, 4711, "python3", "-c", script)
    assert first.wait(timeout=30) == -9
    second = as_user(4002, 4711, "sqlite3", "-bail", "-cmd", ".timeout 10000",
                     str(daemon.queue_db),
                     "INSERT INTO job (action, user_id) VALUES ('create', 'user_b');",
                     stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    out, _ = second.communicate(timeout=30)
    assert second.returncode == 0, out
    wait_until(lambda: daemon.states() == {"succeeded": 1}, 20)
    daemon.stop()
    check_story(daemon, fake)


# fault: Q8 Q9
def test_a_planted_journal_deletes_nothing():
    if os.geteuid() != 0:
        raise Skip("needs root, to be two users")
    fake = Fake()
    daemon = Daemon(fake)
    daemon.start()
    daemon.queue("INSERT INTO job (action, user_id) VALUES ('create', 'user_a');")
    daemon.wait_done()
    daemon.stop()
    # A journal that names audit.db as its super-journal: what a multi-file commit leaves.
    journal = daemon.queue_db.with_name("queue.db-journal")
    page = daemon.queue_db.read_bytes()[:4096]
    name = str(daemon.audit_db).encode()
    magic = bytes([0xD9, 0xD5, 0x05, 0xF9, 0x20, 0xA1, 0x63, 0xD7])

    def number(value):
        return value.to_bytes(4, "big")

    nonce = 0
    checksum = (nonce + sum(page[i] for i in range(4096 - 200, 0, -200))) & 0xFFFFFFFF
    header = magic + number(1) + number(nonce) + number(len(daemon.queue_db.read_bytes()) // 4096)
    header += number(512) + number(4096)
    record = number(1) + page + number(checksum)
    tail = number(0x40000000 // 4096 + 1) + name + number(len(name))
    tail += number(sum(name)) + magic
    journal.write_bytes(header.ljust(512, b"\0") + record + tail)
    daemon.start()
    daemon.queue("INSERT INTO job (action, user_id) VALUES ('create', 'user_b');", check=False)
    time.sleep(2)
    assert daemon.audit_db.exists(), "the daemon deleted audit.db"
    daemon.stop(expect=None)
    assert daemon.audit_db.exists()


if __name__ == "__main__":
    main()
