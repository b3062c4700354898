# SPDX-License-Identifier: Apache-2.0
"""The original's turn in periodic.py."""

import time

try:
    import eventlet
    from oslo_service import loopingcall
except ImportError:
    eventlet = None

SECONDS = 3.0


class Calls:
    """A number of fixed interval calls, once a second each, for some seconds."""

    def __init__(self, count):
        self.count = count
        self.lateness = []
        self.cpu = 0.0

    def run(self):
        self.lateness = []
        begin = time.monotonic() + 0.5
        calls = []
        for i in range(self.count):
            due = begin + i / self.count
            call = loopingcall.FixedIntervalLoopingCall(self._fire, [due])
            call.start(interval=1.0, initial_delay=due - time.monotonic())
            calls.append(call)
        eventlet.sleep(begin - time.monotonic())
        before = time.thread_time()
        eventlet.sleep(SECONDS)
        self.cpu = time.thread_time() - before
        for call in calls:
            call.stop()
        for call in calls:
            call.wait()
        return self

    def _fire(self, due):
        now = time.monotonic()
        self.lateness.append(now - due[0])
        due[0] += 1.0

    def nanoseconds_per_fire(self):
        return self.cpu * 1e9 / max(len(self.lateness), 1)


def nanoseconds_per_fire(count):
    return Calls(count).run().nanoseconds_per_fire()
