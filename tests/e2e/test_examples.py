#!/usr/bin/env python3
# ctest: labels=quick timeout=240
"""The scripts of doc/examples against the real daemon and the fake: what they do, that running
them again is safe, and what they say when something is wrong."""

import csv
import email
import email.policy
import os
import re
import sqlite3
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from harness import SOURCE, Daemon, Fake, check_story, main, wait_until

EXAMPLES = SOURCE / "doc" / "examples"


def run(daemon, script, *arguments, check=0, env=None, stdin=""):
    """Runs a script in the daemon's scratch folder: the CompletedProcess."""
    program = [EXAMPLES / script, *(["--state", daemon.state] if script.endswith(".py") else [])]
    done = subprocess.run(
        [*program, *(str(word) for word in arguments)],
        cwd=daemon.scratch,
        env={**os.environ, "CLERK_TOKEND_STATE": str(daemon.state), **(env or {})},
        input=stdin,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == check, (script, done)
    return done


def started(fake=None, configuration=None):
    daemon = Daemon(fake or Fake(), configuration)
    daemon.start()
    return daemon


def write(daemon, name, text):
    (daemon.scratch / name).write_text(text)


def jobs(daemon, columns, where="true"):
    rows = daemon.audit(f"SELECT {columns} FROM job WHERE {where} ORDER BY id")
    return [tuple(row.values()) for row in rows]


def creates(daemon, *users, more=""):
    values = ", ".join(f"('create', '{user}')" for user in users)
    daemon.queue(f"INSERT INTO job (action, user_id) VALUES {values};{more}")


# bulk.sh --------------------------------------------------------------------------------


def test_bulk_sh():
    fake = Fake()
    daemon = started(fake)
    write(daemon, "list.csv", 'user_id,reference\r\nuser_a,T-1\r\nuser_b,""\r\n')
    done = run(daemon, "bulk.sh", "Ana's", "list.csv", "it's \"new\"; -- .shell")
    assert done.stdout == "2 of 2 submitted\n" and done.stderr == "", done
    daemon.wait_done()
    done = run(daemon, "bulk.sh", "Ana's", "list.csv")
    assert done.stdout == "0 of 2 submitted\n", done
    write(daemon, "list.csv", "user_id,reference\nuser_a,T-1\nuser_b,\nuser_c,T-3\nuser_c,T-4\n")
    done = run(daemon, "bulk.sh", "Ana's", "list.csv")
    assert done.stdout == "1 of 4 submitted\n", done
    daemon.wait_done()
    assert jobs(daemon, "user_id, reference, batch, idempotency_key, reason, result") == [
        ("user_a", "T-1", "Ana's", "Ana's-user_a", "it's \"new\"; -- .shell", "created"),
        ("user_b", None, "Ana's", "Ana's-user_b", "it's \"new\"; -- .shell", "created"),
        ("user_c", "T-3", "Ana's", "Ana's-user_c", None, "created")]
    assert all(who for (who,) in jobs(daemon, "requested_by"))
    # When the queue knows the keys no more, the audit does.
    daemon.stop()
    daemon.start("--new-queue")
    assert run(daemon, "bulk.sh", "Ana's", "list.csv").stdout == "0 of 4 submitted\n"
    daemon.stop()
    # Without a daemon the jobs wait.
    write(daemon, "more.csv", "user_id,reference\nuser_d,T-5\n")
    assert run(daemon, "bulk.sh", "b", "more.csv").stdout == "1 of 1 submitted\n"
    # A repeat uses up no id.
    assert run(daemon, "bulk.sh", "b", "more.csv").stdout == "0 of 1 submitted\n"
    creates(daemon, "user_e")
    daemon.start()
    daemon.wait_done()
    assert jobs(daemon, "id, user_id, batch, result", "id > 3") == [
        (4, "user_d", "b", "created"), (5, "user_e", None, "created")]
    daemon.stop()
    check_story(daemon, fake)


def test_bulk_sh_says_what_is_wrong():
    daemon = started()
    write(daemon, "bad.csv", "user_id,reference\nuser_a,T-1\nuser/b,T-2\n,T-3\nuser_c\n")
    done = run(daemon, "bulk.sh", "b", "bad.csv", check=1)
    assert done.stdout == "" and done.stderr.splitlines() == [
        "bulk.sh: bad.csv: nothing was submitted:",
        "line 5: expected 2 columns but found 1 - filling the rest with NULL",
        "line 3: no user id: 'user/b'",
        "line 4: no user id: ''"], done.stderr
    write(daemon, "long.csv", f"user_id,reference\nuser_a,{'x' * 201}\n")
    done = run(daemon, "bulk.sh", "b", "long.csv", check=1)
    assert "reference must be at most 200 bytes" in done.stderr, done
    assert done.stderr.endswith("bulk.sh: nothing was submitted\n"), done
    write(daemon, "head.csv", "user,reference\nuser_a,T-1\n")
    done = run(daemon, "bulk.sh", "b", "head.csv", check=1)
    assert done.stderr == "bulk.sh: head.csv: its first line must be user_id,reference\n", done
    done = run(daemon, "bulk.sh", "b", "none.csv", check=1)
    assert done.stderr == "bulk.sh: none.csv: there is no such file, or it is not for you\n", done
    run(daemon, "bulk.sh", "b", check=64)
    nowhere = {"CLERK_TOKEND_STATE": str(daemon.scratch / "nowhere")}
    done = run(daemon, "bulk.sh", "b", "bad.csv", check=1, env=nowhere)
    assert "queue.db: missing, or you are not in its group" in done.stderr, done
    assert daemon.queue("SELECT count(*) FROM job;") == "0"


# bulk.py --------------------------------------------------------------------------------


def test_bulk_py():
    fake = Fake()
    daemon = started(fake)
    write(daemon, "list.csv", "user_id,reference,expires_in_seconds\nuser_a,T-1,3600\nuser_b,,\n")
    done = run(daemon, "bulk.py", "--wait", "30", "b", "list.csv")
    wanted = "2,1,user_a,succeeded,created\n3,2,user_b,succeeded,created\n"
    assert done.stdout == wanted and done.stderr == "", done
    assert run(daemon, "bulk.py", "b", "list.csv").stdout == wanted
    assert jobs(daemon, "user_id, reference, expires_in_seconds, idempotency_key") == [
        ("user_a", "T-1", 3600, "b-user_a"), ("user_b", None, None, "b-user_b")]
    daemon.stop()
    daemon.start("--new-queue")
    assert run(daemon, "bulk.py", "b", "list.csv").stdout == wanted
    write(daemon, "failing.csv", "user_id\nuser_missing1\nuser_a\n")
    done = run(daemon, "bulk.py", "--wait", "30", "b", "failing.csv", check=1)
    assert done.stdout == "2,3,user_missing1,failed,not_found\n3,1,user_a,succeeded,created\n", done
    daemon.stop()
    write(daemon, "late.csv", "user_id\nuser_c\n")
    done = run(daemon, "bulk.py", "--wait", "0.3", "b", "late.csv", check=75)
    assert done.stdout == "2,4,user_c,queued,\n" and "not all jobs are final" in done.stderr, done
    daemon.start()
    done = run(daemon, "bulk.py", "--wait", "30", "b", "late.csv")
    assert done.stdout == "2,4,user_c,succeeded,created\n", done
    daemon.stop()
    check_story(daemon, fake)


def test_bulk_py_says_what_is_wrong():
    daemon = started()
    write(daemon, "bad.csv", "user_id,expires_in_seconds\nuser_a,60\nuser/b,60\nuser_c,0\nuser_d,x\n")
    done = run(daemon, "bulk.py", "b", "bad.csv", check=1)
    assert done.stdout == "" and done.stderr.splitlines() == [
        "bulk.py: nothing was submitted:",
        "line 3: CHECK constraint failed: user_id must be 1 to 128 of A-Z a-z 0-9 _",
        "line 4: CHECK constraint failed: expires_in_seconds must be 1 to 3155760000",
        "line 5: cannot store TEXT value in INTEGER column job.expires_in_seconds"], done.stderr
    write(daemon, "cells.csv", "user_id,reference\nuser_a\n")
    done = run(daemon, "bulk.py", "b", "cells.csv", check=1)
    assert "cells.csv: line 2: more or fewer cells than the header" in done.stderr, done
    write(daemon, "head.csv", "user,reference\nuser_a,\n")
    assert "the header must be user_id" in run(daemon, "bulk.py", "b", "head.csv", check=1).stderr
    assert "none.csv" in run(daemon, "bulk.py", "b", "none.csv", check=1).stderr
    assert daemon.queue("SELECT count(*) FROM job;") == "0"


# leavers.sh -----------------------------------------------------------------------------


def test_leavers():
    fake = Fake()
    # A folder's name may hold a quotation mark.
    folder = tempfile.mkdtemp(prefix="it's-")
    daemon = Daemon(fake, folder=folder)
    daemon.owns_scratch = True
    daemon.start()
    creates(daemon, "user_gone1", "user_gone2", "user_stays")
    daemon.wait_done()
    daemon.queue("INSERT INTO command (verb, action) VALUES ('pause', 'create');")
    wait_until(lambda: daemon.audit("SELECT * FROM pause"))
    creates(daemon, "user_gone1", "user_stays")
    write(daemon, "leavers", "# who left\nuser_gone1\n\nuser_gone2  # on Monday\nuser_never\n")
    done = run(daemon, "leavers.sh", "leavers")
    assert done.stdout == "" and done.stderr == "", done
    again = run(daemon, "leavers.sh", "leavers")
    assert again.stdout == "" and again.stderr == "", again
    lives = daemon.audit("SELECT user_id, life FROM token ORDER BY user_id")
    assert [tuple(row.values()) for row in lives] == [
        ("user_gone1", "revoked"), ("user_gone2", "revoked"), ("user_stays", "may be live")]
    assert jobs(daemon, "user_id, state", "id IN (4, 5)") == [
        ("user_gone1", "cancelled"), ("user_stays", "queued")]
    # Each token was revoked once.
    assert jobs(daemon, "count(*)", "action = 'revoke'") == [(2,)]
    daemon.stop()
    check_story(daemon, fake)


def test_leavers_says_what_is_left():
    fake = Fake()
    daemon = started(fake)
    creates(daemon, "user_gone", "user_gone")
    daemon.wait_done()
    used, live = (token for (token,) in jobs(daemon, "sign_in_token_id"))
    fake.accept(used)
    write(daemon, "leavers", "user_gone\n")
    done = run(daemon, "leavers.sh", "leavers", check=1)
    assert done.stdout == f"user_gone {used} was used: end its session\n", done
    assert daemon.audit("SELECT life FROM token WHERE id = ?", (live,)) == [{"life": "revoked"}]
    write(daemon, "bad", "user_gone\nuser/gone\n")
    done = run(daemon, "leavers.sh", "bad", check=64)
    assert done.stderr.splitlines() == [
        "leavers.sh: line 2: no user id: user/gone", "leavers.sh: nothing was submitted"], done
    run(daemon, "leavers.sh", "nothing", check=64)
    write(daemon, "empty", "# nobody\n")
    run(daemon, "leavers.sh", "empty")
    daemon.stop()
    creates(daemon, "user_gone")
    done = run(daemon, "leavers.sh", "leavers", check=75, env={"LEAVERS_WAIT_S": "1"})
    assert done.stderr == "leavers.sh: not done in time; does the daemon run? clerk-tokenctl status\n"
    assert "user_gone job 5 is not final\n" in done.stdout, done
    daemon.start()
    wait_until(lambda: jobs(daemon, "state", "id = 5") == [("cancelled",)])
    check_story(daemon, fake)


# incident.sh ----------------------------------------------------------------------------


def test_incident():
    fake = Fake()
    daemon = started(fake)
    creates(daemon, "user_a", "user_b", "user_c")
    daemon.wait_done()
    tokens = [token for (token,) in jobs(daemon, "sign_in_token_id")]
    fake.accept(tokens[1])
    # Everything is paused, and more is asked for: no obstacle.
    daemon.queue("INSERT INTO command (verb) VALUES ('pause');")
    wait_until(lambda: daemon.audit("SELECT * FROM pause"))
    creates(daemon, "user_d", "user_e")
    done = run(daemon, "incident.sh", "inc'1", "key leaked", check=1)
    assert done.stdout == (
        "revoked: 2\n" + "".join(f"  {token}\n" for token in sorted(tokens[::2])) +
        f"used already, and the session lives on: 1\n  {tokens[1]} user_b\n"
        "may still be live: 0\n"), done.stdout
    assert done.stderr.endswith(
        "incident.sh: creates stay paused until: clerk-tokenctl resume --action create\n"), done
    assert jobs(daemon, "state", "user_id IN ('user_d', 'user_e')") == [("cancelled",)] * 2
    assert [row["action"] for row in daemon.audit("SELECT action FROM pause")] == ["create"]
    # Again: nothing more is sent, and the lists are the same.
    sent = len(fake.requests())
    again = run(daemon, "incident.sh", "inc'1", "key leaked", check=1)
    assert again.stdout == done.stdout, again.stdout
    assert len(fake.requests()) == sent
    assert len(jobs(daemon, "id", "action = 'revoke'")) == 3
    assert [row["action"] for row in daemon.audit("SELECT action FROM pause")] == ["create"]
    # Another incident finds nothing to do.
    quiet = run(daemon, "incident.sh", "inc2", "drill")
    assert quiet.stdout == (
        "revoked: 0\nused already, and the session lives on: 0\nmay still be live: 0\n"), quiet
    daemon.stop()
    check_story(daemon, fake)


def test_incident_goes_on():
    fake = Fake()
    daemon = started(fake)
    creates(daemon, "user_a", "user_b")
    daemon.wait_done()
    daemon.stop()
    done = run(daemon, "incident.sh", "i", "leak", check=75, env={"INCIDENT_WAIT_S": "0"})
    assert done.stdout == "" and done.stderr.endswith(
        "left; does the daemon run? clerk-tokenctl status\n"), done
    # What was submitted is done at the start; a revoke that failed is tried again by each run.
    daemon.configure({"retry.max_attempts": 1})
    fake.script("status=500", "none", "status=500")
    daemon.start()
    wait_until(lambda: len(jobs(daemon, "id", "action = 'revoke' AND finished_at > ''")) == 2)
    first = run(daemon, "incident.sh", "i", "leak", check=1)
    assert re.search(r"^may still be live: 1\n  sit_\w+ user_[ab]$", first.stdout, re.M), first
    second = run(daemon, "incident.sh", "i", "leak")
    assert second.stdout.startswith("revoked: 2\n"), second
    assert second.stdout.endswith("may still be live: 0\n"), second
    run(daemon, "incident.sh", "i", check=64)
    run(daemon, "incident.sh", "", "leak", check=64)
    daemon.stop()
    check_story(daemon, fake)


# mailmerge.py ---------------------------------------------------------------------------


def merge(daemon, check=0):
    return run(daemon, "mailmerge.py", "--from", "it@example.com", "b", "addresses.csv",
               "template.txt", "mails", check=check)


def mails(daemon):
    found = {}
    for path in sorted((daemon.scratch / "mails").iterdir()):
        assert path.stat().st_mode & 0o777 == 0o600, path
        found[path.name] = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    return found


def test_mailmerge():
    fake = Fake()
    daemon = started(fake)
    write(daemon, "list.csv", "user_id,reference\nuser_a,1\nuser_b,2\nuser_missing1,3\nuser_c,4\n")
    run(daemon, "bulk.sh", "b", "list.csv")
    daemon.wait_done()
    urls = {row["user_id"]: row["url"] for row in daemon.tokens("SELECT user_id, url FROM secret")}
    write(daemon, "addresses.csv",
          "user_id,email,name\nuser_a,a@example.com,Åsa\nuser_missing1,m@example.com,M\n"
          'user_c,"c@example.com\nBcc: x@example.com",C\n')
    write(daemon, "template.txt",
          "Your link, $name\n\nHello $name,\n$url\nis good until $expires_at UTC, for $$0.\n")
    done = merge(daemon, check=1)
    assert done.stdout == "1 written, 0 were there, 3 left out\n", done
    assert done.stderr.splitlines() == [
        "mailmerge.py: job 2, user_b: no address",
        "mailmerge.py: job 3, user_missing1: no link: failed",
        "mailmerge.py: job 4, user_c: its address does not make a mail"], done.stderr
    assert list(mails(daemon)) == ["job-1.eml"]
    mail = mails(daemon)["job-1.eml"]
    assert (mail["To"], mail["From"]) == ("a@example.com", "it@example.com")
    assert mail["Subject"] == "Your link, Åsa"
    expires = daemon.tokens("SELECT expires_at FROM secret WHERE user_id = 'user_a'")[0]
    assert mail.get_content() == (
        f"Hello Åsa,\n{urls['user_a']}\nis good until {expires['expires_at'][:16]} UTC, for $0.\n")
    # Again, with the missing addresses and a link that was revoked meanwhile.
    before = (daemon.scratch / "mails" / "job-1.eml").stat().st_mtime_ns
    daemon.ctl("revoke", "--job", 4, "--wait")
    write(daemon, "addresses.csv",
          "user_id,email,name\nuser_a,a@example.com,A\nuser_b,b@example.com,B\nuser_c,c@example.com,C\n")
    wait_until(lambda: not daemon.tokens("SELECT * FROM secret WHERE user_id = 'user_c'"))
    again = merge(daemon, check=1)
    assert again.stdout == "1 written, 1 were there, 2 left out\n", again
    assert "job 4, user_c: no link: its link is used, revoked, expired or gone" in again.stderr
    assert list(mails(daemon)) == ["job-1.eml", "job-2.eml"]
    assert urls["user_b"] in mails(daemon)["job-2.eml"].get_content()
    assert (daemon.scratch / "mails" / "job-1.eml").stat().st_mtime_ns == before
    # No link is printed.
    said = done.stdout + done.stderr + again.stdout + again.stderr
    assert "http" not in said and "ticket" not in said, said
    # All are served: the exit status says so, daemon or not.
    daemon.stop()
    write(daemon, "list.csv", "user_id,reference\nuser_a,1\n")
    daemon.start()
    run(daemon, "bulk.sh", "c", "list.csv")
    daemon.wait_done()
    daemon.stop()
    alone = run(daemon, "mailmerge.py", "--from", "it@example.com", "c", "addresses.csv",
                "template.txt", "others")
    assert alone.stdout == "1 written, 0 were there, 0 left out\n", alone
    check_story(daemon, fake)


def test_mailmerge_says_what_is_wrong():
    daemon = started()
    creates(daemon, "user_a")
    write(daemon, "addresses.csv", "user_id,email\nuser_a,a@example.com\n")
    write(daemon, "template.txt", "Link\n$url\n")
    assert "batch b has no creates" in merge(daemon, check=1).stderr
    assert not (daemon.scratch / "mails").exists()
    write(daemon, "template.txt", "Link for $name\n$url\n")
    assert "$name is no column of the addresses" in merge(daemon, check=1).stderr
    write(daemon, "template.txt", "Link\nnothing\n")
    assert "there is no $url in it" in merge(daemon, check=1).stderr
    write(daemon, "template.txt", "Link\n$url\n")
    run(daemon, "bulk.py", "--wait", "30", "b", "addresses.csv", check=1)  # a wrong header
    write(daemon, "list.csv", "user_id\nuser_a\n")
    run(daemon, "bulk.py", "--wait", "30", "b", "list.csv")
    (daemon.scratch / "mails").mkdir(mode=0o755)
    assert "others can read it; chmod 700 it" in merge(daemon, check=1).stderr
    assert list((daemon.scratch / "mails").iterdir()) == []
    write(daemon, "addresses.csv", "user,email\n")
    assert "the header must have user_id and email" in merge(daemon, check=1).stderr


# register.sql ---------------------------------------------------------------------------


def register(daemon, *options):
    done = subprocess.run(
        ["sqlite3", "-readonly", "-bail", "-cmd", ".timeout 10000", *options, daemon.audit_db],
        input=(EXAMPLES / "register.sql").read_text(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0 and done.stderr == "", done
    tokens, evidence = re.split("(?:^|\n)\n", done.stdout.replace("\r\n", "\n"))
    return list(csv.DictReader(tokens.splitlines())), list(csv.DictReader(evidence.splitlines()))


def test_register():
    fake = Fake()
    daemon = started(fake)
    daemon.queue("INSERT INTO job (action, user_id, requested_by, reason, reference, batch) VALUES"
                 " ('create', 'user_a', '=1+1', 'a, \"b\"', '@x', ' -y'),"
                 " ('create', 'user_b', 'ana', NULL, NULL, NULL);")
    daemon.wait_done()
    first = daemon.audit("SELECT * FROM token WHERE user_id = 'user_a'")[0]
    daemon.ctl("revoke", first["id"], "--wait")
    rows, evidence = register(daemon)
    row = next(row for row in rows if row["user_id"] == "user_a")
    assert len(rows) == 2 and row["sign_in_token_id"] == first["id"], rows
    assert (row["life"], row["create_job_id"], row["revoke_job_id"]) == ("revoked", "1", "3")
    assert (row["requested_by_as_stated"], row["reason"]) == ("'=1+1", 'a, "b"'), row
    assert (row["reference"], row["batch"]) == ("'@x", "' -y"), row
    head = daemon.audit("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1")[0]
    (proof,) = evidence
    assert (proof["tokens"], proof["since"], proof["until"]) == ("2", "the beginning", "now")
    assert (proof["audit_rows"], proof["head"]) == (str(head["seq"]), head["hash"]), proof
    daemon.ctl("verify", "--checkpoint", f"{proof['audit_rows']}:{proof['head']}")
    daemon.stop()
    # Also while the daemon is stopped, and again the same.
    assert register(daemon)[0] == rows
    for since, until, count in (("2000-01-01", "9999-01-01", 2), ("2000-01-01", "2000-02-01", 0)):
        part, evidence = register(
            daemon, "-cmd", f".parameter set :since \"'{since}'\"",
            "-cmd", f".parameter set :until \"'{until}'\"")
        assert len(part) == count and evidence[0]["tokens"] == str(count), (part, evidence)
        assert (evidence[0]["since"], evidence[0]["until"]) == (since, until), evidence
    check_story(daemon, fake)


# All --------------------------------------------------------------------------------------


def test_a_locked_queue():
    daemon = started()
    creates(daemon, "user_a")
    daemon.wait_done()
    write(daemon, "list.csv", "user_id,reference\nuser_b,\n")
    write(daemon, "leavers", "user_a\n")
    lock = sqlite3.connect(daemon.queue_db, isolation_level=None)
    lock.execute("BEGIN EXCLUSIVE")
    wanted = {
        ("bulk.sh", "b", "list.csv"): (1, "bulk.sh: nothing was submitted\n"),
        ("bulk.py", "b", "list.csv"): (75, "locked; nothing was submitted\n"),
        ("leavers.sh", "leavers"): (
            1, "leavers.sh: the queue or the audit cannot be used; run me again\n"),
        ("incident.sh", "i", "leak"): (
            1, "incident.sh: the queue or the audit cannot be used; run me again\n"),
    }
    problems = []

    def attempt(words, status, end):
        try:
            done = run(daemon, *words, check=status)
            assert done.stderr.endswith(end) and "locked" in done.stderr, done
        except AssertionError as error:
            problems.append(error)

    threads = [threading.Thread(target=attempt, args=(words, *want))
               for words, want in wanted.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(90)
    lock.execute("ROLLBACK")
    lock.close()
    assert not problems, problems
    assert daemon.queue("SELECT count(*) FROM job; SELECT count(*) FROM command;") == "1\n0"


if __name__ == "__main__":
    main()
