#!/usr/bin/env python3
# ctest: labels=slow timeout=400
"""kill -9 is an ordinary way to stop."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import random
import time

from harness import Daemon, Fake, check_story, main, wait_until

ROWS = """
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {n})
INSERT INTO job (action, user_id) SELECT 'create', 'user_' || i || '{tag}' FROM n;
"""


def test_sixty_kills_during_three_thousand_jobs():
    seed = int(os.environ.get("SEED", "20261123"))
    kills = int(os.environ.get("KILLS", "60"))
    rng = random.Random(seed)
    fake = Fake("--latency-ms", "20-120", "--seed", str(seed))
    daemon = Daemon(fake, {"concurrency": 32, "retry.max_attempts": 1000,
                           "retry.max_unknown_attempts": 1000})
    daemon.start()
    for i in range(3):
        daemon.queue(ROWS.format(n=1000, tag="abc"[i]))
    for _ in range(kills):
        time.sleep(rng.uniform(0, 0.15))
        daemon.kill()
        # Rarely killed again before it is ready.
        if rng.random() < 0.2:
            daemon.start(ready=False)
            time.sleep(rng.uniform(0, 0.05))
            daemon.kill()
        daemon.start(deadline=30)
    wait_until(lambda: daemon.audit("SELECT count(*) AS n FROM job")[0]["n"] == 3000,
               deadline=60, what="all rows taken")
    daemon.wait_done(deadline=200)
    daemon.stop()
    interrupted = daemon.audit(
        "SELECT count(*) AS n FROM audit WHERE event IN ('interrupted', 'recovered')")[0]["n"]
    print(f"seed {seed}: {kills} kills, {interrupted} attempts found open", flush=True)
    assert interrupted > 0
    states = daemon.audit("SELECT state, count(*) AS n FROM job GROUP BY state")
    assert states == [{"state": "succeeded", "n": 3000}], states
    check_story(daemon, fake)


if __name__ == "__main__":
    main()
