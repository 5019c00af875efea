#!/usr/bin/env python3
# ctest: labels=slow timeout=300
"""lockdown, the command for three in the morning: the real daemon, the strict fake."""

import collections
import json
import os
import pty
import select
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from harness import TOKENCTL, Daemon, Fake, _environment, check_story, main, wait_until

MANY = """
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {n})
INSERT INTO job (action, user_id) SELECT 'create', 'user_{tag}' || i FROM n;
"""


def started(configuration=None, *options):
    fake = Fake(*options)
    daemon = Daemon(fake, configuration)
    daemon.start()
    return fake, daemon


class Running:
    """A lockdown that runs while the test goes on."""

    def __init__(self, daemon, *options):
        self.err_path = daemon.scratch / "lockdown.err"
        self.out_path = daemon.scratch / "lockdown.out"
        with open(self.out_path, "wb") as out, open(self.err_path, "wb") as err:
            self.child = subprocess.Popen(
                [TOKENCTL, "-c", daemon.conf, "lockdown", "--reason", "leak", "--yes", "--json",
                 *options],
                stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=_environment({}))

    def said(self, text):
        return text in self.err_path.read_text()

    def wait_said(self, text, deadline=20):
        wait_until(lambda: self.said(text), deadline, f"lockdown says {text!r}")

    def kill(self):
        self.child.kill()
        assert self.child.wait(10) == -signal.SIGKILL

    def end(self, expect, deadline=60):
        status = self.child.wait(deadline)
        assert status == expect, (status, self.err_path.read_text())
        return json.loads(self.out_path.read_text())


def users(rows):
    return sorted(row["user_id"] for row in rows)


def revokes_per_token(fake):
    """How many requests to revoke each token there were."""
    return collections.Counter(
        line["token_id"] for line in fake.requests() if line["action"] == "revoke")


def revoked_at_clerk(fake):
    return {line["token_id"] for line in fake.requests() if line["did"] == "revoked"}


def check_dead(daemon, fake, but=()):
    """Every token that Clerk gave out and we heard of is revoked there, but those of users."""
    known = {row["id"] for row in daemon.audit("SELECT id FROM sign_in_token")}
    for token in fake.tokens():
        if token["id"] in known and token["user_id"] not in but:
            assert token["status"] == "revoked", token


def test_all_three_lists():
    fake, daemon = started({"concurrency": 4, "retry.max_attempts": 2})
    daemon.ctl("create", "user_live1", "user_live2", "user_stuck", "user_accepts1", "--wait")
    # An attempt that Clerk acted on, whose answer was lost; then one that was heard.
    fake.script({"fault": "reset_after", "action": "create", "user_id": "user_lost"})
    daemon.ctl("create", "user_lost", "--wait")
    stuck = next(t["id"] for t in daemon.ctl_json("tokens") if t["user_id"] == "user_stuck")
    fake.script({"fault": "not_acted_500", "action": "revoke", "token_id": stuck, "count": 0})
    # Some wait for their time, some in a paused batch, some run, some are not taken yet.
    daemon.ctl("create", "user_later", "--not-before", "+2h")
    daemon.ctl("pause", "--batch", "b")
    daemon.ctl("create", "user_parked", "--batch", "b")
    fake.latency(1500)
    daemon.queue(MANY.format(n=20, tag="run"))
    wait_until(lambda: daemon.states().get("running") == 4, 20)
    daemon.freeze()
    daemon.queue(MANY.format(n=30, tag="new"))
    lockdown = Running(daemon)
    wait_until(lambda: "pause" in daemon.queue("SELECT verb FROM command;"), 20)
    fake.latency(0)
    daemon.signal(signal.SIGCONT)
    lists = lockdown.end(1)
    ran = sorted(r["user_id"] for r in daemon.audit(
        "SELECT user_id FROM job WHERE action = 'create' AND user_id LIKE 'user_run%'"
        " AND state = 'succeeded'"))
    assert len(ran) >= 4
    assert users(lists["revoked"]) == sorted(["user_live1", "user_live2", "user_lost"] + ran)
    assert users(lists["already_used"]) == ["user_accepts1"]
    unknown = {row["user_id"]: row for row in lists["outcome_unknown"]}
    assert sorted(unknown) == ["user_lost", "user_stuck"], unknown
    lost = unknown["user_lost"]
    assert (lost["action"], lost["job_id"], lost["attempt"]) == ("create", 5, 1), lost
    assert lost["sign_in_token_id"] is None and "secret reached nobody" in lost["remedy"], lost
    failed = unknown["user_stuck"]
    assert failed["sign_in_token_id"] == stuck and failed["attempt"] == 2, failed
    assert "failed, gave_up" in failed["what"] and failed["trace_id"], failed
    assert (lists["n_revoked"], lists["n_already_used"], lists["n_outcome_unknown"]) == (
        3 + len(ran), 1, 2)
    # Every create that was asked for ended, and none was sent after the pause.
    states = {r["state"]: r["n"] for r in daemon.audit(
        "SELECT state, count(*) AS n FROM job WHERE action = 'create' GROUP BY state")}
    assert states == {"succeeded": 5 + len(ran), "cancelled": 52 - len(ran)}, states
    late = daemon.audit("SELECT seq FROM audit WHERE event = 'sent' AND action = 'create' AND"
                        " seq > (SELECT seq FROM audit WHERE event = 'commanded' AND"
                        " reason = 'lockdown: leak' ORDER BY seq LIMIT 1)")
    assert late == []
    rows = daemon.audit("SELECT DISTINCT priority, reason, substr(batch, 1, 9) AS batch FROM job"
                        " WHERE action = 'revoke'")
    assert rows == [{"priority": 100, "reason": "lockdown: leak", "batch": "lockdown-"}], rows
    # Run again once Clerk is well: what is left is done, the rest is told and not done again.
    fake.script()
    before = revokes_per_token(fake)
    again = daemon.ctl("lockdown", "--reason", "leak", "--yes", "--json", check=1)
    assert "going on with the lockdown of" in again.stderr
    lists = json.loads(again.stdout)
    assert users(lists["revoked"]) == sorted(
        ["user_live1", "user_live2", "user_lost", "user_stuck"] + ran)
    assert users(lists["already_used"]) == ["user_accepts1"]
    assert users(lists["outcome_unknown"]) == ["user_lost"]
    assert revokes_per_token(fake) - before == {stuck: 1}
    check_dead(daemon, fake, but=("user_accepts1",))
    assert lists["ends_with"] == f"clerk-tokenctl -c {daemon.conf} resume --action create"
    daemon.ctl("resume", "--action", "create")
    daemon.ctl("create", "user_after", "--wait")
    daemon.stop()
    check_story(daemon, fake)


def test_nothing_to_do_is_a_success_and_creates_stay_paused():
    fake, daemon = started()
    done = daemon.ctl("lockdown", "--reason", "drill", "--yes")
    assert done.stdout == (
        "revoked: 0\n\nalready used: 0\n\noutcome unknown: 0\n\n"
        f"creates stay paused until: clerk-tokenctl -c {daemon.conf} resume --action create\n")
    daemon.ctl("create", "user_a")
    wait_until(lambda: daemon.states() == {"queued": 1}, 10)
    again = daemon.ctl("lockdown", "--reason", "drill", "--yes", "--dry-run")
    assert "keep creates paused, cancel the 1 that wait" in again.stderr and not again.stdout
    assert daemon.states() == {"queued": 1}
    daemon.ctl("lockdown", "--reason", "drill", "--yes")
    assert daemon.states() == {"cancelled": 1}
    # Paused once: the second run found it.
    verbs = [r["verb"] for r in daemon.audit("SELECT verb FROM command ORDER BY id")]
    assert verbs == ["pause", "cancel"], verbs
    assert fake.requests() == []


def at_pause(daemon, _):
    return daemon.audit("SELECT 1 FROM pause")


def at_cancel(daemon, _):
    return daemon.audit("SELECT 1 FROM command WHERE verb = 'cancel'")


def at_wait(_, lockdown):
    return lockdown.said("1 create cancelled") or lockdown.said("creates cancelled")


def at_submit(daemon, _):
    return daemon.audit("SELECT 1 FROM job WHERE action = 'revoke'")


def at_half(daemon, _):
    return daemon.audit("SELECT 1 FROM job WHERE action = 'revoke' AND state = 'succeeded'")


def test_killed_at_each_step_and_run_again():
    for point in (at_pause, at_cancel, at_wait, at_submit, at_half):
        fake, daemon = started({"concurrency": 4})
        daemon.queue(MANY.format(n=40, tag="a"))
        daemon.wait_done()
        fake.latency(300)
        daemon.queue(MANY.format(n=100, tag="b"))
        wait_until(lambda: daemon.states().get("running") == 4, 20)
        lockdown = Running(daemon)
        wait_until(lambda: point(daemon, lockdown), 20, point.__name__, interval=0.001)
        lockdown.kill()
        fake.latency(20)
        lists = json.loads(daemon.ctl(
            "lockdown", "--reason", "leak", "--yes", "--json", deadline=60).stdout)
        made = daemon.audit("SELECT user_id FROM job WHERE result = 'created'")
        assert users(lists["revoked"]) == users(made), point.__name__
        assert lists["n_already_used"] == lists["n_outcome_unknown"] == 0
        # Nothing was revoked twice, nothing was left out.
        per_token = revokes_per_token(fake)
        assert set(per_token.values()) == {1} and len(per_token) == len(made), point.__name__
        check_dead(daemon, fake)
        pauses = daemon.audit("SELECT id FROM command WHERE verb = 'pause'")
        assert len(pauses) == 1, (point.__name__, pauses)
        left = daemon.audit("SELECT state FROM job WHERE state IN ('queued', 'running')")
        assert left == []
        daemon.stop()
        check_story(daemon, fake)
        daemon.close()
        fake.close()


def test_held_by_a_bad_key_and_a_daemon_that_comes_and_goes():
    fake, daemon = started()
    daemon.ctl("create", "user_a", "user_b", "--wait")
    fake.set_keys("sk_test_another")
    lockdown = Running(daemon)
    lockdown.wait_said("held since")
    lockdown.wait_said("credentials")
    assert lockdown.said("ends with: ")
    # The other revoke was under way as well: its answer is recorded too.
    wait_until(lambda: not daemon.states().get("running"), 10)
    lockdown.kill()
    daemon.kill()
    gone = daemon.ctl("lockdown", "--reason", "leak", "--yes", check=75)
    assert "the daemon is not running: nothing happens before it is started" in gone.stderr
    assert "run it again, it goes on where it was" in gone.stderr
    assert "not revoked yet: 2" in gone.stdout and "it is still tried" in gone.stdout, gone.stdout
    daemon.start()
    lockdown = Running(daemon)
    lockdown.wait_said("2 tokens are being revoked already")
    daemon.kill()
    daemon.start()
    daemon.write_key("sk_test_another")
    daemon.reload()
    lists = lockdown.end(0)
    assert users(lists["revoked"]) == ["user_a", "user_b"] and lists["n_outcome_unknown"] == 0
    assert len(daemon.audit("SELECT id FROM job WHERE action = 'revoke'")) == 2
    check_dead(daemon, fake)
    daemon.stop()
    check_story(daemon, fake)


def test_what_was_paused_does_not_keep_revokes():
    fake, daemon = started()
    daemon.ctl("create", "user_a", "user_b", "--wait")
    tokens = {t["user_id"]: t["id"] for t in daemon.ctl_json("tokens")}
    daemon.ctl("pause", "--batch", "leavers")
    daemon.ctl("revoke", tokens["user_a"], "--batch", "leavers")
    daemon.ctl("revoke", tokens["user_b"], "--not-before", "+2h")
    wait_until(lambda: daemon.states().get("queued") == 2, 10)
    daemon.ctl("pause", "--reason", "lunch")
    done = daemon.ctl("lockdown", "--reason", "leak", "--yes", deadline=30)
    assert "revokes were paused: they are resumed" in done.stderr, done.stderr
    assert done.stdout.startswith("revoked: 2\n"), done.stdout
    stops = daemon.audit("SELECT action, batch FROM pause ORDER BY command_id")
    assert stops == [{"action": None, "batch": "leavers"}, {"action": "create", "batch": None},
                     {"action": "create", "batch": None}], stops
    check_dead(daemon, fake)
    daemon.stop()
    check_story(daemon, fake)


def test_a_time_limit_ends_the_waiting_not_the_lockdown():
    fake, daemon = started()
    daemon.ctl("create", "user_a", "--wait")
    fake.latency(12000)
    late = daemon.ctl("lockdown", "--reason", "leak", "--yes", "--timeout", "5s", check=75)
    assert "timed out waiting for the revokes" in late.stderr
    assert "revoked: 0" in late.stdout and "outcome unknown: 1" in late.stdout, late.stdout
    done = daemon.ctl_json("lockdown", "--reason", "leak", "--yes")
    assert users(done["revoked"]) == ["user_a"]
    assert set(revokes_per_token(fake).values()) == {1}
    daemon.stop()
    check_story(daemon, fake)


def test_a_policy_that_wants_everything_filled_in():
    fake, daemon = started()
    daemon.ctl("create", "user_a", "--wait")
    daemon.configure({"policy.required": ["requested_by", "reason", "batch", "reference"]})
    daemon.reload()
    daemon.ctl("lockdown", "--reason", "leak", "--yes")
    check_dead(daemon, fake)


def test_revokes_that_wait_to_be_taken_are_not_asked_for_again():
    _, daemon = started()
    daemon.ctl("create", "user_a", "--wait")
    daemon.freeze()
    daemon.ctl("revoke", "--all-live", "--expect", "1")
    again = daemon.ctl("revoke", "--all-live", "--dry-run")
    assert "1 more are being revoked already" in again.stderr, again.stderr
    assert "revoke 0 tokens" in again.stderr, again.stderr
    daemon.signal(signal.SIGCONT)


def test_it_wants_a_reason_and_a_yes():
    fake, daemon = started()
    daemon.ctl("create", "user_a", "--wait")
    assert "wants --reason" in daemon.ctl("lockdown", "--yes", check=64).stderr
    assert "say --yes" in daemon.ctl("lockdown", "--reason", "x", check=64).stderr
    assert daemon.audit("SELECT 1 FROM command") == []
    for answer, status in (("n", 1), ("y", 0)):
        pid, terminal = pty.fork()
        if pid == 0:
            os.execvpe(str(TOKENCTL), [str(TOKENCTL), "-c", str(daemon.conf), "lockdown",
                                       "--reason", "leak"], _environment({}))
        said, end = "", time.monotonic() + 30
        while "go on? (y/N)" not in said and time.monotonic() < end:
            if select.select([terminal], [], [], 0.1)[0]:
                said += os.read(terminal, 4096).decode()
        assert "pause creates, cancel the 0 that wait" in said, said
        assert "revoke 1 token that may be live" in said, said
        os.write(terminal, (answer + "\n").encode())
        while time.monotonic() < end:
            try:
                said += os.read(terminal, 4096).decode()
            except OSError:  # the other side is gone
                break
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == status, said
        os.close(terminal)
        assert ("nothing was done" in said) == (answer == "n"), said
        assert bool(daemon.audit("SELECT 1 FROM pause")) == (answer == "y")
    check_dead(daemon, fake)


if __name__ == "__main__":
    main()
