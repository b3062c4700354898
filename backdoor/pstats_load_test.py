# SPDX-License-Identifier: Apache-2.0
"""Python's own pstats reads the files that pstats.cc writes."""

import io
import os
import pathlib
import pstats
import subprocess
import sys
import unittest

WRITER = os.path.join(os.environ["TEST_SRCDIR"], "bergen/backdoor/pstats_writer_for_test")
FIRST = pathlib.Path(os.environ["TEST_TMPDIR"], "first.prof")
SECOND = pathlib.Path(os.environ["TEST_TMPDIR"], "second.prof")
EMPTY = pathlib.Path(os.environ["TEST_TMPDIR"], "empty.prof")

MAIN = ("src/main.cc", 1, "main")
WORK = ("src/work.cc", 20, "demo::Work")
FIBONACCI = ("src/work.cc", 3, "demo::Fibonacci")
MEMCPY = ("libc.so.6", 0, "memcpy")


class PstatsLoadTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        subprocess.run([WRITER, FIRST, SECOND, EMPTY], check=True)

    def load(self, path=FIRST):
        self.out = io.StringIO()
        return pstats.Stats(str(path), stream=self.out)

    def test_the_numbers_are_those_of_the_profile(self):
        stats = self.load()
        self.assertEqual(set(stats.stats), {MAIN, WORK, FIBONACCI, MEMCPY})
        cc, nc, tt, ct, callers = stats.stats[FIBONACCI]
        self.assertEqual((cc, nc, tt, ct), (6, 6, 1.5, 1.5))
        # A caller's record: all calls, primitive calls, own and total time.
        self.assertEqual(callers[FIBONACCI], (6, 0, 1.5, 1.5))
        self.assertEqual(callers[WORK], (6, 6, 0.0, 1.5))
        self.assertEqual(stats.stats[MAIN][:4], (9, 9, 0.25, 2.25))
        self.assertEqual(stats.total_tt, 2.25)

    def test_everything_can_be_printed(self):
        stats = self.load()
        for order in ("cumulative", "tottime", "calls", "name", "file", "nfl", "stdname"):
            stats.sort_stats(order).print_stats()
        stats.print_stats("Fibonacci")
        stats.print_callers()
        stats.print_callees()
        text = self.out.getvalue()
        self.assertIn("src/work.cc:3(demo::Fibonacci)", text)
        self.assertIn("libc.so.6:0(memcpy)", text)
        self.assertIn("was called by...", text)

    def test_directories_can_be_stripped_and_files_added(self):
        stats = self.load()
        stats.add(str(FIRST))
        self.assertEqual(stats.stats[FIBONACCI][:4], (12, 12, 3.0, 3.0))
        stats.strip_dirs().print_stats()
        self.assertIn(" work.cc:3(demo::Fibonacci)", self.out.getvalue())

    def test_counts_beyond_32_bits(self):
        stats = self.load(SECOND)
        self.assertEqual(stats.stats[FIBONACCI][0], 6_000_000_000)
        self.assertEqual(stats.stats[FIBONACCI][4][WORK][1], 6_000_000_000)

    def test_a_recording_without_samples_can_be_printed(self):
        stats = self.load(EMPTY)
        stats.print_stats().print_callers()
        self.assertIn("{no samples}", self.out.getvalue())

    def test_what_was_read_can_be_dumped_and_read_again(self):
        copy = pathlib.Path(os.environ["TEST_TMPDIR"], "copy.prof")
        stats = self.load()
        stats.dump_stats(str(copy))
        self.assertEqual(self.load(copy).stats, stats.stats)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
