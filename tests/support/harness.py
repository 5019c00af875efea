"""The harness of the e2e tests: real processes, real files, nothing but the standard library.

A test file begins like this and is executable:

    #!/usr/bin/env python3
    # ctest: labels=quick timeout=120
    import os, sys
    sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
    from harness import Daemon, Fake, check_story, main

    def test_a_create_is_sent():
        fake = Fake()
        daemon = Daemon(fake)
        daemon.start()
        daemon.queue("INSERT INTO job (action, user_id) VALUES ('create', 'user_a');")
        daemon.wait_done()
        assert daemon.audit("SELECT state FROM job") == [{"state": "succeeded"}]
        daemon.stop()
        check_story(daemon, fake)

    if __name__ == "__main__":
        main()

main() runs every test_ function of the file (or those named in argv), each with its own
processes and scratch folder. Whatever a test started is ended by its pid when the test
ends; a test that fails prints the tail of each log. Every wait has a deadline.
"""

import collections
import ctypes
import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import urllib.error
import urllib.request
from pathlib import Path

SOURCE = Path(os.environ.get("SOURCE_DIR") or Path(__file__).resolve().parents[2])
BUILD = Path(os.environ.get("BUILD_DIR") or SOURCE / "build" / "debug")
TOKEND = BUILD / "src" / "clerk-tokend"
TOKENCTL = BUILD / "src" / "clerk-tokenctl"
FAKE_CLERK = BUILD / "tests" / "fake_clerk" / "fake_clerk"

KEY = "sk_test_harness"
FINAL_STATES = ("succeeded", "failed", "cancelled", "lapsed", "rejected")
SQLITE = ["sqlite3", "-batch", "-bail", "-cmd", ".timeout 10000"]

# What the configuration says where a test says nothing: the defaults of the daemon, but
# without a rate limit and with short delays. None takes a key out again.
CONFIGURATION = {
    "rate.requests": 1000000,
    "rate.share": 1.0,
    "retry.initial_delay": "20ms",
    "retry.max_delay": "500ms",
    "stop_timeout": "10s",
}

_SANITIZER = re.compile(
    r"ERROR: \w+Sanitizer|SUMMARY: \w+Sanitizer|runtime error:|==\d+==ERROR", re.A
)
_libc = ctypes.CDLL(None)
_open_things = []  # whatever was started and must be ended, oldest first


class Failure(AssertionError):
    """A test's expectation that does not hold; its text is the whole story."""


class Skip(Exception):
    """The test cannot run here; the text says why."""


class Raw(str):
    """A value of the configuration that is written as it is."""


# Waiting ------------------------------------------------------------------------------


def wait_until(condition, deadline=10.0, what=None, interval=0.005):
    """Calls condition() until it returns something true, and returns that.

    Fails after deadline seconds. The pause between two calls grows from interval to a
    twentieth of a second, so that short waits are short and long ones cost little.
    """
    end = time.monotonic() + deadline
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= end:
            name = what or getattr(condition, "__name__", "condition")
            raise Failure(f"not within {deadline:g} s: {name}")
        time.sleep(interval)
        interval = min(interval * 1.5, 0.05)


# SQL ----------------------------------------------------------------------------------


def sql(path, text, check=True, deadline=60, options=(), **as_user):
    """Runs text through the real sqlite3 program on the file, as an admin script would.

    Returns what it printed. check=False returns the CompletedProcess instead. as_user
    takes subprocess's user=, group= and extra_groups=.
    """
    done = subprocess.run(
        [*SQLITE, *options, str(path)],
        input=text,
        capture_output=True,
        text=True,
        timeout=deadline,
        env=_environment({}),
        check=False,
        **as_user,
    )
    if not check:
        return done
    if done.returncode != 0:
        raise Failure(f"sqlite3 ended with {done.returncode}: {done.stderr.strip()}")
    return done.stdout.strip()


def read_rows(path, text, parameters=()):
    """Reads a database without ever writing to it: a list of dicts, one a row."""
    database = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)
    try:
        database.row_factory = sqlite3.Row
        return [dict(row) for row in database.execute(text, parameters)]
    finally:
        database.close()


# Processes ----------------------------------------------------------------------------


def _environment(more):
    """What a child sees: nothing of CLERK_…, of proxies, or of a systemd around us."""
    kept = ("PATH", "LANG", "LC_ALL", "TMPDIR", "HOME", "USER", "TZ", "LLVM_PROFILE_FILE")
    environment = {name: os.environ[name] for name in kept if name in os.environ}
    environment["ASAN_OPTIONS"] = "detect_leaks=1:exitcode=99:allocator_may_return_null=1"
    environment["UBSAN_OPTIONS"] = "print_stacktrace=1:halt_on_error=1:exitcode=99"
    environment.update(more)
    return environment


def _die_with_parent():
    # A test that ctest kills at its time limit must not leave daemons behind.
    _libc.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


class Process:
    """A child with a log file of its own, ended by its pid."""

    def __init__(self, name, scratch):
        self.name = name
        self.scratch = Path(scratch)
        self.log_path = self.scratch / f"{name}.log"
        self.child = None
        self.status = None
        _open_things.append(self)

    def spawn(self, argv, env=None, **options):
        assert not self.running(), f"{self.name} runs already"
        with open(self.log_path, "ab") as log:
            self.child = subprocess.Popen(
                [str(word) for word in argv],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=_environment(env or {}),
                preexec_fn=_die_with_parent,
                start_new_session=True,
                **options,
            )
        self.status = None

    @property
    def pid(self):
        return self.child.pid

    def running(self):
        return self.child is not None and self.child.poll() is None

    def signal(self, number):
        self.child.send_signal(number)

    def wait_exit(self, deadline=30.0):
        """Waits for the end and returns the exit status; negative: killed by a signal."""
        try:
            self.status = self.child.wait(deadline)
        except subprocess.TimeoutExpired:
            raise Failure(f"{self.name} still runs after {deadline:g} s") from None
        self.check_log()
        return self.status

    def kill(self):
        """Ends it with SIGKILL, as a crash would."""
        if self.running():
            self.child.kill()
        if self.child is not None:
            self.status = self.child.wait(30)

    def log(self):
        try:
            return self.log_path.read_text(errors="replace")
        except FileNotFoundError:
            return ""

    def wait_log(self, pattern, deadline=10.0, after=0):
        """Waits until the log, from the character after, matches the pattern."""
        return wait_until(
            lambda: re.search(pattern, self.log()[after:]),
            deadline,
            f"{self.name}'s log matches {pattern!r}",
        )

    def check_log(self):
        """Fails when a sanitizer found something."""
        found = _SANITIZER.search(self.log())
        if found:
            raise Failure(f"{self.name}: a sanitizer says: {found.group(0)}")

    def tail(self, lines=60):
        text = self.log().splitlines()[-lines:]
        return f"--- the last lines of {self.log_path.name}:\n" + "\n".join(text)

    def close(self):
        self.kill()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


# The fake of Clerk --------------------------------------------------------------------


class Fake(Process):
    """The strict fake Clerk (fake_clerk --help tells its options and control calls).

    Fake("--limit", "100", "--window-kind", "sliding") starts one at once. Its ledger is
    a file, so stop() and start() again is a Clerk that was away for a while, at the same
    address and with all its tokens.
    """

    def __init__(self, *options, keys=(KEY,), start=True):
        super().__init__("fake_clerk", tempfile.mkdtemp(prefix="fake-"))
        self.options = [str(option) for option in options]
        self.keys = list(keys)
        # Bound and never listened on: nobody else gets the port while the fake is away.
        self.bound = socket.socket()
        self.bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.bound.bind(("127.0.0.1", 0))
        self.port = self.bound.getsockname()[1]
        self.scheme = "https" if "--tls-cert" in self.options else "http"
        self.ledger_path = self.scratch / "ledger"
        if start:
            self.start()

    @property
    def url(self):
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def start(self):
        port_file = self.scratch / "port"
        port_file.unlink(missing_ok=True)
        argv = [FAKE_CLERK, "--port", self.port, "--port-file", port_file]
        if "--no-ledger" not in self.options:
            argv += ["--ledger", self.ledger_path]
        for key in self.keys:
            argv += ["--key", key]
        self.spawn(argv + self.options)

        def listening():
            if not self.running():
                raise Failure(f"fake_clerk ended with {self.child.returncode}")
            return port_file.exists()

        wait_until(listening, 10, "fake_clerk listens")

    def stop(self, deadline=10.0):
        if self.running():
            self.signal(signal.SIGTERM)
        status = self.wait_exit(deadline)
        if status != 0:
            raise Failure(f"fake_clerk ended with {status}")

    def get(self, call):
        """A control call that asks: the answer as text."""
        return self._call(call, None)

    def post(self, call, body=None):
        """A control call that sets something: its answer, from JSON."""
        return json.loads(self._call(call, {} if body is None else body))

    def _call(self, call, body):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/control/{call}", data=data)
        # No proxy of the environment may come between; any certificate will do.
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}),
            urllib.request.HTTPSHandler(context=ssl._create_unverified_context()),
        )
        try:
            with opener.open(request, timeout=30) as answer:
                return answer.read().decode()
        except urllib.error.HTTPError as error:
            text = error.read().decode(errors="replace").strip()
            raise Failure(f"fake_clerk, {call}: {error.code} {text}") from None

    def stats(self):
        return json.loads(self.get("stats"))

    def ledger(self):
        """What the fake did, a dict a line, oldest first; also after it was stopped."""
        if self.ledger_path.exists():
            lines = self.ledger_path.read_text().splitlines()
        else:
            lines = self.get("ledger").splitlines()
        return [json.loads(line) for line in lines]

    def requests(self):
        """The lines of the ledger that are requests to the two endpoints."""
        return [line for line in self.ledger() if line.get("action") in ("create", "revoke")]

    def tokens(self):
        return [json.loads(line) for line in self.get("tokens").splitlines()]

    def script(self, *steps):
        """Faults for the next requests, in order: "reset_after" or a dict."""
        return self.post("script", list(steps))

    def faults(self, **chances):
        """Faults at random; a kind with a value as faults(**{"status=500": 0.1})."""
        return self.post("faults", chances)

    def set_keys(self, *keys):
        self.keys = list(keys)
        return self.post("keys", {"keys": self.keys})

    def latency(self, low_ms, high_ms=None):
        return self.post("latency", {"min_ms": low_ms, "max_ms": high_ms or low_ms})

    def accept(self, token_id):
        """Somebody signs in with the token."""
        return self.post("accept", {"id": token_id})

    def maintenance(self, on):
        return self.post("maintenance", {"on": on})

    def close(self):
        super().close()
        shutil.rmtree(self.scratch, ignore_errors=True)


# sd_notify ----------------------------------------------------------------------------


class Notify:
    """The other end of NOTIFY_SOCKET: every message, as a dict, in order."""

    def __init__(self, path):
        self.path = str(path)
        self.messages = []
        self.changed = threading.Condition()
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.thread = threading.Thread(target=self._receive, daemon=True)
        self.thread.start()

    def _receive(self):
        while True:
            data, files, _, _ = socket.recv_fds(self.socket, 65536, 16)
            for file in files:  # sd_notify_barrier() waits for this
                os.close(file)
            if data == b"\0":
                return
            lines = data.decode(errors="replace").splitlines()
            message = dict(line.split("=", 1) for line in lines if "=" in line)
            with self.changed:
                self.messages.append(message)
                self.changed.notify_all()

    def mark(self):
        """How many messages there were; what wait() takes as after."""
        with self.changed:
            return len(self.messages)

    def find(self, name, value, after=0):
        """The number behind the first message from after on that says NAME=value."""
        with self.changed:
            for number, message in enumerate(self.messages[after:], after + 1):
                if name in message and (value is None or re.search(value, message[name])):
                    return number
        return None

    def statuses(self):
        """Each STATUS= that was told, in order."""
        with self.changed:
            return [message["STATUS"] for message in self.messages if "STATUS" in message]

    def close(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
            end.sendto(b"\0", self.path)
        self.thread.join(10)
        self.socket.close()


# The daemon ---------------------------------------------------------------------------


def _libconfig(value):
    if isinstance(value, Raw):
        return str(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        text = repr(value)
        return text if "." in text or "e" in text else text + ".0"
    if isinstance(value, (list, tuple)):
        return "[ " + ", ".join(_libconfig(item) for item in value) + " ]"
    text = str(value).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{text}"'


def configuration_text(keys):
    """The configuration file for {"clerk.api_url": …, "concurrency": …}."""
    groups = collections.OrderedDict()
    for path, value in keys.items():
        if value is None:
            continue
        group, _, name = path.rpartition(".")
        groups.setdefault(group, []).append(f"{name} = {_libconfig(value)};")
    lines = groups.pop("", [])
    for group, members in groups.items():
        lines += [f"{group}: {{", *("  " + member for member in members), "};"]
    return "\n".join(lines) + "\n"


class Daemon(Process):
    """clerk-tokend in a scratch folder, with its configuration, key and three files.

    Daemon(fake, {"concurrency": 64, "retry.max_attempts": 3}) prepares one; start() runs
    it, again and again if need be. fake may be an address instead.
    """

    def __init__(self, fake, configuration=None, key=KEY, folder=None):
        scratch = folder or tempfile.mkdtemp(prefix="tokend-")
        super().__init__("clerk-tokend", scratch)
        self.owns_scratch = folder is None
        # A submitter of another user must get through to the state folder.
        self.scratch.chmod(0o755)
        self.state = self.scratch / "state"
        self.run = self.scratch / "run"
        self.conf = self.scratch / "clerk-tokend.conf"
        self.key_file = self.scratch / "key"
        self.notify = None
        self.program = None  # another build than TOKEND
        self.keys = {
            "state_directory": str(self.state),
            "runtime_directory": str(self.run),
            "clerk.api_url": fake if isinstance(fake, str) else fake.url,
            "clerk.secret_key_file": str(self.key_file),
            **CONFIGURATION,
        }
        self.state.mkdir(exist_ok=True)
        self.run.mkdir(exist_ok=True)
        self.write_key(key)
        self.configure(configuration or {})

    # Files

    @property
    def queue_db(self):
        return self.state / "queue" / "queue.db"

    @property
    def audit_db(self):
        return self.state / "audit" / "audit.db"

    @property
    def tokens_db(self):
        return self.state / "tokens" / "tokens.db"

    def write_key(self, key):
        text = key if isinstance(key, bytes) else (key + "\n").encode()
        draft = self.key_file.with_suffix(".new")
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(text)
        os.replace(draft, self.key_file)

    def configure(self, changes):
        """Changes keys of the configuration and writes the file; reload() makes it hold."""
        self.keys.update(changes)
        self.conf.write_text(configuration_text(self.keys))

    # Life

    def start(self, *options, ready=True, deadline=30.0, env=None, prefix=(), **spawn):
        """Runs it in the foreground and waits for READY=1 (ready=False: does not wait).

        prefix is put before the program: ("strace", "-f", …) or ("faketime", …).
        """
        if self.notify is None:
            self.notify = Notify(self.scratch / "notify")
        after = self.notify.mark()
        argv = [*prefix, self.program or TOKEND, "-c", self.conf, *options]
        self.spawn(argv, {"NOTIFY_SOCKET": self.notify.path, **(env or {})}, **spawn)
        if ready:
            self.wait_notify("READY", "1", deadline, after)
        return self

    def drain(self, *options, deadline=120.0, **start):
        """Runs it with --drain to its end and returns the exit status."""
        self.start("--drain", *options, ready=False, **start)
        return self.wait_exit(deadline)

    def check(self, *options, deadline=30.0, env=None):
        """Runs --check: the CompletedProcess, with stdout and stderr as text."""
        return subprocess.run(
            [TOKEND, "-c", self.conf, "--check", *options],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=deadline,
            env=_environment(env or {}),
            check=False,
        )

    def wait_notify(self, name, value=None, deadline=30.0, after=0):
        """Waits for a message NAME=value (a pattern) from number after on."""
        end = time.monotonic() + deadline
        while True:
            found = self.notify.find(name, value, after)
            if found:
                return found
            if not self.running():
                self.check_log()
                raise Failure(
                    f"clerk-tokend ended with {self.child.returncode} before {name}={value}"
                )
            if time.monotonic() >= end:
                raise Failure(f"no {name}={value or ''} within {deadline:g} s")
            with self.notify.changed:
                self.notify.changed.wait(0.05)

    def wait_status(self, pattern, deadline=30.0, after=0):
        """Waits for a STATUS= line that matches."""
        return self.wait_notify("STATUS", pattern, deadline, after)

    def reload(self, deadline=30.0):
        """SIGHUP, and waits until the daemon says that it is ready again."""
        after = self.notify.mark()
        self.signal(signal.SIGHUP)
        after = self.wait_notify("RELOADING", "1", deadline, after) - 1
        self.wait_notify("READY", "1", deadline, after)

    def freeze(self, deadline=10.0):
        """SIGSTOP at a moment when it holds no lock on queue.db: one that stands still with
        a lock keeps everybody else out for as long. SIGCONT ends it."""
        end = time.monotonic() + deadline
        other = sqlite3.connect(self.queue_db, timeout=0, isolation_level=None)
        try:
            while True:
                self.signal(signal.SIGSTOP)
                os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
                try:
                    other.execute("BEGIN EXCLUSIVE")
                    other.execute("ROLLBACK")
                    return
                except sqlite3.OperationalError as fault:
                    if fault.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() >= end:
                        raise
                self.signal(signal.SIGCONT)
                time.sleep(0.01)
        finally:
            other.close()

    def stop(self, expect=0, deadline=60.0):
        """SIGTERM, and waits for the end; the exit status must be the expected one."""
        if self.running():
            self.signal(signal.SIGTERM)
        status = self.wait_exit(deadline)
        if expect is not None and status != expect:
            raise Failure(f"clerk-tokend ended with {status}, expected {expect}")
        return status

    # Data

    def queue(self, text, **options):
        """SQL on queue.db by the sqlite3 program, as admin scripts do it."""
        return sql(self.queue_db, text, **options)

    def audit(self, text, parameters=()):
        """A SELECT on audit.db, read-only: a list of dicts."""
        return read_rows(self.audit_db, text, parameters)

    def tokens(self, text, parameters=()):
        """A SELECT on tokens.db, read-only: a list of dicts."""
        return read_rows(self.tokens_db, text, parameters)

    def status_json(self):
        return json.loads((self.run / "status.json").read_text())

    def ctl(self, *arguments, check=0, deadline=60.0, env=None, stdin="", **as_user):
        """clerk-tokenctl -c CONF …: the CompletedProcess. check=None takes any status."""
        done = subprocess.run(
            [TOKENCTL, "-c", self.conf, *(str(word) for word in arguments)],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=deadline,
            env=_environment(env or {}),
            check=False,
            **as_user,
        )
        if _SANITIZER.search(done.stderr):
            raise Failure(f"clerk-tokenctl {arguments[0]}: {done.stderr.strip()}")
        if check is not None and done.returncode != check:
            raise Failure(
                f"clerk-tokenctl {' '.join(map(str, arguments))} ended with "
                f"{done.returncode}, expected {check}: {(done.stderr or done.stdout).strip()}"
            )
        return done

    def ctl_json(self, *arguments, **options):
        return json.loads(self.ctl(*arguments, "--json", **options).stdout)

    def states(self):
        """How many jobs are in which state, by the daemon's own count."""
        rows = self.audit("SELECT state, sum(jobs) AS jobs FROM tally GROUP BY state")
        return {row["state"]: row["jobs"] for row in rows if row["jobs"]}

    def wait_done(self, deadline=60.0, jobs=None):
        """Waits until every row of the queue was taken and no job can run any more."""
        if jobs is None:
            jobs = int(sql(self.queue_db, "SELECT coalesce(max(id), 0) FROM job;"))

        def done():
            if not self.running():
                raise Failure(f"clerk-tokend ended with {self.child.poll()} on the way")
            taken = self.audit("SELECT queue_job AS id FROM progress")[0]["id"]
            states = self.states()
            return taken >= jobs and not states.get("queued") and not states.get("running")

        try:
            wait_until(done, deadline)
        except Failure as failure:
            raise Failure(f"{failure}: jobs done (now {self.states()})") from None

    def close(self):
        super().close()
        if self.notify is not None:
            self.notify.close()
            self.notify = None
        if self.owns_scratch:
            shutil.rmtree(self.scratch, ignore_errors=True)


# The audit, checked from its documentation alone (doc/audit-chain.md) -----------------


def verify_audit(path):
    """Runs tests/audit_verify.py on an audit.db; fails with what it finds."""
    done = subprocess.run(
        [sys.executable, SOURCE / "tests" / "audit_verify.py", str(path)],
        capture_output=True,
        text=True,
        timeout=300,
        env=_environment({}),
        check=False,
    )
    if done.returncode != 0 or done.stdout:
        raise Failure(f"audit_verify.py: {done.returncode} {done.stdout}{done.stderr}")


# The two stories ----------------------------------------------------------------------


class _Story:
    """The audit and the fake's ledger side by side.

    A create carries no job id to Clerk, so creates are held against each other by what
    the request asks for; with one user a job that is job by job. A revoke is held by its
    token.
    """

    def __init__(self, daemon, fake):
        self.requests = fake.requests()
        self.jobs = {row["id"]: row for row in daemon.audit("SELECT * FROM job ORDER BY id")}
        self.tokens = {row["id"]: row for row in daemon.audit("SELECT * FROM sign_in_token")}
        self.rows = daemon.audit(
            "SELECT seq, event, job_id, attempt, job_state, effect, http_status, trace_id,"
            " sign_in_token_id FROM audit WHERE job_id IS NOT NULL"
            " AND event <> 'commanded' ORDER BY seq"
        )
        self.problems = []
        self.attempts = collections.OrderedDict()  # (job, attempt) -> its closing row or None

    def fail(self, text):
        self.problems.append(text)

    @staticmethod
    def job_key(job):
        if job["action"] == "revoke":
            return ("revoke", job["sign_in_token_id"])
        return ("create", job["user_id"], job["org_id"], job["expires_in_seconds"])

    @staticmethod
    def request_key(line):
        if line["action"] == "revoke":
            return ("revoke", line["token_id"])
        return (
            "create",
            line["user_id"],
            line.get("org_id"),
            line.get("expires_in_seconds"),
        )

    def read_attempts(self):
        """Each attempt is sent once and ends once, and no final job sends (I2 to I4)."""
        closing = ("answered", "unanswered", "interrupted", "recovered")
        state = {}
        for row in self.rows:
            job, key = row["job_id"], (row["job_id"], row["attempt"])
            if job not in self.jobs:
                self.fail(f"audit {row['seq']}: job {job} has no row in job")
                continue
            if row["event"] == "sent":
                if key in self.attempts:
                    self.fail(f"job {job}: attempt {row['attempt']} was sent twice")
                if state.get(job) in FINAL_STATES:
                    self.fail(f"job {job}: sent although {state[job]}")
                self.attempts[key] = None
            elif row["event"] in closing:
                if self.attempts.get(key, row) is not None:
                    self.fail(f"audit {row['seq']}: {row['event']} of no open attempt")
                self.attempts[key] = row
            if row["job_state"] == "succeeded" and state.get(job) == "succeeded":
                if row["event"] in closing:
                    self.fail(f"job {job} succeeded twice")
            state[job] = row["job_state"] or state.get(job)
        for job, row in self.jobs.items():
            if state.get(job) != row["state"]:
                self.fail(f"job {job} is {row['state']}, its last audit row {state.get(job)}")

    def check_counts(self):
        """No request that the audit does not know; no grant that nothing explains."""
        sent, unknown, made = (collections.Counter() for _ in range(3))
        per_job = collections.Counter(job for job, _ in self.attempts)
        for (job, _), row in self.attempts.items():
            key = self.job_key(self.jobs[job])
            sent[key] += 1
            if row is None or row["effect"] == "unknown":
                unknown[key] += 1
        for job in self.jobs.values():
            if job["attempts"] != per_job[job["id"]]:
                self.fail(f"job {job['id']}: {job['attempts']} attempts, {per_job[job['id']]} sent")
            if job["result"] == "created":
                made[self.job_key(job)] += 1
        # Clerk does not read the body of a request without a right key.
        arrived = collections.Counter(
            self.request_key(line) for line in self.requests if line["authorized"]
        )
        for key, count in arrived.items():
            if count > sent[key]:
                self.fail(f"{key}: {count} requests at Clerk, {sent[key]} in the audit")
        granted = collections.Counter(
            self.request_key(line) for line in self.requests if line["did"] == "granted"
        )
        for key, count in granted.items():
            if count > made[key] + unknown[key]:
                self.fail(
                    f"{key}: {count} tokens granted, {made[key]} in the audit, "
                    f"{unknown[key]} attempts of unknown outcome"
                )

    def check_tokens(self):
        """Every token of the audit is one that was granted, to that user."""
        granted = {line["granted"]: line for line in self.requests if line["did"] == "granted"}
        revoked = {line["token_id"] for line in self.requests if line["did"] == "revoked"}
        for token_id, token in self.tokens.items():
            line = granted.get(token_id)
            if token["create_job_id"] is not None and line is None:
                self.fail(f"{token_id} was never granted")
            elif line is not None and token["user_id"] not in (None, line["user_id"]):
                self.fail(f"{token_id} is {line['user_id']}'s, not {token['user_id']}'s")
            if token["status_from"] == "revoke" and token_id not in revoked:
                self.fail(f"{token_id} was never revoked")
        for job in self.jobs.values():
            if job["result"] != "created":
                continue
            token = self.tokens.get(job["sign_in_token_id"])
            if token is None or token["create_job_id"] != job["id"]:
                self.fail(f"job {job['id']} created a token that sign_in_token does not tell")

    def check_answers(self):
        """Each answer that the audit tells is the one that Clerk gave, and told once."""
        by_trace = {line["trace"]: line for line in self.requests}
        seen = set()
        for row in self.rows:
            trace = row["trace_id"]
            if row["event"] not in ("answered", "recovered") or trace is None:
                continue
            if trace in seen:
                self.fail(f"audit {row['seq']}: answer {trace} is told twice")
            seen.add(trace)
            line = by_trace.get(trace)
            if line is None:
                self.fail(f"audit {row['seq']}: no answer {trace} was given")
                continue
            key = self.job_key(self.jobs[row["job_id"]])
            # A fault may forge the status line, never whose request it was.
            if line["authorized"] and self.request_key(line)[:2] != key[:2]:
                self.fail(f"audit {row['seq']}: the answer was to {self.request_key(line)}")
            if line["status"] is not None and line["status"] != row["http_status"]:
                self.fail(f"audit {row['seq']}: {row['http_status']}, Clerk said {line['status']}")


def compare(daemon, fake, violations=0):
    """The fake's ledger and the audit must tell the same story, job by job, and no request
    may be against Clerk's rules. An attempt that is open counts as unknown, so this holds at
    any moment at which the daemon stands still.
    """
    story = _Story(daemon, fake)
    story.read_attempts()
    story.check_counts()
    story.check_tokens()
    story.check_answers()
    broken = [line for line in story.requests if line.get("protocol_violation")]
    if len(broken) != violations:
        story.fail(f"{len(broken)} requests break Clerk's rules: {broken[:3]}")
    if story.problems:
        shown = "\n  ".join(story.problems[:20])
        raise Failure(f"{len(story.problems)} differences:\n  {shown}")
    return story


def check_story(daemon, fake, violations=0):
    """compare(), and the chain holds, and clerk-tokenctl verify agrees. The daemon may run
    or not, but nothing may be on its way.
    """
    story = compare(daemon, fake, violations)
    verify_audit(daemon.audit_db)
    if TOKENCTL.exists():
        daemon.ctl("verify")
    return story


# Looking for secrets ------------------------------------------------------------------


def find_bytes(needles, paths):
    """Where one of the texts stands in the files: a list of (text, path)."""
    found = []
    for path in paths:
        data = Path(path).read_bytes()
        for needle in needles:
            if (needle.encode() if isinstance(needle, str) else needle) in data:
                found.append((needle, path))
    return found


# Running ------------------------------------------------------------------------------


def _close_all():
    while _open_things:
        thing = _open_things.pop()
        try:
            thing.close()
        except Exception:  # the others must be ended all the same
            traceback.print_exc()


def _run(name, function):
    """Runs one test; returns "ok", "skipped" or "FAILED"."""
    began = time.monotonic()
    try:
        function()
        for thing in _open_things:
            if isinstance(thing, Process):
                thing.check_log()
        outcome, note = "ok", ""
    except Skip as skip:
        outcome, note = "skipped", f": {skip}"
    except KeyboardInterrupt:
        _close_all()
        raise
    except BaseException:  # SystemExit within a test is a failure too
        outcome, note = "FAILED", ""
        traceback.print_exc()
        for thing in _open_things:
            if isinstance(thing, Process):
                print(thing.tail(), file=sys.stderr)
    _close_all()
    print(f"{outcome} {name} ({time.monotonic() - began:.1f} s){note}", flush=True)
    return outcome


def main():
    """Runs the test_ functions of the calling file, or those named in argv; exits."""
    module = sys.modules["__main__"]
    tests = {name: f for name, f in vars(module).items() if name.startswith("test_")}
    wanted = sys.argv[1:] or list(tests)
    for name in wanted:
        if name not in tests:
            sys.exit(f"no test {name}; there are: {' '.join(tests)}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    outcomes = [_run(name, tests[name]) for name in wanted]
    if "FAILED" in outcomes:
        sys.exit(1)
    sys.exit(77 if outcomes and set(outcomes) == {"skipped"} else 0)
