# SPDX-License-Identifier: Apache-2.0
"""The checks of a session of oslo.service's backdoor (checks.txt) against ours, through nc."""

import pstats
import subprocess
import unittest

from tests.support.demo import DEADLINE, Demo, connect_localhost

PROMPT = ">>> "


class SessionsTest(unittest.TestCase):
    def setUp(self):
        self.demo = Demo("--workers=1")
        self.enterContext(self.demo)
        (self.port,) = self.demo.backdoor_ports(1)

    def nc(self, line):
        done = subprocess.run(
            ["nc", "-N", "localhost", str(self.port)],
            input=line + "\n",
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            check=True,
        )
        return done.stdout

    def test_ox042_a_session_has_a_banner_results_hints_errors_and_prompts(self):
        with connect_localhost(self.port) as connection:
            stream = connection.makefile("rw", newline="\n")

            def until_prompt():
                text = ""
                while not text.endswith(PROMPT):
                    piece = stream.read(1)
                    self.assertTrue(piece, text)
                    text += piece
                return text.removesuffix(PROMPT)

            def ask(line):
                stream.write(line + "\n")
                stream.flush()
                return until_prompt()

            self.assertIn("(InteractiveConsole)", until_prompt())
            self.assertIn("demo.greeting = ", ask("config('demo.greeting')"))
            for leave in ("exit", "exit()", "quit"):
                self.assertIn("just disconnect instead", ask(leave))
            self.assertIn("nonsense", ask("nonsense()"))
            self.assertIn("demo.greeting = ", ask("config('demo.greeting')"))

    def test_ox043_a_profile_loads_in_pstats(self):
        self.nc("prof()")
        self.assertEqual(self.demo.get("/fib?n=30").status, 200)
        said = self.nc("prof('neutron')")
        self.assertIn("neutron.prof", said)
        stats = pstats.Stats(str(self.demo.folder / "neutron.prof"))
        for name, (primitive, total, own, cumulative, _) in stats.stats.items():
            self.assertLessEqual(primitive, total, name)
            self.assertLessEqual(own, cumulative + 1e-9, name)

    def test_ox044_saving_what_was_not_recorded_is_an_error_line_and_no_file(self):
        said = self.nc("prof('nothing')")
        self.assertIn("Error while saving the trace stats", said)
        self.assertFalse((self.demo.folder / "nothing.prof").exists())

    def test_ox045_a_client_that_half_closes_is_answered(self):
        said = self.nc("help()")
        self.assertIn("prof(", said)
        self.assertTrue(said.endswith("now exiting InteractiveConsole...\n"), said)

    def test_pgt_takes_the_argument_of_the_original(self):
        # It has no number among the checks; nor has fo.
        self.assertIn("heartbeat", self.nc("pgt()"))
        self.assertIn("heartbeat", self.nc("pgt(False)"))

    def test_fo_without_a_type_lists_what_there_is(self):
        self.assertRegex(self.nc("fo()"), r"\d+ live, \d+ made")


if __name__ == "__main__":
    unittest.main()
