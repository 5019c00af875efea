#!/usr/bin/env python3
# ctest: labels=quick timeout=120
"""Colour: on a terminal alone, and not where somebody does not want it."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import pty
import re
import subprocess

from harness import TOKENCTL, Daemon, Fake, _environment, main, wait_until

SGR = re.compile(r"\x1b\[\d+m")


def on_terminal(daemon, *arguments, **env):
    """What clerk-tokenctl prints to a terminal."""
    master, slave = pty.openpty()
    with subprocess.Popen(
        [TOKENCTL, "-c", daemon.conf, *arguments], stdin=subprocess.DEVNULL, stdout=slave,
        stderr=subprocess.PIPE, env=_environment({"TERM": "xterm", **env})
    ) as child:
        os.close(slave)
        text = b""
        while True:
            try:
                part = os.read(master, 65536)
            except OSError:  # EIO: the other end is closed
                part = b""
            if not part:
                break
            text += part
        child.wait(60)
        assert b"Sanitizer" not in child.stderr.read()
    os.close(master)
    return text.decode().replace("\r\n", "\n")


def with_jobs():
    daemon = Daemon(Fake())
    daemon.start()
    daemon.queue("INSERT INTO job (action, user_id, reference) VALUES "
                 "('create', 'user_a', 'failed'), ('create', 'user_missing', NULL);")
    daemon.wait_done()
    return daemon


def test_states_are_painted():
    daemon = with_jobs()
    plain = daemon.ctl("jobs").stdout
    assert "\x1b" not in plain
    shown = on_terminal(daemon, "jobs")
    assert "\x1b[31mfailed\x1b[0m" in shown and "\x1b[32msucceeded\x1b[0m" in shown, shown
    # The columns stand where they stand without.
    assert SGR.sub("", shown) == plain, (shown, plain)
    assert "\x1b[33mmay be live\x1b[0m" in on_terminal(daemon, "tokens")
    job = on_terminal(daemon, "job", "1")
    assert "state             \x1b[32msucceeded\x1b[0m\n" in job, job
    # What a script wrote is no state.
    assert "reference         failed\n" in job, job


def test_nobody_else_gets_colour():
    daemon = with_jobs()
    for env in ({"NO_COLOR": "1"}, {"TERM": "dumb"}, {"TERM": ""}):
        assert "\x1b" not in on_terminal(daemon, "jobs", **env), env
    assert "\x1b" in on_terminal(daemon, "jobs", NO_COLOR="")
    for form in ("--json", "--csv"):
        assert "\x1b" not in on_terminal(daemon, "jobs", form), form


def test_what_stands_still_is_red():
    daemon = with_jobs()
    assert "clerk-tokend   \x1b[32mworking\x1b[0m, version" in on_terminal(daemon, "status")
    assert "\x1b[32mok\x1b[0m    " in on_terminal(daemon, "doctor", "--offline")
    daemon.queue("INSERT INTO command (verb) VALUES ('pause');")
    wait_until(lambda: daemon.status_json()["state"] == "paused", 10)
    assert "\x1b[33mpaused\x1b[0m, version" in on_terminal(daemon, "status")
    daemon.stop()
    assert "\x1b[31mnot running\x1b[0m, version" in on_terminal(daemon, "status")


if __name__ == "__main__":
    main()
