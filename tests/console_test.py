# SPDX-License-Identifier: Apache-2.0
"""The console of a demo, by a client of HTTP that nobody here wrote."""

import concurrent.futures
import http.client
import json
import os
import pathlib
import socket
import subprocess
import unittest
import xml.etree.ElementTree

from tests.support.demo import DEADLINE, Demo, binary


def version():
    path = pathlib.Path(os.environ["TEST_SRCDIR"], "bergen", "VERSION")
    return path.read_text(encoding="utf-8").strip()


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=DEADLINE)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(DEADLINE)
        self.sock.connect(self.path)


class ConsoleTest(unittest.TestCase):
    def start(self, listen="127.0.0.1:0", **settings):
        demo = Demo(
            "--workers=1", settings={"demo.console_listen": listen, **{f"demo.{k}": v for k, v in settings.items()}}
        )
        self.enterContext(demo)
        return demo

    def connect(self, demo):
        where = demo.output.wait_for(r"console of worker 0 at http://(\S+):(\d+)")[0]
        connection = http.client.HTTPConnection(where[1], int(where[2]), timeout=DEADLINE)
        self.addCleanup(connection.close)
        return connection

    def call(self, connection, method, path, body=None, **headers):
        own = {"X-Bergen-Console": "1"} if method == "POST" else {}
        connection.request(method, path, body, {**own, **headers})
        response = connection.getresponse()
        return response, response.read().decode()

    def run_command(self, connection, line):
        response, text = self.call(connection, "POST", "/run", line)
        answer = json.loads(text)
        self.assertEqual(response.status == 200, answer["ok"], text)
        return answer

    def test_shows_what_the_process_is_and_does(self):
        demo = self.start()
        connection = self.connect(demo)
        response, page = self.call(connection, "GET", "/")
        self.assertEqual(response.status, 200)
        self.assertIn("<title>Console</title>", page)
        self.assertIn("default-src 'none'", response.headers["Content-Security-Policy"])
        for line, part in [
            ("status", "program: Bergen demo"),
            ("workers", "service 0: 1"),
            ("pnt", "Thread "),
            ("tasks", "heartbeat"),
            ("pgt(False)", "heartbeat (periodic task"),
            ("fo(Request)", "Request: 0 live"),
            ("config", "demo.console_role = view  ("),
            ("metrics", "# TYPE "),
            ("requests", ""),
            ("version", f"Bergen demo {version()}\n"),
        ]:
            answer = self.run_command(connection, line)
            self.assertTrue(answer["ok"], answer)
            self.assertIn(part, answer["text"])

    def test_a_request_in_progress_is_a_live_object(self):
        demo = self.start()
        connection = self.connect(demo)
        slow = demo.connect()
        self.addCleanup(slow.close)
        slow.request("GET", "/sleep?seconds=1")
        demo.log.wait_for("sleeping 1")
        self.assertIn(
            ": GET /sleep\n", self.run_command(connection, "fo('Request')")["text"]
        )
        self.assertEqual(slow.getresponse().status, 200)

    def test_only_the_role_it_was_given(self):
        demo = self.start()
        connection = self.connect(demo)
        for line in ("prof()", "reload", "config_set('demo.greeting', 'x')", "pause(heartbeat)"):
            answer = self.run_command(connection, line)
            self.assertFalse(answer["ok"])
            self.assertIn("role", answer["error"])
        demo.log.wait_for(r"console 127.0.0.1:\d+ may not run reload")

    def test_other_sites_are_refused(self):
        connection = self.connect(self.start())
        for headers in (
            {"Origin": "http://evil.example"},
            {"Host": "evil.example"},
            {"Sec-Fetch-Site": "cross-site"},
        ):
            response, _ = self.call(connection, "POST", "/run", "status", **headers)
            self.assertEqual(response.status, 403, headers)
        connection.request("POST", "/run", "status")
        response = connection.getresponse()
        self.assertIn("X-Bergen-Console", response.read().decode())
        self.assertEqual(response.status, 403)

    def test_takes_a_profile_and_shows_its_flame_graph(self):
        demo = self.start(console_role="operate")
        connection = self.connect(demo)
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            taken = pool.submit(self.call, connection, "POST", "/profile?seconds=1&clock=cpu", "")
            while not taken.done():
                self.assertEqual(demo.get("/fib?n=27").status, 200)
            response, text = taken.result()
        self.assertEqual(response.status, 200, text)
        self.assertIn("samples in", json.loads(text)["text"])
        response, graph = self.call(connection, "GET", "/flame.svg")
        self.assertEqual(response.headers["Content-Type"], "image/svg+xml")
        self.assertTrue(xml.etree.ElementTree.fromstring(graph).tag.endswith("svg"))
        self.assertIn("Fibonacci", graph)
        demo.log.wait_for(r"console 127.0.0.1:\d+ ran prof\(console-0, seconds=1.*: OK")

    def test_on_a_unix_socket_for_its_user_only(self):
        folder = pathlib.Path(self.enterContext(Demo("--workers=1")).folder)
        path = folder / "console.sock"
        demo = self.start(listen=f"unix:{path}")
        demo.output.wait_for(f"console of worker 0 at unix:{path}")
        self.assertEqual(path.stat().st_mode & 0o777, 0o600)
        connection = UnixConnection(path)
        self.addCleanup(connection.close)
        self.assertTrue(self.run_command(connection, "status")["ok"])

    def test_an_address_that_others_reach_is_refused(self):
        done = subprocess.run(
            [binary(), "--set", "demo.console_listen=0.0.0.0:0", "--set", "demo.bind_port=0"],
            capture_output=True,
            text=True,
            timeout=DEADLINE,
        )
        self.assertEqual(done.returncode, 78, done.stderr)
        self.assertIn("demo.console_listen: must be a unix socket or a loopback", done.stderr)


if __name__ == "__main__":
    unittest.main()
