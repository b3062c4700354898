# SPDX-License-Identifier: Apache-2.0
"""Runs the session of profiling.md."""

import os
import pathlib
import tempfile
import unittest

from docs.page_reader import Reader

ROOT = pathlib.Path(os.environ["TEST_SRCDIR"], "bergen")
DEADLINE = 60  # Seconds.


class ProfilingTest(unittest.TestCase):
    def test_the_session_is_as_it_says(self):
        # Sockets have short names.
        folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="session.", dir="/tmp")))
        text = (ROOT / "docs/profiling.md").read_text(encoding="utf-8")
        text = text.replace("/tmp/", f"{folder}/")
        # Others may have the ports of the demo's backdoor.
        text = text.replace("demo --workers", "demo --set DEFAULT.backdoor_port=0 --workers")
        environment = {
            **os.environ,
            "PATH": f"{ROOT}/examples/demo:{ROOT}/backdoor:{os.environ['PATH']}",
            "TMPDIR": str(folder),
            "XDG_RUNTIME_DIR": "",
        }
        self.assertIsNone(Reader(folder, text).follow(DEADLINE, environment))


if __name__ == "__main__":
    unittest.main()
