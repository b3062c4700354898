# SPDX-License-Identifier: Apache-2.0
"""Reloads under load, and stops with clients in the queue: no request fails."""

import contextlib
import re
import signal
import socket
import unittest

from tests.support.demo import DEADLINE, Demo
from tests.support.load import KeepAliveLoad, NewConnectionLoad

RELOADS = 100
STORM = 100  # Far less than a second: they are only sent.
WORKERS = 2
QUEUED = 100


class ReloadTest(unittest.TestCase):
    def test_a_hundred_reloads_drop_nothing(self):
        with Demo(f"--workers={WORKERS}") as demo, contextlib.ExitStack() as loads:
            keep_alive = loads.enter_context(KeepAliveLoad(demo, clients=3))
            new = loads.enter_context(NewConnectionLoad(demo, clients=2))
            first = set(demo.workers())
            for number in range(1, RELOADS + 1):
                demo.signal(signal.SIGHUP)
                demo.log.wait_for("Reload finished", count=number)
                keep_alive.wait_for_answers(3)
                new.wait_for_answers(3)
            loads.close()
            self.assertEqual(keep_alive.failures, [])
            self.assertEqual(new.failures, [])
            self.assertFalse(first & set(demo.workers()))
            demo.signal(signal.SIGTERM)
            self.assertEqual(demo.wait(), 0)

    def test_a_reload_that_cannot_be_drops_nothing(self):
        with Demo(f"--workers={WORKERS}") as demo, KeepAliveLoad(demo) as load:
            before = demo.workers()
            demo.configure(demo__heartbeat_interval="soon")
            for number in range(1, 6):
                demo.signal(signal.SIGHUP)
                demo.log.wait_for("Reload failed, the old values and workers go on", count=number)
                load.wait_for_answers(5)
            self.assertEqual(load.failures, [])
            self.assertEqual(demo.workers(), before)


    def test_a_storm_of_hups_is_a_few_reloads_one_after_the_other(self):
        with Demo(f"--workers={WORKERS}") as demo, contextlib.ExitStack() as loads:
            keep_alive = loads.enter_context(KeepAliveLoad(demo, clients=3))
            new = loads.enter_context(NewConnectionLoad(demo, clients=2))
            new.wait_for_answers(10)
            for number in range(STORM):
                if number == STORM - 1:
                    demo.configure(demo__greeting="after the storm")
                demo.signal(signal.SIGHUP)
            # The last one has counted: the file was read after it.
            demo.log.wait_for(r"option demo\.greeting: .* -> after the storm")

            def reloads(text):
                phases = re.findall(r"phase: (\w+)", text)
                return phases[2:] if phases[-1] == "running" else None

            # Each begins when the one before it has ended.
            seen = demo.log.wait_until(reloads, "a reload goes on for ever")
            self.assertEqual(seen, ["reloading", "running"] * (len(seen) // 2))
            self.assertLess(len(seen) // 2, STORM)
            # Those that drain may still answer as they did before.
            while len(demo.workers()) > WORKERS:
                new.wait_for_answers(1)
            self.assertEqual(demo.get("/").text, "after the storm\n")
            loads.close()
            self.assertEqual(keep_alive.failures, [])
            self.assertEqual(new.failures, [])
            demo.signal(signal.SIGTERM)
            self.assertEqual(demo.wait(), 0)


class StopTest(unittest.TestCase):
    def check_clients_of_the_queue_are_answered(self, workers):
        with Demo(f"--workers={workers}") as demo:
            clients = []
            for _ in range(QUEUED):
                client = socket.create_connection((demo.host, demo.port), timeout=DEADLINE)
                client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                clients.append(client)
            demo.signal(signal.SIGTERM)
            for client in clients:
                answer = b""
                while piece := client.recv(4096):
                    answer += piece
                self.assertIn(b" 200 ", answer.split(b"\r\n")[0])
                client.close()
            self.assertEqual(demo.wait(), 0)

    def test_clients_that_were_connected_are_answered_by_workers(self):
        self.check_clients_of_the_queue_are_answered(WORKERS)

    def test_clients_that_were_connected_are_answered_in_process(self):
        self.check_clients_of_the_queue_are_answered(1)


if __name__ == "__main__":
    unittest.main()
