# SPDX-License-Identifier: Apache-2.0
"""The supervisor is killed at any moment, reloads included: nobody is left behind."""

import os
import signal
import unittest

from tests.support.demo import Demo, wait_gone
from tests.support.load import KeepAliveLoad
from tests.support.processes import members

MOMENTS = 12


class KillSupervisorTest(unittest.TestCase):
    def test_nobody_outlives_a_killed_supervisor(self):
        for moment in range(MOMENTS):
            settings = {"DEFAULT.graceful_shutdown_timeout": "5"}
            with self.subTest(moment=moment), Demo("--workers=3", settings=settings) as demo:
                with KeepAliveLoad(demo, clients=2) as load:
                    load.wait_for_answers(5)
                    if moment % 2 == 1:
                        demo.signal(signal.SIGHUP)
                        # Somewhere amid the reload, a little later each time.
                        load.wait_for_answers(moment)
                    os.kill(demo.process.pid, signal.SIGKILL)
                    demo.wait()
                    while pids := members(demo.process.pid):
                        for pid in pids:
                            wait_gone(pid)


if __name__ == "__main__":
    unittest.main()
