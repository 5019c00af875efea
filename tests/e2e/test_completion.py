#!/usr/bin/env python3
# ctest: labels=quick timeout=120
"""Bash completes clerk-tokenctl by the build's own file."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import pty
import re
import select
import subprocess
import tempfile
import time

from harness import BUILD, SOURCE, TOKENCTL, Failure, Skip, main

SCRIPT = BUILD / "completions" / "clerk-tokenctl"
ASK = ('source "$1"; COMP_WORDS=("${@:2}"); COMP_CWORD=$(($# - 2)); _clerk_tokenctl; '
       'printf "%s\\n" "${COMPREPLY[@]}"')


def complete(*words, cwd=None):
    """What bash offers for the last of the words, as readline splits them."""
    done = subprocess.run(
        ["bash", "--norc", "-u", "-c", ASK, "bash", SCRIPT, "clerk-tokenctl", *words],
        cwd=cwd, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0 and not done.stderr, done
    return done.stdout.split("\n")[:-1] if done.stdout.strip() else []


def table(name, kind):
    """The words of a .def file."""
    text = (SOURCE / "src" / name).read_text()
    return re.findall(rf'^{kind}\(\w+, "(\w+)"', text, re.M)


def commands():
    text = (SOURCE / "src" / "ctl" / "cmd.def").read_text()
    return re.findall(r"^COMMAND\((\w+),", text, re.M)


def test_commands():
    assert complete("") == commands()
    assert complete("sta") == ["status"]
    assert complete("nothing") == []
    assert complete("-i", "eu", "sta") == ["status"]
    assert complete("--config", "=", "/x.conf", "sta") == ["status"]
    assert complete("--ver") == ["--version"]


def test_each_option_of_each_command():
    for command in commands():
        shown = subprocess.run([TOKENCTL, command, "--help"], capture_output=True, text=True,
                               timeout=30, check=True).stdout
        wanted = re.findall(r"^  (?:-\w, )?(--[a-z-]+)", shown, re.M)
        assert len(wanted) > 3, shown
        assert complete(command, "-") == wanted, command
    assert complete("jobs", "--json", "--since", "-1h", "--sta") == ["--state"]


def test_values():
    states = table("model/job.def", "JOB_STATE")
    assert complete("jobs", "--state", "") == states and len(states) == 7
    assert complete("jobs", "--state", "=", "fa") == ["failed"]
    assert complete("jobs", "--state", "=") == states
    assert complete("pause", "--action", "c") == ["create"]
    assert complete("audit", "--event", "an") == ["answered"]
    assert complete("jobs", "--result", "already_") == ["already_revoked", "already_used"]
    # What nobody can know is left to who types.
    assert complete("jobs", "--user", "") == [] and complete("job", "") == []
    # --token takes a token here and nothing there.
    assert complete("jobs", "--token", "--") == []
    assert "--url" in complete("secret", "--token", "--")


def test_reports():
    if "report" not in commands():
        raise Skip("there is no command report")
    text = (SOURCE / "src" / "ctl" / "report.def").read_text()
    names = re.findall(r"^REPORT\((\w+),", text, re.M)
    assert len(names) == 10 and complete("report", "") == names, names
    assert complete("report", "su") == ["summary"]
    assert complete("report", "summary", "--format", "j") == ["json"]


def test_files():
    with tempfile.TemporaryDirectory() as folder:
        for name in ("users.csv", "with blank.csv"):
            open(f"{folder}/{name}", "w").close()
        assert complete("create", "--from", "u", cwd=folder) == ["users.csv"]
        assert complete("create", "--from", "w", cwd=folder) == ["with blank.csv"]
        assert complete("-c", "u", cwd=folder) == ["users.csv"]
        assert complete("create", "u", cwd=folder) == []


def test_in_a_terminal():
    """Typed, with the Tab key, into an interactive bash."""
    master, slave = pty.openpty()
    with subprocess.Popen(
        ["bash", "--norc", "--noprofile", "-i"], stdin=slave, stdout=slave, stderr=slave,
        env={"PATH": os.environ["PATH"], "TERM": "dumb", "PS1": "$ ", "INPUTRC": "/dev/null"},
        start_new_session=True,
    ) as bash:
        os.close(slave)
        os.write(master, f"source {SCRIPT}\nclerk-tokenctl jo\t\x15".encode())
        os.write(master, b"clerk-tokenctl jobs --sta\tfai\t\n")
        text, end = "", time.monotonic() + 20
        while "jobs --state failed" not in text and time.monotonic() < end:
            if select.select([master], [], [], 0.2)[0]:
                text += os.read(master, 4096).decode()
        bash.kill()
    os.close(master)
    if "jobs --state failed" not in text:
        raise Failure(text)


if __name__ == "__main__":
    main()
