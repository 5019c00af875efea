#!/usr/bin/env python3
# ctest: labels=quick timeout=180
"""metrics.prom and status.json: the figures, held against each other and the audit."""

import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import re
from datetime import datetime, timezone

from harness import SOURCE, Daemon, Fake, main, wait_until

BOUNDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, float("inf"))
HOLDS = ("audit", "disk", "credentials", "maintenance", "outage", "queue")
PROMTOOL = shutil.which("promtool", path=f"{os.environ['PATH']}:{SOURCE}/build/tools")

# What the contract names, with each one's labels.
CONTRACT = {
    "jobs": {"action", "state"},
    "attempts_total": {"action", "outcome"},
    "http_responses_total": {"code"},
    "request_duration_seconds_bucket": {"le"},
    "request_duration_seconds_sum": set(),
    "request_duration_seconds_count": set(),
    "gate_open": set(),
    "held": {"reason"},
    "paused": set(),
    "window_used_ratio": set(),
    "queue_lag_seconds": set(),
    "unknown_attempts_total": set(),
    "last_success_timestamp_seconds": set(),
    "audit_seq": set(),
    "database_bytes": {"file"},
    "wal_bytes": {"file"},
    "build_info": {"version"},
}

SAMPLE = re.compile(r"clerk_tokend_(\w+?)(?:\{(.*)\})? (\S+)")
LABEL = re.compile(r'(\w+)="([^"]*)"(?:,|$)')


def read_metrics(daemon):
    """{(name, label values…): value}, and the labels' names: {name: {…}}."""
    samples, labels = {}, {}
    for line in (daemon.run / "metrics.prom").read_text().splitlines():
        if line.startswith("#"):
            continue
        name, inside, value = SAMPLE.fullmatch(line).groups()
        pairs = LABEL.findall(inside or "")
        key = (name, *(text for _, text in pairs))
        assert key not in samples, line
        samples[key] = float(value)
        assert labels.setdefault(name, {n for n, _ in pairs}) == {n for n, _ in pairs}, line
    return samples, labels


def bound_text(bound):
    return "+Inf" if bound == float("inf") else f"{bound:g}"


def seconds(text):
    if text is None:
        return 0.0
    moment = datetime.strptime(text, "%Y-%m-%d %H:%M:%S.%f").replace(tzinfo=timezone.utc)
    return moment.timestamp()


def figures(status):
    """status.json as metrics.prom has it: where each figure's counterpart stands."""
    found = {
        ("unknown_attempts_total",): status["unknown_attempts"],
        ("request_duration_seconds_sum",): status["request_duration"]["sum_s"],
        ("request_duration_seconds_count",): status["request_duration"]["count"],
        ("gate_open",): status["gate"]["open"],
        ("paused",): bool(status["paused"]),
        ("window_used_ratio",): status["rate"]["used_ratio"],
        ("queue_lag_seconds",): status["queue"]["lag_s"],
        ("last_success_timestamp_seconds",): seconds(status["last_success_at"]),
        ("audit_seq",): status["audit"]["seq"],
        ("wal_bytes", "audit.db"): status["audit"]["wal_bytes"],
        ("wal_bytes", "tokens.db"): status["tokens"]["wal_bytes"],
        ("build_info", status["version"]): 1,
        ("http_responses_total", "200"): 0,
    }
    for action, states in status["jobs"].items():
        found.update({("jobs", action, state): n for state, n in states.items()})
    for action, outcomes in status["attempts"].items():
        found.update({("attempts_total", action, word): n for word, n in outcomes.items()})
    for code, n in status["http_responses"].items():
        found[("http_responses_total", code)] = n
    for bound, n in status["request_duration"]["buckets"].items():
        found[("request_duration_seconds_bucket", bound)] = n
    for kind in HOLDS:
        found[("held", kind)] = any(hold["kind"] == kind for hold in status["held"])
    for file, n in status["database_bytes"].items():
        found[("database_bytes", file)] = n
    return found


def check_same(daemon):
    """Both files tell the same, name by name; they are written one after the other."""

    def same():
        told = figures(daemon.ctl_json("status", check=None))
        samples, labels = read_metrics(daemon)
        assert labels == CONTRACT, labels
        assert samples.keys() == told.keys(), samples.keys() ^ told.keys()
        return samples if all(abs(samples[k] - told[k]) < 1e-9 for k in told) else None

    return wait_until(same, 10, "status.json and metrics.prom tell the same")


def check_audit(daemon, samples):
    """The counters are the rows of this run."""
    rows = daemon.audit(
        "SELECT action, effect, http_status, duration_ms FROM audit WHERE effect IS NOT NULL"
        " AND seq > (SELECT max(seq) FROM audit WHERE event = 'started')")
    count = {}
    for row in rows:
        for key in (("attempts_total", row["action"], row["effect"]),
                    ("http_responses_total", str(row["http_status"]))):
            count[key] = count.get(key, 0) + 1
    count.pop(("http_responses_total", "None"), None)
    for key, n in samples.items():
        if key[0] in ("attempts_total", "http_responses_total"):
            assert n == count.pop(key, 0), (key, n)
    assert not count, count
    times = [row["duration_ms"] / 1000 for row in rows if row["duration_ms"] is not None]
    for bound in BOUNDS:
        n = samples["request_duration_seconds_bucket", bound_text(bound)]
        assert n == sum(time <= bound for time in times), (bound, n, times)
    assert abs(samples["request_duration_seconds_sum",] - sum(times)) < 1e-6
    assert samples["request_duration_seconds_count",] == len(times)


def check_promtool(daemon):
    if not PROMTOOL:
        print("promtool check metrics was left out: there is no promtool")
        return
    with open(daemon.run / "metrics.prom") as file:
        done = subprocess.run([PROMTOOL, "check", "metrics"], stdin=file, timeout=60,
                              capture_output=True, text=True, check=False)
    assert done.returncode == 0 and not done.stdout and not done.stderr, done


def submit(daemon, row, *faults):
    """One job, its requests met by the faults in order, and its end."""
    if faults:
        daemon.fake.script(*faults)
    action, what, value, *more = row
    columns = {"action": action, what: value, **dict(more)}
    names = ", ".join(columns)
    values = ", ".join(f"'{text}'" if isinstance(text, str) else str(text)
                       for text in columns.values())
    daemon.queue(f"INSERT INTO job ({names}) VALUES ({values});")
    daemon.wait_done()


def started(configuration=None, **start):
    fake = Fake()
    # A short window is soon empty, and then nothing changes by itself.
    daemon = Daemon(fake, {"concurrency": 1, "rate.window": "1s", **(configuration or {})})
    daemon.fake = fake
    daemon.start(**start)
    return daemon


def wait_idle(daemon):
    """Until the window is empty and the idle checkpoint was made."""
    wait_until(lambda: not any(
        read_metrics(daemon)[0][key] for key in
        [("window_used_ratio",), ("wal_bytes", "audit.db"), ("wal_bytes", "tokens.db")]), 30)


def test_exact_counts():
    daemon = started({"policy.max_expires_in": "1h", "policy.default_expires_in": "30min"})
    submit(daemon, ("create", "user_id", "user_a"))
    token = daemon.audit("SELECT id FROM sign_in_token")[0]["id"]
    submit(daemon, ("create", "user_id", "user_b", ("expires_in_seconds", 7200)))
    submit(daemon, ("create", "user_id", "user_c"), "reset_after", "not_acted_500", "delay=120")
    submit(daemon, ("create", "user_id", "user_missing"))
    submit(daemon, ("create", "user_id", "user_d"), "garbage", "status=422")
    submit(daemon, ("revoke", "sign_in_token_id", token), "status=429")
    submit(daemon, ("revoke", "sign_in_token_id", "sit_unheard"))
    daemon.ctl("pause", "--action", "create")
    submit(daemon, ("revoke", "sign_in_token_id", token))
    wait_idle(daemon)
    samples = check_same(daemon)
    check_audit(daemon, samples)
    check_promtool(daemon)
    expected = {
        ("jobs", "create", "succeeded"): 2,
        ("jobs", "create", "failed"): 2,
        ("jobs", "create", "rejected"): 1,
        ("jobs", "revoke", "succeeded"): 2,
        ("jobs", "revoke", "failed"): 1,
        ("attempts_total", "create", "applied"): 2,
        ("attempts_total", "create", "none"): 2,
        ("attempts_total", "create", "unknown"): 3,
        ("attempts_total", "revoke", "applied"): 1,
        ("attempts_total", "revoke", "none"): 3,
        ("unknown_attempts_total",): 3,
        ("http_responses_total", "200"): 4,
        ("http_responses_total", "404"): 2,
        ("http_responses_total", "400"): 1,
        ("http_responses_total", "422"): 1,
        ("http_responses_total", "429"): 1,
        ("http_responses_total", "500"): 1,
        ("gate_open",): 1,
        ("paused",): 1,
    }
    counts = ("jobs", "attempts_total", "unknown_attempts_total", "http_responses_total",
              "gate_open", "held", "paused")
    assert {k: n for k, n in samples.items() if k[0] in counts and n} == expected, samples
    for file in ("queue", "audit", "tokens"):
        size = os.stat(daemon.state / file / f"{file}.db").st_size
        assert samples["database_bytes", f"{file}.db"] == size
    assert samples["audit_seq",] == daemon.audit("SELECT max(seq) AS n FROM audit")[0]["n"]
    daemon.stop()


def test_a_restart_counts_anew():
    daemon = started()
    daemon.fake.script("stall_after")
    daemon.queue("INSERT INTO job (action, user_id) VALUES ('create', 'user_a');")
    # Written down, and arrived: the stall is used up.
    wait_until(lambda: daemon.fake.requests(), 10)
    daemon.kill()
    daemon.start()
    daemon.wait_done()
    wait_idle(daemon)
    samples = check_same(daemon)
    check_audit(daemon, samples)
    # The one that was interrupted, and the one that followed; a token was granted twice.
    assert samples["attempts_total", "create", "unknown"] == 1, samples
    assert samples["attempts_total", "create", "applied"] == 1, samples
    assert samples["request_duration_seconds_count",] == 1, samples


def test_held_and_late():
    daemon = started()
    daemon.fake.set_keys("sk_test_another")
    daemon.queue("INSERT INTO job (action, user_id) VALUES ('create', 'user_a');")
    wait_until(lambda: read_metrics(daemon)[0]["held", "credentials"], 20)
    index = daemon.queue("SELECT sql FROM sqlite_schema WHERE name = 'job_urgent';")
    daemon.queue("DROP INDEX job_urgent;"
                 "INSERT INTO job (action, user_id) VALUES ('create', 'user_b');")
    lags = []

    def grown():
        samples = read_metrics(daemon)[0]
        if samples["queue_lag_seconds",] and samples["queue_lag_seconds",] not in lags:
            lags.append(samples["queue_lag_seconds",])
        return len(lags) >= 4 and samples["held", "queue"]

    wait_until(grown, 30, "the lag grows")
    assert lags == sorted(lags) and lags[-1] - lags[0] > 2, lags
    check_same(daemon)
    daemon.queue(f"{index};")
    wait_until(lambda: not read_metrics(daemon)[0]["queue_lag_seconds",], 20)
    samples = check_same(daemon)
    assert samples["held", "credentials"] and not samples["held", "queue"], samples
    assert not samples["gate_open",] and samples["jobs", "create", "queued"] == 2, samples


if __name__ == "__main__":
    main()
