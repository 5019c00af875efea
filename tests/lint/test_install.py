#!/usr/bin/env python3
# ctest: labels=quick timeout=120
"""cmake --install puts everything where it belongs, and leaves a configuration alone."""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

SOURCE = Path(os.environ.get("SOURCE_DIR") or Path(__file__).resolve().parents[2])
BUILD = Path(os.environ.get("BUILD_DIR") or SOURCE / "build" / "debug")

PROGRAMS = {"sbin/clerk-tokend", "bin/clerk-tokenctl"}
UNITS = {"lib/systemd/system/clerk-tokend.service", "lib/systemd/system/clerk-tokend@.service"}
# What runs each day, for the main instance and for others.
DAILY = {
    f"lib/systemd/system/clerk-tokend-{job}{at}.{kind}"
    for job in ("report", "backup", "anchor")
    for at in ("", "@")
    for kind in ("service", "timer")
}
DATA = {
    "lib/sysusers.d/clerk-tokend.conf",
    "lib/tmpfiles.d/clerk-tokend.conf",
    "share/bash-completion/completions/clerk-tokenctl",
    "share/doc/clerk-tokend/README.md",
    "share/doc/clerk-tokend/LICENSE",
    "share/doc/clerk-tokend/audit-chain.md",
    "share/doc/clerk-tokend/monitoring.md",
    "share/doc/clerk-tokend/examples/clerk-tokend.conf",
    "share/doc/clerk-tokend/examples/prometheus/clerk-tokend.rules.yml",
    "share/doc/clerk-tokend/examples/prometheus/clerk-tokend-prometheus.tmpfiles",
    "share/doc/clerk-tokend/examples/register.sql",
    "share/clerk-tokend/sql/queue/001_initial.sql",
    "share/clerk-tokend/sql/audit/001_initial.sql",
    "share/clerk-tokend/sql/tokens/001_initial.sql",
}
PAGES = {
    "share/man/man1/clerk-tokenctl.1",
    "share/man/man5/clerk-tokend.conf.5",
    "share/man/man7/clerk-tokend-sql.7",
    "share/man/man8/clerk-tokend.8",
}
SCRIPTS = {
    f"share/doc/clerk-tokend/examples/{name}"
    for name in ("bulk.sh", "bulk.py", "leavers.sh", "incident.sh", "mailmerge.py")
}
# What else there may be.
MORE = re.compile(
    r"share/(man/man[1578]/[\w.@-]+|doc/clerk-tokend/.+|clerk-tokend/sql/\w+/\d{3}_\w+\.sql"
    r"|(bash-completion|zsh|fish)/.+)$"
)


def cached(name):
    text = (BUILD / "CMakeCache.txt").read_text()
    return re.search(rf"^{name}:\w+=(.*)$", text, re.M).group(1)


def install(folder):
    done = subprocess.run(
        ["cmake", "--install", BUILD],
        env={**os.environ, "DESTDIR": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"cmake --install failed: {done.stderr}")


def daily_faults(tree, prefix):
    """A service names the program, and for an instance the instance and its own paths."""
    for unit in sorted(DAILY & {name[len(prefix) + 1 :] for name in tree}):
        text = tree[f"{prefix}/{unit}"].read_text()
        code = "".join(line for line in text.splitlines(True) if not line.startswith("#"))
        instance = "@" in unit
        if ("(%i)" in code) != instance:
            yield f"{unit}: its description"
        if unit.endswith(".timer"):
            continue
        if f"/{prefix}/bin/clerk-tokenctl {'-i %i ' if instance else ''}" not in code:
            yield f"{unit} does not name /{prefix}/bin/clerk-tokenctl"
        if not re.search(rf"/clerk-tokend{'-%i' if instance else ''}[/. \n]", code):
            yield f"{unit} does not name its own folder"
        if instance and re.search(r"/clerk-tokend[/. \n]", code):
            yield f"{unit} names a folder of the main instance"


def main():
    prefix = cached("CMAKE_INSTALL_PREFIX").strip("/")
    conf = "etc/clerk-tokend" if prefix == "usr" else f"{prefix}/etc/clerk-tokend"
    found = []
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        install(root)
        tree = {str(p.relative_to(root)): p for p in root.rglob("*") if not p.is_dir()}
        wanted = {f"{prefix}/{name}"
                  for name in PROGRAMS | UNITS | DAILY | DATA | PAGES | SCRIPTS}
        wanted |= {f"{conf}/clerk-tokend.conf", f"{conf}/sqliterc"}
        found += [f"missing: /{name}" for name in sorted(wanted - tree.keys())]
        for name in sorted(tree.keys() - wanted):
            if not (name.startswith(prefix) and MORE.match(name[len(prefix) + 1 :])):
                found.append(f"unexpected: /{name}")
        for name, path in tree.items():
            runnable = name[len(prefix) + 1 :] in PROGRAMS | SCRIPTS
            if (path.stat().st_mode & 0o777) != (0o755 if runnable else 0o644):
                found.append(f"/{name} has mode {path.stat().st_mode & 0o777:o}")
        for unit in UNITS & {name[len(prefix) + 1 :] for name in tree}:
            if f"/{prefix}/sbin/clerk-tokend" not in tree[f"{prefix}/{unit}"].read_text():
                found.append(f"{unit} does not name /{prefix}/sbin/clerk-tokend")
        found += daily_faults(tree, prefix)
        kept = root / conf / "clerk-tokend.conf"
        if kept.exists():
            kept.write_text("# somebody's work\n")
            install(root)
            if kept.read_text() != "# somebody's work\n":
                found.append("a second install replaced the configuration")
    print("\n".join(found) or f"{len(tree)} files, each in its place")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
