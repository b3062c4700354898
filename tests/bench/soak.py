# SPDX-License-Identifier: Apache-2.0
"""Lets the demo serve for ten minutes whatever may come, and looks whether it grows.

    ./bazelw run -c opt //tests/bench:soak [-- --minutes=10]

Well-behaved clients (new connections, connections that live, uploads, streams, HTTP/2 by curl, all over
TLS) never retry, and none may fail. Others leave handshakes half open, send garbage, and go away amid a
request or an answer. Meanwhile certificates are swapped, and

* workers: HUP mutates options and has the files read again, so that the same workers live all the time;
* supervisor: HUP reloads, so that workers come and go.

Clients pause after each of the rounds. What a process has then, private memory and descriptors, must be
no more at the end than it was when a quarter of the rounds was over.
"""

import argparse
import contextlib
import os
import pathlib
import random
import re
import signal
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time

from report import Peer, Report
from tests.support.certificates import Authority
from tests.support.demo import DEADLINE, Demo
from tests.support.load import KeepAliveLoad, Load, NewConnectionLoad
from tests.support.processes import open_descriptors

ROUNDS = 20  # Of each part.
WORKERS = 2
EVENT_SECONDS = 3.0
LOOKS = 20
# A heap that is full of holes needs time to find them; what leaks in a round adds up to more.
GROWTH = 1.05
UPLOAD = b"x" * 300_000


class UploadLoad(KeepAliveLoad):
    """Requests with a body, which comes back."""

    def __init__(self, demo, tls):
        super().__init__(demo, path="/echo", clients=1, tls=tls, body=UPLOAD)


class Http2Load(Load):
    """curl, once after the other."""

    def __init__(self, demo, authority):
        super().__init__(demo, clients=1)
        self._command = ["curl", "-sSf", "--http2", "--max-time", "30", "--cacert", authority.certificate]
        self._command += [f"https://{demo.host}:{demo.port}/{path}" for path in ("", "stream?chunks=20&size=9999", "pid")]

    def _run(self):
        while not self._stop.is_set():
            done = subprocess.run(self._command, capture_output=True, text=True, check=False)
            self._count(None if done.returncode == 0 else done.stderr)


class Nuisances(Load):
    """Clients that are none."""

    def __init__(self, demo, tls):
        super().__init__(demo, clients=1, tls=tls)
        self._address = (demo.host, demo.port)

    def _plain(self):
        return socket.create_connection(self._address, timeout=DEADLINE)

    def _half_open(self):
        with self._plain() as client:
            client.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")

    def _garbage(self):
        with self._plain() as client:
            client.sendall(random.randbytes(random.randint(1, 3000)))

    def _leave_amid(self, text, wanted):
        with self._tls.wrap_socket(self._plain(), server_hostname="127.0.0.1") as client:
            client.sendall(text)
            if wanted:
                client.recv(wanted)
            # A reset, not an end.
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def _run(self):
        acts = (
            self._half_open,
            self._garbage,
            lambda: self._leave_amid(b"GET / HTTP/1.1\r\nHos", 0),
            lambda: self._leave_amid(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 99999\r\n\r\nabc", 0),
            lambda: self._leave_amid(b"GET /stream?chunks=99&size=99999 HTTP/1.1\r\nHost: x\r\n\r\n", 1000),
            lambda: self._leave_amid(b"GET /error HTTP/1.1\r\nHost: x\r\n\r\n", 1),
            lambda: self._leave_amid(b"NONSENSE\r\n\r\n", 1),
        )
        while not self._stop.is_set():
            for act in acts:
                with contextlib.suppress(OSError):
                    act()
            self._stop.wait(0.05)


def private_bytes(pid):
    """Memory that is this process's own."""
    text = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(re.search(r"RssAnon:\s+(\d+) kB", text)[1]) * 1024


class Part:
    """A demo with its clients; what its processes had after each round."""

    def __init__(self, folder, restart_method):
        self.authority = Authority(folder)
        self.files = self.authority.issue("server")
        self.swaps = 0
        self.failures = []
        self.answered = 0
        self.memory = {}
        self.descriptors = {}
        self.reloads = restart_method == "reload"
        self.demo = Demo(
            f"--workers={WORKERS}",
            settings={
                "demo.use_ssl": "true",
                "demo.restart_method": restart_method,
                "DEFAULT.wsgi_http2": "true",
                # Half-open handshakes are over before a round is.
                "DEFAULT.wsgi_handshake_timeout": "1",
                "DEFAULT.log_file": "/dev/null",
                "ssl.cert_file": self.files.certificate,
                "ssl.key_file": self.files.key,
            },
            wait=False,
        )
        self.demo.where()

    def event(self):
        """Another certificate, and what HUP does."""
        self.swaps += 1
        new = self.authority.issue(f"swap{self.swaps % 2}")
        os.replace(new.certificate, self.files.certificate)
        os.replace(new.key, self.files.key)
        before = set(self.demo.workers())
        self.demo.signal(signal.SIGHUP)
        if not self.reloads:
            return
        until = time.monotonic() + DEADLINE
        while before & set(self.demo.workers()) or len(self.demo.workers()) != WORKERS:
            if time.monotonic() > until:
                raise RuntimeError("a reload goes on for ever")
            time.sleep(0.05)

    def loads(self):
        tls = self.authority.context()
        return [
            KeepAliveLoad(self.demo, clients=2, tls=tls),
            NewConnectionLoad(self.demo, clients=2, tls=tls),
            KeepAliveLoad(self.demo, path="/stream?chunks=20&size=9999", clients=1, tls=tls),
            UploadLoad(self.demo, tls),
            Http2Load(self.demo, self.authority),
            Nuisances(self.demo, tls),
        ]

    def round(self, seconds):
        loads = self.loads()
        with contextlib.ExitStack() as running:
            for load in loads:
                running.enter_context(load)
            until = time.monotonic() + seconds
            while (left := until - time.monotonic()) > 0:
                time.sleep(min(EVENT_SECONDS, left))
                self.event()
        for load in loads:
            self.failures += load.failures
            self.answered += load.answered
        self.await_quiet()
        self.look()

    def await_quiet(self):
        """Until nobody but us is connected."""
        until = time.monotonic() + DEADLINE
        while True:
            with contextlib.closing(self.demo.connect(self.authority.context())) as connection:
                text = self.demo.get("/metrics", connection).text
            if re.search(r"^wsgi_connections 1$", text, re.M) and re.search(rf"^wsgi_workers {WORKERS}$", text, re.M):
                return
            if time.monotonic() > until:
                raise RuntimeError("connections are left over")
            time.sleep(0.2)

    def look(self):
        watched = {"supervisor": [self.demo.process.pid]}
        if not self.reloads:
            watched["worker"] = self.demo.workers()
        for name, pids in watched.items():
            self.memory.setdefault(name, []).append(max(map(private_bytes, pids)) / 1e6)
            # Until the descriptor of the connection that was ours is closed too.
            looks = []
            for _ in range(LOOKS):
                looks.append(max(map(open_descriptors, pids)))
                time.sleep(0.05)
            self.descriptors.setdefault(name, []).append(min(looks))


def early_and_late(values):
    """Of the second quarter, and of the last one."""
    quarter = max(1, len(values) // 4)
    return statistics.median(values[quarter : 2 * quarter]), statistics.median(values[-quarter:])


def soak(report, restart_method, seconds, rounds):
    with tempfile.TemporaryDirectory() as folder:
        part = Part(folder, restart_method)
        with part.demo:
            for number in range(rounds):
                part.round(seconds / rounds)
                print(
                    f"{restart_method} {number + 1}/{rounds}: {part.answered} answers, {part.swaps} swaps,"
                    f" {len(part.failures)} failures; "
                    + ", ".join(f"{name} {values[-1]:.2f} MB" for name, values in part.memory.items()),
                    file=sys.stderr,
                )
    for failure in part.failures[:10]:
        print(f"{restart_method}: {failure}", file=sys.stderr)
    report.record(
        f"{restart_method}.failures", "", [len(part.failures)], Peer("what is allowed", None, bar=1.0), [0]
    )
    for what, unit, measured, bar in (
        ("memory", "MB", part.memory, GROWTH),
        ("descriptors", "", part.descriptors, 1.0),
    ):
        for name, values in measured.items():
            early, late = early_and_late(values)
            report.record(
                f"{restart_method}.{name}.{what}", unit, [late], Peer("itself, a while ago", None, bar), [early]
            )


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--minutes", type=float, default=10.0)
    arguments.add_argument("--rounds", type=int, default=ROUNDS, help="of each part")
    options = arguments.parse_args()
    # Where tests find the demo.
    os.environ.setdefault("TEST_SRCDIR", str(pathlib.Path(sys.argv[0]).absolute().parents[3]))
    report = Report("soak", options.rounds)
    for restart_method in ("mutate", "reload"):
        soak(report, restart_method, options.minutes * 30, options.rounds)
    status = report.finish()
    print("verdict:", "flat" if status == 0 else "NOT FLAT")
    sys.exit(status)


if __name__ == "__main__":
    main()
