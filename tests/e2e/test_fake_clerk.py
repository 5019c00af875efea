#!/usr/bin/env python3
# ctest: labels=quick timeout=120
"""The fake of Clerk keeps to Clerk's contract, and each of its faults is what it says.

Everything is looked at from outside, over raw sockets: a wrong fake would let a wrong
daemon pass.
"""

import base64
import http.client
import json
import os
import re
import shutil
import signal
import socket
import ssl
import string
import subprocess
import sys
import tempfile
import threading
import time
import unittest

BUILD = os.environ.get("BUILD_DIR", "build")
PROGRAM = os.path.join(BUILD, "tests", "fake_clerk", "fake_clerk")
DEADLINE = 10.0
CREATE = "/v1/sign_in_tokens"
KSUID_DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase
HEADERS = {
    "Host": "127.0.0.1",
    "Authorization": "Bearer sk_test_fake",
    "Clerk-API-Version": "2026-05-12",
    "User-Agent": "test_fake_clerk",
}


def wait_until(condition, what, deadline=DEADLINE):
    end = time.monotonic() + deadline
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"not within {deadline} s: {what}")
        time.sleep(0.01)


def drawn_part(token_id):
    """What was drawn of an id: all but the second of its making (a KSUID, base 62)."""
    number = 0
    for digit in token_id.removeprefix("sit_"):
        number = number * 62 + KSUID_DIGITS.index(digit)
    return number % 2 ** 128


class Answer:
    """What came back: the head's status and headers, the body, and how it ended: "full"
    (by Content-Length), "fin", "rst" or "silent" (nothing more within the time)."""

    def __init__(self, raw, end):
        self.raw = raw
        self.end = end
        self.status = None
        self.headers = []
        self.body = b""
        head, split, self.body = raw.partition(b"\r\n\r\n")
        if split:
            lines = head.decode("latin-1").split("\r\n")
            self.status = int(lines[0].split()[1])
            self.headers = [tuple(line.split(": ", 1)) for line in lines[1:]]

    def all(self, name):
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def header(self, name):
        values = self.all(name)
        return values[0] if values else None

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def code(self):
        return self.json["errors"][0]["code"]

    @property
    def error(self):
        return self.json["errors"][0]

    def is_full(self):
        length = self.header("Content-Length")
        return self.status is not None and (
            self.status in (204, 304) or length and len(self.body) >= int(length))


class Client:
    """One connection."""

    def __init__(self, fake):
        self.socket = socket.create_connection(("127.0.0.1", fake.port), DEADLINE)
        if fake.tls:
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            self.socket = context.wrap_socket(self.socket)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, method, path, body=None, headers=None, more=()):
        fields = dict(HEADERS)
        if body is not None:
            body = body if isinstance(body, bytes) else json.dumps(body).encode()
            fields["Content-Type"] = "application/json"
            fields["Content-Length"] = str(len(body))
        elif method == "POST":
            fields["Content-Length"] = "0"
        fields.update(headers or {})
        lines = [f"{method} {path} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in fields.items() if value is not None]
        lines += more
        self.socket.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + (body or b""))

    def read(self, patience=DEADLINE, whole=False):
        """The answer; with whole=True all bytes until the end of the connection."""
        raw, end = b"", "full"
        deadline = time.monotonic() + patience
        while whole or not Answer(raw, "").is_full():
            try:
                self.socket.settimeout(max(0.001, deadline - time.monotonic()))
                piece = self.socket.recv(1 << 20)
            except ConnectionResetError:
                end = "rst"
                break
            except TimeoutError:
                end = "silent"
                break
            if not piece:
                end = "fin"
                break
            raw += piece
        return Answer(raw, end)


class Fake:
    def __init__(self, *options, start=True):
        self.scratch = tempfile.mkdtemp(prefix="test_fake_clerk-")
        self.options = list(options)
        self.tls = "--tls-cert" in options
        self.port = 0
        self.child = None
        if start:
            self.start()

    def path(self, name):
        return os.path.join(self.scratch, name)

    def start(self):
        port_file = self.path("port")
        if os.path.exists(port_file):
            os.unlink(port_file)
        self.child = subprocess.Popen(
            [PROGRAM, "--port", str(self.port), "--port-file", port_file, *self.options],
            stdout=subprocess.DEVNULL)
        wait_until(lambda: os.path.exists(port_file) or self.child.poll() is not None,
                   "the port file is there")
        if self.child.poll() is not None:
            raise AssertionError(f"fake_clerk ended with {self.child.returncode}")
        with open(port_file, encoding="ascii") as file:
            self.port = int(file.read())

    def end(self, number=signal.SIGTERM):
        self.child.send_signal(number)
        status = self.child.wait(DEADLINE)
        self.child = None
        return status

    def close(self):
        """Ends it the clean way: a leak or a crash under sanitizers is a wrong status."""
        shutil.rmtree(self.scratch, ignore_errors=True)
        if not self.child:
            return
        child = self.child
        try:
            status = self.end()
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait(DEADLINE)
            raise
        assert status == 0, f"fake_clerk ended with {status}"

    def call(self, method, path, body=None):
        if self.tls:
            context = ssl._create_unverified_context()
            link = http.client.HTTPSConnection(
                "127.0.0.1", self.port, timeout=DEADLINE, context=context)
        else:
            link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE)
        link.request(method, f"/control/{path}", body)
        answer = link.getresponse()
        text = answer.read().decode()
        link.close()
        return answer.status, text

    def get(self, path):
        status, text = self.call("GET", path)
        assert status == 200, (path, status, text)
        return text

    def post(self, path, body):
        status, text = self.call("POST", path, json.dumps(body))
        assert status == 200, (path, status, text)

    def stats(self):
        return json.loads(self.get("stats"))

    def lines(self):
        return [json.loads(line) for line in self.get("ledger").splitlines()]

    def last(self):
        return self.lines()[-1]

    def tokens(self):
        return [json.loads(line) for line in self.get("tokens").splitlines()]

    def request(self, *args, patience=DEADLINE, whole=False, **kwargs):
        with Client(self) as client:
            client.send(*args, **kwargs)
            return client.read(patience, whole)

    def create(self, user="user_2abc", **kwargs):
        return self.request("POST", CREATE, {"user_id": user}, **kwargs)

    def revoke(self, token_id, **kwargs):
        return self.request("POST", f"{CREATE}/{token_id}/revoke", **kwargs)


class Case(unittest.TestCase):
    options = ()

    @classmethod
    def setUpClass(cls):
        cls.fake = Fake(*cls.options)
        cls.addClassCleanup(cls.fake.close)

    def setUp(self):
        self.fake.post("reset", {})

    def refused(self, answer, status, code):
        self.assertEqual(answer.status, status, answer.raw)
        self.assertEqual(answer.code, code)
        self.assertEqual(answer.json["clerk_trace_id"], answer.header("clerk-trace-id"))
        self.assertRegex(answer.header("clerk-trace-id"), r"^[0-9a-f]{32}$")
        line = self.fake.last()
        self.assertEqual((line["did"], line["status"], line["code"]), ("none", status, code))
        self.assertEqual(line["trace"], answer.header("clerk-trace-id"))
        return line


class Contract(Case):
    options = ("--canary", "CANARY-in_here")

    def test_create(self):
        before = time.time() * 1000 - 1
        answer = self.fake.request("POST", CREATE, {
            "user_id": "user_26Ect5GuCCeaFWwSDiiKcgAGtVk", "org_id": None,
            "expires_in_seconds": 60})
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.header("Content-Type"), "application/json")
        token = answer.json
        self.assertEqual(list(token), ["object", "id", "status", "user_id", "token", "url",
                                       "created_at", "updated_at"])
        self.assertEqual(token["object"], "sign_in_token")
        self.assertRegex(token["id"], r"^sit_[0-9A-Za-z]{27}$")
        self.assertEqual(token["status"], "pending")
        self.assertEqual(token["user_id"], "user_26Ect5GuCCeaFWwSDiiKcgAGtVk")
        self.assertTrue(before <= token["created_at"] <= time.time() * 1000 + 1)
        self.assertEqual(token["created_at"], token["updated_at"])
        self.assertTrue(token["url"].endswith("?__clerk_ticket=" + token["token"]))

        line = self.fake.last()
        self.assertEqual((line["action"], line["did"], line["granted"], line["status"]),
                         ("create", "granted", token["id"], 200))
        self.assertEqual(line["user_id"], token["user_id"])
        self.assertEqual(line["expires_in_seconds"], 60)
        self.assertTrue(line["authorized"])
        self.assertNotIn(token["token"], json.dumps(line))
        kept = json.loads(self.fake.get(f"tokens?id={token['id']}"))
        self.assertEqual((kept["token"], kept["status"]), (token["token"], "pending"))

    def test_secret(self):
        token = self.fake.create().json
        self.assertTrue(500 <= len(token["token"]) <= 600, len(token["token"]))
        header, payload, signature = [
            part + "=" * (-len(part) % 4) for part in token["token"].split(".")]
        self.assertEqual(json.loads(base64.urlsafe_b64decode(header))["alg"], "RS256")
        payload = json.loads(base64.urlsafe_b64decode(payload))
        self.assertEqual(payload["sid"], token["id"])
        self.assertEqual(payload["exp"], token["created_at"] // 1000 + 2592000)
        self.assertEqual(len(base64.urlsafe_b64decode(signature)), 256)
        self.assertIn("CANARY-in_here", signature)
        self.assertNotEqual(self.fake.create().json["token"], token["token"])

    def test_revoke(self):
        token = self.fake.create().json
        answer = self.fake.revoke(token["id"])
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.json["status"], "revoked")
        self.assertEqual(answer.json["id"], token["id"])
        self.assertEqual(answer.json["user_id"], token["user_id"])
        self.assertEqual(answer.json["token"], token["token"])
        self.assertEqual(answer.json["created_at"], token["created_at"])
        line = self.fake.last()
        self.assertEqual((line["action"], line["did"], line["token_id"]),
                         ("revoke", "revoked", token["id"]))

        again = self.fake.revoke(token["id"])
        self.refused(again, 400, "sign_in_token_cannot_be_revoked_code")
        self.assertEqual(
            again.error["long_message"],
            "Sign in token cannot be revoked because its status is revoked. "
            "Only pending tokens can be revoked.")
        self.refused(self.fake.revoke("sit_2unknown"), 404, "resource_not_found")

    def test_accepted(self):
        one = self.fake.create("user_accepts1").json
        two = self.fake.create("user_2").json
        self.assertEqual(one["status"], "pending")
        self.fake.post("accept", {"id": two["id"]})
        self.assertEqual(self.fake.last()["event"], "accepted")
        self.assertEqual([token["status"] for token in self.fake.tokens()],
                         ["accepted", "accepted"])
        for token in (one, two):
            answer = self.fake.revoke(token["id"])
            self.refused(answer, 400, "sign_in_token_cannot_be_revoked_code")
            self.assertIn("its status is accepted.", answer.error["long_message"])
        self.assertEqual(self.fake.call("POST", "accept", '{"id":"sit_x"}')[0], 400)

    def test_users(self):
        missing = self.fake.create("user_missing7")
        self.refused(missing, 404, "resource_not_found")
        self.assertEqual(missing.error["long_message"],
                         "No user was found with id user_missing7")
        self.refused(self.fake.create("user_"), 404, "resource_not_found")
        self.refused(self.fake.create("user_a/b"), 404, "resource_not_found")
        self.refused(self.fake.create("nobody"), 404, "resource_not_found")
        self.refused(self.fake.create("user_banned1"), 403, "user_banned")

    def test_organizations(self):
        def create(org):
            return self.fake.request("POST", CREATE, {"user_id": "user_1", "org_id": org})

        self.assertEqual(create("org_1").status, 200)
        self.assertEqual(self.fake.last()["org_id"], "org_1")
        self.refused(create("org_disabled1"), 403, "organization_not_enabled_in_instance")
        self.refused(create("org_notmember1"), 403, "not_a_member_in_organization")
        self.refused(create("org1"), 404, "resource_not_found")

    def test_fields(self):
        def create(code, param, **fields):
            answer = self.fake.request("POST", CREATE, fields)
            self.refused(answer, 422, code)
            self.assertEqual(answer.error["meta"], {"param_name": param})

        create("form_param_missing", "user_id")
        for wrong in (None, 1, True, [], {}):
            create("form_param_type_invalid", "user_id", user_id=wrong)
        create("form_param_value_invalid", "user_id", user_id="")
        create("form_param_value_invalid", "user_id", user_id="user_1\0")
        for wrong in (1, False, ["org_1"]):
            create("form_param_type_invalid", "org_id", user_id="user_1", org_id=wrong)
        for wrong in ("60", 1.5, True, [60]):
            create("form_param_type_invalid", "expires_in_seconds", user_id="user_1",
                   expires_in_seconds=wrong)
        for wrong in (0, -1):
            create("form_param_value_invalid", "expires_in_seconds", user_id="user_1",
                   expires_in_seconds=wrong)
        create("form_param_unknown", "userId", userId="user_1", user_id="user_1")
        answer = self.fake.request("POST", CREATE, {
            "user_id": "user_1", "expires_in_seconds": 2**63 - 1})
        self.assertEqual(answer.status, 200)

    def test_bodies(self):
        def create(body, status, code, **headers):
            headers = {name.replace("_", "-"): value for name, value in headers.items()}
            answer = self.fake.request("POST", CREATE, body, headers=headers)
            self.refused(answer, status, code)

        create(b"", 400, "request_body_invalid")
        create(b"{", 400, "request_body_invalid")
        create(b'{"user_id":"user_1"} x', 400, "request_body_invalid")
        create(b'{"user_id":"user_1","user_id":"user_2"}', 400, "request_body_invalid")
        create(b'{"user_id":"user_\xff"}', 400, "request_body_invalid")
        create(b"[]", 400, "malformed_request_parameters")
        create(b'{"user_id":"' + b"u" * 70000 + b'"}', 413, "request_body_too_large")
        good = b'{"user_id":"user_1"}'
        for wrong in ("text/plain", "application/x-www-form-urlencoded", None,
                      "application/jsonx"):
            create(good, 415, "unsupported_content_type", Content_Type=wrong)
        answer = self.fake.request("POST", CREATE, good, headers={
            "Content-Type": "application/json; charset=utf-8"})
        self.assertEqual(answer.status, 200)

    def test_body_in_pieces(self):
        with Client(self.fake) as client:
            client.send("POST", CREATE, headers={
                "Content-Type": "application/json", "Content-Length": "20"})
            for piece in (b'{"user_id', b'":"user', b'_1"}'):
                client.socket.sendall(piece)
                time.sleep(0.01)
            self.assertEqual(client.read().status, 200)

    def test_paths(self):
        for method, path in (
                ("GET", CREATE), ("PUT", CREATE), ("POST", "/sign_in_tokens"),
                ("POST", CREATE + "/"), ("POST", CREATE + "/sit_1"), ("POST", "/"),
                ("POST", "/v1/users"), ("POST", CREATE + "//revoke"),
                ("POST", CREATE + "/a/b/revoke"), ("POST", CREATE + "/sit_1/revoke/")):
            line = self.refused(
                self.fake.request(method, path), 404, "resource_not_found")
            self.assertEqual((line["action"], line["method"], line["path"]),
                             ("other", method, path))
        # Not decoded: this is no path of two more parts, but the id of no token.
        line = self.refused(
            self.fake.revoke("sit_1%2frevoke"), 404, "resource_not_found")
        self.assertEqual(line["token_id"], "sit_1%2frevoke")

    def test_keys(self):
        def create(authorization):
            return self.fake.create(headers={"Authorization": authorization})

        ill = "authorization_header_format_invalid"
        for wrong in (None, "", "sk_test_fake", "Basic sk_test_fake", "Bearer ",
                      "Bearer a b", "bearer sk_test_fake"):
            line = self.refused(create(wrong), 401, ill)
            self.assertFalse(line["authorized"])
        line = self.refused(create("Bearer sk_test_other"), 401, "clerk_key_invalid")
        self.assertEqual((line["authorized"], line["key"]), (False, -1))

        self.fake.post("keys", {"keys": ["sk_test_a", "sk_test_b"]})
        self.addCleanup(self.fake.post, "keys", {"keys": ["sk_test_fake"]})
        self.refused(create("Bearer sk_test_fake"), 401, "clerk_key_invalid")
        self.assertEqual(create("Bearer sk_test_b").status, 200)
        self.assertEqual(self.fake.last()["key"], 1)
        self.assertEqual(self.fake.stats()["unauthorized"], 9)

    def test_versions(self):
        for known in ("2021-02-05", "2024-10-01", "2025-04-10", "2025-11-10"):
            answer = self.fake.create(headers={"Clerk-API-Version": known})
            self.assertEqual(answer.status, 200)
        for wrong in ("2026-05-13", "", "v1"):
            self.refused(self.fake.create(headers={"Clerk-API-Version": wrong}), 400,
                         "api_version_invalid")
        answer = self.fake.request("POST", CREATE + "?__clerk_api_version=2026-05-12",
                                   {"user_id": "user_1"}, headers={"Clerk-API-Version": None})
        self.assertEqual(answer.status, 200)

    def test_violations(self):
        def violates(what, answer):
            line = self.refused(answer, 400, "protocol_violation")
            self.assertEqual(line["protocol_violation"], what)
            self.assertEqual(answer.error["long_message"], what)

        create = self.fake.create
        violates("no Clerk-API-Version header",
                 create(headers={"Clerk-API-Version": None}))
        violates("no User-Agent header", create(headers={"User-Agent": None}))
        violates("more than one Authorization header",
                 create(more=["Authorization: Bearer sk_test_fake"]))
        violates("more than one Clerk-API-Version header",
                 create(more=["Clerk-API-Version: 2026-05-12"]))
        violates("both Clerk-API-Version and __clerk_api_version",
                 self.fake.request("POST", CREATE + "?__clerk_api_version=2026-05-12",
                                   {"user_id": "user_1"}))
        violates("a body in a request to revoke",
                 self.fake.request("POST", CREATE + "/sit_1/revoke", {}))
        self.assertEqual(self.fake.stats()["protocol_violations"], 6)

        # The interim answer to Expect comes first.
        with Client(self.fake) as client:
            client.send("POST", CREATE, {"user_id": "user_1"},
                        headers={"Expect": "100-continue"})
            raw = client.read(patience=1, whole=True).raw
        self.assertIn(b"an Expect header", raw)
        self.assertEqual(self.fake.stats()["protocol_violations"], 7)
        self.assertEqual(self.fake.stats()["granted"], 0)


class Loose(Case):
    options = ("--no-strict",)

    def test_allowed(self):
        for headers in ({"Clerk-API-Version": None}, {"User-Agent": None}):
            self.assertEqual(self.fake.create(headers=headers).status, 200)
        self.refused(self.fake.create(headers={"Clerk-API-Version": "1"}), 400,
                     "api_version_invalid")
        self.assertEqual(self.fake.stats()["protocol_violations"], 0)


class Faults(Case):
    def meet(self, step, **kwargs):
        """A create that meets a step of the script, and the line of the ledger."""
        self.fake.post("script", [step])
        answer = self.fake.create(**kwargs)
        line = self.fake.last()
        name = step if isinstance(step, str) else step["fault"]
        self.assertTrue((line.get("fault", "none") + "=").startswith(name + "="), line)
        return answer, line

    def granted(self, line, status=200):
        self.assertEqual((line["did"], line["status"]), ("granted", status))
        self.assertEqual(line["granted"], self.fake.tokens()[-1]["id"])

    def nothing(self, line, status):
        self.assertEqual((line["did"], line["status"]), ("none", status))
        self.assertEqual(self.fake.tokens(), [])

    def test_statuses(self):
        for status, code in (
                (400, "malformed_request_parameters"), (401, "clerk_key_invalid"),
                (402, "payment_required"), (403, "authorization_invalid"),
                (404, "resource_not_found"), (408, "request_timeout"),
                (409, "resource_locked"), (410, "resource_gone"),
                (413, "request_body_too_large"), (415, "unsupported_content_type"),
                (418, "unknown_error"), (422, "form_param_value_invalid"),
                (425, "too_early"), (429, "too_many_requests"),
                (500, "internal_clerk_error"), (503, "service_unavailable"),
                (504, "gateway_timeout"), (501, "unknown_error")):
            answer, line = self.meet(f"status={status}")
            self.refused(answer, status, code)
            self.nothing(line, status)
            self.assertEqual(answer.all("Retry-After"), ["1"] if status == 429 else [])

    def test_cloudflare(self):
        for status in (502, 522):
            answer, line = self.meet(f"status={status}")
            self.assertEqual(answer.status, status)
            self.assertTrue(answer.header("Content-Type").startswith("text/html"))
            self.assertIn(b"Cloudflare", answer.body)
            self.assertIsNone(answer.header("clerk-trace-id"))
            self.assertEqual(answer.header("cf-ray"), line["trace"])
            self.nothing(line, status)

    def test_redirects(self):
        for status in (301, 302, 303, 307, 308):
            answer, line = self.meet(f"status={status}")
            self.assertEqual(answer.status, status)
            self.assertEqual(answer.header("Location"),
                             "https://redirected.example.test" + CREATE)
            self.nothing(line, status)
        answer, _ = self.meet({"fault": "status=307", "location": "http://127.0.0.1:1/x"})
        self.assertEqual(answer.header("Location"), "http://127.0.0.1:1/x")

    def test_other_successes(self):
        for status in (201, 202):
            answer, line = self.meet(f"status={status}")
            self.assertEqual(answer.status, status)
            self.assertEqual(answer.json["id"], line["granted"])
            self.granted(line, status)
        answer, line = self.meet("status=204")
        self.assertEqual((answer.status, answer.body), (204, b""))
        self.granted(line, 204)

    def test_500(self):
        answer, line = self.meet("not_acted_500")
        self.refused(answer, 500, "internal_clerk_error")
        self.nothing(line, 500)
        answer, line = self.meet("acted_500")
        self.assertEqual((answer.status, answer.code), (500, "internal_clerk_error"))
        self.granted(line, 500)

    def test_maintenance(self):
        answer, line = self.meet("maintenance_mode")
        self.refused(answer, 503, "maintenance_mode")
        self.nothing(line, 503)
        self.fake.post("maintenance", {"on": True})
        self.refused(self.fake.create(), 503, "maintenance_mode")
        self.fake.post("maintenance", {"on": False})
        self.assertEqual(self.fake.create().status, 200)

    def test_delay(self):
        began = time.monotonic()
        answer, line = self.meet("delay=300")
        self.assertGreaterEqual(time.monotonic() - began, 0.3)
        self.assertEqual(answer.status, 200)
        self.assertEqual(line["delay_ms"], 300)
        self.granted(line)

    def test_connection_lost(self):
        for fault, end, did in (
                ("reset_before", "rst", "none"), ("close_before", "fin", "none"),
                ("reset_after", "rst", "granted"), ("close_after", "fin", "granted")):
            for delay in (0, 100):
                self.fake.post("reset", {})
                answer, line = self.meet({"fault": fault, "delay_ms": delay}, whole=True)
                self.assertEqual((answer.raw, answer.end), (b"", end), (fault, delay))
                if did == "granted":
                    self.granted(line, None)
                else:
                    self.nothing(line, None)
        self.assertEqual(self.fake.stats()["statuses"], {})

    def test_connection_lost_on_reuse(self):
        for fault, end in (("reset_after", "rst"), ("close_after", "fin")):
            self.fake.post("reset", {})
            self.fake.post("script", ["none", fault])
            with Client(self.fake) as client:
                client.send("POST", CREATE, {"user_id": "user_1"})
                self.assertEqual(client.read().status, 200)
                client.send("POST", CREATE, {"user_id": "user_1"})
                answer = client.read()
            self.assertEqual((answer.raw, answer.end), (b"", end))
            first, second = self.fake.lines()
            self.assertEqual(first["connection"], second["connection"])
            self.assertEqual(second["did"], "granted")

    def test_middle(self):
        for fault, end in (("reset_middle", "rst"), ("close_middle", "fin")):
            answer, line = self.meet(fault, whole=True)
            self.assertEqual((answer.status, answer.end), (200, end))
            length = int(answer.header("Content-Length"))
            self.assertEqual(len(answer.body), length // 2)
            self.assertGreater(length, 1000)
            self.granted(line)

    def test_revoke_lost(self):
        for fault, did in (("reset_before", "none"), ("reset_after", "revoked"),
                           ("close_after", "revoked"), ("reset_middle", "revoked"),
                           ("acted_500", "revoked"), ("not_acted_500", "none")):
            token_id = self.fake.create().json["id"]
            self.fake.post("script", [fault])
            self.fake.revoke(token_id, whole=fault[-3:] != "500")
            line = self.fake.last()
            self.assertEqual((line["did"], line["token_id"]), (did, token_id))
            status = "revoked" if did == "revoked" else "pending"
            self.assertEqual(self.fake.tokens()[-1]["status"], status)

    def test_stall(self):
        for fault, did in (("stall", "none"), ("stall_after", "granted")):
            answer, line = self.meet(fault, patience=0.5)
            self.assertEqual((answer.raw, answer.end), (b"", "silent"))
            self.assertEqual((line["did"], line["status"]), (did, None))
        wait_until(lambda: self.fake.stats()["concurrent"] == 0,
                   "the stalled connections are given up")

    def test_drip(self):
        began = time.monotonic()
        self.fake.post("script", [{"fault": "drip=20", "body": "0123456789"}])
        answer = self.fake.create()
        self.assertGreaterEqual(time.monotonic() - began, 0.2)
        self.assertEqual((answer.body, answer.end), (b"0123456789", "full"))
        began = time.monotonic()
        answer, line = self.meet("drip=50", patience=0.5)
        self.assertEqual(answer.end, "silent")
        self.assertTrue(2 <= len(answer.body) <= (time.monotonic() - began) / 0.05 + 2,
                        answer.body)
        self.granted(line)

    def test_endless(self):
        self.fake.post("script", ["endless"])
        with Client(self.fake) as client:
            client.send("POST", CREATE, {"user_id": "user_1"})
            total = 0
            while total < 4 << 20:
                piece = client.socket.recv(1 << 20)
                self.assertTrue(piece)
                total += len(piece)
        self.granted(self.fake.last())
        wait_until(lambda: self.fake.stats()["concurrent"] == 0,
                   "the endless answer has ended")

    def test_no_json(self):
        for fault in ("garbage", "html", "empty", "truncated=100", "truncated=0"):
            answer, line = self.meet(fault)
            self.assertEqual((answer.status, answer.end), (200, "full"))
            with self.assertRaises(ValueError):
                json.loads(answer.body.decode("latin-1"))
            self.granted(line)
        answer, _ = self.meet("empty")
        self.assertEqual(answer.body, b"")
        answer, _ = self.meet("html")
        self.assertTrue(answer.header("Content-Type").startswith("text/html"))
        answer, _ = self.meet("truncated=100")
        self.assertEqual(len(answer.body), 100)

    def test_big(self):
        answer, line = self.meet("oversize")
        self.assertGreater(len(answer.body), 1 << 20)
        self.assertEqual(answer.json["id"], line["granted"])
        self.granted(line)
        answer, line = self.meet("oversize=5000000")
        self.assertGreater(len(answer.body), 5000000)
        self.assertLess(len(answer.body), 5010000)

        answer, line = self.meet("headers_flood", whole=True)
        self.assertGreaterEqual(len(answer.headers), 2000)
        self.assertGreater(len(answer.raw), 100000)
        self.assertEqual(answer.json["id"], line["granted"])
        self.granted(line)

        answer, line = self.meet("nested")
        self.assertIn(b"[" * 3000 + b"]" * 3000, answer.body)
        self.granted(line)

    def test_interim_flood(self):
        self.fake.post("script", ["interim_flood"])
        with Client(self.fake) as client:
            client.send("POST", CREATE, {"user_id": "user_1"})
            raw = b""
            while b"}" not in raw:
                client.socket.settimeout(DEADLINE)
                raw += client.socket.recv(1 << 20)
            self.assertEqual(raw.count(b"HTTP/1.1 103 "), 1000)
            self.assertEqual(raw.count(b"HTTP/1.1 200 "), 1)
            # The connection is good for another request.
            client.send("POST", CREATE, {"user_id": "user_1"})
            self.assertEqual(client.read().status, 200)
        self.granted(self.fake.last())

    def test_double_answer(self):
        answer, line = self.meet("double_answer", patience=0.5, whole=True)
        self.assertEqual(answer.raw.count(b"HTTP/1.1 200 "), 2)
        self.assertEqual(answer.raw.count(line["granted"].encode()), 2)
        self.assertEqual(answer.end, "silent")
        self.granted(line)
        self.assertEqual(len(self.fake.tokens()), 1)

    def test_wrong_fields(self):
        def meet(fault):
            answer, line = self.meet(fault)
            self.assertEqual((answer.status, answer.end), (200, "full"))
            self.granted(line)
            return answer.json, line

        body, line = meet("wrong_user")
        self.assertNotEqual(body["user_id"], line["user_id"])
        body, _ = meet("wrong_object")
        self.assertEqual(body["object"], "session")
        body, _ = meet("wrong_status")
        self.assertEqual(body["status"], "revoked")
        body, _ = meet("wrong_id")
        self.assertNotIn(body["id"], [token["id"] for token in self.fake.tokens()])
        body, _ = meet("missing_id")
        self.assertNotIn("id", body)
        self.fake.post("reset", {})
        first = self.fake.create().json["id"]
        body, line = meet("duplicate_id")
        self.assertEqual(body["id"], first)
        self.assertNotEqual(line["granted"], first)
        body, _ = meet("no_token")
        self.assertFalse({"token", "url"} & set(body))
        body, _ = meet("null_url")
        self.assertIsNone(body["url"])
        self.assertTrue(body["token"])
        body, line = meet("extra_fields")
        self.assertIn("meta", body)
        self.assertEqual(body["id"], line["granted"])
        body, _ = meet("huge_numbers")
        self.assertGreater(body["created_at"], 2**64)
        answer, line = self.meet("duplicate_keys")
        self.assertEqual(len(re.findall(rb'"id":', answer.body)), 2)
        answer, line = self.meet("lone_surrogate")
        self.assertIn(b'"\\ud83d"', answer.body)

    def test_wrong_fields_of_revoke(self):
        ids = [self.fake.create().json["id"] for _ in range(4)]
        for token_id, fault, key, value in (
                (ids[1], "duplicate_id", "id", ids[0]),
                (ids[2], "wrong_status", "status", "pending"),
                (ids[3], "wrong_object", "object", "session")):
            self.fake.post("script", [fault])
            self.assertEqual(self.fake.revoke(token_id).json[key], value)
            self.assertEqual(self.fake.last()["did"], "revoked")

    def test_echo(self):
        for fault, status in (("echo_authorization", 400), ("echo_authorization=500", 500),
                              ("echo_authorization=418", 418)):
            answer, line = self.meet(fault)
            self.assertEqual(answer.status, status)
            self.assertIn(b"Bearer sk_test_fake", answer.body)
            self.nothing(line, status)

    def test_invalid_request_meets_fault(self):
        self.fake.post("script", ["wrong_user", "reset_after"])
        self.assertEqual(self.fake.create("user_missing1").status, 404)
        self.assertEqual(self.fake.create("user_missing1", whole=True).end, "rst")
        self.assertEqual(self.fake.tokens(), [])


class Script(Case):
    def test_order_and_filters(self):
        self.fake.post("script", [
            {"fault": "status=410", "action": "revoke"},
            {"fault": "status=404", "user_id": "user_b"},
            {"fault": "status=409", "user_id": "user_c*", "count": 2},
            "none",
            "status=503",
        ])
        users = ("user_cat", "user_a", "user_b", "user_cow", "user_cub", "user_a")
        statuses = [self.fake.create(user).status for user in users]
        self.assertEqual(statuses, [409, 200, 404, 409, 503, 200])
        self.assertEqual(self.fake.revoke(self.fake.tokens()[0]["id"]).status, 410)
        self.assertEqual(self.fake.revoke(self.fake.tokens()[0]["id"]).status, 200)

    def test_token_filter(self):
        one, two = [self.fake.create().json["id"] for _ in range(2)]
        self.fake.post("script", [{"fault": "status=503", "token_id": two, "count": 0}])
        self.assertEqual(self.fake.revoke(one).status, 200)
        for _ in range(3):
            self.assertEqual(self.fake.revoke(two).status, 503)
        self.fake.post("script", [])
        self.assertEqual(self.fake.revoke(two).status, 200)

    def test_answer(self):
        self.fake.post("script", [
            {"fault": "status=403", "code": "quota_exceeded", "long_message": "Too much."},
            {"fault": "status=429", "retry_after": ["5", "Wed, 21 Oct 2099 07:28:00 GMT"]},
            {"fault": "status=429", "retry_after": None},
            {"fault": "status=404", "body": "nothing here", "content_type": "text/plain"},
            {"fault": "none", "body": "{\"object\":"},
        ])
        answer = self.fake.create()
        self.assertEqual((answer.status, answer.code), (403, "quota_exceeded"))
        self.assertEqual(answer.error["long_message"], "Too much.")
        self.assertEqual(self.fake.last()["code"], "quota_exceeded")
        self.assertEqual(self.fake.create().all("Retry-After"),
                         ["5", "Wed, 21 Oct 2099 07:28:00 GMT"])
        self.assertEqual(self.fake.create().all("Retry-After"), [])
        answer = self.fake.create()
        self.assertEqual((answer.status, answer.body), (404, b"nothing here"))
        self.assertEqual(answer.header("Content-Type"), "text/plain")
        answer = self.fake.create()
        self.assertEqual((answer.status, answer.body), (200, b'{"object":'))
        self.assertEqual(self.fake.last()["did"], "granted")

    def test_refused_requests_use_no_step(self):
        self.fake.post("script", ["status=503"])
        self.assertEqual(self.fake.create(headers={"User-Agent": None}).status, 400)
        self.assertEqual(self.fake.create(headers={"Authorization": "x"}).status, 401)
        self.assertEqual(self.fake.create().status, 503)

    def test_wrong_scripts(self):
        for wrong in ('["nonsense"]', '["status"]', '["status=199"]', '["status=x"]',
                      '["reset_after=1"]', '[{"fault":"none","colour":"red"}]', '{}',
                      '["none",', '[1]', '[{"fault":"none","count":-1}]',
                      '["none", {"fault":"none","action":"delete"}]'):
            status, text = self.fake.call("POST", "script", wrong)
            self.assertEqual(status, 400, wrong)
            self.assertIn("error", json.loads(text))
        self.assertEqual(self.fake.create().status, 200)

    def test_chances(self):
        self.fake.post("faults", {"status=503": 0.3, "reset_before": 0.2})
        for _ in range(200):
            self.fake.create(whole=False)
        stats = self.fake.stats()
        self.assertTrue(30 <= stats["faults"]["status"] <= 90, stats)
        self.assertTrue(15 <= stats["faults"]["reset_before"] <= 65, stats)
        self.assertEqual(stats["granted"], 200 - sum(stats["faults"].values()))
        self.fake.post("faults", {})
        self.assertEqual(self.fake.create().status, 200)
        for wrong in ('{"status=503":0.6,"status=500":0.6}', '{"nonsense":0.1}',
                      '{"stall":-0.1}', '{"stall":"1"}', "[]"):
            self.assertEqual(self.fake.call("POST", "faults", wrong)[0], 400, wrong)

    def test_control(self):
        for method, path in (("GET", "nothing"), ("POST", "nothing"), ("POST", "ledger")):
            self.assertEqual(self.fake.call(method, path)[0], 404)
        self.assertEqual(self.fake.call("PUT", "stats")[0], 405)
        for path, body in (("keys", "{}"), ("limit", '{"kind":"round"}'),
                           ("limit", '{"limit":-1}'), ("limit", '{"window_ms":0}'),
                           ("latency", '{"min_ms":5,"max_ms":4}'), ("latency", "{}"),
                           ("maintenance", '{"on":1}'), ("accept", "{}")):
            self.assertEqual(self.fake.call("POST", path, body)[0], 400, (path, body))
        self.fake.create()
        self.fake.create()
        self.assertEqual(len(self.fake.get("ledger?from=1").splitlines()), 1)
        self.assertEqual(len(self.fake.get("tokens?from=1").splitlines()), 1)
        self.assertEqual(self.fake.get("ledger?from=2"), "")
        self.assertEqual(self.fake.call("GET", "tokens?id=sit_1")[0], 404)
        stats = self.fake.stats()
        self.assertEqual((stats["requests"], stats["connections"]), (2, 2))
        self.fake.post("reset", {})
        self.assertEqual((self.fake.lines(), self.fake.tokens()), ([], []))


class Limit(Case):
    options = ("--limit", "5", "--window-ms", "1500", "--window-kind", "sliding")

    def setUp(self):
        super().setUp()
        self.limit(kind="sliding", limit=5, window_ms=1500, retry_after="on",
                   count_refused=False)

    def limit(self, **fields):
        self.fake.post("limit", fields)

    def burst(self, n):
        with Client(self.fake) as client:
            answers = []
            for _ in range(n):
                client.send("POST", CREATE, {"user_id": "user_1"})
                answers.append(client.read())
            return answers

    def test_sliding(self):
        began = time.monotonic()
        answers = self.burst(8)
        self.assertEqual([answer.status for answer in answers], [200] * 5 + [429] * 3)
        self.refused(answers[7], 429, "too_many_requests")
        self.assertIn(answers[7].all("Retry-After"), (["2"], ["1"]))
        stats = self.fake.stats()
        self.assertEqual((stats["limited"], stats["max_arrived_in_window"],
                          stats["max_served_in_window"]), (3, 8, 5))
        wait_until(lambda: self.burst(1)[0].status == 200, "the window has passed")
        self.assertGreaterEqual(time.monotonic() - began, 1.5)
        self.assertEqual(self.fake.stats()["max_served_in_window"], 5)

    def test_refused_can_count(self):
        self.limit(count_refused=True, window_ms=1500)
        end = time.monotonic() + 3
        self.burst(5)
        while time.monotonic() < end:
            self.assertEqual(self.burst(1)[0].status, 429)
            time.sleep(0.02)

    def test_fixed(self):
        self.limit(kind="fixed", window_ms=2000)
        time.sleep(2 - time.monotonic() % 2 + 1.2)
        first = [answer.status for answer in self.burst(7)]
        time.sleep(2 - time.monotonic() % 2 + 0.02)
        second = [answer.status for answer in self.burst(7)]
        # Twice the limit across the edge: that is what a fixed window allows.
        self.assertEqual((first, second), ([200] * 5 + [429] * 2,) * 2)

    def test_retry_after(self):
        self.limit(limit=0)
        for how, headers in (("off", []), ("-5", ["-5"]), ("1.5", ["1.5"]),
                             ("99999999999999999999", ["99999999999999999999"])):
            self.limit(retry_after=how)
            self.assertEqual(self.burst(1)[0].all("Retry-After"), headers)

    def test_what_counts(self):
        self.limit(limit=2)
        self.assertEqual(self.fake.create(headers={"Authorization": "Bearer x"}).status, 401)
        self.assertEqual(self.fake.create(headers={"User-Agent": None}).status, 400)
        self.assertEqual(self.fake.create("user_missing").status, 404)
        self.assertEqual(self.fake.revoke("sit_1").status, 404)
        self.assertEqual(self.fake.create().status, 429)
        self.limit(kind="none")
        self.assertEqual(self.fake.create().status, 200)


class Latency(Case):
    options = ("--latency-ms", "300-400", "--seed", "1")

    def test_many_at_once(self):
        clients = [Client(self.fake) for _ in range(100)]
        began = time.monotonic()
        for client in clients:
            client.send("POST", CREATE, {"user_id": "user_1"})
        statuses = {client.read().status for client in clients}
        took = time.monotonic() - began
        for client in clients:
            client.socket.close()
        self.assertEqual(statuses, {200})
        self.assertGreaterEqual(took, 0.3)
        self.assertLess(took, 3)
        delays = {line["delay_ms"] for line in self.fake.lines()}
        self.assertTrue(delays <= set(range(300, 401)) and len(delays) > 20, delays)
        self.assertGreater(self.fake.stats()["concurrent_max"], 50)

    def test_acts_first(self):
        with Client(self.fake) as client:
            client.send("POST", CREATE, {"user_id": "user_1"})
            wait_until(lambda: len(self.fake.lines()) == 1, "it is in the ledger")
            self.assertEqual(client.read(patience=0.05).raw, b"")
        self.assertEqual(len(self.fake.tokens()), 1)

    def test_change(self):
        self.addCleanup(self.fake.post, "latency", {"min_ms": 300, "max_ms": 400})
        self.fake.post("latency", {"min_ms": 0})
        self.fake.create()
        self.assertNotIn("delay_ms", self.fake.last())

    def test_end_while_waiting(self):
        fake = Fake("--latency-ms", "60000")
        self.addCleanup(fake.close)
        clients = [Client(fake) for _ in range(3)]
        fake.post("script", ["none", "stall", "drip=60000"])
        for n, client in enumerate(clients, 1):
            client.send("POST", CREATE, {"user_id": "user_1"})
            wait_until(lambda n=n: len(fake.lines()) == n, "it is in the ledger")
        self.assertEqual(fake.end(), 0)
        for client in clients:
            self.assertEqual(client.read().raw, b"")
            client.socket.close()


class Program(unittest.TestCase):
    def fake(self, *options, **kwargs):
        fake = Fake(*options, **kwargs)
        self.addCleanup(fake.close)
        return fake

    def test_ledger_survives(self):
        fake = self.fake(start=False)
        path = fake.path("ledger")
        fake.options = ["--ledger", path, "--seed", "5"]
        fake.start()
        pending, revoked, accepted = [fake.create().json for _ in range(3)]
        at_once = fake.create("user_accepts").json
        fake.revoke(revoked["id"])
        fake.post("accept", {"id": accepted["id"]})
        before = fake.lines()
        fake.end(signal.SIGKILL)
        with open(path, encoding="utf-8") as file:
            self.assertEqual([json.loads(line) for line in file], before)

        with open(path, "a", encoding="utf-8") as file:
            file.write('{"event":"request","n":6,"did":"gran')
        fake.start()
        self.assertEqual(fake.lines(), before)
        statuses = {token["id"]: token["status"] for token in fake.tokens()}
        self.assertEqual(statuses, {
            pending["id"]: "pending", revoked["id"]: "revoked",
            accepted["id"]: "accepted", at_once["id"]: "accepted"})
        self.assertEqual(fake.tokens()[0]["token"], pending["token"])
        answer = fake.revoke(pending["id"])
        self.assertEqual(answer.json["token"], pending["token"])
        self.assertEqual(fake.last()["n"], 6)
        self.assertNotIn(fake.create().json["id"], statuses)
        self.assertEqual(fake.end(), 0)

    def test_written_before_the_answer(self):
        fake = self.fake(start=False)
        path = fake.path("ledger")
        fake.options = ["--ledger", path]
        fake.start()
        with Client(fake) as client:
            for n in range(1, 50):
                client.send("POST", CREATE, {"user_id": "user_1"})
                token_id = client.read().json["id"]
                with open(path, encoding="utf-8") as file:
                    lines = file.read().splitlines()
                self.assertEqual((len(lines), json.loads(lines[-1])["granted"]),
                                 (n, token_id))

    def test_no_ledger(self):
        fake = self.fake("--no-ledger")
        fake.create()
        self.assertEqual(fake.get("ledger"), "")
        self.assertEqual(fake.stats()["granted"], 1)

    def test_threads(self):
        fake = self.fake("--threads", "3")

        def work():
            with Client(fake) as client:
                for _ in range(50):
                    client.send("POST", CREATE, {"user_id": "user_1"})
                    token_id = client.read().json["id"]
                    client.send("POST", f"{CREATE}/{token_id}/revoke")
                    client.read()

        threads = [threading.Thread(target=work) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(DEADLINE * 3)
        stats = fake.stats()
        self.assertEqual((stats["granted"], stats["revoked"]), (300, 300))
        self.assertEqual([line["n"] for line in fake.lines()], list(range(600)))
        self.assertEqual(fake.end(), 0)

    def test_seed(self):
        drawn = [drawn_part(self.fake("--seed", seed).create().json["id"])
                 for seed in ("1", "1", "2")]
        self.assertEqual(drawn[0], drawn[1])
        self.assertNotEqual(drawn[0], drawn[2])

    def test_options(self):
        def run(*options):
            return subprocess.run([PROGRAM, *options], capture_output=True, text=True,
                                  timeout=DEADLINE, check=False)

        shown = run("--help")
        self.assertEqual((shown.returncode, shown.stderr), (0, ""))
        folder = os.path.join(os.path.dirname(__file__), "..", "fake_clerk")
        with open(os.path.join(folder, "faults.def"), encoding="utf-8") as file:
            kinds = re.findall(r"^FAULT\((\w+)", file.read(), re.MULTILINE)
        with open(os.path.join(folder, "options.c"), encoding="utf-8") as file:
            names = re.findall(r'\{"([a-z-]+)", \w+_argument', file.read())
        self.assertTrue(len(kinds) > 30 and len(names) > 15)
        for word in kinds + ["--" + name for name in names if name != "strict"]:
            self.assertIn(word, shown.stdout)
        for wrong in (["--port", "65536"], ["--port", "x"], ["--window-kind", "round"],
                      ["--fault", "stall"], ["--fault", "nonsense=0.1"], ["--nonsense"],
                      ["--fault", "stall=1.5"], ["--latency-ms", "5-4"], ["extra"],
                      ["--tls-cert", "x"], ["--ledger", "x", "--no-ledger"],
                      ["--canary", "a b"]):
            ended = run(*wrong)
            self.assertEqual((ended.returncode, ended.stdout), (64, ""), wrong)
            self.assertTrue(ended.stderr, wrong)
        self.assertEqual(run("--ledger", "/nonexistent/ledger").returncode, 1)

    def test_options_that_are_faults(self):
        fake = self.fake("--fault", "status=503=1", "--key", "sk_test_x",
                         "--key", "sk_test_fake")
        self.assertEqual(fake.create().status, 503)
        self.assertEqual(fake.last()["key"], 1)

    def test_only_loopback(self):
        fake = self.fake()
        with open("/proc/net/tcp", encoding="ascii") as file:
            listening = [line.split()[1] for line in file if line.split()[3] == "0A"]
        self.assertIn(f"0100007F:{fake.port:04X}", listening)
        self.assertNotIn(f"00000000:{fake.port:04X}", listening)

    def test_tls(self):
        if not shutil.which("openssl"):
            self.skipTest("no openssl")
        fake = self.fake(start=False)
        cert, key = fake.path("cert.pem"), fake.path("key.pem")
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
             "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
             "/CN=localhost", "-keyout", key, "-out", cert],
            check=True, capture_output=True, timeout=DEADLINE)
        fake.options = ["--tls-cert", cert, "--tls-key", key]
        fake.tls = True
        fake.start()
        self.assertEqual(fake.create().status, 200)
        fake.post("script", ["reset_after", "close_middle", "delay=50"])
        self.assertEqual(fake.create().raw, b"")
        answer = fake.create(whole=True)
        self.assertEqual((answer.status, len(answer.body)),
                         (200, int(answer.header("Content-Length")) // 2))
        self.assertEqual(fake.create().status, 200)
        self.assertEqual(fake.stats()["granted"], 4)
        for fault in ("headers_flood", "interim_flood", "double_answer"):
            self.assertEqual(fake.call("POST", "script", f'["{fault}"]')[0], 400)
        self.assertEqual(fake.end(), 0)


if __name__ == "__main__":
    if not os.access(PROGRAM, os.X_OK):
        sys.exit(f"{PROGRAM} is missing: set BUILD_DIR")
    unittest.main()
