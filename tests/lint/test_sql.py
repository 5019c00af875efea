#!/usr/bin/env python3
# ctest: labels=quick timeout=120
"""SQL stands in sql/ alone; a query is one statement with a comment on top, named parameters
and named columns, and SQLite takes it with the shipped schema."""

import os
import re
import sqlite3
import sys
from pathlib import Path

SOURCE = Path(os.environ.get("SOURCE_DIR") or Path(__file__).resolve().parents[2])

# Command lines of the sqlite3 program, run and told: SQL that another program runs.
ANOTHERS = {"src/ctl/cmd_sql.c", "src/ctl/doctor_restore.c"}

C_COMMENT = re.compile(r"/\*.*?\*/", re.S)
C_STRING = re.compile(r'"((?:\\.|[^"\\\n])*)"')
# Transactions, savepoints and PRAGMA are the connection's business and may stand in C.
STATEMENT = re.compile(
    r"\bSELECT\s|\bselect\s.*\bfrom\s|\bINSERT\s+(INTO|OR)\b|\bREPLACE\s+INTO\b"
    r"|\bUPDATE\s+\w+\s+SET\b|\bDELETE\s+FROM\b|\bALTER\s+TABLE\b|\bATTACH\b"
    r"|\b(CREATE|DROP)\s+(UNIQUE\s+|TEMP\s+|TEMPORARY\s+)?(TABLE|INDEX|VIEW|TRIGGER)\b"
)
SQL_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.S)
SQL_STRING = re.compile(r"'(?:''|[^'])*'|\"(?:\"\"|[^\"])*\"")


class Anything(dict):
    """A value for every named parameter."""

    def __missing__(self, name):
        return None


def check_c(path):
    text = C_COMMENT.sub(lambda m: "\n" * m.group().count("\n"), path.read_text())
    for literal in C_STRING.finditer(text):
        if STATEMENT.search(literal.group(1)):
            line = text.count("\n", 0, literal.start()) + 1
            yield f"{path.relative_to(SOURCE)}:{line}: SQL in C: {literal.group(1)[:60]}"


def check_query(path, database):
    name = path.relative_to(SOURCE)
    text = path.read_text()
    if not text.startswith("--"):
        yield f"{name}: no comment on top"
    bare = SQL_STRING.sub("''", SQL_COMMENT.sub("", text))
    statements = [part for part in bare.split(";") if part.strip()]
    if len(statements) != 1:
        yield f"{name}: {len(statements)} statements"
    if re.search(r"(\bSELECT\s+(DISTINCT\s+|ALL\s+)?|,\s*|\.)\*", bare, re.I):
        yield f"{name}: columns are named, never *"
    if re.search(r"\?|\$\w", bare):
        yield f"{name}: parameters are named, :like_this"
    if database is None:
        return
    try:
        database.execute("EXPLAIN " + text.strip(), Anything())
    except sqlite3.Error as error:
        yield f"{name}: {error}"


def schema_of(folder):
    """A database in memory with all migrations."""
    database = sqlite3.connect(":memory:", isolation_level=None)
    for path in sorted((folder / "schema").glob("*.sql")):
        database.executescript(path.read_text())
    return database


def main():
    found = []
    queries = 0
    if sqlite3.sqlite_version_info < (3, 37):
        print("this Python's SQLite is too old for the schemas: queries are not prepared")
    for path in sorted((SOURCE / "src").rglob("*.[ch]")):
        if str(path.relative_to(SOURCE)) not in ANOTHERS:
            found += check_c(path)
    for folder in sorted(path for path in (SOURCE / "sql").iterdir() if path.is_dir()):
        database = schema_of(folder) if sqlite3.sqlite_version_info >= (3, 37) else None
        for path in sorted(folder.rglob("*.sql")):
            if path.parent.name != "schema":
                found += check_query(path, database)
                queries += 1
    print("\n".join(found) or f"{queries} queries are as they should be, and none stands in C")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
