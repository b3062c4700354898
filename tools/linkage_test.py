# SPDX-License-Identifier: Apache-2.0
"""The test of linkage.bzl."""

import os
import subprocess
import sys
import unittest

BINARIES = sys.argv[1:]


class LinkageTest(unittest.TestCase):
    def test_no_program_loads_openssl(self):
        self.assertTrue(BINARIES)
        for binary in BINARIES:
            with self.subTest(binary=binary):
                listed = subprocess.run(["ldd", os.path.abspath(binary)], check=False, capture_output=True, text=True)
                if "not a dynamic executable" in listed.stderr:
                    continue  # Linked statically: it loads nothing.
                self.assertEqual(listed.returncode, 0, listed.stderr)
                libraries = listed.stdout
                self.assertIn("libc.so", libraries)
                self.assertNotIn("not found", libraries)
                self.assertNotRegex(libraries, r"lib(ssl|crypto)\.so")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
