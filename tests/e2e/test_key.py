#!/usr/bin/env python3
# ctest: labels=quick timeout=120
"""A bad key fails no job: everything waits for the right one."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from harness import KEY, Daemon, Fake, check_story, main, wait_until

ROWS = """
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)
INSERT INTO job (action, user_id) SELECT 'create', 'user_' || i FROM n;
"""


# fault: K5
def test_a_bad_key_holds_and_the_right_one_releases():
    fake = Fake()
    daemon = Daemon(fake, key="sk_test_wrong")
    daemon.start()
    after = daemon.notify.mark()
    daemon.queue(ROWS)
    daemon.wait_status("held: credentials", deadline=20, after=after)
    wait_until(lambda: daemon.audit("SELECT count(*) AS n FROM job")[0]["n"] == 500, 20)
    wait_until(lambda: daemon.status_json()["state"] == "held", 10)
    held = daemon.status_json()["held"]
    assert [h["kind"] for h in held] == ["credentials"], held
    assert "401" in held[0]["reason"], held
    assert "held: credentials" in daemon.log()
    assert not daemon.audit("SELECT id FROM job WHERE state NOT IN ('queued', 'running')")
    n_before = len(fake.requests())
    assert n_before <= 16, "at most what was in flight"
    daemon.write_key(KEY)
    daemon.reload()
    daemon.wait_done(deadline=40)
    daemon.stop()
    assert daemon.audit("SELECT state, count(*) AS n FROM job GROUP BY state") == [
        {"state": "succeeded", "n": 500}]
    events = [r["event"] for r in daemon.audit(
        "SELECT event FROM audit WHERE event IN ('held', 'released') ORDER BY seq")]
    assert events == ["held", "released"], events
    check_story(daemon, fake)


def test_a_restart_tries_the_new_key_at_once():
    fake = Fake()
    daemon = Daemon(fake, key="sk_test_wrong")
    daemon.start()
    after = daemon.notify.mark()
    daemon.queue("INSERT INTO job (action, user_id) VALUES ('create', 'user_a');")
    daemon.wait_status("held: credentials", deadline=20, after=after)
    daemon.stop()
    daemon.write_key(KEY)
    daemon.start()
    daemon.wait_done(deadline=20)
    daemon.stop()
    check_story(daemon, fake)


def test_a_key_of_another_kind_is_refused():
    fake = Fake(keys=(KEY, "sk_live_other"))
    daemon = Daemon(fake)
    daemon.start()
    daemon.stop()
    daemon.write_key("sk_live_other")
    daemon.start(ready=False)
    assert daemon.wait_exit(20) == 78
    assert "--accept-key" in daemon.log()
    daemon.start("--accept-key")
    daemon.stop()


if __name__ == "__main__":
    main()
