#!/usr/bin/env python3
# ctest: labels=quick timeout=120
"""Secrets are in tokens.db and nowhere else."""

import http.server
import json
import os
import re
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from pathlib import Path

from harness import KEY, SOURCE, Daemon, Fake, check_story, find_bytes, main, wait_until

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


class Repeater(http.server.ThreadingHTTPServer):
    """Keeps each request until go is set; the answer then repeats its Authorization."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), RepeaterHandler)
        self.go = threading.Event()
        self.heard = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"


class RepeaterHandler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        said = self.headers["Authorization"]
        self.server.heard.append(said)
        self.server.go.wait(60)
        body = json.dumps({"errors": [{"code": "bad_header", "message": f"not {said} here"}]})
        self.send_response(400)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_):
        pass


# fault: A19 K6
def test_a_key_that_was_replaced_is_not_repeated():
    """Requests with two keys of before are under way when the third is loaded."""
    keys = ["sk_first/key+0123456789.x", "sk_second/key+0123456789.y", "sk_third/key+0123.z"]
    clerk = Repeater()
    daemon = Daemon(clerk.url, key=keys[0])
    daemon.start()
    for n, key in enumerate(keys[1:], 1):
        daemon.queue(f"INSERT INTO job (action, user_id) VALUES ('create', 'user_{n}');")
        wait_until(lambda n=n: len(clerk.heard) == n, 20, f"request {n} came")
        daemon.write_key(key)
        daemon.reload()
    assert clerk.heard == [f"Bearer {key}" for key in keys[:2]], clerk.heard
    clerk.go.set()
    daemon.wait_done(20)
    daemon.stop()
    clerk.shutdown()
    said = [r["error_message"] for r in daemon.audit("SELECT error_message FROM job")]
    assert said == ["not Bearer [redacted] here"] * 2, said
    places = [p for p in daemon.scratch.rglob("*") if p.is_file() and p != daemon.key_file]
    assert not find_bytes(keys, places), find_bytes(keys, places)


# What each command is called with; None: it runs another program, has no output about data,
# or changes what the others show, and stands in the list below.
COMMANDS = {
    "create": ["--dry-run", "user_1"], "revoke": ["--all-live", "--dry-run"],
    "lockdown": ["--dry-run", "--reason", "a leak"], "jobs": [], "job": ["1"],
    "explain": ["1"], "batches": [], "watch": ["b"], "tokens": [], "token": ["TOKEN"],
    "cancel": ["--batch", "b", "--dry-run"], "retry": ["--batch", "b", "--dry-run"],
    "pause": ["--batch", "none"], "resume": ["--batch", "none"], "audit": ["--limit", "100000"],
    "report": ["REPORT"], "verify": [], "status": [], "doctor": [], "backup": ["FOLDER"],
    "wait": ["1"], "setup": ["--help"], "sql": ["SELECT * FROM audit.audit"],
    # The one that is there to show them.
    "secret": None,
}


def every_call(daemon, token):
    """Each command in each of its forms."""
    table = (SOURCE / "src" / "ctl" / "cmd.def").read_text()
    known = re.findall(r"^COMMAND\((\w+),", table, re.M)
    assert sorted(known) == sorted(COMMANDS), set(known) ^ set(COMMANDS)
    reports = re.findall(r"^REPORT\((\w+)", (SOURCE / "src/ctl/report.def").read_text(), re.M)
    assert len(reports) >= 10
    for name, words in COMMANDS.items():
        if words is None:
            continue
        words = [token if word == "TOKEN" else word for word in words]
        words = [str(daemon.scratch / "copy") if word == "FOLDER" else word for word in words]
        if name == "report":
            for report in reports:
                for form in ([], ["--json"], ["--csv"], ["--as", "html"]):
                    yield [name, report, *form]
        elif name in ("backup", "setup", "pause", "resume", "watch"):
            yield [name, *words]
        else:
            for form in ([], ["--json"], ["--csv"]):
                yield [name, *words, *form]


def test_no_output_has_a_secret():
    fake = Fake("--canary", CANARY)
    daemon = Daemon(fake, {"log_level": "debug"})
    daemon.start()
    daemon.queue("""
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20)
INSERT INTO job (action, user_id, batch) SELECT 'create', 'user_' || i, 'b' FROM n;""")
    daemon.wait_done()
    token = daemon.audit("SELECT id FROM sign_in_token LIMIT 1")[0]["id"]
    assert CANARY in daemon.ctl("secret", "1").stdout
    shown, told = 0, []
    for call in every_call(daemon, token):
        done = daemon.ctl(*call, check=None)
        shown += len(done.stdout)
        told.append(done.stdout)
        assert done.returncode in (0, 1, 64, 66), (call, done.returncode, done.stderr)
        # A form that a command does not have is refused; each has one that works.
        assert done.returncode != 64 or "does not take" in done.stderr or "--" in done.stderr, (
            call, done.stderr)
        for text in (CANARY, KEY):
            assert text not in done.stdout + done.stderr, (call, text)
    assert shown > 10000 and token in "".join(told)
    copies = [p for p in (daemon.scratch / "copy").rglob("*") if p.is_file()]
    assert copies and not find_bytes([CANARY, KEY], copies), copies
    # The copy with secrets is for its owner alone.
    daemon.ctl("backup", "--with-secrets", daemon.scratch / "whole")
    whole = daemon.scratch / "whole"
    assert whole.stat().st_mode & 0o777 == 0o700
    assert find_bytes([CANARY], [whole / "tokens.db"])
    assert not find_bytes([KEY], [p for p in whole.rglob("*") if p.is_file()])
    daemon.stop()
    check_story(daemon, fake)


if __name__ == "__main__":
    main()
