# SPDX-License-Identifier: Apache-2.0
import os
import re
import signal
import unittest

from examples.program_for_test import Program


class OneOfManyTest(unittest.TestCase):
    def test_one_worker_does_it_and_another_goes_on(self):
        with Program("one_of_many", "--spacing=0.05", "--lock={folder}/lock") as program:
            program.output.wait_for("purges", 3)
            leaders = set(re.findall(r"process (\d+) purges, token 1\n", program.output.text()))
            self.assertEqual(len(leaders), 1)
            leader = int(leaders.pop())
            os.kill(leader, signal.SIGKILL)
            next_leader = int(program.output.wait_for(r"process (\d+) purges, token 2\n")[0][1])
            self.assertNotEqual(next_leader, leader)
            self.assertEqual(program.stop(), 0)


if __name__ == "__main__":
    unittest.main()
