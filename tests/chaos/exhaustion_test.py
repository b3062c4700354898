# SPDX-License-Identifier: Apache-2.0
"""What a program lives off runs out: room for its log, descriptors. It goes on, or leaves cleanly."""

import itertools
import os
import pathlib
import signal
import socket
import tempfile
import unittest

from tests.support.demo import DEADLINE, Demo, children_of, wait_gone
from tests.support.load import KeepAliveLoad
from tests.support.processes import members, open_descriptors

WORKERS = 2
LOG_BYTES = 8192  # Some dozens of requests.
SERVED = 15  # Limits of descriptors that are enough; all smaller ones are tried too.


def limited(**limits):
    """How Demo starts a program with these limits of prlimit(1)."""
    return {"prefix": ["prlimit", *(f"--{name}={n}:{n}" for name, n in limits.items()), "--"]}


class FullLogTest(unittest.TestCase):
    def check_everything_works(self, demo):
        """Serves, replaces, reloads and stops; nothing of it can be read in the log."""
        with KeepAliveLoad(demo, clients=2) as load:
            load.wait_for_answers(300)
            self.assertEqual(load.failures, [])

        supervisor = demo.process.pid
        before = children_of(supervisor)
        self.assertEqual(len(before), WORKERS)
        os.kill(before[0], signal.SIGKILL)
        wait_gone(before[0])
        with KeepAliveLoad(demo, clients=2) as load:
            while before[0] in children_of(supervisor) or len(children_of(supervisor)) < WORKERS:
                load.wait_for_answers(1)

            demo.configure(demo__greeting="reloaded")
            demo.signal(signal.SIGHUP)
            while demo.get("/").text != "reloaded\n":
                load.wait_for_answers(1)
            demo.signal(signal.SIGUSR1)
            load.wait_for_answers(10)
            self.assertEqual(load.failures, [])
        demo.signal(signal.SIGTERM)
        self.assertEqual(demo.wait(), 0)
        self.assertEqual(members(supervisor), [])

    def test_a_full_disk_is_not_noticed(self):
        settings = {"demo.log_file": "/dev/full"}
        with Demo(f"--workers={WORKERS}", settings=settings, wait=False) as demo:
            demo.where()
            self.check_everything_works(demo)

    def test_a_file_that_may_not_grow_is_not_noticed(self):
        with tempfile.TemporaryDirectory() as folder:
            log = pathlib.Path(folder) / "log"
            settings = {"demo.log_file": str(log)}
            limit = limited(fsize=LOG_BYTES)
            with Demo(f"--workers={WORKERS}", settings=settings, wait=False, **limit) as demo:
                demo.where()
                self.check_everything_works(demo)
            self.assertEqual(log.stat().st_size, LOG_BYTES)


class DescriptorsTest(unittest.TestCase):
    # Quick to give up, so that no test waits for delays.
    SETTINGS = {
        "DEFAULT.worker_free_restarts": "3",
        "DEFAULT.worker_restart_delay": "0.001",
        "DEFAULT.worker_max_restart_delay": "0.001",
        "DEFAULT.worker_give_up_after": "6",
        "demo.grpc_listen": "",
    }

    def starts(self, demo):
        """Whether it serves; if not, it has left with a reason, and nobody else is there."""
        try:
            demo.log.wait_for("phase: running")
        except AssertionError:
            self.assertIn(demo.wait(), (1, 3))  # Failed, or gave up.
            self.assertRegex(demo.log.text(), "Too many open files|no descriptor is left")
            self.assertEqual(members(demo.process.pid), [])
            return False
        demo.where()
        return True

    def check_goes_on(self, demo, limit, workers):
        """Serves, replaces and reloads; more clients than it has room for wait."""
        connection = demo.connect()
        self.assertEqual(demo.get("/", connection).status, 200)
        # More than the workers have descriptors for.
        address = (demo.host, demo.port)
        crowd = [
            socket.create_connection(address, timeout=DEADLINE) for _ in range(workers * limit)
        ]
        self.assertEqual(demo.get("/", connection).status, 200)

        if workers > 1:
            # A worker that ends amid them is replaced.
            victim = int(demo.get("/pid", connection).text)
            os.kill(victim, signal.SIGKILL)
            demo.log.wait_for(rf"Child {victim} killed by signal 9")
            demo.log.wait_for(r"http: serving", count=workers + 1)
        connection.close()
        for client in crowd:
            client.close()
        self.assertEqual(demo.get("/").status, 200)

        # A reload needs more than there is, or it does not.
        demo.signal(signal.SIGHUP)
        demo.log.wait_for(r"Reload (finished|failed|ended early)|phase: running.*\n", count=2)
        self.assertEqual(demo.get("/").status, 200)

    def check_any_limit(self, workers):
        served, refused = [], []
        for limit in itertools.count(5):
            if len(served) == SERVED:
                break
            with self.subTest(limit=limit), Demo(
                f"--workers={workers}",
                settings=self.SETTINGS,
                wait=False,
                **limited(nofile=limit),
            ) as demo:
                if not self.starts(demo):
                    refused.append(limit)
                    continue
                served.append(limit)
                # With none left it accepts nobody, and says so.
                servers = demo.workers() if workers > 1 else [demo.process.pid]
                if all(open_descriptors(pid) < limit for pid in servers):
                    self.check_goes_on(demo, limit, workers)
                demo.signal(signal.SIGTERM)
                self.assertEqual(demo.wait(), 0)
                self.assertEqual(members(demo.process.pid), [])
        # More is never worse.
        self.assertLess(max(refused), min(served))

    def test_any_limit_of_workers_is_enough_to_serve_or_too_little_to_start(self):
        self.check_any_limit(WORKERS)

    def test_any_limit_of_one_process_is_enough_to_serve_or_too_little_to_start(self):
        self.check_any_limit(1)


if __name__ == "__main__":
    unittest.main()
