# SPDX-License-Identifier: Apache-2.0
"""Does what systemd would: hands sockets over, hears what a service says, keeps descriptors."""

import os
import socket

from tests.support.demo import DEADLINE


def activated(listener):
    """How Demo starts a program with `listener` as its descriptor 3, named http."""
    return {
        # Debian's sh knows descriptors of one digit only.
        "prefix": ["bash", "-c", f'exec 3<&{listener.fileno()} && LISTEN_PID=$$ exec "$0" "$@"'],
        "pass_fds": (listener.fileno(),),
        "environment": {"LISTEN_FDS": "1", "LISTEN_FDNAMES": "http"},
    }


class Manager:
    """Hears what is said at NOTIFY_SOCKET."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        # The kernel chooses a name: a pid is not unique to a test where each has pids of its own.
        self.socket.bind("")
        self.socket.settimeout(DEADLINE)
        self.name = "@" + self.socket.getsockname()[1:].decode()
        self.stored = {}

    def until(self, line):
        """The messages up to the first with that line; keeps descriptors as systemd does."""
        said = []
        while not said or line not in said[-1].split("\n"):
            data, passed, _, _ = socket.recv_fds(self.socket, 4096, 1)
            text = data.decode()
            if text.startswith("FDSTORE=1\n"):
                # A later one of the same name is the same socket.
                name = text.partition("FDNAME=")[2]
                passed, self.stored[name] = self.stored.get(name, []), passed
            for descriptor in passed:
                os.close(descriptor)
            said.append(text)
        return said

    def close(self):
        self.socket.close()
        for descriptors in self.stored.values():
            for descriptor in descriptors:
                os.close(descriptor)
