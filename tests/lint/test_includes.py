#!/usr/bin/env python3
# ctest: labels=quick timeout=120
"""Dependencies run downwards only: which room includes which, and who knows which library."""

import os
import re
import sys
from pathlib import Path

SOURCE = Path(os.environ.get("SOURCE_DIR") or Path(__file__).resolve().parents[2])

# A room includes itself and these (doc/design.md has the picture).
BELOW = {
    "base": set(),
    "model": {"base"},
    "store": {"model", "base"},
    "clerk": {"model", "base"},
    "engine": {"clerk", "store", "model", "base"},
    "daemon": {"engine", "clerk", "store", "model", "base"},
    "ctl": {"clerk", "store", "model", "base"},
}

# Libraries that one room alone may know.
HOME = {
    "sqlite3.h": {"store"},
    "curl/": {"clerk", "ctl"},  # ctl: doctor, which asks whether Clerk can be reached
    "libconfig.h": {"base"},
    "systemd/sd-daemon.h": {"daemon"},
}

INCLUDE = re.compile(r'^\s*#\s*include\s+(?:"([^"]+)"|<([^>]+)>)', re.M)


def problems_of(path, room):
    for own, library in INCLUDE.findall(path.read_text()):
        if own.endswith(".def") or own.endswith(".inc"):
            own = own if "/" in own else f"{room}/{own}"
        if own:
            other = own.split("/")[0]
            if re.match(r"\w+_(schema|query|ctl)\.inc$", own.split("/")[-1]):
                if room != "store":
                    yield f"{own}: SQL belongs to store"
            elif "/" not in own:
                yield f'"{own}": write it with its room, "{room}/{own}"'
            elif other != room and other not in BELOW[room]:
                yield f'"{own}": {room} must not know {other}'
        for prefix, rooms in HOME.items():
            if library.startswith(prefix) and room not in rooms:
                yield f"<{library}> is for {', '.join(sorted(rooms))} alone"


def main():
    found = []
    for path in sorted((SOURCE / "src").rglob("*.[ch]")):
        room = path.relative_to(SOURCE / "src").parts[0]
        if room not in BELOW:
            found.append(f"{path.relative_to(SOURCE)}: {room} is no room")
            continue
        found += [f"{path.relative_to(SOURCE)}: {p}" for p in problems_of(path, room)]
    # The fake is an oracle of its own: what it shared with the daemon it could not judge.
    for path in sorted((SOURCE / "tests" / "fake_clerk").glob("*.[ch]")):
        for own, _ in INCLUDE.findall(path.read_text()):
            if "/" in own:
                found.append(f'{path.relative_to(SOURCE)}: "{own}": the fake stands alone')
    print("\n".join(found) or "every include runs downwards")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
