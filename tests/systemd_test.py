# SPDX-License-Identifier: Apache-2.0
"""The demo under a service manager: socket activation, crashes, upgrades, and the files of
examples/deploy. Nothing of systemd is needed; the test does what systemd would."""

import configparser
import os
import pathlib
import re
import signal
import socket
import unittest

from tests.support.demo import DEADLINE, Demo, wait_gone
from tests.support.service_manager import Manager, activated

DEPLOY = pathlib.Path(os.environ["TEST_SRCDIR"]) / "bergen/examples/deploy"


class ActivationTest(unittest.TestCase):
    def test_the_inherited_socket_is_served(self):
        for workers in (1, 2):
            with self.subTest(workers=workers), socket.create_server(
                ("127.0.0.1", 0), backlog=100
            ) as listener:
                # Connects before the service exists, as systemd's clients do.
                client = socket.create_connection(listener.getsockname(), timeout=DEADLINE)
                client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                with Demo(f"--workers={workers}", **activated(listener)) as demo:
                    self.assertEqual(demo.port, listener.getsockname()[1])
                    answer = b""
                    while piece := client.recv(4096):
                        answer += piece
                    self.assertIn(b"200 OK", answer)
                    client.close()

    def test_a_socket_that_does_not_fit_is_closed_and_named(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            start = activated(listener)
            start["environment"]["LISTEN_FDNAMES"] = "other"
            with Demo("--workers=2", **start) as demo:
                port = listener.getsockname()[1]
                demo.log.wait_for(rf"inherited listener other \(127\.0\.0\.1:{port}\) is not used")
                self.assertNotEqual(demo.port, port)

    def test_a_service_that_crashed_comes_back_on_the_stored_socket(self):
        manager = Manager()
        self.addCleanup(manager.close)
        with Demo("--workers=2", environment={"NOTIFY_SOCKET": manager.name}) as first:
            manager.until("READY=1")
            self.assertIn("http", manager.stored)
            first.process.kill()
            first.wait()
            port = first.port
        # Nobody serves, and nobody is refused.
        client = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE)
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        with socket.socket(fileno=os.dup(manager.stored["http"][0])) as listener:
            with Demo("--workers=2", **activated(listener)) as second:
                self.assertEqual(second.port, port)
                self.assertIn(b"200 OK", client.recv(4096))
                client.close()


class NotifyTest(unittest.TestCase):
    def test_an_upgrade_names_the_new_main_process(self):
        for workers in (1, 2):
            manager = Manager()
            self.addCleanup(manager.close)
            with self.subTest(workers=workers), Demo(
                f"--workers={workers}", environment={"NOTIFY_SOCKET": manager.name}
            ) as demo:
                manager.until("READY=1")
                demo.signal(signal.SIGUSR2)
                pid = demo.log.wait_for(r"Upgrade finished: process (\d+) serves")[0][1]
                said = manager.until(f"MAINPID={pid}")
                self.assertTrue(said[0].startswith("RELOADING=1\nMONOTONIC_USEC="), said)
                self.assertNotIn("STOPPING=1", "".join(said))
                manager.until("BARRIER=1")
                self.assertEqual(demo.wait(), 0)
                # The new one speaks for itself from now on.
                os.kill(int(pid), signal.SIGTERM)
                self.assertIn("STOPPING=1", manager.until("STOPPING=1")[-1])

    def test_a_new_generation_has_the_manager_keep_what_it_opened_itself(self):
        manager = Manager()
        self.addCleanup(manager.close)
        settings = {"demo.workers": "2"}
        with Demo(settings=settings, environment={"NOTIFY_SOCKET": manager.name}) as demo:
            manager.until("READY=1")
            self.assertNotIn("grpc.2", manager.stored)
            demo.configure(demo__workers="3")
            demo.signal(signal.SIGUSR2)
            pid = int(demo.log.wait_for(r"Upgrade finished: process (\d+) serves")[0][1])
            # Forgotten, then kept.
            said = manager.until("FDNAME=grpc.2")
            self.assertEqual(manager.main, pid)
            said += manager.until("FDNAME=grpc.2")
            self.assertEqual(len(manager.stored["grpc.2"]), 1)
            # Those that it has inherited are there already.
            self.assertEqual(len(manager.stored["http"]), 1)
            if "BARRIER=1" not in said:
                manager.until("BARRIER=1")
            self.assertEqual(demo.wait(), 0)
            os.kill(pid, signal.SIGTERM)
            wait_gone(pid)

    def test_the_watchdog_is_fed(self):
        for workers in (1, 2):
            manager = Manager()
            self.addCleanup(manager.close)
            environment = {"NOTIFY_SOCKET": manager.name, "WATCHDOG_USEC": "200000"}
            with self.subTest(workers=workers), Demo(
                f"--workers={workers}", environment=environment
            ):
                for _ in range(5):
                    manager.until("WATCHDOG=1")


class DeployTest(unittest.TestCase):
    """What the examples say is what the demo does."""

    def unit(self, name):
        parser = configparser.ConfigParser(strict=False, interpolation=None)
        parser.optionxform = str
        parser.read(DEPLOY / name)
        return parser

    def test_the_configuration_is_accepted_and_fits_the_socket(self):
        config = configparser.ConfigParser(interpolation=None)
        config.read(DEPLOY / "demo.conf")
        listen = self.unit("bergen-demo.socket")["Socket"]
        self.assertEqual(listen["FileDescriptorName"], "http")
        self.assertEqual(
            listen["ListenStream"], f"{config['demo']['bind_host']}:{config['demo']['bind_port']}"
        )
        with Demo(f"--config_file={DEPLOY / 'demo.conf'}", "--set", "demo.bind_port=0") as demo:
            self.assertEqual(demo.get("/healthz").status, 200)

    def test_the_manager_waits_longer_than_the_service(self):
        config = configparser.ConfigParser(interpolation=None)
        config.read(DEPLOY / "demo.conf")
        own = int(config["DEFAULT"]["graceful_shutdown_timeout"]) + int(
            config["DEFAULT"]["drain_delay"]
        )
        service = self.unit("bergen-demo.service")["Service"]
        self.assertGreater(int(service["TimeoutStopSec"]), own)
        self.assertEqual(service["RestartPreventExitStatus"], "78")

        pod = (DEPLOY / "kubernetes.yaml").read_text()

        def number(name):
            return int(re.search(rf"{name}\s*[=:]\s*(\d+)", pod)[1])

        own = number("graceful_shutdown_timeout") + number("drain_delay")
        self.assertGreater(number("terminationGracePeriodSeconds"), own)


if __name__ == "__main__":
    unittest.main()
