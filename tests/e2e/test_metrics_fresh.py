#!/usr/bin/env python3
# ctest: labels=slow timeout=200
"""An idle daemon's files are not rewritten, but their age tells that it lives."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import signal
import time

from harness import Daemon, Fake, main, wait_until

FILES = ("status.json", "metrics.prom")


def stamps(daemon):
    found = [os.stat(daemon.run / name) for name in FILES]
    return [(s.st_ino, s.st_mtime) for s in found]


def test_the_age_tells_that_it_lives():
    fake = Fake()
    idle, bereft, stuck = (Daemon(fake) for _ in range(3))
    for daemon in (idle, bereft, stuck):
        daemon.start()
    # Past the first status and the checkpoint that an idle daemon makes.
    time.sleep(6)
    before, last = stamps(idle), stamps(stuck)
    (bereft.run / "metrics.prom").unlink()
    stuck.signal(signal.SIGSTOP)
    wait_until(lambda: all(b[1] - a[1] > 30 for a, b in zip(before, stamps(idle))), 90)
    assert [a[0] for a in before] == [b[0] for b in stamps(idle)], "written anew"
    wait_until(lambda: (bereft.run / "metrics.prom").exists(), 20)
    assert stamps(stuck) == last
    stuck.signal(signal.SIGCONT)


if __name__ == "__main__":
    main()
