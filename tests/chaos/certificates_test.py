# SPDX-License-Identifier: Apache-2.0
"""Certificates that change while clients come: no handshake fails, and sessions live on."""

import contextlib
import os
import pathlib
import re
import signal
import socket
import ssl
import tempfile
import unittest

from tests.support.certificates import Authority
from tests.support.demo import DEADLINE, Demo
from tests.support.generations import Generations
from tests.support.load import KeepAliveLoad, NewConnectionLoad

SWAPS = 50
WORKERS = 2
VISITS = 100  # Of a client, after each event.


class CertificatesTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.authority = Authority(self.folder)
        self.server = self.authority.issue("server")

    def demo(self, **settings):
        return Demo(
            f"--workers={WORKERS}",
            settings={
                "demo.use_ssl": "true",
                "ssl.cert_file": self.server.certificate,
                "ssl.key_file": self.server.key,
                **settings,
            },
        )

    def install(self, pair):
        """In two steps, as every tool does: between them the pair does not match."""
        os.replace(pair.certificate, self.server.certificate)
        os.replace(pair.key, self.server.key)

    def connect(self, demo, context, session=None):
        plain = socket.create_connection((demo.host, demo.port), timeout=DEADLINE)
        return context.wrap_socket(plain, server_hostname="127.0.0.1", session=session)

    def subject(self, demo):
        """The name in the certificate that a new client is shown."""
        with self.connect(demo, self.authority.context()) as client:
            return dict(part[0] for part in client.getpeercert()["subject"])["commonName"]

    def failed_handshakes(self, demo):
        with contextlib.closing(demo.connect(self.authority.context())) as connection:
            text = demo.get("/metrics", connection).text
        return float(re.search(r"^wsgi_tls_handshake_failures_total (\S+)", text, re.M)[1])

    def test_fifty_swaps_fail_no_handshake(self):
        settings = {"demo.restart_method": "mutate"}
        with self.demo(**settings) as demo, contextlib.ExitStack() as loads:
            tls = self.authority.context()
            new = loads.enter_context(NewConnectionLoad(demo, clients=3, tls=tls))
            keep_alive = loads.enter_context(KeepAliveLoad(demo, clients=1, tls=tls))
            for number in range(SWAPS):
                self.install(self.authority.issue(f"swap{number}"))
                # Some workers have to notice by themselves.
                if number % 5 != 0:
                    demo.signal(signal.SIGHUP)
                while self.subject(demo) != f"swap{number}":
                    new.wait_for_answers(1)
                new.wait_for_answers(5)
                keep_alive.wait_for_answers(1)
            loads.close()
            self.assertEqual(new.failures, [])
            self.assertEqual(keep_alive.failures, [])
            self.assertEqual(self.failed_handshakes(demo), 0)
            demo.signal(signal.SIGTERM)
            self.assertEqual(demo.wait(), 0)

    def test_a_bad_pair_leaves_the_old_one_and_says_so(self):
        with self.demo() as demo, contextlib.ExitStack() as loads:
            load = loads.enter_context(NewConnectionLoad(demo, tls=self.authority.context()))
            good = [pathlib.Path(path).read_bytes() for path in self.server]
            other = self.authority.issue("other")
            old = self.authority.issue("old")
            self.authority.expire(old)
            bad = (
                (pathlib.Path(other.certificate).read_bytes(), good[1], "does not match"),
                (good[0][: len(good[0]) // 2], good[1], "bad PEM certificate"),
                (good[0], b"", "bad PEM private key"),
                (
                    pathlib.Path(old.certificate).read_bytes(),
                    pathlib.Path(old.key).read_bytes(),
                    "which is not now",
                ),
            )
            for certificate, key, reason in bad:
                pathlib.Path(self.server.key).write_bytes(key)
                pathlib.Path(self.server.certificate).write_bytes(certificate)
                demo.log.wait_for(
                    f"changed TLS files are not used: .*{re.escape(reason)}", count=WORKERS
                )
                self.assertEqual(self.subject(demo), "server")
            self.install(other)
            demo.log.wait_for("took over changed TLS files", count=WORKERS)
            self.assertEqual(self.subject(demo), "other")
            loads.close()
            self.assertEqual(load.failures, [])
            self.assertEqual(self.failed_handshakes(demo), 0)

    def visit(self, demo, context, session):
        """One request on a connection of its own: whether `session` was resumed, and the next one."""
        with self.connect(demo, context, session) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            answer = b""
            while piece := client.recv(4096):
                answer += piece
            self.assertIn(b" 200 ", answer.split(b"\r\n")[0])
            return client.session_reused, client.session

    def test_sessions_live_through_reloads_and_upgrades_at_every_worker(self):
        self.check_sessions()

    def test_sessions_live_through_them_by_a_file_too(self):
        self.check_sessions(**{"ssl.session_ticket_key_file": str(self.folder / "ticket.keys")})

    def check_sessions(self, **settings):
        with self.demo(**settings) as demo:
            generations = Generations(demo)

            def reload():
                os.kill(generations.pid, signal.SIGHUP)
                demo.log.wait_for("Reload finished", count=1)

            clients = []
            for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
                context = self.authority.context()
                context.maximum_version = version
                clients.append([context, self.visit(demo, context, None)[1]])
            resumed = []
            events = (lambda: None, reload, generations.upgrade, generations.upgrade)
            for event in events:
                event()
                for client in clients * VISITS:
                    reused, client[1] = self.visit(demo, *client)
                    resumed.append(reused)
            self.assertEqual(len(resumed), len(events) * len(clients) * VISITS)
            self.assertGreaterEqual(sum(resumed), 0.99 * len(resumed))
            self.assertNotIn("is not used", demo.log.text())
            generations.stop()


if __name__ == "__main__":
    unittest.main()
