# SPDX-License-Identifier: Apache-2.0
"""Each route of the demo, driven by Python's http.client and by curl."""

import json
import os
import re
import signal
import subprocess
import unittest

from tests.support.demo import Demo


class MetricsTest(unittest.TestCase):
    def check(self, demo, answered, arrived):
        text = demo.get("/metrics").text
        self.assertRegex(
            text, rf'(?m)^http_requests_total{{code="200",method="GET"}} {answered}$'
        )
        self.assertRegex(text, rf"(?m)^http_request_duration_seconds_count {answered}$")
        self.assertRegex(text, rf"(?m)^wsgi_requests_total {arrived}$")
        self.assertRegex(text, r"(?m)^http_requests_in_progress 1$")

    def test_any_worker_tells_what_all_have_counted(self):
        with Demo("--workers=3") as demo:
            workers = {demo.get("/pid").text for _ in range(30)}
            self.assertGreater(len(workers), 1)
            # The request for the page has arrived, and is not answered yet.
            self.check(demo, answered=30, arrived=31)
            self.check(demo, answered=31, arrived=32)

    def test_what_a_worker_counted_survives_it(self):
        with Demo("--workers=3") as demo:
            for _ in range(30):
                demo.get("/pid")
            workers = demo.workers()
            for worker in workers:
                os.kill(worker, signal.SIGKILL)
            for worker in workers:
                demo.log.wait_for(rf"Child {worker} killed by signal 9")
            for _ in range(7):
                self.assertNotIn(int(demo.get("/pid").text), workers)
            self.check(demo, answered=37, arrived=38)


class RoutesTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.demo = cls.enterClassContext(
            Demo(settings={"demo.greeting": "Good day", "demo.heartbeat_interval": "0.01"})
        )

    def test_root_is_the_greeting(self):
        answer = self.demo.get("/")
        self.assertEqual((answer.status, answer.text), (200, "Good day\n"))
        self.assertTrue(answer.headers["Content-Type"].startswith("text/plain"))

    def test_pid_is_one_of_the_workers(self):
        self.assertIn(int(self.demo.get("/pid").text), self.demo.workers())

    def test_sleep_answers_after_the_time_asked_for(self):
        self.assertEqual(self.demo.get("/sleep?seconds=0.01").status, 200)
        self.assertEqual(self.demo.get("/sleep?seconds=x").status, 400)
        self.assertEqual(self.demo.get("/sleep?seconds=-1").status, 400)
        self.assertEqual(self.demo.get("/sleep").status, 400)

    def test_echo_streams_the_body_back_with_its_type(self):
        body = bytes(range(256)) * 4096  # 1 MiB
        answer = self.demo.request("POST", "/echo", body, {"Content-Type": "image/x-noise"})
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.headers["Content-Type"], "image/x-noise")
        self.assertEqual(answer.text.encode("latin-1"), body)

    def test_echo_takes_a_chunked_body_of_unknown_length(self):
        pieces = [b"a" * 10, b"b" * 100_000, b"c"]
        connection = self.demo.connect()
        connection.request("POST", "/echo", iter(pieces), encode_chunked=True)
        answer = connection.getresponse()
        self.assertEqual(answer.read(), b"".join(pieces))
        connection.close()

    def test_stream_is_chunked(self):
        answer = self.demo.get("/stream?chunks=5&size=1000")
        self.assertEqual(answer.headers["Transfer-Encoding"], "chunked")
        self.assertEqual(len(answer.text), 5000)
        self.assertEqual(self.demo.get("/stream?chunks=-1&size=1").status, 400)

    def test_environ_is_what_was_asked(self):
        environ = json.loads(
            self.demo.request("GET", "/environ?a=b%20c", headers={"X-Thing": "7"}).text
        )
        self.assertEqual(environ["REQUEST_METHOD"], "GET")
        self.assertEqual(environ["PATH_INFO"], "/environ")
        self.assertEqual(environ["QUERY_STRING"], "a=b%20c")
        self.assertEqual(environ["HTTP_X_THING"], "7")
        self.assertEqual(environ["SERVER_PORT"], str(self.demo.port))
        self.assertEqual(environ["SERVER_PROTOCOL"], "HTTP/1.1")
        self.assertEqual(environ["wsgi.url_scheme"], "http")

    def test_fib_is_computed(self):
        self.assertEqual(self.demo.get("/fib?n=20").text.strip(), "6765")
        self.assertEqual(self.demo.get("/fib?n=1000").status, 400)
        self.assertEqual(self.demo.get("/fib?n=abc").status, 400)

    def test_config_tells_values_and_where_they_came_from(self):
        text = self.demo.get("/config").text
        options = json.loads(text)
        greeting = options["demo"]["greeting"]
        self.assertEqual(greeting["value"], "Good day")
        self.assertRegex(greeting["origin"], re.escape(str(self.demo.config)) + r":\d+")
        self.assertEqual(options["demo"]["workers"]["value"], "2")
        self.assertIn("graceful_shutdown_timeout", options["DEFAULT"])
        self.assertIn("cert_file", options["ssl"])

    def test_counters_count_this_workers_requests_and_heartbeats(self):
        connection = self.demo.connect()
        before = json.loads(self.demo.get("/counters", connection).text)
        after = json.loads(self.demo.get("/counters", connection).text)
        while after["heartbeats"] == before["heartbeats"]:
            after = json.loads(self.demo.get("/counters", connection).text)
        self.assertGreater(after["requests"], before["requests"])
        self.assertEqual(after["worker"], before["worker"])
        connection.close()

    def test_error_is_a_500_and_the_worker_lives(self):
        connection = self.demo.connect()
        pid = self.demo.get("/pid", connection).text
        answer = self.demo.get("/error", connection)
        self.assertEqual((answer.status, answer.text), (500, ""))
        connection.close()
        self.assertIn(int(pid), self.demo.workers())
        self.demo.log.wait_for(r"/error")

    def test_healthz(self):
        self.assertEqual(self.demo.get("/healthz").status, 200)

    def test_unknown_routes_and_methods(self):
        self.assertEqual(self.demo.get("/nowhere").status, 404)
        self.assertEqual(self.demo.request("DELETE", "/").status, 405)

    def test_curl_is_answered(self):
        url = f"http://127.0.0.1:{self.demo.port}"
        answer = subprocess.run(
            ["curl", "-sS", "--max-time", "20", url + "/", "-d", "x", url + "/echo"],
            capture_output=True,
            check=True,
            text=True,
        )
        head = subprocess.run(
            ["curl", "-sSI", "--max-time", "20", url + "/"], capture_output=True, check=True, text=True
        )
        self.assertIn("x", answer.stdout)
        self.assertIn("200", head.stdout.splitlines()[0])

    def test_head_has_the_length_and_no_body(self):
        answer = self.demo.request("HEAD", "/")
        self.assertEqual((answer.status, answer.text), (200, ""))
        self.assertEqual(answer.headers["Content-Length"], str(len("Good day\n")))


if __name__ == "__main__":
    unittest.main()
