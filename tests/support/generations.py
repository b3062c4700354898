# SPDX-License-Identifier: Apache-2.0
"""Programs that take each other's place.

    generations = Generations(demo)
    generations.upgrade()
    generations.stop()
"""

import os
import signal

from tests.support.demo import children_of, wait_gone


class Generations:
    """Upgrades a demo again and again; knows who its supervisor is."""

    def __init__(self, demo):
        self.demo = demo
        self.pid = demo.process.pid
        self.count = 0

    def begin(self):
        os.kill(self.pid, signal.SIGUSR2)
        self.count += 1
        match = self.demo.log.wait_for(r"Process (\d+) is the new generation", count=self.count)
        return int(match[-1][1])

    def upgrade(self):
        old = self.pid
        self.pid = self.begin()
        self.demo.log.wait_for(f"Upgrade finished: process {self.pid} serves")
        return old

    def workers(self):
        return children_of(self.pid)

    def stop(self):
        """Ends the current generation; nobody is its parent here."""
        os.kill(self.pid, signal.SIGTERM)
        wait_gone(self.pid)
