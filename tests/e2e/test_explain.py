#!/usr/bin/env python3
# ctest: labels=quick timeout=180
"""Why a job is not running and when it will, asked of the real program at each turn."""

import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from harness import Daemon, Fake, check_story, main, wait_until

TIME = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} UTC"


def started(fake=None, **keys):
    daemon = Daemon(fake or Fake(), keys)
    daemon.start()
    return daemon


def taken(daemon, n):
    wait_until(lambda: len(daemon.audit("SELECT id FROM job")) == n, 10, f"{n} jobs taken")


def explain(daemon, job, why, pattern):
    """The text must match whole, and JSON must say the same."""
    text = daemon.ctl("explain", job).stdout
    first = text.split("\n")[0]
    assert re.fullmatch(pattern, first), first
    told = daemon.ctl_json("explain", job)
    assert told["why"] == why and told["job_id"] == int(job), told
    assert re.fullmatch(pattern, told["text"]), told
    return told


def test_not_taken():
    daemon = started()
    daemon.stop()
    daemon.ctl("create", "user_a")
    told = explain(daemon, 1, "not running",
                   r"The daemon is not running: the row waits in the queue until it is started\.")
    assert told["state"] == "not taken"
    missing = daemon.ctl("explain", "2", check=66)
    assert "there is no job 2" in missing.stderr and missing.stdout == ""
    daemon.start()
    daemon.ctl("wait", "1")
    explain(daemon, 1, "over", rf"Job 1 succeeded at {TIME}: Clerk made the token \(sit_\w+\)\.")


def test_scheduled_and_paused():
    daemon = started()
    daemon.ctl("create", "user_a", "--not-before", "+2h", "--not-after", "+3h")
    taken(daemon, 1)
    scheduled = (rf"It is scheduled: not before {TIME} \(in (2 h|1 h 59 min)\)\. "
                 rf"Where it is not sent by {TIME} \(in (3 h|2 h 59 min)\), it lapses\.")
    told = explain(daemon, 1, "scheduled", scheduled)
    assert told["until"] == daemon.audit("SELECT due_at FROM job")[0]["due_at"]
    daemon.ctl("pause", "--action", "create", "--reason", "lunch", env={"SUDO_USER": "ana"})
    paused = r"Creates are paused since " + TIME + r" by \w+ \(command 1\): lunch; until resumed\."
    explain(daemon, 1, "paused", f"{paused} {scheduled}")
    daemon.ctl("create", "user_b")
    taken(daemon, 2)
    explain(daemon, 2, "paused", paused)
    # A revoke is not concerned; one action's pause keeps the other going.
    daemon.ctl("revoke", "sit_1", "--not-before", "+1h")
    taken(daemon, 3)
    explain(daemon, 3, "scheduled", rf"It is scheduled: not before {TIME} \(in (1 h|59 min \d+ s)\)\.")
    daemon.ctl("pause", "--batch", "b", "--until", "+1h")
    daemon.ctl("resume", "--action", "create")
    daemon.ctl("create", "user_c", "--batch", "b")
    taken(daemon, 4)
    told = explain(daemon, 4, "batch paused", rf"Batch b is paused since {TIME} by \w+ "
                   rf"\(command 2\); until {TIME}\.")
    assert told["until"] == daemon.audit("SELECT until FROM pause")[0]["until"]
    daemon.stop()
    # The same with the daemon stopped, which comes first.
    explain(daemon, 4, "not running", rf"The daemon is not running: nothing is sent until it is "
            rf"started\. Batch b is paused since {TIME} by \w+ \(command 2\); until {TIME}\.")


def test_behind_others():
    # Half of the window is for creates: it can be used up for them alone.
    daemon = started(**{"rate.requests": 20, "rate.share": 0.5, "rate.window": "30s"})
    daemon.ctl("create", *[f"user_a{i}" for i in range(40)], "--batch", "b")
    taken(daemon, 40)
    wait_until(lambda: daemon.states().get("succeeded") == 10, 10)
    gate = wait_until(lambda: daemon.status_json()["gate"]["normal_until"]
                      and daemon.status_json()["gate"], 10)
    assert gate["open"] and gate["until"] is None, gate
    assert gate["text"] == "sending at the rate limit: 10 requests a window", gate
    # Ten went at once, the eleventh when the window lets it go.
    told = explain(daemon, 11, "rate window",
                   r"It is the next one, and the rate window \(10 requests in 30s\) is used up: "
                   r"it lets it go in about \d+ s\.")
    assert 15000 < told["expected_ms"] <= 30000 and told["ahead"] == 0, told
    told = explain(daemon, 40, "behind", r"It waits behind 29 jobs of higher rank; at 10 requests in "
                   r"30s its turn comes in about 1 min \d+ s\.")
    assert told["ahead"] == 29 and 75000 < told["expected_ms"] <= 91000, told
    # A higher priority goes first, and a later one behind it.
    daemon.ctl("create", "user_b", "--priority", "5")
    taken(daemon, 41)
    assert daemon.ctl_json("explain", "41")["ahead"] == 0
    assert daemon.ctl_json("explain", "40")["ahead"] == 30
    # What is parked is not ahead of anybody.
    daemon.ctl("pause", "--batch", "b")
    daemon.ctl("create", "user_c", "--priority", "-50")
    taken(daemon, 42)
    assert daemon.ctl_json("explain", "42")["ahead"] == 1


def test_held_and_asked_for_quiet():
    fake = Fake()
    daemon = started(fake)
    fake.set_keys("sk_test_another")
    daemon.ctl("create", "user_a")
    wait_until(lambda: daemon.audit("SELECT 1 FROM hold"), 10)
    explain(daemon, 1, "held", rf"Sending is held since {TIME} \(credentials\): HTTP 401 .*; "
            r"ends with: .*reload\.")
    daemon.write_key("sk_test_another")
    daemon.reload()
    daemon.ctl("wait", "1")
    fake.script({"fault": "status=429", "retry_after": "60"})
    daemon.ctl("create", "user_b")
    wait_until(lambda: daemon.audit("SELECT 1 FROM audit WHERE http_status = 429"), 10)
    wait_until(lambda: daemon.status_json()["gate"]["reason"] == "retry_after", 10)
    told = daemon.ctl_json("explain", "2")
    assert told["why"] in ("quiet", "retry"), told
    assert re.search(r"in 5\d s|in 1 min\)", told["text"]), told


def test_a_retry_and_a_running_attempt():
    fake = Fake()
    daemon = started(fake, **{"retry.initial_delay": "1h", "retry.max_delay": "2h"})
    fake.script("reset_after")
    daemon.ctl("create", "user_a")
    wait_until(lambda: daemon.audit("SELECT 1 FROM job WHERE attempts = 1 AND state = 'queued'"), 10)
    told = explain(daemon, 1, "retry", rf"Attempt 2 comes at {TIME} \(in (1 h|59 min)[^)]*\), because attempt 1 "
                   r"had no usable answer: .*: whether Clerk did it is not known; again at .*\.")
    assert told["until"] == daemon.audit("SELECT due_at FROM job")[0]["due_at"]
    fake.latency(20000)
    daemon.ctl("create", "user_b")
    wait_until(lambda: daemon.states().get("running") == 1, 10)
    explain(daemon, 2, "running", rf"Attempt 1 is under way since {TIME} \(\d+ s ago\): its answer is "
            r"waited for\.")
    daemon.kill()
    explain(daemon, 2, "not running", rf"Attempt 1 was sent at {TIME} \(\d+ s ago\), and the daemon "
            r"ended before it heard the answer\. Once it is started, .* tried again\.")


def test_what_became_of_them():
    fake = Fake()
    daemon = started(fake, **{"policy.required": ["reason"]})
    fake.script("reset_after")
    daemon.ctl("create", "user_a", "--reason", "why", "--wait")
    told = explain(daemon, 1, "over", rf"Job 1 succeeded at {TIME}: Clerk made the token \(sit_\w+\)\. "
                   r"1 attempt has an unknown effect: a token may exist that nobody can use, .*\.")
    assert [row["attempt"] for row in told["story"]] == [None, 1, 2], told
    assert "whether Clerk did it is not known" in told["story"][1]["text"], told
    assert told["story"][2]["text"].startswith("attempt 2 was answered 200 after "), told
    daemon.ctl("create", "user_missing", "--reason", "why", "--wait", check=1)
    explain(daemon, 2, "over", rf"Job 2 failed at {TIME}: Clerk knows no such user or token: "
            r"resource_not_found \(.*\)\. Check the user's id, .*\.")
    daemon.ctl("create", "user_b", "--wait", check=1)
    told = explain(daemon, 3, "over", rf"Job 3 was rejected at {TIME}: the configuration's policy does "
                   r"not allow it: reason: policy.required wants it filled in\. No request was made; "
                   r".*\.")
    assert told["state"] == "rejected" and told["result"] == "policy"
    daemon.ctl("create", "user_c", "--reason", "why", "--not-before", "+1h")
    taken(daemon, 4)
    daemon.ctl("cancel", "4", "--reason", "a mistake")
    told = explain(daemon, 4, "over", rf"Job 4 was cancelled at {TIME}: an operator cancelled it\. "
                   rf"`clerk-tokenctl( -c {daemon.conf})? retry 4` queues it again\.")
    assert re.fullmatch(r"cancelled by command 1 of \w+: a mistake", told["story"][-1]["text"]), told
    token = daemon.ctl_json("job", "1")["sign_in_token_id"]
    fake.accept(token)
    daemon.ctl("revoke", token, "--reason", "late", "--wait", check=1)
    explain(daemon, 5, "over", rf"Job 5 failed at {TIME}: somebody signed in with it; the session lives "
            r"on: .* Revoking the token does not end that session: end the user's sessions in Clerk\.")
    daemon.queue("INSERT INTO job (action, user_id, reason, not_after) VALUES "
                 "('create', 'user_d', 'why', '2020-01-01 00:00');")
    daemon.ctl("wait", "6", check=1)
    explain(daemon, 6, "over", rf"Job 6 lapsed at {TIME}: not sent before not_after\. Where it is still "
            r"wanted, submit it again with a later not_after\.")
    daemon.stop()
    check_story(daemon, fake)
    # Each of them with the daemon stopped, word for word.
    explain(daemon, 6, "over", r"Job 6 lapsed at .*")


# fault: L6 J11
def test_what_others_wrote_is_escaped():
    daemon = started()
    daemon.queue("INSERT INTO command (verb, requested_by, reason) VALUES ('pause', "
                 "'e\u202eve', 'a' || char(10) || 'b');")
    wait_until(lambda: daemon.audit("SELECT 1 FROM pause"), 10)
    daemon.ctl("create", "user_a")
    taken(daemon, 1)
    text = daemon.ctl("explain", "1").stdout
    assert r"by e\u202eve (command 1): a\nb; until resumed." in text, text


if __name__ == "__main__":
    main()
