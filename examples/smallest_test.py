# SPDX-License-Identifier: Apache-2.0
import unittest

from examples.program_for_test import Program


class SmallestTest(unittest.TestCase):
    def test_ticks_until_it_is_told_to_stop(self):
        with Program("smallest") as program:
            program.output.wait_for("tick\n", 2)
            self.assertEqual(program.stop(), 0)
            program.output.wait_for("stopped\n")


if __name__ == "__main__":
    unittest.main()
