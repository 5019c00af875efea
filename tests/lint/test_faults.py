#!/usr/bin/env python3
"""doc/faults.md says which test proves each row of tests/faults.tsv; --write makes it anew."""

import os
import re
import sys
from collections import defaultdict
from pathlib import Path

SOURCE = Path(os.environ.get("SOURCE_DIR") or Path(__file__).resolve().parents[2])
LIST = SOURCE / "tests" / "faults.tsv"
PAGE = SOURCE / "doc" / "faults.md"
HEAD = """# Faults and the tests that prove them

Made from `tests/faults.tsv` and from the comments above the tests (`fault: J1`) by
`tests/lint/test_faults.py --write`; do not edit by hand.

*rejected*: the row gets a result that says why, and no request is sent. *hold*: nothing is
sent until the reason is gone, and the reason is shown. *78*: the daemon does not start and
says in one line what to do. Where a file has no test's name behind it, all of it is meant.
"""

MARK = re.compile(r"^\s*(?:/\*|\*|#|//)\s*fault: ((?:[A-Z]\d+[, ]*)+)(?:\*/)?\s*$")
NAMES = (
    re.compile(r"^(?:static )?(?:void|int|bool) \*?(\w+)\("),  # C
    re.compile(r"^def (\w+)\("),  # Python
    re.compile(r"^(\w+)\(\) *\{"),  # shell
)
SUFFIXES = {".c", ".h", ".py", ".sh", ".yml", ""}


def rows():
    """(section, id, fault, outcome, reason) of each line of the list."""
    section = None
    for number, line in enumerate(LIST.read_text().splitlines(), 1):
        if line.startswith("## "):
            section = line[3:]
        elif line and not line.startswith("#"):
            parts = line.split("\t")
            if not 3 <= len(parts) <= 4 or not section:
                sys.exit(f"{LIST.name}:{number}: id, fault, outcome and perhaps a reason")
            yield (section, *parts, *[""] * (4 - len(parts)))


def name_after(lines, at):
    """The function that the next lines begin, or None: it is the whole file that proves it."""
    for line in lines[at : at + 8]:
        if not line.strip():
            return None
        for pattern in NAMES:
            found = pattern.match(line)
            if found:
                return None if found[1] == "LLVMFuzzerTestOneInput" else found[1]
    return None


def tests():
    """Of each id: where it is proved."""
    found = defaultdict(list)
    for path in sorted((SOURCE / "tests").rglob("*")):
        if path.suffix not in SUFFIXES or not path.is_file() or path == Path(__file__):
            continue
        if "seeds" in path.parts or "found" in path.parts:
            continue
        lines = path.read_text(errors="replace").splitlines()
        where = path.relative_to(SOURCE / "tests")
        for at, line in enumerate(lines):
            mark = MARK.match(line)
            if not mark:
                continue
            name = name_after(lines, at + 1)
            place = f"`{where}`" + (f" {name}" if name else "")
            for fault in re.findall(r"[A-Z]\d+", mark[1]):
                if place not in found[fault]:
                    found[fault].append(place)
    return found


def page(proofs):
    text = [HEAD]
    last = None
    for section, fault, what, outcome, reason in rows():
        if section != last:
            text += [f"\n## {section}\n", "| | fault | outcome | proved by |", "|---|---|---|---|"]
            last = section
        proof = "<br>".join(proofs.get(fault, [])) or f"no test: {reason}"
        cells = (fault, what.replace("|", "\\|"), outcome.replace("|", "\\|"), proof)
        text.append("| " + " | ".join(cells) + " |")
    return "\n".join(text) + "\n"


def faults(proofs):
    """What is wrong with list and marks."""
    known = [row[1] for row in rows()]
    for fault in sorted(set(known)):
        if known.count(fault) > 1:
            yield f"{LIST.name}: {fault} stands there twice"
    for fault in sorted(set(proofs) - set(known)):
        yield f"{proofs[fault][0]}: there is no fault {fault} in {LIST.name}"
    for _, fault, what, _, reason in rows():
        if not proofs.get(fault) and not reason:
            yield f"{fault} ({what}): no test names it, and no reason says why"
        if proofs.get(fault) and reason:
            yield f"{fault} ({what}): a test names it and a reason says that there is none"


def main():
    proofs = tests()
    if sys.argv[1:] == ["--write"]:
        PAGE.write_text(page(proofs))
    found = list(faults(proofs))
    if not PAGE.exists() or PAGE.read_text() != page(proofs):
        found.append(f"doc/{PAGE.name} is not what the tests say: {Path(__file__).name} --write")
    print("\n".join(found) or f"{sum(1 for _ in rows())} faults have their tests")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
