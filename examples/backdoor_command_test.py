# SPDX-License-Identifier: Apache-2.0
import socket
import unittest

from examples.program_for_test import Program
from tests.support.lines import DEADLINE


class BackdoorCommandTest(unittest.TestCase):
    def test_a_command_is_found_and_runs(self):
        with Program("backdoor_command", "--port=0") as program:
            where = program.address("backdoor listening on")

            def ask(line):
                """As nc does."""
                with socket.create_connection(where, timeout=DEADLINE) as connection:
                    connection.sendall(line.encode() + b"\n")
                    connection.shutdown(socket.SHUT_WR)
                    answer = b""
                    while piece := connection.recv(4096):
                        answer += piece
                    return answer.decode()

            self.assertIn("greet(whom)", ask("help"))
            self.assertIn("ann is number 1\n", ask("greet('ann')"))
            self.assertIn("bob is number 2\n", ask("greet(whom=bob)"))
            self.assertIn("whom", ask("greet()"))
            program.log.wait_for(r"greet\('ann'\)")
            self.assertEqual(program.stop(), 0)


if __name__ == "__main__":
    unittest.main()
