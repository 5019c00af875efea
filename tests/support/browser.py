"""A headless Chromium for the e2e tests, driven by chromedriver over plain HTTP.

    with Browser() as browser:          # Skip where one of the two is not installed
        browser.open(path)              # a file
        browser.view(390)               # as wide as a telephone
        browser.media(dark=True)        # or print=True
        browser.run("return document.title")
        browser.console()               # what it complained about so far
        browser.requests()              # the addresses that it asked for so far

Nothing of this is needed by the reports themselves, which hold no script.
"""

import base64
import json
import os
import re
import shutil
import signal
import tempfile
import urllib.error
import urllib.request
from pathlib import Path

from harness import Failure, Process, Skip

ARGUMENTS = (
    "--headless=new",
    "--no-sandbox",  # of root; what is opened was written by us a moment ago
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)


class Browser(Process):
    def __init__(self, deadline=60.0):
        for program in ("chromium", "chromedriver"):
            if not shutil.which(program):
                raise Skip(f"{program} is not installed (scripts/setup --all)")
        super().__init__("chromedriver", tempfile.mkdtemp(prefix="browser-"))
        self.deadline = deadline
        self.session = None
        self.address = None
        # A home of its own: the browser keeps caches and locks in more than one place.
        self.spawn(["chromedriver", "--port=0"], {"HOME": str(self.scratch)})
        found = self.wait_log(r"started successfully on port (\d+)", 30)
        self.address = f"http://127.0.0.1:{found.group(1)}"
        capabilities = {
            "browserName": "chrome",
            "goog:chromeOptions": {
                "binary": shutil.which("chromium"),
                "args": [*ARGUMENTS, f"--user-data-dir={self.scratch}/profile"],
            },
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
        }
        answer = self.call("POST", "session", {"capabilities": {"alwaysMatch": capabilities}})
        self.session = answer["sessionId"]

    def call(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"{self.address}/{path}",
            data=data,
            method=method,
            headers={"Content-Type": "application/json"},
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=self.deadline) as answer:
                return json.loads(answer.read())["value"]
        except urllib.error.HTTPError as error:
            said = error.read().decode(errors="replace")[:600]
            raise Failure(f"chromedriver, {path}: {error.code} {said}") from None

    def post(self, path, body):
        return self.call("POST", f"session/{self.session}/{path}", body)

    def devtools(self, command, **parameters):
        return self.post("goog/cdp/execute", {"cmd": command, "params": parameters})

    def open(self, path):
        self.post("url", {"url": Path(path).resolve().as_uri()})

    def view(self, width, height=900):
        """The page as a screen so wide shows it."""
        self.devtools(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )

    def media(self, dark=False, print=False):
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.devtools(
            "Emulation.setEmulatedMedia", media="print" if print else "", features=[scheme]
        )

    def run(self, script, *arguments):
        """Runs the body of a function in the page: what it returns."""
        return self.post("execute/sync", {"script": script, "args": list(arguments)})

    def picture(self, path):
        """The whole page as a PNG file."""
        height = self.run("return document.documentElement.scrollHeight")
        width = self.run("return innerWidth")
        shot = self.devtools(
            "Page.captureScreenshot",
            captureBeyondViewport=True,
            clip={"x": 0, "y": 0, "width": width, "height": height, "scale": 1},
        )
        Path(path).write_bytes(base64.b64decode(shot["data"]))

    def pdf(self, path):
        """The page as it is printed."""
        printed = self.devtools("Page.printToPDF", preferCSSPageSize=True, printBackground=False)
        Path(path).write_bytes(base64.b64decode(printed["data"]))

    def console(self):
        return [entry["message"] for entry in self.post("se/log", {"type": "browser"})]

    def requests(self):
        found = []
        for entry in self.post("se/log", {"type": "performance"}):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                found.append(message["params"]["request"]["url"])
        return found

    def close(self):
        if self.session and self.running():
            try:
                self.call("DELETE", f"session/{self.session}")
            except (Failure, OSError):
                pass
        self.session = None
        if self.running():
            # The browser belongs to the driver's group.
            os.killpg(self.pid, signal.SIGTERM)
            try:
                self.child.wait(10)
            except Exception:
                os.killpg(self.pid, signal.SIGKILL)
        super().close()
        shutil.rmtree(self.scratch, ignore_errors=True)
