#!/usr/bin/env python3
# ctest: labels=slow timeout=200
"""When the monitors' files are written: where something changed, once a second at most."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import signal
import time

from harness import Daemon, Fake, main, wait_until

FILES = ("status.json", "metrics.prom")


def stamps(daemon):
    found = [os.stat(daemon.run / name) for name in FILES]
    return [(s.st_ino, s.st_mtime_ns) for s in found]


def test_renamed_into_place_once_a_second_where_something_changed():
    # Readable by all, whatever the daemon's umask.
    daemon = Daemon(Fake(), {"rate.window": "1s"})
    daemon.start(prefix=("sh", "-c", 'umask 077; exec "$@"', "sh"))
    seen = [open(daemon.run / name) for name in FILES]
    before = stamps(daemon)
    moments = [[], []]
    end = time.monotonic() + 4.5
    while time.monotonic() < end:
        daemon.queue("INSERT INTO job (action, user_id) VALUES ('create', 'user_a');")
        for i, (_, moment) in enumerate(stamps(daemon)):
            if moment not in moments[i]:
                moments[i].append(moment)
    for times in moments:
        assert 3 <= len(times) <= 6, times
        # Files' times go by the kernel's tick.
        assert all(b - a > 980_000_000 for a, b in zip(times, times[1:])), times
    daemon.wait_done()
    # Until the window is empty and the idle checkpoint was made, nothing in it moves then.
    wait_until(lambda: daemon.status_json()["rate"]["used"] == 0
               and daemon.status_json()["audit"]["wal_bytes"] == 0
               and daemon.status_json()["tokens"]["wal_bytes"] == 0, 30)
    time.sleep(0.5)
    after = stamps(daemon)
    assert all(a[0] != b[0] for a, b in zip(before, after)), "written in place"
    for file in seen:
        # Whoever had the old one open reads it whole.
        assert file.read().rstrip().endswith(("}", "} 1"))
        file.close()
    assert all(os.stat(daemon.run / name).st_mode & 0o777 == 0o644 for name in FILES)
    assert sorted(os.listdir(daemon.run)) == sorted(FILES)
    time.sleep(3.2)
    assert stamps(daemon) == after, "written although nothing changed"


def test_the_age_tells_that_it_lives():
    fake = Fake()
    idle, bereft, stuck = (Daemon(fake) for _ in range(3))
    for daemon in (idle, bereft, stuck):
        daemon.start()
    # Past the first status and the checkpoint that an idle daemon makes, both told.
    for daemon in (idle, bereft, stuck):
        wait_until(lambda: not daemon.status_json()["audit"]["wal_bytes"]
                   and not daemon.status_json()["tokens"]["wal_bytes"], 30)
    time.sleep(6)
    before, last = stamps(idle), stamps(stuck)
    (bereft.run / "metrics.prom").unlink()
    stuck.signal(signal.SIGSTOP)
    wait_until(lambda: all(b[1] - a[1] > 30_000_000_000 for a, b in zip(before, stamps(idle))), 90)
    assert [a[0] for a in before] == [b[0] for b in stamps(idle)], "written anew"
    wait_until(lambda: (bereft.run / "metrics.prom").exists(), 20)
    assert stamps(stuck) == last
    stuck.signal(signal.SIGCONT)


if __name__ == "__main__":
    main()
