#!/usr/bin/env python3
# ctest: labels=quick timeout=120
"""What each kind of person can and cannot do (doc/security.md), with real users."""

import errno
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from pathlib import Path

import harness
from harness import (KEY, TOKENCTL, TOKEND, Daemon, Fake, Skip, check_story, main, sql,
                     wait_until)

CANARY = "canaryXcanary"
# As numbers: nobody of this name has to be on the machine.
DAEMON, SUBMIT_GROUP, AUDIT_GROUP = 4700, 4711, 4712
SUBMITTER = {"user": 4701, "group": 4701, "extra_groups": [SUBMIT_GROUP, AUDIT_GROUP]}
AUDITOR = {"user": 4702, "group": 4702, "extra_groups": [AUDIT_GROUP]}
NOBODY = {"user": 65534, "group": 65534, "extra_groups": []}
THREE_HUNDRED = ("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300) "
                 "INSERT INTO job (action, user_id, requested_by) "
                 "SELECT 'create', 'user_' || i, 'mary' FROM n;")


class Instance(Daemon):
    """A daemon under a user of its own, its folders as the package makes them."""

    def __init__(self, fake, configuration=None):
        if os.geteuid() != 0:
            raise Skip("needs root, to be several users")
        super().__init__(fake, configuration)
        # The build may stand where other users cannot go.
        self.bin = self.scratch / "bin"
        self.bin.mkdir(mode=0o755)
        for program in (TOKEND, TOKENCTL):
            shutil.copy(program, self.bin)
        for name, mode, group in (("queue", 0o2770, SUBMIT_GROUP), ("audit", 0o2750, AUDIT_GROUP),
                                  ("tokens", 0o2750, SUBMIT_GROUP)):
            (self.state / name).mkdir()
            os.chown(self.state / name, DAEMON, group)
            os.chmod(self.state / name, mode)
        for path in (self.scratch, self.state, self.run, self.key_file):
            os.chown(path, DAEMON, DAEMON)
        self.state.chmod(0o755)
        self.run.chmod(0o755)

    def start(self, *options, **spawn):
        harness.TOKEND = self.bin / "clerk-tokend"
        harness.TOKENCTL = self.bin / "clerk-tokenctl"
        if self.notify is None:
            self.notify = harness.Notify(self.scratch / "notify")
            os.chown(self.notify.path, DAEMON, DAEMON)
        return super().start(*options, user=DAEMON, group=DAEMON,
                             extra_groups=[SUBMIT_GROUP, AUDIT_GROUP], **spawn)


def working(configuration=None):
    """A daemon with three hundred tokens."""
    fake = Fake("--canary", CANARY)
    daemon = Instance(fake, configuration)
    daemon.start()
    daemon.queue(THREE_HUNDRED, **SUBMITTER)
    daemon.wait_done()
    return fake, daemon


def shell(command, who):
    """The exit status and what a command of a shell says, run as somebody."""
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=60,
                          check=False, cwd="/", **who)
    return done.returncode, done.stdout + done.stderr


def refused(command, who, words="Permission denied|Operation not permitted|not readable|"
            "readonly database|unable to open|readonly directory|read-only"):
    status, said = shell(command, who)
    assert status != 0, f"as {who['user']} this works: {command}: {said}"
    assert re.search(words, said), f"{command}: {said}"


def refuses_to_write(daemon, who):
    """Nobody but the daemon changes audit and secrets, by whatever way."""
    for path in (daemon.audit_db, daemon.tokens_db):
        folder = path.parent
        table = "audit" if path == daemon.audit_db else "secret"
        for command in (
                f"sqlite3 -bail {path} 'DELETE FROM {table};'",
                f"sqlite3 -bail {path} 'CREATE TABLE mine (x);'",
                f"sqlite3 -bail {path} 'PRAGMA user_version = 99;'",
                f"echo > {path}", f"echo >> {path}-wal", f"echo >> {path}-shm",
                f"rm -f {path}", f"rm -f {path}-wal", f"mv {path} {path}.old",
                f"touch {folder}/new", f"ln -s /etc/passwd {folder}/{path.name}-journal",
                f"mv {folder} {folder}.old", f"chmod 777 {folder}", f"chown {who['user']} {path}"):
            refused(command, who)


def refuses_to_be_looked_into(daemon, who):
    for command in (f"cat {daemon.key_file}", f"cat /proc/{daemon.pid}/environ",
                    f"cat /proc/{daemon.pid}/maps", f"head -c 1 /proc/{daemon.pid}/mem",
                    f"ls -l /proc/{daemon.pid}/fd/"):
        refused(command, who)


def test_a_submitter():
    fake, daemon = working()
    # May ask, may read the audit and the secrets …
    assert sql(daemon.audit_db, "SELECT count(*) FROM sign_in_token;", **SUBMITTER) == "300"
    assert CANARY in daemon.ctl("secret", "1", **SUBMITTER).stdout
    # … and changes neither, nor looks into the daemon or stops it.
    refuses_to_write(daemon, SUBMITTER)
    refuses_to_be_looked_into(daemon, SUBMITTER)
    refused(f"kill -9 {daemon.pid}", SUBMITTER)
    refused(f"echo >> {daemon.run}/status.json", SUBMITTER)
    assert daemon.running()
    # May destroy the queue: what was done stays told, and no id is given out twice.
    status, said = shell(f"rm {daemon.queue_db}", SUBMITTER)
    assert status == 0, said
    wait_until(daemon.queue_db.exists, 20, "the daemon makes another queue.db")
    wait_until(lambda: sql(daemon.queue_db, "SELECT 1 FROM sqlite_schema WHERE name = 'job';",
                           check=False, **SUBMITTER).stdout == "1\n", 20)
    daemon.queue("INSERT INTO job (action, user_id) VALUES ('create', 'user_a');", **SUBMITTER)
    daemon.wait_done(jobs=301)
    daemon.stop()
    daemon.ctl("verify", **AUDITOR)
    assert daemon.audit("SELECT id FROM job ORDER BY id DESC LIMIT 1") == [{"id": 301}]
    check_story(daemon, fake)


def test_an_auditor():
    fake, daemon = working()
    assert sql(daemon.audit_db, "SELECT count(*) FROM sign_in_token;", **AUDITOR) == "300"
    assert daemon.ctl("verify", **AUDITOR).stdout.startswith("chain: ok")
    refuses_to_write(daemon, AUDITOR)
    refuses_to_be_looked_into(daemon, AUDITOR)
    # Neither asks for anything nor sees a ticket.
    refused(f"sqlite3 {daemon.queue_db} \"INSERT INTO job (action, user_id) "
            "VALUES ('create', 'user_a');\"", AUDITOR)
    refused(f"cat {daemon.tokens_db}", AUDITOR)
    refused(f"cat {daemon.tokens_db}-wal", AUDITOR)
    for command in (("secret", "1"), ("create", "user_a"), ("revoke", "sit_a"),
                    ("pause",), ("lockdown", "--yes", "--reason", "a leak")):
        said = daemon.ctl(*command, check=77, **AUDITOR).stderr
        assert "clerk-submit" in said, said
    daemon.stop()
    check_story(daemon, fake)


def test_an_auditor_does_not_see_what_waits():
    """And is told so, instead of that a batch is done whose rows wait."""
    daemon = Instance(Fake())
    daemon.start()
    daemon.ctl("create", "user_a", "--batch", "b1", "--wait", **SUBMITTER)
    daemon.stop()
    daemon.ctl("create", "user_b", "--batch", "b1", **SUBMITTER)
    for command, status in ((("wait", "--batch", "b1"), 77), (("watch", "b1"), 77),
                            (("wait", "1"), 0), (("batches",), 0), (("job", "2"), 66),
                            (("explain", "2"), 66), (("watch", "b2"), 66),
                            (("revoke", "--user", "user_b", "--dry-run"), 66)):
        said = daemon.ctl(*command, check=status, **AUDITOR).stderr
        assert said.count("what waits in the queue is not seen") == (command != ("wait", "1")), said
        assert ("whether more waits" in said) == (status == 77), said
    assert daemon.ctl_json("batches", **AUDITOR)[0]["not_taken"] is None
    assert daemon.ctl_json("batches", **SUBMITTER)[0]["not_taken"] == 1
    # What failed is known.
    daemon.start()
    daemon.ctl("create", "user_missing", "--batch", "b2", "--wait", check=1, **SUBMITTER)
    for command in (("wait", "--batch", "b2"), ("watch", "b2")):
        daemon.ctl(*command, check=1, **AUDITOR)
    daemon.stop()


def test_nobody():
    fake, daemon = working()
    refuses_to_write(daemon, NOBODY)
    refuses_to_be_looked_into(daemon, NOBODY)
    for path in (daemon.queue_db, daemon.audit_db, daemon.tokens_db):
        refused(f"cat {path}", NOBODY)
        refused(f"ls {path.parent}", NOBODY)
    # How the daemon fares is for everybody, whom it is about is not.
    wait_until(lambda: daemon.status_json()["jobs"]["create"]["succeeded"] == 300
               if "jobs" in daemon.status_json() else True)
    status, said = shell(f"cat {daemon.run}/*", NOBODY)
    assert status == 0 and "clerk_tokend_" in said, said
    for word in ("user_", "mary", "sit_", CANARY, KEY):
        assert word not in said, word
    daemon.stop()
    check_story(daemon, fake)


ATTACH = """import ctypes
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace(0x4206, {pid}, 0, 0)  # PTRACE_SEIZE
print(ctypes.get_errno())
"""


def test_another_process_of_the_same_user():
    """Whoever got hold of the daemon's user cannot attach to it or read its memory."""
    fake, daemon = working()
    same = {"user": DAEMON, "group": DAEMON, "extra_groups": []}
    for what in ("cat /proc/{pid}/environ", "cat /proc/{pid}/maps", "head -c 1 /proc/{pid}/mem"):
        refused(what.format(pid=daemon.pid), same)
    status, said = shell(f"/usr/bin/python3 -c '{ATTACH.format(pid=daemon.pid)}'", same)
    assert status == 0 and int(said) == errno.EPERM, said
    # So it is with no process that did not ask for it.
    other = subprocess.Popen(["sleep", "60"], **same)
    try:
        status, said = shell(f"/usr/bin/python3 -c '{ATTACH.format(pid=other.pid)}'", same)
        assert status == 0 and int(said) == 0, said
    finally:
        other.kill()
        other.wait(10)
    daemon.stop()


def cores_in(folder):
    return [path.name for path in Path(folder).iterdir() if path.name.startswith("core")]


def test_no_core_is_written():
    fake, daemon = working()
    daemon.stop()
    unlimited = ("sh", "-c", 'ulimit -c unlimited; exec "$@"', "sh")
    # Here a process that is not hardened does write one.
    crash = daemon.scratch / "crash"
    crash.mkdir()
    subprocess.run([*unlimited, "sh", "-c", "kill -SEGV $$"], cwd=crash, check=False, timeout=30)
    pattern = Path("/proc/sys/kernel/core_pattern").read_text()
    assert cores_in(crash) or pattern.startswith(("|", "/")), pattern
    # (The sanitizers of a test build would catch the signal.)
    daemon.start(prefix=unlimited, cwd=daemon.state, env={"ASAN_OPTIONS": "handle_segv=0"})
    limits = Path(f"/proc/{daemon.pid}/limits").read_text()
    assert re.search(r"Max core file size +0 +0 ", limits), limits
    daemon.signal(signal.SIGSEGV)
    wait_until(lambda: not daemon.running(), 20)
    assert daemon.child.returncode == -signal.SIGSEGV, daemon.child.returncode
    assert not cores_in(daemon.state)
    # The tool that shows secrets keeps to it as well.
    held = subprocess.Popen([*unlimited, str(TOKENCTL), "-c", str(daemon.conf), "audit",
                             "--follow"], cwd=daemon.scratch, stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL)
    try:
        own = Path(f"/proc/{held.pid}")
        wait_until(lambda: b"clerk-tokenctl" in (own / "cmdline").read_bytes().split(b"\0")[0])
        wait_until(lambda: re.search(r"Max core file size +0 +0 ", (own / "limits").read_text()))
    finally:
        held.kill()
        held.wait(10)


def certificate():
    """A certificate for 127.0.0.1 and its key, signed by itself."""
    folder = Path(tempfile.mkdtemp(prefix="tokend-cert-"))
    cert, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=fake",
                    "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert],
                   check=True, capture_output=True, timeout=60)
    folder.chmod(0o755)
    return str(cert), str(key)


def memory_holds(pid, needles):
    """How often each of the texts stands in what the process may read of itself."""
    found = dict.fromkeys(needles, 0)
    with open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            spot = re.match(r"(\w+)-(\w+) r\S* \S+ \S+ \S+ *(.*)", line)
            if not spot or spot[3] in ("[vvar]", "[vsyscall]"):
                continue
            first, last = int(spot[1], 16), int(spot[2], 16)
            # The shadow of a sanitizer is terabytes that nobody wrote to.
            if last - first > 1 << 30:
                continue
            memory.seek(first)
            try:
                data = memory.read(last - first)
            except OSError:
                continue
            for needle in needles:
                found[needle] += data.count(needle.encode())
    return found


def test_secrets_are_wiped_from_memory():
    """Of a ticket that was purged nothing is left but what stands in one scratch page."""
    fake = Fake("--canary", CANARY)
    daemon = Instance(fake)
    # The build with sanitizers keeps freed memory, to see that nobody uses it.
    daemon.start(env={"ASAN_OPTIONS": "quarantine_size_mb=0:thread_local_quarantine_size_kb=0"})
    daemon.queue(THREE_HUNDRED)
    daemon.wait_done()
    wait_until(lambda: len(daemon.tokens("SELECT 1 FROM secret")) == 300)
    held = memory_holds(daemon.pid, [CANARY, KEY])
    # Each stands twice in its row: as token and in url.
    assert 0 < held[CANARY] <= 2 * 300 + 16, held
    # The daemon's, the one that answers are redacted with, and two headers that hold it.
    assert 0 < held[KEY] <= 4, held
    daemon.ctl("revoke", "--all-live", "--expect", "300")
    daemon.wait_done()
    wait_until(lambda: not daemon.tokens("SELECT 1 FROM secret"))
    wait_until(lambda: memory_holds(daemon.pid, [CANARY])[CANARY] <= 16, 20)
    # A new key, and of the old one nothing is left.
    new = KEY.replace("harness", "another")
    fake.set_keys(new)
    daemon.write_key(new)
    os.chown(daemon.key_file, DAEMON, DAEMON)
    daemon.reload()
    daemon.queue("INSERT INTO job (action, user_id) VALUES ('create', 'user_new');")
    daemon.wait_done()
    held = memory_holds(daemon.pid, [KEY, new])
    assert held[KEY] == 0 and 0 < held[new] <= 4, held
    daemon.stop()


def test_the_environment_is_no_way_in():
    """Variables that libraries obey do nothing; the key is not taken from one."""
    cert, key = certificate()
    fake = Fake("--tls-cert", cert, "--tls-key", key)
    daemon = Instance(fake, {"clerk.api_url": fake.url.replace("http:", "https:"),
                             "clerk.ca_file": cert})
    secrets_file = daemon.run / "tls-secrets"
    daemon.start(env={
        "SSLKEYLOGFILE": str(secrets_file), "OPENSSL_CONF": "/nonexistent/openssl.cnf",
        "http_proxy": "http://127.0.0.1:1", "HTTPS_PROXY": "http://127.0.0.1:1",
        "all_proxy": "socks5://127.0.0.1:1", "SQLITE_TMPDIR": "/nonexistent",
        "CLERK_SECRET_KEY": "sk_test_of_the_environment", "CURL_HOME": "/nonexistent"})
    daemon.queue("INSERT INTO job (action, user_id) VALUES ('create', 'user_a');")
    daemon.wait_done()
    assert daemon.states() == {"succeeded": 1}
    assert not secrets_file.exists()
    daemon.stop()
    # What the machine's curl does with the same environment.
    subprocess.run(["curl", "-s", "--cacert", cert, fake.url.replace("http:", "https:")],
                   env={"SSLKEYLOGFILE": str(secrets_file), "PATH": os.environ["PATH"]},
                   check=False, timeout=30, capture_output=True)
    assert not shutil.which("curl") or secrets_file.exists()


if __name__ == "__main__":
    main()
