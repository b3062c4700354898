# SPDX-License-Identifier: Apache-2.0
"""The supervisor is killed at any moment, reloads included: nobody is left behind."""

import contextlib
import os
import random
import signal
import socket
import unittest

from tests.support.demo import Demo, wait_gone
from tests.support.load import KeepAliveLoad, NewConnectionLoad
from tests.support.processes import members
from tests.support.service_manager import Manager, activated

MOMENTS = 12
KILLS = 30


def wait_for_the_end_of_all(demo):
    while pids := members(demo.process.pid):
        for pid in pids:
            wait_gone(pid)


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
                    wait_for_the_end_of_all(demo)

    def test_a_killed_supervisor_that_is_started_again_is_not_missed(self):
        chance = random.Random(1)
        settings = {"DEFAULT.graceful_shutdown_timeout": "5"}
        manager = Manager()
        self.addCleanup(manager.close)
        environment = {"NOTIFY_SOCKET": manager.name}
        with contextlib.ExitStack() as demos:
            demo = demos.enter_context(
                Demo("--workers=3", settings=settings, environment=environment)
            )
            manager.until("READY=1")
            # The manager's copy of the socket outlives every process.
            listener = demos.enter_context(
                socket.socket(fileno=os.dup(manager.stored["http"][0]))
            )
            start = activated(listener)
            start["environment"].update(environment)
            with KeepAliveLoad(demo) as keep_alive, NewConnectionLoad(demo, clients=2) as new:
                for _ in range(KILLS):
                    new.wait_for_answers(chance.randrange(100))
                    # Before it blocks them, signals end a process: killing it is next anyway.
                    act = chance.choice((None, signal.SIGHUP, signal.SIGTTIN, signal.SIGTTOU))
                    if act is not None and "phase: running" in demo.log.text():
                        demo.signal(act)
                        new.wait_for_answers(chance.randrange(30))
                    demo.process.kill()
                    demo.wait()
                    killed = demo
                    demo = demos.enter_context(
                        Demo("--workers=3", settings=settings, wait=False, **start)
                    )
                    wait_for_the_end_of_all(killed)
                demo.log.wait_for("phase: running")
                self.assertEqual(len(demo.workers()), 3)
            self.assertEqual(keep_alive.failures, [])
            self.assertEqual(new.failures, [])
            demo.signal(signal.SIGTERM)
            self.assertEqual(demo.wait(), 0)


if __name__ == "__main__":
    unittest.main()
