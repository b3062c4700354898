# SPDX-License-Identifier: Apache-2.0
"""Clients that nobody here wrote, and what they think of the server: slowhttptest, sslscan, h2load and wrk."""

import re
import resource
import subprocess
import tempfile
import threading
import unittest
from xml.etree import ElementTree

from tests.support.certificates import Authority
from tests.support.demo import DEADLINE, Demo

CONNECTIONS = 300
LONGEST_ATTACK = 20  # Seconds; all but the slow readers of a full pipe end by the server's deadlines long before.
SOON = {
    "DEFAULT.wsgi_header_timeout": "3",
    "DEFAULT.wsgi_body_timeout": "3",
    "DEFAULT.wsgi_write_timeout": "3",
}


def run(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        raise AssertionError(f"{command[0]} ended with {done.returncode}:\n{done.stdout}")
    return re.sub(r"\x1b\[[0-9;]*[a-zA-Z]", "", done.stdout)


class SlowhttptestTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8 * CONNECTIONS), hard))

    def attack(self, demo, path, *arguments):
        """Has slowhttptest keep connections open until it has none left; others are served meanwhile."""
        said = run(
            *("slowhttptest", "-c", str(CONNECTIONS), "-r", str(CONNECTIONS), "-l", str(LONGEST_ATTACK)),
            *("-u", f"http://{demo.host}:{demo.port}{path}", *arguments),
        )
        self.assertIn("service available:   YES", said)
        self.assertNotIn("service available:   NO", said)
        return said

    def test_slow_heads(self):
        with Demo("--workers=1", settings=SOON) as demo:
            said = self.attack(demo, "/", "-H", "-i", "1", "-x", "8")
            self.assertIn("No open connections left", said)

    def test_slow_bodies(self):
        with Demo("--workers=1", settings=SOON) as demo:
            said = self.attack(demo, "/echo", "-B", "-i", "1", "-x", "8", "-s", "100000")
            self.assertIn("No open connections left", said)

    def test_ranges(self):
        with Demo("--workers=1", settings=SOON) as demo:
            said = self.attack(demo, "/", "-R", "-a", "1", "-b", "3000", "-i", "1")
            self.assertIn("No open connections left", said)

    def test_slow_readers(self):
        # They go on reading what is in their own buffers: what counts is when the server is rid of them.
        with Demo("--workers=1", settings=SOON) as demo:
            path = "/stream?chunks=1000&size=10000"
            attack = threading.Thread(
                target=self.attack, args=(demo, path, "-X", "-n", "1", "-w", "1", "-y", "2", "-z", "1")
            )
            attack.start()
            most = 0
            while attack.is_alive():
                page = demo.get("/metrics").text
                connections = int(re.search(r"^wsgi_connections (\d+)$", page, re.M)[1])
                most = max(most, connections)
                if most > CONNECTIONS / 2 and connections < CONNECTIONS / 10:
                    break
                attack.join(0.1)
            else:
                self.fail(f"{connections} of {most} connections are left")
            attack.join()


class TlsTest(unittest.TestCase):
    def setUp(self):
        self.authority = Authority(self.enterContext(tempfile.TemporaryDirectory()))
        server = self.authority.issue("server")
        self.demo = self.enterContext(
            Demo(
                settings={
                    "demo.use_ssl": "true",
                    "ssl.cert_file": server.certificate,
                    "ssl.key_file": server.key,
                }
            )
        )

    def test_sslscan_finds_nothing_weak(self):
        scan = ElementTree.fromstring(
            run("sslscan", "--no-colour", "--xml=-", f"{self.demo.host}:{self.demo.port}")
        )
        offered = {
            (protocol.get("type"), protocol.get("version"))
            for protocol in scan.iter("protocol")
            if protocol.get("enabled") == "1"
        }
        self.assertEqual(offered, {("tls", "1.2"), ("tls", "1.3")})
        self.assertEqual([found.get("supported") for found in scan.iter("renegotiation")], ["0"])
        self.assertNotIn("1", [found.get("supported") for found in scan.iter("compression")])
        self.assertEqual({found.get("vulnerable") for found in scan.iter("heartbleed")}, {"0"})
        ciphers = list(scan.iter("cipher"))
        self.assertEqual({cipher.get("sslversion") for cipher in ciphers}, {"TLSv1.2", "TLSv1.3"})
        for cipher in ciphers:
            name = cipher.get("cipher")
            self.assertIn(cipher.get("strength"), ("acceptable", "strong"), name)
            self.assertGreaterEqual(int(cipher.get("bits")), 128, name)
            # Forward secrecy, and no CBC.
            self.assertRegex(name, "^(TLS_|ECDHE-)")
            self.assertRegex(name, "GCM|CHACHA20")
        for group in scan.iter("group"):
            self.assertGreaterEqual(int(group.get("bits")), 128, group.get("name"))

    def test_h2load(self):
        said = run("h2load", "-c4", "-m50", "-n20000", f"https://{self.demo.host}:{self.demo.port}/")
        self.assertIn("Application protocol: h2\n", said)
        self.assertIn("20000 succeeded, 0 failed, 0 errored, 0 timeout", said)
        self.assertIn("status codes: 20000 2xx", said)

    def test_wrk(self):
        said = run("wrk", "-t1", "-c100", "-d1s", f"https://{self.demo.host}:{self.demo.port}/")
        self.assertRegex(said, r"[1-9]\d* requests in ")
        self.assertNotIn("Socket errors", said)
        self.assertNotIn("Non-2xx", said)


if __name__ == "__main__":
    unittest.main()
