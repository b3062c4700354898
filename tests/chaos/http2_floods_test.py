# SPDX-License-Identifier: Apache-2.0
"""Clients of HTTP/2 that mean no good: each ends by a limit or a deadline, memory stays bounded, others are served."""

import contextlib
import socket
import struct
import tempfile
import unittest

from tests.support.certificates import Authority
from tests.support.demo import DEADLINE, Demo
from tests.support.load import KeepAliveLoad
from tests.support.processes import resident

FLOODERS = 20
READERS = 10
STREAMS = 100
MOST_FLOOD = 64 << 20  # Bytes of one flood: more than any limit allows.
MOST_GROWTH = 48 << 20  # Bytes: what all of them may cost a worker.
ENHANCE_YOUR_CALM = 11

DATA, HEADERS, RESET, SETTINGS, PING, GOAWAY, CONTINUATION = 0, 1, 3, 4, 6, 7, 9
END_STREAM, END_HEADERS = 1, 4


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def head(path):
    """GET of `path`, in HPACK without compression."""
    return b"\x82\x86\x04" + bytes([len(path)]) + path + b"\x41\x01x"


def preface(settings=b""):
    return b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(SETTINGS, 0, 0, settings)


def resets():
    """Requests that are taken back at once."""
    for stream in range(1, 1 << 31, 2):
        yield frame(HEADERS, END_STREAM | END_HEADERS, stream, head(b"/")) + frame(
            RESET, 0, stream, struct.pack(">I", 8)
        )


def for_ever(first, then):
    yield first
    while True:
        yield then * 1000


# By name; each is a function that gives the bytes after the preface.
FLOODS = {
    "settings": lambda: for_ever(b"", frame(SETTINGS, 0, 0)),
    "ping": lambda: for_ever(b"", frame(PING, 0, 0, b"abcdefgh")),
    "resets": resets,
    "continuation": lambda: for_ever(
        frame(HEADERS, END_STREAM, 1, head(b"/")), frame(CONTINUATION, 0, 1)
    ),
    "large continuation": lambda: for_ever(
        frame(HEADERS, END_STREAM, 1, head(b"/")),
        frame(CONTINUATION, 0, 1, b"\x00\x01a\x01b" * 3000),
    ),
    "empty data": lambda: for_ever(
        frame(HEADERS, END_HEADERS, 1, head(b"/echo")), frame(DATA, 0, 1)
    ),
}


def goaways(received):
    """The error codes of the GOAWAY frames among what a server has sent."""
    codes = []
    while len(received) >= 9:
        size = int.from_bytes(received[:3], "big")
        payload = received[9 : 9 + size]
        if received[3] == GOAWAY and len(payload) >= 8:
            codes.append(int.from_bytes(payload[4:8], "big"))
        received = received[9 + size :]
    return codes


class Http2FloodsTest(unittest.TestCase):
    def setUp(self):
        folder = self.enterContext(tempfile.TemporaryDirectory())
        self.clients = self.enterContext(contextlib.ExitStack())
        authority = Authority(folder)
        self.server = authority.issue("server")
        self.context = authority.context()
        self.context.set_alpn_protocols(["h2"])
        self.plain_context = authority.context()

    def demo(self, tls, **settings):
        if tls:
            settings |= {
                "demo.use_ssl": "true",
                "ssl.cert_file": self.server.certificate,
                "ssl.key_file": self.server.key,
            }
        demo = self.enterContext(Demo("--workers=1", settings=settings))
        self.tls = tls
        with contextlib.closing(demo.connect(self.plain_context if tls else None)) as connection:
            self.worker = int(demo.get("/pid", connection).text)
        return demo

    def connect(self, demo):
        client = socket.create_connection((demo.host, demo.port), DEADLINE)
        if self.tls:
            client = self.context.wrap_socket(client, server_hostname=demo.host)
        return self.clients.enter_context(client)

    def flood(self, demo, pieces):
        """Sends until the server closes; what it said. A flood that is not ended fails."""
        client = self.connect(demo)
        sent = 0
        received = b""
        with contextlib.suppress(ConnectionError):
            client.sendall(preface())
            for piece in pieces:
                client.sendall(piece)
                sent += len(piece)
                self.assertLess(sent, MOST_FLOOD, "the server takes it for ever")
                # Who never reads would wait for itself.
                client.settimeout(0)
                with contextlib.suppress(OSError):
                    while some := client.recv(65536):
                        received += some
                client.settimeout(DEADLINE)
                if goaways(received):
                    break
            client.shutdown(socket.SHUT_WR)
            while some := client.recv(65536):
                received += some
        return received

    def load(self, demo):
        return KeepAliveLoad(demo, clients=2, tls=self.plain_context if self.tls else None)

    def test_floods_end(self):
        for tls in (False, True):
            demo = self.demo(tls)
            before = resident(self.worker)
            with self.load(demo) as load:
                load.wait_for_answers(10)
                for name, pieces in FLOODS.items():
                    with self.subTest(name, tls=tls):
                        told = [goaways(self.flood(demo, pieces())) for _ in range(FLOODERS)]
                        # A reset, for what was on its way, may overtake it at some.
                        self.assertIn([ENHANCE_YOUR_CALM], told)
                        self.assertLessEqual({code for codes in told for code in codes}, {ENHANCE_YOUR_CALM})
                load.wait_for_answers(50)
                self.assertEqual(load.failures, [])
            demo.log.wait_for("closing a connection of .*RESOURCE_EXHAUSTED: HTTP/2: ")
            self.assertLess(resident(self.worker) - before, MOST_GROWTH)

    def test_readers_that_take_nothing_end_by_their_deadline(self):
        no_window = struct.pack(">HI", 4, 0)
        for tls in (False, True):
            with self.subTest(tls=tls):
                demo = self.demo(tls, **{"DEFAULT.wsgi_write_timeout": "1"})
                before = resident(self.worker)
                with self.load(demo) as load:
                    load.wait_for_answers(10)
                    readers = [self.connect(demo) for _ in range(READERS)]
                    for reader in readers:
                        reader.sendall(preface(no_window))
                        for i in range(STREAMS):
                            path = b"/stream?chunks=1000&size=10000"
                            flags = END_STREAM | END_HEADERS
                            reader.sendall(frame(HEADERS, flags, 2 * i + 1, head(path)))
                    load.wait_for_answers(50)
                    # Each stream is reset.
                    for reader in readers:
                        received = b""
                        while received.count(frame(RESET, 0, 1)[3:5] + struct.pack(">I", 1)) == 0:
                            some = reader.recv(65536)
                            if not some:
                                break
                            received += some
                    load.wait_for_answers(50)
                    self.assertEqual(load.failures, [])
                self.assertLess(resident(self.worker) - before, MOST_GROWTH)


if __name__ == "__main__":
    unittest.main()
