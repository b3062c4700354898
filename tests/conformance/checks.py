# SPDX-License-Identifier: Apache-2.0
"""Whether every check of a folder's checks.txt is a test, or a line of its left_out.txt.

    class CoverageTest(CoverageByName, unittest.TestCase):
        folder = pathlib.Path(__file__).parent
        expected = numbered("OC", 1, 207)
"""

import collections
import re

CHECK = re.compile(r"^(O[CSX]-\d{3}|W-\d{2}) (\S.*)$")
LEFT_OUT = re.compile(r"^(O[CSX]-\d{3}|W-\d{2}): (\S.*)$")
CC_TEST = re.compile(r"^TEST(?:_F|_P)?\(\s*(\w+),\s*(((?:O[csx]\d{3})+)\w*)\s*\)", re.MULTILINE)
PY_TEST = re.compile(r"^    def (test_((?:o[csx]\d{3})+)\w*)\(", re.MULTILINE)
# The comment's lines, then the test.
COMMENT = re.compile(
    r"^ *(?://|#) (O[SX]-\d{3}\b.*(?:\n *(?://|#) .*)*)\n *(?:TEST(?:_F|_P)?\(\w+,\s*(\w+)|def (test_\w+))",
    re.MULTILINE,
)
NUMBER = re.compile(r"([oO][csx])(\d{3})")


def numbered(kind, first, last):
    return [f"{kind}-{number:03}" for number in range(first, last + 1)]


class Coverage:
    """Of one folder; a mixin for tests, and what the page reads."""

    folder = None  # A pathlib.Path.
    expected = None  # What checks.txt has.

    def claims(self):
        """{number: [test]} of all tests."""
        raise NotImplementedError

    def read(self, name):
        return (self.folder / name).read_text(encoding="utf-8")

    def numbers(self, name, pattern):
        """The numbers of a list's lines in their order, and what is wrong with the lines."""
        found, wrong = [], []
        for at, line in enumerate(self.read(name).splitlines(), 1):
            match = pattern.match(line)
            if match:
                found.append(match.group(1))
            else:
                wrong.append(f"{name}:{at}: must be like {pattern.pattern}: {line}")
        if found != sorted(set(found)):
            wrong.append(f"{name}: not sorted, or a number twice")
        return found, wrong

    def entries(self, name, pattern):
        """{number: text} of a list."""
        return dict(pattern.match(line).groups() for line in self.read(name).splitlines())

    def test_the_lists_are_well_formed(self):
        checks, wrong = self.numbers("checks.txt", CHECK)
        wrong += self.numbers("left_out.txt", LEFT_OUT)[1]
        self.assertEqual([], wrong)
        self.assertEqual(self.expected, checks)

    def test_each_check_is_tested_or_left_out_for_a_reason(self):
        checks, _ = self.numbers("checks.txt", CHECK)
        left_out, _ = self.numbers("left_out.txt", LEFT_OUT)
        claimed = self.claims()
        self.assertEqual([], sorted(set(checks) - set(left_out) - set(claimed)), "neither tested nor left out")
        self.assertEqual([], sorted(set(claimed) - set(checks)), "tests of checks that do not exist")
        self.assertEqual([], sorted(set(left_out) - set(checks)), "reasons for checks that do not exist")

    def test_no_check_is_tested_and_left_out(self):
        left_out, _ = self.numbers("left_out.txt", LEFT_OUT)
        claimed = self.claims()
        self.assertEqual([], [f"{number}: {claimed[number]}" for number in left_out if number in claimed])


class CoverageByName(Coverage):
    """A test claims OC-034 if its name begins with the number: `TEST(Oc, Oc034Foo)` in C++,
    `def test_oc034_foo` in Python. Several may share one, and one may claim several:
    `Os110Ox026Foo`."""

    def files(self):
        return sorted(
            path.name for path in self.folder.iterdir() if path.name.endswith(("_test.cc", "_test.py"))
        )

    def claims(self):
        found = collections.defaultdict(list)
        for name in self.files():
            if name.endswith(".cc"):
                tests = [(f"{suite}.{test}", numbers) for suite, test, numbers in CC_TEST.findall(self.read(name))]
            else:
                tests = PY_TEST.findall(self.read(name))
            for test, numbers in tests:
                for kind, number in NUMBER.findall(numbers):
                    found[f"{kind.upper()}-{number}"].append(f"{name} {test}")
        return found

    def test_no_name_is_claimed_twice(self):
        names = collections.Counter(
            name.split()[1] for name in {name for tests in self.claims().values() for name in tests}
        )
        self.assertEqual([], [name for name, count in names.items() if count > 1])

    def test_each_test_file_is_built(self):
        build = self.read("BUILD")
        unbuilt = [name for name in self.files() if f'srcs = ["{name}"]' not in build]
        self.assertEqual([], unbuilt, "in no target of BUILD")


class CoverageByComment(Coverage):
    """A test claims checks by a comment that begins with their numbers, right above it:

        // OS-004, OS-009.
        TEST(LaunchTest, TermStopsGracefullyWithStatusZero) {

    In Python the comment is `# OS-004.`. Claims are looked for in all tests below `root`.
    """

    root = None  # A pathlib.Path.
    only = None  # If set: the files to look in.

    def claims(self):
        checks, _ = self.numbers("checks.txt", CHECK)
        found = collections.defaultdict(list)
        files = self.root.rglob("*_test.*") if self.only is None else self.only
        for path in sorted(files):
            if not path.name.endswith(("_test.cc", "_test.py")) or path.name == "coverage_test.py":
                continue
            for comment, in_cc, in_py in COMMENT.findall(path.read_text(encoding="utf-8")):
                for number in re.findall(r"O[SX]-\d{3}", comment):
                    # These tests know the checks of others too.
                    if number in checks:
                        found[number].append(f"{path.relative_to(self.root)} {in_cc or in_py}")
        return found


class CoverageByList(Coverage):
    """`tests.txt` has the tests of a check: `OS-134: sslutils/options_test.cc TestName, ...`. Files are
    below `root`."""

    root = None  # A pathlib.Path.

    def claims(self):
        return {
            number: text.split(", ") for number, text in self.entries("tests.txt", LEFT_OUT).items()
        }

    def test_each_test_that_is_named_exists(self):
        missing = []
        for tests in self.claims().values():
            for test in tests:
                file, name = test.split(" ")
                path = self.root / file
                if not path.is_file() or not re.search(rf"\b{name}\b", path.read_text(encoding="utf-8")):
                    missing.append(test)
        self.assertEqual([], missing)
