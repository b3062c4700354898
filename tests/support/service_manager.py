# SPDX-License-Identifier: Apache-2.0
"""Does what systemd would: hands sockets over, hears what a service says, keeps descriptors."""

import os
import re
import socket
import struct

from tests.support.demo import DEADLINE

CREDENTIALS = struct.Struct("3i")  # pid, uid, gid


def activated(listener):
    """How Demo starts a program with `listener` as its descriptor 3, named http."""
    return {
        # Debian's sh knows descriptors of one digit only.
        "prefix": ["bash", "-c", f'exec 3<&{listener.fileno()} && LISTEN_PID=$$ exec "$0" "$@"'],
        "pass_fds": (listener.fileno(),),
        "environment": {"LISTEN_FDS": "1", "LISTEN_FDNAMES": "http"},
    }


class Manager:
    """Hears what is said at NOTIFY_SOCKET; by the main process only, as with NotifyAccess=main."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        # The kernel chooses a name: a pid is not unique to a test where each has pids of its own.
        self.socket.bind("")
        self.socket.settimeout(DEADLINE)
        self.name = "@" + self.socket.getsockname()[1:].decode()
        self.main = None  # The first that speaks, or whom it names.
        self.stored = {}

    def _receive(self):
        """The sender, the text and the descriptors of the next message."""
        space = socket.CMSG_SPACE(CREDENTIALS.size) + socket.CMSG_SPACE(4)
        data, ancillary, _, _ = self.socket.recvmsg(4096, space)
        sender, passed = 0, []
        for _, kind, content in ancillary:
            if kind == socket.SCM_RIGHTS:
                (descriptor,) = struct.unpack("i", content)
                passed.append(descriptor)
            elif kind == socket.SCM_CREDENTIALS:
                sender, _, _ = CREDENTIALS.unpack(content)
        return sender, data.decode(), passed

    def until(self, line):
        """The messages up to the first with that line; keeps descriptors as systemd does."""
        said = []
        while not said or line not in said[-1].split("\n"):
            sender, text, passed = self._receive()
            self.main = self.main or sender
            if sender == self.main:
                if match := re.search(r"^MAINPID=(\d+)$", text, re.MULTILINE):
                    self.main = int(match[1])
                name = text.partition("FDNAME=")[2]
                if text.startswith("FDSTORE=1\n"):
                    self.stored.setdefault(name, []).append(passed.pop())
                elif text.startswith("FDSTOREREMOVE=1\n"):
                    passed += self.stored.pop(name, [])
                said.append(text)
            elif text == "BARRIER=1":  # Anybody may wait for it to be read.
                said.append(text)
            for descriptor in passed:
                os.close(descriptor)
        return said

    def close(self):
        self.socket.close()
        for descriptors in self.stored.values():
            for descriptor in descriptors:
                os.close(descriptor)
