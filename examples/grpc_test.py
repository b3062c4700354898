# SPDX-License-Identifier: Apache-2.0
import unittest

import grpc

from backdoor.control_client_for_test import execute
from examples.program_for_test import Program
from tests.support.lines import DEADLINE


class GrpcTest(unittest.TestCase):
    def test_the_service_and_the_control_door_are_side_by_side(self):
        with Program("grpc", "--listen=unix:{folder}/greeter", "--control={folder}/control") as program:
            with grpc.insecure_channel(f"unix:{program.folder}/greeter") as channel:
                greet = channel.unary_unary("/bergen.examples.Greeter/Greet")
                # Messages of one text, with the number 1.
                answer = greet(b"\x0a\x03you", timeout=DEADLINE, wait_for_ready=True)
                self.assertEqual(answer, b"\x0a\x0aHello, you")
            with grpc.insecure_channel(f"unix:{program.folder}/control") as channel:
                self.assertIn("info", execute(channel, "log_level"))
            self.assertEqual(program.stop(), 0)


if __name__ == "__main__":
    unittest.main()
