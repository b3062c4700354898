# SPDX-License-Identifier: Apache-2.0
"""Waiting for programs: for lines of their output, and for their ends.

Nothing here sleeps, and only a broken program reaches the deadline.
"""

import os
import pathlib
import re
import select
import threading

DEADLINE = 30.0  # Seconds; a safety net, never what a test measures.


def wait_gone(pid):
    """Waits until the process has ended. It need not be a child of ours."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        ready, _, _ = select.select([descriptor], [], [], DEADLINE)
        assert ready, f"process {pid} still runs after {DEADLINE} s"
    finally:
        os.close(descriptor)


def children_of(pid):
    children = pathlib.Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in children.read_text().split()]


class Lines:
    """Lines of a pipe, as they come; one can wait for those that match."""

    def __init__(self, pipe):
        self._pipe = pipe
        self._lines = []
        self._ended = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self):
        for line in self._pipe:
            with self._changed:
                self._lines.append(line.decode(errors="replace"))
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def text(self):
        with self._changed:
            return "".join(self._lines)

    def wait_for(self, pattern, count=1):
        """The matches of `pattern`, once there are `count`."""

        def matches():
            return list(re.finditer(pattern, "".join(self._lines)))

        with self._changed:
            self._changed.wait_for(lambda: self._ended or len(matches()) >= count, DEADLINE)
            found = matches()
            text = "".join(self._lines)
            assert len(found) >= count, f"want {count} x {pattern!r}, have {len(found)} in:\n{text}"
            return found

    def wait_until(self, condition, what):
        """Waits until `condition(text)` of all lines is truthy; returns its value."""
        with self._changed:
            result = self._changed.wait_for(lambda: condition("".join(self._lines)), DEADLINE)
            assert result, f"{what}, have:\n{''.join(self._lines)}"
            return result

    def close(self):
        self._thread.join()
        self._pipe.close()
