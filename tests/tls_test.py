# SPDX-License-Identifier: Apache-2.0
"""The demo's listener with TLS, driven by Python's ssl and by curl."""

import contextlib
import json
import pathlib
import selectors
import socket
import ssl
import subprocess
import tempfile
import unittest

from tests.support.certificates import Authority, expiry
from tests.support.demo import DEADLINE, Demo


class TlsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        cls.authority = Authority(cls.folder)
        cls.server = cls.authority.issue("server")
        cls.client = cls.authority.issue("client", "DNS:client")

    def tls_demo(self, **settings):
        return Demo(
            settings={
                "demo.use_ssl": "true",
                "ssl.cert_file": self.server.certificate,
                "ssl.key_file": self.server.key,
                **{name.replace("__", "."): value for name, value in settings.items()},
            }
        )

    def context(self, certificate=False):
        return self.authority.context(self.client if certificate else None)

    def get(self, demo, path, context):
        with contextlib.closing(demo.connect(context)) as connection:
            return demo.get(path, connection).text

    def test_python_and_curl_are_served(self):
        with self.tls_demo() as demo:
            self.assertEqual(demo.scheme, "https")
            self.assertEqual(self.get(demo, "/", self.context()), "Hello, world!\n")
            self.assertIn('"https"', self.get(demo, "/environ", self.context()))
            self.assertEqual(
                len(self.get(demo, "/stream?chunks=100&size=10000", self.context())), 1_000_000
            )
            answer = subprocess.run(
                ["curl", "-sS", "--max-time", "20", "--cacert", self.authority.certificate]
                + ["--data-binary", "@-", f"https://127.0.0.1:{demo.port}/echo"],
                input=b"z" * 300_000,
                capture_output=True,
                check=True,
            )
            self.assertEqual(answer.stdout, b"z" * 300_000)

    def test_old_protocols_are_refused(self):
        with self.tls_demo() as demo:
            context = self.context()
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = ssl.TLSVersion.TLSv1_1
            with self.assertRaises(OSError):
                self.get(demo, "/", context)
            self.assertEqual(self.get(demo, "/", self.context()), "Hello, world!\n")

    def test_a_list_of_ciphers_is_applied(self):
        for cipher in ("ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305"):
            with self.tls_demo(ssl__ciphers=cipher) as demo:
                context = self.context()
                # The suites of TLS 1.3 are no part of the list.
                context.maximum_version = ssl.TLSVersion.TLSv1_2
                with contextlib.closing(demo.connect(context)) as connection:
                    connection.connect()
                    self.assertEqual(connection.sock.cipher()[0], cipher)

    def test_silent_and_plain_text_clients_do_not_stop_others(self):
        with self.tls_demo() as demo:
            silent = socket.create_connection((demo.host, demo.port), timeout=DEADLINE)
            with socket.create_connection((demo.host, demo.port), timeout=DEADLINE) as plain:
                plain.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                with contextlib.suppress(ConnectionResetError):
                    while plain.recv(4096):
                        pass
            self.assertEqual(self.get(demo, "/", self.context()), "Hello, world!\n")
            silent.close()

    def test_with_an_authority_a_client_needs_a_certificate(self):
        with self.tls_demo(ssl__ca_file=self.authority.certificate) as demo:
            self.assertEqual(self.get(demo, "/", self.context(certificate=True)), "Hello, world!\n")
            with self.assertRaises(OSError):
                self.get(demo, "/", self.context())

    def test_the_application_knows_its_client_over_both_protocols(self):
        with self.tls_demo(ssl__ca_file=self.authority.certificate) as demo:
            expected = {
                "SSL_PROTOCOL": "TLSv1.3",
                "SSL_CLIENT_VERIFY": "SUCCESS",
                "SSL_CLIENT_S_DN": "CN=client",
                "SSL_CLIENT_S_DN_CN": "client",
                "SSL_CLIENT_I_DN": "CN=ca",
                "SSL_CLIENT_SAN_DNS_0": "client",
            }
            environ = json.loads(self.get(demo, "/environ", self.context(certificate=True)))
            self.assertLessEqual(expected.items(), environ.items())
            answer = subprocess.run(
                ["curl", "-sS", "--http2", "--max-time", "20"]
                + ["--cacert", self.authority.certificate]
                + ["--cert", self.client.certificate, "--key", self.client.key]
                + [f"https://127.0.0.1:{demo.port}/environ"],
                capture_output=True,
                check=True,
            )
            environ = json.loads(answer.stdout)
            self.assertEqual(environ["SERVER_PROTOCOL"], "HTTP/2.0")
            self.assertLessEqual(expected.items(), environ.items())

    def test_without_an_authority_nobody_is_verified(self):
        with self.tls_demo() as demo:
            environ = json.loads(self.get(demo, "/environ", self.context(certificate=True)))
            self.assertEqual(environ["SSL_CLIENT_VERIFY"], "NONE")
            self.assertNotIn("SSL_CLIENT_S_DN", environ)

    def test_metrics_say_when_the_certificate_expires(self):
        with self.tls_demo() as demo:
            metrics = self.get(demo, "/metrics", self.context())
            name = "wsgi_tls_certificate_expiry_timestamp_seconds"
            values = [line.split()[1] for line in metrics.splitlines() if line.startswith(name)]
            expires = expiry(self.server.certificate)
            self.assertEqual([float(value) for value in values], [expires])

    def test_half_open_handshakes_have_a_limit_and_a_deadline(self):
        settings = {"DEFAULT.wsgi_max_handshakes": "5", "demo.workers": "1"}
        with self.tls_demo(**settings) as demo, contextlib.ExitStack() as sockets:
            address = (demo.host, demo.port)
            silent = [
                sockets.enter_context(socket.create_connection(address, timeout=DEADLINE))
                for _ in range(20)
            ]
            with selectors.DefaultSelector() as waiting:
                for client in silent:
                    waiting.register(client, selectors.EVENT_READ)
                # Whoever has waited longest gives way.
                while len(waiting.get_map()) > 5:
                    ready = waiting.select(DEADLINE)
                    self.assertTrue(ready)
                    for key, _ in ready:
                        self.assertEqual(key.fileobj.recv(1), b"")
                        waiting.unregister(key.fileobj)
            metrics = self.get(demo, "/metrics", self.context())
            self.assertRegex(metrics, "wsgi_refused_connections_total 16\n")
        settings = {"DEFAULT.wsgi_handshake_timeout": "0.05"}
        with self.tls_demo(**settings) as demo:
            with socket.create_connection((demo.host, demo.port), timeout=DEADLINE) as silent:
                self.assertEqual(silent.recv(1), b"")
            self.assertEqual(self.get(demo, "/", self.context()), "Hello, world!\n")


if __name__ == "__main__":
    unittest.main()
