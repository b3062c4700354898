# SPDX-License-Identifier: Apache-2.0
"""Every check of checks.txt is a test by its number, or a line of left_out.txt.

A test claims OS-104 if its name begins with the number: `TEST(LoaderTest, Os104Foo)`. Several
tests may share one, and a test may claim several: `Os110Ox026Foo`.
"""

import collections
import os
import re
import unittest

FOLDER = os.path.dirname(os.path.abspath(__file__))
CHECK = re.compile(r"^(O[SX]-\d{3}) (\S.*)$")
LEFT_OUT = re.compile(r"^(O[SX]-\d{3}): (\S.*)$")
CC_TEST = re.compile(r"^TEST(?:_F|_P)?\(\s*(\w+),\s*((?:O[sx]\d{3})+\w*)\s*\)", re.MULTILINE)
NUMBER = re.compile(r"(O[sx])(\d{3})")


def read(name):
    with open(os.path.join(FOLDER, name), encoding="utf-8") as file:
        return file.read()


def numbers(name, pattern):
    """The numbers of a list's lines in their order, and what is wrong with the lines."""
    found, wrong = [], []
    for at, line in enumerate(read(name).splitlines(), 1):
        match = pattern.match(line)
        if match:
            found.append(match.group(1))
        else:
            wrong.append(f"{name}:{at}: must be like {pattern.pattern}: {line}")
    if found != sorted(set(found)):
        wrong.append(f"{name}: not sorted, or a number twice")
    return found, wrong


def tests():
    """{number: [file and test]} of all test files in this folder."""
    found = collections.defaultdict(list)
    for name in sorted(os.listdir(FOLDER)):
        if name.endswith("_test.cc"):
            for suite, test in CC_TEST.findall(read(name)):
                for kind, number in NUMBER.findall(test):
                    found[f"{kind.upper()}-{number}"].append(f"{name} {suite}.{test}")
    return found


class CoverageTest(unittest.TestCase):
    def test_the_lists_are_well_formed(self):
        checks, wrong = numbers("checks.txt", CHECK)
        wrong += numbers("left_out.txt", LEFT_OUT)[1]
        self.assertEqual([], wrong)
        expected = [f"OS-{number:03}" for number in range(104, 133)]
        expected += [f"OX-{number:03}" for number in range(25, 42)] + ["OX-047"]
        self.assertEqual(expected, checks)

    def test_each_check_is_tested_or_left_out_for_a_reason(self):
        checks, _ = numbers("checks.txt", CHECK)
        left_out, _ = numbers("left_out.txt", LEFT_OUT)
        tested = tests()
        missing = sorted(set(checks) - set(left_out) - set(tested))
        self.assertEqual([], missing, "neither tested nor left out")
        self.assertEqual([], sorted(set(tested) - set(checks)), "tests of checks that do not exist")

    def test_no_check_is_claimed_twice(self):
        left_out, _ = numbers("left_out.txt", LEFT_OUT)
        tested = tests()
        both = [f"{number}: {tested[number]}" for number in left_out if number in tested]
        self.assertEqual([], both, "tested and left out")
        names = collections.Counter(name.split()[1] for name in {name for claims in tested.values() for name in claims})
        self.assertEqual([], [name for name, count in names.items() if count > 1], "the same name twice")

    def test_each_test_file_is_built(self):
        build = read("BUILD")
        unbuilt = [
            name
            for name in sorted(os.listdir(FOLDER))
            if name.endswith("_test.cc") and f'srcs = ["{name}"]' not in build
        ]
        self.assertEqual([], unbuilt, "in no target of BUILD")


if __name__ == "__main__":
    unittest.main()
