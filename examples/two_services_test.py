# SPDX-License-Identifier: Apache-2.0
import os
import re
import signal
import unittest
import urllib.request

from examples.program_for_test import Program
from tests.support.lines import DEADLINE


class TwoServicesTest(unittest.TestCase):
    def get(self, program, service):
        host, port = program.address(f"{service} at")
        with urllib.request.urlopen(f"http://{host}:{port}/", timeout=DEADLINE) as answer:
            return answer.read().decode()

    def test_each_has_workers_of_its_own(self):
        with Program("two_services", "--greeter_port=0", "--clock_port=0") as program:
            self.assertRegex(self.get(program, "clock"), r"^\d{4}-\d\d-\d\dT")
            workers = program.workers()
            self.assertEqual(len(workers), 3)
            greeter = int(re.fullmatch(r"Hello from process (\d+)\n", self.get(program, "greeter"))[1])
            self.assertIn(greeter, workers)

            os.kill(greeter, signal.SIGKILL)
            program.log.wait_for(rf"Child {greeter} killed by signal 9")
            # One worker is left, and soon there are two again.
            self.assertIn("Hello from process", self.get(program, "greeter"))
            self.assertEqual(program.stop(), 0)


if __name__ == "__main__":
    unittest.main()
