# SPDX-License-Identifier: Apache-2.0
"""What holds for every example: it is short, has a test, and says its version."""

import os
import pathlib
import subprocess
import unittest

FOLDER = pathlib.Path(os.environ["TEST_SRCDIR"], "bergen/examples")
LINES = 80
NAMES = sorted(path.stem for path in FOLDER.glob("*.cc"))


class AllExamplesTest(unittest.TestCase):
    def test_each_is_shorter_than_a_screen(self):
        self.assertGreaterEqual(len(NAMES), 10)
        files = [path for path in FOLDER.iterdir() if path.suffix in (".cc", ".h", ".proto")]
        self.assertEqual([], [path.name for path in files if len(path.read_text().splitlines()) >= LINES])

    def test_each_has_a_test(self):
        self.assertEqual([], [name for name in NAMES if not (FOLDER / f"{name}_test.py").exists()])

    def test_each_says_its_version(self):
        version = FOLDER.parent.joinpath("VERSION").read_text().strip()
        for name in NAMES:
            said = subprocess.run([FOLDER / name, "--version"], capture_output=True, text=True, timeout=30)
            self.assertEqual((said.returncode, said.stdout.split()[-1:]), (0, [version]), name)


if __name__ == "__main__":
    unittest.main()
