# SPDX-License-Identifier: Apache-2.0
"""Every program says the version of the file VERSION. Those of //examples have a test of their own."""

import os
import pathlib
import subprocess
import unittest

ROOT = pathlib.Path(os.environ["TEST_SRCDIR"], "bergen")
VERSION = (ROOT / "VERSION").read_text(encoding="utf-8").strip()
PROGRAMS = {
    "backdoor/bergenctl": f"bergenctl version {VERSION}\n",
    "config/generator": f"bergen {VERSION}, layout of JSON and YAML: 1\n",
    "config/validator": f"bergen {VERSION}, layout of JSON and YAML: 1\n",
    "docs/generator": f"bergen {VERSION}, layout of JSON and YAML: 1\n",
    "examples/demo/demo": f"{VERSION}\n",
}


class VersionTest(unittest.TestCase):
    def test_every_program_says_it(self):
        for program, expected in PROGRAMS.items():
            said = subprocess.run([ROOT / program, "--version"], capture_output=True, text=True, timeout=30)
            self.assertEqual((said.returncode, said.stdout), (0, expected), program)

    def test_the_changelog_has_it(self):
        self.assertIn(f"\n## {VERSION}\n", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))


if __name__ == "__main__":
    unittest.main()
