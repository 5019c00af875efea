#!/usr/bin/env python3
"""Asks for a sign-in token for each row of a CSV file: all rows or none. Run again, it submits
what is new and nothing twice.

The file's header names its columns: user_id, and as you like org_id, expires_in_seconds,
reference and reason. Prints a line per row: line,job_id,user_id,state,result. Without --wait
state and result are what is known at once.

Exit status: 0 submitted (with --wait: every job succeeded), 1 nothing was submitted and why, or
a job did not succeed, 75 the queue stayed locked, or the jobs are not final in time.
"""

import argparse
import csv
import getpass
import os
import sqlite3
import sys
import time
import urllib.parse

COLUMNS = ("user_id", "org_id", "expires_in_seconds", "reference", "reason")


def die(text, status=1):
    print(f"bulk.py: {text}", file=sys.stderr)
    sys.exit(status)


def read_rows(path):
    """[(line, {column: value})]; an empty cell is none."""
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            unknown = set(reader.fieldnames or ()) - set(COLUMNS)
            if unknown or "user_id" not in (reader.fieldnames or ()):
                die(f"{path}: the header must be user_id and some of {', '.join(COLUMNS[1:])}")
            rows = []
            for row in reader:
                if None in row or None in row.values():
                    die(f"{path}: line {reader.line_num}: more or fewer cells than the header")
                rows.append((reader.line_num, {k: v or None for k, v in row.items()}))
            return rows
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        die(f"{path}: {error}")


def connect(state):
    def uri(name, mode):
        return f"file:{urllib.parse.quote(f'{state}/{name}/{name}.db')}?mode={mode}"

    database = sqlite3.connect(uri("queue", "rw"), uri=True, timeout=10, isolation_level=None)
    database.execute("ATTACH ? AS audit", (uri("audit", "ro"),))
    return database


def known_job(database, key):
    """The job that has the key: in the queue, or in the audit once the queue was swept."""
    for query in (
        "SELECT id FROM main.job WHERE idempotency_key = ?",
        "SELECT id FROM audit.job WHERE idempotency_key = ? AND state <> 'rejected'",
    ):
        row = database.execute(query, (key,)).fetchone()
        if row:
            return row[0]
    return None


def insert(database, batch, row):
    values = dict.fromkeys(COLUMNS) | row
    values |= {
        "batch": batch,
        "key": f"{batch}-{row['user_id']}",
        "who": os.environ.get("SUDO_USER") or getpass.getuser(),
    }
    return known_job(database, values["key"]) or database.execute(
        "INSERT INTO main.job (action, user_id, org_id, expires_in_seconds, batch, reference,"
        " reason, idempotency_key, requested_by) VALUES ('create', :user_id, :org_id,"
        " :expires_in_seconds, :batch, :reference, :reason, :key, :who) RETURNING id",
        values,
    ).fetchone()[0]


def submit(database, batch, rows):
    """The jobs' ids, one a row. One transaction; the constraints' names say what is wrong."""
    ids, faults = [], []
    database.execute("BEGIN IMMEDIATE")
    for line, row in rows:
        try:
            ids.append(insert(database, batch, row))
        except sqlite3.IntegrityError as error:
            faults.append(f"line {line}: {error}")
    if faults:
        database.execute("ROLLBACK")
        die("\n".join(["nothing was submitted:", *faults]))
    database.execute("COMMIT")
    return ids


def outcomes(database, ids):
    query = "SELECT state, result, finished_at FROM audit.job WHERE id = ?"
    return [database.execute(query, (job,)).fetchone() or ("queued", None, None) for job in ids]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--state", default="/var/lib/clerk-tokend", help="the state directory")
    parser.add_argument("--wait", type=float, metavar="SECONDS", help="until the jobs are final")
    parser.add_argument("batch")
    parser.add_argument("file")
    options = parser.parse_args()

    rows = read_rows(options.file)
    try:
        database = connect(options.state)
        ids = submit(database, options.batch, rows)
        found = outcomes(database, ids)
        end = time.monotonic() + (options.wait or 0)
        while any(job[2] is None for job in found) and time.monotonic() < end:
            time.sleep(0.2)
            found = outcomes(database, ids)
    except sqlite3.OperationalError as error:
        locked = "locked" in str(error)
        die(f"{options.state}: {error}; nothing was submitted", 75 if locked else 1)

    out = csv.writer(sys.stdout, lineterminator="\n")
    for (line, row), job, (state, result, _) in zip(rows, ids, found):
        out.writerow((line, job, row["user_id"], state, result))
    if options.wait is None:
        return 0
    if any(job[2] is None for job in found):
        die("not all jobs are final; clerk-tokenctl status says whether sending is held", 75)
    return 0 if all(job[0] == "succeeded" for job in found) else 1


if __name__ == "__main__":
    sys.exit(main())
