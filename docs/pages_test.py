# SPDX-License-Identifier: Apache-2.0
"""What pages say of phases, options and commands is what there is."""

import os
import pathlib
import re
import unittest

ROOT = pathlib.Path(os.environ["TEST_SRCDIR"], "bergen")


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


class PagesTest(unittest.TestCase):
    def test_lifecycle_and_its_picture_know_every_phase(self):
        phases = re.findall(r'return "(\w+)";', read("launcher/phase.h"))
        phases.remove("unknown")
        self.assertEqual(len(phases), 6)
        page, picture = read("docs/lifecycle.md"), read("docs/launcher_states.dot")
        self.assertEqual([], [phase for phase in phases if phase not in page or phase not in picture])

    def test_the_picture_of_a_worker_knows_every_state(self):
        states = re.search(r"enum class WorkerState \{(.*?)\}", read("launcher/worker_table.h"))[1]
        picture = read("docs/worker_states.dot")
        self.assertEqual([], [state for state in re.findall(r"k(\w+)", states) if state.lower() not in picture])

    def test_options_that_are_named_exist(self):
        options = set(re.findall(r'<a id="\w+\.(\w+)">', read("docs/configuration.md")))
        named = re.compile(r"`((?:worker|backdoor|console|session_ticket)_\w+|drain_delay|graceful_shutdown_timeout|m(?:in|ax)_version)\b")
        for page in ("lifecycle", "security", "operations"):
            unknown = set(named.findall(read(f"docs/{page}.md"))) - options
            self.assertEqual(set(), unknown, page)

    def test_statuses_are_those_of_the_launcher(self):
        statuses = re.findall(r"kExit\w+ = (\d+),", read("launcher/launcher.h"))
        self.assertEqual(statuses, ["0", "1", "2", "3", "78"])
        for page in ("lifecycle", "operations"):
            rows = re.findall(r"^\| (\d+) \|", read(f"docs/{page}.md"), re.MULTILINE)
            self.assertEqual(rows, statuses, page)


if __name__ == "__main__":
    unittest.main()
