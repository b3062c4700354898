# SPDX-License-Identifier: Apache-2.0
import contextlib
import io
import json
import os
import pathlib
import tempfile
import unittest
import unittest.mock

from tests.bench.report import Peer, Report


class ReportTest(unittest.TestCase):
    def test_a_record_has_what_the_page_of_performance_needs(self):
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()) as said:
            with unittest.mock.patch.dict(os.environ, BERGEN_BENCH_RECORD=folder):
                report = Report("sums", rounds=3)
                report.compare("add", "ns", lambda: 1.0, [Peer("slow", lambda: 4.0, bar=0.5), Peer("fast", lambda: 0.5, bar=1)])
                report.compare("add", "ns", lambda: 1.0, [Peer("away", None, missing="not installed")])
                self.assertEqual(report.finish(), 1)
            record = json.loads(pathlib.Path(folder, "sums.json").read_text(encoding="utf-8"))
        self.assertEqual([line["holds"] for line in record["lines"]], [True, False, None])
        self.assertEqual([line["ratio"] for line in record["lines"]], [0.25, 2.0, None])
        self.assertEqual((record["title"], record["rounds"], record["estimate"]), ("sums", 3, "medians"))
        self.assertTrue(record["command"].startswith("./bazelw run -c opt //tests/bench:sums"))
        self.assertRegex(record["date"], r"^\d{4}-\d\d-\d\d$")
        self.assertRegex(record["versions"]["bergen"], r"^\d+\.\d+\.\d+$")
        self.assertIn("cores", record["machine"])
        self.assertIn("OVER", said.getvalue())


if __name__ == "__main__":
    unittest.main()
