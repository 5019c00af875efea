#!/usr/bin/env python3
# ctest: labels=quick timeout=120
"""Configurations and keys with which the daemon does not start: 78, and one line that says
which file, which line, which key. The exact texts are the unit tests' business."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import re
import subprocess
import time

from harness import KEY, TOKEND, Daemon, Fake, Skip, check_story, main, wait_until

NOWHERE = "http://127.0.0.1:1"


def refused(daemon, *said, prefix=()):
    """Both ways to ask: the daemon itself, and --check. Nothing is made on the way."""
    for options in ([], ["--check"]):
        began = time.monotonic()
        done = subprocess.run([*prefix, TOKEND, "-c", str(daemon.conf), *options], timeout=30,
                              stdin=subprocess.DEVNULL, capture_output=True, check=False)
        stderr = done.stderr.decode()
        assert done.returncode == 78, (done.returncode, stderr)
        lines = stderr.splitlines()
        assert len(lines) == 1 and len(lines[0]) < 500 and not done.stdout, done
        assert re.match(r"(error|clerk-tokend): ", lines[0]), lines
        for text in said:
            assert text in lines[0], (text, lines[0])
        assert time.monotonic() - began < 10
    assert not list(daemon.state.iterdir()) and not list(daemon.run.iterdir())


# fault: C1
def test_no_file():
    daemon = Daemon(NOWHERE)
    conf = str(daemon.conf)
    daemon.conf.unlink()
    refused(daemon, conf, "No such file or directory")
    daemon.conf.mkdir()
    refused(daemon, conf, "is a folder")
    daemon.conf.rmdir()
    os.mkfifo(daemon.conf)
    refused(daemon, conf, "is no regular file")
    daemon.conf.unlink()
    if os.geteuid() != 0:
        raise Skip("needs root, to be somebody else")
    daemon.configure({})
    daemon.conf.chmod(0)
    refused(daemon, conf, "Permission denied",
            prefix=("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"))


# fault: C2 C3 C4 C5
def test_no_configuration():
    daemon = Daemon(NOWHERE)
    conf = str(daemon.conf)
    good = daemon.conf.read_bytes()
    for data, said in (
        (good + b"#" * (100 << 20), "is over 1 MiB"),
        (b"", "is empty"),
        (b"\n \n", "is empty"),
        (b"\xef\xbb\xbf" + good, ":1: begins with a byte order mark"),
        (b"\xff\xfe" + good.decode().encode("utf-16-le"), ":1: is UTF-16"),
        (b"policy:{actions=" + b"[" * 1000000, ":1: policy.actions: an array stands here"),
        (b"rate:{" * 170000, ":1: rate.rate: unknown key"),
        (b"(" * 1000000, ":1: syntax error"),
    ):
        daemon.conf.write_bytes(data)
        refused(daemon, conf, said)


# fault: C6 C7 C8 C9 C10 C11 C12
def test_wrong_values():
    daemon = Daemon(NOWHERE)
    good = daemon.conf.read_text()
    line = good.count("\n") + 1
    for text, *said in (
        ("concurrency = 1; concurrency = 2;", "concurrency: given twice"),
        ("concurency = 1;", "concurency: unknown key; did you mean concurrency?"),
        ("concurrency = 4294967297;", "concurrency: 4294967297 is out of range"),
        ("concurrency = 99999999999;", "concurrency: 99999999999 is out of range"),
        ("concurrency = 010;", "concurrency: 010 is no plain whole number"),
        ("policy: { default_expires_in = \"2h\"; max_expires_in = \"1h\"; };",
         "policy.max_expires_in", "policy.default_expires_in"),
        ("# sk_live_" "0a", "a Clerk secret key stands here"),
    ):
        daemon.conf.write_text(good + text + "\n")
        refused(daemon, f"{daemon.conf}:{line}: ", *said)
    for change, said in (
        ({"rate.share": "1e400"}, "rate.share: 1e400 is no plain decimal number"),
        ({"rate.requests": "4294967297"}, "rate.requests: 4294967297 is out of range"),
        ({"state_directory": '"var"'}, "state_directory: \"var\" is not absolute"),
        ({"state_directory": '"file:/x?mode=memory"'}, "state_directory"),
        ({"runtime_directory": '"run"'}, "runtime_directory: \"run\" is not absolute"),
        ({"clerk.ca_file": '"ca.pem"'}, "clerk.ca_file: \"ca.pem\" is not absolute"),
        ({"clerk.api_url": '"http://api.clerk.com"'}, "would show the key to the network"),
        ({"clerk.api_url": '"https://me:hunter2@api.clerk.com"'}, "names a user or password"),
        ({"clerk.proxy": '"http://me:hunter2@proxy"'}, "names a user or password"),
        ({"retry.initial_delay": '"10min"'}, "retry.max_delay"),
        ({"clerk.connect_timeout": '"40s"'}, "clerk.request_timeout"),
    ):
        key, value = next(iter(change.items()))
        group, _, name = key.rpartition(".")
        text = re.sub(rf"^\s*{name} = .*\n", "", good, flags=re.M)
        entry = f"{name} = {value};\n"
        if group and f"{group}: {{\n" in text:
            text = text.replace(f"{group}: {{\n", f"{group}: {{\n{entry}")
        else:
            text += f"{group}: {{ {entry} }};\n" if group else entry
        daemon.conf.write_text(text)
        refused(daemon, f"{daemon.conf}:", said)
        assert "hunter2" not in said


# fault: K1 K2 K4
def test_no_key():
    daemon = Daemon(NOWHERE)
    key = daemon.key_file
    key.unlink()
    refused(daemon, str(key), "No such file or directory")
    for data, said in (
        (b"", "is empty"),
        (b"\n", "is empty"),
        (KEY.encode() + b"a" * (1 << 20), "is over 4 KiB"),
        (KEY.encode() + b"\0\n", "holds a NUL"),
        (b"\xef\xbb\xbf" + KEY.encode(), "begins with a byte order mark"),
        (b"pk_test_abc\n", "holds a publishable key"),
    ):
        daemon.write_key(data)
        refused(daemon, str(key), said)
    daemon.write_key(KEY)
    for mode in (0o644, 0o604, 0o660):
        key.chmod(mode)
        refused(daemon, str(key), "chmod")


# fault: K3
def test_a_newline_behind_the_key():
    for end in (b"", b"\n", b"\r\n"):
        fake = Fake()
        daemon = Daemon(fake, key=KEY.encode() + end)
        daemon.start()
        daemon.queue("INSERT INTO job (action, user_id) VALUES ('create', 'user_a');")
        daemon.wait_done()
        daemon.stop()
        assert daemon.states() == {"succeeded": 1}


# fault: C13
def test_a_reload_that_does_not_hold():
    """The old configuration and the old key go on, and everybody is told."""
    fake = Fake()
    daemon = Daemon(fake, {"concurrency": 3})
    daemon.start()
    good = daemon.conf.read_text()
    for file, data, said in (
        (daemon.conf, good.replace("concurrency = 3", "concurrency = 0"), "concurrency: 0"),
        (daemon.conf, good + "x = 1;\n", "x: unknown key"),
        (daemon.conf, "", "is empty"),
        (daemon.key_file, "pk_test_abc", "holds a publishable key"),
        (daemon.key_file, "", "is empty"),
    ):
        before, log = file.read_text(), len(daemon.log())
        after = daemon.notify.mark()
        file.write_text(data)
        daemon.reload()
        daemon.wait_status(f"reload not taken: .*{re.escape(said)}", 5, after=after)
        assert "the old configuration stays" in daemon.log()[log:], daemon.log()[log:]
        wait_until(lambda: said in str(daemon.status_json()), 5)
        told = daemon.ctl("status", check=0 if file == daemon.key_file else 1)
        assert said in told.stdout + told.stderr, told
        file.write_text(before)
        daemon.reload()
        wait_until(lambda: "not taken" not in daemon.notify.statuses()[-1], 5)
    fake.latency(300)
    after = daemon.notify.mark()
    daemon.conf.write_text(good.replace("concurrency = 3", "concurrency = 0"))
    daemon.reload()
    daemon.queue("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 12)"
                 "INSERT INTO job (action, user_id) SELECT 'create', 'user_' || i FROM n;")
    daemon.wait_done()
    daemon.stop()
    # Three at a time, as before.
    most, running = 0, 0
    for row in daemon.audit("SELECT event FROM audit WHERE attempt ORDER BY seq"):
        running += {"sent": 1, "answered": -1}.get(row["event"], 0)
        most = max(most, running)
    assert most == 3, most
    daemon.conf.write_text(good)
    check_story(daemon, fake)


# fault: K6
def test_the_key_is_rotated_in_mid_flight():
    """The old one ends at Clerk while sixteen requests with it are on their way."""
    fake = Fake("--latency-ms", "400", keys=(KEY, "sk_test_other"))
    daemon = Daemon(fake)
    daemon.start()
    daemon.queue("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200)"
                 "INSERT INTO job (action, user_id) SELECT 'create', 'user_' || i FROM n;")
    wait_until(lambda: daemon.states().get("running") == 16, 10)
    daemon.write_key("sk_test_other")
    daemon.reload()
    fake.set_keys("sk_test_other")
    fake.latency(5)
    daemon.wait_done(60)
    daemon.stop()
    assert daemon.states() == {"succeeded": 200}, daemon.states()
    check_story(daemon, fake)


if __name__ == "__main__":
    main()
