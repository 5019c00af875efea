#!/usr/bin/env python3
# ctest: labels=quick timeout=180
"""report --format html: one well-formed file that says what the other formats say, whatever
people put into their rows."""

import csv
import io
import os
import re
import sys
import xml.etree.ElementTree

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from harness import Daemon, Fake, main, wait_until

NAMES = ("summary", "tokens", "unknown", "outstanding")
X = "{http://www.w3.org/1999/xhtml}"
SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = "</td><script>alert(1)</script><img src=x onerror=\"alert('2')\">\n & \u202eevil"
SHOWN = (
    "</td><script>alert(1)</script><img src=x onerror=\"alert('2')\">\\n & \\u202eevil"
)


def quoted(text):
    return "'" + text.replace("'", "''") + "'"


def history():
    """Tokens that live, were used and revoked; failures; requests of unknown effect."""
    fake = Fake("--seed", "5")
    daemon = Daemon(fake, {"retry.max_attempts": 3, "retry.max_unknown_attempts": 1})
    daemon.start()
    rows = ",".join(
        f"('create', 'user_u{i}', 3000, {quoted(HOSTILE)}, {quoted('<b>ana</b>')}, '=1+1')"
        for i in range(8)
    )
    daemon.queue(
        "INSERT INTO job (action, user_id, expires_in_seconds, reason, requested_by, reference)"
        f" VALUES {rows};"
    )
    daemon.wait_done()
    daemon.ctl("create", "user_missing1", "--wait", check=1)
    fake.script("reset_after", "reset_after")
    daemon.ctl("create", "user_lost1", "user_lost2", "--reason", HOSTILE, "--wait", check=1)
    live = [row["id"] for row in daemon.ctl_json("tokens")]
    fake.accept(live[0])
    daemon.ctl("revoke", *live[:3], "--reason", "left", "--wait", check=1)
    return daemon


def parse(text):
    return xml.etree.ElementTree.fromstring(text)


def text_of(element):
    return "".join(element.itertext())


def find_table(page, caption):
    """The rows of a table as lists of texts, the heads first."""
    for table in page.iter(X + "table"):
        if text_of(table.find(X + "caption")) == caption:
            return [[text_of(cell) for cell in row] for row in table.iter(X + "tr")]
    raise AssertionError(f"no table {caption!r}")


def cards_of(page):
    found = {}
    for card in page.iter(X + "div"):
        if (card.get("class") or "").startswith("card "):
            found[text_of(card.find(X + "dt"))] = text_of(card.find(X + "dd"))
    return found


def facts_of(page, where):
    part = next(page.iter(X + where))
    names = [text_of(name) for name in part.iter(X + "dt")]
    return dict(zip(names, [text_of(value) for value in part.iter(X + "dd")]))


def check_inert(text):
    """Nothing in it can run, and nothing is fetched."""
    page = parse(text)
    assert text.startswith("<!DOCTYPE html>\n"), text[:40]
    for element in page.iter():
        tag = element.tag.rpartition("}")[2]
        assert tag not in ("script", "img", "link", "iframe", "object", "embed", "a"), tag
        for name, value in element.attrib.items():
            assert not name.startswith("on") and name not in ("src", "href"), (tag, name)
            assert name != "style" or re.fullmatch(r"(left|bottom|width):[\d.]+%", value), value
    policy = next(
        meta for meta in page.iter(X + "meta")
        if meta.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy.get("content") == "default-src 'none'; style-src 'unsafe-inline'"
    style = text_of(next(page.iter(X + "style")))
    assert "url(" not in style and "@import" not in style
    assert "\u202e" not in text
    assert page.get("lang") == "en"
    return page


def test_they_say_what_csv_says():
    daemon = history()
    for name in NAMES:
        page = check_inert(daemon.ctl("report", name, "--format", "html").stdout)
        rows = list(csv.DictReader(io.StringIO(daemon.ctl("report", name, "--csv").stdout)))
        evidence = facts_of(page, "footer")
        assert evidence["Period"] == "all time", evidence
        head = daemon.audit("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1")[0]
        assert evidence["Rows of the audit"] == f"1 to {head['seq']}"
        assert evidence["Head of the audit"] == f"{head['seq']}:{head['hash']}"
        assert re.fullmatch(
            r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC by clerk-tokenctl \d+\.\d+\.\d+",
            evidence["Made"],
        ), evidence
        words = evidence["To check"].split()
        assert words[0] == "clerk-tokenctl"
        assert daemon.ctl(*words[1:]).returncode == 0
        if name == "summary":
            check_summary(page, rows)
        elif name == "tokens":
            check_register(page, rows)
        elif name == "unknown":
            check_unknown(page, rows)
        else:
            check_outstanding(page, rows)
    daemon.stop()


def check_summary(page, rows):
    cards = cards_of(page)
    total = {(row["part"], row["what"]): row["total"] for row in rows}
    assert cards["Jobs accepted"] == total["jobs", "accepted"] == "14"
    assert cards["Succeeded"] == total["jobs", "succeeded"] == "10"
    assert cards["Failed"] == total["jobs", "failed"] == "4"
    assert cards["Requests of unknown effect"] == total["effects", "unknown"] == "2"
    assert cards["Tokens that may be live"] == total["tokens now", "may be live"] == "5"
    table = find_table(page, "What was counted in the period, and now")
    assert table[0] == ["Part", "What", "Creates", "Revokes", "Total", "Note"]
    plain = [[row[name] or "–" for name in row] for row in rows]
    assert table[1:] == plain, (table, plain)
    days = find_table(page, "Jobs by outcome, per day")
    assert days[0] == ["day", "created", "revoked", "failed", "cancelled", "lapsed", "rejected"]
    assert [sum(int(row[i]) for row in days[1:]) for i in range(1, 7)] == [8, 2, 4, 0, 0, 0]
    assert len(find_table(page, "Time that creates took, per day, milliseconds")) == len(days)
    expiry = find_table(page, "Tokens that may be live, by when they expire")
    assert expiry[1] == ["within an hour", "5", ""], expiry
    failures = find_table(page, "Jobs that failed and are still failed")
    assert {(row[0], row[4]) for row in failures[1:]} == {
        ("outcome_unknown", "2"), ("not_found", "1"), ("already_used", "1"),
    }, failures
    assert len(list(page.iter(SVG + "path"))) == 6


def check_register(page, rows):
    cards = cards_of(page)
    assert cards == {"Tokens in the register": "8", "May be live": "5", "Used": "1",
                     "Revoked": "2", "Expired, use not known": "0"}, cards
    table = find_table(page, "Every token, in the order in which it was heard of")
    at = {name: i for i, name in enumerate(table[0])}
    assert len(table) - 1 == len(rows) == 8
    for shown, row in zip(table[1:], rows):
        assert shown[at["Token"]] == row["sign_in_token_id"]
        assert shown[at["Life"]] == row["life"]
        assert shown[at["Created (UTC)"]] == row["created_at"][:19]
        assert shown[at["Requested by (as stated)"]] == "<b>ana</b>"
        assert shown[at["Reason"]] == SHOWN
        assert shown[at["Reference"]] == "=1+1" and row["reference"] == "'=1+1"
        assert shown[at["Reason of the revoke"]] == (row["revoke_reason"] or "–")


def check_unknown(page, rows):
    cards = cards_of(page)
    assert cards == {"Requests of unknown effect": "2", "Creates": "2", "Revokes": "0",
                     "Creates whose token may be live": "2"}, cards
    table = find_table(page, "Each attempt, oldest first")
    at = {name: i for i, name in enumerate(table[0])}
    assert [row[at["User"]] for row in table[1:]] == [row["user_id"] for row in rows]
    assert [row[at["Reason"]] for row in table[1:]] == [SHOWN, SHOWN]


def check_outstanding(page, rows):
    assert cards_of(page) == {"Tokens that may be live": "5"}
    table = find_table(page, "Tokens that may be live, the first to expire on top")
    at = {name: i for i, name in enumerate(table[0])}
    assert [row[at["Token"]] for row in table[1:]] == [row["sign_in_token_id"] for row in rows]
    assert all(re.fullmatch(r"(50|49) min \d+ s", row[at["Left"]]) for row in table[1:]), table
    notes = [text_of(note) for note in page.iter(X + "p") if note.get("class") == "note k3"]
    assert notes == ["2 more may be live that nobody holds: creates of unknown effect may have"
                     " made one. report unknown lists them."], notes


def test_files_periods_and_limits():
    daemon = history()
    path = daemon.scratch / "out.html"
    done = daemon.ctl("report", "tokens", "--format", "html", "-o", path)
    assert (done.stdout, done.stderr) == ("", "")
    assert len(find_table(check_inert(path.read_text()),
                          "Every token, in the order in which it was heard of")) == 9

    done = daemon.ctl("report", "tokens", "--format", "html", "--limit", "3")
    assert done.stderr == "clerk-tokenctl: 5 rows were left out (--limit 0 prints all)\n"
    page = check_inert(done.stdout)
    assert len(find_table(page, "Every token, in the order in which it was heard of")) == 4
    remarks = [text_of(p) for p in page.iter(X + "p") if p.get("class") == "remark"]
    assert remarks == ["Cut: the first 3 of 8 rows. --limit 0 prints all of them, --since and"
                       " --until those of a period; --format csv has every column too."], remarks
    assert cards_of(page)["Tokens in the register"] == "8"

    done = daemon.ctl("report", "summary", "--format", "html", "--since", "2001-02-03",
                      "--until", "2001-02-05")
    page = check_inert(done.stdout)
    assert facts_of(page, "header")["Period"] == (
        "from 2001-02-03 00:00:00.000 to before 2001-02-06 00:00:00.000 UTC"
    ), facts_of(page, "header")
    assert cards_of(page)["Jobs accepted"] == "0"
    assert facts_of(page, "footer")["Rows of the audit"] == "none"
    empty = [text_of(p) for p in page.iter(X + "p") if p.get("class") == "empty"]
    assert empty == ["No job ended.", "No request was measured.", "No request was measured."]

    # A stop is said, and whoever asked for it is escaped too.
    daemon.ctl("pause", "--reason", "<i>audit</i>")
    wait_until(lambda: daemon.audit("SELECT * FROM pause"), 10)
    page = check_inert(daemon.ctl("report", "summary", "--format", "html").stdout)
    notes = [text_of(p) for p in page.iter(X + "p") if p.get("class") == "note k2"]
    assert len(notes) == 1 and notes[0].startswith("Sending is paused: everything since "), notes
    assert notes[0].endswith(": <i>audit</i>."), notes
    daemon.stop()


def test_an_empty_audit():
    fake = Fake()
    daemon = Daemon(fake)
    daemon.start()
    for name in NAMES:
        page = check_inert(daemon.ctl("report", name, "--format", "html").stdout)
        assert "0" in cards_of(page).values()
        assert list(page.iter(SVG + "svg")) == []
    daemon.stop()


def test_what_cannot_be_asked_for():
    fake = Fake()
    daemon = Daemon(fake)
    daemon.start()
    for arguments, said in (
        (("daily", "--format", "html"),
         "report daily is not made as HTML; these are: summary tokens unknown outstanding"),
        (("summary", "--format", "htlm"),
         "--format: there is no htlm; did you mean html?; text, json, csv or html is wanted"),
        (("summary", "--format", "html", "--csv"),
         "--format html and --csv together make no sense"),
    ):
        done = daemon.ctl("report", *arguments, check=64)
        assert (done.stdout, done.stderr) == ("", f"clerk-tokenctl: {said}\n"), done.stderr
    # A device that is full.
    done = daemon.ctl("report", "summary", "--format", "html", "-o", "/dev/full", check=None)
    assert done.returncode != 0 and "/dev/full" in done.stderr, done.stderr
    daemon.stop()


if __name__ == "__main__":
    main()
