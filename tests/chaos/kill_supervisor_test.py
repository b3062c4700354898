# SPDX-License-Identifier: Apache-2.0
"""The supervisor is killed at any moment, reloads included: nobody is left behind."""

import os
import pathlib
import signal
import unittest

from tests.support.demo import Demo, wait_gone
from tests.support.load import KeepAliveLoad

MOMENTS = 12


def members(session):
    """Processes of the session that have not ended."""
    pids = []
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # It has ended meanwhile.
        if int(fields[3]) == session and fields[0] != "Z":
            pids.append(int(stat.parent.name))
    return pids


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
