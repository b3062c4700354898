# SPDX-License-Identifier: Apache-2.0
import shutil
import tempfile
import unittest
import urllib.request

from examples.program_for_test import FOLDER, Program
from tests.support.lines import DEADLINE


class PasteTest(unittest.TestCase):
    def test_serves_what_the_file_says(self):
        folder = self.enterContext(tempfile.TemporaryDirectory(dir="/tmp"))
        # A copy, since the files of a test are links, which lead out of the folder that is served.
        file = shutil.copy(FOLDER / "api-paste.ini", folder)
        with Program("paste", "--port=0", f"--file={file}") as program:
            host, port = program.address()

            def get(path):
                with urllib.request.urlopen(f"http://{host}:{port}{path}", timeout=DEADLINE) as answer:
                    return answer.read().decode(), answer.headers

            self.assertEqual(get("/")[0], "Hello, world!\n")
            body, headers = get("/v2/anything")
            self.assertEqual(body, "Hello again!\n")
            self.assertRegex(headers["X-Request-Id"], "^req-[0-9a-f-]{36}$")
            self.assertIn("[pipeline:public]", get("/files/api-paste.ini")[0])
            self.assertEqual(program.stop(), 0)

    def test_says_what_is_wrong_and_where(self):
        with tempfile.NamedTemporaryFile("w", suffix=".ini") as file:
            file.write("[pipeline:main]\npipeline = nothing hello\n[app:hello]\nuse = call:greet:factory\n")
            file.flush()
            with Program("paste", f"--file={file.name}") as program:
                self.assertEqual(program.process.wait(DEADLINE), 1)
                program.log.wait_for(
                    f"paste: Could not load paste app 'main' from {file.name}: {file.name}:2: No section 'nothing'"
                )


if __name__ == "__main__":
    unittest.main()
