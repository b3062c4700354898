# SPDX-License-Identifier: Apache-2.0
import http.client
import unittest

from examples.program_for_test import Program
from tests.support.lines import DEADLINE


class HttpTest(unittest.TestCase):
    def test_middleware_and_router(self):
        with Program("http", "--port=0") as program:
            connection = http.client.HTTPConnection(*program.address(), timeout=DEADLINE)

            def get(path, headers):
                connection.request("GET", path, headers=headers)
                answer = connection.getresponse()
                return answer.status, answer.read().decode()

            self.assertEqual(get("/servers/7", {"X-User": "ann"}), (200, "server 7 of ann\n"))
            self.assertEqual(get("/servers/7", {}), (401, "who?\n"))
            self.assertEqual(get("/elsewhere", {"X-User": "ann"})[0], 404)
            connection.close()
            self.assertEqual(program.stop(), 0)


if __name__ == "__main__":
    unittest.main()
