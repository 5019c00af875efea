"""The races: each takes (table, quick) and adds its lines."""

import os
import shutil
import sqlite3
import subprocess
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

from lab import (BUILD, KEY, NAMES, Peak, Run, audited_rate, cpu_seconds, floor, median,
                 memory_mib, new_daemon, new_fake, now_ms, peer, peers, quantile, queue_while_paused,
                 rows, sql, succeeded, wait_until, wakeups)

# 1. No limit, no latency -------------------------------------------------------------------


def throughput(table, quick):
    n, rounds = (5000, 1) if quick else (20000, 5)
    ours, bare = [], []
    for _ in range(rounds):
        ours.append(Run(n))
        bare.append(floor(n))
    rate = median(run.rate for run in ours)
    ratio = median(run.rate / loop[0] for run, loop in zip(ours, bare))
    cpu = median(run.cpu for run in ours) / n * 1000
    bare_cpu = median(loop[1] for loop in bare) / n * 1000
    table.add("jobs a second", f"{rate:,.0f}", f"bare loop {median(loop[0] for loop in bare):,.0f}: "
              f"{ratio:.2f}", "0.85", ratio >= 0.85)
    table.add("CPU seconds for 1,000 jobs", f"{cpu:.3f}", f"bare loop {bare_cpu:.3f}")
    table.add("most memory, with the libraries' code",
              f"{max(run.memory for run in ours):.0f} MiB",
              f"bare loop {max(loop[2] for loop in bare):.0f} MiB")
    best = 0
    for name in peers():
        m = {"shell.sh": 300}.get(name, 2000) // (4 if quick else 1)
        fake = new_fake()
        runs = [peer(name, m, fake) for _ in range(1 if quick else 3)]
        fake.close()
        assert all(run["succeeded"] == m for run in runs), runs
        speed = median(m / run["seconds"] for run in runs)
        best = max(best, speed)
        # The shell's memory is in a thousand processes that live for milliseconds.
        mib = "" if name == "shell.sh" else f"{max(r['memory'] for r in runs):.0f} MiB at most; "
        table.add(f"  {NAMES[name]}", f"{speed:,.0f}",
                  f"{median(run['cpu'] for run in runs) / m * 1000:.2f} s CPU for 1,000; "
                  f"{mib}clerk-tokend is {rate / speed:.1f} times as fast")
    table.add("against the best of them", f"{rate / best:.1f} times", "", "4 times", rate >= 4 * best)


# 2. Clerk's real limit ---------------------------------------------------------------------


def limited_fake(kind, ledger=False):
    return new_fake("--limit", "1000", "--window-ms", "10000", "--window-kind", kind,
                    "--latency-ms", "40", ledger=ledger)


def limited_daemon(fake, share=None):
    more = {"rate.requests": 1000, "rate.window": "10s"}
    daemon = new_daemon(fake, more)
    if share is None:
        del daemon.keys["rate.share"]
        del daemon.keys["rate.urgent_share"]
    daemon.configure({})
    return daemon


def seconds_of_sending(daemon):
    """From the first attempt to the last answer, by the audit."""
    return daemon.audit(
        "SELECT (julianday(max(at) FILTER (WHERE event = 'answered')) - "
        "julianday(min(at) FILTER (WHERE event = 'sent'))) * 86400 AS s FROM audit")[0]["s"]


def limit(table, quick):
    n = 1500 if quick else 5000
    least = (n // 1000 - 1 if n % 1000 == 0 else n // 1000) * 10
    for kind in ("sliding", "fixed"):
        fake = limited_fake(kind)
        daemon = limited_daemon(fake, 1.0)
        queue_while_paused(daemon, rows(n))
        daemon.start()
        wait_until(lambda: sum(daemon.states().values()) == n and
                   not {"queued", "running"} & set(daemon.states()), 300, interval=0.05)
        done, refused = succeeded(daemon), fake.stats()["limited"]
        seconds = seconds_of_sending(daemon)
        table.add(f"{n:,} jobs at 1000 in 10 s, {kind}", f"{seconds:.1f} s, {refused} × 429",
                  f"least {least} s; {n - done} not succeeded", f"{least * 1.03:.1f} s, no 429",
                  seconds <= least * 1.03 and not refused and done == n)
        daemon.stop()
        daemon.close()
        fake.close()
    for name in peers():
        m = n if name != "shell.sh" else n // 2
        fake = limited_fake("sliding")
        run = peer(name, m, fake)
        table.add(f"  {NAMES[name]}, {m:,}", f"{run['seconds']:.1f} s, "
                  f"{fake.stats()['limited']:,} × 429", f"{run['failed']:,} lost")
        fake.close()


class Neighbour:
    """A second client: so many requests a second, each once, whatever comes."""

    def __init__(self, fake, per_second):
        self.url, self.gap = fake.url + "/v1/sign_in_tokens", 1 / per_second
        self.granted = self.refused = 0
        self.ended = threading.Event()
        self.threads = [threading.Thread(target=self._ask, args=(i,), daemon=True)
                        for i in range(8)]
        self.next_at, self.lock = time.monotonic(), threading.Lock()
        for thread in self.threads:
            thread.start()

    def _turn(self):
        with self.lock:
            at = self.next_at
            self.next_at = max(at + self.gap, time.monotonic() - 1)
        return not self.ended.wait(max(0.0, at - time.monotonic()))

    def _ask(self, i):
        while self._turn():
            ask = urllib.request.Request(
                self.url, data=b'{"user_id":"user_neighbour%d"}' % i, method="POST",
                headers={"Authorization": f"Bearer {KEY}", "Content-Type": "application/json",
                         "Clerk-API-Version": "2026-05-12", "User-Agent": "neighbour"})
            try:
                with urllib.request.urlopen(ask, timeout=30) as answer:
                    answer.read()
                self.granted += 1
            except urllib.error.HTTPError:
                self.refused += 1

    def end(self):
        self.ended.set()
        for thread in self.threads:
            thread.join()


def shared(table, quick):
    n = 1000 if quick else 6000
    for share in (None, 1.0):
        fake = limited_fake("sliding", ledger=True)
        daemon = limited_daemon(fake, share)
        queue_while_paused(daemon, rows(n))
        neighbour = Neighbour(fake, 40)
        daemon.start()
        wait_until(lambda: sum(daemon.states().values()) == n and
                   not {"queued", "running"} & set(daemon.states()), 300, interval=0.05)
        neighbour.end()
        mine = daemon.audit("SELECT count(*) AS n FROM audit WHERE http_status = 429")[0]["n"]
        done = succeeded(daemon)
        got = neighbour.granted / (neighbour.granted + neighbour.refused)
        name = "default share" if share is None else "share 1.0"
        met = (not mine and not neighbour.refused) if share is None else (done == n and got >= 0.5)
        table.add(f"{n:,} jobs beside a client of 40 %, {name}",
                  f"{mine} × 429, {n - done} not succeeded",
                  f"the other: {neighbour.refused} × 429, {got:.0%} granted",
                  "no 429" if share is None else "none failed, half granted",
                  met and done == n)
        daemon.stop()
        daemon.close()
        fake.close()


# 3. From COMMIT to the wire ----------------------------------------------------------------


def commit_rows(daemon, n, gap, action, values):
    """Inserts row by row; the time of each commit in ms."""
    db = sqlite3.connect(daemon.queue_db, isolation_level=None, timeout=30)
    committed = []
    for i in range(n):
        db.execute("BEGIN IMMEDIATE")
        db.execute(action, values(i))
        db.execute("COMMIT")
        committed.append(now_ms())
        time.sleep(gap)
    db.close()
    return committed


def latency(table, quick):
    n = 50 if quick else 500
    fake = new_fake(ledger=True)
    daemon = new_daemon(fake)
    daemon.start()
    committed = commit_rows(daemon, n, 0.01,
                            "INSERT INTO job (action, user_id) VALUES ('create', ?)",
                            lambda i: (f"user_{i}",))
    daemon.wait_done()
    arrived = {line["user_id"]: line["mono_us"] / 1000 for line in fake.requests()}
    waits = [arrived[f"user_{i}"] - at for i, at in enumerate(committed)]
    table.add("COMMIT to arrival, idle", f"{median(waits):.1f} ms median", "", "1 ms",
              median(waits) <= 1)
    table.add("", f"{quantile(waits, 0.99):.1f} ms at 99 %", "", "5 ms", quantile(waits, 0.99) <= 5)
    # Under full load: urgent ones among as many creates as it can do.
    load = 20000 if quick else 150000
    daemon.queue(rows(load))
    wait_until(lambda: succeeded(daemon) > n + 500, 60)
    urgent = commit_rows(daemon, n, 0.02,
                         "INSERT INTO job (action, user_id, priority) VALUES ('create', ?, 50)",
                         lambda i: (f"user_urgent{i}",))
    assert daemon.states().get("queued", 0) > 1000, "the load ended before the urgent ones"
    wait_until(lambda: len([1 for _ in daemon.audit(
        "SELECT 1 FROM job WHERE priority = 50 AND state = 'succeeded'")]) == n, 120)
    arrived = {line["user_id"]: line["mono_us"] / 1000 for line in fake.requests()
               if str(line["user_id"]).startswith("user_urgent")}
    waits = [arrived[f"user_urgent{i}"] - at for i, at in enumerate(urgent)]
    table.add("urgent, under full load", f"{quantile(waits, 0.99):.1f} ms at 99 %",
              f"median {median(waits):.1f} ms", "25 ms", quantile(waits, 0.99) <= 25)
    daemon.kill()
    daemon.close()
    fake.close()


def revoke_behind(table, quick):
    """Urgent revokes behind very many creates, inserted in one transaction."""
    n, each = (100000, 10) if quick else (1000000, 25)
    fake = new_fake(ledger=True)
    # Clerk's limit keeps the creates queued; the urgent ones have their own part of it.
    daemon = new_daemon(fake, {"rate.requests": 200, "rate.window": "10s", "rate.share": 0.5,
                               "rate.urgent_share": 1.0})
    daemon.start()
    daemon.queue(rows(2 * each))
    daemon.wait_done()
    tokens = [row["id"] for row in daemon.audit("SELECT id FROM sign_in_token")]
    last = daemon.audit("SELECT max(id) AS id FROM job")[0]["id"] + n
    daemon.queue(rows(n))

    def taken_all():
        return daemon.audit("SELECT queue_job FROM progress")[0]["queue_job"] >= last

    for moment, goal in (("while they are taken in", 2000), ("after", 100)):
        if goal == 100:
            wait_until(taken_all, 600, interval=0.2)
        mine = [tokens.pop() for _ in range(each)]
        committed = commit_rows(daemon, each, 0.05, "INSERT INTO job (action, sign_in_token_id) "
                                "VALUES ('revoke', ?)", lambda i: (mine[i],))
        assert taken_all() == (goal == 100), "the creates were taken in too soon"
        wait_until(lambda: len(set(mine) & {line["token_id"] for line in fake.requests()
                                            if line["action"] == "revoke"}) == each, 60)
        arrived = {line["token_id"]: line["mono_us"] / 1000 for line in fake.requests()
                   if line["action"] == "revoke"}
        waits = [arrived[token] - at for token, at in zip(mine, committed)]
        table.add(f"revoke behind {n:,}, {moment}", f"{max(waits):,.0f} ms at most of {each}",
                  f"median {median(waits):,.1f} ms", f"{goal:,} ms", max(waits) <= goal)
    table.add("  RssAnon with them queued", f"{memory_mib(daemon.pid):.1f} MiB", "", "10 MiB",
              memory_mib(daemon.pid) <= 10)
    daemon.kill()
    daemon.close()
    fake.close()


# 4. Flat -----------------------------------------------------------------------------------


def backlog(table, quick):
    large = 50000 if quick else 1000000
    big = Run(large, deadline=1800)
    small = median(Run(1000).rate for _ in range(7))
    table.add(f"{large:,} queued against 1,000", f"{big.rate:,.0f} a second", f"{small:,.0f}: "
              f"{big.rate / small:.2f}", "0.9", big.rate / small >= 0.9)
    table.add("  RssAnon at most", f"{big.rss:.1f} MiB", "", "10 MiB", big.rss <= 10)


def filled(fake, jobs):
    """A daemon with so many jobs behind it; three audit rows each."""
    daemon = new_daemon(fake)
    daemon.start()
    daemon.stop()
    for path in [*daemon.audit_db.parent.iterdir(), *daemon.tokens_db.parent.iterdir()]:
        path.unlink()
    subprocess.run([BUILD / "tests" / "bench" / "bench_fill", daemon.state, str(jobs), "310"],
                   check=True, timeout=3600)
    # What a year's retention would have purged.
    db = sqlite3.connect(daemon.tokens_db)
    db.execute("DELETE FROM secret")
    db.commit()
    db.execute("VACUUM")
    db.close()
    return daemon


def ready_seconds(daemon):
    began = now_ms()
    daemon.start("--new-queue") if not daemon.queue_db.exists() else daemon.start()
    return now_ms() - began


def report_ms(daemon, name):
    best = []
    for _ in range(5):
        began = now_ms()
        daemon.ctl("report", name)
        best.append(now_ms() - began)
    return median(best)


def large_audit(table, quick):
    jobs = 100000 if quick else 3333334
    fake = new_fake()
    daemon = filled(fake, jobs)
    daemon.start("--new-queue")
    daemon.stop()
    clean = median([(ready_seconds(daemon), daemon.stop())[0] for _ in range(5)])
    killed = []
    for _ in range(5):
        daemon.start()
        daemon.queue(rows(300))
        wait_until(lambda: daemon.audit("SELECT 1 FROM job WHERE state = 'running'") or True)
        daemon.kill()
        killed.append(ready_seconds(daemon))
        daemon.wait_done()
        daemon.stop()
    table.add(f"start to READY, {jobs * 3:,} audit rows", f"{clean:.0f} ms", "", "300 ms",
              clean <= 300)
    table.add("  after kill -9", f"{median(killed):.0f} ms", "", "1,000 ms", median(killed) <= 1000)
    for name in ("summary", "daily", "latency"):
        ms = report_ms(daemon, name)
        table.add(f"  report {name}", f"{ms:.0f} ms", "", "100 ms" if name != "latency" else "",
                  ms <= 100 if name != "latency" else None)
    began = now_ms()
    answer = daemon.ctl("verify", deadline=1800).stdout
    assert "tables: ok" in answer, answer
    table.add("  clerk-tokenctl verify", f"{(now_ms() - began) / 1000:.0f} s",
              f"{jobs * 3 / (now_ms() - began):,.0f},000 rows a second")
    n = 5000 if quick else 20000
    pairs = []
    for _ in range(1 if quick else 3):
        pairs.append((Run(n, daemon, fake).rate, Run(n).rate))
    ratio = median(a / b for a, b in pairs)
    table.add("  jobs a second behind it", f"{median(a for a, _ in pairs):,.0f}",
              f"empty {median(b for _, b in pairs):,.0f}: {ratio:.2f}", "0.8", ratio >= 0.8)
    daemon.close()
    fake.close()


# 5. Idle -----------------------------------------------------------------------------------


def certificate(folder):
    cert, key = Path(folder) / "cert.pem", Path(folder) / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=fake",
                    "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert],
                   check=True, capture_output=True, timeout=60)
    return cert, key


def idle(table, quick):
    seconds = 20 if quick else 120
    folder = Path(f"/tmp/tokend-bench-{os.getpid()}")
    folder.mkdir()
    cert, key = certificate(folder)
    for tls in (False, True):
        fake = new_fake(*(["--tls-cert", cert, "--tls-key", key] if tls else []))
        daemon = new_daemon(fake, {"clerk.ca_file": str(cert)} if tls else None)
        daemon.start()
        daemon.queue(rows(500))
        daemon.wait_done()
        time.sleep(6)  # the checkpoint that follows comes after three seconds
        switches, cpu = wakeups(daemon.pid), cpu_seconds(daemon.pid)
        time.sleep(seconds)
        switches = wakeups(daemon.pid) - switches
        cpu = (cpu_seconds(daemon.pid) - cpu) * 3600 / seconds
        anon = memory_mib(daemon.pid)
        name = ", over TLS" if tls else ""
        table.add(f"idle{name}: wake-ups a minute", f"{switches * 60 / seconds:.0f}", "", "60",
                  switches * 60 / seconds <= 60)
        table.add("  CPU seconds an hour", f"{cpu:.1f}")
        table.add("  RssAnon", f"{anon:.1f} MiB", "", "5 MiB" if not tls else "",
                  anon <= 5 if not tls else None)
        daemon.stop()
        daemon.close()
        fake.close()
    shutil.rmtree(folder)


# 6. Disk -----------------------------------------------------------------------------------


def disk(table, quick):
    n = 5000 if quick else 50000
    fake = new_fake()
    daemon = new_daemon(fake, {"retention.queue": "5s"})
    daemon.start()
    files = {"queue.db": daemon.queue_db, "audit.db": daemon.audit_db, "tokens.db": daemon.tokens_db}
    empty = {name: path.stat().st_size for name, path in files.items()}
    wal = Peak(lambda: max(path.with_name(path.name + "-wal").stat().st_size
                           for name, path in files.items() if name != "queue.db") / 1048576)
    daemon.queue(rows(n))
    daemon.wait_done(300)
    daemon.stop()
    after = {name: path.stat().st_size for name, path in files.items()}
    for name in files:
        table.add(f"bytes a finished create in {name}", f"{(after[name] - empty[name]) / n:,.0f}")
    table.add("WAL at most", f"{wal.end():.1f} MiB", "", "16 MiB", wal.most <= 16)
    daemon.start()
    daemon.ctl("revoke", "--all-live", "--expect", str(n), "--reason", "over")
    daemon.wait_done(300)
    wait_until(lambda: not daemon.tokens("SELECT 1 FROM secret LIMIT 1"), 60)
    free = daemon.tokens("SELECT (SELECT freelist_count FROM pragma_freelist_count) * 100 / "
                         "(SELECT page_count FROM pragma_page_count) AS share")[0]["share"]
    table.add("tokens.db free for new rows once all is revoked", f"{free} %")
    daemon.stop()
    for name, path in files.items():
        table.add(f"bytes a finished revoke in {name}",
                  f"{(path.stat().st_size - after[name]) / n:,.0f}")
    time.sleep(6)  # rows are swept at a start, then once an hour
    daemon.start()
    wait_until(lambda: sql(daemon.queue_db, "SELECT count(*) FROM job;") in ("0", "1"), 240,
               interval=1)
    free = sql(daemon.queue_db, "SELECT (SELECT freelist_count FROM pragma_freelist_count) * 100 "
                                "/ (SELECT page_count FROM pragma_page_count);")
    table.add("queue.db free for new rows after retention.queue", f"{free} %")
    daemon.stop()
    daemon.close()
    fake.close()


RACES = {"throughput": throughput, "limit": limit, "shared": shared, "latency": latency,
         "revoke": revoke_behind, "backlog": backlog, "large": large_audit, "idle": idle,
         "disk": disk}
