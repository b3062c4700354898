# SPDX-License-Identifier: Apache-2.0
"""Every check of checks.txt has tests in tests.txt, or a line of left_out.txt says why not.

These checks, and the weaknesses (W) of the original, are tested where the code is.
"""

import os
import pathlib
import unittest

from tests.conformance.checks import CoverageByList, numbered

ROOT = pathlib.Path(os.environ["TEST_SRCDIR"]) / os.environ["TEST_WORKSPACE"]


class CoverageTest(CoverageByList, unittest.TestCase):
    root = ROOT
    folder = ROOT / "tests/conformance/elsewhere"
    expected = [
        *numbered("OS", 133, 140),
        *numbered("OS", 160, 192),
        *numbered("OS", 194, 197),
        *numbered("OS", 200, 201),
        *numbered("OS", 208, 210),
        *(f"W-{number:02}" for number in range(1, 52)),
    ]


if __name__ == "__main__":
    unittest.main()
