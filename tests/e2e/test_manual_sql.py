#!/usr/bin/env python3
# ctest: labels=quick timeout=180
"""The recipes of clerk-tokend-sql(7), run as they are copied from a terminal, indented, by the
sqlite3 program against the real daemon; only the state directory is another. Each recipe of
the page is run by a test."""

import csv
import os
import re
import subprocess
import sys
import textwrap

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from harness import SOURCE, Daemon, Fake, check_story, main, wait_until

USER = "user_29w83sxm"
BLOCK = re.compile(r'^\.\\" recipe: ([\w-]+)\n\.Bd -literal\n(.*?)^\.Ed$', re.M | re.S)


def recipes():
    text = (SOURCE / "doc" / "clerk-tokend-sql.7").read_text()
    return {
        name: textwrap.indent(block.replace("\\&", "").replace("\\e", "\\"), " " * 5)
        for name, block in BLOCK.findall(text)
    }


RECIPES = recipes()
used = set()


def run(daemon, name, stdin="", check=0):
    """Runs a recipe in the daemon's scratch folder and returns what it printed."""
    used.add(name)
    done = subprocess.run(
        ["bash", "-c", RECIPES[name].replace("/var/lib/clerk-tokend", str(daemon.state))],
        cwd=daemon.scratch,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == check, (name, done)
    if check == 0:
        assert done.stderr == "", (name, done.stderr)
    return done.stdout if check == 0 else done.stderr


def started(fake=None, configuration=None):
    daemon = Daemon(fake or Fake(), configuration)
    daemon.start()
    return daemon


def users(daemon, *rows):
    (daemon.scratch / "users.csv").write_text("user_id,reference\n" + "".join(rows))


def ids(daemon, where):
    return [row["id"] for row in daemon.audit(f"SELECT id FROM job WHERE {where} ORDER BY id")]


def test_one_token():
    fake = Fake()
    daemon = started(fake)
    assert run(daemon, "create") == "1\n"
    daemon.wait_done()
    url = daemon.tokens("SELECT url FROM secret")[0]["url"]
    assert run(daemon, "outcome") == f"succeeded|created|\n{url}\n"
    history = run(daemon, "history")
    assert re.findall(r"accepted|sent|answered", history) == ["accepted", "sent", "answered"]
    job = daemon.audit("SELECT * FROM job")[0]
    assert (job["user_id"], job["expires_in_seconds"]) == (USER, 3600)
    assert (job["requested_by"], job["reason"]) == ("ana", "ticket 4711")
    token = daemon.audit("SELECT id, token_sha256 FROM token")[0]
    ticket = daemon.tokens("SELECT token FROM secret")[0]["token"]
    found = run(daemon, "found", stdin=f"{ticket}\n")
    assert f"id = {token['id']}\n" in found and "life = may be live\n" in found, found
    assert run(daemon, "found", stdin=f"{ticket}x\n") == ""
    daemon.stop()
    check_story(daemon, fake)


def test_many_and_again():
    fake = Fake()
    daemon = started(fake)
    users(daemon, "user_a,m-1\n", '"user_b",""\n', "user_missing1,m-3\n")
    assert run(daemon, "bulk") == "3 of 3 submitted\n"
    daemon.wait_done()
    assert run(daemon, "bulk") == "0 of 3 submitted\n"
    users(daemon, "user_a,m-1\n", "user_b,\n", "user_missing1,m-3\n", "user_c,m-4\n")
    assert run(daemon, "bulk") == "1 of 4 submitted\n"
    daemon.wait_done()
    jobs = daemon.audit("SELECT user_id, reference, batch, idempotency_key FROM job ORDER BY id")
    assert [(job["user_id"], job["reference"]) for job in jobs] == [
        ("user_a", "m-1"), ("user_b", None), ("user_missing1", "m-3"), ("user_c", "m-4")]
    assert {job["batch"] for job in jobs} == {"migration"}
    assert jobs[0]["idempotency_key"] == "migration-user_a"
    message = daemon.audit("SELECT error_message FROM job WHERE id = 3")[0]["error_message"]
    assert run(daemon, "progress") == (
        f"failed|not_found|1\nsucceeded|created|3\n3|user_missing1|not_found|{message}\n")
    # The links of those that have one, for nobody else to read.
    run(daemon, "links")
    links = daemon.scratch / "links.csv"
    assert links.stat().st_mode & 0o777 == 0o600
    rows = list(csv.DictReader(links.open()))
    wanted = daemon.tokens("SELECT job_id, url FROM secret ORDER BY job_id")
    assert [(int(row["job_id"]), row["url"]) for row in rows] == [
        (row["job_id"], row["url"]) for row in wanted]
    assert [row["reference"] for row in rows] == ["m-1", "", "m-4"]
    # One bad row, and none is submitted.
    users(daemon, "user_d,\n", "user/e,\n")
    failed = run(daemon, "bulk", check=19)
    assert "user_id must be 1 to 128 of A-Z a-z 0-9 _" in failed, failed
    (daemon.scratch / "users.csv").unlink()
    assert "users.csv" in run(daemon, "bulk", check=1)
    assert daemon.queue("SELECT count(*) FROM job;") == "4"
    # Repeats use up no ids, and are known when the queue knows them no more.
    assert ids(daemon, "true") == [1, 2, 3, 4]
    users(daemon, "user_a,m-1\n", "user_c,m-4\n", "user_c,m-5\n")
    daemon.stop()
    daemon.start("--new-queue")
    assert daemon.queue("SELECT count(*) FROM job;") == "0"
    assert run(daemon, "bulk") == "0 of 3 submitted\n"
    # What failed is tried again by a command.
    run(daemon, "retry")
    wait_until(lambda: daemon.audit("SELECT attempts FROM job WHERE id = 3")[0]["attempts"] == 2)
    daemon.wait_done()
    assert run(daemon, "commands") == "retry|migration|done|1|1 job queued again\n"
    daemon.stop()
    check_story(daemon, fake)


def test_a_canary():
    daemon = started()
    users(daemon, *(f"user_{letter},\n" for letter in "abcde"))
    run(daemon, "canary")
    wait_until(lambda: len(ids(daemon, "state = 'succeeded'")) == 2)
    wait_until(lambda: len(ids(daemon, "state = 'queued' AND parked <> 0")) == 3)
    run(daemon, "release")
    daemon.wait_done(jobs=5)
    assert ids(daemon, "state = 'succeeded'") == [1, 2, 3, 4, 5]
    batch = daemon.audit("SELECT release_first, max_failures, taken, held FROM batch")
    assert batch == [{"release_first": 2, "max_failures": 5, "taken": 5, "held": 1}], batch
    # The name is taken: the second is refused as a whole.
    assert "UNIQUE constraint failed: batch.name" in run(daemon, "canary", check=19)
    assert daemon.queue("SELECT count(*) FROM job;") == "5"


def test_pause_cancel_resume():
    daemon = started()
    run(daemon, "pause")
    wait_until(lambda: daemon.audit("SELECT * FROM pause"))
    until = daemon.audit("SELECT until FROM pause")[0]["until"]
    assert run(daemon, "stops") == f"paused|create|all|{until}\n"
    daemon.queue("INSERT INTO job (action, user_id, batch) VALUES ('create', 'user_a', 'rollout'),"
                 " ('create', 'user_b', NULL);")
    wait_until(lambda: len(ids(daemon, "state = 'queued'")) == 2)
    run(daemon, "cancel")
    wait_until(lambda: ids(daemon, "state = 'cancelled'") == [1])
    run(daemon, "resume")
    daemon.wait_done()
    assert ids(daemon, "state = 'succeeded'") == [2]
    assert run(daemon, "stops") == ""


def test_all_of_a_user_is_revoked():
    fake = Fake()
    daemon = started(fake)
    daemon.queue(f"INSERT INTO job (action, user_id) VALUES ('create', '{USER}'),"
                 f" ('create', '{USER}'), ('create', 'user_other');")
    daemon.wait_done()
    fake.accept(daemon.audit("SELECT sign_in_token_id FROM job WHERE id = 2")[0]
                ["sign_in_token_id"])
    daemon.queue("INSERT INTO command (verb, action) VALUES ('pause', 'create');")
    daemon.queue(f"INSERT INTO job (action, user_id) VALUES ('create', '{USER}'),"
                 " ('create', 'user_other');")
    wait_until(lambda: ids(daemon, "state = 'queued'") == [4, 5])
    # One more, which the daemon has not taken when the recipe runs.
    daemon.stop()
    daemon.queue(f"INSERT INTO job (action, user_id) VALUES ('create', '{USER}');")
    assert run(daemon, "revoke-user") == "7\n8\n"
    daemon.start()
    wait_until(lambda: ids(daemon, "state = 'cancelled'") == [4, 6])
    wait_until(lambda: len(ids(daemon, "action = 'revoke' AND finished_at IS NOT NULL")) == 2)
    results = daemon.audit("SELECT result FROM job WHERE action = 'revoke' ORDER BY id")
    assert [row["result"] for row in results] == ["revoked", "already_used"]
    lives = daemon.audit("SELECT user_id, life FROM token ORDER BY create_job_id")
    assert [row["life"] for row in lives] == ["revoked", "used", "may be live"], lives
    assert ids(daemon, "state = 'queued'") == [5]
    # Nothing is left to do.
    assert run(daemon, "revoke-user") == ""
    daemon.stop()
    check_story(daemon, fake)


def test_leavers():
    fake = Fake()
    daemon = started(fake)
    daemon.queue("INSERT INTO job (action, user_id) VALUES ('create', 'user_gone1'),"
                 " ('create', 'user_gone2'), ('create', 'user_stays');")
    daemon.wait_done()
    daemon.queue("INSERT INTO command (verb, action) VALUES ('pause', 'create');"
                 " INSERT INTO job (action, user_id) VALUES ('create', 'user_gone1');")
    wait_until(lambda: ids(daemon, "state = 'queued'") == [4])
    (daemon.scratch / "leavers.txt").write_text("user_gone1\nuser_gone2\nuser_gone1\nuser_never\n")
    assert run(daemon, "leavers") == "2 revokes submitted\n"
    run(daemon, "leavers")
    wait_until(lambda: len(ids(daemon, "result = 'revoked'")) == 2)
    wait_until(lambda: ids(daemon, "state = 'cancelled'") == [4])
    assert run(daemon, "leavers") == "0 revokes submitted\n"
    lives = daemon.audit("SELECT user_id, life FROM token ORDER BY create_job_id")
    assert [row["life"] for row in lives] == ["revoked", "revoked", "may be live"], lives
    # Twice the same night is once; midnight may have come between.
    keys = daemon.audit("SELECT substr(idempotency_key, 9, 10) AS night, count(*) AS n FROM job"
                        " WHERE action = 'revoke' GROUP BY 1")
    assert all(row["n"] == 2 for row in keys), keys
    daemon.stop()
    check_story(daemon, fake)


def test_the_register():
    fake = Fake()
    daemon = started(fake)
    fake.script("reset_after")
    daemon.queue("INSERT INTO job (action, user_id, requested_by, reason, reference) VALUES"
                 " ('create', 'user_a', 'ana', 'a \"quoted\" reason, with a comma', 'T-1');")
    daemon.wait_done()
    run(daemon, "register")
    lines = list(csv.reader((daemon.scratch / "register.csv").open()))
    token = daemon.audit("SELECT * FROM token")[0]
    row = dict(zip(lines[0], lines[1]))
    assert row["id"] == token["id"] and row["life"] == "may be live", row
    assert row["reason"] == 'a "quoted" reason, with a comma' and row["requested_by"] == "ana"
    head = daemon.audit("SELECT seq, hash, at FROM audit ORDER BY seq DESC LIMIT 1")[0]
    assert lines[-1] == [str(head["seq"]), head["hash"], head["at"]], lines
    daemon.ctl("verify", "--checkpoint", f"{head['seq']}:{head['hash']}")
    unknown = run(daemon, "unknown").strip().split("|")
    assert unknown[1:4] == ["1", "1", "user_a"], unknown
    daemon.stop()
    check_story(daemon, fake)


def test_none_is_left_out():
    """Runs last: each recipe was run above, and each block with SQL is a recipe."""
    text = (SOURCE / "doc" / "clerk-tokend-sql.7").read_text()
    examples = text[text.index(".Sh EXAMPLES") :]
    assert examples.count(".Bd -literal") == len(RECIPES), sorted(RECIPES)
    if not sys.argv[1:]:
        assert set(RECIPES) == used, set(RECIPES) ^ used


if __name__ == "__main__":
    main()
