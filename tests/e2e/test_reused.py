#!/usr/bin/env python3
# ctest: labels=slow timeout=180
"""A connection that carried one request well dies in the answer to the second one, after
each of its bytes: libcurl would send that request again by itself and say nothing. The
server counts what really came; the daemon is the real one, the connection plain and TLS.
"""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import collections
import itertools
import json
import re
import socket
import ssl
import struct
import subprocess
import tempfile
import threading
from pathlib import Path

from harness import Daemon, main


def make_certificate(folder):
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-days", "2", "-subj", "/CN=peer", "-addext", "subjectAltName=IP:127.0.0.1",
         "-keyout", f"{folder}/key.pem", "-out", f"{folder}/cert.pem"],
        check=True, capture_output=True, timeout=60)


class Peer:
    """Answers the first request of each connection well, and the second one up to a byte:
    each way to die at each offset, in turn; then all of them well."""

    def __init__(self, ways, tls=None):
        self.requests = []  # (user, None where it was answered well, else (way, offset))
        self.tls = tls
        self.plan = iter([(way, k) for k in range(len(self.answer("user_00000")))
                          for way in ways])
        self.over = False
        self.fault = None
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()

    def answer(self, user):
        body = json.dumps({
            "object": "sign_in_token", "id": f"sit_{len(self.requests):05}", "status": "pending",
            "user_id": user, "token": "a.b.c", "created_at": 1, "updated_at": 1})
        return ("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(body)}\r\n\r\n{body}").encode()

    def stop(self):
        self.over = True
        socket.create_connection(("127.0.0.1", self.port)).close()
        self.thread.join()
        self.listener.close()
        if self.fault:
            raise self.fault

    def _serve(self):
        try:
            while not self.over:
                plain, _ = self.listener.accept()
                plain.settimeout(30)
                plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._connection(plain)
        except Exception as fault:  # for the thread that joins this one
            self.fault = fault

    def _connection(self, plain):
        """One at a time: the daemon has one connection."""
        end = plain
        try:
            if self.tls:
                end = self.tls.wrap_socket(plain, server_side=True)
            for order in itertools.count():
                user = self._read(end)
                if user is None:
                    return
                fate = next(self.plan, None) if order else None
                answer = self.answer(user)
                self.requests.append((user, fate))
                if fate is None:
                    end.sendall(answer)
                    continue
                way, k = fate
                end.sendall(answer[:k])
                if way == "notify":
                    try:
                        end.unwrap()
                    except OSError:  # the other side does not say goodbye
                        pass
                if way == "rst":
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return
        except (ConnectionError, ssl.SSLError):
            return  # the client did not go on with it
        finally:
            end.close()

    def _read(self, end):
        """The user of the next request; None at the end."""
        data = b""
        while True:
            head, found, body = data.partition(b"\r\n\r\n")
            if found:
                length = int(re.search(rb"content-length: (\d+)", head, re.I).group(1))
                if len(body) == length:
                    return json.loads(body)["user_id"]
            more = end.recv(65536)
            if not more:
                return None
            data += more


def run(ways, scheme, tls=None, more=None):
    peer = Peer(ways, tls)
    daemon = Daemon(f"{scheme}://127.0.0.1:{peer.port}",
                    {"concurrency": 1, "retry.initial_delay": "20ms",
                     "retry.max_attempts": 1000, "retry.max_unknown_attempts": 1000,
                     **(more or {})})
    daemon.start()
    n = len(ways) * len(peer.answer("user_00000")) + 10
    daemon.queue("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
                 f" WHERE i < {n}) INSERT INTO job (action, user_id)"
                 " SELECT 'create', printf('user_%05d', i) FROM n;")
    daemon.wait_done(deadline=120)
    daemon.stop()
    peer.stop()
    return daemon, peer


def check(daemon, peer, ways):
    """Request by request: what the server did is what the audit tells, and no more came."""
    told = collections.defaultdict(list)
    for row in daemon.audit("SELECT user_id, effect, event FROM audit WHERE effect IS NOT NULL"
                            " ORDER BY seq"):
        told[row["user_id"]].append((row["event"], row["effect"]))
    done = collections.defaultdict(list)
    for user, fate in peer.requests:
        done[user].append(("unanswered", "unknown") if fate else ("answered", "applied"))
    assert done == told, [(u, done[u], told[u]) for u in done if done[u] != told[u]][:5]
    sent = daemon.audit("SELECT count(*) AS n FROM audit WHERE event = 'sent'")[0]["n"]
    assert sent == len(peer.requests), (sent, len(peer.requests))
    broken = [fate for _, fate in peer.requests if fate]
    assert sorted(broken) == sorted(
        (way, k) for way in ways for k in range(len(peer.answer("user_00000"))))
    assert daemon.states() == {"succeeded": len(told)}, daemon.states()
    print(f"reused: {len(broken)} answers broken ({', '.join(ways)}), {sent} attempts, "
          f"{len(peer.requests)} requests", flush=True)


# fault: N8
def test_plain():
    ways = ("fin", "rst")
    check(*run(ways, "http"), ways)


# fault: N8
def test_tls():
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        make_certificate(folder)
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(f"{folder}/cert.pem", f"{folder}/key.pem")
        ways = ("fin", "notify", "rst")
        check(*run(ways, "https", tls, {"clerk.ca_file": f"{folder}/cert.pem"}), ways)


if __name__ == "__main__":
    main()
