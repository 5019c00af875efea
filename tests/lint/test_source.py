#!/usr/bin/env python3
# ctest: labels=quick timeout=120
"""The C sources: comments, TODOs, and the sizes of files and functions."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

SOURCE = Path(os.environ.get("SOURCE_DIR") or Path(__file__).resolve().parents[2])
FILE_LINES = 500
FUNCTION_LINES = 80

# In this order: what begins first wins, so a // in a string or a comment is none.
TOKEN = re.compile(
    r"""(?P<block>/\*.*?\*/)|(?P<line>//[^\n]*)|(?P<text>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')""",
    re.S,
)
TODO = re.compile(r"\b(TODO|FIXME|XXX)\b(?!\s*\(?\s*(?:issue\s+|#)\d+)")


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def check_text(name, text):
    for token in TOKEN.finditer(text):
        line = line_of(text, token.start())
        if token.lastgroup == "line":
            yield f"{name}:{line}: // comment"
        if token.lastgroup == "block":
            for todo in TODO.finditer(token.group()):
                yield f"{name}:{line}: {todo.group(1)} without the number of its issue"
    lines = text.count("\n")
    # A file of tests is a list of cases, and as long as there are cases.
    if lines >= FILE_LINES and not Path(name).name.startswith("test_"):
        yield f"{name}: {lines} lines, {FILE_LINES - 1} are the limit"


def check_functions(paths):
    """Needs universal-ctags; without it this part says that it is left out."""
    if not shutil.which("ctags"):
        print("the lengths of functions were not looked at: there is no ctags")
        return
    tags = subprocess.run(
        ["ctags", "--languages=C,C++", "--langmap=C:.c.h", "--kinds-C=f", "--fields=+ne"]
        + ["--sort=no", "-f", "-", *paths],
        cwd=SOURCE,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for tag in tags.splitlines():
        name, path, *rest = tag.split("\t")
        fields = dict(field.split(":", 1) for field in rest if ":" in field)
        if "line" not in fields or "end" not in fields:
            continue
        lines = int(fields["end"]) - int(fields["line"]) + 1
        if lines > FUNCTION_LINES:
            yield f"{path}: {name}() has {lines} lines, {FUNCTION_LINES} are the limit"


def main():
    found = []
    paths = sorted(
        str(path.relative_to(SOURCE))
        for folder in ("src", "tests")
        for path in (SOURCE / folder).rglob("*.[ch]")
    )
    for path in paths:
        found += check_text(path, (SOURCE / path).read_text())
    found += check_functions(paths)
    print("\n".join(found) or f"{len(paths)} files are as they should be")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
