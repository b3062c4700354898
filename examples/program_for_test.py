# SPDX-License-Identifier: Apache-2.0
"""Starts an example for its test, and ends it and all of its workers afterwards.

    with Program("http", "--port=0") as program:
        address = program.log.wait_for(r"listening on (http://\\S+)")[0][1]
        ...
        assert program.stop() == 0
"""

import os
import pathlib
import shutil
import signal
import subprocess
import tempfile

from tests.support.lines import DEADLINE, Lines, children_of

FOLDER = pathlib.Path(os.environ["TEST_SRCDIR"], "bergen/examples")


class Program:
    """Its standard output is `output`, its standard error `log`."""

    def __init__(self, name, *arguments):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="example.", dir="/tmp"))
        self.process = subprocess.Popen(
            [str(FOLDER / name), *(argument.format(folder=self.folder) for argument in arguments)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self.output = Lines(self.process.stdout)
        self.log = Lines(self.process.stderr)

    def address(self, what="listening on"):
        """Of the log's line that says `WHAT SCHEME://HOST:PORT`: host and port."""
        match = self.log.wait_for(what + r" (?:\w+://)?(\S+):(\d+)\b")[0]
        return match[1], int(match[2])

    def workers(self):
        return children_of(self.process.pid)

    def signal(self, number):
        self.process.send_signal(number)

    def stop(self):
        """The exit status after SIGTERM."""
        self.signal(signal.SIGTERM)
        return self.process.wait(DEADLINE)

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        try:
            # The session is the program's own: nobody else's processes are in it.
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        self.output.close()
        self.log.close()
        if kind is not None:
            print(self.log.text())
        shutil.rmtree(self.folder, ignore_errors=True)
