#!/usr/bin/env python3
# ctest: labels=quick timeout=120
"""Secrets are in tokens.db and nowhere else."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from pathlib import Path

from harness import KEY, Daemon, Fake, check_story, find_bytes, main, wait_until

CANARY = "canaryXcanary"


def test_no_secret_leaves_tokens_db():
    fake = Fake("--canary", CANARY, "--latency-ms", "1-5")
    fake.faults(echo_authorization=0.05, garbage=0.05, reset_middle=0.05)
    daemon = Daemon(fake, {"log_level": "debug", "retry.max_attempts": 40,
                           "retry.max_unknown_attempts": 40})
    daemon.start()
    daemon.queue("""
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300)
INSERT INTO job (action, user_id) SELECT 'create', 'user_' || i FROM n;""")
    daemon.wait_done(deadline=60)
    tokens = [r["id"] for r in daemon.audit("SELECT id FROM sign_in_token LIMIT 100")]
    daemon.queue("INSERT INTO job (action, sign_in_token_id) VALUES "
                 + ",".join(f"('revoke', '{t}')" for t in tokens) + ";")
    daemon.wait_done(deadline=60)
    proc = Path(f"/proc/{daemon.pid}")
    seen = (proc / "cmdline").read_bytes() + (proc / "environ").read_bytes()
    assert KEY.encode() not in seen and CANARY.encode() not in seen
    live = daemon.audit("SELECT count(*) AS n FROM sign_in_token WHERE status = 'pending'")
    # A secret goes just after the commit that says so.
    wait_until(lambda: len(daemon.tokens("SELECT 1 FROM secret")) == live[0]["n"], 10)
    kept = daemon.tokens("SELECT token FROM secret")
    assert len(kept) > 100 and all(CANARY in r["token"] for r in kept)
    daemon.stop()
    places = [p for p in daemon.scratch.rglob("*")
              if p.is_file() and p != daemon.key_file and p.parent != daemon.tokens_db.parent]
    assert any(p.name == "audit.db-wal" for p in places) and len(places) > 4, places
    assert not find_bytes([CANARY, KEY], places), find_bytes([CANARY, KEY], places)
    # Revoked ones are gone from tokens.db and its side files too.
    gone = {r["sha"] for r in daemon.audit(
        "SELECT token_sha256 AS sha FROM sign_in_token WHERE status = 'revoked'")}
    assert len(gone) > 50
    check_story(daemon, fake)


if __name__ == "__main__":
    main()
