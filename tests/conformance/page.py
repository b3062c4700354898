# SPDX-License-Identifier: Apache-2.0
"""Prints docs/conformance.md: each check with its tests, or the reason why it has none.

    page.py FILE...    the lists and tests of the folders here, and the tests of all others
"""

import collections
import pathlib
import sys

from tests.conformance.checks import CHECK, LEFT_OUT, CoverageByComment, CoverageByList, CoverageByName

HERE = "tests/conformance"
# Each with what the table under it is about.
KINDS = {
    "OS": ("The tests of oslo.service", "A check is one of its tests, by our number."),
    "OX": ("Beyond its tests", "What was seen when it ran, and what was wanted instead."),
    "OC": ("Options: oslo.config", "A check is one of its tests, or what was seen when it ran."),
    "W": ("What the original gets wrong", "The tests show that it does not happen here."),
}
INTRODUCTION = """# Conformance

What oslo.service and oslo.config do, check by check, and the test here that shows it, or why there is none. Made from the tests
and from the lists in `tests/conformance`; a test fails if this page is not what they say.

| | Checks | Tested | Do not carry over |
|---|---|---|---|
"""


def listed(folder, files):
    """The `Coverage` of a folder."""
    if pathlib.Path(folder, "tests.txt") in files:
        kind = CoverageByList
    elif folder.name == "launcher":
        kind = CoverageByComment
    else:
        kind = CoverageByName
    coverage = kind()
    coverage.folder = folder
    coverage.root = pathlib.Path()
    coverage.only = files
    return coverage


def cell(text):
    return text.replace("|", "\\|").replace("<", "&lt;")


def shown_by(tests):
    """Files, and the tests of each."""
    names = collections.defaultdict(list)
    for test in tests:
        file, name = test.split(" ")
        if name not in names[file]:
            names[file].append(name)
    return "<br>".join(f"`{file}` " + ", ".join(found) for file, found in names.items())


def main(files):
    files = [pathlib.Path(file) for file in files]
    folders = sorted({file.parent for file in files if file.name == "checks.txt"})
    texts, tests, reasons = {}, collections.defaultdict(list), {}
    for folder in folders:
        coverage = listed(folder, files)
        for number, text in coverage.entries("checks.txt", CHECK).items():
            texts.setdefault(number, text)
        for number, claims in coverage.claims().items():
            for claim in claims:
                path = claim if "/" in claim.split(" ")[0] else f"{folder}/{claim}"
                tests[number].append(path)
        reasons.update(coverage.entries("left_out.txt", LEFT_OUT))
    sections, summary = [], []
    for kind, (title, about) in KINDS.items():
        numbers = sorted(number for number in texts if number.startswith(f"{kind}-"))
        tested = sum(number in tests for number in numbers)
        summary.append(f"| [{title}](#{kind}) | {len(numbers)} | {tested} | {len(numbers) - tested} |\n")
        rows = [
            f"| {number} | {cell(texts[number])} | "
            + (shown_by(tests[number]) if number in tests else f"*{cell(reasons[number])}*")
            + " |\n"
            for number in numbers
        ]
        sections.append(
            f'\n## <a id="{kind}"></a>{title}\n\n{about}\n\n| Number | What | Shown by |\n|---|---|---|\n' + "".join(rows)
        )
    print(INTRODUCTION + "".join(summary) + "".join(sections), end="")


if __name__ == "__main__":
    main(sys.argv[1:])
