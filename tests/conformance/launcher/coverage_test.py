# SPDX-License-Identifier: Apache-2.0
"""Every check of checks.txt is claimed by a test, or a line of left_out.txt says why not.

Claims are looked for in the data of this test.
"""

import os
import pathlib
import unittest

from tests.conformance.checks import CHECK, CoverageByComment, numbered

ROOT = pathlib.Path(os.environ["TEST_SRCDIR"]) / os.environ["TEST_WORKSPACE"]


class CoverageTest(CoverageByComment, unittest.TestCase):
    root = ROOT
    folder = ROOT / "tests/conformance/launcher"
    expected = [
        *numbered("OS", 1, 36),
        *numbered("OS", 87, 103),
        *numbered("OS", 141, 144),
        *("OS-193", "OS-198", "OS-199"),
        *numbered("OS", 202, 207),
        *numbered("OS", 211, 212),
        *numbered("OX", 1, 19),
        *("OX-023", "OX-046"),
    ]

    def test_the_tests_are_among_the_data(self):
        checks, _ = self.numbers("checks.txt", CHECK)
        self.assertGreater(len(self.claims()), len(checks) // 2)


if __name__ == "__main__":
    unittest.main()
