# SPDX-License-Identifier: Apache-2.0
"""A thousand workers are killed at random moments, while clients are served.

Who may fail is known exactly: a victim is stopped, its connections are listed, and only then it
is killed. A request that fails on any other connection, or cannot connect, is the launcher's fault.
"""

import collections
import http.client
import json
import os
import random
import select
import signal
import socket
import struct
import threading
import unittest

from tests.support.demo import DEADLINE, Demo, children_of, wait_gone
from tests.support.processes import client_ports, is_stopped, living, members, open_descriptors

KILLS = 1000
WORKERS = 4
# Closing resets the connection: no thousands of sockets that wait for the network to forget them.
RESET = struct.pack("ii", 1, 0)


class Client(threading.Thread):
    """Requests one after the other; never the same one again."""

    def __init__(self, demo, keep_alive):
        super().__init__(daemon=True)
        self.answered = 0
        self.failures = []  # The client's port and the error, of each.
        self._demo = demo
        self._keep_alive = keep_alive
        self._stop_asked = threading.Event()

    def run(self):
        connection, port = None, 0
        while not self._stop_asked.is_set():
            if connection is not None and self._is_over(connection):
                connection = self._close(connection)
            try:
                if connection is None:
                    connection = self._demo.connect()
                    port = 0
                    connection.connect()
                    connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                    port = connection.sock.getsockname()[1]
                connection.request("GET", "/")
                answer = connection.getresponse()
                answer.read()
                if answer.status != 200:
                    raise http.client.HTTPException(f"status {answer.status}")
                self.answered += 1
                keep = self._keep_alive and not answer.will_close
            except (OSError, http.client.HTTPException) as error:
                self.failures.append((port, repr(error)))
                keep = False
            if not keep:
                connection = self._close(connection)
        self._close(connection)

    def finish(self):
        self._stop_asked.set()
        self.join(DEADLINE)
        assert not self.is_alive()

    @staticmethod
    def _is_over(connection):
        """Whether the server has closed it: what a client of a pool looks for first."""
        return bool(select.select([connection.sock], [], [], 0)[0])

    @staticmethod
    def _close(connection):
        if connection is not None:
            connection.close()


class KillManyWorkersTest(unittest.TestCase):
    def wait_for_every_worker(self, demo):
        numbers = set()
        while numbers != set(range(WORKERS)):
            numbers.add(json.loads(demo.get("/counters").text)["worker"])

    def kill(self, demo, pid):
        """Kills the worker; the ports of the clients that it was connected to."""
        os.kill(pid, signal.SIGSTOP)
        while not is_stopped(pid):
            os.sched_yield()
        ports = client_ports(pid, demo.port)
        os.kill(pid, signal.SIGKILL)
        wait_gone(pid)
        return ports

    def test_only_requests_of_killed_workers_fail(self):
        chance = random.Random(1)
        settings = {
            "DEFAULT.worker_free_restarts": str(KILLS),
            "demo.grpc_listen": "",
            "demo.log_file": "/dev/null",  # Reading it would take longer than the rest.
        }
        with Demo(f"--workers={WORKERS}", settings=settings, wait=False) as demo:
            demo.where()
            self.wait_for_every_worker(demo)
            supervisor = demo.process.pid
            descriptors = open_descriptors(supervisor)
            clients = [Client(demo, keep_alive=number % 2 == 0) for number in range(4)]
            for client in clients:
                client.start()
            excused = collections.Counter()
            for _ in range(KILLS):
                while not (workers := living(children_of(supervisor))):
                    os.sched_yield()
                excused.update(self.kill(demo, chance.choice(workers)))
            for client in clients:
                client.finish()

            failures = [failure for client in clients for failure in client.failures]
            # One request at most fails of each connection.
            unexcused = collections.Counter(port for port, _ in failures) - excused
            self.assertFalse(unexcused, [f for f in failures if f[0] in unexcused])
            self.assertGreater(len(failures), 0)  # The victims were busy.
            for client in clients:
                self.assertGreater(client.answered, 0)
            print(f"answered {sum(c.answered for c in clients)}, failed {len(failures)}")

            # Nothing is left of them: no zombie, no descriptor, no worker too many.
            self.wait_for_every_worker(demo)
            self.assertEqual(len(children_of(supervisor)), WORKERS)
            self.assertEqual(open_descriptors(supervisor), descriptors)
            demo.signal(signal.SIGTERM)
            self.assertEqual(demo.wait(), 0)
            self.assertEqual(members(supervisor), [])


if __name__ == "__main__":
    unittest.main()
