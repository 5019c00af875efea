#!/usr/bin/env python3
# ctest: labels=slow timeout=180
"""A full disk: nothing lost, nothing sent unrecorded, and it goes on by itself."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from harness import Daemon, Fake, Skip, check_story, main, wait_until

MANY = """
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {n})
INSERT INTO job (action, user_id, reason) SELECT 'create', 'user_' || i, 'full disk' FROM n;
"""


def small_disk(size):
    folder = Path(tempfile.mkdtemp(prefix="tokend-disk-"))
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=755", "tmpfs",
                           str(folder)], capture_output=True, text=True, check=False)
    if done.returncode:
        folder.rmdir()
        raise Skip(f"cannot mount a tmpfs: {done.stderr.strip()}")
    return folder


def grow(folder, size):
    subprocess.run(["mount", "-o", f"remount,size={size}", str(folder)], check=True)


def unmount(folder):
    subprocess.run(["umount", "-l", str(folder)], check=False)
    folder.rmdir()


# fault: D1 D2
def test_full_while_sending():
    folder = small_disk("2M")
    fake = Fake("--latency-ms", "5-20")
    daemon = Daemon(fake, {"state_directory": str(folder / "state"), "concurrency": 16})
    daemon.state = folder / "state"
    daemon.state.mkdir()
    try:
        daemon.start()
        # 2 MiB do not hold what these jobs bring.
        daemon.queue(MANY.format(n=2000))
        wait_until(lambda: "held: disk" in daemon.log(), 30, "the hold")

        # Nothing is sent that is not on disk.
        sent = daemon.audit("SELECT count(*) AS n FROM audit WHERE event = 'sent'")[0]["n"]
        requests = len(fake.requests())
        assert requests <= sent, (requests, sent)
        time.sleep(2.5)
        assert len(fake.requests()) <= sent, "nothing new while it is full"
        grow(folder, "64M")
        daemon.wait_done(deadline=60)
        assert daemon.states() == {"succeeded": 2000}, daemon.states()
        events = [r["event"] for r in daemon.audit(
            "SELECT event FROM audit WHERE error_code = 'disk' ORDER BY seq")]
        assert events and events[0] == "held" and events[-1] == "released", events
        daemon.stop()
        check_story(daemon, fake)
    finally:
        daemon.kill()
        unmount(folder)


# fault: D1 P4
def test_full_at_the_start():
    """It waits for room; a reload that comes meanwhile is done once it has started."""
    folder = small_disk("1M")
    fake = Fake()
    daemon = Daemon(fake, {"state_directory": str(folder / "state")})
    daemon.state = folder / "state"
    daemon.state.mkdir()
    try:
        filler = folder / "filler"
        with open(filler, "wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"x" * 4096)
            except OSError:
                pass
        daemon.start(ready=False)
        daemon.wait_log("waiting for room on the disk", 20)
        assert daemon.running()
        daemon.configure({"concurrency": 7})
        daemon.signal(signal.SIGHUP)
        assert daemon.running()
        filler.unlink()
        daemon.wait_notify("READY", "1", 20)
        wait_until(lambda: daemon.status_json()["concurrency"] == 7, 10,
                   "the configuration that came during the start is taken")
        daemon.stop()
    finally:
        daemon.kill()
        unmount(folder)


if __name__ == "__main__":
    main()
