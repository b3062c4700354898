# SPDX-License-Identifier: Apache-2.0
"""One worker is killed while curl loads them all."""

import json
import os
import signal
import subprocess
import unittest

from tests.support.demo import DEADLINE, Demo

REQUESTS = 200
CLIENTS = 4


class KillWorkerTest(unittest.TestCase):
    def workers_by_number(self, demo):
        """Asks until each of the three has answered."""
        pids = {}
        while len(pids) < 3:
            counters = json.loads(demo.get("/counters").text)
            pids[counters["worker"]] = counters["pid"]
        return pids

    def test_only_requests_of_the_killed_worker_fail(self):
        with Demo("--workers=3") as demo:
            url = f"http://{demo.host}:{demo.port}"
            before = self.workers_by_number(demo)

            clients = [
                subprocess.Popen(
                    ["curl", "-sS", "--max-time", str(int(DEADLINE)), "-w", "%{http_code}\n"]
                    + ["-H", "Connection: close", f"{url}/fib?n=18&[1-{REQUESTS}]"]
                    + ["-o", "/dev/null"],
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                )
                for _ in range(CLIENTS)
            ]
            victim = before[1]
            os.kill(victim, signal.SIGKILL)
            demo.log.wait_for(rf"Child {victim} killed by signal 9")

            codes = []
            for client in clients:
                out, _ = client.communicate(timeout=2 * DEADLINE)
                codes += [line for line in out.split() if line.isdigit()]
            self.assertEqual(len(codes), CLIENTS * REQUESTS)
            # Each client has one request at a time, so at most one each can be the victim's.
            failed = [code for code in codes if code != "200"]
            self.assertLessEqual(len(failed), CLIENTS, failed)

            # The replacement has the same number; the others are who they were.
            now = self.workers_by_number(demo)
            self.assertEqual(sorted(now), [0, 1, 2])
            self.assertEqual((now[0], now[2]), (before[0], before[2]))
            self.assertNotEqual(now[1], victim)


if __name__ == "__main__":
    unittest.main()
