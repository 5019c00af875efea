#!/usr/bin/env python3
"""Each claim of doc/security.md names a test that there is."""

import os
import re
import sys
from pathlib import Path

SOURCE = Path(os.environ.get("SOURCE_DIR") or Path(__file__).resolve().parents[2])
NAMED = re.compile(r"`([\w./]+): (\w+)`")


def main():
    found = []
    named = NAMED.findall((SOURCE / "doc" / "security.md").read_text())
    for path, test in named:
        file = SOURCE / "tests" / path
        # A test of C that is not in its table does not run.
        text = file.read_text() if file.is_file() else ""
        wanted = rf"TEST\w*\({test}\b|cmocka_unit_test\w*\(\s*{test}\b" if path.endswith(".c") else (
            rf"^(def )?{test}\(\)")
        if not re.search(wanted, text, re.M):
            found.append(f"doc/security.md: there is no {path}: {test}")
    if len(named) < 20:
        found.append("doc/security.md names hardly any test")
    print("\n".join(found) or f"{len(named)} tests are there")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
