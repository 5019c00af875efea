#!/usr/bin/env python3
# ctest: labels=slow timeout=300
"""The main job: rows by sqlite3, faults of every kind, and two ledgers that tell one story."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from harness import Daemon, Fake, check_story, main

FAULTS = {
    "reset_before": 0.01,
    "reset_after": 0.01,
    "close_before": 0.01,
    "close_after": 0.01,
    "reset_middle": 0.01,
    "close_middle": 0.01,
    "garbage": 0.01,
    "html": 0.005,
    "empty": 0.01,
    "oversize": 0.002,
    "wrong_user": 0.005,
    "wrong_object": 0.005,
    "missing_id": 0.005,
    "acted_500": 0.01,
    "not_acted_500": 0.02,
    "bad_gateway": 0.01,
}

CREATES = """
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {n})
INSERT INTO job (action, user_id, batch, requested_by, reason, reference)
SELECT 'create',
  CASE WHEN i % 50 = 0 THEN 'user_missing' || i WHEN i % 41 = 0 THEN 'user_accepts' || i
       ELSE 'user_' || i END,
  CASE WHEN i % 3 = 0 THEN 'thirds' END, 'ana', 'e2e', 'ref-' || i FROM n;
"""


def known_faults(fake):
    """The fault kinds of FAULTS that this fake has."""
    text = __import__("subprocess").run(
        [__import__("harness").FAKE_CLERK, "--help"], capture_output=True, text=True, check=True
    ).stdout
    return {k: p for k, p in FAULTS.items() if f"  {k}" in text}


def test_two_thousand_mixed_jobs_with_faults():
    fake = Fake("--latency-ms", "1-20", "--seed", "7")
    fake.faults(**known_faults(fake))
    daemon = Daemon(fake, {"concurrency": 32, "retry.max_attempts": 50,
                           "retry.max_unknown_attempts": 50})
    daemon.start()
    daemon.queue(CREATES.format(n=1400))
    daemon.wait_done(deadline=150)
    tokens = [row["id"] for row in daemon.audit("SELECT id FROM sign_in_token ORDER BY id")]
    rows = [f"('revoke', '{token}', 'ben')" for token in tokens[:590]]
    rows += [f"('revoke', 'sit_unknown{i}', 'ben')" for i in range(10)]
    daemon.queue("INSERT INTO job (action, sign_in_token_id, requested_by) VALUES "
                 + ",".join(rows) + ";")
    daemon.wait_done(deadline=150)
    daemon.stop()
    assert daemon.audit("SELECT count(*) AS n FROM job")[0]["n"] == 2000
    results = {r["result"]: r["n"] for r in
               daemon.audit("SELECT result, count(*) AS n FROM job GROUP BY result")}
    assert results["created"] > 1300 and results["revoked"] > 400, results
    assert results["not_found"] == 1400 // 50 + 10, results
    assert results["already_used"] > 0, results
    # Each kind of trouble left its mark.
    effects = {r["effect"] for r in daemon.audit("SELECT DISTINCT effect FROM audit")}
    assert {"applied", "none", "unknown"} <= effects, effects
    check_story(daemon, fake)


if __name__ == "__main__":
    main()
