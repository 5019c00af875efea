#!/usr/bin/env python3
# ctest: labels=quick timeout=240
"""Batches as people think of them: lists, limits, canaries, and watching one on a terminal."""

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from harness import TOKENCTL, Daemon, Failure, Fake, check_story, main, wait_until


class Terminal:
    """clerk-tokenctl on a pty, and what a person would see on it."""

    def __init__(self, daemon, *words, columns=40, rows=10, term="xterm"):
        self.master, slave = pty.openpty()
        self.resize(columns, rows)
        self.columns = columns
        self.bytes = b""
        self.child = subprocess.Popen(
            [TOKENCTL, "-c", daemon.conf, *words],
            stdin=slave, stdout=slave, stderr=slave, close_fds=True, start_new_session=True,
            env={"PATH": os.environ["PATH"], "TERM": term},
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        os.close(slave)

    def resize(self, columns, rows=10):
        self.columns = columns
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, text):
        os.write(self.master, text)

    def read(self, seconds=0.05):
        """Takes what came; false at the end."""
        if not select.select([self.master], [], [], seconds)[0]:
            return True
        try:
            data = os.read(self.master, 65536)
        except OSError:  # the other end is closed
            return False
        self.bytes += data
        return bool(data)

    def wait_for(self, pattern, deadline=20):
        end = time.monotonic() + deadline
        while not re.search(pattern, self.screen()):
            if time.monotonic() > end or not self.read():
                raise Failure(f"the terminal never shows {pattern!r}: {self.screen()!r}")

    def wait_exit(self, deadline=30):
        end = time.monotonic() + deadline
        while self.read():
            if time.monotonic() > end:
                raise Failure(f"it never ends: {self.screen()!r}")
        status = self.child.wait(10)
        os.close(self.master)
        return status

    def screen(self):
        """The lines as they stand after all that was written; fails on a line that wraps."""
        lines, row, column = [""], 0, 0
        text = self.bytes.decode(errors="replace")
        for token in re.findall(r"\x1b\[\d*[A-Za-z]|\x1b.|.|\n", text, re.S):
            if token == "\r":
                column = 0
            elif token == "\n":
                row += 1
                if row == len(lines):
                    lines.append("")
            elif token == "\x1b[2A":
                row = max(0, row - 2)
            elif token == "\x1b[K":
                lines[row] = lines[row][:column]
            elif token == "\x1b[J":
                lines[row] = lines[row][:column]
                del lines[row + 1:]
            elif token.startswith("\x1b"):
                raise Failure(f"what is {token!r}?")
            else:
                lines[row] = lines[row][:column].ljust(column) + token + lines[row][column + 1:]
                column += 1
        return "\n".join(lines)


def limited(fake, **keys):
    """A daemon that sends twenty requests a second."""
    daemon = Daemon(fake, {"rate.requests": 20, "rate.window": "1s", **keys})
    daemon.start()
    return daemon


def users(name, n):
    return [f"user_{name}{i}" for i in range(n)]


def test_batches_are_listed():
    fake = Fake()
    daemon = Daemon(fake)
    daemon.start()
    daemon.ctl("create", *users("a", 3), "user_missing1", "--batch", "first", "--wait", check=1)
    daemon.ctl("create", *users("b", 2), "--batch", "second", "--wait")
    daemon.ctl("pause", "--batch", "third")
    daemon.ctl("create", *users("c", 2), "--batch", "third")
    wait_until(lambda: daemon.states().get("queued") == 2, 10)
    rows = daemon.ctl_json("batches")
    got = [(row["batch"], row["state"], row["jobs"], row["queued"], row["succeeded"],
            row["failed"]) for row in rows]
    assert got == [("third", "paused", 2, 2, 0, 0), ("second", "done", 2, 0, 2, 0),
                   ("first", "done", 4, 0, 3, 1)], got
    times = daemon.audit("SELECT min(accepted_at) a, max(finished_at) f FROM job WHERE batch='first'")
    assert (rows[2]["first_accepted_at"], rows[2]["last_finished_at"]) == (
        times[0]["a"], times[0]["f"]), rows[2]
    table = daemon.ctl("batches", "--limit", "1")
    assert "third" in table.stdout and "second" not in table.stdout, table
    assert "only 1 batches are shown" in table.stderr, table
    assert daemon.ctl_json("batches", "--since", "+1h") == []
    # With the daemon stopped, rows that wait in the queue are counted too.
    daemon.stop()
    daemon.ctl("create", "user_d", "--batch", "fourth")
    daemon.ctl("create", "user_d", "--batch", "third")
    rows = daemon.ctl_json("batches")
    assert [(row["batch"], row["state"], row["jobs"], row["not_taken"]) for row in rows[:2]] == [
        ("fourth", "waiting", 1, 1), ("third", "paused", 3, 1)], rows


def test_max_failures_by_the_command_line():
    fake = Fake()
    daemon = Daemon(fake, {"concurrency": 1})
    daemon.start()
    daemon.ctl("create", "user_a", *users("missing", 10), "--batch", "b", "--max-failures", "3")
    watched = daemon.ctl("watch", "b", check=1)
    assert watched.stdout.splitlines()[-1] == (
        "batch b: 1 succeeded, 3 failed, 7 cancelled; stopped: max_failures (3) was reached"), watched
    assert daemon.ctl_json("batches")[0]["state"] == "stopped"
    text = daemon.ctl("explain", "11").stdout
    assert "was cancelled" in text and "max_failures of its batch was reached" in text, text
    # The daemon's own command is in the audit, with what it did.
    own = daemon.audit("SELECT verb, affected, requested_by, reason FROM command WHERE id < 0")
    assert own == [{"verb": "cancel", "affected": 7, "requested_by": "clerk-tokend",
                    "reason": "max_failures of the batch is reached"}], own
    cancelled = daemon.audit("SELECT count(*) n FROM audit WHERE event = 'cancelled'")
    assert cancelled[0]["n"] == 7
    # What comes later is cancelled as it comes, and says why.
    late = daemon.ctl("create", "user_late", "--batch", "b", "--wait", check=1)
    assert "cancelled" in late.stdout, late
    assert "max_failures of its batch" in daemon.ctl("explain", "12").stdout
    daemon.stop()
    check_story(daemon, fake)


def test_a_stopped_batch_that_was_retried():
    fake = Fake()
    daemon = Daemon(fake, {"concurrency": 1, "clerk.request_timeout": "2min"})
    daemon.start()

    def state():
        return daemon.ctl_json("batches")[0]["state"]

    fake.script({"fault": "status=422", "count": 2})
    daemon.ctl("create", *users("a", 5), "--batch", "b", "--max-failures", "2", "--wait", check=1)
    assert state() == "stopped"
    fake.signal(signal.SIGSTOP)
    daemon.ctl("retry", "--batch", "b", "--expect", "5")
    wait_until(lambda: daemon.states() == {"running": 1, "queued": 4}, 20)
    assert state() == "working"
    fake.signal(signal.SIGCONT)
    watched = daemon.ctl("watch", "b")
    assert watched.stdout.splitlines()[-1] == (
        "batch b: 5 succeeded; max_failures (2) was reached before: what comes later is "
        "cancelled"), watched
    assert state() == "done"
    # As it says.
    daemon.ctl("create", "user_late", "--batch", "b", "--append", "--wait", check=1)
    assert state() == "stopped"
    daemon.stop()
    check_story(daemon, fake)


def test_a_canary_by_plain_sql():
    fake = Fake()
    daemon = Daemon(fake)
    daemon.start()
    daemon.queue(
        "BEGIN; INSERT INTO batch (name, release_first, max_failures) VALUES ('s', 2, 1);"
        "INSERT INTO job (action, user_id, batch) VALUES ('create', 'user_a', 's'),"
        "('create', 'user_b', 's'), ('create', 'user_c', 's'), ('create', 'user_missing', 's'),"
        "('create', 'user_d', 's'); COMMIT;")
    wait_until(lambda: daemon.states() == {"succeeded": 2, "queued": 3}, 10)
    late = daemon.ctl("watch", "s", "--timeout", "500ms", check=75)
    assert "2 of 5 done, 3 left; batch s is a canary" in late.stdout, late
    assert f"clerk-tokenctl -c {daemon.conf} resume --batch 's'" in late.stdout, late
    assert daemon.ctl_json("batches")[0]["state"] == "canary"
    why = daemon.ctl_json("explain", "4")
    assert why["why"] == "canary" and why["state"] == "queued", why
    assert "3 jobs resumed" in daemon.ctl("resume", "--batch", "s").stdout
    daemon.ctl("watch", "s", check=1)
    daemon.stop()
    check_story(daemon, fake)


def test_a_canary_by_the_command_line_again_and_again():
    daemon = Daemon(Fake())
    daemon.start()
    again = ["create", *users("a", 5), "--batch", "c", "--first", "1", "--key-prefix", "k-"]
    daemon.ctl(*again)
    # A script that is run again says the same again.
    assert "0 submitted, 5 had been submitted before" in daemon.ctl(*again).stderr
    wait_until(lambda: daemon.states() == {"succeeded": 1, "queued": 4}, 10)
    daemon.ctl("resume", "--batch", "c")
    watched = daemon.ctl("watch", "c")
    assert watched.stdout.endswith("batch c: 5 succeeded\n"), watched


def test_a_pipe_gets_plain_lines():
    daemon = limited(Fake())
    daemon.ctl("create", *users("a", 45), "--batch", "b")
    began = time.monotonic()
    watched = daemon.ctl("watch", "b")
    lines = watched.stdout.splitlines()
    assert "\x1b" not in watched.stdout and "\r" not in watched.stdout, watched
    assert lines[-2:] == [lines[-2], "batch b: 45 succeeded"], lines
    assert re.match(r"45 of 45 done, 0 left(, [\d.]+/s)?$", lines[-2]), lines
    # At most one a second, and each of them new.
    assert len(lines) <= time.monotonic() - began + 4, lines
    assert len(set(lines)) == len(lines), lines
    # 45 jobs at 20 a second: two windows have to pass.
    assert re.search(r"about [1-3] s to go", lines[0]), lines


def test_a_narrow_terminal():
    daemon = limited(Fake())
    daemon.ctl("create", *users("a", 70), "--batch", "mailing")
    terminal = Terminal(daemon, "watch", "mailing", columns=40)
    terminal.wait_for(r"(?m)^mailing \[#+\.*\] +\d+%  \d+ of 70$")
    terminal.wait_for(r"(?m)^\d+ left, about \d s")
    terminal.resize(24)
    terminal.wait_for(r"(?m)^mailing \[[#.]+\] +\d+%$")
    terminal.resize(100)
    terminal.wait_for(r"mailing \[[#.]{60}\] +\d+%  \d+ of 70")
    terminal.resize(40)
    assert terminal.wait_exit() == 0
    shown = terminal.screen().splitlines()
    assert re.match(r"mailing \[#+\] 100%  70 of 70$", shown[0]), shown
    assert shown[1].startswith("0 left"), shown
    assert shown[2] == "batch mailing: 70 succeeded", shown
    assert len(shown) == 3, shown


def test_lines_fit_the_terminal():
    daemon = limited(Fake())
    daemon.ctl("pause", "--reason", "a long story that nobody wants to hear in whole")
    daemon.ctl("create", *users("a", 25), "--batch", "a batch with a long name, larger than life")
    terminal = Terminal(daemon, "watch", "a batch with a long name, larger than life", columns=40)
    terminal.wait_for("everything is pause")
    daemon.ctl("resume")
    assert terminal.wait_exit() == 0
    drawn = re.findall(r"([^\r\n\x1b]*)\x1b\[K", terminal.bytes.decode())
    assert drawn and max(map(len, drawn)) <= 39, drawn


def test_an_interrupt_leaves_the_terminal_clean():
    daemon = Daemon(Fake())
    daemon.start()
    daemon.ctl("pause")
    daemon.ctl("create", "user_a", "--batch", "b")
    terminal = Terminal(daemon, "watch", "b", columns=80)
    terminal.wait_for(r"1 left, everything is paused since")
    terminal.type(b"\x03")
    assert terminal.wait_exit() == 130
    shown = terminal.screen()
    assert shown.splitlines()[2:] == ["^C"] and shown.endswith("\n"), shown
    # No colour, no hidden cursor, no other screen was left behind.
    assert set(re.findall(r"\x1b\[[^A-Za-z]*[A-Za-z]", terminal.bytes.decode())) <= {
        "\x1b[2A", "\x1b[K", "\x1b[J"}, terminal.bytes
    piped = subprocess.Popen([TOKENCTL, "-c", daemon.conf, "watch", "b"], stdout=subprocess.PIPE,
                             text=True)
    assert "everything is paused" in piped.stdout.readline()
    piped.send_signal(signal.SIGINT)
    assert piped.wait(10) == 130


def test_a_watch_that_nobody_reads():
    daemon = Daemon(Fake())
    daemon.start()
    daemon.ctl("pause")
    daemon.ctl("create", "user_a", "--batch", "b")
    reader, writer = os.pipe()
    os.close(reader)
    try:
        # It ends at once, and the batch is not over.
        done = subprocess.run([TOKENCTL, "-c", daemon.conf, "watch", "b"], stdout=writer,
                              stderr=subprocess.PIPE, timeout=30, check=False)
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (1, b""), done


def test_a_dumb_terminal_gets_plain_lines():
    daemon = Daemon(Fake())
    daemon.start()
    daemon.ctl("create", "user_a", "--batch", "b", "--wait")
    terminal = Terminal(daemon, "watch", "b", term="dumb")
    assert terminal.wait_exit() == 0
    assert terminal.screen() == "1 of 1 done, 0 left\nbatch b: 1 succeeded\n", terminal.screen()


def test_a_hold_is_said_at_once():
    fake = Fake()
    daemon = Daemon(fake)
    daemon.start()
    fake.set_keys("sk_test_another")
    daemon.ctl("create", "user_a", "--batch", "b")
    wait_until(lambda: daemon.audit("SELECT 1 FROM hold"), 10)
    late = daemon.ctl("watch", "b", "--timeout", "500ms", check=75)
    assert "0 of 1 done, 1 left; sending is held since" in late.stdout, late
    assert "(credentials)" in late.stdout and "; ends with: " in late.stdout, late
    assert "timed out waiting for batch b" in late.stderr, late


def test_without_a_daemon():
    daemon = Daemon(Fake())
    daemon.start()
    daemon.stop()
    daemon.ctl("create", "user_a", "--batch", "b")
    late = daemon.ctl("watch", "b", check=75)
    assert "0 of 1 done, 1 left" in late.stdout, late
    assert "the daemon is not running" in late.stderr, late
    daemon.ctl("watch", "none", check=66)
    daemon.start()
    daemon.ctl("watch", "b")


def test_an_answer_on_the_terminal():
    daemon = Daemon(Fake())
    daemon.start()
    daemon.ctl("create", "user_a", "user_b", "--batch", "b", "--wait")
    terminal = Terminal(daemon, "revoke", "--batch", "b", columns=80)
    terminal.wait_for(r"go on\? \(y/N\)")
    assert "2 revokes: 1 window, about 1 s" in terminal.screen(), terminal.screen()
    terminal.type(b"n\n")
    assert terminal.wait_exit() == 1
    assert "nothing was done" in terminal.screen()
    assert len(daemon.ctl_json("tokens", "--live")) == 2
    terminal = Terminal(daemon, "revoke", "--batch", "b", "--wait", columns=80)
    terminal.wait_for(r"go on\?")
    terminal.type(b"y\n")
    assert terminal.wait_exit() == 0
    assert daemon.ctl_json("tokens", "--live") == []


def test_what_a_bulk_change_costs():
    """In the words of the issue: a live key's budget, the revokes' urgent share."""
    daemon = Daemon(Fake(keys=("sk_live_harness",)), {
        "rate.requests": None, "rate.share": None, "clerk.api_url": None}, key="sk_live_harness")
    daemon.configure({"clerk.api_url": "http://127.0.0.1:1"})
    daemon.start()
    text = "sign_in_token_id\n" + "".join(f"sit_{i}\n" for i in range(4200))
    done = daemon.ctl("revoke", "--from", "-", "--dry-run", stdin=text)
    assert done.stderr == "clerk-tokenctl: 4,200 revokes: 5 windows, about 42 s\n", done
    text = "user_id\n" + "".join(f"user_{i}\n" for i in range(4200))
    done = daemon.ctl("create", "--from", "-", "--dry-run", stdin=text)
    assert done.stderr == "clerk-tokenctl: 4,200 creates: 9 windows, about 1 min 21 s\n", done
    assert daemon.queue("SELECT count(*) FROM job") == "0"


def test_nobody_is_left_out_of_a_mail_merge_in_silence():
    daemon = Daemon(Fake())
    daemon.start()
    daemon.ctl("create", "user_a", "user_missing", "--batch", "b", "--wait", check=1)
    done = daemon.ctl("secret", "--batch", "b")
    assert len(done.stdout.splitlines()) == 2, done
    assert "not in the list: 0 jobs of the batch not over yet, 1 that did not succeed" in done.stderr


if __name__ == "__main__":
    main()
