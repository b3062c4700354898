# SPDX-License-Identifier: Apache-2.0
"""Every check of checks.txt is claimed by a test, or a line of left_out.txt says why not.

A test claims checks by a comment that begins with their numbers, right above it:

    // OS-004, OS-009.
    TEST(LaunchTest, TermStopsGracefullyWithStatusZero) {

In Python the comment is `# OS-004.`. Claims are looked for in the data of this test.
"""

import os
import pathlib
import re
import unittest

ROOT = pathlib.Path(os.environ["TEST_SRCDIR"]) / os.environ["TEST_WORKSPACE"]
FOLDER = ROOT / "tests/conformance/launcher"
CHECK = re.compile(r"^(O[SX]-\d{3}) \S")
LEFT_OUT = re.compile(r"^(O[SX]-\d{3}): \S")
# The comment's lines, then the test.
CLAIM = re.compile(
    r"^ *(?://|#) (O[SX]-\d{3}\b.*(?:\n *(?://|#) .*)*)\n *(?:TEST|def test_)", re.MULTILINE
)


def numbers(name, pattern):
    lines = (FOLDER / name).read_text().splitlines()
    matches = [pattern.match(line) for line in lines]
    assert all(matches), [line for line, match in zip(lines, matches) if not match]
    return [match[1] for match in matches]


def claims():
    found = {}
    for path in sorted(ROOT.rglob("*_test.*")):
        if path.suffix in (".cc", ".py") and path != pathlib.Path(__file__).resolve():
            for comment in CLAIM.findall(path.read_text()):
                for number in re.findall(r"O[SX]-\d{3}", comment):
                    found.setdefault(number, []).append(path.name)
    return found


class CoverageTest(unittest.TestCase):
    def test_the_lists_are_sorted_and_have_no_number_twice(self):
        for name, pattern in (("checks.txt", CHECK), ("left_out.txt", LEFT_OUT)):
            listed = numbers(name, pattern)
            self.assertEqual(listed, sorted(set(listed)), name)

    def test_each_check_is_claimed_or_left_out(self):
        checks = set(numbers("checks.txt", CHECK))
        left_out = set(numbers("left_out.txt", LEFT_OUT))
        claimed = set(claims()) & checks
        self.assertGreater(len(claimed), len(checks) // 2, "are the tests among the data?")
        self.assertEqual(sorted(checks - claimed - left_out), [])
        self.assertEqual(sorted(left_out - checks), [])
        self.assertEqual(sorted(left_out & claimed), [], "claimed and left out")


if __name__ == "__main__":
    unittest.main()
