"""What the races share: daemons and fakes at full speed, and what a process costs."""

import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.setdefault("BUILD_DIR", str(SOURCE / "build" / "release")))
sys.path.insert(0, str(SOURCE / "tests" / "support"))
from harness import Daemon, Fake, Failure, sql, wait_until  # noqa: E402, F401

KEY = "sk_test_fake"
FAST = {"rate.requests": 1000000, "rate.share": 1.0, "rate.urgent_share": 1.0,
        "concurrency": 64, "log_level": "warning"}
TICK = os.sysconf("SC_CLK_TCK")


def rows(n):
    """SQL that inserts n creates in one transaction."""
    return (f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {n}) "
            f"INSERT INTO job (action, user_id) SELECT 'create', 'user_' || i FROM n;\n")


def new_fake(*options, ledger=False):
    return Fake(*options, *([] if ledger else ["--no-ledger"]), keys=(KEY,))


def new_daemon(fake, configuration=None):
    return Daemon(fake, {**FAST, **(configuration or {})}, key=KEY)


# What a process costs --------------------------------------------------------------------


def cpu_seconds(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def memory_mib(pid, name="RssAnon"):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) / 1024
    raise SystemExit(f"no {name}")


def wakeups(pid):
    """How often any thread of the process has waited."""
    return sum(int(task.read_text().split("\nvoluntary_ctxt_switches:")[1].split()[0])
               for task in Path(f"/proc/{pid}/task").glob("*/status"))


class Peak:
    """The most that function() gave while it was looked at, ten times a second."""

    def __init__(self, function):
        self.most = 0.0
        self.function = function
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._look, daemon=True)
        self.thread.start()

    def _look(self):
        while not self.ended.wait(0.1):
            try:
                self.most = max(self.most, self.function())
            except (OSError, IndexError, SystemExit):
                return

    def end(self):
        self.ended.set()
        self.thread.join()
        return self.most


# The daemon --------------------------------------------------------------------------------


def queue_while_paused(daemon, text):
    """Rows that nothing is sent of until start()."""
    daemon.start()
    daemon.queue("INSERT INTO command (verb) VALUES ('pause');")
    wait_until(lambda: daemon.audit("SELECT 1 FROM command"), 30)
    daemon.stop()
    daemon.queue(text + "INSERT INTO command (verb) VALUES ('resume');")


def succeeded(daemon, action="create"):
    counted = daemon.audit("SELECT jobs FROM tally WHERE state = 'succeeded' AND action = ?",
                           (action,))
    return counted[0]["jobs"] if counted else 0


def audited_rate(daemon, last=None):
    """Jobs a second by the audit's own times, which are those at which turns began: what was
    answered before the last turn, over the time from the first turn with jobs to the last."""
    after = daemon.audit("SELECT max(seq) AS seq FROM audit WHERE event = 'started'")[0]["seq"]
    return daemon.audit(
        "WITH span AS (SELECT (SELECT at FROM audit WHERE event IN ('accepted', 'sent') AND "
        "seq > :after ORDER BY seq LIMIT 1) AS a, (SELECT at FROM audit WHERE event = 'answered' "
        "AND seq > :after ORDER BY seq DESC LIMIT 1) AS b) SELECT count(*) / ((julianday(b) - "
        "julianday(a)) * 86400) AS rate FROM span, audit WHERE seq > :after AND "
        "event = 'answered' AND at < b", {"after": after})[0]["rate"]


class Run:
    """The daemon works off n creates that were in the queue before it started."""

    def __init__(self, n, daemon=None, fake=None, deadline=900):
        fake = fake or new_fake()
        own = daemon is None
        daemon = daemon or new_daemon(fake)
        before = 0
        queue_while_paused(daemon, rows(n))
        before = succeeded(daemon)
        daemon.start()
        rss = Peak(lambda: memory_mib(daemon.pid))
        wait_until(lambda: succeeded(daemon) - before == n, deadline, interval=0.05)
        self.cpu = cpu_seconds(daemon.pid)
        self.memory = memory_mib(daemon.pid, "VmHWM")
        self.rss = rss.end()
        self.rate = audited_rate(daemon)
        daemon.stop()
        if own:
            daemon.close()
            fake.close()


# Programs beside it ------------------------------------------------------------------------


class Program:
    """Runs argv to its end: what it printed, its CPU seconds with its children's, and the
    most memory that the process itself had (VmHWM, MiB)."""

    def __init__(self, argv, deadline=900):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        with subprocess.Popen([str(word) for word in argv], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True) as process:
            most = Peak(lambda: memory_mib(process.pid, "VmHWM"))
            try:
                self.text, said = process.communicate(timeout=deadline)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.memory = most.end()
        if process.returncode:
            raise Failure(f"{argv[0]} ended with {process.returncode}: {said[-500:]}")
        self.cpu = (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime)


def floor(n):
    """The bare loop's jobs per second, CPU seconds, MiB."""
    fake = new_fake()
    folder = tempfile.mkdtemp(prefix="tokend-floor-")
    done = Program([BUILD / "tests" / "bench" / "bench_floor", fake.url + "/v1/sign_in_tokens",
                    n, 64, folder, SOURCE / "sql"])
    shutil.rmtree(folder)
    fake.close()
    return float(done.text), done.cpu, done.memory


# Peers -------------------------------------------------------------------------------------

# A copy of tests/bench/peers with what npm installs, so that the source stays as it is.
PEERS = SOURCE / "build" / "peers"
NAMES = {"clerk.mjs": "@clerk/backend and a table", "plainjob.mjs": "plainjob",
         "liteque.mjs": "liteque", "shell.sh": "curl, sqlite3, xargs"}


def peers():
    """The programs that can run here; installs what they need, once."""
    shutil.copytree(SOURCE / "tests" / "bench" / "peers", PEERS, dirs_exist_ok=True)
    if not shutil.which("npm"):
        print("peers        left out: no npm (scripts/setup --all)", file=sys.stderr)
        return ["shell.sh"]
    if not (PEERS / "node_modules" / "better-sqlite3" / "build" / "Release").exists():
        print("peers        npm ci, which compiles for some minutes", file=sys.stderr)
        subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=PEERS, check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=1200)
    return list(NAMES)


def peer(name, n, fake, deadline=900):
    """One peer's run: what it says of itself, with its CPU seconds and its MiB."""
    folder = tempfile.mkdtemp(prefix="tokend-peer-")
    runner = ["node"] if name.endswith(".mjs") else []
    done = Program([*runner, PEERS / name, fake.url, n, 64, folder], deadline)
    shutil.rmtree(folder)
    return {**json.loads(done.text), "cpu": done.cpu, "memory": done.memory}


# The table ---------------------------------------------------------------------------------


class Table:
    """Lines of race, what, measured, beside what, goal."""

    def __init__(self):
        self.lines = []

    def add(self, what, measured, beside="", goal="", met=None):
        mark = "" if met is None else ("yes" if met else "**no**")
        self.lines.append((what, measured, beside, goal, mark))
        print(f"{what:44} {measured:28} {beside:44} {goal:22} {mark}", flush=True)


def median(values):
    return statistics.median(values)


def quantile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * share))]


def now_ms():
    return time.monotonic() * 1000
