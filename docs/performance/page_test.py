# SPDX-License-Identifier: Apache-2.0
import json
import os
import pathlib
import tempfile
import unittest
import xml.etree.ElementTree

from docs.performance import page

RECORD = {
    "title": "timers",
    "machine": "a machine",
    "versions": {"bergen": "1.2.3", "libuv1-dev": "1.44"},
    "command": "./bazelw run -c opt //tests/bench:timers",
    "date": "2026-11-25",
    "rounds": 3,
    "estimate": "medians",
    "lines": [
        {"metric": "insert.1000000", "unit": "ns", "ours": 20.0, "peer": "ourselves, 1000", "theirs": 10.0, "ratio": 2.0, "bar": 3, "holds": True},
        {"metric": "insert.1000000", "unit": "ns", "ours": 20.0, "peer": "libuv", "theirs": 80.0, "ratio": 0.25, "bar": 1, "holds": True},
        {"metric": "insert.1000", "unit": "ns", "ours": 10.0, "peer": "libuv", "theirs": 40.0, "ratio": 0.25, "bar": 0.2, "holds": False},
        {"metric": "run", "unit": "us", "ours": 12345.0, "peer": "a|b", "theirs": None, "ratio": None, "bar": None, "holds": None, "missing": "not installed"},
    ],
}


class PageTest(unittest.TestCase):
    def make(self, record):
        with tempfile.TemporaryDirectory(dir=os.environ.get("TEST_TMPDIR")) as name:
            folder = pathlib.Path(name)
            file = folder / "record.json"
            file.write_text(json.dumps(record), encoding="utf-8")
            page.main(name, [str(file)])
            return (
                (folder / "performance.md").read_text(encoding="utf-8"),
                (folder / f"performance_{record['title']}.svg").read_text(encoding="utf-8"),
            )

    def test_the_page_has_each_line_and_where_it_comes_from(self):
        text, _ = self.make(RECORD)
        self.assertIn("2 of 3 bars hold. a machine; medians of 3 rounds; 2026-11-25.", text)
        self.assertIn("`./bazelw run -c opt //tests/bench:timers`", text)
        self.assertIn("| `insert.1000000` | 20 | 80 | ns | 0.25 | 1 holds | libuv |", text)
        self.assertIn("| `insert.1000` | 10 | 40 | ns | 0.25 | 0.2 **over** | libuv |", text)
        self.assertIn("| `run` | 12 345 | - | us | - |  | a\\|b: not installed |", text)
        self.assertIn("bergen 1.2.3, libuv1-dev 1.44", text)

    def test_cost_grows_with_the_number_in_a_name(self):
        found = page.series(RECORD["lines"])
        self.assertEqual(
            found, {("insert.N", "ns"): {"ours": {1000000: 20.0, 1000: 10.0}, "libuv": {1000000: 80.0, 1000: 40.0}}}
        )

    def test_the_picture_is_xml_with_a_bar_for_each_ratio(self):
        _, svg = self.make(RECORD)
        root = xml.etree.ElementTree.fromstring(svg)
        name = "{http://www.w3.org/2000/svg}"
        texts = [element.text for element in root.iter(f"{name}text")]
        self.assertIn("insert.1000000: libuv", texts)
        self.assertIn("insert.N, ns", texts)
        self.assertEqual(len(list(root.iter(f"{name}polyline"))), 2)

    def test_infinite_and_zero_ratios_have_no_bar_and_no_error(self):
        line = dict(RECORD["lines"][0], ratio=float("inf"), theirs=0.0)
        self.make(dict(RECORD, lines=[line, dict(line, ratio=0.0, ours=0.0)]))


if __name__ == "__main__":
    unittest.main()
