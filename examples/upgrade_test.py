# SPDX-License-Identifier: Apache-2.0
import http.client
import os
import signal
import threading
import unittest

from examples.program_for_test import Program
from tests.support.lines import DEADLINE, wait_gone


class UpgradeTest(unittest.TestCase):
    def test_no_request_fails_while_a_program_takes_over(self):
        with Program("upgrade", "--port=0") as program:
            where = program.address()
            answers = []
            done = threading.Event()

            def ask():
                while not done.is_set():
                    connection = http.client.HTTPConnection(*where, timeout=DEADLINE)
                    connection.request("GET", "/")
                    answers.append(connection.getresponse().read().decode())
                    connection.close()

            client = threading.Thread(target=ask)
            client.start()
            try:
                program.signal(signal.SIGUSR2)
                new = int(program.log.wait_for(r"Process (\d+) is the new generation")[0][1])
                # The old one leaves once the new one serves.
                self.assertEqual(program.process.wait(DEADLINE), 0)
            finally:
                done.set()
                client.join()
            # An error of the client's would have ended it: it got an answer to each request.
            connection = http.client.HTTPConnection(*where, timeout=DEADLINE)
            connection.request("GET", "/")
            self.assertEqual(connection.getresponse().read().decode(), f"{new}\n")
            connection.close()
            self.assertEqual(set(answers) - {f"{program.process.pid}\n", f"{new}\n"}, set())
            self.assertTrue(answers)
            os.kill(new, signal.SIGTERM)
            wait_gone(new)


if __name__ == "__main__":
    unittest.main()
