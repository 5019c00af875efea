#!/usr/bin/env python3
"""Checks an audit.db of clerk-tokend by what doc/audit-chain.md says, and by nothing else.

    tests/audit_verify.py audit.db [--checkpoint SEQ:HASH]... [--anchors FILE]

Prints what it finds, one a line, and ends with 1 where there is anything, else with 0. It
shares no code with clerk-tokenctl verify, so that the two can be held against each other.
Whatever the size of the file, it holds one job in memory at a time; what it has to keep
lies in a temporary database.
"""

import argparse
import hashlib
import json
import re
import sqlite3
import sys

APPLICATION_ID = 1131178817
SCHEMA_NUMBER = 3
SCHEMA_DIGEST = "2608fa3e01ff78ef0edc80b5fc218bf5852b2f128b9bb0f90fade87aa8841e27"
GENESIS = b"clerk-tokend audit chain 1"
COLUMNS = """seq at event job_id command_id attempt job_state action user_id org_id
    sign_in_token_id token_status token_created_at_ms token_updated_at_ms token_expires_at
    token_sha256 http_status error_code error_message trace_id effect duration_ms
    next_attempt_at batch reference requested_by reason detail""".split()
TABLES = "audit job sign_in_token command batch pause hold tally token_tally daily progress".split()
INDEXES = """audit_job job_due job_parked job_running job_failed job_not_after
    job_idempotency_key job_user job_batch job_token job_reference job_unknown
    sign_in_token_pending command_running""".split()
EVENTS = set("""started reloaded stopped accepted rejected commanded sent answered unanswered
    interrupted recovered cancelled lapsed retried held released purged""".split())
STATES = set("queued running succeeded failed cancelled lapsed rejected".split())
EFFECTS = {"applied", "none", "unknown"}
ANSWERS = {"answered", "unanswered", "interrupted", "recovered"}
REST = -2000000000000
STOP = -4000000000000
ANCHOR = re.compile(r"([0-9]+):([0-9a-f]{64})\Z")
TIME = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)([ T])(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,3}))?)?(Z?)\Z", re.ASCII
)


def field(name, value):
    """One column of a row as the hashes take it."""
    kind = b"i" if isinstance(value, int) else b"t"
    data = str(value).encode() if isinstance(value, int) else value.encode("utf-8", "surrogateescape")
    return b"%s %s%d:%s\n" % (name.encode(), kind, len(data), data)


def shown(value):
    """A value as the line of a finding has it."""
    if value is None:
        return "nothing"
    return str(value).encode("unicode_escape", "surrogateescape").decode()


def fit(parameters):
    """Values for a query: a text that is not UTF-8 as its bytes, which equal no text."""
    if isinstance(parameters, dict):
        return parameters
    return [
        value.encode("utf-8", "surrogateescape")
        if isinstance(value, str) and not is_utf8(value)
        else value
        for value in parameters
    ]


def is_utf8(text):
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def member(detail, name, kind=str):
    """A member of a detail, None where it is not there or of another kind."""
    value = detail.get(name) if isinstance(detail, dict) else None
    if isinstance(value, kind) and not isinstance(value, bool):
        return value
    return None


def parse(text):
    """A detail as an object."""
    try:
        value = json.loads(text) if text else {}
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def queue_time(text):
    """A time of the queue as the tables have it; None where it is none."""
    found = TIME.match(text) if text else None
    if not found:
        return None
    year, month, day = (int(found[i]) for i in (1, 2, 3))
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    days = [31, 29 if leap else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    hour, minute, second = int(found[5]), int(found[6]), int(found[7] or 0)
    if not (1 <= month <= 12 and 1 <= day <= days[month - 1]):
        return None
    if hour > 23 or minute > 59 or second > 59 or (found[4] == "T" and not found[9]):
        return None
    fraction = (found[8] or "").ljust(3, "0")
    made = f"{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{fraction}"
    return max(made, "1970-01-01 00:00:00.001")


class Checker:
    """One file and what was found in it."""

    def __init__(self, path, anchors):
        self.found = []
        self.anchors = sorted(anchors)
        self.database = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)
        self.database.isolation_level = None
        self.database.text_factory = lambda data: data.decode("utf-8", "surrogateescape")
        self.database.row_factory = sqlite3.Row
        # A temporary file: it goes with the connection.
        self.kept = sqlite3.connect("", isolation_level=None)
        self.kept.executescript(
            "PRAGMA journal_mode = OFF; PRAGMA cache_size = -4000;"
            "CREATE TABLE told (token TEXT, seq INTEGER, PRIMARY KEY (token, seq)) WITHOUT ROWID;"
            "CREATE TABLE purged (token TEXT PRIMARY KEY, at TEXT) WITHOUT ROWID;"
            "CREATE TABLE daily (day, action, kind, word, n, PRIMARY KEY (day, action, kind, word))"
            " WITHOUT ROWID;"
        )
        self.commands = {}  # id: its row of the audit
        self.pauses = []
        self.resumes = []
        self.holds = {}
        self.batches = {}
        self.own = set()  # negative ids of commands that are told of, or running
        self.key_kind = None
        self.day = (None, {})

    def find(self, line, subject, text):
        # A name need not be UTF-8 in a file that somebody changed.
        subject = subject.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
        self.found.append(f"{line}: {subject}: {text}")

    def differ(self, subject, column, table, audit):
        if table != audit or type(table) is not type(audit):
            self.find("tables", subject, f"{column}: the table says {shown(table)}, the audit {shown(audit)}")

    def rows(self, text, parameters=()):
        """A query of the file, by values that were read from it."""
        return self.database.execute(text, fit(parameters))

    def keep(self, text, parameters=()):
        """The same of the temporary database."""
        return self.kept.execute(text, fit(parameters))

    # ---- the file ----

    def check_schema(self):
        """Whether the tables can be read at all."""
        for name, wanted in (("application_id", APPLICATION_ID), ("user_version", SCHEMA_NUMBER)):
            number = self.rows(f"PRAGMA {name}").fetchone()[0]
            if number != wanted:
                self.find("file", name, f"it is {number}, not {wanted}")
        digest = hashlib.sha256()
        names = {}
        for row in self.rows("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY name"):
            if row["name"].startswith("sqlite_autoindex_"):
                continue
            names[row["name"]] = row["type"]
            for column in ("type", "name", "tbl_name", "sql"):
                if row[column] is not None:
                    digest.update(field(column, row[column]))
        if digest.hexdigest() != SCHEMA_DIGEST:
            self.find("file", "schema", f"its digest is {digest.hexdigest()}: it is not the shipped one")
        return all(names.get(name) == "table" for name in TABLES) and all(
            names.get(name) == "index" for name in INDEXES
        )

    def check_file(self):
        answer = self.rows("PRAGMA integrity_check(1)").fetchone()[0]
        if answer != "ok":
            self.find("file", "damaged", shown(answer))

    # ---- the chain ----

    def check_chain(self):
        """Recomputes it. Returns the number of the last good row, and whether that is all."""
        head, last = hashlib.sha256(GENESIS).digest(), 0
        names = ", ".join(COLUMNS)
        for row in self.rows(f"SELECT {names}, hash FROM audit ORDER BY seq"):
            seq = row["seq"]
            fault = None
            if seq < last + 1:
                fault = "no row has such a number"
            elif seq > last + 1:
                seq, fault = last + 1, "it is missing"
            else:
                digest = hashlib.sha256(head)
                for name in COLUMNS:
                    value = row[name]
                    if value is None:
                        continue
                    if not isinstance(value, (int, str)):
                        fault = "a value that is neither a text nor a whole number"
                    elif isinstance(value, str) and "\0" in value:
                        fault = "a text with a NUL in it"
                    else:
                        digest.update(field(name, value))
                if fault is None and row["hash"] != digest.hexdigest():
                    fault = "its hash does not follow: it was changed, or put here"
            if fault:
                self.find("chain", f"row {seq}", fault)
                return last, False
            head, last = digest.digest(), seq
            self.meet(seq, row["hash"])
            self.note(row)
        self.flush_day()
        return last, True

    def meet(self, seq, digest):
        while self.anchors and self.anchors[0][0] <= seq:
            at, wanted = self.anchors.pop(0)
            if at == seq and wanted != digest:
                self.find("anchors", f"row {seq}", f"the checkpoint says {wanted}: the audit was rewritten")

    def check_tail(self, last):
        for seq, _ in self.anchors[:1]:
            self.find("anchors", f"row {seq}", f"the audit ends with row {last}: its tail was cut off")

    # ---- what the rows tell, but for jobs and tokens ----

    def note(self, row):
        event = row["event"]
        self.count(row)
        if event == "accepted" and row["batch"] in self.batches:
            self.batches[row["batch"]]["taken"] += 1
        if row["job_state"] == "failed" and row["batch"] in self.batches:
            self.batches[row["batch"]]["failed"] += 1
        if event == "started":
            self.note_start(row)
        elif event == "commanded" and row["command_id"] is None:
            self.note_batch(row)
        elif event == "commanded":
            self.note_command(row)
        elif event in ("held", "released"):
            self.note_hold(row)
        elif event == "purged" and member(parse(row["detail"]), "token") != "unknown":
            self.keep(
                "INSERT OR REPLACE INTO purged VALUES (?, ?)", (row["sign_in_token_id"], row["at"])
            )

    def count(self, row):
        day = row["at"][:10]
        if day != self.day[0]:
            self.flush_day()
            self.day = (day, {})
        action = row["action"] if row["action"] in ("create", "revoke") else ""
        words = []
        if row["event"] in EVENTS:
            words.append(("event", row["event"]))
        if row["job_state"] in STATES:
            words.append(("state", row["job_state"]))
        if row["effect"] in EFFECTS:
            words.append(("effect", row["effect"]))
        if row["http_status"] is not None and 100 <= row["http_status"] <= 599:
            words.append(("http", str(row["http_status"])))
        span = row["duration_ms"]
        if span is not None and span >= 0:
            step = 1
            while span < 1000000 and span > 99 * step:
                step *= 10
            words.append(("latency", str(min((span + step - 1) // step * step, 1000000))))
        for kind, word in words:
            key = (action, kind, word)
            self.day[1][key] = self.day[1].get(key, 0) + 1

    def flush_day(self):
        for key, n in self.day[1].items():
            self.keep(
                "INSERT INTO daily VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET n = n + excluded.n",
                (self.day[0], *key, n),
            )
        self.day = (None, {})

    def note_start(self, row):
        detail = parse(row["detail"])
        self.key_kind = member(detail.get("key"), "kind")
        if detail.get("accept_restore") is True and not any(p["id"] == -1 for p in self.pauses):
            self.pause(-1, None, None, None, row["at"], row["seq"])

    def note_batch(self, row):
        detail = parse(row["detail"])
        first, failures = member(detail, "release_first", int), member(detail, "max_failures", int)
        if row["batch"] in self.batches:
            self.find("tables", f"batch {row['batch']}", "it was taken twice")
        self.batches[row["batch"]] = {
            "id": len(self.batches) + 1,
            "release_first": -1 if first is None else first,
            "max_failures": failures or 0,
            "requested_by": row["requested_by"] or "",
            "reason": row["reason"],
            "taken_at": row["at"],
            "taken": 0,
            "failed": 0,
        }

    def note_hold(self, row):
        before = self.holds.get(row["error_code"])
        on = row["event"] == "held"
        self.holds[row["error_code"]] = {
            "on": on,
            "since_at": before["since_at"] if before and before["on"] else row["at"],
            "reason": row["error_message"],
            "ends": member(parse(row["detail"]), "ends"),
        }

    def note_command(self, row):
        told = dict.fromkeys(("verb", "job_id", "batch", "action", "until"))
        detail = parse(row["detail"])
        numbers = ("affected", "max_job_id", "step_job_id", "still_create", "still_revoke")
        told.update(
            requested_by=row["requested_by"] or "",
            reason=row["reason"],
            finished_at=row["at"],
        )
        if row["error_code"] == "invalid":
            told.update(dict.fromkeys(numbers, 0), taken_at=row["at"], taken_seq=row["seq"] - 1)
            told.update(state="refused", message=row["error_message"])
        else:
            told.update((name, row[name]) for name in ("job_id", "batch", "action"))
            told.update((name, member(detail, name)) for name in ("verb", "until", "taken_at"))
            told.update((name, member(detail, name, int)) for name in (*numbers, "taken_seq"))
            verb, sentence = told["verb"] or "", row["error_message"] or ""
            for state in ("done", "refused"):
                if sentence.startswith(f"{verb} {state}: "):
                    told.update(state=state, message=sentence[len(f"{verb} {state}: ") :])
        self.compare_command(row["command_id"], row["seq"], told)
        if row["command_id"] < 0:
            self.own.add(row["command_id"])
        if told.get("state") == "done":
            self.effect(row["command_id"], told, row["seq"])

    def compare_command(self, number, seq, told):
        subject = f"command {number}"
        row = self.rows(
            "SELECT id, verb, job_id, batch, action, until, requested_by, reason, taken_at,"
            " finished_at, state, affected, message, max_job_id, step_job_id, still_create,"
            " still_revoke, taken_seq FROM command WHERE id = ?",
            (number,),
        ).fetchone()
        self.keep("CREATE TABLE IF NOT EXISTS command (id INTEGER PRIMARY KEY)")
        self.keep("INSERT OR IGNORE INTO command VALUES (?)", (number,))
        if row is None:
            self.find("tables", subject, f"row {seq} tells of it, command lacks it")
            return
        for name, value in told.items():
            self.differ(subject, name, row[name], value)

    # ---- pauses ----

    def effect(self, number, command, seq):
        """What a pause or a resume did."""
        if command["verb"] == "pause":
            self.pause(
                number, command["action"], command["batch"], command["until"], command["taken_at"], seq
            )
        elif command["verb"] == "resume":
            resume = dict(command, id=number)
            for pause in list(self.pauses):
                self.lift(resume, pause)
            if command["batch"] is not None:
                self.resumes.append(resume)

    def pause(self, number, action, batch, until, since, seq):
        pause = {"id": number, "action": action, "batch": batch, "until": until}
        pause.update(since_at=since, seq=seq)
        self.pauses.append(pause)
        for resume in self.resumes if number > 0 else []:
            self.lift(resume, pause)

    def lift(self, resume, pause):
        if pause not in self.pauses:
            return
        if resume["id"] < 0:
            if pause["id"] == -resume["id"]:
                self.pauses.remove(pause)
            return
        if pause["id"] > 0:
            later = resume["id"] > pause["id"]
        else:
            later = pause["seq"] <= (resume["taken_seq"] or 0)
        both = resume["action"] is None or pause["action"] is None
        if not later or resume["batch"] != pause["batch"]:
            return
        if not both and resume["action"] != pause["action"]:
            return
        if resume["action"] is not None and pause["action"] is None:
            pause["action"] = "revoke" if resume["action"] == "create" else "create"
        else:
            self.pauses.remove(pause)

    # ---- jobs ----

    def check_jobs(self):
        after = None
        while True:
            after = self.rows(
                "SELECT min(id) FROM (SELECT min(id) AS id FROM job WHERE id > :after UNION ALL"
                " SELECT min(job_id) FROM audit WHERE job_id > :after)",
                {"after": -(2**63) if after is None else after},
            ).fetchone()[0]
            if after is None:
                return
            self.check_job(after)

    def check_job(self, number):
        subject = f"job {number}"
        row = self.rows(
            "SELECT id, action, user_id, org_id, expires_in_seconds, sign_in_token_id, batch,"
            " priority, not_before, not_after, idempotency_key, reference, requested_by, reason,"
            " submitted_at, state, result, attempts, unknown_attempts, accepted_at, due_at,"
            " finished_at, http_status, error_code, error_message, tries, unknown_tries, age_from,"
            " parked FROM job WHERE id = ?",
            (number,),
        ).fetchone()
        told, fault = self.replay(number)
        if told is None and row is None:
            return
        if fault:
            self.find("tables", subject, f"the audit contradicts itself: {fault}")
        elif told is None:
            self.find("tables", subject, "job has it, the audit knows nothing of it")
        elif row is None:
            self.find("tables", subject, "the audit tells of it, job lacks it")
        else:
            self.compare_job(subject, row, told)

    def replay(self, number):
        """What the rows make of a job (None: it was never taken), and what is odd in them."""
        told, fault = None, None
        for row in self.rows(
            "SELECT * FROM audit WHERE job_id = ? AND job_state IS NOT NULL ORDER BY seq", (number,)
        ):
            event = row["event"]
            if event in ("accepted", "rejected"):
                if told:
                    fault = "it was taken twice"
                told = self.taken(row)
            elif told is None:
                return {}, "something happened to it before it was taken"
            elif event == "sent":
                if told["state"] != "queued" or row["attempt"] != told["attempts"] + 1:
                    fault = "an attempt began out of turn"
                told["attempts"], told["aged"] = row["attempt"], True
            elif event in ("cancelled", "lapsed"):
                if told["state"] != "queued":
                    fault = "it ended without being queued"
                told.update(result=event, finished_at=row["at"], due=None)
            elif event == "retried":
                if told["state"] not in ("failed", "cancelled"):
                    fault = "it was queued again without having failed"
                told.update(result=None, finished_at=None, due=row["next_attempt_at"])
                told.update(tries=0, unknown_tries=0, aged=False)
            elif event in ANSWERS:
                if told["state"] != "running" or row["attempt"] != told["attempts"]:
                    fault = "an attempt ended that had not begun"
                self.answer(told, row)
            told["state"] = row["job_state"]
        return told, fault

    @staticmethod
    def taken(row):
        told = dict.fromkeys(("result", "finished_at", "http_status", "error_code", "error_message"))
        told.update(attempts=0, unknown_attempts=0, tries=0, unknown_tries=0, aged=False, state=None)
        told.update(accepted_at=row["at"], due=None, sign_in_token_id=row["sign_in_token_id"], by=row)
        if row["event"] == "accepted":
            told["due"] = row["next_attempt_at"]
        else:
            told.update(finished_at=row["at"], result=row["error_code"])
            told["error_message"] = row["error_message"]
        return told

    @staticmethod
    def answer(told, row):
        detail = parse(row["detail"])
        state, unknown = row["job_state"], row["effect"] == "unknown"
        good = state == "succeeded"
        told["http_status"] = row["http_status"]
        told["error_code"] = None if good else row["error_code"]
        told["error_message"] = None if good else row["error_message"]
        told["due"] = row["next_attempt_at"]
        told["finished_at"] = None if state == "queued" else row["at"]
        if row["token_status"] is not None:
            told["sign_in_token_id"] = row["sign_in_token_id"]
        told["unknown_attempts"] += unknown
        if detail.get("counted") is not False:
            told["tries"] += 1
            told["unknown_tries"] += unknown and row["action"] == "create"
        told["result"] = None
        if state == "failed":
            told["result"] = member(detail, "result")
        elif good and row["action"] != "revoke":
            told["result"] = "created"
        elif good:
            told["result"] = "revoked" if row["effect"] == "applied" else "already_revoked"

    def compare_job(self, subject, row, told):
        by = told["by"]
        for name in (
            "state result attempts unknown_attempts accepted_at finished_at sign_in_token_id"
            " http_status error_code error_message tries unknown_tries"
        ).split():
            self.differ(subject, name, row[name], told[name])
        for name in "action user_id org_id batch reference reason".split():
            self.differ(subject, name, row[name], by[name])
        self.differ(subject, "requested_by", row["requested_by"], by["requested_by"] or "")
        if (row["due_at"] is None) != (told["due"] is None) or (
            row["due_at"] is not None and row["due_at"] > told["due"]
        ):
            self.differ(subject, "due_at", row["due_at"], told["due"])
        if row["age_from"] < -1 or (row["age_from"] >= 0) != told["aged"]:
            self.find("tables", subject, f"age_from: the table says {row['age_from']}")
        self.compare_detail(subject, row, by)
        self.compare_parked(subject, row, by["seq"])

    def compare_detail(self, subject, row, by):
        detail = parse(by["detail"])
        if "id" not in detail:
            return
        expires = member(detail, "expires_in_seconds", int)
        if expires is None:
            expires = member(detail.get("policy"), "expires_in_seconds", int)
        priority = member(detail, "priority", int)
        if priority is None or not -100 <= priority <= 100:
            priority = 10 if row["action"] == "revoke" else 0 if row["batch"] is None else -10
        told = {
            "expires_in_seconds": expires,
            "not_before": queue_time(member(detail, "not_before")),
            "not_after": queue_time(member(detail, "not_after")),
            "idempotency_key": member(detail, "idempotency_key"),
            "submitted_at": member(detail, "submitted_at"),
        }
        self.differ(subject, "id", row["id"], member(detail, "id", int))
        self.differ(subject, "priority", row["priority"], priority)
        for name, value in told.items():
            if by["event"] != "rejected" or row[name] is not None:
                self.differ(subject, name, row[name], value)

    def compare_parked(self, subject, row, seq):
        if row["state"] in ("cancelled", "lapsed"):
            if row["parked"] not in (0, 2):
                self.differ(subject, "parked", row["parked"], 0)
            return
        parked = 0
        if row["state"] == "queued" and row["batch"] is not None:
            moving = self.rows(
                "SELECT 1 FROM command WHERE state = 'running' AND batch = ?"
                " AND verb IN ('pause', 'resume')",
                (row["batch"],),
            ).fetchone()
            if moving:
                return
            for pause in self.rows(
                "SELECT command_id FROM pause WHERE batch = ? AND (action IS NULL OR action = ?)",
                (row["batch"], row["action"]),
            ):
                if pause[0] > REST:
                    parked |= 1
                    continue
                began = [p["seq"] for p in self.pauses if p["id"] == pause[0]]
                if not began:
                    return
                parked |= 2 if began[0] < seq else 0
        self.differ(subject, "parked", row["parked"], parked)

    # ---- tokens ----

    def check_tokens(self):
        for row in self.rows(
            "SELECT seq, sign_in_token_id FROM audit"
            " WHERE token_status IS NOT NULL AND sign_in_token_id IS NOT NULL"
        ):
            self.keep("INSERT OR IGNORE INTO told VALUES (?, ?)", (row[1], row[0]))
        entry, before = 0, 0
        for row in self.rows("SELECT rowid AS entry, * FROM sign_in_token ORDER BY rowid"):
            entry += 1
            subject = f"token {row['id']}"
            if row["entry"] != entry:
                self.find("tables", subject, f"its entry is {row['entry']}, it is the token {entry}")
            told = self.replay_token(row["id"])
            if told is None:
                self.find("tables", subject, "sign_in_token has it, the audit knows nothing of it")
                continue
            first = told.pop("first")
            if first < before:
                self.find("tables", subject, "it stands behind a token that was heard of later")
            before = first
            for name, value in told.items():
                self.differ(subject, name, row[name], value)
        for (token,) in self.keep("SELECT DISTINCT token FROM told ORDER BY token"):
            if not self.rows("SELECT 1 FROM sign_in_token WHERE id = ?", (token,)).fetchone():
                self.find("tables", f"token {token}", "the audit names it, sign_in_token lacks it")

    def replay_token(self, token):
        told = None
        for (seq,) in self.keep("SELECT seq FROM told WHERE token = ? ORDER BY seq", (token,)):
            row = self.rows("SELECT * FROM audit WHERE seq = ?", (seq,)).fetchone()
            if told is None:
                told = dict.fromkeys(
                    "status status_at status_from user_id org_id created_at_ms updated_at_ms"
                    " expires_at token_sha256 create_job_id revoke_job_id".split()
                )
                told["first"] = seq
            create = row["action"] == "create"
            if not create and row["token_status"] == told["status"]:
                continue
            told.update(status=row["token_status"], status_at=row["at"])
            if create:
                told["status_from"] = "create"
                told.update(org_id=row["org_id"], expires_at=row["token_expires_at"])
                told.update(token_sha256=row["token_sha256"], create_job_id=row["job_id"])
            else:
                whole = row["token_created_at_ms"] is not None
                told["status_from"] = "revoke" if whole else "revoke_error"
                told["revoke_job_id"] = row["job_id"]
            if told["user_id"] is None:
                told["user_id"] = row["user_id"]
            if told["created_at_ms"] is None:
                told["created_at_ms"] = row["token_created_at_ms"]
            if row["token_updated_at_ms"] is not None:
                told["updated_at_ms"] = row["token_updated_at_ms"]
        return told

    def check_purged(self):
        for row in self.rows("SELECT id, purged_at FROM sign_in_token ORDER BY rowid"):
            told = self.keep("SELECT at FROM purged WHERE token = ?", (row["id"],)).fetchone()
            self.differ(f"token {row['id']}", "purged_at", row["purged_at"], told[0] if told else None)
        for (token,) in self.keep("SELECT token FROM purged"):
            if not self.rows("SELECT 1 FROM sign_in_token WHERE id = ?", (token,)).fetchone():
                self.find("tables", f"token {token}", "it was purged, sign_in_token lacks it")

    # ---- the rest ----

    def check_commands(self):
        self.keep("CREATE TABLE IF NOT EXISTS command (id INTEGER PRIMARY KEY)")
        for row in self.rows(
            "SELECT id, verb, batch, action, until, taken_at, taken_seq, finished_at, message, state"
            " FROM command ORDER BY id"
        ):
            subject = f"command {row['id']}"
            if row["state"] != "running":
                known = self.keep("SELECT 1 FROM command WHERE id = ?", (row["id"],)).fetchone()
                if not known:
                    self.find("tables", subject, "command has it as ended, no row tells of it")
                continue
            self.differ(subject, "finished_at", row["finished_at"], None)
            self.differ(subject, "message", row["message"], None)
            if row["id"] < 0:
                self.own.add(row["id"])
            self.effect(row["id"], row_dict(row), None)

    def check_rows(self, subject, line, table, told, columns):
        """The rows of a small table against what is told, by their key."""
        for key, row in table.items():
            if key not in told:
                name = "" if key is None else key
                self.find("tables", f"{subject} {name}", "the table has it, the audit does not")
                continue
            for name in columns:
                self.differ(f"{subject} {key}", name, row[name], told[key][name])
        for key in told:
            if key not in table:
                self.find("tables", f"{subject} {key}", f"the audit tells of it, {line} lacks it")

    def check_stops(self):
        holds = {row["kind"]: row for row in self.rows("SELECT kind, since_at, reason, ends FROM hold")}
        told = {kind: hold for kind, hold in self.holds.items() if hold["on"]}
        self.check_rows("hold", "hold", holds, told, ("since_at", "reason", "ends"))
        pauses = {
            row["command_id"]: row
            for row in self.rows("SELECT command_id, action, batch, until, since_at FROM pause")
        }
        told = {pause["id"]: pause for pause in self.pauses}
        self.check_rows("pause", "pause", pauses, told, ("action", "batch", "until", "since_at"))

    def check_batches(self):
        for batch in self.batches.values():
            batch["held"] = int(REST - batch["id"] in self.own)
            batch["stopped"] = int(STOP - batch["id"] in self.own)
        names = "id release_first max_failures requested_by reason taken_at taken failed held stopped"
        table = {
            row["name"]: row
            for row in self.rows(
                "SELECT id, name, release_first, max_failures, requested_by, reason, taken_at, taken,"
                " failed, held, stopped FROM batch"
            )
        }
        self.check_rows("batch", "batch", table, self.batches, names.split())

    def check_counts(self):
        for table, subject, text in (
            ("tally", "tally", "SELECT action, state, jobs, 0 FROM tally UNION ALL"
             " SELECT coalesce(action, ''), state, 0, count(*) FROM job GROUP BY 1, 2"),
            ("token_tally", "token_tally", "SELECT status, expiry_hour, tokens, 0 FROM token_tally"
             " UNION ALL SELECT status, CASE status WHEN 'pending'"
             " THEN coalesce(substr(expires_at, 1, 13), '') ELSE '' END, 0, count(*)"
             " FROM sign_in_token GROUP BY 1, 2"),
        ):
            sums = {}
            for row in self.rows(text):
                kept, there = sums.get((row[0], row[1]), (0, 0))
                sums[row[0], row[1]] = (kept + row[2], there + row[3])
            for key, (kept, there) in sorted(sums.items()):
                if kept != there:
                    self.find("tables", subject, f"{' '.join(key).strip()}: it says {kept}, there are {there}")

    def check_daily(self):
        for row in self.rows("SELECT day, action, kind, word, n FROM daily"):
            told = self.keep(
                "SELECT n FROM daily WHERE day = ? AND action = ? AND kind = ? AND word = ?", tuple(row)[:4]
            ).fetchone()
            self.differ(f"daily {row['day']}", " ".join(row[1:4]).strip(), row["n"], told[0] if told else None)
        for day, *key in self.keep("SELECT day, action, kind, word FROM daily"):
            row = self.rows(
                "SELECT 1 FROM daily WHERE day = ? AND action = ? AND kind = ? AND word = ?", (day, *key)
            ).fetchone()
            if not row:
                self.find("tables", f"daily {day}", f"{' '.join(key).strip()}: daily lacks it")

    def check_progress(self):
        rows = self.rows("SELECT queue_job, queue_urgent, queue_command, key_kind FROM progress").fetchall()
        if len(rows) != 1:
            self.find("tables", "progress", f"it has {len(rows)} rows")
            return
        row = rows[0]
        job = self.rows("SELECT coalesce(max(id), 0) FROM job").fetchone()[0]
        command = self.rows("SELECT coalesce(max(id), 0) FROM command").fetchone()[0]
        self.differ("progress", "queue_job", max(row["queue_job"], row["queue_urgent"]), job)
        self.differ("progress", "queue_command", row["queue_command"], max(command, 0))
        if self.key_kind is not None:
            self.differ("progress", "key_kind", row["key_kind"], self.key_kind)

    # ---- all ----

    def check(self):
        self.database.execute("BEGIN")
        if not self.check_schema():
            return
        last, whole = self.check_chain()
        if whole:
            self.check_tail(last)
            self.check_commands()
        self.check_jobs()
        self.check_tokens()
        if whole:
            self.check_purged()
            self.check_stops()
            self.check_batches()
            self.check_counts()
            self.check_daily()
            self.check_progress()
        self.check_file()

    def run(self):
        """What is wrong with the file, a line each."""
        try:
            self.check()
        except (sqlite3.DatabaseError, TypeError, LookupError, ValueError) as error:
            self.find("file", "damaged", f"it cannot be read: {error}")
        finally:
            self.kept.close()
            self.database.close()
        return self.found


def row_dict(row):
    return {name: row[name] for name in row.keys()}


def read_anchor(text):
    found = ANCHOR.match(text)
    if not found or not 1 <= int(found[1]) < 2**63:
        return None
    return int(found[1]), found[2]


def read_anchors(path):
    """The anchors of a file; ValueError where a line has none, or the file."""
    anchors = []
    with open(path, encoding="utf-8", errors="surrogateescape") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip() or line.lstrip().startswith("#"):
                continue
            words = (read_anchor(word) for word in re.split(r'[ \t\r\n,;"]+', line))
            anchor = next((word for word in words if word), None)
            if anchor is None:
                raise ValueError(f"{path}: line {number}: there is no SEQ:HASH in it")
            anchors.append(anchor)
    if not anchors:
        raise ValueError(f"{path}: there is no checkpoint in it")
    return anchors


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("audit", help="audit.db")
    parser.add_argument("--checkpoint", action="append", default=[], metavar="SEQ:HASH")
    parser.add_argument("--anchors", metavar="FILE")
    options = parser.parse_args()
    try:
        anchors = read_anchors(options.anchors) if options.anchors else []
    except (OSError, ValueError) as error:
        parser.error(str(error))
    for text in options.checkpoint:
        anchor = read_anchor(text)
        if anchor is None:
            parser.error(f"{text}: SEQ:HASH is wanted")
        anchors.append(anchor)
    # What stands in a file that somebody changed need not be UTF-8.
    sys.stdout.reconfigure(errors="backslashreplace")
    found = Checker(options.audit, anchors).run()
    for line in found:
        print(line)
    if not anchors:
        print(
            "no anchor was given: rows cut off at the end, or a chain computed anew, cannot be found",
            file=sys.stderr,
        )
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
