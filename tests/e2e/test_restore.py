#!/usr/bin/env python3
# ctest: labels=slow timeout=300
"""The way back: yesterday's copies put back in turn and together, by what doctor says.

Clerk remembers everything that was done meanwhile, so its ledger tells whether a create
was sent twice, and each token of it is either revoked or known to the audit in the end.
"""

import collections
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from harness import (TOKENCTL, Daemon, Fake, Process, Skip, _environment, check_story, find_bytes, main,
                     verify_audit, wait_until)

FOLDERS = {"queue.db": "queue", "audit.db": "audit", "tokens.db": "tokens"}


class Story:
    """A backup of yesterday, and what happened since."""

    def __init__(self):
        self.fake = Fake()
        self.daemon = daemon = Daemon(self.fake)
        daemon.start()
        daemon.ctl("create", "user_a1", "user_a2", "user_a3", "--wait")
        daemon.ctl("create", "user_later", "--not-before", "+2h")
        wait_until(lambda: daemon.states().get("queued") == 1, 10)
        self.copy = daemon.scratch / "yesterday"
        made = daemon.ctl_json("backup", self.copy, "--with-secrets")
        assert made["head"] == self.head(), made
        # Today: two more, one of them revoked, and one of yesterday's revoked.
        daemon.ctl("create", "user_b1", "user_b2", "--wait")
        self.revoke("user_a1")
        self.revoke("user_b2")
        # Commands that an older audit takes again: none of them lets anything go.
        daemon.ctl("pause", "--reason", "lunch")
        daemon.ctl("resume")
        wait_until(lambda: len(daemon.tokens("SELECT 1 FROM secret")) == 3, 10)
        daemon.stop()
        self.today = self.head()
        self.requests = len(self.fake.requests())

    def head(self):
        row = self.daemon.audit("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1")[0]
        return f"{row['seq']}:{row['hash']}"

    def revoke(self, user):
        token = self.daemon.ctl_json("tokens", "--user", user)[0]["id"]
        self.daemon.ctl("revoke", token, "--wait")

    def lose(self, *names):
        for name in names:
            for path in (self.daemon.state / FOLDERS[name]).glob(name + "*"):
                path.unlink()

    def put_back(self, *names):
        self.lose(*names)
        for name in names:
            target = self.daemon.state / FOLDERS[name] / name
            shutil.copy(self.copy / name, target)
            target.chmod(0o660 if name == "queue.db" else 0o640)

    def doctor(self):
        found = self.daemon.ctl_json("doctor", "--offline", check=None)
        return [row for row in found if row["verdict"] != "ok"]

    def find(self, pattern):
        """What doctor says about it: the finding whose text matches."""
        rows = [row for row in self.doctor() if re.search(pattern, row["what"])]
        assert len(rows) == 1, (pattern, self.doctor())
        assert "restore.md" in rows[0]["remedy"], rows
        return rows[0]

    def do(self, remedy):
        """Runs the command line that a remedy ends with, as it stands there."""
        command = re.search(r"clerk-tokenctl -c \S+ sql .* --reason restored", remedy).group()
        program = self.daemon.scratch / "clerk-tokenctl"
        program.write_text(f'#!/bin/sh\nexec "{TOKENCTL}" "$@"\n')
        program.chmod(0o755)
        path = f"{program.parent}:{os.environ['PATH']}"
        done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=60,
                              env=_environment({"PATH": path}), check=False)
        assert done.returncode == 0, done
        return done.stdout.split()

    def refused(self):
        """A plain start does not do it, and nothing is sent."""
        self.daemon.start(ready=False)
        assert self.daemon.wait_exit(30) == 78
        assert "went backwards" in self.daemon.log()
        assert len(self.fake.requests()) == self.requests

    def paused(self, *options):
        self.daemon.start("--accept-restore", *options)
        wait_until(lambda: self.daemon.status_json()["state"] == "paused", 10)
        assert "databases were restored" in self.find("^paused: everything, because")["what"]
        time.sleep(0.3)
        assert len(self.fake.requests()) == self.requests, "nothing is sent unasked"

    def check(self):
        """No create twice at Clerk; each token of it revoked, or known to the audit."""
        granted = collections.Counter(
            line["user_id"] for line in self.fake.requests() if line["did"] == "granted")
        assert set(granted.values()) == {1}, granted
        known = {row["id"]: row["life"] for row in self.daemon.audit("SELECT id, life FROM token")}
        for token in self.fake.tokens():
            if token["status"] == "pending":
                assert known.get(token["id"]) == "may be live", token
            else:
                assert token["status"] == "revoked", token
        self.daemon.ctl("verify")
        verify_audit(self.daemon.audit_db)

    def go_on(self):
        """What was waiting for its time is asked for once more, a new one is made."""
        self.daemon.ctl("resume")
        for job in self.daemon.ctl_json("jobs", "--user", "user_later", "--state", "cancelled"):
            self.daemon.ctl("retry", job["id"])
        made = self.daemon.ctl_json("create", "user_new", "--wait")
        wait_until(lambda: not [row for row in self.daemon.ctl_json("jobs", "--state", "queued")
                                if row["user_id"] != "user_later"], 20)
        later = self.daemon.ctl_json("jobs", "--user", "user_later", "--state", "queued")
        assert len(later) == 1, "what waited is not forgotten"
        return made[0]["id"]


def test_who_waits_meanwhile_is_told():
    """An open file that was replaced never changes again."""
    fake = Fake()
    daemon = Daemon(fake)
    daemon.start()
    daemon.ctl("pause", "--batch", "b1")
    daemon.ctl("create", "user_a", "--batch", "b1")
    wait_until(lambda: daemon.states().get("queued") == 1, 10)
    waiting = []
    for words in (("audit", "--follow"), ("wait", "1"), ("watch", "b1")):
        waiting.append(Process(words[0], daemon.scratch))
        waiting[-1].spawn([TOKENCTL, "-c", daemon.conf, *words])
    for process, said in zip(waiting, ("accepted", "batch b1 is paused since", "0 of 1 done")):
        process.wait_log(said, 20)
    copy = daemon.scratch / "copy"
    shutil.copy(daemon.audit_db, copy)
    copy.rename(daemon.audit_db)
    for process in waiting:
        assert process.wait_exit() == 1, (process.name, process.log())
        assert "audit.db was replaced or removed meanwhile" in process.log(), process.log()
        assert "start the command again" in process.log(), process.log()
    daemon.kill()


# fault: D8
def test_yesterdays_queue():
    story = Story()
    daemon = story.daemon
    story.put_back("queue.db")
    found = story.find("^queue.db went backwards: it gave out job 4, audit.db took job 8$")
    assert "--new-queue" in found["remedy"], found
    daemon.start()
    wait_until(lambda: daemon.status_json()["state"] == "held", 20)
    assert "--new-queue" in story.find("^held: queue: .*went backwards")["remedy"]
    daemon.stop()
    daemon.start("--new-queue")
    assert story.go_on() == 9
    story.check()
    assert not story.doctor() or all("backwards" not in row["what"] for row in story.doctor())
    daemon.stop()
    check_story(daemon, story.fake)


# fault: D8
def test_yesterdays_audit():
    restored_audit(Story(), put_back=True)


def test_no_audit_at_all():
    restored_audit(Story(), put_back=False)


def restored_audit(story, put_back):
    daemon = story.daemon
    if put_back:
        story.put_back("audit.db")
        found = story.find("^audit.db went backwards: tokens.db has seen its row")
    else:
        story.lose("audit.db")
        found = story.find("^audit.db is missing: tokens.db has seen its row")
    assert "--accept-restore: it starts paused" in found["remedy"], found
    story.refused()
    story.paused()
    # Of what was taken again, the creates may have been sent: they are not sent again.
    waiting = daemon.ctl_json("jobs", "--state", "queued", "--action", "create")
    users = [row["user_id"] for row in waiting]
    assert sorted(users) == sorted(
        ["user_b1", "user_b2", "user_later"] +
        ([] if put_back else ["user_a1", "user_a2", "user_a3"])), users
    daemon.ctl("cancel", "--action", "create", "--reason", "restored",
               "--expect", str(len(users)))
    # Their tokens are in tokens.db, where one may be live.
    known_not = f"does not know {'1 token' if put_back else '3 tokens'} that tokens.db has"
    unknown = wait_until(lambda: [row for row in story.doctor() if known_not in row["what"]],
                         20, known_not)[0]
    assert len(story.do(unknown["remedy"])) == (1 if put_back else 3)
    story.go_on()
    story.check()
    assert not [row for row in story.doctor() if "audit.db" in row["what"]]
    daemon.stop()
    # It is told once: a later start has nothing against it.
    daemon.start()
    assert daemon.ctl_json("create", "user_last", "--wait")[0]["state"] == "succeeded"
    daemon.stop()


# fault: D8
def test_yesterdays_tokens():
    story = Story()
    daemon = story.daemon
    gone = daemon.audit("SELECT id FROM token WHERE user_id = 'user_a1'")[0]["id"]
    story.put_back("tokens.db")
    assert daemon.tokens("SELECT 1 FROM secret WHERE sign_in_token_id = ?", (gone,))
    found = story.find("^tokens.db lacks the secrets of 1 token that may be live")
    daemon.start()
    # The secret of a token that was revoked since came back with the copy; not for long.
    wait_until(lambda: not daemon.tokens(
        "SELECT 1 FROM secret WHERE sign_in_token_id = ?", (gone,)), 10)
    for path in daemon.tokens_db.parent.iterdir():
        assert not find_bytes([gone], [path]), path
    assert len(story.do(found["remedy"])) == 1
    story.go_on()
    story.check()
    assert not [row for row in story.doctor() if "lacks" in row["what"]]
    daemon.stop()
    check_story(daemon, story.fake)


def test_no_tokens_at_all():
    story = Story()
    story.lose("tokens.db")
    found = story.find("^tokens.db lacks the secrets of 3 tokens that may be live")
    story.daemon.start()
    assert len(story.do(found["remedy"])) == 3
    story.go_on()
    story.check()
    story.daemon.stop()
    check_story(story.daemon, story.fake)


def test_queue_and_audit_with_the_newest_tokens():
    story = Story()
    story.put_back("queue.db", "audit.db")
    story.find("^audit.db went backwards")
    story.refused()
    # No id is given out again while tokens.db has an answer under it.
    story.paused("--new-queue")
    unknown = wait_until(lambda: [row for row in story.doctor()
                                  if "audit.db does not know" in row["what"]], 20)[0]
    assert len(story.do(unknown["remedy"])) == 1
    assert story.go_on() > 8
    story.check()
    story.daemon.stop()


# fault: D8
def test_all_three_together():
    story = Story()
    daemon = story.daemon
    story.put_back("queue.db", "audit.db", "tokens.db")
    # From inside nothing can be seen; the anchor outside tells.
    assert not [row for row in story.doctor() if "restore.md" in (row["remedy"] or "")]
    daemon.ctl("verify")
    cut = daemon.ctl("verify", "--checkpoint", story.today, check=1)
    assert "its tail was cut off" in cut.stdout, cut.stdout
    story.paused()
    assert [row["user_id"] for row in daemon.ctl_json("jobs", "--state", "queued")] == [
        "user_later"]
    # user_b1 was made since, and only Clerk knows: its id is looked up there.
    lost = [t["id"] for t in story.fake.tokens() if t["user_id"] == "user_b1"]
    daemon.ctl("resume")
    daemon.ctl("revoke", *lost, "--reason", "restored", "--wait")
    story.go_on()
    story.check()
    daemon.stop()


def test_what_was_under_way_when_the_copy_was_made():
    fake = Fake("--latency-ms", "4000")
    daemon = Daemon(fake, {"concurrency": 2})
    daemon.start()
    daemon.ctl("create", *[f"user_{n}" for n in range(4)])
    wait_until(lambda: daemon.states() == {"running": 2, "queued": 2}, 10)
    daemon.ctl("backup", daemon.scratch / "copy", "--with-secrets")
    daemon.wait_done()
    daemon.stop()
    for name, folder in FOLDERS.items():
        for path in (daemon.state / folder).glob(name + "*"):
            path.unlink()
        shutil.copy(daemon.scratch / "copy" / name, daemon.state / folder / name)
    daemon.start("--accept-restore")
    assert len(fake.requests()) == 4
    # What was on its way is told as unknown, and waits like the rest.
    assert daemon.states() == {"queued": 4}
    assert len(daemon.audit("SELECT 1 FROM audit WHERE event = 'interrupted'")) == 2
    daemon.ctl("cancel", "--action", "create", "--expect", "4")
    daemon.ctl("resume")
    unknown = daemon.ctl_json("lockdown", "--reason", "restored", "--yes", check=1)
    assert len(unknown["outcome_unknown"]) == 2
    assert len(fake.requests()) == 4
    daemon.stop()


def test_backups_under_load_can_be_put_back_together():
    fake = Fake()
    daemon = Daemon(fake, {"concurrency": 64})
    daemon.start()
    rows = "user_id\n" + "".join(f"user_{n}\n" for n in range(20000))
    daemon.ctl("create", "--from", "-", stdin=rows)
    wait_until(lambda: daemon.states().get("succeeded", 0) > 500, 30)
    heads = []
    before = daemon.states().get("succeeded", 0)
    for n in range(3):
        heads.append(daemon.ctl_json("backup", daemon.scratch / f"copy{n}", "--with-secrets")["head"])
    assert daemon.states().get("succeeded", 0) > before, "the daemon worked on"
    for n, head in enumerate(heads):
        other = Daemon("http://127.0.0.1:9", {"rate.requests": 1})
        for name, folder in FOLDERS.items():
            (other.state / folder).mkdir()
            shutil.copy(daemon.scratch / f"copy{n}" / name, other.state / folder / name)
        assert other.ctl("verify", "--checkpoint", head).returncode == 0
        assert not [row for row in other.ctl_json("doctor", "--offline", check=None)
                    if "restore.md" in (row["remedy"] or "")
                    # made between the copies of tokens.db and of audit.db
                    and "tokens.db lacks the secrets" not in row["what"]]
        other.start()  # refuses nothing
        wait_until(lambda: (other.run / "status.json").exists(), 10)
        assert "queue" not in [held["kind"] for held in other.status_json()["held"]]
        other.stop()
        other.close()
    daemon.stop(expect=None)


def test_a_backup_is_whole_or_not_there():
    fake = Fake()
    daemon = Daemon(fake)
    daemon.start()
    daemon.ctl("create", "user_a", "--wait")
    scratch = daemon.scratch
    made = daemon.ctl_json("backup", scratch / "plain")
    assert sorted(p.name for p in (scratch / "plain").iterdir()) == [
        "audit.db", "manifest.json", "queue.db"]
    manifest = json.loads((scratch / "plain" / "manifest.json").read_text())
    assert manifest["secrets"] is False and manifest["version"], manifest
    assert f"{manifest['head']['seq']}:{manifest['head']['hash']}" == made["head"]
    assert {f["name"]: f["bytes"] for f in manifest["files"]} == {
        name: (scratch / "plain" / name).stat().st_size for name in ("audit.db", "queue.db")}
    assert (scratch / "plain").stat().st_mode & 0o7777 == 0o700
    for path in (scratch / "plain").iterdir():
        assert path.stat().st_mode & 0o7777 == 0o600, path
    secrets = [t["token"] for t in fake.tokens()]
    assert not find_bytes(secrets, (scratch / "plain").iterdir())
    daemon.ctl("backup", scratch / "whole", "--with-secrets")
    assert find_bytes(secrets, [scratch / "whole" / "tokens.db"])
    # An empty folder of one's own will do; anything else is refused and left alone.
    (scratch / "mine").mkdir(mode=0o700)
    daemon.ctl("backup", f"{scratch / 'mine'}/")
    for name, said in (("mine", "is not empty"), ("key", "is no folder")):
        assert said in daemon.ctl("backup", scratch / name, check=1).stderr
    (scratch / "loose").mkdir()
    (scratch / "loose").chmod(0o750)
    assert "chmod 0700" in daemon.ctl("backup", scratch / "loose", check=1).stderr
    assert "No such file" in daemon.ctl("backup", scratch / "no" / "x", check=1).stderr
    assert not list(scratch.glob("*.unfinished-*"))
    # Ended on the way: nothing is left by SIGTERM, nothing that looks whole by SIGKILL.
    lock = subprocess.Popen(["sqlite3", str(daemon.queue_db)], stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, text=True)
    lock.stdin.write(".timeout 10000\nBEGIN EXCLUSIVE; SELECT 1;\n")
    lock.stdin.flush()
    assert lock.stdout.readline() == "1\n"
    for number, left in ((signal.SIGKILL, 1), (signal.SIGTERM, 0)):
        child = subprocess.Popen([TOKENCTL, "-c", daemon.conf, "backup", scratch / "cut"],
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                 env=_environment({}))
        wait_until(lambda: list(scratch.glob("cut.unfinished-*/audit.db")), 10)
        child.send_signal(number)
        assert child.wait(30) in (-number, 75), child.returncode
        assert not (scratch / "cut").exists()
        assert len(list(scratch.glob("cut.unfinished-*"))) == left
        for path in scratch.glob("cut.unfinished-*"):
            shutil.rmtree(path)
    lock.stdin.close()
    lock.wait(10)
    lock.stdout.close()
    daemon.stop()
    daemon.ctl("backup", scratch / "stopped", "--with-secrets")


# fault: L8
def test_a_full_disk_ends_a_backup():
    if os.geteuid() != 0:
        raise Skip("needs root, for a small disk")
    daemon = Daemon(Fake())
    daemon.start()
    small = daemon.scratch / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k,mode=700", "tmpfs", small], check=True)
    try:
        full = daemon.ctl("backup", small / "copy", check=1)
        assert "the disk is full" in full.stderr, full.stderr
        assert not list(small.iterdir())
    finally:
        subprocess.run(["umount", small], check=True)


def shared(daemon, group):
    """The folders as tmpfiles.d makes them, with one group for all three."""
    for folder, mode in (("queue", 0o2770), ("audit", 0o2750), ("tokens", 0o2750)):
        path = daemon.state / folder
        for file in path.iterdir():
            os.chown(file, 0, group[folder])
        os.chown(path, 0, group[folder])
        path.chmod(mode)


def test_the_sqlite3_program():
    daemon = Daemon(Fake())
    daemon.start()
    daemon.ctl("create", "user_a", "--wait")
    rows = daemon.ctl("sql", "--json", "SELECT id, state FROM audit.job", " -- as it is").stdout
    assert json.loads(rows) == [{"id": 1, "state": "succeeded"}]
    csv = daemon.ctl("sql", "--csv", "SELECT job_id, user_id FROM tokens.secret").stdout
    assert csv.split() == ["job_id,user_id", "1,user_a"]
    assert daemon.ctl("sql", stdin="SELECT 1; SELECT 2;\n").stdout == "1\n2\n"
    for table in ("audit.job", "tokens.secret"):
        denied = daemon.ctl("sql", f"DELETE FROM {table}", check=None)
        assert denied.returncode and "readonly" in denied.stderr, denied
    missing = daemon.ctl("sql", "SELECT 1", check=69, env={"PATH": "/nonexistent"})
    assert "sqlite3 program is not installed" in missing.stderr
    if os.geteuid() != 0:
        return
    planted = daemon.ctl("sql", "SELECT * FROM queue.job", check=None)
    assert planted.returncode and "root does not open queue.db" in planted.stderr, planted
    shared(daemon, {"queue": 41001, "audit": 41002, "tokens": 41001})
    ids = {"user": 65534, "group": 65534}
    submitter = daemon.ctl(
        "sql", "INSERT INTO queue.job (action, user_id) VALUES ('create', 'user_b') RETURNING id",
        "SELECT count(*) FROM tokens.secret", extra_groups=[41001, 41002], **ids)
    assert submitter.stdout == "2\n1\n" and submitter.stderr == "", submitter
    daemon.ctl("wait", "2")
    auditor = daemon.ctl("sql", "SELECT count(*) FROM audit.job", extra_groups=[41002], **ids)
    assert auditor.stdout == "2\n", auditor
    assert "queue is not attached" in auditor.stderr and "tokens is not" in auditor.stderr
    nobody = daemon.ctl("sql", "SELECT 1", check=77, extra_groups=[], **ids)
    assert "there is no database that you may read" in nobody.stderr
    denied = daemon.ctl("backup", "/tmp/never", check=77, extra_groups=[41002], **ids)
    assert "clerk-submit" in denied.stderr or "group" in denied.stderr, denied
    assert not os.path.exists("/tmp/never")


if __name__ == "__main__":
    main()
