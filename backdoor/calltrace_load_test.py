# SPDX-License-Identifier: Apache-2.0
"""Python's own pstats reads a trace, and finds each call counted."""

import io
import os
import pathlib
import pstats
import re
import subprocess
import sys
import unittest

WRITER = os.path.join(os.environ["TEST_SRCDIR"], "bergen/backdoor/calltrace_writer_for_test")
FILE = pathlib.Path(os.environ["TEST_TMPDIR"], "trace.prof")
FIBONACCI_10 = 177  # Calls.


class CalltraceLoadTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        subprocess.run([WRITER, FILE], check=True)

    def setUp(self):
        self.out = io.StringIO()
        self.stats = pstats.Stats(str(FILE), stream=self.out)
        self.by_name = {key[2].rpartition("::")[2]: key for key in self.stats.stats}

    def entry(self, name):
        return self.stats.stats[self.by_name[name]]

    def text_of(self, print_what, name):
        print_what(name)
        return self.out.getvalue()

    def test_each_call_is_counted(self):
        # Of two threads, and once where the exception was caught.
        cc, nc, tt, ct, callers = self.entry("Fibonacci")
        self.assertEqual((cc, nc), (3, 2 * FIBONACCI_10 + 1))
        self.assertEqual(callers[self.by_name["Fibonacci"]][:2], (2 * (FIBONACCI_10 - 1), 0))
        self.assertEqual(callers[self.by_name["Catcher"]][:2], (1, 1))
        self.assertEqual(self.entry("Leaf")[:2], (1000, 1000))
        self.assertEqual(self.entry("Thrower")[:2], (1, 5))
        self.assertEqual(self.stats.total_calls, 2 * FIBONACCI_10 + 1 + 1001 + 6)
        self.assertEqual(self.stats.prim_calls, 3 + 1001 + 2)

    def test_times_are_those_of_the_calls(self):
        self.assertGreater(self.entry("Leaf")[2], 0)
        self.assertGreaterEqual(self.entry("CallLeaf")[3], self.entry("Leaf")[3])

    def test_functions_have_their_place_in_the_source(self):
        file, line, name = self.by_name["Fibonacci"]
        self.assertTrue(file.endswith("backdoor/calltrace_work_for_test.cc"), file)
        self.assertGreater(line, 0)
        self.assertEqual(name, "bergen::backdoor::work::Fibonacci")

    def test_callers_and_callees_can_be_printed(self):
        text = self.text_of(self.stats.print_callers, "::Leaf")
        self.assertRegex(text, r"::Leaf\) *<- *1000 .*CallLeaf")
        text = self.text_of(self.stats.print_callees, "::Catcher")
        self.assertRegex(text, r"::Catcher\) *-> *1 .*Fibonacci")
        text = self.text_of(self.stats.print_stats, "::Thrower")
        self.assertRegex(text, re.compile(r"^ *5/1 .*Thrower", re.MULTILINE))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
