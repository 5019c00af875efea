#!/usr/bin/env python3
# ctest: labels=quick timeout=60
"""doc/audit-chain.md and tests/audit_verify.py name the digest and the number of audit.db's
schema as it is shipped. --write puts them there."""

import os
import re
import sqlite3
import sys
from pathlib import Path

SOURCE = Path(os.environ.get("SOURCE_DIR") or Path(__file__).resolve().parents[2])
sys.path.insert(0, str(SOURCE / "tests"))
import audit_verify

PLACES = {
    SOURCE / "doc" / "audit-chain.md": (r"^    ([0-9a-f]{64})$", r"the number of\nthe schema, (\d+)\."),
    SOURCE / "tests" / "audit_verify.py": (r'^SCHEMA_DIGEST = "([0-9a-f]{64})"$', r"^SCHEMA_NUMBER = (\d+)$"),
}


def shipped():
    """The digest and the number."""
    database = sqlite3.connect(":memory:")
    steps = sorted((SOURCE / "sql" / "audit" / "schema").glob("*.sql"))
    for step in steps:
        database.executescript(step.read_text())
    digest = audit_verify.hashlib.sha256()
    for row in database.execute("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY name"):
        if not (row[0] == "index" and row[3] is None and row[1].startswith("sqlite_autoindex_")):
            for name, value in zip(("type", "name", "tbl_name", "sql"), row):
                if value is not None:
                    digest.update(audit_verify.field(name, value))
    return digest.hexdigest(), str(len(steps))


def main():
    wrong = 0
    for path, patterns in PLACES.items():
        text = path.read_text()
        for pattern, value in zip(patterns, shipped()):
            found = re.search(pattern, text, re.M)
            if not found:
                sys.exit(f"{path.relative_to(SOURCE)}: {pattern} is not there")
            if found[1] != value:
                wrong += 1
                print(f"{path.relative_to(SOURCE)}: {found[1]} is {value} now; --write puts it there")
                text = text[: found.start(1)] + value + text[found.end(1) :]
        if "--write" in sys.argv[1:]:
            path.write_text(text)
    if wrong and "--write" not in sys.argv[1:]:
        sys.exit(1)
    print("the schema that is written down is the shipped one")


if __name__ == "__main__":
    main()
