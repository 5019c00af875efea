#!/usr/bin/env python3
# ctest: labels=quick timeout=180
"""report: every figure recomputed from the audit's own rows, after a day of faults; and the
views say the same to plain sqlite3."""

import collections
import csv
import datetime
import io
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from harness import Daemon, Fake, check_story, main, sql, wait_until

REPORTS = ("summary daily batches users requesters tokens failures unknown outstanding"
           " latency").split()
TIME = "%Y-%m-%d %H:%M:%S.%f"
ENDINGS = ("succeeded", "failed", "cancelled", "lapsed", "rejected")


def history():
    """A daemon that met successes, refusals, timeouts, rejections, a cancel, revokes."""
    fake = Fake("--seed", "7")
    daemon = Daemon(fake, {"retry.max_attempts": 3, "policy.max_expires_in": "30d"})
    daemon.start()
    users = [f"user_u{i}" for i in range(12)]
    daemon.ctl("create", *users, "user_u0", "--batch", "spring", "--reason", "<b>new</b>",
               "--requested-by", "=cmd()", "--wait")
    daemon.ctl("create", "user_missing1", "user_missing2", "--batch", "bad", "--wait", check=1)
    daemon.ctl("create", "user_x", "--expires", "60d", "--wait", check=1)  # the policy
    daemon.ctl("create", "user_y", "--expires", "1s", "--wait")
    fake.script("status=500", "status=429", "reset_after")
    daemon.ctl("create", "user_u1", "user_u2", "--requested-by", "night job", "--wait")
    daemon.ctl("pause", "--action", "create")
    daemon.ctl("create", "user_z")
    wait_until(lambda: daemon.states().get("queued") == 1, 10)
    daemon.ctl("cancel", str(newest(daemon)))
    daemon.ctl("resume", "--action", "create")
    live = [row["id"] for row in daemon.ctl_json("tokens", "--batch", "spring")]
    fake.accept(live[0])
    daemon.ctl("revoke", *live[:3], "--wait", check=1)
    wait_until(lambda: daemon.audit("SELECT 1 FROM token WHERE life LIKE 'expired%'"), 10)
    return daemon, fake


def newest(daemon):
    return daemon.audit("SELECT max(id) AS id FROM job")[0]["id"]


def percentile(times, percent):
    """Nearest rank."""
    ordered = sorted(times)
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]


def rounded_up(ms):
    """Two digits."""
    step = 1
    while ms > 99 * step:
        step *= 10
    return -(-ms // step) * step


class Truth:
    """What the reports should say, from audit, job and sign_in_token."""

    def __init__(self, daemon):
        self.rows = daemon.audit("SELECT * FROM audit ORDER BY seq")
        self.jobs = daemon.audit("SELECT * FROM job ORDER BY id")
        self.tokens = daemon.audit("SELECT rowid AS entry, * FROM sign_in_token ORDER BY rowid")
        self.job = {job["id"]: job for job in self.jobs}

    def count(self, rows=None, **want):
        return sum(all(row[name] == value for name, value in want.items())
                   for row in (self.rows if rows is None else rows))

    def life(self, token):
        if token["status"] != "pending":
            return {"accepted": "used", "revoked": "revoked"}[token["status"]]
        now = datetime.datetime.now(datetime.timezone.utc).strftime(TIME)[:-3]
        return "expired, use not known" if token["expires_at"] <= now else "may be live"

    def summary(self):
        want = {("jobs", "accepted"): {"event": "accepted"},
                ("jobs", "rejected"): {"event": "rejected"},
                ("jobs", "retried"): {"event": "retried"},
                ("requests", "sent"): {"event": "sent"}}
        for state in ENDINGS[:-1]:
            want["jobs", state] = {"job_state": state}
        for effect in ("applied", "none", "unknown"):
            want["effects", effect] = {"effect": effect}
        for status in {row["http_status"] for row in self.rows} - {None}:
            want["answers", str(status)] = {"http_status": status}
        lines = {name: (self.count(**of, action="create"), self.count(**of, action="revoke"),
                        self.count(**of)) for name, of in want.items()}
        lives = collections.Counter(self.life(token) for token in self.tokens)
        for life in ("may be live", "used", "revoked", "expired, use not known"):
            lines["tokens now", life] = (None, None, lives[life])
        lines["jobs now", "queued"] = lines["jobs now", "running"] = (0, 0, 0)
        return lines

    def daily(self):
        days = []
        for day in sorted({row["at"][:10] for row in self.rows}):
            rows = [row for row in self.rows if row["at"][:10] == day]
            times = [rounded_up(row["duration_ms"]) for row in rows
                     if row["duration_ms"] is not None]
            days.append({
                "day": day,
                "accepted": self.count(rows, event="accepted"),
                "created": self.count(rows, job_state="succeeded", action="create"),
                "revoked": self.count(rows, job_state="succeeded", action="revoke"),
                "failed": self.count(rows, job_state="failed"),
                "cancelled": self.count(rows, job_state="cancelled"),
                "lapsed": self.count(rows, job_state="lapsed"),
                "rejected": self.count(rows, event="rejected"),
                "requests": self.count(rows, event="sent"),
                "unknown": self.count(rows, effect="unknown"),
                "rate_limited": self.count(rows, http_status=429),
                "p50_ms": percentile(times, 50),
                "p95_ms": percentile(times, 95),
            })
        return days

    def latency(self):
        times = collections.defaultdict(list)
        for row in self.rows:
            if row["duration_ms"] is not None:
                times[row["at"][:10], row["action"]].append(rounded_up(row["duration_ms"]))
        return [{"day": day, "action": action, "requests": len(of), "max_ms": max(of),
                 **{f"p{p}_ms": percentile(of, p) for p in (50, 90, 95, 99)}}
                for (day, action), of in sorted(times.items())]

    def group(self, column):
        groups = collections.defaultdict(list)
        for job in self.jobs:
            if job[column] is not None:
                groups[job[column]].append(job)
        live = collections.Counter(self.job[token["create_job_id"]][column]
                                   for token in self.tokens
                                   if self.life(token) == "may be live")
        return {name: {
            "jobs": len(jobs),
            **{f"{action}s": self.count(jobs, action=action) for action in ("create", "revoke")},
            **{state: self.count(jobs, state=state) for state in ("queued", "running", *ENDINGS)},
            "unknown_attempts": sum(job["unknown_attempts"] for job in jobs),
            "live_tokens": live[name],
            "first_at": min(job["accepted_at"] for job in jobs),
            "last_at": max(job["accepted_at"] for job in jobs),
        } for name, jobs in groups.items()}


def part(row, want):
    return {name: row[name] for name in want}


def test_every_figure():
    daemon, fake = history()
    got = {name: daemon.ctl_json("report", name)["rows"] for name in REPORTS}
    truth = Truth(daemon)

    lines = {(row["part"], row["what"]): (row["creates"], row["revokes"], row["total"])
             for row in got["summary"]}
    assert lines == truth.summary(), (lines, truth.summary())
    assert lines["effects", "unknown"][2] == 2 and lines["answers", "429"][2] == 1, lines
    for part_name, what in (("jobs", "rejected"), ("jobs", "cancelled"), ("jobs", "failed"),
                            ("tokens now", "used"), ("tokens now", "may be live")):
        assert lines[part_name, what][2] > 0, (part_name, what, lines)
    assert got["daily"] == truth.daily(), (got["daily"], truth.daily())
    latency = truth.latency()
    assert [part(row, latency[0]) for row in got["latency"]] == latency, got["latency"]

    batches = truth.group("batch")
    assert {row["batch"]: part(row, batches["bad"]) for row in got["batches"]} == batches
    requesters = truth.group("requested_by")
    assert {row["requested_by"]: part(row, requesters["=cmd()"])
            for row in got["requesters"]} == requesters
    users = {row["user_id"]: row for row in got["users"]}
    for user in {job["user_id"] for job in truth.jobs} - {None}:
        jobs = [job for job in truth.jobs if job["user_id"] == user]
        lives = collections.Counter(truth.life(token) for token in truth.tokens
                                    if token["user_id"] == user)
        want = {"creates": len(jobs), "open": 0, "succeeded": truth.count(jobs, state="succeeded"),
                "failed": truth.count(jobs, state="failed"), "tokens": sum(lives.values()),
                "live_tokens": lives["may be live"], "used": lives["used"],
                "revoked": lives["revoked"], "expired": lives["expired, use not known"]}
        assert part(users.pop(user), want) == want, (user, want)
    assert users == {}, users

    tokens = {row["sign_in_token_id"]: row for row in got["tokens"]}
    assert [row["entry"] for row in got["tokens"]] == list(range(1, len(truth.tokens) + 1))
    for token in truth.tokens:
        made = truth.job[token["create_job_id"]]
        row = tokens.pop(token["id"])
        assert row["life"] == truth.life(token), row
        for name in ("requested_by", "reason", "batch", "reference"):
            assert row[name] == made[name], row
        for name in ("user_id", "expires_at", "token_sha256", "create_job_id", "revoke_job_id"):
            assert row[name] == token[name], row
    assert tokens == {}, tokens
    assert [row["sign_in_token_id"] for row in got["outstanding"]] == [
        token["id"] for token in sorted(truth.tokens, key=lambda t: (t["expires_at"], t["entry"]))
        if truth.life(token) == "may be live"]

    failed = collections.Counter((job["result"], job["action"], job["http_status"],
                                  job["error_code"])
                                 for job in truth.jobs if job["state"] == "failed")
    assert {(row["result"], row["action"], row["http_status"], row["error_code"]): row["jobs"]
            for row in got["failures"]} == failed
    assert all(truth.job[row["example_job"]]["result"] == row["result"] and row["meaning"]
               for row in got["failures"])

    asked = {line["trace"]: line for line in fake.requests()}
    unknown = [row for row in truth.rows if row["effect"] == "unknown"]
    assert [row["seq"] for row in got["unknown"]] == [row["seq"] for row in unknown]
    for row in got["unknown"]:
        assert row["sent_at"] <= row["at"] <= row["job_finished_at"], row
        if row["event"] == "answered":
            assert asked[row["trace_id"]]["user_id"] == row["user_id"], row
        assert row["job_result"] == "created" and row["made_token_id"].startswith("sit_"), row
    daemon.stop()
    check_story(daemon, fake)


def check_plain_sqlite3_gets_the_same(daemon):
    for name in REPORTS:
        rows = daemon.ctl_json("report", name)["rows"]
        text = sql(daemon.audit_db, f"SELECT * FROM report_{name};",
                   options=("-readonly", "-json"))
        view = json.loads(text or "[]")
        for row in rows + view:
            row.pop("age_s", None)
            row.pop("left_s", None)
        assert view == rows, (name, view, rows)
        table = csv.DictReader(io.StringIO(daemon.ctl("report", name, "--csv").stdout))
        assert len(list(table)) == len(rows), name


def check_it_says_what_it_rests_on(daemon):
    head = daemon.audit("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1")[0]
    for name in REPORTS:
        whole = daemon.ctl_json("report", name)
        assert whole["report"] == name
        evidence = whole["evidence"]
        assert evidence["head"] == f"{head['seq']}:{head['hash']}", evidence
        assert (evidence["seq_from"], evidence["seq_to"]) == (1, head["seq"]), evidence
        done = daemon.ctl("report", name, "--format", "csv")
        assert f"evidence: all time; rows 1 to {head['seq']} of the audit; head " in done.stderr
        assert "evidence" not in done.stdout
        assert daemon.ctl("report", name).stdout.splitlines()[-1].startswith("evidence: all time")
    daemon.ctl("verify", "--checkpoint", f"{head['seq']}:{head['hash']}")
    middle = daemon.audit("SELECT at FROM audit WHERE event = 'commanded' LIMIT 1")[0]["at"]
    evidence = daemon.ctl_json("report", "tokens", "--since", middle)["evidence"]
    first = daemon.audit("SELECT min(seq) AS seq FROM audit WHERE at >= ?", (middle,))[0]["seq"]
    assert (evidence["seq_from"], evidence["seq_to"]) == (first, head["seq"]), evidence
    assert evidence["since"] == middle, evidence


def check_who_may_not_read_is_told_the_group(daemon):
    if os.getuid() != 0:
        print("skipped: only root can be somebody else")
        return
    os.chmod(daemon.scratch, 0o755)
    refused = daemon.ctl("report", "summary", check=77, user=65534, group=65534,
                         extra_groups=[])
    assert "ask for membership of group" in refused.stderr, refused.stderr


def check_a_reader_that_goes_away(daemon):
    done = subprocess.run(
        ["sh", "-c", '"$@" | head -n 1', "-", *daemon.ctl("report", "tokens", "--csv").args],
        capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.startswith("entry,sign_in_token_id,life"), done
    assert "Broken pipe" not in done.stderr, done.stderr


def check_a_full_disk_leaves_the_old_file(daemon):
    folder = Path(tempfile.mkdtemp(prefix="report-disk-"))
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(folder)],
                          capture_output=True, text=True, check=False)
    if done.returncode:
        folder.rmdir()
        print(f"skipped: cannot mount a tmpfs: {done.stderr.strip()}")
        return
    try:
        file = folder / "summary.txt"
        file.write_text("old")
        (folder / "ballast").write_bytes(b"x" * 12288)
        full = daemon.ctl("report", "tokens", "--json", "-o", file, check=1)
        assert f"{file}: No space left on device" in full.stderr, full.stderr
        assert file.read_text() == "old"
        assert sorted(os.listdir(folder)) == ["ballast", "summary.txt"]
        (folder / "ballast").unlink()
        daemon.ctl("report", "summary", "-o", file)
        assert file.read_text().startswith("report  summary")
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False)
        folder.rmdir()


def test_what_one_does_with_it():
    daemon, _ = history()
    check_plain_sqlite3_gets_the_same(daemon)
    check_who_may_not_read_is_told_the_group(daemon)
    check_a_reader_that_goes_away(daemon)
    check_a_full_disk_leaves_the_old_file(daemon)
    daemon.stop()  # nothing more is written, and reports need no daemon
    check_it_says_what_it_rests_on(daemon)


if __name__ == "__main__":
    main()
