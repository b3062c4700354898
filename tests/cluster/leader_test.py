# SPDX-License-Identifier: Apache-2.0
"""One of many in a cluster: at any time one process at most works, by the fencing tokens.

Workers (worker.cc) lead by an etcd of three members. All write to one pipe, so their lines come
in the order in which they were written, and the test reads them as a storage would: what has a
smaller token than one seen before is refused.
"""

import collections
import os
import select
import signal
import subprocess
import time
import unittest

from tests.cluster.etcd_cluster import EtcdCluster

DEADLINE = 60.0  # Seconds; a safety net, never what a test measures.
LEASE = 2  # Seconds. etcd gives no shorter one.

Line = collections.namedtuple("Line", "pid token")


def binary():
    return os.path.join(os.environ["TEST_SRCDIR"], "bergen/tests/cluster/worker")


class Storage:
    """Reads what workers write, and keeps the rules."""

    def __init__(self):
        self.accepted = []
        self.refused = []
        self._token_of = {}  # The process of each token.
        self._text = b""
        self._read, self.write = os.pipe()

    def close(self):
        os.close(self._read)
        os.close(self.write)

    def wait_for(self, count, condition):
        """Reads until `count` more lines that are accepted meet `condition`."""
        end = time.monotonic() + DEADLINE
        while count > 0:
            line = self._next(end)
            if line is not None and condition(line):
                count -= 1
        return self.accepted[-1]

    def _next(self, end):
        assert time.monotonic() < end, f"no such line in {DEADLINE} s; the last: {self.accepted[-5:]}"
        while b"\n" not in self._text:
            ready, _, _ = select.select([self._read], [], [], max(0.0, end - time.monotonic()))
            assert ready, f"no such line in {DEADLINE} s; the last: {self.accepted[-5:]}"
            self._text += os.read(self._read, 65536)
        text, self._text = self._text.split(b"\n", 1)
        pid, token = text.split()
        line = Line(int(pid), int(token))
        holder = self._token_of.setdefault(line.token, line.pid)
        assert holder == line.pid, f"two processes have token {line.token}: {holder}, {line.pid}"
        if self.accepted and line.token < self.accepted[-1].token:
            self.refused.append(line)
            return None
        self.accepted.append(line)
        return line


class Log:
    """What workers log."""

    def __init__(self):
        self._text = ""
        self._read, self.write = os.pipe()

    def close(self):
        os.close(self._read)
        os.close(self.write)

    def wait_for(self, text):
        end = time.monotonic() + DEADLINE
        while text not in self._text:
            ready, _, _ = select.select([self._read], [], [], max(0.0, end - time.monotonic()))
            assert ready, f"no '{text}' in {DEADLINE} s: {self._text}"
            self._text += os.read(self._read, 65536).decode(errors="replace")


class LeaderTest(unittest.TestCase):
    def setUp(self):
        self.cluster = EtcdCluster(members=3)
        self.cluster.__enter__()
        self.addCleanup(self.cluster.__exit__)
        self.storage = Storage()
        self.addCleanup(self.storage.close)
        self.log = Log()
        self.addCleanup(self.log.close)
        self.workers = {}
        self.addCleanup(self.end_workers)
        for _ in range(3):
            self.start_worker()

    def start_worker(self):
        worker = subprocess.Popen(
            [binary(), self.cluster.target, "/test/leader", str(LEASE)],
            stdin=subprocess.PIPE,
            stdout=self.storage.write,
            stderr=self.log.write,
        )
        self.workers[worker.pid] = worker

    def end_workers(self):
        for worker in self.workers.values():
            worker.kill()
            worker.wait()
            worker.stdin.close()

    def kill_worker(self, pid):
        worker = self.workers.pop(pid)
        worker.kill()
        worker.wait()
        worker.stdin.close()

    def work_of_one(self):
        """The leader, when it has worked for a while."""
        return self.storage.wait_for(10, lambda line: True)

    def test_another_process_takes_over_when_the_leader_dies(self):
        for _ in range(3):
            old = self.work_of_one()
            self.kill_worker(old.pid)
            self.start_worker()
            new = self.storage.wait_for(1, lambda line: line.pid != old.pid)
            self.assertGreater(new.token, old.token)
        self.assertEqual(self.storage.refused, [])

    def test_a_leader_that_ends_gives_way(self):
        old = self.work_of_one()
        worker = self.workers.pop(old.pid)
        worker.stdin.close()
        self.assertEqual(worker.wait(DEADLINE), 0)
        new = self.storage.wait_for(1, lambda line: line.pid != old.pid)
        self.assertGreater(new.token, old.token)
        self.assertEqual(self.storage.refused, [])

    def test_a_paused_leader_loses_its_term_and_does_not_come_back_with_it(self):
        for _ in range(3):
            old = self.work_of_one()
            os.kill(old.pid, signal.SIGSTOP)
            new = self.storage.wait_for(1, lambda line: line.token != old.token)
            self.assertNotEqual(new.pid, old.pid)
            os.kill(old.pid, signal.SIGCONT)
            # The old one has been told by now, or has not: at most the line that it was about
            # to write when it was paused is of the old term.
            self.storage.wait_for(100, lambda line: line.token == new.token)
            stale = [line for line in self.storage.refused if line.token == old.token]
            self.assertLessEqual(len(stale), 1)

    def test_work_goes_on_without_one_member_and_stops_without_two(self):
        before = self.work_of_one()
        self.cluster.kill(0)
        self.storage.wait_for(100, lambda line: line.token >= before.token)
        old = self.work_of_one()
        self.cluster.kill(1)
        # Nothing can be known of an etcd without a majority, so the term ends by itself, and a
        # new one begins only when there is a majority again.
        self.log.wait_for(f"leads no more, term {old.token}\n")
        self.cluster.start(0)
        new = self.storage.wait_for(1, lambda line: line.token > old.token)
        self.assertGreater(new.token, old.token)


if __name__ == "__main__":
    unittest.main()
