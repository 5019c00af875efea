#!/usr/bin/env python3
# ctest: labels=quick timeout=120
"""The manual pages say what the programs and the schemas are: every command, option, column,
word and exit status, and none that does not exist; mandoc finds nothing wrong with them.
(The keys of clerk-tokend.conf(5) are held against their table by unit/test_config_example.)"""

import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

SOURCE = Path(os.environ.get("SOURCE_DIR") or Path(__file__).resolve().parents[2])
BUILD = Path(os.environ.get("BUILD_DIR") or SOURCE / "build" / "debug")
PAGES = ("clerk-tokenctl.1", "clerk-tokend.conf.5", "clerk-tokend-sql.7", "clerk-tokend.8")
SECTIONS = {
    "clerk-tokenctl.1": "DESCRIPTION OPTIONS COMMANDS ENVIRONMENT FILES|EXIT STATUS|SIGNALS",
    "clerk-tokend.conf.5": "DESCRIPTION OPTIONS FILES",
    "clerk-tokend-sql.7": "DESCRIPTION WORDS FILES|EXIT STATUS",
    "clerk-tokend.8": "DESCRIPTION OPTIONS SIGNALS ENVIRONMENT FILES|EXIT STATUS",
}
EVERYWHERE = {"--config", "--instance", "--help", "--version"}

found = []


def say(page, text):
    found.append(f"doc/{page}: {text}")


def compare(page, what, written, true):
    """Both are sets of texts: what the page has, and what is so."""
    for text in sorted(true - written):
        say(page, f"{what}: {text} is missing")
    for text in sorted(written - true):
        say(page, f"{what}: {text} does not exist")


def run(program, *arguments):
    done = subprocess.run(
        [BUILD / "src" / program, *arguments], capture_output=True, text=True, check=False
    )
    if done.returncode != 0 or done.stderr:
        sys.exit(f"{program} {' '.join(arguments)}: {done.returncode}, {done.stderr}")
    return done.stdout


# Reading pages --------------------------------------------------------------------------


def read(page):
    text = (SOURCE / "doc" / page).read_text()
    return re.sub(r'^\.\\".*\n', "", text, flags=re.M)


def parts(text, macro):
    """What stands below each heading: {"create": text} of .Ss, or of .Sh."""
    pieces = re.split(rf"^\.{macro} (.*)\n", text, flags=re.M)
    return dict(zip(pieces[1::2], pieces[2::2]))


def section(page, name):
    return parts(read(page), "Sh").get(name, "")


def items(text):
    """The heads of the lists in text."""
    return re.findall(r"^\.It (.*)$", text, re.M)


def forms(head):
    """An option as --help writes it: "Fl n Ar N , Fl -limit Ar N" is "-n, --limit N"."""
    long = re.search(r"Fl -([\w-]+)", head)
    letter = re.search(r"Fl (\w)\b", head)
    value = re.search(r"Ar (\S+)", head)
    text = f"-{letter.group(1)}, " if letter else ""
    return f"{text}--{long.group(1)}" + (f" {value.group(1)}" if value else "")


# clerk-tokenctl(1) ----------------------------------------------------------------------


def help_of(command):
    """A command's options as --help writes them."""
    text = run("clerk-tokenctl", command, "--help")
    option = r"^  ((?:-\w, )?--[\w-]+(?: [A-Z][\w:]*)?)(?:  |$)"
    return {line.strip() for line in re.findall(option, text, re.M)}


def names(options):
    return {re.search(r"--[\w-]+", option).group() for option in options}


def usage_of(text, true, groups):
    """The long names of the options in a command's usage, letters and groups spelt out."""
    usage = text.split(".Pp\n")[0]
    for letter, name in re.findall(r"-(\w), --([\w-]+)", " ".join(true)):
        usage = re.sub(rf"Fl {letter}\b", f"Fl -{name}", usage)
    # Behind Fl, and behind the bars of "Fl -url | -token".
    written = set(re.findall(r"(?:Fl|\|) -([\w-]+)", usage))
    for group in re.findall(r"Ar ([A-Z]+)(?:$| \|)", usage, re.M):
        written |= {name.removeprefix("--") for name in names(groups.get(group, ()))}
    return {f"--{name}" for name in written}


def check_command(page, command, text, groups):
    true = help_of(command)
    usage = usage_of(text, true, groups)
    compare(page, f"the usage of {command}", usage, names(true) - EVERYWHERE)
    own = {forms(head) for head in items(text) if "Fl " in head}
    for option in sorted(own - true):
        say(page, f"{command}: {option} does not exist")
    # Each option is explained where it is, or in a group, or under another command that this
    # one points to.
    referred = re.findall(r"options are those of\n\.Cm (\w+)", text)
    explained = set(own).union(*groups.values(), *(referred and [other_options(page, referred)]))
    known = names(explained) | EVERYWHERE
    for option in sorted(true):
        if names({option}) - known:
            say(page, f"{command}: {option} is not explained")
    return own


def other_options(page, commands):
    sections = parts(section(page, "COMMANDS"), "Ss")
    return {
        forms(head) for command in commands for head in items(sections[command]) if "Fl " in head
    }


def check_tokenctl():
    page = "clerk-tokenctl.1"
    general = run("clerk-tokenctl", "--help")
    commands = set(re.findall(r"^  ([a-z]+)  ", general, re.M))
    table = (SOURCE / "src" / "ctl" / "cmd.def").read_text()
    defined = set(re.findall(r"^COMMAND\((\w+),", table, re.M))
    if commands != defined:
        say(page, f"--help has {sorted(commands)}, cmd.def {sorted(defined)}")
    options = parts(section(page, "OPTIONS"), "Ss")
    groups = {name: {forms(head) for head in items(text)} for name, text in options.items()}
    sections = parts(section(page, "COMMANDS"), "Ss")
    compare(page, "command", set(sections), commands)
    everywhere = {forms(h) for h in items(section(page, "OPTIONS").split(".Ss ")[0])}
    compare(page, "option", names(everywhere), EVERYWHERE)
    written = set(everywhere).union(*groups.values())
    true = set()
    for command in sorted(commands & set(sections)):
        written |= check_command(page, command, sections[command], groups)
        true |= help_of(command)
    compare(page, "option", written, true)
    check_exits(page, "src/ctl/ctl.h", "CTL_", general)


# Exit statuses --------------------------------------------------------------------------


def check_exits(page, header, prefix, usage):
    enum = re.findall(rf"\b{prefix}[A-Z]+ =\s*(\d+)", (SOURCE / header).read_text())
    compare(page, "exit status", set(items(section(page, "EXIT STATUS"))), set(enum))
    said = usage[usage.index("Exit status:") :]
    compare(page, "exit status in --help", set(re.findall(r"\b\d+\b", said)), set(enum))


# clerk-tokend(8) ------------------------------------------------------------------------


def check_tokend():
    page = "clerk-tokend.8"
    usage = run("clerk-tokend", "--help")
    true = set(re.findall(r"^ +((?:-\w, )?--[\w-]+(?: [A-Z]+)?)\s", usage, re.M))
    main = (SOURCE / "src" / "daemon" / "main.c").read_text()
    table = {f"--{name}" for name in re.findall(r'^\t\{"([\w-]+)", ', main, re.M)}
    compare(page, "option in --help", names(true), table)
    written = {forms(head) for head in items(section(page, "OPTIONS"))}
    compare(page, "option", written, true)
    synopsis = section(page, "SYNOPSIS").replace("Fl c Ar FILE", "Fl -config")
    synopsis = synopsis.replace("Fl i Ar NAME", "Fl -instance")
    compare(page, "synopsis", set(re.findall(r"--[\w-]+", synopsis.replace("Fl ", "-"))), table)
    check_exits(page, "src/daemon/daemon.h", "DAEMON_EXIT_", usage)
    loop = (SOURCE / "src" / "daemon" / "daemon_loop.c").read_text()
    signals = set(re.findall(r"add_signal\(daemon, &\w+->\w+, (SIG\w+)", loop))
    heads = " ".join(items(section(page, "SIGNALS")))
    compare(page, "signal", set(re.findall(r"SIG\w+", heads)) - {"SIGKILL"}, signals)


# clerk-tokend-sql(7) --------------------------------------------------------------------


def schema_of(name):
    """{"queue.job": {"id (integer)", "action", ...}} of one database."""
    database = sqlite3.connect(":memory:")
    for path in sorted((SOURCE / "sql" / name / "schema").glob("*.sql")):
        database.executescript(path.read_text())
    tables = database.execute(
        "SELECT name, type FROM sqlite_schema WHERE type IN ('table', 'view')"
        " AND name NOT LIKE 'sqlite_%'"
    )
    # Which type a view's column has, SQLite's versions do not agree on.
    return {
        f"{name}.{table}": {
            column + (" (integer)" if kind == "INTEGER" and is_a == "table" else "")
            for _, column, kind, *_ in database.execute(f"PRAGMA table_info({table})")
        }
        for table, is_a in tables.fetchall()
    }


def columns_of(text):
    """The columns that a table's section lists; a view's stand there without types."""
    columns = {
        re.sub(r"Va (\w+)(?: Pq (integer))?$", r"\1 (\2)", head).removesuffix(" ()")
        for head in items(text)
    }
    if text.startswith("A view"):
        return {column.removesuffix(" (integer)") for column in columns}
    return columns


def words_of(path, macro):
    text = (SOURCE / "src" / "model" / path).read_text()
    return set(re.findall(rf'^{macro}\(\w+, "(\w+)"', text, re.M))


def check_sql():
    page = "clerk-tokend-sql.7"
    text = read(page)
    sections = parts(text, "Sh")
    for database in ("queue", "audit", "tokens"):
        tables = schema_of(database)
        written = parts(sections[f"{database.upper()}.DB"], "Ss")
        compare(page, "table", set(written), set(tables))
        for table in sorted(set(written) & set(tables)):
            compare(page, f"column of {table}", columns_of(written[table]), tables[table])
    words = parts(sections["WORDS"], "Ss")
    for heading, true in (
        ("Job states", words_of("job.def", "JOB_STATE")),
        ("Results", words_of("job.def", "JOB_RESULT")),
        ("Events", words_of("event.def", "EVENT")),
        ("Effects", {"applied", "none", "unknown"}),
    ):
        written = {head.removeprefix("Ql ") for head in items(words[heading])}
        compare(page, heading, written, true)


# All pages ------------------------------------------------------------------------------


def check_examples_of_conf():
    """What clerk-tokend.conf(5) shows is a configuration."""
    for number, block in enumerate(
        re.findall(r"^\.Bd -literal.*\n((?:.*\n)*?)\.Ed$", read("clerk-tokend.conf.5"), re.M), 1
    ):
        with tempfile.TemporaryDirectory() as folder:
            key = Path(folder, "key")
            key.touch(0o600)
            key.write_text("sk_test_manual\n")
            conf = Path(folder, "conf")
            text = block.replace("/etc/clerk-tokend/key", str(key))
            if "secret_key_file" not in text:
                text += f'clerk: {{ secret_key_file = "{key}"; }};\n'
            conf.write_text(text)
            done = subprocess.run(
                [BUILD / "src" / "clerk-tokend", "-c", conf, "--check"],
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode != 0:
                say("clerk-tokend.conf.5", f"example {number}: {done.stderr.strip()}")


def check_page(page):
    name, _, number = page.rpartition(".")
    text = read(page)
    if f"\n.Dt {name.upper()} {number}\n" not in f"\n{text}":
        say(page, "its title is another")
    headings = re.findall(r"^\.Sh (.*)$", text, re.M)
    wanted = SECTIONS[page].replace("|", " ").replace("EXIT STATUS", "EXIT_STATUS").split()
    for heading in ["NAME", "SYNOPSIS", *wanted, "EXAMPLES", "SEE_ALSO"]:
        if heading.replace("_", " ") not in headings:
            say(page, f"there is no section {heading}")
    for other, digit in re.findall(r"^\.Xr (clerk\S*) (\d)", text, re.M):
        if f"{other}.{digit}" not in PAGES:
            say(page, f"it refers to {other}({digit}), which does not exist")


def check_mandoc():
    if not shutil.which("mandoc"):
        return False
    for page in PAGES:
        done = subprocess.run(
            ["mandoc", "-T", "lint", page],
            cwd=SOURCE / "doc",
            capture_output=True,
            text=True,
            check=False,
        )
        for line in done.stdout.splitlines():
            # Which other manuals are installed is this machine's business.
            if "referenced manual not found" not in line:
                found.append(line)
    return True


def main():
    for page in PAGES:
        check_page(page)
    check_tokenctl()
    check_tokend()
    check_sql()
    check_examples_of_conf()
    linted = check_mandoc()
    if found:
        sys.exit("\n".join(found))
    print("the manual pages say what is so")
    if not linted:
        print("skipped: mandoc is not installed (scripts/setup --all)")
        sys.exit(77)


if __name__ == "__main__":
    main()
