#!/usr/bin/env python3
# ctest: labels=quick timeout=180
"""What clerk-tokenctl says has to be so: of what cannot work, of what is missing, of what
waits and for what."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from harness import KEY, Daemon, Fake, main, wait_until


def started(configuration=None):
    fake = Fake()
    daemon = Daemon(fake, configuration)
    daemon.start()
    return fake, daemon


def test_times_that_let_a_job_only_lapse():
    _, daemon = started()
    for times in (("+2h", "+1h"), ("2030-01-02 03:04", "2030-01-02 03:04:00")):
        said = daemon.ctl("create", "user_a", "--not-before", times[0], "--not-after", times[1],
                          check=64)
        assert "not_after: " in said.stderr and "the job could only lapse" in said.stderr, said
        assert said.stdout == ""
    rows = "user_id,not_after\nuser_a,2031-01-01 00:00\nuser_b,2029-01-01 00:00\n"
    said = daemon.ctl("create", "--from", "-", "--not-before", "2030-01-01 00:00", stdin=rows,
                      check=64)
    assert ("standard input:3: not_after: 2029-01-01 00:00:00 is not later than not_before, "
            "2030-01-01 00:00:00: the job could only lapse") in said.stderr, said
    daemon.ctl("revoke", "sit_a", "--not-before", "+2h", "--not-after", "+1h", check=64)
    assert daemon.queue("SELECT count(*) FROM job;") == "0"
    assert daemon.ctl("create", "user_a", "--not-before", "+1h", "--not-after", "+2h").stdout


def test_a_command_for_a_job_that_there_is_not():
    _, daemon = started()
    daemon.ctl("create", "user_a", "--wait")
    for verb in ("cancel", "retry"):
        assert "there is no job 99" in daemon.ctl(verb, "99", check=66).stderr
        assert "there is no job 98" in daemon.ctl(verb, "98", "99", check=66).stderr
        # There is one, and it cannot be done: that is another answer.
        daemon.ctl(verb, "1", check=1)
        daemon.ctl(verb, "1", "99", check=1)


def test_status_names_what_is_paused():
    _, daemon = started()
    for batch in ("b one", "two"):
        daemon.ctl("create", "user_a", "--batch", batch, "--not-before", "+1h")
        daemon.ctl("pause", "--batch", batch)
    wait_until(lambda: daemon.status_json().get("batches_paused") == 2, 5)
    line = next(line for line in daemon.ctl("status", check=None).stdout.splitlines()
                if line.startswith("paused batches"))
    assert line == "paused batches 2: b one, two", line
    assert "b one" not in (daemon.run / "status.json").read_text()


def test_doctor_reads_the_key():
    _, daemon = started()

    def key():
        return next(row for row in daemon.ctl_json("doctor", "--offline", check=None)
                    if row["what"].startswith("key: "))

    assert key()["what"] == f"key: {daemon.key_file} (a test key)", key()
    for data, verdict, what in (
        ("pk_test_abc", "fail", "holds a publishable key"),
        ("", "fail", "is empty"),
        ("sk_prod_abc", "warn", "begins with neither sk_live_ nor sk_test_"),
    ):
        daemon.write_key(data)
        found = key()
        assert found["verdict"] == verdict and what in found["what"], found
        assert "then reload the daemon" in found["remedy"]
        assert "abc" not in str(daemon.ctl("doctor", "--offline", check=None))
    daemon.write_key(KEY)
    daemon.key_file.chmod(0o640)
    assert key()["verdict"] == "ok", key()


def test_a_damaged_audit_is_not_missing():
    _, daemon = started()
    daemon.ctl("create", "user_a", "--wait")
    daemon.stop()
    for path in daemon.audit_db.parent.iterdir():
        if path != daemon.audit_db:
            path.unlink()
    data = bytearray(daemon.audit_db.read_bytes())
    data[:200] = b"x" * 200
    daemon.audit_db.write_bytes(data)
    said = daemon.ctl("doctor", "--offline", check=1).stdout
    assert "audit.db" in said and "missing" not in said, said
    assert "not a database" in said, said


def test_pauses_of_others_are_not_said():
    fake, daemon = started()
    daemon.ctl("pause", "--batch", "theirs")
    daemon.ctl("pause", "--action", "revoke")
    fake.latency(400)
    made = daemon.ctl("create", "user_a", "--batch", "mine", "--wait")
    assert "paused" not in made.stderr, made.stderr
    daemon.ctl("pause", "--batch", "mine")
    late = daemon.ctl("create", "user_b", "--batch", "mine", "--append", "--wait", "--timeout",
                      "2s", check=75)
    assert "batch mine is paused since" in late.stderr, late.stderr
    assert "theirs" not in late.stderr and "revoke" not in late.stderr, late.stderr


def test_a_hold_of_the_queue_does_not_stop_sending():
    _, daemon = started()
    daemon.ctl("create", "user_a", "--not-before", "+1h")
    wait_until(lambda: daemon.states() == {"queued": 1}, 10)
    with open(daemon.queue_db, "r+b") as file:
        file.write(b"x" * 4096)
    daemon.queue_db.touch()
    wait_until(lambda: daemon.audit("SELECT 1 FROM hold WHERE kind = 'queue'"), 20)
    late = daemon.ctl("wait", "1", "--timeout", "1s", check=75)
    assert "timed out waiting for the job" in late.stderr, late.stderr
    assert "held" not in late.stderr, late.stderr


def test_a_revoke_that_waits_has_no_unknown_outcome():
    fake, daemon = started()
    daemon.ctl("create", "user_a", "user_b", "--wait")
    fake.set_keys("sk_test_other")
    late = daemon.ctl("lockdown", "--reason", "leak", "--yes", "--timeout", "6s", check=75)
    assert "held since" in late.stderr, late.stderr
    assert "outcome unknown: 0\n" in late.stdout, late.stdout
    assert "not revoked yet: 2 (their revokes wait to be sent)\n" in late.stdout, late.stdout
    assert f"until: clerk-tokenctl -c {daemon.conf} resume --action create" in late.stdout
    both = daemon.ctl_json("lockdown", "--reason", "leak", "--yes", "--timeout", "3s", check=75)
    assert both["n_outcome_unknown"] == 0 and both["n_waiting"] == 2, both
    assert sorted(row["user_id"] for row in both["waiting"]) == ["user_a", "user_b"]
    fake.set_keys(KEY)
    daemon.write_key(KEY)
    daemon.reload()
    daemon.stop()
    daemon.start()
    done = daemon.ctl_json("lockdown", "--reason", "leak", "--yes")
    assert done["n_revoked"] == 2 and done["waiting"] == [], done


def test_the_summary_says_that_a_job_can_end_twice():
    fake, daemon = started({"retry.max_attempts": 1})
    fake.script({"fault": "status=500"})
    daemon.ctl("create", "user_a", "--wait", check=1)
    daemon.ctl("retry", "1")
    daemon.ctl("wait", "1")
    lines = {row["what"]: row for row in daemon.ctl_json("report", "summary")["rows"]
             if row["part"] == "jobs"}
    assert [lines[what]["total"] for what in ("accepted", "failed", "retried", "succeeded")] == [
        1, 1, 1, 1], lines
    assert lines["failed"]["note"] == "each time: a retried job ends again", lines
    assert lines["retried"]["note"] == "after an end that is counted above", lines


if __name__ == "__main__":
    main()
