#!/usr/bin/env python3
# ctest: labels=quick timeout=120
"""The alert rules: tested each, and they name metrics and commands that there are."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

SOURCE = Path(os.environ.get("SOURCE_DIR") or Path(__file__).resolve().parents[2])
BUILD = Path(os.environ.get("BUILD_DIR") or SOURCE / "build" / "debug")
RULES = SOURCE / "etc" / "prometheus" / "clerk-tokend.rules.yml"
CASES = SOURCE / "tests" / "prometheus" / "clerk-tokend.test.yml"
PAGE = SOURCE / "doc" / "monitoring.md"

METRIC = re.compile(r"\bclerk_tokend_([a-z_]+)")
# scripts/setup --all puts it there.
PROMTOOL = shutil.which("promtool", path=f"{os.environ['PATH']}:{SOURCE}/build/tools")

COMMAND = re.compile(r"`clerk-tokenctl ([^`]+)`")


def metrics():
    """What metrics.c writes."""
    text = (SOURCE / "src" / "daemon" / "metrics.c").read_text()
    return set(re.findall(r'(?:begin|one)\(&?metrics, "(\w+)"', text))


def check_cases(rules, cases):
    """Each alert has a case in which it fires and one in which it does not."""
    alerts = re.findall(r"^\s+- alert: (\w+)$", rules, re.M)
    if not alerts:
        yield "no alerts were found"
    for alert in alerts:
        found = re.findall(rf"alertname: {alert}\n\s+exp_alerts:( \[\])?", cases)
        if " []" not in found or "" not in found:
            yield f"{alert}: no case in which it {'does not fire' if '' in found else 'fires'}"
    for rule in re.split(r"^\s+- alert: ", rules, flags=re.M)[1:]:
        for part in ("summary", "description", "severity"):
            if f"{part}:" not in rule:
                yield f"{rule.split()[0]} has no {part}"


def check_names(where, text, known):
    for name in sorted(set(METRIC.findall(text)) - known):
        if re.sub(r"_(bucket|sum|count)$", "", name) not in known:
            yield f"{where}: there is no metric clerk_tokend_{name}"


def check_commands(where, text):
    """As an operator would type them, so far as the tool can tell without a daemon."""
    text = re.sub(r"\{\{ (with \$labels.tokend|end) \}\}", "", re.sub(r"\s+", " ", text))
    table = (SOURCE / "src" / "ctl" / "cmd.def").read_text()
    for command in sorted(set(COMMAND.findall(text.replace("{{ . }}", "eu")))):
        if "report" in command and "COMMAND(report," not in table:
            continue
        done = subprocess.run(
            [BUILD / "src" / "clerk-tokenctl", *re.sub(r"^-i \S+ ", "", command).split(),
             "-c", "/nowhere.conf"],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        if done.returncode == 64:
            yield f"{where}: clerk-tokenctl {command}: {done.stderr.strip()}"


def promtool(*arguments):
    done = subprocess.run(
        [PROMTOOL, *arguments], capture_output=True, text=True, timeout=100, check=False
    )
    if done.returncode:
        yield f"promtool {' '.join(map(str, arguments))}:\n{done.stdout}{done.stderr}"


def main():
    rules, cases, page = RULES.read_text(), CASES.read_text(), PAGE.read_text()
    known = metrics()
    found = [*check_cases(rules, cases), *check_names(RULES.name, rules, known)]
    found += [*check_names(PAGE.name, page, known), *check_commands(RULES.name, rules)]
    found += check_commands(PAGE.name, page)
    for name in sorted(known - set(METRIC.findall(page))):
        found.append(f"{PAGE.name} does not tell of clerk_tokend_{name}")
    if PROMTOOL:
        found += promtool("check", "rules", "--lint=all", "--lint-fatal", RULES)
        found += promtool("test", "rules", CASES)
    if found:
        sys.exit("\n".join(found))
    if not PROMTOOL:
        print("skipped: promtool is not installed (scripts/setup --all)")
        sys.exit(77)
    print(f"{len(known)} metrics, each told of; every alert fires when it should")


if __name__ == "__main__":
    main()
