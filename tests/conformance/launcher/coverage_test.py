# SPDX-License-Identifier: Apache-2.0
"""Every check of checks.txt is claimed by a test, or a line of left_out.txt says why not.

A test claims checks by a comment that begins with their numbers, right above it:

    // OS-004, OS-009.
    TEST(LaunchTest, TermStopsGracefullyWithStatusZero) {

In Python the comment is `# OS-004.`. Claims are looked for in the data of this test.
"""

import collections
import os
import pathlib
import re
import unittest

from tests.conformance.checks import CHECK, Coverage, numbered

ROOT = pathlib.Path(os.environ["TEST_SRCDIR"]) / os.environ["TEST_WORKSPACE"]
# The comment's lines, then the test.
CLAIM = re.compile(
    r"^ *(?://|#) (O[SX]-\d{3}\b.*(?:\n *(?://|#) .*)*)\n *(?:TEST|def test_)", re.MULTILINE
)


class CoverageTest(Coverage, unittest.TestCase):
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

    def claims(self):
        found = collections.defaultdict(list)
        for path in sorted(ROOT.rglob("*_test.*")):
            if path.suffix not in (".cc", ".py") or path.name == pathlib.Path(__file__).name:
                continue
            for comment in CLAIM.findall(path.read_text()):
                for number in re.findall(r"O[SX]-\d{3}", comment):
                    found[number].append(path.name)
        # These tests know the checks of others too.
        checks, _ = self.numbers("checks.txt", CHECK)
        return {number: tests for number, tests in found.items() if number in checks}

    def test_the_tests_are_among_the_data(self):
        checks, _ = self.numbers("checks.txt", CHECK)
        self.assertGreater(len(self.claims()), len(checks) // 2)


if __name__ == "__main__":
    unittest.main()
