#!/usr/bin/env python3
# ctest: labels=slow timeout=240
"""The HTML reports in a real browser: inert, quiet, readable on a telephone, on a screen, in
the dark and on paper. Skips without chromium and chromedriver."""

import os
import re
import shutil
import sqlite3
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from browser import Browser
from harness import Daemon, Fake, Skip, main

NAMES = ("summary", "tokens", "unknown", "outstanding")
HOSTILE = "</td><script>document.title='run'</script><img src=x onerror=\"document.title='run'\">"

# What of the page lies outside of it: nothing but what stands in a box that scrolls.
OUTSIDE = """
return [...document.body.querySelectorAll('*')].filter(e => {
  const r = e.getBoundingClientRect();
  return r.width && (r.right > innerWidth + 0.5 || r.left < -0.5) && !e.closest('.box table');
}).map(e => e.outerHTML.slice(0, 120));
"""

# Labels of an axis that touch each other.
TOUCHING = """
const found = [];
for (const axis of document.querySelectorAll('.x, .y')) {
  const shown = [...axis.querySelectorAll('span')].map(e => [e, e.getBoundingClientRect()])
    .filter(([e, r]) => r.width);
  for (let i = 1; i < shown.length; i++) {
    const a = shown[i - 1][1], b = shown[i][1];
    if (a.right > b.left && b.right > a.left && a.bottom > b.top && b.bottom > a.top)
      found.push(shown[i - 1][0].textContent + ' / ' + shown[i][0].textContent);
  }
}
return found;
"""

# Texts with too little contrast to what is behind them, and shapes of a chart likewise.
PALE = """
const numbers = c => c.match(/[\\d.]+/g).map(Number);
const light = c => {
  const [r, g, b] = numbers(c).map(v => {
    v /= 255;
    return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const contrast = (a, b) => {
  const [x, y] = [light(a), light(b)].sort((p, q) => q - p);
  return (x + 0.05) / (y + 0.05);
};
const behind = e => {
  for (; e; e = e.parentElement) {
    const c = getComputedStyle(e).backgroundColor;
    if (numbers(c)[3] !== 0) return c;
  }
  return 'rgb(255, 255, 255)';
};
const found = new Set();
for (const e of document.body.querySelectorAll('*')) {
  const style = getComputedStyle(e);
  if (e.closest('svg')) {
    if (e.matches('rect:not(.area), circle') && contrast(style.fill, behind(e)) < 3)
      found.add('shape ' + e.getAttribute('class') + ' ' + style.fill);
  } else if ([...e.childNodes].some(n => n.nodeType === 3 && n.data.trim())) {
    if (contrast(style.color, behind(e)) < 4.5) found.add(e.tagName + ' ' + e.className);
  }
}
return [...found];
"""


def quoted(text):
    return "'" + text.replace("'", "''") + "'"


def history():
    fake = Fake("--seed", "5")
    daemon = Daemon(fake, {"retry.max_attempts": 2, "retry.max_unknown_attempts": 1})
    daemon.start()
    reasons = [HOSTILE, "x" * 2000, "שלום — Zoë 日本語", "a plain one", " ".join(["word"] * 300)]
    rows = ",".join(
        f"('create', 'user_{str(i).rjust(120, 'u')}', {[60, 3600, 999999][i % 3]},"
        f" {quoted(reasons[i % 5])}, {quoted('n' * 200 if i == 3 else 'ana')},"
        f" {quoted('b' * 200 if i % 7 else HOSTILE)}, {quoted('r' * 200)})"
        for i in range(60)
    )
    fake.script(*["reset_after"] * 3)
    daemon.queue(
        "INSERT INTO job (action, user_id, expires_in_seconds, reason, requested_by, batch,"
        f" reference) VALUES {rows};"
    )
    daemon.wait_done()
    live = [row["id"] for row in daemon.ctl_json("tokens")]
    fake.accept(live[0])
    daemon.ctl("revoke", *live[:20], "--reason", HOSTILE, "--wait", check=1)
    daemon.ctl("pause", "--reason", HOSTILE)
    daemon.stop()
    return daemon


def long_past(daemon):
    """Four hundred days, as their roll-up would have it."""
    audit = sqlite3.connect(daemon.audit_db)
    with audit:
        for number in range(400):
            day = f"date('now', '-{400 - number} days')"
            for kind, word, n in (
                ("state", "succeeded", 1000000 + 7919 * number % 900000),
                ("state", "failed", number % 5),
                ("state", "cancelled", number % 11 * 1000),
                ("state", "lapsed", 3),
                ("latency", str(20 + number % 70), 100),
                ("latency", str(10 * (20 + number % 70)), 4),
                ("latency", "30000", 3),
            ):
                audit.execute(
                    f"INSERT INTO daily VALUES ({day}, 'create', ?, ?, ?)", (kind, word, n)
                )
    audit.close()


def check_screen(browser, name):
    for width in (390, 1400):
        for dark in (False, True):
            browser.view(width)
            browser.media(dark=dark)
            where = f"{name}, {width} pixels{', dark' if dark else ''}"
            wide = browser.run("return document.documentElement.scrollWidth")
            assert wide == width, f"{where}: the page is {wide} wide"
            for script in (OUTSIDE, TOUCHING, PALE):
                found = browser.run(script)
                assert found == [], f"{where}: {found}"
            paper = browser.run("return getComputedStyle(document.documentElement).backgroundColor")
            assert paper == ("rgb(20, 23, 26)" if dark else "rgb(255, 255, 255)"), paper


def check_quiet(browser, path):
    assert browser.console() == []
    assert browser.requests() == [path.resolve().as_uri()]
    assert browser.run("return document.scripts.length + document.images.length") == 0
    assert browser.run("return document.title") != "run"


def test_screens():
    with Browser() as browser:
        daemon = history()
        for name in NAMES:
            path = daemon.scratch / f"{name}.html"
            daemon.ctl("report", name, "--format", "html", "-o", path)
            browser.requests()
            browser.open(path)
            check_quiet(browser, path)
            check_screen(browser, name)
            assert HOSTILE in browser.run("return document.body.innerText"), name
            if name != "summary":
                browser.view(390)
                box = browser.run(
                    "const box = [...document.querySelectorAll('.box')].at(-1);"
                    "box.scrollLeft = 1e6;"
                    "return [box.scrollLeft, box.scrollWidth, box.clientWidth]"
                )
                assert box[0] == box[1] - box[2] > 300, box


def test_four_hundred_days():
    with Browser() as browser:
        daemon = history()
        long_past(daemon)
        path = daemon.scratch / "summary.html"
        daemon.ctl("report", "summary", "--format", "html", "-o", path)
        browser.requests()
        browser.open(path)
        check_quiet(browser, path)
        check_screen(browser, "400 days")
        browser.run("for (const e of document.querySelectorAll('details')) e.open = true")
        check_screen(browser, "400 days, figures shown")
        bars = browser.run(
            "return [...document.querySelectorAll('.chart')].map("
            "c => [c.querySelector('figcaption').textContent, c.querySelectorAll('g').length])"
        )
        assert bars[0][0] == "Jobs by outcome, per week" and 57 <= bars[0][1] <= 59, bars
        assert bars[1] == ["Time that creates took, per day logarithmic scale", 401], bars
        # Whoever points at a bar is told its figures.
        hint = browser.run("return document.querySelectorAll('.chart g title')[5].textContent")
        assert re.match(
            r"\d{4}-\d\d-\d\d to \d{4}-\d\d-\d\d\ncreated: [\d,]+\nfailed: \d+\n", hint
        ), hint


def test_paper():
    if not shutil.which("pdftotext"):
        raise Skip("pdftotext is not installed (scripts/setup --all)")
    with Browser() as browser:
        daemon = history()
        for name in NAMES:
            path, pdf = daemon.scratch / f"{name}.html", daemon.scratch / f"{name}.pdf"
            daemon.ctl("report", name, "--format", "html", "-o", path)
            browser.open(path)
            # The narrowest paper, turned where the long tables stand: nothing is cut off.
            browser.media(dark=True, print=True)
            browser.view(965 if name != "summary" else 700)
            wide = browser.run("return document.documentElement.scrollWidth")
            assert wide == (965 if name != "summary" else 700), f"{name}: {wide}"
            paper = browser.run("return getComputedStyle(document.body).color")
            assert paper == "rgb(27, 31, 36)", f"{name}: {paper}"
            browser.media()
            browser.pdf(pdf)
            check_pages(name, pdf)


def check_pages(name, pdf):
    """The pages are numbered, and each that holds rows repeats what heads them."""
    text = subprocess.run(
        ["pdftotext", "-layout", pdf, "-"], capture_output=True, text=True, check=True, timeout=60
    ).stdout
    pages = [page for page in text.split("\f") if page.strip()]
    for number, page in enumerate(pages, 1):
        assert re.search(rf"\b{number} ?/ ?{len(pages)}\s*$", page), f"{name}: {page}"
    if name != "tokens":
        return
    assert len(pages) > 5, len(pages)
    for page in pages[1:]:
        if "user_u" in page:
            assert re.search(r"\bEntry\b.*\bToken\b.*\bLife\b", page), page
    assert "Evidence" in pages[-1]


if __name__ == "__main__":
    main()
