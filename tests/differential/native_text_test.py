# SPDX-License-Identifier: Apache-2.0
"""What config/native_text.h writes is what Python writes, for random data."""

import json
import random
import subprocess
import sys
import unittest

sys.path.append("/usr/lib/python3/dist-packages")

import yaml  # noqa: E402

FILTER = "config/native_text_filter"
ALPHABET = list("ab  \n\t:#'\"-?,[]{}&*!|>%@`0159.e+_~=<\\\r\x00\x1b\x7f") + [
    "\x85", "\xa0", "é", "\u2028", "\ufeff", "\U0001f600", "word ", "long words ", "yes", "null"]
KNOWN = ["", " ", "yes", "No", "on", "~", "null", "=", "<<", "-", "- a", "a: b", "a #b", "1_000", "0x1f",
         "1:30", "1e5", "1.0e+5", "2026-11-24", "2001-1-1 1:02:03 Z", ".inf", ".nan", "---", "...", "0o7",
         "a\n\nb", "\na", "a\n", " a\n b", "a \nb", "?", "? a", ":", "word " * 40, "é " * 60, "x" * 200,
         "don't " * 30, "a\\ b " * 30]
NUMBERS = [0, -1, 2**62, 0.0, 1.0, -0.0, 1e16, 1e17, 1e-7, 0.1, 1.5e300, 123456789012345.6]


def value(source, depth=0):
    kind = source.randrange(9 if depth < 4 else 5)
    if kind < 3:
        if source.random() < 0.3:
            return source.choice(KNOWN)
        return "".join(source.choices(ALPHABET, k=source.choice([1, 2, 3, 8, 40, 150])))
    if kind == 3:
        return source.choice(NUMBERS)
    if kind == 4:
        return source.choice([None, True, False])
    if kind < 7:
        return [value(source, depth + 1) for _ in range(source.randrange(4))]
    return {key_text(source): value(source, depth + 1) for _ in range(source.randrange(4))}


def key_text(source):
    return source.choice(KNOWN) if source.random() < 0.3 else "".join(source.choices(ALPHABET, k=5))


class NativeTextTest(unittest.TestCase):
    def test_yaml_and_json_are_pythons(self):
        source = random.Random(20261124)
        data = [[text] for text in KNOWN] + [[number] for number in NUMBERS]
        data += [{"root": value(source)} for _ in range(4000)]
        # Two equal lists in one document would be an anchor and an alias if they were the same object.
        sent = "".join(json.dumps(item) + "\n" for item in data)
        done = subprocess.run([FILTER], input=sent.encode(), stdout=subprocess.PIPE, check=True)
        texts = done.stdout.decode().split("\0")
        self.assertEqual(len(texts), 2 * len(data) + 1)
        wrong = 0
        for item, ours_yaml, ours_json in zip(data, texts[::2], texts[1::2]):
            wanted = yaml.safe_dump(item, default_flow_style=False)
            if (ours_yaml, ours_json) != (wanted, json.dumps(item, sort_keys=True)):
                wrong += 1
                if wrong <= 5:
                    print(repr(item), repr(wanted), repr(ours_yaml), ours_json, sep="\n", end="\n\n")
        self.assertEqual(wrong, 0)


if __name__ == "__main__":
    unittest.main()
