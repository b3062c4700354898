# SPDX-License-Identifier: Apache-2.0
"""Clients of the doors that mean no good: memory and descriptors stay bounded, the service goes on."""

import contextlib
import resource
import socket
import tempfile
import unittest

from tests.support.certificates import Authority
from tests.support.demo import DEADLINE, Demo
from tests.support.load import KeepAliveLoad
from tests.support.processes import open_descriptors, resident

CROWD = 1000
MOST_GROWTH = 48 << 20  # Bytes: what the crowd may cost a worker, whatever it sends.
MOST_DESCRIPTORS = 400
FAREWELL = b"now exiting InteractiveConsole...\n"


def give(connection, data):
    """Sends what the other side takes at once."""
    connection.setblocking(False)
    with contextlib.suppress(BlockingIOError, ConnectionError):
        while data:
            data = data[connection.send(data) :]


class HostileDoorsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8 * CROWD), hard))

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.clients = self.enterContext(contextlib.ExitStack())
        self.authority = Authority(folder.name)
        self.ops = self.authority.issue("ops")
        self.server = self.authority.issue("server")

    def demo(self, tls):
        settings = {"demo.grpc_listen": "127.0.0.1:0"}
        if tls:
            settings |= {
                "DEFAULT.backdoor_use_ssl": "true",
                "DEFAULT.backdoor_roles": "cn:ops=admin",
                "ssl.cert_file": self.server.certificate,
                "ssl.key_file": self.server.key,
                "ssl.ca_file": self.authority.certificate,
            }
        demo = self.enterContext(Demo("--workers=1", settings=settings))
        self.worker = int(demo.get("/pid").text)
        self.text = int(demo.output.wait_for(r"nc localhost (\d+)")[0][1])
        self.grpc = int(demo.output.wait_for(r"gRPC .* at 127\.0\.0\.1:(\d+)")[0][1])
        return demo

    def connect(self, port):
        return self.clients.enter_context(socket.create_connection(("127.0.0.1", port), DEADLINE))

    def ask(self, line):
        """Asks the text door until it lets us in; those before may be on their way out."""
        while True:
            with socket.create_connection(("127.0.0.1", self.text), DEADLINE) as door:
                door.sendall(line + b"\n")
                door.shutdown(socket.SHUT_WR)
                answer = b""
                with contextlib.suppress(ConnectionError):
                    while piece := door.recv(65536):
                        answer += piece
            if answer.endswith(FAREWELL):
                return answer

    def crowd(self, demo, port, data):
        """A thousand clients that send `data` and stay, while others are served over HTTP."""
        before = resident(self.worker)
        with KeepAliveLoad(demo, clients=2) as load:
            load.wait_for_answers(10)
            for i in range(CROWD):
                connection = self.connect(port)
                give(connection, data[i % len(data)])
            load.wait_for_answers(50)
            self.assertEqual(load.failures, [])
        self.assertLess(resident(self.worker) - before, MOST_GROWTH)
        self.assertLess(open_descriptors(self.worker), MOST_DESCRIPTORS)

    def test_a_crowd_at_the_text_door(self):
        demo = self.demo(tls=False)
        lines = [b"help", b"x" * (1 << 20), b"\x00\xff\x16\x03", b"help(" + b"(" * 5000, b""]
        self.crowd(demo, self.text, lines)
        demo.log.wait_for("there are 16 connections already")
        self.clients.close()
        self.assertIn(b"prof(name=", self.ask(b"help"))

    def test_a_crowd_at_the_grpc_door(self):
        demo = self.demo(tls=False)
        preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
        frames = [
            preface,
            preface + b"\x00\x00\x00\x04\x00\x00\x00\x00\x00" * 10000,  # Settings.
            preface + b"\x00\x00\x08\x06\x00\x00\x00\x00\x00abcdefgh" * 10000,  # Pings.
            preface + b"\xff\xff\xff\x01\x04\x00\x00\x00\x01" + b"a" * (1 << 20),
            b"GET / HTTP/1.1\r\n\r\n",
            b"\x00" * (1 << 20),
        ]
        self.crowd(demo, self.grpc, frames)
        self.assertIn(b"prof(name=", self.ask(b"help"))

    def test_a_crowd_that_never_ends_its_handshakes(self):
        demo = self.demo(tls=True)
        hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(32)
        for port in (self.text, self.grpc):
            self.crowd(demo, port, [b"", hello, b"\x16\x03\x01\xff\xff" + b"a" * 70000])
        # New ones still get in: the oldest give way.
        context = self.authority.context(self.ops)
        with self.connect(self.text) as plain:
            with context.wrap_socket(plain, server_hostname="127.0.0.1") as door:
                door.sendall(b"status\n")
                self.assertIn(b"pid: ", door.recv(65536))

    def test_slow_readers_of_long_answers(self):
        demo = self.demo(tls=False)
        before = resident(self.worker)
        for _ in range(12):
            give(self.connect(self.text), b"config\nmetrics\nhelp\npnt\n" * 700)
        with KeepAliveLoad(demo, clients=2) as load:
            load.wait_for_answers(300)
            self.assertEqual(load.failures, [])
        self.assertIn(b"prof(name=", self.ask(b"help"))
        self.assertLess(resident(self.worker) - before, MOST_GROWTH)


if __name__ == "__main__":
    unittest.main()
