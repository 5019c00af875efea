#!/usr/bin/env python3
# ctest: labels=slow timeout=300
"""clerk-tokenctl where the world is not as it should be: locks, pipes, terminals, disks,
another version's databases."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import csv
import io
import json
import re
import shutil
import signal
import sqlite3
import subprocess
import tempfile
from pathlib import Path

from harness import TOKENCTL, Daemon, Fake, Skip, _environment, main, sql

LISTINGS = (
    ("jobs",), ("tokens",), ("batches",), ("audit",), ("report", "summary"), ("report", "daily"),
    ("report", "batches"), ("report", "users"), ("report", "requesters"), ("report", "tokens"),
    ("report", "failures"), ("report", "unknown"), ("report", "outstanding"),
    ("report", "latency"),
)


def worked():
    """A daemon that has done some jobs, and was stopped."""
    fake = Fake()
    daemon = Daemon(fake)
    daemon.start()
    daemon.queue("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300)"
                 "INSERT INTO job (action, user_id, batch, reference) SELECT 'create', "
                 "iif(i % 50, 'user_' || i, 'user_missing'), 'b' || (i % 3), 'größe ' || i FROM n;")
    daemon.wait_done()
    daemon.stop()
    return daemon


def one_line(done):
    lines = done.stderr.splitlines()
    assert len(lines) == 1 and lines[0].startswith("clerk-tokenctl: "), done
    return lines[0]


# fault: L3
def test_an_audit_that_is_locked():
    """Only root could do this to it; readers wait ten seconds at most and say so."""
    daemon = worked()
    other = sqlite3.connect(daemon.audit_db, isolation_level=None)
    other.execute("PRAGMA locking_mode = EXCLUSIVE")
    other.execute("BEGIN EXCLUSIVE")
    try:
        said = daemon.ctl("jobs", check=None)
        assert said.returncode in (1, 75) and "locked" in one_line(said), said
        assert said.stdout == ""
    finally:
        other.close()
    daemon.ctl("jobs")


# fault: L5
def test_nobody_reads_on():
    daemon = worked()
    for words in (*LISTINGS, ("verify",), ("status",), ("doctor", "--offline"), ("--help",),
                  ("secret", "--batch", "b1"), ("job", "1"), ("explain", "1")):
        for form in ((), ("--json",), ("--csv",)):
            if form and (words[0] in ("verify", "--help", "explain", "status", "doctor", "secret")):
                continue
            command = [TOKENCTL, "-c", daemon.conf, *words, *form]
            for count in (0, 1):
                with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                      env=_environment({})) as child:
                    child.stdout.read(count)
                    child.stdout.close()
                    said = child.stderr.read().decode()
                    child.wait(30)
                assert "ipe" not in said and "anitizer" not in said, (command, said)
                assert child.returncode in (0, 1, 75), (command, child.returncode, said)


def left(daemon, *words):
    """The exit status of a command whose reader left before it came."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run([TOKENCTL, "-c", daemon.conf, *words], stdout=writer, text=True,
                              stderr=subprocess.PIPE, timeout=30, env=_environment({}),
                              check=False)
    finally:
        os.close(writer)
    assert "ipe" not in done.stderr and "anitizer" not in done.stderr, (words, done)
    return done.returncode


# fault: L5
def test_what_nobody_read_is_no_success():
    daemon = worked()
    file = daemon.scratch / "report.csv"
    for words in (*LISTINGS, ("verify",), ("--help",), ("--version",), ("job", "1"),
                  ("explain", "1"), ("secret", "--batch", "b1"), ("secret", "1"),
                  ("create", "user_a"), ("report", "users", "--csv", "-o", file),
                  ("report", "summary", "--format", "html"), ("watch", "b1")):
        for form in ((), ("--json",), ("--csv",)):
            if words in LISTINGS or not form:
                assert left(daemon, *words, *form) == 1, (words, form)
    # A status that says more stays.
    assert left(daemon, "status") == 75
    assert left(daemon, "secret", "1", "99999") == 66
    # A program that it becomes ends as it always does.
    assert left(daemon, "sql", "SELECT 1") == -signal.SIGPIPE


# fault: L7
def test_odd_locales_and_widths():
    """The same figures everywhere; no line of a table breaks off or runs together."""
    daemon = worked()
    # Without what changes by itself: the time at which it was asked.
    listings = [("jobs",), ("tokens",), ("batches",), ("audit",)]
    want = {}
    for words in listings:
        want[words] = [daemon.ctl(*words, form, "--limit", "0").stdout
                       for form in ("--json", "--csv")] + [daemon.ctl(*words).stdout]
    environments = [{"LC_ALL": name} for name in
                    ("C", "POSIX", "C.UTF-8", "de_DE.UTF-8", "tr_TR.UTF-8", "ar_SA", "xx_YY", "",
                     "a" * 5000, "../../etc")]
    environments += [{"COLUMNS": width} for width in
                     ("0", "1", "-5", "20", "99999999999999999999", "abc", "")]
    environments += [{"TZ": "Pacific/Kiritimati"}, {"TZ": ":nonsense"}, {"TERM": ""},
                     {"LC_NUMERIC": "de_DE.UTF-8", "LC_TIME": "ja_JP.UTF-8"}]
    for environment in environments:
        words = listings[environments.index(environment) % len(listings)]
        got = [daemon.ctl(*words, form, "--limit", "0", env=environment).stdout
               for form in ("--json", "--csv")] + [daemon.ctl(*words, env=environment).stdout]
        assert got == want[words], (environment, words)
    # On a terminal of any width: each row is one line, each cell in its column.
    assert len(daemon.ctl("jobs").stdout.splitlines()) == 301
    for width in (1, 2, 7, 20, 80, 1000):
        text = on_terminal(daemon, width, "report", "batches")
        lines = text.splitlines()
        assert len([line for line in lines if re.match(r"b[012]\b", line)]) == 3, (width, text)


def on_terminal(daemon, width, *words):
    """What a terminal of that width gets, by util-linux' script."""
    if not shutil.which("script"):
        raise Skip("script is not installed")
    line = " ".join(f"'{word}'" for word in (TOKENCTL, "-c", daemon.conf, *words))
    done = subprocess.run(["script", "-qec", f"stty cols {width}; {line}", "/dev/null"],
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=30,
                          env=_environment({"TERM": "xterm"}), check=False)
    assert done.returncode == 0, done
    return re.sub(r"\x1b\[[0-9;]*m", "", done.stdout.decode())


# fault: L8
def test_the_disk_is_full_while_exporting():
    daemon = worked()
    for words in (("jobs", "--csv"), ("audit", "--json"), ("tokens",), ("report", "users"),
                  ("secret", "--batch", "b1"), ("verify",),
                  ("report", "users", "--csv", "-o", daemon.scratch / "report.csv")):
        with open("/dev/full", "w") as full:
            done = subprocess.run([TOKENCTL, "-c", daemon.conf, *words], stdout=full, text=True,
                                  stderr=subprocess.PIPE, timeout=30, env=_environment({}),
                                  check=False)
        assert done.returncode == 1, (words, done)
        said = done.stderr.splitlines()[-1]
        assert said.endswith("No space left on device"), (words, done)
    folder = Path(tempfile.mkdtemp(prefix="tokend-full-"))
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", folder],
                          capture_output=True, text=True, check=False)
    if done.returncode:
        folder.rmdir()
        raise Skip(f"cannot mount a tmpfs: {done.stderr.strip()}")
    try:
        target = folder / "report.csv"
        target.write_text("yesterday's\n")
        for form in ("csv", "json", "text", "html"):
            done = daemon.ctl("report", "tokens", "--format", form, "-o", target, check=1)
            assert "No space left on device" in one_line(done), done
            # What was there before is whole, and nothing half lies beside it.
            assert target.read_text() == "yesterday's\n"
            assert [path.name for path in folder.iterdir()] == ["report.csv"], form
        done = daemon.ctl("backup", folder / "copy", check=1)
        assert "No space left on device" in done.stderr or "full" in done.stderr, done
        assert [path.name for path in folder.iterdir()] == ["report.csv"]
    finally:
        subprocess.run(["umount", "-l", folder], check=False)
        folder.rmdir()


# fault: L9
def test_a_newer_schema():
    daemon = worked()
    for path, commands in (
        (daemon.audit_db, [("jobs",), ("audit",), ("verify",), ("report", "summary"),
                           ("explain", "1"), ("pause",), ("wait", "1"), ("lockdown", "--reason",
                                                                        "x", "--yes")]),
        (daemon.tokens_db, [("secret", "1")]),
        (daemon.queue_db, [("create", "user_a"), ("cancel", "1"), ("pause",)]),
    ):
        version = int(sql(path, "PRAGMA user_version;"))
        sql(path, f"PRAGMA user_version = {version + 1};")
        for words in commands:
            done = daemon.ctl(*words, check=1)
            said = one_line(done)
            assert f"schema {version + 1}" in said or f"schema is {version + 1}" in said, said
            assert "newer" in said and "install" in said and path.name in said, said
            assert done.stdout == "", done
        found = daemon.ctl_json("doctor", "--offline", check=1)
        assert [row for row in found if path.name in row["what"] and "newer" in row["what"]], found
        # And an old daemon leaves it alone.
        before = path.read_bytes() if path != daemon.queue_db else None
        daemon.start(ready=False)
        if path == daemon.queue_db:
            daemon.wait_status("held: queue")
            daemon.stop()
        else:
            assert daemon.wait_exit(20) in (74, 78)
            assert path.read_bytes() == before
        assert "newer" in daemon.log()
        sql(path, f"PRAGMA user_version = {version};")
    daemon.ctl("verify")


# fault: L6 J11
def test_escapes_in_every_listing():
    """What gets past the queue's CHECKs by a stranger's hand, or out of Clerk's answers."""
    fake = Fake()
    daemon = Daemon(fake)
    daemon.start()
    daemon.queue("PRAGMA ignore_check_constraints = ON; INSERT INTO job (action, user_id, batch, "
                 "reference, requested_by, reason) VALUES ('create', 'user_a', 'b\u202eat', "
                 "'=1+1', 'eve' || char(27) || '[31m', 'a' || char(13) || 'b'),"
                 "('create', 'user_b', 'b\u202eat', '=1+1', 'e\u202eve', 'x\ny');")
    daemon.wait_done()
    daemon.ctl("wait", "2")
    for words in (*LISTINGS, ("job", "1"), ("job", "2"), ("explain", "1"), ("explain", "2")):
        for form in ((), ("--csv",)):
            if form and words[0] == "explain":
                continue
            text = daemon.ctl(*words, *form, check=None).stdout
            bad = [c for c in text if (ord(c) < 32 and c not in "\r\n") or c in "\x7f\u202e\x9b"]
            assert not bad, (words, form, bad)
    rows = list(csv.DictReader(io.StringIO(daemon.ctl("jobs", "--csv").stdout)))
    assert rows[0]["reference"] == "'=1+1", rows[0]
    assert json.loads(daemon.ctl("jobs", "--json").stdout)[0]["reference"] == "=1+1"
    told = daemon.ctl_json("job", "1")
    assert told["state"] == "rejected" and "eve\\x1b[31m" in told["error_message"], told
    daemon.stop()


if __name__ == "__main__":
    main()
