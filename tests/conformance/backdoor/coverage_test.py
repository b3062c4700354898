# SPDX-License-Identifier: Apache-2.0
"""Every check of checks.txt is a test by its number, or a line of left_out.txt."""

import pathlib
import unittest

from tests.conformance.checks import CoverageByName, numbered


class CoverageTest(CoverageByName, unittest.TestCase):
    folder = pathlib.Path(__file__).parent
    expected = numbered("OS", 145, 159) + numbered("OX", 42, 45)


if __name__ == "__main__":
    unittest.main()
