# SPDX-License-Identifier: Apache-2.0
"""Requests on the edge of HTTP/1.1: what the demo makes of them, and where nginx differs."""

import grp
import os
import pwd
import re
import socket
import subprocess
import tempfile
import unittest

from tests.support.demo import DEADLINE, Demo

CORPUS = os.path.join(os.environ["TEST_SRCDIR"], "bergen/wsgi/testdata/http1_corpus.txt")


class Case:
    def __init__(self, paragraph):
        lines = paragraph.splitlines()
        self.name, self.outcome = lines[0].split(": ")
        differs = re.match(r"nginx: ([^,]*), .", lines[1])
        self.nginx = differs[1] if differs else self.outcome
        data = "".join(line[2:] for line in lines if line.startswith("> "))
        self.data = data.encode().decode("unicode_escape").encode("latin-1")


def corpus():
    with open(CORPUS, encoding="utf-8") as file:
        paragraphs = file.read().split("\n\n")
    return [Case(paragraph) for paragraph in paragraphs if not paragraph.startswith("#")]


def talk(port, pieces):
    """Sends the pieces, closes that side, and returns all that comes."""
    with socket.create_connection(("127.0.0.1", port), DEADLINE) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            for piece in pieces:
                client.sendall(piece)
            client.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # It has an answer, and wants no more.
        received = []
        try:
            while data := client.recv(65536):
                received.append(data)
        except ConnectionResetError:
            pass
        return b"".join(received)


def skip_chunks(rest):
    """What follows the last chunk, or None if it is not there."""
    while line := re.match(rb"([0-9a-f]+)\r\n", rest, re.IGNORECASE):
        size = int(line[1], 16)
        rest = rest[line.end() + size :]
        if not rest.startswith(b"\r\n"):
            return None
        rest = rest[2:]
        if size == 0:
            return rest
    return None


def outcome(received):
    found = []
    while received:
        head = re.match(rb"HTTP/1\.1 (\d{3})[^\r\n]*\r\n(.*?)\r\n\r\n", received, re.DOTALL)
        if not head:
            return " ".join([*found, "nonsense"])
        found.append(head[1].decode())
        received = received[head.end() :]
        headers = head[2].lower()
        length = re.search(rb"content-length: (\d+)", headers)
        if length:
            size = int(length[1])
            rest = received[size:] if size <= len(received) else None
        elif b"transfer-encoding: chunked" in headers:
            rest = skip_chunks(received)
        else:
            rest = received
        if rest is None:
            found.append("cut")
            break
        received = rest
        if b"connection: close" in headers:
            found.append("close")
    return " ".join(found) or "nothing"


class Nginx:
    """nginx in front of the demo, which shows it whole requests."""

    def __init__(self, upstream):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._folder = tempfile.TemporaryDirectory()
        folder = self._folder.name
        # Or it would give its folders away, if it runs as root.
        user = ""
        if os.geteuid() == 0:
            user = f"user {pwd.getpwuid(0).pw_name} {grp.getgrgid(0).gr_name};"
        paths = "".join(
            f"{kind}_temp_path {folder}/{kind};"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        config = os.path.join(folder, "nginx.conf")
        with open(config, "w", encoding="utf-8") as file:
            file.write(
                f"{user} daemon off; master_process off; pid {folder}/pid;"
                "events {}"
                f"http {{ access_log off; {paths} server {{ listen 127.0.0.1:{self.port};"
                f"location / {{ proxy_pass http://127.0.0.1:{upstream};"
                "proxy_http_version 1.1; proxy_set_header Host h;"
                "proxy_ignore_client_abort on; } } }"
            )
        self._process = subprocess.Popen(["/usr/sbin/nginx", "-c", config, "-e", f"{folder}/error"])

    def __enter__(self):
        while self._process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return self
            except ConnectionRefusedError:
                pass  # Not yet.
        raise RuntimeError("nginx does not start")

    def __exit__(self, *_):
        self._process.terminate()
        self._process.wait()
        self._folder.cleanup()


class Http1CorpusTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        # What HTTP/1 makes of the preface of HTTP/2 is among them.
        cls.demo = cls.enterClassContext(
            Demo("--workers=1", settings={"DEFAULT.wsgi_http2": "false"})
        )
        cls.cases = corpus()

    def test_outcomes(self):
        self.assertGreater(len(self.cases), 100)
        for case in self.cases:
            with self.subTest(case.name):
                self.assertEqual(outcome(talk(self.demo.port, [case.data])), case.outcome)

    def test_outcomes_byte_by_byte(self):
        for case in self.cases:
            pieces = [case.data[i : i + 1] for i in range(len(case.data))]
            with self.subTest(case.name):
                self.assertEqual(outcome(talk(self.demo.port, pieces)), case.outcome)

    def test_nginx_differs_where_the_corpus_says(self):
        with Nginx(self.demo.port) as nginx:
            for case in self.cases:
                with self.subTest(case.name):
                    self.assertEqual(outcome(talk(nginx.port, [case.data])), case.nginx)


if __name__ == "__main__":
    unittest.main()
