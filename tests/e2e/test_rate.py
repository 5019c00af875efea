#!/usr/bin/env python3
# ctest: labels=slow timeout=180
"""The rate limit is used to the last request without one 429."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import time

from harness import Daemon, Fake, check_story, main

ROWS = """
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 250)
INSERT INTO job (action, user_id) SELECT 'create', 'user_' || i FROM n;
"""


def run(kind):
    fake = Fake("--limit", "100", "--window-ms", "10000", "--window-kind", kind,
                "--latency-ms", "5-30")
    daemon = Daemon(fake, {"rate.requests": 0, "rate.window": "10s", "rate.share": 1.0,
                           "rate.urgent_share": 1.0, "concurrency": 16})
    daemon.start()
    began = time.monotonic()
    daemon.queue(ROWS)
    daemon.wait_done(deadline=40)
    took = time.monotonic() - began
    daemon.stop()
    stats = fake.stats()
    print(f"{kind}: 250 jobs in {took:.2f} s (least possible 20)", flush=True)
    assert not [line for line in fake.requests() if line.get("status") == 429], stats
    assert daemon.audit("SELECT count(*) AS n FROM job WHERE state = 'succeeded'")[0]["n"] == 250
    # The issue's own figure; the least possible is 20 s, so a loaded machine has room.
    assert took < 21.5, took
    check_story(daemon, fake)


def test_sliding_window():
    run("sliding")


def test_fixed_window():
    run("fixed")


def test_a_restart_remembers_the_window():
    fake = Fake("--limit", "100", "--window-ms", "10000", "--window-kind", "sliding")
    daemon = Daemon(fake, {"rate.requests": 0, "rate.window": "10s", "rate.share": 1.0,
                           "rate.urgent_share": 1.0})
    daemon.start()
    daemon.queue(ROWS.replace("250", "100"))
    daemon.wait_done(deadline=20)
    daemon.kill()
    daemon.start()
    daemon.queue(ROWS.replace("250", "20").replace("'user_'", "'user_x'"))
    daemon.wait_done(deadline=30)
    daemon.stop()
    assert not [line for line in fake.requests() if line.get("status") == 429]
    check_story(daemon, fake)


if __name__ == "__main__":
    main()
