# SPDX-License-Identifier: Apache-2.0
"""examples/paste serves what its file says, and says what is wrong with another."""

import os
import shutil
import signal
import subprocess
import tempfile
import unittest
import urllib.request

FOLDER = os.path.join(os.environ["TEST_SRCDIR"], "bergen/examples/paste")
PROGRAM = os.path.join(FOLDER, "paste")


def start(config):
    return subprocess.Popen([PROGRAM, config], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


class PasteExampleTest(unittest.TestCase):
    def test_serves_what_the_file_says(self):
        # A copy, since the files of a test are links, which lead out of the folder that is served.
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        with start(shutil.copy(os.path.join(FOLDER, "api-paste.ini"), folder.name)) as program:
            try:
                line = program.stdout.readline()
                self.assertRegex(line, r"^listening on http://127\.0\.0\.1:\d+$")
                address = line.split()[-1]

                def get(path):
                    with urllib.request.urlopen(address + path, timeout=30) as answer:
                        return answer.read().decode(), answer.headers

                self.assertEqual(get("/")[0], "Hello, world!\n")
                body, headers = get("/v2/anything")
                self.assertEqual(body, "Hello again!\n")
                self.assertRegex(headers["X-Request-Id"], "^req-[0-9a-f-]{36}$")
                self.assertIn("[pipeline:public]", get("/files/api-paste.ini")[0])
            finally:
                program.send_signal(signal.SIGTERM)
                program.communicate(timeout=30)
            self.assertEqual(program.returncode, 0)

    def test_says_what_is_wrong_and_where(self):
        with tempfile.NamedTemporaryFile("w", suffix=".ini") as file:
            file.write("[pipeline:main]\npipeline = nothing hello\n[app:hello]\nuse = call:greet:factory\n")
            file.flush()
            with start(file.name) as program:
                _, errors = program.communicate(timeout=30)
                self.assertEqual(program.returncode, 1)
                self.assertIn(f"Could not load paste app 'main' from {file.name}: {file.name}:2: No section 'nothing'",
                              errors)


if __name__ == "__main__":
    unittest.main()
