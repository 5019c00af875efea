#!/usr/bin/env python3
# ctest: labels=quick timeout=180
"""Databases that are taken away, replaced or put back under a running daemon."""

import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from harness import Daemon, Fake, check_story, main, wait_until

ONE = "INSERT INTO job (action, user_id) VALUES ('create', '{user}');"


class Scene:
    """A daemon that has done one job, and what lies in its folders."""

    def __init__(self):
        self.fake = Fake()
        self.daemon = Daemon(self.fake)
        self.daemon.start()
        self.daemon.queue(ONE.format(user="user_a"))
        self.daemon.wait_done()

    def folder(self, file):
        return self.daemon.state / file / f"{file}.db"

    def ends(self, text):
        """It stops by itself, says why, and has sent nothing that no file tells of."""
        assert self.daemon.wait_exit(15) == 74, self.daemon.tail()
        assert f"{text} was removed or replaced while clerk-tokend has it open" in \
            self.daemon.log(), self.daemon.tail()
        assert "nothing more is sent" in self.daemon.log()
        assert len(self.fake.requests()) == 1, self.fake.requests()

    def goes_on(self):
        self.daemon.start()
        self.daemon.wait_done()
        self.daemon.stop()
        assert [r["user_id"] for r in self.fake.requests()] == ["user_a", "user_b"]
        check_story(self.daemon, self.fake)


# fault: D7
def test_moved_away_and_put_back():
    for file in ("audit", "tokens"):
        scene = Scene()
        path = scene.folder(file)
        os.rename(path, path.with_name("aside"))
        scene.daemon.queue(ONE.format(user="user_b"))
        scene.ends(path)
        os.rename(path.with_name("aside"), path)
        scene.goes_on()


# fault: D7
def test_nothing_to_do_and_it_is_noticed_all_the_same():
    scene = Scene()
    os.unlink(scene.daemon.audit_db)
    scene.ends(scene.daemon.audit_db)
    # Nothing is begun anew in silence: the row of user_a still lies in the queue.
    scene.daemon.start(ready=False)
    assert scene.daemon.wait_exit(20) == 78
    assert "audit.db went backwards" in scene.daemon.log(), scene.daemon.tail()
    assert len(scene.fake.requests()) == 1


# fault: D7 D8
def test_an_audit_that_knows_no_secret_is_missed_too():
    """Only a create that is answered well writes a secret, and with it the mark."""
    fake = Fake()
    fake.script({"fault": "status=500"})
    daemon = Daemon(fake, {"retry.max_attempts": 1})
    daemon.start()
    daemon.queue(ONE.format(user="user_a"))
    daemon.wait_done()
    assert daemon.states() == {"failed": 1}, daemon.states()
    daemon.kill()
    for path in daemon.audit_db.parent.iterdir():
        path.unlink()
    daemon.start(ready=False)
    assert daemon.wait_exit(20) == 78
    assert "audit.db went backwards" in daemon.log(), daemon.tail()
    assert len(fake.requests()) == 1


# fault: D7
def test_replaced_by_a_copy():
    for file in ("audit", "tokens"):
        scene = Scene()
        path = scene.folder(file)
        shutil.copy(path, path.with_name("copy"))
        os.replace(path.with_name("copy"), path)
        scene.daemon.queue(ONE.format(user="user_b"))
        scene.ends(path)


# fault: D7
def test_the_log_of_a_database_is_removed():
    """SQLite itself looks at the database's name alone."""
    for file in ("audit", "tokens"):
        scene = Scene()
        log = scene.folder(file).with_name(f"{file}.db-wal")
        os.unlink(log)
        scene.daemon.queue(ONE.format(user="user_b"))
        scene.ends(log)
        scene.goes_on()


# fault: D7
def test_the_queue_is_removed_or_replaced():
    scene = Scene()
    daemon = scene.daemon
    shutil.copy(daemon.queue_db, daemon.scratch / "old.db")
    os.unlink(daemon.queue_db)
    daemon.wait_log("queue.db is a new file that begins behind job 1: rows of an older one that", 10)
    out = daemon.queue("INSERT INTO job (action, user_id) VALUES ('create', 'user_b') "
                       "RETURNING id;")
    assert int(out) == 2, out
    daemon.wait_done()
    # An old one under its name: a hold, and nothing of it is sent again.
    os.replace(daemon.scratch / "old.db", daemon.queue_db)
    wait_until(lambda: daemon.status_json()["state"] == "held", 10)
    held = daemon.status_json()["held"][0]
    assert held["kind"] == "queue" and "went backwards" in held["reason"], held
    assert [r["user_id"] for r in scene.fake.requests()] == ["user_a", "user_b"]
    daemon.stop()
    check_story(daemon, scene.fake)


if __name__ == "__main__":
    main()
