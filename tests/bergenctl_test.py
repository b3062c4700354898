# SPDX-License-Identifier: Apache-2.0
"""bergenctl against a demo with two workers, as an operator uses it."""

import contextlib
import json
import os
import pathlib
import pstats
import signal
import subprocess
import unittest

from tests.support.demo import DEADLINE, Demo

BERGENCTL = os.path.join(os.environ["TEST_SRCDIR"], "bergen/backdoor/bergenctl")


class BergenctlTest(unittest.TestCase):
    def setUp(self):
        self.demo = Demo(
            "--workers=2",
            settings={"demo.grpc_listen": None},
            environment={"XDG_RUNTIME_DIR": ""},
        )
        self.enterContext(self.demo)

    def run_tool(self, *arguments):
        return subprocess.run(
            [BERGENCTL, *arguments],
            env={**os.environ, "TMPDIR": str(self.demo.folder), "XDG_RUNTIME_DIR": ""},
            capture_output=True,
            text=True,
            timeout=DEADLINE,
        )

    def ask(self, *arguments):
        return self.run_tool("-s", "demo", *arguments)

    def test_every_worker_answers_or_the_one_that_is_meant(self):
        both = self.ask("config", "demo.greeting")
        self.assertEqual(both.returncode, 0, both.stderr)
        self.assertEqual(both.stdout.count("demo.greeting = Hello, world!"), 2)
        self.assertIn("== worker 0\n", both.stdout)
        self.assertIn("== worker 1\n", both.stdout)
        one = self.ask("config", "demo.greeting", "@1")
        self.assertNotIn("==", one.stdout)
        self.assertEqual(one.stdout.count("demo.greeting"), 1)

    def test_json_has_a_line_for_each_worker(self):
        answers = [json.loads(line) for line in self.ask("--json", "log_level").stdout.splitlines()]
        self.assertEqual([one["process"] for one in answers], ["worker 0", "worker 1"])
        self.assertTrue(all(one["ok"] for one in answers))
        failed = self.ask("--json", "config", "nonsense", "@0")
        self.assertEqual(failed.returncode, 1)
        self.assertIn("nonsense", json.loads(failed.stdout)["error"])

    def test_arguments_reach_the_command(self):
        done = self.ask("prof", "it's", "seconds=0.2", "clock=wall", "formats=folded,svg", "@0")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("it's.folded", done.stdout)
        self.assertTrue((self.demo.folder / "it's.svg").exists())

    def test_profiles_of_all_workers_become_one(self):
        done = self.ask("prof", "both", "seconds=0.2", "clock=wall", "formats=pstats,folded,pprof")
        self.assertEqual(done.returncode, 0, done.stderr)
        paths = [f"{self.demo.folder}/both.{suffix}" for suffix in ("prof", "pb.gz", "folded")]
        self.assertRegex(done.stdout, rf"\Awrote {' '.join(paths)} \(\d+ samples of 2 workers\)\n\Z")
        self.assertTrue(pstats.Stats(paths[0]).stats)
        folded = pathlib.Path(paths[2]).read_text()
        self.assertRegex(folded, r"(?m)^worker 0 ")
        self.assertRegex(folded, r"(?m)^worker 1 ")
        self.assertEqual(list(self.demo.folder.glob("both-*")), [])

    def test_wrong_formats_are_said_before_anything_is_recorded(self):
        done = self.ask("prof", "both", "seconds=30", "formats=perf")
        self.assertEqual(done.returncode, 2, done.stdout)
        self.assertIn("'perf' is none of", done.stderr)

    def test_a_worker_that_hangs_is_a_line_and_not_a_hang(self):
        hung = self.demo.workers()[1]
        os.kill(hung, signal.SIGSTOP)
        try:
            done = self.ask("--timeout=2", "log_level")
        finally:
            os.kill(hung, signal.SIGCONT)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stdout.count("demo: info"), 1)
        self.assertIn("no answer within 2 s", done.stderr)

    def test_what_is_wrong_is_said(self):
        for arguments, text in [
            (["-s", "dome", "help"], "there are demo"),
            (["-s", "demo", "help", "@7"], "there is no worker 7"),
            (["-s", "demo"], "there is no command"),
            (["help"], "-s SERVICE or --address is missing"),
        ]:
            done = self.run_tool(*arguments)
            self.assertEqual(done.returncode, 2, done)
            self.assertIn(text, done.stderr)
        done = self.ask("porf", "@0")
        self.assertEqual(done.returncode, 1)
        self.assertIn("did you mean prof", done.stderr)

    def test_bash_completes_commands_and_arguments(self):
        script = self.demo.folder / "completion"
        script.write_text(self.ask("completion").stdout)

        def complete(*words):
            line = " ".join(f"'{word}'" for word in words)
            return subprocess.run(
                [
                    "bash",
                    "-c",
                    f"compopt() {{ :; }}; . {script}; COMP_WORDS=({line}); COMP_CWORD={len(words) - 1};"
                    " _bergenctl; echo ${COMPREPLY[@]}",
                ],
                capture_output=True,
                text=True,
                check=True,
                timeout=DEADLINE,
            ).stdout.split()

        self.assertEqual(complete("bergenctl", "-s", "demo", "pro"), ["prof"])
        self.assertEqual(complete("bergenctl", "prof", "sec"), ["seconds="])

    def test_reload_waits_for_the_verdict(self):
        before = self.demo.workers()
        done = self.ask("reload")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("reload 1: OK", done.stdout)
        # Workers that were replaced may still be about to end.
        self.assertTrue(set(self.demo.workers()) - set(before))
        self.demo.config.write_text("[demo]\nheartbeat_interval = soon\n")
        done = self.ask("reload", "@1")
        self.assertEqual(done.returncode, 1)
        self.assertIn("reload 2 failed", done.stderr)
        self.assertIn("demo.conf:2", done.stderr)
        self.assertIn("reloads: 2, the last that ended: ", self.ask("status", "@0").stdout)

    def test_workers_crashes_and_their_number(self):
        killed = self.demo.workers()[0]
        os.kill(killed, signal.SIGKILL)
        self.demo.log.wait_for(rf"{killed}.* killed by signal 9")
        crashes = self.ask("crashes", "@1")
        self.assertIn(f"(process {killed}) killed by signal 9", crashes.stdout)
        done = self.ask("set_workers", "3", "@1")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.demo.log.wait_for("3 workers from now on, 2 before")
        self.assertEqual(self.ask("workers", "@1").stdout, "service 0: 3\n")
        self.assertEqual(self.ask("status").stdout.count("== worker"), 3)
        # A reload asks the configuration again; nobody waits at the door of worker 2 after it.
        done = self.ask("reload")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.demo.log.wait_for("There is no worker 2 any more")
        done = self.ask("status")
        self.assertEqual((done.returncode, done.stdout.count("== worker")), (0, 2), done.stderr)

    def test_the_supervisor_is_seen_though_a_worker_hangs(self):
        supervisor = self.demo.process.pid
        hung = self.demo.workers()[0]
        os.kill(hung, signal.SIGSTOP)
        try:
            done = self.ask("--timeout=4", "status", "@supervisor")
        finally:
            os.kill(hung, signal.SIGCONT)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(f"pid: {supervisor}\n", done.stdout)
        self.assertIn("threads: 1\n", done.stdout)
        self.assertIn("workers: 2\n", done.stdout)
        answer = json.loads(self.ask("--json", "workers", "@supervisor").stdout)
        self.assertEqual((answer["process"], answer["text"]), ("supervisor", "service 0: 2\n"))
        self.assertEqual(self.ask("set_workers", "3", "@supervisor").returncode, 0)
        self.demo.log.wait_for("3 workers from now on, 2 before")
        done = self.ask("pnt", "@supervisor")
        self.assertEqual(done.returncode, 2)
        self.assertIn("@supervisor knows status", done.stderr)

    def test_connections_are_shown(self):
        with contextlib.closing(self.demo.connect()) as connection:
            self.demo.get("/", connection)
            answers = self.ask("connections").stdout
            self.assertIn("1 connections, 1 idle\n127.0.0.1:", answers)
            self.assertIn("0 connections\n", answers)
        self.assertEqual(self.ask("certs", "@0").returncode, 0)
        # Of all workers, whoever is asked.
        for worker in ("@0", "@1"):
            self.assertIn('http_requests_total{code="200",method="GET"} 1\n', self.ask("metrics", worker).stdout)

    def test_periodic_tasks_are_shown_and_controlled(self):
        self.assertIn("heartbeat: every ", self.ask("tasks", "@0").stdout)
        for action in ("pause", "run", "resume"):
            done = self.ask(action, "heartbeat", "@0")
            self.assertEqual(done.returncode, 0, done.stderr)
        done = self.ask("pause", "heartbeet", "@0")
        self.assertEqual(done.returncode, 1)
        self.assertIn("heartbeet", done.stderr)

    def test_the_page_of_commands_is_up_to_date(self):
        page = pathlib.Path("docs/commands.md").read_text()
        self.assertEqual(
            self.ask("reference").stdout, page, "write docs/commands.md with: bergenctl -s demo reference"
        )

    def test_the_directory_goes_with_the_program(self):
        directories = list(pathlib.Path(self.demo.folder).glob("bergen-*/demo/*"))
        self.assertEqual(len(directories), 1)
        self.demo.signal(signal.SIGTERM)
        self.assertEqual(self.demo.wait(), 0)
        self.assertFalse(directories[0].exists())


if __name__ == "__main__":
    unittest.main()
