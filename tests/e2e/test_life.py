#!/usr/bin/env python3
# ctest: labels=quick timeout=180
"""Start, stop, reload, drain, check; pause, cancel, retry; readers."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import signal
import subprocess
import time

from harness import KEY, Daemon, Failure, Fake, check_story, main, read_rows, wait_until


def test_a_create_and_its_revoke():
    fake = Fake()
    daemon = Daemon(fake)
    daemon.start()
    out = daemon.queue(
        "INSERT INTO job (action, user_id, requested_by, reason) "
        "VALUES ('create', 'user_a', 'ana', 'ticket 7') RETURNING id;")
    assert str(out).strip() == "1", out
    daemon.wait_done()
    token = daemon.audit("SELECT sign_in_token_id FROM job")[0]["sign_in_token_id"]
    secret = daemon.tokens("SELECT token, url FROM secret WHERE job_id = 1")[0]
    assert secret["token"] and secret["token"] in secret["url"]
    daemon.queue(f"INSERT INTO job (action, sign_in_token_id) VALUES ('revoke', '{token}');")
    daemon.wait_done()
    daemon.stop()
    assert daemon.audit("SELECT life FROM token") == [{"life": "revoked"}]
    assert daemon.tokens("SELECT count(*) AS n FROM secret") == [{"n": 0}]
    events = [r["event"] for r in daemon.audit("SELECT event FROM audit ORDER BY seq")]
    assert events == ["started", "accepted", "sent", "answered", "accepted", "sent", "answered",
                      "purged", "stopped"], events
    assert "audit checkpoint" in daemon.log()
    check_story(daemon, fake)


# fault: P11
def test_a_second_daemon_refuses():
    fake = Fake()
    first = Daemon(fake)
    first.start()
    second = subprocess.run([first.child.args[0], "-c", str(first.conf)], capture_output=True,
                            text=True, timeout=20, check=False)
    assert second.returncode == 75, second
    assert str(first.pid) in second.stderr, second.stderr
    first.stop()


def test_readers_read_while_it_runs_and_after():
    fake = Fake()
    daemon = Daemon(fake)
    daemon.start()
    daemon.queue("INSERT INTO job (action, user_id) VALUES ('create', 'user_a');")
    daemon.wait_done()
    daemon.stop()
    os.chmod(daemon.audit_db.parent, 0o755)
    for file in daemon.audit_db.parent.iterdir():
        os.chmod(file, 0o644)
    # Somebody who may write neither the folder nor the file.
    out = subprocess.run(
        ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "sqlite3", "-readonly",
         str(daemon.audit_db), "SELECT state FROM job;"],
        capture_output=True, text=True, timeout=20, check=False)
    assert out.stdout.strip() == "succeeded", out


def test_check_says_what_is_wrong():
    fake = Fake()
    daemon = Daemon(fake)
    assert daemon.check().returncode == 0
    daemon.configure({"concurrency": 0})
    wrong = daemon.check()
    assert wrong.returncode == 78 and "concurrency" in wrong.stderr, wrong
    daemon.configure({"concurrency": 4})
    daemon.write_key("pk_test_public")
    wrong = daemon.check()
    assert wrong.returncode == 78 and "pk_test_public" not in wrong.stderr, wrong
    daemon.write_key(KEY)
    daemon.configure({"clerk.ca_file": "/nowhere/ca.pem"})
    wrong = daemon.check()
    assert wrong.returncode == 78 and "/nowhere/ca.pem: No such file" in wrong.stderr, wrong
    daemon.start(ready=False)
    assert daemon.wait_exit() == 78  # as for the rest of the configuration


def test_a_bad_reload_changes_nothing():
    fake = Fake()
    daemon = Daemon(fake)
    daemon.start()
    daemon.configure({"concurrency": 100000})
    daemon.reload()
    assert "the old configuration stays" in daemon.log()
    daemon.configure({"concurrency": 3})
    daemon.reload()
    daemon.queue("INSERT INTO job (action, user_id) VALUES ('create', 'user_a');")
    daemon.wait_done()
    daemon.stop()
    assert len(daemon.audit("SELECT 1 FROM audit WHERE event = 'reloaded'")) == 1


def test_drain():
    fake = Fake()
    daemon = Daemon(fake)
    assert daemon.drain() == 0
    daemon.queue("INSERT INTO job (action, user_id) VALUES ('create', 'user_a'),"
                 "('create', 'user_b');"
                 "INSERT INTO job (action, user_id, not_before) "
                 "VALUES ('create', 'user_c', datetime('now', '+1 hour'));")
    assert daemon.drain() == 0
    assert daemon.states() == {"succeeded": 2, "queued": 1}, daemon.states()
    daemon.queue("INSERT INTO job (action, user_id) VALUES ('create', 'user_missing');")
    assert daemon.drain() == 1
    assert "1 failed and 0 were rejected, lapsed or cancelled" in daemon.log(), daemon.tail()
    assert daemon.drain() == 0  # that was another run's
    for columns, value in (("action, user_id", "'create', '../x'"),
                           ("action, user_id, not_after", "'create', 'user_e', '2020-01-01 00:00'")):
        after = len(daemon.log())
        daemon.queue("PRAGMA ignore_check_constraints = ON;"
                     f"INSERT INTO job ({columns}) VALUES ({value});")
        assert daemon.drain() == 1, value
        assert "0 failed and 1 were rejected, lapsed or cancelled" in daemon.log()[after:]
    fake.latency(2000)
    daemon.queue("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40)"
                 "INSERT INTO job (action, user_id) SELECT 'create', 'user_f' || i FROM n;")
    daemon.start("--drain", ready=False)
    wait_until(lambda: daemon.states().get("running"), 10)
    daemon.signal(signal.SIGTERM)
    assert daemon.wait_exit() == 1
    assert "drain: ended by a signal" in daemon.log()
    fake.latency(0)
    daemon.queue("INSERT INTO command (verb) VALUES ('pause');"
                 "INSERT INTO job (action, user_id) VALUES ('create', 'user_d');")
    assert daemon.drain() == 1
    assert "paused" in daemon.log()


def test_pause_cancel_retry_resume():
    fake = Fake()
    daemon = Daemon(fake)
    daemon.start()
    daemon.queue("INSERT INTO command (verb, action, requested_by) "
                 "VALUES ('pause', 'create', 'ops');")
    wait_until(lambda: daemon.audit("SELECT 1 FROM command WHERE state = 'done'"), 10)
    daemon.queue("INSERT INTO job (action, user_id, batch) VALUES "
                 "('create', 'user_a', 'b'), ('create', 'user_b', 'b'), ('create', 'user_c', NULL);"
                 "INSERT INTO job (action, sign_in_token_id) VALUES ('revoke', 'sit_none');")
    # Revokes go on; that one fails as Clerk knows no such token.
    wait_until(lambda: daemon.audit("SELECT 1 FROM job WHERE state = 'failed'"), 10)
    assert daemon.states() == {"queued": 3, "failed": 1}, daemon.states()
    daemon.queue("INSERT INTO command (verb, batch) VALUES ('cancel', 'b');"
                 "INSERT INTO command (verb, job_id) VALUES ('cancel', 4), ('cancel', 99);")
    wait_until(lambda: len(daemon.audit(
        "SELECT 1 FROM command WHERE state IN ('done', 'refused')")) == 4, 10)
    said = [r["message"] for r in daemon.audit("SELECT message FROM command ORDER BY id")]
    assert said[1:] == ["2 jobs cancelled", "job 4 is already failed", "there is no job 99"], said
    daemon.queue("INSERT INTO command (verb, job_id) VALUES ('retry', 1);"
                 "INSERT INTO command (verb) VALUES ('resume');")
    daemon.wait_done()
    assert daemon.states() == {"succeeded": 2, "cancelled": 1, "failed": 1}, daemon.states()
    daemon.stop()
    check_story(daemon, fake)


def test_a_paused_batch_waits_and_survives_a_restart():
    fake = Fake()
    daemon = Daemon(fake)
    daemon.start()
    daemon.queue("INSERT INTO command (verb, batch) VALUES ('pause', 'b');")
    wait_until(lambda: daemon.audit("SELECT 1 FROM command WHERE state = 'done'"), 10)
    daemon.queue("INSERT INTO job (action, user_id, batch) VALUES ('create', 'user_a', 'b');"
                 "INSERT INTO job (action, user_id) VALUES ('create', 'user_b');")
    wait_until(lambda: daemon.states().get("succeeded") == 1, 10)
    daemon.kill()
    daemon.start()
    assert daemon.states() == {"queued": 1, "succeeded": 1}, daemon.states()
    daemon.queue("INSERT INTO command (verb, batch) VALUES ('resume', 'b');")
    daemon.wait_done()
    daemon.stop()
    check_story(daemon, fake)


def test_a_batch_with_a_canary_and_a_limit_on_failures():
    fake = Fake()
    daemon = Daemon(fake)
    daemon.start()
    daemon.queue(
        "INSERT INTO batch (name, release_first) VALUES ('canary', 1);"
        "INSERT INTO batch (name, max_failures) VALUES ('limit', 1);"
        "INSERT INTO job (action, user_id, batch) VALUES ('create', 'user_a', 'canary'),"
        "('create', 'user_b', 'canary'), ('create', 'user_missing', 'limit');")
    wait_until(lambda: daemon.states() == {"succeeded": 1, "failed": 1, "queued": 1}, 10)
    daemon.queue("INSERT INTO job (action, user_id, batch) VALUES ('create', 'user_c', 'limit');"
                 "INSERT INTO command (verb, batch) VALUES ('resume', 'canary');")
    wait_until(lambda: daemon.states() == {"succeeded": 2, "failed": 1, "cancelled": 1}, 10)
    daemon.stop()
    check_story(daemon, fake)


def test_a_pause_ends_by_itself():
    fake = Fake()
    daemon = Daemon(fake)
    daemon.start()
    daemon.queue("INSERT INTO command (verb, until) VALUES ('pause', datetime('now', '+5 seconds'));"
                 "INSERT INTO job (action, user_id) VALUES ('create', 'user_a');")
    wait_until(lambda: daemon.audit("SELECT 1 FROM pause"), 10)
    daemon.wait_done(deadline=20)
    assert not daemon.audit("SELECT 1 FROM pause")
    daemon.stop()
    check_story(daemon, fake)


def test_times_and_priorities():
    fake = Fake()
    daemon = Daemon(fake, {"concurrency": 1})
    daemon.start()
    daemon.queue("INSERT INTO command (verb) VALUES ('pause');")
    wait_until(lambda: daemon.audit("SELECT 1 FROM command"), 10)
    daemon.queue(
        "INSERT INTO job (action, user_id, priority, not_after) VALUES "
        "('create', 'user_low', -5, NULL), ('create', 'user_high', 5, NULL),"
        "('create', 'user_late', 0, '2020-01-01 00:00'), ('create', 'user_top', 100, NULL);"
        "INSERT INTO command (verb) VALUES ('resume');")
    daemon.wait_done()
    daemon.stop()
    order = [r["user_id"] for r in daemon.audit(
        "SELECT user_id FROM audit WHERE event = 'sent' ORDER BY seq")]
    assert order == ["user_top", "user_high", "user_low"], order
    assert daemon.audit("SELECT state FROM job WHERE user_id = 'user_late'") == [
        {"state": "lapsed"}]
    check_story(daemon, fake)


# fault: P2
def test_stop_waits_for_answers():
    fake = Fake("--latency-ms", "700")
    daemon = Daemon(fake)
    daemon.start()
    daemon.queue("INSERT INTO job (action, user_id) VALUES ('create', 'user_a'),"
                 "('create', 'user_b');")
    wait_until(lambda: daemon.states() == {"running": 2}, 10)
    daemon.stop()
    assert daemon.states() == {"succeeded": 2}, daemon.states()
    check_story(daemon, fake)


# fault: P3
def test_a_second_sigterm_cuts_the_wait_short():
    fake = Fake("--latency-ms", "20000")
    daemon = Daemon(fake)
    daemon.start()
    daemon.queue("INSERT INTO job (action, user_id) VALUES ('create', 'user_a');")
    wait_until(lambda: daemon.states() == {"running": 1}, 10)
    daemon.signal(signal.SIGTERM)
    daemon.wait_log("stopping", 10)
    daemon.signal(signal.SIGTERM)
    assert daemon.wait_exit(10) == 0
    assert daemon.states() == {"running": 1}
    fake.latency(0)
    daemon.start()
    daemon.wait_done()
    assert daemon.audit("SELECT unknown_attempts AS n FROM job")[0]["n"] == 1
    daemon.stop()


def test_a_stopped_daemon_is_said():
    fake = Fake()
    daemon = Daemon(fake)
    daemon.start()
    assert "working" in daemon.ctl("status").stdout
    daemon.queue("INSERT INTO job (action, user_id) VALUES ('create', 'user_last');")
    daemon.wait_done()
    daemon.stop()
    # The last word is of the end, not of the second before.
    last = daemon.status_json()
    assert last["state"] == "stopped" and last["in_flight"] == 0, last
    assert last["jobs"]["create"]["succeeded"] == 1 and last["jobs"]["create"]["running"] == 0
    assert [last["audit"]["seq"]] == [r["s"] for r in daemon.audit("SELECT max(seq) AS s FROM audit")]
    daemon.queue("INSERT INTO job (action, user_id) VALUES ('create', 'user_a');")
    status = daemon.ctl("status", check=75)
    assert "not running" in status.stdout + status.stderr, status
    job = daemon.ctl("job", "2")
    assert "not taken yet: the daemon is not running" in job.stdout + job.stderr, job
    doctor = daemon.ctl("doctor", check=1)
    assert "fail  daemon: not running" in doctor.stdout, doctor
    assert daemon.ctl("wait", "2", "--timeout", "1s", check=75)


def test_policy_rejects():
    fake = Fake()
    daemon = Daemon(fake, {"policy.max_expires_in": "1h", "policy.default_expires_in": "10min",
                           "policy.required": ["reason"]})
    daemon.start()
    daemon.queue("INSERT INTO job (action, user_id, reason, expires_in_seconds) VALUES "
                 "('create', 'user_a', 'ok', NULL), ('create', 'user_b', 'ok', 7200),"
                 "('create', 'user_c', NULL, NULL);")
    daemon.wait_done()
    daemon.stop()
    rows = daemon.audit("SELECT state, result, expires_in_seconds AS s, error_message AS m "
                        "FROM job ORDER BY id")
    assert [r["state"] for r in rows] == ["succeeded", "rejected", "rejected"], rows
    assert rows[0]["s"] == 600 and "max_expires_in" in rows[1]["m"], rows
    assert "reason" in rows[2]["m"], rows
    assert len(fake.requests()) == 1


# fault: J7
def test_same_key_is_one_job():
    fake = Fake()
    daemon = Daemon(fake, {"retention.queue": "1s"})
    daemon.start()
    insert = ("INSERT INTO job (action, user_id, idempotency_key) "
              "VALUES ('create', 'user_a', 'k1');")
    daemon.queue(insert)
    daemon.wait_done()
    again = daemon.queue(insert, check=False)
    assert "UNIQUE" in str(again), again
    daemon.stop()
    # Swept out of the queue, the key is still remembered.
    time.sleep(1.1)
    daemon.start()
    wait_until(lambda: not read_rows(daemon.queue_db, "SELECT 1 FROM job"), 20)
    daemon.queue(insert)
    daemon.wait_done()
    rows = daemon.audit("SELECT state, result, error_message AS m FROM job ORDER BY id")
    assert rows[1]["result"] == "duplicate_idempotency_key" and "job 1" in rows[1]["m"], rows
    daemon.stop()
    check_story(daemon, fake)


if __name__ == "__main__":
    main()
