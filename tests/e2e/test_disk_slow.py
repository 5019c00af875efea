#!/usr/bin/env python3
# ctest: labels=slow timeout=300
"""A disk that is slow, over quota, or suddenly read-only: strace stands between the daemon
and the system, and lets some of its calls fail or take long."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from harness import KEY, TOKENCTL, Daemon, Fake, Skip, check_story, main, wait_until

MANY = ("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {n}) "
        "INSERT INTO job (action, user_id) SELECT 'create', 'user_' || i FROM n;")


class Traced(Daemon):
    """It is our child all the same: -D lets strace stand beside it."""

    def begin(self, inject, **options):
        if not shutil.which("strace"):
            raise Skip("strace is not installed")
        call = inject.split(":")[0]
        # Leaks are looked for by a tracer of one's own, which there can be one of.
        self.start(prefix=("strace", "-D", "-f", "-qq", "-o", str(self.scratch / "strace"), "-e",
                           f"trace={call}", "-e", f"inject={inject}"),
                   env={"ASAN_OPTIONS": "detect_leaks=0:exitcode=99"}, **options)


# fault: D6
def test_a_sync_of_five_seconds():
    fake = Fake()
    daemon = Traced(fake)
    daemon.start()  # what the first start has to write is written
    daemon.stop()
    # How many syncs a start takes is its own affair: those behind it are to be slow.
    daemon.begin("fdatasync:delay_enter=0:when=1")
    n = (daemon.scratch / "strace").read_text().count("fdatasync(")
    daemon.stop()
    daemon.begin(f"fdatasync:delay_enter=5000000:when={n + 2}..{n + 4}")
    daemon.queue(MANY.format(n=20))
    began = time.monotonic()
    daemon.wait_done(60)
    assert time.monotonic() - began > 4, "none was slow"
    # Others read meanwhile, and nobody was sent twice for want of patience.
    daemon.stop()
    assert daemon.states() == {"succeeded": 20}, daemon.states()
    assert len(fake.requests()) == 20
    check_story(daemon, fake)


# fault: D5
def test_over_quota():
    """EDQUOT instead of ENOSPC, for as long as some hundred writes are tried."""
    fake = Fake()
    daemon = Traced(fake)
    daemon.start()
    daemon.stop()
    daemon.begin("pwrite64:error=EDQUOT:when=40..60")
    daemon.queue(MANY.format(n=50))
    daemon.wait_log("held: disk", 20)
    daemon.wait_done(60)
    daemon.stop()
    assert daemon.states() == {"succeeded": 50}, daemon.states()
    events = [r["event"] for r in daemon.audit(
        "SELECT event FROM audit WHERE error_code = 'disk' ORDER BY seq")]
    assert events[:1] == ["held"] and events[-1] == "released", events
    # What had come when it was over quota was kept: nothing is unknown, nothing sent again.
    assert len(fake.requests()) == 50
    check_story(daemon, fake)


# fault: D4
def test_read_only_while_running():
    """As a file system does that was remounted because of errors."""
    fake = Fake()
    daemon = Traced(fake)
    daemon.start()
    daemon.stop()
    daemon.begin("pwrite64:error=EROFS:when=40+")
    daemon.queue(MANY.format(n=50))
    assert daemon.wait_exit(30) == 74, daemon.tail()
    assert "nothing more is sent" in daemon.log(), daemon.tail()
    assert re.search(r"error: .*(readonly|read-only|disk I/O error)", daemon.log()), daemon.tail()
    sent = len(fake.requests())
    # Each answer that came and could not be written is in the log, by its token.
    rows = daemon.audit("SELECT count(*) AS n FROM audit WHERE event = 'sent'")[0]["n"]
    assert sent <= rows, (sent, rows)
    daemon.start()
    daemon.wait_done(60)
    daemon.stop()
    assert daemon.states() == {"succeeded": 50}, daemon.states()
    check_story(daemon, fake)


# fault: D4
def test_read_only_at_the_start():
    folder = Path(tempfile.mkdtemp(prefix="tokend-ro-"))
    done = subprocess.run(["mount", "-t", "tmpfs", "tmpfs", folder], capture_output=True,
                          text=True, check=False)
    if done.returncode:
        folder.rmdir()
        raise Skip(f"cannot mount a tmpfs: {done.stderr.strip()}")
    fake = Fake()
    daemon = Daemon(fake, {"state_directory": str(folder / "state")}, key=KEY)
    daemon.state = folder / "state"
    daemon.state.mkdir()
    try:
        daemon.start()
        daemon.queue(MANY.format(n=5))
        daemon.wait_done()
        daemon.queue(MANY.format(n=5))
        daemon.wait_done()
        daemon.stop()
        daemon.queue(MANY.format(n=5))
        subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
        after = len(daemon.log())
        daemon.start(ready=False)
        assert daemon.wait_exit(20) == 74
        assert "Read-only file system" in daemon.log()[after:] or \
            "readonly" in daemon.log()[after:], daemon.tail()
        assert len(daemon.log()[after:].splitlines()) == 1, daemon.log()[after:]
        assert len(fake.requests()) == 10
        # Readers read on.
        assert "chain: ok" in daemon.ctl("verify").stdout
        subprocess.run(["mount", "-o", "remount,rw", folder], check=True)
        daemon.start()
        wait_until(lambda: daemon.states() == {"succeeded": 15}, 20)
        daemon.stop()
        check_story(daemon, fake)
    finally:
        daemon.kill()
        subprocess.run(["umount", "-l", folder], check=False)
        folder.rmdir()


# fault: D10
def test_what_the_tool_says_is_submitted_is_on_disk():
    """Not before the removal of the journal, which is the commit, is on disk as well."""
    if not shutil.which("strace"):
        raise Skip("strace is not installed")
    daemon = Daemon(Fake())
    daemon.start()
    record = daemon.scratch / "strace"
    subprocess.run(
        ["strace", "-f", "-y", "-qq", "-o", record, "-e", "trace=unlink,fsync,fdatasync,write",
         TOKENCTL, "-c", daemon.conf, "create", "user_a"], check=True, timeout=60,
        stdout=subprocess.PIPE, env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"})
    calls = record.read_text()
    removed = calls.rindex("queue.db-journal\")")
    synced = calls.find(f"<{daemon.queue_db.parent}>)", removed)
    told = calls.find("write(1", removed)
    assert -1 < synced < told, calls[removed:]
    daemon.stop()


if __name__ == "__main__":
    main()
