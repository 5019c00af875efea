#!/usr/bin/env python3
# ctest: labels=slow timeout=600
"""gcc's -fanalyzer, and its warnings of an optimized build, find nothing in src/."""

import json
import os
import shlex
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

SOURCE = Path(os.environ.get("SOURCE_DIR") or Path(__file__).resolve().parents[2])
BUILD = Path(os.environ.get("BUILD_DIR") or SOURCE / "build" / "debug")


def analyze(entry):
    """What gcc says of one file, compiled as the build does but without sanitizers."""
    words = shlex.split(entry["command"])
    while not words[0].startswith("-"):  # the compiler, and what stands before it
        words.pop(0)
    words[words.index("-o") + 1] = os.devnull
    # A -W of another compiler is no reason to fail.
    keep = [word for word in words if not word.startswith(("-fsanitize", "-fno-sanitize", "-W"))]
    done = subprocess.run(
        ["gcc", *keep, "-Wall", "-Wextra", "-O2", "-fanalyzer", "-Werror"],
        cwd=entry["directory"],
        env={**os.environ, "LC_ALL": "C"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stderr if done.returncode else ""


def main():
    if not shutil.which("gcc"):
        print("skipped: there is no gcc (scripts/setup)")
        return 77
    entries = [
        entry
        for entry in json.loads((BUILD / "compile_commands.json").read_text())
        if (SOURCE / "src") in Path(entry["file"]).parents
    ]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        said = [text for text in pool.map(analyze, entries) if text]
    print("".join(said), end="")
    print(f"gcc -fanalyzer: {len(entries)} files, {len(said)} with findings")
    return 1 if said or not entries else 0


if __name__ == "__main__":
    sys.exit(main())
