# SPDX-License-Identifier: Apache-2.0
"""The demo's HTTP/2, driven by Python's h2 and by curl."""

import json
import pathlib
import socket
import subprocess
import tempfile
import unittest

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.settings

from tests.support.certificates import Authority
from tests.support.demo import DEADLINE, Demo


class Client:
    """One connection; what arrived, by stream."""

    def __init__(self, demo, context=None):
        self.socket = socket.create_connection((demo.host, demo.port), timeout=DEADLINE)
        if context is not None:
            self.socket = context.wrap_socket(self.socket, server_hostname=demo.host)
        self.connection = h2.connection.H2Connection(
            h2.config.H2Configuration(client_side=True, header_encoding="utf-8")
        )
        self.connection.initiate_connection()
        self.heads, self.trailers, self.bodies, self.ended, self.reset = {}, {}, {}, set(), {}
        self.terminated = []
        self.open = True
        self.flush()

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def flush(self):
        self.socket.sendall(self.connection.data_to_send())

    def request(self, method, path, *headers, body=None, ends=True):
        stream = self.connection.get_next_available_stream_id()
        head = [(":method", method), (":scheme", "http"), (":authority", "demo"), (":path", path)]
        self.connection.send_headers(
            stream, [*head, *headers], end_stream=ends and body is None
        )
        self.flush()
        if body is not None:
            self.upload(stream, body, ends)
        return stream

    def upload(self, stream, body, ends=True):
        while body:
            size = min(
                self.connection.local_flow_control_window(stream),
                self.connection.max_outbound_frame_size,
                len(body),
            )
            if size == 0:
                self.receive()
                continue
            self.connection.send_data(stream, body[:size])
            body = body[size:]
            self.flush()
        if ends:
            self.connection.end_stream(stream)
            self.flush()

    def receive(self, acknowledge=True):
        """Whatever is there next, waiting for it."""
        data = self.socket.recv(65536)
        if not data:
            self.open = False
            return
        for event in self.connection.receive_data(data):
            if isinstance(event, h2.events.ResponseReceived):
                self.heads[event.stream_id] = dict(event.headers)
            elif isinstance(event, h2.events.TrailersReceived):
                self.trailers[event.stream_id] = dict(event.headers)
            elif isinstance(event, h2.events.DataReceived):
                self.bodies.setdefault(event.stream_id, bytearray()).extend(event.data)
                if acknowledge:
                    self.connection.acknowledge_received_data(
                        event.flow_controlled_length, event.stream_id
                    )
            elif isinstance(event, h2.events.StreamEnded):
                self.ended.add(event.stream_id)
            elif isinstance(event, h2.events.StreamReset):
                self.reset[event.stream_id] = event.error_code
            elif isinstance(event, h2.events.ConnectionTerminated):
                self.terminated.append((event.error_code, event.last_stream_id))
                # For h2 everything is over then; streams in progress are not.
                self.connection.state_machine.state = h2.connection.ConnectionState.CLIENT_OPEN
        if self.open:
            self.flush()

    def until(self, holds):
        while not holds():
            assert self.open, "the server closed the connection"
            self.receive()

    def answer(self, stream):
        self.until(lambda: stream in self.ended)
        return self.heads[stream][":status"], bytes(self.bodies.get(stream, b""))

    def get(self, path, *headers):
        return self.answer(self.request("GET", path, *headers))


def curl(*arguments, stdin=None):
    return subprocess.run(
        ["curl", "-sS", "-m", str(DEADLINE), *arguments],
        check=True,
        capture_output=True,
        input=stdin,
    ).stdout


class Http2Test(unittest.TestCase):
    def test_requests_share_one_connection(self):
        with Demo() as demo, Client(demo) as client:
            self.assertEqual(client.get("/"), ("200", b"Hello, world!\n"))
            environ = json.loads(client.get("/environ?a=1", ("x-test", "yes"))[1])
            self.assertEqual(environ["SERVER_PROTOCOL"], "HTTP/2.0")
            self.assertEqual(environ["HTTP_HOST"], "demo")
            self.assertEqual(environ["HTTP_X_TEST"], "yes")
            self.assertEqual(environ["QUERY_STRING"], "a=1")
            self.assertEqual(client.get("/error")[0], "500")
            self.assertEqual(client.get("/nothing-here")[0], "404")
            status, body = client.answer(client.request("HEAD", "/"))
            self.assertEqual((status, body), ("200", b""))

    def test_a_slow_request_holds_up_no_other(self):
        for buffer in ("65536", "0"):
            settings = {"DEFAULT.wsgi_body_buffer": buffer}
            with self.subTest(buffer=buffer), Demo(settings=settings) as demo:
                with Client(demo) as client:
                    slow = client.request("POST", "/echo", body=b"some", ends=False)
                    self.assertEqual(client.get("/")[0], "200")
                    self.assertNotIn(slow, client.ended)
                    client.upload(slow, b" more")
                    self.assertEqual(client.answer(slow), ("200", b"some more"))

    def test_many_streams_at_once(self):
        with Demo() as demo, Client(demo) as client:
            client.until(lambda: client.connection.remote_settings.max_concurrent_streams == 100)
            path = "/stream?chunks=20&size=5000"
            streams = [client.request("GET", path) for _ in range(100)]
            for stream in streams:
                status, body = client.answer(stream)
                self.assertEqual((status, len(body)), ("200", 100_000))

    def test_a_body_is_streamed_both_ways(self):
        body = bytes(range(256)) * 8192
        with Demo() as demo, Client(demo) as client:
            stream = client.request("POST", "/echo", body=body)
            self.assertEqual(client.answer(stream), ("200", body))

    def test_an_upload_waits_for_its_reader_only(self):
        settings = {"DEFAULT.wsgi_body_buffer": "0"}
        with Demo(settings=settings) as demo, Client(demo) as client:
            stream = client.request("GET", "/pid", ends=False)
            # Nobody reads the body: the answer does not wait for it.
            self.assertEqual(client.answer(stream)[0], "200")
            self.assertEqual(client.get("/")[0], "200")

    def test_a_client_that_does_not_read_costs_one_stream(self):
        with Demo() as demo, Client(demo) as client:
            big = client.request("GET", "/stream?chunks=1000&size=10000")
            while len(client.bodies.get(big, b"")) < 65535:
                client.receive(acknowledge=False)
            # The window of that stream is used up, and the connection's too.
            client.connection.increment_flow_control_window(1 << 20)
            client.flush()
            self.assertEqual(client.get("/")[0], "200")
            client.connection.reset_stream(big, h2.errors.ErrorCodes.CANCEL)
            client.flush()
            self.assertEqual(client.get("/")[0], "200")

    def test_rapid_resets_are_enough_at_some_point(self):
        with Demo() as demo, Client(demo) as client:
            client.until(lambda: client.connection.remote_settings.max_concurrent_streams == 100)
            try:
                for _ in range(2000):
                    stream = client.request("GET", "/")
                    client.connection.reset_stream(stream, h2.errors.ErrorCodes.CANCEL)
                    client.flush()
            except OSError:
                pass  # Closed while we were sending.
            with Client(demo) as other:
                self.assertEqual(other.get("/")[0], "200")
            try:
                while client.open and not client.terminated:
                    client.receive()
            except ConnectionResetError:
                client.open = False
            for code, _ in client.terminated:
                self.assertEqual(code, h2.errors.ErrorCodes.ENHANCE_YOUR_CALM)
            self.assertTrue(client.terminated or not client.open)

    def test_streams_in_progress_are_finished_when_it_stops(self):
        with Demo("--workers=1") as demo, Client(demo) as client:
            slow = client.request("POST", "/echo", body=b"some", ends=False)
            self.assertEqual(client.get("/")[0], "200")
            demo.process.terminate()
            client.until(lambda: client.terminated)
            client.upload(slow, b" more")
            self.assertEqual(client.answer(slow), ("200", b"some more"))
            while client.open:
                client.receive()
            # Told twice: that no more are wanted, and which was the last.
            self.assertEqual(client.terminated[-1], (h2.errors.ErrorCodes.NO_ERROR, 3))
            self.assertEqual(demo.process.wait(DEADLINE), 0)

    def test_inline(self):
        with Demo(settings={"demo.inline_app": "true"}) as demo, Client(demo) as client:
            self.assertEqual(client.get("/"), ("200", b"Hello, world!\n"))
            stream = client.request("POST", "/echo", body=b"x" * 300_000)
            self.assertEqual(client.answer(stream), ("200", b"x" * 300_000))
            self.assertEqual(len(client.get("/stream?chunks=100&size=10000")[1]), 1_000_000)

    def test_curl_by_prior_knowledge(self):
        with Demo() as demo, tempfile.TemporaryDirectory() as folder:
            url = f"http://{demo.host}:{demo.port}"
            got = curl("--http2-prior-knowledge", "-w", "%{http_version}", f"{url}/")
            self.assertEqual(got, b"Hello, world!\n2")
            body = pathlib.Path(folder, "body")
            body.write_bytes(b"0123456789" * 200_000)
            echoed = curl("--http2-prior-knowledge", "--data-binary", f"@{body}", f"{url}/echo")
            self.assertEqual(echoed, body.read_bytes())
            # The same port goes on speaking HTTP/1.1.
            got = curl("--http1.1", "-w", "%{http_version}", f"{url}/")
            self.assertEqual(got, b"Hello, world!\n1.1")

    def test_it_can_be_turned_off(self):
        with Demo(settings={"DEFAULT.wsgi_http2": "false"}) as demo:
            with self.assertRaises(subprocess.CalledProcessError):
                curl("--http2-prior-knowledge", f"http://{demo.host}:{demo.port}/")


class Http2TlsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.authority = Authority(cls.enterClassContext(tempfile.TemporaryDirectory()))
        cls.server = cls.authority.issue("demo")

    def demo(self, **settings):
        return Demo(
            settings={
                "demo.use_ssl": "true",
                "ssl.cert_file": self.server.certificate,
                "ssl.key_file": self.server.key,
                **settings,
            }
        )

    def context(self, *protocols):
        context = self.authority.context()
        context.set_alpn_protocols(protocols)
        return context

    def test_chosen_by_alpn(self):
        with self.demo() as demo, Client(demo, self.context("h2")) as client:
            self.assertEqual(client.socket.selected_alpn_protocol(), "h2")
            self.assertEqual(client.get("/"), ("200", b"Hello, world!\n"))
            environ = json.loads(client.get("/environ")[1])
            self.assertEqual(environ["wsgi.url_scheme"], "https")
            body = b"x" * 1_000_000
            stream = client.request("POST", "/echo", body=body)
            self.assertEqual(client.answer(stream), ("200", body))

    def test_curl(self):
        with self.demo() as demo:
            url = f"https://{demo.host}:{demo.port}/"
            options = ("--cacert", self.authority.certificate, "-w", "%{http_version}")
            self.assertEqual(curl("--http2", *options, url), b"Hello, world!\n2")
            self.assertEqual(curl("--http1.1", *options, url), b"Hello, world!\n1.1")

    def test_not_offered_when_turned_off(self):
        with self.demo(**{"DEFAULT.wsgi_http2": "false"}) as demo:
            url = f"https://{demo.host}:{demo.port}/"
            options = ("--cacert", self.authority.certificate, "-w", "%{http_version}")
            self.assertEqual(curl("--http2", *options, url), b"Hello, world!\n1.1")


if __name__ == "__main__":
    unittest.main()
