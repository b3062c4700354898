# SPDX-License-Identifier: Apache-2.0
import unittest

from examples.program_for_test import Program


class PeriodicTest(unittest.TestCase):
    def test_runs_by_spacing_and_by_calendar(self):
        with Program("periodic", "--spacing=0.05", "--cron=* * * * * *") as program:
            program.output.wait_for("^poll, ", 1)
            program.output.wait_for(r"poll, \S+ after its time\n", 3)
            program.output.wait_for(r"purge, \S+ after its time\n")
            self.assertEqual(program.stop(), 0)

    def test_says_what_is_wrong_with_an_expression(self):
        with Program("periodic", "--cron=61 * * * *") as program:
            program.log.wait_for("minute")
            self.assertEqual(program.process.wait(), 78)


if __name__ == "__main__":
    unittest.main()
