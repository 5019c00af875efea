#!/usr/bin/env python3
# ctest: labels=quick timeout=120
"""A header is the contract: each prototype, or the group it stands in, has a comment directly
above; and each header compiles alone."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

SOURCE = Path(os.environ.get("SOURCE_DIR") or Path(__file__).resolve().parents[2])
BUILD = Path(os.environ.get("BUILD_DIR") or SOURCE / "build" / "debug")

COMMENT = re.compile(r"/\*.*?\*/", re.S)
DIRECTIVE = re.compile(r"^[ \t]*#(?:.*\\\n)*.*$", re.M)
BRACES = re.compile(r"\{[^{}]*\}")
PROTOTYPE = re.compile(r"\b(\w+)\s*\([^;]*?\)\s*(?:__attribute__\s*\(\(.*?\)\)\s*)*;", re.S)
MARK = "\x01"


def blocks(text):
    """The pieces of a header that blank lines part, comments turned into MARK."""
    text = COMMENT.sub(MARK, text)
    text = DIRECTIVE.sub("\x02", text)
    # Bodies of structs, enums and inline functions hold no prototypes of ours.
    while BRACES.search(text):
        text = BRACES.sub("\x03", text)
    return re.split(r"\n[ \t]*\n", text)


def undocumented(text):
    """The names of the prototypes that have no comment above their group."""
    for block in blocks(text):
        if "typedef" in block:
            continue
        for prototype in PROTOTYPE.finditer(block):
            line = block[block.rfind("\n", 0, prototype.start()) + 1 : prototype.start()]
            if line.startswith("static inline"):
                continue
            if prototype.group(1).isupper():  # a macro of sys/queue.h
                continue
            if MARK not in block[: prototype.start()]:
                yield prototype.group(1)


def compiles_alone(header):
    """None, or what the compiler says."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    done = subprocess.run(
        [compiler, "-x", "c", "-std=gnu17", "-D_GNU_SOURCE", "-fsyntax-only", "-Wall"]
        + ["-Wno-pragma-once-outside-header", "-I", SOURCE / "src"]
        + ["-I", BUILD / "src" / "generated", "-include", header, "/dev/null"],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stderr.strip() if done.returncode or done.stderr else None


def main():
    found = []
    headers = sorted((SOURCE / "src").rglob("*.h"))
    for header in headers:
        name = header.relative_to(SOURCE)
        found += [f"{name}: {p}() has no comment" for p in undocumented(header.read_text())]
        said = compiles_alone(header)
        if said:
            found.append(f"{name} does not compile alone: {said}")
    print("\n".join(found) or f"{len(headers)} headers are documented and compile alone")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
