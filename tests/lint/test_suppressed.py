#!/usr/bin/env python3
# ctest: labels=quick timeout=60
"""Nothing is hidden from a check without the check's name and the reason beside it."""

import os
import re
import subprocess
import sys
from pathlib import Path

SOURCE = Path(os.environ.get("SOURCE_DIR") or Path(__file__).resolve().parents[2])
SUFFIXES = {".c", ".h", ".def", ".sh", ".py", ".cmake", ".txt", ""}

# What hides something, and how it has to look to say what and why. A comment that goes on in a
# second line would hide that one.
WORD = r"[\w.-]+(?:,\s*[\w.-]+)*"
MARKS = {
    re.compile(r"\bNOLINT"): re.compile(rf"NOLINT(?:NEXTLINE|BEGIN)?\({WORD}\): \w.*\*/$|NOLINTEND\({WORD}\)"),
    re.compile(r"\bcppcheck-suppress"): re.compile(r"cppcheck-suppress(?:-begin|-end)? \w+ ; \w"),
    re.compile(r"#\s*shellcheck\s+disable"): re.compile(rf"shellcheck disable={WORD} # \S"),
    re.compile(r"GCC diagnostic ignored"): re.compile(r'ignored "-W[\w-]+" /\* \w'),
    re.compile(r"#\s*(?:noqa|type: ignore|pylint: disable)"): re.compile(r"noqa: \w+ \w|noqa: E402"),
    # A flag that hides all of a kind belongs into .clang-tidy, where its reason stands.
    re.compile(r"--suppress=|--suppressions-list"): re.compile(r"--suppress=\w+ # \w"),
}


def problems(path):
    text = path.read_text(errors="replace")
    for number, line in enumerate(text.split("\n"), 1):
        for mark, good in MARKS.items():
            if mark.search(line) and not good.search(line):
                yield f"{path.relative_to(SOURCE)}:{number}: without a name or a reason: {line.strip()}"


def left_out():
    """Each check that .clang-tidy takes out is named in the comment above."""
    text = (SOURCE / ".clang-tidy").read_text()
    comment = [line for line in text.split("\n") if line.startswith("#")]
    for check in re.findall(r"^  -([\w.-]+),?$", text, re.M):
        # The comment may shorten a long name by an ellipsis.
        if not any(check in line or shortened(check, line) for line in comment):
            yield f".clang-tidy: {check} is left out without a reason"


def shortened(check, line):
    for word in line.split():
        if "…" in word and re.fullmatch(".*".join(map(re.escape, word.strip(",").split("…"))), check):
            return True
    return False


def main():
    files = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=SOURCE, capture_output=True, text=True, check=False
    ).stdout.split("\n")
    paths = [SOURCE / name for name in files if name] or list(SOURCE.rglob("*"))
    found = list(left_out())
    looked_at = 0
    for path in paths:
        if path.suffix not in SUFFIXES or not path.is_file() or path.name == "test_suppressed.py":
            continue
        looked_at += 1
        found += problems(path)
    print("\n".join(found or [f"{looked_at} files hide nothing without a reason"]))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
