#!/usr/bin/env python3
# ctest: labels=quick timeout=180
"""clerk-tokenctl against the real daemon, as admins, submitters and auditors run it."""

import csv
import io
import json
import os
import signal
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from harness import (
    TOKENCTL,
    Daemon,
    Fake,
    Skip,
    _environment,
    check_story,
    main,
    sql,
    wait_until,
)

SUBMIT, AUDIT = 41001, 41002  # groups of nobody, for the tests of permissions


def lines(done):
    return done.stdout.split()


def started(fake=None, configuration=None):
    daemon = Daemon(fake or Fake(), configuration)
    daemon.start()
    return daemon


def go_on(daemon, *words, said, then):
    """Runs a command that waits, calls then() once it said that; what it printed, as JSON."""
    err_path = daemon.scratch / "go_on.err"
    with open(err_path, "wb") as err, subprocess.Popen(
            [TOKENCTL, "-c", daemon.conf, *words, "--json"], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=err, env=_environment({})) as child:
        try:
            wait_until(lambda: said in err_path.read_text(), 30, f"it says {said!r}")
            then()
            printed = child.communicate(timeout=60)[0]
        finally:
            child.kill()
    assert child.returncode == 0, (child.returncode, err_path.read_text())
    return json.loads(printed)


def test_a_token_is_made_used_and_revoked():
    fake = Fake()
    daemon = started(fake)
    made = daemon.ctl("create", "user_ana", "--expires", "1h", "--reference", "T-1", "--wait",
                      "--url")
    url = made.stdout.strip()
    secret = next(token for token in fake.tokens() if token["user_id"] == "user_ana")
    assert url.startswith("https://") and secret["token"] in url, url
    assert daemon.ctl("secret", "1").stdout.strip() == url
    assert daemon.ctl("secret", "1", "--token").stdout.strip() == secret["token"]
    rows = list(csv.DictReader(io.StringIO(daemon.ctl("secret", "1", "1").stdout)))
    assert [row["reference"] for row in rows] == ["T-1", "T-1"], rows
    token = daemon.ctl_json("tokens")[0]
    assert token["life"] == "may be live" and token["create_job_id"] == 1, token
    revoked = daemon.ctl_json("revoke", token["id"], "--reason", "done", "--wait")
    assert [job["result"] for job in revoked] == ["revoked"], revoked
    whole = daemon.ctl_json("token", token["id"])
    assert whole["life"] == "revoked" and whole["revoke_job_id"] == 2, whole
    assert [job["id"] for job in whole["jobs"]] == [2, 1]
    # The secret is worth nothing now, so it is gone.
    wait_until(lambda: daemon.ctl("secret", "1", check=None).returncode == 66, 10)
    assert "its secret was removed" in daemon.ctl("secret", "1", check=66).stderr
    # One that went without a word of the audit: an older tokens.db was put back.
    job = lines(daemon.ctl("create", "user_eva"))[0]
    daemon.ctl("wait", job)
    sql(daemon.tokens_db, f"DELETE FROM secret WHERE job_id = {job};")
    assert "older tokens.db" in daemon.ctl("secret", job, check=66).stderr
    job = daemon.ctl_json("job", "1")
    assert [row["event"] for row in job["history"]] == ["accepted", "sent", "answered"]
    assert job["history"][0]["detail"]["user_id"] == "user_ana"
    daemon.stop()
    check_story(daemon, fake)


def test_nobody_without_a_link_is_left_out_in_silence():
    fake = Fake()
    daemon = started(fake, {"concurrency": 1})
    fake.script("null_url", "no_token", "none")
    made = daemon.ctl("create", "user_a", "user_b", "user_c", "--wait", "--url", check=66)
    rows = list(csv.DictReader(io.StringIO(made.stdout)))
    assert [(row["user_id"], row["url"][:8]) for row in rows] == [("user_c", "https://")], made
    assert "job 1: Clerk sent no url; try --token" in made.stderr, made
    assert "job 2: Clerk sent neither url nor token" in made.stderr, made


def test_only_ids_on_stdout():
    daemon = started()
    made = daemon.ctl("create", "user_a", "user_b", "--key-prefix", "x-")
    assert made.stdout == "1\n2\n" and made.stderr == "", made
    again = daemon.ctl("create", "user_a", "user_b", "user_c", "--key-prefix", "x-")
    assert lines(again)[:2] == ["1", "2"] and len(lines(again)) == 3, again
    assert "1 submitted, 2 had been submitted before" in again.stderr
    assert daemon.ctl("wait", *lines(again)).returncode == 0
    assert len(daemon.audit("SELECT id FROM job")) == 3


def test_who_asks():
    daemon = started()
    daemon.ctl("create", "user_a", env={"SUDO_USER": "ana"})
    daemon.ctl("create", "user_b")
    daemon.ctl("create", "user_c", "--requested-by", "the portal")
    daemon.wait_done()
    rows = [row["requested_by"] for row in daemon.audit("SELECT requested_by FROM job ORDER BY id")]
    me = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
    assert rows == ["ana" if os.getuid() == 0 else me, me, "the portal"], rows


def test_failures_are_told_by_the_exit_status():
    daemon = started()
    failed = daemon.ctl("create", "user_missing1", "user_a", "--wait", check=1)
    assert "not_found" in failed.stdout and "succeeded" in failed.stdout
    none = daemon.ctl("create", "user_missing2", "--wait", "--url", check=1)
    assert none.stdout == "" and "job 3 failed: not_found" in none.stderr, none
    assert daemon.ctl_json("jobs", "--state", "failed", "--result", "not_found")
    daemon.ctl("wait", "--state", "failed", check=1)
    daemon.ctl("wait", "2")
    daemon.ctl("job", "99", check=66)
    daemon.ctl("wait", "99", check=66)


def test_a_policy_rejects():
    daemon = started(configuration={"policy.required": ["reason"]})
    assert "rejected" in daemon.ctl("create", "user_a", "--wait", check=1).stdout
    daemon.ctl("create", "user_a", "--reason", "why", "--wait")


def test_a_rejected_row_keeps_its_key():
    daemon = started(configuration={"policy.required": ["reason"]})
    daemon.ctl("create", "user_a", "--key", "k", "--wait", check=1)
    # Nothing will ever be done under that key.
    for more in ((), ("--wait",), ("--dry-run",)):
        again = daemon.ctl("create", "user_a", "--key", "k", "--reason", "why", *more, check=1)
        assert again.stdout == "" and again.stderr.splitlines() == [
            "clerk-tokenctl: key k belongs to job 1, which was rejected: reason: "
            "policy.required wants it filled in; take another key",
            "clerk-tokenctl: a key stands for one job: nothing was submitted"], again
    again = daemon.ctl("create", "--from", "-", "--reason", "why", check=1,
                       stdin="user_id,idempotency_key\nuser_b,b\nuser_a,k\n")
    assert "standard input:3: idempotency_key: k belongs to job 1, which was" in again.stderr
    assert daemon.queue("SELECT count(*) FROM job") == "1"
    daemon.ctl("create", "user_a", "--key", "k2", "--reason", "why", "--wait")


def test_paused_and_held_are_said_at_once():
    fake = Fake()
    daemon = started(fake)
    assert "paused" in daemon.ctl("pause", "--action", "create", "--reason", "lunch").stdout
    late = daemon.ctl("create", "user_a", "--wait", "--timeout", "3s", check=75)
    assert "paused since" in late.stderr and "timed out waiting for the job" in late.stderr
    assert daemon.ctl_json("job", "1")["state"] == "queued"
    # However short the time is.
    late = daemon.ctl("wait", "1", "--timeout", "1ms", check=75)
    assert "paused since" in late.stderr and "timed out waiting for" in late.stderr, late.stderr
    daemon.ctl("resume", "--action", "create")
    daemon.ctl("wait", "1")
    fake.set_keys("sk_test_another")
    held = daemon.ctl("create", "user_b", "--wait", "--timeout", "3s", check=75)
    assert "sending is held since" in held.stderr and "credentials" in held.stderr, held.stderr
    wait_until(lambda: daemon.ctl("status", check=None).returncode == 1, 10)
    sick = daemon.ctl("doctor", check=1)
    assert "fail  held: credentials" in sick.stdout, sick.stdout
    assert daemon.ctl_json("status", check=1)["state"] == "held"


def test_operator_commands():
    daemon = started()
    daemon.ctl("pause")
    daemon.ctl("create", "user_a", "user_b", "user_c", "--batch", "b")
    wait_until(lambda: len(daemon.audit("SELECT id FROM job")) == 3, 10)
    assert "1 job cancelled" in daemon.ctl("cancel", "1").stdout
    again = daemon.ctl("cancel", "1", check=1)
    assert "refused" in again.stderr and again.stdout == "", again
    assert "2 jobs cancelled" in daemon.ctl("cancel", "--batch", "b", "--expect", "2").stdout
    both = daemon.ctl("retry", "--user", "user_a", "--user", "user_b", check=64)
    assert "--user is given twice" in both.stderr
    assert "1 job" in daemon.ctl("retry", "--user", "user_b", "--expect", "1").stdout
    daemon.ctl("retry", "1", "3")
    daemon.ctl("resume")
    daemon.ctl("wait", "--batch", "b")
    commands = daemon.audit("SELECT verb, state FROM command ORDER BY id")
    assert [row["verb"] for row in commands] == [
        "pause", "cancel", "cancel", "cancel", "retry", "retry", "retry", "resume"], commands
    daemon.ctl("verify")


def test_a_revoke_by_batch_takes_what_is_underway_too():
    fake = Fake()
    daemon = started(fake)
    daemon.ctl("create", "user_a", "user_b", "--batch", "b", "--wait")
    daemon.ctl("pause", "--batch", "b")
    daemon.ctl("create", "user_c", "--batch", "b")
    wait_until(lambda: len(daemon.audit("SELECT id FROM job")) == 3, 10)
    fake.latency(300)
    daemon.ctl("create", "user_d", "--reference", "slow")  # not of the batch
    asked = daemon.ctl("revoke", "--batch", "b", "--dry-run")
    assert "revoke 3: 2 tokens that may be live, 1 create not finished" in asked.stderr
    done = daemon.ctl_json("revoke", "--batch", "b", "--expect", "3", "--wait", "--reason", "leak")
    assert [job["result"] for job in done] == ["revoked", "revoked"], done
    assert daemon.ctl_json("job", "3")["state"] == "cancelled"
    assert daemon.ctl_json("tokens", "--batch", "b", "--live") == []
    # A create that runs is waited for, and its token is revoked.
    fake.latency(700)
    daemon.ctl("create", "user_e", "--batch", "e")
    wait_until(lambda: daemon.states().get("running"), 10)
    done = daemon.ctl_json("revoke", "--user", "user_e", "--expect", "1", "--wait")
    assert [job["result"] for job in done] == ["revoked"], done
    fake.latency(0)
    left = daemon.ctl_json("tokens", "--live")
    assert [token["user_id"] for token in left] == ["user_d"], left
    daemon.ctl("revoke", "--all-live", "--expect", "1", "--wait")
    daemon.stop()
    check_story(daemon, fake)


def test_a_revoke_by_state_takes_what_it_waited_for():
    fake = Fake()
    daemon = started(fake, {"clerk.request_timeout": "2min"})
    fake.signal(signal.SIGSTOP)
    daemon.ctl("create", "user_a", "user_b", "--batch", "b")
    wait_until(lambda: daemon.states() == {"running": 2}, 20)
    done = go_on(daemon, "revoke", "--batch", "b", "--state", "running", "--expect", "2",
                 "--wait", said="too late", then=lambda: fake.signal(signal.SIGCONT))
    assert [job["result"] for job in done] == ["revoked", "revoked"], done
    assert daemon.ctl_json("tokens", "--live") == []
    daemon.stop()
    check_story(daemon, fake)


def test_a_revoke_waits_for_those_underway():
    fake = Fake()
    daemon = started(fake, {"clerk.request_timeout": "2min"})
    daemon.ctl("create", "user_a", "user_b", "--batch", "b", "--wait")
    first, second = (token["id"] for token in daemon.ctl_json("tokens"))
    fake.signal(signal.SIGSTOP)
    daemon.ctl("revoke", first)
    wait_until(lambda: daemon.states().get("running") == 1, 20)
    only = daemon.audit("SELECT user_id FROM sign_in_token WHERE id = ?", (first,))[0]["user_id"]
    assert "no token left" in daemon.ctl("revoke", "--user", only).stderr
    assert "that is 0, not 1" in daemon.ctl(
        "revoke", "--user", only, "--expect", "1", "--wait", check=1).stderr
    late = daemon.ctl("revoke", "--user", only, "--wait", "--timeout", "100ms", check=75)
    assert "timed out waiting for the job" in late.stderr, late
    done = go_on(daemon, "revoke", "--batch", "b", "--expect", "1", "--wait",
                 said="submitted as job 4", then=lambda: fake.signal(signal.SIGCONT))
    assert [(job["id"], job["sign_in_token_id"], job["result"]) for job in done] == [
        (3, first, "revoked"), (4, second, "revoked")], done
    daemon.stop()
    check_story(daemon, fake)


def test_a_token_that_was_used():
    fake = Fake()
    daemon = started(fake)
    daemon.ctl("create", "user_a", "--wait")
    token = daemon.ctl_json("tokens")[0]["id"]
    fake.accept(token)
    used = daemon.ctl("revoke", token, "--wait", check=1)
    assert "already_used" in used.stdout
    assert daemon.ctl_json("token", token)["life"] == "used"


def test_a_token_that_clerk_never_named():
    daemon = started()
    daemon.ctl("revoke", "sit_nobody", "--reason", "found in a log", "--wait", check=1)
    told = daemon.ctl("token", "sit_nobody", "--json", check=66)
    assert "Clerk never named sit_nobody" in told.stderr, told
    token = json.loads(told.stdout)
    assert token["id"] == "sit_nobody" and token["life"] is token["revoke_job_id"] is None, token
    assert [(job["result"], job["reason"]) for job in token["jobs"]] == [
        ("not_found", "found in a log")], token
    assert [row["event"] for row in token["history"]] == ["accepted", "sent", "answered"], token
    assert daemon.ctl("token", "sit_another", check=66).stdout == ""


def test_tokens_that_were_made_elsewhere():
    fake = Fake()
    maker, daemon = started(fake), started(fake)
    maker.ctl("create", "user_a", "user_b", "--wait")
    made = {token["user_id"]: token["id"] for token in maker.ctl_json("tokens")}
    maker.ctl("revoke", made["user_b"], "--wait")
    # Of the one the answer tells all, of the other the refusal nothing but the status.
    for token in made.values():
        daemon.ctl("revoke", token, "--wait")
    assert [job["result"] for job in daemon.ctl_json("jobs")] in (
        ["revoked", "already_revoked"], ["already_revoked", "revoked"])

    def listed(*selectors):
        return {token["id"] for token in daemon.ctl_json("tokens", *selectors)}

    assert listed() == listed("--since", "-1h") == listed("--until", "+1h") == set(made.values())
    assert listed("--until", "-1h") == listed("--since", "+1h") == set()
    assert listed("--user", "user_a") == {made["user_a"]}
    assert listed("--user", "user_a", "--since", "-1h") == {made["user_a"]}
    assert listed("--user", "user_b") == listed("--user", "user_a", "--batch", "b") == set()


def test_doctor_says_what_ends_a_pause():
    daemon = started()
    daemon.ctl("pause", "--batch", "b c", "--action", "create")
    row = next(row for row in daemon.ctl_json("doctor", "--offline", check=None)
               if row["what"].startswith("paused"))
    assert row["remedy"] == (f"clerk-tokenctl -c {daemon.conf} resume --action create "
                             "--batch 'b c' ends it"), row
    assert "nothing was paused" not in daemon.ctl(
        "resume", "--action", "create", "--batch", "b c").stdout
    both = daemon.ctl("-i", "eu", "status", check=64)
    assert "-c and -i each name a configuration; give one" in both.stderr, both


def test_the_register_names_who_revoked():
    daemon = started()
    daemon.ctl("create", "user_a", "--wait")
    token = daemon.ctl_json("tokens")[0]["id"]
    for _ in range(2):
        daemon.ctl("revoke", token, "--wait")
    assert daemon.ctl_json("job", "3")["result"] == "already_revoked"
    told = daemon.audit("SELECT revoke_job_id AS job, status_from AS told, "
                        "status_at = (SELECT finished_at FROM job WHERE id = 2) AS same FROM token")
    assert told == [{"job": 2, "told": "revoke", "same": 1}], told
    daemon.ctl("verify")


# fault: L2
def test_without_a_daemon():
    daemon = Daemon(Fake())
    assert "the daemon makes it" in daemon.ctl("create", "user_a", check=75).stderr
    daemon.start()
    daemon.stop()
    assert daemon.ctl("create", "user_a").stdout == "1\n"
    late = daemon.ctl("create", "user_b", "--wait", check=75)
    assert "submitted as job 2" in late.stderr and "the daemon is not running" in late.stderr
    assert "what was submitted stays there" in late.stderr and "no jobs" not in late.stderr, late
    waits = daemon.ctl("job", "1")
    assert "not taken yet: the daemon is not running" in waits.stderr
    assert "not taken yet" in daemon.ctl("pause", check=75).stderr
    daemon.ctl("status", check=75)
    daemon.start()
    daemon.ctl("resume")
    daemon.ctl("wait", "1", "2")


def test_a_killed_daemon_can_be_read():
    daemon = started()
    daemon.ctl("create", "user_a", "--wait")
    daemon.kill()
    assert len(daemon.ctl_json("jobs")) == 1
    daemon.ctl("verify")
    daemon.ctl("status", check=75)


# fault: L10
def test_many_rows_out_of_a_file():
    daemon = started(configuration={"concurrency": 64})
    rows = "user_id,idempotency_key,reference\n" + "".join(
        f"user_{n},k{n},\"r,{n}\"\n" for n in range(500))
    made = daemon.ctl("create", "--from", "-", "--batch", "b", stdin=rows)
    assert lines(made) == [str(n) for n in range(1, 501)]
    daemon.ctl("wait", "--batch", "b", "--timeout", "60s")
    again = daemon.ctl("create", "--from", "-", "--batch", "b", stdin=rows)
    assert again.stdout == made.stdout and "0 submitted, 500 had been" in again.stderr
    secrets = list(csv.DictReader(io.StringIO(daemon.ctl("secret", "--batch", "b").stdout)))
    assert len(secrets) == 500 and secrets[7]["reference"] == "r,7", secrets[7]
    bad = daemon.ctl("create", "--from", "-", stdin="user_id\nok\nnot ok\n", check=64)
    assert "standard input:3: user_id" in bad.stderr, bad.stderr
    # Long listings end quietly when nobody reads on; a part is no success.
    with subprocess.Popen([TOKENCTL, "-c", daemon.conf, "audit", "--json"],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        child.stdout.readline()
        child.stdout.close()
        assert child.stderr.read() == b""
        assert child.wait(30) == 1
    with open("/dev/full", "w") as full:
        done = subprocess.run([TOKENCTL, "-c", daemon.conf, "jobs", "--csv"], stdout=full,
                              stderr=subprocess.PIPE, timeout=30, check=False)
    assert done.returncode == 1 and b"No space left on device" in done.stderr, done


def test_closed_standard_streams():
    daemon = started()
    daemon.ctl("create", "user_a", "--wait")
    before = daemon.ctl("verify").stdout
    for stream in ("<&-", ">&-", "2>&-", "<&- >&- 2>&-"):
        subprocess.run(["sh", "-c", f'"$0" -c "$1" jobs {stream}', TOKENCTL, daemon.conf],
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=30,
                       check=False)
    assert daemon.ctl("verify").stdout == before


def test_the_audit_is_followed():
    daemon = started()
    child = subprocess.Popen([TOKENCTL, "-c", daemon.conf, "audit", "--follow", "--json",
                              "--event", "answered"], stdout=subprocess.PIPE, text=True)
    watchdog = threading.Timer(30, child.kill)
    watchdog.start()
    try:
        daemon.ctl("create", "user_a", "user_b", "--wait")
        rows = [json.loads(child.stdout.readline()) for _ in range(2)]
        assert [row["job_id"] for row in rows] == [1, 2], rows
    finally:
        child.terminate()
        child.wait(10)
        watchdog.cancel()
        child.stdout.close()


def test_verify_finds_a_changed_row_and_a_cut_tail():
    daemon = started()
    daemon.ctl("create", "user_a", "--wait")
    head = daemon.ctl("verify").stdout.splitlines()[0].rsplit(" ", 1)[1]
    daemon.ctl("create", "user_b", "--wait")
    daemon.stop()
    # The daemon's own log lines are anchors as they stand.
    said = [line for line in daemon.log().splitlines() if "audit checkpoint" in line]
    anchors = daemon.scratch / "anchors"
    anchors.write_text("\n".join(said) + "\n")
    good = daemon.ctl("verify", "--checkpoint", head, "--anchors", anchors).stdout
    assert f"anchors: ok, {len(said) + 1} checkpoints" in good, good
    subprocess.run(["sqlite3", str(daemon.audit_db), "DROP TRIGGER audit_no_delete;"
                    " DELETE FROM audit WHERE seq = (SELECT max(seq) FROM audit);"],
                   check=True, timeout=30)
    cut = daemon.ctl("verify", "--anchors", anchors, check=1).stdout
    assert "anchors: BROKEN: row " in cut and "its tail was cut off" in cut, cut
    subprocess.run(["sqlite3", str(daemon.audit_db), "DROP TRIGGER audit_no_update;"
                    " UPDATE audit SET requested_by = 'eve' WHERE seq = 3;"],
                   check=True, timeout=30)
    bad = daemon.ctl("verify", check=1).stdout
    assert "chain: BROKEN: row 3: its hash does not follow" in bad, bad


# fault: L1
def test_permissions():
    if os.getuid() != 0:
        raise Skip("needs root")
    daemon = Daemon(Fake())
    daemon.start()
    daemon.ctl("create", "user_a", "--wait")
    for folder, group, mode in (("queue", SUBMIT, 0o2770), ("audit", AUDIT, 0o2750),
                                ("tokens", SUBMIT, 0o2750)):
        path = daemon.state / folder
        for file in path.iterdir():
            os.chown(file, 0, group)
        os.chown(path, 0, group)
        path.chmod(mode)
    nobody = {"user": 65534, "group": 65534, "extra_groups": []}
    auditor = {"user": 65534, "group": 65534, "extra_groups": [AUDIT]}
    submitter = {"user": 65534, "group": 65534, "extra_groups": [AUDIT, SUBMIT]}
    denied = daemon.ctl("jobs", check=77, **nobody)
    assert "permission denied: " in denied.stderr, denied.stderr
    assert "/audit: ask for membership of group clerk-audit" in denied.stderr, denied.stderr
    assert "(adduser nobody " in denied.stderr, denied.stderr
    assert "clerk-submit" in daemon.ctl("create", "user_b", check=77, **nobody).stderr
    daemon.ctl("secret", "1", check=77, **auditor)
    daemon.ctl("create", "user_b", check=77, **auditor)
    daemon.ctl("pause", check=77, **auditor)
    daemon.ctl("verify", **auditor)
    assert len(daemon.ctl_json("jobs", **auditor)) == 1
    daemon.ctl("status", **nobody)
    made = daemon.ctl("create", "user_b", "--wait", **submitter)
    assert "succeeded" in made.stdout
    assert daemon.ctl("secret", "1", **submitter).stdout.startswith("https://")
    assert daemon.ctl_json("job", "2")["requested_by"] == "nobody"
    daemon.stop()
    # Readers without write access still get in: the WAL stays.
    daemon.ctl("verify", **auditor)
    assert len(daemon.ctl_json("tokens", **auditor)) == 2


# fault: L3
def test_a_queue_that_is_locked_for_long():
    daemon = started()
    lock = subprocess.Popen(["sqlite3", str(daemon.queue_db)], stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, text=True)
    try:
        lock.stdin.write("BEGIN IMMEDIATE; SELECT 1;\n")
        lock.stdin.flush()
        assert lock.stdout.readline() == "1\n"
        busy = daemon.ctl("create", "user_a", check=75)
        assert "locked by another program" in busy.stderr and busy.stdout == "", busy
    finally:
        lock.stdin.close()
        lock.wait(10)
        lock.stdout.close()
    daemon.ctl("create", "user_a", "--wait")


def test_status_doctor_and_help():
    daemon = started()
    daemon.ctl("create", "user_a", "--wait")
    wait_until(lambda: daemon.ctl_json("status")["jobs"]["create"]["succeeded"] == 1, 10)
    status = daemon.ctl("status").stdout
    assert "working" in status and "1 succeeded" in status, status
    well = daemon.ctl("doctor", check=None)
    assert "answers" in well.stdout and "daemon: running" in well.stdout, well.stdout
    assert "user_a" not in (daemon.run / "status.json").read_text()
    for words in (["--help"], ["create", "--help"], ["--version"]):
        assert daemon.ctl(*words).stdout
    assert "did you mean create?" in daemon.ctl("crate", check=64).stderr


if __name__ == "__main__":
    main()
