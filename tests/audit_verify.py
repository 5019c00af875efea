#!/usr/bin/env python3
"""Checks an audit.db of clerk-tokend by what doc/audit-chain.md says, and by nothing else.

    tests/audit_verify.py audit.db [--checkpoint SEQ:HASH]... [--anchors FILE]

Prints what it finds, one a line, and ends with 1 where there is anything, with 2 where it
cannot check, else with 0. It shares neither code nor method with clerk-tokenctl verify, so that
the two can be held against each other. Jobs, tokens and commands are read in the order of their
keys, the log beside the table, one at a time. What it keeps in memory is one entry for each row
of batch and daily, each pause and resume there ever was, and what it found.
"""

import argparse
import datetime
import hashlib
import json
import re
import sqlite3
import sys
from urllib.parse import quote

APPLICATION_ID = 1131178817
SCHEMA_NUMBER = 3
SCHEMA_DIGEST = "2608fa3e01ff78ef0edc80b5fc218bf5852b2f128b9bb0f90fade87aa8841e27"
BEFORE_THE_FIRST = b"clerk-tokend audit chain 1"
COLUMNS = (
    "seq at event job_id command_id attempt job_state action user_id org_id sign_in_token_id"
    " token_status token_created_at_ms token_updated_at_ms token_expires_at token_sha256"
    " http_status error_code error_message trace_id effect duration_ms next_attempt_at batch"
    " reference requested_by reason detail"
).split()
TABLES = (
    "audit job sign_in_token command batch pause hold tally token_tally daily progress".split()
)
EVENTS = set(
    "started reloaded stopped accepted rejected sent answered unanswered interrupted recovered"
    " cancelled lapsed retried commanded held released purged".split()
)
STATES = set("queued running succeeded failed cancelled lapsed rejected".split())
EFFECTS = {"applied", "none", "unknown"}
ANSWERS = {"answered", "unanswered", "interrupted", "recovered"}
# The daemon's own commands: below the first the pause of the rest of a batch, below the other
# the cancel of what is left of it.
REST = -2000000000000
LEFT = -4000000000000

ANCHOR = re.compile(r"([0-9]{1,19}):([0-9a-f]{64})\Z")
TIME = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})([ T])([0-9]{2}:[0-9]{2})"
    r"(?:(:[0-9]{2})(?:\.([0-9]{1,3}))?)?(Z?)\Z"
)


# Values -------------------------------------------------------------------------------


def to_bytes(text):
    """A text as it is stored, which need not be UTF-8."""
    return text.encode("utf-8", "surrogateescape")


def field(name, value):
    """One column of a row as the hashes take it."""
    if type(value) is int:
        kind, data = b"i", b"%d" % value
    else:
        kind, data = b"t", to_bytes(value)
    return name.encode() + b" " + kind + b"%d:" % len(data) + data + b"\n"


def same(one, other):
    """1, 1.0, true and "1" are four values."""
    return type(one) is type(other) and one == other


def rank(key):
    """Where SQLite sorts a key: numbers before texts, these by their bytes."""
    if key is None:
        return (0, 0)
    return (2, to_bytes(key)) if isinstance(key, str) else (1, key)


def shown(value):
    return "nothing" if value is None else f"{value!r:.100}"


def parse(detail):
    """The members of a detail, none where it is no object."""
    try:
        members = json.loads(detail)
    except (ValueError, RecursionError, TypeError):
        return {}
    return members if isinstance(members, dict) else {}


def whole(value):
    return value if type(value) is int else None


def word(value):
    return value if isinstance(value, str) else None


def queue_time(value):
    """A time as the queue takes it, in the form in which audit.db has it; None for another."""
    found = TIME.match(value) if isinstance(value, str) else None
    if not found or (found[2] == "T" and not found[6]):
        return None
    date, clock = found[1], found[3] + (found[4] or ":00")
    try:
        # Year 0 is none to datetime; it has a 29 February, as 2000 has.
        known = "2000" + date[4:] if date.startswith("0000") else date
        datetime.datetime.strptime(f"{known} {clock}", "%Y-%m-%d %H:%M:%S")
    except ValueError:
        return None
    if clock.endswith(("60", "61")):
        return None  # strptime knows leap seconds, the queue does not
    return max(f"{date} {clock}.{(found[5] or '').ljust(3, '0')}", "1970-01-01 00:00:00.001")


def two_digits(duration):
    """A duration rounded up as daily counts it."""
    if duration <= 99:
        return duration
    step = 10 ** (len(str(duration)) - 2)
    return min(-(-duration // step) * step, 1000000)


def merge(log, table):
    """Two runs of (key, value), each in order, as (key, value of log, value of table)."""
    one, other = next(log, None), next(table, None)
    while one or other:
        if other is None or (one and rank(one[0]) < rank(other[0])):
            yield one[0], one[1], None
            one = next(log, None)
        elif one is None or rank(other[0]) < rank(one[0]):
            yield other[0], None, other[1]
            other = next(table, None)
        else:
            yield one[0], one[1], other[1]
            one, other = next(log, None), next(table, None)


# What the log tells -------------------------------------------------------------------


class Pauses:
    """All pauses and resumes there were, and which pauses are on after them.

    They count by when they were taken, not by when they were told of, so they are looked at
    together, at the end.
    """

    def __init__(self):
        self.begun = []
        self.restored = []  # the `started` rows that begin pause -1 where it is off
        self.lapsed = set()  # the pauses that ended by their `until`
        self.resumes = {}  # the others' ends: batch to (id, actions, taken_seq)

    @staticmethod
    def actions(action):
        return {"create", "revoke"} if action is None else {action}

    def command(self, command, seq):
        """A pause or a resume that took effect; seq is the row that tells of it, if any does."""
        number, batch, action = command["id"], command["batch"], command["action"]
        if command["verb"] == "pause":
            pause = {"command_id": number, "action": action, "batch": batch, "seq": seq}
            pause.update(until=command["until"], since_at=command["taken_at"])
            self.begun.append(pause)
        elif number < 0:
            self.lapsed.add(-number)
        else:
            resume = (number, self.actions(action), command["taken_seq"])
            self.resumes.setdefault(batch, []).append(resume)

    def left(self, pause, before=None):
        """The actions that a pause still stops; of resumes taken before that row, if given."""
        number, left = pause["command_id"], self.actions(pause["action"])
        if number in self.lapsed:
            return set()
        for resume, actions, taken_seq in self.resumes.get(pause["batch"], ()):
            told = type(taken_seq) is int
            if before is not None and not (told and taken_seq < before):
                continue
            if number > 0:
                was_on = number < resume
            else:
                was_on = told and pause["seq"] is not None and pause["seq"] <= taken_seq
            if was_on:
                left -= actions
        return left

    def on(self):
        restore = None
        for seq, at in self.restored:
            if restore is None or not self.left(restore, seq):
                restore = {"command_id": -1, "action": None, "batch": None, "seq": seq}
                restore.update(until=None, since_at=at)
        on = {}
        for pause in self.begun + ([restore] if restore else []):
            left = self.left(pause)
            if left:
                # One of two actions resumed: it goes on with the other.
                action = (
                    left.pop()
                    if pause["action"] is None and len(left) == 1
                    else pause["action"]
                )
                on[pause["command_id"]] = dict(pause, action=action)
        return on


class Log:
    """What one pass over the chain collects for the tables but job, sign_in_token, command."""

    def __init__(self):
        self.daily = {}
        self.batches = {}
        self.twice = []  # rows that tell of a batch that was met before
        self.own = set()  # commands of the daemon for batches
        self.holds = {}
        self.pauses = Pauses()
        self.key_kind = None

    def row(self, row):
        event = row["event"]
        self.count(row)
        batch = self.batches.get(row["batch"]) if row["batch"] is not None else None
        if batch:
            batch["taken"] += event == "accepted"
            batch["failed"] += row["job_state"] == "failed"
        if event == "started":
            self.start(row)
        elif event == "commanded":
            if row["command_id"] is None:
                self.batch(row)
            else:
                self.command(row)
        elif event in ("held", "released"):
            self.hold(row)

    def count(self, row):
        day, action = (row["at"] or "")[:10], row["action"]
        if action not in ("create", "revoke"):
            action = ""
        words = []
        if row["event"] in EVENTS:
            words.append(("event", row["event"]))
        if row["job_state"] in STATES:
            words.append(("state", row["job_state"]))
        if row["effect"] in EFFECTS:
            words.append(("effect", row["effect"]))
        status, duration = row["http_status"], row["duration_ms"]
        if type(status) is int and 100 <= status <= 599:
            words.append(("http", str(status)))
        if type(duration) is int and duration >= 0:
            words.append(("latency", str(two_digits(duration))))
        for kind, text in words:
            key = (day, action, kind, text)
            self.daily[key] = self.daily.get(key, 0) + 1

    def start(self, row):
        members = parse(row["detail"])
        key = members.get("key")
        self.key_kind = word(key.get("kind")) if isinstance(key, dict) else None
        if members.get("accept_restore") is True:
            self.pauses.restored.append((row["seq"], row["at"]))

    def batch(self, row):
        if row["batch"] in self.batches:
            self.twice.append((row["seq"], row["batch"]))
            return
        members = parse(row["detail"])
        first, failures = whole(members.get("release_first")), whole(
            members.get("max_failures")
        )
        self.batches[row["batch"]] = {
            "id": len(self.batches) + 1,
            "name": row["batch"],
            "taken_at": row["at"],
            "requested_by": row["requested_by"] or "",
            "reason": row["reason"],
            "release_first": -1 if first is None else first,
            "max_failures": 0 if failures is None else failures,
            "taken": 0,
            "failed": 0,
        }

    def command(self, row):
        if row["command_id"] <= REST:
            self.own.add(row["command_id"])
        if row["error_code"] == "invalid":
            return
        members = parse(row["detail"])
        verb = members.get("verb")
        refused = (row["error_message"] or "").startswith(f"{verb} refused: ")
        if verb in ("pause", "resume") and not refused:
            command = {
                name: members.get(name) for name in ("verb", "until", "taken_at", "taken_seq")
            }
            command.update(id=row["command_id"], action=row["action"], batch=row["batch"])
            self.pauses.command(command, row["seq"])

    def hold(self, row):
        kind = row["error_code"]
        if row["event"] == "released":
            self.holds.pop(kind, None)
            return
        since = self.holds[kind]["since_at"] if kind in self.holds else row["at"]
        self.holds[kind] = {
            "kind": kind,
            "reason": row["error_message"],
            "ends": parse(row["detail"]).get("ends"),
            "since_at": since,
        }


class Job:
    """A job as the rows that move it tell, up to the first that cannot be."""

    COMPARED = (
        "state result attempts unknown_attempts accepted_at finished_at http_status error_code"
        " error_message tries unknown_tries sign_in_token_id"
    ).split()
    FOUND_IN = {
        "sent": {"queued"},
        "cancelled": {"queued"},
        "lapsed": {"queued"},
        "retried": {"failed", "cancelled"},
        **dict.fromkeys(ANSWERS, {"running"}),
    }

    def __init__(self):
        self.taken = None  # the row that took it
        self.wrong = None  # the row that cannot be, and why
        self.state = self.result = self.accepted_at = self.finished_at = self.due = None
        self.http_status = self.error_code = self.error_message = self.sign_in_token_id = None
        self.attempts = self.unknown_attempts = self.tries = self.unknown_tries = 0
        self.was_sent = False

    def move(self, row):
        why = self.misfit(row)
        if why:
            self.wrong = f"row {row['seq']}: {why}"
            return
        event = row["event"]
        if event in ("accepted", "rejected"):
            self.take(row)
        elif event == "sent":
            self.attempts, self.was_sent = row["attempt"], True
        elif event in ANSWERS:
            self.answer(row)
        elif event == "retried":
            self.result = self.finished_at = None
            self.due = row["next_attempt_at"]
            self.tries = self.unknown_tries = 0
            self.was_sent = False
        else:
            self.result, self.finished_at, self.due = event, row["at"], None
        self.state = row["job_state"]

    def misfit(self, row):
        """Why a row cannot follow those before it."""
        event = row["event"]
        if event in ("accepted", "rejected"):
            return "it was taken twice" if self.taken else None
        if event not in self.FOUND_IN:
            return f"{event} moves no job"
        if not self.taken:
            return f"{event} before it was taken"
        due = self.attempts + 1 if event == "sent" else self.attempts
        counted = event == "sent" or event in ANSWERS
        if self.state not in self.FOUND_IN[event] or (counted and row["attempt"] != due):
            return (
                f"{event} of attempt {row['attempt']}, while {self.state} after {self.attempts}"
            )
        return None

    def take(self, row):
        self.taken = row
        self.accepted_at, self.sign_in_token_id = row["at"], row["sign_in_token_id"]
        if row["event"] == "accepted":
            self.due = row["next_attempt_at"]
        else:
            self.finished_at = row["at"]
            self.result, self.error_message = row["error_code"], row["error_message"]

    def answer(self, row):
        state, unknown = row["job_state"], row["effect"] == "unknown"
        good, members = state == "succeeded", parse(row["detail"])
        self.http_status = row["http_status"]
        self.error_code = None if good else row["error_code"]
        self.error_message = None if good else row["error_message"]
        self.due = row["next_attempt_at"]
        self.finished_at = None if state == "queued" else row["at"]
        if row["token_status"] is not None:
            self.sign_in_token_id = row["sign_in_token_id"]
        self.unknown_attempts += unknown
        if members.get("counted") is not False:
            self.tries += 1
            self.unknown_tries += unknown and row["action"] == "create"
        if state == "queued":
            self.result = None
        elif state == "failed":
            self.result = members.get("result")
        elif row["action"] != "revoke":
            self.result = "created"
        else:
            self.result = "revoked" if row["effect"] == "applied" else "already_revoked"


class Token:
    """A token as the rows that name it tell."""

    READS = (
        "seq at event job_id action user_id org_id sign_in_token_id token_status"
        " token_created_at_ms token_updated_at_ms token_expires_at token_sha256 detail"
    ).split()
    COMPARED = (
        "status status_at status_from org_id expires_at token_sha256 create_job_id revoke_job_id"
        " user_id created_at_ms updated_at_ms purged_at"
    ).split()

    def __init__(self):
        self.told = False
        self.columns = dict.fromkeys(self.COMPARED)

    def move(self, row):
        columns, create = self.columns, row["action"] == "create"
        if row["event"] == "purged" and parse(row["detail"]).get("token") != "unknown":
            columns["purged_at"] = row["at"]
        if row["token_status"] is None:
            return
        self.told = True
        if not create and row["token_status"] == columns["status"]:
            return
        columns["status"], columns["status_at"] = row["token_status"], row["at"]
        if create:
            columns["status_from"], columns["create_job_id"] = "create", row["job_id"]
            columns["org_id"], columns["token_sha256"] = row["org_id"], row["token_sha256"]
            columns["expires_at"] = row["token_expires_at"]
        else:
            dated = row["token_created_at_ms"] is not None
            columns["status_from"] = "revoke" if dated else "revoke_error"
            columns["revoke_job_id"] = row["job_id"]
        if columns["user_id"] is None:
            columns["user_id"] = row["user_id"]
        if columns["created_at_ms"] is None:
            columns["created_at_ms"] = row["token_created_at_ms"]
        if row["token_updated_at_ms"] is not None:
            columns["updated_at_ms"] = row["token_updated_at_ms"]


def fold(rows, key, kind):
    """Rows in the order of a key, then seq, as (key, what they make of a new kind())."""
    told, current = None, None
    for row in rows:
        if told is None or row[key] != current:
            if told is not None:
                yield current, told
            told, current = kind(), row[key]
        told.move(row)
    if told is not None:
        yield current, told


def job_columns(taken, row):
    """What the row that took a job tells of columns that stand in its detail: for `row` of
    the table, column to value; nothing where it was no row of the queue."""
    members = parse(taken["detail"])
    number = whole(members.get("id"))
    if number is None:
        return {}
    policy = members.get("policy") if isinstance(members.get("policy"), dict) else {}
    expires, priority = whole(members.get("expires_in_seconds")), whole(members.get("priority"))
    if expires is None:
        expires = whole(policy.get("expires_in_seconds"))
    if priority is None or not -100 <= priority <= 100:
        priority = 10 if row["action"] == "revoke" else 0 if row["batch"] is None else -10
    columns = {
        "idempotency_key": word(members.get("idempotency_key")),
        "submitted_at": word(members.get("submitted_at")),
        "expires_in_seconds": expires,
        "not_before": queue_time(members.get("not_before")),
        "not_after": queue_time(members.get("not_after")),
    }
    if taken["event"] == "rejected":
        # Of such a row the job has what holds.
        columns = {name: value for name, value in columns.items() if row[name] is not None}
    return {"id": number, "priority": priority, **columns}


# The tables ---------------------------------------------------------------------------


class Checker:
    """Checks one audit.db, with anchors as read_anchor gives them."""

    def __init__(self, path, anchors):
        self.anchors = {}
        for seq, digest in anchors:
            self.anchors.setdefault(seq, []).append(digest)
        self.found = []
        self.bad = None  # the first bad row of the chain
        self.unmet = 0  # anchors at or behind it
        self.log = Log()
        self.on = {}  # the pauses that are on
        self.running = {}  # the commands that have not ended
        self.database = sqlite3.connect(
            f"file:{quote(str(path))}?mode=ro", uri=True, isolation_level=None
        )
        self.database.text_factory = lambda data: data.decode("utf-8", "surrogateescape")

    def run(self):
        """The findings, one a line: `chain: row 7: …`, `tables: job 3: …`."""
        try:
            # Sorting goes to files, and all of it sees one state.
            for text in ("trusted_schema = OFF", "query_only = ON", "temp_store = FILE"):
                self.database.execute(f"PRAGMA {text}")
            self.database.execute("BEGIN")
            self.check()
        except (sqlite3.Error, TypeError, LookupError, ValueError) as error:
            # Values that no type allows: integrity_check has named them, or cannot read on.
            self.find("file", "damaged", f"it cannot be read: {error}")
        finally:
            self.database.close()
        return self.found

    def find(self, line, subject, text):
        self.found.append(f"{line}: {subject}: {text}".replace("\n", "\\n"))

    def rows(self, text):
        cursor = self.database.execute(text)
        names = [column[0] for column in cursor.description]
        return (dict(zip(names, row)) for row in cursor)

    def value(self, text):
        return self.database.execute(text).fetchone()[0]

    def compare(self, subject, row, told):
        for column, value in told.items():
            if not same(row[column], value):
                text = f"{column}: the table says {shown(row[column])}, the log {shown(value)}"
                self.find("tables", subject, text)

    def check(self):
        if not self.check_file():
            return
        self.check_chain()
        for command in self.rows("SELECT * FROM command WHERE state = 'running'"):
            self.running[command["id"]] = command
            if self.bad is None and command["verb"] in ("pause", "resume"):
                self.log.pauses.command(command, None)
        self.on = self.log.pauses.on()
        self.check_jobs()
        self.check_tokens()
        if self.bad is None:
            self.check_commands()
            self.check_batches()
            self.check_counts()
            self.check_progress()

    # The file and the chain

    def check_file(self):
        """Returns whether what it holds can be read by this page."""
        whole_digest = hashlib.sha256()
        for row in self.rows("SELECT type, name, tbl_name, sql FROM sqlite_schema"):
            if row["name"] is None or not {type(v) for v in row.values()} <= {str, type(None)}:
                self.find("file", "schema", f"a value of it is no text, in {shown(row['name'])}")
                return False
        objects = [
            row
            for row in self.rows("SELECT type, name, tbl_name, sql FROM sqlite_schema")
            if not (row["type"] == "index" and row["sql"] is None
                    and row["name"].startswith("sqlite_autoindex_"))
        ]
        for row in sorted(objects, key=lambda row: to_bytes(row["name"])):
            for name, value in row.items():
                if value is not None:
                    whole_digest.update(field(name, value))
        digest = whole_digest.hexdigest()
        if digest != SCHEMA_DIGEST:
            self.find("file", "schema", f"its digest is {digest}: it is not the shipped one")
        for name, wanted in (
            ("application_id", APPLICATION_ID),
            ("user_version", SCHEMA_NUMBER),
        ):
            number = self.value(f"PRAGMA {name}")
            if number != wanted:
                self.find("file", name, f"it is {number}, not {wanted}")
        for (text,) in self.database.execute("PRAGMA integrity_check"):
            if text != "ok":
                self.find("file", "integrity_check", text)
        return digest == SCHEMA_DIGEST

    def check_chain(self):
        before, last = hashlib.sha256(BEFORE_THE_FIRST).digest(), 0
        for row in self.rows(f"SELECT {', '.join(COLUMNS)}, hash FROM audit ORDER BY seq"):
            stored, seq = row.pop("hash"), row["seq"]
            if seq != last + 1:
                self.bad = seq if seq < 1 else last + 1
                why = (
                    "such a row does not exist" if seq < 1 else f"it is missing, {seq} is next"
                )
            else:
                digest, why = self.hash_of(before, row)
                if not why and stored != digest.hexdigest():
                    why = "its hash does not follow: it was changed, or put there"
                if why:
                    self.bad = seq
            if self.bad is not None:
                self.find("chain", f"row {self.bad}", why)
                break
            before, last = digest.digest(), seq
            for anchor in self.anchors.get(seq, ()):
                if anchor != stored:
                    text = f"the anchor says {anchor}, the audit {stored}: it was rewritten"
                    self.find("anchors", f"row {seq}", text)
            self.log.row(row)
        self.check_tail(last)

    @staticmethod
    def hash_of(before, row):
        """The hash of a row, or why it has none."""
        digest = hashlib.sha256(before)
        for name, value in row.items():
            if value is None:
                continue
            if not isinstance(value, (int, str)):
                return None, f"{name} is neither a text nor a whole number"
            if isinstance(value, str) and "\0" in value:
                return None, f"{name} has a NUL in it"
            digest.update(field(name, value))
        return digest, None

    def check_tail(self, last):
        for seq in sorted(self.anchors):
            if seq > last and self.bad is None:
                text = f"the audit ends with row {last}: its tail was cut off"
                self.find("anchors", f"row {seq}", text)
            elif seq > last:
                self.unmet += len(self.anchors[seq])

    # One row at a time, in the order of the keys

    def beside(self, log, table, key="id"):
        """The log beside a table, with what only one of them has found."""
        rows = ((row[key], row) for row in self.rows(f"SELECT * FROM {table} ORDER BY {key}"))
        return merge(log, rows)

    def lacks(self, subject, table):
        self.find("tables", subject, f"the log tells of it, {table} lacks it")

    def unknown(self, subject, table):
        self.find("tables", subject, f"{table} has it, the log knows nothing of it")

    def check_jobs(self):
        rows = self.rows(
            f"SELECT {', '.join(COLUMNS)} FROM audit WHERE job_id IS NOT NULL"
            " AND job_state IS NOT NULL ORDER BY job_id, seq"
        )
        parking = {}
        for pause in self.on.values():
            parking.setdefault(pause["batch"], []).append(pause)
        for number, job, row in self.beside(fold(rows, "job_id", Job), "job"):
            subject = f"job {number}"
            if job is None:
                self.unknown(subject, "job")
                continue
            if job.wrong:
                self.find("tables", subject, job.wrong)
            if row is None:
                if job.taken:
                    self.lacks(subject, "job")
            elif not job.wrong:
                self.check_job(subject, job, row)
                self.check_parked(subject, job, row, parking)

    def check_job(self, subject, job, row):
        taken = job.taken
        told = {column: getattr(job, column) for column in Job.COMPARED}
        for column in ("action", "user_id", "org_id", "batch", "reference", "reason"):
            told[column] = taken[column]
        told["requested_by"] = taken["requested_by"] or ""
        told.update(job_columns(taken, row))
        self.compare(subject, row, told)
        due, told_due = row["due_at"], job.due
        if (due is None) != (told_due is None) or (
            due is not None and rank(due) > rank(told_due)
        ):
            self.find("tables", subject, f"due_at: the table says {due}, the log {told_due}")
        age = row["age_from"]
        if type(age) is not int or (age < 0 if job.was_sent else age != -1):
            sent = "sent" if job.was_sent else "not sent"
            self.find("tables", subject, f"age_from: the table says {age}, the log: {sent}")

    def check_parked(self, subject, job, row, parking):
        parked, state, taken = row["parked"], job.state, job.taken
        allowed = {0}
        if taken["batch"] is not None and state in ("cancelled", "lapsed"):
            allowed = {0, 2}
        elif taken["batch"] is not None and state == "queued":
            if self.bad is not None or self.is_changing(taken["batch"]):
                return
            pauses = [
                pause
                for pause in parking.get(taken["batch"], ())
                if pause["action"] in (None, taken["action"])
            ]
            waits = any(pause["command_id"] > REST for pause in pauses)
            rest = any(
                pause["command_id"] < REST and pause["seq"] and taken["seq"] > pause["seq"]
                for pause in pauses
            )
            allowed = {waits + 2 * rest}
        if parked not in allowed:
            text = f"parked: the table says {shown(parked)}, the log {min(allowed)}"
            self.find("tables", subject, text)

    def is_changing(self, batch):
        """Whether a command is just parking or releasing the batch's jobs, one by one."""
        return any(
            command["verb"] in ("pause", "resume") and command["batch"] == batch
            for command in self.running.values()
        )

    def check_tokens(self):
        rows = self.rows(
            f"SELECT {', '.join(Token.READS)} FROM audit WHERE sign_in_token_id IS NOT NULL"
            " AND (token_status IS NOT NULL OR event = 'purged') ORDER BY sign_in_token_id, seq"
        )
        log = (pair for pair in fold(rows, "sign_in_token_id", Token) if pair[1].told)
        for name, token, row in self.beside(log, "sign_in_token"):
            subject = f"token {name}"
            if token is None:
                self.unknown(subject, "sign_in_token")
            elif row is None:
                self.lacks(subject, "sign_in_token")
            else:
                self.compare(subject, row, token.columns)
        self.check_register()

    def check_register(self):
        """The rowids of the tokens: the order in which they were told of."""
        told = self.database.execute(
            "SELECT sign_in_token_id FROM audit WHERE sign_in_token_id IS NOT NULL"
            " AND token_status IS NOT NULL GROUP BY sign_in_token_id ORDER BY min(seq)"
        )
        rows = self.database.execute("SELECT id, rowid FROM sign_in_token ORDER BY rowid")
        for place, (name, number) in enumerate(rows, 1):
            due = told.fetchone()
            if number == place and (due is None or due[0] == name):
                continue
            text = "tokens do not stand in the order in which they were told of"
            self.find("tables", f"token {name}", f"its rowid is {number}: {text}")
            if number == place:
                self.find("tables", f"token {due[0]}", f"its rowid is not {place}: {text}")
            break

    def check_commands(self):
        rows = self.rows(
            f"SELECT {', '.join(COLUMNS)} FROM audit WHERE event = 'commanded'"
            " AND command_id IS NOT NULL ORDER BY command_id, seq"
        )
        log = ((row["command_id"], row) for row in rows)
        for number, told, row in self.beside(log, "command"):
            subject = f"command {number}"
            if row is None:
                # A second row with one id finds none either.
                self.lacks(subject, "command")
            elif told is not None:
                self.compare(subject, row, self.command_columns(told))
            elif row["state"] == "running":
                self.compare(subject, row, {"finished_at": None, "message": None})
            else:
                self.unknown(subject, "command")

    @staticmethod
    def command_columns(told):
        columns = {"reason": told["reason"], "requested_by": told["requested_by"] or ""}
        columns["finished_at"] = told["at"]
        counters = "affected max_job_id step_job_id still_create still_revoke".split()
        if told["error_code"] == "invalid":
            columns.update(dict.fromkeys(("verb", "job_id", "batch", "action", "until")))
            columns.update(dict.fromkeys(counters, 0))
            columns.update(taken_at=told["at"], taken_seq=told["seq"] - 1)
            columns.update(state="refused", message=told["error_message"])
            return columns
        members = parse(told["detail"])
        columns.update({name: told[name] for name in ("job_id", "batch", "action")})
        for name in ("verb", "until", "taken_at", "taken_seq", *counters):
            columns[name] = members.get(name)
        said, columns["state"] = told["error_message"] or "", "neither done nor refused"
        for state in ("done", "refused"):
            before = f"{columns['verb']} {state}: "
            if said.startswith(before):
                columns.update(state=state, message=said[len(before) :])
        return columns

    # The small ones

    def check_whole(self, table, keys, told, subject, free=None):
        """A table that is kept whole in memory, as key to columns. A row that no key has is a
        finding, unless its column `free` is 0."""
        for row in self.rows(f"SELECT * FROM {table}"):
            key = tuple(row[name] for name in keys)
            columns = told.pop(key, None)
            if columns is not None:
                self.compare(subject(key), row, columns)
            elif free is None or row[free] != 0:
                self.unknown(subject(key), f"{table} {shown(key)}")
        for key in told:
            self.lacks(subject(key), f"{table} {shown(key)}")

    def check_batches(self):
        for seq, name in self.log.twice:
            self.find("tables", f"batch {name}", f"row {seq}: it was met before")
        for batch in self.log.batches.values():
            rest, left = REST - batch["id"], LEFT - batch["id"]
            batch["held"] = int(rest in self.log.own)
            batch["stopped"] = int(left in self.log.own or left in self.running)
        batches = {(name,): batch for name, batch in self.log.batches.items()}
        self.check_whole("batch", ["name"], batches, lambda key: f"batch {key[0]}")
        pauses = {(number,): dict(pause) for number, pause in self.on.items()}
        for pause in pauses.values():
            del pause["seq"]
        self.check_whole("pause", ["command_id"], pauses, lambda key: f"pause {key[0]}")
        holds = {(kind,): hold for kind, hold in self.log.holds.items()}
        self.check_whole("hold", ["kind"], holds, lambda key: f"hold {key[0]}")

    def check_counts(self):
        daily = {key: {"n": count} for key, count in self.log.daily.items()}
        keys = ["day", "action", "kind", "word"]
        self.check_whole("daily", keys, daily, lambda key: f"daily {key[0]}")
        jobs = self.database.execute(
            "SELECT coalesce(action, ''), state, count(*) FROM job GROUP BY 1, 2"
        )
        tally = {(action, state): {"jobs": count} for action, state, count in jobs}
        self.check_whole("tally", ["action", "state"], tally, lambda key: "tally", "jobs")
        tokens = self.database.execute(
            "SELECT status, CASE status WHEN 'pending' THEN coalesce(substr(expires_at, 1, 13), '')"
            " ELSE '' END, count(*) FROM sign_in_token GROUP BY 1, 2"
        )
        tally = {(status, hour): {"tokens": count} for status, hour, count in tokens}
        keys = ["status", "expiry_hour"]
        self.check_whole("token_tally", keys, tally, lambda key: "token_tally", "tokens")

    def check_progress(self):
        rows = list(self.rows("SELECT * FROM progress LIMIT 2"))
        if len(rows) != 1:
            self.find("tables", "progress", "it has not one row")
            return
        row = rows[0]
        row["queue_job"] = max(row["queue_job"], row["queue_urgent"])
        told = {
            "queue_job": self.value("SELECT coalesce(max(id), 0) FROM job"),
            "queue_command": max(0, self.value("SELECT coalesce(max(id), 0) FROM command")),
        }
        if self.log.key_kind is not None:
            told["key_kind"] = self.log.key_kind
        self.compare("progress", row, told)


# The program --------------------------------------------------------------------------


def read_anchor(text):
    """SEQ:HASH as (seq, hash), None for anything else."""
    found = ANCHOR.match(text)
    return (int(found[1]), found[2]) if found and int(found[1]) >= 1 else None


def read_anchors(path):
    """The anchors of a file; ValueError where a line, or the file, has none."""
    anchors = []
    with open(path, encoding="utf-8", errors="surrogateescape", newline="\n") as lines:
        for number, line in enumerate(lines, 1):
            line = line.strip(" \t\r\n")
            if not line or line.startswith("#"):
                continue
            found = [
                anchor for anchor in map(read_anchor, re.split(r'[ \t,;"]+', line)) if anchor
            ]
            if not found:
                raise ValueError(f"{path}: line {number}: no anchor is in it")
            anchors.append(found[0])
    if not anchors:
        raise ValueError(f"{path}: no anchor is in it")
    return anchors


def arguments():
    """The path and the anchors; ends with 2 where there is something wrong with them."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("audit", help="audit.db")
    parser.add_argument("--checkpoint", action="append", default=[], metavar="SEQ:HASH")
    parser.add_argument("--anchors", metavar="FILE")
    options = parser.parse_args()
    anchors = [read_anchor(text) for text in options.checkpoint]
    if None in anchors:
        parser.error(f"{options.checkpoint[anchors.index(None)]}: SEQ:HASH is wanted")
    try:
        open(options.audit, "rb").close()
        if options.anchors:
            anchors += read_anchors(options.anchors)
    except (OSError, ValueError) as error:
        parser.error(str(error))
    return options.audit, anchors


def main():
    path, anchors = arguments()
    # What stands in a file that somebody changed need not be UTF-8.
    sys.stdout.reconfigure(errors="backslashreplace")
    checker = Checker(path, anchors)
    found = checker.run()
    for line in found:
        print(line)
    if not anchors:
        print(
            "no anchor was given: rows cut off at the end, or a chain computed anew,"
            " cannot be found",
            file=sys.stderr,
        )
    if checker.unmet:
        print(f"{checker.unmet} anchors were not met before the break", file=sys.stderr)
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
